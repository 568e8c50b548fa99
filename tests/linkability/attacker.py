# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The attacker: what somebody finds who has all that the hub sees of one sender, and knows how everything works.

It knows the settings of the sender, how moments are drawn, the proportions of the town (`Known`); not the draws.  It names
what it holds for more probable than not, and says separately what it would guess.  For the handles of one month:

1. every two are weighed (`evidence`): minutes and number of events, retractions, introductions, last days, stops, sizes;
2. a handle goes with one of each kind of partner at most (or with two that go with each other): all pairs are judged
   together, by belief propagation, so that what is taken here is free nowhere else;
3. what was found grows: another handle joins all of a group when what is seen of all together says so;
4. stops of one minute and traces that two share, name by themselves.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from tests.linkability.evidence import Handle, Span, Weigher, axis, handles_of
from tests.linkability.seen import Seen

Pair = tuple[int, int]
_SURE: Final = 0.5
_CERTAIN: Final = 0.99
_LARGEST: Final = 12  # handles of one citizen in one month
_DUST: Final = 0.01  # a pair that is less probable counts in the sum of all such only
_ROUNDS: Final = 5
_TWINS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the town.

    `share`: of the handles of one kind of partner, the share whose citizen has a handle of the other kind; the same of a third
    kind, given two, in `third`.  `sizes`: how probable each kind of event is for a size, when nothing is padded (0: for any).
    """

    share: Mapping[tuple[str, str], float]
    third: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    sizes: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    kinds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs that the attacker names, and those it would guess if it had to."""

    named: frozenset[Pair]
    guessed: frozenset[Pair]


def pair(a: int, b: int) -> Pair:
    """Two handles, whichever comes first."""
    return (a, b) if a < b else (b, a)


def same_citizen(seen: Seen, known: Known, month: int) -> Found:
    """Pairs of handles of this month that are of one citizen."""
    handles = handles_of(seen, month)
    pairs = _Pairs(seen, known, handles)
    found = pairs.run()
    sure = {*_at_once(seen, handles), *_traced(handles.values()), *pairs.certain}
    sure |= {(a, b) for a, b in _closed(sure) if handles[a].recipient != handles[b].recipient}
    return Found(found.named | sure, found.guessed | sure)


def same_agreement(seen: Seen, known: Known, month: int) -> Found:
    """Pairs of handles that were registered alone in this month and come of one agreement, by the minute of registration."""
    introduced = {one.name: one.kind for one in handles_of(seen, month).values() if one.is_fresh}
    found: dict[int, Handle] = {}
    for row, one in enumerate(seen.registrations):
        if one.month == month and not one.batch and one.handle in introduced:
            handle = Handle(one.handle, introduced[one.handle], one.recipient, by_consent=False)
            handle.events.append(axis(one.minute, seen.defences.days))
            handle.minutes.append(one.minute)
            handle.rows.append(row)
            handle.sizes.append(0)
            found[one.handle] = handle
    return _Pairs(seen, known, found).run()


def registered_alone(seen: Seen, month: int) -> set[int]:
    """The handles of this month that were in no batch."""
    return {one.handle for one in seen.registrations if one.month == month and not one.batch}


def _at_once(seen: Seen, handles: Mapping[int, Handle]) -> Iterator[Pair]:
    """Whose grants were stopped in one minute."""
    by_minute: dict[int, set[int]] = defaultdict(set)
    for one in seen.stops:
        by_minute[one.minute].update(name for name in one.handles if name in handles)
    for names in by_minute.values():
        for a, b in combinations(sorted(names), 2):
            if handles[a].recipient != handles[b].recipient:
                yield a, b


def _traced(handles: Iterable[Handle]) -> Iterator[Pair]:
    of_trace: dict[int, list[int]] = defaultdict(list)
    for one in handles:
        for trace in one.traces:
            of_trace[trace].append(one.name)
    for names in of_trace.values():
        yield from (pair(a, b) for a, b in combinations(names, 2))


def _closed(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """All pairs of those that hang together."""
    group_of: dict[int, set[int]] = {}
    for a, b in pairs:
        one, other = group_of.get(a, {a}), group_of.get(b, {b})
        if one is not other and len(one) + len(other) <= _LARGEST:
            one |= other
            group_of.update(dict.fromkeys(one, one))
    for group in {id(one): one for one in group_of.values()}.values():
        yield from combinations(sorted(group), 2)


class _Pairs:
    """The attack on the pairs of one month."""

    def __init__(self, seen: Seen, known: Known, handles: dict[int, Handle]) -> None:
        self.known, self.handles = known, handles
        self.weigher = Weigher(seen, handles.values(), known.sizes)
        self.of_kind = Counter(one.kind for one in handles.values())
        self.weights: dict[int, dict[int, float]] = defaultdict(dict)  # how much more probable, all told
        self.dust: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.odds: dict[tuple[str, str], float] = {}
        self.certain: set[Pair] = set()

    def run(self) -> Found:
        self._weigh()
        probable = self._judge()
        best: dict[tuple[int, str], tuple[float, int]] = {}
        for (a, b), chance in probable.items():
            key = a, self.handles[b].kind
            best[key] = max(best.get(key, (0.0, 0)), (chance, b))
        guessed = {
            pair(a, b) for (a, _), (_, b) in best.items() if best.get((b, self.handles[a].kind), (0.0, 0))[1] == a
        }
        named = {one for one, chance in probable.items() if one[0] < one[1] and chance > _SURE}
        self.certain = {one for one in named if probable[one] > _CERTAIN}
        named |= self._grown(named, probable)
        return Found(frozenset(named), frozenset(guessed | named))

    # -- two by themselves

    def _weigh(self) -> None:
        for a, b in self._candidates():
            kinds = a.kind, b.kind
            odds = self.odds[kinds] if kinds in self.odds else self.odds.setdefault(kinds, self._odds(*kinds))
            if odds == 0.0:
                continue
            score = self.weigher.pair(a, b)
            if score == -math.inf:
                continue
            weight = math.exp(min(score, 300.0)) * odds
            if weight < _DUST:
                self.dust[a.name][b.kind] += weight
                self.dust[b.name][a.kind] += weight
            else:
                self.weights[a.name][b.name] = self.weights[b.name][a.name] = weight

    def _candidates(self) -> Iterator[tuple[Handle, Handle]]:
        """Every two that can be of one citizen: their first or last events lie within one width."""
        reach = max(self.weigher.width - 1, 0)
        some = sorted((one for one in self.handles.values() if one.events), key=lambda one: one.events[0])
        firsts = [one.events[0] for one in some]
        for place, a in enumerate(some):
            for b in some[place + 1 : bisect_right(firsts, a.events[0] + reach)]:
                if a.recipient != b.recipient and self._may_be(a, b):
                    yield a, b
        some.sort(key=lambda one: one.events[-1])
        lasts = [one.events[-1] for one in some]
        for place, a in enumerate(some):
            for b in some[place + 1 : bisect_right(lasts, a.events[-1] + reach)]:
                if a.recipient != b.recipient and abs(a.events[0] - b.events[0]) > reach and self._may_be(a, b):
                    yield a, b
        yield from self._without_events(reach)

    def _may_be(self, a: Handle, b: Handle) -> bool:
        if a.is_inner and b.is_inner:
            return len(a.events) == len(b.events)
        return abs(len(a.events) - len(b.events)) <= 2 or a.is_fresh or b.is_fresh or a.end != b.end

    def _without_events(self, reach: int) -> Iterator[tuple[Handle, Handle]]:
        fresh = sorted(
            (one for one in self.handles.values() if one.introduced is not None and not one.events),
            key=lambda one: one.introduced or 0,
        )
        times = [one.introduced or 0 for one in fresh]
        for place, a in enumerate(fresh):
            for b in fresh[place + 1 : bisect_right(times, times[place] + reach)]:
                if a.recipient != b.recipient:
                    yield a, b
        others = [one for one in self.handles.values() if one.introduced is not None and one.events]
        for a in others:
            begin = bisect_left(times, (a.introduced or 0) - reach)
            for b in fresh[begin : bisect_right(times, (a.introduced or 0) + reach)]:
                if a.recipient != b.recipient and len(a.events) <= 2:
                    yield a, b

    def _odds(self, kind: str, other: str) -> float:
        """That two of these kinds are of one citizen, beforehand, against that each has none of the other kind."""
        share, back = self._share(kind, other), self._share(other, kind)
        return share / self.of_kind[other] / ((1 - share) * (1 - back)) if share and back else 0.0

    def _share(self, kind: str, other: str) -> float:
        return min(self.known.share.get((kind, other), 0.0), 0.97)

    # -- all together

    def _judge(self) -> dict[Pair, float]:
        """How probable each pair is when a handle goes with one of each kind at most, or with two that go together.

        `free`: that the first goes with none of the kind of the second, but for the second.
        """
        free: dict[Pair, float] = {(a, b): 1.0 for a, others in self.weights.items() for b in others}
        groups: dict[tuple[int, str], list[int]] = defaultdict(list)
        for a, others in self.weights.items():
            for b in others:
                groups[a, self.handles[b].kind].append(b)
        twins = {(a, kind): self._twins(kind, names) for (a, kind), names in groups.items()}
        for _ in range(_ROUNDS):
            after: dict[Pair, float] = {}
            for (a, kind), names in groups.items():
                own, near = self.weights[a], twins[a, kind]
                parts = {b: own[b] * free[b, a] for b in names}
                total = 1 + self.dust[a][kind] + sum(parts.values())
                for b in names:
                    rest = total - parts[b]
                    if near and b in near:
                        rest -= sum(parts[c] for c in near[b])
                    after[a, b] = 1 / max(rest, 1.0)
            free = after
        odds = {(a, b): self.weights[a][b] * chance * free[b, a] for (a, b), chance in free.items()}
        return {one: each / (1 + each) for one, each in odds.items()}

    def _twins(self, kind: str, names: Sequence[int]) -> dict[int, list[int]]:
        near: dict[int, list[int]] = defaultdict(list)
        if not self._share(kind, kind):
            return near
        for b, c in combinations(names, 2):
            if self.weights[b].get(c, 0.0) > _TWINS:
                near[b].append(c)
                near[c].append(b)
        return near

    # -- what was found grows

    def _grown(self, named: set[Pair], probable: Mapping[Pair, float]) -> set[Pair]:
        found: set[Pair] = set()
        group_of: dict[int, _Group] = {}
        for a, b in sorted(named, key=lambda one: -probable[one]):
            if a in group_of or b in group_of:
                continue
            merged = self.weigher.aligned([(t, t) for t in self.handles[a].events], [self.handles[a]], self.handles[b])
            if merged is not None:
                group_of[a] = group_of[b] = _Group([self.handles[a], self.handles[b]], merged[1])
        for group in {id(one): one for one in group_of.values()}.values():
            while (joins := self._joins(group, group_of)) is not None:
                third, spans = joins
                found |= {pair(third.name, one.name) for one in group.members}
                group.members.append(third)
                group.spans = spans
                group_of[third.name] = group
        return found

    def _joins(self, group: _Group, group_of: Mapping[int, _Group]) -> tuple[Handle, list[Span]] | None:
        """The handle that most probably is of the citizen of this group, if it is so more probably than not."""
        there, kinds = {one.name for one in group.members}, {one.kind for one in group.members}
        candidates: dict[str, list[tuple[float, int]]] = defaultdict(list)
        near = set.intersection(*({*self.weights[one.name]} for one in group.members)) - there
        for c in near:
            third = self.handles[c]
            if third.kind in kinds or any(third.recipient == one.recipient for one in group.members):
                continue
            score = self.weigher.beside(group.spans, group.members, third) + self.weigher.sharp(group.members[0], third)
            if score > -math.inf:
                candidates[third.kind].append((math.exp(min(score, 200.0)), c))
        best, chosen = _SURE, None
        for kind, scored in candidates.items():
            given = min(max(self._given(group.members, kind)), 0.97)
            total = sum(each for each, _ in scored) * given / self.of_kind[kind]
            top, name = max(scored)
            chance = top * given / self.of_kind[kind] / (total + 1 - given)
            if chance > best and (name not in group_of or group_of[name] is not group):
                best, chosen = chance, name
        if chosen is None:
            return None
        merged = self.weigher.aligned(group.spans, group.members, self.handles[chosen])
        return None if merged is None else (self.handles[chosen], merged[1])

    def _given(self, members: Sequence[Handle], kind: str) -> Iterator[float]:
        for one, other in combinations(members, 2):
            yield self.known.third.get((one.kind, other.kind, kind), self._share(one.kind, kind))


@dataclass(slots=True)
class _Group:
    members: list[Handle]
    spans: list[Span]
