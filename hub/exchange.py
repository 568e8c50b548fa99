# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The exchange: the hub's one shell around its rules.  Reads, asks the pure modules, commits, answers.

Every public method is one request of one address (`via`, proven by the connection) and is safe to repeat.  Nothing
is answered before the commit that it tells of; when something that a step rests on has changed, the request reads
and decides again.  One exception that is no refusal never takes more with it than its own envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from consent.rules import RuleTable
from hub import accession, delivery, grants, pipeline, recovery
from hub.accession import Attested, Offered
from hub.attestations import Attestations
from hub.audit.log import Log
from hub.client import FactAnswer, HubUnavailableError, RefusedError
from hub.clock import HubClock
from hub.exchange_audit import AuditDesk
from hub.exchange_core import BATCH
from hub.exchange_faults import FaultDesk
from hub.exchange_pickup import PickupDesk
from hub.exchange_reading import ReadingRoom
from hub.exchange_recovery import RecoveryDesk
from hub.greatest import Revoked
from hub.registry import ADMITTED, Partner, Partners
from hub.store import StaleError, Step, Store, Stored, StoreError
from schemas.calendar import day_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.envelope import Envelope
from schemas.fact import Fact, Register, Stop
from schemas.receipt import Receipt, parse_receipt
from schemas.signing import SignatureError

_MISSING = frozenset({Code.UNKNOWN_SENDER, Code.KEY_NOT_VALID})
_REFUSED_RECEIPTS = frozenset({Code.MALFORMED, Code.TOO_LARGE, Code.BAD_SIGNATURE, Code.NOT_YOURS})


Elsewhere = Callable[[str, Mapping[str, bytes] | None, Sequence[bytes]], list[Envelope | Code] | None]


class Checked(NamedTuple):
    """A request of envelopes after steps 1 to 3: per frame the envelope, or the code of its refusal.

    `began` is when its reading began, for measuring only.
    """

    via: str
    frames: Sequence[bytes]
    results: list[Envelope | Code]
    began: int


class Exchange(AuditDesk, RecoveryDesk, FaultDesk, PickupDesk, ReadingRoom):
    """The hub in one process: takes envelopes, facts and receipts, hands over, admits."""

    def __init__(
        self,
        store: Store,
        log: Log,
        national: RuleTable,
        clock: HubClock,
        random: Callable[[int], bytes],
        attestations: Attestations | None = None,
    ) -> None:
        super().__init__(store, log, national, clock, random, attestations)
        self._start()

    # -- envelopes ---------------------------------------------------------------------------------------------

    def send(self, via: str, frames: Sequence[bytes]) -> list[Code]:
        """Per frame: `taken`, the stored outcome of the same bytes, or a refusal that needs no store."""
        with self._lock:
            partners, day = self.snapshot()
            parts = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
            return [code for part in parts for code in self.decide([self.check(via, part, partners, day)])[0]]

    def check(
        self, via: str, frames: Sequence[bytes], partners: Partners, day: int, elsewhere: Elsewhere | None = None
    ) -> Checked:
        """Steps 1 to 3.  Takes no lock, so many threads may; `partners` may be a moment old, see `decide`.
        `elsewhere` does it in another process, and gives None when it can't."""
        began, keys = self.clock.steady(), pipeline.keys_of(via, partners, day)
        results = None if elsewhere is None else elsewhere(via, keys, frames)
        if results is None:
            return Checked(via, frames, [self._check(frame, via, keys) for frame in frames], began)
        for _ in range(results.count(Code.HUB_FAULT)):  # as in `_check`
            self._fault()
        return Checked(via, frames, results, began)

    def decide(self, requests: Sequence[Checked]) -> list[list[Code]]:
        """The answers per request, decided and committed together.  Who was checked against partners of a moment ago
        is looked at again: the decision refuses a sender or key that is gone, and a missing one is looked up here."""
        with self._lock:
            self._need_to_decide()
            self._tick()
            if not recovery.is_open(self.store.recovery()):  # no number used, nothing stored
                return [[Code.RECOVERING] * len(one.frames) for one in requests]
            if self._is_flooded():
                return [[Code.TRY_LATER] * len(one.frames) for one in requests]
            partners, day = self._directory.partners(), day_of(self.store.now())
            requests = [self._looked_up(one, partners, day) for one in requests]
            asked = [(result, one.began) for one in requests for result in one.results if isinstance(result, Envelope)]
            envelopes = [envelope for envelope, _ in asked]
            self._began = {envelope.message_id: began for envelope, began in asked}
            decided = iter(self._decide(envelopes))
            return [self._answers(one, partners, decided) for one in requests]

    def _looked_up(self, request: Checked, partners: Partners, day: int) -> Checked:
        if not _MISSING.intersection([one for one in request.results if isinstance(one, Code)]):
            return request
        pairs, keys = zip(request.frames, request.results, strict=True), pipeline.keys_of(request.via, partners, day)
        results = [
            self._check(frame, request.via, keys) if isinstance(one, Code) and one in _MISSING else one
            for frame, one in pairs
        ]
        return request._replace(results=results)

    def _answers(self, request: Checked, partners: Partners, decided: Iterator[Code]) -> list[Code]:
        sender = partners.by_address.get(request.via)
        answers: list[Code] = []
        for result in request.results:
            if isinstance(result, Code):
                self._refuse(sender, result)
                answers.append(result)
            else:
                answers.append(next(decided))
                if answers[-1] is Code.ID_REUSED:  # the outcome of the id stays, so nothing else counts this one
                    self.meter.refused[Code.ID_REUSED] += 1
        return answers

    def _check(self, frame: bytes, via: str, keys: Mapping[str, bytes] | None) -> Envelope | Code:
        try:
            return pipeline.check(frame, via, keys, self._verifier)
        except Exception:  # noqa: BLE001  # before step 3: answered and counted, never stored
            self._fault()
            return Code.HUB_FAULT

    def _decide(self, envelopes: list[Envelope]) -> list[Code]:
        if not envelopes:
            return []
        if self._is_flooded():
            return [Code.TRY_LATER] * len(envelopes)
        try:
            return self._again(lambda: self._decide_once(envelopes))
        except (StoreError, StaleError, HubUnavailableError):
            raise
        except Exception:  # noqa: BLE001  # poison: halve until one is left, and set that one aside
            if len(envelopes) == 1:
                return [self._set_aside(envelopes[0])]
            half = len(envelopes) // 2
            return self._decide(envelopes[:half]) + self._decide(envelopes[half:])

    def _decide_once(self, envelopes: list[Envelope]) -> list[Code]:
        now = self.store.now()
        known = self._known([envelope.handle for envelope in envelopes], now)
        held = {handle for handle, grant in known.grants.items() if grant.held_until > now}
        if held:  # no number used, nothing stored: the same bytes may come again
            return [self._held_back(envelope, held) for envelope in envelopes]
        known.stored = self.store.stored([envelope.message_id for envelope in envelopes])
        decided = pipeline.step(envelopes, known, now, self._random)
        self._commit(decided.step)
        done = self.clock.steady()
        for join in decided.step.joins:
            self.meter.deliverable.add(done - self._began[join.message_id])
        # Entries, queue and numbers are durable, all or none. A crash here: the sender has no answer, sends the same
        # bytes again and gets the stored outcome.
        return decided.answers

    def _held_back(self, envelope: Envelope, held: set[bytes]) -> Code:
        return Code.TRY_LATER if envelope.handle in held else self._decide_once([envelope])[0]

    # -- what was handed over ------------------------------------------------------------------------------------

    def ready(self, addresses: Collection[str]) -> set[str]:
        """Those of these addresses that have something to pick up; who is not admitted is told so at once, too."""
        with self._lock:
            self._tick()
            partners = self._directory.partners().by_address
            numbers = {one: partners[one].number for one in addresses if one in partners}
            is_open = recovery.is_open(self.store.recovery())
            found = self.store.has_something(numbers.values(), self.store.now()) if is_open else set[int]()
            admitted = {one for one in numbers if partners[one].state == ADMITTED}
            return {one for one in addresses if one not in admitted or numbers[one] in found}

    def receipts(self, via: str, frames: Sequence[bytes]) -> list[Code]:
        """Per receipt its own code when it counts, `not-yours`, or a refusal."""
        with self._lock:
            self._tick()
            partner = self._admitted(via)
            checked = [self._check_receipt(frame, partner) for frame in frames]
            receipts = [receipt for receipt in checked if isinstance(receipt, Receipt)]
            answers = iter(self._again(lambda: self._receive(receipts, partner)) if receipts else [])
            codes = [result if isinstance(result, Code) else next(answers) for result in checked]
            for code in codes:
                if code in _REFUSED_RECEIPTS:
                    self._refuse(partner, code)
            return codes

    def _check_receipt(self, frame: bytes, partner: Partner) -> Receipt | Code:
        try:
            receipt = parse_receipt(frame)
        except FrameError as error:
            return Code.TOO_LARGE if error.keyword == "size" else Code.MALFORMED
        for key in partner.signing.values():
            try:
                self._verifier.verify(receipt.signed, receipt.signature, key.public)
            except SignatureError:
                continue
            return receipt
        return Code.BAD_SIGNATURE

    def _receive(self, receipts: list[Receipt], partner: Partner) -> list[Code]:
        now, ids = self.store.now(), [receipt.message_id for receipt in receipts]
        waiting = self.store.find_waiting(ids)
        others = [one for one in ids if one not in waiting]  # what waits was accepted, and has no other outcome yet
        found = self.store.stored(others) if others else {}
        stored = {one: row for one, row in found.items() if self._was_accepted(row)}
        step, answers = delivery.receive(receipts, waiting, stored, partner, day_of(now), now, self._random)
        if step.entries:
            self._commit(step)
            for leave in step.leaves:
                self.meter.receipted.add(now - waiting[leave.message_id].since)
            # The payload is unreadable for good, the sender will be told. A crash here: the edge repeats its receipt.
        return answers

    def _was_accepted(self, outcome: Stored) -> bool:
        """Whether an outcome began with an acceptance; what was refused at once was never handed over."""
        if outcome.code in delivery.ONCE_ACCEPTED:
            return True
        record = self.store.entries(outcome.accept, outcome.accept + 1)[0].record
        return not record or pipeline.code_of(record) is Code.ACCEPTED

    # -- facts, keys, tables -----------------------------------------------------------------------------------

    def facts(self, via: str, frames: Sequence[bytes]) -> list[FactAnswer]:
        """Per signed fact whether it is in force from now on.  Facts never queue behind envelopes."""
        with self._lock:
            self._tick()
            return [self._again(lambda frame=frame: self._fact(via, frame)) for frame in frames]  # type: ignore[misc]

    def _fact(self, via: str, frame: bytes) -> FactAnswer:
        partners, now = self._directory.partners(), self.store.now()
        fact = grants.check_fact(frame, via, partners, day_of(now), self._verifier)
        if not isinstance(fact, Fact):
            sender = partners.by_address.get(via)
            self._refuse(sender, fact)
            return FactAnswer(fact)
        body = fact.body
        handles = [body.handle] if isinstance(body, Register) else [handle for _, handle in body.handles]
        known = grants.KnownGrants(
            partners, self.store.grants(handles), self.store.stops(handles), day_of(now), now, self._vocabulary
        )
        if isinstance(body, Register):
            step, answer = grants.register(fact, body, known, self._random)
            if answer.code is Code.WRONG_DAY and self.clock.jump():  # which of the two is wrong is not known yet
                answer = FactAnswer(Code.TRY_LATER)
        else:
            step, answer = grants.stop(fact, body, known, self._random)
        if answer.code not in (Code.IN_FORCE, Code.TRY_LATER):
            self._refuse(partners.by_address[fact.signer], answer.code)
        if step.entries:
            self._commit(step)
            # In force. A crash here: the edge has no answer and repeats the fact, which changes nothing.
            if isinstance(body, Stop):
                self.log.keep_head()
                # And known outside the store before anybody hears of it: no copy is mistaken for one that has it.
        return answer

    def publish(self, via: str, frame: bytes, attestation: bytes = b"") -> tuple[Code, int]:
        """A manifest or a rule table into the log; its code and the index of its leaf (-1 when refused)."""
        with self._lock:
            self._tick()
            return self._again(lambda: self._publish(self._admitted(via), Offered(frame, attestation)))

    def _publish(self, partner: Partner, offered: Offered) -> tuple[Code, int]:
        now = self.store.now()
        found = accession.publish(partner, offered.frame, self.store, self._national, self._verifier, now)
        is_taken = isinstance(found, Step) or found[0] is Code.IN_FORCE
        beside = self._attested(offered, partner.number) if is_taken and offered.frame[:1] != b"{" else []
        if isinstance(beside, Code):
            found = beside, accession.NOWHERE
        elif isinstance(found, Step):
            found.attestations += beside
            return Code.IN_FORCE, self._commit(found)
        elif beside:
            self._commit(Step(at=now, attestations=beside))
        if found[0] in (Code.WRONG_DAY, Code.NOT_ATTESTED):
            self._need_to_decide()  # in doubt, which of the two is wrong is not known yet
        if found[0] is not Code.IN_FORCE:
            self._refuse(partner, found[0])
        return found
        # A crash after a commit: the edge publishes the same bytes again and gets the same answer.

    def _attested(self, offered: Offered, number: int | None) -> Attested | Code:
        rules = self._attestations
        return [] if rules is None else accession.attest(offered, number, self.store, rules, self.store.now())

    def need_to_vouch(self, via: str) -> None:
        """Returns when a certificate may be given to an address now.

        Raises:
            RefusedError: it is not admitted.
            NotDecidingError: the hub's clock is in doubt, so the days of a certificate would be too.
        """
        with self._lock:
            self._admitted(via)
            self._need_to_decide()

    def admit(self, frame: bytes, attestation: bytes = b"") -> Partner:
        """Admits the address of a first manifest, whose fingerprint people compared; or readmits a suspended one.

        Raises:
            RefusedError: the manifest is not in order, or its attestation, where it needs one.
            NotDecidingError: the hub's clock is in doubt.
        """
        with self._lock:
            self._need_to_decide()
            checked = accession.first_manifest(
                frame, self._directory.partners(), day_of(self.store.now()), self._verifier
            )
            if isinstance(checked, Code):
                raise RefusedError(checked)
            table_hash = checked.manifest.table_hash
            if table_hash is not None and self.store.table(table_hash) is None:
                raise RefusedError(Code.NOT_NEXT)  # refused before the address is admitted, not after
            address, offered = checked.manifest.address, Offered(frame, attestation, admitting=True)
            known = self._directory.partners().by_address.get(address)
            if isinstance(beside := self._attested(offered, None if known is None else known.number), Code):
                raise RefusedError(beside)  # before, too
            self._set_state(address, ADMITTED)
            # A crash here: the address is admitted and has no keys, so nothing passes; admit it again.
            code, _ = self._again(lambda: self._publish(self._admitted(address), offered))
            if code is not Code.IN_FORCE:
                raise RefusedError(code)
            return self._directory.partners().by_address[address]

    def set_state(self, address: str, state: str) -> Partner:
        """Suspends, removes or readmits a partner, at once.

        Raises:
            RefusedError: there is no such partner.
        """
        with self._lock:
            if address not in self._directory.partners().by_address:
                raise RefusedError(Code.NOT_YOURS)
            self._set_state(address, state)
            return self._directory.partners().by_address[address]

    def revoke(self, fingerprint: bytes, oin: str | None) -> None:
        """Revokes the certificate of this SHA-256, at once and for good; `oin`: whom it names, when that is known.

        Raises:
            StoreError: it can't be kept, and so is not revoked.
        """
        with self._lock:
            self.log.greatest.revoke(fingerprint, Revoked(day_of(self.store.now()), oin))

    def revoked(self) -> Mapping[bytes, Revoked]:
        """The revoked certificates, by their SHA-256; another object after each change."""
        return self.log.greatest.kept.revoked

    def _set_state(self, address: str, state: str) -> None:
        partners = self._directory.partners()
        known = partners.by_address.get(address)
        if known is not None and known.state == state:
            self.log.greatest.admit(address)  # what a crash has left undone, or another machine has done
            self.log.greatest.bar(address, None if state == ADMITTED else state)
            return
        number = len(partners.by_number) + 1 if known is None else known.number
        step = accession.state_step(address, state, number, known is None, self.store.now(), self._random)
        self.log.greatest.admit(address)
        # A crash here: a recovery would wait for it, and the operator says that it will not return.
        if state != ADMITTED:
            step.confirmed.append(number)  # in a recovery nobody waits for it
            self.log.greatest.bar(address, state)
        # A crash here: it is barred after a recovery, and until the command is repeated nowhere else.
        self._commit(step)
        # From here on every decision sees it. A crash here: the command is repeated and changes nothing.
        if state == ADMITTED:
            self.log.greatest.bar(address, None)
        self.log.keep_head()
        # And known outside the store: a copy that lacks it is not taken for one that has it.
