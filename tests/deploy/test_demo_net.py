# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The demo over a network holds, in time, and leaves no process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo_net import STEPS
from deploy.exits import Exit
from deploy.net import Net, Process
from deploy.story.case import StoryError
from hub.config import load_hub_config
from tests.deploy.conftest import Schakel


def test_the_story_holds_over_processes_that_are_killed(answer: Callable[..., Any], tmp_path: Path) -> None:
    told = answer("demo-net", "--keep", tmp_path / "net")
    assert told["ok"] is True
    assert told["found"] == []
    assert told["log"]["sound"] is True
    assert [one["step"] for one in told["story"]] == [title for title, _ in STEPS]
    starts = [
        json.loads(line)["event"]
        for name in ("hub", "zorgaanbieder", "huisarts")
        for line in (tmp_path / "net" / f"{name}.log").read_text().splitlines()
    ]
    assert starts.count("started") == 6  # each was killed once
    assert starts.count("stopped") == 3


def test_a_folder_that_is_not_empty_is_left_alone(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert schakel("demo-net", "--keep", tmp_path).exit_code == Exit.WRONG_USE


def test_a_process_that_ends_by_itself_ends_the_story(tmp_path: Path, kept: Path) -> None:
    process = Process(("hub", "run", "--config", str(tmp_path)), tmp_path / "hub.log")
    process.start()
    net = Net(tmp_path, process, load_hub_config(kept / "hub" / "hub.toml"), [])
    with pytest.raises(StoryError, match="ended by itself"):
        net.until(lambda: False, "never")
    process.end()
