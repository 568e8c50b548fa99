# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A consent record told to others: in DPV, and as a FHIR R4 Consent that permits what was agreed and no more."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent as Model
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft6Validator  # type: ignore[import-untyped]

from consent.dpv import TERMS, VALUES, as_dpv
from consent.fhir_consent import Answer, Question, answer
from consent.fhir_consent_read import read
from consent.fhir_export import CATEGORY, PURPOSE, URI, as_fhir
from consent.record import ConsentRecord
from tests.consent.test_record import RECORD

STANDARDS = Path(os.environ.get("SCHAKEL_STANDARDS") or Path(__file__).parents[3] / "shared" / "standards")
SCHEMA = STANDARDS / "fhir_gp" / "r4-json-schema" / "fhir.schema.json"
EXAMPLE = STANDARDS / "consent_law" / "examples" / "dpv" / "consent-record-27560-wd5.jsonld"
GP, SCHOOL = RECORD.recipients[0], "urn:nld:oin:00000001000000000006:school"
WITHDRAWN = RECORD.withdrawn(RECORD.given_at + 86_400_000)


def _question(day: int = RECORD.begin, recipient: str = GP, **other: Any) -> Question:
    told = {
        "actors": {"CST": frozenset({f"{URI}|{RECORD.controller}"}), "PRCP": frozenset({f"{URI}|{recipient}"})},
        "actions": frozenset({"disclose"}),
        "classes": frozenset({f"{CATEGORY}|progress"}),
        "codes": frozenset({f"{PURPOSE}|{RECORD.purpose}"}),
    }
    return Question(day, **(told | other))


def _fhir(record: ConsentRecord, today: int = RECORD.begin) -> Any:
    return read(json.dumps(as_fhir(record, today)).encode())


# -- DPV --------------------------------------------------------------------------------------------------------------------


def test_every_field_of_the_record_has_a_term() -> None:
    assert set(TERMS) == {field.name for field in fields(ConsentRecord)}
    assert all(
        term.startswith(("https://w3id.org/dpv#", "http://purl.org/dc/terms/", "urn:schakel:term:"))
        for term in TERMS.values()
    )


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in _names(one)}
    return {name for one in value for name in _names(one)} if isinstance(value, list) else set()


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for one in value.values() for text in _texts(one)}
    return {text for one in value for text in _texts(one)} if isinstance(value, list | tuple) else {str(value)}


def test_every_field_that_has_a_value_is_told_in_dpv() -> None:
    told = as_dpv(WITHDRAWN)
    names = _names(told)
    filled = [field.name for field in fields(ConsentRecord) if getattr(WITHDRAWN, field.name) is not None]
    assert [name for name in filled if TERMS[name] not in names] == []
    assert {GP, RECORD.controller, RECORD.principal, "2026-03-02", "2027-03-01", "2026-03-02T10:00:00Z"} <= _texts(told)


def test_a_withdrawal_is_told_beside_what_was_given() -> None:
    events: Any = as_dpv(WITHDRAWN)["https://w3id.org/dpv#hasConsentStatus"]
    assert [one["@type"][0] for one in events] == [VALUES["given"], VALUES["withdrawn"]]
    assert len(as_dpv(RECORD)["https://w3id.org/dpv#hasConsentStatus"]) == 1  # type: ignore[arg-type]


def test_the_terms_of_the_published_example_are_ours_too() -> None:
    if not EXAMPLE.is_file():
        pytest.skip("the example is not at hand")
    example = _names(json.loads(EXAMPLE.read_bytes()))
    # Of later versions of DPV: who indicated it, and when, stands with the status and not in parts.
    moved = {"hasEntity", "hasPart", "hasWithdrawalMethod"}
    wanted = {
        name for name in example if name.startswith("https://w3id.org/dpv#") and name.partition("#")[2] not in moved
    }
    assert wanted <= _names(as_dpv(replace(RECORD, retention="wmo-5.3.4-1-15y")))


# -- FHIR -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [RECORD, WITHDRAWN, replace(RECORD, given_by="parents", language="fy")])
def test_a_consent_that_we_write_is_valid_fhir(record: ConsentRecord) -> None:
    made = as_fhir(record, RECORD.begin)
    assert Model.model_validate(made).status == made["status"]


def test_a_consent_that_we_write_passes_the_official_schema() -> None:
    if not SCHEMA.is_file():
        pytest.skip("the schema is not at hand")
    schema = json.loads(SCHEMA.read_bytes())
    judge = Draft6Validator({"definitions": schema["definitions"], "$ref": "#/definitions/Consent"})
    assert [error.json_path for error in judge.iter_errors(as_fhir(RECORD, RECORD.begin))] == []


def test_what_we_write_permits_what_was_agreed() -> None:
    assert answer(_fhir(RECORD), _question()) is Answer.PERMIT
    assert answer(_fhir(RECORD), _question(RECORD.end)) is Answer.PERMIT


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (_question(recipient=SCHOOL), Answer.DENY),
        (_question(classes=frozenset({f"{CATEGORY}|service"})), Answer.DENY),
        (_question(codes=frozenset({f"{PURPOSE}|iets-anders"})), Answer.DENY),
        (_question(codes=None), Answer.DENY),
        (_question(actions=frozenset({"use"})), Answer.DENY),
        (_question(RECORD.begin - 1), Answer.NONE),
        (_question(RECORD.end + 1), Answer.NONE),
    ],
)
def test_what_we_write_permits_nothing_else(asked: Question, says: Answer) -> None:
    assert answer(_fhir(RECORD), asked) is says


def test_what_was_withdrawn_or_is_over_permits_nothing() -> None:
    assert answer(_fhir(WITHDRAWN), _question()) is Answer.NONE
    assert answer(_fhir(RECORD, RECORD.end + 1), _question()) is Answer.NONE


@given(
    st.integers(RECORD.begin - 400, RECORD.end + 400),
    st.sampled_from([GP, SCHOOL]),
    st.sampled_from(["progress", "service"]),
)
def test_a_permit_is_exactly_what_the_record_says(day: int, recipient: str, category: str) -> None:
    agreed = RECORD.begin <= day <= RECORD.end and recipient == GP and category in RECORD.categories
    asked = _question(day, recipient, classes=frozenset({f"{CATEGORY}|{category}"}))
    assert (answer(_fhir(RECORD), asked) is Answer.PERMIT) is agreed
