# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Refusals: what a citizen does not want told, and what must not be told for somebody's safety.

Guarantees: a refusal outlives every grant; it is looked at before anything is registered, renewed, told or sent; and
nothing but a person lifts it. Why it stands is known here and nowhere else: outwardly all look the same.
"""

from dataclasses import replace
from typing import Final

from adapters.records import REFUSALS, Reads, Refused
from adapters.store import Transaction

CLOSED: Final = "closed"  # ended by a professional; leaves no refusal
WITHDRAWN: Final = "withdrawn"
OBJECTED: Final = "objected"
HELD: Final = "held"
KINDS: Final = (WITHDRAWN, OBJECTED, HELD)
REASONS: Final = (CLOSED, *KINDS)

WORDS: Final = {
    CLOSED: "afgesloten",
    WITHDRAWN: "toestemming ingetrokken",
    OBJECTED: "bezwaar van de cliënt",
    HELD: "tegengehouden",
}


def standing(reads: Reads, client: str, *, incoming: bool = False) -> list[Refused]:
    """The refusals of this client that nobody has lifted: against telling, or against being told."""
    found = REFUSALS.find(reads, "client", client.encode())
    return [refusal for refusal in found if refusal.lifted_at is None and refusal.incoming is incoming]


def is_refused(reads: Reads, client: str, partner: str, *, incoming: bool = False) -> bool:
    """Whether nothing about this client may be told to this partner; or, incoming, taken from it."""
    return any(concerns(refusal, partner) for refusal in standing(reads, client, incoming=incoming))


def concerns(refusal: Refused, partner: str) -> bool:
    """Whether the refusal is about this partner, or about all."""
    return refusal.recipient is None or refusal.recipient == partner


def refuse(tx: Transaction, new: Refused) -> None:
    """Keep a refusal; the same one twice is one."""
    same = (new.recipient, new.kind)
    if not any((old.recipient, old.kind) == same for old in standing(tx, new.client, incoming=new.incoming)):
        REFUSALS.put(tx, new)


def lift(tx: Transaction, client: str, partner: str | None, now: int, *, incoming: bool = False) -> int:
    """A person lifts what stands between this client and this partner, or everything for None; how many.

    A refusal that is about all partners is lifted by None only.
    """
    lifted = [old for old in standing(tx, client, incoming=incoming) if partner is None or old.recipient == partner]
    for old in lifted:
        REFUSALS.put(tx, replace(old, lifted_at=now))
    return len(lifted)
