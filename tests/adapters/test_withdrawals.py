# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whichever way a citizen withdraws a consent, its record says that it was withdrawn, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.consent_export import DPV, export
from adapters.edge import Edge
from adapters.records_people import CONSENTS
from consent.record import ConsentRecord, from_bytes
from tests.adapters.edges import BSN, GP, REGISTRY, TEAM, YOUTH_TEAM, Neighbours
from tests.simulator import run

TALK = Conversation(("Praktijk Voorbeeld",))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo"), ClientRow("C-2", "999990019", "wmo")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def records(near: Neighbours, number: str = "C-1") -> list[ConsentRecord]:
    edge = near[TEAM]
    found = CONSENTS.find(edge.store, "client", edge.client(number).id.encode())
    return [from_bytes(one.raw, REGISTRY) for one in found]


def states(near: Neighbours, number: str = "C-1") -> list[tuple[str, int | None]]:
    return [(one.state, one.withdrawn_at) for one in records(near, number)]


WAYS: dict[str, Callable[[Edge], object]] = {
    "one grant": lambda edge: run(edge.stop_grant(edge.grants("C-1")[-1].id, "withdrawn")),
    "one partner": lambda edge: run(edge.stop("C-1", GP, "withdrawn")),
    "everything": lambda edge: run(edge.stop("C-1", None, "withdrawn")),
    "the stop code": lambda edge: run(edge.stop_with_code(edge.agreements("C-1")[-1].stop_code)),
    "the agreement": lambda edge: run(edge.end_agreement(edge.agreements("C-1")[-1].id)),
}


@pytest.mark.parametrize("way", WAYS)
def test_whichever_way_it_is_withdrawn_the_record_says_so_with_the_moment(near: Neighbours, way: str) -> None:
    edge = near[TEAM]
    edge.make_agreement("C-1", TALK)
    edge.make_agreement("C-2", TALK)
    near.settle(2)
    near.world.advance(hours=5)
    WAYS[way](edge)
    assert states(near) == [("withdrawn", near.world.now)]
    assert states(near, "C-2") == [("given", None)]
    assert [one.state for one in edge.agreements("C-1")] == ["withdrawn"]
    raw, _ = export(edge.store, edge.workplace, edge.client("C-1"), DPV)
    assert "ConsentWithdrawn" in orjson.dumps(orjson.loads(raw)).decode()


@pytest.mark.parametrize("way", WAYS)
def test_what_a_renewal_took_the_place_of_is_withdrawn_with_it(near: Neighbours, way: str) -> None:
    edge = near[TEAM]
    edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=near.world.today + 40))
    near.settle(2)
    near.world.advance(days=20)
    edge.make_agreement("C-1", TALK)
    near.settle(2)
    WAYS[way](edge)
    assert [state for state, _ in states(near)] == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize("why", ["closed", "objected", "held"])
def test_what_is_no_withdrawal_is_not_recorded_as_one(near: Neighbours, why: str) -> None:
    near[TEAM].make_agreement("C-1", TALK)
    run(near[TEAM].stop("C-1", GP, why))
    assert states(near) == [("given", None)]
    assert [one.state for one in near[TEAM].agreements("C-1")] == ["ended"]


def test_a_withdrawal_is_about_its_partner_and_keeps_its_first_moment(near: Neighbours) -> None:
    edge = near[TEAM]
    edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld", "Team Jeugd")))
    run(edge.stop("C-1", GP, "withdrawn"))
    first = near.world.now
    assert {one.recipients[0]: one.state for one in records(near)} == {GP: "withdrawn", YOUTH_TEAM: "given"}
    near.world.advance(days=1)
    run(edge.stop("C-1", None, "withdrawn"))
    moments = {one.recipients[0]: one.withdrawn_at for one in records(near)}
    assert moments == {GP: first, YOUTH_TEAM: near.world.now}


def test_what_had_come_to_its_end_is_no_withdrawal(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=near.world.today + 3))
    near.world.advance(days=4)
    run(near[TEAM].stop("C-1", GP, "withdrawn"))
    assert states(near) == [("given", None)]


def test_what_is_agreed_anew_after_it_stands_beside_it(near: Neighbours) -> None:
    run(near[TEAM].stop_with_code(near[TEAM].make_agreement("C-1", TALK).made[0].stop_code))
    near.settle(2)
    near[TEAM].make_agreement("C-1", TALK)
    assert [state for state, _ in states(near)] == ["withdrawn", "given"]
