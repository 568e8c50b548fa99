# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A consent record in the Data Privacy Vocabulary, as JSON-LD without a context: every name is a whole identifier.

Guarantees: each field of the record is told under the name that `terms/dpv.json` has for it, and none is left out; the form is
that of the published example of a 27560 working draft in DPV. The text of ISO/IEC TS 27560 itself was not at hand, so this is no
claim to conform to it.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from consent.record import ConsentRecord
from schemas.calendar import date_text

_DATA: Final = cast(
    "dict[str, dict[str, str]]", json.loads((Path(__file__).parent / "terms" / "dpv.json").read_bytes())
)
TERMS: Final = MappingProxyType(_DATA["fields"])
VALUES: Final = MappingProxyType(_DATA["values"])
_DPV: Final = "https://w3id.org/dpv#"
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"
_PURPOSE: Final = (
    "purpose",
    "controller",
    "recipients",
    "categories",
    "ground",
    "operations",
    "provenance",
    "withdrawal",
)
_EVENT: Final = ("given_at", "given_by", "manner", "begin", "end", "withdrawn_at")


def as_dpv(record: ConsentRecord) -> dict[str, object]:
    """One node: the record, with its purpose and with what happened to it."""
    node: dict[str, object] = {
        "@id": f"urn:uuid:{record.uuid}",
        "@type": f"{_DPV}ConsentRecord",
        f"{_DPV}hasPurpose": _purpose(record),
        f"{_DPV}hasConsentStatus": _events(record),
    }
    for name, value in asdict(record).items():
        if name not in (*_PURPOSE, *_EVENT, "state") and value is not None:
            node[TERMS[name]] = value
    return node


def _purpose(record: ConsentRecord) -> dict[str, object]:
    return {
        "@type": f"{_DPV}Purpose",
        "@id": f"urn:schakel:purpose:{record.purpose}",
        TERMS["controller"]: [{"@id": record.controller}],
        TERMS["recipients"]: [{"@id": one} for one in record.recipients],
        TERMS["categories"]: [{"@id": f"urn:schakel:category:{one}"} for one in record.categories],
        TERMS["ground"]: {"@id": VALUES[record.ground or "consent"]},
        TERMS["withdrawal"]: {"@id": f"urn:schakel:withdrawal:{record.withdrawal}"},
        **({TERMS["operations"]: [{"@id": VALUES[one]} for one in record.operations]} if record.operations else {}),
        **({TERMS["provenance"]: {"@id": f"urn:schakel:provenance:{record.provenance}"}} if record.provenance else {}),
    }


def _events(record: ConsentRecord) -> list[dict[str, object]]:
    given: dict[str, object] = {
        "@type": [VALUES["given"], f"{_DPV}ExplicitlyExpressedConsent"],
        TERMS["given_at"]: _moment(record.given_at),
        TERMS["given_by"]: record.given_by,
        TERMS["manner"]: record.manner,
        TERMS["begin"]: {
            "urn:schakel:term:begin": {"@type": f"{_XSD}date", "@value": date_text(record.begin)},
            "urn:schakel:term:end": {"@type": f"{_XSD}date", "@value": date_text(record.end)},
        },
    }
    if record.withdrawn_at is None:
        return [given]
    return [given, {"@type": [VALUES["withdrawn"]], TERMS["withdrawn_at"]: _moment(record.withdrawn_at)}]


def _moment(ms: int) -> dict[str, str]:
    return {"@type": f"{_XSD}dateTime", "@value": moment_text(ms)}


def moment_text(ms: int) -> str:
    """A time as `2026-03-02T10:00:00Z`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
