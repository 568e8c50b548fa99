# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a message may look like, also where nobody reads it: our own tables beside the published schemas, place by place."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats import READERS
from adapters.formats.native import FormatConfig, Keyword, Malformed
from adapters.formats.suwi_forms import form
from adapters.formats.xml_shape import hold_to, shape
from adapters.formats.xml_strict import Node, Walk, parse
from schemas.event import Kind, Law
from tests.formats.format_vectors import VECTORS
from tests.formats.test_suwi import schema_of

CONFIG = FormatConfig(
    cloudevent_types={f"suwi:beslissing:{code:02}": (Kind.TOEGEWEZEN, Law.SUWI) for code in range(100)}
)
# What a schema can't say, or says in words outside it: a valid message may be refused for these.
BEYOND = {
    *(Keyword.ELEVEN_TEST, Keyword.DATE, Keyword.DATE_ORDER, Keyword.SOURCE_FAULT, Keyword.NOT_ENTITLED),
    *(Keyword.CODE_LIST, Keyword.NOT_PERMITTED, Keyword.NO_EVENT, Keyword.VOCABULARY, Keyword.VERSION),
}
BEYOND_AT = {"leerlingid": {Keyword.MISSING}, "categorie_uitlevering": {Keyword.MISSING}}
VALUES = [
    *("", " ", "x", "KANARIE", "é", "K1", "J.", ".", "ABCDEFG", "7", "77", "007", "+7", "-7", " 7 ", "7.5", "7,5", "٣"),
    *("7" * 4, "7" * 5, "7" * 9, "7" * 10, "7" * 11, "7" * 15, "7" * 16, "7" * 19, "x" * 36, "x" * 41, "x" * 281),
    *(
        "x" * 1025,
        "x" * 1501,
        "20260230",
        "20261301",
        "00000000",
        "20260000",
        "2026-02-28",
        "2026-02-30",
        "2026-07-31Z",
    ),
    *("2026-02-28+14:30", "true", "TRUE", "1234AB", "1234 AB", "0234AB", "99ZZ", "99zz", "1259", "1299", "2026-2027"),
]
MESSAGES = {
    "oso": ["kanarie.xml"],
    "suwi": ["kanarie.xml", "kanarie_bijstand.xml", "kanarie_reintegratie.xml", "kanarie_status.xml"],
}
CASES = [(name, file) for name, files in MESSAGES.items() for file in files]


def xsd_of(standards: Path, name: str, root: etree._Element) -> etree.XMLSchema:
    if name == "oso":
        return etree.XMLSchema(file=str(standards / "education" / "oso-2019.1" / "OSO_gegevensset.xsd"))
    return etree.XMLSchema(file=str(schema_of(standards / "suwi", etree.QName(root).localname)))


def changed(root: etree._Element) -> Iterator[tuple[str, bytes]]:
    """The message with one thing otherwise, in every place: its value, that it is there, how often, where, and as what."""
    for number, there in enumerate(root.iter()):
        # Every fifth value, so that the many places of one form have them all between them.
        for what in [*([] if len(there) else VALUES[number % 5 :: 5]), *_HOW]:
            copy = deepcopy(root)
            place = list(copy.iter())[number]
            if what not in _HOW:
                place.text = what
            elif place is not copy:
                _HOW[what](place)
            yield f"{place.tag} {what}", etree.tostring(copy, encoding="utf-8")


def _remove(place: etree._Element) -> None:
    place.getparent().remove(place)  # type: ignore[union-attr]


def _double(place: etree._Element) -> None:
    place.addnext(deepcopy(place))


def _rename(place: etree._Element) -> None:
    place.tag = f"{place.tag!s}_"


def _first(place: etree._Element) -> None:
    place.getparent().insert(0, place)  # type: ignore[union-attr]


def _no_namespace(place: etree._Element) -> None:
    place.tag = etree.QName(place).localname if "}" in str(place.tag) else "{urn:KANARIE}" + str(place.tag)


def _say_between(place: etree._Element) -> None:
    place.tail = "KANARIE"


_HOW = {
    "is not there": _remove,
    "is there twice": _double,
    "has another name": _rename,
    "stands first": _first,
    "is of another namespace": _no_namespace,
    "has words behind it": _say_between,
    "has an attribute": lambda place: place.set("KANARIE", "x"),
}


@pytest.mark.parametrize(("name", "file"), CASES)
def test_in_every_place_what_the_published_schema_refuses_is_refused_and_what_it_takes_is_taken(
    standards: Path, name: str, file: str
) -> None:
    root = etree.fromstring((VECTORS / name / "valid" / file).read_bytes(), etree.XMLParser(remove_blank_text=True))
    schema, reader = xsd_of(standards, name, root), READERS[name](CONFIG)
    assert schema.validate(root)
    counts = {(valid, read): 0 for valid in (True, False) for read in (True, False)}
    for what, message in changed(root):
        valid = schema.validate(etree.fromstring(message))
        try:
            reader.read(message)
        except Malformed as refused:
            counts[valid, False] += 1
            if valid:
                odd = [
                    str(one)
                    for one in refused.faults
                    if one.keyword not in BEYOND | BEYOND_AT.get(one.path.rpartition("/")[2], set())
                ]
                assert not [one for one in odd if not _stricter(one)], what
            assert "KANARIE" not in str(refused)
        else:
            counts[valid, True] += 1
            assert valid, what
    assert counts[True, True] > 50
    assert counts[False, False] > 50


def _stricter(fault: str) -> bool:
    """Where we ask more than the schema, and say so in the documentation: digits are those of ASCII, a number of the school fits."""
    return fault.endswith(
        (
            *("Burgerservicenr: pattern", "CdPartijSuwi: pattern", "CdBeslissingOpAanvraagUitkering: pattern"),
            *("leerlingid: pattern", "standaardversie: pattern", "overstap: pattern"),
        )
    )


def faults(text: str, xml: bytes, **inside: object) -> list[str]:
    walk = Walk()
    hold_to(shape(text, form, inside), Node(parse(xml, 1000), ""), walk)  # type: ignore[arg-type]
    return [str(fault) for fault in walk.faults]


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        (b"<r><a>1</a><d>x</d></r>", []),
        (b"<r><b>1</b><c>2</c><c>3</c><d>x</d><d>y</d></r>", []),
        (b"<r><d>x</d></r>", ["/a: missing"]),
        (b"<r><a>1</a><b>2</b><c>3</c><d>x</d></r>", ["/b: unexpected", "/c[1]: unexpected"]),
        (b"<r><b>1</b><d>x</d></r>", [": order"]),
        (b"<r><a>1</a></r>", ["/d: missing"]),
        (b"<r><a>1</a><d>x</d><e/></r>", ["/*: unexpected"]),
        (b"<r><a>11</a><d>x</d></r>", ["/a: pattern"]),
        (b"<r><a>1</a><d>x<e/></d></r>", ["/d[1]/*: unexpected"]),
        (b"<r><a>1</a> x <d>x</d></r>", [": unexpected"]),
    ],
)
def test_a_group_of_alternatives_says_which_of_two_is_too_much_or_that_one_is_missing(
    xml: bytes, found: list[str]
) -> None:
    assert faults("(a:d1 | b:d1 c+:d1) d+:x1", xml) == found


def test_a_group_that_comes_again_is_whole_each_time() -> None:
    rows: Mapping[bytes, list[str]] = {
        b"<r><n>x</n><s>1</s><n>y</n><s>2</s><s>3</s></r>": [],
        b"<r><n>x</n><n>y</n><s>2</s></r>": [": order"],
        b"<r></r>": ["/n: missing", "/s: missing"],
    }
    for xml, found in rows.items():
        assert faults("(n:x1 s+:d1)+", xml) == found
