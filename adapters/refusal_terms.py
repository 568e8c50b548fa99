# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How long refusals and objections are kept. No text of law that was read gives a term: both are our reading (mark D).

Guarantees:
- what stands outlives what it forbids: while the client is an own client of this organisation, the next allocation could begin
  at any time, so nothing that stands is destroyed, however old;
- of a client that was erased, and of whom nothing came since, it stays for the longest term of a file that somebody here could
  still tell from (20 years: Jeugdwet 7.3.8; of BW 7:454 from memory);
- what was lifted or taken back forbids nothing any more: with its decision it is kept as long as who looked is, to answer
  whether what was told then was right;
- an objection that a person must still decide, or tell the citizen about, is never destroyed.
"""

from typing import Final

from adapters import kept_numbers, restore
from adapters.objections import is_open
from adapters.records_people import OBJECTIONS, REFUSALS, Objection, Refused
from adapters.shelf import number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import day_of

LIFTED_DAYS: Final = 5 * 366
ERASED_DAYS: Final = 20 * 366


def purge(tx: Transaction, work: Workplace) -> int:
    """Destroy what has had its term; how many refusals."""
    if restore.is_restoring(tx):  # what it had is still looked at to begin its lines anew
        return 0
    over = [one for one in REFUSALS.scan(tx) if is_over(one, work.today)]
    for kept in kept_numbers.all_kept(tx):
        if work.today > kept.on + ERASED_DAYS:
            over += [one for one in REFUSALS.find(tx, "client", kept.client.encode()) if one.lifted_at is None]
    return sum(_destroy(tx, one) for one in over)


def is_over(refusal: Refused, today: int) -> bool:
    """Whether it was lifted so long ago that nobody needs to know of it."""
    return refusal.lifted_at is not None and today > day_of(refusal.lifted_at) + LIFTED_DAYS


def _destroy(tx: Transaction, refusal: Refused) -> bool:
    objections = OBJECTIONS.find(tx, "refusal", refusal.id.encode())
    if any(_asks(one) for one in objections):
        return False
    for one in objections:
        OBJECTIONS.delete(tx, number_key(one.number))
    return REFUSALS.delete(tx, refusal.id.encode())


def _asks(objection: Objection) -> bool:
    return is_open(objection) or objection.informed_on is None
