# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Durations, counted in whole buckets and never kept one by one nor summed."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field


@dataclass(slots=True)
class Buckets:
    """How many durations were at most so long.  `bounds` are milliseconds, rising; longer ones are counted too."""

    bounds: tuple[int, ...]
    counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, milliseconds: int) -> None:
        """One more; a clock that was put back makes it 0."""
        self.counts[bisect.bisect_left(self.bounds, max(milliseconds, 0))] += 1

    def upwards(self) -> list[tuple[str, float]]:
        """Per bound in seconds how many were at most so long."""
        total, found = 0, list[tuple[str, float]]()
        for bound, count in zip((*(str(one / 1000) for one in self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found
