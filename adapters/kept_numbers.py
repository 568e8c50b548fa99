# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Clients that were erased and whose number stays, since something stands that must still be obeyed about them.

Guarantees: whoever is registered anew, by a list or a native message, is an own client again and not kept for a refusal
alone; so what is destroyed when the last refusal goes is nobody's that this organisation helps now.
"""

from dataclasses import dataclass
from typing import Final

from adapters.shelf import Reads, Shelf
from adapters.store import Table, Transaction


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """A number that is kept for what stands, since a day; nothing of the client has come since."""

    client: str
    on: int


KEPT: Final = Shelf(Table("kept_number"), Kept, lambda r: r.client.encode())


def keep(tx: Transaction, client: str, today: int) -> None:
    """From today the number stays for what stands; twice is once."""
    if since(tx, client) is None:
        KEPT.put(tx, Kept(client, today))


def forget(tx: Transaction, client: str) -> None:
    """It is kept for that no more: the client came back, or is gone."""
    KEPT.delete(tx, client.encode())


def since(reads: Reads, client: str) -> int | None:
    """The day since which this number is kept for what stands alone; None: it is an own client like any other."""
    found = KEPT.get(reads, client.encode())
    return None if found is None else found.on


def all_kept(reads: Reads) -> list[Kept]:
    """Every number that is kept for what stands alone."""
    return list(KEPT.scan(reads))
