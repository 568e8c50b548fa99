# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where sources, objections, consent, requests, erasure and the citizen's rights meet at one edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import held, requests
from adapters.agreement import receipt_now
from adapters.clients import ClientRow
from adapters.consent_export import export
from adapters.consent_receipt import as_text
from adapters.could_see import could_see
from adapters.formats.native import NativeEvent
from adapters.objections import Objecting
from adapters.records_incoming import INTRODUCTIONS, NOTICES
from adapters.records_outgoing import FROZEN, GRANTS, SOURCES
from adapters.rights_letters import letters
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    CASES,
    GP,
    PROVIDER,
    TEAM,
    YOUTH_PROVIDER,
    YOUTH_TEAM,
    Neighbours,
    allocation,
    decided,
    objected,
)
from tests.adapters.rights_case import erased, neighbours, the_report
from tests.adapters.test_references import allotted, known_to
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for address in (YOUTH_TEAM, YOUTH_PROVIDER):
        neighbours.world.hub.admit(neighbours.open(address).init().raw)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def _held(near: Neighbours) -> None:
    """The youth provider holds what the team introduced: it has not read the allocation."""
    known_to(near, YOUTH_PROVIDER, YOUTH_TEAM)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    assert [one.held for one in INTRODUCTIONS.scan(near[YOUTH_PROVIDER].store)] == [True]


def test_what_is_held_for_an_unknown_source_is_nowhere_shown_as_told(near: Neighbours) -> None:
    _held(near)
    edge = near[YOUTH_PROVIDER]
    work = edge.workplace
    assert the_report(edge).received == ()
    assert list(letters(work.store, work, edge.identity.book)) == []
    assert [one for one in could_see(edge.store, edge.client("C-1"), work.today) if one.way == "in"] == []


def test_nobody_is_asked_to_answer_a_request_under_what_is_held(near: Neighbours) -> None:
    _held(near)
    team = near[YOUTH_TEAM]
    with team.workplace.commit("asked") as tx:
        requests.ask(tx, team.workplace, team.client("C-1"), YOUTH_PROVIDER, 8)
    near.settle(2)
    provider = near[YOUTH_PROVIDER]
    assert list(requests.waiting(provider.store, provider.workplace)) == []


@pytest.mark.parametrize("why", ["objected", "held"])
def test_a_refusal_against_what_is_held_stands_when_its_source_comes(near: Neighbours, why: str) -> None:
    _held(near)
    edge = near[YOUTH_PROVIDER]
    run(edge.stop_incoming("C-1", YOUTH_TEAM, why))
    near.take(YOUTH_PROVIDER, allotted())
    assert near.told(YOUTH_PROVIDER) == []
    assert list(NOTICES.scan(edge.store, "due")) == []


def test_an_erased_client_leaves_nothing_held(near: Neighbours) -> None:
    _held(near)
    edge = near[YOUTH_PROVIDER]
    erased(edge)
    assert held.waiting(edge.store, edge.workplace, edge.identity.book) == []


def test_an_objection_is_decided_also_when_its_client_was_erased(tmp_path: Path) -> None:
    near = neighbours(tmp_path)
    one = objected(near, TEAM, Objecting(PROVIDER))
    near.settle(3)
    erased(near[TEAM])
    near.settle(5)
    near.world.advance(days=1)
    near.settle(2)
    decided(near[TEAM], one.number, "overruled")
    assert list(GRANTS.scan(near[TEAM].store)) == []


def test_what_is_read_about_a_client_between_the_two_steps_of_its_erasure_is_not_destroyed_unstopped(
    tmp_path: Path,
) -> None:
    near = neighbours(tmp_path)
    assert erased(near[TEAM]).waits
    near.world.advance(days=1)
    near.take(TEAM, allocation("2002"))
    near.settle(5)
    near.world.advance(days=1)
    near.settle(3)
    assert [one.state for one in near[TEAM].grants()].count("active") == 1
    assert [one.number for one in SOURCES.scan(near[TEAM].store)] == ["2002"]
    assert near[TEAM].clients() != []


@pytest.mark.parametrize("why", ["objected", "held", "closed", "withdrawn"])
def test_a_consent_under_which_nothing_is_told_any_more_is_nowhere_said_to_stand(tmp_path: Path, why: str) -> None:
    near = neighbours(tmp_path)
    edge = near[TEAM]
    run(edge.stop("C-1", GP, why))
    near.settle(2)
    assert {one.state for one in edge.agreements("C-1")}.isdisjoint({"given"})
    paper = as_text(receipt_now(edge.store, edge.workplace, edge.identity.book, edge.client("C-1")))
    assert "Wij mogen Praktijk" not in paper
    assert b'"status": "active"' not in export(edge.store, edge.workplace, edge.client("C-1"), "fhir")[0]


def test_after_a_death_a_change_of_the_allocation_begins_nothing(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near[TEAM].import_clients([ClientRow("C-1", BSN, "")])
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near.take(TEAM, allocation())
    near.settle(3)
    died = Event(Kind.BEEINDIGD, near.world.today, Law.JEUGDWET, Ending.OVERLEDEN, None)
    near.take(TEAM, NativeEvent(died, Citizen(bsn=BSN), CASES, None, ("cloudevents", CASES, "dood")))
    near.settle(3)
    near.take(TEAM, allocation(end="2026-12-31", change="01"))
    near.settle(2)
    assert "active" not in [one.state for one in near[TEAM].grants()]


def test_a_line_that_another_stopped_is_not_asked_for_by_a_request(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near[TEAM].import_clients([ClientRow("C-1", BSN, "")])
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near.take(PROVIDER, allocation())
    near.take(TEAM, allocation())
    near.settle(3)
    run(near[PROVIDER].stop_incoming("P-1", TEAM))
    for _ in range(2):
        near.world.advance(days=4)
        near.settle()
    assert [one.state for one in near[TEAM].grants()] == [FROZEN]
    provider = near[PROVIDER]
    with provider.workplace.commit("asked") as tx:
        requests.ask(tx, provider.workplace, provider.client("P-1"), TEAM, 1)
    near.settle(2)
    assert list(requests.waiting(near[TEAM].store, near[TEAM].workplace)) == []
