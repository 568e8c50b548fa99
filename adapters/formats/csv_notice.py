# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Notices as a CSV file for a person with a spreadsheet, or a system that imports one.

- RFC 4180: commas, CRLF, every field in quotes, one header line in Dutch, always the same columns.
- UTF-8 with a byte order mark: without it Excel takes the file for Windows-1252 and spoils every name with an accent.
  A program that reads the file must skip the mark.
- A field that a spreadsheet would take for a formula gets an apostrophe in front, so it is shown and not executed.
"""

import csv
import io
from collections.abc import Sequence
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.native import Notice
from schemas.calendar import date_text

ABOUT: Final = About(
    name="csv",
    partner="iedere partner",
    standard="RFC 4180",
    version="1",
    status=Status.DERIVED,
    writes=("melding",),
    told=(
        *(1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 106, 111, 114, 115, 118, 119, 122, 211, 214),
        *(222, 311, 314, 322, 414, 422, 514, 522, 614, 901, 902, 903, 904, 905, 906),
    ),
)
_HEADER = (
    "melding",
    "soort",
    "afloop",
    "datum",
    "wet",
    "toewijzing",
    "taak",
    "afzender",
    "clientnummer",
    "bsn",
    "ingetrokken",
    "ontvangen op",
    "opmerking",
)
_REMARK = "niet geverifieerd"
# The first sign of a formula, also in full width, and the white space that some spreadsheets drop before they look.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class CsvWriter:
    """Writes one line per notice."""

    name = "csv"
    suffix = ".csv"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the file; raises ValueError when there is nothing to write."""
        if not notices:
            raise ValueError("there is no notice to write")
        text = io.StringIO(newline="")
        lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        lines.writerow(_HEADER)
        for notice in notices:
            lines.writerow([_harmless(field) for field in _fields(notice)])
        return text.getvalue().encode("utf-8-sig")


def _fields(notice: Notice) -> tuple[str, ...]:
    event = notice.event
    what = ("", "", "") if event is None else (event.kind.value, event.ending or "", date_text(event.day))
    return (
        notice.event_id.hex(),
        *what,
        notice.law.value,
        "" if event is None else event.reference or "",
        notice.task,
        notice.sender_name,
        notice.own_number,
        notice.bsn or "",
        "ja" if notice.retracted else "nee",
        date_text(notice.told_on),
        _REMARK,
    )


def _harmless(field: str) -> str:
    return f"'{field}" if field.startswith(_FORMULA) or field.lstrip().startswith(_FORMULA) else field
