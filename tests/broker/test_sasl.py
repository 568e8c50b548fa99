# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Edges that say who they are by password or token to brokers that ask for it, and what the doctor sees there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from adapters.stream_access import PLAIN, SCRAM_256, SCRAM_512, TOKEN
from deploy.cli import cli
from deploy.clock import MachineClock
from deploy.compose import toml
from deploy.exits import Exit
from deploy.net import Net, Partner
from deploy.story import messages
from deploy.story.person import CITIZEN
from schemas.calendar import day_of
from tests.kafka_sasl import SaslKafka
from tests.streams_site import Site, two_with_topics, until

TODAY = day_of(MachineClock(None)())


@pytest.fixture(scope="module")
def broker() -> Iterator[SaslKafka]:
    made = SaslKafka("gemeente", "zorg")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("secrets")
    return {one: folder / one for one in ("gemeente", "zorg")}


def _write(file: Path, word: str, mode: int = 0o600) -> None:
    """What renews it replaces the file in one step."""
    new = file.with_suffix(".new")
    new.write_text(word + "\n")
    new.chmod(mode)
    new.replace(file)


@pytest.fixture(scope="module")
def sites(broker: SaslKafka, secret: Mapping[str, Path]) -> tuple[Site, Site]:
    assert broker.authority is not None
    made = []
    for name, topics, mechanism in (
        ("gemeente", {"wmo": "iwmo", "zaken": "cloudevents"}, SCRAM_512),
        ("zorg", {"uit": "iwmo"}, SCRAM_256),
    ):
        _write(secret[name], broker.passwords[name])
        more = {
            "brokers": f"[{toml(broker.asking)}]",
            "authorities": toml(str(broker.authority.file)),
            "sasl": toml(mechanism),
            "sasl_user": toml(name),
            "sasl_secret": toml(str(secret[name])),
        }
        site = Site(broker, name, topics, more=more)
        site.make()
        site.permit()
        made.append(site)
    return made[0], made[1]


@pytest.fixture(scope="module")
def net(sites: tuple[Site, Site], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with two_with_topics(tmp_path_factory.mktemp("net") / "n", *sites, [CITIZEN]) as made:
        yield made


def _review(number: int) -> bytes:
    return messages.status(CITIZEN, messages.REVIEW_TYPE, number, TODAY - 1)


def _told(sites: tuple[Site, Site], number: int) -> None:
    """What the team's topic says comes out at the provider's."""
    team, provider = sites
    before = len(provider.names())
    team.put("zaken", _review(number))
    until(lambda: len(provider.names()) == before + 1)


def _settings(partner: Partner) -> Path:
    return partner.settings.config.data_folder.parent / "edge.toml"


def _obstacles(partner: Partner) -> dict[str, float]:
    host, port = partner.settings.config.metrics_listen or ("", 0)
    with urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [line.partition('{kind="')[2] for line in lines if line.startswith("schakel_edge_stream_obstacle{")]
    return {kind: float(value) for kind, _, value in (line.partition('"} ') for line in found)}


def test_with_scram_and_no_more_rights_than_the_page_names_records_are_told(net: Net, sites: tuple[Site, Site]) -> None:
    team, _ = sites
    _told(sites, 1)
    team.put("zaken", b"rommel")
    until(lambda: len(team.records("quarantine")) == 1)
    net.team.process.need_alive()
    assert set(_obstacles(net.team).values()) == {0.0}


@pytest.mark.parametrize("mechanism", [PLAIN, TOKEN, SCRAM_256])
def test_with_each_other_mechanism_too(
    net: Net, sites: tuple[Site, Site], broker: SaslKafka, secret: Mapping[str, Path], mechanism: str
) -> None:
    file = _settings(net.team)
    was = file.read_text(encoding="utf-8")
    text = was.replace(f"sasl = {toml(SCRAM_512)}", f"sasl = {toml(mechanism)}")
    if mechanism == TOKEN:
        text = text.replace(f"sasl_user = {toml('gemeente')}, ", "")
        _write(secret["gemeente"], broker.token("gemeente"))
    assert text != was
    assert net.team.process.stop() == 0
    file.write_text(text, encoding="utf-8")
    net.team.process.start()
    until(lambda: net.team.process.events("brokers-there"))
    _told(sites, 100 + [PLAIN, TOKEN, SCRAM_256].index(mechanism))
    assert all(one["well"] for one in _doctor(net.team).values())
    assert net.team.process.stop() == 0
    file.write_text(was, encoding="utf-8")
    _write(secret["gemeente"], broker.passwords["gemeente"])
    net.team.process.start()
    until(lambda: net.team.process.events("brokers-there"))


def test_who_is_not_taken_is_told_so_and_goes_on_by_itself_with_the_right_password(
    net: Net, sites: tuple[Site, Site], broker: SaslKafka, secret: Mapping[str, Path]
) -> None:
    process, file = net.team.process, secret["gemeente"]
    assert process.stop() == 0
    _write(file, broker.passwords["zorg"])
    process.start()
    until(lambda: process.events("brokers-refuse"))
    assert _obstacles(net.team) == {"access": 1.0, "brokers": 0.0, "topic": 0.0}
    assert not process.events("brokers-there")
    _write(file, broker.passwords["gemeente"])
    until(lambda: process.events("brokers-there"))
    _told(sites, 200)
    assert set(_obstacles(net.team).values()) == {0.0}


def test_a_file_that_others_may_read_is_not_used(
    net: Net, sites: tuple[Site, Site], broker: SaslKafka, secret: Mapping[str, Path]
) -> None:
    process, file = net.team.process, secret["gemeente"]
    assert process.stop() == 0
    file.chmod(0o640)
    process.start()
    until(lambda: process.events("brokers-refuse"))
    assert "chmod 600" in str(process.events("brokers-refuse")[0]["why"])
    assert not process.events("brokers-there")
    file.chmod(0o600)
    until(lambda: process.events("brokers-there"))
    _told(sites, 300)


def test_a_token_that_is_over_is_refused_and_the_next_one_taken(
    net: Net, sites: tuple[Site, Site], broker: SaslKafka, secret: Mapping[str, Path]
) -> None:
    process, settings, file = net.team.process, _settings(net.team), secret["gemeente"]
    was = settings.read_text(encoding="utf-8")
    assert process.stop() == 0
    text = was.replace(f"sasl = {toml(SCRAM_512)}", f"sasl = {toml(TOKEN)}").replace(
        f"sasl_user = {toml('gemeente')}, ", ""
    )
    settings.write_text(text, encoding="utf-8")
    _write(file, broker.token("gemeente", -60))
    process.start()
    until(lambda: process.events("brokers-refuse"))
    _write(file, broker.token("gemeente"))
    until(lambda: process.events("brokers-there"))
    _told(sites, 400)
    assert process.stop() == 0
    settings.write_text(was, encoding="utf-8")
    _write(file, broker.passwords["gemeente"])
    process.start()
    until(lambda: process.events("brokers-there"))


def test_no_password_and_no_token_stands_in_any_log(net: Net, broker: SaslKafka) -> None:
    said = b"".join(one.process.log.read_bytes() for one in net.partners)
    assert b"brokers-refuse" in said
    assert not [one for one in broker.passwords.values() if one.encode() in said]
    assert broker.token("gemeente").partition(".")[0].encode() not in said


# -- the doctor --------------------------------------------------------------------------------------------------


def _doctor(partner: Partner) -> dict[str, dict[str, Any]]:
    """What the doctor says of the topics, by subject."""
    result = CliRunner().invoke(
        cli, ["edge", "doctor", "--config", str(partner.settings.config.data_folder.parent), "--json"]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (Exit.DONE, Exit.FAILED)
    assert result.stdout, result.stderr
    found = {one["subject"]: one for one in json.loads(result.stdout)["findings"]}
    assert all(one["remedy"] for one in found.values() if not one["well"])
    words = ("topic", "group", "brokers", "quarantine topic", "sasl_secret")
    return {subject: one for subject, one in found.items() if subject.startswith(words)}


def _keep(broker: SaslKafka, topic: str, milliseconds: int) -> None:
    entry = ConfigEntry("retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = broker.admin()
    for one in admin.incremental_alter_configs([resource]).values():
        one.result(30)


def _describes(name: str, topic: str) -> AclBinding:
    kind, literal, allow = ResourceType.TOPIC, ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, topic, literal, f"User:{name}", "*", AclOperation.DESCRIBE_CONFIGS, allow)


def test_the_doctor_finds_all_well_where_it_is(net: Net, sites: tuple[Site, Site]) -> None:
    found = _doctor(net.team)
    assert {subject for subject, one in found.items() if not one["well"]} == set()
    assert {"brokers", "group gemeente.schakel", "topic gemeente.zaken", "topic gemeente.quarantine"} <= set(found)
    # The rights of the page don't let it see how long topics keep things: it says so.
    assert "DESCRIBE_CONFIGS" in found["quarantine topic, keeps"]["says"]


def test_the_doctor_finds_topics_that_keep_too_little(net: Net, sites: tuple[Site, Site], broker: SaslKafka) -> None:
    team, _ = sites
    quarantine, cases = team.topic("quarantine"), team.topic("zaken")
    admin = broker.admin()  # a client that is collected takes its answers with it
    for one in admin.create_acls([_describes("gemeente", name) for name in (quarantine, cases)]).values():
        one.result(30)
    for name in (quarantine, cases):
        _keep(broker, name, 3_600_000 * 30)
    found = _doctor(net.team)
    assert {subject for subject, one in found.items() if not one["well"]} == {
        "quarantine topic, keeps",
        f"topic {cases}, keeps",
    }
    assert "30 hours" in found["quarantine topic, keeps"]["says"]
    for name in (quarantine, cases):
        _keep(broker, name, 400 * 86_400_000)
    assert all(one["well"] for one in _doctor(net.team).values())


def test_the_doctor_names_a_right_that_is_missing_and_where(
    net: Net, sites: tuple[Site, Site], broker: SaslKafka
) -> None:
    team, _ = sites
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    taken = [
        (ResourceType.TOPIC, team.topic("zaken"), AclOperation.READ),
        (ResourceType.TOPIC, team.topic("quarantine"), AclOperation.WRITE),
        (ResourceType.GROUP, "gemeente.schakel", AclOperation.READ),
    ]
    wanted = [AclBindingFilter(kind, name, literal, "User:gemeente", None, one, allow) for kind, name, one in taken]  # type: ignore[arg-type]
    admin = broker.admin()
    for done in admin.delete_acls(wanted).values():
        assert len(done.result(30)) == 1
    found = _doctor(net.team)
    ill = {subject: one["says"] for subject, one in found.items() if not one["well"]}
    assert set(ill) == {"topic gemeente.zaken", "topic gemeente.quarantine", "group gemeente.schakel"}
    assert "READ" in ill["topic gemeente.zaken"]
    assert "WRITE" in ill["topic gemeente.quarantine"]
    team.permit()
    assert all(one["well"] for one in _doctor(net.team).values())


def test_the_doctor_finds_a_topic_that_is_not_there(net: Net, sites: tuple[Site, Site]) -> None:
    file = _settings(net.team)
    was = file.read_text(encoding="utf-8")
    file.write_text(was.replace("topics = { ", 'topics = { "gemeente.niets" = "iwmo", '), encoding="utf-8")
    found = _doctor(net.team)
    file.write_text(was, encoding="utf-8")
    assert [subject for subject, one in found.items() if not one["well"]] == ["topic gemeente.niets"]


def test_the_doctor_finds_a_password_that_is_not_taken_and_one_that_others_may_read(
    net: Net, broker: SaslKafka, secret: Mapping[str, Path]
) -> None:
    file = secret["gemeente"]
    _write(file, "a-wrong-one")
    found = _doctor(net.team)
    assert [subject for subject, one in found.items() if not one["well"]] == ["brokers"]
    assert "do not take this edge" in found["brokers"]["says"]
    file.chmod(0o644)
    assert {subject for subject, one in _doctor(net.team).items() if not one["well"]} == {"sasl_secret", "brokers"}
    _write(file, broker.passwords["gemeente"])
    assert "a-wrong-one" not in json.dumps(found)


def test_the_doctor_finds_brokers_that_are_away(net: Net, broker: SaslKafka) -> None:
    broker.stop()
    found = _doctor(net.team)
    broker.start()
    assert [subject for subject, one in found.items() if not one["well"]] == ["brokers"]
    assert "None answers" in found["brokers"]["says"]
