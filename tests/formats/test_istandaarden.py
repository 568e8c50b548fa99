# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iWmo and iJw 3.2 alike: every message read or refused by the official schemas and lists, and what never leaves it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.formats import READERS, ijw, iwmo
from adapters.formats.istandaard_models import REJECTIONS, Message, Shape, Standard
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Reader
from schemas.event import Kind, Law
from tests.formats.format_vectors import VECTORS, everything_in, hostile, in_words, valid

STANDARDS_OF = {"iwmo": iwmo.STANDARD, "ijw": ijw.STANDARD}
BOTH = sorted(STANDARDS_OF)
XS = "{http://www.w3.org/2001/XMLSchema}"
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
Readers = Callable[[str], Reader]
BUDGET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_MADE: dict[tuple[str, bool], Reader] = {}


@pytest.fixture(params=["own checks", "with official XSDs"])
def reader_of(request: pytest.FixtureRequest) -> Readers:
    """The readers in their two ways of working: they must not differ in what they take."""
    official = request.param != "own checks"
    folder: Path | None = request.getfixturevalue("standards") / "iwmo_ijw" / "xsd" if official else None

    def make(name: str) -> Reader:
        if (name, official) not in _MADE:
            config = FormatConfig()
            if folder is not None:
                config = FormatConfig(xsd_dir=folder / "iwmo-3.2", ijw_xsd_dir=folder / "ijw-3.2")
            _MADE[name, official] = READERS[name](config)
        return _MADE[name, official]

    return make


def _with_name(of: Callable[[str], list[Any]]) -> list[Any]:
    return [pytest.param(name, *each.values, id=f"{name}-{each.id}") for name in BOTH for each in of(name)]


def _messages() -> list[Any]:
    return [
        pytest.param(standard, message, id=standard.xsd(message))
        for standard in STANDARDS_OF.values()
        for message in standard.messages
    ]


def _plain(name: str) -> list[Path]:
    return [path for path in sorted((VECTORS / name / "valid").glob("*.xml")) if "envelop" not in path.name]


@pytest.mark.parametrize(("name", "path", "events"), _with_name(valid))
def test_a_valid_message_gives_these_events(reader_of: Readers, name: str, path: Path, events: list[object]) -> None:
    assert [in_words(event) for event in reader_of(name).read(path.read_bytes())] == events


@pytest.mark.parametrize(("name", "path", "fault"), _with_name(hostile))
def test_a_hostile_message_is_refused_with_its_path_and_keyword(
    reader_of: Readers, refuses: Refuses, name: str, path: Path, fault: dict[str, str]
) -> None:
    found = refuses(reader_of(name), path.read_bytes())[0]
    assert found == Fault(fault["path"], fault["keyword"], fault.get("code"))


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in BOTH for path in _plain(name)])
def test_our_own_valid_messages_are_valid_by_the_official_xsd(standards: Path, name: str, path: Path) -> None:
    folder = standards / "iwmo_ijw" / "xsd" / f"{name}-3.2"
    schema = etree.XMLSchema(file=str(folder / f"{STANDARDS_OF[name].prefix.upper()}{path.name[:3]}.xsd"))
    schema.assertValid(etree.parse(str(path)))


@pytest.mark.parametrize("path", sorted(VECTORS.glob("i*/valid/*envelop*.xml")), ids=lambda path: path.name)
def test_our_own_envelopes_are_valid_by_the_official_xsd(standards: Path, path: Path) -> None:
    folder = standards / "iwmo_ijw" / "stuf-ggk0210" / "ggk0210" / "ggkberichten"
    etree.XMLSchema(file=str(folder / "ggk0210_msg_ggkberichten.xsd")).assertValid(etree.parse(str(path)))


def test_every_message_of_both_standards_has_a_valid_vector() -> None:
    for name, standard in STANDARDS_OF.items():
        assert {path.name[:3] for path in _plain(name)} == {message.number for message in standard.messages}


@pytest.mark.parametrize("name", BOTH)
def test_the_code_lists_are_those_of_the_published_standard(standards: Path, name: str) -> None:
    lists, standard = standards / "iwmo_ijw" / "codelijsten" / name, STANDARDS_OF[name]

    def codes(start: str) -> set[str]:
        (file,) = lists.glob(f"{start}_*.json")
        table = json.loads(file.read_text("utf-8"))
        return {row[table["sleutel"]] for row in table["codes"]}

    own = {"iwmo": ("WMO588", "WMO002"), "ijw": ("JZ588", "JZ002")}[name]
    assert set(standard.endings) == codes(own[0])
    assert standard.changes | {"01"} == codes(own[1])
    assert codes("WJ759") == REJECTIONS
    (file,) = lists.glob("COD002*.json")
    published = {tuple(sorted(map(str, row.values()))) for row in json.loads(file.read_text("utf-8"))["codes"]}
    ours = {tuple(sorted((standard.xsd(message)[:-4], message.code))) for message in standard.messages}
    assert ours <= published


@pytest.mark.parametrize(("standard", "message"), _messages())
def test_the_places_of_the_reader_are_those_of_the_official_xsd(
    standards: Path, standard: Standard, message: Message
) -> None:
    tree = etree.parse(str(standards / "iwmo_ijw" / "xsd" / f"{standard.name}-3.2" / standard.xsd(message)))
    types = {kind.get("name"): kind.find(f"{XS}sequence") for kind in tree.getroot().iter(f"{XS}complexType")}
    product = "Verzoek" if message.shape is Shape.CHANGE else message.product
    models = {"Root": message.root, "Header": message.header, message.top: message.body}
    if product and message.shape is not Shape.RETURN:
        models[product] = message.model
    for name, model in models.items():
        sequence = types[name]
        assert sequence is not None
        official = [(each.get("name"), each.get("minOccurs") != "0") for each in sequence.iter(f"{XS}element")]
        assert [(child.name, child.required) for child in model] == official


# Every published example: how many events, or why it is refused.
_VOCABULARY = Fault("/Bericht", Keyword.VOCABULARY)
_NO_MESSAGE = Fault("/Envelop/parameters/bericht/xmlBestand", Keyword.NOT_WELL_FORMED)
REAL: dict[str, int | Fault] = {
    "JW301.xml": 2,
    "JW305.xml": 2,
    "JW308.xml": 0,  # a return: the stop was in order
    "JW315.xml": Fault(  # 31 June
        "/Bericht/Client/AangevraagdeProducten/AangevraagdProduct[1]/ToewijzingEinddatum", Keyword.DATE, "0001"
    ),
    "JW316.xml": 0,  # a return
    "JW317.xml": Fault(  # CS003: it ends two years before it begins
        "/Bericht/Client/Verzoek/NieuweProducten/NieuwProduct[1]/Einddatum", Keyword.DATE_ORDER, "0001"
    ),
    "JW319.xml": 1,
    "JW320.xml": 0,  # a return
    "JW325.xml": _VOCABULARY,  # money, not progress
    "WMO305.xml": 2,
    "WMO307.xml": 2,
    "WMO315.xml": 2,
    "WMO317.xml": 1,
    "WMO323.xml": _VOCABULARY,  # money, not progress
    # Sentences in base64 stand where a message should be.
    "envelopHeenbericht-ggk_Di01_v21-xml.xml": _NO_MESSAGE,
    "envelopRetourbericht-ggk_Du01-v21.xml": _NO_MESSAGE,
    "envelopHeenbericht-ggk_Di01_v21-tekst.xml": Fault("/Envelop/parameters/bericht/*", Keyword.UNEXPECTED),
}


def test_real_messages_are_read_or_refused_with_a_reason(reader_of: Readers, refuses: Refuses, standards: Path) -> None:
    paths = sorted((standards / "iwmo_ijw" / "examples").rglob("*.xml"))
    assert {path.name for path in paths} == set(REAL)
    for path in paths:
        reader = reader_of("ijw" if path.name.startswith("JW") else "iwmo")
        expected = REAL[path.name]
        if isinstance(expected, int):
            assert len(reader.read(path.read_bytes())) == expected, path.name
        else:
            assert refuses(reader, path.read_bytes())[0] == expected, path.name


# Elements whose value may become part of an object, by shape; the rest of a message must not.
ALLOWED = {
    Shape.ALLOCATION: {"ToewijzingNummer", "Toewijzingsdatum", "Ingangsdatum", "Einddatum", "RedenWijziging"},
    Shape.START: {"ToewijzingNummer", "Begindatum"},
    Shape.STOP: {"ToewijzingNummer", "Begindatum", "Einddatum", "RedenBeeindiging"},
    Shape.REQUEST: {"ReferentieAanbieder", "Dagtekening"},
    Shape.CHANGE: {"ReferentieAanbieder", "Dagtekening"},
    Shape.ANSWER: {"ReferentieAanbieder", "Dagtekening", "VerzoekAntwoord"},
    Shape.RETURN: set(),
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in BOTH for path in _plain(name)])
def test_canary_in_every_field_only_the_allowed_ones_come_out(reader_of: Readers, name: str, path: Path) -> None:
    root = etree.parse(str(path)).getroot()
    shape = STANDARDS_OF[name].by_tag()[str(root.tag)].shape
    allowed = ALLOWED[shape] if shape is Shape.RETURN else ALLOWED[shape] | {"Bsn", "Afzender", "Ontvanger"}
    leaves = [(etree.QName(leaf).localname, leaf.text or "") for leaf in root.iter() if len(leaf) == 0]
    events = reader_of(name).read(path.read_bytes())
    may = {text for leaf, text in leaves if leaf in allowed}
    stays = {text for leaf, text in leaves if len(text) > 3 and text not in may}
    out = everything_in(events)
    assert stays
    assert not [text for text in stays if text in "\n".join(out)]
    assert not _personal(events)


def _personal(events: list[NativeEvent]) -> list[str]:
    """Numbers of people and cases that a log line would show."""
    shown = repr(events)
    numbers = [event.citizen.bsn for event in events if event.citizen is not None]
    references = [event.request.reference for event in events if event.request is not None]
    cases = [event.event.reference for event in events]
    return [one for one in (*numbers, *references, *cases) if one is not None and one in shown]


@pytest.mark.parametrize("path", sorted(VECTORS.glob("i*/valid/*envelop*.xml")), ids=lambda path: path.name)
def test_canary_nothing_of_an_envelope_comes_out(reader_of: Readers, path: Path) -> None:
    text = path.read_text("utf-8")
    canaries = ["Kanarie Suite", "kanarie-administratie", "Kanariegebruiker", "9993", "98765402", "20260305132514"]
    assert all(canary in text for canary in canaries)
    events = reader_of(path.parts[-3]).read(path.read_bytes())
    assert not [canary for canary in canaries if canary in "\n".join(everything_in(events)) + repr(events)]


def test_a_return_is_read_and_tells_nothing() -> None:
    reader = ijw.IjwReader(FormatConfig())
    for path in _plain("ijw"):
        if path.name[:3] in ("302", "306", "308", "316", "318", "320"):
            assert reader.read(path.read_bytes()) == []


def test_the_same_number_has_another_meaning_in_the_other_standard() -> None:
    shared = set(iwmo.ENDINGS) & set(ijw.ENDINGS)
    assert {code for code in shared if iwmo.ENDINGS[code] != ijw.ENDINGS[code]} == {"31"}
    assert (iwmo.STANDARD.law, ijw.STANDARD.law) == (Law.WMO, Law.JEUGDWET)


@pytest.mark.parametrize("name", BOTH)
def test_the_message_of_one_standard_is_refused_by_the_other(refuses: Refuses, name: str) -> None:
    other = READERS["iwmo" if name == "ijw" else "ijw"](FormatConfig())
    for path in (VECTORS / name / "valid").glob("*.xml"):
        assert refuses(other, path.read_bytes()) == (_VOCABULARY,)


@pytest.mark.parametrize("name", BOTH)
def test_an_answer_names_nobody_and_has_the_key_of_its_request(name: str) -> None:
    reader, folder = READERS[name](FormatConfig()), VECTORS / name / "valid"
    (asked,) = reader.read((folder / "315_verzoek.xml").read_bytes())
    (answered,) = reader.read((folder / "319_afgewezen.xml").read_bytes())
    assert answered.citizen is None
    assert (answered.event.kind, asked.event.kind) == (Kind.AFGEWEZEN, Kind.AANGEMELD)
    assert answered.request == asked.request is not None


def _one_of_each() -> list[Any]:
    files = [
        ("ijw", "305_gestart.xml"),
        ("ijw", "307_tijdelijk.xml"),
        ("ijw", "317_wijziging.xml"),
        ("ijw", "319_afgewezen.xml"),
        ("ijw", "308_afgekeurd.xml"),
        ("ijw", "305_in_envelop.xml"),
        ("iwmo", "315_maximaal.xml"),
    ]
    return [pytest.param(name, file, id=f"{name}-{file}") for name, file in files]


@pytest.mark.parametrize(("name", "file"), _one_of_each())
def test_a_message_cut_off_at_any_byte_is_refused_and_nothing_else_happens(
    refuses: Refuses, name: str, file: str
) -> None:
    reader = READERS[name](FormatConfig())
    data = (VECTORS / name / "valid" / file).read_bytes().rstrip()
    for end in range(len(data)):
        refuses(reader, data[:end])


def test_a_folder_without_the_official_xsds_of_ijw_is_named_when_the_reader_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^JW301\.xsd is missing or is not a schema$"):
        ijw.IjwReader(FormatConfig(ijw_xsd_dir=tmp_path))


def mutants(sources: list[bytes]) -> st.SearchStrategy[bytes]:
    """A valid message with a few places cut, doubled or overwritten."""
    fragments = st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"<", b">", b"]]>", b"&amp;", b"<!--", b"<?x", b"999900018", b"2027-02-30", b"\xef\xbb\xbf"]),
    )
    edits = st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 60), fragments), min_size=1, max_size=4)

    def mutate(source: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for start, length, fragment in changes:
            place = start % (len(source) + 1)
            source = source[:place] + fragment + source[place + length :]
        return source

    return st.builds(mutate, st.sampled_from(sources), edits)


_ALL = [path.read_bytes() for path in sorted(VECTORS.glob("i*/valid/*.xml"))]


@given(data=mutants(_ALL))
@BUDGET
def test_a_damaged_message_is_read_or_refused_and_never_anything_else(
    reader_of: Readers, reads_or_refuses: Attempts, data: bytes
) -> None:
    for name in BOTH:
        reads_or_refuses(reader_of(name), data)


@given(data=st.binary(max_size=300))
@BUDGET
def test_any_bytes_are_refused_cleanly(reader_of: Readers, refuses: Refuses, data: bytes) -> None:
    for name in BOTH:
        refuses(reader_of(name), data)


_TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    st.sampled_from(
        ["1", "2", "3", "9", "19", "2026-03-01", "2027-02-30", "410001", "999900006", " ", "+5", "-0", "0x1", "R" * 37]
    ),
)
# What is stepped over, and what our own checks know less of than the official schema does.
_UNREAD = {
    *("Geboortedatum", "Naam", "Product", "XsdVersie", "Identificatie", "Geslacht", "Verwijzer", "Omvang", "Budget"),
    *("Commentaar", "Raamcontract", "BeschikkingNummer", "GezagsdragerBekend", "Woonplaatsbeginsel", "RetourCodes"),
    *("IdentificatieRetour", "XsltVersie", "XsdVersieRetour"),
}
_STRICT = [
    ("ijw", "307_volgens_plan.xml"),
    ("ijw", "315_maximaal.xml"),
    ("ijw", "317_wijziging.xml"),
    ("ijw", "319_afgewezen.xml"),
    ("ijw", "308_in_orde.xml"),
    ("iwmo", "305_twee_producten.xml"),
    ("iwmo", "307_volgens_plan.xml"),
    ("iwmo", "315_maximaal.xml"),
    ("iwmo", "317_wijziging.xml"),
    ("iwmo", "319_afgewezen.xml"),
]


@given(vector=st.sampled_from(_STRICT), place=st.integers(0, 200), text=_TEXT)
@BUDGET
def test_what_our_own_checks_take_the_official_xsd_takes_in_all_that_is_read(
    standards: Path, reads_or_refuses: Attempts, vector: tuple[str, str], place: int, text: str
) -> None:
    """One value replaced by any text: our reader without XSDs must never be the more generous one."""
    name, file = vector
    root = etree.parse(str(VECTORS / name / "valid" / file)).getroot()
    leaves = [
        leaf
        for leaf in root.iter()
        if len(leaf) == 0 and not _UNREAD & {etree.QName(each).localname for each in (leaf, *leaf.iterancestors())}
    ]
    leaves[place % len(leaves)].text = text
    events = reads_or_refuses(READERS[name](FormatConfig()), etree.tostring(root, encoding="UTF-8"))
    if events is not None:
        folder = standards / "iwmo_ijw" / "xsd" / f"{name}-3.2"
        xsd = folder / f"{STANDARDS_OF[name].prefix.upper()}{file[:3]}.xsd"
        etree.XMLSchema(file=str(xsd)).assertValid(root)
