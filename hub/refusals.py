# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Refusals of steps 1 to 3, counted and summed: one entry per partner number and hour, so garbage can't flood the log.

The counts live in memory until they are summed; a crash loses the counts of that hour and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hub.store import Step
from schemas import entry
from schemas.calendar import day_of
from schemas.codes import Code

EVERY_MS = 3_600_000


class Refusals:
    """Counts by partner number (None: unknown) and code."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int | None, Code]] = Counter()
        self._summed_at = 0

    def add(self, number: int | None, code: Code) -> None:
        """One more."""
        self._counts[number, code] += 1

    def is_due(self, now: int) -> bool:
        """Whether the last sum is an hour old."""
        return now - self._summed_at >= EVERY_MS

    def sum_step(self, now: int, random: Callable[[int], bytes]) -> Step:
        """The step with the sums; call `summed` once it is committed."""
        by_partner: dict[int | None, list[tuple[str, int]]] = {}
        for (number, code), count in sorted(self._counts.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
            by_partner.setdefault(number, []).append((code.value, count))
        records = [entry.refusal_sum(day_of(now), number, counts) for number, counts in by_partner.items()]
        return Step(at=now, entries=[entry.committed(record, random(32)) for record in records])

    def summed(self, now: int) -> None:
        """The sums are durable: begin again."""
        self._summed_at = now
        self._counts.clear()
