# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of an edge that sends over Kafka, the table `[kafka]` of `edge.toml`.

Guarantees: only what is sent goes that way; the topic is that of one partner number, in full.
"""

from dataclasses import dataclass

from schemas.kafka_way import KafkaWay
from schemas.settings import pattern, required


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSending(KafkaWay):
    """Every setting of sending over the hub's Kafka, the table `[kafka]`. Without the table all goes to the gateway."""

    topic: str = required(
        pattern(r"schakel\.from\.[0-9]{6}", "must be schakel.from. and the six digits of the partner number"),
        "The topic of this edge: schakel.from. and the number that the hub gave to its address, in six digits.",
    )
