# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a worker makes of the records that it read, without a broker: each ends in something, and its position moves with it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hub.audit.log import Log
from hub.client import HubRecoveringError, HubUnavailableError
from hub.clock import NotDecidingError
from hub.exchange_behind import FAULTS_A_MINUTE
from hub.exchange_intake import IntakeExchange, Taken, WorkerExchange
from hub.greatest import NoGreatest
from hub.intake_record import Kept
from hub.murmur2 import partition_of
from hub.store import FencedError, Step, StoreError
from schemas.codes import Code
from schemas.envelope import parse
from schemas.note import Checkpoint
from tests.hub.test_poison import Allergic
from tests.simulator import Party, World
from tests.world_check import HUB_NAME

PARTITIONS = 8


@dataclass
class Scene:
    world: World
    store: Allergic
    hub: IntakeExchange
    team: Party
    provider: Party

    def frames(self, count: int) -> list[bytes]:
        return [self.team.envelope(self.team.register(self.provider)) for _ in range(count)]

    def taken(self, frame: bytes, offset: int, number: int | None = None, place: int = 0) -> Taken:
        return Taken(place, offset, None, self.team.number if number is None else number, 1, frame)

    def position(self, place: int = 0) -> int:
        return self.store._positions.get(place, 0)


@pytest.fixture
def scene() -> Scene:
    world = World()
    store = Allergic(world)
    hub = IntakeExchange(store, Log(store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random)
    hub.partitions = PARTITIONS
    world.hub = hub
    return Scene(world, store, hub, world.party("team-wmo"), world.party("provider-wmo"))


def test_a_batch_and_the_positions_of_its_partitions_are_one_commit(scene: Scene) -> None:
    frames = scene.frames(6)
    before = scene.store.commits
    records = [scene.taken(frame, number // 2, place=number % 2) for number, frame in enumerate(frames)]
    assert scene.hub.take(records) == [Code.TAKEN] * 6
    assert (scene.store.commits - before, scene.position(0), scene.position(1)) == (1, 3, 3)
    assert [scene.team.outcome(frame) for frame in frames] == [Code.ACCEPTED] * 6
    scene.world.check()


def test_a_batch_of_many_partners_asks_the_store_no_more_than_a_batch_of_one(scene: Scene) -> None:
    others = [scene.world.party("provider-wmo") for _ in range(10)]
    frames = [(one, one.envelope(one.register(scene.team, 2))) for one in others]
    asked: list[str] = []
    for name in ("now", "addresses", "head", "grants", "stored", "recovery", "faults"):
        call = getattr(scene.store, name)
        setattr(scene.store, name, lambda *a, name=name, call=call: asked.append(name) or call(*a))
    one, many = (
        [scene.taken(scene.frames(1)[0], 0)],
        [scene.taken(frame, at + 1, party.number) for at, (party, frame) in enumerate(frames)],
    )
    assert len({record.number for record in many}) == 10
    asked.clear()
    assert scene.hub.take(one) == [Code.TAKEN]
    alone = list(asked)
    asked.clear()
    assert scene.hub.take(many) == [Code.TAKEN] * 10
    assert asked == alone


def test_a_zombie_that_brings_what_another_decided_changes_nothing(scene: Scene) -> None:
    records = [scene.taken(frame, number) for number, frame in enumerate(scene.frames(5))]
    scene.hub.take(records[:3])
    size = scene.store.head().size
    for late in (records, records[:3], records[1:]):
        with pytest.raises(FencedError):
            scene.hub.take(late)
    assert (scene.store.head().size, scene.position()) == (size, 3)
    assert scene.hub.take(records[3:]) == [Code.TAKEN] * 2


def test_the_same_bytes_twice_are_decided_once(scene: Scene) -> None:
    [frame] = scene.frames(1)
    assert scene.hub.take([scene.taken(frame, 0), scene.taken(frame, 1)]) == [Code.TAKEN, Code.ACCEPTED]
    assert scene.hub.take([scene.taken(frame, 2)]) == [Code.ACCEPTED]
    assert (scene.position(), len(scene.provider.take_all())) == (3, 1)


@pytest.mark.parametrize("place", [0, 1, 9, 18, 19])
def test_poison_is_set_aside_with_its_position_and_the_rest_goes_on(scene: Scene, place: int) -> None:
    frames = scene.frames(20)
    scene.store.poison.add(parse(frames[place]).message_id)
    codes = scene.hub.take([scene.taken(frame, number) for number, frame in enumerate(frames)])
    assert codes == [Code.HUB_FAULT if number == place else Code.TAKEN for number in range(20)]
    assert (scene.position(), [row.sha for row in scene.store.faults()]) == (20, [parse(frames[place]).sha])
    assert scene.team.outcome(frames[place]) is Code.HUB_FAULT
    assert len(scene.provider.take_all()) == 19
    scene.world.check()


def test_many_faults_in_a_minute_stop_the_worker_and_what_it_did_not_decide_is_read_again(scene: Scene) -> None:
    frames = scene.frames(30)
    scene.store.poison |= {parse(frame).message_id for frame in frames}
    records = [scene.taken(frame, number) for number, frame in enumerate(frames)]
    with pytest.raises(HubUnavailableError, match="more than five"):
        scene.hub.take(records)
    stands = scene.position()
    assert stands == len(scene.store.faults()) == FAULTS_A_MINUTE + 1
    with pytest.raises(HubUnavailableError, match="more than five"):
        scene.hub.take(records[stands:])
    scene.store.poison.clear()
    scene.world.advance(minutes=2)
    scene.hub.tick()
    assert scene.hub.take(records[stands:]) == [Code.TAKEN] * (30 - stands)


def test_refusals_of_steps_1_to_3_are_counted_and_told_where_it_is_known_whose_they_are(scene: Scene) -> None:
    grant, other = scene.team.register(scene.provider), scene.world.party("gp")
    forged = scene.team.envelope(grant, 5, signed_by=other)
    own, stranger = scene.team.envelope(grant, 6), scene.team.envelope(grant, 7)
    records = [
        scene.taken(b"no frame", 0),
        scene.taken(forged, 1),
        scene.taken(own, 2, number=other.number),
        scene.taken(stranger, 3, number=99),
        Taken(0, 4, None, None, 0, Code.MALFORMED),
    ]
    expected = [Code.MALFORMED, Code.BAD_SIGNATURE, Code.NOT_YOURS, Code.UNKNOWN_SENDER, Code.MALFORMED]
    assert (scene.hub.take(records), scene.position()) == (expected, 5)
    refused = scene.hub.meter.refused
    assert [refused[code] for code in dict.fromkeys(expected)] == [2, 1, 1, 1]
    assert scene.team.outcomes() == {parse(forged).message_id: [Code.BAD_SIGNATURE]}
    assert other.outcomes() == {}
    assert scene.hub.take([scene.taken(own, 5)]) == [Code.TAKEN]
    scene.world.check()


def test_a_refusal_is_not_told_for_an_id_that_has_an_outcome(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    frame = scene.team.envelope(grant)
    message_id = parse(frame).message_id
    forged = scene.team.envelope(grant, 9, message_id=message_id, signed_by=scene.provider)
    scene.hub.take([scene.taken(frame, 0), scene.taken(forged, 1)])
    assert scene.hub.take([scene.taken(forged, 2)]) == [Code.BAD_SIGNATURE]
    assert scene.team.outcomes()[message_id] == [Code.ACCEPTED]


def test_who_was_suspended_after_the_gateway_took_it_is_told_so(scene: Scene) -> None:
    [frame] = scene.frames(1)
    scene.hub.set_state(scene.team.address, "suspended")
    assert scene.hub.take([scene.taken(frame, 0)]) == [Code.UNKNOWN_SENDER]
    scene.hub.set_state(scene.team.address, "admitted")
    assert scene.team.outcome(frame) is Code.UNKNOWN_SENDER


def test_a_record_in_another_partition_than_that_of_its_handle_is_refused(scene: Scene) -> None:
    frames = scene.frames(20)
    right = {frame: partition_of(parse(frame).handle, PARTITIONS) for frame in frames}
    for offset, frame in enumerate(frames):
        wrong = (right[frame] + 1) % PARTITIONS
        record = scene.taken(frame, offset)._replace(partition=wrong)
        assert scene.hub.take([record]) == [Code.MALFORMED]
    for frame in frames:
        record = scene.taken(frame, 0)._replace(partition=right[frame], place=100 + frames.index(frame))
        assert scene.hub.take([record]) == [Code.TAKEN]


def test_what_was_taken_before_a_recovery_is_not_decided_after_it(scene: Scene) -> None:
    old, new = scene.frames(2)
    step = Step(scene.world.now)
    scene.hub._recover(Checkpoint(scene.hub.log.origin, 999, bytes(32)))
    assert step.entries == []
    with pytest.raises(HubRecoveringError):
        scene.hub.take([scene.taken(old, 0)])
    assert scene.position() == 0
    for partner in (scene.team, scene.provider):
        scene.hub.will_not_return(partner.address)
    codes = scene.hub.take([scene.taken(old, 0), scene.taken(new, 1)._replace(log=2)])
    assert codes == [Code.RECOVERING, Code.TAKEN]
    assert scene.team.outcome(old) is None


def test_while_the_clock_is_in_doubt_nothing_is_decided_until_a_gateway_commits_by_the_same_time() -> None:
    world = World(watched=True)
    hub = IntakeExchange(
        world.store, Log(world.store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random
    )
    world.hub = hub
    world.trusted.begin(world.now)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    frame = team.envelope(team.register(provider))
    world.jump(hours=1)
    with pytest.raises(NotDecidingError):
        hub.take([Taken(0, 0, None, team.number, 1, frame)])
    hub.settle_clock()
    with pytest.raises(NotDecidingError):
        hub.take([Taken(0, 0, None, team.number, 1, frame)])
    world.store.commit(Step(at=world.clock()))  # another machine goes by that time
    hub.settle_clock()
    assert hub.take([Taken(0, 0, None, team.number, 1, frame)]) == [Code.TAKEN]


def test_a_gateway_refuses_what_needs_no_store_and_writes_the_rest_with_its_log(scene: Scene) -> None:
    frame, other = scene.frames(2)
    forged = scene.team.envelope(scene.team.register(scene.provider), signed_by=scene.provider)
    asked = [frame, b"no frame", forged, other]
    found = scene.hub.to_write(scene.hub.check(scene.team.address, asked, *scene.hub.snapshot()))
    assert found[1:3] == [Code.MALFORMED, Code.BAD_SIGNATURE]
    assert found[0] == (parse(frame).handle, Kept(scene.team.number, 1, frame))
    assert scene.store.stored([parse(frame).message_id]) == {}
    scene.hub._recover(Checkpoint(scene.hub.log.origin, 999, bytes(32)))
    with pytest.raises(HubRecoveringError):
        scene.hub.to_write(scene.hub.check(scene.team.address, asked, *scene.hub.snapshot()))


def test_a_worker_does_not_start_over_a_database_that_lacks_what_this_machine_saw(scene: Scene) -> None:
    def start(greatest: NoGreatest) -> WorkerExchange:
        world = scene.world
        log = Log(scene.store, HUB_NAME, world._hub_key, greatest)
        return WorkerExchange(scene.store, log, world.table, world.trusted, world.random)

    greatest, head = NoGreatest(), scene.store.head()
    start(greatest)
    greatest.keep(Checkpoint(scene.hub.log.origin, head.size, head.root))
    start(greatest)
    greatest.keep(Checkpoint(scene.hub.log.origin, head.size + 5, bytes(32)))
    with pytest.raises(StoreError, match="start `schakel hub run` on this machine first"):
        start(greatest)
    assert scene.store.head().size == head.size  # no recovery was begun
