# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How much the attacker finds: its pairs beside the truth, per sender and per set of defences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations, permutations
from typing import Final, Self

from schemas.calendar import day_of, month_of
from tests.linkability.attacker import (
    Found,
    Known,
    Pair,
    pair,
    same_agreement,
    same_citizen,
)
from tests.linkability.evidence import Handle, handles_of
from tests.linkability.seen import Defences, Seen, Truth, raw_size, watch
from tests.linkability.town import BOTH, KINDS, Case, Team, case_of
from tests.linkability.turn import going_on, kinds_by_size, over_the_turn

_FEW: Final = 10


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
    """Everything about one sender, or several together.  `by_count`: pairs by the events under the one with fewest;
    `by_class`: by who the citizen is, each in the first that holds."""

    pairs: Score = field(default_factory=Score)
    turn: Score = field(default_factory=Score)
    agreements: Score = field(default_factory=Score)
    agreements_later: Score = field(default_factory=Score)
    kinds: Score = field(default_factory=Score)
    by_count: dict[int, Score] = field(default_factory=lambda: defaultdict(Score))
    by_class: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))

    def __iadd__(self, other: Figures) -> Self:
        for name in ("pairs", "turn", "agreements", "agreements_later", "kinds"):
            mine: Score = getattr(self, name)
            mine += getattr(other, name)
        for count, score in other.by_count.items():
            self.by_count[count] += score
        for name, score in other.by_class.items():
            self.by_class[name] += score
        return self


def figures(teams: Sequence[Team], defences: Defences, months: int, seed: int) -> Figures:
    """The figures of these senders together, each attacked by itself."""
    total = Figures()
    for team in teams:
        total += _of_one(case_of(team, months, seed, whole_months=defences.whole_months), defences, seed)
    return total


def _of_one(case: Case, defences: Defences, seed: int) -> Figures:
    seen, truth = watch(case, defences, seed)
    known = _known(case, seen, truth)
    total = Figures()
    found: dict[int, Found] = {}
    for month in case.months:
        found[month] = same_citizen(seen, known, month)
        handles = handles_of(seen, month)
        true = _true_pairs(truth, handles.values())
        total.pairs += _score(found[month], true)
        classes = _Classes(case, seen, truth, month)
        for one in true:
            score = _score(found[month], {one}, among=True)
            total.by_count[min(max(min(len(handles[name].events) for name in one), 1), 5)] += score
            total.by_class[classes.of(*one)] += score
        alone = {name for name, one in handles.items() if one.is_fresh}
        agreed = {one for one in true if alone.issuperset(one)}
        total.agreements += _score(same_agreement(seen, known, month), agreed)
        total.agreements_later += _score(_among(found[month], alone), agreed)
    for month in case.months[:-1]:
        total.turn += _turn(seen, truth, month, found)
    total.kinds += _kinds(seen, truth, known)
    return total


def _true_pairs(truth: Truth, handles: Iterable[Handle]) -> set[Pair]:
    """Those of two partners, under grants of one time: what a grant is renewed by comes beside it and is no secret."""
    of_client: dict[int, list[Handle]] = defaultdict(list)
    for one in handles:
        of_client[truth.client[one.name]].append(one)
    return {
        pair(a.name, b.name)
        for some in of_client.values()
        for a, b in combinations(some, 2)
        if a.recipient != b.recipient and not (a.by_consent and b.by_consent and a.is_fresh != b.is_fresh)
    }


def _score(found: Found, true: set[Pair], *, among: bool = False) -> Score:
    named = found.named & true if among else found.named
    return Score(len(true), len(found.named & true), len(named), len(found.guessed & true))


def _among(found: Found, names: set[int]) -> Found:
    chosen = (frozenset(one for one in pairs if names.issuperset(one)) for pairs in (found.named, found.guessed))
    return Found(*chosen)


def _turn(seen: Seen, truth: Truth, month: int, found: dict[int, Found]) -> Score:
    after = {truth.grant[one.handle]: one.handle for one in going_on(seen, month + 1)}
    guesses = over_the_turn(seen, month, found[month].named, found[month + 1].named)
    total = Score()
    for one in seen.registrations:
        then = after.get(truth.grant[one.handle]) if one.month == month and one.end is None else None
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


# -- who the citizen is ------------------------------------------------------------------------------------------------

STOPPED: Final = "a person ended everything at once"
LAST: Final = "a consent or allocation ends in the month"
NEW: Final = "both grants are new in the month"
BACK: Final = "something was called back, or made urgent"
FEW: Final = "one of both partners has at most ten such clients"
MANY: Final = "a household with many problems"
OTHERS: Final = "all others"
CLASSES: Final = (STOPPED, FEW, MANY, BACK, NEW, LAST, OTHERS)


class _Classes:
    """To which class a pair belongs."""

    def __init__(self, case: Case, seen: Seen, truth: Truth, month: int) -> None:
        self.case, self.truth = case, truth
        self.handles = handles_of(seen, month)
        self.of_recipient = Counter(one.recipient for one in seen.registrations if one.month == month)
        self.hurried = {event.client for event in case.events if event.urgent and _month(event.at) == month}

    def of(self, a: int, b: int) -> str:
        """The first class that holds."""
        one, other = self.handles[a], self.handles[b]
        client = self.truth.client[a]
        if one.stopped is not None and one.stopped == other.stopped:
            return STOPPED
        if min(self.of_recipient[one.recipient], self.of_recipient[other.recipient]) <= _FEW:
            return FEW
        if client in self.case.many:
            return MANY
        if one.recalls or other.recalls or client in self.hurried:
            return BACK
        if one.is_fresh and other.is_fresh:
            return NEW
        return OTHERS if one.end is None and other.end is None else LAST


def _month(at: int) -> int:
    return month_of(day_of(at))


# -- what the attacker knows beforehand --------------------------------------------------------------------------------


def _known(case: Case, seen: Seen, truth: Truth) -> Known:
    total = sum(share for _, _, share in KINDS)
    kinds = {_label(kind, ending): share / total for kind, ending, share in KINDS}
    sizes = {} if seen.defences.padding else {0: kinds, **_sizes()}
    share, third = _shares(seen, truth, case.months)
    return Known(share, third, sizes, kinds)


def _label(kind: str, ending: str | None) -> str:
    return f"{kind}/{ending or ''}"


def _shares(
    seen: Seen, truth: Truth, months: Iterable[int]
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str, str], float]]:
    """How many in a hundred of the handles of one kind have another: the proportion, not whose."""
    of_kind: Counter[str] = Counter()
    two: Counter[tuple[str, str]] = Counter()
    three: Counter[tuple[str, str, str]] = Counter()
    for month in months:
        of_client: dict[int, list[str]] = defaultdict(list)
        for name, one in handles_of(seen, month).items():
            of_client[truth.client[name]].append(one.kind)
        for some in of_client.values():
            of_kind.update(some)
            two.update(permutations(some, 2))
            three.update(permutations(some, 3))
    share = {kinds: count / of_kind[kinds[0]] for kinds, count in two.items()}
    return share, {kinds: count / two[kinds[0], kinds[1]] for kinds, count in three.items()}


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
