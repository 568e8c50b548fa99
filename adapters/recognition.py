# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Introductions by code at the recipient: which code still waits, and the second receipt once it was typed.

Guarantees:
- the proof of a code stands here only while the code can be typed: not after its day, its typing, a stop of its grant, or
  a newer code of the same line;
- a grant goes on from another only when both have the same sender, purpose and law: the client of the one is then that of
  the other, unless there is a new code, which says that it may not be;
- the second receipt, `introduced`, leaves in a random minute of the next working day, so that typing for several partners
  at one table is not seen as one moment; it leaves again for every envelope in which the introduction comes again.
"""

from dataclasses import replace

from adapters import quotas
from adapters.code import CODE_DAYS
from adapters.control import CameIntroduction
from adapters.records_incoming import AWAITED, INTRODUCTIONS, RECOGNISED, Awaited, Introduced, Recognised
from adapters.records_outgoing import CLIENTS, Client
from adapters.store import Transaction
from adapters.workplace import Workplace, random_minute
from consent.grant import CodeProof


def await_code(tx: Transaction, work: Workplace, came: CameIntroduction, code: CodeProof) -> Client | None:
    """An introduction by code came: its client, when it goes on from one that is known; otherwise its code waits."""
    before = None if code.line is None else INTRODUCTIONS.get(tx, code.line)
    if before is not None and not _same_line(before, came):
        before = None
    if before is not None:
        AWAITED.delete(tx, before.secret)  # a newer one of the line is here: the code of the older is void
    held = quotas.is_held(tx, work, came.terms.sender)
    if before is not None and before.client is not None and (code.proof or before.proof) == before.proof:
        return CLIENTS.get(tx, before.client.encode())
    if code.proof is not None and code.until is not None:
        until = min(code.until, work.today + CODE_DAYS)  # whatever a sender says
        AWAITED.put(tx, Awaited(came.secret, came.terms.sender, code.proof, came.salt, until, held))
    return None


def _same_line(before: Introduced, came: CameIntroduction) -> bool:
    terms = came.terms
    return (before.sender, before.purpose, before.law) == (terms.sender, terms.purpose, terms.law)


def recognise(tx: Transaction, work: Workplace, introduced: Introduced) -> None:
    """The recipient knows whom this introduction by code is about: the sender will hear so."""
    if RECOGNISED.get(tx, introduced.message_id) is None:
        RECOGNISED.put(tx, Recognised(introduced.message_id, work.random(16), random_minute(work)))


def came_again(tx: Transaction, work: Workplace, known: Introduced, message_id: bytes) -> None:
    """The same introduction came in another envelope: what its sender hears of it is about that one from now on."""
    again = INTRODUCTIONS.put(tx, replace(known, message_id=message_id))
    if again.bsn is None and again.client is not None:
        recognise(tx, work, again)
