# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What leaves the log for people outside: an export of a whole log, a proof of one entry.

The formats are described where they are read and trusted, in `verify.py`. This side guarantees that nothing of an
erased record is written, its salt included, and that an export is refused here, not at the outsider's desk, when its
last checkpoint doesn't cover exactly the entries before it.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from schemas.entry import Entry

EXPORT_MAGIC = "schakel log export v1"
PROOF_MAGIC = "c2sp.org/tlog-proof@v1"

_NO_SALT = "-"
_LEAF = 33  # bytes


def write_export(entries: Iterable[Entry], notes: Sequence[str]) -> Iterator[str]:
    """The lines of an export, each with its newline: all entries of the log, then checkpoints from old to new.

    An entry whose record was erased, or isn't to be shown, comes with an empty record.

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


class ExportError(ValueError):
    """This export can't be read, or shows a record that is not the one of its leaf; names the line, never its content."""


def read_export(lines: Iterable[str]) -> Iterator[Entry]:
    """The entries in the lines of an export that follow its first.  That a hub signed them is `verify.py`'s to say.

    Raises ExportError at a line that is none of an entry, is out of order, or whose record is not that of its leaf.
    """
    for count, line in enumerate(lines):
        if line.startswith("checkpoint "):
            return
        number, _, rest = line.rstrip("\n").partition(" ")
        entry = _entry_of(rest) if number == str(count) else None
        if entry is None:
            raise ExportError(
                f"entry {count} of the export is broken: make it anew with `schakel audit verify --export`"
            )
        yield entry


def _entry_of(text: str) -> Entry | None:
    """The entry that `_entry_text` wrote; None when the record is not the one of the leaf."""
    try:
        leaf, *shown = (None if one == _NO_SALT else a2b_base64(one, strict_mode=True) for one in text.split(" "))
    except ValueError:
        return None
    if leaf is None or len(leaf) != _LEAF or len(shown) not in (0, 2):
        return None
    if not shown:
        return Entry(leaf, None, b"")
    salt, record = shown
    if record is None:
        return None
    kind = b"\1" if salt is None else b"\0"
    return Entry(leaf, salt, record) if leaf == kind + sha256((salt or b"") + record).digest() else None


def proof_text(index: int, path: Sequence[bytes], note: str, entry: Entry) -> str:
    """A C2SP tlog-proof of one entry: its extra data is the entry as an export shows it, so the file stands alone."""
    extra = _base64(_entry_text(entry).encode())
    hashes = "".join(f"{_base64(one)}\n" for one in path)
    return f"{PROOF_MAGIC}\nextra {extra}\nindex {index}\n{hashes}\n{note}"


def _entry_text(entry: Entry) -> str:
    if not entry.record:  # as the store gives an erased one; no record that was logged is empty
        return _base64(entry.leaf)
    salt = _NO_SALT if entry.salt is None else _base64(entry.salt)
    return f"{_base64(entry.leaf)} {salt} {_base64(entry.record)}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
