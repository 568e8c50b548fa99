# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The file of day keys: made once, whole or not at all, destroyed for good; and that a skip can be forbidden."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.day_keys import _SLOT, _SLOTS, DayKeys, name_of
from hub.store import StoreError
from tests.servers import missing


def test_a_key_that_was_made_is_never_replaced_whoever_makes_it_again(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: DayKeys(tmp_path / "day.keys").make(range(100, 110)), range(8)))
    assert all(keys == made[0] for keys in made)
    assert DayKeys(tmp_path / "day.keys").read() == made[0]
    assert len({name_of(key) for key in made[0].values()}) == 10
    assert (tmp_path / "day.keys").stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_stands_nowhere_in_the_file(tmp_path: Path) -> None:
    file = DayKeys(tmp_path / "day.keys")
    keys = file.make([100, 101, 102])
    assert file.destroy(102) == 2
    content = (tmp_path / "day.keys").read_bytes()
    assert [day for day, key in keys.items() if key in content] == [102]
    assert (file.read(), file.destroy(102)) == ({102: keys[102]}, 0)


def test_the_key_of_a_day_that_is_not_over_is_not_written_over(tmp_path: Path) -> None:
    """A clock that jumps by months, there and back, costs no key that may still be needed."""
    file = DayKeys(tmp_path / "day.keys")
    before = file.make([100])
    for day in (100 + _SLOTS, 100 - _SLOTS):
        with pytest.raises(StoreError, match="no room for this day; is the clock right"):
            file.make([day])
    assert file.read() == before
    file.destroy(101)
    assert set(file.make([100 + _SLOTS])) == {100 + _SLOTS}


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = DayKeys(tmp_path / "day.keys")
    file.make([1])
    (tmp_path / "day.keys").chmod(mode)
    with pytest.raises(StoreError, match="run `chmod 600` on it"):
        file.read()


def test_a_place_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be written"):
        DayKeys(tmp_path / "absent" / "day.keys").make([1])


@given(cut=st.integers(0, 3 * _SLOT), noise=st.binary(max_size=8), at=st.integers(0, 3 * _SLOT))
def test_a_slot_that_is_half_written_or_damaged_holds_no_key_and_the_others_stay(
    tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("keys") / "day.keys"
    keys = DayKeys(path).make([0, 1, 2])
    content = path.read_bytes()[: 3 * _SLOT]
    damaged = bytearray(content)
    damaged[at : at + len(noise)] = noise
    path.write_bytes(bytes(damaged)[: 3 * _SLOT - cut])
    path.chmod(0o600)
    found = DayKeys(path).read()
    assert all(keys.get(day) == key for day, key in found.items())
    untouched = {
        day for day in keys if damaged[day * _SLOT : (day + 1) * _SLOT] == content[day * _SLOT : (day + 1) * _SLOT]
    }
    assert {day for day in untouched if (day + 1) * _SLOT <= 3 * _SLOT - cut} <= set(found)


def test_where_postgresql_is_required_a_skip_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_REQUIRE", "kafka,postgres")
    with pytest.raises(pytest.fail.Exception, match="install it"):
        missing("postgres", "install it")
    monkeypatch.setenv("SCHAKEL_REQUIRE", "kafka")
    with pytest.raises(pytest.skip.Exception, match="install it"):
        missing("postgres", "install it")
