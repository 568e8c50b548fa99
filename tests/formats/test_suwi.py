# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""SuwiML: the answers of four services, by their published schemas, and what is left of them."""

import re
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
    [path.name for path in sorted(VALID.iterdir()) if "soap" not in path.name],
)
def test_our_own_answers_are_valid_by_the_published_schemas(folder: Path, name: str) -> None:
    tree = etree.parse(str(VALID / name))
    schema = etree.XMLSchema(file=str(schema_of(folder, etree.QName(tree.getroot()).localname)))
    schema.assertValid(tree)


# Invented persons of a simulator. Of what its answers have otherwise than the published schema: each place, and a place of each.
_WELFARE = "/BijstandsregelingenInfoResponse/ClientSuwi"
_EVERY_ANSWER = {
    f"{_WELFARE}/Voorletters": Keyword.PATTERN,  # "S.": the schema has no stop behind letters
    f"{_WELFARE}/Geslacht": Keyword.PATTERN,  # "v": the schema has a digit
    f"{_WELFARE}/AanvraagUitkering[1]/Bron/CdKolomSuwi": Keyword.PATTERN,  # "K401": two digits
    f"{_WELFARE}/AanvraagUitkering[1]/Bron/CdPartijSuwi": Keyword.PATTERN,  # "P401": four digits
    f"{_WELFARE}/AanvraagUitkering[1]/Bron/CdVestigingSuwi": Keyword.PATTERN,  # "V401"
}


def test_real_answers_are_read_or_refused_with_a_reason(folder: Path) -> None:
    """None is valid by its own schema, but for those about income, and a question."""
    for path in sorted((folder / "examples" / "suwiml").iterdir()):
        with pytest.raises(Malformed) as refused:
            READER.read(path.read_bytes())
        if path.name.startswith("Bijstandsregelingen_"):
            assert _EVERY_ANSWER.items() <= {one.path: one.keyword for one in refused.value.faults}.items(), path.name
        else:  # income is no progress, and a question is no answer
            assert refused.value.faults == (Fault("/", Keyword.VOCABULARY),), path.name


def repaired(data: bytes) -> bytes:
    """An answer of the simulator, had it been made by the schema of its service."""
    for wrong, right in (
        (rb"<Cd(Kolom|Partij|Vestiging)Suwi>[KPV]([0-9]+)", rb"<Cd\1Suwi>0\2"),
        (rb"<CdKolomSuwi>0[0-9]", rb"<CdKolomSuwi>"),
        (rb"<Voorletters>([A-Z])[.]", rb"<Voorletters>\1"),
        (rb"<Geslacht>[a-z]", rb"<Geslacht>2"),
        (rb"<(Bedr[A-Za-z]+)>([0-9]+)[.]([0-9]{2})<", rb"<\1><WaardeBedr>\2\3</WaardeBedr><"),
        (rb"<(Ind[A-Za-z]+)>[NJ]<", rb"<\1>1<"),
        (rb"<(CdHoogte[A-Za-z]+|CdSrtSanctie|CdRecidive[a-z]+)>0([0-9])<", rb"<\1>\2<"),
    ):
        data = re.sub(wrong, right, data)
    return data


def test_a_real_answer_is_read_once_it_is_what_the_published_schema_says(folder: Path) -> None:
    path = folder / "examples" / "suwiml" / "Bijstandsregelingen_BijstandsregelingenInfo_999991322.xml"
    data = repaired(path.read_bytes())
    etree.XMLSchema(file=str(schema_of(folder, "BijstandsregelingenInfoResponse"))).assertValid(etree.fromstring(data))
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


@pytest.mark.parametrize("name", ["kanarie", "kanarie_bijstand", "kanarie_reintegratie", "kanarie_status"])
def test_canary_in_every_field_that_the_schema_knows_of_each_service_and_nothing_of_it_comes_out(name: str) -> None:
    data = (VALID / f"{name}.xml").read_bytes()
    assert data.upper().count(b"KAN") > 1
    events = READER.read(data)
    assert events
    shown = repr(everything_in(events)) + repr(events)
    assert not [word for word in ("KAN", "kan-", "2031", "777", "999900018") if word in shown]


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
    assert [(child.name, child.required, child.many) for child in getattr(suwi_lists, model).children] == official


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
