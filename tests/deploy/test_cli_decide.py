# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What only a person decides, from the command line: lines that wait, what asks in the outbox, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

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
    assert answer("grant", "lift", grant["client"], "--for", PROVIDER, "--config", team) == {"lifted": 1}
    assert answer("grant", "refusals", grant["client"], "--config", team) == before


def test_nothing_is_decided_where_nothing_waits(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    client = _client(answer, team)
    result = schakel("edge", "decide", client, "--for", PROVIDER, "--resume", "--config", team)
    assert result.exit_code == 2
    assert "No line about this client waits" in result.output


def test_a_decision_says_which_way(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team = kept / "team-wmo"
    result = schakel("edge", "decide", _client(answer, team), "--for", PROVIDER, "--config", team)
    assert result.exit_code == 2
    assert "--resume or --end" in result.output


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
