# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What an edge does when its hub was put back from a copy (delivery.md section 6).

Guarantees:
- everything without a final outcome is sealed again, and the new feed is read from its beginning;
- every manifest, and every fact that this address signed and whose month is not over, is given to the hub again before
  this edge says that it has done so, and before anything else is sent; a stop that does not arrive keeps the gate shut;
- facts are repeated in a shuffled order, each signed alone: what belongs together can't be seen.
"""

from dataclasses import replace
from typing import Final

from adapters import peers, restore
from adapters.lines import RENEWAL, send_stops, stopped_by_other, unheard_introductions
from adapters.records_outgoing import EVENT, FACTS, GRANTS, HANDLES, ITEMS, ORDERS, SENT, WAITING, Fact
from adapters.records_own import Followed, follow, followed, move, place
from adapters.store import Transaction
from adapters.witness import Witness
from adapters.workplace import Workplace
from hub.client import FactAnswer
from schemas.calendar import month_of
from schemas.codes import Code
from schemas.fact import Register, parse_fact, sign_facts
from schemas.signing import SigningKey

_PAGE: Final = 100


async def follow_log(work: Workplace, witness: Witness, key: SigningKey, table_hash: bytes | None) -> bool:
    """Whether anything may be sent and picked up; does what a hub that was put back needs of this edge first."""
    number = witness.log_number()
    known = followed(work.store)
    if known is None or known.log != number:
        known = _begin(work, number)
    if not known.repeated:
        known = await _repeat(work, witness, key, table_hash, known)
    if known.repeated and not known.open:
        began = await work.ask("gate", work.client.recovery)
        if began is None or (began.number == known.log and began.open):
            known = _put(work, replace(known, open=True))
    return known.repeated and known.open


def _begin(work: Workplace, number: int) -> Followed:
    """Another log: its feed is read from 0, and what has no final outcome is sealed again.  The first has no before."""
    with work.commit("log") as tx:
        first = followed(tx) is None and number <= 1
        if not first:
            seal_again(tx)
        new = Followed(number, repeated=first, open=first)
        follow(tx, new)
    # A crash here: nothing was repeated, and the next pass begins with it.
    return new


def seal_again(tx: Transaction) -> None:
    """The feed is read from its beginning, and what has no final outcome is sealed again.

    So is an introduction whose code was not typed yet: the hub no longer knows the envelope that `introduced` would be about.
    """
    move(tx, replace(place(tx), feed=0))
    for item in list(ITEMS.scan(tx, SENT)):
        # One that was accepted may have expired unheard while those after it arrived.
        late = item.late or (item.kind == EVENT and not item.undecided)
        ITEMS.put(tx, replace(item, state=WAITING, undecided=False, frame=None, taken_at=None, late=late))
    for item in unheard_introductions(tx):
        ITEMS.put(tx, replace(item, state=WAITING, final=None, done_on=None))


async def _repeat(
    work: Workplace, witness: Witness, key: SigningKey, table_hash: bytes | None, known: Followed
) -> Followed:
    await peers.publish_again(work)
    if not await peers.publish(work, table_hash):
        return known
    arrived = await _repeat_facts(work, key)
    await send_stops(work, key)
    # Our own renewals have their answer when the gate is open; until then they are sent at each pass.
    arrived = arrived and all(order.why == RENEWAL for order in ORDERS.scan(work.store, "due", work.now))
    await restore.tell_hub(work, key, known.log)
    if not arrived or restore.is_unconfirmed(work.store):
        return known
    if not await restore.stop_all_of_before(work, key):
        return known
    newest = witness.newest()
    code = await work.ask("repeated", work.client.repeated, known.log, 0 if newest is None else newest.size)
    # A crash here: all of it is repeated at the next pass, and changes nothing.
    return _put(work, replace(known, repeated=True)) if code is Code.IN_FORCE else known


async def _repeat_facts(work: Workplace, key: SigningKey) -> bool:
    """Whether every stop among them is in force."""
    this = month_of(work.today)
    facts = [fact for fact in FACTS.scan(work.store) if fact.until_month >= this]
    facts.sort(key=lambda _: work.random(8))
    arrived = True
    for start in range(0, len(facts), _PAGE):
        page = facts[start : start + _PAGE]
        bodies = [parse_fact(fact.frame).body for fact in page]
        frames = [sign_facts(key, work.address, work.today, [body])[0] for body in bodies]
        answers = await work.ask("repeat", work.client.facts, frames)
        with work.commit("repeated") as tx:
            for fact, frame, body, answer in zip(page, frames, bodies, answers, strict=True):
                FACTS.put(tx, Fact(fact.number, frame, fact.until_month))
                if isinstance(body, Register):
                    _registered(tx, work, body.handle, answer)
                else:
                    arrived = arrived and answer.code is Code.IN_FORCE
        # A crash before this commit: they are repeated again.
    return arrived


def _registered(tx: Transaction, work: Workplace, name: bytes, answer: FactAnswer) -> None:
    known = HANDLES.get(tx, name)
    if known is None:
        return
    if answer.code is not Code.IN_FORCE:  # its recipient is not admitted again yet: registered when it is needed
        HANDLES.put(tx, replace(known, lost=True))
    grant = GRANTS.need(tx, known.grant.encode())
    if answer.stopped_by_other and work.today <= grant.end:
        stopped_by_other(tx, work, grant)  # the line that would have said so went with the old feed


def _put(work: Workplace, new: Followed) -> Followed:
    with work.commit("followed") as tx:
        follow(tx, new)
    return new
