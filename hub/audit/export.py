# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What leaves the log for people outside: the bytes of a leaf, an export of a whole log, a proof of one entry.

The formats are described where they are read and trusted, in `verify.py`. This side guarantees that nothing of an
erased record is written (there is nothing left to write), and that an export is refused here, not at the outsider's
desk, when its last checkpoint doesn't cover exactly the entries before it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

EXPORT_MAGIC = "schakel log export v1"
PROOF_MAGIC = "c2sp.org/tlog-proof@v1"
SALT_SIZE = 32

_COMMITMENT = b"\x00"
_PUBLIC = b"\x01"
_NO_SALT = "-"


@dataclass(frozen=True, slots=True)
class ExportEntry:
    """One entry as the log still has it: the record is absent once erased, the salt also for something public."""

    leaf: bytes
    salt: bytes | None = None
    record: bytes | None = None


def commitment_leaf(salt: bytes, record: bytes) -> bytes:
    """The leaf of a record: a salted commitment, in which nothing can be guessed once the salt is destroyed.

    Raises ValueError for a salt of another length: a free length would let record and salt be cut elsewhere.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError("the salt of a record has 32 bytes")
    return _COMMITMENT + sha256(salt + record).digest()


def public_leaf(content: bytes) -> bytes:
    """The leaf of something public, a manifest or a rule table."""
    return _PUBLIC + sha256(content).digest()


def write_export(entries: Iterable[ExportEntry], notes: Sequence[str]) -> Iterator[str]:
    """The lines of an export, each with its newline: all entries of the log, then checkpoints from old to new.

    Raises ValueError at its end when the last note isn't of exactly these entries.
    """
    yield EXPORT_MAGIC + "\n"
    count = 0
    for entry in entries:
        yield f"{count} {_entry_text(entry)}\n"
        count += 1
    if not notes or notes[-1].split("\n", 2)[1] != str(count):
        raise ValueError("the last checkpoint of an export is of exactly its entries")
    for note in notes:
        lines = note.removesuffix("\n").split("\n")
        yield f"checkpoint {len(lines)}\n"
        yield from (line + "\n" for line in lines)


def proof_text(index: int, path: Sequence[bytes], note: str, entry: ExportEntry) -> str:
    """A C2SP tlog-proof of one entry: its extra data is the entry as an export shows it, so the file stands alone."""
    extra = _base64(_entry_text(entry).encode())
    hashes = "".join(f"{_base64(one)}\n" for one in path)
    return f"{PROOF_MAGIC}\nextra {extra}\nindex {index}\n{hashes}\n{note}"


def _entry_text(entry: ExportEntry) -> str:
    if entry.record is None:
        return _base64(entry.leaf)
    salt = _NO_SALT if entry.salt is None else _base64(entry.salt)
    return f"{_base64(entry.leaf)} {salt} {_base64(entry.record)}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
