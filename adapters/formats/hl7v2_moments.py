# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Moments of HL7 v2 (TS and DTM): to the day, the hour, the minute or finer, with a time zone or without."""

import re
from typing import Final

from adapters.formats.moments import moment
from schemas.calendar import day_of, on_the_clock, parse_date
from schemas.event import FIRST_DAY, LAST_DAY

# The second component of TS says how precise it is; versions since 2.3 have it for those before.
_STAMP: Final = re.compile(
    r"(?P<day>[0-9]{8})"
    r"(?:(?P<hour>[01][0-9]|2[0-3])(?:(?P<minute>[0-5][0-9])(?:(?P<second>[0-5][0-9])(?:\.[0-9]{1,4})?)?)?)?"
    r"(?P<offset>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?(?:\^[YLDHMS]?)?"
)
# A year or a month alone, where no day is needed.
_NO_DAY: Final = re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])?(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])?(?:\^[YLDHMS]?)?")


def stamp(text: str) -> tuple[int, int] | None:
    """The day and the moment, in ms since 1970 UTC; None where it names no day of our calendar.

    Without a time zone a moment is in the time of the sender, and so is its day; as a moment it counts as Dutch time,
    which is near enough to tell which of two messages of one sender came later.
    """
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return None
    written = parts["day"]
    day = f"{written[:4]}-{written[4:6]}-{written[6:]}"
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    offset = parts["offset"]
    if offset is not None and parts["hour"] is not None:
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        at = moment(day, hour, minute, second, -minutes if offset[0] == "-" else minutes)
        return None if at is None else (day_of(at), at)
    try:
        found = parse_date(day)
    except ValueError:
        return None
    if not FIRST_DAY <= found <= LAST_DAY:
        return None
    return found, on_the_clock(found, hour, minute, second)


def is_sound(text: str) -> bool:
    """Whether a moment that is not used is one of the standard: also a year or a month alone, or nothing."""
    if not text or _NO_DAY.fullmatch(text) is not None:
        return True
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return False
    try:
        parse_date(f"{parts['day'][:4]}-{parts['day'][4:6]}-{parts['day'][6:]}")
    except ValueError:
        return False
    return True
