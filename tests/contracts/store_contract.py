# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every engine of the store must do.  Each engine has a test module that makes the fixture `engine` and imports
`StoreContract` as the base of its test class.  After every step the whole store is verified (`check_store`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.audit.merkle import EMPTY_ROOT, MemoryTree, inclusion_proof, leaf_hash, root_at, root_from_inclusion
from hub.store import (
    FAULT_KEPT_MS,
    NOTICE_KEPT_MS,
    NUMBERS_OF_A_LOG,
    OUTCOME_KEPT_MS,
    FencedError,
    GrantRow,
    Join,
    Leave,
    NewLog,
    Notify,
    Offer,
    RecoveryRow,
    Refused,
    SetAside,
    StaleError,
    Step,
    StopRow,
    Store,
    StoreError,
    Tell,
    Use,
    Waiting,
)
from schemas.codes import Code
from schemas.entry import Entry, committed, public

FOR_EVER = 1 << 50
SENDER, RECIPIENT, THIRD = 1, 2, 3
DAY = 20_000
_ADDRESSES = ("urn:nld:oin:00000000000000000001:wmo", "urn:nld:oin:00000000000000000002:gp", "urn:nld:oin:3:third")


class Engine(Protocol):
    """An engine as its tests see it."""

    def open(self) -> Store:
        """A new, empty store."""

    def check(self, store: Store) -> None:
        """What only this engine can be asked, after every step."""


def bytes_of(text: str, size: int = 16) -> bytes:
    """Bytes that are the same in every run and another for every text."""
    return hashlib.sha512(text.encode()).digest()[:size]


def handle(name: str = "h") -> bytes:
    return bytes_of("handle " + name)


def message(name: str = "m") -> bytes:
    return bytes_of("message " + name)


def key(name: str = "m") -> bytes:
    return bytes_of("key " + name, 32)


def entry(name: str = "e") -> Entry:
    return committed([1, DAY, "test", name], bytes_of("salt " + name, 32))


def wrapped(name: str = "m") -> bytes:
    return AESGCM(key(name)).encrypt(bytes(12), ("payload " + name).encode() * 20, None)


def grant(name: str = "h", **changes: object) -> GrantRow:
    row = GrantRow(
        handle(name), SENDER, RECIPIENT, 24_300, DAY + 9, 2, "task", ("progress", "service"), bytes_of("terms", 32),
        False, 1, 0, 0, DAY + 30,
    )  # fmt: skip
    return row._replace(**changes)  # type: ignore[arg-type]


def join(name: str = "m", place: int = 0, on: str = "h", due: int = 9_000, recipient: int = RECIPIENT) -> Join:
    sha = bytes_of("sha " + name, 32)
    return Join(message(name), sha, SENDER, recipient, handle(on), place, 100, due, wrapped(name), key(name))


def accept(*names: str, at: int = 100, on: str = "h") -> Step:
    """A step that accepts these envelopes."""
    joins = [join(name, place, on) for place, name in enumerate(names)]
    return Step(at, entries=[entry(name) for name in names], joins=joins)


def offer(name: str = "m", at: int = 200, lease_until: int = 260, offered: int = 1) -> Step:
    return Step(at, entries=[entry("offer")], offers=[Offer(message(name), offered, 200, lease_until, 8_000)])


def leave(*names: str, at: int = 300, code: Code = Code.STORED) -> Step:
    return Step(at, entries=[entry("leave")], leaves=[Leave(message(name), code) for name in names])


def everything(store: Store) -> list[object]:
    """All that the port can tell: two equal lists are two equal stores."""
    names = ("h", "i", "j", "k", "held")
    ids = [message(name) for name in ("m", "n", "o", "p", "q")]
    size = store.head().size
    told: list[object] = [store.head(), store.addresses(), store.grants(map(handle, names)), store.stored(ids)]
    told += [store.recovery(), store.registrations(RECIPIENT, 0, 1_000)]
    # Of two that are due at the same moment either may come first.
    due = sorted(store.due(FOR_EVER, 1_000))
    told += [store.stops(map(handle, names)), store.find_waiting(ids), due, store.payloads(ids)]
    told += [store.entries(0, size), store.hashes(0, 0, size), store.faults(), store.counts(), store.last_checkpoint()]
    told += [store.standing(0), store.records(0, size)]
    told.append(store.attestations([bytes_of("manifest", 32), bytes(32)]))
    for address in range(1, 5):
        told += [store.feed(address, 0, 1_000), store.notices(address, 1_000), store.manifests(address)]
        told += [store.facts_of(address, 0, 1_000), store.waiting(address, FOR_EVER, 1_000)]
    return told


def check_store(store: Store) -> None:
    """Verifies the whole store: log, queue and keys, feeds, versions."""
    head = store.head()
    entries = store.entries(0, head.size)
    assert len(entries) == head.size
    for one in entries:
        if not one.record:
            assert one.salt is None, "an erased entry has kept its salt"
            continue
        opened = hashlib.sha256(one.record if one.salt is None else one.salt + one.record).digest()
        assert one.leaf == (b"\1" if one.salt is None else b"\0") + opened
    assert head.root == (MemoryTree(leaf_hash(one.leaf) for one in entries).root() if entries else EMPTY_ROOT)
    assert head.root == root_at(store, head.size)
    assert -1 <= head.newest_fact < head.size
    rows = store.due(FOR_EVER, 1_000_000)
    payloads = store.payloads([row.message_id for row in rows])
    assert set(payloads) == {row.message_id for row in rows}
    for found in payloads.values():
        assert found is not None, "a waiting payload has lost its key"
        AESGCM(found[1]).decrypt(bytes(12), found[0], None)
    for message_id, outcome in store.stored([row.message_id for row in rows]).items():
        assert outcome.accept == store.find_waiting([message_id])[message_id].accept < head.size
    addresses = store.addresses()
    assert sorted(row.number for row in addresses.values()) == list(range(1, len(addresses) + 1))
    assert all(row.version >= 1 and address == row.address for address, row in addresses.items())
    for number in range(1, len(addresses) + 1):
        lines = [line.number for line in store.feed(number, 0, 1_000_000)]
        notices = [line.number for line in store.notices(number, 1_000_000)]
        assert lines == sorted(set(lines))
        assert notices == sorted(set(notices))
    counts = store.counts()
    assert (counts["entries"], counts["addresses"], counts["waiting"]) == (head.size, len(addresses), len(rows))
    assert counts["faults"] == len(store.faults())
    for fault in store.faults():
        assert store.fault_frame(fault.number) is not None


class World:
    """A store with three addresses and a grant, verified after every step."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store = engine.open()
        self.do(Step(1, admissions=[(address, "admitted", None) for address in _ADDRESSES]))
        self.do(Step(2, registers=[grant()]))

    def do(self, step: Step) -> int:
        index = self.store.commit(step)
        self.check()
        return index

    def check(self) -> None:
        check_store(self.store)
        self.engine.check(self.store)

    def refuse(self, step: Step, error: type[Exception], match: str) -> None:
        """This step must be refused and change nothing at all."""
        before = everything(self.store)
        with pytest.raises(error, match=match):
            self.store.commit(step)
        assert everything(self.store) == before
        self.check()

    def grant(self, name: str = "h") -> GrantRow:
        return self.store.grants([handle(name)])[handle(name)]

    def waiting(self, now: int = 200, most: int = 100, recipient: int = RECIPIENT) -> list[bytes]:
        return [row.message_id for row in self.store.waiting(recipient, now, most)]

    def code(self, name: str) -> Code:
        return self.store.stored([message(name)])[message(name)].code

    def feed(self, address: int = SENDER, after: int = 0, most: int = 100) -> list[tuple[int, Code]]:
        return [(line.number, line.code) for line in self.store.feed(address, after, most)]


def _full(position: tuple[int, int, int] | None = None) -> Step:
    """A step with something in every list."""
    step = accept("n", on="i", at=500)
    step.rests_on_grants = [(handle(), 1), (handle("absent"), 0)]
    step.rests_on_addresses = {SENDER: 1, RECIPIENT: 1}
    step.position = position
    step.entries += [entry("no"), entry("fact"), public(b"manifest")]
    step.refused = [Refused(message("o"), bytes(32), SENDER, 0, 1, Code.NO_RECIPIENT)]
    step.registers = [grant("i")]
    step.uses = [Use(handle("i"), 1, 0, 4), Use(handle("i"), 1, 4, 5)]
    step.offers = [Offer(message("p"), 1, 500, 560, 8_000)]
    step.leaves = [Leave(message("m"), Code.STORED)]
    step.outcomes = [Leave(message("m"), Code.INTRODUCED)]
    step.tells = [Tell(SENDER, 0, Code.ACCEPTED, message("n")), Tell(SENDER, 900, Code.STOPPED, handle=handle())]
    step.notifies = [Notify(RECIPIENT, 0, "register", (handle("i"),), b"fact")]
    step.stops = [(handle(), 1, DAY + 366)]
    step.stop_rows = [StopRow(handle(), THIRD, 24_300, DAY + 366)]
    step.facts = [(2, SENDER, RECIPIENT, b"fact")]
    step.admissions = [("urn:nld:oin:4:new", "admitted", None), (_ADDRESSES[2], "suspended", THIRD)]
    step.manifests = [(3, SENDER, b"manifest", bytes_of("table", 32))]
    step.tables = [(bytes_of("table", 32), b"table")]
    step.attestations = [(bytes_of("manifest", 32), b"attestation")]
    step.acknowledged = [(RECIPIENT, 1)]
    step.set_aside = [_aside("i")]
    step.released = [1]
    return step


def _aside(on: str | None = None, until: int = 700_000, since: int = 100) -> SetAside:
    return SetAside(
        SENDER, bytes_of("sha", 32), None if on is None else handle(on), until, since, wrapped("fault"), key("fault")
    )


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.fixture
def busy(world: World) -> World:
    """Something of everything is there, so that a full step has something to change."""
    world.do(accept("m", "p"))
    world.do(Step(120, registers=[grant("held")]))
    world.do(Step(130, set_aside=[_aside("held")]))
    world.do(Step(140, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
    return world


BROKEN: dict[str, tuple[Callable[[Step], object], type[Exception]]] = {
    "position": (lambda step: setattr(step, "position", (0, 7, 8)), FencedError),
    "grant version": (lambda step: step.rests_on_grants.append((handle(), 2)), StaleError),
    "grant gone": (lambda step: step.rests_on_grants.append((handle("absent"), 1)), StaleError),
    "grant there": (lambda step: step.rests_on_grants.append((handle(), 0)), StaleError),
    "address version": (lambda step: step.rests_on_addresses.update({THIRD: 2}), StaleError),
    "address unknown": (lambda step: step.rests_on_addresses.update({99: 1}), StaleError),
    "last sequence": (lambda step: step.uses.append(Use(handle("i"), 1, 4, 6)), StaleError),
    "version of a use": (lambda step: step.uses.append(Use(handle("i"), 2, 5, 6)), StaleError),
    "use of nothing": (lambda step: step.uses.append(Use(handle("absent"), 1, 0, 6)), StaleError),
    "registered before": (lambda step: step.registers.append(grant("h")), StaleError),
    "registered twice": (lambda step: step.registers.append(grant("i")), StaleError),
    "version of a stop": (lambda step: step.stops.append((handle("i"), 9, DAY)), StaleError),
    "admitted before": (lambda step: step.admissions.append((_ADDRESSES[0], "admitted", None)), StaleError),
    "state of nobody": (lambda step: step.admissions.append(("urn:x", "removed", 99)), StaleError),
    "manifest of nobody": (lambda step: step.manifests.append((3, 99, b"m", None)), StaleError),
    "message id used": (lambda step: step.joins.append(join("m", 1)), StaleError),
    "message id used in a refusal": (
        lambda step: step.refused.append(Refused(message("m"), bytes(32), 1, 2, 3, Code.REPLAYED)),
        StaleError,
    ),
    "offer of nothing": (lambda step: step.offers.append(Offer(message("q"), 1, 1, 1, 1)), StaleError),
    "leaving of what never waited": (lambda step: step.leaves.insert(0, Leave(message("o"), Code.STORED)), StaleError),
    "left twice": (lambda step: step.leaves.append(Leave(message("m"), Code.STORED)), StaleError),
    "outcome of nothing": (lambda step: step.outcomes.append(Leave(message("q"), Code.STORED)), StaleError),
    "released before": (lambda step: step.released.append(99), StaleError),
}


class StoreContract:
    """The tests of every engine."""

    # all or nothing

    def test_an_empty_store_has_the_empty_root(self, engine: Engine) -> None:
        store = engine.open()
        check_store(store)
        assert (store.head().size, store.head().root, store.head().newest_fact) == (0, EMPTY_ROOT, -1)
        assert set(store.counts()) == {"entries", "addresses", "waiting", "grants", "faults"}

    def test_a_step_with_something_in_every_list_is_applied_whole(self, busy: World) -> None:
        size = busy.store.head().size
        assert busy.do(_full((0, 0, 5))) == size
        head = busy.store.head()
        assert (head.size, head.newest_fact, head.committed_at) == (size + 4, size + 2, 500)
        assert busy.store.stored([message("n")])[message("n")].accept == size
        assert (busy.code("m"), busy.code("o")) == (Code.INTRODUCED, Code.NO_RECIPIENT)
        assert busy.grant("i") == grant("i", last=5, version=2, held_until=700_000)
        assert busy.grant() == grant(stopped=True, version=2, forget=DAY + 366)
        assert busy.grant("held").held_until == 0
        assert busy.store.addresses()[_ADDRESSES[2]].state == "suspended"
        assert busy.store.addresses()["urn:nld:oin:4:new"].number == 4
        assert busy.store.table(bytes_of("table", 32)) == b"table"
        assert busy.store.manifests(SENDER) == [(size + 3, b"manifest")]
        assert busy.store.attestations([bytes_of("manifest", 32)]) == {bytes_of("manifest", 32): b"attestation"}
        assert [notice.number for notice in busy.store.notices(RECIPIENT, 10)] == [2]

    @pytest.mark.parametrize("name", BROKEN)
    def test_a_step_with_one_thing_wrong_changes_nothing(self, busy: World, name: str) -> None:
        breaks, error = BROKEN[name]
        step = _full()
        breaks(step)
        busy.refuse(step, error, "another position" if error is FencedError else ".")

    def test_after_a_refused_step_the_same_step_mended_is_applied(self, busy: World) -> None:
        step = _full()
        step.uses.append(Use(handle("i"), 1, 4, 6))
        busy.refuse(step, StaleError, "last sequence")
        step.uses.pop()
        busy.do(step)
        assert busy.grant("i").last == 5

    def test_an_empty_step_changes_only_the_time(self, world: World) -> None:
        before = world.store.head()
        assert world.do(Step(77)) == before.size
        assert world.store.head() == before._replace(committed_at=77)

    def test_the_time_of_the_last_commit_never_goes_back(self, world: World) -> None:
        world.do(Step(5_000))
        world.do(Step(400))
        assert world.store.head().committed_at == 5_000

    # the log

    def test_entries_get_consecutive_indexes_in_commit_order(self, world: World) -> None:
        starts = [world.do(Step(9, entries=[entry(f"{n}-{k}") for k in range(n)])) for n in (1, 3, 0, 2)]
        assert starts == [0, 1, 4, 4]
        assert world.store.entries(0, 6)[4:] == [entry("2-0"), entry("2-1")]
        assert world.store.entries(2, 3) == [entry("3-1")]

    def test_every_entry_is_proven_over_several_tiles(self, engine: Engine) -> None:
        store = engine.open()
        entries = [entry(str(number)) for number in range(700)]
        for low, high in ((0, 1), (1, 256), (256, 300), (300, 700)):
            store.commit(Step(1, entries=entries[low:high]))
        check_store(store)
        for index in (0, 255, 256, 511, 512, 699):
            for size in (index + 1, 700):
                proof = list(inclusion_proof(store, [index], size))
                root = root_at(store, size)
                assert root_from_inclusion({index: leaf_hash(entries[index].leaf)}, size, proof) == root
        assert store.hashes(0, 250, 260) == [leaf_hash(one.leaf) for one in entries[250:260]]
        assert store.hashes(1, 0, 2) == [
            MemoryTree(leaf_hash(one.leaf) for one in entries[low : low + 256]).root() for low in (0, 256)
        ]

    def test_inside_a_look_what_this_process_commits_is_seen(self, world: World) -> None:
        with world.store.look():
            size = world.store.head().size
            with world.store.look():
                world.store.commit(
                    Step(700, entries=[entry("a")], admissions=[("urn:nld:oin:4:new", "admitted", None)])
                )
            assert (world.store.head().size, world.store.now()) == (size + 1, 1_000)
            assert "urn:nld:oin:4:new" in world.store.addresses()
            world.store.commit(Step(5_000, entries=[entry("b")], new_log=NewLog(2, 0, (SENDER,))))
            assert world.store.now() == 5_000
            assert world.store.recovery() == RecoveryRow(2, size + 1, frozenset({SENDER}))
        world.check()

    def test_the_newest_fact_stays_when_a_step_has_none(self, world: World) -> None:
        world.do(Step(5, entries=[entry("a"), entry("b")], facts=[(1, SENDER, None, b"fact")]))
        world.do(Step(6, entries=[entry("c")]))
        assert world.store.head().newest_fact == 1

    def test_facts_are_given_back_to_their_signer_from_an_index_on(self, world: World) -> None:
        for number in range(4):
            signer, to = (SENDER, THIRD) if number % 2 == 0 else (THIRD, None)
            world.do(Step(5, entries=[entry(str(number))], facts=[(0, signer, to, b"%d" % number)]))
        assert world.store.facts_of(SENDER, 0, 10) == [(0, b"0"), (2, b"2")]
        assert world.store.facts_of(SENDER, 1, 10) == [(2, b"2")]
        assert world.store.facts_of(THIRD, 0, 1) == [(1, b"1")]
        assert world.store.registrations(THIRD, 0, 10) == [(0, b"0"), (2, b"2")]
        assert world.store.registrations(THIRD, 1, 10) == [(2, b"2")]
        assert world.store.registrations(THIRD, 0, 1) == [(0, b"0")]
        assert world.store.registrations(SENDER, 0, 10) == []

    def test_a_new_log_drops_what_waits_and_what_was_said_and_keeps_grants_and_notices(self, busy: World) -> None:
        store = busy.store
        store.keep_checkpoint("note\n", 3)
        busy.do(Step(150, tells=[Tell(SENDER, 0, Code.ACCEPTED, message("m")), Tell(SENDER, 900, Code.NOT_ACTIVE)]))
        busy.do(Step(150, notifies=[Notify(RECIPIENT, 900, "stop", (handle(),), None)]))
        before, size = store.grants([handle(), handle("held")]), store.head().size
        assert (before[handle("held")].held_until > 0, store.recovery()) == (True, None)
        begun = Step(160, entries=[entry("old"), entry("recovery")], new_log=NewLog(3, 1, (SENDER, THIRD)))
        busy.do(begun)
        assert store.recovery() == RecoveryRow(3, size + 1, frozenset({SENDER, THIRD}))
        assert store.payloads([message("m"), message("p")]) == {}
        assert (store.stored([message("m")]), store.feed(SENDER, 0, 10), store.faults()) == ({}, [], [])
        assert (store.due(FOR_EVER, 10), store.last_checkpoint()) == ([], "note\n")
        after = store.grants([handle(), handle("held")])
        assert (after[handle()], after[handle("held")].held_until) == (before[handle()], 0)
        # what the recipient has not acknowledged has another number, so that an old acknowledgement does not end it
        [notice] = store.notices(RECIPIENT, 10)
        assert (notice.kind, notice.number) == ("stop", 3 * NUMBERS_OF_A_LOG + 1)
        busy.do(Step(161, acknowledged=[(RECIPIENT, NUMBERS_OF_A_LOG - 1)]))
        store.ripen(900)
        busy.check()
        assert [one.number for one in store.notices(RECIPIENT, 10)] == [3 * NUMBERS_OF_A_LOG + n for n in (1, 2)]
        assert store.feed(SENDER, 0, 10) == []

    def test_whoever_has_confirmed_is_no_longer_awaited(self, world: World) -> None:
        world.do(Step(5, entries=[entry("recovery")], new_log=NewLog(2, 0, (SENDER, RECIPIENT))))
        world.do(Step(6, entries=[entry("confirm")], confirmed=[SENDER]))
        assert world.store.recovery() == RecoveryRow(2, 0, frozenset({RECIPIENT}))
        world.do(Step(7, entries=[entry("confirm")], confirmed=[SENDER, RECIPIENT]))
        assert world.store.recovery() == RecoveryRow(2, 0, frozenset())
        world.do(Step(8, entries=[entry("again")], new_log=NewLog(5, 0, (THIRD,))))
        assert world.store.recovery() == RecoveryRow(5, 3, frozenset({THIRD}))
        world.refuse(Step(9, confirmed=[THIRD], rests_on_addresses={SENDER: 9}), StaleError, "address")

    def test_a_statement_in_a_feed_is_given_back_also_when_it_was_shown_later(self, world: World) -> None:
        world.do(
            Step(5, tells=[Tell(SENDER, 0, Code.RESTORED, frame=b"now"), Tell(SENDER, 9, Code.RESTORED, frame=b"then")])
        )
        world.store.ripen(9)
        assert [(one.code, one.frame) for one in world.store.feed(SENDER, 0, 10)] == [
            (Code.RESTORED, b"now"),
            (Code.RESTORED, b"then"),
        ]

    def test_a_kept_checkpoint_is_the_newest(self, world: World) -> None:
        assert world.store.last_checkpoint() is None
        world.store.keep_checkpoint("first\n", 3)
        world.store.keep_checkpoint("second\n", 3)
        assert world.store.last_checkpoint() == "second\n"

    def test_a_checkpoint_of_a_smaller_size_is_never_kept(self, world: World) -> None:
        world.store.keep_checkpoint("large\n", 3)
        with pytest.raises(StaleError, match="larger size"):
            world.store.keep_checkpoint("small\n", 2)
        assert world.store.last_checkpoint() == "large\n"

    # positions

    def test_a_position_moves_from_the_one_the_step_started_from(self, world: World) -> None:
        world.do(Step(5, position=(3, 0, 10)))
        world.do(Step(6, position=(3, 10, 12)))
        world.do(Step(6, position=(4, 0, 1)))
        world.refuse(Step(7, position=(3, 10, 14)), FencedError, "another position")

    def test_the_positions_of_several_partitions_move_together_or_not_at_all(self, world: World) -> None:
        world.do(Step(5, positions=[(4, 0, 1), (3, 0, 10)]))
        world.do(Step(6, positions=[(3, 10, 12), (5, 0, 2)], position=(6, 0, 9)))
        for late in ([(3, 12, 13), (4, 0, 2)], [(3, 10, 14)], [(7, 0, 1), (5, 1, 3)], [(8, 4, 5)]):
            world.refuse(Step(7, positions=late), FencedError, "another position")
        world.do(Step(8, positions=[(3, 12, 13), (4, 1, 2), (5, 2, 3), (7, 0, 1)]))

    # addresses

    def test_addresses_are_numbered_in_the_order_of_admission(self, world: World) -> None:
        rows = world.store.addresses()
        assert [rows[address].number for address in _ADDRESSES] == [1, 2, 3]
        assert {row.version for row in rows.values()} == {1}

    def test_every_change_of_an_address_raises_its_version(self, world: World) -> None:
        world.do(Step(5, admissions=[(_ADDRESSES[0], "suspended", SENDER)]))
        world.do(Step(6, entries=[public(b"one")], manifests=[(0, SENDER, b"one", None)]))
        row = world.store.addresses()[_ADDRESSES[0]]
        assert (row.state, row.version, row.manifest, row.table_hash) == ("suspended", 3, b"one", None)

    def test_a_step_that_rests_on_an_older_version_of_an_address_is_stale(self, world: World) -> None:
        world.do(Step(5, admissions=[(_ADDRESSES[0], "suspended", SENDER)]))
        world.refuse(Step(6, rests_on_addresses={SENDER: 1}), StaleError, "address has changed")
        world.do(Step(7, rests_on_addresses={SENDER: 2, RECIPIENT: 1}))

    def test_what_addresses_returned_stays_as_it_was(self, world: World) -> None:
        before = world.store.addresses()
        kept = dict(before)
        world.do(Step(5, admissions=[(_ADDRESSES[0], "removed", SENDER)]))
        assert before == kept
        before.clear()
        assert len(world.store.addresses()) == 3

    def test_manifests_are_given_oldest_first_with_their_leaf(self, world: World) -> None:
        world.do(Step(5, entries=[entry(), public(b"one")], manifests=[(1, SENDER, b"one", None)]))
        world.do(Step(6, entries=[public(b"two")], manifests=[(0, SENDER, b"two", None)]))
        assert world.store.manifests(SENDER) == [(1, b"one"), (2, b"two")]
        assert world.store.manifests(RECIPIENT) == []

    def test_the_first_attestation_of_a_manifest_stays_and_needs_no_entry(self, world: World) -> None:
        size = world.store.head().size
        for raw in (b"first", b"second"):
            world.do(Step(5, attestations=[(bytes(32), raw)]))
        assert world.store.attestations([bytes(32), bytes_of("other", 32)]) == {bytes(32): b"first"}
        assert world.store.attestations([]) == {}
        assert world.store.head().size == size

    def test_a_table_published_again_changes_nothing(self, world: World) -> None:
        for _ in range(2):
            world.do(Step(5, tables=[(bytes(32), b"table")]))
        assert world.store.table(bytes(32)) == b"table"
        assert world.store.table(bytes_of("other", 32)) is None

    # grants

    @pytest.mark.parametrize("categories", [(), ("one",), ("b", "a", "c")])
    @pytest.mark.parametrize("end", [None, 0, DAY])
    def test_a_grant_is_read_as_it_was_registered(
        self, world: World, categories: tuple[str, ...], end: int | None
    ) -> None:
        row = grant("j", categories=categories, end=end, last=3, stopped=True, row=40_000, ground="vital interest")
        world.do(Step(5, registers=[row]))
        assert world.grant("j") == row
        assert world.store.counts()["grants"] == 2

    def test_handles_without_a_row_are_left_out(self, world: World) -> None:
        assert set(world.store.grants([handle("absent"), handle()])) == {handle()}

    def test_a_used_number_does_not_raise_the_version(self, world: World) -> None:
        world.do(Step(5, uses=[Use(handle(), 1, 0, 7)]))
        assert world.grant() == grant(last=7)

    def test_of_two_steps_that_use_the_same_number_the_second_is_stale(self, world: World) -> None:
        world.do(Step(5, uses=[Use(handle(), 1, 0, 1)]))
        world.refuse(Step(5, uses=[Use(handle(), 1, 0, 1)]), StaleError, "last sequence")

    def test_a_step_that_rests_on_a_grant_stopped_meanwhile_is_stale(self, world: World) -> None:
        world.do(Step(5, stops=[(handle(), 1, DAY + 40)]))
        step = accept("m")
        step.rests_on_grants = [(handle(), 1)]
        world.refuse(step, StaleError, "grant has changed")
        step = accept("m")
        step.uses = [Use(handle(), 1, 0, 1)]
        world.refuse(step, StaleError, "grant has changed")

    def test_a_step_that_rests_on_no_grant_is_stale_once_there_is_one(self, world: World) -> None:
        step = Step(6, rests_on_grants=[(handle("i"), 0)])
        world.do(step)
        world.do(Step(7, registers=[grant("i")]))
        world.refuse(step, StaleError, "grant has changed")

    def test_a_handle_that_was_stopped_before_can_be_registered_as_stopped_only(self, world: World) -> None:
        world.do(Step(5, stop_rows=[StopRow(handle("i"), THIRD, 24_300, DAY + 40)]))
        world.refuse(Step(6, registers=[grant("i")]), StaleError, "stopped before it was registered")
        world.do(Step(6, registers=[grant("i", stopped=True)]))

    def test_a_stop_raises_the_version_and_sets_the_day_to_forget(self, world: World) -> None:
        world.do(Step(5, stops=[(handle(), 1, DAY + 400)]))
        assert world.grant() == grant(stopped=True, version=2, forget=DAY + 400)

    def test_a_stop_repeated_keeps_the_later_day_to_forget(self, world: World) -> None:
        world.do(Step(5, stop_rows=[StopRow(handle("x"), THIRD, 24_300, DAY + 5)]))
        world.do(Step(5, stop_rows=[StopRow(handle("x"), THIRD, 24_300, DAY + 3)]))
        world.do(Step(5, stop_rows=[StopRow(handle("x"), SENDER, 24_300, DAY + 9)]))
        rows = world.store.stops([handle("x"), handle("x"), handle()])
        assert rows == [StopRow(handle("x"), SENDER, 24_300, DAY + 9), StopRow(handle("x"), THIRD, 24_300, DAY + 5)]

    # the queue

    def test_an_accepted_envelope_waits_with_its_payload_and_key(self, world: World) -> None:
        start = world.do(accept("m", "n"))
        row = world.store.waiting(RECIPIENT, 200, 10)[1]
        assert row == Waiting(message("n"), SENDER, RECIPIENT, handle(), start + 1, 100, 0, 0, 0)
        assert world.store.payloads([message("n")]) == {message("n"): (wrapped("n"), key("n"))}
        assert world.code("n") is Code.ACCEPTED

    def test_waiting_is_given_in_order_of_acceptance_and_no_more_than_asked(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        assert world.waiting() == [message("m"), message("n"), message("o")]
        assert world.waiting(most=2) == [message("m"), message("n")]
        assert world.waiting(recipient=SENDER) == []

    def test_a_handle_with_one_envelope_out_is_left_out_whole(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        world.do(offer("m", at=200, lease_until=260))
        assert world.waiting(now=259) == [message("o")]

    def test_who_has_something_is_told_for_many_at_once(self, world: World) -> None:
        everyone = (SENDER, RECIPIENT, THIRD)
        assert world.store.has_something(everyone, 200) == set()
        world.do(accept("m", "n"))
        assert world.store.has_something(everyone, 200) == {RECIPIENT}
        assert world.store.has_something([SENDER, THIRD], 200) == world.store.has_something([], 200) == set()
        world.do(offer("m", at=200, lease_until=260))
        assert world.store.has_something(everyone, 259) == set()  # `n` goes behind `m` or not at all
        assert world.store.has_something(everyone, 260) == {RECIPIENT}
        world.do(Step(at=261, notifies=[Notify(THIRD, 0, "stop", (handle(),), None)]))
        assert world.store.has_something(everyone, 261) == {RECIPIENT, THIRD}
        world.do(Step(at=262, acknowledged=[(THIRD, 1)]))
        assert world.store.has_something(everyone, 262) == {RECIPIENT}

    def test_the_backlog_counts_what_waits_and_what_is_out_and_says_since_when(self, world: World) -> None:
        assert world.store.backlog() == {}
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        since = world.store.find_waiting([message("m")])[message("m")].since
        assert world.store.backlog() == {RECIPIENT: (3, since)}
        world.do(offer("m", at=200, lease_until=260))
        assert world.store.backlog() == {RECIPIENT: (3, since)}
        world.do(leave("m"))
        assert world.store.backlog()[RECIPIENT][0] == 2
        world.do(leave("n"))
        world.do(leave("o"))
        assert world.store.backlog() == {}

    def test_when_the_lease_is_over_it_is_offered_again_in_its_old_place(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        world.do(offer("m", at=200, lease_until=260))
        assert world.waiting(now=260) == [message("m"), message("n"), message("o")]
        assert world.waiting(now=260, most=1) == [message("m")]
        row = world.store.find_waiting([message("m")])[message("m")]
        assert (row.offered, row.first_out, row.lease_until) == (1, 200, 260)

    def test_of_two_hand_overs_of_one_envelope_the_second_is_stale(self, world: World) -> None:
        world.do(accept("m"))
        world.do(offer("m", at=200, lease_until=260))
        world.refuse(offer("m", at=259, lease_until=300), StaleError, "out under a lease")
        world.do(offer("m", at=260, lease_until=400, offered=2))

    def test_an_offer_of_what_left_meanwhile_is_stale(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m"))
        world.refuse(offer("m"), StaleError, "no longer waits")

    def test_what_left_waits_no_longer_and_keeps_its_outcome(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(leave("m"))
        assert world.waiting() == [message("n")]
        assert world.store.find_waiting([message("m")]) == {}
        assert world.store.payloads([message("m")]) == {}
        assert world.code("m") is Code.STORED

    def test_a_leased_envelope_that_leaves_frees_its_handle(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(offer("m", lease_until=10_000))
        world.do(leave("m"))
        assert world.waiting(now=310) == [message("n")]

    def test_an_envelope_leaves_once(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m"))
        world.refuse(leave("m", code=Code.EXPIRED), StaleError, "no longer waits")

    def test_a_later_outcome_replaces_the_stored_one(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m", code=Code.EXPIRED))
        world.do(Step(400, outcomes=[Leave(message("m"), Code.STORED)]))
        assert world.code("m") is Code.STORED

    def test_a_refusal_is_stored_and_never_waits(self, world: World) -> None:
        no = Refused(message("m"), bytes_of("sha", 32), SENDER, RECIPIENT, 0, Code.NOT_ACTIVE)
        world.do(Step(5, entries=[entry()], refused=[no]))
        assert world.code("m") is Code.NOT_ACTIVE
        assert world.waiting() == []
        world.refuse(accept("m"), StaleError, "message id was used")

    def test_due_gives_what_is_over_with_the_earliest_first(self, world: World) -> None:
        step = accept("m", "n", "o")
        step.joins = [row._replace(due=due) for row, due in zip(step.joins, (900, 700, 800), strict=True)]
        world.do(step)
        assert [row.message_id for row in world.store.due(800, 10)] == [message("n"), message("o")]
        assert [row.message_id for row in world.store.due(10_000, 1)] == [message("n")]
        assert world.store.due(699, 10) == []

    def test_a_hand_over_moves_the_end_of_the_waiting(self, world: World) -> None:
        world.do(accept("m"))
        world.do(Step(200, offers=[Offer(message("m"), 1, 200, 260, 300)]))
        assert [row.message_id for row in world.store.due(300, 10)] == [message("m")]

    # feeds and notices

    def test_feed_lines_are_numbered_from_one_per_address(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 0, Code.ACCEPTED, message("m")), Tell(THIRD, 0, Code.EXPIRED)]))
        world.do(Step(6, tells=[Tell(SENDER, 0, Code.STORED, message("m"))]))
        assert world.feed(SENDER) == [(1, Code.ACCEPTED), (2, Code.STORED)]
        assert world.feed(THIRD) == [(1, Code.EXPIRED)]
        assert world.feed(SENDER, after=1) == [(2, Code.STORED)]
        assert world.feed(SENDER, most=1) == [(1, Code.ACCEPTED)]

    def test_a_feed_line_gets_its_number_when_it_becomes_visible(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 50, Code.STOPPED, handle=handle())]))
        world.do(Step(6, tells=[Tell(SENDER, 0, Code.ACCEPTED)]))
        assert (world.store.ripen(49), world.feed()) == (0, [(1, Code.ACCEPTED)])
        assert (world.store.ripen(50), world.feed()) == (1, [(1, Code.ACCEPTED), (2, Code.STOPPED)])
        assert world.store.ripen(60) == 0
        assert world.store.feed(SENDER, 1, 10)[0].handle == handle()
        world.check()

    def test_what_ripens_together_is_numbered_in_the_order_of_its_times(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 90, Code.EXPIRED), Tell(SENDER, 70, Code.STOPPED)]))
        world.do(Step(6, tells=[Tell(SENDER, 70, Code.NOT_ACTIVE)]))
        assert world.store.ripen(100) == 3
        assert world.feed() == [(1, Code.STOPPED), (2, Code.NOT_ACTIVE), (3, Code.EXPIRED)]

    def test_a_line_whose_time_is_that_of_the_commit_is_visible_at_once(self, world: World) -> None:
        world.do(Step(50, tells=[Tell(SENDER, 50, Code.STOPPED), Tell(SENDER, 51, Code.EXPIRED)]))
        assert world.feed() == [(1, Code.STOPPED)]

    def test_a_notice_stays_until_it_is_acknowledged(self, world: World) -> None:
        handles = (handle("a"), handle("b"))
        world.do(Step(5, notifies=[Notify(RECIPIENT, 0, "register", handles, b"fact")]))
        world.do(Step(6, notifies=[Notify(RECIPIENT, 60, "stop", (handle("a"),), None)]))
        assert world.store.notices(RECIPIENT, 10) == [(1, "register", handles, b"fact")]
        assert world.store.ripen(60) == 1
        assert [row.number for row in world.store.notices(RECIPIENT, 10)] == [1, 2]
        assert [row.number for row in world.store.notices(RECIPIENT, 1)] == [1]
        world.do(Step(7, acknowledged=[(RECIPIENT, 1)]))
        assert world.store.notices(RECIPIENT, 10) == [(2, "stop", (handle("a"),), None)]
        assert world.store.notices(SENDER, 10) == []

    def test_a_number_of_a_notice_is_never_used_again(self, world: World) -> None:
        world.do(Step(5, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
        world.do(Step(6, acknowledged=[(RECIPIENT, 1)]))
        world.do(Step(7, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
        assert [row.number for row in world.store.notices(RECIPIENT, 10)] == [2]

    # what was set aside

    def test_a_frame_set_aside_opens_until_it_is_released(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside()]))
        (row,) = world.store.faults()
        assert (row.sender, row.handle, row.since) == (SENDER, None, 100)
        assert world.store.fault_frame(row.number) == b"payload fault" * 20
        world.do(Step(110, released=[row.number]))
        assert world.store.faults() == []
        assert world.store.fault_frame(row.number) is None
        world.refuse(Step(120, released=[row.number]), StaleError, "fault is over")

    def test_a_fault_holds_its_handle_and_raises_the_version(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside("h", until=700)]))
        assert world.grant() == grant(held_until=700, version=2)
        world.do(Step(110, released=[1]))
        assert world.grant() == grant(version=3)

    def test_a_handle_is_held_as_long_as_any_fault_holds_it(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside("h", until=700), _aside("h", until=900), _aside("absent")]))
        assert world.grant().held_until == 900
        world.do(Step(110, released=[2]))
        assert world.grant().held_until == 700

    def test_the_number_of_a_fault_is_never_used_again(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside()]))
        world.do(Step(110, released=[1]))
        world.do(Step(120, set_aside=[_aside()]))
        assert [row.number for row in world.store.faults()] == [2]

    # forgetting

    def test_grants_and_stops_are_forgotten_after_their_day(self, world: World) -> None:
        world.do(Step(5, registers=[grant("i", forget=DAY + 31)]))
        world.do(Step(5, stop_rows=[StopRow(handle("i"), THIRD, 24_300, DAY + 30)]))
        assert world.store.forget(DAY + 30, 10) == 0
        assert world.store.forget(DAY + 31, 10) == 2
        assert set(world.store.grants([handle(), handle("i")])) == {handle("i")}
        assert world.store.stops([handle("i")]) == []
        assert world.store.counts()["grants"] == 1
        world.check()

    def test_a_forgotten_handle_can_be_registered_again(self, world: World) -> None:
        world.store.forget(DAY + 99, 10)
        world.do(Step(20, registers=[grant()], rests_on_grants=[(handle("i"), 0)]))
        assert world.grant() == grant()

    def test_feed_lines_and_outcomes_are_forgotten_after_30_days(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(leave("m", at=1_000))
        world.do(Step(1_000, tells=[Tell(SENDER, 0, Code.STORED, message("m"))]))
        world.do(Step(2_000, tells=[Tell(SENDER, 0, Code.EXPIRED)]))
        assert world.store.forget(0, 1_000 + OUTCOME_KEPT_MS) == 0
        assert world.store.forget(0, 1_001 + OUTCOME_KEPT_MS) == 2
        assert world.store.stored([message("m"), message("n")]).keys() == {message("n")}
        assert world.feed() == [(2, Code.EXPIRED)]
        world.check()

    @pytest.mark.parametrize(
        "told", [Tell(SENDER, 0, Code.RESTORED, frame=b"statement"), Tell(SENDER, 0, Code.STOPPED, handle=b"h" * 16)]
    )
    def test_that_something_was_stopped_or_a_partner_put_back_stays_in_a_feed_for_a_year(
        self, world: World, told: Tell
    ) -> None:
        world.do(Step(1_000, tells=[told]))
        world.do(Step(2_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        assert world.store.forget(0, 3_000 + OUTCOME_KEPT_MS) == 1
        assert world.feed() == [(1, told.code)]
        assert world.store.forget(0, 1_000 + NOTICE_KEPT_MS) == 0
        assert world.store.forget(0, 1_001 + NOTICE_KEPT_MS) == 1
        assert world.feed() == []
        world.check()

    def test_a_feed_goes_on_counting_after_all_its_lines_are_forgotten(self, world: World) -> None:
        world.do(Step(1_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        world.store.forget(0, 2_000 + OUTCOME_KEPT_MS)
        world.do(Step(3_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        assert world.feed() == [(2, Code.STORED)]

    def test_what_waits_is_never_forgotten(self, world: World) -> None:
        world.do(accept("m"))
        world.store.forget(0, 100 + 2 * OUTCOME_KEPT_MS)
        assert world.waiting() == [message("m")]
        assert world.code("m") is Code.ACCEPTED
        world.check()

    def test_a_frame_set_aside_is_forgotten_after_7_days(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside()]))
        assert world.store.forget(0, 100 + FAULT_KEPT_MS) == 0
        assert world.store.forget(0, 101 + FAULT_KEPT_MS) == 1
        assert world.store.faults() == []
        world.check()

    def test_a_frame_that_still_holds_its_handle_is_not_forgotten(self, world: World) -> None:
        world.do(Step(100, set_aside=[_aside("h", until=1 << 62)]))
        assert world.store.forget(0, 101 + FAULT_KEPT_MS) == 0
        [row] = world.store.faults()
        assert row.until == 1 << 62
        world.check()

    # erasing

    def test_what_is_erased_is_gone_and_its_leaf_and_every_root_stay(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a"), entry("b"), entry("c")]))
        before = world.store.head()
        world.do(Step(6, erases=[(start, start + 1), (start + 2, start + 3)]))
        assert world.store.head()[:2] == before[:2]
        gone = [Entry(entry(name).leaf, None, b"") for name in "ac"]
        assert world.store.entries(start, start + 3) == [gone[0], entry("b"), gone[1]]
        assert world.store.records(start, start + 3) == [(start + 1, entry("b").record)]

    def test_what_is_public_is_never_erased(self, world: World) -> None:
        start = world.do(Step(5, entries=[public(b"a table")]))
        world.do(Step(6, erases=[(start, start + 1)]))
        assert world.store.entries(start, start + 1) == [public(b"a table")]

    def test_an_erased_fact_is_given_to_nobody_any_more(self, world: World) -> None:
        facts = [(place, SENDER, RECIPIENT, b"fact") for place in range(3)]
        start = world.do(Step(5, entries=[entry(name) for name in "abc"], facts=facts))
        world.do(Step(6, erases=[(start, start + 2)]))
        assert world.store.facts_of(SENDER, 0, 10) == [(start + 2, b"fact")]
        assert world.store.registrations(RECIPIENT, 0, 10) == [(start + 2, b"fact")]
        assert world.store.head().newest_fact == start + 2

    def test_erasing_again_changes_nothing(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a")]))
        world.do(Step(6, erases=[(start, start + 1)]))
        before = everything(world.store)
        world.do(Step(6, erases=[(start, start + 1)]))
        assert everything(world.store) == before

    @pytest.mark.parametrize("pair", [(0, 99), (-1, 1), (1, 1), (1, 0)])
    def test_entries_that_are_not_there_yet_are_not_erased(self, world: World, pair: tuple[int, int]) -> None:
        world.do(Step(5, entries=[entry("a"), entry("b")]))
        world.refuse(Step(6, entries=[entry("c")], erases=[(0, 1), pair]), StaleError, "no such entries")

    def test_a_step_that_is_refused_erases_nothing(self, world: World) -> None:
        world.do(Step(5, entries=[entry("a")]))
        world.refuse(Step(6, erases=[(0, 1)], rests_on_grants=[(handle(), 9)]), StaleError, "a grant")

    def test_entries_that_stand_are_told_from_an_index_on(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a"), entry("b"), entry("c")], standing=[0, 2]))
        assert world.store.standing(0) == [(start, entry("a")), (start + 2, entry("c"))]
        assert world.store.standing(start + 1) == [(start + 2, entry("c"))]
        world.refuse(
            Step(6, entries=[entry("d")], standing=[0], rests_on_grants=[(handle(), 9)]), StaleError, "a grant"
        )

    # the rest

    def test_the_time_is_never_earlier_than_the_last_commit(self, world: World) -> None:
        world.do(Step(FOR_EVER))
        assert world.store.now() == FOR_EVER

    def test_tidying_changes_nothing(self, busy: World) -> None:
        before = everything(busy.store)
        for now in (0, 10, 100_000, 50):
            busy.store.tidy(now)
        assert everything(busy.store) == before
        busy.check()

    def test_a_closed_store_refuses(self, world: World) -> None:
        world.store.close()
        world.store.close()
        with pytest.raises(StoreError, match="closed"):
            world.store.head()
        with pytest.raises(StoreError, match="closed"):
            world.store.commit(Step(5))
