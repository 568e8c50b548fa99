# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Composition of the intake through Kafka: the half of a gateway, a worker, and what a person says about a topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.compose import Hub
from deploy.exits import failed, refused
from deploy.kafka import kafka_of
from hub.config import HubConfig
from hub.exchange_intake import IntakeExchange
from hub.hour_keys import HourKeys
from hub.intake_gateway import IntakeGateway
from hub.intake_kafka import IntakeWorker
from hub.intake_places import Places
from hub.intake_rules import place_of, position_fault, topic_fault
from hub.intake_topics import find_topics, log_bounds
from hub.kafka_check import senders_of
from hub.kafka_cluster import connect
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import FROM_PARTITIONS, INTAKE, number_of


@dataclass(frozen=True, slots=True)
class TopicState:
    """How it stands with a topic: what is wrong (None: nothing), and how many records wait to be decided."""

    topic: str
    fault: str | None
    waiting: int | None


@contextmanager
def places_of(config: HubConfig) -> Iterator[Places]:
    """What the store keeps of the intake, until the block ends.

    Raises:
        Stopped: this hub has no Kafka.
    """
    kafka_of(config)
    places = Places(config.dsn or "")
    try:
        yield places
    finally:
        places.close()


@contextmanager
def intake_of(hub: Hub) -> Iterator[IntakeGateway | None]:
    """The half of the intake in the gateway of a hub; None for a hub without Kafka."""
    if hub.config.kafka is None or not isinstance(hub.exchange, IntakeExchange):
        yield None
        return
    with places_of(hub.config) as places:
        kafka = hub.config.kafka
        hub.exchange.partitions = kafka.partitions
        keys = HourKeys(kafka.hour_keys_file, places, kafka.partitions, _senders(hub.exchange, kafka))
        yield IntakeGateway(hub.exchange, kafka, places, keys)


@contextmanager
def worker_of(hub: Hub) -> Iterator[IntakeWorker]:
    """A worker of a hub.

    Raises:
        Stopped: this hub has no Kafka.
    """
    kafka, exchange = kafka_of(hub.config), hub.exchange
    if not isinstance(exchange, IntakeExchange):
        raise failed("This hub takes nothing in through Kafka.")
    senders = _senders(exchange, kafka)
    with places_of(hub.config) as places:
        keys = HourKeys(kafka.hour_keys_file, places, kafka.partitions, senders)
        yield IntakeWorker(exchange, kafka, places, keys, senders)


def _senders(exchange: IntakeExchange, kafka: KafkaConfig) -> Callable[[], frozenset[int]]:
    """The numbers of the partners that may send over Kafka, as they are whenever it is asked."""

    def senders() -> frozenset[int]:
        everyone = [(one.number, one.address, one.state) for one in exchange.partners().by_number.values()]
        return senders_of(kafka.senders, everyone).numbers

    return senders


def state_of(config: HubConfig, topic: str) -> TopicState:
    """How it stands with a topic of the intake.

    Raises:
        Stopped, StoreError, ClusterError: it can't be told.
    """
    admin = connect(kafka_of(config))
    wanted = _partitions(config, topic)
    with places_of(config) as places:
        found = find_topics(admin, [topic]).get(topic)
        fault = topic_fault(topic, places.topic(topic), found, wanted)
        if fault is not None or found is None:
            return TopicState(topic, fault, None)
        bounds = log_bounds(admin, [(topic, one) for one in range(wanted)])
        numbers = {one: place_of(topic, one) or 0 for one in range(wanted)}
        positions = places.positions(list(numbers.values()))
    faults = [position_fault(*where, positions[numbers[where[1]]], *bounds[where]) for where in bounds]
    waiting = sum(end - positions[numbers[partition]] for (_, partition), (_, end) in bounds.items())
    return TopicState(topic, next((one for one in faults if one is not None), None), waiting)


def renew(config: HubConfig, topic: str) -> TopicState:
    """A person says that a topic is the right one as it is now: what is wrong about its positions is put right, by
    beginning at the first record that Kafka has; how it stood before.

    Raises:
        Stopped: nothing is wrong, or it can't be put right so.
        StoreError, ClusterError: one of the two does not answer.
    """
    before, wanted, admin = state_of(config, topic), _partitions(config, topic), connect(kafka_of(config))
    if before.fault is None:
        raise refused(f"Nothing is wrong with topic {topic}: it is read from where the store stands.")
    found = find_topics(admin, [topic]).get(topic)
    if found is None or found.partitions != wanted:
        raise refused(before.fault)
    bounds = log_bounds(admin, [(topic, one) for one in range(wanted)])
    with places_of(config) as places:
        is_same = (known := places.topic(topic)) is not None and known == found
        positions = places.positions([place_of(topic, one) or 0 for one in range(wanted)])
        begins = {}
        for where, (low, high) in bounds.items():
            place = place_of(*where) or 0
            if not is_same or position_fault(*where, positions[place], low, high) is not None:
                begins[place] = low
        places.renew(topic, found, begins)
        # A crash here: both are durable; the command finds nothing wrong any more.
    return before


def _partitions(config: HubConfig, topic: str) -> int:
    if topic == INTAKE:
        return kafka_of(config).partitions
    if number_of(topic) is None:
        raise refused(f"{topic} is no topic of the intake: take {INTAKE}, or schakel.from. and six digits.")
    return FROM_PARTITIONS
