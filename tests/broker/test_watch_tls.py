# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The watch over three brokers with TLS and their own authorizer: relay, watch and its commands, each with no more than
`schakel kafka init` gives to its own certificate."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from confluent_kafka import KafkaException

from hub.config import load_hub_config
from hub.kafka_acls import WATCHER, principal_of
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import OUTCOMES, WATCH_TABLES, changelog
from hub.store_memory import MemoryStore
from hub.watch_relay import Relay, RelayError
from tests import watch_site
from tests.broker.conftest import Site
from tests.watch_log import GrowingLog
from tests.watch_site import TABLE, entries_told

pytest.importorskip("faust", reason="Faust comes with the extra `streams`")
MANY = 3_000


@dataclass
class Guarded(watch_site.Site):
    """The watch of a hub whose brokers guard themselves; its topics are those that `schakel kafka init` makes."""

    def __post_init__(self) -> None:
        file = self.folder / "hub.toml"
        before = file.read_text().partition("\n[watch]")[0]
        file.write_text(before + self.table(WATCHER))

    def table(self, principal: str) -> str:
        """The table [watch] of its settings."""
        assert self.kafka.authority is not None
        files = self.kafka.authority.identity(principal)
        return (
            f'\n[watch]\nmetrics_listen = "{self.listen}"\ncertificate = "{files.certificate}"\nkey = "{files.key}"\n'
        )

    @property
    def way(self) -> KafkaConfig:
        """How the hub reaches its brokers."""
        kafka = load_hub_config(self.folder / "hub.toml").kafka
        assert kafka is not None
        return kafka


@dataclass
class World:
    """A log that grows by the clock of this machine, since brokers delete by theirs, and the relay of the hub."""

    site: Guarded
    log: GrowingLog
    relay: Relay

    def tell(self, count: int) -> None:
        """So many entries more, copied to the brokers with the hub's own certificate."""
        self.log.grow(count, now())
        while self.relay.step():
            pass


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def world(site: Site) -> Iterator[World]:
    # Anew: what other tests wrote to them is no log.
    admin, names = site.kafka.admin(), [OUTCOMES, *map(changelog, WATCH_TABLES)]
    for answer in admin.delete_topics(names, operation_timeout=30).values():
        with suppress(KafkaException):
            answer.result(30)
    watch_site.until(lambda: not {*names} & set(admin.list_topics(timeout=10).topics), site.kafka.said)
    made = site.init()
    assert made.exit_code == 0, made.output
    guarded = Guarded(site.kafka, site.folder)
    guarded.partitions = guarded.way.outcomes_partitions
    log = GrowingLog(MemoryStore(now), random.Random(8))  # noqa: S311  # must be the same in every run
    relay = Relay(log.store, guarded.way, guarded.partitions, now)
    yield World(guarded, log, relay)
    relay.close()
    guarded.close()


def test_the_watch_counts_what_the_relay_tells_killed_damaged_and_counted_again_with_its_own_certificate(
    world: World,
) -> None:
    site = world.site
    world.tell(MANY)
    site.start()
    site.wait_for(1)
    site.end(signal.SIGKILL)
    world.tell(MANY)
    site.start()
    site.wait_for(entries_told(site))
    assert site.metric("schakel_watch_missed") == 0
    assert site.end() == 0
    assert site.counted() == world.log.counted
    # A window that is lost: the partition is read again from the topic, by a reader of the watch's own.
    key = next(key for key in site.values() if not key.startswith(b"last."))
    site.write(TABLE, int(key.split(b".")[0]) % site.partitions, key, None)
    world.tell(60)
    site.start()
    site.wait_for(entries_told(site))
    assert site.metric("schakel_watch_replays_total") >= 1
    assert site.end() == 0
    assert site.counted() == world.log.counted
    # And everything from the beginning, which takes back its place in the topic and empties its table.
    site.start("--rebuild")
    site.wait_for(entries_told(site))
    assert site.end() == 0
    assert site.counted() == world.log.counted
    assert (site.folder / "watch" / "unusual.json").exists()


@pytest.mark.parametrize("principal", [principal_of(1), "nobody-at-all"])
def test_a_watch_with_another_certificate_than_its_own_says_what_to_do_and_counts_nothing(
    world: World, principal: str
) -> None:
    site = world.site
    world.tell(50)
    file = site.folder / "hub.toml"
    file.write_text(file.read_text().partition("\n[watch]")[0] + site.table(principal))
    site.start()
    assert site.process is not None
    assert site.process.wait(90) == 1
    assert "schakel kafka init" in site.said()
    assert site.values() == {}


def test_the_relay_with_the_certificate_of_the_watch_tells_nothing(world: World) -> None:
    site = world.site
    assert site.kafka.authority is not None
    files = site.kafka.authority.identity(WATCHER)
    way = replace(site.way, certificate=files.certificate, key=files.key)
    other = Relay(world.log.store, way, site.partitions, now)
    world.log.grow(20, now())
    with pytest.raises(RelayError, match="do not let this hub write"):
        other.step()
    other.close()
    assert entries_told(site) == 0
