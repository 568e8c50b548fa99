# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How much one store carries, and what more of them would: a simulation with costs that are measured first.

    python -m tests.bench.shards            measures, simulates, prints the tables of decision 0041

The model, with nothing in it that was not measured or is not said here.  A shard is a store with a log of its own.  A
worker takes what waits, at most 200, checks it on its own core, and commits it; a gateway hands over what was accepted,
looking every 50 ms, and takes the receipts, each a commit too.  A commit holds the head of the log of its shard from
its first statement until it is on disk, one at a time, first come first served: `fixed + each * n`.  A handle belongs to
one shard and one worker by its hash, so events fall evenly.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from hub.store import Step
from hub.store_postgres import PostgresStore
from schemas.envelope import parse
from tests.bench import material
from tests.bench.hub_lines import receipts_of
from tests.bench.measure import percentile
from tests.postgres import Cluster

LOOK = 0.05  # seconds between two looks of a gateway at what was accepted
MOST = 200  # messages in a commit
AT_EDGE = 0.2  # seconds until the receipt of an edge is there
SIZES = (1, 20, 100, 200)
YEAR = 365 * 86_400
RECORDS = 183 * 86_400  # seconds for which the records of entries are kept
_TRIED = 10.0  # seconds of load in which a rate that is too high is seen to be
_COUNT = 2_000
_SIZE = """
SELECT sum(pg_total_relation_size(one))::bigint
FROM unnest(ARRAY['schakel.entry', 'schakel.message', 'schakel.feed']::regclass[]) AS u(one)
"""


class Cost(NamedTuple):
    """Of one kind of commit: seconds of a core per message before it, seconds of the head of the log."""

    work: float
    fixed: float
    each: float

    def held(self, count: int) -> float:
        """Seconds for which so many messages hold the head."""
        return self.fixed + self.each * count


class Costs(NamedTuple):
    """What an event costs, and what it leaves in the store for as long as its records are kept."""

    accept: Cost
    hand_over: Cost
    receive: Cost
    bytes: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is there, and what comes: `rate` events a second by chance, `burst` more within one second every minute."""

    shards: int = 1
    workers: int = 2  # of each shard, one core each
    gateways: int = 2
    rate: float = 20.0
    burst: int = 0
    seconds: float = 120.0


@dataclass(slots=True)
class Run:
    """What came of it: per event seconds until its acceptance and until it was handed over; shares of time."""

    accepted: list[float] = field(default_factory=list)
    handed: list[float] = field(default_factory=list)
    done: int = 0
    head: float = 0.0
    worker: float = 0.0
    gateway: float = 0.0

    def tail(self, part: float, *, handed: bool = False) -> float:
        """Seconds below which this part of the events stayed."""
        return percentile(self.handed if handed else self.accepted, part)


class _Head:
    """The head of a log: one at a time."""

    def __init__(self) -> None:
        self.free = 0.0
        self.used = 0.0

    def after(self, now: float, seconds: float) -> float:
        """When a commit that asks now, and takes so long, is on disk."""
        self.free = max(self.free, now) + seconds
        self.used += seconds
        return self.free


class Simulation:
    """Plays a plan until everything that came is done."""

    def __init__(self, costs: Costs, plan: Plan, seed: int, most: int = MOST) -> None:
        self._costs, self._plan, self._most = costs, plan, most
        self._chance = random.Random(seed)  # noqa: S311  # a simulation
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self.run = Run()
        self._heads = [_Head() for _ in range(plan.shards)]
        self._waiting: list[deque[float]] = [deque() for _ in range(plan.shards * plan.workers)]
        self._is_working = [False] * len(self._waiting)
        self._to_hand: list[deque[float]] = [deque() for _ in range(plan.shards * plan.gateways)]
        self._to_receive: list[deque[float]] = [deque() for _ in self._to_hand]
        self._is_serving = [False] * len(self._to_hand)
        self._looked = [-LOOK] * len(self._to_hand)

    def play(self, arrivals: Iterable[float] | None = None) -> Run:
        """Every event is accepted, handed over and received once; raises nothing."""
        last = 0.0
        for at in self._arrivals() if arrivals is None else arrivals:
            self._at(at, self._arrive)
        while self._queue:
            last, _, what = heapq.heappop(self._queue)
            what(last)
        self.run.head = max(one.used for one in self._heads) / last if last else 0.0
        self.run.worker /= (last or 1.0) * len(self._waiting)
        self.run.gateway /= (last or 1.0) * len(self._to_hand)
        return self.run

    def _arrivals(self) -> Iterator[float]:
        at = 0.0
        while (at := at + self._chance.expovariate(self._plan.rate)) < self._plan.seconds:
            yield at
        for minute in range(math.ceil(self._plan.seconds / 60) if self._plan.burst else 0):
            for _ in range(self._plan.burst):
                yield 60 * minute + self._chance.random()

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (when, self._number, what))

    # -- accepting ------------------------------------------------------------------------------------------------

    def _arrive(self, now: float) -> None:
        place = self._chance.randrange(len(self._waiting))
        self._waiting[place].append(now)
        if not self._is_working[place]:
            self._is_working[place] = True
            self._work(place, now)

    def _work(self, place: int, now: float) -> None:
        batch = _taken(self._waiting[place], self._most)
        if not batch:
            self._is_working[place] = False
            return
        cost, checked = self._costs.accept, len(batch) * self._costs.accept.work
        self.run.worker += checked

        def commit(then: float) -> None:
            durable = self._heads[place // self._plan.workers].after(then, cost.held(len(batch)))
            self._at(durable, accepted)

        def accepted(then: float) -> None:
            self.run.accepted.extend(then - came for came in batch)
            shard = place // self._plan.workers
            gateway = shard * self._plan.gateways + self._chance.randrange(self._plan.gateways)
            self._to_hand[gateway].extend(batch)
            self._serve_soon(gateway, then)
            self._work(place, then)

        self._at(now + checked, commit)

    # -- delivering -----------------------------------------------------------------------------------------------

    def _serve_soon(self, place: int, now: float) -> None:
        if not self._is_serving[place]:
            self._is_serving[place] = True
            # A look every 50 ms, whatever comes; a gateway that is behind looks at once.
            self._at(max(now, self._looked[place] + LOOK), lambda then: self._serve(place, then))

    def _serve(self, place: int, now: float) -> None:
        self._looked[place] = now
        receiving = bool(self._to_receive[place])
        batch = _taken((self._to_receive if receiving else self._to_hand)[place], self._most)
        if not batch:
            self._is_serving[place] = False
            return
        cost = self._costs.receive if receiving else self._costs.hand_over
        worked = len(batch) * cost.work
        self.run.gateway += worked

        def commit(then: float) -> None:
            durable = self._heads[place // self._plan.gateways].after(then, cost.held(len(batch)))
            self._at(durable, received if receiving else handed_over)

        def handed_over(then: float) -> None:
            self.run.handed.extend(then - came for came in batch)
            self._at(then + AT_EDGE, answered)
            self._serve(place, then)

        def answered(then: float) -> None:
            self._to_receive[place].extend(batch)
            self._serve_soon(place, then)

        def received(then: float) -> None:
            self.run.done += len(batch)
            self._serve(place, then)

        self._at(now + worked, commit)


def _taken(queue: deque[float], most: int) -> list[float]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


# -- what it costs ------------------------------------------------------------------------------------------------------


class _Timed(PostgresStore):
    """Notes how long each commit took, and how much of this process's CPU it used."""

    def __init__(self, dsn: str, keys: Path) -> None:
        super().__init__(dsn, keys)
        self.took: list[float] = []
        self.used = 0.0

    def commit(self, step: Step) -> int:
        wall, cpu = time.perf_counter(), time.process_time()
        first = super().commit(step)
        self.took.append(time.perf_counter() - wall)
        self.used += time.process_time() - cpu
        return first


def measured(root: Path) -> Costs:
    """Real envelopes through the real hub on a real PostgreSQL, on a disk, in batches of several sizes."""
    server = Cluster("shared_buffers=256MB", "max_wal_size=4GB", place="/tmp")  # a disk, not memory
    try:
        rows: dict[str, list[tuple[int, float, float]]] = {"accept": [], "hand_over": [], "receive": []}
        size = 0.0
        for batch in SIZES:
            size = _play(server, root / f"{batch}.keys", batch, rows)
        return Costs(*(_fit(rows[name]) for name in ("accept", "hand_over", "receive")), size)
    finally:
        server.remove()


def _play(server: Cluster, keys: Path, batch: int, rows: Mapping[str, list[tuple[int, float, float]]]) -> float:
    dsn = server.bare()
    PostgresStore.create(dsn)
    store = _Timed(dsn, keys)
    count = _COUNT if batch >= 20 else 200
    site = material.site_on(store, material.SMALL, count)
    told = 0
    while notices := site.hub.pickup(site.recipient.address, MOST, told).notices:  # of the registrations
        told = notices[-1].number
    before = _bytes(server, dsn)
    receipts = dict(zip([parse(frame).message_id for frame in site.frames], receipts_of(site), strict=True))

    def timed(name: str, what: Callable[[], object], messages: int) -> None:
        store.took.clear()
        store.used, began = 0.0, time.process_time()
        what()
        work = (time.process_time() - began - store.used) / messages
        rows[name].append((messages, statistics.fsum(store.took), work))

    for start in range(0, count, batch):
        frames = site.frames[start : start + batch]
        timed("accept", lambda frames=frames: site.hub.send(site.sender.address, frames), len(frames))  # type: ignore[misc]
    came: list[bytes] = []

    def picked() -> None:
        deliveries = site.hub.pickup(site.recipient.address, batch, told).deliveries
        came[:] = [parse(one.envelope).message_id for one in deliveries]

    while receipts:
        timed("hand_over", picked, batch)
        now = [receipts.pop(one) for one in came]
        timed("receive", lambda now=now: site.hub.receipts(site.recipient.address, now), len(now))  # type: ignore[misc]
    size = (_bytes(server, dsn) - before) / count
    site.hub.close()
    return size


def _bytes(server: Cluster, dsn: str) -> float:
    """What stays of events: entries, outcomes and their indexes, without the payloads, which are dropped by the day."""
    name = dsn.partition("dbname=")[2].partition(" ")[0]
    return float(str(server.admin(_SIZE, name)[0][0]))


def _fit(rows: Sequence[tuple[int, float, float]]) -> Cost:
    """Medians per size of batch, and the line through them."""
    sizes = sorted({count for count, _, _ in rows if count in SIZES})
    medians = [statistics.median(took for count, took, _ in rows if count == size) for size in sizes]
    each, fixed = statistics.linear_regression(sizes, medians)
    work = statistics.median(work for count, _, work in rows if count == max(sizes))
    return Cost(work, max(fixed, 1e-5), max(each, 1e-7))


# -- what follows -------------------------------------------------------------------------------------------------------


def head_limit(costs: Costs, batch: int = MOST) -> float:
    """Events a second at which the head of one log is never free."""
    return batch / sum(cost.held(batch) for cost in (costs.accept, costs.hand_over, costs.receive))


def carries(costs: Costs, plan: Plan, seconds: float = 1.0) -> float:
    """The highest rate, to 2 %, at which 99 of 100 events are handed over within so many seconds."""
    low, high = 100.0, 1.1 * plan.shards * head_limit(costs)
    while high / low > 1.02:
        rate = math.sqrt(low * high)
        run = Simulation(costs, replace(plan, rate=rate, seconds=_TRIED), seed=1).play()
        if run.tail(0.99, handed=True) < seconds:
            low = rate
        else:
            high = rate
    return low


def main(words: Sequence[str]) -> int:
    """Prints the tables; with --costs FILE the costs come from there, or go there when it is new."""
    parser = argparse.ArgumentParser(prog="tests.bench.shards")
    parser.add_argument("--costs", type=Path)
    file = parser.parse_args(words).costs
    if file is not None and file.exists():
        costs = _costs_of(json.loads(file.read_text()))
    else:
        with tempfile.TemporaryDirectory() as root:
            costs = measured(Path(root))
        if file is not None:
            file.write_text(json.dumps({name: _plain(value) for name, value in costs._asdict().items()}))
    sys.stdout.write("\n".join([*_of_costs(costs), "", *_of_country(costs), "", *_of_shards(costs), ""]))
    return 0


def _plain(value: Cost | float) -> object:
    return value._asdict() if isinstance(value, Cost) else value


def _costs_of(value: Mapping[str, object]) -> Costs:
    made = [Cost(**value[name]) for name in ("accept", "hand_over", "receive")]  # type: ignore[arg-type]
    return Costs(*made, float(str(value["bytes"])))


def _of_costs(costs: Costs) -> Iterator[str]:
    yield "| commit | CPU before it, a message | head of the log held, a commit | and a message | 200 a commit |"
    yield "| --- | --- | --- | --- | --- |"
    for name, cost in (("accept", costs.accept), ("hand over", costs.hand_over), ("receipt", costs.receive)):
        figures = (cost.work * 1e6, cost.fixed * 1e6, cost.each * 1e6)
        shown = " | ".join(f"{figure:,.0f} us" for figure in figures)
        yield f"| {name} | {shown} | {MOST / cost.held(MOST):,.0f}/s |"
    yield ""
    records = costs.bytes * 20 * RECORDS / 1e9
    yield f"An event leaves {costs.bytes:,.0f} bytes; at 20/s the records of six months are {records:,.0f} GB."
    yield f"The head of one log is never free at {head_limit(costs):,.0f} events/s."


def _of_country(costs: Costs) -> Iterator[str]:
    yield "| one shard | accepted p50, p99 | handed over p50, p99 | head in use | a worker | a gateway |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for plan in (
        Plan(),
        Plan(burst=1_000),
        Plan(burst=1_000, workers=1, gateways=1),
        Plan(rate=200.0, burst=1_000),
        Plan(rate=1_000.0, seconds=60.0),
    ):
        run = Simulation(costs, plan, seed=1).play()
        burst = f", {plan.burst:,} more in one second of each minute" if plan.burst else ""
        name = f"{plan.rate:,.0f}/s{burst}; {plan.workers} workers, {plan.gateways} gateways"
        times = [f"{run.tail(part, handed=which) * 1e3:,.0f}" for which in (False, True) for part in (0.5, 0.99)]
        shares = " | ".join(f"{share:.0%}" for share in (run.head, run.worker, run.gateway))
        yield f"| {name} | {times[0]}, {times[1]} ms | {times[2]}, {times[3]} ms | {shares} |"


def _of_shards(costs: Costs) -> Iterator[str]:
    yield "| shards | workers and gateways of each | carries | of one shard with as many | head in use at that |"
    yield "| --- | --- | --- | --- | --- |"
    alone: dict[int, float] = {}
    for shards in (1, 2, 4):
        for each in (1, 2, 4):
            plan = Plan(shards=shards, workers=each, gateways=each)
            rate = carries(costs, plan)
            alone.setdefault(each, rate)
            run = Simulation(costs, replace(plan, rate=rate, seconds=_TRIED), seed=2).play()
            yield f"| {shards} | {each} and {each} | {rate:,.0f}/s | {rate / alone[each]:.2f} | {run.head:.0%} |"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
