# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whose written declaration of no objection it takes (rows 18 and 118), at each age, and what a birthday does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.agreement_plan import AgreementError
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.consent_words import declaration_key, due
from adapters.declarations import DeclarationError, Declared
from adapters.erasure import erase
from adapters.records_outgoing import ACTIVE, FROZEN, GRANTS, Grant
from adapters.records_people import SPOKEN
from adapters.workplace import EdgeError
from consent.rules import national
from consent.whose import (
    CLIENT,
    CURATOR,
    EXPRESS,
    GUARDIAN,
    IN_WRITING,
    PARENT,
    SECOND_PARENT,
    Situation,
    Word,
    birthday,
    must_be_written,
    whose_declaration,
)
from schemas.calendar import date_text, parse_date
from tests.adapters.edges import BOOK, BSN, GP, SCHOOL, TEAM, UWV, WORK_TEAM, YOUTH_TEAM, Neighbours
from tests.simulator import NATIONAL, run

UNDER_12, TWELVE, SIXTEEN, ADULT = "2014-04-10", "2012-06-01", "2009-06-01", "1980-01-01"
OWN, PARENTS = (CLIENT,), (PARENT, SECOND_PARENT)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for address in (UWV, WORK_TEAM, SCHOOL):
        neighbours.world.hub.admit(neighbours.open(address).init().raw)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def client(near: Neighbours, born: str | None, address: str = WORK_TEAM) -> None:
    near[address].import_clients([ClientRow("C-1", BSN, "", None if born is None else parse_date(born))])


def declared(near: Neighbours, said: Declared | None, until: str | None = None, sender: str = WORK_TEAM) -> Grant:
    row, recipient = (18, SCHOOL) if sender == WORK_TEAM else (118, GP)
    end = None if until is None else parse_date(until)
    return near[sender].grant_by_person("C-1", recipient, Reliance(row, "verklaring-7", end, said))


@pytest.mark.parametrize("recipient", [TEAM, YOUTH_TEAM], ids=["106", "905"])
def test_what_only_a_written_word_lifts_is_not_lifted_by_a_spoken_one(near: Neighbours, recipient: str) -> None:
    """Participatiewet 65(2)b asks for a declaration in writing also where a row calls it consent."""
    client(near, ADULT)
    name = next(one.name for one in BOOK.partners if one.address == recipient)
    for manner in sorted(set(EXPRESS) - {IN_WRITING}):
        with pytest.raises(AgreementError, match="op papier staan"):
            near[WORK_TEAM].make_agreement("C-1", Conversation((name,), said=(Word(CLIENT, manner=manner),)))
    assert near[WORK_TEAM].grants() == []
    signed = Conversation((name,), said=(Word(CLIENT, manner=IN_WRITING),))
    assert len(near[WORK_TEAM].make_agreement("C-1", signed).made) == 1


def test_a_written_word_is_asked_in_every_row_whose_secrecy_only_that_lifts() -> None:
    lifted = {row.id for row in NATIONAL.rows.values() if row.permits and must_be_written(row)}
    assert lifted == {18, 106, 118, 905}


@pytest.mark.parametrize(
    ("born", "by", "authority", "enough"),
    [
        (ADULT, OWN, (), True),
        (ADULT, PARENTS, PARENTS, False),
        (SIXTEEN, OWN, PARENTS, True),
        (SIXTEEN, PARENTS, PARENTS, False),
        (TWELVE, OWN, PARENTS, False),
        (TWELVE, PARENTS, PARENTS, False),
        (TWELVE, (CLIENT, PARENT), PARENTS, False),
        (TWELVE, (CLIENT, *PARENTS), PARENTS, True),
        (TWELVE, OWN, (), False),  # nobody knows who has authority
        (UNDER_12, OWN, PARENTS, False),
        (UNDER_12, (PARENT,), PARENTS, False),
        (UNDER_12, PARENTS, PARENTS, True),
        (UNDER_12, (GUARDIAN,), (GUARDIAN,), True),
    ],
)
@pytest.mark.parametrize("sender", [WORK_TEAM, UWV])
def test_no_grant_rests_on_the_declaration_of_somebody_else(
    near: Neighbours, sender: str, born: str, by: tuple[str, ...], authority: tuple[str, ...], enough: bool
) -> None:
    client(near, born, sender)
    said = Declared(by, authority=authority)
    if enough:
        assert declared(near, said, sender=sender).ground == "no-objection"
        return
    with pytest.raises(DeclarationError):
        declared(near, said, sender=sender)
    assert near[sender].grants() == []


def test_who_cannot_decide_is_declared_for_by_whoever_stands_for_him(near: Neighbours) -> None:
    client(near, ADULT)
    for by in (OWN, PARENTS):
        with pytest.raises(DeclarationError, match="ontbreekt van: de curator"):
            declared(near, Declared(by, capable=False, authority=(CURATOR,)))
    assert declared(near, Declared((CURATOR,), capable=False, authority=(CURATOR,))).state == ACTIVE


def test_without_an_age_nothing_is_made_unless_a_professional_says_that_it_is_an_adult(near: Neighbours) -> None:
    client(near, None)
    with pytest.raises(EdgeError, match="van wie"):
        declared(near, None)
    with pytest.raises(DeclarationError, match="leeftijd"):
        declared(near, Declared())
    assert declared(near, Declared(adult=True)).state == ACTIVE


def test_a_date_of_birth_that_shows_a_declaration_to_be_too_little_ends_it_at_once(near: Neighbours) -> None:
    client(near, None)
    made = declared(near, Declared(adult=True))
    client(near, TWELVE)
    assert GRANTS.need(near[WORK_TEAM].store, made.id.encode()).state != ACTIVE


@pytest.mark.parametrize(
    ("born", "by", "last"),
    [
        (UNDER_12, PARENTS, "2026-04-09"),  # his own declaration is needed at twelve
        ("2014-03-04", PARENTS, "2026-03-03"),
        (TWELVE, (CLIENT, *PARENTS), None),
        ("2010-05-01", (CLIENT, *PARENTS), None),  # at sixteen his own is enough, and he gave it
        ("2008-05-01", OWN, None),
    ],
)
def test_a_declaration_ends_the_day_before_the_birthday_that_makes_it_too_little(
    near: Neighbours, born: str, by: tuple[str, ...], last: str | None
) -> None:
    client(near, born)
    made = declared(near, Declared(by, authority=PARENTS))
    assert last is None or date_text(made.end) == last
    assert last is not None or made.end > near.world.today + 350
    [*soon] = due(near[WORK_TEAM].store, near[WORK_TEAM].workplace, 60)
    assert [(one.by_age, one.ask) for one in soon] == ([] if last is None else [(True, (CLIENT, *PARENTS))])


def test_what_a_birthday_has_ended_is_stopped_by_the_daily_pass_too(near: Neighbours) -> None:
    """A declaration of before it was asked whose it is: kept as the citizen's own."""
    client(near, None)
    made = declared(near, Declared(adult=True))
    edge = near[WORK_TEAM]
    with edge.workplace.commit("test") as tx:
        SPOKEN.delete(tx, declaration_key(made).encode())
    client(near, SIXTEEN)
    assert GRANTS.need(edge.store, made.id.encode()).state == ACTIVE  # at sixteen his own is enough
    client(near, TWELVE)
    assert GRANTS.need(edge.store, made.id.encode()).state != ACTIVE


def test_a_wish_beyond_the_rule_is_refused_and_not_shortened_without_a_word(near: Neighbours) -> None:
    client(near, UNDER_12)
    with pytest.raises(ValueError, match="too-long"):
        declared(near, Declared(PARENTS, authority=PARENTS), "2029-01-01")


def test_a_line_on_a_declaration_is_not_resumed_but_declared_anew(near: Neighbours) -> None:
    client(near, ADULT)
    made = declared(near, Declared())
    edge = near[WORK_TEAM]
    with edge.workplace.commit("test") as tx:
        GRANTS.put(tx, replace(made, state=FROZEN))
    with pytest.raises(EdgeError, match="nieuwe verklaring"):
        edge.person_decides(made.line, resume=True)


def test_of_a_client_who_is_erased_no_declaration_is_left(near: Neighbours) -> None:
    client(near, ADULT)
    declared(near, Declared())
    edge = near[WORK_TEAM]
    assert len(list(SPOKEN.scan(edge.store))) == 1
    with edge.workplace.commit("erased") as tx:
        erase(tx, edge.workplace, edge._intake(), edge.client("C-1"), "N. Wist")
    for _ in range(3):
        run(edge.work())
        near.world.advance(days=1)
    assert list(SPOKEN.scan(edge.store)) == []


@pytest.mark.parametrize(("row", "article"), [(18, "65-2-b"), (118, "74-2-b")])
def test_the_law_is_named_and_what_it_does_not_say_is_unread(row: int, article: str) -> None:
    day = parse_date("2026-03-03")
    adult = whose_declaration(NATIONAL.rows[row], Situation(parse_date(ADULT)), day)
    assert [(one.who, one.source.article, one.source.mark) for one in adult.needed] == [(CLIENT, article, "L15")]
    assert adult.unread == ()
    child = whose_declaration(NATIONAL.rows[row], Situation(parse_date(UNDER_12), authority=PARENTS), day)
    assert child.unread == ("uavg.5",)
    assert row not in national(test_mode=False).rows or not national(test_mode=False).rows[row].permits


@pytest.mark.parametrize("years", [12, 16, 18])
def test_on_the_birthday_itself_it_is_another_age(years: int) -> None:
    born = parse_date("2008-02-29")
    before, on = (
        whose_declaration(NATIONAL.rows[18], Situation(born, authority=PARENTS), birthday(born, years) + ago)
        for ago in (-1, 0)
    )
    assert before.age != on.age
