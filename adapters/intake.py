# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""From one native file to what waits in the outbox: pure but for the transaction it is given.

In this order, all in one transaction with the mark of the file:

1. a file that was read before changes nothing, so nothing of it is ever told under a line that began later; an answer that
   came later is another one, also when it says the same to the letter
2. an allocation adds its client, and makes, renews or ends the statutory grants in which this side is the sender; so does an
   answer over Suwinet about somebody who is a client already (`adapters.references`)
3. a request and its answer, which names nobody, are brought together, whichever came first (`adapters.answers`)
4. what this organisation wrote itself, and nothing else, is told: once per grant that is active now, only its
   categories, never against a refusal nor what came under a row that forbids to pass it on (`adapters.onward`); a resumption,
   and a status that came back, are known from this edge's own record
5. what its source calls back is retracted wherever it was told
6. of an answer that repeats everything (`polled`) only what changed is told: each fact is remembered by a keyed hash of
   client, service and fact, never by its content; the first answer about a client tells nothing from before a line began

Nothing active: nothing leaves, now or later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters import allocations, clients, closing, held, inbound, of_others, onward, polled
from adapters.address_book import AddressBook
from adapters.answers import Answers, Said
from adapters.counterparts import partner_of, tellers
from adapters.course import Run, beside, event_of, meaning, place
from adapters.following import active_grants, follow_sources, rows_among, statutory_rows
from adapters.formats.native import Allocation, Course, NativeEvent
from adapters.keyed import Keyed
from adapters.lines import RECALL_DAYS, add_item, line_name, newest, next_number
from adapters.records_outgoing import (
    EVENT,
    FINAL,
    GRANTS,
    HISTORY,
    ITEMS,
    MARKS,
    RECALLS,
    RETRACTED,
    RETRACTION,
    SOURCES,
    WAITING,
    Client,
    Grant,
    Happened,
    Item,
    Mark,
    Recalled,
    Source,
)
from adapters.records_own import Restore
from adapters.references import (
    ALLOCATION_ROWS,
    ANSWER,
    ANSWER_ROWS,
    ANYBODY,
    ONE_ALLOCATION_ROWS,
    STATUTORY,
    answer_reference,
    answers,
    forget_answers,
    sources_of,
)
from adapters.refusals import is_refused
from adapters.shelf import Reads
from adapters.spread import AT_ONCE
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.rules import Row
from schemas.calendar import day_of
from schemas.canonical import encode
from schemas.codes import Code
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

_WITH_ALLOCATIONS: Final = frozenset({"iwmo", "ijw"})
_CALLED_BACK: Final = "called back"  # no kind of an event


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file: grants that it changed, events now in the outbox, events that went nowhere.

    `of_others`: 1 when it was neither from nor to this organisation.
    """

    known: bool = False
    grants: int = 0
    told: int = 0
    not_shared: int = 0
    retracted: int = 0
    of_others: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """One native message with its events: the digest of its bytes, and when it came, in unix milliseconds."""

    digest: bytes
    events: Sequence[NativeEvent] = field(repr=False)
    at: int


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes the events of native files.

    `own_codes` stand for this organisation in native messages; `event_key` is the edge's own key for event ids.
    `again`: files are read again after this restore.
    """

    work: Workplace
    book: AddressBook
    own_codes: frozenset[str]
    event_key: bytes
    again: Restore | None = None
    kept_rows: frozenset[int] = field(init=False)
    keyed: Keyed = field(init=False, repr=False)
    encoded: dict[tuple[Event, tuple[str, ...]], tuple[tuple[str, bytes], ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # One intake takes one batch, in which many messages say the same of different clients.
        object.__setattr__(self, "kept_rows", onward.kept_rows(self.work))
        object.__setattr__(self, "keyed", Keyed(self.event_key))
        object.__setattr__(self, "encoded", {})

    def take(self, tx: Transaction, digest: bytes, events: Sequence[NativeEvent], received_at: int) -> Taken:
        """Take a file that arrived at this time."""
        if self._is_known(tx, digest, events, received_at):
            return Taken(known=True)
        MARKS.put(tx, Mark(digest, received_at))
        strange = of_others.are_of_others(events, self.own_codes)
        if strange:
            of_others.count(tx, self.work.today)
        grants, told, not_shared, retracted = self._answered(tx, events), 0, 0, 0
        first = self._first_answers(tx, events)
        pairs = Answers(
            self.own_codes, self._mac, self.work.now if self.again is None else received_at, self.work.today
        )
        for said in pairs.together(tx, events):
            native = said.native
            if native.allocation is not None:
                grants += self._allocate(tx, native, native.allocation)
            if native.sender not in self.own_codes:
                self._hear_end(tx, native)
                continue
            if native.retracts:
                retracted += self._recall(tx, native)
                self._take_back_end(tx, native)
                continue
            if native.polled is not None and polled.is_said(tx, self._mac, native, self.work.today):
                continue
            count = self._tell(
                tx, said, received_at, first=bool(first) and polled.answer_key(self._mac, native) in first
            )
            told, not_shared = told + count, not_shared + (not count)
        return Taken(False, grants, told, not_shared, retracted, int(strange))

    def _is_known(self, tx: Transaction, digest: bytes, events: Sequence[NativeEvent], received_at: int) -> bool:
        """Whether it was read before. A source that is asked may say the same again to the letter: that is another answer,
        in which what was a plan may have come true."""
        before = MARKS.get(tx, digest)
        if before is None:
            return False
        asked = self.again is None and any(native.polled is not None for native in events)
        return not (asked and received_at > before.received_at)

    # -- allocations -----------------------------------------------------------------------------------------------

    def _allocate(self, tx: Transaction, native: NativeEvent, allocation: Allocation) -> int:
        """Keep the allocation and give its line what it asks for; whether a grant changed."""
        law = native.event.law
        ours = native.sender in self.own_codes
        if law is None or native.citizen is None or not (ours or native.receiver in self.own_codes):
            return 0
        other = native.receiver if ours else native.sender
        partner = self._partner(other, law)
        client = clients.register(tx, self.work, native.citizen)
        known = tellers(self.book, self.work.rules, self.work.address, other, law)
        news = False
        for one in sorted(known if partner is None else {*known, partner}):
            new = allocations.keep(tx, self._source(client, one, law, allocation))
            news = news or (new and one == partner)
        inbound.know(tx, self.work, client)
        held.learn(tx, self.work, client.id)
        if partner is None:  # not in the address book: nobody to tell
            return 0
        rows = statutory_rows(self.work.rules, self.work.address, partner, law.value)
        if not news:  # what was ended is not begun again by it
            rows = [row for row in rows if not self._is_over(tx, line_name(client.id, partner, row))]
        return self._follow(tx, client, partner, rows)

    def _is_over(self, tx: Transaction, line: str) -> bool:
        return newest(tx, line) is None and bool(GRANTS.find(tx, "line", line.encode()))

    def _source(self, client: Client, partner: str, law: Law, said: Allocation) -> Source:
        now = self.work.now
        return Source(client.id, partner, law.value, said.number, said.end, said.withdrawn, now, stated=said.stated)

    def _answered(self, tx: Transaction, events: Sequence[NativeEvent]) -> int:
        """Keep what ties this organisation to who answered it, or whom it answered; how many grants changed."""
        changed = 0
        for (sender, bsn), said in answers(events).items():
            client = clients.find(tx, Citizen(bsn=bsn))
            if client is None:  # to ask about somebody makes nobody a client
                continue
            ours = sender in self.own_codes  # which does not say whom we answered
            partner = None if ours else self._partner(sender, said[0].event.law, ANSWER_ROWS)
            forget_answers(tx, client.id, partner or ANYBODY, self.work.now)
            source = Source(client.id, partner or ANYBODY, ANSWER, answer_reference(said), None, False, self.work.now)
            before = SOURCES.get(tx, SOURCES.key(source))
            # What a person ended is not begun again by an answer that says the same.
            SOURCES.put(tx, source if before is None else replace(source, closed=before.closed))
            held.learn(tx, self.work, client.id)
            if partner is not None:
                rows = rows_among(self.work.rules, self.work.address, partner, ANSWER_ROWS)
                changed += self._follow(tx, client, partner, rows)
        return changed

    def _follow(self, tx: Transaction, client: Client, partner: str, rows: Sequence[Row]) -> int:
        return sum(
            follow_sources(tx, self.work, client.id, partner, row)
            for row in rows
            if self._may_make(tx, client, partner, row)
        )

    def _may_make(self, tx: Transaction, client: Client, partner: str, row: Row) -> bool:
        """Read again, an allocation begins no line that may have been stopped meanwhile: that is for a person."""
        if self.again is None:
            return True
        line = line_name(client.id, partner, row)
        if newest(tx, line) is not None:
            return True
        return self.again.remakes and not GRANTS.find(tx, "line", line.encode())

    def _partner(self, code: str | None, law: Law | None, among: frozenset[int] = ALLOCATION_ROWS) -> str | None:
        """The one address that this code stands for and that an allocation under this law, or an answer, lets this side tell."""
        return partner_of(self.book, self.work.rules, self.work.address, code, law, among)

    # -- what changed ----------------------------------------------------------------------------------------------

    def _first_answers(self, tx: Transaction, events: Sequence[NativeEvent]) -> frozenset[bytes]:
        """The clients and services about which no answer was seen before this one."""
        asked = [native for native in events if native.polled is not None and native.sender in self.own_codes]
        each = {polled.answer_key(self._mac, native): native for native in asked}
        return frozenset(key for key, one in each.items() if polled.is_first(tx, self._mac, one, self.work.today))

    # -- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, tx: Transaction, said: Said, received_at: int, *, first: bool) -> int:
        native = said.native
        client = None if native.citizen is None else clients.find(tx, native.citizen)
        facts = self._facts(tx, native)
        if client is None:
            return 0
        law, allocation = native.event.law, native.allocation
        if allocation is not None and law is not None and allocations.is_taken_back(tx, client.id, law, allocation):
            return 0
        ids = (*native.identity, *(() if native.course is None else native.course.key), native.event.reference or "")
        barred = {
            name: onward.bar(tx, self.work, client, (native.event, event), ids, self.kept_rows) for event, name in facts
        }
        told = 0
        for grant in active_grants(tx, client, self.work.today):
            if is_refused(tx, client.id, grant.recipient, self.work.rules.rows.get(grant.row)):
                continue
            if self._came_before(grant, said, received_at):
                continue  # what happened before its line began is never told under it
            told += sum(
                self._tell_under(tx, grant, event, identity, barred[identity])
                for event, identity in facts
                # With `first` it may be years old: nobody knows since when the source has it.
                if self._concerns(tx, grant, native, event) and not (first and event.day < grant.begin)
            )
        for event in (one for one, _ in facts if closing.why_closed(one) is not None):
            closing.died(tx, self.work, active_grants(tx, client, self.work.today), event)
            closing.untold(tx, client.id, event)
            if native.request is None:  # a request that is rejected was no help that ends
                closing.unnamed(tx, self.work, client.id, active_grants(tx, client, self.work.today), event)
        return told

    def _came_before(self, grant: Grant, said: Said, received_at: int) -> bool:
        if said.since is not None:  # in between nobody asked what stood against it, so this very grant must have stood
            return said.since < grant.made_at
        return self.again is not None and received_at < grant.begun_at

    def _hear_end(self, tx: Transaction, native: NativeEvent) -> None:
        """What the other party of an allocation says of its end: nothing more is to be told about it."""
        if closing.why_closed(native.event) is None:
            return
        client = None if native.citizen is None else clients.find(tx, native.citizen)
        if client is None or native.sender is None or native.event.law is None:
            return
        if native.retracts:
            self._take_back_end(tx, native)
            return
        partner = self._partner(native.sender, native.event.law)
        grants = [one for one in active_grants(tx, client, self.work.today) if one.recipient == partner]
        closing.heard(tx, self.work, grants, native.event)
        if native.request is None:
            closing.unnamed(tx, self.work, client.id, grants, native.event)
        closing.untold(tx, client.id, native.event)

    def _take_back_end(self, tx: Transaction, native: NativeEvent) -> None:
        client = None if native.citizen is None else clients.find(tx, native.citizen)
        if client is not None:
            # Read again, it may have gone on otherwise in the time that was lost: that is for a person.
            closing.taken_back(tx, self.work, client.id, native.event, begin=self.again is None)

    def _tell_under(self, tx: Transaction, grant: Grant, event: Event, identity: bytes, barred: str | None) -> bool:
        """Put one fact in the outbox under this grant; whether it was not there yet and may leave.

        `barred`: why it may not be passed on; then it stands there for a person to see.
        """
        event_id = self.event_id(tx, grant, identity)
        if ITEMS.find(tx, "event", event_id):
            return False
        item = ITEMS.put(
            tx,
            Item(
                next_number(tx),
                EVENT,
                event_id,
                grant.id,
                grant.line,
                grant.client,
                identity,
                event.day,
                self._parts(event, grant.categories),
                self.work.now,
                self._moment(tx, grant),
                # It may have been told before this edge was put back, and so may what came after it.
                late=self.again is not None,
                told=self.again is not None and barred is None,
                state=WAITING if barred is None else FINAL,
                final=barred,
                asks=barred is not None,
            ),
        )
        if barred is None:
            closing.told(tx, self.work, grant, event, item)
        return barred is None

    def _parts(self, event: Event, categories: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
        known = self.encoded.get((event, categories))
        if known is None:
            registry, found = self.work.registry, sorted(event.parts(categories).items())
            known = tuple(
                (name, registry.encode(f"{name}/{registry.versions(name)[-1]}", part)) for name, part in found
            )
            self.encoded[event, categories] = known
        return known

    def _moment(self, tx: Transaction, grant: Grant) -> int:
        """When an event may leave: at a moment of its own, but not before what must leave before it."""
        drawn = self.work.release_moment(grant.end)
        if drawn == AT_ONCE:
            return drawn
        before = ITEMS.find(tx, "grant_made", grant.id.encode(), WAITING)
        return max([drawn, *(item.release_at for item in before if item.kind != RETRACTION)])

    def _concerns(self, tx: Transaction, grant: Grant, native: NativeEvent, event: Event) -> bool:
        """Of the law of the grant; and under an allocation nothing about an allocation or request of another partner."""
        if event.law is None or event.law.value != grant.law:
            return False
        if grant.ground == STATUTORY and native.request is not None:
            return self._partner(native.receiver, event.law) == grant.recipient
        if grant.row not in ONE_ALLOCATION_ROWS or event.reference in (None, grant.source):
            return True
        read = sources_of(tx, grant.client, grant.recipient, grant.row, grant.law)
        return any(source.number == event.reference for source in read)

    def _facts(self, tx: Transaction, native: NativeEvent) -> list[tuple[Event, bytes]]:
        """What is to be told of this statement, each with its identity: in general one fact."""
        identity = self._mac(encode([b"identity", *native.identity]))
        course = native.course
        if course is None or course.at is None:
            return [(self._meaning(tx, native, identity), identity)]
        return self._told_of(tx, native, course, min(course.at, self.work.now), identity)

    def _told_of(
        self, tx: Transaction, native: NativeEvent, course: Course, at: int, identity: bytes
    ) -> list[tuple[Event, bytes]]:
        """A status among the others of its course, stated at a moment that is not still to come."""
        key, known = self._course_key(course), self._course(tx, course)
        if any(one.kind == _CALLED_BACK and at < one.moments[-1] for one in known):
            return []  # it was said before all of it was called back
        runs = [
            Run(one.identity, event_of(one.kind, one.day, one.ending, native.event), one.moments)
            for one in known
            if not one.retracted
        ]

        def name(kind: Kind, again: int | None) -> bytes:
            first = self._mac(encode([b"identity", *course.key, kind.value]))
            return first if again is None else self._mac(encode([b"again", first, again]))

        new = Run(identity, native.event, (at,))
        placed = place(runs, native.event, at, name) if course.restated else beside(runs, new)
        for run in set(placed.runs) - set(runs):
            event, ending = run.event, run.event.ending
            HISTORY.put(
                tx,
                Happened(
                    run.name,
                    key,
                    event.kind.value,
                    event.day,
                    moments=run.moments,
                    ending=None if ending is None else ending.value,
                ),
            )
        return [(meaning(placed, fact, course.resumes), fact.name) for fact in placed.facts]

    def _course(self, reads: Reads, course: Course) -> list[Happened]:
        return HISTORY.find(reads, "allocation", self._course_key(course))

    def _course_key(self, course: Course) -> bytes:
        return self._mac(encode([b"course", *course.key]))

    def _meaning(self, tx: Transaction, native: NativeEvent, identity: bytes) -> Event:
        """The event as it is in time: a start after an interruption of the same allocation is a resumption."""
        event = native.event
        if native.citizen is None or native.identity[0] not in _WITH_ALLOCATIONS or event.reference is None:
            return event
        citizen = native.citizen.bsn or native.citizen.own_number or ""
        allocation = self._mac(encode([b"allocation", native.sender, citizen, event.reference]))
        before = [
            one
            for one in HISTORY.find(tx, "allocation", allocation)
            if not one.retracted and one.day <= event.day and one.identity != identity
        ]
        HISTORY.put(tx, Happened(identity, allocation, event.kind.value, event.day))
        last = max(before, key=lambda one: one.day, default=None)
        interrupted = last is not None and last.kind == Kind.ONDERBROKEN.value
        return replace(event, kind=Kind.HERVAT) if event.kind is Kind.GESTART and interrupted else event

    def event_id(self, reads: Reads, grant: Grant, identity: bytes) -> bytes:
        """Wire.md section 3: keyed, so that nobody finds a BSN by guessing and no two recipients compare."""
        recalled = RECALLS.get(reads, self._recall_key(grant, identity))
        count = 0 if recalled is None else recalled.count
        return self._mac(encode([b"event", grant.recipient, grant.purpose, grant.law, identity, count]))[:16]

    def next_event_id(self, tx: Transaction, grant: Grant, item: Item) -> bytes:
        """The id under which a person tells an event again: a new one when the old one was called back there."""
        if item.final != Code.SEEN_ALREADY_RETRACTED.value:
            return item.event_id
        key = self._recall_key(grant, item.identity)
        recalled = RECALLS.get(tx, key)
        RECALLS.put(tx, Recalled(key, 1 if recalled is None else recalled.count + 1))
        return self.event_id(tx, grant, item.identity)

    def _recall_key(self, grant: Grant, identity: bytes) -> bytes:
        return self._mac(encode([b"recalled", grant.recipient, grant.purpose, grant.law, identity]))

    def _mac(self, message: bytes) -> bytes:
        return self.keyed.digest(message)

    # -- calling back ----------------------------------------------------------------------------------------------

    def _recall(self, tx: Transaction, native: NativeEvent) -> int:
        identity = self._mac(encode([b"identity", *native.identity]))
        names = [identity] if native.course is None else self._all_of(tx, native, native.course, identity)
        for name in names:
            happened = HISTORY.get(tx, name)
            if happened is not None:
                HISTORY.put(tx, replace(happened, retracted=True))
        found = [item for name in names for item in ITEMS.find(tx, "identity", name)]
        return sum(self.retract(tx, item, urgent=False) for item in found)

    def _all_of(self, tx: Transaction, native: NativeEvent, course: Course, identity: bytes) -> list[bytes]:
        """Every time that it came to this status until then; what was stated later still stands."""
        known = self._course(tx, course)
        at = self.work.now if course.at is None else min(course.at, self.work.now)
        if course.at is not None:
            back = self._mac(encode([b"called back", *course.key]))
            latest = max([at, *(one.moments[-1] for one in known if one.identity == back)])
            HISTORY.put(tx, Happened(back, self._course_key(course), _CALLED_BACK, day_of(at), True, (latest,)))
        later = {one.identity for one in known if not one.retracted and one.moments[-1] > at}
        kind = native.event.kind.value
        return [name for name in {identity, *(one.identity for one in known if one.kind == kind)} if name not in later]

    def retract(self, tx: Transaction, item: Item, *, urgent: bool = True) -> bool:
        """Call one event back; whether there was anything to call back.

        `urgent`: a person does so, and it leaves at once; what the own system corrects is spread as what it told.
        """
        if item.kind == EVENT and item.dead and urgent:
            return self._hurry_recall(tx, item)
        if item.kind != EVENT or item.dead:
            return False
        grant = GRANTS.need(tx, item.grant.encode())
        key = self._recall_key(grant, item.identity)
        recalled = RECALLS.get(tx, key)
        RECALLS.put(tx, Recalled(key, 1 if recalled is None else recalled.count + 1))
        never_left = item.state == WAITING and not item.told
        ITEMS.put(
            tx, replace(item, dead=True, state=FINAL, final=RETRACTED) if never_left else replace(item, dead=True)
        )
        closing.called_back(tx, self.work, item, by_hand=urgent)
        if item.told:
            add_item(
                tx,
                Item(
                    0,
                    RETRACTION,
                    item.event_id,
                    grant.id,
                    grant.line,
                    item.client,
                    b"",
                    self.work.today,
                    (),
                    self.work.now,
                    AT_ONCE if urgent else self.work.release_moment(grant.end + RECALL_DAYS),
                ),
            )
        return True

    def _hurry_recall(self, tx: Transaction, item: Item) -> bool:
        """The own system called it back, and that waits for its moment: a person does not wait. Whether it did."""
        waits = [
            one
            for one in ITEMS.find(tx, "event", item.event_id, WAITING)
            if one.kind == RETRACTION and one.release_at > self.work.now
        ]
        for one in waits:
            ITEMS.put(tx, replace(one, release_at=AT_ONCE))
        return bool(waits)
