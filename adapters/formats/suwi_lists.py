# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Names and places of four answers of SuwiML, as data: what the reader looks at or must step over.

Most code lists are not published, so no meaning of a code stands here.
"""

from typing import Final

from adapters.formats.xml_strict import Child

FWI: Final = "http://bkwi.nl/SuwiML/FWI/v0205"
SOAP: Final = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
SERVICES: Final = "http://bkwi.nl/SuwiML/Diensten/"
ANSWER: Final = (
    Child("ClientSuwi", required=False),
    Child("FWI", required=False, namespace=FWI),
    Child("NietsGevonden", required=False, namespace=FWI),
    Child("NietGerechtigd", required=False, namespace=FWI),
)

STATUS_CLIENT = (
    Child("Burgerservicenr"),
    Child("AanvraagUitkering", required=False, many=True),
)

STATUS_APPLICATION = (
    Child("DatAanvraagUitkering"),
    Child("CdStatusAanvraagUitkering", required=False),
    Child("SzWet"),
    Child("BeslissingOpAanvraagUitkering", required=False, many=True),
)

DECISION_REASON = (
    Child("CdBeslissingOpAanvraagUitkering"),
    Child("DatDagtekeningBeslisOpAanvrUitk", required=False),
    Child("CdRedenAfwijzingAanvraagUitkeringUwv", required=False),
)

REINTEGRATION_CLIENT = (
    Child("Burgerservicenr"),
    Child("Voornamen", required=False),
    Child("Voorletters", required=False),
    Child("Voorvoegsel", required=False),
    Child("SignificantDeelVanDeAchternaam", required=False),
    Child("Geslacht", required=False),
    Child("Geboortedat", required=False),
    Child("Bron", required=False),
    Child("AtlRelatie", required=False, many=True),
)

REINTEGRATION_RELATION = (
    Child("Arbeidsvermogen", required=False),
    Child("DoelReintegratievoorziening", required=False),
    Child("ReIntegratievoorziening", required=False, many=True),
    Child("Bron"),
)

PROVISION = (
    Child("RegistratienrRvGsd", required=False),
    Child("DatBRv"),
    Child("DatERv", required=False),
    Child("CdTypeRvGsd", required=False),
    Child("OmsRv", required=False),
    Child("Loonkostensubsidie", required=False),
)

PERSON_CLIENT = (
    Child("Burgerservicenr"),
    Child("Voornamen", required=False),
    Child("Voorvoegsel", required=False),
    Child("SignificantDeelVanDeAchternaam", required=False),
    Child("Geslacht", required=False),
    Child("Geboortedat", required=False),
    Child("Nationaliteit", required=False, many=True),
    Child("Legitimatiebewijs", required=False, many=True),
    Child("Vreemdelingendocument", required=False),
    Child("TelefoonnrClient", required=False, many=True),
    Child("FeitelijkAdres", required=False),
    Child("Correspondentieadres", required=False),
    Child("FeitelijkAdresBuitenland", required=False),
    Child("CorrespondentieadresBuitenland", required=False),
    Child("Bron"),
    Child("AtlRelatie", required=False, many=True),
    Child("Arbeidsverhouding", required=False, many=True),
)

PERSON_RELATION = (
    Child("DatBAtlRelatie", required=False),
    Child("DatEAtlRelatie", required=False),
    Child("Arbeidsmarktkwalificaties", required=False),
    Child("InschrijvingsgegevensUwvWb", required=False, many=True),
    Child("Gebouwontzegging", required=False),
    Child("Bemiddelingsberoep", required=False, many=True),
    Child("BeschikbaarheidClientVoorArbeid", required=False),
    Child("Mobiliteit", required=False),
    Child("Flexibiliteit", required=False),
    Child("VerwijzingNaarVacature", required=False, many=True),
    Child("DienstverleningUwvWb", required=False, many=True),
    Child("BeschikbaarClientVoorBemiddeling", required=False),
    Child("AfspraakKlantMetUwvWb", required=False, many=True),
    Child("VrijstellingArbeidsplicht", required=False),
)

REGISTRATION = (
    Child("DatInschrijvingUwvWb", required=False),
    Child("CdInschrijfredenUwvWb", required=False),
    Child("DatEInschrijvingUwvWb", required=False),
    Child("DatEGeldigheidInschrijvingUwvWb", required=False),
    Child("CdRedenEindeInschrijvingUwvWb", required=False),
)

SERVICE = (
    Child("ReferentienrDvlUwvWb"),
    Child("DatBDvlUwvWb", required=False),
    Child("DatEDvlUwvWb", required=False),
    Child("CdRedenEDvlUwvWb", required=False),
    Child("ContactpersoonAfd", required=False),
    Child("WerkinstrumentUwvWb", required=False, many=True),
    Child("VisieDienstverleningUwvWb", required=False, many=True),
    Child("OvereenkomstDienstverleningUwvWb", required=False, many=True),
    Child("KnelpuntKlantsituatie", required=False, many=True),
)

WELFARE_CLIENT = (
    Child("Burgerservicenr"),
    Child("Voornamen", required=False),
    Child("Voorletters", required=False),
    Child("Voorvoegsel", required=False),
    Child("SignificantDeelVanDeAchternaam", required=False),
    Child("Geslacht", required=False),
    Child("Geboortedat", required=False),
    Child("CdLeefvorm", required=False),
    Child("DomicilieAdres", required=False),
    Child("Huisvesting", required=False),
    Child("SchendingInlichtingenplicht", required=False),
    Child("DossierGsd", required=False),
    Child("Bron", required=False),
    Child("AanvraagUitkering", required=False, many=True),
    Child("Vordering", required=False, many=True),
    Child("SpecifiekeGegevensBijzBijstand", required=False, many=True),
    Child("Uitkeringsverhouding", required=False, many=True),
)

WELFARE_APPLICATION = (
    Child("DatAanvraagUitkering", required=False),
    Child("SzWet"),
    Child("BeslissingOpAanvraagUitkering", required=False),
    Child("PartnerAanvraagUitkering", required=False),
    Child("Bron"),
)

DECISION = (
    Child("CdBeslissingOpAanvraagUitkering"),
    Child("DatDagtekeningBeslisOpAanvrUitk", required=False),
)

BENEFIT = (
    Child("DatBUitkeringsverhouding"),
    Child("DatEUitkeringsverhouding", required=False),
    Child("SzWet"),
    Child("SpecifiekeGegevensBijstandUitk", required=False),
    Child("InkomstenInvloedOpBijstandUitk", required=False, many=True),
    Child("VrijstellingArbeidsplicht", required=False),
    Child("PartnerUitkeringsverhouding", required=False),
    Child("Uitkeringsperiode", many=True),
    Child("Bron"),
)

SOURCE = (
    Child("CdKolomSuwi"),
    Child("CdPartijSuwi"),
    Child("CdVestigingSuwi", required=False),
)
