# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What was said to be taken is there, whatever brokers die meanwhile; what is not there goes again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from adapters.connections.kafka import KafkaSender
from adapters.kafka_settings import KafkaSending
from hub.kafka_check import topics_of
from hub.kafka_cluster import ClusterError, apply, connect, need_safe
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import MakeTopic, from_topic
from schemas.codes import Code
from tests.kafka import Kafka, Node
from tests.sending import ask_hour_key, frame_in

TOPIC = from_topic(1)


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    """Three brokers, and a controller apart: it outlives two of them."""
    made = Kafka(brokers=3, controllers=1)
    yield made
    made.remove()


def held(kafka: Kafka) -> list[bytes]:
    """Everything on the topic, as a reader of the hub has it."""
    reader = Consumer(kafka.client(**{"group.id": "reader", "isolation.level": "read_committed"}))
    try:
        end = reader.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)[1]
        reader.assign([TopicPartition(TOPIC, 0, 0)])
        found: list[bytes] = []
        while len(found) < end:
            found += [frame_in(one.value()) for one in reader.consume(end - len(found), 30)]
        return found
    finally:
        reader.close()


def leader(kafka: Kafka) -> Node:
    number = kafka.admin().list_topics(TOPIC, timeout=30).topics[TOPIC].partitions[0].leader
    return next(node for node in kafka.brokers if node.number == number)


def test_what_was_taken_is_there_after_brokers_died_and_what_was_not_goes_again(kafka: Kafka) -> None:
    config = KafkaConfig(brokers=tuple(kafka.bootstrap.split(",")))
    admin = connect(config)
    made = [MakeTopic(one) for one in topics_of(config, [1]) if one.name in {TOPIC, "schakel.intake"}]
    assert len(list(apply(admin, made))) == 2
    need_safe(admin, config)
    taken: list[bytes] = []
    number = 0

    async def story() -> None:
        nonlocal number
        sender = KafkaSender(KafkaSending(brokers=config.brokers, topic=TOPIC), ask_hour_key, 10.0)

        async def some(rounds: int) -> list[Code]:
            nonlocal number
            codes: list[Code] = []
            for _ in range(rounds):
                frames = [(number + one).to_bytes(4, "big") * 100 for one in range(20)]
                number += 20
                answers = await sender.send(frames)
                taken.extend(frame for frame, code in zip(frames, answers, strict=True) if code is Code.TAKEN)
                codes += answers
            return codes

        try:
            while Code.TRY_LATER in await some(1):  # young brokers do not know each other yet
                pass
            await some(10)
            first = leader(kafka)
            going_on = asyncio.create_task(some(20))
            await asyncio.sleep(0)
            first.stop(signal.SIGKILL)
            await going_on
            while Code.TRY_LATER in await some(1):  # the others take over: it goes again until it is there
                pass
            second = leader(kafka)
            second.stop(signal.SIGKILL)
            while Code.TAKEN in (await some(1)):  # a record on one broker is not taken
                pass
            assert sender.away is not None
            kafka.start()
            while Code.TRY_LATER in await some(1):
                pass
            assert sender.away is None
        finally:
            await sender.close()

    asyncio.run(story())
    there = held(kafka)
    assert set(taken) <= set(there)
    assert len(taken) >= 60
    leader(kafka).stop(signal.SIGKILL)
    while not safe(config):  # one broker less: what is written is still on two, and the hub may go on
        pass


def safe(config: KafkaConfig) -> bool:
    """Whether it is safe to write; an answer that does not come, as from who died just now, is asked for again."""
    try:
        need_safe(connect(config), config)
    except ClusterError as error:
        assert "Try again" in str(error) or "No broker answers" in str(error), error
        return False
    return True
