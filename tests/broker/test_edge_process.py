# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A running edge that sends over Kafka while Kafka is away, and after it came back.

The hub and the edge each have brokers of their own here, so that only the way of the edge can be cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.connections.kafka import look
from adapters.kafka_settings import KafkaSending
from deploy.cli import cli
from deploy.compose import machine_clock
from deploy.net import Net, Partner, Process
from deploy.office import open_office
from deploy.options import HUB_FILE
from deploy.story import messages
from deploy.story.case import CITIZEN, Support
from deploy.story.world import PROVIDER, TEAM
from hub.day_keys import DayKeys
from hub.kafka_topics import OUTCOMES, from_topic
from hub.watch_outcomes import parse as outcome
from schemas.calendar import day_of
from schemas.envelope import parse
from schemas.hour_wrap import partner_key, read, unwrap
from tests.deploy.nets import net_of, wait_for
from tests.kafka import Kafka
from tests.postgres import cluster as postgres

OTHER = replace(CITIZEN, bsn="999900018", family_name="Anders", allocation="730194828")


def numbers(net: Net) -> dict[str, int]:
    with open_office(net.config) as office:
        return {one["address"]: one["number"] for one in office("partners", {})["partners"]}


@contextmanager
def decided_over(net: Net, kafka: Kafka, *senders: str) -> Iterator[None]:
    """The hub takes envelopes in through Kafka from now on, and a worker decides them."""
    file, folder = net.folder / "hub" / HUB_FILE, str(net.folder / "hub")
    net.hub.stop()
    with file.open("a") as settings:
        settings.write(f'\n[kafka]\nbrokers = ["{kafka.bootstrap}"]\ncopies = 1\npartitions = 2\n')
        settings.write(f"senders = {json.dumps(senders)}\n[watch]\n")
    made = CliRunner().invoke(cli, ["kafka", "init", "--apply", "--config", folder])
    assert made.exit_code == 0, made.output
    net.hub.start()
    wait_for(lambda: net.hub.events("listening"))
    worker = Process(("hub", "worker", "--config", folder), net.folder / "worker.log")
    worker.start()
    try:
        wait_for(lambda: worker.events("listening"))
        yield
        worker.need_alive()
    finally:
        worker.end()


def is_told(kafka: Kafka) -> bool:
    """Whether the hub's own process has told the watch of something, and nothing that is no outcome."""
    reader = Consumer(kafka.client(**{"group.id": "reader"}))
    try:
        parts = [TopicPartition(OUTCOMES, one, 0) for one in range(4)]
        ends = [reader.get_watermark_offsets(one, timeout=30)[1] for one in parts]
        reader.assign(parts)
        found = [outcome(one.value()) for one in reader.consume(sum(ends), 30)] if any(ends) else []
        return bool(found)
    finally:
        reader.close()


def records(net: Net, number: int, kafka: Kafka, topic: str) -> list[bytes]:
    """The frames on a topic, opened as the hub would."""
    keys = DayKeys(net.folder / "hub" / "hour.keys", 512, "hour").read()
    reader = Consumer(kafka.client(**{"group.id": "reader"}))
    try:
        end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
        reader.assign([TopicPartition(topic, 0, 0)])
        found = [read(one.value() or b"") for one in reader.consume(end, 30)] if end else []
        frames = [unwrap(one, AESGCM(partner_key(keys[one.hour], number, one.hour))) for one in found if one]
        assert len(frames) == end
        return [frame for frame in frames if frame is not None]
    finally:
        reader.close()


def _sending(partner: Partner) -> float | None:
    """What Prometheus is told; None: nothing."""
    host, port = partner.settings.config.metrics_listen or ("", 0)
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [float(line.split()[1]) for line in lines if line.startswith("schakel_edge_kafka_sending ")]
    return found[0] if found else None


def test_while_kafka_is_away_an_edge_is_told_and_tells_later_and_nothing_else_waits(tmp_path: Path) -> None:
    kafka, of_hub = Kafka(), Kafka()
    with (
        net_of(tmp_path / "net", TEAM, PROVIDER, dsn=postgres().bare()) as net,
        decided_over(net, of_hub, TEAM.address),
    ):
        number = numbers(net)[TEAM.address]
        topic = kafka.topic(from_topic(number))
        kafka.stop()
        net.team.process.stop()
        with (net.folder / TEAM.folder / "edge.toml").open("a") as file:
            file.write(f'[kafka]\nbrokers = ["{kafka.bootstrap}"]\ntopic = "{topic}"\n')
        net.team.process.start()
        wait_for(lambda: net.team.process.events("has-store"))
        assert _sending(net.provider) is None  # it sends to the gateway

        today = day_of(machine_clock())
        support = Support(allotted=today - 20, begin=today - 14, end=today + 180)
        allocation = messages.allocation(CITIZEN, support)
        net.team.put("toewijzing.xml", allocation)
        wait_for(lambda: net.team.process.events("kafka-away"))
        assert net.team.process.events("kafka-away")[0]["name"] in {"_MSG_TIMED_OUT", "_TRANSPORT"}
        net.provider.put("toewijzing.xml", allocation)
        net.provider.put("start.xml", messages.start(CITIZEN, support, today - 12))
        net.sees(net.team, ["gestart"])  # what is told to it over the gateway is picked up meanwhile
        wait_for(lambda: is_told(of_hub))
        assert not [one for one in net.hub.events("watch-relay") if one["fault"] not in (None, "kafka-away")]
        assert _sending(net.team) == 0.0  # what the alert looks at
        assert not net.team.process.events("hub-away")
        assert not net.team.process.events("kafka-back")
        assert len(net.team.process.events("kafka-away")) == 1  # said once, and nothing of it by a library
        assert not [one for one in net.team.process.events("library") if "kafka" in str(one["name"])]

        kafka.start()
        wait_for(lambda: net.team.process.events("kafka-back"))
        wait_for(lambda: _sending(net.team) == 1.0)
        envelopes = [parse(one) for one in records(net, number, kafka, topic)]
        assert envelopes
        assert {one.source for one in envelopes} == {TEAM.address}
        assert len({one.message_id for one in envelopes}) == len(envelopes)
        net.team.process.need_alive()

        # The same by commands, without a process.
        net.team.process.stop()
        before = len(records(net, number, kafka, topic))
        net.team.put("tweede.xml", messages.allocation(OTHER, support))
        wait_for(lambda: _worked(net) and len(records(net, number, kafka, topic)) > before)
        told = CliRunner().invoke(cli, ["edge", "doctor", "--json", "--config", str(net.folder / TEAM.folder)])
        [found] = [one for one in json.loads(told.stdout)["findings"] if one["subject"] == "Kafka"]
        assert (found["well"], topic in found["says"]) == (True, True)
    kafka.remove()
    of_hub.remove()


def _worked(net: Net) -> bool:
    result = CliRunner().invoke(cli, ["edge", "work", "--config", str(net.folder / TEAM.folder)])
    assert result.exit_code == 0, result.output
    return not net.team.waiting()


def test_an_edge_that_can_reach_its_topic_says_so_to_its_doctor(tmp_path: Path) -> None:
    del tmp_path
    kafka = Kafka()
    settings = KafkaSending(brokers=(kafka.bootstrap,), topic=kafka.topic(from_topic(1)))
    assert look(settings, 30.0) is None
    kafka.stop()
    assert look(settings, 1.0) == "_TRANSPORT"
    kafka.remove()
