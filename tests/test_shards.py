# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The play of shards obeys the laws of queues, so that what decision 0041 reads from it means something."""

import math
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.shards import (
    MOST,
    PARTITIONS,
    Cost,
    Costs,
    Plan,
    Play,
    all_in_one,
    carries,
    partition_of,
    poisson,
    shard_of,
    shards_touched,
)

FREE = Cost(0.0, 0.0, 0.0)
ALONE = Plan(workers=1, gateways=1, most=1)
_COST = st.builds(Cost, st.floats(0, 0.01), st.floats(0, 0.05), st.floats(0, 0.001))
_PLAN = st.builds(Plan, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(1, 20))


@given(st.builds(Costs, _COST, _COST, _COST), _PLAN, st.lists(st.floats(0, 5), max_size=60))
def test_whatever_comes_is_accepted_handed_over_and_received_once(
    costs: Costs, plan: Plan, moments: list[float]
) -> None:
    played = Play(costs, plan).run(moments)
    assert len(played.accepted) == len(played.handed) == played.received == len(moments)
    assert min(played.accepted, default=0.0) >= -1e-9
    assert played.head <= 1 + 1e-9


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_by_one_through_one_head_waits_as_long_as_pollaczek_and_khinchine_say(load: float) -> None:
    """M/D/1: the mean waiting is s * load / (2 * (1 - load))."""
    served = 0.01
    costs = Costs(Cost(0.0, served, 0.0), FREE, FREE)
    played = Play(costs, ALONE).run(poisson(load / served, 500, random.Random(7)))  # noqa: S311  # a play
    waited = statistics.mean(played.accepted) - served
    assert waited == pytest.approx(served * load / (2 * (1 - load)), rel=0.08)
    assert played.head == pytest.approx(load, rel=0.03)


@given(st.integers(1, 900), st.floats(0.001, 0.05), st.floats(0.00001, 0.001))
def test_a_burst_takes_as_many_whole_commits_as_it_fills(count: int, fixed: float, each: float) -> None:
    played = Play(Costs(Cost(0.0, fixed, each), FREE, FREE), Plan(workers=1)).run([0.0] * count)
    commits = math.ceil(count / MOST)
    assert max(played.accepted) == pytest.approx(commits * fixed + count * each)


def test_hands_that_share_a_head_wait_for_each_other_and_hands_of_other_shards_do_not() -> None:
    costs = Costs(Cost(0.0, 1.0, 0.0), FREE, FREE)
    # What comes at one moment is one commit of each hand.
    assert max(Play(costs, Plan(shards=1, workers=2)).run([0.0] * 50).accepted) == 2.0
    assert max(Play(costs, Plan(shards=2, workers=1)).run([0.0] * 50).accepted) == 1.0


def test_the_head_is_held_for_all_three_commits_and_no_longer() -> None:
    costs = Costs(Cost(0.0, 0.002, 0.0), Cost(0.0, 0.003, 0.0), Cost(0.0, 0.004, 0.0))
    played = Play(costs, ALONE).run([float(at) for at in range(100)])
    assert played.head * played.lasted == pytest.approx(100 * 0.009)


def test_what_is_above_the_limit_of_the_head_is_not_carried_and_two_shards_carry_twice_as_much() -> None:
    costs = Costs(*[Cost(0.0001, 0.002, 0.0003)] * 3)
    one, two = (carries(costs, Plan(shards, 2, 2), played=5.0) for shards in (1, 2))
    assert 0.6 * costs.head_limit() < one < 1.2 * costs.head_limit()
    assert two / one == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 7, 48])
def test_every_partition_belongs_to_one_shard_and_shards_are_ranges_of_nearly_one_size(shards: int) -> None:
    owners = [shard_of(partition, shards) for partition in range(PARTITIONS)]
    assert all(before <= after <= before + 1 for before, after in pairwise(owners))
    sizes = [owners.count(shard) for shard in range(shards)]
    assert sum(sizes) == PARTITIONS
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("handles", "shards"), [(3, 2), (3, 4), (12, 4), (40, 8)])
def test_handles_of_one_stop_lie_in_as_many_shards_as_the_formula_says(handles: int, shards: int) -> None:
    chance, tries = random.Random(3), 4_000  # noqa: S311  # a play
    counts = [len({shard_of(partition_of(chance.randbytes(16)), shards) for _ in range(handles)}) for _ in range(tries)]
    assert statistics.mean(counts) == pytest.approx(shards_touched(handles, shards), rel=0.03)
    assert counts.count(1) / tries == pytest.approx(all_in_one(handles, shards), abs=0.02)
