# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub faults`: what the operator sees and does of what was set aside, with a hub that runs and without."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from deploy.compose import open_hub
from deploy.exits import Exit
from hub.config import load_hub_config
from hub.control_socket import is_served
from hub.store import SetAside, Step
from schemas.calendar import date_text, day_of
from tests.deploy.conftest import Schakel
from tests.deploy.nets import wait_for

FRAME = b"not a frame that any hub could read"
SERVE = """
import asyncio, sys
from pathlib import Path
from deploy.compose import open_hub
from deploy.logs import Log
from deploy.office import REQUESTS
from deploy.run_hub import _handler
from hub.config import load_hub_config
from hub.control_socket import ControlServer

async def serve(hub):
    log = Log(lambda: 0, sys.stderr)
    await ControlServer(hub.config.data_folder, {one: _handler(hub, one, log) for one in REQUESTS}).start()
    await asyncio.Event().wait()

with open_hub(load_hub_config(Path(sys.argv[1]))) as hub:
    asyncio.run(serve(hub))
"""


@pytest.fixture
def place(kept: Path) -> Path:
    """A hub that two frames were set aside at, which it fails on again."""
    for key in (os.urandom(32), os.urandom(32)):
        with open_hub(load_hub_config(kept / "hub" / "hub.toml")) as hub:
            now = hub.store.now()
            wrapped = AESGCM(key).encrypt(bytes(12), FRAME, None)
            aside = SetAside(1, hashlib.sha256(FRAME).digest(), bytes(32), now + 60_000, now, wrapped, key)
            hub.store.commit(Step(at=now, set_aside=[aside]))
    return kept / "hub"


def test_a_hub_where_nothing_is_set_aside_says_so(schakel: Schakel, answer: Callable[..., Any], kept: Path) -> None:
    assert answer("hub", "faults", "list", "--config", kept / "hub") == []
    assert "Nothing is set aside" in schakel("hub", "faults", "list", "--config", kept / "hub").output


def test_a_list_shows_number_partner_day_hold_and_what_waits_and_nothing_else(
    schakel: Schakel, answer: Callable[..., Any], place: Path
) -> None:
    [partner] = [one for one in answer("partner", "list", "--config", place) if one["number"] == 1]
    with open_hub(load_hub_config(place / "hub.toml")) as hub:
        day = date_text(day_of(hub.store.now()))
    found = answer("hub", "faults", "list", "--config", place)
    assert found == [
        {"number": one, "partner": partner["address"], "day": day, "held": False, "behind": 0} for one in (1, 2)
    ]
    shown = schakel("hub", "faults", "list", "--config", place).output
    assert "handle held" in shown
    assert hashlib.sha256(FRAME).hexdigest()[:8] not in shown


def test_a_retry_that_fails_again_says_so_and_ends_as_failed(schakel: Schakel, place: Path) -> None:
    result = schakel("hub", "faults", "retry", 1, "--config", place, "--json")
    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stdout) == {"number": 1, "outcome": "hub-fault"}
    result = schakel("hub", "faults", "retry", 1, "--config", place)
    assert (result.exit_code, "as before" in result.output) == (Exit.FAILED, True)


def test_a_drop_is_asked_about_and_done_once(schakel: Schakel, answer: Callable[..., Any], place: Path) -> None:
    drop = ("hub", "faults", "drop", 1, "--config", place)
    assert schakel(*drop, typed="n\n").exit_code == Exit.WRONG_USE
    assert schakel(*drop, "--json").exit_code == Exit.WRONG_USE
    assert len(answer("hub", "faults", "list", "--config", place)) == 2
    assert schakel(*drop, typed="y\n").exit_code == Exit.DONE
    assert [one["number"] for one in answer("hub", "faults", "list", "--config", place)] == [2]
    again = schakel(*drop, "--yes")
    assert (again.exit_code, "There is no fault 1" in again.output) == (Exit.REFUSED, True)
    assert schakel("hub", "faults", "retry", 9, "--config", place).exit_code == Exit.REFUSED


def test_what_the_operator_did_is_in_the_log(schakel: Schakel, answer: Callable[..., Any], place: Path) -> None:
    schakel("hub", "faults", "retry", 1, "--config", place)
    schakel("hub", "faults", "drop", 1, "--yes", "--config", place)
    shown = answer("audit", "show", "--kind", "fault", "--config", place)
    assert [one["code"] for one in shown] == ["failed-again", "dropped"]
    assert schakel("audit", "verify", "--config", place).exit_code == Exit.DONE


def test_a_running_hub_is_asked(schakel: Schakel, answer: Callable[..., Any], place: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(place / "hub.toml")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:  # our own program
        try:
            wait_for(lambda: is_served(load_hub_config(place / "hub.toml").data_folder))
            assert len(answer("hub", "faults", "list", "--config", place)) == 2
            assert schakel("hub", "faults", "retry", 2, "--config", place).exit_code == Exit.FAILED
            assert answer("hub", "faults", "drop", 2, "--yes", "--config", place)["number"] == 2
            assert schakel("hub", "faults", "drop", 2, "--yes", "--config", place).exit_code == Exit.REFUSED
            assert [one["number"] for one in answer("hub", "faults", "list", "--config", place)] == [1]
        finally:
            running.send_signal(signal.SIGKILL)
