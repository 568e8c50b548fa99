# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The manifest: which keys an address uses, which schema versions it reads, which rule table it holds to.

    [1, number, address, from, until, signing keys, opening keys, reads, table hash, revoked, key id, signature]

* Numbered from 1.  Number 1 is signed by a key that stands in it; number n by a key that stands in number n - 1.
* A signing key is `[public (32), from, until]`, an opening key `[public (1,216, X-Wing), from, until]`.
* `reads` is `[[category, [version, ...]], ...]`, sorted; `table hash` is null for the national base.
* Valid at most 30 days, `from` and `until` included.  Public: it stands unsalted in the log.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from schemas.address import need_address
from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list, need_name, need_text
from schemas.signing import Signature, SigningKey, key_id, parse_signature, signed_bytes

LARGEST = 16 * 1024
VALID_DAYS = 30
RENEW_FROM_DAY = 20  # the next one is published from this day of its validity
OPENING_PUBLIC = 1216  # bytes of an X-Wing public key
_TAG = b"schakel/sign/manifest/v1\0"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its days, both included."""

    public: bytes
    begin: int
    until: int

    @property
    def key_id(self) -> str:
        """Its name."""
        return key_id(self.public)

    def valid(self, day: int) -> bool:
        """Whether `day` is one of its days."""
        return self.begin <= day <= self.until


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a manifest."""

    number: int
    address: str
    begin: int
    until: int
    signing: tuple[Key, ...]
    opening: tuple[Key, ...]
    reads: tuple[tuple[str, tuple[int, ...]], ...]
    table_hash: bytes | None
    revoked: tuple[str, ...]

    def signing_key(self, name: str) -> Key | None:
        """The signing key of that name that is not revoked."""
        return self._find(self.signing, name)

    def opening_key(self, name: str) -> Key | None:
        """The opening key of that name that is not revoked."""
        return self._find(self.opening, name)

    def _find(self, keys: tuple[Key, ...], name: str) -> Key | None:
        return next((key for key in keys if key.key_id == name and name not in self.revoked), None)


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A parsed manifest with what proves it.  `fingerprint` is what people compare on paper."""

    raw: bytes
    manifest: Manifest
    key_id: str
    signature: Signature
    signed: bytes

    @property
    def fingerprint(self) -> str:
        """What people compare of its bytes."""
        return fingerprint_of(self.raw)


def fingerprint_of(raw: bytes) -> str:
    """The SHA-256 of a file as people read it to each other: eight groups of eight hexadecimal characters."""
    text = hashlib.sha256(raw).hexdigest()
    return " ".join(text[i : i + 8] for i in range(0, 64, 8))


def sign_manifest(key: SigningKey, manifest: Manifest) -> bytes:
    """The frame of `manifest`, signed by `key`."""
    unsigned: list[object] = [
        1,
        manifest.number,
        manifest.address,
        manifest.begin,
        manifest.until,
        [[k.public, k.begin, k.until] for k in manifest.signing],
        [[k.public, k.begin, k.until] for k in manifest.opening],
        [[name, list(versions)] for name, versions in manifest.reads],
        manifest.table_hash,
        list(manifest.revoked),
        key.key_id,
    ]
    return encode([*unsigned, list(key.sign_alone(signed_bytes(_TAG, encode(unsigned))))])


def parse_manifest(raw: bytes) -> SignedManifest:
    """The manifest in `raw`; its signature is not yet verified.

    Raises:
        FrameError: the place and the rule that it breaks.
    """
    if len(raw) > LARGEST:
        raise FrameError("/", "size")
    frame = decode_array(raw, 12)
    version, number, address, begin, until, signing, opening, reads, table_hash, revoked, signer, signature = frame
    if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
        raise FrameError("/version", "const")
    first, last = need_int(begin, 0, 100_000, "/from"), need_int(until, 0, 100_000, "/until")
    if not first <= last < first + VALID_DAYS:
        raise FrameError("/until", "validity")
    manifest = Manifest(
        number=need_int(number, 1, 1_000_000, "/number"),
        address=need_address(address, "/address"),
        begin=first,
        until=last,
        signing=_keys(signing, 32, "/signing"),
        opening=_keys(opening, OPENING_PUBLIC, "/opening"),
        reads=_reads(reads),
        table_hash=None if table_hash is None else need_bytes(table_hash, 32, "/table"),
        revoked=tuple(need_text(name, 16, "/revoked") for name in need_list(revoked, 64, "/revoked")),
    )
    return SignedManifest(
        raw=raw,
        manifest=manifest,
        key_id=need_text(signer, 16, "/key"),
        signature=parse_signature(signature, "/signature"),
        signed=signed_bytes(_TAG, encode(frame[:11])),
    )


def _keys(value: object, size: int, path: str) -> tuple[Key, ...]:
    keys = []
    for item in need_list(value, 8, path):
        fields = need_list(item, 3, path)
        if len(fields) != 3:
            raise FrameError(path, "array")
        begin, until = need_int(fields[1], 0, 100_000, path), need_int(fields[2], 0, 100_000, path)
        keys.append(Key(need_bytes(fields[0], size, path), begin, until))
    if not keys:
        raise FrameError(path, "minItems")
    return tuple(keys)


def _reads(value: object) -> tuple[tuple[str, tuple[int, ...]], ...]:
    reads = []
    for item in need_list(value, 32, "/reads"):
        fields = need_list(item, 2, "/reads")
        if len(fields) != 2:
            raise FrameError("/reads", "array")
        versions = tuple(need_int(v, 1, 999, "/reads") for v in need_list(fields[1], 16, "/reads"))
        reads.append((need_name(fields[0], "/reads"), versions))
    if reads != sorted(set(reads)):
        raise FrameError("/reads", "order")
    return tuple(reads)
