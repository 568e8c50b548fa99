# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A worker as a process: reads the intake from Kafka until a signal ends it.

* SIGTERM or SIGINT: the batch in hand is decided, its group hears that it leaves, sums are written.
* When the database lacks what it saw there it begins again, and goes on when a gateway has begun the recovery.
* Killed at any moment it loses nothing: its partitions go to others after the time of its session, and they go on from
  the store.
"""

from __future__ import annotations

import asyncio
import signal
import time

from deploy.compose import Hub, open_worker, refusal_of
from deploy.intake import worker_of
from deploy.kafka import kafka_of
from deploy.logs import Event, Log
from deploy.metrics_page import metrics_page
from deploy.run_hub import LOOK_AT_STORE_EVERY, for_ever
from hub.config import HubConfig
from hub.intake_kafka import IntakeWorker
from hub.intake_metrics import WorkerMetrics
from hub.moving import MovedAwayError
from hub.store import StoreError

AGAIN_SECONDS = 1.0


def run_worker(config: HubConfig, log: Log, metrics: tuple[str, int] | None) -> None:
    """Runs until a signal ends it.  `metrics`: where Prometheus may read.

    Raises:
        Stopped, StoreError: it can't start.
        IntakeStoppedError: it can't go on by itself.
        OSError: the address for the metrics can't be had.
    """
    kafka_of(config)
    end = log.listen(requests=False)
    try:
        goes_on, again = True, False
        while goes_on:
            try:
                with open_worker(config, patience=for_ever(log)) as hub, worker_of(hub) as worker:
                    log(Event.STARTED, name=config.name, strict=config.strict)
                    again = False
                    goes_on = again = asyncio.run(_serve(hub, worker, log, metrics))
            except MovedAwayError:
                raise
            except StoreError:  # no gateway has begun the recovery yet
                if not again:
                    raise
                time.sleep(AGAIN_SECONDS)
        log(Event.STOPPED)
    finally:
        end()


async def _serve(hub: Hub, worker: IntakeWorker, log: Log, metrics: tuple[str, int] | None) -> bool:
    """Decides until a signal ends it; or until the database lacks what it saw: True, begin again."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    looks = loop.create_task(_lacks(hub, worker, log))
    try:
        async with metrics_page(WorkerMetrics(hub.exchange, worker.counts), metrics, log):
            await asyncio.to_thread(worker.run, lambda: log(Event.LISTENING, topics=len(worker.topics)))
            log(Event.STOPPING)
    finally:
        looks.cancel()
    return hub.exchange.gate.is_closed


async def _lacks(hub: Hub, worker: IntakeWorker, log: Log) -> None:
    while True:
        await asyncio.sleep(LOOK_AT_STORE_EVERY)
        if refusal_of(hub):
            break
    log(Event.LACKS, says=refusal_of(hub))
    with hub.exchange.gate.closed(refusal_of(hub)):
        worker.stop()
