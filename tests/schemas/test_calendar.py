# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The Dutch calendar in whole days: right over summer and winter time, strict in what it reads."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import calendar

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAYS = st.integers(min_value=0, max_value=calendar.parse_date("2199-12-31"))
TIMES = st.integers(min_value=0, max_value=calendar.start_of_day(calendar.parse_date("2099-12-31")))


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-28T22:59:59.999+00:00", "2026-03-28"),
        ("2026-03-28T23:00:00+00:00", "2026-03-29"),
        ("2026-03-29T21:59:59.999+00:00", "2026-03-29"),  # the day that has 23 hours
        ("2026-03-29T22:00:00+00:00", "2026-03-30"),
        ("2026-10-24T21:59:59.999+00:00", "2026-10-24"),
        ("2026-10-24T22:00:00+00:00", "2026-10-25"),
        ("2026-10-25T22:59:59.999+00:00", "2026-10-25"),  # the day that has 25 hours
        ("2026-10-25T23:00:00+00:00", "2026-10-26"),
        ("2026-12-31T23:00:00+00:00", "2027-01-01"),
        ("1970-01-01T00:00:00+00:00", "1970-01-01"),
    ],
)
def test_a_day_turns_at_dutch_midnight_also_when_the_clock_changes(moment: str, day: str) -> None:
    assert calendar.date_text(calendar.day_of(_ms(moment))) == day


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_the_days_of_the_clock_change_have_23_and_25_hours(day: str, hours: int) -> None:
    number = calendar.parse_date(day)

    length = calendar.start_of_day(number + 1) - calendar.start_of_day(number)

    assert length == hours * 3_600_000


@given(TIMES)
@settings(max_examples=300, deadline=None)
def test_a_day_is_the_day_that_the_time_zone_database_gives(ms: int) -> None:
    local = datetime.fromtimestamp(ms // 1000, UTC).astimezone(AMSTERDAM)

    assert calendar.date_text(calendar.day_of(ms)) == local.date().isoformat()


@given(DAYS)
@settings(max_examples=200, deadline=None)
def test_a_day_begins_where_the_day_before_it_ends(day: int) -> None:
    begin = calendar.start_of_day(day)

    assert calendar.day_of(begin) == day
    assert day == 0 or calendar.day_of(begin - 1) == day - 1


@given(DAYS)
@settings(max_examples=200, deadline=None)
def test_every_day_lies_in_exactly_one_month(day: int) -> None:
    month = calendar.month_of(day)

    assert calendar.first_day(month) <= day <= calendar.last_day(month)
    assert calendar.last_day(month) + 1 == calendar.first_day(month + 1)


@given(DAYS)
@settings(max_examples=100, deadline=None)
def test_text_of_days_and_months_reads_back_to_the_same(day: int) -> None:
    month = calendar.month_of(day)

    assert calendar.parse_date(calendar.date_text(day)) == day
    assert calendar.parse_month(calendar.month_text(month)) == month
    assert calendar.date_text(day).startswith(calendar.month_text(month) + "-")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20260331",
        "2026-3-31",
        "2026-W14-2",
        " 2026-03-31",
        "2026-03-31\n",
        "2026-03-31T00:00:00",
        "-026-03-31",
        "٢٠٢٦-03-31",
    ],
)
def test_a_date_in_any_other_form_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a date of the form YYYY-MM-DD$"):
        calendar.parse_date(text)


@pytest.mark.parametrize("text", ["2027-06-31", "2026-02-29", "2026-13-01", "0000-01-01", "2026-00-10"])
def test_a_day_that_does_not_exist_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no such day in the calendar$") as caught:
        calendar.parse_date(text)

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("text", ["", "2026-13", "2026-00", "2026-3", "202603", "2026-03-01", "2026-03\n", "٢٠٢٦-03"])
def test_a_month_in_any_other_form_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a month of the form YYYY-MM$"):
        calendar.parse_month(text)


@pytest.mark.parametrize(
    ("day", "after"),
    [
        ("2026-03-05", "2026-03-06"),
        ("2026-03-06", "2026-03-09"),
        ("2026-03-07", "2026-03-09"),
        ("2026-03-08", "2026-03-09"),
    ],
)
def test_the_next_working_day_skips_the_weekend(day: str, after: str) -> None:
    found = calendar.next_working_day(calendar.parse_date(day))

    assert calendar.date_text(found) == after
    assert calendar.is_working_day(found)


def test_monday_to_friday_are_working_days_and_public_holidays_are_not_known() -> None:
    monday = calendar.parse_date("2026-03-02")

    assert [calendar.is_working_day(monday + n) for n in range(7)] == [True] * 5 + [False] * 2
    assert calendar.is_working_day(calendar.parse_date("2026-12-25"))
