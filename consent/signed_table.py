# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The signature under a rule table: who says that this table holds, for which municipality, until which day.

Guarantees:
- a signature is of the canonical bytes of one table (their SHA-256); another layout of the file changes nothing, another
  word in it makes the signature one of another table;
- it stands in a file of its own, a C2SP signed note with six lines, that no checkpoint of a log can be taken for;
- it counts from the day it was made until its last day, both included, and no longer than 36 months.

    schakel rule table v1
    <SHA-256 of the table, 64 hexadecimals>
    <municipality>
    <who signed>
    <day of the signature>
    <last day>

The key of the privacy officer (FG) is one line, as C2SP writes a signer key: `PRIVATE+KEY+name+id+base64`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from enum import StrEnum
from typing import Final, NamedTuple

from schemas.calendar import date_text, parse_date
from schemas.note import NOTE_LIMIT, NoteError, check_name, key_id, signed_text
from schemas.signing import SigningKey

LONGEST_DAYS: Final = 36 * 31
LARGEST: Final = NOTE_LIMIT
_MAGIC: Final = "schakel rule table v1"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = "PRIVATE+KEY+"
_ED25519: Final = b"\x01"
_LONGEST_TEXT: Final = 120


class Why(StrEnum):
    """Why a signature does not count."""

    NOT_SIGNED = "not-signed"
    OTHER_TABLE = "other-table"
    NOT_YET = "not-yet"
    OVER = "over"
    TOO_LONG = "too-long"


class UnsignedError(ValueError):
    """This table is not signed by who should, or not for today; `why` says in which way."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class KeyLineError(ValueError):
    """This is no signer key, or its name can't be one."""


class Signed(NamedTuple):
    """What somebody signed. Days are calendar days, `until` is the last one."""

    table: bytes
    municipality: str
    name: str
    day: int
    until: int

    def text(self) -> str:
        """The bytes that are signed, as text.

        Raises:
            ValueError: a name that is no line of 2 to 120 signs.
        """
        for words in (self.municipality, self.name):
            if not is_line(words):
                raise ValueError("a name in a signature is one line of 2 to 120 signs")
        days = (date_text(self.day), date_text(self.until))
        return "\n".join([_MAGIC, self.table.hex(), self.municipality, self.name, *days, ""])


class Signer(NamedTuple):
    """The key of who signs, and the name of that key."""

    name: str
    key: SigningKey

    @property
    def line(self) -> str:
        """The one line that is kept secret."""
        identity = key_id(self.name, self.key.public).hex()
        return f"{_PREFIX}{self.name}+{identity}+{b64encode(_ED25519 + self.key.seed).decode()}"


def is_line(words: str) -> bool:
    """Whether these words can stand in a signature."""
    return 2 <= len(words) <= _LONGEST_TEXT and words.isprintable() and words == words.strip()


def signer(name: str, seed: bytes) -> Signer:
    """A signer of this name.

    Raises:
        KeyLineError: the name can't be that of a key.
    """
    try:
        check_name(name)
    except ValueError:
        raise KeyLineError("the name of a key has no space and no plus") from None
    return Signer(name, SigningKey(seed))


def parse_signer(line: str) -> Signer:
    """The signer in a line.

    Raises:
        KeyLineError: it is none; nothing of it is repeated.
    """
    name, _, rest = line.removesuffix("\n").removeprefix(_PREFIX).partition("+")
    identity, _, encoded = rest.partition("+")
    try:
        raw = a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raw = b""
    if not line.startswith(_PREFIX) or len(raw) != 33 or raw[:1] != _ED25519:
        raise KeyLineError("this is no signer key of one line, PRIVATE+KEY+name+id+key")
    found = signer(name, raw[1:])
    if key_id(name, found.key.public).hex() != identity:
        raise KeyLineError("the id in the signer key does not belong to its name and key")
    return found


def sign_table(signed: Signed, by: Signer) -> str:
    """The signature file.

    Raises:
        UnsignedError: it would never count, or longer than allowed.
        ValueError: see `Signed.text`.
    """
    _check_days(signed, signed.day)
    text = signed.text()
    line = b64encode(key_id(by.name, by.key.public) + by.key.sign(text.encode())).decode()
    return f"{text}\n\u2014 {by.name} {line}\n"


def open_signature(note: bytes, key: tuple[str, bytes], table: bytes, day: int) -> Signed:
    """What the holder of this key (name, public key) signed, when it is of the table with this hash and counts on `day`.

    Raises:
        UnsignedError: with the reason.
    """
    try:
        text = signed_text(note, *key)
    except NoteError:
        raise UnsignedError(Why.NOT_SIGNED) from None
    lines = text.removesuffix("\n").split("\n")
    if len(lines) != 6 or lines[0] != _MAGIC or not _HASH.fullmatch(lines[1]):
        raise UnsignedError(Why.NOT_SIGNED)
    signed = Signed(bytes.fromhex(lines[1]), lines[2], lines[3], _day(lines[4]), _day(lines[5]))
    if signed.table != table:
        raise UnsignedError(Why.OTHER_TABLE)
    _check_days(signed, day)
    return signed


def _check_days(signed: Signed, day: int) -> None:
    if day < signed.day:
        raise UnsignedError(Why.NOT_YET)
    if day > signed.until:
        raise UnsignedError(Why.OVER)
    if signed.until - signed.day > LONGEST_DAYS:
        raise UnsignedError(Why.TOO_LONG)


def _day(text: str) -> int:
    try:
        return parse_date(text)
    except ValueError:
        raise UnsignedError(Why.NOT_SIGNED) from None
