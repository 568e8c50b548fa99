# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Days and months of the Dutch calendar as integers.

Guarantees: every limit that a decision depends on is a whole calendar day in Europe/Amsterdam, whatever the time zone
of the machine. A *day* counts from 1970-01-01 (day 0), a *month* is ``year * 12 + month - 1``, a *time* is unix
milliseconds. Text is read strictly (one spelling per value) and an error never repeats what was read.
Times before 1970 are not supported.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@lru_cache(maxsize=4096)
def _offset_ms(hour: int) -> int:
    """How far the Dutch clock is ahead of UTC in this hour. The clock only ever turns on a whole hour of UTC."""
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(_ZONE).utcoffset() or timedelta()
    return int(offset.total_seconds()) * 1000


def day_of(ms: int) -> int:
    """The calendar day in the Netherlands at this time."""
    return (ms + _offset_ms(ms // _HOUR_MS)) // _DAY_MS


def start_of_day(day: int) -> int:
    """The time at which this day begins in the Netherlands (midnight is never skipped or doubled here)."""
    midnight = datetime.combine(_date(day), datetime.min.time(), _ZONE)
    return int(midnight.timestamp()) * 1000


def on_the_clock(day: int, hour: int, minute: int, second: int) -> int:
    """The time at which the Dutch clock shows this on a day; in the hour that it shows twice the first, and what it leaves out in
    spring an hour later."""
    shown = datetime.combine(_date(day), time(hour, minute, min(second, 59)), _ZONE)
    return int(shown.timestamp()) * 1000


def date_text(day: int) -> str:
    """This day as ``2026-03-31``."""
    return _date(day).isoformat()


def parse_date(text: str) -> int:
    """The day that ``2026-03-31`` names.

    Raises:
        ValueError: not exactly that form, or no such day; never with the text in it.
    """
    if not _DATE.fullmatch(text):
        raise ValueError("not a date of the form YYYY-MM-DD")
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise ValueError("no such day in the calendar") from None


def month_of(day: int) -> int:
    """The month in which this day lies."""
    when = _date(day)
    return when.year * 12 + when.month - 1


def month_text(month: int) -> str:
    """This month as ``2026-03``."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def parse_month(text: str) -> int:
    """The month that ``2026-03`` names.

    Raises:
        ValueError: not exactly that form; never with the text in it.
    """
    match = _MONTH.fullmatch(text)
    if match is None:
        raise ValueError("not a month of the form YYYY-MM")
    return int(match[1]) * 12 + int(match[2]) - 1


def first_day(month: int) -> int:
    """The first day of this month."""
    return date(month // 12, month % 12 + 1, 1).toordinal() - _EPOCH


def last_day(month: int) -> int:
    """The last day of this month."""
    return first_day(month + 1) - 1


def is_working_day(day: int) -> bool:
    """Whether this day is a Monday to Friday. Dutch public holidays are not known here: they count as working days."""
    return (day + 3) % 7 < 5  # day 0 was a Thursday


def next_working_day(day: int) -> int:
    """The first working day after this day."""
    after = day + 1
    while not is_working_day(after):
        after += 1
    return after


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + day)
