# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store that is a file, as the old one or the new one of a move (`hub.moving`).

* The file says in its header (`application_id`) whether it is a store, one that comes, or one that went: who does not
  know of moves refuses it too.
* A new file gets its name when it is whole and flushed; a crash before that leaves a folder that the next move removes.
* Keys of what waits are in the key file before the file that names them; those of an old store are overwritten.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hub import key_file, sqlite_file
from hub import store_sqlite_sql as sql
from hub.key_file import KEY_SIZE, KeyFile
from hub.moving import (
    FILE,
    INCOMING,
    MOVED,
    TABLES,
    Head,
    Mark,
    MovedAwayError,
    Place,
    Row,
    UnfinishedMoveError,
    is_same,
)
from hub.store import StoreError

COMES, WENT = 0x53434B49, 0x53434B4D  # "SCKI", "SCKM"
_STATES = {COMES: INCOMING, WENT: MOVED}
_BUILT = "incoming"  # the folder in which a new file is made
_MARK = "CREATE TABLE move (state TEXT NOT NULL, token TEXT NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL) STRICT"
_WAITING = "accept, id, at, sender, recipient, handle, since, due, offered, first_out, lease_until"
_SELECT = {name: f"SELECT {columns} FROM {name}" for name, columns in TABLES.items()} | {
    "entry": f"SELECT {TABLES['entry']} FROM entry ORDER BY idx",
    "waiting": f"SELECT {_WAITING} FROM message WHERE slot IS NOT NULL",
    "payload": (
        "SELECT message.accept, payload.wrapped, message.slot FROM message"
        " JOIN payload ON payload.accept = message.accept WHERE message.slot IS NOT NULL"
    ),
    "fault": "SELECT number, sender, sha, handle, until, since, wrapped, slot FROM fault",
}
_COUNT = {name: f"SELECT count(*) FROM {name}" for name in TABLES} | {
    "waiting": "SELECT count(*) FROM message WHERE slot IS NOT NULL"
}
_SET_WAITING = (
    "UPDATE message SET handle = ?, since = ?, due = ?, offered = ?, first_out = ?, lease_until = ?, slot = -1"
    " WHERE accept = ?"
)
_KEYS_AT_ONCE = 1_000


class SqliteSource:
    """The open store of this process, inside the transaction in which it is lent."""

    def __init__(self, db: sqlite3.Connection, keys: KeyFile, folder: Path) -> None:
        self.place = place_of(folder)
        self._db = db
        self._keys = keys

    def head(self) -> Head:
        """See `hub.moving.Source`."""
        seen = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'fault'").fetchone()
        size, root, newest_fact, at, grants = self._db.execute(sql.READ_HEAD).fetchone()
        return Head(size, root, newest_fact, at, grants, 0 if seen is None else seen[0])

    def rows(self, table: str) -> Iterator[Row]:
        """See `hub.moving.Source`."""
        rows: Iterable[Row] = self._db.execute(_SELECT[table])
        if table in ("payload", "fault"):
            return ((*row, self._keys.read(slot)) for *row, slot in rows)
        return iter(rows)

    def mark(self, mark: Mark) -> None:
        """See `hub.moving.Source`."""
        _write_mark(self._db, mark, WENT)


class SqliteTarget:
    """A new file, in a folder of its own until it is whole."""

    def __init__(self, db: sqlite3.Connection, keys: KeyFile, folder: Path) -> None:
        self.place = place_of(folder)
        self._db = db
        self._keys = keys
        self._numbers: dict[int, int] = {}

    def put(self, table: str, rows: Iterable[Row]) -> int:
        """See `hub.moving.Target`."""
        columns = TABLES[table].split(", ")
        insert = f"INSERT INTO {table} ({TABLES[table]}) VALUES ({', '.join('?' * len(columns))})"
        match table:
            case "word":
                rows = self._renumbered(rows)
            case "grants":
                rows = map(self._repacked, rows)
            case "waiting":
                insert, rows = _SET_WAITING, ((*row[5:], row[0]) for row in rows)
            case "payload":
                return self._put_payloads(rows)
            case "fault":
                insert = insert.replace(" key)", " slot)")
                rows = [(*row[:-1], self._slot(row[-1])) for row in rows]
        return max(0, self._db.executemany(insert, rows).rowcount)

    def put_head(self, head: Head, peaks: Sequence[bytes]) -> None:
        """See `hub.moving.Target`."""
        del peaks  # read from the entries
        set_head = "UPDATE head SET size = ?, root = ?, newest_fact = ?, committed_at = ?, grants = ?"
        self._db.execute(set_head, head[:5])
        self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'fault'")
        self._db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('fault', ?)", (head.faults,))

    def rows(self, table: str) -> Iterator[Row]:
        """See `hub.moving.Target`."""
        return iter(self._db.execute(_SELECT[table]))

    def count(self, table: str) -> int:
        """See `hub.moving.Target`."""
        return int(self._db.execute(_COUNT[table]).fetchone()[0])

    def _renumbered(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Words get numbers without gaps, as the file gives them."""
        for number, (old, word) in enumerate(sorted(rows), 1):
            self._numbers[old] = number
            yield number, word

    def _repacked(self, row: Row) -> Row:
        *before, ground, categories, terms = sql.PACKED.unpack(row[-1])
        packed = sql.PACKED.pack(*before, self._numbers[ground], self._numbers[categories], terms)
        return (*row[:3], int(row[3]), *row[4:-1], packed)

    def _put_payloads(self, rows: Iterable[Row]) -> int:
        count, page = 0, list[Row]()
        for row in rows:
            page.append(row)
            if len(page) == _KEYS_AT_ONCE:
                count += self._put_page(page)
                page.clear()
        return count + self._put_page(page)

    def _put_page(self, page: Sequence[Row]) -> int:
        slots = self._keys.write([_key_or_none(key) for *_, key in page]) if page else []
        self._db.executemany(sql.ADD_PAYLOAD, [row[:2] for row in page])
        set_slot = "UPDATE message SET slot = ? WHERE accept = ?"
        self._db.executemany(set_slot, [(slot, row[0]) for slot, row in zip(slots, page, strict=True)])
        return len(page)

    def _slot(self, key: bytes | None) -> int:
        [slot] = self._keys.write([_key_or_none(key)])
        return slot


@contextmanager
def new_file(folder: Path, database: str, keys: str, mark: Mark) -> Iterator[SqliteTarget]:
    """A new store in this folder, which gets its name at the end of the block, closed.  The caller has its lock.

    Raises:
        StoreError: there is a store, or one of another move.
    """
    _need_room(folder, database, mark.elsewhere)
    built = folder / _BUILT
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir(mode=0o700, parents=True)
    try:
        os.close(os.open(built / database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        sqlite_file.write_schema(built / database)
        key_file.create(built / keys)
        kept = KeyFile(built / keys, ())
        db = sqlite3.connect(built / database, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            yield SqliteTarget(db, kept, folder)
            _write_mark(db, mark, COMES)
            db.execute("COMMIT")
        finally:
            db.close()  # empties and removes the WAL, so the file is whole
            kept.close()
        sqlite_file.sync(built / database)
        for name in (keys, database):  # a file that names keys is there after them
            (built / name).rename(folder / name)
        sqlite_file.sync_folder(folder)
        # Now it is there, and closed. A crash here: the old store works on, and the next move makes another.
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{folder}: the new store can't be written ({error})") from error
    finally:
        shutil.rmtree(built, ignore_errors=True)


def need_open(db: sqlite3.Connection, application: int, path: Path) -> None:
    """Returns when this file is a store that is in use.

    Raises:
        MovedAwayError, UnfinishedMoveError, StoreError: it is none, or one that went or comes.
    """
    if application == sql.APPLICATION_ID:
        return
    mark = _read_mark(db, application)
    if mark is None:
        raise StoreError(f"{path}: this is not a store of Schakel")
    raise MovedAwayError(mark) if mark.state == MOVED else UnfinishedMoveError(mark)


def is_decided(path: Path, token: str) -> bool:
    """Whether this file is a store that went by this move."""
    if not path.exists():
        return False
    db = sqlite_file.connect(path, ())
    try:
        mark = _read_mark(db, db.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.Error:  # locked by a hub that works with it
        return False
    finally:
        db.close()
    return mark is not None and mark.went_by(token)


def let_keys_go(path: Path) -> None:
    """Overwrites the keys of payloads of a store that went: in it, and in a copy of it, nothing opens any more."""
    if path.exists():
        key_file.destroy(path)


def open_up(path: Path) -> None:
    """The move into this file is decided: from here on it is a store like any other.

    Raises:
        StoreError: it can't be opened.
    """
    db = sqlite_file.connect(path, (("journal_mode", "WAL", "wal"), ("synchronous", "FULL", 2)))
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DROP TABLE move")
        db.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
        db.execute("COMMIT")
        # Open. A crash before: whoever opens it does this again.
    except sqlite3.Error as error:
        raise StoreError(f"{path}: the store can't be opened ({error})") from error
    finally:
        db.close()


def place_of(folder: Path) -> Place:
    """The place of the store in this folder."""
    return Place(FILE, str(folder.resolve()))


def _need_room(folder: Path, database: str, old: Place) -> None:
    path = folder / database
    if not path.exists():
        return
    db = sqlite_file.connect(path, ())
    try:
        mark = _read_mark(db, db.execute("PRAGMA application_id").fetchone()[0])
    finally:
        db.close()
    if mark is None:
        raise StoreError(f"{folder}: there is a store here already; move it aside first")
    if not is_same(mark.elsewhere, old):
        raise StoreError(f"{folder}: there is a store here of a move with {mark.elsewhere}; move it aside first")


def _read_mark(db: sqlite3.Connection, application: int) -> Mark | None:
    if application not in _STATES:
        return None
    state, token, kind, place = db.execute("SELECT state, token, kind, place FROM move").fetchone()
    return Mark(state, token, Place(kind, place))


def _write_mark(db: sqlite3.Connection, mark: Mark, application: int) -> None:
    db.execute("DROP TABLE IF EXISTS move")
    db.execute(_MARK)
    db.execute("INSERT INTO move VALUES (?, ?, ?, ?)", (mark.state, mark.token, *mark.elsewhere))
    db.execute(f"PRAGMA application_id = {application}")


def _key_or_none(key: bytes | None) -> bytes:
    """A key that is lost is another one here, under which nothing opens: its sender is told, as it would have been."""
    return os.urandom(KEY_SIZE) if key is None else key
