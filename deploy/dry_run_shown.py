# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A dry run on the screen: the events of a file, what is wrong with it, what becomes of its fields, and all files.

Everything fits 80 columns: what is long stands on a line of its own, not in a narrow column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import cast

from adapters.formats.explain import Explained, Ground
from adapters.formats.native import Keyword
from deploy.dry_run import Outcome, event_as_json
from deploy.screen import Screen, bad, good, note, plain, table

_EVENT = ("day", "kind", "law", "citizen", "reference", "from, to", "note")
_WHOLE = frozenset({"day", "kind", "law", "citizen", "format"})
_NARROW = 80  # columns; in fewer, a cell that isn't broken would push the others out
_NAMED = 4  # of the things about which the same is to be done
_COUNTS = frozenset({"read", "refused", "events", "times"})
# What is said of all messages of a format, and of none in particular: why a file was refused is rather something else.
_OF_THE_SETTINGS = frozenset({Keyword.LAW})
# Faults that say no more than that it is something else, where it is known what.
_SOMETHING_ELSE = frozenset({Keyword.VOCABULARY, Keyword.NOT_WELL_FORMED, Keyword.ENCODING, Keyword.LAW})


def show(screen: Screen, one: Outcome, *, shown: bool, explains: bool = False) -> None:
    """Everything of one file; of its fields where that is asked."""
    title = f"{one.title} ({one.format})"
    if one.report is not None:
        _show_refused(screen, title, one)
    elif one.events:
        _show_events(screen, title, one, shown=shown)
    else:
        screen.say(good(f"{title}: in order; it says nothing about the course of a case, so there is no event."))
    if explains and one.fields is not None:
        _show_fields(screen, f"{one.title}: what becomes of each field", one.fields)
    elif explains:
        screen.say(note(f"{one.title}: nothing can be said of its fields."))


def _show_events(screen: Screen, title: str, one: Outcome, *, shown: bool) -> None:
    rows = [_cells(event_as_json(event, shown=shown), shown=shown) for event in one.events]
    filled = [column for column in range(len(_EVENT)) if any(row[column] for row in rows)]
    columns = [_EVENT[column] for column in filled]
    cells = [[row[column] for column in filled] for row in rows]
    screen.say(table(title, columns, cells, whole=_whole(screen)), good(f"{len(rows)} event(s)."))


def _whole(screen: Screen) -> frozenset[str]:
    return _WHOLE if screen.width >= _NARROW else frozenset()


def _show_refused(screen: Screen, title: str, one: Outcome) -> None:
    found, faults = one.looks_like, _faults(one)
    if found is not None:
        faults = [fault for fault in faults if fault["fout"] not in _SOMETHING_ELSE]
    if faults:
        codes = any(fault["retourcode"] for fault in faults)
        keys = ("pad", "fout", *(("retourcode",) if codes else ()), "en")
        columns = ("path", "what", *(("code",) if codes else ()), "what to do")
        screen.say(table(title, columns, [[fault[key] for key in keys] for fault in faults]))
    if found is None:
        screen.say(bad("Refused as a whole."))
    else:
        screen.say(
            bad(f"{'' if faults else title + ': '}Refused as a whole. This is {found.en}."), plain(found.what_en)
        )


# -- fields ----------------------------------------------------------------------------------------------------------


def show_fields_of_all(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    """What becomes of each field of many messages, by format: each once, with how often it occurs in all of them."""
    for name in dict.fromkeys(one.format for one in outcomes):
        explained = [one.fields for one in outcomes if one.format == name and one.fields is not None]
        counts: dict[Explained, int] = {}
        for field in chain.from_iterable(explained):
            kind = replace(field, count=0)
            counts[kind] = counts.get(kind, 0) + field.count
        if explained:
            title = f"{len(explained)} message(s) of {name}: what becomes of each field"
            _show_fields(screen, title, [replace(kind, count=count) for kind, count in counts.items()])


def _show_fields(screen: Screen, title: str, fields: Sequence[Explained]) -> None:
    used = [field for field in fields if field.dropped is None]
    stay = [field for field in fields if field.dropped is not None]
    unknown = sum(field.dropped is Ground.UNKNOWN for field in fields)
    screen.say(plain(""), note(title))
    _show_group(screen, "Used", used)
    _show_group(screen, "Stays behind", stay)
    more = f", of which {unknown} unknown" if unknown else ""
    screen.say(plain(""), plain(f"{len(used)} used, {len(stay)} stay(s) behind{more}."))


def _show_group(screen: Screen, title: str, fields: Sequence[Explained]) -> None:
    """Each purpose or ground once, and under it its fields with how often they occur."""
    by_reason: dict[str, list[Explained]] = {}
    for field in fields:
        by_reason.setdefault(_what_becomes(field), []).append(field)
    if fields:
        screen.say(plain(""), good(title) if title == "Used" else bad(title))
    for reason, of_it in by_reason.items():
        for number, line in enumerate(_wrapped(reason.split(" "), " ", screen.width - 6)):
            screen.say(plain(f"{'    ' if number else '  '}{line}"))
        for field in of_it:
            _show_field(screen, field)


def _show_field(screen: Screen, field: Explained) -> None:
    times = f"  ({field.count} times)" if field.count > 1 else ""
    names = [f"/{name}" for name in field.path.removeprefix("/").split("/")]
    *first, last = _wrapped(names, "", screen.width - 8 - len(times))
    for number, line in enumerate([*first, last + times]):
        screen.say(plain(f"{'        ' if number else '      '}{line}"))


def _wrapped(words: Iterable[str], between: str, width: int) -> list[str]:
    """The words in lines of at most so many columns; a longer word is a line of its own."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(between) + len(word) <= width:
            lines[-1] += between + word
        else:
            lines.append(word)
    return lines


def _what_becomes(field: Explained) -> str:
    return field.used or "" if field.dropped is None else f"it {field.dropped.value}"


# -- all files -------------------------------------------------------------------------------------------------------


def show_summary(screen: Screen, outcomes: Sequence[Outcome], *, in_full: bool) -> None:
    """One line per file; and, unless all that was refused was shown in full, what to do about how many messages."""
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
    screen.say(table("All files", columns, rows, numbers=_COUNTS, whole=_whole(screen)))
    if not in_full:
        _show_reasons(screen, outcomes)
    screen.say(bad(sentence) if refused else good(sentence))


def _show_reasons(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    """What to do, each thing once: about how many messages, and for what in them most of all."""
    messages: Counter[str] = Counter()
    whats: dict[str, Counter[str]] = {}
    for one in outcomes:
        reasons = _reasons(one)
        messages.update(sorted({todo for _, todo in reasons}))
        for what, todo in reasons:
            whats.setdefault(todo, Counter())[what] += 1
    rows = [[count, _most(whats[todo]), todo] for todo, count in messages.most_common()]
    screen.say(table("What to do", ("times", "what", "what to do"), rows, numbers=_COUNTS))


def _most(whats: Counter[str]) -> str:
    shown = [what for what, _ in whats.most_common(_NAMED)]
    more = [f"and {len(whats) - len(shown)} more"] if len(whats) > len(shown) else []
    return ", ".join(shown + more)


def _reasons(one: Outcome) -> Sequence[tuple[str, str]]:
    """Each reason for which this was refused, once, and what to do."""
    if one.looks_like is not None:
        return [(one.looks_like.en, one.looks_like.what_en)]
    return sorted({(_what(fault), fault["en"] or "") for fault in _faults(one)})


def _what(fault: Mapping[str, str | None]) -> str:
    names = (fault["pad"] or "").split("/")[1:]  # all of the path stands in the report
    field = "/".join(names[-2:] if names[-1:] and names[-1].isdigit() else names[-1:])
    return f"{fault['fout']}{f' at {field}' if field else ''}"


def _why(one: Outcome) -> str:
    place = "" if one.number is None else f"message {one.number}: "
    if one.looks_like is not None:
        return f"{place}{one.looks_like.en}"
    faults = sorted(_faults(one), key=lambda fault: fault["fout"] in _OF_THE_SETTINGS)
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{place}{_what(faults[0])}{more}"


def _faults(one: Outcome) -> list[dict[str, str | None]]:
    report = one.report or {"fouten": []}
    return cast("list[dict[str, str | None]]", report["fouten"])


def _cells(event: dict[str, object], *, shown: bool) -> Sequence[str]:
    who = cast("dict[str, str | None]", event["citizen"])
    words = (("calls back", "retracts"), ("makes grants", "grants"), ("answers a request", "answers"))
    marks = [word for word, name in words if event[name]]
    ending = f" ({event['ending']})" if event["ending"] else ""
    return (
        str(event["day"]),
        f"{event['kind']}{ending}",
        str(event["law"] or ""),
        " / ".join(one for one in (who["bsn"], who["own_number"]) if one),
        str(event["reference"] or "") if shown else "",
        " to ".join(str(one) for one in (event["from"], event["to"]) if one),
        ", ".join(marks + (["has a reference"] if event["reference"] and not shown else [])),
    )


def show_next(screen: Screen, outcomes: Sequence[Outcome], *, explained: bool) -> None:
    """How it goes on from a dry run."""
    if explained and any(one.report is None for one in outcomes):
        screen.hint(
            "Next: `schakel convert --to csv FILE` shows what a partner would get of it; "
            "`schakel edge init FOLDER` makes an edge that takes such files by itself."
        )
    elif not explained:
        screen.hint("Next: `schakel convert --explain FILE` says what becomes of each field, and why.")
