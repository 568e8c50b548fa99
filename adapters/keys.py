# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The keys of an edge: one that seals its store, and those of its role that sign, open and name events.

Guarantees:
- the store key never comes from the data folder in strict mode, so that a stolen disk opens nothing;
- no `repr` and no error shows a secret;
- an opening key is there from day 20 of the one before, and is kept nine days after its last day, since what was
  accepted under a handle of one month is delivered that much longer; then it is gone, and with it what it could open.

Every secret is 32 bytes. An opening key is an X-Wing key pair (ML-KEM-768 and X25519), expanded from its seed by
SHAKE-256 as draft-connolly-cfrg-xwing-kem section 5.2 says.
"""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from schemas.canonical import FrameError, decode_array, encode, need_bytes, need_int, need_list
from schemas.manifest import OPENING_PUBLIC, RENEW_FROM_DAY, VALID_DAYS, Key, Manifest
from schemas.signing import SigningKey, key_id

SECRET: Final = 32
SALT: Final = 16
KEPT_DAYS: Final = 9  # an opening key outlives its last day by this much (wire.md section 1, manifest)
SHORTEST_PASSPHRASE: Final = 12
_MLKEM_PUBLIC: Final = 1184
_SALT_FILE: Final = "passphrase.salt"  # beside the store: a salt is no secret

Random = Callable[[int], bytes]


class KeyProblem(Exception):
    """A key can't be had as configured; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class StoreKey:
    """The two keys of an edge store; made from one secret of 32 bytes."""

    sealing: bytes = field(repr=False)
    lookup: bytes = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> "StoreKey":
        """The two keys of this secret."""
        if len(secret) != SECRET:
            raise ValueError("the secret of a store key has 32 bytes")
        return cls(_hkdf(secret, b"schakel/edge-store/v1\0sealing"), _hkdf(secret, b"schakel/edge-store/v1\0lookup"))


def store_key_from_file(path: Path, data_folder: Path, strict: bool) -> StoreKey:
    """The store key in a file of 64 hexadecimal characters that only its owner can read.

    Raises:
        KeyProblem: in strict mode, the file lies in the data folder; or it can't be read, others may read it, or it
            holds something else.
    """
    if strict and is_beside(path, data_folder):
        raise KeyProblem("the store key lies in the data folder: whoever takes the disk has both; keep it elsewhere")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(2 * SECRET + 2)
    except OSError as error:
        raise KeyProblem(
            f"the store key file can't be read: {error.strerror}; put it back from its back-up, without it nothing in the store "
            "can be read"
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyProblem("others than the owner may use the store key file; run `chmod 600` on it")
    digits = text.removesuffix(b"\n")
    try:
        secret = bytes.fromhex(digits.decode("ascii")) if len(digits) == 2 * SECRET else b""
    except ValueError:
        secret = b""
    if len(secret) != SECRET:  # fromhex skips spaces
        raise KeyProblem("the store key file isn't 64 hexadecimal characters")
    return StoreKey.from_secret(secret)


def is_beside(path: Path, data_folder: Path) -> bool:
    """Whether the file, or what it points to, lies in the data folder, by whatever links either is reached."""
    folder = data_folder.resolve()
    lexical = Path(os.path.normpath(path.absolute()))
    places = (path.resolve(), lexical, lexical.parent.resolve())
    return any(place.is_relative_to(folder) or place.is_relative_to(data_folder.absolute()) for place in places)


def store_key_from_passphrase(passphrase: str, salt: bytes) -> StoreKey:
    """The store key of a passphrase; takes about half a second and 128 MiB, for a guesser too.

    Raises:
        KeyProblem: the passphrase is shorter than twelve characters.
    """
    # One passphrase, however the keyboard composes its accents.
    words = unicodedata.normalize("NFC", passphrase)
    if len(words) < SHORTEST_PASSPHRASE:
        raise KeyProblem(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters")
    if len(salt) < SALT:
        raise ValueError("the salt of a passphrase has at least 16 bytes")
    return StoreKey.from_secret(Scrypt(salt=salt, length=SECRET, n=2**17, r=8, p=1).derive(words.encode()))


def passphrase_salt(data_folder: Path, random: Random = os.urandom) -> bytes:
    """The salt of this data folder; made when there is none. Without it the passphrase opens nothing: back it up too."""
    file = data_folder / _SALT_FILE
    try:
        salt = file.read_bytes()
    except FileNotFoundError:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        salt = random(SALT)
        _write_new(file, salt)
    if len(salt) != SALT:
        raise KeyProblem("the salt of the passphrase is damaged; put it back from a back-up")
    return salt


def new_key_file(path: Path, random: Random = os.urandom) -> None:
    """Make a file with a new store key that only its owner can read.

    Raises:
        KeyProblem: there is a file already, or it can't be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, random(SECRET).hex().encode() + b"\n")
    except FileExistsError:
        raise KeyProblem("there is a store key file already; it is never overwritten") from None
    except OSError as error:
        raise KeyProblem(f"the store key file can't be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class OpeningKey:
    """The seed of an opening key with the days on which others may seal for it, both included."""

    seed: bytes = field(repr=False)
    begin: int
    until: int

    @property
    def key_id(self) -> str:
        """Its name in a header."""
        return key_id(opening_public(self.seed))


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The keys of one address. `opening` from old to new; the last one is the one that others should use."""

    signing_seed: bytes = field(repr=False)
    event_key: bytes = field(repr=False)
    opening: tuple[OpeningKey, ...]

    def to_bytes(self) -> bytes:
        """All of it, secret: only ever stored sealed."""
        opening = [[key.seed, key.begin, key.until] for key in self.opening]
        return encode([1, self.signing_seed, self.event_key, opening])

    @classmethod
    def from_bytes(cls, raw: bytes) -> "RoleKeys":
        """What `to_bytes` wrote.

        Raises:
            FrameError: something else.
        """
        version, signing_seed, event_key, opening = decode_array(raw, 4)
        if type(version) is not int or version != 1:  # True and 1.0 equal 1 as well
            raise FrameError("/version", "const")
        keys = []
        for item in need_list(opening, 64, "/opening"):
            if type(item) is not list or len(item) != 3:
                raise FrameError("/opening", "array")
            begin, until = (
                need_int(item[1], 0, 100_000, "/opening/from"),
                need_int(item[2], 0, 100_000, "/opening/until"),
            )
            keys.append(OpeningKey(need_bytes(item[0], SECRET, "/opening/seed"), begin, until))
        return cls(need_bytes(signing_seed, SECRET, "/signing"), need_bytes(event_key, SECRET, "/event"), tuple(keys))


def new_role_keys(random: Random, today: int) -> RoleKeys:
    """New keys for one address."""
    return RoleKeys(random(SECRET), random(SECRET), (_new_opening(random, today),))


def renew(keys: RoleKeys, today: int, random: Random) -> RoleKeys:
    """These keys as they should be today: the next opening key from day 20, none that is past its nine days."""
    kept = [key for key in keys.opening if today <= key.until + KEPT_DAYS]
    if not kept or today >= kept[-1].begin + RENEW_FROM_DAY:
        kept.append(_new_opening(random, today))
    return replace(keys, opening=tuple(kept))


def with_new_opening(keys: RoleKeys, today: int, random: Random) -> RoleKeys:
    """These keys with a new opening key, for when those of the newest manifest are lost."""
    return replace(keys, opening=(*keys.opening, _new_opening(random, today)))


def manifest_for(
    keys: RoleKeys,
    address: str,
    number: int,
    today: int,
    reads: tuple[tuple[str, tuple[int, ...]], ...],
    table_hash: bytes | None,
) -> Manifest:
    """The manifest of these keys, valid from today: every opening key that others may still seal for."""
    last = today + VALID_DAYS - 1
    return Manifest(
        number=number,
        address=address,
        begin=today,
        until=last,
        signing=(Key(SigningKey(keys.signing_seed).public, today, last),),
        opening=tuple(Key(opening_public(k.seed), k.begin, k.until) for k in keys.opening if k.until >= today),
        reads=tuple(sorted(reads)),
        table_hash=table_hash,
        revoked=(),
    )


def is_manifest_due(manifest: Manifest | None, keys: RoleKeys, today: int) -> bool:
    """Whether the next manifest should be published: there is none, it is its day 20, or it lacks the newest key."""
    if manifest is None or today >= manifest.begin + RENEW_FROM_DAY:
        return True
    return manifest.opening_key(keys.opening[-1].key_id) is None


def key_to_seal_for(manifest: Manifest, today: int) -> Key | None:
    """The newest opening key of another address that may be used today; none when the manifest is over."""
    if not manifest.begin <= today <= manifest.until:
        return None
    usable = [key for key in manifest.opening if key.valid(today) and key.key_id not in manifest.revoked]
    return max(usable, key=lambda key: key.begin, default=None)


def opening_private(seed: bytes) -> MLKEM768X25519PrivateKey:
    """The X-Wing private key of this seed."""
    return MLKEM768X25519PrivateKey(*_expand(seed))


def opening_public(seed: bytes) -> bytes:
    """The 1,216 bytes of the X-Wing public key of this seed."""
    ml_kem, x = _expand(seed)
    return ml_kem.public_key().public_bytes_raw() + x.public_key().public_bytes_raw()


@lru_cache(maxsize=256)
def opening_public_key(raw: bytes) -> MLKEM768X25519PublicKey:
    """The X-Wing public key in these 1,216 bytes.

    Raises:
        ValueError: they are none.
    """
    if len(raw) != OPENING_PUBLIC:
        raise ValueError("an X-Wing public key has 1216 bytes")
    return MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC]),
        x25519.X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:]),
    )


def _expand(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    if len(seed) != SECRET:
        raise ValueError("the seed of an opening key has 32 bytes")
    expanded = hashlib.shake_256(seed).digest(96)
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def _new_opening(random: Random, today: int) -> OpeningKey:
    return OpeningKey(random(SECRET), today, today + VALID_DAYS - 1)


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet; on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _hkdf(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SECRET, salt=None, info=info).derive(secret)
