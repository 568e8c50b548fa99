# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The Kafka of a hub as an operator sees it: what is wrong with it, and what may be changed about it.

The store says which partner has which number; Kafka is asked; nothing of either is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from deploy.doctor import Finding, fine, wrong
from deploy.exits import failed, refused
from deploy.office import open_office
from hub.config import HubConfig
from hub.kafka_check import Cluster, NoAcls, Senders, faults, senders_of, topics_of, unused
from hub.kafka_cluster import ClusterError, connect, read_cluster
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import Fault, from_topic


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found at a Kafka."""

    cluster: Cluster
    faults: list[Fault]
    unused: list[str]


def kafka_of(config: HubConfig) -> KafkaConfig:
    """The table [kafka].

    Raises:
        Stopped: there is none.
    """
    if config.kafka is None:
        raise failed("This hub has no Kafka: hub.toml has no table [kafka].")
    return config.kafka


def senders(config: HubConfig) -> Senders:
    """Who may send over Kafka; a running hub is asked for the numbers, and nobody where the settings name nobody.

    Raises:
        Stopped, StoreError: the store can't be read, or an address is nobody's.
    """
    named = kafka_of(config).senders
    if not named:
        return Senders(frozenset(), (), ())
    with open_office(config) as office:
        told = office("partners", {})["partners"]
    found = senders_of(named, [(int(one["number"]), str(one["address"]), str(one["state"])) for one in told])
    if found.unknown:
        raise refused(f"`senders` names {found.unknown[0]}, which was never admitted; see `schakel partner list`.")
    for number in found.numbers:
        try:
            from_topic(number)
        except ValueError:
            raise refused(f"Number {number} has more than six digits: that partner can't send over Kafka.") from None
    return found


def look(config: HubConfig, admin: AdminClient, who: Senders, *, as_hub: bool) -> Looked:
    """Everything that is wrong with the Kafka of these settings.

    Raises:
        ClusterError: it does not answer.
    """
    kafka = kafka_of(config)
    cluster = read_cluster(admin, [one.name for one in topics_of(kafka, who.numbers)], as_hub=as_hub)
    found = faults(kafka, who.numbers, cluster, strict=config.strict)
    return Looked(cluster, found, unused(who.numbers, cluster))


def of_kafka(config: HubConfig, who: Senders) -> Iterator[Finding]:
    """What the doctor says of the Kafka of a hub that has one."""
    if config.kafka is None:
        return
    try:
        found = look(config, connect(config.kafka), who, as_hub=True)
    except ClusterError as error:
        yield wrong("Kafka", str(error), "Until then envelopes are answered 503 and their senders keep them.")
        return
    for one in found.faults:
        yield wrong("Kafka", one.says, one.remedy)
    if not found.faults:
        yield fine("Kafka", _well(found.cluster, who))
    if found.unused:
        yield fine("topics without a sender", f"{', '.join(found.unused)}: nobody may write there. {LEFT}")


LEFT = "Delete such a topic by hand once nothing in it waits to be decided."


def _well(cluster: Cluster, who: Senders) -> str:
    guarded = "" if cluster.acls is not NoAcls.NO_AUTHORIZER else " Nobody guards it: this is no strict mode."
    partners = f"{len(who.numbers)} partner{'' if len(who.numbers) == 1 else 's'} may send over it"
    return (
        f"Brokers: {len(cluster.brokers)}; topics, settings and permissions are as they must be; {partners}.{guarded}"
    )
