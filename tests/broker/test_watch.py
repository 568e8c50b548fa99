# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The watch is exact: killed again and again while it works, its relay too, its table damaged, lost, counted anew."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.kafka_topics import OUTCOMES
from hub.store import NewLog, Step
from hub.watch_outcomes import NOT_TOLD, parse, place_of
from hub.watch_relay import PAGE, read_end
from schemas import entry
from schemas.calendar import day_of
from schemas.entry import committed
from tests.watch_site import PARTITIONS, TABLE, World, entries_told, watched

pytest.importorskip("faust", reason="Faust comes with the extra `streams`")
MANY = 6_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with watched(tmp_path) as made:
        yield made


def test_counts_equal_those_of_the_log_after_the_watch_and_the_relay_were_killed_again_and_again(world: World) -> None:
    """Five SIGKILLs of the watch and five of the relay, then everything is counted anew."""
    site, known, interrupted = world.site, 0, 0
    for _ in range(5):
        world.log.grow(3 * MANY, world.now)  # so many that a quick machine has not read them when the kill comes
        world.step()
        world.kill_relay()  # in the middle: the page that was written last is written again
        world.copy()
        site.start()
        site.wait_for(known + 1)  # it works on what is new
        site.end(signal.SIGKILL)
        known = site.entries()
        interrupted += known < entries_told(site)
    assert interrupted >= 1  # at least one kill came while it worked
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
        world.step()
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
