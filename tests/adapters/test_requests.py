# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Requests of providers and their answers, which name nobody; and the youth law, under which only the provider tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.answers import EARLY_DAYS, REQUEST_DAYS
from adapters.formats.ijw import IjwReader
from adapters.formats.native import FormatConfig, NativeEvent
from adapters.records_outgoing import EARLY, REQUESTS
from consent.precedence import OBJECTED
from schemas.event import Event, Kind, Law
from tests.adapters.edges import (
    BSN,
    GP,
    PROVIDER,
    TEAM,
    YOUTH_PROVIDER,
    YOUTH_TEAM,
    Neighbours,
    allocation,
    answer,
    request,
)
from tests.simulator import run

IJW = Path(__file__).parents[1] / "vectors" / "ijw" / "valid"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def begin(near: Neighbours) -> None:
    """The allocation is read at both sides."""
    near.take(TEAM, allocation())
    near.take(PROVIDER, allocation())
    near.settle(3)


def test_an_answer_is_told_to_who_asked_and_about_whom_the_request_was(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, request())
    assert near.take(TEAM, answer()).told == 1
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen", "afgewezen"]


def test_a_request_is_told_by_the_provider_alone(near: Neighbours) -> None:
    begin(near)
    assert near.take(TEAM, request()).told == 0
    assert near.take(PROVIDER, request()).told == 1
    near.settle(2)
    assert near.told(TEAM) == ["aangemeld"]


@pytest.mark.parametrize("other", [answer("REF-2"), answer(receiver="87654321")])
def test_an_answer_without_its_request_concerns_nobody(near: Neighbours, other: NativeEvent) -> None:
    begin(near)
    near.take(TEAM, request())
    taken = near.take(TEAM, other)
    assert (taken.told, taken.not_shared) == (0, 1)


def test_an_answer_to_one_provider_is_not_told_to_another_that_has_an_allocation(near: Neighbours) -> None:
    begin(near)
    stranger = request("REF-9")
    assert stranger.request is not None
    asked = replace(stranger.request, provider="87654321")
    near.take(TEAM, replace(stranger, sender="87654321", request=asked))
    assert near.take(TEAM, answer("REF-9", receiver="87654321")).told == 0
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]


def test_the_same_reference_in_another_standard_is_another_request(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, request())
    other = answer()
    assert near.take(TEAM, replace(other, identity=("ijw", *other.identity[1:]))).told == 0


def test_no_reference_of_a_request_is_kept_and_whom_it_is_about_is_destroyed_in_time(near: Neighbours) -> None:
    near.take(TEAM, request("REF-KANARIE"))
    (kept,) = list(REQUESTS.scan(near[TEAM].store))
    assert b"KANARIE" not in kept.key
    assert BSN not in repr(kept)
    near.world.advance(days=REQUEST_DAYS)
    near.work(TEAM)
    assert len(list(REQUESTS.scan(near[TEAM].store))) == 1
    near.world.advance(days=1)
    near.work(TEAM)
    assert not list(REQUESTS.scan(near[TEAM].store))


def test_a_request_that_was_taken_is_known_after_a_crash(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, request())
    near.open(TEAM)
    assert near.take(TEAM, answer()).told == 1


def under_investigation(reference: str = "REF-1") -> NativeEvent:
    """A 319 of the municipality, a day before it rejects."""
    rejected = answer(reference)
    event = Event(Kind.IN_ONDERZOEK, rejected.event.day - 1, Law.WMO)
    return replace(rejected, event=event, identity=(*rejected.identity[:-1], "2"))


def kept_early(near: Neighbours, address: str = TEAM) -> int:
    return len(list(EARLY.scan(near[address].store)))


def test_answers_that_were_read_before_their_request_are_told_when_it_comes_once_and_in_their_order(
    near: Neighbours,
) -> None:
    begin(near)
    for early in (answer(), under_investigation(), answer()):
        assert (near.take(TEAM, early).told, kept_early(near) > 0) == (0, True)
    near.world.advance(days=2)
    near.open(TEAM)  # a crash in between loses nothing
    assert near.take(TEAM, request()).told == 2
    assert kept_early(near) == 0
    assert near.take(TEAM, request()).told == 0
    assert near.take(TEAM, answer()).told == 0
    near.settle(3)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek", "afgewezen"]


def test_an_early_answer_is_told_as_it_would_have_been_with_the_same_id(tmp_path: Path) -> None:
    ids = []
    for place, order in enumerate(((request(), answer()), (answer(), request()))):
        near = Neighbours(tmp_path / str(place))
        begin(near)
        for event in order:
            near.take(TEAM, event)
        ids.append([(item.event_id, item.identity, item.parts) for item in near[TEAM].items() if item.kind == "event"])
        near.close()
    assert ids[0] == ids[1]


def test_an_early_answer_is_not_told_under_a_grant_that_was_made_after_it_was_read(near: Neighbours) -> None:
    near.take(TEAM, answer())
    near.world.advance(minutes=1)
    begin(near)
    assert near.take(TEAM, request()).told == 0
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]


def test_an_early_answer_is_not_told_where_its_line_was_stopped_and_went_on_in_between(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, answer())
    near.world.advance(minutes=1)
    (grant,) = near[TEAM].grants()
    run(near[TEAM].stop_grant(grant.id))
    near.settle(1)
    near.world.advance(minutes=1)
    near.take(TEAM, allocation(end="2026-12-31", change="02"))
    assert [one.state for one in near[TEAM].grants()] == ["stopped", "active"]
    assert near.take(TEAM, request()).told == 0


def test_an_early_answer_is_not_told_against_an_objection_of_before_or_after_it(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, answer())
    number = near[TEAM].clients()[0].number
    run(near[TEAM].stop(number, PROVIDER, OBJECTED))
    near.world.advance(minutes=1)
    assert near.take(TEAM, request()).told == 0


def test_an_early_answer_names_nobody_holds_no_reference_and_is_destroyed_in_time(near: Neighbours) -> None:
    near.take(TEAM, answer("REF-KANARIE"))
    (kept,) = list(EARLY.scan(near[TEAM].store))
    assert "KANARIE" not in repr(kept)
    near.world.advance(days=EARLY_DAYS - 1)
    near.work(TEAM)
    assert kept_early(near) == 1
    near.world.advance(days=1)
    near.work(TEAM)
    assert kept_early(near) == 0
    begin(near)
    assert near.take(TEAM, request("REF-KANARIE")).told == 0


def test_answers_and_requests_of_others_leave_nothing_here(near: Neighbours) -> None:
    near.take(GP, request(), answer())
    near.take(PROVIDER, answer())  # who asked reads it; only who answered tells it
    assert [len(list(REQUESTS.scan(near[one].store))) + kept_early(near, one) for one in (GP, PROVIDER)] == [0, 0]


def test_under_the_youth_law_an_allocation_lets_both_tell_each_other(near: Neighbours) -> None:
    for address in (YOUTH_TEAM, YOUTH_PROVIDER):
        near.world.hub.admit(near.open(address).init().raw)
    reader = IjwReader(FormatConfig())

    def take(address: str, name: str) -> None:
        near.take(address, *reader.read((IJW / name).read_bytes()))

    for address in (YOUTH_TEAM, YOUTH_PROVIDER):
        take(address, "301_toegewezen.xml")
    near.settle(3)
    for name in ("305_gestart.xml", "307_tijdelijk.xml"):
        take(YOUTH_PROVIDER, name)
    near.settle(3)
    assert near.told(YOUTH_TEAM) == ["gestart", "onderbroken"]
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]
    assert [grant.row for grant in near[YOUTH_PROVIDER].grants()] == [8]
    assert [(grant.row, grant.automatic) for grant in near[YOUTH_TEAM].grants()] == [(904, True)]
