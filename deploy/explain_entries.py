# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Why the hub decided as it did: which row, which version of which table, which facts; in a sentence and in fields.

* What is told of a decision follows from the entries before it alone, by the functions that replay uses.
* Facts are named by their entries, partners by their addresses: nothing of a citizen is here, and no handle is shown
  but one that was asked about.
* What was erased is said to be, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from typing import cast

from consent.decide import Moment, Verdict, decide
from consent.rules import RuleTable
from deploy.dutch import GROUNDS
from deploy.dutch_decisions import DECISIONS, INACTIVE, TABLES_DIFFER, organisation
from hub.audit.replay import Then
from hub.pipeline import registered
from hub.registry import ADMITTED, Partner
from hub.store import GrantRow, Store
from schemas import entry
from schemas.calendar import date_text, first_day, last_day
from schemas.codes import Code
from schemas.fact import Register, parse_fact
from schemas.manifest import parse_manifest

PAGE = 10_000
_ORGANISATIONS = (b"admi", b"reco", b"conf", b"rule")
_ID = slice(13, 29)  # of a message, in the record of its acceptance


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that a decision rests on: the entry that has it."""

    entry: int
    day: str
    kind: str
    signer: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rule table of one side: its hash and version, and the entry of the manifest that named it, if any."""

    address: str
    hash: str
    version: str
    manifest: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a message.  `replayed`: what comes out today from the entries before it."""

    entry: int
    day: str
    moment: str
    code: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something was, or would have been, permitted or not."""

    sentence: str
    day: str
    sender: str | None
    recipient: str | None
    code: str
    row: int | None
    law: str | None
    purpose: str | None
    ground: str | None
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...]
    decisions: tuple[Decision, ...] = ()


def explain_message(store: Store, message_id: bytes, national: RuleTable) -> Explanation | None:
    """Why a message was accepted or refused, and each time that it was handed over or not; None: not in the log."""
    accept = _acceptance(store, message_id)
    if accept is None:
        return None
    record = entry.items_of(store.entries(accept, accept + 1)[0].record)
    handle = cast("bytes", record[6])
    past = _Past(store, national, handle, before=accept)
    grant = past.then.grant(handle)
    sides = [past.then.partners.by_number.get(cast("int", number)) for number in record[8:10]]
    decisions = tuple(_decisions(store, past, accept, record))
    day, code = cast("int", record[1]), Code(str(record[-1]))
    why = _inactive(past, grant, sides, day) if code is Code.NOT_ACTIVE else ""
    return past.explanation(grant, sides, day, code, why, cast("int | None", record[14]), decisions)


def explain_handle(store: Store, handle: bytes, day: int, national: RuleTable) -> Explanation:
    """What the hub knew of a handle at the end of a day, and whether an envelope under it would have been accepted."""
    past = _Past(store, national, handle, last_day=day)
    grant = past.then.grant(handle)
    if grant is not None and day > grant.forget:
        grant = None
    numbers = (None, None) if grant is None else (grant.sender, grant.recipient)
    sides = [None if one is None else past.then.partners.by_number.get(one) for one in numbers]
    code, why = Code.NOT_ACTIVE, _inactive(past, grant, sides, day)
    sender, recipient = sides
    if grant is not None and sender is not None and recipient is not None:
        verdict = decide((sender.table, recipient.table), registered(grant, sender, recipient), day, Moment.ACCEPT)
        code = _VERDICTS[verdict]
        if code is Code.ACCEPTED and sender.state != ADMITTED:
            code = Code.UNKNOWN_SENDER
        elif code is Code.ACCEPTED and recipient.state != ADMITTED:
            code = Code.NO_RECIPIENT
    return past.explanation(grant, sides, day, code, why, None if grant is None else grant.row, ())


_VERDICTS = {
    Verdict.PERMIT: Code.ACCEPTED,
    Verdict.NOT_ACTIVE: Code.NOT_ACTIVE,
    Verdict.MONTH_OVER: Code.MONTH_OVER,
    Verdict.NOT_PERMITTED: Code.NOT_PERMITTED_HERE,
}


class _Past:
    """What the entries say of one handle, up to an entry or to the end of a day."""

    def __init__(
        self,
        store: Store,
        national: RuleTable,
        handle: bytes,
        *,
        before: int | None = None,
        last_day: int | None = None,
    ) -> None:
        self.then = Then(national)
        self.facts: list[Fact] = []
        self.national = national
        self._store, self._handle = store, handle
        self._before = store.head().size if before is None else before
        self._last_day = last_day
        self._manifests: dict[int, int] = {}
        self.has_holes = any(
            cast("list[list[int]]", record[4])[0][0] < self._before
            for record in (entry.items_of(item.record) for _, item in store.standing(0))
            if record[2] == entry.ERASURE
        )
        if self.has_holes:
            self.then.with_holes()
        for index, number, raw in merge(self._records(), self._public(), key=lambda one: one[0]):
            self._take(index, number, raw)

    def _take(self, index: int, number: int | None, raw: bytes) -> None:
        if number is not None:
            self._publish(raw)
            self._manifests[number] = index
            return
        record = self.take(index, raw)
        if record[2] == entry.FACT:
            fact = parse_fact(cast("bytes", record[3]))
            kind = "register" if isinstance(fact.body, Register) else "stop"
            self.facts.append(Fact(index, date_text(cast("int", record[1])), kind, fact.signer))

    def take(self, index: int, raw: bytes) -> list[object]:
        """Takes in a record; of one that names the table of the hub that table first."""
        record = entry.items_of(raw)
        if record[2] == entry.RULES:
            self.then.public(self._store.table(cast("bytes", record[3])) or b"")
        self.then.record(index, record)
        return record

    def publish(self, start: int, end: int) -> None:
        """Takes in the manifests from `start` to `end` (not included)."""
        for index, _, raw in self._manifests_of_all:
            if start <= index < end:
                self._publish(raw)

    def _publish(self, raw: bytes) -> None:
        """Takes in a manifest; of one that names a table that table first."""
        table_hash = parse_manifest(raw).manifest.table_hash
        if table_hash is not None:
            self.then.public(self._store.table(table_hash) or b"")
        self.then.public(raw)

    @cached_property
    def _manifests_of_all(self) -> list[tuple[int, int, bytes]]:
        everyone = [row.number for row in self._store.addresses().values()]
        return sorted((index, number, raw) for number in everyone for index, raw in self._store.manifests(number))

    def _records(self) -> Iterator[tuple[int, int | None, bytes]]:
        """Admissions and recoveries, and what is about the handle."""
        for first in range(0, self._before, PAGE):
            for index, record in self._store.records(first, min(first + PAGE, self._before)):
                mark = record[6:10]
                if mark in _ORGANISATIONS or (mark in (b"fact", b"acce") and self._handle in record):
                    if self._last_day is not None and cast("int", entry.items_of(record)[1]) > self._last_day:
                        return
                    yield index, None, record

    def _public(self) -> Iterator[tuple[int, int | None, bytes]]:
        # A manifest has no day of its own in the log: it counts from where it stands, between its neighbours.
        end = self._before if self._last_day is None else self._end_of_day(self._last_day)
        return ((index, number, raw) for index, number, raw in self._manifests_of_all if index < end)

    def _end_of_day(self, day: int) -> int:
        """The index of the first entry of a later day: days only rise in a log."""
        low, high = 0, self._before
        while low < high:
            middle = (low + high) // 2
            dated = next(iter(self._dated(middle, high)), None)
            if dated is None or dated[1] > day:
                high = middle
            else:
                low = dated[0] + 1
        return low

    def _dated(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for first in range(start, end, 100):
            for index, record in self._store.records(first, min(first + 100, end)):
                yield index, cast("int", entry.items_of(record)[1])

    def explanation(  # one place makes it, of what two questions found
        self,
        grant: GrantRow | None,
        sides: list[Partner | None],
        day: int,
        code: Code,
        why: str,
        row: int | None,
        decisions: tuple[Decision, ...],
    ) -> Explanation:
        """All of it, with its sentence."""
        known = [one for one in sides if one is not None]
        tables = tuple(
            Table(one.address, one.table.hash.hex(), one.table.version, self._manifests.get(one.number))
            for one in known
        )
        rule = None if row is None else (known[0].table if known else self.national).rows.get(row)
        sentence = self._sentence(grant, known, day, code, why, tables)
        return Explanation(
            sentence,
            date_text(day),
            None if sides[0] is None else sides[0].address,
            None if sides[1] is None else sides[1].address,
            code.value,
            row,
            None if rule is None else rule.law,
            None if rule is None else rule.purpose,
            None if grant is None else grant.ground,
            tables,
            tuple(self.facts),
            decisions,
        )

    def _sentence(
        self, grant: GrantRow | None, known: list[Partner], day: int, code: Code, why: str, tables: tuple[Table, ...]
    ) -> str:
        who = " aan ".join(organisation(one.address) for one in known) or "De afzender"
        begin = f"{who}: op {date_text(day)} {DECISIONS[code]}"
        if why:
            begin += f", want {why}"
        parts = [begin]
        if grant is not None:
            parts.append(f"de toelating noemt regel {grant.row} en als grond {GROUNDS.get(grant.ground, grant.ground)}")
        if tables:
            versions = {(one.version, one.hash[:8]) for one in tables}
            shown = " en ".join(f"{version} ({short})" for version, short in sorted(versions))
            parts.append(f"volgens tabelversie {shown}" + (TABLES_DIFFER if len(versions) > 1 else ""))
        if self.facts:
            parts.append("op de feiten in logboekregel " + ", ".join(str(one.entry) for one in self.facts))
        if self.has_holes:
            parts.append("regels van vóór dit moment zijn gewist, dus wat daarin stond telt hier niet mee")
        return "; ".join(parts) + "."


def _inactive(past: _Past, grant: GrantRow | None, sides: list[Partner | None], day: int) -> str:
    """Why nothing was active, as far as the entries say."""
    if grant is None:
        return INACTIVE["erased" if past.has_holes else "unknown"]
    if day > grant.forget:
        return INACTIVE["forgotten"]
    if grant.stopped:
        stops = [one for one in past.facts if one.kind == "stop"]
        return INACTIVE["stopped"].format(entry=stops[-1].entry if stops else "-")
    if grant.end is not None and day > grant.end:
        return INACTIVE["ended"].format(day=date_text(grant.end))
    if day < first_day(grant.month):
        return INACTIVE["early"].format(day=date_text(first_day(grant.month)))
    numbers = tuple(None if one is None else one.number for one in sides)
    if numbers != (grant.sender, grant.recipient):
        return INACTIVE["addresses"]
    return INACTIVE["month"].format(day=date_text(last_day(grant.month))) if day > last_day(grant.month) else ""


def _decisions(store: Store, past: _Past, accept: int, record: list[object]) -> Iterator[Decision]:
    """The first decision and each at pick-up, with what comes out today."""
    past.then.record(accept, record)
    yield _decision(past, accept, record, "accept")
    handle, seen = cast("bytes", record[6]), accept
    for first in range(accept + 1, store.head().size, PAGE):
        for index, raw in store.records(first, min(first + PAGE, store.head().size)):
            mark = raw[6:10]
            if mark in _ORGANISATIONS or (mark == b"fact" and handle in raw):
                past.publish(seen, index)
                past.take(index, raw)
                seen = index
            elif mark in (b"hand", b"rece", b"expi"):
                items = entry.items_of(raw)
                if items[3] != accept:
                    continue
                if mark == b"hand":
                    past.publish(seen, index)
                    seen = index
                    past.then.record(index, items)
                    yield _decision(past, index, items, "hand-over")
                else:
                    return  # what comes after this is no decision


def _decision(past: _Past, index: int, record: list[object], moment: str) -> Decision:
    report = past.then.report
    differs = {one.index: one.recomputed for one in report.differs}
    replayed = differs.get(index, report.why.get(index, "same"))
    return Decision(index, date_text(cast("int", record[1])), moment, str(record[-1]), replayed)


def _acceptance(store: Store, message_id: bytes) -> int | None:
    """The entry of the first decision on a message; the store knows it for 30 days, the log as long as its record."""
    known = store.stored([message_id]).get(message_id)
    if known is not None:
        return known.accept if store.entries(known.accept, known.accept + 1)[0].record else None
    size = store.head().size
    for first in range(0, size, PAGE):
        for index, record in store.records(first, min(first + PAGE, size)):
            if message_id in record and record[6:10] == b"acce" and record[_ID] == message_id:
                return index
    return None
