# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A list of own clients as a spreadsheet writes it: CSV with a header, comma or semicolon, UTF-8.

    clientnummer;bsn;taak

and, for whom it has them, a fourth column geboortedatum (YYYY-MM-DD), which says whose consent counts.
An organisation that knows no BSN leaves it empty.
Every fault is named at once, by line and column, never by value.
"""

from __future__ import annotations

import csv
import io

from adapters.clients import ClientRow
from schemas.calendar import parse_date
from schemas.identity import check_bsn

HEADER = ("clientnummer", "bsn", "taak")
BORN = "geboortedatum"
LARGEST = 16 << 20  # bytes
_LONGEST = 64
_SHOWN = 20


class ListError(ValueError):
    """A list that can't be read, with every fault (the first twenty) by line and column."""


def read_clients(data: bytes) -> list[ClientRow]:
    """The lines of a list.

    Raises:
        ListError: every fault of it; nothing of it can be used.
    """
    if len(data) > LARGEST:
        raise ListError("the list is larger than 16 MiB; import it in pieces")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListError("the list isn't UTF-8; save it again as CSV UTF-8") from None
    delimiter = "," if "," in text.partition("\n")[0] and ";" not in text.partition("\n")[0] else ";"
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise ListError("the list isn't CSV; quotes don't match, or a line holds a sign that can't be") from None
    header = tuple(cell.strip().lower() for cell in lines[0]) if lines else ()
    if header not in (HEADER, (*HEADER, BORN)):
        raise ListError(
            f"the first line must be the header {delimiter.join(HEADER)}, with or without {delimiter}{BORN} after it"
        )
    return _rows(lines[1:], len(header))


def _rows(lines: list[list[str]], columns: int) -> list[ClientRow]:
    rows, faults = list[tuple[int, ClientRow]](), list[str]()
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue
        if len(cells) != columns:
            faults.append(f"line {number} has {len(cells)} columns instead of {columns}")
            continue
        own, bsn, task, *rest = (cell.strip() for cell in cells)
        born = rest[0] if rest else ""
        found = _wrong(own, bsn, task, born)
        faults += [f"line {number}, {column}: {rule}" for column, rule in found]
        rows.append((number, ClientRow(own, bsn or None, task, parse_date(born) if born and not found else None)))
    faults += _of_two_clients(rows)
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ListError("; ".join(faults[:_SHOWN]) + more)
    if not rows:
        raise ListError("there is no client in the list")
    return [row for _, row in rows]


def _of_two_clients(rows: list[tuple[int, ClientRow]]) -> list[str]:
    """One person has one number, and one number is one person: nobody can tell which of two lines is right."""
    numbers, bsns, faults = dict[str, str](), dict[str, str](), list[str]()
    for line, row in rows:
        if row.bsn is None:
            continue
        if numbers.setdefault(row.bsn, row.own_number) != row.own_number:
            faults.append(f"line {line}, bsn: stands before with another clientnummer")
        if bsns.setdefault(row.own_number, row.bsn) != row.bsn:
            faults.append(f"line {line}, clientnummer: stands before with another bsn")
    return faults


def _wrong(own: str, bsn: str, task: str, born: str) -> list[tuple[str, str]]:
    found = []
    if not 0 < len(own) <= _LONGEST or not own.isprintable():
        found.append((HEADER[0], f"must be 1 to {_LONGEST} signs"))
    if len(task) > _LONGEST or not task.isprintable():
        found.append((HEADER[2], f"must be at most {_LONGEST} signs"))
    try:
        if bsn:
            check_bsn(bsn)
    except ValueError as error:
        found.append((HEADER[1], str(error)))
    try:
        if born:
            parse_date(born)
    except ValueError as error:
        found.append((BORN, str(error)))
    return found
