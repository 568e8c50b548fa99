# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A consent record as a FHIR R4 Consent: all is refused but what was agreed.

Guarantees: what is written is read back by `consent.fhir_consent_read` and answers permit to what was agreed and to nothing else;
a withdrawn consent, or one that is over, is not active. A reader who does not know our purposes and categories finds codes that
are in nothing of his own, so permits nothing.
"""

from collections.abc import Mapping
from typing import Final

from consent.dpv import moment_text
from consent.record import ConsentRecord
from schemas.calendar import date_text

URI: Final = "urn:ietf:rfc:3986"  # FHIR's system of identifiers that are a URI
CATEGORY: Final = "urn:schakel:category"
PURPOSE: Final = "urn:schakel:purpose"
CLIENTS: Final = "clients"  # of an address: the numbers that it gives its own clients
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_PERSONS: Final = {"parents": "ouders of voogd", "representative": "vertegenwoordiger"}


def as_fhir(record: ConsentRecord, today: int, *, stands: bool = True) -> dict[str, object]:
    """The Consent; not active when nothing is told under it any more (`stands`), whatever ended that."""
    patient = {"identifier": {"system": f"{record.controller}:{CLIENTS}", "value": record.principal}}
    holder = {"identifier": {"system": URI, "value": record.controller}}
    client = record.given_by not in _PERSONS
    return {
        "resourceType": "Consent",
        "id": record.id,
        "identifier": [{"system": URI, "value": f"urn:uuid:{record.uuid}"}],
        "status": "active" if stands and record.state == "given" and today <= record.end else "inactive",
        "scope": _concept("consentscope", "patient-privacy"),
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": patient,
        "dateTime": moment_text(record.given_at),
        "performer": [patient if client else {"display": _PERSONS[record.given_by]}],
        "organization": [holder],
        "sourceAttachment": {"language": record.language, "title": f"Tekst voor de cliënt, versie {record.notice}"},
        "policyRule": _concept("v3-ActCode", "OPTOUT"),
        "provision": {
            "period": {"start": date_text(record.begin), "end": date_text(record.end)},
            "provision": [
                {
                    "type": "permit",
                    "actor": [
                        _actor("CST", holder),
                        *(_actor("PRCP", {"identifier": {"system": URI, "value": one}}) for one in record.recipients),
                    ],
                    "action": [_concept("consentaction", "disclose")],
                    "class": [{"system": CATEGORY, "code": one} for one in record.categories],
                    "code": [{"coding": [{"system": PURPOSE, "code": record.purpose}]}],
                }
            ],
        },
    }


def _concept(system: str, code: str) -> dict[str, object]:
    return {"coding": [{"system": _TERMS + system, "code": code}]}


def _actor(role: str, reference: Mapping[str, object]) -> dict[str, object]:
    return {"role": _concept("v3-ParticipationType", role), "reference": reference}
