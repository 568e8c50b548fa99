# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who was erased before numbers had a mark: a person says whether that client came back, and nothing goes before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import kept_numbers
from adapters.clients import ClientRow
from adapters.kept_numbers import NotKeptError
from adapters.records_people import ERASED
from adapters.refusal_terms import ERASED_DAYS
from tests.adapters.edges import BSN, GP, TEAM, Neighbours, allocation
from tests.adapters.rights_case import erased, neighbours
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    """As an earlier version left it: a client who was erased under a hold, and a number without a mark."""
    made = neighbours(tmp_path)
    run(made[TEAM].stop("C-1", GP, "held"))
    erased(made[TEAM])
    for _ in range(3):
        made.settle(2)
        made.world.advance(days=4)
    later(made)
    assert kept_numbers.since(made[TEAM].store, made[TEAM].client("C-1").id) is not None
    with made[TEAM].workplace.commit("an earlier version") as tx:
        for one in list(ERASED.scan(tx)):
            assert one.done
            kept_numbers.forget(tx, one.client)
    yield made
    made.close()


def later(near: Neighbours, days: int = 1) -> None:
    near.world.advance(days=days)
    near.work(TEAM)


def in_doubt(near: Neighbours) -> list[str]:
    return [client.number for client, _ in kept_numbers.in_doubt(near[TEAM].store)]


def tell(near: Neighbours, *, back: bool) -> None:
    edge = near[TEAM]
    with edge.workplace.commit("told apart") as tx:
        kept_numbers.tell_apart(tx, edge.client("C-1"), "N. Kijkt", near.world.today, back=back)


def lift(near: Neighbours) -> None:
    near[TEAM].lift_refusals("C-1", None, "N. Heft op", kinds=("held",))
    later(near)
    later(near)


def test_until_somebody_says_it_the_number_stays_whatever_is_lifted(near: Neighbours) -> None:
    assert in_doubt(near) == ["C-1"]
    lift(near)
    later(near, ERASED_DAYS)
    assert in_doubt(near) == ["C-1"]


def test_who_did_not_come_back_is_kept_for_the_refusal_as_today_and_goes_with_it(near: Neighbours) -> None:
    tell(near, back=False)
    assert in_doubt(near) == []
    assert [one.kind for one in near[TEAM].refusals("C-1")] == ["held"]
    lift(near)
    assert near[TEAM].clients() == []


def test_it_is_kept_no_longer_than_if_it_had_been_marked_at_once(near: Neighbours) -> None:
    [(client, erased_at)] = kept_numbers.in_doubt(near[TEAM].store)
    later(near, 300)
    tell(near, back=False)
    since = kept_numbers.since(near[TEAM].store, client.id)
    assert since is not None
    assert since < near.world.today - 300 + 1
    assert since == erased_at.at // 86_400_000 or since - erased_at.at // 86_400_000 == 1  # the Dutch day of it
    near.world.advance(days=since + ERASED_DAYS + 1 - near.world.today)
    near.work(TEAM)
    later(near)
    assert near[TEAM].clients() == []


def test_who_came_back_is_a_client_whatever_is_lifted(near: Neighbours) -> None:
    tell(near, back=True)
    assert in_doubt(near) == []
    lift(near)
    assert [one.number for one in near[TEAM].clients()] == ["C-1"]
    erased(near[TEAM])  # and can be erased again, as everybody
    for _ in range(4):
        later(near, 4)
    assert near[TEAM].clients() == []


SHOWN_BACK: dict[str, Callable[[Neighbours], object]] = {
    "a list": lambda near: near[TEAM].import_clients([ClientRow("C-1", BSN, "")]),
    "an allocation": lambda near: near.take(TEAM, allocation("1077")),
}


@pytest.mark.parametrize("how", SHOWN_BACK)
def test_who_is_seen_to_come_back_is_not_asked_about(near: Neighbours, how: str) -> None:
    SHOWN_BACK[how](near)
    assert in_doubt(near) == []
    with pytest.raises(NotKeptError):
        tell(near, back=False)


def test_who_is_erased_today_is_never_in_doubt(tmp_path: Path) -> None:
    made = neighbours(tmp_path)
    run(made[TEAM].stop("C-1", GP, "held"))
    erased(made[TEAM])
    for _ in range(4):
        made.settle(2)
        made.world.advance(days=4)
        assert in_doubt(made) == []
    made[TEAM].import_clients([ClientRow("C-1", BSN, "")])
    assert in_doubt(made) == []
    made.close()


def test_a_record_of_an_erasure_of_before_is_read_as_it_is(near: Neighbours) -> None:
    [one] = ERASED.scan(near[TEAM].store)
    assert (replace(one, back_on=None), one.back_on) == (one, None)
