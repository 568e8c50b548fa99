# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Notices out: FHIR R4 Task and CSV, and what they must never contain."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.communication import Communication
from fhir.resources.R4B.task import Task
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.formats import READERS, WRITERS
from adapters.formats.csv_notice import CsvWriter
from adapters.formats.fhir_communication import FhirCommunicationWriter
from adapters.formats.fhir_task import FhirTaskWriter
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, Notice, SubjectKind
from schemas.calendar import parse_date
from schemas.event import Ending, Event, Kind, Law
from tests.formats.format_vectors import TYPES, VECTORS

BUDGET = settings(max_examples=100, deadline=None)
NOTICE = Notice(
    event_id=bytes(range(16)),
    event=Event(Kind.GESTART, parse_date("2026-03-03"), None),
    law=Law.WMO,
    task="huisarts Wmo",
    sender_name="Team Wmo Voorbeeldgemeente",
    own_number="P-2026-17",
    bsn=None,
    retracted=False,
    told_on=parse_date("2026-03-04"),
)
# The whole of what a Task may hold; one key more is a leak until somebody decides otherwise.
TASK_KEYS = {
    "resourceType",
    "identifier",
    "status",
    "businessStatus",
    "intent",
    "description",
    "for",
    "executionPeriod",
    "requester",
}
Judge = Callable[[bytes], None]


@pytest.fixture(scope="session")
def r4(standards: Path) -> dict[str, object]:
    schema: dict[str, object] = json.loads(
        (standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json").read_text("utf-8")
    )
    return schema


@pytest.fixture(scope="session")
def judge(r4: dict[str, object]) -> Judge:
    """The published R4 JSON Schema, for the resource that the bytes say they are."""
    judges = {
        name: jsonschema_rs.validator_for(
            {"$schema": r4["$schema"], "definitions": r4["definitions"], "$ref": f"#/definitions/{name}"}
        )
        for name in ("Task", "Communication", "Bundle")
    }

    def check(data: bytes) -> None:
        resource = json.loads(data)
        judges[resource["resourceType"]].validate(resource)

    return check


def task_of(notice: Notice) -> dict[str, object]:
    task: dict[str, object] = json.loads(FhirTaskWriter().write([notice]))
    return task


def rows_of(*notices: Notice) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(CsvWriter().write(notices).decode("utf-8-sig"), newline=""), strict=True))


EVENTS = [Event(kind, 20_500, None) for kind in Kind] + [Event(Kind.BEEINDIGD, 20_500, None, end) for end in Ending]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.kind}-{event.ending}")
@pytest.mark.parametrize("retracted", [False, True])
@pytest.mark.parametrize("bsn", [None, "999900006"])
def test_every_task_is_valid_by_the_official_r4_schema(
    judge: Judge, event: Event, retracted: bool, bsn: str | None
) -> None:
    judge(FhirTaskWriter().write([replace(NOTICE, event=event, retracted=retracted, bsn=bsn)]))


def test_the_official_r4_schema_judges_for_real(judge: Judge) -> None:
    broken = FhirTaskWriter().write([NOTICE]).replace(b'"in-progress"', b'"busy"')
    with pytest.raises(jsonschema_rs.ValidationError, match="busy"):
        judge(broken)


def test_several_notices_are_one_bundle_valid_by_the_official_r4_schema(judge: Judge) -> None:
    notices = [replace(NOTICE, event_id=bytes([n]) * 16, event=event) for n, event in enumerate(EVENTS)]
    data = FhirTaskWriter().write(notices)
    judge(data)
    bundle = json.loads(data)
    assert (bundle["resourceType"], bundle["type"], len(bundle["entry"])) == ("Bundle", "collection", len(EVENTS))
    assert [entry["fullUrl"] for entry in bundle["entry"]] == [
        entry["resource"]["identifier"][0]["value"] for entry in bundle["entry"]
    ]


def test_the_models_know_the_same_task_and_bundle_as_r4(r4: dict[str, object]) -> None:
    definitions = r4["definitions"]
    assert isinstance(definitions, dict)
    for name, model in (("Task", Task), ("Communication", Communication), ("Bundle", Bundle)):
        official = {key for key in definitions[name]["properties"] if not key.startswith("_")} - {"resourceType"}
        known = {field.alias or key for key, field in model.model_fields.items() if not key.endswith("__ext")}
        assert official == known - {"fhir_comments", "resource_type"}


COMMUNICATION_KEYS = {"resourceType", "identifier", "instantiatesUri", "status", "subject", "sent", "sender", "payload"}


@pytest.mark.parametrize("event", [*EVENTS, None], ids=lambda event: "none" if event is None else str(event.kind))
@pytest.mark.parametrize("retracted", [False, True])
def test_every_communication_is_valid_r4_and_holds_a_fixed_sentence_and_no_key_more(
    judge: Judge, event: Event | None, retracted: bool
) -> None:
    data = FhirCommunicationWriter().write([replace(NOTICE, event=event, retracted=retracted)])
    judge(data)
    written = json.loads(data)
    assert written.keys() == COMMUNICATION_KEYS
    called_back = retracted or event is None
    assert written["status"] == ("entered-in-error" if called_back else "completed")
    assert written["subject"] == {"type": "Patient", "identifier": {"value": NOTICE.own_number}}
    (payload,) = written["payload"]
    assert "niet geverifieerd" in payload["contentString"]
    assert ("2026-02-16" in payload["contentString"]) == (not called_back)


def test_several_communications_are_one_bundle_valid_by_the_official_r4_schema(judge: Judge) -> None:
    notices = [replace(NOTICE, event_id=bytes([n]) * 16, event=event) for n, event in enumerate(EVENTS)]
    data = FhirCommunicationWriter().write(notices)
    judge(data)
    assert len(json.loads(data)["entry"]) == len(EVENTS)
    with pytest.raises(ValueError, match="^there is no notice to write$"):
        FhirCommunicationWriter().write([])


@pytest.mark.parametrize(
    ("event", "status", "period"),
    [
        (Event(Kind.AANGEMELD, 20_500, None), "requested", "start"),
        (Event(Kind.AFGEWEZEN, 20_500, None), "rejected", "end"),
        (Event(Kind.TOEGEWEZEN, 20_500, None), "accepted", "start"),
        (Event(Kind.GESTART, 20_500, None), "in-progress", "start"),
        (Event(Kind.ONDERBROKEN, 20_500, None), "on-hold", "end"),
        (Event(Kind.HERVAT, 20_500, None), "in-progress", "start"),
        (Event(Kind.BEEINDIGD, 20_500, None), "completed", "end"),
        (Event(Kind.BEEINDIGD, 20_500, None, Ending.VOLGENS_PLAN), "completed", "end"),
        (Event(Kind.BEEINDIGD, 20_500, None, Ending.OVERLEDEN), "cancelled", "end"),
        (Event(Kind.BEEINDIGD, 20_500, None, Ending.VOORTIJDIG), "cancelled", "end"),
    ],
)
def test_status_and_period_follow_the_kind(event: Event, status: str, period: str) -> None:
    task = task_of(replace(NOTICE, event=event))
    assert task["status"] == status
    assert task["executionPeriod"] == {period: "2026-02-16"}
    assert json.dumps(task["businessStatus"]).startswith(f'{{"coding": [{{"code": "{event.kind.value}"}}]')


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.kind}-{event.ending}")
@pytest.mark.parametrize("retracted", [False, True])
def test_a_task_has_these_keys_only_and_says_that_nobody_verified_it(event: Event, retracted: bool) -> None:
    task = task_of(replace(NOTICE, event=event, retracted=retracted))
    assert set(task) == TASK_KEYS
    assert str(task["description"]).endswith("niet geverifieerd")


def test_a_retraction_is_the_same_task_entered_in_error() -> None:
    told, retracted = task_of(NOTICE), task_of(replace(NOTICE, retracted=True))
    assert retracted["status"] == "entered-in-error"
    assert retracted["identifier"] == told["identifier"]


def test_the_client_is_named_by_the_recipients_own_number_and_by_bsn_only_by_setting() -> None:
    assert task_of(NOTICE)["for"] == {"type": "Patient", "identifier": {"value": "P-2026-17"}}
    by_bsn = task_of(replace(NOTICE, bsn="999900006"))["for"]
    assert by_bsn == {
        "type": "Patient",
        "identifier": {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"},
    }


def test_an_own_number_says_whose_it_is_where_the_settings_do(judge: Judge) -> None:
    system = "https://his.example/clienten"
    data = FhirTaskWriter().write([replace(NOTICE, own_system=system)])
    judge(data)
    assert json.loads(data)["for"]["identifier"] == {"system": system, "value": "P-2026-17"}
    # What is no URI is the name of an authority in HL7 v2.
    for other in ("HIS", "mijn his", "https://his.example/mijn clienten"):
        assert task_of(replace(NOTICE, own_system=other))["for"] == {
            "type": "Patient",
            "identifier": {"value": "P-2026-17"},
        }


@pytest.mark.parametrize("retracted", [False, True])
def test_a_communication_of_our_own_is_never_read_as_news_whoever_fills_in_its_sender(retracted: bool) -> None:
    written = json.loads(FhirCommunicationWriter().write([replace(NOTICE, bsn="999900006", retracted=retracted)]))
    agb = {"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "01234567"}
    sent_on = {**written, "sender": {"identifier": agb}}
    reader = READERS["fhir"](FormatConfig(laws={"fhir": Law.WMO}))
    with pytest.raises(Malformed) as refused:
        reader.read(json.dumps(sent_on).encode())
    assert refused.value.faults == (Fault("/Communication/instantiatesUri", Keyword.NO_EVENT),)
    del sent_on["instantiatesUri"]
    assert len(reader.read(json.dumps(sent_on).encode())) == 1


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_equal_notices_give_equal_bytes_and_no_notice_is_no_file(name: str) -> None:
    writer = WRITERS[name]()
    assert writer.write([NOTICE, NOTICE]) == writer.write([NOTICE, NOTICE])
    with pytest.raises(ValueError, match="^there is no notice to write$"):
        writer.write([])


@pytest.mark.parametrize("writer_name", sorted(WRITERS))
@pytest.mark.parametrize(
    ("reader_name", "vector", "canaries"),
    [
        ("iwmo", "301_maximaal.xml", ["999900018", "Zandlopersma", "Nepstra", "07B31", "anarie", "Kreukelweg", "1951"]),
        ("iwmo", "307_tijdelijk.xml", ["999900006", "Zandlopersma", "07B31", '"20"', "1951", "2026-03-03"]),
        ("cloudevents", "maximaal.json", ["KANARIE", "anarie.example", "999900018", "Zandlopersma", "CL-2026-0042"]),
    ],
)
def test_canary_what_was_in_a_message_and_may_not_travel_is_in_no_notice(
    writer_name: str, reader_name: str, vector: str, canaries: list[str]
) -> None:
    path = VECTORS / reader_name / "valid" / vector
    config = FormatConfig(cloudevent_types=TYPES, subject_kind=SubjectKind.BSN)
    source = path.read_text("utf-8")
    assert all(canary in source for canary in canaries if canary != '"20"')
    for native in READERS[reader_name](config).read(path.read_bytes()):
        told = Event.from_parts(native.event.parts(["progress"]))
        written = WRITERS[writer_name]().write([replace(NOTICE, event=told)]).decode("utf-8-sig")
        assert not [canary for canary in canaries if canary in written]


def test_csv_has_a_dutch_header_crlf_and_a_mark_for_excel() -> None:
    data = CsvWriter().write([NOTICE])
    assert data.startswith(b"\xef\xbb\xbf" + b'"melding","soort","afloop","datum","wet","toewijzing","taak","afzender"')
    assert data.count(b"\r\n") == data.count(b"\n") == 2
    (row,) = rows_of(NOTICE)
    assert row["melding"] == NOTICE.event_id.hex()
    assert (row["soort"], row["datum"], row["wet"]) == ("gestart", "2026-03-03", "wmo")
    assert (row["clientnummer"], row["bsn"], row["ingetrokken"]) == ("P-2026-17", "", "nee")
    assert row["opmerking"] == "niet geverifieerd"


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", "=cmd|' /C calc'!A0", '"=1']
)
def test_a_field_that_a_spreadsheet_would_execute_is_shown_instead(formula: str) -> None:
    (row,) = rows_of(replace(NOTICE, sender_name=formula, own_number=formula))
    if formula.startswith('"'):
        assert row["afzender"] == formula  # a quote is text: it stays inside the quoted field
    else:
        assert row["afzender"] == row["clientnummer"] == f"'{formula}"


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    str.strip
)


@given(
    event=st.sampled_from(EVENTS),
    event_id=st.binary(min_size=16, max_size=16),
    names=st.tuples(_NAMES, _NAMES, _NAMES),
    retracted=st.booleans(),
)
@BUDGET
def test_any_notice_becomes_a_task_and_a_line_that_read_back_the_same(
    event: Event, event_id: bytes, names: tuple[str, str, str], retracted: bool
) -> None:
    notice = replace(
        NOTICE,
        event=event,
        event_id=event_id,
        task=names[0],
        sender_name=names[1],
        own_number=names[2],
        retracted=retracted,
    )
    task = task_of(notice)
    assert task["requester"] == {"display": names[1]}
    assert task["for"] == {"type": "Patient", "identifier": {"value": names[2]}}
    (row,) = rows_of(notice)
    assert row["melding"] == event_id.hex()
    assert row["taak"].removeprefix("'") == names[0].removeprefix("'")
    assert row["afzender"].removeprefix("'") == names[1].removeprefix("'")
    assert row["ingetrokken"] == ("ja" if retracted else "nee")
    assert row["taak"][0] not in "=+-@"
