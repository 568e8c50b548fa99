# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of a hub's Kafka, the table `[kafka]` of `hub.toml`.

Guarantees: one copy of a record must be asked for; the number of partitions is a setting that the store remembers.
"""

from dataclasses import dataclass
from pathlib import Path

from hub.kafka_topics import INTAKE_PARTITIONS, OUTCOMES_PARTITIONS
from schemas.address import PATTERN
from schemas.kafka_way import KafkaWay
from schemas.settings import Wrong, many, optional, path, pattern, whole

_COPIES = (1, 3)
_MOST_SENDERS = 5_000


def _copies(value: object, _: Path) -> int:
    if type(value) is not int or value not in _COPIES:
        raise Wrong("must be 3, or 1 on a single broker")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConfig(KafkaWay):
    """Every setting of the hub's Kafka, the table `[kafka]`. Without the table the hub has none."""

    copies: int = optional(
        _copies,
        3,
        "How many brokers have each record: 3, or 1 where there is a single broker, which then flushes each one.",
    )
    partitions: int = optional(
        whole(1, 1_000),
        INTAKE_PARTITIONS,
        "How many partitions the intake has, so at most so many workers. It never changes.",
    )
    hour_keys_file: Path = optional(
        path,
        Path("hour.keys"),
        "File with the keys of the hours, under which envelopes lie in Kafka until they are decided; the same one on every "
        "machine of the hub, and in no back-up. Written by the hub.",
    )
    outcomes_partitions: int = optional(
        whole(1, 100),
        OUTCOMES_PARTITIONS,
        "How many partitions the outcomes have, which the watch reads. It never changes.",
    )
    senders: tuple[str, ...] = optional(
        many(pattern(PATTERN, "must be urn:nld:oin:<20 digits>:<role>"), _MOST_SENDERS),
        (),
        "Addresses of partners in the hub's own network that may send over Kafka, each on a topic of its own: "
        "`schakel kafka init` makes it. Whoever is suspended or removed may not, listed or not.",
    )
