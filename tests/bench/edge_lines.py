# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of an edge: from the outbox to the connection, and from the connection to the chain view.

The hub is left out of the timed part: a connection with answers made before stands between, so that what is measured
is the edge's own work.  Everything before, introductions included, went through a real hub.  The edge that is measured
closes its store in the timed part, as the bare loop does, so that folding in its write-ahead log is paid for; what was
written before it is folded in before, and the hub and the other edge are closed when nothing is timed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cbor2
from stdnum.nl import bsn

from adapters.address_book import AddressBook, Partner
from adapters.edge import Edge, Identity, Tools
from adapters.formats.native import Allocation, NativeEvent
from adapters.keys import StoreKey
from adapters.store import EdgeStore
from adapters.witness import Witness
from consent.rules import national
from deploy.local import LocalClient
from hub.audit.log import Log
from hub.client import PickUp
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.store_sqlite import SqliteStore
from schemas import registry
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen
from schemas.signing import SigningKey
from tests.bench import bare_edge
from tests.bench.hub_lines import Fresh
from tests.bench.measure import Line, Loop, compare

T = TypeVar("T")
COUNT = 200
BATCH = 200
HUB = "bench.schakel"
TEAM = "urn:nld:oin:00000000000000000001:team-wmo"
PROVIDER = "urn:nld:oin:00000000000000000002:provider-wmo"
BOOK = AddressBook(
    (Partner(TEAM, "Team Wmo", (), ("9999", Law.WMO)), Partner(PROVIDER, "Zorg Voorbeeld", ("12345678",)))
)
CITIZENS = [str(n) for n in range(999_900_006, 999_999_990) if bsn.is_valid(str(n))][:COUNT]


class Connection(LocalClient):
    """The in-process way to the hub, until it is cut: then `send` says taken, and pick-up plays what was prepared."""

    cut = False
    prepared: list[PickUp]

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """Taken, once cut."""
        return [Code.TAKEN] * len(envelopes) if self.cut else await super().send(envelopes)

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        """What was prepared, once cut."""
        return self.prepared.pop(0) if self.cut else await super().pickup(most, wait_seconds, acknowledged)

    async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
        """Each counts, once cut: what it says is all that is read of it."""
        return [Code(cbor2.loads(raw)[2]) for raw in receipts] if self.cut else await super().receipts(receipts)


@dataclass(slots=True)
class Case:
    """Two edges and a hub: every citizen's grant introduced, one start per citizen waiting at the provider."""

    hub: Exchange
    team: Edge
    provider: Edge
    at_team: Connection
    at_provider: Connection

    def only(self, measured: Edge) -> None:
        """From here on `measured` is timed: what was written before is not its work."""
        for edge in (self.team, self.provider):
            edge.store.forget_deleted()
            if edge is not measured:
                edge.store.close()


class Cases:
    """One case after another in one event loop, as an edge runs in one: neither loop nor hub is made or closed where
    something is timed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._hub: Exchange | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it."""
        return self._loop.run_until_complete(work)

    def follow(self, folder: Path) -> Case:
        """The next case; the hub of the one before is closed."""
        if self._hub is not None:
            self._hub.close()
        made = self.run(case(folder))
        self._hub = made.hub
        return made

    def close(self) -> None:
        """Nothing more is measured."""
        if self._hub is not None:
            self._hub.close()
        self._loop.close()


def _now() -> int:
    return time.time_ns() // 1_000_000


async def case(folder: Path) -> Case:
    """The case in `folder`."""
    SqliteStore.create(folder / "hub")
    store, key = SqliteStore(folder / "hub"), SigningKey(os.urandom(32))
    hub = Exchange(store, Log(store, HUB, key), national(test_mode=True), HubClock(_now), os.urandom)
    connections = Connection(hub, TEAM), Connection(hub, PROVIDER)
    edges = [
        _edge(folder, connection, address, code, key.public)
        for connection, address, code in zip(connections, (TEAM, PROVIDER), ("9999", "12345678"), strict=True)
    ]
    for edge in edges:
        hub.admit(edge.init().raw)
    await _passes(edges)
    for number, citizen in enumerate(CITIZENS):
        for edge in edges:
            await edge.take_native(os.urandom(32), [allocation(number, citizen)], _now())
    await _passes(edges)
    for number, citizen in enumerate(CITIZENS):
        await edges[1].take_native(os.urandom(32), [start(number, citizen)], _now())
    return Case(hub, edges[0], edges[1], *connections)


def _edge(folder: Path, connection: Connection, address: str, code: str, hub_key: bytes) -> Edge:
    store = EdgeStore.create(folder / address[-8:], StoreKey.from_secret(os.urandom(32)))
    witness = Witness(store, HUB, hub_key)
    tools = Tools(
        store, connection, witness, national(test_mode=True), registry.load(), _now, os.urandom, spread_days=0
    )
    return Edge(Identity(address, frozenset({code}), BOOK), tools)


async def _passes(edges: Sequence[Edge]) -> None:
    for _ in range(3):
        for edge in edges:
            await edge.work(COUNT)


def allocation(number: int, citizen: str) -> NativeEvent:
    today = day_of(_now())
    reference = f"A{number}"
    event = Event(Kind.TOEGEWEZEN, today, Law.WMO, None, reference)
    allocation = Allocation(reference, today, today + 100, None, withdrawn=False)
    identity = ("iwmo", "9999", citizen, reference, "301")
    return NativeEvent(event, Citizen(citizen, None), "9999", "12345678", identity, False, None, allocation)


def start(number: int, citizen: str) -> NativeEvent:
    reference = f"A{number}"
    event = Event(Kind.GESTART, day_of(_now()), Law.WMO, None, reference)
    identity = ("iwmo", "12345678", citizen, reference, "305")
    return NativeEvent(event, Citizen(citizen, None), "12345678", "9999", identity, False, None, None)


def sender(root: Path) -> Line:
    """From the outbox to the connection: validated, sealed, signed, numbered, durable, answered."""
    places, cases = Fresh(root), Cases()

    def ours() -> Loop:
        one = cases.follow(places.folder())
        cases.run(one.provider.prove())  # the newest checkpoint, which the hub makes, is seen before
        one.at_provider.cut = True
        one.only(one.provider)

        def loop() -> int:
            cases.run(one.provider.release())
            one.provider.store.close()
            return COUNT

        return loop

    line = compare("sender.2kB", ours, lambda: bare_edge.sender(places.folder(), COUNT, BATCH), 0.75)
    cases.close()
    return line


def recipient(root: Path) -> Line:
    """From the connection to the chain view: verified, decided, opened, validated, stored, receipted."""
    places, cases = Fresh(root), Cases()

    def ours() -> Loop:
        one = cases.follow(places.folder())
        cases.run(one.provider.work(COUNT))
        one.at_team.prepared = _prepared(one)
        cases.run(one.team.prove())
        one.at_team.cut = True
        one.only(one.team)

        def loop() -> int:
            while one.at_team.prepared:
                cases.run(one.team.pickup(BATCH))
            one.team.store.close()
            return COUNT

        return loop

    line = compare("recipient.2kB", ours, lambda: bare_edge.recipient(places.folder(), COUNT, BATCH), 0.75)
    cases.close()
    return line


def _prepared(one: Case) -> list[PickUp]:
    """Everything that waits for the team, as the hub hands it over."""
    answers = []
    while (came := one.hub.pickup(TEAM, BATCH, 0)).deliveries:
        answers.append(came)
    return answers
