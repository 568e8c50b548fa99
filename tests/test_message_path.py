# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The way of a message that the README tells, as one story: native bytes in, chain view and notice out.

Real stores, keys, folders and connection; what is looked at is what a partner, an operator and an outsider can see.
`replay_from_entries` takes every decision of it again, from what an outsider gets and the public table.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import cbor2
import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from consent.rules import national, without
from deploy.search import find_traces
from deploy.story import messages
from deploy.story.messages import FIRST, REMOVAL, Support
from deploy.story.person import CITIZEN
from deploy.story.world import PRACTICE, PROVIDER, TEAM, DemoClock, Desk, World, make_world, open_world
from hub.audit.export import write_export
from hub.audit.replay import Report, replay
from hub.audit.verify import verify_export
from schemas.calendar import date_text, day_of, parse_date, start_of_day
from schemas.codes import Code
from schemas.entry import ACCEPT, FACT, HAND_OVER, Entry, committed, public
from schemas.fact import Stop, parse_fact
from schemas.manifest import parse_manifest

# Noon of a day on which every month named in the story is the same one.
START = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000
TODAY = day_of(START)
TABLE = national(test_mode=True)
SUPPORT = Support(TODAY - 20, TODAY - 14, TODAY + 180)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    make_world(tmp_path / "place")
    with open_world(tmp_path / "place", DemoClock(START)) as opened:
        yield opened


def _number(desk: Desk) -> str:
    (number,) = [client.number for client in desk.edge.clients() if client.bsn == CITIZEN.bsn]
    return number


def _seen(desk: Desk) -> list[tuple[str, str, str]]:
    """What a professional sees of the citizen: what, on which day, told by whom."""
    return [
        (line.what, date_text(line.day), line.sender_name)
        for view in desk.edge.view(_number(desk))
        for line in view.lines
    ]


def _tell_until_the_gp_may_know(world: World) -> None:
    """Allocation, start, agreement."""
    allocation = messages.allocation(CITIZEN, SUPPORT)
    world.team.put("toewijzing.xml", allocation)
    world.provider.put("toewijzing.xml", allocation)
    world.settle()
    world.provider.put("start.xml", messages.start(CITIZEN, SUPPORT, TODAY - 12))
    world.settle()
    world.practice.edge.import_clients([ClientRow(CITIZEN.patient_number, CITIZEN.bsn, "zvw-zorg")])
    world.team.edge.make_agreement(_number(world.team), Conversation((PRACTICE.name,)))
    world.settle()


def _tell_the_rest(world: World) -> None:
    """A status that reaches the GP, one that a withdrawal overtakes at the hub, an end, and its retraction."""
    world.team.put("status.json", messages.status(CITIZEN, messages.STATUS_TYPE, 1, TODAY - 3))
    world.settle()
    world.team.put("nog-een.json", messages.status(CITIZEN, messages.REVIEW_TYPE, 2, TODAY - 1))
    world.work(world.team)
    (agreed,) = world.team.edge.agreements(_number(world.team))
    assert asyncio.run(world.team.edge.end_agreement(agreed.id))
    world.settle()
    world.provider.put("stop.xml", messages.stop(CITIZEN, SUPPORT, TODAY - 12, TODAY - 2, FIRST))
    world.settle()
    world.provider.put("vergissing.xml", messages.stop(CITIZEN, SUPPORT, TODAY - 12, TODAY - 2, REMOVAL))
    world.settle()


def test_message_path(world: World) -> None:
    _tell_until_the_gp_may_know(world)
    # Each edge made the one grant in which it is the sender, from the same message; the GP may tell nobody.
    assert [(one.row, one.ground) for one in world.team.edge.grants()] == [(1, "statutory"), (5, "consent")]
    assert [(one.row, one.ground) for one in world.provider.edge.grants()] == [(2, "statutory")]
    assert world.practice.edge.grants() == []
    assert _seen(world.provider) == [("toegewezen", date_text(TODAY - 20), TEAM.name)]
    assert _seen(world.team) == [("gestart", date_text(TODAY - 12), PROVIDER.name)]
    # Nothing retroactive: what happened before the agreement is not told afterwards.
    assert (_seen(world.practice), world.practice.out()) == ([], [])

    # 1 native bytes in, one good file beside one that is not: the good one goes on.
    world.team.put("status.json", messages.status(CITIZEN, messages.STATUS_TYPE, 1, TODAY - 3))
    world.team.put("kapot.json", messages.status(CITIZEN, messages.STATUS_TYPE, 7, TODAY - 3)[:-40])
    done = world.work(world.team)
    assert (done.read, done.quarantined, done.told, done.sent) == (1, 1, 2, 2)
    assert list(world.team.settings.config.in_folder.iterdir()) == []
    assert _put_aside(world.team) == ["not-well-formed"]

    # 2 to 4 sealed per grant, taken, decided, waiting: and nothing of the citizen stands at the hub meanwhile.
    assert world.hub.store.counts()["waiting"] == 2
    key = bytes.fromhex(world.hub.config.key_file.read_text(encoding="ascii"))
    assert find_traces(world.folder / "hub", CITIZEN.secrets(), [key]) == []
    world.settle()
    assert world.hub.store.counts()["waiting"] == 0

    # 5 and 6 chain view and notice out, at both recipients, each in its own form.
    told = ("gewijzigd", date_text(TODAY - 3), TEAM.name)
    assert _seen(world.practice) == [told]
    assert _seen(world.provider)[1:] == [told]
    (task,) = [json.loads(path.read_bytes()) for path in world.practice.out()]
    assert task["resourceType"] == "Task"
    assert task["for"]["identifier"]["value"] == CITIZEN.patient_number
    assert task["executionPeriod"] == {"start": date_text(TODAY - 3)}
    assert task["description"].endswith("niet geverifieerd")
    assert {(row["soort"], row["datum"]) for path in world.provider.out() for row in _lines(path)} == {
        ("toegewezen", date_text(TODAY - 20)),
        ("gewijzigd", date_text(TODAY - 3)),
    }
    for written in (*world.practice.out(), *world.provider.out()):
        assert not any(secret.encode() in written.read_bytes() for secret in _never_travels()), written.name

    # A withdrawal overtakes what waits at the hub; the provider, with whom nothing changed, is told.
    world.team.put("nog-een.json", messages.status(CITIZEN, messages.REVIEW_TYPE, 2, TODAY - 1))
    world.work(world.team)
    assert world.hub.store.counts()["waiting"] == 2
    (agreed,) = world.team.edge.agreements(_number(world.team))
    assert asyncio.run(world.team.edge.end_agreement(agreed.id))
    world.settle()
    assert world.hub.store.counts()["waiting"] == 0
    assert (_seen(world.practice), len(world.practice.out())) == ([told], 1)
    assert _seen(world.provider)[2:] == [("in onderzoek", date_text(TODAY - 1), TEAM.name)]

    # A mistake is called back where it was told, in the own system too.
    world.provider.put("stop.xml", messages.stop(CITIZEN, SUPPORT, TODAY - 12, TODAY - 2, FIRST))
    world.settle()
    assert ("beëindigd (voortijdig)", date_text(TODAY - 2), PROVIDER.name) in _seen(world.team)
    before = set(world.team.out())
    world.provider.put("vergissing.xml", messages.stop(CITIZEN, SUPPORT, TODAY - 12, TODAY - 2, REMOVAL))
    world.settle()
    assert _seen(world.team) == [("gestart", date_text(TODAY - 12), PROVIDER.name)]
    (called_back,) = set(world.team.out()) - before
    assert [row["ingetrokken"] for row in _lines(called_back)] == ["ja"]

    # All of it is in a log that holds, and the hub still knows nothing of the citizen.
    assert verify_export(_export(world), world.hub.log.verifier_key).ok
    assert find_traces(world.folder / "hub", CITIZEN.secrets(), [key]) == []
    # Nothing waits any more but the answer about what was held back, which a sender gets the next working day.
    assert [line.recipient for line in world.team.edge.outbox()] == [PRACTICE.name]
    assert (world.provider.edge.outbox(), world.practice.edge.outbox()) == ([], [])


def _put_aside(desk: Desk) -> list[str]:
    """The faults that the reports in quarantine name."""
    reports = desk.settings.config.quarantine_folder.glob("*.rapport.json")
    return [fault["fout"] for report in reports for fault in json.loads(report.read_bytes())["fouten"]]


def _lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def _never_travels() -> tuple[str, ...]:
    """What stands in the native messages and has no place in an event."""
    person = CITIZEN
    return person.bsn, person.family_name, person.given_name, person.street, person.phone, person.remark, person.born


# -- replay: every decision again, from entries and tables alone -----------------------------------------------------


def _export(world: World) -> list[str]:
    world.clock.pass_by()
    note = world.hub.log.checkpoint(world.clock())
    return list(write_export(world.hub.store.entries(0, world.hub.store.head().size), [note]))


def _read(export: list[str]) -> list[Entry]:
    """The entries as an outsider reads them from an export: nothing of the store is left."""
    entries = []
    for line in export[1:]:
        if line.startswith("checkpoint"):
            break
        _, leaf, salt, record = line.split()
        entries.append(Entry(b64decode(leaf), None if salt == "-" else b64decode(salt), b64decode(record)))
    return entries


def _record(entry: Entry) -> list[object]:
    return [] if entry.salt is None else cast("list[object]", cbor2.loads(entry.record))


def _decisions(entries: list[Entry]) -> dict[int, str]:
    """Every decision of the log with its code, by the index of its entry."""
    records = {index: _record(entry) for index, entry in enumerate(entries)}
    return {index: str(one[-1]) for index, one in records.items() if one and one[2] in (ACCEPT, HAND_OVER)}


def _with(entries: list[Entry], index: int, change: Callable[[list[object]], list[object]]) -> Report:
    """Replay of a log in which one record says something else."""
    changed = committed(change(_record(entries[index])), entries[index].salt or b"")
    return replay([*entries[:index], changed, *entries[index + 1 :]], TABLE)


def test_replay_from_entries(world: World) -> None:
    _tell_until_the_gp_may_know(world)
    _tell_the_rest(world)
    entries = _read(_export(world))
    decisions = _decisions(entries)
    # Both kinds, both answers: a withdrawal overtook one that waited.
    assert {Code.ACCEPTED, Code.NOT_ACTIVE} == set(decisions.values())
    assert len(decisions) >= 15

    report = replay(entries, TABLE)
    assert (report.same, report.differs, report.not_decidable) == (len(decisions), [], [])

    # It is recomputed and not read off: whichever decision the log would have otherwise, replay says so.
    for index, code in decisions.items():
        other = Code.ACCEPTED if code == Code.NOT_ACTIVE else Code.NOT_ACTIVE
        told = _with(entries, index, lambda record, other=other: [*record[:-1], other.value])  # type: ignore[misc]
        assert [(one.index, one.logged, one.recomputed) for one in told.differs] == [(index, other.value, code)]

    # It names what it rests on, and that is compared too: row, tables and newest fact of every acceptance.
    for index in (one for one in decisions if _record(entries[one])[2] == ACCEPT):
        for place, other in ((14, 99), (15, [bytes(32), bytes(32)]), (16, index)):
            told = _with(entries, index, lambda record, at=place, to=other: [*record[:at], to, *record[at + 1 :]])  # type: ignore[misc]
            assert [one.index for one in told.differs] == [index], place

    # It rests on the facts before it: had the stop been a registration said twice, what was held back would have gone.
    facts = [index for index, one in enumerate(map(_record, entries)) if one and one[2] == FACT]
    held = next(index for index, code in decisions.items() if code == Code.NOT_ACTIVE)
    accept = held if _record(entries[held])[2] == ACCEPT else _record(entries[held])[3]
    handle = _record(entries[accept])[6]
    # The provider's line has a stop of its own: it ended by itself, with the support.
    stops = [index for index in facts if _is_stop(_record(entries[index]))]
    (stop,) = [index for index in stops if handle in _record(entries[index])[3]]
    assert stop < held
    unstopped = _with(entries, stop, lambda record: [*record[:3], _record(entries[facts[0]])[3]])
    assert [(one.index, one.recomputed) for one in unstopped.differs] == [(held, Code.ACCEPTED.value)]

    # It rests on the table that the log names: under one without row 5, nothing that reached the GP would have.
    other = without(TABLE, [5])
    table = next(index for index, one in enumerate(entries) if one.record == TABLE.raw)
    swapped = [public(other.raw) if index == table else one for index, one in enumerate(entries)]
    narrow = _with(swapped, table + 1, lambda record: [*record[:3], other.hash])
    gp = _accepts_for(entries, PRACTICE.address)
    refused = {one.index for one in narrow.differs if one.recomputed == Code.NOT_PERMITTED_HERE}
    assert refused == {index for index in gp if decisions[index] == Code.ACCEPTED}

    # What was erased is said to be undecidable, never to be right.
    hidden = [Entry(one.leaf, None, b"") if index == held else one for index, one in enumerate(entries)]
    assert held in replay(hidden, TABLE).not_decidable


def _is_stop(record: list[object]) -> bool:
    return isinstance(parse_fact(cast("bytes", record[3])).body, Stop)


def _accepts_for(entries: list[Entry], address: str) -> set[int]:
    """The accepts, and the hand-overs of them, whose recipient is this address: its number stands in the entry."""
    manifests = [
        parse_manifest(one.record).manifest.address
        for one in entries
        if one.record[:1] not in (b"", b"{") and one.salt is None
    ]
    number = manifests.index(address) + 1
    records = dict(enumerate(map(_record, entries)))
    accepts = {i for i, one in records.items() if one and one[2] == ACCEPT and number == one[9]}
    return accepts | {i for i, one in records.items() if one and one[2] == HAND_OVER and one[3] in accepts}
