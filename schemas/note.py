# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Reading checkpoints: the signed size and root of a log, as C2SP tlog-checkpoint in a C2SP signed-note.

What it guarantees:

- `open_note` returns a checkpoint only when the one key it was given signed exactly these bytes;
- one checkpoint has one text: canonical decimal, canonical base64, three lines and no extension lines (a log of ours
  writes none); whatever differs raises `NoteError`, with a sentence that never quotes the note;
- signature lines of keys it wasn't given, such as those of witnesses, must be well formed and are otherwise ignored;
- the origin is the key name itself, as C2SP advises, or a log of the hub with that name: a key signs for no other log.

Not checked here: that a checkpoint extends an older one (`merkle_proof.verify_consistency`), and which number of log the
caller is willing to follow after a recovery: compare `Checkpoint.origin` with the one that was kept.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from dataclasses import dataclass
from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

NOTE_LIMIT = 4096
SIZE_LIMIT = 1 << 63

_ED25519 = b"\x01"
_KEY_SIZE = 32
_SIGNATURE_SIZE = 64
_ROOT_SIZE = 32
_KEY_ID_SIZE = 4
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x1f]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAME = re.compile(r"[\x00-\x1f+\ud800-\udfff]")  # the last are halves of characters, without UTF-8
_VKEY_ID = re.compile(r"[0-9a-f]{8}")


class NoteError(ValueError):
    """A note, or a verifier key, that isn't what it should be."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of the log with this origin.

    Raises ValueError when a field could not stand in a checkpoint.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or _CONTROL.search(self.origin):
            raise ValueError("the origin of a checkpoint is one line that isn't empty")
        if not 0 <= self.size < SIZE_LIMIT:
            raise ValueError("the size of a checkpoint lies outside its limits")
        if len(self.root) != _ROOT_SIZE:
            raise ValueError("the root of a checkpoint has 32 bytes")

    def text(self) -> str:
        """The bytes that are signed, as text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def open_note(note: str | bytes, name: str, public_key: bytes) -> Checkpoint:
    """The checkpoint in a note that the key of this name has signed.

    Raises NoteError when the note isn't well formed, isn't signed by that key, or is of another log.
    """
    # 1. The signature first: nothing of the text counts before it holds (signed-note, introduction).
    text = signed_text(note, name, public_key)
    # 2. Then the three lines.
    checkpoint = _parse_text(text)
    # 3. A key that also signs other notes must not make this one.
    if not belongs(checkpoint.origin, name):
        raise NoteError("the note is of a log that isn't this key's")
    return checkpoint


def signed_text(note: str | bytes, name: str, public_key: bytes) -> str:
    """The text of a note, whatever it says, when the key of this name has signed it.

    Raises NoteError when the note isn't well formed or isn't signed by that key.
    """
    text, lines = _split_note(_decode(note))
    _check_signatures(text, lines, name, public_key)
    return text


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that stand before a signature (signed-note, Ed25519 signatures)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_SIZE]


def verifier_key(name: str, public_key: bytes) -> str:
    """Name and public key in the one-line form that is printed, published and given to `verify.py`.

    Raises:
        ValueError: the key has another size.
    """
    check_name(name)
    if len(public_key) != _KEY_SIZE:
        raise ValueError("an Ed25519 public key has 32 bytes")
    return f"{name}+{key_id(name, public_key).hex()}+{b64encode(_ED25519 + public_key).decode()}"


def parse_verifier_key(vkey: str) -> tuple[str, bytes]:
    """Name and public key of a verifier key.

    Raises NoteError when it isn't an Ed25519 verifier key or its id doesn't belong to name and key.
    """
    # Base64 may contain a plus as well, a name may not.
    name, _, rest = vkey.partition("+")
    identifier, _, encoded = rest.partition("+")
    if not _is_name(name) or not _VKEY_ID.fullmatch(identifier):
        raise NoteError("the verifier key isn't of the form name+id+key")
    key = _unbase64(encoded)
    if key[:1] != _ED25519 or len(key) != 1 + _KEY_SIZE:
        raise NoteError("the verifier key isn't an Ed25519 key")
    if key_id(name, key[1:]).hex() != identifier:
        raise NoteError("the id in the verifier key doesn't belong to its name and key")
    return name, key[1:]


def _decode(note: str | bytes) -> str:
    """The note as text: bounded, UTF-8, no control characters but the newline."""
    try:
        raw = note.encode() if isinstance(note, str) else note
        if len(raw) > NOTE_LIMIT:
            raise NoteError("the note is larger than 4 KiB")
        text = raw.decode()
    except UnicodeError:
        # The cause would carry the bytes that aren't UTF-8, whatever they are.
        raise NoteError("the note isn't UTF-8") from None
    if _CONTROL_BUT_NEWLINE.search(text):
        raise NoteError("the note contains a control character")
    return text


def _split_note(note: str) -> tuple[str, list[str]]:
    """Text and signature lines: the last empty line stands between them."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator:
        raise NoteError("the note has no empty line before its signatures")
    if not signatures.endswith("\n"):
        raise NoteError("the last signature line of the note isn't complete")
    return text + "\n", signatures[:-1].split("\n")


def _check_signatures(text: str, lines: list[str], name: str, public_key: bytes) -> None:
    own = key_id(name, public_key)
    signatures = [blob[_KEY_ID_SIZE:] for who, blob in map(_signature, lines) if who == name and blob.startswith(own)]
    if not signatures:
        raise NoteError("the note isn't signed by the expected key")
    if len(signatures) > 1:
        raise NoteError("the note is signed twice by the same key")
    if len(signatures[0]) != _SIGNATURE_SIZE:
        raise NoteError("the signature of the expected key isn't valid")
    try:
        VerifyKey(public_key).verify(text.encode(), signatures[0])
    except BadSignatureError as error:
        raise NoteError("the signature of the expected key isn't valid") from error


def _signature(line: str) -> tuple[str, bytes]:
    """Key name, and key id with signature, of one signature line."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not _is_name(name):
        raise NoteError("the note has a signature line of another form")
    blob = _unbase64(encoded)
    if len(blob) <= _KEY_ID_SIZE:
        raise NoteError("the note has a signature line without a signature")
    return name, blob


def _parse_text(text: str) -> Checkpoint:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) != 3 or not lines[0]:
        raise NoteError("the text of the note isn't three lines: origin, size and root")
    origin, size, encoded = lines
    if not _DECIMAL.fullmatch(size) or int(size) >= SIZE_LIMIT:
        raise NoteError("the size in the note isn't a canonical decimal number")
    root = _unbase64(encoded)
    if len(root) != _ROOT_SIZE:
        raise NoteError("the root in the note hasn't 32 bytes")
    return Checkpoint(origin, int(size), root)


def _unbase64(encoded: str) -> bytes:
    try:
        raw = a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise NoteError("a value isn't base64") from error
    if b64encode(raw).decode() != encoded:
        raise NoteError("a value isn't base64 in its canonical form")
    return raw


def belongs(origin: str, name: str) -> bool:
    """Whether the origin is the name of the key itself, or a log of the hub with that name."""
    return origin == name or log_number(origin, name) is not None


def log_number(origin: str, name: str) -> int | None:
    """The number of the log of the hub with this name; None when the origin is none of its logs."""
    head, _, number = origin.rpartition("/log/")
    return int(number) if head == name and _DECIMAL.fullmatch(number) else None


def signature_of(note: str, name: str, public_key: bytes) -> bytes:
    """The 64 bytes with which the key of this name signed a note that `open_note` has opened."""
    _, lines = _split_note(note)
    own = key_id(name, public_key)
    return next(blob[_KEY_ID_SIZE:] for who, blob in map(_signature, lines) if who == name and blob.startswith(own))


def _is_name(name: str) -> bool:
    return bool(name) and not _NOT_IN_NAME.search(name) and not any(map(str.isspace, name))


def check_name(name: str) -> None:
    """Raises ValueError for a name that can't stand in a note."""
    if not _is_name(name):
        raise ValueError("the name of a key isn't empty and has no space, plus or control character")
