# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A source that is asked repeats everything: what leaves is what changed, and what is kept says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.formats.native import NativeEvent
from adapters.intake import Taken
from adapters.records_outgoing import MARKS
from schemas.event import Kind
from schemas.identity import Citizen
from tests.adapters.edges import BSN, PROVIDER, TEAM, Neighbours, allocation, status


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    yield neighbours
    neighbours.close()


def fact(number: int, today: int, kind: Kind = Kind.IN_ONDERZOEK, service: str = "suwi bijstand") -> NativeEvent:
    return replace(status(number, kind, today), polled=service)


def test_an_answer_that_says_the_same_again_tells_nothing_again(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, today)) == Taken(told=1)
    assert near.take(TEAM, fact(1, today)) == Taken()
    assert near.take(TEAM, fact(1, today), fact(2, today, Kind.AFGEWEZEN)) == Taken(told=1)
    near.settle()
    near.take(PROVIDER, allocation())
    near.settle()
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek", "afgewezen"]


def test_the_first_answer_tells_nothing_from_before_the_line_and_a_later_one_what_came_late(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, today - 400), fact(2, today)) == Taken(told=1, not_shared=1)
    assert near.take(TEAM, fact(1, today - 400), fact(2, today), fact(3, today - 30)) == Taken(told=1)


def test_each_service_has_a_first_answer_of_its_own(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    near.take(TEAM, fact(1, today))
    assert near.take(TEAM, fact(2, today - 400, service="suwi werkbedrijf")) == Taken(not_shared=1)


def test_what_was_seen_before_a_line_began_is_never_told_under_it(near: Neighbours) -> None:
    today = near.world.today
    assert near.take(TEAM, fact(1, today)) == Taken(not_shared=1)
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, today)) == Taken()


def test_a_day_still_to_come_is_told_when_it_is_there(near: Neighbours) -> None:
    day = near.world.today + 3
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, day)) == Taken()
    near.world.advance(days=3)
    assert near.take(TEAM, fact(1, day)) == Taken(told=1)
    assert near.take(TEAM, fact(1, day)) == Taken()


def test_what_another_source_says_is_neither_told_nor_remembered(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    before = len(list(MARKS.scan(near[TEAM].store)))
    assert near.take(TEAM, replace(fact(1, near.world.today), sender="urn:suwi:uwv")) == Taken()
    assert len(list(MARKS.scan(near[TEAM].store))) == before + 1  # the file itself


def test_what_is_remembered_is_a_keyed_hash_that_two_edges_cannot_compare(near: Neighbours) -> None:
    said = replace(fact(1, near.world.today), sender="12345678")
    own = replace(fact(1, near.world.today))
    near.take(TEAM, own)
    near.take(PROVIDER, said)
    marks = {address: {mark.digest for mark in MARKS.scan(near[address].store)} for address in (TEAM, PROVIDER)}
    assert [len(marks[address]) for address in (TEAM, PROVIDER)] == [3, 3]  # the file, the answer, the fact
    assert not marks[TEAM] & marks[PROVIDER]
    for mark in marks[TEAM] | marks[PROVIDER]:
        assert len(mark) == 32
        assert BSN.encode() not in mark


def test_two_citizens_are_two_memories(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    near.take(TEAM, fact(1, today))
    other = replace(fact(1, today - 400), citizen=Citizen(bsn="999900018"), identity=("suwi", "other"))
    assert near.take(TEAM, other) == Taken(not_shared=1)
    assert near.take(TEAM, fact(2, today - 30)) == Taken(told=1)
