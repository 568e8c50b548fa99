# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Measures what an envelope costs on PostgreSQL, plays shards with it, and prints the tables of decision 0041.

python -m tests.bench.shards_costs [FILE]     costs from FILE when it is there, else measured and kept in it
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hub.store import Step
from hub.store_postgres import PostgresStore
from schemas.envelope import parse
from tests.bench import material
from tests.bench.hub_lines import receipts_of
from tests.bench.measure import percentile
from tests.bench.shards import MOST, Cost, Costs, Plan, Play, all_in_one, bursts, carries, poisson, shards_touched
from tests.postgres import Cluster, name_in

SIZES = (1, 20, 100, 200)
COUNT = 1_200
KINDS = ("accept", "hand_over", "receive")
COUNTRY, BURST = 20.0, 1_000
RECORDS_S = 183 * 86_400  # for so long the records of entries are kept
_LEFT = """SELECT sum(pg_total_relation_size(one))::bigint
FROM unnest(ARRAY['schakel.entry', 'schakel.message', 'schakel.feed']::regclass[]) AS u(one)"""


class _Timed(PostgresStore):
    """Notes how long each commit took, by the clock and in CPU of this process."""

    wall = cpu = 0.0

    def commit(self, step: Step) -> int:
        wall, cpu = time.perf_counter(), time.process_time()
        first = super().commit(step)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return first


def measured(root: Path) -> tuple[Costs, float]:
    """Real envelopes through a real hub, in batches of several sizes; and the bytes that one leaves for its term."""
    server = Cluster("shared_buffers=256MB", "max_wal_size=4GB", place="/tmp")  # a disk, not memory
    times: dict[str, dict[int, list[tuple[float, float]]]] = {kind: {size: [] for size in SIZES} for kind in KINDS}
    try:
        left = [_through(server, root / f"{size}.keys", size, times) for size in SIZES]
    finally:
        server.remove()
    return Costs(*(_line(times[kind]) for kind in KINDS)), statistics.median(left)


def _through(server: Cluster, keys: Path, size: int, times: dict[str, dict[int, list[tuple[float, float]]]]) -> float:
    dsn = server.bare()
    PostgresStore.create(dsn)
    store, count = _Timed(dsn, keys), COUNT if size > 1 else 200
    site = material.site_on(store, material.SMALL, count)
    told = 0
    while notices := site.hub.pickup(site.recipient.address, 0, told).notices:  # of the registrations
        told = notices[-1].number
    before = _left(server, dsn)
    receipts = dict(zip((parse(frame).message_id for frame in site.frames), receipts_of(site), strict=True))

    def timed(kind: str, what: Callable[[], object]) -> None:
        store.wall, store.cpu, cpu = 0.0, 0.0, time.process_time()
        what()
        times[kind][size].append((store.wall, (time.process_time() - cpu - store.cpu) / size))

    for start in range(0, count, size):
        frames = site.frames[start : start + size]
        timed("accept", lambda frames=frames: site.hub.send(site.sender.address, frames))  # type: ignore[misc]
    came: list[bytes] = []

    def pick_up() -> None:
        found = site.hub.pickup(site.recipient.address, size, told).deliveries
        came[:] = [parse(one.envelope).message_id for one in found]

    while receipts:
        timed("hand_over", pick_up)
        answers = [receipts.pop(one) for one in came]
        timed("receive", lambda answers=answers: site.hub.receipts(site.recipient.address, answers))  # type: ignore[misc]
    left = (_left(server, dsn) - before) / count
    site.hub.close()
    return left


def _left(server: Cluster, dsn: str) -> float:
    return float(str(server.admin(_LEFT, name_in(dsn))[0][0]))


def _line(times: dict[int, list[tuple[float, float]]]) -> Cost:
    medians = [statistics.median(wall for wall, _ in times[size]) for size in SIZES]
    each, fixed = statistics.linear_regression(SIZES, medians)
    return Cost(statistics.median(cpu for _, cpu in times[SIZES[-1]]), max(fixed, min(medians) / 2), max(each, 1e-7))


# -- what follows -----------------------------------------------------------------------------------------------------


def main(words: Sequence[str]) -> int:
    """Prints the tables."""
    file = Path(words[0]) if words else None
    if file is not None and file.exists():
        kept = json.loads(file.read_text())
        costs, left = Costs(*(Cost(*cost) for cost in kept[:3])), float(kept[3])
    else:
        with tempfile.TemporaryDirectory() as root:
            costs, left = measured(Path(root))
        if file is not None:
            file.write_text(json.dumps([*costs, left]))
    told = [*_of_costs(costs, left), "", *_of_country(costs), "", *_of_shards(costs), "", *_of_handles(), ""]
    sys.stdout.write("\n".join(told))
    return 0


def _of_costs(costs: Costs, left: float) -> Iterator[str]:
    yield f"{os.getloadavg()[0]:.1f} processes wanted a core, of {os.cpu_count()}."
    yield "| commit | CPU before it, a message | head held, a commit | and a message | at 200 a commit |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, cost in zip(KINDS, costs, strict=True):
        figures = " | ".join(f"{one * 1e6:,.0f} us" for one in cost)
        yield f"| {kind} | {figures} | {MOST / cost.held(MOST):,.0f}/s |"
    size = left * COUNTRY * RECORDS_S / 1e9
    yield f"One envelope leaves {left:,.0f} bytes; {COUNTRY:g}/s for six months {size:,.0f} GB."
    yield f"The head of one log is never free at {costs.head_limit():,.0f}/s in 200, {costs.head_limit(1):,.0f}/s one by one."


def _of_country(costs: Costs) -> Iterator[str]:
    yield "| one shard, 2 workers, 2 gateways | accepted p50, p99 | handed over p50, p99 | head in use |"
    yield "| --- | --- | --- | --- |"
    limit = costs.head_limit()
    for name, rate, burst in (
        ("20/s", COUNTRY, 0),
        ("20/s and 1,000 in one second of each minute", COUNTRY, BURST),
        ("200/s and the same", 10 * COUNTRY, BURST),
        ("half of the limit of the head", limit / 2, 0),
        ("0.9 of it", 0.9 * limit, 0),
    ):
        chance = random.Random(1)  # noqa: S311  # a play
        seconds = 120.0 if rate < 500 else 20.0
        moments = [*poisson(rate, seconds, chance), *(bursts(burst, 60, seconds, chance) if burst else ())]
        played = Play(costs, Plan()).run(moments)
        times = [percentile(which, part) * 1000 for which in (played.accepted, played.handed) for part in (0.5, 0.99)]
        shown = f"{times[0]:,.0f}, {times[1]:,.0f} ms | {times[2]:,.0f}, {times[3]:,.0f} ms | {played.head:.0%}"
        yield f"| {name} ({len(moments) / seconds:,.0f}/s) | {shown} |"


def _of_shards(costs: Costs) -> Iterator[str]:
    yield "| shards | workers and gateways of each | carries | of one shard with as many |"
    yield "| --- | --- | --- | --- |"
    alone: dict[int, float] = {}
    for shards in (1, 2, 4):
        for each in (1, 2, 4):
            rate = carries(costs, Plan(shards, each, each))
            alone.setdefault(each, rate)
            yield f"| {shards} | {each} and {each} | {rate:,.0f}/s | {rate / alone[each]:.2f} |"


def _of_handles() -> Iterator[str]:
    yield "| shards | a stop of 3 handles: shards, all in one | of 12 | a household of 40 handles: shards |"
    yield "| --- | --- | --- | --- |"
    for shards in (2, 4, 8):
        stops = [f"{shards_touched(count, shards):.1f}, {all_in_one(count, shards):.2%}" for count in (3, 12)]
        yield f"| {shards} | {' | '.join(stops)} | {shards_touched(40, shards):.1f} |"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
