# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One request looks once at the head of the log: how often it asks the server, and that nothing rests on what was seen.

Round trips are counted by libpq itself: a server says once per round trip that it is ready for the next.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.exchange import Exchange
from hub.registry import SUSPENDED
from hub.store import FencedError, NewLog, StaleError, Step, Stored, StoreError, Tell
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.envelope import parse
from tests.postgres import cluster
from tests.simulator import World
from tests.store_steps import RECIPIENT, SENDER, accept, check_store, entry, everything, grant, message
from tests.world_check import records

_READY = b"ReadyForQuery"


@contextmanager
def counted(store: PostgresStore) -> Iterator[list[int]]:
    """How many round trips the block makes; told when it ends."""
    found: list[int] = []
    with tempfile.TemporaryFile() as told:
        connection = store._connected().pgconn
        connection.trace(told.fileno())
        try:
            yield found
        finally:
            connection.untrace()
            told.seek(0)
            found.append(told.read().count(_READY))


class Meddled(PostgresStore):
    """A gateway to which something happens between what it reads and what it commits, once."""

    meanwhile: Callable[[], object] | None = None

    def stored(self, message_ids: Iterable[bytes]) -> dict[bytes, Stored]:
        found = super().stored(message_ids)
        meddle, self.meanwhile = self.meanwhile, None
        if meddle is not None:
            meddle()
        return found


class Two:
    """Two gateways on one database: `world` has the first, `second` is meddled with."""

    def __init__(self, folder: Path) -> None:
        self.world = World("postgres", folder)
        self.team, self.provider = self.world.party("team-wmo"), self.world.party("provider-wmo")
        self.store = Meddled(self.world._dsn, folder / "day.keys", self.world.trusted)
        self.second: Exchange = self.world.over(self.store)

    def send(self, frame: bytes) -> list[Code]:
        return self.second.send(self.team.address, [frame])

    def accepts(self) -> list[object]:
        store = self.world.store
        return [record[-1] for record in records(store.entries(0, store.head().size)) if record[2] == "accept"]

    def close(self) -> None:
        self.store.close()
        self.world.check()
        self.world.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    yield made
    made.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[World]:
    world = World("postgres", tmp_path)
    yield world
    world.check()
    world.close()


# how often the server is asked


def test_a_request_asks_the_server_as_often_as_it_must(alone: World) -> None:
    """Look, grants, stored outcomes, commit: four for an envelope, as for two hundred."""
    team, provider = alone.party("team-wmo"), alone.party("provider-wmo")
    grants = [team.register(provider) for _ in range(3)]
    store, hub = alone.store, alone.hub
    assert isinstance(store, PostgresStore)

    def pass_on(count: int) -> list[int]:
        """Round trips of sending so many, of handing them over, of their receipts, and of a look at nothing."""
        found = []
        frames = [team.envelope(one) for one in grants[:count]]
        with counted(store) as trips:
            assert hub.send(team.address, frames) == [Code.TAKEN] * count
        found += trips
        with counted(store) as trips:
            handed = hub.pickup(provider.address, 50, 0).deliveries
        found += trips
        receipts = [provider.receipt(parse(one.envelope).message_id) for one in handed]
        with counted(store) as trips:
            assert hub.receipts(provider.address, receipts) == [Code.STORED] * count
        found += trips
        with counted(store) as trips:
            assert hub.ready([provider.address]) == {provider.address}  # its registrations are not acknowledged
        return found + trips

    pass_on(1)  # statements are prepared, words and keys read
    assert pass_on(1) == [4, 7, 3, 2]
    assert pass_on(3) == [4, 7, 3, 2]


def test_each_further_part_of_a_pick_up_asks_six_times(alone: World) -> None:
    team, provider = alone.party("team-wmo"), alone.party("provider-wmo")
    store, hub = alone.store, alone.hub
    assert isinstance(store, PostgresStore)
    team.tell(team.register(provider), 4)
    answer = hub.begin_pickup(provider.address, 50, 0, 1)
    hub.go_on(answer, 1)  # statements are prepared
    with counted(store) as trips:
        hub.go_on(answer, 1)
    assert (trips, len(answer.deliveries), len(answer.left)) == ([6], 3, 1)


def test_outside_a_request_each_question_looks_for_itself(alone: World) -> None:
    store = alone.store
    assert isinstance(store, PostgresStore)
    for _ in range(2):
        with counted(store) as trips:
            store.now()
            store.head()
            store.addresses()
            store.recovery()
    assert trips == [4]
    with counted(store) as trips, store.look():
        store.now()
        store.head()
        with store.look():
            store.addresses()
        store.recovery()
        store.due(store.now(), 10)
        store.ripen(store.now())
    assert trips == [1]


# what a look may not hide


def test_stale_of_a_stop_at_another_gateway_after_the_look_nothing_is_accepted(two: Two) -> None:
    grant_of, frames = two.team.register(two.provider), []
    frames = [two.team.envelope(grant_of) for _ in range(2)]
    two.store.meanwhile = lambda: two.team.stop(grant_of)
    assert two.send(frames[0]) == [Code.TAKEN]
    assert two.send(frames[1]) == [Code.TAKEN]
    assert two.accepts() == ["not-active", "not-active"]
    assert two.provider.pickup() == []


def test_stale_of_a_partner_suspended_at_another_gateway_after_the_look(two: Two) -> None:
    frame = two.team.envelope(two.team.register(two.provider))
    two.store.meanwhile = lambda: two.world.hub.set_state(two.team.address, SUSPENDED)
    two.send(frame)
    assert two.accepts() == ["unknown-sender"]


def test_what_another_gateway_decided_after_the_look_leaves_its_number_used(two: Two) -> None:
    grant_of = two.team.register(two.provider)
    first, second = two.team.envelope(grant_of, seq=5), two.team.envelope(grant_of, seq=5)
    two.store.meanwhile = lambda: two.team.send(first)
    two.send(second)
    assert two.accepts() == ["accepted", "replayed"]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[PostgresStore, PostgresStore]]:
    """The store of one process, and that of another on the same database."""
    dsn = cluster().new()
    store, other = (PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000) for _ in range(2))
    other.commit(Step(1, admissions=[(f"urn:nld:oin:{one}:role", "admitted", None) for one in range(2)]))
    yield store, other
    check_store(other)
    for one in (store, other):
        one.close()
    cluster().again(dsn)


def test_the_newest_fact_is_never_older_than_the_grants_that_were_read(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    """A fact committed between the look and the reading of the grants is known with them."""
    store, other = pair
    late = grant("late")
    with store.look():
        before = store.head()
        other.commit(Step(5, entries=[entry("fact")], registers=[late], facts=[(0, SENDER, RECIPIENT, b"late")]))
        assert store.head() == before
        assert store.grants([late.handle]) == {late.handle: late}
        assert store.head() == other.head()
        assert store.head().newest_fact == before.size


def test_a_commit_ends_what_a_look_found_and_so_does_what_goes_wrong(
    pair: tuple[PostgresStore, PostgresStore],
) -> None:
    store, other = pair
    with store.look():
        size = store.head().size
        other.commit(Step(5, entries=[entry("a")], new_log=NewLog(2, 0, ())))
        assert (store.head().size, store.recovery()) == (size, None)
        store.commit(Step(6, entries=[entry("b")]))
        assert store.head().size == size + 2
        assert store.recovery() == other.recovery() != None  # noqa: E711  # both at once
        other.commit(Step(7, entries=[entry("c")]))
        assert store.head().size == size + 2
        with pytest.raises(StaleError):
            store.commit(Step(8, rests_on_addresses={SENDER: 99}))
        assert store.head().size == size + 3
        other.commit(Step(9, entries=[entry("d")]))
        with pytest.raises(StoreError):
            store.entries("x", 0)  # type: ignore[arg-type]
        assert store.head().size == size + 4


def test_fenced_inside_a_look_as_outside(pair: tuple[PostgresStore, PostgresStore]) -> None:
    store, other = pair
    with store.look():
        store.head()
        other.commit(Step(5, position=(3, 0, 5)))
        before = everything(other)
        with pytest.raises(FencedError):
            store.commit(Step(6, position=(3, 0, 6), entries=[entry("late")]))
    assert everything(other) == before


def test_a_look_is_of_its_thread_and_ends_with_it(pair: tuple[PostgresStore, PostgresStore]) -> None:
    store, other = pair
    seen: list[int] = []
    with store.look():
        size = store.head().size
        other.commit(Step(5, entries=[entry("a")]))
        thread = threading.Thread(target=lambda: seen.append(store.head().size))
        thread.start()
        thread.join()
        assert (store.head().size, seen) == (size, [size + 1])
    assert store.head().size == size + 1


def test_a_connection_that_was_lost_ends_what_a_look_found(pair: tuple[PostgresStore, PostgresStore]) -> None:
    store, other = pair
    with store.look():
        size = store.head().size
        other.commit(Step(5, entries=[entry("a")]))
        cluster().admin(f"SELECT pg_terminate_backend({store._ours[0]})")
        with pytest.raises(StoreError):
            store.counts()
        assert store.head().size == size + 1


def test_what_is_due_or_ripe_is_found_by_the_look(pair: tuple[PostgresStore, PostgresStore]) -> None:
    store, other = pair
    other.commit(Step(2, registers=[grant()]))
    step = accept("m")
    step.joins = [join._replace(due=900) for join in step.joins]
    step.tells.append(Tell(SENDER, 950, Code.EXPIRED, message("m")))
    other.commit(step)
    with store.look():
        now = store.now()
        assert [row.message_id for row in store.due(now, 10)] == [message("m")]
        assert store.ripen(now) == 1
