# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""OSO 2019.1: a dossier gives a few small events, and only where the parents and the categories let it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats import oso_lists
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed
from adapters.formats.oso import OsoReader
from adapters.formats.oso_lists import NAMESPACE
from schemas.calendar import date_text
from tests.formats.format_vectors import VECTORS, everything_in

VALID = VECTORS / "oso" / "valid"
READER = OsoReader(FormatConfig())
_XS = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="session")
def folder(standards: Path) -> Path:
    return standards / "education"


def faults_of(data: bytes) -> tuple[Fault, ...]:
    with pytest.raises(Malformed) as refused:
        READER.read(data)
    return refused.value.faults


def agreed(data: bytes) -> bytes:
    """The same dossier, had the parents agreed with what is in it."""
    return re.sub(
        rb"<akkoord>Nee</akkoord>\s*<redennietakkoord>[^<]*</redennietakkoord>", b"<akkoord>Ja</akkoord>", data
    )


def test_real_dossiers_are_read_or_refused_with_a_reason(folder: Path) -> None:
    consent, transfer = "/dossier/inzage", Fault("/dossier/metadata/overstap", Keyword.VOCABULARY)
    opted_out = Fault("/dossier/metadata/categorie_uitlevering/cat_onderwijsondersteuning", Keyword.NOT_PERMITTED)
    table = {
        # From school to school: not to a partnership.
        "Voorbeelddossier_OV_POPO_opt_out.xml": (opted_out, transfer),
        "Voorbeelddossier_OV_POVO_full.xml": (transfer,),
        # The parents saw it and disagree with what is in it.
        "Voorbeelddossier_PaO_POSWV_full.xml": (Fault(f"{consent}/akkoord", Keyword.NOT_PERMITTED),),
        "Voorbeelddossier_PaO_VOSWV_full.xml": (Fault(f"{consent}/akkoord", Keyword.NOT_PERMITTED),),
        # Whether the parents saw it is not told.
        "Voorbeelddossier_PaO_POSWV_opt_out.xml": (Fault(consent, Keyword.NOT_PERMITTED),),
    }
    files = {path.name: path for path in (folder / "examples" / "oso-2019.1").iterdir()}
    assert set(files) == set(table)
    for name, faults in table.items():
        assert set(faults) <= set(faults_of(files[name].read_bytes())), name


@pytest.mark.parametrize("profile", ["POSWV", "VOSWV"])
def test_a_real_dossier_with_which_the_parents_agree_is_read(folder: Path, profile: str) -> None:
    data = (folder / "examples" / "oso-2019.1" / f"Voorbeelddossier_PaO_{profile}_full.xml").read_bytes()
    # The dossier is of 2016-01-02, its declaration begins in April and the plan and arrangement end later.
    assert [(event.event.kind, date_text(event.event.day)) for event in READER.read(agreed(data))] == [
        ("gestart", "2015-05-04"),
        ("toegewezen", "2016-04-04"),
        ("toegewezen", "2015-01-28"),
    ]


def test_canary_in_every_text_and_attribute_of_a_real_dossier_nothing_of_it_comes_out(folder: Path) -> None:
    data = (folder / "examples" / "oso-2019.1" / "Voorbeelddossier_PaO_POSWV_full.xml").read_bytes()
    root = etree.fromstring(agreed(data))
    read = READER.read(etree.tostring(root, encoding="utf-8"))
    used = (
        "metadata/datum metadata/standaardversie metadata/overstap cat_onderwijsondersteuning inzage/voorlopigdossier "
        "inzage/inzage akkoord toestemming huidigeschool/brincode huidigeschool/vestigingscode leerlingid "
        "opp_ingangdatum opp_einddatum tlvingangdatum tlveinddatum arrangement_datum arrangement_einddatum"
    ).split()
    schema = etree.XMLSchema(file=str(folder / "oso-2019.1" / "OSO_gegevensset.xsd"))
    changed = 0
    for element in root.iter():
        path = "/".join(etree.QName(each).localname for each in [*reversed(list(element.iterancestors())), element])
        if len(element) == 0 and not path.endswith(tuple(used)) and "/cat_" not in path:
            before, element.text = element.text, "KANARIE"
            if schema.validate(root):  # where the standard lets any text stand
                changed += 1
            else:
                element.text = before
        for name in element.attrib:
            element.set(name, "KANARIE")
    events = READER.read(etree.tostring(root, encoding="utf-8"))
    assert changed > 300
    assert events == read
    assert "KANARIE" not in repr(everything_in(events))


def test_a_pupil_of_whom_one_used_category_may_not_be_delivered_is_not_told_of_and_of_others_it_does_not_matter() -> (
    None
):
    data = (VALID / "tlv.xml").read_text("utf-8")
    for name in (child.name for child in oso_lists.CATEGORIES.children):
        for word in sorted(oso_lists.CATEGORY_WORDS):
            changed = re.sub(f"<{name}>[A-Z-]+<", f"<{name}>{word}<", data).encode()
            if name in oso_lists.TELLS and word not in oso_lists.DELIVERED:
                place = f"/dossier/metadata/categorie_uitlevering/{name}"
                assert faults_of(changed) == (Fault(place, Keyword.NOT_PERMITTED),)
            else:
                assert READER.read(changed) == READER.read(data.encode())


@pytest.mark.parametrize("path", sorted(VALID.iterdir()))
def test_our_own_valid_dossiers_are_valid_by_the_official_xsd(folder: Path, path: Path) -> None:
    schema = etree.XMLSchema(file=str(folder / "oso-2019.1" / "OSO_gegevensset.xsd"))
    schema.assertValid(etree.parse(str(path)))


def _official(root: etree._Element, kind: etree._Element) -> Iterator[tuple[str, bool]]:
    """The elements of a type in order, and whether each is always there."""

    def inside(node: etree._Element, always: bool) -> Iterator[tuple[str, bool]]:
        for child in node:
            if child.tag == f"{_XS}element":
                name = child.get("name") or child.get("ref") or ""
                yield name, always and child.get("minOccurs") != "0"
            elif child.tag in (f"{_XS}sequence", f"{_XS}choice", f"{_XS}complexContent"):
                yield from inside(child, always and child.tag != f"{_XS}choice" and child.get("minOccurs") != "0")
            elif child.tag == f"{_XS}extension":
                (base,) = root.iterfind(f"{_XS}complexType[@name='{child.get('base')}']")
                yield from inside(base, always)
                yield from inside(child, always)

    return inside(kind, always=True)


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("DOSSIER", "complexType[@name='dossierType']"),
        ("METADATA", "element[@name='metadata']/{xs}complexType"),
        ("CATEGORIES", "element[@name='categorie_uitlevering']/{xs}complexType"),
        ("CONSENT", "complexType[@name='inzageType']"),
        ("SCHOOL", "complexType[@name='huidigeschoolType']"),
        ("PUPIL", "complexType[@name='leerlingType']"),
        ("SUPPORT", "/{xs}element[@name='onderwijsondersteuning']/{xs}complexType"),
        ("OPP", "/{xs}element[@name='opp']/{xs}complexType"),
        ("TLV", "/{xs}element[@name='tlv']/{xs}complexType"),
        ("ARRANGEMENT_CLUSTER", "/{xs}element[@name='arrangement_cluster12']/{xs}complexType"),
        ("ARRANGEMENT", "/{xs}element[@name='arrangement_pao']/{xs}complexType"),
    ],
)
def test_the_places_of_the_reader_are_those_of_the_official_xsd(folder: Path, model: str, where: str) -> None:
    root = etree.parse(str(folder / "oso-2019.1" / "OSO_gegevensset.xsd")).getroot()
    assert root.get("targetNamespace") == NAMESPACE
    path = where.format(xs=_XS)
    kind = root.find(f"./{path}" if path.startswith("/") else _XS + path)
    assert kind is not None
    places = getattr(oso_lists, model).children
    assert [(child.name, child.required) for child in places] == list(_official(root, kind))
