# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How long refusals and objections are kept: what stands outlives what it forbids, what is over has a term."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import kept_numbers
from adapters.clients import ClientRow
from adapters.objections import OVERRULED, TAKEN_BACK, Objecting, informed, of_client
from adapters.records_people import OBJECTIONS, REFUSALS, Refused
from adapters.refusal_terms import ERASED_DAYS, LIFTED_DAYS, is_over
from consent.precedence import OBJECTED
from schemas.calendar import start_of_day
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, decided, objected
from tests.adapters.rights_case import erased, neighbours
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def later(near: Neighbours, days: int) -> None:
    """The cleaning of so many days later, at the team alone."""
    near.world.advance(days=days)
    near.work(TEAM)


def kinds(near: Neighbours) -> list[str]:
    return [one.kind for one in REFUSALS.scan(near[TEAM].store)]


def test_what_stands_about_an_own_client_is_never_destroyed_however_old(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "withdrawn"))
    run(near[TEAM].stop("C-1", PROVIDER, "held"))
    before = kinds(near)
    later(near, ERASED_DAYS + LIFTED_DAYS)
    later(near, 1)
    assert kinds(near) == before
    assert {one.recipient for one in near[TEAM].refusals("C-1")} == {GP, PROVIDER}


def test_what_was_lifted_is_kept_for_its_term_and_no_longer(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", GP, "held"))
    near[TEAM].lift_refusals("C-1", None, "N. Heft op", kinds=("held",))
    later(near, LIFTED_DAYS)
    assert kinds(near) == ["held"]
    later(near, 1)
    assert kinds(near) == []


def test_an_objection_goes_with_what_it_was_about_and_its_decision_too(near: Neighbours) -> None:
    edge = near[TEAM]
    made = objected(near, TEAM, Objecting(GP))
    decided_on_it = objected(near, TEAM, Objecting(PROVIDER))
    decided(edge, decided_on_it.number, TAKEN_BACK)
    edge.lift_refusals("C-1", GP, "N. Heft op")
    for one in (made, decided_on_it):
        with edge.workplace.commit("informed") as tx:
            informed(tx, edge.workplace, one.number, "N. Vertelt")
    later(near, LIFTED_DAYS)
    assert len(list(OBJECTIONS.scan(edge.store))) == 2
    later(near, 1)
    assert list(OBJECTIONS.scan(edge.store)) == []
    assert kinds(near) == []


def test_an_objection_of_which_the_citizen_heard_nothing_yet_is_not_destroyed(near: Neighbours) -> None:
    edge = near[TEAM]
    made = objected(near, TEAM, Objecting(GP))
    edge.lift_refusals("C-1", GP, "N. Heft op")
    later(near, LIFTED_DAYS + 100)
    assert [one.number for one in OBJECTIONS.scan(edge.store)] == [made.number]
    assert [one for one, _ in of_client(edge.store, edge.client("C-1").id)] != []
    with edge.workplace.commit("informed") as tx:
        informed(tx, edge.workplace, made.number, "N. Vertelt")
    later(near, 1)
    assert list(OBJECTIONS.scan(edge.store)) == []


def test_one_that_waits_or_was_overruled_stands_and_stays(near: Neighbours) -> None:
    edge = near[TEAM]
    waits, overruled = objected(near, TEAM, Objecting(GP)), objected(near, TEAM, Objecting(PROVIDER))
    decided(edge, overruled.number, OVERRULED)
    later(near, LIFTED_DAYS + ERASED_DAYS + 2)
    assert [one.number for one in OBJECTIONS.scan(edge.store)] == [waits.number, overruled.number]


def test_of_a_client_who_was_erased_it_goes_after_twenty_years_and_the_number_with_it(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "withdrawn"))
    erased(edge)
    near.settle(5)
    later(near, 1)
    near.settle(2)
    since = kept_numbers.since(edge.store, edge.client("C-1").id)
    assert since is not None
    later(near, since + ERASED_DAYS - near.world.today)
    assert [one.number for one in edge.clients()] == ["C-1"]
    assert "withdrawn" in kinds(near)
    later(near, 1)
    assert edge.clients() == []
    assert kinds(near) == []


def test_who_came_back_keeps_the_refusal_for_as_long_as_any_client(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "withdrawn"))
    erased(edge)
    near.settle(5)
    later(near, 1)
    near.settle(2)
    edge.import_clients([ClientRow("C-1", BSN, "wmo")])
    later(near, ERASED_DAYS + 10)
    later(near, 1)
    assert "withdrawn" in kinds(near)


def test_an_edge_that_was_put_back_destroys_none_before_its_lines_began_anew(near: Neighbours) -> None:
    edge = near[TEAM]
    run(edge.stop("C-1", GP, "held"))
    edge.lift_refusals("C-1", None, "N. Heft op", kinds=("held",))
    edge.back_up(near.folder / "copy")
    near.world.advance(days=LIFTED_DAYS + 5)
    edge.was_put_back()
    near.work(TEAM)
    assert kinds(near) == ["held"]


@given(since=st.integers(0, 30_000), lifted=st.none() | st.integers(0, 30_000), today=st.integers(0, 60_000))
def test_nothing_that_stands_is_over_and_what_was_lifted_is_at_its_term(
    since: int, lifted: int | None, today: int
) -> None:
    at = None if lifted is None else start_of_day(lifted) + 1
    one = Refused("r", "c", None, OBJECTED, start_of_day(since), at)
    assert is_over(one, today) == (lifted is not None and today - lifted > LIFTED_DAYS)
