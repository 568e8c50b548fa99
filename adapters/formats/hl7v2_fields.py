# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each segment and field of HL7 v2, by the kind of message; a place is segment, field, component."""

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.formats.explain import CLIENT, KIND, PARTNER, TELLER, Fields, Ground

_COMPONENTS: Final = range(1, 11)
_SUBCOMPONENTS: Final = range(2, 5)
_KEY: Final = "tells this one from others; does not travel"


def _fields(segment: str, numbers: Iterable[int], ground: Ground) -> dict[str, str | Ground]:
    return {f"{segment}/{number}": ground for number in numbers}


def _read(place: str, used: Mapping[int, str]) -> dict[str, str | Ground]:
    """A field of which these components are read, of each the first subcomponent."""
    places: dict[str, str | Ground] = {}
    for component in _COMPONENTS:
        places[f"{place}/{component}"] = used.get(component, Ground.TECHNICAL)
        places |= {f"{place}/{component}/{inner}": Ground.TECHNICAL for inner in _SUBCOMPONENTS}
    return places


def _key(place: str, purpose: str = _KEY) -> dict[str, str | Ground]:
    """A number and who gave it."""
    return _read(place, {1: purpose, 2: purpose})


_HEADER: Final[Fields] = {
    **_fields("MSH", range(1, 26), Ground.TECHNICAL),
    "MSH/1": Ground.CHECKED,
    "MSH/2": Ground.CHECKED,
    **_read("MSH/3", {1: "checked: that Schakel did not write it itself"}),
    **_read("MSH/4", {1: TELLER}),
    **_read("MSH/6", {1: PARTNER}),
    "MSH/7": "the day of the event, where nothing in it says a better one; which of two messages came later",
    **_read("MSH/9", {1: KIND, 2: KIND, 3: "checked: the structure of this kind of message"}),
    "MSH/10": Ground.CHECKED,
    **_read("MSH/11", {1: "checked: that it is no test", 2: "checked: that it is no archive"}),
    **_read("MSH/12", {1: "checked: the version"}),
    "MSH/18": "checked: the character set",
    "FHS": Ground.CHECKED,
    "BHS": Ground.CHECKED,
    "BTS": Ground.CHECKED,
    "FTS": Ground.CHECKED,
}
_CLIENT: Final[Fields] = {
    **_fields("PID", range(1, 41), Ground.IDENTITY),
    **_read("PID/3", {1: CLIENT, 4: "which numbers are the BSN and the own number"}),
}
_REFERRAL: Final[Fields] = {
    **_fields("RF1", range(1, 25), Ground.TECHNICAL),
    **_read("RF1/1", {1: KIND}),
    "RF1/2": Ground.HEALTH,
    "RF1/3": Ground.SERVICE,
    "RF1/4": Ground.SERVICE,
    "RF1/5": Ground.SERVICE,
    **_key("RF1/6"),
    "RF1/7": Ground.CHECKED,
    "RF1/8": Ground.CHECKED,
    "RF1/9": Ground.CHECKED,
    "RF1/10": Ground.HEALTH,
    **_key("RF1/11", "tells this referral from others, where it has no number of its own; does not travel"),
}
_APPOINTMENT: Final[Fields] = {
    **_fields("SCH", range(3, 28), Ground.TECHNICAL),
    **_key("SCH/1", "tells this appointment from others, where it has no number of the filler; does not travel"),
    **_key("SCH/2"),
    "SCH/6": Ground.HEALTH,
    "SCH/7": Ground.HEALTH,
    "SCH/8": Ground.SERVICE,
    **_fields("SCH", range(12, 22), Ground.OTHERS),
    **_read("SCH/25", {1: KIND}),
}
_RESULT: Final[Fields] = {
    "OBR/1": Ground.TECHNICAL,
    **_key("OBR/2", "tells this result from others, where it has no number of the filler; does not travel"),
    **_key("OBR/3"),
    **_fields("OBR", range(4, 60), Ground.HEALTH),
    # That something arrived.
    "OBR/25": Ground.CHECKED,
    "OBR[2]/25": Ground.CHECKED,
}
# Segments that are dropped by their name.
_DROPPED: Final[Mapping[Ground, str]] = {
    Ground.HEALTH: "ACC DG1 DRG AL1 PR1 OBR OBX PV1 PV2 ORC CTI SPM ARV",
    Ground.OTHERS: "NK1 GT1 CTD PRT ROL PRD AIP",
    Ground.MONEY: "IN1 IN2 IN3 AUT FT1",
    Ground.SERVICE: "AIS AIG AIL",
    Ground.IDENTITY: "PD1",
    Ground.FREE_TEXT: "NTE",
    Ground.TECHNICAL: "SFT UAC MSA RGS TQ1 TQ2 DSC",
}
_EVERY: Final[Fields] = {
    **{name: ground for ground, names in _DROPPED.items() for name in names.split()},
    # The second and further ones: that a result arrived is told once.
    "OBR[2]": Ground.HEALTH,
    **_HEADER,
    **_CLIENT,
}

FIELDS: Final[Mapping[str, Fields]] = {
    "REF": {**_EVERY, **_REFERRAL, "RF1/7": "the day of the event"},
    "RRI": {**_EVERY, **_REFERRAL, "RF1/9": "the day of the event", "MSA/1": Ground.CHECKED},
    "SIU": {**_EVERY, **_APPOINTMENT},
    "ORU": {**{place: meaning for place, meaning in _EVERY.items() if place != "OBR"}, **_RESULT},
}
