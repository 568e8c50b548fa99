# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The statement of an address that its edge was put back from a back-up (delivery.md section 6).

    [1, "restored", signer, key id, day, day of the back-up, signature]

Whoever told this address something that it acknowledged since the day of the back-up tells it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.address import need_address
from schemas.canonical import FrameError, decode_array, encode, need_int, need_text
from schemas.signing import Signature, SigningKey, parse_signature, signed_bytes

LARGEST = 1024
_KIND = "restored"
_HIGHEST_DAY = 100_000
_TAG = b"schakel/sign/restored/v1\0"


@dataclass(frozen=True, slots=True)
class Restored:
    """A parsed statement.  `since` is the day of the back-up; `signed` is what the signature covers."""

    raw: bytes
    signer: str
    key_id: str
    day: int
    since: int
    signature: Signature
    signed: bytes


def sign_restored(key: SigningKey, signer: str, day: int, since: int) -> bytes:
    """The frame, signed alone."""
    unsigned = [1, _KIND, signer, key.key_id, day, since]
    [signature] = key.sign_together([signed_bytes(_TAG, encode(unsigned))])
    return encode([*unsigned, list(signature)])


def parse_restored(raw: bytes) -> Restored:
    """The statement in `raw`.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    frame = decode_array(raw, 7)
    version, kind, signer, key_id, day, since, signature = frame
    if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
        raise FrameError("/version", "const")
    if kind != _KIND:
        raise FrameError("/kind", "const")
    signed_on = need_int(day, 0, _HIGHEST_DAY, "/day")
    return Restored(
        raw=raw,
        signer=need_address(signer, "/signer"),
        key_id=need_text(key_id, 16, "/key"),
        day=signed_on,
        since=need_int(since, 0, signed_on, "/since"),
        signature=parse_signature(signature, "/signature"),
        signed=signed_bytes(_TAG, encode(frame[:6])),
    )
