# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What needs brokers of its own: three of them, with TLS and Kafka's own authorizer. `make test-kafka` runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.kafka_settings import KafkaSending
from deploy.cli import cli
from deploy.compose import open_hub
from hub.config import load_hub_config
from hub.kafka_acls import principal_of
from hub.kafka_topics import from_topic
from hub.store import Step
from tests.deploy.new_hub import FG, NEW
from tests.kafka import Kafka
from tests.postgres import cluster as postgres

collect_ignore_glob = [] if os.environ.get("SCHAKEL_TEST") == "kafka" else ["test_*.py"]

FIRST, SECOND, THIRD = (f"urn:nld:oin:{number:020d}:team-wmo" for number in (101, 102, 103))


@dataclass(frozen=True)
class Site:
    """A hub with a Kafka, by its commands."""

    kafka: Kafka
    folder: Path

    def schakel(self, *arguments: object) -> Result:
        """A command of the hub."""
        words = [*map(str, arguments), "--config", str(self.folder)]
        result = CliRunner().invoke(cli, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def init(self, how: str = "--apply", *more: str) -> Result:
        """`schakel kafka init` as the administrator of Kafka."""
        assert self.kafka.authority is not None
        files = self.kafka.authority.identity("admin")
        return self.schakel("kafka", "init", how, "--certificate", files.certificate, "--key", files.key, *more)

    def sends(self, number: int, *, topic: int | None = None) -> KafkaSending:
        """The settings of the edge with that number, on its own topic or another's."""
        assert self.kafka.authority is not None
        files = self.kafka.authority.identity(principal_of(number))
        return KafkaSending(
            brokers=tuple(self.kafka.bootstrap.split(",")),
            authorities=self.kafka.authority.file,
            certificate=files.certificate,
            key=files.key,
            topic=from_topic(topic or number),
        )

    def write(self, copies: int, *senders: str) -> None:
        """The table [kafka] of its settings."""
        assert self.kafka.authority is not None
        files = self.kafka.authority.identity("schakel-hub")
        file = self.folder / "hub.toml"
        before = file.read_text().partition("\n[kafka]")[0]
        brokers = ", ".join(f'"{one}"' for one in self.kafka.bootstrap.split(","))
        file.write_text(
            f'{before}\n[kafka]\nbrokers = [{brokers}]\nauthorities = "{self.kafka.authority.file}"\n'
            f'certificate = "{files.certificate}"\nkey = "{files.key}"\ncopies = {copies}\npartitions = 6\n'
            f"senders = [{', '.join(f'{chr(34)}{one}{chr(34)}' for one in senders)}]\n"
        )


def new_site(kafka: Kafka, folder: Path, copies: int) -> Site:
    """A hub with three partners, the first two of which may send over Kafka."""
    site = Site(kafka, folder / "hub")
    made = CliRunner().invoke(cli, ["hub", "init", str(site.folder), *NEW, *FG, "--dsn", postgres().bare()])
    assert made.exit_code == 0, made.output
    with open_hub(load_hub_config(site.folder / "hub.toml")) as hub:
        admissions: list[tuple[str, str, int | None]] = [(one, "admitted", None) for one in (FIRST, SECOND, THIRD)]
        hub.store.commit(Step(hub.store.now(), admissions=admissions))
    site.write(copies, FIRST, SECOND)
    return site


@pytest.fixture(scope="session")
def three() -> Iterator[Kafka]:
    # As deploy/docs/kafka.md says: a name counts when it is all there is in a subject.
    kafka = Kafka(brokers=3, tls=True, settings={"ssl.principal.mapping.rules": "RULE:^CN=([a-z0-9-]+)$/$1/,DEFAULT"})
    yield kafka
    kafka.remove()


@pytest.fixture(scope="session")
def bare(three: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A hub whose Kafka has nothing yet; its tests are the first."""
    return new_site(three, tmp_path_factory.mktemp("site"), 3)


@pytest.fixture
def site(bare: Site) -> Site:
    """A hub whose Kafka is as it must be."""
    bare.write(3, FIRST, SECOND)
    result = bare.init()
    assert result.exit_code == 0, result.output
    return bare
