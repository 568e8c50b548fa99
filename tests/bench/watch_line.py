# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The watch beside a bare Faust agent that adds one to a table: the same records, the same broker, in turn.

The bare agent is Faust as its own guide writes it: a table with its changelog, a count per partner, no place, no window
and nothing that makes it exact after a kill.  Each is a process of its own; counted from the 500th record on.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
from confluent_kafka import Producer
from faust.types import AppT

from hub.kafka_settings import KafkaConfig
from hub.watch_faust import Names, Watch
from hub.watch_outcomes import NOT_TOLD, partition_of, to_bytes
from tests.bench.measure import Line
from tests.kafka import Kafka
from tests.watch_month import record

COUNT = 20_000
WARM = 500
RUNS = 3
PARTITIONS = 1
TOPIC = "bench.outcomes"


def watch(root: Path) -> list[Line]:
    """Records a second of one worker, and what each costs it."""
    root.mkdir(parents=True)
    kafka = Kafka()
    try:
        kafka.topic(TOPIC, partitions=PARTITIONS)
        _fill(kafka)
        found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
        for run in range(RUNS):
            for kind in ("ours", "bare") if run % 2 else ("bare", "ours"):
                group = f"bench.{kind}.{run}"
                kafka.topic(f"{group}-hours-changelog", partitions=PARTITIONS, **{"cleanup.policy": "compact"})
                words = [sys.executable, "-m", "tests.bench.watch_line", kind, kafka.bootstrap, group]
                said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
                found[kind].append(json.loads(said.splitlines()[-1]))
    finally:
        kafka.remove()
    ours, bare = ({name: statistics.median(one[name] for one in runs) for name in runs[0]} for runs in found.values())
    return [
        Line(
            name="hub.watch",
            unit="outcomes/s of one worker (wall)",
            value=round(ours["per_s"]),
            limit=round(bare["per_s"]),
            ratio=round(ours["per_s"] / bare["per_s"], 3),
            goal="ratio 0.7",
            met=ours["per_s"] >= 0.7 * bare["per_s"],
            runs=RUNS,
            own_us=round(ours["cpu_us"] - bare["cpu_us"], 1),
            note=f"CPU a record: {ours['cpu_us']:.0f} us, bare {bare['cpu_us']:.0f} us",
        )
    ]


def _fill(kafka: Kafka) -> None:
    producer = Producer(kafka.client())
    before = NOT_TOLD
    for one in record(1)[:COUNT]:
        value = to_bytes(one._replace(before=before))
        before = one.place
        producer.produce(TOPIC, value, key=str(one.partner).encode(), partition=partition_of(one.partner, PARTITIONS))
        producer.poll(0)
    assert producer.flush(60) == 0


class Stopwatch:
    """Begins at the first look at which a few hundred were counted."""

    def __init__(self) -> None:
        self._begun: tuple[float, float, int] | None = None

    def look(self, count: int) -> dict[str, float] | None:
        now = time.perf_counter(), time.process_time(), count
        if self._begun is None and count >= WARM:
            self._begun = now
        if self._begun is None or count < COUNT:
            return None
        wall, cpu, done = (late - early for late, early in zip(now, self._begun, strict=True))
        return {"per_s": done / wall, "cpu_us": 1e6 * cpu / done}


async def _ours(brokers: str, group: str, folder: Path) -> dict[str, float]:
    way = KafkaConfig(brokers=(brokers,), copies=1, outcomes_partitions=PARTITIONS)
    worker = Watch(way, PARTITIONS, folder, Names(TOPIC, group, "hours"))
    return await _measured(worker.run, lambda: worker.progress().entries)


async def _bare(brokers: str, group: str, folder: Path) -> dict[str, float]:
    app: AppT = faust.App(
        group,
        broker=f"kafka://{brokers}",
        store="memory://",
        datadir=str(folder),
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        key_serializer="raw",
        value_serializer="raw",
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
    )
    counts = app.Table("hours", default=int, key_type=str, value_type=int, partitions=PARTITIONS)
    done = 0

    @app.agent(app.topic(TOPIC, key_type=bytes, value_type=bytes))
    async def count(stream: Any) -> None:
        nonlocal done
        async for event in stream.events():
            counts[event.key.decode()] += 1
            done += 1

    async def run(ending: asyncio.Event, look: Callable[[], None], seconds: float) -> None:
        await app.start()
        while not ending.is_set():
            await asyncio.sleep(seconds)
            look()
        await app.stop()

    return await _measured(run, lambda: done)


async def _measured(run: Any, count: Callable[[], int]) -> dict[str, float]:
    ending, stopwatch = asyncio.Event(), Stopwatch()
    found: dict[str, float] = {}

    def look() -> None:
        seen = stopwatch.look(count())
        if seen is not None and not found:
            found.update(seen)
            ending.set()

    await run(ending, look, 0.01)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        measured = asyncio.run({"ours": _ours, "bare": _bare}[sys.argv[1]](*sys.argv[2:4], Path(place)))
    sys.stdout.write(json.dumps(measured) + "\n")
