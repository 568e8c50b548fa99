# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Real edges in a world with the real hub: team Wmo, a provider and a GP practice, and what their systems write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from adapters import held
from adapters.address_book import AddressBook, Partner
from adapters.edge import Edge, Identity, Tools, Worked
from adapters.formats.native import Allocation, NativeEvent, Request
from adapters.intake import Taken
from adapters.keys import StoreKey
from adapters.looks import Viewer
from adapters.objections import Decision, Objecting, decide, object_to
from adapters.records_outgoing import Grant
from adapters.records_people import Objection
from adapters.store import FILE, EdgeStore
from adapters.witness import Witness
from adapters.workplace import no_point
from consent.rules import RuleTable
from deploy.local import LocalClient
from hub.client import HubClient
from schemas.calendar import date_text, parse_date
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen
from schemas.registry import load
from tests.certificates import Attest, Certificates
from tests.simulator import World, run
from tests.world_check import HUB_NAME

BSN = "999900006"
TYPIST = Viewer("P. Rofessional", "desk-3")  # who types codes
TEAM = "urn:nld:oin:00000001000000000001:team-wmo"
PROVIDER = "urn:nld:oin:00000001000000000002:provider-wmo"
GP = "urn:nld:oin:00000001000000000003:gp"
YOUTH_TEAM = "urn:nld:oin:00000001000000000001:team-jeugd"
YOUTH_PROVIDER = "urn:nld:oin:00000001000000000004:provider-jeugd"
WORK_TEAM = "urn:nld:oin:00000001000000000001:team-pw"
UWV = "urn:nld:oin:00000001000000000005:uwv"
SCHOOL = "urn:nld:oin:00000001000000000006:school"
PARTNERSHIP = "urn:nld:oin:00000001000000000007:partnership"
ZVH = "urn:nld:oin:00000001000000000008:zvh"
GI = "urn:nld:oin:00000001000000000009:gi"
CASES = "urn:example:zaaksysteem"
CODES = {
    TEAM: frozenset({"9999", CASES}),
    PROVIDER: frozenset({"12345678"}),
    GP: frozenset({"01234567"}),
    YOUTH_TEAM: frozenset({"9991"}),
    YOUTH_PROVIDER: frozenset({"98765401"}),
    WORK_TEAM: frozenset({"urn:example:uitkeringen"}),
    UWV: frozenset({"urn:suwi:uwv"}),
    SCHOOL: frozenset({"urn:schakel:brin:99ZZ00"}),
    PARTNERSHIP: frozenset({"urn:example:verband"}),
    GI: frozenset({"98765402"}),
    ZVH: frozenset({"urn:example:veiligheidshuis"}),
}
BOOK = AddressBook(
    (
        Partner(TEAM, "Team Wmo", municipality=("9999", Law.WMO), sources=(CASES,)),
        Partner(PROVIDER, "Zorg Voorbeeld", agb=("12345678",)),
        Partner(GP, "Praktijk Voorbeeld", agb=("01234567",)),
        Partner(YOUTH_TEAM, "Team Jeugd", municipality=("9991", Law.JEUGDWET)),
        Partner(YOUTH_PROVIDER, "Jeugdhulp Voorbeeld", agb=("98765401",)),
        Partner(WORK_TEAM, "Team Werk", sources=("urn:example:uitkeringen",)),
        Partner(UWV, "UWV", sources=("urn:suwi:uwv",)),
        Partner(SCHOOL, "School Voorbeeld", sources=("urn:schakel:brin:99ZZ00",)),
        Partner(PARTNERSHIP, "Verband Voorbeeld", sources=("urn:example:verband",)),
        Partner(GI, "Instelling Voorbeeld", agb=("98765402",)),
        Partner(ZVH, "Veiligheidshuis Voorbeeld", sources=("urn:example:veiligheidshuis",)),
    )
)
REGISTRY = load()


class Neighbours:
    """Edges that know each other, over one hub; with `certified` each has a certificate, as over a network."""

    def __init__(
        self, folder: Path, world: World | None = None, *, certified: bool = False, spread_days: int = 0
    ) -> None:
        self.folder = folder
        self.spread_days = spread_days
        self.world = world or World()
        self.certificates = Certificates(folder / "certificates", self.world) if certified else None
        self.attest: dict[str, Attest] = {}
        if self.certificates is not None:
            self.certificates.hub()
            self.attest = {address: self.certificates.of(address) for address in (TEAM, PROVIDER, GP)}
        self.edges: dict[str, Edge] = {}
        self.tables: dict[str, RuleTable] = {}
        self.points: dict[str, Callable[[str], None]] = {}
        self.clients: dict[str, HubClient] = {}
        for address in (TEAM, PROVIDER, GP):
            first = self.open(address).init().raw
            self.world.hub.admit(first, self.attest[address](first) if certified else b"")

    def open(self, address: str) -> Edge:
        """The edge of an address, as a new process finds it."""
        folder = self.folder / address.rpartition(":")[2]
        key = StoreKey.from_secret(hashlib.sha256(address.encode()).digest())
        if address in self.edges:
            self.edges[address].store.close()
        there = (folder / FILE).exists()
        store = EdgeStore(folder, key) if there else EdgeStore.create(folder, key)
        identity = Identity(address, CODES[address], BOOK)
        tools = Tools(
            store,
            self.clients.get(address) or LocalClient(self.world.hub, address),
            Witness(store, HUB_NAME, self.world.hub_public),
            self.tables.get(address, self.world.table),
            REGISTRY,
            self.world.clock,
            self.world.random,
            self.points.get(address, no_point),
            self.attest.get(address),
            None if self.certificates is None else self.certificates.authorities,
            self.spread_days,
        )
        self.edges[address] = Edge(identity, tools)
        return self.edges[address]

    def __getitem__(self, address: str) -> Edge:
        return self.edges[address]

    def work(self, *addresses: str) -> list[Worked]:
        """One pass of each of these, or of all; a minute goes by with each."""
        passes = []
        for address in addresses or tuple(self.edges):
            self.world.advance(minutes=1)
            passes.append(run(self.edges[address].work()))
        return passes

    def settle(self, passes: int = 4) -> None:
        """Until nothing moves."""
        for _ in range(passes):
            self.work()

    def take(self, address: str, *events: NativeEvent) -> Taken:
        """A native file with these events."""
        digest = self.world.random(32)
        return run(self.edges[address].take_native(digest, events, self.world.now))

    def told(self, address: str, number: str | None = None) -> list[str]:
        """What the chain views of a client say, of the first client unless told."""
        edge = self.edges[address]
        clients = edge.clients()
        if not clients:
            return []
        views = edge.view(number or clients[0].number)
        return [line.what for view in views for line in view.lines]

    def accept_held(self, address: str) -> None:
        """This partner reads no allocations: a person there has looked at the introductions that wait for one."""
        edge = self.edges[address]
        for one in held.waiting(edge.store, edge.workplace, edge.identity.book):
            with edge.workplace.commit("accepted") as tx:
                held.accept(tx, edge.workplace, one.id)

    def close(self) -> None:
        for edge in self.edges.values():
            edge.store.close()


def objected(near: Neighbours, address: str, to: Objecting, number: str = "C-1") -> Objection:
    """A client objects at an edge; what it ends, the hub hears of at once."""
    edge = near[address]
    with edge.workplace.commit("objection") as tx:
        made = object_to(tx, edge.workplace, edge.client(number).id, to)
    run(edge.send_stops())
    return made


def decided(edge: Edge, number: int, outcome: str) -> list[Grant]:
    """A person decides an objection; by which grants something goes on."""
    with edge.workplace.commit("objection decided") as tx:
        return decide(tx, edge.workplace, number, Decision(outcome, "N. Beslist", "afgewogen"))[1]


def allocation(
    number: str = "1001",
    begin: str = "2026-03-02",
    end: str | None = None,
    *,
    change: str | None = None,
    receiver: str = "12345678",
) -> NativeEvent:
    """A 301 of the municipality for the provider."""
    first, last = parse_date(begin), None if end is None else parse_date(end)
    identity = ("iwmo", "9999", BSN, number, "301", begin, end or "", begin, change or "")
    kind = Kind.TOEGEWEZEN if change is None else Kind.GEWIJZIGD
    return NativeEvent(
        Event(kind, first, Law.WMO, None, number),
        Citizen(bsn=BSN),
        "9999",
        receiver,
        identity,
        allocation=Allocation(number, first, last, change, withdrawn=change == "13"),
    )


def start(day: str = "2026-03-03", number: str = "1001", *, retracts: bool = False) -> NativeEvent:
    """A 305 of the provider."""
    identity = ("iwmo", "12345678", BSN, number, "305", day)
    event = Event(Kind.GESTART, parse_date(day), Law.WMO, None, number)
    return NativeEvent(event, Citizen(bsn=BSN), "12345678", "9999", identity, retracts)


def stop(day: str, reason: str = "19", number: str = "1001") -> NativeEvent:
    """A 307 of the provider."""
    kind, ending = (Kind.ONDERBROKEN, None) if reason == "20" else (Kind.BEEINDIGD, Ending.VOLGENS_PLAN)
    identity = ("iwmo", "12345678", BSN, number, "307", "2026-03-03", day, reason)
    event = Event(kind, parse_date(day), Law.WMO, ending, number)
    return NativeEvent(event, Citizen(bsn=BSN), "12345678", "9999", identity, reason=reason)


def request(reference: str = "REF-1") -> NativeEvent:
    """A 315 of the provider."""
    event = Event(Kind.AANGEMELD, parse_date("2026-03-02"), Law.WMO)
    identity = ("iwmo", "12345678", BSN, "", "315", reference)
    return NativeEvent(
        event, Citizen(bsn=BSN), "12345678", "9999", identity, request=Request("12345678", "9999", reference)
    )


def answer(reference: str = "REF-1", receiver: str = "12345678") -> NativeEvent:
    """A 319 of the municipality: rejected."""
    event = Event(Kind.AFGEWEZEN, parse_date("2026-03-04"), Law.WMO)
    identity = ("iwmo", "9999", receiver, reference, "319", "1")
    return NativeEvent(event, None, "9999", receiver, identity, request=Request(receiver, "9999", reference))


def status(number: int, kind: Kind = Kind.IN_ONDERZOEK, today: int = 0) -> NativeEvent:
    """A CloudEvent of the municipality's case system."""
    event = Event(kind, today, Law.WMO)
    return NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("cloudevents", CASES, f"{number}-{date_text(today)}"))
