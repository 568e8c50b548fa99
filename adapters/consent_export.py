# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The consents of one client, for another system or for the citizen: in DPV (JSON-LD), or as FHIR R4.

Guarantees: all of that client, withdrawn ones too, and nothing of anybody else; named by this partner's own number.
"""

from typing import Final

import orjson

from adapters.lines import is_open
from adapters.records_outgoing import GRANTS, Client
from adapters.records_people import CONSENTS, Consented
from adapters.shelf import Reads
from adapters.workplace import Workplace
from consent.dpv import as_dpv
from consent.fhir_export import as_fhir
from consent.record import ConsentRecord, from_bytes

DPV: Final = "dpv"
FHIR: Final = "fhir"
FORMS: Final = (DPV, FHIR)


def consents_of(reads: Reads, work: Workplace, client: Client) -> list[ConsentRecord]:
    """Every consent record of this client, as it stands."""
    return [from_bytes(one.raw, work.registry) for one in CONSENTS.find(reads, "client", client.id.encode())]


def export(reads: Reads, work: Workplace, client: Client, form: str) -> tuple[bytes, int]:
    """The file in one of `FORMS`, and how many consents are in it."""
    records = consents_of(reads, work, client)
    ended = {one.id for one in CONSENTS.find(reads, "client", client.id.encode()) if not _stands(reads, work, one)}
    made: dict[str, object]
    if form == DPV:
        made = {"@graph": [as_dpv(one) for one in records]}
    else:
        entries = [
            {"fullUrl": f"urn:uuid:{one.uuid}", "resource": as_fhir(one, work.today, stands=one.id not in ended)}
            for one in records
        ]
        made = {"resourceType": "Bundle", "type": "collection"} | ({"entry": entries} if entries else {})
    return orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n", len(records)


def _stands(reads: Reads, work: Workplace, consented: Consented) -> bool:
    """Whether something is told under it today."""
    return is_open(reads, GRANTS.need(reads, consented.grants[-1].encode()).line, work.today)
