# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The form `team`, JSON or CSV: facts of progress from a team system that has no public interface.

- One entry is one fact: kind, day, law, and the client by the team's own number or by BSN. No name has a place in it.
- The two are told apart by their first sign, and mean the same: an entry has one identity in both.
- CSV: see `team_csv`.
- Notices leave as the JSON form; those in CSV are the format `csv`.
"""

import re
from collections.abc import Sequence
from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.content_marks import json_mark
from adapters.formats.explain import CASE, CLIENT, DAY, KIND, TELLER, Explained, Fields, by_place, explained
from adapters.formats.json_look import NUMBER_LIMIT, URI_REFERENCE, Look, read_each
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, NativeEvent, Notice
from adapters.formats.own_form import ENTRY_FIELDS, ID, REFERENCE, explain_form, known, read_form, write_form
from adapters.formats.team_csv import entries, is_spoiled, read_rows, said_so, spoiled
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
    header, *rows = [row.fields for row in read_rows(data)] or [[]]
    filled = [(name,) for row in rows for name, cell in zip(header, row, strict=False) if cell]
    return explained(filled or [(name,) for name in header], by_place({**FIELDS, "afzender": TELLER}))


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
        return sorted(_from_rows(data), key=lambda event: not event.retracts)


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


def _from_rows(data: bytes) -> list[NativeEvent]:
    """The entries of a spreadsheet; raises `Malformed`."""
    rows = read_rows(data)
    _check_header(rows[0].fields if rows else [])
    places = dict(enumerate(entries(rows, whole=data.endswith((b"\n", b"\r")))))
    return read_each([entry for _, entry in places.values()], "", _from_csv, [path for path, _ in places.values()])


def _from_csv(look: Look) -> NativeEvent | None:
    event = _event(look, look.text("afzender", URI_REFERENCE, limit=256) or "")
    if look.faults or is_spoiled(look.item.get("clientnummer")):
        look.faults[:] = said_so(look.faults, look.where, spoiled(look.item))
    return event


def _check_header(header: Sequence[str]) -> None:
    faults = [Fault(f"/{name}", Keyword.MISSING) for name in _NEEDED if name not in header]
    if not _COLUMNS.issuperset(header):
        faults.append(Fault("/*", Keyword.UNEXPECTED))
    if len(set(header)) != len(header):
        faults.append(Fault("/", Keyword.DUPLICATE_KEY))
    if faults:
        raise Malformed(tuple(faults))


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
