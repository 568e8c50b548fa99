# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The chain view: per client and task, no longer than its ground lasts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.chain_view import ENDINGS, KINDS
from adapters.records_incoming import TOLD
from adapters.workplace import EdgeError
from schemas.event import Ending, Kind
from tests.adapters.edges import PROVIDER, TEAM, Neighbours, allocation, start, status, stop
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.take(TEAM, allocation(end="2026-04-30"))
    neighbours.take(PROVIDER, allocation(end="2026-04-30"))
    neighbours.settle(3)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def test_every_kind_and_ending_has_a_dutch_word() -> None:
    assert set(KINDS) == set(Kind)
    assert set(ENDINGS) == set(Ending)


def test_a_view_is_one_task_with_allocations_as_rows_in_order_of_the_day(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20", "20"), start("2026-03-03"))
    near.settle(2)
    (view,) = near[TEAM].view(near[TEAM].clients()[0].number)
    assert (view.task.role, view.task.purpose, view.task.law) == ("team-wmo", "onderzoek-en-heroverweging", "wmo")
    assert [line.what for line in view.lines] == ["gestart", "onderbroken"]
    assert view.allocations == ("1001",)
    assert {line.note for line in view.lines} == {"niet geverifieerd"}


def test_the_view_is_there_until_thirty_days_after_the_end_and_then_destroyed(near: Neighbours) -> None:
    near.world.to("2026-05-30 12:00")
    near.work(PROVIDER)
    assert near.told(PROVIDER) == ["toegewezen"]
    near.world.to("2026-05-31 12:00")
    assert near.told(PROVIDER) == []
    near.work(PROVIDER)
    assert [told.parts for told in TOLD.scan(near[PROVIDER].store)] == [()]
    near.world.to("2027-07-01 12:00")
    near.work(PROVIDER)
    assert list(TOLD.scan(near[PROVIDER].store)) == []


def test_a_renewal_keeps_the_view_of_its_line(near: Neighbours) -> None:
    near.take(TEAM, allocation(end="2026-09-30", change="02"))
    near.settle(4)
    near.world.to("2026-07-01 12:00")
    near.work(PROVIDER)
    assert near.told(PROVIDER) == ["toegewezen", "gewijzigd"]


def test_a_stop_counts_as_the_end_from_the_day_the_recipient_learned_of_it(near: Neighbours) -> None:
    run(near[TEAM].stop(near[TEAM].clients()[0].number, PROVIDER, "closed"))
    near.world.advance(days=3)
    near.work(PROVIDER)
    near.world.advance(days=30)
    assert near.told(PROVIDER) == ["toegewezen"]
    near.world.advance(days=1)
    assert near.told(PROVIDER) == []


def test_who_is_no_client_has_no_view(near: Neighbours) -> None:
    with pytest.raises(EdgeError, match="niet bekend"):
        near[TEAM].view("C-404")


def test_what_was_called_back_before_it_came_never_shows(near: Neighbours) -> None:
    near.take(TEAM, status(1, today=near.world.today))
    near.work(TEAM)
    item = next(item for item in near[TEAM].items() if item.state == "sent")
    near[TEAM].retract(item.number)
    near.settle(4)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert near[TEAM].outbox() == []
