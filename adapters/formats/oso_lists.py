# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Names and places of OSO 2019.1, as data: what the reader looks at or must step over, in the words of the standard."""

from typing import Final

from adapters.formats.xml_strict import Child

NAMESPACE: Final = "http://www.edustandaard.nl/oso_gegevensset/2019/dossier"
VERSION: Final = "2019.1"
# Transfers to a partnership, from primary and from secondary education; the others go from school to school.
TO_PARTNERSHIP: Final = frozenset({"POSWV", "VOSWV"})
# Code list 48: what a category of the dossier may do; and which of it lets the block be told.
CATEGORY_WORDS: Final = frozenset({"VERPLICHT", "OPTIONEEL", "OPT-UIT", "VERBODEN"})
DELIVERED: Final = frozenset({"VERPLICHT", "OPTIONEEL"})
# Code list 37.
YES, NO = "Ja", "Nee"
ANSWERS: Final = frozenset({YES, NO, "Onbekend"})

DOSSIER = (
    Child("metadata"),
    Child("overdrachtsoort"),
    Child("inzage", required=False),
    Child("huidigeschool"),
)

METADATA = (
    Child("deeldossier"),
    Child("pakketnaam"),
    Child("pakketversie"),
    Child("datum"),
    Child("standaardversie"),
    Child("validatieversie"),
    Child("categorie_uitlevering", required=False),
    Child("overstap", required=False),
)

CATEGORIES = (
    Child("cat_metadata"),
    Child("cat_ouderinzage"),
    Child("cat_school"),
    Child("cat_leerling"),
    Child("cat_oudersverzorgers"),
    Child("cat_vve"),
    Child("cat_schoolloopbaan"),
    Child("cat_overstapadvies"),
    Child("cat_onderwijsondersteuning"),
    Child("cat_verzuim"),
    Child("cat_eindtoetsbo"),
    Child("cat_toetsresultaten"),
    Child("cat_handelingsplannen"),
    Child("cat_cijferlijsten"),
    Child("cat_vombo"),
    Child("cat_bijlagedocs"),
)

CONSENT = (
    Child("voorlopigdossier"),
    Child("inzage", required=False),
    Child("inzagedatum", required=False),
    Child("akkoord", required=False),
    Child("redennietakkoord", required=False),
    Child("toestemming", required=False),
)

SCHOOL = (
    Child("naam"),
    Child("adreslijst", required=False),
    Child("communicatielijst", required=False),
    Child("brincode"),
    Child("vestigingscode"),
    Child("aanleverpunt"),
    Child("soort", required=False),
    Child("type", required=False),
    Child("naamdirecteur", required=False),
    Child("website", required=False),
    Child("leerling"),
)

PUPIL = (
    Child("voornaam", required=False, many=True),
    Child("voorletters-1", required=False),
    Child("voorvoegsel", required=False),
    Child("achternaam"),
    Child("roepnaam", required=False),
    Child("geboortedatum", required=False),
    Child("geboortemaand", required=False),
    Child("geslacht", required=False),
    Child("adresgeheim", required=False),
    Child("adreslijst", required=False),
    Child("postcode4adres", required=False),
    Child("communicatielijst", required=False),
    Child("gba", required=False),
    Child("adresbuitenland", required=False, many=True),
    Child("geboorteplaats", required=False),
    Child("nationaliteit", required=False, many=True),
    Child("onderwijsnummer", required=False),
    Child("bsn", required=False),
    Child("leerlingid", required=False),
    Child("onderwijssinds", required=False),
    Child("startdatumhuidigonderwijs", required=False),
    Child("datuminschrijving", required=False),
    Child("datumuitschrijving", required=False),
    Child("teruggeplaatstnaarbrin", required=False),
    Child("leerlinggewicht", required=False),
    Child("nnca", required=False),
    Child("tehuis", required=False),
    Child("huisarts", required=False),
    Child("verzorgersaansprakelijk", required=False),
    Child("aansprakelijkeinstelling", required=False),
    Child("overstapadvies", required=False),
    Child("vanpeuterspeelzaal", required=False),
    Child("naampeuterspeelzaal", required=False),
    Child("voorschools", required=False),
    Child("vroegschools", required=False, many=True),
    Child("schoolloopbaanlijst", required=False),
    Child("onderwijsondersteuning", required=False),
    Child("verzuim", required=False),
    Child("eindtoets_basisonderwijs", required=False),
    Child("toetslijst", required=False),
    Child("cijferlijstlijst", required=False),
    Child("overigdocumentlijst", required=False),
    Child("verzorger", required=False, many=True),
    Child("bevorderd", required=False),
    Child("examenresultaat", required=False),
    Child("resultaatvakkenvo", required=False, many=True),
    Child("certificaat", required=False, many=True),
    Child("competenties", required=False, many=True),
    Child("stage", required=False, many=True),
    Child("overigvombo", required=False),
)

SUPPORT = (
    Child("toelichting_onderwijsbehoeften", required=False),
    Child("diagnose", required=False, many=True),
    Child("medicijngebruik", required=False),
    Child("handelingsplan", required=False, many=True),
    Child("opp", required=False),
    Child("tlv", required=False, many=True),
    Child("arrangement_cluster12", required=False, many=True),
    Child("arrangement_pao", required=False, many=True),
    Child("lwoo", required=False),
    Child("rvc", required=False),
)

OPP = (
    Child("opp_ingangdatum"),
    Child("opp_einddatum", required=False),
    Child("document", required=False, many=True),
)

TLV = (
    Child("tlvingangdatum"),
    Child("tlvswvnummer"),
    Child("tlvcategorie"),
    Child("tlvbeschikkingsnummer"),
    Child("tlveinddatum", required=False),
    Child("document", required=False),
)

ARRANGEMENT_CLUSTER = (
    Child("arrangement_datum"),
    Child("arrangement_brin", required=False),
    Child("arrangement_vestigingscode", required=False),
)

ARRANGEMENT = (
    Child("arrangement_datum"),
    Child("arrangement_kenmerk", required=False),
    Child("arrangement_beschikkingsnr", required=False),
    Child("arrangement_einddatum", required=False),
)
