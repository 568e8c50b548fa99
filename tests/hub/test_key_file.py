# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The key file: slots that are written and zeroed durably, swept at the start."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import key_file
from hub.key_file import KeyFile


def _key(number: int) -> bytes:
    return hashlib.sha256(b"key %d" % number).digest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    key_file.create(made)
    return made


def _reopened(keys: KeyFile, path: Path, used: Iterable[int]) -> KeyFile:
    keys.close()
    return KeyFile(path, used)


def test_a_key_file_is_the_owners_alone_and_never_made_twice(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError, match="keys"):
        key_file.create(path)


def test_a_key_file_readable_by_others_is_closed_to_them_when_opened(path: Path) -> None:
    path.chmod(0o644)
    KeyFile(path, []).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_is_not_there_is_not_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        KeyFile(tmp_path / "absent", [])
    assert list(tmp_path.iterdir()) == []


def test_a_written_key_is_read_back_also_after_opening_again(path: Path) -> None:
    keys = KeyFile(path, [])
    slots = keys.write([_key(number) for number in range(300)])
    assert len(set(slots)) == 300
    keys = _reopened(keys, path, slots)
    assert [keys.read(slot) for slot in slots] == [_key(number) for number in range(300)]
    keys.close()


def test_a_zeroed_slot_holds_no_key_and_leaves_nothing_in_the_file(path: Path) -> None:
    keys = KeyFile(path, [])
    slots = keys.write([_key(number) for number in range(9)])
    keys.zero(slots[::2])
    assert [keys.read(slot) for slot in slots] == [None if n % 2 == 0 else _key(n) for n in range(9)]
    content = path.read_bytes()
    assert [n for n in range(9) if _key(n) in content] == [1, 3, 5, 7]
    keys.close()


def test_a_freed_slot_is_used_again_so_that_the_file_does_not_grow(path: Path) -> None:
    keys = KeyFile(path, [])
    keys.zero(keys.write([_key(number) for number in range(3_000)]))
    size = path.stat().st_size
    for _ in range(5):
        keys.zero(keys.write([_key(number) for number in range(3_000)]))
    assert path.stat().st_size == size
    keys.close()


def test_the_file_grows_when_every_slot_is_in_use(path: Path) -> None:
    keys = KeyFile(path, [])
    slots = keys.write([_key(number) for number in range(10_000)])
    assert len(set(slots)) == 10_000
    assert path.stat().st_size == 3 * 4096 * 32
    assert all(keys.read(slot) == _key(number) for number, slot in enumerate(slots))
    keys.close()


def test_opening_zeroes_a_key_that_nobody_names(path: Path) -> None:
    keys = KeyFile(path, [])
    slots = keys.write([_key(number) for number in range(5)])
    keys = _reopened(keys, path, slots[1:3])
    assert [keys.read(slot) for slot in slots] == [None, _key(1), _key(2), None, None]
    assert _key(0) not in path.read_bytes()
    assert set(keys.write([_key(9)])).isdisjoint(slots[1:3])
    keys.close()


@pytest.mark.parametrize("left", [0, 1, 31, 32, 70])
def test_a_file_shorter_than_its_store_has_lost_keys_but_gives_no_slot_twice(path: Path, left: int) -> None:
    keys = KeyFile(path, [])
    slots = keys.write([_key(number) for number in range(5)])
    keys.close()
    with path.open("r+b") as file:
        file.truncate(left)
    keys = KeyFile(path, slots)
    assert [keys.read(slot) for slot in slots] == [_key(n) if (n + 1) * 32 <= left else None for n in range(5)]
    assert set(keys.write([_key(9), _key(10)])).isdisjoint(slots)
    keys.close()


def test_a_link_in_the_place_of_the_key_file_is_refused(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="link"):
        KeyFile(link, [])


def test_every_durable_write_is_told_before_and_after(path: Path) -> None:
    told: list[str] = []
    keys = KeyFile(path, [], told.append)
    slots = keys.write([_key(1)])
    keys.zero(slots)
    keys.zero([])
    keys.write([_key(2)])
    keys.close()
    KeyFile(path, [], told.append).close()
    assert told == [
        *("keys:before", "keys:after", "zero:before", "zero:after", "keys:before", "keys:after"),
        *("sweep:before", "sweep:after"),
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.one_of(st.integers(1, 60), st.tuples(st.integers(0, 200), st.integers(1, 30)), st.none())))
def test_slots_named_and_keys_in_the_file_stay_the_same_through_any_use(
    tmp_path_factory: pytest.TempPathFactory, moves: list[int | tuple[int, int] | None]
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys"
    key_file.create(path)
    keys, named, count = KeyFile(path, []), dict[int, bytes](), 0
    for move in moves:
        if move is None:
            keys = _reopened(keys, path, named)
        elif isinstance(move, int):
            fresh = [_key(count + number) for number in range(move)]
            count += move
            slots = keys.write(fresh)
            assert not named.keys() & set(slots)
            named |= dict(zip(slots, fresh, strict=True))
        else:
            gone = sorted(named)[move[0] : move[0] + move[1]]
            keys.zero(gone)
            for slot in gone:
                del named[slot]
        content = path.read_bytes()
        there = {at // 32: content[at : at + 32] for at in range(0, len(content), 32) if any(content[at : at + 32])}
        assert there == named
    keys.close()
