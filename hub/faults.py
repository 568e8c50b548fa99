# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the operator does about frames that the hub failed on (delivery.md section 4).  Pure.

* What is shown of a fault is its number, its partner, its day and whether its handle is held; never what it holds.
* Whatever ends a fault lets go of its handle and destroys its bytes, with an entry, in the commit that decides.
* What came behind a fault waits in the same table, and holds its handle for as long as it waits: whatever comes later is
  behind it in turn.  No day ends it; it is decided when no fault on its handle holds any more.
* A dropped frame keeps its outcome `hub-fault`, so that the same bytes sent again are not taken after all; where the
  hub can't keep it, a drop still ends the fault, and the same bytes would be decided anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hub.registry import Partners
from hub.store import FaultRow, GrantRow, Refused, Step, Tell
from schemas import entry
from schemas.calendar import day_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.envelope import Envelope, parse

UNTIL_DECIDED = 1 << 62  # a time that never comes
MOST_BEHIND = 20  # on one handle; an edge has one undecided envelope of a handle at a time
_NOBODY = 0  # no partner has this number, so no receipt ever counts for a dropped frame


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as the operator sees it.  `partner` is an address; `held`: its handle takes nothing until it is over;
    `behind`: how many envelopes wait behind it."""

    number: int
    partner: str | None
    day: int
    held: bool
    behind: int


def is_behind(row: FaultRow) -> bool:
    """Whether it is no fault itself, but came behind one."""
    return row.until == UNTIL_DECIDED


def alone(rows: Iterable[FaultRow]) -> list[FaultRow]:
    """The faults, without what came behind them."""
    return [row for row in rows if not is_behind(row)]


def shown(rows: Iterable[FaultRow], partners: Partners, grants: Mapping[bytes, GrantRow], now: int) -> list[Fault]:
    """What the operator sees of faults."""
    rows = list(rows)
    behind = Counter(row.handle for row in rows if is_behind(row))
    return [_shown(row, partners, grants, now, behind[row.handle]) for row in alone(rows)]


def _shown(row: FaultRow, partners: Partners, grants: Mapping[bytes, GrantRow], now: int, behind: int) -> Fault:
    partner = None if row.sender is None else partners.by_number[row.sender].address
    grant = None if row.handle is None else grants.get(row.handle)
    return Fault(row.number, partner, day_of(row.since), grant is not None and grant.held_until > now, behind)


def first_free(rows: Iterable[FaultRow], now: int) -> FaultRow | None:
    """The first that waits behind nothing any more."""
    rows = list(rows)
    holding = {row.handle for row in alone(rows) if row.until > now}
    return min((row for row in rows if is_behind(row) and row.handle not in holding), default=None)


def may_wait(envelope: Envelope, rows: Iterable[FaultRow]) -> bool:
    """Whether an envelope of a held handle can wait behind it: one that is there already does not, nor one too many."""
    same = [row for row in rows if row.handle == envelope.handle]
    return all(row.sha != envelope.sha for row in same) and sum(map(is_behind, same)) < MOST_BEHIND


def envelope_in(frame: bytes | None) -> Envelope | None:
    """The envelope in a frame that was set aside; None when its bytes are lost, or this version can't read them."""
    try:
        return None if frame is None else parse(frame)
    except FrameError:
        return None


def log(step: Step, row: FaultRow, what: str, day: int, random: Callable[[int], bytes]) -> None:
    """Adds the entry of what the operator did."""
    step.entries.append(entry.committed(entry.fault_handled(day, row.sender, row.sha, what), random(32)))


def end(step: Step, row: FaultRow, what: str, day: int, random: Callable[[int], bytes]) -> None:
    """Adds the end of a fault, with its entry."""
    log(step, row, what, day, random)
    step.released.append(row.number)


def drop(row: FaultRow, message_id: bytes | None, now: int, random: Callable[[int], bytes]) -> Step:
    """The step that drops a fault.  `message_id` is None when no outcome can or need be kept: the bytes are lost, or
    the id has an outcome, or the hub fails on it.  Its sender was told `hub-fault` when it was set aside."""
    step = Step(at=now)
    end(step, row, entry.DROPPED, day_of(now), random)
    if message_id is not None and row.sender is not None:
        step.refused.append(Refused(message_id, row.sha, row.sender, _NOBODY, 0, Code.HUB_FAULT))
        step.tells.append(Tell(row.sender, 0, Code.HUB_FAULT, message_id))
    return step
