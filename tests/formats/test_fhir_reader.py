# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""FHIR R4: what is read, what is refused by name, and what is dropped, in JSON and in XML."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.formats.fhir import BSN, FhirReader
from adapters.formats.fhir_lists import PLACES, RESOURCES
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Reader
from schemas.event import CATEGORIES, Kind, Law
from tests.formats.format_vectors import VECTORS, everything_in, hostile, valid

VALID = VECTORS / "fhir" / "valid"
OWN = "https://his.example/clienten"
NAMESPACE = "http://hl7.org/fhir"
TASK: dict[str, Any] = json.loads((VALID / "task.json").read_text("utf-8"))
FILES = [path.name for path in sorted(VALID.iterdir())]
BUDGET = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
Judge = Callable[[dict[str, Any]], bool]


@pytest.fixture(scope="session")
def fhir() -> FhirReader:
    return FhirReader(FormatConfig(laws={"fhir": Law.WMO}, own_number_system=OWN))


@pytest.fixture(scope="session")
def r4(standards: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        (standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json").read_text("utf-8")
    )
    return schema


@pytest.fixture(scope="session")
def judge(r4: dict[str, Any]) -> Judge:
    """The official R4 JSON Schema."""
    judges = {
        name: jsonschema_rs.validator_for(
            {"$schema": r4["$schema"], "definitions": r4["definitions"], "$ref": f"#/definitions/{name}"}
        )
        for name in (*RESOURCES, "Bundle")
    }
    return lambda resource: judges[resource["resourceType"]].is_valid(resource)


@pytest.fixture(scope="session", params=["own checks", "with the official schema"])
def both(request: pytest.FixtureRequest) -> FhirReader:
    """The reader in its two ways of working: they must not differ in what they take of the vectors."""
    config = FormatConfig(laws={"fhir": Law.WMO}, own_number_system=OWN)
    if request.param == "own checks":
        return FhirReader(config)
    standards: Path = request.getfixturevalue("standards")
    return FhirReader(replace(config, fhir_schema=standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json"))


@pytest.mark.parametrize(("path", "events"), valid("fhir"))
def test_a_valid_file_gives_these_events(both: FhirReader, path: Path, events: list[dict[str, object]]) -> None:
    found = [
        {
            "parts": event.event.parts(CATEGORIES),
            "bsn": event.citizen.bsn,
            "own_number": event.citizen.own_number,
            "sender": event.sender,
            "receiver": event.receiver,
            "identity": list(event.identity),
            "retracts": event.retracts,
        }
        for event in both.read(path.read_bytes())
    ]
    assert found == events


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_the_valid_files_are_valid_by_the_official_r4_schema(judge: Judge, name: str) -> None:
    assert judge(json.loads((VALID / name).read_text("utf-8")))


@pytest.mark.parametrize(("path", "fault"), hostile("fhir"))
def test_a_hostile_file_is_refused_with_its_path_and_keyword(
    both: FhirReader, refuses: Refuses, path: Path, fault: dict[str, str]
) -> None:
    assert refuses(both, path.read_bytes())[0] == Fault(fault["path"], fault["keyword"])


def test_without_a_law_in_the_configuration_nothing_is_told(refuses: Refuses) -> None:
    assert refuses(FhirReader(FormatConfig()), as_bytes(TASK)) == (Fault("/", Keyword.LAW),)


@pytest.mark.parametrize(("name", "status"), [(name, one) for name in RESOURCES for one in RESOURCES[name].statuses])
def test_every_status_of_the_standard_is_told_or_refused_by_name(
    fhir: FhirReader, refuses: Refuses, name: str, status: str
) -> None:
    data = as_bytes({**full(name), "status": status})
    if status not in RESOURCES[name].meanings:
        assert refuses(fhir, data) == (Fault(f"/{name}/status", Keyword.NO_EVENT),)
        return
    events, meaning = fhir.read(data), RESOURCES[name].meanings[status]
    if meaning is None:
        assert all(event.retracts for event in events)
        assert {event.event.kind for event in events} == set(RESOURCES[name].teller)
    else:
        assert [(event.event.kind, event.event.ending, event.retracts) for event in events] == [(*meaning, False)]


@pytest.mark.parametrize("name", ["Task", "EpisodeOfCare", "Appointment"])
def test_the_statuses_are_those_of_the_official_schema(r4: dict[str, Any], name: str) -> None:
    assert set(RESOURCES[name].statuses) == set(r4["definitions"][name]["properties"]["status"]["enum"])


def test_what_was_entered_in_error_calls_back_whatever_was_told_of_it(fhir: FhirReader) -> None:
    told = [fhir.read(as_bytes({**TASK, "status": status}))[0] for status in ("requested", "accepted", "completed")]
    back = fhir.read(as_bytes({**TASK, "status": "entered-in-error"}))
    assert {event.identity for event in told} <= {event.identity for event in back}
    assert {(event.identity, event.sender) for event in told} <= {(event.identity, event.sender) for event in back}


def test_the_same_fact_keeps_its_identity_when_the_rest_of_the_resource_changes(fhir: FhirReader) -> None:
    (one,) = fhir.read(as_bytes(TASK))
    (again,) = fhir.read(as_bytes({**TASK, "id": "t-2", "priority": "urgent", "lastModified": "2026-05-01"}))
    assert one.identity == again.identity


def test_a_notice_of_our_own_is_never_read_as_news(fhir: FhirReader, refuses: Refuses) -> None:
    fault = refuses(fhir, as_bytes({**TASK, "intent": "unknown"}))
    assert fault == (Fault("/Task/intent", Keyword.NO_EVENT),)


def test_the_own_number_of_the_configured_system_names_the_client_too(fhir: FhirReader, refuses: Refuses) -> None:
    named = {"identifier": {"system": OWN, "value": "P-17"}}
    (event,) = fhir.read(as_bytes({**TASK, "for": named}))
    assert (event.citizen.bsn, event.citizen.own_number) == (None, "P-17")
    plain = FhirReader(FormatConfig(laws={"fhir": Law.WMO}))
    assert refuses(plain, as_bytes({**TASK, "for": named})) == (Fault("/Task/for/identifier", Keyword.MISSING),)


# -- what is dropped -------------------------------------------------------------------------------------------------


def as_bytes(resource: object) -> bytes:
    return json.dumps(resource).encode()


def as_xml(resource: dict[str, Any]) -> bytes:
    """The same resource in XML, in the order of the table."""

    def fill(element: etree._Element, value: dict[str, Any], names: list[str]) -> None:
        for name in sorted((key for key in value if key != "resourceType"), key=names.index):
            items = value[name] if isinstance(value[name], list) else [value[name]]
            for item in items:
                child = etree.SubElement(element, f"{{{NAMESPACE}}}{name}")
                if not isinstance(item, dict):
                    child.set("value", str(item).lower() if isinstance(item, bool) else str(item))
                elif "resourceType" in item:
                    inner = etree.SubElement(child, f"{{{NAMESPACE}}}{item['resourceType']}")
                    fill(inner, item, list(PLACES.get(item["resourceType"], dict.fromkeys(item))))
                else:
                    fill(child, item, order_of(name, item))

    def order_of(name: str, item: dict[str, Any]) -> list[str]:
        tables = [table for table in PLACES if item.keys() <= PLACES[table].keys() and "meta" not in PLACES[table]]
        return list(PLACES[tables[0]]) if tables else list(item)

    root = etree.Element(f"{{{NAMESPACE}}}{resource['resourceType']}", nsmap={None: NAMESPACE})
    fill(root, resource, list(PLACES[resource["resourceType"]]))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


ORGANISATION = {"identifier": {"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "01234567"}}
PERSON = {"type": "Patient", "identifier": {"system": BSN, "value": "999900006"}}
KEPT: dict[str, Any] = {
    "id": "nummer-1",
    "intent": "order",
    "status": "entered-in-error",
    "identifier": [{"system": "https://his.example/taken", "value": "nummer-2"}],
    "meta": {"lastUpdated": "2026-03-03T10:00:00Z"},
    "participant": [{"actor": PERSON, "status": "accepted"}, {"actor": ORGANISATION, "status": "accepted"}],
    **dict.fromkeys(("for", "subject", "patient"), PERSON),
    **dict.fromkeys(("requester", "owner", "author", "managingOrganization", "sender"), ORGANISATION),
    **{place: [ORGANISATION] for place in ("performer", "recipient")},
    **{place: {"start": "2026-03-03", "end": "2026-03-03"} for place in ("executionPeriod", "period")},
    **dict.fromkeys(
        ("authoredOn", "lastModified", "created", "sent", "received", "start", "end"), "2026-03-03T10:00:00Z"
    ),
}


def full(name: str) -> dict[str, Any]:
    """A resource with everything that the reader looks at."""
    return {"resourceType": name} | {place: KEPT[place] for place in PLACES[name] if place in KEPT}


def with_canaries(name: str) -> tuple[dict[str, Any], list[str]]:
    """A resource in which every other place holds a canary, and all these canaries."""
    canaries: list[str] = []

    def canary(place: str) -> str:
        canaries.append(f"KANARIE-{place}")
        return canaries[-1]

    resource = full(name)
    skipped = {"implicitRules", "modifierExtension", "doNotPerform", "contained"}
    later_choices = {"quantityRatio", "quantityRange", "occurrencePeriod", "occurrenceTiming"}
    for place in PLACES[name].values():
        if place.name not in resource and place.name not in skipped | later_choices | {"asNeededCodeableConcept"}:
            one: object = canary(place.name) if place.primitive else {"display": canary(place.name)}
            resource[place.name] = [one] if place.many else one
    resource["contained"] = [
        {"resourceType": "Patient", "id": "p", "name": [{"text": canary("naam")}], "birthDate": canary("geboren")},
        {"resourceType": "Organization", "id": "o", "name": canary("organisatie")},
        {"resourceType": "Observation", "id": "m", "valueString": canary("meting")},
    ]
    resource["meta"] = {**resource["meta"], "source": canary("bron"), "profile": [canary("profiel")]}
    resource["identifier"] = [{**resource["identifier"][0], "assigner": {"display": canary("uitgever")}}]
    for place_name in ("for", "subject", "patient", "requester", "owner", "sender"):
        if place_name in resource:
            resource[place_name] = {**resource[place_name], "display": canary(place_name)}
    return resource, canaries


@pytest.mark.parametrize("name", RESOURCES)
@pytest.mark.parametrize("encode", [as_bytes, as_xml])
def test_canary_in_every_field_only_the_allowed_values_come_out(
    fhir: FhirReader, name: str, encode: Callable[[dict[str, Any]], bytes]
) -> None:
    resource, canaries = with_canaries(name)
    data = encode(resource)
    assert all(canary.encode() in data for canary in canaries)
    events = fhir.read(data)
    allowed = {"fhir", name, "", "https://his.example/taken", "nummer-2", "999900006", "01234567", "wmo", "True"}
    allowed |= {kind.value for kind in Kind} | {str(event.event.day) for event in events}
    assert events
    assert everything_in(events) <= allowed
    assert not [canary for canary in canaries if canary in repr(events) + repr(everything_in(events))]
    assert "999900006" not in repr(events)


@pytest.mark.parametrize("name", RESOURCES)
def test_xml_and_json_of_one_resource_say_the_same(fhir: FhirReader, name: str) -> None:
    assert fhir.read(as_xml(full(name))) == fhir.read(as_bytes(full(name)))


# -- the table and the standard --------------------------------------------------------------------------------------

_DEFINITIONS = {"Entry": "Bundle_Entry", "Search": "Bundle_Search", "Request": "Bundle_Request"} | {
    "Participant": "Appointment_Participant",
    "Link": "Patient_Link",
}


@pytest.mark.parametrize("table", PLACES)
def test_the_table_has_exactly_the_elements_of_the_official_schema(r4: dict[str, Any], table: str) -> None:
    definitions = r4["definitions"]
    official = definitions[_DEFINITIONS.get(table, table)]["properties"]
    names = [name for name in official if not name.startswith("_") and name != "resourceType"]
    assert list(PLACES[table]) == names
    for name, place in PLACES[table].items():
        element = official[name]
        assert place.many == (element.get("type") == "array"), name
        inner = element.get("items", element)
        reference = inner.get("$ref", "").removeprefix("#/definitions/")
        assert place.primitive == (not reference or reference[0].islower() or "enum" in inner), name


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["task.json", "task.xml", "bundle.xml"])
def test_a_file_cut_off_at_any_byte_is_refused_and_nothing_else_happens(
    fhir: FhirReader, refuses: Refuses, name: str
) -> None:
    data = (VALID / name).read_bytes().rstrip()
    for end in range(len(data)):
        refuses(fhir, data[:end])


def test_a_file_of_more_than_a_mebibyte_is_refused_unparsed(fhir: FhirReader, refuses: Refuses) -> None:
    assert refuses(fhir, as_bytes({**TASK, "description": "x" * 1024 * 1024})) == (Fault("/", Keyword.TOO_LARGE),)


_EDITS = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from([b'"', b"{", b"]", b"\\u0000", b"null", b"1e999", b'"status":1,', b"<a/>", b"&x;", b"]]>"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(name=st.sampled_from(FILES), edits=_EDITS)
@BUDGET
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(
    fhir: FhirReader, reads_or_refuses: Attempts, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = (VALID / name).read_bytes()
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    reads_or_refuses(fhir, data)


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.sampled_from(["2026-13-40", "2026", "a b", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_with_the_official_schema_a_mistake_in_what_is_dropped_is_refused_too_without_its_value(
    standards: Path, fhir: FhirReader, refuses: Refuses
) -> None:
    schema = standards / "fhir_gp" / "r4-json-schema" / "fhir.schema.json"
    reader = FhirReader(FormatConfig(laws={"fhir": Law.WMO}, fhir_schema=schema))
    wrong = as_bytes({**TASK, "note": [{"tekst": "KANARIE"}]})
    assert fhir.read(wrong)
    assert refuses(reader, wrong) == (Fault("/Task", Keyword.SCHEMA),)


def test_a_file_that_is_not_the_schema_stops_the_reader(tmp_path: Path) -> None:
    for content in (
        None,
        b"{}",
        b"<xml/>",
        b'{"$schema": "http://json-schema.org/draft-06/schema#", "definitions": {}}',
    ):
        file = tmp_path / "fhir.schema.json"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ValueError, match=r"^fhir\.schema\.json is missing or is not the JSON Schema of FHIR R4$"):
            FhirReader(FormatConfig(fhir_schema=file))


_USED = ["status", "intent", "for", "owner", "requester", "executionPeriod", "lastModified", "identifier", "id"]


@given(place=st.sampled_from(_USED), value=_ANY, inside=st.booleans())
@BUDGET
def test_what_is_read_after_a_change_in_a_used_place_the_official_schema_takes_too(
    fhir: FhirReader, reads_or_refuses: Attempts, judge: Judge, place: str, value: object, inside: bool
) -> None:
    before = TASK[place]
    changed = {**before, next(reversed(before)): value} if inside and isinstance(before, dict) else value
    resource = {**TASK, place: changed}
    if reads_or_refuses(fhir, as_bytes(resource)) is not None:
        assert judge(resource)


@given(number=st.integers(0, 60), name=st.text(max_size=6), copies=st.integers(0, 2))
@BUDGET
def test_an_element_of_xml_that_is_renamed_doubled_or_taken_out_is_read_or_refused(
    fhir: FhirReader, reads_or_refuses: Attempts, number: int, name: str, copies: int
) -> None:
    root = etree.fromstring((VALID / "task.xml").read_bytes())
    elements = list(root.iter())
    element = elements[number % len(elements)]
    parent = element.getparent()
    if parent is not None:
        text = etree.tostring(element)
        parent.remove(element)
        for _ in range(copies):
            parent.append(etree.fromstring(text))
    else:
        element.set("soort", "".join(filter(str.isalnum, name)))
    reads_or_refuses(fhir, etree.tostring(root))


# -- the published examples ------------------------------------------------------------------------------------------

# None of them names its client by BSN and its sender by AGB or URA code inside the file, so none can be told; each
# says so, or what else is wrong with it, first.
NO_CLIENT_NUMBER = "identifier: missing"
EXAMPLES = {
    "hl7-r4/Appointment-2docs.json": NO_CLIENT_NUMBER,
    "hl7-r4/Appointment-examplereq.json": "/Appointment/status: no-event",  # proposed
    "hl7-r4/Bundle-10bb101f-a121-4264-a920-67be9cb82c74.json": "/Bundle/entry: no-event",  # a set of observations
    "hl7-r4/Bundle-bundle-transaction.json": "request/method: no-event",  # deletes and questions to a server
    "hl7-r4/CarePlan-example.json": NO_CLIENT_NUMBER,
    "hl7-r4/CarePlan-f002.json": NO_CLIENT_NUMBER,
    "hl7-r4/CarePlan-f201.json": "/CarePlan/status: no-event",  # draft
    "hl7-r4/CarePlan-gpvisit.json": NO_CLIENT_NUMBER,
    "hl7-r4/CarePlan-integrate.json": NO_CLIENT_NUMBER,
    "hl7-r4/Communication-fm-attachment.json": NO_CLIENT_NUMBER,
    "hl7-r4/Communication-fm-solicited.json": NO_CLIENT_NUMBER,
    "hl7-r4/EpisodeOfCare-example.json": NO_CLIENT_NUMBER,
    "hl7-r4/ServiceRequest-do-not-turn.json": "/ServiceRequest/doNotPerform: no-event",
    "hl7-r4/ServiceRequest-education.json": NO_CLIENT_NUMBER,
    "hl7-r4/ServiceRequest-example.json": NO_CLIENT_NUMBER,
    "hl7-r4/ServiceRequest-physical-therapy.json": NO_CLIENT_NUMBER,
    "hl7-r4/Task-example1.json": NO_CLIENT_NUMBER,
    "hl7-r4/Task-example2.json": NO_CLIENT_NUMBER,
    "hl7-r4/Task-example4.json": NO_CLIENT_NUMBER,
    "hl7-r4/Task-example5.json": NO_CLIENT_NUMBER,
    "hl7-r4/Task-fm-example1.json": "/Task/for: missing",  # about a bill, not about a person
    "hl7-r4/Task-fm-example4.json": "/Task/for: missing",
    "nl-core-r4/nl-core-EpisodeOfCare-01.xml": NO_CLIENT_NUMBER,
    "nl-core-r4/nl-core-EpisodeOfCare-03.xml": NO_CLIENT_NUMBER,
    "nl-core-r4/nl-core-EpisodeOfCare-04.xml": NO_CLIENT_NUMBER,
    "nl-core-r4/nl-core-HelpFromOthers-01.xml": NO_CLIENT_NUMBER,
    "nl-core-r4/nl-core-HelpFromOthers-02.xml": NO_CLIENT_NUMBER,
    "ozo-netwerk/Communication-Practitioner-to-Practitioner.json": "/Communication/status: no-event",  # in-progress
    "ozo-netwerk/Communication-RelatedPerson-to-CareTeam.json": "/Communication/status: no-event",
    "ozo-netwerk/Task-RelatedPerson-Example.json": NO_CLIENT_NUMBER,
    "scp-orca/data_ServiceRequest-minimal-enrollment-ServiceRequest.json": "/ServiceRequest/status: no-event",  # draft
    "scp-orca/orchestrator_initialize_hopital_data_bundle.json": NO_CLIENT_NUMBER,
    "scp-orca/test_expected-bundle.json": "/Bundle/type: missing",  # the official schema refuses it too
    "scp-orca/testdata_careplan-valid.json": "/CarePlan/author: missing",
    "scp-orca/testdata_task-1.json": "/Task/for: missing",
    "scp-orca/testdata_task-3.json": "/Task/authoredOn: missing",
    "scp-orca/testdata_task-update-accepted.json": "/Task/for: missing",
    "eoverdracht-stu3/eOverdracht-Task-REQUESTED.xml": "/Task/requester/*: unexpected",  # STU3, not R4
}


def test_published_examples_are_refused_with_a_reason_or_are_about_something_else(
    standards: Path, fhir: FhirReader, refuses: Refuses
) -> None:
    folder = standards / "fhir_gp" / "examples"
    files = [path for path in sorted(folder.glob("*/*")) if path.suffix in (".json", ".xml")]
    assert len(files) > 80
    reasons = {str(path.relative_to(folder)): [str(one) for one in refuses(fhir, path.read_bytes())] for path in files}
    others = {name for name, reason in reasons.items() if reason[0].endswith(": vocabulary")}
    assert reasons.keys() - others == EXAMPLES.keys()
    for name, expected in EXAMPLES.items():
        assert any(reason.endswith(expected) for reason in reasons[name]), name


@pytest.mark.parametrize(
    "name",
    [
        *("hl7-r4/Task-example1.json", "hl7-r4/CarePlan-f002.json", "hl7-r4/ServiceRequest-physical-therapy.json"),
        *("hl7-r4/EpisodeOfCare-example.json", "hl7-r4/Communication-fm-solicited.json"),
    ],
)
def test_a_published_example_is_read_once_it_names_client_sender_and_day_by_number(
    standards: Path, fhir: FhirReader, name: str
) -> None:
    resource = json.loads((standards / "fhir_gp" / "examples" / name).read_text("utf-8"))
    kind = RESOURCES[resource["resourceType"]]
    resource[kind.subject] = PERSON
    resource["meta"] = KEPT["meta"]
    resource.update(dict.fromkeys(kind.teller.values(), ORGANISATION))
    (event,) = fhir.read(as_bytes(resource))
    assert (event.citizen.bsn, event.sender) == ("999900006", "01234567")
