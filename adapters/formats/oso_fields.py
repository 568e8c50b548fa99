# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What becomes of each field of an OSO dossier."""

from typing import Final

from adapters.formats.explain import CLIENT, TELLER, Fields, Ground, under
from adapters.formats.oso_lists import TELLS

_CHECKED_BY_PARENTS: Final = "whether anything of the dossier is told: what the parents decided counts"

_METADATA: Final[Fields] = {
    "deeldossier": Ground.TECHNICAL,
    "pakketnaam": Ground.TECHNICAL,
    "pakketversie": Ground.TECHNICAL,
    "datum": "what lies after this day is a plan, and not told",
    "standaardversie": "checked: version 2019.1",
    "validatieversie": Ground.TECHNICAL,
    "categorie_uitlevering": Ground.CHECKED,
    **{f"categorie_uitlevering/{name}": "whether it may be told at all" for name in TELLS},
    "overstap": "checked: a dossier for a partnership",
}
_CONSENT: Final[Fields] = {
    "voorlopigdossier": "whether anything is told: not of a provisional dossier",
    "inzage": _CHECKED_BY_PARENTS,
    "inzagedatum": Ground.TECHNICAL,
    "akkoord": _CHECKED_BY_PARENTS,
    "redennietakkoord": Ground.FREE_TEXT,
    "toestemming": _CHECKED_BY_PARENTS,
}
_SCHOOL: Final[Fields] = {
    "naam": Ground.TECHNICAL,
    "adreslijst": Ground.TECHNICAL,
    "communicatielijst": Ground.TECHNICAL,
    "brincode": TELLER,
    "vestigingscode": TELLER,
    "aanleverpunt": Ground.TECHNICAL,
    "soort": Ground.TECHNICAL,
    "type": Ground.TECHNICAL,
    "naamdirecteur": Ground.OTHERS,
    "website": Ground.TECHNICAL,
}
_PUPIL_DROPPED: Final = {
    Ground.IDENTITY: (
        "voornaam voorletters-1 voorvoegsel achternaam roepnaam geboortedatum geboortemaand geslacht adreslijst"
        " postcode4adres communicatielijst gba adresbuitenland geboorteplaats nationaliteit onderwijsnummer bsn"
    ),
    Ground.SAFETY: "adresgeheim",
    Ground.OTHERS: "huisarts verzorgersaansprakelijk aansprakelijkeinstelling verzorger",
    Ground.TECHNICAL: (
        "onderwijssinds startdatumhuidigonderwijs datuminschrijving datumuitschrijving teruggeplaatstnaarbrin"
    ),
    # Marks, tests, advice and absence say which help a pupil gets or needs.
    Ground.SERVICE: (
        "leerlinggewicht nnca tehuis overstapadvies vanpeuterspeelzaal naampeuterspeelzaal voorschools vroegschools"
        " schoolloopbaanlijst verzuim eindtoets_basisonderwijs toetslijst cijferlijstlijst bevorderd examenresultaat"
        " resultaatvakkenvo certificaat competenties stage overigvombo"
    ),
    Ground.FREE_TEXT: "overigdocumentlijst",
}
_SUPPORT: Final[Fields] = {
    "toelichting_onderwijsbehoeften": Ground.FREE_TEXT,
    "diagnose": Ground.HEALTH,
    "medicijngebruik": Ground.HEALTH,
    "handelingsplan": Ground.FREE_TEXT,
    "opp/opp_ingangdatum": "the day on which the plan started",
    "opp/opp_einddatum": "the day on which the plan ended",
    "opp/document": Ground.FREE_TEXT,
    "tlv/tlvingangdatum": "the day from which it was granted",
    "tlv/tlvswvnummer": Ground.TECHNICAL,
    "tlv/tlvcategorie": Ground.SERVICE,
    "tlv/tlvbeschikkingsnummer": Ground.TECHNICAL,
    "tlv/tlveinddatum": "the day on which it ended",
    "tlv/document": Ground.FREE_TEXT,
    "arrangement_cluster12/arrangement_datum": "the day on which it was granted",
    "arrangement_cluster12/arrangement_brin": Ground.SERVICE,
    "arrangement_cluster12/arrangement_vestigingscode": Ground.SERVICE,
    "arrangement_pao/arrangement_datum": "the day on which it was granted",
    "arrangement_pao/arrangement_kenmerk": Ground.SERVICE,
    "arrangement_pao/arrangement_beschikkingsnr": Ground.TECHNICAL,
    "arrangement_pao/arrangement_einddatum": "the day on which it ended",
    "lwoo": Ground.SERVICE,
    "rvc": Ground.SERVICE,
}
_PUPIL: Final[Fields] = {
    **{name: ground for ground, names in _PUPIL_DROPPED.items() for name in names.split()},
    "leerlingid": CLIENT,
    **under("onderwijsondersteuning", _SUPPORT),
}

FIELDS: Final[Fields] = under(
    "dossier",
    {
        "overdrachtsoort": Ground.TECHNICAL,
        **under("metadata", _METADATA),
        **under("inzage", _CONSENT),
        **under("huidigeschool", {**_SCHOOL, **under("leerling", _PUPIL)}),
    },
)
