# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The commands for a citizen's rights, over what a demo of one case left."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.exits import Exit
from deploy.rights_texts import MAYBE
from deploy.story.person import CITIZEN
from deploy.viewer import account
from tests.deploy.conftest import Schakel

Answer = Callable[..., Any]


@pytest.fixture
def team(kept: Path) -> Path:
    return kept / "team-wmo"


@pytest.fixture
def number(team: Path, answer: Answer) -> str:
    return str(answer("edge", "view", "--config", team)[0]["client"])


def test_who_views_a_client_is_in_the_report_by_the_name_given_or_the_account(
    team: Path, number: str, schakel: Schakel, answer: Answer
) -> None:
    assert schakel("edge", "view", number, "--as", "J. Jansen", "--config", team).exit_code == Exit.DONE
    seen = answer("edge", "inzage", number, "--config", team)["seen"]
    assert [(one["by"], one["why"]) for one in seen] == [
        ("demo", "help"),  # the demo shows every view once
        (account(), "help"),
        ("J. Jansen", "help"),
        (account(), "report"),
    ]
    looks = answer("edge", "looks", number, "--config", team)
    assert {one["account"] for one in looks} == {account()}


def test_an_environment_can_not_make_the_account_another(
    team: Path, number: str, schakel: Schakel, answer: Answer
) -> None:
    other = {"LOGNAME": "iemand-anders", "USER": "iemand-anders", "USERNAME": "iemand-anders"}
    assert schakel("edge", "view", number, "--config", team, env=other).exit_code == Exit.DONE
    assert "iemand-anders" not in str(answer("edge", "looks", number, "--config", team))


def test_a_name_that_is_none_shows_nothing(team: Path, number: str, schakel: Schakel) -> None:
    result = schakel("edge", "view", number, "--as", " ", "--config", team)
    assert result.exit_code == Exit.REFUSED
    assert "gestart" not in result.output


def test_the_report_is_on_screen_and_in_a_file_of_its_owner_alone(
    team: Path, number: str, schakel: Schakel, tmp_path: Path
) -> None:
    file = tmp_path / "inzage.html"
    result = schakel("edge", "inzage", number, "--html", file, "--config", team)
    assert result.exit_code == Exit.DONE, result.output
    html = file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert MAYBE in html
    for text in (html, result.output):
        assert "Wat anderen ons over u vertelden" in text
        assert CITIZEN.bsn not in text
        assert CITIZEN.family_name not in text
    before = file.read_bytes()
    assert schakel("edge", "inzage", number, "--html", file, "--config", team).exit_code == Exit.WRONG_USE
    assert file.read_bytes() == before


def test_a_report_that_can_not_be_written_is_no_look(
    team: Path, number: str, schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    before = answer("edge", "looks", number, "--config", team)
    file = tmp_path / "overzicht.html"
    file.write_text("of somebody else")
    assert schakel("edge", "inzage", number, "--html", file, "--config", team).exit_code == Exit.WRONG_USE
    assert answer("edge", "looks", number, "--config", team) == before
    assert file.read_text() == "of somebody else"


def test_what_a_rule_is_for_is_said_in_words(team: Path, number: str, schakel: Schakel, tmp_path: Path) -> None:
    file = tmp_path / "overzicht.html"
    assert schakel("edge", "inzage", number, "--html", file, "--config", team).exit_code == Exit.DONE
    assert "levering van de voorziening (Wmo 2015)" in file.read_text(encoding="utf-8")


def test_where_nobody_must_be_told_no_letter_is_written(
    team: Path, number: str, schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    answer("edge", "notices", number, "--done", "--by", "J. Jansen", "--config", team)
    file = tmp_path / "brieven.html"
    result = schakel("edge", "notices", number, "--html", file, "--config", team)
    assert result.exit_code == Exit.FAILED
    assert "geen brief te schrijven" in result.output
    assert not file.exists()


def test_a_decision_is_taken_listed_and_ended_by_name(
    team: Path, number: str, schakel: Schakel, answer: Answer
) -> None:
    whole = answer("edge", "inzage", number, "--config", team)
    (mark, *_) = [one["mark"] for one in answer("edge", "received", number, "--config", team)]
    limit = ("edge", "inzage-limit", number, "--ground", "wmo-5.3.2-4", "--by", "A. de Vries", "--config", team)
    made = answer(*limit, "--received", mark)
    less = answer("edge", "inzage", number, "--config", team)
    assert len(less["received"]) == len(whole["received"]) - 1
    assert less["remark"] == whole["remark"] == MAYBE
    (listed,) = answer("edge", "inzage-limits", number, "--config", team)
    assert (listed["id"], listed["by"]) == (made["decision"], "A. de Vries")
    ending = ("edge", "inzage-limits", number, "--config", team, "--end", made["decision"])
    assert schakel(*ending).exit_code == Exit.WRONG_USE
    assert answer(*ending, "--by", "B. Bakker")[0]["ended_by"] == "B. Bakker"
    assert answer("edge", "inzage", number, "--config", team)["received"] == whole["received"]


def test_a_decision_about_what_is_not_there_is_wrong_use(team: Path, number: str, schakel: Schakel) -> None:
    limit = ("edge", "inzage-limit", number, "--ground", "avg-15-4", "--by", "A. de Vries", "--config", team)
    for wrong in (
        ("--received", "00" * 16),
        ("--number", 9999),
        ("--partner", "Niemand"),
        ("--number", 2, "--partner", "x"),
    ):
        assert schakel(*limit, *wrong).exit_code == Exit.WRONG_USE
    assert schakel(*limit, "--ground", "wob-10").exit_code == Exit.WRONG_USE
    unread = schakel(*limit)
    assert unread.exit_code == Exit.DONE
    assert "laat een jurist kijken" in schakel("edge", "inzage-limits", number, "--config", team).output


def test_who_must_be_told_is_listed_with_the_letter_and_marked_when_done(
    team: Path, number: str, schakel: Schakel, answer: Answer, tmp_path: Path
) -> None:
    (due,) = answer("edge", "notices", "--config", team)["letters"]
    assert due["client"] == number
    assert due["state"] == "due"
    file = tmp_path / "brieven.html"
    shown = schakel("edge", "notices", number, "--html", file, "--config", team)
    assert "Wij hoorden iets over u" in shown.output
    assert due["sender_name"] in file.read_text(encoding="utf-8")
    assert schakel("edge", "notices", number, "--done", "--config", team).exit_code == Exit.WRONG_USE
    assert answer("edge", "notices", number, "--done", "--by", "J. Jansen", "--config", team) == {"marked": 1}
    assert answer("edge", "notices", "--config", team)["letters"] == []
    done = [
        one for one in answer("edge", "notices", "--all", "--config", team)["letters"] if one["state"] == "informed"
    ]
    assert [one["by"] for one in done] == ["J. Jansen"]


def test_what_was_told_wrongly_is_put_right(team: Path, number: str, schakel: Schakel, answer: Answer) -> None:
    told = answer("edge", "told", number, "--config", team)
    (first, *_) = [one for one in told if one["state"] == "ontvangen" and one["kind"] != "inhoud vernietigd"]
    rectify = ("edge", "rectify", number, first["number"], "--config", team)
    assert schakel(*rectify).exit_code == Exit.REFUSED
    assert schakel(*rectify, "--day", "31-03-2026").exit_code == Exit.WRONG_USE
    done = answer(*rectify, "--kind", "gewijzigd")
    assert first["recipient"] in [*done["told_again"], *done["only_called_back"]]
    after = {one["number"]: one["state"] for one in answer("edge", "told", number, "--config", team)}
    assert after[first["number"]] == "ingetrokken"


def test_erasing_asks_first_and_names_who_decides(team: Path, number: str, schakel: Schakel, answer: Answer) -> None:
    erase = ("edge", "erase-client", number, "--config", team)
    assert schakel(*erase, "--yes").exit_code == Exit.WRONG_USE
    assert schakel(*erase, "--by", "A. de Vries", typed="n\n").exit_code == Exit.WRONG_USE
    refused = schakel(*erase, "--by", "A. de Vries", "--yes")
    assert refused.exit_code == Exit.REFUSED
    assert "wettelijke taak" in refused.output
    assert answer("edge", "view", number, "--config", team)
    done = answer(*erase, "--by", "A. de Vries", "--yes", "--tasks-are-over")
    assert done["destroyed"] > 0
    assert answer("edge", "view", "--config", team) == []


def test_an_incident_is_told_between_two_times(team: Path, schakel: Schakel, answer: Answer, tmp_path: Path) -> None:
    file = tmp_path / "lek.html"
    asked = ("edge", "incident", "--from", "2000-01-01", "--to", "2199-12-31", "--config", team)
    found = answer(*asked)
    assert len(found["persons"]) == 1
    assert len(found["partners"]) == 2
    assert CITIZEN.bsn not in str(found)
    shown = schakel(*asked, "--html", file)
    assert "72 uur" in shown.output
    assert "schakel edge retract --since 2000-01-01 --until 2199-12-31" in file.read_text(encoding="utf-8")
    nothing = answer("edge", "incident", "--from", "2000-01-01T00:00", "--to", "2000-01-01T00:05", "--config", team)
    assert nothing["passed"] == []
    assert nothing["persons"] == []


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("gisteren", "2026-01-01"),
        ("2026-02-30", "2026-03-01"),
        ("2026-01-02", "2026-01-01"),
        ("2026-1-2", "2026-03-01"),
    ],
)
def test_a_time_that_is_none_is_wrong_use(team: Path, schakel: Schakel, first: str, last: str) -> None:
    assert schakel("edge", "incident", "--from", first, "--to", last, "--config", team).exit_code == Exit.WRONG_USE


def test_the_hour_that_a_clock_lives_twice_is_in_it_whole(team: Path, answer: Answer) -> None:
    found = answer("edge", "incident", "--from", "2026-10-25T02:30", "--to", "2026-10-25T02:30", "--config", team)
    assert found["from"] == "2026-10-25T02:30:00.000+02:00"
    assert found["to"] == "2026-10-25T02:30:59.999+01:00"
