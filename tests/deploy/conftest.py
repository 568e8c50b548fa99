# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli import cli
from deploy.demo import tell
from deploy.screen import Screen
from deploy.story.story import ONE_CASE

Schakel = Callable[..., Result]


@pytest.fixture
def schakel() -> Schakel:
    """The command line: arguments in, what came out and how it ended."""

    def run(*arguments: object, typed: str | None = None, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(one) for one in arguments], input=typed, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def answer(schakel: Schakel) -> Callable[..., Any]:
    """What a command that succeeds answers to a program."""

    def run(*arguments: object) -> Any:
        result = schakel(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a demo of the one Wmo case left; nobody changes it."""
    folder = tmp_path_factory.mktemp("told") / "demo"
    assert tell(folder, Screen(as_json=True), kept=True, story=ONE_CASE)
    return folder


@pytest.fixture
def kept(told: Path, tmp_path: Path) -> Path:
    """A copy of what a demo left, to work on."""
    return Path(shutil.copytree(told, tmp_path / "demo"))
