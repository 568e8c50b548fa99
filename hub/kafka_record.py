# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The form of a record that a partner sends over Kafka, on the topic of its number (`hub.kafka_topics.from_topic`).

The value is one envelope or retraction, byte for byte what it would be in a request to the gateway: nothing around it, no
key, no headers.  So nothing stands beside the frame that could disagree with it: what counts is under the signature, and
who may have written it follows from the topic.  The time of a record is the broker's and decides nothing.

The frame is judged as if the address of the topic's number had sent it to the gateway: what names or is signed by
another is refused.  A record that is refused is counted against the partner of the topic; it is never passed over in
silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hub.kafka_topics import FROM_PARTITIONS, number_of
from schemas.codes import Code
from schemas.envelope import LARGEST


class Record(NamedTuple):
    """A record as a consumer has it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Sent(NamedTuple):
    """What the partner of this number sent: a frame that was not looked into yet."""

    number: int
    frame: bytes


class Refused(NamedTuple):
    """A record of the topic of this number (None: of no partner's topic) that is refused; `says` what to do."""

    number: int | None
    code: Code
    says: str


def sent_by_partner(record: Record) -> Sent | Refused:
    """The frame in a record, or why there is none."""
    number = number_of(record.topic)
    if number is None:
        return Refused(None, Code.UNKNOWN_SENDER, "This topic is of no partner: read only topics that the hub made.")
    if not 0 <= record.partition < FROM_PARTITIONS:
        says = "This partition was added to the topic by hand: make the topic anew with `schakel kafka init`."
        return Refused(number, Code.MALFORMED, says)
    if record.key is not None or record.headers:
        return Refused(
            number, Code.MALFORMED, "A record holds a frame and nothing beside it: send no key and no headers."
        )
    if not record.value:
        return Refused(number, Code.MALFORMED, "The record is empty: send one envelope in each record.")
    if len(record.value) > LARGEST:
        return Refused(number, Code.TOO_LARGE, "The record is larger than an envelope may be: send less.")
    return Sent(number, bytes(record.value))
