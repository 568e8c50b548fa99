# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A worker as a process: reads the intake from Kafka until a signal ends it.

* SIGTERM or SIGINT: the batch in hand is decided, its group hears that it leaves, sums are written.
* Killed at any moment it loses nothing: its partitions go to others after the time of its session, and they go on from
  the store.
"""

from __future__ import annotations

import asyncio
import signal

from deploy.compose import Hub, open_worker
from deploy.intake import worker_of
from deploy.kafka import kafka_of
from deploy.logs import Event, Log
from deploy.metrics_page import metrics_page
from hub.config import HubConfig
from hub.intake_kafka import IntakeWorker
from hub.intake_metrics import WorkerMetrics


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
        with open_worker(config) as hub, worker_of(hub) as worker:
            log(Event.STARTED, name=config.name, strict=config.strict)
            asyncio.run(_serve(hub, worker, log, metrics))
        log(Event.STOPPED)
    finally:
        end()


async def _serve(hub: Hub, worker: IntakeWorker, log: Log, metrics: tuple[str, int] | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    async with metrics_page(WorkerMetrics(hub.exchange, worker.counts), metrics, log):
        await asyncio.to_thread(worker.run, lambda: log(Event.LISTENING, topics=len(worker.topics)))
        log(Event.STOPPING)
