# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Topics read again from a time on, after an edge was put back from a copy: what it acknowledged since, it does not know.

Guarantees: it joins no group and acknowledges nothing; it ends where the group has come, since all after that is read
anyway; a second time does no harm.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from adapters.sources.record import Record
from adapters.sources.stream_reach import admin, way
from adapters.sources.stream_setup import MOST, Setup

TOGETHER: Final = 20


async def read_again(setup: Setup, since: int, take: Callable[[list[Record]], Awaitable[None]]) -> None:
    """Hands over every record from this time on that the group has acknowledged, partition by partition.

    Raises:
        KafkaError: the brokers did not answer; nothing is lost by beginning anew.
        SecretError: the password can't be used.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(setup.brokers),
        group_id=setup.group,  # to know how far it is; it joins nothing and acknowledges nothing
        enable_auto_commit=False,
        isolation_level="read_committed",
        **way(setup.access),
    )
    await consumer.start()
    try:
        for partition in await _partitions(setup):
            await _partition_again(consumer, partition, since, setup.largest, take)
    finally:
        await consumer.stop()


async def _partitions(setup: Setup) -> list[TopicPartition]:
    asks = admin(setup)
    await asks.start()
    try:
        found = await asks.describe_topics(list(setup.topics))
    finally:
        await asks.close()
    return sorted(TopicPartition(one["topic"], part["partition"]) for one in found for part in one["partitions"])


async def _partition_again(
    consumer: AIOKafkaConsumer,
    partition: TopicPartition,
    since: int,
    largest: int,
    take: Callable[[list[Record]], Awaitable[None]],
) -> None:
    consumer.assign([partition])
    end = await consumer.committed(partition) or 0
    found = (await consumer.offsets_for_times({partition: since}))[partition]
    if found is None or found.offset >= end:
        return
    consumer.seek(partition, found.offset)
    while await consumer.position(partition) < end:
        read = await consumer.getmany(partition, timeout_ms=1000, max_records=MOST)
        records = [record_of(one, largest) for of in read.values() for one in of if one.offset < end]
        for begin in range(0, len(records), TOGETHER):
            await take(records[begin : begin + TOGETHER])


def record_of(message: Any, largest: int, unit: int = 1) -> Record:
    """A record of aiokafka, or of Faust, which gives the time in seconds: `unit` is then 1000; too large a value stays where
    it is."""
    value: bytes | None = message.value
    too_large = value is not None and len(value) > largest
    headers = message.headers.items() if isinstance(message.headers, Mapping) else message.headers or ()
    place = (message.topic, message.partition, message.offset, max(int((message.timestamp or 0) * unit), 0))
    return Record(*place, None if too_large else value, [(name, of) for name, of in headers], too_large)
