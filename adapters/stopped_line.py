# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A line that another address stopped: a person decides whether it goes on as a new grant, or stays ended.

Guarantees: what stays ended is not begun anew by an allocation either; what rests on the word of the client goes on by
no decision of a professional, and no refusal is passed.
"""

from dataclasses import replace

from adapters import objections, refusals
from adapters.records_outgoing import FROZEN, GRANTS, STOPPED, Grant
from adapters.store import Transaction
from adapters.workplace import EdgeError, Workplace
from consent.precedence import REVOCABLE


def decide(tx: Transaction, work: Workplace, line: str, *, resume: bool) -> Grant | None:
    """The new grant of a line that goes on.

    Raises:
        EdgeError: it waits for no decision; it rests on consent, which must be given anew; or nothing is left to go on with.
    """
    frozen = [grant for grant in GRANTS.find(tx, "line", line.encode()) if grant.state == FROZEN]
    if not frozen:
        raise EdgeError("deze lijn wacht niet op een besluit")
    for grant in frozen:
        GRANTS.put(tx, replace(grant, state=STOPPED, noted=True))
    return _resume(tx, work, frozen[-1]) if resume else None


def _resume(tx: Transaction, work: Workplace, last: Grant) -> Grant:
    if last.ground in REVOCABLE:
        raise EdgeError(
            "deze lijn berust op het woord van de cliënt: maak een nieuwe afspraak, of vraag een nieuwe verklaring"
        )
    row = work.rules.rows[last.row]
    if refusals.is_refused(tx, last.client, last.recipient, row):
        raise EdgeError("er staat een weigering tegen deze partner: hef die eerst op")
    made = objections.go_on(tx, work, last, row)
    if made is None:
        raise EdgeError("er is niets meer om mee verder te gaan: de toewijzing of de termijn is voorbij")
    return made
