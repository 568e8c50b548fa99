# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every way in which something comes against every way in which somebody said no: what is turned away, what is held, what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from adapters import refusals
from adapters.keys import StoreKey
from adapters.objections import OVERRULED, UPHELD
from adapters.records_incoming import Introduced
from adapters.records_people import OBJECTIONS, REFUSALS, Objection, Refused
from adapters.store import EdgeStore
from consent.precedence import EXCEPTED, HELD, OBJECTED, WITHDRAWN
from consent.rules import national
from schemas.calendar import start_of_day
from tests.adapters.edges import GP, TEAM

DAY = 20_600
ROWS = national(test_mode=True).rows
WEIGHED, STOPS, RECORDED = 1, 5, 122  # what an objection does under them
AWAY, HOLDS, SHOWN = "turned away", "held", "shown"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path, StoreKey.from_secret(bytes(32))) as made:
        yield made


@dataclass(frozen=True)
class Said:
    """What the client said at who is told, on which day after the grant's first, and what somebody decided ("": nobody yet)."""

    kind: str
    on: int
    outcome: str | None = None  # None: there is nothing to decide
    lifted: bool = False
    partner: str | None = None


def came(row: int, ground: str, *, automatic: bool) -> Introduced:
    return Introduced(
        b"s" * 32, TEAM, None, row, ground, ("progress",), "doel", "wmo", DAY, DAY + 90, None, automatic, 0
    )


def put(store: EdgeStore, *said: Said) -> None:
    with store.transaction() as tx:
        for number, one in enumerate(said, 1):
            name = f"r{number}"
            at = start_of_day(DAY + one.on)
            new = Refused(name, "c1", one.partner, one.kind, at, incoming=True, overruled=one.outcome == OVERRULED)
            REFUSALS.put(tx, replace(new, lifted_at=at) if one.lifted else new)
            if one.kind == OBJECTED:
                decide_by = None if one.outcome is None else DAY + 14
                objection = Objection(number, "c1", name, (), DAY, "client", decide_by, (), one.outcome or "")
                OBJECTIONS.put(tx, objection)


def becomes(store: EdgeStore, one: Introduced) -> str:
    """As `adapters.inbound.attach` asks it."""
    row = ROWS[one.row]
    if refusals.turns_away(store, "c1", one, row):
        return AWAY
    return HOLDS if refusals.is_undecided(store, "c1", one.sender, row) else SHOWN


BEFORE = {"the day before": -1, "the day itself": 0, "the day after": 1}
OUTCOMES = {"nobody decided": "", "upheld": UPHELD, "overruled": OVERRULED}


@pytest.mark.parametrize(("when", "outcome"), list(product(BEFORE, OUTCOMES)))
def test_what_may_be_weighed(store: EdgeStore, when: str, outcome: str) -> None:
    put(store, Said(OBJECTED, BEFORE[when], OUTCOMES[outcome]))
    by_person = {"nobody decided": AWAY if BEFORE[when] >= 0 else HOLDS, "upheld": AWAY, "overruled": SHOWN}[outcome]
    by_itself = {"nobody decided": AWAY, "upheld": AWAY, "overruled": SHOWN}[outcome]
    assert becomes(store, came(WEIGHED, "statutory", automatic=False)) == by_person
    assert becomes(store, came(WEIGHED, "statutory", automatic=True)) == by_itself


@pytest.mark.parametrize(("when", "outcome"), list(product(BEFORE, OUTCOMES)))
def test_the_citizens_own_later_word_counts_before_what_he_said_earlier(
    store: EdgeStore, when: str, outcome: str
) -> None:
    put(store, Said(OBJECTED, BEFORE[when], OUTCOMES[outcome]))
    shown = (
        SHOWN if BEFORE[when] < 0 else AWAY
    )  # under a row with *stop* nothing is weighed, so a decision changes nothing
    assert becomes(store, came(STOPS, "consent", automatic=False)) == shown
    assert becomes(store, came(STOPS, "consent", automatic=True)) == AWAY


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_where_nothing_is_weighed_and_the_citizen_gave_no_word_an_objection_stands_at_once(
    store: EdgeStore, outcome: str
) -> None:
    put(store, Said(OBJECTED, -1, OUTCOMES[outcome]))
    assert becomes(store, came(STOPS, "statutory", automatic=False)) == AWAY


@pytest.mark.parametrize(("when", "automatic"), list(product(BEFORE, [False, True])))
def test_what_the_law_lets_go_on_is_shown_whatever_was_objected(store: EdgeStore, when: str, automatic: bool) -> None:
    put(store, Said(OBJECTED, BEFORE[when], UPHELD))
    assert becomes(store, came(RECORDED, "statutory", automatic=automatic)) == SHOWN


@pytest.mark.parametrize(
    ("row", "ground", "automatic"), list(product((WEIGHED, STOPS, RECORDED), ("statutory", "consent"), (False, True)))
)
def test_a_hold_turns_everything_away_whenever_it_was_said_and_an_exception_opens_none(
    store: EdgeStore, row: int, ground: str, automatic: bool
) -> None:
    put(store, Said(HELD, -30), Said(EXCEPTED, 0, partner=TEAM))
    assert becomes(store, came(row, ground, automatic=automatic)) == AWAY


@pytest.mark.parametrize("automatic", [False, True])
def test_an_exception_for_this_partner_opens_what_was_upheld_against_all(store: EdgeStore, automatic: bool) -> None:
    put(store, Said(OBJECTED, -5, UPHELD), Said(EXCEPTED, -5, partner=TEAM))
    assert becomes(store, came(WEIGHED, "statutory", automatic=automatic)) == SHOWN
    put(store, Said(OBJECTED, -5, UPHELD), Said(EXCEPTED, -5, partner=GP))
    assert becomes(store, came(WEIGHED, "statutory", automatic=automatic)) == AWAY


@pytest.mark.parametrize("automatic", [False, True])
def test_what_was_lifted_refuses_nothing_and_what_stands_beside_it_does(store: EdgeStore, automatic: bool) -> None:
    put(store, Said(OBJECTED, -5, UPHELD, lifted=True))
    assert becomes(store, came(WEIGHED, "statutory", automatic=automatic)) == SHOWN
    put(store, Said(OBJECTED, -5, UPHELD, lifted=True), Said(OBJECTED, -4, UPHELD))
    assert becomes(store, came(WEIGHED, "statutory", automatic=automatic)) == AWAY


def test_a_withdrawal_is_of_consent_and_passed_by_a_later_one(store: EdgeStore) -> None:
    put(store, Said(WITHDRAWN, -1))
    assert becomes(store, came(STOPS, "consent", automatic=False)) == SHOWN
    assert becomes(store, came(STOPS, "consent", automatic=True)) == AWAY
    assert becomes(store, came(WEIGHED, "statutory", automatic=True)) == SHOWN  # of a task it is no withdrawal
