# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Introductions that name a source which this edge does not know, or against which somebody has objected and nobody has decided:
nothing of them is shown before.

Guarantees:
- the receipt was fixed before and is the same; hub and sender learn nothing of it, whatever becomes of it here;
- it is shown by itself as soon as this edge has read the source itself, in whatever order the two arrive; what waits for a
  decision, when the objection was overruled or taken back, and nothing else holds it;
- a person may accept it, but not before an objection against it is decided, or refuse it: then what came is destroyed, and it is stopped at a random minute of the next working
  day, as against a refusal; after that the source opens nothing any more;
- what nobody accepted in 30 days is destroyed as what came about somebody unknown is.
"""

import hashlib
from dataclasses import dataclass

from adapters import inbound
from adapters.address_book import AddressBook
from adapters.records_incoming import INTRODUCTIONS, TOLD, Introduced
from adapters.records_outgoing import CLIENTS
from adapters.shelf import Reads
from adapters.showing import OBJECTION, waits_for
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import day_of


class NotHeldError(ValueError):
    """There is no such introduction; a Dutch sentence for the professional, without a number of a client."""

    def __init__(self) -> None:
        super().__init__("er wacht geen kennismaking met dit nummer")


class UndecidedError(ValueError):
    """An objection against it is not decided yet; a Dutch sentence for the professional, without a number of a client."""

    def __init__(self) -> None:
        super().__init__("hiertegen is bezwaar gemaakt: beslis dat eerst (`schakel grant objections`)")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits for a person. `source` is the reference that its sender names; `events`: how many came under it.

    `why`: for what it waits (`adapters.showing`).
    """

    id: str
    client: str
    sender: str
    row: int
    source: str | None
    came_on: int
    events: int
    why: str


def learn(tx: Transaction, work: Workplace, client: str) -> int:
    """A source was read, or an objection decided: what waited for that is shown from now on; how many introductions."""
    found = [one for one in _held(tx, client) if waits_for(tx, work, one, client) is None]
    for one in found:
        inbound.release(tx, one)
    return len(found)


def waiting(reads: Reads, work: Workplace, book: AddressBook) -> list[Waiting]:
    """Every introduction that waits for a person."""
    return [
        Waiting(
            name_of(one),
            CLIENTS.need(reads, (one.client or "").encode()).number,
            book.name_of(one.sender),
            one.row,
            one.source,
            day_of(one.came_at),
            sum(1 for told in TOLD.find(reads, "secret", one.secret) if told.parts and not told.hidden),
            waits_for(reads, work, one, one.client or "") or "",
        )
        for one in INTRODUCTIONS.scan(reads)
        if one.held
    ]


def accept(tx: Transaction, work: Workplace, name: str) -> Introduced:
    """A person has asked its sender, or knows better: what came under it is shown, and what comes.

    Raises:
        NotHeldError: nothing of this name waits.
        UndecidedError: an objection against it waits for its decision.
    """
    found = _named(tx, name)
    if waits_for(tx, work, found, found.client or "") == OBJECTION:
        raise UndecidedError
    return inbound.release(tx, found)


def refuse(tx: Transaction, work: Workplace, name: str) -> Introduced:
    """A person finds no ground: what came is destroyed, what comes is not kept, and it is stopped."""
    return inbound.turn_away(tx, work, _named(tx, name))


def name_of(introduced: Introduced) -> str:
    """By what a person names it: of its secret, and of nothing else."""
    return hashlib.sha256(b"schakel/held/v1\0" + introduced.secret).hexdigest()[:12]


def _held(reads: Reads, client: str) -> list[Introduced]:
    return [one for one in INTRODUCTIONS.find(reads, "client", client.encode()) if one.held]


def _named(reads: Reads, name: str) -> Introduced:
    for one in INTRODUCTIONS.scan(reads):
        if one.held and name_of(one) == name:
            return one
    raise NotHeldError
