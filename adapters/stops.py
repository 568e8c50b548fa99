# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How a person ends what is told about a client: the reason decides what it leaves, and never what anybody else sees.

Guarantees: *closed* leaves nothing, but that an answer over Suwinet that says no more than before begins nothing again; a *withdrawal* takes back consent, and its records say so; where consent is not the ground it is an objection; an
*objection* has the effect of each row; a *hold* ends everything but what exists for safety, and only a person lifts it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from adapters.lines import end_grant
from adapters.objections import Objecting, end_refused, object_to
from adapters.records_incoming import AWAITED, INTRODUCTIONS
from adapters.records_outgoing import ACTIVE, FROZEN, GRANTS, ORDERS, SOURCES, Grant, Order
from adapters.records_people import Refused
from adapters.references import ANSWER_ROWS, sources_of
from adapters.refusals import CLOSED, refuse
from adapters.store import Transaction
from adapters.withdrawals import withdraw
from adapters.workplace import Workplace
from consent.precedence import HELD, OBJECTED, REVOCABLE, WITHDRAWN
from schemas.address import role_of
from schemas.calendar import first_day, month_of

STOP_CODE: Final = "stop-code"


def stop(tx: Transaction, work: Workplace, client: str, partner: str | None, why: str) -> None:
    """End what this edge tells about a client, to one partner or all."""
    if why == CLOSED:
        _end(tx, work, client, lambda grant: partner in (None, grant.recipient), why)
    elif why == HELD:
        _refuse(tx, work, Refused(work.id(), client, partner, HELD, work.now))
    elif why == OBJECTED:
        object_to(tx, work, client, Objecting(partner))
    else:
        consents, duties = _grounds(work, partner)
        if consents or not duties:
            _refuse(tx, work, Refused(work.id(), client, partner, WITHDRAWN, work.now))
            withdraw(tx, work, client, partner)
        for row in duties:
            object_to(tx, work, client, Objecting(partner, row=row))


def _grounds(work: Workplace, partner: str | None) -> tuple[bool, list[int]]:
    """Whether anything between us may rest on consent, and the rows that do not."""
    rows = [
        row
        for row in work.rules.rows.values()
        if row.in_force
        and row.permits
        and role_of(work.address) in row.senders
        and (partner is None or role_of(partner) in row.recipients)
    ]
    duties = [row.id for row in rows if REVOCABLE.isdisjoint(row.grounds)]
    return len(duties) < len(rows), duties


def stop_incoming(tx: Transaction, work: Workplace, client: str, partner: str | None, why: str) -> None:
    """End what partners tell about a client, and refuse what they would start by themselves later."""
    if why == OBJECTED:
        object_to(tx, work, client, Objecting(partner, incoming=True))
    else:
        _refuse(tx, work, Refused(work.id(), client, partner, why, work.now, incoming=True))


def stop_by_code(tx: Transaction, work: Workplace, secret: bytes) -> None:
    """End a grant on the citizen's word, with the secret in the stop code of the receipt, whosever grant it is."""
    ours = next((grant for grant in GRANTS.scan(tx) if grant.secret == secret), None)
    told = INTRODUCTIONS.get(tx, secret)
    if ours is not None:  # told by this very edge: the citizen withdraws here
        refuse(tx, Refused(work.id(), ours.client, ours.recipient, WITHDRAWN, work.now, row=ours.row))
        withdraw(tx, work, ours.client, ours.recipient, ours.row)
        _end(tx, work, ours.client, lambda grant: grant.line == ours.line, WITHDRAWN)
    else:
        # The end of the terms is not in the code: every month that a grant can last is named.
        longest = max((row.longest_months for row in work.rules.rows.values()), default=12)
        end = first_day(month_of(work.today) + longest) if told is None else told.end
        ORDERS.put(tx, Order(work.id(), secret, end, STOP_CODE, None, None, work.now))
    if told is not None and told.ended_on is None:
        INTRODUCTIONS.put(tx, replace(told, ended_on=min(work.today, told.end)))
        AWAITED.delete(tx, secret)


def _refuse(tx: Transaction, work: Workplace, new: Refused) -> None:
    end_refused(tx, work, refuse(tx, new), new.kind)


def _end(tx: Transaction, work: Workplace, client: str, which: Callable[[Grant], bool], why: str) -> None:
    for grant in GRANTS.find(tx, "client", client.encode()):
        if grant.state in (ACTIVE, FROZEN) and which(grant):
            end_grant(tx, work, grant, why)
            if why == CLOSED and grant.row in ANSWER_ROWS:  # which is given again each time that somebody asks
                for source in sources_of(tx, grant.client, grant.recipient, grant.row, grant.law):
                    SOURCES.put(tx, replace(source, closed=True))
