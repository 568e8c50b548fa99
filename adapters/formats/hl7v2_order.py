# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The order of the segments of a message, written as a line of names, and whether a message keeps it.

`NAME` once, `NAME?` at most once, `NAME*` any number, `NAME+` at least once; `( )` a group that is repeated as one,
`[ ]` any of these. What comes next always decides which of them it is, so one pass without looking back is enough.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"[A-Z][A-Z0-9]{2}[?*+]?|[(\[]|[)\]][?*+]?")


@dataclass(frozen=True, slots=True)
class Part:
    """A segment, or a group of parts, and how often it may stand there; `first`: the names with which it begins."""

    first: frozenset[str]
    inside: tuple["Part", ...]
    least: int
    many: bool

    def names(self) -> Iterator[str]:
        """The names of all segments in it."""
        yield from self.first
        for part in self.inside:
            yield from part.names()


def order(line: str) -> tuple[Part, ...]:
    """Read such a line."""
    tokens = iter(_TOKEN.findall(line))
    return _parts(tokens)[0]


def _parts(tokens: Iterator[str]) -> tuple[tuple[Part, ...], str]:
    """The parts up to the end of this group, and how often the group may stand there."""
    found: list[Part] = []
    for piece in tokens:
        if piece[0] in ")]":
            return tuple(found), piece[1:]
        if piece == "(":
            inside, often = _parts(tokens)
            found.append(Part(_begins(inside), inside, *_number(often)))
        elif piece == "[":
            inside, often = _parts(tokens)
            found.append(Part(frozenset().union(*(part.first for part in inside)), (), *_number(often)))
        else:
            found.append(Part(frozenset({piece[:3]}), (), *_number(piece[3:])))
    return tuple(found), ""


def _begins(parts: Sequence[Part]) -> frozenset[str]:
    first: frozenset[str] = frozenset()
    for part in parts:
        first |= part.first
        if part.least:
            break
    return first


def _number(often: str) -> tuple[int, bool]:
    return int(often in ("", "+")), often in ("*", "+")


def out_of_order(parts: Sequence[Part], names: Sequence[str]) -> str | None:
    """The first segment that may not stand where it does; None: all may."""
    place, whole = _follow(parts, names, 0)
    if whole and place == len(names):
        return None
    return names[min(place, len(names) - 1)]


def _follow(parts: Sequence[Part], names: Sequence[str], place: int) -> tuple[int, bool]:
    """How far the names go by these parts, and whether nothing that must be there was missing."""
    for part in parts:
        count = 0
        while place < len(names) and names[place] in part.first and (part.many or not count):
            if part.inside:
                place, whole = _follow(part.inside, names, place)
                if not whole:
                    return place, False
            else:
                place += 1
            count += 1
        if count < part.least:
            return place, False
    return place, True
