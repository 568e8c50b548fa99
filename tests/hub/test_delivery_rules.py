# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The rules of delivery, each by itself: what goes out together, which receipt counts, how long a lease lasts."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.rules import national
from hub.delivery import choose, expire, hand_over, receive, spread
from hub.pipeline import Known, Question
from hub.registry import ADMITTED, Partner, Partners
from hub.store import GrantRow, Offer, Stored, Waiting
from schemas.calendar import parse_date, start_of_day
from schemas.codes import RECEIPT_CODES, Code
from schemas.entry import items_of
from schemas.receipt import Receipt

SENDER, RECIPIENT = 1, 2
DAY, NOW = 20_000, 1_728_000_000_000
HOUR = 3_600_000
TABLE = national(test_mode=True)
HERE = Partner(RECIPIENT, "urn:nld:oin:00000000000000000002:gp", ADMITTED, 3, None, {}, {}, TABLE)
THERE = Partner(SENDER, "urn:nld:oin:00000000000000000001:team-wmo", ADMITTED, 5, None, {"s1": None}, {}, TABLE)  # type: ignore[dict-item]  # only whether it is there is asked

# What ended the waiting before a receipt could: the two ends of a term, a lost key, a fault, and what the second decision found.
ENDED_WITHOUT = (
    Code.EXPIRED,
    Code.KEY_LOST,
    Code.HUB_FAULT,
    Code.NOT_ACTIVE,
    Code.NOT_PERMITTED_HERE,
    Code.UNKNOWN_SENDER,
    Code.KEY_NOT_VALID,
)
REPLACES = {
    *product(ENDED_WITHOUT, (Code.STORED, Code.SEEN_ALREADY, Code.INTRODUCED)),
    *product((Code.STORED, Code.SEEN_ALREADY), (Code.INTRODUCED,)),
}


def _random(size: int) -> bytes:
    return bytes(size)


def _row(handle: int = 0, place: int = 0, offered: int = 0, since: int = NOW, first_out: int = 0) -> Waiting:
    return Waiting(bytes([handle, place]), SENDER, RECIPIENT, bytes([handle]), place, since, offered, first_out, 0)


_ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12)


@given(_ROWS)
def test_a_message_from_its_third_time_on_goes_alone_and_holds_back_only_its_own_handle(
    made: list[tuple[int, int]],
) -> None:
    rows = [_row(handle, place, offered) for place, (handle, offered) in enumerate(made)]
    chosen = choose(rows)
    if rows and rows[0].offered >= 2:
        assert chosen == rows[:1]
        return
    for place, row in enumerate(rows):
        ahead = [other for other in rows[: place + 1] if other.handle == row.handle]
        assert (row in chosen) == all(other.offered < 2 for other in ahead)
    assert chosen == sorted(chosen, key=lambda row: row.accept)


def _receipt(message_id: bytes, code: Code) -> Receipt:
    return Receipt(b"raw", message_id, code, DAY, b"", b"signed")  # type: ignore[arg-type]  # checked by the caller


@pytest.mark.parametrize(("old", "new"), list(product(Code, RECEIPT_CODES.values())))
def test_a_late_receipt_replaces_what_ended_without_one_and_nothing_that_was_answered(old: Code, new: Code) -> None:
    stored = {b"m": Stored(bytes(32), SENDER, RECIPIENT, 7, old)}
    step, answers = receive([_receipt(b"m", new)], {}, stored, HERE, DAY, NOW, _random)
    assert answers == [new]
    changed = [(one.message_id, one.code) for one in step.outcomes]
    assert changed == ([(b"m", new)] if (old, new) in REPLACES else [])
    assert (step.leaves, len(step.entries), len(step.tells)) == ([], len(changed), len(changed))


@pytest.mark.parametrize("code", list(RECEIPT_CODES.values()))
def test_any_receipt_ends_the_waiting_once_it_was_out(code: Code) -> None:
    row = _row(first_out=NOW - HOUR, offered=1)
    step, answers = receive([_receipt(row.message_id, code)], {row.message_id: row}, {}, HERE, DAY, NOW, _random)
    assert (answers, [(one.message_id, one.code) for one in step.leaves]) == ([code], [(row.message_id, code)])
    assert [(one.to, one.at, one.code) for one in step.tells] == [(SENDER, 0, code)]
    [entry] = step.entries
    assert items_of(entry.record)[3] == row.accept
    assert len(entry.salt or b"") == 32


def test_a_second_receipt_in_the_same_call_replaces_what_the_first_one_said_and_ends_nothing_twice() -> None:
    row = _row(first_out=NOW - HOUR, offered=1)
    both = [_receipt(row.message_id, code) for code in (Code.STORED, Code.INTRODUCED, Code.UNREADABLE)]
    step, answers = receive(both, {row.message_id: row}, {}, HERE, DAY, NOW, _random)
    assert answers == [Code.STORED, Code.INTRODUCED, Code.UNREADABLE]
    assert [one.code for one in step.leaves] == [Code.STORED]
    assert [one.code for one in step.outcomes] == [Code.INTRODUCED]


@pytest.mark.parametrize(
    ("recipient", "first_out"), [(RECIPIENT + 1, NOW - HOUR), (RECIPIENT, 0)], ids=["of another", "never out"]
)
def test_a_receipt_for_what_was_not_handed_over_to_its_signer_is_not_yours(recipient: int, first_out: int) -> None:
    row = _row(first_out=first_out)._replace(recipient=recipient)
    step, answers = receive([_receipt(row.message_id, Code.STORED)], {row.message_id: row}, {}, HERE, DAY, NOW, _random)
    assert (answers, step.leaves, step.entries, step.tells) == ([Code.NOT_YOURS], [], [], [])


GRANT = GrantRow(
    bytes([0]), SENDER, RECIPIENT, 24_300, None, 1, "statutory", ("progress",), bytes(32), stopped=True, version=4, last=9,
    held_until=0, forget=DAY + 1,
)  # fmt: skip
RETRACTION = Question(
    retraction=True,
    handle=GRANT.handle,
    sequence=1,
    sender=SENDER,
    recipient=RECIPIENT,
    sign_key="s1",
    seal_key="o1",
    names=(),
    terms=b"",
)


def _known(grant: GrantRow | None = GRANT) -> Known:
    return Known(Partners([HERE, THERE]), {} if grant is None else {grant.handle: grant}, {}, -1, DAY)


def test_a_lost_key_ends_the_waiting_and_is_told_at_once() -> None:
    row = _row()
    step, out = hand_over([(row, None)], _known(), NOW, _random)
    assert (out, step.offers, step.rests_on_grants) == ([], [], [])
    assert [(one.message_id, one.code) for one in step.leaves] == [(row.message_id, Code.KEY_LOST)]
    assert [(one.to, one.at, one.code) for one in step.tells] == [(SENDER, 0, Code.KEY_LOST)]


def test_a_decision_at_pick_up_rests_on_the_grant_and_on_both_addresses_whatever_it_is() -> None:
    for grant, version in ((GRANT, GRANT.version), (None, 0)):
        step, out = hand_over([(_row(), RETRACTION)], _known(grant), NOW, _random)
        assert step.rests_on_grants == [(GRANT.handle, version)]
        assert step.rests_on_addresses == {SENDER: THERE.version, RECIPIENT: HERE.version}
        assert (len(out), len(step.leaves)) == ((0, 1) if grant is None else (1, 0))
        assert [len(one.salt or b"") for one in step.entries] == [32]


def test_what_pick_up_stopped_does_not_lead_the_others_of_its_handle() -> None:
    """The first is counted as offered; one behind a row that did not go out is the first itself."""
    other = RETRACTION._replace(sign_key="revoked")
    rows = [_row(place=place) for place in range(4)]
    questions = (other, RETRACTION, RETRACTION, RETRACTION)
    step, out = hand_over(list(zip(rows, questions, strict=True)), _known(), NOW, _random)
    assert [(one.message_id, one.code) for one in step.leaves] == [(rows[0].message_id, Code.KEY_NOT_VALID)]
    assert [(one.message_id, one.offered, one.place) for one in out] == [
        (rows[1].message_id, 1, 1),
        (rows[2].message_id, 0, 2),
        (rows[3].message_id, 0, 3),
    ]
    step, out = hand_over([(rows[1], RETRACTION)], _known(), NOW, _random, before={GRANT.handle})
    assert [one.offered for one in out] == [0]


@pytest.mark.parametrize("before", range(10))
def test_a_lease_is_twice_as_long_each_time_and_the_tenth_is_the_last(before: int) -> None:
    first_out = NOW - HOUR if before else 0
    step, _ = hand_over([(_row(offered=before, first_out=first_out), RETRACTION)], _known(), NOW, _random)
    lease_until = NOW + 60_000 * 2**before
    due = lease_until if before == 9 else (first_out or NOW) + 24 * HOUR
    assert step.offers == [Offer(_row().message_id, before + 1, first_out or NOW, lease_until, due)]


def test_a_lease_of_the_tenth_time_ends_the_waiting_no_later_than_24_hours_after_the_first() -> None:
    row = _row(offered=9, first_out=NOW - 23 * HOUR)
    step, _ = hand_over([(row, RETRACTION)], _known(), NOW, _random)
    assert step.offers[0].due == NOW + HOUR


def test_what_waits_ends_seven_days_after_it_was_accepted_however_short_it_was_out() -> None:
    step, _ = hand_over([(_row(since=NOW - 7 * 24 * HOUR + 5), RETRACTION)], _known(), NOW, _random)
    assert step.offers[0].due == NOW + 5


def test_what_is_due_ends_with_an_entry_each_and_its_sender_is_told_at_once() -> None:
    rows = [_row(place=1), _row(place=2)]
    step = expire(rows, DAY, NOW, _random)
    assert [(one.message_id, one.code) for one in step.leaves] == [(row.message_id, Code.EXPIRED) for row in rows]
    assert [(one.to, one.at, one.code) for one in step.tells] == [(SENDER, 0, Code.EXPIRED)] * 2
    assert [len(one.salt or b"") for one in step.entries] == [32, 32]
    assert [items_of(one.record)[3] for one in step.entries] == [row.accept for row in rows]


@pytest.mark.parametrize(("drawn", "minute"), [(0, 0), (1439, 1439), (1440, 0), (2**32 - 1, (2**32 - 1) % 1440)])
def test_the_spread_of_what_pick_up_found_reaches_from_midnight_to_the_last_minute_of_the_next_working_day(
    drawn: int, minute: int
) -> None:
    friday = start_of_day(parse_date("2026-03-06")) + 23 * HOUR
    monday = start_of_day(parse_date("2026-03-09"))
    assert spread(friday, lambda size: drawn.to_bytes(size, "big")) == monday + minute * 60_000
