# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who could see what about one client on a day, as the edges of both sides answer it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.could_see import IN, NO, OUT, UNSURE, YES, Sight, could_see, look
from adapters.looks import SUPERVISION, Viewer, looks_at
from adapters.records_incoming import HALTED
from adapters.records_outgoing import EVENT, GRANTS, ORDERS
from adapters.store import StoreError
from schemas.calendar import parse_date
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import run

THIRD = parse_date("2026-03-03")


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, ""), ClientRow("C-2", "999990019", "")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def _sees(near: Neighbours, address: str, day: int, client: str = "C-1") -> list[Sight]:
    edge = near[address]
    return could_see(edge.store, edge.client(client), day)


def _events(near: Neighbours, address: str) -> list[int]:
    return [item.number for item in near[address].items() if item.kind == EVENT]


def test_both_sides_give_the_same_answer_and_nobody_else_is_in_it(near: Neighbours) -> None:
    for address in (PROVIDER, TEAM):
        near.take(address, allocation())
    near.settle()
    [out] = [one for one in _sees(near, TEAM, THIRD) if one.way == OUT]
    [came] = [one for one in _sees(near, PROVIDER, THIRD) if one.way == IN]
    assert (out.way, out.partner, out.counts) == (OUT, PROVIDER, YES)
    assert (came.way, came.partner, came.counts) == (IN, TEAM, YES)
    assert (out.row, out.law, out.ground, out.categories) == (came.row, came.law, came.ground, came.categories)
    assert list(out.told) == _events(near, TEAM)
    assert came.shown == 1
    assert _sees(near, GP, THIRD) == []
    assert _sees(near, TEAM, THIRD, "C-2") == []


def test_nobody_could_see_anything_before_it_began_and_what_was_told_later_is_not_in_it(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle()
    near.world.advance(days=4)
    near.take(TEAM, status(1, today=near.world.today))
    near.settle()
    assert _sees(near, TEAM, THIRD - 1) == _sees(near, GP, THIRD - 1) == []
    [out], [came] = _sees(near, TEAM, THIRD), _sees(near, GP, THIRD)
    assert (out.counts, out.told, came.counts, came.shown) == (YES, (), YES, 0)
    [out], [came] = _sees(near, TEAM, THIRD + 4), _sees(near, GP, THIRD + 4)
    assert (len(out.told), came.shown) == (1, 1)


def test_after_a_stop_only_what_was_told_before_can_still_be_seen(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.take(TEAM, status(1, today=THIRD))
    near.settle()
    near.world.advance(days=2)
    run(near[TEAM].stop("C-1", GP, "objected"))
    near.settle()
    near.world.advance(days=3)
    near.settle()
    before, on, after = (_sees(near, TEAM, THIRD + days) for days in (1, 2, 3))
    assert [one.counts for one in (*before, *on, *after)] == [YES, YES, NO]
    assert after[0].stopped == THIRD + 2
    assert after[0].told == before[0].told != ()
    [came] = _sees(near, GP, THIRD + 6)  # it heard of the stop on the day before, on which it picked up
    assert (came.counts, came.shown) == (NO, 1)
    assert _sees(near, GP, THIRD + 60) == []  # the view was kept 30 days after the stop


def test_what_was_called_back_could_be_seen_until_then(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.take(TEAM, status(1, today=THIRD))
    near.settle()
    near.world.advance(days=2)
    near[TEAM].retract(_events(near, TEAM)[0])
    near.settle()
    assert [one.shown for one in _sees(near, GP, THIRD + 1)] == [1]
    assert [one.shown for one in _sees(near, GP, THIRD + 2)] == [0]


def test_a_stop_whose_day_is_not_kept_is_unsure_and_never_guessed(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle()
    near.world.advance(days=2)
    run(near[TEAM].stop("C-1", GP, "objected"))
    near.settle()
    edge = near[TEAM]
    with edge.store.transaction() as tx:
        for order in list(ORDERS.scan(tx)):
            ORDERS.delete(tx, order.id.encode())
        for halted in list(HALTED.scan(tx)):
            HALTED.delete(tx, halted.handle)
    [out] = _sees(near, TEAM, THIRD + 5)
    assert (out.counts, out.stopped) == (UNSURE, None)
    [grant] = edge.grants("C-1")
    with edge.store.transaction() as tx:
        GRANTS.put(tx, replace(grant, end=THIRD + 4))
    assert _sees(near, TEAM, THIRD + 5) == []  # whenever it was stopped, it had ended


FG = Viewer("A. de Vries", "account-2", SUPERVISION)


def test_that_somebody_looked_it_up_is_on_the_disk_before_anything_is_shown(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle()
    edge = near[TEAM]
    assert look(edge.workplace, FG, edge.client("C-1"), THIRD) == _sees(near, TEAM, THIRD) != []
    again = near.open(TEAM)
    (kept,) = looks_at(again.store, again.client("C-1").id)
    assert (kept.by, kept.account, kept.why, kept.what) == ("A. de Vries", "account-2", "supervision", "could-see")
    assert kept.tasks == ("levering-voorziening/wmo",)
    assert looks_at(again.store, again.client("C-2").id) == []


def test_that_nobody_could_see_anything_is_an_answer_and_recorded_too(near: Neighbours) -> None:
    edge = near[TEAM]
    assert look(edge.workplace, FG, edge.client("C-1"), THIRD) == []
    assert [one.what for one in looks_at(edge.store, edge.client("C-1").id)] == ["could-see"]


def test_no_record_no_answer(near: Neighbours) -> None:
    edge = near[TEAM]

    def full(_name: str) -> None:
        raise StoreError("the disk is full")

    edge.store.point = full
    with pytest.raises(StoreError):
        look(edge.workplace, FG, edge.client("C-1"), THIRD)
    edge.store.point = None
    assert looks_at(edge.store, edge.client("C-1").id) == []
