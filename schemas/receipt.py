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
    unsigned = [[1, message_id, code.value, day, salt] for message_id, code, salt in answers]
    signatures = key.sign_together([signed_bytes(_TAG, encode(frame)) for frame in unsigned])
    return [encode([*frame, list(signature)]) for frame, signature in zip(unsigned, signatures, strict=True)]


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
