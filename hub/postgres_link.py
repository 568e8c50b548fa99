# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One connection to the PostgreSQL database of a hub, on which a commit is durable; and its schema.

* A server on which what was committed could be lost is refused with a sentence: settings are read, never assumed.
* Migrations are numbered files that only add: a new version applies them while the old one runs, one at a time.
* Nothing is created by opening: a store that isn't there is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct

import psycopg
from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from hub.postgres_mark import need_open
from hub.store import StoreError

MIGRATIONS = Path(__file__).with_name("postgres")
SCHEMA_VERSION = 4
OLDEST_SERVER = 150_000
_MIGRATING = 0x53434B4C  # the number of the advisory lock
# Every statement here finds its rows by an index.  Without figures of young tables the planner would read them whole,
# and keep that plan.  No bitmaps: a plain scan of an index remembers which rows are gone, a bitmap fetches each of
# them again, and in a queue nearly all are gone.
_SESSION = """
SET search_path TO schakel, pg_catalog;
SET default_transaction_isolation TO 'read committed';
SET enable_seqscan TO off; SET enable_bitmapscan TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off; SET jit TO off;
SET plan_cache_mode TO force_generic_plan;
SET lock_timeout TO '10s'; SET client_min_messages TO error;
"""
# A link that is cut is noticed in seconds, whatever the system's own limits are.
_LINK = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
    "application_name": "schakel",
}
_NEEDED = {
    "fsync": "on",
    "full_page_writes": "on",
}
_READ_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
_WATCHED = [*_NEEDED, "synchronous_commit", "synchronous_standby_names", "server_version_num"]
_COUNT_STANDBYS = (
    "SELECT count(*) FROM pg_stat_replication"
    " WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal', 'pg_recvlogical')"
)


def connect(dsn: str) -> Connection:
    """A connection with the settings of the store; every statement is a transaction of its own.

    Raises:
        StoreError: no server answers, or what it commits could be lost.
    """
    given = {word.partition("=")[0] for word in dsn.split()}
    defaults = " ".join(f"{name}={value}" for name, value in _LINK.items() if name not in given)
    try:
        db = psycopg.connect(f"{dsn} {defaults}", autocommit=True)
    except psycopg.Error as error:
        raise StoreError(f"the database can't be reached ({one_line(error)})") from None
    try:
        _need_safe(db)
        db.execute(_SESSION)
        for kind in (ByteaArray, TextArray, Int8Array):
            db.adapters.register_dumper(kind, _DUMPERS[kind])
    except psycopg.Error as error:
        db.close()
        raise StoreError(f"the database does not answer as it must ({one_line(error)})") from None
    except BaseException:
        db.close()
        raise
    return db


def _need_safe(db: Connection) -> None:
    for unsafe in unsafe_settings(db):
        raise StoreError(unsafe)


def unsafe_settings(db: Connection) -> Iterator[str]:
    """One sentence per setting of the server under which a commit could be lost, or can't be kept."""
    found: dict[str, str] = dict(db.execute(_READ_SETTINGS, (_WATCHED,)).fetchall())
    if int(found["server_version_num"]) < OLDEST_SERVER:
        yield "this PostgreSQL is older than version 15: install a newer one"
    for name, wanted in _NEEDED.items():
        if found[name] != wanted:
            yield f"the setting {name} of the database is {found[name]}: what it commits could be lost; set it to {wanted}"
    commits = found["synchronous_commit"]
    weak = {"off"} | ({"local"} if found["synchronous_standby_names"] else set())
    if commits in weak:
        yield f"the setting synchronous_commit of the database is {commits}: what it commits could be lost; set it to on"


def standby_is_late(db: Connection) -> bool:
    """Whether there is a standby that commits don't wait for: made the primary, it would lack the last of them."""
    found: dict[str, str] = dict(db.execute(_READ_SETTINGS, (_WATCHED,)).fetchall())
    [standbys] = db.execute(_COUNT_STANDBYS).fetchone() or (0,)
    return bool(standbys) and not found["synchronous_standby_names"]


def schema_version(db: Connection) -> int | None:
    """The number of the newest migration that was applied; None where there is no store."""
    [there] = db.execute("SELECT to_regclass('schakel.schema_version') IS NOT NULL").fetchone() or (False,)
    if not there:
        return None
    [version] = db.execute("SELECT version FROM schakel.schema_version").fetchone() or (0,)
    return int(version)


def migrate(db: Connection, *, new: bool, newest: int = SCHEMA_VERSION) -> None:
    """Applies the migrations that are missing, each whole or not at all, while others work on.

    Raises:
        StoreError: there is a store already (`new`) or none, it is of a newer Schakel, or it went or comes by a move.
    """
    try:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            version = schema_version(db)
            if new and version is not None:
                raise StoreError("there is a store in this database already")
            if not new and version is None:
                raise StoreError("there is no store in this database; `schakel hub init` makes one")
            if (version or 0) > newest:
                raise StoreError(
                    f"the store was made by a newer Schakel (schema {version}, this one knows {newest}): install that one"
                )
            if version is not None:
                need_open(db)
            for number in range((version or 0) + 1, newest + 1):
                db.execute((MIGRATIONS / f"{number:04}.sql").read_bytes())
                db.execute("UPDATE schakel.schema_version SET version = %s", (number,))
        # Now: durable, and whoever ran before runs on. A crash before this line: nothing was applied, the next does it.
    except psycopg.Error as error:
        raise StoreError(f"the tables can't be brought up to date ({one_line(error)})") from None


def one_line(error: psycopg.Error) -> str:
    """What a server or the link to it said, without the values of any row."""
    told = error.diag.message_primary or str(error)
    return " ".join(told.split()) or type(error).__name__


class _Array:
    """A parameter that is an array, already as it travels: psycopg would look at each element to find its type."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class ByteaArray(_Array):
    """`bytea[]`."""


class TextArray(_Array):
    """`text[]`."""


class Int8Array(_Array):
    """`bigint[]`."""


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj.data


class _ByteaDumper(_ArrayDumper):
    oid = 1001


class _TextDumper(_ArrayDumper):
    oid = 1009


class _Int8Dumper(_ArrayDumper):
    oid = 1016


_DUMPERS: dict[type[_Array], type[Dumper]] = {
    ByteaArray: _ByteaDumper,
    TextArray: _TextDumper,
    Int8Array: _Int8Dumper,
}
_HEAD = Struct(">iiIii")  # dimensions, whether one is NULL, type of the elements, how many, number of the first
_SIZE = Struct(">i")
_NUMBER = Struct(">iq")
_NULL = b"\xff\xff\xff\xff"
_NONE = {oid: Struct(">iiI").pack(0, 0, oid) for oid in (17, 20, 25)}


def bytea_array(values: Sequence[bytes | None]) -> ByteaArray:
    """Bytes as `bytea[]`."""
    return ByteaArray(_packed(values, 17))


def text_array(values: Sequence[str | None]) -> TextArray:
    """Texts as `text[]`."""
    return TextArray(_packed([None if one is None else one.encode() for one in values], 25))


def int8_array(values: Sequence[int | None]) -> Int8Array:
    """Numbers as `bigint[]`."""
    if not values:
        return Int8Array(_NONE[20])
    parts = [_NULL if one is None else _NUMBER.pack(8, one) for one in values]
    return Int8Array(_HEAD.pack(1, _NULL in parts, 20, len(parts), 1) + b"".join(parts))


def _packed(values: Sequence[bytes | None], oid: int) -> bytes:
    if not values:
        return _NONE[oid]
    parts = [_HEAD.pack(1, None in values, oid, len(values), 1), *_elements(values)]
    return b"".join(parts)


def _elements(values: Iterable[bytes | None]) -> Iterator[bytes]:
    for one in values:
        if one is None:
            yield _NULL
        else:
            yield _SIZE.pack(len(one))
            yield one
