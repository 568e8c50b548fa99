# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel kafka init` and the doctor, against three real brokers with TLS and their own authorizer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from deploy.exits import Exit
from hub.config import load_hub_config
from hub.kafka_acls import Acl, acls
from hub.kafka_cluster import ClusterError, connect, need_safe, read_cluster
from hub.kafka_topics import INTAKE, layout
from tests.broker.conftest import FIRST, SECOND, Site, new_site
from tests.kafka import Kafka

EVERYTHING = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


def _answer(site: Site, how: str) -> dict[str, object]:
    result = site.init(how, "--json")
    told = json.loads(result.stdout)
    assert isinstance(told, dict)
    return told


def _of_kafka(site: Site) -> list[str]:
    """What the doctor says of Kafka with the hub's own certificate; empty when all is well."""
    result = site.schakel("hub", "doctor", "--json")
    findings = json.loads(result.stdout)["findings"]
    about = [one for one in findings if one["subject"] == "Kafka"]
    assert about, findings
    return [one["says"] for one in about if not one["well"]]


def _set(site: Site, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = site.kafka.admin()  # one that is collected before its answer is there takes the answer with it
    for answer in admin.incremental_alter_configs([resource]).values():
        answer.result(30)
    told = 0
    while told < 10:  # each broker hears of it by itself, and any of them may be asked
        seen = read_cluster(admin, [], as_hub=False).topics[topic].settings
        told = told + 1 if seen.get(name) == value else 0


def _extra(site: Site, acl: Acl) -> AclBinding:
    kind = ResourceType[acl.kind.upper()]
    pattern, operation = ResourcePatternType[acl.pattern.upper()], AclOperation[acl.operation.upper()]
    rule = (kind, acl.name, pattern, f"User:{acl.principal}", acl.host, operation, AclPermissionType.ALLOW)
    admin = site.kafka.admin()
    for answer in admin.create_acls([AclBinding(*rule)]).values():
        answer.result(30)
    return AclBinding(*rule)


@pytest.fixture
def empty(bare: Site) -> Site:
    """The same brokers, with nothing on them."""
    admin = bare.kafka.admin()
    there = [name for name in admin.list_topics(timeout=15).topics if not name.startswith("__")]
    for answer in (admin.delete_topics(there, operation_timeout=30) if there else {}).values():
        answer.result(60)
    for gone in admin.delete_acls([EVERYTHING]).values():
        gone.result(30)
    while any(not name.startswith("__") for name in admin.list_topics(timeout=15).topics):
        pass  # each broker forgets a topic a moment after the other
    bare.write(3, FIRST, SECOND)
    return bare


def test_a_dry_run_names_everything_and_makes_nothing(empty: Site) -> None:
    told = _answer(empty, "--dry-run")
    would = told["would"]
    assert isinstance(would, list)
    assert len([one for one in would if one.startswith("make topic")]) == len(layout([1, 2]))
    assert len([one for one in would if one.startswith("allow")]) == len(acls([1, 2]))
    assert (told["done"], told["for_a_person"], told["brokers"]) == ([], [], 3)
    assert not [name for name in empty.kafka.admin().list_topics(timeout=15).topics if not name.startswith("__")]
    assert any("missing" in one for one in _of_kafka(empty))


def test_applied_twice_everything_is_there_and_the_second_time_changes_nothing(empty: Site) -> None:
    first = _answer(empty, "--apply")
    assert isinstance(first["done"], list)
    assert len(first["done"]) == len(layout([1, 2])) + len(acls([1, 2]))
    assert (first["would"], first["for_a_person"]) == ([], [])
    assert _answer(empty, "--apply") == first | {"done": []}
    assert _of_kafka(empty) == []
    seen = read_cluster(connect(empty.sends(1)), [], as_hub=False)
    assert set(seen.topics) == {"schakel.from.000001"}  # a partner sees no more than its own


@pytest.mark.parametrize(
    ("name", "weak"),
    [("min.insync.replicas", "1"), ("unclean.leader.election.enable", "true"), ("retention.ms", "60000")],
)
def test_what_would_lose_data_is_refused_by_the_doctor_and_mended(site: Site, name: str, weak: str) -> None:
    _set(site, INTAKE, name, weak)
    assert any(name in one for one in _of_kafka(site))
    assert site.schakel("hub", "doctor").exit_code == Exit.FAILED
    assert [one.partition(" of ")[0] for one in _answer(site, "--apply")["done"]] == [f"set {name}"]  # type: ignore[attr-defined]
    assert _of_kafka(site) == []


def test_a_hub_writes_nothing_where_it_could_be_lost(site: Site) -> None:
    config = load_hub_config(site.folder / "hub.toml").kafka
    assert config is not None
    admin = connect(config)
    need_safe(admin, config)
    _set(site, INTAKE, "min.insync.replicas", "1")
    with pytest.raises(
        ClusterError, match=r"min\.insync\.replicas of topic schakel\.intake is 1 and must be at least 2"
    ):
        need_safe(admin, config)


def test_a_longer_retention_and_more_in_sync_are_never_lowered(site: Site) -> None:
    _set(site, INTAKE, "min.insync.replicas", "3")
    _set(site, INTAKE, "retention.ms", "604800000")
    result = site.init()
    assert (result.exit_code, "kafka-configs.sh" in result.output) == (Exit.FAILED, True)
    seen = read_cluster(site.kafka.admin(), [], as_hub=False).topics[INTAKE].settings
    assert (seen["min.insync.replicas"], seen["retention.ms"]) == ("3", "604800000")
    _set(site, INTAKE, "retention.ms", "259200000")
    assert site.init().exit_code == Exit.DONE


def test_a_topic_with_another_number_of_partitions_or_copies_is_a_persons(site: Site) -> None:
    admin = site.kafka.admin()
    for answer in admin.delete_topics(["schakel.from.000002"], operation_timeout=30).values():
        answer.result(60)
    new = [NewTopic("schakel.from.000002", 2, 1)]
    try:
        _made(site, new)
        result = site.init()
        words = " ".join(result.output.split())
        assert result.exit_code == Exit.FAILED
        assert "kafka-reassign-partitions.sh" in words
        assert "Their number never changes" in words
    finally:
        for answer in admin.delete_topics(["schakel.from.000002"], operation_timeout=30).values():
            answer.result(60)


def _made(site: Site, new: list[NewTopic]) -> None:
    """The name is free again only when all brokers have forgotten the old one."""
    admin = site.kafka.admin()
    while True:
        [answer] = admin.create_topics(new, operation_timeout=30).values()
        error = answer.exception(60)
        if error is None:
            return
        assert "EXISTS" in str(error), error


def test_who_is_suspended_or_struck_from_the_settings_may_not_write(site: Site) -> None:
    assert site.schakel("partner", "suspend", FIRST, "--yes").exit_code == Exit.DONE
    told = _answer(site, "--apply")
    assert told["barred"] == [FIRST]
    assert told["unused"] == ["schakel.from.000001"]
    assert any("withdraw write on topic schakel.from.000001 from User:schakel-000001" in one for one in told["done"])  # type: ignore[attr-defined]
    assert site.schakel("partner", "resume", FIRST).exit_code == Exit.DONE
    site.write(3, FIRST)
    told = _answer(site, "--apply")
    assert "withdraw write on topic schakel.from.000002 from User:schakel-000002" in told["done"]  # type: ignore[operator]
    assert "allow write on topic schakel.from.000001 to User:schakel-000001" in told["done"]  # type: ignore[operator]
    assert _of_kafka(site) == []
    assert SECOND not in told["barred"]  # type: ignore[operator]


def test_an_address_that_nobody_ever_had_is_refused(site: Site) -> None:
    site.write(3, "urn:nld:oin:00000000000000000999:gp")
    result = site.init()
    assert (result.exit_code, "never admitted" in " ".join(result.output.split())) == (Exit.REFUSED, True)


def test_what_one_of_ours_may_beyond_its_need_goes_and_what_a_stranger_may_is_told(site: Site) -> None:
    _extra(site, Acl("schakel-000001", "topic", "schakel.from.000002", "write"))
    told = _answer(site, "--apply")
    assert told["done"] == ["withdraw write on topic schakel.from.000002 from User:schakel-000001"]
    stranger = _extra(site, Acl("somebody", "topic", "schakel.from.", "read", "prefixed"))
    try:
        assert any("somebody" in one for one in _of_kafka(site))
        result = site.init()
        assert (result.exit_code, "kafka-acls.sh" in result.output) == (Exit.FAILED, True)
    finally:
        rule = AclBindingFilter(
            stranger.restype, stranger.name, stranger.resource_pattern_type, stranger.principal, stranger.host,
            stranger.operation, stranger.permission_type,
        )  # fmt: skip
        admin = site.kafka.admin()
        for answer in admin.delete_acls([rule]).values():
            assert len(answer.result(30)) == 1


def test_the_hubs_own_certificate_may_change_nothing(site: Site) -> None:
    _extra(site, Acl("schakel-000001", "topic", "schakel.from.000002", "write"))
    result = site.schakel("kafka", "init", "--apply")
    assert (result.exit_code, "administrator of Kafka" in " ".join(result.output.split())) == (Exit.FAILED, True)
    assert site.init().exit_code == Exit.DONE


def test_a_kafka_that_does_not_answer_or_take_the_certificate_is_told_with_what_to_do(site: Site) -> None:
    assert site.kafka.authority is not None
    stranger = type(site.kafka.authority)(site.folder.parent / "other-authority").identity("schakel-hub")
    result = site.schakel("kafka", "init", "--dry-run", "--certificate", stranger.certificate, "--key", stranger.key)
    assert (result.exit_code, "No broker answers" in result.output) == (Exit.FAILED, True)


@pytest.fixture(scope="module")
def open_kafka() -> Iterator[Kafka]:
    """One broker that lets in who was given nothing, and makes topics by itself."""
    settings = {"allow.everyone.if.no.acl.found": "true", "auto.create.topics.enable": "true"}
    kafka = Kafka(tls=True, settings=settings)
    yield kafka
    kafka.remove()


@pytest.fixture(scope="module")
def unguarded() -> Iterator[Kafka]:
    """One broker without an authorizer."""
    kafka = Kafka(tls=True, settings={"authorizer.class.name": ""})
    yield kafka
    kafka.remove()


def test_a_broker_that_lets_in_who_was_given_nothing_is_refused(open_kafka: Kafka, tmp_path: Path) -> None:
    site = new_site(open_kafka, tmp_path, 1)
    assert site.init().exit_code == Exit.FAILED
    says = " ".join(_of_kafka(site))
    assert "let User:schakel-hub do what it was not given" in says
    assert "auto.create.topics.enable of broker 1 is not false" in says


def test_a_broker_without_an_authorizer_is_refused(unguarded: Kafka, tmp_path: Path) -> None:
    site = new_site(unguarded, tmp_path, 1)
    assert site.init().exit_code == Exit.FAILED
    assert any("no authorizer" in one for one in _of_kafka(site))


def test_one_broker_for_three_copies_and_one_copy_on_three_brokers_are_refused(
    site: Site, open_kafka: Kafka, tmp_path: Path
) -> None:
    few = new_site(open_kafka, tmp_path, 3)
    assert any("There are 1 brokers, and 3 copies" in one for one in _of_kafka(few))
    site.write(1, FIRST)
    assert any("one copy of each record" in one for one in _of_kafka(site))
