# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.config import EdgeConfig
from deploy.exits import Exit
from schemas.settings import settings_of
from tests.deploy.conftest import Schakel

STRICT = 'name = "hub.nl"\noperator = "Org"\ncontrollers = ["Gemeente"]\nfg_contact = "fg@a.example"\n'


def test_a_file_in_order_is_said_to_be(schakel: Schakel, kept: Path) -> None:
    for place in ("hub", "team-wmo", "zorgaanbieder", "huisarts"):
        assert schakel("config", "check", kept / place).exit_code == Exit.DONE
    assert schakel("config", "check", kept / "huisarts" / "partners.toml").exit_code == Exit.DONE


def test_the_address_book_of_an_edge_is_checked_with_it(schakel: Schakel, kept: Path) -> None:
    place = kept / "huisarts"
    with (place / "partners.toml").open("a") as file:
        file.write('[[partner]]\naddress = "urn:nld:oin:00000001234567890009:gp"\nname = "X"\ngemeente = "9999"\n')
    result = schakel("config", "check", place, "--json")
    assert result.exit_code == Exit.REFUSED
    (fault,) = json.loads(result.stdout)["faults"]
    assert fault["path"].startswith("partners.toml/partner/")
    assert fault["path"].endswith("/gemeente")
    (place / "partners.toml").unlink()
    result = schakel("config", "check", place)
    assert result.exit_code == Exit.DONE
    assert "the edge does not start without one" in " ".join(result.output.split())


def test_every_fault_is_named_at_once_and_no_value(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('name = "NOT A NAME"\nstrikt = true\ncontrollers = "mine"\n')
    result = schakel("config", "check", tmp_path, "--json")
    assert result.exit_code == Exit.REFUSED
    faults = json.loads(result.stdout)["faults"]
    assert {"/strikt", "/name", "/controllers", "/operator", "/fg_contact"} <= {fault["path"] for fault in faults}
    assert "NOT A NAME" not in result.output


@pytest.mark.parametrize("text", ["x = ", "\xff", "a" * (1 << 20) + "= 1", "[[[", "name = 'x'\nname = 'x'"])
def test_a_file_that_is_no_toml_is_refused(schakel: Schakel, tmp_path: Path, text: str) -> None:
    (tmp_path / "edge.toml").write_text(text, encoding="latin-1")
    assert schakel("config", "check", tmp_path / "edge.toml").exit_code == Exit.REFUSED


@pytest.mark.parametrize("missing", ["operator", "controllers", "fg_contact"])
def test_a_strict_hub_names_its_people(schakel: Schakel, tmp_path: Path, missing: str) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(STRICT)
    assert schakel("config", "check", file).exit_code == Exit.DONE
    file.write_text("\n".join(line for line in STRICT.splitlines() if not line.startswith(missing)))
    result = schakel("config", "check", file)
    assert result.exit_code == Exit.REFUSED
    assert f"/{missing}" in result.output


def test_what_is_in_force_is_shown_with_its_meaning(answer: Callable[..., Any], kept: Path) -> None:
    shown = {one["name"]: one for one in answer("config", "show", kept / "team-wmo")}
    assert list(shown) == [one.name for one in settings_of(EdgeConfig)]
    assert shown["municipality_code"] | {"meaning": ""} == {
        "name": "municipality_code",
        "value": "9991",
        "set": True,
        "default": "-",
        "unit": "",
        "meaning": "",
    }
    assert shown["done_days"]["set"] is False


def test_the_table_for_people_says_what_is_set_and_what_is_default(schakel: Schakel, kept: Path) -> None:
    output = schakel("config", "show", kept / "huisarts").output
    assert "fhir-task" in output
    assert "default" in output


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("check",), ("check", "nowhere.toml"), ("check", "other.toml"), ("show", "partners.toml")],
)
def test_a_file_that_is_not_there_or_not_known_is_wrong_use(
    schakel: Schakel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.toml").write_text("")
    if "partners.toml" in arguments:
        (tmp_path / "partners.toml").write_text("")
    assert schakel("config", *arguments).exit_code == Exit.WRONG_USE


def test_a_file_with_another_name_is_checked_as_what_it_is_said_to_be(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(STRICT)
    assert schakel("config", "check", tmp_path / "other.toml", "--kind", "hub").exit_code == Exit.DONE
    assert schakel("config", "check", tmp_path / "other.toml", "--kind", "edge").exit_code == Exit.REFUSED


def test_commands_find_the_settings_in_the_folder_where_they_run(
    schakel: Schakel, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept / "hub")
    assert schakel("hub", "status").exit_code == Exit.DONE
    assert schakel("edge", "view").exit_code == Exit.WRONG_USE
    monkeypatch.chdir(kept / "huisarts")
    assert schakel("edge", "view").exit_code == Exit.DONE


def test_a_place_that_is_not_there_is_a_sentence_that_does_not_repeat_it(schakel: Schakel, tmp_path: Path) -> None:
    for command in (("hub", "status"), ("edge", "view")):
        result = schakel(*command, "--config", tmp_path / "jansen")
        assert result.exit_code == Exit.WRONG_USE
        assert "There is no such folder or file as --config says." in result.output
        assert "jansen" not in result.output


def test_the_title_of_a_narrow_table_stays_on_one_line(schakel: Schakel, tmp_path: Path) -> None:
    file = tmp_path / "a-folder-with-a-rather-long-name-for-so-few-settings" / "hub.toml"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    assert str(file)[-40:] in schakel("config", "check", file).output


def test_a_fault_in_the_settings_of_an_edge_names_the_file_it_is_in(schakel: Schakel, kept: Path) -> None:
    place = kept / "team-wmo"
    (place / "partners.toml").write_text("[[partner]]\nnaam = 'x'\n")
    assert "partners.toml/partner/0/naam: unknown setting" in schakel("edge", "view", "--config", place).output
    with (place / "edge.toml").open("a") as file:
        file.write("[kleur]\nrood = 1\n")
    assert "edge.toml/kleur: unknown setting" in schakel("edge", "view", "--config", place).output
