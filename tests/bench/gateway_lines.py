# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the gateway: envelopes over TLS on loopback, in requests of 1, 20 and 100.

The gateway runs in a process of its own and measures its own CPU.  Its limit is a bare aiohttp handler with the same
TLS, fed the same requests, plus the bare calls of the pipeline (`bare.accept`).  Requests are signed beforehand.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import ssl
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

from adapters.connections.https import Place
from deploy.dev_ca import DevCa
from hub.gateway import Gateway
from hub.gateway_limits import Limits
from hub.gateway_listener import Tls, server_context
from hub.steady import settle
from schemas.address import role_of
from schemas.api import MEDIA_TYPE, codes_bytes, frames_bytes, picked_up_bytes, pickup_bytes
from schemas.codes import Code
from schemas.envelope import parse
from schemas.request_signature import Stamp, sign_request
from tests.bench import bare, material
from tests.bench.hub_lines import acknowledge, receipts_of
from tests.bench.material import BATCH, SMALL, Partner, Site
from tests.bench.measure import Line

HOST = "127.0.0.1"
CONNECTIONS = 8
START_SECONDS = 3.0  # until the processes that verify are there
RUNS = 3
ENVELOPES = {1: 400, 20: 1_600, 100: 2_500}
_FREE = Limits(rate=1e9, burst=10**9, at_once=1_000)


@dataclass(frozen=True, slots=True)
class Job:
    """One run: where, in requests of how many, on which cores, sent or `handed` over; `pipe` speaks with the parent."""

    folder: Path
    size: int
    cores: frozenset[int]
    handed: bool
    pipe: Connection


@dataclass(frozen=True, slots=True)
class Cost:
    """Per envelope: seconds of CPU of the gateway and of its limit, and the gateway's seconds of wall clock."""

    cpu: float
    limit: float
    wall: float
    own: float = 0.0  # of `cpu`, what the hub's own process used


def batch(root: Path, size: int, goal: float | None) -> Line:
    """Envelopes a second of one core of gateway CPU, in requests of `size`."""
    return _line(f"gateway.batch{size}", [_measured(root / str(run), size, _one_core()) for run in range(RUNS)], goal)


def deliver(root: Path, size: int, goal: float | None) -> Line:
    """Picked up in requests of `size` and receipted in as large ones: envelopes a second of one core of gateway CPU."""
    costs = [_measured(root / str(run), size, _one_core(), handed=True) for run in range(RUNS)]
    return _line(f"gateway.deliver{size}", costs, goal)


def _one_core() -> frozenset[int]:
    return frozenset(sorted(os.sched_getaffinity(0))[:1])


def _line(name: str, costs: Sequence[Cost], goal: float | None) -> Line:
    cpu, least = statistics.median(cost.cpu for cost in costs), statistics.median(cost.limit for cost in costs)
    ratio = least / cpu
    return Line(
        name=name,
        unit="envelopes/s of one core (CPU)",
        value=round(1 / cpu),
        limit=round(1 / least),
        ratio=round(ratio, 3),
        goal="-" if goal is None else f"ratio {goal}",
        met=None if goal is None else ratio >= goal,
        runs=RUNS,
        wall=round(1 / statistics.median(cost.wall for cost in costs)),
        own_us=round((cpu - least) * 1e6, 1),
    )


def two_cores(root: Path, goal: float = 1.5) -> Line:
    """Wall clock throughput of one gateway process on two cores beside one, in requests of 100."""
    cores = sorted(os.sched_getaffinity(0))
    costs: dict[int, list[Cost]] = {1: [], 2: []}
    for run in range(RUNS):
        for count in (1, 2):
            costs[count].append(_measured(root / f"{count}cores{run}", 100, frozenset(cores[:count])))
    ratio = _median(costs[1], "wall") / _median(costs[2], "wall")
    met = ratio >= goal if len(cores) > 1 else None
    one, both, own = (round(_median(*of) * 1e6) for of in ((costs[1], "cpu"), (costs[2], "cpu"), (costs[2], "own")))
    note = (
        f"CPU of an envelope: {one} us on one core, {both} us on two, {own} of them in the hub's own process; "
        f"the load comes from the same {len(cores)} cores, {os.getloadavg()[0]:.1f} processes wanted one"
    )
    return Line(
        "gateway.two_cores_ratio", "times", round(ratio, 2), None, None, f"at least {goal:g}", met, RUNS, note=note
    )


def _median(costs: Sequence[Cost], name: str) -> float:
    return statistics.median(getattr(cost, name) for cost in costs)


def _measured(folder: Path, size: int, cores: frozenset[int], *, handed: bool = False) -> Cost:
    folder.mkdir(parents=True)
    ca = DevCa(folder / "ca", int(time.time()), strict=False)
    server, client = ca.server(), ca.client(f"{1 + handed:020d}", "partner")  # the numbers of `material.site`
    tls = Tls(server.certificate, server.key, (ca.files.certificate,))
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(Job(folder, size, cores, handed, theirs), tls)
    )
    process.start()
    theirs.close()
    bare_port, port, requests = ours.recv()
    context = Place("", client.certificate, client.key, (ca.files.certificate,)).context()
    warm, timed, lines = requests[: 1 + handed], requests[1 + handed :], 1 if handed else CONNECTIONS
    asyncio.run(_load(bare_port, timed, context, lines))
    ours.send("bare is done")
    bare_http, bare_accept = ours.recv()
    asyncio.run(_load(port, warm, context, 1))
    asyncio.run(asyncio.sleep(START_SECONDS * (len(cores) > 1)))
    ours.send("warm")
    began = time.perf_counter()
    asyncio.run(_load(port, timed, context, lines))
    wall = time.perf_counter() - began
    ours.send("done")
    cpu, own = ours.recv()
    process.join()
    count = ENVELOPES[size] - size
    return Cost(cpu / count, bare_http / count + bare_accept / ENVELOPES[size], wall / count, own / count)


async def _load(port: int, requests: Sequence[bytes], context: ssl.SSLContext, connections: int) -> None:
    await asyncio.gather(*(_connection(port, requests[n::connections], context) for n in range(connections)))


async def _connection(port: int, requests: Sequence[bytes], context: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError("the request was refused")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if body.count(b"taken") != request.count(b'{"specversion"') or body.count(b"stored") != request.count(
            b"stored"
        ):
            raise RuntimeError("an envelope or a receipt was refused")
        if b"/pickup " in request[:64] and not body.count(b'{"specversion"'):
            raise RuntimeError("nothing was handed over")
    writer.close()


# -- in the process that serves


def _child(job: Job, tls: Tls) -> None:
    site = material.site(job.folder / "hub", SMALL, ENVELOPES[job.size])
    requests = _handing_requests(site, job.size) if job.handed else _requests(site, job.size)
    os.sched_setaffinity(0, job.cores)
    settle()  # as `schakel hub run` does
    asyncio.run(_serve(job, tls, site, requests))
    site.hub.close()


async def _serve(job: Job, tls: Tls, site: Site, requests: list[bytes]) -> None:
    gateway = Gateway(site.hub, tls, lambda: time.time_ns() // 1_000_000, _FREE)
    port = await gateway.start(HOST, 0)
    runner = await _bare_http(tls, job.size, site.frames[: job.size])
    job.pipe.send((runner.addresses[0][1], port, requests))
    bare_http, _ = await _cpu_until_told(job.pipe)
    await runner.cleanup()
    job.pipe.send((bare_http, (_bare_deliver if job.handed else _bare_accept)(job.folder / "bare", site)))
    await _cpu_until_told(job.pipe)
    job.pipe.send(await _cpu_until_told(job.pipe))
    await gateway.stop()


async def _bare_http(tls: Tls, size: int, frames: Sequence[bytes]) -> web.AppRunner:
    """A handler that reads the body and answers as many bytes as the gateway does."""
    parcels = [(frame, 1, 1_000, bytes(40), bytes(32)) for frame in frames]
    answers = {
        "envelopes": codes_bytes([Code.TAKEN] * size),
        "receipts": codes_bytes([Code.STORED] * size),
        "pickup": picked_up_bytes(parcels, ()),
    }

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=answers[request.match_info["route"]], content_type=MEDIA_TYPE)

    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/{role}/{route}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0, ssl_context=server_context(tls)).start()
    return runner


def _bare_accept(folder: Path, site: Site) -> float:
    store = bare.BareStore(folder)
    bare.fill(store, site.frames)
    began = time.process_time()
    bare.accept(store, site.frames, site.sender.signing.public, BATCH)
    return time.process_time() - began


def _bare_deliver(folder: Path, site: Site) -> float:
    store = bare.BareStore(folder)
    bare.fill(store, site.frames)
    bare.accept(store, site.frames, site.sender.signing.public, BATCH)
    receipts = dict(zip([parse(frame).message_id for frame in site.frames], receipts_of(site), strict=True))
    began = time.process_time()
    bare.deliver(store, BATCH, receipts, site.recipient.signing.public)
    return time.process_time() - began


async def _cpu_until_told(pipe: Connection) -> tuple[float, float]:
    """CPU of this process and its own processes, and of this process alone."""
    loop = asyncio.get_running_loop()
    told = loop.create_future()
    loop.add_reader(pipe.fileno(), told.set_result, None)
    began, others = time.process_time(), _cpu_of_others()
    await told
    own = time.process_time() - began
    loop.remove_reader(pipe.fileno())
    pipe.recv()
    return own + _cpu_of_others() - others, own


def _cpu_of_others() -> float:
    """CPU of the processes that this one has started and that are still there (proc(5): stat, fields 14 and 15)."""
    started = [one for task in Path("/proc/self/task").glob("*/children") for one in task.read_text().split()]
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in started]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def _requests(site: Site, size: int) -> list[bytes]:
    """Whole requests, head and body, signed in this minute."""
    starts = range(0, len(site.frames), size)
    return [_request(site.sender, "envelopes", frames_bytes(site.frames[start : start + size])) for start in starts]


def _handing_requests(site: Site, size: int) -> list[bytes]:
    """In turn a pick-up and the receipts of what it hands over: everything waits, in the order of its acceptance."""
    site.hub.send(site.sender.address, site.frames)
    acknowledge(site)
    receipts, requests = receipts_of(site), list[bytes]()
    for start in range(0, len(receipts), size):
        requests.append(_request(site.recipient, "pickup", pickup_bytes(size, 0, 0)))
        requests.append(_request(site.recipient, "receipts", frames_bytes(receipts[start : start + size])))
    return requests


def _request(caller: Partner, route: str, body: bytes) -> bytes:
    target, stamp = f"/v1/{role_of(caller.address)}/{route}", Stamp(int(time.time()) // 60 * 60, os.urandom(16), None)
    headers = sign_request(caller.signing, "POST", target, body, stamp)
    headers |= {"Host": "localhost", "Content-Type": MEDIA_TYPE, "Content-Length": str(len(body))}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
