# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The form of a record that a partner writes to its own topic of the hub's Kafka, and the key that it is under.  Pure.

    1 | hour (4 bytes) | nonce (12) | AES-256-GCM of the frame

* The key is derived from the hub's key of the hour, for one partner and one hour.  The partner gets it over the gateway
  and lets go of it when the hour is over; the hub derives it again until it destroys the key of the hour.  After that
  the record opens nowhere, in no copy of the brokers' disks either.
* The key of one partner opens nothing of another, and nothing that came in over a gateway.
* The frame within is what it would be in a request to the gateway; who may have written it follows from the topic.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from schemas.envelope import LARGEST

KEY_SIZE = 32
NONCE_SIZE = 12
HOUR_SECONDS = 3_600
_VERSION = 1
_OPEN = Struct(">BI")
_WHOSE = Struct(">II")
_TAG = b"schakel/from/v1\0"
_AROUND = _OPEN.size + NONCE_SIZE + 16
LARGEST_WRAPPED = LARGEST + _AROUND


class HourKey(NamedTuple):
    """A partner's key of an hour: use it for so many seconds from now, and no longer."""

    hour: int
    seconds: int
    key: bytes


class Wrapped(NamedTuple):
    """A record as it came: its hour, and what opens it when the key of that hour is there."""

    hour: int
    nonce: bytes
    sealed: bytes


def partner_key(key_of_hour: bytes, number: int, hour: int) -> bytes:
    """The key of the partner of this number, from the hub's key of the hour."""
    return HKDFExpand(SHA256(), KEY_SIZE, _TAG + _WHOSE.pack(number, hour)).derive(key_of_hour)


def wrap(frame: bytes, hour: int, key: AESGCM, nonce: bytes) -> bytes:
    """The value of the record; the nonce is random and used once."""
    head = _OPEN.pack(_VERSION, hour)
    return head + nonce + key.encrypt(nonce, frame, _TAG + head)


def read(value: bytes) -> Wrapped | None:
    """The record in a value; None when it has another form."""
    if len(value) <= _AROUND:
        return None
    version, hour = _OPEN.unpack_from(value)
    if version != _VERSION:
        return None
    return Wrapped(hour, value[_OPEN.size : _OPEN.size + NONCE_SIZE], value[_OPEN.size + NONCE_SIZE :])


def unwrap(wrapped: Wrapped, key: AESGCM) -> bytes | None:
    """The frame; None when it was not wrapped under this key."""
    try:
        return key.decrypt(wrapped.nonce, wrapped.sealed, _TAG + _OPEN.pack(_VERSION, wrapped.hour))
    except InvalidTag:
        return None
