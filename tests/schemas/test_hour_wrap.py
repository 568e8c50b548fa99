# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A record under a partner's key of an hour: it opens to what it was, under that key, and to nothing under any other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from schemas import api
from schemas.canonical import FrameError, encode
from schemas.envelope import LARGEST
from schemas.hour_wrap import KEY_SIZE, LARGEST_WRAPPED, HourKey, partner_key, read, unwrap, wrap

OF_HOUR = bytes(range(32))
hours, numbers = st.integers(0, 2**32 - 1), st.integers(1, 999_999)


def _key(number: int, hour: int, of_hour: bytes = OF_HOUR) -> AESGCM:
    return AESGCM(partner_key(of_hour, number, hour))


@given(st.binary(min_size=1, max_size=300), hours, numbers, st.binary(min_size=12, max_size=12))
def test_what_is_wrapped_opens_to_the_same_under_its_key_alone(
    frame: bytes, hour: int, number: int, nonce: bytes
) -> None:
    wrapped = read(wrap(frame, hour, _key(number, hour), nonce))
    assert wrapped is not None
    assert (wrapped.hour, unwrap(wrapped, _key(number, hour))) == (hour, frame)
    others = [_key(number + 1, hour), _key(number, hour ^ 1), _key(number, hour, bytes(32)), AESGCM(OF_HOUR)]
    assert [unwrap(wrapped, one) for one in others] == [None] * 4
    assert unwrap(wrapped._replace(hour=hour ^ 1), _key(number, hour)) is None


@given(st.binary(max_size=200))
def test_whatever_stands_there_is_read_or_not_and_opens_to_nothing(value: bytes) -> None:
    for raw in (value, b"\1" + value):
        wrapped = read(raw)
        assert wrapped is None or unwrap(wrapped, _key(1, wrapped.hour)) is None


def test_one_key_is_told_from_another_and_stays_what_it_is() -> None:
    keys = {partner_key(OF_HOUR, number, hour) for number in range(1, 30) for hour in range(30)}
    assert (len(keys), {len(one) for one in keys}) == (29 * 30, {KEY_SIZE})
    # HKDF-Expand (RFC 5869) by hand: one block of HMAC-SHA-256.
    expected = "2454be3aa9e5a7852e550d0e2d70c8ad42809a834492b1333cdf5948de41da87"
    assert partner_key(OF_HOUR, 12, 500_000).hex() == expected
    assert len(wrap(bytes(LARGEST), 1, _key(1, 1), bytes(12))) == LARGEST_WRAPPED


@given(hours, st.integers(1, 3_600), st.binary(min_size=32, max_size=32))
def test_the_answer_of_a_gateway_is_read_as_it_was_written(hour: int, seconds: int, key: bytes) -> None:
    assert api.read_hour_key(api.hour_key_bytes(HourKey(hour, seconds, key))) == HourKey(hour, seconds, key)
    assert api.read_hour_key(api.hour_key_bytes(None)) is None


@pytest.mark.parametrize(
    "answer",
    [[1], [1, 2], [1, 0, bytes(32)], [1, 3_601, bytes(32)], [1, 2, bytes(31)], [-1, 2, bytes(32)], [1 << 32, 2, bytes(32)],
     [True, 2, bytes(32)], [1, 2, bytes(32), 4], "key"],
)  # fmt: skip
def test_an_answer_of_another_form_is_no_key(answer: object) -> None:
    with pytest.raises(FrameError):
        api.read_hour_key(encode(answer))
