# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The real hub and real edges in one world with a clock that is moved: what the delivery machine drives.

* `DeliveryWorld` holds an `Exchange` over a store (memory, or SQLite in a folder) and four edges, each with its own
  store on disk: team Wmo (A), a provider (B), a GP practice (G), and a third that only stops (T).
* Any of them can be stopped dead at any point: an `Actor` at the n-th point that its edge reaches, the hub before or
  after the n-th commit. What was durable is still there afterwards, nothing else is.
* Everything that happens is watched by the `Ghost` of `tests/delivery_ghost.py`, which no actor sees.

Randomness of ours comes from a seed, apart for each actor; only the library behind HPKE takes its own.
"""

from __future__ import annotations

import hashlib
import inspect
import random as randomness
import shutil
from collections.abc import Callable, Coroutine
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from adapters.address_book import AddressBook, Partner
from adapters.agreement import AgreementError, Conversation
from adapters.by_person import NoGroundError, Reliance
from adapters.clients import ClientRow
from adapters.edge import Edge, Identity, Tools
from adapters.formats.csv_notice import CsvWriter
from adapters.formats.native import Allocation, NativeEvent
from adapters.keys import StoreKey
from adapters.lines import NotLawfulError
from adapters.objections import TAKEN_BACK, Decision, Objecting, ObjectionError, decide, is_open, object_to, of_client
from adapters.records_incoming import ANSWERS, TOLD, Told
from adapters.records_outgoing import CLIENTS, MARKS
from adapters.requests import RequestError
from adapters.stop_code import stop_code
from adapters.store import FILE, EdgeStore
from adapters.witness import Witness
from adapters.workplace import EdgeError
from consent.rules import RuleTable
from deploy.local import LocalClient
from hub.audit.log import Log
from hub.client import HubUnavailableError
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.greatest import NoGreatest
from hub.store import Store
from hub.store_memory import MemoryStore
from hub.store_sqlite import DATABASE, KEYS, SqliteStore
from schemas.calendar import day_of, first_day, month_of, start_of_day
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen
from schemas.registry import load
from schemas.signing import SigningKey
from tests.delivery_ghost import DONE_DAYS, Ghost
from tests.simulator import NATIONAL, Seen, at, run
from tests.world_check import HUB_NAME

HOUR, DAY = 3_600_000, 86_400_000
MOMENT = 6_000  # between two things that happen, unless told otherwise; the hub signs a checkpoint every 5 s
START = at("2026-01-14 09:00")
ADDRESS = {
    "A": "urn:nld:oin:00000001000000000001:team-wmo",
    "B": "urn:nld:oin:00000001000000000002:provider-wmo",
    "G": "urn:nld:oin:00000001000000000003:gp",
    "T": "urn:nld:oin:00000001000000000004:provider-wmo",
}
CODES = {"A": ("9999", "zaken.example"), "B": ("12345678",), "G": ("01234567",), "T": ("87654321",)}
BSN = {"c0": "999900006", "c1": "999900018", "nobody": "999900031"}
REGISTRY = load()
HUB_KEY = SigningKey(hashlib.sha256(b"hub of the delivery world").digest())
KEY = StoreKey.from_secret(bytes(32))
Fault = tuple[str, int, bool]  # `crash` at a point, `hub` before or after a commit, or the method whose answer is lost
NO_FAULT: Fault = ("", 0, False)


# Of what a person asks of an edge and can't have.
REFUSING = (EdgeError, AgreementError, NotLawfulError, ObjectionError, RequestError, NoGroundError)


class Crash(BaseException):
    """The process of an edge ends here."""


class HubKilled(BaseException):
    """The process of the hub ends here."""


def book() -> AddressBook:
    """Everybody knows everybody."""
    return AddressBook(
        (
            Partner(ADDRESS["A"], "Team Wmo", municipality=("9999", Law.WMO), sources=("zaken.example",)),
            Partner(ADDRESS["B"], "Zorg", agb=("12345678",)),
            Partner(ADDRESS["G"], "Huisarts", agb=("01234567",)),
            Partner(ADDRESS["T"], "Derde", agb=("87654321",)),
        )
    )


class Wire:
    """One edge's way to the hub, on which answers can be lost."""

    def __init__(self, world: DeliveryWorld, name: str) -> None:
        self._world, self._name = world, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def call(*args: Any) -> Any:
            world = self._world
            client = LocalClient(world.hub, ADDRESS[self._name], world.actors[self._name].edge.seen)
            if world.hub_away:
                raise HubUnavailableError("no answer")
            try:
                answer = await getattr(client, method)(*args)
            except HubKilled:
                world.hub_crash = None
                world.restart_hub()
                raise HubUnavailableError("no answer") from None
            finally:
                world.ghost.read_log()
            world.ghost.answered(self._name, method, args, answer)
            actor = world.actors[self._name]
            if actor.lose == method:
                actor.lose = None
                raise HubUnavailableError("the answer was lost")
            return answer

        return call


class Actor:
    """One edge and the disk it stands on."""

    def __init__(self, world: DeliveryWorld, name: str) -> None:
        self.world, self.name, self.address = world, name, ADDRESS[name]
        self.folder = world.folder / name
        self.random = randomness.Random(f"{world.seed} {name}")  # noqa: S311  # must be the same in every run
        self.crash_in = -1
        self.lose: str | None = None
        self.notices: dict[str, bytes] = {}
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if not (self.folder / FILE).exists():
            (self.folder / FILE).write_bytes(empty_store(name))
        self.edge = self._open()

    def point(self, name: str) -> None:
        """A point that the edge has reached."""
        if self.world.watch is not None:
            self.world.watch(self.name, name)
        if self.crash_in >= 0:
            if self.crash_in == 0:
                self.crash_in = -1
                raise Crash
            self.crash_in -= 1

    def restart(self) -> None:
        """A new process on the same disk."""
        self.edge.store.close()
        self.edge = self._open()

    def back_up(self) -> None:
        """A copy of the store as it is now, which stands somewhere else."""
        copy = self.folder / "copy.sqlite"
        copy.unlink(missing_ok=True)
        self.crash_in = -1
        self.edge.back_up(copy)

    def put_back(self) -> bool:
        """The store is that copy again; whether there is one."""
        copy = self.folder / "copy.sqlite"
        if not copy.exists():
            return False
        self.crash_in = -1
        self.edge.store.close()
        shutil.copy(copy, self.folder / FILE)
        self.edge = self._open()
        self.edge.was_put_back()
        return True

    def _open(self) -> Edge:
        store = EdgeStore(self.folder, KEY)
        store.point = self.point
        witness = Witness(store, HUB_NAME, HUB_KEY.public)
        client: Any = Wire(self.world, self.name)
        days, table = self.world.spread_days, self.world.table
        random, clock = self.random.randbytes, self.world.clock
        tools = Tools(store, client, witness, table, REGISTRY, clock, random, self.point, spread_days=days)
        return Edge(Identity(self.address, frozenset(CODES[self.name]), book()), tools)


@cache
def empty_store(name: str) -> bytes:
    """The store of an edge that has its keys and nothing else."""
    seed = randomness.Random(f"keys of {name}")  # noqa: S311  # must be the same in every run
    with TemporaryDirectory() as there:
        store = EdgeStore.create(Path(there), KEY)
        witness = Witness(store, HUB_NAME, HUB_KEY.public)
        nobody: Any = None
        tools = Tools(store, nobody, witness, NATIONAL, REGISTRY, lambda: START, seed.randbytes)
        Edge(Identity(ADDRESS[name], frozenset(CODES[name]), book()), tools).init()
        store.close()
        return (Path(there) / FILE).read_bytes()


@dataclass(frozen=True)
class Paper:
    """What a person did at an edge and has on paper: it is done again when that edge was put back."""

    at: int
    what: Callable[[Edge], Any]


@dataclass(frozen=True)
class DoneFile:
    """A native file that was read; it stands in the folder done."""

    at: int
    digest: bytes
    events: tuple[NativeEvent, ...]


class FaultyStore:
    """The store of the hub, whose process may end before or after a commit."""

    def __init__(self, world: DeliveryWorld, inner: Store) -> None:
        self._world, self.inner = world, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def commit(self, step: Any) -> int:
        """Every durable write of the hub goes through here."""
        wanted = self._world.hub_crash
        if wanted is None or wanted[0]:
            if wanted is not None:
                self._world.hub_crash = (wanted[0] - 1, wanted[1])
            return self.inner.commit(step)
        if wanted[1]:
            self.inner.commit(step)
        raise HubKilled


def _decided(edge: Edge, number: int, outcome: str) -> None:
    with edge.workplace.commit("objection decided") as tx:
        decide(tx, edge.workplace, number, Decision(outcome, "N. Beslist", "afgewogen"))


class DeliveryWorld:
    """The hub, four edges, the clock and the ghost."""

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        store: str = "memory",
        known: tuple[str, ...] = ("c0",),
        now: int = START,
        table: RuleTable = NATIONAL,
        spread_days: int = 0,
    ) -> None:
        """A new world, or, where the folder holds one, that world after all its processes ended at this time."""
        self.now, self.seed, self.folder, self.table = now, seed, folder, table
        self.spread_days = spread_days
        self.watch: Callable[[str, str], None] | None = None  # is told who reached which point
        self.longest_step = 0
        self.moment = MOMENT
        self.hub_random = randomness.Random(f"{seed} hub")  # noqa: S311  # must be the same in every run
        self.hub_crash: tuple[int, bool] | None = None
        self.hub_away = False
        self.seen, self.lost_keys = Seen(), set[bytes]()
        self.events = 0
        self._kind = store
        self.paper: dict[str, list[Paper]] = {name: [] for name in ADDRESS}
        self.done: dict[str, list[DoneFile]] = {name: [] for name in ADDRESS}
        self.recalled: dict[str, list[tuple[int, bytes]]] = {name: [] for name in ADDRESS}
        self.reads_again: tuple[str, ...] | None = None  # the identity of the event that is read again now
        self.greatest = NoGreatest()
        self._saved: MemoryStore | None = None
        self._inner: Store = MemoryStore(self.clock) if store == "memory" else self._on_disk()
        self.hub = self._exchange()
        self.ghost = Ghost(self)
        self.actors = {name: Actor(self, name) for name in ADDRESS}
        if not self.store.addresses():
            for actor in self.actors.values():
                self.hub.admit(actor.edge.init().raw)
            for name in ADDRESS:
                self.work(name)
            for client in known or ("nobody",):  # the same time goes by
                self.know("G", client)

    # -- for the checks of tests/world_check.py

    @property
    def store(self) -> Store:
        """The store of the hub."""
        return self._inner

    @property
    def hub_public(self) -> bytes:
        """The public key of the log."""
        return HUB_KEY.public

    @property
    def today(self) -> int:
        """The calendar day."""
        return day_of(self.now)

    def clock(self) -> int:
        """Unix milliseconds."""
        return self.now

    def restart_hub(self) -> None:
        """A new process on the same store: what was held in memory is gone."""
        if self._kind != "memory":
            self._inner.close()
            self._inner = self._on_disk()
        self.hub = self._exchange()

    def close(self) -> None:
        """Let go of all files."""
        for actor in self.actors.values():
            actor.edge.store.close()
        self._inner.close()

    def _exchange(self) -> Exchange:
        store: Any = FaultyStore(self, self._inner)
        log = Log(store, HUB_NAME, HUB_KEY, self.greatest)
        return Exchange(store, log, self.table, HubClock(self.clock), self.hub_random.randbytes)

    def _on_disk(self) -> Store:
        folder = self.folder / "hub"
        if not (folder / DATABASE).exists():
            SqliteStore.create(folder)
        return SqliteStore(folder, self.clock, point=self._hub_point)

    def _hub_point(self, name: str) -> None:
        if self.watch is not None:
            self.watch("hub", name)

    # -- back-up and restore

    def save_hub(self) -> None:
        """A copy of the hub's store; its keys, and the file of the greatest checkpoint, are in no copy."""
        if isinstance(self._inner, SqliteStore):
            (self.folder / "hub.copy").unlink(missing_ok=True)
            self._inner.copy_to(self.folder / "hub.copy")
        else:
            self._saved = deepcopy(cast("MemoryStore", self._inner), {id(self): self})

    def put_hub_back(self, *, knows_greatest: bool = True, by_command: bool = True) -> bool:
        """The hub's store is that copy again; whether there is one.

        `knows_greatest`: the file outside it is there. `by_command`: a person put it back, and so said so; else a disk
        is of before, a checkpoint or more.
        """
        self.hub_crash = None
        if not by_command:  # what was committed since the last checkpoint nobody could miss: decision 0017
            self.now += MOMENT
            self.hub.checkpoint()
            self.ghost.read_log()
        if isinstance(self._inner, SqliteStore):
            if not (self.folder / "hub.copy").exists():
                return False
            self._inner.close()
            shutil.copy(self.folder / "hub.copy", self.folder / "hub" / DATABASE)
            (self.folder / "hub" / KEYS).unlink()
            self._inner = self._on_disk()
        elif self._saved is None:
            return False
        else:
            self._inner = deepcopy(self._saved, {id(self): self})
            self._inner.lose_keys()
        self.seen = Seen()
        self.ghost.hub_was_put_back(self.store.head().size)
        if not knows_greatest:
            self.greatest = NoGreatest(existed=False)
        if by_command:
            self.greatest.was_put_back()
        self.hub = self._exchange()
        self.ghost.read_log()
        return True

    def back_up(self, name: str) -> None:
        """A copy of an edge's store."""
        self.now += self.moment
        self.actors[name].back_up()

    def put_back(self, name: str) -> bool:
        """An edge's store is its copy again; whether there is one."""
        self.now += self.moment
        done = self.actors[name].put_back()
        if done:
            self.ghost.edge_was_put_back(name)
            self.ghost.look(name)
        return done

    def confirm(self, name: str) -> None:
        """A person does again what was stopped, refused and called back since the day of the copy, and confirms."""
        found = self.actors[name].edge.restoring()
        if found is None or found.confirmed_at is not None:
            return
        since = start_of_day(day_of(found.saved_at))
        for one in list(self.paper[name]):
            if one.at >= since:
                self.ask(name, one.what)
        self.ask(name, lambda edge: edge.confirm_restore())

    def read_again(self, name: str) -> None:
        """The files of the last 30 days are read again, in the order in which they came."""
        found = self.actors[name].edge.reads_again()
        if found is None:
            return
        for file in list(self.done[name]):
            if file.at < found.at - DONE_DAYS * DAY:
                continue
            self.reads_again = file.events[0].identity
            self.ask(
                name, lambda edge, file=file: edge.take_native(file.digest, list(file.events), file.at, again=True)
            )
            self.reads_again = None
            if not self._has_taken(name, file.digest):
                return  # the hub is away: the rest at the next pass
        self.ask(name, lambda edge: edge.has_read_again())
        self._recall_again(name, start_of_day(day_of(found.saved_at)))

    def _has_taken(self, name: str, digest: bytes) -> bool:
        return MARKS.get(self.actors[name].edge.store, digest) is not None

    # -- time

    def advance(self, ms: int) -> None:
        """Time passes; the hub does what time brings by itself."""
        self.hub_crash = None
        self.now += ms
        self.longest_step = max(self.longest_step, ms)
        self.hub.tick()
        self.ghost.read_log()

    def to_next_month(self) -> None:
        """To the first minute of the first day of next month."""
        self.advance(start_of_day(first_day(month_of(self.today) + 1)) - self.now + 60_000)

    # -- whatever an edge is asked

    def ask(self, name: str, call: Callable[[Edge], Any]) -> Any:
        """Ask an edge for something; None when it, or the hub, ended meanwhile or it could not be done."""
        actor = self.actors[name]
        self.now += self.moment
        answer = None
        try:
            answer = call(actor.edge)
            if inspect.iscoroutine(answer):
                answer = run(answer)
        except Crash:
            actor.restart()
            answer = None
        except (HubUnavailableError, *REFUSING):
            answer = None
        actor.crash_in, actor.lose, self.hub_crash = -1, None, None
        self.ghost.look(name)
        return answer

    def work(self, name: str) -> Any:
        """One pass of everything, notices too."""
        self.read_again(name)
        done = self.ask(name, lambda edge: edge.work())
        self.write_notices(name)
        return done

    def write_notices(self, name: str) -> None:
        """What waits for the own system is written."""
        self.ask(name, lambda edge: edge.write_notices(CsvWriter(), self.actors[name].notices.__setitem__))

    def flow(self, *names: str, rounds: int = 2) -> None:
        """Passes of these edges, one after another, a few times."""
        for _ in range(rounds):
            for name in names or tuple(ADDRESS):
                self.work(name)

    def fault(self, name: str, fault: Fault) -> None:
        """What will go wrong while the next thing is asked of an edge."""
        kind, number, after = fault
        self.hub_crash = None
        if kind == "crash":
            self.actors[name].crash_in = number
        elif kind == "hub":
            self.hub_crash = (number, after)
        elif kind:
            self.actors[name].lose = kind

    # -- native messages

    def native(self, name: str, *events: NativeEvent, digest: bytes = b"") -> Any:
        """A file of native messages; its digest says which file it is."""
        at = self.now
        file = digest or hashlib.sha256(repr(events).encode() + events[0].identity[-1].encode()).digest()
        self.read_again(name)  # before any new file
        self.ghost.happens(name, events)
        taken = self.ask(name, lambda edge: edge.take_native(file, list(events), at))
        if self._has_taken(name, file) and not any(one.digest == file for one in self.done[name]):
            self.done[name].append(DoneFile(at, file, events))
        return taken

    def allocate(
        self, readers: str, client: str, *, days: int | None = 60, number: str = "100", withdrawn: bool = False
    ) -> None:
        """A 301 of the municipality for the provider, read at one side or both."""
        self.events += 1
        end = None if days is None else self.today + days
        event = NativeEvent(
            Event(Kind.TOEGEWEZEN, self.today, Law.WMO, None, number + client[1:]),
            Citizen(bsn=BSN[client]),
            "9999",
            "12345678",
            ("iwmo", "301", "9999", BSN[client], number, str(end), str(withdrawn), f"n{self.events}"),
            allocation=Allocation(number + client[1:], self.today, end, None, withdrawn),
        )
        for name in readers:
            self.native(name, event)

    def event_of(self, name: str, client: str, number: int, *, retracts: bool = False) -> NativeEvent:
        """The n-th thing that happened: a status at the municipality, a start or a stop at the provider."""
        if name == "A":
            kind, sender, receiver, reference, head = Kind.ACTIE_BELEGD, "zaken.example", None, None, "cloudevents"
        else:
            kind, sender, receiver, reference, head = Kind.GESTART, "12345678", "9999", "100" + client[1:], "iwmo"
        day = day_of(START)  # the same fact, whenever it is told
        return NativeEvent(
            Event(kind, day, Law.WMO, None, reference),
            Citizen(bsn=BSN[client]),
            sender,
            receiver,
            (head, name, BSN[client], f"n{number}"),
            retracts=retracts,
        )

    def event(self, name: str, client: str) -> int:
        """Something happens at a partner; its number."""
        self.events += 1
        self.native(name, self.event_of(name, client, self.events))
        return self.events

    def told_once_more(self, name: str, client: str, number: int) -> None:
        """The own system writes the same fact in another file."""
        digest = hashlib.sha256(f"{name} {client} {number} {self.now}".encode()).digest()
        self.native(name, self.event_of(name, client, number), digest=digest)

    def called_back_at_the_source(self, name: str, client: str, number: int) -> None:
        """The own system calls a fact back."""
        digest = hashlib.sha256(f"{name} {client} {number} {self.now} back".encode()).digest()
        self.native(name, self.event_of(name, client, number, retracts=True), digest=digest)

    def know(self, name: str, client: str) -> None:
        """A citizen becomes a client."""
        self.ask(name, lambda edge: edge.import_clients([ClientRow(f"{name}-{client}", BSN[client], "")]))

    # -- people

    def agree(self, client: str, days: int = 60) -> None:
        """The citizen agrees, at team Wmo, that the GP may know."""
        talk = Conversation(("Huisarts",), self.today + days)
        self.ask("A", lambda edge: edge.make_agreement(BSN[client], talk))

    def stop(self, name: str, client: str, to: str | None, why: str) -> None:
        """The sender ends it."""
        self._on_paper(name, lambda edge: edge.stop(BSN[client], ADDRESS[to] if to else None, why))

    def stop_incoming(self, name: str, client: str, of: str | None, why: str = "objected") -> None:
        """The recipient ends it."""
        self._on_paper(name, lambda edge: edge.stop_incoming(BSN[client], ADDRESS[of] if of else None, why))

    def object_to(self, name: str, client: str, to: Objecting) -> None:
        """The citizen objects."""

        def said(edge: Edge) -> Any:
            with edge.workplace.commit("objection") as tx:
                object_to(tx, edge.workplace, edge.client(BSN[client]).id, to)
            return edge.send_stops()

        self._on_paper(name, said)

    def _on_paper(self, name: str, what: Callable[[Edge], Any]) -> None:
        self.paper[name].append(Paper(self.now, what))
        self.ask(name, what)

    def stop_by_code(self, number: int) -> None:
        """Somebody else ends it, with the code on the consent receipt; of a grant that the hub has heard of."""
        secrets = list(self.ghost.lines)
        secret = secrets[number % len(secrets)] if secrets else b""
        if secret in self.ghost.registered:  # decision 0008 says what is left open for the others
            code = stop_code(secret)
            self._on_paper("T", lambda edge: edge.stop_with_code(code))

    def decide_held(self, name: str, *, resume: bool) -> None:
        """A person looks at the first line that is held."""
        for held in self.actors[name].edge.held_lines()[:1]:
            self.ask(name, lambda edge, line=held.line: edge.person_decides(line, resume=resume))

    def lift(self, name: str, client: str, *, incoming: bool) -> None:
        """The citizen takes back every objection that waits, and a person lifts the rest."""
        self.decide(name, client, TAKEN_BACK, incoming=incoming)
        self.ask(name, lambda edge: edge.lift_refusals(BSN[client], None, "N. Heft op", incoming=incoming))

    def decide(self, name: str, client: str, outcome: str, *, incoming: bool) -> None:
        """A person decides every objection of a client that waits for it."""
        edge = self.actors[name].edge
        for one, refusal in (
            list(of_client(edge.store, edge.client(BSN[client]).id)) if self._knows(edge, client) else ()
        ):
            if is_open(one) and refusal.incoming is incoming:
                self.ask(name, lambda edge, number=one.number: _decided(edge, number, outcome))

    @staticmethod
    def _knows(edge: Edge, client: str) -> bool:
        return bool(CLIENTS.find(edge.store, "bsn", BSN[client].encode()))

    def grant_by_person(self, client: str, days: int) -> None:
        """A person at team Wmo lets the provider know."""
        until = self.today + days
        self.ask("A", lambda edge: edge.grant_by_person(BSN[client], ADDRESS["B"], Reliance(1, "zaak-7", until)))

    def retract(self, name: str, number: int) -> None:
        """A person calls one event back."""
        told = [item for item in self.actors[name].edge.items() if item.kind == "event" and not item.dead]
        if told:
            self._recall(name, lambda edge: edge.retract(told[number % len(told)].number))

    def retract_all(self, name: str, client: str, to: str | None) -> None:
        """A person calls everything about a client back."""
        self._recall(name, lambda edge: edge.retract_all(BSN[client], ADDRESS[to] if to else None))

    def _recall(self, name: str, what: Callable[[Edge], Any]) -> None:
        before = self._dead(name)
        self.ask(name, what)
        self.recalled[name] += [(self.now, event_id) for event_id in self._dead(name) - before]

    def _dead(self, name: str) -> set[bytes]:
        return {item.event_id for item in self.actors[name].edge.items() if item.kind == "event" and item.dead}

    def _recall_again(self, name: str, since: int) -> None:
        """A person calls back once more what was called back since the day of the copy and is there again."""
        for when, event_id in self.recalled[name]:
            for item in self.actors[name].edge.items() if when >= since else ():
                if (item.kind, item.event_id, item.dead) == ("event", event_id, False):
                    self.ask(name, lambda edge, number=item.number: edge.retract(number))

    # -- what networks do

    def send_again(self, number: int) -> None:
        """An envelope that was sent before comes once more."""
        if self.ghost.sent:
            name, frame = self.ghost.sent[number % len(self.ghost.sent)]
            self._once_more(LocalClient(self.hub, ADDRESS[name]).send([frame]))

    def fact_again(self, number: int) -> None:
        """A fact that was signed before comes once more."""
        if self.ghost.facts:
            name, frame = self.ghost.facts[number % len(self.ghost.facts)]
            self._once_more(LocalClient(self.hub, ADDRESS[name]).facts([frame]))

    def receipts_again(self, name: str) -> None:
        """The last receipts that were sent come once more."""
        frames = [one.frame for one in ANSWERS.scan(self.actors[name].edge.store) if one.frame is not None][-3:]
        self._once_more(LocalClient(self.hub, ADDRESS[name]).receipts(frames))

    def _once_more(self, request: Coroutine[Any, Any, Any]) -> None:
        """A request that comes once more may be the one at which the hub ends."""
        try:
            run(request)
        except HubKilled:
            self.hub_crash = None
            self.restart_hub()
        finally:
            self.ghost.read_log()

    # -- looking

    def view(self, name: str, client: str) -> list[tuple[str, str]]:
        """What is shown about a client: sender and what happened."""
        try:
            shown = self.actors[name].edge.view(BSN[client])
        except EdgeError:
            return []
        return [(line.sender_name, line.what) for view in shown for line in view.lines]

    def arrived(self, name: str) -> list[Told]:
        """What came to an edge, in the order in which it came."""
        return list(TOLD.scan(self.actors[name].edge.store))

    def settle(self, days: int = 14) -> None:
        """Everything runs and nothing fails, twice a day; then everything must hold."""
        for _ in range(days * 2):
            for name in ADDRESS:
                self.confirm(name)
            self.flow(rounds=1)
            self.ghost.check()
            self.advance(DAY // 2)
        self.flow(rounds=2)
        self.ghost.check(final=True)
