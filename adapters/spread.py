# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""When something leaves and in which order, so that moments and order do not tell what belongs together.  Pure.

Guarantees:
- each moment is drawn by itself, evenly over every working minute (Monday to Friday, 08:00 to 18:00 in the Netherlands) of
  as many working days as are set, counted from the minute in which it is drawn: the window is as wide at any hour;
- it is a whole minute, never before the time at which it is drawn, and never after the last day on which it may leave;
- an order is drawn evenly among all orders.

Dutch public holidays count as working days.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from schemas.calendar import day_of, first_day, is_working_day, month_of, next_working_day, start_of_day

Random = Callable[[int], bytes]
T = TypeVar("T")

OPENS: Final = 8 * 60  # minutes of the day
CLOSES: Final = 18 * 60
WORKING_MINUTES: Final = CLOSES - OPENS
DAYS: Final = 2  # unless an edge sets another number: decision 0025
NEXT_MONTH_FROM: Final = (20, 27)  # days of the month on which a batch of the next month's handles begins
MOST_DAYS: Final = 5
AT_ONCE: Final = 0  # the moment of what does not wait
LONGEST_WAIT: Final = (MOST_DAYS + 4) * 86_400_000  # two weekends: no draw lies further ahead, in milliseconds
_DRAW: Final = 8  # bytes
_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
_SPARE: Final = 60  # minutes before midnight of its last day by which something has left


def release_moment(now: int, days: int, random: Random, last_day: int | None = None) -> int:
    """When something that is put in the outbox now may leave, in unix milliseconds; `AT_ONCE` when it does not wait.

    `days`: over how many working days moments are spread, 0 for at once.  `last_day`: the last on which it may leave; when
    the draw lies beyond, it is drawn from what is left of the time until then, an hour before midnight.
    """
    if days == 0:
        return AT_ONCE
    drawn = _after_working_minutes(now, _below(days * WORKING_MINUTES, random))
    if last_day is None or day_of(drawn) <= last_day:
        return drawn
    left = (start_of_day(last_day + 1) - now) // _MINUTE - _SPARE
    return AT_ONCE if left <= 1 else _whole(now) + _below(left - 1, random) * _MINUTE


def shuffled(things: Iterable[T], random: Random) -> list[T]:
    """These, in a random order."""
    all_of_them = list(things)
    drawn = random(_DRAW * len(all_of_them))  # in one call: eight bytes each
    order = sorted(range(len(all_of_them)), key=lambda at: drawn[_DRAW * at : _DRAW * (at + 1)])
    return [all_of_them[at] for at in order]


def batch_limit(today: int) -> int | None:
    """The handles of the next month are registered today of the grants whose first was before this day; None: of none.

    A grant that is first registered on the 20th or later waits for the 27th, one after that until it is used in the next
    month: together with few others, or alone, its next handle would stand beside its first.
    """
    first = first_day(month_of(today)) - 1
    return max((first + day for day in NEXT_MONTH_FROM if first + day <= today), default=None)


def _after_working_minutes(now: int, minutes: int) -> int:
    """The working minute that comes so many working minutes after the first that has not begun."""
    start = _whole(now)
    day = day_of(start)
    at = (start - start_of_day(day)) // _MINUTE  # the clock is turned on Sundays: a working day has 24 hours
    if not is_working_day(day) or at >= CLOSES:
        day, at = next_working_day(day), OPENS
    at = max(at, OPENS) + minutes
    while at >= CLOSES:
        day, at = next_working_day(day), at - CLOSES + OPENS
    return start_of_day(day) + at * _MINUTE


def _whole(now: int) -> int:
    return -(-now // _MINUTE) * _MINUTE


def _below(limit: int, random: Random) -> int:
    return int.from_bytes(random(8), "big") % limit  # 8 bytes: what the remainder favours is below 1 in 10**15
