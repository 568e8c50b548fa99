# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge sends over a real Kafka: what was taken is there, and what is not there goes again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from adapters.connections.https import HubRefusedError
from adapters.connections.kafka import NO_HOUR_KEY, KafkaSender, look
from adapters.kafka_settings import KafkaSending
from hub.client import HubUnavailableError
from hub.kafka_check import Cluster, faults, topics_of
from hub.kafka_cluster import apply, connect, read_cluster
from hub.kafka_record import Record, Sent, sent_by_partner
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import MakeTopic, SetSetting, from_topic, number_of
from schemas.codes import Code
from schemas.envelope import LARGEST
from schemas.hour_wrap import HourKey
from tests.kafka import kafka
from tests.sending import HOUR_KEY, ask_hour_key, frame_in, key_of, sent

NUMBER = 990_101  # of no other test of this broker
TOPIC = from_topic(NUMBER)


@pytest.fixture(scope="module")
def settings() -> KafkaSending:
    """The way to the topic of a partner, made by what `schakel kafka init` does."""
    brokers = (kafka().bootstrap,)
    config = KafkaConfig(brokers=brokers, copies=1)
    admin = connect(config)
    seen = read_cluster(admin, [], as_hub=False)
    changes = [one.change for one in faults(config, [NUMBER], seen, strict=False)]
    for _ in apply(admin, [one for one in changes if isinstance(one, MakeTopic) and one.topic.name == TOPIC]):
        pass
    return KafkaSending(brokers=brokers, topic=TOPIC)


def last(count: int) -> list[Record]:
    """What was sent last, as the hub reads it."""
    reader = Consumer(kafka().client(**{"group.id": "reader"}))
    try:
        end = reader.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)[1]
        reader.assign([TopicPartition(TOPIC, 0, end - count)])
        found = reader.consume(count, 30)
        return [
            Record(one.topic() or "", one.partition() or 0, one.key(), one.value(), one.headers() or [])
            for one in found
        ]
    finally:
        reader.close()


def test_what_was_taken_is_there_in_its_order_byte_for_byte_and_nothing_beside_it(settings: KafkaSending) -> None:
    frames = [number.to_bytes(4, "big") * 30 for number in range(1_200)]
    assert sent(settings, *frames) == ([Code.TAKEN] * len(frames), None)
    records = last(1_200)
    assert [sent_by_partner(one, key_of) for one in records] == [Sent(NUMBER, HOUR_KEY.hour, frame) for frame in frames]
    assert not any(frame in (one.value or b"") for one, frame in zip(records, frames, strict=True))


def test_without_a_key_of_the_hour_nothing_leaves_and_with_the_next_one_it_goes_on(settings: KafkaSending) -> None:
    answers: list[HourKey | Exception | None] = [
        HubUnavailableError("no answer"),
        HubRefusedError("unknown-sender", 403),
        None,
        HOUR_KEY,
        HOUR_KEY._replace(hour=HOUR_KEY.hour + 1),
    ]

    async def ask() -> HourKey | None:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def story() -> None:
        sender = KafkaSender(settings, ask, 30.0)
        for _ in range(3):
            assert await sender.send([b"one"]) == [Code.TRY_LATER]
            assert sender.away == NO_HOUR_KEY
        assert await sender.send([b"one"]) == [Code.TAKEN]
        assert sender.away is None
        assert await sender.send([b"two"]) == [Code.TAKEN]
        assert len(answers) == 1  # the key is asked for once an hour
        await sender.close()
        assert (sender._key, sender._forgetting) == (None, None)
        assert await sender.send([b"three"]) == [Code.TAKEN]  # and again after it was let go
        await sender.close()

    asyncio.run(story())
    assert [frame_in(one.value) for one in last(3)[:2]] == [b"one", b"two"]
    assert sent_by_partner(last(1)[0], key_of)[1] is Code.KEY_LOST  # of another hour


def test_the_key_of_an_hour_is_forgotten_when_the_hour_is_over(settings: KafkaSending) -> None:
    async def ask() -> HourKey:
        return HOUR_KEY._replace(seconds=1)

    async def story() -> None:
        sender = KafkaSender(settings, ask, 30.0)
        await sender.send([b"one"])
        assert sender._key is not None
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(1.1, over.set)
        await over.wait()
        assert sender._key is None
        await sender.close()

    asyncio.run(story())


@pytest.fixture(scope="module")
def sender(settings: KafkaSending) -> Iterator[KafkaSender]:
    made = KafkaSender(settings, ask_hour_key, 30.0)
    yield made
    asyncio.run(made.close())


@examples(max_examples=20, deadline=None)
@given(frames=st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_any_bytes_are_taken_as_they_are_and_nothing_at_all_is_refused(
    sender: KafkaSender, frames: list[bytes]
) -> None:
    codes = asyncio.run(sender.send(frames))
    assert codes == [Code.TAKEN if frame else Code.MALFORMED for frame in frames]
    whole = [frame for frame in frames if frame]
    assert [frame_in(one.value) for one in last(len(whole))] == whole if whole else True


def test_the_largest_envelope_is_taken_and_a_larger_one_does_not_leave(settings: KafkaSending) -> None:
    assert sent(settings, bytes(LARGEST), bytes(LARGEST + 1), b"next")[0] == [Code.TAKEN, Code.TOO_LARGE, Code.TAKEN]


def test_nobody_to_answer_means_try_later_and_the_same_bytes_go_again(settings: KafkaSending) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen
        away = KafkaSending(brokers=(f"127.0.0.1:{nobody.getsockname()[1]}",), topic=TOPIC)
        assert sent(away, b"one", b"two", seconds=1.0) == ([Code.TRY_LATER, Code.TRY_LATER], "_MSG_TIMED_OUT")
        assert look(away, 1.0) == "_TRANSPORT"
    assert sent(settings, b"one", b"two") == ([Code.TAKEN, Code.TAKEN], None)


def test_a_topic_that_is_not_there_is_not_made_by_sending(settings: KafkaSending) -> None:
    other = KafkaSending(brokers=settings.brokers, topic=from_topic(990_102))
    codes, away = sent(other, b"one", seconds=2.0)
    assert codes == [Code.TRY_LATER]
    assert away in {"_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_MSG_TIMED_OUT"}
    assert look(other, 5.0) == "UNKNOWN_TOPIC_OR_PART"
    assert from_topic(990_102) not in kafka().admin().list_topics(timeout=30).topics


def test_files_that_can_not_be_used_keep_it_in_the_outbox(settings: KafkaSending, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("this is no certificate")
    bad = tmp_path / "bad.pem"
    broken = KafkaSending(brokers=settings.brokers, topic=TOPIC, authorities=bad, certificate=bad, key=bad)
    codes, away = sent(broken, b"one")
    assert (codes, away) == ([Code.TRY_LATER], "_INVALID_ARG")
    assert look(broken) == "_INVALID_ARG"


def test_who_may_send_is_told(settings: KafkaSending) -> None:
    assert look(settings, 30.0) is None


def test_the_topic_that_an_edge_may_set_is_one_that_a_hub_makes(settings: KafkaSending) -> None:
    assert number_of(settings.topic) == NUMBER


def test_a_topic_made_or_set_otherwise_is_told_and_mended_and_the_second_time_nothing_is() -> None:
    number = 990_103
    config = KafkaConfig(brokers=(kafka().bootstrap,), copies=1)
    admin = connect(config)
    name = kafka().topic(from_topic(number), **{"retention.ms": "60000", "flush.messages": "1000"})
    [wanted] = [one for one in topics_of(config, [number]) if one.name == name]

    def changes(cluster: Cluster) -> list[SetSetting]:
        found = [one.change for one in faults(config, [number], cluster, strict=False)]
        return [one for one in found if isinstance(one, SetSetting) and one.topic == name]

    first = changes(read_cluster(admin, [name], as_hub=False))
    assert {one.name for one in first} == {
        *("retention.ms", "flush.messages", "segment.ms", "max.message.bytes", "compression.type"),
        "message.timestamp.type",
    }
    assert list(apply(admin, first)) == first
    seen = read_cluster(admin, [name], as_hub=False)
    assert (changes(seen), seen.topics[name].settings) == ([], dict(wanted.settings))
