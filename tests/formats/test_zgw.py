# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""ZGW: the fields of the published API, what a notification announces, and a notice as a Status."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from adapters.formats import READERS, WRITERS, the_format
from adapters.formats.native import Fault, Keyword, Malformed
from adapters.formats.zgw import Notification, ZgwReader, read_notification
from schemas.event import Kind
from tests.formats.format_vectors import VECTORS
from tests.formats.test_notices import NOTICE
from tests.formats.test_readers_alike import CONFIG

VALID = VECTORS / "zgw" / "valid"
CASE = "https://zaken.voorbeeldgemeente.example/api/v1/zaken/0d1e4e6a-0001-4000-8000-000000000001"


@pytest.fixture(scope="session")
def apis(standards: Path) -> dict[str, Any]:
    folder = standards / "municipality" / "zgw"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = {}
    for name in ("zaken-openapi.yaml", "notificaties-openapi.yaml"):
        found |= yaml.load((folder / name).read_text("utf-8"), loader)["components"]["schemas"]  # noqa: S506  # safe
    return found


@pytest.mark.parametrize(
    ("part", "schema"),
    [
        ("zaak", "Zaak"),
        ("status", "Status"),
        ("resultaat", "Resultaat"),
        ("rollen", "Rol"),
        ("person", "RolNatuurlijkPersoon"),
        ("notificatie", "Message"),
    ],
)
def test_the_canary_message_has_every_field_of_the_published_api(apis: dict[str, Any], part: str, schema: str) -> None:
    message = json.loads((VALID / "kanarie.json").read_text("utf-8"))
    role = message["rollen"][0]
    found = {**message, "rollen": role, "person": role["betrokkeneIdentificatie"]}[part]
    assert set(apis[schema]["properties"]) <= set(found)


def test_what_the_published_api_always_gives_is_asked_for_or_not_about_anybody(apis: dict[str, Any]) -> None:
    message = json.loads((VALID / "zaak_met_status.json").read_text("utf-8"))
    for part, schema, unread in [
        (
            "zaak",
            "Zaak",
            {"betalingsindicatieWeergave", "deelzaken", "eigenschappen", "rollen", "zaakinformatieobjecten"},
        ),
        ("status", "Status", {"zaakinformatieobjecten", "indicatieLaatstGezetteStatus"}),
    ]:
        for name in set(apis[schema]["required"]) - unread - {"zaakobjecten"}:
            without = {**message, part: {key: value for key, value in message[part].items() if key != name}}
            with pytest.raises(Malformed, match=f"/{part}/{name}: missing"):
                ZgwReader(CONFIG).read(json.dumps(without).encode())


def test_a_notification_says_what_to_fetch_and_nothing_else() -> None:
    message = json.loads((VALID / "status_gemeld.json").read_text("utf-8"))["notificatie"]
    assert read_notification(json.dumps(message).encode()) == Notification(
        CASE, "status", "create", "https://zaken.voorbeeldgemeente.example/api/v1/statussen/1", 20_544
    )
    with pytest.raises(Malformed, match="^/kanaal: vocabulary$"):
        read_notification(json.dumps({**message, "kanaal": "documenten"}).encode())
    with pytest.raises(Malformed, match="^/hoofdObject: missing; /resourceUrl: missing; /aanmaakdatum: missing"):
        read_notification(b'{"kanaal": "zaken"}')


def test_the_same_case_fetched_again_is_the_same_events() -> None:
    one = ZgwReader(CONFIG).read((VALID / "zaak_met_status.json").read_bytes())
    again = ZgwReader(CONFIG).read((VALID / "status_gemeld.json").read_bytes())
    assert again[0].identity == one[1].identity


def test_a_result_on_an_open_case_without_announcement_waits_for_its_day() -> None:
    message = json.loads((VALID / "resultaat_gemeld.json").read_text("utf-8"))
    del message["notificatie"]
    (event,) = ZgwReader(CONFIG).read(json.dumps(message).encode())
    assert event.event.kind is Kind.AANGEMELD


def test_the_last_status_of_a_case_comes_with_what_its_result_means() -> None:
    message = json.loads((VALID / "alles.json").read_text("utf-8"))
    message["notificatie"] = json.loads((VALID / "status_gemeld.json").read_text("utf-8"))["notificatie"]
    events = ZgwReader(CONFIG).read(json.dumps(message).encode())
    assert [event.event.kind for event in events] == [Kind.IN_ONDERZOEK, Kind.TOEGEWEZEN]


def test_a_new_case_that_was_closed_meanwhile_is_told_as_opened_only() -> None:
    message = json.loads((VALID / "alles.json").read_text("utf-8"))
    message["notificatie"] = json.loads((VALID / "zaak_gemeld.json").read_text("utf-8"))["notificatie"]
    (event,) = ZgwReader(CONFIG).read(json.dumps(message).encode())
    assert event.event.kind is Kind.AANGEMELD


def test_all_faults_of_a_case_are_told() -> None:
    message = json.loads((VALID / "zaak_met_status.json").read_text("utf-8"))
    message["zaak"]["startdatum"], message["status"]["datumStatusGezet"], message["rollen"] = "x", "y", []
    with pytest.raises(Malformed) as refused:
        ZgwReader(CONFIG).read(json.dumps(message).encode())
    assert refused.value.faults == (
        Fault("/zaak/startdatum", Keyword.DATE),
        Fault("/rollen", Keyword.SUBJECT),
        Fault("/status/datumStatusGezet", Keyword.PATTERN),
    )


def test_a_notice_is_a_status_but_for_the_case_that_only_the_recipient_knows(apis: dict[str, Any]) -> None:
    (entry,) = json.loads(WRITERS["zgw"]().write([replace(NOTICE, bsn="999900006")]))
    writable = {name for name, rule in apis["Status"]["properties"].items() if not rule.get("readOnly")}
    required = set(apis["Status"]["required"]) & writable
    assert required - {"zaak"} <= set(entry["status"]) <= writable
    assert entry == {
        "melding": NOTICE.event_id.hex(),
        "clientnummer": "P-2026-17",
        "status": {
            "statustype": "urn:schakel:statustype:gestart",
            "datumStatusGezet": "2026-03-02T23:00:00Z",
            "statustoelichting": "Gemeld door een partner; niet geverifieerd.",
        },
    }


@pytest.mark.parametrize("changes", [{}, {"event": None, "retracted": True}, {"bsn": "999900006"}])
def test_a_notice_with_its_case_is_taken_by_the_published_api(apis: dict[str, Any], changes: dict[str, Any]) -> None:
    (entry,) = json.loads(WRITERS["zgw"]().write([replace(NOTICE, **changes)]))
    rules = apis["Status"]
    writable = {name: rule for name, rule in rules["properties"].items() if not rule.get("readOnly")}
    schema = {
        "type": "object",
        "properties": writable,
        "required": [name for name in rules["required"] if name in writable],
        "additionalProperties": False,
    }
    judge = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    judge.validate({**entry["status"], "zaak": CASE})
    assert not judge.is_valid(entry["status"])  # the case is the one thing that only the recipient has
    assert "999900006" not in json.dumps(entry)


def test_a_notification_alone_is_refused_with_what_has_to_be_fetched_and_never_by_a_value() -> None:
    message = json.loads((VALID / "status_gemeld.json").read_text("utf-8"))
    alone = json.dumps(message["notificatie"]).encode()
    assert the_format(alone) == "zgw"
    for data, path in (
        (alone, "/resourceUrl"),
        (json.dumps({"notificatie": message["notificatie"]}).encode(), "/zaak"),
    ):
        with pytest.raises(Malformed) as refused:
            ZgwReader(CONFIG).read(data)
        assert refused.value.faults[0] == Fault(path, Keyword.TO_FETCH)
        assert "voorbeeldgemeente" not in str(refused.value)
    assert {one.path for one in READERS["zgw"].explain(alone)} >= {"/notificatie/resourceUrl"}  # type: ignore[misc]


@pytest.mark.parametrize("event", [NOTICE.event, None])
def test_what_was_called_back_is_a_status_of_its_own(event: Any) -> None:
    (entry,) = json.loads(WRITERS["zgw"]().write([replace(NOTICE, event=event, retracted=True)]))
    assert entry["status"]["statustype"] == "urn:schakel:statustype:ingetrokken"
    assert entry["status"]["datumStatusGezet"] == "2026-03-03T23:00:00Z"
