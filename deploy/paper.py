# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A page for people, made once and shown twice: on the screen of a terminal, and as HTML that can be printed.

The HTML is one file: no script, nothing from outside, every word from a record escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import RenderableType

from adapters.code_slips import in_words
from deploy.compose import write_new
from deploy.exits import failed, wrong_use
from deploy.screen import plain, table
from schemas.calendar import date_text, day_of

_ZONE = ZoneInfo("Europe/Amsterdam")
_DAY = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}")
_STYLE = """
@page { size: A4; margin: 18mm 16mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.5 "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #1a1a1a; max-width: 190mm; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.7em; line-height: 1.2; margin: 0 0 .3em; color: #154273; }
h2 { font-size: 1.2em; margin: 1.6em 0 .3em; color: #154273; break-after: avoid; }
p { margin: .4em 0; max-width: 72ch; }
.from { color: #555; margin: 0 0 1.4em; }
table { border-collapse: collapse; width: 100%; margin: .6em 0; font-size: .88em; }
th, td { text-align: left; vertical-align: top; padding: .35em .5em; border-bottom: 1px solid #ccc; overflow-wrap: break-word; }
th { border-bottom: 2px solid #154273; }
td.day { white-space: nowrap; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
ul { margin: .4em 0; padding-left: 1.3em; }
code { font: .88em "DejaVu Sans Mono", monospace; }
article + article { break-before: page; margin-top: 4em; }
@media print { body { margin: 0; padding: 0; max-width: none; } article + article { margin-top: 0; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, points, commands to type and a table; `empty` stands in place of a table without rows."""

    title: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    empty: str = "Hier staat niets."


@dataclass(frozen=True, slots=True)
class Paper:
    """One report or letter."""

    title: str
    sender: str
    sections: tuple[Section, ...]


def to_screen(paper: Paper) -> list[RenderableType]:
    """For a terminal."""
    shown: list[RenderableType] = [plain(f"{paper.title}\n{paper.sender}\n")]
    for one in paper.sections:
        text = [*one.sentences, *(f"- {point}" for point in one.points), *(f"    {line}" for line in one.commands)]
        if one.columns and not one.rows:
            text.append(one.empty)
        heading = [one.title] if one.title else []
        if heading or text:
            shown.append(plain("\n".join([*heading, *text]) + "\n"))
        if one.rows:
            shown.append(table("", one.columns, one.rows))
    return shown


def to_text(paper: Paper) -> str:
    """As a letter in plain text."""
    parts = [paper.title, paper.sender, ""]
    for one in paper.sections:
        parts += [*([one.title] if one.title else []), *one.sentences, *(f"- {point}" for point in one.points)]
        parts += [f"    {line}" for line in one.commands]
        parts += [" | ".join(row) for row in one.rows] or ([one.empty] if one.columns else [])
        parts.append("")
    return "\n".join(parts)


def to_html(*papers: Paper) -> bytes:
    """One file that a browser shows and prints; each paper begins on a page of its own."""
    title = papers[0].title if papers else ""
    lines = [
        "<!doctype html>",
        '<html lang="nl"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        *(line for paper in papers for line in _article(paper)),
        "</body></html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _article(paper: Paper) -> Iterator[str]:
    yield "<article>"
    yield f"<h1>{escape(paper.title)}</h1>"
    yield f'<p class="from">{escape(paper.sender)}</p>'
    for one in paper.sections:
        if one.title:
            yield f"<h2>{escape(one.title)}</h2>"
        yield from (f"<p>{escape(sentence)}</p>" for sentence in one.sentences)
        if one.points:
            yield "<ul>"
            yield from (f"<li>{escape(point)}</li>" for point in one.points)
            yield "</ul>"
        yield from (f"<p><code>{escape(line)}</code></p>" for line in one.commands)
        if one.columns:
            yield from _table(one.columns, one.rows) if one.rows else (f"<p>{escape(one.empty)}</p>",)
    yield "</article>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{escape(one)}</th>" for one in columns) + "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(_cell(cell) for cell in row) + "</tr>"
    yield "</tbody></table>"


def _cell(text: str) -> str:
    kind = ' class="day"' if _DAY.match(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def need_new(file: Path | None) -> None:
    """Returns when nothing stands there: asked before anything is recorded about what would be in it.

    Raises:
        Stopped: there is such a file.
    """
    if file is not None and file.exists():
        raise wrong_use("Het bestand van --html bestaat al en wordt niet overschreven.")


def write_html(file: Path, *papers: Paper) -> None:
    """Write them to a file that was not there, for its owner alone: it holds personal data.

    Raises:
        Stopped: there is such a file, or it can't be written.
    """
    try:
        write_new(file, to_html(*papers))
    except FileExistsError:
        raise wrong_use("Het bestand van --html bestaat al en wordt niet overschreven.") from None
    except OSError as error:
        raise failed(f"Het bestand van --html kan niet worden geschreven: {error.strerror}.") from None


def moment(ms: int) -> str:
    """A time as people write it: 3 maart 2026, 14.05 uur."""
    return f"{in_words(day_of(ms))}, {datetime.fromtimestamp(ms / 1000, _ZONE):%H.%M} uur"


def short_moment(ms: int) -> str:
    """A time as it fits in a table: 31-03-2026 14.05."""
    return f"{short_day(day_of(ms))} {datetime.fromtimestamp(ms / 1000, _ZONE):%H.%M}"


def timestamp(ms: int) -> str:
    """A time for a program: RFC 3339, in Dutch time with its offset."""
    return datetime.fromtimestamp(ms / 1000, _ZONE).isoformat(timespec="milliseconds")


def short_day(day: int | None) -> str:
    """A day as it fits in a table: 31-03-2026; nothing where there is none."""
    return "" if day is None else "-".join(reversed(date_text(day).split("-")))
