# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""This partner's own clients: from native messages, or from a list.

Guarantees: one person is one client, found by BSN or by the partner's own number; two numbers that belong to
different clients are never joined by themselves; no error shows a number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from adapters import consent_words, kept_numbers
from adapters.records_outgoing import CLIENTS, Client
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.identity import Citizen


class ClientConflictError(ValueError):
    """A BSN and an own number that belong to two different clients."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientRow:
    """One line of a list of own clients. `bsn` None: this organisation knows none, as a school or a Veiligheidshuis may.

    `born`: the date of birth, where the list has it; it says whose consent counts, and stays here.
    """

    own_number: str
    bsn: str | None
    task: str
    born: int | None = None


def find(reads: Reads, citizen: Citizen) -> Client | None:
    """The own client that is this citizen."""
    if citizen.bsn is not None:
        found = CLIENTS.find(reads, "bsn", citizen.bsn.encode())
        if found:
            return found[0]
    if citizen.own_number is not None:
        return by_number(reads, citizen.own_number)
    return None


def by_number(reads: Reads, number: str) -> Client | None:
    """The own client with this number: the partner's own, or ours where the partner gave none."""
    found = CLIENTS.find(reads, "number", number.encode())
    if found:
        return found[0]
    client = CLIENTS.get(reads, number.encode())
    return client if client is not None and client.own_number is None else None


def register(
    tx: Transaction, work: Workplace, citizen: Citizen, tasks: Iterable[str] = (), born: int | None = None
) -> Client:
    """The own client that is this citizen, made or completed.

    Raises:
        ClientConflictError: BSN and own number belong to two clients.
        BirthError: nobody alive was born on that day.
    """
    bsn, number = citizen.bsn, citizen.own_number
    by_bsn = next(iter(CLIENTS.find(tx, "bsn", bsn.encode())), None) if bsn is not None else None
    numbered = by_number(tx, number) if number is not None else None
    if numbered is not None and (
        (by_bsn is not None and by_bsn.id != numbered.id)
        or (bsn is not None and numbered.bsn is not None and numbered.bsn != bsn)
    ):
        raise ClientConflictError("this own number belongs to a client with another BSN")
    known = by_bsn or numbered or Client("S" + work.id(), None, None)
    client = CLIENTS.put(
        tx,
        replace(
            known,
            bsn=bsn or known.bsn,
            own_number=number or known.own_number,
            tasks=tuple(sorted({*known.tasks, *tasks})),
        ),
    )
    kept_numbers.came_back(tx, client.id, work.today)
    if born is not None:
        consent_words.learn(tx, work, client.id, born)
    return client
