# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Names, places and forms of four answers of SuwiML, as data: what the reader looks at, and what it steps over.

Most code lists are not published, so no meaning of a code stands here.
"""

from typing import Final

from adapters.formats.suwi_forms import form
from adapters.formats.xml_shape import Inside, Shape, shape

FWI: Final = "http://bkwi.nl/SuwiML/FWI/v0205"
SOAP: Final = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
SERVICES: Final = "http://bkwi.nl/SuwiML/Diensten/"


def _shape(text: str, **inside: Inside) -> Shape:
    return shape(text, form, inside)


_MESSAGE = _shape("Code:text Tekst:text Detail*:text Bron:source", source=_shape("DN:text"))
_FWI = _shape("(Fout:message | Waarschuwing:message | Informatie:message)+", message=_MESSAGE)


def _answer(client: Shape) -> Shape:
    """A client, with a warning beside it or not; or what the source says instead."""
    # `NietGerechtigd` stands in none of the four schemas, but sources give it.
    return shape(
        "(ClientSuwi:client FWI?:fwi | FWI:fwi | NietsGevonden:text | NietGerechtigd:text)",
        form,
        {"client": client, "fwi": _FWI},
        spaces=dict.fromkeys(("FWI", "NietsGevonden", "NietGerechtigd"), FWI),
    )


SOURCE = _shape("CdKolomSuwi:n2 CdPartijSuwi:d4 CdVestigingSuwi?:d4")
_LAW = _shape("CdSzWet:w5")
_AMOUNT = _shape("CdMunteenheid?:v3 CdPositiefNegatief?:sign WaardeBedr?:n18 CdPeriodeEenheidGeldigheidBedr?:every")

# -- the application for a benefit ------------------------------------------------------------------------------------

DECISION_REASON = _shape(
    "CdBeslissingOpAanvraagUitkering:d2 DatDagtekeningBeslisOpAanvrUitk?:day CdRedenAfwijzingAanvraagUitkeringUwv?:d3"
)
STATUS_APPLICATION = _shape(
    "DatAanvraagUitkering:day CdStatusAanvraagUitkering?:d1 SzWet:law BeslissingOpAanvraagUitkering*:decision",
    law=_LAW,
    decision=DECISION_REASON,
)
STATUS_CLIENT = _shape("Burgerservicenr:d9 AanvraagUitkering*:application", application=STATUS_APPLICATION)
STATUS = _answer(STATUS_CLIENT)

# -- re-integration ---------------------------------------------------------------------------------------------------

PROVISION = _shape(
    "RegistratienrRvGsd?:a15 DatBRv:day DatERv?:day CdTypeRvGsd?:x2 OmsRv?:a100 Loonkostensubsidie?:subsidy",
    subsidy=_shape("PercLoonwaardeTovWml:part", part=_shape("CdPositiefNegatief?:sign Percentage?:percentage")),
)
REINTEGRATION_RELATION = _shape(
    "Arbeidsvermogen?:ability DoelReintegratievoorziening?:aim ReIntegratievoorziening*:provision Bron:source",
    ability=_shape("CdArbeidsvermogen:x2"),
    aim=_shape("CdDoelRv:x1"),
    provision=PROVISION,
    source=SOURCE,
)
REINTEGRATION_CLIENT = _shape(
    """Burgerservicenr:d9 Voornamen?:w200 Voorletters?:initials Voorvoegsel?:w10 SignificantDeelVanDeAchternaam?:w200
    Geslacht?:d1 Geboortedat?:day Bron?:source AtlRelatie*:relation""",
    source=SOURCE,
    relation=REINTEGRATION_RELATION,
)
REINTEGRATION = _answer(REINTEGRATION_CLIENT)

# -- the Werkbedrijf of UWV -------------------------------------------------------------------------------------------

_COURSE = """DatBVolgenOpleiding?:day DatEVolgenOpleiding?:day CdStatusOpleiding?:d1 IndDiploma?:d1 DatDiploma?:day
    CdNiveauOpleiding?:x1 AantJarenSuccesvolAfgerond?:n2 AantUrenOpleiding?:duration CdTijdsbeslagOpleiding?:d1
    ToelOpleiding?:a180 """
_OCCUPATION = "(BeroepsnaamOngecodeerd:plain | BeroepsnaamGecodeerd:coded)"
_OCCUPATIONS = {
    "plain": _shape("NaamBeroepOngecodeerd?:a120"),
    "coded": _shape("CdBeroepsnaam?:d10 OmsBeroepsnaam?:a120"),
}
_QUALIFIED = _shape(
    """(OpleidingsnaamOngecodeerd:plain_course | OpleidingsnaamGecodeerd:coded_course)* Werkervaring*:worked
    Rijbewijs*:licence Gedragscompetentie*:conduct""",
    plain_course=_shape(_COURSE + "NaamOpleidingOngecodeerd?:a120"),
    coded_course=_shape(_COURSE + "CdOpleidingsnaam?:d10 OmsOpleidingsnaam?:a120"),
    worked=_shape("AantJarenWerkzaamInBeroep?:n2 " + _OCCUPATION, **_OCCUPATIONS),
    licence=_shape("CdSrtRijbewijs?:a3"),
    conduct=_shape("CdGedragscompetentie?:d10 OmsGedragscompetentie?:a120 DatEVastgestldGedragscompetentie?:day"),
)
REGISTRATION = _shape(
    """DatInschrijvingUwvWb?:day CdInschrijfredenUwvWb?:n5 DatEInschrijvingUwvWb?:day
    DatEGeldigheidInschrijvingUwvWb?:day CdRedenEindeInschrijvingUwvWb?:n5"""
)
_OFFICE = _shape(
    "CdVestigingSuwi?:d4 PartijSuwi:party",
    party=_shape("CdPartijSuwi?:d4 KolomSuwi:column", column=_shape("CdKolomSuwi?:n2")),
)
_SOLVED = _shape(
    """CdActorOplossingKnelpuntKlant?:d1 CdStatusOplossingKnelpuntKlant?:d1 DatOplossingKnelpuntKlant?:day
    OmsOplossingKnelpuntKlant?:a160 CdRedenEOplossingKnelpuntKlant?:d1 ToelOplossingKnelpuntKlant?:a1500"""
)
SERVICE = _shape(
    """ReferentienrDvlUwvWb:x11 DatBDvlUwvWb?:day DatEDvlUwvWb?:day CdRedenEDvlUwvWb?:n5 ContactpersoonAfd?:contact
    WerkinstrumentUwvWb*:tool VisieDienstverleningUwvWb*:view OvereenkomstDienstverleningUwvWb*:agreed
    KnelpuntKlantsituatie*:obstacle""",
    contact=_shape("NaamContactpersoonAfd?:a35 VestigingSuwi:office", office=_OFFICE),
    tool=_shape(
        """OmsRedenInzetWerkinstrumentUwvWb?:a1500 OmsWerkinstrumentUwvWb?:a200 DatBWerkinstrumentUwvWb?:day
        DatEWerkinstrumentUwvWb?:day CdRedenEWerkinstrumentUwvWb?:d1"""
    ),
    view=_shape(
        """OmsVoorgeschiedenis?:a1500 OmsVisieKlant?:a1000 OmsVisieUwvWb?:a1500 OmsMotiveringAanpakDvlUwvWb?:a1000
        OmsInformatieVoorRib?:a1000"""
    ),
    agreed=_shape(
        """OmsRedenOvereenkomstDvlUwvWb?:a160 DatOvereenkomstDvlUwvWb?:day OmsOvereenkomstDvlUwvWb?:a1000
        ToelOvereenkomstDvlUwvWb?:a180 CdStatusOvereenkomstDvlUwvWb?:d1 CdConclOvereenkomstDvlUwvWb?:n2"""
    ),
    obstacle=_shape(
        """CdTypeKnelpuntKlant?:d1 DatBKnelpuntKlant?:day DatEKnelpuntKlant?:day OmsKnelpuntKlant?:a1500
        CdRedenEKnelpuntKlant?:d1 OmsRedenAfmeldenKnelpuntKlant?:a160 OplossingKnelpuntKlantsituatie*:solved""",
        solved=_SOLVED,
    ),
)
PERSON_RELATION = _shape(
    """DatBAtlRelatie?:day DatEAtlRelatie?:day Arbeidsmarktkwalificaties?:qualified
    InschrijvingsgegevensUwvWb*:registration Gebouwontzegging?:banned Bemiddelingsberoep*:occupation
    BeschikbaarheidClientVoorArbeid?:available Mobiliteit?:mobile Flexibiliteit?:flexible
    VerwijzingNaarVacature*:vacancy DienstverleningUwvWb*:service BeschikbaarClientVoorBemiddeling?:placeable
    AfspraakKlantMetUwvWb*:appointment VrijstellingArbeidsplicht?:exempt""",
    qualified=_QUALIFIED,
    registration=REGISTRATION,
    banned=_shape("DatBGebouwontzegging?:day DatEGebouwontzegging?:day"),
    occupation=_shape(_OCCUPATION, **_OCCUPATIONS),
    available=_shape(
        "DatBBeschikbaarVoorArbeid?:day DatEBeschikbaarVoorArbeid?:day AantUrenWeekBeschikbVoorArbeid?:duration"
    ),
    mobile=_shape("IndBereidheidTeVerhuizen?:d1 Reistijd?:n3 CdVervoermiddel?:x1"),
    flexible=_shape(
        """IndIngeschrevenBijUitzendbureaus?:d1 IndBereidZoekenBuitenBeroepswens?:d1
        IndBereidBeroepOnderEigenNiveau?:d1 IndBereidZwaarVuilWerk?:d1 IndBereidOnregelmatigWerk?:d1"""
    ),
    vacancy=_shape("DatVerwijzingNaarVacature?:day IndPlaatsing?:d1"),
    service=SERVICE,
    placeable=_shape("IndDirectBemiddelbaar?:d1 DatEPeriodeNietBemiddelbaar?:day"),
    appointment=_shape(
        """CdTypeAfspraakKlantUwvWb?:d1 OmsOnderwerpAfspraakKlantUwvWb?:a200 DatTijdBAfspraakKlantUwvWb?:moment
        DatTijdEAfspraakKlantUwvWb?:moment ContactpersoonAfd?:contact""",
        contact=_shape("NaamContactpersoonAfd?:a35"),
    ),
    exempt=_shape("DatBVrijstellingArbeidsplicht?:day"),
)
_STREET = "Straatnaam?:a24 Huisnr?:n5 Huisnrtoevoeging?:a6"
PERSON_CLIENT = _shape(
    """Burgerservicenr:d9 Voornamen?:w200 Voorvoegsel?:w10 SignificantDeelVanDeAchternaam?:w200 Geslacht?:d1
    Geboortedat?:day Nationaliteit*:nationality Legitimatiebewijs*:paper Vreemdelingendocument?:permit
    TelefoonnrClient*:telephone FeitelijkAdres?:address Correspondentieadres?:address
    FeitelijkAdresBuitenland?:abroad CorrespondentieadresBuitenland?:abroad Bron:source AtlRelatie*:relation
    Arbeidsverhouding*:work""",
    nationality=_shape("CdNationaliteit:d4"),
    paper=_shape("CdSrtLegitimatiebewijs?:d2 NrLegitimatiebewijs?:a30 DatEGeldigLegitimatiebewijs?:day"),
    permit=_shape(
        """CdSrtVreemdelingendocument?:d2 NrVreemdelingendocument?:a30 DatEGeldigVreemdelingendocument?:day
        IndArbeidToegestaan?:d1"""
    ),
    telephone=_shape(
        "CdTypeTelefoonnr?:x2 TelefoonLandnr?:n3 Telefoonnr?:a14 IndGeheimTelefoonnr?:d1 IndVoorkeurTelefoonnr?:d1"
    ),
    address=_shape("Postcd?:postcode Woonplaatsnaam?:a80 Gemeentenaam?:a40 " + _STREET),
    abroad=_shape(
        """PostcdBuitenland?:a9 WoonplaatsnaamBuitenland?:a40 LandencdIso?:v2 Landsnaam?:a40 StraatnaamBuitenland?:a24
        HuisnrBuitenland?:a9"""
    ),
    source=SOURCE,
    relation=PERSON_RELATION,
    work=_shape(
        "DatBArbeidsverhouding?:day DatEArbeidsverhouding?:day Arbeidsperiode+:period Werkgever:employer",
        period=_shape(_OCCUPATION, **_OCCUPATIONS),
        employer=_shape("HandelsnaamOrganisatie?:a70"),
    ),
)
PERSON = _answer(PERSON_CLIENT)

# -- welfare ----------------------------------------------------------------------------------------------------------

_NAME = "Voorletters?:initials Voorvoegsel?:w10 SignificantDeelVanDeAchternaam?:w200"
_PARTNER = _shape(f"Burgerservicenr:d9 {_NAME} Geboortedat?:day")
DECISION = _shape("CdBeslissingOpAanvraagUitkering:d2 DatDagtekeningBeslisOpAanvrUitk?:day")
WELFARE_APPLICATION = _shape(
    """DatAanvraagUitkering?:day SzWet:law BeslissingOpAanvraagUitkering?:decision PartnerAanvraagUitkering?:partner
    Bron:source""",
    law=_LAW,
    decision=DECISION,
    partner=_PARTNER,
    source=SOURCE,
)
_MEASURE = _shape(
    "DatBMaatregelMbtUitkering:day DatEMaatregelMbtUitkering?:day RedenMaatregelMbtBijstandUitk?:reason",
    reason=_shape(
        "CdRedenMaatregelMbtBijstandUitk?:d2 GevolgenMaatregelMbtBijstandUitk?:lowered",
        lowered=_shape("BedrVerminderingUitkMbtMaatregel:amount", amount=_AMOUNT),
    ),
)
BENEFIT = _shape(
    """DatBUitkeringsverhouding:day DatEUitkeringsverhouding?:day SzWet:law SpecifiekeGegevensBijstandUitk?:more
    InkomstenInvloedOpBijstandUitk*:income VrijstellingArbeidsplicht?:exempt PartnerUitkeringsverhouding?:partner
    Uitkeringsperiode+:period Bron:source""",
    law=_LAW,
    more=_shape("CdAanleidingEindeBijstandUitk?:d2 CdClassificatieBbz?:d1 AantKostendelers?:n2"),
    income=_shape("CdSrtOverigeInkomsten?:n2"),
    exempt=_shape(
        """CdVrijstellingArbeidsplichtBijst:x1 DatEVrijstellingArbeidsplicht?:day
        CdRedenEVrijstArbeidsplichtBijst?:x2"""
    ),
    partner=_PARTNER,
    period=_shape(
        """DatBUitkeringsperiode:day DatEUitkeringsperiode?:day MaatregelMbtUitkering*:measure
        InkomstenBijstandUitkering?:paid Normbedrag*:norm""",
        measure=_MEASURE,
        paid=_shape("BedrTotaalInkomstenUitkering?:amount BedrBetaalbaarGesteldeUitkering?:amount", amount=_AMOUNT),
        norm=_shape("CdSrtNormbedrag:d2 CdMunteenheid?:v3 WaardeBedr:n18"),
    ),
    source=SOURCE,
)
WELFARE_CLIENT = _shape(
    f"""Burgerservicenr:d9 Voornamen?:w200 {_NAME} Geslacht?:d1 Geboortedat?:day CdLeefvorm?:d2 DomicilieAdres?:address
    Huisvesting?:housing SchendingInlichtingenplicht?:breach DossierGsd?:file Bron?:source
    AanvraagUitkering*:application Vordering*:claim SpecifiekeGegevensBijzBijstand*:special
    Uitkeringsverhouding*:benefit""",
    address=_shape("Locatieoms?:a70 Postcd?:postcode Woonplaatsnaam?:a80 Gemeentenaam?:a40 " + _STREET),
    housing=_shape("CdRelatieBewonerHuisvesting:n2"),
    breach=_shape("DatWaarschSchendInlichtingplicht:day"),
    file=_shape("Dossiercd?:a40 DatOpnameGegevensInIbSysteem?:day"),
    source=SOURCE,
    application=WELFARE_APPLICATION,
    claim=_shape(
        """IdentificatienrVordering?:x15 DatBesluitVordering?:day CdRedenVordering?:d2 BedrAanvangVordering?:amount
        CdStatusVordering?:d2 BedrSaldoVordering?:amount DatOnherroepelijkVordering?:day SzWet:law
        PartnerVordering*:partner Fraude?:fraud Bron:source""",
        amount=_AMOUNT,
        law=_LAW,
        partner=_shape("Burgerservicenr:d9"),
        fraud=_shape(
            """IndRecidive?:d1 IndRobuusteIncassoToegepast?:d1 CdHoogteBestuurlijkeBoete?:x1 CdSrtSanctie?:x1
            ParketnrJustitie?:a15 CdRecidivetermijn?:x1"""
        ),
        source=SOURCE,
    ),
    special=_shape(
        """CdClusterBijzBijstand?:x1 OmsSrtKostenBijzBijstand?:a100 DatBetaalbaarBijzBijstand?:day SzWet:law
        PartnerBijzBijstand?:partner Bron:source""",
        law=_LAW,
        partner=_PARTNER,
        source=SOURCE,
    ),
    benefit=BENEFIT,
)
WELFARE = _answer(WELFARE_CLIENT)
