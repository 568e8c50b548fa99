# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Relay and watch around a real broker: counts are those of the log, whatever is killed, lost, written twice or damaged."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.kafka_topics import OUTCOMES
from hub.store import NewLog, Step
from hub.store_memory import MemoryStore
from hub.watch_outcomes import NO_HOUR, NOT_TOLD, parse, place_of
from hub.watch_relay import FRESH_MS, PAGE, Relay, RelayError, hour_seen, read_end
from schemas import entry
from schemas.calendar import day_of, start_of_day
from schemas.entry import committed
from tests.kafka import kafka
from tests.watch_log import GrowingLog
from tests.watch_site import PARTITIONS, TABLE, Site

pytest.importorskip("faust", reason="Faust comes with the extra `streams`")
NOON = start_of_day(20_500) + 12 * 3_600_000
MANY = 3_000


class World:
    """A log that grows, a relay that can be killed, a clock that can be moved."""

    def __init__(self, site: Site) -> None:
        self.site, self.now = site, NOON
        self.log = GrowingLog(MemoryStore(lambda: self.now), random.Random(5))  # noqa: S311  # must be the same in every run
        self.relay = self.new_relay()

    def new_relay(self) -> Relay:
        """Another one, as after the one before was killed: what it knew is gone, what it wrote stays."""
        return Relay(self.log.store, self.site.way, PARTITIONS, lambda: self.now)

    def copy(self) -> None:
        while self.relay.step():
            pass

    def kill_relay(self) -> None:
        self.relay.close()
        self.relay = self.new_relay()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    site = Site(kafka(), tmp_path / "hub")
    made = World(site)
    yield made
    made.relay.close()
    site.close()


def entries_told(site: Site) -> int:
    """How many entries of the log the topic tells, without what it tells twice."""
    return len({parse(value).place for _, value in site.records(OUTCOMES)})


def test_counts_equal_those_of_the_log_after_the_watch_and_the_relay_were_killed_again_and_again(world: World) -> None:
    """Four SIGKILLs of the watch while it works and four of the relay, then everything is counted anew."""
    site, told = world.site, 0
    for _ in range(4):
        world.log.grow(MANY, world.now)
        world.relay.step()
        world.kill_relay()  # in the middle: the page that was written last is written again
        world.copy()
        site.start()
        site.wait_for(told + 1)  # it works on this round's records
        site.end(signal.SIGKILL)
        told = entries_told(site) - MANY // 2
    world.log.grow(10, world.now)
    world.copy()
    site.start()
    site.wait_for(entries_told(site))
    assert site.end() == 0
    assert sum(1 for _ in site.records(OUTCOMES)) > entries_told(site)  # some stand there twice
    assert site.counted() == world.log.counted
    site.start("--rebuild")
    site.wait_for(entries_told(site))
    assert site.end() == 0
    assert site.counted() == world.log.counted


def test_a_table_that_was_lost_or_damaged_is_counted_again(world: World) -> None:
    """A value that another process wrote over, and a table that is empty while Kafka says that all was read."""
    site = world.site
    world.log.grow(MANY, world.now)
    world.copy()
    site.start()
    site.wait_for(entries_told(site))
    site.end()
    history = list(site.records(TABLE))
    key, old = next((key, value) for key, value in history if not key.startswith(b"last.") and value is not None)
    partition = int(key.split(b".")[0]) % PARTITIONS
    if site.values()[key] == old:
        old = None
    site.write(TABLE, partition, key, old)
    assert site.counted() != world.log.counted
    for damaged in (False, True):
        if damaged:
            for one in site.values():
                number = int(one.split(b".")[1 if one.startswith(b"last.") else 0])
                site.write(TABLE, number % PARTITIONS, one, None)
        world.log.grow(60, world.now)
        world.copy()
        site.start()
        site.wait_for(entries_told(site))
        assert site.metric("schakel_watch_replays_total") >= 1
        assert site.metric("schakel_watch_missed") == 0
        site.end()
        assert site.counted() == world.log.counted


def test_two_relays_at_once_tell_everything_and_nothing_out_of_order(world: World) -> None:
    second = world.new_relay()
    for _ in range(3):
        world.log.grow(PAGE, world.now)
        world.relay.step()
        world.log.grow(PAGE // 2, world.now)
        second.step()
        second.step()
    world.copy()
    while second.step():
        pass
    second.close()
    newest = 0
    seen: set[int] = set()
    for _, value in world.site.records(OUTCOMES):
        one = parse(value)
        newest = max(newest, one.place) if one.before != NOT_TOLD else newest
        assert one.before in {NOT_TOLD, *seen}  # what comes before it was there before it
        seen.add(one.place)
    world.site.start()
    world.site.wait_for(entries_told(world.site))
    world.site.end()
    assert world.site.counted() == world.log.counted


def test_a_record_that_is_no_outcome_is_counted_and_stops_neither_the_watch_nor_what_follows(world: World) -> None:
    site = world.site
    world.log.grow(100, world.now)
    world.copy()
    for value in (b"", None, b"\xff" * 40, b"{}"):
        site.write(OUTCOMES, 1, None, value)
    world.log.grow(100, world.now)
    world.copy()
    site.start()
    site.wait_for(len({parse(v).place for _, v in site.records(OUTCOMES) if v and v[0] == 0x8A}))
    assert site.metric("schakel_watch_unreadable_records_total") == 4
    assert site.metric("schakel_watch_missed") == 0
    site.end()
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


def test_a_relay_goes_on_with_the_log_that_begins_after_a_recovery(world: World) -> None:
    world.log.grow(200, world.now)
    world.copy()
    before = read_end(world.site.way, OUTCOMES, PARTITIONS)
    day = day_of(world.now)
    record = entry.recovery(day, 2, (1, 200, b"\0" * 32), 200, [])
    world.log.store.commit(Step(at=world.now, entries=[committed(record, b"1" * 32)], new_log=NewLog(2, 0, ())))
    world.log.size += 1
    world.log.grow(200, world.now)
    world.kill_relay()
    world.copy()
    after = read_end(world.site.way, OUTCOMES, PARTITIONS)
    assert max(before.newest.values()) < place_of(2, 0) < min(after.newest.values())
    world.site.start()
    world.site.wait_for(entries_told(world.site))
    world.site.end()
    assert world.site.counted() == world.log.counted


def test_a_relay_stops_with_a_sentence_where_the_topic_is_ahead_of_the_log(world: World) -> None:
    world.log.grow(2 * PAGE, world.now)
    world.copy()
    other = World(world.site)
    other.log.grow(5, other.now)
    with pytest.raises(RelayError, match="later log than this hub has"):
        other.relay.step()


def test_a_relay_stops_with_a_sentence_where_somebody_else_wrote_the_newest_record(world: World) -> None:
    world.log.grow(50, world.now)
    world.copy()
    world.site.write(OUTCOMES, 0, None, b"not ours")
    world.kill_relay()
    with pytest.raises(RelayError, match="is no outcome"):
        world.relay.step()


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
