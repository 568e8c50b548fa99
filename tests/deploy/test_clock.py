# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The clock port: a file that moves it for drills, what the operator sees of a doubt, and processes that go through one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from deploy.clock import MachineClock, Moved
from deploy.compose import open_hub
from deploy.exits import Exit
from deploy.net import Net
from deploy.story.world import PROVIDER, TEAM
from hub.config import load_hub_config
from hub.metrics import CLOCK_JUMP, HubMetrics
from tests.deploy.conftest import Schakel
from tests.deploy.nets import net_of, wait_for

Answer = Callable[..., Any]
DAY = 86_400
GATEWAY = """
[gateway]
listen = "127.0.0.1:0"
url = "https://localhost"
certificate = "server.crt"
key = "server.key"
server_authorities = "ca.crt"
"""


def move_clock(file: Path, moved: Moved) -> None:
    """Moves the clocks that this file is for, at once and whole."""
    lines = [f"{name} = {value}" for name, value in moved._asdict().items()]
    new = file.with_name(f"{file.name}.new")
    new.write_text("\n".join([*lines, ""]))
    new.replace(file)


# -- the port


def _ahead(clock: MachineClock) -> tuple[int, int]:
    """By how many seconds its two times are ahead of those of the machine."""
    plain = MachineClock()
    return round((clock() - plain()) / 1000), round((clock.steady() - plain.steady()) / 1000)


def test_a_clock_without_a_file_is_that_of_the_machine() -> None:
    assert abs(MachineClock()() - time.time() * 1000) < 1000
    assert MachineClock().moved() == Moved(0, 0)


def test_a_file_moves_the_clock_while_it_runs_and_stops_moving_it_when_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = MachineClock(file)
    assert _ahead(clock) == (0, 0)
    move_clock(file, Moved(-3600, DAY))
    assert _ahead(clock) == (DAY - 3600, DAY)
    move_clock(file, Moved(60, 0))
    assert _ahead(clock) == (60, 0)
    file.unlink()
    assert _ahead(clock) == (0, 0)


@pytest.mark.parametrize(
    "content", ["jump_seconds = ", "jump_seconds = 1.5", "jump_seconds = true", "jump = 1", "\xff"]
)
def test_a_file_that_is_not_whole_moves_nothing_and_no_process_starts_with_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "clock"
    move_clock(file, Moved(60, 0))
    clock = MachineClock(file)
    file.write_bytes(content.encode("latin-1"))
    assert _ahead(clock) == (60, 0)
    with pytest.raises(click.ClickException, match="jump_seconds and passed_seconds"):
        MachineClock(file)


# -- what the operator sees


@pytest.fixture
def place(kept: Path) -> Path:
    """A hub that has a gateway, took facts, and whose clock a file moves."""
    file = kept / "hub" / "hub.toml"
    with file.open("a", encoding="utf-8") as settings:
        settings.write(f'clock_file = "clock"\n{GATEWAY}')
    return kept / "hub"


def _doubts(place: Path, seconds: int) -> None:
    """The clock is so much off the last commit."""
    with open_hub(load_hub_config(place / "hub.toml")) as hub:
        hub.exchange.confirm_clock()
        off = int((hub.store.head().committed_at - hub.exchange.clock.wall()) / 1000)
    move_clock(place / "clock", Moved(seconds + off, 0))


def test_a_clock_that_is_believed_is_shown_as_such(schakel: Schakel, answer: Answer, kept: Path) -> None:
    told = answer("hub", "clock", "--config", kept / "hub")
    assert told["jump_seconds"] == told["moved_seconds"] == 0
    assert "believes its clock" in schakel("hub", "clock", "--config", kept / "hub").output
    assert "believes its clock" in schakel("hub", "clock", "--confirm", "--config", kept / "hub").output


@pytest.mark.parametrize(("seconds", "says"), [(DAY, "ahead, or the hub was off"), (-DAY, "behind")])
def test_a_doubt_is_shown_with_its_remedy_and_a_person_ends_it(
    schakel: Schakel, answer: Answer, place: Path, seconds: int, says: str
) -> None:
    _doubts(place, seconds)
    told = answer("hub", "clock", "--config", place)
    assert abs(told["jump_seconds"] - seconds) <= 2
    assert (told["agree"], told["differ"], told["needed"]) == (0, 0, 2)
    shown = schakel("hub", "clock", "--config", place).output
    assert "IN DOUBT" in shown
    assert "hub clock --confirm" in shown.replace("\n", " ")
    assert says in shown.replace("\n", " ")
    assert "THE CLOCK IS IN DOUBT" in schakel("hub", "status", "--config", place).output
    found = json.loads(schakel("hub", "doctor", "--config", place, "--json").stdout)["findings"]
    [clock] = [one for one in found if one["subject"] == "clock"]
    assert not clock["well"]
    assert "nothing is decided" in clock["says"]
    told = answer("hub", "clock", "--confirm", "--yes", "--config", place)
    assert told["jump_seconds"] == 0


def test_nobody_confirms_without_being_asked(schakel: Schakel, answer: Answer, place: Path) -> None:
    _doubts(place, DAY)
    assert schakel("hub", "clock", "--confirm", "--json", "--config", place).exit_code == Exit.WRONG_USE
    no = schakel("hub", "clock", "--confirm", "--config", place, typed="n\n")
    assert no.exit_code == Exit.WRONG_USE
    assert "looked at another clock" in no.output
    assert answer("hub", "clock", "--config", place)["jump_seconds"] > 0
    yes = schakel("hub", "clock", "--confirm", "--config", place, typed="y\n")
    assert "believes its clock" in yes.output
    assert answer("hub", "clock", "--config", place)["jump_seconds"] == 0  # of a new process, too


def test_a_clock_that_can_be_moved_is_shown(schakel: Schakel, answer: Answer, place: Path) -> None:
    _doubts(place, 60)
    assert "MOVABLE CLOCK" in schakel("hub", "status", "--config", place).output
    assert "MOVED" in schakel("hub", "clock", "--config", place).output
    found = json.loads(schakel("hub", "doctor", "--config", place, "--json").stdout)["findings"]
    assert [one["well"] for one in found if one["subject"] == "clock_file"] == [False]


def test_a_metric_tells_how_far_the_clock_is_off(place: Path, tmp_path: Path) -> None:
    _doubts(place, -DAY)
    with open_hub(load_hub_config(place / "hub.toml")) as hub:
        metrics = HubMetrics(hub.exchange, {}, tmp_path / "none.crt")
        [jump] = [one.samples[0].value for one in metrics.collect() if one.name == CLOCK_JUMP.name]
        assert -DAY - 2 < jump < -DAY + 2
        hub.exchange.confirm_clock()
        assert [one.samples[0].value for one in metrics.collect() if one.name == CLOCK_JUMP.name] == [0]


# -- processes


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """A hub and two edges, started again with a file each side that moves their clocks."""
    with net_of(tmp_path_factory.mktemp("clocks") / "n", TEAM, PROVIDER) as found:
        edges = [(one.process, one.settings.config.data_folder.parent / "edge.toml") for one in found.partners]
        for process, settings, name in (
            (found.hub, found.folder / "hub" / "hub.toml", "hub.clock"),
            *((process, settings, "edges.clock") for process, settings in edges),
        ):
            assert process.stop() == 0
            text = settings.read_text(encoding="utf-8")
            settings.write_text(f'clock_file = "{found.folder / name}"\n{text}', encoding="utf-8")
        for process in (found.hub, *(process for process, _ in edges)):
            process.start()
        wait_for(lambda: found.hub.events("listening"))
        wait_for(lambda: all(process.events("has-store") for process, _ in edges))
        yield found


def test_processes_go_through_time_that_passes_and_through_a_jump(net: Net, answer: Answer) -> None:
    hub, edges = net.folder / "hub.clock", net.folder / "edges.clock"

    def clock() -> dict[str, Any]:
        return dict(answer("hub", "clock", "--config", net.folder / "hub"))

    for file in (hub, edges):  # a day goes by for everybody, and nobody is in doubt
        move_clock(file, Moved(0, DAY))
    assert clock()["jump_seconds"] == 0
    move_clock(hub, Moved(DAY, DAY))
    wait_for(lambda: net.hub.events("clock-in-doubt"))
    wait_for(lambda: clock()["differ"] == 2)  # the edges ask on, and keep their time
    assert abs(clock()["jump_seconds"] - DAY) <= 2
    move_clock(edges, Moved(DAY, DAY))
    wait_for(lambda: clock()["jump_seconds"] == 0)
    wait_for(lambda: net.hub.events("clock-believed"))
    assert net.hub.events("clock-believed")[-1]["by"] == "partners"
    move_clock(hub, Moved(0, DAY))
    wait_for(lambda: clock()["jump_seconds"] < 0)
    move_clock(edges, Moved(0, DAY))  # back, they can't confirm
    wait_for(lambda: clock()["agree"] == 2)
    assert clock()["jump_seconds"] < 0
    answer("hub", "clock", "--confirm", "--yes", "--config", net.folder / "hub")
    wait_for(lambda: len(net.hub.events("clock-believed")) == 2)
    assert net.hub.events("clock-believed")[-1]["by"] == "person"
