# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The tables [kafka] of hub and edge: over TLS with a certificate in strict mode, and nothing that would lose data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.config import EdgeConfig, load_edge_config
from hub.config import HubConfig, load_hub_config
from hub.kafka_acls import acls
from hub.kafka_check import Cluster, NoAcls, faults, losing, senders_of, unused
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import INTAKE, SeenTopic, layout
from schemas.kafka_way import KafkaWay, client_settings
from schemas.note import verifier_key
from schemas.settings import SettingsError

PEOPLE = 'name = "hub.nl"\noperator = "Org"\ncontrollers = ["Gemeente"]\nfg_contact = "fg@a.example"\n'
DSN = 'dsn = "host=/run/postgresql dbname=schakel"\n'
TLS = 'authorities = "ca.pem"\ncertificate = "hub.crt"\nkey = "hub.key"\n'
BROKERS = 'brokers = ["kafka-1.example.nl:9093", "[::1]:9093"]\n'
EDGE = (
    'address = "urn:nld:oin:00000001234567890000:team-wmo"\nname = "Team"\nkey_file = "../k/edge.key"\n'
    'hub = "https://hub.example"\nhub_key = "' + verifier_key("hub.example", bytes(range(32))) + '"\n'
    'partner_authorities = "p.pem"\naccession_authority = "a.pem"\n'
)


def hub(folder: Path, text: str) -> HubConfig:
    (folder / "hub.toml").write_text(text)
    return load_hub_config(folder / "hub.toml")


def edge(folder: Path, text: str) -> EdgeConfig:
    (folder / "edge").mkdir(exist_ok=True)
    (folder / "edge" / "edge.toml").write_text(text)
    return load_edge_config(folder / "edge" / "edge.toml")


def test_a_hub_reaches_its_kafka_with_a_certificate_and_three_copies(tmp_path: Path) -> None:
    kafka = hub(tmp_path, f"{PEOPLE}{DSN}[kafka]\n{BROKERS}{TLS}").kafka
    assert kafka is not None
    assert (kafka.copies, kafka.partitions, kafka.senders) == (3, 48, ())
    assert client_settings(kafka, {}) == {
        "bootstrap.servers": "kafka-1.example.nl:9093,[::1]:9093",
        "client.id": "schakel",
        "security.protocol": "ssl",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "hub.crt"),
        "ssl.key.location": str(tmp_path / "hub.key"),
    }


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (BROKERS, "/kafka/authorities: is required in strict mode"),
        (BROKERS + 'authorities = "ca.pem"\nkey = "k"\n', "/kafka/certificate: is required in strict mode"),
        ("brokers = []\n" + TLS, "/kafka/brokers: must name at least one broker"),
        ('brokers = ["kafka"]\n' + TLS, "/kafka/brokers/0: must be a host and a port"),
        ('brokers = ["kafka:99999"]\n' + TLS, "/kafka/brokers/0: must be a host and a port"),
        (TLS, "/kafka/brokers: this setting is required"),
        (BROKERS + TLS + "copies = 2\n", "/kafka/copies: must be 3, or 1"),
        (BROKERS + TLS + "copies = true\n", "/kafka/copies: must be 3, or 1"),
        (BROKERS + TLS + "partitions = 0\n", "/kafka/partitions: must be a whole number"),
        (BROKERS + TLS + 'senders = ["team"]\n', "/kafka/senders/0: must be urn:nld:oin"),
        (BROKERS + TLS + 'acks = "1"\n', "/kafka/acks: unknown setting"),
    ],
)
def test_a_table_that_would_lose_or_show_something_is_refused(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(SettingsError) as told:
        hub(tmp_path, f"{PEOPLE}{DSN}[kafka]\n{table}")
    assert any(str(one).startswith(fault) for one in told.value.faults), told.value


def test_a_kafka_goes_with_a_database(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="/kafka: goes with dsn"):
        hub(tmp_path, f"{PEOPLE}[kafka]\n{BROKERS}{TLS}")


def test_half_of_the_files_is_refused_outside_strict_mode_too(tmp_path: Path) -> None:
    lax = f'name = "hub.nl"\nstrict = false\n{DSN}[kafka]\n{BROKERS}'
    kafka = hub(tmp_path, lax).kafka
    assert kafka is not None
    assert "security.protocol" not in client_settings(kafka, {})
    with pytest.raises(SettingsError, match="/kafka/key: goes with the others"):
        hub(tmp_path, lax + 'authorities = "ca.pem"\ncertificate = "c.pem"\n')


def test_an_edge_sends_on_the_topic_of_its_number(tmp_path: Path) -> None:
    table = f'[kafka]\n{BROKERS}{TLS}topic = "schakel.from.000012"\n'
    kafka = edge(tmp_path, EDGE + table).kafka
    assert kafka is not None
    assert (kafka.topic, kafka.authorities) == ("schakel.from.000012", tmp_path / "edge" / "ca.pem")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (EDGE + f'[kafka]\n{BROKERS}topic = "schakel.from.000012"\n', "/kafka/certificate: is required in strict"),
        (EDGE + f"[kafka]\n{BROKERS}{TLS}", "/kafka/topic: this setting is required"),
        (EDGE + f'[kafka]\n{BROKERS}{TLS}topic = "schakel.intake"\n', "/kafka/topic: must be schakel.from."),
        (EDGE + f'[kafka]\n{BROKERS}{TLS}topic = "schakel.from.12"\n', "/kafka/topic: must be schakel.from."),
        (EDGE + f'[kafka]\n{BROKERS}{TLS}topic = "schakel.from.00000١"\n', "/kafka/topic: must be schakel.from."),
        (
            EDGE.replace('hub = "https://hub.example"\n', "")
            + f'[kafka]\n{BROKERS}{TLS}topic = "schakel.from.000012"\n',
            "/kafka: goes with a hub over HTTPS",
        ),
    ],
)
def test_an_edge_that_could_not_send_safely_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(SettingsError) as told:
        edge(tmp_path, text)
    assert any(str(one).startswith(fault) for one in told.value.faults), told.value


# ------------------------------------------------------------------------------------------------ who may send

STATES = ("admitted", "suspended", "removed")


@given(st.lists(st.sampled_from(STATES), max_size=6), st.sets(st.integers(1, 9), max_size=6))
def test_only_who_is_admitted_and_listed_may_send(states: list[str], listed: set[int]) -> None:
    everyone = [(number, f"address-{number}", state) for number, state in enumerate(states, 1)]
    found = senders_of([f"address-{number}" for number in sorted(listed)], everyone)
    assert found.numbers == {number for number, _, state in everyone if state == "admitted" and number in listed}
    assert len(found.numbers) + len(found.barred) + len(found.unknown) == len(listed)
    assert set(found.unknown) == {f"address-{number}" for number in listed if number > len(states)}


# ------------------------------------------------------------------------------------------------ the whole cluster

KAFKA = KafkaConfig(brokers=("kafka:9093",))
GUARDED = {"authorizer.class.name": "Standard", "auto.create.topics.enable": "false"}


def whole(config: KafkaConfig = KAFKA, **changed: object) -> Cluster:
    topics = layout([1], copies=config.copies, partitions=config.partitions)
    seen = {one.name: SeenTopic(one.partitions, one.copies, one.settings) for one in topics}
    has = {"topics": seen, "acls": frozenset(acls([1])), "settings": dict.fromkeys((1, 2, 3), GUARDED)}
    return Cluster("id", (1, 2, 3), **(has | {"open_to_all": False} | changed))  # type: ignore[arg-type]


def says(cluster: Cluster, config: KafkaConfig = KAFKA, *, strict: bool = True) -> str:
    return " ".join(one.says for one in faults(config, [1], cluster, strict=strict))


def test_a_cluster_that_is_as_it_must_be_has_no_fault() -> None:
    assert faults(KAFKA, [1], whole()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"open_to_all": True}, "do what it was not given"),
        ({"acls": NoAcls.NO_AUTHORIZER}, "no authorizer"),
        ({"acls": NoAcls.NOT_TOLD}, "do not tell"),
        ({"settings": {}}, "authorizer.class.name of broker 1 is empty, or not told"),
        ({"settings": {1: GUARDED, 2: GUARDED}}, "of broker 3 is empty, or not told"),
        ({"settings": {1: GUARDED, 2: GUARDED, 3: GUARDED | {"auto.create.topics.enable": "true"}}}, "of broker 3"),
        ({"acls": frozenset()}, "may not read topic schakel.intake, and must"),
        ({"topics": {}}, "Topic schakel.intake is missing"),
    ],
)
def test_whatever_is_wrong_or_not_told_is_a_fault(changed: dict[str, object], said: str) -> None:
    assert said in says(whole(**changed))


def test_outside_strict_mode_nobody_needs_to_guard_it() -> None:
    assert says(whole(acls=NoAcls.NO_AUTHORIZER), strict=False) == ""
    assert "auto.create.topics.enable" in says(whole(settings={}), strict=False)


def test_fewer_brokers_than_copies_and_one_copy_among_several_are_faults() -> None:
    few = Cluster("id", (1,), whole().topics, whole().acls, {1: GUARDED}, False)
    assert "There are 1 brokers, and 3 copies" in says(few)
    one = KafkaConfig(brokers=("kafka:9093",), copies=1)
    assert "one copy of each record" in says(whole(one), one)


# ------------------------------------------------------------------------------------------------ what could be lost


def with_intake(*, partitions: int = 48, copies: int = 3, **changed: str) -> Cluster:
    intake = layout()[0]
    values = {name.replace("_", "."): value for name, value in changed.items()}
    seen = SeenTopic(partitions, copies, dict(intake.settings) | values)
    return whole(topics=dict(whole().topics) | {INTAKE: seen})


@pytest.mark.parametrize(
    "cluster",
    [
        whole(topics={}),
        with_intake(copies=2),
        with_intake(partitions=47),
        with_intake(min_insync_replicas="1"),
        with_intake(unclean_leader_election_enable="true"),
        with_intake(retention_ms="1000"),
        with_intake(retention_bytes="1000"),
        with_intake(cleanup_policy="compact"),
    ],
)
def test_nothing_is_written_where_it_could_be_lost(cluster: Cluster) -> None:
    assert losing(KAFKA, cluster)


@pytest.mark.parametrize(
    "cluster",
    [
        whole(),
        with_intake(retention_ms="-1"),
        with_intake(segment_ms="604800000"),
        Cluster("id", (1, 2, 3), whole().topics),
        Cluster("id", (1, 2), whole().topics),
    ],
)
def test_what_only_stays_too_long_or_is_not_guarded_or_lacks_a_broker_for_now_loses_nothing(cluster: Cluster) -> None:
    assert losing(KAFKA, cluster) == []


def test_topics_that_nobody_sends_on_any_more_are_named_and_left() -> None:
    topics = dict(whole().topics) | {"schakel.from.000007": whole().topics[INTAKE]}
    assert unused([1], whole(topics=topics)) == ["schakel.from.000007"]
    assert faults(KAFKA, [1], whole(topics=topics)) == []


def test_what_a_client_is_given_beside_wins_over_nothing_but_is_there() -> None:
    way = KafkaWay(brokers=("kafka:9093",))
    assert client_settings(way, {"acks": "all"})["acks"] == "all"
