# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iWmo 3.2: what is its own, and its reader.

Of the returns (302, 306, 308, 316, 318, 320) no schema is published where we could read it: they are refused.
"""

from typing import Final

from adapters.formats.about import About, Status
from adapters.formats.istandaard import IStandaardReader
from adapters.formats.istandaard_models import Standard, coded
from adapters.formats.native import FormatConfig
from schemas.event import Ending, Kind, Law

# RedenBeeindiging (WMO588) -> what it is in the shared vocabulary.
ENDINGS: Final[dict[str, tuple[Kind, Ending | None]]] = {
    "02": (Kind.BEEINDIGD, Ending.OVERLEDEN),
    "19": (Kind.BEEINDIGD, Ending.VOLGENS_PLAN),
    "20": (Kind.ONDERBROKEN, None),
    "21": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "22": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "23": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "31": (Kind.BEEINDIGD, Ending.VERHUISD),
    "36": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "37": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "38": (Kind.BEEINDIGD, Ending.VOORTIJDIG),
    "39": (Kind.BEEINDIGD, Ending.ANDER_DOMEIN),
}
STANDARD: Final = Standard(
    name="iwmo",
    prefix="wmo",
    law=Law.WMO,
    endings=ENDINGS,
    # RedenWijziging (WMO002). 01 is in the XSD, and CS336 says not to use it.
    changes=frozenset(f"{code:02d}" for code in range(2, 15)),
    messages=coded({"301": "414", "305": "418", "307": "420", "315": "444", "317": "480", "319": "482"}, {}),
)
ABOUT: Final = About(
    name=STANDARD.name,
    partner="team Wmo en zorgaanbieder (Wmo)",
    standard="iStandaard iWmo",
    version="3.2",
    status=Status.STANDARD,
    reads=tuple(message.number for message in STANDARD.messages),
    tells=(1, 2, 5, 14, 122, 311, 901, 902),
)


class IwmoReader(IStandaardReader):
    """Reads one iWmo message."""

    name = STANDARD.name

    def __init__(self, config: FormatConfig) -> None:
        super().__init__(STANDARD, config.xsd_dir)
