# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every hostile file and frame that this project has, thrown at a real edge and a real hub beside good ones.

The tests of the readers say which fault each gives; here it is what everybody sees: a report or a code for each,
nothing of it kept, and nothing else lost.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from adapters.formats import READERS
from adapters.formats.native import Keyword
from adapters.problem import SENTENCES
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import TEAM, DemoClock, Desk, World, make_world, open_world
from schemas.calendar import day_of, parse_date, start_of_day
from schemas.codes import CLASS, Class, Code
from tests.simulator import Party, run
from tests.simulator import World as Simulated

VECTORS = Path(__file__).parent / "vectors"
NOON = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000
GIBIBYTE = 1 << 30


# Each format by a suffix of its own, at a team that may tell what it reads.
SETTINGS = "\n".join(
    [
        'own_number_system = "HIS"',
        "[formats_in]",
        '".xml" = "iwmo"',
        '".json" = "cloudevents"',
        *(f'".{name[:10]}" = "{name}"' for name in READERS),
        "[format_laws]",
        'fhir = "wmo"',
        'hl7v2 = "wmo"',
        "",
    ]
)


# To an edge a good message with another behind it is a file of two messages: tests/deploy/test_batches.py.
ALONE = ("achteraan.json", "tweede_bericht_stuk.hl7", "zelfde_feit_andere_dag.hl7")


def _files() -> list[tuple[str, Path]]:
    found = [(name, path) for name in READERS for path in sorted((VECTORS / name / "hostile").iterdir())]
    return [(name, path) for name, path in found if path.name not in ("expected.json", *ALONE)]


def _frames(*kinds: str) -> list[bytes]:
    stored = [one for kind in kinds for one in json.loads((VECTORS / "frames" / f"{kind}.json").read_text())["hostile"]]
    return [bytes.fromhex(one["hex"]) + bytes(one.get("zeros", 0)) for one in stored]


# -- at an edge ------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    make_world(tmp_path / "place")
    file = tmp_path / "place" / TEAM.folder / "edge.toml"
    file.write_text(file.read_text("utf-8") + SETTINGS, "utf-8")
    with open_world(tmp_path / "place", DemoClock(NOON)) as opened:
        yield opened


def _reports(desk: Desk) -> list[dict[str, object]]:
    folder = desk.settings.config.quarantine_folder
    return [json.loads(path.read_bytes()) for path in folder.glob("*.rapport.json")]


def test_hostile_vectors_in_the_folder_of_an_edge(place: World) -> None:
    hostile = _files()
    assert len(hostile) > 700
    for number, (name, path) in enumerate(hostile):
        place.team.put(f"{number:03d}.{name[:10]}", path.read_bytes())
    good = messages.status(CITIZEN, messages.STATUS_TYPE, 1, day_of(NOON) - 1)
    place.team.put("500.json", good)
    place.team.put("000-goed.xml", messages.allocation(CITIZEN, messages.Support(day_of(NOON), day_of(NOON), 20_900)))

    done = place.work(place.team)

    # Files with equal content share a report; none is left, and none was read but the two good ones.
    assert (done.read, done.left, done.quarantined) == (2, 0, len(hostile))
    assert done.grants == 1
    assert list(place.team.settings.config.in_folder.iterdir()) == []
    reports = _reports(place.team)
    assert len(reports) == len({(name, path.read_bytes()) for name, path in hostile})
    sentences = {sentence for pair in SENTENCES.values() for sentence in pair}
    for report in reports:
        assert report["gelezen"] is False
        faults = report["fouten"]
        assert isinstance(faults, list)
        assert faults
        for fault in faults:
            assert fault["fout"] in set(Keyword)
            assert {fault["nl"], fault["en"]} <= sentences
    written = json.dumps(reports)
    assert CITIZEN.bsn not in written
    assert "root:" not in written  # of an external entity that was followed


def test_hostile_vectors_of_a_gibibyte_are_put_aside_unread(place: World) -> None:
    folder = place.team.settings.config.in_folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("groot.xml", "groot.json"):
        with (folder / name).open("wb") as file:
            os.truncate(file.fileno(), GIBIBYTE)
    place.team.put("goed.json", messages.status(CITIZEN, messages.STATUS_TYPE, 1, day_of(NOON) - 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = place.work(place.team)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (done.read, done.quarantined, done.left) == (1, 2, 0)
    assert {str(fault["fout"]) for one in _reports(place.team) for fault in one["fouten"]} == {"too-large"}  # type: ignore[attr-defined]
    assert grown < 64 << 10, f"{grown} KiB were taken to refuse two files unread"


# -- at a hub --------------------------------------------------------------------------------------------------------


def _send(team: Party, frames: Sequence[bytes]) -> list[Code]:
    return run(team.client.send(frames))


def _facts(team: Party, frames: Sequence[bytes]) -> list[Code]:
    return [answer.code for answer in run(team.client.facts(frames))]


def _receipts(team: Party, frames: Sequence[bytes]) -> list[Code]:
    return run(team.client.receipts(frames))


def _publish(team: Party, frames: Sequence[bytes]) -> list[Code]:
    return [run(team.client.publish(frame))[0] for frame in frames]


WAYS: dict[str, tuple[Callable[[Party, Sequence[bytes]], list[Code]], tuple[str, ...]]] = {
    "send": (_send, ("envelope", "retraction")),
    "facts": (_facts, ("register", "stop")),
    "receipts": (_receipts, ("receipt",)),
    "publish": (_publish, ("manifest",)),
}


@pytest.mark.parametrize("way", WAYS)
def test_hostile_vectors_sent_to_a_hub(way: str) -> None:
    call, kinds = WAYS[way]
    hostile = [*_frames(*kinds), b"", b"\x9f" * 10_000, b"[" * 10_000, b"{" * 10_000]
    assert len(hostile) > 10
    world = Simulated()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    counts, facts = world.store.counts(), world.store.head().newest_fact

    for frame in hostile:
        (code,) = call(team, [frame])
        assert CLASS[code] in (Class.FINAL, Class.SEAL_AGAIN), code

    after = world.store.counts()
    assert {name: after[name] for name in counts if name != "entries"} == {
        name: counts[name] for name in counts if name != "entries"
    }
    assert world.store.head().newest_fact == facts
    # All of them together, with good ones around: none of those is lost.
    first, last = team.envelope(grant), team.envelope(grant)
    if way == "send":
        answers = call(team, [first, *hostile[:100], last])
        assert (answers[0], answers[-1]) == (Code.TAKEN, Code.TAKEN)
    else:
        assert team.send(first, last) == [Code.TAKEN, Code.TAKEN]
    assert [team.outcome(frame) for frame in (first, last)] == [Code.ACCEPTED, Code.ACCEPTED]
    world.check()
    world.close()
