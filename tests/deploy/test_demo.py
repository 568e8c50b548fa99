# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.formats import READERS
from adapters.formats.native import FormatConfig
from adapters.workplace import EdgeError
from consent.rules import national
from deploy.compose import machine_clock
from deploy.demo import tell
from deploy.dutch import closed_by, who_is_asked
from deploy.exits import Exit
from deploy.screen import Screen
from deploy.story import case, messages
from deploy.story import household_messages as wrote
from deploy.story.case import STEPS, Step, StoryError
from deploy.story.household_case import HOUSEHOLD_STEPS
from deploy.story.person import CITIZEN, DAUGHTER, GRANDSON, PUPIL, household_secrets
from deploy.story.story import ONE_CASE, THE_HOUSEHOLD
from deploy.story.words import asked_of, why_closed
from deploy.story.world import DemoClock, World, make_world, open_world, two_days_before
from schemas.calendar import day_of, next_working_day, parse_date, start_of_day
from schemas.event import Kind, Law
from tests.deploy.conftest import Schakel

XSDS = Path(__file__).parents[3] / "shared" / "standards" / "iwmo_ijw" / "xsd"


TEAM, PRACTICE, YOUTH = "Team Wmo Voorbeeldstad", "Huisartsenpraktijk De Linde", "Jeugdhulp De Brug"
WORK, UWV = "Team Participatie Voorbeeldstad", "UWV Voorbeeldregio"
# Written down here by itself: what each partner knows in the end, of whom, and from whom.
KNOWS = {
    TEAM: [("grandmother", "gestart", "Zorg Thuis Voorbeeld"), ("grandmother", "gestart", PRACTICE)],
    "Zorg Thuis Voorbeeld": [
        ("grandmother", "toegewezen", TEAM),
        ("grandmother", "gewijzigd", TEAM),
        ("grandmother", "in onderzoek", TEAM),
    ],
    PRACTICE: [("grandmother", "gewijzigd", TEAM), ("grandson", "onderbroken", YOUTH)],
    "Team Jeugd Voorbeeldstad": [
        ("grandson", "gestart", "School De Regenboog"),
        ("grandson", "gestart", YOUTH),
        ("grandson", "onderbroken", YOUTH),
        ("grandson", "actie belegd", "Veiligheidshuis Voorbeeldregio"),
    ],
    YOUTH: [("grandson", "toegewezen", "Team Jeugd Voorbeeldstad")],
    WORK: [("daughter", "aangemeld", UWV), ("daughter", "toegewezen", UWV)],
    UWV: [("daughter", "gestart", WORK)],
    "School De Regenboog": [("grandson", "toegewezen", "Samenwerkingsverband Voorbeeldstad")],
    "Samenwerkingsverband Voorbeeldstad": [],
    "Veiligheidshuis Voorbeeldregio": [],
}


def test_the_demo_tells_the_whole_story_ends_well_and_prints_nothing_of_the_people(schakel: Schakel) -> None:
    result = schakel("demo")
    assert result.exit_code == Exit.DONE, result.output
    for number, step in enumerate(THE_HOUSEHOLD.steps, 1):
        assert f"{number}. {step.title}" in result.output
    for words in ("beëindigd (voortijdig)", "actie belegd", "The log is SOUND", "Nothing of it is there", "demo only"):
        assert words in result.output
    assert "nobody: the law does not let it" in result.output
    assert not [label for label, value in household_secrets().all() if value in result.output]


def test_a_program_gets_one_json_value_with_what_each_partner_knows_and_nobody_knows_more(
    schakel: Schakel, tmp_path: Path
) -> None:
    result = schakel("demo", "--keep", tmp_path / "new", "--json")
    told = json.loads(result.stdout)
    assert told["ok"] is True
    assert told["log"]["sound"] is True
    assert told["log"]["differs"] == 0
    assert told["hub"]["found"] == []
    assert {
        name: [(view["about"], line["what"], line["told_by"]) for view in views for line in view["lines"]]
        for name, views in told["views"].items()
    } == KNOWS
    assert [(one["from"], one["row"]) for one in told["asked"]] == [
        ("Zorg Thuis Voorbeeld", 901),
        (WORK, 18),
        ("Samenwerkingsverband Voorbeeldstad", 19),
        ("Veiligheidshuis Voorbeeldregio", 23),
        ("School De Regenboog", 914),
    ]
    # What was left works with the other commands too.
    shown = schakel("grant", "ways", "Jeugdhulp De Brug", "--config", tmp_path / "new" / "samenwerkingsverband")
    assert "niemand: de wet laat het niet toe" in shown.output
    declared = ("--with", "School De Regenboog", "--row", "18", "--source", "verklaring-7")
    client = ("grant", "make", DAUGHTER.case_number, *declared, "--config", tmp_path / "new" / "team-participatie")
    assert "van wie de schriftelijke verklaring" in schakel(*client).output
    assert "druk een code af" in schakel(*client, "--declared-by", "client", "--adult").output


def test_what_the_demo_says_in_english_of_a_row_is_what_the_screen_says_in_dutch() -> None:
    """Each English sentence stands for one Dutch one and the reverse, over all rows and grounds."""
    rows = national(test_mode=True).rows.values()
    said = {(asked_of(row, ground), who_is_asked(row, ground)) for row in rows for ground in row.grounds}
    said |= {(why_closed(row), closed_by(row)) for row in rows}
    assert len(said) > 8
    assert len({english for english, _ in said}) == len({dutch for _, dutch in said}) == len(said)


def test_the_demo_says_of_every_dutch_word_what_it_means(schakel: Schakel) -> None:
    said = schakel("demo").output
    for word in ("toegewezen", "gestart", "gewijzigd", "onderbroken", "aangemeld", "in onderzoek", "actie belegd"):
        assert set(re.findall(rf"\b{word}\b(?! ?\()", said)) == set(), word
    assert "niets" not in said
    assert "niemand" not in said


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

    assert tell(tmp_path / "demo", Screen(as_json=True), kept=True, before_search=plant, story=ONE_CASE) is False
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


@pytest.mark.parametrize("value", [PUPIL, GRANDSON.bsn, DAUGHTER.given_name])
def test_the_search_knows_everybody_of_the_household(tmp_path: Path, value: str) -> None:
    make_world(tmp_path / "demo", THE_HOUSEHOLD.partners)
    clock = DemoClock(machine_clock())
    with open_world(tmp_path / "demo", clock, THE_HOUSEHOLD.partners, THE_HOUSEHOLD.secrets) as world:
        world.look()
        assert world.traces == []
        (tmp_path / "demo" / "hub" / "data" / "leak.tmp").write_bytes(value.lower().encode())
        world.look()
        assert {trace.file.split("/")[-1] for trace in world.traces} == {"leak.tmp"}


@pytest.mark.parametrize("left_out", [0, 1, 3])
def test_a_household_of_which_a_step_is_left_out_does_not_hold(tmp_path: Path, left_out: int) -> None:
    make_world(tmp_path / "demo", THE_HOUSEHOLD.partners)
    steps = [*STEPS[:3], *(step for number, step in enumerate(HOUSEHOLD_STEPS) if number != left_out)]
    clock = DemoClock(two_days_before(machine_clock()))
    with (
        open_world(tmp_path / "demo", clock, THE_HOUSEHOLD.partners) as world,
        pytest.raises((StoryError, EdgeError)),
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


@pytest.mark.parametrize("now", ["2027-01-04T00:05", "2028-03-01T09:00"])
def test_the_household_holds_over_the_turn_of_a_year_and_of_a_month(tmp_path: Path, now: str) -> None:
    then = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Amsterdam"))
    clock = DemoClock(two_days_before(int(then.timestamp()) * 1000))
    make_world(tmp_path / "demo", THE_HOUSEHOLD.partners)
    with open_world(tmp_path / "demo", clock, THE_HOUSEHOLD.partners, THE_HOUSEHOLD.secrets) as world:
        _tell_all(list(THE_HOUSEHOLD.steps), world)
        assert clock() < int(then.timestamp()) * 1000
    assert world.traces == []


def test_a_story_of_two_days_begins_so_that_it_is_over() -> None:
    first = parse_date("2027-01-01")
    for day in range(first, first + 14):
        for minutes in (0, 5, 1435):
            now = start_of_day(day) + minutes * 60_000
            begun = day_of(two_days_before(now))
            assert next_working_day(begun) + 1 < day_of(now)
            assert day - begun <= 6


def test_what_the_other_systems_write_is_one_fact_each_and_says_more_than_that() -> None:
    day = parse_date("2026-03-12")
    config = FormatConfig(
        cloudevent_types={
            wrote.ACTION_TYPE: (Kind.ACTIE_BELEGD, Law.WGS),
            "suwi:beslissing:01": (Kind.TOEGEWEZEN, Law.SUWI),
        },
        laws={"fhir": Law.ZVW},
        own_number_system=messages.PATIENT_NUMBERS,
    )
    plan = wrote.pupil(wrote.SCHOOL_SOURCE, PUPIL, ("opp", "gestart"), day)
    for name, raw, kinds, law in (
        ("fhir", wrote.task(CITIZEN, day), ["gestart"], Law.ZVW),
        ("suwi", wrote.application(DAUGHTER, day, day), ["aangemeld", "toegewezen"], Law.SUWI),
        ("team", wrote.provision(DAUGHTER, day), ["gestart"], Law.PARTICIPATIEWET),
        ("school", plan, ["gestart"], Law.ONDERWIJS),
        ("corv", wrote.action(GRANDSON, day), ["actie-belegd"], Law.WGS),
    ):
        events = READERS[name](config).read(raw)
        assert [event.event.kind.value for event in events] == kinds
        assert {event.event.law for event in events} == {law}
        parts = json.dumps([event.event.parts(["progress", "service"]) for event in events])
        assert not any(value in parts for _, value in household_secrets().all())
    assert CITIZEN.remark in wrote.task(CITIZEN, day).decode()
    assert GRANDSON.family_name in wrote.action(GRANDSON, day).decode()


@pytest.mark.parametrize("standard", [messages.WMO, messages.JEUGD], ids=lambda one: one.name)
def test_the_messages_of_the_story_are_valid_by_the_official_xsds(standard: messages.Standard) -> None:
    folder = XSDS / f"{standard.name}-3.2"
    if not folder.is_dir():
        pytest.skip("the official XSDs are not at hand")
    config = FormatConfig(xsd_dir=folder) if standard is messages.WMO else FormatConfig(ijw_xsd_dir=folder)
    reader = READERS[standard.name](config)
    today = parse_date("2026-03-12")
    support = messages.Support(today - 20, today - 14, today + 180)
    for raw in (
        messages.allocation(CITIZEN, support, standard),
        messages.start(CITIZEN, support, today - 12, standard),
        messages.stop(CITIZEN, support, today - 12, today - 2, messages.FIRST, standard),
        messages.stop(CITIZEN, support, today - 12, today - 2, messages.REMOVAL, standard),
    ):
        assert len(reader.read(raw)) == 1
