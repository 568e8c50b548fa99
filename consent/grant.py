# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The terms of a grant, and what the hub is given of them: a handle, a hash and a commitment, all new each month.

Guarantees:
- sender and recipient derive the same values from the handle secret, which only travels sealed; without it nothing of
  two months, nor of two grants with equal terms, is equal or can be told from random;
- the terms hash is over exactly what the hub decides on, so both edges can see that the hub decides on their terms;
- the commitment of a grant with an introduction by BSN is over the citizen too: the recipient recomputes it from the
  sealed introduction and refuses a citizen who is not the one committed to; by code it is over the proof of the one code
  that was handed to the citizen, or over the grant that it goes on from.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson

from schemas import calendar

SECRET_BYTES: Final = 32
HANDLE_BYTES: Final = 16
_BLOCK: Final = 64  # bytes that SHA-256 takes at once
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """The right of one sender to tell one recipient certain categories about one citizen, for a period.

    `begin` and `end` are days, both included. Categories are sorted and occur once.
    """

    sender: str
    recipient: str
    row: int
    ground: str
    categories: tuple[str, ...]
    begin: int
    end: int
    purpose: str
    law: str

    def __post_init__(self) -> None:
        if not self.categories or list(self.categories) != sorted(set(self.categories)):
            raise ValueError("the categories of a grant are sorted, occur once, and there is at least one")


class Salts(NamedTuple):
    """What hides the terms hash and the commitment of one month."""

    terms: bytes
    commitment: bytes


def handle(secret: bytes, month: int) -> bytes:
    """The temporary name of a grant at the hub in this month."""
    return _hmac(secret, _ascii(month))[:HANDLE_BYTES]


def salts(secret: bytes, month: int) -> Salts:
    """The salts of this month."""
    return Salts(_terms_salt(secret, month), _commitment_salt(secret, month))


def terms_hash(terms: GrantTerms, secret: bytes, month: int) -> bytes:
    """The salted hash of what the hub decides on under the handle of this month."""
    decided = {
        "categories": terms.categories,
        "end": end_in_month(terms, month),
        "ground": terms.ground,
        "month": calendar.month_text(month),
        "recipient": terms.recipient,
        "row": terms.row,
        "sender": terms.sender,
    }
    return hashlib.sha256(_terms_salt(secret, month) + _canonical(decided)).digest()


def terms_bytes(terms: GrantTerms) -> bytes:
    """The one spelling of these terms."""
    return _canonical(
        {
            "begin": calendar.date_text(terms.begin),
            "categories": terms.categories,
            "end": calendar.date_text(terms.end),
            "ground": terms.ground,
            "law": terms.law,
            "purpose": terms.purpose,
            "recipient": terms.recipient,
            "row": terms.row,
            "sender": terms.sender,
        }
    )


def bsn_record(terms: GrantTerms, bsn: str, salt: bytes, source: str | None) -> bytes:
    """What the commitment of a grant that is introduced by BSN is made over.

    Salt and source (an allocation, or the hash of the consent record) are those of the sealed introduction, so that
    its reader can recompute this. The BSN is in it as a salted hash only: the hub holds nothing to guess at.

    Raises:
        ValueError: the salt has another size.
    """
    if len(salt) != SECRET_BYTES:
        raise ValueError("the salt of an introduction has 32 bytes")
    identity = hashlib.sha256(salt + bsn.encode("ascii")).hexdigest()
    return _canonical({"identity": identity, "source": source, "terms": terms_bytes(terms).decode()})


class CodeProof(NamedTuple):
    """What introduces by code: the proof of a code and its last day, or (both may be) the secret of the grant before.

    Nothing in it is of the citizen.
    """

    proof: bytes | None
    until: int | None
    line: bytes | None


def code_record(terms: GrantTerms, code: CodeProof, salt: bytes, source: str | None) -> bytes:
    """What the commitment of a grant that is introduced by code is made over; see `bsn_record`.

    Raises:
        ValueError: the salt has another size.
    """
    if len(salt) != SECRET_BYTES:
        raise ValueError("the salt of an introduction has 32 bytes")
    identity = {
        "code": None if code.proof is None else code.proof.hex(),
        "line": None if code.line is None else code.line.hex(),
        "salt": salt.hex(),
        "until": None if code.until is None else calendar.date_text(code.until),
    }
    return _canonical({"identity": identity, "source": source, "terms": terms_bytes(terms).decode()})


def commitment(record_bytes: bytes, secret: bytes, month: int) -> bytes:
    """The salted commitment of this month to a record that stays at the edges."""
    return hashlib.sha256(_commitment_salt(secret, month) + record_bytes).digest()


def months(begin: int, end: int) -> range:
    """The months in which a grant from the day `begin` to the day `end` has a handle."""
    return range(calendar.month_of(begin), calendar.month_of(end) + 1)


def end_in_month(terms: GrantTerms, month: int) -> int | None:
    """The day that is registered as the end of this month's handle; none unless the grant ends in that month."""
    return terms.end if calendar.month_of(terms.end) == month else None


def longest_end(begin: int, length: int) -> int:
    """The last day of a period of `length` months that begins on this day."""
    month = calendar.month_of(begin) + length
    offset = begin - calendar.first_day(calendar.month_of(begin))
    return min(calendar.first_day(month) + offset - 1, calendar.last_day(month))


def with_a_month(begin: int, end: int) -> int:
    """The last day of the last month that is over by `end`; `end` itself where none is since `begin`.

    The hub is given the day on which a grant ends, in its last month. One that many share does not tell which grants were
    agreed on one day.
    """
    month = calendar.month_of(end)
    last = end if end == calendar.last_day(month) else calendar.first_day(month) - 1
    return last if last >= begin else end


def _terms_salt(secret: bytes, month: int) -> bytes:
    return _hmac(secret, b"terms" + _ascii(month))


def _commitment_salt(secret: bytes, month: int) -> bytes:
    return _hmac(secret, b"commitment" + _ascii(month))


def _hmac(secret: bytes, label: bytes) -> bytes:
    if len(secret) != SECRET_BYTES:
        raise ValueError("a handle secret has 32 bytes")
    # RFC 2104 by hand: less than half the time of `hmac.digest` for one short label, and a handle is one.
    padded = secret.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(padded.translate(_INNER) + label).digest()
    return hashlib.sha256(padded.translate(_OUTER) + inner).digest()


def _ascii(month: int) -> bytes:
    return calendar.month_text(month).encode("ascii")


def _canonical(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
