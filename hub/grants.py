# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Facts about grants: who may register, who may stop, what a fact changes.  Pure.

Opening is narrow: only an admitted address, with a valid key, registers handles of grants in which it is the sender
itself, for this month, from the 20th also the next, and the handle of a grant's last month at any time until 12
months after its end (so that a retraction always finds one).  Stopping is wide: any admitted address that knows a
handle; it is never refused for date or order, counts from receipt and repeats harmlessly.  Nothing stopped ever opens again: the
registration of a handle that was stopped before is born stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from consent.rules import RuleTable
from hub.client import FactAnswer
from hub.delivery import spread
from hub.pipeline import forget_day
from hub.registry import Partner, Partners
from hub.store import GrantRow, Notify, Step, StopRow, Tell
from schemas import entry
from schemas.calendar import day_of, first_day, last_day, month_of
from schemas.canonical import FrameError
from schemas.codes import Code
from schemas.fact import REGISTER, STOP, Fact, Register, Stop, parse_fact
from schemas.signing import SignatureError, Verifier

NEXT_MONTH_FROM = 20  # day of the month
STUB_DAYS = 366
KNOWN_AFTER_MONTH = 9  # days
_CLOCKS_DIFFER = 1  # days between the date of a registration and ours


@dataclass(slots=True)
class KnownGrants:
    """What the store knows of the handles in a fact."""

    partners: Partners
    grants: Mapping[bytes, GrantRow]
    stops: Sequence[StopRow]
    day: int
    now: int
    vocabulary: frozenset[str]


def vocabulary_of(table: RuleTable) -> frozenset[str]:
    """The categories that a table knows.  A registration names no other: free text can't reach the log through it."""
    asked = {name for question in table.permitted for name in question[4]}
    return frozenset(asked | {name for row in table.rows.values() for name in row.categories})


def check_fact(raw: bytes, via: str, partners: Partners, day: int, verifier: Verifier) -> Fact | Code:
    """Form, signer and signature of the fact that came over the connection of address `via`."""
    try:
        fact = parse_fact(raw)
    except FrameError as error:
        return Code.TOO_LARGE if error.keyword == "size" else Code.MALFORMED
    if fact.signer != via:
        return Code.NOT_THE_SENDER if isinstance(fact.body, Register) else Code.NOT_YOURS
    signer = partners.by_address.get(via)
    if signer is None or partners.admitted(signer.number) is None:
        return Code.UNKNOWN_SENDER
    # A stop counts with any key of the signer that is not revoked: it must not wait for a new manifest.
    key = signer.signing.get(fact.key_id) if isinstance(fact.body, Stop) else signer.signs_with(fact.key_id, day)
    if key is None:
        return Code.KEY_NOT_VALID
    try:
        verifier.verify(fact.signed, fact.signature, key.public)
    except SignatureError:
        return Code.BAD_SIGNATURE
    return fact


def register(fact: Fact, body: Register, known: KnownGrants, random: Callable[[int], bytes]) -> tuple[Step, FactAnswer]:
    """The step for a registration, empty when it changes nothing, and its answer."""
    step = Step(at=known.now)
    signer, recipient = known.partners.by_address[fact.signer], known.partners.by_address.get(body.recipient)
    if recipient is None or recipient.number == signer.number:
        return step, FactAnswer(Code.NO_RECIPIENT)
    if not known.vocabulary.issuperset(body.categories):
        return step, FactAnswer(Code.NOT_PERMITTED_HERE)
    stopped = [row for row in known.stops if row.handle == body.handle and known.day <= row.forget]
    by_other = any(row.signer != signer.number for row in stopped)
    grant = _new_row(body, signer, recipient, stopped=bool(stopped))
    grant = grant._replace(forget=forget_day(grant, known.day, newer=False))
    before = known.grants.get(body.handle)
    if before is not None:
        same = _terms(before) == _terms(grant)
        return step, FactAnswer(Code.IN_FORCE if same else Code.HANDLE_TAKEN, by_other and same)
    if not _of_its_day(fact, body, known.day):
        return step, FactAnswer(Code.WRONG_DAY)
    step.rests_on_grants.append((body.handle, 0))
    _account(step, fact, signer, recipient, random)
    step.registers.append(grant)
    step.notifies.append(Notify(recipient.number, 0, REGISTER, (body.handle,), fact.raw))
    if stopped:  # the stop came when no handle was there to tell the recipient by
        step.notifies.append(Notify(recipient.number, spread(known.now, random), STOP, (body.handle,), None))
    return step, FactAnswer(Code.IN_FORCE, by_other)


def stop(fact: Fact, body: Stop, known: KnownGrants, random: Callable[[int], bytes]) -> tuple[Step, FactAnswer]:
    """The step for a stop, empty when this signer said so before, and its answer."""
    step = Step(at=known.now)
    signer = known.partners.by_address[fact.signer]
    by_other = any(row.signer != signer.number for row in known.stops)
    said = {row.handle for row in known.stops if row.signer == signer.number}
    if said >= {handle for _, handle in body.handles}:
        return step, FactAnswer(Code.IN_FORCE, by_other)
    present = [known.grants[handle] for _, handle in body.handles if handle in known.grants]
    newest = {grant[1:3]: grant.month for grant in sorted(present, key=lambda grant: grant.month)}
    for month, handle in body.handles:
        forget = last_day(month) + KNOWN_AFTER_MONTH
        grant = known.grants.get(handle)
        step.rests_on_grants.append((handle, 0 if grant is None else grant.version))
        if grant is not None:
            stopped = grant._replace(stopped=True)
            # Only the last handle of an ended grant leaves a stub; one that is a stub already stays as it is.
            forget = (
                grant.forget
                if grant.stopped
                else forget_day(stopped, known.day, newer=grant.month < newest[grant[1:3]])
            )
            if not grant.stopped:
                step.stops.append((handle, grant.version, forget))
        step.stop_rows.append(StopRow(handle, signer.number, month, max(forget, known.day)))
    _account(step, fact, signer, None, random)
    fresh = [grant for grant in present if not grant.stopped]
    for number in sorted({grant.recipient for grant in present}):
        handles = tuple(grant.handle for grant in present if grant.recipient == number)
        step.notifies.append(Notify(number, spread(known.now, random), STOP, handles, None))
    # One line per handle: who signs a stop may name handles of several grants, and each must freeze its own line.
    told = [grant for grant in fresh or present if grant.sender != signer.number]
    step.tells += [Tell(one.sender, spread(known.now, random), Code.STOPPED, handle=one.handle) for one in told]
    return step, FactAnswer(Code.IN_FORCE, by_other)


def _account(
    step: Step, fact: Fact, signer: Partner, recipient: Partner | None, random: Callable[[int], bytes]
) -> None:
    to = None if recipient is None else recipient.number
    step.facts.append((len(step.entries), signer.number, to, fact.raw))
    step.entries.append(entry.committed(entry.fact(day_of(step.at), fact.raw), random(32)))
    for partner in (signer, recipient):
        if partner is not None:
            step.rests_on_addresses[partner.number] = partner.version


def _of_its_day(fact: Fact, body: Register, day: int) -> bool:
    if body.end is not None and month_of(body.end) != body.month:
        return False
    if abs(fact.day - day) > _CLOCKS_DIFFER:
        return False
    this = month_of(day)
    if body.month == this or (body.month == this + 1 and day - first_day(this) + 1 >= NEXT_MONTH_FROM):
        return True
    return body.end is not None and day <= body.end + STUB_DAYS


def _new_row(body: Register, signer: Partner, recipient: Partner, *, stopped: bool) -> GrantRow:
    return GrantRow(
        body.handle,
        signer.number,
        recipient.number,
        body.month,
        body.end,
        body.row,
        body.ground,
        body.categories,
        body.terms_hash,
        stopped,
        version=1,
        last=0,
        held_until=0,
        forget=0,
    )


def _terms(grant: GrantRow) -> tuple[object, ...]:
    return grant[:9]
