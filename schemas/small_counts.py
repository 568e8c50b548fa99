# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""No count below five about ground, hold or objection, on anything that an operator watches.

Who sees one, at a time he knows, may know whom it is about. So such a count goes up by five at once, and below five nothing is
said. What ends without being stored is counted so too, whatever its reason: otherwise a small one could be found by
taking all others from the total.
"""

from collections.abc import Mapping
from typing import Final

from schemas.codes import Code

FEWEST: Final = 5
FEWER: Final = f"fewer than {FEWEST}"

# A stop of any reason looks the same outwardly, and so does its count; a ground is behind the others, or may be.
UNTOLD: Final = frozenset(
    {
        Code.NOT_ACTIVE,
        Code.NOT_PERMITTED_HERE,
        Code.NOT_PERMITTED,
        Code.STOPPED,
        Code.SEEN_ALREADY_RETRACTED,
        Code.EXPIRED,
        Code.NO_RECIPIENT,
        Code.MONTH_OVER,
        Code.UNKNOWN_HANDLE,
        Code.UNREADABLE,
        Code.INVALID_PART,
        Code.WRONG_TERMS,
    }
)


def stepped(count: int) -> int:
    """The count in whole fives, rounded down: neither a small one nor one more can be seen."""
    return count - count % FEWEST


def by_code(counts: Mapping[Code, int]) -> dict[str, int]:
    """Counts by code as they may be watched."""
    return {code.value: stepped(counts[code]) if code in UNTOLD else counts[code] for code in Code}


def few(count: int) -> int | str:
    """A count for a screen, or that it is a small one."""
    return FEWER if 0 < count < FEWEST else count


def in_words(code: str, count: int) -> str:
    """A code with its count, for a screen."""
    return f"{code} {few(count) if code in UNTOLD else count}"
