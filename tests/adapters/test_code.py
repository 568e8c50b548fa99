# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The one-time code: its form, its mistakes, and what stands for it elsewhere."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.code import CodeError, new_code, read_code
from tests.adapters.edges import GP, PROVIDER

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM = Random(7).randbytes  # noqa: S311  # must be the same in every run
CODE = new_code(GP, RANDOM)


def test_a_code_is_three_groups_of_four_and_survives_being_read_aloud() -> None:
    assert re.fullmatch(rf"[{SIGNS}]{{4}}(-[{SIGNS}]{{4}}){{2}}", CODE.text)
    for spelling in (CODE.text.lower(), CODE.text.replace("-", ""), f"  {CODE.text.replace('-', '  ')}\n"):
        assert read_code(spelling, GP).stretched == CODE.stretched
    for between in (
        "\u2013",
        "\u2212",
        ".",
        "_",
        "/",
        " \u2014 ",
        "\u00a0",
        "\u200b",
    ):  # as a word processor or scanner writes them
        assert read_code(f'"{CODE.text.replace("-", between)}."', GP).stretched == CODE.stretched
    again = CODE.text.replace("0", "o").replace("1", "l")
    assert read_code(again, GP).stretched == CODE.stretched


def test_no_wrong_sign_and_no_two_signs_that_changed_places_pass() -> None:
    signs = CODE.text.replace("-", "")
    wrong = {signs[:at] + sign + signs[at + 1 :] for at in range(len(signs)) for sign in SIGNS} - {signs}
    wrong |= {
        "".join(signs[other if one == at else at if one == other else one] for one in range(len(signs)))
        for at in range(len(signs))
        for other in range(at)
    } - {signs}
    assert len(wrong) > 372
    for text in wrong:
        with pytest.raises(CodeError, match="alle twaalf tekens"):
            read_code(text, GP)


@pytest.mark.parametrize("text", ["", "7K3M", "7K3M-QX9T-2BWF-7", "UUUU-UUUU-UUUU", "é" * 12, "٣" * 12, "A" * 10_000])
def test_what_can_be_no_code_is_said_to_be_none_without_being_repeated(text: str) -> None:
    with pytest.raises(CodeError, match="drie groepen") as refused:
        read_code(text, GP)
    assert not text or text not in str(refused.value)


@given(st.text(max_size=300) | st.text(SIGNS + "ILOU- .\u2013", max_size=24))
@settings(deadline=None)
def test_whatever_is_typed_is_a_code_or_is_said_to_be_none_without_being_repeated(text: str) -> None:
    try:
        read = read_code(text, GP)
    except CodeError as error:
        assert "code" in str(error)
        assert not [
            word for word in text.split() if len(word) > 3 and any(map(str.isdigit, word)) and word in str(error)
        ]
    else:
        assert re.fullmatch(rf"[{SIGNS}]{{4}}(-[{SIGNS}]{{4}}){{2}}", read.text)


STOP_CODE = "0af2-5e1a-aced-9443-94e7-d17b-dba9-b030-cbfa-23bb-7a4b-42e5-064a-df3d-650f-cb12-8432"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" - ", "niets ingevuld"),
        ("7K3M QX9T 2BW", "dit zijn er 11"),
        ("7K3M-QX9T-2BWFF", "dit zijn er 13"),
        ("7K3U-QX9T-2BWF", "is het een V"),
        (STOP_CODE, "lijkt een stopcode"),
    ],
)
def test_who_copies_a_code_wrongly_hears_what_to_look_at(text: str, says: str) -> None:
    with pytest.raises(CodeError, match=says) as refused:
        read_code(text, GP)
    assert "drie groepen van vier" in str(refused.value)


def test_a_code_fits_its_own_introduction_at_its_own_recipient_only() -> None:
    salt, other = RANDOM(32), RANDOM(32)
    proof = CODE.proof(salt)
    assert read_code(CODE.text, GP).fits(proof, salt)
    assert not read_code(CODE.text, GP).fits(proof, other)
    assert not read_code(CODE.text, PROVIDER).fits(proof, salt)
    assert not new_code(GP, RANDOM).fits(proof, salt)


def test_codes_differ_in_all_their_random_signs() -> None:
    drawn = [new_code(GP, RANDOM).text for _ in range(8)]
    assert len(set(drawn)) == len(drawn)
    for at in (*range(4), *range(5, 9), *range(10, 13)):
        assert len({text[at] for text in drawn}) > 3
