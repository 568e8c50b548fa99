# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A gateway on loopback over the hub of a simulated world: real TLS with a development authority, one event loop.

Clients and gateway share the loop, so nothing happens outside `wait`.  Nothing sleeps but what waits for a limit.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import orjson

from adapters.connections.https import HttpsClient, Place, Signer
from deploy.dev_ca import DevCa, Files
from hub.accession_authority import AuthorityFiles
from hub.client import Seen
from hub.gateway import Gateway
from hub.gateway_in_turn import Intake
from hub.gateway_limits import Limits
from hub.gateway_listener import Tls
from schemas.address import oin_of, role_of
from schemas.api import MEDIA_TYPE
from schemas.request_signature import Stamp, sign_request
from tests.simulator import Party, World

T = TypeVar("T")
HOST = "127.0.0.1"
QUICK = Limits(head=20.0, whole_body=20.0, handshake=20.0, idle=20.0)  # long enough for a machine with much to do
IMPATIENT = Limits(head=0.3, whole_body=0.3)


class Site:
    """One gateway with everything that a test needs to reach it, in order or not."""

    def __init__(
        self,
        world: World,
        ca: DevCa,
        limits: Limits = QUICK,
        authority: AuthorityFiles | None = None,
        intake: Intake | None = None,
        **tls: Any,
    ) -> None:
        self.world, self.ca = world, ca
        self.loop = asyncio.new_event_loop()
        server = ca.server()
        own = () if authority is None else (authority.certificate,)
        self.tls = Tls(server.certificate, server.key, (ca.files.certificate, *own), **tls)
        self.gateway = Gateway(world.hub, self.tls, world.clock, limits, authority, intake)
        self.port = self.wait(self.gateway.start(HOST, 0))
        self._files: dict[str | None, Files] = {}
        self._clients: list[HttpsClient] = []

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(call, 60))

    def files(self, oin: str | None) -> Files:
        if oin not in self._files:
            self._files[oin] = self.ca.client(oin, f"partner-{len(self._files)}")
        return self._files[oin]

    def client(self, party: Party, seen: Seen | None = None, seconds: float = 30.0) -> HttpsClient:
        files = self.files(oin_of(party.address))
        place = Place(self.url, files.certificate, files.key, (self.ca.files.certificate,))
        signer = Signer(party.address, lambda: party.signing, lambda: seen, lambda: self.world.now, self.world.random)
        client = HttpsClient(place, signer, seconds)
        self._clients.append(client)
        return client

    def context(self, oin: str | None, ca: DevCa | None = None) -> ssl.SSLContext:
        files = self.files(oin) if ca is None else ca.client(oin, "other")
        return Place("", files.certificate, files.key, (self.ca.files.certificate,)).context()

    def signed(self, party: Party, method: str, target: str, body: bytes = b"", **change: Any) -> dict[str, str]:
        """The headers of a request in order, or with another stamp."""
        headers = sign_request(party.signing, method, target, body, stamp(self.world, **change))
        return headers | ({"Content-Type": MEDIA_TYPE} if body else {})

    def request(self, party: Party, method: str, name: str, body: bytes = b"", **change: Any) -> Answer:
        """A request under the role of a party, by hand."""
        target = name if name.startswith("/") else f"/v1/{role_of(party.address)}/{name}"
        return self.raw(oin_of(party.address), method, target, self.signed(party, method, target, body, **change), body)

    def raw(self, oin: str | None, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])
        return self.bytes(oin, head.encode() + b"\r\n\r\n" + body)

    def bytes(self, oin: str | None, raw: bytes, context: ssl.SSLContext | None = None) -> Answer:
        """Whatever bytes over a connection of this organisation; what came until the end of it."""
        return self.wait(self._bytes(context or self.context(oin), raw))

    async def _bytes(self, context: ssl.SSLContext, raw: bytes) -> Answer:
        reader, writer = await asyncio.open_connection(HOST, self.port, ssl=context)
        try:
            writer.write(raw)
            await writer.drain()
            return Answer(await reader.read())
        finally:
            writer.close()

    def close(self) -> None:
        for client in self._clients:
            self.wait(client.close())
        self.wait(self.gateway.stop(2.0))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Answer:
    """An answer of HTTP, as it came."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}

    @property
    def problem(self) -> str:
        """The name of the problem that it tells."""
        assert self.headers["content-type"].startswith("application/problem+json"), self.headers
        told = orjson.loads(self.body)
        assert told["status"] == self.status
        assert len(told["detail"]) > 20
        return str(told["title"])


def new_ca(folder: Path) -> DevCa:
    """An authority of now: TLS looks at the system's clock."""
    return DevCa(folder, int(time.time()), strict=False)


def stamp(world: World, **change: Any) -> Stamp:
    """What a request of now says beside what it asks."""
    return Stamp(**({"created": world.now // 60_000 * 60, "nonce": world.random(16), "checkpoint": None} | change))
