# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a partner with its own certificate can do at the brokers, decided by Kafka's own authorizer over mutual TLS.

Who attacks is partner 1; partner 2 and the hub are whom it attacks.  Every attack is refused by the broker, and what it
was after is looked at with an administrator's eyes: the name of an error alone proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adapters.connections.kafka import KafkaSender
from deploy.exits import Exit
from hub.kafka_acls import HUB, WATCHER, acls, principal_of
from hub.kafka_cluster import read_cluster
from hub.kafka_topics import INTAKE, OUTCOMES, WATCH, WORKERS, changelog, from_topic
from schemas.codes import Code
from schemas.envelope import LARGEST
from schemas.kafka_way import client_settings
from tests.broker.conftest import FIRST, Site
from tests.kafka import Silent
from tests.sending import ask_hour_key, frame_in, sent

FOREIGN = [from_topic(2), from_topic(3), INTAKE, OUTCOMES, changelog("hours"), "__consumer_offsets", "nobodys"]
ANY = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)
WAIT = 20.0
# What a client learns of a topic that it may not even see: that it may not, or that there is none.
HIDDEN = {"TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "_UNKNOWN_TOPIC", "_NOENT"}
Settings = dict[str, Any]


def settings(site: Site, number: int = 1, **more: object) -> Settings:
    named = {name.replace("_", "."): value for name, value in more.items()}
    return {**client_settings(site.sends(number), {}), "logger": Silent(), **named}


def name_of(error: KafkaException) -> str:
    return str(error.args[0].name())


def refusal(call: Callable[[], object]) -> str:
    """The name of the error that a call ends in."""
    with pytest.raises(KafkaException) as told:
        call()
    return name_of(told.value)


def produced(config: Settings, topic: str, value: bytes = b"x", **record: Any) -> str:
    """What became of one record."""
    reports: list[str] = []
    producer = Producer(config | {"message.timeout.ms": 5_000})
    try:
        producer.produce(
            topic, value, on_delivery=lambda error, _: reports.append(error.name() if error else "delivered"), **record
        )
    except KafkaException as error:
        return name_of(error)
    producer.flush(WAIT)
    return reports[0]


def ends(site: Site, *topics: str) -> list[int]:
    """Where each partition ends, as an administrator sees it."""
    return [end for _, end in marks(site, topics)]


def starts(site: Site, *topics: str) -> list[int]:
    """Where each partition begins."""
    return [start for start, _ in marks(site, topics)]


def marks(site: Site, topics: tuple[str, ...]) -> list[tuple[int, int]]:
    reader = Consumer(site.kafka.client(**{"group.id": "eyes"}))
    try:
        there = reader.list_topics(timeout=WAIT).topics
        places = [TopicPartition(one, part) for one in topics if one in there for part in there[one].partitions]
        return [reader.get_watermark_offsets(one, timeout=WAIT) for one in places]
    finally:
        reader.close()


def newest(site: Site, topic: str) -> Message:
    reader = Consumer(site.kafka.client(**{"group.id": "eyes"}))
    try:
        end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=WAIT)[1]
        reader.assign([TopicPartition(topic, 0, end - 1)])
        found = reader.poll(WAIT)
        assert found is not None
        assert found.error() is None
        return found
    finally:
        reader.close()


# ------------------------------------------------------------------------------------------------ writing


def test_a_partner_sends_on_its_own_topic_and_the_hub_reads_it(site: Site) -> None:
    for number in (1, 2):
        assert sent(site.sends(number), b"one", b"two") == ([Code.TAKEN, Code.TAKEN], None)
    assert site.kafka.authority is not None
    assert frame_in(newest(site, from_topic(1)).value()) == b"two"


def test_a_partner_writes_nowhere_else(site: Site) -> None:
    before = ends(site, *FOREIGN)
    for topic in FOREIGN:
        for idempotent in (False, True):
            answer = produced(settings(site, enable_idempotence=idempotent), topic)
            assert answer == "TOPIC_AUTHORIZATION_FAILED", topic
    assert sent(site.sends(1, topic=2), b"as another") == ([Code.TRY_LATER], "TOPIC_AUTHORIZATION_FAILED")
    assert ends(site, *FOREIGN) == before


def test_one_refused_record_takes_nothing_else_with_it(site: Site) -> None:
    reports: list[tuple[str, str]] = []
    producer = Producer(settings(site, enable_idempotence=True))
    for topic in (from_topic(1), from_topic(2), from_topic(1)):
        producer.produce(
            topic, b"x", on_delivery=lambda error, told: reports.append((told.topic(), error.name() if error else ""))
        )
    producer.flush(WAIT)
    assert sorted(reports) == [(from_topic(1), ""), (from_topic(1), ""), (from_topic(2), "TOPIC_AUTHORIZATION_FAILED")]


def test_a_partner_makes_changes_and_deletes_no_topic(site: Site) -> None:
    admin = AdminClient(settings(site))
    before, begins = (
        read_cluster(site.kafka.admin(), [], as_hub=False),
        starts(site, from_topic(1), from_topic(2), INTAKE),
    )
    for name in ("nobodys", "schakel.from.000009", "schakel.from.000001x"):
        [made] = admin.create_topics([NewTopic(name, 1, 3)]).values()
        assert refusal(lambda made=made: made.result(WAIT)) == "TOPIC_AUTHORIZATION_FAILED"  # type: ignore[misc]
    for name in (from_topic(1), from_topic(2), INTAKE):
        [gone] = admin.delete_topics([name]).values()
        assert refusal(lambda gone=gone: gone.result(WAIT)) == "TOPIC_AUTHORIZATION_FAILED"  # type: ignore[misc]
        entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        [altered] = admin.incremental_alter_configs([resource]).values()
        assert refusal(lambda one=altered: one.result(WAIT)) == "TOPIC_AUTHORIZATION_FAILED"  # type: ignore[misc]
        [told] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
        assert refusal(lambda told=told: told.result(WAIT)) == "TOPIC_AUTHORIZATION_FAILED"  # type: ignore[misc]
        [cut] = admin.delete_records([TopicPartition(name, 0, 1)]).values()
        assert refusal(lambda cut=cut: cut.result(WAIT)) in HIDDEN  # type: ignore[misc]
    assert read_cluster(site.kafka.admin(), [], as_hub=False) == before
    assert starts(site, from_topic(1), from_topic(2), INTAKE) == begins


def test_a_partner_opens_no_transaction(site: Site) -> None:
    for name in ("t", WORKERS, "schakel"):
        producer = Producer(settings(site, transactional_id=name))
        assert refusal(lambda one=producer: one.init_transactions(WAIT)) == (  # type: ignore[misc]
            "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
        )


# ------------------------------------------------------------------------------------------------ reading


def test_a_partner_does_not_read_even_its_own(site: Site) -> None:
    assert sent(site.sends(1), b"something to read") == ([Code.TAKEN], None)
    reader = Consumer(settings(site, group_id="mine", enable_auto_commit=False))
    try:
        reader.assign([TopicPartition(from_topic(1), 0, 0)])
        refused = set[str]()
        while "TOPIC_AUTHORIZATION_FAILED" not in refused:
            refused |= {errors(reader, WAIT)}
    finally:
        reader.close()


@pytest.mark.parametrize("topic", [from_topic(2), INTAKE, OUTCOMES, changelog("hours")])
def test_a_partner_reads_nothing_of_others(site: Site, topic: str) -> None:
    assert produced(site.kafka.client(), topic, b"something to read", key=b"k") == "delivered"
    reader = Consumer(settings(site, group_id="mine", enable_auto_commit=False))
    try:
        place = TopicPartition(topic, 0)
        assert refusal(lambda: reader.get_watermark_offsets(place, timeout=WAIT)) in HIDDEN
        assert refusal(lambda: reader.offsets_for_times([TopicPartition(topic, 0, 0)], timeout=WAIT)) in HIDDEN
        reader.assign([TopicPartition(topic, 0, 0)])
        for _ in range(3):  # a client that was told that there is no such topic asks again by itself
            errors(reader, 1.0)
    finally:
        reader.close()


def errors(reader: Consumer, wait: float) -> str:
    """The error that comes next, or nothing; no record may come."""
    found = reader.poll(wait)
    if found is None:
        return ""
    error = found.error()
    assert error is not None, "a record was read"
    return str(error.name())


@pytest.mark.parametrize("group", [WORKERS, WATCH, "mine"])
def test_a_partner_joins_no_group(site: Site, group: str) -> None:
    reader = Consumer(settings(site, group_id=group))
    try:
        reader.subscribe([from_topic(1)])
        found = reader.poll(WAIT)
        assert found is not None
        assert found.error() is not None
        assert found.error().name() == "GROUP_AUTHORIZATION_FAILED"  # type: ignore[union-attr]
    finally:
        reader.close()


def test_a_partner_moves_sees_and_deletes_nobodys_position(site: Site) -> None:
    admin = AdminClient(settings(site))
    place = ConsumerGroupTopicPartitions(WORKERS, [TopicPartition(from_topic(1), 0, 0)])
    [moved] = admin.alter_consumer_group_offsets([place]).values()
    assert refusal(lambda: moved.result(WAIT)) == "GROUP_AUTHORIZATION_FAILED"
    [told] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(WORKERS)]).values()
    assert refusal(lambda: told.result(WAIT)) == "GROUP_AUTHORIZATION_FAILED"
    [gone] = admin.delete_consumer_groups([WORKERS]).values()
    assert refusal(lambda: gone.result(WAIT)) == "GROUP_AUTHORIZATION_FAILED"
    assert admin.list_consumer_groups().result(WAIT).valid == []


def test_a_partner_sees_of_the_cluster_its_own_topic_and_nothing_else(site: Site) -> None:
    admin = AdminClient(settings(site))
    assert set(admin.list_topics(timeout=WAIT).topics) == {from_topic(1)}
    assert admin.describe_acls(ANY).result(WAIT) == []  # the library says nothing of being refused
    assert len(site.kafka.admin().describe_acls(ANY).result(WAIT)) > 0


def test_a_partner_gives_and_takes_no_permission(site: Site) -> None:
    admin = AdminClient(settings(site))
    who = f"User:{principal_of(1)}"
    rule = AclBinding(
        ResourceType.TOPIC,
        "*",
        ResourcePatternType.LITERAL,
        who,
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    [given] = admin.create_acls([rule]).values()
    assert refusal(lambda: given.result(WAIT)) == "CLUSTER_AUTHORIZATION_FAILED"
    [taken] = admin.delete_acls([ANY]).values()
    assert refusal(lambda: taken.result(WAIT)) == "CLUSTER_AUTHORIZATION_FAILED"
    assert read_cluster(site.kafka.admin(), [], as_hub=False).acls == frozenset(acls([1, 2]))


# ------------------------------------------------------------------------------------------------ hub and watch


def read_one(config: Settings, topic: str, end: int, wait: float = WAIT) -> set[str]:
    """What comes of reading the last record there: `a record`, or the names of errors."""
    reader = Consumer(config | {"enable.auto.commit": False})
    try:
        reader.assign([TopicPartition(topic, 0, end - 1)])
        heard = set[str]()
        while (found := reader.poll(wait)) is not None and found.error() is not None:
            heard.add(found.error().name())  # type: ignore[union-attr]
            wait = 1.0
        return heard | ({"a record"} if found is not None else set())
    finally:
        reader.close()


def test_the_watch_reads_outcomes_and_keeps_its_table_and_reaches_nothing_else(site: Site) -> None:
    watch = {**site.kafka.client(WATCHER, **{"group.id": WATCH}), "logger": Silent()}
    assert produced(site.kafka.client(), OUTCOMES, b"x", partition=0) == "delivered"
    assert read_one(watch, OUTCOMES, ends(site, OUTCOMES)[0]) == {"a record"}
    assert produced(watch, changelog("hours"), b"x", key=b"k", partition=0) == "delivered"
    assert read_one(watch, changelog("hours"), ends(site, changelog("hours"))[0]) == {"a record"}
    for topic in (OUTCOMES, INTAKE, from_topic(1), "nobodys"):
        assert produced(watch, topic) == "TOPIC_AUTHORIZATION_FAILED"
    for topic in (INTAKE, from_topic(1)):
        assert "a record" not in read_one(watch, topic, 1, 1.0)
    joined = Consumer(watch | {"group.id": WORKERS})
    try:
        joined.subscribe([OUTCOMES])
        assert errors(joined, WAIT) == "GROUP_AUTHORIZATION_FAILED"
    finally:
        joined.close()


def test_the_hub_reads_how_far_it_wrote_to_the_watch_and_is_none_of_its_workers(site: Site) -> None:
    hub = {**site.kafka.client(HUB, **{"group.id": WATCH}), "logger": Silent()}
    for topic in (OUTCOMES, INTAKE):
        assert produced(hub | {"enable.idempotence": True}, topic, partition=0) == "delivered"
    assert read_one(hub, OUTCOMES, ends(site, OUTCOMES)[0]) == {"a record"}
    assert produced(hub, changelog("hours")) == "TOPIC_AUTHORIZATION_FAILED"
    assert produced(hub, from_topic(1)) == "TOPIC_AUTHORIZATION_FAILED"
    joined = Consumer(hub)
    try:
        joined.subscribe([OUTCOMES])
        assert errors(joined, WAIT) == "GROUP_AUTHORIZATION_FAILED"
    finally:
        joined.close()


def test_what_is_written_for_the_watch_keeps_the_hour_that_the_hub_said(site: Site) -> None:
    hub = site.kafka.client(HUB)
    at = 1_700_000_000_000 // 3_600_000 * 3_600_000
    assert produced(hub, OUTCOMES, timestamp=at, partition=0) == "delivered"
    assert newest(site, OUTCOMES).timestamp()[1] == at


# ------------------------------------------------------------------------------------------------ who it is


def test_nobody_without_a_certificate_of_this_authority_gets_in(site: Site, tmp_path: Path) -> None:
    assert site.kafka.authority is not None
    stranger = type(site.kafka.authority)(tmp_path / "other").identity(principal_of(1))
    own = settings(site)
    bare = {name: one for name, one in own.items() if name not in {"ssl.certificate.location", "ssl.key.location"}}
    forged = own | {"ssl.certificate.location": str(stranger.certificate), "ssl.key.location": str(stranger.key)}
    plain = {"bootstrap.servers": site.kafka.bootstrap, "logger": Silent()}
    before = ends(site, from_topic(1))
    for config in (bare, forged, plain):
        assert produced(config, from_topic(1)) == "_MSG_TIMED_OUT"
    assert ends(site, from_topic(1)) == before


def test_a_broker_of_another_authority_or_name_is_sent_nothing(site: Site, tmp_path: Path) -> None:
    assert site.kafka.authority is not None
    other = type(site.kafka.authority)(tmp_path / "other")
    config = settings(site) | {"ssl.ca.location": str(other.file)}
    assert produced(config, from_topic(1)) == "_MSG_TIMED_OUT"
    assert settings(site)["ssl.endpoint.identification.algorithm"] == "https"


def test_a_name_in_a_longer_subject_is_not_that_name(site: Site, tmp_path: Path) -> None:
    """Of the same authority: the name of the hub, and of another partner, with something beside it."""
    authority = site.kafka.authority
    assert authority is not None
    for name in (HUB, principal_of(1)):
        secret = ec.generate_private_key(ec.SECP256R1())
        longer = [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x")]
        certificate = authority._certificate(x509.Name(longer), secret.public_key(), is_authority=False)
        (tmp_path / "longer.crt").write_bytes(certificate)
        (tmp_path / "longer.key").write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files = {
            "ssl.certificate.location": str(tmp_path / "longer.crt"),
            "ssl.key.location": str(tmp_path / "longer.key"),
        }
        assert produced(settings(site) | files, from_topic(1)) == "TOPIC_AUTHORIZATION_FAILED"
        assert produced(settings(site) | files, INTAKE) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_certificate_that_was_given_nothing_may_do_nothing(site: Site) -> None:
    for topic in (from_topic(1), INTAKE):
        assert produced(settings(site, 999_999), topic) == "TOPIC_AUTHORIZATION_FAILED"
    assert set(AdminClient(settings(site, 999_999)).list_topics(timeout=WAIT).topics) == set()


def test_a_permission_withdrawn_holds_on_a_live_connection(site: Site) -> None:
    async def story() -> None:
        sender, other = (KafkaSender(site.sends(number), ask_hour_key, 5.0) for number in (1, 2))
        try:
            assert await sender.send([b"before"]) == [Code.TAKEN]
            assert site.schakel("partner", "suspend", FIRST, "--yes").exit_code == Exit.DONE
            assert site.init().exit_code == Exit.DONE
            before = ends(site, from_topic(1))
            assert await sender.send([b"after"]) == [Code.TRY_LATER]
            assert sender.away == "TOPIC_AUTHORIZATION_FAILED"
            assert ends(site, from_topic(1)) == before
            begun = KafkaSender(site.sends(1), ask_hour_key, 5.0)  # its edge is started again
            assert await begun.send([b"after"]) == [Code.TRY_LATER]
            assert begun.away is not None
            await begun.close()
            assert await other.send([b"others go on"]) == [Code.TAKEN]
            assert site.schakel("partner", "resume", FIRST).exit_code == Exit.DONE
            assert site.init().exit_code == Exit.DONE
            assert await sender.send([b"after"]) == [Code.TAKEN]
            assert sender.away is None
        finally:
            await sender.close()
            await other.close()

    asyncio.run(story())


# ------------------------------------------------------------------------------------------------ what it may send


def test_the_largest_legal_envelope_passes_and_a_batch_of_them(site: Site) -> None:
    frames = [bytes([number]) * LARGEST for number in range(4)]
    assert sent(site.sends(1), *frames) == ([Code.TAKEN] * 4, None)
    assert frame_in(newest(site, from_topic(1)).value()) == frames[-1]


def test_more_than_the_topic_takes_is_refused_by_the_broker(site: Site) -> None:
    before = ends(site, from_topic(1))
    assert produced(settings(site), from_topic(1), b"x" * 200_000) == "MSG_SIZE_TOO_LARGE"
    assert ends(site, from_topic(1)) == before


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4", "snappy"])
def test_a_small_batch_that_would_grow_when_it_is_read_is_refused_by_the_broker(site: Site, codec: str) -> None:
    before = ends(site, from_topic(1))
    config = settings(site, compression_type=codec)
    assert produced(config, from_topic(1), bytes(900_000)) == "MSG_SIZE_TOO_LARGE"
    assert ends(site, from_topic(1)) == before


def test_no_sender_says_how_long_its_records_stay(site: Site) -> None:
    for stamp in (1, 4_102_444_800_000):  # 1970 would be gone at once, 2100 never
        assert produced(settings(site), from_topic(1), b"x", timestamp=stamp) == "delivered"
        kind, at = newest(site, from_topic(1)).timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert 1_700_000_000_000 < at < 4_000_000_000_000
