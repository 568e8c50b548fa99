# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""iWmo 3.2: what is read, what is refused, and what never leaves the message."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.formats.iwmo import IwmoReader
from adapters.formats.iwmo_lists import CHANGES, ENDINGS, MESSAGES
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Reader
from schemas.calendar import date_text
from schemas.event import CATEGORIES, Ending, Kind
from tests.formats.format_vectors import VECTORS, everything_in, hostile, valid

VALID = VECTORS / "iwmo" / "valid"
START, STOP = VALID / "305_gestart.xml", VALID / "307_volgens_plan.xml"
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
BUDGET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_words(event: NativeEvent) -> dict[str, object]:
    words: dict[str, object] = {
        "parts": event.event.parts(CATEGORIES),
        "bsn": event.citizen.bsn,
        "own_number": event.citizen.own_number,
        "sender": event.sender,
        "receiver": event.receiver,
        "identity": list(event.identity),
        "retracts": event.retracts,
        "reason": event.reason,
    }
    if event.allocation is not None:
        allocation = event.allocation
        words["allocation"] = {
            "number": allocation.number,
            "begin": date_text(allocation.begin),
            "end": None if allocation.end is None else date_text(allocation.end),
            "change": allocation.change,
            "withdrawn": allocation.withdrawn,
        }
    return words


@pytest.mark.parametrize(("path", "events"), valid("iwmo"))
def test_a_valid_message_gives_these_events(iwmo: IwmoReader, path: Path, events: list[object]) -> None:
    assert [in_words(event) for event in iwmo.read(path.read_bytes())] == events


@pytest.mark.parametrize("path", sorted(VALID.glob("*.xml")), ids=lambda path: path.name)
def test_our_own_valid_messages_are_valid_by_the_official_xsd(xsd_dir: Path, path: Path) -> None:
    schema = etree.XMLSchema(file=str(xsd_dir / f"WMO{path.name[:3]}.xsd"))
    schema.assertValid(etree.parse(str(path)))


@pytest.mark.parametrize(("path", "fault"), hostile("iwmo"))
def test_a_hostile_message_is_refused_with_its_path_and_keyword(
    iwmo: IwmoReader, refuses: Refuses, path: Path, fault: dict[str, str]
) -> None:
    assert refuses(iwmo, path.read_bytes())[0] == Fault(fault["path"], fault["keyword"], fault.get("code"))


@pytest.mark.parametrize(
    ("reason", "kind", "ending"),
    [
        ("02", Kind.BEEINDIGD, Ending.OVERLEDEN),
        ("19", Kind.BEEINDIGD, Ending.VOLGENS_PLAN),
        ("20", Kind.ONDERBROKEN, None),
        ("21", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("22", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("23", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("31", Kind.BEEINDIGD, Ending.VERHUISD),
        ("36", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("37", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("38", Kind.BEEINDIGD, Ending.VOORTIJDIG),
        ("39", Kind.BEEINDIGD, Ending.ANDER_DOMEIN),
    ],
)
def test_a_reason_of_the_wmo_becomes_a_class_and_does_not_travel(
    iwmo: IwmoReader, reason: str, kind: Kind, ending: Ending | None
) -> None:
    data = STOP.read_bytes().replace(b"<m:RedenBeeindiging>19<", f"<m:RedenBeeindiging>{reason}<".encode())
    (event,) = iwmo.read(data)
    assert (event.event.kind, event.event.ending, event.reason) == (kind, ending, reason)
    assert reason not in everything_in([event]) - {event.reason, event.identity[-1]}
    assert json.dumps(event.event.parts(CATEGORIES)).find(f'"{reason}"') == -1


def test_the_code_lists_are_those_of_the_published_standard(standards: Path, xsd_dir: Path) -> None:
    lists = standards / "iwmo_ijw" / "codelijsten" / "iwmo"

    def codes(name: str) -> set[str]:
        table = json.loads((lists / name).read_text("utf-8"))
        return {row[table["sleutel"]] for row in table["codes"]}

    assert set(ENDINGS) == codes("WMO588_Reden_beeindiging.json")
    assert CHANGES | {"01"} == codes("WMO002_Reden_wijziging_toewijzing.json")
    messages = json.loads((lists / "COD002VEKTIS_Berichtcode.json").read_text("utf-8"))["codes"]
    assert {(f"WMO{message.number}", message.code) for message in MESSAGES.values()} <= {
        (row["Bericht"], row["Code"]) for row in messages
    }


def test_the_places_of_the_reader_are_those_of_the_official_xsd(xsd_dir: Path) -> None:
    xs = "{http://www.w3.org/2001/XMLSchema}"
    for message in MESSAGES.values():
        tree = etree.parse(str(xsd_dir / f"WMO{message.number}.xsd"))
        types = {kind.get("name"): kind.find(f"{xs}sequence") for kind in tree.getroot().iter(f"{xs}complexType")}
        for name, model in (("Client", message.client), (message.product, message.model)):
            sequence = types[name]
            assert sequence is not None
            official = [(each.get("name"), each.get("minOccurs") != "0") for each in sequence.iter(f"{xs}element")]
            assert [(child.name, child.required) for child in model] == official


def test_real_messages_are_read_or_refused_with_a_reason(iwmo: IwmoReader, refuses: Refuses, standards: Path) -> None:
    read = []
    for entry in json.loads((standards / "MANIFEST.json").read_text("utf-8"))["examples"]:
        if entry["area"] != "iwmo_ijw" or entry["kind"] != "iStandaard XML":
            continue
        path = standards / Path(entry["file"]).relative_to("shared/standards")
        if path.name in ("WMO305.xml", "WMO307.xml"):
            assert entry["valid"]
            read.append([event.event.kind for event in iwmo.read(path.read_bytes())])
        else:
            assert refuses(iwmo, path.read_bytes()) == (Fault("/Bericht", Keyword.VOCABULARY),)
    assert read == [[Kind.GESTART] * 2, [Kind.BEEINDIGD] * 2]


def test_one_changed_date_in_a_real_message_is_refused(iwmo: IwmoReader, refuses: Refuses, standards: Path) -> None:
    data = (standards / "iwmo_ijw" / "examples" / "iwmo-3.2" / "WMO305.xml").read_bytes()
    faults = refuses(iwmo, data.replace(b"<wmo305:Begindatum>2025-04-04", b"<wmo305:Begindatum>2025-06-31"))
    assert faults == (Fault("/Bericht/Client/StartProducten/StartProduct[2]/Begindatum", Keyword.DATE, "0001"),)


# Every value of the maximal message that may become part of an object.
ALLOWED = {
    "999900018": "Bsn",
    "9991": "Afzender",
    "98765401": "Ontvanger",
    "410002": "ToewijzingNummer",
    "410003": "ToewijzingNummer",
    "2026-02-18": "Toewijzingsdatum",
    "2026-02-19": "Toewijzingsdatum",
    "2026-03-01": "Ingangsdatum",
    "2026-03-02": "Ingangsdatum",
    "2027-02-28": "Einddatum",
    "04": "RedenWijziging",
}


def test_canary_of_a_maximal_message_only_the_allowed_values_come_out(iwmo: IwmoReader) -> None:
    path = VALID / "301_maximaal.xml"
    leaves = [leaf for leaf in etree.parse(str(path)).getroot().iter() if len(leaf) == 0]
    values = {(etree.QName(leaf).localname, leaf.text or "") for leaf in leaves}
    assert len(values) > 50
    events = iwmo.read(path.read_bytes())
    out = everything_in(events)
    carried = {text for name, text in values if ALLOWED.get(text) == name}
    assert carried == set(ALLOWED)
    assert out >= set(ALLOWED)
    stays = {text for _, text in values} - set(ALLOWED)
    assert not stays & out
    long = {text for text in stays if len(text) > 3}
    assert long
    shown = repr(events) + "".join(out)
    assert not [text for text in long if text in shown]
    # What a log line would show has no number of a person or a case either.
    assert not [number for number in ("999900018", "410002", "410003") if number in repr(events)]


@pytest.mark.parametrize("name", ["301_maximaal.xml", "305_gestart.xml", "307_tijdelijk.xml"])
def test_a_message_cut_off_at_any_byte_is_refused_and_nothing_else_happens(refuses: Refuses, name: str) -> None:
    reader, data = IwmoReader(FormatConfig()), (VALID / name).read_bytes().rstrip()
    for end in range(len(data)):
        refuses(reader, data[:end])


def test_a_message_of_more_than_a_mebibyte_is_refused_unparsed(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"</m:Bericht>", b"<!--" + b"x" * 1024 * 1024 + b"--></m:Bericht>")
    assert refuses(iwmo, data) == (Fault("/", Keyword.TOO_LARGE),)


def test_a_crowd_of_wrong_products_gives_at_most_a_hundred_faults(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"</m:StartProducten>", b"<m:StartProduct/>" * 20_000 + b"</m:StartProducten>")
    assert len(refuses(iwmo, data)) <= 200


def test_comments_and_cdata_inside_a_value_do_not_cut_it_in_two(iwmo: IwmoReader) -> None:
    plain = START.read_bytes()
    split = plain.replace(b">999900006<", b">9999<!-- x --><?x y?><![CDATA[00006]]><")
    assert split != plain
    assert iwmo.read(split) == iwmo.read(plain)


def test_the_same_product_removed_and_delivered_again_has_one_identity_and_is_called_back_first(
    iwmo: IwmoReader,
) -> None:
    product = re.search(rb" *<m:StartProduct>.*</m:StartProduct>\n", START.read_bytes(), re.DOTALL)
    assert product is not None
    removal = product[0].replace(b"<m:StatusAanlevering>1<", b"<m:StatusAanlevering>3<")
    first, second = iwmo.read(START.read_bytes().replace(product[0], product[0] + removal))
    assert (first.retracts, second.retracts) == (True, False)
    assert first.identity == second.identity


def test_an_allocation_until_the_year_9999_has_no_end(iwmo: IwmoReader) -> None:
    data = (VALID / "301_toegewezen.xml").read_bytes()
    (event,) = iwmo.read(data.replace(b"2027-02-28", b"9999-12-31"))
    assert event.allocation is not None
    assert event.allocation.end is None
    assert "9999-12-31" in event.identity


def test_the_product_code_makes_no_difference_to_any_event(iwmo: IwmoReader) -> None:
    other = START.read_bytes().replace(b"07B31", b"07B99").replace(b">07<", b">02<")
    assert iwmo.read(other) == iwmo.read(START.read_bytes())


def test_a_prefix_that_is_a_name_does_not_reach_a_fault(iwmo: IwmoReader, refuses: Refuses) -> None:
    data = START.read_bytes().replace(b"m:", b"Wiebrechtje:").replace(b"xmlns:m=", b"xmlns:Wiebrechtje=")
    broken = data.replace(b"<Wiebrechtje:Geslacht>2<", b"<Wiebrechtje:Geslacht>Zandlopersma<").replace(
        b">98765401<", b"><"
    )
    faults = refuses(iwmo, broken)
    assert "Wiebrechtje" not in str(faults)
    assert faults[0] == Fault("/Bericht/Header/Afzender", Keyword.PATTERN)


def test_with_official_xsds_a_wrong_code_in_a_part_that_is_not_read_is_refused_too(
    refuses: Refuses, xsd_dir: Path
) -> None:
    reader = IwmoReader(FormatConfig(xsd_dir=xsd_dir))
    data = START.read_bytes()
    assert refuses(reader, data.replace(b"<m:Geslacht>2<", b"<m:Geslacht>7<")) == (
        Fault("/Bericht/Client/Geslacht", Keyword.CODE_LIST),
    )
    assert refuses(reader, data.replace(b"<b:Code>07B31<", b"<b:Code>07B31TELANG<")) == (
        Fault("/Bericht/Client/StartProducten/StartProduct[1]/Product/Code", Keyword.PATTERN),
    )
    assert refuses(reader, data.replace(b"Voornamen", b"Roepnaam")) == (Fault("/Bericht/Client/Naam/*", Keyword.ORDER),)


def test_a_folder_without_the_official_xsds_is_named_when_the_reader_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^WMO301\.xsd is missing or is not a schema$"):
        IwmoReader(FormatConfig(xsd_dir=tmp_path))


def _mutants(paths: list[Path]) -> st.SearchStrategy[bytes]:
    """A valid message with a few places cut, doubled or overwritten."""
    sources = st.sampled_from([path.read_bytes() for path in paths])
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

    return st.builds(mutate, sources, edits)


@given(data=_mutants(sorted(VALID.glob("*.xml"))))
@BUDGET
def test_a_damaged_message_is_read_or_refused_and_never_anything_else(
    iwmo: IwmoReader, reads_or_refuses: Attempts, data: bytes
) -> None:
    reads_or_refuses(iwmo, data)


@given(data=st.binary(max_size=300))
@BUDGET
def test_any_bytes_are_refused_cleanly(iwmo: IwmoReader, refuses: Refuses, data: bytes) -> None:
    refuses(iwmo, data)


_TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    st.sampled_from(
        ["1", "2", "3", "9", "19", "2026-03-01", "2027-02-30", "410001", "999900006", " ", "+5", "-0", "0x1"]
    ),
)


@given(place=st.integers(0, 200), text=_TEXT)
@BUDGET
def test_what_our_own_checks_take_the_official_xsd_takes_in_all_that_is_read(
    xsd_dir: Path, reads_or_refuses: Attempts, place: int, text: str
) -> None:
    """One value replaced by any text: our reader without XSDs must never be the more generous one."""
    root = etree.parse(str(STOP)).getroot()
    unread = {"Geboortedatum", "Naam", "Product", "XsdVersie", "Identificatie", "Geslacht"}
    leaves = [
        leaf
        for leaf in root.iter()
        if len(leaf) == 0 and not unread & {etree.QName(each).localname for each in (leaf, *leaf.iterancestors())}
    ]
    leaves[place % len(leaves)].text = text
    events = reads_or_refuses(IwmoReader(FormatConfig()), etree.tostring(root, encoding="UTF-8"))
    if events is not None:
        etree.XMLSchema(file=str(xsd_dir / "WMO307.xsd")).assertValid(root)
