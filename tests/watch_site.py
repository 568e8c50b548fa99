# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A watch around a real broker: its topics, its process as an operator starts it, and what its table holds."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from deploy.prometheus import free_port
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import OUTCOMES, WATCH_TABLES, changelog, layout
from hub.store_memory import MemoryStore
from hub.watch_counts import hour_of, read_window
from hub.watch_outcomes import parse
from hub.watch_relay import Relay, RelayAwayError
from schemas.calendar import start_of_day
from schemas.canonical import FrameError
from tests.kafka import Kafka, kafka
from tests.watch_log import Counted, GrowingLog

PARTITIONS = 3
TABLE = changelog(WATCH_TABLES[0])
_WAIT = 60.0
# The logs of these tests are of a day long ago, and a broker deletes by the clock of the machine.
_KEPT = {"retention.ms": "-1"}


def until(done: Callable[[], bool], why: Callable[[], str]) -> None:
    """Waits until something is so; what it was is told when it does not become so."""
    end = time.monotonic() + _WAIT
    while not done():
        if time.monotonic() > end:
            raise AssertionError(why())
        signal.sigtimedwait([], 0.05)


@dataclass
class Site:
    """The topics of a hub, made anew, and the watch of its operator."""

    kafka: Kafka
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    listen: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    partitions: int = PARTITIONS  # of the topic of outcomes

    def __post_init__(self) -> None:
        wanted = [one for one in layout(copies=1, outcomes_partitions=PARTITIONS) if one.name in (OUTCOMES, TABLE)]
        admin = self.kafka.admin()
        gone = admin.delete_topics([one.name for one in wanted], operation_timeout=30)
        for answer in gone.values():
            with suppress(KafkaException):  # it was not there
                answer.result(30)
        until(lambda: not {OUTCOMES, TABLE} & set(admin.list_topics(timeout=5).topics), self.said)
        new = [NewTopic(one.name, one.partitions, 1, config={**one.settings, **_KEPT}) for one in wanted]
        for answer in admin.create_topics(new, operation_timeout=30).values():
            answer.result(30)
        self.folder.mkdir(exist_ok=True)
        text = 'name = "hub.example.nl"\nstrict = false\ndsn = "host=/nowhere dbname=x user=y"\n'
        text += f'[kafka]\nbrokers = ["{self.kafka.bootstrap}"]\ncopies = 1\noutcomes_partitions = {PARTITIONS}\n'
        text += f'[watch]\nmetrics_listen = "{self.listen}"\n'
        (self.folder / "hub.toml").write_text(text)

    @property
    def way(self) -> KafkaConfig:
        return KafkaConfig(brokers=(self.kafka.bootstrap,), copies=1, outcomes_partitions=PARTITIONS)

    def start(self, *more: str) -> None:
        """Starts the watch, as its unit does."""
        words = ["-c", "from deploy.cli import main; main()", "hub", "watch-run", "--config", str(self.folder), *more]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def close(self) -> None:
        """Leaves nothing behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    def metric(self, name: str) -> float:
        """The value of a metric of the running watch, -1 while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.listen}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return -1.0
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), -1.0)

    def wait_for(self, entries: int) -> None:
        """Until at least so many entries of the log are in its windows."""
        until(lambda: self.metric("schakel_watch_counted_entries") >= entries, self.said)

    def said(self) -> str:
        """What it wrote, and how far it is."""
        log = self.folder / "log"
        told = log.read_text(errors="replace")[-2_000:] if log.exists() else ""
        return f"counted {self.metric('schakel_watch_counted_entries')}\n{told}"

    def values(self) -> dict[bytes, bytes]:
        """What the broker has of its table, the newest value of each key."""
        found: dict[bytes, bytes] = {}
        for key, value in self.records(TABLE):
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        return found

    def entries(self) -> int:
        """How many entries of the log are in its windows, from its table alone."""
        return sum(read_window(raw).entries for key, raw in self.values().items() if hour_of(key) is not None)

    def counted(self) -> Counted:
        """What the watch counted, from its table alone."""
        made: Counted = Counter()
        for key, raw in self.values().items():
            if (name := hour_of(key)) is not None:
                for (kind, code), count in read_window(raw).counts.items():
                    made[name.partner, kind, code.value, name.day] += count
        return made

    def records(self, topic: str) -> Iterator[tuple[bytes, bytes | None]]:
        """Every record of a topic, partition by partition."""
        consumer = Consumer(
            self.kafka.client(**{"group.id": "reader", "enable.auto.commit": False, "fetch.wait.max.ms": 20})
        )
        try:
            for partition in range(self.partitions):
                where = TopicPartition(topic, partition)
                low, high = consumer.get_watermark_offsets(where, timeout=20)
                consumer.assign([TopicPartition(topic, partition, low)])
                while high > low and (left := high - max(consumer.position([where])[0].offset, low)) > 0:
                    for message in consumer.consume(min(left, 1_000), 1.0):  # more would be waited for
                        assert message.error() is None
                        yield message.key() or b"", message.value()
        finally:
            consumer.close()

    def write(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """A record of somebody who should not write there."""
        producer = Producer(self.kafka.client())
        producer.produce(topic, value, key=key, partition=partition)
        assert producer.flush(20) == 0


def entries_told(site: Site) -> int:
    """How many entries of the log the topic tells, without what it tells twice."""
    places = set()
    for _, value in site.records(OUTCOMES):
        with suppress(FrameError):  # somebody else wrote it
            places.add(parse(value).place)
    return len(places)


NOON = start_of_day(20_500) + 12 * 3_600_000


class World:
    """A log that grows, a relay that can be killed, a clock that can be moved."""

    def __init__(self, site: Site) -> None:
        self.site, self.now = site, NOON
        self.log = GrowingLog(MemoryStore(lambda: self.now), random.Random(5))  # noqa: S311  # must be the same in every run
        self.relay = self.new_relay()

    def new_relay(self) -> Relay:
        """Another one, as after the one before was killed: what it knew is gone, what it wrote stays."""
        return Relay(self.log.store, self.site.way, PARTITIONS, lambda: self.now)

    def step(self) -> int:
        """As the hub does: where a broker does not answer in time, again."""
        until = time.monotonic() + _WAIT
        while True:
            try:
                return self.relay.step()
            except RelayAwayError:
                if time.monotonic() > until:
                    raise

    def copy(self) -> None:
        while self.step():
            pass

    def kill_relay(self) -> None:
        self.relay.close()
        self.relay = self.new_relay()


@contextmanager
def watched(folder: Path) -> Iterator[World]:
    """A world around the broker of this process."""
    site = Site(kafka(), folder / "hub")
    made = World(site)
    yield made
    made.relay.close()
    site.close()
