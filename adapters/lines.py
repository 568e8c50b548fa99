# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Grants in which this edge is the sender, and their lines: make, renew, register month by month, stop, freeze.

A line is all grants about one client for one recipient and purpose. Guarantees:
- at most one grant of a line is used: the newest; an older one ends when the newer is introduced and nothing is under
  way under the older, or at once when the newer ends earlier;
- what was stopped never opens again; after a stop by another address the whole line waits for a person;
- a stop counts here from the moment it is decided, whether or not the hub can be reached, and is sent until it counts
  there too;
- nothing is made against a refusal, and nothing automatic in a line that waits for a person;
- where the row introduces by code, a grant has a code of its own, or goes on from one whose code was typed and under which
  something may still be told; a new code makes every older one of its line void.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.code import CODE_DAYS, OneTimeCode
from adapters.records_incoming import HALTED, Halted
from adapters.records_outgoing import (
    ACTIVE,
    AUTOMATIC_REFUSED,
    CLIENTS,
    DONE,
    EVENT,
    FACTS,
    FINAL,
    FROZEN,
    GRANTS,
    HANDLES,
    INTRODUCTION,
    ITEMS,
    NOT_SHARED,
    ORDERS,
    REPLACED,
    RETRACTION,
    STOPPED,
    STOPPING,
    WAITING,
    Fact,
    Grant,
    Handle,
    Item,
    Order,
)
from adapters.records_own import move, place
from adapters.records_people import CONSENTS
from adapters.refusals import CLOSED, agreed_anew, is_refused
from adapters.shelf import Reads, changed
from adapters.spread import batch_limit, shuffled
from adapters.store import Transaction
from adapters.withdrawals import withdraw
from adapters.workplace import Workplace
from consent.decide import lawful
from consent.grant import (
    CodeProof,
    GrantTerms,
    bsn_record,
    code_record,
    commitment,
    end_in_month,
    handle,
    terms_hash,
)
from consent.precedence import REVOCABLE
from consent.rules import Row
from schemas.calendar import month_of
from schemas.codes import Code
from schemas.fact import Register, Stop, sign_facts
from schemas.registry import Fault
from schemas.signing import MOST_TOGETHER, SigningKey

CODE: Final = "code"  # the way of introduction, in a row
RENEWAL: Final = "renewal"
LINE_HELD: Final = "line-held"
RECALL_DAYS: Final = 366  # a retraction passes this long after the end
_BLOCKED: Final = (STOPPING, STOPPED, FROZEN)


class NotLawfulError(ValueError):
    """The rule table has no room for this grant; names the places and rules, never a person."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path} {fault.keyword}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Wish:
    """A grant that should be there.

    `code` is used when its row introduces by code and nothing goes before that the recipient knows.
    """

    client: str
    recipient: str
    row: Row
    ground: str
    categories: tuple[str, ...]
    end: int
    source: str | None
    automatic: bool
    consent: str | None = None
    code: OneTimeCode | None = None


# -- rules -------------------------------------------------------------------------------------------------------


def line_name(client: str, recipient: str, row: Row) -> str:
    """The name of a line."""
    return f"{client}/{recipient}/{row.purpose}/{row.law}"


def is_live(grant: Grant, today: int) -> bool:
    """Whether anything but a retraction may be told under it today."""
    return grant.state == ACTIVE and today <= grant.end


def terms_of(grant: Grant, sender: str) -> GrantTerms:
    """Its terms."""
    return GrantTerms(
        sender,
        grant.recipient,
        grant.row,
        grant.ground,
        grant.categories,
        grant.begin,
        grant.end,
        grant.purpose,
        grant.law,
    )


def code_of(grant: Grant) -> CodeProof:
    """What introduces a grant by code."""
    return CodeProof(grant.proof or None, grant.code_until, grant.tie or None)


def registration(grant: Grant, sender: str, bsn: str | None, month: int) -> Register:
    """What the hub is given for one month. `bsn`: of the client, needed unless it is introduced by code."""
    terms = terms_of(grant, sender)
    if grant.by_code:
        record = code_record(terms, code_of(grant), grant.salt, grant.source)
    elif bsn is None:
        raise LookupError("a grant was made for a client without a BSN")
    else:
        record = bsn_record(terms, bsn, grant.salt, grant.source)
    return Register(
        month=month,
        handle=handle(grant.secret, month),
        end=end_in_month(terms, month),
        recipient=grant.recipient,
        row=grant.row,
        ground=grant.ground,
        categories=grant.categories,
        terms_hash=terms_hash(terms, grant.secret, month),
        commitment=commitment(record, grant.secret, month),
    )


def handles_to_stop(secret: bytes, end: int, today: int) -> Stop:
    """Every handle from last month to the end of the terms: also what waits, and what is registered next."""
    this = month_of(today)
    return Stop(tuple((month, handle(secret, month)) for month in range(this - 1, max(month_of(end), this) + 1)))


# -- looking -----------------------------------------------------------------------------------------------------


def newest(reads: Reads, line: str, states: Sequence[str] = (ACTIVE,)) -> Grant | None:
    """The newest grant of a line in one of these states."""
    found = [grant for grant in GRANTS.find(reads, "line", line.encode()) if grant.state in states]
    return found[-1] if found else None


def is_open(reads: Reads, line: str, today: int) -> bool:
    """Whether anything but a retraction may be told in a line today."""
    there = newest(reads, line)
    return there is not None and is_live(there, today)


def unheard_introductions(reads: Reads) -> list[Item]:
    """Introductions by code that the recipient has, as far as was heard, and whose code was not typed, as far as was heard."""
    return [
        item
        for state in ("open", "renews")
        for grant in GRANTS.scan(reads, state)
        if grant.by_code and not grant.introduced
        for item in ITEMS.find(reads, "grant_made", grant.id.encode())
        if item.kind == INTRODUCTION and item.final == DONE
    ]


def chain(reads: Reads, grant: Grant) -> list[Grant]:
    """This grant, the one it renews, and so on to the first of its line."""
    found = [grant]
    while (before := found[-1].renews) is not None:
        found.append(GRANTS.need(reads, before.encode()))
    return found


# -- changing ----------------------------------------------------------------------------------------------------


def make(tx: Transaction, work: Workplace, wish: Wish) -> Grant | None:
    """The grant that gives what is wished: a new one, or the one that does so already.

    None against a refusal, when it may not be made by itself, or without a BSN where the row introduces by one. By code nothing is made by
    itself but what goes on from a grant that the recipient knows; what a person makes waits for a code to be printed.

    Raises:
        NotLawfulError: the rule table does not allow it.
    """
    line = line_name(wish.client, wish.recipient, wish.row)
    old = newest(tx, line)
    if not wish.automatic and wish.ground in REVOCABLE:
        agreed_anew(tx, wish.client, wish.recipient, wish.row.id, work.now)
    if is_refused(tx, wish.client, wish.recipient, wish.row) or (wish.automatic and _waits_for_a_person(tx, line)):
        return None
    if old is not None and (old.end, old.categories, old.ground) == (wish.end, wish.categories, wish.ground):
        return old
    grant = _new(tx, work, wish, old or newest(tx, line, (*_BLOCKED, REPLACED)))
    if wish.row.introduction == CODE:
        before = old if old is not None and is_live(old, work.today) and _is_known(old) else None
        if wish.automatic and before is None and wish.code is None:
            return None
        if before is not None:
            grant = _by_code(work, grant, before.secret, None)
        else:
            grant = _by_code(work, grant, b"" if wish.code is None else _last_there(tx, old), wish.code)
    elif CLIENTS.need(tx, wish.client.encode()).bsn is None:
        return None
    faults = lawful(work.rules, terms_of(grant, work.address), wish.row.introduction)
    if faults:
        raise NotLawfulError(faults)
    if not wish.automatic:
        _settle(tx, line)
    GRANTS.put(tx, grant)
    _introduce(tx, work, grant)
    if old is not None:
        _renew(tx, work, old, grant)
    return grant


def _waits_for_a_person(tx: Transaction, line: str) -> bool:
    """Whether the line is held; or a person let its end stand, and no person has made a grant in it since."""
    grants = GRANTS.find(tx, "line", line.encode())
    return any(grant.state == FROZEN for grant in grants) or any(
        grant.noted and grant.state == STOPPED for grant in grants[-1:]
    )


def _new(tx: Transaction, work: Workplace, wish: Wish, before: Grant | None) -> Grant:
    now = work.now
    return Grant(
        id=work.id(),
        line=line_name(wish.client, wish.recipient, wish.row),
        client=wish.client,
        recipient=wish.recipient,
        row=wish.row.id,
        ground=wish.ground,
        categories=wish.categories,
        purpose=wish.row.purpose,
        law=wish.row.law,
        begin=work.today,
        end=wish.end,
        made_at=now,
        begun_at=now if before is None else chain(tx, before)[-1].made_at,
        secret=work.random(32),
        salt=work.random(32),
        source=wish.source,
        automatic=wish.automatic,
        renews=None if before is None else before.id,
        consent=wish.consent,
    )


def _by_code(work: Workplace, new: Grant, tie: bytes, code: OneTimeCode | None) -> Grant:
    """A grant that is introduced by a code of its own, or else by going on from the one whose secret is `tie`.

    With a code it names the one before as well, whose own code is void then.
    """
    proof, until = (b"", None) if code is None else (code.proof(new.salt), min(work.today + CODE_DAYS, new.end))
    return replace(new, by_code=True, tie=tie, proof=proof, code_until=until)


def _last_there(reads: Reads, grant: Grant | None) -> bytes:
    """The secret of the newest grant that the recipient may have, from this one on back: what never left is not there."""
    if grant is None:
        return b""
    items = ITEMS.find(reads, "grant_made", grant.id.encode())
    return grant.secret if any(item.kind == INTRODUCTION and item.told for item in items) else grant.tie


def _is_known(grant: Grant) -> bool:
    """Whether the recipient knows, or will by itself, whom a grant by code is about."""
    return grant.introduced or bool(grant.tie and not grant.proof)


def _settle(tx: Transaction, line: str) -> None:
    """A person has looked at the line: what was frozen is over."""
    for grant in GRANTS.find(tx, "line", line.encode()):
        if grant.state == FROZEN:
            GRANTS.put(tx, replace(grant, state=STOPPED))


def _renew(tx: Transaction, work: Workplace, old: Grant, new: Grant) -> None:
    """No grant is narrowed: whatever ends later than the new one stops at once, and the new one goes on from there."""
    GRANTS.put(tx, replace(old, next=new.id))
    for grant in chain(tx, GRANTS.need(tx, old.id.encode())):
        narrower = new.end < grant.end or not set(grant.categories) <= set(new.categories)
        void = new.by_code and not (new.tie and not new.proof)  # the code of an older one can't be typed any more
        if grant.state == ACTIVE and (narrower or void):
            stop_own(tx, work, replace(grant, next=new.id))


def _introduce(tx: Transaction, work: Workplace, grant: Grant) -> None:
    """Put its introduction in the outbox; what a person made without a code waits for one to be printed."""
    if not grant.by_code or grant.proof or grant.tie:
        add_item(tx, _introduction(work, grant))


def _introduction(work: Workplace, grant: Grant) -> Item:
    now = work.now
    return Item(
        number=0,
        kind=INTRODUCTION,
        event_id=work.random(16),
        grant=grant.id,
        line=grant.line,
        client=grant.client,
        identity=b"",
        day=work.today,
        parts=(),
        made_at=now,
        release_at=work.release_moment(grant.end),  # it is registered then too: facts of one agreement are as far apart
    )


def add_item(tx: Transaction, item: Item) -> Item:
    """Put something in the outbox, at its end."""
    return ITEMS.put(tx, replace(item, number=next_number(tx)))


def next_number(tx: Transaction) -> int:
    """The number of what is put in the outbox next, at its end; it is given once."""
    here = place(tx)
    move(tx, changed(here, items=here.items + 1))
    return here.items + 1


def begin_anew(tx: Transaction, work: Workplace, old: Grant, code: OneTimeCode | None = None) -> Grant:
    """The same grant once more under a new secret, when this edge no longer knows what became of the old one.

    Nothing of the old one is used again, so no number and no answer of the time that was lost can be mistaken. By code it
    goes on from the old one; while this edge has not heard that its code was typed, the code stays what it was. With
    another `code` the old one is void, and the recipient does not take it to be about the same client.
    """
    new = replace(
        old,
        id=work.id(),
        begin=work.today,
        made_at=work.now,
        secret=work.random(32),
        salt=work.random(32),
        renews=old.id,
        introduced=False,
    )
    if code is not None:
        new = _by_code(work, new, _last_there(tx, old), code)
    elif old.by_code and old.introduced:
        new = _by_code(work, new, old.secret, None)
    elif old.proof or old.tie:
        new = replace(new, salt=old.salt, tie=old.secret)
    GRANTS.put(tx, new)
    consented = None if old.consent is None else CONSENTS.get(tx, old.consent.encode())
    if consented is not None:
        CONSENTS.put(tx, replace(consented, grants=(*consented.grants, new.id)))
    _introduce(tx, work, new)
    stop_own(tx, work, replace(old, next=new.id))
    return new


def stop_own(tx: Transaction, work: Workplace, grant: Grant) -> None:
    """Our own renewal replaces this grant."""
    GRANTS.put(tx, replace(grant, state=STOPPING))
    _order(tx, work, grant, RENEWAL)


def end_grant(tx: Transaction, work: Workplace, grant: Grant, why: str) -> None:
    """A person ends it: nothing leaves under it from this commit on, except retractions."""
    GRANTS.put(tx, replace(grant, state=STOPPING if grant.state == ACTIVE else grant.state))
    drop(tx, grant, asks=why == CLOSED)  # what has not left yet is not told; where nobody refused it, a person hears so
    _order(tx, work, grant, why)


def stopped_by_other(tx: Transaction, work: Workplace, grant: Grant) -> None:
    """Another address stopped this grant: the whole line waits for a person, in whatever state this one was; what the citizen agreed
    to in it is withdrawn."""
    if grant.noted:
        return
    GRANTS.put(tx, replace(grant, state=FROZEN, noted=True))
    drop(tx, grant, asks=True)
    freeze(tx, work, grant.line)
    withdraw(tx, work, grant.client, grant.recipient, grant.row, elsewhere=True)


def freeze(tx: Transaction, work: Workplace, line: str) -> None:
    """Everything open in the line is stopped and waits for a person."""
    for grant in GRANTS.find(tx, "line", line.encode()):
        if grant.state == ACTIVE:
            GRANTS.put(tx, replace(grant, state=FROZEN))
            drop(tx, grant, asks=True)
            _order(tx, work, grant, LINE_HELD)


def drop(tx: Transaction, grant: Grant, *, asks: bool) -> None:
    """What still waits under a grant that is over is never sent later by itself; retractions are."""
    for item in ITEMS.find(tx, "grant_made", grant.id.encode()):
        if item.state == WAITING and item.kind != RETRACTION:
            ITEMS.put(tx, replace(item, state=FINAL, final=NOT_SHARED, asks=asks and item.kind == EVENT))


def stop_answered(tx: Transaction, work: Workplace, order: Order, *, by_other: bool) -> None:
    """The stop is in force at the hub; its answer says whether another address had stopped the grant before."""
    grant = GRANTS.need(tx, (order.grant or "").encode())
    if by_other and not grant.noted:
        GRANTS.put(tx, replace(grant, state=FROZEN, noted=True))
        drop(tx, grant, asks=order.why == RENEWAL)
        freeze(tx, work, grant.line)
        withdraw(tx, work, grant.client, grant.recipient, grant.row, elsewhere=True)
    elif grant.state != STOPPING:
        return
    elif order.why == RENEWAL:
        GRANTS.put(tx, replace(grant, state=REPLACED, ours=True))
        for item in ITEMS.find(tx, "grant_made", grant.id.encode()):
            if item.state == WAITING and item.kind == EVENT and grant.next is not None:
                ITEMS.put(tx, replace(item, grant=grant.next))
    else:
        GRANTS.put(tx, replace(grant, state=STOPPED))


def _order(tx: Transaction, work: Workplace, grant: Grant, why: str) -> None:
    ORDERS.put(tx, Order(work.id(), grant.secret, grant.end, why, grant.id, None, work.now))


# -- at the hub --------------------------------------------------------------------------------------------------


def due_stops(work: Workplace) -> list[Order]:
    """The stops that must reach the hub now: each of them at once, whatever the clock showed when it was decided; only
    the one against an automatic grant waits for its minute."""
    now = work.now
    return [one for one in ORDERS.scan(work.store, "due") if one.why != AUTOMATIC_REFUSED or one.due <= now]


async def send_stops(work: Workplace, key: SigningKey) -> int:
    """Send every stop that is due, each alone, line by line in a random order; how many are in force now."""
    sent, by_line = 0, dict[str, list[Order]]()
    for order in due_stops(work):
        grant = None if order.grant is None else GRANTS.need(work.store, order.grant.encode())
        by_line.setdefault(order.id if grant is None else grant.line, []).append(order)
    for order in [one for orders in shuffled(by_line.values(), work.random) for one in orders]:
        await _let_the_hub_know(work, key, order)
        named = handles_to_stop(order.secret, order.end, work.today)
        frame = sign_facts(key, work.address, work.today, [named])[0]
        answer = (await work.ask("stop", work.client.facts, [frame]))[0]
        if answer.code is not Code.IN_FORCE:
            continue
        if order.why == RENEWAL and await _is_recovering(work):
            continue  # it counts, and who else had stopped it is known only when everybody has repeated
        older = await _stopped_before(work, order)
        by_other = answer.stopped_by_other or bool(older)
        with work.commit("stop") as tx:
            ORDERS.put(tx, replace(order, done=True, frame=frame, by_other=by_other))
            keep_facts(tx, [(frame, max(month_of(order.end), month_of(work.today)))])
            if order.grant is not None:
                stop_answered(tx, work, order, by_other=by_other)
            else:  # told by another: from here on the hub may hand over nothing under it
                for _, name in named.handles:
                    HALTED.put(tx, Halted(name, work.today))
            for grant in older:
                stopped_by_other(tx, work, GRANTS.need(tx, grant.id.encode()))
        # A crash before this commit: the stop is sent again, which repeats harmlessly and gets the same answer.
        sent += 1
    return sent


async def _let_the_hub_know(work: Workplace, key: SigningKey, order: Order) -> None:
    """Of what our own renewal replaces before it was ever registered the citizen has the stop code all the same: the hub
    tells us of a stop by it only when it knows whose handle it is."""
    if order.why != RENEWAL or order.grant is None or HANDLES.find(work.store, "grant_made", order.grant.encode()):
        return
    grant = GRANTS.need(work.store, order.grant.encode())
    if work.today <= grant.end:
        await _register_all(work, key, [(grant, month_of(work.today))])


async def _is_recovering(work: Workplace) -> bool:
    began = await work.ask("gate", work.client.recovery)
    return began is not None and not began.open


async def _stopped_before(work: Workplace, order: Order) -> list[Grant]:
    """Before a renewal takes over: the older grants of the chain that another address stopped meanwhile."""
    if order.why != RENEWAL or order.grant is None:
        return []
    return await _stopped_by_others(work, chain(work.store, GRANTS.need(work.store, order.grant.encode()))[1:])


async def may_be_introduced(work: Workplace, key: SigningKey, grant: Grant) -> bool:
    """Whether nobody else stopped what this grant renews by itself; otherwise the line waits for a person.

    The feed tells such a stop a working day later. What we ended ourselves is not stopped again when its renewal takes
    over, so no answer to a stop would tell it either.
    """
    if not grant.automatic or grant.renews is None:
        return True
    before = chain(work.store, grant)[1:]
    for one in before:
        # It ended while this edge was away, or we ended it ourselves: a stop that came since may stand against a handle that
        # the hub was never given, and is shown once it has that.
        month = min(month_of(one.end), month_of(work.today))
        over = one.state != ACTIVE or work.today > one.end
        if over and not one.noted and HANDLES.get(work.store, handle(one.secret, month)) is None:
            await register_again(work, key, one, month)
    older = await _stopped_by_others(work, before)
    if not older:
        return True
    with work.commit("renewal held") as tx:
        for one in older:
            stopped_by_other(tx, work, GRANTS.need(tx, one.id.encode()))
    # A crash before this commit: nothing was introduced, and it is asked again.
    return False


async def _stopped_by_others(work: Workplace, older: Sequence[Grant]) -> list[Grant]:
    """Those of our own grants that another address has stopped and nobody has acted upon."""
    ours = {
        known.handle: grant
        for grant in older
        if not grant.noted
        for known in HANDLES.find(work.store, "grant_made", grant.id.encode())
    }
    if not ours:
        return []
    states = await work.ask("handles", work.client.handles)
    found = {state.handle for state in states if state.stopped == "other"}
    return list({grant.id: grant for name, grant in ours.items() if name in found}.values())


async def register(work: Workplace, key: SigningKey, grant: Grant, month: int, name: bytes) -> bool:
    """Whether this month's handle, its name, is registered; does so, alone, when it is not."""
    known = HANDLES.get(work.store, name)
    if known is not None and not known.lost:
        return True
    return (await _register_all(work, key, [(grant, month)]))[0]


async def register_next(work: Workplace, key: SigningKey) -> int:
    """The next month's handles of the grants in today's batch, shuffled and signed together; how many were registered."""
    this, limit = month_of(work.today), batch_limit(work.today)
    if limit is None:
        return 0
    wanted = [
        (grant, this + 1)
        for grant in (*GRANTS.scan(work.store, "open"), *GRANTS.scan(work.store, "renews"))
        if this + 1 <= month_of(grant.end)
        and HANDLES.get(work.store, handle(grant.secret, this + 1)) is None
        # Its first handle waits for its introduction: in the days after a batch began, the next would stand beside it.
        and any(one.registered_on < limit for one in HANDLES.find(work.store, "grant_made", grant.id.encode()))
        and not is_refused(work.store, grant.client, grant.recipient, work.rules.rows.get(grant.row))
    ]
    wanted = shuffled(wanted, work.random)
    done = 0
    for start in range(0, len(wanted), MOST_TOGETHER):
        done += sum(await _register_all(work, key, wanted[start : start + MOST_TOGETHER]))
    return done


async def _register_all(work: Workplace, key: SigningKey, wanted: list[tuple[Grant, int]]) -> list[bool]:
    bodies = [_body(work, grant, month) for grant, month in wanted]
    frames = sign_facts(key, work.address, work.today, list(bodies))
    answers = await work.ask("register", work.client.facts, frames)
    with work.commit("register") as tx:
        for (grant, month), frame, answer in zip(wanted, frames, answers, strict=True):
            if answer.code is Code.IN_FORCE:
                _registered(tx, work, grant, month)
                keep_facts(tx, [(frame, month)])
            now = GRANTS.need(tx, grant.id.encode())
            if answer.stopped_by_other and now.state == ACTIVE:
                stopped_by_other(tx, work, now)
    # A crash before this commit: the same handle is registered again with the same terms, which changes nothing.
    return [answer.code is Code.IN_FORCE and not answer.stopped_by_other for answer in answers]


def _body(work: Workplace, grant: Grant, month: int) -> Register:
    bsn = CLIENTS.need(work.store, grant.client.encode()).bsn
    return registration(grant, work.address, bsn, month)


async def register_again(work: Workplace, key: SigningKey, grant: Grant, month: int) -> bool:
    """Register a handle of a grant that is over, so that a retraction finds it; a known one is registered again."""
    frame = sign_facts(key, work.address, work.today, [_body(work, grant, month)])[0]
    answer = (await work.ask("register again", work.client.facts, [frame]))[0]
    if answer.code is not Code.IN_FORCE:
        return False
    with work.commit("register again") as tx:
        _registered(tx, work, grant, month)
        keep_facts(tx, [(frame, month)])
    return True


def _registered(tx: Transaction, work: Workplace, grant: Grant, month: int) -> None:
    name = handle(grant.secret, month)
    known = HANDLES.get(tx, name) or Handle(name, grant.id, month, registered_on=work.today)
    HANDLES.put(tx, replace(known, lost=False))


def keep_facts(tx: Transaction, signed: Sequence[tuple[bytes, int]]) -> None:
    """Keep what was signed, so that it can be repeated to a hub that has lost it."""
    here = place(tx)
    for number, (frame, until) in enumerate(signed, here.facts + 1):
        FACTS.put(tx, Fact(number, frame, until))
    move(tx, replace(here, facts=here.facts + len(signed)))
