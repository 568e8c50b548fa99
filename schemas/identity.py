# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Who an event is about, as the partner's own system names this person.

- A citizen is named by a BSN, by the partner's own client number, or by both; never by a name.
- No `repr`, and no error raised here, shows a number.
"""

import re
from dataclasses import dataclass

from stdnum.nl import bsn as _bsn

_NINE_DIGITS = re.compile(r"[0-9]{9}")
_NOBODY = "0" * 9
_OWN_NUMBER_LIMIT = 64


@dataclass(frozen=True, slots=True, repr=False)
class Citizen:
    """One person at one partner; at least one of the two numbers is there."""

    bsn: str | None = None
    own_number: str | None = None

    def __post_init__(self) -> None:
        if self.bsn is None and self.own_number is None:
            raise ValueError("a citizen needs a bsn or an own number")
        if self.bsn is not None:
            check_bsn(self.bsn)
        if self.own_number is not None and not 0 < len(self.own_number) <= _OWN_NUMBER_LIMIT:
            raise ValueError("an own number must be 1 to 64 characters")

    def __repr__(self) -> str:
        return "Citizen(***)"


def check_bsn(text: str) -> str:
    """Return the BSN when it is nine digits and passes the eleven-test.

    Raises:
        ValueError: it does not; without the value.
    """
    # python-stdnum also takes spaces, dots and eight digits; no native format here does.
    if _NINE_DIGITS.fullmatch(text) is None:
        raise ValueError("a bsn has exactly nine digits")
    # Nine digits need none of its cleaning, which would cost more than all else that is looked at.
    if _bsn.checksum(text) != 0 or text == _NOBODY:
        raise ValueError("this bsn fails the eleven-test")
    return text


def mask(bsn: str) -> str:
    """Show the last four digits only, for a person who must recognise a number on a screen."""
    return "*****" + bsn[-4:]
