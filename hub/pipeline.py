# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The pipeline: a batch of bytes, what the store knows about it, and a time in; a `Step` out.  Pure.

The steps of an envelope, each refusing with its own code (architecture.md section 3):

1. parse strictly: canonical frame, within size limits         `malformed`, `too-large`
2. the sender is an admitted address, its key valid today      `not-yours`, `unknown-sender`, `key-not-valid`
3. the signature covers header, box and list                   `bad-signature`
4. the id is new; per handle the sequence strictly rises       stored outcome, `id-reused`, `replayed`
5. the grant is active, its addresses and terms match, both    `not-active`, `month-over`, `not-permitted-here`,
   tables permit, the parts are exactly its categories, the    `wrong-terms`, `wrong-parts`, `old-recipient-key`,
   recipient is there and its key is of today                  `no-recipient`
6. queue for the recipient, write the entry, use up the number: one step of the store, all or none

What is refused at 1 to 3 is answered and counted, and stores nothing.  4 and 5 are the *decision*: it rests on the
grant and on both addresses as the store had them (`Stale` otherwise), depends on the calendar day and on nothing
else of the time, and is recomputed by `hub.audit.replay` from the entries before its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent.decide import Moment, Registered, Verdict, decide
from hub.registry import ADMITTED, Partner, Partners
from hub.store import GrantRow, Join, Refused, Step, Stored, Tell, Use
from schemas.calendar import last_day
from schemas.canonical import FrameError, decode_array
from schemas.codes import Code
from schemas.entry import ACCEPT, committed
from schemas.envelope import CONTROL, Envelope, parse
from schemas.signing import SignatureError, Verifier

WAITS_AT_MOST_MS = 7 * 86_400_000
_ACCEPT_LENGTH = 18  # items in the record of an acceptance
_NONCE = bytes(12)  # each key is used once
_VERDICTS = {
    Verdict.PERMIT: Code.ACCEPTED,
    Verdict.NOT_ACTIVE: Code.NOT_ACTIVE,
    Verdict.MONTH_OVER: Code.MONTH_OVER,
    Verdict.NOT_PERMITTED: Code.NOT_PERMITTED_HERE,
}


class Question(NamedTuple):
    """What a decision is asked about; it stands in the entry of the acceptance, so it can be asked again."""

    retraction: bool
    handle: bytes
    sequence: int
    sender: int
    recipient: int
    sign_key: str
    seal_key: str
    names: tuple[str, ...]
    terms: bytes


@dataclass(slots=True)
class Known:
    """What the store knows about a batch.  `step` works on copies of what changes within it."""

    partners: Partners
    grants: dict[bytes, GrantRow]
    stored: dict[bytes, Stored]
    newest_fact: int
    day: int


@dataclass(slots=True)
class Decided:
    """A batch that was decided: the step to commit, and per envelope what to answer."""

    step: Step
    answers: list[Code]


def keys_of(via: str, partners: Partners, day: int) -> dict[str, bytes] | None:
    """The public keys by which an admitted address signs on `day`, by name; None when it is not admitted."""
    sender = partners.by_address.get(via)
    if sender is None or sender.state != ADMITTED:
        return None
    valid = {name: sender.signs_with(name, day) for name in sender.signing}
    return {name: key.public for name, key in valid.items() if key is not None}


def check(raw: bytes, via: str, keys: Mapping[str, bytes] | None, verifier: Verifier) -> Envelope | Code:
    """Steps 1 to 3 for the bytes that came over the connection of address `via`, whose keys are `keys_of`."""
    # (1) canonical frame, size
    try:
        envelope = parse(raw)
    except FrameError as error:
        return Code.TOO_LARGE if error.keyword == "size" else Code.MALFORMED
    # (2) a registered address, over its own connection, with a key of today
    if envelope.source != via:
        return Code.NOT_YOURS
    if keys is None:
        return Code.UNKNOWN_SENDER
    key = keys.get(envelope.sign_key)
    if key is None:
        return Code.KEY_NOT_VALID
    # (3) the signature
    try:
        verifier.verify(envelope.signed(), envelope.signature, key)
    except SignatureError:
        return Code.BAD_SIGNATURE
    return envelope


def judge(question: Question, grant: GrantRow | None, partners: Partners, day: int, moment: Moment) -> Code:
    """Steps 2 and 5, at acceptance and again at pick-up: `accepted`, or the code of the refusal.

    Step 2 is asked again at acceptance too: the sender may have been suspended, or its key revoked, since the bytes
    were checked.  At pick-up what can't change is not asked: terms, parts and the recipient's key, which was of the
    day; and of the sender's key only whether it was revoked.
    """
    if moment is Moment.ACCEPT:
        code = _sends(partners.by_number[question.sender], question.sign_key, day)
        if code is not Code.ACCEPTED:
            return code
    if grant is None or not _known(grant, question, day):
        return Code.NOT_ACTIVE
    sender, recipient = partners.by_number[grant.sender], partners.by_number[grant.recipient]
    if not question.retraction:
        code = _VERDICTS[decide((sender.table, recipient.table), registered(grant, sender, recipient), day, moment)]
        if code is not Code.ACCEPTED:
            return code
    if moment is Moment.PICKUP:
        return _still_valid(question, sender)
    if not question.retraction:
        if question.terms != grant.terms_hash:
            return Code.WRONG_TERMS
        if question.names != _names(grant.categories):
            return Code.WRONG_PARTS
    if recipient.state != ADMITTED:
        return Code.NO_RECIPIENT
    return Code.ACCEPTED if recipient.opens_with(question.seal_key, day) else Code.OLD_RECIPIENT_KEY


def registered(grant: GrantRow, sender: Partner, recipient: Partner) -> Registered:
    """The grant as `consent.decide` asks for it."""
    return Registered(
        sender.address,
        recipient.address,
        grant.month,
        grant.end,
        grant.row,
        grant.ground,
        grant.categories,
        grant.stopped,
    )


def step(envelopes: Iterable[Envelope], known: Known, now: int, random: Callable[[int], bytes]) -> Decided:
    """Steps 4 to 6 for envelopes that passed 1 to 3, in the order in which they came."""
    result = Step(at=now)
    used: dict[bytes, Use] = {}
    answers = [_one(envelope, known, result, used, random) for envelope in envelopes]
    result.uses = list(used.values())
    return Decided(result, answers)


def _one(
    envelope: Envelope, known: Known, result: Step, used: dict[bytes, Use], random: Callable[[int], bytes]
) -> Code:
    by_address = known.partners.by_address
    sender, recipient = by_address[envelope.source], by_address.get(envelope.recipient)
    grant = known.grants.get(envelope.handle)
    question = Question(
        envelope.retraction,
        envelope.handle,
        envelope.sequence,
        sender.number,
        0 if recipient is None else recipient.number,
        envelope.sign_key,
        envelope.seal_key,
        envelope.names,
        envelope.terms,
    )
    # (4) seen before, or out of order.  Only an active row of these two addresses can have a number used up.
    before = known.stored.get(envelope.message_id)
    if before is not None and before.sha == envelope.sha:
        return before.code
    if before is not None:
        code = Code.ID_REUSED
    else:
        counted = grant if is_counted(question, grant, known.day) else None
        use = used.get(envelope.handle)
        if counted is not None and envelope.sequence <= (counted.last if use is None else use.new):
            code = Code.REPLAYED
        else:
            # (5) the decision
            code = judge(question, grant, known.partners, known.day, Moment.ACCEPT)
            if counted is not None:
                used[envelope.handle] = Use(envelope.handle, counted.version, counted.last, envelope.sequence)
    # (6) what the decision rests on, its entry, its outcome and, when accepted, its place in the queue
    result.rests_on_grants.append((envelope.handle, 0 if grant is None else grant.version))
    for partner in (sender, recipient):
        if partner is not None:
            result.rests_on_addresses[partner.number] = partner.version
    tables = [sender.table.hash, None if recipient is None else recipient.table.hash]
    record = [1, known.day, ACCEPT, envelope.message_id, envelope.sha, *question[:7], list(question.names)]
    record += [question.terms, None if grant is None else grant.row, tables, known.newest_fact, code.value]
    place = len(result.entries)
    result.entries.append(committed(record, random(32)))
    if code is Code.ACCEPTED:
        key = random(32)
        wrapped = AESGCM(key).encrypt(_NONCE, envelope.raw, None)
        due = result.at + WAITS_AT_MOST_MS
        result.joins.append(
            Join(
                envelope.message_id,
                envelope.sha,
                sender.number,
                question.recipient,
                envelope.handle,
                place,
                result.at,
                due,
                wrapped,
                key,
            )
        )
    elif code is not Code.ID_REUSED:  # the outcome of an id is that of the envelope which had it first
        result.refused.append(
            Refused(envelope.message_id, envelope.sha, sender.number, question.recipient, place, code)
        )
    if code is not Code.ID_REUSED:
        known.stored[envelope.message_id] = Stored(envelope.sha, sender.number, question.recipient, -1, code)
        result.tells.append(Tell(sender.number, 0, code, envelope.message_id))
        return Code.TAKEN
    return code


def is_counted(question: Question, grant: GrantRow | None, day: int) -> bool:
    """Whether the question uses up a number: an envelope between the addresses of a row that is there."""
    return grant is not None and not question.retraction and _known(grant, question, day)


def _known(grant: GrantRow, question: Question, day: int) -> bool:
    """Whether the row is still there on `day` and is between these two addresses.

    A row that was neither stopped nor ended is gone when its month and nine days are over, a stub when its day is.
    """
    return grant.sender == question.sender and grant.recipient == question.recipient and day <= grant.forget


def forget_day(grant: GrantRow, day: int, newer: bool) -> int:
    """The last day on which a row counts.

    Only the last handle of an ended grant leaves a stub, for 12 months after the end (architecture.md section 10).
    """
    if newer or (grant.end is None and not grant.stopped):
        return last_day(grant.month) + 9
    ended = [last for last in (day if grant.stopped else None, grant.end) if last is not None]
    return min(ended) + 366


def _sends(sender: Partner, sign_key: str, day: int) -> Code:
    if sender.state != ADMITTED:
        return Code.UNKNOWN_SENDER
    return Code.KEY_NOT_VALID if sender.signs_with(sign_key, day) is None else Code.ACCEPTED


def _still_valid(question: Question, sender: Partner) -> Code:
    if sender.state != ADMITTED:
        return Code.UNKNOWN_SENDER
    return Code.ACCEPTED if question.sign_key in sender.signing else Code.KEY_NOT_VALID


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}


def _names(categories: tuple[str, ...]) -> tuple[str, ...]:
    names = _NAMES.get(categories)
    if names is None:
        names = _NAMES[categories] = tuple(sorted((CONTROL, *categories)))
    return names


def code_of(record: bytes) -> Code:
    """What was decided, from the record of an acceptance."""
    return Code(str(decode_array(record, _ACCEPT_LENGTH)[-1]))


def question_of(record: list[object]) -> Question:
    """The question in the record of an acceptance, decoded."""
    retraction, handle, sequence, sender, recipient, sign_key, seal_key, names, terms = record[5:14]
    return Question(
        retraction,  # type: ignore[arg-type]  # our own records
        handle,  # type: ignore[arg-type]
        sequence,  # type: ignore[arg-type]
        sender,  # type: ignore[arg-type]
        recipient,  # type: ignore[arg-type]
        sign_key,  # type: ignore[arg-type]
        seal_key,  # type: ignore[arg-type]
        tuple(names),  # type: ignore[arg-type]
        terms,  # type: ignore[arg-type]
    )
