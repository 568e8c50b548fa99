# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge shows to people: what waits in the outbox and why, and what a person must decide. Words are Dutch.

Guarantees: reading changes nothing; a client is named by the partner's own number, never by BSN.
"""

from dataclasses import dataclass
from typing import Final

from adapters import onward
from adapters.address_book import AddressBook
from adapters.code_slips import waits_for
from adapters.lines import is_live
from adapters.records_outgoing import (
    ASKS,
    CLIENTS,
    DONE,
    EVENT,
    FROZEN,
    GRANTS,
    INTRODUCTION,
    ITEMS,
    NOT_SHARED,
    REQUEST,
    RETRACTION,
    SENT,
    WAITING,
    Grant,
    Item,
)
from adapters.shelf import Reads
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.registry import Registry

KINDS: Final = {INTRODUCTION: "kennismaking", EVENT: "gebeurtenis", RETRACTION: "intrekking", REQUEST: "verzoek"}

_ASKS: Final[dict[str, str]] = {
    NOT_SHARED: "niet verteld: de lijn werd gestopt voordat dit weg was",
    "too-many-tries": "blijft mislukken; vraag de beheerder",
    Code.NOT_ACTIVE.value: "de ontvanger of een ander heeft dit gestopt",
    Code.EXPIRED.value: "twee keer niet op tijd opgehaald",
    Code.NOT_PERMITTED.value: "de ontvanger mag dit volgens zijn eigen regels niet ontvangen",
    Code.NOT_PERMITTED_HERE.value: "de regels van zender of ontvanger staan dit niet toe",
    Code.NO_RECIPIENT.value: "de ontvanger is nu niet aangesloten",
    Code.HUB_FAULT.value: "de hub heeft dit apart gezet; vraag de beheerder",
    Code.INVALID_PART.value: "voldoet niet aan de afgesproken vorm; meld dit aan de leverancier",
    Code.SEEN_ALREADY_RETRACTED.value: "is eerder ingetrokken bij de ontvanger",
    **onward.WHY,
}


_FIRST_LOOK: Final = 64


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """One thing in the outbox. `asks`: a person must look."""

    number: int
    kind: str
    client: str
    recipient: str
    day: int
    state: str
    why: str
    asks: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A line of grants that waits for a person."""

    line: str
    client: str
    recipient: str
    purpose: str
    ground: str
    until: int


def outbox(reads: Reads, book: AddressBook, now: int) -> list[OutboxLine]:
    """Everything that has not ended well."""
    items = [item for state in (ASKS, WAITING, SENT) for item in ITEMS.scan(reads, state)]
    return [_line(reads, book, item, now) for item in sorted(items, key=lambda item: item.number)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many things of the outbox are in one state, and since when the oldest is there (0: there is none).

    What waits for a code to be typed counts, and has no age. What waits for its moment is not old yet: it counts from
    then on.
    """

    count: int
    oldest: int


BACKLOG_STATES: Final = (WAITING, SENT, ASKS)


def backlog(reads: Reads, now: int) -> dict[str, Backlog]:
    """Per state of what has not ended well how much there is."""
    found = {}
    for state in BACKLOG_STATES:
        oldest = _oldest(reads, state, now)
        since = 0 if oldest is None else max(oldest.made_at, oldest.release_at)
        found[state] = Backlog(reads.count(ITEMS.table, state), since)
    return found


def _oldest(reads: Reads, state: str, now: int) -> Item | None:
    """The oldest in a state; what waits for a citizen to hand over a code stands still in good order and is left out."""
    for limit in (1, _FIRST_LOOK, None):  # hardly anything waits for a code: mostly the first will do
        items = list(ITEMS.scan(reads, state, now if state == WAITING else None, limit=limit))
        for item in items:
            if item.state != WAITING or item.kind != EVENT or not _waits_for_code(reads, item):
                return item
        if limit is None or len(items) < limit:
            break
    return None


def _waits_for_code(reads: Reads, item: Item) -> bool:
    grant = GRANTS.need(reads, item.grant.encode())
    return grant.by_code and not grant.introduced


@dataclass(frozen=True, slots=True)
class ToldLine:
    """An event that this edge told, or is telling."""

    number: int
    kind: str
    recipient: str
    day: int
    state: str


def told(reads: Reads, book: AddressBook, registry: Registry, client: str) -> list[ToldLine]:
    """Every event about a client whose bytes may have left, oldest first."""
    items = [
        item
        for grant in GRANTS.find(reads, "client", client.encode())
        for item in ITEMS.find(reads, "grant_made", grant.id.encode())
        if item.kind == EVENT and item.told
    ]
    return [
        ToldLine(item.number, _word(registry, item), book.name_of(_recipient(reads, item)), item.day, _told(item))
        for item in sorted(items, key=lambda item: item.number)
    ]


def _word(registry: Registry, item: Item) -> str:
    """The kind of event; its content is destroyed some time after it was told."""
    progress = dict(item.parts).get("progress")
    if progress is None:
        return "inhoud vernietigd"
    return str(registry.validate("progress/1", progress)["kind"])


def _recipient(reads: Reads, item: Item) -> str:
    return GRANTS.need(reads, item.grant.encode()).recipient


def _told(item: Item) -> str:
    if item.dead:
        return "ingetrokken"
    return "ontvangen" if item.final == DONE else "onderweg" if item.state == SENT else "niet aangekomen"


def held_lines(reads: Reads, book: AddressBook) -> list[Held]:
    """The lines in which nothing goes on before a person has decided."""
    found: dict[str, Held] = {}
    for grant in GRANTS.scan(reads, "over"):
        if grant.state == FROZEN:
            found[grant.line] = Held(
                grant.line,
                CLIENTS.need(reads, grant.client.encode()).number,
                book.name_of(grant.recipient),
                grant.purpose,
                grant.ground,
                grant.end,
            )
    return list(found.values())


def _line(reads: Reads, book: AddressBook, item: Item, now: int) -> OutboxLine:
    grant = GRANTS.need(reads, item.grant.encode())
    return OutboxLine(
        item.number,
        KINDS[item.kind],
        CLIENTS.need(reads, item.client.encode()).number,
        book.name_of(grant.recipient),
        item.day,
        "vraagt een besluit" if item.asks else "onderweg" if item.state == SENT else "wacht",
        _why(reads, book, grant, item, now),
        item.asks,
    )


def _why(reads: Reads, book: AddressBook, grant: Grant, item: Item, now: int) -> str:
    if item.asks:
        return _ASKS.get(item.final or "", f"geweigerd ({item.final})")
    if item.state == SENT:
        return "wacht op een beslissing van de hub" if item.undecided else "wacht tot de ontvanger het ophaalt"
    if item.release_at > now:
        return "wacht op zijn moment: wat bij elkaar hoort gaat niet tegelijk weg"
    if item.kind == EVENT and not grant.introduced:
        if grant.by_code and is_live(grant, day_of(now)):
            return waits_for(reads, grant, book.name_of(grant.recipient), day_of(now))
        return "wacht op de kennismaking"
    if item.kind != RETRACTION and not is_live(grant, day_of(now)):
        return "de lijn wordt gestopt"
    return "wacht op zijn beurt"
