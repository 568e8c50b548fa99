# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Who saw what is kept about a client, and when: no record, no view.

Guarantees:
- the record is on the disk before what was asked for is handed to anybody, also when there is nothing to see;
- it names the person as that person says and the account as the machine knows it: the one can be false, the other not;
- it is kept for five years (the term of NEN 7513, from memory, not read) and shown to the citizen on request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters import restore
from adapters.address_book import AddressBook
from adapters.chain_view import ChainView, views
from adapters.records_outgoing import Client
from adapters.records_people import LOOKS, Look
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace

HELP: Final = "help"
REPORT: Final = "report"
CORRECTION: Final = "correction"
SUPERVISION: Final = "supervision"
INCIDENT: Final = "incident"
WHY: Final = {
    HELP: "om u te helpen",
    REPORT: "omdat om inzage is gevraagd",
    CORRECTION: "om een fout te herstellen",
    SUPERVISION: "om te controleren of alles volgens de regels gaat",
    INCIDENT: "omdat er misschien iets mis is gegaan",
}
CHAIN_VIEW: Final = "chain-view"
OVERVIEW: Final = "overview"
COULD_SEE: Final = "could-see"
LOG: Final = "log"
CODE: Final = "code"
WHAT: Final = {
    CHAIN_VIEW: "wat anderen over u vertelden",
    OVERVIEW: "dit overzicht",
    COULD_SEE: "wie op een dag iets over u kon zien",
    LOG: "de lijst van wie keek en wat er werd verteld",
    CODE: "of een code bij u hoort",
}

KEPT_DAYS: Final = 5 * 366
_DAY: Final = 86_400_000
_LONGEST: Final = 80


class NoNameError(ValueError):
    """This can't stand for a person; a Dutch sentence, without what was given."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, why, and under which account of the machine."""

    by: str
    account: str
    why: str = HELP

    def __post_init__(self) -> None:
        named(self.by)
        named(self.account)
        if self.why not in WHY:
            raise NoNameError("deze reden om te kijken staat niet in de lijst")


def named(name: str) -> str:
    """The name of a person who decides or looks, as it is kept.

    Raises:
        NoNameError: empty, longer than 80 characters, or with characters that can't be printed.
    """
    kept = " ".join(name.split())
    if not kept or len(kept) > _LONGEST or not kept.isprintable():
        raise NoNameError("geef een naam van 1 tot 80 leesbare tekens: wie kijkt of besluit, wordt vastgelegd")
    return kept


def look(work: Workplace, book: AddressBook, viewer: Viewer, clients: Sequence[Client]) -> list[ChainView]:
    """The chain views of these clients, one per task, after it was recorded that this person sees them.

    Raises:
        StoreError: it can't be recorded, so nothing is shown.
    """
    restored_on = restore.shown_on(work.store, work.today)
    found = {
        one.id: views(work.store, work.registry, book, work.address, one, work.today, restored_on) for one in clients
    }
    with work.commit("looked") as tx:
        for one in clients:
            tasks = tuple(f"{view.task.purpose}/{view.task.law}" for view in found[one.id])
            record(tx, work, viewer, one.id, CHAIN_VIEW, tasks)
    # A crash before this commit: nothing was shown. After it: the record says that it was, and perhaps nobody saw it.
    return [view for each in found.values() for view in each]


def record(
    tx: Transaction, work: Workplace, viewer: Viewer, client: str, what: str, tasks: tuple[str, ...] = ()
) -> Look:
    """Keep that this person sees this; it is shown after the commit only."""
    return LOOKS.put(
        tx, Look(work.id(), client, work.now, named(viewer.by), named(viewer.account), viewer.why, what, tasks)
    )


def looks_at(reads: Reads, client: str) -> list[Look]:
    """Every look at what is kept about a client, oldest first."""
    return sorted(LOOKS.find(reads, "client", client.encode()), key=lambda one: (one.at, one.id))


def purge(tx: Transaction, now: int) -> int:
    """Destroy what has had its time; how many."""
    over = [one for one in LOOKS.scan(tx) if now - one.at > KEPT_DAYS * _DAY]
    for one in over:
        LOOKS.delete(tx, one.id.encode())
    return len(over)
