# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Which rows of a rule table are in use between given partners, and what is not known about them.

Guarantees: a row that lets any of these tell another is there, also when it works in test mode only; then it says so.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from consent.fg.law_words import AGES
from consent.fg.words import LAW_CELLS, MARKS
from consent.rules import Row, RuleTable
from schemas.address import role_of

_OTHERS: Final = {"consent_by": "wie toestemming geeft", "source": "in welke wet het staat"}


@dataclass(frozen=True, slots=True)
class Party:
    """A partner as a paper shows it."""

    address: str
    name: str | None = None
    state: str | None = None

    @property
    def role(self) -> str:
        """The role in the address."""
        return role_of(self.address)


@dataclass(frozen=True, slots=True)
class Used:
    """A row in use: between which roles, and whether it works with the settings as they are."""

    row: Row
    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    works: bool


def in_use(
    table: RuleTable, parties: Iterable[Party], *, working: Collection[int], of: str | None = None
) -> list[Used]:
    """Every row that is in force and lets one of these partners tell another; `of`: where this address takes part.

    `working`: the rows that the settings let in.
    """
    roles = {(party.role, party.address) for party in parties}
    found = []
    for row in table.rows.values():
        if not (row.in_force and row.permits):
            continue
        pairs = [
            (mine, theirs)
            for mine, sender in roles
            for theirs, recipient in roles
            if sender != recipient
            and mine in row.senders
            and theirs in row.recipients
            and of in (None, sender, recipient)
        ]
        if pairs:
            senders = tuple(sorted({mine for mine, _ in pairs}))
            found.append(Used(row, senders, tuple(sorted({theirs for _, theirs in pairs})), row.id in working))
    return found


def unread_cells(row: Row) -> list[str]:
    """The cells of a row whose law text nobody read, in words."""
    found = []
    for name in row.unread:
        column, _, age = name.partition(".")
        word = LAW_CELLS.get(column, _OTHERS.get(column, column)) + (f": {AGES.get(age, age)}" if age else "")
        mark = row.marks.get(name, "")
        found.append(f"{word} ({MARKS.get(mark, mark or 'zonder merk')})")
    return found
