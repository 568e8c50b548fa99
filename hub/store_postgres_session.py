# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the store on PostgreSQL stands on: its connection, the words for what goes wrong, the days of queue and keys.

* A connection that was lost is made again at the next call; what it began is ended first.
* A day's part of the queue is made before it is needed, and dropped when nothing is in it.
* The key of a day is the one that the database names; a machine that has another accepts nothing under it.
* Once it has joined the machines of the hub, a new connection is used for nothing before they were heard (`hub.machines`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import errors

from hub import postgres_link as link
from hub import postgres_machines as machines
from hub import store_postgres_sql as sql
from hub.day_keys import DayKeys, name_of
from hub.machines import Heard, UnheardError
from hub.postgres_link import bytea_array, int8_array
from hub.store import FencedError, StaleError, StoreError

NONCE_SIZE = 12
COPY_KEYS = "copy the file of day keys from the machine that made it (the setting day_keys_file)"
IN_DOUBT = "in doubt whether the last change is durable: the database settles it when it answers again"
_ROWS = {
    "address_admitted": "this address was admitted before",
    "grants_pkey": "this handle was registered before",
    "message_id": "a message id was used before",
}
_NO_PART = "23514"  # the day's part of the queue isn't there
Row = tuple[Any, ...]


class Session:
    """The connection of one process.  Whoever calls holds the lock of the store."""

    def __init__(self, dsn: str, day_keys: Path) -> None:
        self._dsn = dsn
        self._file = DayKeys(day_keys)
        self._keys: dict[int, AESGCM] = {}
        self._parts: set[int] = set()
        self._ours: Row = (0, None)
        self._db: psycopg.Connection | None = None
        self._refuses = ""
        self._machine: str | None = None  # once it has joined the others
        self._answers = False
        self._question: bytes | None = None  # what this connection asked and was not answered yet

    def _connected(self) -> psycopg.Connection:
        """The connection; a new one when the last was lost.

        Raises:
            StoreError: there is none, or what the lost one began can't be ended.
            UnheardError: the other machines have not answered yet.
        """
        db = self._linked()
        if missing := self._missing(db):
            raise UnheardError(missing)
        return db

    def _linked(self) -> psycopg.Connection:
        """The connection, whether the other machines have answered or not."""
        if self._db is None:
            self._db = link.connect(self._dsn)
            try:
                # What the lost connection began may still run: it is ended first, so that what is read now is settled.
                self._end_call(self._db)
                self._begin(self._db)
                self._look_again()
                # What this process saw is there; whether what the others saw is there too, they say.
                if self._machine is not None:
                    self._question = machines.ask(self._db, self._machine)
            except BaseException:
                self._drop()
                raise
        return self._db

    def _join(self, machine: str, others: Iterable[str], *, answers: bool) -> None:
        db = self._linked()
        if answers:
            machines.enter(db, [machine, *others])
        self._machine, self._answers = machine, answers
        self._question = machines.ask(db, machine)

    def _hear(self) -> Heard:
        """Answers the others, and looks whether they have answered.  Whoever waits answers too: that it waits for one says
        nothing of what it knows itself."""
        db = self._linked()
        missing = self._missing(db)
        if self._machine is not None and self._answers:
            machines.answer(db, self._machine, vouches=not missing)
        return Heard(machines.names(db), missing)

    def _missing(self, db: psycopg.Connection) -> tuple[str, ...]:
        if self._question is None or self._machine is None:
            return ()
        missing = machines.unheard(db, self._question, self._machine)
        if not missing:
            machines.settle(db, self._question)
            # A crash before this line: a question that nobody asks any more, and is forgotten after a day.
            self._question = None
        return missing

    def _end_call(self, db: psycopg.Connection) -> None:
        ended = db.execute(sql.END_CALL, self._ours, binary=True).fetchall()
        if ended not in ([], [(True,)]):
            raise StoreError(IN_DOUBT)

    def _begin(self, db: psycopg.Connection) -> None:
        self._ours = db.execute(sql.WHO_AM_I).fetchone() or (0, None)
        self._parts = set()

    def _look_again(self) -> None:
        """What is kept in memory is looked at again: the connection is a new one."""

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
            self._question = None

    def _run(self, statement: str, values: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        db = self._connected()
        cursor = db.execute(statement, values, prepare=True, binary=True)
        return cursor.fetchall()

    def _change(self, statement: str, values: Sequence[object]) -> int:
        return self._connected().execute(statement, values, prepare=True, binary=True).rowcount

    def _told(self, error: psycopg.Error) -> Exception:
        """What the database said, in the words of the port; the connection is given up when it is lost."""
        said = link.one_line(error)
        if error.sqlstate == "SK001":
            return StaleError(said)
        if error.sqlstate == "SK002":
            return FencedError(said)
        if error.sqlstate == "SK004":
            self._refuses = said  # the store was moved elsewhere, for good
            return StoreError(said)
        if isinstance(error, errors.UniqueViolation):
            return StaleError(_ROWS.get(error.diag.constraint_name or "", "a row is there already"))
        if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
            return StaleError("another changed the same rows at the same time")
        if error.sqlstate == _NO_PART:
            self._parts.clear()
            return StaleError("the part of the queue of this day was dropped")
        if self._db is None or self._db.closed or self._db.broken:
            self._drop()
            return StoreError(f"{IN_DOUBT} ({said})")
        return StoreError(f"the store has not done this ({said})")

    # -- the days

    def _need_part(self, day: int) -> None:
        if day in self._parts:
            return
        db = self._connected()
        self._parts = {one for (one,) in self._run(sql.READ_PARTS)}
        if day not in self._parts:
            with db.transaction():
                db.execute(sql.LOCK_PARTS)
                db.execute(sql.ADD_PART.format(day=int(day), storage=sql.STORAGE).encode())
            self._parts.add(day)

    def _drop_part(self, day: int) -> None:
        """Drops the part of a day when nothing is in it: its file goes, with what deleted rows left there."""
        db = self._connected()
        try:
            with db.transaction():
                db.execute(sql.LOCK_PARTS)
                db.execute(sql.PART_WAIT)
                db.execute(sql.LOCK_PART.format(day=int(day)).encode())
                [holds] = db.execute(sql.PART_HOLDS.format(day=int(day)).encode()).fetchone() or (True,)
                if not holds:
                    db.execute(sql.DROP_PART.format(day=int(day)).encode())
                    self._parts.discard(day)
        except (errors.LockNotAvailable, errors.UndefinedTable):
            return  # others are busy with it, or dropped it: the next time

    def _key_names(self) -> dict[int, bytes]:
        return dict(self._run(sql.READ_DAY_KEYS))

    def _make_keys(self, days: Iterable[int]) -> None:
        """Makes the keys of days that have none anywhere yet."""
        names = self._key_names()
        missing = [day for day in days if day not in names]
        if missing:
            keys = self._file.make(missing)
            values = (int8_array(missing), bytea_array([name_of(keys[day]) for day in missing]))
            self._change(sql.ADD_DAY_KEYS, values)

    def _key_of(self, day: int) -> AESGCM:
        """The key of a day, the one that the database names.

        Raises:
            StoreError: this machine has another, or none.
        """
        if day not in self._keys:
            self._make_keys([day])
            found = self._own_key(day)
            if found is None:
                raise StoreError(f"this machine lacks the key of this day: {COPY_KEYS}")
            self._keys[day] = found
        return self._keys[day]

    def _own_key(self, day: int) -> AESGCM | None:
        key, name = self._file.read().get(day), self._key_names().get(day)
        return None if key is None or name != name_of(key) else AESGCM(key)

    def _unwrapped(self, day: int, wrapped: bytes, about: bytes) -> bytes | None:
        key = self._keys.get(day)
        if key is None:
            key = self._own_key(day)
            if key is None:
                return None  # lost, or destroyed: the sender is told and seals again
            self._keys[day] = key
        try:
            return key.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], about)
        except InvalidTag:
            return None
