# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The native messages of the demo: what the partners' own systems would write.  Ours, and about nobody.

Valid by the published XSDs of iWmo and iJw 3.2 (a test holds that where they are at hand) and by the NL GOV profile for
CloudEvents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from deploy.story.person import Person
from schemas.calendar import date_text

MUNICIPALITY = "9991"
AGB, YOUTH_AGB, PRACTICE_AGB = "98765401", "98765402", "98765409"
PATIENT_NUMBERS = "https://his.delinde.example/patientnummer"
CASE_SYSTEM = "urn:nld:oin:00000009999999990001:systeem:zaken"
STATUS_TYPE = "nl.voorbeeldstad.wmo.ondersteuning-gewijzigd"
REVIEW_TYPE = "nl.voorbeeldstad.wmo.heronderzoek-gestart"
FIRST, REMOVAL = "1", "3"


@dataclass(frozen=True, slots=True)
class Standard:
    """One of the iStandaarden, as the parties of the story use it."""

    name: str
    prefix: str
    codes: Mapping[str, str]
    product: tuple[str, str]
    ended: str  # RedenBeeindiging
    provider: str


WMO = Standard("iwmo", "wmo", {"301": "414", "305": "418", "307": "420"}, ("07", "07B31"), "22", AGB)
JEUGD = Standard("ijw", "jw", {"301": "436", "305": "438", "307": "440"}, ("45", "45A31"), "20", YOUTH_AGB)


@dataclass(frozen=True, slots=True)
class Support:
    """The support that is allotted: its days."""

    allotted: int
    begin: int
    end: int


def allocation(person: Person, support: Support, standard: Standard = WMO) -> bytes:
    """301: the municipality allots support to the provider."""
    remark = f"<m:Commentaar>{escape(person.remark)}</m:Commentaar>"
    contact = (
        "<m:Contactgegevens><m:Contact><m:Soort>01</m:Soort><m:Adres><b:Huis><b:Huisnummer>7</b:Huisnummer></b:Huis>"
        f"<b:Postcode>9999ZZ</b:Postcode><b:Straatnaam>{escape(person.street)}</b:Straatnaam>"
        "<b:Plaatsnaam>Voorbeeldstad</b:Plaatsnaam><b:LandCode>NL</b:LandCode></m:Adres><m:Telefoon><b:Telefoon01>"
        f"<b:Telefoonnummer>{person.phone}</b:Telefoonnummer><b:Landnummer>+031</b:Landnummer></b:Telefoon01>"
        "</m:Telefoon></m:Contact></m:Contactgegevens>"
    )
    product = (
        f"<m:ToewijzingNummer>{person.allocation}</m:ToewijzingNummer>{_product(standard)}"
        f"<m:Toewijzingsdatum>{date_text(support.allotted)}</m:Toewijzingsdatum>"
        "<m:Toewijzingstijd>09:30:00</m:Toewijzingstijd>"
        f"<m:Ingangsdatum>{date_text(support.begin)}</m:Ingangsdatum><m:Einddatum>{date_text(support.end)}</m:Einddatum>"
        "<m:Omvang><b:Volume>90</b:Volume><b:Eenheid>01</b:Eenheid><b:Frequentie>2</b:Frequentie></m:Omvang>"
    )
    products = f"<m:ToegewezenProducten><m:ToegewezenProduct>{product}</m:ToegewezenProduct></m:ToegewezenProducten>"
    who = _person(person, "<b:NaamGebruik>1</b:NaamGebruik>")
    return _message(standard, "301", support.allotted, who + remark + contact + products)


def start(person: Person, support: Support, day: int, standard: Standard = WMO) -> bytes:
    """305: the provider has started."""
    product = (
        f"<m:ToewijzingNummer>{person.allocation}</m:ToewijzingNummer>{_product(standard)}"
        f"<m:ToewijzingIngangsdatum>{date_text(support.begin)}</m:ToewijzingIngangsdatum>"
        f"<m:Begindatum>{date_text(day)}</m:Begindatum><m:StatusAanlevering>{FIRST}</m:StatusAanlevering>"
    )
    products = f"<m:StartProducten><m:StartProduct>{product}</m:StartProduct></m:StartProducten>"
    return _message(standard, "305", day, _person(person) + products)


def stop(person: Person, support: Support, begun: int, day: int, status: str, standard: Standard = WMO) -> bytes:
    """307: the provider has stopped; or, with status 3, calls that message back."""
    product = (
        f"<m:ToewijzingNummer>{person.allocation}</m:ToewijzingNummer>{_product(standard)}"
        f"<m:ToewijzingIngangsdatum>{date_text(support.begin)}</m:ToewijzingIngangsdatum>"
        f"<m:Begindatum>{date_text(begun)}</m:Begindatum><m:RedenBeeindiging>{standard.ended}</m:RedenBeeindiging>"
        f"<m:Einddatum>{date_text(day)}</m:Einddatum><m:StatusAanlevering>{status}</m:StatusAanlevering>"
    )
    products = f"<m:StopProducten><m:StopProduct>{product}</m:StopProduct></m:StopProducten>"
    return _message(standard, "307", day, _person(person) + products)


def status(person: Person, type_: str, number: int, day: int) -> bytes:
    """A CloudEvent of the municipality's case system, with its own data, which nobody downstream ever sees."""
    event = {
        "specversion": "1.0",
        "type": type_,
        "source": CASE_SYSTEM,
        "subject": f"urn:nld:bsn:{person.bsn}",
        "id": f"8d1f3c6e-77b0-4a51-9d0e-{number:012d}",
        "time": f"{date_text(day)}T10:15:00Z",
        "datacontenttype": "application/json",
        "data": {"zaaknummer": person.case_number, "toelichting": person.remark},
    }
    return json.dumps(event, indent=2).encode()


def _product(standard: Standard) -> str:
    category, code = standard.product
    return f"<m:Product><b:Categorie>{category}</b:Categorie><b:Code>{code}</b:Code></m:Product>"


def _person(person: Person, use_of_name: str = "") -> str:
    return (
        f"<m:Bsn>{person.bsn}</m:Bsn><m:Geboortedatum><b:Datum>{person.born}</b:Datum></m:Geboortedatum>"
        "<m:Geslacht>2</m:Geslacht><m:Naam><b:Geslachtsnaam>"
        f"<b:Achternaam>{escape(person.family_name)}</b:Achternaam></b:Geslachtsnaam>"
        f"<b:Voornamen>{escape(person.given_name)}</b:Voornamen>"
        f"<b:Voorletters>{escape(person.given_name[0])}</b:Voorletters>{use_of_name}</m:Naam>"
    )


def _message(standard: Standard, number: str, day: int, client: str) -> bytes:
    from_municipality = number == "301"
    base = f"http://www.istandaarden.nl/{standard.name}/3_2"
    parties = (MUNICIPALITY, standard.provider)
    sender, receiver = parties if from_municipality else reversed(parties)
    header = (
        f"<m:BerichtCode>{standard.codes[number]}</m:BerichtCode><m:BerichtVersie>3</m:BerichtVersie>"
        f"<m:BerichtSubversie>2</m:BerichtSubversie><m:Afzender>{sender}</m:Afzender>"
        f"<m:Ontvanger>{receiver}</m:Ontvanger><m:BerichtIdentificatie>"
        f"<b:Identificatie>DEMO{number}{day:05d}</b:Identificatie><b:Dagtekening>{date_text(day)}</b:Dagtekening>"
        "</m:BerichtIdentificatie><m:XsdVersie><b:BasisschemaXsdVersie>1.0.0</b:BasisschemaXsdVersie>"
        "<b:BerichtXsdVersie>1.0.0</b:BerichtXsdVersie></m:XsdVersie>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<m:Bericht xmlns:b="{base}/basisschema/schema" xmlns:m="{base}/{standard.prefix}{number}/schema">'
        f"<m:Header>{header}</m:Header><m:Client>{client}</m:Client></m:Bericht>\n"
    ).encode()
