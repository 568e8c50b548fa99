# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of a native message: what it is used for, or on which ground it is dropped.

- Each format brings a table: a name of its standard -> a purpose, or a `Ground`. The outermost name that has one speaks
  for all that stands under it.
- Only names from these tables are ever shown: any other name is the sender's text, and may name a person.
- What a table does not name is dropped; nothing is used without a purpose that is written down.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from lxml import etree


class Ground(Enum):
    """Why a field stays behind."""

    IDENTITY = "says who a person is, beyond the one number that finds the client"
    SERVICE = "says which help a person gets"
    HEALTH = "is about health"
    MONEY = "is about money"
    CRIME = "is about crime"
    SAFETY = "is about the safety or the legal position of a person"
    OTHERS = "is about another person"
    FREE_TEXT = "is free text, which can say anything"
    TECHNICAL = "matters to the two systems alone"
    CHECKED = "is checked for its form; nobody needs to be told"
    REPEATED = "repeats the message that is answered"
    UNKNOWN = "has no name in this format"


Fields: TypeAlias = Mapping[str, str | Ground]


@dataclass(frozen=True, slots=True)
class Explained:
    """One place of a message, how often it occurs, and what becomes of it: `used` for something, or `dropped`."""

    path: str
    count: int
    used: str | None = None
    dropped: Ground | None = None


def explained(paths: Iterable[tuple[str, ...]], fields: Fields, containers: Collection[str]) -> list[Explained]:
    """Give each place once, in the order of the message. `containers`: names that only hold others."""
    counts: dict[tuple[str, str | Ground], int] = {}
    for path in paths:
        found = _verdict(path, fields, containers)
        counts[found] = counts.get(found, 0) + 1
    return [
        Explained(path, count, None, verdict) if isinstance(verdict, Ground) else Explained(path, count, verdict)
        for (path, verdict), count in counts.items()
    ]


def _verdict(path: tuple[str, ...], fields: Fields, containers: Collection[str]) -> tuple[str, str | Ground]:
    shown = ""
    for name in path:
        if name in fields:
            return f"{shown}/{name}", fields[name]
        if name not in containers:
            return f"{shown}/*", Ground.UNKNOWN
        shown = f"{shown}/{name}"
    return shown or "/", Ground.UNKNOWN


def xml_paths(root: etree._Element) -> Iterator[tuple[str, ...]]:
    """Give the names down to every element without children."""
    names: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            names.pop()
            continue
        names.append(etree.QName(element).localname)
        if not len(element):
            yield tuple(names)


def json_paths(value: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the keys down to every value that holds no others; the place in a list is no part of a path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from json_paths(item, (*above, key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from json_paths(item, above)
    else:
        yield above
