# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Objections, decisions, exceptions and holds at the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.exits import Exit
from deploy.story.person import CITIZEN
from tests.deploy.conftest import Schakel

Answer = Callable[..., Any]


@pytest.fixture
def team(kept: Path) -> tuple[object, ...]:
    return ("--config", kept / "team-wmo")


@pytest.fixture
def client(answer: Answer, team: tuple[object, ...]) -> str:
    return str(answer("grant", "list", *team, "--all")[0]["client"])


@pytest.fixture
def partner(answer: Answer, team: tuple[object, ...]) -> str:
    """A partner that is told on a statutory task."""
    return str(next(one["recipient"] for one in answer("grant", "list", "--all", *team) if one["row"] == 1))


def test_an_objection_is_kept_decided_by_name_and_told_to_the_citizen(
    schakel: Schakel, answer: Answer, team: tuple[object, ...], client: str, partner: str
) -> None:
    made = answer("grant", "object", client, "--with", partner, *team)
    assert (made["effects"], made["left"], made["about"], made["hub_knows"]) == (["pause"], 14, partner, True)
    assert "U hoort dat uiterlijk" in made["text"]
    assert [one["number"] for one in answer("grant", "objections", *team)] == [made["number"]]
    number = made["number"]
    assert answer("grant", "lift", client, "--by", "N. Heft op", "--for", partner, *team) == {"lifted": 0}
    early = schakel("grant", "inform", number, "--by", "N. Vertelt", *team)
    assert (early.exit_code, "wacht nog op" in early.output) == (Exit.REFUSED, True)
    nobody = schakel("grant", "decide-objection", number, "--outcome", "upheld", "--by", " ", "--reason", "r", *team)
    assert (nobody.exit_code, "een naam en een reden" in nobody.output) == (Exit.REFUSED, True)
    words = ("--outcome", "upheld", "--by", "N. Beslist", "--reason", "het belang van de cliënt gaat voor")
    decided = answer("grant", "decide-objection", number, *words, *team)
    assert (decided["outcome"], decided["decided_by"], decided["made"]) == ("upheld", "N. Beslist", [])
    again = schakel("grant", "decide-objection", number, *words, *team)
    assert (again.exit_code, "wacht niet op een besluit" in again.output) == (Exit.REFUSED, True)
    assert answer("grant", "inform", number, "--by", "N. Vertelt", *team)["informed_on"] is not None
    assert answer("grant", "objections", *team) == []
    assert [one["outcome"] for one in answer("grant", "objections", client, *team)] == ["upheld"]
    assert answer("grant", "lift", client, "--by", "N. Heft op", "--for", partner, *team) == {"lifted": 1}


def test_who_looks_at_the_client_sees_that_there_is_an_objection(schakel: Schakel, answer: Answer, kept: Path) -> None:
    gp = ("--config", kept / "huisarts")
    before = schakel("edge", "view", CITIZEN.patient_number, *gp)
    assert "bezwaar" not in before.output
    made = answer("grant", "object", CITIZEN.patient_number, "--incoming", *gp)
    assert made["direction"] == "ontvangen"
    shown = schakel("edge", "view", CITIZEN.patient_number, *gp)
    assert "heeft bezwaar gemaakt" in shown.output
    assert CITIZEN.bsn not in shown.output
    assert all(one["objected"] for one in answer("edge", "view", CITIZEN.patient_number, *gp))


def test_all_but_one(answer: Answer, schakel: Schakel, team: tuple[object, ...], client: str, partner: str) -> None:
    answer("grant", "object", client, "--except", partner, *team)
    states = {one["recipient"]: one["state"] for one in answer("grant", "list", "--all", *team)}
    assert states[partner] in ("active", "stopped")
    kinds = [(one["partner"], one["kind"]) for one in answer("grant", "refusals", client, *team)]
    assert ("iedereen", "bezwaar van de cliënt") in kinds
    assert any(one[0] == partner and one[1].startswith("uitzondering") for one in kinds)
    both = schakel("grant", "object", client, "--with", partner, "--role", "gp", *team)
    assert both.exit_code == Exit.WRONG_USE
    assert answer("grant", "except", client, "--for", partner, "--row", 1, *team)["row"] == 1


def test_a_rule_that_is_not_between_them_is_refused(
    schakel: Schakel, team: tuple[object, ...], client: str, partner: str
) -> None:
    result = schakel("grant", "object", client, "--with", partner, "--row", 16, *team)
    assert result.exit_code == Exit.REFUSED
    assert "Deze regel gaat niet over ons" in result.output
    assert schakel("grant", "inform", 99, *team).exit_code == Exit.REFUSED


def test_hold_is_invisible_in_what_the_command_says_and_how_it_ends(
    schakel: Schakel, kept: Path, client: str, partner: str, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(kept, tmp_path / "other"))
    held = schakel("grant", "hold", client, "--for", partner, "--config", kept / "team-wmo")
    closed = schakel(
        "grant", "stop", _grant(schakel, other, partner), "--why", "closed", "--config", other / "team-wmo"
    )
    assert (held.exit_code, held.output) == (closed.exit_code, closed.output)
    for screen in (("grant", "list", "--all"), ("edge", "outbox"), ("edge", "view"), ("edge", "alarms")):
        one, another = (schakel(*screen, "--config", place / "team-wmo") for place in (kept, other))
        assert (one.exit_code, one.output) == (another.exit_code, another.output), screen


def _grant(schakel: Schakel, kept: Path, partner: str) -> str:
    found = json.loads(schakel("grant", "list", "--all", "--config", kept / "team-wmo", "--json").stdout)
    return str(next(one["id"] for one in found if one["recipient"] == partner))


def test_a_hold_is_lifted_by_a_word_of_its_own(answer: Answer, team: tuple[object, ...], client: str) -> None:
    answer("grant", "hold", client, *team)
    answer("grant", "lift", client, "--by", "N. Heft op", *team)
    assert [one["kind"] for one in answer("grant", "refusals", client, *team)] == ["tegengehouden"]
    assert answer("grant", "lift", client, "--by", "N. Heft op", "--hold", *team) == {"lifted": 1}


def test_objection_is_recorded_and_the_command_says_that_it_goes_on(
    answer: Answer, schakel: Schakel, team: tuple[object, ...], kept: Path, client: str
) -> None:
    book = kept / "team-wmo" / "partners.toml"
    house = "urn:nld:oin:00000001234567890099:zvh"
    book.write_text(book.read_text() + f'\n[[partner]]\naddress = "{house}"\nname = "Veiligheidshuis Voorbeeld"\n')
    made = answer("grant", "make", client, "--with", house, "--row", 122, "--source", "zaak-9", *team)
    stopped = answer("grant", "stop", made["id"], "--why", "objected", *team)
    assert stopped["stopped"] is False
    (kept_one,) = answer("grant", "objections", *team)
    assert (kept_one["effects"], kept_one["left"], kept_one["stand"]) == (
        ["record"],
        None,
        "vastgelegd; vertel het de cliënt",
    )
    text = answer("grant", "inform", kept_one["number"], *team)["text"]
    assert "Dat delen wij dus nog steeds" in text
    assert made["id"] in [one["id"] for one in answer("grant", "list", *team)]
    shown = schakel("grant", "object", client, "--with", house, *team)
    assert "gaat het delen door" in shown.output
