# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The attacker: what somebody finds who has all that the hub sees of one sender, and knows how everything works.

It knows the settings of the sender, how moments are drawn, the proportions of the town (`Known`); not the draws.  It
works with likelihoods: of every two handles, how much more probable is what was seen when they are of one citizen than
when they are not.  It names what it holds for more probable than not, and says separately what it would guess.

* Two handles of one month: the k-th envelope under the one goes with the k-th under the other.  Without spread both come in
  one minute, next to each other; with it their distance has a triangular distribution.  A trace that two share names them.
  Sizes that no kind of event has in common exclude them.  Two that are found are used together to find a third.
* Over the turn of the month: the place in the batch; the number of envelopes; and in which set of partners a handle is,
  when the handles of a citizen were found in both months.
* Grants of one agreement: the minute of registration, and everything that follows under them.
* The kind of an event: the most probable one for the size.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from adapters.spread import CLOSES, OPENS, WORKING_MINUTES
from schemas.calendar import day_of, is_working_day, start_of_day
from tests.linkability.seen import Seen
from tests.linkability.town import RATE, RATE_OF_MANY

Pair = tuple[int, int]
_MINUTE: Final = 60_000
_NEAR: Final = 6  # rows within which the envelopes of one event come when nothing is done about it
_UNEQUAL: Final = math.log(0.04)  # an envelope that belongs to the other side of the turn of the month
_SURE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the town.

    `share`: of the handles of one kind of partner, the share whose citizen has a handle of the other kind; of the handles
    that were registered alone, so of new agreements, in `share_of_new`.  `sizes`: how probable each kind of event is for a
    size, when nothing is padded.
    """

    share: Mapping[tuple[str, str], float]
    share_of_new: Mapping[tuple[str, str], float]
    sizes: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    kinds: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Handle:
    name: int
    kind: str
    recipient: str
    times: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    traces: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs that the attacker names, and those it would guess if it had to."""

    named: frozenset[Pair]
    guessed: frozenset[Pair]


def kind_of(recipient: str) -> str:
    """The kind of partner that an address stands for."""
    head, _, number = recipient.rpartition("-")
    return head if number.isdigit() else recipient


def pair(a: int, b: int) -> Pair:
    """Two handles, whichever comes first."""
    return (a, b) if a < b else (b, a)


# -- two handles of one month -----------------------------------------------------------------------------------------


def same_citizen(seen: Seen, known: Known, month: int) -> Found:
    """Pairs of handles of this month that are of one citizen: new ones with new ones, since an agreement makes all."""
    handles, new = _handles(seen, month), registered_alone(seen, month)
    old = _Pairs(seen, known.share, {name: one for name, one in handles.items() if name not in new}, known)
    fresh = _Pairs(seen, known.share_of_new, {name: one for name, one in handles.items() if name in new}, known)
    one, other = old.run(), fresh.run()
    return Found(one.named | other.named, one.guessed | other.guessed)


def same_agreement(seen: Seen, known: Known, month: int) -> Found:
    """Pairs of handles that were registered alone in this month, so under new grants, and come of one agreement, by the
    minute of registration alone."""
    found: dict[int, _Handle] = {}
    for row, one in enumerate(seen.registrations):
        if one.month == month and not one.batch:
            handle = _Handle(one.handle, kind_of(one.recipient), one.recipient)
            handle.times.append(_axis(one.minute, seen.defences.days))
            handle.rows.append(row)
            handle.sizes.append(0)
            found[one.handle] = handle
    return _Pairs(seen, known.share_of_new, found, known).run()


def registered_alone(seen: Seen, month: int) -> set[int]:
    """The handles of new grants."""
    return {one.handle for one in seen.registrations if one.month == month and not one.batch}


def _handles(seen: Seen, month: int) -> dict[int, _Handle]:
    names = {one.handle for one in seen.registrations if one.month == month}
    found: dict[int, _Handle] = {}
    for one in seen.envelopes:
        if one.handle not in names:
            continue
        handle = found.get(one.handle)
        if handle is None:
            handle = found[one.handle] = _Handle(one.handle, kind_of(one.recipient), one.recipient)
        handle.times.append(_axis(one.minute, seen.defences.days))
        handle.rows.append(one.row)
        handle.sizes.append(one.size)
        handle.traces.add(one.trace)
    return found


def _axis(minute: int, days: int) -> int:
    """The minute on the axis on which moments are drawn: working minutes."""
    if days == 0:
        return minute
    day = day_of(minute * _MINUTE)
    inside = minute - start_of_day(day) // _MINUTE - OPENS
    return _working_days(day) * WORKING_MINUTES + min(max(inside, 0), CLOSES - OPENS - 1)


@cache
def _working_days(day: int) -> int:
    return sum(1 for one in range(20_000, day) if is_working_day(one))


class _Pairs:
    """The attack on the pairs of one month."""

    def __init__(
        self, seen: Seen, share: Mapping[tuple[str, str], float], handles: dict[int, _Handle], known: Known
    ) -> None:
        self.known, self.share, self.handles = known, share, handles
        self.days, self.ordered = seen.defences.days, not seen.defences.shuffle
        self.padded = seen.defences.padding
        self.width = self.days * WORKING_MINUTES
        self.density = self._densities()
        every = [time for one in handles.values() for time in one.times]
        self.begin, self.end = min(every, default=0), max(every, default=0)
        self.far = [math.log((self.width - apart) / self.width**2) for apart in range(self.width)]
        self.counts = Counter(len(one.times) for one in handles.values())
        self.rarity = {count: -math.log(number / len(handles)) for count, number in self.counts.items()}
        self.of_kind = Counter(one.kind for one in handles.values())
        self._sizes: dict[tuple[int, int], float] = {}

    def _densities(self) -> Callable[[int], float]:
        """The share of all envelopes that comes in a minute, when nothing else is known of it; its logarithm."""
        every = [time for one in self.handles.values() for time in one.times]
        total = max(len(every), 1)
        if self.days == 0:
            at = Counter(every)
            return lambda time: math.log(at[time] / total)
        a_day = Counter(time // WORKING_MINUTES for time in every)
        a_minute = {day: math.log(number / total / WORKING_MINUTES) for day, number in a_day.items()}
        return lambda time: a_minute[time // WORKING_MINUTES]

    def run(self) -> Found:
        scores = self._scores()
        probable = self._judge(scores)
        guessed = {pair(a, b) for a, b in probable if (b, a) in probable}
        named = {one for one in guessed if min(probable[one], probable[one[1], one[0]]) > _SURE}
        named |= self._thirds(named, scores)
        return Found(frozenset(named), frozenset(guessed))

    # -- how much more probable, in natural logarithms

    def _scores(self) -> dict[int, dict[int, float]]:
        scores: dict[int, dict[int, float]] = defaultdict(dict)
        of_count: dict[int, list[_Handle]] = defaultdict(list)
        for one in sorted(self.handles.values(), key=lambda handle: handle.times[0]):
            of_count[len(one.times)].append(one)
        for count, some in of_count.items():
            self._equal(some, count, scores)
            self._unequal(some, of_count.get(count + 1, []), scores)
        self._by_trace(scores)
        return scores

    def _by_trace(self, scores: dict[int, dict[int, float]]) -> None:
        of_trace: dict[int, list[int]] = defaultdict(list)
        for one in self.handles.values():
            for trace in one.traces:
                of_trace[trace].append(one.name)
        shared = [names for names in of_trace.values() if len(names) > 1]
        if shared:  # then nothing else is needed
            scores.clear()
        for names in shared:
            for a in names:
                for b in names:
                    if a != b:
                        scores[a][b] = 1e3

    def _equal(self, some: Sequence[_Handle], count: int, scores: dict[int, dict[int, float]]) -> None:
        """Handles with as many envelopes each, in the order of their first."""
        firsts = [one.times[0] for one in some]
        reach, plain = max(self.width - 1, 0), self.padded and self.width > 0 and count == 1
        base = self.rarity[count]
        for place, a in enumerate(some):
            time = firsts[place]
            for b in some[place + 1 : bisect_right(firsts, time + reach)]:
                if a.recipient == b.recipient:
                    continue
                if plain:
                    score = self.far[b.times[0] - time] - self.density(b.times[0]) + base
                else:
                    score = self._aligned(a, b, 0, count) + base
                if score > -math.inf:
                    scores[a.name][b.name] = scores[b.name][a.name] = score

    def _unequal(self, some: Sequence[_Handle], longer: Sequence[_Handle], scores: dict[int, dict[int, float]]) -> None:
        """An event near a turn of the month may be told under a handle of the one month here and of the other there."""
        firsts = [one.times[0] for one in some]
        for a in longer:
            for skip in (0, 1):
                spilled = a.times[-1] + self.width > self.end if skip == 0 else a.times[0] - self.width < self.begin
                if not spilled:
                    continue
                time = a.times[skip]
                for b in some[bisect_left(firsts, time - self.width) : bisect_right(firsts, time + self.width)]:
                    if a.recipient == b.recipient:
                        continue
                    score = self._aligned(a, b, skip, len(b.times)) + _UNEQUAL + self.rarity[len(b.times)]
                    if score > scores[a.name].get(b.name, -math.inf):
                        scores[a.name][b.name] = scores[b.name][a.name] = score

    def _aligned(self, a: _Handle, b: _Handle, skip: int, count: int) -> float:
        score, width = 0.0, self.width
        for step in range(count):
            at, other = a.times[skip + step], b.times[step]
            if width == 0:
                if at != other:
                    return -math.inf
                score -= self.density(at)
                if self.ordered:
                    near = abs(a.rows[skip + step] - b.rows[step]) <= _NEAR
                    score += math.log(5.0) if near else math.log(0.1)
            else:
                apart = abs(at - other)
                if apart >= width:
                    return -math.inf
                score += self.far[apart] - self.density(other)
            if not self.padded:
                score += self._of_sizes(a.sizes[skip + step], b.sizes[step])
        return score

    def _of_sizes(self, one: int, other: int) -> float:
        if (one, other) not in self._sizes:
            a, b = self.known.sizes.get(one), self.known.sizes.get(other)
            if a is None or b is None:
                self._sizes[one, other] = 0.0 if (a is None) == (b is None) else -12.0
            else:
                common = sum(share * b.get(kind, 0.0) / self.known.kinds[kind] for kind, share in a.items())
                self._sizes[one, other] = math.log(common) if common > 0 else -12.0
        return self._sizes[one, other]

    # -- what it is taken for

    def _judge(self, scores: Mapping[int, Mapping[int, float]]) -> dict[Pair, float]:
        """Per handle and kind of partner the best candidate, and another of that kind which is taken for one citizen with
        it: how probable each is."""
        probable: dict[Pair, float] = {}
        for name, others in scores.items():
            kind = self.handles[name].kind
            by_kind: dict[str, list[tuple[float, int]]] = defaultdict(list)
            for other, score in others.items():
                by_kind[self.handles[other].kind].append((score, other))
            for other_kind, candidates in by_kind.items():
                odds = self._odds(kind, other_kind)
                if odds == 0.0:
                    continue
                top, chosen = max(candidates)
                also = {chosen, *self._with(chosen, other_kind, top, candidates, scores)}
                rest = sum(math.exp(score - top) for score, one in candidates if one not in also)
                rest += math.exp(-min(top, 600.0)) / odds
                for score, one in candidates:
                    if one in also:
                        own = math.exp(score - top)
                        probable[name, one] = own / (own + rest)
        return probable

    def _odds(self, kind: str, other: str) -> float:
        """That a certain handle of the other kind belongs to one of this kind, beforehand, against none."""
        share = min(self.share.get((kind, other), 0.0), 0.98)
        return share / (1 - share) / self.of_kind[other]

    def _with(
        self,
        chosen: int,
        kind: str,
        top: float,
        candidates: Sequence[tuple[float, int]],
        scores: Mapping[int, Mapping[int, float]],
    ) -> Iterable[int]:
        odds = self._odds(kind, kind)
        if odds > 0.0:
            near = scores[chosen]
            for score, one in candidates:
                if one != chosen and score > top - 4 and near.get(one, -math.inf) > -math.log(odds):
                    yield one

    def _thirds(self, named: set[Pair], scores: Mapping[int, Mapping[int, float]]) -> set[Pair]:
        """Who belongs to two that were found: what is seen of all three together."""
        found: set[Pair] = set()
        if self.width == 0:
            return found
        for a, b in named:
            first, second = self.handles[a], self.handles[b]
            candidates: dict[str, list[tuple[float, int]]] = defaultdict(list)
            for c in scores.get(a, {}).keys() & scores.get(b, {}).keys():
                third = self.handles[c]
                if third.kind not in (first.kind, second.kind):
                    score = self._joint(first, second, third)
                    if score > -math.inf:
                        candidates[third.kind].append((score, c))
            for kind, scored in candidates.items():
                top, chosen = max(scored)
                odds = self._odds(first.kind, kind)
                if odds == 0.0:
                    continue
                total = sum(math.exp(score - top) for score, _ in scored)
                if 1 / (total + math.exp(-min(top, 600.0)) / odds) > _SURE:
                    found |= {pair(a, chosen), pair(b, chosen)}
        return found

    def _joint(self, a: _Handle, b: _Handle, c: _Handle) -> float:
        """How much more probable a third is, given two: all lie within one width of when it happened."""
        if not len(a.times) == len(b.times) == len(c.times):
            return -math.inf
        score = self.rarity[len(c.times)]
        for one, two, three in zip(a.times, b.times, c.times, strict=True):
            left = self.width - (max(one, two, three) - min(one, two, three))
            if left <= 0:
                return -math.inf
            score += math.log(left / (self.width - abs(one - two)) / self.width) - self.density(three)
        if not self.padded:
            score += sum(self._of_sizes(one, two) for one, two in zip(b.sizes, c.sizes, strict=True))
        return score


# -- over the turn of the month ---------------------------------------------------------------------------------------


def over_the_turn(
    seen: Seen, month: int, now: frozenset[Pair], after: frozenset[Pair]
) -> dict[int, tuple[frozenset[int], float]]:
    """For each handle of this month the handles of the next that it may go on as, all equally probable, and the chance of
    each.  `now` and `after`: the pairs found in both months."""
    old = {one.handle: one for one in seen.registrations if one.month == month and not one.ends}
    new = {one.handle: one for one in seen.registrations if one.month == month + 1 and one.batch}
    if not seen.defences.shuffle:
        return _by_place(old, new)
    counts = Counter(one.handle for one in seen.envelopes)
    sets_now, sets_after = _sets(now, old), _sets(after, new)
    groups: dict[str, dict[tuple[int, tuple[str, ...], int], set[int]]] = defaultdict(lambda: defaultdict(set))
    limits = sorted({one.minute for one in new.values()})
    for name, one in new.items():
        key = (counts[name], sets_after.get(name, ()), limits.index(one.minute))
        groups[one.recipient][key].add(name)
    found: dict[int, tuple[frozenset[int], float]] = {}
    same: dict[tuple[object, ...], frozenset[int]] = {}  # what is alike in all that is known goes on as the same
    for name, one in old.items():
        batch = min(bisect_left(limits, one.minute) if not one.batch else 0, len(limits) - 1)
        known = (one.recipient, batch, counts[name], sets_now.get(name, ()))
        if known not in same:
            same[known] = _most_probable(counts[name], known[3], batch, groups.get(one.recipient, {}))
        if same[known]:
            found[name] = same[known], 1 / len(same[known])
    return found


def _most_probable(
    count: int, partners: tuple[str, ...], batch: int, groups: Mapping[tuple[int, tuple[str, ...], int], set[int]]
) -> frozenset[int]:
    best, top = frozenset[int](), -math.inf
    for (after, then, place), names in groups.items():
        if place == batch:
            score = _count_score(count, after) + _set_score(partners, then)
            if score > top:
                best, top = frozenset(names), score
    return best


def _by_place(old: Mapping[int, object], new: Mapping[int, object]) -> dict[int, tuple[frozenset[int], float]]:
    """Unshuffled, the k-th that goes on is the k-th of the next batch."""
    by_recipient: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, handles in enumerate((old, new)):
        for name, one in handles.items():
            by_recipient[one.recipient][side].append(name)  # type: ignore[attr-defined]
    return {
        name: (frozenset({then}), 1.0)
        for before, later in by_recipient.values()
        for name, then in zip(before, later, strict=False)
    }


def _sets(pairs: frozenset[Pair], handles: Mapping[int, object]) -> dict[int, tuple[str, ...]]:
    """Per handle the partners of all handles that were found to be of the same citizen."""
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in pairs:
        if a in handles and b in handles:
            near[a].add(b)
            near[b].add(a)
    return {
        name: tuple(sorted(handles[one].recipient for one in (name, *others)))  # type: ignore[attr-defined]
        for name, others in near.items()
    }


def _set_score(now: tuple[str, ...], after: tuple[str, ...]) -> float:
    if not now or not after:
        return 0.0
    return 6.0 if now == after else -2.0


@cache
def _count_score(first: int, second: int) -> float:
    """How much more probable so many envelopes are after so many, when both are of one grant."""
    return math.log(_after(first, second)) - math.log(sum(_mixed(first, second, posterior=False)))


def _after(first: int, second: int) -> float:
    return sum(_mixed(first, second, posterior=True)) / sum(_mixed(first, first, posterior=False))


def _mixed(first: int, second: int, *, posterior: bool) -> Sequence[float]:
    found = []
    for weight, shape, mean in ((0.9, 0.8, RATE), (0.1, 2.0, RATE_OF_MANY)):
        rate = shape / mean
        alone = weight * _negative_binomial(second, shape, rate)
        both = weight * _negative_binomial(first, shape, rate) * _negative_binomial(second, shape + first, rate + 1)
        found.append(both if posterior else alone)
    return found


def _negative_binomial(count: int, shape: float, rate: float) -> float:
    log = math.lgamma(shape + count) - math.lgamma(shape) - math.lgamma(count + 1)
    return math.exp(log + shape * math.log(rate / (rate + 1)) - count * math.log(rate + 1))


# -- the kind of an event -------------------------------------------------------------------------------------------


def kinds_by_size(seen: Seen, known: Known) -> list[str | None]:
    """For each envelope the most probable kind of event."""
    commonest = max(known.kinds, key=lambda kind: known.kinds[kind])
    found: list[str | None] = []
    for one in seen.envelopes:
        shares = known.sizes.get(one.size)
        found.append(commonest if shares is None else max(shares, key=lambda kind: shares[kind]))
    return found
