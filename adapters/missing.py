# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whom this edge may not tell about a client, and what is missing: pure, and it makes nothing.

Guarantees:
- the partners to whom something points come one by one: those of whom or to whom this edge read a message about the client, who
  tell about the client, or who were told before; of all others only their role is named, once;
- what stands against it comes before what is missing: nobody is asked for what the client refused or somebody stopped;
- where the law asks for consent or a declaration it says so, and no message stands in their place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.address_book import AddressBook
from adapters.lines import is_live, line_name
from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import FROZEN, GRANTS, SOURCES, Client, Grant
from adapters.references import ALLOCATION_ROWS, SOURCE_ROWS, STATUTORY
from adapters.refusals import is_refused
from adapters.shelf import Reads
from adapters.workplace import Workplace
from consent.rules import Row, ways
from schemas.address import role_of

REFUSED: Final = "refused"  # the client does not want it, or somebody holds it back
STOPPED: Final = "stopped"  # somebody else stopped it, and a person has not decided yet
ASK: Final = "ask"  # only consent will do, or a declaration of no objection
PERSON: Final = "person"  # a task that no message proves: a professional names its source
MESSAGE: Final = "message"  # the message that is the ground was not read
NO_BSN: Final = "no-bsn"  # the row introduces by BSN, and this client has none here
CLOSED: Final = "closed"  # nobody can allow it


@dataclass(frozen=True, slots=True)
class Missing:
    """One partner, or one role of partners (`partner` is None), and one row under which it would be told.

    `sources`: references of allocations between these two, for a person who must name one.
    """

    partner: str | None
    role: str
    row: Row
    ground: str
    why: str
    sources: tuple[str, ...] = ()


def missing(reads: Reads, work: Workplace, book: AddressBook, client: Client) -> list[Missing]:
    """What is missing before the partners of this client may be told."""
    told = {grant.recipient for grant in _grants(reads, client) if is_live(grant, work.today)}
    pointed = [one for one in _pointed_at(reads, client) if one not in told and book.by_address(one) is not None]
    found = [each for address in pointed for each in _about(reads, work, client, address)]
    roles = {role_of(one) for one in (*told, *pointed)}
    others = sorted({one.role for one in book.partners if one.address != work.address} - roles)
    return found + [each for role in others for each in _of_role(work, role)]


def _grants(reads: Reads, client: Client) -> Iterator[Grant]:
    yield from GRANTS.find(reads, "client", client.id.encode())


def _pointed_at(reads: Reads, client: Client) -> list[str]:
    key = client.id.encode()
    found = [one.partner for one in SOURCES.find(reads, "client", key) if one.partner]
    found += [one.sender for one in INTRODUCTIONS.find(reads, "client", key) if not one.withheld and not one.held]
    found += [one.recipient for one in _grants(reads, client)]
    return list(dict.fromkeys(found))


def _about(reads: Reads, work: Workplace, client: Client, address: str) -> list[Missing]:
    way = ways(work.rules, role_of(work.address), role_of(address))
    numbers = [one.number for one in SOURCES.find(reads, "client", client.id.encode()) if one.partner == address]
    found = []
    for row, ground in way.open:
        frozen = any(
            grant.state == FROZEN for grant in GRANTS.find(reads, "line", line_name(client.id, address, row).encode())
        )
        refused = is_refused(reads, client.id, address, row)
        why = REFUSED if refused else STOPPED if frozen else _needs(row, ground, client)
        named = tuple(numbers) if why == PERSON and row.id not in SOURCE_ROWS else ()
        found.append(Missing(address, role_of(address), row, ground, why, named))
    return found or [Missing(address, role_of(address), row, "", CLOSED) for row in way.closed]


def _of_role(work: Workplace, role: str) -> list[Missing]:
    way = ways(work.rules, role_of(work.address), role)
    return [Missing(None, role, row, ground, _needs(row, ground, None)) for row, ground in way.open]


def _needs(row: Row, ground: str, client: Client | None) -> str:
    if ground != STATUTORY:
        return ASK
    if row.id not in SOURCE_ROWS:
        return PERSON
    return NO_BSN if client is not None and client.bsn is None and row.introduction == "bsn" else MESSAGE


def is_allocation(row: Row) -> bool:
    """Whether the message that is missing is an allocation, and not an answer over Suwinet."""
    return row.id in ALLOCATION_ROWS
