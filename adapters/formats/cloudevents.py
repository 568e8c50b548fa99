# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""CloudEvents by the NL GOV profile, structured JSON, as events: a status of a case system.

- One event, or a batch (a JSON array), which is taken whole or refused whole.
- `type` gives kind and law by the table in the configuration; a type that is not there is refused.
- `data`, `data_base64`, `dataref` and extensions are dropped before any object of ours exists.
- The day is the Dutch calendar day of `time`.
"""

import re
from typing import Final

from adapters.formats import json_strict
from adapters.formats.about import About, Status
from adapters.formats.content_marks import is_cloudevent, of_a_case_system
from adapters.formats.explain import CLIENT, DAY, TELLER, Explained, Fields, Ground, by_place, explained, json_paths
from adapters.formats.json_look import (
    DEPTH_LIMIT,
    NINE_DIGITS,
    NUMBER_LIMIT,
    TEXT,
    URI_REFERENCE,
    Look,
    read_each,
)
from adapters.formats.native import SIZE_LIMIT, Fault, FormatConfig, Keyword, Malformed, NativeEvent, SubjectKind
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

ABOUT: Final = About(
    name="cloudevents",
    partner="zaaksysteem van de gemeente",
    standard="NL GOV profile for CloudEvents",
    version="1.0",
    status=Status.STANDARD,
    reads=("event", "batch"),
    writes=("event", "batch"),
    tells=(1, 5, 6, 11, 14, 17, 18, 106, 114, 115, 122, 222, 311, 322, 414, 902, 903, 904, 905),
    told=(2, 4, 6, 8, 9, 12, 15, 16, 20, 22, 106, 901, 902, 903, 905),
)
FIELDS: Final[Fields] = {
    "specversion": "checked: version 1.0",
    "id": "tells this event from others of the same source; does not travel",
    "source": TELLER,
    "type": "what happened, and under which law, by the table of the configuration; does not travel",
    "subject": CLIENT,
    "time": DAY,
    "datacontenttype": Ground.CHECKED,
    "dataschema": Ground.CHECKED,
    "data": Ground.FREE_TEXT,
    "data_base64": Ground.FREE_TEXT,
    "dataref": Ground.FREE_TEXT,
    "sequence": Ground.TECHNICAL,
    "sequencetype": Ground.TECHNICAL,
}
recognises = of_a_case_system
_NAME = re.compile(r"[a-z0-9]+|data_base64")
BSN_URN: Final = "urn:nld:bsn:"
# What is read, and then what the profile names besides, which is dropped.
_READ = frozenset({"specversion", "id", "source", "type", "subject", "time"})
_KNOWN = _READ | {"datacontenttype", "dataschema", "data", "data_base64", "dataref", "sequence", "sequencetype"}
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_DROPPED = {
    # RFC 2046 and 2045: a type, a subtype, and parameters.
    "datacontenttype": re.compile(
        rf'{_WORD}/{_WORD}(?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"))*'
    ),
    "dataschema": re.compile(r"(?=[A-Za-z][A-Za-z0-9+.\-]*:)" + URI_REFERENCE.pattern),
    "dataref": URI_REFERENCE,
    # RFC 4648: whole groups of four.
    "data_base64": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
}
_ANY_TEXT: Final = re.compile(f"(?:{TEXT.pattern})?")
_LARGEST_INTEGER: Final = 2**31 - 1


def explain(data: bytes, fields: Fields = FIELDS) -> list[Explained]:
    """Return what becomes of each attribute; raises `Malformed`."""
    value = json_strict.parse(data, SIZE_LIMIT, DEPTH_LIMIT)
    if not is_cloudevent(data) and value != []:
        raise Malformed((Fault("/specversion", Keyword.MISSING),))
    return explained(json_paths(value), by_place(fields))


class CloudEventsReader:
    """Reads one CloudEvent or one batch."""

    name = "cloudevents"

    def __init__(self, config: FormatConfig) -> None:
        self._types = config.cloudevent_types
        self._subject_kind = config.subject_kind

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per CloudEvent; raises `Malformed`."""
        # The profile asks at least 64 KiB for one event. `data` may be nested, and is looked at by nobody.
        return read_each(json_strict.parse(data, SIZE_LIMIT, DEPTH_LIMIT), "", self._event)

    def _event(self, look: Look) -> NativeEvent | None:
        check_attributes(look)
        identity, source = look.text("id"), look.text("source", URI_REFERENCE)
        meaning = self._meaning(look)
        citizen = self._citizen(look)
        day = look.moment("time")
        if look.faults or identity is None or source is None or meaning is None or citizen is None or day is None:
            return None
        return NativeEvent(
            event=Event(meaning[0], day, meaning[1]),
            citizen=citizen,
            sender=source,
            receiver=None,
            identity=("cloudevents", source, identity),
        )

    def _meaning(self, look: Look) -> tuple[Kind, Law] | None:
        name = look.text("type")
        if name is None:
            return None
        meaning = self._types.get(name)
        if meaning is None:
            look.fault("type", Keyword.UNKNOWN_TYPE)
        return meaning

    def _citizen(self, look: Look) -> Citizen | None:
        subject = look.text("subject")
        if subject is None:
            return None
        # A bare nine-digit number could be either; guessing would send a client number about as a BSN.
        bare = NINE_DIGITS.fullmatch(subject) is not None
        urn = subject.startswith("urn:")
        if (bare and self._subject_kind is None) or (urn and not subject.startswith(BSN_URN)):
            look.fault("subject", Keyword.SUBJECT)
            return None
        if urn or (bare and self._subject_kind is SubjectKind.BSN):
            return look.bsn("subject", subject.removeprefix(BSN_URN))
        if len(subject) > NUMBER_LIMIT:
            look.fault("subject", Keyword.PATTERN)
            return None
        return Citizen(own_number=subject)


def check_attributes(look: Look) -> None:
    """The version of the specification, and names that an attribute may have."""
    if not look.item.keys() <= _KNOWN and not all(map(_NAME.fullmatch, look.item)):
        look.fault("*", Keyword.UNEXPECTED)
    if look.text("specversion") not in (None, "1.0"):
        look.fault("specversion", Keyword.VERSION)
    # What is dropped is nobody's concern, but with it of a wrong kind this is no CloudEvent: whoever wrote it made a mistake.
    for name in look.item.keys() - _READ:
        value = look.item[name]
        pattern = _DROPPED.get(name)
        if value is None or name == "data":
            continue
        shown = name if name in _KNOWN else "*"
        if not isinstance(value, str if pattern else (str, int)):
            look.fault(shown, Keyword.TYPE)
        elif isinstance(value, int):
            if not -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER:
                look.fault(shown, Keyword.PATTERN)
        elif (pattern or _ANY_TEXT).fullmatch(value) is None:
            look.fault(shown, Keyword.PATTERN)
    if look.has("data") and look.has("data_base64"):
        look.fault("data_base64", Keyword.REPEATED)
