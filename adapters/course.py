# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The statuses that one thing goes through, put in order; pure.

A source that says how things are now says the same again whenever something else in its message changes. So statements
of one status that follow each other are one fact (a `Run`), and a status that comes back after another is a new one.

- The order is that of the moments at which the source stated them, not that of arrival: whichever comes first, in the
  end there are the same runs.
- A run keeps its name however many statements are found to belong to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from schemas.calendar import day_of
from schemas.event import Ending, Event, Kind


@dataclass(frozen=True, slots=True)
class Run:
    """One status and the moments, in ms since 1970 UTC and in order, at which it was stated with no other in between."""

    name: bytes
    event: Event
    moments: tuple[int, ...]

    @property
    def begin(self) -> int:
        return self.moments[0]

    @property
    def last(self) -> int:
        return self.moments[-1]


@dataclass(frozen=True, slots=True)
class Placed:
    """All runs in order after a statement was read, and those it made or belongs to: these are to be told."""

    runs: tuple[Run, ...]
    facts: tuple[Run, ...]


_MOMENTS: Final = 100  # that are kept of one run

# Kind, and the moment of one that is not the first of its kind -> its name.
Names = Callable[[Kind, int | None], bytes]


def place(runs: Sequence[Run], stated: Event, at: int, names: Names) -> Placed:
    """Put a statement, made at this moment, among what was read before of a source that restates."""
    order, kind = sorted(runs, key=lambda run: (run.begin, run.last)), stated.kind
    for number, run in enumerate(order):
        if run.event.kind is kind and run.begin <= at <= run.last:
            same = _with(run, at)
            return Placed((*order[:number], same, *order[number + 1 :]), (same,))
    new = Run(names(kind, None), stated, (at,))
    if any(run.event.kind is kind for run in order):  # it came back, on the day on which its source said so
        new = Run(_free(order, kind, at, names), replace(stated, day=day_of(at)), (at,))
    for number, run in enumerate(order):
        if run.begin <= at < run.last:  # so it was interrupted, and came back
            since = tuple(moment for moment in run.moments if moment > at)
            back = replace(run.event, day=day_of(since[0]))
            second = Run(_free([*order, new], run.event.kind, since[0], names), back, since)
            first = replace(run, moments=run.moments[: -len(since)])
            return Placed((*order[:number], first, new, second, *order[number + 1 :]), (new, second))
    count = sum(run.last <= at for run in order)
    before, later = order[:count], order[count:]
    if before and before[-1].event.kind is kind:
        longer = _with(before[-1], at)
        return Placed((*before[:-1], longer, *later), (longer,))
    if later and later[0].event.kind is kind:
        longer = _with(later[0], at)
        return Placed((*before, longer, *later[1:]), (longer,))
    return Placed((*before, new, *later), (new,))


def _with(run: Run, at: int) -> Run:
    """The same run, stated at this moment too; of very many, some in the middle are let go."""
    moments = sorted({*run.moments, at})
    if len(moments) > _MOMENTS:
        del moments[_MOMENTS // 2]
    return replace(run, moments=tuple(moments))


def beside(runs: Sequence[Run], new: Run) -> Placed:
    """Put a status that has a name of its own among the others."""
    others = sorted((run for run in runs if run.name != new.name), key=lambda run: run.begin)
    count = sum(run.begin <= new.begin for run in others)
    return Placed((*others[:count], new, *others[count:]), (new,))


def meaning(placed: Placed, fact: Run, resumes: Kind | None) -> Event:
    """What a fact is in time: the kind `resumes`, right after an interruption, is a resumption."""
    number = placed.runs.index(fact)
    interrupted = number > 0 and placed.runs[number - 1].event.kind is Kind.ONDERBROKEN
    return replace(fact.event, kind=Kind.HERVAT) if interrupted and fact.event.kind is resumes else fact.event


def _free(runs: Sequence[Run], kind: Kind, at: int, names: Names) -> bytes:
    taken = {run.name for run in runs}
    while (name := names(kind, at)) in taken:
        at += 1
    return name


def event_of(kind: str, day: int, ending: str | None, like: Event) -> Event:
    """An event as it is kept: only what the statuses of one course don't share is."""
    return replace(like, kind=Kind(kind), day=day, ending=None if ending is None else Ending(ending))
