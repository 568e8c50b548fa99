# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Replay: recomputes every decision from the entries that stand before its own (architecture.md section 4).

Reads entries in order and nothing else: admissions, manifests, rule tables and facts build up what the hub knew;
each acceptance and hand-over is then asked again by the very functions of the pipeline, and the row, the tables and
the newest fact that it names are compared too.  Steps 1 and 3 (form and signature), and the clock that ended a waiting,
are taken as recorded; a receipt is not: its signature stands in its entry, so one that the recipient did not sign for that
envelope is a difference.  *Not decidable* is what was erased, and what rests on something that was.  Each erased record must be
accounted for: by an entry that follows it, of an erasure that was allowed then (`hub.audit.erasure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from consent.decide import Moment
from consent.rules import RuleTable, load
from hub.audit.erasure import Erasures
from hub.grants import KnownGrants, register, stop, vocabulary_of
from hub.pipeline import Question, is_counted, judge, question_of
from hub.registry import ADMITTED, Partner, Partners, make_partner, within
from hub.store import AddressRow, GrantRow, Step, StopRow
from schemas import entry
from schemas.calendar import start_of_day
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.entry import Entry
from schemas.fact import Register, parse_fact
from schemas.manifest import parse_manifest
from schemas.receipt import parse_receipt
from schemas.signing import SignatureError, Verifier

_MIDDAY_MS = 43_200_000
GONE = "erased"  # its own record
RESTS_ON_GONE = "rests-on-erased"  # a record that it rests on


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that comes out otherwise: its entry, what the log says, what follows from the entries before."""

    index: int
    logged: str
    recomputed: str


@dataclass(slots=True)
class Report:
    """How many decisions came out the same, which differ (none may), which could not be recomputed."""

    same: int = 0
    differs: list[Difference] = field(default_factory=list)
    not_decidable: list[int] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)  # of what is not decidable: one of the reasons below
    unaccounted: list[int] = field(default_factory=list)  # records that are gone by no rightful erasure (must be none)


class Asked(NamedTuple):
    """A decision about an envelope, when it came or when it was picked up: what was asked, and what the hub knew then."""

    question: Question
    grant: GrantRow | None
    partners: Partners
    day: int
    logged: str
    moment: Moment


def replay(entries: Iterable[Entry], national: RuleTable, listen: Callable[[Asked], None] | None = None) -> Report:
    """The report over all entries of a log, in order from index 0; `listen` hears of each decision that can be taken again."""
    memory = _Memory(national, listen)
    for index, item in enumerate(entries):
        if not item.record:
            memory.forgotten(index)
        elif item.salt is None:
            memory.public(item.record)
        else:
            memory.record(index, entry.items_of(item.record))
    memory.report.unaccounted = memory.erasures.unaccounted()
    return memory.report


class _Memory:
    """What the hub knew after the entries so far."""

    def __init__(self, national: RuleTable, listen: Callable[[Asked], None] | None = None) -> None:
        self.report = Report()
        self._national = national
        self._listen = listen
        self._vocabulary = vocabulary_of(national)
        self._rows: dict[int, AddressRow] = {}
        self._everyone: list[Partner] = []
        self._partners = Partners([])
        self._tables = {national.hash: national}
        self._grants: dict[bytes, GrantRow] = {}
        self._stops: dict[bytes, list[StopRow]] = {}
        self._accepts: dict[int, tuple[bytes, Question]] = {}
        self._verifier = Verifier()
        self._ids: dict[bytes, bytes] = {}
        self._facts: set[int] = set()
        self._awaited: set[int] = set()  # after a recovery: who must repeat its facts before anything is decided
        self._holes = False
        self.erasures = Erasures()

    def forgotten(self, index: int) -> None:
        """An erased entry: from here on an unknown grant or address may be one that it told of."""
        self._undecided(index, GONE)
        self.erasures.hole(index)
        self._holes = True

    def _undecided(self, index: int, why: str) -> None:
        self.report.not_decidable.append(index)
        self.report.why[index] = why

    def public(self, frame: bytes) -> None:
        """A rule table or a manifest."""
        if frame[:1] == b"{":
            table = load(frame)
            self._tables[table.hash] = table
            return
        manifest = parse_manifest(frame).manifest
        number = self._partners.by_address[manifest.address].number
        row = self._rows[number]
        self._put(row._replace(manifest=frame, table_hash=manifest.table_hash))

    def record(self, index: int, record: list[object]) -> None:
        """A committed record `[1, day, kind, ...]`."""
        day, kind = cast("int", record[1]), record[2]
        self.erasures.saw(day)
        if kind in entry.STANDING:
            self.erasures.stands(index, record)
            if kind == entry.RULES:
                self._decides_by(index, cast("bytes", record[3]))
        elif kind == entry.ADMISSION:
            number, address, state = cast("tuple[int, str, str]", record[3:6])
            old = self._rows.get(number, AddressRow(number, address, state, 0, None, None))
            self._put(old._replace(state=state))
            if state != ADMITTED:  # nobody waits for whom the operator has barred
                self._awaited.discard(number)
        elif kind == entry.FACT:
            self._facts.add(index)
            self._fact(cast("bytes", record[3]), day)
        elif kind == entry.RECOVERY:
            self._ids.clear()  # stored outcomes are dropped
            self._awaited = set(cast("list[int]", record[8]))
        elif kind == entry.CONFIRM:
            self._awaited.discard(cast("int", record[3]))
        elif kind == entry.ACCEPT:
            self._accept(index, record, day)
        elif kind == entry.HAND_OVER:
            self._hand_over(index, record, day)
        elif kind == entry.RECEIPT:
            self._receipt(index, record)

    def _decides_by(self, index: int, table_hash: bytes) -> None:
        """From here on the hub decides by another table, for whoever published none."""
        table = self._tables.get(table_hash)
        if table is None:
            self.report.differs.append(Difference(index, "rules", "a table that does not stand in the log"))
            return
        self._national = table
        self._vocabulary = vocabulary_of(self._national)
        self._everyone = [self._made(row) for row in self._rows.values()]
        self._partners = Partners(self._everyone)

    def _put(self, row: AddressRow) -> None:
        row = row._replace(version=row.version + 1)
        self._rows[row.number] = row
        self._everyone = [p for p in self._everyone if p.number != row.number] + [self._made(row)]
        self._partners = Partners(self._everyone)

    def _made(self, row: AddressRow) -> Partner:
        own = None if row.table_hash is None else within(self._tables[row.table_hash], self._national)
        return make_partner(row, own or self._national)

    def _fact(self, frame: bytes, day: int) -> None:
        """What `hub.grants` makes of the fact, with the same functions."""
        fact = parse_fact(frame)
        handles = [fact.body.handle] if isinstance(fact.body, Register) else [h for _, h in fact.body.handles]
        stops = [row for handle in handles for row in self._stops.get(handle, ()) if day <= row.forget]
        grants = {h: g for h in handles if (g := self._grants.get(h)) is not None and day <= g.forget}
        known = KnownGrants(self._partners, grants, stops, day, start_of_day(day) + _MIDDAY_MS, self._vocabulary)
        if isinstance(fact.body, Register):
            step, _ = register(fact, fact.body, known, bytes)
        else:
            step, _ = stop(fact, fact.body, known, bytes)
        self._apply(step)

    def _apply(self, step: Step) -> None:
        for grant in step.registers:
            self._grants[grant.handle] = grant
        for handle, version, forget in step.stops:
            self._grants[handle] = self._grants[handle]._replace(stopped=True, version=version + 1, forget=forget)
        for row in step.stop_rows:
            self._stops.setdefault(row.handle, []).append(row)

    def _accept(self, index: int, record: list[object], day: int) -> None:
        message_id, sha = cast("bytes", record[3]), cast("bytes", record[4])
        question, logged = question_of(record), str(record[-1])
        self._accepts[index] = message_id, question
        grant = self._grants.get(question.handle)
        if self._undecidable(index, question, grant):
            return
        if self._listen is not None:
            self._listen(Asked(question, grant, self._partners, day, logged, Moment.ACCEPT))
        names = self._names_amiss(question, record, day)
        if logged == Code.ID_REUSED:
            recomputed = Code.ID_REUSED if self._ids.get(message_id, sha) != sha else Code.ACCEPTED
            if self._holes and message_id not in self._ids:
                self._undecided(index, RESTS_ON_GONE)
                return
            self._compare(index, logged, recomputed, names)
            return
        self._ids[message_id] = sha
        counted = is_counted(question, grant, day)
        if counted and grant is not None and question.sequence <= grant.last:
            recomputed = Code.REPLAYED
        else:
            recomputed = judge(question, grant, self._partners, day, Moment.ACCEPT)
            if counted and grant is not None:
                self._grants[grant.handle] = grant._replace(last=question.sequence)
            if self._holes and logged == Code.REPLAYED:  # the number may have been used by an envelope that is gone
                self._undecided(index, RESTS_ON_GONE)
                return
        self._compare(index, logged, recomputed, names)

    def _hand_over(self, index: int, record: list[object], day: int) -> None:
        accept, logged = cast("int", record[3]), str(record[-1])
        known = self._accepts.get(accept)
        if known is None:
            self._undecided(index, RESTS_ON_GONE)
            return
        question = known[1]
        grant = self._grants.get(question.handle)
        if not self._undecidable(index, question, grant):
            if self._listen is not None:
                self._listen(Asked(question, grant, self._partners, day, logged, Moment.PICKUP))
            recomputed = judge(question, grant, self._partners, day, Moment.PICKUP)
            self._compare(index, logged, recomputed, self._fact_amiss(record[5]))

    def _receipt(self, index: int, record: list[object]) -> None:
        accept, logged, frame = cast("tuple[int, str, bytes]", record[3:6])
        known = self._accepts.get(accept)
        if known is None:
            return  # the acceptance was erased, which is told at its own place
        message_id, question = known
        recipient = self._partners.by_number.get(question.recipient)
        if recipient is None or not self._is_signed(frame, (message_id, logged), recipient):
            self.report.differs.append(Difference(index, logged, "no receipt of its recipient"))

    def _is_signed(self, frame: bytes, said: tuple[bytes, str], recipient: Partner) -> bool:
        try:
            receipt = parse_receipt(frame)
        except FrameError:
            return False
        for key in recipient.signing.values():
            with suppress(SignatureError):
                self._verifier.verify(receipt.signed, receipt.signature, key.public)
                return said == (receipt.message_id, receipt.code.value)
        return False

    def _undecidable(self, index: int, question: Question, grant: GrantRow | None) -> bool:
        unknown = question.sender not in self._rows or grant is None
        if self._holes and unknown:
            self._undecided(index, RESTS_ON_GONE)
            return True
        return False

    def _names_amiss(self, question: Question, record: list[object], day: int) -> str:
        """What an acceptance names as its ground that does not follow from the entries before it; empty when all does."""
        grant, sender = self._grants.get(question.handle), self._partners.by_number[question.sender]
        recipient = self._partners.by_number.get(question.recipient)
        rows = [None if grant is None else grant.row]
        if grant is not None and day > grant.forget:  # the store may have forgotten it by then, or not yet
            rows.append(None)
        row, tables, newest = record[14:17]
        if row not in rows:
            return "another row"
        if tables != [sender.table.hash, None if recipient is None else recipient.table.hash]:
            return "another table"
        return self._fact_amiss(newest)

    def _fact_amiss(self, newest: object) -> str:
        """Whether the newest fact that a decision names is a fact before it.

        Not whether it is the newest: another process may have logged one between the decision and its commit, and what
        the decision rests on is compared there (`StaleError`).  With an erased entry before, it may be that one.
        """
        return "" if newest == -1 or newest in self._facts or self._holes else "another fact"

    def _compare(self, index: int, logged: str, recomputed: Code, amiss: str) -> None:
        amiss = "a gate that was closed" if self._awaited else amiss
        if logged == recomputed and not amiss:
            self.report.same += 1
        elif logged == recomputed:
            self.report.differs.append(Difference(index, f"{logged}, on {amiss}", recomputed.value))
        else:
            self.report.differs.append(Difference(index, logged, recomputed.value))


class Then(_Memory):
    """What the hub knew at a moment, of what its caller picks: admissions, manifests, the entries about one handle."""

    def grant(self, handle: bytes) -> GrantRow | None:
        """The row of a handle, as the entries so far made it."""
        return self._grants.get(handle)

    def stops(self, handle: bytes) -> list[StopRow]:
        """Who has stopped it so far."""
        return self._stops.get(handle, [])

    @property
    def partners(self) -> Partners:
        """Everyone, with the keys and tables of then."""
        return self._partners

    def with_holes(self) -> None:
        """Something before was erased."""
        self._holes = True

    def _fact_amiss(self, newest: object) -> str:
        del newest  # it may be about another handle, which was not picked
        return ""
