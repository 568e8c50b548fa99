# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A day and a partner on a command line are read in one place, and refused in one sentence that says what to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.exits import Exit
from tests.deploy.conftest import Schakel

DAY = "is een dag die bestaat, geschreven als 2026-03-31."
PARTNER = "Deze partner staat niet in het adresboek; geef de naam of het adres zoals het daar staat."
HUB = (
    ("audit", "search", "--from"),
    ("audit", "search", "--until"),
    ("audit", "erase", "order.txt", "--reason", "mistake", "--from"),
    ("audit", "erase", "order.txt", "--reason", "mistake", "--until"),
    ("audit", "export", "out.jsonl", "--as", "ldv", "--from"),
    ("audit", "export", "out.jsonl", "--as", "ldv", "--until"),
)
EDGE = (
    ("edge", "retract", "--until", "2026-03-31", "--since"),
    ("edge", "retract", "--since", "2026-03-31", "--until"),
    ("edge", "rectify", "C-1", "1", "--day"),
    ("edge", "could-see", "C-1", "--at"),
    ("agreement", "make", "C-1", "--with", "Nergens", "--until"),
    ("grant", "make", "C-1", "--with", "Nergens", "--row", "1", "--source", "x", "--until"),
    ("grant", "answer", "1", "--yes", "--by", "J. Jansen", "--source", "x", "--until"),
)
PARTNER_OF = (
    ("edge", "retract", "C-1", "--from"),
    ("edge", "decide", "C-1", "--resume", "--for"),
    ("edge", "code", "print", "C-1", "--for"),
    ("edge", "inzage-limit", "C-1", "--ground", "avg-15-4", "--by", "J. Jansen", "--partner"),
    ("grant", "ways"),
    ("grant", "request", "C-1", "--row", "1", "--from"),
    ("grant", "object", "C-1", "--with"),
    ("grant", "object", "C-1", "--except"),
    ("agreement", "strike", "C-1", "--for"),
)


def _said(result_output: str) -> str:
    return " ".join(result_output.split())


@pytest.mark.parametrize("words", HUB, ids=lambda words: " ".join((*words[:2], words[-1])))
def test_a_command_of_the_log_says_in_dutch_what_a_day_is(kept: Path, schakel: Schakel, words: tuple[str, ...]) -> None:
    result = schakel(*words, "2026-02-30", "--config", kept / "hub")
    assert (result.exit_code, _said(result.output)) == (Exit.WRONG_USE, f"Error: {words[-1]} {DAY}")


@pytest.mark.parametrize("words", EDGE, ids=lambda words: " ".join((*words[:2], words[-1])))
def test_a_command_of_an_edge_says_in_dutch_what_a_day_is(kept: Path, schakel: Schakel, words: tuple[str, ...]) -> None:
    result = schakel(*words, "31-03-2026", "--config", kept / "team-wmo")
    assert (result.exit_code, _said(result.output)) == (Exit.WRONG_USE, f"Error: {words[-1]} {DAY}")


@pytest.mark.parametrize("words", PARTNER_OF, ids=lambda words: " ".join((*words[:2], words[-1])))
def test_a_partner_that_is_not_in_the_address_book_is_refused_in_dutch(
    kept: Path, schakel: Schakel, answer: Callable[..., Any], words: tuple[str, ...]
) -> None:
    team = kept / "team-wmo"
    client = str(answer("edge", "view", "--config", team)[0]["client"])
    said = (client if one == "C-1" else one for one in words)
    result = schakel(*said, "Dokter Onbekend", "--config", team)
    assert (result.exit_code, _said(result.output)) == (Exit.WRONG_USE, f"Error: {PARTNER}")
