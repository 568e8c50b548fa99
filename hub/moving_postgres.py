# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store in a PostgreSQL database, as the old one or the new one of a move (`hub.moving`).

* An old store is read in one snapshot while the row of its head is locked: a gateway elsewhere waits, is told to try later,
  and nothing that it promised is left out.  A lock ends with its connection, whoever dies.
* What went refuses every change in the database itself, by whichever process and version.
* A new store is one transaction: tables, rows and the mark that says that it comes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import IsolationLevel, sql

from hub import postgres_link as link
from hub import store_postgres_sql as statements
from hub.day_keys import DayKeys, name_of
from hub.moving import FILE, OF_INTAKE, POSTGRES, TABLES, Head, Mark, Place, Row, is_same, moved_away
from hub.postgres_mark import mark_of
from hub.store import StoreError

DAY_MS = 86_400_000
KEYS_AHEAD_DAYS = 14
_NONCE_SIZE, _LOST_KEY = 12, 60
_PAGE = 2_000
# What a machine knows of the old database is in the new one, where the list of machines begins anew.
_LEFT = {"head", "schema_version", "day_key", "move", "machine", "question", "answer"}
_COLUMNS = TABLES | OF_INTAKE
# Who changes these may wait for the head now, which refuses it: to lock them would be to wait for each other.
_BEFORE_HEAD = frozenset({"grants", "position"})
_OF_SCHEMA = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'schakel'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition ORDER BY relname"
)
_WAITING = "accept, id, day, sender, recipient, handle, since, due, offered, first_out, lease_until"
_READ_FAULTS = "SELECT number, sender, sha, handle, until, since, wrapped, day, key FROM fault"
_SELECT = {name: f"SELECT {columns} FROM {name}" for name, columns in _COLUMNS.items()} | {
    "entry": f"SELECT {TABLES['entry']} FROM entry ORDER BY idx",
    "waiting": (
        "SELECT waiting.accept, waiting.id, message.at, waiting.sender, waiting.recipient, handle, since, due, offered,"
        " first_out, lease_until FROM waiting JOIN message ON message.accept = waiting.accept"
    ),
    "payload": (
        "SELECT waiting.accept, wrapped, waiting.day, key, waiting.id FROM waiting"
        " JOIN payload ON payload.day = waiting.day AND payload.accept = waiting.accept"
    ),
}
_GOES = """
CREATE TABLE schakel.move (state text NOT NULL, token text NOT NULL, kind text NOT NULL, place text NOT NULL)
"""
_REFUSES = """
CREATE FUNCTION schakel.moved_away() RETURNS trigger LANGUAGE plpgsql AS $schakel$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'SK004', MESSAGE = {};
END $schakel$
"""
_REFUSE = (
    "CREATE TRIGGER moved_away BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON schakel.{}"
    " FOR EACH STATEMENT EXECUTE FUNCTION schakel.moved_away()"
)
_SERIALS = (
    "SELECT setval(pg_get_serial_sequence('schakel.word', 'number'), coalesce(max(number), 1), count(*) > 0) FROM word",
    "SELECT setval(pg_get_serial_sequence('schakel.later', 'serial'), coalesce(max(serial), 1), count(*) > 0) FROM later",
)
_SET_HEAD = (
    "UPDATE head SET size = %s, root = %s, newest_fact = %s, committed_at = %s, grants = %s, faults = %s, peaks = %s"
)


class PostgresSource:
    """The database of a store.  One connection holds the row without which nobody commits; another reads one snapshot."""

    def __init__(self, holds: psycopg.Connection, reads: psycopg.Connection, dsn: str, keys: DayKeys) -> None:
        self.place = place_of(dsn)
        self._holds = holds
        self._db = reads
        self._keys = {day: AESGCM(key) for day, key in keys.read().items()}
        self._turn = 0

    def head(self) -> Head:
        """See `hub.moving.Source`."""
        [row] = self._db.execute("SELECT size, root, newest_fact, committed_at, grants, faults FROM head", binary=True)
        return Head(*row)

    def rows(self, table: str) -> Iterator[Row]:
        """See `hub.moving.Source`."""
        if table == "payload":
            for accept, wrapped, day, key, message_id in self._read(_SELECT[table]):
                yield accept, wrapped, self._opened(day, key, message_id)
        elif table == "fault":
            for *row, day, key in self._read(_READ_FAULTS):
                yield *row, self._opened(day, key, row[2][:16])
        else:
            yield from self._read(_SELECT[table])

    def mark(self, mark: Mark) -> None:
        """See `hub.moving.Source`."""
        tables = [name for (name,) in self._db.execute(_OF_SCHEMA) if name not in _BEFORE_HEAD]
        self._holds.execute(sql.SQL(_REFUSES).format(moved_away(mark.elsewhere)))
        for name in tables:
            self._holds.execute(sql.SQL(_REFUSE).format(sql.Identifier(name)))
        _write_mark(self._holds, mark)

    def _read(self, statement: str) -> Iterator[Row]:
        self._turn += 1
        with self._db.cursor(name=f"rows_{self._turn}") as cursor:
            cursor.itersize = _PAGE
            yield from cursor.execute(statement.encode(), binary=True)

    def _opened(self, day: int, key: bytes, about: bytes) -> bytes | None:
        try:
            return self._keys[day].decrypt(key[:_NONCE_SIZE], key[_NONCE_SIZE:], about)
        except (KeyError, InvalidTag):
            return None  # lost, or destroyed: its sender is told


class PostgresTarget:
    """A database in which a store is made, inside one transaction."""

    def __init__(self, db: psycopg.Connection, dsn: str, keys: DayKeys) -> None:
        self.place = place_of(dsn)
        self._db = db
        self._keys = keys
        self._wrap: dict[int, AESGCM] = {}
        self._waits: dict[int, tuple[int, bytes]] = {}

    def put(self, table: str, rows: Iterable[Row]) -> int:
        """See `hub.moving.Target`."""
        columns = _COLUMNS[table]
        match table:
            case "grants":
                rows = ((*row[:3], bool(row[3]), *row[4:]) for row in rows)
            case "waiting":
                columns, rows = _WAITING, self._dated(rows)
            case "payload":
                columns, rows = "day, accept, wrapped, key", map(self._payload, rows)
            case "fault":
                columns, rows = f"{columns}, day", map(self._fault, list(rows))
        return self._copy(table, columns, rows)

    def put_head(self, head: Head, peaks: Sequence[bytes]) -> None:
        """See `hub.moving.Target`."""
        self._db.execute(_SET_HEAD, (*head, list(peaks)))
        for statement in _SERIALS:
            self._db.execute(statement.encode())
        today = head.committed_at // DAY_MS
        self._make_keys(range(today, today + KEYS_AHEAD_DAYS))

    def rows(self, table: str) -> Iterator[Row]:
        """See `hub.moving.Target`."""
        with self._db.cursor(name=f"written_{table}") as cursor:
            cursor.itersize = _PAGE
            yield from cursor.execute(_SELECT[table].encode(), binary=True)

    def count(self, table: str) -> int:
        """See `hub.moving.Target`."""
        [row] = self._db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        return int(row[0])

    def _copy(self, table: str, columns: str, rows: Iterable[Row]) -> int:
        names = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
        count = 0
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._db.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        return count

    def _dated(self, rows: Iterable[Row]) -> list[Row]:
        """What waits, by the day of its acceptance, of which the part and the key are made."""
        dated = [(accept, one, at // DAY_MS, *rest) for accept, one, at, *rest in rows]
        self._waits = {row[0]: (row[2], row[1]) for row in dated}
        days = sorted({row[2] for row in dated})
        for day in days:
            self._db.execute(statements.ADD_PART.format(day=int(day), storage=statements.STORAGE).encode())
        self._make_keys(days)
        return dated

    def _payload(self, row: Row) -> Row:
        accept, wrapped, key = row
        day, message_id = self._waits[accept]
        return day, accept, wrapped, self._wrapped(day, key, message_id)

    def _fault(self, row: Row) -> Row:
        day = row[5] // DAY_MS
        self._make_keys([day])
        return (*row[:-1], self._wrapped(day, row[-1], row[2][:16]), day)

    def _wrapped(self, day: int, key: bytes | None, about: bytes) -> bytes:
        if key is None:
            return os.urandom(_LOST_KEY)  # opens as little as the key that was lost
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._wrap[day].encrypt(nonce, key, about)

    def _make_keys(self, days: Iterable[int]) -> None:
        missing = [day for day in days if day not in self._wrap]
        keys = self._keys.make(missing) if missing else {}
        for day in missing:
            self._wrap[day] = AESGCM(keys[day])
            self._db.execute("INSERT INTO day_key VALUES (%s, %s)", (day, name_of(keys[day])))


@contextmanager
def old_database(dsn: str, day_keys: Path, point: Callable[[str], None], to: str = FILE) -> Iterator[PostgresSource]:
    """The store in this database in one snapshot, until the block ends; what it was told of a move counts from then on.
    `to`: the kind of the new store.

    Raises:
        StoreError: others work with it, or it holds what the new store has no place for.
    """
    holds, reads = link.connect(dsn), link.connect(dsn)
    try:
        link.migrate(holds, new=False)
        reads.isolation_level = IsolationLevel.REPEATABLE_READ
        with holds.transaction():
            # Whoever changes anything that counts holds this row when it commits: now that is this process alone.
            holds.execute("SELECT FROM head FOR UPDATE")
            with reads.transaction():
                _need_known(reads, to)
                yield PostgresSource(holds, reads, dsn, DayKeys(day_keys))
            point("lock:before")
        # Decided, if it was marked. A crash before: the row was let go of with the connection, and it works on.
        point("lock:after")
    except psycopg.Error as error:
        raise StoreError(f"the store is not moved ({link.one_line(error)}): stop its other gateways first") from None
    finally:
        reads.close()
        holds.close()


@contextmanager
def new_database(dsn: str, day_keys: Path, mark: Mark) -> Iterator[PostgresTarget]:
    """A new store in this database: there, and closed, when the block has ended.

    Raises:
        StoreError: there is a store, or one of another move; or the server is not to be trusted with one.
    """
    db = link.connect(dsn)
    try:
        with db.transaction():
            _need_room(db, mark.elsewhere)
            link.migrate(db, new=True)
            yield PostgresTarget(db, dsn, DayKeys(day_keys))
            _write_mark(db, mark)
        # Now it is there, and closed. A crash here: the old store works on, and the next move makes another.
    except psycopg.Error as error:
        raise StoreError(f"the new store can't be written ({link.one_line(error)})") from None
    finally:
        db.close()


def is_decided(dsn: str, token: str) -> bool:
    """Whether the store in this database went by this move.

    Raises:
        StoreError: it can't be reached.
    """
    db = link.connect(dsn)
    try:
        mark = mark_of(db)
        return mark is not None and mark.went_by(token)
    finally:
        db.close()


def let_keys_go(day_keys: Path) -> None:
    """Overwrites the keys of all days on this machine: in the old database, and in copies of it, no payload opens."""
    DayKeys(day_keys).destroy(1 << 40)


def open_up(dsn: str) -> None:
    """The move into this database is decided: from here on it is a store like any other.

    Raises:
        StoreError: it can't be opened.
    """
    db = link.connect(dsn)
    try:
        db.execute("DROP TABLE IF EXISTS schakel.move")
        # Open. A crash before: whoever opens it does this again.
    except psycopg.Error as error:
        raise StoreError(f"the store can't be opened ({link.one_line(error)})") from None
    finally:
        db.close()


def place_of(dsn: str) -> Place:
    """The place of the store in this database."""
    return Place(POSTGRES, dsn)


def _need_known(db: psycopg.Connection, to: str) -> None:
    """Raises: StoreError: there are rows that the new store has no place for."""
    known = _LEFT | set(TABLES if to == FILE else _COLUMNS)
    for (name,) in db.execute(_OF_SCHEMA).fetchall():
        if name not in known:
            [row] = db.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name)))
            if row[0]:
                where = "a file has no place" if to == FILE else "a move to a database has no place"
                raise StoreError(f"the database holds rows of {name}, for which {where}")


def _need_room(db: psycopg.Connection, old: Place) -> None:
    [there] = db.execute("SELECT to_regnamespace('schakel') IS NOT NULL").fetchone() or (False,)
    if not there:
        return
    mark = mark_of(db)
    if mark is None:
        raise StoreError("there is a store in this database already")
    if not is_same(mark.elsewhere, old):
        raise StoreError(f"there is a store in this database of a move with {mark.elsewhere}; choose another")
    db.execute("DROP SCHEMA schakel CASCADE")


def _write_mark(db: psycopg.Connection, mark: Mark) -> None:
    db.execute("DROP TABLE IF EXISTS schakel.move")
    db.execute(_GOES.encode())
    db.execute("INSERT INTO schakel.move VALUES (%s, %s, %s, %s)", (mark.state, mark.token, *mark.elsewhere))
