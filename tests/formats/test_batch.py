# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Many messages in one file: each is found whole, a bad one spoils no other, and no more than one is held."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.formats import READERS
from adapters.formats.batch import Part, parts
from adapters.formats.native import FormatConfig, Malformed
from schemas.event import Law
from tests.formats.format_vectors import VECTORS

LARGEST = 1 << 20
XML = [path.read_bytes().strip() for path in sorted(VECTORS.glob("i*/valid/*.xml"))]
JSON = [path.read_bytes().strip() for path in sorted((VECTORS / "cloudevents" / "valid").iterdir())]


def read_in_steps(data: bytes, step: int, largest: int = LARGEST) -> list[Part]:
    """Read so many bytes at a time, wherever that cuts a message or what stands between two."""
    return list(parts(io.BytesIO(data), largest, step))


def split(data: bytes, largest: int = LARGEST) -> list[bytes | None]:
    found = list(parts(io.BytesIO(data), largest))
    assert [part.number for part in found] == list(range(1, len(found) + 1))
    return [part.data for part in found]


@pytest.mark.parametrize(
    "path",
    sorted(path for name in ("iwmo", "ijw", "cloudevents") for path in (VECTORS / name).glob("*/*.*")),
    ids=lambda path: f"{path.parts[-3]}-{path.name}",
)
def test_a_file_with_one_message_is_that_message_byte_for_byte(path: Path) -> None:
    if path.name in ("expected.json", "bericht_na_bericht.xml"):
        return
    data = path.read_bytes()
    if len(data) <= LARGEST:
        assert split(data) == [data]


@given(
    messages=st.lists(st.sampled_from(XML), min_size=2, max_size=6),
    between=st.sampled_from([b"", b"\n", b"\r\n\r\n", b"  "]),
    step=st.integers(4, 300),
)
@settings(max_examples=50, deadline=None)
def test_xml_messages_come_out_as_they_went_in_wherever_reading_cuts_them(
    messages: list[bytes], between: bytes, step: int
) -> None:
    found = read_in_steps(between.join(messages), step)
    assert [part.data for part in found] == messages


@given(messages=st.lists(st.sampled_from(JSON), min_size=2, max_size=6), step=st.integers(4, 300))
@settings(max_examples=50, deadline=None)
def test_json_values_on_lines_of_their_own_come_out_as_they_went_in(messages: list[bytes], step: int) -> None:
    found = read_in_steps(b"\n".join(messages), step)
    assert [part.data for part in found] == messages


@given(data=st.binary(max_size=400), step=st.integers(1, 50), largest=st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_split_without_an_error_and_nothing_is_lost_but_white_space(
    data: bytes, step: int, largest: int
) -> None:
    found = read_in_steps(data, step, largest)
    assert found
    assert all(part.data is None or len(part.data) <= largest for part in found)
    if all(part.data is not None for part in found):
        kept = b"".join(part.data or b"" for part in found)
        assert kept.translate(None, b" \t\r\n") == data.translate(None, b" \t\r\n")


def test_a_damaged_message_takes_no_other_with_it() -> None:
    cut = XML[0][:-20]
    assert split(b"\n".join([XML[1], cut, XML[2]])) == [XML[1], cut, XML[2]]


def test_a_message_that_is_too_large_is_counted_and_passed_over_and_the_next_one_is_there() -> None:
    large = XML[0].replace(b"?>", b"?><!--" + b"x" * LARGEST + b"-->", 1)
    assert split(b"\n".join([XML[1], large, XML[2]])) == [XML[1], None, XML[2]]
    assert split(large) == [None]
    assert split(b"\n".join([XML[1], large])) == [XML[1], None]


def test_a_declaration_inside_a_stylesheet_instruction_is_no_boundary() -> None:
    data = XML[0].replace(b"?>", b"?><?xml-stylesheet href='a'?>", 1)
    assert split(data) == [data]


def test_a_list_that_is_written_over_lines_stays_one_message() -> None:
    data = b'[\n{"a": {}\n},\n{"b": []\n}\n]'
    assert split(data) == [data]


def test_no_part_shows_what_is_in_it() -> None:
    assert repr(Part(3, b"999900006")) == "Part(number=3)"


HL7 = VECTORS / "hl7v2"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_messages_of_hl7_begin_with_their_msh_and_keep_their_last_line_end(end: bytes) -> None:
    data = (HL7 / "valid" / "veel.hl7").read_bytes().replace(b"\r", end)
    found = split(data)
    assert len(found) == 4
    assert b"".join(one or b"" for one in found) == data
    assert all(one is not None and one.startswith(b"MSH|") and one.endswith(end) for one in found)


def test_a_batch_of_hl7_that_counts_what_is_in_it_stays_one() -> None:
    data = (HL7 / "valid" / "partij.hl7").read_bytes()
    assert split(data) == [data]


def test_a_damaged_message_of_hl7_takes_no_other_with_it() -> None:
    good, bad = split((HL7 / "hostile" / "tweede_bericht_stuk.hl7").read_bytes())
    reader = READERS["hl7v2"](FormatConfig(laws={"hl7v2": Law.WMO}))
    assert good is not None
    assert bad is not None
    assert reader.read(good)
    with pytest.raises(Malformed):
        reader.read(bad)
