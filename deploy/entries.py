# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an entry of the log says, for people: its day, kind, partners and code, never an id that links two entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from hub.store import Store
from schemas import entry
from schemas.address import role_of
from schemas.calendar import date_text
from schemas.canonical import decode_array
from schemas.entry import Entry
from schemas.fact import Register, parse_fact
from schemas.manifest import parse_manifest
from schemas.order import parse_order
from schemas.restored import parse_restored
from schemas.small_counts import in_words

PAGE = 1_000
_FAULT_LENGTH = 5  # of a fault as it was found; one more tells what the operator did
ERASED = "erased"
MANIFEST = "manifest"
TABLE = "rule-table"
KINDS = (
    entry.ACCEPT,
    entry.ADMISSION,
    entry.ERASURE,
    entry.EXPIRY,
    entry.CONFIRM,
    entry.FACT,
    entry.FAULT,
    entry.HAND_OVER,
    entry.INQUIRY,
    entry.MIGRATED,
    entry.OFFICER,
    entry.RECEIPT,
    entry.RECOVERY,
    entry.RESTORED,
    entry.RULES,
    entry.SUM,
    ERASED,
    MANIFEST,
    TABLE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. `partners` from sender to recipient; `about` is the index of the acceptance it belongs to."""

    index: int
    day: str | None
    kind: str
    partners: tuple[str, ...]
    about: int | None
    code: str | None

    def concerns(self, partner: str) -> bool:
        """Whether an address, or all of a role, has to do with it."""
        return any(partner in (address, role_of(address)) for address in self.partners)


def _store_changed(record: list[object]) -> str:
    if record[2] == entry.RECOVERY:
        return f"log {record[3]}, {record[7]} entries found"
    return f"from {record[3]} to {record[4]}, {record[5]} entries"


class HasEntries(Protocol):
    """A store, or somebody who reads one."""

    def entries(self, start: int, end: int) -> list[Entry]:
        """The entries from `start` to `end` (not included)."""


def pages(store: HasEntries, start: int, end: int) -> Iterator[tuple[int, list[Entry]]]:
    """The entries from `start` to `end` (not included), page by page with the index of the first."""
    for first in range(start, end, PAGE):
        yield first, store.entries(first, min(first + PAGE, end))


def read_lines(store: Store, start: int, end: int) -> Iterator[Line]:
    """What the entries from `start` to `end` (not included) say."""
    names = {row.number: row.address for row in store.addresses().values()}
    reader = Reader(names, lambda index: store.entries(index, index + 1)[0])
    for first, found in pages(store, start, end):
        yield from reader.lines(first, found)


class Reader:
    """Knows the numbers of partners, and which acceptance was between whom."""

    def __init__(self, names: Mapping[int, str], fetch: Callable[[int], Entry]) -> None:
        self._names = names
        self._fetch = fetch
        self._between: dict[int, tuple[str, ...]] = {}

    def lines(self, first: int, found: Iterable[Entry]) -> Iterator[Line]:
        """What these entries say, of which `first` is the index of the first."""
        for index, item in enumerate(found, first):
            yield self.line(index, item)

    def line(self, index: int, item: Entry) -> Line:
        """What one entry says."""
        if not item.record:
            return Line(index, None, ERASED, (), None, None)
        if item.salt is None:
            return self._public(index, item.record)
        record = decode_array(item.record, item.record[0] & 0x1F)
        day, kind = date_text(cast("int", record[1])), cast("str", record[2])
        partners, about, code = self._said(index, kind, record)
        return Line(index, day, kind, partners, about, code)

    def _public(self, index: int, frame: bytes) -> Line:
        if frame[:1] == b"{":
            return Line(index, None, TABLE, (), None, None)
        manifest = parse_manifest(frame).manifest
        return Line(index, date_text(manifest.begin), MANIFEST, (manifest.address,), None, f"number {manifest.number}")

    def _said(self, index: int, kind: str, record: list[object]) -> tuple[tuple[str, ...], int | None, str | None]:
        if kind == entry.FACT:
            fact = parse_fact(cast("bytes", record[3]))
            if isinstance(fact.body, Register):
                return (fact.signer, fact.body.recipient), None, "register"
            return (fact.signer,), None, "stop"
        if kind == entry.ADMISSION:
            return (cast("str", record[4]),), None, cast("str", record[5])
        if kind == entry.ACCEPT:
            self._between[index] = self._addresses(record)
            return self._between[index], None, cast("str", record[-1])
        if kind in (entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY):
            accept = cast("int", record[3])
            code = record[4] if kind == entry.RECEIPT else record[-1]
            return self._who(accept), accept, cast("str", code)
        if kind in (entry.RECOVERY, entry.MIGRATED):
            return (), None, _store_changed(record)
        if kind == entry.RULES:
            return (), None, f"SHA-256 {cast('bytes', record[3]).hex()[:16]}"
        if kind == entry.OFFICER:
            return (), None, cast("str", record[3])
        if kind == entry.INQUIRY:
            return (), None, f"{record[3]}, {parse_order(cast('bytes', record[4])).order.reason}"
        if kind == entry.ERASURE:
            count = sum(end - first for first, end in cast("list[list[int]]", record[4]))
            return (), None, f"{record[3]}, {count} entries"
        number = cast("int | None", record[3])
        partners = () if number is None else (self._name(number),)
        if kind == entry.SUM:
            counts = cast("list[list[object]]", record[4])
            return partners, None, ", ".join(in_words(str(code), cast("int", count)) for code, count in counts)
        if kind == entry.RESTORED:
            return partners, None, f"back-up of {date_text(parse_restored(cast('bytes', record[4])).since)}"
        return partners, None, cast("str", record[5]) if len(record) > _FAULT_LENGTH else None

    def _who(self, accept: int) -> tuple[str, ...]:
        if accept not in self._between:
            item = self._fetch(accept)
            known = decode_array(item.record, item.record[0] & 0x1F) if item.record else None
            self._between[accept] = () if known is None else self._addresses(known)
        return self._between[accept]

    def _addresses(self, accept: list[object]) -> tuple[str, ...]:
        # Five fields stand between the kind and the two: id, hash, whether a retraction, handle, sequence.
        sender, recipient = cast("int", accept[8]), cast("int", accept[9])
        return tuple(self._name(number) for number in (sender, recipient))

    def _name(self, number: int) -> str:
        return self._names.get(number, "-")
