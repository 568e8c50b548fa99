# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""SuwiML: the answers of four services, by their published schemas, and what is left of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats import suwi_lists
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed
from adapters.formats.suwi import SuwiReader
from schemas.event import Kind, Law
from tests.formats.format_vectors import VECTORS, everything_in
from tests.formats.test_readers_alike import CONFIG

VALID = VECTORS / "suwi" / "valid"
READER = SuwiReader(CONFIG)
_XS = "{http://www.w3.org/2001/XMLSchema}"
_FOLDERS = {
    "UWVAanvrUitkStatusInfoResponse": "UWVDossierAanvraagUitkeringStatusGSD-v0200-b01",
    "GSDReintegratieInfoResponse": "GSDDossierReintegratie-v0200-b04",
    "UwvWbPersoonsInfoResponse": "UWVWbDossierPersoonGSD-v0200-b01",
    "BijstandsregelingenInfoResponse": "Bijstandsregelingen-v0500-b04",
}


@pytest.fixture(scope="session")
def folder(standards: Path) -> Path:
    return standards / "suwi"


def schema_of(folder: Path, root: str) -> Path:
    (found,) = (folder / "suwiml" / _FOLDERS[root]).glob("Diensten/*/*/BodyReaction.xsd")
    return found


@pytest.mark.parametrize(
    "name",
    [path.name for path in sorted(VALID.iterdir()) if "soap" not in path.name and path.name != "kanarie.xml"],
)
def test_our_own_answers_are_valid_by_the_published_schemas(folder: Path, name: str) -> None:
    tree = etree.parse(str(VALID / name))
    schema = etree.XMLSchema(file=str(schema_of(folder, etree.QName(tree.getroot()).localname)))
    schema.assertValid(tree)


def test_real_answers_are_read_or_refused_with_a_reason(folder: Path) -> None:
    """Invented persons of a simulator: no answer of Bijstandsregelingen there has a column of two digits."""
    column = "Bron/CdKolomSuwi"
    welfare = "/BijstandsregelingenInfoResponse/ClientSuwi/AanvraagUitkering[1]"
    table = {
        "Bijstandsregelingen_BijstandsregelingenInfo_999990238.xml": Fault(f"{welfare}/{column}", Keyword.PATTERN),
        "Bijstandsregelingen_BijstandsregelingenInfo_999991322.xml": Fault(f"{welfare}/{column}", Keyword.PATTERN),
        "Bijstandsregelingen_BijstandsregelingenInfo_999993549.xml": Fault(f"{welfare}/{column}", Keyword.PATTERN),
        "Bijstandsregelingen_BijstandsregelingenInfo_999998493.xml": Fault(f"{welfare}/{column}", Keyword.PATTERN),
    }
    for path in sorted((folder / "examples" / "suwiml").iterdir()):
        # Income is no progress, and a question is no answer.
        expected = table.pop(path.name, Fault("/", Keyword.VOCABULARY))
        with pytest.raises(Malformed) as refused:
            READER.read(path.read_bytes())
        assert expected in refused.value.faults, path.name
    assert not table


def test_a_real_answer_with_columns_of_the_published_form_is_read(folder: Path) -> None:
    path = folder / "examples" / "suwiml" / "Bijstandsregelingen_BijstandsregelingenInfo_999991322.xml"
    data = (
        path.read_bytes().replace(b"<CdKolomSuwi>K4", b"<CdKolomSuwi>").replace(b"<CdPartijSuwi>P", b"<CdPartijSuwi>0")
    )
    events = READER.read(data)
    assert {event.event.kind for event in events} <= {
        Kind.AANGEMELD,
        Kind.TOEGEWEZEN,
        Kind.AFGEWEZEN,
        Kind.GESTART,
        Kind.BEEINDIGD,
    }
    assert len(events) == 6
    shown = repr(everything_in(events))
    assert "999993549" not in shown  # the partner
    assert "2875" not in shown  # a debt


def _inside(
    node: etree._Element, types: dict[str, etree._Element], *, always: bool
) -> Iterator[tuple[str, bool, bool]]:
    for child in node:
        if child.tag == f"{_XS}element":
            name = child.get("name") or child.get("ref") or ""
            yield name, always and child.get("minOccurs") != "0", child.get("maxOccurs", "1") != "1"
        elif child.tag in (f"{_XS}sequence", f"{_XS}choice", f"{_XS}complexContent"):
            yield from _inside(child, types, always=always and child.tag != f"{_XS}choice")
        elif child.tag == f"{_XS}extension":
            yield from _inside(types[str(child.get("base")).partition(":")[2]], types, always=always)
            yield from _inside(child, types, always=always)


@pytest.mark.parametrize(
    ("root", "name", "model"),
    [
        ("UWVAanvrUitkStatusInfoResponse", "ClientSuwi", "STATUS_CLIENT"),
        ("UWVAanvrUitkStatusInfoResponse", "AanvraagUitkering", "STATUS_APPLICATION"),
        ("UWVAanvrUitkStatusInfoResponse", "BeslissingOpAanvraagUitkering", "DECISION_REASON"),
        ("GSDReintegratieInfoResponse", "ClientSuwi", "REINTEGRATION_CLIENT"),
        ("GSDReintegratieInfoResponse", "AtlRelatie", "REINTEGRATION_RELATION"),
        ("GSDReintegratieInfoResponse", "ReIntegratievoorziening", "PROVISION"),
        ("GSDReintegratieInfoResponse", "Bron", "SOURCE"),
        ("UwvWbPersoonsInfoResponse", "ClientSuwi", "PERSON_CLIENT"),
        ("UwvWbPersoonsInfoResponse", "AtlRelatie", "PERSON_RELATION"),
        ("UwvWbPersoonsInfoResponse", "InschrijvingsgegevensUwvWb", "REGISTRATION"),
        ("UwvWbPersoonsInfoResponse", "DienstverleningUwvWb", "SERVICE"),
        ("UwvWbPersoonsInfoResponse", "Bron", "SOURCE"),
        ("BijstandsregelingenInfoResponse", "ClientSuwi", "WELFARE_CLIENT"),
        ("BijstandsregelingenInfoResponse", "AanvraagUitkering", "WELFARE_APPLICATION"),
        ("BijstandsregelingenInfoResponse", "BeslissingOpAanvraagUitkering", "DECISION"),
        ("BijstandsregelingenInfoResponse", "Uitkeringsverhouding", "BENEFIT"),
        ("BijstandsregelingenInfoResponse", "Bron", "SOURCE"),
    ],
)
def test_the_places_of_the_reader_are_those_of_the_published_schema(
    folder: Path, root: str, name: str, model: str
) -> None:
    file = schema_of(folder, root)
    trees = [etree.parse(str(one)).getroot() for one in [file, *(file.parent / "ComplexTypes").glob("*.xsd")]]
    types = {
        str(kind.get("name")): kind for tree in trees for kind in tree.iter(f"{_XS}complexType") if kind.get("name")
    }
    inline = [
        element.find(f"{_XS}complexType") for element in trees[0].iter(f"{_XS}element") if element.get("name") == name
    ]
    kind = next((one for one in inline if one is not None), types.get(name))
    assert kind is not None
    official = list(_inside(kind, types, always=True))
    assert [(child.name, child.required, child.many) for child in getattr(suwi_lists, model)] == official


def test_a_decision_means_what_the_configuration_says_and_nothing_else() -> None:
    data = (VALID / "status.xml").read_bytes()
    with pytest.raises(Malformed, match="CdBeslissingOpAanvraagUitkering: unknown-type$"):
        SuwiReader(FormatConfig()).read(data)
    turned = {"suwi:beslissing:01": (Kind.AFGEWEZEN, Law.WMO), "suwi:beslissing:04": (Kind.TOEGEWEZEN, Law.WMO)}
    events = SuwiReader(FormatConfig(cloudevent_types=turned)).read(data)
    assert [event.event.kind for event in events] == ["aangemeld", "afgewezen", "aangemeld", "toegewezen"]
    assert {event.event.law for event in events} == {Law.SUWI}


def test_the_law_is_that_of_who_answers() -> None:
    laws = {path.stem: {event.event.law for event in READER.read(path.read_bytes())} for path in VALID.iterdir()}
    assert (laws["status"], laws["werkbedrijf"]) == ({Law.SUWI}, {Law.SUWI})
    assert (laws["reintegratie"], laws["bijstand"]) == ({Law.PARTICIPATIEWET}, {Law.PARTICIPATIEWET})


def test_every_fact_names_its_service_so_that_the_edge_compares() -> None:
    for path in VALID.iterdir():
        assert all(event.polled and event.polled.startswith("suwi ") for event in READER.read(path.read_bytes()))


def test_a_code_or_act_of_a_benefit_is_in_nothing_that_comes_out() -> None:
    events = READER.read((VALID / "status.xml").read_bytes())
    assert not {"WW", "01", "04", "123", "1"} & everything_in(events)
