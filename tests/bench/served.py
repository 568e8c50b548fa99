# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub behind its gateway in a process of its own, and callers that speak with it over mutual TLS.

The process is asked over a pipe what it has used.  Callers write bare HTTP/1.1 and read no more than they need, so that
little of their own stands between the clock and the gateway.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from adapters.connections.https import Place
from deploy.dev_ca import DevCa
from hub.audit.log import Log
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.gateway import Gateway
from hub.gateway_limits import Limits
from hub.gateway_listener import Tls
from hub.steady import settle
from hub.store import Store
from hub.store_postgres import PostgresStore
from hub.store_sqlite import SqliteStore
from schemas.address import oin_of, role_of
from schemas.api import MEDIA_TYPE
from schemas.note import verifier_key
from schemas.request_signature import Stamp, sign_request
from schemas.signing import SigningKey
from tests.bench.material import bench_table

HOST = "127.0.0.1"
NAME = "bench.schakel"
CONNECTIONS = 32  # of one caller, half of what a certificate may have
FREE = Limits(rate=1e9, burst=10**9, at_once=1_000)
Prepare = Callable[[Exchange], Any]
Opening = Callable[[Path], Store]


@dataclass(frozen=True, slots=True)
class Served:
    """A served hub as its callers know it; `made` is what was prepared in it."""

    folder: Path
    port: int
    verifier_key: str
    made: Any
    pipe: Connection
    ca: DevCa

    def context(self, address: str) -> ssl.SSLContext:
        """What an address shows of itself."""
        return self.place(address).context()

    def place(self, address: str) -> Place:
        """Where the hub is for an address, with a certificate of its own."""
        client = self.ca.client(oin_of(address), role_of(address) + "-" + oin_of(address))
        return Place(f"https://localhost:{self.port}", client.certificate, client.key, (self.ca.files.certificate,))

    def used(self) -> tuple[float, float]:
        """Seconds of CPU since its start, and resident MB."""
        self.pipe.send("used")
        cpu, resident = self.pipe.recv()
        return cpu, resident

    def admit(self, manifest: bytes) -> None:
        """Admits the address of a manifest."""
        self.pipe.send(manifest)
        self.pipe.recv()


def on_sqlite(folder: Path) -> Store:
    """A new store in a folder."""
    SqliteStore.create(folder)
    return SqliteStore(folder)


def on_postgres(dsn: str, folder: Path) -> Store:
    """A new store in a database; the keys of its days in a folder."""
    folder.mkdir(parents=True)
    PostgresStore.create(dsn)
    return PostgresStore(dsn, folder / "day.keys")


@contextmanager
def served(folder: Path, prepare: Prepare, limits: Limits = FREE, opening: Opening = on_sqlite) -> Iterator[Served]:
    """Makes a hub in `folder`, prepares it and serves it until the block ends."""
    folder.mkdir(parents=True)
    ca = DevCa(folder / "ca", int(time.time()), strict=False)
    server = ca.server()
    tls = Tls(server.certificate, server.key, (ca.files.certificate,))
    ours, theirs = multiprocessing.Pipe()
    arguments = (folder / "hub", tls, prepare, limits, opening, theirs)
    process = multiprocessing.get_context("fork").Process(target=_child, args=arguments)
    process.start()
    theirs.close()
    try:
        port, key, made = ours.recv()
        yield Served(folder, port, key, made, ours, ca)
    finally:
        with suppress(BrokenPipeError):
            ours.send("end")
        process.join()


class Caller:
    """One address at a served hub.  Connections are opened as they are needed, at most `CONNECTIONS`, and kept."""

    def __init__(self, hub: Served, address: str, key: SigningKey, context: ssl.SSLContext | None = None) -> None:
        self._port, self._address, self._key = hub.port, address, key
        self._context = context or hub.context(address)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def ask(self, route: str, body: bytes) -> bytes:
        """The answer to a POST.

        Raises:
            RuntimeError: it is no 200: what is measured would mean nothing.
        """
        request = self._request(route, body)
        async with self._free:
            reader, writer = self._idle.pop(0) if self._idle else await self._connected()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answer = await reader.readexactly(length)
            self._idle.append((reader, writer))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the gateway refused {route}: {head[:20]!r}")
        return answer

    async def connect(self) -> None:
        """Opens all connections beforehand."""
        self._idle += await asyncio.gather(*(self._connected() for _ in range(CONNECTIONS)))

    def close(self) -> None:
        """Lets go of the connections."""
        for _, writer in self._idle:
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            HOST, self._port, ssl=self._context, server_hostname="localhost", limit=1 << 20
        )

    def _request(self, route: str, body: bytes) -> bytes:
        target = f"/v1/{role_of(self._address)}/{route}"
        stamp = Stamp(int(time.time()) // 60 * 60, os.urandom(16), None)
        headers = sign_request(self._key, "POST", target, body, stamp)
        headers |= {"Host": "localhost", "Content-Type": MEDIA_TYPE, "Content-Length": str(len(body))}
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# -- in the process that serves


def _child(folder: Path, tls: Tls, prepare: Prepare, limits: Limits, opening: Opening, pipe: Connection) -> None:
    store, key = opening(folder), SigningKey(os.urandom(32))
    hub = Exchange(store, Log(store, NAME, key), bench_table(), HubClock(_now), os.urandom)
    made = prepare(hub)
    settle()  # as `schakel hub run` does
    asyncio.run(_serve(hub, tls, limits, pipe, (verifier_key(NAME, key.public), made)))
    hub.close()


async def _serve(hub: Exchange, tls: Tls, limits: Limits, pipe: Connection, told: Sequence[Any]) -> None:
    gateway, loop, end = Gateway(hub, tls, _now, limits), asyncio.get_running_loop(), asyncio.Event()

    def answer() -> None:
        asked = pipe.recv()
        if asked == "end":
            end.set()
        elif asked == "used":
            pipe.send((time.process_time(), _resident()))
        else:
            pipe.send(hub.admit(asked).number)

    port = await gateway.start(HOST, 0)
    loop.add_reader(pipe.fileno(), answer)
    pipe.send((port, *told))
    await end.wait()
    loop.remove_reader(pipe.fileno())
    await gateway.stop()


def _resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _now() -> int:
    return time.time_ns() // 1_000_000
