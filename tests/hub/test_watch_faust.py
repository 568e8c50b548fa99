# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Relay and watch around a real broker; what takes long, killed again and again, is in `tests/broker/test_watch.py`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.kafka_topics import OUTCOMES
from hub.watch_outcomes import NO_HOUR, parse, place_of
from hub.watch_relay import FRESH_MS, PAGE, RelayError, hour_seen, read_end
from schemas.calendar import start_of_day
from tests.watch_site import NOON, World, entries_told, watched

pytest.importorskip("faust", reason="Faust comes with the extra `streams`")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with watched(tmp_path) as made:
        yield made


def test_counts_are_those_of_the_log_after_a_kill_and_what_is_no_outcome_is_counted_apart(world: World) -> None:
    site = world.site
    world.log.grow(3 * PAGE, world.now)
    world.step()
    world.kill_relay()  # the page that was written last is written again
    world.copy()
    site.start()
    site.wait_for(1)
    site.end(signal.SIGKILL)
    for value in (b"", None, b"\xff" * 40, b"{}"):
        site.write(OUTCOMES, 1, None, value)
    world.log.grow(PAGE, world.now)
    world.copy()
    site.start()
    site.wait_for(entries_told(site))
    assert site.metric("schakel_watch_unreadable_records_total") == 4
    assert site.metric("schakel_watch_missed") == 0
    assert site.end() == 0
    assert site.counted() == world.log.counted


def test_a_relay_goes_on_where_the_topic_ends_and_tells_the_day_alone_of_what_it_did_not_see_come(world: World) -> None:
    world.copy()  # it has seen the log as it is
    world.log.grow(20, world.now)
    world.now += 1_000
    world.copy()
    world.kill_relay()
    world.now += 3_600_000
    world.log.grow(20, world.now)
    world.copy()
    world.log.grow(20, world.now)
    world.copy()
    hours: dict[int, int] = {}
    for _, value in world.site.records(OUTCOMES):
        one = parse(value)
        hours.setdefault(one.place - place_of(1, 0), one.hour)
    assert {hours[index] for index in hours if index < 20} == {12}
    assert {hours[index] for index in hours if 20 <= index < 40} == {NO_HOUR}
    assert {hours[index] for index in hours if index >= 40} == {13}


def test_a_relay_stops_with_a_sentence_where_the_topic_is_ahead_of_the_log(world: World) -> None:
    world.log.grow(2 * PAGE, world.now)
    world.copy()
    other = World(world.site)
    other.log.grow(5, other.now)
    with pytest.raises(RelayError, match="later log than this hub has"):
        other.step()


def test_a_relay_stops_with_a_sentence_where_somebody_else_wrote_the_newest_record(world: World) -> None:
    world.log.grow(50, world.now)
    world.copy()
    world.site.write(OUTCOMES, 0, None, b"not ours")
    world.kill_relay()
    with pytest.raises(RelayError, match="is no outcome"):
        world.step()


def test_a_relay_stops_with_a_sentence_where_the_topic_has_other_partitions(world: World) -> None:
    with pytest.raises(RelayError, match="is not there with 5 partitions"):
        read_end(world.site.way, OUTCOMES, 5)


@pytest.mark.parametrize(
    ("day", "now", "seen", "hour"),
    [
        (20_500, NOON, NOON - 1_000, 12),
        (20_500, NOON, NOON - FRESH_MS - 1, NO_HOUR),
        (20_499, start_of_day(20_500) + 500, start_of_day(20_500) - 500, 23),
        (20_499, NOON, NOON - 1_000, NO_HOUR),
        (20_541, start_of_day(20_541) + 3 * 3_600_000, start_of_day(20_541) + 3 * 3_600_000 - 9, 4),
    ],
)
def test_the_hour_is_that_of_the_dutch_clock_and_unknown_where_nobody_looked(
    day: int, now: int, seen: int, hour: int
) -> None:
    """The last one: the clock is put forward on 29 March 2026, so three hours after midnight it is four."""
    assert hour_seen(day, now, seen) == hour
