# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub watch`: what is unusual on a screen and for programs, and what is said where no watch runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import cli
from deploy.clock import MachineClock
from deploy.exits import Exit
from deploy.run_watch import FILE, SILENT_MS, Left, leave, read_left, told
from hub.config import load_hub_config
from hub.watch_rules import Unusual, What
from schemas.codes import Code
from schemas.settings import SettingsError

BASE = 'name = "hub.example.nl"\nstrict = false\n'
KAFKA = 'dsn = "host=/nowhere dbname=x user=y"\n[kafka]\nbrokers = ["127.0.0.1:9"]\ncopies = 1\n'
FACT = Unusual(What.REFUSALS, 7, 20_500, 10, 30, 50, 5, Code.BAD_SIGNATURE)


def schakel(*words: object) -> Result:
    result = CliRunner().invoke(cli, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hub.toml").write_text(BASE + KAFKA + "[watch]\n")
    (tmp_path / "watch").mkdir()
    return tmp_path


def left(folder: Path, *facts: Unusual, age: int = 0, missed: int = 0, unreadable: int = 0) -> None:
    leave(folder / "watch", Left(MachineClock()() - age, [told(one) for one in facts], missed, unreadable, 4))


def test_what_is_unusual_is_shown_with_its_sentence(folder: Path) -> None:
    left(folder, FACT)
    result = schakel("hub", "watch", "--config", folder)
    assert result.exit_code == Exit.DONE
    assert "at least 30 of about 50 messages were refused" in result.output.replace("\n", " ")


def test_a_program_gets_the_same_as_json(folder: Path) -> None:
    left(folder, FACT)
    answer = json.loads(schakel("hub", "watch", "--json", "--config", folder).output)
    assert answer["runs"] is True
    [one] = answer["unusual"]
    assert (one["partner"], one["what"], one["at_least"], one["code"]) == (7, "refusals", 30, "bad-signature")
    assert one["sentence"] == FACT.sentence


def test_nothing_unusual_is_said_as_such(folder: Path) -> None:
    left(folder)
    assert "Nothing unusual in the last seven days." in schakel("hub", "watch", "--config", folder).output


def test_what_could_not_be_counted_is_said(folder: Path) -> None:
    left(folder, missed=2, unreadable=1)
    output = schakel("hub", "watch", "--config", folder).output
    assert "counts are too low" in output
    assert "Somebody else than the hub wrote" in output


def test_a_watch_that_stands_still_is_no_good_news(folder: Path) -> None:
    left(folder, age=SILENT_MS + 60_000)
    result = schakel("hub", "watch", "--config", folder)
    assert result.exit_code == Exit.UNDECIDED
    assert "start it again" in result.output
    assert "Nothing unusual" not in result.output


def test_a_watch_that_never_ran_is_no_good_news(folder: Path) -> None:
    result = schakel("hub", "watch", "--config", folder)
    assert result.exit_code == Exit.UNDECIDED
    assert "No watch has run here yet" in result.output


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": 1}', b'{"at":1,"more":2}'])
def test_a_file_that_is_damaged_is_said_with_what_to_do(folder: Path, content: bytes) -> None:
    (folder / "watch" / FILE).write_bytes(content)
    result = schakel("hub", "watch", "--config", folder)
    assert result.exit_code == Exit.FAILED
    assert "delete it" in result.output.replace("\n", " ")


def test_the_file_is_for_its_owner_alone_and_whole_after_each_look(folder: Path) -> None:
    for count in (30, 35):
        left(folder, FACT, FACT)
        found = read_left(folder / "watch")
        assert found is not None
        assert len(found.unusual) == 2
        assert (folder / "watch" / FILE).stat().st_mode & 0o077 == 0
        assert count % 5 == 0
    assert [one.name for one in (folder / "watch").iterdir()] == [FILE]


@pytest.mark.parametrize("command", ["watch", "watch-run"])
def test_a_hub_without_a_watch_says_which_table_is_missing(tmp_path: Path, command: str) -> None:
    (tmp_path / "hub.toml").write_text(BASE + KAFKA)
    result = schakel("hub", command, "--config", tmp_path)
    assert result.exit_code == Exit.FAILED
    assert "hub.toml has no table [watch]" in result.output


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (BASE + "[watch]\n", "/watch"),
        (BASE + KAFKA + '[watch]\ncertificate = "a.crt"\n', "/watch/key"),
        (BASE.replace("false", "true") + KAFKA + "[watch]\n", "/watch/certificate"),
        (BASE + KAFKA + '[watch]\nsecret = "x"\n', "/watch/secret"),
    ],
)
def test_settings_of_the_watch_that_can_not_be_are_named(tmp_path: Path, text: str, path: str) -> None:
    (tmp_path / "hub.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_hub_config(tmp_path / "hub.toml")
    assert path in str(caught.value)
