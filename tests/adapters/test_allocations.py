# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Messages about one allocation, in whatever order they are read: what the municipality settled last counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from adapters.formats.ijw import IjwReader
from adapters.formats.native import FormatConfig, NativeEvent
from adapters.records_outgoing import SOURCES
from schemas.calendar import parse_date
from tests.adapters.edges import BSN, PROVIDER, TEAM, Neighbours, allocation, start
from tests.simulator import run

DAY = 86_400_000
FIRST, SHORTER, REMOVED = (parse_date(day) * DAY for day in ("2026-02-18", "2026-02-25", "2026-03-01"))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.settle(1)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def stated(moment: int, end: str | None = None, change: str | None = None) -> NativeEvent:
    """A 301 that the municipality settled at this moment."""
    event = allocation(end=end, change=change)
    assert event.allocation is not None
    return replace(event, allocation=replace(event.allocation, stated=moment), identity=(*event.identity, str(moment)))


def live(near: Neighbours, address: str) -> list[int]:
    """The last day of each grant that may be used."""
    return [grant.end for grant in near[address].grants() if grant.state == "active"]


def test_an_allocation_that_was_removed_is_not_opened_by_an_older_message_that_is_read_later(near: Neighbours) -> None:
    near.take(TEAM, stated(FIRST))
    near.settle(2)
    near.take(TEAM, stated(REMOVED, "2026-03-02", "13"))
    near.settle(2)
    assert not live(near, TEAM)
    late = near.take(TEAM, replace(stated(FIRST + 1), identity=("iwmo", "9999", BSN, "1001", "301", "other")))
    assert (late.grants, late.told, late.not_shared) == (0, 0, 1)
    assert not live(near, TEAM)


def test_nothing_is_told_of_an_allocation_whose_removal_was_read_first(near: Neighbours) -> None:
    near.take(TEAM, stated(REMOVED, "2026-03-02", "13"))
    first = near.take(TEAM, stated(FIRST))
    assert (first.grants, first.told) == (0, 0)
    near.settle(2)
    assert near.told(PROVIDER) == []


def test_a_removal_sent_once_more_and_what_was_settled_at_the_same_moment_open_nothing(near: Neighbours) -> None:
    for event in (stated(REMOVED, "2026-03-02", "13"), stated(REMOVED), stated(REMOVED, "2026-03-02", "13")):
        near.take(TEAM, event)
        assert not live(near, TEAM)


def test_what_was_settled_after_a_removal_begins_a_new_grant(near: Neighbours) -> None:
    near.take(TEAM, stated(FIRST))
    near.take(TEAM, stated(REMOVED, "2026-03-02", "13"))
    assert near.take(TEAM, stated(REMOVED + 1)).grants == 1
    assert len(live(near, TEAM)) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_every_order_the_newest_statement_is_the_ground_at_both_sides(
    near: Neighbours, order: tuple[int, ...]
) -> None:
    said = [stated(FIRST), stated(SHORTER, "2026-06-30", "02"), stated(REMOVED, "2026-04-30", "02")]
    for address in (TEAM, PROVIDER):
        for place in order:
            near.take(address, said[place])
        [source] = SOURCES.scan(near[address].store)
        assert (source.end, source.stated) == (parse_date("2026-04-30"), REMOVED)
        assert live(near, address) == [parse_date("2026-04-30")]
        near.settle(2)
    near.take(PROVIDER, start())
    near.settle(2)
    assert near.told(TEAM) == ["gestart"]


def test_an_allocation_that_was_sent_again_keeps_its_moment_and_changes_nothing(near: Neighbours) -> None:
    near.take(TEAM, stated(FIRST))
    near.settle(2)
    before = near[TEAM].grants()
    assert near.take(TEAM, stated(FIRST)).grants == 0
    assert near[TEAM].grants() == before


def test_the_moment_comes_from_the_day_and_the_time_of_the_message() -> None:
    file = Path(__file__).parents[1] / "vectors" / "ijw" / "valid" / "301_toegewezen.xml"
    text = file.read_text("utf-8")
    reader, moments = IjwReader(FormatConfig()), []
    for time in ("00:00:00", "10:41:07", "10:41:07.25", "23:59:59", "24:00:00"):
        (event,) = reader.read(text.replace(">10:41:07<", f">{time}<").encode())
        assert event.allocation is not None
        moments.append(event.allocation.stated - event.event.day * DAY)
    assert moments == [0, 38_467_000, 38_467_250, 86_399_000, DAY]


def test_a_line_that_a_person_ended_is_begun_again_by_a_later_decision_and_by_no_message_that_says_what_was_known(
    near: Neighbours,
) -> None:
    near.take(TEAM, stated(SHORTER))
    near.settle(2)
    run(near[TEAM].stop_grant(near[TEAM].grants()[0].id))
    near.settle(2)
    assert near.take(TEAM, stated(SHORTER)).grants == 0  # sent once more
    assert near.take(TEAM, stated(FIRST, "2026-12-31")).grants == 0  # from quarantine
    assert not live(near, TEAM)
    assert near.take(TEAM, stated(REMOVED, "2026-12-31", "02")).grants == 1
    assert [grant.state for grant in near[TEAM].grants()].count("active") == 1
