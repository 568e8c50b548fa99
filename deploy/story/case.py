# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The case of the demo, step by step.  Each step does something real and then looks whether it did what it says.

1 allocation, 2 start, 3 agreement, 4 status to the GP, 5 stop of support, 6 agreement ended, 7 forgery, 8 mistake.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.seal import Sealed, sign_frames
from deploy.story import messages
from deploy.story.messages import FIRST, REMOVAL, Support
from deploy.story.person import CITIZEN
from deploy.story.words import meant
from deploy.story.world import PRACTICE, Desk, World
from schemas.calendar import day_of, parse_date
from schemas.codes import Code
from schemas.envelope import parse
from schemas.signing import SigningKey


class StoryError(Exception):
    """A step did not do what it says."""


def must(holds: bool, sentence: str) -> None:
    """Ends the story when something is not as told.

    Raises:
        StoryError: it is not.
    """
    if not holds:
        raise StoryError(f"the story does not hold: {sentence}")


@dataclass(frozen=True, slots=True)
class Step:
    """A step: its title, and what it does; that gives the sentences about what happened."""

    title: str
    tell: Callable[[World], list[str]]


def _support(world: World) -> Support:
    today = day_of(world.clock())
    return Support(allotted=today - 20, begin=today - 14, end=today + 180)


def seen(desk: Desk) -> list[str]:
    """What stands in the chain view of the citizen, in order of its day."""
    return [line.what for view in desk.edge.view(_number_at(desk)) for line in view.lines]


def _number_at(desk: Desk) -> str:
    numbers = [client.number for client in desk.edge.clients() if client.bsn == CITIZEN.bsn]
    must(len(numbers) == 1, f"{desk.who.name} knows the citizen as one client")
    return numbers[0]


def _settle(world: World) -> None:
    world.settle(world.team, world.provider, world.practice)


def _allocation(world: World) -> list[str]:
    message = messages.allocation(CITIZEN, _support(world))
    world.team.put("toewijzing.xml", message)
    world.provider.put("toewijzing.xml", message)
    _settle(world)
    must(seen(world.provider) == ["toegewezen"], "the provider sees the allocation")
    must(len(world.team.edge.grants()) == 1, "the team has one grant: it may tell the provider (row 1)")
    must(len(world.provider.edge.grants()) == 1, "the provider has one grant: it may tell the team (row 2)")
    return [
        "Team Wmo's own system allots support to the grandmother, in an iWmo 301. The provider's system gets the same message.",
        "Each of the two edges makes the grant in which it is the sender, and introduces the client to the other, sealed.",
        f"The provider sees {meant('toegewezen')}.",
    ]


def _start(world: World) -> list[str]:
    world.provider.put("start.xml", messages.start(CITIZEN, _support(world), day_of(world.clock()) - 12))
    _settle(world)
    must(seen(world.team) == ["gestart"], "the team sees the start")
    return [f"The provider's system writes an iWmo 305. Team Wmo sees {meant('gestart')}."]


def _agreement(world: World) -> list[str]:
    world.practice.edge.import_clients([ClientRow(CITIZEN.patient_number, CITIZEN.bsn, "zvw-zorg")])
    number = _number_at(world.team)
    talk = Conversation((PRACTICE.name,), born=parse_date(CITIZEN.born), adult=False)
    made = world.team.edge.make_agreement(number, talk)
    must(len(made.made) == 1, "one consent was made, for the GP")
    must("Stopcode" in made.receipt, "the citizen gets a receipt with a stop code")
    _settle(world)
    must(world.practice.edge.grants() == [], "the GP may tell nobody: the agreement is one way")
    must(seen(world.practice) == [], "what happened before the agreement is not told afterwards")
    return [
        "She and a professional of Team Wmo agree: her GP may know that support starts, changes and stops (row 5, consent).",
        "What happened before is not told: what the GP sees of her is empty.",
    ]


def _status(world: World) -> list[str]:
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 1, day_of(world.clock()) - 3)
    world.team.put("status.json", event)
    world.work(world.team)
    must(world.hub.store.counts()["waiting"] > 0, "sealed envelopes wait at the hub for their recipients")
    world.look()  # while they wait, with the keys of the waiting payloads in its key file
    _settle(world)
    must(seen(world.practice) == ["gewijzigd"], "the GP sees the change")
    tasks = [json.loads(path.read_bytes()) for path in world.practice.out()]
    must([task["resourceType"] for task in tasks] == ["Task"], "the GP's system has one FHIR Task")
    must(tasks[0]["for"]["identifier"]["value"] == CITIZEN.patient_number, "it names the GP's own patient number")
    must(CITIZEN.bsn not in json.dumps(tasks), "it holds no BSN")
    must(tasks[0]["description"].endswith("niet geverifieerd"), "it says that nobody verified it")
    return [
        f"The municipality's case system writes a CloudEvent: {meant('gewijzigd')}. It leaves sealed, with the category progress alone.",
        "The GP's system gets a FHIR Task about its own patient, which says the same in Dutch, and that nobody verified it.",
    ]


def _stop(world: World) -> list[str]:
    today = day_of(world.clock())
    world.provider.put("stop.xml", messages.stop(CITIZEN, _support(world), today - 12, today - 2, FIRST))
    _settle(world)
    must("beëindigd (voortijdig)" in seen(world.team), "the team sees the end of support")
    must(seen(world.practice) == ["gewijzigd"], "the provider has no ground to tell the GP, so it did not")
    return [
        f"The provider's system writes an iWmo 307. Team Wmo sees {meant('beëindigd (voortijdig)')}.",
        "The GP sees nothing of it: nobody agreed that this provider may tell this GP.",
    ]


def _agreement_ended(world: World) -> list[str]:
    agreed = world.team.edge.agreements(_number_at(world.team))
    must([one.state for one in agreed] == ["given"], "one consent stands")
    known = asyncio.run(world.team.edge.end_agreement(agreed[0].id))
    must(known, "the hub knows at once")
    event = messages.status(CITIZEN, messages.REVIEW_TYPE, 2, day_of(world.clock()) - 1)
    world.team.put("heronderzoek.json", event)
    _settle(world)
    must("in onderzoek" in seen(world.provider), "the provider, with whom nothing changed, is told")
    must("in onderzoek" not in seen(world.practice), "the GP is not told")
    must(len(world.practice.out()) == 1, "no further Task at the GP")
    return [
        "She withdraws her consent. The grant is stopped at the hub before anything else is sent.",
        f"What the case system writes next, {meant('in onderzoek')}, goes to the provider, and does not reach the GP.",
    ]


def _forgery(world: World) -> list[str]:
    before = (seen(world.practice), seen(world.provider), seen(world.team))
    genuine = parse(world.team.line.sent[-1])
    pieces = Sealed(genuine.header, genuine.box, genuine.listing, genuine.parts, genuine.retraction)
    resigned = sign_frames([pieces], SigningKey(b"the key of somebody else, ha ha!"))[0]
    changed = genuine.raw[:-1] + bytes([genuine.raw[-1] ^ 1])
    exchange = world.hub.exchange
    must(
        exchange.send(world.team.who.address, [resigned]) == [Code.BAD_SIGNATURE],
        "an envelope in the team's name under another's signature is refused",
    )
    must(exchange.send(world.team.who.address, [changed]) == [Code.MALFORMED], "one with a changed byte is refused")
    must(
        exchange.send(world.practice.who.address, [genuine.raw]) == [Code.NOT_YOURS],
        "the team's own envelope, sent over another's connection, is refused",
    )
    _settle(world)
    must(before == (seen(world.practice), seen(world.provider), seen(world.team)), "nobody was told anything")
    return [
        (
            "Somebody who listened signs the team's envelope anew (bad-signature), changes a byte of it (malformed), and sends "
            "the genuine one over another's connection (not-yours)."
        ),
        "The hub refuses all three, each with that code, and counts them.",
    ]


def _mistake(world: World) -> list[str]:
    today = day_of(world.clock())
    must("beëindigd (voortijdig)" in seen(world.team), "the end of support stands in the team's chain view")
    world.provider.put("stop-verwijderd.xml", messages.stop(CITIZEN, _support(world), today - 12, today - 2, REMOVAL))
    _settle(world)
    must(seen(world.team) == ["gestart"], "the end of support is gone from the team's chain view")
    return [
        "The end of support was a mistake: the provider's system removes it (StatusAanlevering 3 in the iWmo 307).",
        "The retraction reaches Team Wmo, and that end is gone from what it sees.",
    ]


STEPS = (
    Step("Allocation", _allocation),
    Step("Start of support", _start),
    Step("An agreement that lets the GP know", _agreement),
    Step("A status that reaches the GP", _status),
    Step("Stop of support", _stop),
    Step("The agreement ended", _agreement_ended),
    Step("A forged envelope", _forgery),
    Step("A mistake called back", _mistake),
)
