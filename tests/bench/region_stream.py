# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The stream adapter beside bare Faust agents: the same records, the same broker, the same settings of Faust, in one run.

`read`: an agent that reads and acknowledges, and does nothing else: no adapter that may lose nothing can be one.
`keep`: what must be done by whoever may lose nothing: it parses each record with orjson, looks whether it is known, and has
one sealed record of it in SQLite, in the same store, 200 in a durable commit, before it acknowledges them.
`form`: the same, with the reader of the format in place of orjson alone.

Ours has each record read as a CloudEvent, told under the grants of its citizen by the rules, and kept, sealed, in the
outbox before it is acknowledged.  Broker, worker and edge share the cores; CPU is that of edge and worker together.  All
are timed from the 500th record on, so that joining the group counts for none.

python -m tests.bench.region_stream BROKERS TOPIC COUNT read|keep|form     a bare agent alone; prints wall and CPU seconds
"""

from __future__ import annotations

import asyncio
import hmac
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from io import StringIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cbor2
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.formats import READERS
from adapters.formats.native import FormatConfig
from adapters.sources.stream_app import make_app
from adapters.sources.stream_setup import MOST, Setup
from adapters.stream_config import StreamConfig
from adapters.stream_metrics import QUARANTINED, TAKEN, StreamCounts
from deploy.logs import Log
from deploy.run_streams import Streams
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, World, make_world, open_world
from schemas.calendar import day_of, parse_date, start_of_day
from schemas.event import Kind, Law
from tests.bench.measure import Line
from tests.kafka import Kafka
from tests.streams_site import Site, clients

RUNS = 3
BARE = {"form": "edge.stream", "keep": "edge.stream_kept", "read": "edge.stream_read"}
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
    costs: dict[str, list[Cost]] = {how: [] for how in ("ours", *BARE)}
    try:
        site = Site(broker, "bench", {"zaken": "cloudevents"}, notices=None)
        site.make()
        site.put("zaken", *_records())
        for run in range(RUNS):
            for how in BARE:
                costs[how].append(_bare(broker, site.topic("zaken"), how))
            costs["ours"].append(_ours(root / str(run), site, f"ours-{run}"))
    finally:
        broker.remove()
    cost = {
        how: Cost(statistics.median(one.wall for one in of), statistics.median(one.cpu for one in of))
        for how, of in costs.items()
    }
    return [_line(name, cost["ours"], cost[how]) for how, name in BARE.items()]


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
            await asyncio.sleep(0.03)  # what looks is counted too
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
        setup = Setup(brokers=[brokers], group=f"bare-{time.time_ns()}", topics=[topic], largest=1 << 20)
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
            number, kept = 0, Kept(Path(folder), formed=how == "form")
            async for values in events.take(MOST, within=0.05):
                kept.keep(values)
                number += len(values)
                seen(number - len(values), number)

        app.agent(app.topic(topic, value_type=bytes, allow_empty=True))(read if how == "read" else keep)
        await app.start()
        await done.wait()
        await app.stop()
        (wall, cpu), (wall_end, cpu_end) = times
        return wall_end - wall, cpu_end - cpu


class Kept:
    """Sealed records in SQLite, as durable as those of an edge: no code of ours but the reader of the format, if `formed`."""

    def __init__(self, folder: Path, *, formed: bool) -> None:
        self._db = sqlite3.connect(folder / "kept.sqlite", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE kept (row INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, sealed BLOB)")
        self._aead, self._key = AESGCM(os.urandom(32)), os.urandom(32)
        types = {messages.REVIEW_TYPE: (Kind.IN_ONDERZOEK, Law.WMO)}
        self._read = READERS["cloudevents"](FormatConfig(cloudevent_types=types)).read if formed else orjson.loads

    def keep(self, values: Sequence[bytes]) -> None:
        """All of them in one commit."""
        self._db.execute("BEGIN IMMEDIATE")
        for value in values:
            token = hmac.digest(self._key, sha256(value).digest(), "sha256")[:16]
            if self._db.execute("SELECT 1 FROM kept WHERE key = ?", (token,)).fetchone() is None:
                if not self._read(value):
                    raise RuntimeError("the record says nothing")
                nonce = os.urandom(12)
                sealed = nonce + self._aead.encrypt(nonce, cbor2.dumps([token, value]), token)
                self._db.execute("INSERT INTO kept (key, sealed) VALUES (?, ?)", (token, sealed))
        self._db.execute("COMMIT")


LINES = {"edge.stream": stream}

if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, asyncio.run(_alone(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))))
