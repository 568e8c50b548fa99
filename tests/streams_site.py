# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Organisations with a Kafka of their own: a hub, edges as processes that read and write topics, records in and out."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from deploy.clock import MachineClock
from deploy.compose import toml
from deploy.net import Net, set_up
from deploy.story.messages import Support, allocation
from deploy.story.person import Person
from deploy.story.world import PROVIDER, TEAM, Who
from schemas.calendar import day_of
from tests.kafka import Kafka

SECONDS = 90.0
_READS = (AclOperation.READ, AclOperation.DESCRIBE)
_WRITES = (AclOperation.WRITE, AclOperation.DESCRIBE)


@dataclass(slots=True)
class Site:
    """The topics of one organisation."""

    kafka: Kafka
    name: str
    topics: Mapping[str, str]  # short name -> format
    notices: str | None = "csv"
    more: Mapping[str, str] = field(default_factory=dict)

    def topic(self, name: str) -> str:
        return f"{self.name}.{name}"

    def make(self, partitions: int = 1) -> None:
        for name in (*self.topics, "quarantine", "notices"):
            self.kafka.topic(self.topic(name), partitions=partitions, **{"max.message.bytes": "8000000"})

    def permit(self) -> None:
        """What the page says that an edge needs, and no more, for the user of this name."""
        wanted = [(ResourceType.TOPIC, self.topic(name), _READS) for name in self.topics]
        wanted += [(ResourceType.TOPIC, self.topic(name), _WRITES) for name in ("quarantine", "notices")]
        wanted += [(ResourceType.GROUP, f"{self.name}.schakel", (AclOperation.READ,))]
        literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        admin = self.kafka.admin()  # what it promises is kept as long as it is there itself
        made = admin.create_acls(
            [
                AclBinding(kind, name, literal, f"User:{self.name}", "*", one, allow)
                for kind, name, of in wanted
                for one in of
            ]
        )
        for one in made.values():
            one.result(30)

    def table(self) -> dict[str, str]:
        """The table `[streams]`, each value as TOML."""
        read = ", ".join(f"{toml(self.topic(name))} = {toml(of)}" for name, of in self.topics.items())
        made = {
            "brokers": "[" + ", ".join(toml(one) for one in self.kafka.bootstrap.split(",")) + "]",
            "group": toml(f"{self.name}.schakel"),
            "topics": f"{{ {read} }}",
            "quarantine_topic": toml(self.topic("quarantine")),
        }
        if self.notices is not None:
            made["notices_topic"] = toml(self.topic("notices"))
        return made | dict(self.more)

    def who(self, who: Who) -> Who:
        """A partner with these topics."""
        table = ", ".join(f"{name} = {value}" for name, value in self.table().items())
        more = [one for one in who.more if one[0] != "notices_out"]
        if self.notices is not None:
            more.append(("notices_out", toml(self.notices)))
        return replace(who, more=(*more, ("streams", f"{{ {table} }}")))

    def put(self, name: str, *values: bytes | None, **more: Any) -> None:
        """Writes records, and returns when the broker has them."""
        failed: list[KafkaError] = []

        def heard(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        producer = Producer(self.kafka.client(**{"acks": "all", "linger.ms": 5, "message.max.bytes": 8_000_000}))
        for value in values:
            producer.produce(self.topic(name), value, on_delivery=heard, **more)
            producer.poll(0)
        assert producer.flush(30) == 0
        assert failed == []

    def records(self, name: str) -> list[Message]:
        """Every record of a topic, from its beginning."""
        topic = self.topic(name)
        reader = Consumer(self.kafka.client(**{"group.id": "looks", "enable.auto.commit": False}))
        found: list[Message] = []
        try:
            for number in sorted(reader.list_topics(topic, timeout=10).topics[topic].partitions):
                first, end = reader.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                reader.assign([TopicPartition(topic, number, first)])
                while first < end:
                    for message in reader.consume(min(end - first, 500), 1.0):
                        assert message.error() is None
                        found.append(message)
                        first = int(message.offset() or 0) + 1
        finally:
            reader.close()
        return found

    def names(self) -> Counter[bytes]:
        """How often each notice stands in its topic, by its name."""
        return Counter(dict(one.headers() or [])["schakel-notice"] for one in self.records("notices"))  # type: ignore[misc]

    def end(self, name: str) -> int:
        """Where the next record will stand, in all partitions together: marks of transactions count too."""
        topic = self.topic(name)
        asks = Consumer(self.kafka.client(**{"group.id": "looks", "enable.auto.commit": False}))
        try:
            parts = asks.list_topics(topic, timeout=10).topics[topic].partitions
            return sum(asks.get_watermark_offsets(TopicPartition(topic, one), timeout=10)[1] for one in parts)
        finally:
            asks.close()

    def committed(self, name: str) -> int:
        """How far the edge has acknowledged this topic, in all partitions together."""
        topic = self.topic(name)
        asks = Consumer(self.kafka.client(**{"group.id": f"{self.name}.schakel", "enable.auto.commit": False}))
        try:
            parts = [
                TopicPartition(topic, number) for number in asks.list_topics(topic, timeout=10).topics[topic].partitions
            ]
            return sum(max(one.offset, 0) for one in asks.committed(parts, timeout=10))
        finally:
            asks.close()


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Returns when it holds; a test that waits longer than it may fails."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        signal.sigtimedwait([], 0.1)


@contextmanager
def two_with_topics(folder: Path, team: Site, provider: Site, people: Sequence[Person]) -> Iterator[Net]:
    """A team and a provider, both with topics, at work: both know these clients, and each may tell the other."""
    with ExitStack() as stack:
        made = set_up(folder, stack, (team.who(TEAM), provider.who(PROVIDER)))
        for one in made.partners:
            until(lambda one=one: one.process.events("brokers-there"))  # type: ignore[misc]
        for site, topic in ((team, "wmo"), (provider, "uit")):
            site.put(topic, *allocations(people))
        until(lambda: len(provider.names()) == len(people))
        yield made


def support(today: int | None = None) -> Support:
    today = day_of(MachineClock(None)()) if today is None else today
    return Support(allotted=today - 20, begin=today - 14, end=today + 180)


def clients(count: int, like: Person) -> list[Person]:
    """So many people with numbers for tests."""
    found: list[Person] = []
    number = 999_900_006
    while len(found) < count:
        digits = [int(one) for one in str(number)]
        if (sum(digits[place] * (9 - place) for place in range(8)) - digits[8]) % 11 == 0:
            found.append(replace(like, bsn=str(number), allocation=f"{10_000 + len(found)}"))
        number += 1
    return found


def allocations(people: Sequence[Person]) -> list[bytes]:
    return [allocation(one, support()) for one in people]
