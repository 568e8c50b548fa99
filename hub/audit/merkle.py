# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The arithmetic of the audit log: Merkle trees of RFC 6962 (section 2.1) and RFC 9162 (section 2.1).

Pure: no files, no clock, no keys. What it guarantees:

- `Frontier` gives the root of everything appended so far, and hands over every *tile* (256 sibling hashes) at the
  moment it is complete; a store that keeps leaf hashes and tiles can always rebuild the frontier (`Frontier.recover`).
- proofs are made from a `NodeSource` in a handful of reads, whatever the size of the log;
- what verifies proofs is in `schemas.merkle_proof`, since edges do so too; its names can be had from here.

Tile level 0 holds leaf hashes; a hash of level n + 1 is the root of one complete tile of level n.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256 as _sha256
from typing import Protocol

from schemas.merkle_proof import (
    EMPTY_ROOT,
    HASH_SIZE,
    check_indexes,
    check_size,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    split,
    verify_consistency,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "Frontier",
    "MemoryTree",
    "NodeSource",
    "Tile",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_at",
    "root_from_inclusion",
    "verify_consistency",
]

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

_LENGTHS = {HASH_SIZE}


@dataclass(frozen=True, slots=True)
class Tile:
    """256 complete sibling hashes: what a store keeps for ever, and never changes."""

    level: int
    number: int
    hashes: bytes
    root: bytes


class NodeSource(Protocol):
    """Where proofs read from: leaf hashes and roots of complete tiles."""

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """The hashes number `start` up to `end` of tile level `level`.

        MUST return exactly `end - start` hashes of 32 bytes. Is only asked for complete ones: number n of level v
        is asked when the log has at least (n + 1) * 256**v leaves.
        """
        ...


class Frontier:
    """The growing right edge of a tree: its size, its peaks, and the hashes of each tile not yet complete.

    Appending changes it; whoever commits elsewhere works on a `copy` and keeps that once the commit stands.
    """

    __slots__ = ("_peaks", "_tails", "size")

    def __init__(self) -> None:
        self.size = 0
        self._tails: list[list[bytes]] = [[]]
        self._peaks: list[list[bytes]] = [[]]

    def append(self, leaf: bytes) -> list[Tile]:
        """Add one leaf hash; returns the tiles that it completed, which the frontier itself then forgets.

        Raises:
            ValueError: it has another size.
        """
        if len(leaf) != HASH_SIZE:
            raise ValueError("a leaf hash has 32 bytes")
        self.size += 1
        if self._push(0, leaf):
            return []
        return self._close(0)

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Add leaf hashes in their order; returns the tiles that they completed, in the order of completion.

        Raises:
            ValueError: one has another size.
        """
        if set(map(len, leaves)) - _LENGTHS:
            raise ValueError("a leaf hash has 32 bytes")
        tiles: list[Tile] = []
        position = 0
        while position < len(leaves):
            room = TILE_WIDTH - len(self._tails[0])
            some = leaves[position : position + room]
            position += len(some)
            self.size += len(some)
            if len(some) == TILE_WIDTH:  # a whole tile at once needs no peaks of its own
                self._tails[0].extend(some)
                self._peaks[0] = [_fold(some)]
            else:
                for leaf in some:
                    self._push(0, leaf)
            if len(some) == room:
                tiles += self._close(0)
        return tiles

    def root(self) -> bytes:
        """The RFC 6962 root of all leaves appended so far."""
        root = b""
        for peaks in self._peaks:
            for peak in reversed(peaks):
                root = node_hash(peak, root) if root else peak
        return root or EMPTY_ROOT

    def peaks(self) -> list[bytes]:
        """The roots of the complete trees side by side of which this one is made, the largest first."""
        return [peak for peaks in reversed(self._peaks) for peak in peaks]

    def copy(self) -> Frontier:
        """A frontier in the same state that grows on its own."""
        other = Frontier()
        other.size = self.size
        other._tails = [tail.copy() for tail in self._tails]
        other._peaks = [peaks.copy() for peaks in self._peaks]
        return other

    def to_bytes(self) -> bytes:
        """The whole state: the size in eight bytes, then the hashes of each incomplete tile from level 0 up."""
        return self.size.to_bytes(8, "big") + b"".join(h for tail in self._tails for h in tail)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """The frontier that `to_bytes` wrote down.

        Raises ValueError when the length doesn't fit the size that it starts with.
        """
        size = int.from_bytes(data[:8], "big")
        widths = _tail_widths(size)
        if len(data) != 8 + HASH_SIZE * sum(widths):
            raise ValueError("a stored frontier has another length than its size calls for")
        hashes = (data[at : at + HASH_SIZE] for at in range(8, len(data), HASH_SIZE))
        return cls._of(size, [[next(hashes) for _ in range(width)] for width in widths])

    @classmethod
    def recover(cls, source: NodeSource, size: int) -> Frontier:
        """The frontier of the first `size` leaves of a source: what a store does when it opens."""
        check_size(size)
        ends = [size >> (TILE_HEIGHT * level) for level in range(len(_tail_widths(size)))]
        tails = [source.hashes(level, end - end % TILE_WIDTH, end) for level, end in enumerate(ends)]
        return cls._of(size, tails)

    @classmethod
    def _of(cls, size: int, tails: list[list[bytes]]) -> Frontier:
        frontier = cls()
        frontier.size = size
        frontier._tails = [[] for _ in tails]
        frontier._peaks = [[] for _ in tails]
        for level, tail in enumerate(tails):
            for node in tail:
                frontier._push(level, node)
        return frontier

    def _push(self, level: int, node: bytes) -> bool:
        """Add a hash to the open tile of a level; False when that tile is now complete."""
        tail, peaks = self._tails[level], self._peaks[level]
        count = len(tail)
        tail.append(node)
        # A binary counter: every trailing one bit of the count is a peak of the same height to be joined with.
        while count & 1:
            node = _sha256(b"\x01" + peaks.pop() + node).digest()
            count >>= 1
        peaks.append(node)
        return len(tail) != TILE_WIDTH

    def _close(self, level: int) -> list[Tile]:
        """Hand over the complete tile of a level, and those above that its root completes."""
        tiles: list[Tile] = []
        while True:
            number = (self.size >> (TILE_HEIGHT * (level + 1))) - 1
            root = self._peaks[level][0]
            tiles.append(Tile(level, number, b"".join(self._tails[level]), root))
            self._tails[level], self._peaks[level] = [], []
            level += 1
            if level == len(self._tails):
                self._tails.append([])
                self._peaks.append([])
            if self._push(level, root):
                return tiles


class MemoryTree:
    """A whole tree in memory: a `NodeSource` for the memory store and for tests."""

    __slots__ = ("_frontier", "_levels")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._frontier = Frontier()
        self._levels: list[list[bytes]] = [[]]
        self.extend(list(leaves))

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._frontier.size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self._keep(self._frontier.append(leaf))
        self._levels[0].append(leaf)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes in their order."""
        self._keep(self._frontier.extend(leaves))
        self._levels[0].extend(leaves)

    def root(self) -> bytes:
        """The root of all leaves; `root_at` gives that of an earlier size."""
        return self._frontier.root()

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """See `NodeSource`."""
        return self._levels[level][start:end]

    def _keep(self, tiles: list[Tile]) -> None:
        for tile in tiles:
            if tile.level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[tile.level + 1].append(tile.root)


def root_at(source: NodeSource, size: int) -> bytes:
    """The root of the first `size` leaves."""
    check_size(size)
    return _Reader(source, size).root(0, size) if size else EMPTY_ROOT


def inclusion_proof(source: NodeSource, indexes: Sequence[int], size: int) -> Iterator[bytes]:
    """The one proof of these leaves, whose indexes rise, in the tree of the first `size` leaves; of one leaf its audit path
    (RFC 6962, 2.1.1).

    Comes hash by hash and reads as it goes, so whoever makes a long one can let others go in between.
    """
    check_indexes(indexes, size)
    reader = _Reader(source, size)
    return (reader.root(*part) for part in list(_beside(indexes, 0, size)))


def _beside(indexes: Sequence[int], low: int, high: int) -> Iterator[tuple[int, int]]:
    """The largest parts of leaves `low` up to `high` that hold none of these, in the order of `root_from_inclusion`."""
    if not indexes:
        yield low, high
    elif high - low > 1:
        middle = low + split(high - low)
        cut = bisect_left(indexes, middle)
        sides = (indexes[:cut], low, middle), (indexes[cut:], middle, high)
        for side in sides if cut else reversed(sides):
            yield from _beside(*side)


def consistency_proof(source: NodeSource, old: int, new: int) -> list[bytes]:
    """What shows that the first `old` leaves of the tree of `new` leaves are the older tree (RFC 6962, 2.1.2).

    Empty when there is nothing to show: `old` is zero or equals `new`.

    Raises:
        ValueError: `old` is larger than `new`.
    """
    check_size(old)
    check_size(new)
    if old > new:
        raise ValueError("the old size is larger than the new size")
    if old in (0, new):
        return []
    low, high = 0, new
    path: list[tuple[int, int]] = []
    while high != old:
        middle = low + split(high - low)
        if old <= middle:
            path.append((middle, high))
            high = middle
        else:
            path.append((low, middle))
            low = middle
    if low:  # when it starts at zero it is the old tree itself, whose root the verifier has
        path.append((low, high))
    reader = _Reader(source, new)
    return [reader.root(*part) for part in reversed(path)]


class _Reader:
    """Roots of parts of one tree; reads every tile at most once, so a proof is a handful of reads."""

    __slots__ = ("_size", "_source", "_tiles")

    def __init__(self, source: NodeSource, size: int) -> None:
        self._source = source
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def root(self, low: int, high: int) -> bytes:
        """Root of leaves `low` up to `high`, a part as RFC 6962 splits: `low` is aligned to all of its width."""
        root = b""
        for height in _bits(high - low):
            node = self._node(height, (high >> height) - 1)
            root = node_hash(node, root) if root else node
        return root

    def _node(self, height: int, number: int) -> bytes:
        """Hash number `number` of all complete nodes of this height."""
        level, above = divmod(height, TILE_HEIGHT)
        tile, offset = divmod(number << above, TILE_WIDTH)
        hashes = self._tiles.get((level, tile))
        if hashes is None:
            start = tile * TILE_WIDTH
            end = min(start + TILE_WIDTH, self._size >> (TILE_HEIGHT * level))
            hashes = self._tiles[level, tile] = self._source.hashes(level, start, end)
        return _fold(hashes[offset : offset + (1 << above)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a complete subtree: the number of hashes is a power of two."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


def _bits(number: int) -> Iterator[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def _tail_widths(size: int) -> list[int]:
    """How many hashes the open tile of each level holds; there is always a level 0."""
    widths = [size % TILE_WIDTH]
    while size := size >> TILE_HEIGHT:
        widths.append(size % TILE_WIDTH)
    return widths
