# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The household of the demo, step by step, after the Wmo case of the grandmother.  Each step looks whether it did what it says.

9 youth help, 10 a benefit, 11 the GP tells, 12 codes, 13 the next working day, 14 what no row permits.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import cast

import orjson

from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.declarations import Declared
from adapters.edge import Edge, Tools
from adapters.witness import Witness
from consent.rules import load, national
from consent.whose import CLIENT, PARENT, Word
from deploy.story import household_messages as wrote
from deploy.story import messages
from deploy.story.case import Step, must
from deploy.story.household import HOUSE, PARTNERSHIP, SCHOOL, UWV, WORK_TEAM, YOUTH_PROVIDER, YOUTH_TEAM
from deploy.story.messages import FIRST, JEUGD, Support
from deploy.story.person import (
    CASE_OF_THE_HOUSE,
    CITIZEN,
    DAUGHTER,
    GRANDSON,
    PUPIL,
    PUPIL_AT_THE_PARTNERSHIP,
    Person,
)
from deploy.story.words import meant
from deploy.story.world import PRACTICE, PROVIDER, TEAM, Desk, World
from deploy.viewer import viewer
from schemas.calendar import day_of, next_working_day, parse_date, start_of_day
from schemas.registry import load as load_registry


def number_of(desk: Desk, person: Person) -> str:
    """The number of a client that a partner knows by BSN."""
    numbers = [client.number for client in desk.edge.clients() if client.bsn == person.bsn]
    must(len(numbers) == 1, f"{desk.who.name} knows this person as one client")
    return numbers[0]


def told(desk: Desk, number: str) -> list[tuple[str, str]]:
    """What stands in the chain views of a client, and who told it."""
    return [(line.what, line.sender_name) for view in desk.edge.view(number) for line in view.lines]


def _youth(world: World) -> list[str]:
    today = day_of(world.clock())
    support = Support(today - 10, today - 5, today + 180)
    for who in (YOUTH_TEAM, YOUTH_PROVIDER):
        world[who].put("toewijzing.xml", messages.allocation(GRANDSON, support, JEUGD))
    world.settle(world[YOUTH_TEAM], world[YOUTH_PROVIDER])
    world[YOUTH_PROVIDER].put("start.xml", messages.start(GRANDSON, support, today - 3, JEUGD))
    world.settle(world[YOUTH_TEAM], world[YOUTH_PROVIDER])
    team = world[YOUTH_TEAM]
    must(told(team, number_of(team, GRANDSON)) == [("gestart", YOUTH_PROVIDER.name)], "Team Jeugd sees the start")
    return [
        "Team Jeugd allots help to the grandson, in an iJw 301. The system of Jeugdhulp De Brug writes an iJw 305.",
        f"Team Jeugd sees {meant('gestart')}. This must be told, by law (row 8).",
    ]


def _benefit(world: World) -> list[str]:
    today = day_of(world.clock())
    uwv, team = world[UWV], world[WORK_TEAM]
    for desk in (uwv, team):
        desk.edge.import_clients([ClientRow(DAUGHTER.case_number, DAUGHTER.bsn, "")])
    uwv.edge.grant_by_person(DAUGHTER.case_number, WORK_TEAM.address, Reliance(15, "SUWI-62-0417"))
    team.edge.grant_by_person(DAUGHTER.case_number, UWV.address, Reliance(17, "PW-67-2290"))
    uwv.put("antwoord.xml", wrote.application(DAUGHTER, today))
    team.put("voorziening.json", wrote.provision(DAUGHTER, today))
    world.settle(uwv, team)
    must(told(team, DAUGHTER.case_number) == [("aangemeld", UWV.name)], "the team sees the application")
    must(told(uwv, DAUGHTER.case_number) == [("gestart", WORK_TEAM.name)], "UWV sees that help has started")
    return [
        "A professional at UWV and one at Team Participatie each name the file in which their task for the daughter stands.",
        f"Out of a SuwiML answer of UWV the team sees {meant('aangemeld')}, by row 15. Which benefit, and how much, stays at UWV.",
        f"Out of a form of the team's own system UWV sees {meant('gestart')}, by row 17.",
    ]


def _practice_tells(world: World) -> list[str]:
    talk = Conversation((TEAM.name,), born=parse_date(CITIZEN.born), adult=False)
    made = world.practice.edge.make_agreement(CITIZEN.patient_number, talk)
    must([one.recipient for one in made.made] == [TEAM.address], "the GP may tell Team Wmo")
    world.practice.put("taak.json", wrote.task(CITIZEN, day_of(world.clock())))
    world.settle(world.practice, world.team)
    must(
        ("gestart", PRACTICE.name) in told(world.team, number_of(world.team, CITIZEN)),
        "Team Wmo sees that the GP's care has started",
    )
    return [
        "The grandmother agrees to the other way round too, at her GP (row 4, consent).",
        f"The practice's system writes a FHIR Task. Team Wmo sees {meant('gestart')}.",
    ]


@dataclass(frozen=True, slots=True)
class _Paper:
    """A code on its way: who printed it, about which number there, and who types it at which client."""

    sender: Desk
    number: str
    recipient: Desk
    client: str


def _codes(world: World) -> list[str]:
    school, house, partnership = world[SCHOOL], world[HOUSE], world[PARTNERSHIP]
    provider, team = world[YOUTH_PROVIDER], world[YOUTH_TEAM]
    school.edge.import_clients([ClientRow(PUPIL, None, "")])
    partnership.edge.import_clients([ClientRow(PUPIL_AT_THE_PARTNERSHIP, None, "")])
    house.edge.import_clients([ClientRow(CASE_OF_THE_HOUSE, None, "")])
    world.practice.edge.import_clients([ClientRow(GRANDSON.patient_number, GRANDSON.bsn, "")])
    at_provider, at_team = number_of(provider, GRANDSON), number_of(team, GRANDSON)
    # What the school wrote before anybody knows whom it is about waits at the school.
    codes = [
        _agreed(_Paper(school, PUPIL, team, at_team)),
        _agreed(_Paper(provider, at_provider, world.practice, GRANDSON.patient_number)),
        _on_task(_Paper(partnership, PUPIL_AT_THE_PARTNERSHIP, school, PUPIL), 119, "SWV-18a-13"),
        _on_task(_Paper(house, CASE_OF_THE_HOUSE, team, at_team), 22, "ZVH-overleg-17"),
    ]
    school.put("plan.json", wrote.pupil(wrote.SCHOOL_SOURCE, PUPIL, ("opp", "gestart"), day_of(world.clock())))
    world.settle()
    before = told(team, at_team)
    must(before == [("gestart", YOUTH_PROVIDER.name)], "before a code is typed nothing more is told")
    must(not _typed(team, at_team, codes[1][1]), "the code for the GP opens nothing at Team Jeugd")
    for paper, code in codes:
        must(_typed(paper.recipient, paper.client, code), "the code is taken")
    must(not _typed(team, at_team, codes[0][1]), "a code is taken once")
    world.settle()
    must(told(team, at_team) == before, "who told hears of it a working day later, so nothing leaves yet")
    return [
        "Between some partners no BSN may go along, as far as the law was read. There the citizen takes a code along, on paper.",
        f"The school prints {codes[0][1]}. The grandson hands it to Team Jeugd, who types it at its own client. It works once, and there alone.",
        "So, as he and his mother agree, the school may tell Team Jeugd (row 20) and the provider his GP (row 9).",
        (
            "And on a task that a professional names, the partnership of schools may tell the school (row 119), and the Veiligheidshuis "
            "may tell Team Jeugd (row 22)."
        ),
    ]


def _typed(desk: Desk, client: str, code: str) -> bool:
    return desk.edge.enter_code(client, code, viewer(None)) is not None


def _agreed(paper: _Paper) -> tuple[_Paper, str]:
    # He is under sixteen: his own yes is needed, and his mother's besides.
    said = (Word(CLIENT), Word(PARENT))
    born = parse_date(GRANDSON.born)
    talk = Conversation((paper.recipient.who.name,), said=said, born=born, adult=False, authority=(PARENT,))
    made = paper.sender.edge.make_agreement(paper.number, talk)
    must(len(made.slips) == 1, "a slip with one code was printed")
    return paper, made.slips[0].code


def _on_task(paper: _Paper, row: int, source: str) -> tuple[_Paper, str]:
    address = paper.recipient.who.address
    paper.sender.edge.grant_by_person(paper.number, address, Reliance(row, source))
    [slip] = paper.sender.edge.print_codes(paper.number, address)
    return paper, slip.code


def _next_day(world: World) -> list[str]:
    applied = day_of(world.clock())
    world.clock.now = start_of_day(next_working_day(applied) + 1)
    today = day_of(world.clock())
    provider, team, uwv = world[YOUTH_PROVIDER], world[YOUTH_TEAM], world[UWV]
    world.settle()
    support = Support(applied - 10, applied - 5, applied + 180)
    provider.put("stop.xml", messages.stop(GRANDSON, support, applied - 3, today - 1, FIRST, JEUGD))
    world[HOUSE].put("actie.json", wrote.action(GRANDSON, today - 1))
    arrangement = ("arrangement", "toegekend")
    source = wrote.PARTNERSHIP_SOURCE
    world[PARTNERSHIP].put("steun.json", wrote.pupil(source, PUPIL_AT_THE_PARTNERSHIP, arrangement, today - 1))
    uwv.put("antwoord2.xml", wrote.application(DAUGHTER, applied, today - 1))
    world.settle()
    must(
        sorted(told(team, number_of(team, GRANDSON)))
        == [
            ("actie belegd", HOUSE.name),
            ("gestart", YOUTH_PROVIDER.name),
            ("gestart", SCHOOL.name),
            ("onderbroken", YOUTH_PROVIDER.name),
        ],
        "Team Jeugd sees what it may",
    )
    must(
        told(world[SCHOOL], PUPIL) == [("toegewezen", PARTNERSHIP.name)], "the school sees what the partnership granted"
    )
    must(
        told(world.practice, GRANDSON.patient_number) == [("onderbroken", YOUTH_PROVIDER.name)],
        "the GP sees that help was interrupted",
    )
    must(
        told(world[WORK_TEAM], DAUGHTER.case_number) == [("aangemeld", UWV.name), ("toegewezen", UWV.name)],
        "of an answer that says everything again, only what changed is told",
    )
    _look_at_notices(world)
    return [
        f"What had waited at the school leaves: Team Jeugd sees {meant('gestart')}.",
        f"The Veiligheidshuis assigns an action in a meeting. Team Jeugd sees {meant('actie belegd')}, and no minutes.",
        f"The partnership grants support at school. The school sees {meant('toegewezen')}.",
        (
            f"The youth help is interrupted (iJw 307). Team Jeugd and the GP see {meant('onderbroken')}. "
            "The school does not: nobody agreed to that."
        ),
        f"UWV answers once more, with everything again and a decision. Only what changed is told: {meant('toegewezen')}.",
    ]


def _look_at_notices(world: World) -> None:
    """Every partner that was told something has it in the format of its own system, about its own client."""
    for who in (YOUTH_TEAM, WORK_TEAM, UWV, SCHOOL, PRACTICE):
        written = [path.read_text(encoding="utf-8") for path in world[who].out()]
        must(written != [], f"the system of {who.name} has notices")
        numbers = [client.number for client in world[who].edge.clients()]
        must(all(any(number in text for number in numbers) for text in written), "each names one of its own clients")
        hidden = [value for person in (CITIZEN, DAUGHTER, GRANDSON) for value in (person.bsn, person.family_name)]
        must(not any(value in text for value in hidden for text in written), "and no BSN or name")


def _nobody_permits(world: World) -> list[str]:
    partnership, provider = world[PARTNERSHIP], world[YOUTH_PROVIDER]
    made = partnership.edge.make_agreement(PUPIL_AT_THE_PARTNERSHIP, Conversation((YOUTH_PROVIDER.name,)))
    must(made.made == (), "no grant is made")
    must("ook niet met toestemming (regel 19)" in made.asked[0], "the professional is told why")
    before = len(partnership.edge.items())
    changed = _with_changed_rules(partnership, world, 19)
    said = Declared(
        (CLIENT, PARENT), adult=True, authority=(PARENT,)
    )  # it says so; nobody can hold it to that but the table
    changed.grant_by_person(PUPIL_AT_THE_PARTNERSHIP, YOUTH_PROVIDER.address, Reliance(19, "toch", None, said))
    changed.print_codes(PUPIL_AT_THE_PARTNERSHIP, YOUTH_PROVIDER.address)
    for _ in range(2):
        world.clock.pass_by()
        asyncio.run(changed.work())
    forced = partnership.edge.outbox()
    must(len(partnership.edge.items()) > before, "the changed edge tried")
    must(
        [(line.recipient, line.why) for line in forced]
        == [(YOUTH_PROVIDER.name, "de regels van zender of ontvanger staan dit niet toe")],
        "the hub refuses it",
    )
    world.settle(partnership, provider)
    must(PARTNERSHIP.name not in {who for _, who in told(provider, number_of(provider, GRANDSON))}, "nothing came")
    return [
        (
            "The partnership would tell the provider of youth help about that support, too. Its edge makes no grant for it: row 19 "
            "closes that, and no consent opens it."
        ),
        (
            "Then somebody changes the rules inside that edge, and it sends all the same. The hub goes by the published rules "
            "of both, and refuses it (not-permitted-here)."
        ),
    ]


def _with_changed_rules(desk: Desk, world: World, row: int) -> Edge:
    """The same edge, in which somebody made a row that closes into one that permits."""
    table = orjson.loads(national(test_mode=True).raw)
    for cells in table["rows"]:
        if cells["id"] == row:
            cells["permits"], cells["reason"] = True, None
    rules = load(orjson.dumps(table, option=orjson.OPT_SORT_KEYS))
    store, verifier = desk.edge.store, desk.settings.config.hub_verifier
    must(verifier is not None, "the edge knows the key of the hub's log")
    witness = Witness(store, *cast("tuple[str, bytes]", verifier))
    client, clock = desk.line, world.clock
    tools = Tools(store, client, witness, rules, load_registry(), clock, os.urandom, spread_days=0)
    return Edge(desk.edge.identity, tools)


HOUSEHOLD_STEPS = (
    Step("Help for the grandson", _youth),
    Step("A benefit for the daughter", _benefit),
    Step("The GP tells the municipality", _practice_tells),
    Step("A code instead of a number", _codes),
    Step("The next working day", _next_day),
    Step("A message that no row permits", _nobody_permits),
)
# Somebody would like to tell somebody: whom would that take?
WHO_IS_ASKED = (
    (PROVIDER, PRACTICE),
    (WORK_TEAM, SCHOOL),
    (PARTNERSHIP, YOUTH_PROVIDER),
    (HOUSE, PRACTICE),
    (SCHOOL, UWV),
)
