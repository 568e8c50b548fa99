# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Delivery: pick-up with the second decision, leases, signed receipts, expiry (delivery.md section 3).  Pure.

* What is handed over was decided again, and its entry is durable before a byte leaves: the caller commits first.
* Per handle in order.  While an envelope of a handle is out, later ones of that handle go only behind it.
* A lease lasts 60 s, twice as long each time.  From its third time an envelope is offered alone, so that one that
  kills its reader can't take others with it; what went behind another of its handle is not counted.
* The waiting ends with a receipt, ten hand-overs without an answer, 24 h after the first, or 7 days after
  acceptance.  The payload is destroyed, an entry is written, the sender is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from consent.decide import Moment
from hub.pipeline import WAITS_AT_MOST_MS, Known, Question, judge
from hub.registry import Partner
from hub.store import Leave, Offer, Step, Stored, Tell, Waiting
from schemas import entry
from schemas.calendar import day_of, next_working_day, start_of_day
from schemas.codes import RECEIPT_CODES, Code
from schemas.receipt import Receipt

LEASE_MS = 60_000
OFFERED_AT_MOST = 10
ALONE_FROM = 2  # times that it was offered before
OUT_AT_MOST_MS = 86_400_000
_ENDED_WITH_RECEIPT = frozenset(RECEIPT_CODES.values())
_REPLACES = frozenset({Code.STORED, Code.SEEN_ALREADY, Code.INTRODUCED})
# What can end the waiting after an earlier hand-over, whose receipt may still come.
_ENDED_WITHOUT = frozenset(
    {
        Code.EXPIRED,
        Code.KEY_LOST,
        Code.HUB_FAULT,
        Code.NOT_ACTIVE,
        Code.NOT_PERMITTED_HERE,
        Code.UNKNOWN_SENDER,
        Code.KEY_NOT_VALID,
    }
)
# Outcomes that only an accepted envelope can have; of any other the log says whether it was accepted first.
ONCE_ACCEPTED = _ENDED_WITH_RECEIPT | {Code.ACCEPTED, Code.EXPIRED, Code.KEY_LOST, Code.HUB_FAULT}


@dataclass(slots=True)
class Handover:
    """What leaves after the commit: the payload of `message_id` with the entry at `place` of the step."""

    message_id: bytes
    offered: int
    place: int


class _Known(NamedTuple):
    """What a receipt is about: from whom to whom, the entry of its acceptance, and its outcome of now."""

    sender: int
    recipient: int
    accept: int
    code: Code


def choose(rows: Sequence[Waiting]) -> list[Waiting]:
    """Which of the rows, in order of acceptance, no more than asked and with no lease on their handles, go into one answer."""
    if rows and rows[0].offered >= ALONE_FROM:
        return [rows[0]]
    chosen: list[Waiting] = []
    left_out: set[bytes] = set()
    for row in rows:
        if row.offered >= ALONE_FROM or row.handle in left_out:
            left_out.add(row.handle)
        else:
            chosen.append(row)
    return chosen


def as_chosen(rows: Sequence[Waiting], now: Mapping[bytes, Waiting]) -> list[Waiting]:
    """Those of the rows, chosen a moment ago, that may still go out.  When one is no longer as it was, another answer may
    have it: then nothing of its handle goes out behind it."""
    chosen: list[Waiting] = []
    left_out: set[bytes] = set()
    for row in rows:
        if row.handle in left_out or now.get(row.message_id) != row:
            left_out.add(row.handle)
        else:
            chosen.append(row)
    return chosen


def hand_over(
    chosen: Sequence[tuple[Waiting, Question | None]],
    known: Known,
    now: int,
    random: Callable[[int], bytes],
    before: Collection[bytes] = (),
) -> tuple[Step, list[Handover]]:
    """The second decision on each chosen row; a `Question` of None means that its key is lost.

    The step holds the entry of every decision, the leases of what goes out and the end of what doesn't.  When the
    sender learns of an end that pick-up found is spread over the next working day.  `before`: the handles of what goes
    out in the same answer, ahead of these.
    """
    step, out = Step(at=now), list[Handover]()
    heads = set(before)
    for row, question in chosen:
        if question is None:
            end(step, row, Code.KEY_LOST, now, known.day, random)
            continue
        grant = known.grants.get(row.handle)
        code = judge(question, grant, known.partners, known.day, Moment.PICKUP)
        offered = row.offered if row.handle in heads else row.offered + 1
        step.rests_on_grants.append((row.handle, 0 if grant is None else grant.version))
        for number in (row.sender, row.recipient):
            step.rests_on_addresses[number] = known.partners.by_number[number].version
        place = len(step.entries)
        record = entry.hand_over(known.day, row.accept, offered, known.newest_fact, code.value)
        step.entries.append(entry.committed(record, random(32)))
        if code is not Code.ACCEPTED:
            step.leaves.append(Leave(row.message_id, code))
            step.tells.append(Tell(row.sender, spread(now, random), code, row.message_id))
            continue
        step.offers.append(_offer(row, offered, now))
        out.append(Handover(row.message_id, offered, place))
        heads.add(row.handle)
    return step, out


def _offer(row: Waiting, offered: int, now: int) -> Offer:
    first_out = row.first_out or now
    lease_until = now + (LEASE_MS << max(offered - 1, 0))
    due = min(row.since + WAITS_AT_MOST_MS, first_out + OUT_AT_MOST_MS)
    if offered >= OFFERED_AT_MOST:
        due = min(due, lease_until)
    return Offer(row.message_id, offered, first_out, lease_until, due)


def receive(
    receipts: Sequence[Receipt],
    waiting: Mapping[bytes, Waiting],
    stored: Mapping[bytes, Stored],
    recipient: Partner,
    day: int,
    now: int,
    random: Callable[[int], bytes],
) -> tuple[Step, list[Code]]:
    """The step for receipts whose signature `recipient` made, and an answer for each; `stored` of what waits no more.

    In any order, repeatable, also late.  A final outcome is replaced only by `stored` or `seen-already` (and these by
    `introduced`).  A receipt for what was never handed over to this address is `not-yours`, whether or not it is
    somebody else's.
    """
    step = Step(at=now)
    answers: list[Code] = []
    ended: set[bytes] = set()
    known = {one: _Known(past.sender, past.recipient, past.accept, past.code) for one, past in stored.items()}
    for one, still in waiting.items():
        known[one] = _Known(still.sender, still.recipient, still.accept, Code.ACCEPTED)
    for receipt in receipts:
        before, row = known.get(receipt.message_id), waiting.get(receipt.message_id)
        if before is None or before.recipient != recipient.number or (row is not None and not row.first_out):
            answers.append(Code.NOT_YOURS)
            continue
        answers.append(receipt.code)
        waits = row is not None and receipt.message_id not in ended
        if not (waits or _replaces(before.code, receipt.code)):
            continue  # repeated, or too late to change anything: the answer is the same
        record = entry.receipt(day, before.accept, receipt.code.value, receipt.raw)
        step.entries.append(entry.committed(record, random(32)))
        (step.leaves if waits else step.outcomes).append(Leave(receipt.message_id, receipt.code))
        step.tells.append(Tell(before.sender, 0, receipt.code, receipt.message_id))
        known[receipt.message_id] = _Known(before.sender, before.recipient, before.accept, receipt.code)
        ended.add(receipt.message_id)
    return step, answers


def _replaces(old: Code, new: Code) -> bool:
    if old in _ENDED_WITH_RECEIPT:
        return new is Code.INTRODUCED and old in (Code.STORED, Code.SEEN_ALREADY)
    return old in _ENDED_WITHOUT and new in _REPLACES


def expire(rows: Sequence[Waiting], day: int, now: int, random: Callable[[int], bytes]) -> Step:
    """The step that ends the waiting of `rows`, which are due."""
    step = Step(at=now)
    for row in rows:
        end(step, row, Code.EXPIRED, now, day, random)
    return step


def end(step: Step, row: Waiting, code: Code, now: int, day: int, random: Callable[[int], bytes]) -> None:
    """Adds to `step` that the waiting of `row` ends without a receipt."""
    step.entries.append(entry.committed(entry.expiry(day, row.accept, code.value), random(32)))
    step.leaves.append(Leave(row.message_id, code))
    step.tells.append(Tell(row.sender, 0, code, row.message_id))


def spread(now: int, random: Callable[[int], bytes]) -> int:
    """A random minute of the next working day, in unix milliseconds."""
    minute = int.from_bytes(random(4), "big") % 1440
    return start_of_day(next_working_day(day_of(now))) + minute * 60_000
