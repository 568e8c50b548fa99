# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Valid messages with a few things wrong: cut, doubled, renamed, moved, or with another value in any place.

`KANARIE` is a word that stands nowhere else: as a name, an attribute, a segment or a value it must never be seen again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from tests.formats.format_vectors import VECTORS

CANARY = "KANARIE"
_PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
_SPECIAL = [
    *("", " ", "0", "-1", "+5", "-0", "0x1", "1e3", "9" * 400, "1", "2", "3", "9", "true", "Nee", "null", "NaN"),
    *("2026-02-30", "20260230", "2026-13-01", "0000-00-00", "00000000", "9999-12-31", "1969-12-31", "2200-01-01"),
    *("2026-03-01", "20260301", "2026-03-01T10:00:00Z", "2026-03-01T24:00:00+25:00", "٢٠٢٦-٠٣-٠١", "2026"),
    *(
        "999900006",
        "999900018",
        "999900007",
        "99990000",
        "urn:nld:bsn:999900006",
        "http://fhir.nl/fhir/NamingSystem/bsn",
    ),
    *(
        CANARY,
        f"{CANARY} 1",
        f"urn:{CANARY}",
        "R" * 37,
        "x" * 65,
        "entered-in-error",
        "completed",
        "K'",
        '""',
        "A^B&C~D",
    ),
]
_TEXTS = st.sampled_from(_SPECIAL) | _PLAIN
_PIECES = st.sampled_from(
    [
        *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\\ud800", b"null", b"1e999", b"NaN", b'"id":1,'),
        *(b"<", b">", b"/>", b"&amp;", b"&a;", b"&#0;", b"&#x41;", b"<!--x-->", b"<?x?>", b"]]>", b"<![CDATA[x]]>"),
        *(b"<!DOCTYPE a>", b"xmlns:a='b'", b"|", b"^", b"~", b"&", b"\\E\\", b"\r", b"\n", b"\r\n", b"MSH|^~\\&|"),
        *(b"'", b"+", b"?", b"??", b"UNT+1+1'", b";", b"\t", b"\0", b"\xe9", b"\xef\xbb\xbf", b"\xff\xfe", b"99"),
        *(b"KANARIE", b"\xc3", b"\xed\xa0\x80", b"999900018", b"2027-02-30"),
    ]
)
_EDITS = st.lists(
    st.tuples(st.integers(0, 9_999), st.integers(0, 60), _PIECES | st.binary(max_size=6)), min_size=1, max_size=4
)
_CHANGES = st.lists(st.tuples(st.integers(0, 9_999), st.integers(0, 9_999), _TEXTS), min_size=1, max_size=3)
Changes = list[tuple[int, int, str]]


def mutants(name: str) -> st.SearchStrategy[bytes]:
    """Damaged bytes, or a message that is whole in its grammar and wrong in something else."""
    sources = [path.read_bytes() for path in sorted((VECTORS / name / "valid").iterdir())]
    source = st.sampled_from(sources)
    return st.one_of(
        st.builds(_damaged, source, _EDITS),
        st.builds(_changed, source, _CHANGES),
        st.builds(_changed, source, _CHANGES),
    )


def _damaged(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    return data


def _changed(data: bytes, changes: Changes) -> bytes:
    first = data.lstrip(b"\xef\xbb\xbf \r\n")[:1]
    if first == b"<":
        return _changed_xml(data, changes)
    if first in (b"{", b"["):
        return _changed_json(data, changes)
    if data.startswith(b"UN"):
        return _changed_lines(data, changes, b"'", b"+", b":")
    if data.startswith((b"MSH", b"BHS", b"FHS")):
        return _changed_lines(data, changes, b"\r", b"|", b"^")
    return _changed_lines(data, changes, b"\n", b";" if b";" in data.partition(b"\n")[0] else b",", b"-")


# -- trees of JSON ---------------------------------------------------------------------------------------------------


def _places(value: object) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where something can be put instead."""
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found.append((value, key))
        found += _places(inner)
    return found


_VALUES: list[Callable[[str], object]] = [
    lambda text: text,
    lambda text: text,
    lambda text: [text],
    lambda text: {text or "x": text},
    lambda _: None,
    lambda _: True,
    lambda text: len(text) - 3,
    lambda _: 10**15 + 0.5,
    lambda _: [],
    lambda _: {},
]


def _changed_json(data: bytes, changes: Changes) -> bytes:
    message = json.loads(data)
    doubled: list[int] = []
    for place, how, text in changes:
        places = _places(message)
        if not places:
            continue
        holder, key = places[place % len(places)]
        match how % 8:
            case 0:
                del holder[key]
            case 1:
                doubled.append(place)
            case 2 if isinstance(holder, dict):
                holder[text or CANARY] = holder.pop(key)
            case 3 if isinstance(holder, list):
                holder.append(deepcopy(holder[key]))
            case 4:
                other, name = places[how % len(places)]
                holder[key] = deepcopy(other[name])
            case _:
                holder[key] = _VALUES[how // 8 % len(_VALUES)](text)
    written = json.dumps(message, ensure_ascii=bool(changes[0][1] % 2))
    for place in doubled:  # a key that stands twice, which no dict can hold
        keys = list(re.finditer(r'"[A-Za-z_]{1,40}": ', written))
        if keys:
            found = keys[place % len(keys)]
            written = f"{written[: found.start()]}{found[0]}null, {written[found.start() :]}"
    return written.encode()


# -- trees of XML ----------------------------------------------------------------------------------------------------

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _changed_xml(data: bytes, changes: Changes) -> bytes:
    root = etree.fromstring(data)
    for place, how, raw in changes:
        text = _ILLEGAL.sub("", raw)
        elements = list(root.iter(etree.Element))
        element, other = elements[place % len(elements)], elements[how // 16 % len(elements)]
        _change(root, element, other, how % 16, text)
    return etree.tostring(root, encoding="utf-8", xml_declaration=bool(changes[0][1] % 2))


def _change(  # noqa: PLR0912  # one case for each kind of change
    root: etree._Element, element: etree._Element, other: etree._Element, how: int, text: str
) -> None:
    parent = element.getparent()
    match how:
        case 0 | 1 | 2 if len(element) == 0:
            element.text = text
        case 3 if element.attrib:
            element.set(str(next(iter(element.attrib))), text)
        case 4:
            element.set("KANARIE-kenmerk", text)
        case 5:
            element.tag = other.tag
        case 6:
            element.tag = "{urn:KANARIE}" + etree.QName(element).localname
        case 7:
            etree.SubElement(element, "KANARIE").text = text
        case 8 if parent is not None:
            parent.remove(element)
        case 9 if parent is not None:
            parent.append(deepcopy(element))
        case 10 if parent is not None:
            parent.insert(0, element)
        case 11 if other not in element.iter() and element is not root:
            other.append(deepcopy(element))
        case 12:
            element.tail = text
        case 13:
            element.insert(0, etree.Comment("KANARIE"))
        case 14 if parent is not None:
            parent.replace(element, deepcopy(other))
        case _:
            element.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")


# -- segments and lines ----------------------------------------------------------------------------------------------


def _changed_lines(data: bytes, changes: Changes, end: bytes, separator: bytes, inner: bytes) -> bytes:
    lines = data.split(end)
    for place, how, text in changes:
        written = text.encode("utf-8" if how % 2 else "latin-1", "replace")
        number = place % len(lines)
        fields = lines[number].split(separator)
        field = how // 16 % len(fields)
        match how % 16 // 2:
            case 0:
                del lines[number]
                lines = lines or [b""]
            case 1:
                lines.insert(how // 16 % len(lines), lines[number])
            case 2:
                lines[number] = separator.join([*fields[:field], written, *fields[field:]])
            case 3:
                lines[number] = separator.join(fields[:field])
            case 4:
                parts = fields[field].split(inner)
                parts[how // 64 % len(parts)] = written
                lines[number] = separator.join([*fields[:field], inner.join(parts), *fields[field + 1 :]])
            case _:
                lines[number] = separator.join([*fields[:field], written, *fields[field + 1 :]])
    return end.join(lines)
