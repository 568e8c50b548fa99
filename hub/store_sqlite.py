# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The embedded store: one SQLite file, one key file and one lock file, of one process.

* `commit` writes in this order: keys, durable; the transaction, durable; zeros over freed keys, durable.
* So a crash leaves at worst a key that no row names, and opening sweeps those.
* `synchronous=FULL`, WAL and `secure_delete` are read back, the first two again at every commit.
* When it isn't known whether something became durable, the store refuses all work until it is opened again.
* Only the addresses, the words of the grants and the free slots of the key file are held in memory.

A store has one connection and one lock around every method, so it may be called from several threads.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import key_file, moving_sqlite, sqlite_file
from hub import store_sqlite_sql as sql
from hub.audit.merkle import TILE_WIDTH, Frontier, leaf_hash
from hub.key_file import KeyFile, Point
from hub.store import (
    FAULT_KEPT_MS,
    OUTCOME_KEPT_MS,
    AddressRow,
    FaultRow,
    FeedRow,
    GrantRow,
    Head,
    NoticeRow,
    RecoveryRow,
    StaleError,
    Step,
    StopRow,
    Stored,
    StoreError,
    Waiting,
)
from hub.store_sqlite_step import add_entries, apply, forget_handles, forget_lines, ripe, show
from schemas.codes import Code
from schemas.entry import Entry

DATABASE = "hub.db"
KEYS = "hub.keys"
LOCK = "hub.lock"
TIDY_MS = 60_000
_MOUNTS = Path("/proc/self/mountinfo")
_NONCE = bytes(12)
_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_DURABLE = tuple(setting for setting in sql.SETTINGS if setting[0] in {"journal_mode", "synchronous"})
_CHUNK = 50_000  # rows looked at before others get their turn
_CODE = {code.value: code for code in Code}
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _guarded(
    method: Callable[Concatenate[SqliteStore, _P], _R],
) -> Callable[Concatenate[SqliteStore, _P], _R]:
    """One caller at a time, none once the store is closed or in doubt; what SQLite and the files raise is told as
    `StoreError`."""

    @wraps(method)
    def inner(store: SqliteStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with store._lock:  # noqa: SLF001  # part of the class, written once
            if store._refuses:  # noqa: SLF001
                raise StoreError(store._refuses)  # noqa: SLF001
            try:
                return method(store, *args, **kwargs)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{store._standing(error)} ({error})") from error  # noqa: SLF001

    return inner


class SqliteStore:
    """`hub.store.Store` in a folder.  `clock` gives unix milliseconds; the machine's when there is none."""

    _db: sqlite3.Connection
    _keys: KeyFile
    _head: Head
    _frontier: Frontier
    _addresses: dict[str, AddressRow]
    _recovery: RecoveryRow | None
    _words: dict[str, int]  # grounds and lists of categories, by their text and by their number
    _spelled: dict[int, str]

    @staticmethod
    def create(folder: Path) -> None:
        """Makes an empty store in a folder, which may be there already.

        Raises:
            StoreError: there is a store already, or the folder is on a network file system.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network(folder)
        with sqlite_file.lock(folder / LOCK):
            target, new = folder / DATABASE, folder / f"{DATABASE}.new"
            if target.exists():
                raise StoreError(f"{folder}: there is a store here already")
            for left in (new, folder / KEYS):
                left.unlink(missing_ok=True)
            key_file.create(folder / KEYS)
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            sqlite_file.write_schema(new)
            # A store has its name only when it is whole: dying above leaves a file that the next `create` removes.
            new.rename(target)
            sqlite_file.sync_folder(folder)

    def __init__(self, folder: Path, clock: Callable[[], int] | None = None, *, point: Point | None = None) -> None:
        """Opens the store in `folder`.  `point` is told the name of each durable write before and after it.

        Raises:
            StoreError: no store, one that another process has, of a newer version, damaged, or on a network.
        """
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._point = point
        self._lock = threading.RLock()
        self._refuses = ""
        self._tidied = 0
        self._emptied = True
        _refuse_network(folder)
        if not (folder / DATABASE).is_file():
            raise StoreError(
                f"{folder}: there is no store here; `schakel hub init` makes one for a new hub, `schakel hub restore` puts a copy "
                "back"
            )
        self._owner = sqlite_file.lock(folder / LOCK)
        try:
            self._db = sqlite_file.connect(folder / DATABASE, sql.SETTINGS)
            try:
                self._load(folder)
            except BaseException:
                self._db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            self._owner.close()
            raise StoreError(f"{folder}: the store can't be opened ({error})") from error
        except BaseException:
            self._owner.close()
            raise

    @_guarded
    def commit(self, step: Step) -> int:
        """See `hub.store.Store`."""
        sqlite_file.require(self._db, _DURABLE)
        slots = self._write_keys([join.key for join in step.joins] + [one.key for one in step.set_aside])
        # Now: the keys are durable and no row names them.  A crash here: the sweep at start zeroes them.
        start, words = self._head.size, len(self._words)
        frontier = self._frontier.copy() if step.entries else self._frontier
        try:
            self._db.execute("BEGIN IMMEDIATE")
            freed = apply(self._db, step, self._head, slots, self._word)
            head = add_entries(self._db, step, self._head, frontier, len(step.registers))
            self._commit("commit")
        except BaseException:
            self._take_back(slots, words)
            raise
        # Now: the step is durable, and the keys of what left are readable still.  A crash here: the rows name their
        # slots no more, so the sweep at start zeroes them before anything else happens.
        self._head, self._frontier = head, frontier
        if step.admissions or step.manifests:
            self._addresses = self._read_addresses()
        if step.new_log is not None or step.confirmed:
            self._recovery = self._read_recovery()
        self._keys.zero(freed)
        # Now: those keys are gone for good.  A crash here loses nothing.
        self._refuses = ""
        if step.erases:
            self._emptied = False
            self._empty_wal()
        return start

    def look(self) -> AbstractContextManager[None]:
        """See `hub.store.Store`: the head is at hand."""
        return nullcontext()

    @_guarded
    def now(self) -> int:
        """See `hub.store.Store`."""
        return max(self._clock(), self._head.committed_at)

    @_guarded
    def head(self) -> Head:
        """See `hub.store.Store`."""
        return self._head

    @_guarded
    def addresses(self) -> dict[str, AddressRow]:
        """See `hub.store.Store`."""
        return self._addresses  # never changed: a commit puts another in its place

    @_guarded
    def grants(self, handles: Iterable[bytes]) -> dict[bytes, GrantRow]:
        """See `hub.store.Store`."""
        read, found = self._db.execute, {}
        for handle in handles:
            row = read(sql.READ_GRANT, (handle,)).fetchone()
            if row is not None:
                found[handle] = self._grant(row)
        return found

    @_guarded
    def stored(self, message_ids: Iterable[bytes]) -> dict[bytes, Stored]:
        """See `hub.store.Store`."""
        read, found = self._db.execute, {}
        for message_id in message_ids:
            row = read(sql.READ_STORED, (message_id,)).fetchone()
            if row is not None:
                _, sha, sender, recipient, accept, code = row
                found[message_id] = Stored(sha, sender, recipient, accept, _CODE[code])
        return found

    @_guarded
    def stops(self, handles: Iterable[bytes]) -> list[StopRow]:
        """See `hub.store.Store`."""
        found = [self._db.execute(sql.READ_STOPS, (handle,)).fetchall() for handle in sorted(set(handles))]
        return [StopRow(*row) for rows in found for row in rows]

    @_guarded
    def waiting(self, recipient: int, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        rows = self._db.execute(sql.READ_FRESH, (recipient, now, most)).fetchall()
        rows += self._db.execute(sql.READ_LAPSED, (recipient, now, now, most)).fetchall()
        found = [Waiting(*row) for row in rows]
        found.sort(key=lambda row: row.accept)
        return found[:most]

    @_guarded
    def has_something(self, recipients: Iterable[int], now: int) -> set[int]:
        """See `hub.store.Store`."""
        asked = (json.dumps(list(recipients)), now, now, now)
        return {number for (number,) in self._db.execute(sql.HAS_SOMETHING, asked).fetchall()}

    @_guarded
    def find_waiting(self, message_ids: Iterable[bytes]) -> dict[bytes, Waiting]:
        """See `hub.store.Store`."""
        found = {}
        for message_id in message_ids:
            row = self._db.execute(sql.FIND_WAITING, (message_id,)).fetchone()
            if row is not None:
                found[message_id] = Waiting(*row)
        return found

    @_guarded
    def due(self, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        return [Waiting(*row) for row in self._db.execute(sql.READ_DUE, (now, most)).fetchall()]

    @_guarded
    def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
        """See `hub.store.Store`."""
        found: dict[bytes, tuple[bytes, bytes] | None] = {}
        for message_id in message_ids:
            row = self._db.execute(sql.READ_PAYLOAD, (message_id,)).fetchone()
            if row is not None:
                key = self._keys.read(row[0])
                found[message_id] = None if key is None else (row[1], key)
        return found

    @_guarded
    def ripen(self, now: int) -> int:
        """See `hub.store.Store`."""
        if self._db.execute(sql.IS_RIPE, (now,)).fetchone() is None:
            return 0

        def change() -> int:
            rows = ripe(self._db, now)
            show(self._db, rows, now)
            return len(rows)

        return self._change("ripen", change)

    @_guarded
    def feed(self, address: int, after: int, most: int) -> list[FeedRow]:
        """See `hub.store.Store`."""
        rows = self._db.execute(sql.READ_FEED, (address, after, most)).fetchall()
        return [FeedRow(number, _CODE[code], *rest) for number, code, *rest in rows]

    @_guarded
    def notices(self, address: int, most: int) -> list[NoticeRow]:
        """See `hub.store.Store`."""
        rows = self._db.execute(sql.READ_NOTICES, (address, most)).fetchall()
        return [NoticeRow(number, kind, tuple(cbor2.loads(handles)), fact) for number, kind, handles, fact in rows]

    @_guarded
    def facts_of(self, address: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._db.execute(sql.READ_FACTS, (address, index, most)).fetchall()

    @_guarded
    def registrations(self, recipient: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._db.execute(sql.READ_REGISTRATIONS, (recipient, index, most)).fetchall()

    @_guarded
    def recovery(self) -> RecoveryRow | None:
        """See `hub.store.Store`."""
        return self._recovery

    @_guarded
    def manifests(self, address: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._db.execute(sql.READ_MANIFESTS, (address,)).fetchall()

    @_guarded
    def attestations(self, manifests: Iterable[bytes]) -> dict[bytes, bytes]:
        """See `hub.store.Store`."""
        read, found = self._db.execute, {}
        for one in manifests:
            row = read(sql.READ_ATTESTATION, (one,)).fetchone()
            if row is not None:
                found[one] = bytes(row[0])
        return found

    @_guarded
    def table(self, table_hash: bytes) -> bytes | None:
        """See `hub.store.Store`."""
        row = self._db.execute(sql.READ_TABLE, (table_hash,)).fetchone()
        return None if row is None else bytes(row[0])

    @_guarded
    def entries(self, start: int, end: int) -> list[Entry]:
        """See `hub.store.Store`."""
        rows = self._db.execute(sql.READ_ENTRIES, (start, end)).fetchall()
        return [Entry(leaf, salt, record or b"") for leaf, salt, record in rows]

    @_guarded
    def records(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._db.execute(sql.READ_RECORDS, (start, end)).fetchall()

    @_guarded
    def standing(self, start: int) -> list[tuple[int, Entry]]:
        """See `hub.store.Store`."""
        rows = self._db.execute(sql.READ_STANDING, (start,)).fetchall()
        return [(index, Entry(leaf, salt, record or b"")) for index, leaf, salt, record in rows]

    @_guarded
    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """See `hub.store.Store`."""
        found: list[bytes] = []
        while start < end:
            tile, offset = divmod(start, TILE_WIDTH)
            stop = min(end, (tile + 1) * TILE_WIDTH)
            found += self._nodes(level, tile, offset, offset + stop - start)
            start = stop
        return found

    @_guarded
    def last_checkpoint(self) -> str | None:
        """See `hub.store.Store`."""
        row = self._db.execute(sql.READ_CHECKPOINT).fetchone()
        return None if row is None else str(row[0])

    @_guarded
    def keep_checkpoint(self, note: str, size: int) -> None:
        """See `hub.store.Store`."""
        row = self._db.execute(sql.READ_CHECKPOINT).fetchone()
        if row is not None and size < row[1]:
            raise StaleError("a checkpoint of a larger size was kept before")
        self._change("checkpoint", lambda: self._db.execute(sql.KEEP_CHECKPOINT, (size, note)).rowcount)

    @_guarded
    def faults(self) -> list[FaultRow]:
        """See `hub.store.Store`."""
        return [FaultRow(*row) for row in self._db.execute(sql.READ_FAULTS).fetchall()]

    @_guarded
    def fault_frame(self, number: int) -> bytes | None:
        """See `hub.store.Store`."""
        row = self._db.execute(sql.READ_FAULT, (number,)).fetchone()
        key = None if row is None else self._keys.read(row[0])
        if row is None or key is None:
            return None
        try:
            return AESGCM(key).decrypt(_NONCE, row[1], None)
        except InvalidTag:
            raise StoreError("the frame of a fault does not open under its key") from None

    @_guarded
    def backlog(self) -> dict[int, tuple[int, int]]:
        """See `hub.store.Store`."""
        return {number: (count, since) for number, count, since in self._db.execute(sql.BACKLOG).fetchall()}

    @_guarded
    def counts(self) -> dict[str, int]:
        """See `hub.store.Store`."""
        return {
            "entries": self._head.size,
            "addresses": len(self._addresses),
            "waiting": self._db.execute(sql.COUNT_WAITING).fetchone()[0],
            "grants": self._db.execute(sql.READ_HEAD).fetchone()[4],
            "faults": self._db.execute(sql.COUNT_FAULTS).fetchone()[0],
        }

    def forget(self, day: int, now: int) -> int:
        """See `hub.store.Store`.  Row by row independent: a crash in between leaves the rest for the next time."""
        limit = now - OUTCOME_KEPT_MS
        gone = sum(self._forget_handles(prefix, day) for prefix in range(256))
        first, end = self._accepts()
        for low in range(first, end, _CHUNK):
            gone += self._forget_rows(sql.FORGET_OUTCOMES, (low, low + _CHUNK, limit))
        return gone + self._forget_lines(now) + self._forget_faults(now)

    @_guarded
    def tidy(self, now: int) -> None:
        """See `hub.store.Store`: at most once a minute, or when what was erased stands in it, empties the WAL, where
        deleted values still are."""
        if self._emptied and 0 <= now - self._tidied < TIDY_MS:
            return
        self._empty_wal()
        self._tidied = now

    def _empty_wal(self) -> None:
        self._tell("tidy:before")
        # Rows are copied to the database, flushed, then the WAL is cut to nothing.  A crash anywhere in between
        # leaves a WAL that is whole, or not needed: SQLite reads it again, and `tidy` empties it at the first tick.
        busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._emptied = not busy  # a copy that is being made may hold it up: then the next `tidy` does it
        self._tell("tidy:after")

    def copy_to(self, target: Path) -> None:
        """Writes a copy of the store, whole or not at all, while it works on; no key is in it, nor what was deleted.

        Raises:
            StoreError: there is a file of that name, or it can't be written.
        """
        sqlite_file.write_copy(self._db, target)

    @contextmanager
    def lent(self, why: str) -> Iterator[tuple[sqlite3.Connection, KeyFile]]:
        """Lends rows and keys to a move, in a transaction whose end is its decision; `why` this store does no work then.

        Raises:
            StoreError: the store does no work any more.
        """
        with self._lock:
            if self._refuses:
                raise StoreError(self._refuses)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db, self._keys
                self._commit("lock")
            except BaseException:
                self._take_back((), len(self._words))
                raise
            self._refuses = why

    def close(self) -> None:
        """See `hub.store.Store`."""
        with self._lock:
            if self._owner.closed:
                return
            try:
                self._db.close()  # the last connection empties and removes the WAL
                self._keys.close()
            finally:
                self._refuses = "this store is closed"
                self._owner.close()

    def _load(self, folder: Path) -> None:
        application, version = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS)
        moving_sqlite.need_open(self._db, application, folder / DATABASE)
        if version > sql.SCHEMA_VERSION:
            raise StoreError(f"{folder}: made by a newer Schakel (schema {version}); install that one")
        if version < sql.SCHEMA_VERSION:
            sqlite_file.migrate(self._db, version)
        self._words = {word: number for number, word in self._db.execute(sql.READ_WORDS)}
        self._spelled = {number: word for word, number in self._words.items()}
        self._addresses = self._read_addresses()
        self._recovery = self._read_recovery()
        self._head = Head(*self._db.execute(sql.READ_HEAD).fetchone()[:4])
        self._frontier = Frontier.recover(self, self._head.size)
        if self._frontier.root() != self._head.root:
            raise StoreError(f"{folder}: the log does not lead to its root; restore a backup")
        if not (folder / KEYS).exists():
            # A restored backup has no key file.  Each waiting payload is lost then; its sender is told and seals again.
            key_file.create(folder / KEYS)
        used = [slot for (slot,) in self._db.execute(sql.READ_SLOTS)]
        self._keys = KeyFile(folder / KEYS, used, self._point)

    def _read_addresses(self) -> dict[str, AddressRow]:
        return {row[1]: AddressRow(*row) for row in self._db.execute(sql.READ_ADDRESSES)}

    def _read_recovery(self) -> RecoveryRow | None:
        row = self._db.execute(sql.READ_RECOVERY).fetchone()
        awaited = frozenset(number for (number,) in self._db.execute(sql.READ_AWAITED))
        return None if row is None else RecoveryRow(row[0], row[1], awaited)

    def _grant(self, row: tuple[bytes, int, int, int, int, int, bytes]) -> GrantRow:
        handle, version, last, stopped, held_until, forget, packed = row
        sender, recipient, month, end, rule, ground, categories, terms = sql.PACKED.unpack(packed)
        return GrantRow(
            handle,
            sender,
            recipient,
            month,
            None if end == sql.NO_END else end,
            rule,
            self._spelled[ground],
            tuple(self._spelled[categories].split("\n")) if self._spelled[categories] else (),
            terms,
            stopped != 0,
            version,
            last,
            held_until,
            forget,
        )

    def _word(self, word: str) -> int:
        number = self._words.get(word)
        if number is None:
            number = len(self._words) + 1
            self._db.execute(sql.ADD_WORD, (number, word))
            self._words[word], self._spelled[number] = number, word
        return number

    def _nodes(self, level: int, tile: int, low: int, high: int) -> list[bytes]:
        row = self._db.execute(sql.READ_TILE, (level, tile)).fetchone()
        if row is not None:
            return [row[0][at * 32 : at * 32 + 32] for at in range(low, high)]
        asked = (tile * TILE_WIDTH + low, tile * TILE_WIDTH + high)
        if level == 0:
            return [leaf_hash(leaf) for (leaf,) in self._db.execute(sql.READ_LEAVES, asked)]
        return [root for (root,) in self._db.execute(sql.READ_TILE_ROOTS, (level - 1, *asked))]

    def _write_keys(self, keys: Sequence[bytes]) -> list[int]:
        if not keys:
            return []
        try:
            return self._keys.write(keys)
        except OSError as error:
            # Nothing names these slots.  After a failed flush nobody knows what stands in the file, so opening anew
            # must sweep; a full disk is known to have changed nothing that counts.
            if error.errno not in _ROOM:
                self._refuses = _IN_DOUBT
            raise

    def _commit(self, name: str) -> None:
        """Ends the transaction.  Until the caller has taken over what it changed, the store is in doubt."""
        self._tell(f"{name}:before")
        self._refuses = _IN_DOUBT
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            # No room: the last frame of the WAL, which makes the others count, was not written.  All else is doubt.
            if _primary(error) == sqlite3.SQLITE_FULL:
                self._refuses = ""
            raise
        self._tell(f"{name}:after")

    def _take_back(self, slots: Sequence[int], words: int) -> None:
        if self._refuses:
            return  # in doubt: the keys may be needed, opening again settles it
        self._refuses = _IN_DOUBT
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        for number in range(len(self._words), words, -1):
            del self._words[self._spelled.pop(number)]
        self._keys.zero(slots)
        self._refuses = ""

    def _change(self, name: str, change: Callable[[], int]) -> int:
        """A transaction of its own, apart from any step."""
        sqlite_file.require(self._db, _DURABLE)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            result = change()
            self._commit(name)
        except BaseException:
            self._take_back((), len(self._words))
            raise
        self._refuses = ""
        return result

    @_guarded
    def _accepts(self) -> tuple[int, int]:
        first = self._db.execute(sql.FIRST_ACCEPT).fetchone()[0]
        return (0 if first is None else first), self._head.size

    @_guarded
    def _forget_rows(self, statement: str, values: tuple[object, ...]) -> int:
        return self._change("forget", lambda: self._db.execute(statement, values).rowcount)

    @_guarded
    def _forget_handles(self, prefix: int, day: int) -> int:
        return self._change("forget", lambda: forget_handles(self._db, prefix, day))

    @_guarded
    def _forget_lines(self, now: int) -> int:
        return self._change("forget", lambda: forget_lines(self._db, now))

    @_guarded
    def _forget_faults(self, now: int) -> int:
        old = self._db.execute(sql.READ_OLD_FAULTS, (now - FAULT_KEPT_MS, now)).fetchall()
        if not old:
            return 0
        numbers = [row[:1] for row in old]
        gone = self._change("forget", lambda: self._db.executemany(sql.DROP_FAULT, numbers).rowcount)
        # Now: no row names these slots.  A crash here: the sweep at start zeroes them.
        self._keys.zero([slot for _, slot in old])
        return gone

    def _standing(self, error: Exception) -> str:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return "the file of the store is damaged; keep it as it is, and put a copy back with `schakel hub restore`"
        return self._refuses or "the store has not done this"

    def _tell(self, name: str) -> None:
        if self._point is not None:
            self._point(name)


_MARKS = ("application_id", "user_version")
_IN_DOUBT = "in doubt whether the last change is durable: the store refuses all work until it is opened again"


def _primary(error: sqlite3.Error) -> int:
    return error.sqlite_errorcode & 0xFF


def _refuse_network(folder: Path) -> None:
    if _MOUNTS.exists():
        sqlite_file.refuse_network(folder, _MOUNTS.read_text())
