# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store on PostgreSQL: one database, any number of gateways and workers, none with a state of its own.

* `commit` is one call of one function, a transaction by itself: no lock is ever held between two messages on the wire.
* Its answer lost, the step is in doubt: the next call ends what may still run of it, and then reads what counts.
* A server on which a commit could be lost is refused at the opening, and again at every commit.
* What it knows of the head of the log, and for how long: `hub.store_postgres_look`.
* Kept in memory: the addresses and the recovery, as long as the row of the head says that they are so; words, which never
  change; the keys of the days.

A store has one connection and one lock around every method, so it may be called from several threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import cbor2
import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import postgres_link as link
from hub import store_postgres_sql as sql
from hub.audit.merkle import TILE_WIDTH, Frontier, leaf_hash
from hub.day_keys import LONGEST_DAYS, name_of
from hub.key_file import Point
from hub.machines import Heard
from hub.postgres_link import SCHEMA_VERSION, bytea_array, int8_array
from hub.store import (
    FAULT_KEPT_MS,
    NOTICE_KEPT_MS,
    OUTCOME_KEPT_MS,
    AddressRow,
    FaultRow,
    FeedRow,
    GrantRow,
    Head,
    NoticeRow,
    RecoveryRow,
    Step,
    StopRow,
    Stored,
    StoreError,
    Waiting,
)
from hub.store_postgres_look import Lookout
from hub.store_postgres_session import COPY_KEYS, NONCE_SIZE
from hub.store_postgres_step import arguments
from hub.store_sqlite_sql import NO_END, PACKED
from schemas.codes import Code
from schemas.entry import Entry

__all__ = ["DAY_MS", "SCHEMA_VERSION", "PostgresStore"]

DAY_MS = 86_400_000
TIDY_MS = 60_000
KEYS_AHEAD_DAYS = 14
_NONCE = bytes(12)
_CHUNK = 50_000
_CODE = {code.value: code for code in Code}
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _guarded(
    method: Callable[Concatenate[PostgresStore, _P], _R],
) -> Callable[Concatenate[PostgresStore, _P], _R]:
    """One caller at a time, none once the store is closed; what the database says is told in the words of the port."""

    @wraps(method)
    def inner(store: PostgresStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with store._lock:  # noqa: SLF001  # part of the class, written once
            if store._refuses:  # noqa: SLF001
                raise StoreError(store._refuses)  # noqa: SLF001
            try:
                return method(store, *args, **kwargs)
            except psycopg.Error as error:
                store._look_anew()  # noqa: SLF001
                raise store._told(error) from None  # noqa: SLF001

    return inner


class PostgresStore(Lookout):
    """`hub.store.Store` in the database `dsn`.  `clock` gives unix milliseconds; the machine's when there is none."""

    @staticmethod
    def create(dsn: str) -> None:
        """Makes an empty store in a database.

        Raises:
            StoreError: there is a store already, or the server is not to be trusted with one.
        """
        db = link.connect(dsn)
        try:
            link.migrate(db, new=True)
        finally:
            db.close()

    def __init__(
        self, dsn: str, day_keys: Path, clock: Callable[[], int] | None = None, *, point: Point | None = None
    ) -> None:
        """Opens the store.  `point` is told the name of each durable write before and after it.

        Raises:
            StoreError: no server, no store, one of a newer version, or one whose log does not lead to its root.
        """
        super().__init__(dsn, day_keys, clock)
        self._point = point
        self._lock = threading.RLock()
        self._tidied = 0
        self._spelled: dict[int, str] = {}
        self._words: dict[str, int] = {}
        self._erased = False
        self._db = link.connect(dsn)
        try:
            link.migrate(self._db, new=False)
            self._begin(self._db)
            self._need_root()
        except BaseException:
            self._drop()
            raise

    @_guarded
    def join(self, machine: str, others: Iterable[str] = (), *, answers: bool = True) -> None:
        """See `hub.machines.Shared`."""
        self._join(machine, others, answers=answers)

    @_guarded
    def hear(self) -> Heard:
        """See `hub.machines.Shared`."""
        return self._hear()

    @_guarded
    def commit(self, step: Step) -> int:
        """See `hub.store.Store`."""
        day = max(step.at, 0) // DAY_MS
        if step.joins:
            self._need_part(day)
        key = self._key_of(day) if step.joins or step.set_aside else None

        def wrap(secret: bytes, about: bytes) -> bytes:
            nonce = os.urandom(NONCE_SIZE)
            return nonce + (key or self._key_of(day)).encrypt(nonce, secret, about)

        values = arguments(step, day, wrap, self._word)
        self._look_anew()
        self._tell("commit:before")
        # Before the call nothing has happened; during it the database applies all or nothing, whatever dies.
        start = int(self._run(sql.COMMIT, values)[0][0])
        self._tell("commit:after")
        # Now: durable, and whatever left is gone. A crash here: the caller has no answer and finds it done.
        self._committed = max(self._committed, start + len(step.entries))
        self._erased = self._erased or bool(step.erases)
        return start

    @_guarded
    def now(self) -> int:
        """See `hub.store.Store`."""
        return self._glance().now

    @_guarded
    def head(self) -> Head:
        """See `hub.store.Store`."""
        return self._glance().head

    @_guarded
    def addresses(self) -> dict[str, AddressRow]:
        """See `hub.store.Store`."""
        self._glance()
        return self._addresses  # never changed: a look at the head that finds it old puts another in its place

    @_guarded
    def grants(self, handles: Iterable[bytes]) -> dict[bytes, GrantRow]:
        """See `hub.store.Store`."""
        return {row[0]: self._grant(*row) for row in self._grants_now(handles)}

    @_guarded
    def stored(self, message_ids: Iterable[bytes]) -> dict[bytes, Stored]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_STORED, (bytea_array(list(message_ids)),))
        return {row[0]: Stored(row[1], row[2], row[3], row[4], _CODE[row[5]]) for row in rows}

    @_guarded
    def stops(self, handles: Iterable[bytes]) -> list[StopRow]:
        """See `hub.store.Store`."""
        return [StopRow(*row) for row in self._run(sql.READ_STOPS, (bytea_array(list(set(handles))),))]

    @_guarded
    def waiting(self, recipient: int, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_WAITING, {"recipient": recipient, "now": now, "most": most})
        return sorted((Waiting(*row) for row in rows), key=lambda row: row.accept)[:most]

    @_guarded
    def has_something(self, recipients: Iterable[int], now: int) -> set[int]:
        """See `hub.store.Store`."""
        asked = int8_array(list(recipients))
        return {number for (number,) in self._run(sql.HAS_SOMETHING, {"asked": asked, "now": now})}

    @_guarded
    def find_waiting(self, message_ids: Iterable[bytes]) -> dict[bytes, Waiting]:
        """See `hub.store.Store`."""
        rows = self._run(sql.FIND_WAITING, (bytea_array(list(message_ids)),))
        return {row[0]: Waiting(*row) for row in rows}

    @_guarded
    def due(self, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        if self._nothing_is("due", now):
            return []
        return [Waiting(*row) for row in self._run(sql.READ_DUE, (now, most))]

    @_guarded
    def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
        """See `hub.store.Store`."""
        found: dict[bytes, tuple[bytes, bytes] | None] = {}
        for message_id, day, wrapped, key in self._run(sql.READ_PAYLOADS, (bytea_array(message_ids),)):
            opened = self._unwrapped(day, key, message_id)
            found[message_id] = None if opened is None else (wrapped, opened)
        return found

    @_guarded
    def ripen(self, now: int) -> int:
        """See `hub.store.Store`."""
        if self._nothing_is("ripe", now):
            return 0
        self._tell("ripen:before")
        ripe = int(self._run(sql.RIPEN, (now,))[0][0])
        self._tell("ripen:after")
        return ripe

    @_guarded
    def feed(self, address: int, after: int, most: int) -> list[FeedRow]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_FEED, (address, after, most))
        return [FeedRow(number, _CODE[code], *rest) for number, code, *rest in rows]

    @_guarded
    def notices(self, address: int, most: int) -> list[NoticeRow]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_NOTICES, (address, most))
        return [NoticeRow(number, kind, tuple(cbor2.loads(handles)), fact) for number, kind, handles, fact in rows]

    @_guarded
    def facts_of(self, address: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._pairs(sql.READ_FACTS, (address, index, most))

    @_guarded
    def registrations(self, recipient: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._pairs(sql.READ_REGISTRATIONS, (recipient, index, most))

    @_guarded
    def recovery(self) -> RecoveryRow | None:
        """See `hub.store.Store`."""
        self._glance()
        return self._recovery

    @_guarded
    def manifests(self, address: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._pairs(sql.READ_MANIFESTS, (address,))

    @_guarded
    def attestations(self, manifests: Iterable[bytes]) -> dict[bytes, bytes]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_ATTESTATIONS, (bytea_array(list(manifests)),))
        return {manifest: raw for manifest, raw in rows}  # noqa: C416  # rows are of any length

    @_guarded
    def table(self, table_hash: bytes) -> bytes | None:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_TABLE, (table_hash,))
        return rows[0][0] if rows else None

    @_guarded
    def entries(self, start: int, end: int) -> list[Entry]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_ENTRIES, (start, end))
        return [Entry(leaf, salt, record or b"") for leaf, salt, record in rows]

    @_guarded
    def records(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        return self._pairs(sql.READ_RECORDS, (start, end))

    @_guarded
    def standing(self, start: int) -> list[tuple[int, Entry]]:
        """See `hub.store.Store`."""
        rows = self._run(sql.READ_STANDING, (start,))
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
        rows = self._run(sql.READ_CHECKPOINT)
        return str(rows[0][0]) if rows else None

    @_guarded
    def keep_checkpoint(self, note: str, size: int) -> None:
        """See `hub.store.Store`."""
        self._tell("checkpoint:before")
        self._run(sql.KEEP_CHECKPOINT, (size, note))
        self._tell("checkpoint:after")

    @_guarded
    def faults(self) -> list[FaultRow]:
        """See `hub.store.Store`."""
        return [FaultRow(*row) for row in self._run(sql.READ_FAULTS)]

    @_guarded
    def fault_frame(self, number: int) -> bytes | None:
        """See `hub.store.Store`."""
        shas = {row.number: row.sha for row in self.faults() if row.number == number}
        rows = self._run(sql.READ_FAULT, (number,))
        key = self._unwrapped(rows[0][0], rows[0][2], shas[number][:16]) if rows and number in shas else None
        if key is None:
            return None
        try:
            return AESGCM(key).decrypt(_NONCE, rows[0][1], None)
        except InvalidTag:
            raise StoreError("the frame of a fault does not open under its key") from None

    @_guarded
    def backlog(self) -> dict[int, tuple[int, int]]:
        """See `hub.store.Store`."""
        return {number: (count, since) for number, count, since in self._run(sql.BACKLOG)}

    @_guarded
    def counts(self) -> dict[str, int]:
        """See `hub.store.Store`."""
        names = ("entries", "addresses", "waiting", "grants", "faults")
        return dict(zip(names, self._run(sql.COUNTS)[0], strict=True))

    @_guarded
    def forget(self, day: int, now: int) -> int:
        """See `hub.store.Store`.  Row by row independent: a crash in between leaves the rest for the next time."""
        gone = 0
        width = 256 if self.counts()["grants"] < _CHUNK else 1
        for prefix in range(0, 256, width):
            end = bytes([prefix + width]) if prefix + width < 256 else b"\xff" * 64
            gone += int(self._run(sql.FORGET_HANDLES, (bytes([prefix]), end, day))[0][0])
        first, size = int(self._run(sql.FIRST_ACCEPT)[0][0]), self._glance().head.size
        for low in range(first, size, _CHUNK):
            gone += self._change(sql.FORGET_OUTCOMES, (low, low + _CHUNK, now - OUTCOME_KEPT_MS))
        gone += int(self._run(sql.FORGET_LINES, (now - OUTCOME_KEPT_MS, now - NOTICE_KEPT_MS))[0][0])
        return gone + self._change(sql.FORGET_FAULTS, (now - FAULT_KEPT_MS, now))

    @_guarded
    def tidy(self, now: int) -> None:
        """See `hub.store.Store`: at most once a minute, makes the parts and keys of the days to come, drops the part of a
        day of which nothing waits, and destroys the keys under which nothing can wait any more."""
        if self._erased:
            # Frees the rows that were erased. Their bytes go when the page and the log of changes are written over.
            self._connected().execute(sql.TIDY_ERASED)
            self._erased = False
        if 0 <= now - self._tidied < TIDY_MS:
            return
        today = max(now, 0) // DAY_MS
        self._tell("tidy:before")
        if self._file.destroy(today - LONGEST_DAYS):
            self._keys = {day: key for day, key in self._keys.items() if day >= today - LONGEST_DAYS}
        for day in (today, today + 1):
            self._need_part(day)
        self._make_keys(range(today, today + KEYS_AHEAD_DAYS))
        for (day,) in self._run(sql.READ_PARTS):
            if day < today - 1:
                self._drop_part(day)
        self._change(sql.DROP_DAY_KEYS, (today - 2 * LONGEST_DAYS,))
        # A crash anywhere in between: each of these is whole by itself, and the next time goes on with the rest.
        self._tidied = now
        self._tell("tidy:after")

    @_guarded
    def unsafe(self) -> list[str]:
        """For the doctor: one sentence for each thing about the server or this machine that loses something one day."""
        db = self._connected()
        found = list(link.unsafe_settings(db))
        if link.standby_is_late(db):
            found.append(
                "there is a standby that commits do not wait for: made the primary, it lacks the last of them; "
                "name it in synchronous_standby_names"
            )
        today = self.now() // DAY_MS
        names, own = self._key_names(), self._file.read()
        if any(day >= today and (day not in own or name_of(own[day]) != name) for day, name in names.items()):
            found.append(f"this machine lacks keys of days to come: {COPY_KEYS}")
        return found

    def close(self) -> None:
        """See `hub.store.Store`."""
        with self._lock:
            self._refuses = "this store is closed"
            self._drop()

    @property
    def refuses(self) -> str:
        """Why this store does nothing any more: `LACKS`, or that it was moved elsewhere; empty while it works."""
        return self._refuses

    # -- what is read

    def _need_root(self) -> None:
        head = self.head()
        if Frontier.recover(self, head.size).root() != head.root:
            raise StoreError("the log does not lead to its root; restore a backup of the database")

    def _pairs(self, statement: str, values: Sequence[object]) -> list[tuple[int, bytes]]:
        return [(index, frame) for index, frame in self._run(statement, values)]  # as above

    def _nodes(self, level: int, tile: int, low: int, high: int) -> list[bytes]:
        rows = self._run(sql.READ_TILE, (level, tile))
        if rows:
            return [rows[0][0][at * 32 : at * 32 + 32] for at in range(low, high)]
        asked = (tile * TILE_WIDTH + low, tile * TILE_WIDTH + high)
        if level == 0:
            return [leaf_hash(leaf) for (leaf,) in self._run(sql.READ_LEAVES, asked)]
        return [root for (root,) in self._run(sql.READ_TILE_ROOTS, (level - 1, *asked))]

    def _grant(
        self, handle: bytes, version: int, last: int, stopped: bool, held_until: int, forget: int, packed: bytes
    ) -> GrantRow:
        sender, recipient, month, end, rule, ground, categories, terms = PACKED.unpack(packed)
        if ground not in self._spelled or categories not in self._spelled:
            self._read_words()
        words = self._spelled[categories]
        return GrantRow(
            handle,
            sender,
            recipient,
            month,
            None if end == NO_END else end,
            rule,
            self._spelled[ground],
            tuple(words.split("\n")) if words else (),
            terms,
            stopped,
            version,
            last,
            held_until,
            forget,
        )

    def _read_words(self) -> None:
        self._spelled = dict(self._run(sql.READ_WORDS))
        self._words = {word: number for number, word in self._spelled.items()}

    def _word(self, word: str) -> int:
        if word not in self._words:
            self._change(sql.ADD_WORD, (word,))
            # A crash here: a word that no grant names. Words are few and stay.
            self._read_words()
        return self._words[word]

    def _tell(self, name: str) -> None:
        if self._point is not None:
            self._point(name)
