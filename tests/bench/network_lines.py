# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The long lines over the network: waiting times under an open load, open polls, what an outage left, withdrawal.

An *open* load sends each envelope when it is due, at random moments around the rate, whether or not the ones before it
were answered; its time runs from that moment, so that waiting for one's turn counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from adapters.seal import sign_frames
from hub.exchange import Exchange
from hub.gateway_limits import Limits
from schemas.address import oin_of
from schemas.api import frames_bytes, pickup_bytes, read_codes, read_picked_up
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import parse
from schemas.receipt import sign_receipts
from tests.bench import material
from tests.bench.material import SMALL, Partner
from tests.bench.measure import Line, percentile
from tests.bench.served import Caller, Opening, Served, on_sqlite, served

RATE = 200.0
ROUNDS, LOADED, BARE = 6, 5.0, 3.0  # seconds of load and of bare flushes in turn, so that a noisy machine hits both
FLUSHED = 4096  # bytes of one bare flush
EACH = 10  # envelopes under one handle
POLLS, ORGANISATIONS, PER_ADDRESS = 5_000, 100, 2
RENEWED_MS = 30_000  # the longest poll of an edge
WAITING = 100_000
OTHER_RATE = 50.0
TURN, BETWEEN = 5.0, 1.0  # seconds with and without the one who catches up, in turn, so that a noisy machine hits both


@dataclass(frozen=True, slots=True)
class Pair:
    """Two partners and signed envelopes from the one to the other."""

    sender: Partner
    recipient: Partner
    frames: list[bytes]


def pair(hub: Exchange, number: int, count: int, each: int = EACH) -> Pair:
    """A pair admitted at the hub; their organisations have this number and the next."""
    today = day_of(_now())
    sender, recipient = material.partner("team-wmo", number, today), material.partner("provider-wmo", number + 1, today)
    for one in (sender, recipient):
        hub.admit(one.manifest)
    sealed = material.envelopes(hub, (sender, recipient), SMALL, count, each)
    return Pair(sender, recipient, [frame for one in sealed for frame in sign_frames([one], sender.signing)])


# -- waiting times


def latency(root: Path, name: str = "latency", opening: Opening = on_sqlite) -> list[Line]:
    """From the moment an envelope is due at the gateway to the answer after its commit, and to its being picked up by
    an edge with an open poll; beside a bare flush of the same disk in the same minute."""
    count = int(RATE * LOADED * ROUNDS * 1.1)
    with served(root, partial(pair, number=1, count=count), opening=opening) as hub:
        waited, picked, flushed = asyncio.run(_latency(hub, root / "bare"))
    bare = percentile(flushed, 0.99)
    most = 3 * bare + 20
    note = f"{len(waited):,} envelopes at {RATE:g}/s, {len(flushed):,} bare flushes of {FLUSHED} bytes between them; {machine()}"
    figures = [
        ("p50_ms", percentile(waited, 0.5), 15.0),
        ("p99_ms", percentile(waited, 0.99), most),
        ("p999_ms", percentile(waited, 0.999), None),
        ("fdatasync_p50_ms", percentile(flushed, 0.5), None),
        ("fdatasync_p99_ms", bare, None),
        ("picked_up_p50_ms", percentile(picked, 0.5), None),
        ("picked_up_p99_ms", percentile(picked, 0.99), None),
    ]
    return [figure(f"{name}.{one}", "ms", value, goal, note) for one, value, goal in figures]


async def _latency(hub: Served, folder: Path) -> tuple[list[float], list[float], list[float]]:
    made: Pair = hub.made
    sender = Caller(hub, made.sender.address, made.sender.signing)
    came: dict[bytes, float] = {}
    picker = asyncio.create_task(_picking(hub, made.recipient, came))
    sent: dict[bytes, float] = {}
    waited: list[float] = []
    flushed: list[float] = []
    frames = iter(made.frames)
    await sender.connect()
    await open_load(sender, frames, RATE, 1.0)  # everything has been used once
    for _ in range(ROUNDS):
        waited += await open_load(sender, frames, RATE, LOADED, sent)
        flushed += await _flushes(folder, BARE)
    async with asyncio.timeout(30):
        while not came.keys() >= sent.keys():  # noqa: ASYNC110  # filled by another task that has other work
            await asyncio.sleep(0.05)
    picker.cancel()
    with suppress(asyncio.CancelledError):
        await picker
    sender.close()
    picked = [(came[one] - due) * 1000 for one, due in sent.items()]
    return [one * 1000 for one in waited], picked, [one * 1000 for one in flushed]


async def open_load(
    caller: Caller,
    frames: Iterator[bytes],
    rate: float,
    seconds: float,
    sent: dict[bytes, float] | None = None,
    end: asyncio.Event | None = None,
) -> list[float]:
    """Sends one by one at random moments for so long, or until `end`; the seconds that each waited for its answer.
    `sent`: by message id, when it was due."""
    loop, chance = asyncio.get_running_loop(), random.Random(1)  # noqa: S311  # moments, no secrets
    times: list[float] = []
    tasks: list[asyncio.Task[None]] = []

    async def one(frame: bytes, due: float) -> None:
        [code] = read_codes(await caller.ask("envelopes", frames_bytes([frame])), 1)
        times.append(loop.time() - due)
        if code is not Code.TAKEN:
            raise RuntimeError("an envelope was refused: this figure would mean nothing")

    begin = due = loop.time()
    while (due := due + chance.expovariate(rate)) < begin + seconds and not (end is not None and end.is_set()):
        frame = next(frames)
        if sent is not None:
            sent[parse(frame).message_id] = due
        await asyncio.sleep(max(0.0, due - loop.time()))
        tasks.append(asyncio.create_task(one(frame, due)))
    await asyncio.gather(*tasks)
    return times


async def _picking(hub: Served, partner: Partner, came: dict[bytes, float]) -> None:
    """As an edge does: a poll that hands nothing over, then a pick-up, then the receipts."""
    caller, loop, acknowledged = Caller(hub, partner.address, partner.signing), asyncio.get_running_loop(), 0
    while True:
        await caller.ask("pickup", pickup_bytes(0, RENEWED_MS, acknowledged))
        parcels, told = read_picked_up(await caller.ask("pickup", pickup_bytes(200, 0, acknowledged)))
        now = loop.time()
        acknowledged = told[-1][0] if told else acknowledged
        ids = [parse(parcel[0]).message_id for parcel in parcels]
        came |= dict.fromkeys(ids, now)
        await _receipt(caller, partner, ids)


async def _receipt(caller: Caller, partner: Partner, ids: Sequence[bytes]) -> None:
    if ids:
        answers = [(one, Code.STORED, os.urandom(16)) for one in ids]
        frames = sign_receipts(partner.signing, day_of(_now()), answers)
        codes = read_codes(await caller.ask("receipts", frames_bytes(frames)), len(ids))
        if set(codes) != {Code.STORED}:
            raise RuntimeError("a receipt was refused: this figure would mean nothing")


async def _flushes(folder: Path, seconds: float) -> list[float]:
    """A file that grows by a page and is flushed, at the rate of the load."""
    file, times = _opened(folder), list[float]()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        times.append(await asyncio.to_thread(_flush, file))
        await asyncio.sleep(max(0.0, 1 / RATE - times[-1]))
    os.close(file)
    return times


def _opened(folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    return os.open(folder / "flushed", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _flush(file: int) -> float:
    begin = time.perf_counter()
    os.write(file, bytes(FLUSHED))
    os.fdatasync(file)
    return time.perf_counter() - begin


# -- open polls


def polls(root: Path) -> list[Line]:
    """What 5,000 open polls of 2,500 addresses cost the gateway while nothing happens."""
    limits = Limits(rate=1e9, burst=10**9, at_once=1_000, polls=PER_ADDRESS, connections=64)
    with served(root, _many, limits) as hub:
        cpu, before, after = asyncio.run(_polled(hub))
    note = f"{POLLS:,} TLS connections of {POLLS // PER_ADDRESS:,} addresses; {round((after - before) * 1024 / POLLS)} kB each"
    renewed = f"each poll asked for again after {RENEWED_MS // 1000} s, as edges at rest do"
    return [
        figure("gateway.polls5000_mb", "MB resident", after, None, note),
        figure("gateway.polls5000_cpu", "part of one core (CPU)", cpu, None, renewed),
    ]


def _many(hub: Exchange) -> list[Partner]:
    today, per = day_of(_now()), POLLS // PER_ADDRESS // ORGANISATIONS
    made = [
        material.partner(f"bench-{role}", number + 1, today) for number in range(ORGANISATIONS) for role in range(per)
    ]
    for one in made:
        hub.admit(one.manifest)
    return made


async def _polled(hub: Served) -> tuple[float, float, float]:
    contexts = {}
    for one in hub.made:
        contexts.setdefault(oin_of(one.address), hub.context(one.address))
    _, before = hub.used()
    gate = asyncio.Semaphore(32)  # so many at once shake hands
    connected = asyncio.Semaphore(0)

    async def poll(one: Partner) -> None:
        caller = Caller(hub, one.address, one.signing, contexts[oin_of(one.address)])
        async with gate:
            await caller.ask("pickup", pickup_bytes(0, 0, 0))
        connected.release()
        while True:
            await caller.ask("pickup", pickup_bytes(0, RENEWED_MS, 0))

    tasks = [asyncio.create_task(poll(one)) for one in hub.made for _ in range(PER_ADDRESS)]
    for _ in tasks:
        await connected.acquire()
    await asyncio.sleep(2)  # all are asked
    share = await _share_of_core(hub, RENEWED_MS / 1000)
    _, after = hub.used()
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    if not all(isinstance(one, asyncio.CancelledError) for one in ended):
        raise RuntimeError("a poll ended with an error: this figure would mean nothing")
    return share, before, after


async def _share_of_core(hub: Served, seconds: float) -> float:
    begin, (used, _) = time.perf_counter(), hub.used()
    await asyncio.sleep(seconds)
    return (hub.used()[0] - used) / (time.perf_counter() - begin)


# -- what an outage left


def outage(root: Path, name: str = "outage", opening: Opening = on_sqlite) -> list[Line]:
    """100,000 envelopes wait for a partner that was away. It picks them up, while another pair goes on as always; every few
    seconds it pauses, so that the times of the other pair with it and without it are of the same minutes."""
    with served(root, _left_behind, opening=opening) as hub:
        before, meanwhile, seconds = asyncio.run(_drained(hub))
    was, now = percentile(before, 0.99), percentile(meanwhile, 0.99)
    note = f"of another pair at {OTHER_RATE:g}/s: {len(before):,} envelopes without, {len(meanwhile):,} meanwhile; {machine()}"
    size = f"{WAITING:,} envelopes: {round(WAITING / seconds):,}/s, picked up in 200 and receipted; pauses left out"
    return [
        figure(f"{name}.deliver_s", "s", seconds, None, size),
        figure(f"{name}.other_p50_before_ms", "ms", percentile(before, 0.5), None, note),
        figure(f"{name}.other_p50_ms", "ms", percentile(meanwhile, 0.5), None, note),
        figure(f"{name}.other_p99_before_ms", "ms", was, None, note),
        figure(f"{name}.other_p99_ms", "ms", now, 2 * was, note),
    ]


def _left_behind(hub: Exchange) -> tuple[Pair, Pair]:
    away = pair(hub, 1, 0)
    for start in range(0, WAITING, 5_000):  # not all of them in memory
        count = min(5_000, WAITING - start)
        sealed = material.envelopes(hub, (away.sender, away.recipient), SMALL, count, 100)
        for part in range(0, count, 200):
            hub.send(away.sender.address, sign_frames(sealed[part : part + 200], away.sender.signing))
    return away, pair(hub, 3, int(OTHER_RATE * 600))


async def _drained(hub: Served) -> tuple[list[float], list[float], float]:
    away, other = hub.made
    caller = Caller(hub, other.sender.address, other.sender.signing)
    picker = asyncio.create_task(_picking(hub, other.recipient, {}))
    frames, end, fork = iter(other.frames), asyncio.Event(), get_context("fork")
    (ours, theirs), goes_on = fork.Pipe(), fork.Event()
    process = fork.Process(target=_drain_alone, args=(hub, away.recipient, theirs, goes_on))
    process.start()
    await caller.connect()
    await open_load(caller, frames, OTHER_RATE, 2.0)
    before, meanwhile = list[float](), list[float]()

    async def drained() -> float:
        seconds: float = await asyncio.to_thread(ours.recv)
        end.set()
        return seconds

    seconds = asyncio.create_task(drained())
    while not end.is_set():
        await open_load(caller, frames, OTHER_RATE, BETWEEN)
        before += await open_load(caller, frames, OTHER_RATE, TURN)
        goes_on.set()
        meanwhile += await open_load(caller, frames, OTHER_RATE, TURN, end=end)
        goes_on.clear()
    await asyncio.to_thread(process.join)
    picker.cancel()
    with suppress(asyncio.CancelledError):
        await picker
    return [one * 1000 for one in before], [one * 1000 for one in meanwhile], await seconds


def _drain_alone(hub: Served, partner: Partner, pipe: Connection, goes_on: Event) -> None:
    pipe.send(asyncio.new_event_loop().run_until_complete(_drain(hub, partner, goes_on)))


async def _drain(hub: Served, partner: Partner, goes_on: Event) -> float:
    """The seconds that it took, without those in which it was told to pause."""
    caller, acknowledged, count, seconds = Caller(hub, partner.address, partner.signing), 0, 0, 0.0
    while True:
        await asyncio.to_thread(goes_on.wait)
        begin = time.perf_counter()
        parcels, told = read_picked_up(await caller.ask("pickup", pickup_bytes(200, 0, acknowledged)))
        acknowledged = told[-1][0] if told else acknowledged
        await _receipt(caller, partner, [parse(parcel[0]).message_id for parcel in parcels])
        count += len(parcels)
        seconds += time.perf_counter() - begin
        if not parcels and not told:
            break
    if count != WAITING:
        raise RuntimeError(f"{count:,} of {WAITING:,} were handed over: this figure would mean nothing")
    return seconds


# -- inside


def figure(name: str, unit: str, value: float, goal: float | None, note: str = "") -> Line:
    met, told = (None, "-") if goal is None else (value < goal, f"under {goal:.4g}")
    return Line(name, unit, round(value, 3), None, None, told, met, 1, note=note)


def machine() -> str:
    """What else ran: without it a waiting time says little."""
    return f"{os.getloadavg()[0]:.1f} processes wanted a core in the last minute, of {os.cpu_count()} cores"


def _now() -> int:
    return time.time_ns() // 1_000_000
