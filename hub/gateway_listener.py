# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Connections before there is a request: TLS, how many, how long a head may take, answers to what is no HTTP.

Built on aiohttp's low-level server, since there the certificate of the peer reaches the application.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from asyncio import sslproto
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from hub.gateway_caller import Proxy, oin_of_peer
from hub.gateway_limits import Counts, Limits
from hub.gateway_problem import MEDIA_TYPE, Problem
from hub.gateway_revoked import is_revoked

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
ACCEPTS_AT_ONCE = 16  # new connections before what is in hand has its turn again
QUEUE = 1024  # new connections that the system keeps meanwhile
TLS_BUFFER = 32 * 1024  # bytes; a record has 16 KiB (RFC 8446, section 5.1)
_QUIET = "schakel.gateway.http"  # aiohttp's own texts repeat what strangers sent: nobody hears them


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of the gateway's own certificate, and of the authorities whose client certificates it takes."""

    certificate: Path
    key: Path
    authorities: tuple[Path, ...]
    proxies: tuple[Proxy, ...] = ()


def server_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.3, and nobody without a certificate of these authorities.  No tickets: a certificate is looked at anew
    for every connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.num_tickets = 0
    load_files(context, tls)
    return context


def load_files(context: ssl.SSLContext, tls: Tls) -> None:
    """Reads certificate, key and authorities, again after they were renewed: new connections have them."""
    context.load_cert_chain(tls.certificate, tls.key)
    for authority in tls.authorities:
        context.load_verify_locations(authority)


async def listen(make: Callable[[], web.RequestHandler], where: tuple[str, int], **tls: Any) -> asyncio.Server:
    """Listens, such that strangers who come in thousands and say nothing cost little.

    asyncio gives a connection a buffer of 256 kB before hands are shaken, and for as long as it is open: ten thousand of
    them would hold 3 GB.  And it accepts as many at once as the queue holds: meanwhile nobody else would be answered.
    """
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    server = await asyncio.get_running_loop().create_server(make, *where, backlog=ACCEPTS_AT_ONCE, **tls)
    for one in server.sockets:
        with socket.socket(fileno=os.dup(one.fileno())) as same:
            same.listen(QUEUE)
    return server


class Listener(web.Server):
    """Makes a connection for whoever shook hands, within the limits."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        counts: Counts,
        proxies: frozenset[str],
        revoked: Callable[[], Collection[bytes]],
    ) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._limits, self._counts, self._proxies, self._revoked = limits, counts, proxies, revoked
        self._heads: dict[web.RequestHandler, asyncio.TimerHandle] = {}  # no whole request yet
        self._names: dict[web.RequestHandler, str] = {}
        self._open: Counter[str] = Counter()

    def __call__(self) -> web.RequestHandler:
        """See `web.Server`."""
        self._counts.accepted += 1
        # Compressed bodies are refused by their header, never unpacked.
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._limits.idle,
            access_log=None,
            logger=_quiet(),
            auto_decompress=False,
            lingering_time=min(1.0, self._limits.whole_body),
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """See `web.Server`: counts, and closes what is one too many."""
        super().connection_made(handler, transport)
        self._counts.shaken += 1
        name = self._name(transport)
        self._names[handler] = name
        self._open[name] += 1
        many = name not in self._proxies and self._open[name] > self._limits.connections
        if many or len(self._names) > self._limits.all_connections:
            self.refuse(transport, Problem("connections", close=True))
            return
        loop = asyncio.get_running_loop()
        self._heads[handler] = loop.call_later(self._limits.head, self._too_slow, handler, transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """See `web.Server`."""
        super().connection_lost(handler, exc)
        if self._begun(handler):
            self._counts.silent += 1
        name = self._names.pop(handler, None)
        if name is not None:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    def has_begun(self, request: web.BaseRequest) -> None:
        """The head of a request is whole."""
        self._begun(request.protocol)

    def refuse(self, transport: asyncio.Transport, problem: Problem) -> None:
        """Answers before there is a request, and closes."""
        self._counts.refused[problem.name] += 1
        body = problem.body()
        head = (
            f"HTTP/1.1 {problem.status} {problem.name}\r\nContent-Type: {MEDIA_TYPE}\r\nServer: schakel\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        transport.write(head.encode() + body)
        transport.close()

    def bad_http(self) -> web.Response:
        """The answer to what is no HTTP."""
        problem = Problem("bad-http", close=True)
        self._counts.refused[problem.name] += 1
        return answer_problem(problem)

    def _begun(self, handler: web.RequestHandler) -> bool:
        timer = self._heads.pop(handler, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _too_slow(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        self.refuse(transport, Problem("slow", close=True))

    def _name(self, transport: asyncio.Transport) -> str:
        peer = transport.get_extra_info("peername")
        if peer is not None and peer[0] in self._proxies:
            return str(peer[0])
        if is_revoked(certificate_of(transport), self._revoked()):
            return "revoked"  # whoever stole it takes no connection from its owner
        return oin_of_peer(transport.get_extra_info("peercert")) or "without OIN"


class _Connection(web.RequestHandler):
    """A connection whose errors are problems, not texts that repeat what came."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener, **settings: object) -> None:
        super().__init__(listener, **settings)  # type: ignore[arg-type]
        self._listener = listener

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See `web.RequestHandler`: what it can't read."""
        self._listener.has_begun(request)
        return self._listener.bad_http()


def certificate_of(transport: asyncio.BaseTransport) -> bytes | None:
    """The certificate that was shown on this connection (DER)."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


def answer_problem(problem: Problem) -> web.Response:
    """The problem as an answer."""
    response = web.Response(
        status=problem.status, body=problem.body(), content_type=MEDIA_TYPE, headers=problem.headers
    )
    if problem.close:
        response.force_close()
    return response


def _quiet() -> logging.Logger:
    logger = logging.getLogger(_QUIET)
    logger.setLevel(logging.CRITICAL + 1)
    return logger
