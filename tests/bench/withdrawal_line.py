# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Withdrawal: from an edge's accepting it to no more hand-over, while the hub takes 200 envelopes a second of others.

Two edges over HTTPS; under each grant something waits at the hub.  The clock runs from the moment at which the edge is
told until the hub has answered that the stop is in force, from when on each hand-over is refused.  At the end the
recipient picks up all it may have: that must be what waits under the grants that nobody withdrew, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path

from adapters.connections.https import HttpsClient, Signer
from adapters.edge import Edge, Identity, Tools
from adapters.keys import StoreKey
from adapters.store import EdgeStore
from adapters.witness import Witness
from consent.precedence import WITHDRAWN
from consent.rules import national
from hub.client import Seen
from schemas import registry
from schemas.note import parse_verifier_key
from schemas.signing import SigningKey
from tests.bench.edge_lines import BOOK, CITIZENS, PROVIDER, TEAM, allocation, start
from tests.bench.measure import Line, percentile
from tests.bench.network_lines import RATE, figure, machine, open_load, pair
from tests.bench.served import NAME, Caller, Opening, Served, on_sqlite, served

KEPT = 20  # grants that nobody withdraws
EVERY = 0.2  # seconds between two withdrawals


def withdrawal(root: Path, name: str = "withdrawal_seconds", opening: Opening = on_sqlite) -> list[Line]:
    """The line."""
    seconds = len(CITIZENS) * EVERY * 2
    with served(root, partial(pair, number=3, count=int(RATE * seconds * 1.2)), opening=opening) as hub:
        took = asyncio.run(_withdrawn(hub, root))
    note = f"{len(took)} withdrawals while {RATE:g}/s came in; the longest {max(took):.3f} s; {machine()}"
    return [
        figure(name, "s, p99", percentile(took, 0.99), 1.0, note),
        figure(f"{name}.p50", "s", percentile(took, 0.5), None, note),
    ]


async def _withdrawn(hub: Served, root: Path) -> list[float]:
    (team, at_team), (provider, at_provider) = _edge(hub, root, TEAM, "9999"), _edge(hub, root, PROVIDER, "12345678")
    for edge in (team, provider):
        hub.admit(edge.init().raw)
    await _waiting(team, provider)
    load = Caller(hub, hub.made.sender.address, hub.made.sender.signing)
    await load.connect()
    end = asyncio.Event()
    loading = asyncio.create_task(open_load(load, iter(hub.made.frames), RATE, 1e6, end=end))
    await asyncio.sleep(2)
    took = []
    for citizen in CITIZENS[KEPT:]:
        began = time.perf_counter()
        if not await provider.stop(citizen, None, WITHDRAWN):
            raise RuntimeError("the hub did not answer the stop: this figure would mean nothing")
        took.append(time.perf_counter() - began)
        await asyncio.sleep(EVERY)
    end.set()
    await loading
    load.close()
    came = 0
    while (count := await team.pickup(200)) > 0:
        came += count
    for client in (at_team, at_provider):
        await client.close()
    if came != KEPT:
        raise RuntimeError(f"{came} were handed over, {KEPT} were not withdrawn: this figure would mean nothing")
    return took


async def _waiting(team: Edge, provider: Edge) -> None:
    """Every citizen's grant introduced, one event of each waiting at the hub."""
    await _passes(team, provider)
    for number, citizen in enumerate(CITIZENS):
        for edge in (team, provider):
            await edge.take_native(os.urandom(32), [allocation(number, citizen)], _now())
    await _passes(team, provider)
    for number, citizen in enumerate(CITIZENS):
        await provider.take_native(os.urandom(32), [start(number, citizen)], _now())
    sent = await provider.release()
    await provider.read_feed()
    if sent != len(CITIZENS):
        raise RuntimeError(f"{sent} events wait at the hub: this figure would mean nothing")


async def _passes(*edges: Edge) -> None:
    for _ in range(3):
        for edge in edges:
            await edge.work(200)


def _edge(hub: Served, root: Path, address: str, code: str) -> tuple[Edge, HttpsClient]:
    store = EdgeStore.create(root / address[-8:], StoreKey.from_secret(os.urandom(32)))

    def key() -> SigningKey:  # the client signs for the edge that it belongs to
        return edge.signing_key()

    def seen() -> Seen | None:
        return edge.seen()

    signer = Signer(address, key, seen, _now, os.urandom)
    client = HttpsClient(hub.place(address), signer)
    witness = Witness(store, NAME, parse_verifier_key(hub.verifier_key)[1])
    tools = Tools(store, client, witness, national(test_mode=True), registry.load(), _now, os.urandom, spread_days=0)
    edge = Edge(Identity(address, frozenset({code}), BOOK), tools)
    return edge, client


def _now() -> int:
    return time.time_ns() // 1_000_000
