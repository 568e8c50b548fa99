# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A row in which strangers hold very many connections, and what a partner that behaves well sees meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from adapters.connections.https import HttpsClient, HubRefusedError, Place, Signer
from deploy.compose import machine_clock
from hub.client import HubUnavailableError
from tests.chaos.ground import NotHereError
from tests.chaos.town import Town

MANY = 10_000
_SPARE = 500
_SECONDS = 20.0
_ASKS_EVERY = 0.1
_FILLS_SECONDS = 60.0


class Flood:
    """The process of the strangers."""

    def __init__(self, host: str, port: int, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.flood", host, str(port), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.open = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> None:
        """They go, all at once."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.open = json.loads(line)["open"]


@dataclass(slots=True)
class Asked:
    """What one partner saw: seconds per answer over its open connection and over new ones, and how often none came."""

    kept: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    failed: int = 0

    def words(self) -> str:
        """For the table."""
        return f"{_ms(self.kept)} over an open connection, {_ms(self.new)} over new ones, {self.failed} without answer"


def _ms(seconds: list[float]) -> str:
    ordered = sorted(seconds) or [float("nan")]
    return "/".join(f"{1000 * ordered[int(share * (len(ordered) - 1))]:.0f}" for share in (0.5, 0.99)) + " ms p50/p99"


def connections(town: Town, count: int = MANY, seconds: float = _SECONDS) -> str:
    """Strangers without a certificate hold so many connections and say nothing; a partner goes on as before."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < count + _SPARE:
        raise NotHereError(f"needs {count + _SPARE} file descriptors a process, and may have {most}")
    before = asyncio.run(ask(town, seconds / 4))
    flood = flooded(town, count)
    held, memory = flood.open, _megabytes(town.hub.process_id)
    try:
        teller = threading.Thread(target=town.tell, args=(30, 30 / seconds))
        teller.start()
        during = asyncio.run(ask(town, seconds))
        teller.join()
    finally:
        flood.end()
    return f"{held} open at once, the hub holds {memory} MB; before: {before.words()}; meanwhile: {during.words()}"


def _megabytes(process_id: int) -> int:
    """What a process has in memory (Linux)."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024


def flooded(town: Town, count: int) -> Flood:
    """So many connections are open, or as many as the hub lets be."""
    gateway = town.net.config.gateway
    assert gateway is not None
    flood = Flood(*gateway.listen, count)
    end = time.monotonic() + _FILLS_SECONDS
    while flood.open < count * 0.98 and time.monotonic() < end:
        time.sleep(0.2)
    return flood


async def ask(town: Town, seconds: float) -> Asked:
    """What the provider sees who asks for its handles again and again, each time over a new connection."""
    config = town.provider.settings.config
    with town.provider.desk() as edge:
        key = edge.signing_key()
    gateway = town.net.config.gateway
    assert gateway is not None
    place = Place(gateway.url, config.hub_certificate, config.hub_certificate_key, (config.hub_authorities,))
    signer = Signer(config.address, lambda: key, lambda: None, machine_clock, os.urandom)
    asked, end = Asked(), time.monotonic() + seconds
    async with HttpsClient(place, signer, 20.0) as kept:
        while time.monotonic() < end:
            await _timed(kept, asked, asked.kept)
            async with HttpsClient(place, signer, 20.0) as new:
                await _timed(new, asked, asked.new)
            await asyncio.sleep(_ASKS_EVERY)
    return asked


async def _timed(client: HttpsClient, asked: Asked, into: list[float]) -> None:
    began = time.monotonic()
    try:
        await client.handles()
    except (HubUnavailableError, HubRefusedError):
        asked.failed += 1
    else:
        into.append(time.monotonic() - began)
