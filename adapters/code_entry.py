# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A professional types the one-time code that a citizen handed over, at the own client that this citizen is.

Guarantees:
- a code that was never given, is over, used, void, for another organisation, held or tried too often today gets one answer
  after the same work; only signs that can be no code at all are told apart, which needs no look at anything;
- a code opens one introduction at one client, once;
- a try counts before it is looked at, so nothing is gained by ending the process in between.
"""

from adapters import quotas
from adapters.code import read_code
from adapters.inbound import attach
from adapters.recognition import recognise
from adapters.records_incoming import AWAITED, INTRODUCTIONS, Awaited, Introduced
from adapters.records_outgoing import Client
from adapters.store import Transaction
from adapters.workplace import Workplace


def enter(work: Workplace, client: Client, text: str) -> Introduced | None:
    """Try a code for a client; the introduction that it opens, or None, whatever the reason.

    Raises:
        CodeError: these signs can be no code; nothing was tried.
    """
    code = read_code(text, work.address)
    with work.commit("code tried") as tx:
        may_try = quotas.may_try(tx, work, client.id)
    # A crash here: one try is spent, and the code can be typed again.
    with work.commit("code entered") as tx:
        fits = [one for one in AWAITED.scan(tx) if code.fits(one.proof, one.salt)]
        usable = [introduced for one in fits if (introduced := _usable(tx, work, one)) is not None]
        if not may_try or not usable:
            return None
        introduced = usable[-1]
        for one in fits:  # the same paper may stand for a grant and for the one that follows it
            AWAITED.delete(tx, one.secret)
        quotas.fitted(tx, work, client.id)
        attach(tx, work, introduced, client)
        recognise(tx, work, introduced)
    # A crash before this commit: a try is spent and the code waits. After it: the client is known, the code is used, and
    # the receipt `introduced` leaves when it is due.
    return introduced


def _usable(tx: Transaction, work: Workplace, awaited: Awaited) -> Introduced | None:
    introduced = INTRODUCTIONS.need(tx, awaited.secret)
    ended = introduced.ended_on is not None or work.today > introduced.end
    return None if ended or awaited.held or work.today > awaited.until else introduced
