# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Signing: one function signs, one verifies, for envelopes, facts, receipts and manifests alike.

What is signed is never a frame but a *domain tag* (frame and version) followed by the SHA-256 of each signed
piece.  One signer may sign up to 1,024 frames together: the Ed25519 signature (RFC 8032) then covers the root
of a Merkle tree (RFC 6962) over them, and each frame carries its own way to that root.  So one frame is proven
without showing the others, and a verifier that keeps the roots it has checked pays for one signature.

A signature on the wire is `[Ed25519, index, path]`.  `index` holds the turns of the way from leaf to root, the
lowest bit first (1: the sibling stands at the left); for a count that is a power of two it is the leaf's index.
A frame signed alone has index 0 and an empty path.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

import nacl.bindings
import nacl.exceptions

from schemas.canonical import FrameError, need_bytes, need_int, need_list

MOST_TOGETHER = 1024
_DEEPEST = 10  # 2 ** 10 = MOST_TOGETHER
_ROOT_TAG = b"schakel/sign/root/v1\0"
_sha256 = hashlib.sha256

Signature = tuple[bytes, int, list[bytes]]


class SignatureError(ValueError):
    """The signature does not cover these bytes under this key."""


class SigningKey:
    """An Ed25519 key from its 32-byte seed."""

    __slots__ = ("_secret", "public", "key_id", "seed")

    def __init__(self, seed: bytes) -> None:
        self.public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.key_id = key_id(self.public)
        self.seed = seed

    def sign(self, message: bytes) -> bytes:
        """The bare 64-byte Ed25519 signature of `message`."""
        return nacl.bindings.crypto_sign(message, self._secret)[:64]

    def sign_together(self, messages: Sequence[bytes]) -> list[Signature]:
        """One signature over all `messages` (1 to 1,024), told to each with its own way to the root.

        Raises:
            ValueError: there are none, or more.
        """
        if not 0 < len(messages) <= MOST_TOGETHER:
            raise ValueError(f"between 1 and {MOST_TOGETHER} frames can be signed together")
        root, ways = _tree([_leaf(m) for m in messages])
        ed25519 = self.sign(_ROOT_TAG + root)
        return [(ed25519, index, path) for index, path in ways]

    def sign_alone(self, message: bytes) -> Signature:
        """The signature of one message."""
        return self.sign(_ROOT_TAG + _leaf(message)), 0, []


@lru_cache(maxsize=4096)  # a few keys are looked for by name in every envelope
def key_id(public: bytes) -> str:
    """The name of a public key: the first 8 bytes of its SHA-256, 16 hexadecimal characters."""
    return _sha256(public).hexdigest()[:16]


def signed_bytes(tag: bytes, *pieces: bytes) -> bytes:
    """What a signature covers: the domain tag, then the SHA-256 of each piece."""
    return tag + b"".join([_sha256(piece).digest() for piece in pieces])


def parse_signature(value: object, path: str) -> Signature:
    """The signature of a decoded frame.

    Raises:
        FrameError: it has another shape, or turns that its path does not have.
    """
    items = need_list(value, 3, path)
    if len(items) != 3:
        raise FrameError(path, "array")
    way = need_list(items[2], _DEEPEST, path)
    if way and set(map(type, way)) != {bytes} or set(map(len, way)) - {32}:  # type: ignore[arg-type]  # bytes by now
        raise FrameError(path, "bytes(32)")
    turns = need_int(items[1], 0, (1 << len(way)) - 1, path)
    return need_bytes(items[0], 64, path), turns, way  # type: ignore[return-value]  # bytes by now


class Verifier:
    """Verifies signatures and keeps the roots it has checked (at most `most` of them)."""

    def __init__(self, most: int = 4096) -> None:
        self._checked: OrderedDict[tuple[bytes, bytes, bytes], None] = OrderedDict()
        self._most = most

    def verify(self, message: bytes, signature: Signature, public: bytes) -> None:
        """Returns when `signature` covers `message` under `public`.

        Raises:
            SignatureError: it does not.
        """
        ed25519, turns, way = signature
        root = _leaf(message)
        for sibling in way:
            root = _sha256(b"\1" + (sibling + root if turns & 1 else root + sibling)).digest()
            turns >>= 1
        known = (root, ed25519, public)
        if way and known in self._checked:
            return
        try:
            nacl.bindings.crypto_sign_open(ed25519 + _ROOT_TAG + root, public)
        except (nacl.exceptions.BadSignatureError, ValueError, TypeError):
            raise SignatureError("signature") from None
        if way:  # a root of one leaf will not come again: not worth a place
            self._checked[known] = None
            if len(self._checked) > self._most:
                self._checked.popitem(last=False)


def _leaf(message: bytes) -> bytes:
    return _sha256(b"\0" + message).digest()


def _tree(leaves: list[bytes]) -> tuple[bytes, list[tuple[int, list[bytes]]]]:
    """Root and ways of an RFC 6962 tree, level by level; an odd last node goes up as it is."""
    turns, paths = [0] * len(leaves), [list[bytes]() for _ in leaves]
    level = [(node, range(i, i + 1)) for i, node in enumerate(leaves)]
    while len(level) > 1:
        above = []
        for i in range(0, len(level) - 1, 2):
            (left, lefts), (right, rights) = level[i], level[i + 1]
            for j in lefts:
                paths[j].append(right)
            for j in rights:
                turns[j] |= 1 << len(paths[j])
                paths[j].append(left)
            above.append((_sha256(b"\1" + left + right).digest(), range(lefts.start, rights.stop)))
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0][0], list(zip(turns, paths, strict=True))
