# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The term of entries: six months after its day the record and salt of an entry are destroyed, page by page.

* Those of a fact stay as long as its grant counts, is remembered as a stub, or is known as stopped.
* Not while an inquiry is open.  A page is one commit with one entry, so a crash in between is only a later page.
* Where the sweep is, the log itself says: every erasure by term names the entries that it was about.

Reads the store and gives a step; the caller commits, under its lock, and begins a new sweep when that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.audit.erasure import ERASABLE, TERM, Standing, as_ranges, day_and_kind, handles_of, is_past_term
from hub.store import Step, Store
from schemas import entry
from schemas.entry import Entry
from schemas.fact import Register, parse_fact

PAGE = 1_000
PAGES_AT_ONCE = 10  # without anything to erase


class Sweep:
    """Where the hub is on its way through old entries; once a day it has seen them all."""

    def __init__(self) -> None:
        self._done_on = -1
        self._at = 0
        self._facts: list[tuple[int, int]] | None = None  # per partner: from which entry on its facts are to be seen

    def next_step(
        self, store: Store, standing: Standing, day: int, now: int, random: Callable[[int], bytes]
    ) -> Step | None:
        """The step that erases the next page of what is over; None when there is nothing more today."""
        if self._done_on == day or standing.inquiry is not None:
            return None
        self._at = max(self._at, standing.swept)
        for _ in range(PAGES_AT_ONCE):
            if self._facts == []:
                self._done_on, self._facts = day, None
                return None
            found = self._page(store, day) if self._facts is None else self._old_facts(store)
            if found:
                return _step(store, found, day, now, random)
        return None

    def _page(self, store: Store, day: int) -> list[tuple[int, Entry]]:
        """What is over among the next entries; ends the way through them at the first that is not."""
        found = list[tuple[int, Entry]]()
        page = store.entries(self._at, self._at + PAGE)
        for item in page:
            if item.salt is not None:
                day_of_entry, kind = day_and_kind(item.record)
                if not is_past_term(day_of_entry, day):
                    break
                if kind in ERASABLE:
                    found.append((self._at, item))
            self._at += 1
        else:
            if len(page) == PAGE:
                return found
        self._facts = [(row.number, 0) for row in store.addresses().values()]
        return found

    def _old_facts(self, store: Store) -> list[tuple[int, Entry]]:
        """The next facts that were left standing when the sweep came by."""
        number, start = (self._facts or []).pop()
        page = [(index, frame) for index, frame in store.facts_of(number, start, PAGE) if index < self._at]
        if len(page) == PAGE and self._facts is not None:
            self._facts.append((number, page[-1][0] + 1))
        gone = _forgotten(store, [(index, _handles(frame)) for index, frame in page])
        return [(index, store.entries(index, index + 1)[0]) for index in sorted(gone)]


def _step(
    store: Store, found: Sequence[tuple[int, Entry]], day: int, now: int, random: Callable[[int], bytes]
) -> Step | None:
    facts = [(index, handles_of(item.record)) for index, item in found if day_and_kind(item.record)[1] == entry.FACT]
    gone = _forgotten(store, facts)
    living = {index for index, _ in facts} - gone
    ranges = as_ranges(index for index, _ in found if index not in living)
    if not ranges:
        return None
    record = entry.erasure(day, TERM, ranges, None)
    step = Step(at=now, entries=[entry.committed(record, random(32))], standing=[0], erases=ranges)
    # A handle that is registered anew meanwhile makes the step stale: its old fact would not be needed, but is kept.
    step.rests_on_grants += [(handle, 0) for index, handles in facts if index in gone for handle in handles]
    return step


def _forgotten(store: Store, facts: Sequence[tuple[int, Sequence[bytes]]]) -> set[int]:
    """Which facts are about nothing that the hub still knows."""
    asked = {handle for _, handles in facts for handle in handles}
    known = set(store.grants(asked)) | {row.handle for row in store.stops(asked)} if asked else set[bytes]()
    return {index for index, handles in facts if not known.intersection(handles)}


def _handles(frame: bytes) -> list[bytes]:
    body = parse_fact(frame).body
    return [body.handle] if isinstance(body, Register) else [handle for _, handle in body.handles]
