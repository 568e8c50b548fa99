# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What our own small JSON forms have in common, for systems without a public interface.

    {"formaat": "schakel-team", "versie": "1", "afzender": "urn:nld:oin:...:systeem:team", "meldingen": [{...}]}

- A form is told by its name and version; a name that it doesn't know is refused, so nothing can hide in one.
- What the hub brought has `opmerking` and is refused as a fact of one's own: it isn't told on.
- `ingetrokken` calls back the entry with the same `id`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import orjson

from adapters.formats.explain import TELLER, TOLD_OR_BACK, Explained, Fields, by_place, explained, json_paths, under
from adapters.formats.json_look import URI_REFERENCE, Look, finish, parse_object, read_each
from adapters.formats.native import Fault, Keyword, Malformed, NativeEvent, Notice
from schemas.calendar import date_text

VERSION: Final = "1"
REMARK: Final = "niet geverifieerd"
ID: Final = re.compile(r"[0-9A-Za-z._:-]{1,64}")
REFERENCE: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_ENVELOPE: Final = ("formaat", "versie", "afzender", "meldingen")
_ENVELOPE_FIELDS: Final[Fields] = {
    "formaat": "checked: this form",
    "versie": "checked: version 1",
    "afzender": TELLER,
}
ENTRY_FIELDS: Final[Fields] = {
    "id": "tells this entry from others; does not travel",
    "ingetrokken": TOLD_OR_BACK,
}


def explain_form(data: bytes, form: str, entry: Fields) -> list[Explained]:
    """Return what becomes of each field; `entry`: the fields of one entry; raises `Malformed`."""
    look = parse_object(data)
    if look.item.get("formaat") != form:
        raise Malformed((Fault("/formaat", Keyword.VOCABULARY),))
    return explained(json_paths(look.item), by_place({**_ENVELOPE_FIELDS, **under("meldingen", entry)}))


def read_form(data: bytes, form: str, one: Callable[[Look, str], NativeEvent | None]) -> list[NativeEvent]:
    """Return the events of the entries, what is called back first; raises `Malformed`."""
    look = parse_object(data)
    look.only(_ENVELOPE)
    if look.text("formaat") not in (None, form):
        look.fault("formaat", Keyword.VOCABULARY)
    if look.text("versie") not in (None, VERSION):
        look.fault("versie", Keyword.VERSION)
    sender = look.text("afzender", URI_REFERENCE, limit=256)
    entries = look.item.get("meldingen")
    if not isinstance(entries, list):
        look.fault("meldingen", Keyword.MISSING if entries is None else Keyword.TYPE)
    finish(look)
    events = read_each(entries, "/meldingen", lambda entry: one(entry, sender or ""))
    return sorted(events, key=lambda event: not event.retracts)


def write_form(form: str, notices: Sequence[Notice], entry: Callable[[Notice], Mapping[str, object]]) -> bytes:
    """Return the JSON; raises ValueError when there is nothing to write."""
    if not notices:
        raise ValueError("there is no notice to write")
    entries = [{**given(entry(notice)), **_about(notice)} for notice in notices]
    whole = {"formaat": form, "versie": VERSION, "meldingen": entries}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n"


def given(entry: Mapping[str, object]) -> dict[str, object]:
    """The entry without what is not known."""
    return {name: value for name, value in entry.items() if value is not None}


def _about(notice: Notice) -> dict[str, object]:
    return {
        "id": notice.event_id.hex(),
        "afzender": notice.sender_name,
        "taak": notice.task,
        "ontvangenOp": date_text(notice.told_on),
        "ingetrokken": notice.retracted,
        "opmerking": REMARK,
    }


def known(names: Iterable[str]) -> frozenset[str]:
    """Every name of an entry: those of this form, and `id` and `ingetrokken`."""
    return frozenset({*names, "id", "ingetrokken"})
