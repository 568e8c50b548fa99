# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The papers at the command line, of the demo's hub and edge: complete, never over another file, and about nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent.rules import national
from deploy.exits import Exit
from deploy.published import DOCS, DUTCH, measured, residual_risks
from tests.deploy.conftest import Schakel

OF_HUB = ("dpia", "register-lines", "processor-agreement", "roles")
OF_EDGE = ("register-lines", "privacy-statement")
COMMANDS = [("hub", one, "hub") for one in OF_HUB] + [("edge", one, "team-wmo") for one in OF_EDGE]


@pytest.mark.parametrize(("kind", "name", "folder"), COMMANDS)
def test_a_paper_is_written_once_and_names_partners_and_rows(
    schakel: Schakel, answer: Callable[..., Any], kept: Path, tmp_path: Path, kind: str, name: str, folder: str
) -> None:
    out = tmp_path / "papers" / "paper.md"
    out.parent.mkdir()
    told = answer(kind, name, "--out", out, "--config", kept / folder)
    text = out.read_text(encoding="utf-8")
    assert told["partners"] >= 2
    assert told["rows"]
    assert set(told["rows"]) <= set(national(test_mode=True).rows)
    assert "laat uw jurist of FG dit lezen" in text
    again = schakel(kind, name, "--out", out, "--config", kept / folder)
    assert again.exit_code == Exit.FAILED
    assert out.read_text(encoding="utf-8") == text


def test_the_text_of_roles_has_its_picture_beside_it(answer: Callable[..., Any], kept: Path, tmp_path: Path) -> None:
    answer("hub", "roles", "--out", tmp_path / "rollen.md", "--config", kept / "hub")
    assert "(stromen.svg)" in (tmp_path / "rollen.md").read_text(encoding="utf-8")
    assert (tmp_path / "stromen.svg").read_text(encoding="utf-8").startswith("<svg")


def test_no_paper_has_anything_of_a_citizen(answer: Callable[..., Any], kept: Path, tmp_path: Path) -> None:
    number = str(answer("grant", "list", "--config", kept / "team-wmo")[0]["client"])
    whole = ""
    for at, (kind, name, folder) in enumerate(COMMANDS):
        out = tmp_path / str(at) / "paper.md"
        out.parent.mkdir()
        answer(kind, name, "--out", out, "--config", kept / folder)
        whole += out.read_text(encoding="utf-8")
    assert re.search(r"(?<![0-9])9999[0-9]{5}(?![0-9])", whole) is None
    assert number not in whole
    messages = b"".join(file.read_bytes() for file in sorted((kept / "team-wmo").rglob("*.xml")))
    names = set(re.findall(r"<[a-z]+:(?:Naam|Voornamen|Straatnaam)>([^<]{4,})<", messages.decode()))
    assert names
    assert [one for one in names if one in whole] == []


def test_the_dpia_repeats_the_measured_figures_and_every_residual_risk(
    answer: Callable[..., Any], kept: Path, tmp_path: Path
) -> None:
    answer("hub", "dpia", "--out", tmp_path / "dpia.md", "--config", kept / "hub")
    text = (tmp_path / "dpia.md").read_text(encoding="utf-8")
    assert measured() in text
    assert "alles, 2 werkdagen" in text
    assert len(residual_risks()) >= 10
    assert [one for one in residual_risks() if one not in text] == []


def test_every_residual_risk_is_repeated_in_dutch_or_as_it_stands() -> None:
    page = (DOCS / "threat-model.md").read_text(encoding="utf-8").partition("## Out of scope, and why\n")[2]
    bold = [one.rstrip(".") for one in re.findall(r"^- \*\*(.+?)\*\*", page, re.MULTILINE)]
    assert len(bold) == len(residual_risks())
    for name, said in zip(bold, residual_risks(), strict=True):
        assert said == DUTCH.get(name, said)
        assert name in DUTCH or name in said
    assert set(DUTCH) <= set(bold)  # none is left that the threat model no longer has


def test_an_edge_names_its_own_fg_where_it_was_set(answer: Callable[..., Any], kept: Path, tmp_path: Path) -> None:
    file = kept / "team-wmo" / "edge.toml"
    file.write_text('fg_contact = "fg@team.example"\n' + file.read_text())
    answer("edge", "privacy-statement", "--out", tmp_path / "p.md", "--config", kept / "team-wmo")
    assert "fg@team.example" in (tmp_path / "p.md").read_text(encoding="utf-8")
