# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Asks a Kafka which topics it has, and holds them to what the store remembers, before anything is written or read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from hub.intake_places import Places
from hub.intake_rules import IntakeStoppedError, TopicRow, topic_fault
from hub.kafka_cluster import no_answer
from hub.kafka_topics import FROM_PARTITIONS, INTAKE

SECONDS = 10.0
CLIENT = "schakel-worker"  # how a worker is called among the members of its group


def find_topics(admin: AdminClient, names: Sequence[str]) -> dict[str, TopicRow]:
    """The topics of these names that there are, with their ids.

    Raises:
        ClusterError: no broker answers.
    """
    try:
        listed = admin.list_topics(timeout=SECONDS)
        there = [name for name in names if name in listed.topics]
        answers = admin.describe_topics(TopicCollection(there), request_timeout=SECONDS) if there else {}
        told = [answer.result(2 * SECONDS) for answer in answers.values()]
    except KafkaException as error:
        raise no_answer(error) from None
    return {one.name: TopicRow(str(listed.cluster_id), str(one.topic_id), len(one.partitions)) for one in told}


def need_topics(admin: AdminClient, places: Places, names: Sequence[str], partitions: int) -> None:
    """Returns when each of these topics is the one that the store remembers; of one it never heard it remembers this one.

    Raises:
        IntakeStoppedError: it is another, or its partitions are.
        ClusterError, StoreError: one of the two does not answer.
    """
    for _, fault in topic_faults(admin, places, names, partitions):
        raise IntakeStoppedError(fault)


def topic_faults(
    admin: AdminClient, places: Places, names: Sequence[str], partitions: int
) -> Iterator[tuple[str, str]]:
    """The topics with which something is wrong, in their order, and what; the brokers are asked once for all.

    Raises:
        ClusterError, StoreError: one of the two does not answer.
    """
    found = find_topics(admin, names)
    for name in names:
        wanted = partitions if name == INTAKE else FROM_PARTITIONS
        seen, known = found.get(name), places.topic(name)
        fault = topic_fault(name, known, seen, wanted)
        if fault is None and known is None and seen is not None:
            fault = topic_fault(name, places.remember(name, seen), seen, wanted)
        if fault is not None:
            yield name, fault


def log_bounds(admin: AdminClient, parts: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
    """The first offset that each of these partitions still has, and the one after its last.

    Raises:
        ClusterError: no broker answers.
    """
    starts = _offsets(admin, parts, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    ends = _offsets(admin, parts, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    return {part: (starts[part], ends[part]) for part in parts}


def _offsets(admin: AdminClient, parts: Sequence[tuple[str, int]], spec: OffsetSpec) -> dict[tuple[str, int], int]:
    if not parts:
        return {}
    asked = {TopicPartition(*part): spec for part in parts}
    try:
        answers = admin.list_offsets(asked, request_timeout=SECONDS).items()
        return {(one.topic, one.partition): int(answer.result(2 * SECONDS).offset) for one, answer in answers}
    except KafkaException as error:
        raise no_answer(error) from None


def strangers(admin: AdminClient, groups: Collection[str]) -> int:
    """How many members these groups have that are no worker of a hub; -1 where the brokers do not tell yet."""
    count = 0
    for answer in admin.describe_consumer_groups(list(groups), request_timeout=SECONDS).values():
        try:
            count += sum(not member.client_id.startswith(CLIENT) for member in answer.result(2 * SECONDS).members)
        except KafkaException:
            return -1
    return count


def need_own_group(admin: AdminClient, group: str) -> None:
    """Returns when nobody but workers of a hub is in the group, as far as the brokers tell.

    Raises:
        IntakeStoppedError: somebody else is.
    """
    found = strangers(admin, [group])
    if found > 0:
        raise IntakeStoppedError(
            f"The consumer group {group} is used by {found} other program{'s' if found > 1 else ''}: what Kafka gives to "
            "them no worker reads. See which with `kafka-consumer-groups.sh --describe --members`, stop them, and take "
            "their permission for this group away: `schakel kafka init --dry-run` says whose it is."
        )
