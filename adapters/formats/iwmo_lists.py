# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Names, codes and places of iWmo 3.2, as data: what the reader looks at, in the words of the standard.

Only elements that the reader uses, or must step over, are listed. The code lists are those of the Wmo; the lists of
the Jeugdwet give other meanings to the same numbers (31 is *moved* here and *as planned* there) and are never merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.formats.xml_strict import Child
from schemas.event import Ending, Kind

BASE = "http://www.istandaarden.nl/iwmo/3_2/basisschema/schema"

# RedenBeeindiging (WMO588) -> what it is in the shared vocabulary.
ENDINGS: Mapping[str, tuple[Kind, Ending | None]] = {
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

# RedenWijziging (WMO002). 01 is in the XSD, and CS336 says not to use it.
CHANGES = frozenset(f"{code:02d}" for code in range(2, 15))
WITHDRAWN = "13"

# StatusAanlevering (COD467) by CS058: first delivery and removal; 2 and 9 are in the XSD and may not be used (OP033x2).
FIRST, REMOVAL = "1", "3"

HEADER = (
    Child("BerichtCode"),
    Child("BerichtVersie"),
    Child("BerichtSubversie"),
    Child("Afzender"),
    Child("Ontvanger"),
    Child("BerichtIdentificatie"),
    Child("XsdVersie"),
)
IDENTIFICATION = (Child("Identificatie"), Child("Dagtekening"))
ROOT = (Child("Header"), Child("Client"))

_PERSON = (Child("Bsn"), Child("Geboortedatum"), Child("Geslacht"), Child("Naam"))


@dataclass(frozen=True, slots=True)
class Message:
    """Where one message keeps what is read; the other places are stepped over without looking inside."""

    number: str
    code: str
    from_municipality: bool
    client: tuple[Child, ...]
    products: str
    product: str
    model: tuple[Child, ...]

    @property
    def namespace(self) -> str:
        return f"http://www.istandaarden.nl/iwmo/3_2/wmo{self.number}/schema"


ALLOCATION = Message(
    number="301",
    code="414",
    from_municipality=True,
    client=(
        *_PERSON,
        Child("Communicatie", required=False),
        Child("JuridischeStatus", required=False),
        Child("WettelijkeVertegenwoordiging", required=False),
        Child("Commentaar", required=False),
        Child("Relaties", required=False),
        Child("Contactgegevens"),
        Child("ToegewezenProducten"),
    ),
    products="ToegewezenProducten",
    product="ToegewezenProduct",
    model=(
        Child("ToewijzingNummer"),
        Child("ReferentieAanbieder", required=False),
        Child("Product", required=False),
        Child("Toewijzingsdatum"),
        Child("Toewijzingstijd"),
        Child("Ingangsdatum"),
        Child("Einddatum", required=False),
        Child("RedenWijziging", required=False),
        Child("Omvang", required=False),
        Child("Budget", required=False),
        Child("Commentaar", required=False),
    ),
)

START = Message(
    number="305",
    code="418",
    from_municipality=False,
    client=(*_PERSON, Child("StartProducten")),
    products="StartProducten",
    product="StartProduct",
    model=(
        Child("ToewijzingNummer", required=False),
        Child("Product", required=False),
        Child("ToewijzingIngangsdatum", required=False),
        Child("Begindatum"),
        Child("StatusAanlevering"),
    ),
)

STOP = Message(
    number="307",
    code="420",
    from_municipality=False,
    client=(*_PERSON, Child("StopProducten")),
    products="StopProducten",
    product="StopProduct",
    model=(
        Child("ToewijzingNummer", required=False),
        Child("Product", required=False),
        Child("ToewijzingIngangsdatum", required=False),
        Child("Begindatum"),
        Child("RedenBeeindiging"),
        Child("Einddatum"),
        Child("StatusAanlevering"),
    ),
)

MESSAGES: Mapping[str, Message] = {f"{{{message.namespace}}}Bericht": message for message in (ALLOCATION, START, STOP)}
