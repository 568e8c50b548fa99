# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Each format says what it takes for its own, and what becomes of every field, without a word of the sender."""

import json
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats import READERS, SeveralFormats, ijw, iwmo, the_format
from adapters.formats.explain import Explained, Ground
from adapters.formats.istandaard_models import Shape
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed
from tests.formats.format_vectors import VECTORS, everything_in

XS = "{http://www.w3.org/2001/XMLSchema}"
STANDARDS_OF = {"iwmo": iwmo.STANDARD, "ijw": ijw.STANDARD}
RECOGNISED = [name for name, entry in READERS.items() if entry.recognises is not None]
EXPLAINED = [name for name, entry in READERS.items() if entry.explain is not None]


def explained(name: str, data: bytes) -> list[Explained]:
    explain = READERS[name].explain
    assert explain is not None
    return explain(data)


def _valid(name: str) -> list[Path]:
    """All but the empty batch, which is of no format: nothing in it says what it is."""
    return [path for path in sorted((VECTORS / name / "valid").iterdir()) if path.name != "lege_reeks.json"]


def test_every_format_is_recognised_and_explained() -> None:
    assert [*READERS] == RECOGNISED == EXPLAINED


# A Veiligheidshuis that names itself as anybody might: only who delivers it knows that it is CORV.
EITHER = VECTORS / "corv" / "valid" / "bron_als_urn.json"


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name in RECOGNISED for path in _valid(name) if path != EITHER]
)
def test_every_valid_message_is_recognised_by_its_content_and_by_its_own_format_alone(name: str, path: Path) -> None:
    assert the_format(path.read_bytes()) == name


def test_content_that_two_formats_take_for_their_own_is_refused_with_their_names() -> None:
    with pytest.raises(SeveralFormats, match="^/: several-formats$") as refused:
        the_format(EITHER.read_bytes())
    assert refused.value.names == ("cloudevents", "corv")


@pytest.mark.parametrize(
    ("source", "kind", "formats"),
    [
        ("/oin/00000004123456789000/systeem/casus", "overleg.actie-belegd", {"corv"}),
        ("/oin/00000004123456789000/systeem/casus", "nl.gemeente.zaak", {"corv"}),
        ("urn:organisatie:voorbeeld", "uitwisselen-uitkomst-overleg.uitkomst-ingezien", {"corv"}),
        ("urn:organisatie:voorbeeld", "overleg.actie-belegd", {"corv", "cloudevents"}),
        ("urn:organisatie:voorbeeld", "nl.gemeente.zaak-geopend", {"cloudevents"}),
        ("https://github.com/x", "com.github.pull_request.opened", {"cloudevents"}),
        ("urn:x", "Order.Created", {"cloudevents"}),
        ("urn:x", "", {"cloudevents"}),
    ],
)
def test_a_cloudevent_is_of_corv_by_its_source_and_may_be_by_its_type(
    source: str, kind: str, formats: set[str]
) -> None:
    event = {"specversion": "1.0", "id": "1", "source": source, "type": kind, "data": {"source": "/oin/x", "type": 1}}
    # Its name, its place in a batch, damage and what stands in its data make no difference.
    for data in (json.dumps(event), json.dumps([event, event]), json.dumps(event)[:-1]):
        found = {name for name in ("corv", "cloudevents") if READERS[name].recognises(data.encode())}  # type: ignore[misc]
        assert found == formats
    other = {**event, "source": "urn:nld:oin:1:systeem:x", "type": "nl.gemeente.zaak"}
    mixed = json.dumps([event, other]).encode()
    assert {name for name in ("corv", "cloudevents") if READERS[name].recognises(mixed)} >= formats  # type: ignore[misc]


@pytest.mark.parametrize("name", ["iwmo", "ijw"])
def test_a_message_that_is_cut_off_after_its_root_is_still_recognised(name: str) -> None:
    data = (VECTORS / name / "valid" / "305_gestart.xml").read_bytes()
    start = data.index(b"<m:Header>")
    assert all(the_format(data[:end]) == name for end in range(start, len(data)))


def test_a_cloudevent_that_is_cut_off_is_still_recognised() -> None:
    (path, *_) = _valid("cloudevents")
    data = path.read_bytes()
    assert the_format(data[:-1].rstrip()[:-1]) == "cloudevents"


@pytest.mark.parametrize(
    "data",
    [b"{}", b"<a/>", b"PK\x03\x04", b'<Bericht xmlns="http://example.org/"/>', b"\xff" * 9, b"<", b"[[[[", b"[]"],
)
def test_what_no_format_takes_for_its_own_is_refused_and_never_guessed(data: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        the_format(data)
    assert refused.value.faults == (Fault("/", Keyword.VOCABULARY),)


@pytest.mark.parametrize("data", [b"", b" \r\n", b"\xef\xbb\xbf\n"])
def test_nothing_at_all_is_of_no_format_and_says_that_it_is_incomplete(data: bytes) -> None:
    with pytest.raises(Malformed, match="^/: not-well-formed$"):
        the_format(data)


def test_an_envelope_without_a_message_is_refused_with_its_reason_before_it_is_anybodys() -> None:
    with pytest.raises(Malformed) as refused:
        the_format((VECTORS / "ijw" / "hostile" / "envelop_tekstbestand.xml").read_bytes())
    assert refused.value.faults[0] == Fault("/Envelop/parameters/bericht/*", Keyword.UNEXPECTED)


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in EXPLAINED for path in _valid(name)])
def test_every_field_of_a_valid_message_is_used_for_something_or_dropped_on_a_ground(name: str, path: Path) -> None:
    fields = explained(name, path.read_bytes())
    assert fields
    for field in fields:
        assert (field.used is None) != (field.dropped is None)
        assert field.count > 0
        assert field.dropped is not Ground.UNKNOWN or field.path == "/*"  # an extension of a CloudEvent


@pytest.mark.parametrize(
    ("name", "file"), [(each.name, each.xsd(message)) for each in STANDARDS_OF.values() for message in each.messages]
)
def test_every_field_of_the_official_schema_is_explained(standards: Path, name: str, file: str) -> None:
    standard = STANDARDS_OF[name]
    (message,) = [one for one in standard.messages if standard.xsd(one) == file]
    tree = etree.parse(str(standards / "iwmo_ijw" / "xsd" / f"{name}-3.2" / file))
    root = etree.Element(f"{{{standard.namespace(message)}}}Bericht")
    types = {kind.get("name"): kind for kind in tree.getroot().iter(f"{XS}complexType")}

    def grow(parent: etree._Element, kind: str) -> None:
        for each in types[kind].iter(f"{XS}element"):
            child = etree.SubElement(parent, f"{{{standard.namespace(message)}}}{each.get('name')}")
            prefix, _, inner = (each.get("type") or "").partition(":")
            if inner in types and prefix:
                grow(child, inner)
            elif each.get("name") == "BerichtIdentificatie":
                for part in ("Identificatie", "Dagtekening"):
                    etree.SubElement(child, f"{{{standard.base}}}{part}")

    grow(root, "Root")
    fields = explained(name, etree.tostring(root))
    assert not [field.path for field in fields if field.dropped is Ground.UNKNOWN]
    assert [field.path for field in fields if field.used is not None] or message.shape is Shape.RETURN


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in STANDARDS_OF for path in _valid(name)])
def test_what_is_explained_as_dropped_never_comes_out(name: str, path: Path) -> None:
    data = path.read_bytes()
    if "envelop" in path.name:
        return
    root = etree.parse(str(path)).getroot()
    out = "\n".join(everything_in(READERS[name](FormatConfig()).read(data)))
    dropped = [field.path.split("/")[1:] for field in explained(name, data) if field.dropped is not None]
    used = {field.path.split("/")[-1] for field in explained(name, data) if field.used is not None}
    keep = {leaf.text for leaf in root.iter() if etree.QName(leaf).localname in used}
    for place in dropped:
        for element in root.xpath("/" + "/".join(f"*[local-name()='{step}']" for step in place)):
            for leaf in element.iter():
                text = (leaf.text or "").strip()
                assert len(text) < 4 or text in keep or text not in out


def test_a_name_that_is_the_senders_own_is_never_shown() -> None:
    data = (VECTORS / "iwmo" / "valid" / "305_gestart.xml").read_bytes()
    shown = str(explained("iwmo", data.replace(b"m:StartProduct>", b"m:Zandlopersma>")))
    assert "Zandlopersma" not in shown
    assert "/Bericht/Client/StartProducten/*" in shown
    event = b'{"specversion":"1.0","id":"1","zandlopersma":"x","data":{"Wiebrechtje":1}}'
    assert [(field.path, field.dropped) for field in explained("cloudevents", event)][2:] == [
        ("/*", Ground.UNKNOWN),
        ("/data", Ground.FREE_TEXT),
    ]


def test_what_stands_under_a_dropped_name_is_counted_and_not_shown() -> None:
    data = (VECTORS / "iwmo" / "valid" / "301_maximaal.xml").read_bytes()
    fields = {field.path: field for field in explained("iwmo", data)}
    assert fields["/Bericht/Client/Relaties"].dropped is Ground.OTHERS
    assert fields["/Bericht/Client/Relaties"].count > 10
    assert not [path for path in fields if path.startswith("/Bericht/Client/Relaties/")]


def test_an_envelope_is_explained_with_its_message() -> None:
    first, *rest = explained("ijw", (VECTORS / "ijw" / "valid" / "305_in_envelop.xml").read_bytes())
    assert first == Explained("/Envelop", 1, dropped=Ground.TECHNICAL)
    assert rest == explained("ijw", (VECTORS / "ijw" / "valid" / "305_gestart.xml").read_bytes())


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_message_of_another_format_is_not_explained(name: str) -> None:
    for other in EXPLAINED:
        if other != name and {other, name} != {"cloudevents", "corv"}:  # which have one grammar
            data = _valid(other)[0].read_bytes()
            try:
                fields = explained(name, data)
            except Malformed:
                continue
            assert {field.dropped for field in fields} == {Ground.UNKNOWN}
