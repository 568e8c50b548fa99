# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One envelope on which the hub fails: it is set aside with an entry, and everything else goes on."""

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import pipeline
from hub.client import HubUnavailableError, RefusedError
from hub.exchange_behind import FAULTS_A_MINUTE
from hub.store import FAULT_KEPT_MS, SetAside, Step, StoreError
from hub.store_memory import MemoryStore
from hub.store_sqlite import SqliteStore
from schemas.codes import CLASS, Class, Code
from schemas.envelope import Envelope, parse
from tests.simulator import DAY, Grant, Party, Seen, World
from tests.world_check import records


class Allergic(MemoryStore):
    """A store that some message ids make fail in a way that nobody thought of."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.poison: set[bytes] = set()
        self.bitter: set[bytes] = set()  # these fail when they are handed over
        self.commits = 0
        self.full = False

    def commit(self, step: Step) -> int:
        """Fails with an error that is neither `StoreError` nor `StaleError`."""
        self.commits += 1
        if self.full:
            raise StoreError("no room")
        if self.poison & ({one.message_id for one in step.joins} | {one.message_id for one in step.refused}):
            raise OverflowError("a number that does not fit")
        if self.bitter & {one.message_id for one in step.offers}:
            raise OverflowError("a number that does not fit")
        return super().commit(step)


@dataclass
class Scene:
    world: World
    store: Allergic
    team: Party
    provider: Party

    def poisoned(self, grant: Grant) -> bytes:
        frame = self.team.envelope(grant)
        self.store.poison.add(parse(frame).message_id)
        return frame

    def grants(self, count: int) -> list[Grant]:
        return [self.team.register(self.provider) for _ in range(count)]


@pytest.fixture
def scene() -> Scene:
    world = World()
    store = Allergic(world)
    world.hub = world.over(store)
    return Scene(world, store, world.party("team-wmo"), world.party("provider-wmo"))


@pytest.mark.parametrize("place", [0, 1, 9, 18, 19])
def test_poison_is_set_aside(scene: Scene, place: int) -> None:
    grants = scene.grants(20)
    frames = [scene.team.envelope(grant) for grant in grants]
    frames[place] = scene.poisoned(grants[place])
    answers = scene.team.send(*frames)
    assert answers == [Code.HUB_FAULT if number == place else Code.TAKEN for number in range(20)]
    [fault] = scene.store.faults()
    assert (fault.sha, fault.handle) == (parse(frames[place]).sha, grants[place].handle())
    assert scene.store.fault_frame(fault.number) == frames[place]
    assert scene.team.outcome(frames[place]) is Code.HUB_FAULT
    assert CLASS[Code.HUB_FAULT] is Class.ASK
    kinds = [record[2] for record in records(scene.store.entries(0, scene.store.head().size))]
    assert (kinds.count("fault"), kinds.count("accept")) == (1, 19)
    assert len(scene.provider.take_all()) == 19
    scene.world.check()


def test_setting_one_of_two_hundred_aside_takes_few_commits(scene: Scene) -> None:
    grants = scene.grants(200)
    frames = [scene.team.envelope(grant) for grant in grants]
    frames[77] = scene.poisoned(grants[77])
    before = scene.store.commits
    scene.team.send(*frames)
    assert scene.store.commits - before < 20
    scene.world.check()


def test_a_fault_holds_its_handle_and_no_other(scene: Scene) -> None:
    bad, good = scene.grants(2)
    behind = scene.team.envelope(bad, 9)
    frames = [scene.poisoned(bad), behind, scene.team.envelope(good)]
    assert scene.team.send(*frames) == [Code.HUB_FAULT, Code.TRY_LATER, Code.TAKEN]
    assert scene.team.send(behind, scene.team.envelope(good)) == [Code.TRY_LATER, Code.TAKEN]
    assert scene.team.outcome(behind) is None
    assert scene.store.grants([bad.handle()])[bad.handle()].last == 0  # no number used
    scene.world.check()


def test_what_waited_under_the_handle_before_the_fault_is_still_delivered(scene: Scene) -> None:
    [grant] = scene.grants(1)
    before = scene.team.tell(grant)
    scene.team.send(scene.poisoned(grant))
    assert [parse(one.envelope).message_id for one in scene.provider.take_all()] == before
    scene.world.check()


def test_when_the_fault_is_released_the_same_bytes_and_those_behind_them_pass(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frames = [scene.poisoned(grant), scene.team.envelope(grant)]
    scene.team.send(*frames)
    scene.store.poison.clear()
    assert scene.team.send(*frames) == [Code.TRY_LATER, Code.TRY_LATER]
    scene.store.commit(Step(at=scene.world.now, released=[scene.store.faults()[0].number]))
    assert scene.team.send(*frames) == [Code.TAKEN, Code.TAKEN]
    assert [one.envelope for one in scene.provider.take_all()] == frames
    assert scene.store.faults() == []
    scene.world.check()


def test_a_fault_retried_when_its_cause_is_gone_reaches_its_recipient_before_what_comes_after_it(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frames = [scene.poisoned(grant), scene.team.envelope(grant)]
    scene.team.send(*frames)
    [fault] = scene.world.hub.faults()
    assert (fault.partner, fault.day, fault.held) == (scene.team.address, scene.world.today, True)
    scene.store.poison.clear()
    assert scene.world.hub.retry_fault(fault.number) is Code.ACCEPTED
    assert scene.world.hub.faults() == []
    assert scene.store.fault_frame(fault.number) is None
    assert scene.team.send(*frames) == [Code.ACCEPTED, Code.TAKEN]
    assert [one.envelope for one in scene.provider.take_all()] == frames
    assert scene.team.outcomes()[parse(frames[0]).message_id] == [Code.HUB_FAULT, Code.ACCEPTED, Code.STORED]
    assert _handled(scene) == ["retried"]
    scene.world.check()  # replay decides the same


def test_a_fault_that_the_pipeline_refuses_when_it_is_retried_is_over_too(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frame = scene.poisoned(grant)
    scene.team.send(frame)
    scene.provider.stop(grant)
    scene.store.poison.clear()
    assert scene.world.hub.retry_fault(scene.store.faults()[0].number) is Code.NOT_ACTIVE
    assert scene.team.outcome(frame) is Code.NOT_ACTIVE
    assert scene.store.faults() == []
    assert scene.provider.pickup() == []
    scene.world.check()


def test_a_sender_suspended_since_then_passes_by_no_retry(scene: Scene) -> None:
    [grant] = scene.grants(1)
    scene.team.send(scene.poisoned(grant))
    scene.store.poison.clear()
    scene.world.hub.set_state(scene.team.address, "suspended")
    assert scene.world.hub.retry_fault(scene.store.faults()[0].number) is Code.UNKNOWN_SENDER
    assert scene.provider.pickup() == []
    scene.world.check()


def test_a_retry_that_fails_again_changes_nothing_but_the_log_and_does_not_stop_the_intake(scene: Scene) -> None:
    [bad, good] = scene.grants(2)
    scene.team.send(scene.poisoned(bad))
    before = scene.store.faults()
    for _ in range(FAULTS_A_MINUTE + 1):
        assert scene.world.hub.retry_fault(before[0].number) is Code.HUB_FAULT
    assert scene.store.faults() == before
    assert [fault.held for fault in scene.world.hub.faults()] == [True]
    assert _handled(scene) == ["failed-again"] * (FAULTS_A_MINUTE + 1)
    assert scene.team.send(scene.team.envelope(bad), scene.team.envelope(good)) == [Code.TRY_LATER, Code.TAKEN]
    scene.world.check()


def test_a_retry_without_room_in_the_store_leaves_the_fault_as_it_was(scene: Scene) -> None:
    [grant] = scene.grants(1)
    scene.team.send(scene.poisoned(grant))
    scene.store.poison.clear()
    scene.store.full = True
    number = scene.store.faults()[0].number
    with pytest.raises(StoreError, match="no room"):
        scene.world.hub.retry_fault(number)
    scene.store.full = False
    assert [fault.held for fault in scene.world.hub.faults()] == [True]
    assert scene.world.hub.retry_fault(number) is Code.ACCEPTED
    scene.world.check()


def test_a_dropped_fault_lets_its_handle_go_and_the_same_bytes_are_never_taken(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frame, behind = scene.poisoned(grant), scene.team.envelope(grant)
    scene.team.send(frame)
    number = scene.store.faults()[0].number
    scene.store.poison.clear()
    scene.world.hub.drop_fault(number)
    assert (scene.store.faults(), scene.store.fault_frame(number)) == ([], None)
    assert scene.team.send(frame, behind) == [Code.HUB_FAULT, Code.TAKEN]
    assert [one.envelope for one in scene.provider.take_all()] == [behind]
    assert scene.team.outcomes()[parse(frame).message_id] == [Code.HUB_FAULT, Code.HUB_FAULT]
    assert _handled(scene) == ["dropped"]
    scene.world.check()


def test_a_fault_whose_very_id_the_store_fails_on_can_still_be_dropped(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frame, behind = scene.poisoned(grant), scene.team.envelope(grant)
    scene.team.send(frame)
    scene.world.hub.drop_fault(scene.store.faults()[0].number)
    assert scene.store.faults() == []
    assert scene.team.send(behind) == [Code.TAKEN]
    assert scene.team.outcomes()[parse(frame).message_id] == [Code.HUB_FAULT]
    assert _handled(scene) == ["dropped"]
    scene.world.check()


def test_no_receipt_counts_for_a_dropped_fault(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frame = scene.poisoned(grant)
    scene.team.send(frame)
    scene.store.poison.clear()
    scene.world.hub.drop_fault(scene.store.faults()[0].number)
    assert scene.team.send(frame) == [Code.HUB_FAULT]
    assert scene.provider.receipts(scene.provider.receipt(parse(frame).message_id)) == [Code.NOT_YOURS]
    scene.world.check()


def test_a_fault_that_is_over_can_be_retried_and_dropped_by_nobody(scene: Scene) -> None:
    [grant] = scene.grants(1)
    scene.team.send(scene.poisoned(grant))
    number = scene.store.faults()[0].number
    scene.world.hub.drop_fault(number)
    size = scene.store.head().size
    with pytest.raises(RefusedError, match="not-yours"):
        scene.world.hub.retry_fault(number)
    with pytest.raises(RefusedError, match="not-yours"):
        scene.world.hub.drop_fault(number)
    assert scene.store.head().size == size


def test_retry_and_drop_are_durable_at_once(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grants = [team.register(provider) for _ in range(2)]
    frames = [team.envelope(grant) for grant in grants]
    for frame, grant in zip(frames, grants, strict=True):
        key = world.random(32)
        wrapped = AESGCM(key).encrypt(bytes(12), frame, None)
        aside = SetAside(1, parse(frame).sha, grant.handle(), world.now + DAY, world.now, wrapped, key)
        world.store.commit(Step(at=world.now, set_aside=[aside]))
    one, two = (fault.number for fault in world.hub.faults())
    assert world.hub.retry_fault(one) is Code.ACCEPTED
    world.hub.drop_fault(two)
    world.reopen()
    assert world.hub.faults() == []
    assert team.send(*frames) == [Code.ACCEPTED, Code.HUB_FAULT]
    assert [delivery.envelope for delivery in provider.take_all()] == frames[:1]
    world.check()
    world.close()


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_after_a_crash_at_any_point_of_a_retry_or_a_drop_repeating_it_ends_the_fault_once(
    tmp_path: Path, act: str
) -> None:
    """Every point is a copy of the folder; then a new process and the operator, who has no answer, asks once more."""
    world = World("sqlite", tmp_path / "made")
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    frame, behind = team.envelope(grant), team.envelope(grant)
    key = world.random(32)
    wrapped = AESGCM(key).encrypt(bytes(12), frame, None)
    aside = SetAside(1, parse(frame).sha, grant.handle(), world.now + DAY, world.now, wrapped, key)
    world.store.commit(Step(at=world.now, set_aside=[aside]))
    world.hub.store.close()
    copies: list[Path] = []

    def film(_: str) -> None:
        copies.append(Path(copytree(tmp_path / "made", tmp_path / f"copy{len(copies)}")))

    world.hub = world.over(SqliteStore(tmp_path / "made", world.clock, point=film))
    world.hub.tick()
    begun = len(copies)  # what time brings by itself is none of this
    _handle(world, act)
    film("")
    world.hub.store.close()
    assert len(copies) - begun > 2
    over = []
    for copy in copies[begun:]:
        world.seen = Seen()
        world.hub = world.over(SqliteStore(copy, world.clock))
        over.append(not world.hub.faults())
        if not over[-1]:
            _handle(world, act)
        first = Code.ACCEPTED if act == "retry" else Code.HUB_FAULT
        assert team.send(frame, behind) == [first, Code.TAKEN]
        came = [delivery.envelope for delivery in provider.take_all()]
        assert came == ([frame, behind] if act == "retry" else [behind])
        ends = [one for one in records(world.store.entries(0, world.store.head().size)) if one[2] == "fault"]
        assert len(ends) == 1
        world.check()
        world.hub.store.close()
    assert over == sorted(over)
    assert {over[0], over[-1]} == {False, True}


def _handle(world: World, act: str) -> None:
    [fault] = world.hub.faults()
    if act == "drop":
        world.hub.drop_fault(fault.number)
    else:
        assert world.hub.retry_fault(fault.number) is Code.ACCEPTED


def _handled(scene: Scene) -> list[object]:
    found = records(scene.store.entries(0, scene.store.head().size))
    return [record[5] for record in found if record[2] == "fault" and len(record) > 5]


def test_a_handle_is_held_at_most_seven_days(scene: Scene) -> None:
    [grant] = scene.grants(1)
    scene.team.send(scene.poisoned(grant))
    later = scene.team.envelope(grant)
    scene.world.advance(ms=7 * DAY - 1)
    assert scene.team.send(later) == [Code.TRY_LATER]
    scene.world.advance(ms=1)
    assert scene.team.send(later) == [Code.TAKEN]
    scene.world.check()


def test_the_bytes_of_a_fault_are_kept_seven_days_for_the_operator(scene: Scene) -> None:
    [grant] = scene.grants(1)
    scene.team.send(scene.poisoned(grant))
    number = scene.store.faults()[0].number
    scene.world.advance(ms=FAULT_KEPT_MS)
    scene.world.hub.tick()
    assert scene.store.fault_frame(number) is not None
    scene.world.advance(days=1)
    scene.world.hub.tick()
    assert scene.store.fault_frame(number) is None


def test_a_stop_of_a_held_handle_counts(scene: Scene) -> None:
    [grant] = scene.grants(1)
    waits = scene.team.tell(grant)
    scene.team.send(scene.poisoned(grant))
    assert scene.provider.stop(grant).code is Code.IN_FORCE
    assert scene.provider.pickup() == []
    assert waits
    scene.world.check()


def test_more_than_five_faults_in_a_minute_stop_the_intake_and_nothing_else(scene: Scene) -> None:
    grants = scene.grants(20)
    waits = scene.team.tell(grants[0])
    frames = [scene.poisoned(grant) for grant in grants[1:12]] + [scene.team.envelope(grants[12])]
    answers = scene.team.send(*frames)
    assert answers[: FAULTS_A_MINUTE + 1] == [Code.HUB_FAULT] * (FAULTS_A_MINUTE + 1)
    assert set(answers[FAULTS_A_MINUTE + 1 :]) == {Code.TRY_LATER}
    assert len(scene.store.faults()) == FAULTS_A_MINUTE + 1
    assert scene.team.send(frames[-1]) == [Code.TRY_LATER]
    # pick-up, receipts and facts go on
    assert [parse(one.envelope).message_id for one in scene.provider.take_all()] == waits
    assert scene.provider.stop(grants[0]).code is Code.IN_FORCE
    scene.world.advance(minutes=1)
    assert scene.team.send(frames[-1]) == [Code.TAKEN]
    scene.world.check()


def test_five_faults_in_a_minute_do_not_stop_it(scene: Scene) -> None:
    grants = scene.grants(6)
    assert scene.team.send(*(scene.poisoned(grant) for grant in grants[:5])) == [Code.HUB_FAULT] * 5
    assert scene.team.send(scene.team.envelope(grants[5])) == [Code.TAKEN]


def test_a_fault_before_the_signature_is_proven_is_answered_and_stores_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = scene.grants(2)
    frames = [scene.team.envelope(bad), scene.team.envelope(good)]

    def allergic(raw: bytes) -> Envelope:
        if raw == frames[0]:
            raise RecursionError("too deep")
        return parse(raw)

    monkeypatch.setattr(pipeline, "parse", allergic)
    assert scene.team.send(*frames) == [Code.HUB_FAULT, Code.TAKEN]
    assert scene.store.faults() == []
    later = scene.team.envelope(bad)
    assert scene.team.send(later) == [Code.TAKEN]  # its handle is not held
    scene.world.advance(hours=1)
    scene.world.hub.tick()
    entries = records(scene.store.entries(0, scene.store.head().size))
    sums = [record[3:] for record in entries if record[2] == "sum"]
    assert sums == [[scene.team.number, [["hub-fault", 1]]]]
    scene.world.check()


def test_a_store_without_room_is_no_poison_the_hub_is_away_until_it_has_some(scene: Scene) -> None:
    [grant] = scene.grants(1)
    frame = scene.team.envelope(grant)
    scene.store.full = True
    with pytest.raises(HubUnavailableError, match="try again"):
        scene.team.send(frame)
    scene.store.full = False
    assert scene.store.faults() == []
    assert scene.team.send(frame) == [Code.TAKEN]
    scene.world.check()


def test_two_envelopes_that_poison_the_same_handle_are_one_hold_until_both_are_over(scene: Scene) -> None:
    [grant] = scene.grants(1)
    one = scene.poisoned(grant)
    scene.team.send(one)
    scene.store.commit(Step(at=scene.world.now, released=[scene.store.faults()[0].number]))
    assert scene.team.send(one) == [Code.HUB_FAULT]
    assert [fault.handle for fault in scene.store.faults()] == [grant.handle()]
    assert scene.team.send(scene.team.envelope(grant)) == [Code.TRY_LATER]
    scene.world.check()


@pytest.mark.parametrize("place", [0, 3, 6])
def test_poison_at_pick_up_ends_as_a_fault_and_the_recipient_gets_everything_else(scene: Scene, place: int) -> None:
    ids = [message_id for grant in scene.grants(7) for message_id in scene.team.tell(grant)]
    scene.store.bitter.add(ids[place])
    came = [parse(one.envelope).message_id for one in scene.provider.take_all()]
    assert came == [one for one in ids if one != ids[place]]
    assert scene.team.outcomes()[ids[place]] == [Code.ACCEPTED, Code.HUB_FAULT]
    scene.world.check()


def test_poison_at_a_later_pick_up_leaves_the_receipt_of_the_first_one_its_effect(scene: Scene) -> None:
    [grant] = scene.grants(1)
    one, behind = scene.team.tell(grant, 2)
    scene.provider.pickup(most=1)
    scene.store.bitter.add(one)
    scene.world.advance(minutes=1)
    assert [parse(delivery.envelope).message_id for delivery in scene.provider.take_all()] == [behind]
    assert scene.provider.receipts(scene.provider.receipt(one)) == [Code.STORED]
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.HUB_FAULT, Code.STORED]
    scene.world.check()
