# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What only a person decides, from the command line: lines that wait, what asks in the outbox, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from consent.rules import national
from deploy.dutch import closed_by, who_is_asked

Schakel = Callable[..., Result]
Answer = Callable[..., Any]
PROVIDER = "Zorg Thuis Voorbeeld"


def _client(answer: Answer, team: Path) -> str:
    return str(answer("grant", "list", "--config", team)[0]["client"])


def test_a_stop_with_a_reason_leaves_a_refusal_that_a_person_lifts(answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    [grant] = answer("grant", "list", "--config", team)
    before = answer("grant", "refusals", grant["client"], "--config", team)
    answer("grant", "stop", grant["id"], "--why", "objected", "--config", team)
    after = answer("grant", "refusals", grant["client"], "--config", team)
    [new] = [one for one in after if one not in before]
    assert (new["partner"], new["direction"], new["kind"]) == (PROVIDER, "vertellen", "bezwaar van de cliënt")
    assert answer("grant", "lift", grant["client"], "--by", "N. Heft op", "--for", PROVIDER, "--config", team) == {
        "lifted": 0
    }
    [waits] = answer("grant", "objections", "--config", team)
    words = ("--outcome", "taken-back", "--by", "N. Beslist", "--reason", "de cliënt wil het weer", "--config", team)
    assert len(answer("grant", "decide-objection", waits["number"], *words)["made"]) == 1
    assert answer("grant", "refusals", grant["client"], "--config", team) == before


def test_nothing_is_decided_where_nothing_waits(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    client = _client(answer, team)
    result = schakel("edge", "decide", client, "--for", PROVIDER, "--resume", "--config", team)
    assert result.exit_code == 2
    assert "wacht niets op een besluit" in result.output


def test_a_decision_says_which_way(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    result = schakel("edge", "decide", _client(answer, team), "--for", PROVIDER, "--config", team)
    assert result.exit_code == 2
    assert "--resume of --end" in result.output


def test_what_asks_for_nobody_is_not_settled(schakel: Schakel, kept: Path) -> None:
    result = schakel("edge", "settle", 1, "--config", kept / "team-wmo")
    assert result.exit_code == 3
    assert "vraagt geen besluit" in result.output


def test_one_event_told_is_called_back_by_its_number_and_no_other(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    client = _client(answer, team)
    told = answer("edge", "told", client, "--config", team)
    first = next(one for one in told if one["state"] == "ontvangen")
    wrong = schakel("edge", "retract", client, "--number", 4711, "--yes", "--config", team)
    assert wrong.exit_code == 2
    done = answer("edge", "retract", client, "--number", first["number"], "--yes", "--config", team)
    assert done == {"retracted": 1}
    after = {one["number"]: one["state"] for one in answer("edge", "told", client, "--config", team)}
    before = {one["number"]: one["state"] for one in told}
    assert {number for number in after if after[number] != before[number]} == {first["number"]}
    assert after[first["number"]] == "ingetrokken"


# -- on which ground somebody may be told --------------------------------------------------------------------------


def test_a_person_sees_by_which_rows_a_partner_may_be_told_and_who_must_be_asked(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    team, practice = kept / "team-wmo", "Huisartsenpraktijk De Linde"
    assert answer("grant", "ways", practice, "--config", team) == {
        "open": [{"row": 5, "law": "wmo", "ground": "consent"}],
        "closed": [],
        "by_person": [7, 24],
    }
    shown = schakel("grant", "ways", practice, "--config", team).output
    assert "toestemming: de vertegenwoordiger (tot 12 jaar" in " ".join(shown.replace("│", " ").split())
    assert "ALLEEN IN TESTMODUS" in shown


def test_a_person_makes_a_grant_with_its_source_and_not_on_consent_or_for_longer_than_the_row(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    team = kept / "team-wmo"
    client = _client(answer, team)
    make = ("grant", "make", client, "--with", PROVIDER, "--row", "1", "--source", "zaak-7", "--config", team)
    assert schakel(*make, "--until", "2099-01-01").exit_code == 3
    assert schakel(*make, "--until", "soon").exit_code == 2
    made = answer(*make)
    assert (made["row"], made["ground"], made["by_code"]) == (1, "statutory", False)
    consent = schakel(
        *("grant", "make", client, "--with", "Huisartsenpraktijk De Linde", "--row", "5", "--source", "zaak-7"),
        *("--config", team),
    )
    assert consent.exit_code == 3
    assert "afspraak" in consent.output


def test_what_the_law_closes_is_said_as_such() -> None:
    rows = national(test_mode=True).rows
    assert closed_by(rows[19]) == "niemand: de wet laat het niet toe"
    assert closed_by(rows[23]).startswith("niemand: de wet is hiervoor nog niet gelezen")
    assert closed_by(rows[25]).endswith("niet in werking")
    assert who_is_asked(rows[18], "no-objection") == "de cliënt, om een schriftelijke verklaring van geen bezwaar"
    assert who_is_asked(rows[15], "statutory").startswith("niemand")
    assert "de ouders met gezag of de voogd (tot 12 jaar, minderjarig en wilsonbekwaam)" in who_is_asked(
        rows[9], "consent"
    )
    assert "nog niet uitgezocht" in who_is_asked(rows[20], "consent")
