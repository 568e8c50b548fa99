# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Nothing that the wrong person gave makes a grant, and nothing that a birthday ended opens again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.agreement import AgreementError, Conversation
from adapters.clients import ClientRow
from adapters.consent_words import BirthError, Due, born, due
from adapters.records_outgoing import ACTIVE
from adapters.records_people import CONSENTS, SPOKEN, Spoken
from consent.record import from_bytes
from consent.rules import RuleTable, load
from consent.whose import (
    CAPACITIES,
    CLIENT,
    GUARDIAN,
    MENTOR,
    PARENT,
    SECOND_PARENT,
    Aside,
    Situation,
    Word,
    suffices,
    whose,
)
from schemas.calendar import date_text, parse_date
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, REGISTRY, TEAM, Neighbours, allocation, status
from tests.simulator import run

PRACTICE = ("Praktijk Voorbeeld",)
OTHER_BSN = "999990019"
PARENTS_YES = (Word(PARENT), Word(SECOND_PARENT))
TURNS_12 = "2026-06-10"  # the world begins in March 2026


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    neighbours[GP].import_clients([ClientRow("H-7", BSN, "")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def _born(near: Neighbours, text: str) -> None:
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo", parse_date(text))])


def _of_a_child(**more: object) -> Conversation:
    talk = Conversation(PRACTICE, adult=False, authority=(PARENT, SECOND_PARENT), said=PARENTS_YES)
    return replace(talk, **more)  # type: ignore[arg-type]


def _eleven(near: Neighbours) -> None:
    _born(near, "2014-06-10")
    near[TEAM].make_agreement("C-1", _of_a_child())
    near.settle(3)


def _to(near: Neighbours, day: str) -> None:
    near.world.to(f"{day} 09:00")


def _active(near: Neighbours) -> int:
    return sum(grant.state == ACTIVE for grant in near[TEAM].grants("C-1"))


def _due(near: Neighbours, days: int = 31) -> list[Due]:
    return due(near[TEAM].store, near[TEAM].workplace, days)


# -- whose word ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "talk", "lacking"),
    [
        ("2016-01-01", Conversation(PRACTICE, authority=(PARENT,)), "een ouder met gezag"),
        ("2016-01-01", _of_a_child(said=(Word(PARENT),)), "de andere ouder met gezag"),
        ("2016-01-01", _of_a_child(authority=(GUARDIAN,)), "de voogd"),
        ("2012-01-01", _of_a_child(), "de cliënt zelf"),
        ("2012-01-01", _of_a_child(said=(Word(CLIENT), Word(PARENT))), "de andere ouder met gezag"),
        ("2009-01-01", _of_a_child(), "de cliënt zelf"),
        ("1950-01-01", Conversation(PRACTICE, said=(Word(MENTOR),), authority=(MENTOR,)), "de cliënt zelf"),
        ("1950-01-01", Conversation(PRACTICE, capable=False, authority=(MENTOR,)), "de mentor"),
        ("1950-01-01", Conversation(PRACTICE, said=(Word(CLIENT, act="help"),)), "de cliënt zelf"),
        ("1950-01-01", Conversation(PRACTICE, said=(Word(CLIENT, manner="implied"),)), "de cliënt zelf"),
        ("1950-01-01", Conversation(PRACTICE, said=()), "de cliënt zelf"),
    ],
)
def test_what_the_wrong_person_gave_makes_no_grant_and_the_sentence_says_whose_word_is_missing(
    near: Neighbours, birth: str, talk: Conversation, lacking: str
) -> None:
    _born(near, birth)
    with pytest.raises(AgreementError, match=f"ontbreekt de toestemming van {lacking}"):
        near[TEAM].make_agreement("C-1", talk)
    assert near[TEAM].grants("C-1") == []
    assert near[TEAM].agreements("C-1") == []


def test_without_a_date_of_birth_nothing_is_made_unless_a_professional_says_that_it_is_an_adult(
    near: Neighbours,
) -> None:
    with pytest.raises(AgreementError, match="geen geboortedatum bekend"):
        near[TEAM].make_agreement("C-1", Conversation(PRACTICE, adult=False))
    assert len(near[TEAM].make_agreement("C-1", Conversation(PRACTICE)).made) == 1


def test_a_known_date_of_birth_goes_before_the_word_that_it_is_an_adult(near: Neighbours) -> None:
    _born(near, "2016-01-01")
    with pytest.raises(AgreementError, match="niemand toestemming geven: zeg wie het gezag heeft"):
        near[TEAM].make_agreement("C-1", Conversation(PRACTICE, adult=True))


@pytest.mark.parametrize("objects", [CLIENT, PARENT, SECOND_PARENT])
def test_an_objection_of_child_or_parent_blocks_what_the_others_want(near: Neighbours, objects: str) -> None:
    _born(near, "2012-01-01")
    said = (Word(CLIENT), *PARENTS_YES)
    with pytest.raises(AgreementError, match="er is bezwaar"):
        near[TEAM].make_agreement("C-1", _of_a_child(said=said, objects=(objects,)))
    with pytest.raises(AgreementError, match="er is bezwaar"):
        near[TEAM].make_agreement("C-1", _of_a_child(said=said, objects=(objects,), parents_too=False))
    assert near[TEAM].grants("C-1") == []


def test_the_record_says_who_gave_it_each_apart_in_which_capacity_and_when_and_that_it_is_to_tell_others(
    near: Neighbours,
) -> None:
    _born(near, "2012-01-01")
    said = (Word(PARENT), Word(SECOND_PARENT, manner="by-telephone"), Word(CLIENT), Word(MENTOR))
    made = near[TEAM].make_agreement("C-1", _of_a_child(said=said)).made[0]
    kept = CONSENTS.need(near[TEAM].store, made.id.encode())
    record = from_bytes(kept.raw, REGISTRY)
    assert record.act == "disclosure"
    assert [(one.by, one.manner) for one in record.given] == [
        ("client", "in-person"),
        ("parent", "in-person"),
        ("second-parent", "by-telephone"),
    ]
    assert {one.at for one in record.given} == {near.world.now}
    assert made.by == (CLIENT, PARENT, SECOND_PARENT)


def test_who_sets_a_parent_aside_gives_a_name_and_where_the_reason_stands(near: Neighbours) -> None:
    _born(near, "2016-01-01")
    aside = Aside(PARENT, "J. de Boer", "DOSSIER-12")
    for wrong in (replace(aside, by=""), replace(aside, reason=""), replace(aside, reason="hij slaat haar")):
        with pytest.raises(AgreementError, match="vindplaats"):
            near[TEAM].make_agreement("C-1", _of_a_child(aside=(wrong,)))
    made = near[TEAM].make_agreement("C-1", _of_a_child(aside=(aside,), said=(Word(SECOND_PARENT),))).made[0]
    kept = SPOKEN.need(near[TEAM].store, made.id.encode())
    assert kept.aside == ((PARENT, "J. de Boer", "DOSSIER-12"),)


def test_outside_test_mode_nothing_is_made_on_what_no_law_text_was_read_for(near: Neighbours) -> None:
    near.tables[TEAM] = _as_it_may_be_one_day(near.world.table.raw)
    edge = near.open(TEAM)
    assert edge.workplace.rules.test_mode_only == ()
    mentor = Conversation(PRACTICE, capable=False, authority=(MENTOR,), said=(Word(MENTOR),))
    with pytest.raises(AgreementError, match="nog niet gelezen wie er volgens de wet"):
        edge.make_agreement("C-1", mentor)
    assert len(edge.make_agreement("C-1", Conversation(PRACTICE)).made) == 1


def _as_it_may_be_one_day(raw: bytes) -> RuleTable:
    """Row 5 alone, with every cell read; the one for an adult who can't decide says the representative."""
    table = orjson.loads(raw)
    [row] = table["rows"] = [row for row in table["rows"] if row["id"] == 5]
    row |= {
        "processing_basis": "avg-6-1-a",
        "special_exception": "avg-9-2-a",
        "retention": "one",
        "notice": "at-consent",
    }
    row["route"] = "none"
    row["consent_by"]["incapable-adult"] = "representative"
    return load(orjson.dumps(table, option=orjson.OPT_SORT_KEYS))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    age=st.integers(0, 40),
    capable=st.booleans(),
    authority=st.sets(st.sampled_from(CAPACITIES[1:])),
    said=st.sets(st.sampled_from(CAPACITIES)),
    objects=st.sets(st.sampled_from(CAPACITIES), max_size=1),
)
def test_a_grant_is_made_only_when_the_rule_about_words_says_so(
    near: Neighbours, age: int, capable: bool, authority: set[str], said: set[str], objects: set[str]
) -> None:
    edge = near[TEAM]
    day = parse_date("2026-03-01") - age * 365 - 100
    words = tuple(Word(who) for who in sorted(said))
    talk = Conversation(PRACTICE, None, words, day, capable=capable, authority=tuple(sorted(authority)), adult=False)
    talk = replace(talk, objects=tuple(objects))
    row = near.world.table.rows[5]
    answer = whose(row, Situation(day, capable, talk.authority), near.world.today)
    expected = suffices(answer, words) and not objects & set(answer.blocks)
    before = len(edge.agreements("C-1"))
    try:
        edge.make_agreement("C-1", talk)
    except AgreementError:
        assert not expected
        assert len(edge.agreements("C-1")) == before
    else:
        assert expected
        assert len(edge.agreements("C-1")) == before + 1


# -- birthdays -------------------------------------------------------------------------------------------------------


def test_an_agreement_ends_the_day_before_a_birthday_that_makes_it_too_little_and_so_does_its_renewal(
    near: Neighbours,
) -> None:
    _born(near, "2014-06-10")
    made = near[TEAM].make_agreement("C-1", _of_a_child(end=near.world.today + 30)).made[0]
    assert (made.end, made.by_age) == (near.world.today + 30, False)
    renewed = near[TEAM].make_agreement("C-1", _of_a_child())
    assert (renewed.made[0].end, renewed.made[0].by_age) == (parse_date("2026-06-09"), True)
    assert "want de leeftijd verandert" in renewed.receipt


def test_nothing_is_told_from_the_birthday_on_and_the_grant_is_stopped_that_day(near: Neighbours) -> None:
    _eleven(near)
    _to(near, "2026-06-08")
    near.take(TEAM, status(1, Kind.IN_ONDERZOEK, near.world.today))
    near.settle(3)
    assert len(near.told(GP)) == 1
    _to(near, TURNS_12)
    near.take(TEAM, status(2, Kind.GEWIJZIGD, near.world.today))
    near.settle(3)
    assert len(near.told(GP)) == 1
    assert [grant.state for grant in near[TEAM].grants("C-1")] == ["stopped"]
    assert [one.state for one in near[TEAM].agreements("C-1")] == ["outgrown"]


def test_what_was_agreed_before_the_age_was_known_stops_when_it_becomes_known_or_on_the_birthday(
    near: Neighbours,
) -> None:
    near[TEAM].make_agreement("C-1", Conversation(PRACTICE))  # said to be an adult
    near.settle(3)
    _born(near, "2015-01-01")
    assert _active(near) == 0
    assert [one.state for one in near[TEAM].agreements("C-1")] == ["outgrown"]
    near.settle(3)
    assert [grant.state for grant in near[TEAM].grants("C-1")] == ["stopped"]


def test_a_consent_that_still_runs_on_the_birthday_is_stopped_there_and_at_the_hub_before_anything_leaves(
    near: Neighbours,
) -> None:
    """As one may that was given before this edge kept ages: it lasts twelve months, whatever birthday lies in them."""
    edge = near[TEAM]
    made = edge.make_agreement("C-1", Conversation(PRACTICE)).made[0]
    near.settle(3)
    with edge.workplace.commit("as it was") as tx:
        SPOKEN.put(tx, Spoken(made.id, ((PARENT, "in-person"),), authority=(PARENT,)))
    _born(near, "2014-06-10")
    _to(near, "2026-06-09")
    near.settle(2)
    assert (_active(near), made.end > parse_date(TURNS_12)) == (1, True)
    [one] = _due(near)
    assert (date_text(one.on), one.by_age, one.stopped) == (TURNS_12, True, False)
    near.world.to(f"{TURNS_12} 00:05")
    near.take(TEAM, status(9, Kind.GEWIJZIGD, near.world.today))  # read before the pass of that day
    run(edge.work())
    assert [grant.state for grant in edge.grants("C-1")] == ["stopped"]  # the hub knows within the same pass
    near.settle(3)
    assert near.told(GP) == []


@pytest.mark.parametrize(("moment", "active"), [("2026-06-09 23:58", 1), ("2026-06-10 00:01", 0)])
def test_the_day_of_a_birthday_is_that_of_the_netherlands(near: Neighbours, moment: str, active: int) -> None:
    _eleven(near)
    near.world.to(moment)
    run(near[TEAM].work())
    assert _active(near) == active


def test_a_birthday_on_29_february_counts_on_1_march_in_a_year_without_one(near: Neighbours) -> None:
    _born(near, "2009-02-28")
    incapable = _of_a_child(capable=False)
    made = near[TEAM].make_agreement("C-1", incapable).made[0]
    assert date_text(made.end) == "2027-02-27"
    _born(near, "2008-02-29")  # eighteen on 29 February 2026 would be 1 March 2026: an adult since
    with pytest.raises(AgreementError, match="niemand toestemming"):
        near[TEAM].make_agreement("C-1", incapable)


def test_what_a_birthday_ended_is_not_opened_by_an_allocation_a_code_a_restart_or_another_date_of_birth(
    near: Neighbours,
) -> None:
    _eleven(near)
    _to(near, TURNS_12)
    near.work(TEAM)
    assert _active(near) == 0
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near.take(TEAM, allocation())  # opens what rests on a task, for the provider
    near.take(TEAM, status(3, Kind.GEWIJZIGD, near.world.today))
    near.settle(3)
    near.open(TEAM)
    near.settle(3)
    _born(near, "2016-06-10")  # a mistake was made, it is said: the old consent stays over all the same
    near.settle(3)
    _to(near, "2026-07-20")  # and at the turn of a month nothing is registered anew
    near.settle(3)
    to_gp = [grant for grant in near[TEAM].grants("C-1") if grant.recipient == GP]
    assert [grant.state for grant in to_gp] == ["stopped"]
    assert near.told(GP) == []
    assert near[TEAM].refusals("C-1") == []  # nobody refused: with the words that it takes it begins anew


def test_with_the_words_of_child_and_parents_it_begins_anew_and_goes_on_at_sixteen(near: Neighbours) -> None:
    _eleven(near)
    _to(near, TURNS_12)
    near.settle(3)
    with pytest.raises(AgreementError, match="de cliënt zelf"):
        near[TEAM].make_agreement("C-1", _of_a_child())
    made = near[TEAM].make_agreement("C-1", _of_a_child(said=(Word(CLIENT), *PARENTS_YES))).made[0]
    assert made.by_age is False
    near.settle(3)
    near.take(TEAM, status(5, Kind.GEWIJZIGD, near.world.today))
    near.settle(3)
    assert near.told(GP) == ["gewijzigd"]
    assert [one.state for one in near[TEAM].agreements("C-1")] == ["outgrown", "given"]


def test_a_birthday_stop_is_kept_through_a_restore_of_a_copy_of_before_it(near: Neighbours, tmp_path: Path) -> None:
    _eleven(near)
    near[TEAM].back_up(tmp_path / "copy")
    _to(near, "2026-06-12")
    near.settle(2)
    folder = near.folder / "team-wmo"
    near.edges.pop(TEAM).store.close()
    for old in folder.glob("edge.sqlite*"):
        old.unlink()
    (folder / "edge.sqlite").write_bytes((tmp_path / "copy").read_bytes())
    edge = near.open(TEAM)
    edge.was_put_back()
    edge.confirm_restore()
    edge.has_read_again()
    near.settle(4)
    assert _active(near) == 0


# -- a month ahead ---------------------------------------------------------------------------------------------------


def test_what_a_birthday_will_end_is_listed_a_month_ahead_with_whose_word_it_takes_then(near: Neighbours) -> None:
    _eleven(near)
    _to(near, "2026-05-09")
    assert _due(near) == []
    _to(near, "2026-05-10")
    [one] = _due(near)
    assert (one.client, one.recipient, one.row) == ("C-1", GP, 5)
    assert (date_text(one.on), one.by_age, one.stopped) == (TURNS_12, True, False)
    assert one.ask == (CLIENT, PARENT, SECOND_PARENT)
    _to(near, TURNS_12)
    near.work(TEAM)
    assert [(date_text(found.on), found.stopped) for found in _due(near)] == [(TURNS_12, True)]
    near[TEAM].make_agreement("C-1", _of_a_child(said=(Word(CLIENT), *PARENTS_YES)))
    assert _due(near) == []


def test_what_ends_by_its_term_is_listed_too(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(PRACTICE, end=near.world.today + 20))
    [one] = _due(near)
    assert (one.on, one.by_age, one.ask) == (near.world.today + 21, False, (CLIENT,))
    run(near[TEAM].end_agreement(one.consent))
    assert _due(near) == []


# -- the date of birth -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("birth", ["2026-03-31", "1880-01-01"])
def test_a_date_of_birth_that_nobody_alive_has_is_refused_and_nothing_of_the_list_is_taken(
    near: Neighbours, birth: str
) -> None:
    rows = [ClientRow("C-2", OTHER_BSN, "", parse_date("1980-01-01")), ClientRow("C-1", BSN, "", parse_date(birth))]
    with pytest.raises(BirthError, match="geboortedatum kan niet") as caught:
        near[TEAM].import_clients(rows)
    assert birth not in str(caught.value)
    assert [client.number for client in near[TEAM].clients()] == ["C-1"]
    with pytest.raises(AgreementError, match="geboortedatum kan niet"):
        near[TEAM].make_agreement("C-1", Conversation(PRACTICE, born=parse_date(birth)))


def test_a_date_of_birth_stays_at_the_edge(near: Neighbours) -> None:
    _eleven(near)
    near.take(TEAM, status(1, Kind.GEWIJZIGD, near.world.today))
    near.settle(3)
    edge = near[TEAM]
    assert born(edge.store, edge.client("C-1").id) == parse_date("2014-06-10")
    assert born(near[GP].store, near[GP].client("H-7").id) is None
    facts = [one.frame for one in run(edge.workplace.client.facts_after(0))]
    assert facts
    assert not any(b"2014-06-10" in frame for frame in facts)
    for file in near.folder.rglob("edge.sqlite*"):
        assert b"2014-06-10" not in file.read_bytes()
