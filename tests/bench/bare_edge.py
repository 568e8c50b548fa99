# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The bare calls of an edge: the limit beside which sender and recipient are measured.

The same libraries, the statements that `adapters.store` prepares, records of the same size sealed and looked up in the
same way, batches of 200 a commit.  One read of what waits, and one write for each thing that must not be forgotten.
What is read of a batch is read in one statement, and what is there already is changed without its indexes,
as the edge does: a limit that does more than must be done would flatter who is measured beside it.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import cbor2
import nacl.bindings
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from jsonschema_rs import Draft202012Validator

from adapters.keys import StoreKey, opening_private, opening_public, opening_public_key
from adapters.store import EdgeStore, Table
from schemas.envelope import _HEADER
from tests.bench.measure import Loop

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
NONCE = bytes(12)
TABLES = {
    "item": Table("item", ("grant_made", "line", "event", "identity"), ("state", "due")),
    "grant_made": Table("grant_made", ("client", "line"), ("state",)),
    "handle": Table("handle", ("grant_made",)),
    "send": Table("send"),
    "answer": Table("answer", (), ("state", "due")),
    "promise": Table("promise"),
    "known": Table("known", ("secret",)),
    "introduced": Table("introduced", ("bsn", "client", "renews")),
    "gone": Table("gone"),
    "told": Table("told", ("client", "secret")),
    "notice": Table("notice", (), ("state",)),
    "proof": Table("proof"),
}
NAMES = ("control", "progress", "service")
SIZES = (512, 1024, 512)
PLAIN = {
    "control": {
        "kind": "event",
        "event": "0" * 32,
        "date": "2026-03-03",
        "late": False,
        "schemas": {"progress": "p/1"},
    },
    "progress": {"kind": "gestart", "date": "2026-03-03"},
    "service": {"law": "wmo", "reference": "A1"},
}
SCHEMA = Draft202012Validator({"type": "object", "properties": {"date": {"type": "string", "format": "date"}}})
HEADER = (
    b'{"specversion":"1.0","id":"%s","source":"urn:nld:oin:00000000000000000001:team-wmo","type":"nl.schakel.envelope.v1",'
    b'"time":"2026-03-03T09:00:00Z","recipient":"urn:nld:oin:00000000000000000002:provider-wmo","handle":"%s",'
    b'"sequence":"00000001","terms":"' + b"0" * 64 + b'","traceparent":"00-' + b"1" * 32 + b"-" + b"1" * 16 + b'-01",'
    b'"suite":"xwing","signkey":"' + b"2" * 16 + b'","sealkey":"' + b"3" * 16 + b'"}'
)


def _sha(data: bytes) -> bytes:
    return sha256(data).digest()


def _put(store: EdgeStore, name: str, key: bytes, record: list[object]) -> None:
    """What `Transaction.put` does, with its libraries and its statement."""
    table = TABLES[name]
    prepared = store._of(table)
    token, nonce = prepared.key.token(key), os.urandom(12)
    sealed = nonce + store._aead.encrypt(nonce, cbor2.dumps([key, record]), prepared.bound + token)
    row: list[object] = [token, sealed, *(0 for _ in table.plain)]
    row += [lookup.token(key) for lookup in prepared.indexes.values()]
    store._db.execute(prepared.put, row)


def _change(store: EdgeStore, name: str, key: bytes, record: list[object]) -> None:
    """What `Transaction.change` does."""
    table = TABLES[name]
    prepared = store._of(table)
    token, nonce = prepared.key.token(key), os.urandom(12)
    sealed = nonce + store._aead.encrypt(nonce, cbor2.dumps([key, record]), prepared.bound + token)
    store._db.execute(prepared.change, [sealed, *(0 for _ in table.plain), token])


def _insert(store: EdgeStore, name: str, key: bytes, record: list[object]) -> None:
    """What `Transaction.put` does where a record is found by its key alone."""
    prepared = store._of(TABLES[name])
    token, nonce = prepared.key.token(key), os.urandom(12)
    sealed = nonce + store._aead.encrypt(nonce, cbor2.dumps([key, record]), prepared.bound + token)
    store._db.execute(prepared.put, [token, sealed])


def _read(store: EdgeStore, name: str, keys: list[bytes]) -> list[object]:
    """What `Transaction.read_ahead` does."""
    prepared = store._of(TABLES[name])
    tokens = [prepared.key.token(key) for key in keys]
    marks = ", ".join("?" * len(tokens))
    rows = store._db.execute(f"SELECT key, sealed FROM r_{name} WHERE key IN ({marks})", tokens)  # noqa: S608
    return [
        cbor2.loads(store._aead.decrypt(sealed[:12], sealed[12:], prepared.bound + token)) for token, sealed in rows
    ]


def _values(size: int) -> list[object]:
    """The values of a record of a dozen fields with a blob, as a shelf writes them."""
    return [*range(8), "0" * 32, bytes(size)]


def _fill(folder: Path, names: tuple[str, ...], keys: list[bytes], size: int) -> EdgeStore:
    store = EdgeStore.create(folder, StoreKey.from_secret(os.urandom(32)))
    for table in TABLES.values():
        store._of(table)
    store._db.execute("BEGIN")
    for key in keys:
        for name in names:
            _put(store, name, key, _values(size))
    store._db.execute("COMMIT")
    store.forget_deleted()  # what was there before is not part of what is timed
    return store


def sender(folder: Path, count: int, batch: int) -> Loop:
    """Read what waits, its grant and handle; validate, seal, sign; keep item, number and id; send; keep the answer."""
    keys = [os.urandom(16) for _ in range(count)]
    store = _fill(folder, ("item", "grant_made", "handle"), keys, 300)
    public, secret = (
        opening_public_key(opening_public(os.urandom(32))),
        nacl.bindings.crypto_sign_seed_keypair(bytes(32))[1],
    )
    small, waits, answered = _values(0), _values(300), _values(4400)

    def loop() -> int:
        for start in range(0, count, batch):
            some = keys[start : start + batch]
            for name in ("item", "grant_made", "handle"):
                _read(store, name, some)
            store._db.execute("BEGIN IMMEDIATE")
            for key in some:
                frame = _seal(public, secret)
                _change(store, "handle", key, small)
                _insert(store, "send", key, small)
                _change(store, "item", key, [*waits, frame])
            store._db.execute("COMMIT")
            store._db.execute("BEGIN IMMEDIATE")
            for key in some:
                _change(store, "item", key, answered)
            store._db.execute("COMMIT")
        store.close()
        return count

    return loop


def _seal(public: object, secret: bytes) -> bytes:
    header = HEADER % (os.urandom(16).hex().encode(), os.urandom(16).hex().encode())
    bound, keys, parts = _sha(header), [], []
    for name, size in zip(NAMES, SIZES, strict=True):
        SCHEMA.is_valid(PLAIN[name])
        text = orjson.dumps(PLAIN[name], option=orjson.OPT_SORT_KEYS)
        key = os.urandom(32)
        padded = len(text).to_bytes(4, "big") + text.ljust(size - 4, b"\0")
        parts.append(AESGCM(key).encrypt(NONCE, padded, bound + name.encode()))
        keys.append(key)
    box = SUITE.encrypt(b"".join(keys), public, info=b"schakel/envelope/v1\0" + bound)  # type: ignore[arg-type]
    listing = cbor2.dumps([[name, _sha(part)] for name, part in zip(NAMES, parts, strict=True)])
    leaf = _sha(b"\0" + b"schakel/sign/envelope/v1\0" + bound + _sha(box) + _sha(listing))
    ed25519 = nacl.bindings.crypto_sign(b"schakel/sign/root/v1\0" + leaf, secret)[:64]
    return cbor2.dumps([1, header, box, listing, [ed25519, 0, []], parts])


def recipient(folder: Path, count: int, batch: int) -> Loop:
    """Parse, verify, open, validate; look up what decides; keep event, notice and answer, and what of a batch is to be proven;
    sign the receipts."""
    keys = [os.urandom(16) for _ in range(count)]
    store = _fill(folder, ("promise", "known", "introduced"), keys, 200)
    seed = os.urandom(32)
    public_key, secret = nacl.bindings.crypto_sign_seed_keypair(bytes(32))
    frames = [_seal(opening_public_key(opening_public(seed)), secret) for _ in keys]
    private = opening_private(seed)
    record, salt = os.urandom(40), os.urandom(32)
    event, notice, answer, signed = _values(300), _values(0), _values(64), _values(400)
    proof = [1, 20_000, salt]

    def loop() -> int:
        for start in range(0, count, batch):
            store._db.execute("BEGIN IMMEDIATE")
            for name in ("answer", "promise", "known", "introduced", "gone", "told"):
                _read(store, name, keys[start : start + batch])
            for key, raw in zip(keys[start : start + batch], frames[start : start + batch], strict=True):
                _open(raw, private, public_key)
                _sha(b"\0" + b"\0" + _sha(salt + record))
                _put(store, "told", key, event)
                _put(store, "notice", key, notice)
                _put(store, "answer", key, answer)
            _put(store, "proof", keys[start], [[key, *proof] for key in keys[start : start + batch]])
            store._db.execute("COMMIT")
            leaves = [_sha(b"\0" + _sha(cbor2.dumps([1, key, "stored", 20_000, salt[:16]]))) for key in keys[:batch]]
            ed25519 = nacl.bindings.crypto_sign(b"".join(leaves), secret)[:64]
            receipts = [
                cbor2.dumps([1, key, "stored", 20_000, salt[:16], [ed25519, 0, leaves[:7]]]) for key in keys[:batch]
            ]
            store._db.execute("BEGIN IMMEDIATE")
            for key, _ in zip(keys[start : start + batch], receipts, strict=True):
                _change(store, "answer", key, signed)
            store._db.execute("COMMIT")
        store.close()
        return count

    return loop


def _open(raw: bytes, private: object, public_key: bytes) -> None:
    item = cbor2.loads(raw)
    assert cbor2.dumps(item) == raw
    _, header, box, listing, (ed25519, _, _), parts = item
    _HEADER.match(header)
    bound = _sha(header)
    pairs = cbor2.loads(listing)
    leaf = _sha(b"\0" + b"schakel/sign/envelope/v1\0" + bound + _sha(box) + _sha(listing))
    nacl.bindings.crypto_sign_open(ed25519 + b"schakel/sign/root/v1\0" + leaf, public_key)
    keys = SUITE.decrypt(box, private, info=b"schakel/envelope/v1\0" + bound)  # type: ignore[arg-type]
    for at, ((name, digest), part) in enumerate(zip(pairs, parts, strict=True)):
        assert _sha(part) == digest
        padded = AESGCM(keys[32 * at : 32 * at + 32]).decrypt(NONCE, part, bound + name.encode())
        text = padded[4 : 4 + int.from_bytes(padded[:4], "big")]
        value = orjson.loads(text)
        assert orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == text
        SCHEMA.is_valid(value)
