# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Which of the things that were said counts: a table of questions, and what holds for every one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.precedence import (
    EXCEPTED,
    HELD,
    OBJECTED,
    PAUSE,
    RECORD,
    SAFETY_ROWS,
    STOP,
    WITHDRAWN,
    Asked,
    Said,
    refused,
)
from consent.rules import Row, national

GP, OTHER_GP, SCHOOL = "gp-a", "gp-b", "school-a"
TABLE = national(test_mode=True)
CONSENTED, WEIGHED = TABLE.rows[5], TABLE.rows[1]
RECORDED = replace(WEIGHED, id=122, objection=RECORD)
DUTY = replace(RECORDED, id=14)
SAFETY = replace(WEIGHED, id=11)


def said(kind: str, partner: str | None = None, role: str | None = None, row: int | None = None) -> Said:
    return Said(kind, partner, role, row)


def asked(partner: str = GP, row: Row | None = CONSENTED) -> Asked:
    return Asked(partner, "school" if partner == SCHOOL else "gp", row)


EVERYBODY, BUT_GP = said(OBJECTED), said(EXCEPTED, GP)
QUESTIONS = [
    # (what it shows, what was said, what is asked, whether it is refused)
    ("nothing said", [], asked(), False),
    ("all", [EVERYBODY], asked(), True),
    ("a partner is not another", [said(OBJECTED, GP)], asked(OTHER_GP), False),
    ("a role is every partner in it", [said(OBJECTED, role="gp")], asked(OTHER_GP), True),
    ("a role is not another role", [said(OBJECTED, role="gp")], asked(SCHOOL), False),
    ("all but one: the one", [EVERYBODY, BUT_GP], asked(), False),
    ("all but one: another", [EVERYBODY, BUT_GP], asked(OTHER_GP), True),
    ("the order in which it was said is nothing", [BUT_GP, EVERYBODY], asked(), False),
    ("all but a role", [EVERYBODY, said(EXCEPTED, role="gp")], asked(), False),
    ("a role but one of it", [said(OBJECTED, role="gp"), BUT_GP], asked(), False),
    ("a role excepted, one of it refused", [said(EXCEPTED, role="gp"), said(OBJECTED, GP)], asked(), True),
    ("a tie on a partner", [said(OBJECTED, GP), BUT_GP], asked(), True),
    ("a tie on a role", [said(OBJECTED, role="gp"), said(EXCEPTED, role="gp")], asked(), True),
    ("a tie on all", [EVERYBODY, said(EXCEPTED)], asked(), True),
    ("an exception alone opens nothing that was closed by nobody", [BUT_GP], asked(), False),
    ("a row", [said(OBJECTED, row=5)], asked(), True),
    ("a row is not another", [said(OBJECTED, row=5)], asked(row=WEIGHED), False),
    ("any row but one", [said(OBJECTED, GP), said(EXCEPTED, GP, row=5)], asked(), False),
    ("any row but one: another", [said(OBJECTED, GP), said(EXCEPTED, GP, row=5)], asked(row=WEIGHED), True),
    ("more specific in this, less in that", [said(OBJECTED, row=5), BUT_GP], asked(), True),
    ("the reverse", [said(OBJECTED, GP), said(EXCEPTED, row=5)], asked(), True),
    ("more specific in both", [EVERYBODY, said(EXCEPTED, GP, row=5)], asked(), False),
    ("two refusals, an exception to one", [EVERYBODY, said(WITHDRAWN, GP), BUT_GP], asked(), True),
    ("a hold and an exception", [said(HELD), BUT_GP], asked(), True),
    ("a hold on one partner, excepted by row", [said(HELD, GP), said(EXCEPTED, GP, row=5)], asked(), True),
    ("a hold under a duty that is recorded", [said(HELD)], asked(row=RECORDED), True),
    ("a hold towards Veilig Thuis", [said(HELD)], asked(row=DUTY), False),
    ("a hold towards the GI", [said(HELD)], asked(row=SAFETY), False),
    ("a withdrawal of consent under consent", [said(WITHDRAWN)], asked(), True),
    ("a withdrawal of consent under a task", [said(WITHDRAWN)], asked(row=WEIGHED), False),
    ("an objection that may be weighed", [EVERYBODY], asked(row=WEIGHED), True),
    ("an objection that is only recorded", [EVERYBODY], asked(row=RECORDED), False),
    (
        "one that was overruled, where it could be weighed",
        [replace(EVERYBODY, overruled=True)],
        asked(row=WEIGHED),
        False,
    ),
    ("one that was overruled, where there is nothing to weigh", [replace(EVERYBODY, overruled=True)], asked(), True),
    ("a second one after it was overruled", [replace(EVERYBODY, overruled=True), EVERYBODY], asked(row=WEIGHED), True),
    ("a row that no table has", [EVERYBODY], asked(row=None), True),
    ("a row that no table has, and a refusal of one row", [said(OBJECTED, row=5)], asked(row=None), True),
    (
        "a row that no table has, and an exception of one row",
        [EVERYBODY, said(EXCEPTED, GP, row=5)],
        asked(row=None),
        True,
    ),
]


@pytest.mark.parametrize(("what", "statements", "question", "answer"), QUESTIONS, ids=[one[0] for one in QUESTIONS])
def test_specific_goes_before_general_and_a_refusal_wins_a_tie(
    what: str, statements: list[Said], question: Asked, answer: bool
) -> None:
    assert refused(statements, question) is answer, what


def test_every_effect_of_the_table_is_one_of_three() -> None:
    assert {row.objection for row in TABLE.rows.values()} <= {STOP, PAUSE, RECORD}
    assert frozenset({11, 14}) == SAFETY_ROWS


WHO = st.sampled_from([(None, None), (None, "gp"), (None, "school"), (GP, None), (OTHER_GP, None), (SCHOOL, None)])
SAID = st.builds(
    lambda kind, who, row, overruled: Said(kind, *who, row, overruled and kind == OBJECTED),
    st.sampled_from([HELD, OBJECTED, WITHDRAWN, EXCEPTED]),
    WHO,
    st.sampled_from([None, 1, 5, 14, 122]),
    st.booleans(),
)
ALL_ASKED = [
    asked(partner, row)
    for partner, row in product([GP, OTHER_GP, SCHOOL], [CONSENTED, WEIGHED, RECORDED, DUTY, SAFETY, None])
]


@given(statements=st.lists(SAID, max_size=6), more=SAID)
def test_one_more_refusal_never_opens_and_one_more_exception_never_closes(statements: list[Said], more: Said) -> None:
    for question in ALL_ASKED:
        before, after = refused(statements, question), refused([*statements, more], question)
        assert before == after or after is (more.kind != EXCEPTED)


@given(statements=st.lists(SAID, max_size=6))
def test_no_exception_opens_what_is_held(statements: list[Said]) -> None:
    for question in ALL_ASKED:
        held = [one for one in statements if one.kind == HELD]
        assert refused(statements, question) or not refused(held, question)


@given(statements=st.lists(SAID, max_size=6), data=st.data())
def test_the_order_and_the_number_of_times_are_nothing(statements: list[Said], data: st.DataObject) -> None:
    others = data.draw(st.permutations([*statements, *statements[:2]]))
    for question in ALL_ASKED:
        assert refused(statements, question) is refused(others, question)
