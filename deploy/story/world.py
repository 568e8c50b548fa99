# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The partners and the hub of a story, in one folder: real stores, real keys, real folders.

    DIR/hub/ DIR/team-wmo/ DIR/zorgaanbieder/ DIR/huisarts/ DIR/keys/

Without further partners: the three of one Wmo case.

Everything in it works with the other commands too.  That all of it is in one place is for the demo only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.edge import Edge
from deploy.compose import Clock, Hub, NewHub, make_hub, open_hub, toml, write_new
from deploy.compose_edge import (
    MANIFEST_FILE,
    PARTNERS_FILE,
    NewEdge,
    NoHub,
    Settings,
    load_settings,
    make_store,
    open_edge,
    store_key,
    write_edge_settings,
)
from deploy.local import LocalClient
from deploy.options import EDGE_FILE, HUB_FILE
from deploy.search import Secrets, Trace, find_traces
from deploy.story.messages import (
    AGB,
    CASE_SYSTEM,
    MUNICIPALITY,
    PATIENT_NUMBERS,
    PRACTICE_AGB,
    REVIEW_TYPE,
    STATUS_TYPE,
)
from deploy.story.person import CITIZEN
from deploy.work import Pass, one_pass
from hub.config import load_hub_config
from schemas.calendar import day_of, next_working_day, start_of_day
from schemas.codes import Code

HUB_NAME = "demo.schakel.example"
_MINUTE = 60_000
_EARLIER = 20 * _MINUTE  # the story is told with a clock that runs this much behind, and ends before now
_BETWEEN = 6_000  # between two passes: a checkpoint of the log is at most five seconds old


class DemoClock:
    """Time that passes when the story says so: nothing sleeps."""

    def __init__(self, now: int) -> None:
        start = now - _EARLIER
        # Not over midnight: the story is of one day.
        self.now = start if day_of(start) == day_of(now) else start_of_day(day_of(now)) - _EARLIER

    def __call__(self) -> int:
        return self.now

    def pass_by(self, ms: int = _BETWEEN) -> None:
        """Time goes on."""
        self.now += ms


def two_days_before(now: int) -> int:
    """When a story begins that goes on over its next working day and must be over by now."""
    day = day_of(now) - 3
    while next_working_day(day) + 2 > day_of(now):
        day -= 1
    return start_of_day(day) + 12 * 60 * _MINUTE


class Tap(LocalClient):
    """The line of one edge, on which somebody listens: what it sent is remembered, for a forger to use."""

    def __init__(self, hub: Hub, address: str) -> None:
        super().__init__(hub.exchange, address)
        self.sent: list[bytes] = []

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        """See `HubClient`."""
        self.sent += envelopes
        return await super().send(envelopes)


@dataclass(frozen=True, slots=True)
class Who:
    """A partner of the story: folder, address, Dutch name, further settings."""

    folder: str
    address: str
    name: str
    more: tuple[tuple[str, str], ...]
    book: str


TEAM = Who(
    "team-wmo",
    "urn:nld:oin:00000009999999990001:team-wmo",
    "Team Wmo Voorbeeldstad",
    (
        ("municipality_code", toml(MUNICIPALITY)),
        ("own_sources", f"[{toml(CASE_SYSTEM)}]"),
        (
            "cloudevent_types",
            (
                f'{{ {toml(STATUS_TYPE)} = {{ kind = "gewijzigd", law = "wmo" }}, '
                f'{toml(REVIEW_TYPE)} = {{ kind = "in-onderzoek", law = "wmo" }} }}'
            ),
        ),
        ("notices_out", toml("csv")),
    ),
    f'municipality = {{ code = {toml(MUNICIPALITY)}, law = "wmo" }}\nsources = [{toml(CASE_SYSTEM)}]',
)
PROVIDER = Who(
    "zorgaanbieder",
    "urn:nld:oin:00000009999999990002:provider-wmo",
    "Zorg Thuis Voorbeeld",
    (("agb", toml(AGB)), ("formats_in", '{ ".xml" = "iwmo" }'), ("notices_out", toml("csv"))),
    f"agb = [{toml(AGB)}]",
)
PRACTICE = Who(
    "huisarts",
    "urn:nld:oin:00000009999999990003:gp",
    "Huisartsenpraktijk De Linde",
    (
        ("agb", toml(PRACTICE_AGB)),
        ("own_number_system", toml(PATIENT_NUMBERS)),
        ("formats_in", '{ ".json" = "fhir" }'),
        ("format_laws", '{ fhir = "zvw" }'),
        ("notices_out", toml("fhir-task")),
    ),
    f"agb = [{toml(PRACTICE_AGB)}]",
)
EVERYONE = (TEAM, PROVIDER, PRACTICE)


@dataclass(frozen=True, slots=True)
class Desk:
    """One partner at work."""

    who: Who
    settings: Settings
    edge: Edge
    line: Tap

    def put(self, name: str, data: bytes) -> None:
        """The partner's own system puts a file in the folder in."""
        folder = self.settings.config.in_folder
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{name}"
        unfinished.write_bytes(data)
        unfinished.rename(folder / name)

    def out(self) -> list[Path]:
        """The notices for the partner's own system so far."""
        return sorted(self.settings.config.out_folder.glob("*"))


@dataclass(slots=True)
class World:
    """The hub and its partners, by their folder."""

    folder: Path
    clock: DemoClock
    hub: Hub
    desks: Mapping[str, Desk]
    secrets: Secrets = field(default_factory=CITIZEN.secrets)
    traces: list[Trace] = field(default_factory=list)
    looked: int = 0

    def __getitem__(self, who: Who) -> Desk:
        return self.desks[who.folder]

    @property
    def team(self) -> Desk:
        """Team Wmo."""
        return self[TEAM]

    @property
    def provider(self) -> Desk:
        """The provider under the Wmo."""
        return self[PROVIDER]

    @property
    def practice(self) -> Desk:
        """The GP practice."""
        return self[PRACTICE]

    def look(self) -> None:
        """Searches everything that the hub has, for everything of the story; what it finds is kept."""
        folder = self.folder / "hub"
        seed = bytes.fromhex(self.hub.config.key_file.read_text(encoding="ascii"))
        self.traces += find_traces(folder, self.secrets, [seed])
        self.looked += 1

    def work(self, desk: Desk) -> Pass:
        """One pass of one partner."""
        self.clock.pass_by()
        return asyncio.run(one_pass(desk.edge, desk.settings.config, self.clock))

    def settle(self, *some: Desk) -> None:
        """Passes of these, or of everyone, until nothing moves any more."""
        for _ in range(12):
            done = [self.work(desk) for desk in some or self.desks.values()]
            if not any(one.sent or one.picked_up or one.read for one in done):
                return
        raise AssertionError("the partners are still exchanging after twelve rounds")


def make_world(folder: Path, everyone: Sequence[Who] = EVERYONE) -> str:
    """Makes hub and edges; the hub's verifier key.

    Raises:
        Stopped: something is there already.
    """
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    controllers = tuple(who.name for who in everyone)
    config = make_hub(
        NewHub(
            folder / "hub",
            HUB_NAME,
            "Stichting Demo",
            controllers,
            "fg@voorbeeldstad.example",
            keys / "hub-log.key",
            demo=True,
        )
    )
    with open_hub(config, traffic=False) as hub:
        vkey = hub.log.verifier_key
    for who in everyone:
        place = folder / who.folder
        wanted = NewEdge(
            place,
            who.address,
            who.name,
            keys / f"{who.folder}.key",
            hub=folder / "hub",
            hub_key=vkey,
            demo=True,
            more=who.more,
        )
        write_edge_settings(wanted)
        (place / PARTNERS_FILE).unlink()
        write_new(place / PARTNERS_FILE, _book(who, everyone).encode())
    return vkey


def _book(reader: Who, everyone: Sequence[Who]) -> str:
    entries = [
        f"[[partner]]\naddress = {toml(who.address)}\nname = {toml(who.name)}\n{who.book}\n"
        for who in everyone
        if who is not reader
    ]
    return "\n".join(entries)


@contextmanager
def open_world(
    folder: Path, clock: DemoClock, everyone: Sequence[Who] = EVERYONE, secrets: Secrets | None = None
) -> Iterator[World]:
    """Everyone at work.  The first time, keys are made and the operator admits the manifests."""
    settings = {who.folder: load_settings(folder / who.folder / EDGE_FILE) for who in everyone}
    manifests = [_first_manifest(folder / who.folder, settings[who.folder], clock) for who in everyone]
    with ExitStack() as stack:
        hub = stack.enter_context(open_hub(load_hub_config(folder / "hub" / HUB_FILE), clock))
        for manifest in manifests:
            hub.exchange.admit(manifest)
        desks = {}
        for who in everyone:
            tap = Tap(hub, who.address)
            known = settings[who.folder]
            edge = stack.enter_context(open_edge(known, tap, store_key(known.config, os.environ), clock))
            desks[who.folder] = Desk(who, known, edge, tap)
        yield World(folder, clock, hub, desks, secrets or CITIZEN.secrets())


def _first_manifest(place: Path, settings: Settings, clock: Clock) -> bytes:
    key = make_store(settings, os.environ)
    with open_edge(settings, NoHub(), key, clock) as edge:
        raw = edge.init().raw
    write_new(place / MANIFEST_FILE, raw)
    return raw
