# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Values under a key that is taken in once: the same as the library makes of each."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.keyed import Keyed


@given(st.binary(max_size=64), st.binary(max_size=80), st.lists(st.binary(max_size=80), min_size=1, max_size=5))
def test_each_value_is_the_one_that_the_library_makes(key: bytes, begin: bytes, values: list[bytes]) -> None:
    keyed = Keyed(key, begin)
    for value in values:
        assert keyed.digest(value) == hmac.digest(key, begin + value, "sha256")


def test_a_key_that_the_standard_would_hash_first_is_not_taken() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        Keyed(bytes(65))
