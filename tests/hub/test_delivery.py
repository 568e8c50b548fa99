# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Pick-up, leases, the second decision, receipts, expiry: nobody waits for another's bad message, nothing gets lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent.rules import without
from hub.client import Delivery
from hub.delivery import spread
from hub.registry import ADMITTED, SUSPENDED
from schemas.calendar import day_of, is_working_day, start_of_day
from schemas.codes import Code
from schemas.envelope import parse
from tests.over_kafka import kinds, new_world
from tests.simulator import DAY, HOUR, MINUTE, Grant, Party, World, at
from tests.world_check import fates


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    gp: Party
    grant: Grant


@pytest.fixture(params=kinds("memory", "sqlite", "postgres"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    team, provider, gp = world.party("team-wmo"), world.party("provider-wmo"), world.party("gp")
    yield Scene(world, team, provider, gp, team.register(provider))
    world.close()


def _ids(deliveries: list[Delivery]) -> list[bytes]:
    return [parse(delivery.envelope).message_id for delivery in deliveries]


def _last(scene: Scene, message_id: bytes) -> Code:
    return scene.team.outcomes()[message_id][-1]


# -- order and leases


def test_envelopes_of_one_handle_come_in_order_and_later_ones_only_behind_those_that_are_out(scene: Scene) -> None:
    ids = scene.team.tell(scene.grant, 5)
    assert _ids(scene.provider.pickup(most=2)) == ids[:2]
    assert scene.provider.pickup() == []  # the handle is out
    scene.world.check()
    scene.provider.receipts(*(scene.provider.receipt(one) for one in ids[:2]))
    assert _ids(scene.provider.pickup()) == ids[2:]
    scene.world.check()


def test_a_handle_that_is_out_holds_up_no_other_handle(scene: Scene) -> None:
    other = scene.team.register(scene.provider)
    first = scene.team.tell(scene.grant)
    assert _ids(scene.provider.pickup()) == first
    second = scene.team.tell(other)
    scene.team.tell(scene.grant)
    assert _ids(scene.provider.pickup()) == second
    scene.world.check()


def test_only_its_own_recipient_gets_an_envelope(scene: Scene) -> None:
    ids = scene.team.tell(scene.grant)
    assert scene.gp.pickup() == scene.team.pickup() == []
    assert _ids(scene.provider.pickup()) == ids


def test_without_an_answer_an_envelope_comes_again_after_twice_as_long_each_time_at_most_ten_times(
    scene: Scene,
) -> None:
    [one] = scene.team.tell(scene.grant)
    lease, began = 60_000, scene.world.now
    for count in range(1, 11):
        assert [delivery.count for delivery in scene.provider.pickup()] == [count]
        scene.world.advance(ms=lease - 1)
        assert scene.provider.pickup() == []
        scene.world.advance(ms=1)
        lease *= 2
    assert 17 * HOUR < scene.world.now - began < 18 * HOUR
    assert scene.provider.pickup() == []
    assert _last(scene, one) is Code.EXPIRED
    scene.world.check()


def test_an_envelope_ends_24_hours_after_its_first_hand_over(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    assert _ids(scene.provider.pickup()) == [one]
    scene.world.advance(ms=DAY - 1)
    assert _last(scene, one) is Code.ACCEPTED
    scene.world.advance(ms=1)
    assert _last(scene, one) is Code.EXPIRED
    assert scene.provider.pickup() == []
    scene.world.check()


def test_an_envelope_that_nobody_picks_up_ends_after_seven_days(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.world.advance(ms=7 * DAY - 1)
    assert _last(scene, one) is Code.ACCEPTED
    scene.world.advance(ms=1)
    assert _last(scene, one) is Code.EXPIRED
    assert scene.provider.pickup() == []
    scene.world.check()


def test_one_message_that_is_never_answered_does_not_stop_the_handle(scene: Scene) -> None:
    bad, good = scene.team.tell(scene.grant, 2)
    for _ in range(400):
        deliveries = scene.provider.pickup()
        scene.provider.receipts(*(scene.provider.receipt(one) for one in _ids(deliveries) if one != bad))
        if _last(scene, good) is Code.STORED:
            break
        scene.world.advance(minutes=10)
    assert _last(scene, good) is Code.STORED
    scene.world.advance(days=1)
    assert _last(scene, bad) is Code.EXPIRED
    scene.world.check()


def test_from_the_third_time_a_message_comes_alone(scene: Scene) -> None:
    other = scene.team.register(scene.provider)
    [bad] = scene.team.tell(scene.grant)
    for minutes in (1, 2):
        assert _ids(scene.provider.pickup()) == [bad]
        scene.world.advance(minutes=minutes)
    behind = scene.team.tell(scene.grant)
    beside = scene.team.tell(other)
    assert [_ids([one]) for one in scene.provider.pickup()] == [[bad]]
    assert _ids(scene.provider.pickup()) == beside  # whatever else waits is not held up
    scene.provider.receipts(scene.provider.receipt(bad, Code.UNREADABLE))
    assert _ids(scene.provider.pickup()) == behind
    scene.world.check()


def test_what_went_behind_another_of_its_handle_is_not_counted(scene: Scene) -> None:
    scene.team.tell(scene.grant, 3)
    assert [delivery.count for delivery in scene.provider.pickup()] == [1, 0, 0]
    scene.world.advance(minutes=1)
    assert [delivery.count for delivery in scene.provider.pickup()] == [2, 0, 0]
    scene.world.check()


def test_a_lost_answer_loses_nothing(scene: Scene) -> None:
    ids = scene.team.tell(scene.grant, 3)
    scene.provider.pickup()  # the answer never arrived
    scene.world.advance(minutes=1)
    assert _ids(scene.provider.take_all()) == ids
    scene.world.check()


# -- the hand-over is in the log before it leaves


def test_every_hand_over_carries_its_own_entry_of_the_log(scene: Scene) -> None:
    scene.team.tell(scene.grant, 3)
    for delivery in scene.provider.pickup():
        [entry] = scene.world.store.entries(delivery.index, delivery.index + 1)
        assert (entry.record, entry.salt) == (delivery.record, delivery.salt)
    scene.world.check()


# -- the second decision


@pytest.mark.parametrize("who", ["sender", "recipient", "third"])
def test_nothing_is_handed_over_after_a_stop_whoever_signed_it(scene: Scene, who: str) -> None:
    [one] = scene.team.tell(scene.grant)
    {"sender": scene.team, "recipient": scene.provider, "third": scene.gp}[who].stop(scene.grant)
    assert scene.provider.pickup() == []
    scene.world.check()
    assert _last(scene, one) is Code.ACCEPTED  # not yet told
    scene.world.advance(days=4)
    assert _last(scene, one) is Code.NOT_ACTIVE
    scene.world.check()


def test_the_lease_that_runs_when_a_stop_comes_is_not_renewed(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    assert _ids(scene.provider.pickup()) == [one]
    scene.provider.stop(scene.grant)
    scene.world.advance(minutes=1)
    assert scene.provider.pickup() == []
    scene.world.check()


def test_a_suspended_sender_tells_nothing_more(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.world.hub.set_state(scene.team.address, SUSPENDED)
    assert scene.provider.pickup() == []
    scene.world.hub.set_state(scene.team.address, ADMITTED)
    scene.world.advance(days=4)
    assert _last(scene, one) is Code.UNKNOWN_SENDER
    scene.world.check()


def test_what_a_revoked_key_signed_is_not_handed_over(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.team.new_signing_key()
    assert scene.provider.pickup() == []
    scene.world.advance(days=4)
    assert _last(scene, one) is Code.KEY_NOT_VALID
    scene.world.check()


def test_a_key_whose_days_are_over_but_that_is_not_revoked_still_counts_at_pick_up(scene: Scene) -> None:
    scene.team.keeps_up = False
    until = scene.team.manifest.until
    scene.world.advance(days=until - scene.world.today)
    month = scene.world.month
    assert scene.team.register_month(scene.grant, month).code is Code.IN_FORCE
    scene.provider.keep_up()
    [one] = scene.team.tell(scene.grant)
    scene.world.advance(days=1)
    assert scene.team.send(scene.team.envelope(scene.grant)) == [Code.KEY_NOT_VALID]
    assert _ids(scene.provider.pickup()) == [one]
    scene.world.check()


@pytest.mark.parametrize("narrows", ["sender", "recipient"])
def test_a_table_that_was_narrowed_meanwhile_holds_back_what_waits(scene: Scene, narrows: str) -> None:
    [one] = scene.team.tell(scene.grant)
    (scene.team if narrows == "sender" else scene.provider).narrow(without(scene.world.table, [1]).raw)
    assert scene.provider.pickup() == []
    scene.world.advance(days=4)
    assert _last(scene, one) is Code.NOT_PERMITTED_HERE
    scene.world.check()


def test_what_was_accepted_on_the_last_day_of_the_month_is_delivered_nine_days_longer(scene: Scene) -> None:
    scene.world.to("2026-03-31 23:00")
    [one] = scene.team.tell(scene.grant)
    scene.world.to("2026-04-07 22:59")
    assert _ids(scene.provider.pickup()) == [one]
    scene.world.check()


def test_what_was_accepted_before_the_end_of_the_grant_is_not_delivered_after_it(scene: Scene) -> None:
    grant = scene.team.register(scene.provider, end=day_of(at("2026-03-20 12:00")))
    scene.world.to("2026-03-20 23:00")
    [one] = scene.team.tell(grant)
    scene.world.to("2026-03-21 00:00")
    assert scene.provider.pickup() == []
    scene.world.advance(days=4)
    assert _last(scene, one) is Code.NOT_ACTIVE
    scene.world.check()


# -- when the sender learns of it


def test_that_pick_up_found_a_stop_is_seen_at_a_random_minute_of_the_next_working_day(scene: Scene) -> None:
    scene.world.to("2026-03-06 10:00")  # a Friday
    grants = [scene.team.register(scene.provider) for _ in range(30)]
    ids = [scene.team.tell(grant)[0] for grant in grants]
    for grant in grants:
        scene.provider.stop(grant)
    assert scene.provider.pickup() == []
    seen: dict[bytes, int] = {}
    scene.world.to("2026-03-09 00:00")
    while scene.world.now < at("2026-03-10 00:00"):
        for one in ids:
            if _last(scene, one) is Code.NOT_ACTIVE:
                seen.setdefault(one, scene.world.now)
        scene.world.advance(hours=4)
    for one in ids:
        seen.setdefault(one, scene.world.now)
    assert set(seen) == set(ids)
    assert len(set(seen.values())) > 3  # spread over the day, not all at one moment
    numbers = [item.number for item in scene.team.feed()]
    assert numbers == sorted(set(numbers))
    scene.world.check()


def test_the_spread_is_a_whole_minute_of_the_next_working_day_and_uses_all_of_it() -> None:
    world = World()
    friday = at("2026-03-06 23:59")
    times = [spread(friday, world.random) for _ in range(2000)]
    monday = start_of_day(day_of(friday) + 3)
    assert all(is_working_day(day_of(time)) and time % MINUTE == 0 for time in times)
    assert min(times) >= monday
    assert max(times) < monday + DAY
    assert max(times) - min(times) > 23 * HOUR


def test_a_refusal_at_once_is_told_at_once(scene: Scene) -> None:
    scene.provider.stop(scene.grant)
    frame = scene.team.envelope(scene.grant)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_ACTIVE


# -- receipts


@pytest.mark.parametrize(
    "code",
    [
        Code.STORED,
        Code.SEEN_ALREADY,
        Code.SEEN_ALREADY_RETRACTED,
        Code.UNKNOWN_HANDLE,
        Code.INVALID_PART,
        Code.UNREADABLE,
        Code.NOT_PERMITTED,
    ],
)
def test_a_receipt_ends_the_waiting_destroys_the_payload_and_tells_the_sender(scene: Scene, code: Code) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    assert scene.provider.receipts(scene.provider.receipt(one, code)) == [code]
    assert scene.world.store.payloads([one]).get(one) is None
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, code]
    scene.world.advance(hours=1)
    assert scene.provider.pickup() == []
    scene.world.check()


def test_receipts_may_come_in_any_order_signed_together_and_again(scene: Scene) -> None:
    ids = scene.team.tell(scene.grant, 5)
    scene.provider.pickup()
    frames = scene.provider.sign_together([(one, Code.STORED) for one in reversed(ids)])
    size = scene.world.store.head().size
    assert scene.provider.receipts(*frames) == [Code.STORED] * 5
    assert scene.provider.receipts(*frames, *frames) == [Code.STORED] * 10
    assert scene.world.store.head().size == size + 5
    assert all(scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED] for one in ids)
    scene.world.check()


def test_the_same_receipt_twice_in_one_call_counts_once(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    frame = scene.provider.receipt(one)
    assert scene.provider.receipts(frame, frame) == [Code.STORED, Code.STORED]
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED]
    scene.world.check()


def test_a_receipt_that_contradicts_the_one_before_changes_nothing(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    scene.provider.receipts(scene.provider.receipt(one))
    scene.provider.receipts(scene.provider.receipt(one, Code.UNREADABLE))
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED]
    scene.world.check()


def test_introduced_follows_what_the_recipient_has_and_nothing_else(scene: Scene) -> None:
    one, two, three = scene.team.tell(scene.grant, 3)
    scene.provider.pickup()
    for message_id, code in ((one, Code.STORED), (two, Code.UNREADABLE), (three, Code.SEEN_ALREADY)):
        scene.provider.receipts(scene.provider.receipt(message_id, code))
        scene.provider.receipts(scene.provider.receipt(message_id, Code.INTRODUCED))
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED, Code.INTRODUCED]
    assert scene.team.outcomes()[two] == [Code.ACCEPTED, Code.UNREADABLE]
    assert scene.team.outcomes()[three] == [Code.ACCEPTED, Code.SEEN_ALREADY, Code.INTRODUCED]
    scene.world.check()


@pytest.mark.parametrize("who", ["gp", "team"])
def test_a_receipt_of_another_is_not_yours_and_changes_nothing(scene: Scene, who: str) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    party: Party = getattr(scene, who)
    assert party.receipts(party.receipt(one)) == [Code.NOT_YOURS]
    assert party.receipts(scene.provider.receipt(one)) == [Code.BAD_SIGNATURE]
    assert scene.team.outcomes()[one] == [Code.ACCEPTED]
    scene.world.check()


def test_a_receipt_for_what_was_never_handed_over_or_never_there_is_not_yours(scene: Scene) -> None:
    [waits] = scene.team.tell(scene.grant)
    refused = scene.team.envelope(scene.grant, terms=bytes(32))
    scene.team.send(refused)
    scene.provider.stop(scene.grant)
    stopped = scene.team.envelope(scene.grant)
    scene.team.send(stopped)
    for one in (waits, parse(refused).message_id, parse(stopped).message_id, bytes(16)):
        assert scene.provider.receipts(scene.provider.receipt(one)) == [Code.NOT_YOURS]
    assert scene.team.outcome(stopped) is Code.NOT_ACTIVE
    scene.world.check()


@pytest.mark.parametrize("bad", [b"", b"\x80", bytes(2000)])
def test_bytes_that_are_no_receipt_are_refused_and_others_in_the_call_count(scene: Scene, bad: bytes) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    refusal, counted = scene.provider.receipts(bad, scene.provider.receipt(one))
    assert refusal in {Code.MALFORMED, Code.TOO_LARGE}
    assert counted is Code.STORED
    scene.world.check()


@pytest.mark.parametrize("code", [Code.STORED, Code.SEEN_ALREADY])
def test_a_late_receipt_replaces_expired(scene: Scene, code: Code) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    scene.world.advance(days=1)
    assert _last(scene, one) is Code.EXPIRED
    scene.provider.receipts(scene.provider.receipt(one, code))
    assert _last(scene, one) is code
    scene.world.check()


@pytest.mark.parametrize("why", ["stopped", "suspended", "revoked", "narrowed"])
def test_a_late_receipt_is_accepted_whatever_the_second_decision_found_after_the_hand_over(
    scene: Scene, why: str
) -> None:
    [one] = scene.team.tell(scene.grant)
    assert _ids(scene.provider.pickup()) == [one]
    if why == "stopped":
        scene.provider.stop(scene.grant)
    elif why == "suspended":
        scene.world.hub.set_state(scene.team.address, SUSPENDED)
    elif why == "revoked":
        scene.team.new_signing_key()
    else:
        scene.provider.narrow(without(scene.world.table, [1]).raw)
    scene.world.advance(minutes=1)
    assert scene.provider.pickup() == []
    assert scene.provider.receipts(scene.provider.receipt(one)) == [Code.STORED]
    scene.world.hub.set_state(scene.team.address, ADMITTED)
    assert _last(scene, one) is Code.STORED
    scene.world.check()
    found = fates(scene.world.store.entries(0, scene.world.store.head().size))
    assert [(fate.hand_overs, len(fate.ends), fate.last) for fate in found.values()] == [(1, 1, "stored")]


def test_an_end_that_shows_in_the_feed_after_a_late_receipt_is_not_the_outcome(scene: Scene) -> None:
    """A final outcome is replaced only by `stored` or `seen-already`, at the hub and at the edge that reads this."""
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    scene.provider.stop(scene.grant)
    scene.world.advance(minutes=1)
    scene.provider.pickup()
    scene.provider.receipts(scene.provider.receipt(one))
    scene.world.advance(days=4)
    assert scene.world.store.stored([one])[one].code is Code.STORED
    assert scene.team.outcomes()[one] == [Code.ACCEPTED, Code.STORED, Code.NOT_ACTIVE]
    scene.world.check()


def test_a_receipt_other_than_stored_or_seen_does_not_replace_what_ended_without_one(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    scene.world.advance(days=1)
    scene.provider.receipts(scene.provider.receipt(one, Code.UNREADABLE))
    assert _last(scene, one) is Code.EXPIRED
    scene.world.check()


def test_a_receipt_signed_with_a_revoked_key_does_not_count(scene: Scene) -> None:
    [one] = scene.team.tell(scene.grant)
    scene.provider.pickup()
    frame = scene.provider.receipt(one)
    scene.provider.new_signing_key()
    assert scene.provider.receipts(frame) == [Code.BAD_SIGNATURE]
    assert scene.provider.receipts(scene.provider.receipt(one)) == [Code.STORED]
    scene.world.check()


# -- retractions travel the same way


def test_a_retraction_is_handed_over_once_and_says_only_which_event(scene: Scene) -> None:
    event = scene.world.random(16)
    frame = scene.team.retraction(scene.grant, event)
    scene.team.send(frame, frame)
    [delivery] = scene.provider.pickup()
    assert scene.provider.open_retraction(delivery) == event
    scene.provider.receipts(scene.provider.receipt(parse(frame).message_id))
    assert scene.team.outcome(frame) is Code.STORED
    scene.world.check()


def test_opened_parts_are_those_that_were_sealed(scene: Scene) -> None:
    parts = scene.team.event(scene.grant)
    scene.team.send(scene.team.envelope(scene.grant, parts=parts))
    [delivery] = scene.provider.pickup()
    assert scene.provider.open(delivery) == parts
