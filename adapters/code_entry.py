# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A professional types the one-time code that a citizen handed over, at the own client that this citizen is.

Guarantees:
- a code that was never given, is over, used, void, for another organisation, held or tried too often today gets one answer
  after the same work; only signs that can be no code at all are told apart, which needs no look at anything;
- a code opens one introduction at one client, once; one that would open those of two senders was seen by somebody who should
  not have, and opens none;
- a try counts before it is looked at, so nothing is gained by ending the process in between; with it stands who typed, at which
  client and when, whatever comes of it.
"""

from dataclasses import dataclass
from typing import Final

from adapters import quotas
from adapters.address_book import AddressBook
from adapters.code import read_code
from adapters.inbound import attach
from adapters.looks import CODE, Viewer, record
from adapters.recognition import recognise
from adapters.records_incoming import AWAITED, INTRODUCTIONS, Awaited, Introduced
from adapters.records_outgoing import CLIENTS, Client
from adapters.showing import waits_for
from adapters.store import Transaction
from adapters.workplace import Workplace

REFUSED: Final = "refused"  # a refusal stands here against what a code opened


@dataclass(frozen=True, slots=True)
class Entered:
    """What a code opened: who tells from now on, what for, which categories, and until when.

    `waits`: why nothing of it is shown here (`REFUSED`, or as `adapters.showing` says); None: what comes is shown.
    """

    sender_name: str
    purpose: str
    law: str
    categories: tuple[str, ...]
    end: int
    waits: str | None = None


def enter(work: Workplace, client: Client, text: str, by: Viewer) -> Introduced | None:
    """Try a code for a client; the introduction that it opens, as it is from then on, or None, whatever the reason.

    Raises:
        CodeError: these signs can be no code; nothing was tried.
    """
    code = read_code(text, work.address)
    with work.commit("code tried") as tx:
        may_try = quotas.may_try(tx, work, client.id)
        record(tx, work, by, client.id, CODE)
    # A crash here: one try is spent and recorded, and the code can be typed again.
    with work.commit("code entered") as tx:
        fits = [one for one in AWAITED.scan(tx) if code.fits(one.proof, one.salt)]
        usable = [introduced for one in fits if (introduced := _usable(tx, work, one)) is not None]
        if not may_try or len({(one.sender, one.purpose, one.law) for one in usable}) != 1:
            return None
        introduced = usable[-1]
        for one in fits:  # the same paper may stand for a grant and for the one that follows it
            AWAITED.delete(tx, one.secret)
        quotas.fitted(tx, work, client.id)
        attach(tx, work, introduced, client)
        recognise(tx, work, introduced)
        # A crash before this commit: a try is spent and the code waits. After it: the client is known, the code is used, and
        # the receipt `introduced` leaves when it is due.
        return INTRODUCTIONS.need(tx, introduced.secret)


def entered(work: Workplace, book: AddressBook) -> list[tuple[str, Entered]]:
    """What was opened here by a code and is not over, each with the number of its client, oldest first."""
    return [
        (CLIENTS.need(work.store, one.client.encode()).number, as_shown(work, book, one))
        for one in INTRODUCTIONS.scan(work.store)
        if one.proof and one.client is not None and one.ended_on is None and work.today <= one.end
    ]


def as_shown(work: Workplace, book: AddressBook, one: Introduced) -> Entered:
    """What an introduction opened, as people see it."""
    waits = REFUSED if one.withheld else None
    if one.held:
        waits = waits_for(work.store, work, one, one.client or "")
    return Entered(book.name_of(one.sender), one.purpose, one.law, one.categories, one.end, waits)


def _usable(tx: Transaction, work: Workplace, awaited: Awaited) -> Introduced | None:
    introduced = INTRODUCTIONS.need(tx, awaited.secret)
    ended = introduced.ended_on is not None or work.today > introduced.end
    return None if ended or awaited.held or work.today > awaited.until else introduced
