# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A client's data are destroyed on request (AVG art. 17), here and at everybody who was told.

In two steps, each one commit:

1. at once: what others told is destroyed, what we told is called back and its content destroyed, every line is stopped in both directions;
2. when every call and stop has arrived (looked at once a day): the lines, the outbox, the client and what is left of it.

Guarantees:
- what was destroyed is gone from the file of the store too, when `erase` or the day's cleaning returns;
- a call back needs the line under which was told, and the line needs the client: neither goes before the call has arrived;
- a refusal outlives it: while one stands, the client's number stays, for nothing else, since nobody could obey it otherwise; once
  the last is lifted or has had its term, the number goes at the next cleaning;
- a statutory task that still runs is not broken off by this unless a named person says that it is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters import kept_numbers, matters, polled, restore
from adapters.consent_words import declaration_key
from adapters.intake import Intake
from adapters.lines import RECALL_DAYS, end_grant, is_live
from adapters.looks import named
from adapters.records_incoming import AWAITED, INTRODUCTIONS, NOTICES, TOLD, Introduced, Told
from adapters.records_outgoing import (
    ACTIVE,
    CLIENTS,
    CLOSINGS,
    EVENT,
    FINAL,
    FROZEN,
    GRANTS,
    HANDLES,
    HISTORY,
    ITEMS,
    ORDERS,
    REQUESTS,
    SENDS,
    SOURCES,
    Client,
    Grant,
    Item,
    Order,
)
from adapters.records_people import (
    ASKINGS,
    BIRTHS,
    CONSENTS,
    ERASED,
    INFORMED,
    LIMITS,
    OBJECTIONS,
    REFUSALS,
    SPOKEN,
    Erased,
)
from adapters.rectify import PUT_BACK
from adapters.refusals import CLOSED, standing
from adapters.shelf import number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.record import from_bytes

_TASKS: Final = ("statutory", "safety")


class ErasureError(ValueError):
    """This may not be destroyed now; a Dutch sentence for the professional."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done. `stays`: the number of the client is kept for a refusal, `consents_until` the proof of consent until then.

    `waits`: something is not known to all recipients yet, and goes when it is.
    """

    destroyed: int
    called_back: int
    stopped: int
    waits: bool
    stays: bool
    consents_until: int | None


def erase(  # what a person decides
    tx: Transaction, work: Workplace, intake: Intake, client: Client, by: str, *, tasks_are_over: bool = False
) -> Outcome:
    """The first step, and the second where nothing waits for it. The caller forgets what was deleted after the commit.

    Raises:
        ErasureError: a statutory task still runs, or this edge was put back and waits.
        NoNameError: nobody is named.
    """
    who = named(by)
    if restore.is_restoring(tx) or restore.reads_again(tx) is not None:
        raise ErasureError(PUT_BACK)
    grants = GRANTS.find(tx, "client", client.id.encode())
    introduced = INTRODUCTIONS.find(tx, "client", client.id.encode())
    if not tasks_are_over and _runs(work, grants, introduced):
        raise ErasureError(
            "er loopt nog een wettelijke taak met deze cliënt: sluit die eerst af, of zeg met --tasks-are-over dat zij voorbij is"
        )
    called_back, stopped = _call_back(tx, work, intake, grants)
    destroyed = sum(_forget_received(tx, work, one) for one in introduced)
    stopped += sum(one.ended_on is None for one in introduced)
    _forget_around(tx, client)
    polled.forget(tx, intake.keyed.digest, client)
    ERASED.put(tx, Erased(client.id, who, work.now))
    waits = not _finish(tx, work, client)
    consents = _consents_until(tx, work, client.id)
    return Outcome(destroyed, called_back, stopped, waits, CLIENTS.get(tx, client.id.encode()) is not None, consents)


def finish(tx: Transaction, work: Workplace) -> int:
    """The second step for everybody for whom nothing waits any more; how many. A number that was kept for a refusal goes with it."""
    if restore.is_restoring(tx):  # what its lines were is still needed to begin them anew
        return 0
    done = 0
    for one in [one for one in ERASED.scan(tx) if not one.done]:
        client = CLIENTS.get(tx, one.client.encode())
        done += client is None or _finish(tx, work, client)
    for kept in kept_numbers.all_kept(tx):
        client = CLIENTS.get(tx, kept.client.encode())
        if client is not None:
            _look_again(tx, work, client)
    for one in [one for one in ERASED.scan(tx) if one.done]:
        _forget_consents(tx, work, one.client)
    return done


def _runs(work: Workplace, grants: list[Grant], introduced: list[Introduced]) -> bool:
    return any(one.ground in _TASKS and is_live(one, work.today) for one in grants) or any(
        one.ground in _TASKS and one.ended_on is None and work.today <= one.end for one in introduced
    )


# -- the first step --------------------------------------------------------------------------------------------------


def _call_back(tx: Transaction, work: Workplace, intake: Intake, grants: list[Grant]) -> tuple[int, int]:
    """Everything told is called back, its content destroyed, and every line stopped."""
    called_back = stopped = 0
    for grant in grants:
        if grant.state in (ACTIVE, FROZEN):
            end_grant(tx, work, grant, CLOSED)
            stopped += 1
        for item in ITEMS.find(tx, "grant_made", grant.id.encode()):
            called_back += intake.retract(tx, item)
        for item in ITEMS.find(tx, "grant_made", grant.id.encode()):
            if item.kind == EVENT:
                HISTORY.delete(tx, item.identity)
                # What is on its way still has its sealed frame, for the same bytes must be able to go again.
                ITEMS.put(tx, replace(item, parts=(), asks=False))
    return called_back, stopped


def _forget_received(tx: Transaction, work: Workplace, one: Introduced) -> int:
    """What one partner told under one line; its ids stay until the term, since nothing may be taken twice."""
    destroyed = 0
    if one.ended_on is None:
        ORDERS.put(tx, Order(work.id(), one.secret, one.end, CLOSED, None, one.secret, work.now))
    for told in TOLD.find(tx, "secret", one.secret):
        _forget_told(tx, told)
        destroyed += bool(told.parts)
    AWAITED.delete(tx, one.secret)
    ended = min(work.today, one.end) if one.ended_on is None else one.ended_on
    # Withheld: whatever still comes under it is destroyed unseen, and nobody is named in it any more.
    INTRODUCTIONS.put(tx, replace(one, client=None, bsn=None, withheld=True, held=False, ended_on=ended))
    return destroyed


def _forget_told(tx: Transaction, told: Told) -> None:
    TOLD.put(tx, replace(told, client=None, parts=(), day=0, hidden=True))
    for retracted in (b"\0", b"\1"):
        NOTICES.delete(tx, told.sender.encode() + b"\0" + told.event_id + retracted)


def _forget_around(tx: Transaction, client: Client) -> None:
    for informed in INFORMED.find(tx, "client", client.id.encode()):
        INFORMED.delete(tx, f"{informed.client}/{informed.sender}/{informed.purpose}/{informed.law}".encode())
    for limited in LIMITS.find(tx, "client", client.id.encode()):
        LIMITS.delete(tx, limited.id.encode())
    for source in SOURCES.find(tx, "client", client.id.encode()):
        SOURCES.delete(tx, f"{source.client}/{source.partner}/{source.law}/{source.number}".encode())
    BIRTHS.delete(tx, client.id.encode())
    for request in [one for one in REQUESTS.scan(tx) if one.bsn == client.bsn]:
        REQUESTS.delete(tx, request.key)


# -- the second step -------------------------------------------------------------------------------------------------


def _finish(tx: Transaction, work: Workplace, client: Client) -> bool:
    """Destroy what is left, once nothing waits for it; whether that is so."""
    grants = GRANTS.find(tx, "client", client.id.encode())
    items = [item for grant in grants for item in ITEMS.find(tx, "grant_made", grant.id.encode())]
    orders = [order for ids in ({grant.id for grant in grants},) for order in ORDERS.scan(tx) if order.grant in ids]
    since = (SOURCES.find(tx, "client", client.id.encode()), INTRODUCTIONS.find(tx, "client", client.id.encode()))
    if any(since) or any(grant.state == ACTIVE for grant in grants):  # a client again: not before that is over
        return False
    if any(item.state != FINAL or item.asks for item in items) or not all(order.done for order in orders):
        return False
    _forget_outbox(tx, items)
    for order in orders:
        ORDERS.delete(tx, order.id.encode())
    for grant in grants:
        for known in HANDLES.find(tx, "grant_made", grant.id.encode()):
            HANDLES.delete(tx, known.handle)
        SPOKEN.delete(tx, declaration_key(grant).encode())
        GRANTS.delete(tx, grant.id.encode())
    for one in CONSENTS.find(tx, "client", client.id.encode()):
        CONSENTS.put(tx, replace(one, client=_proof_of(client.id)))
    _let_go(tx, work, client)
    before = ERASED.get(tx, client.id.encode())
    if before is not None:
        ERASED.put(tx, replace(before, done=True))
    return True


def _look_again(tx: Transaction, work: Workplace, client: Client) -> None:
    """A number that was kept for what stands: it goes with that, unless something came of the client since."""
    introduced = INTRODUCTIONS.find(tx, "client", client.id.encode())
    if any(not one.withheld for one in introduced) or GRANTS.find(tx, "client", client.id.encode()):
        kept_numbers.came_back(tx, client.id, work.today)  # a client again, though nobody registered it anew
    elif not introduced:
        _let_go(tx, work, client)
    # What was turned away still names the number; it goes after its own term, and the number after it.


def _let_go(tx: Transaction, work: Workplace, client: Client) -> None:
    """Forget who it is, unless something stands that nobody could obey without knowing that."""
    _forget_said(tx, client)
    if standing(tx, client.id) or standing(tx, client.id, incoming=True):
        kept_numbers.keep(tx, client.id, work.today)
    else:
        CLIENTS.delete(tx, client.id.encode())
        kept_numbers.forget(tx, client.id)


def _forget_said(tx: Transaction, client: Client) -> None:
    """What people said and asked, but for the refusals that stand and what was decided about those."""
    for refusal in REFUSALS.find(tx, "client", client.id.encode()):
        if refusal.lifted_at is not None:
            REFUSALS.delete(tx, refusal.id.encode())
    for objection in OBJECTIONS.find(tx, "client", client.id.encode()):
        if REFUSALS.get(tx, objection.refusal.encode()) is None:
            OBJECTIONS.delete(tx, number_key(objection.number))
    for closing in CLOSINGS.find(tx, "client", client.id.encode()):
        CLOSINGS.delete(tx, closing.id.encode())
    matters.forget(tx, client.id)
    for asking in ASKINGS.find(tx, "client", client.id.encode()):
        ASKINGS.delete(tx, number_key(asking.item))


def _forget_outbox(tx: Transaction, items: Sequence[Item]) -> None:
    """An item may have been sealed several times: an outcome that comes late must find none of them."""
    numbers = {item.number for item in items}
    if not numbers:
        return
    for sent in [sent for sent in SENDS.scan(tx) if sent.item in numbers]:
        SENDS.delete(tx, sent.message_id)
    for number in numbers:
        ITEMS.delete(tx, number_key(number))


# -- the proof of consent --------------------------------------------------------------------------------------------


def _proof_of(client: str) -> str:
    """Under what the proof of a consent is kept when its client is gone: no list of a client has it."""
    return f"erased/{client}"


def _forget_consents(tx: Transaction, work: Workplace, client: str) -> None:
    until = _consents_until(tx, work, client)
    if until is not None and work.today > until:
        for one in CONSENTS.find(tx, "client", _proof_of(client).encode()):
            CONSENTS.delete(tx, one.id.encode())
            SPOKEN.delete(tx, one.id.encode())


def _consents_until(tx: Transaction, work: Workplace, client: str) -> int | None:
    """The last day on which the proof of a consent is kept: as long as what was told on it could be called back."""
    found = [one for key in (client, _proof_of(client)) for one in CONSENTS.find(tx, "client", key.encode())]
    return max((from_bytes(one.raw, work.registry).end + RECALL_DAYS for one in found), default=None)
