# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who received what from this edge between two times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import requests
from adapters.incident import ACKNOWLEDGED, CALLED_BACK, WAITS, Incident, incident
from adapters.looks import look
from deploy.incident_texts import incident_paper, person_paper
from deploy.paper import to_html, to_text
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, status
from tests.adapters.rights_case import JANSEN, neighbours
from tests.simulator import START


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def between(near: Neighbours, first: int, last: int) -> Incident:
    edge = near[TEAM]
    return incident(edge.store, edge.workplace, edge.identity.book, first, last)


def test_everything_that_left_is_in_it_the_introductions_too(near: Neighbours) -> None:
    found = between(near, START, near.world.now)
    assert {(one.address, one.kind, one.state) for one in found.passed} == {
        (PROVIDER, "introduction", ACKNOWLEDGED),
        (PROVIDER, "event", ACKNOWLEDGED),
        (GP, "introduction", ACKNOWLEDGED),
        (GP, "event", ACKNOWLEDGED),
    }
    assert found.persons == ("C-1",)
    assert found.partners == ("Praktijk Voorbeeld", "Zorg Voorbeeld")
    assert found.categories == ("identity", "progress", "service")
    assert any(one.by_bsn for one in found.passed)


def test_both_ends_count_and_what_lies_outside_does_not(near: Neighbours) -> None:
    found = between(near, START, near.world.now)
    last = max(one.at for one in found.passed)
    assert {one.at for one in between(near, last, last).passed} == {last}
    assert between(near, near.world.now + 1, near.world.now + 2).passed == ()


def test_what_was_made_before_and_left_in_that_time_is_in_it(near: Neighbours) -> None:
    near.take(TEAM, status(2, Kind.GESTART, near.world.today))
    made = near.world.now
    near.world.advance(minutes=30)
    begin = near.world.now
    near.settle(2)
    assert near.world.now > begin > made
    assert {one.address for one in between(near, begin, near.world.now).passed} == {PROVIDER, GP}


def test_what_waits_can_still_be_stopped_and_counts_for_nobody(near: Neighbours) -> None:
    begin = near.world.now + 60_000
    near.world.advance(minutes=1)
    near.take(TEAM, status(2, Kind.GESTART, near.world.today))
    found = between(near, begin, near.world.now)
    assert {one.state for one in found.passed} == {WAITS}
    assert (found.persons, found.partners) == ((), ())
    assert len(found.stoppable) == 2
    first, last = found.days
    assert near[TEAM].retract_between(first, last) > 0
    near.settle(3)
    assert "gestart" not in near.told(GP, "H-1")


def test_what_was_called_back_is_still_in_it_for_it_was_received(near: Neighbours) -> None:
    near[TEAM].retract_all("C-1")
    near.settle(3)
    found = between(near, START, near.world.now)
    assert {one.state for one in found.passed if one.kind == "event"} == {CALLED_BACK}
    assert found.persons == ("C-1",)


def test_who_looked_in_that_time_is_in_it(near: Neighbours) -> None:
    edge, at = near[TEAM], near.world.now
    look(edge.workplace, edge.identity.book, JANSEN, [edge.client("C-1")])
    found = between(near, at, at)
    assert [(one.by, one.client, one.what) for one in found.watched] == [("J. Jansen", "C-1", "chain-view")]
    assert "wat anderen vertelden" in to_text(incident_paper("Team Wmo", found))
    assert between(near, at + 1, at + 2).watched == ()


def test_no_bsn_and_no_content_is_in_what_is_written(near: Neighbours) -> None:
    found = between(near, START, near.world.now)
    for paper in (incident_paper("Team Wmo", found), person_paper("Team Wmo", found)):
        for text in (to_text(paper), to_html(paper).decode()):
            assert BSN not in text
            assert not any(word in text for word in ("in onderzoek", "toegewezen", "1001"))
    letter = to_text(person_paper("Team Wmo", found))
    assert "C-1" not in letter
    assert "Praktijk Voorbeeld" not in letter


def test_a_request_to_be_told_is_in_it_and_tells_no_category_of_data(near: Neighbours) -> None:
    near.world.advance(minutes=1)
    edge, begin = near[TEAM], near.world.now
    with edge.workplace.commit("request") as tx:
        requests.ask(tx, edge.workplace, edge.client("C-1"), GP, 4)
    near.settle(2)
    found = between(near, begin, near.world.now)
    assert [(one.address, one.kind, one.state, one.categories) for one in found.passed] == [
        (GP, "request", ACKNOWLEDGED, ("request",))
    ]
    assert (found.persons, found.categories, found.stoppable) == (("C-1",), ("request",), ())
    text = to_text(incident_paper("Team Wmo", found))
    assert "verzoek" in text
    assert not any(word in text for word in ("voortgang", "wet en toewijzing"))
    assert "dat wij vroegen om iets te mogen horen" in to_text(person_paper("Team Wmo", found))
