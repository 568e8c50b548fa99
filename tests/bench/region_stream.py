# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The stream adapter beside a bare Faust agent: the same records, the same broker, the same settings of Faust, in one run.

One bare agent reads and acknowledges, and does nothing else.  Another one does what must be done by whoever may lose
nothing: parses, and keeps three rows of an event in SQLite, 200 events in a durable commit.  Ours has each record read as
a CloudEvent, told under the grants of its citizen and kept, sealed, in the outbox before it is acknowledged.  Broker,
worker and edge share the cores; CPU is that of edge and worker together.  All are timed from the 500th record on, so that
joining the group counts for none.

python -m tests.bench.region_stream BROKERS TOPIC COUNT read|keep     a bare agent alone; prints wall and CPU seconds
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from io import StringIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson

from adapters.sources.stream_app import Setup, make_app
from adapters.stream_config import StreamConfig
from adapters.stream_metrics import QUARANTINED, TAKEN, StreamCounts
from deploy.logs import Log
from deploy.run_streams import Streams
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, World, make_world, open_world
from schemas.calendar import day_of, parse_date, start_of_day
from tests.bench.measure import Line
from tests.kafka import Kafka
from tests.streams_site import Site, clients

RUNS = 3
COUNT = 6_000
WARM = 500
PEOPLE = 50
_NOON = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds an event."""

    wall: float
    cpu: float


def stream(root: Path) -> list[Line]:
    """Events a second, by the clock and by the CPU; the three in turn."""
    broker = Kafka(place=tempfile.gettempdir())
    costs: dict[str, list[Cost]] = {"ours": [], "read": [], "keep": []}
    try:
        site = Site(broker, "bench", {"zaken": "cloudevents"}, notices=None)
        site.make()
        site.put("zaken", *_records())
        for run in range(RUNS):
            for how in ("read", "keep"):
                costs[how].append(_bare(broker, site.topic("zaken"), how))
            costs["ours"].append(_ours(root / str(run), site, f"ours-{run}"))
    finally:
        broker.remove()
    cost = {
        how: Cost(statistics.median(one.wall for one in of), statistics.median(one.cpu for one in of))
        for how, of in costs.items()
    }
    return [_line("edge.stream", cost["ours"], cost["read"]), _line("edge.stream_kept", cost["ours"], cost["keep"])]


def _line(name: str, ours: Cost, bare: Cost) -> Line:
    ratio = bare.cpu / ours.cpu
    return Line(
        name=name,
        unit="events/s of one core (CPU)",
        value=round(1e6 / ours.cpu),
        limit=round(1e6 / bare.cpu),
        ratio=round(ratio, 3),
        goal="ratio 0.7",
        met=ratio >= 0.7,
        runs=RUNS,
        wall=round(1e6 / ours.wall),
        own_us=round(ours.cpu - bare.cpu, 1),
        note=f"{COUNT:,} CloudEvents about {PEOPLE} clients, each told under one grant; bare by the clock {1e6 / bare.wall:,.0f}/s",
    )


def _records() -> list[bytes]:
    people = islice(cycle(clients(PEOPLE, CITIZEN)), COUNT)
    today = day_of(_NOON)
    return [messages.status(one, messages.REVIEW_TYPE, number, today - 1) for number, one in enumerate(people)]


def _ours(root: Path, site: Site, group: str) -> Cost:
    make_world(root)
    with open_world(root, DemoClock(_NOON)) as place:
        today = day_of(_NOON)
        support = messages.Support(today - 20, today - 14, today + 100)
        batch = [messages.allocation(one, support) for one in clients(PEOPLE, CITIZEN)]
        place.team.put("batch.xml", b"\n".join(batch))
        place.settle()
        return asyncio.run(_timed(place, site, group))


async def _timed(place: World, site: Site, group: str) -> Cost:
    table = StreamConfig(
        brokers=(site.kafka.bootstrap,),
        group=group,
        topics={site.topic("zaken"): "cloudevents"},
        quarantine_topic=site.topic("quarantine"),
    )
    config, counts = replace(place.team.settings.config, streams=table), StreamCounts()
    streams = Streams(config, Log(place.clock, StringIO()), place.clock, lambda: None, counts)
    before = len(place.team.edge.items())
    began, used, first = 0.0, 0.0, 0
    async with streams.serve(place.team.edge):
        while (done := counts.records[TAKEN]) < COUNT:
            if not began and done >= WARM:
                began, used, first = time.perf_counter(), _used(), done
            await asyncio.sleep(0.01)
        seconds, used = time.perf_counter() - began, _used() - used
    await streams.stop()
    told = len(place.team.edge.items()) - before
    if told != COUNT or counts.records[QUARANTINED]:
        raise RuntimeError(f"{told} of {COUNT} events are told: this figure would mean nothing")
    return Cost(1e6 * seconds / (COUNT - first), 1e6 * used / (COUNT - first))


def _used() -> float:
    """Seconds of CPU of this process and of its stream worker so far."""
    seconds = time.process_time()
    for one in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if b"stream_worker" in Path(f"/proc/{one}/cmdline").read_bytes():
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            seconds += (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


# -- bare --------------------------------------------------------------------------------------------------------


def _bare(broker: Kafka, topic: str, how: str) -> Cost:
    words = [sys.executable, "-m", "tests.bench.region_stream", broker.bootstrap, topic, str(COUNT), how]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    wall, cpu = (1e6 * float(one) / (COUNT - WARM) for one in done.stdout.split())
    return Cost(wall, cpu)


async def _alone(brokers: str, topic: str, count: int, how: str) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup((brokers,), f"bare-{time.time_ns()}", [topic], topic, None, None, None, None, 10, 1 << 20)
        app = make_app(setup, folder)
        done = asyncio.Event()
        times: list[tuple[float, float]] = []

        def seen(before: int, now: int) -> None:
            times.extend((time.perf_counter(), time.process_time()) for at in (WARM, count) if before < at <= now)
            if now >= count:
                done.set()

        async def read(events: Any) -> None:
            number = 0
            async for _ in events.events():
                number += 1
                seen(number - 1, number)

        async def keep(events: Any) -> None:
            number, store = 0, _store(Path(folder))
            async for values in events.take(200, within=0.05):
                store.executemany("INSERT INTO kept VALUES (?, ?)", (row for value in values for row in _rows(value)))
                store.commit()
                number += len(values)
                seen(number - len(values), number)

        app.agent(app.topic(topic, value_type=bytes, allow_empty=True))(read if how == "read" else keep)
        await app.start()
        await done.wait()
        await app.stop()
        (wall, cpu), (wall_end, cpu_end) = times
        return wall_end - wall, cpu_end - cpu


def _store(folder: Path) -> sqlite3.Connection:
    store = sqlite3.connect(folder / "kept.sqlite")
    store.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE kept (key BLOB, value BLOB)")
    return store


def _rows(value: bytes) -> list[tuple[bytes, bytes]]:
    event = orjson.loads(value)
    return [(event["id"].encode() + mark, orjson.dumps(event)) for mark in (b"1", b"2", b"3")]


LINES = {"edge.stream": stream}

if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, asyncio.run(_alone(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))))
