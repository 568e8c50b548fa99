# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The loop in the hub's own process that copies the log to the watch: it goes on by itself, says once what is in its way,
and ends when the hub does."""

from __future__ import annotations

import asyncio
import io
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import orjson
import pytest

import hub.watch_relay
from deploy import watch_relay
from deploy.logs import Log
from hub.config import HubConfig, load_hub_config
from hub.kafka_topics import OUTCOMES
from hub.store import StoreError
from hub.watch_outcomes import between, outcomes
from hub.watch_relay import PAGE
from tests.watch_site import Site, World, entries_told, watched

_SECONDS = 60.0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(watch_relay, "COPY_EVERY", 0.05)
    monkeypatch.setattr(watch_relay, "AGAIN_AFTER", 0.05)
    monkeypatch.setattr(hub.watch_relay, "_SECONDS", 2.0)
    with watched(tmp_path) as made:
        yield made


class Loop:
    """The loop over the log of a world, and what it said."""

    def __init__(self, world: World, config: HubConfig | None = None) -> None:
        self.world, self._out = world, io.StringIO()
        self._config = config or config_of(world.site)
        self._log = Log(lambda: world.now, self._out)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        asked = watch_relay.relay(self.world.log.store, self._config, lambda: self.world.now, self._log)
        self._task = asyncio.get_running_loop().create_task(asked)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        if self._task.done():
            self._task.result()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        return self._task is not None and self._task.done()

    def said(self) -> list[Any]:
        """The faults that it told, None for none any more."""
        lines = [orjson.loads(line) for line in self._out.getvalue().splitlines()]
        assert {line["event"] for line in lines} <= {"watch-relay"}
        return [line["fault"] for line in lines]

    async def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + _SECONDS
        while not await asyncio.to_thread(holds):
            assert not self.is_over, "it ended by itself"
            assert time.monotonic() < end, self.said()
            await asyncio.sleep(0.02)


def config_of(site: Site) -> HubConfig:
    return load_hub_config(site.folder / "hub.toml")


def test_what_the_log_says_is_copied_as_it_grows_and_a_new_process_goes_on(world: World) -> None:
    async def story() -> None:
        for _ in range(2):
            async with Loop(world) as loop:
                for _ in range(3):
                    world.log.grow(40, world.now)
                    await loop.until(lambda: is_told(world))
                assert loop.said() in ([], ["kafka-away", None])  # young brokers may not have answered at once

    asyncio.run(story())
    assert world.site.entries() == 0  # and it needs no watch that runs


def is_told(world: World) -> bool:
    """Whether the topic tells of everything that the watch must count."""
    records = world.log.store.records(0, world.log.size)
    return entries_told(world.site) == len({one.place for one in outcomes(1, records, between(records), lambda _: 0)})


def test_brokers_that_do_not_answer_are_told_once_and_it_goes_on_by_itself(world: World) -> None:
    process = world.site.kafka.nodes[0].process
    assert process is not None

    async def story() -> None:
        async with Loop(world) as loop:
            world.log.grow(20, world.now)
            await loop.until(lambda: is_told(world))
            before = loop.said()  # young brokers may not have answered at once
            process.send_signal(signal.SIGSTOP)
            try:
                world.log.grow(20, world.now)
                await loop.until(lambda: loop.said() == [*before, "kafka-away"])
            finally:
                process.send_signal(signal.SIGCONT)
            await loop.until(lambda: loop.said() == [*before, "kafka-away", None])
            await loop.until(lambda: is_told(world))

    asyncio.run(story())
    world.log.grow(5, world.now)
    world.copy()


def test_a_store_that_does_not_answer_is_told_once_and_it_goes_on_by_itself(world: World) -> None:
    store, records = world.log.store, world.log.store.records
    asked = 0

    def away(start: int, end: int) -> list[tuple[int, bytes]]:
        nonlocal asked
        asked += 1
        if asked <= 3:
            raise StoreError("no answer")
        return records(start, end)

    store.records = away  # type: ignore[method-assign]

    async def story() -> None:
        async with Loop(world) as loop:
            world.log.grow(20, world.now)
            await loop.until(lambda: loop.said()[-2:] == ["store-away", None])
            await loop.until(lambda: is_told(world))

    asyncio.run(story())
    assert asked > 3


def test_somebody_elses_record_is_told_with_what_to_do_and_it_waits_for_a_person(world: World) -> None:
    world.log.grow(20, world.now)
    world.site.write(OUTCOMES, 0, None, b"no outcome")

    async def story() -> None:
        async with Loop(world) as loop:
            await loop.until(lambda: "somebody else wrote there" in (loop.said() or [""])[-1])
            assert not loop.is_over

    asyncio.run(story())


def test_files_that_can_not_be_read_are_told_and_it_goes_on_when_they_can(world: World, tmp_path: Path) -> None:
    config = config_of(world.site)
    assert config.kafka is not None
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate")
    broken = replace(config, kafka=replace(config.kafka, authorities=bad, certificate=bad, key=bad))
    world.log.grow(20, world.now)

    async def story() -> None:
        async with Loop(world, broken) as loop:
            await loop.until(lambda: loop.said() == ["kafka-away"])

    asyncio.run(story())


def test_a_fault_of_our_own_is_told_by_its_kind_and_tried_again(world: World) -> None:
    store, records = world.log.store, world.log.store.records
    asked = 0

    def broken(start: int, end: int) -> list[tuple[int, bytes]]:
        nonlocal asked
        asked += 1
        if asked <= 2:
            raise OverflowError("a number that nobody may read")
        return records(start, end)

    store.records = broken  # type: ignore[method-assign]
    world.log.grow(20, world.now)

    async def story() -> None:
        async with Loop(world) as loop:
            await loop.until(lambda: loop.said()[-2:] == ["fault: OverflowError", None])
            await loop.until(lambda: is_told(world))

    asyncio.run(story())


def test_a_hub_that_ends_does_not_wait_for_all_that_is_still_to_be_copied(world: World) -> None:
    """In the middle of a log of many pages: the page in hand ends, and no other begins."""
    world.log.grow(3, world.now)
    world.copy()
    world.log.grow(12 * PAGE, world.now)
    store, records = world.log.store, world.log.store.records
    ending, pages = threading.Event(), list[int]()

    async def story() -> None:
        here, reached = asyncio.get_running_loop(), asyncio.Event()

        def slow(start: int, end: int) -> list[tuple[int, bytes]]:
            if end - start == PAGE:
                pages.append(start)
                here.call_soon_threadsafe(reached.set)
                assert ending.wait(_SECONDS)  # until the hub was told to end
            return records(start, end)

        store.records = slow  # type: ignore[method-assign]
        async with Loop(world):
            await reached.wait()
        ending.set()

    asyncio.run(story())  # ends when no thread of it works any more
    store.records = records  # type: ignore[method-assign]
    assert len(pages) == 1
    assert not is_told(world)


def test_a_hub_without_a_watch_copies_nothing(world: World) -> None:
    config = replace(config_of(world.site), watch=None)
    asyncio.run(watch_relay.relay(world.log.store, config, lambda: world.now, Log(lambda: world.now)))
    assert entries_told(world.site) == 0
