# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a citizen sees on request (AVG art. 15): who told us, whom we told, on which ground, and who looked.

Guarantees:
- what a row or a decision keeps from the report leaves no trace in it: nothing is counted or numbered, nothing names a
  record, and the report is the one of an edge to which it was never told;
- a hold for somebody's safety is not in it, and a line that is held looks like any other that is over;
- what its sender called back is in it without its content: it may have been about somebody else;
- only what belongs to this client is read, so it takes as long among a million records as among ten.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook
from adapters.chain_view import KEPT_DAYS, event_of, kept_until, words
from adapters.lines import RECALL_DAYS, is_live
from adapters.looks import looks_at
from adapters.records_incoming import GONE, INTRODUCTIONS, TOLD
from adapters.records_outgoing import DONE, EVENT, GRANTS, ITEMS, RETRACTION, Client, Grant, Item
from adapters.records_people import CONSENTS
from adapters.rights_limits import is_limited, limits, row_of, shows
from adapters.rights_objections import Objection, objections
from adapters.shelf import Reads, gone_key, number_key
from adapters.workplace import Workplace
from consent.record import from_bytes
from consent.rules import Source
from schemas.calendar import day_of
from schemas.event import Event

ARRIVED: Final = "ontvangen"
UNDER_WAY: Final = "onderweg"
NOT_ARRIVED: Final = "niet aangekomen"
CALLED_BACK: Final = "teruggenomen"
DESTROYED: Final = "inhoud vernietigd"
A_MESSAGE: Final = "een bericht"


@dataclass(frozen=True, slots=True, order=True)
class Ground:
    """On what something rests, as the rule table has it. `unread`: the columns whose law text was not read.

    `introduction`: how the recipient learns about whom it is, such as by BSN.
    """

    row: int
    ground: str
    purpose: str
    law: str
    introduction: str | None
    secrecy_ground: str | None
    processing_basis: str | None
    sources: tuple[Source, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was told. `day` is what it is about, `on` when it came or left, `until` how long it is kept.

    `called_back_on`: when its sender called it back.
    """

    on: int
    partner: str
    day: int | None
    what: str
    state: str
    categories: tuple[str, ...]
    reference: str | None
    late: bool
    until: int
    called_back_on: int | None
    ground: Ground


@dataclass(frozen=True, slots=True)
class Permission:
    """A partner whom we may tell, or could until the line ended. `until` None: it is over."""

    partner: str
    since: int
    until: int | None
    categories: tuple[str, ...]
    ground: Ground


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to."""

    partner: str
    given_on: int
    given_by: str
    manner: str
    begin: int
    end: int
    withdrawn_on: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at what is kept."""

    at: int
    by: str
    why: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown to this asker, each part in order of time. `named`: the rules that an objection names."""

    client: str
    asker: str
    made_on: int
    received: tuple[Fact, ...]
    told: tuple[Fact, ...]
    permissions: tuple[Permission, ...]
    consents: tuple[Consent, ...]
    objections: tuple[Objection, ...]
    seen: tuple[Seen, ...]
    named: tuple[Ground, ...] = ()

    @property
    def grounds(self) -> tuple[Ground, ...]:
        """Every ground on which something in it rests, once."""
        used = [*(one.ground for one in (*self.received, *self.told)), *(one.ground for one in self.permissions)]
        used += self.named
        return tuple(sorted(set(used), key=lambda one: (one.row, one.ground)))


Shows = Callable[[int, str, str, str, bytes | None], bool]


def report(reads: Reads, work: Workplace, book: AddressBook, client: Client, asker: str) -> Report:
    """What this client, or a representative, gets to see today."""
    standing = [one for one in limits(reads, client.id) if one.ended_at is None]

    def may_show(row: int, ground: str, law: str, partner: str, item: bytes | None) -> bool:
        found = row_of(work.rules, row)
        return shows(found, ground) and not is_limited(standing, asker, law, partner, item)

    def may_name(partner: str) -> bool:
        return not any(one.partner == partner and one.item is None and one.against in (None, asker) for one in standing)

    parts = _Parts(reads, work, book, client, may_show, may_name)
    objected = parts.objections()
    return Report(
        client.number,
        asker,
        work.today,
        tuple(sorted(parts.received(), key=_order)),
        tuple(sorted(parts.told(), key=_order)),
        tuple(sorted(parts.permissions(), key=lambda one: (one.since, one.partner, one.ground.row))),
        tuple(sorted(parts.consents(), key=lambda one: (one.given_on, one.partner))),
        tuple(sorted(objected, key=lambda one: (one.since, one.partner or "", one.role or "", one.rows))),
        tuple(Seen(one.at, one.by, one.why, one.what) for one in looks_at(reads, client.id)),
        tuple(parts.named({number for one in objected for number in one.rows})),
    )


def _order(one: Fact) -> tuple[int, int, str, str]:
    return one.on, one.day or one.on, one.partner, one.what


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one report; `may_show` says of row, ground, law, partner and thing whether it is in it."""

    reads: Reads
    work: Workplace
    book: AddressBook
    client: Client
    may_show: Shows
    may_name: Callable[[str], bool]

    def received(self) -> Iterable[Fact]:
        """What others told us."""
        for one in INTRODUCTIONS.find(self.reads, "client", self.client.id.encode()):
            until = kept_until(self.reads, one)
            # Against an objection nothing was kept; what has had its time is destroyed at the next cleaning.
            if one.withheld or one.held or self.work.today > until:
                continue
            ground = self._ground(one.row, one.ground, one.purpose, one.law)
            for told in TOLD.find(self.reads, "secret", one.secret):
                if not self.may_show(one.row, one.ground, one.law, one.sender, gone_key(told.sender, told.event_id)):
                    continue
                event = event_of(self.work.registry, told) if told.parts and not told.hidden else None
                gone = GONE.get(self.reads, gone_key(told.sender, told.event_id))
                yield Fact(
                    day_of(told.came_at),
                    self.book.name_of(told.sender),
                    None if told.hidden else told.day,
                    A_MESSAGE if told.hidden else DESTROYED if event is None else words(event),
                    CALLED_BACK if told.hidden else ARRIVED,
                    one.categories,
                    None if event is None else event.reference,
                    told.late,
                    until,
                    None if gone is None else gone.on,
                    ground,
                )

    def told(self) -> Iterable[Fact]:
        """What we told others: whatever may have left."""
        for grant in self._grants():
            for item in ITEMS.find(self.reads, "grant_made", grant.id.encode()):
                if item.kind == EVENT and item.told and self._may_show(grant, number_key(item.number)):
                    yield self._told(grant, item)

    def _told(self, grant: Grant, item: Item) -> Fact:
        parts = {name: self.work.registry.validate(f"{name}/1", raw) for name, raw in item.parts}
        event = Event.from_parts(parts) if parts else None
        on = item.done_on if item.final == DONE and item.done_on is not None else None
        return Fact(
            day_of(item.taken_at or item.made_at) if on is None else on,
            self.book.name_of(grant.recipient),
            item.day,
            DESTROYED if event is None else words(event),
            _state(item),
            grant.categories,
            None if event is None else event.reference,
            item.late,
            grant.end + RECALL_DAYS + KEPT_DAYS,
            self._called_back_on(item),
            self._ground(grant.row, grant.ground, grant.purpose, grant.law),
        )

    def _called_back_on(self, item: Item) -> int | None:
        calls = (
            [one for one in ITEMS.find(self.reads, "event", item.event_id) if one.kind == RETRACTION]
            if item.dead
            else []
        )
        return min((day_of(one.made_at) for one in calls), default=None)

    def permissions(self) -> Iterable[Permission]:
        """Whom we may tell: per line its newest grant."""
        newest = {grant.line: grant for grant in self._grants()}
        for grant in newest.values():
            if self._may_show(grant, None):
                yield Permission(
                    self.book.name_of(grant.recipient),
                    day_of(grant.begun_at),
                    grant.end if is_live(grant, self.work.today) else None,
                    grant.categories,
                    self._ground(grant.row, grant.ground, grant.purpose, grant.law),
                )

    def consents(self) -> Iterable[Consent]:
        """What was agreed to."""
        for one in CONSENTS.find(self.reads, "client", self.client.id.encode()):
            record = from_bytes(one.raw, self.work.registry)
            for partner in record.recipients:
                if self.may_show(record.row, "consent", record.law, partner, None):
                    withdrawn = record.withdrawn_at
                    yield Consent(
                        self.book.name_of(partner),
                        day_of(record.given_at),
                        record.given_by,
                        record.manner,
                        record.begin,
                        record.end,
                        None if withdrawn is None else day_of(withdrawn),
                    )

    def objections(self) -> list[Objection]:
        """What the citizen objected to, or withdrew. Nothing else that stands against telling is in it."""
        return objections(self.reads, self.work, self.client.id, self.book.name_of, self.may_name)

    def named(self, rows: Iterable[int]) -> Iterable[Ground]:
        """What is to be known of rules that an objection names."""
        for number in rows:
            row = row_of(self.work.rules, number)
            if row is not None:
                yield from (self._ground(number, ground, row.purpose, row.law) for ground in row.grounds)

    def _grants(self) -> list[Grant]:
        return GRANTS.find(self.reads, "client", self.client.id.encode())

    def _may_show(self, grant: Grant, item: bytes | None) -> bool:
        return self.may_show(grant.row, grant.ground, grant.law, grant.recipient, item)

    def _ground(self, number: int, ground: str, purpose: str, law: str) -> Ground:
        row = row_of(self.work.rules, number)
        if row is None:
            return Ground(number, ground, purpose, law, None, None, None, (), ("source",))
        cells = row.introduction, row.secrecy_ground, row.processing_basis, row.source, row.unread
        return Ground(number, ground, purpose, law, *cells)


def _state(item: Item) -> str:
    if item.dead:
        return CALLED_BACK
    return ARRIVED if item.final == DONE else UNDER_WAY if item.final is None else NOT_ARRIVED
