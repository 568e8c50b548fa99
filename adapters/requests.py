# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Asking to be told: a recipient asks under a grant of its own, and a person at the sender answers.

Guarantees:
- only who tells the other about this client itself asks, so the request says of nobody that he is known here that was not said before;
- the receipt is the same whatever stands at the other side, and so is what follows: a request that concerns nobody whom the other knows, that a
  refusal or hold stands against, that was answered with no, or that nobody looked at, has no answer;
- yes is a grant as any other, on its own ground: nothing opens by a request;
- nobody sees a request that a refusal stands against, and one that is not answered is forgotten.
"""

from dataclasses import dataclass, replace
from typing import Final

from adapters.by_person import Reliance, make_grant
from adapters.control import CameRequest
from adapters.lines import add_item, is_live, is_open, line_name, newest
from adapters.records_incoming import INTRODUCTIONS, Introduced
from adapters.records_outgoing import CLIENTS, FROZEN, GRANTS, REQUEST, Client, Grant, Item
from adapters.records_people import ASKED_FOR, ASKINGS, AskedFor, Asking
from adapters.refusals import is_refused
from adapters.shelf import Reads, gone_key, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.rules import Row, RuleTable
from schemas.address import role_of

OPEN_DAYS: Final = 28  # a request that nobody has answered by then is over
KEPT_DAYS: Final = 366
YES: Final = "yes"
NO: Final = "no"


class RequestError(ValueError):
    """This can't be asked or answered; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Asks:
    """A request that came in, with the introduction of the grant under which it came."""

    introduced: Introduced
    came: CameRequest


@dataclass(frozen=True, slots=True, repr=False)
class Waiting:
    """A request that waits for a person here."""

    number: int
    client: Client
    partner: str
    row: Row
    came_on: int


# -- asking ------------------------------------------------------------------------------------------------------------


def ask(tx: Transaction, work: Workplace, client: Client, partner: str, row: int) -> Asking:
    """Ask a partner to tell about a client under one of its rows; it leaves as anything else that is told.

    Raises:
        RequestError: no rule lets that partner tell us, we tell it nothing about this client, or it was asked already.
    """
    if _row(work.rules, row, partner, work.address) is None:
        raise RequestError("volgens deze regel mag deze partner ons niet inlichten")
    grants = {one.line: newest(tx, one.line) for one in GRANTS.find(tx, "client", client.id.encode())}
    ours = [one for one in grants.values() if one is not None and one.recipient == partner and one.introduced]
    under = next((one for one in ours if is_live(one, work.today) and not _is_refused(tx, work, one)), None)
    if under is None:
        raise RequestError(
            "wij vertellen deze partner zelf niets over deze cliënt: vraag het de partner buiten de hub om"
        )
    before = [one for one in ASKINGS.find(tx, "client", client.id.encode()) if (one.partner, one.row) == (partner, row)]
    if any(work.today <= one.on + OPEN_DAYS for one in before):
        raise RequestError(f"dit is al gevraagd; na {OPEN_DAYS} dagen kan het opnieuw")
    now = work.now
    item = add_item(
        tx,
        Item(
            0,
            REQUEST,
            work.random(16),
            under.id,
            under.line,
            client.id,
            b"",
            work.today,
            (),
            now,
            work.release_moment(under.end),
        ),
    )
    return ASKINGS.put(tx, Asking(item.number, client.id, partner, row, work.today))


def _is_refused(reads: Reads, work: Workplace, grant: Grant) -> bool:
    return is_refused(reads, grant.client, grant.recipient, work.rules.rows.get(grant.row))


def asked(reads: Reads) -> list[Asking]:
    """What this edge asked, oldest first. Whether it is told since, the view of the client shows."""
    return list(ASKINGS.scan(reads))


# -- being asked -------------------------------------------------------------------------------------------------------


def is_known(reads: Reads, asks: Asks) -> bool:
    """Whether this very request came before."""
    return bool(ASKED_FOR.find(reads, "event", gone_key(asks.introduced.sender, asks.came.event_id)))


def keep(tx: Transaction, work: Workplace, asks: Asks) -> None:
    """Keep a request, whoever it is about."""
    last = max((one.number for one in ASKED_FOR.scan(tx)), default=0)
    introduced, came = asks.introduced, asks.came
    ASKED_FOR.put(tx, AskedFor(last + 1, introduced.sender, came.event_id, introduced.secret, came.row, work.today))


def waiting(reads: Reads, work: Workplace) -> list[Waiting]:
    """The requests that a person here may answer."""
    found = (_waiting(reads, work, one) for one in ASKED_FOR.scan(reads))
    return [one for one in found if one is not None]


def _waiting(reads: Reads, work: Workplace, one: AskedFor) -> Waiting | None:
    introduced = INTRODUCTIONS.get(reads, one.secret)
    row = _row(work.rules, one.row, work.address, one.sender)
    if (
        introduced is None
        or introduced.client is None
        or introduced.withheld
        or introduced.held
        or row is None
        or one.answer
    ):
        return None
    if work.today > one.came_on + OPEN_DAYS or is_refused(reads, introduced.client, one.sender, row):
        return None
    line = line_name(introduced.client, one.sender, row)
    if is_open(reads, line, work.today):
        return None
    if newest(reads, line, (FROZEN,)) is not None:  # somebody else stopped it: a person decides that first
        return None
    client = CLIENTS.need(reads, introduced.client.encode())
    return Waiting(one.number, client, one.sender, row, one.came_on)


def say_no(tx: Transaction, work: Workplace, number: int, by: str) -> None:
    """A person answers no. The other side hears nothing.

    Raises:
        RequestError: it does not wait, or nobody is named.
    """
    _answer(tx, work, _need(tx, work, number), NO, by)


def say_yes(tx: Transaction, work: Workplace, number: int, by: str, on: tuple[str, int | None]) -> Grant:
    """A person answers yes, on a task or a declaration: `on` is its source and the last day. The other side is introduced.

    Raises:
        RequestError: it does not wait, nobody is named, or the row rests on consent, which takes an agreement.
        NoGroundError, NotLawfulError: as for any grant that a person makes.
    """
    found = _need(tx, work, number)
    if set(found.row.grounds) == {"consent"}:
        raise RequestError("dit berust op toestemming: maak een afspraak met de cliënt (`schakel agreement make`)")
    _answer(tx, work, found, YES, by)
    source, until = on
    return make_grant(tx, work, found.client, found.partner, Reliance(found.row.id, source, until))


def _need(reads: Reads, work: Workplace, number: int) -> Waiting:
    found = next((one for one in waiting(reads, work) if one.number == number), None)
    if found is None:
        raise RequestError("er wacht geen verzoek met dit nummer")
    return found


def _answer(tx: Transaction, work: Workplace, found: Waiting, answer: str, by: str) -> None:
    name = " ".join(by.split())
    if not 0 < len(name) <= 200:
        raise RequestError("zeg wie dit antwoord geeft, in hoogstens 200 tekens")
    one = ASKED_FOR.need(tx, number_key(found.number))
    ASKED_FOR.put(tx, replace(one, answer=answer, by=name, answered_on=work.today))


def _row(rules: RuleTable, number: int, sender: str, recipient: str) -> Row | None:
    """The row, if it lets this sender tell this recipient."""
    row = rules.rows.get(number)
    if row is None:
        return None
    roles = role_of(sender), role_of(recipient)
    open_yet = any(rules.permits(row.id, *roles, ground, row.categories) for ground in row.grounds)
    return row if open_yet else None


def purge(tx: Transaction, today: int) -> None:
    """Forget what is over: what was not answered after its term, the rest after a year."""
    for one in list(ASKED_FOR.scan(tx)):
        if today > one.came_on + (KEPT_DAYS if one.answer else 2 * OPEN_DAYS):
            ASKED_FOR.delete(tx, number_key(one.number))
    for ours in list(ASKINGS.scan(tx)):
        if today > ours.on + KEPT_DAYS:
            ASKINGS.delete(tx, number_key(ours.item))
