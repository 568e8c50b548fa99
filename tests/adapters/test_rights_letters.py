# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who must hear what we learned from others, and at latest when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.looks import NoNameError
from adapters.rights_letters import (
    BY_THE_TABLE,
    DUE,
    EXCEPTED,
    INFORMED_BY_US,
    KEPT_BACK,
    Letter,
    LetterError,
    a_month_after,
    letters,
    mark,
)
from adapters.rights_limits import Scope
from deploy.paper import to_html, to_text
from deploy.rights_texts import letter_paper
from schemas.calendar import date_text, month_of, parse_date
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, start, stop
from tests.adapters.rights_case import limited, neighbours


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    made = neighbours(tmp_path)
    yield made
    made.close()


def of(near: Neighbours, address: str = TEAM, number: str | None = "C-1") -> list[Letter]:
    edge = near[address]
    client = None if number is None else edge.client(number)
    return letters(edge.store, edge.workplace, edge.identity.book, client)


def done(near: Neighbours, by: str = "J. Jansen", exception: str | None = None) -> int:
    edge = near[TEAM]
    with edge.workplace.commit("informed") as tx:
        return mark(tx, edge.workplace, edge.client("C-1"), of(near), by, exception)


def test_who_told_us_something_is_due_a_month_after_it_came(near: Neighbours) -> None:
    (one,) = of(near)
    assert (one.client, one.sender, one.purpose, one.state) == ("C-1", PROVIDER, "onderzoek-en-heroverweging", DUE)
    assert (date_text(one.since), date_text(one.due)) == ("2026-03-03", "2026-04-03")
    assert of(near, number=None) == [one]


def test_a_second_message_under_the_same_line_asks_no_second_letter(near: Neighbours) -> None:
    near.world.advance(days=10)
    near.take(PROVIDER, stop("2026-03-10"))
    near.settle(2)
    (one,) = of(near)
    assert date_text(one.since) == "2026-03-03"
    assert done(near) == 1
    assert [one.state for one in of(near)] == [INFORMED_BY_US]
    assert done(near) == 0


def test_an_exception_is_of_a_named_person_and_on_record(near: Neighbours) -> None:
    with pytest.raises(NoNameError):
        done(near, by=" ")
    with pytest.raises(LetterError):
        done(near, exception="e")
    assert [one.state for one in of(near)] == [DUE]
    done(near, "A. de Vries", "a")
    (one,) = of(near)
    assert (one.state, one.by, one.reason) == (EXCEPTED, "A. de Vries", "a")


def test_what_was_told_at_consent_needs_no_letter(near: Neighbours) -> None:
    states = {(one.row, one.state) for one in of(near, GP, "H-1")}
    assert states == {(5, BY_THE_TABLE)}


def test_what_its_sender_called_back_needs_no_letter(near: Neighbours) -> None:
    near.take(PROVIDER, start(retracts=True))
    near.settle(2)
    assert of(near) == []


def test_what_a_decision_keeps_from_the_report_is_in_no_letter(near: Neighbours) -> None:
    limited(near[TEAM], "avg-23-uavg-41", Scope(partner=PROVIDER))
    assert [one.state for one in of(near)] == [KEPT_BACK]


def test_nothing_told_nothing_due(tmp_path: Path) -> None:
    near = neighbours(tmp_path, told=False)
    assert of(near) == []
    near.close()


def test_the_letter_names_who_told_what_and_no_bsn(near: Neighbours) -> None:
    paper = letter_paper("Team Wmo", "C-1", of(near), near.world.today)
    text, html = to_text(paper), to_html(paper).decode()
    for one in (text, html):
        assert "Zorg Voorbeeld" in one
        assert "Autoriteit Persoonsgegevens" in one
        assert BSN not in one


def test_the_letter_says_for_what_in_words_and_how_the_privacy_officer_is_reached(near: Neighbours) -> None:
    known, unknown = (
        to_text(letter_paper("Team Wmo", "C-1", of(near), near.world.today, fg))
        for fg in ("fg@voorbeeld.example", None)
    )
    assert "functionaris gegevensbescherming (fg@voorbeeld.example)." in known
    assert "functionaris gegevensbescherming." in unknown
    for text in (known, unknown):
        assert "onderzoek en heroverweging (Wmo 2015)" in text
        assert "onderzoek-en-heroverweging" not in text


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-03-31", "2026-04-30"),
        ("2026-12-15", "2027-01-15"),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last_one(day: str, due: str) -> None:
    assert date_text(a_month_after(parse_date(day))) == due


@given(st.integers(parse_date("2020-01-01"), parse_date("2099-12-31")))
def test_a_month_is_never_counted_longer_than_it_is(day: int) -> None:
    due = a_month_after(day)
    assert 28 <= due - day <= 31
    assert month_of(due) == month_of(day) + 1
