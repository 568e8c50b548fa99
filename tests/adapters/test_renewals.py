# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A renewal as a proposal: what was answered before is offered, and never who says yes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.consent_words import due
from adapters.conversation import AUTHORITY, BORN, CAPABLE, PARTNERS, UNTIL, YES, Answers, answered, read_answers
from adapters.renewals import Proposal, as_file, as_typed, last_answers, propose
from consent.whose import CLIENT, MENTOR, PARENT, SECOND_PARENT, Aside, Word
from schemas.calendar import date_text, parse_date
from tests.adapters.edges import BSN, GP, TEAM, YOUTH_TEAM, Neighbours

BOTH = (PARENT, SECOND_PARENT)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def client(near: Neighbours, born: str | None = None) -> None:
    near[TEAM].import_clients([ClientRow("C-1", BSN, "", None if born is None else parse_date(born))])


def proposal(near: Neighbours, days: int = 31) -> Proposal:
    edge = near[TEAM]
    return propose(edge.store, edge.workplace, edge.client("C-1"), due(edge.store, edge.workplace, days))


def test_what_ends_by_its_term_can_be_renewed_today_with_what_was_answered_then(near: Neighbours) -> None:
    client(near)
    talk = Conversation(("Praktijk Voorbeeld", "Team Jeugd"), end=near.world.today + 20)
    near[TEAM].make_agreement("C-1", talk)
    one = proposal(near)
    assert (one.since, set(one.partners)) == (near.world.today, {GP, YOUTH_TEAM})
    assert as_file(one.answers, ["Praktijk Voorbeeld"]) == {
        "with": ["Praktijk Voorbeeld"],
        "until": "longest",
        "capable": True,
    }
    assert [grant.state for grant in near[TEAM].grants("C-1")] == ["active", "active"]  # it makes nothing


def test_who_decides_for_the_client_is_offered_and_who_said_yes_is_not(near: Neighbours) -> None:
    client(near)
    said = Conversation(
        ("Praktijk Voorbeeld",),
        end=near.world.today + 20,
        said=(Word(MENTOR, manner="in-writing"),),
        capable=False,
        authority=(MENTOR,),
    )
    near[TEAM].make_agreement("C-1", said)
    found = proposal(near).answers
    assert (found.capable, found.authority, found.yes, found.until, found.born) == (False, (MENTOR,), None, None, None)
    assert (as_typed(found, CAPABLE), as_typed(found, AUTHORITY)) == ("nee", "mentor")
    text = json.dumps(as_file(found, ["Praktijk Voorbeeld"]))
    assert not any(word in text for word in ("yes", "in-writing", "born", BSN, "C-1"))


@pytest.mark.parametrize("key", [BORN, PARTNERS, YES])
def test_who_says_yes_with_whom_and_how_old_is_asked_without_an_answer_of_before(key: str) -> None:
    assert as_typed(Answers(capable=True, authority=(PARENT,), yes=(CLIENT,), partners=("x",), born=1), key) is None


def test_before_a_birthday_nothing_is_proposed_for_earlier_than_that_day(near: Neighbours) -> None:
    client(near, "2014-06-10")
    near.world.to("2026-05-20 09:00")
    talk = Conversation(("Praktijk Voorbeeld",), adult=False, authority=BOTH, said=tuple(map(Word, BOTH)))
    near[TEAM].make_agreement("C-1", talk)
    one = proposal(near)
    assert date_text(one.since) == "2026-06-10"
    assert (one.answers.authority, one.answers.capable) == (BOTH, True)
    near.world.to("2026-06-12 09:00")
    near.work(TEAM)
    assert (proposal(near).since, proposal(near).partners) == (near.world.today, (GP,))


def test_parents_are_not_offered_for_who_has_become_an_adult_and_nobody_who_was_set_aside(near: Neighbours) -> None:
    client(near, "2008-06-10")
    near.world.to("2026-05-20 09:00")
    talk = Conversation(
        ("Praktijk Voorbeeld",),
        adult=False,
        authority=BOTH,
        said=(Word(PARENT),),
        capable=False,
        aside=(Aside(SECOND_PARENT, "N. Beslist", "dossier-3"),),
    )
    near[TEAM].make_agreement("C-1", talk)
    found = proposal(near).answers
    assert (found.capable, found.authority, found.aside) == (False, None, ())
    now = last_answers(near[TEAM].store, near[TEAM].workplace, near[TEAM].client("C-1"), near.world.today)
    assert now.authority == BOTH


def test_whoever_never_agreed_to_anything_is_offered_nothing(near: Neighbours) -> None:
    client(near)
    assert last_answers(near[TEAM].store, near[TEAM].workplace, near[TEAM].client("C-1"), near.world.today) == Answers()


@pytest.mark.parametrize(("capable", "authority"), [(True, None), (False, (MENTOR,)), (None, BOTH), (True, BOTH)])
def test_what_is_offered_can_be_typed_and_can_begin_a_file(
    capable: bool | None, authority: tuple[str, ...] | None
) -> None:
    answers = Answers(capable=capable, authority=authority)
    typed = Answers()
    for key in (CAPABLE, AUTHORITY, UNTIL):
        text = as_typed(answers, key)
        typed = typed if text is None else answered(typed, key, text)
    assert (typed.capable, typed.authority) == (capable, authority)
    read = read_answers(json.dumps(as_file(answers, ["Praktijk Voorbeeld"])).encode())
    assert (read.capable, read.authority, read.until, read.yes) == (capable, authority, typed.until, None)
