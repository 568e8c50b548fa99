# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""In how many ways a name, a number or a text can be written down, and what can be computed from one that is guessed.

A BSN has nine digits, so whoever holds a hash of one finds it within an hour.  A hash, and an HMAC under a key that
stands beside it, therefore count as the number itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, quote_plus


class _Digest(Protocol):
    def digest(self) -> bytes: ...


FIRST, LAST = 999_900_006, 999_999_990  # the official range of test BSNs
DIGEST = 16  # bytes of a digest that are looked for: all its short forms begin with them
_BETWEEN = rb"(?:\x00{1,3}|[ .\-])?"  # nothing, the zeros of UTF-16 and UTF-32, or what people write
_SLICE = 16  # characters of a text that betray it
_PLAIN: tuple[tuple[str, Callable[[bytes], _Digest]], ...] = (
    ("SHA-256", hashlib.sha256),
    ("SHA-1", partial(hashlib.sha1, usedforsecurity=False)),
    ("SHA-512", hashlib.sha512),
    ("MD5", partial(hashlib.md5, usedforsecurity=False)),
    ("SHA-224", hashlib.sha224),
    ("SHA-384", hashlib.sha384),
    ("SHA3-256", hashlib.sha3_256),
    ("SHA3-512", hashlib.sha3_512),
    ("BLAKE2s", hashlib.blake2s),
    ("BLAKE2b", hashlib.blake2b),
    ("BLAKE2b", partial(hashlib.blake2b, digest_size=32)),
    ("BLAKE2b", partial(hashlib.blake2b, digest_size=16)),
)
_USUAL = 4  # so many of them are also looked for over a number in binary

TEST_BSN = re.compile(_BETWEEN.join([b"9"] * 4 + [b"[0-9]"] * 5))
PACKED_BIG = re.compile(rb"(?=\0{4}(\x3b[\x99\x9a]..))", re.DOTALL)
PACKED_LITTLE = re.compile(rb"(?=(..[\x99\x9a]\x3b)\0{4})", re.DOTALL)


def passes(number: int) -> bool:
    """The eleven-test."""
    digits = [int(digit) for digit in f"{number:09d}"]
    return (sum(digit * (9 - at) for at, digit in enumerate(digits[:8])) - digits[8]) % 11 == 0


@cache
def bsn_range() -> frozenset[int]:
    """Every BSN of the test range."""
    return frozenset(number for number in range(FIRST, LAST + 1) if passes(number))


@cache
def hashes_of_range() -> Mapping[bytes, str]:
    """The first bytes of every plain hash of every BSN of the test range, with its name."""
    return MappingProxyType({start: form for bsn in bsn_range() for form, start in hashes(f"{bsn:09d}")})


def spellings(value: str) -> Iterator[tuple[str, bytes, bool]]:
    """Form, bytes, and whether capitals count, of each way in which `value` may be written."""
    for text in {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}:
        cases = {text, text.lower(), text.upper(), text.casefold()}
        for one in cases:
            yield "UTF-8", one.encode(), False
            yield "UTF-16", one.encode("utf-16-le"), False
            yield "UTF-16", one.encode("utf-16-be"), False
            yield "hex", one.encode().hex().encode(), False
            yield "percent signs", quote(one, safe="").encode(), False
            yield "percent signs", quote_plus(one).encode(), False
            yield "JSON", json.dumps(one)[1:-1].encode(), False
            yield from (("base64", form, True) for form in _base64(one.encode()))
            yield from (("base64", form, True) for form in _base64(one.encode("utf-16-le")))
            try:
                yield "Latin-1", one.encode("latin-1"), False
            except UnicodeEncodeError:
                continue


def digits_pattern(number: str) -> re.Pattern[bytes]:
    """The number with or without something between its signs."""
    return re.compile(_BETWEEN.join(re.escape(sign.encode()) for sign in number))


def slices(text: str) -> list[str]:
    """What betrays a free text: every piece of 24 characters of it holds one of these."""
    if len(text) <= _SLICE:
        return [text]
    return [text[at : at + _SLICE] for at in [*range(0, len(text) - _SLICE, _SLICE // 2), len(text) - _SLICE]]


def packed(number: int) -> tuple[bytes, bytes]:
    """A number as four bytes, in both orders."""
    return number.to_bytes(4, "big"), number.to_bytes(4, "little")


def inputs(value: str) -> set[bytes]:
    """What may go into a hash."""
    return {value.encode(), value.lower().encode(), value.upper().encode()}


def hashes(value: str) -> Iterator[tuple[str, bytes]]:
    """Name and first bytes of every plain hash of a text, and of the number that it stands for in binary."""
    for data in inputs(value):
        yield from ((name, function(data).digest()[:DIGEST]) for name, function in _PLAIN)
    if value.isdecimal() and int(value) < 1 << 32:
        number = int(value)
        for data in (*packed(number), number.to_bytes(8, "big"), number.to_bytes(8, "little")):
            yield from ((name, function(data).digest()[:DIGEST]) for name, function in _PLAIN[:_USUAL])


def keyed(key: bytes) -> list[tuple[str, Callable[[bytes], bytes]]]:
    """Name and function of every hash that depends on `key`; made for millions of calls."""
    sha256 = hashlib.sha256
    return [
        ("HMAC-SHA-256", _hmac(key, sha256)),
        ("HMAC-SHA-512", _hmac(key, hashlib.sha512)),
        ("SHA-256 behind a stored value", lambda data: sha256(key + data).digest()),
        ("SHA-256 before a stored value", lambda data: sha256(data + key).digest()),
    ]


def _hmac(key: bytes, function: Callable[[], hashlib._Hash]) -> Callable[[bytes], bytes]:
    # hmac.digest would set the key up again for every call, which is most of its time.
    inner, outer = function(), function()
    padded = key.ljust(inner.block_size, b"\0")
    inner.update(bytes(byte ^ 0x36 for byte in padded))
    outer.update(bytes(byte ^ 0x5C for byte in padded))

    def digest(data: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(data)
        second.update(first.digest())
        return second.digest()

    return digest


def _base64(data: bytes) -> Iterable[bytes]:
    """The signs that are the same whatever stands before and after, at each of the three places."""
    for before in range(3):
        whole = b64encode(bytes(before) + data)
        sure = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield sure
        yield sure.translate(bytes.maketrans(b"+/", b"-_"))
