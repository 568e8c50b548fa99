# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The signature under a rule table counts for one table, one key and the days it names; nothing else opens it."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.signed_table import (
    LONGEST_DAYS,
    KeyLineError,
    Signed,
    UnsignedError,
    Why,
    is_line,
    open_signature,
    parse_signer,
    sign_table,
    signer,
)
from schemas.calendar import parse_date

DAY = parse_date("2026-11-28")
TABLE = bytes(range(32))
BY = signer("fg.voorbeeldstad", b"\7" * 32)
KEY = (BY.name, BY.key.public)
SIGNED = Signed(TABLE, "Gemeente Voorbeeldstad", "J. Jansen, FG", DAY, DAY + 365)
NOTE = sign_table(SIGNED, BY)


def _why(note: bytes, key: tuple[str, bytes] = KEY, table: bytes = TABLE, day: int = DAY) -> Why:
    with pytest.raises(UnsignedError) as caught:
        open_signature(note, key, table, day)
    return caught.value.why


def test_what_was_signed_is_what_is_read() -> None:
    assert open_signature(NOTE.encode(), KEY, TABLE, DAY) == SIGNED
    assert NOTE.split("\n")[:6] == [
        "schakel rule table v1",
        TABLE.hex(),
        "Gemeente Voorbeeldstad",
        "J. Jansen, FG",
        "2026-11-28",
        "2027-11-28",
    ]


def test_a_signature_counts_from_its_day_to_its_last_day_both_included() -> None:
    assert open_signature(NOTE.encode(), KEY, TABLE, SIGNED.until).until == SIGNED.until
    assert _why(NOTE.encode(), day=SIGNED.until + 1) is Why.OVER
    assert _why(NOTE.encode(), day=DAY - 1) is Why.NOT_YET


def test_a_signature_is_of_one_table_and_one_key() -> None:
    other = signer("fg.voorbeeldstad", b"\x08" * 32)
    renamed = signer("fg.elders", b"\7" * 32)

    assert _why(NOTE.encode(), table=bytes(32)) is Why.OTHER_TABLE
    assert _why(NOTE.encode(), (other.name, other.key.public)) is Why.NOT_SIGNED
    assert _why(NOTE.encode(), (renamed.name, renamed.key.public)) is Why.NOT_SIGNED


def test_nobody_signs_for_longer_than_three_years_or_for_days_that_are_over() -> None:
    for until in (DAY - 1, DAY + LONGEST_DAYS + 1):
        with pytest.raises(UnsignedError):
            sign_table(SIGNED._replace(until=until), BY)
    longest = SIGNED._replace(until=DAY + LONGEST_DAYS)
    assert open_signature(sign_table(longest, BY).encode(), KEY, TABLE, DAY) == longest


@pytest.mark.parametrize("text", [NOTE.splitlines()[1], "example.nl/log/1\n3\n" + b64encode(bytes(32)).decode() + "\n"])
def test_a_note_with_another_text_that_this_key_signed_is_no_signature_of_a_table(text: str) -> None:
    """Such as a checkpoint of a log, when somebody uses one key for both."""
    said = text if text.endswith("\n") else text + "\n"
    from schemas.note import key_id  # noqa: PLC0415

    blob = b64encode(key_id(BY.name, BY.key.public) + BY.key.sign(said.encode())).decode()
    assert _why(f"{said}\n\u2014 {BY.name} {blob}\n".encode()) is Why.NOT_SIGNED


@pytest.mark.parametrize("words", ["", "x", "a\nb", " links", "y" * 121, "tab\tteken"])
def test_a_name_that_is_no_line_is_not_signed(words: str) -> None:
    assert not is_line(words)
    with pytest.raises(ValueError, match="one line"):
        sign_table(SIGNED._replace(name=words), BY)
    with pytest.raises(ValueError, match="one line"):
        sign_table(SIGNED._replace(municipality=words), BY)


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_signature_with_one_byte_changed_never_opens(place: int, turned: int) -> None:
    raw = bytearray(NOTE.encode())
    raw[place] ^= turned

    assert _why(bytes(raw)) is Why.NOT_SIGNED


@given(st.binary(max_size=5000) | st.text(max_size=300).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_whatever_else_is_in_the_file_is_no_signature(raw: bytes) -> None:
    assert _why(raw) is Why.NOT_SIGNED


def test_a_key_is_one_line_that_comes_back_as_it_was() -> None:
    again = parse_signer(BY.line + "\n")

    assert (again.name, again.key.seed) == (BY.name, BY.key.seed)


@pytest.mark.parametrize(
    "line", ["", "PRIVATE+KEY+", BY.line[:-4], BY.line.replace("fg", "gf"), "ab" * 32, BY.line.replace("PRIVATE", "P")]
)
def test_a_line_that_is_no_key_is_refused_without_repeating_it(line: str) -> None:
    with pytest.raises(KeyLineError) as caught:
        parse_signer(line)
    assert line[-16:] not in str(caught.value) or len(line) < 16


@pytest.mark.parametrize("name", ["", "met spatie", "met+plus"])
def test_a_key_has_a_name_that_can_stand_in_a_note(name: str) -> None:
    with pytest.raises(KeyLineError):
        signer(name, bytes(32))
