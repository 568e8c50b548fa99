# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The Kafka of a hub as an operator sees it: what is wrong with it, and what may be changed about it.

The store says which partner has which number; Kafka is asked; nothing of either is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from deploy.exits import failed, refused
from deploy.office import open_office
from hub.config import HubConfig
from hub.kafka_check import Cluster, Senders, faults, senders_of, topics_of, unused
from hub.kafka_cluster import read_cluster
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


LEFT = "Delete such a topic by hand once nothing in it waits to be decided."
