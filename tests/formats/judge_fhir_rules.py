# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The rules of FHIR R4 that its JSON Schema doesn't say, by the text of the standard; shares no code with our reader.

Only what our reader keeps is judged, and only in JSON: the same message in XML goes through the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

_TELLING = frozenset("Task ServiceRequest CarePlan EpisodeOfCare Appointment Communication".split())
_DATES = frozenset("authoredOn lastModified created sent received start end lastUpdated".split())
_ORDERS = frozenset({"transaction", "batch"})


def broken_rules(whole: dict[str, Any]) -> list[str]:
    """The names of the rules that this resource, of which the schema approves, breaks."""
    entries = whole.get("entry", [])
    resources = [whole, *(entry["resource"] for entry in entries if "resource" in entry)]
    found = [rule for one in resources if one["resourceType"] in _TELLING for rule in _of_one(one)]
    return found + (list(_of_bundle(whole, entries)) if whole["resourceType"] == "Bundle" else [])


def _of_one(one: dict[str, Any]) -> Iterator[str]:
    contained = one.get("contained", [])
    names = [inner["id"] for inner in contained if isinstance(inner.get("id"), str)]
    if len(set(names)) != len(names):
        yield "two of one id"
    if any("contained" in inner for inner in contained):
        yield "dom-2"
    if one.keys() & {"implicitRules", "_implicitRules", "modifierExtension"}:
        yield "what changes all the rest"
    if not all(map(_is_day, _days(one))):
        yield "a day that is not on the calendar"
    for period in ("executionPeriod", "period"):
        if _later(one.get(period, {}).get("start"), one.get(period, {}).get("end")):
            yield "per-1"
    if _later(one.get("authoredOn"), one.get("lastModified")):
        yield "inv-1"
    if one["resourceType"] == "Appointment":
        if ("start" in one) != ("end" in one):
            yield "app-2"
        if "start" not in one and one.get("status") not in ("proposed", "cancelled", "waitlist"):
            yield "app-3"
        if any("status" not in who for who in one["participant"]):
            yield "participant.status 1..1"


def _of_bundle(whole: dict[str, Any], entries: list[dict[str, Any]]) -> Iterator[str]:
    kind = whole.get("type")
    for entry in entries:
        if "search" in entry and kind != "searchset":
            yield "bdl-2"
        if ("request" in entry) != (kind in _ORDERS) or ("request" in entry and "url" not in entry["request"]):
            yield "bdl-3"
        if "response" in entry:
            yield "bdl-4"
        if "resource" not in entry:
            yield "bdl-5"
        if "/_history/" in entry.get("fullUrl", ""):
            yield "bdl-8"
    urls = [entry["fullUrl"] for entry in entries if "fullUrl" in entry]
    if len(set(urls)) != len(urls):
        yield "bdl-7"
    if kind == "message" and entries[0]["resource"]["resourceType"] != "MessageHeader":
        yield "bdl-12"


def _days(value: Any) -> Iterator[str]:
    """Every kept date; what is in a structure that is dropped has another depth than these."""
    for structure in (value, value.get("meta", {}), value.get("executionPeriod", {}), value.get("period", {})):
        yield from (text for name, text in structure.items() if name in _DATES and isinstance(text, str))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10] if len(text) >= 10 else f"{text[:4]}-01-01")
    except ValueError:
        return False
    return True


def _later(first: str | None, second: str | None) -> bool:
    """By the days alone: what differs by less than two days may be a matter of the time zone."""
    if first is None or second is None or not re.match(r"\d{4}-\d\d-\d\d", min(first, second, key=len)):
        return False
    return date.fromisoformat(first[:10]).toordinal() - date.fromisoformat(second[:10]).toordinal() > 1
