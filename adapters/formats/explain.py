# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of a native message: what it is used for, or on which ground it is dropped.

- Each format brings a table: a name or a place of its standard -> a purpose, or a `Ground`. It speaks for all that
  stands under it.
- Only names from these tables are ever shown: any other name is the sender's text, and may name a person.
- What a table does not name is dropped; nothing is used without a purpose that is written down.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

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
    UNKNOWN = "is not in the list of the standard"


Fields: TypeAlias = Mapping[str, str | Ground]
# What becomes of one path: the place that is shown, and its purpose or ground; None: a known place that holds nothing.
Verdict: TypeAlias = tuple[str, str | Ground] | None

# Purposes that several formats share.
CLIENT: Final = "finds the client; the hub never sees it"
TELLER: Final = "who tells: nothing leaves but what this organisation wrote itself"
PARTNER: Final = "which partner it concerns, by the address book"
DAY: Final = "the day of the event"
CASE: Final = "the reference of the case; told only where the ground allows the category service"
KIND: Final = "what the event is"
TOLD_OR_BACK: Final = "whether it is told or called back"


@dataclass(frozen=True, slots=True)
class Explained:
    """One place of a message, how often it occurs, and what becomes of it: `used` for something, or `dropped`."""

    path: str
    count: int
    used: str | None = None
    dropped: Ground | None = None


def explained(paths: Iterable[tuple[str, ...]], verdict: Callable[[tuple[str, ...]], Verdict]) -> list[Explained]:
    """Give each place once, in the order of the message."""
    counts: dict[tuple[str, str | Ground], int] = {}
    for path in paths:
        found = verdict(path)
        if found is not None:
            counts[found] = counts.get(found, 0) + 1
    return [
        Explained(path, count, None, found) if isinstance(found, Ground) else Explained(path, count, found)
        for (path, found), count in counts.items()
    ]


def by_name(fields: Fields, containers: Collection[str]) -> Callable[[tuple[str, ...]], Verdict]:
    """A table of names that mean one thing wherever they stand: the outermost that has a meaning speaks.

    `containers`: names that only hold others.
    """

    def verdict(path: tuple[str, ...]) -> Verdict:
        shown = ""
        for name in path:
            if name in fields:
                return f"{shown}/{name}", fields[name]
            if name not in containers:
                return f"{shown}/*", Ground.UNKNOWN
            shown = f"{shown}/{name}"
        return shown or "/", Ground.UNKNOWN

    return verdict


def by_place(fields: Fields) -> Callable[[tuple[str, ...]], Verdict]:
    """A table of places such as `zaak/url`: the nearest one at or above a path speaks."""
    places = {tuple(place.split("/")): meaning for place, meaning in fields.items()}
    holders = {place[:length] for place in places for length in range(len(place))}

    def verdict(path: tuple[str, ...]) -> Verdict:
        for length in range(len(path), 0, -1):
            place = path[:length]
            if place in places:
                return "/" + "/".join(place), places[place]
            if place in holders:
                return None if length == len(path) else ("/" + "/".join((*place, "*")), Ground.UNKNOWN)
        return ("/*", Ground.UNKNOWN) if path else None

    return verdict


def under(holder: str, fields: Fields) -> dict[str, str | Ground]:
    """The same table, inside this place."""
    return {f"{holder}/{place}": meaning for place, meaning in fields.items()}


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
