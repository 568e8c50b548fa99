# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""From an edge's outbox over Kafka to a decision of the hub: what counts is under the signature, and whose topic it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from adapters.connections.kafka import KafkaSender
from hub.kafka_record import Record, Sent, sent_by_partner
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import WORKERS, from_topic
from schemas.codes import Code
from schemas.kafka_way import client_settings
from tests.broker.conftest import Site
from tests.sending import ask_hour_key, key_of
from tests.simulator import World


def read(site: Site, number: int, count: int) -> list[Record]:
    """The last records on the topic of a partner, read with the hub's own certificate."""
    assert site.kafka.authority is not None
    files = site.kafka.authority.identity("schakel-hub")
    way = KafkaConfig(
        brokers=tuple(site.kafka.bootstrap.split(",")),
        authorities=site.kafka.authority.file,
        certificate=files.certificate,
        key=files.key,
    )
    reader = Consumer({**client_settings(way, {"group.id": WORKERS, "enable.auto.commit": False})})
    try:
        end = reader.get_watermark_offsets(TopicPartition(from_topic(number), 0), timeout=30)[1]
        reader.assign([TopicPartition(from_topic(number), 0, end - count)])
        return [
            Record(one.topic() or "", one.partition() or 0, one.key(), one.value(), one.headers() or [])
            for one in reader.consume(count, 30)
        ]
    finally:
        reader.close()


def send(site: Site, number: int, frames: Sequence[bytes]) -> list[Code]:
    async def ask() -> list[Code]:
        sender = KafkaSender(site.sends(number), ask_hour_key)
        try:
            return await sender.send(frames)
        finally:
            await sender.close()

    return asyncio.run(ask())


def test_what_a_partner_seals_is_decided_and_what_another_signed_is_refused_on_its_topic(site: Site) -> None:
    world = World()
    team, provider, other = (world.party(role) for role in ("team-wmo", "provider-wmo", "team-wmo"))
    addresses = {one.number: one.address for one in world.store.addresses().values()}
    assert addresses[1] == team.address  # as the site has it: the first partner sends on the first topic
    grant, foreign = team.register(provider, 1), other.register(provider, 1)
    own, stolen = team.envelope(grant), other.envelope(foreign)
    forged = team.envelope(grant, signed_by=other)
    frames = [own, stolen, forged, b"garbage", own]
    assert send(site, 1, frames) == [Code.TAKEN] * len(frames)
    records = [sent_by_partner(one, key_of) for one in read(site, 1, len(frames))]
    codes = [world.hub.send(addresses[one.number], [one.frame])[0] for one in records if isinstance(one, Sent)]
    assert codes[0] in {Code.TAKEN, Code.ACCEPTED}
    assert codes[1:4] == [Code.NOT_YOURS, Code.BAD_SIGNATURE, Code.MALFORMED]
    assert codes[4] is Code.ACCEPTED  # the same bytes: what was decided, and nothing more
    assert len(provider.pickup()) == 1
    world.check()
