# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Verifying proofs about a Merkle tree of RFC 6962 (section 2.1), by the algorithms of RFC 9162 (section 2.1).

Pure: no files, no clock, no keys. The two verifiers accept a proof only when every hash of it was used and it has
exactly the length that index and sizes call for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256 as _sha256

HASH_SIZE = 32
EMPTY_ROOT = _sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf; the prefix keeps leaves and nodes apart (RFC 6962, 2.1)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node above two others."""
    return _sha256(b"\x01" + left + right).digest()


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that the leaf hash and its audit path lead to (RFC 9162, 2.1.3.2); the caller compares it.

    Raises ValueError when the index lies outside the tree or the path isn't as long as index and size call for.
    """
    check_index(index, size)
    _check_hashes((leaf, *proof))
    number, last, root = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise ValueError("the inclusion proof is too long")
        if number & 1 or number == last:
            root = node_hash(sibling, root)
            while number and not number & 1:
                number >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        number >>= 1
        last >>= 1
    if last:
        raise ValueError("the inclusion proof is too short")
    return root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree begins with the old one (RFC 9162, 2.1.4.2).

    A new size below the old one is simply not consistent. Of the empty tree only `EMPTY_ROOT` is a root.
    Raises ValueError for a size below zero and a hash that isn't 32 bytes.
    """
    check_size(old)
    check_size(new)
    _check_hashes((old_root, new_root, *proof))
    if old == new:
        return not proof and old_root == new_root and (new > 0 or new_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old > new or not proof:
        return False
    # An old tree that is complete is itself a node of the new one: its root isn't sent.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return _walk_consistency(old, new, path) == (old_root, new_root)


def _walk_consistency(old: int, new: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    """Old and new root that a consistency path leads to; None when its length is wrong."""
    number, last = old - 1, new - 1
    while number & 1:
        number >>= 1
        last >>= 1
    old_root = new_root = path[0]
    for sibling in path[1:]:
        if not last:
            return None
        if number & 1 or number == last:
            old_root, new_root = node_hash(sibling, old_root), node_hash(sibling, new_root)
            while number and not number & 1:
                number >>= 1
                last >>= 1
        else:
            new_root = node_hash(new_root, sibling)
        number >>= 1
        last >>= 1
    return None if last else (old_root, new_root)


def check_size(size: int) -> None:
    """Raises ValueError for a size that no tree has."""
    if size < 0:
        raise ValueError("a tree size is never below zero")


def check_index(index: int, size: int) -> None:
    """Raises ValueError for an index outside a tree of this size."""
    if not 0 <= index < size:
        raise ValueError("the index lies outside the tree")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    # Without this check two neighbours could be cut elsewhere and still give the same node.
    if any(len(one) != HASH_SIZE for one in hashes):
        raise ValueError("a hash in a proof has 32 bytes")
