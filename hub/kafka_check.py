# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is wrong with the Kafka of a hub, all of it: brokers, topics, permissions.  Pure; `hub.kafka_cluster` reads one.

* What a cluster does not tell counts as wrong: nothing is assumed to be in order.
* Of faults that would lose or show something none is left out because of another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from hub.kafka_acls import HUB, Acl, acl_faults, acls
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import STAYS_TOO_LONG, Fault, SeenTopic, SetSetting, Topic, layout, number_of, topic_faults
from hub.registry import ADMITTED

_LOSING = frozenset(
    {
        "min.insync.replicas",
        "unclean.leader.election.enable",
        "retention.ms",
        "retention.bytes",
        "flush.messages",
        "cleanup.policy",
    }
)
BROKER_SETTINGS = ("authorizer.class.name", "auto.create.topics.enable")


class NoAcls(Enum):
    """Why nothing is known of the permissions of a cluster."""

    NO_AUTHORIZER = "no authorizer"
    NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster has.  `open_to_all`: whether somebody without a permission may; None when that was not tried."""

    cluster_id: str
    brokers: tuple[int, ...]
    topics: Mapping[str, SeenTopic] = field(default_factory=dict)
    acls: frozenset[Acl] | NoAcls = NoAcls.NOT_TOLD
    settings: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    open_to_all: bool | None = None

    @property
    def guarded(self) -> bool:
        """Whether an authorizer decides there, as far as can be told."""
        return self.acls is not NoAcls.NO_AUTHORIZER


@dataclass(frozen=True, slots=True)
class Senders:
    """Whom the settings let send over Kafka: the numbers of those who are admitted, who is barred now, and addresses that
    nobody ever had."""

    numbers: frozenset[int]
    barred: tuple[str, ...]
    unknown: tuple[str, ...]


def senders_of(addresses: Collection[str], everyone: Iterable[tuple[int, str, str]]) -> Senders:
    """Numbers to the addresses of the settings.  `everyone`: number, address and state of each partner there ever was."""
    known = {address: (number, state) for number, address, state in everyone}
    named = [(address, *known[address]) for address in addresses if address in known]
    return Senders(
        frozenset(number for _, number, state in named if state == ADMITTED),
        tuple(address for address, _, state in named if state != ADMITTED),
        tuple(address for address in addresses if address not in known),
    )


def topics_of(config: KafkaConfig, senders: Collection[int]) -> list[Topic]:
    """Every topic that these settings ask for."""
    return layout(
        senders, copies=config.copies, partitions=config.partitions, outcomes_partitions=config.outcomes_partitions
    )


def faults(config: KafkaConfig, senders: Collection[int], cluster: Cluster, *, strict: bool = True) -> list[Fault]:
    """Everything that is wrong, what protects first.  `senders`: numbers of admitted partners that may send over Kafka."""
    found = list(_of_brokers(config, cluster, strict=strict))
    for topic in topics_of(config, senders):
        found += topic_faults(topic, cluster.topics.get(topic.name))
    if isinstance(cluster.acls, frozenset):
        found += acl_faults(acls(senders), cluster.acls)
    return found


def losing(config: KafkaConfig, cluster: Cluster) -> list[Fault]:
    """Why what is written to the intake could be lost. A gateway that said *taken* of it would not tell the truth.

    A broker that is away is no such reason: with two in sync the others have what is written, and with fewer they refuse it.
    """
    intake = topics_of(config, ())[0]
    return [one for one in topic_faults(intake, cluster.topics.get(intake.name)) if _loses(one)]


def _loses(fault: Fault) -> bool:
    if isinstance(fault.change, SetSetting):
        return fault.change.name in _LOSING
    return fault.remedy != STAYS_TOO_LONG


def unused(senders: Collection[int], cluster: Cluster) -> list[str]:
    """Topics of partners that send over Kafka no longer. They are left: what is in them may still have to be decided."""
    numbers = {name: number_of(name) for name in cluster.topics}
    return sorted(name for name, number in numbers.items() if number is not None and number not in senders)


def _of_brokers(config: KafkaConfig, cluster: Cluster, *, strict: bool) -> Iterator[Fault]:
    if len(cluster.brokers) < config.copies:
        says = f"There are {len(cluster.brokers)} brokers, and {config.copies} copies of each record are asked for."
        yield Fault(says, "Start the others. A hub with a single broker says copies = 1 in the table [kafka].")
    if config.copies == 1 and len(cluster.brokers) > 1:
        says = f"There are {len(cluster.brokers)} brokers, and one copy of each record is asked for: its broker may be lost."
        yield Fault(says, "With three brokers or more take copies = 3 out of [kafka] or add a third broker.")
    if strict:
        yield from _unguarded(cluster)
    for broker in cluster.brokers:
        if cluster.settings.get(broker, {}).get("auto.create.topics.enable") != "false":
            says = f"The setting auto.create.topics.enable of broker {broker} is not false, or not told."
            yield Fault(says, "Set it to false: a mistyped name would make a topic that loses what is in it.")


def _unguarded(cluster: Cluster) -> Iterator[Fault]:
    if cluster.acls is NoAcls.NO_AUTHORIZER:
        says = "The brokers have no authorizer: whoever has a certificate may read and write everything."
        yield Fault(says, "Set authorizer.class.name on brokers and controllers, then `schakel kafka init --apply`.")
        return
    if cluster.acls is NoAcls.NOT_TOLD:
        says = f"The brokers do not tell User:{HUB} who may do what."
        yield Fault(says, "Run `schakel kafka init --apply` as an administrator of Kafka, then look again.")
    if cluster.open_to_all:
        says = f"The brokers let User:{HUB} do what it was not given."
        yield Fault(says, f"Set allow.everyone.if.no.acl.found=false everywhere, and take {HUB} out of super.users.")
    for broker in cluster.brokers:
        if not cluster.settings.get(broker, {}).get("authorizer.class.name"):
            says = f"The setting authorizer.class.name of broker {broker} is empty, or not told."
            yield Fault(says, "Set it on that broker: one without it lets everybody in.")
