# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A letter in free text at a real edge: a person finds it, reads it, settles it; nothing of it goes anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.formats.native import Malformed
from deploy.exits import Exit
from deploy.put_aside import put_aside, shown
from tests.deploy.conftest import Schakel

VALID = Path(__file__).parents[1] / "vectors" / "medvri" / "valid"
HOSTILE = Path(__file__).parents[1] / "vectors" / "medvri" / "hostile"


@pytest.fixture
def place(kept: Path) -> Path:
    """An edge whose sources write letters too."""
    folder = kept / "team-wmo"
    file = folder / "edge.toml"
    file.write_text(file.read_text("utf-8") + '\n[formats_in]\n".edi" = "medvri"\n', "utf-8")
    return folder


def _put(place: Path, *files: Path) -> None:
    for file in files:
        (place / "in" / file.name).write_bytes(file.read_bytes())


def test_a_letter_is_found_read_and_settled_and_leaves_the_edge_in_no_way(
    schakel: Schakel, answer: Callable[..., Any], place: Path
) -> None:
    before = answer("edge", "outbox", "--config", place)
    assert before["letters"] == 0
    _put(place, VALID / "brief.edi", VALID / "twee_brieven.edi", HOSTILE / "zonder_unt.edi")
    worked = schakel("edge", "work", "--config", place)
    assert "2 file(s) with letters wait for a person" in worked.output
    after = answer("edge", "outbox", "--config", place)
    assert after == before | {"letters": 2}
    assert answer("edge", "work", "--config", place)["sent"] == 0

    listed = answer("edge", "letters", "--config", place)["letters"]
    assert sorted(one["letters"] for one in listed) == [1, 2]
    (one,) = [each["name"] for each in listed if each["letters"] == 1]
    read = schakel("edge", "letters", one[:12], "--config", place)
    assert read.exit_code == Exit.DONE
    # Every segment of a letter, its release sign undone.
    for words in ("Kanariepraktijk, Kanarie", "van 't", "BSN999900006", "KANARIE diagnose", "Arts Kanarie"):
        assert words in read.output
    assert [line["what"] for line in answer("edge", "letters", one, "--config", place)["lines"]] == [
        *("brief 1", "van", "datum", "over", "adres", "", "", "aan")
    ]

    # Reading changes nothing; settling is asked, and takes that letter alone.
    assert schakel("edge", "letters", one, "--done", "--json", "--config", place).exit_code == Exit.WRONG_USE
    assert len(answer("edge", "letters", "--config", place)["letters"]) == 2
    assert answer("edge", "letters", one, "--done", "--yes", "--config", place) == {"removed": one}
    (other,) = answer("edge", "letters", "--config", place)["letters"]
    assert other["letters"] == 2
    assert not [path for path in (place / "quarantine").iterdir() if path.name.startswith(one)]
    # What is damaged is no letter, and stays for whoever mends its source.
    assert put_aside(place / "quarantine").damaged == 1


@pytest.mark.parametrize("arguments", [("--done",), ("0" * 32,), ("0" * 32, "--done", "--yes")])
def test_what_is_no_letter_can_be_neither_shown_nor_removed(
    schakel: Schakel, answer: Callable[..., Any], place: Path, arguments: tuple[str, ...]
) -> None:
    _put(place, HOSTILE / "zonder_unt.edi")
    answer("edge", "work", "--config", place)
    files = sorted((place / "quarantine").iterdir())
    damaged = next(path.name for path in files if path.suffix == ".edi")
    for name in (None, damaged):
        given = tuple(name if name is not None and one == "0" * 32 else one for one in arguments)
        assert schakel("edge", "letters", *given, "--config", place).exit_code == Exit.WRONG_USE
    assert sorted((place / "quarantine").iterdir()) == files


def test_the_doctor_is_content_with_a_letter_until_nobody_read_it_for_a_week(
    schakel: Schakel, answer: Callable[..., Any], place: Path
) -> None:
    def found() -> dict[str, Any]:
        looked = json.loads(schakel("edge", "doctor", "--config", place, "--json").stdout)["findings"]
        return {one["subject"]: one for one in looked}

    _put(place, VALID / "brief.edi")
    answer("edge", "work", "--config", place)
    seen = found()
    assert (seen["letters"]["well"], seen["quarantine"]["well"]) == (True, True)
    assert "1 letter waits" in seen["letters"]["says"]
    (file,) = (place / "quarantine").glob("*.edi")
    os.utime(file, (0, 0))
    assert not found()["letters"]["well"]
    assert "schakel edge letters" in found()["letters"]["remedy"]


@pytest.mark.parametrize(
    "report",
    [
        *(None, b"", b"{}", b"[]", b"null", b'{"fouten": 1}', b'{"fouten": []}', b'{"fouten": [{}]}', b"\xff"),
        b'{"fouten": [{"fout": "for-a-person"}, {"fout": "missing"}]}',
        b'{"fouten": [{"fout": {}}]}',
    ],
)
def test_a_report_that_does_not_say_so_makes_no_letter(tmp_path: Path, report: bytes | None) -> None:
    (tmp_path / "a.edi").write_bytes((VALID / "brief.edi").read_bytes())
    if report is not None:
        (tmp_path / "a.edi.rapport.json").write_bytes(report)
    found = put_aside(tmp_path)
    assert (found.letters, found.damaged) == ((), 1)


@pytest.mark.parametrize("path", sorted(VALID.iterdir()), ids=lambda path: path.name)
def test_every_letter_is_shown_and_steers_no_terminal(path: Path) -> None:
    lines = list(shown(path.read_bytes().replace(b"diagnose", b"a?'b?+c?:d??")))
    assert lines
    assert all(words.isprintable() for _, words in lines)
    assert "'" not in "".join(what for what, _ in lines)
    escape = b"UNB+UNOC:3+1+2+260303:0941+S1'UNH+1+MEDVRI:1'TXT:1+\x9b31mrood'UNT+3+1'UNZ+1+S1'"
    assert list(shown(escape)) == [("brief 1", ""), ("", "31mrood")]


def test_what_is_no_file_of_letters_is_not_shown() -> None:
    with pytest.raises(Malformed):
        list(shown(b"MSH|^~\\&|"))
