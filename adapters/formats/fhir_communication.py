# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A notice as a FHIR R4 Communication, for a system that shows messages and has no list of tasks.

- It says the same as the Task: kind, day and sender, the client by the recipient's own number, a fixed sentence.
- `sent` is the day on which the recipient was told. Never `about`, `reasonCode` or `note`.
- `instantiatesUri` says that Schakel wrote it, so that it is never read back as news; a Task says so by its intent.
- A retraction is the same Communication again, same identifier, with status `entered-in-error`.
"""

from collections.abc import Sequence
from typing import Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.communication import Communication

from adapters.formats.about import About, Status
from adapters.formats.fhir_lists import WRITTEN_BY
from adapters.formats.fhir_task import KINDS, RETRACTED, RETRACTED_SENTENCE, URI, as_json, client, identifier
from adapters.formats.native import Notice
from schemas.calendar import date_text

ABOUT: Final = About(
    name="fhir-communication",
    partner="huisarts en zorgnetwerk",
    standard="HL7 FHIR",
    version="R4",
    status=Status.STANDARD,
    writes=("Communication", "Bundle"),
    told=(5, 9, 13, 18, 118, 901, 903, 906),
)


class FhirCommunicationWriter:
    """Writes one Communication, or a Bundle (collection) of them."""

    name = "fhir-communication"
    suffix = ".json"

    def write(self, notices: Sequence[Notice]) -> bytes:
        """Return FHIR JSON; raises ValueError when there is nothing to write."""
        if not notices:
            raise ValueError("there is no notice to write")
        if len(notices) == 1:
            return as_json(Communication.model_validate(_communication(notices[0])))
        entries = [{"fullUrl": identifier(notice), "resource": _communication(notice)} for notice in notices]
        return as_json(Bundle.model_validate({"resourceType": "Bundle", "type": "collection", "entry": entries}))


def _communication(notice: Notice) -> dict[str, object]:
    return {
        "resourceType": "Communication",
        "identifier": [{"system": URI, "value": identifier(notice)}],
        "instantiatesUri": [WRITTEN_BY],
        "status": RETRACTED if notice.retracted or notice.event is None else "completed",
        "subject": {"type": "Patient", "identifier": client(notice)},
        "sent": date_text(notice.told_on),
        "sender": {"display": notice.sender_name},
        "payload": [{"contentString": _sentence(notice)}],
    }


def _sentence(notice: Notice) -> str:
    event = notice.event
    if notice.retracted or event is None:
        return RETRACTED_SENTENCE
    ending = "" if event.ending is None else f" ({event.ending.value})"
    return f"{KINDS[event.kind][1]}{ending}; datum {date_text(event.day)}"
