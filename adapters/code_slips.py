# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The slip with a one-time code that the citizen takes to one partner, and which codes were not typed yet.

Guarantees: a code is shown once, at its printing, and kept nowhere; a lost one is replaced, which makes it void. The slip
names this organisation's partner and nobody else, and says nothing of the help, so it can be handed over as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters import quotas
from adapters.address_book import AddressBook
from adapters.code import OneTimeCode, new_code
from adapters.lines import begin_anew, is_live, newest
from adapters.records_outgoing import CLIENTS, DONE, GRANTS, INTRODUCTION, ITEMS, Client, Grant
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.calendar import date_text, day_of

_MONTHS: Final = "januari februari maart april mei juni juli augustus september oktober november december".split()


class TooManyCodesError(ValueError):
    """No more codes are printed today; said in Dutch, naming nobody."""

    def __init__(self) -> None:
        super().__init__(
            "vandaag zijn er al zo veel codes afgedrukt dat er geen bij mogen; morgen kan het weer, en een collega is "
            "gewaarschuwd"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Slip:
    """A code for one partner, until its last day, as the citizen takes it along."""

    recipient: str
    recipient_name: str
    code: str
    until: int
    text: str


@dataclass(frozen=True, slots=True)
class WaitingCode:
    """A grant by code of which the recipient does not know yet whom it is about. `until` None: it has no code."""

    client: str
    recipient: str
    until: int | None
    state: str


def in_words(day: int) -> str:
    """A day as people write it: 3 maart 2026."""
    year, month, number = date_text(day).split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def slip(reads: Reads, book: AddressBook, grant: Grant, code: OneTimeCode) -> Slip:
    """What is printed for the citizen. Its introduction leaves at a moment of its own; before that the code opens nothing."""
    name, until = book.name_of(grant.recipient), grant.code_until or grant.end
    items = ITEMS.find(reads, "grant_made", grant.id.encode())
    leaves = max((day_of(one.release_at) for one in items if one.kind == INTRODUCTION), default=0)
    since = f" vanaf {in_words(leaves)} en" if leaves > grant.begin else ","
    lines = (
        f"Code voor {name}",
        "",
        f"    {code.text}",
        "",
        f"Geef deze code aan uw contactpersoon bij {name}. Die voert hem in, en weet dan dat wat wij vertellen over u gaat.",
        "Uw burgerservicenummer gaat niet mee.",
        f"De code werkt één keer, alleen bij {name}{since} tot en met {in_words(until)}.",
        "Wordt hij daar nog niet aangenomen, probeer het dan de volgende werkdag opnieuw.",
        "Bent u hem kwijt of is hij verlopen, dan drukken wij een nieuwe af. De oude werkt dan niet meer.",
        f"Geeft u de code niet, dan vertellen wij {name} niets.",
        "Geef de code aan niemand anders, en houd hem apart van uw stopcode.",
    )
    return Slip(grant.recipient, name, code.text, until, "\n".join(lines) + "\n")


def count_printed(tx: Transaction, work: Workplace, recipient: str) -> None:
    """Count a code for this recipient.

    Raises:
        TooManyCodesError: it may not be printed any more today.
    """
    if not quotas.may_print(tx, work, recipient):
        raise TooManyCodesError


def print_anew(tx: Transaction, work: Workplace, book: AddressBook, grants: Sequence[Grant]) -> list[Slip]:
    """A new code for each of these; the old ones are void from this commit on.

    Raises:
        TooManyCodesError: they may not be printed any more today.
    """
    slips = []
    for grant in grants:
        count_printed(tx, work, grant.recipient)
        code = new_code(grant.recipient, work.random)
        slips.append(slip(tx, book, begin_anew(tx, work, grant, code), code))
    return slips


def by_code(reads: Reads, client: Client, today: int) -> Iterator[Grant]:
    """The newest grant of each line about a client that is introduced by code and may be told under."""
    for line in dict.fromkeys(grant.line for grant in GRANTS.find(reads, "client", client.id.encode())):
        grant = newest(reads, line)
        if grant is not None and grant.by_code and is_live(grant, today):
            yield grant


def waits_for(reads: Reads, grant: Grant, recipient: str, today: int) -> str:
    """Why nothing leaves under a grant by code yet."""
    if not (grant.proof or grant.tie):
        return "er is nog geen code: druk er een af"
    items = ITEMS.find(reads, "grant_made", grant.id.encode())
    if not any(item.kind == INTRODUCTION and item.final == DONE for item in items):
        return "wacht op de kennismaking"
    if grant.code_until is None:
        return f"{recipient} moet de cliënt nog herkennen; duurt dit lang, druk dan een code af"
    if today > grant.code_until:
        return "de code is verlopen: druk een nieuwe af"
    return f"wacht tot {recipient} de code heeft ingevoerd (uiterlijk {date_text(grant.code_until)})"


def waiting(reads: Reads, book: AddressBook, today: int) -> list[WaitingCode]:
    """Every grant by code under which nothing leaves yet."""
    found = []
    for client in CLIENTS.scan(reads):
        for grant in by_code(reads, client, today):
            if not grant.introduced:
                name = book.name_of(grant.recipient)
                found.append(WaitingCode(client.number, name, grant.code_until, waits_for(reads, grant, name, today)))
    return found
