# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel agreement` at the command line: one conversation, one partner struck out, the receipt, and what is due."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.compose import machine_clock
from deploy.exits import Exit
from deploy.story.person import CITIZEN
from schemas.calendar import date_text, day_of
from tests.deploy.conftest import Schakel

GP = "Huisartsenpraktijk De Linde"
CARE = "Zorg Thuis Voorbeeld"
CHILD_BSN = "999900171"


@pytest.fixture
def team(kept: Path) -> tuple[str, Path]:
    return "--config", kept / "team-wmo"


@pytest.fixture
def client(answer: Callable[..., Any], team: tuple[str, Path]) -> str:
    """The number of the citizen at the team."""
    return str(answer("grant", "list", *team)[0]["client"])


@pytest.fixture
def child(schakel: Schakel, team: tuple[str, Path], tmp_path: Path) -> str:
    """A client who turns twelve in twenty days."""
    born = _years_ago(12, 20)
    file = tmp_path / "clients.csv"
    file.write_text(f"clientnummer;bsn;taak;geboortedatum\nK-1;{CHILD_BSN};wmo;{born}\nK-2;;;\n", encoding="utf-8")
    result = schakel("edge", "clients", "import", file, *team)
    assert result.exit_code == Exit.DONE, result.output
    return "K-1"


def _today() -> int:
    return day_of(machine_clock())


def _years_ago(years: int, plus_days: int) -> str:
    year, month, number = date_text(_today() + plus_days).split("-")
    number = min(int(number), 28)
    return f"{int(year) - years}-{month}-{number:02d}"


def _answers(tmp_path: Path, **answers: object) -> Path:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({key.rstrip("_"): value for key, value in answers.items()}), encoding="utf-8")
    return file


def _states(answer: Callable[..., Any], client: str, team: tuple[str, Path]) -> list[str]:
    return [one["state"] for one in answer("agreement", "show", client, *team)]


# -- the conversation ------------------------------------------------------------------------------------------------


def test_a_conversation_asks_reads_out_the_text_and_makes_the_agreement(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str
) -> None:
    typed = f"ja\n{GP}; {CARE}\nmisschien\ncliënt\nzo lang als mag\n"
    result = schakel("agreement", "talk", client, *team, typed=typed)
    assert result.exit_code == Exit.DONE, result.output
    assert "geboortedatum" not in result.output  # it is known, and is not shown
    assert CITIZEN.born not in result.output
    assert "U mag nee zeggen. De hulp gaat dan gewoon door." in result.output
    assert "Kies uit: " in result.output
    assert f"Nog te regelen: {CARE} kunnen wij niet inlichten" in result.output
    assert "Stopcode: " in result.output
    assert _states(answer, client, team) == ["withdrawn", "given"]


def test_a_conversation_says_how_the_yes_was_given(schakel: Schakel, team: tuple[str, Path], client: str) -> None:
    typed = f"ja\n{GP}\ncliënt\nzo lang als mag\n"
    result = schakel("agreement", "talk", client, "--manner", "in-writing", *team, typed=typed)
    assert result.exit_code == Exit.DONE, result.output
    assert "op papier" in schakel("edge", "inzage", client, *team).output


def test_a_conversation_can_be_a_file_and_gives_the_papers(
    answer: Callable[..., Any], schakel: Schakel, team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = _answers(tmp_path, capable=True, with_=[GP], yes=["client"], until=date_text(_today() + 30))
    html, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    talk = ("agreement", "talk", client, "--answers", file, "--html", html, "--pdf", pdf, *team)
    made = answer(*talk)
    assert made["made"][0]["end"] == date_text(_today() + 30)
    assert made["written"] == ["html", "pdf"]
    assert made["made"][0]["stop_code"] in html.read_text(encoding="utf-8")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert html.stat().st_mode & 0o077 == 0
    for paper in (html.read_text(encoding="utf-8"), made["receipt"]):
        assert CITIZEN.bsn not in paper
        assert CITIZEN.born not in paper
        assert client not in paper
    again = schakel("agreement", "receipt", client, "--html", html, *team)
    assert again.exit_code == Exit.FAILED
    assert "wordt niet overschreven" in again.output


def test_a_file_that_lacks_an_answer_is_wrong_use_and_makes_nothing(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    before = _states(answer, client, team)
    result = schakel("agreement", "talk", client, "--answers", _answers(tmp_path, capable=True, with_=[GP]), *team)
    assert result.exit_code == Exit.WRONG_USE
    assert "`yes`" in result.output
    wrong = schakel("agreement", "talk", client, "--answers", _answers(tmp_path, capable="ja"), *team)
    assert wrong.exit_code == Exit.REFUSED
    assert _states(answer, client, team) == before


def test_a_partner_that_is_struck_out_before_gets_nothing(
    answer: Callable[..., Any], team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = _answers(tmp_path, capable=True, with_=[GP], yes=["client"], until="longest")
    made = answer("agreement", "talk", client, "--answers", file, "--strike", GP, *team)
    assert (made["made"], made["objected"]) == ([], [])
    assert _states(answer, client, team) == ["withdrawn"]


def test_an_objection_in_the_conversation_stands_until_a_person_lifts_it(
    answer: Callable[..., Any], schakel: Schakel, team: tuple[str, Path], client: str, tmp_path: Path
) -> None:
    file = _answers(tmp_path, capable=True, with_=[GP], yes=[], no=["client"], until="longest")
    made = answer("agreement", "talk", client, "--answers", file, *team)
    assert (made["made"], made["objected"]) == ([], [GP])
    assert "bezwaar van de cliënt" in [one["kind"] for one in answer("grant", "refusals", client, *team)]
    refused = schakel("agreement", "make", client, "--with", GP, *team)
    assert refused.exit_code == Exit.REFUSED
    assert "hef die eerst op" in refused.output


def test_renewing_asks_about_the_partners_of_now(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str
) -> None:
    answer("agreement", "make", client, "--with", GP, "--until", date_text(_today() + 10), *team)
    assert [one["partner"] for one in answer("agreement", "due", *team)] == [GP]
    typed = "ja\ncliënt\nzo lang als mag\n"
    result = schakel("agreement", "talk", client, "--renew", *team, typed=typed)
    assert result.exit_code == Exit.DONE, result.output
    assert answer("agreement", "due", *team) == []


def test_what_is_due_comes_with_a_proposal_that_a_person_confirms_and_only_the_yes_is_said_anew(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str
) -> None:
    answer("agreement", "make", client, "--with", GP, "--until", date_text(_today() + 10), *team)
    [due] = answer("agreement", "due", *team)
    proposal = due["proposal"]
    assert proposal["command"] == f"schakel agreement talk {client} --renew"
    assert proposal["from"] == date_text(_today())
    assert proposal["answers"] == {"with": [GP], "until": "longest", "capable": True}
    shown = schakel("agreement", "due", *team).output
    assert "Voorstel" in shown
    assert "wie ja zegt, vraagt u opnieuw" in " ".join(shown.split())
    nobody = schakel("agreement", "talk", client, "--renew", *team, typed="\n\n")
    assert nobody.exit_code != Exit.DONE  # a yes is not offered: Enter alone is none
    assert len(answer("agreement", "due", *team)) == 1
    result = schakel("agreement", "talk", client, "--renew", *team, typed="\ncliënt\n\n")
    assert result.exit_code == Exit.DONE, result.output
    assert "Vorige keer: ja" in result.output
    assert "Vorige keer: zo lang" not in result.output  # it was for ten days
    assert "Voorstel: zo lang als mag" in result.output
    assert answer("agreement", "due", *team) == []


def test_a_conversation_that_renews_nothing_is_offered_no_answer(
    schakel: Schakel, team: tuple[str, Path], client: str
) -> None:
    result = schakel("agreement", "talk", client, "--with", GP, *team, typed="ja\ncliënt\nzo lang als mag\n")
    assert result.exit_code == Exit.DONE, result.output
    assert "Vorige keer" not in result.output


# -- whose word ------------------------------------------------------------------------------------------------------


def test_nothing_is_made_for_a_child_without_the_parents_and_it_is_due_before_its_birthday(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], child: str
) -> None:
    alone = schakel("agreement", "make", child, "--with", GP, "--authority", "parent", *team)
    assert alone.exit_code == Exit.REFUSED
    assert "ontbreekt de toestemming van een ouder met gezag" in alone.output
    by_parent = ("--authority", "parent", "--given-by", "parent")
    made = answer("agreement", "make", child, "--with", GP, *by_parent, *team)["made"][0]
    assert made["by_age"] is True
    assert made["end"] < date_text(_today() + 31)
    [due] = answer("agreement", "due", *team)
    assert (due["client"], due["why"], due["ask"]) == (child, "age", ["client", "parent"])
    assert "leeftijd" in schakel("agreement", "due", *team).output


def test_without_an_age_nothing_is_made_and_it_can_be_typed_or_said(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], child: str, tmp_path: Path
) -> None:
    assert child
    file = tmp_path / "more.csv"
    file.write_text("clientnummer;bsn;taak\nV-1;999900158;\nV-2;999990019;\n", encoding="utf-8")
    assert schakel("edge", "clients", "import", file, *team).exit_code == Exit.DONE
    make = ("agreement", "make", "V-1", "--with", GP, *team)
    nobody = schakel(*make)
    assert nobody.exit_code == Exit.REFUSED
    assert "geen geboortedatum bekend" in nobody.output
    assert schakel(*make, "--born", typed="elf jaar\n").exit_code == Exit.WRONG_USE
    assert schakel(*make, "--born", typed="2099-01-01\n").exit_code == Exit.REFUSED
    assert schakel(*make, "--born", typed="1950-02-01\n").exit_code == Exit.DONE
    assert answer("agreement", "make", "V-2", "--with", GP, "--adult", *team)["made"]


def test_a_representative_gives_it_for_who_can_not_decide(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str
) -> None:
    make = ("agreement", "make", client, "--with", GP, "--manner", "in-writing")
    assert schakel(*make, "--given-by", "mentor", *team).exit_code == Exit.REFUSED
    made = answer(*make, "--incapable", "--authority", "mentor", "--given-by", "mentor", *team)
    assert made["made"][0]["by"] == ["mentor"]


# -- afterwards ------------------------------------------------------------------------------------------------------


def test_a_partner_is_struck_out_later_and_the_receipt_says_so(
    schakel: Schakel, answer: Callable[..., Any], team: tuple[str, Path], client: str
) -> None:
    answer("agreement", "make", client, "--with", GP, *team)
    struck = answer("agreement", "strike", client, "--for", GP, *team)
    assert (struck["struck"], struck["hub_knows"]) == ([GP], True)
    assert f"{GP}: er is nee gezegd" in answer("agreement", "receipt", client, *team)["receipt"]
    assert schakel("agreement", "strike", client, "--all", *team).exit_code == Exit.REFUSED
    assert schakel("agreement", "strike", client, *team).exit_code == Exit.WRONG_USE
    assert schakel("agreement", "strike", client, "--all", "--for", GP, *team).exit_code == Exit.WRONG_USE


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("clientnummer;bsn;taak;geboortedatum\nP1;;;2013-02-30\n", "Line 2, geboortedatum: no such day"),
        ("clientnummer;bsn;taak;geboortedatum\nP1;;;1-2-2013\n", "Line 2, geboortedatum: not a date of the form"),
        ("clientnummer;bsn;taak;geboortedatum\nP1;;\n", "Line 2 has 3 columns instead of 4"),
        ("clientnummer;bsn;taak;naam\nP1;;;x\n", "must be the header"),
        ("clientnummer;bsn;taak;geboortedatum\nP1;;;2099-01-01\n", "eboortedatum kan niet"),
    ],
)
def test_a_list_with_a_date_of_birth_that_can_not_be_is_refused_and_not_repeated(
    schakel: Schakel, team: tuple[str, Path], tmp_path: Path, content: str, says: str
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(content, encoding="utf-8")
    result = schakel("edge", "clients", "import", file, *team)
    assert result.exit_code == Exit.REFUSED
    assert says in " ".join(result.output.split())
    assert "2013" not in result.output
    assert "2099" not in result.output
