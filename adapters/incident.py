# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an organisation must know within 72 hours of a breach (AVG art. 33 and 34): who received what from this edge.

The text of the AVG was not read here (mark M).

Guarantees:
- everything that was put in the outbox or left it between the two times is in it, whatever became of it since, the
  introductions too: they tell who somebody is; and requests to be told, which tell that something was asked and no more;
- a client is named by the own number, and what was told by its categories: nobody needs the content to report it;
- reading changes nothing; what can still be stopped is said, and a person gives the command.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook
from adapters.records_outgoing import (
    CLIENTS,
    DONE,
    EVENT,
    GRANTS,
    INTRODUCTION,
    ITEMS,
    REQUEST,
    RETRACTION,
    WAITING,
    Grant,
    Item,
)
from adapters.records_people import LOOKS, Look
from adapters.shelf import Reads
from adapters.workplace import Workplace
from schemas.calendar import day_of

ACKNOWLEDGED: Final = "acknowledged"
UNDER_WAY: Final = "under-way"
WAITS: Final = "waits"
CALLED_BACK: Final = "called-back"
NOT_TAKEN: Final = "not-taken"
STATES: Final = (ACKNOWLEDGED, UNDER_WAY, WAITS, CALLED_BACK, NOT_TAKEN)
# What these tell, where it is none of the data categories: an envelope for them has empty parts.
IDENTITY: Final = "identity"
ASKED: Final = "request"
_TELLS: Final = {INTRODUCTION: (IDENTITY,), REQUEST: (ASKED,)}


@dataclass(frozen=True, slots=True, order=True)
class Passed:
    """One thing for one partner. `identity`: the introduction, by BSN or by code. `number` as `edge told` has it."""

    partner: str
    address: str
    client: str
    at: int
    number: int
    kind: str
    categories: tuple[str, ...]
    by_bsn: bool
    state: str


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """A look at what is kept about a client, in the same time."""

    at: int
    by: str
    account: str
    client: str
    why: str
    what: str


@dataclass(frozen=True, slots=True)
class Incident:
    """What passed between two times, both included, in unix milliseconds."""

    first: int
    last: int
    passed: tuple[Passed, ...]
    watched: tuple[Watched, ...]

    @property
    def persons(self) -> tuple[str, ...]:
        """The own numbers of everybody about whom something was told or may have been."""
        return tuple(sorted({one.client for one in self.passed if one.state not in (WAITS, NOT_TAKEN)}))

    @property
    def partners(self) -> tuple[str, ...]:
        """Who received something, or may have."""
        return tuple(sorted({one.partner for one in self.passed if one.state not in (WAITS, NOT_TAKEN)}))

    @property
    def categories(self) -> tuple[str, ...]:
        """What kinds of data: categories of events, and identity."""
        return tuple(sorted({name for one in self.passed if one.state != WAITS for name in one.categories}))

    @property
    def stoppable(self) -> tuple[Passed, ...]:
        """What has not left, or was not called back."""
        return tuple(one for one in self.passed if one.state in (WAITS, UNDER_WAY, ACKNOWLEDGED) and one.kind == EVENT)

    @property
    def days(self) -> tuple[int, int]:
        """The first and last day, as `edge retract` takes them."""
        return day_of(self.first), day_of(self.last)


def incident(reads: Reads, work: Workplace, book: AddressBook, first: int, last: int) -> Incident:
    """Everything that passed from one time to another."""
    passed = tuple(sorted(_passed(reads, work, book, first, last)))
    watched = [_watched(reads, one) for one in LOOKS.scan(reads) if first <= one.at <= last]
    return Incident(first, last, passed, tuple(sorted(watched)))


def _passed(reads: Reads, work: Workplace, book: AddressBook, first: int, last: int) -> Iterator[Passed]:
    for item in ITEMS.scan(reads):
        when = [at for at in (item.made_at, item.taken_at) if at is not None and first <= at <= last]
        if not when or item.kind == RETRACTION:
            continue
        grant = GRANTS.need(reads, item.grant.encode())
        client = CLIENTS.get(reads, item.client.encode())
        yield Passed(
            book.name_of(grant.recipient),
            grant.recipient,
            item.client if client is None else client.number,
            when[-1],
            item.number,
            item.kind,
            _TELLS.get(item.kind, grant.categories),
            _by_bsn(grant, item),
            _state(item),
        )


def _by_bsn(grant: Grant, item: Item) -> bool:
    return item.kind == INTRODUCTION and not grant.by_code


def _state(item: Item) -> str:
    if item.dead and item.told:
        return CALLED_BACK
    if item.final == DONE:
        return ACKNOWLEDGED
    if item.state == WAITING and not item.told:
        return WAITS
    # The bytes left and no receipt came: whoever has them is not known, and that counts as received.
    return UNDER_WAY if item.told else NOT_TAKEN


def _watched(reads: Reads, one: Look) -> Watched:
    client = CLIENTS.get(reads, one.client.encode())
    number = one.client if client is None else client.number
    return Watched(one.at, one.by, one.account, number, one.why, one.what)
