# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""No table lets what may not be passed on be passed on under its own law and purpose; and no hub starts with such a one."""

from itertools import product

import orjson
import pytest

from consent import rules
from consent.onward import carried_on, stays
from consent.rules import TableError, load
from hub.registry import check_table
from schemas.codes import Code
from tests.simulator import Party, World

BASE = rules.national(test_mode=True)
SUWI = [row for row in BASE.rows.values() if row.law == "suwi" and stays(row)]


def with_row(**cells: object) -> bytes:
    """The national table and one row more, like row 16 but for these cells."""
    parsed = orjson.loads(BASE.raw)
    row = next(one for one in parsed["rows"] if one["id"] == 16)
    parsed["rows"].append({**row, "id": 990, "senders": ["team-pw"], "recipients": ["gp"], **cells})
    return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)


def test_what_uwv_gives_stays_where_it_came_because_the_text_was_read() -> None:
    assert {row.id for row in SUWI} >= {15, 16}


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {"purpose": "iets-anders"},  # by the same articles
        {"source": [{"text": "wpo", "article": "18a-13", "date": "2015-08-30"}]},  # for the same purpose
        {"senders": ["school", "team-pw"]},
        {"grounds": ["consent"], "consent_by": None},
    ],
)
def test_a_table_that_hands_on_what_may_not_be_passed_on_is_no_table(cells: dict[str, object]) -> None:
    with pytest.raises(TableError) as wrong:
        load(with_row(**cells))
    assert [(fault.row, fault.path) for fault in wrong.value.faults if fault.keyword == "carried-on"] == [
        (990, "/onward")
    ]


@pytest.mark.parametrize(
    "cells",
    [
        {"permits": False},
        {"in_force": False},
        {"law": "participatiewet"},  # a fact of its own under its own law
        {"senders": ["uwv"], "recipients": ["gp"]},  # the source itself
    ],
)
def test_what_hands_nothing_on_is_a_table(cells: dict[str, object]) -> None:
    assert not list(carried_on(load(with_row(**cells)).rows.values()))


def test_our_own_proposal_and_what_nobody_read_bind_nobody() -> None:
    for mark, binds in (("L15", True), ("L26", True), ("F", True), ("D", False), ("M", False), ("S", False)):
        parsed = orjson.loads(BASE.raw)
        for row in parsed["rows"]:
            if row["id"] == 119:
                row["marks"]["onward"] = mark
        assert stays(load(orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)).rows[119]) is binds


def test_nobody_who_receives_under_suwi_tells_anything_under_that_law() -> None:
    """So the hub refuses it, whoever is asked and whatever consent is claimed: there is no row."""
    receivers = {role for row in SUWI for role in row.recipients} - {role for row in SUWI for role in row.senders}
    assert receivers
    for row, sender, recipient in product(BASE.rows.values(), receivers, rules.ROLES):
        if row.law == "suwi":
            assert not any(BASE.permits(row.id, sender, recipient, ground, ("progress",)) for ground in row.grounds)


def test_onward_the_hub_accepts_nothing_under_a_row_of_suwi_from_who_received_under_it() -> None:
    world = World()
    uwv, team, practice = world.party("uwv"), world.party("team-pw"), world.party("gp")
    assert uwv.register(team, 16).answer.code is Code.IN_FORCE
    for row, recipient in product((15, 16, 118), (practice, uwv)):
        assert refusal(team, recipient, row) is Code.NOT_PERMITTED_HERE
    world.check()


def refusal(sender: Party, recipient: Party, row: int) -> Code | None:
    grant = sender.register(recipient, row, "no-objection" if row == 118 else "statutory", ("progress",))
    frame = sender.envelope(grant)
    sender.send(frame)
    return sender.outcome(frame)


def test_onward_a_municipality_that_publishes_such_a_table_or_another_column_is_refused() -> None:
    parsed = orjson.loads(BASE.raw)
    for row in parsed["rows"]:
        if row["id"] == 16:
            row["marks"]["onward"] = "D"
    for raw in (with_row(), orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)):
        assert check_table(raw, BASE) is Code.MALFORMED
