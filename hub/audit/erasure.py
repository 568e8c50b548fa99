# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who may erase from the log, when, and what (architecture.md sections 8 and 10).  Pure.

* Record and salt of chosen entries are destroyed only on an order that controller *and* FG signed, each by a key of
  its own that stands in the log for 30 days: a key that was slipped in is seen before it can do harm.
* Never in the first 30 days after an entry, never while an inquiry is open: what went wrong yesterday stays to be seen.
* What opens a grant that still counts is not erased: the fact would be needed, and the partners would repeat it.
* Entries about organisations (admissions, keys, inquiries, erasures, recoveries) stay: without them nobody could tell an
  erasure from a theft.  What is public was never secret.
* An erasure is an entry itself, in the commit that destroys, with the signed order: whoever has the log can check it.
* Six months after an entry its term is over, and the hub erases by itself, with an entry too.  An inquiry holds that up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from consent.grant import longest_end
from hub.store import Step
from schemas import entry
from schemas.canonical import FrameError
from schemas.entry import Entry
from schemas.fact import Register, parse_fact
from schemas.order import CLOSE, ERASE, OPEN, ROLES, SignedOrder, leaves_hash, parse_order
from schemas.order_faults import OrderError, OrderFault

FIRST_DAYS = 30  # after an entry, and after the registration of a key
TERM_MONTHS = 6
TERM = "term"
OPENED, CLOSED = "open", "close"
ERASABLE = frozenset({entry.ACCEPT, entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY, entry.FACT, entry.FAULT, entry.SUM})


@dataclass(frozen=True, slots=True)
class Officer:
    """A key that was registered for a role."""

    role: str
    public: bytes
    day: int


@dataclass(slots=True)
class Standing:
    """What the entries that stand say: whose keys there are, whether an inquiry is open, what was erased by term, and by which
    table the hub decides."""

    officers: list[Officer] = field(default_factory=list)
    inquiry: int | None = None  # the index of the entry that opened it
    table: bytes | None = None  # hash of the table by which the hub itself decides
    swept: int = 0  # entries before this index were looked at for their term
    seen: int = 0  # entries that stand before this index have been taken in

    def take(self, index: int, record: list[object]) -> None:
        """Takes in the next entry that stands."""
        day, kind = cast("int", record[1]), record[2]
        if kind == entry.OFFICER:
            self.officers.append(Officer(cast("str", record[3]), cast("bytes", record[4]), day))
        elif kind == entry.RULES:
            self.table = cast("bytes", record[3])
        elif kind == entry.INQUIRY:
            self.inquiry = index if record[3] == OPENED else None
        elif kind == entry.ERASURE and record[3] == TERM:
            self.swept = max([self.swept, *(end for _, end in cast("list[list[int]]", record[4]))])
        self.seen = index + 1

    def read(self, found: Iterable[tuple[int, Entry]]) -> None:
        """Takes in what `hub.store.Store.standing` gives from `seen` on."""
        for index, item in found:
            self.take(index, entry.items_of(item.record))

    def key_of(self, role: str, day: int) -> bytes | None:
        """The key by which a role may erase on `day`: the newest that stands in the log for 30 days."""
        old = [one.public for one in self.officers if one.role == role and one.day + FIRST_DAYS <= day]
        return old[-1] if old else None

    def may_open(self, role: str, public: bytes, day: int) -> bool:
        """Whether this key may open an inquiry: the one that may erase, or a newer one at once."""
        newest = [one.public for one in self.officers if one.role == role][-1:]
        return public in (*newest, self.key_of(role, day))


def day_and_kind(record: bytes) -> tuple[int, str]:
    """The two that every record begins with."""
    items = entry.items_of(record)
    return cast("int", items[1]), cast("str", items[2])


def handles_of(record: bytes) -> list[bytes]:
    """The handles that a recorded fact is about."""
    body = parse_fact(cast("bytes", entry.items_of(record)[3])).body
    return [body.handle] if isinstance(body, Register) else [handle for _, handle in body.handles]


def is_past_term(day_of_entry: int, day: int) -> bool:
    """Whether the six months of an entry are over on `day`."""
    return longest_end(day_of_entry, TERM_MONTHS) < day


def as_ranges(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Rising indexes as pairs of first and end."""
    found: list[tuple[int, int]] = []
    for index in indexes:
        if found and found[-1][1] == index:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found


def officer_step(role: str, public: bytes, standing: Standing, now: int, day: int, salt: bytes) -> Step:
    """The step that registers the key of a role.

    Raises:
        OrderError: the key is, or was, that of the other role; or it is the newest of this one already.
    """
    if role not in ROLES or len(public) != 32:
        raise OrderError(OrderFault.NO_KEY)
    for one in standing.officers:
        if one.public == public and one.role != role:
            raise OrderError(OrderFault.KEY_OF_THE_OTHER)
    if [one.public for one in standing.officers if one.role == role][-1:] == [public]:
        raise OrderError(OrderFault.KEY_REGISTERED)
    return Step(at=now, entries=[entry.committed(entry.officer(day, role, public), salt)], standing=[0])


def check_signers(signed: SignedOrder, standing: Standing, day: int) -> None:
    """Returns when those signed who must, by keys that count on `day`.

    Raises:
        OrderError: somebody is missing.
    """
    if signed.order.kind == OPEN:
        if not any(standing.may_open(role, public, day) for role, public, _ in signed.signatures):
            raise OrderError(OrderFault.OPENED_BY_NOBODY)
        return
    for role in ROLES:
        public, counts = signed.signed_by(role), standing.key_of(role, day)
        if public is None:
            raise OrderError(OrderFault.NOT_SIGNED, role)
        if counts is None:
            raise OrderError(OrderFault.NO_OLD_KEY, role, days=FIRST_DAYS)
        if public != counts:
            raise OrderError(OrderFault.OTHER_KEY, role)


def check_entries(
    signed: SignedOrder,
    found: Sequence[tuple[int, Entry]],
    day: int,
    living: Callable[[Sequence[bytes]], bool],
) -> list[int]:
    """The indexes among the entries of an order that are still there; all of them may be erased on `day`.

    `living`: whether any of these handles still counts.

    Raises:
        OrderError: one of them may not, with its index.
    """
    if leaves_hash(item.leaf for _, item in found) != signed.order.leaves:
        raise OrderError(OrderFault.OTHER_ENTRIES)
    left = [(index, item) for index, item in found if item.record]
    for index, item in left:
        refused = why_not(item, day, living)
        if refused is not None:
            raise OrderError(refused, index=index, days=FIRST_DAYS)
    return [index for index, _ in left]


def why_not(item: Entry, day: int, living: Callable[[Sequence[bytes]], bool]) -> OrderFault | None:
    """Why an entry may not be erased on `day`; None when it may."""
    if item.salt is None:
        return OrderFault.IS_PUBLIC
    day_of_entry, kind = day_and_kind(item.record)
    if kind not in ERASABLE:
        return OrderFault.IS_KEPT
    if day < day_of_entry + FIRST_DAYS:
        return OrderFault.IS_YOUNG
    if kind == entry.FACT and living(handles_of(item.record)):
        return OrderFault.COUNTS_STILL
    return None


def order_step(signed: SignedOrder, erased: Sequence[int], standing: Standing, now: int, day: int, salt: bytes) -> Step:
    """The step that carries out an order whose signers and entries were checked.

    Raises:
        OrderError: an inquiry is open, or is not, as the order needs it.
    """
    order, step = signed.order, Step(at=now, standing=[0])
    if order.kind == ERASE:
        if standing.inquiry is not None:
            raise OrderError(OrderFault.INQUIRY_OPEN, index=standing.inquiry)
        step.erases = as_ranges(erased)
        record = entry.erasure(day, order.reason, order.ranges, signed.raw)
    elif (standing.inquiry is None) != (order.kind == OPEN):
        raise OrderError(OrderFault.OPEN_ALREADY if order.kind == OPEN else OrderFault.NONE_OPEN)
    else:
        record = entry.inquiry(day, CLOSED if order.kind == CLOSE else OPENED, signed.raw)
    step.entries.append(entry.committed(record, salt))
    return step


@dataclass(slots=True)
class Erasures:
    """The erasures of a log, as replay meets them: holes first, then the entry that must account for each."""

    standing: Standing = field(default_factory=Standing)
    _holes: dict[int, int] = field(default_factory=dict)  # with the day of the newest entry before it
    _day: int = 0

    def saw(self, day: int) -> None:
        """An entry of this day: those after it are not older."""
        self._day = day

    def hole(self, index: int) -> None:
        """An entry without a record."""
        self._holes[index] = self._day

    def stands(self, index: int, record: list[object]) -> None:
        """One of `entry.STANDING`: an erasure accounts for its holes when its time and its signers were right."""
        if record[2] == entry.ERASURE:
            for one in self._rightly(record):
                self._holes.pop(one, None)
        self.standing.take(index, record)

    def unaccounted(self) -> list[int]:
        """The holes that no rightful erasure accounts for."""
        return sorted(self._holes)

    def _rightly(self, record: list[object]) -> list[int]:
        day, ranges, frame = cast("int", record[1]), cast("list[list[int]]", record[4]), record[5]
        if self.standing.inquiry is not None:
            return []
        named = [one for first, end in ranges for one in range(first, end) if one in self._holes]
        if frame is None:
            return [one for one in named if record[3] == TERM and is_past_term(self._holes[one], day)]
        try:
            signed = parse_order(cast("bytes", frame))
            check_signers(signed, self.standing, day)
        except (FrameError, OrderError):
            return []
        if signed.order.kind != ERASE or [list(pair) for pair in signed.order.ranges] != ranges:
            return []
        return [one for one in named if self._holes[one] + FIRST_DAYS <= day]
