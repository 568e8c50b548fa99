# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where Prometheus reads: `GET /metrics` over plain HTTP on a port of its own, off unless the settings name one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from deploy.logs import Event, Log

PATH = "/metrics"


@asynccontextmanager
async def metrics_page(collector: Collector, listen: tuple[str, int] | None, log: Log) -> AsyncIterator[None]:
    """Answers until the block ends; without an address nothing listens.

    Raises:
        OSError: the address can't be had.
    """
    if listen is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(collector)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get(PATH, answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, *listen).start()
        log(Event.METRICS, host=listen[0], port=runner.addresses[0][1])
        yield
    finally:
        await runner.cleanup()
