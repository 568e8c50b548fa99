# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The watch of a hub as a process, and what it leaves for `schakel hub watch` to read.

* SIGTERM or SIGINT: what is in hand is finished.  Killed at any moment it counts right at the next start.
* Nothing waits for it: the hub does not know whether it runs.
* The file that it leaves holds sentences and counts by fives, and no more than the screen shows.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from deploy.clock import MachineClock
from deploy.exits import failed
from deploy.kafka import kafka_of
from deploy.logs import Event, Log
from deploy.metrics_page import metrics_page
from hub.config import HubConfig
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import OUTCOMES, WATCH, WATCH_TABLES, changelog
from hub.watch_facts import alerted
from hub.watch_metrics import WatchMetrics
from hub.watch_relay import RelayAwayError, read_end
from hub.watch_rules import Unusual
from hub.watch_settings import WatchConfig, way_of
from schemas.calendar import day_of

if TYPE_CHECKING:
    from hub.watch_faust import Watch

FILE = "unusual.json"
LOOK_EVERY = 2.0
SILENT_MS = 60_000  # after so long without a look the watch does not run


@dataclass(frozen=True, slots=True)
class Left:
    """What a watch left behind: when it looked (unix milliseconds), what was unusual, how far it was."""

    at: int
    unusual: list[dict[str, Any]]
    missed: int
    unreadable: int
    partitions: int

    def runs(self, now: int) -> bool:
        """Whether it is still looking."""
        return now - self.at <= SILENT_MS


def watch_of(config: HubConfig) -> WatchConfig:
    """The table [watch].

    Raises:
        Stopped: there is none.
    """
    if config.watch is None:
        raise failed("This hub has no watch: hub.toml has no table [watch]. See deploy/docs/watch.md.")
    return config.watch


def run_watch(config: HubConfig, log: Log, clock: MachineClock, *, rebuild: bool = False) -> None:
    """Counts until a signal ends it.  `rebuild`: from the beginning of the topic.

    Raises:
        Stopped: it can't start, or its way to Kafka broke.
        OSError: its folder or the address of its metrics can't be had.
    """
    settings = watch_of(config)
    kafka = way_of(settings, kafka_of(config))
    made = _watch(kafka, settings.folder)
    try:
        read_end(kafka, OUTCOMES, kafka.outcomes_partitions)
        if rebuild:
            from hub.watch_forget import forget_counts

            forget_counts(kafka, OUTCOMES, WATCH, changelog(WATCH_TABLES[0]), kafka.outcomes_partitions)
    except RelayAwayError:
        raise failed("No broker answers. Look whether Kafka runs; then start the watch again.") from None
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    end = log.listen(requests=False)
    try:
        log(Event.STARTED, name=config.name, strict=config.strict)
        if not asyncio.run(_serve(made, settings, log, clock)):
            raise failed("The watch lost its way to Kafka and ended. Start it again: it goes on where it was.")
        log(Event.STOPPED)
    finally:
        end()


def _watch(kafka: KafkaConfig, folder: Path) -> Callable[[], Watch]:
    try:
        from hub.watch_faust import Watch
    except ImportError:
        raise failed(
            "The watch needs Faust, which is not installed here. Run `pip install schakel[streams]`."
        ) from None
    return lambda: Watch(kafka, kafka.outcomes_partitions, folder)


async def _serve(made: Callable[[], Watch], settings: WatchConfig, log: Log, clock: MachineClock) -> bool:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    watch, metrics = made(), WatchMetrics(time.monotonic())

    def look() -> None:
        metrics.passes(time.monotonic())
        how, today = watch.progress(), day_of(clock())
        if how.partitions:
            shown = watch.shown(today)
            metrics.seen(alerted(shown, today), how)
            leave(
                settings.folder, Left(clock(), [told(one) for one in shown], how.missed, how.unreadable, how.partitions)
            )

    async with metrics_page(metrics, settings.metrics_listen, log):
        return await watch.run(ending, look, LOOK_EVERY)


def told(one: Unusual) -> dict[str, Any]:
    """A fact as a program reads it."""
    return {
        "what": one.what.value,
        "partner": one.partner,
        "day": one.day,
        "hour": one.hour,
        "at_least": one.count,
        "code": None if one.code is None else one.code.value,
        "sentence": one.sentence,
    }


def leave(folder: Path, left: Left) -> None:
    """Writes the file anew; whoever reads has the one of before or this one."""
    file, new = folder / FILE, folder / f"{FILE}.new"
    values: Mapping[str, object] = {name: getattr(left, name) for name in Left.__slots__}
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(orjson.dumps(values))
    # A crash here: the file of before stays. It need not be durable: it is written again every few seconds.
    new.replace(file)


def read_left(folder: Path) -> Left | None:
    """What a watch left there, None where none ever ran.

    Raises:
        Stopped: it can't be read.
    """
    try:
        values = orjson.loads((folder / FILE).read_bytes())
        return Left(**values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise failed(
            f"{FILE} in the folder of the watch can't be read. Run this as the user of the watch; if it is damaged, delete "
            "it: the running watch writes it again."
        ) from None
