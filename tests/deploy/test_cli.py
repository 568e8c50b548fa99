# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The command line as a whole: how it starts, how it ends, what it never shows."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.cli import COMMANDS, cli
from deploy.exits import ENDS_IN, MEANING, Exit, ending
from deploy.groups import REST, Group
from deploy.reference import commands
from deploy.story.story import ONE_CASE, THE_HOUSEHOLD
from tests.deploy.conftest import Schakel

ROOT = Path(__file__).parents[2]
ALL = dict(commands())


def test_help_loads_no_cryptography_no_formats_and_no_tables() -> None:
    heavy = ("cryptography", "nacl", "lxml", "fhir", "rich", "hub", "adapters", "consent", "jsonschema_rs")
    program = (
        "import sys\n"
        "from deploy.cli import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"sys.exit(any(name in sys.modules for name in {heavy!r}) and 9)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_the_help_of_all_says_of_a_group_is_what_the_group_is(name: str, schakel: Schakel) -> None:
    place = COMMANDS[name]
    found = getattr(import_module(place.module), place.name)
    assert isinstance(found, click.Command)
    assert schakel(name, "--help").exit_code == Exit.DONE
    if isinstance(found, click.Group):
        assert found.help == place.about


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_has_help_and_json(name: str) -> None:
    options = {word for one in ALL[name].params for word in one.opts}
    assert "--json" in options
    assert ALL[name].help
    assert all(one.help for one in ALL[name].params if isinstance(one, click.Option))


@pytest.mark.parametrize("name", sorted(ENDS_IN))
def test_every_error_in_the_table_of_exit_codes_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Exception)


def _groups() -> dict[str, click.Group]:
    root = click.Context(cli, info_name="schakel")
    todo = [(f"schakel {name}", cli.get_command(root, name)) for name in COMMANDS]
    found = {}
    while todo:
        name, one = todo.pop()
        if isinstance(one, click.Group):
            found[name] = one
            todo += [(f"{name} {word}", inner) for word, inner in one.commands.items()]
    return found


GROUPS = _groups()


@pytest.mark.parametrize("name", sorted(GROUPS))
def test_the_help_of_a_group_names_each_command_once_in_a_whole_sentence(name: str, schakel: Schakel) -> None:
    group = GROUPS[name]
    assert isinstance(group, Group)
    named = [one for names in group.sections().values() for one in names]
    assert (sorted(named), REST in group.sections()) == (sorted(group.commands), False)
    shown = " ".join(schakel(*name.split()[1:], "--help").output.split())
    for word, command in group.commands.items():
        sentence = command.get_short_help_str(1_000)
        assert "..." not in sentence
        assert 15 <= len(sentence) <= 160, sentence
        assert sentence.endswith((".", "?")), sentence
        assert f"{word} {sentence}".replace("-", "") in shown.replace("- ", "").replace(
            "-", ""
        )  # a line may break at one


def test_every_exit_code_has_its_meaning_and_stands_in_the_help(schakel: Schakel) -> None:
    assert list(MEANING) == list(Exit)
    shown = " ".join(schakel("--help").output.split())
    assert "0 done; 1 failed; 2 wrong use; 3 refused input; 4 undecided" in shown


def test_every_error_of_ours_that_can_reach_a_person_has_its_exit_code() -> None:
    """Errors of the packages, but for those that never leave them."""
    inside = {
        "adapters.control.ControlError",
        "adapters.formats.native.Malformed",
        "adapters.seal.UnreadableError",
        "adapters.sources.stream_line.LineOverError",
        "adapters.sources.stream_reach.NotTakenError",
        "adapters.sources.stream_worker.BrokerAwayError",
        "adapters.stream_access.SecretError",
        "hub.intake_kafka._EndedError",
        "hub.store.FencedError",
        "hub.store.StaleError",
        "schemas.settings.Wrong",
        "schemas.signing.SignatureError",
    }
    covered = set(ENDS_IN)
    network = ("adapters.connections", "deploy.dev_ca", "hub.gateway")  # no command reaches these yet
    missing = []
    for package in ("adapters", "consent", "hub", "schemas", "deploy"):
        for path in (ROOT / package).rglob("*.py"):
            module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for kind in vars(module).values():
                if not (isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == module.__name__):
                    continue
                names = {f"{one.__module__}.{one.__qualname__}" for one in kind.__mro__}
                if module.__name__.startswith(network):
                    continue
                if not names & (covered | inside) and not issubclass(kind, click.ClickException):
                    missing.append(f"{kind.__module__}.{kind.__qualname__}")
    assert sorted(missing) == ["hub.audit.verify.Unsound"], "the outsider's module, whose reports hold its sentences"


def test_an_error_that_nobody_foresaw_shows_its_place_and_never_its_words() -> None:
    secret = "999900146"

    found = ending(KeyError(secret))
    assert found.exit_code == Exit.FAILED
    assert secret not in found.format_message()
    assert "KeyError" in found.format_message()


def test_a_file_that_the_system_refuses_is_not_named() -> None:
    found = ending(FileNotFoundError(2, "No such file or directory", "jansen-999900146.xml"))
    assert found.exit_code == Exit.FAILED
    assert found.format_message() == "The system refused to read or write: No such file or directory."


def test_an_unknown_command_is_wrong_use(schakel: Schakel) -> None:
    result = schakel("hubb")
    assert result.exit_code == Exit.WRONG_USE
    assert "No such command" in result.output


def test_with_json_an_error_is_json_too(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel("hub", "status", "--config", tmp_path, "--json")
    assert result.exit_code == Exit.WRONG_USE
    assert result.stdout == ""
    assert json.loads(result.stderr)["exit"] == Exit.WRONG_USE


@pytest.mark.parametrize(
    "arguments",
    [("convert", "nowhere.xml"), ("convert",), ("rules", "explain", "x", "y"), ("edge", "view", "--nope"), ("hubb",)],
)
def test_with_json_what_is_wrong_with_the_command_line_is_json_too(
    schakel: Schakel, arguments: tuple[str, ...]
) -> None:
    result = schakel(*arguments, "--json")
    assert result.exit_code == Exit.WRONG_USE
    assert result.stdout == ""
    said = json.loads(result.stderr)
    assert said["exit"] == Exit.WRONG_USE
    assert said["error"]


def test_a_file_that_is_there_already_is_not_written_over_and_that_is_said() -> None:
    found = ending(FileExistsError(17, "File exists", "jansen-999900146.html"))
    assert found.exit_code == Exit.FAILED
    assert "nothing is overwritten. Choose another name." in found.format_message()
    assert "999900146" not in found.format_message()


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EADDRNOTAVAIL])
def test_an_address_that_can_not_be_had_is_said_to_be_one(number: int) -> None:
    found = ending(OSError(number, "error while attempting to bind on address ('127.0.0.1', 8443)"))
    assert found.exit_code == Exit.FAILED
    assert "listen or metrics_listen" in found.format_message()
    assert "See what else listens there" in found.format_message()


def test_settings_that_can_not_be_used_are_named_by_their_file(schakel: Schakel, tmp_path: Path) -> None:
    for text in ("x = [", 'name = "hub.nl"\noperatr = "x"\n'):
        (tmp_path / "hub.toml").write_text(text)
        result = schakel("hub", "status", "--config", tmp_path)
        assert result.exit_code == Exit.REFUSED
        assert "Error: hub.toml: /" in result.output


def test_what_the_help_says_of_the_demos_is_what_they_tell() -> None:
    words = {3: "three", 10: "ten"}
    assert f"{words[len(THE_HOUSEHOLD.partners)]} partners" in COMMANDS["demo"].about
    assert f"{words[len(ONE_CASE.partners)]} partners" in COMMANDS["demo-net"].about


def test_the_version_is_that_of_the_distribution() -> None:
    assert "schakel, version 0.1.0" in CliRunner().invoke(cli, ["--version"]).output
