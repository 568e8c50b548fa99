# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How the benches measure: our loop and the bare calls in turn, in one process, so a noisy machine hits both.

A *limit* is the bare calls of the same libraries with the store module's own SQL, the same batches and the same file
settings.  The ratio (limit's time / our time) is what counts; absolute figures stand beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

RUNS = 5
Loop = Callable[[], int]  # does its work once and says how many messages that was


@dataclass(frozen=True, slots=True)
class Line:
    """A line of build/bench.json.  `value` and `limit` are in `unit`; `ratio` is how near the limit we are."""

    name: str
    unit: str
    value: float
    limit: float | None
    ratio: float | None
    goal: str
    met: bool | None
    runs: int
    wall: float | None = None
    own_us: float | None = None
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        """The line for JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Times:
    cpu: list[float]
    wall: list[float]

    def add(self, loop: Loop) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        count = loop()
        self.cpu.append((time.process_time() - cpu) / count * 1e6)
        self.wall.append((time.perf_counter() - wall) / count * 1e6)


def compare(name: str, ours: Callable[[], Loop], bare: Callable[[], Loop], goal: float | None) -> Line:
    """Our loop beside the bare calls.  Both arguments prepare (not timed) and return what is timed."""
    mine, limit = _Times([], []), _Times([], [])
    for run in range(RUNS + 1):
        first, second = ((mine, ours), (limit, bare)) if run % 2 else ((limit, bare), (mine, ours))
        for times, prepare in (first, second):
            times.add(prepare())
    for times in (mine, limit):
        del times.cpu[0], times.wall[0]  # the first run warms up
    cpu, bare_cpu = statistics.median(mine.cpu), statistics.median(limit.cpu)
    ratio = bare_cpu / cpu
    return Line(
        name=name,
        unit="messages/s of one core (CPU)",
        value=round(1e6 / cpu),
        limit=round(1e6 / bare_cpu),
        ratio=round(ratio, 3),
        goal="-" if goal is None else f"ratio {goal}",
        met=None if goal is None else ratio >= goal,
        runs=RUNS,
        wall=round(1e6 / statistics.median(mine.wall)),
        own_us=round(cpu - bare_cpu, 1),
    )


def below(name: str, unit: str, values: list[float], goal: float, note: str = "") -> Line:
    """A figure that should stay under a goal: the median of `values`."""
    value = statistics.median(values)
    return Line(name, unit, round(value, 3), None, None, f"under {goal:g}", value < goal, len(values), note=note)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of the values lie, the nearest one that was measured."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
