# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What is different between two rule tables: what is narrowed, what is widened, who may no longer tell whom.

Guarantees:
- what one table permits and the other does not is compared question by question, not by how the rows are written;
- `is_narrowing` is the answer of `consent.rules.narrow`, which hub and edges ask when they start.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from consent.rules import Row, RuleTable, TableError, TableFault, narrow

Pair: TypeAlias = tuple[str, str]


class Kind(StrEnum):
    """What a change of one cell does."""

    NARROWED = "narrowed"
    WIDENED = "widened"
    OTHER = "other"


class Change(NamedTuple):
    """One cell of a row that both tables have."""

    row: int
    column: str
    before: object
    after: object
    kind: Kind


class Told(NamedTuple):
    """One thing that may be told: row, sender, recipient, ground, category."""

    row: int
    sender: str
    recipient: str
    ground: str
    category: str


@dataclass(frozen=True, slots=True)
class Difference:
    """From an old table to a new one. `silenced` are pairs that could tell each other something before and nothing now."""

    gone: tuple[int, ...]
    added: tuple[int, ...]
    changes: tuple[Change, ...]
    lost: tuple[Told, ...]
    won: tuple[Told, ...]
    silenced: tuple[Pair, ...]
    opened: tuple[Pair, ...]
    beyond: tuple[TableFault, ...]

    @property
    def is_narrowing(self) -> bool:
        """Whether the new table only takes away from the old one."""
        return not self.beyond


def compare(old: RuleTable, new: RuleTable) -> Difference:
    """What changes for those who use the old table and get the new one."""
    before, after = told(old), told(new)
    pairs_before, pairs_after = ({(one.sender, one.recipient) for one in each} for each in (before, after))
    return Difference(
        gone=tuple(sorted(old.rows.keys() - new.rows.keys())),
        added=tuple(sorted(new.rows.keys() - old.rows.keys())),
        changes=tuple(
            change
            for number, row in sorted(new.rows.items())
            if number in old.rows
            for change in _changes(old.rows[number], row)
        ),
        lost=tuple(sorted(before - after)),
        won=tuple(sorted(after - before)),
        silenced=tuple(sorted(pairs_before - pairs_after)),
        opened=tuple(sorted(pairs_after - pairs_before)),
        beyond=_beyond(old, new),
    )


def told(table: RuleTable) -> frozenset[Told]:
    """Everything that a table lets anybody tell, one category at a time."""
    return frozenset(
        Told(row, sender, recipient, ground, categories[0])
        for row, sender, recipient, ground, categories in table.permitted
        if len(categories) == 1
    )


def _beyond(old: RuleTable, new: RuleTable) -> tuple[TableFault, ...]:
    try:
        narrow(old, new.raw)
    except TableError as error:
        return error.faults
    return ()


def _changes(old: Row, new: Row) -> list[Change]:
    found = []
    for field in fields(Row):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            found.append(Change(new.id, field.name, before, after, _kind(before, after)))
    return found


def _kind(before: object, after: object) -> Kind:
    """Of cells that have an order: sets, yes and no, months."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        less, more = set(after) < set(before), set(before) < set(after)
    elif isinstance(before, bool | int) and isinstance(after, bool | int):
        less, more = after < before, before < after
    else:
        less = more = False
    return Kind.NARROWED if less else Kind.WIDENED if more else Kind.OTHER
