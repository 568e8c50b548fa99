# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The edge's own store: sealed records in one SQLite file, whose key comes from outside the data folder.

Guarantees:
- a record, its key and what it can be looked up by never stand on disk in plain text: records are sealed with
  AES-256-GCM under one key, bound to their table and row; look-ups go by HMAC-SHA-256 under another key. Plain are only
  the columns that a `Table` declares so: a word that names a state, and the time at which something is due;
- a transaction is applied whole or not at all, and is on the disk when its `with` block ends;
- one process writes: a second one gets a `StoreError` at once; so does whoever comes with another key;
- what was read ahead for a batch is what is there: a write forgets it, and a commit or roll-back forgets all of it.

What a record holds is not known here: whoever uses the store declares its tables.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Never, Self

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keyed import Keyed
from adapters.keys import StoreKey

Value = None | bool | int | str | bytes | list["Value"]
Record = dict[str, Value] | list[Value]
Plain = str | int | None
Found = list[tuple[bytes, Record]]

FILE: Final = "edge.sqlite"
LOCK: Final = "edge.lock"
_FORMAT: Final = 1
_NONCE: Final = 12
_DRAWN: Final = 32  # nonces at once
_TOKEN: Final = 16  # bytes of a look-up value; 2**64 rows before two are likely to meet
_FULL: Final = 2  # PRAGMA synchronous
_AT_ONCE: Final = 500  # look-up values in one statement
_KEYS: Final = 1_024  # keys of one table whose look-up value is known: those of a batch, sealed and sent
_VALUES: Final = 1  # of what else it is found by: that may be a BSN, which stays in memory no longer than it must
_REASONS: Final = (
    ("SQLITE_FULL", "the disk is full; make room and do it again"),
    ("SQLITE_IOERR", "the disk is full or fails; make room, or look at the disk, and do it again"),
    ("SQLITE_READONLY", "its file or folder can't be written; look at its owner and rights"),
    ("SQLITE_NOTADB", "it is no store of Schakel, or a damaged one; put it back from its back-up"),
    ("SQLITE_CORRUPT", "it is damaged; put it back from its back-up"),
    ("SQLITE_CANTOPEN", "its file or folder can't be opened; look at its owner and rights"),
)
_CHECK: Final = b"schakel edge store"
_NOTHING: Final[Mapping[str, Never]] = MappingProxyType({})


class StoreError(Exception):
    """The store can't be used as asked; the sentence says what to do and holds no value of a record."""


class StoreTakenError(StoreError):
    """Another process has the store open."""


class WrongKeyError(StoreError):
    """The key that was given isn't the one this store was made with."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A kind of record, declared once as a constant. `indexes`: what it can be found by. `plain`: `state` (a word) and `due` (a time), if it has them.

    Names end up in SQL and stand in the file: they name kinds of things, never a person.
    """

    name: str
    indexes: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(name.isascii() and name.isidentifier() and name.islower() for name in (self.name, *self.indexes)):
            raise ValueError("tables and indexes have names of small letters, digits and underscores")
        if not set(self.plain) <= {"state", "due"}:
            raise ValueError("only `state` and `due` can be plain")


class _Lookup(Keyed):
    """The look-up values of one kind of value.

    What was looked for is most often written next, and what was written sealed is written once more when it was sent: it
    knows the last `most` values.
    """

    __slots__ = ("_known", "_most")

    def __init__(self, key: bytes, kind: str, most: int) -> None:
        super().__init__(key, kind.encode() + b"\0")
        self._known: dict[bytes, bytes] = {}
        self._most = most

    def token(self, value: bytes) -> bytes:
        """What stands on disk for this value."""
        known = self._known.get(value)
        if known is not None:
            return known
        token = self.digest(value)[:_TOKEN]
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[value] = token
        return token


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What one table needs at every call, made once."""

    bound: bytes
    key: _Lookup
    indexes: dict[str, _Lookup]
    plain: frozenset[str]
    put: str
    change: str
    get: str
    delete: str
    find: dict[str, str]


class EdgeStore:
    """One address's records. Not for several threads at once."""

    def __init__(self, folder: Path, key: StoreKey, random: Callable[[int], bytes] = os.urandom) -> None:
        """Open the store in this folder.

        Raises:
            StoreError: there is none, another process has it, or it isn't of this version.
            WrongKeyError: it was made with another key.
        """
        if not (folder / FILE).is_file():
            raise StoreError("there is no edge store in this folder; `schakel edge init` makes one")
        self.point: Callable[[str], None] | None = None
        self.commits = 0  # while it stays the same, what was read is what is there: nobody else writes
        self._random = random
        self._aead, self._lookup = AESGCM(key.sealing), key.lookup
        self._prepared: dict[Table, _Prepared] = {}
        self._ahead: dict[tuple[bytes, bytes], Record | None] = {}  # see `read_ahead`
        self._found_ahead: dict[tuple[bytes, str, bytes], Found] = {}  # see `find_ahead`
        self._open: Transaction | None = None
        self._held: dict[tuple[Table, bytes], Mapping[str, Value] | Sequence[Value]] = {}  # see `Transaction.hold`
        self._lock = _lock(folder)
        try:
            self._db = _connect(folder / FILE)
            _check_key(self._db, self._aead)
        except BaseException:
            os.close(self._lock)
            raise
        self._reader = Transaction(self)

    @classmethod
    def create(cls, folder: Path, key: StoreKey, random: Callable[[int], bytes] = os.urandom) -> "EdgeStore":
        """Make an empty store in this folder, which may exist, and open it.

        Raises:
            StoreError: there is a store already.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(folder)
        try:
            # A crash before the commit leaves a file without the table `meta`: the next `create` goes on with it.
            db = _connect(folder / FILE)
            if _meta(db) is not None:
                raise StoreError("there is an edge store in this folder already")
            nonce = random(_NONCE)
            sealed = nonce + AESGCM(key.sealing).encrypt(nonce, _CHECK, b"meta")
            db.execute("BEGIN IMMEDIATE")
            db.execute("CREATE TABLE meta (format INTEGER NOT NULL, sealed BLOB NOT NULL)")
            db.execute("INSERT INTO meta VALUES (?, ?)", (_FORMAT, sealed))
            db.execute("COMMIT")
            db.close()
        finally:
            os.close(lock)
        return cls(folder, key, random)

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Everything done with the object given is on disk when the block ends, or nothing when it raises.

        MUST NOT hold an `await` inside: other work of the same process would see, or end up in, the transaction.

        Raises:
            StoreError: the disk is full or fails, or a transaction is open already; nothing was written.
        """
        if self._open is not None:
            raise StoreError("a transaction of this store is open already")
        self._db.execute("BEGIN IMMEDIATE")
        self._open = tx = Transaction(self)
        try:
            yield tx
            for (table, key), record in list(self._held.items()):
                tx.put(table, key, record)
            self._at("before-commit")
            self._db.execute("COMMIT")
            self.commits += 1
            self._forget_ahead()
        except sqlite3.Error as error:
            self._undo()
            raise StoreError(f"the edge store takes no commit: {_reason(error)}") from error
        except BaseException:
            self._undo()
            raise
        finally:
            self._open = None
            self._held.clear()
        self._at("after-commit")

    def get(self, table: Table, key: bytes) -> Record | None:
        """See `Transaction.get`."""
        return self._reader.get(table, key)

    def read_ahead(self, table: Table, keys: Iterable[bytes]) -> None:
        """See `Transaction.read_ahead`."""
        self._reader.read_ahead(table, keys)

    def find(self, table: Table, index: str, value: bytes, state: str | None = None) -> Found:
        """See `Transaction.find`."""
        return self._reader.find(table, index, value, state)

    def find_ahead(self, table: Table, index: str, values: Iterable[bytes]) -> None:
        """See `Transaction.find_ahead`."""
        self._reader.find_ahead(table, index, values)

    def due_groups(self, table: Table, index: str, state: str, due_until: int) -> list[bytes]:
        """See `Transaction.due_groups`."""
        return self._reader.due_groups(table, index, state, due_until)

    def find_groups(self, table: Table, index: str, groups: Sequence[bytes], states: Sequence[str]) -> Found:
        """See `Transaction.find_groups`."""
        return self._reader.find_groups(table, index, groups, states)

    def scan(
        self, table: Table, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Found:
        """See `Transaction.scan`."""
        return self._reader.scan(table, state, due_until, limit)

    def scan_but(self, table: Table, state: str, known: Iterable[bytes]) -> Found:
        """See `Transaction.scan_but`."""
        return self._reader.scan_but(table, state, known)

    def count(self, table: Table, state: str | None = None) -> int:
        """See `Transaction.count`."""
        return self._reader.count(table, state)

    def probe(self) -> None:
        """Take a test commit: an edge polls only after its own store could write.

        Raises:
            StoreError: it could not, for instance because the disk is full.
        """
        with self.transaction() as tx:
            tx.put(_PROBE, b"probe", {})

    def copy_to(self, target: Path) -> None:
        """Write a copy of the store as it is now, whole or not at all; nothing that was deleted is in it.

        Raises:
            StoreError: there is a file of that name, or it can't be written.
        """
        new = target.with_name(f".{target.name}.new")
        try:
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))  # told as all else
            new.unlink(missing_ok=True)
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            copy = sqlite3.connect(new, isolation_level=None)
            try:
                self._db.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be moved anywhere
                copy.execute("VACUUM")
            finally:
                copy.close()
            _flush(new)
            new.rename(target)
            _flush(target.parent)
        except sqlite3.Error as error:
            raise StoreError(f"the copy can't be written: {_reason(error)}") from error
        except OSError as error:
            raise StoreError(f"the copy can't be written: {error.strerror}") from None
        # A crash before the rename: there is no copy of that name, and the next one begins afresh.

    def forget_deleted(self) -> None:
        """Empty the write-ahead log: until then what was deleted still stands there, sealed."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Empty the write-ahead log and let go of the lock."""
        self._db.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _undo(self) -> None:
        if self._db.in_transaction:  # after a full disk SQLite has rolled back by itself
            self._db.execute("ROLLBACK")
        self._prepared.clear()  # a table made in this transaction is gone again
        self._forget_ahead()  # so is what was written in it and read ahead

    def _forget_ahead(self) -> None:
        self._ahead.clear()
        self._found_ahead.clear()

    def _written(self, bound: bytes, key: bytes) -> None:
        """What was read ahead and is another now, or may be."""
        self._ahead.pop((bound, key), None)
        self._found_ahead.clear()

    def _at(self, name: str) -> None:
        if self.point is not None:
            self.point(name)

    def _of(self, table: Table) -> _Prepared:
        """What this table needs; in the file it is made when it isn't there yet."""
        known = self._prepared.get(table)
        if known is None:
            try:
                for statement in _create(table):
                    self._db.execute(statement)
            except sqlite3.Error as error:  # a full disk is met here too, by whoever reads a table first
                raise StoreError(f"the edge store takes no commit: {_reason(error)}") from error
            _check_columns(self._db, table)
            known = self._prepared[table] = _prepare(table, self._lookup)
        return known

    def _unseal(self, bound: bytes, token: bytes, sealed: bytes) -> tuple[bytes, Record]:
        try:
            raw = self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound + token)
        except InvalidTag:
            raise StoreError(f"a record of table {bound.decode()} was changed outside Schakel") from None
        key, record = cbor2.loads(raw)
        return key, record


class Transaction:
    """What can be done with the records; made by `EdgeStore.transaction`."""

    __slots__ = ("_db", "_nonces", "_store")

    def __init__(self, store: EdgeStore) -> None:
        self._store = store
        self._db = store._db
        self._nonces = self._draw()

    def put(
        self,
        table: Table,
        key: bytes,
        record: Mapping[str, Value] | Sequence[Value],
        index: Mapping[str, bytes] | None = None,
        plain: Mapping[str, Plain] | None = None,
    ) -> None:
        """Write a record; one with the same key is replaced as a whole and keeps its place in the order."""
        table_of = self._to_write(table, key)
        index, plain = index or _NOTHING, plain or _NOTHING
        if not plain.keys() <= table_of.plain or not index.keys() <= table_of.indexes.keys():
            raise ValueError("the table doesn't declare this index or plain column")
        token = table_of.key.token(key)
        self._store._written(table_of.bound, key)
        row: list[bytes | Plain] = [token, self._seal(table_of.bound, token, key, record)]
        row += [plain.get(column) for column in table.plain]
        row += [made.token(index[name]) if name in index else None for name, made in table_of.indexes.items()]
        self._db.execute(table_of.put, row)

    def change(
        self,
        table: Table,
        key: bytes,
        record: Mapping[str, Value] | Sequence[Value],
        plain: Mapping[str, Plain] | None = None,
    ) -> None:
        """Write a record that is there already, and that is found by the same as before: no index is touched.

        Raises:
            LookupError: it is not there.
        """
        table_of = self._to_write(table, key)
        plain = plain or _NOTHING
        if not plain.keys() <= table_of.plain:
            raise ValueError("the table doesn't declare this plain column")
        token = table_of.key.token(key)
        self._store._written(table_of.bound, key)
        row: list[bytes | Plain] = [self._seal(table_of.bound, token, key, record)]
        row += [plain.get(column) for column in table.plain]
        row.append(token)
        if self._db.execute(table_of.change, row).rowcount != 1:
            raise LookupError("a record that was to be changed is not there")

    def hold(self, table: Table, key: bytes, record: Sequence[Value]) -> None:
        """As `put`, but written once, at the end of the transaction, however often it changes in it. `get` knows of it at
        once; it is for a table in which nothing else is ever looked for.

        Raises:
            ValueError: it can be found by something else than its key.
        """
        if self._store._open is not self:
            raise StoreError("a record is written in a transaction only")
        if table.indexes or table.plain:
            raise ValueError("a record that is held can be found by its key only")
        self._store._held[table, key] = record

    def get(self, table: Table, key: bytes) -> Record | None:
        """The record with this key."""
        store = self._store
        held = store._held.get((table, key)) if store._held else None
        if held is not None:
            return list(held)
        table_of = store._of(table)
        if store._ahead and (table_of.bound, key) in store._ahead:
            return store._ahead[table_of.bound, key]
        token = table_of.key.token(key)
        row = self._db.execute(table_of.get, (token,)).fetchone()
        return None if row is None else store._unseal(table_of.bound, token, row[0])[1]

    def read_ahead(self, table: Table, keys: Iterable[bytes]) -> None:
        """Read many records in one go, for `get` to answer from, the store's own and that of its transaction.

        Only until the next commit, by whomever, or roll-back; and what is written or removed before that is forgotten
        here, so that `get` never answers anything but what is there.
        """
        table_of, ahead = self._store._of(table), self._store._ahead
        bound = table_of.bound
        wanted = {table_of.key.token(key): key for key in keys if (bound, key) not in ahead}
        ahead.update(dict.fromkeys([(bound, key) for key in wanted.values()]))
        for token, sealed in self._by_tokens(table, list(wanted), ordered=False):
            ahead[bound, wanted[token]] = self._store._unseal(bound, token, sealed)[1]

    def find(self, table: Table, index: str, value: bytes, state: str | None = None) -> Found:
        """Keys and records with this value in the index, and in this state, in the order in which they were first written."""
        store = self._store
        table_of = store._of(table)
        if state is None and (known := store._found_ahead.get((table_of.bound, index, value))) is not None:
            return list(known)
        token = table_of.indexes[index].token(value)
        if state is None:
            return self._found(table_of, self._db.execute(table_of.find[index], (token,)).fetchall())
        # The plus keeps SQLite from going by the state, in which there may be far more.
        rows = self._db.execute(
            f"SELECT key, sealed FROM r_{table.name} WHERE i_{index} = ? AND +state = ? ORDER BY row", (token, state)
        )
        return self._found(table_of, rows.fetchall())

    def find_ahead(self, table: Table, index: str, values: Iterable[bytes]) -> None:
        """Find for many values in one go, for `find` without a state to answer from until something is written."""
        table_of = self._store._of(table)
        wanted = {table_of.indexes[index].token(value): value for value in values}
        found: dict[bytes, Found] = {value: [] for value in wanted.values()}
        tokens = list(wanted)
        for start in range(0, len(tokens), _AT_ONCE):
            some = tokens[start : start + _AT_ONCE]
            for group, token, sealed in self._db.execute(
                f"SELECT i_{index}, key, sealed FROM r_{table.name} WHERE i_{index} IN ({_marks(some)}) ORDER BY row",
                some,
            ):
                found[wanted[group]].append(self._store._unseal(table_of.bound, token, sealed))
        self._store._found_ahead.update({(table_of.bound, index, value): records for value, records in found.items()})

    def due_groups(self, table: Table, index: str, state: str, due_until: int) -> list[bytes]:
        """The groups, records that share the value of an index, in which one in this state is due: for `find_groups`."""
        self._store._of(table)
        rows = self._db.execute(
            f"SELECT DISTINCT i_{index} FROM r_{table.name} WHERE state = ? AND due <= ? AND i_{index} IS NOT NULL",
            (state, due_until),
        )
        return [group for (group,) in rows]

    def find_groups(self, table: Table, index: str, groups: Sequence[bytes], states: Sequence[str]) -> Found:
        """Keys and records of these groups in one of these states, each group in the order in which it was first written."""
        table_of = self._store._of(table)
        found: Found = []
        for start in range(0, len(groups), _AT_ONCE):
            some = groups[start : start + _AT_ONCE]
            # The plus keeps SQLite from going by the state, in which there may be far more.
            rows = self._db.execute(
                f"SELECT key, sealed FROM r_{table.name} WHERE i_{index} IN ({_marks(some)}) "
                f"AND +state IN ({_marks(states)}) ORDER BY row",
                (*some, *states),
            )
            found += self._found(table_of, rows.fetchall())
        return found

    def scan_but(self, table: Table, state: str, known: Iterable[bytes]) -> Found:
        """Keys and records in this state but those with a known key, in the order in which they were first written."""
        table_of = self._store._of(table)
        tokens = {table_of.key.token(key) for key in known}
        rows = self._db.execute(f"SELECT key FROM r_{table.name} WHERE state = ? ORDER BY row", (state,))
        others = [token for (token,) in rows if token not in tokens]
        return self._found(table_of, self._by_tokens(table, others, ordered=True))

    def scan(
        self, table: Table, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Found:
        """Keys and records in the order in which they were first written; `due_until` included."""
        table_of = self._store._of(table)
        where, values = _where(state, due_until)
        # LIMIT -1 is no limit.
        rows = self._db.execute(
            f"SELECT key, sealed FROM r_{table.name}{where} ORDER BY row LIMIT ?",
            (*values, -1 if limit is None else limit),
        )
        return self._found(table_of, rows.fetchall())

    def count(self, table: Table, state: str | None = None) -> int:
        """How many records there are, in this state."""
        self._store._of(table)
        where, values = _where(state, None)
        row = self._db.execute(f"SELECT count(*) FROM r_{table.name}{where}", values).fetchone()
        return int(row[0])

    def delete(self, table: Table, key: bytes) -> bool:
        """Remove a record; whether there was one."""
        if self._store._open is not self:
            raise StoreError("a record is removed in a transaction only")
        held = self._store._held.pop((table, key), None) is not None
        table_of = self._store._of(table)
        token = table_of.key.token(key)
        self._store._written(table_of.bound, key)
        return self._db.execute(table_of.delete, (token,)).rowcount > 0 or held

    def _to_write(self, table: Table, key: bytes) -> _Prepared:
        """The table, when this transaction is open; what was held of the record is overtaken."""
        store = self._store
        if store._open is not self:
            raise StoreError("a record is written in a transaction only")
        if store._held:
            store._held.pop((table, key), None)
        return store._of(table)

    def _by_tokens(self, table: Table, tokens: Sequence[bytes], *, ordered: bool) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        order = " ORDER BY row" if ordered else ""
        for start in range(0, len(tokens), _AT_ONCE):
            some = tokens[start : start + _AT_ONCE]
            found += self._db.execute(
                f"SELECT key, sealed FROM r_{table.name} WHERE key IN ({_marks(some)}){order}", some
            )
        return found

    def _seal(self, bound: bytes, token: bytes, key: bytes, record: Mapping[str, Value] | Sequence[Value]) -> bytes:
        nonce = next(self._nonces)
        return nonce + self._store._aead.encrypt(nonce, cbor2.dumps([key, record]), bound + token)

    def _draw(self) -> Iterator[bytes]:
        """Random nonces, some in one call of the system; what this transaction does not use nobody uses."""
        while True:
            drawn = self._store._random(_NONCE * _DRAWN)
            yield from (drawn[at : at + _NONCE] for at in range(0, len(drawn), _NONCE))

    def _found(self, table_of: _Prepared, rows: Sequence[tuple[bytes, bytes]]) -> Found:
        return [self._store._unseal(table_of.bound, token, sealed) for token, sealed in rows]


_PROBE: Final = Table("probe")


def _where(state: str | None, due_until: int | None) -> tuple[str, list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []
    if state is not None:
        conditions.append("state = ?")
        values.append(state)
    if due_until is not None:
        conditions.append("due <= ?")
        values.append(due_until)
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), values


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _columns(table: Table) -> list[str]:
    return [*table.plain, *(f"i_{index}" for index in table.indexes)]


def _create(table: Table) -> list[str]:
    name, types = f"r_{table.name}", {"state": "TEXT", "due": "INTEGER"}
    declared = "".join(f", {column} {types.get(column, 'BLOB')}" for column in _columns(table))
    # A scan goes by state in the order of rows and looks at what is due on its way.
    ordered = [*table.plain[:1], *(f"i_{index}" for index in table.indexes)]
    return [
        f"CREATE TABLE IF NOT EXISTS {name} (row INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, sealed BLOB{declared})",
        *(f"CREATE INDEX IF NOT EXISTS {name}_{column} ON {name} ({column})" for column in ordered),
    ]


def _prepare(table: Table, lookup: bytes) -> _Prepared:
    name = f"r_{table.name}"
    columns = ["sealed", *_columns(table)]
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns)
    marks = ", ".join("?" * (1 + len(columns)))
    return _Prepared(
        bound=table.name.encode(),
        key=_Lookup(lookup, f"key {table.name}", _KEYS),
        indexes={index: _Lookup(lookup, f"index {table.name} {index}", _VALUES) for index in table.indexes},
        plain=frozenset(table.plain),
        put=f"INSERT INTO {name} (key, {', '.join(columns)}) VALUES ({marks}) "
        f"ON CONFLICT (key) DO UPDATE SET {updates}",
        change=f"UPDATE {name} SET {' = ?, '.join(('sealed', *table.plain))} = ? WHERE key = ?",
        get=f"SELECT sealed FROM {name} WHERE key = ?",
        delete=f"DELETE FROM {name} WHERE key = ?",
        find={index: f"SELECT key, sealed FROM {name} WHERE i_{index} = ? ORDER BY row" for index in table.indexes},
    )


def _check_columns(db: sqlite3.Connection, table: Table) -> None:
    there = {row[1] for row in db.execute(f"PRAGMA table_info(r_{table.name})")}
    if there != {"row", "key", "sealed", *table.plain, *(f"i_{index}" for index in table.indexes)}:
        raise StoreError(f"table {table.name} has other columns than this version of Schakel uses")


def _lock(folder: Path) -> int:
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreTakenError("another process has this edge store open; stop it, or wait until it is done") from error
    return descriptor


def _connect(file: Path) -> sqlite3.Connection:
    """A connection whose commits survive a power cut."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # the mode; SQLite gives its WAL the same
    db = sqlite3.connect(file, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA temp_store = MEMORY")  # a sort never leaves a file behind
        check_durable(db)
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreError(f"the edge store can't be opened: {_reason(error)}") from error
    except BaseException:
        db.close()
        raise
    return db


def check_durable(db: sqlite3.Connection) -> None:
    """Refuse a connection that could lose a commit.

    Raises:
        StoreError: its commits aren't flushed one by one (`synchronous` below FULL), or it has no write-ahead log.
    """
    synchronous = db.execute("PRAGMA synchronous").fetchone()[0]
    journal = db.execute("PRAGMA journal_mode").fetchone()[0]
    if synchronous < _FULL or journal != "wal":
        raise StoreError("the edge store must be opened with a write-ahead log and synchronous=FULL")


def _meta(db: sqlite3.Connection) -> tuple[int, bytes] | None:
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone():
        return None
    row: tuple[int, bytes] = db.execute("SELECT format, sealed FROM meta").fetchone()
    return row


def _check_key(db: sqlite3.Connection, aead: AESGCM) -> None:
    meta = _meta(db)
    if meta is None:
        raise StoreError("the edge store in this folder isn't complete; run `schakel edge init` again")
    if meta[0] != _FORMAT:
        raise StoreError("the edge store is of another version of Schakel")
    try:
        aead.decrypt(meta[1][:_NONCE], meta[1][_NONCE:], b"meta")
    except InvalidTag:
        raise WrongKeyError("the edge store was made with another store key or passphrase") from None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: sqlite3.Error) -> str:
    """What may be said of an error of SQLite: what it means and its name, no path and no value."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return next((f"{words} ({name})" for start, words in _REASONS if name.startswith(start)), name)
