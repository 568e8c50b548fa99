# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""One proof of many leaves: it proves each of them and nothing else, sends no hash twice, and is short where they are
neighbours.  That the proof of one leaf is its audit path is in `test_merkle.py`."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.merkle import MemoryTree, inclusion_proof, leaf_hash, root_at, root_from_inclusion

LARGEST = 600
LEAVES = [leaf_hash(b"leaf %d" % n) for n in range(LARGEST + 1)]
TREE = MemoryTree(LEAVES[:LARGEST])


@st.composite
def asked(draw: st.DrawFn, least: int = 1) -> tuple[int, list[int]]:
    """A size and some indexes in it: far apart, side by side, or both."""
    size = draw(st.integers(least, LARGEST))
    chosen = draw(st.sets(st.integers(0, size - 1), min_size=least, max_size=20))
    first, count = draw(st.integers(0, size - 1)), draw(st.integers(0, 60))
    return size, sorted(chosen | set(range(first, min(first + count, size))))


def proof_of(indexes: list[int], size: int) -> list[bytes]:
    return list(inclusion_proof(TREE, indexes, size))


def leaves_of(indexes: list[int]) -> dict[int, bytes]:
    return {index: LEAVES[index] for index in indexes}


def width(size: int, low: int, high: int, known: list[int]) -> int:
    """How many hashes prove the known ones of leaves `low` to `high`, by the definition of the tree (RFC 6962, 2.1)."""
    inside = [index for index in known if low <= index < high]
    if not inside:
        return 1
    if high - low == 1:
        return 0
    k = 1
    while k * 2 < high - low:
        k *= 2
    return width(size, low, low + k, inside) + width(size, low + k, high, inside)


@settings(max_examples=200, deadline=None)
@given(asked())
def test_one_proof_of_any_leaves_leads_to_the_root_and_no_hash_of_it_is_sent_twice(at: tuple[int, list[int]]) -> None:
    size, indexes = at
    proof = proof_of(indexes, size)
    assert root_from_inclusion(leaves_of(indexes), size, proof) == root_at(TREE, size)
    assert len(set(proof)) == len(proof) == width(size, 0, size, indexes)
    alone = {one for index in indexes for one in proof_of([index], size)}
    assert set(proof) <= alone


@settings(max_examples=200, deadline=None)
@given(asked(2), st.data())
def test_a_proof_of_many_with_anything_changed_leads_elsewhere(at: tuple[int, list[int]], data: st.DataObject) -> None:
    size, indexes = at
    proof, leaves, root = proof_of(indexes, size), leaves_of(indexes), root_at(TREE, size)
    for index in {indexes[0], indexes[-1], data.draw(st.sampled_from(indexes))}:
        assert root_from_inclusion(leaves | {index: LEAVES[LARGEST]}, size, proof) != root
    one, other = data.draw(st.lists(st.sampled_from(indexes), min_size=2, max_size=2, unique=True))
    assert root_from_inclusion(leaves | {one: LEAVES[other], other: LEAVES[one]}, size, proof) != root
    for place in range(len(proof)):
        changed = [*proof[:place], bytes([proof[place][0] ^ 1]) + proof[place][1:], *proof[place + 1 :]]
        assert root_from_inclusion(leaves, size, changed) != root
    with pytest.raises(ValueError, match="too long"):
        root_from_inclusion(leaves, size, [*proof, root])
    if proof:
        with pytest.raises(ValueError, match="too short"):
            root_from_inclusion(leaves, size, proof[:-1])


@settings(max_examples=200, deadline=None)
@given(asked(), asked())
def test_a_proof_of_some_does_not_serve_others(at: tuple[int, list[int]], other: tuple[int, list[int]]) -> None:
    size, indexes = at
    others = [index for index in other[1] if index < size]
    if not others or others == indexes:
        return
    claims = {index: LEAVES[LARGEST] if index not in indexes else LEAVES[index] for index in others}
    try:
        reached = root_from_inclusion(claims, size, proof_of(indexes, size))
    except ValueError:
        return  # it calls for more or for fewer hashes
    assert reached != root_at(TREE, size) or set(others) <= set(indexes)


def test_neighbours_share_almost_all_of_their_proof() -> None:
    assert len(proof_of(list(range(100, 500)), LARGEST)) <= 2 * 10
    assert sum(len(proof_of([index], LARGEST)) for index in range(100, 500)) > 3_500
    assert proof_of(list(range(LARGEST)), LARGEST) == []


def test_a_proof_reads_no_further_than_it_is_taken() -> None:
    class Counting:
        reads = 0

        def hashes(self, level: int, start: int, end: int) -> list[bytes]:
            self.reads += 1
            return TREE.hashes(level, start, end)

    source = Counting()
    proof = inclusion_proof(source, [0, 300, 599], LARGEST)
    assert source.reads == 0
    first = list(islice(proof, 3))
    assert source.reads == 1
    assert first + list(proof) == proof_of([0, 300, 599], LARGEST)
    assert source.reads == 3  # each run of 256 once


@pytest.mark.parametrize("indexes", [[], [1, 1], [2, 1], [3, 4, 4], [0, 9, 8]])
def test_indexes_that_do_not_rise_and_none_at_all_are_wrong_use(indexes: list[int]) -> None:
    with pytest.raises(ValueError, match="rise"):
        inclusion_proof(TREE, indexes, 20)
    with pytest.raises(ValueError, match="rise"):
        root_from_inclusion({}, 20, [])


@pytest.mark.parametrize("indexes", [[-1, 3], [3, 20], [3, 1 << 60]])
def test_any_index_outside_the_tree_is_wrong_use(indexes: list[int]) -> None:
    with pytest.raises(ValueError, match="outside the tree"):
        inclusion_proof(TREE, indexes, 20)
    with pytest.raises(ValueError, match="outside the tree"):
        root_from_inclusion(dict.fromkeys(indexes, LEAVES[0]), 20, [])


def test_a_tree_of_any_size_that_can_be_named_is_looked_at_within_its_height() -> None:
    """The size comes from whoever signed a checkpoint: it makes nobody count."""
    size = (1 << 53) - 1
    with pytest.raises(ValueError, match="too short"):
        root_from_inclusion({0: LEAVES[0], size - 1: LEAVES[1]}, size, [LEAVES[2]] * 60)
    with pytest.raises(ValueError, match="too long"):
        root_from_inclusion({0: LEAVES[0], size - 1: LEAVES[1]}, size, [LEAVES[2]] * 200)
