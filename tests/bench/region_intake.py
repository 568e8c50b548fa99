# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The intake through Kafka: a real broker that flushes each record, a real PostgreSQL on the machine's disk, workers that are
processes.  `python -m tests.bench.region_intake [NAME ...]` measures these lines alone.

* *intake*: records that wait are consumed, opened, verified, decided and committed; beside the same loop with the same
  libraries and no code of ours: no rule, no comparison, no Merkle tree above the leaf, no object.
* *two workers*: CPU a message at the same offered load, beside one.
* *deliverable*: from the moment at which a request is due at a gateway to the return of the commit, at 200/s whatever
  happens; beside 4 kB appended and flushed as often in the minute after.

Broker, database, workers and load share the cores of one machine; so CPU is what counts, and the clock stands beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cbor2
import psycopg
from confluent_kafka import Consumer, TopicPartition
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.seal import Sealed, sign_frames
from hub.audit.log import Log
from hub.clock import HubClock
from hub.exchange_intake import IntakeExchange, Taken
from hub.gateway_checker import usable_cores
from hub.hour_keys import HourKeys
from hub.intake_gateway import IntakeGateway
from hub.intake_kafka import IntakeWorker
from hub.intake_places import Places
from hub.intake_record import Kept, wrap
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import INTAKE
from hub.murmur2 import partition_of
from hub.postgres_link import connect
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.envelope import _HEADER, parse
from schemas.signing import SigningKey
from tests.bench.bare import TAG, verify, way_up
from tests.bench.material import SMALL, Partner, bench_table, envelopes, partner
from tests.bench.measure import Line, percentile
from tests.bench.postgres_lines import _BARE, _CALL
from tests.kafka import Kafka
from tests.postgres import Cluster

RUNS = 3
COUNT = 3_000
PARTITIONS = 8
BATCH = 200
OFFERED = 600  # a second, for one worker and for two
RATE, SECONDS = 200, 20
READY = 2.0
_NAME = "bench.schakel"
_STILL = threading.Event()  # never set: waiting for it is waiting


@dataclass(slots=True)
class Region:
    """A database with a hub in it, a topic, and what the hub's processes need."""

    kafka: Kafka
    dsn: str
    folder: Path
    config: KafkaConfig
    pair: tuple[Partner, Partner]
    sealed: list[Sealed]
    frames: list[bytes] = field(default_factory=list)

    def places(self) -> Places:
        """A connection to what the store keeps of the intake."""
        return Places(self.dsn)

    def exchange(self) -> IntakeExchange:
        """One more process of the hub, in this one."""
        return _exchange(self.dsn, self.folder)

    def fill(self, frames: Sequence[bytes]) -> None:
        """Writes records as a gateway does, before the clock runs."""
        keys, producer = HourKeys(self.folder / "hour.keys", self.places(), PARTITIONS), _producer(self.kafka)
        hour, key = keys.of_now(_now())
        for frame in frames:
            to = partition_of(parse(frame).handle, PARTITIONS)
            producer.produce(INTAKE, wrap(Kept(1, 1, frame), to, hour, key, os.urandom(12)), partition=to)
            producer.poll(0)
        producer.flush(60)


def intake(root: Path) -> list[Line]:
    """Records that wait."""
    return _over(root, _intake)


def two_workers(root: Path) -> list[Line]:
    """One worker, and two."""
    return _over(root, _two)


def deliverable(root: Path) -> list[Line]:
    """Accept to deliverable."""
    return _over(root, _deliverable)


LINES = {"region.intake": intake, "region.two_workers": two_workers, "region.deliverable": deliverable}


def _over(root: Path, measure: Callable[[Cluster, Kafka, Path], Iterator[Line]]) -> list[Line]:
    root.mkdir(parents=True, exist_ok=True)
    server = Cluster("shared_buffers=256MB", "max_wal_size=4GB", place=tempfile.gettempdir())
    kafka = Kafka(place=tempfile.gettempdir())
    try:
        return list(measure(server, kafka, root))
    finally:
        kafka.remove()
        server.remove()


# -- records that wait


def _intake(server: Cluster, kafka: Kafka, root: Path) -> Iterator[Line]:
    mine, bare, wall, bare_wall = [], [], [], []
    for run in range(RUNS + 1):
        first, second = (_drained, _drained_bare) if run % 2 else (_drained_bare, _drained)
        for loop in (first, second):
            region = _region(server, kafka, root / f"intake-{run}-{loop.__name__}", COUNT)
            region.fill(region.frames)
            cpu, took = loop(region)
            if run:  # the first warms up
                (mine if loop is _drained else bare).append(cpu)
                (wall if loop is _drained else bare_wall).append(took)
    cpu, limit = statistics.median(mine), statistics.median(bare)
    yield Line(
        name="region.intake",
        unit="messages/s of one core (CPU)",
        value=round(1 / cpu),
        limit=round(1 / limit),
        ratio=round(limit / cpu, 3),
        goal="ratio 0.7",
        met=limit / cpu >= 0.7,
        runs=RUNS,
        wall=round(1 / statistics.median(wall)),
        own_us=round((cpu - limit) * 1e6, 1),
        note=f"{cpu * 1e6:.0f} us of worker CPU a message (goal 300), bare {limit * 1e6:.0f}; "
        f"by the clock bare {1 / statistics.median(bare_wall):.0f}/s",
    )


def _drained(region: Region) -> tuple[float, float]:
    """CPU and seconds a message of a worker that finds all of it waiting."""
    exchange, places = region.exchange(), region.places()
    worker = IntakeWorker(
        exchange, region.config, places, HourKeys(region.folder / "hour.keys", places, PARTITIONS), tuple
    )
    marks: list[tuple[int, float, float]] = []

    def watch() -> None:
        while worker.counts.taken < len(region.frames):
            _STILL.wait(0.005)
            if not marks and worker.counts.taken:  # it is in its group and at work
                marks.append((worker.counts.taken, time.process_time(), time.perf_counter()))
        marks.append((worker.counts.taken, time.process_time(), time.perf_counter()))
        worker.stop()

    thread = threading.Thread(target=watch)
    thread.start()
    worker.run()
    thread.join()
    exchange.store.close()
    places.close()
    (began, cpu, clock), (ended, cpu_end, clock_end) = marks[0], marks[-1]
    return (cpu_end - cpu) / (ended - began), (clock_end - clock) / (ended - began)


def _drained_bare(region: Region) -> tuple[float, float]:
    """The same records with the same libraries: a group, its partitions, one call a batch."""
    names = region.places().key_names()
    keys = {
        hour: AESGCM(key)
        for hour, key in HourKeys(region.folder / "hour.keys", region.places(), 1)._file.read().items()
    }
    assert set(keys) >= set(names)
    db: psycopg.Connection = connect(region.dsn)
    db.execute(_BARE)
    consumer = Consumer(
        region.kafka.client(**{"group.id": f"bare-{os.getpid()}-{id(region)}", "enable.auto.commit": False})
    )
    starts = [TopicPartition(INTAKE, one, 0) for one in range(PARTITIONS)]
    consumer.assign(starts)
    done, public = 0, region.pair[0].signing.public
    began: tuple[int, float, float] = (0, 0.0, 0.0)
    while done < len(region.frames):
        messages = consumer.consume(1, 1.0)
        if messages:
            messages += consumer.consume(BATCH - 1, 0)
            _bare_batch(db, [message.value() or b"" for message in messages], keys, public)
            done += len(messages)
            if not began[1]:
                began = (done, time.process_time(), time.perf_counter())
    cpu, clock = time.process_time(), time.perf_counter()
    consumer.close()
    db.close()
    return (cpu - began[1]) / (done - began[0]), (clock - began[2]) / (done - began[0])


_LOOK = "SELECT handle, version, last, stopped, held_until, forget, packed FROM grants WHERE handle = ANY (%b::bytea[])"
_SEEN = "SELECT id, sha FROM message WHERE id = ANY (%b::bytea[])"


def _bare_batch(db: psycopg.Connection, values: Sequence[Any], keys: dict[int, AESGCM], public: bytes) -> None:
    seen: dict[bytes, bytes] = {}
    ids, shas, handles, leaves, records, wrapped, wrapped_keys = ([] for _ in range(7))
    for partition_less in values:
        hour = int.from_bytes(partition_less[1:5], "big")
        raw = _opened(keys[hour], partition_less)
        item = cbor2.loads(raw)
        assert cbor2.dumps(item) == raw
        _, header, box, listing, (ed25519, turns, path), parts = item
        match = _HEADER.fullmatch(header)
        assert match is not None
        for (_, digest), part in zip(cbor2.loads(listing), parts, strict=True):
            assert hashlib.sha256(part).digest() == digest
        hashes = b"".join(hashlib.sha256(one).digest() for one in (header, box, listing))
        verify(ed25519, way_up(TAG + hashes, turns, path), public, seen, not path)
        message_id, handle, key = bytes.fromhex(match[1].decode()), bytes.fromhex(match[5].decode()), os.urandom(32)
        sha = hashlib.sha256(raw).digest()
        record = [1, 20_000, "accept", message_id, sha, False, handle, 1, 1, 2, "a" * 16, "b" * 16]
        entry = cbor2.dumps([*record, ["control", "progress", "service"], sha, 1, [sha, sha], 5, "accepted"])
        ids.append(message_id)
        shas.append(sha)
        handles.append(handle)
        leaves.append(hashlib.sha256(os.urandom(32) + entry).digest())
        records.append(entry)
        wrapped.append(AESGCM(key).encrypt(bytes(12), raw, None))
        wrapped_keys.append(AESGCM(key).encrypt(bytes(12), key, message_id))
    db.execute(_LOOK, (handles,), prepare=True, binary=True).fetchall()
    db.execute(_SEEN, (ids,), prepare=True, binary=True).fetchall()
    at = _now()
    db.execute(
        _CALL, (at // 86_400_000, at, ids, shas, handles, leaves, records, wrapped, wrapped_keys), prepare=True
    ).fetchone()


def _opened(key: AESGCM, value: bytes) -> bytes:
    for partition in range(PARTITIONS):
        about = b"schakel/intake/v1\0" + value[1:5] + partition.to_bytes(4, "big")
        try:
            return key.decrypt(value[5:17], value[17:], about)[8:]
        except Exception:  # noqa: BLE001, S112  # of another partition
            continue
    raise AssertionError("a record does not open")


# -- one worker, and two


def _two(server: Cluster, kafka: Kafka, root: Path) -> Iterator[Line]:
    spent: dict[int, list[float]] = {1: [], 2: []}
    for run in range(RUNS):
        for workers in (1, 2) if run % 2 else (2, 1):
            region = _region(server, kafka, root / f"two-{run}-{workers}", OFFERED * 4)
            with _workers(region, workers) as pipes:
                before = [_told(pipe) for pipe in pipes]
                _offer(region, OFFERED)
                after = _settled(pipes, len(region.frames))
            cpu = sum(one["cpu"] for one in after) - sum(one["cpu"] for one in before)
            spent[workers].append(cpu / len(region.frames))
    one, two = (statistics.median(spent[count]) for count in (1, 2))
    yield Line(
        name="region.two_workers",
        unit="us of CPU a message",
        value=round(two * 1e6, 1),
        limit=round(one * 1e6, 1),
        ratio=round(two / one, 3),
        goal="ratio under 1.2",
        met=two / one <= 1.2,
        runs=RUNS,
        note=f"{OFFERED} messages/s offered to two, beside one; {usable_cores()} cores for everything",
    )


def _offer(region: Region, rate: int) -> None:
    """Records at a steady rate, whatever happens."""
    keys, producer = HourKeys(region.folder / "hour.keys", region.places(), PARTITIONS), _producer(region.kafka)
    hour, key = keys.of_now(_now())
    values = []
    for frame in region.frames:
        to = partition_of(parse(frame).handle, PARTITIONS)
        values.append((to, wrap(Kept(1, 1, frame), to, hour, key, os.urandom(12))))
    began = time.perf_counter()
    for number, (to, value) in enumerate(values):
        due = began + number / rate
        if (left := due - time.perf_counter()) > 0:
            _STILL.wait(left)
        producer.produce(INTAKE, value, partition=to)
        producer.poll(0)
    producer.flush(60)


def _settled(pipes: list[Connection], count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 120
    while True:
        told = [_told(pipe) for pipe in pipes]
        if sum(one["taken"] for one in told) >= count:
            return told
        assert time.monotonic() < until, told
        _STILL.wait(0.05)


# -- accept to deliverable


def _deliverable(server: Cluster, kafka: Kafka, root: Path) -> Iterator[Line]:
    region = _region(server, kafka, root / "deliverable", RATE * SECONDS)
    with _workers(region, 1) as pipes:
        due = asyncio.run(_open_load(region))
        _settled(pipes, len(region.frames))
        pipes[0].send("stamps")
        committed: dict[bytes, float] = pipes[0].recv()
    bare = _flushes(region.folder)
    took = [(committed[one] - at) * 1000 for one, at in due.items()]
    p50, p99, p999 = (percentile(took, part) for part in (0.5, 0.99, 0.999))
    bare_p50, bare_p99 = (percentile(bare, part) for part in (0.5, 0.99))
    note = (
        f"p99.9 {p999:.1f} ms; {RATE}/s open load for {SECONDS} s; bare fdatasync of 4 kB in the minute after: p50 "
        f"{bare_p50:.2f}, p99 {bare_p99:.2f} ms"
    )
    yield Line("region.deliverable_p50", "ms", round(p50, 2), None, None, "under 15", p50 < 15, 1, note=note)
    goal = 3 * bare_p99 + 20
    yield Line("region.deliverable_p99", "ms", round(p99, 2), None, None, f"under {goal:.1f}", p99 < goal, 1, note=note)


async def _open_load(region: Region) -> dict[bytes, float]:
    """Each request at its own moment, through the half of the intake in a gateway: checked, written, confirmed."""
    exchange, places = region.exchange(), region.places()
    keys = HourKeys(region.folder / "hour.keys", places, PARTITIONS)
    gateway = IntakeGateway(exchange, region.config, places, keys)
    await asyncio.to_thread(gateway._look)
    assert not gateway.stopped, gateway.stopped
    partners, day = exchange.snapshot()
    address, due = region.pair[0].address, dict[bytes, float]()

    async def run(call: Callable[[], Any]) -> Any:
        return call()

    async def one(frame: bytes) -> None:
        checked = exchange.check(address, [frame], partners, day)
        assert await gateway.take(checked, run) == [Code.TAKEN]

    # A gateway that just began connects before it is ready; its first requests are asked for when it is.
    began, asked = time.monotonic() + READY, []
    for number, frame in enumerate(region.frames):
        at = began + number / RATE
        await asyncio.sleep(max(at - time.monotonic(), 0))
        due[_mark(frame)] = at
        asked.append(asyncio.create_task(one(frame)))
    await asyncio.gather(*asked)
    gateway.close()
    exchange.store.close()
    return due


def _flushes(folder: Path) -> list[float]:
    took, block = [], os.urandom(4_096)
    handle = os.open(folder / "flushed", os.O_WRONLY | os.O_CREAT)
    for _ in range(1_000):
        _STILL.wait(1 / RATE)
        began = time.perf_counter()
        os.write(handle, block)
        os.fdatasync(handle)
        took.append((time.perf_counter() - began) * 1000)
    os.close(handle)
    return took


# -- what they share


def _region(server: Cluster, kafka: Kafka, folder: Path, count: int) -> Region:
    folder.mkdir(parents=True)
    dsn = server.bare()
    PostgresStore.create(dsn)
    _renew_topic(kafka)
    exchange, today = _exchange(dsn, folder), _now() // 86_400_000
    pair = partner("team-wmo", 1, today), partner("provider-wmo", 2, today)
    for one in pair:
        exchange.admit(one.manifest)
    sealed = envelopes(exchange, pair, SMALL, count)
    exchange.store.tidy(_now())
    exchange.store.close()
    brokers = tuple(kafka.bootstrap.split(","))
    config = KafkaConfig(brokers=brokers, copies=1, partitions=PARTITIONS)
    frames = [frame for one in sealed for frame in sign_frames([one], pair[0].signing)]
    return Region(kafka, dsn, folder, config, pair, sealed, frames)


def _renew_topic(kafka: Kafka) -> None:
    admin = kafka.admin()
    if INTAKE in admin.list_topics(timeout=20).topics:
        admin.delete_topics([INTAKE], operation_timeout=30)[INTAKE].result(60)
        _STILL.wait(0.5)
    kafka.topic(INTAKE, partitions=PARTITIONS, **{"flush.messages": "1"})


def _producer(kafka: Kafka) -> Any:
    from confluent_kafka import Producer  # noqa: PLC0415

    return Producer(kafka.client(**{"enable.idempotence": True, "acks": "all", "linger.ms": 0}))


def _exchange(dsn: str, folder: Path) -> IntakeExchange:
    store = PostgresStore(dsn, folder / "day.keys")
    made = IntakeExchange(store, Log(store, _NAME, SigningKey(bytes(32))), bench_table(), HubClock(_now), os.urandom)
    made.partitions = PARTITIONS
    return made


@contextmanager
def _workers(region: Region, count: int) -> Iterator[list[Connection]]:
    """Workers as processes; each is asked over its pipe."""
    spawn = multiprocessing.get_context("spawn")
    pipes, started = [], []
    for _ in range(count):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, region.dsn, str(region.folder), region.config))
        process.start()
        pipes.append(ours)
        started.append(process)
    for pipe in pipes:
        assert pipe.recv() == "ready"
    until = time.monotonic() + 60
    while not all(_told(pipe)["assigned"] == PARTITIONS // count for pipe in pipes):
        assert time.monotonic() < until
        _STILL.wait(0.1)
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.send("stop")
        for process in started:
            process.join(60)


def _told(pipe: Connection) -> dict[str, Any]:
    pipe.send("used")
    return dict(pipe.recv())


def _serve(pipe: Connection, dsn: str, folder: str, config: KafkaConfig) -> None:
    exchange, places = _exchange(dsn, Path(folder)), Places(dsn)
    worker = IntakeWorker(exchange, config, places, HourKeys(Path(folder) / "hour.keys", places, PARTITIONS), tuple)
    stamps: dict[bytes, float] = {}
    take = exchange.take

    def stamped(records: Sequence[Taken]) -> list[Code | None]:
        codes, now = take(records), time.monotonic()
        stamps.update((_mark(one.found), now) for one in records if isinstance(one.found, bytes))
        return codes

    exchange.take = stamped  # type: ignore[method-assign]
    thread = threading.Thread(target=worker.run, args=(lambda: pipe.send("ready"),))
    thread.start()
    while True:
        asked = pipe.recv()
        if asked == "used":
            pipe.send({"cpu": time.process_time(), "taken": worker.counts.taken, "assigned": worker.counts.assigned})
        elif asked == "stamps":
            pipe.send(stamps)
        else:
            worker.stop()
            thread.join(60)
            return


def _mark(frame: bytes | Code) -> bytes:
    return hashlib.blake2b(frame if isinstance(frame, bytes) else b"", digest_size=8).digest()


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(names: list[str]) -> None:
    """Prints the lines whose name begins as asked; all of them when nothing is asked."""
    for name, measure in LINES.items():
        if not names or any(name.startswith(one) for one in names):
            with tempfile.TemporaryDirectory(prefix="schakel-bench-") as folder:
                for line in measure(Path(folder)):
                    print(json.dumps(line.as_dict()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
