# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub that takes envelopes in through Kafka, as processes: `schakel hub run` and `schakel hub worker`, killed and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import random as randomness
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from adapters.connections.https import HttpsClient, Place, Signer
from adapters.seal import sign_frames
from deploy.compose import NewHub, machine_clock, make_hub, open_hub
from deploy.dev_ca import DevCa
from deploy.exits import Exit
from deploy.net import Process
from deploy.prometheus import free_port
from hub.client import HubUnavailableError
from hub.config import HubConfig, load_hub_config
from hub.kafka_topics import INTAKE
from schemas.address import oin_of
from schemas.codes import Code
from schemas.entry import ACCEPT
from schemas.envelope import parse
from tests.bench.material import SMALL, Partner, envelopes, partner
from tests.deploy import conftest
from tests.deploy.conftest import Schakel
from tests.deploy.nets import wait_for
from tests.kafka import kafka
from tests.postgres import cluster
from tests.world_check import records

PARTITIONS = 6
COUNT = 600
Answer = Callable[..., Any]
schakel, answer = conftest.schakel, conftest.answer


@dataclass
class Region:
    """A hub with a Kafka, two partners and envelopes under as many grants as there are."""

    folder: Path
    config: HubConfig
    pair: tuple[Partner, Partner]
    frames: list[bytes]
    stack: ExitStack
    ca: DevCa

    def process(self, *words: str) -> Process:
        """One more process of this hub."""
        number = len(list(self.folder.glob("process-*")))
        log = self.folder / f"process-{number}.log"
        log.touch()
        made = Process(("hub", *words, "--config", str(self.folder / "hub")), log)
        self.stack.callback(made.end)
        made.start()
        return made

    def ready(self, *words: str) -> Process:
        made = self.process(*words)
        wait_for(lambda: made.events("listening"))
        return made

    def client(self) -> HttpsClient:
        """A connection of the sender."""
        assert self.config.gateway is not None
        sender = self.pair[0]
        files = self.ca.client(oin_of(sender.address), f"c{os.urandom(4).hex()}")
        place = Place(self.config.gateway.url, files.certificate, files.key, (self.ca.files.certificate,))
        return HttpsClient(
            place, Signer(sender.address, lambda: sender.signing, lambda: None, machine_clock, os.urandom), 20.0
        )

    def send(self, frames: Sequence[bytes], between: Callable[[int], None] = lambda _: None) -> int:
        """Sends all of them, each part again until it is taken, as an edge would; how often a part went again."""

        async def call() -> int:
            again = 0
            for start in range(0, len(frames), 20):
                between(start)
                part = list(frames[start : start + 20])
                while part:
                    try:
                        async with self.client() as client:
                            codes = await client.send(part)
                    except HubUnavailableError:
                        again += 1
                        assert again < 600, "nothing is taken"
                        await asyncio.sleep(0.1)
                        continue
                    assert set(codes) <= {Code.TAKEN, Code.TRY_LATER, Code.ACCEPTED}
                    part = [one for one, code in zip(part, codes, strict=True) if code is Code.TRY_LATER]
            return again

        return asyncio.run(call())

    def waiting(self) -> int:
        """How many envelopes wait for the recipient."""
        asked = cluster().admin("SELECT count(*) FROM schakel.waiting", self.database)
        return int(str(asked[0][0]))

    @property
    def database(self) -> str:
        return (self.config.dsn or "").partition("dbname=")[2].partition(" ")[0]


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    dsn = cluster().bare()
    wanted = NewHub(tmp_path / "hub", "hub.example", "Stichting", ("Gemeente",), "fg@example.nl", demo=True, dsn=dsn)
    make_hub(wanted)
    ca = DevCa(tmp_path / "ca", machine_clock() // 1000, strict=False)
    _topic(PARTITIONS)
    with (tmp_path / "hub" / "hub.toml").open("a") as file:
        file.write(_tables(ca))
    config = load_hub_config(tmp_path / "hub" / "hub.toml")
    with open_hub(config) as hub:
        today = machine_clock() // 86_400_000
        pair = partner("team-wmo", 1, today), partner("provider-wmo", 2, today)
        for one in pair:
            hub.exchange.admit(one.manifest)
        sealed = envelopes(hub.exchange, pair, SMALL, COUNT)
        frames = sign_frames(sealed, pair[0].signing)
    with ExitStack() as stack:
        yield Region(tmp_path, config, pair, frames, stack, ca)
    cluster().again(dsn)


def _tables(ca: DevCa) -> str:
    server, port, authority = ca.server(), free_port(), json.dumps(str(ca.files.certificate))
    gateway = {
        "listen": json.dumps(f"127.0.0.1:{port}"),
        "url": json.dumps(f"https://127.0.0.1:{port}"),
        "certificate": json.dumps(str(server.certificate)),
        "key": json.dumps(str(server.key)),
        "server_authorities": authority,
        "client_authorities": f"[{authority}]",
    }
    brokers = json.dumps(kafka().bootstrap.split(","))
    tables = {"gateway": gateway, "kafka": {"brokers": brokers, "copies": "1", "partitions": str(PARTITIONS)}}
    return "".join(
        f"\n[{table}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
        for table, values in tables.items()
    )


def _topic(partitions: int) -> None:
    admin = kafka().admin()
    if INTAKE in admin.list_topics(timeout=20).topics:
        admin.delete_topics([INTAKE], operation_timeout=30)[INTAKE].result(60)
    while True:
        with suppress(KafkaException):  # it is still being deleted
            made = admin.create_topics(
                [NewTopic(INTAKE, partitions, 1, config={"flush.messages": "1"})], operation_timeout=30
            )
            made[INTAKE].result(60)
            return


def test_killed_workers_and_gateways_lose_nothing_and_double_nothing(region: Region) -> None:
    """SIGKILL in the middle of the load, again and again; senders repeat what has no answer."""
    dice = randomness.Random(7)  # noqa: S311  # must be the same in every run
    gateway = region.ready("run")
    workers = [region.ready("worker"), region.ready("worker")]

    def kill(start: int) -> None:
        if start % 100 == 60:
            one = dice.choice(workers)
            one.kill()
            one.start()
        if start in {200, 440}:
            gateway.kill()
            gateway.start()

    again = region.send(region.frames, kill)
    assert again > 0
    # The same bytes once more: nothing is doubled by that either.
    region.send(region.frames[:100])
    wait_for(lambda: region.waiting() == COUNT)
    assert [one.stop() for one in workers] == [0, 0]
    assert gateway.stop() == 0
    with open_hub(region.config) as hub:
        store = hub.store
        ids = [parse(frame).message_id for frame in region.frames]
        assert {row.code for row in store.stored(ids).values()} == {Code.ACCEPTED}
        found = [record[3] for record in records(store.entries(0, store.head().size)) if record[2] == ACCEPT]
        assert sorted(found) == sorted(ids)


def test_a_worker_leaves_in_order_and_the_next_has_its_partitions_at_once(region: Region, answer: Answer) -> None:
    port = free_port()
    region.ready("run")
    worker = region.ready("worker", "--metrics", f"127.0.0.1:{port}")
    region.send(region.frames[:100])
    wait_for(lambda: region.waiting() == 100)
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    shown = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(shown["schakel_worker_decided_total"]) == 100
    assert float(shown["schakel_worker_partitions"]) == PARTITIONS
    assert float(shown['schakel_hub_messages_total{outcome="accepted"}']) == 100
    assert worker.stop() == 0
    assert [one["event"] for one in map(json.loads, worker.log.read_text().splitlines())][-2:] == [
        "stopping",
        "stopped",
    ]
    region.send(region.frames[100:200])
    told = answer("hub", "intake", "show", "--config", region.folder / "hub")
    assert [(one["topic"], one["waiting"], one["fault"]) for one in told] == [(INTAKE, 100, None)]
    region.ready("worker")
    wait_for(lambda: region.waiting() == 200)


def test_a_topic_made_anew_ends_the_worker_with_a_sentence_and_the_command_it_names_helps(
    region: Region, schakel: Schakel, answer: Answer
) -> None:
    gateway, worker, hub = region.ready("run"), region.ready("worker"), region.folder / "hub"
    region.send(region.frames[:40])
    wait_for(lambda: region.waiting() == 40)
    nothing = schakel("hub", "intake", "renew", INTAKE, "--yes", "--config", hub)
    assert (nothing.exit_code, "Nothing is wrong with topic" in nothing.output) == (Exit.REFUSED, True)
    worker.stop()
    _topic(PARTITIONS)
    again = schakel("hub", "worker", "--config", hub)
    assert again.exit_code == Exit.FAILED
    assert f"schakel hub intake renew {INTAKE}" in " ".join(again.output.split())
    wait_for(lambda: any("made anew" in str(one["text"]) for one in gateway.events("intake")))
    assert schakel("hub", "intake", "renew", INTAKE, "--config", hub, "--json").exit_code == Exit.WRONG_USE
    assert "made anew" in answer("hub", "intake", "renew", INTAKE, "--yes", "--config", hub)["was"]
    region.ready("worker")
    region.send(region.frames[40:80])
    wait_for(lambda: region.waiting() == 80)
    other = schakel("hub", "intake", "renew", "schakel.outcomes", "--yes", "--config", hub)
    assert (other.exit_code, "no topic of the intake" in other.output) == (Exit.REFUSED, True)


def test_a_hub_without_kafka_has_no_worker(schakel: Schakel, region: Region) -> None:
    file = region.folder / "hub" / "hub.toml"
    file.write_text(file.read_text().partition("\n[kafka]")[0])
    for words in (("worker",), ("intake", "show")):
        result = schakel("hub", *words, "--config", region.folder / "hub")
        assert (result.exit_code, "This hub has no Kafka" in result.output) == (Exit.FAILED, True)
    wrong = schakel("hub", "worker", "--metrics", "nowhere", "--config", region.folder / "hub")
    assert wrong.exit_code == Exit.WRONG_USE
