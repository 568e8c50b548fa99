# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Verifying proofs about a Merkle tree of RFC 6962 (section 2.1), by the algorithms of RFC 9162 (section 2.1).

Pure: no files, no clock, no keys. The two verifiers accept a proof only when every hash of it was used and it has
exactly the length that indexes and sizes call for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256 as _sha256
from itertools import pairwise

HASH_SIZE = 32
EMPTY_ROOT = _sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one leaf; the prefix keeps leaves and nodes apart (RFC 6962, 2.1)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node above two others."""
    return _sha256(b"\x01" + left + right).digest()


def root_from_inclusion(leaves: Mapping[int, bytes], size: int, proof: Sequence[bytes]) -> bytes:
    """The root that these leaf hashes, by their index, and one proof of all of them lead to; the caller compares it.

    The proof holds the root of each largest part of the tree without any of these leaves, none twice, in this order: of two
    parts side by side that with leaves comes first, else the left one.  For one leaf that is the audit path of RFC 9162
    (2.1.3.2).

    Raises ValueError when there is no leaf, an index lies outside the tree, or the proof isn't as long as they call for.
    """
    known = sorted(leaves.items())
    check_indexes([index for index, _ in known], size)
    _check_hashes((*leaves.values(), *proof))
    hashes = iter(proof)
    root = _root_of(known, 0, size, hashes)
    if next(hashes, None) is not None:
        raise ValueError("the inclusion proof is too long")
    return root


def _root_of(known: list[tuple[int, bytes]], low: int, high: int, hashes: Iterator[bytes]) -> bytes:
    """The root of the leaves `low` up to `high`, of which some are known."""
    if not known:
        found = next(hashes, None)
        if found is None:
            raise ValueError("the inclusion proof is too short")
        return found
    if high - low == 1:
        return known[0][1]
    middle = low + split(high - low)
    cut = bisect_left(known, (middle,))
    if cut:
        left = _root_of(known[:cut], low, middle, hashes)
        return node_hash(left, _root_of(known[cut:], middle, high, hashes))
    right = _root_of(known, middle, high, hashes)
    return node_hash(_root_of([], low, middle, hashes), right)


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


def check_indexes(indexes: Sequence[int], size: int) -> None:
    """Raises ValueError for none at all, for indexes that don't rise, and for one outside a tree of this size."""
    if not indexes or any(after <= before for before, after in pairwise(indexes)):
        raise ValueError("the indexes of a proof rise, and there is one at least")
    if not 0 <= indexes[0] <= indexes[-1] < size:
        raise ValueError("the index lies outside the tree")


def split(width: int) -> int:
    """How many leaves stand in the left one of the two parts of a tree: the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    # Without this check two neighbours could be cut elsewhere and still give the same node.
    if any(len(one) != HASH_SIZE for one in hashes):
        raise ValueError("a hash in a proof has 32 bytes")
