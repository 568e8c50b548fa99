# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Which nine digits are a BSN, held against the library that knows."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.nl import bsn

from schemas.identity import check_bsn


def _is_one(text: str) -> bool:
    try:
        return check_bsn(text) == text
    except ValueError as error:
        assert not text or text not in str(error)
        return False


@given(st.integers(0, 999_999_999).map(lambda number: f"{number:09}"))
@example("000000000")
@example("999990007")
def test_nine_digits_are_a_bsn_when_the_library_says_so(text: str) -> None:
    assert _is_one(text) == bsn.is_valid(text)


@given(st.integers(999_900_006, 999_999_990))
def test_of_every_eleven_numbers_the_library_and_we_take_the_same(number: int) -> None:
    several = [str(one) for one in range(number, number + 11)]
    assert [one for one in several if _is_one(one)] == [one for one in several if bsn.is_valid(one)]


@pytest.mark.parametrize("text", ["", "99990006", "999.900.006", " 999900006", "\u0669" * 9, "999900006\n"])
def test_what_is_not_nine_digits_is_none(text: str) -> None:
    assert not _is_one(text)
