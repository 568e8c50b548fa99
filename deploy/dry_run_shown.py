# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A dry run on the screen: the events of a file, what is wrong with it, what becomes of its fields, and all files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from adapters.formats.explain import Explained, Ground
from deploy.dry_run import Outcome, event_as_json
from deploy.screen import Screen, bad, good, plain, table

_EVENT = ("kind", "day", "law", "ending", "reference", "citizen", "from", "to", "note")


def show(screen: Screen, one: Outcome, *, shown: bool) -> None:
    """Everything of one file."""
    title = f"{one.title} ({one.format})"
    if one.report is None:
        rows = [list(_flat(event_as_json(event, shown=shown))) for event in one.events]
        if rows:
            screen.say(table(title, _EVENT, rows), good(f"{len(rows)} event(s)."))
        else:
            screen.say(good(f"{title}: in order; it says nothing about the course of a case, so there is no event."))
    else:
        rows = [[fault["pad"], fault["fout"], fault["retourcode"], fault["en"]] for fault in _faults(one)]
        screen.say(table(title, ("path", "what", "code", "what to do"), rows), bad("Refused as a whole."))
    if one.fields is not None:
        _show_fields(screen, one)


def _show_fields(screen: Screen, one: Outcome) -> None:
    fields = one.fields or ()
    rows = [
        [field.path, field.count, "stays behind" if field.dropped else "used", _what_becomes(field)] for field in fields
    ]
    title = f"{one.title}: what becomes of each field"
    used = sum(field.dropped is None for field in fields)
    unknown = sum(field.dropped is Ground.UNKNOWN for field in fields)
    sentence = f"{used} used, {len(fields) - used} stay(s) behind" + (
        f", of which {unknown} unknown" if unknown else ""
    )
    screen.say(table(title, ("field", "times", "", "for what, or why"), rows), plain(f"{sentence}."))


def _what_becomes(field: Explained) -> str:
    return field.used or "" if field.dropped is None else f"it {field.dropped.value}"


def show_summary(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    """One line per file: how many messages were read, how many refused, and why the first was."""
    files: dict[str, list[Outcome]] = {}
    for one in outcomes:
        files.setdefault(one.name, []).append(one)
    rows = [
        [
            name,
            ", ".join(sorted({one.format for one in inside})),
            sum(one.report is None for one in inside),
            sum(one.report is not None for one in inside),
            sum(len(one.events) for one in inside),
            next((_why(one) for one in inside if one.report is not None), ""),
        ]
        for name, inside in files.items()
    ]
    refused = sum(one.report is not None for one in outcomes)
    events = sum(len(one.events) for one in outcomes)
    sentence = f"{len(outcomes) - refused} message(s) read, {refused} refused, {events} event(s)."
    columns = ("file", "format", "read", "refused", "events", "why")
    screen.say(table("All files", columns, rows), bad(sentence) if refused else good(sentence))


def _why(one: Outcome) -> str:
    if one.report is None:
        return ""
    faults = _faults(one)
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    place = "" if one.number is None else f"message {one.number} "
    return f"{place}{faults[0]['pad']}: {faults[0]['fout']}{more}"


def _faults(one: Outcome) -> list[dict[str, str | None]]:
    report = one.report or {"fouten": []}
    return cast("list[dict[str, str | None]]", report["fouten"])


def _flat(event: dict[str, object]) -> Sequence[object]:
    who = cast("dict[str, str | None]", event["citizen"])
    words = (("retracts", "retracts"), ("makes grants", "grants"), ("answers a request", "answers"))
    marks = [word for word, name in words if event[name]]
    plain_fields = [event[name] for name in ("kind", "day", "law", "ending", "reference")]
    number = " / ".join(one for one in (who["bsn"], who["own_number"]) if one)
    return [*plain_fields, number, event["from"], event["to"], ", ".join(marks)]
