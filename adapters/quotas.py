# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""How often on one day a code may be printed and tried, and how many introductions one sender may bring.

Guarantees: what is counted is on disk before it has an effect; a limit that is reached is an alarm for a person of this
edge; nobody outside sees that it was: no answer to a sender, and no answer to whoever types, depends on it otherwise than
a code that fits nothing does. What is held because of a limit is kept, and goes on when a person has looked.
"""

from dataclasses import replace
from typing import Final

from adapters import alarms
from adapters.alarms import Misuse
from adapters.records_incoming import AWAITED, TALLIES, Tally
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import date_text

PRINTED_FOR_ONE: Final = 20  # codes that this edge prints for one recipient
PRINTED: Final = 60  # codes that this edge prints
TRIED_FOR_ONE: Final = 5  # codes that fit nothing, typed for one client
TRIED: Final = 25  # codes that fit nothing, typed at this edge
BY_CODE: Final = 50  # introductions by code of one sender; what comes after is held
STRANGERS: Final = 100  # introductions by BSN of one sender that are about nobody here


def may_print(tx: Transaction, work: Workplace, recipient: str) -> bool:
    """Count a code that is printed for this recipient; False when it may not be, today."""
    for_one = _count(tx, work, f"printed/{recipient}")
    return _count(tx, work, "printed") <= PRINTED and for_one <= PRINTED_FOR_ONE


def too_many_printed(tx: Transaction, work: Workplace) -> None:
    """A person was refused a code; another is told."""
    alarms.sound(tx, Misuse.MANY_CODES, _day(work), work.now)


def may_try(tx: Transaction, work: Workplace, client: str) -> bool:
    """Count a code that is typed for a client, as if it fits nothing; whether this one may be looked at.

    What is not looked at for this client spends nothing of the others: who goes on at one keeps nobody else waiting.
    """
    for_one = _count(tx, work, f"tried/{client}")
    in_all = _count(tx, work, "tried", 1 if for_one <= TRIED_FOR_ONE else 0)
    if for_one >= TRIED_FOR_ONE or in_all >= TRIED:
        alarms.sound(tx, Misuse.GUESSED_CODES, _day(work), work.now)
    return for_one <= TRIED_FOR_ONE and in_all <= TRIED


def fitted(tx: Transaction, work: Workplace, client: str) -> None:
    """The code that was counted fits: it was no guess."""
    for what in (f"tried/{client}", "tried"):
        _count(tx, work, what, -1)


def is_held(tx: Transaction, work: Workplace, sender: str) -> bool:
    """Count an introduction by code; whether its code is held until a person has looked."""
    too_many = _count(tx, work, f"by code/{sender}") > BY_CODE
    if too_many:
        alarms.sound(tx, Misuse.MANY_INTRODUCTIONS, sender, work.now)
    return too_many


def count_stranger(tx: Transaction, work: Workplace, sender: str, *, known: bool) -> None:
    """Count an introduction by BSN that is about nobody here. One that is about a client takes as many writes."""
    if _count(tx, work, f"strangers/{sender}", 0 if known else 1) > STRANGERS and not known:
        alarms.sound(tx, Misuse.MANY_STRANGERS, sender, work.now)


def release(tx: Transaction, sender: str) -> int:
    """A person has looked at what a sender introduced: what was held can be typed; how many codes."""
    held = [one for one in AWAITED.scan(tx) if one.held and one.sender == sender]
    for one in held:
        AWAITED.put(tx, replace(one, held=False))
    return len(held)


def purge(tx: Transaction, today: int) -> None:
    """Destroy the counts of days that are over, and the codes that can't be typed any more."""
    for tally in list(TALLIES.scan(tx)):
        if tally.day < today:
            TALLIES.delete(tx, f"{tally.day}/{tally.what}".encode())
    for awaited in list(AWAITED.scan(tx)):
        if awaited.until < today:
            AWAITED.delete(tx, awaited.secret)


def _count(tx: Transaction, work: Workplace, what: str, more: int = 1) -> int:
    before = TALLIES.get(tx, f"{work.today}/{what}".encode())
    count = max((0 if before is None else before.count) + more, 0)
    TALLIES.put(tx, Tally(what, work.today, count))
    return count


def _day(work: Workplace) -> str:
    return f"day {date_text(work.today)}"
