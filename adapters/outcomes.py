# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an outcome means for what was sent: pure, one place, every code by its class.

Guarantees: `stored` and `seen-already` always count, also late and also for an earlier envelope of the same item; any
other code counts for the newest envelope only; what can never succeed by itself ends as a question to a person.
"""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from adapters.lines import RECALL_DAYS, is_live
from adapters.records_outgoing import (
    DONE,
    EVENT,
    FINAL,
    INTRODUCTION,
    REPLACED,
    REQUEST,
    RETRACTED,
    RETRACTION,
    SENT,
    STOPPED,
    STOPPING,
    WAITING,
    Grant,
    Item,
)
from adapters.shelf import changed
from consent.decide import PICKUP_DAYS
from schemas.calendar import day_of, last_day
from schemas.codes import CLASS, Class, Code

MOST_TRIES: Final = 10  # of what should have succeeded at the next try
PUT_OFF: Final = 3_600_000
SOON_AGAIN: Final = 2  # tries that follow each other at once


class Effect(Enum):
    """What else follows from an outcome."""

    NOTHING = auto()
    INTRODUCED = auto()
    INTRODUCE_AGAIN = auto()
    STOP_FOUND = auto()
    READ_MANIFEST = auto()


_GOOD: Final = (Code.STORED, Code.SEEN_ALREADY, Code.INTRODUCED)


def after(
    item: Item, grant: Grant, message_id: bytes, code: Code, now: int, *, restoring: bool = False
) -> tuple[Item, Effect]:
    """The item as it is after this outcome of one of its envelopes.

    `restoring`: this edge was put back and its lines have not begun anew, so it may have forgotten a stop of its own.
    """
    if code in _GOOD:
        done = replace(
            item, state=FINAL, final=DONE, asks=False, undecided=False, frame=None, tries=0, done_on=day_of(now)
        )
        # By code the recipient knows who it is about only when somebody there has typed it.
        known = item.kind == INTRODUCTION and (code is Code.INTRODUCED or not grant.by_code)
        return done, Effect.INTRODUCED if known else Effect.NOTHING
    if message_id != item.message_id or item.state != SENT:
        return item, Effect.NOTHING
    if code is Code.TAKEN:
        return taken(item, now), Effect.NOTHING
    if code is Code.ACCEPTED:
        return replace(item, undecided=False, taken_at=now), Effect.NOTHING
    if CLASS[code] is Class.LATER:
        return item, Effect.NOTHING
    if code is Code.EXPIRED:
        return _expired(item), Effect.NOTHING
    if code is Code.KEY_LOST or (code is Code.NOT_ACTIVE and restoring and is_live(grant, day_of(now))):
        # With its key lost it had been accepted, as others may have been that came after it. And who stopped a grant is
        # asked before the lines begin anew: what is told then goes under the new secret.
        return replace(_again(item, counts=False), late=item.kind == EVENT), Effect.NOTHING
    if code is Code.NOT_ACTIVE:
        return _not_active(item, grant, now)
    if code is Code.SEEN_ALREADY_RETRACTED and item.dead:
        return replace(_ended(item), final=RETRACTED), Effect.NOTHING
    if code is Code.UNKNOWN_HANDLE:
        return _again(item, counts=True), Effect.INTRODUCE_AGAIN
    if CLASS[code] is Class.SEAL_AGAIN:
        effect = Effect.READ_MANIFEST if code in (Code.OLD_RECIPIENT_KEY, Code.UNREADABLE) else Effect.NOTHING
        again = _again(item, counts=code is not Code.MONTH_OVER)
        if (
            again.state == WAITING and again.tries > SOON_AGAIN
        ):  # what stands in its way takes others more than a moment
            again = replace(again, release_at=now + PUT_OFF)
        return again, effect
    return asking(item, code.value), Effect.NOTHING


def taken(item: Item, now: int) -> Item:
    """The hub has it, and has not decided yet."""
    return changed(item, taken_at=now)


def asking(item: Item, why: str) -> Item:
    """It ended, and a person must look."""
    return replace(_ended(item), final=why, asks=True)


def told_again(item: Item, heir: Grant, since: int, today: int) -> Item | None:
    """What was acknowledged on or after the day `since`, when its recipient was put back; None when it stays so.

    An event goes under `heir`, the newest grant of its line, and only while that may be told under.
    """
    if item.state != FINAL or item.final != DONE or item.dead or item.done_on is None or item.done_on < since:
        return None
    again = replace(item, state=WAITING, final=None, done_on=None, taken_at=None, tries=0)
    if item.kind == RETRACTION:
        return again
    if item.kind == REQUEST:
        return None  # what nobody answered is asked again by a person
    if not is_live(heir, today):
        return None
    if item.kind == INTRODUCTION:
        return again
    if not item.parts:  # its content was kept as long as a recipient's back-up may be old
        return asking(item, Code.EXPIRED.value)
    return replace(again, grant=heir.id, late=True)


def _ended(item: Item) -> Item:
    return replace(item, state=FINAL, undecided=False, frame=None)


def _again(item: Item, *, counts: bool) -> Item:
    tries = item.tries + counts
    if tries > MOST_TRIES:
        return asking(item, "too-many-tries")
    return replace(item, state=WAITING, undecided=False, frame=None, taken_at=None, tries=tries)


def _expired(item: Item) -> Item:
    if item.kind != EVENT:
        return _again(item, counts=False)
    if item.late:  # sealed again once already
        return asking(item, Code.EXPIRED.value)
    return replace(_again(item, counts=False), late=True)


def _not_active(item: Item, grant: Grant, now: int) -> tuple[Item, Effect]:
    today = day_of(now)
    if item.kind == RETRACTION:
        if today > grant.end + RECALL_DAYS:
            return asking(item, Code.NOT_ACTIVE.value), Effect.NOTHING
        # Its handle is registered again first, at the next try; the hub may need a moment to forget what was before.
        again = replace(_again(item, counts=False), tries=item.tries + 1, release_at=now + PUT_OFF)
        return again, Effect.NOTHING
    ours = grant.state == STOPPING or (grant.state == REPLACED and grant.ours)
    if item.kind == EVENT and ours and grant.next is not None:
        return replace(_again(item, counts=False), grant=grant.next), Effect.NOTHING
    if grant.state in (STOPPING, STOPPED) and not grant.noted:  # a person here ended it: nobody needs to look
        return replace(_ended(item), final=Code.NOT_ACTIVE.value), Effect.NOTHING
    if is_live(grant, today) and item.sent_month is not None and today > last_day(item.sent_month) + PICKUP_DAYS:
        # The hub has forgotten the handle, and what became of this: not active says nothing of a stop. What was stopped
        # answers so when this month's handle is registered; what had arrived is `seen-already`.
        return replace(_again(item, counts=False), late=item.kind == EVENT), Effect.NOTHING
    found = Effect.STOP_FOUND if is_live(grant, today) else Effect.NOTHING
    if item.kind == INTRODUCTION:  # a person is asked about the line, not about its introduction
        return replace(_ended(item), final=Code.NOT_ACTIVE.value), found
    return asking(item, Code.NOT_ACTIVE.value), found
