# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Empties the table of the watch, so that everything is counted again from what the topic holds.

Killed at any line, the next start of the watch counts right: places go back first, and what is counted twice is dropped.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from hub.watch_relay import RelayAwayError, RelayError
from schemas.kafka_way import KafkaWay, client_settings

_SECONDS: Final = 10.0
_GONE: Final = 15.0
_AGAIN: Final = 0.5
_PAGE: Final = 1_000
_log = logging.getLogger(__name__)


def forget_counts(way: KafkaWay, topic: str, group: str, table: str, partitions: int) -> int:
    """Deletes every value of the table `table` (a topic); how many those were.

    Raises:
        RelayError: a watch is running.
        RelayAwayError: the brokers don't answer.
    """
    consumer = Consumer(client_settings(way, {"group.id": group, "enable.auto.commit": False}), logger=_log)
    if not _goes_back(consumer, topic, partitions):
        consumer.close()
        raise RelayError("Kafka does not let the watch go back: a watch is running. Stop every watch, and try again.")
    # A crash here: everything is read again, and dropped, because the table still holds it.
    try:
        keys = {(one, key) for one in range(partitions) for key in _keys(consumer, table, one)}
    except KafkaException as error:
        raise RelayAwayError from error
    finally:
        consumer.close()
    producer = Producer(client_settings(way, {"enable.idempotence": True, "acks": "all"}), logger=_log)
    for partition, key in sorted(keys):
        producer.produce(table, None, key=key, partition=partition)
        producer.poll(0)
    # A crash here: some windows are gone, so those of their partition do not add up, and it is counted again.
    if producer.flush(_SECONDS):
        raise RelayAwayError
    return len(keys)


def _goes_back(consumer: Consumer, topic: str, partitions: int) -> bool:
    """Whether the group reads from the beginning now; Kafka takes a watch that was killed for a running one for ten seconds."""
    until = time.monotonic() + _GONE
    while True:
        try:
            consumer.commit(offsets=[TopicPartition(topic, one, 0) for one in range(partitions)], asynchronous=False)
        except KafkaException:
            if time.monotonic() > until:
                return False
            time.sleep(_AGAIN)
        else:
            return True


def _keys(consumer: Consumer, topic: str, partition: int) -> set[bytes]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_SECONDS)
    found: set[bytes] = set()
    consumer.assign([TopicPartition(topic, partition, low)])
    # Compaction leaves gaps: what counts is how far the consumer is, not how many records came.
    while high > low and consumer.position([TopicPartition(topic, partition)])[0].offset < high:
        for message in consumer.consume(_PAGE, 1.0):
            if message.error() is not None:
                raise RelayAwayError
            key = message.key()
            if isinstance(key, bytes):
                found.add(key) if message.value() is not None else found.discard(key)
    return found
