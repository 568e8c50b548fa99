# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The envelope and the retraction: what travels, for one recipient (wire.md section 1).

    [1, header, box, list, signature, [ciphertext, ...]]

* `header` is a CloudEvents 1.0 JSON object (NL GOV profile) in one fixed form: its grammar is one regular
  expression, so it equals its own re-serialisation and has no duplicate, missing or further keys.
* `list` is `[[name, SHA-256(ciphertext)], ...]` sorted by name; the ciphertexts stand in that order.
* The signature covers header, box and list under a domain tag that names the frame.
* A retraction has the same shape, a type of its own, no sequence number and an empty list.

Nothing here opens anything.  `parse` refuses everything that is not exactly this form.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import cbor2

from schemas.address import PATTERN as ADDRESS
from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_list
from schemas.signing import Signature, parse_signature, signed_bytes

LARGEST = 64 * 1024  # bytes of one envelope on the wire
MOST_PARTS = 16
CONTROL = "control"  # the part that every envelope has and that is no category
SUITE = "xwing-hkdfsha256-aes256gcm-ed25519-v1"
ENVELOPE_TYPE = "nl.schakel.envelope.v1"
RETRACTION_TYPE = "nl.schakel.retraction.v1"
HIGHEST_SEQUENCE = 99_999_999

_TAGS = {False: b"schakel/sign/envelope/v1\0", True: b"schakel/sign/retraction/v1\0"}
_sha256 = hashlib.sha256
_MINUTE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:00Z"
_HEADER = re.compile(
    (
        r'\{"specversion":"1\.0","id":"([0-9a-f]{32})","source":"(' + ADDRESS + r')",'
        r'"type":"(?:nl\.schakel\.envelope\.v1|(nl\.schakel\.retraction\.v1))","time":"' + _MINUTE + r'",'
        r'"recipient":"(' + ADDRESS + r')","handle":"([0-9a-f]{32})",(?:"sequence":"([0-9]{8})",)?'
        r'"terms":"([0-9a-f]{64})","traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-01",'
        r'"suite":"([a-z0-9-]{1,40})","signkey":"([0-9a-f]{16})","sealkey":"([0-9a-f]{16})"\}'
    ).encode(),
)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Header(NamedTuple):
    """The open header.  `minute` counts whole minutes since 1970; `sequence` is 0 for a retraction."""

    message_id: bytes
    source: str
    retraction: bool
    minute: int
    recipient: str
    handle: bytes
    sequence: int
    terms: bytes
    trace: tuple[bytes, bytes]
    sign_key: str
    seal_key: str

    def to_bytes(self) -> bytes:
        """The one JSON form of this header."""
        sequence = "" if self.retraction else f'"sequence":"{self.sequence:08d}",'
        return (
            f'{{"specversion":"1.0","id":"{self.message_id.hex()}","source":"{self.source}",'
            f'"type":"{RETRACTION_TYPE if self.retraction else ENVELOPE_TYPE}","time":"{_minute_text(self.minute)}",'
            f'"recipient":"{self.recipient}","handle":"{self.handle.hex()}",{sequence}'
            f'"terms":"{self.terms.hex()}","traceparent":"00-{self.trace[0].hex()}-{self.trace[1].hex()}-01",'
            f'"suite":"{SUITE}","signkey":"{self.sign_key}","sealkey":"{self.seal_key}"}}'
        ).encode()


@dataclass(slots=True)
class Envelope:
    """A parsed frame.  Bytes stay as they came; `sha` is the SHA-256 of all of them. Treat it as read-only."""

    raw: bytes
    sha: bytes
    message_id: bytes
    source: str
    recipient: str
    handle: bytes
    sequence: int
    terms: bytes
    sign_key: str
    seal_key: str
    retraction: bool
    names: tuple[str, ...]
    header: bytes
    box: bytes
    listing: bytes
    signature: Signature
    parts: list[bytes]

    def signed(self) -> bytes:
        """What the signature covers."""
        return signed_bytes(_TAGS[self.retraction], self.header, self.box, self.listing)


def listing_of(names: tuple[str, ...], ciphertexts: list[bytes]) -> bytes:
    """The `list` piece for `names`, sorted, and their ciphertexts."""
    return encode([[name, _sha256(c).digest()] for name, c in zip(names, ciphertexts, strict=True)])


def to_sign(retraction: bool, header: bytes, box: bytes, listing: bytes) -> bytes:
    """What the sender signs."""
    return signed_bytes(_TAGS[retraction], header, box, listing)


def build(header: bytes, box: bytes, listing: bytes, signature: Signature, ciphertexts: list[bytes]) -> bytes:
    """The bytes of the frame."""
    return encode([1, header, box, listing, list(signature), ciphertexts])


def parse(raw: bytes) -> Envelope:
    """The envelope or retraction in `raw`.

    Raises:
        FrameError: keyword `size` when it is longer than 64 KiB, otherwise the place and rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    version, header, box, listing, signature, parts = decode_array(raw, 6)
    if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
        raise FrameError("/version", "const")
    header = need_bytes(header, None, "/header")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise FrameError("/header", "grammar")
    message_id, source, retraction, recipient, handle, sequence, terms, suite, sign_key, seal_key = match.groups()
    if suite != SUITE.encode():
        raise FrameError("/header/suite", "const")
    if (retraction is None) == (sequence is None):
        raise FrameError("/header/sequence", "required")
    if sequence == b"00000000":
        raise FrameError("/header/sequence", "minimum")
    listing = need_bytes(listing, None, "/list")
    ciphertexts = need_list(parts, MOST_PARTS, "/parts")
    return Envelope(
        raw=raw,
        sha=_sha256(raw).digest(),
        message_id=bytes.fromhex(message_id.decode()),
        source=source.decode(),
        recipient=recipient.decode(),
        handle=bytes.fromhex(handle.decode()),
        sequence=int(sequence or b"0"),
        terms=bytes.fromhex(terms.decode()),
        sign_key=sign_key.decode(),
        seal_key=seal_key.decode(),
        retraction=retraction is not None,
        names=_names(listing, ciphertexts, retraction is not None),
        header=header,
        box=need_bytes(box, None, "/box"),
        listing=listing,
        signature=parse_signature(signature, "/signature"),
        parts=ciphertexts,  # type: ignore[arg-type]  # _names has looked at each
    )


def peek(raw: bytes) -> tuple[bool, str]:
    """Of a frame that `parse` took before: whether it is a retraction, and the name of its signing key.

    Raises:
        FrameError: its header has another form.
    """
    match = _HEADER.fullmatch(cbor2.loads(raw)[1])
    if match is None:
        raise FrameError("/header", "grammar")
    return match[3] is not None, match[9].decode()


def _names(listing: bytes, ciphertexts: list[object], retraction: bool) -> tuple[str, ...]:
    """The names of the list.  Building the list again from names and ciphertexts proves hashes, order and form."""
    pairs = decode_array(listing, len(ciphertexts), "/list")
    names: list[str] = []
    for pair, ciphertext in zip(pairs, ciphertexts, strict=True):
        name = pair[0] if type(pair) is list and pair else None
        if type(name) is not str or type(ciphertext) is not bytes or _NAME.fullmatch(name) is None:
            raise FrameError("/list", "pair")
        if pair != [name, _sha256(ciphertext).digest()]:
            raise FrameError("/list", "hash")
        names.append(name)
    if names != sorted(set(names)):
        raise FrameError("/list", "order")
    if retraction == (CONTROL in names) or (retraction and names):
        raise FrameError("/list", "control")
    return tuple(names)


@lru_cache(maxsize=4096)  # many envelopes of one minute
def _minute_text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:00Z")
