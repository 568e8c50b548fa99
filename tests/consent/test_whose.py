# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whose word a disclosure needs: every age and regime of domain.md 6.1, birthdays, and what never counts as a word."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import rules
from consent.rules import Row
from consent.whose import (
    AUTHORISED,
    CAPACITIES,
    CLIENT,
    CURATOR,
    FAMILY,
    FOR_A_MINOR,
    FOR_AN_ADULT,
    GUARDIAN,
    MENTOR,
    PARENT,
    PARTNER,
    SECOND_PARENT,
    Aside,
    Regime,
    Situation,
    Word,
    age_of,
    birthday,
    holds_until,
    is_plausible,
    missing,
    regime_of,
    suffices,
    whose,
)
from schemas.calendar import day_of, parse_date

BASE = rules.national(test_mode=True)
JEUGDWET, WGBO, WMO, AVG = (BASE.rows[number] for number in (9, 12, 5, 20))
ALL = (JEUGDWET, WGBO, WMO, AVG)
CONSENT_ROWS = [row for row in BASE.rows.values() if "consent" in row.grounds]
DAY = parse_date("2026-03-03")
AGES = {"under-12": "2016-05-01", "12-15": "2012-05-01", "16-17": "2009-05-01", "adult": "1980-05-01"}
BOTH = (PARENT, SECOND_PARENT)
LAW_TEXTS = Path(__file__).parents[2].parent / "shared" / "standards" / "consent_law" / "wetteksten"


def _aged(age: str, **more: object) -> Situation:
    return Situation(born=parse_date(AGES[age]), **more)  # type: ignore[arg-type]


def _who(row: Row, situation: Situation, day: int = DAY, **more: bool) -> tuple[str, ...]:
    return tuple(one.who for one in whose(row, situation, day, **more).needed)


def _words(*who: str) -> tuple[Word, ...]:
    return tuple(Word(one) for one in who)


# -- the table of domain.md 6.1 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ALL)
def test_for_a_child_under_twelve_all_who_have_authority_must_consent(row: Row) -> None:
    assert _who(row, _aged("under-12", authority=(PARENT,))) == (PARENT,)
    assert _who(row, _aged("under-12", authority=BOTH)) == BOTH
    assert _who(row, _aged("under-12", authority=(GUARDIAN,))) == (GUARDIAN,)
    assert _who(row, _aged("under-12", authority=BOTH, capable=False)) == BOTH


@pytest.mark.parametrize("row", ALL)
def test_from_twelve_to_fifteen_the_child_and_by_default_who_has_authority(row: Row) -> None:
    child = _aged("12-15", authority=BOTH)
    assert _who(row, child) == (CLIENT, *BOTH)
    assert set(whose(row, child, DAY).blocks) == {CLIENT, *BOTH}


@pytest.mark.parametrize("row", [JEUGDWET, WGBO, WMO])
def test_where_the_law_asks_the_child_alone_the_parents_word_can_be_left_and_their_objection_still_blocks(
    row: Row,
) -> None:
    answer = whose(row, _aged("12-15", authority=BOTH), DAY, parents_too=False)
    assert [one.who for one in answer.needed] == [CLIENT]
    assert set(answer.blocks) == {CLIENT, *BOTH}


def test_where_the_law_is_thought_to_ask_the_representative_that_can_not_be_left() -> None:
    answer = whose(AVG, _aged("12-15", authority=(PARENT,)), DAY, parents_too=False)
    assert [one.who for one in answer.needed] == [CLIENT, PARENT]
    assert "uavg.5" in answer.unread


@pytest.mark.parametrize("row", ALL)
@pytest.mark.parametrize("age", ["16-17", "adult"])
def test_from_sixteen_it_is_the_citizen_alone(row: Row, age: str) -> None:
    answer = whose(row, _aged(age, authority=BOTH), DAY)
    assert ([one.who for one in answer.needed], answer.blocks) == ([CLIENT], (CLIENT,))


@pytest.mark.parametrize("row", ALL)
@pytest.mark.parametrize("age", ["12-15", "16-17"])
def test_for_a_minor_who_can_not_decide_those_with_authority_and_the_minor_can_object(row: Row, age: str) -> None:
    answer = whose(row, _aged(age, capable=False, authority=BOTH), DAY)
    assert tuple(one.who for one in answer.needed) == BOTH
    assert set(answer.blocks) == {CLIENT, *BOTH}


@pytest.mark.parametrize("row", ALL)
def test_for_an_adult_who_can_not_decide_the_first_in_the_order_of_the_law(row: Row) -> None:
    for number, first in enumerate(FOR_AN_ADULT):
        answer = whose(row, _aged("adult", capable=False, authority=FOR_AN_ADULT[number:]), DAY)
        assert [one.who for one in answer.needed] == [first]
        assert set(answer.blocks) == {CLIENT, first}
    assert _who(row, _aged("adult", capable=False, authority=BOTH)) == ()


@pytest.mark.parametrize(
    ("row", "situation", "article"),
    [
        (JEUGDWET, _aged("under-12", authority=BOTH), "7.3.15-1"),
        (JEUGDWET, _aged("16-17"), "7.3.11-1"),
        (JEUGDWET, _aged("16-17", capable=False, authority=BOTH), "7.3.15-2"),
        (JEUGDWET, _aged("adult", capable=False, authority=(MENTOR,)), "7.3.15-2"),
        (JEUGDWET, _aged("adult", capable=False, authority=(FAMILY,)), "7.3.15-3"),
        (WGBO, _aged("under-12", authority=BOTH), "465-1"),
        (WGBO, _aged("adult"), "457-1"),
        (WGBO, _aged("adult", capable=False, authority=(CURATOR,)), "465-2"),
        (WGBO, _aged("adult", capable=False, authority=(PARTNER,)), "465-3"),
        (WMO, _aged("under-12", authority=BOTH), "5.3.3-2-a"),
        (WMO, _aged("12-15", capable=False, authority=BOTH), "5.3.3-2-b"),
        (WMO, _aged("adult"), "5.3.3-1"),
    ],
)
def test_every_answer_names_its_article(row: Row, situation: Situation, article: str) -> None:
    answer = whose(row, situation, DAY)
    assert {one.source.article for one in answer.needed} == {article}
    assert answer.unread == ()


def test_the_articles_stand_in_the_law_texts() -> None:
    if not LAW_TEXTS.is_dir():
        pytest.skip("the shared folder with the law texts is not there")
    youth = (LAW_TEXTS / "jeugdwet.md").read_text(encoding="utf-8")
    care = (LAW_TEXTS / "bw7-wgbo.md").read_text(encoding="utf-8")
    support = (LAW_TEXTS / "wmo2015.md").read_text(encoding="utf-8")
    for article in ("7.3.11", "7.3.15", "7.3.16"):
        assert f"**Artikel {article}**" in youth
    for article in ("457", "465"):
        assert f"### Artikel  {article}  " in care
    assert "is in plaats van diens toestemming de toestemming van zijn wettelijke vertegenwoordiger vereist" in support


@pytest.mark.parametrize("row", CONSENT_ROWS, ids=lambda row: str(row.id))
def test_the_answer_never_asks_for_less_than_the_cell_of_the_rule_table(row: Row) -> None:
    cases = {
        **{age: _aged(age, authority=BOTH) for age in AGES},
        "incapable-minor": _aged("12-15", capable=False, authority=BOTH),
        "incapable-adult": _aged("adult", capable=False, authority=(MENTOR,)),
    }
    for column, situation in cases.items():
        answer = whose(row, situation, DAY)
        cell = None if row.consent_by is None else row.consent_by[column]
        needed = {one.who for one in answer.needed}
        if cell is None:
            assert answer.unread, column
        elif cell == "client":
            assert CLIENT in needed, column
        else:
            assert needed == ({MENTOR} if column == "incapable-adult" else set(BOTH)), column


def test_an_unread_cell_or_text_makes_the_answer_one_for_tests() -> None:
    assert whose(BASE.rows[6], _aged("12-15", authority=BOTH), DAY).unread == ("consent_by.12-15",)
    assert whose(BASE.rows[6], _aged("adult"), DAY).unread == ()
    assert whose(AVG, _aged("adult"), DAY).unread == ("consent_by", "uavg.5")
    wmo = whose(WMO, _aged("adult", capable=False, authority=(MENTOR,)), DAY)
    assert wmo.unread == ("consent_by.incapable-adult", "wmo-2015.-")


def test_a_law_without_rules_of_its_own_about_consent_follows_the_avg() -> None:
    assert [regime_of(law) for law in ("jeugdwet", "zvw", "wmo")] == [Regime.JEUGDWET, Regime.WGBO, Regime.WMO]
    assert {regime_of(law) for law in ("onderwijs", "participatiewet", "suwi", "wgs", "a new one")} == {Regime.AVG}


# -- who is not there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", ["under-12", "12-15"])
@pytest.mark.parametrize("row", ALL)
def test_where_nobody_says_who_has_authority_nobodys_word_will_do(row: Row, age: str) -> None:
    answer = whose(row, _aged(age), DAY)
    assert answer.needed == ()
    assert not suffices(answer, _words(*CAPACITIES))


@pytest.mark.parametrize("row", [JEUGDWET, WGBO])
def test_a_parent_can_be_set_aside_for_good_care_and_the_other_stays(row: Row) -> None:
    aside = (Aside(PARENT, "J. de Boer", "DOSSIER-12"),)
    answer = whose(row, _aged("under-12", authority=BOTH, aside=aside), DAY)
    assert ([one.who for one in answer.needed], answer.blocks) == ([SECOND_PARENT], (SECOND_PARENT,))
    assert answer.unread == ()
    assert _who(row, _aged("under-12", authority=(PARENT,), aside=aside)) == ()


def test_a_child_of_twelve_whose_parents_are_all_set_aside_decides_alone() -> None:
    aside = tuple(Aside(who, "J. de Boer", "DOSSIER-12") for who in BOTH)
    answer = whose(JEUGDWET, _aged("12-15", authority=BOTH, aside=aside), DAY)
    assert ([one.who for one in answer.needed], answer.blocks) == ([CLIENT], (CLIENT,))


def test_setting_aside_under_a_law_of_which_no_such_text_was_read_is_for_tests() -> None:
    aside = (Aside(PARENT, "J. de Boer", "DOSSIER-12"),)
    assert "set-aside" in whose(WMO, _aged("under-12", authority=BOTH, aside=aside), DAY).unread


# -- what never counts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", [Word(CLIENT, act="help"), Word(CLIENT, manner="implied"), Word(CLIENT, manner="")])
def test_consent_to_help_and_implied_consent_are_no_consent_to_disclosure(word: Word) -> None:
    answer = whose(JEUGDWET, _aged("adult"), DAY)
    assert missing(answer, [word]) == (CLIENT,)
    assert suffices(answer, [Word(CLIENT)])


@given(
    row=st.sampled_from(CONSENT_ROWS),
    born=st.integers(parse_date("1930-01-01"), DAY),
    capable=st.booleans(),
    authority=st.sets(st.sampled_from(CAPACITIES[1:])),
    aside=st.sets(st.sampled_from(CAPACITIES[1:])),
    parents_too=st.booleans(),
    said=st.sets(st.sampled_from(CAPACITIES)),
)
def test_words_are_enough_only_when_everybody_whose_word_it_takes_has_said_yes(
    row: Row,
    born: int,
    capable: bool,
    authority: set[str],
    aside: set[str],
    parents_too: bool,
    said: set[str],
) -> None:
    now = Situation(born, capable, tuple(authority), tuple(Aside(who, "J. de Boer", "D-1") for who in aside))
    answer = whose(row, now, DAY, parents_too=parents_too)
    needed = {one.who for one in answer.needed}
    assert suffices(answer, _words(*said)) == (bool(needed) and needed <= said)
    assert needed <= set(answer.blocks)
    assert not needed & aside
    if answer.age != "under-12":
        assert CLIENT in answer.blocks or not needed
        assert capable is False or not needed or CLIENT in needed
    else:
        assert CLIENT not in needed
        assert needed <= set(FOR_A_MINOR)


# -- birthdays -----------------------------------------------------------------------------------------------------


def test_a_parents_word_for_a_child_of_eleven_holds_until_the_day_before_the_twelfth_birthday() -> None:
    child = Situation(parse_date("2014-06-10"), authority=(PARENT,))
    for row in ALL:
        assert holds_until(row, child, DAY, _words(PARENT)) == parse_date("2026-06-09")
        assert age_of(child.born, parse_date("2026-06-09")) == "under-12"
        assert age_of(child.born, parse_date("2026-06-10")) == "12-15"


def test_the_word_of_child_and_parent_goes_on_at_sixteen_and_eighteen() -> None:
    child = Situation(parse_date("2011-06-10"), authority=(PARENT,))
    for row in ALL:
        assert holds_until(row, child, DAY, _words(CLIENT, PARENT)) is None


def test_the_word_of_a_parent_of_who_can_not_decide_holds_until_eighteen() -> None:
    child = Situation(parse_date("2011-06-10"), capable=False, authority=(PARENT,))
    assert holds_until(JEUGDWET, child, DAY, _words(PARENT)) == parse_date("2029-06-09")


def test_without_a_date_of_birth_no_birthday_ends_anything() -> None:
    assert holds_until(WMO, Situation(), DAY, _words(CLIENT)) is None


def test_who_was_born_on_29_february_comes_of_age_on_1_march_where_a_year_has_no_such_day() -> None:
    born = parse_date("2012-02-29")
    assert birthday(born, 12) == parse_date("2024-02-29")
    assert birthday(born, 18) == parse_date("2030-03-01")
    assert age_of(born, parse_date("2030-02-28")) == "16-17"
    assert age_of(born, parse_date("2030-03-01")) == "adult"


@pytest.mark.parametrize(
    ("utc", "age"),
    [
        (1_774_736_999_000, "under-12"),  # 2026-03-28 22:29:59 UTC: 23:29:59 in the Netherlands
        (1_774_738_799_000, "under-12"),  # 22:59:59 UTC: 23:59:59 there
        (1_774_738_800_000, "12-15"),  # 23:00 UTC: midnight there, the night on which summer time begins
        (1_774_825_200_000, "12-15"),  # 2026-03-29 23:00 UTC: 01:00 there
    ],
)
def test_a_birthday_begins_at_midnight_in_the_netherlands_on_the_night_of_summer_time_too(utc: int, age: str) -> None:
    assert age_of(parse_date("2014-03-29"), day_of(utc)) == age


@given(st.integers(parse_date("1900-01-01"), parse_date("2099-12-31")), st.sampled_from([12, 16, 18]))
def test_an_age_is_reached_on_one_day_and_kept(born: int, years: int) -> None:
    turns = birthday(born, years)
    assert 365 * years <= turns - born <= 366 * years
    assert age_of(born, turns - 1) != age_of(born, turns)
    assert birthday(born + 1, years) >= turns


@given(
    st.sampled_from(CONSENT_ROWS),
    st.integers(DAY - 18 * 366, DAY),
    st.booleans(),
    st.sets(st.sampled_from(FOR_A_MINOR), min_size=1),
    st.sets(st.sampled_from([CLIENT, AUTHORISED, *FOR_A_MINOR]), min_size=1),
)
def test_words_are_enough_on_every_day_until_the_last_that_was_told_and_not_on_the_next(
    row: Row, born: int, capable: bool, authority: set[str], said: set[str]
) -> None:
    now, words = Situation(born, capable, tuple(sorted(authority))), _words(*sorted(said))
    if not suffices(whose(row, now, DAY), words):
        return
    last = holds_until(row, now, DAY, words)
    days = [birthday(born, years) for years in (12, 16, 18)]
    for turns in days:
        if turns > DAY and (last is None or turns <= last):
            assert suffices(whose(row, now, turns), words)
    if last is not None:
        assert suffices(whose(row, now, last), words)
        assert not suffices(whose(row, now, last + 1), words)


def test_who_can_not_be_alive_was_not_born_then() -> None:
    assert is_plausible(DAY, DAY)
    assert is_plausible(parse_date("1926-01-01"), DAY)
    assert not is_plausible(DAY + 1, DAY)
    assert not is_plausible(parse_date("1880-01-01"), DAY)
