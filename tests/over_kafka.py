# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A simulated world in which every envelope goes through the intake: a gateway writes it to a real Kafka, a worker that is
another process of the hub, with a store of its own, reads and decides it.

The answer to a request is what the worker made of its envelopes, so the tests of the exchange hold it to the same as an
exchange that decides at once.  What only differs because an answer of a real gateway comes before the decision is told
here: it says `taken`.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, TopicPartition

from hub import intake_kafka
from hub.audit.log import Log
from hub.client import HubRecoveringError
from hub.exchange import Checked
from hub.exchange_intake import IntakeExchange, Taken, WorkerExchange
from hub.hour_keys import HourKeys
from hub.intake_gateway import IntakeGateway
from hub.intake_kafka import IntakeWorker
from hub.intake_places import Places
from hub.intake_record import hour_of
from hub.intake_topics import find_topics, log_bounds
from hub.kafka_cluster import ClusterError
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import INTAKE
from hub.store import Store
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.kafka_way import client_settings
from tests.kafka import Kafka, kafka
from tests.simulator import World
from tests.world_check import HUB_NAME

PARTITIONS = 4
T = TypeVar("T")


def kinds(*usual: str) -> Sequence[str]:
    """What the tests of the exchange run over: these, and in `make test-kafka` the intake through Kafka alone."""
    return ("kafka",) if os.environ.get("SCHAKEL_TEST") == "kafka" else usual


def new_world(kind: str, folder: Path, **more: Any) -> World:
    """A world whose hub is over this store, or `kafka`: takes envelopes in through Kafka, over PostgreSQL."""
    return OverKafka(folder, **more) if kind == "kafka" else World(kind, folder, **more)


class OverKafka(World):
    """The world; its hub is the gateway's, and its worker runs whenever something was written."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self._intake: _Intake | None = None
        super().__init__("postgres", folder, **more)

    def over(self, store: Store) -> IntakeExchange:
        """See `World`."""
        if self._watched:
            self.trusted.begin(store.head().committed_at or None)
        return ThroughKafka(self, store)

    def intake(self) -> _Intake:
        """Its intake, made when it is first needed."""
        if self._intake is None:
            self._intake = _Intake(self)
        return self._intake

    def process(self, kind: type[IntakeExchange]) -> IntakeExchange:
        """Another process of this hub, with a store of its own."""
        assert self._folder is not None
        store = PostgresStore(self._dsn, self._folder / "day.keys", self.trusted)
        made = kind(store, Log(store, HUB_NAME, self._hub_key), self.table, self.trusted, self.random)
        made.partitions = PARTITIONS
        return made

    def let_go(self) -> None:
        """See `World`."""
        self._end_intake()
        super().let_go()

    def close(self) -> None:
        """See `World`."""
        self._end_intake()
        super().close()

    def _end_intake(self) -> None:
        if self._intake is not None:
            self._intake.close()
            self._intake = None


class ThroughKafka(IntakeExchange):
    """The exchange of a gateway, whose `decide` is what gateway and worker do together."""

    def __init__(self, world: OverKafka, store: Store) -> None:
        self._world = world
        super().__init__(store, Log(store, HUB_NAME, world._hub_key), world.table, world.trusted, world.random)
        self.partitions = PARTITIONS

    def decide(self, requests: Sequence[Checked]) -> list[list[Code]]:
        """See `Exchange`."""
        return self._world.intake().through(self, requests)


class _Intake:
    """Gateway, topic and worker of one world."""

    def __init__(self, world: OverKafka) -> None:
        self._world, self._broker = world, kafka()
        brokers = tuple(self._broker.bootstrap.split(","))
        self._config = KafkaConfig(brokers=brokers, copies=1, partitions=PARTITIONS)
        self._places = Places(world._dsn)
        _need_topic(self._broker)
        admin = self._broker.admin()
        # The topic holds what other worlds wrote: this one begins behind that.
        begins = {partition: end for (_, partition), (_, end) in _bounds(self._broker).items()}
        self._places.renew(INTAKE, find_topics(admin, [INTAKE])[INTAKE], begins)
        assert world._folder is not None
        self._keys = HourKeys(world._folder / "hour.keys", self._places, PARTITIONS)
        self._hour = 0
        self._gateway: tuple[IntakeExchange, IntakeGateway] | None = None
        self._decided: dict[bytes, deque[Code | None]] = defaultdict(deque)
        self._exchange = world.process(WorkerExchange)
        take = self._exchange.take

        def told(records: Sequence[Taken]) -> list[Code | None]:
            codes = take(records)
            for one, code in zip(records, codes, strict=True):
                assert isinstance(one.found, bytes), one.found
                self._decided[one.found].append(code)
            return codes

        self._exchange.take = told  # type: ignore[method-assign]
        self._worker = IntakeWorker(self._exchange, self._config, self._places, self._keys, tuple)
        self._worker._admin, self._worker._topics = admin, [INTAKE]
        self._worker._looked = math.inf  # it is in no group, so there is nothing to look at
        self._consumer = _consumer(self._broker.bootstrap)
        self._consumer.assign(self._worker._starts([TopicPartition(INTAKE, one) for one in range(PARTITIONS)]))

    def through(self, exchange: IntakeExchange, requests: Sequence[Checked]) -> list[list[Code]]:
        """The answers to requests that come at the same time."""
        gateway = self._of(exchange)
        if (hour := hour_of(self._world.store.now())) != self._hour:  # what a gateway does every five seconds
            self._keys.tidy(self._world.store.now())
            self._hour = hour
        exchange.tick()
        answers = [self._written(gateway, one) for one in requests]
        waits = [
            frame
            for one, codes in zip(requests, answers, strict=True)
            for frame, code in zip(one.frames, codes, strict=True)
            if code is Code.TAKEN
        ]
        while sum(map(len, self._decided.values())) < len(waits):
            self._worker._ticked = 0.0  # what it does every second
            self._worker.turn(self._consumer)
        assert not self._worker.counts.waits_for, self._worker.counts.waits_for
        found = [
            [self._decided[frame].popleft() or Code.TRY_LATER if code is Code.TAKEN else code for frame, code in pairs]
            for pairs in (zip(one.frames, codes, strict=True) for one, codes in zip(requests, answers, strict=True))
        ]
        assert not any(self._decided.values())
        self._decided.clear()
        return found

    def close(self) -> None:
        """Ends it; the consumer is for the next world."""
        self._consumer.unassign()
        if self._gateway is not None:
            self._gateway[1].close()
        self._exchange.store.close()
        self._places.close()

    def _of(self, exchange: IntakeExchange) -> IntakeGateway:
        """The half of the intake in the gateway of this exchange, which may be of a process that was begun since."""
        if self._gateway is None or self._gateway[0] is not exchange:
            if self._gateway is not None:
                self._gateway[1].close()
            self._gateway = exchange, IntakeGateway(exchange, self._config, self._places, self._keys, 30.0)
            self._gateway[1]._look()
            assert not self._gateway[1].stopped, self._gateway[1].stopped
        return self._gateway[1]

    def _written(self, gateway: IntakeGateway, request: Checked) -> list[Code]:
        try:
            return asyncio.run(gateway.take(request, _at_once))
        except HubRecoveringError:  # its gateway answers 503 as a whole, an exchange for each
            return [Code.RECOVERING] * len(request.frames)


async def _at_once(call: Callable[[], T]) -> T:
    return call()


@cache
def _consumer(bootstrap: str) -> Consumer:
    """One for all worlds, with the settings of a worker, in no group: partitions are given to it by hand."""
    config = KafkaConfig(brokers=tuple(bootstrap.split(",")))
    return Consumer(client_settings(config, intake_kafka._SETTINGS))


def _bounds(broker: Kafka) -> dict[tuple[str, int], tuple[int, int]]:
    """Where its partitions begin and end; brokers that just made them do not know yet who leads them."""
    while True:
        with suppress(ClusterError):
            return log_bounds(broker.admin(), [(INTAKE, one) for one in range(PARTITIONS)])


def _need_topic(broker: Kafka) -> None:
    """The topic of the intake, as other worlds may have left it."""
    admin = broker.admin()
    found = admin.list_topics(timeout=20).topics.get(INTAKE)
    if found is not None and len(found.partitions) != PARTITIONS:
        admin.delete_topics([INTAKE], operation_timeout=30)[INTAKE].result(60)
        found = None
    if found is None:
        broker.topic(INTAKE, partitions=PARTITIONS, **{"flush.messages": "1"})
