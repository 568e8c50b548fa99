# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Asking to be told, and answering, at the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.exits import Exit
from tests.deploy.conftest import Schakel

Answer = Callable[..., Any]


def test_a_request_is_asked_listed_and_answered_by_name(schakel: Schakel, answer: Answer, kept: Path) -> None:
    team, provider = ("--config", kept / "team-wmo"), ("--config", kept / "zorgaanbieder")
    told = answer("grant", "list", *team)[0]
    answer("grant", "stop", told["id"], "--why", "closed", *team)  # the municipality tells the provider no more
    (ours,) = answer("grant", "list", "--all", *provider)
    assert ours["why"] == "de hulp is beëindigd"  # by itself, when the story was over
    name = ours["recipient"]
    answer("grant", "make", ours["client"], "--with", name, "--row", 2, "--source", "zaak-3", *provider)
    for place in (provider, team, provider):
        answer("edge", "work", *place)
    asked = answer("grant", "request", ours["client"], "--from", name, "--row", 1, *provider)
    assert asked["row"] == 1
    again = schakel("grant", "request", ours["client"], "--from", name, "--row", 1, *provider)
    assert (again.exit_code, "al gevraagd" in again.output) == (Exit.REFUSED, True)
    assert [one["row"] for one in answer("grant", "requests", *provider)["asked"]] == [1]
    for place in (provider, team, provider):
        answer("edge", "work", *place)
    (one,) = answer("grant", "requests", *team)["waiting"]
    both = schakel("grant", "answer", one["number"], "--yes", "--by", "N.", *team)
    assert both.exit_code == Exit.WRONG_USE
    words = ("--yes", "--by", "N. Antwoordt", "--source", "zaak-7")
    made = answer("grant", "answer", one["number"], *words, *team)
    assert (made["answer"], made["by_code"]) == ("yes", False)
    assert answer("grant", "requests", *team)["waiting"] == []
    gone = schakel("grant", "answer", one["number"], "--no", "--by", "N.", *team)
    assert (gone.exit_code, "geen verzoek" in gone.output) == (Exit.REFUSED, True)
