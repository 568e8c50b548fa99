# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whether an envelope may pass under a grant today. Pure, and the same at the hub and at both edges.

Guarantees:
- nothing passes that one of the two tables (the sender's, the recipient's) does not permit;
- nothing passes under a grant that was stopped, has ended or has not begun; outwardly these are one and the same answer;
- an envelope is accepted in the month of its handle only, and handed over at most nine days longer;
- the answer depends on the calendar day and on nothing else of the time, so it can be recomputed afterwards.

Left to the caller: that the addresses of the envelope are those of the grant, and that its list of parts is exactly
the grant's categories. A retraction is not asked about here: it passes whatever the state of the grant, so that a mistake
can be called back when nothing else may pass any more.
"""

from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from consent.grant import GrantTerms, longest_end
from consent.rules import Row, RuleTable
from schemas import calendar
from schemas.registry import Fault

PICKUP_DAYS: Final = 9


class Moment(Enum):
    """When the question is asked."""

    ACCEPT = auto()
    PICKUP = auto()


class Verdict(StrEnum):
    """The answer; only `PERMIT` lets anything pass."""

    PERMIT = "permit"
    NOT_ACTIVE = "not-active"
    MONTH_OVER = "month-over"
    NOT_PERMITTED = "not-permitted"


class Registered(NamedTuple):
    """What the hub knows of a grant under the handle of one month."""

    sender: str
    recipient: str
    month: int
    end: int | None
    row: int
    ground: str
    categories: tuple[str, ...]
    stopped: bool


def decide(tables: tuple[RuleTable, RuleTable], grant: Registered, day: int, moment: Moment) -> Verdict:
    """The answer for this grant on this day, by the tables of sender and recipient."""
    # 1 state: stopped, past its end or before its month
    first, last = _days(grant.month)
    if grant.stopped or day < first or (grant.end is not None and day > grant.end):
        return Verdict.NOT_ACTIVE
    # 2 the month of the handle; what was accepted in it may be handed over a little longer
    if day > last:
        if moment is Moment.ACCEPT:
            return Verdict.MONTH_OVER
        if day > last + PICKUP_DAYS:
            return Verdict.NOT_ACTIVE
    # 3 the rule, in both tables
    question = (grant.row, role_of(grant.sender), role_of(grant.recipient), grant.ground, grant.categories)
    ours, theirs = tables
    if question not in ours.permitted or question not in theirs.permitted:
        return Verdict.NOT_PERMITTED
    return Verdict.PERMIT


def lawful(table: RuleTable, terms: GrantTerms, introduction: str) -> tuple[Fault, ...]:
    """What an edge must put right before it registers these terms; the hub sees months only and cannot ask it.

    Not asked here: the age of the citizen and whose consent was given.
    """
    row = table.rows.get(terms.row)
    if row is None:
        return (Fault("/row", "unknown"),)
    asked = (
        ("/row", "not-permitted", _permits(table, terms)),
        ("/purpose", "differs", terms.purpose == row.purpose),
        ("/law", "differs", terms.law == row.law),
        ("/introduction", "differs", introduction == row.introduction),
        ("/end", "before-begin", terms.begin <= terms.end),
        ("/end", "too-long", terms.end <= longest_validity(row, terms.begin)),
    )
    return tuple(Fault(path, keyword) for path, keyword, holds in asked if not holds)


def longest_validity(row: Row, begin: int) -> int:
    """The last day of a grant that begins on this day and has no end of its own."""
    return longest_end(begin, row.longest_months)


@lru_cache(maxsize=4096)
def role_of(address: str) -> str:
    """The role in ``urn:nld:oin:<20 digits>:<role>``."""
    return address.rpartition(":")[2]


def _permits(table: RuleTable, terms: GrantTerms) -> bool:
    roles = role_of(terms.sender), role_of(terms.recipient)
    return table.permits(terms.row, *roles, terms.ground, terms.categories)


@lru_cache(maxsize=256)
def _days(month: int) -> tuple[int, int]:
    return calendar.first_day(month), calendar.last_day(month)
