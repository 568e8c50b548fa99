# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The consent record: canonical bytes in both directions, withdrawal that works once, no value in an error."""

from dataclasses import fields, replace
from pathlib import Path

import orjson
import pytest

from consent import record
from consent.record import ConsentRecord
from schemas import calendar, registry
from schemas.registry import InvalidPart

REGISTRY = registry.load()
OIN = "urn:nld:oin:0000000100000000000"
RECORD = ConsentRecord(
    id="4b" * 16,
    principal="C-1001",
    controller=f"{OIN}1:team-wmo",
    recipients=(f"{OIN}3:gp",),
    row=5,
    purpose="zvw-zorg",
    law="wmo",
    categories=("progress",),
    begin=calendar.parse_date("2026-03-02"),
    end=calendar.parse_date("2027-03-01"),
    given_at=1_772_445_600_000,
    given_by="client",
    manner="in-person",
    notice="2026-1",
    secrecy_ground="wmo-5.2.5-2",
    objection="stop",
    table="5a" * 32,
)
FIRST = Path(registry.__file__).parent / "definitions" / "consent" / "1" / "consent-record.example.json"
NAME = "Janssen Planted"


@pytest.mark.parametrize("kept", [RECORD, RECORD.withdrawn(1_772_532_000_000)])
def test_a_record_reads_back_to_the_same(kept: ConsentRecord) -> None:
    raw = kept.to_bytes(REGISTRY)

    assert record.from_bytes(raw, REGISTRY) == kept
    assert record.from_bytes(raw, REGISTRY).to_bytes(REGISTRY) == raw


def test_a_withdrawal_is_kept_with_its_time_and_a_second_one_changes_nothing() -> None:
    withdrawn = RECORD.withdrawn(1_772_532_000_000)

    assert (withdrawn.state, withdrawn.withdrawn_at) == ("withdrawn", 1_772_532_000_000)
    assert withdrawn.withdrawn(1_800_000_000_000) == withdrawn
    assert RECORD.state == "given"


@pytest.mark.parametrize(
    "impossible", [replace(RECORD, withdrawn_at=1), replace(RECORD, state="withdrawn"), replace(RECORD, state="asked")]
)
def test_the_time_of_withdrawal_goes_with_the_state_withdrawn_only(impossible: ConsentRecord) -> None:
    with pytest.raises(InvalidPart, match=r"/(state|withdrawn_at) (const|type|enum)"):
        impossible.to_bytes(REGISTRY)


def test_the_reference_of_a_record_changes_with_the_record() -> None:
    reference = RECORD.reference(REGISTRY)

    assert len(reference) == 64
    assert reference != replace(RECORD, id="4c" * 16).reference(REGISTRY)
    assert reference != replace(RECORD, principal="C-1002").reference(REGISTRY)


TEXTS = [
    field.name
    for field in fields(ConsentRecord)
    if isinstance(getattr(RECORD, field.name), str) and field.name != "schema"
]


@pytest.mark.parametrize("name", TEXTS)
def test_no_field_takes_free_text_and_no_error_repeats_it(name: str) -> None:
    with pytest.raises(InvalidPart, match=f"/{name} ") as caught:
        replace(RECORD, **{name: NAME}).to_bytes(REGISTRY)  # type: ignore[arg-type]

    assert NAME not in str(caught.value)


def test_bytes_in_another_spelling_are_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^/ canonical$"):
        record.from_bytes(RECORD.to_bytes(REGISTRY).replace(b",", b", "), REGISTRY)


def test_a_record_of_version_1_is_still_read_withdrawn_and_written_as_it_was() -> None:
    raw = orjson.dumps(orjson.loads(FIRST.read_bytes()), option=orjson.OPT_SORT_KEYS)
    old = record.from_bytes(raw, REGISTRY)

    assert (old.schema, old.table, old.operations) == ("consent-record/1", None, None)
    assert old.to_bytes(REGISTRY) == raw
    again = record.from_bytes(old.withdrawn(1_772_532_000_000).to_bytes(REGISTRY), REGISTRY)
    assert (again.state, again.schema) == ("withdrawn", "consent-record/1")


def test_a_new_record_says_under_which_table_it_was_asked_and_that_consent_is_not_the_basis_of_the_avg() -> None:
    kept = record.from_bytes(RECORD.to_bytes(REGISTRY), REGISTRY)

    assert (kept.schema, kept.ground, kept.table) == ("consent-record/2", "consent", "5a" * 32)
    assert kept.processing_basis is None
