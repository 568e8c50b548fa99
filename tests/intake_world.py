# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A simulated world whose hub takes envelopes in through a real Kafka and a real PostgreSQL.

Time stands still unless a test moves it; workers are run turn by turn in the thread of the test, or in one of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaException, Producer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.audit.log import Log
from hub.exchange_intake import IntakeExchange
from hub.hour_keys import HourKeys
from hub.intake_gateway import IntakeGateway
from hub.intake_kafka import IntakeWorker
from hub.intake_places import Places
from hub.intake_record import HOUR_MS
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import FROM_LARGEST, INTAKE, from_topic
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.hour_wrap import NONCE_SIZE, wrap
from tests.kafka import Kafka, kafka
from tests.simulator import Party, World
from tests.world_check import HUB_NAME

PARTITIONS = 4
T = TypeVar("T")


class IntakeWorld(World):
    """The world; `worker()` gives another worker with a store of its own, `write` what a gateway would."""

    def __init__(self, folder: Path, broker: Kafka | None = None, partitions: int = PARTITIONS) -> None:
        self.broker = broker or kafka()
        self.settings = KafkaConfig(brokers=tuple(self.broker.bootstrap.split(",")), copies=1, partitions=partitions)
        super().__init__("postgres", folder)
        self.make_topic(INTAKE, partitions, "flush.messages")
        self.exchange = self.another()
        self.hub.store.close()
        self.hub = self.exchange
        self.places = Places(self._dsn)
        self.senders: list[int] = []
        self.keys = HourKeys(folder / "hour.keys", self.places, partitions, lambda: self.senders)
        self._closing: list[Callable[[], None]] = []

    def another(self) -> IntakeExchange:
        """Another process of this hub: a store and an exchange of its own."""
        assert self._folder is not None
        store = PostgresStore(self._dsn, self._folder / "day.keys", self.trusted)
        made = IntakeExchange(store, Log(store, HUB_NAME, self._hub_key), self.table, self.trusted, self.random)
        made.partitions = self.settings.partitions
        return made

    def worker(self, senders: Callable[[], Collection[int]] | None = None) -> IntakeWorker:
        """Another worker."""
        exchange = self.another()
        self._closing.append(exchange.store.close)
        return IntakeWorker(exchange, self.settings, self.places, self.keys, senders or (lambda: self.senders))

    def gateway(self, seconds: float = 20.0) -> IntakeGateway:
        """Another gateway's half of the intake."""
        exchange = self.another()
        everyone = tuple(one.address for one in self.parties.values() if one.number in self.senders)
        made = IntakeGateway(exchange, replace(self.settings, senders=everyone), self.places, self.keys, seconds)
        self._closing += [exchange.store.close, made.close]
        return made

    def make_topic(self, name: str, partitions: int, *settings: str) -> None:
        """Makes a topic, or makes it anew."""
        self.drop_topic(name)
        config = {"max.message.bytes": str(FROM_LARGEST)} | dict.fromkeys(settings, "1")
        while True:
            with contextlib.suppress(KafkaException):  # it is still being deleted
                self.broker.topic(name, partitions=partitions, **config)
                return

    def drop_topic(self, name: str) -> None:
        """Deletes a topic where there is one."""
        admin = self.broker.admin()
        if name in admin.list_topics(timeout=20).topics:
            admin.delete_topics([name], operation_timeout=30)[name].result(60)

    def own_topic(self, party: Party) -> str:
        """The topic on which a party sends by itself, made and read."""
        topic = from_topic(party.number)
        self.make_topic(topic, 1)
        self.senders.append(party.number)
        return topic

    def wrapped(self, party: Party, frame: bytes, hour: int | None = None) -> bytes:
        """What the edge of a party would write to its own topic now, or in an hour before."""
        at = self.now if hour is None else hour * HOUR_MS
        of, key = self.keys.for_partner(party.number, at)
        return wrap(frame, of, AESGCM(key), self.random(NONCE_SIZE))

    def put(self, topic: str, *values: bytes | None, partition: int = 0, **more: Any) -> None:
        """Records, by somebody who may write."""
        producer, errors = Producer(self.broker.client()), []
        for value in values:
            producer.produce(
                topic, value, partition=partition, on_delivery=lambda error, _: errors.append(error), **more
            )
        producer.flush(60)
        assert errors == [None] * len(values)

    def send(self, gateway: IntakeGateway, party: Party, *frames: bytes) -> list[Code]:
        """What the gateway answers to envelopes of a party."""

        async def call() -> list[Code]:
            checked = gateway._exchange.check(party.address, frames, *gateway._exchange.snapshot())
            return await gateway.take(checked, _at_once)

        return wait(call())

    def close(self) -> None:
        """Ends everything."""
        for one in reversed(self._closing):
            one()
        self.places.close()
        super().close()


async def _at_once(call: Callable[[], T]) -> T:
    return call()


def wait(call: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine."""
    return asyncio.run(asyncio.wait_for(call, 120))


@contextlib.contextmanager
def running(*workers: IntakeWorker) -> Iterator[list[Exception]]:
    """Workers in threads, until the block ends; what ended one by itself is in the list."""
    ended: list[Exception] = []

    def run(worker: IntakeWorker) -> None:
        try:
            worker.run()
        except Exception as error:  # noqa: BLE001  # shown to the test
            ended.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield ended
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(60)


def until(there: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns when it is so."""
    end = threading.Event()
    limit = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < limit, "it did not come to that"
        end.wait(0.02)


def envelopes(party: Party, other: Party, count: int) -> list[bytes]:
    """Envelopes under as many grants."""
    return [party.envelope(party.register(other)) for _ in range(count)]


def known(world: IntakeWorld, ids: Sequence[bytes]) -> dict[bytes, Code]:
    """The outcomes that the store has."""
    return {one: row.code for one, row in world.store.stored(ids).items()}
