# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The vectors of the formats as test parameters, the types they use, and every value that came out of a message."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from adapters.formats.native import NativeEvent
from schemas.calendar import date_text
from schemas.event import CATEGORIES, Kind, Law

VECTORS = Path(__file__).parents[1] / "vectors"
TYPES = {
    "nl.voorbeeldgemeente.wmo.melding-ontvangen": (Kind.AANGEMELD, Law.WMO),
    "nl.voorbeeldgemeente.wmo.ondersteuning-gestart": (Kind.GESTART, Law.WMO),
}
_CATALOGUE = "https://catalogi.voorbeeldgemeente.example/api/v1"
# What the types of these vectors mean: URLs of ZGW, codes of Suwi, names of CORV by the NL GOV profile.
MORE_TYPES = {
    **TYPES,
    f"{_CATALOGUE}/zaaktypen/wmo": (Kind.AANGEMELD, Law.WMO),
    f"{_CATALOGUE}/statustypen/onderzoek": (Kind.IN_ONDERZOEK, Law.WMO),
    f"{_CATALOGUE}/statustypen/jeugd": (Kind.IN_ONDERZOEK, Law.JEUGDWET),
    f"{_CATALOGUE}/resultaattypen/toegekend": (Kind.TOEGEWEZEN, Law.WMO),
    f"{_CATALOGUE}/resultaattypen/afgewezen": (Kind.AFGEWEZEN, Law.WMO),
    "suwi:beslissing:01": (Kind.TOEGEWEZEN, Law.PARTICIPATIEWET),
    "suwi:beslissing:04": (Kind.AFGEWEZEN, Law.PARTICIPATIEWET),
    "nl.samen-onder-handbereik.overleg.actie-belegd": (Kind.ACTIE_BELEGD, Law.JEUGDWET),
    "nl.samen-onder-handbereik.overleg.besluit-genomen": (Kind.TOEGEWEZEN, Law.JEUGDWET),
}


def hostile(format_name: str) -> list[Any]:
    """Every hostile vector with the first fault it must give."""
    folder = VECTORS / format_name / "hostile"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert {path.name for path in folder.iterdir()} == {*expected, "expected.json"}
    return [pytest.param(folder / name, fault, id=name) for name, fault in expected.items()]


def valid(format_name: str) -> list[Any]:
    """Every valid vector with the events it must give."""
    folder = VECTORS / format_name
    expected = json.loads((folder / "expected_valid.json").read_text("utf-8"))
    assert {path.name for path in (folder / "valid").iterdir()} == set(expected)
    return [pytest.param(folder / "valid" / name, events, id=name) for name, events in expected.items()]


def in_words(event: NativeEvent) -> dict[str, object]:
    """An event as it stands in the expected events of a vector."""
    words: dict[str, object] = {
        "parts": event.event.parts(CATEGORIES),
        "bsn": None if event.citizen is None else event.citizen.bsn,
        "own_number": None if event.citizen is None else event.citizen.own_number,
        "sender": event.sender,
        "receiver": event.receiver,
        "identity": list(event.identity),
        "retracts": event.retracts,
        "reason": event.reason,
    }
    if event.request is not None:
        words["request"] = [event.request.provider, event.request.municipality, event.request.reference]
    if event.allocation is not None:
        allocation = event.allocation
        words["allocation"] = {
            "number": allocation.number,
            "begin": date_text(allocation.begin),
            "end": None if allocation.end is None else date_text(allocation.end),
            "change": allocation.change,
            "withdrawn": allocation.withdrawn,
            "stated": allocation.stated,
        }
    return words


def everything_in(events: Iterable[NativeEvent]) -> set[str]:
    """Every single value in the events, as text; but for when its source stated it, which no canary can be."""
    found: set[str] = set()

    def gather(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                gather(item)
        elif isinstance(value, list | tuple):
            for item in value:
                gather(item)
        elif value is not None:
            found.add(str(value))

    for event in events:
        whole = asdict(event)
        course = whole.pop("course")
        gather([whole, course and course["key"]])
    return found


# Every segment that may stand in a message of HL7 v2, each once and where it may.
_WHOLE = {
    "REF": "MSH SFT UAC RF1 AUT CTD PRD PID NK1 GT1 IN1 IN2 IN3 ACC DG1 DRG AL1 PR1 OBR OBX PRT NTE PV1 PV2",
    "RRI": "MSH SFT UAC MSA RF1 AUT CTD PRD PID ACC DG1 DRG AL1 PR1 OBR OBX PRT NTE PV1 PV2",
    "SIU": "MSH SCH TQ1 NTE PID PD1 PV1 PV2 OBX DG1 RGS AIS AIG AIL AIP",
    "ORU": "MSH SFT UAC PID PD1 NK1 ARV PV1 PV2 PRT ORC OBR NTE ROL TQ1 TQ2 CTD OBX FT1 CTI SPM DSC",
}


def with_every_segment(kind: str, lines: Iterable[str]) -> list[str]:
    """These segments, and between them every other that may stand in this message, with a canary."""
    known = {line[:3]: line for line in reversed(list(lines))}
    filled = {"MSA": "MSA|AA|KANARIE"}
    return [known.get(name) or filled.get(name) or f"{name}|KANARIE-{name}" for name in _WHOLE[kind].split()]
