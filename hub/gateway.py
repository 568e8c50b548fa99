# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""HTTPS for edges: mutual TLS, signed requests, the routes of `/v1/`, limits per partner.

Each request is looked at in this order, and the first thing that is wrong is the answer:

1. the path; 2. the certificate; 3. the partner's rate and requests at the same time; 4. form and size of the body as
announced; 5. the signature and who it proves; 6. its minute and nonce; 7. the body, as it comes, within its time;
8. its digest; 9. what it asks.  So nothing is kept in memory for a caller who proved nothing.

Answers tell nothing about what the caller may not know.  Log lines carry route, status, time and trace, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from aiohttp import web

from hub.accession_authority import AuthorityFiles
from hub.client import HubRecoveringError, HubUnavailableError, RefusedError
from hub.clock import NotDecidingError
from hub.exchange import Exchange
from hub.gateway_caller import (
    PROXY_HEADER,
    Asked,
    Nonces,
    Shown,
    Snapshot,
    claimed,
    need_fresh,
    oin_of_peer,
    proven,
    shown_in_header,
)
from hub.gateway_in_turn import Intake, InTurn, Polls
from hub.gateway_limits import Counts, Limits, Memory, Partnerships, Share
from hub.gateway_listener import Listener, Tls, answer_problem, certificate_of, listen, load_files, server_context
from hub.gateway_problem import Problem, of_code
from hub.gateway_revoked import is_revoked
from hub.gateway_routes import CBOR, Call, Found, Services, find, read_query
from hub.registry import Partner
from hub.store import StoreError
from schemas.address import oin_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.request_signature import HEADERS, Claim, body_digest

OPENAPI = Path(__file__).with_name("openapi.json")
READY_SECONDS = 10  # a commit probe that is older says nothing
PROBE_EVERY = 3.0
HOUSEKEEPING_EVERY = 1.0
TIDY_EVERY = 30.0
IN_HAND = 256 * 1024 * 1024  # bytes of bodies of everybody together
_TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, section 3.2
_log = logging.getLogger("schakel.gateway")


class Gateway:
    """One gateway over one exchange.  `authority`: what renews certificates; without it nobody's is renewed;
    `intake`: where envelopes are written instead of being decided here."""

    def __init__(
        self,
        exchange: Exchange,
        tls: Tls,
        clock: Callable[[], int],
        limits: Limits | None = None,
        authority: AuthorityFiles | None = None,
        intake: Intake | None = None,
    ) -> None:
        self.counts = Counts()
        self._tls, self._clock, self._limits = tls, clock, limits or Limits()
        self._context = server_context(tls)
        self._intake = intake
        self._in_turn = InTurn(exchange, intake)
        self._polls = Polls(exchange, self._in_turn)
        self._services = Services(exchange, self._in_turn, self._polls, authority, clock, intake)
        self._partners = Partnerships(self._limits)
        self._nonces = Nonces()
        self._memory = Memory(IN_HAND)
        self._probed = -float(READY_SECONDS)
        self._tidied = 0.0
        self._open_routes = {
            "/v1/openapi.json": self._openapi,
            "/health/live": self._live,
            "/health/ready": self._ready,
        }
        self._document = OPENAPI.read_bytes()
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None

    # -- begin and end -------------------------------------------------------------------------------------------

    async def start(self, host: str, port: int) -> int:
        """Begins to listen; the port, which the system chooses for 0."""
        loop = asyncio.get_running_loop()
        await self._services.refresh()
        await self._probe()
        proxies = frozenset(proxy.address for proxy in self._tls.proxies)
        self._listener = Listener(self._handle, self._limits, self.counts, proxies, self._services.exchange.revoked)
        self._server = await listen(
            self._listener,
            (host, port),
            ssl=self._context,
            ssl_handshake_timeout=self._limits.handshake,
            ssl_shutdown_timeout=1.0,
        )
        self._tasks = [
            loop.create_task(task) for task in (self._polls.watch(), self._keep_house(), self._keep_probing())
        ]
        if self._intake is not None:
            self._tasks.append(loop.create_task(self._intake.watch()))
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, seconds: float = 10.0) -> None:
        """Takes nothing new; what is in hand is finished, open polls answer what there is."""
        if self._server is None or self._listener is None:
            return
        self._services.ending = True
        self._server.close()
        self._listener.pre_shutdown()  # idle connections close, busy ones after their answer
        self._polls.wake_all()
        await self._listener.shutdown(seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._in_turn.close)
        if self._intake is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._intake.close)
        self._server = None

    def reload(self) -> None:
        """Reads the files of certificate and authorities again; open connections keep what they have."""
        load_files(self._context, self._tls)

    # -- a request -----------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        began = asyncio.get_running_loop().time()
        if self._listener is not None:
            self._listener.has_begun(request)
        name, response = "-", None
        try:
            name, response = await self._answer(request)
        except Problem as problem:
            response = self._refused(problem)
        finally:
            status = 499 if response is None else response.status  # 499: the caller went away
            self.counts.answered[name, status] += 1
            if _log.isEnabledFor(logging.INFO):
                took = (asyncio.get_running_loop().time() - began) * 1000
                trace = _TRACE.fullmatch(request.headers.get("traceparent", ""))
                _log.info("%s %d %.1f ms trace=%s", name, status, took, "-" if trace is None else trace[1])
        response.headers["Server"] = "schakel"  # not which library of which version
        return response

    def _refused(self, problem: Problem) -> web.Response:
        self.counts.refused[problem.name] += 1
        return answer_problem(problem)

    async def _answer(self, request: web.BaseRequest) -> tuple[str, web.StreamResponse]:
        target = request.raw_path
        path, _, query = target.partition("?")
        open_route = self._open_routes.get(path)
        if open_route is not None:
            if request.method != "GET":
                raise Problem("method", headers={"Allow": "GET"})
            return path, open_route()
        # (1) the path
        found = find(request.method, path)
        # (2) the certificate
        shown = self._certificate(request)
        if shown is None:
            raise Problem("no-oin", close=True)
        need_valid = partial(self._need_valid, shown)
        need_valid()
        # (3) what the partner may use
        snapshot = self._services.snapshot
        load = self._partners.take(self._partner_name(snapshot, shown.oin, found), asyncio.get_running_loop().time())
        with self._partners.request(load):
            # (4) form and size, as announced
            self._need_form(request, found)
            values = read_query(query, found.route.query)
            # (5) and (6) who it is, once
            claim, caller = await self._proven(request, found, shown.oin)
            # (7) and (8) the body
            with self._memory.share() as share:
                body = await self._body(request, claim, share)
                # (9) what it asks
                polling = partial(self._partners.poll, load)
                call = Call(caller.address, values, found.named, body, polling, shown.certificate, need_valid)
                answer = await self._ask(found, call)
                need_valid()  # revoked meanwhile: what was asked may be done, and the answer is for nobody
            headers = {"Content-Type": found.route.media_type, "Cache-Control": "no-store"}
            return found.route.name, web.Response(body=answer, headers=headers)

    async def _ask(self, found: Found, call: Call) -> bytes:
        try:
            return await found.route.answer(self._services, call)
        except FrameError as error:
            raise Problem("malformed", str(error)) from None
        except RefusedError as error:
            raise of_code(error.code) from None
        except NotDecidingError:
            raise Problem("hub-clock") from None
        except HubRecoveringError:
            raise of_code(Code.RECOVERING) from None
        except (StoreError, HubUnavailableError):
            raise of_code(Code.TRY_LATER) from None
        except (Problem, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # ours: named for the operator, without what it is about
            _log.error("%s failed: %s", found.route.name, type(error).__name__)  # no trace: it has values
            raise of_code(Code.HUB_FAULT) from None

    # -- who, and how much ---------------------------------------------------------------------------------------

    def _certificate(self, request: web.BaseRequest) -> Shown | None:
        transport = request.transport
        if transport is None:
            return None
        if self._is_proxy(transport):
            return shown_in_header(request.headers.getall(PROXY_HEADER, []), self._clock() // 1000)
        if PROXY_HEADER in request.headers:
            self.counts.smuggled += 1  # believed from nobody else: as if it were not there
        oin, raw = oin_of_peer(transport.get_extra_info("peercert")), certificate_of(transport)
        return None if oin is None or raw is None else Shown(oin, raw)

    def _need_valid(self, shown: Shown) -> None:
        if is_revoked(shown.certificate, self._services.exchange.revoked()):
            raise Problem("revoked", close=True)

    def _is_proxy(self, transport: asyncio.BaseTransport) -> bool:
        peer = transport.get_extra_info("peername")
        prints = {proxy.fingerprint for proxy in self._tls.proxies if peer is not None and proxy.address == peer[0]}
        if not prints:
            return False
        raw = certificate_of(transport)
        return raw is not None and body_digest(raw) in prints

    def _partner_name(self, snapshot: Snapshot, oin: str, found: Found) -> str:
        callers = snapshot.callers(oin, found.role)
        return callers[0].address if found.role is not None and callers else oin

    def _need_form(self, request: web.BaseRequest, found: Found) -> None:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Problem("media-type", close=True)
        if found.route.method == "POST" and request.headers.get("Content-Type", "") != CBOR:
            raise Problem("media-type", close=True)
        announced = request.content_length or 0
        if announced > (self._limits.body if found.route.method == "POST" else 0):
            raise Problem(Code.TOO_LARGE.value, close=True)
        self._memory.need_room(announced)

    async def _proven(self, request: web.BaseRequest, found: Found, oin: str) -> tuple[Claim, Partner]:
        claim = claimed(_once(request))
        asked = Asked(request.method, request.raw_path, request.headers, found.route.any_day)
        snapshot = self._services.snapshot
        try:
            caller = proven(claim, asked, snapshot.callers(oin, found.role), snapshot.day)
        except Problem:  # what is missing may have come a moment ago
            snapshot = await self._refreshed()
            caller = proven(claim, asked, snapshot.callers(oin, found.role), snapshot.day)
        self._need_fresh(claim, caller, snapshot)
        await self._shown(claim, caller)
        return claim, caller

    def _need_fresh(self, claim: Claim, caller: Partner, snapshot: Snapshot) -> None:
        """Raises: Problem: it is not of now.  While the hub's own clock is in doubt, its minute bears witness."""
        clock = self._services.exchange.clock
        in_doubt = clock.jump() != 0
        need_fresh(claim, self._nonces, None if in_doubt else self._clock() // 1000, clock.steady() // 1000)
        if in_doubt:
            clock.hear(oin_of(caller.address), claim.stamp.created * 1000, snapshot.organisations())

    async def _shown(self, claim: Claim, caller: Partner) -> None:
        """The newest checkpoint that a proven caller knows: one that this log does not hold is looked at first."""
        exchange, shown = self._services.exchange, claim.stamp.checkpoint
        if shown is not None and not exchange.log.is_remembered(shown):
            try:
                await self._in_turn.run(partial(exchange.shown, shown, claim.stamp.proof), caller.address)
            except StoreError:
                raise of_code(Code.TRY_LATER) from None

    async def _refreshed(self) -> Snapshot:
        try:
            return await self._services.refresh()
        except StoreError:
            raise of_code(Code.TRY_LATER) from None

    async def _body(self, request: web.BaseRequest, claim: Claim, memory: Share) -> bytes:
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._limits.whole_body):
                async for chunk in request.content.iter_any():
                    memory.add(len(chunk), self._limits.body if request.method == "POST" else 0)
                    chunks.append(chunk)
        except TimeoutError:
            raise Problem("slow", close=True) from None
        body = b"".join(chunks)
        if body_digest(body) != claim.digest:
            raise Problem("digest")
        return body

    # -- without a signature -------------------------------------------------------------------------------------

    def _openapi(self) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")

    def _live(self) -> web.Response:
        return web.json_response({"live": True})

    def _ready(self) -> web.Response:
        if asyncio.get_running_loop().time() - self._probed >= READY_SECONDS or self._services.ending:
            raise Problem("not-ready")
        return web.json_response({"ready": True})

    # -- what is done by itself ----------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_EVERY)
            now = asyncio.get_running_loop().time()
            self._nonces.forget(self._services.exchange.clock.steady() // 1000)
            self._partners.forget(now)
            with suppress(StoreError):  # `ready` says so
                await self._in_turn.run(self._services.exchange.tick)
                await self._services.refresh()
                if now - self._tidied >= TIDY_EVERY:
                    self._tidied = now
                    await self._in_turn.run(self._tidy)

    def _tidy(self) -> None:
        store = self._services.exchange.store
        store.tidy(store.now())

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(PROBE_EVERY)
            await self._probe()

    async def _probe(self) -> None:
        try:
            await self._in_turn.run(self._services.exchange.probe)
        except Exception as error:  # noqa: BLE001  # whatever it is: not ready
            _log.error("the commit probe failed: %s", type(error).__name__)
        else:
            self._probed = asyncio.get_running_loop().time()


def _once(request: web.BaseRequest) -> Mapping[str, str]:
    """The headers of the signature, each of which may stand there once."""
    found = {name: request.headers.getall(name, []) for name in HEADERS}
    return {name: values[0] for name, values in found.items() if len(values) == 1}
