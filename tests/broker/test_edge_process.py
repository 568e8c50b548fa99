# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A running edge that sends over Kafka while Kafka is away, and after it came back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from adapters.connections.kafka import KafkaSender
from adapters.kafka_settings import KafkaSending
from deploy.cli import cli
from deploy.compose import machine_clock
from deploy.demo_net import Net
from deploy.office import open_office
from deploy.story import messages
from deploy.story.case import CITIZEN, Support
from deploy.story.world import PROVIDER, TEAM
from hub.kafka_topics import from_topic
from schemas.calendar import day_of
from schemas.envelope import parse
from tests.deploy.nets import net_of, wait_for
from tests.kafka import Kafka

OTHER = replace(CITIZEN, bsn="999900018", family_name="Anders", allocation="730194828")


def numbers(net: Net) -> dict[str, int]:
    with open_office(net.config) as office:
        return {one["address"]: one["number"] for one in office("partners", {})["partners"]}


def records(kafka: Kafka, topic: str) -> list[bytes]:
    reader = Consumer(kafka.client(**{"group.id": "reader"}))
    try:
        end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
        reader.assign([TopicPartition(topic, 0, 0)])
        return [one.value() or b"" for one in reader.consume(end, 30)] if end else []
    finally:
        reader.close()


def test_while_kafka_is_away_an_edge_is_told_and_tells_later_and_nothing_else_waits(tmp_path: Path) -> None:
    kafka = Kafka()
    with net_of(tmp_path / "net", TEAM, PROVIDER) as net:
        topic = kafka.topic(from_topic(numbers(net)[TEAM.address]))
        kafka.stop()
        net.team.process.stop()
        with (net.folder / TEAM.folder / "edge.toml").open("a") as file:
            file.write(f'[kafka]\nbrokers = ["{kafka.bootstrap}"]\ntopic = "{topic}"\n')
        net.team.process.start()
        wait_for(lambda: net.team.process.events("has-store"))

        today = day_of(machine_clock())
        support = Support(allotted=today - 20, begin=today - 14, end=today + 180)
        allocation = messages.allocation(CITIZEN, support)
        net.team.put("toewijzing.xml", allocation)
        wait_for(lambda: net.team.process.events("kafka-away"))
        assert net.team.process.events("kafka-away")[0]["name"] in {"_MSG_TIMED_OUT", "_TRANSPORT"}
        net.provider.put("toewijzing.xml", allocation)
        net.provider.put("start.xml", messages.start(CITIZEN, support, today - 12))
        net.sees(net.team, ["gestart"])  # what is told to it over the gateway is picked up meanwhile
        assert not net.team.process.events("hub-away")
        assert not net.team.process.events("kafka-back")
        assert len(net.team.process.events("kafka-away")) == 1  # said once, and nothing of it by a library
        assert not [one for one in net.team.process.events("library") if "kafka" in str(one["name"])]

        kafka.start()
        wait_for(lambda: net.team.process.events("kafka-back"))
        envelopes = [parse(one) for one in records(kafka, topic)]
        assert envelopes
        assert {one.source for one in envelopes} == {TEAM.address}
        assert len({one.message_id for one in envelopes}) == len(envelopes)
        net.team.process.need_alive()

        # The same by commands, without a process.
        net.team.process.stop()
        before = len(records(kafka, topic))
        net.team.put("tweede.xml", messages.allocation(OTHER, support))
        wait_for(lambda: _worked(net) and len(records(kafka, topic)) > before)
        told = CliRunner().invoke(cli, ["edge", "doctor", "--json", "--config", str(net.folder / TEAM.folder)])
        [found] = [one for one in json.loads(told.stdout)["findings"] if one["subject"] == "Kafka"]
        assert (found["well"], topic in found["says"]) == (True, True)
    kafka.remove()


def _worked(net: Net) -> bool:
    result = CliRunner().invoke(cli, ["edge", "work", "--config", str(net.folder / TEAM.folder)])
    assert result.exit_code == 0, result.output
    return not net.team.waiting()


def test_an_edge_that_can_reach_its_topic_says_so_to_its_doctor(tmp_path: Path) -> None:
    del tmp_path
    kafka = Kafka()
    settings = KafkaSending(brokers=(kafka.bootstrap,), topic=kafka.topic(from_topic(1)))
    assert KafkaSender(settings, 30.0).look() is None
    kafka.stop()
    assert KafkaSender(settings, 1.0).look() == "_TRANSPORT"
    kafka.remove()
