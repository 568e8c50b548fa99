# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub of several shards, played: what one carries, what more of them would, and what comes to lie in several.

A shard has a range of partitions, a store and a log of its own.  In it work *hands*, each on a core of its own: one of
each worker, which accepts, and two of each gateway, which hands over and takes receipts.  A hand takes what waits for it, at most 200, spends CPU on each,
and commits them together; a commit holds the head of the log of its shard for `fixed + each * n` seconds, one at a
time, first come first served.  Whatever else a hub does (feeds, facts, checkpoints) is not played.  Costs are
measured on the real hub: `tests.bench.shards_costs` does that, and prints what decision 0041 shows.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

PARTITIONS = 48
MOST = 200  # messages in a commit
LOOK = 0.05  # seconds between two looks of a gateway at what was accepted
AT_EDGE = 0.2  # seconds until the receipt of an edge is there


class Cost(NamedTuple):
    """Of one kind of commit: seconds of CPU per message before it, and seconds for which it holds the head."""

    work: float
    fixed: float
    each: float

    def held(self, count: int) -> float:
        """Seconds for which so many messages together hold the head."""
        return self.fixed + self.each * count


class Costs(NamedTuple):
    """The three commits of an envelope."""

    accept: Cost
    hand_over: Cost
    receive: Cost

    def head_limit(self, batch: int = MOST) -> float:
        """Envelopes a second at which the head of one log is never free, when all commits are of this size."""
        return batch / math.fsum(cost.held(batch) for cost in self)


class Plan(NamedTuple):
    """What there is."""

    shards: int = 1
    workers: int = 2  # of each shard
    gateways: int = 2  # of each shard
    most: int = MOST


@dataclass(slots=True)
class Played:
    """What came of it: seconds per envelope until it was accepted and until it was handed over, how many were received,
    how long all of it took, and the share of that in which the busiest head was held."""

    accepted: list[float] = field(default_factory=list)
    handed: list[float] = field(default_factory=list)
    received: int = 0
    lasted: float = 0.0
    head: float = 0.0


# -- where a handle belongs -------------------------------------------------------------------------------------------


def partition_of(handle: bytes, partitions: int = PARTITIONS) -> int:
    """The partition of a handle.  Handles are the output of a MAC: each of their bytes is as good as a hash of them."""
    return int.from_bytes(handle[:8], "big") % partitions


def shard_of(partition: int, shards: int, partitions: int = PARTITIONS) -> int:
    """The shard of a partition: ranges that differ by one partition at most."""
    return partition * shards // partitions


def shards_touched(handles: int, shards: int) -> float:
    """In how many shards so many handles lie, on average."""
    return shards * (1 - (1 - 1 / shards) ** handles)


def all_in_one(handles: int, shards: int) -> float:
    """How likely it is that so many handles lie in one shard."""
    return float(shards) ** (1 - handles)


# -- what comes -------------------------------------------------------------------------------------------------------


def poisson(rate: float, seconds: float, chance: random.Random) -> Iterator[float]:
    """Moments at random."""
    at = 0.0
    while (at := at + chance.expovariate(rate)) < seconds:
        yield at


def bursts(count: int, every: float, seconds: float, chance: random.Random) -> Iterator[float]:
    """So many within one second, again and again."""
    for turn in range(math.ceil(seconds / every)):
        for _ in range(count):
            yield turn * every + chance.random()


# -- the play ---------------------------------------------------------------------------------------------------------


class _Head:
    """The head of a log."""

    def __init__(self) -> None:
        self.free = 0.0
        self.used = 0.0

    def hold(self, now: float, seconds: float) -> float:
        """When a commit that asks now is on disk."""
        self.free = max(self.free, now) + seconds
        self.used += seconds
        return self.free


Then = Callable[[float, list[float]], None]


class _Hand:
    """Takes, works, commits, goes on; `then` is told what was committed.  Rests `rest` seconds before it begins anew."""

    def __init__(self, play: Play, head: _Head, cost: Cost, then: Then, rest: float = 0.0) -> None:
        self._play, self._head, self._cost, self._then, self._rest = play, head, cost, then, rest
        self._waiting: deque[float] = deque()
        self._is_awake = False
        self._began = -rest

    def give(self, now: float, envelopes: Iterable[float]) -> None:
        self._waiting.extend(envelopes)
        if not self._is_awake and self._waiting:
            self._is_awake = True
            self._play.at(max(now, self._began + self._rest), self._begin)

    def _begin(self, now: float) -> None:
        self._began = now
        batch = [self._waiting.popleft() for _ in range(min(self._play.plan.most, len(self._waiting)))]

        def asks(then: float) -> None:
            self._play.at(self._head.hold(then, self._cost.held(len(batch))), committed)

        def committed(then: float) -> None:
            self._then(then, batch)
            self._is_awake = bool(self._waiting)
            if self._is_awake:  # who is behind does not rest
                self._begin(then)

        self._play.at(now + len(batch) * self._cost.work, asks)


class Play:
    """Plays until everything that came is received."""

    def __init__(self, costs: Costs, plan: Plan, seed: int = 1) -> None:
        self.plan = plan
        self._played = Played()
        self._chance = random.Random(seed)  # noqa: S311  # a play
        self._next: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._heads = [_Head() for _ in range(plan.shards)]
        self._receivers = self._hands(costs.receive, plan.gateways, lambda _: self._received, 0.0)
        self._givers = self._hands(costs.hand_over, plan.gateways, self._handing, LOOK)
        self._workers = self._hands(costs.accept, plan.workers, self._accepting, 0.0)

    def _hands(self, cost: Cost, each: int, then: Callable[[int], Then], rest: float) -> list[list[_Hand]]:
        return [
            [_Hand(self, head, cost, then(shard), rest) for _ in range(each)] for shard, head in enumerate(self._heads)
        ]

    def run(self, arrivals: Iterable[float]) -> Played:
        """What came of it."""
        for moment in arrivals:
            self.at(moment, self._arrive)
        now = 0.0
        while self._next:
            now, _, what = heapq.heappop(self._next)
            what(now)
        self._played.lasted = now
        self._played.head = max(head.used for head in self._heads) / now if now else 0.0
        return self._played

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        """Something happens at a moment."""
        self._count += 1
        heapq.heappush(self._next, (moment, self._count, what))

    def _arrive(self, now: float) -> None:
        shard = shard_of(self._chance.randrange(PARTITIONS), self.plan.shards)
        self._chance.choice(self._workers[shard]).give(now, [now])

    def _accepting(self, shard: int) -> Then:
        def accepted(now: float, batch: list[float]) -> None:
            self._played.accepted += [now - came for came in batch]
            self._chance.choice(self._givers[shard]).give(now, batch)

        return accepted

    def _handing(self, shard: int) -> Then:
        def handed(now: float, batch: list[float]) -> None:
            self._played.handed += [now - came for came in batch]
            receiver = self._chance.choice(self._receivers[shard])
            self.at(now + AT_EDGE, lambda then: receiver.give(then, batch))

        return handed

    def _received(self, now: float, batch: Sequence[float]) -> None:
        del now
        self._played.received += len(batch)


def carries(costs: Costs, plan: Plan, seconds: float = 1.0, played: float = 20.0) -> float:
    """The highest rate, to 2 %, at which 99 of 100 are handed over within so many seconds."""
    low, high = 50.0, 1.2 * plan.shards * costs.head_limit(plan.most)
    while high / low > 1.02:
        rate = math.sqrt(low * high)
        moments = list(poisson(rate, played, random.Random(2)))  # noqa: S311  # as above
        handed = sorted(Play(costs, plan).run(moments).handed)
        low, high = (rate, high) if handed[int(0.99 * len(handed))] < seconds else (low, rate)
    return low
