# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What speaks for two handles being of one citizen, in natural logarithms: how much more probable it is what was seen.

When something happened is not known; each envelope of it left within one width (the working minutes over which moments are
drawn) after that.  So the k-th envelope under the one and the k-th under the other lie within one width, and how far apart says
how probable they are together: the minutes at which it can have happened, weighed by when things happen (`by_hour`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Final

from adapters.spread import CLOSES, OPENS, WORKING_MINUTES
from schemas.calendar import day_of, is_working_day, start_of_day
from tests.linkability.seen import EVENT, INTRODUCTION, RETRACTION, Seen
from tests.linkability.town import AT_A_WEEKEND, BY_HOUR, IN_A_BATCH, URGENT

_MINUTE: Final = 60_000
_NEAR: Final = 6  # rows within which the envelopes of one event come when nothing is done about it
_MOST_LEFT_OUT: Final = 2  # envelopes on the other side of a turn of the month
_NEVER: Final = -math.inf
_HARDLY: Final = math.log(0.02)
FRESH: Final = "*"

Span = tuple[int, int]  # the first and the last envelope of one event, in working minutes


@dataclass(slots=True)
class Handle:
    """All that was seen under one handle.  `kind`: of partner, marked when the grant is new; `end`: the last day."""

    name: int
    kind: str
    recipient: str
    by_consent: bool
    end: int | None = None
    stopped: int | None = None  # the minute
    introduced: int | None = None
    events: list[int] = field(default_factory=list)
    minutes: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    recalls: list[int] = field(default_factory=list)
    traces: set[int] = field(default_factory=set)
    is_fresh: bool = False  # its grant is new: it was introduced under this handle
    is_inner: bool = False  # nothing of it lies near a turn of the month, or near the beginning or end of its grant


def kind_of(recipient: str) -> str:
    """The kind of partner that an address stands for."""
    head, _, number = recipient.rpartition("-")
    return head if number.isdigit() else recipient


def handles_of(seen: Seen, month: int) -> dict[int, Handle]:
    """The handles of this month under which something came."""
    known = {one.handle: one for one in seen.registrations if one.month == month}
    stopped = {name: one.minute for one in seen.stops for name in one.handles}
    found: dict[int, Handle] = {}
    for one in seen.envelopes:
        if one.handle not in known:
            continue
        handle = found.get(one.handle)
        if handle is None:
            kind = kind_of(one.recipient)
            handle = found[one.handle] = Handle(
                one.handle,
                kind,
                one.recipient,
                not kind.startswith("provider"),
                known[one.handle].end,
                stopped.get(one.handle),
            )
        at = axis(one.minute, seen.defences.days)
        handle.traces.add(one.trace)
        if one.form == INTRODUCTION:
            handle.introduced = at
            handle.is_fresh, handle.kind = True, kind_of(one.recipient) + FRESH
        elif one.form == RETRACTION:
            handle.recalls.append(at)
        elif one.form == EVENT:
            handle.events.append(at)
            handle.minutes.append(one.minute)
            handle.rows.append(one.row)
            handle.sizes.append(one.size)
    return found


def axis(minute: int, days: int) -> int:
    """The minute on the axis on which moments are drawn: working minutes."""
    if days == 0:
        return minute
    day = day_of(minute * _MINUTE)
    inside = minute - start_of_day(day) // _MINUTE - OPENS
    return _working_days(day) * WORKING_MINUTES + min(max(inside, 0), CLOSES - OPENS - 1)


@cache
def _working_days(day: int) -> int:
    return sum(1 for one in range(20_000, day) if is_working_day(one))


@cache
def _by_minute() -> tuple[float, ...]:
    """How much of a working day's events was put in the outbox by each of its minutes, in working minutes; what came before
    it opened, or after it closed, counts at its first."""
    by_hour = {hour: share / sum(BY_HOUR.values()) for hour, share in BY_HOUR.items()}
    inside = (1 - IN_A_BATCH) * (1 - AT_A_WEEKEND)
    each = [inside * by_hour.get(minute // 60, 0.0) / 60 for minute in range(OPENS, CLOSES)]
    each[0] += 1 - sum(each)
    return tuple(accumulate(share * WORKING_MINUTES for share in each))


class Weigher:
    """Weighs handles of one month of one sender."""

    def __init__(self, seen: Seen, handles: Iterable[Handle], sizes: Mapping[int, Mapping[str, float]]) -> None:
        every = list(handles)
        self.days, self.ordered, self.padded = seen.defences.days, not seen.defences.shuffle, seen.defences.padding
        self.width = self.days * WORKING_MINUTES
        self.sizes, self._of_size = sizes, dict[tuple[int, int], float]()
        times = [time for one in every for time in one.events]
        recalls = [time for one in every for time in one.recalls]
        intros = [one.introduced for one in every if one.introduced is not None]
        self.begin, self.end = min(times + intros, default=0), max(times + intros, default=0)
        self.total = max(len(times), 1)
        self.a_minute = Counter(minute for one in every for minute in one.minutes)
        a_day = Counter(time // WORKING_MINUTES for time in times)
        self.density = {day: math.log(number / self.total / WORKING_MINUTES) for day, number in a_day.items()}
        span = max(self.end - self.begin, 1)
        self.even = -math.log(span)
        self.rarity = _rarity(every)
        self.no_recall = sum(not one.recalls for one in every) / max(len(every), 1)
        self.recalls = max(len(recalls), 1)
        ends = Counter((one.is_fresh, one.end) for one in every if one.by_consent)
        self.ends = {key: math.log(ends.total() / number) for key, number in ends.items()}
        self.none_recalled = -math.log(max(self.no_recall, 0.01)) / 2
        for one in every:
            one.is_inner = (
                not one.is_fresh
                and one.end is None
                and bool(one.events)
                and one.events[0] - self.begin >= self.width
                and self.end - one.events[-1] >= self.width
            )
        self._mass = _by_minute()

    # -- two handles, or one and some that were found to be of one citizen

    def pair(self, a: Handle, b: Handle) -> float:
        """How much more probable what was seen of both is when they are of one citizen."""
        score = self.sharp(a, b)
        if score == _NEVER:
            return score
        return score + self.beside([(time, time) for time in a.events], [a], b)

    def beside(self, spans: Sequence[Span], those: Sequence[Handle], b: Handle) -> float:
        """The same of the events of some and one more."""
        found = self.aligned(spans, those, b)
        return _NEVER if found is None else found[0] + self.rarity[b.kind][len(b.events)]

    def aligned(self, spans: Sequence[Span], those: Sequence[Handle], b: Handle) -> tuple[float, list[Span]] | None:
        """The most probable way in which the events of some and of one more are the same, and their spans then.

        Near a turn of the month some may have gone under a handle of the other month; what came before a grant was new, or after
        it ended, went under no handle of it.
        """
        x, y = spans, b.events
        if b.is_inner and all(one.is_inner for one in those):
            return self._in_step(x, those, 0, b, 0, len(y)) if len(x) == len(y) else None
        front = (self._front(x, [b]), self._front([(t, t) for t in y], those))
        back = (self._back(x, [b]), self._back([(t, t) for t in y], those))
        best: tuple[float, list[Span]] | None = None
        more = len(x) - len(y)
        if more > len(front[0]) + len(back[0]) or -more > len(front[1]) + len(back[1]):
            return None
        for first in range(-len(front[1]), len(front[0]) + 1):
            last = more - first
            if not -len(back[1]) <= last <= len(back[0]):
                continue
            from_x, from_y, to_x, to_y = max(first, 0), max(-first, 0), max(last, 0), max(-last, 0)
            if from_x + to_x > len(x) or from_y + to_y > len(y):
                continue
            cost = sum(front[0][:from_x]) + sum(front[1][:from_y]) + sum(back[0][:to_x]) + sum(back[1][:to_y])
            if best is not None and cost <= best[0] - 40:
                continue
            found = self._in_step(x[from_x : len(x) - to_x], those, from_x, b, from_y, len(y) - to_y)
            if found is not None and (best is None or found[0] + cost > best[0]):
                best = found[0] + cost, found[1]
        return best

    def _in_step(
        self, x: Sequence[Span], those: Sequence[Handle], skipped: int, b: Handle, begin: int, end: int
    ) -> tuple[float, list[Span]] | None:
        width = self.width
        if width and x and (abs(x[-1][1] - b.events[end - 1]) >= width or abs(x[0][0] - b.events[begin]) >= width):
            return None
        score, merged = 0.0, list[Span]()
        for step, (low, high) in enumerate(x):
            place = begin + step
            time = b.events[place]
            if width == 0:
                if not low == high == time:
                    return None
                score += math.log(self.total / self.a_minute[b.minutes[place]])
                if self.ordered and len(those) == 1:
                    near = abs(those[0].rows[skipped + step] - b.rows[place]) <= _NEAR
                    score += math.log(5.0) if near else math.log(0.1)
            else:
                one = self.together(low, high, time)
                if one == _NEVER:
                    return None
                if place == 0 or time != b.events[place - 1]:  # else it waited for the one before, and says nothing
                    score += one - self.density[time // WORKING_MINUTES]
            if not self.padded and len(those) == 1:
                score += self.of_sizes(those[0].sizes[skipped + step], b.sizes[place])
            merged.append((min(low, time), max(high, time)))
        return score, merged

    def together(self, low: int, high: int, time: int) -> float:
        """How probable it is that one more envelope of an event leaves at this time; the others left within this span."""
        width = self.width
        left = self._when(max(high, time) - width, min(low, time))
        if left <= 0.0:
            return _NEVER
        even = left / self._when(high - width, low) / width
        return math.log(even * (1 - URGENT) + URGENT) if low == high == time else math.log(even)

    def _when(self, after: int, until: int) -> float:
        if until <= after:
            return 0.0
        day, minute = divmod(until, WORKING_MINUTES)
        before, other = divmod(after, WORKING_MINUTES)
        return (day - before) * WORKING_MINUTES + self._mass[minute] - self._mass[other]

    def _front(self, x: Sequence[Span], others: Sequence[Handle]) -> list[float]:
        """What it costs to leave out the first one, two, ... of these."""
        if len(x) > 0 and x[0][0] - self.begin >= self.width and not any(one.is_fresh for one in others):
            return []
        newest = max((one.introduced for one in others if one.introduced is not None), default=None)
        found: list[float] = []
        for low, _ in x:
            if newest is not None and low < newest + self.width:
                found.append(0.0 if low < newest - self.width else math.log(0.5))
            elif len(found) < _MOST_LEFT_OUT and 0 <= low - self.begin < self.width:
                found.append(_spilled((low - self.begin) / self.width))
            else:
                break
        return found

    def _back(self, x: Sequence[Span], others: Sequence[Handle]) -> list[float]:
        """What it costs to leave out the last one, two, ... of these."""
        ends = any(one.end is not None for one in others)
        if not ends and len(x) > 0 and self.end - x[-1][1] >= self.width:
            return []
        found: list[float] = []
        for _, high in reversed(x):
            if ends and high > self.end - 11 * WORKING_MINUTES and self.width:
                found.append(math.log(0.5))
            elif len(found) < _MOST_LEFT_OUT and 0 <= self.end - high < self.width:
                found.append(_spilled((self.end - high) / self.width))
            else:
                break
        return found

    # -- what is seen once

    def sharp(self, a: Handle, b: Handle) -> float:
        """What is seen of two but by the minutes of their events."""
        score = 0.0
        if a.stopped != b.stopped:
            score += _HARDLY  # a person ends everything in one minute
        if a.by_consent and b.by_consent and a.is_fresh == b.is_fresh:
            key = a.is_fresh, a.end
            score += self.ends[key] if a.end == b.end else 2 * _HARDLY
        score += self._recalled(a.recalls, b.recalls)
        if a.introduced is not None and b.introduced is not None:
            score += self._new_together(a, b)
        return score

    def _recalled(self, a: Sequence[int], b: Sequence[int]) -> float:
        if not a and not b:
            return self.none_recalled
        if len(a) != len(b):
            return _HARDLY
        score = -math.log(1 - self.no_recall)
        for one, other in zip(a, b, strict=True):
            if self.width == 0:
                return score - self.even if one == other else _NEVER
            score += max(self.together(one, one, other), math.log(1e-6)) - self.even
        return score

    def _new_together(self, a: Handle, b: Handle) -> float:
        """New grants of one citizen come of one agreement, mostly."""
        one, other = a.introduced or 0, b.introduced or 0
        if self.width == 0:
            return math.log(0.8) - self.even if one == other else math.log(0.2)
        if abs(one - other) >= self.width:
            return math.log(0.2)
        return math.log(0.8 * math.exp(self.together(one, one, other) - self.even) + 0.2)

    def of_sizes(self, one: int, other: int) -> float:
        """Two envelopes of one event, when nothing is padded."""
        if (one, other) not in self._of_size:
            a, b = self.sizes.get(one), self.sizes.get(other)
            if a is None or b is None:
                self._of_size[one, other] = 0.0 if (a is None) == (b is None) else -12.0
            else:
                commonest = self._kinds()
                common = sum(share * b.get(kind, 0.0) / commonest[kind] for kind, share in a.items())
                self._of_size[one, other] = math.log(common) if common > 0 else -12.0
        return self._of_size[one, other]

    def _kinds(self) -> Mapping[str, float]:
        return self.sizes[0]


def _spilled(part: float) -> float:
    """That the twin of an envelope so far from a turn of the month lies beyond it."""
    return math.log(max((1 - part) ** 2 / 2, 1e-4))


def _rarity(handles: Sequence[Handle]) -> dict[str, dict[int, float]]:
    """How rare each number of events is among the handles of a kind."""
    counts: dict[str, Counter[int]] = {}
    for one in handles:
        counts.setdefault(one.kind, Counter())[len(one.events)] += 1
    return {
        kind: {count: -math.log(number / some.total()) for count, number in some.items()}
        for kind, some in counts.items()
    }
