# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What was told wrongly is called back everywhere, and told rightly where that is lawful."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.keeping import OUTBOX_DAYS
from adapters.rectify import DESTROYED, NOTHING_GIVEN, Correction, RectifyError
from schemas.calendar import parse_date
from schemas.event import Ending, Kind
from tests.adapters.edges import GP, PROVIDER, TEAM, Neighbours
from tests.adapters.rights_case import neighbours, rectified
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.world.check()
    made.close()


def number_of(near: Neighbours, kind: str = "in-onderzoek") -> int:
    return next(one.number for one in near[TEAM].told("C-1") if one.kind == kind)


def test_everybody_who_was_told_the_wrong_thing_has_the_right_one_instead(near: Neighbours) -> None:
    assert near.told(PROVIDER, "P-1") == ["toegewezen", "in onderzoek"]
    assert near.told(GP, "H-1") == ["in onderzoek"]
    done = rectified(near[TEAM], number_of(near), Correction(Kind.AFGEWEZEN))
    assert (set(done.told_again), done.only_called_back) == ({PROVIDER, GP}, ())
    near.settle(4)
    assert near.told(PROVIDER, "P-1") == ["toegewezen", "afgewezen"]
    assert near.told(GP, "H-1") == ["afgewezen"]


def test_only_what_was_wrong_is_changed(near: Neighbours) -> None:
    day = parse_date("2026-03-01")
    rectified(near[TEAM], number_of(near), Correction(day=day))
    near.settle(4)
    (view,) = near[GP].view("H-1")
    assert [(line.what, line.day) for line in view.lines] == [("in onderzoek", day)]


def test_where_telling_is_not_lawful_any_more_it_is_only_called_back(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "objected"))
    near.settle(2)
    done = rectified(near[TEAM], number_of(near), Correction(Kind.AFGEWEZEN))
    assert (done.told_again, done.only_called_back) == ((PROVIDER,), (GP,))
    near.settle(5)
    assert near.told(GP, "H-1") == []
    assert near.told(PROVIDER, "P-1") == ["toegewezen", "afgewezen"]


def test_the_same_mistake_is_put_right_twice(near: Neighbours) -> None:
    rectified(near[TEAM], number_of(near), Correction(Kind.AFGEWEZEN))
    near.settle(4)
    rectified(near[TEAM], number_of(near, "afgewezen"), Correction(Kind.IN_ONDERZOEK))
    near.settle(4)
    assert near.told(GP, "H-1") == ["in onderzoek"]


def test_what_is_called_back_already_or_another_clients_is_refused(near: Neighbours) -> None:
    number = number_of(near)
    rectified(near[TEAM], number, Correction(Kind.AFGEWEZEN))
    with pytest.raises(RectifyError, match="al teruggenomen"):
        rectified(near[TEAM], number, Correction(Kind.AFGEWEZEN))
    with pytest.raises(RectifyError):
        rectified(near[TEAM], 9999, Correction(Kind.AFGEWEZEN))


def test_a_correction_that_changes_nothing_or_is_no_event_is_refused_and_nothing_is_called_back(
    near: Neighbours,
) -> None:
    number = number_of(near)
    for right, why in (
        (Correction(), NOTHING_GIVEN),
        (Correction(ending=Ending.VOLGENS_PLAN), "afloop"),
        (Correction(reference="spaties mogen niet"), "gebeurtenis"),
    ):
        with pytest.raises(RectifyError, match=why):
            rectified(near[TEAM], number, right)
    near.settle(2)
    assert near.told(GP, "H-1") == ["in onderzoek"]


def test_when_the_content_is_destroyed_here_a_person_says_what_it_was(near: Neighbours) -> None:
    number = number_of(near)
    near.world.advance(days=OUTBOX_DAYS + 2)
    near.work(TEAM)
    with pytest.raises(RectifyError, match=DESTROYED):
        rectified(near[TEAM], number, Correction(Kind.AFGEWEZEN))
    rectified(near[TEAM], number, Correction(Kind.AFGEWEZEN, parse_date("2026-03-02")))
    near.settle(4)
    assert near.told(GP, "H-1") == ["afgewezen"]
