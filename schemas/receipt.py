# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The signed receipt: what the recipient's edge did with one envelope (wire.md section 1).

    [1, message id, code, day, 16 random bytes, signature]

The random bytes make two receipts of the same day unlike each other, so that a commitment can't be guessed.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_text
from schemas.codes import RECEIPT_CODES, Code
from schemas.signing import Signature, SigningKey, parse_signature, signed_bytes

LARGEST = 1024
_TAG = b"schakel/sign/receipt/v1\0"
_SIX = b"\x86"  # the first byte of an array of six items


class Receipt(NamedTuple):
    """A parsed receipt.  `signed` is what the signature covers."""

    raw: bytes
    message_id: bytes
    code: Code
    day: int
    signature: Signature
    signed: bytes


def sign_receipts(key: SigningKey, day: int, answers: list[tuple[bytes, Code, bytes]]) -> list[bytes]:
    """The receipts of `(message id, code, 16 random bytes)`, signed together (at most 1,024)."""
    unsigned = [encode([1, message_id, code.value, day, salt]) for message_id, code, salt in answers]
    signatures = key.sign_together([signed_bytes(_TAG, frame) for frame in unsigned])
    # An array of six is its first byte, what stands in the array of five, and one item more: nothing is encoded twice.
    return [_SIX + frame[1:] + encode(list(signature)) for frame, signature in zip(unsigned, signatures, strict=True)]


def parse_receipt(raw: bytes) -> Receipt:
    """The receipt in `raw`.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    frame = decode_array(raw, 6)
    version, message_id, code, day, salt, signature = frame
    if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
        raise FrameError("/version", "const")
    need_bytes(salt, 16, "/salt")
    known = RECEIPT_CODES.get(need_text(code, 32, "/code"))
    if known is None:
        raise FrameError("/code", "enum")
    return Receipt(
        raw=raw,
        message_id=need_bytes(message_id, 16, "/id"),
        code=known,
        day=need_int(day, 0, 100_000, "/day"),
        signature=parse_signature(signature, "/signature"),
        signed=signed_bytes(_TAG, encode(frame[:5])),
    )
