# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Records that are read ahead for a batch: whatever is written, removed or rolled back, what is there is what is answered."""

import hmac
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import records_incoming, records_outgoing, records_own, records_people
from adapters.keys import StoreKey
from adapters.records_outgoing import GRANTS, HANDLES, ITEMS, Grant, Handle, Item
from adapters.shelf import Shelf, changed
from adapters.store import EdgeStore, Table, _Lookup
from adapters.unfinished import Unfinished, due

KEY = StoreKey.from_secret(b"k" * 32)
THINGS = Table("things", indexes=("owner",), plain=("state", "due"))
KEYS = [b"a", b"b", b"c"]
OWNERS = [b"x", b"y"]
ITEM = Item(1, "event", b"e" * 16, "g", "l", "c", b"i", 20_000, (("progress", b"{}"),), 5, 0)
GRANT = Grant("g", "l", "c", "r", 1, "w", ("progress",), "p", "wmo", 1, 9, 5, 5, b"s" * 32, b"t" * 32, None, True)


class Stop(BaseException):
    """The process ends here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path / "data", KEY) as made:
        yield made


STEPS = st.tuples(
    st.sampled_from(["put", "change", "delete", "ahead", "found ahead"]),
    st.sampled_from(KEYS),
    st.sampled_from(OWNERS),
    st.integers(0, 9),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.lists(STEPS, max_size=6)), max_size=5))
def test_whatever_was_read_ahead_the_store_answers_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[bool, bool, list[tuple[str, bytes, bytes, int]]]]
) -> None:
    model: dict[bytes, tuple[bytes, int]] = {}

    def same(store: EdgeStore, there: dict[bytes, tuple[bytes, int]]) -> None:
        for key in KEYS:
            assert store.get(THINGS, key) == ([there[key][1]] if key in there else None)
        for owner in OWNERS:
            wanted = {(key, number) for key, (of, number) in there.items() if of == owner}
            assert {(key, record[0]) for key, record in store.find(THINGS, "owner", owner)} == wanted

    with EdgeStore.create(tmp_path_factory.mktemp("store"), KEY) as store:
        for before, fails, steps in batches:
            if before:
                store.read_ahead(THINGS, KEYS)
                store.find_ahead(THINGS, "owner", OWNERS)
            attempt = dict(model)
            try:
                with store.transaction() as tx:
                    for word, key, owner, number in steps:
                        if word == "put":
                            attempt[key] = owner, number
                            tx.put(THINGS, key, [number], {"owner": owner})
                        elif word == "change" and key in attempt:
                            attempt[key] = attempt[key][0], number
                            tx.change(THINGS, key, [number])
                        elif word == "delete":
                            assert tx.delete(THINGS, key) == (attempt.pop(key, None) is not None)
                        elif word == "ahead":
                            tx.read_ahead(THINGS, [key, key])
                        else:
                            tx.find_ahead(THINGS, "owner", [owner])
                        same(store, attempt)
                    if fails:
                        raise Stop  # noqa: TRY301  # as a crash would
            except Stop:
                same(store, model)
                continue
            model = attempt
            same(store, model)


def test_more_than_one_statement_holds_is_read_ahead_too(store: EdgeStore) -> None:
    keys = [b"%d" % number for number in range(1_200)]
    with store.transaction() as tx:
        for key in keys[::2]:
            tx.put(THINGS, key, [key], {"owner": key})
    store.read_ahead(THINGS, keys)
    store.find_ahead(THINGS, "owner", keys)
    assert [store.get(THINGS, key) for key in keys[:2]] == [[b"0"], None]
    assert [len(store.find(THINGS, "owner", key)) for key in keys] == [1, 0] * 600


def test_what_is_changed_must_be_there_and_only_in_a_transaction(store: EdgeStore) -> None:
    with pytest.raises(LookupError, match="is not there"), store.transaction() as tx:
        tx.change(THINGS, b"a", [1])
    with pytest.raises(ValueError, match="plain column"), store.transaction() as tx:
        tx.change(Table("bare"), b"a", [1], {"state": "x"})
    with pytest.raises(Exception, match="in a transaction only"):
        store._reader.change(THINGS, b"a", [1])


def test_a_group_is_read_whole_when_one_of_it_is_due_and_what_is_over_stays_out(store: EdgeStore) -> None:
    rows = [(b"a", b"x", "waiting", 5), (b"b", b"x", "sent", 9), (b"c", b"x", "final", 0), (b"d", b"y", "waiting", 9)]
    with store.transaction() as tx:
        for key, owner, state, moment in rows:
            tx.put(THINGS, key, [key], {"owner": owner}, {"state": state, "due": moment})
        tx.put(THINGS, b"e", [b"e"], None, {"state": "waiting", "due": 0})  # of no group
    groups = store.due_groups(THINGS, "owner", "waiting", 5)
    assert len(groups) == 1
    assert [key for key, _ in store.find_groups(THINGS, "owner", groups, ("waiting", "sent"))] == [b"a", b"b"]
    assert [key for key, _ in store.scan_but(THINGS, "waiting", [b"d", b"b"])] == [b"a", b"e"]


def test_no_look_up_of_a_batch_goes_through_a_whole_table(store: EdgeStore) -> None:
    """Of a table that grows for years only the rows that are asked for are looked at."""
    with store.transaction() as tx:
        tx.put(THINGS, b"a", [1], {"owner": b"x"}, {"state": "waiting", "due": 0})
    asked: list[str] = []
    store._db.set_trace_callback(asked.append)
    store.read_ahead(THINGS, KEYS)
    store.find_ahead(THINGS, "owner", OWNERS)
    store.find_groups(THINGS, "owner", store.due_groups(THINGS, "owner", "waiting", 1), ("waiting", "sent"))
    store.scan_but(THINGS, "waiting", [b"b"])
    store._db.set_trace_callback(None)
    assert len(asked) == 6
    for statement in asked:
        plan = [row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert any("SEARCH r_things USING" in step for step in plan), plan
        assert not any(step.startswith("SCAN") for step in plan), plan


@given(st.integers(), st.none() | st.binary(max_size=4), st.booleans())
def test_what_is_changed_is_what_the_library_makes_of_it(number: int, frame: bytes | None, asks: bool) -> None:
    assert changed(ITEM, taken_at=number, frame=frame, asks=asks) == replace(
        ITEM, taken_at=number, frame=frame, asks=asks
    )
    with pytest.raises(KeyError):
        changed(ITEM, another=number)


SHELVES = [shelf for shelf in vars(records_outgoing).values() if isinstance(shelf, Shelf) and shelf.made_of is not None]


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.table.name)
def test_whatever_moves_a_record_to_another_place_is_seen(shelf: Shelf[Item] | Shelf[Handle]) -> None:
    one = ITEM if shelf is ITEMS else Handle(b"h", "g", 3)
    assert shelf.made_of is not None
    moved = set()
    for field in fields(one):
        value = getattr(one, field.name)
        new = {int: 7, str: "new", bytes: b"new"}.get(type(value))
        other = changed(one, **{field.name: new if new is not None else value})
        if (shelf.key(other), shelf.index(other)) != (shelf.key(one), shelf.index(one)):  # type: ignore[arg-type]
            moved.add(field.name)
            assert shelf.made_of(other) != shelf.made_of(one)  # type: ignore[arg-type]
    assert len(moved) == (5 if shelf is ITEMS else 2)


def test_a_record_that_is_found_by_something_else_now_is_found_by_it(store: EdgeStore) -> None:
    with store.transaction() as tx:
        ITEMS.put(tx, ITEM)
    with store.transaction() as tx:
        ITEMS.change(tx, ITEM, replace(ITEM, grant="h", state="sent"))
    assert ITEMS.find(store, "grant_made", b"g") == []
    assert [item.state for item in ITEMS.find(store, "grant_made", b"h", "sent")] == ["sent"]


def test_what_was_stopped_while_the_hub_was_asked_is_seen_by_the_same_pass(store: EdgeStore) -> None:
    with store.transaction() as tx:
        ITEMS.put(tx, ITEM)
        GRANTS.put(tx, GRANT)
    outbox = Unfinished.read(store, 10, due(store, 10, bytes), 0)
    assert (outbox.with_work(bytes), outbox.under(GRANT)) == (["g"], [ITEM])
    with store.transaction() as tx:
        GRANTS.put(tx, replace(GRANT, state="stopping"))
        ITEMS.put(tx, replace(ITEM, state="final"))
    assert outbox.grant("g").state == "stopping"
    assert (outbox.under(GRANT), outbox.of_line("l")) == ([], [])


def test_a_handle_that_is_read_ahead_is_the_one_of_the_file(store: EdgeStore) -> None:
    with store.transaction() as tx:
        HANDLES.put(tx, Handle(b"h", "g", 3))
    HANDLES.read_ahead(store, [b"h", b"none"])
    assert (HANDLES.get(store, b"h"), HANDLES.get(store, b"none")) == (Handle(b"h", "g", 3), None)


@given(st.lists(st.binary(max_size=3), max_size=12), st.integers(1, 3))
def test_a_look_up_value_that_is_remembered_is_the_one_of_the_key(values: list[bytes], most: int) -> None:
    lookup = _Lookup(b"k" * 32, "key things", most)
    for value in values:
        assert lookup.token(value) == hmac.digest(b"k" * 32, b"key things\0" + value, "sha256")[:16]
        assert len(lookup._known) <= most


EVERY = [
    shelf
    for module in (records_incoming, records_outgoing, records_own, records_people)
    for shelf in vars(module).values()
    if isinstance(shelf, Shelf)
]


@pytest.mark.parametrize("shelf", EVERY, ids=lambda shelf: shelf.table.name)
def test_a_record_that_is_read_is_the_one_written_with_a_tuple_wherever_one_may_stand(
    store: EdgeStore, shelf: Shelf[object]
) -> None:
    def value(declared: object) -> object:
        kinds = (declared, *get_args(declared))
        if any(get_origin(one) is tuple for one in kinds):
            return (("a", b"b"), ("c", ()))
        return next((made for kind, made in ((str, "s"), (bytes, b"b"), (int, 1)) if kind in kinds), True)

    wanted = {name: value(declared) for name, declared in get_type_hints(shelf.kind).items()}
    written = shelf.kind(**wanted)
    with store.transaction() as tx:
        tx.put(shelf.table, b"key", shelf._of.read(written))
    shelf.read_ahead(store, [b"key"])
    for read in (shelf.need(store, b"key"), shelf.need(store, b"key")):  # what was read ahead stays as it was read
        assert type(read) is shelf.kind
        assert (read, hash(read)) == (written, hash(written))
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(read, fields(read)[0].name, 0)  # type: ignore[arg-type]  # a dataclass, as all of them
