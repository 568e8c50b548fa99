# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Finding entries of the log by partner, row, code, day and outcome, by reading it from end to end.

* Nothing is indexed: an index of who exchanged with whom would be one more thing to keep short and to erase from.
* A first look reads a few bytes of each record and stops nothing that fits; what it lets through is then read in full.
* What comes of it is a list of entries, never a count: small counts about grounds say too much of people.

A record is canonical, so its first items stand at fixed places: `[1, day, kind, ...]` (`schemas/entry.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.entries import ERASED, MANIFEST, TABLE, Line, Reader, read_lines
from hub.store import Store
from schemas import entry
from schemas.address import role_of
from schemas.canonical import encode

PAGE = 10_000
WITHOUT_RECORD = frozenset({ERASED, MANIFEST, TABLE})
_ACCEPTED = encode("accepted")
_TWO_BYTES = 0x19  # before a day from 256 to 65,535; others are read in full
_DAY_AT, _MARK, _AFTER_ACCEPT = 3, slice(6, 10), 12
_AFTER = {b"hand": 15, b"expi": 12, b"rece": 13}  # kinds that name an acceptance, and where its index stands
_TO_SEQUENCE = 69  # from the id of an acceptance: id, hash, whether a retraction, handle
_ARRAY, _NULL = 0x80, 0xF6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an entry must be; None: whatever.  `partner` is an address or a role; `outcome` the last code of a message.

    `after`: the first index, `end`: before this one.
    """

    partner: str | None = None
    row: int | None = None
    code: str | None = None
    kind: str | None = None
    first_day: int | None = None
    last_day: int | None = None
    outcome: str | None = None
    after: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that fits, with the row that its message relied on, and how that ended where this was asked."""

    line: Line
    row: int | None
    outcome: str | None


def find(store: Store, wanted: Wanted) -> Iterator[Found]:
    """The entries that fit, in order."""
    size = store.head().size if wanted.end is None else min(wanted.end, store.head().size)
    if wanted.kind in WITHOUT_RECORD:
        fitting = (line for line in read_lines(store, wanted.after, size) if _fits(line, wanted))
        yield from (Found(line, None, None) for line in fitting)
        return
    names = {row.number: row.address for row in store.addresses().values()}
    among = None if wanted.outcome is None else _ended_so(store, wanted.outcome)
    look, reader = _Look(wanted, names, among), Reader(names, lambda index: store.entries(index, index + 1)[0])
    for index in _passed(store, look, wanted, size):
        line = reader.line(index, store.entries(index, index + 1)[0])
        about = index if line.kind == entry.ACCEPT else line.about
        if _fits(line, wanted):
            yield Found(line, None if about is None else _row_of(store, about), wanted.outcome)


def _passed(store: Store, look: _Look, wanted: Wanted, size: int) -> Iterator[int]:
    for first in range(look.start, size, PAGE):
        for index, record in store.records(first, min(first + PAGE, size)):
            if look(index, record) and index >= wanted.after:
                yield index


def _ended_so(store: Store, outcome: str) -> set[int]:
    """The acceptances of the messages whose last code is this one; it may stand far behind them."""
    found: set[int] = set()
    code, waits, size = encode(outcome), outcome == "accepted", store.head().size
    for first in range(0, size, PAGE):
        for index, record in store.records(first, min(first + PAGE, size)):
            mark = record[_MARK]
            if mark == b"acce":
                if record.endswith(code):
                    found.add(index)
            elif mark in _AFTER and not record.endswith(_ACCEPTED):  # a hand-over that went well ends nothing
                accept, at = _uint(record, _AFTER[mark])
                ended = record.endswith(code) if mark == b"hand" else record.startswith(code, at)
                if ended and not waits:
                    found.add(accept)
                elif found:
                    found.discard(accept)
    return found


def _fits(line: Line, wanted: Wanted) -> bool:
    return (
        wanted.kind in (None, line.kind)
        and (wanted.partner is None or line.concerns(wanted.partner))
        and wanted.code in (None, line.code)
    )


class _Look:
    """The first look.  What it must know of acceptances to judge what names them, it remembers on its way.

    `among`: only what is about these acceptances.
    """

    def __init__(self, wanted: Wanted, names: dict[int, str], among: set[int] | None) -> None:
        partner, self._row = wanted.partner, wanted.row
        known = {n: one for n, one in names.items() if partner is None or partner in (one, role_of(one))}
        self._numbers = None if partner is None else frozenset(known)
        self._addresses = tuple(one.encode() for one in known.values())
        self._code = b"" if wanted.code is None else encode(wanted.code)
        self._kind = b"" if wanted.kind is None else encode(wanted.kind)
        self._first = 0 if wanted.first_day is None else wanted.first_day
        self._last = 1 << 16 if wanted.last_day is None else wanted.last_day
        self._chosen: set[int] = set()
        self._among = among
        self._follows = partner is not None or wanted.row is not None or among is not None
        # Whoever follows acceptances must see them; those among which it looks are known already.
        self.start = min(among, default=1 << 62) if among is not None else 0 if self._follows else wanted.after

    def __call__(self, index: int, record: bytes) -> bool:
        if record[2] != _TWO_BYTES:
            return True  # of a day that no log of ours has: read it in full
        mark, has_code = record[_MARK], self._code in record
        if mark == b"acce":
            if self._follows and not self._chooses(index, record):
                return False
        elif not has_code:
            return False
        elif mark in _AFTER:
            if self._follows and _uint(record, _AFTER[mark])[0] not in self._chosen:
                return False
        elif self._row is not None or self._among is not None or not self._is_of_partner(record, mark):
            return False
        if not has_code or self._kind not in record:
            return False
        return self._first <= record[_DAY_AT] << 8 | record[_DAY_AT + 1] <= self._last

    def _chooses(self, index: int, record: bytes) -> bool:
        if self._among is not None and index not in self._among:
            return False
        if self._numbers is not None:
            _, at = _uint(record, _AFTER_ACCEPT + _TO_SEQUENCE)
            sender, at = _uint(record, at)
            if sender not in self._numbers and _uint(record, at)[0] not in self._numbers:
                return False
        if self._row is not None and row_in(record) != self._row:
            return False
        self._chosen.add(index)
        return True

    def _is_of_partner(self, record: bytes, mark: bytes) -> bool:
        if self._numbers is None or mark != b"fact":
            return True
        return any(one in record for one in self._addresses)


def _row_of(store: Store, accept: int) -> int | None:
    record = store.entries(accept, accept + 1)[0].record
    return row_in(record) if record else None


def row_in(record: bytes) -> int | None:
    """The row in an acceptance: after the two names of keys, the list of parts and the hash of the terms."""
    _, at = _uint(record, record.index(b"accept") + len("accept") + _TO_SEQUENCE)
    for _ in range(2):
        _, at = _uint(record, at)
    for _ in range(2):
        at = _past(record, at)
    parts, at = record[at] - _ARRAY, at + 1
    for _ in range(parts + 1):
        at = _past(record, at)
    return None if record[at] == _NULL else _uint(record, at)[0]


def _uint(record: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where the next item does (RFC 8949, section 3)."""
    head = record[at] & 0x1F
    if head < 0x18:
        return head, at + 1
    size = 1 << (head - 0x18)
    return int.from_bytes(record[at + 1 : at + 1 + size], "big"), at + 1 + size


def _past(record: bytes, at: int) -> int:
    """Where the item after a text or bytes begins."""
    size, at = _uint(record, at)
    return at + size
