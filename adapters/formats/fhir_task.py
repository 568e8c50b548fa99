# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A notice as a FHIR R4 Task: something happened, fetch the rest at the source.

- It says kind, day and sender, and names the client by the recipient's own number; nothing in it is free text.
- The description is a fixed sentence per kind, and says that nobody verified what it tells.
- Never `note`, `input`, `output` or `focus`: these hold medical text in practice, and a notice has none.
- A retraction is the same Task again, same identifier, with status `entered-in-error`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import orjson
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.communication import Communication
from fhir.resources.R4B.task import Task

from adapters.formats.about import About, Status
from adapters.formats.fhir import BSN
from adapters.formats.native import Notice
from schemas.calendar import date_text
from schemas.event import Ending, Event, Kind

ABOUT: Final = About(
    name="fhir-task",
    partner="huisarts",
    standard="HL7 FHIR",
    version="R4",
    status=Status.STANDARD,
    writes=("Task", "Bundle"),
    told=(5, 9, 13, 18, 118, 901, 903, 906),
)
URI = "urn:ietf:rfc:3986"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\ufeff]+")
RETRACTED = "entered-in-error"

# Kind -> Task.status and the description.
KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.AANGEMELD: ("requested", "De cliënt is aangemeld; niet geverifieerd"),
    Kind.IN_ONDERZOEK: ("accepted", "De aanvraag is in onderzoek; niet geverifieerd"),
    Kind.AFGEWEZEN: ("rejected", "De aanvraag is afgewezen; niet geverifieerd"),
    Kind.TOEGEWEZEN: ("accepted", "De ondersteuning is toegewezen; niet geverifieerd"),
    Kind.GESTART: ("in-progress", "De ondersteuning is gestart; niet geverifieerd"),
    Kind.GEWIJZIGD: ("in-progress", "De toewijzing is gewijzigd; niet geverifieerd"),
    Kind.ONDERBROKEN: ("on-hold", "De ondersteuning is onderbroken; niet geverifieerd"),
    Kind.HERVAT: ("in-progress", "De ondersteuning is hervat; niet geverifieerd"),
    Kind.BEEINDIGD: ("completed", "De ondersteuning is beëindigd; niet geverifieerd"),
    Kind.ACTIE_BELEGD: ("requested", "Er is een actie belegd; niet geverifieerd"),
    Kind.ACTIE_AFGEROND: ("completed", "De actie is afgerond; niet geverifieerd"),
    Kind.UITKOMST_BESCHIKBAAR: ("completed", "Er is een uitkomst beschikbaar bij de bron; niet geverifieerd"),
}
RETRACTED_SENTENCE = "Deze melding is ingetrokken door de afzender; niet geverifieerd"
# Whatever did not end as planned was not completed; FHIR's `failed` would judge, `cancelled` only says that it stopped.
_UNFINISHED = frozenset(Ending) - {Ending.VOLGENS_PLAN}
# These are about a day on which something was over.
_CLOSING = frozenset({Kind.AFGEWEZEN, Kind.ONDERBROKEN, Kind.BEEINDIGD, Kind.ACTIE_AFGEROND})


class FhirTaskWriter:
    """Writes one Task, or a Bundle (collection) of Tasks."""

    name = "fhir-task"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return FHIR JSON; raises ValueError when there is nothing to write."""
        if not notices:
            raise ValueError("there is no notice to write")
        tasks = [_task(notice) for notice in notices]
        if len(tasks) == 1:
            return as_json(Task.model_validate(tasks[0]))
        entries = [
            {"fullUrl": identifier(notice), "resource": task} for notice, task in zip(notices, tasks, strict=True)
        ]
        return as_json(Bundle.model_validate({"resourceType": "Bundle", "type": "collection", "entry": entries}))


def _task(notice: Notice) -> dict[str, object]:
    event = notice.event
    status, sentence = (RETRACTED, RETRACTED_SENTENCE) if event is None else KINDS[event.kind]
    if event is not None and event.ending in _UNFINISHED:
        status = "cancelled"
    if notice.retracted:
        status, sentence = RETRACTED, RETRACTED_SENTENCE
    return {
        "resourceType": "Task",
        "identifier": [{"system": URI, "value": identifier(notice)}],
        "status": status,
        **({} if event is None else _what(event)),
        # Required by R4. A notice asks for nothing, and `unknown` is the one code that does not claim it does.
        "intent": "unknown",
        "description": sentence,
        "for": {"type": "Patient", "identifier": client(notice)},
        "requester": {"display": notice.sender_name},
    }


def identifier(notice: Notice) -> str:
    """The event id as a URN: the same notice again has the same one."""
    return UUID(bytes=notice.event_id).urn


def client(notice: Notice) -> dict[str, str]:
    """The identifier of the client, as the recipient's configuration asks for it."""
    if notice.bsn is not None:
        return {"system": BSN, "value": notice.bsn}
    # A system is a URI: what has a space in it is none, and names an authority of another standard.
    system = notice.own_system if notice.own_system is not None and _URI.fullmatch(notice.own_system) else None
    return {"value": notice.own_number} if system is None else {"system": system, "value": notice.own_number}


def _what(event: Event) -> dict[str, object]:
    words = event.kind.value if event.ending is None else f"{event.kind.value} ({event.ending.value})"
    return {
        "businessStatus": {"coding": [{"code": event.kind.value}], "text": words},
        "executionPeriod": {"end" if event.kind in _CLOSING else "start": date_text(event.day)},
    }


def as_json(resource: Task | Bundle | Communication) -> bytes:
    """FHIR JSON, equal bytes for equal resources."""
    return orjson.dumps(orjson.loads(resource.model_dump_json(exclude_none=True)), option=orjson.OPT_INDENT_2) + b"\n"
