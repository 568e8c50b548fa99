# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What came through the hub for this address: taken once, answered the same whoever it is about.

The steps for each envelope, in this order and all but the first in one transaction:

1. the frame is canonical, for this address, signed by a key of its sender's manifest in the log, came with the entries
   that account for it, and its handle was not stopped as far as the hub has told. What fails here is the hub's doing:
   it is not taken, and a person is told (`adapters.alarms`); so is what came for a key that is over or by other rules
2. this edge decides too, with its own copy of the table: what it forbids is destroyed unread
3. open, and validate every part against the schema of its category
4. an introduction must fit what its sender registered, down to the citizen; an event must be under a known handle, and
   not be one that came or was called back before
5. the receipt is fixed: nothing after this changes what sender and hub see
6. only now the client is looked for. Who is not a client is kept sealed for 30 days and shown to nobody. By code there is
   none before somebody has typed it (`adapters.code_entry`); then a second receipt follows, `introduced`. What its sender's
   edge made by itself and rests on a source that this edge does not know is kept, and shown to nobody (`adapters.held`); so
   is what comes while an objection against it waits for its decision

Of what came in one answer of the hub all is opened (2 and 3) before the first is looked up (4): whatever 2 and 3 ask is
changed by none of the others. The receipt is signed and sent after the transaction, as often as needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from adapters import alarms, clients, quotas, requests
from adapters.alarms import Lie
from adapters.control import CameEvent, CameIntroduction, CameRequest, read_event, read_introduction, read_request
from adapters.keys import RoleKeys
from adapters.peers import FalseManifestError, Peers
from adapters.recognition import await_code, came_again, recognise
from adapters.records_incoming import (
    ANSWERS,
    AWAITED,
    GONE,
    HALTED,
    INTRODUCTIONS,
    KNOWN,
    NOTICES,
    PROMISES,
    RECOGNISED,
    TOLD,
    Answer,
    Gone,
    Halted,
    Introduced,
    Known,
    Notify,
    Promised,
    Recognised,
    Told,
)
from adapters.records_outgoing import AUTOMATIC_REFUSED, ORDERS, Client, Order
from adapters.records_own import move, place
from adapters.refusals import turns_away
from adapters.seal import UnreadableError, open_parts, open_retraction
from adapters.shelf import changed, gone_key
from adapters.showing import waits_for
from adapters.store import StoreError, Transaction
from adapters.watch import TABLES
from adapters.witness import Account, NotProvenError, Witness
from adapters.workplace import Workplace, random_minute
from consent.decide import Moment, Registered, Verdict, decide, lawful
from consent.grant import commitment, handle, months, terms_hash
from hub.client import Delivery, Notice, PickUp
from schemas.calendar import day_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.envelope import CONTROL, Envelope, parse
from schemas.fact import Fact, Register, parse_fact
from schemas.identity import Citizen
from schemas.receipt import sign_receipts
from schemas.registry import InvalidPart
from schemas.signing import MOST_TOGETHER, SignatureError, SigningKey

BOX_DAYS: Final = 30  # what is about nobody we know is kept this long, in case the client is registered


@dataclass(frozen=True, slots=True)
class Checked:
    """An envelope that passed step 1."""

    envelope: Envelope
    account: Account


@dataclass(frozen=True, slots=True)
class CameRetraction:
    """The event that an envelope calls back."""

    event_id: bytes


Came = CameIntroduction | CameEvent | CameRequest | CameRetraction
Opened = Came | Code


@dataclass(frozen=True, slots=True)
class Fitting:
    """An event that is new, with the introduction under which it came."""

    came: CameEvent
    introduced: Introduced


@dataclass(frozen=True, slots=True)
class Opening:
    """One of this address's opening keys, and the last day on which others may seal for it."""

    private: MLKEM768X25519PrivateKey
    until: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """The receiving side of one edge."""

    work: Workplace
    peers: Peers
    witness: Witness
    keys: RoleKeys
    opening: Mapping[str, Opening]

    async def pickup(self, most: int, wait_seconds: float) -> int:
        """Pick up once; how many envelopes came. Receipts of an earlier pass go first."""
        # An edge picks up only when its own store takes a commit: what is handed over must not be lost here.
        self.work.store.probe()
        await self.send_receipts()
        came = await self.work.ask(
            "pickup", self.work.client.pickup, most, wait_seconds, place(self.work.store).notices
        )
        if not await self._notices(came):
            return 0  # a manifest is not in a checkpoint yet; everything is offered again
        checked = await self._check_all(came.deliveries)
        failed = self._take_all([one for one in checked if one is not None])
        await self.send_receipts()
        if failed is not None:
            raise failed  # after the others were taken: it gets no receipt, is offered again, alone, and expires
        return len(came.deliveries)

    def _take_all(self, checked: list[Checked]) -> Exception | None:
        """Take all in one commit; when one of them can't be, each in its own, so that it takes no other with it."""
        try:
            with self.work.commit("delivery") as tx:
                self._take_in(tx, checked)
            # A crash before this commit: they are offered again. After it: the receipts are sent at the next pass.
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # a fault of ours: nothing of the commit above has happened
            return error if len(checked) == 1 else self._take_each(checked)
        return None

    def _take_each(self, checked: list[Checked]) -> Exception | None:
        failed = [error for one in checked if (error := self._take_all([one])) is not None]
        return failed[0] if failed else None

    # -- notices about grants ----------------------------------------------------------------------------------------

    async def _notices(self, came: PickUp) -> bool:
        """Registrations and stops of grants in which this address is the recipient; False when one can't be checked."""
        promised: list[Promised] = []
        try:
            for notice in came.notices:
                fact = await self._promise(notice) if notice.kind == "register" else None
                if fact is not None and isinstance(fact.body, Register):
                    promised.append(_promised(fact.body, fact.raw))
        except NotProvenError:
            return False
        if came.notices:
            with self.work.commit("notices") as tx:
                for one in promised:
                    PROMISES.put(tx, one)
                for notice in came.notices:
                    if notice.kind == "stop":
                        self._stopped(tx, notice.handles)
                move(tx, replace(place(tx), notices=came.notices[-1].number))
            # A crash before this commit: the same notices come again.
        return True

    async def _promise(self, notice: Notice) -> Fact | None:
        """A registration that its sender signed and that is for this address."""
        try:
            fact = parse_fact(notice.fact or b"")
            if not isinstance(fact.body, Register) or fact.body.recipient != self.work.address:
                return None
            await self._verify(fact.signer, fact.key_id, fact)
        except (FrameError, SignatureError, FalseManifestError):
            return None  # the hub made it up, or changed it: an introduction that rests on it will not be taken
        return fact

    def _stopped(self, tx: Transaction, handles: Sequence[bytes]) -> None:
        for name in handles:
            HALTED.put(tx, Halted(name, self.work.today))
            known = KNOWN.get(tx, name)
            introduced = None if known is None else INTRODUCTIONS.get(tx, known.secret)
            if introduced is not None and introduced.ended_on is None:
                INTRODUCTIONS.put(tx, replace(introduced, ended_on=min(self.work.today, introduced.end)))
                AWAITED.delete(tx, introduced.secret)

    # -- step 1 ------------------------------------------------------------------------------------------------------

    async def _check_all(self, deliveries: Sequence[Delivery]) -> list[Checked | None]:
        parsed = [self._parse(delivery) for delivery in deliveries]
        HALTED.read_ahead(self.work.store, [one.envelope.handle for one in parsed if one is not None])
        return [
            None if one is None else await self._check(one, delivery)
            for one, delivery in zip(parsed, deliveries, strict=True)
        ]

    def _parse(self, delivery: Delivery) -> Checked | None:
        """Frame and entry. What fails here or in `_check` has no receipt: the hub made it up, or it ends as expired."""
        try:
            envelope = parse(delivery.envelope)
            return Checked(envelope, self.witness.verify_delivery(delivery, envelope.sha))
        except FrameError:
            self._caught(Lie.OFF_THE_LOG, delivery)
            return None

    async def _check(self, parsed: Checked, delivery: Delivery) -> Checked | None:
        """Addressee, signature, stop; what the hub decided on."""
        envelope, account = parsed.envelope, parsed.account
        if envelope.recipient != self.work.address:
            self._caught(Lie.FORGED, delivery)
            return None
        try:
            await self._verify(envelope.source, envelope.sign_key, envelope)
        except SignatureError:
            self._caught(Lie.FORGED, delivery)
            return None
        except (FalseManifestError, NotProvenError):
            return None  # a false manifest has an alarm already; what isn't proven yet is offered again
        if not envelope.retraction and HALTED.get(self.work.store, envelope.handle) is not None:
            self._caught(Lie.AFTER_A_STOP, delivery)
            return None
        if account.table != self.work.rules.hash and TABLES.get(self.work.store, account.table) is None:
            self._caught(Lie.OTHER_TABLE, delivery)  # this edge decides by its own, whatever the hub's was
        sealed_for = self.opening.get(envelope.seal_key)
        if sealed_for is None or account.day > sealed_for.until:
            self._caught(Lie.OLD_KEY, delivery)  # the harm, if any, is done: whoever has that key could read it
        return parsed

    def _caught(self, lie: Lie, delivery: Delivery) -> None:
        with self.work.commit("alarm") as tx:
            alarms.sound(tx, lie, f"entry {delivery.index}", self.work.now)
        # A crash here: the alarm stands, nothing was taken, and what is offered again is caught again.

    async def _verify(self, sender: str, key_id: str, signed: Envelope | Fact) -> None:
        message = signed.signed() if isinstance(signed, Envelope) else signed.signed
        for fresh in (False, True):
            manifest = await self.peers.manifest(sender, fresh=fresh)
            key = None if manifest is None else manifest.signing_key(key_id)
            if key is not None:
                self.peers.verifier.verify(message, signed.signature, key.public)
                return
        raise SignatureError("key")

    # -- steps 2 to 6 ------------------------------------------------------------------------------------------------

    def _take_in(self, tx: Transaction, checked: Sequence[Checked]) -> None:
        """Take these envelopes, what decides on them read at once."""
        accounts = [one.account for one in checked]
        unproven = [entry for account in accounts for entry in (account.accept, account.hand_over)]
        self.witness.keep_all(tx, unproven, self.work.now)
        ANSWERS.read_ahead(tx, [one.envelope.message_id for one in checked])
        handles = {one.envelope.handle for one in checked}
        PROMISES.read_ahead(tx, handles)
        KNOWN.read_ahead(tx, handles)
        known = [KNOWN.get(tx, name) for name in handles]
        INTRODUCTIONS.read_ahead(tx, {one.secret for one in known if one is not None})
        opened = [None if self._answered(tx, one.envelope) else self._open(tx, one) for one in checked]
        events = [
            gone_key(one.envelope.source, came.event_id)
            for one, came in zip(checked, opened, strict=True)
            if isinstance(came, CameEvent)
        ]
        GONE.read_ahead(tx, events)
        TOLD.read_ahead(tx, events)
        for one, came in zip(checked, opened, strict=True):
            self._take(tx, one.envelope, came)

    def _answered(self, tx: Transaction, envelope: Envelope) -> Answer | None:
        before = ANSWERS.get(tx, envelope.message_id)
        return before if before is not None and before.sha == envelope.sha else None

    def _take(self, tx: Transaction, envelope: Envelope, opened: Opened | None) -> None:
        """Take one envelope, opened unless it has an answer."""
        before = self._answered(tx, envelope)
        if before is not None or opened is None:  # both, or it came twice in one answer of the hub
            if before is not None:
                ANSWERS.put(tx, replace(before, sent=False))  # it did not arrive: the same receipt goes again
            return
        came = opened if isinstance(opened, Code) else self._fits(tx, envelope, opened)
        code = came if isinstance(came, Code) else Code.STORED
        answer = Answer(envelope.message_id, envelope.sha, code.value, self.work.random(16), self.work.now)
        ANSWERS.put(tx, answer)
        # Step 5: fixed. What follows depends on the citizen and changes nothing of the above.
        if isinstance(came, CameIntroduction):
            self._introduce(tx, came, envelope.message_id)
        elif isinstance(came, Fitting):
            self._keep(tx, envelope, came)
        elif isinstance(came, requests.Asks):
            requests.keep(tx, self.work, came)

    def _open(self, tx: Transaction, checked: Checked) -> Opened:
        """Steps 2 and 3: what stands in it, or the code that says why it is not taken."""
        envelope = checked.envelope
        sealed_for = self.opening.get(envelope.seal_key)
        try:
            if sealed_for is None:
                return Code.UNREADABLE
            private = sealed_for.private
            if envelope.retraction:
                return CameRetraction(open_retraction(envelope, private))
            promise = PROMISES.get(tx, envelope.handle)
            # Step 2: before anything is opened.
            if promise is not None and not self._permits(envelope.source, promise):
                alarms.sound(tx, Lie.OTHER_TABLE, f"entry {checked.account.hand_over.index}", self.work.now)
                return Code.NOT_PERMITTED
            # Step 3.
            opened = open_parts(envelope, private)
            if not any(text for name, text in opened.items() if name != CONTROL):
                request = read_request(self.work.registry, opened[CONTROL])
                if request is not None:
                    return request
                return read_introduction(self.work.registry, opened[CONTROL], envelope.source, self.work.address)
            return read_event(self.work.registry, opened)
        except UnreadableError:
            return Code.UNREADABLE
        except InvalidPart:
            return Code.INVALID_PART

    def _fits(
        self, tx: Transaction, envelope: Envelope, came: Came
    ) -> CameIntroduction | Fitting | requests.Asks | Code:
        """Step 4, after everything that came before it."""
        if isinstance(came, CameEvent):
            return self._new(tx, envelope, came)
        if isinstance(came, CameRetraction):
            self._call_back(tx, envelope.source, came.event_id)
            return Code.STORED
        if isinstance(came, CameRequest):
            return self._asks(tx, envelope, came)
        return self._introduces(tx, envelope, came)

    def _permits(self, sender: str, body: Promised) -> bool:
        """Step 2. State and end are not asked: when a stop is known must not show in a receipt before its time."""
        asked = Registered(
            sender,
            self.work.address,
            body.month,
            None,
            body.row,
            body.ground,
            body.categories,
            stopped=False,
        )
        verdict = decide((self.work.rules, self.work.rules), asked, self.work.today, Moment.PICKUP)
        return verdict is not Verdict.NOT_PERMITTED

    def _introduces(self, tx: Transaction, envelope: Envelope, came: CameIntroduction) -> CameIntroduction | Code:
        """Step 4 for an introduction: its terms and its citizen are those of the registration."""
        body = PROMISES.get(tx, envelope.handle)
        if body is None:
            return Code.UNKNOWN_HANDLE  # the registration has not come yet; introduced again, it will have
        terms, secret = came.terms, came.secret
        promised = (body.handle, body.terms_hash, body.commitment, body.terms_hash)
        told = (
            handle(secret, body.month),
            terms_hash(terms, secret, body.month),
            commitment(came.committed(), secret, body.month),
            envelope.terms,
        )
        if promised != told:
            return Code.INVALID_PART
        if lawful(self.work.rules, terms, came.way):
            return Code.NOT_PERMITTED
        known = INTRODUCTIONS.get(tx, secret)
        if known is None:
            return came
        came_again(tx, self.work, known, envelope.message_id)
        return Code.SEEN_ALREADY

    def _new(self, tx: Transaction, envelope: Envelope, came: CameEvent) -> Fitting | Code:
        """Step 4 for an event."""
        known = KNOWN.get(tx, envelope.handle)
        introduced = None if known is None else INTRODUCTIONS.get(tx, known.secret)
        if introduced is None or introduced.sender != envelope.source:
            return Code.UNKNOWN_HANDLE
        key = gone_key(envelope.source, came.event_id)
        if GONE.get(tx, key) is not None:
            return Code.SEEN_ALREADY_RETRACTED
        return Code.SEEN_ALREADY if TOLD.get(tx, key) is not None else Fitting(came, introduced)

    def _asks(self, tx: Transaction, envelope: Envelope, came: CameRequest) -> requests.Asks | Code:
        """Step 4 for a request to be told: whoever it is about, and whatever stands here."""
        known = KNOWN.get(tx, envelope.handle)
        introduced = None if known is None else INTRODUCTIONS.get(tx, known.secret)
        if introduced is None or introduced.sender != envelope.source:
            return Code.UNKNOWN_HANDLE
        asks = requests.Asks(introduced, came)
        return Code.SEEN_ALREADY if requests.is_known(tx, asks) else asks

    def _call_back(self, tx: Transaction, sender: str, event_id: bytes) -> None:
        """A retraction hides what came and is remembered for what still comes."""
        key = gone_key(sender, event_id)
        if GONE.get(tx, key) is not None:
            return
        GONE.put(tx, Gone(sender, event_id, self.work.today))
        told = TOLD.get(tx, key)
        if told is not None:
            TOLD.put(tx, replace(told, hidden=True))
            before = NOTICES.get(tx, notice_key(told, retracted=False))
            if before is not None and not before.written:
                NOTICES.put(tx, replace(before, written=True))  # nobody has seen it: nothing to take back
            elif before is not None:
                NOTICES.put(tx, Notify(notice_key(told, retracted=True), event_id, sender, retracted=True))

    def _introduce(self, tx: Transaction, came: CameIntroduction, message_id: bytes) -> None:
        """Step 6 for an introduction: all handles of its months lead to it, and it to the client, if there is one."""
        introduced = came.record(self.work.now, message_id)
        INTRODUCTIONS.put(tx, introduced)
        for month in months(introduced.begin, introduced.end):
            KNOWN.put(tx, Known(handle(introduced.secret, month), introduced.secret, month))
        if isinstance(came.identity, str):
            client = clients.find(tx, Citizen(bsn=came.identity))
            quotas.count_stranger(tx, self.work, introduced.sender, known=client is not None)
        else:
            client = await_code(tx, self.work, came, came.identity)
            if client is not None:
                recognise(tx, self.work, introduced)
        if client is not None:
            attach(tx, self.work, introduced, client)

    def _keep(self, tx: Transaction, envelope: Envelope, fitting: Fitting) -> None:
        """Step 6 for an event."""
        came, introduced = fitting.came, fitting.introduced
        told = Told(
            came.event_id,
            envelope.source,
            introduced.secret,
            introduced.client,
            came.day,
            () if introduced.withheld else came.parts,  # against a refusal nothing is kept, not even sealed
            came.late,
            self.work.now,
        )
        TOLD.put(tx, told)
        if introduced.client is not None and not introduced.withheld and not introduced.held:
            show(tx, told)

    # -- receipts ----------------------------------------------------------------------------------------------------

    async def send_receipts(self) -> int:
        """Sign together and send what was not answered yet, and what was recognised and is due; how many were sent."""
        due: list[Answer | Recognised] = list(ANSWERS.scan(self.work.store, "due", limit=MOST_TOGETHER))
        due += RECOGNISED.scan(self.work.store, "due", self.work.now, limit=MOST_TOGETHER - len(due))
        if not due:
            return 0
        unsigned = [(one.message_id, _said(one), one.salt) for one in due if one.frame is None]
        key = SigningKey(self.keys.signing_seed)
        signed = iter(sign_receipts(key, self.work.today, unsigned) if unsigned else ())
        frames = [next(signed) if one.frame is None else one.frame for one in due]
        codes = await self.work.ask("receipts", self.work.client.receipts, frames)
        with self.work.commit("receipts") as tx:
            for one, frame, code in zip(due, frames, codes, strict=True):
                # `not-yours`: the hub has forgotten it, or never had it; nothing can be told about it any more.
                counted = changed(one, frame=frame, sent=code is _said(one) or code is Code.NOT_YOURS)
                if isinstance(counted, Recognised):
                    RECOGNISED.put(tx, counted)
                else:
                    ANSWERS.put(tx, counted)
        # A crash before this commit: the receipts are sent again, which changes nothing.
        return len(due)


# -- clients and what is theirs --------------------------------------------------------------------------------------


def _said(one: Answer | Recognised) -> Code:
    return Code(one.code) if isinstance(one, Answer) else Code.INTRODUCED


def _promised(body: Register, fact: bytes) -> Promised:
    return Promised(
        body.handle, body.month, body.row, body.ground, body.categories, body.terms_hash, body.commitment, fact
    )


def notice_key(told: Told, *, retracted: bool) -> bytes:
    """One notice for an event, and one more when it is called back."""
    return gone_key(told.sender, told.event_id) + (b"\1" if retracted else b"\0")


def show(tx: Transaction, told: Told) -> None:
    """The event is about a client: a notice for the partner's own system will follow."""
    if not told.hidden and told.parts:
        NOTICES.put(tx, Notify(notice_key(told, retracted=False), told.event_id, told.sender, retracted=False))


def attach(tx: Transaction, work: Workplace, introduced: Introduced, client: Client) -> None:
    """Tie an introduction to a client; a grant against which a refusal stands is stopped on the next working day.

    The minute is random, so that neither the receipt nor the time of the stop says that somebody objected.
    """
    refused = turns_away(tx, client.id, introduced, work.rules.rows.get(introduced.row))
    held = not refused and waits_for(tx, work, introduced, client.id) is not None
    attached = INTRODUCTIONS.put(tx, replace(introduced, client=client.id, withheld=refused, held=held))
    if refused:
        turn_away(tx, work, attached)
        return
    for told in TOLD.find(tx, "secret", introduced.secret):
        kept = TOLD.put(tx, replace(told, client=client.id))
        if not held:
            show(tx, kept)


def turn_away(tx: Transaction, work: Workplace, introduced: Introduced) -> Introduced:
    """It is about a client and will not be shown: what came is destroyed, and it is stopped on the next working day."""
    due = random_minute(work)
    ORDERS.put(tx, Order(work.id(), introduced.secret, introduced.end, AUTOMATIC_REFUSED, None, introduced.secret, due))
    for told in TOLD.find(tx, "secret", introduced.secret):
        TOLD.put(tx, replace(told, client=introduced.client, parts=()))
    return INTRODUCTIONS.put(tx, replace(introduced, withheld=True, held=False))


def release(tx: Transaction, introduced: Introduced) -> Introduced:
    """What it rests on is known now, or a person accepts it: what came under it is shown."""
    for told in TOLD.find(tx, "secret", introduced.secret):
        show(tx, told)
    return INTRODUCTIONS.put(tx, replace(introduced, held=False))


def know(tx: Transaction, work: Workplace, client: Client) -> None:
    """A client was registered: what came about this person before is shown from now on."""
    if client.bsn is None:
        return
    for introduced in INTRODUCTIONS.find(tx, "bsn", client.bsn.encode()):
        if introduced.client is None:
            attach(tx, work, introduced, client)


def purge_boxes(tx: Transaction, now: int) -> int:
    """Destroy what was kept 30 days for somebody who did not become a client, or for a source that nobody knew, and what its
    sender called back; ids stay."""
    gone = 0
    held = {introduced.secret for introduced in INTRODUCTIONS.scan(tx) if introduced.held}
    for told in list(TOLD.scan(tx)):
        kept = told.client is not None and told.secret not in held
        over = not kept and day_of(now) > day_of(told.came_at) + BOX_DAYS
        if told.parts and (over or (told.hidden and _is_taken_back(tx, told))):
            TOLD.put(tx, replace(told, parts=()))
            gone += 1
    return gone


def _is_taken_back(tx: Transaction, told: Told) -> bool:
    """Whether the own system knows that it was called back, or need not: its notice tells what was."""
    waiting = NOTICES.get(tx, notice_key(told, retracted=True))
    return waiting is None or waiting.written
