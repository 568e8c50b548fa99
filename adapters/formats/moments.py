# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Days and moments: the Dutch day of a moment with an offset of its own, a day as a moment in UTC, and a time of the day."""

import re
from datetime import UTC, date, datetime, time
from typing import Final

from schemas.calendar import day_of, start_of_day
from schemas.event import LAST_DAY

DAY_MS: Final = 86_400_000
# As an XSD has it (part 2, 3.2.8), without an offset.
_TIME: Final = re.compile(
    r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,20}))?"
    r"|24:00:00(?:\.0{1,20})?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_PAST_LAST_DAY = start_of_day(LAST_DAY + 1)


def dutch_day(day: str, hour: int, minute: int, second: int, offset: int) -> int | None:
    """The day; `day` is YYYY-MM-DD, `offset` minutes ahead of UTC. None when there is no such moment on the calendar."""
    found = moment(day, hour, minute, second, offset)
    return None if found is None else day_of(found)


def moment(day: str, hour: int, minute: int, second: int, offset: int) -> int | None:
    """The same in ms since 1970 UTC."""
    try:
        days = date.fromisoformat(day).toordinal() - _EPOCH
        clock = time(hour, minute, min(second, 59))
    except ValueError:
        return None
    found = (days * 86_400 + (clock.hour * 60 + clock.minute - offset) * 60 + clock.second) * 1000
    return found if 0 <= found < _PAST_LAST_DAY else None


def day_of_match(parts: re.Match[str]) -> int | None:
    """The day of a moment that a pattern took apart: date, hour, minute, second; with an offset sign, ahead and past."""
    found = moment_of_match(parts)
    return None if found is None else day_of(found)


def moment_of_match(parts: re.Match[str]) -> int | None:
    """The same in ms since 1970 UTC."""
    ahead = 0
    if parts["sign"] is not None:
        ahead = int(parts["ahead"]) * 60 + int(parts["past"])
        ahead = -ahead if parts["sign"] == "-" else ahead
    return moment(parts["date"], int(parts["hour"]), int(parts["minute"]), int(parts["second"]), ahead)


def moment_text(day: int) -> str:
    """A day as its first moment in the Netherlands, ``2026-03-30T22:00:00Z``: for standards that know no day."""
    return datetime.fromtimestamp(start_of_day(day) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ms_of_day(text: str) -> int | None:
    """A time of the day, to a fraction of a second, in ms; None where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    if found["hour"] is None:
        return DAY_MS
    fraction = int((found["fraction"] or "0")[:3].ljust(3, "0"))
    return (int(found["hour"]) * 3600 + int(found["minute"]) * 60 + int(found["second"])) * 1000 + fraction
