# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iJw 3.2: what is its own, and its reader."""

from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.istandaard import IStandaardReader
from adapters.formats.istandaard_models import ANSWER, REQUEST, Standard, coded, returned
from adapters.formats.native import FormatConfig
from adapters.formats.xml_strict import Child
from schemas.event import Ending, Kind, Law

# RedenBeeindiging (JZ588) -> what it is in the shared vocabulary. 35 names a move together with causes that are none.
ENDINGS: Final[dict[str, tuple[Kind, Ending | None]]] = {
    "02": (Kind.BEEINDIGD, Ending.OVERLEDEN),
    "20": (Kind.ONDERBROKEN, None),
    "31": (Kind.BEEINDIGD, Ending.VOLGENS_PLAN),
    "32": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "33": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "34": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "35": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "36": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "37": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "38": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "39": (Kind.BEEINDIGD, Ending.ANDER_DOMEIN),
}
_REQUEST_BODY = (*REQUEST.body[:4], Child("GezagsdragerBekend", required=False), *REQUEST.body[4:])
_ANSWER_BODY = (*ANSWER.body, Child("Woonplaatsbeginsel", required=False))
_FORWARD = coded(
    {"301": "436", "305": "438", "307": "440", "315": "446", "317": "486", "319": "488"},
    {"315": _REQUEST_BODY, "319": _ANSWER_BODY},
)
STANDARD: Final = Standard(
    name="ijw",
    prefix="jw",
    law=Law.JEUGDWET,
    endings=ENDINGS,
    # RedenWijziging (JZ002). 01 is in the XSD, and CS336 says not to use it.
    changes=frozenset(f"{code:02d}" for code in range(2, 15)),
    messages=(*_FORWARD, *map(returned, _FORWARD)),
)
ABOUT: Final = About(
    name=STANDARD.name,
    partner="team Jeugd en jeugdhulpaanbieder",
    standard="iStandaard iJw",
    version="3.2",
    status=Status.STANDARD,
    reads=tuple(sorted(message.number for message in STANDARD.messages)),
    tells=(6, 8, 9, 10, 11, 114, 222, 903, 904),
)


class IjwReader(IStandaardReader):
    """Reads one iJw message."""

    name = STANDARD.name

    def __init__(self, config: FormatConfig) -> None:
        super().__init__(STANDARD, config.ijw_xsd_dir)
