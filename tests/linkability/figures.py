# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How much the attacker finds: its pairs beside the truth, per sender and per set of defences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from typing import Self

from tests.linkability.attacker import (
    Found,
    Known,
    Pair,
    kind_of,
    kinds_by_size,
    over_the_turn,
    pair,
    registered_alone,
    same_agreement,
    same_citizen,
)
from tests.linkability.seen import Defences, Seen, Truth, raw_size, watch
from tests.linkability.town import BOTH, KINDS, Case, Team, case_of


@dataclass(slots=True)
class Score:
    """`there`: what could be found; `found`: what the attacker named and is so; `named`: all that it named.  For what it
    guesses when it must, `guessed` is so."""

    there: float = 0
    found: float = 0
    named: float = 0
    guessed: float = 0

    def __iadd__(self, other: Score) -> Self:
        for one in fields(Score):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        return self

    @property
    def of_100(self) -> float:
        """Of a hundred there are, how many it names."""
        return 100 * self.found / self.there if self.there else 0.0

    @property
    def right(self) -> float:
        """Of a hundred it names, how many are so."""
        return 100 * self.found / self.named if self.named else 0.0

    @property
    def guessed_of_100(self) -> float:
        """Of a hundred there are, how many it guesses when it must."""
        return 100 * self.guessed / self.there if self.there else 0.0


@dataclass(slots=True)
class Figures:
    """Everything about one sender, or several together.  `by_count`: pairs by the envelopes under the one with fewest."""

    pairs: Score = field(default_factory=Score)
    turn: Score = field(default_factory=Score)
    agreements: Score = field(default_factory=Score)
    agreements_later: Score = field(default_factory=Score)
    kinds: Score = field(default_factory=Score)
    by_count: dict[int, Score] = field(default_factory=lambda: defaultdict(Score))

    def __iadd__(self, other: Figures) -> Self:
        for name in ("pairs", "turn", "agreements", "agreements_later", "kinds"):
            mine: Score = getattr(self, name)
            mine += getattr(other, name)
        for count, score in other.by_count.items():
            self.by_count[count] += score
        return self


def figures(teams: Sequence[Team], defences: Defences, months: int, seed: int) -> Figures:
    """The figures of these senders together, each attacked by itself."""
    total = Figures()
    for team in teams:
        total += _of_one(case_of(team, months, seed), defences, seed)
    return total


def _of_one(case: Case, defences: Defences, seed: int) -> Figures:
    seen, truth = watch(case, defences, seed)
    known = _known(case, seen, truth)
    total = Figures()
    found: dict[int, Found] = {}
    for month in case.months:
        found[month] = same_citizen(seen, known, month)
        counts = Counter(one.handle for one in seen.envelopes)
        true = _true_pairs(seen, truth, month)
        total.pairs += _score(found[month], true)
        for one in true:
            total.by_count[min(counts[one[0]], counts[one[1]], 5)] += _score(found[month], {one}, among=True)
        alone = registered_alone(seen, month) & counts.keys()
        agreed = {one for one in true if one[0] in alone and one[1] in alone}
        total.agreements += _score(same_agreement(seen, known, month), agreed)
        later = _among(found[month], alone)
        total.agreements_later += _score(later, agreed)
    for month in case.months[:-1]:
        total.turn += _turn(seen, truth, month, found)
    total.kinds += _kinds(seen, truth, known)
    return total


def _true_pairs(seen: Seen, truth: Truth, month: int) -> set[Pair]:
    names = {one.handle for one in seen.registrations if one.month == month}
    active = {one.handle for one in seen.envelopes if one.handle in names}
    of_client: dict[int, list[int]] = defaultdict(list)
    for name in active:
        of_client[truth.client[name]].append(name)
    return {pair(a, b) for handles in of_client.values() for a, b in combinations(handles, 2)}


def _score(found: Found, true: set[Pair], *, among: bool = False) -> Score:
    named = found.named & true if among else found.named
    return Score(len(true), len(found.named & true), len(named), len(found.guessed & true))


def _among(found: Found, names: set[int]) -> Found:
    chosen = (frozenset(one for one in pairs if names.issuperset(one)) for pairs in (found.named, found.guessed))
    return Found(*chosen)


def _turn(seen: Seen, truth: Truth, month: int, found: dict[int, Found]) -> Score:
    after = {truth.grant[one.handle]: one.handle for one in seen.registrations if one.month == month + 1 and one.batch}
    guesses = over_the_turn(seen, month, found[month].named, found[month + 1].named)
    total = Score()
    for one in seen.registrations:
        then = after.get(truth.grant[one.handle]) if one.month == month and not one.ends else None
        if then is None:
            continue
        candidates, chance = guesses.get(one.handle, (frozenset[int](), 0.0))
        right = chance if then in candidates else 0.0
        total += Score(1, right if chance > 1 / 2 else 0.0, 1 if chance > 1 / 2 else 0, right)
    return total


def _kinds(seen: Seen, truth: Truth, known: Known) -> Score:
    right = there = 0
    for guess, kind in zip(kinds_by_size(seen, known), truth.kinds, strict=True):
        if kind is not None:
            there += 1
            right += guess is not None and guess.partition("/")[0] == kind.value
    return Score(there, right, there, right)


# -- what the attacker knows beforehand --------------------------------------------------------------------------------


def _known(case: Case, seen: Seen, truth: Truth) -> Known:
    total = sum(share for _, _, share in KINDS)
    kinds = {_label(kind, ending): share / total for kind, ending, share in KINDS}
    month = case.months[0]
    new = registered_alone(seen, month)
    old = {one.handle for one in seen.registrations if one.month == month} - new
    sizes = {} if seen.defences.padding else _sizes()
    return Known(_shares(seen, truth, month, old), _shares(seen, truth, month, new), sizes, kinds)


def _label(kind: str, ending: str | None) -> str:
    return f"{kind}/{ending or ''}"


def _shares(seen: Seen, truth: Truth, month: int, among: set[int]) -> dict[tuple[str, str], float]:
    """How many in a hundred of the handles of one kind have another: the proportion, not whose."""
    names = {one.handle: kind_of(one.recipient) for one in seen.registrations if one.handle in among}
    active = {one.handle for one in seen.envelopes if one.handle in names}
    of_kind = Counter(names[name] for name in active)
    both: Counter[tuple[str, str]] = Counter()
    for a, b in _true_pairs(seen, truth, month):
        if a not in names or b not in names:
            continue
        both[names[a], names[b]] += 1
        both[names[b], names[a]] += 1
    return {kinds: min(count / of_kind[kinds[0]], 1.0) for kinds, count in both.items()}


def _sizes() -> dict[int, dict[str, float]]:
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for kind, ending, share in KINDS:
        found[raw_size(kind, ending, 1, ("progress",))][_label(kind, ending)] += share
        for length, probable in _lengths():
            found[raw_size(kind, ending, length, BOTH)][_label(kind, ending)] += share * probable
    return {size: {label: value / shares.total() for label, value in shares.items()} for size, shares in found.items()}


def _lengths() -> Iterable[tuple[int, float]]:
    """How long the number of an allocation is."""
    for digits in (4, 6, 9):
        for length in range(1, digits + 1):
            yield length, (10**length - (10 ** (length - 1) if length > 1 else 0)) / 10**digits / 3
