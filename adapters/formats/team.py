# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The form `team`, JSON or CSV: facts of progress from a team system that has no public interface.

- One entry is one fact: kind, day, law, and the client by the team's own number or by BSN. No name has a place in it.
- The two are told apart by their first sign, and mean the same: an entry has one identity in both.
- CSV: RFC 4180, comma or semicolon, one header line with the names in any order, UTF-8 with or without the mark that a
  spreadsheet writes. A line with more or fewer fields than the header is refused.
- Notices leave as the JSON form; those in CSV are the format `csv`.
"""

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark
from adapters.formats.explain import CASE, CLIENT, DAY, KIND, TELLER, Explained, Fields, by_place, explained
from adapters.formats.json_look import NUMBER_LIMIT, URI_REFERENCE, Look, read_each
from adapters.formats.native import SIZE_LIMIT, Fault, FormatConfig, Keyword, Malformed, NativeEvent, Notice
from adapters.formats.own_form import ENTRY_FIELDS, ID, REFERENCE, explain_form, known, read_form, write_form
from schemas.calendar import date_text
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="team",
    partner="gemeentelijk team zonder open koppelvlak",
    standard="Schakel team",
    version="1",
    status=Status.DERIVED,
    reads=("JSON", "CSV"),
    writes=("JSON",),
    tells=(1, 5, 6, 11, 14, 17, 18, 106, 114, 115, 122, 222, 311, 322, 414, 902, 903, 904, 905),
    told=(2, 4, 6, 8, 9, 12, 15, 16, 20, 22, 106, 901, 902, 903, 905),
)
_IN_JSON = json_mark(rb'"formaat"\s*:\s*"schakel-team"')
FORM: Final = "schakel-team"
FIELDS: Final[Fields] = {
    **ENTRY_FIELDS,
    "soort": KIND,
    "afloop": "the class of the ending",
    "datum": DAY,
    "wet": "under which law it is told",
    "kenmerk": CASE,
    "clientnummer": CLIENT,
    "bsn": CLIENT,
}
_NAMES: Final = known(("soort", "afloop", "datum", "wet", "kenmerk", "clientnummer", "bsn"))
_COLUMNS: Final = _NAMES | {"afzender"}
_NEEDED: Final = ("id", "soort", "datum", "wet", "afzender")
_YES_NO: Final = {"ja": True, "nee": False}
_HEADER_LIMIT: Final = 1024  # bytes
_BOM: Final = b"\xef\xbb\xbf"


def recognises(data: bytes) -> bool:
    """Whether this looks like the form, damaged or not: by its name in JSON, in CSV by a header with its columns."""
    header = data.removeprefix(_BOM).partition(b"\n")[0][:_HEADER_LIMIT]
    names = {name.strip(b'" \r').decode("ascii", "replace") for name in re.split(rb"[,;]", header)}
    return _IN_JSON(data) or names.issuperset(_NEEDED)


def explain(data: bytes) -> list[Explained]:
    """Return what becomes of each field or column; raises `Malformed`."""
    if _is_json(data):
        return explain_form(data, FORM, FIELDS)
    header, *rows = _lines(data) or [[]]
    filled = [(name.strip(),) for row in rows for name, cell in zip(header, row, strict=False) if cell]
    return explained(filled or [(name.strip(),) for name in header], by_place({**FIELDS, "afzender": TELLER}))


def _is_json(data: bytes) -> bool:
    return data.removeprefix(_BOM).lstrip().startswith((b"{", b"["))


class TeamReader:
    """Reads one file of entries."""

    name = "team"

    def __init__(self, config: FormatConfig) -> None:
        pass  # the form has no settings: it says itself what it means

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per entry; raises `Malformed`."""
        if _is_json(data):
            return read_form(data, FORM, _from_json)
        events = read_each(_rows(data), "", _from_csv)
        return sorted(events, key=lambda event: not event.retracts)


class TeamWriter:
    """Writes one file of entries."""

    name = "team"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the JSON; raises ValueError when there is nothing to write."""
        return write_form(FORM, notices, _entry)


def _from_json(look: Look, sender: str) -> NativeEvent | None:
    look.only(_NAMES)
    return _event(look, sender)


def _from_csv(look: Look) -> NativeEvent | None:
    return _event(look, look.text("afzender", URI_REFERENCE, limit=256) or "")


def _event(look: Look, sender: str) -> NativeEvent | None:
    identity = look.text("id", ID)
    kind, law = look.word("soort", Kind), look.word("wet", Law)
    ending = look.word("afloop", Ending, required=False)
    day = look.day("datum")
    reference = look.text("kenmerk", REFERENCE, required=False)
    retracts = look.flag("ingetrokken")
    if ending is not None and kind is not None and kind is not Kind.BEEINDIGD:
        look.fault("afloop", Keyword.UNEXPECTED)
    citizen = _citizen(look)
    if look.faults or identity is None or kind is None or law is None or day is None or citizen is None:
        return None
    return NativeEvent(
        event=Event(kind, day, law, ending, reference),
        citizen=citizen,
        sender=sender,
        receiver=None,
        identity=("team", sender, identity),
        retracts=retracts,
    )


def _citizen(look: Look) -> Citizen | None:
    number = look.text("clientnummer", limit=NUMBER_LIMIT, required=not look.has("bsn"))
    if not look.has("bsn"):
        return None if number is None else Citizen(own_number=number)
    by_bsn = look.bsn("bsn", look.text("bsn"))
    return None if by_bsn is None else Citizen(by_bsn.bsn, number)


def _rows(data: bytes) -> list[dict[str, object]]:
    """The lines as objects; raises `Malformed`."""
    rows = _lines(data)
    header = _header(rows)
    faults = [
        Fault(f"/{place}", Keyword.NOT_WELL_FORMED) for place, row in enumerate(rows[1:]) if len(row) != len(header)
    ]
    # A last line without its end may be cut off in the middle of a field, and nobody could see it.
    if not faults and not data.endswith((b"\n", b"\r")):
        faults = [Fault("/", Keyword.NOT_WELL_FORMED)]
    if faults:
        raise Malformed(tuple(faults[:100]))
    return [_row(header, row) for row in rows[1:]]


def _lines(data: bytes) -> list[list[str]]:
    """The fields of each line; raises `Malformed`."""
    if len(data) > SIZE_LIMIT:
        raise Malformed((Fault("/", Keyword.TOO_LARGE),))
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed((Fault("/", Keyword.ENCODING),)) from None
    if "\0" in text:
        raise Malformed((Fault("/", Keyword.ENCODING),))
    first = text.partition("\n")[0]
    lines = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=";" if first.count(";") > first.count(",") else ","
    )
    try:
        # An empty line too many at the end is how some spreadsheets end a file.
        return [row for row in lines if row]
    except csv.Error:
        raise Malformed((Fault(f"line {lines.line_num}", Keyword.NOT_WELL_FORMED),)) from None


def _header(rows: Sequence[Sequence[str]]) -> list[str]:
    header = [name.strip() for name in rows[0]] if rows else []
    faults = [Fault(f"/{name}", Keyword.MISSING) for name in _NEEDED if name not in header]
    if not _COLUMNS.issuperset(header):
        faults.append(Fault("/*", Keyword.UNEXPECTED))
    if len(set(header)) != len(header):
        faults.append(Fault("/", Keyword.DUPLICATE_KEY))
    if faults:
        raise Malformed(tuple(faults))
    return header


def _row(header: Sequence[str], row: Sequence[str]) -> dict[str, object]:
    """An empty field is an absent one; yes and no are those of a Dutch spreadsheet."""
    values: dict[str, object] = {name: field or None for name, field in zip(header, row, strict=True)}
    word = values.get("ingetrokken")
    if isinstance(word, str):
        values["ingetrokken"] = _YES_NO.get(word.lower(), word)
    return values


def _entry(notice: Notice) -> dict[str, object]:
    event = notice.event
    return {
        "soort": None if event is None else event.kind.value,
        "afloop": None if event is None or event.ending is None else event.ending.value,
        "datum": None if event is None else date_text(event.day),
        "wet": notice.law.value,
        "kenmerk": None if event is None else event.reference,
        "clientnummer": notice.own_number,
        "bsn": notice.bsn,
    }
