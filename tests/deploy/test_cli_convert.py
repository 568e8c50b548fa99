# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.formats import READERS
from deploy.exits import Exit
from deploy.story import messages
from deploy.story.person import CITIZEN
from tests.deploy.conftest import Schakel
from tests.deploy.terminal import all_written

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


def test_what_is_no_file_in_a_folder_is_passed_over_and_said(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(GOOD.read_bytes())
    (tmp_path / "b.xml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "c.xml")
    (tmp_path / "folder").mkdir()
    result = schakel("convert", "--json", tmp_path)
    assert [one["file"] for one in json.loads(result.stdout)] == ["a.xml"]
    assert "Passed over in" in result.stderr
    assert ": 1 folder(s), 2 no file but a pipe" in result.stderr


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
    ],
)
def test_wrong_use_is_told(schakel: Schakel, arguments: tuple[object, ...], words: str) -> None:
    result = schakel("convert", *arguments)
    assert result.exit_code == Exit.WRONG_USE
    assert words in result.output


IJW = VECTORS / "ijw" / "valid" / "307_volgens_plan.xml"


def test_each_file_is_recognised_by_its_content_whatever_its_name(schakel: Schakel, tmp_path: Path) -> None:
    mixed = tmp_path / "in"
    mixed.mkdir()
    (mixed / "iwmo.json").write_bytes(IJW.read_bytes())
    (mixed / "ijw.txt").write_bytes(GOOD.read_bytes())
    (mixed / "x.xml").write_bytes(messages.status(CITIZEN, messages.STATUS_TYPE, 1, 20_500))
    result = schakel("convert", "--type", TYPE, mixed, "--json")
    assert result.exit_code == Exit.DONE
    found = {file["file"]: (file["format"], file["events"][0]["law"]) for file in json.loads(result.stdout)}
    assert found == {
        "iwmo.json": ("ijw", "jeugdwet"),
        "ijw.txt": ("iwmo", "wmo"),
        "x.xml": ("cloudevents", "wmo"),
    }


def test_many_files_end_in_a_table_of_what_was_read_refused_and_why(schakel: Schakel, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.xml"
    nonsense.write_bytes(b"<html/>")
    result = schakel("convert", GOOD, BAD, nonsense, VECTORS / "ijw" / "valid")
    assert result.exit_code == Exit.REFUSED
    summary = result.output.partition("All files")[2]
    count = len(list((VECTORS / "ijw" / "valid").iterdir()))
    assert f"{count + 1} message(s) read, 2 refused" in summary
    assert "eleven-test" in summary
    assert "a web page" in summary
    assert all(path.name in summary for path in (VECTORS / "ijw" / "valid").iterdir())
    # Of so many files only the refused ones are shown in full.
    assert "305_gestart.xml (ijw)" not in result.output
    assert "bsn_elfproef.xml (iwmo)" in result.output


def test_a_file_of_no_format_and_the_one_given_say_so(schakel: Schakel, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.xml"
    nonsense.write_bytes(b"<html/>")
    (auto,) = json.loads(schakel("convert", nonsense, "--json").stdout)
    (given,) = json.loads(schakel("convert", "--from", "ijw", nonsense, "--json").stdout)
    assert (auto["format"], given["format"]) == ("?", "ijw")
    assert auto["problem"]["fouten"][0]["fout"] == given["problem"]["fouten"][0]["fout"] == "vocabulary"


def test_standard_input_is_read_like_a_file(schakel: Schakel) -> None:
    result = schakel("convert", "-", "--json", typed=IJW.read_text("utf-8"))
    assert result.exit_code == Exit.DONE
    (file,) = json.loads(result.stdout)
    assert (file["file"], file["format"]) == ("(standard input)", "ijw")
    assert [event["ending"] for event in file["events"]] == ["volgens-plan"]


def test_explain_says_per_field_what_it_is_for_or_why_it_stays_behind(schakel: Schakel) -> None:
    shown = schakel("convert", "--explain", ALLOCATION)
    assert shown.exit_code == Exit.DONE
    assert all(value not in shown.output for value in (BSN, "410001", "Zandlopersma"))
    (file,) = json.loads(schakel("convert", "--explain", ALLOCATION, "--json").stdout)
    fields = {field["path"]: field for field in file["fields"]}
    assert fields["/Bericht/Client/Naam"]["dropped"] == "identity"
    assert fields["/Bericht/Client/Bsn"]["used"].startswith("finds the client")
    assert "fields" not in json.loads(schakel("convert", ALLOCATION, "--json").stdout)[0]


def test_explain_works_for_a_message_that_is_refused_for_what_it_says(schakel: Schakel) -> None:
    result = schakel("convert", "--explain", BAD, "--json")
    assert result.exit_code == Exit.REFUSED
    (file,) = json.loads(result.stdout)
    assert file["problem"]["gelezen"] is False
    assert "/Bericht/Client/Bsn" in [field["path"] for field in file["fields"]]


def test_a_message_without_an_event_says_that_it_is_in_order(schakel: Schakel) -> None:
    result = schakel("convert", VECTORS / "ijw" / "valid" / "308_in_orde.xml")
    assert result.exit_code == Exit.DONE
    assert "in order" in result.output


def test_where_no_notice_comes_of_a_message_that_is_said_beside_the_notices(schakel: Schakel) -> None:
    result = schakel("convert", "--to", "csv", VECTORS / "team" / "valid" / "leeg.json")
    assert result.exit_code == Exit.DONE
    assert result.stdout == ""
    assert "leeg.json: in order, without an event; so there is no notice." in result.stderr


def test_a_report_says_the_same_of_a_place_once(schakel: Schakel) -> None:
    result = schakel("convert", "--json", "--from", "cloudevents", VECTORS / "fhir" / "valid" / "task.json")
    faults = [(one["pad"], one["fout"]) for one in json.loads(result.stdout)[0]["problem"]["fouten"]]
    assert ("/*", "type") in faults
    assert len(faults) == len(set(faults))


@pytest.mark.parametrize("more", [(), ("--to", "csv"), ("--to", "fhir-task")])
def test_an_answer_that_names_nobody_is_converted(schakel: Schakel, more: tuple[str, ...]) -> None:
    result = schakel("convert", VECTORS / "ijw" / "valid" / "319_afgewezen.xml", "--show-citizen", *more)
    assert result.exit_code == Exit.DONE
    assert "afgewezen" in result.output
    assert "REF-2026-0001" not in result.output


@pytest.mark.parametrize("path", sorted((VECTORS / "ijw" / "hostile").glob("*.xml")), ids=lambda path: path.stem)
def test_no_hostile_message_of_ijw_gets_further_than_its_report(schakel: Schakel, path: Path) -> None:
    result = schakel("convert", "--from", "ijw", "--explain", path, "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout)[0]["problem"]["gelezen"] is False
    assert "Zandlopersma" not in result.stdout


def test_both_folders_of_official_schemas_may_be_given(schakel: Schakel) -> None:
    xsd = Path(__file__).parents[3] / "shared" / "standards" / "iwmo_ijw" / "xsd"
    if not xsd.is_dir():
        pytest.skip("the folder with the published standards is not here")
    result = schakel("convert", "--xsd", xsd / "iwmo-3.2", "--xsd", xsd / "ijw-3.2", GOOD, IJW, "--json")
    assert result.exit_code == Exit.DONE


def test_a_batch_is_read_message_by_message_and_one_bad_one_is_refused_alone_with_its_place(
    schakel: Schakel, tmp_path: Path
) -> None:
    batch = tmp_path / "batch.xml"
    batch.write_bytes(b"\n".join(path.read_bytes() for path in (GOOD, IJW, BAD, ALLOCATION)))
    result = schakel("convert", batch, "--json")
    assert result.exit_code == Exit.REFUSED
    found = json.loads(result.stdout)
    assert [(one["message"], one["format"], "problem" in one) for one in found] == [
        (1, "iwmo", False),
        (2, "ijw", False),
        (3, "iwmo", True),
        (4, "iwmo", False),
    ]
    shown = schakel("convert", batch).output
    assert "batch.xml, message 3 (iwmo)" in shown
    assert "message(s) read, 1 refused" in schakel("convert", batch, GOOD).output


@pytest.mark.parametrize("name", ["fhir/valid/task.json", "hl7v2/valid/ref_i12.hl7"])
def test_a_format_without_a_law_is_read_under_the_law_that_is_asked(schakel: Schakel, name: str) -> None:
    file = Path(__file__).parents[1] / "vectors" / name
    without = schakel("convert", "--from", name.split("/", maxsplit=1)[0], file, "--json")
    assert without.exit_code == Exit.REFUSED
    assert '"law"' in without.stdout
    result = schakel("convert", "--from", name.split("/", maxsplit=1)[0], "--law", "participatiewet", file, "--json")
    assert result.exit_code == Exit.DONE, result.output
    assert '"participatiewet"' in result.stdout
    assert "999900006" not in result.stdout


def test_the_subject_of_a_cloudevent_is_what_is_asked(schakel: Schakel) -> None:
    file = Path(__file__).parents[1] / "vectors" / "cloudevents" / "valid" / "negen_cijfers.json"
    types = "nl.voorbeeldgemeente.wmo.melding-ontvangen=aangemeld,wmo"
    for kind in ("bsn", "own-number"):
        result = schakel("convert", "--from", "cloudevents", "--type", types, "--subject", kind, file, "--json")
        assert result.exit_code == Exit.DONE, result.output


# -- progress --------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A file of many messages, named after a person as files sometimes are."""
    file = tmp_path / "Wiebrechtje Zandlopersma 999900006.xml"
    file.write_bytes(b"\n".join(path.read_bytes() for path in [GOOD, IJW, BAD, ALLOCATION] * 300))
    return file


def test_progress_is_shown_within_a_file_when_asked_on_standard_error_and_names_nobody(
    schakel: Schakel, batch: Path
) -> None:
    result = schakel("convert", "--progress", batch, "--json")
    assert len(json.loads(result.stdout)) == 1_200
    lines = result.stderr.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("reading: 10 %, ")
    assert lines[-1].startswith("reading: 100 %, ")
    counts = [int(line.split()[3]) for line in lines]
    assert counts == sorted(set(counts))
    assert not [word for word in ("Zandlopersma", "Wiebrechtje", "999900006", ".xml") if word in result.stderr]


def test_progress_of_standard_input_counts_messages(schakel: Schakel, batch: Path) -> None:
    result = schakel("convert", "--progress", "-", "--json", typed=batch.read_text("utf-8"))
    assert result.stderr == "reading: 1000 message(s)\n"


@pytest.mark.parametrize("more", [(), ("--json",), ("--no-progress",)])
def test_without_a_terminal_nothing_is_shown_unless_asked(schakel: Schakel, batch: Path, more: tuple[str, ...]) -> None:
    assert schakel("convert", batch, *more).stderr == ""


@pytest.mark.parametrize(("more", "shown"), [((), True), (("--no-progress",), False), (("--json",), False)])
def test_on_a_terminal_there_is_a_bar_with_the_number_of_messages(
    batch: Path, more: tuple[str, ...], *, shown: bool
) -> None:
    ours, theirs = pty.openpty()
    program = "from deploy.cli import main; main()"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, "convert", batch, *more],
        cwd=root,
        env={**os.environ, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = all_written(ours)
    assert process.returncode == Exit.REFUSED
    assert (b"reading, 1200 message(s)" in seen) is shown
    assert b"Zandlopersma" not in seen


# -- the first five minutes ------------------------------------------------------------------------------------------


def test_content_of_two_formats_names_both_and_the_option(schakel: Schakel) -> None:
    either = VECTORS / "corv" / "valid" / "bron_als_urn.json"
    result = schakel("convert", either)
    assert result.exit_code == Exit.REFUSED
    assert "(cloudevents or corv)" in result.output
    assert "--from" in result.output
    types = "nl.samen-onder-handbereik.overleg.actie-belegd=actie-belegd,jeugdwet"
    assert schakel("convert", "--from", "corv", "--type", types, either).exit_code == Exit.DONE


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fhir/valid/task.json", "convert: --law"),
        ("zgw/valid/zaak.json", "convert: --type"),
        ("cloudevents/valid/negen_cijfers.json", "convert: --subject"),
    ],
)
def test_what_only_the_reader_of_this_can_say_names_the_option_to_say_it_with(
    schakel: Schakel, name: str, words: str
) -> None:
    result = schakel("convert", VECTORS / name)
    assert result.exit_code == Exit.REFUSED
    assert words in result.output


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "vocabulary"), (b"PK\x03\x04", "vocabulary"), (b"", "not-well-formed")],
)
def test_a_file_that_is_no_message_is_refused_and_the_others_in_the_folder_are_read(
    schakel: Schakel, tmp_path: Path, content: bytes, word: str
) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "in.xml").write_bytes(BAD.read_bytes())
    (folder / ".hidden").write_bytes(b"x")
    (folder / "a.bin").write_bytes(content)
    for name in ("iwmo/valid/305_gestart.xml", "team/valid/meldingen.csv", "suwi/valid/niets_gevonden.xml"):
        (folder / name.rpartition("/")[2]).write_bytes((VECTORS / name).read_bytes())
    (tmp_path / "empty").mkdir()
    result = schakel("convert", folder, tmp_path / "empty", "--json")
    found = {one["file"]: one for one in json.loads(result.stdout)}
    assert sorted(found) == ["305_gestart.xml", "a.bin", "meldingen.csv", "niets_gevonden.xml"]
    assert found["a.bin"]["problem"]["fouten"][0]["fout"] == word
    assert [name for name, one in found.items() if "problem" in one] == ["a.bin"]


def test_of_very_many_refused_files_the_first_are_shown_in_full_and_all_in_the_table(schakel: Schakel) -> None:
    folder = VECTORS / "oso" / "hostile"
    result = schakel("convert", "--from", "oso", folder)
    full, _, summary = result.output.partition("All files")
    assert full.count("Refused as a whole.") == 10
    assert "more refused" in full
    assert all(path.name in summary for path in folder.iterdir())


def test_explain_ends_with_how_much_is_used_and_how_much_nobody_knows(schakel: Schakel) -> None:
    result = schakel("convert", "--explain", "--from", "corv", VECTORS / "corv" / "valid" / "kanarie.json")
    assert "stay(s) behind, of which 1 unknown." in result.output
    assert "is not in the list of the standard" in result.output
    assert "KANARIE" not in result.output


@pytest.mark.parametrize("source", sorted(READERS))
def test_explain_works_for_every_format_and_shows_no_number(schakel: Schakel, source: str) -> None:
    folder = VECTORS / source / "valid"
    for more in ((), ("--json",)):
        result = schakel("convert", "--explain", "--from", source, folder, *more)
        assert "KANARIE" not in result.output
        assert BSN not in result.output
    assert all(one["fields"] is not None for one in json.loads(result.stdout))


def test_a_folder_without_official_schemas_is_wrong_use_and_so_is_one_with_something_else(
    schakel: Schakel, tmp_path: Path
) -> None:
    result = schakel("convert", "--xsd", tmp_path, GOOD)
    assert result.exit_code == Exit.WRONG_USE
    assert "WMO301.xsd" in result.output
    (tmp_path / "WMO301.xsd").write_bytes(b"<html/>")
    result = schakel("convert", "--xsd", tmp_path, GOOD)
    assert result.exit_code == Exit.WRONG_USE
    assert "is missing or is not a schema" in result.output


def test_files_of_one_name_in_two_folders_are_two_files_and_a_file_given_twice_is_one(
    schakel: Schakel, tmp_path: Path
) -> None:
    for name, content in (("a", GOOD), ("b", BAD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bericht.xml").write_bytes(content.read_bytes())
    result = schakel("convert", tmp_path / "a", tmp_path / "b", tmp_path / "a" / "bericht.xml", "--json")
    found = [(one["file"], "problem" in one) for one in json.loads(result.stdout)]
    assert found == [("a/bericht.xml", False), ("b/bericht.xml", True)]
