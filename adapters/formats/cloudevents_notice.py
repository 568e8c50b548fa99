# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Notices as CloudEvents: by the NL GOV profile, and in the dialect of CORV 2.0 (Samen onder Handbereik).

- Poor on purpose: what happened, on which day, who told it, and the recipient's own number of the client.
- A CloudEvent is never sent again under its id with another meaning: what is called back is an event of its own, whose
  `data` name the one it calls back.
- In CORV the subject is never a BSN, and `data` holds nothing: no minutes, no decision, no other person.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import orjson

from adapters.formats.cloudevents import BSN_URN
from adapters.formats.moments import moment_text
from adapters.formats.native import Notice
from schemas.address import oin_of, role_of

TYPE: Final = "nl.schakel.voortgang."
CORV_TYPE: Final = "schakel-voortgang."
_RETRACTED: Final = "ingetrokken"
_UNKNOWN: Final = "urn:schakel:afzender-onbekend"


class CloudEventsWriter:
    """Writes one CloudEvent, or a batch."""

    name = "cloudevents"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the JSON; raises ValueError when there is nothing to write."""
        return _written([_event(notice) for notice in notices])


class CorvWriter:
    """Writes one CloudEvent of CORV 2.0, or a batch."""

    name = "corv"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return the JSON; raises ValueError when there is nothing to write."""
        return _written([_corv(notice) for notice in notices])


def _written(events: Sequence[Mapping[str, object]]) -> bytes:
    if not events:
        raise ValueError("there is no notice to write")
    return orjson.dumps(events[0] if len(events) == 1 else events, option=orjson.OPT_INDENT_2) + b"\n"


def _event(notice: Notice) -> dict[str, object]:
    subject = notice.own_number if notice.bsn is None else BSN_URN + notice.bsn
    data = {"wet": notice.law.value, "taak": notice.task, "afzender": notice.sender_name}
    if notice.event is not None and notice.event.ending is not None and not notice.retracted:
        data["afloop"] = notice.event.ending.value
    if _gone(notice):
        data["ingetrokken"] = _id(notice)
    return {
        **_attributes(notice, TYPE, notice.sender or _UNKNOWN, subject),
        "datacontenttype": "application/json",
        "data": {**data, "opmerking": "niet geverifieerd"},
    }


def _corv(notice: Notice) -> dict[str, object]:
    source = _UNKNOWN if notice.sender is None else f"/oin/{oin_of(notice.sender)}/systeem/{role_of(notice.sender)}"
    event = _attributes(notice, CORV_TYPE, source, notice.own_number)
    if _gone(notice):
        event |= {"datacontenttype": "application/json", "data": {"ingetrokken": _id(notice)}}
    return event


def _attributes(notice: Notice, kind: str, source: str, subject: str) -> dict[str, object]:
    event, gone = notice.event, _gone(notice)
    return {
        "specversion": "1.0",
        "id": f"{_id(notice)}-{_RETRACTED}" if gone else _id(notice),
        "source": source,
        "type": kind + (_RETRACTED if event is None or gone else event.kind.value),
        "subject": subject,
        "time": moment_text(notice.told_on if event is None or gone else event.day),
    }


def _gone(notice: Notice) -> bool:
    return notice.retracted or notice.event is None


def _id(notice: Notice) -> str:
    return str(UUID(bytes=notice.event_id))
