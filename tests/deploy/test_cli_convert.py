# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.formats import READERS
from deploy.exits import Exit
from deploy.story import messages
from deploy.story.person import CITIZEN
from tests.deploy.conftest import Schakel

VECTORS = Path(__file__).parents[1] / "vectors"
GOOD = VECTORS / "iwmo" / "valid" / "305_gestart.xml"
ALLOCATION = VECTORS / "iwmo" / "valid" / "301_toegewezen.xml"
BAD = VECTORS / "iwmo" / "hostile" / "bsn_elfproef.xml"
BSN = "999900006"
TYPE = f"{messages.STATUS_TYPE}=gewijzigd,wmo"


def test_a_message_becomes_events_without_hub_edge_or_key(schakel: Schakel) -> None:
    result = schakel("convert", "--from", "iwmo", GOOD, "--json")
    assert result.exit_code == Exit.DONE
    (file,) = json.loads(result.stdout)
    (event,) = file["events"]
    assert (event["kind"], event["day"], event["law"]) == ("gestart", "2026-03-03", "wmo")


@pytest.mark.parametrize("more", [(), ("--json",), ("--to", "csv"), ("--to", "fhir-task"), ("--to", "csv", "--json")])
def test_the_citizen_is_masked_unless_asked(schakel: Schakel, more: tuple[str, ...]) -> None:
    masked = schakel("convert", "--from", "iwmo", ALLOCATION, *more)
    shown = schakel("convert", "--from", "iwmo", ALLOCATION, "--show-citizen", *more)
    assert (masked.exit_code, shown.exit_code) == (Exit.DONE, Exit.DONE)
    assert all(value not in masked.output for value in (BSN, "410001", "Zandlopersma"))
    assert BSN in shown.output


@pytest.mark.parametrize("more", [(), ("--json",), ("--to", "csv")])
def test_a_message_that_is_not_in_order_gives_its_report_and_the_others_go_on(
    schakel: Schakel, more: tuple[str, ...]
) -> None:
    result = schakel("convert", "--from", "iwmo", BAD, GOOD, *more)
    assert result.exit_code == Exit.REFUSED
    assert "eleven-test" in result.output
    assert "gestart" in result.output


@pytest.mark.parametrize("path", sorted((VECTORS / "iwmo" / "hostile").glob("*.xml")), ids=lambda path: path.stem)
def test_no_hostile_message_gets_further_than_its_report(schakel: Schakel, path: Path) -> None:
    result = schakel("convert", "--from", "iwmo", path, "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout)[0]["problem"]["gelezen"] is False


def test_a_cloudevent_means_what_the_command_line_says(schakel: Schakel, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_bytes(messages.status(CITIZEN, messages.STATUS_TYPE, 1, 20_500))
    assert "unknown-type" in schakel("convert", "--from", "cloudevents", file).output
    result = schakel("convert", "--from", "cloudevents", "--type", TYPE, file, "--json")
    assert json.loads(result.stdout)[0]["events"][0]["kind"] == "gewijzigd"


@pytest.mark.parametrize("meaning", ["gewijzigd,wmo", "x=gewijzigd", "x=niets,wmo", "x=gewijzigd,awbz", "x="])
def test_a_meaning_that_is_none_is_wrong_use(schakel: Schakel, meaning: str) -> None:
    result = schakel("convert", "--from", "cloudevents", "--type", meaning, GOOD)
    assert (meaning != "gewijzigd,wmo") == (result.exit_code == Exit.WRONG_USE) or result.exit_code == Exit.REFUSED


def test_an_edge_says_what_its_types_mean(schakel: Schakel, kept: Path, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_bytes(messages.status(CITIZEN, messages.REVIEW_TYPE, 1, 20_500))
    result = schakel("convert", "--from", "cloudevents", "--config", kept / "team-wmo" / "edge.toml", file, "--json")
    assert json.loads(result.stdout)[0]["events"][0]["kind"] == "in-onderzoek"


@pytest.mark.parametrize("source", sorted(READERS))
def test_an_empty_folder_is_told_and_refused(schakel: Schakel, tmp_path: Path, source: str) -> None:
    result = schakel("convert", "--from", source, tmp_path)
    assert result.exit_code == Exit.REFUSED
    assert "no file in this folder" in result.output


def test_a_folder_stands_for_its_files(schakel: Schakel) -> None:
    result = schakel("convert", "--from", "iwmo", VECTORS / "iwmo" / "valid", "--json")
    assert result.exit_code == Exit.DONE
    assert len(json.loads(result.stdout)) == len(list((VECTORS / "iwmo" / "valid").iterdir()))


def test_an_empty_file_and_a_huge_one_are_refused(schakel: Schakel, tmp_path: Path) -> None:
    empty, huge = tmp_path / "empty.xml", tmp_path / "huge.xml"
    empty.touch()
    huge.write_bytes(b"<" * (1 << 21))
    result = schakel("convert", "--from", "iwmo", empty, huge, "--json")
    assert result.exit_code == Exit.REFUSED
    first, second = (file["problem"]["fouten"][0]["fout"] for file in json.loads(result.stdout))
    assert (first, second) == ("not-well-formed", "too-large")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "edifact", GOOD), "is not one of"),
        (("--from", "iwmo", "--to", "iwmo", GOOD), "is not one of"),
        (("--from", "iwmo", "nowhere.xml"), "does not exist"),
        (("--from", "iwmo"), "Missing argument"),
        ((GOOD,), "Missing option '--from'"),
    ],
)
def test_wrong_use_is_told(schakel: Schakel, arguments: tuple[object, ...], words: str) -> None:
    result = schakel("convert", *arguments)
    assert result.exit_code == Exit.WRONG_USE
    assert words in result.output
