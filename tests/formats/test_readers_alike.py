# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What every reader owes whoever feeds it: these events, this refusal, no crash, no hang, no value of the message."""

import json
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.formats import READERS
from adapters.formats.native import Fault, FormatConfig, NativeEvent, Reader
from schemas.event import CATEGORIES
from tests.formats.format_vectors import MORE_TYPES, VECTORS, everything_in, hostile, valid

Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
# `make fuzz` gives each ten times as many: with two properties per format that is ten thousand messages.
BUDGET = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CONFIG = FormatConfig(cloudevent_types=MORE_TYPES)


@dataclass(frozen=True, slots=True)
class Sample:
    """A message to damage, and one with a canary in every field: what may come out of that one, and nothing else."""

    damaged: str
    canary: str
    allowed: frozenset[str]


SAMPLES: Mapping[str, Sample] = {
    "zgw": Sample(
        "status_gemeld.json",
        "kanarie.json",
        frozenset(
            {
                "999900006",
                "urn:nld:rsin:999990019",
                "ZAAK-2026-0042",
                "https://zaken.voorbeeldgemeente.example/api/v1/statussen/1",
                "https://zaken.voorbeeldgemeente.example/api/v1/zaken/0d1e4e6a-0001-4000-8000-000000000001",
                "wmo",
                "in-onderzoek",
                "zgw",
            }
        ),
    ),
    "corv": Sample(
        "reeks.json",
        "kanarie.json",
        frozenset(
            {
                "kan-1",
                "urn:nld:oin:00000004123456789000:systeem:casus",
                "ZVH-2026-42",
                "jeugdwet",
                "actie-belegd",
                "corv",
            }
        ),
    ),
    "team": Sample(
        "meldingen.json",
        "kanarie.json",
        frozenset(
            {
                "team",
                "urn:nld:oin:00000001234567890000:systeem:team",
                "m-1",
                "beeindigd",
                "verhuisd",
                "jeugdwet",
                "B-2026-1",
                "999900006",
                "CL-1",
            }
        ),
    ),
    "school": Sample(
        "meldingen.json",
        "kanarie.json",
        frozenset({"school", "urn:schakel:brin:99ZZ00", "k-1", "beeindigd", "volgens-plan", "onderwijs", "LL-17"}),
    ),
    "oso": Sample(
        "opp_arrangement_tlv.xml",
        "kanarie.xml",
        frozenset({"oso", "urn:schakel:brin:99ZZ00", "LL-17", "toegewezen", "onderwijs", "tlv", "2025-08-01"}),
    ),
    "suwi": Sample(
        "status.xml",
        "kanarie.xml",
        frozenset(
            {
                "suwi",
                "suwi werkbedrijf",
                "werkbedrijf",
                "urn:suwi:12:0001",
                "999900006",
                "aangemeld",
                "2026-01-05",
            }
        ),
    ),
}
NAMES = sorted(SAMPLES)


def each(vectors: Callable[[str], list[Any]]) -> list[Any]:
    return [pytest.param(name, *case.values, id=f"{name}-{case.id}") for name in NAMES for case in vectors(name)]


def reader_of(name: str) -> Reader:
    return READERS[name](CONFIG)


def sample_of(name: str) -> bytes:
    return (VECTORS / name / "valid" / SAMPLES[name].damaged).read_bytes().rstrip()


def in_words(event: NativeEvent) -> dict[str, object]:
    return {
        "parts": event.event.parts(CATEGORIES),
        "bsn": event.citizen.bsn,
        "own_number": event.citizen.own_number,
        "sender": event.sender,
        "identity": list(event.identity),
        "retracts": event.retracts,
    }


@pytest.mark.parametrize(("name", "path", "events"), each(valid))
def test_a_valid_message_gives_these_events(name: str, path: Path, events: list[object]) -> None:
    assert [in_words(event) for event in reader_of(name).read(path.read_bytes())] == events


@pytest.mark.parametrize(("name", "path", "fault"), each(hostile))
def test_a_hostile_message_is_refused_with_its_path_and_keyword(
    refuses: Refuses, name: str, path: Path, fault: dict[str, str]
) -> None:
    assert refuses(reader_of(name), path.read_bytes())[0] == Fault(fault["path"], fault["keyword"], fault.get("code"))


@pytest.mark.parametrize("name", NAMES)
def test_canary_of_a_message_with_every_field_only_the_allowed_values_come_out(name: str) -> None:
    sample = SAMPLES[name]
    events = reader_of(name).read((VECTORS / name / "valid" / sample.canary).read_bytes())
    days = {str(event.event.day) for event in events}
    assert everything_in(events) == sample.allowed | days | {"False"}
    shown = repr(events) + repr(everything_in(events))
    assert "anarie" not in shown.lower().replace("kanarie-nummer", "")
    assert not [event.citizen.bsn for event in events if event.citizen.bsn and event.citizen.bsn in repr(event)]


@pytest.mark.parametrize("name", NAMES)
def test_a_message_cut_off_at_any_byte_is_refused_and_nothing_else_happens(refuses: Refuses, name: str) -> None:
    data, reader = sample_of(name), reader_of(name)
    for end in range(len(data)):
        refuses(reader, data[:end])


@pytest.mark.parametrize("name", NAMES)
def test_a_message_in_another_encoding_is_refused(refuses: Refuses, name: str) -> None:
    text = sample_of(name).decode("utf-8-sig")
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        refuses(reader_of(name), text.encode(encoding))
    refuses(reader_of(name), sample_of(name) + b"\xe9")


@pytest.mark.parametrize("name", NAMES)
def test_a_mebibyte_of_filler_is_read_or_refused_in_linear_time(reads_or_refuses: Attempts, name: str) -> None:
    reader = reader_of(name)
    for filler in (b'"', b'\\"', b"[]", b"{", b"<a>", b";", b",", b"\n", b"a" * 97 + b"\r\n"):
        for head in (b"", sample_of(name)):
            began = time.process_time()
            reads_or_refuses(reader, (head + filler * (1 << 20))[: 1 << 20])
            assert time.process_time() - began < 10  # quadratic would take minutes


_PIECES = st.sampled_from(
    [
        b'"',
        b"{",
        b"]",
        b"\\u0000",
        b"null",
        b"1e999",
        b'"id":1,',
        b"<",
        b"/>",
        b"&a;",
        b"<!--x-->",
        b";",
        b"\r\n",
        b"99",
    ]
)
_EDITS = st.lists(
    st.tuples(st.integers(0, 9_000), st.integers(0, 40), st.binary(max_size=6) | _PIECES), min_size=1, max_size=4
)


@pytest.mark.parametrize("name", NAMES)
@given(edits=_EDITS)
@BUDGET
def test_a_damaged_message_is_read_or_refused_and_never_anything_else(
    reads_or_refuses: Attempts, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = sample_of(name)
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    reads_or_refuses(reader_of(name), data)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.just("2026-02-30"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def _places(value: object) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where something can be put instead."""
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found.append((value, key))
        found += _places(inner)
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if SAMPLES[name].damaged.endswith(".json")])
@given(place=st.integers(0, 10_000), value=_VALUES, drop=st.booleans())
@BUDGET
def test_any_value_in_any_place_is_read_or_refused(
    reads_or_refuses: Attempts, name: str, place: int, value: object, *, drop: bool
) -> None:
    message = json.loads(sample_of(name))
    places = _places(message)
    holder, key = places[place % len(places)]
    if drop:
        del holder[key]
    else:
        holder[key] = value
    reads_or_refuses(reader_of(name), json.dumps(message).encode())


def _change(root: etree._Element, place: int, how: str, text: str) -> None:
    """One change to one element of a tree."""
    elements = list(root.iter())
    element, other = elements[place % len(elements)], elements[(place // 7) % len(elements)]
    parent = element.getparent()
    if how == "text":
        element.text = text
    elif how == "attribute":
        element.set("x", text)
    elif how == "rename":
        element.tag = other.tag
    elif parent is not None and how == "drop":
        parent.remove(element)
    elif parent is not None and how == "twice":
        parent.append(deepcopy(element))
    elif how == "graft" and other not in element.iter() and element is not root:
        other.append(deepcopy(element))


_XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20) | st.sampled_from(
    ["2026-02-30", "20260230", "00000000", "-1", "9" * 400, " ", "Nee", "true", "999900006"]
)
_XML_CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10_000), st.sampled_from(["text", "attribute", "rename", "drop", "twice", "graft"]), _XML_TEXT
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("name", [name for name in NAMES if SAMPLES[name].damaged.endswith(".xml")])
@given(changes=_XML_CHANGES)
@BUDGET
def test_any_change_to_a_tree_is_read_or_refused(
    reads_or_refuses: Attempts, name: str, changes: list[tuple[int, str, str]]
) -> None:
    root = etree.fromstring(sample_of(name))
    for place, how, text in changes:
        _change(root, place, how, text)
    reads_or_refuses(reader_of(name), etree.tostring(root, encoding="utf-8"))
