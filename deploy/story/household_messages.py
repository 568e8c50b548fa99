# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the systems of a household's other partners write in the demo: FHIR, SuwiML, CORV, and our own two forms.  About nobody.

Each says more than may leave, as such messages do: a name, a reason, a remark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from deploy.story.messages import PATIENT_NUMBERS, PRACTICE_AGB
from deploy.story.person import CASE_OF_THE_HOUSE, Person
from schemas.calendar import date_text

BENEFIT_SYSTEM = "urn:nld:oin:00000009999999990001:systeem:uitkeringen"
UWV_SOURCE = "urn:suwi:uwv"
SCHOOL_SOURCE, PARTNERSHIP_SOURCE = "urn:schakel:brin:99ZZ00", "urn:schakel:samenwerkingsverband:9901"
HOUSE_OIN = "00000009999999990007"
HOUSE_SOURCE = f"urn:nld:oin:{HOUSE_OIN}:systeem:casus"
ACTION_TYPE = "nl.samen-onder-handbereik.overleg.actie-belegd"
GRANTED = "01"  # what the code of a decision of UWV means stands in the settings


def task(person: Person, day: int) -> bytes:
    """FHIR R4: a Task of the GP practice about its own patient, with what a doctor wrote."""
    agb = {"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": PRACTICE_AGB}
    practice = {"type": "Organization", "identifier": agb}
    return _json(
        {
            "resourceType": "Task",
            "id": "t-1",
            "identifier": [{"system": "https://his.delinde.example/taken", "value": "T-1"}],
            "status": "in-progress",
            "intent": "order",
            "description": person.remark,
            "for": {"type": "Patient", "identifier": {"system": PATIENT_NUMBERS, "value": person.patient_number}},
            "executionPeriod": {"start": date_text(day)},
            "lastModified": f"{date_text(day)}T09:00:00Z",
            "requester": practice,
            "owner": practice,
        }
    )


def application(person: Person, applied: int, decided: int | None = None) -> bytes:
    """SuwiML: what UWV answers about an application for a benefit; with its decision, once there is one."""
    space = "http://bkwi.nl/SuwiML/Diensten/UWVDossierAanvraagUitkeringStatusGSD/v0200"
    decision = (
        ""
        if decided is None
        else "<BeslissingOpAanvraagUitkering>"
        f"<CdBeslissingOpAanvraagUitkering>{GRANTED}</CdBeslissingOpAanvraagUitkering>"
        f"<DatDagtekeningBeslisOpAanvrUitk>{_suwi(decided)}</DatDagtekeningBeslisOpAanvrUitk>"
        "</BeslissingOpAanvraagUitkering>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<s:UWVAanvrUitkStatusInfoResponse xmlns:s="{space}"><ClientSuwi>'
        f"<Burgerservicenr>{person.bsn}</Burgerservicenr><AanvraagUitkering>"
        f"<DatAanvraagUitkering>{_suwi(applied)}</DatAanvraagUitkering>"
        "<CdStatusAanvraagUitkering>1</CdStatusAanvraagUitkering><SzWet><CdSzWet>WW</CdSzWet></SzWet>"
        f"{decision}</AanvraagUitkering></ClientSuwi></s:UWVAanvrUitkStatusInfoResponse>\n"
    ).encode()


def provision(person: Person, day: int) -> bytes:
    """The form `team`: help to find work has started."""
    entry = {"id": "2026-17", "soort": "gestart", "datum": date_text(day), "wet": "participatiewet", "bsn": person.bsn}
    return _json({"formaat": "schakel-team", "versie": "1", "afzender": BENEFIT_SYSTEM, "meldingen": [entry]})


def pupil(sender: str, number: str, what: tuple[str, str], day: int) -> bytes:
    """The form `school`: what happened to which matter of a pupil."""
    matter, happening = what
    entry = {"id": f"{matter}-1", "soort": matter, "gebeurtenis": happening, "datum": date_text(day)}
    return _json(
        {
            "formaat": "schakel-school",
            "versie": "1",
            "afzender": sender,
            "meldingen": [{**entry, "leerlingnummer": number}],
        }
    )


def action(person: Person, day: int) -> bytes:
    """CORV 2.0: an action was assigned in a meeting about the house's own case, with its minutes."""
    return _json(
        {
            "specversion": "1.0",
            "id": "6f1c7c1e-0001-4000-8000-000000000001",
            "source": f"/oin/{HOUSE_OIN}/systeem/casus",
            "type": "overleg.actie-belegd",
            "time": f"{date_text(day)}T11:30:00Z",
            "subject": CASE_OF_THE_HOUSE,
            "datacontenttype": "application/json",
            "data": {"notulen": person.remark, "betrokkene": f"{person.given_name} {person.family_name}"},
        }
    )


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, indent=2).encode()


def _suwi(day: int) -> str:
    return date_text(day).replace("-", "")
