# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whom this organisation must tell that it learned something about them from somebody else (AVG art. 14).

The text of the AVG was not read here (mark M): one month at most, and four exceptions, are from memory.

Guarantees:
- one partner, purpose and law is told of once; what goes on under it later needs no second letter;
- the month counts from the first thing that came and was not called back, and is never counted longer than it is;
- an exception is the decision of a named person, from a closed list, and stays on record;
- what the table or a decision keeps from the report to the citizen is in no letter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook
from adapters.looks import named
from adapters.records_incoming import INTRODUCTIONS, TOLD, Introduced
from adapters.records_outgoing import CLIENTS, Client
from adapters.records_people import INFORMED, Informed
from adapters.rights_limits import CLIENT, is_limited, limits, row_of, shows
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import day_of, first_day, last_day, month_of

# States of what came from one partner under one purpose and law.
DUE: Final = "due"
INFORMED_BY_US: Final = "informed"
EXCEPTED: Final = "excepted"
BY_THE_TABLE: Final = "by-the-table"
KEPT_BACK: Final = "kept-back"
NOT_READ: Final = "not-read"  # why a letter is due: the table does not say that it isn't

EXCEPTIONS: Final[dict[str, str]] = {
    "a": "de cliënt weet dit al",
    "b": "het kan niet, kost onevenredig veel moeite, of maakt het doel onmogelijk",
    "c": "een wet schrijft dit voor en beschermt de cliënt daarbij",
    "d": "een wettelijk beroepsgeheim staat in de weg",
}
# What the column `notice` of a row says; None: not read, so a letter is due.
_TOLD_ALREADY: Final = ("at-consent", "before", "with-decision", "none")


class LetterError(ValueError):
    """This can't be marked; a Dutch sentence for the professional."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a client must hear, or need not: that `sender` tells us something, since `since`, at latest on `due`.

    `reason`: the exception, or what the table says, or `NOT_READ`.
    """

    client: str
    sender: str
    sender_name: str
    purpose: str
    law: str
    row: int
    ground: str
    categories: tuple[str, ...]
    since: int
    due: int
    state: str
    by: str | None = None
    at: int | None = None
    reason: str | None = None


def a_month_after(day: int) -> int:
    """The same day of the next month, or its last day where it has no such day."""
    following = month_of(day) + 1
    return min(first_day(following) + day - first_day(month_of(day)), last_day(following))


def letters(reads: Reads, work: Workplace, book: AddressBook, client: Client | None = None) -> list[Letter]:
    """Every one of a client, or of all clients; the most urgent first."""
    if client is not None:
        found = list(_of_client(reads, work, book, client))
    else:
        ids = dict.fromkeys(one.client for one in INTRODUCTIONS.scan(reads) if one.client is not None)
        known = [CLIENTS.get(reads, one.encode()) for one in ids]
        found = [each for one in known if one is not None for each in _of_client(reads, work, book, one)]
    return sorted(found, key=lambda one: (one.due, one.client, one.sender, one.purpose, one.law))


def mark(
    tx: Transaction, work: Workplace, client: Client, found: Iterable[Letter], by: str, exception: str | None = None
) -> int:
    """A person has told the client, or a named person finds that an exception holds; how many were due.

    Raises:
        LetterError: the exception is not in the list.
        NoNameError: nobody is named.
    """
    if exception is not None and exception not in EXCEPTIONS:
        raise LetterError("deze uitzondering staat niet in artikel 14 lid 5: kies a, b, c of d")
    who, due = named(by), [one for one in found if one.state == DUE]
    for one in due:
        INFORMED.put(tx, Informed(client.id, one.sender, one.purpose, one.law, who, work.now, exception))
    return len(due)


def _of_client(reads: Reads, work: Workplace, book: AddressBook, client: Client) -> Iterator[Letter]:
    told: dict[tuple[str, str, str], tuple[int, Introduced]] = {}
    for one in INTRODUCTIONS.find(reads, "client", client.id.encode()):
        if one.withheld or one.held:
            continue
        for event in TOLD.find(reads, "secret", one.secret):
            key, day = (one.sender, one.purpose, one.law), day_of(event.came_at)
            if not event.hidden and (key not in told or day < told[key][0]):
                told[key] = day, one
    marks = {(one.sender, one.purpose, one.law): one for one in INFORMED.find(reads, "client", client.id.encode())}
    for key, (since, introduced) in told.items():
        yield _letter(reads, work, book, client, introduced, since, marks.get(key))


def _letter(  # what one letter is made of
    reads: Reads,
    work: Workplace,
    book: AddressBook,
    client: Client,
    one: Introduced,
    since: int,
    marked: Informed | None,
) -> Letter:
    state, by, at, reason = DUE, None, None, None
    row = row_of(work.rules, one.row)
    if marked is not None:
        state = INFORMED_BY_US if marked.exception is None else EXCEPTED
        by, at, reason = marked.by, day_of(marked.at), marked.exception
    elif not shows(row, one.ground) or is_limited(limits(reads, client.id), CLIENT, one.law, one.sender, None):
        state = KEPT_BACK
    elif row is not None and row.notice in _TOLD_ALREADY:
        state, reason = BY_THE_TABLE, row.notice
    elif row is None or row.notice is None:
        reason = NOT_READ
    return Letter(
        client.number,
        one.sender,
        book.name_of(one.sender),
        one.purpose,
        one.law,
        one.row,
        one.ground,
        one.categories,
        since,
        a_month_after(since),
        state,
        by,
        at,
        reason,
    )
