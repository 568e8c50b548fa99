# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every durable write of the embedded store, lost, persisted or torn, in all combinations that its order allows.

The files are photographed before and after each write.  A crash is any mix of those photographs that a disk could
show: a flush that returned is there, what came after it may be there in any part.  The store is opened on each mix
and must hold the state before the step or the one after it, whole, with at worst a key that no row names, which is
gone once it was opened.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.store import StaleError
from hub.store_sqlite import DATABASE, KEYS, SqliteStore
from tests.store_steps import (
    DOINGS,
    TWICE_IS_STALE,
    accept,
    check_store,
    everything,
    leave,
    offer,
    prepared,
)

WAL = f"{DATABASE}-wal"
FRAME = 24 + 4096


class Photo(NamedTuple):
    """What stands in the files."""

    db: bytes
    wal: bytes
    keys: bytes


class Write(NamedTuple):
    """One durable write, between two photographs."""

    name: str
    before: Photo
    after: Photo


class Crash(NamedTuple):
    """What the disk may show after a crash, and which of the two states it must lead to."""

    name: str
    photo: Photo
    old: bool
    new: bool


def take(folder: Path) -> Photo:
    """Photographs a folder."""
    read = [path.read_bytes() if path.exists() else b"" for path in (folder / DATABASE, folder / WAL, folder / KEYS)]
    return Photo(*read)


def put(photo: Photo, folder: Path) -> Path:
    """A folder as after the crash."""
    folder.mkdir()
    for name, content in zip((DATABASE, WAL, KEYS), photo, strict=True):
        (folder / name).write_bytes(content)
    return folder


class Recorder:
    """Keeps the durable writes of a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writes: list[Write] = []
        self._before: tuple[str, Photo] | None = None

    def point(self, name: str) -> None:
        """See `SqliteStore`."""
        write, _, side = name.partition(":")
        if side == "before":
            self._before = (write, take(self.folder))
        else:
            assert self._before is not None
            assert self._before[0] == write
            self.writes.append(Write(write, self._before[1], take(self.folder)))
            self._before = None


def _crashes(write: Write) -> Iterator[Crash]:
    """All that a disk may show when the machine dies during this write."""
    before, after = write.before, write.after
    if write.name in {"keys", "zero", "sweep"}:
        assert before[:2] == after[:2]
        old = write.name == "keys"
        for name, keys in _parts(before.keys, after.keys):
            yield Crash(f"{write.name}: {name}", before._replace(keys=keys), old=old, new=not old)
    elif write.name == "tidy":
        assert before.keys == after.keys
        for name, db in _parts(before.db, after.db, 4096):
            yield Crash(f"tidy: database {name}, wal there", before._replace(db=db), old=True, new=True)
        yield Crash("tidy: done", after, old=True, new=True)
    else:
        assert (before.db, before.keys) == (after.db, after.keys)
        yield Crash(f"{write.name}: lost", before, old=True, new=False)
        yield Crash(f"{write.name}: persisted", after, old=False, new=True)
        for name, wal in _parts(before.wal, after.wal, FRAME):
            yield Crash(f"{write.name}: wal {name}", before._replace(wal=wal), old=True, new=True)
        for cut in (1, FRAME // 2, FRAME - 1, FRAME):
            torn = before._replace(wal=after.wal[:-cut])
            yield Crash(f"{write.name}: wal cut by {cut}", torn, old=True, new=False)


def _parts(before: bytes, after: bytes, unit: int = 32) -> Iterator[tuple[str, bytes]]:
    """Nothing, all, the first half, the last half and every other one of the changed units."""
    old = before.ljust(len(after), b"\0")
    changed = [at for at in range(0, len(after), unit) if old[at : at + unit] != after[at : at + unit]]
    chosen = {
        "lost": [],
        "persisted": changed,
        "first half": changed[: len(changed) // 2],
        "last half": changed[len(changed) // 2 :],
        "every other": changed[::2],
    }
    for name, places in chosen.items():
        mixed = bytearray(before if not places else old)
        for at in places:
            mixed[at : at + unit] = after[at : at + unit]
        yield name, bytes(mixed)


def _keys_match(folder: Path, store: SqliteStore) -> None:
    content = (folder / KEYS).read_bytes()
    there = sum(1 for at in range(0, len(content), 32) if any(content[at : at + 32]))
    assert there == store.counts()["waiting"] + store.counts()["faults"]


@pytest.mark.parametrize("doing", DOINGS)
def test_after_a_crash_at_any_durable_write_the_store_is_whole(tmp_path: Path, doing: str) -> None:
    do, names = DOINGS[doing]
    folder = tmp_path / "live"
    SqliteStore.create(folder)
    recorder = Recorder(folder)
    store = SqliteStore(folder, lambda: 1, point=recorder.point)
    prepared(store)
    before = everything(store)
    recorder.writes.clear()
    do(store)
    after = everything(store)
    store.close()
    assert [write.name for write in recorder.writes] == names
    crashes = [crash for write in recorder.writes for crash in _crashes(write)]
    for number, crash in enumerate(crashes):
        place = put(crash.photo, tmp_path / str(number))
        again = SqliteStore(place, lambda: 1)
        check_store(again)
        _keys_match(place, again)
        found = everything(again)
        assert (crash.old and found == before) or (crash.new and found == after), crash.name
        if found == before:
            do(again)
            assert everything(again) == after, crash.name
        elif doing in TWICE_IS_STALE:
            with pytest.raises(StaleError, match="."):
                do(again)
        check_store(again)
        _keys_match(place, again)
        again.close()


def test_a_refused_step_leaves_nothing_whatever_is_lost_of_its_keys(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    SqliteStore.create(folder)
    recorder = Recorder(folder)
    store = SqliteStore(folder, lambda: 1, point=recorder.point)
    prepared(store)
    before = everything(store)
    recorder.writes.clear()
    with pytest.raises(StaleError, match="message id"):
        store.commit(accept("o", "m"))
    store.close()
    assert [write.name for write in recorder.writes] == ["keys", "zero"]
    for number, crash in enumerate(crash for write in recorder.writes for crash in _crashes(write)):
        again = SqliteStore(put(crash.photo, tmp_path / str(number)), lambda: 1)
        assert everything(again) == before
        _keys_match(tmp_path / str(number), again)
        again.close()


def test_a_crash_while_opening_sweeps_is_swept_the_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    SqliteStore.create(folder)
    recorder = Recorder(folder)
    store = SqliteStore(folder, lambda: 1, point=recorder.point)
    prepared(store)
    store.commit(leave("m", "n"))
    after = everything(store)
    store.close()
    (zero,) = [write for write in recorder.writes if write.name == "zero"]
    place = put(zero.before, tmp_path / "crashed")
    sweeper = Recorder(place)
    SqliteStore(place, lambda: 1, point=sweeper.point).close()
    assert [write.name for write in sweeper.writes] == ["sweep"]
    for number, crash in enumerate(_crashes(sweeper.writes[0])):
        again = SqliteStore(put(crash.photo, tmp_path / str(number)), lambda: 1)
        assert everything(again) == after
        _keys_match(tmp_path / str(number), again)
        again.close()


def test_a_wal_that_starts_over_on_old_frames_is_whole_at_every_crash(tmp_path: Path) -> None:
    """After a checkpoint SQLite writes over the old frames of a WAL that was not cut."""
    folder = tmp_path / "live"
    SqliteStore.create(folder)
    recorder = Recorder(folder)
    store = SqliteStore(folder, lambda: 1, point=recorder.point)
    prepared(store)
    store._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    before = everything(store)
    recorder.writes.clear()
    store.commit(offer("m"))
    after = everything(store)
    store.close()
    (write,) = recorder.writes
    assert len(write.after.wal) == len(write.before.wal)
    whole = {write.before.wal: before, write.after.wal: after}
    for number, (_, wal) in enumerate(_parts(write.before.wal, write.after.wal, FRAME // 8)):
        again = SqliteStore(put(write.before._replace(wal=wal), tmp_path / str(number)), lambda: 1)
        check_store(again)
        assert everything(again) in ([whole[wal]] if wal in whole else [before, after])
        again.close()


def test_a_row_without_its_key_which_this_order_excludes_would_be_seen(tmp_path: Path) -> None:
    """Shows that the tests above can fail: here the commit persists and the keys, flushed before it, do not."""
    folder = tmp_path / "live"
    SqliteStore.create(folder)
    recorder = Recorder(folder)
    store = SqliteStore(folder, lambda: 1, point=recorder.point)
    prepared(store)
    recorder.writes.clear()
    store.commit(accept("o"))
    store.close()
    keys, commit = recorder.writes
    again = SqliteStore(put(commit.after._replace(keys=keys.before.keys), tmp_path / "wrong"), lambda: 1)
    with pytest.raises(AssertionError, match="lost its key"):
        check_store(again)
    again.close()


_WORK = """
import hashlib, sys
from pathlib import Path
from hub.store_sqlite import SqliteStore
from tests.store_steps import accept, leave
store = SqliteStore(Path(sys.argv[1]))
for number in range(100_000):
    store.commit(accept(*(f"{number}-{one}" for one in range(20))))
    print(store.commit(leave(*(f"{number}-{one}" for one in range(0, 20, 2)))), flush=True)
    store.tidy(number * 20_000)
"""


@pytest.mark.parametrize("lines", [1, 7, 30])
def test_a_process_killed_in_the_middle_of_its_work_loses_nothing_it_reported(tmp_path: Path, lines: int) -> None:
    SqliteStore.create(tmp_path / "store")
    command = [sys.executable, "-c", _WORK, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    store = SqliteStore(tmp_path / "store")
    check_store(store)
    _keys_match(tmp_path / "store", store)
    whole, rest = divmod(store.head().size, 21)
    assert store.head().size > told[-1]
    assert rest in (0, 20)
    assert store.counts()["waiting"] == whole * 10 + rest
    store.close()
