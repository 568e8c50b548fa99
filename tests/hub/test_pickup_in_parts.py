# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A pick-up that is handed over in parts: the whole of it, in order, and nothing that another answer has meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.client import RefusedError
from hub.delivery import as_chosen
from hub.exchange_pickup import InParts, runs
from hub.registry import SUSPENDED
from hub.store import Waiting
from schemas.envelope import parse
from tests.over_kafka import kinds, new_world
from tests.simulator import Grant, Party, World


@dataclass
class Scene:
    world: World
    team: Party
    provider: Party
    grants: list[Grant]

    def begin(self, part: int, most: int = 100) -> InParts:
        return self.world.hub.begin_pickup(self.provider.address, most, 0, part)

    def go_on(self, answer: InParts, part: int) -> None:
        self.world.hub.go_on(answer, part)


@pytest.fixture(params=kinds("memory", "sqlite", "postgres"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    yield Scene(world, team, provider, [team.register(provider) for _ in range(2)])
    world.close()


def _ids(answer: InParts) -> list[bytes]:
    return [parse(one.envelope).message_id for one in answer.deliveries]


def test_all_parts_together_are_what_one_pickup_would_have_handed_over_each_counted_once(scene: Scene) -> None:
    first, second = scene.team.tell(scene.grants[0], 4), scene.team.tell(scene.grants[1], 3)
    answer = scene.begin(2)
    while answer.left:
        scene.go_on(answer, 2)
    assert _ids(answer) == first + second
    # What goes behind another of its handle is not counted, in whichever part it goes.
    assert [one.count for one in answer.deliveries] == [1, 0, 0, 0, 1, 0, 0]
    assert scene.provider.pickup() == []
    scene.world.check()


def test_a_part_hands_over_at_most_so_many_and_all_parts_no_more_than_was_asked(scene: Scene) -> None:
    ids = scene.team.tell(scene.grants[0], 5)
    answer = scene.begin(2, most=3)
    assert _ids(answer) == ids[:2]
    scene.go_on(answer, 2)
    assert (_ids(answer), answer.left) == (ids[:3], [])


def test_what_another_answer_took_between_two_parts_goes_out_once_and_nothing_of_its_handle_behind_it(
    scene: Scene,
) -> None:
    first, second = scene.team.tell(scene.grants[0], 2), scene.team.tell(scene.grants[1], 3)
    slow = scene.begin(2)
    quick = scene.provider.pickup(most=1)  # the handle of the first is out, so it takes one of the second
    assert [parse(one.envelope).message_id for one in quick] == second[:1]
    scene.provider.receipts(scene.provider.receipt(second[0]))
    while slow.left:
        scene.go_on(slow, 2)
    assert _ids(slow) == first
    assert [parse(one.envelope).message_id for one in scene.provider.pickup()] == second[1:]
    scene.world.check()


def test_a_grant_stopped_between_two_parts_hands_over_nothing_more(scene: Scene) -> None:
    ids = scene.team.tell(scene.grants[0], 4)
    answer = scene.begin(2)
    scene.team.stop(scene.grants[0])
    scene.go_on(answer, 2)
    assert (_ids(answer), answer.left) == (ids[:2], [])
    scene.world.check()


def test_who_is_suspended_between_two_parts_gets_no_more(scene: Scene) -> None:
    scene.team.tell(scene.grants[0], 4)
    answer = scene.begin(2)
    scene.world.hub.set_state(scene.provider.address, SUSPENDED)
    with pytest.raises(RefusedError):
        scene.go_on(answer, 2)
    scene.world.check()


def test_what_waited_too_long_for_its_turn_is_left_before_the_lease_of_what_went_ahead_ends(scene: Scene) -> None:
    ids = scene.team.tell(scene.grants[0], 4)
    answer = scene.begin(2)
    scene.world.advance(seconds=31)
    scene.go_on(answer, 2)
    assert (_ids(answer), answer.left) == (ids[:2], [])
    scene.world.check()


_ROW = st.builds(lambda handle, number: (handle, number), st.integers(0, 3), st.integers(0, 40))


@given(st.lists(_ROW, unique=True, max_size=20), st.sets(st.integers(0, 19)))
def test_behind_a_row_that_is_no_longer_as_it_was_nothing_of_its_handle_stays(
    made: list[tuple[int, int]], changed: set[int]
) -> None:
    rows = [_waiting(bytes([handle]), bytes([handle, number]), place) for place, (handle, number) in enumerate(made)]
    now = {row.message_id: row for place, row in enumerate(rows) if place not in changed}
    kept = as_chosen(rows, now)
    for place, row in enumerate(rows):
        ahead = [other for other in range(place + 1) if rows[other].handle == row.handle]
        assert (row in kept) == (not changed.intersection(ahead))


def _waiting(handle: bytes, message_id: bytes, place: int) -> Waiting:
    return Waiting(message_id, 1, 2, handle, place, 0, 0, 0, 0)


@given(st.sets(st.integers(0, 500)))
def test_neighbours_are_read_together_and_every_index_once(indexes: set[int]) -> None:
    groups = runs(sorted(indexes))
    assert [index for group in groups for index in group] == sorted(indexes)
    assert all(after - before <= 32 for group in groups for before, after in pairwise(group))
    assert all(after[0] - before[-1] > 32 for before, after in pairwise(groups))
