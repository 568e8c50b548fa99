# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge alarms`, `schakel edge seen` and `schakel audit compare`, as people use them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters import alarms
from adapters.alarms import Lie
from deploy.compose import machine_clock
from deploy.compose_edge import NoHub, load_settings, open_edge, store_key
from deploy.exits import Exit
from hub.audit.checkpoint import sign
from hub.config import load_hub_config
from schemas.note import Checkpoint
from tests.deploy.conftest import Schakel

Answer = Callable[..., Any]


def _seen(answer: Answer, kept: Path, name: str, *more: object) -> Path:
    file = kept / f"{name}.seen"
    answer("edge", "seen", "--out", file, "--config", kept / name, *more)
    return file


def _key(kept: Path) -> str:
    key = load_settings(kept / "team-wmo" / "edge.toml").config.hub_key
    assert key is not None
    return key


def _compare(schakel: Schakel, *arguments: object) -> tuple[int, Any]:
    result = schakel("audit", "compare", *arguments, "--json")
    return result.exit_code, json.loads(result.stdout) if result.stdout else None


def test_two_edges_that_saw_one_log_are_told_so(schakel: Schakel, answer: Answer, kept: Path) -> None:
    one = _seen(answer, kept, "team-wmo", "--with", "Zorg Thuis Voorbeeld")
    answer("edge", "work", "--config", kept / "team-wmo")
    (kept / "later").mkdir()
    answer("edge", "seen", "--out", kept / "later" / "x", "--config", kept / "team-wmo")
    later = kept / "later" / "x"
    code, told = _compare(schakel, one, one, "--key", _key(kept))
    assert (code, told["verdict"], told["reason"]) == (Exit.DONE, "same", "equal")
    code, told = _compare(schakel, one, later, "--through", kept / "team-wmo" / "edge.toml")
    assert (code, told["verdict"]) == (Exit.DONE, "same")
    copy = kept / "log.export"
    answer("audit", "verify", "--config", kept / "hub", "--export", copy)
    code, told = _compare(schakel, one, later, "--key", _key(kept), "--log", copy)
    assert (code, told["verdict"]) == (Exit.DONE, "same")


def test_a_fork_and_what_can_not_be_told_end_in_codes_of_their_own(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    one = _seen(answer, kept, "team-wmo")
    key = _key(kept)
    name = key.split("+")[0]
    _, told = _compare(schakel, one, one, "--key", key)
    (point, _) = told["checkpoints"]
    seed = bytes.fromhex(load_hub_config(kept / "hub" / "hub.toml").key_file.read_text(encoding="ascii").strip())
    forked = kept / "forked.seen"
    forked.write_text(sign(Checkpoint(point["origin"], point["size"], bytes(32)), name, seed), encoding="utf-8")
    code, told = _compare(schakel, one, forked, "--key", key)
    assert (code, told["reason"], told["proof_for_outsiders"]) == (Exit.FAILED, "two-roots", True)
    forked.write_text(sign(Checkpoint(point["origin"], point["size"] - 1, bytes(32)), name, seed), encoding="utf-8")
    code, told = _compare(schakel, one, forked, "--key", key)
    assert (code, told["verdict"], told["reason"]) == (Exit.UNDECIDED, "open", "needs-proof")
    code, told = _compare(schakel, one, forked, "--through", kept / "team-wmo" / "edge.toml")
    assert (code, told["reason"], told["proof_for_outsiders"]) == (Exit.FAILED, "no-proof", False)
    shown = schakel("audit", "compare", one, forked, "--key", key)
    assert "--log KOPIE" in " ".join(shown.output.split())


@pytest.mark.parametrize("text", ["", "schakel seen v1\n\nno note", "schakel seen v1\nmanifest x\n\n", "\N{SNOWMAN}"])
def test_a_file_that_is_none_is_refused(schakel: Schakel, kept: Path, text: str) -> None:
    file = kept / "x.seen"
    file.write_text(text, encoding="utf-8")
    assert schakel("audit", "compare", file, file, "--key", _key(kept)).exit_code == Exit.REFUSED
    file.write_bytes(b"\xff")
    assert schakel("audit", "compare", file, file, "--key", _key(kept)).exit_code == Exit.REFUSED


def test_comparing_needs_a_key_and_one_way_to_a_proof(schakel: Schakel, answer: Answer, kept: Path) -> None:
    one = _seen(answer, kept, "team-wmo")
    assert schakel("audit", "compare", one, one).exit_code == Exit.WRONG_USE
    both = ("--log", one, "--through", kept / "team-wmo" / "edge.toml")
    assert schakel("audit", "compare", one, one, *both).exit_code == Exit.WRONG_USE
    assert schakel("edge", "seen", "--out", one, "--config", kept / "team-wmo").exit_code == Exit.FAILED
    assert schakel("edge", "seen", "--with", "Niemand", "--config", kept / "team-wmo").exit_code == Exit.WRONG_USE


def test_what_an_edge_saw_is_printed_without_a_file(schakel: Schakel, answer: Answer, kept: Path) -> None:
    printed = schakel("edge", "seen", "--config", kept / "team-wmo").stdout
    assert printed == _seen(answer, kept, "team-wmo").read_text(encoding="utf-8")
    assert printed.startswith("schakel seen v1\nmanifest urn:nld:oin:")


def test_an_alarm_is_told_by_the_command_and_the_doctor_until_a_person_has_settled_it(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    team = kept / "team-wmo"
    assert answer("edge", "alarms", "--config", team) == []
    settings = load_settings(team / "edge.toml")
    with open_edge(settings, NoHub(), store_key(settings.config, os.environ)) as edge, edge.store.transaction() as tx:
        alarms.sound(tx, Lie.SWALLOWED_STOP, "stop 3", machine_clock())
    told = schakel("edge", "alarms", "--config", team, "--json")
    (alarm,) = json.loads(told.stdout)
    assert (told.exit_code, alarm["number"], alarm["lie"], alarm["times"]) == (Exit.FAILED, 1, "swallowed-stop", 1)
    findings = json.loads(schakel("edge", "doctor", "--config", team, "--json").stdout)["findings"]
    (honesty,) = [one for one in findings if one["subject"] == "honesty of the hub"]
    assert not honesty["well"]
    assert "--settle 1" in honesty["remedy"]
    assert schakel("edge", "alarms", "--settle", 2, "--config", team).exit_code == Exit.REFUSED
    assert schakel("edge", "alarms", "--settle", 1, "--follow-log", "--config", team).exit_code == Exit.WRONG_USE
    assert answer("edge", "alarms", "--settle", 1, "--config", team) == []
    assert schakel("edge", "alarms", "--follow-log", "--config", team).exit_code == Exit.DONE


def test_what_was_told_in_days_that_somebody_else_had_the_edge_is_called_back(
    schakel: Schakel, answer: Answer, kept: Path
) -> None:
    days = ("--since", "2020-01-01", "--until", "2099-12-31")
    for wrong in (
        ("--since", "2020-01-01"),
        (*days, "--number", 1),
        ("--since", "gisteren", "--until", "2099-12-31"),
        ("--since", "2099-12-31", "--until", "2020-01-01"),
        days,
    ):
        result = schakel("edge", "retract", *wrong, "--config", kept / "team-wmo", "--json")
        assert result.exit_code == Exit.WRONG_USE, wrong
    assert schakel("edge", "retract", "C-1", *days, "--config", kept / "team-wmo").exit_code == Exit.WRONG_USE
    assert answer("edge", "retract", *days, "--yes", "--config", kept / "team-wmo")["retracted"] > 0
    assert answer("edge", "retract", *days, "--yes", "--config", kept / "team-wmo")["retracted"] == 0
