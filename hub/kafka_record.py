# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The form of a record that a partner sends over Kafka, on the topic of its number (`hub.kafka_topics.from_topic`).

The value is one envelope or retraction, byte for byte what it would be in a request to the gateway, wrapped under this
partner's key of the hour (`schemas.hour_wrap`); no key, no headers.  So nothing stands beside the frame that could disagree
with it: what counts is under the signature, and who may have written it follows from the topic.  The time of a record is
the broker's and decides nothing.

The frame is judged as if the address of the topic's number had sent it to the gateway: what names or is signed by
another is refused.  A record that is refused is counted against the partner of the topic; it is never passed over in
silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.kafka_topics import FROM_PARTITIONS, number_of
from schemas.codes import Code
from schemas.hour_wrap import LARGEST_WRAPPED, read, unwrap


class Record(NamedTuple):
    """A record as a consumer has it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Sent(NamedTuple):
    """What the partner of this number sent in this hour: a frame that was not looked into yet."""

    number: int
    hour: int
    frame: bytes


class Refused(NamedTuple):
    """A record of the topic of this number (None: of no partner's topic) that is refused; `says` what to do."""

    number: int | None
    code: Code
    says: str


def sent_by_partner(record: Record, key_of: Callable[[int, int], AESGCM | None]) -> Sent | Refused:
    """The frame in a record, or why there is none.  `key_of`: the key of a partner and an hour, None where it is destroyed,
    or never was."""
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
    if len(record.value) > LARGEST_WRAPPED:
        return Refused(number, Code.TOO_LARGE, "The record is larger than an envelope may be: send less.")
    wrapped = read(record.value)
    if wrapped is None:
        says = "The record is not wrapped under the key of an hour: bring the edge of this partner up to date."
        return Refused(number, Code.MALFORMED, says)
    key = key_of(number, wrapped.hour)
    if key is None:
        says = "The key of its hour is destroyed: it came too late; its sender sends it again."
        return Refused(number, Code.KEY_LOST, says)
    frame = unwrap(wrapped, key)
    if frame is None:
        says = "The record is not under this partner's key of its hour: find out who else may write to its topic."
        return Refused(number, Code.MALFORMED, says)
    return Sent(number, wrapped.hour, frame)
