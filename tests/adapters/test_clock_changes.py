# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""On the days on which the clock is turned (29 March and 25 October 2026, 28 March and 31 October 2027) every limit is a Dutch day."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import objections
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.formats.hl7v2 import Hl7v2Reader
from adapters.formats.native import FormatConfig
from adapters.inbound import BOX_DAYS
from adapters.keeping import keep_house
from adapters.objections import Objecting
from adapters.records_incoming import TOLD
from adapters.records_outgoing import ACTIVE
from adapters.spread import CLOSES, OPENS, release_moment
from adapters.workplace import random_minute
from consent.fhir_datatypes import Datatypes
from consent.whose import PARENT, Word
from deploy.commands.seen import _day
from deploy.paper import moment, timestamp
from schemas.calendar import (
    date_text,
    day_of,
    is_working_day,
    next_working_day,
    on_the_clock,
    parse_date,
    start_of_day,
)
from schemas.event import Law
from tests.adapters.edges import (
    BSN,
    PROVIDER,
    SCHOOL,
    TEAM,
    TYPIST,
    YOUTH_TEAM,
    Neighbours,
    allocation,
    objected,
    status,
)
from tests.simulator import World

SPRING, AUTUMN = ("2026-03-29", "2027-03-28"), ("2026-10-25", "2027-10-31")
TURNED = [*SPRING, *AUTUMN]
turned = pytest.mark.parametrize("day", TURNED)
HOUR, MINUTE = 3_600_000, 60_000


def near_on(folder: Path, text: str) -> Neighbours:
    """The neighbours at a Dutch time, days before the clock is turned; each is at work every day."""
    world = World()
    world.to(text)
    near = Neighbours(folder, world)
    for edge in near.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    return near


@pytest.fixture
def near(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Neighbours]:
    day = parse_date(request.getfixturevalue("day"))
    neighbours = near_on(tmp_path, f"{date_text(day - 5)} 10:00")
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def to(near: Neighbours, day: str, clock: str, *, ahead: int = 0) -> None:
    near.world.to(f"{date_text(parse_date(day) + ahead)} {clock}")


@turned
def test_what_may_be_told_until_a_day_may_be_told_until_its_dutch_midnight(near: Neighbours, day: str) -> None:
    near[TEAM].grant_by_person("C-1", PROVIDER, Reliance(1, "zaak-7", parse_date(day)))
    near.settle()
    to(near, day, "23:40")
    assert near.take(TEAM, status(1, today=parse_date(day))).told == 1
    near.settle(2)
    assert near.told(PROVIDER) == ["in onderzoek"]
    to(near, day, "00:01", ahead=1)
    assert near.take(TEAM, status(2, today=parse_date(day))).told == 0


@turned
def test_a_birthday_stops_what_it_makes_too_little_at_dutch_midnight(near: Neighbours, day: str) -> None:
    born = parse_date(f"{int(day[:4]) - 12}{day[4:]}")
    near[TEAM].import_clients([ClientRow("C-1", BSN, "", born)])
    talk = Conversation(("Praktijk Voorbeeld",), said=(Word(PARENT),), adult=False, authority=(PARENT,))
    made = near[TEAM].make_agreement("C-1", talk).made[0]
    assert made.end == parse_date(day) - 1
    near.settle()
    to(near, day, "23:40", ahead=-1)
    assert near.take(TEAM, status(1, today=parse_date(day) - 1)).told == 1
    to(near, day, "00:01")
    assert near.take(TEAM, status(2, today=parse_date(day))).told == 0
    near.settle()
    assert ACTIVE not in {one.state for one in near[TEAM].grants("C-1")}


@turned
def test_the_term_of_a_decision_is_over_after_its_last_day_and_not_an_hour_before(near: Neighbours, day: str) -> None:
    near.take(TEAM, allocation())
    made = objected(near, TEAM, Objecting(PROVIDER))
    edge, last = near[TEAM], made.decide_by
    assert last == near.world.today + edge.workplace.objection_days
    near.world.to(f"{date_text(last)} 23:59")
    assert not objections.overdue(edge.store, edge.workplace.today)
    near.world.to(f"{date_text(last + 1)} 00:00")
    assert objections.overdue(edge.store, edge.workplace.today)


@turned
@pytest.mark.parametrize("came", ["00:10", "23:50"])
@pytest.mark.parametrize("before", [1, 24])
def test_what_waits_thirty_days_for_its_client_waits_thirty_dutch_days_whatever_the_hour(
    tmp_path: Path, day: str, came: str, before: int
) -> None:
    near = near_on(tmp_path, f"{date_text(parse_date(day) - before)} {came}")
    near.take(TEAM, allocation())
    near.settle()
    edge = near[PROVIDER]
    [told] = TOLD.scan(edge.store)
    first = day_of(told.came_at)
    for clock, ahead, kept in (("23:59", BOX_DAYS, True), ("00:01", BOX_DAYS + 1, False)):
        near.world.to(f"{date_text(first + ahead)} {clock}")
        keep_house(edge.workplace)
        assert [bool(one.parts) for one in TOLD.scan(edge.store)] == [kept]
    near.close()


@turned
def test_the_daily_cleaning_is_done_once_on_a_day_of_23_or_25_hours(near: Neighbours, day: str) -> None:
    work = near[TEAM].workplace
    to(near, day, "00:00")
    done = []
    while near.world.today == parse_date(day):
        done.append(keep_house(work))
        near.world.advance(minutes=30)
    assert sum(done) == 1
    assert len(done) == (46 if day in SPRING else 50)
    assert keep_house(work)


@turned
def test_a_code_can_be_typed_to_the_end_of_its_last_day(near: Neighbours, day: str) -> None:
    """Printed fourteen days before the clock is turned, and typed in the last minutes."""
    for address in (YOUTH_TEAM, SCHOOL):
        near.world.hub.admit(near.open(address).init().raw)
        near[address].import_clients([ClientRow("C-1", BSN, "")])
    [slip] = near[YOUTH_TEAM].make_agreement("C-1", Conversation(("School Voorbeeld",))).slips
    near.settle()
    near.world.to(f"{date_text(slip.until)} 23:50")
    assert near[SCHOOL].enter_code("C-1", slip.code, TYPIST) is not None


# -- hours ------------------------------------------------------------------------------------------------------------


@turned
@given(before=st.integers(0, 6 * 24 * 60), drawn=st.integers(0, (1 << 64) - 1), days=st.integers(1, 5))
def test_what_is_spread_leaves_in_working_minutes_also_around_the_turn(
    day: str, before: int, drawn: int, days: int
) -> None:
    now = start_of_day(parse_date(day) + 2) - before * MINUTE
    moment_ = release_moment(now, days, lambda count: drawn.to_bytes(8, "big")[:count])
    of = day_of(moment_)
    assert is_working_day(of)
    assert OPENS * MINUTE <= moment_ - start_of_day(of) < CLOSES * MINUTE
    assert moment_ >= now


@turned
@given(before=st.integers(0, 3 * 24 * 60), drawn=st.integers(0, (1 << 64) - 1))
def test_what_must_leave_by_the_day_of_the_turn_leaves_an_hour_before_its_midnight(
    day: str, before: int, drawn: int
) -> None:
    last = parse_date(day)
    now = start_of_day(last + 1) - before * MINUTE
    found = release_moment(now, 5, lambda count: drawn.to_bytes(8, "big")[:count], last)
    assert found < start_of_day(last + 1) - 59 * MINUTE


@turned
def test_a_stop_that_waits_for_the_next_working_day_is_due_on_it(near: Neighbours, day: str) -> None:
    to(near, day, "12:00")
    due = random_minute(near[TEAM].workplace)
    assert day_of(due) == next_working_day(parse_date(day))


@pytest.mark.parametrize(
    ("day", "shown", "utc"),
    [
        ("2026-03-29", (1, 59), "2026-03-29T00:59"),
        ("2026-03-29", (3, 0), "2026-03-29T01:00"),
        ("2026-03-29", (10, 0), "2026-03-29T08:00"),
        ("2026-03-29", (23, 59), "2026-03-29T21:59"),
        ("2026-10-25", (1, 59), "2026-10-24T23:59"),
        ("2026-10-25", (10, 0), "2026-10-25T09:00"),
        ("2026-10-25", (23, 59), "2026-10-25T22:59"),
        ("2027-03-28", (10, 0), "2027-03-28T08:00"),
        ("2027-10-31", (10, 0), "2027-10-31T09:00"),
    ],
)
def test_a_moment_without_offset_is_what_the_dutch_clock_showed(day: str, shown: tuple[int, int], utc: str) -> None:
    assert on_the_clock(parse_date(day), *shown, 0) == int(datetime.fromisoformat(f"{utc}:00+00:00").timestamp() * 1000)


@turned
def test_of_two_messages_one_with_an_offset_and_one_without_the_later_is_the_later(day: str) -> None:
    ahead = _ahead(day, 1).replace(":", "")
    assert _sent(day, "1000") == _sent(day, "1000", ahead)
    assert _sent(day, "0959", ahead) < _sent(day, "1000") < _sent(day, "1001", ahead)


def _ahead(day: str, of: int) -> str:
    """How far the Dutch clock is ahead of UTC as such a day begins (0) and ends (1)."""
    return ("+01:00", "+02:00")[of if day in SPRING else 1 - of]


def _sent(day: str, clock: str, offset: str = "") -> int:
    text = (Path(__file__).parents[1] / "vectors" / "hl7v2" / "valid" / "ref_i12.hl7").read_bytes().decode()
    head, _, rest = text.partition("\r")
    fields = head.split("|")
    fields[6] = day.replace("-", "") + clock + "00" + offset
    [event, *_] = Hl7v2Reader(FormatConfig(laws={"hl7v2": Law.WMO})).read(("|".join(fields) + "\r" + rest).encode())
    assert event.course is not None
    assert event.course.at is not None
    return event.course.at


@turned
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_no_answer_depends_on_the_time_zone_of_the_machine(
    day: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        period = Datatypes().period(
            {"start": f"{day}T00:30:00{_ahead(day, 0)}", "end": f"{day}T23:30:00{_ahead(day, 1)}"}, "/period"
        )
        assert period is not None
        assert (period.start, period.end) == (parse_date(day), parse_date(day))
        assert _day(start_of_day(parse_date(day))) == day
        assert moment(start_of_day(parse_date(day)) + MINUTE).endswith("00.01 uur")
        assert timestamp(start_of_day(parse_date(day) + 1) - 1).startswith(f"{day}T23:59:59.999")
    finally:
        monkeypatch.undo()
        time.tzset()
