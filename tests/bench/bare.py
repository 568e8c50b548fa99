# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The bare calls of an accept and of a delivery: the limit beside which the hub is measured.

The same libraries, the statements of `hub.store_sqlite_sql`, the same batches and the same file settings, the key file
included; no rule, no check but the comparison that a library gives, no object of ours.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import cbor2
import nacl.bindings
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import store_sqlite_sql as sql
from schemas.envelope import _HEADER

ROOT = b"schakel/sign/root/v1\0"
TAG = b"schakel/sign/envelope/v1\0"
NONCE = bytes(12)


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class BareStore:
    """A connection with the settings of the store, a key file, and counters where the store has rows."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.db = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self.db.execute(f"PRAGMA page_size = {sql.PAGE_SIZE}")
        for name, value, _ in sql.SETTINGS:
            self.db.execute(f"PRAGMA {name} = {value}")
        self.db.executescript(sql.SCHEMA)
        self.db.execute(sql.FIRST_HEAD, (bytes(32),))
        self.keys = os.open(folder / "bare.keys", os.O_RDWR | os.O_CREAT)
        os.pwrite(self.keys, bytes(32 * 65536), 0)
        os.fsync(self.keys)
        self.slots = list(range(65536, 0, -1))
        self.size = 0
        self.feed = 0

    def log(self, records: Sequence[object]) -> list[tuple[object, ...]]:
        """Rows of entries, with their leaves; the tree costs about one hash of a leaf and one of a node."""
        rows: list[tuple[object, ...]] = []
        for record in records:
            salt, raw = os.urandom(32), cbor2.dumps(record)
            leaf = b"\0" + _sha(salt + raw)
            _sha(b"\1" + _sha(b"\0" + leaf) + salt)
            rows.append((self.size, leaf, salt, raw))
            self.size += 1
        return rows

    def head(self, start: int) -> None:
        """The row of the head."""
        self.db.execute(sql.MOVE_HEAD, (self.size, bytes(32), -1, 0, 0, start))

    def tell(self, rows: Sequence[tuple[bytes, str]]) -> None:
        """Lines of one feed."""
        self.db.execute(sql.READ_COUNTER, (1,)).fetchone()
        lines = []
        for message_id, code in rows:
            self.feed += 1
            lines.append((1, self.feed, 0, code, message_id, None, None))
        self.db.executemany(sql.TELL, lines)
        self.db.execute(sql.MOVE_COUNTER, (1, self.feed, 0))

    def put_keys(self, keys: Sequence[bytes]) -> list[int]:
        """Keys into slots side by side, durable."""
        slots = [self.slots.pop() for _ in keys]
        os.pwrite(self.keys, b"".join(keys), slots[0] * 32)
        os.fdatasync(self.keys)
        return slots

    def zero_keys(self, slots: Sequence[int]) -> None:
        """Zeros over slots side by side, durable."""
        os.pwrite(self.keys, bytes(32 * len(slots)), slots[0] * 32)
        os.fdatasync(self.keys)


def verify(ed25519: bytes, root: bytes, public: bytes, seen: dict[bytes, bytes], alone: bool) -> None:
    """One Ed25519 verification per root."""
    if alone or seen.get(root) != ed25519:
        nacl.bindings.crypto_sign_open(ed25519 + ROOT + root, public)
        seen[root] = ed25519


def way_up(leaf: bytes, turns: int, path: Sequence[bytes]) -> bytes:
    """The root above a signed frame."""
    node = _sha(b"\0" + leaf)
    for sibling in path:
        node = _sha(b"\1" + (sibling + node if turns & 1 else node + sibling))
        turns >>= 1
    return node


def fill(store: BareStore, frames: Sequence[bytes]) -> None:
    """A row per handle, as registered grants."""
    rows = []
    for raw in frames:
        match = _HEADER.fullmatch(cbor2.loads(raw)[1])
        assert match is not None
        packed = sql.PACKED.pack(1, 2, 24_000, sql.NO_END, 1, 1, 2, bytes(32))
        rows.append((bytes.fromhex(match[5].decode()), 1, 0, 0, 0, 30_000, packed))
    store.db.execute("BEGIN")
    store.db.executemany(sql.REGISTER, rows)
    store.db.executemany("INSERT INTO address VALUES (?, ?, 'admitted', 1, NULL, NULL)", [(1, "a"), (2, "b")])
    store.db.execute("COMMIT")


def accept(store: BareStore, frames: Sequence[bytes], public: bytes, batch: int) -> int:
    """Parse, hash, verify, look up, wrap, commit."""
    seen: dict[bytes, bytes] = {}
    for at in range(0, len(frames), batch):
        parsed = []
        for raw in frames[at : at + batch]:
            item = cbor2.loads(raw)
            assert cbor2.dumps(item) == raw
            _, header, box, listing, (ed25519, turns, path), parts = item
            match = _HEADER.fullmatch(header)
            assert match is not None
            for (_, digest), part in zip(cbor2.loads(listing), parts, strict=True):
                assert _sha(part) == digest
            root = way_up(TAG + _sha(header) + _sha(box) + _sha(listing), turns, path)
            verify(ed25519, root, public, seen, not path)
            parsed.append((raw, _sha(raw), bytes.fromhex(match[1].decode()), bytes.fromhex(match[5].decode())))
        _accept_batch(store, parsed)
    return len(frames)


def _accept_batch(store: BareStore, parsed: Sequence[tuple[bytes, bytes, bytes, bytes]]) -> None:
    run, start = store.db.execute, store.size
    joins, payloads, uses, tells, keys, records = [], [], [], [], [], []
    for place, (raw, sha, message_id, handle) in enumerate(parsed):
        row = run(sql.READ_GRANT, (handle,)).fetchone()
        run(sql.READ_STORED, (message_id,)).fetchone()
        sql.PACKED.unpack(row[6])
        key = os.urandom(32)
        names = ["control", "progress", "service"]
        record = [1, 20_000, "accept", message_id, sha, False, handle, 1, 1, 2, "a" * 16, "b" * 16, names, sha, 1]
        records.append([*record, [sha, sha], 5, "accepted"])
        joins.append([start + place, message_id, sha, 1, 2, 0, 0, handle, 0, 0])
        payloads.append((start + place, AESGCM(key).encrypt(NONCE, raw, None)))
        uses.append((1, handle, 1, 0))
        tells.append((message_id, "accepted"))
        keys.append(key)
    entries, slots = store.log(records), store.put_keys(keys)
    for join, slot in zip(joins, slots, strict=True):
        join[6] = slot
    run("BEGIN IMMEDIATE")
    run(sql.READ_ADDRESS_VERSION, (1,)).fetchone()
    run(sql.READ_ADDRESS_VERSION, (2,)).fetchone()
    store.db.executemany(sql.USE, uses)
    store.db.executemany(sql.JOIN, joins)
    store.db.executemany(sql.ADD_PAYLOAD, payloads)
    store.tell(tells)
    store.db.executemany(sql.ADD_ENTRY, entries)
    store.head(start)
    run("COMMIT")


def deliver(store: BareStore, batch: int, receipts: dict[bytes, bytes], public: bytes) -> int:
    """Hand over, then the receipts: read, open, enter, commit; parse, verify, enter, commit, destroy."""
    run, count = store.db.execute, 0
    while rows := run(sql.READ_FRESH, (2, 1, batch)).fetchall():
        run(sql.READ_LAPSED, (2, 1, 1, batch)).fetchall()
        records, offers = [], []
        for row in rows:
            slot, wrapped = run(sql.READ_PAYLOAD, (row[0],)).fetchone()
            raw = AESGCM(os.pread(store.keys, 32, slot * 32)).decrypt(NONCE, wrapped, None)
            _HEADER.fullmatch(cbor2.loads(raw)[1])
            sql.PACKED.unpack(run(sql.READ_GRANT, (row[3],)).fetchone()[6])
            records.append([1, 20_000, "hand-over", row[4], 1, 5, "accepted"])
            offers.append((1, 1, 60_000, 60_000, row[0], 1))
        start, entries = store.size, store.log(records)
        run("BEGIN IMMEDIATE")
        run(sql.READ_ADDRESS_VERSION, (1,)).fetchone()
        run(sql.READ_ADDRESS_VERSION, (2,)).fetchone()
        for row in rows:
            run(sql.READ_GRANT_VERSION, (row[3],)).fetchone()
        store.db.executemany(sql.OFFER, offers)
        store.db.executemany(sql.ADD_ENTRY, entries)
        store.head(start)
        run("COMMIT")
        _receive(store, [row[0] for row in rows], receipts, public)
        count += len(rows)
    return count


def _receive(store: BareStore, ids: Sequence[bytes], receipts: dict[bytes, bytes], public: bytes) -> None:
    run, seen = store.db.execute, dict[bytes, bytes]()
    records, leaves, slots, tells = [], [], [], []
    for message_id in ids:
        raw = receipts[message_id]
        item = cbor2.loads(raw)
        assert cbor2.dumps(item) == raw
        ed25519, turns, path = item[5]
        root = way_up(b"schakel/sign/receipt/v1\0" + _sha(cbor2.dumps(item[:5])), turns, path)
        verify(ed25519, root, public, seen, not path)
        accept_index = run(sql.FIND_WAITING, (message_id,)).fetchone()[4]
        records.append([1, 20_000, "receipt", accept_index, "stored", raw])
        tells.append((message_id, "stored"))
    start, entries = store.size, store.log(records)
    run("BEGIN IMMEDIATE")
    for message_id in ids:
        accept_index, slot = run(sql.FIND_SLOT, (message_id,)).fetchone()
        leaves.append(("stored", 0, accept_index))
        slots.append(slot)
    store.db.executemany(sql.LEAVE, leaves)
    store.db.executemany(sql.DROP_PAYLOAD, [row[2:] for row in leaves])
    store.tell(tells)
    store.db.executemany(sql.ADD_ENTRY, entries)
    store.head(start)
    run("COMMIT")
    store.zero_keys(sorted(slots))
