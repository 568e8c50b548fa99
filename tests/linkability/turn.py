# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The attacker over the turn of the month, and at the kind of an event.

* Over the turn: the place in the batch; which batch, or none because the grant was too new for the last; the number of
  envelopes; and in which set of partners a handle is, when the handles of a citizen were found in both months.
* The kind of an event: the most probable one for the size.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from tests.linkability.attacker import Known, Pair
from tests.linkability.evidence import handles_of
from tests.linkability.seen import Registration, Seen
from tests.linkability.town import RATE, RATE_OF_MANY

_NO_BATCH: Final = 99


# -- over the turn of the month ---------------------------------------------------------------------------------------


def over_the_turn(
    seen: Seen, month: int, now: frozenset[Pair], after: frozenset[Pair]
) -> dict[int, tuple[frozenset[int], float]]:
    """For each handle of this month the handles of the next that it may go on as, all equally probable, and the chance of
    each.  `now` and `after`: the pairs found in both months."""
    old = {one.handle: one for one in seen.registrations if one.month == month and one.end is None}
    new = {one.handle: one for one in going_on(seen, month + 1)}
    if not seen.defences.shuffle:
        begin = min((one.minute for one in new.values()), default=0)
        stopped = {name for one in seen.stops if one.minute < begin for name in one.handles}
        return _by_place([one for one in old.values() if one.handle not in stopped], list(new.values()))
    counts = Counter(one.handle for one in seen.envelopes)
    sets_now, sets_after = _sets(now, old), _sets(after, new)
    groups: dict[str, dict[tuple[int, tuple[str, ...], int], set[int]]] = defaultdict(lambda: defaultdict(set))
    limits = sorted({one.minute for one in new.values() if one.batch})
    for name, one in new.items():
        key = (counts[name], sets_after.get(name, ()), limits.index(one.minute) if one.batch else _NO_BATCH)
        groups[one.recipient][key].add(name)
    found: dict[int, tuple[frozenset[int], float]] = {}
    same: dict[tuple[object, ...], frozenset[int]] = {}  # what is alike in all that is known goes on as the same
    for name, one in old.items():
        batch = 0 if one.batch else bisect_left(limits, one.minute)
        batch = batch if batch < len(limits) else _NO_BATCH
        known = (one.recipient, batch, counts[name], sets_now.get(name, ()))
        if known not in same:
            same[known] = _most_probable(counts[name], known[3], batch, groups.get(one.recipient, {}))
        if same[known]:
            found[name] = same[known], 1 / len(same[known])
    return found


def going_on(seen: Seen, month: int) -> list[Registration]:
    """The handles of this month of grants that had one before: in a batch, or without an introduction."""
    fresh = {one.name for one in handles_of(seen, month).values() if one.is_fresh}
    return [one for one in seen.registrations if one.month == month and (one.batch or one.handle not in fresh)]


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


def _by_place(old: Sequence[Registration], new: Sequence[Registration]) -> dict[int, tuple[frozenset[int], float]]:
    """Unshuffled, the k-th that goes on is the k-th of the next batches."""
    by_recipient: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, handles in enumerate((old, new)):
        for one in handles:
            by_recipient[one.recipient][side].append(one.handle)
    return {
        name: (frozenset({then}), 1.0)
        for before, later in by_recipient.values()
        for name, then in zip(before, later, strict=False)
    }


def _sets(pairs: frozenset[Pair], handles: Mapping[int, Registration]) -> dict[int, tuple[str, ...]]:
    """Per handle the partners of all handles that were found to be of the same citizen."""
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in pairs:
        if a in handles and b in handles:
            near[a].add(b)
            near[b].add(a)
    return {name: tuple(sorted(handles[one].recipient for one in (name, *others))) for name, others in near.items()}


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
