# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Clients that were erased and whose number stays, since something stands that must still be obeyed about them.

Guarantees:
- whoever is registered anew, by a list or a native message, is an own client again and not kept for a refusal alone; so what is
  destroyed when the last refusal goes is nobody's that this organisation helps now;
- who was erased before numbers had this mark is told apart by a named person: from the store alone nobody can know whether a list
  has brought that client back. Until then the number stays, and is listed.
"""

from dataclasses import dataclass, replace
from typing import Final

from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import CLIENTS, GRANTS, SOURCES, Client
from adapters.records_people import BIRTHS, ERASED, Erased
from adapters.shelf import Reads, Shelf
from adapters.store import Table, Transaction
from schemas.calendar import day_of


class NotKeptError(ValueError):
    """Nobody need say this about this client; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """A number that is kept for what stands, since a day; nothing of the client has come since. `by`: who said so, of a client that was
    erased before numbers were marked."""

    client: str
    on: int
    by: str = ""


KEPT: Final = Shelf(Table("kept_number"), Kept, lambda r: r.client.encode())


def keep(tx: Transaction, client: str, today: int, by: str = "") -> None:
    """From today the number stays for what stands; twice is once."""
    if since(tx, client) is None:
        KEPT.put(tx, Kept(client, today, by))


def forget(tx: Transaction, client: str) -> None:
    """It is kept for that no more: the client is gone."""
    KEPT.delete(tx, client.encode())


def came_back(tx: Transaction, client: str, today: int) -> None:
    """It is kept for that no more: somebody registered the client anew, or began something."""
    forget(tx, client)
    erased = ERASED.get(tx, client.encode())
    if erased is not None and erased.back_on is None:
        ERASED.put(tx, replace(erased, back_on=today))


def since(reads: Reads, client: str) -> int | None:
    """The day since which this number is kept for what stands alone; None: it is an own client like any other."""
    found = KEPT.get(reads, client.encode())
    return None if found is None else found.on


def all_kept(reads: Reads) -> list[Kept]:
    """Every number that is kept for what stands alone."""
    return list(KEPT.scan(reads))


def in_doubt(reads: Reads) -> list[tuple[Client, Erased]]:
    """Who was erased before numbers were marked and whose number is still here, where nothing shows that the client came back."""
    found = []
    for erased in ERASED.scan(reads):
        client = CLIENTS.get(reads, erased.client.encode())
        if client is not None and erased.done and erased.back_on is None and not _is_told_apart(reads, client.id):
            found.append((client, erased))
    return found


def not_done(reads: Reads) -> list[tuple[Client, Erased]]:
    """Who is being erased and whose number is still here, since not everybody who was told knows it yet."""
    found = [(CLIENTS.get(reads, one.client.encode()), one) for one in ERASED.scan(reads) if not one.done]
    return [(client, one) for client, one in found if client is not None]


def _is_told_apart(reads: Reads, client: str) -> bool:
    key = client.encode()
    began = any(shelf.find(reads, "client", key) for shelf in (GRANTS, SOURCES))
    told = any(not one.withheld for one in INTRODUCTIONS.find(reads, "client", key))
    return since(reads, client) is not None or began or told or BIRTHS.get(reads, key) is not None


def tell_apart(tx: Transaction, client: Client, by: str, today: int, *, back: bool) -> None:
    """A named person says whether such a client came back; if not, the number is kept as today, since the day of the erasure.

    Raises:
        NotKeptError: of this client that is known.
    """
    for one, erased in in_doubt(tx):
        if one.id == client.id:
            if back:
                came_back(tx, client.id, today)
            else:
                keep(tx, client.id, day_of(erased.at), by)
            return
    raise NotKeptError("van deze cliënt is dat al bekend, of die is niet gewist")
