# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Everything that a folder of a hub holds, laid open for a search.

* Every file is taken as it lies there, its name too: database, WAL, key file, lock and temporary files.
* Every SQLite file is also read value by value from a copy, at each commit that its WAL still holds.
* Frames are taken apart, text in hex, base64 and percent signs is turned back, at any depth.
* Every value of 32 bytes is tried as the key of every wrapped payload and of every sealed part, and as the seed of
  every opening key that a manifest names.

What can't be read raises `SearchError`: a search that skipped something must not say that nothing was found.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keys import opening_private, opening_public
from adapters.seal import UnreadableError, open_parts, open_retraction
from hub.store_sqlite_sql import PACKED
from schemas.canonical import FrameError, decode_array
from schemas.envelope import Envelope, parse
from schemas.manifest import parse_manifest

NAMES = "names of files"
GIVEN = "keys of the hub"
_SQLITE = b"SQLite format 3\0"
_NONCE = bytes(12)
_KEY = 32
_FRAME_HEADER = 24
_WAL_HEADER = 32
_HEX = re.compile(rb"[0-9a-fA-F]{18,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_PERCENT = re.compile(rb"(?:%[0-9a-fA-F]{2}|[A-Za-z0-9_.~+-]){5,}")


class SearchError(Exception):
    """Something in the folder can't be read, so nothing can be said about it."""


class Storage:
    """What was found: `pieces` of bytes with the file they stand in, whole `numbers`, and short `values`."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self.pieces: dict[bytes, str] = {}
        self.numbers: dict[int, str] = {}
        self.values: set[bytes] = set()  # of 16 and of 32 bytes: whatever could be the key of an HMAC
        self.opening_keys: set[str] = set()  # the files in which a private opening key of a partner stands
        self._wrapped: dict[bytes, str] = {}
        for key in keys:
            self.add(GIVEN, key)

    def add(self, file: str, data: bytes) -> None:
        """Takes in a piece, with everything that it holds in another form."""
        if not data or data in self.pieces:
            return
        self.pieces[data] = file
        self._values_of(data)
        if 0x80 <= data[0] < 0xA0:
            self._take_apart(file, data)
        for form in _turned_back(data):
            self.add(file, form)

    def add_row(self, file: str, columns: Iterable[str], row: Iterable[object]) -> None:
        """Takes in a row of a database."""
        for name, value in zip(columns, row, strict=True):
            if isinstance(value, bytes):
                if name == "wrapped":
                    self._wrapped[value] = file
                if name == "hashes":
                    self.add_slots(value)
                if name == "packed" and len(value) == PACKED.size:
                    self.add(file, PACKED.unpack(value)[-1])
                self.add(file, value)
            elif isinstance(value, (int, float)):
                self._number(file, value)

    def open_all(self) -> None:
        """Opens whatever opens under a key that stands here, until nothing new opens."""
        tried: set[bytes] = set()
        while new := {value for value in self.values if len(value) == _KEY} - tried:
            tried |= new
            self._unwrap(tried)
            self._open_envelopes(tried)

    def _unwrap(self, keys: Iterable[bytes]) -> None:
        ciphers = [AESGCM(key) for key in keys]
        for wrapped, file in self._wrapped.items():
            for plain in _opened(ciphers, wrapped, None):
                self.add(file, plain)

    def _open_envelopes(self, keys: Iterable[bytes]) -> None:
        published = self._published()
        ciphers = [AESGCM(key) for key in keys]
        private = {key: opening_public(key) for key in keys}
        private = {key: public for key, public in private.items() if public in published}
        self.opening_keys |= {self._file_of(key) for key in private}
        for envelope, file in self._envelopes():
            bound = sha256(envelope.header).digest()
            for name, part in zip(envelope.names, envelope.parts, strict=True):
                for plain in _opened(ciphers, part, bound + name.encode()):
                    self.add(file, plain)
            for key in private:
                for plain in _opened_box(envelope, key):
                    self.add(file, plain)

    def _envelopes(self) -> list[tuple[Envelope, str]]:
        found = []
        for data, file in self.pieces.items():
            if data[0] == 0x86:  # an array of six
                try:
                    found.append((parse(data), file))
                except FrameError:
                    continue
        return found

    def _published(self) -> set[bytes]:
        found: set[bytes] = set()
        for data in self.pieces:
            if 0x80 <= data[0] < 0xA0:
                try:
                    manifest = parse_manifest(data).manifest
                except FrameError:
                    continue
                found |= {key.public for key in manifest.opening}
        return found

    def _file_of(self, value: bytes) -> str:
        return next((file for data, file in self.pieces.items() if value in data), GIVEN)

    def _take_apart(self, file: str, data: bytes) -> None:
        try:
            items: list[object] = decode_array(data, data[0] - 0x80) if data[0] < 0x98 else [cbor2.loads(data)]
        except (FrameError, cbor2.CBORError, ValueError, OverflowError, RecursionError, MemoryError, TypeError):
            return  # bytes that only begin as a frame does
        while items:
            item = items.pop()
            if isinstance(item, list):
                items += item
            elif isinstance(item, str):
                self.add(file, item.encode())
            elif isinstance(item, bytes):
                self.add(file, item)
            elif isinstance(item, int):
                self._number(file, item)

    def _number(self, file: str, value: float) -> None:
        if value == int(value):
            self.numbers.setdefault(int(value), file)

    def _values_of(self, data: bytes) -> None:
        if len(data) in {16, _KEY}:
            self.values.add(data)
        elif len(data) == _KEY + 1:  # a leaf
            self.values.add(data[1:])

    def add_slots(self, data: bytes) -> None:
        """Takes in keys or hashes that stand side by side."""
        self.values |= {data[at : at + _KEY] for at in range(0, len(data) - _KEY + 1, _KEY)} - {bytes(_KEY)}


def read_folder(folder: Path, keys: Iterable[bytes] = (), *, history: bool = True) -> Storage:
    """Everything in this folder; `history`: also each earlier state of a database that its WAL still holds.

    Raises:
        SearchError: a file that can't be read, or a database that can't be opened.
    """
    storage = Storage(keys)
    if not folder.is_dir():
        raise SearchError(f"{folder}: there is no such folder")
    try:
        # A WAL before its database: what a hub at work moves from the one to the other meanwhile is seen twice, not never.
        for path in sorted(folder.rglob("*"), key=lambda path: (not path.name.endswith("-wal"), path)):
            name = path.relative_to(folder).as_posix()
            storage.add(NAMES, name.encode())
            if path.is_file():
                _read_file(storage, path, name, history)
    except (OSError, sqlite3.Error) as error:
        raise SearchError(f"{folder}: not everything here can be read ({error})") from error
    storage.open_all()
    return storage


def read_texts(texts: Mapping[str, bytes], keys: Iterable[bytes] = ()) -> Storage:
    """What was printed or logged, by the name of where it appeared; `keys` as in `read_folder`."""
    storage = Storage(keys)
    for name, text in texts.items():
        storage.add(name, text)
    return storage


def _read_file(storage: Storage, path: Path, name: str, history: bool) -> None:
    content = path.read_bytes()
    storage.add(name, content)
    if not content.startswith(_SQLITE) and not name.endswith("-wal"):
        storage.add_slots(content)
    if content.startswith(_SQLITE):
        wal = path.with_name(f"{path.name}-wal")
        log = wal.read_bytes() if wal.is_file() else b""
        ends = _commits(log)
        if ends and history:
            for end in [0, *ends[:-1]]:
                # Pages of later commits may stand in the file already; then there is no such state any more to read
                # value by value, and its bytes have been taken in as they lie.
                with suppress(sqlite3.DatabaseError):
                    _read_database(storage, name, content, log[:end])
        _read_database(storage, name, content, log)


def _commits(wal: bytes) -> list[int]:
    """Where each commit of a WAL ends (sqlite.org/fileformat2.html, section 4)."""
    if len(wal) < _WAL_HEADER:
        return []
    step = _FRAME_HEADER + int.from_bytes(wal[8:12], "big")
    salts, ends = wal[16:24], []
    for start in range(_WAL_HEADER, len(wal) - step + 1, step):
        if wal[start + 8 : start + 16] != salts:
            break  # frames of an earlier round, which SQLite does not read either
        if any(wal[start + 4 : start + 8]):
            ends.append(start + step)
    return ends


def _read_database(storage: Storage, name: str, content: bytes, wal: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy.db"
        copy.write_bytes(content)
        copy.with_name("copy.db-wal").write_bytes(wal)
        db = sqlite3.connect(copy, isolation_level=None)
        try:
            db.text_factory = bytes
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = db.execute(f'SELECT * FROM "{table.decode()}"')  # noqa: S608  # a name out of this very file
                columns = [column[0] for column in rows.description]
                for row in rows:
                    storage.add_row(name, columns, row)
        finally:
            db.close()


def _turned_back(data: bytes) -> Iterator[bytes]:
    for found in _HEX.findall(data):
        for start in (0, 1):
            run = found[start:]
            yield bytes.fromhex(run[: len(run) & ~1].decode())
    for found in _BASE64.findall(data):
        run = found.translate(bytes.maketrans(b"+/", b"-_"))
        for start in range(4):
            piece = run[start:]
            if len(piece) % 4 == 1:
                piece = piece[:-1]
            try:
                yield urlsafe_b64decode(piece + b"=" * (-len(piece) % 4))
            except Base64Error:  # pragma: no cover  # no run of this alphabet and length is refused
                continue
    for found in _PERCENT.findall(data):
        if b"%" in found:
            yield unquote_to_bytes(found)


def _opened(ciphers: Iterable[AESGCM], sealed: bytes, bound: bytes | None) -> Iterator[bytes]:
    for cipher in ciphers:
        try:
            yield cipher.decrypt(_NONCE, sealed, bound)
        except (InvalidTag, ValueError):
            continue


def _opened_box(envelope: Envelope, seed: bytes) -> Iterator[bytes]:
    private = opening_private(seed)
    try:
        if envelope.retraction:
            yield open_retraction(envelope, private)
        else:
            yield from open_parts(envelope, private).values()
    except UnreadableError:
        return
