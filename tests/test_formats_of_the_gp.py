# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""FHIR, HL7 v2 and a letter in the folder of a real edge: what is told, what is called back, what a person gets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.formats.native import Keyword
from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import CASE_SYSTEM, TEAM, DemoClock, Desk, World, make_world, open_world
from schemas.calendar import day_of, parse_date, start_of_day
from tests.test_hostile_vectors import ALONE

VECTORS = Path(__file__).parent / "vectors"
NOON = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000
SETTINGS = """
agb = "01234567"
own_number_system = "HIS"
[formats_in]
".xml" = "iwmo"
".json" = "fhir"
".hl7" = "hl7v2"
".edi" = "medvri"
[format_laws]
fhir = "wmo"
hl7v2 = "wmo"
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[World]:
    """The world of the demo, in which the team's systems write the formats of the care network."""
    make_world(tmp_path / "place")
    file = tmp_path / "place" / TEAM.folder / "edge.toml"
    text = file.read_text("utf-8")
    assert f'own_sources = ["{CASE_SYSTEM}"]' in text
    file.write_text(text.replace("own_sources = [", 'own_sources = ["HAP01", ') + SETTINGS, "utf-8")
    with open_world(tmp_path / "place", DemoClock(NOON)) as opened:
        yield opened


def _about(name: str) -> bytes:
    """A vector, about the citizen of the demo."""
    return (VECTORS / name).read_bytes().replace(b"999900006", CITIZEN.bsn.encode())


def _allotted(place: World) -> list[tuple[str, str, str]]:
    """Support is allotted, so the team may tell the provider; what the provider was told of that."""
    message = messages.allocation(CITIZEN, messages.Support(day_of(NOON), day_of(NOON), day_of(NOON) + 100))
    place.team.put("0.xml", message)
    place.provider.put("0.xml", message)
    place.settle()
    found = _told(place.provider)
    assert [row[0] for row in found] == ["toegewezen"]
    return found


def _told(desk: Desk) -> list[tuple[str, str, str]]:
    rows = [
        row
        for path in desk.out()
        for row in csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    ]
    return [(row["soort"], row["datum"], row["ingetrokken"]) for row in rows]


def _reports(desk: Desk) -> list[dict[str, object]]:
    return [json.loads(path.read_bytes()) for path in desk.settings.config.quarantine_folder.glob("*.rapport.json")]


def test_a_task_and_an_appointment_are_told_and_called_back_and_told_once(place: World) -> None:
    before = _allotted(place)
    place.team.put("1.json", _about("fhir/valid/task.json"))
    place.team.put("2.hl7", _about("hl7v2/valid/siu_s12.hl7"))
    place.settle()
    told = [("gestart", "2026-03-03", "nee"), ("actie-belegd", "2026-03-03", "nee")]
    assert sorted(_told(place.provider)) == sorted(before + told)

    # The same again, in another file: nothing new.
    place.team.put("3.json", _about("fhir/valid/task.json") + b"\n")
    place.settle()
    assert sorted(_told(place.provider)) == sorted(before + told)

    place.team.put("4.json", _about("fhir/valid/task_fout_ingevoerd.json"))
    place.team.put("5.hl7", _about("hl7v2/valid/siu_s15.hl7"))
    place.settle()
    back = [row[0] for row in _told(place.provider) if row[2] == "ja"]
    assert sorted(back) == ["actie-belegd", "gestart"]
    assert _reports(place.team) == []


def test_a_letter_is_put_aside_for_a_person_and_nothing_is_told(place: World) -> None:
    before = _allotted(place)
    place.team.put("brief.edi", _about("medvri/valid/brief.edi"))
    place.settle()
    assert _told(place.provider) == before
    (report,) = _reports(place.team)
    assert [fault["fout"] for fault in report["fouten"]] == [Keyword.FOR_A_PERSON]  # type: ignore[attr-defined]
    kept = [path for path in place.team.settings.config.quarantine_folder.iterdir() if path.suffix == ".edi"]
    assert [path.read_bytes() for path in kept] == [_about("medvri/valid/brief.edi")]
    assert CITIZEN.bsn not in json.dumps(report)


def test_hostile_vectors_of_these_formats_are_each_put_aside_with_a_report_and_nothing_else_is_lost(
    place: World,
) -> None:
    hostile = [
        path
        for name in ("fhir", "hl7v2", "medvri")
        for path in sorted((VECTORS / name / "hostile").iterdir())
        if path.name not in ("expected.json", *ALONE)
    ]
    assert len(hostile) > 140
    for number, path in enumerate(hostile):
        place.team.put(f"{number:03d}{path.suffix}", path.read_bytes())
    place.team.put("goed.json", _about("fhir/valid/task.json"))
    done = place.work(place.team)
    assert (done.read, done.left, done.quarantined) == (1, 0, len(hostile))
    assert len(_reports(place.team)) == len({(path.suffix, path.read_bytes()) for path in hostile})
    written = json.dumps(_reports(place.team))
    assert not [word for word in ("KANARIE", "Kanarie", "999900006", CITIZEN.bsn) if word in written]


def test_a_bad_message_of_hl7_is_put_aside_alone_with_its_place(place: World) -> None:
    place.team.put("twee.hl7", (VECTORS / "hl7v2" / "hostile" / "tweede_bericht_stuk.hl7").read_bytes())
    done = place.work(place.team)
    assert (done.left, done.quarantined) == (0, 1)
    (report,) = _reports(place.team)
    assert report["bericht"] == 2
