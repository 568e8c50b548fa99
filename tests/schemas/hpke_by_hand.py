# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""HPKE and X-Wing written out from their texts, as a second opinion on the library that seals: for tests only.

HPKE base mode, single message: RFC 9180 sections 4, 4.1 and 5.1. X-Wing: draft-connolly-cfrg-xwing-kem section 5; in HPKE
its shared secret is used as it is (KEM id 0x647a). Only SHA-2, SHA-3, HMAC, X25519, ML-KEM-768 and AES-GCM are the
library's.
"""

import hmac
from hashlib import sha3_256, sha256, shake_256

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

XWING, DHKEM_X25519, HKDF_SHA256, AES_128_GCM, AES_256_GCM = 0x647A, 0x0020, 0x0001, 0x0001, 0x0002
LABEL = bytes.fromhex("5c2e2f2f5e5c")
ENCAPSULATED = 1120


def extract(salt: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), material, "sha256")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + material)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def key_and_nonce(kem: int, aead: int, shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    suite = b"HPKE" + kem.to_bytes(2, "big") + HKDF_SHA256.to_bytes(2, "big") + aead.to_bytes(2, "big")
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    size = {AES_128_GCM: 16, AES_256_GCM: 32}[aead]
    return labeled_expand(suite, secret, b"key", context, size), labeled_expand(
        suite, secret, b"base_nonce", context, 12
    )


def x25519_shared(private: bytes, enc: bytes) -> bytes:
    """DHKEM(X25519, HKDF-SHA256), the recipient's side."""
    key = x25519.X25519PrivateKey.from_private_bytes(private)
    dh = key.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    suite = b"KEM" + DHKEM_X25519.to_bytes(2, "big")
    eae = labeled_extract(suite, b"", b"eae_prk", dh)
    return labeled_expand(suite, eae, b"shared_secret", enc + key.public_key().public_bytes_raw(), 32)


def xwing_shared(seed: bytes, encapsulated: bytes) -> bytes:
    """Decapsulation: both shared secrets, the X25519 ciphertext and public key, and the label, through SHA3-256."""
    expanded = shake_256(seed).digest(96)
    ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
    first, second = encapsulated[:1088], encapsulated[1088:]
    shared_x = x.exchange(x25519.X25519PublicKey.from_public_bytes(second))
    return sha3_256(ml_kem.decapsulate(first) + shared_x + second + x.public_key().public_bytes_raw() + LABEL).digest()


def open_box(seed: bytes, box: bytes, info: bytes) -> bytes:
    """What `cryptography` sealed for the X-Wing key of this seed."""
    shared = xwing_shared(seed, box[:ENCAPSULATED])
    key, nonce = key_and_nonce(XWING, AES_256_GCM, shared, info)
    return AESGCM(key).decrypt(nonce, box[ENCAPSULATED:], b"")


def seal_box(seed: bytes, encapsulated: bytes, plaintext: bytes, info: bytes) -> bytes:
    """A box for the X-Wing key of this seed, with an encapsulation that is known beforehand: for frozen vectors."""
    key, nonce = key_and_nonce(XWING, AES_256_GCM, xwing_shared(seed, encapsulated), info)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


def part(key: bytes, header: bytes, name: str, text: bytes, size: int) -> bytes:
    """A part, padded and sealed as wire.md section 1 says."""
    padded = (len(text).to_bytes(4, "big") + text).ljust(size, b"\0")
    return AESGCM(key).encrypt(bytes(12), padded, sha256(header).digest() + name.encode())
