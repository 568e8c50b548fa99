# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of the four answers of SuwiML, by the service that gave it."""

from collections.abc import Mapping
from typing import Final

from adapters.formats.explain import CLIENT, TELLER, Fields, Ground, under

_ANSWER: Final = "whether there is an answer; what it says stays behind"
_OF_IT: Final = "the day on which it was asked"
_DECIDED: Final = "the day on which it was decided"
_DECISION: Final = "what was decided, by the table of the configuration; the code does not travel"

_OUTCOMES: Final[Fields] = {"FWI": _ANSWER, "NietsGevonden": _ANSWER, "NietGerechtigd": _ANSWER}
_PERSON: Final[Fields] = {
    "Burgerservicenr": CLIENT,
    **dict.fromkeys(
        (
            *("Voornamen", "Voorletters", "Voorvoegsel", "SignificantDeelVanDeAchternaam", "Geslacht", "Geboortedat"),
            *("Nationaliteit", "Legitimatiebewijs", "Vreemdelingendocument", "FeitelijkAdres", "DomicilieAdres"),
            *("Correspondentieadres", "FeitelijkAdresBuitenland", "CorrespondentieadresBuitenland"),
        ),
        Ground.IDENTITY,
    ),
    # It may be a secret one.
    "TelefoonnrClient": Ground.SAFETY,
}
_SOURCE: Final[Fields] = {
    "Bron/CdKolomSuwi": TELLER,
    "Bron/CdPartijSuwi": TELLER,
    "Bron/CdVestigingSuwi": Ground.TECHNICAL,
}

_STATUS: Final[Fields] = {
    **_PERSON,
    "AanvraagUitkering/DatAanvraagUitkering": _OF_IT,
    "AanvraagUitkering/CdStatusAanvraagUitkering": Ground.SERVICE,
    "AanvraagUitkering/SzWet": Ground.SERVICE,
    "AanvraagUitkering/BeslissingOpAanvraagUitkering/CdBeslissingOpAanvraagUitkering": _DECISION,
    "AanvraagUitkering/BeslissingOpAanvraagUitkering/DatDagtekeningBeslisOpAanvrUitk": _DECIDED,
    "AanvraagUitkering/BeslissingOpAanvraagUitkering/CdRedenAfwijzingAanvraagUitkeringUwv": Ground.MONEY,
}
_REINTEGRATION: Final[Fields] = {
    **_PERSON,
    # Who gave the person; each provision has a source of its own.
    "Bron": Ground.TECHNICAL,
    "AtlRelatie/Arbeidsvermogen": Ground.HEALTH,
    "AtlRelatie/DoelReintegratievoorziening": Ground.SERVICE,
    "AtlRelatie/ReIntegratievoorziening/RegistratienrRvGsd": Ground.TECHNICAL,
    "AtlRelatie/ReIntegratievoorziening/DatBRv": "the day on which it started",
    "AtlRelatie/ReIntegratievoorziening/DatERv": "the day on which it ended",
    "AtlRelatie/ReIntegratievoorziening/CdTypeRvGsd": Ground.SERVICE,
    "AtlRelatie/ReIntegratievoorziening/OmsRv": Ground.FREE_TEXT,
    "AtlRelatie/ReIntegratievoorziening/Loonkostensubsidie": Ground.MONEY,
    **under("AtlRelatie", _SOURCE),
}
_WORK: Final[Fields] = {
    **_PERSON,
    **_SOURCE,
    "Arbeidsverhouding": Ground.MONEY,
    **under(
        "AtlRelatie",
        {
            "DatBAtlRelatie": Ground.TECHNICAL,
            "DatEAtlRelatie": Ground.TECHNICAL,
            "Arbeidsmarktkwalificaties": Ground.SERVICE,
            "InschrijvingsgegevensUwvWb/DatInschrijvingUwvWb": _OF_IT,
            "InschrijvingsgegevensUwvWb/CdInschrijfredenUwvWb": Ground.SERVICE,
            "InschrijvingsgegevensUwvWb/DatEInschrijvingUwvWb": "the day on which it ended",
            "InschrijvingsgegevensUwvWb/DatEGeldigheidInschrijvingUwvWb": Ground.TECHNICAL,
            "InschrijvingsgegevensUwvWb/CdRedenEindeInschrijvingUwvWb": Ground.SERVICE,
            "Gebouwontzegging": Ground.SAFETY,
            "Bemiddelingsberoep": Ground.SERVICE,
            "BeschikbaarheidClientVoorArbeid": Ground.HEALTH,
            "Mobiliteit": Ground.HEALTH,
            "Flexibiliteit": Ground.HEALTH,
            "VerwijzingNaarVacature": Ground.SERVICE,
            "DienstverleningUwvWb/ReferentienrDvlUwvWb": Ground.TECHNICAL,
            "DienstverleningUwvWb/DatBDvlUwvWb": "the day on which it started",
            "DienstverleningUwvWb/DatEDvlUwvWb": "the day on which it ended",
            "DienstverleningUwvWb/CdRedenEDvlUwvWb": Ground.SERVICE,
            "DienstverleningUwvWb/ContactpersoonAfd": Ground.OTHERS,
            "DienstverleningUwvWb/WerkinstrumentUwvWb": Ground.SERVICE,
            "DienstverleningUwvWb/VisieDienstverleningUwvWb": Ground.FREE_TEXT,
            "DienstverleningUwvWb/OvereenkomstDienstverleningUwvWb": Ground.FREE_TEXT,
            "DienstverleningUwvWb/KnelpuntKlantsituatie": Ground.HEALTH,
            "BeschikbaarClientVoorBemiddeling": Ground.HEALTH,
            "AfspraakKlantMetUwvWb": Ground.FREE_TEXT,
            "VrijstellingArbeidsplicht": Ground.HEALTH,
        },
    ),
}
_WELFARE: Final[Fields] = {
    **_PERSON,
    "CdLeefvorm": Ground.OTHERS,
    "Huisvesting": Ground.OTHERS,
    "SchendingInlichtingenplicht": Ground.CRIME,
    "DossierGsd": Ground.TECHNICAL,
    "Bron": Ground.TECHNICAL,
    "Vordering": Ground.MONEY,
    "SpecifiekeGegevensBijzBijstand": Ground.MONEY,
    **under(
        "AanvraagUitkering",
        {
            "DatAanvraagUitkering": _OF_IT,
            "SzWet": Ground.SERVICE,
            "BeslissingOpAanvraagUitkering/CdBeslissingOpAanvraagUitkering": _DECISION,
            "BeslissingOpAanvraagUitkering/DatDagtekeningBeslisOpAanvrUitk": _DECIDED,
            "PartnerAanvraagUitkering": Ground.OTHERS,
            **_SOURCE,
        },
    ),
    **under(
        "Uitkeringsverhouding",
        {
            "DatBUitkeringsverhouding": "the day on which it started",
            "DatEUitkeringsverhouding": "the day on which it ended",
            "SzWet": Ground.SERVICE,
            "SpecifiekeGegevensBijstandUitk": Ground.MONEY,
            "InkomstenInvloedOpBijstandUitk": Ground.MONEY,
            "VrijstellingArbeidsplicht": Ground.HEALTH,
            "PartnerUitkeringsverhouding": Ground.OTHERS,
            "Uitkeringsperiode": Ground.MONEY,
            **_SOURCE,
        },
    ),
}

# By the name of the answer.
FIELDS: Final[Mapping[str, Fields]] = {
    answer: under(answer, {**_OUTCOMES, **under("ClientSuwi", client)})
    for answer, client in (
        ("UWVAanvrUitkStatusInfoResponse", _STATUS),
        ("GSDReintegratieInfoResponse", _REINTEGRATION),
        ("UwvWbPersoonsInfoResponse", _WORK),
        ("BijstandsregelingenInfoResponse", _WELFARE),
    )
}
