# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the doctors of hub and edge say of Kafka.  Nothing is sent and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.config import EdgeConfig
from adapters.connections.kafka import look as look_at_topic
from deploy.doctor import Finding, fine, wrong
from deploy.kafka import LEFT, look
from hub.config import HubConfig
from hub.kafka_check import Cluster, NoAcls, Senders
from hub.kafka_cluster import ClusterError, connect


def of_edge(config: EdgeConfig) -> Iterator[Finding]:
    """What the doctor says of the way of an edge that sends over Kafka."""
    if config.kafka is None:
        return
    away = look_at_topic(config.kafka)
    if away is None:
        yield fine("Kafka", f"The brokers answer, and this edge may send on {config.kafka.topic}.")
    else:
        says = f"This edge can't send on {config.kafka.topic}: {away}."
        yield wrong(
            "Kafka", says, "Look at the table [kafka] of edge.toml, and ask the operator of the hub. Nothing is lost."
        )


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


def _well(cluster: Cluster, who: Senders) -> str:
    guarded = "" if cluster.acls is not NoAcls.NO_AUTHORIZER else " Nobody guards it: this is no strict mode."
    partners = f"{len(who.numbers)} partner{'' if len(who.numbers) == 1 else 's'} may send over it"
    return (
        f"Brokers: {len(cluster.brokers)}; topics, settings and permissions are as they must be; {partners}.{guarded}"
    )
