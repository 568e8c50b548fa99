# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The messages of the iStandaarden 3.2 as data: where each keeps what the reader looks at, in the words of the standard.

- Only elements that the reader uses, or must step over, are listed; what is stepped over is never looked into.
- iWmo and iJw have the same frame and other lists: the same number means another thing (31 is *moved* in the one and
  *as planned* in the other), so a list belongs to one `Standard` and is never merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from adapters.formats.xml_strict import Child
from schemas.event import Ending, Kind, Law

# RedenWijziging 13: the allocation must be taken as never sent.
WITHDRAWN = "13"
# StatusAanlevering (COD467) by CS058: first delivery and removal; 2 and 9 are in the XSD and may not be used (OP033x2).
FIRST, REMOVAL = "1", "3"
# VerzoekAntwoord (WJ760).
ANSWERS: Mapping[str, Kind] = {"1": Kind.AFGEWEZEN, "2": Kind.IN_ONDERZOEK}
REJECTED = "1"
# RedenAfwijzingVerzoek (WJ759), the same in both standards.
REJECTIONS = frozenset("123456789")
# RedenVerzoek (WJ758).
REASONS = frozenset("12")


class Shape(StrEnum):
    """What a message is about, and so how it is read."""

    ALLOCATION = "allocation"
    START = "start"
    STOP = "stop"
    REQUEST = "request"
    CHANGE = "change"
    ANSWER = "answer"
    # Says whether a message was in order, and nothing of the citizen's course: checked, and gives no event.
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Message:
    """Where one message keeps what is read. `products`, `product` and `model` are empty where there are none."""

    number: str
    code: str
    shape: Shape
    from_municipality: bool
    body: tuple[Child, ...]
    products: str = ""
    product: str = ""
    model: tuple[Child, ...] = ()

    @property
    def top(self) -> str:
        """The element next to the header."""
        return "Antwoord" if self.number in ("319", "320") else "Client"

    @property
    def root(self) -> tuple[Child, ...]:
        return (Child("Header"), Child(self.top, required=self.shape is not Shape.RETURN))

    @property
    def header(self) -> tuple[Child, ...]:
        return (*HEADER, *_RETURN_HEADER) if self.shape is Shape.RETURN else HEADER


@dataclass(frozen=True, slots=True)
class Standard:
    """One of the iStandaarden: its law, its names, and the lists that are its own."""

    name: str
    prefix: str
    law: Law
    endings: Mapping[str, tuple[Kind, Ending | None]]
    changes: frozenset[str]
    messages: tuple[Message, ...]

    @property
    def family(self) -> str:
        """How every namespace of every version of this standard begins."""
        return f"http://www.istandaarden.nl/{self.name}/"

    @property
    def base(self) -> str:
        return f"{self.family}3_2/basisschema/schema"

    def namespace(self, message: Message) -> str:
        return f"{self.family}3_2/{self.prefix}{message.number}/schema"

    def xsd(self, message: Message) -> str:
        """The name of the official schema file."""
        return f"{self.prefix.upper()}{message.number}.xsd"

    def by_tag(self) -> dict[str, Message]:
        return {f"{{{self.namespace(message)}}}Bericht": message for message in self.messages}


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
RETURN_CODES = Child("RetourCodes", required=False)
_RETURN_HEADER = (
    Child("IdentificatieRetour"),
    Child("DagtekeningRetour"),
    Child("XsltVersie", required=False),
    Child("XsdVersieRetour"),
    RETURN_CODES,
)

_PERSON = (Child("Bsn"), Child("Geboortedatum"), Child("Geslacht"), Child("Naam"))

ALLOCATION = Message(
    number="301",
    code="",
    shape=Shape.ALLOCATION,
    from_municipality=True,
    body=(
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
    code="",
    shape=Shape.START,
    from_municipality=False,
    body=(*_PERSON, Child("StartProducten")),
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
    code="",
    shape=Shape.STOP,
    from_municipality=False,
    body=(*_PERSON, Child("StopProducten")),
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
REQUEST = Message(
    number="315",
    code="",
    shape=Shape.REQUEST,
    from_municipality=False,
    body=(*_PERSON, Child("Commentaar", required=False), Child("AangevraagdeProducten")),
    products="AangevraagdeProducten",
    product="AangevraagdProduct",
    model=(
        Child("ReferentieAanbieder"),
        Child("BeschikkingNummer", required=False),
        Child("Product", required=False),
        Child("BeschikkingIngangsdatum", required=False),
        Child("ToewijzingIngangsdatum"),
        Child("ToewijzingEinddatum", required=False),
        Child("Omvang", required=False),
        Child("Budget", required=False),
        Child("Verwijzer"),
        Child("Raamcontract", required=False),
        Child("Commentaar", required=False),
    ),
)
CHANGE = Message(
    number="317",
    code="",
    shape=Shape.CHANGE,
    from_municipality=False,
    body=(Child("Bsn"), Child("Verzoek")),
    model=(
        Child("ReferentieAanbieder"),
        Child("RedenVerzoek"),
        Child("OngewijzigdeProducten", required=False),
        Child("TeWijzigenProducten", required=False),
        Child("NieuweProducten", required=False),
    ),
)
ANSWER = Message(
    number="319",
    code="",
    shape=Shape.ANSWER,
    from_municipality=True,
    body=(
        Child("ReferentieAanbieder"),
        Child("VerzoekAntwoord"),
        Child("RedenAfwijzingVerzoek", required=False),
    ),
)


def coded(codes: Mapping[str, str], more: Mapping[str, tuple[Child, ...]]) -> tuple[Message, ...]:
    """Give the messages in the codes (COD002) of one standard; `more`: bodies that differ from the shared one."""
    return tuple(
        replace(message, code=codes[message.number], body=more.get(message.number, message.body))
        for message in (ALLOCATION, START, STOP, REQUEST, CHANGE, ANSWER)
    )


def returned(message: Message) -> Message:
    """Give the return of a message: numbered and coded one higher, with the parts that were not in order."""
    return replace(
        message,
        number=str(int(message.number) + 1),
        code=str(int(message.code) + 1),
        shape=Shape.RETURN,
        body=(*message.body, Child("RetourCodes")),
    )
