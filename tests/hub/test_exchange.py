# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The shell of the hub: batches, clocks, terms, sums, restarts; and that nothing in the log tells more than a day."""

import random as randomness
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cbor2
import pytest

from hub.audit.checkpoint import open_note
from hub.client import HubUnavailableError
from hub.registry import SUSPENDED
from hub.store import StaleError, Step
from hub.store_memory import MemoryStore
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import parse
from tests.lies import flipped, truncated
from tests.over_kafka import OverKafka, kinds, new_world
from tests.simulator import HOUR, Grant, Party, World, at
from tests.world_check import HUB_NAME, records


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    gp: Party
    grant: Grant

    def records(self) -> list[list[object]]:
        return records(self.world.store.entries(0, self.world.store.head().size))


@pytest.fixture(params=kinds("memory", "sqlite", "postgres"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    team, provider, gp = world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    yield Scene(world, team, provider, gp, team.register(provider))
    world.check()
    world.close()


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Scene]:
    world = World("sqlite", tmp_path)
    team, provider, gp = world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    yield Scene(world, team, provider, gp, team.register(provider))
    world.check()
    world.close()


# -- batches


def test_more_than_a_batch_in_one_call_is_answered_whole_and_in_order(scene: Scene) -> None:
    frames = [scene.team.envelope(scene.grant) for _ in range(450)]
    assert scene.team.send(*frames) == [Code.TAKEN] * 450
    ids = [parse(one.envelope).message_id for one in scene.provider.take_all()]
    assert ids == [parse(frame).message_id for frame in frames]


def test_good_and_bad_of_several_grants_in_any_order_get_each_its_own_answer(scene: Scene) -> None:
    chance = randomness.Random(7)  # noqa: S311  # the same order in every run
    other = scene.team.register(scene.gp)
    frames, wanted = [], []
    for _ in range(60):
        grant = chance.choice([scene.grant, other])
        frame = scene.team.envelope(grant)
        kind = chance.choice(["good", "cut", "flipped", "terms"])
        if kind == "cut":
            frame = truncated(frame, chance.randrange(len(frame)))
        elif kind == "flipped":
            frame = flipped(frame, len(frame) // 2)
        elif kind == "terms":
            frame = scene.team.envelope(grant, terms=bytes(32))
        frames.append(frame)
        wanted.append({"good": Code.TAKEN, "terms": Code.TAKEN}.get(kind))
    answers = scene.team.send(*frames)
    assert all(code is None or code is answer for code, answer in zip(wanted, answers, strict=True))
    assert all(answer is not Code.TAKEN for code, answer in zip(wanted, answers, strict=True) if code is None)


# -- many connections, one commit


def test_requests_of_several_connections_that_are_decided_together_get_each_its_own_answers(scene: Scene) -> None:
    back = scene.provider.register(scene.team, 2)
    hub, today = scene.world.hub, scene.world.hub.snapshot()
    ours = [scene.team.envelope(scene.grant), b"", scene.team.envelope(scene.grant, terms=bytes(32))]
    theirs = [scene.provider.envelope(back), scene.team.envelope(scene.grant)]
    size = scene.world.store.head().size
    answers = hub.decide(
        [hub.check(scene.team.address, ours, *today), hub.check(scene.provider.address, theirs, *today)]
    )
    assert answers == [[Code.TAKEN, Code.MALFORMED, Code.TAKEN], [Code.TAKEN, Code.NOT_YOURS]]
    assert scene.world.store.head().size == size + 3
    outcomes = [scene.team.outcome(ours[0]), scene.team.outcome(ours[2]), scene.provider.outcome(theirs[0])]
    assert outcomes == [Code.ACCEPTED, Code.WRONG_TERMS, Code.ACCEPTED]


@pytest.mark.parametrize("what", ["suspended", "revoked"])
def test_who_was_suspended_or_lost_its_key_between_check_and_decision_gets_nothing_in(scene: Scene, what: str) -> None:
    hub = scene.world.hub
    frame = scene.team.envelope(scene.grant)
    checked = hub.check(scene.team.address, [frame], *hub.snapshot())
    if what == "suspended":
        hub.set_state(scene.team.address, SUSPENDED)
    else:
        scene.team.new_signing_key()
    hub.decide([checked])
    assert scene.provider.pickup() == []
    accepts = [record[-1] for record in scene.records() if record[2] == "accept"]
    code = "unknown-sender" if what == "suspended" else "key-not-valid"
    if isinstance(
        scene.world, OverKafka
    ):  # a worker takes steps 1 to 3 again: a refusal of theirs has no entry, and is told
        assert accepts == []
        scene.world.hub.set_state(scene.team.address, "admitted")
        assert scene.team.outcome(frame) == code
    else:
        assert accepts == [code]


def test_who_was_admitted_or_took_a_new_key_between_snapshot_and_check_is_let_in(scene: Scene) -> None:
    hub, before = scene.world.hub, scene.world.hub.snapshot()
    scene.team.new_signing_key()
    frame = scene.team.envelope(scene.grant)
    assert hub.decide([hub.check(scene.team.address, [frame], *before)]) == [[Code.TAKEN]]
    assert scene.team.outcome(frame) is Code.ACCEPTED


# -- the clock


def test_a_clock_that_goes_back_does_not_take_the_log_back(scene: Scene) -> None:
    scene.world.advance(hours=5)
    scene.team.tell(scene.grant)
    before = scene.world.store.head().committed_at
    scene.world.now -= 3 * HOUR
    scene.team.tell(scene.grant)
    assert scene.world.store.head().committed_at == before
    assert len(scene.provider.pickup()) == 2


def test_a_clock_that_goes_back_over_midnight_does_not_reopen_a_month(scene: Scene) -> None:
    scene.world.to("2026-04-01 00:10")
    april = scene.team.register(scene.provider)
    scene.team.tell(april)
    scene.world.now = at("2026-03-31 23:00")
    frame = scene.team.envelope(scene.grant)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.MONTH_OVER
    days = [record[1] for record in scene.records() if record[2] != "public"]
    assert days == sorted(days, key=str)


# -- what time brings by itself


def test_many_that_are_due_at_once_all_end(scene: Scene) -> None:
    scene.team.send(*(scene.team.envelope(scene.grant) for _ in range(450)))
    scene.world.advance(days=7)
    scene.world.hub.tick()
    assert scene.world.store.counts()["waiting"] == 0
    assert [record[2] for record in scene.records()].count("expiry") == 450


def test_the_feed_and_the_stored_outcomes_are_kept_thirty_days(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.take_all()
    scene.world.advance(days=30)
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED]
    assert one in scene.world.store.stored([one])
    scene.world.advance(days=1)
    assert scene.team.feed() == []
    assert scene.world.store.stored([one]) == {}


def test_refusals_before_the_decision_are_one_entry_per_partner_and_hour(scene: Scene) -> None:
    scene.world.advance(hours=1)
    scene.world.hub.tick()
    size = scene.world.store.head().size
    scene.team.send(*(bytes([number]) for number in range(200)), *[bytes(70_000)] * 3)
    scene.provider.send(*[b"x"] * 5)
    assert scene.world.store.head().size == size
    scene.world.advance(hours=1)
    scene.world.hub.tick()
    sums = [record[3:] for record in scene.records() if record[2] == "sum"]
    assert sums == [
        [scene.team.number, [["malformed", 200], ["too-large", 3]]],
        [scene.provider.number, [["malformed", 5]]],
    ]
    scene.world.advance(hours=2)
    scene.world.hub.tick()
    assert scene.world.store.head().size == size + 2


def test_refusals_of_an_unknown_address_are_summed_under_nobody(scene: Scene) -> None:
    stranger = scene.world.party("team-pw", admit=False)
    stranger.send(stranger.envelope(stranger.grant(scene.provider)), b"")
    scene.world.advance(hours=2)
    scene.world.hub.tick()
    sums = [record[3:] for record in scene.records() if record[2] == "sum"]
    assert sums == [[None, [["malformed", 1], ["unknown-sender", 1]]]]


def test_closing_signs_a_checkpoint_of_everything(on_disk: Scene) -> None:
    on_disk.world.hub.checkpoint()
    on_disk.team.tell(on_disk.grant)
    size = on_disk.world.store.head().size
    on_disk.world.close()
    on_disk.world.reopen()
    note = on_disk.world.store.last_checkpoint()
    assert note is not None
    assert open_note(note, HUB_NAME, on_disk.world.hub_public).size == size


def test_an_idle_poll_writes_nothing(scene: Scene) -> None:
    scene.provider.pick_up()
    scene.provider.pick_up(acknowledge=True)
    before = scene.world.store.head()
    scene.world.advance(minutes=5)
    assert scene.provider.pick_up(acknowledge=True).deliveries == ()
    assert scene.world.store.head() == before  # a commit would have moved its time


def test_closing_writes_the_sums_that_are_open(on_disk: Scene) -> None:
    on_disk.team.send(b"")
    on_disk.world.close()
    on_disk.world.reopen()
    assert [record[2] for record in on_disk.records()].count("sum") == 1


# -- what the log may hold


def test_no_record_holds_a_time_only_days(scene: Scene) -> None:
    ids = scene.team.tell(scene.grant, 3)
    scene.provider.pickup(most=1)
    scene.provider.receipts(scene.provider.receipt(ids[0]))
    scene.gp.stop(scene.grant)
    scene.world.advance(minutes=2)
    scene.provider.pickup()
    scene.world.advance(days=8)
    scene.world.hub.tick()
    for record in scene.records():
        if record[2] != "public":
            assert record[1] in range(day_of(at("2026-03-03 09:00")), scene.world.today + 1)
            assert all(number < 1_000_000 for number in _integers(record))


def _integers(value: object) -> Iterator[int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    if isinstance(value, list):
        for item in value:
            yield from _integers(item)
    if isinstance(value, bytes) and value[:1] in {b"\x86", b"\x87"}:  # a frame inside: a fact, a receipt
        try:
            yield from _integers(cbor2.loads(value))
        except cbor2.CBORError:
            return


def test_equal_envelopes_give_unlike_leaves() -> None:
    """The commitments are salted: two logs of the same story share no leaf but what is public."""
    leaves = []
    for seed in (1, 2):
        world = World(seed=seed)
        team, provider = world.party("team-wmo"), world.party("provider-wmo")
        team.tell(team.register(provider))
        leaves.append({entry.leaf for entry in world.store.entries(0, world.store.head().size)})
    assert not leaves[0] & leaves[1]


# -- a store in trouble


def test_a_store_that_changes_under_every_step_ends_in_try_again_and_not_in_a_loop() -> None:
    class Restless(MemoryStore):
        stale = False

        def commit(self, step: Step) -> int:
            if self.stale:
                raise StaleError("always")
            return super().commit(step)

    world = World()
    store = Restless(world.clock)
    world.hub = world.over(store)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    frame = team.envelope(grant)
    store.stale = True
    with pytest.raises(HubUnavailableError, match="try again"):
        team.send(frame)
    with pytest.raises(HubUnavailableError, match="try again"):
        team.stop(grant)
    store.stale = False
    assert team.send(frame) == [Code.TAKEN]
    assert store.faults() == []
    world.check()


# -- a new process on the same folder


def test_after_a_restart_everything_goes_on_where_it_was(on_disk: Scene) -> None:
    ids = on_disk.team.tell(on_disk.grant, 3)
    assert len(on_disk.provider.pickup(most=1)) == 1
    before = on_disk.team.feed()
    on_disk.world.reopen()
    assert on_disk.team.feed() == before
    assert on_disk.provider.pickup() == []  # the lease runs on
    on_disk.provider.receipts(on_disk.provider.receipt(ids[0]))
    assert [parse(one.envelope).message_id for one in on_disk.provider.take_all()] == ids[1:]
    numbers = [item.number for item in on_disk.team.feed()]
    assert numbers == sorted(set(numbers))
    on_disk.world.check()


def test_after_a_restart_a_replay_and_a_used_number_are_still_refused(on_disk: Scene) -> None:
    frame = on_disk.team.envelope(on_disk.grant)
    on_disk.team.send(frame)
    on_disk.world.reopen()
    assert on_disk.team.send(frame) == [Code.ACCEPTED]
    again = on_disk.team.envelope(on_disk.grant, 1)
    on_disk.team.send(again)
    assert on_disk.team.outcome(again) is Code.REPLAYED


def test_after_a_restart_what_was_stopped_stays_stopped(on_disk: Scene) -> None:
    on_disk.team.tell(on_disk.grant)
    early = on_disk.team.grant(on_disk.provider)
    on_disk.gp.stop(on_disk.grant)
    on_disk.gp.stop(early)
    on_disk.world.reopen()
    assert on_disk.provider.pickup() == []
    assert on_disk.team.register_month(early, on_disk.world.month).stopped_by_other
    frame = on_disk.team.envelope(early)
    on_disk.team.send(frame)
    assert on_disk.team.outcome(frame) is Code.NOT_ACTIVE


def test_after_a_restart_what_becomes_visible_later_still_does(on_disk: Scene) -> None:
    on_disk.team.tell(on_disk.grant)
    on_disk.provider.stop(on_disk.grant)
    on_disk.provider.pickup()
    on_disk.world.reopen()
    on_disk.world.advance(days=4)
    assert {item.code for item in on_disk.team.feed()} == {Code.ACCEPTED, Code.NOT_ACTIVE, Code.STOPPED}
    assert {notice.kind for notice in on_disk.provider.notices()} == {"register", "stop"}


# -- several threads


def test_partners_that_come_at_the_same_time_lose_nothing_and_get_nothing_twice(on_disk: Scene) -> None:
    """One thread per partner: sends, pick-ups with receipts, and stops of other grants, over one store on disk."""
    grants = [on_disk.team.register(on_disk.provider) for _ in range(4)]
    others = [on_disk.team.register(on_disk.gp) for _ in range(10)]
    frames = [[on_disk.team.envelope(grant) for _ in range(15)] for grant in grants]
    stops = [on_disk.gp.stopping(grant) for grant in others]
    taken: list[bytes] = []

    def send(mine: list[bytes]) -> None:
        for frame in mine:
            assert on_disk.team.send(frame) == [Code.TAKEN]

    def receive() -> None:
        for _ in range(100_000):
            taken.extend(delivery.envelope for delivery in on_disk.provider.take_all())
            if len(taken) == 60:
                return

    def stop() -> None:
        for fact in stops:
            on_disk.gp.facts(fact)

    with ThreadPoolExecutor(max_workers=6) as pool:
        work = [pool.submit(send, mine) for mine in frames]
        work += [pool.submit(receive), pool.submit(stop)]
        for one in work:
            one.result(timeout=60)
    assert sorted(taken) == sorted(frame for mine in frames for frame in mine)
    for mine in frames:
        assert [frame for frame in taken if frame in set(mine)] == mine
    on_disk.world.check()
