# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One edge: its parts put together, and everything that people and programs can ask of it.

Guarantees:
- every operation can be repeated, and stopped anywhere, without anything being lost or told twice;
- what a person decides counts from the commit that keeps it, also when the hub can't be reached;
- one pass of work at a time; time and randomness come from outside.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters import (
    agreement,
    alarms,
    by_person,
    clients,
    code_entry,
    code_slips,
    desk,
    inbound,
    lines,
    outbox_by_hand,
    peers,
    quotas,
    recovery,
    refusals,
    restore,
    stopped_line,
    stops,
)
from adapters.address_book import AddressBook
from adapters.agreement import Agreement, Conversation
from adapters.alarms import Alarm, Lie, Misuse
from adapters.by_person import NoGroundError, Reliance
from adapters.chain_view import ChainView, views
from adapters.clients import ClientRow
from adapters.code_entry import Entered
from adapters.code_slips import Slip, TooManyCodesError, WaitingCode
from adapters.consent_receipt import Agreed
from adapters.desk import Backlog, Held, OutboxLine, ToldLine
from adapters.formats.native import NativeEvent, Notice, Writer
from adapters.inbound import Inbound, Opening
from adapters.intake import Arrived, Intake, Taken
from adapters.keeping import keep_house
from adapters.keys import opening_private
from adapters.looks import Viewer, named
from adapters.notices import Notices
from adapters.outbound import Outbound
from adapters.peers import Peers
from adapters.records_outgoing import (
    CLIENTS,
    GRANTS,
    ITEMS,
    MARKS,
    Client,
    Grant,
    Item,
)
from adapters.records_own import OWN, OWN_KEY, PEERS, Restore, back_up
from adapters.records_people import Refused
from adapters.references import brings_ground
from adapters.refusals import CLOSED, KINDS, REASONS
from adapters.restore import RestoringError
from adapters.spread import DAYS
from adapters.stop_code import read_stop_code
from adapters.store import EdgeStore
from adapters.watch import Watch
from adapters.witness import Cut, Witness
from adapters.workplace import OBJECTION_DAYS, Attest, EdgeError, Workplace, no_point
from consent.precedence import OBJECTED
from consent.rules import RuleTable, Ways, ways
from hub.client import HubClient, HubUnavailableError, Seen
from schemas.address import role_of
from schemas.attestation import Authorities
from schemas.identity import Citizen
from schemas.manifest import SignedManifest, parse_manifest
from schemas.registry import Registry
from schemas.signing import SigningKey, Verifier

HUB: Final = "hub"
PERSON: Final = "person"
_MOST_ROUNDS: Final = 500  # of sending and hearing in one pass; what is left goes at the next


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this edge is: its address, its native codes, whom it knows.

    `own_table`: the rules are narrower than the national base, so the table is published and named in the manifest.
    `own_number_system`: whose numbers its own client numbers are, for the notices to its own system.
    """

    address: str
    own_codes: frozenset[str]
    book: AddressBook
    own_table: bool = False
    notices_with_bsn: bool = False
    own_number_system: str | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What an edge works with. `point` is called around every commit and every call of the hub.

    `attest` makes the attestation of a manifest, `authorities` reads who vouches for partners: None in one process.
    `spread_days` as in `adapters.spread`.
    """

    store: EdgeStore
    client: HubClient
    witness: Witness
    rules: RuleTable
    registry: Registry
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    point: Callable[[str], None] = no_point
    attest: Attest | None = None
    authorities: Callable[[], Authorities] | None = None
    spread_days: int = DAYS
    objection_days: int = OBJECTION_DAYS


@dataclass(frozen=True, slots=True)
class Worked:
    """What one pass did: envelopes sent, outcomes heard, envelopes picked up; whether the manifest is in the log.

    `waits` says for whom a hub or edge that was put back keeps everything else waiting: `HUB`, `PERSON`, or nobody.
    """

    sent: int = 0
    heard: int = 0
    picked_up: int = 0
    published: bool = True
    waits: str = ""


class Edge:
    """One address at its work."""

    def __init__(self, identity: Identity, tools: Tools) -> None:
        self.identity = identity
        self.address = identity.address
        self.store = tools.store
        self._witness = tools.witness
        self._work = Workplace(
            identity.address,
            tools.store,
            tools.client,
            tools.rules,
            tools.registry,
            tools.clock,
            tools.random,
            tools.point,
            tools.attest,
            tools.spread_days,
            tools.objection_days,
        )
        fingerprints = {one.address: one.fingerprint for one in identity.book.partners if one.fingerprint is not None}
        self._peers = Peers(self._work, tools.witness, Verifier(), fingerprints, tools.authorities)
        self._busy = asyncio.Lock()

    # -- keys --------------------------------------------------------------------------------------------------------

    def init(self) -> SignedManifest:
        """Make the keys and the first manifest, whose fingerprint people compare; a second time gives the same."""
        return peers.begin(self._work, self._table_hash())

    async def publish(self) -> bool:
        """Publish the manifest that should be there today; whether the log has it."""
        async with self._busy:
            return await peers.publish(self._work, self._table_hash())

    def signing_key(self) -> SigningKey:
        """What this address signs with, its requests to the hub too."""
        return peers.signing_key(self._work)

    def newest_issued(self) -> bytes:
        """The newest manifest of this address that the hub has had."""
        return peers.newest_issued(self._work)

    def seen(self) -> Seen | None:
        """The newest checkpoint of the hub's log that was accepted."""
        return self._witness.newest()

    def seen_note(self) -> str | None:
        """That checkpoint as the hub signed it."""
        return self._witness.note()

    def known_manifest(self, address: str) -> tuple[str, int, str] | None:
        """Address, number and SHA-256 of the newest manifest of an address, this one's too; None when none is known."""
        own = OWN.get(self.store, OWN_KEY) if address == self.address else None
        peer = PEERS.get(self.store, address.encode())
        frame = own.manifest if own is not None else None if peer is None else peer.frame
        if frame is None:
            return None
        return address, parse_manifest(frame).manifest.number, hashlib.sha256(frame).hexdigest()

    # -- what the hub was caught at ----------------------------------------------------------------------------------

    def alarms(self) -> list[Alarm]:
        """What the hub was caught at and nobody has settled; a forked log, which ends all work, has number 0."""
        forks = self._witness.evidence()
        found = alarms.standing(self.store)
        return [*([Alarm(0, Lie.FORKED_LOG.value, "log", 0, 0, len(forks))] if forks else []), *found]

    def settle_alarm(self, number: int) -> None:
        """A person has looked at an alarm.

        Raises:
            EdgeError: there is none of this number.
        """
        with self._work.commit("alarm settled") as tx:
            settled = alarms.settle(tx, number)
            if settled is None:
                raise EdgeError("er is geen melding met dit nummer")
            if settled.lie == Misuse.MANY_INTRODUCTIONS:
                quotas.release(tx, settled.about)

    def follow_log(self) -> None:
        """A person has looked at a forked log: the log that the hub shows from now on is followed."""
        self._witness.settle()

    def cuts(self) -> list[Cut]:
        """Each time that the hub was put back from a copy, oldest first."""
        return self._witness.cuts()

    @property
    def workplace(self) -> Workplace:
        """What the parts of this edge work with, for those that stand beside this door: rights, consent, requests."""
        return self._work

    def _table_hash(self) -> bytes | None:
        return self._work.rules.hash if self.identity.own_table else None

    # -- work --------------------------------------------------------------------------------------------------------

    async def work(self, most: int = 100, wait_seconds: float = 0.0) -> Worked:
        """One pass: manifest, stops, handles of next month, feed, outbox, pick-up, receipts, proofs, cleaning.

        Raises:
            HubUnavailableError: no answer; what was done stays done, and the next pass goes on.
            LogForkError: the hub's log is not one growing log; a person must look.
        """
        async with self._busy:
            keep_house(self._work)
            await self._see()
            await self._witness.prove_deliveries(self._work.client)  # of earlier passes
            if not await peers.publish(self._work, self._table_hash()):
                return Worked(published=False)
            if not await self._may_exchange():
                return Worked(waits=PERSON if restore.is_unconfirmed(self.store) else HUB)
            sent, heard = await self._exchange()
            picked_up = await self._inbound().pickup(most, wait_seconds)
            if picked_up:
                await self._witness.prove_deliveries(self._work.client)
            more_sent, more_heard = await self._exchange()
            await Watch(self._work, self._witness).look()
            return Worked(sent + more_sent, heard + more_heard, picked_up)

    async def _exchange(self) -> tuple[int, int]:
        """Send and hear until nothing moves."""
        outbound = self._outbound()
        heard = await outbound.read_feed()
        await lines.register_next(self._work, outbound.key)
        total = 0
        for _ in range(_MOST_ROUNDS):
            sent = await outbound.release()
            new = await outbound.read_feed()
            total, heard = total + sent, heard + new
            if not sent and not new:
                break
        return total, heard

    async def _may_exchange(self) -> bool:
        """Whether nothing stands before sending and picking up; does first what a hub or edge that was put back needs."""
        work, key = self._work, peers.signing_key(self._work)
        if not await recovery.follow_log(work, self._witness, key, self._table_hash()):
            return False
        if restore.is_restoring(self.store):
            await restore.tell_hub(work, key, self._witness.log_number())
            await lines.send_stops(work, key)
            if restore.is_unconfirmed(self.store):
                return False
            if not await restore.stop_all_of_before(work, key):
                return False
            await self._outbound().read_feed()
            await restore.begin_lines(work)
        return not restore.is_restoring(self.store)

    async def read_feed(self) -> int:
        """Read the feed to its end; how many outcomes it held."""
        async with self._busy:
            return await self._outbound().read_feed() if await self._ready() else 0

    async def release(self) -> int:
        """Send what may go now, once; how many envelopes."""
        async with self._busy:
            return await self._outbound().release() if await self._ready() else 0

    async def register_next(self) -> int:
        """From the 20th, register the handles of next month; how many."""
        async with self._busy:
            if not await self._ready():
                return 0
            return await lines.register_next(self._work, self._outbound().key)

    async def pickup(self, most: int = 100, wait_seconds: float = 0.0) -> int:
        """Pick up once, answer with receipts; how many envelopes came."""
        async with self._busy:
            return await self._inbound().pickup(most, wait_seconds) if await self._ready() else 0

    async def _ready(self) -> bool:
        """For one step of a pass alone: `work` has seen the newest checkpoint already."""
        await self._see()
        return await self._may_exchange()

    async def _see(self) -> None:
        """The newest checkpoint; and after a restore of this edge the manifests of since, before anything is made anew."""
        await self._witness.see(self._work.client)
        if restore.is_restoring(self.store):
            await peers.take_over(self._work)

    async def prove(self) -> int:
        """Check that what was handed over stands in the hub's log; how many entries still wait for a checkpoint."""
        async with self._busy:
            await self._witness.see(self._work.client)
            return await self._witness.prove_deliveries(self._work.client)

    def _outbound(self) -> Outbound:
        return Outbound(self._work, self._peers, peers.signing_key(self._work))

    def _inbound(self) -> Inbound:
        keys = peers.own_keys(self._work)
        opening = {key.key_id: Opening(opening_private(key.seed), key.until) for key in keys.opening}
        return Inbound(self._work, self._peers, self._witness, keys, opening)

    def _intake(self, again: Restore | None = None) -> Intake:
        event_key = peers.own_keys(self._work).event_key
        return Intake(self._work, self.identity.book, self.identity.own_codes, event_key, again)

    # -- native messages ---------------------------------------------------------------------------------------------

    async def take_native(
        self, digest: bytes, events: Sequence[NativeEvent], received_at: int, *, again: bool = False, asks: bool = True
    ) -> Taken:
        """Take the events of one native file, whole or not at all; the same file again changes nothing.

        `again`: it was read before this edge was put back. Those come first, in the order in which they came. Without `asks`
        the hub is not asked anything, and so does not see that a file came.

        Raises:
            HubUnavailableError: it holds an allocation or an answer, and nothing automatic is made before the feed was read to its
                end; or this edge was put back and it is not its turn yet. The file was not taken.
        """
        (taken,) = await self.take_together([Arrived(digest, events, received_at)], again=again, asks=asks)
        return taken

    def knows(self, digest: bytes, received_at: int) -> bool:
        """Whether the message with this digest, which arrived at this time, was taken: it need not be read again."""
        mark = MARKS.get(self.store, digest)
        return mark is not None and mark.received_at >= received_at

    async def take_together(
        self, messages: Sequence[Arrived], *, again: bool = False, asks: bool = True
    ) -> list[Taken]:
        """Take some messages of a file with many, all of them or none, in one commit; else as `take_native`.

        Raises:
            ClientConflictError: of one of them; which one is seen when each is taken alone.
        """
        async with self._busy:
            to_read = restore.reads_again(self.store)
            if restore.is_restoring(self.store) or (to_read is not None and not again):
                raise RestoringError
            # Once for all of them is enough: between the end of the feed and the commit nothing is asked of the hub and
            # nobody else has a turn, so the last of them rests on the same feed as the first, and as one alone would.
            if any(brings_ground(native) for one in messages for native in one.events):
                if not asks:
                    raise HubUnavailableError("the hub is not to be asked now; the file is taken at a later pass")
                if not await self._ready():  # the hub was put back: what it forgot must be repeated first
                    raise HubUnavailableError("the hub is being put back; the file is taken at a later pass")
                await self._outbound().read_feed()
            with self._work.commit("native file") as tx:
                intake = self._intake(to_read)
                MARKS.read_ahead(tx, [one.digest for one in messages])
                return [intake.take(tx, one.digest, one.events, one.at) for one in messages]
            # A crash before this commit: the file is still in its folder, and all of them are taken at the next pass.

    # -- back-up and restore -----------------------------------------------------------------------------------------

    def back_up(self, target: Path) -> int:
        """Write a copy of the store, whole or not at all; when it was made, in unix milliseconds.

        Raises:
            StoreError: it can't be written, or there is a file of that name.
        """
        now = self._work.now
        with self._work.commit("backup") as tx:
            back_up(tx, now)
        # A crash here: the store says that a copy was made and there is none; only a copy that was put back is asked.
        self.store.copy_to(target)
        return now

    def was_put_back(self, saved_at: int | None = None) -> Restore:
        """This store is a copy that was put back; `saved_at` where the copy does not say when it was made.

        Raises:
            EdgeError: nobody says when it was made.
        """
        try:
            with self._work.commit("put back") as tx:
                return restore.begin(tx, self._work, saved_at)
        except ValueError:
            raise EdgeError("de kopie zegt niet van wanneer zij is: geef de dag op") from None

    def restoring(self) -> Restore | None:
        """The newest restore of this edge, over or not."""
        return restore.current(self.store)

    def is_unconfirmed(self) -> bool:
        """Whether this edge was put back and waits for a person."""
        return restore.is_unconfirmed(self.store)

    def is_restoring(self) -> bool:
        """Whether this edge was put back and its lines have not begun anew."""
        return restore.is_restoring(self.store)

    async def restore_plan(self) -> tuple[restore.Plan, int]:
        """What will happen to the lines, and how many messages in the feed this edge does not know any more.

        Raises:
            HubUnavailableError: the hub can't be asked now.
        """
        async with self._busy:
            feed = await self._work.ask("feed", self._work.client.outcomes, 0)
            known = restore.unknown_outcomes(self.store, [item.message_id for item in feed.items])
            return await restore.plan(self._work), known

    def confirm_restore(self) -> bool:
        """A person has signed again the stops and refusals since the back-up; whether that was waited for."""
        with self._work.commit("confirmed") as tx:
            return restore.confirm(tx, self._work) is not None

    def reads_again(self) -> Restore | None:
        """The restore after which the folder done must be read again, when that was not done yet."""
        return restore.reads_again(self.store)

    def has_read_again(self) -> None:
        """The folder done was read again to its end."""
        with self._work.commit("read again") as tx:
            restore.read_again_done(tx, self._work)

    def _need_lines(self) -> None:
        if restore.is_restoring(self.store) or self.reads_again() is not None:
            raise EdgeError(
                "deze edge is teruggezet uit een reservekopie en nog niet weer aan het werk: zie `schakel edge restored`"
            )

    def import_clients(self, rows: Iterable[ClientRow]) -> int:
        """Register own clients from a list; how many lines. What came about them before is shown from now on.

        Raises:
            ClientConflictError, ValueError: a line that can't be; nothing of the list was taken.
        """
        with self._work.commit("clients") as tx:
            count = 0
            for row in rows:
                citizen = Citizen(row.bsn, row.own_number)
                try:
                    client = clients.register(tx, self._work, citizen, (row.task,) if row.task else (), row.born)
                except clients.ClientConflictError as error:
                    raise clients.ClientConflictError(f"client {count + 1} of the list: {error}") from None
                inbound.know(tx, self._work, client)
                count += 1
            return count

    def notices(self) -> list[Notice]:
        """The notices that wait for the own system."""
        return self._notices().pending()

    def write_notices(self, writer: Writer, deliver: Callable[[str, bytes], None]) -> int:
        """Hand every waiting notice over as a file; how many."""
        return self._notices().write(writer, deliver)

    def _notices(self) -> Notices:
        return Notices.of(self._work, self.identity)

    # -- looking -----------------------------------------------------------------------------------------------------

    def clients(self) -> list[Client]:
        """All own clients."""
        return list(CLIENTS.scan(self.store))

    def client(self, number: str) -> Client:
        """The own client with this number, or this BSN.

        Raises:
            EdgeError: there is none.
        """
        found = clients.by_number(self.store, number)
        if found is None and len(number) == 9:  # a BSN; no own number is tried as one
            found = next(iter(CLIENTS.find(self.store, "bsn", number.encode())), None)
        if found is None:
            raise EdgeError("deze cliënt is hier niet bekend")
        return found

    def view(self, number: str) -> list[ChainView]:
        """The chain views of an own client, one per task, for the program itself; people see them by `adapters.looks`."""
        work, book = self._work, self.identity.book
        restored_on = restore.shown_on(self.store, work.today)
        return views(self.store, work.registry, book, self.address, self.client(number), work.today, restored_on)

    def grants(self, number: str | None = None) -> list[Grant]:
        """The grants in which this edge is the sender, of one client or all."""
        if number is None:
            return list(GRANTS.scan(self.store))
        return GRANTS.find(self.store, "client", self.client(number).id.encode())

    def outbox(self) -> list[OutboxLine]:
        """What waits, why, and what asks for a person."""
        return desk.outbox(self.store, self.identity.book, self._work.now)

    def backlog(self) -> dict[str, Backlog]:
        """Per state of the outbox how much there is, for the operator."""
        return desk.backlog(self.store, self._work.now)

    def told(self, number: str) -> list[ToldLine]:
        """What this edge told about a client."""
        return desk.told(self.store, self.identity.book, self._work.registry, self.client(number).id)

    def held_lines(self) -> list[Held]:
        """The lines that wait for a person."""
        return desk.held_lines(self.store, self.identity.book)

    def items(self) -> list[Item]:
        """Everything in the outbox, ended or not."""
        return list(ITEMS.scan(self.store))

    # -- stopping ----------------------------------------------------------------------------------------------------

    async def stop(self, number: str, partner: str | None, why: str) -> bool:
        """End what is told about a client, to one partner or all; whether the hub knows already.

        Everything but `closed` leaves a refusal that outlives the grants. Nothing leaves from the commit on.
        """
        if why not in REASONS:
            raise EdgeError("onbekende reden om te stoppen")
        client = self.client(number)
        with self._work.commit("stop decided") as tx:
            stops.stop(tx, self._work, client.id, partner, why)
        # A crash here: it is stopped here, and the order to stop it at the hub is on disk.
        return await self.send_stops()

    async def stop_grant(self, grant_id: str, why: str = CLOSED) -> bool:
        """End one grant, with a refusal for its recipient unless it is closed."""
        grant = GRANTS.get(self.store, grant_id.encode())
        if grant is None:
            raise EdgeError("deze toestemming om te delen bestaat hier niet")
        return await self.stop(CLIENTS.need(self.store, grant.client.encode()).number, grant.recipient, why)

    async def stop_incoming(self, number: str, partner: str | None, why: str = OBJECTED) -> bool:
        """End what partners tell about a client, and refuse what they would start by themselves later."""
        if why not in KINDS:
            raise EdgeError("onbekende reden om te stoppen")
        client = self.client(number)
        with self._work.commit("stop decided") as tx:
            stops.stop_incoming(tx, self._work, client.id, partner, why)
        return await self.send_stops()

    async def stop_with_code(self, code: str) -> bool:
        """Stop a grant between others on the word of the citizen, with the code of the consent receipt.

        Raises:
            StopCodeError: this is no stop code.
        """
        secret = read_stop_code(code)
        with self._work.commit("stop decided") as tx:
            stops.stop_by_code(tx, self._work, secret)
        return await self.send_stops()

    async def send_stops(self) -> bool:
        async with self._busy:
            try:
                await lines.send_stops(self._work, peers.signing_key(self._work))
            except HubUnavailableError:
                return False
            return not lines.due_stops(self._work)

    # -- what only a person does -------------------------------------------------------------------------------------

    def refusals(self, number: str) -> list[Refused]:
        """The refusals of a client that stand, against telling and against being told."""
        client = self.client(number).id
        return [one for way in (False, True) for one in refusals.standing(self.store, client, incoming=way)]

    def lift_refusals(
        self, number: str, partner: str | None, by: str, *, incoming: bool = False, kinds: Sequence[str] = KINDS
    ) -> int:
        """A named person lifts the refusals of a client, for one partner or all; how many. Nothing opens by that alone.

        Raises:
            NoNameError: nobody is named.
        """
        who, client = (self._work.now, named(by)), self.client(number).id
        with self._work.commit("lifted") as tx:
            return refusals.lift(tx, client, partner, who, incoming=incoming, kinds=kinds)
        # A crash before this commit: everything stands, and the command is given again.

    def ways_to(self, partner: str) -> Ways:
        """By which rows this edge may tell an address, and which close it."""
        return ways(self._work.rules, role_of(self.address), role_of(partner))

    def grant_by_person(self, number: str, partner: str, on: Reliance) -> Grant:
        """A person makes a grant for an address, on a statutory task or a declaration; see `adapters.by_person`. By code it
        waits for `print_codes`.

        Raises:
            EdgeError, NotLawfulError: the table allows it not, a refusal stands, or nobody can be introduced.
        """
        self._need_lines()
        client = self.client(number)
        with self._work.commit("grant") as tx:
            try:
                return by_person.make_grant(tx, self._work, client, partner, on)
            except NoGroundError as error:
                raise EdgeError(str(error)) from None
        # A crash before this commit: nothing was made. After it: the introduction waits in the outbox.

    def person_decides(self, line: str, *, resume: bool) -> Grant | None:
        """A person has looked at a line that another address stopped: it goes on as a new grant, or stays ended.

        Raises:
            EdgeError: as `adapters.stopped_line` says.
        """
        self._need_lines()
        with self._work.commit("decided") as tx:
            return stopped_line.decide(tx, self._work, line, resume=resume)

    def settle(self, item: int) -> None:
        """A person has looked at something in the outbox that asked for it."""
        with self._work.commit("settled") as tx:
            outbox_by_hand.settle(tx, item)

    def tell_again(self, item: int) -> None:
        """A person has something told after all, marked late, under the newest active grant of its line."""
        self._need_lines()
        with self._work.commit("told again") as tx:
            outbox_by_hand.tell_again(tx, self._work, self._intake(), item)

    def hurry(self, item: int) -> int:
        """A person says that something can't wait for its moment; how many leave now, with what must leave before it.

        The hub sees what leaves at once for several partners, and may take it for one matter.
        """
        with self._work.commit("urgent") as tx:
            return outbox_by_hand.hurry(tx, item)
        # A crash before this commit: it waits for its moment, and the command is given again.

    def retract(self, item: int) -> bool:
        """Call one event back; whether there was anything to call back. Possible until a year after the grant's end."""
        self._need_lines()
        with self._work.commit("retract") as tx:
            return self._intake().retract(tx, outbox_by_hand.need_item(tx, item))

    def retract_all(self, number: str, partner: str | None = None) -> int:
        """Call back everything told about a client, to one partner or all: one retraction per event told."""
        self._need_lines()
        client = self.client(number)
        with self._work.commit("retract all") as tx:
            return outbox_by_hand.retract_all(tx, self._intake(), client.id, partner)

    def retract_between(self, first: int, last: int) -> int:
        """Call back every event put in the outbox from day `first` to day `last`, about whomever: somebody else had
        this edge in those days. How many."""
        with self._work.commit("retract between") as tx:
            return outbox_by_hand.retract_between(tx, self._intake(), first, last)
        # A crash before this commit: nothing was called back, and the command is given again.

    # -- introductions by code ---------------------------------------------------------------------------------------

    def print_codes(self, number: str, partner: str, *, again: bool = False) -> list[Slip]:
        """A new code for every grant by code of a client with this partner; the codes of before are void.

        `again`: also where the partner knows already whom it is about, for instance because it was typed at another client.

        Raises:
            EdgeError: there is no such grant, or it needs no code.
            TooManyCodesError: no more are printed today.
        """
        self._need_lines()
        client, work = self.client(number), self._work
        with self._counting_codes(), work.commit("codes printed") as tx:
            found = [one for one in code_slips.by_code(tx, client, work.today) if one.recipient == partner]
            if not found:
                raise EdgeError("voor deze cliënt en partner is er niets waarvoor een code nodig is")
            open_yet = [one for one in found if again or not one.introduced]
            if not open_yet:
                raise EdgeError("een nieuwe code is niet nodig: deze partner weet al om wie het gaat")
            return code_slips.print_anew(tx, work, self.identity.book, open_yet)
        # A crash here: nobody has seen the code, the one of before is void, and another is printed.

    def waiting_codes(self) -> list[WaitingCode]:
        """Every grant by code under which nothing leaves yet, since its recipient does not know whom it is about."""
        return code_slips.waiting(self.store, self.identity.book, self._work.today)

    def entered_codes(self) -> list[tuple[str, Entered]]:
        """What was opened here by a code and is not over, each with the number of its client, oldest first."""
        return code_entry.entered(self._work, self.identity.book)

    def enter_code(self, number: str, text: str, by: Viewer) -> Entered | None:
        """Try a code that a client handed over; what it opens, or None, whatever the reason. Who tried is recorded first.

        Raises:
            EdgeError: there is no such client, or this edge was put back and waits.
            CodeError: these signs can be no code.
        """
        if restore.is_restoring(self.store):
            raise EdgeError(
                "deze edge is teruggezet uit een reservekopie en neemt nog niets aan: zie `schakel edge restored`"
            )
        opened = code_entry.enter(self._work, self.client(number), text, by)
        return None if opened is None else code_entry.as_shown(self._work, self.identity.book, opened)

    @contextmanager
    def _counting_codes(self) -> Iterator[None]:
        try:
            yield
        except TooManyCodesError:
            with self._work.commit("alarm") as tx:
                quotas.too_many_printed(tx, self._work)
            # A crash here: the alarm stands, and no code was printed.
            raise

    # -- agreements --------------------------------------------------------------------------------------------------

    def make_agreement(self, number: str, talk: Conversation) -> Agreement:
        """Make the grants of a conversation with a client; see `adapters.agreement`."""
        self._need_lines()
        with self._counting_codes(), self._work.commit("agreement") as tx:
            return agreement.make_agreement(tx, self._work, self.identity.book, self.client(number), talk)

    def agreements(self, number: str) -> list[Agreed]:
        """Every consent of a client, as it stands."""
        return agreement.agreements(self.store, self._work, self.identity.book, self.client(number))

    async def end_agreement(self, consent: str) -> bool:
        """The citizen withdraws a consent; whether the hub knows already.

        Raises:
            EdgeError: there is no such consent.
        """
        with self._work.commit("withdrawn") as tx:
            if agreement.end_agreement(tx, self._work, consent) is None:
                raise EdgeError("deze afspraak bestaat hier niet")
        return await self.send_stops()
