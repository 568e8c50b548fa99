# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The laws that the simulation of decision 0041 must keep: nothing gets lost, and queues are as long as theory says."""

from __future__ import annotations

import random
import statistics
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.shards import AT_EDGE, LOOK, Cost, Costs, Plan, Simulation, head_limit

NOTHING = Cost(0.0, 0.0, 0.0)
COSTS = st.builds(Cost, *(st.floats(0.00001, 0.01) for _ in range(3)))


@settings(max_examples=25, deadline=None)
@given(
    costs=st.builds(Costs, COSTS, COSTS, COSTS, st.just(1.0)),
    plan=st.builds(
        Plan,
        shards=st.integers(1, 3),
        workers=st.integers(1, 3),
        gateways=st.integers(1, 3),
        rate=st.floats(1.0, 300.0),
        burst=st.integers(0, 100),
        seconds=st.just(3.0),
    ),
    seed=st.integers(0, 2**32),
)
def test_every_event_is_accepted_handed_over_and_received_once(costs: Costs, plan: Plan, seed: int) -> None:
    came = sum(1 for _ in Simulation(costs, plan, seed)._arrivals())
    run = Simulation(costs, plan, seed).play()
    assert len(run.accepted) == len(run.handed) == run.done == came
    least = costs.accept.work + costs.accept.held(1)
    assert min(run.accepted, default=least) > least - 1e-9
    assert min(run.handed, default=0.0) >= min(run.accepted, default=0.0)
    assert all(0.0 <= share <= 1.0001 for share in (run.head, run.worker, run.gateway))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
@pytest.mark.parametrize(
    ("cost", "workers"), [(Cost(0.01, 0.0, 0.0), 1), (Cost(0.0, 0.01, 0.0), 1), (Cost(0.0, 0.0, 0.01), 60)]
)
def test_the_time_in_a_queue_is_that_of_one_server_whether_a_worker_or_the_head_of_the_log(
    share: float, cost: Cost, workers: int
) -> None:
    """Lindley's recursion for these very arrivals; without many of them also Pollaczek and Khinchine's mean (M/D/1)."""
    chance = random.Random(7)  # noqa: S311  # a simulation
    gaps = [chance.expovariate(share / 0.01) for _ in range(20_000)]
    waits = accumulate(gaps[1:], lambda wait, gap: max(0.0, wait + 0.01 - gap), initial=0.0)
    expected = statistics.fmean(waits)
    run = Simulation(Costs(cost, NOTHING, NOTHING, 1.0), Plan(workers=workers), 1, most=1).play(accumulate(gaps))
    waited = statistics.fmean(run.accepted) - 0.01
    assert waited == pytest.approx(expected, rel=0.001)
    if share < 0.9:
        assert waited == pytest.approx(0.01 * share / (2 * (1 - share)), rel=0.1)


def test_a_head_that_is_never_free_passes_as_much_as_its_limit_says() -> None:
    costs = Costs(Cost(0.0, 0.003, 0.0001), Cost(0.0, 0.003, 0.00004), Cost(0.0, 0.003, 0.00004), 1.0)
    arrivals = [0.0] * 12_000
    simulation = Simulation(costs, Plan(workers=1, gateways=1), 1)
    run = simulation.play(arrivals)
    lasted = max(run.handed) + AT_EDGE + LOOK
    assert 12_000 / lasted == pytest.approx(head_limit(costs), rel=0.1)
    assert run.head > 0.85
