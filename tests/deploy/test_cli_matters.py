# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge matters`, and `schakel grant make` on a declaration, as a professional uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters import matters
from adapters.matters import DEATH_TAKEN_BACK, END_UNNAMED
from deploy.exits import Exit
from tests.deploy.conftest import Schakel
from tests.deploy.test_cli_sources import TEAM, opened

Answer = Callable[..., Any]


@pytest.fixture
def config(kept: Path) -> Path:
    """At the team two matters ask for a person."""
    with opened(kept, TEAM) as edge:
        [first, *_] = edge.grants()
        with edge.workplace.commit("test") as tx:
            matters.ask(tx, edge.workplace, first.client, (END_UNNAMED, "wmo/beeindigd/20500"), [first.id])
            matters.ask(tx, edge.workplace, first.client, (DEATH_TAKEN_BACK, ""), [first.id])
    return kept / TEAM / "edge.toml"


def test_what_asks_for_a_person_is_shown_with_what_to_do_and_settled_by_name(
    schakel: Schakel, answer: Answer, config: Path
) -> None:
    found = answer("edge", "matters", "--config", config)
    assert [(one["number"], one["kind"]) for one in found] == [(1, END_UNNAMED), (2, DEATH_TAKEN_BACK)]
    assert found[0]["lines"][0]["recipient"]
    assert answer("edge", "outbox", "--config", config)["matters"] == 2
    assert "edge matters" in schakel("edge", "outbox", "--config", config).output
    shown = schakel("edge", "matters", "--config", config)
    assert (shown.exit_code, "Vraagt een mens" in shown.output, "99990" in shown.output) == (Exit.DONE, True, False)
    assert schakel("edge", "matters", "--done", 1, "--config", config).exit_code == Exit.WRONG_USE
    assert schakel("edge", "matters", "--done", 9, "--by", "N. Kijkt", "--config", config).exit_code == Exit.REFUSED
    assert schakel("edge", "matters", "--done", 1, "--by", " ", "--config", config).exit_code == Exit.REFUSED
    assert [
        one["number"] for one in answer("edge", "matters", "--done", 1, "--by", "N. Kijkt", "--config", config)
    ] == [2]
    answer("edge", "matters", "--done", 2, "--by", "N. Kijkt", "--config", config)
    assert "wacht niets op een mens" in schakel("edge", "matters", "--config", config).output


def test_options_of_a_declaration_without_saying_whose_are_wrong_use(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    team = ("--config", kept / TEAM)
    grant = answer("grant", "list", "--all", *team)[0]
    words = ("grant", "make", grant["client"], "--with", grant["recipient"], "--row", 1, "--source", "zaak-7")
    assert schakel(*words, "--adult", *team).exit_code == Exit.WRONG_USE
    assert schakel(*words, "--declared-by", "somebody", *team).exit_code == Exit.WRONG_USE
