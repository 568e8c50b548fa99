# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Every kind of damage and attack has its file in the folder of every format in which it can happen.

The file's expected fault stands in its folder and is held by the tests of the reader; truncation at every byte is there
too. Here stands which files those are, so that a new format can't come in without them.
"""

import json
from collections.abc import Mapping

import pytest

from adapters.formats import READERS
from adapters.formats.native import Keyword
from tests.formats.format_vectors import VECTORS

JSON, XML, LINES = "json", "xml", "lines"
# What can come in each grammar.
KINDS: Mapping[str, tuple[str, ...]] = {
    "ISO 8859-1": (JSON, XML, LINES),
    "UTF-16": (JSON, XML, LINES),
    "UTF-8 with a mark": (JSON, LINES),  # in XML the standard allows it
    "another grammar": (JSON, XML, LINES),
    "cut off": (JSON, XML, LINES),
    "huge number": (JSON, XML, LINES),
    "impossible date": (JSON, XML, LINES),
    "unknown code": (JSON, XML, LINES),
    "repeated": (JSON, XML, LINES),
    "too deep": (JSON, XML),
    "wrong order": (XML, LINES),
    "wrong count": (LINES,),
    "entity": (XML,),
    "bomb": (XML,),
    "other vocabulary": (XML, LINES),
    "message in a message": (XML, LINES),
}
GRAMMARS = dict.fromkeys(("iwmo", "ijw", "oso", "suwi"), XML) | {"hl7v2": LINES, "medvri": LINES}
_OF_JSON = {
    "ISO 8859-1": "latin1.json",
    "UTF-16": "utf16.json",
    "UTF-8 with a mark": "bom.json",
    "another grammar": "xml.json",
    "huge number": "groot_getal.json",
}
_OF_ISTANDAARD = {
    "ISO 8859-1": "latin1_verklaard.xml",
    "UTF-16": "utf16.xml",
    "another grammar": "json.xml",
    "cut off": "afgekapt.xml",
    "huge number": "nummer_reusachtig.xml",
    "impossible date": "datum_30_februari.xml",
    "unknown code": "status_4.xml",
    "repeated": "bsn_twee_keer.xml",
    "too deep": "te_diep.xml",
    "wrong order": "verkeerde_volgorde.xml",
    "entity": "externe_entiteit.xml",
    "bomb": "xml_bom.xml",
    "other vocabulary": "andere_naamruimte.xml",
    "message in a message": "envelop_in_envelop.xml",
}
FILES: Mapping[str, Mapping[str, str]] = {
    "iwmo": _OF_ISTANDAARD,
    "ijw": _OF_ISTANDAARD,
    "oso": {
        "ISO 8859-1": "latin1.xml",
        "UTF-16": "utf16.xml",
        "another grammar": "json.xml",
        "cut off": "half.xml",
        "huge number": "datum_reusachtig.xml",
        "impossible date": "datum_bestaat_niet.xml",
        "unknown code": "categorie_onbekend.xml",
        "repeated": "inzage_dubbel.xml",
        "too deep": "te_diep.xml",
        "wrong order": "tlv_volgorde.xml",
        "entity": "externe_entiteit.xml",
        "bomb": "entiteiten_bom.xml",
        "other vocabulary": "andere_vocabulaire.xml",
        "message in a message": "dossiers.xml",
    },
    "suwi": {
        "ISO 8859-1": "latin1.xml",
        "UTF-16": "utf16.xml",
        "another grammar": "json.xml",
        "cut off": "half.xml",
        "huge number": "dag_reusachtig.xml",
        "impossible date": "dag_bestaat_niet.xml",
        "unknown code": "beslissing_onbekend.xml",
        "repeated": "twee_clienten.xml",
        "too deep": "te_diep.xml",
        "wrong order": "volgorde.xml",
        "entity": "externe_entiteit.xml",
        "bomb": "bom.xml",
        "other vocabulary": "vraag.xml",
        "message in a message": "soap_twee_antwoorden.xml",
    },
    "fhir": {
        **_OF_JSON,
        "another grammar": "xml_html.xml",
        "cut off": "afgekapt.json",
        "impossible date": "datum_30_februari.json",
        "unknown code": "status_onbekend.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "diep.json",
        "message in a message": "bundel_in_bundel.json",
    },
    "fhir in XML": {
        "ISO 8859-1": "xml_latin1.xml",
        "UTF-16": "xml_utf16.xml",
        "another grammar": "xml_html.xml",
        "cut off": "xml_afgekapt.xml",
        "impossible date": "xml_datum_30_februari.xml",
        "unknown code": "xml_status_onbekend.xml",
        "repeated": "xml_twee_statussen.xml",
        "too deep": "xml_diep.xml",
        "wrong order": "xml_volgorde.xml",
        "entity": "xml_externe_entiteit.xml",
        "bomb": "xml_entiteiten_bom.xml",
        "other vocabulary": "xml_andere_ruimte.xml",
        "message in a message": "xml_bundel_in_bundel.xml",
    },
    "cloudevents": {
        **_OF_JSON,
        "cut off": "afgekapt.json",
        "impossible date": "time_30_februari.json",
        "unknown code": "type_onbekend.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "diepte_33.json",
    },
    "corv": {
        **_OF_JSON,
        "cut off": "half_teken.json",
        "impossible date": "tijd_bestaat_niet.json",
        "unknown code": "onbekend_type.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "te_diep.json",
    },
    "school": {
        **_OF_JSON,
        "cut off": "half_teken.json",
        "impossible date": "datum_bestaat_niet.json",
        "unknown code": "soort_onbekend.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "te_diep.json",
    },
    "team": {
        **_OF_JSON,
        "cut off": "half_teken.json",
        "impossible date": "datum_bestaat_niet.json",
        "unknown code": "soort_onbekend.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "te_diep.json",
    },
    "team in CSV": {
        "ISO 8859-1": "latin1.csv",
        "UTF-16": "utf16.csv",
        "another grammar": "xml.json",
        "cut off": "zonder_regeleinde.csv",
        "huge number": "bsn_reusachtig.csv",
        "impossible date": "datum_bestaat_niet.csv",
        "unknown code": "soort_onbekend.csv",
        "repeated": "kolom_dubbel.csv",
        "wrong count": "regel_te_lang.csv",
    },
    "zgw": {
        **_OF_JSON,
        "cut off": "half_teken.json",
        "impossible date": "status_dag_bestaat_niet.json",
        "unknown code": "rol_onbekend.json",
        "repeated": "dubbele_sleutel.json",
        "too deep": "te_diep.json",
    },
    "hl7v2": {
        "ISO 8859-1": "latin1_zonder_aankondiging.hl7",
        "UTF-16": "utf16.hl7",
        "UTF-8 with a mark": "bom.hl7",
        "another grammar": "xml.hl7",
        "cut off": "zonder_einde.hl7",
        "huge number": "partij_getal_te_groot.hl7",
        "impossible date": "datum_30_februari.hl7",
        "unknown code": "afspraak_status_onbekend.hl7",
        "repeated": "twee_pid.hl7",
        "wrong order": "volgorde.hl7",
        "wrong count": "partij_telt_te_veel.hl7",
        "other vocabulary": "adt.hl7",
        "message in a message": "partij_in_partij.hl7",
    },
    "medvri": {
        "ISO 8859-1": "latin1_in_unoa.edi",
        "UTF-16": "utf16.edi",
        "UTF-8 with a mark": "bom.edi",
        "another grammar": "xml.edi",
        "cut off": "zonder_einde.edi",
        "huge number": "getal_te_groot.edi",
        "unknown code": "tekenset_onbekend.edi",
        "repeated": "twee_clienten.edi",
        "wrong order": "volgorde.edi",
        "wrong count": "telt_te_veel_segmenten.edi",
        "other vocabulary": "medlab.edi",
        "message in a message": "twee_bestanden.edi",
    },
}
# Where a kind can't come, and why.
NEVER = {
    ("fhir in XML", "huge number"),  # no number of a resource is read, and in XML it is a text
    ("medvri", "impossible date"),  # no date of a letter is read
    ("team in CSV", "UTF-8 with a mark"),  # a spreadsheet writes it: it is taken
    ("team in CSV", "wrong order"),  # columns may stand in any order, and so may lines
    ("team in CSV", "other vocabulary"),  # a header of other columns: `kolom_onbekend.csv`, `kolom_ontbreekt.csv`
    ("team in CSV", "message in a message"),
}


def _grammar(name: str) -> str:
    return LINES if name.endswith("CSV") else XML if name.endswith("XML") else GRAMMARS.get(name, JSON)


def test_every_reader_has_its_folder_and_its_row() -> None:
    assert {name.partition(" ")[0] for name in FILES} == set(READERS)


@pytest.mark.parametrize("name", FILES)
def test_hostile_vectors_of_every_kind_stand_in_the_folder_of_each_format(name: str) -> None:
    folder = VECTORS / name.partition(" ")[0] / "hostile"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    wanted = {kind for kind, grammars in KINDS.items() if _grammar(name) in grammars and (name, kind) not in NEVER}
    assert wanted <= set(FILES[name])
    for file in FILES[name].values():
        assert expected[file]["path"].startswith(("/", "line "))
        assert expected[file]["keyword"] in set(Keyword)
