# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""CloudEvents by the NL GOV profile, structured JSON, as events: a status of a case system.

- One event, or a batch (a JSON array), which is taken whole or refused whole.
- `type` gives kind and law by the table in the configuration; a type that is not there is refused.
- `data`, `data_base64`, `dataref` and extensions are dropped before any object of ours exists.
- The day is the Dutch calendar day of `time`.
"""

import re
from collections.abc import Mapping

from adapters.formats import json_strict
from adapters.formats.moments import dutch_day
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, NativeEvent, SubjectKind
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen

_SIZE_LIMIT = 1024 * 1024  # bytes, a batch included; the profile asks at least 64 KiB for one event
_DEPTH_LIMIT = 32  # `data` may be nested, and is looked at by nobody
_TEXT_LIMIT = 512
_SUBJECT_LIMIT = 64
_FAULT_LIMIT = 100

_NAME = re.compile(r"[a-z0-9]+|data_base64")
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_BSN_URN = "urn:nld:bsn:"
_NINE_DIGITS = re.compile(r"[0-9]{9}")
# RFC 3339 section 5.6; second 60 is allowed by it.
_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"
    r"(?:\.[0-9]{1,12})?(?:[Zz]|(?P<sign>[+-])(?P<ahead>[01][0-9]|2[0-3]):(?P<past>[0-5][0-9]))"
)
# What is read, and then what the profile names besides, which is dropped.
_KNOWN = frozenset({"specversion", "id", "source", "type", "subject", "time"}) | frozenset(
    {"datacontenttype", "dataschema", "data", "data_base64", "dataref", "sequence", "sequencetype"}
)


class CloudEventsReader:
    """Reads one CloudEvent or one batch."""

    name = "cloudevents"

    def __init__(self, config: FormatConfig) -> None:
        self._types = config.cloudevent_types
        self._subject_kind = config.subject_kind

    def read(self, data: bytes) -> list[NativeEvent]:
        """Return one event per CloudEvent; raises `Malformed`."""
        value = json_strict.parse(data, _SIZE_LIMIT, _DEPTH_LIMIT)
        batch = isinstance(value, list)
        events: dict[tuple[str, ...], NativeEvent] = {}
        faults: list[Fault] = []
        for place, item in enumerate(value if isinstance(value, list) else [value]):
            where = f"/{place}" if batch else ""
            try:
                event = self._event(item, where)
            except Malformed as refused:
                faults.extend(refused.faults)
                continue
            # At least once is normal: the same event twice is one event. Another one under the same id is a mistake.
            if events.setdefault(event.identity, event) != event:
                faults.append(Fault(f"{where}/id", Keyword.DUPLICATE))
        if faults:
            raise Malformed(tuple(faults[:_FAULT_LIMIT]))
        return list(events.values())

    def _event(self, item: object, where: str) -> NativeEvent:
        if not isinstance(item, dict):
            raise Malformed((Fault(where or "/", Keyword.TYPE),))
        look = _Look(item, where)
        if not item.keys() <= _KNOWN and not all(map(_NAME.fullmatch, item)):
            look.fault("*", Keyword.UNEXPECTED)
        if look.text("specversion", _TEXT) not in (None, "1.0"):
            look.fault("specversion", Keyword.VERSION)
        identity, source = look.text("id", _TEXT), look.text("source", _URI_REFERENCE)
        meaning = self._meaning(look)
        citizen = self._citizen(look)
        day = _day(look)
        if look.faults or identity is None or source is None or meaning is None or citizen is None or day is None:
            raise Malformed(tuple(look.faults))
        return NativeEvent(
            event=Event(meaning[0], day, meaning[1]),
            citizen=citizen,
            sender=source,
            receiver=None,
            identity=("cloudevents", source, identity),
        )

    def _meaning(self, look: "_Look") -> tuple[Kind, Law] | None:
        name = look.text("type", _TEXT)
        if name is None:
            return None
        meaning = self._types.get(name)
        if meaning is None:
            look.fault("type", Keyword.UNKNOWN_TYPE)
        return meaning

    def _citizen(self, look: "_Look") -> Citizen | None:
        subject = look.text("subject", _TEXT)
        if subject is None:
            return None
        # A bare nine-digit number could be either; guessing would send a client number about as a BSN.
        bare = _NINE_DIGITS.fullmatch(subject) is not None
        urn = subject.startswith("urn:")
        if (bare and self._subject_kind is None) or (urn and not subject.startswith(_BSN_URN)):
            look.fault("subject", Keyword.SUBJECT)
            return None
        if urn or (bare and self._subject_kind is SubjectKind.BSN):
            return _by_bsn(look, subject.removeprefix(_BSN_URN))
        if len(subject) > _SUBJECT_LIMIT:
            look.fault("subject", Keyword.PATTERN)
            return None
        return Citizen(own_number=subject)


class _Look:
    """One CloudEvent under inspection: gives the texts asked for, and gathers every fault."""

    def __init__(self, item: Mapping[str, object], where: str) -> None:
        self.faults: list[Fault] = []
        self._item = item
        self._where = where

    def fault(self, name: str, keyword: Keyword, code: str | None = None) -> None:
        self.faults.append(Fault(f"{self._where}/{name}", keyword, code))

    def text(self, name: str, pattern: re.Pattern[str]) -> str | None:
        value = self._item.get(name)
        if isinstance(value, str):
            if len(value) <= _TEXT_LIMIT and pattern.fullmatch(value) is not None:
                return value
            self.fault(name, Keyword.PATTERN)
        else:
            # Null stands for an absent attribute in the JSON format.
            self.fault(name, Keyword.MISSING if value is None else Keyword.TYPE)
        return None


def _by_bsn(look: _Look, text: str) -> Citizen | None:
    if _NINE_DIGITS.fullmatch(text) is None:
        look.fault("subject", Keyword.PATTERN)
        return None
    try:
        return Citizen(bsn=text)
    except ValueError:
        look.fault("subject", Keyword.ELEVEN_TEST)
        return None


def _day(look: _Look) -> int | None:
    text = look.text("time", _TEXT)
    if text is None:
        return None
    parts = _TIME.fullmatch(text)
    if parts is None:
        look.fault("time", Keyword.PATTERN)
        return None
    ahead = 0
    if parts["sign"] is not None:
        ahead = int(parts["ahead"]) * 60 + int(parts["past"])
        ahead = -ahead if parts["sign"] == "-" else ahead
    day = dutch_day(parts["date"], int(parts["hour"]), int(parts["minute"]), int(parts["second"]), ahead)
    if day is None:
        look.fault("time", Keyword.DATE)
    return day
