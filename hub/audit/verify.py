# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Check the audit log of a Schakel hub without trusting the hub: read this file, then run it.

    python verify.py log.export VERIFIER-KEY [--previous NOTE]
    python verify.py entry.tlog-proof VERIFIER-KEY

It uses Python's own library (3.11 or newer) and one of `nacl` or `cryptography`, and nothing of Schakel. The few
lines on Merkle trees and signed notes stand in the hub too (`merkle.py`, `checkpoint.py`); they are repeated here on
purpose, and a test holds the two against each other. Exit code 0: everything holds; 1: something doesn't; 2: wrong use.

An export shows that the hub, in every checkpoint in it, signed exactly these entries in this order; that each record
still shown is the one that was logged; and, with `--previous`, that nothing before a checkpoint you kept has changed
since. It does not show that the decisions in the records were right, nor that who destroyed a record was allowed to:
replay recomputes the former, and asks of every record that is gone for an erasure behind it that was lawful.

**The export** is UTF-8 text, lines end in a newline, values are base64 (RFC 4648, section 4):

    schakel log export v1                    the first line
    INDEX LEAF                               an entry whose record was erased, or isn't shown
    INDEX LEAF SALT RECORD                   an entry with its record (salt of 32 bytes)
    INDEX LEAF - CONTENT                     an entry that is public, so without a salt
    checkpoint N                             N lines follow: one C2SP signed note, verbatim

Entries are numbered from 0 without a gap; then one checkpoint or more, from old to new, the last of them over all
entries. A leaf is 33 bytes: 0x00 and SHA-256(salt + record), or 0x01 and SHA-256(content). The root of the leaves is
that of RFC 6962, section 2.1. A destroyed record leaves its leaf, so every proof stays valid.

**The proof** is a C2SP tlog-proof@v1; its line `extra` is base64 of the entry as an export shows it, without index.
"""

from __future__ import annotations

import argparse
import re
import sys
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path

try:
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    def _is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            VerifyKey(public_key).verify(message, signature)
        except BadSignatureError:
            return False
        return True

except ImportError:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    def _is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


EXPORT_MAGIC = "schakel log export v1"
PROOF_MAGIC = "c2sp.org/tlog-proof@v1"
LINE_LIMIT = 8 << 20
NOTE_LIMIT = 4096
NOTE_LINES_LIMIT = 64
FAULTS_SHOWN = 20

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAME = re.compile(r"[\x00-\x1f+\ud800-\udfff]")  # the last are halves of characters, without UTF-8
# The last digit before "==" and "=" ends in four and in two bits that decode to nothing: they must be zero.
_LAST_DIGITS = ("", "AQgw", "AEIMQUYcgkosw048")
_SIZE_LIMIT = 1 << 63


class Unsound(ValueError):
    """What was given doesn't hold, in one sentence without a word of its content."""


@dataclass(frozen=True, slots=True)
class Head:
    """Origin, size and root that a note was signed for."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What an export was found to be; sound when there are no faults."""

    head: Head | None
    entries: int
    records: int
    public: int
    erased: int
    checkpoints: int
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class ProofReport:
    """What a proof of one entry was found to be; the record is absent when the proof doesn't show it."""

    head: Head | None
    index: int
    leaf: bytes
    record: bytes | None
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.faults


@dataclass(slots=True)
class _Findings:
    """What was seen so far, kept up while reading, so that a report of a broken file says how far it got."""

    head: Head | None = None
    leaf_hashes: bytearray = field(default_factory=bytearray)
    records: int = 0
    public: int = 0
    erased: int = 0
    checkpoints: int = 0
    faults: list[str] = field(default_factory=list)
    more: int = 0

    def fault(self, sentence: str) -> None:
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(sentence)
        else:
            self.more += 1

    def report(self) -> Report:
        faults = [*self.faults, f"and {self.more} more of this kind"] if self.more else self.faults
        entries = len(self.leaf_hashes) // 32
        shown = (entries, self.records, self.public, self.erased, self.checkpoints)
        return Report(self.head, *shown, tuple(faults))


# ------------------------------------------------------------------------------------------------- a whole log


def verify_export(lines: Iterable[str], vkey: str, previous_note: str | None = None) -> Report:
    """Check an export, line by line, against the hub's verifier key and a checkpoint kept from before."""
    found = _Findings()
    try:
        _verify_export(iter(lines), vkey, previous_note, found)
    except UnicodeDecodeError:
        found.fault("the file isn't UTF-8 text")
    except Unsound as unsound:
        found.fault(str(unsound))
    return found.report()


def _verify_export(lines: Iterator[str], vkey: str, previous_note: str | None, found: _Findings) -> None:
    # 1. The key, and the checkpoint that was kept.
    name, public_key = parse_verifier_key(vkey)
    kept = None if previous_note is None else open_note(previous_note, name, public_key)
    # 2. Every entry; a record shown must be the one that its leaf commits to.
    if next(lines, "").rstrip("\n") != EXPORT_MAGIC:
        raise Unsound("this isn't a log export: the first line is another one")
    following = _read_entries(lines, found)
    # 3. Every checkpoint: signed by the hub, of one log, never smaller than the one before it.
    heads = _read_heads(lines, following, name, public_key)
    found.head, found.checkpoints = heads[-1], len(heads)
    if any(a.size > b.size or a.origin != b.origin for a, b in pairwise(heads)):
        raise Unsound("the checkpoints aren't of one log from old to new")
    # 4. The last one covers all entries.
    entries = len(found.leaf_hashes) // 32
    if heads[-1].size != entries:
        raise Unsound(f"the last checkpoint is of {heads[-1].size} entries, the export has {entries}")
    # 5. Every root, recomputed; that of the kept checkpoint too.
    sizes = {head.size for head in heads} | ({kept.size} if kept else set())
    roots = roots_at(bytes(found.leaf_hashes), sizes)
    for head in heads:
        if roots[head.size] != head.root:
            found.fault(f"the entries give another root than the checkpoint of size {head.size}")
    if kept is not None:
        _check_kept(kept, heads[-1], roots, found)


def _check_kept(kept: Head, newest: Head, roots: dict[int, bytes], found: _Findings) -> None:
    if kept.origin != newest.origin:
        found.fault("the checkpoint that you kept is of another log")
    elif kept.size > newest.size:
        found.fault(f"the log has become shorter than the checkpoint that you kept, of size {kept.size}")
    elif roots[kept.size] != kept.root:
        found.fault(f"the log doesn't extend the checkpoint that you kept, of size {kept.size}")


def _read_entries(lines: Iterator[str], found: _Findings) -> str:
    """Read up to the first line that isn't an entry, and return that line."""
    hashes = found.leaf_hashes
    for index, line in enumerate(lines):
        if line.startswith("checkpoint "):
            return line
        fields = line.rstrip("\n").split(" ")
        if fields[0] != str(index):
            raise Unsound(f"where entry {index} should stand is something else")
        try:
            leaf, shown = parse_entry(fields[1:])
        except Unsound as error:
            raise Unsound(f"entry {index} isn't well formed") from error
        hashes += sha256(b"\x00" + leaf).digest()
        if shown is None:
            found.erased += 1
            continue
        if shown != leaf:
            found.fault(f"the record of entry {index} isn't the one that was logged")
        elif leaf[0]:
            found.public += 1
        else:
            found.records += 1
    raise Unsound("the export ends without a checkpoint")


def parse_entry(fields: Sequence[str]) -> tuple[bytes, bytes | None]:
    """The leaf of an entry, and the leaf that the record shown with it gives; None when none is shown."""
    leaf = _unbase64(fields[0]) if fields else b""
    if len(leaf) != 33 or leaf[0] > 1:
        raise Unsound("a leaf is 33 bytes and begins with 0 or 1")
    if len(fields) == 1:
        return leaf, None
    if len(fields) != 3:
        raise Unsound("an entry is a leaf alone, or leaf, salt and record")
    record = _unbase64(fields[2])
    if fields[1] == "-":
        return leaf, b"\x01" + sha256(record).digest()
    salt = _unbase64(fields[1])
    if len(salt) != 32:  # of a free length, it would let salt and record be cut elsewhere
        raise Unsound("a salt is 32 bytes")
    return leaf, b"\x00" + sha256(salt + record).digest()


def _read_heads(lines: Iterator[str], line: str, name: str, public_key: bytes) -> list[Head]:
    heads: list[Head] = []
    while line:
        word, _, count = line.rstrip("\n").partition(" ")
        if word != "checkpoint" or not _DECIMAL.fullmatch(count) or int(count) > NOTE_LINES_LIMIT:
            raise Unsound("after the entries stands something that isn't a checkpoint")
        note = list(islice(lines, int(count)))
        if len(note) != int(count):
            raise Unsound("the last checkpoint isn't complete")
        heads.append(open_note("".join(one.rstrip("\n") + "\n" for one in note), name, public_key))
        line = next(lines, "")
    return heads


# ------------------------------------------------------------------------------------------------- one entry


def verify_proof(text: str, vkey: str) -> ProofReport:
    """Check a proof that one entry is in the log, against the hub's verifier key."""
    try:
        return _verify_proof(text, vkey)
    except Unsound as unsound:
        return ProofReport(None, -1, b"", None, (str(unsound),))


def _verify_proof(text: str, vkey: str) -> ProofReport:
    # 1. The checkpoint.
    name, public_key = parse_verifier_key(vkey)
    if len(text) > LINE_LIMIT:
        raise Unsound("the proof is too large")
    body, _, note = text.partition("\n\n")
    head = open_note(note, name, public_key)
    # 2. The entry: what the proof is about stands in the line `extra`, which nothing but the leaf vouches for.
    magic, extra, index, *path = [*body.split("\n"), "", ""]
    if magic != PROOF_MAGIC or not extra.startswith("extra ") or not index.startswith("index "):
        raise Unsound("this isn't a tlog-proof with an entry in its extra line")
    entry = _unbase64(extra.removeprefix("extra ")).decode("ascii", "replace").split(" ")
    try:
        leaf, shown = parse_entry(entry)
    except Unsound as error:
        raise Unsound("the entry in the proof isn't well formed") from error
    number = index.removeprefix("index ")
    if not _DECIMAL.fullmatch(number):
        raise Unsound("the index in the proof isn't a canonical decimal number")
    # 3. The path leads from the leaf to the signed root, and the record is the one that was logged.
    faults = []
    hashes = [_unbase64(one) for one in path[:-2]]
    if root_from_inclusion(int(number), head.size, sha256(b"\x00" + leaf).digest(), hashes) != head.root:
        faults.append("the path doesn't lead from the entry to the root of the checkpoint")
    if shown not in (None, leaf):
        faults.append("the record isn't the one that was logged")
    record = _unbase64(entry[2]) if shown == leaf else None
    return ProofReport(head, int(number), leaf, record, tuple(faults))


# ------------------------------------------------------------------------------------------------- Merkle tree


def roots_at(leaf_hashes: bytes, sizes: Collection[int]) -> dict[int, bytes]:
    """The RFC 6962 root of the first n leaves, for each n of `sizes` that there are; one walk over all leaves."""
    roots = {0: sha256(b"").digest()}
    peaks: list[bytes] = []  # roots of the complete trees that the leaves so far make, the largest first
    for count in range(len(leaf_hashes) // 32):
        node = leaf_hashes[32 * count : 32 * count + 32]
        ones = count
        while ones & 1:  # two trees of one height make one of the next
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            ones >>= 1
        peaks.append(node)
        if count + 1 in sizes:
            root = node
            for peak in reversed(peaks[:-1]):
                root = sha256(b"\x01" + peak + root).digest()
            roots[count + 1] = root
    return roots


def root_from_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a leaf hash and its path lead to (RFC 9162, section 2.1.3.2)."""
    if index >= size or any(len(one) != 32 for one in path):
        raise Unsound("the index or the path of the proof doesn't fit the checkpoint")
    number, last, root = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise Unsound("the path of the proof is too long")
        if number & 1 or number == last:
            root = sha256(b"\x01" + sibling + root).digest()
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + sibling).digest()
        number, last = number >> 1, last >> 1
    if last:
        raise Unsound("the path of the proof is too short")
    return root


# ------------------------------------------------------------------------------------------------- signed notes


def parse_verifier_key(vkey: str) -> tuple[str, bytes]:
    """Name and Ed25519 key of `name+id+base64(0x01, key)` (C2SP signed-note)."""
    name, _, rest = vkey.partition("+")
    identifier, _, encoded = rest.partition("+")
    key = _unbase64(encoded)
    if not _is_name(name) or len(key) != 33 or key[0] != 1 or _key_id(name, key[1:]).hex() != identifier:
        raise Unsound("this isn't an Ed25519 verifier key")
    return name, key[1:]


def open_note(note: str, name: str, public_key: bytes) -> Head:
    """The checkpoint in a note that this key has signed (C2SP signed-note and tlog-checkpoint)."""
    try:
        too_large = len(note.encode()) > NOTE_LIMIT
    except UnicodeEncodeError as error:
        raise Unsound("a checkpoint isn't UTF-8 text") from error
    text, separator, signatures = note.rpartition("\n\n")
    if too_large or _CONTROL_BUT_NEWLINE.search(note) or not separator or not signatures.endswith("\n"):
        raise Unsound("a checkpoint isn't a signed note")
    text += "\n"
    own = _key_id(name, public_key)
    pairs = [_signature(line) for line in signatures[:-1].split("\n")]
    mine = [blob[4:] for who, blob in pairs if who == name and blob[:4] == own]
    if len(mine) != 1 or len(mine[0]) != 64 or not _is_signed(public_key, text.encode(), mine[0]):
        raise Unsound("a checkpoint isn't signed by the key that you gave")
    lines = text[:-1].split("\n")
    if len(lines) != 3 or not _DECIMAL.fullmatch(lines[1]) or int(lines[1]) >= _SIZE_LIMIT:
        raise Unsound("a checkpoint isn't origin, size and root")
    origin, root = lines[0], _unbase64(lines[2])
    before, _, number = origin.rpartition("/log/")
    if len(root) != 32 or not (origin == name or (before == name and _DECIMAL.fullmatch(number))):
        raise Unsound("a checkpoint isn't of a log of this key")
    return Head(origin, int(lines[1]), root)


def _signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    blob = _unbase64(encoded)
    if dash != "\u2014" or not _is_name(name) or len(blob) <= 4:
        raise Unsound("a checkpoint has a signature line of another form")
    return name, blob


def _key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]


def _is_name(name: str) -> bool:
    return bool(name) and not _NOT_IN_NAME.search(name) and not any(map(str.isspace, name))


def _unbase64(encoded: str) -> bytes:
    try:
        raw = a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise Unsound("a value isn't base64") from error
    rest = len(raw) % 3
    if rest and encoded[rest - 4] not in _LAST_DIGITS[rest]:
        raise Unsound("a value isn't base64 in its canonical form")
    return raw


# ------------------------------------------------------------------------------------------------- command


def main(argv: Sequence[str] | None = None) -> int:
    """Check the file that the arguments name, print what was found, return the exit code."""
    parser = argparse.ArgumentParser(description="Check an export or a proof of a Schakel audit log.")
    parser.add_argument("file", type=Path, help="a log export, or a C2SP tlog-proof of one entry")
    parser.add_argument("vkey", help="the hub's verifier key, from a source other than the hub's file")
    parser.add_argument("--previous", type=Path, help="a checkpoint that you kept from before (exports only)")
    wanted = parser.parse_args(argv)
    try:
        with wanted.file.open(encoding="utf-8", newline="\n") as file:
            is_proof = file.readline(LINE_LIMIT).rstrip("\n") == PROOF_MAGIC
            file.seek(0)
            if is_proof:
                return _print_proof(verify_proof(file.read(LINE_LIMIT + 1), wanted.vkey))
            previous = _read_note(wanted.previous) if wanted.previous else None
            return _print_export(verify_export(_bounded(file.readline), wanted.vkey, previous))
    except UnicodeDecodeError:
        sys.stdout.write("NOT SOUND: the file isn't UTF-8 text.\n")
    except OSError as error:
        sys.stdout.write(f"The file could not be read: {error.strerror}.\n")
    return 1


def _read_note(path: Path) -> str:
    with path.open(encoding="utf-8", newline="\n") as file:
        return file.read(NOTE_LIMIT + 1)


def _bounded(readline: Callable[[int], str]) -> Iterator[str]:
    """Lines of a file that may be hostile: none is read into memory beyond the limit."""
    while line := readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT and not line.endswith("\n"):
            raise Unsound("a line of the export is too long")
        yield line


def _print_export(report: Report) -> int:
    write = sys.stdout.write
    if report.head is not None:
        write(f"Log {report.head.origin}, newest checkpoint of {report.head.size} entries.\n")
    write(f"Read {report.entries} entries: {report.records} records and {report.public} public contents that match, ")
    write(f"{report.erased} erased or not shown; {report.checkpoints} checkpoints.\n")
    return _print_verdict(report.faults)


def _print_proof(report: ProofReport) -> int:
    write = sys.stdout.write
    if report.head is not None:
        shown = "not shown" if report.record is None else f"shown, {len(report.record)} bytes"
        write(f"Entry {report.index} of log {report.head.origin}, in its first {report.head.size} entries.\n")
        write(f"Its record is {shown}.\n")
    return _print_verdict(report.faults)


def _print_verdict(faults: Sequence[str]) -> int:
    for fault in faults:
        sys.stdout.write(f"NOT SOUND: {fault}.\n")
    if not faults:
        sys.stdout.write("SOUND: everything holds.\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
