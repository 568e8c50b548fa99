# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""From the outbox to the hub, and what comes back in the feed.

Guarantees, per line of grants:
- under a grant nothing but its introduction leaves until the receipt of that has come;
- at most one undecided envelope per handle, oldest first, and none before its moment; nothing leaves under a newer handle of the line, nor under a
  renewal, while something under an older one has no final outcome;
- what was called back is told anew only when the retraction has a final outcome;
- what is sealed is on disk with its number before it is sent, and goes again byte for byte until the hub has decided;
- refusals are looked at once more at release; what a stop overtook never leaves;
- what may leave at the same time leaves in a random order;
- the position in the feed is stored together with what it changed.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from adapters.closing import close_delivered
from adapters.control import event_control, introduction_control, request_control
from adapters.keys import key_to_seal_for, opening_public_key
from adapters.lines import (
    RECALL_DAYS,
    chain,
    is_live,
    may_be_introduced,
    register,
    register_again,
    send_stops,
    stop_own,
    stopped_by_other,
    terms_of,
)
from adapters.outcomes import Effect, after, asking, taken, told_again
from adapters.peers import FalseManifestError, Peers
from adapters.records_outgoing import (
    ACTIVE,
    EVENT,
    FINAL,
    GRANTS,
    HANDLES,
    INTRODUCTION,
    ITEMS,
    NOT_SHARED,
    REPLACED,
    REQUEST,
    RETRACTED,
    RETRACTION,
    SENDS,
    SENT,
    STOPPING,
    WAITING,
    Grant,
    Handle,
    Item,
    Sent,
)
from adapters.records_own import move, place
from adapters.records_people import ASKINGS, REFUSALS
from adapters.recovery import seal_again
from adapters.refusals import is_refused
from adapters.restore import is_restoring
from adapters.revival import begin_again
from adapters.seal import Sealed, seal, seal_retraction, sign_frames
from adapters.shelf import Reads, changed, number_key
from adapters.spread import shuffled
from adapters.store import Transaction
from adapters.unfinished import Unfinished, due, unfinished
from adapters.witness import NotProvenError
from adapters.workplace import Workplace
from consent.grant import terms_hash
from hub.client import FeedItem, HubUnavailableError
from schemas.calendar import month_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.envelope import CONTROL, Header
from schemas.manifest import Key, Manifest
from schemas.registry import InvalidPart
from schemas.restored import Restored, parse_restored
from schemas.signing import SignatureError, SigningKey

AGAIN_AFTER: Final = 3_600_000  # taken and no outcome for this long: the same bytes go again
# Accepted and no final outcome for this long: its line in the feed was missed, which holds 30 days; the same bytes ask.
ASK_AFTER: Final = 10 * 86_400_000
_MINUTE: Final = 60_000
_BATCH: Final = 200  # envelopes sealed in one commit


class Ready(NamedTuple):
    """Something in the outbox that may leave now, under the handle of `month`, sealed for `key` of the recipient."""

    grant: Grant
    item: Item
    month: int
    handle: bytes
    manifest: Manifest
    key: Key


@dataclass(frozen=True, slots=True)
class Outbound:
    """The sending side of one edge."""

    work: Workplace
    peers: Peers
    key: SigningKey

    # -- release ---------------------------------------------------------------------------------------------------

    async def release(self) -> int:
        """Send what may go now; how many envelopes were taken or decided."""
        self._finish_renewals()
        close_delivered(self.work)
        await send_stops(self.work, self.key)
        seen = self.work.store.commits
        chosen, lines = list[Ready](), due(self.work.store, self.work.now, self.work.random)
        for start in range(0, len(lines), _BATCH):
            chosen += await self._choose(lines[start : start + _BATCH])
        sealed: list[Item] = []
        for commits, start in enumerate(range(0, len(chosen), _BATCH), seen):
            sealed += self._seal(chosen[start : start + _BATCH], commits)
        return await self._send(sealed)

    async def _choose(self, lines: Sequence[bytes]) -> list[Ready]:
        """What may leave now in these lines, one in each: its order rests on what is sealed already."""
        outbox = Unfinished.read(self.work.store, self.work.now, lines, month_of(self.work.today))
        HANDLES.read_ahead(self.work.store, outbox.handles.values())
        REFUSALS.find_ahead(self.work.store, "client", {grant.client.encode() for grant in outbox.grants.values()})
        ready: dict[str, Ready] = {}
        for grant_id in outbox.with_work(self.work.random):
            found = await self._next(grant_id, outbox, ready.keys())
            if found is not None:
                ready[found.grant.line] = found
        return list(ready.values())

    def _finish_renewals(self) -> None:
        """An old grant ends when its renewal is introduced and nothing is under way or waits under the old one."""
        for new in list(GRANTS.scan(self.work.store, "renews")):
            if not new.introduced or new.renews is None:
                continue
            old = GRANTS.need(self.work.store, new.renews.encode())
            if old.state == ACTIVE and not unfinished(self.work.store, "grant_made", old.id):
                with self.work.commit("renewal") as tx:
                    stop_own(tx, self.work, replace(old, next=new.id))

    async def _next(self, grant_id: str, outbox: Unfinished, taken: Collection[str]) -> Ready | None:
        """The oldest that may leave under a grant, its introduction first; none of a line that has one already."""
        grant = outbox.grant(grant_id)
        if grant.line in taken:
            return None
        items = outbox.under(grant)
        over = [new for new in (self._settled(grant, item) for item in items) if new is not None]
        if over:
            with self.work.commit("outbox") as tx:
                for item in over:
                    ITEMS.put(tx, item)
            # A crash here: what is over was marked so, the rest waits as before.
            items = outbox.under(grant)
        waiting = [item for item in _in_order(items) if item.state == WAITING]
        now = self.work.now
        told = next((item for item in waiting if item.kind != RETRACTION), None)
        # A retraction need not wait for what can't leave yet, nor for another that was put off.
        recall = next((item for item in waiting if item.kind == RETRACTION and item.release_at <= now), None)
        for first in (told, recall):
            if first is None or first.release_at > now:
                continue
            found = await self._ready(grant, first, items, outbox)
            if found is not None:
                return found
        return None

    def _settled(self, grant: Grant, item: Item) -> Item | None:
        """What will never leave under this grant leaves the outbox, or moves to the newest of its line."""
        if item.state != WAITING or item.kind == RETRACTION:
            return None
        if item.dead:
            return replace(item, state=FINAL, final=RETRACTED)
        if is_refused(self.work.store, grant.client, grant.recipient, self.work.rules.rows.get(grant.row)):
            return replace(item, state=FINAL, final=NOT_SHARED)
        if item.kind in (EVENT, REQUEST) and grant.state == REPLACED and grant.ours and grant.next is not None:
            return replace(item, grant=_heir(self.work.store, grant).id)
        if not is_live(grant, self.work.today) and grant.state != STOPPING:
            return asking(item, NOT_SHARED) if item.kind == EVENT else replace(item, state=FINAL, final=NOT_SHARED)
        return None

    async def _ready(self, grant: Grant, item: Item, items: Sequence[Item], outbox: Unfinished) -> Ready | None:
        live = is_live(grant, self.work.today)
        if not live and item.kind != RETRACTION:
            return None
        if item.kind == INTRODUCTION and not await may_be_introduced(self.work, self.key, grant):
            return None
        month = await self._handle_for(grant, item, outbox, live=live)
        if month is None:
            return None
        name = outbox.handle(grant, month)
        if not self._may_leave(grant, item, name, items, outbox):
            return None
        try:
            manifest = await self.peers.manifest(grant.recipient)
        except NotProvenError:
            return None  # the hub signs a checkpoint within seconds: it goes at the next pass
        except FalseManifestError:
            return None  # a person was told; nothing is sealed for that address, and what is for others goes on
        key = None if manifest is None else key_to_seal_for(manifest, self.work.today)
        if manifest is None or key is None:
            return None  # the recipient has no valid manifest: wait until it publishes
        return Ready(
            grant, item, month, name, manifest, key
        )  # whether it still waits is looked at again when it is sealed

    async def _handle_for(self, grant: Grant, item: Item, outbox: Unfinished, *, live: bool) -> int | None:
        """The month whose handle is used, registered."""
        today = self.work.today
        if live:
            this = month_of(today)
            return this if await register(self.work, self.key, grant, this, outbox.handle(grant, this)) else None
        if today > grant.end + RECALL_DAYS:
            with self.work.commit("too late") as tx:
                ITEMS.put(tx, asking(item, Code.NOT_ACTIVE.value))
            return None
        # A retraction under a grant that is over. The handle of its last month always leaves a stub once it is
        # registered; a grant that was stopped early has left one under the newest handle that it had.
        months = [known.month for known in HANDLES.find(self.work.store, "grant_made", grant.id.encode())]
        last = month_of(grant.end)
        if months and today <= grant.end and item.tries % 2 == 0:
            return max(months)
        return last if await register_again(self.work, self.key, grant, last) else max(months, default=None)

    def _may_leave(self, grant: Grant, item: Item, name: bytes, items: Sequence[Item], outbox: Unfinished) -> bool:
        """The order over handles and renewals: see the module's guarantees."""
        if item.kind in (EVENT, REQUEST) and not grant.introduced:
            return False
        older = [grant.id]
        if grant.renews is not None:
            older = [one.id for one in chain(self.work.store, grant)]
            items = outbox.of_line(grant.line)
        for other in items:
            if other.number == item.number:
                continue
            if other.state == SENT and other.grant in older:
                if other.handle != name or other.undecided:
                    return False
            elif other.state == WAITING and other.kind != INTRODUCTION and other.grant in older[1:]:
                before = GRANTS.need(self.work.store, other.grant.encode())
                if before.state in (ACTIVE, STOPPING):
                    return False
        if item.kind not in (EVENT, REQUEST):
            return True
        if item.kind == EVENT and _is_called_back(self.work.store, item, outbox.of_line(item.line)):
            return False  # told anew before that has arrived it would be there twice
        if grant.renews is None:
            return True
        return GRANTS.need(self.work.store, grant.renews.encode()).state not in (ACTIVE, STOPPING)

    # -- sealing ---------------------------------------------------------------------------------------------------

    def _seal(self, ready: Sequence[Ready], commits: int) -> list[Item]:
        """Seal and sign each, alone: envelopes of one event share no signature. One commit keeps them all; what it keeps.

        `commits`: how many the store has had when nothing but sealings of other lines came after these were read.
        """
        made: list[tuple[Handle | None, Handle, Ready, Item]] = []
        asks: list[Item] = []
        HANDLES.read_ahead(self.work.store, [one.handle for one in ready])
        for one in ready:
            there = HANDLES.get(self.work.store, one.handle)
            known = there or Handle(one.handle, one.grant.id, one.month)
            used = changed(known, sequence=known.sequence + (one.item.kind != RETRACTION))
            header = self._header(one, used)
            try:
                sealed = self._sealed(one, header)
            except (InvalidPart, ValueError):  # a part that no version of the recipient's schemas can carry
                asks.append(asking(one.item, Code.INVALID_PART.value))
                continue
            frame = sign_frames([sealed], self.key)[0]
            made.append((there, used, one, _under_way(one.item, one.month, header, frame)))
        unchanged = self.work.store.commits == commits
        under_way: list[Item] = []
        with self.work.commit("sealed") as tx:
            for item in asks:
                ITEMS.put(tx, item)
            for there, used, one, item in made:
                # While the hub was asked something for others, a person may have stopped or called it back: it stays.
                if not unchanged and ITEMS.need(tx, number_key(item.number)) != one.item:
                    continue
                if there is None:
                    HANDLES.put(tx, used)
                else:
                    HANDLES.change(tx, there, used)
                SENDS.put(tx, Sent(item.message_id or b"", item.number))
                under_way.append(ITEMS.change(tx, one.item, item))
        # A crash here: number, id and bytes are on disk and nothing was sent; the same bytes go at the next pass.
        return under_way

    def _header(self, one: Ready, known: Handle) -> Header:
        grant, item, drawn = one.grant, one.item, self.work.random(40)
        return Header(
            message_id=drawn[:16],
            source=self.work.address,
            retraction=item.kind == RETRACTION,
            minute=self.work.now // _MINUTE,
            recipient=grant.recipient,
            handle=known.handle,
            sequence=0 if item.kind == RETRACTION else known.sequence,
            terms=terms_hash(terms_of(grant, self.work.address), grant.secret, known.month),
            trace=(drawn[16:32], drawn[32:]),
            sign_key=self.key.key_id,
            seal_key=one.key.key_id,
        )

    def _sealed(self, one: Ready, header: Header) -> Sealed:
        grant, item, box = one.grant, one.item, opening_public_key(one.key.public)
        if item.kind == RETRACTION:
            return seal_retraction(header, item.event_id, box)
        if item.kind == INTRODUCTION:
            parts = dict.fromkeys(grant.categories, b"")
            parts[CONTROL] = introduction_control(self.work, grant, item)
        elif item.kind == REQUEST:
            parts = dict.fromkeys(grant.categories, b"")  # as long as an introduction that is sealed again
            asking = ASKINGS.need(self.work.store, number_key(item.number))
            parts[CONTROL] = request_control(self.work, item, asking.row, one.manifest)
        else:
            parts = dict(item.parts)
            parts[CONTROL] = event_control(self.work, item, one.manifest)
        return seal(header, parts, box, random=self.work.random)

    # -- sending and hearing ---------------------------------------------------------------------------------------

    async def _send(self, sealed: Sequence[Item]) -> int:
        """Send what is sealed and was not taken, and what was taken long ago and has no outcome.

        `sealed`: what this pass has sealed, as it stands in the store; it is not read once more.
        """
        now, seen = self.work.now, self.work.store.commits
        others = ITEMS.scan_but(self.work.store, SENT, [number_key(item.number) for item in sealed])
        ready = shuffled([*sealed, *(item for item in others if _goes_again(item, now))], self.work.random)
        if not ready:
            return 0
        codes = await self.work.ask("send", self.work.client.send, [item.frame or b"" for item in ready])
        stale: set[str] = set()
        unchanged = self.work.store.commits == seen
        now = self.work.now
        with self.work.commit("answers") as tx:
            for item, code in zip(ready, codes, strict=True):
                unchanged = unchanged and code is Code.TAKEN  # whatever else is heard may reach other items
                if unchanged:  # then what was read is what is there
                    ITEMS.change(tx, item, taken(item, now))
                else:
                    stale |= self._hear_of(tx, item.number, item.message_id or b"", code)
        # A crash before this commit: the same bytes go again and get the same answers.
        await self._read_again(stale)
        return sum(code is not Code.TRY_LATER for code in codes)

    async def read_feed(self) -> int:
        """Read the feed to its end; how many outcomes it held."""
        await send_stops(self.work, self.key)
        read = 0
        while True:
            here = place(self.work.store)
            feed = await self.work.ask("feed", self.work.client.outcomes, here.feed)
            if feed.origin != here.origin:
                if self._new_origin(feed.origin):
                    continue
                here = place(self.work.store)
            stale: set[str] = set()
            restored = await self._restored(feed.items)
            with self.work.commit("feed") as tx:
                for line in feed.items:
                    stale |= self._hear_line(tx, line)
                for statement in restored:
                    tell_again(tx, statement, self.work.today)
                if feed.items:
                    move(tx, replace(place(tx), feed=feed.items[-1].number))
            # A crash before this commit: the same lines are read again; after it: none of them twice.
            await self._read_again(stale)
            read += len(feed.items)
            if not feed.more:
                begin_again(self.work)  # nothing automatic is made before the feed was read to its end
                return read

    async def _restored(self, items: Iterable[FeedItem]) -> list[Restored]:
        """The statements of partners that were put back and that this edge tells, each signed by its own partner."""
        found: list[Restored] = []
        for item in items:
            try:
                statement = parse_restored(item.frame) if item.frame is not None else None
                if statement is None or not any(
                    one.recipient == statement.signer for one in GRANTS.scan(self.work.store)
                ):
                    continue
                manifest = await self.peers.manifest(statement.signer)
                key = None if manifest is None else manifest.signing_key(statement.key_id)
                if key is not None:
                    self.peers.verifier.verify(statement.signed, statement.signature, key.public)
                    found.append(statement)
            except NotProvenError:
                raise HubUnavailableError("the manifest of a partner that was put back is not proven yet") from None
            except (FrameError, SignatureError, FalseManifestError):
                continue  # the hub made it up: it would only cause repetition
        return found

    async def _read_again(self, addresses: set[str]) -> None:
        for address in sorted(addresses):
            with suppress(NotProvenError, FalseManifestError):  # asked again when it is sealed again
                await self.peers.manifest(address, fresh=True)

    def _new_origin(self, origin: str) -> bool:
        """Another log: its feed is read from 0, and what has no final outcome is sealed again."""
        with self.work.commit("origin") as tx:
            first, position = place(tx).origin == "", place(tx).feed
            move(tx, replace(place(tx), origin=origin))
            if not first:
                seal_again(tx)
        return position != 0

    def _hear_line(self, tx: Transaction, line: FeedItem) -> set[str]:
        if line.code is Code.RESTORED:
            return set()
        if line.code is Code.STOPPED:
            known = HANDLES.get(tx, line.handle or b"")
            if known is not None:
                stopped_by_other(tx, self.work, GRANTS.need(tx, known.grant.encode()))
            return set()
        return self._hear(tx, line.message_id or b"", line.code)

    def _hear(self, tx: Transaction, message_id: bytes, code: Code) -> set[str]:
        """An outcome, wherever it was heard; which manifests must be read again before anything is sealed again."""
        sent = SENDS.get(tx, message_id)
        if sent is None:
            return set()
        return self._hear_of(tx, sent.item, message_id, code)

    def _hear_of(self, tx: Transaction, number: int, message_id: bytes, code: Code) -> set[str]:
        item = ITEMS.need(tx, number_key(number))
        grant = GRANTS.need(tx, item.grant.encode())
        heard, effect = after(item, grant, message_id, code, self.work.now, restoring=is_restoring(tx))
        if heard != item:
            ITEMS.put(tx, heard)
        if effect is Effect.INTRODUCED:
            GRANTS.put(tx, replace(grant, introduced=True))
        elif effect is Effect.INTRODUCE_AGAIN:
            self._introduce_again(tx, grant)
        elif effect is Effect.STOP_FOUND:
            stopped_by_other(tx, self.work, grant)
        return {grant.recipient} if effect is Effect.READ_MANIFEST else set()

    def _introduce_again(self, tx: Transaction, grant: Grant) -> None:
        GRANTS.put(tx, replace(grant, introduced=False))
        for item in ITEMS.find(tx, "grant_made", grant.id.encode()):
            if item.kind == INTRODUCTION and item.state == FINAL:
                ITEMS.put(tx, replace(item, state=WAITING, final=None))


def tell_again(tx: Transaction, statement: Restored, today: int) -> int:
    """A recipient was put back: what it acknowledged since is told again, introductions and retractions too; how many."""
    count = 0
    for item in list(ITEMS.scan(tx, FINAL)):
        grant = GRANTS.need(tx, item.grant.encode())
        if grant.recipient != statement.signer:
            continue
        heir = _goes_on_as(tx, grant) if item.kind == EVENT else grant
        again = told_again(item, heir, statement.since, today)
        if again is None:
            continue
        ITEMS.put(tx, again)
        if item.kind == INTRODUCTION:
            GRANTS.put(tx, replace(grant, introduced=False))
        count += 1
    return count


def _is_called_back(reads: Reads, item: Item, line: Sequence[Item]) -> bool:
    """Whether an earlier telling of the same, in the same line, is being called back at this very moment.

    `line`: what waits or is under way in it; where no retraction is among that, nothing needs to be looked up.
    """
    if all(one.kind != RETRACTION for one in line):
        return False
    tellings = [one for one in ITEMS.find(reads, "identity", item.identity) if one.line == item.line]
    return any(
        one.kind == RETRACTION and one.state != FINAL
        for event_id in {telling.event_id for telling in tellings}
        for one in ITEMS.find(reads, "event", event_id)
    )


def _under_way(item: Item, month: int, header: Header, frame: bytes) -> Item:
    return changed(
        item,
        state=SENT,
        undecided=True,
        told=True,
        message_id=header.message_id,
        handle=header.handle,
        frame=frame,
        sent_month=month,
        taken_at=None,
    )


def _goes_again(item: Item, now: int) -> bool:
    """Whether the bytes of something under way must be sent: never taken, or without an outcome for too long."""
    if item.taken_at is None or item.taken_at > now:  # taken in the future: the clock was set back
        return True
    return now - item.taken_at >= (AGAIN_AFTER if item.undecided else ASK_AFTER)


def _heir(reads: Reads, grant: Grant) -> Grant:
    """The newest grant of its line: what is sealed again goes there."""
    while grant.state == REPLACED and grant.ours and grant.next is not None:
        grant = GRANTS.need(reads, grant.next.encode())
    return grant


def _goes_on_as(reads: Reads, grant: Grant) -> Grant:
    """The newest grant of its line that followed it without a gap, introduced already or not."""
    while grant.next is not None:
        heir = GRANTS.need(reads, grant.next.encode())
        if heir.begin > grant.end:
            break
        grant = heir
    return grant


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.kind != INTRODUCTION, item.number))
