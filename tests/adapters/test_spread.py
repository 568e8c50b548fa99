# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""When something leaves: the rules by themselves."""

from __future__ import annotations

import random as randomness
from collections import Counter
from itertools import pairwise

import pytest

from adapters.spread import (
    AT_ONCE,
    CLOSES,
    DAYS,
    LONGEST_WAIT,
    MOST_DAYS,
    OPENS,
    WORKING_MINUTES,
    batch_limit,
    release_moment,
    shuffled,
)
from schemas.calendar import day_of, is_working_day, next_working_day, parse_date, start_of_day
from tests.simulator import DAY, HOUR, MINUTE, at

TIMES = (
    "2026-03-03 00:00",
    "2026-03-03 02:00",
    "2026-03-03 08:00",
    "2026-03-03 11:17",
    "2026-03-03 17:59",
    "2026-03-03 18:00",
    "2026-03-06 16:40",  # a Friday
    "2026-03-07 12:00",
    "2026-03-27 17:00",  # before the clock goes forward
    "2026-10-23 17:00",  # before it goes back
)


def _draws(now: int, days: int, count: int = 4_000, last_day: int | None = None) -> list[int]:
    draw = randomness.Random(7).randbytes  # noqa: S311  # must be the same in every run
    return [release_moment(now, days, draw, last_day) for _ in range(count)]


def _of_the_day(moment: int) -> int:
    return (moment - start_of_day(day_of(moment))) // MINUTE


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("days", [1, 2, MOST_DAYS])
def test_a_moment_is_a_whole_working_minute_that_has_not_begun(text: str, days: int) -> None:
    now = at(text)
    for moment in _draws(now, days):
        assert moment % MINUTE == 0
        assert moment >= now
        assert is_working_day(day_of(moment))
        assert OPENS <= _of_the_day(moment) < CLOSES
        assert moment <= now + LONGEST_WAIT


@pytest.mark.parametrize("text", TIMES)
def test_the_window_is_as_wide_at_any_hour_and_all_of_it_is_used_evenly(text: str) -> None:
    days = 2
    moments = Counter(_draws(at(text), days, 60 * days * WORKING_MINUTES))
    assert len(moments) == days * WORKING_MINUTES
    ordered = sorted(moments)
    a_tenth = len(ordered) // 10
    tenths = [sum(moments[one] for one in ordered[at : at + a_tenth]) for at in range(0, len(ordered), a_tenth)]
    assert max(tenths) < 1.1 * min(tenths)
    for before, after in pairwise(ordered):  # no working minute between them is left out
        assert after - before == MINUTE or (
            _of_the_day(before) == CLOSES - 1
            and _of_the_day(after) == OPENS
            and day_of(after) == next_working_day(day_of(before))
        )


def test_what_comes_at_the_end_of_friday_leaves_until_tuesday_and_not_in_the_weekend() -> None:
    days = {day_of(moment) for moment in _draws(at("2026-03-06 17:58"), DAYS)}
    assert days == {parse_date(text) for text in ("2026-03-06", "2026-03-09", "2026-03-10")}


def test_nothing_is_drawn_beyond_the_last_day_on_which_it_may_leave() -> None:
    now, last = at("2026-03-03 16:00"), parse_date("2026-03-03")
    moments = _draws(now, DAYS, last_day=last)
    assert all(now <= moment < at("2026-03-03 23:00") for moment in moments)
    assert len({moment // HOUR for moment in moments}) == 7  # of all the time that is left
    assert set(_draws(at("2026-03-03 23:01"), DAYS, last_day=last)) == {AT_ONCE}


def test_without_spread_and_on_a_day_that_is_over_it_leaves_at_once() -> None:
    now = at("2026-03-03 11:00")
    assert release_moment(now, 0, lambda _: b"") == AT_ONCE
    assert set(_draws(now + DAY, DAYS, 10, last_day=day_of(now))) == {AT_ONCE}


def test_any_order_is_as_probable_as_any_other() -> None:
    draw = randomness.Random(7).randbytes  # noqa: S311  # must be the same in every run
    orders = Counter("".join(shuffled("abcd", draw)) for _ in range(24_000))
    assert len(orders) == 24
    assert all(850 < count < 1_150 for count in orders.values())


@pytest.mark.parametrize(
    ("today", "limit"),
    [
        ("2026-03-01", None),
        ("2026-03-19", None),
        ("2026-03-20", "2026-03-20"),
        ("2026-03-26", "2026-03-20"),
        ("2026-03-27", "2026-03-27"),
        ("2026-02-28", "2026-02-27"),
    ],
)
def test_the_handles_of_next_month_are_registered_in_two_batches_of_grants_from_before(
    today: str, limit: str | None
) -> None:
    assert batch_limit(parse_date(today)) == (None if limit is None else parse_date(limit))
