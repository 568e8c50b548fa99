# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an all-seeing onlooker of a delivery world remembers, and the properties that he holds it to.

P1   nothing is handed over after the commit of a stop of its grant, under whatever handle; retractions are
P1b  nothing is told under an automatic renewal of what the recipient, or the stop code, ended
P2   what was told under a line that went on arrives, unless a person was asked;  P2b  no line is held that nobody stopped
P3   nothing arrives twice: at most one receipt `stored` per thing told, one notice, one line in the view
P4   what isn't late arrives in the order in which it was told, per line
P5   nothing is shown that happened before its line began or after a person ended it
P6   what was called back stays out of sight
P7   every decision follows from the entries before it
P10  every envelope ends

P8 and P9 need two worlds: tests/test_delivery_machine.py. The ghost reads the log of the hub entry by entry, and the
stores of the edges only to know what an envelope, a handle or an event id stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import cbor2

from adapters import chain_view
from adapters.formats.native import NativeEvent
from adapters.lines import LINE_HELD, RENEWAL
from adapters.records_incoming import GONE, NOTICES, TOLD
from adapters.records_outgoing import EVENT, FROZEN, GRANTS, ITEMS, ORDERS, RETRACTION, SENDS, Grant, Item
from adapters.shelf import gone_key, number_key
from consent.grant import handle
from hub.audit.replay import _Memory
from schemas import entry
from schemas.calendar import day_of, month_of
from schemas.codes import Code
from schemas.fact import Register, parse_fact
from tests import world_check

if TYPE_CHECKING:
    from tests.delivery_world import DeliveryWorld

DAY = 86_400_000
WAITS_AT_MOST = 8 * DAY
DONE_DAYS = 30
Identity = tuple[str, ...]


class Broken(AssertionError):
    """A property does not hold."""


def need(holds: object, name: str, *why: object) -> None:
    """A property, and what to say when it does not hold."""
    if not holds:
        raise Broken(f"{name}: {' '.join(str(word) for word in why)}")


@dataclass(frozen=True)
class Line:
    """A grant as it was made."""

    sender: str
    name: str
    recipient: str
    made_at: int
    end: int
    automatic: bool
    renews: bytes | None
    grant: str


@dataclass(frozen=True)
class Stopped:
    """Somebody ended a grant; `who` is an address."""

    at: int
    who: str


@dataclass(frozen=True)
class Said:
    """One thing that was put in an outbox.  `order`: in which it was first said, by whatever number it goes now."""

    sender: str
    order: int
    line: str
    grant: str
    recipient: str
    at: int
    identity: Identity


@dataclass
class Accepted:
    """An envelope that the hub took to hand over."""

    message_id: bytes
    handle: bytes
    retraction: bool
    at: int
    kind: str
    event_id: bytes
    ended: bool = False


class Ghost:
    """Remembers everything, changes nothing."""

    def __init__(self, world: DeliveryWorld) -> None:
        self._world = world
        self._memory = _Memory(world.table)
        self._read = 0
        self.lines: dict[bytes, Line] = {}
        self.ended: dict[bytes, list[Stopped]] = {}
        self._lost: dict[bytes, list[Stopped]] = {}  # of `ended`, what nobody but its sender can know any more
        self.registered: set[bytes] = set()
        self.said: dict[tuple[str, bytes], Said] = {}
        self.sent: list[tuple[str, bytes]] = []
        self.facts: list[tuple[str, bytes]] = []
        self.seen: dict[str, list[tuple[int, str, object, str]]] = {}
        self._secrets: dict[bytes, bytes] = {}
        self._stopped: dict[bytes, int] = {}
        self._accepted: dict[int, Accepted] = {}
        self._kinds: dict[bytes, tuple[str, bytes]] = {}
        self._orders: set[str] = set()
        self._arrived: dict[tuple[str, str, bytes], int] = {}
        self._happened: dict[tuple[str, Identity], int] = {}
        self._last: Identity = ()
        self._counted: dict[str, int] = {}
        self._files_since: dict[str, int] = {}
        self._arrived_stops: dict[bytes, list[Stopped]] = {}
        self._cut: set[bytes] = set()
        self._unsaid: set[tuple[str, bytes]] = set()
        self._given = 0

    # -- what happens

    def happens(self, name: str, events: Sequence[NativeEvent]) -> None:
        """A partner's own system writes this now."""
        for native in events:
            if not native.retracts:
                self._last = native.identity
                self._happened[name, native.identity] = self._world.now + self._world.moment  # when the edge is asked

    def answered(self, name: str, method: str, args: tuple[Any, ...], answer: Any) -> None:
        """The hub answered a call: what a sender sees, and what networks can repeat."""
        now = self._world.now
        if method == "send":
            self.sent += [(name, frame) for frame in args[0]]
            self._see(name, now, "send", [code.value for code in answer])
        elif method == "facts":
            self.facts += [(name, frame) for frame in args[0]]
            self._see(name, now, "facts", [(one.code.value, one.stopped_by_other) for one in answer])
        elif method == "outcomes":
            for item in answer.items:
                self._see(name, now, item.message_id or item.handle, item.code.value)
        elif method == "pickup":
            for one in answer.deliveries:
                record = cast("list[object]", cbor2.loads(one.record))
                accepted = self._accepted[cast("int", record[3])]
                need(self._read > one.index, "P1", "a byte left before its entry")
                need(not accepted.ended, "P1", "handed over after its end")

    def _see(self, name: str, at: int, what: object, code: object) -> None:
        self.seen.setdefault(name, []).append((at, "", what, str(code)))

    def look(self, name: str) -> None:
        """After everything that an edge was asked: what is new in its store."""
        store = self._world.actors[name].edge.store
        for grant in GRANTS.scan(store):
            if grant.secret not in self.lines:
                self._new_line(name, grant)
        for order in ORDERS.scan(store):
            if order.id in self._orders:
                continue
            self._orders.add(order.id)
            if order.grant is not None and order.why not in (RENEWAL, LINE_HELD):
                self._end(order.secret, order.due, self._world.actors[name].address)
        newest = self._counted.get(name, 0)
        number = newest + 1
        while (item := ITEMS.get(store, number_key(number))) is not None:
            if item.kind == EVENT:
                grant = GRANTS.need(store, item.grant.encode())
                self._say(name, item, grant)
            number += 1
        self._counted[name] = number - 1

    def _say(self, name: str, item: Item, grant: Grant) -> None:
        key = self._world.actors[name].address, item.event_id
        if key in self.said and key not in self._unsaid and self._world.reads_again is None:
            return
        before = self.said.get(key)
        last = self._world.reads_again or self._last if before is None else before.identity
        at = self._happened.get((name, last), 0) if before is None else before.at
        anew = before is None or (key in self._unsaid and self._world.reads_again is None)
        order = before.order if before is not None and not anew else self._next_order()
        self._unsaid.discard(key)
        # Told again after a restore it may go under another grant of its line.
        self.said[key] = Said(name, order, item.line, item.grant, grant.recipient, at, last)

    def _next_order(self) -> int:
        self._given += 1
        return self._given

    # -- restores

    def edge_was_put_back(self, name: str) -> None:
        """The store of an edge is an older one: its items have other numbers, and as a recipient it has lost some."""
        self._counted[name] = 0
        # A file stays in the folder done for 30 days: a copy that is older can't know all that was told since.
        self._files_since[name] = self._world.now - DONE_DAYS * DAY
        address = self._world.actors[name].address
        # What it does not tell from those files, since its line is younger now, is new when its own system repeats it.
        store = self._world.actors[name].edge.store
        self._unsaid |= {key for key in self.said if key[0] == address and not ITEMS.find(store, "event", key[1])}
        self._arrived = {key: count for key, count in self._arrived.items() if key[0] != address}
        self._forget_lost_stops()

    def hub_was_put_back(self, size: int) -> None:
        """The log was cut to this size; what was read beyond it is gone, what came of it is not forgotten here."""
        self._memory = _Memory(self._world.table)
        for index, item in enumerate(self._world.store.entries(0, size)):
            if item.salt is None:
                self._memory.public(item.record)
            else:
                self._memory.record(index, cbor2.loads(item.record))
        self._accepted = {index: one for index, one in self._accepted.items() if index < size}
        self._read = size
        self._cut |= {secret for secret, index in self._stopped.items() if index >= size}
        self._forget_lost_stops()

    def _forget_lost_stops(self) -> None:
        """What neither the hub nor any edge has any more nobody can keep to; a refusal that is signed again still holds."""
        kept = {order.secret for actor in self._world.actors.values() for order in ORDERS.scan(actor.edge.store)}
        for secret in self._cut - kept:
            del self._stopped[secret]
            self._lost.setdefault(secret, []).extend(self.ended.pop(secret, ()))
        self._cut &= kept

    def _new_line(self, name: str, grant: Grant) -> None:
        store = self._world.actors[name].edge.store
        renews = None if grant.renews is None else GRANTS.need(store, grant.renews.encode()).secret
        self.lines[grant.secret] = Line(
            name, grant.line, grant.recipient, grant.made_at, grant.end, grant.automatic, renews, grant.id
        )
        for month in range(month_of(grant.begin) - 1, month_of(grant.end) + 40):  # an old stop code names later months
            self._secrets[handle(grant.secret, month)] = grant.secret

    def _end(self, secret: bytes, at: int, who: str) -> None:
        self.ended.setdefault(secret, []).append(Stopped(at, who))

    def _ever_ended(self, secret: bytes) -> list[Stopped]:
        return [*self.ended.get(secret, ()), *self._lost.get(secret, ())]

    # -- the log

    def read_log(self) -> None:
        """Read the entries that are new, and hold them to P1, P1b, P3, P7 and P10."""
        world = self._world
        size = world.store.head().size
        for index, item in enumerate(world.store.entries(self._read, size), self._read):
            self._read = index + 1
            if item.salt is None:
                self._memory.public(item.record)
                continue
            record = cbor2.loads(item.record)
            self._memory.record(index, record)
            if record[2] == entry.FACT:
                self._fact(index, record[3])
            elif record[2] == entry.ACCEPT and record[-1] == Code.ACCEPTED:
                kind, event_id = self._sent(record[3], record[6])
                self._accepted[index] = Accepted(record[3], record[6], record[5], world.now, kind, event_id)
            elif record[2] == entry.RECOVERY:
                for one in self._accepted.values():
                    one.ended = True
            elif record[2] == entry.HAND_OVER:
                self._hand_over(self._accepted[record[3]], record[-1])
            elif record[2] == "receipt":
                self._receipt(self._accepted[record[3]], record[4])
            elif record[2] == "expiry":
                self._over(self._accepted[record[3]])
        report = self._memory.report
        need(not report.differs and not report.not_decidable, "P7", report.differs, report.not_decidable)

    def _fact(self, index: int, frame: bytes) -> None:
        fact = parse_fact(frame)
        if isinstance(fact.body, Register):
            name = next(key for key, actor in self._world.actors.items() if actor.address == fact.signer)
            if fact.body.handle not in self._secrets:
                self.look(name)
            self.registered.add(self._secrets[fact.body.handle])
            return
        for _, named in fact.body.handles:
            secret = self._secrets.get(named)
            if secret is None:
                continue
            self._cut.discard(secret)
            self._stopped.setdefault(secret, index)  # whichever of its handles are named: the grant is over
            sender = self._world.actors[self.lines[secret].sender].address
            if fact.signer != sender:
                self._arrived_stops.setdefault(secret, []).append(Stopped(self._world.now, fact.signer))
            if fact.signer != sender and not any(one.who == fact.signer for one in self.ended.get(secret, ())):
                self._end(secret, self._world.now, fact.signer)

    def _hand_over(self, one: Accepted, code: str) -> None:
        if code != Code.ACCEPTED:
            self._over(one)
            return
        if one.retraction:
            return
        secret = self._secrets[one.handle]
        need(secret not in self._stopped, "P1", "handed over after the stop at entry", self._stopped.get(secret))
        if one.kind == EVENT:
            self._not_renewed_by_itself(secret)

    def _not_renewed_by_itself(self, secret: bytes) -> None:
        first = self.lines[secret]
        line = first
        while line.automatic and line.renews is not None:
            before = self.lines[line.renews]
            others = [
                one
                for one in self._arrived_stops.get(line.renews, ())  # of one that is not at the hub nobody can know
                if one.at < first.made_at and day_of(one.at) <= before.end
            ]
            need(not others, "P1b", "told under an automatic renewal of what another stopped")
            line = before

    def _receipt(self, one: Accepted, code: str) -> None:
        self._over(one)
        if one.kind == EVENT and code == Code.STORED:
            line = self.lines[self._secrets[one.handle]]
            key = (line.recipient, line.sender, one.event_id)
            self._arrived[key] = self._arrived.get(key, 0) + 1
            need(self._arrived[key] == 1, "P3", "event", key, "was stored twice")

    def _over(self, one: Accepted) -> None:
        if not one.ended:
            took = self._world.now - one.at
            need(took <= WAITS_AT_MOST + self._world.longest_step, "P10", "an envelope waited", took)
        one.ended = True

    def _sent(self, message_id: bytes, name: bytes) -> tuple[str, bytes]:
        """Kind and event id of what was sent: from its edge, or from memory when that was put back meanwhile."""
        if message_id not in self._kinds:
            store = self._world.actors[self.lines[self._secrets[name]].sender].edge.store
            sent = SENDS.get(store, message_id)
            need(sent is not None, "P2", "an envelope was sent and its edge does not know it")
            item = ITEMS.need(store, number_key(sent.item if sent is not None else 0))
            self._kinds[message_id] = item.kind, item.event_id
        return self._kinds[message_id]

    # -- the properties

    def check(self, final: bool = False) -> None:
        """Everything that must hold after each step; `final`: also what must hold once all has settled."""
        self.read_log()
        for name in self._world.actors:
            self._check_recipient(name)
            self._check_held(name)
        if final:
            world_check.check(cast("Any", self._world))
            for one in self._accepted.values():
                need(one.ended or self._world.now - one.at <= WAITS_AT_MOST, "P10", "an envelope waits for ever")
            for (address, event_id), said in self.said.items():
                self._check_said(address, event_id, said)
            for name in self._world.actors:
                self._check_shown(name)

    def _check_recipient(self, name: str) -> None:
        top: dict[tuple[str, str], int] = {}
        visible: set[tuple[str, Identity]] = set()
        store = self._world.actors[name].edge.store
        for told in TOLD.scan(store):
            said = self.said.get((told.sender, told.event_id))
            if said is None:
                need(said, "P5", "an event that nobody told")
                continue
            if not told.late:
                before = top.get((told.sender, said.line), -1)
                need(said.order > before, "P4", said, "came after number", before)
                top[told.sender, said.line] = said.order
            if told.hidden or not told.parts:  # kept without content: withheld, or past its time
                continue
            need(
                GONE.get(store, gone_key(told.sender, told.event_id)) is None, "P6", said, "shown after its retraction"
            )
            key = (f"{told.sender} {said.line}", said.identity)
            need(key not in visible, "P3", said, "is there twice")
            visible.add(key)
            self._check_not_before(said)

    def _check_not_before(self, said: Said) -> None:
        """P5: it happened while a grant of its line was there that nobody had ended."""
        for secret, line in self.lines.items():
            if (line.sender, line.name) != (said.sender, said.line):
                continue
            if line.made_at > said.at or day_of(said.at) > line.end:
                continue
            if not any(one.at < said.at for one in self.ended.get(secret, ())):
                return
        need(False, "P5", said, "is shown and happened outside every grant of its line")

    def _check_held(self, name: str) -> None:
        """P2b: a held line was stopped by another address, or is past its end."""
        address = self._world.actors[name].address
        for grant in GRANTS.scan(self._world.actors[name].edge.store, "over"):
            if grant.state != FROZEN or self._world.today > grant.end:
                continue
            others = [
                one
                for secret, line in self.lines.items()
                if (line.sender, line.name) == (name, grant.line)
                for one in self._ever_ended(secret)
                if one.who != address
            ]
            need(others, "P2b", grant.line, "is held and nobody stopped it")

    def _check_said(self, address: str, event_id: bytes, said: Said) -> None:
        """P2 and P6, once all has settled."""
        store = self._world.actors[said.sender].edge.store
        items = [one for one in ITEMS.find(store, "event", event_id) if one.kind == EVENT]
        if not items:
            # The year in which it can be called back is over; or its edge was put back and it was not told again.
            over = self._world.today > self._last_day(said) + 366 or said.at < self._files_since.get(said.sender, 0)
            earlier = any(ITEMS.find(store, "event", one) for one in self._other_numbers(said, event_id))
            need(earlier or over or not self._goes_on(said), "P2", said, "is forgotten, and its line goes on")
            return
        item = items[-1]
        name = next(key for key, actor in self._world.actors.items() if actor.address == said.recipient)
        there = self._world.actors[name].edge.store
        told = TOLD.get(there, gone_key(address, event_id))
        arrived = told is not None and not told.hidden
        if item.dead:
            recalls = [one for one in ITEMS.find(store, "event", event_id) if one.kind == RETRACTION]
            need(not arrived or any(one.asks for one in recalls), "P6", said, "was called back and is shown")
            return
        need(item.asks or item.state == "final" or not self._goes_on(said), "P2", said, "never left:", item)
        if self._goes_on(said) and not item.asks:
            # A recipient that was away until after the term of the grant has destroyed it before it heard of a renewal.
            stored = self._arrived.get((said.recipient, said.sender, event_id), 0)
            over = stored and self._world.today > self._last_day(said) + chain_view.KEPT_DAYS
            need(arrived or over, "P2", said, "is lost:", item.state, item.final)

    def _other_numbers(self, said: Said, event_id: bytes) -> list[bytes]:
        """The same fact before it was called back and told anew: an edge that has forgotten that tells it by that again."""
        same = said.sender, said.line, said.identity
        return [
            number
            for (_, number), one in self.said.items()
            if number != event_id and (one.sender, one.line, one.identity) == same
        ]

    def _goes_on(self, said: Said) -> bool:
        """Whether the line under which it was told went on: nobody ended it, and its end has not come."""
        store = self._world.actors[said.sender].edge.store
        found = GRANTS.get(store, said.grant.encode())
        if found is None:
            return False  # made after the copy that its edge was put back from: what was told under it a person tells
        grant = found
        while grant.next is not None:
            heir = GRANTS.need(store, grant.next.encode())
            if heir.begin > grant.end:
                return False  # the line had ended, and what was told under it has had its time
            grant = heir
        if grant.state != "active" or self._world.today > grant.end:
            return False
        secret: bytes | None = grant.secret
        while secret is not None:
            if self._ever_ended(secret):
                return False
            secret = self.lines[secret].renews
        return True

    def _last_day(self, said: Said) -> int:
        return max(line.end for line in self.lines.values() if line.grant == said.grant)

    def _check_shown(self, name: str) -> None:
        """P3 and P6 as people and the own system see them."""
        actor = self._world.actors[name]
        for client in actor.edge.clients():
            for view in actor.edge.view(client.number):
                ids = [line.event_id for line in view.lines]
                need(len(ids) == len(set(ids)), "P3", "a line of a chain view is there twice")
        for notice in NOTICES.scan(actor.edge.store):
            told = TOLD.get(actor.edge.store, gone_key(notice.sender, notice.event_id))
            if told is None:
                continue
            first = f"{notice.event_id.hex()}.csv"
            back = f"{notice.event_id.hex()}-ingetrokken.csv"
            if told.hidden and first in actor.notices:
                need(back in actor.notices, "P6", "the own system was not told that an event was called back")
            said = self.said[told.sender, told.event_id]
            forgotten = said.at < self._files_since.get(said.sender, 0)  # that it was called back, too
            if told.parts and not told.hidden and told.client is not None and not forgotten:
                need(first in actor.notices and back not in actor.notices, "P2", "a notice is missing")
