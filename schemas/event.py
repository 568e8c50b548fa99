# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What happened, in the one vocabulary that all partners share.

- An event has a kind, a day and a law; nothing in it is free text and nothing in it names a person.
- Outside an edge an event exists only as parts, one JSON object per data category, so that a recipient
  gets the categories its ground allows and no others.
- A class of ending goes with `beeindigd` alone; the native reason behind it never becomes part of an event.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from schemas.calendar import date_text, parse_date

# What the definition of `progress` takes; a day beyond it is a mistake at the source.
FIRST_DAY = parse_date("1970-01-01")
LAST_DAY = parse_date("2199-12-31")
_REFERENCE = re.compile(r"[0-9A-Za-z-]{1,64}")
_Word = TypeVar("_Word", bound=StrEnum)

PROGRESS = "progress"
SERVICE = "service"
CATEGORIES = (PROGRESS, SERVICE)


class Kind(StrEnum):
    """The kinds of progress; Dutch words, because they are what professionals see."""

    AANGEMELD = "aangemeld"
    IN_ONDERZOEK = "in-onderzoek"
    AFGEWEZEN = "afgewezen"
    TOEGEWEZEN = "toegewezen"
    GESTART = "gestart"
    GEWIJZIGD = "gewijzigd"
    ONDERBROKEN = "onderbroken"
    HERVAT = "hervat"
    BEEINDIGD = "beeindigd"
    ACTIE_BELEGD = "actie-belegd"
    ACTIE_AFGEROND = "actie-afgerond"
    UITKOMST_BESCHIKBAAR = "uitkomst-beschikbaar"


class Ending(StrEnum):
    """The class of an ending, coarser on purpose than any native list of reasons."""

    VOLGENS_PLAN = "volgens-plan"
    VOORTIJDIG = "voortijdig"
    VERHUISD = "verhuisd"
    OVERLEDEN = "overleden"
    ANDER_DOMEIN = "ander-domein"


class Law(StrEnum):
    """The law under which the sender acts.

    `ONDERWIJS` stands for WPO, WVO 2020 and WEC together: which of them would tell that a school is one for special education.
    """

    WMO = "wmo"
    JEUGDWET = "jeugdwet"
    PARTICIPATIEWET = "participatiewet"
    SUWI = "suwi"
    ZVW = "zvw"
    ONDERWIJS = "onderwijs"
    WGS = "wgs"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of progress. `law` is None only at a recipient that was not given the category `service`."""

    kind: Kind
    day: int
    law: Law | None
    ending: Ending | None = None
    reference: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.ending is not None and self.kind is not Kind.BEEINDIGD:
            raise ValueError("ending goes with kind beeindigd only")
        if not FIRST_DAY <= self.day <= LAST_DAY:
            raise ValueError("day is outside the calendar")
        if self.reference is not None and _REFERENCE.fullmatch(self.reference) is None:
            raise ValueError("reference must be 1 to 64 letters, digits and hyphens")

    def parts(self, categories: Iterable[str]) -> dict[str, dict[str, object]]:
        """Give the JSON object of each category asked for; a category that does not exist is refused.

        Raises:
            ValueError: such a category does not exist, or needs a law that the event has not.
        """
        wanted = set(categories)
        if not wanted <= set(CATEGORIES):
            raise ValueError("unknown data category")
        parts: dict[str, dict[str, object]] = {}
        if PROGRESS in wanted:
            parts[PROGRESS] = {"kind": self.kind.value, "date": date_text(self.day)}
            if self.ending is not None:
                parts[PROGRESS]["ending"] = self.ending.value
        if SERVICE in wanted:
            if self.law is None:
                raise ValueError("an event without a law has no part service")
            parts[SERVICE] = {"law": self.law.value}
            if self.reference is not None:
                parts[SERVICE]["reference"] = self.reference
        return parts

    @classmethod
    def from_parts(cls, parts: Mapping[str, Mapping[str, object]]) -> "Event":
        """Put an event together from the parts that came.

        Raises:
            ValueError: they are not those of one event; it names no value.
        """
        if PROGRESS not in parts or not set(parts) <= set(CATEGORIES):
            raise ValueError("an event needs the part progress and knows no other part than service")
        progress, service = parts[PROGRESS], parts.get(SERVICE)
        _only(progress, {"kind", "date", "ending"})
        if service is not None:
            _only(service, {"law", "reference"})
        return cls(
            kind=_member(Kind, progress.get("kind")),
            day=parse_date(_text(progress.get("date"))),
            law=None if service is None else _member(Law, service.get("law")),
            ending=_member(Ending, progress["ending"]) if "ending" in progress else None,
            reference=_text(service["reference"]) if service is not None and "reference" in service else None,
        )


def _only(part: Mapping[str, object], names: set[str]) -> None:
    if not set(part) <= names:
        raise ValueError("a part has a property it does not know")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a property that is text is missing or has another type")  # noqa: TRY004
    return value


def _member(words: type[_Word], value: object) -> _Word:
    try:
        return words(_text(value))
    except ValueError:
        raise ValueError(f"this is no {words.__name__.lower()} of the vocabulary") from None
