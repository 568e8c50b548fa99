# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a worker reads behind a fault waits in the store, and is decided in its order when the fault is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.log import Log
from hub.client import RefusedError
from hub.exchange_behind import FAULTS_A_MINUTE
from hub.exchange_intake import IntakeExchange, Taken
from hub.faults import MOST_BEHIND, UNTIL_DECIDED, is_behind
from hub.store import FAULT_KEPT_MS, Step
from hub.store_postgres import PostgresStore
from hub.store_sqlite import SqliteStore
from schemas.codes import Code
from schemas.envelope import parse
from schemas.note import Checkpoint
from tests.hub.test_poison import Allergic
from tests.postgres import cluster
from tests.simulator import Grant, Party, World
from tests.world_check import HUB_NAME

ACCEPTED = Code.ACCEPTED


class Interrupted(Allergic):
    """A store before whose next commit another process does something."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.before: Callable[[], object] | None = None

    def commit(self, step: Step) -> int:
        """Lets the other one go first."""
        if self.before is not None:
            before, self.before = self.before, None
            before()
        return super().commit(step)


@dataclass
class Scene:
    world: World
    store: Interrupted
    hub: IntakeExchange
    team: Party
    provider: Party
    offset: int = 0
    frames: list[bytes] = field(default_factory=list)

    def another(self) -> IntakeExchange:
        """Another process over the same store."""
        world = self.world
        log = Log(self.store, HUB_NAME, world._hub_key)
        return IntakeExchange(self.store, log, world.table, world.trusted, world.random)

    def take(self, *frames: bytes) -> list[Code | None]:
        """What a worker makes of records that came one after another."""
        records = [Taken(0, self.offset + at, None, self.team.number, 1, frame) for at, frame in enumerate(frames)]
        codes = self.hub.take(records)
        self.offset += len(frames)
        assert self.store._positions.get(0, 0) == self.offset
        return codes

    def poisoned(self, grant: Grant) -> bytes:
        frame = self.team.envelope(grant)
        self.store.poison.add(parse(frame).message_id)
        return frame

    def held(self, behind: int = 2) -> tuple[Grant, bytes, list[bytes]]:
        """A grant on whose handle the hub failed, and envelopes that came after that."""
        grant = self.team.register(self.provider)
        bad, frames = self.poisoned(grant), [self.team.envelope(grant) for _ in range(behind)]
        assert self.take(bad) == [Code.HUB_FAULT]
        assert self.take(*frames) == [None] * behind
        return grant, bad, frames

    def come(self) -> list[bytes]:
        """What the recipient is handed, until there is no more."""
        return [one.envelope for one in self.provider.take_all()]

    def outcomes(self, *frames: bytes) -> list[Code | None]:
        return [self.team.outcome(frame) for frame in frames]

    def behind(self) -> list[bytes]:
        return [row.sha for row in self.store.faults() if is_behind(row)]


@pytest.fixture
def scene() -> Scene:
    world = World()
    store = Interrupted(world)
    hub = IntakeExchange(store, Log(store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random)
    world.hub = hub
    return Scene(world, store, hub, world.party("team-wmo"), world.party("provider-wmo"))


def test_what_comes_behind_a_fault_waits_uses_no_number_and_keeps_nobody_else(scene: Scene) -> None:
    grant, bad, frames = scene.held()
    other = scene.team.envelope(scene.team.register(scene.provider))
    assert scene.take(other) == [Code.TAKEN]
    scene.hub.tick()
    assert scene.outcomes(bad, *frames, other) == [Code.HUB_FAULT, None, None, ACCEPTED]
    assert scene.store.grants([grant.handle()])[grant.handle()].last == 0
    assert scene.behind() == [parse(frame).sha for frame in frames]
    [fault] = scene.hub.faults()
    assert (fault.held, fault.behind) == (True, 2)
    meter = scene.hub.meter
    assert (meter.refused[Code.TRY_LATER], meter.outcomes[Code.HUB_FAULT], meter.outcomes[ACCEPTED]) == (0, 1, 1)
    assert scene.come() == [other]
    scene.world.check()


def test_it_is_decided_in_its_order_when_the_fault_is_tried_again(scene: Scene) -> None:
    _, bad, frames = scene.held()
    scene.store.poison.clear()
    assert scene.hub.retry_fault(scene.hub.faults()[0].number) is ACCEPTED
    assert scene.outcomes(bad, *frames) == [ACCEPTED] * 3
    assert (scene.come(), scene.store.faults(), scene.hub.faults()) == ([bad, *frames], [], [])
    scene.world.check()


def test_it_is_decided_when_the_fault_is_dropped(scene: Scene) -> None:
    _, bad, frames = scene.held()
    scene.hub.drop_fault(scene.hub.faults()[0].number)
    assert scene.outcomes(bad, *frames) == [Code.HUB_FAULT, ACCEPTED, ACCEPTED]
    assert scene.come() == frames
    scene.world.check()


def test_it_is_decided_when_the_fault_has_held_for_seven_days(scene: Scene) -> None:
    grant, _, frames = scene.held()
    scene.world.advance(ms=FAULT_KEPT_MS - 1)
    scene.hub.tick()
    assert scene.outcomes(*frames) == [None, None]
    scene.world.advance(ms=2)
    scene.hub.tick()
    assert scene.outcomes(*frames) == [ACCEPTED, ACCEPTED]
    assert scene.store.grants([grant.handle()])[grant.handle()].held_until <= scene.world.now
    assert scene.come() == frames
    scene.world.check()


def test_a_hub_that_stood_still_for_longer_forgets_nothing_that_waits(scene: Scene) -> None:
    _, _, frames = scene.held()
    scene.world.advance(days=9)
    scene.hub.tick()
    assert scene.outcomes(*frames) == [ACCEPTED, ACCEPTED]
    assert scene.store.faults() == []
    scene.world.check()


def test_what_comes_after_the_fault_is_over_does_not_overtake_what_waits(scene: Scene) -> None:
    grant, _, frames = scene.held()
    late = scene.team.envelope(grant)
    [number] = [row.number for row in scene.store.faults() if not is_behind(row)]
    scene.store.commit(Step(scene.world.now, released=[number]))  # another process, which decides nothing else
    assert scene.take(late) == [None]
    scene.hub.tick()
    assert scene.come() == [*frames, late]
    assert scene.take(scene.team.envelope(grant)) == [Code.TAKEN]
    scene.world.check()


def test_the_same_bytes_wait_once_and_no_more_than_a_few_wait_on_a_handle(scene: Scene) -> None:
    grant, bad, frames = scene.held(1)
    assert scene.take(*frames, bad, *frames) == [Code.TRY_LATER] * 3
    more = [scene.team.envelope(grant) for _ in range(MOST_BEHIND)]
    assert scene.take(*more) == [None] * (MOST_BEHIND - 1) + [Code.TRY_LATER]
    assert len(scene.behind()) == MOST_BEHIND
    scene.hub.drop_fault(scene.hub.faults()[0].number)
    assert scene.take(more[-1]) == [Code.TAKEN]
    assert scene.come() == [*frames, *more]


def test_what_has_an_outcome_gets_it_again_although_its_handle_is_held(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    first = scene.team.envelope(grant)
    forged = scene.team.envelope(grant, message_id=parse(first).message_id)
    scene.take(first)
    scene.take(scene.poisoned(grant))
    assert scene.take(first, forged) == [ACCEPTED, Code.ID_REUSED]
    assert scene.behind() == []
    scene.world.check()


def test_poison_that_waited_is_set_aside_in_its_turn_and_what_is_behind_it_goes_on_waiting(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    bad, first, second, last = (scene.team.envelope(grant) for _ in range(4))
    scene.store.poison |= {parse(one).message_id for one in (bad, second)}
    scene.take(bad)
    assert scene.take(first, second, last) == [None] * 3
    scene.hub.drop_fault(scene.hub.faults()[0].number)
    assert scene.outcomes(first, second, last) == [ACCEPTED, Code.HUB_FAULT, None]
    [fault] = scene.hub.faults()
    assert (fault.held, fault.behind, scene.behind()) == (True, 1, [parse(last).sha])
    scene.store.poison.clear()
    assert scene.hub.retry_fault(fault.number) is ACCEPTED
    assert scene.come() == [first, second, last]
    scene.world.check()


def test_while_the_hub_fails_on_everything_what_waits_is_left_waiting(scene: Scene) -> None:
    scenes = [scene.held() for _ in range(3)]
    scene.store.poison |= {parse(frame).message_id for _, _, frames in scenes for frame in frames}
    for one in scene.hub.faults():
        scene.hub.drop_fault(one.number)
    assert len(scene.hub.faults()) == FAULTS_A_MINUTE + 1 - 3
    scene.store.poison.clear()
    scene.world.advance(minutes=2)
    for _ in range(2):
        for one in scene.hub.faults():
            scene.hub.retry_fault(one.number)
        scene.hub.tick()
    assert sorted(scene.come()) == sorted(frame for _, _, frames in scenes for frame in frames)
    scene.world.check()


def test_a_stop_reaches_what_waits_behind_a_fault(scene: Scene) -> None:
    grant, _, frames = scene.held()
    scene.team.stop(grant)
    scene.hub.drop_fault(scene.hub.faults()[0].number)
    assert scene.outcomes(*frames) == [Code.NOT_ACTIVE] * 2
    assert scene.come() == []
    scene.world.check()


def test_what_waited_when_its_sender_was_suspended_is_refused(scene: Scene) -> None:
    _, _, frames = scene.held()
    scene.hub.set_state(scene.team.address, "suspended")
    scene.hub.drop_fault(scene.hub.faults()[0].number)
    scene.hub.set_state(scene.team.address, "admitted")
    assert scene.outcomes(*frames) == [Code.UNKNOWN_SENDER] * 2
    scene.world.check()


def test_an_operator_neither_tries_nor_drops_what_only_waits(scene: Scene) -> None:
    scene.held()
    [number, _] = [row.number for row in scene.store.faults() if is_behind(row)]
    for call in (scene.hub.retry_fault, scene.hub.drop_fault):
        with pytest.raises(RefusedError, match="not-yours"):
            call(number)
    assert len(scene.behind()) == 2


def test_what_waits_is_dropped_by_a_recovery_and_its_handle_is_free(scene: Scene) -> None:
    grant, _, _ = scene.held()
    scene.hub._recover(Checkpoint(scene.hub.log.origin, 999, bytes(32)))
    scene.hub.tick()
    assert (scene.store.faults(), scene.store.grants([grant.handle()])[grant.handle()].held_until) == ([], 0)


def test_what_waits_in_a_closed_recovery_or_while_the_clock_is_in_doubt_goes_on_waiting(scene: Scene) -> None:
    world = World(watched=True)
    store = Interrupted(world)
    world.trusted.begin(world.now)
    hub = IntakeExchange(store, Log(store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random)
    world.hub = hub
    doubting = Scene(world, store, hub, world.party("team-wmo"), world.party("provider-wmo"))
    _, _, frames = doubting.held()
    [number] = [row.number for row in store.faults() if not is_behind(row)]
    store.commit(Step(world.now, released=[number]))
    world.jump(hours=1)
    hub.tick()
    assert len(doubting.behind()) == 2
    world.jump(hours=-1)
    hub.confirm_clock()
    hub.tick()
    assert doubting.come() == frames


@pytest.mark.parametrize("what", ["tick", "retry"])
def test_two_processes_that_end_the_same_waiting_decide_it_once(scene: Scene, what: str) -> None:
    _, bad, frames = scene.held()
    other = scene.another()
    fault = scene.hub.faults()[0].number
    scene.store.poison.clear()
    if what == "tick":
        scene.store.commit(Step(scene.world.now, released=[fault]))
        expected = frames
        scene.store.before = other.tick
        scene.hub.tick()
    else:
        expected = [bad, *frames]
        scene.store.before = lambda: other.retry_fault(fault)
        with pytest.raises(RefusedError, match="not-yours"):
            scene.hub.retry_fault(fault)
    assert scene.store.before is None
    assert scene.come() == expected
    assert scene.store.faults() == []
    scene.world.check()


def test_a_zombie_puts_nothing_behind_a_fault_twice(scene: Scene) -> None:
    grant, _, _ = scene.held(0)
    frame = scene.team.envelope(grant)
    record = Taken(0, scene.offset, None, scene.team.number, 1, frame)
    other = scene.another()
    scene.store.before = lambda: other.take([record])
    with pytest.raises(Exception, match="position"):
        scene.hub.take([record])
    assert scene.behind() == [parse(frame).sha]


# -- over the engines that are kept


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_waits_is_there_after_a_restart_and_its_payload_is_wrapped(kind: str, tmp_path: Path) -> None:
    dsn = cluster().new() if kind == "postgres" else ""
    world = World()

    def opened() -> SqliteStore | PostgresStore:
        if kind == "postgres":
            return PostgresStore(dsn, tmp_path / "day.keys", world.trusted)
        return SqliteStore(tmp_path / "hub", world.trusted)

    def hub_over(store: SqliteStore | PostgresStore) -> IntakeExchange:
        log = Log(store, HUB_NAME, world._hub_key)
        return IntakeExchange(store, log, world.table, world.trusted, world.random)

    if kind == "sqlite":
        SqliteStore.create(tmp_path / "hub")
    world.hub = hub = hub_over(opened())
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    bad, *frames = (team.envelope(grant) for _ in range(3))
    hub._set_aside(parse(bad))
    assert hub.take([Taken(0, at, None, team.number, 1, frame) for at, frame in enumerate(frames)]) == [None, None]
    hub.store.close()
    world.hub = hub = hub_over(opened())
    hub.tick()
    rows = [row for row in hub.store.faults() if is_behind(row)]
    assert [(row.sha, row.until) for row in rows] == [(parse(frame).sha, UNTIL_DECIDED) for frame in frames]
    assert [hub.store.fault_frame(row.number) for row in rows] == frames
    assert [team.outcome(frame) for frame in frames] == [None, None]
    hub.drop_fault(hub.faults()[0].number)
    assert [one.envelope for one in provider.take_all()] == frames
    world.check()
    hub.store.close()


# -- whatever comes in whatever order


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 2), st.booleans()),
            st.tuples(st.just("again"), st.integers(0, 30), st.none()),
            st.tuples(st.sampled_from(["retry", "drop", "tick", "cure", "day"]), st.integers(0, 3), st.none()),
        ),
        min_size=5,
        max_size=40,
    )
)
def test_whatever_happens_each_handle_keeps_its_order_and_everything_ends(
    steps: list[tuple[str, int, bool | None]],
) -> None:
    world = World()
    store = Interrupted(world)
    hub = IntakeExchange(store, Log(store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random)
    world.hub = hub
    scene = Scene(world, store, hub, world.party("team-wmo"), world.party("provider-wmo"))
    grants = [scene.team.register(scene.provider) for _ in range(3)]
    sent: list[bytes] = []
    for what, which, is_poison in steps:
        world.advance(minutes=2)  # so that it is never us
        listed = hub.faults()
        if what == "send":
            frame = scene.poisoned(grants[which]) if is_poison else scene.team.envelope(grants[which])
            sent.append(frame)
            scene.take(frame)
        elif what == "again" and sent:
            scene.take(sent[which % len(sent)])
        elif what == "retry" and listed:
            hub.retry_fault(listed[which % len(listed)].number)
        elif what == "drop" and listed:
            hub.drop_fault(listed[which % len(listed)].number)
        elif what == "cure":
            store.poison.clear()
        elif what == "day":
            world.advance(hours=7)
        hub.tick()
        world.check()
    store.poison.clear()
    while listed := hub.faults():
        hub.retry_fault(listed[0].number)
    hub.tick()
    assert store.faults() == []
    assert all(row.held_until == 0 for row in store.grants([one.handle() for one in grants]).values())
    assert None not in scene.outcomes(*sent)
    come = [parse(one) for one in scene.come()]
    for grant in grants:
        numbers = [one.sequence for one in come if one.handle == grant.handle()]
        assert numbers == sorted(set(numbers))
    world.check()
