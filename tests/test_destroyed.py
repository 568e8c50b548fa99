# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Destroyed means unreadable (delivery.md section 5): whoever copied the store while payloads waited (its files, its WAL, a
back-up) opens none of them once their waiting is over and the keys were let go, with any key that still exists.

The thief tries every key there is on every payload in the copy.  That he opens all of them while they wait shows that he
looks in the right place.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.day_keys import LONGEST_DAYS, DayKeys
from hub.key_file import KEY_SIZE
from hub.store_postgres import DAY_MS, PostgresStore
from hub.store_sqlite import SqliteStore
from tests.postgres import Cluster, name_in
from tests.store_steps import key, leave, message, prepared

NAMES = ("m", "n", "p")  # what waits in a prepared store
NOW = 1_000


def _opens(wrapped: bytes, keys: list[bytes]) -> bool:
    return any(_tried(one, bytes(12), wrapped, None) is not None for one in keys)


def _tried(secret: bytes, nonce: bytes, sealed: bytes, about: bytes | None) -> bytes | None:
    try:
        return AESGCM(secret).decrypt(nonce, sealed, about)
    except (InvalidTag, ValueError):
        return None


# a file


def _keys_in(file: Path) -> list[bytes]:
    content = file.read_bytes()
    return [content[at : at + KEY_SIZE] for at in range(0, len(content), KEY_SIZE) if any(content[at : at + KEY_SIZE])]


def _payloads_of(file: Path) -> list[bytes]:
    with sqlite3.connect(file) as db:
        return [row[0] for row in db.execute("SELECT wrapped FROM payload")]


def test_a_file_its_wal_and_its_back_up_open_nowhere_once_receipts_came(tmp_path: Path) -> None:
    live, copied = tmp_path / "live", tmp_path / "copied"
    SqliteStore.create(live)
    store = SqliteStore(live, lambda: NOW)
    prepared(store)
    store.copy_to(tmp_path / "backup.db")
    copied.mkdir()
    for name in ("hub.db", "hub.db-wal"):
        shutil.copy(live / name, copied / name)
    assert (copied / "hub.db-wal").stat().st_size > 0
    copies = [copied / "hub.db", tmp_path / "backup.db"]
    for copy in copies:
        found = _payloads_of(copy)
        assert len(found) == len(NAMES)
        assert all(_opens(one, _keys_in(live / "hub.keys")) for one in found)
    store.commit(leave(*NAMES))
    for copy in copies:
        assert not any(_opens(one, _keys_in(live / "hub.keys")) for one in _payloads_of(copy))
    # And what was copied holds no key by itself, in no page and in no frame of the WAL.
    for file in (*copied.iterdir(), tmp_path / "backup.db", live / "hub.keys"):
        assert not any(key(name) in file.read_bytes() for name in NAMES), file.name
    store.close()


# a database


@pytest.fixture
def server() -> Iterator[Cluster]:
    made = Cluster("max_wal_senders=2", "wal_level=replica")
    yield made
    made.remove()


def _based(server: Cluster, name: str) -> Path:
    """What `pg_basebackup` gives: the data folder and the WAL that it needs."""
    target = server.root / name
    command = ["pg_basebackup", "-h", str(server.root), "-U", "hub", "-D", str(target), "-X", "stream", "-c", "fast"]
    subprocess.run(server._as(*command), check=True, capture_output=True, cwd="/")
    return target


def _stolen(server: Cluster, data: Path, dsn: str) -> list[tuple[bytes, int, bytes, bytes]]:
    """Payloads, days, wrapped keys and message ids in a copy of the data folder, as a server on it shows them."""
    live = server.data
    server.stop()
    server.data = data
    server.start()
    rows = server.admin(
        "SELECT wrapped, waiting.day, key, id FROM schakel.waiting JOIN schakel.payload"
        " ON payload.day = waiting.day AND payload.accept = waiting.accept",
        name_in(dsn),
    )
    server.stop()
    server.data = live
    server.start()
    return [(bytes(row[0]), int(row[1]), bytes(row[2]), bytes(row[3])) for row in rows]  # type: ignore[call-overload,arg-type]


def _opened(rows: list[tuple[bytes, int, bytes, bytes]], days: dict[int, bytes]) -> int:
    """How many payloads open under any of these keys of days, whichever day they say."""
    found = 0
    for wrapped, _, sealed, message_id in rows:
        keys = [_tried(one, sealed[:12], sealed[12:], message_id) for one in days.values()]
        found += _opens(wrapped, [one for one in keys if one is not None])
    return found


@pytest.mark.parametrize("copy", ["pg_basebackup", "data folder"])
def test_a_copy_of_a_database_opens_nowhere_once_the_key_of_the_day_went(
    server: Cluster, tmp_path: Path, copy: str
) -> None:
    dsn, file = server.new(), tmp_path / "day.keys"
    store = PostgresStore(dsn, file, lambda: NOW)
    prepared(store)
    store.close()
    before = DayKeys(file).read()
    if copy == "pg_basebackup":
        data = _based(server, "stolen")
    else:
        data = server.root / "stolen"
        server.kill()  # as a disk is imaged: with a WAL that a server must still read
        subprocess.run(["/bin/cp", "-a", str(server.data), str(data)], check=True)
        server.start()
    rows = _stolen(server, data, dsn)
    assert (len(rows), _opened(rows, DayKeys(file).read())) == (len(NAMES), len(NAMES))
    store = PostgresStore(dsn, file, lambda: NOW)
    store.commit(leave(*NAMES))
    # Gone from the live store at once; a thief of both copy and file has eight days, as the threat model says.
    assert set(store.payloads([message(name) for name in NAMES]).values()) <= {None}
    store.tidy((LONGEST_DAYS + 1) * DAY_MS)
    after = DayKeys(file).read()
    assert 0 in before
    assert 0 not in after
    assert _opened(rows, after) == 0
    _no_key_in(data, [key(name) for name in NAMES] + [before[0]])
    store.close()


def _no_key_in(data: Path, keys: list[bytes]) -> None:
    """No file of a data folder holds a key of a payload or of a day, WAL and all."""
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any(path.parent.name == "pg_wal" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(one in content or one.hex().encode() in content for one in keys), path.name
