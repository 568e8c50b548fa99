# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Terms, monthly handles, and what the hub is given of them."""

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import grant
from consent.grant import GrantTerms
from schemas import calendar

SECRET = bytes(range(32))
SALT = bytes(range(32, 64))
MARCH = calendar.parse_month("2026-03")
OIN = "urn:nld:oin:0000000100000000000"
TERMS = GrantTerms(
    sender=f"{OIN}1:team-wmo",
    recipient=f"{OIN}2:provider-wmo",
    row=1,
    ground="statutory",
    categories=("progress", "service"),
    begin=calendar.parse_date("2026-03-02"),
    end=calendar.parse_date("2026-05-15"),
    purpose="levering-voorziening",
    law="wmo",
)
BSN = "999900006"
OTHER_BSN = "999900018"
DAYS = st.integers(0, calendar.parse_date("2120-12-31"))


def test_the_handle_and_salts_of_a_month_are_those_of_the_specification() -> None:
    found = grant.salts(SECRET, MARCH)

    assert grant.handle(SECRET, MARCH) == hmac.new(SECRET, b"2026-03", hashlib.sha256).digest()[:16]
    assert found.terms == hmac.new(SECRET, b"terms2026-03", hashlib.sha256).digest()
    assert found.commitment == hmac.new(SECRET, b"commitment2026-03", hashlib.sha256).digest()


def test_the_bytes_that_two_builders_must_agree_on_are_frozen() -> None:
    record = grant.bsn_record(TERMS, BSN, SALT, "100000123")

    assert grant.handle(SECRET, MARCH).hex() == "4c37a28259e5a9e1c77a54d9de266509"
    assert (
        grant.terms_hash(TERMS, SECRET, MARCH).hex()
        == "dc96198e2dedfd2a2c72fa914fc81acf39d17ffe85fe42853b97b351c84229fd"
    )
    assert (
        grant.commitment(record, SECRET, MARCH).hex()
        == "d389cd65df729516ff778dc30515dfbe7041ab5847148c02b42936a1a7c18c7e"
    )


@given(
    st.binary(min_size=32, max_size=32),
    st.lists(st.integers(2020 * 12, 2100 * 12), min_size=2, max_size=6, unique=True),
)
@settings(max_examples=50, deadline=None)
def test_nothing_that_the_hub_gets_is_equal_in_two_months(secret: bytes, months: list[int]) -> None:
    record = grant.terms_bytes(TERMS)
    values = [
        value
        for month in months
        for value in (
            grant.handle(secret, month),
            *grant.salts(secret, month),
            grant.terms_hash(TERMS, secret, month),
            grant.commitment(record, secret, month),
        )
    ]

    assert len(set(values)) == 5 * len(months)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_secret_of_another_length_is_misuse(length: int) -> None:
    with pytest.raises(ValueError, match="a handle secret has 32 bytes"):
        grant.handle(b"x" * length, MARCH)


@pytest.mark.parametrize("categories", [(), ("service", "progress"), ("progress", "progress")])
def test_terms_with_categories_in_another_order_do_not_exist(categories: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="the categories of a grant are sorted"):
        replace(TERMS, categories=categories)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TERMS, sender=f"{OIN}3:team-wmo"),
        replace(TERMS, recipient=f"{OIN}2:gp"),
        replace(TERMS, row=2),
        replace(TERMS, ground="consent"),
        replace(TERMS, categories=("progress",)),
    ],
)
def test_the_terms_hash_changes_with_everything_that_the_hub_decides_on(changed: GrantTerms) -> None:
    assert grant.terms_hash(changed, SECRET, MARCH) != grant.terms_hash(TERMS, SECRET, MARCH)


def test_the_terms_hash_tells_the_end_only_in_the_month_of_the_end() -> None:
    later = replace(TERMS, end=TERMS.end + 1)
    may = calendar.parse_month("2026-05")

    assert grant.terms_hash(later, SECRET, MARCH) == grant.terms_hash(TERMS, SECRET, MARCH)
    assert grant.terms_hash(later, SECRET, may) != grant.terms_hash(TERMS, SECRET, may)


def test_a_grant_is_tied_to_its_citizen_by_its_commitment() -> None:
    committed = grant.commitment(grant.bsn_record(TERMS, BSN, SALT, None), SECRET, MARCH)

    assert committed == grant.commitment(grant.bsn_record(TERMS, BSN, SALT, None), SECRET, MARCH)
    assert committed != grant.commitment(grant.bsn_record(TERMS, OTHER_BSN, SALT, None), SECRET, MARCH)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TERMS, begin=TERMS.begin + 1),
        replace(TERMS, end=TERMS.end + 1),
        replace(TERMS, purpose="zvw-zorg"),
        replace(TERMS, law="jeugdwet"),
        replace(TERMS, row=2),
        replace(TERMS, recipient=f"{OIN}2:gp"),
    ],
)
def test_the_commitment_covers_all_terms(changed: GrantTerms) -> None:
    assert grant.bsn_record(changed, BSN, SALT, None) != grant.bsn_record(TERMS, BSN, SALT, None)


def test_the_commitment_covers_the_source_and_the_salt() -> None:
    record = grant.bsn_record(TERMS, BSN, SALT, None)

    assert record != grant.bsn_record(TERMS, BSN, SALT, "100000123")
    assert record != grant.bsn_record(TERMS, BSN, SECRET, None)


def test_what_is_committed_to_holds_no_bsn_and_no_hash_of_one_that_can_be_guessed() -> None:
    record = grant.bsn_record(TERMS, BSN, SALT, None)

    assert BSN.encode() not in record
    assert hashlib.sha256(BSN.encode()).hexdigest().encode() not in record


def test_a_salt_of_another_length_is_misuse() -> None:
    with pytest.raises(ValueError, match="the salt of an introduction has 32 bytes"):
        grant.bsn_record(TERMS, BSN, b"", None)


@given(DAYS, st.integers(0, 800))
@settings(max_examples=100, deadline=None)
def test_every_day_of_a_grant_lies_in_exactly_one_of_its_months_and_each_month_has_one(begin: int, length: int) -> None:
    found = grant.months(begin, begin + length)

    assert {calendar.month_of(day) for day in range(begin, begin + length + 1)} == set(found)
    assert len(set(found)) == len(found)


@given(DAYS, st.integers(0, 800))
@settings(max_examples=100, deadline=None)
def test_a_grant_has_an_end_in_its_last_month_only(begin: int, length: int) -> None:
    terms = replace(TERMS, begin=begin, end=begin + length)

    ends = [grant.end_in_month(terms, month) for month in grant.months(begin, terms.end)]

    assert ends == [None] * (len(ends) - 1) + [terms.end]


@pytest.mark.parametrize(
    ("begin", "length", "end"),
    [
        ("2026-03-02", 12, "2027-03-01"),
        ("2026-03-01", 12, "2027-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-01", 1, "2026-01-31"),
        ("2026-12-15", 1, "2027-01-14"),
    ],
)
def test_a_period_of_months_ends_the_day_before_the_same_day(begin: str, length: int, end: str) -> None:
    assert calendar.date_text(grant.longest_end(calendar.parse_date(begin), length)) == end


@pytest.mark.parametrize(
    ("begin", "end", "with_a_month"),
    [
        ("2026-03-04", "2027-03-03", "2027-02-28"),
        ("2026-03-01", "2027-02-28", "2027-02-28"),
        ("2026-03-04", "2026-04-02", "2026-03-31"),
        ("2026-03-04", "2026-03-20", "2026-03-20"),  # no month ends in between
        ("2026-12-31", "2027-01-30", "2026-12-31"),
    ],
)
def test_an_end_that_says_nothing_is_the_last_day_of_a_month(begin: str, end: str, with_a_month: str) -> None:
    found = grant.with_a_month(calendar.parse_date(begin), calendar.parse_date(end))
    assert calendar.date_text(found) == with_a_month


@given(st.integers(20_000, 22_000), st.integers(0, 500))
def test_an_end_with_a_month_is_never_later_nor_more_than_a_month_earlier(begin: int, length: int) -> None:
    end = begin + length
    found = grant.with_a_month(begin, end)
    assert max(begin, end - 30) <= found <= end
    assert found == end or found == calendar.last_day(calendar.month_of(found))
