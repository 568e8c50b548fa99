# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The rules of FHIR R4 about what is kept of a resource that its schema doesn't say; their names are the standard's.

A validator of the standard refuses what breaks them, so no event comes of it.
"""

import re
from typing import Final

from adapters.formats.fhir_bundle import Entry, Found
from adapters.formats.fhir_lists import Resource
from adapters.formats.fhir_shape import TYPE, Kept, inside, structures, text
from adapters.formats.moments import dutch_day, moment, moment_of_match
from adapters.formats.native import Keyword
from adapters.formats.xml_strict import Walk
from schemas.calendar import day_of

_WHEN: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)(?:\.[0-9]{1,12})?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead>0[0-9]|1[0-4]):(?P<past>[0-5][0-9])))?"
)
_DAY: Final = len("2026-03-03")
# Nobody agreed on a moment yet, or no longer (app-3).
_WITHOUT_MOMENT: Final = frozenset({"proposed", "cancelled", "waitlist"})


def day_in(said: str) -> int | None:
    """The Dutch day of a date or a moment; None where it names none: a year or a month alone, or outside our calendar."""
    parts = _WHEN.fullmatch(said)
    if parts is None:
        return None
    if parts["hour"] is None:
        return dutch_day(parts["date"], 12, 0, 0, 0)
    found = moment_of_match(parts)
    return None if found is None else day_of(found)


def moment_in(said: str) -> int | None:
    """The same in ms since 1970 UTC; a day without a time counts as noon."""
    parts = _WHEN.fullmatch(said)
    if parts is None:
        return None
    return moment(parts["date"], 12, 0, 0, 0) if parts["hour"] is None else moment_of_match(parts)


def check(entry: Entry, rules: Resource, walk: Walk) -> None:
    """Note what breaks a rule."""
    resource, path = entry.resource, entry.path
    for place in ("executionPeriod", "period"):  # per-1
        if _after(inside(resource, place, "start"), inside(resource, place, "end")):
            walk.fault(f"{path}/{place}", Keyword.DATE_ORDER)
    if _after(text(resource, "authoredOn"), text(resource, "lastModified")):  # inv-1
        walk.fault(f"{path}/lastModified", Keyword.DATE_ORDER)
    if resource[TYPE] == "Appointment":
        _appointment(resource, path, walk)
    for named in dict.fromkeys([rules.subject, *rules.teller.values(), rules.told]):
        if named is not None and any(entry.points_nowhere(one) for one in references(entry, named)):
            walk.fault(f"{path}/{named}/reference", Keyword.MISSING)


def references(entry: Entry, place: str) -> list[Kept]:
    """The references in a place; of the participants of an appointment those to who takes part."""
    found = structures(entry.resource, place)
    return [actor for one in found for actor in structures(one, "actor")] if place == "participant" else found


def left_behind(found: Found) -> str | None:
    """Where a resource says that it no longer stands for whom it names: not in use, or replaced by another."""
    if text(found.resource, "active") == "false":
        return f"{found.path}/active"
    for number, link in enumerate(structures(found.resource, "link"), 1):
        if text(link, "type") == "replaced-by":
            return f"{found.path}/link[{number}]/type"
    return None


def _appointment(resource: Kept, path: str, walk: Walk) -> None:
    start, end = text(resource, "start"), text(resource, "end")
    for place, one, other in (("start", start, end), ("end", end, start)):  # app-2, app-3
        if one is None and (other is not None or text(resource, "status") not in _WITHOUT_MOMENT):
            walk.fault(f"{path}/{place}", Keyword.MISSING)
    if _after(start, end):
        walk.fault(f"{path}/end", Keyword.DATE_ORDER)
    for number, who in enumerate(structures(resource, "participant"), 1):
        if "status" not in who:
            walk.fault(f"{path}/participant[{number}]/status", Keyword.MISSING)


def _after(first: str | None, second: str | None) -> bool:
    """Whether what should come first comes later, as far as both say it: a year alone is no later than a day in it."""
    if first is None or second is None:
        return False
    if "T" in first and "T" in second:
        one, other = moment_in(first), moment_in(second)
        if one is not None and other is not None:
            return one > other
    length = min(len(first), len(second), _DAY)
    return first[:length] > second[:length]
