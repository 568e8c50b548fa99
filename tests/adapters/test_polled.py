# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A source that is asked repeats everything: what leaves is what changed, and what is kept says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.clients import ClientRow
from adapters.formats.native import NativeEvent
from adapters.intake import Taken
from adapters.peers import own_keys
from adapters.polled import ANSWER_DAYS
from adapters.records_outgoing import ANSWERED, MARKS, SAID, Mark
from adapters.store import EdgeStore
from consent.decide import longest_validity
from schemas.event import Kind
from schemas.identity import Citizen
from tests.adapters.edges import BSN, PROVIDER, TEAM, Neighbours, allocation, status
from tests.adapters.rights_case import erased
from tests.simulator import run


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
    before = remembered(near[TEAM].store)
    assert near.take(TEAM, replace(fact(1, near.world.today), sender="urn:suwi:uwv")) == Taken()
    assert remembered(near[TEAM].store) == before


def test_what_is_remembered_is_a_keyed_hash_that_two_edges_cannot_compare(near: Neighbours) -> None:
    said = replace(fact(1, near.world.today), sender="12345678")
    own = replace(fact(1, near.world.today))
    near.take(TEAM, own)
    near.take(PROVIDER, said)
    marks = {address: remembered(near[address].store) for address in (TEAM, PROVIDER)}
    assert [len(marks[address]) for address in (TEAM, PROVIDER)] == [3, 3]  # the answer, about whom, the fact
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


# -- an answer that is the same to the letter, as a source gives it that has nothing new to say -----------------------------


def answered(near: Neighbours, *facts: NativeEvent, at: int | None = None) -> Taken:
    """The same bytes each time; they arrive now unless told."""
    edge = near[TEAM]
    return run(edge.take_native(b"answer".ljust(32), facts, near.world.now if at is None else at))


def test_a_planned_end_is_told_on_its_day_also_when_the_answer_is_the_same_to_the_letter(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    facts = (fact(1, today), fact(2, today + 3, Kind.BEEINDIGD))
    assert answered(near, *facts) == Taken(told=1)
    near.world.advance(days=1)
    assert answered(near, *facts) == Taken()
    near.world.advance(days=2)
    assert answered(near, *facts) == Taken(told=1)
    near.world.advance(days=30)
    assert answered(near, *facts) == Taken()


def test_an_answer_that_arrived_before_is_not_a_later_one_however_often_it_is_read(near: Neighbours) -> None:
    """After a crash, or from a topic that is read from its beginning: a plan of long ago may have been changed since."""
    today, came = near.world.today, near.world.now
    near.take(TEAM, allocation())
    facts = (fact(1, today), fact(2, today + 3, Kind.BEEINDIGD))
    assert answered(near, *facts, at=came) == Taken(told=1)
    near.world.advance(days=10)
    assert answered(near, *facts, at=came) == Taken(known=True)


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_crash_while_an_answer_is_taken_tells_its_news_once(near: Neighbours, moment: str) -> None:
    today, came = near.world.today, near.world.now
    near.take(TEAM, allocation())

    def point(name: str) -> None:
        if name == f"native file: {moment}":
            raise KeyboardInterrupt

    near.points[TEAM] = point
    near.open(TEAM)
    with pytest.raises(KeyboardInterrupt):
        answered(near, fact(1, today), at=came)
    del near.points[TEAM]
    near.open(TEAM)
    answered(near, fact(1, today), at=came)
    near.world.advance(days=1)
    assert answered(near, fact(1, today)) == Taken()
    near.take(PROVIDER, allocation())
    near.settle()
    assert near.told(PROVIDER).count("in onderzoek") == 1


def test_new_keys_of_the_edge_make_nothing_new_of_what_was_answered_before(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    assert answered(near, fact(1, today)) == Taken(told=1)
    first = {key.key_id for key in own_keys(near[TEAM].workplace).opening}
    for _ in range(8):
        near.world.advance(days=10)
        near.settle(1)
    assert not first & {key.key_id for key in own_keys(near[TEAM].workplace).opening}
    assert answered(near, fact(1, today)) == Taken()


def test_an_answer_without_the_fact_takes_nothing_back_and_the_fact_again_is_no_news(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, today)) == Taken(told=1)
    assert near.take(TEAM) == Taken()  # NietsGevonden
    assert near.take(TEAM, fact(1, today)) == Taken()


def test_what_is_kept_of_an_answer_has_no_word_of_it(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    near.take(TEAM, fact(1, today - 400), fact(2, today + 9))  # neither is told, so no outbox holds one
    (answer,) = ANSWERED.scan(near[TEAM].store)
    (said,) = SAID.scan(near[TEAM].store)  # of the plan nothing
    assert [len(key) for key in (answer.key, answer.who, said.key, said.answer)] == [32] * 4
    assert (answer.day, answer.known) == (today, True)


# -- for how long it is remembered ---------------------------------------------------------------------------------


def test_of_who_is_no_client_nothing_is_remembered_after_the_next_cleaning(near: Neighbours) -> None:
    near.work(TEAM)
    near.take(TEAM, fact(1, near.world.today))
    near.work(TEAM)
    assert remembered(near[TEAM].store)
    near.world.advance(days=1)
    near.work(TEAM)
    assert not remembered(near[TEAM].store)


def test_who_became_a_client_on_the_day_of_the_answer_is_told_nothing_that_was_seen_before(near: Neighbours) -> None:
    near.work(TEAM)
    today = near.world.today
    near.take(TEAM, fact(1, today))
    near.take(TEAM, allocation())
    near.world.advance(days=1)
    near.work(TEAM)
    assert near.take(TEAM, fact(1, today), fact(2, today - 9)) == Taken(told=1)  # the other came late


def test_who_becomes_a_client_later_is_told_nothing_that_was_said_before_it_was_forgotten(near: Neighbours) -> None:
    near.work(TEAM)
    day = near.world.today
    near.take(TEAM, fact(1, day))
    near.world.advance(days=1)
    near.work(TEAM)
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, day), fact(2, near.world.today)) == Taken(told=1, not_shared=1)


def test_it_is_forgotten_when_there_was_no_answer_for_its_term_and_then_nothing_old_is_news(near: Neighbours) -> None:
    first = near.world.today
    near.take(TEAM, allocation())
    assert near.take(TEAM, fact(1, first), fact(2, first)) == Taken(told=2)
    near.world.advance(days=ANSWER_DAYS)
    near.work(TEAM)
    assert len(list(SAID.scan(near[TEAM].store))) == 2
    near.take(TEAM, fact(1, first))  # half of it only: all of it is remembered on
    near.world.advance(days=ANSWER_DAYS)
    near.work(TEAM)
    assert near.take(TEAM, fact(1, first), fact(2, first)) == Taken()
    near.world.advance(days=ANSWER_DAYS + 1)
    near.work(TEAM)
    assert not remembered(near[TEAM].store)
    near.take(TEAM, allocation(end="2035-01-01", change="01"))
    assert near.take(TEAM, fact(1, first), fact(3, near.world.today)) == Taken(told=1, not_shared=1)


def test_no_grant_lasts_as_long_as_what_was_said_is_remembered(near: Neighbours) -> None:
    today = near.world.today
    for row in near.world.table.rows.values():
        assert longest_validity(row, today) - today < ANSWER_DAYS


def test_what_was_said_about_a_client_who_is_erased_is_forgotten_at_once_and_nothing_of_another(
    near: Neighbours,
) -> None:
    near.take(TEAM, allocation())
    near[TEAM].import_clients([ClientRow("C-2", "999990019", "")])
    other = replace(fact(1, near.world.today), citizen=Citizen(bsn="999990019"), identity=("suwi", "other"))
    near.take(TEAM, fact(1, near.world.today), other)
    assert len(list(ANSWERED.scan(near[TEAM].store))) == 2
    erased(near[TEAM], next(one.number for one in near[TEAM].clients() if one.bsn == BSN))
    (left,) = ANSWERED.scan(near[TEAM].store)
    assert [said.answer for said in SAID.scan(near[TEAM].store)] == [left.key]


def test_what_an_earlier_version_remembered_is_still_no_news(near: Neighbours) -> None:
    today = near.world.today
    near.take(TEAM, allocation())
    store = near[TEAM].store
    assert near.take(TEAM, fact(1, today)) == Taken(told=1)
    with near[TEAM].workplace.commit("as it was") as tx:
        for one in (*ANSWERED.scan(tx), *SAID.scan(tx)):
            MARKS.put(tx, Mark(one.key, near.world.now))
        for answer in list(ANSWERED.scan(tx)):
            ANSWERED.delete(tx, answer.key)
        for said in list(SAID.scan(tx)):
            SAID.delete(tx, said.key)
    marks = len(list(MARKS.scan(store)))
    assert near.take(TEAM, fact(1, today), fact(2, today - 30)) == Taken(told=1)  # not the first answer either
    assert len(list(MARKS.scan(store))) == marks + 1 - 2  # the file; two stand where they have a term now


def remembered(store: EdgeStore) -> set[bytes]:
    """Every keyed hash of what sources said."""
    answers = list(ANSWERED.scan(store))
    return {one.key for one in (*answers, *SAID.scan(store))} | {one.who for one in answers}
