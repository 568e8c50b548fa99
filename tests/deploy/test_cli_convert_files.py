# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The files of a dry run as they really come: with odd names, unreadable, from a pipe, or something else altogether."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from adapters.formats import READERS
from deploy.exits import Exit
from deploy.file_names import masked, names
from deploy.screen import Screen
from tests.deploy.conftest import Schakel
from tests.deploy.terminal import all_written

VECTORS = Path(__file__).parents[1] / "vectors"
ROOT = Path(__file__).parents[2]
GOOD = VECTORS / "iwmo" / "valid" / "305_gestart.xml"
BAD = VECTORS / "iwmo" / "hostile" / "bsn_elfproef.xml"
ALLOCATION = VECTORS / "iwmo" / "valid" / "301_toegewezen.xml"
BSN = "999900006"
PROGRAM = "from deploy.cli import main; main()"


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("999900006.xml", "*****0006.xml"),
        ("999900007.xml", "*****0007.xml"),  # nine digits, though no BSN: a slip of the pen
        ("Jansen 9999.00.006.xml", "Jansen *****0006.xml"),
        ("9999-00-006_a.xml", "*****0006_a.xml"),
        ("10000008.xml", "*****0008.xml"),  # a BSN without its leading nought
        ("wmo301_2026-03-03_0363.xml", "wmo301_2026-03-03_0363.xml"),
        ("export-20260303101500.xml", "export-20260303101500.xml"),
        ("a\nb\x1b[31m\u202ec.xml", "a?b?[31m?c.xml"),
        ("b\udcff.xml", "b?.xml"),
    ],
)
def test_of_a_name_a_number_of_a_person_is_masked_and_what_a_terminal_obeys_is_not_shown(name: str, shown: str) -> None:
    assert masked(name) == shown


def test_names_that_are_masked_alike_stay_apart() -> None:
    paths = [Path("a-100000006.xml"), Path("a-200000006.xml")]
    assert list(names(paths, shown=False).values()) == ["a-*****0006.xml", "a-*****0006.xml (2)"]
    assert list(names(paths, shown=True).values()) == ["a-100000006.xml", "a-200000006.xml"]


@pytest.mark.parametrize("more", [(), ("--json",), ("--explain",), ("--to", "csv"), ("--to", "csv", "--json")])
def test_a_number_in_the_name_of_a_file_or_folder_is_shown_nowhere_unless_asked(
    schakel: Schakel, tmp_path: Path, more: tuple[str, ...]
) -> None:
    folder = tmp_path / f"van {BSN}"
    (folder / "sub").mkdir(parents=True)
    for number, content in enumerate((GOOD, BAD, VECTORS / "team" / "valid" / "leeg.json")):
        (folder / f"{number} {BSN}\x1b]0;x\x07.xml").write_bytes(content.read_bytes())
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{BSN}.xml").write_bytes(GOOD.read_bytes())
    given = (folder, tmp_path / "0", tmp_path / "1")
    result = schakel("convert", *given, *more)
    assert result.exit_code == Exit.REFUSED
    assert BSN not in result.output + result.stderr
    assert "\x1b" not in result.output + result.stderr
    assert BSN in schakel("convert", *given, "--show-citizen", "--json").stdout


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is(schakel: Schakel, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/b\xff.xml"
    with open(path, "wb") as file:  # noqa: PTH123  # no Path has such a name
        file.write(GOOD.read_bytes())
    for more in ((), ("--json",), ("--show-citizen", "--json")):
        result = schakel("convert", tmp_path, *more)
        assert result.exit_code == Exit.DONE
        assert "b?.xml" in result.output


# -- folders and files -----------------------------------------------------------------------------------------------


def test_what_a_folder_holds_besides_files_is_counted(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(GOOD.read_bytes())
    (tmp_path / ".a.xml").write_bytes(GOOD.read_bytes())
    (tmp_path / "sub").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "self").symlink_to(tmp_path)
    result = schakel("convert", tmp_path, "--json")
    assert [one["file"] for one in json.loads(result.stdout)] == ["a.xml"]
    assert "2 folder(s), 1 hidden, 1 no file but" in result.stderr


def test_a_file_that_the_system_does_not_give_is_refused_alone(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(GOOD.read_bytes())
    (tmp_path / "c.xml").write_bytes(GOOD.read_bytes())
    # The memory of this process, which can be opened and, where nothing is mapped, not be read.
    (tmp_path / "b.xml").symlink_to("/proc/self/mem")
    result = schakel("convert", tmp_path, "--json")
    assert result.exit_code == Exit.REFUSED
    found = {one["file"]: one.get("problem") for one in json.loads(result.stdout)}
    assert (found["a.xml"], found["c.xml"]) == (None, None)
    assert found["b.xml"]["fouten"][0]["fout"] == "unreadable"


def test_a_pipe_is_read_like_a_file() -> None:
    """As in `schakel convert <(unzip -p messages.zip)`."""
    for given in (["/dev/stdin"], ["-"], ["--progress", "/dev/stdin", "-"]):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "convert", "--json", *given],
            cwd=ROOT,
            input=GOOD.read_bytes() * 3,
            capture_output=True,
            check=False,
        )
        assert done.returncode in (Exit.DONE, Exit.REFUSED), done.stderr
        assert [one["events"][0]["kind"] for one in json.loads(done.stdout)[:3]] == ["gestart"] * 3


@pytest.mark.parametrize("more", [[], ["--json"], ["--explain"]])
def test_a_reader_that_goes_away_is_no_error_of_schakel(more: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, "convert", *more, *[str(GOOD)], str(VECTORS / "iwmo" / "hostile")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()
    assert b"Traceback" not in said
    assert b"Schakel itself failed" not in said


@pytest.mark.parametrize("target", ["csv", "fhir-task"])
def test_notices_go_to_standard_output_as_one_file_and_whatever_else_is_said_goes_beside_it(
    schakel: Schakel, target: str
) -> None:
    empty = VECTORS / "team" / "valid" / "leeg.json"
    result = schakel("convert", "--to", target, GOOD, BAD, ALLOCATION, empty)
    assert result.exit_code == Exit.REFUSED
    assert "eleven-test" in result.stderr
    assert "without an event" in result.stderr
    if target == "csv":
        header, *rows = csv.reader(result.stdout.removeprefix("\ufeff").splitlines())
        assert (header[0], [row[1] for row in rows]) == ("melding", ["gestart", "toegewezen"])
        assert len({row[0] for row in rows}) == len(rows)
    else:
        assert [entry["resource"]["resourceType"] for entry in json.loads(result.stdout)["entry"]] == ["Task"] * 2


# -- what it is ------------------------------------------------------------------------------------------------------


def test_a_file_that_is_something_else_is_called_by_its_name_and_what_to_do_is_said(
    schakel: Schakel, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(b"PK\x03\x04")
    (tmp_path / "b.json").write_bytes(GOOD.read_bytes().replace(b"/3_2/", b"/3_1/"))
    result = schakel("convert", tmp_path)
    assert "This is a zip archive or an Office document." in result.output
    assert "Unpack it" in result.output
    assert "message 305 of iWmo 3.1 (start)" in result.output
    assert "of no known format" not in result.output
    found = {one["file"]: one["problem"] for one in json.loads(schakel("convert", tmp_path, "--json").stdout)}
    assert found["b.json"]["lijkt_op"]["nl"] == "Dit is bericht 305 van iWmo 3.1 (start). Hier wordt iWmo 3.2 gelezen."


def test_a_message_that_is_read_as_another_format_says_which_option_to_leave_out(schakel: Schakel) -> None:
    result = schakel("convert", "--from", "ijw", GOOD)
    assert result.exit_code == Exit.REFUSED
    assert "--from iwmo" in " ".join(result.output.split())


def test_of_many_refused_messages_each_reason_stands_once_with_how_often_and_what_to_do(
    schakel: Schakel, tmp_path: Path
) -> None:
    for number in range(15):
        (tmp_path / f"{number}.bin").write_bytes(b"%PDF-1.4" if number else BAD.read_bytes())
    result = schakel("convert", tmp_path)
    todo = result.output.partition("What to do")[2]
    assert todo.count("a PDF") == 1
    assert "14" in todo.partition("a PDF")[0].splitlines()[-1]
    assert "fails the eleven-test" in todo


def test_what_is_to_be_done_about_several_things_stands_once_with_the_most_of_them(
    schakel: Schakel, tmp_path: Path
) -> None:
    for name in ("Patient", "Condition", "Goal", "Flag", "Device"):
        for number in range(1 + 2 * (name == "Goal")):
            (tmp_path / f"{name}{number}.json").write_bytes(b'{"resourceType": "%s"}' % name.encode())
    for number in range(5):
        (tmp_path / f"{number}.hl7").write_bytes((VECTORS / "hl7v2" / "hostile" / "bsn_elfproef.hl7").read_bytes())
    todo = schakel("convert", "--law", "wmo", tmp_path).output.partition("What to do")[2]
    assert todo.count("Read here are: Task,") == 1
    assert "and 1 more" in todo
    first = todo.index("a resource Goal of FHIR")
    assert first < todo.index("a resource Condition of FHIR")
    assert " at PID/3" in todo  # and not "at 3"


# -- on a terminal ---------------------------------------------------------------------------------------------------


def _on_a_terminal(columns: int, *arguments: object) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = {"COLUMNS", "LINES"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "convert", "--no-progress", *map(str, arguments)],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name not in hidden},
            "TERM": "xterm",
            "NO_COLOR": "1",
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = all_written(ours)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", seen.decode())


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_everything_fits_the_terminal_and_no_word_of_a_verdict_is_broken(columns: int) -> None:
    code, seen = _on_a_terminal(columns, "--explain", ALLOCATION, BAD)
    assert code == Exit.REFUSED
    assert max(map(len, seen.splitlines())) <= columns
    for words in ("/Bericht/Client/Bsn\n", "says who a person is,", "Next:"):
        assert words in seen
    if columns >= 80:  # what the smallest terminal of today has
        assert all(words in seen for words in ("2026-02-18", "toegewezen", "*****0006"))


def test_in_a_narrow_terminal_no_cell_is_lost() -> None:
    _, seen = _on_a_terminal(40, ALLOCATION)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in seen.splitlines() if line.startswith("│")]
    cells = ["".join(row[column] for row in rows) for column in range(len(rows[0]))]
    assert cells == ["2026-02-18", "toegewezen", "wmo", "*****0006", "9991to98765401", "makesgrants,hasareference"]


def test_without_a_terminal_nothing_is_said_of_what_comes_next(schakel: Schakel) -> None:
    result = schakel("convert", GOOD)
    assert "Next:" not in result.output + result.stderr


def test_no_hint_stands_between_what_a_program_reads(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=True).hint("Next: x")
    assert capsys.readouterr() == ("", "")


# -- fields ----------------------------------------------------------------------------------------------------------


def _paths_on(screen: str) -> list[tuple[str, int]]:
    """Each path that stands on a screen, and how often it is said to occur."""
    found: list[tuple[str, int]] = []
    for line in screen.splitlines():
        path, _, times = line.strip().partition("  (")
        count = int(times.split(" ")[0]) if times else 1
        if line.startswith("      /"):
            found.append((path, count))
        elif line.startswith("        /"):  # the rest of a path that is longer than a line
            found[-1] = (found[-1][0] + path, count)
    return found


@pytest.mark.parametrize("source", sorted(READERS))
def test_each_field_that_is_explained_stands_on_the_screen_once_under_its_reason(schakel: Schakel, source: str) -> None:
    path = min((VECTORS / source / "valid").iterdir())
    found = json.loads(schakel("convert", "--explain", "--json", "--from", source, path).stdout)
    shown = _paths_on(schakel("convert", "--explain", "--from", source, path).output)
    assert sorted(shown) == sorted((field["path"], field["count"]) for one in found for field in one["fields"])


def test_the_fields_of_many_messages_are_explained_together_by_format(schakel: Schakel, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.x").write_bytes(
            (GOOD if number % 2 else VECTORS / "team/valid/meldingen.json").read_bytes()
        )
    result = schakel("convert", "--explain", tmp_path)
    assert "6 message(s) of iwmo: what becomes of each field" in result.output
    assert "6 message(s) of team: what becomes of each field" in result.output
    once = _paths_on(schakel("convert", "--explain", GOOD, VECTORS / "team/valid/meldingen.json").output)
    assert sorted(_paths_on(result.output)) == sorted((path, 6 * count) for path, count in once)


# -- as an edge would ------------------------------------------------------------------------------------------------

IJW = VECTORS / "ijw" / "valid" / "307_volgens_plan.xml"


@pytest.fixture
def settings(schakel: Schakel, tmp_path: Path) -> Path:
    """The folder of an edge as `schakel edge init` makes it."""
    place = tmp_path / "praktijk"
    made = schakel(
        *("edge", "init", place, "--address", "urn:nld:oin:00000001234567890001:gp"),
        *("--name", "Praktijk Voorbeeld", "--key-file", tmp_path / "key"),
    )
    assert made.exit_code == Exit.DONE, made.output
    return place


@pytest.mark.parametrize("file", ["", "edge.toml"])
def test_with_the_settings_of_an_edge_a_file_is_read_as_the_edge_would(
    schakel: Schakel, settings: Path, tmp_path: Path, file: str
) -> None:
    for name in ("a.xml", "b.XML", "c.hl7x"):
        (tmp_path / name).write_bytes(IJW.read_bytes())
    given = [tmp_path / name for name in ("a.xml", "b.XML", "c.hl7x")]
    found = json.loads(schakel("convert", "--json", "--config", settings / file, *given).stdout)
    assert [one["format"] for one in found] == ["iwmo", "iwmo", "?"]  # this edge takes .xml for iWmo
    assert all("formats_in" in one["problem"]["lijkt_op"]["en"] for one in found)
    by_content = schakel("convert", "--json", "--from", "auto", "--config", settings / file, *given)
    assert by_content.exit_code == Exit.DONE


def test_with_the_settings_of_an_edge_what_is_too_large_for_it_is_refused(
    schakel: Schakel, settings: Path, tmp_path: Path
) -> None:
    with (settings / "edge.toml").open("a") as toml:
        toml.write(f"\nlargest_file = 4096\nlargest_batch = {IJW.stat().st_size * 3}\n")
    data = IJW.read_bytes()
    (tmp_path / "a.xml").write_bytes(data * 2)
    (tmp_path / "b.xml").write_bytes(data * 4)
    found = json.loads(
        schakel("convert", "--json", "--config", settings, tmp_path / "a.xml", tmp_path / "b.xml").stdout
    )
    assert [(one["file"], one["problem"]["fouten"][0]["fout"]) for one in found] == [
        *[("a.xml", "vocabulary")] * 2,
        ("b.xml", "too-large"),
    ]


@pytest.mark.parametrize("given", ["nowhere", "."])
def test_settings_that_are_not_there_are_wrong_use(schakel: Schakel, tmp_path: Path, given: str) -> None:
    result = schakel("convert", "--config", tmp_path / given, GOOD)
    assert result.exit_code == Exit.WRONG_USE


def test_where_nothing_can_be_said_of_fields_that_is_said(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    assert "nothing can be said of its fields" in schakel("convert", "--explain", tmp_path).output
