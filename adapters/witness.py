# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The edge as a witness: it keeps the newest checkpoint of the hub's log and accepts only what extends it.

Guarantees:
- a checkpoint counts only when the hub's key signed it and a proof shows that it extends the one kept; a log that is
  shorter, differs at the same size, or is another one, is a `LogForkError`, kept as evidence, and nothing goes on
  before a person has looked;
- the log that a recovery begins is followed only with the entry that says so, which must hold what this edge has seen
  or name something newer; what was lost with the old one is kept, for people to see;
- a delivery counts only with its entry "handed over" and the acceptance that this names, which holds the SHA-256 of the
  envelope; both leaves must be found in the log at a later checkpoint. What isn't proven yet is kept in the store and
  asked again, many in one request; what no checkpoint covers after ten minutes is told to a person;
- a manifest is used only when the log holds it.

An index or proof that the hub gives is never trusted, only checked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn, cast

from adapters.store import EdgeStore, Record, Table, Transaction, Value
from hub.client import Delivery, HubClient, HubUnavailableError, Recovery, Seen
from schemas.api import MOST_PROVEN
from schemas.canonical import FrameError, decode_array, need_bytes, need_int, need_list
from schemas.codes import Code
from schemas.entry import ACCEPT, HAND_OVER, RECOVERY, committed, committed_leaf, items_of, public
from schemas.merkle_proof import leaf_hash, root_from_inclusion, verify_consistency
from schemas.note import SIZE_LIMIT, Checkpoint, log_number, open_note, signature_of

CHECKPOINT: Final = Table("witness_checkpoint")
EVIDENCE: Final = Table("witness_evidence")
UNPROVEN: Final = Table("witness_unproven")
CUTS: Final = Table("witness_cut")
_NEWEST: Final = b"newest"
_SALT: Final = 32
_INDEX_BYTES: Final = 8
PROOF_MS: Final = 600_000  # the hub signs a checkpoint every few seconds
_ACCEPT_ITEMS: Final = 18
_RECOVERY_LENGTH: Final = 9


class LogForkError(Exception):
    """The hub's log isn't one growing log, or an entry isn't in it. A person must look; keep what the store holds."""


class NotProvenError(Exception):
    """Not in the newest checkpoint yet; the hub signs one within seconds. Ask again."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """An entry that the hub says is in the log."""

    index: int
    leaf: bytes

    @property
    def key(self) -> bytes:
        """Two leaves said to be at one index are two claims: one of them will be found out."""
        return self.index.to_bytes(_INDEX_BYTES, "big") + self.leaf


@dataclass(frozen=True, slots=True)
class Account:
    """What the log must hold for a delivery, and what the hub decided it on: the day, and the recipient's table."""

    hand_over: Unproven
    accept: Unproven
    day: int
    table: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The hub was put back from a copy: log `number` goes on from the first `found` entries of what was before.

    `known`: how many entries this edge knew that there were. `sure`: how many of them stand in the new log for certain;
    fewer than `found` when this edge slept through a log in between.
    """

    number: int
    found: int
    known: int
    sure: int

    @property
    def lost(self) -> int:
        """How many entries are gone, as far as this edge can tell."""
        return max(self.known - self.found, 0)


class Witness:
    """What one address holds the hub to; `public_key` came from a source other than the hub's own answers."""

    def __init__(self, store: EdgeStore, origin_name: str, public_key: bytes) -> None:
        self._store = store
        self._name = origin_name
        self._public_key = public_key

    def newest(self) -> Seen | None:
        """The newest checkpoint accepted, which every call to the hub carries."""
        kept = self._store.get(CHECKPOINT, _NEWEST)
        if kept is None:
            return None
        origin, size, root, note = kept
        signature = signature_of(str(note), self._name, self._public_key)
        return Seen(cast("str", origin), cast("int", size), cast("bytes", root), signature)

    def log_number(self) -> int:
        """The number of the log that is followed; 0 before the first checkpoint."""
        newest = _newest(self._store)
        return 0 if newest is None else log_number(newest.origin, self._name) or 0

    def cuts(self) -> list[Cut]:
        """Each time that the hub was put back from a copy, oldest first."""
        return [Cut(*cast("tuple[int, int, int, int]", tuple(record))) for _, record in self._store.scan(CUTS)]

    def may_be_lost(self, index: int, log: int) -> bool:
        """Whether an entry that stood in log number `log` may be gone with it."""
        return any(cut.number > log and index >= cut.sure for cut in self.cuts())

    def note(self) -> str | None:
        """The newest checkpoint accepted, as the hub signed it."""
        kept = self._store.get(CHECKPOINT, _NEWEST)
        if kept is None:
            return None
        _, _, _, note = kept
        return cast("str", note)

    def evidence(self) -> list[str]:
        """Why nothing goes on, with the checkpoints concerned; empty when all is well."""
        return [f"{reason!s}\n{note!s}" for _, (reason, note) in self._store.scan(EVIDENCE)]

    async def see(self, client: HubClient) -> Seen:
        """Ask for the newest checkpoint and accept it when it extends the one kept.

        Raises:
            LogForkError: it doesn't, now or at an earlier call.
            NoteError: the hub's key didn't sign it.
            HubUnavailableError: no answer.
        """
        if self._store.count(EVIDENCE):
            raise LogForkError("the hub's log was found forked before; a person must look at the evidence")
        while True:
            kept = self.newest()  # read before asking: what is offered can't be older than that
            note = await client.checkpoint()
            offered = open_note(note, self._name, self._public_key)
            cut = None if kept is None else await self._compare(client, kept, offered, note)
            seen = Seen(offered.origin, offered.size, offered.root)
            with self._store.transaction() as tx:
                if _newest(tx) == kept:
                    if seen != kept:
                        record: Record = [seen.origin, seen.size, seen.root, note]
                        tx.put(CHECKPOINT, _NEWEST, record)
                    if cut is not None:
                        _keep_cut(tx, cut)
                    return seen
            # Another task of this edge has accepted one meanwhile: compare with that.

    def verify_delivery(self, delivery: Delivery, sha: bytes) -> Account:
        """The entries that must stand in the log for this delivery of an envelope with this SHA-256.

        That they do is for `prove_deliveries`.

        Raises:
            FrameError: records and salts aren't those of an entry "handed over" that counts this offer, and of the
                acceptance of this envelope.
        """
        record = decode_array(delivery.record, 7, "/record")
        _, _, kind, index, count, _, code = record
        if kind != HAND_OVER or len(delivery.salt) != _SALT:
            raise FrameError("/record", "kind")
        # The hub delivers nothing that its own second decision refused.
        if count != delivery.count or code != Code.ACCEPTED.value:
            raise FrameError("/record", "const")
        accept = items_of(delivery.accept)
        if len(accept) != _ACCEPT_ITEMS or accept[2] != ACCEPT or len(delivery.accept_salt) != _SALT:
            raise FrameError("/accept", "kind")
        place = need_int(index, 0, delivery.index - 1, "/record")
        if accept[4] != sha or accept[-1] != Code.ACCEPTED.value:
            raise FrameError("/accept", "const")
        return Account(
            Unproven(delivery.index, committed_leaf(delivery.record, delivery.salt)),
            Unproven(place, committed_leaf(delivery.accept, delivery.accept_salt)),
            need_int(accept[1], 0, SIZE_LIMIT, "/accept"),
            need_bytes(need_list(accept[15], 2, "/accept")[-1], None, "/accept"),
        )

    def keep(self, tx: Transaction, unproven: Unproven, now: int) -> None:
        """Keep an entry to be proven, in the transaction that takes what it accounts for."""
        self.keep_all(tx, [unproven], now)

    def keep_all(self, tx: Transaction, unproven: Sequence[Unproven], now: int) -> None:
        """Keep these entries to be proven, sealed as one record, in the transaction that takes what they account for.

        One that is kept already keeps its place and its time there.
        """
        claims = list(dict.fromkeys(unproven))
        name = sha256(b"".join(one.key for one in claims)).digest()
        if claims and tx.get(UNPROVEN, name) is None:
            tx.put(UNPROVEN, name, _claimed(claims, now))

    def overdue(self, now: int) -> list[int]:
        """The entries that the hub said are in its log and that no checkpoint has covered for too long."""
        late = [
            one.index
            for _, record in self._store.scan(UNPROVEN)
            for since, claims in [_claims(record)]
            if since is not None and now - since > PROOF_MS
            for one in claims
        ]
        return list(dict.fromkeys(late))

    async def prove_deliveries(self, client: HubClient, pending: Sequence[Unproven] | None = None) -> int:
        """Check that the entries given, or those kept, stand in the log; how many still wait for a checkpoint.

        Raises:
            LogForkError: one doesn't.
            HubUnavailableError: no answer.
        """
        waiting = self._kept() if pending is None else list(pending)
        newest = self.newest() or await self.see(client)
        if any(one.index >= newest.size for one in waiting):
            newest = await self.see(client)
        covered = [one for one in waiting if one.index < newest.size]
        for together in _batches(covered):
            await self._prove(client, together, newest)
            with self._store.transaction() as tx:  # what a hub that goes away on the way has proven is not asked anew
                _forget(tx, frozenset(together))
            # A crash before this commit: these are proven once more.
        return len(waiting) - len(covered)

    async def manifest_in_log(self, client: HubClient, frame: bytes, index: int) -> None:
        """Returns when the log holds this manifest, or rule table, at this index.

        Raises:
            NotProvenError: the newest checkpoint doesn't reach that far.
            LogForkError: it isn't there.
            HubUnavailableError: no answer.
        """
        newest = self.newest()
        if newest is None or index >= newest.size:
            newest = await self.see(client)
        if index >= newest.size:
            raise NotProvenError("the newest checkpoint of the hub doesn't cover this entry yet")
        await self._prove(client, [Unproven(index, public(frame).leaf)], newest)

    def settle(self) -> None:
        """A person has looked: forget evidence and checkpoint, and follow the log that the hub shows from now on."""
        with self._store.transaction() as tx:
            for key, _ in tx.scan(EVIDENCE):
                tx.delete(EVIDENCE, key)
            tx.delete(CHECKPOINT, _NEWEST)

    async def _compare(self, client: HubClient, kept: Seen, offered: Checkpoint, note: str) -> Cut | None:
        """Returns when the checkpoint offered extends the one kept, or is of a log that rightly comes after it."""
        if offered.origin != kept.origin:
            return await self._follow(client, kept, offered, note)
        if offered.size < kept.size:
            self._fork("the log has become shorter than the checkpoint that was kept", note)
        if not await self._extends(client, kept, offered):
            self._fork("the log doesn't extend the checkpoint that was kept", note)
        return None

    async def _extends(self, client: HubClient, kept: Seen, offered: Checkpoint) -> bool:
        if offered.size < kept.size:
            return False
        proof = await client.consistency(kept.size, offered.size) if 0 < kept.size < offered.size else []
        try:
            return verify_consistency(kept.size, offered.size, kept.root, offered.root, proof)
        except ValueError:
            return False

    async def _follow(self, client: HubClient, kept: Seen, offered: Checkpoint, note: str) -> Cut:
        """A recovery has begun another log.

        1. its number is higher than that of the log kept;
        2. the entry with which it began stands in it, and says its number and where it began;
        3. it holds what this edge has seen; or its first entry names something as new or newer that was seen, so that
           the loss is on record and nobody can say later that there was none.
        """
        number = log_number(offered.origin, self._name) or 0
        old = log_number(kept.origin, self._name) or 0
        if number <= old:
            self._fork("the hub shows another log than the one that was kept", note)
        began = await client.recovery()
        if began is not None and began.number > number:
            raise HubUnavailableError("the hub began yet another log meanwhile; try again")
        if began is None or began.number != number or began.index >= offered.size:
            self._fork("the hub shows another log and not how it began", note)
        seen, found = self._first_entry(began, note)
        leaf = committed(decode_array(began.record, _RECOVERY_LENGTH), began.salt).leaf
        began_with = [Unproven(began.index, leaf)]
        if not await self._stands(client, began_with, Seen(offered.origin, offered.size, offered.root)):
            self._fork("the entry with which another log began isn't in it", note)
        extends = await self._extends(client, kept, offered)
        if seen < (old, kept.size) and not extends:
            self._fork("another log was begun without what this edge has seen", note)
        # A log in between, which this edge slept through, may have begun earlier than this one.
        sure = found if number == old + 1 else min(found, kept.size if extends else 0)
        return Cut(number, found, kept.size, sure)

    def _first_entry(self, began: Recovery, note: str) -> tuple[tuple[int, int], int]:
        """Number and size of the newest checkpoint seen, and the size found, as the first entry of a log says."""
        try:
            record = decode_array(began.record, _RECOVERY_LENGTH, "/record")
            _, _, kind, number, seen_number, seen_size, _, found, _ = record
            if (kind, number, found) != (RECOVERY, began.number, began.index) or len(began.salt) != _SALT:
                raise FrameError("/record", "const")  # noqa: TRY301  # one way out for all that it may be
            return (
                need_int(seen_number, 0, 1 << 40, "/record"),
                need_int(seen_size, 0, 1 << 53, "/record"),
            ), began.index
        except FrameError:
            self._fork("the entry with which another log began has another form", note)

    async def _prove(self, client: HubClient, together: Sequence[Unproven], newest: Seen) -> None:
        """Returns when all of these stand in the log.  Otherwise they are asked for in halves until it is known which one
        does not: a person needs its number."""
        if await self._stands(client, together, newest):
            return
        half = len(together) // 2
        if not half:
            self._fork(f"entry {together[0].index} isn't in the log as the hub said", f"size {newest.size}")
        await self._prove(client, together[:half], newest)
        await self._prove(client, together[half:], newest)

    async def _stands(self, client: HubClient, together: Sequence[Unproven], newest: Seen) -> bool:
        proof = await client.inclusion([one.index for one in together], newest.size)
        leaves = {one.index: leaf_hash(one.leaf) for one in together}
        try:
            return root_from_inclusion(leaves, newest.size, proof) == newest.root
        except ValueError:
            return False

    def _fork(self, reason: str, note: str) -> NoReturn:
        with self._store.transaction() as tx:
            number = tx.count(EVIDENCE)
            tx.put(EVIDENCE, number.to_bytes(_INDEX_BYTES, "big"), [reason, note])
        raise LogForkError(reason)

    def _kept(self) -> list[Unproven]:
        """What waits to be proven; what was kept twice, since it was offered twice, is proven once."""
        return list(dict.fromkeys(one for _, record in self._store.scan(UNPROVEN) for one in _claims(record)[1]))


def _batches(claims: Iterable[Unproven]) -> Iterator[list[Unproven]]:
    """What one request may ask for, in the order of the log; two claims to one index never together, so that each is
    looked at."""
    batch = list[Unproven]()
    for one in sorted(claims, key=lambda one: one.key):
        if batch and (len(batch) == MOST_PROVEN or batch[-1].index == one.index):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _newest(records: EdgeStore | Transaction) -> Seen | None:
    kept = records.get(CHECKPOINT, _NEWEST)
    if kept is None:
        return None
    origin, size, root, _note = kept
    return Seen(cast("str", origin), cast("int", size), cast("bytes", root))


def _keep_cut(tx: Transaction, cut: Cut) -> None:
    """What was lost with a log can't be proven any more; that it was lost is kept."""
    tx.put(CUTS, cut.number.to_bytes(_INDEX_BYTES, "big"), [cut.number, cut.found, cut.known, cut.sure])
    _forget(
        tx, frozenset(one for _, record in tx.scan(UNPROVEN) for one in _claims(record)[1] if one.index >= cut.sure)
    )


def _claimed(claims: Sequence[Unproven], since: int | None) -> Record:
    return [[[one.index, one.leaf] for one in claims], since]


def _claims(record: Record) -> tuple[int | None, list[Unproven]]:
    """Since when these entries wait, and which they are.

    What an earlier version kept is one entry in a record of its own, and before that without a time: it is proven, or
    found out, like the rest.
    """
    first, *rest = record
    if isinstance(first, list):
        claims = [Unproven(cast("int", index), cast("bytes", leaf)) for index, leaf in cast("list[list[Value]]", first)]
        return cast("int | None", rest[0]), claims
    return cast("int | None", rest[1] if rest[1:] else None), [Unproven(cast("int", first), cast("bytes", rest[0]))]


def _forget(tx: Transaction, over: frozenset[Unproven]) -> None:
    """These entries wait no more; those that stand in one record with them do."""
    if not over:
        return
    for key, record in tx.scan(UNPROVEN):
        since, claims = _claims(record)
        left = [one for one in claims if one not in over]
        if not left:
            tx.delete(UNPROVEN, key)
        elif len(left) < len(claims):
            tx.put(UNPROVEN, key, _claimed(left, since))
