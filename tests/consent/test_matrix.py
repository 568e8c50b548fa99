# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The national table against the matrix of who may tell whom (domain description, section 5.3), written down here by itself.

A cell names ground and row: A a statutory task, C consent, N a declaration of no objection, S the Zorg- en
Veiligheidshuis, V what a person tells for somebody's safety, D closed by a row. Every cell has an answer. Columns and lines are roles; the sender is at the left.
"""

from collections.abc import Iterator
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import rules
from consent.rules import ways

BASE = rules.national(test_mode=True)
GROUND = {"A": "statutory", "C": "consent", "N": "no-objection", "S": "statutory", "V": "safety"}
MATRIX = """
                provider-wmo   provider-jeugd team-wmo       team-jeugd     team-pw        uwv            gp             school         partnership    zvh            gi             veilig-thuis   police         rvdk
provider-wmo    D907           C901           A2             C901           D907           D907           C901           D907           D907           S122           V311           V14            D907           D907
provider-jeugd  C9             A10            C9             A8             D908           D908           C9             C9             C9             S222           V11            V114           D908           D908
team-wmo        A1             D3             D909           C902           C902           D3             C5             D3             D3             S122           V311           V14            D909           D909
team-jeugd      C903           A904           C6             D910           C903           D910           C903           C903           C903           S222           V11            V114           D910           D910
team-pw         N18            N18            C106           C905           D911           A115,A17       N18            N18            N18            S322           D911           V414           D911           D911
uwv             D912           D912           D912           D912           A15,A16        D912           N118           N118           N118           D912           D912           V514           D912           D912
gp              C12            C12,A13        C4             C12            D913           D913           A13            C12            C12            C12,S522       V111           V214           D913           D913
school          C906           C906           C20            C20            D914           D914           C906           D914           D914           S422           V211           V314           D914           D914
partnership     D19            D19            D19            D19            D19            D19            D19            A119           D19            S422           V211           V314           D19            D19
zvh             D23            D23            S22            S22            S22            D23            D23            D23            D23            D23            D23            V614           D23            D23
gi              D915           D915           D915           A8             D915           D915           D915           D915           D915           D915           D915           V114           D915           D915
rvdk            D916           D916           D916           A8             D916           D916           D916           D916           D916           D916           D916           V114           D916           D916
police          D917           D917           D917           D917           D917           D917           D917           D917           D917           D917           D917           D917           D917           D917
veilig-thuis    D918           D918           D918           D918           D918           D918           D918           D918           D918           D918           D918           D918           D918           D918
"""
# More than that something moved: which law and allocation, to who gives or allots that help.
WITH_SERVICE = {1, 2, 8, 904}
CATEGORIES = ("progress", "service")
SOME = [
    (),
    *(choice for size in (1, 2) for choice in combinations(CATEGORIES, size)),
    ("action",),
    ("health", "progress"),
]


def _cells() -> Iterator[tuple[str, str, str]]:
    """Every cell as sender, recipient and one of its marks."""
    head, *body = MATRIX.strip().splitlines()
    for line in body:
        sender, *cells = line.split()
        for recipient, cell in zip(head.split(), cells, strict=True):
            yield from ((sender, recipient, mark) for mark in cell.split(",") if mark != ".")


def _expected() -> set[tuple[int, str, str, str, tuple[str, ...]]]:
    return {
        (int(mark[1:]), sender, recipient, GROUND[mark[0]], categories)
        for sender, recipient, mark in _cells()
        if mark[0] != "D"
        for categories in [("progress",), ("service",), CATEGORIES]
        if categories == ("progress",) or int(mark[1:]) in WITH_SERVICE
    }


def test_the_table_permits_what_the_matrix_says_and_nothing_else() -> None:
    assert BASE.permitted == _expected()


@given(
    st.integers(-1, 1000) | st.sampled_from(sorted(BASE.rows)),
    st.sampled_from(rules.ROLES),
    st.sampled_from(rules.ROLES),
    st.sampled_from(["consent", "no-objection", "safety", "statutory", ""]),
    st.sampled_from(SOME),
)
@settings(max_examples=500, deadline=None)
def test_any_question_is_answered_as_the_matrix_does(
    row: int, sender: str, recipient: str, ground: str, categories: tuple[str, ...]
) -> None:
    asked = (row, sender, recipient, ground, categories)

    assert BASE.permits(*asked) == (asked in _expected())


@pytest.mark.parametrize(("sender", "recipient"), list(product(rules.ROLES, rules.ROLES)))
def test_what_a_person_is_told_about_two_roles_is_what_the_matrix_says(sender: str, recipient: str) -> None:
    marks = {mark for one, other, mark in _cells() if (one, other) == (sender, recipient)}

    found = ways(BASE, sender, recipient)

    assert {(way.row.id, way.ground) for way in found.open} == {
        (int(mark[1:]), GROUND[mark[0]]) for mark in marks if mark[0] != "D"
    }
    closed = {row.id for row in found.closed} - {25}  # Wams: a bill, off
    assert closed == {int(mark[1:]) for mark in marks if mark[0] == "D"}
    assert marks
    assert 24 in {row.id for row in found.by_person}  # acute danger: a person, always
    assert all(
        not BASE.permits(row.id, sender, recipient, ground, row.categories)
        for row in found.closed
        for ground in GROUND.values()
    )


def test_the_bill_that_would_let_teams_tell_each_other_is_there_and_off() -> None:
    row = BASE.rows[25]

    assert (row.law, row.in_force, row.source) == ("wams", False, ())
    assert not {question for question in BASE.permitted if question[0] == 25}


def test_a_bsn_goes_along_only_where_a_text_or_a_published_message_has_it() -> None:
    for row in BASE.rows.values():
        if row.introduction == "bsn":
            assert row.bsn_ground is not None or row.marks["introduction"] == "F"
        else:
            assert row.introduction == "code"
    by_bsn = {row.id for row in BASE.rows.values() if row.introduction == "bsn"}
    assert by_bsn == {1, 2, 4, 5, 8, 15, 16, 17, 115, 904}
    for row in BASE.rows.values():
        if {"school", "partnership", "zvh"} & {*row.senders, *row.recipients}:
            assert row.introduction == "code"


def test_two_rows_never_make_one_line_of_grants() -> None:
    """A line has a recipient, a purpose and a law; a second row in it would silently replace the first."""
    lines = [
        (sender, recipient, row.purpose, row.law)
        for row in BASE.rows.values()
        if row.permits
        for sender, recipient in product(row.senders, row.recipients)
    ]
    assert len(lines) == len(set(lines))


def test_what_was_got_is_passed_on_by_no_row() -> None:
    assert {row.onward for row in BASE.rows.values()} == {"none"}


def test_each_row_is_about_help_under_the_law_of_its_sender() -> None:
    laws = {
        "gp": {"zvw"},
        "partnership": {"onderwijs"},
        "provider-jeugd": {"jeugdwet"},
        "provider-wmo": {"wmo"},
        "school": {"onderwijs"},
        "team-jeugd": {"jeugdwet"},
        "team-pw": {"participatiewet"},
        "team-wmo": {"wmo"},
        "uwv": {"suwi"},
        "zvh": {"wgs"},
        "gi": {"jeugdwet"},
        "rvdk": {"jeugdwet"},
        "police": {"wpg"},
        "veilig-thuis": {"wmo"},
    }
    for row in BASE.rows.values():
        if row.in_force and row.id != 24:  # of acute danger: any law
            assert all(row.law in laws[sender] for sender in row.senders)
