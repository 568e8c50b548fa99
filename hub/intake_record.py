# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The form of a record that a gateway writes to the topic of the intake.  Pure.

    1 | hour (4 bytes) | nonce (12) | AES-256-GCM of [number of the sender (4), number of the log (4), frame]

* Sealed under the key of the hour in which it was taken; the hour and the partition are bound to it, so a record that was
  moved to another partition does not open.
* No key, no headers: nothing stands beside the value that could disagree with it.  What counts is under the signature of
  the frame, and is looked at again by whoever decides.
* `number of the log`: what was taken before a recovery is not decided after it; its sender seals again.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.kafka_record import Record, Refused
from schemas.codes import Code
from schemas.envelope import LARGEST

HOUR_MS = 3_600_000
NONCE_SIZE = 12
_VERSION = 1
_OPEN = Struct(">BI")
_INNER = Struct(">II")
_ABOUT = Struct(">II")
_TAG = b"schakel/intake/v1\0"
_MAC = 16
_AROUND = _OPEN.size + NONCE_SIZE + _INNER.size + _MAC
LARGEST_RECORD = LARGEST + _AROUND
_HIGHEST = 0xFFFFFFFF


class Kept(NamedTuple):
    """What stands in a record: who sent the frame, in which log it was taken, the frame."""

    number: int
    log: int
    frame: bytes


def hour_of(now: int) -> int:
    """The hour of a time in unix milliseconds, counted from 1970."""
    return max(now, 0) // HOUR_MS


def wrap(kept: Kept, partition: int, hour: int, key: AESGCM, nonce: bytes) -> bytes:
    """The value of the record; the nonce is random and used once."""
    inner = _INNER.pack(kept.number, kept.log) + kept.frame
    return _OPEN.pack(_VERSION, hour) + nonce + key.encrypt(nonce, inner, _about(hour, partition))


def unwrap(record: Record, key_of: Callable[[int], AESGCM | None]) -> tuple[int, Kept] | Refused:
    """The hour of a record and what stands in it, or why it is refused.  `key_of`: None for an hour whose key is
    destroyed, or never was."""
    value = record.value
    if record.key is not None or record.headers:
        return _refused(
            Code.MALFORMED, "It has a key or headers, which no gateway writes: find out who else may write."
        )
    if not value:
        return _refused(Code.MALFORMED, "It is empty, which no gateway writes: find out who else may write.")
    if len(value) > LARGEST_RECORD:
        return _refused(Code.TOO_LARGE, "It is larger than an envelope may be: find out who else may write.")
    if len(value) <= _AROUND:
        return _refused(Code.MALFORMED, "It is cut off: look at the disks of the brokers, and who else may write.")
    version, hour = _OPEN.unpack_from(value)
    if version != _VERSION:
        return _refused(Code.MALFORMED, "It is of a newer Schakel: bring the workers up to date before the gateways.")
    key = key_of(hour)
    if key is None:
        return _refused(Code.KEY_LOST, "The key of its hour is destroyed: it came too late; its sender sends again.")
    try:
        nonce = value[_OPEN.size : _OPEN.size + NONCE_SIZE]
        inner = key.decrypt(nonce, value[_OPEN.size + NONCE_SIZE :], _about(hour, record.partition))
    except InvalidTag:
        return _refused(Code.MALFORMED, "It was changed or moved to another partition: find out who else may write.")
    number, log = _INNER.unpack_from(inner)
    return hour, Kept(number, log, inner[_INNER.size :])


def _about(hour: int, partition: int) -> bytes:
    return _TAG + _ABOUT.pack(hour, partition & _HIGHEST)


def _refused(code: Code, says: str) -> Refused:
    return Refused(None, code, says)
