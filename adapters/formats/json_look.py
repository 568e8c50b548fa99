# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One JSON object under inspection: gives what is asked for, in the form asked for, and gathers every fault.

- What is not asked for is never looked at, so it can't become part of anything.
- A fault names the place by the names of the standard; an unknown name is the sender's text and reads `*`.
- The day of a moment is the Dutch calendar day.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from adapters.formats import json_strict
from adapters.formats.moments import day_of_match, moment_of_match
from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed, NativeEvent
from schemas.calendar import parse_date
from schemas.event import FIRST_DAY, LAST_DAY
from schemas.identity import Citizen

DEPTH_LIMIT: Final = 32
TEXT_LIMIT: Final = 512
NUMBER_LIMIT: Final = 64
_FAULT_LIMIT: Final = 100

# What Unicode and CloudEvents (section 3.1) call no characters: control characters, and two at the end of each plane.
_NO_CHARACTERS: Final = r"\x00-\x1f\x7f-\x9f\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
TEXT: Final = re.compile(f"[^{_NO_CHARACTERS}]+")
_SIGNS = r"A-Za-z0-9\-._~!$&'()*+,;="
# RFC 3986 appendix A, without addresses in brackets: a first segment with a colon begins with a scheme.
URI_REFERENCE: Final = re.compile(
    r"(?=.)(?:[A-Za-z][A-Za-z0-9+.\-]*:|(?![^/?#]*:))"
    rf"(?://(?:(?:[{_SIGNS}:]|%[0-9A-Fa-f]{{2}})*@)?(?:[{_SIGNS}]|%[0-9A-Fa-f]{{2}})*(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    rf"(?:[{_SIGNS}:@/]|%[0-9A-Fa-f]{{2}})*"
    rf"(?:\?(?:[{_SIGNS}:@/?]|%[0-9A-Fa-f]{{2}})*)?(?:#(?:[{_SIGNS}:@/?]|%[0-9A-Fa-f]{{2}})*)?"
)
NINE_DIGITS: Final = re.compile(r"[0-9]{9}")
# RFC 3339 section 5.6; second 60 is allowed by it.
_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"
    r"(?:\.[0-9]{1,12})?(?:[Zz]|(?P<sign>[+-])(?P<ahead>[01][0-9]|2[0-3]):(?P<past>[0-5][0-9]))"
)
_Word = TypeVar("_Word", bound=StrEnum)


class Look:
    """One object and where it stands."""

    def __init__(self, item: Mapping[str, object], where: str, faults: list[Fault] | None = None) -> None:
        self.faults: list[Fault] = [] if faults is None else faults
        self.item = item
        self.where = where

    def fault(self, name: str, keyword: Keyword, code: str | None = None) -> None:
        """Note a fault at this name."""
        self.faults.append(Fault(f"{self.where}/{name}", keyword, code))

    def has(self, name: str) -> bool:
        """Whether there is a value; null stands for an absent one."""
        return self.item.get(name) is not None

    def only(self, names: Collection[str]) -> None:
        """Note it when there is a name that the form doesn't know."""
        if not set(names).issuperset(self.item):
            self.fault("*", Keyword.UNEXPECTED)

    def present(self, names: Iterable[str]) -> None:
        """Note each name that the standard requires, with any value, and that is not there."""
        for name in names:
            if name not in self.item:
                self.fault(name, Keyword.MISSING)

    def text(
        self, name: str, pattern: re.Pattern[str] = TEXT, *, limit: int = TEXT_LIMIT, required: bool = True
    ) -> str | None:
        """The text of this name."""
        value = self.item.get(name)
        if isinstance(value, str):
            if len(value) <= limit and pattern.fullmatch(value) is not None:
                return value
            self.fault(name, Keyword.PATTERN)
        elif value is not None or required:
            self.fault(name, Keyword.MISSING if value is None else Keyword.TYPE)
        return None

    def word(self, name: str, words: type[_Word], *, required: bool = True) -> _Word | None:
        """The word of a list."""
        text = self.text(name, required=required)
        if text is None:
            return None
        try:
            return words(text)
        except ValueError:
            self.fault(name, Keyword.CODE_LIST)
            return None

    def flag(self, name: str) -> bool:
        """True only where it says so."""
        value = self.item.get(name)
        if value is not None and not isinstance(value, bool):
            self.fault(name, Keyword.TYPE)
        return value is True

    def inside(self, name: str, *, required: bool = True) -> "Look | None":
        """The object of this name."""
        value = self.item.get(name)
        if isinstance(value, dict):
            return Look(value, f"{self.where}/{name}", self.faults)
        if value is not None or required:
            self.fault(name, Keyword.MISSING if value is None else Keyword.TYPE)
        return None

    def each(self, name: str) -> "list[Look]":
        """The objects in the array of this name."""
        value = self.item.get(name)
        if not isinstance(value, list):
            self.fault(name, Keyword.MISSING if value is None else Keyword.TYPE)
            return []
        found = []
        for place, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Look(item, f"{self.where}/{name}/{place}", self.faults))
            else:
                self.fault(f"{name}/{place}", Keyword.TYPE)
        return found

    def day(self, name: str, *, required: bool = True) -> int | None:
        """The day that a date names."""
        text = self.text(name, required=required)
        if text is None:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None or not FIRST_DAY <= day <= LAST_DAY:
            self.fault(name, Keyword.DATE)
            return None
        return day

    def moment(self, name: str) -> int | None:
        """The Dutch calendar day of a date and time."""
        text = self.text(name)
        if text is None:
            return None
        parts = _TIME.fullmatch(text)
        if parts is None:
            self.fault(name, Keyword.PATTERN)
            return None
        day = day_of_match(parts)
        if day is None:
            self.fault(name, Keyword.DATE)
        return day

    def at(self, name: str) -> int | None:
        """The moment itself, in ms since 1970 UTC; None, and no fault, where there is none."""
        text = self.item.get(name)
        parts = _TIME.fullmatch(text) if isinstance(text, str) else None
        return None if parts is None else moment_of_match(parts)

    def bsn(self, name: str, text: str | None) -> Citizen | None:
        """The citizen with this BSN."""
        if text is None:
            return None
        if NINE_DIGITS.fullmatch(text) is None:
            self.fault(name, Keyword.PATTERN)
            return None
        try:
            return Citizen(bsn=text)
        except ValueError:
            self.fault(name, Keyword.ELEVEN_TEST)
            return None


def read_each(
    value: object,
    where: str,
    one: Callable[[Look], NativeEvent | None],
    places: Sequence[str] | None = None,
) -> list[NativeEvent]:
    """Read an object, or each of an array, which is taken whole or refused whole; raises `Malformed`.

    `places`: how each of the array is called in a fault; None: by its number.
    """
    batch = isinstance(value, list)
    events: dict[tuple[str, ...], NativeEvent] = {}
    faults: list[Fault] = []
    for place, item in enumerate(value if isinstance(value, list) else [value]):
        path = where if not batch else f"{where}/{place}" if places is None else places[place]
        if not isinstance(item, dict):
            faults.append(Fault(path or "/", Keyword.TYPE))
            continue
        look = Look(item, path)
        event = one(look)
        if look.faults or event is None:
            faults.extend(look.faults)
            continue
        # At least once is normal: the same event twice is one event. Another one under the same id is a mistake.
        if events.setdefault(event.identity, event) != event:
            faults.append(Fault(f"{path}/id", Keyword.DUPLICATE))
    if faults:
        raise Malformed(tuple(faults[:_FAULT_LIMIT]))
    return list(events.values())


def parse_object(data: bytes) -> Look:
    """The one object of the file; raises `Malformed`."""
    value = json_strict.parse(data, SIZE_LIMIT, DEPTH_LIMIT)
    if not isinstance(value, dict):
        raise Malformed((Fault("/", Keyword.TYPE),))
    return Look(value, "")


def finish(look: Look) -> None:
    """Raise what was found."""
    if look.faults:
        raise Malformed(tuple(look.faults[:_FAULT_LIMIT]))
