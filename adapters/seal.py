# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Sealing and opening: plaintext parts become an envelope for one recipient, and the reverse (wire.md section 1).

Guarantees:
- a part is as long as its size class, whatever it says, so lengths tell nothing; the control part has the larger class
  only in an introduction, which is an envelope whose category parts all have length 0;
- every part has a random key of its own, so the nonce can be zero; keys travel in one HPKE box (X-Wing);
- box and parts are bound to the header: none of them opens under another;
- what doesn't open, or isn't padded exactly so, is an `UnreadableError` that says no more than that.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from schemas.envelope import CONTROL, Envelope, Header, build, listing_of, to_sign
from schemas.registry import SIZE_CLASS
from schemas.signing import SigningKey

INTRODUCTION: Final = "introduction"  # the size class of the control part of an introduction
SIZES: Final[Mapping[str, int]] = MappingProxyType(SIZE_CLASS)

_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_ENVELOPE: Final = b"schakel/envelope/v1\0"
_RETRACTION: Final = b"schakel/retraction/v1\0"
_NONCE: Final = bytes(12)
_KEY: Final = 32
_LENGTH: Final = 4
_TAG: Final = 16
_EVENT_ID: Final = 16
_RETRACTED: Final = 32


class UnreadableError(Exception):
    """This envelope can't be opened with this key. Why isn't said: the sender must not learn more than that."""


class Sealed(NamedTuple):
    """A frame that only lacks its signature."""

    header: bytes
    box: bytes
    listing: bytes
    ciphertexts: list[bytes]
    retraction: bool


def seal(
    header: Header,
    plaintexts: Mapping[str, bytes],
    public: MLKEM768X25519PublicKey,
    sizes: Mapping[str, int] = SIZES,
    random: Callable[[int], bytes] = os.urandom,
) -> Sealed:
    """Seal the JSON of each listed name, `control` included, for the holder of this key.

    Raises:
        ValueError: no control part, a name without a size class, or JSON that is too long for its class.
    """
    raw = header.to_bytes()
    bound = sha256(raw).digest()
    names = tuple(sorted(plaintexts))
    control = _control_size(plaintexts, sizes)
    keys = random(_KEY * len(names))
    ciphertexts, at = [], 0
    for name in names:
        text = plaintexts[name]
        size = control if name == CONTROL else _size(name, sizes)
        if len(text) > size - _LENGTH:
            raise ValueError("a part is longer than its size class")
        padded = (len(text).to_bytes(_LENGTH, "big") + text).ljust(size, b"\0")
        ciphertexts.append(AESGCM(keys[at : at + _KEY]).encrypt(_NONCE, padded, bound + name.encode()))
        at += _KEY
    box = _HPKE.encrypt(keys, public, _ENVELOPE + bound)
    return Sealed(raw, box, listing_of(names, ciphertexts), ciphertexts, retraction=False)


def sign_frames(sealed: Sequence[Sealed], key: SigningKey) -> list[bytes]:
    """The bytes of these frames, signed together (1 to 1,024). Envelopes of one event never go in one call."""
    messages = [to_sign(one.retraction, one.header, one.box, one.listing) for one in sealed]
    signatures = [key.sign_alone(messages[0])] if len(messages) == 1 else key.sign_together(messages)
    return [
        build(one.header, one.box, one.listing, signature, one.ciphertexts)
        for one, signature in zip(sealed, signatures, strict=True)
    ]


def open_parts(
    envelope: Envelope, private: MLKEM768X25519PrivateKey, sizes: Mapping[str, int] = SIZES
) -> dict[str, bytes]:
    """The JSON of each listed name; b"" for one of length 0. Signature and addresses were looked at before.

    Raises:
        UnreadableError: it doesn't open, or a part isn't padded to its size class.
    """
    bound = sha256(envelope.header).digest()
    names = envelope.names
    try:
        keys = _HPKE.decrypt(envelope.box, private, _ENVELOPE + bound)
        if envelope.retraction or len(keys) != _KEY * len(names):
            raise UnreadableError("unreadable")
        texts, lengths, at = {}, [], 0
        for name, ciphertext in zip(names, envelope.parts, strict=True):
            padded = AESGCM(keys[at : at + _KEY]).decrypt(_NONCE, ciphertext, bound + name.encode())
            texts[name] = _unpad(padded)
            lengths.append(len(padded))
            at += _KEY
        control = _control_size(texts, sizes)
        wanted = [control if name == CONTROL else _size(name, sizes) for name in names]
    except (InvalidTag, ValueError):
        raise UnreadableError("unreadable") from None
    if wanted != lengths:
        raise UnreadableError("unreadable")
    return texts


def seal_retraction(header: Header, event_id: bytes, public: MLKEM768X25519PublicKey) -> Sealed:
    """Seal the id of the event that is called back; a retraction has no parts."""
    if not header.retraction or len(event_id) != _EVENT_ID:
        raise ValueError("a retraction has a header of its type and an event id of 16 bytes")
    raw = header.to_bytes()
    box = _HPKE.encrypt(event_id.ljust(_RETRACTED, b"\0"), public, _RETRACTION + sha256(raw).digest())
    return Sealed(raw, box, listing_of((), []), [], retraction=True)


def open_retraction(envelope: Envelope, private: MLKEM768X25519PrivateKey) -> bytes:
    """The 16 bytes of the event id that is called back.

    Raises:
        UnreadableError: it doesn't open, or holds something else.
    """
    try:
        opened = _HPKE.decrypt(envelope.box, private, _RETRACTION + sha256(envelope.header).digest())
    except (InvalidTag, ValueError):
        raise UnreadableError("unreadable") from None
    if not envelope.retraction or len(opened) != _RETRACTED or any(opened[_EVENT_ID:]):
        raise UnreadableError("unreadable")
    return opened[:_EVENT_ID]


def _control_size(texts: Mapping[str, bytes], sizes: Mapping[str, int]) -> int:
    """The size class of the control part: the larger one when no category part says anything."""
    control = texts.get(CONTROL)
    if control is None:
        raise ValueError("an envelope has a control part")
    return sizes[INTRODUCTION if sum(map(len, texts.values())) == len(control) else CONTROL]


def _size(name: str, sizes: Mapping[str, int]) -> int:
    if name == INTRODUCTION or name not in sizes:
        raise ValueError("a part has a name without a size class")
    return sizes[name]


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:_LENGTH], "big")
    text = padded[_LENGTH : _LENGTH + length]
    end = _LENGTH + length
    if len(padded) < end or padded.count(0, end) != len(padded) - end:
        raise ValueError("padding")
    return text
