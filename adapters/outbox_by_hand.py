# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a person does with something in the outbox: says that it was looked at, has it told after all, hurries it, calls it back.

Guarantees: nothing here opens a line that was stopped; what is told after all is marked late, and goes under the newest
active grant of its line or not at all.
"""

from dataclasses import replace

from adapters import lines, onward
from adapters.intake import Intake
from adapters.records_outgoing import EVENT, GRANTS, INTRODUCTION, ITEMS, WAITING, Item
from adapters.shelf import number_key
from adapters.spread import AT_ONCE
from adapters.store import Transaction
from adapters.workplace import EdgeError, Workplace
from schemas.calendar import day_of


def need_item(tx: Transaction, number: int) -> Item:
    """What has this number.

    Raises:
        EdgeError: nothing has.
    """
    found = ITEMS.get(tx, number_key(number))
    if found is None:
        raise EdgeError("dit staat niet in de outbox")
    return found


def settle(tx: Transaction, number: int) -> None:
    """A person has looked at what asked for it.

    Raises:
        EdgeError: it asks for nobody.
    """
    asked = need_item(tx, number)
    if not asked.asks:
        raise EdgeError("dit vraagt geen besluit")
    ITEMS.put(tx, replace(asked, asks=False))


def tell_again(tx: Transaction, work: Workplace, intake: Intake, number: int) -> None:
    """Has it told after all, marked late, under the newest active grant of its line.

    Raises:
        EdgeError: it does not ask for that, its content is gone, or no grant is active.
    """
    asked = need_item(tx, number)
    grant = lines.newest(tx, asked.line)
    if asked.kind != EVENT or not asked.asks or asked.dead or not asked.parts:
        raise EdgeError("dit kan niet opnieuw worden verteld")
    onward.check(tx, work, asked)
    if grant is None or not lines.is_live(grant, work.today):
        raise EdgeError("er is geen geldige lijn om dit onder te vertellen")
    event_id = intake.next_event_id(tx, grant, asked)
    again = replace(asked, event_id=event_id, grant=grant.id, state=WAITING, final=None, asks=False, late=True)
    ITEMS.put(tx, replace(again, tries=0, release_at=AT_ONCE))


def hurry(tx: Transaction, number: int) -> int:
    """It leaves at the next pass, with what must leave before it in its line; how many were waiting.

    Raises:
        EdgeError: it does not wait in the outbox.
    """
    asked = need_item(tx, number)
    if asked.state != WAITING:
        raise EdgeError("dit wacht niet in de outbox")
    found = [
        one
        for one in ITEMS.find(tx, "line", asked.line.encode())
        if one.state == WAITING and (one.number <= number or one.kind == INTRODUCTION)
    ]
    for one in found:
        ITEMS.put(tx, replace(one, release_at=AT_ONCE))
    return len(found)


def retract_all(tx: Transaction, intake: Intake, client: str, partner: str | None) -> int:
    """Calls back everything told about a client, to one partner or all; how many retractions."""
    told = [grant for grant in GRANTS.find(tx, "client", client.encode()) if partner in (None, grant.recipient)]
    return sum(intake.retract(tx, item) for grant in told for item in ITEMS.find(tx, "grant_made", grant.id.encode()))


def retract_between(tx: Transaction, intake: Intake, first: int, last: int) -> int:
    """Calls back every event put in the outbox from day `first` to day `last`, about whomever; how many."""
    chosen = [item for item in ITEMS.scan(tx) if item.kind == EVENT and first <= day_of(item.made_at) <= last]
    return sum(intake.retract(tx, item) for item in chosen)
