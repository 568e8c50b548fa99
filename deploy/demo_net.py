# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The case of the demo over a network: one hub and three edges, each a process, over mutual TLS on loopback.

In the middle the provider's edge, the practice's edge and the hub are killed (SIGKILL, each by its own id) and started
again.  Every step looks whether it did what it says; what was told is told once; the hub's folder is searched for everything
of the citizen.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.connections.https import HttpsClient, HubRefusedError, Place, Signer
from adapters.edge import Edge
from deploy.compose import machine_clock, open_hub
from deploy.dev_ca import DevCa
from deploy.entries import pages
from deploy.net import Net, set_up
from deploy.office import open_office
from deploy.prometheus import FILE as PROMETHEUS_FILE
from deploy.screen import Screen, bad, good, note, plain
from deploy.story import messages
from deploy.story.case import must
from deploy.story.messages import FIRST, REMOVAL, Support
from deploy.story.person import CITIZEN
from deploy.story.words import meant
from deploy.story.world import PRACTICE
from hub.audit import verify as outsider
from hub.audit.export import write_export
from hub.audit.replay import replay
from hub.client import HubUnavailableError
from schemas.address import oin_of
from schemas.calendar import day_of, parse_date
from schemas.signing import SigningKey


def tell(folder: Path, screen: Screen, *, kept: bool) -> bool:
    """The whole story in `folder`, which is `kept` for other commands or not; whether it held.

    Raises:
        StoryError: a step did not do what it says.
    """
    began = since = time.monotonic()
    screen.say(note("One machine, four processes, certificates for tests: that is for the demo only."))
    screen.say(note("Everything leaves at once here; else it leaves over two working days, each at its own moment."))
    screen.say(plain("Making keys and certificates, starting a hub and three edges ..."), "")
    told = []
    with ExitStack() as stack:
        net = set_up(folder, stack)
        for number, (title, step) in enumerate(STEPS, 1):
            sentences = step(net)
            told.append({"step": title, "happened": sentences, "seconds": round(time.monotonic() - since, 1)})
            screen.say(good(f"{number}. {title} ({told[-1]['seconds']} s)"), *(plain("   " + one) for one in sentences))
            since = time.monotonic()
        log = _log(net)
    ok = bool(log["sound"]) and not net.found
    seconds = round(time.monotonic() - began, 1)
    screen.say("", *(bad(f"FOUND: {one}.") for one in net.found))
    if ok:
        screen.say(
            good("Nothing was lost, nothing was told twice, and nothing of the citizen is at the hub."),
            plain(
                f"The log of {log['entries']} entries is sound; {log['same']} decisions come out the same. {seconds} s."
            ),
        )
    screen.say("", *_what_next(folder, kept=kept))
    screen.answer({"story": told, "found": net.found, "log": log, "seconds": seconds, "ok": ok})
    return ok


def _what_next(folder: Path, *, kept: bool) -> list[RenderableType]:
    if not kept:
        return [plain("Try next: schakel demo-net --keep DIR   leaves everything, for the other commands to work on.")]
    lines = [
        "Try next:",
        f"  schakel edge view --config {folder}/huisarts       what the GP was told",
        f"  schakel audit verify --config {folder}/hub         whether the log holds",
        f"  schakel hub run --config {folder}/hub              the hub again, until Ctrl-C; and in other windows:",
        f"  schakel edge run --config {folder}/team-wmo        an edge again",
        f"  schakel edge doctor --config {folder}/team-wmo     what is well and what is not",
        f"  prometheus --config.file {folder}/{PROMETHEUS_FILE}   their metrics and alerts, on http://localhost:9090",
    ]
    return [plain(line) for line in lines]


# -- the case ----------------------------------------------------------------------------------------------------


def _support() -> Support:
    today = day_of(machine_clock())
    return Support(allotted=today - 20, begin=today - 14, end=today + 180)


def _admission(net: Net) -> list[str]:
    with open_office(net.config) as office:
        states = [one["state"] for one in office("partners", {})["partners"]]
    must(states == ["admitted"] * 3, "three partners are admitted")
    must(oin_of(net.practice.who.address).startswith("99"), "the practice has a number of the hub")
    return [
        "The hub invited three partners; each made its keys and its join file; fingerprints compared, admitted.",
        "The practice has no OIN: it got a number and a certificate of the hub's accession authority.",
    ]


def _allocation(net: Net) -> list[str]:
    message = messages.allocation(CITIZEN, _support())
    net.team.put("toewijzing.xml", message)
    net.provider.put("toewijzing.xml", message)
    net.sees(net.provider, ["toegewezen"])
    return [
        f"Team Wmo's system wrote an iWmo 301 into a folder; over two TLS connections the provider sees {meant('toegewezen')}."
    ]


def _start_and_kill(net: Net) -> list[str]:
    net.provider.put("start.xml", messages.start(CITIZEN, _support(), day_of(machine_clock()) - 12))
    net.until(lambda: not net.provider.waiting(), "the provider's edge takes the file")
    net.provider.process.kill()
    net.provider.process.start()
    net.sees(net.team, ["gestart"])
    return [
        "The provider's system wrote an iWmo 305. Its edge was killed the moment that it had taken the file.",
        f"Started again, it went on. Team Wmo sees {meant('gestart')}, once.",
    ]


def _agreement(net: Net) -> list[str]:
    with net.practice.desk() as edge:
        edge.import_clients([ClientRow(CITIZEN.patient_number, CITIZEN.bsn, "zvw-zorg")])
    with net.team.desk() as edge:
        talk = Conversation((PRACTICE.name,), born=parse_date(CITIZEN.born), adult=False)
        made = edge.make_agreement(_number(edge), talk)
    must(len(made.made) == 1, "one consent was made, for the GP")

    def is_introduced() -> bool:
        with net.team.desk() as edge:
            return all(one.introduced for one in edge.grants())

    net.until(is_introduced, "the GP practice was introduced")
    must(net.practice.seen() == [], "what happened before the agreement is not told afterwards")
    return ["At the desk, while the edge runs: citizen and professional agree that the GP may know."]


def _status_while_the_hub_is_killed(net: Net) -> list[str]:
    net.practice.process.kill()
    event = messages.status(CITIZEN, messages.STATUS_TYPE, 1, day_of(machine_clock()) - 3)
    net.team.put("status.json", event)
    net.until(lambda: net.status()["waiting"] > 0, "a sealed envelope waits at the hub")
    net.hub.kill()
    net.look()
    today = day_of(machine_clock())
    net.provider.put("stop.xml", messages.stop(CITIZEN, _support(), today - 12, today - 2, FIRST))
    net.until(lambda: not net.provider.waiting(), "an edge takes files while the hub is away")
    must(net.team.seen() == ["gestart"], "nothing is told while the hub is away")
    net.hub.start()
    net.practice.process.start()
    net.sees(net.practice, ["gewijzigd"])
    net.sees(net.team, ["gestart", "beëindigd (voortijdig)"])
    tasks = [json.loads(path.read_bytes()) for path in net.practice.out()]
    must([task["resourceType"] for task in tasks] == ["Task"], "the GP's system has one FHIR Task")
    must(tasks[0]["for"]["identifier"]["value"] == CITIZEN.patient_number, "it names the GP's own patient number")
    return [
        "A status left for the GP practice, whose edge was killed; while it waited at the hub, the hub was killed too.",
        "The provider's system wrote an iWmo 307 meanwhile: its edge took it and kept it.",
        f"Both started again. The GP sees {meant('gewijzigd')}, once.",
        f"Team Wmo sees {meant('beëindigd (voortijdig)')}, also once.",
    ]


def _agreement_ended(net: Net) -> list[str]:
    with net.team.desk() as edge:
        agreed = edge.agreements(_number(edge))
        must([one.state for one in agreed] == ["given"], "one consent stands")
        must(asyncio.run(edge.end_agreement(agreed[0].id)), "the hub knows at once")
    event = messages.status(CITIZEN, messages.REVIEW_TYPE, 2, day_of(machine_clock()) - 1)
    net.team.put("heronderzoek.json", event)
    net.until(lambda: "in onderzoek" in net.provider.seen(), "the provider, with whom nothing changed, is told")
    must(net.practice.seen() in (["gewijzigd"], []), "the GP is not told")
    must(len(net.practice.out()) == 1, "no further Task at the GP")
    return ["The citizen withdraws; the stop is in force before the command ends. The GP is told nothing more."]


def _stranger(net: Net) -> list[str]:
    team = net.team.settings.config
    mine = Place(team.hub_url or "", team.hub_certificate, team.hub_certificate_key, (team.hub_authorities,))
    other = DevCa(net.folder / "other-ca", machine_clock() // 1000, strict=False)
    files = other.client(oin_of(team.address), "stranger")
    signer = Signer(
        team.address, lambda: SigningKey(b"the key of somebody else, ha ha!"), lambda: None, machine_clock, os.urandom
    )

    async def ask(place: Place) -> str:
        async with HttpsClient(place, signer) as client:
            try:
                await client.handles()
            except HubRefusedError as error:
                return error.name
            except HubUnavailableError:
                return "no connection"
            return "answered"

    must(asyncio.run(ask(mine)) == "unknown-sender", "the right certificate with another's signature is refused")
    stranger = replace(mine, certificate=files.certificate, key=files.key)
    must(asyncio.run(ask(stranger)) == "no connection", "a certificate of another authority gets no connection")
    return ["A stolen certificate without the role's key, and a certificate of another authority, get nowhere."]


def _mistake(net: Net) -> list[str]:
    today = day_of(machine_clock())
    net.provider.put("verwijderd.xml", messages.stop(CITIZEN, _support(), today - 12, today - 2, REMOVAL))
    net.sees(net.team, ["gestart"])
    return ["The stop was a mistake: the retraction reached Team Wmo, and the end of support is gone from its view."]


def _end(net: Net) -> list[str]:
    for one in net.partners:
        with one.desk() as edge:
            must(not any(item.asks for item in edge.items()), f"nothing of {one.who.name} asks for a person")
            must(not edge.notices(), f"every notice of {one.who.name} was written")
    net.until(lambda: net.status()["waiting"] == 0, "nothing waits at the hub")
    for process in (*(one.process for one in net.partners), net.hub):
        must(process.stop() == 0, "every process ends in order")
    net.look()
    return ["Asked to end, all four processes finished what they had in hand and ended with 0."]


def _number(edge: Edge) -> str:
    numbers = [client.number for client in edge.clients() if client.bsn == CITIZEN.bsn]
    must(len(numbers) == 1, "the citizen is known as one client")
    return numbers[0]


def _log(net: Net) -> dict[str, object]:
    """What an outsider finds in the log, read from the store that the killed and restarted hub left."""
    with open_hub(net.config) as hub:
        size = hub.store.head().size
        entries = [item for _, page in pages(hub.store, 0, size) for item in page]
        newest = hub.log.checkpoint(machine_clock())
        report = outsider.verify_export(write_export(entries, [newest]), hub.log.verifier_key)
        replayed = replay(entries, hub.rules.table)
    return {"sound": report.ok and not replayed.differs, "entries": size, "same": replayed.same}


STEPS: tuple[tuple[str, Callable[[Net], list[str]]], ...] = (
    ("Invited, joined, admitted", _admission),
    ("Allocation", _allocation),
    ("Start of support; the provider's edge is killed", _start_and_kill),
    ("An agreement that lets the GP know", _agreement),
    ("A status, while the GP's edge and then the hub are killed", _status_while_the_hub_is_killed),
    ("The agreement ended", _agreement_ended),
    ("Strangers", _stranger),
    ("A mistake called back", _mistake),
    ("The end", _end),
)
