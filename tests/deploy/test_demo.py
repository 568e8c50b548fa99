# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.formats import READERS
from adapters.formats.native import FormatConfig
from deploy.compose import machine_clock
from deploy.demo import tell
from deploy.exits import Exit
from deploy.screen import Screen
from deploy.story import case, messages
from deploy.story.case import STEPS, Step, StoryError
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, World, make_world, open_world
from schemas.calendar import day_of, parse_date, start_of_day
from tests.deploy.conftest import Schakel

XSDS = Path(__file__).parents[3] / "shared" / "standards" / "iwmo_ijw" / "xsd" / "iwmo-3.2"


def test_the_demo_tells_the_whole_story_ends_well_and_prints_neither_bsn_nor_name(schakel: Schakel) -> None:
    result = schakel("demo")
    assert result.exit_code == Exit.DONE, result.output
    for number, step in enumerate(STEPS, 1):
        assert f"{number}. {step.title}" in result.output
    for words in ("beëindigd (voortijdig)", "toegewezen", "The log is SOUND", "Nothing of it is there", "demo only"):
        assert words in result.output
    told = (CITIZEN.bsn, CITIZEN.family_name, CITIZEN.given_name, CITIZEN.remark)
    assert not any(value in result.output for value in told)


def test_a_program_gets_one_json_value(schakel: Schakel, tmp_path: Path) -> None:
    result = schakel("demo", "--keep", tmp_path / "new", "--json")
    told = json.loads(result.stdout)
    assert told["ok"] is True
    assert told["log"]["sound"] is True
    assert told["hub"]["found"] == []
    assert [line["what"] for view in told["views"]["Huisartsenpraktijk De Linde"] for line in view["lines"]] == [
        "gewijzigd"
    ]


def test_the_demo_overwrites_nothing(schakel: Schakel, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = schakel("demo", "--keep", tmp_path)
    assert result.exit_code == Exit.WRONG_USE
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    "planted",
    [
        CITIZEN.bsn[:3].encode() + b"." + CITIZEN.bsn[3:6].encode() + b"." + CITIZEN.bsn[6:].encode(),
        CITIZEN.family_name.upper().encode("utf-16"),
    ],
    ids=["BSN with dots", "name in another encoding"],
)
def test_the_demo_does_not_hold_when_something_of_the_citizen_is_planted_at_the_hub(
    tmp_path: Path, planted: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def plant(folder: Path) -> None:
        (folder / "hub" / "data" / "leak.tmp").write_bytes(b"some bytes " + planted + b" and more")

    assert tell(tmp_path / "demo", Screen(as_json=True), kept=True, before_search=plant) is False
    found = json.loads(capsys.readouterr().out)["hub"]["found"]
    assert {one["file"].split("/")[-1] for one in found} == {"leak.tmp"}


@pytest.mark.parametrize("left_out", [1, 2, 3, 4, 5])
def test_a_story_from_which_a_step_is_left_out_does_not_hold(tmp_path: Path, left_out: int) -> None:
    """Without what it rests on, a later step ends the story: the looking is real."""
    make_world(tmp_path / "demo")
    steps = [step for number, step in enumerate(STEPS, 1) if number != left_out]
    with (
        open_world(tmp_path / "demo", DemoClock(machine_clock())) as world,
        pytest.raises(StoryError, match="the story does not hold"),
    ):
        _tell_all(steps, world)


def _tell_all(steps: list[Step], world: World) -> None:
    for step in steps:
        step.tell(world)


def test_a_withdrawal_that_did_not_work_would_be_seen(tmp_path: Path) -> None:
    make_world(tmp_path / "demo")
    with open_world(tmp_path / "demo", DemoClock(machine_clock())) as world:
        for step in STEPS[:5]:
            step.tell(world)
        world.team.put("status2.json", messages.status(CITIZEN, messages.REVIEW_TYPE, 2, day_of(world.clock()) - 1))
        world.settle()
        with pytest.raises(StoryError, match="does not hold: the GP is not told"):
            case.must("in onderzoek" not in case.seen(world.practice), "the GP is not told")


def test_the_clock_of_the_story_never_goes_over_midnight() -> None:
    midnight = start_of_day(parse_date("2026-03-12"))
    for minutes in range(0, 60, 5):
        clock = DemoClock(midnight + minutes * 60_000)
        first = day_of(clock())
        clock.pass_by(10 * 60_000)
        assert day_of(clock()) == first
        assert clock() <= midnight + minutes * 60_000


@pytest.mark.parametrize("now", ["2027-01-01T00:05", "2027-02-28T23:59", "2027-03-28T03:10", "2028-02-29T09:00"])
def test_the_story_holds_on_whatever_day_it_is_told(tmp_path: Path, now: str) -> None:
    """At the turn of a year and a month, when the clock changes, and on a leap day."""
    then = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Amsterdam"))
    make_world(tmp_path / "demo")
    with open_world(tmp_path / "demo", DemoClock(int(then.timestamp()) * 1000)) as world:
        _tell_all(list(STEPS), world)
    assert world.traces == []


def test_the_messages_of_the_story_are_valid_by_the_official_xsds() -> None:
    if not XSDS.is_dir():
        pytest.skip("the official XSDs are not at hand")
    reader = READERS["iwmo"](FormatConfig(xsd_dir=XSDS))
    today = parse_date("2026-03-12")
    support = messages.Support(today - 20, today - 14, today + 180)
    for raw in (
        messages.allocation(CITIZEN, support),
        messages.start(CITIZEN, support, today - 12),
        messages.stop(CITIZEN, support, today - 12, today - 2, messages.FIRST),
        messages.stop(CITIZEN, support, today - 12, today - 2, messages.REMOVAL),
    ):
        assert len(reader.read(raw)) == 1
