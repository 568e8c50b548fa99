# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""CORV 2.0 and CloudEvents out: one thing leaves the Veiligheidshuis, and what comes in is poor."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.formats import READERS, WRITERS
from adapters.formats.cloudevents import CloudEventsReader
from adapters.formats.corv import CorvReader, translated_source, translated_type
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, SubjectKind
from schemas.event import Ending, Event, Kind, Law
from tests.formats.format_vectors import VECTORS
from tests.formats.test_notices import EVENTS, NOTICE
from tests.formats.test_readers_alike import CONFIG

ONE = json.loads((VECTORS / "corv" / "valid" / "actie.json").read_text("utf-8"))
SENDER = "urn:nld:oin:00000001234567890000:team-wmo"


@pytest.mark.parametrize("kind", Kind)
def test_only_an_assigned_action_leaves_whatever_the_configuration_says(kind: Kind) -> None:
    config = FormatConfig(cloudevent_types={translated_type(ONE["type"]): (kind, Law.JEUGDWET)})
    if kind is Kind.ACTIE_BELEGD:
        assert len(CorvReader(config).read(json.dumps(ONE).encode())) == 1
    else:
        with pytest.raises(Malformed, match="^/type: no-event$"):
            CorvReader(config).read(json.dumps(ONE).encode())


def test_an_outcome_stays_even_when_somebody_configured_it_as_an_action() -> None:
    name = "uitwisselen-uitkomst-overleg.uitkomst-beschikbaar-gesteld"
    config = FormatConfig(cloudevent_types={translated_type(name): (Kind.ACTIE_BELEGD, Law.WMO)})
    with pytest.raises(Malformed, match="^/type: no-event$"):
        CorvReader(config).read(json.dumps({**ONE, "type": name}).encode())


def test_the_published_examples_are_refused_because_an_outcome_stays(standards: Path) -> None:
    folder = standards / "justice" / "examples" / "jzv-corv2"
    table = {"UitkomstBeschikbaarGesteldVoorbeeld.json": (Fault("/type", Keyword.NO_EVENT),)}
    assert {path.name for path in folder.iterdir()} == set(table)
    for name, faults in table.items():
        with pytest.raises(Malformed) as refused:
            CorvReader(CONFIG).read((folder / name).read_bytes())
        assert refused.value.faults == faults


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        ("/oin/00000004123456789000/systeem/casus", "urn:nld:oin:00000004123456789000:systeem:casus"),
        ("urn:organisatie:voorbeeld", "urn:organisatie:voorbeeld"),
        ("/oin/4/systeem/casus", "/oin/4/systeem/casus"),
    ],
)
def test_a_source_gets_its_name_of_the_nl_gov_profile(source: str, translated: str) -> None:
    assert translated_source(source) == translated


def test_a_translated_event_is_one_that_the_nl_gov_reader_reads_the_same() -> None:
    (event,) = CorvReader(CONFIG).read(json.dumps(ONE).encode())
    profile = {**ONE, "type": translated_type(ONE["type"]), "source": translated_source(ONE["source"])}
    (read,) = CloudEventsReader(CONFIG).read(json.dumps(profile).encode())
    assert (read.event, read.citizen.own_number, read.sender) == (event.event, event.citizen.own_number, event.sender)


def test_nine_digits_are_an_own_number_only_where_somebody_said_so() -> None:
    config = replace(CONFIG, subject_kind=SubjectKind.OWN_NUMBER)
    (event,) = CorvReader(config).read(json.dumps({**ONE, "subject": "999900006"}).encode())
    assert (event.citizen.own_number, event.citizen.bsn) == ("999900006", None)
    for subject in ("999900006", "urn:nld:bsn:999900006", "URN:NLD:BSN:999900006"):
        with pytest.raises(Malformed, match="^/subject: subject$"):
            CorvReader(replace(CONFIG, subject_kind=SubjectKind.BSN)).read(
                json.dumps({**ONE, "subject": subject}).encode()
            )


def written(name: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(WRITERS[name]().write([replace(NOTICE, sender=SENDER, **changes)]))
    return found


def test_a_notice_for_corv_is_poor_and_in_its_own_words() -> None:
    assert written("corv", bsn="999900006") == {
        "specversion": "1.0",
        "id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "source": "/oin/00000001234567890000/systeem/team-wmo",
        "type": "schakel-voortgang.gestart",
        "subject": "P-2026-17",
        "time": "2026-03-02T23:00:00Z",
    }


def test_a_notice_as_cloudevent_says_who_told_what_and_that_nobody_verified_it() -> None:
    assert written("cloudevents") == {
        "specversion": "1.0",
        "id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "source": SENDER,
        "type": "nl.schakel.voortgang.gestart",
        "subject": "P-2026-17",
        "time": "2026-03-02T23:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "wet": "wmo",
            "taak": "huisarts Wmo",
            "afzender": "Team Wmo Voorbeeldgemeente",
            "opmerking": "niet geverifieerd",
        },
    }
    assert written("cloudevents", bsn="999900006")["subject"] == "urn:nld:bsn:999900006"
    ended = Event(Kind.BEEINDIGD, 20_500, None, Ending.VERHUISD)
    assert written("cloudevents", event=ended)["data"]["afloop"] == "verhuisd"


@pytest.mark.parametrize("name", ["cloudevents", "corv"])
@pytest.mark.parametrize("event", [NOTICE.event, None])
def test_what_is_called_back_is_another_event_that_names_the_one(name: str, event: Event | None) -> None:
    told, gone = written(name), written(name, event=event, retracted=True)
    assert gone["id"] != told["id"]
    assert gone["data"]["ingetrokken"] == told["id"]
    assert gone["type"].endswith(".ingetrokken")
    assert gone["time"] == "2026-03-03T23:00:00Z"


@pytest.mark.parametrize("name", ["cloudevents", "corv"])
def test_several_notices_are_a_batch_that_readers_of_the_format_take(name: str) -> None:
    notices = [replace(NOTICE, sender=SENDER, event=event, event_id=bytes([n]) * 16) for n, event in enumerate(EVENTS)]
    batch = json.loads(WRITERS[name]().write(notices))
    assert len(batch) == len(EVENTS)
    prefix = "" if name == "cloudevents" else "nl.samen-onder-handbereik."
    types = {prefix + one["type"]: (Kind.ACTIE_BELEGD, Law.WMO) for one in batch}
    read = READERS[name](FormatConfig(cloudevent_types=types)).read(json.dumps(batch).encode())
    assert [event.event.day for event in read] == [20_500] * len(EVENTS)


@pytest.mark.parametrize("name", ["cloudevents", "corv"])
def test_a_dry_run_has_no_sender_and_names_none(name: str) -> None:
    assert json.loads(WRITERS[name]().write([NOTICE]))["source"] == "urn:schakel:afzender-onbekend"
