# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The one-time code by which a citizen introduces himself: printed at the sender, typed at the recipient.

    7K3M-QX9T-2BWF     three groups of four signs; eleven are random (55 bits), the twelfth catches mistakes

Guarantees:
- a slip of one sign, or two signs that changed places, is noticed before anything is looked up;
- what stands for a code in an introduction and in both stores is its *proof*: HMAC(scrypt(code, recipient), salt of the
  grant). Whoever steals one tries 2^54 codes at about a tenth of a second and 32 MiB each before one fits;
- a code is stretched once, whatever the number of introductions that it is held against, so the time tells nothing;
- it works at one recipient only; no error repeats it.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

CODE_DAYS: Final = 14  # after the day on which it was printed; a receipt counts at the hub for 30 days
_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U
_READ_AS: Final = str.maketrans("ILO", "110")
_RANDOM: Final = 11
_GROUP: Final = 4
_TAG: Final = b"schakel/code/v1\0"
_LARGEST: Final = 256  # characters that are looked at
_OF_A_STOP_CODE: Final = 40  # signs; a code has 12, a stop code 68
_FORM: Final = "een code bestaat uit drie groepen van vier cijfers en letters"


class CodeError(ValueError):
    """These signs are no code; said in Dutch, without repeating them."""


@dataclass(frozen=True, slots=True, repr=False)
class OneTimeCode:
    """A code for one recipient, with what it was stretched to."""

    text: str
    stretched: bytes

    def proof(self, salt: bytes) -> bytes:
        """What stands for it in the introduction of a grant with this salt."""
        return hmac.digest(self.stretched, salt, "sha256")

    def fits(self, proof: bytes, salt: bytes) -> bool:
        """Whether this is the code of that introduction."""
        return hmac.compare_digest(self.proof(salt), proof)


def new_code(recipient: str, random: Callable[[int], bytes]) -> OneTimeCode:
    """A code for this address."""
    drawn = int.from_bytes(random(7), "big")
    values = [drawn >> 5 * at & 31 for at in range(_RANDOM)]
    signs = "".join(_SIGNS[value] for value in (*values, _check(values)))
    return _stretch(signs, recipient)


def read_code(text: str, recipient: str) -> OneTimeCode:
    """The code that somebody typed at this address, whatever stands between its signs; I and L are read as 1, O as 0.

    Raises:
        CodeError: it is none, or a mistake was made in copying it. Said of the signs alone: nothing is looked up for it.
    """
    signs = "".join(sign for sign in text[:_LARGEST] if sign.isalnum()).upper().translate(_READ_AS)
    _look_at(signs)
    values = [_SIGNS.index(sign) for sign in signs]
    if _check(values[:-1]) != values[-1]:
        raise CodeError("de code klopt niet: kijk of alle twaalf tekens goed zijn overgenomen")
    return _stretch(signs, recipient)


def _look_at(signs: str) -> None:
    """Says what is wrong with signs that can be no code."""
    if not signs:
        raise CodeError(f"er is niets ingevuld: {_FORM}")
    if len(signs) >= _OF_A_STOP_CODE:
        raise CodeError(f"dit lijkt een stopcode, en die hoort hier niet: {_FORM}")
    if len(signs) != _RANDOM + 1:
        raise CodeError(f"{_FORM}, en dit zijn er {len(signs)}: neem alle twaalf tekens over")
    if any(sign not in _SIGNS for sign in signs):
        raise CodeError(f"{_FORM}; de letter U (is het een V?) en letters met een accent staan er nooit in")


def _stretch(signs: str, recipient: str) -> OneTimeCode:
    salt = _TAG + recipient.encode()
    stretched = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(signs.encode())
    return OneTimeCode("-".join(signs[at : at + _GROUP] for at in range(0, len(signs), _GROUP)), stretched)


def _check(values: list[int]) -> int:
    """The value that makes the sum of all, each times another power of x in GF(32), zero."""
    total = 0
    for value in values:
        total = _times_x(total ^ value)
    return total


def _times_x(value: int) -> int:
    return (value << 1) ^ (0b100101 if value & 16 else 0)  # x^5 + x^2 + 1
