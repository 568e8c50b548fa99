# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The chain view: what the other partners told about one own client, for one task under one law.

Guarantees: nothing that was called back, withheld, held or told about somebody else is in it; every line says by whom it was
told and that nobody verified it; it is kept until the last grant of its line has ended plus 30 days, and then destroyed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from adapters.address_book import AddressBook
from adapters.records_incoming import AWAITED, GONE, INTRODUCTIONS, KNOWN, TOLD, Introduced, Told
from adapters.records_outgoing import Client
from adapters.shelf import Reads, gone_key
from adapters.store import Transaction
from consent.grant import handle, months
from schemas.address import role_of
from schemas.calendar import day_of
from schemas.event import Ending, Event, Kind
from schemas.registry import Registry

KEPT_DAYS: Final = 30
REMEMBERED_DAYS: Final = 366
NOT_VERIFIED: Final = "niet geverifieerd"

KINDS: Final[dict[Kind, str]] = {
    Kind.AANGEMELD: "aangemeld",
    Kind.IN_ONDERZOEK: "in onderzoek",
    Kind.AFGEWEZEN: "afgewezen",
    Kind.TOEGEWEZEN: "toegewezen",
    Kind.GESTART: "gestart",
    Kind.GEWIJZIGD: "gewijzigd",
    Kind.ONDERBROKEN: "onderbroken",
    Kind.HERVAT: "hervat",
    Kind.BEEINDIGD: "beëindigd",
    Kind.ACTIE_BELEGD: "actie belegd",
    Kind.ACTIE_AFGEROND: "actie afgerond",
    Kind.UITKOMST_BESCHIKBAAR: "uitkomst beschikbaar",
}
ENDINGS: Final[dict[Ending, str]] = {
    Ending.VOLGENS_PLAN: "volgens plan",
    Ending.VOORTIJDIG: "voortijdig",
    Ending.VERHUISD: "verhuisd",
    Ending.OVERLEDEN: "overleden",
    Ending.ANDER_DOMEIN: "ander domein",
}


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """What this partner does for the client when it reads this."""

    role: str
    purpose: str
    law: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that one partner told. `told_on` is the day it came, `late`: it came after its time."""

    event_id: bytes
    day: int
    told_on: int
    sender: str
    sender_name: str
    what: str
    allocation: str | None
    late: bool
    note: str = NOT_VERIFIED


@dataclass(frozen=True, slots=True)
class ChainView:
    """What is shown for one task, in order of the day it is about.

    `restored_on`: this edge was put back from a back-up less than 7 days ago, and what was told before may be missing.
    """

    client: str
    task: Task
    lines: tuple[Line, ...]
    restored_on: int | None = None

    @property
    def allocations(self) -> tuple[str | None, ...]:
        """The rows inside the view: allocation numbers as they first occur; None for what names none."""
        return tuple(dict.fromkeys(line.allocation for line in self.lines))


def words(event: Event) -> str:
    """What happened, as a professional reads it."""
    return KINDS[event.kind] if event.ending is None else f"{KINDS[event.kind]} ({ENDINGS[event.ending]})"


def event_of(registry: Registry, told: Told) -> Event:
    """The event in what came; its parts were validated when it came."""
    return Event.from_parts({name: registry.validate(f"{name}/1", raw) for name, raw in told.parts})


def views(
    reads: Reads,
    registry: Registry,
    book: AddressBook,
    address: str,
    client: Client,
    today: int,
    restored_on: int | None = None,
) -> list[ChainView]:
    """One chain view per task for this client."""
    found: dict[Task, list[Line]] = {}
    for introduced in INTRODUCTIONS.find(reads, "client", client.id.encode()):
        if introduced.withheld or introduced.held or today > kept_until(reads, introduced):
            continue
        task = Task(role_of(address), introduced.purpose, introduced.law)
        lines = found.setdefault(task, [])
        for told in TOLD.find(reads, "secret", introduced.secret):
            if told.parts and not told.hidden:
                lines.append(_line(registry, book, told))
    return [
        ChainView(client.number, task, tuple(sorted(lines, key=lambda line: (line.day, line.told_on))), restored_on)
        for task, lines in sorted(found.items())
        if lines
    ]


def _line(registry: Registry, book: AddressBook, told: Told) -> Line:
    event = event_of(registry, told)
    return Line(
        told.event_id,
        event.day,
        day_of(told.came_at),
        told.sender,
        book.name_of(told.sender),
        words(event),
        event.reference,
        told.late,
    )


def kept_until(reads: Reads, introduced: Introduced) -> int:
    """The last day on which what was told under this grant is shown: counted from the last grant of its line."""
    return max(one.end if one.ended_on is None else one.ended_on for one in _heirs(reads, introduced)) + KEPT_DAYS


def _heirs(reads: Reads, introduced: Introduced) -> Iterator[Introduced]:
    """This grant and every one that renews it, however far removed."""
    seen: set[bytes] = set()
    todo = [introduced]
    while todo:
        one = todo.pop()
        if one.secret in seen:
            continue
        seen.add(one.secret)
        yield one
        # Who renews a grant must be its own sender: nobody keeps another's view alive.
        todo += [heir for heir in INTRODUCTIONS.find(reads, "renews", one.secret) if heir.sender == one.sender]


def purge(tx: Transaction, today: int) -> int:
    """Destroy what has had its time; ids stay a year longer, so that a retraction still finds the native system."""
    destroyed = 0
    for introduced in list(INTRODUCTIONS.scan(tx)):
        last = kept_until(tx, introduced)
        if today <= last:
            continue
        for told in TOLD.find(tx, "secret", introduced.secret):
            if told.parts:
                TOLD.put(tx, replace(told, parts=()))
                destroyed += 1
        if introduced.client is None or today > last + REMEMBERED_DAYS:
            _forget(tx, introduced)
    return destroyed


def _forget(tx: Transaction, introduced: Introduced) -> None:
    for told in TOLD.find(tx, "secret", introduced.secret):
        TOLD.delete(tx, gone_key(told.sender, told.event_id))
        GONE.delete(tx, gone_key(told.sender, told.event_id))
    for month in months(introduced.begin, introduced.end):
        KNOWN.delete(tx, handle(introduced.secret, month))
    AWAITED.delete(tx, introduced.secret)
    INTRODUCTIONS.delete(tx, introduced.secret)
