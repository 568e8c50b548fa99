# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The form `team` as a spreadsheet writes it: RFC 4180, comma or semicolon, one header line with the names in any order.

- UTF-8 with or without the mark that a spreadsheet writes. A line with more or fewer fields than the header is refused; a last
  line without its end too, because it may be cut off in the middle of a field.
- What is empty says nothing: rows of separators alone, and columns without a name in which nothing stands, as spreadsheets
  write them where a cell was once used, are passed over.
- A place is the row as the spreadsheet numbers it: `/regel[2]` is the first below the header.
- What a spreadsheet made of a value is never guessed back: a date or a number that it has changed is refused as such.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.formats.native import SIZE_LIMIT, Fault, Keyword, Malformed

_BOM: Final = b"\xef\xbb\xbf"
_FAULT_LIMIT: Final = 100
_YES_NO: Final = {"ja": True, "nee": False}
_NUMBER: Final = r"'.*|=.*|[0-9][.,][0-9]+[Ee]\+?[0-9]+"
# What a spreadsheet makes of a value when it opens and saves a file; none of these can be meant.
_SPOILED: Final[Mapping[str, re.Pattern[str]]] = {
    "datum": re.compile(
        r"'.*|=.*|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{2}|[0-9]{4})(?: .*)?|[0-9]{5}(?:[.,][0-9]+)?"
        r"|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?:[ T].*)?"
    ),
    "bsn": re.compile(rf"{_NUMBER}|[0-9]{{7,8}}|[0-9]{{7,9}}[.,]0*|[0-9]{{1,3}}(?:[. \u00a0\u202f][0-9]{{3}}){{2}}"),
    "clientnummer": re.compile(r"=.*|[0-9][.,][0-9]+[Ee]\+?[0-9]+"),
    "ingetrokken": re.compile(r"waar|onwaar|true|false|[01]", re.IGNORECASE),
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Row:
    """One line with something in it, by its number in the spreadsheet."""

    number: int
    fields: Sequence[str]

    @property
    def path(self) -> str:
        """How a fault names it."""
        return f"/regel[{self.number}]"


def read_rows(data: bytes) -> list[Row]:
    """The lines that say something, the header first; raises `Malformed`."""
    if len(data) > SIZE_LIMIT:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed((Fault("/", Keyword.ENCODING),)) from None
    if "\0" in text:
        raise Malformed((Fault("/", Keyword.ENCODING),))
    first = text.lstrip("\r\n").partition("\n")[0]
    lines = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=";" if first.count(";") > first.count(",") else ","
    )
    try:
        rows = [Row(number, row) for number, row in enumerate(lines, 1) if any(map(str.strip, row))]
    except csv.Error:
        raise Malformed((Fault(f"line {lines.line_num}", Keyword.NOT_WELL_FORMED),)) from None
    return _without_empty_columns(rows)


def entries(rows: Sequence[Row], whole: bool) -> list[tuple[str, dict[str, object]]]:
    """The lines below the header as objects, each with its place; raises `Malformed`. `whole`: the last one has its end."""
    header = rows[0].fields
    faults = [Fault(row.path, Keyword.NOT_WELL_FORMED) for row in rows[1:] if len(row.fields) != len(header)]
    if not faults and not whole:
        faults = [Fault(rows[-1].path, Keyword.NOT_WELL_FORMED)]
    if faults:
        raise Malformed(tuple(faults[:_FAULT_LIMIT]))
    return [(row.path, _entry(header, row.fields)) for row in rows[1:]]


def spoiled(entry: Mapping[str, object]) -> set[str]:
    """The names whose value a spreadsheet has changed."""
    return {
        name
        for name, pattern in _SPOILED.items()
        if isinstance(value := entry.get(name), str) and pattern.fullmatch(value) and not _DAY.fullmatch(value)
    }


def is_spoiled(number: object) -> bool:
    """Whether a spreadsheet has changed this client number: the one name in which any text may stand."""
    return isinstance(number, str) and _SPOILED["clientnummer"].fullmatch(number) is not None


def said_so(faults: Iterable[Fault], path: str, names: Iterable[str]) -> list[Fault]:
    """These faults, where a spreadsheet was the cause with that as the reason."""
    changed = [f"{path}/{name}" for name in sorted(names)]
    others = [fault for fault in faults if fault.path not in changed]
    return [*(Fault(place, Keyword.SPREADSHEET) for place in changed), *others]


def _without_empty_columns(rows: Sequence[Row]) -> list[Row]:
    """Without the columns behind the last name, where nothing stands in any of them."""
    if not rows:
        return []
    names = [name.strip() for name in rows[0].fields]
    while names and not names[-1]:
        names.pop()
    kept = []
    for row in rows[1:]:
        fields, behind = row.fields[: len(names)], row.fields[len(names) :]
        empty = len(row.fields) == len(rows[0].fields) and not any(map(str.strip, behind))
        kept.append(Row(row.number, fields if empty else row.fields))
    return [Row(rows[0].number, names), *kept]


def _entry(header: Sequence[str], row: Sequence[str]) -> dict[str, object]:
    """An empty field is an absent one; yes and no are those of a Dutch spreadsheet."""
    values: dict[str, object] = {name: field or None for name, field in zip(header, row, strict=True)}
    word = values.get("ingetrokken")
    if isinstance(word, str):
        values["ingetrokken"] = _YES_NO.get(word.lower(), word)
    return values
