# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The tree against the Certificate Transparency vectors, against pymerkle, and against itself."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TypedDict, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from hub.audit.merkle import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Frontier,
    MemoryTree,
    Tile,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    root_from_inclusion,
    verify_consistency,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "rfc6962"
LARGEST = 600
LEAVES = [leaf_hash(b"leaf %d" % n) for n in range(70_000)]
TREE = MemoryTree(LEAVES[:LARGEST])
ROOTS = [root_at(TREE, size) for size in range(LARGEST + 1)]


class Inclusion(TypedDict):
    index: int
    size: int
    proof: list[str]


class Consistency(TypedDict):
    old: int
    new: int
    proof: list[str]


def load(name: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads((VECTORS / name).read_text(encoding="utf-8")))


def reference_leaves() -> list[bytes]:
    return [leaf_hash(bytes.fromhex(one)) for one in cast("list[str]", load("roots.json")["inputs"])]


def reference_roots() -> list[bytes]:
    return [bytes.fromhex(one) for one in cast("list[str]", load("roots.json")["roots"])]


class Shelf:
    """What a store keeps: leaf hashes and tiles. Refuses to be asked for what isn't complete; counts its reads."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.tiles: dict[tuple[int, int], Tile] = {}
        self.reads = 0

    def keep(self, leaves: list[bytes], tiles: list[Tile]) -> None:
        self.leaves += leaves
        for tile in tiles:
            assert (tile.level, tile.number) not in self.tiles
            self.tiles[tile.level, tile.number] = tile

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        self.reads += 1
        if level == 0:
            assert end <= len(self.leaves)
            return self.leaves[start:end]
        return [self.tiles[level - 1, number].root for number in range(start, end)]


# ------------------------------------------------------------------------------------------------ reference vectors


def test_roots_are_those_of_the_certificate_transparency_tests() -> None:
    leaves, roots = reference_leaves(), reference_roots()
    assert [MemoryTree(leaves[:size]).root() for size in range(9)] == roots
    assert [root_at(MemoryTree(leaves), size) for size in range(9)] == roots


def test_inclusion_proofs_are_those_of_the_certificate_transparency_tests() -> None:
    leaves, roots = reference_leaves(), reference_roots()
    tree = MemoryTree(leaves)
    for one in cast("list[Inclusion]", load("inclusion.json")["proofs"]):
        proof = list(inclusion_proof(tree, [one["index"]], one["size"]))
        assert [part.hex() for part in proof] == one["proof"]
        assert root_from_inclusion({one["index"]: leaves[one["index"]]}, one["size"], proof) == roots[one["size"]]


def test_consistency_proofs_are_those_of_the_certificate_transparency_tests() -> None:
    roots, tree = reference_roots(), MemoryTree(reference_leaves())
    for one in cast("list[Consistency]", load("consistency.json")["proofs"]):
        old, new = one["old"], one["new"]
        proof = consistency_proof(tree, old, new)
        assert [part.hex() for part in proof] == one["proof"]
        assert verify_consistency(old, new, roots[old], roots[new], proof)


def test_the_empty_tree_has_the_hash_of_nothing_as_its_root() -> None:
    assert Frontier().root() == root_at(MemoryTree(), 0) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# ------------------------------------------------------------------------------------------------ an outside judge


@pytest.fixture(scope="module")
def judge() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for number in range(LARGEST):
        tree.append_entry(b"leaf %d" % number)
    return tree


def test_pymerkle_finds_the_same_root_at_every_size(judge: InmemoryTree) -> None:
    assert [judge.get_root(size) for size in range(1, LARGEST + 1)] == ROOTS[1:]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_pymerkle_makes_the_same_proofs(judge: InmemoryTree, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    # pymerkle counts leaves from one and begins a path with the leaf itself
    leaf, *path = judge.prove_inclusion(index + 1, size).path
    assert (leaf, path) == (LEAVES[index], list(inclusion_proof(TREE, [index], size)))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_pymerkle_finds_our_roots_consistent(judge: InmemoryTree, data: st.DataObject) -> None:
    new = data.draw(st.integers(1, LARGEST))
    old = data.draw(st.integers(1, new))
    # Its path goes down to a leaf where RFC 6962 stops at a complete tree, so the judge judges the roots.
    judge.prove_consistency(old, new).verify(ROOTS[old], ROOTS[new], prior_size=old, later_size=new)


# ------------------------------------------------------------------------------------------------ the text of the RFC


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, over leaf hashes, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2, as it is written there."""
    if m == len(leaves):
        return [] if known else [tree_hash(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), tree_hash(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), tree_hash(leaves[:k])]


def largest_power_below(number: int) -> int:
    return max(1 << exponent for exponent in range(12) if 1 << exponent < number)


def test_roots_are_those_of_the_recursive_definition() -> None:
    assert [tree_hash(LEAVES[:size]) for size in range(1, 300)] == ROOTS[1:300]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_consistency_proofs_are_those_of_the_recursive_definition(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, LARGEST))
    old = data.draw(st.integers(1, new))
    assert consistency_proof(TREE, old, new) == subproof(old, LEAVES[:new], known=True)


# ------------------------------------------------------------------------------------------------ every size


def test_every_leaf_of_every_size_leads_to_the_root() -> None:
    for size in (*range(1, 66), 127, 128, 129, 255, 256, 257, 511, 512, 513, 599, 600):
        for index in range(size):
            proof = list(inclusion_proof(TREE, [index], size))
            assert root_from_inclusion({index: LEAVES[index]}, size, proof) == ROOTS[size]


def test_every_size_extends_every_smaller_one() -> None:
    for new in (*range(66), 255, 256, 257, 511, 512, 513, 600):
        for old in range(new + 1):
            proof = consistency_proof(TREE, old, new)
            assert verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_inclusion_proof_with_anything_changed_leads_elsewhere(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = list(inclusion_proof(TREE, [index], size))
    position = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[position][0] ^ 1]) + proof[position][1:]
    assert (
        root_from_inclusion({index: LEAVES[index]}, size, proof[:position] + [flipped] + proof[position + 1 :])
        != (ROOTS[size])
    )
    assert root_from_inclusion({index: LEAVES[LARGEST]}, size, proof) != ROOTS[size]
    with pytest.raises(ValueError, match="too short"):
        root_from_inclusion({index: LEAVES[index]}, size, proof[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_inclusion({index: LEAVES[index]}, size, [*proof, ROOTS[1]])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_inclusion_proof_does_not_serve_another_index(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    try:
        reached = root_from_inclusion({other: LEAVES[index]}, size, list(inclusion_proof(TREE, [index], size)))
    except ValueError:
        return  # the two paths have another length
    assert reached != ROOTS[size]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_proof_does_not_serve_the_root_of_another_size(data: st.DataObject) -> None:
    size, other = data.draw(st.lists(st.integers(1, LARGEST), min_size=2, max_size=2, unique=True))
    index = data.draw(st.integers(0, min(size, other) - 1))
    proof = list(inclusion_proof(TREE, [index], size))
    assert root_from_inclusion({index: LEAVES[index]}, size, proof) != ROOTS[other]
    try:
        reached = root_from_inclusion({index: LEAVES[index]}, other, proof)
    except ValueError:
        return  # the two paths have another length
    assert reached != ROOTS[other]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_consistency_proof_with_anything_changed_fails(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(TREE, old, new)
    position = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[position][0] ^ 1]) + proof[position][1:]
    assert not verify_consistency(
        old, new, ROOTS[old], ROOTS[new], [*proof[:position], flipped, *proof[position + 1 :]]
    )
    assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], proof[:-1])
    assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], [*proof, ROOTS[1]])
    assert not verify_consistency(old, new, ROOTS[old], ROOTS[new - 1], proof)
    assert not verify_consistency(old, new, ROOTS[old - 1], ROOTS[new], proof)
    assert not verify_consistency(new, old, ROOTS[new], ROOTS[old], proof)


def test_a_rewritten_log_is_not_consistent_with_what_was_seen() -> None:
    for changed in (0, 100, 255, 256, 299):
        rewritten = MemoryTree([*LEAVES[:changed], leaf_hash(b"rewritten"), *LEAVES[changed + 1 : 400]])
        proof = consistency_proof(rewritten, 300, 400)
        assert not verify_consistency(300, 400, ROOTS[300], rewritten.root(), proof)


def test_an_empty_log_is_only_extended_from_the_empty_root() -> None:
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [])
    assert not verify_consistency(0, 5, ROOTS[1], ROOTS[5], [])
    assert not verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [ROOTS[1]])
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not verify_consistency(0, 0, ROOTS[1], ROOTS[1], [])


def test_two_roots_of_one_size_are_not_consistent() -> None:
    assert verify_consistency(7, 7, ROOTS[7], ROOTS[7], [])
    assert not verify_consistency(7, 7, ROOTS[7], ROOTS[8], [])
    assert not verify_consistency(7, 7, ROOTS[7], ROOTS[7], [ROOTS[1]])


def test_a_node_does_not_pass_for_a_leaf() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])


def test_hashes_cut_elsewhere_are_refused() -> None:
    left, right = list(inclusion_proof(TREE, [0], 4))
    with pytest.raises(ValueError, match="32 bytes"):
        root_from_inclusion({0: LEAVES[0]}, 4, [left + right[:1], right[1:]])
    with pytest.raises(ValueError, match="32 bytes"):
        root_from_inclusion({0: LEAVES[0] + left[:1]}, 4, [left[1:], right])
    with pytest.raises(ValueError, match="32 bytes"):
        verify_consistency(3, 4, ROOTS[3], ROOTS[4], [b""] * 3)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_an_index_outside_the_tree_is_wrong_use(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside the tree"):
        list(inclusion_proof(TREE, [index], size))
    with pytest.raises(ValueError, match="outside the tree"):
        root_from_inclusion({index: LEAVES[0]}, size, [])


def test_sizes_that_cannot_be_are_wrong_use() -> None:
    with pytest.raises(ValueError, match="below zero"):
        root_at(TREE, -1)
    with pytest.raises(ValueError, match="below zero"):
        Frontier.recover(TREE, -1)
    with pytest.raises(ValueError, match="below zero"):
        verify_consistency(-1, 5, ROOTS[1], ROOTS[5], [])
    with pytest.raises(ValueError, match="larger than the new"):
        consistency_proof(TREE, 6, 5)


# ------------------------------------------------------------------------------------------------ frontier and tiles


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_a_frontier_filled_in_any_portions_has_the_same_roots_and_tiles(portions: list[int]) -> None:
    by_one, by_many = Frontier(), Frontier()
    one_tiles: list[Tile] = []
    many_tiles: list[Tile] = []
    position = 0
    for portion in portions:
        leaves = LEAVES[position : position + portion]
        position += portion
        for leaf in leaves:
            one_tiles += by_one.append(leaf)
        many_tiles += by_many.extend(leaves)
        assert by_one.root() == by_many.root() == root_at(MemoryTree(LEAVES[:position]), position)
        assert by_one.size == by_many.size == position
    assert one_tiles == many_tiles
    assert by_one.to_bytes() == by_many.to_bytes()


def test_tiles_hold_every_complete_run_of_256_hashes_of_every_level() -> None:
    tiles = Frontier().extend(LEAVES[:66_000])
    by_place = {(tile.level, tile.number): tile for tile in tiles}
    assert set(by_place) == {(0, number) for number in range(66_000 // 256)} | {(1, 0)}
    for number in range(66_000 // 256):
        leaves = LEAVES[256 * number : 256 * number + 256]
        assert by_place[0, number].hashes == b"".join(leaves)
        assert by_place[0, number].root == MemoryTree(leaves).root()
    assert by_place[1, 0].hashes == b"".join(by_place[0, number].root for number in range(256))
    assert by_place[1, 0].root == MemoryTree(LEAVES[:65_536]).root()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 66_000])
def test_a_frontier_comes_back_from_leaves_and_tiles_and_from_its_bytes(size: int) -> None:
    shelf, frontier = Shelf(), Frontier()
    shelf.keep(LEAVES[:size], frontier.extend(LEAVES[:size]))
    recovered, reread = Frontier.recover(shelf, size), Frontier.from_bytes(frontier.to_bytes())
    assert recovered.root() == reread.root() == frontier.root()
    more = LEAVES[size : size + 700]
    assert recovered.extend(more) == reread.extend(more) == frontier.extend(more)
    assert recovered.to_bytes() == reread.to_bytes() == frontier.to_bytes()


def test_a_frontier_comes_back_at_an_earlier_size_than_its_source() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:300])
    assert Frontier.recover(TREE, 300).to_bytes() == frontier.to_bytes()


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\x00" * 7])
def test_a_stored_frontier_of_another_length_is_refused(damage: bytes) -> None:
    stored = MemoryTree(LEAVES[:300])
    whole = Frontier.recover(stored, 300).to_bytes()
    for broken in (damage, whole[:-1], whole + b"\x00", (301).to_bytes(8, "big") + whole[8:]):
        with pytest.raises(ValueError, match="another length"):
            Frontier.from_bytes(broken)


def test_a_copy_grows_on_its_own() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:255])
    before, copy = frontier.to_bytes(), frontier.copy()
    assert [tile.number for tile in copy.extend(LEAVES[255:300])] == [0]
    assert (frontier.to_bytes(), frontier.root(), frontier.size) == (before, ROOTS[255], 255)
    assert (copy.root(), copy.size) == (ROOTS[300], 300)


def test_a_leaf_hash_of_another_length_is_refused_and_changes_nothing() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:5])
    with pytest.raises(ValueError, match="32 bytes"):
        frontier.append(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        frontier.extend([LEAVES[5], b"short"])
    assert (frontier.size, frontier.root()) == (5, ROOTS[5])


def test_proofs_across_three_tile_levels_hold_and_take_a_handful_of_reads() -> None:
    shelf, size = Shelf(), 70_000
    shelf.keep(LEAVES, Frontier().extend(LEAVES))
    root = root_at(shelf, size)
    for index in (0, 255, 256, 40_000, 65_535, 65_536, 69_999):
        shelf.reads = 0
        proof = list(inclusion_proof(shelf, [index], size))
        assert shelf.reads <= 6
        assert root_from_inclusion({index: LEAVES[index]}, size, proof) == root
    for old in (1, 255, 256, 65_535, 65_536, 65_537, 69_999):
        shelf.reads = 0
        proof = consistency_proof(shelf, old, size)
        assert shelf.reads <= 6
        assert verify_consistency(old, size, root_at(shelf, old), root, proof)


def test_a_memory_tree_filled_one_by_one_is_the_same_tree() -> None:
    tree = MemoryTree()
    for leaf in LEAVES[: 2 * TILE_WIDTH + 3]:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (515, ROOTS[515])
    assert tree.hashes(1, 0, 2) == TREE.hashes(1, 0, 2)
    assert list(inclusion_proof(tree, [300], 515)) == list(inclusion_proof(TREE, [300], 515))
