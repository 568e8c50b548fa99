# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The stop code of the consent receipt: with it any partner can stop what the citizen agreed to.

Guarantees: it opens and signs nothing; a slip of the pen is noticed before anything is sent; what is said of a wrong
code does not repeat it.
"""

import hashlib
from typing import Final

_SECRET: Final = 32
_CHECK: Final = 2
_GROUP: Final = 4


class StopCodeError(ValueError):
    """This is no stop code."""


def stop_code(secret: bytes) -> str:
    """The secret of the handles with two bytes that catch mistakes: 17 groups of four."""
    digits = (secret + _check(secret)).hex()
    return "-".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))


def read_stop_code(text: str) -> bytes:
    """The secret in a stop code, however it was spaced.

    Raises:
        StopCodeError: it is none, or a mistake was made in copying it.
    """
    digits = "".join(text.split()).replace("-", "").lower()
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raise StopCodeError("de stopcode bestaat uit cijfers en de letters a tot en met f") from None
    secret, check = raw[:_SECRET], raw[_SECRET:]
    if len(raw) != _SECRET + _CHECK or check != _check(secret):
        raise StopCodeError("de stopcode klopt niet: kijk of alle 17 groepen goed zijn overgenomen")
    return secret


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(b"schakel/stop-code/v1\0" + secret).digest()[:_CHECK]
