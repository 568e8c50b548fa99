# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A recipient asks to be told, a person at the sender answers; and who asks learns nothing from not being answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import requests
from adapters.by_person import NoGroundError, Reliance
from adapters.clients import ClientRow
from adapters.control import read_request
from adapters.lines import NotLawfulError
from adapters.objections import Objecting
from adapters.records_outgoing import ACTIVE, DONE, REQUEST, Grant
from adapters.records_people import ASKED_FOR, Asking
from adapters.requests import RequestError
from tests.adapters.edges import (
    BSN,
    GP,
    PROVIDER,
    REGISTRY,
    TEAM,
    Neighbours,
    allocation,
    objected,
    start,
    status,
)
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    begin(neighbours)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def begin(near: Neighbours, *, known: bool = True) -> None:
    """The provider tells the municipality, and is told nothing."""
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near[TEAM].import_clients([ClientRow("T-1", BSN if known else "999900018", "")])
    near.take(PROVIDER, allocation())
    near.settle(2)
    near.take(PROVIDER, start())
    near.settle(2)
    near.accept_held(TEAM)


def ask(near: Neighbours, partner: str = TEAM, row: int = 1) -> Asking:
    edge = near[PROVIDER]
    with edge.workplace.commit("request") as tx:
        return requests.ask(tx, edge.workplace, edge.client("P-1"), partner, row)


def waiting(near: Neighbours) -> list[requests.Waiting]:
    return requests.waiting(near[TEAM].store, near[TEAM].workplace)


def yes(near: Neighbours, number: int, until: int | None = None) -> Grant:
    with near[TEAM].workplace.commit("answered") as tx:
        return requests.say_yes(tx, near[TEAM].workplace, number, "N. Antwoordt", ("zaak-7", until))


def no(near: Neighbours, number: int) -> None:
    with near[TEAM].workplace.commit("answered") as tx:
        requests.say_no(tx, near[TEAM].workplace, number, "N. Antwoordt")


def test_who_asks_is_told_after_a_person_there_has_said_yes(near: Neighbours) -> None:
    ask(near)
    near.settle(2)
    (one,) = waiting(near)
    assert (one.client.number, one.partner, one.row.id) == ("T-1", PROVIDER, 1)
    assert near[TEAM].grants() == []  # nothing opens by itself
    made = yes(near, one.number)
    assert (made.recipient, made.row, made.source, made.automatic) == (PROVIDER, 1, "zaak-7", False)
    assert waiting(near) == []
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(3)
    assert near.told(PROVIDER) == ["in onderzoek"]


def test_a_request_is_as_long_as_an_introduction_for_the_hub(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    sizes: list[int] = []

    class Wire(type(near[PROVIDER].workplace.client)):  # type: ignore[misc]
        async def send(self, envelopes: list[bytes]) -> object:
            sizes.extend(map(len, envelopes))
            return await super().send(envelopes)

    near.clients[PROVIDER] = Wire(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    begin(near)
    ask(near)
    near.settle(2)
    introduction, event, request = sizes
    assert event < introduction == request
    (item,) = [one for one in near[PROVIDER].items() if one.kind == REQUEST]
    assert item.final == DONE
    near.close()


Stands = Callable[[Neighbours], object]


def told_nobody(_: Neighbours) -> None:
    """Nobody there looks."""


def withheld(near: Neighbours) -> None:
    run(near[TEAM].stop("T-1", PROVIDER, "held"))


def refused(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(PROVIDER), "T-1")


def answered_no(near: Neighbours) -> None:
    near.settle(2)
    for one in waiting(near):
        no(near, one.number)


@pytest.mark.parametrize("stands", [withheld, refused, answered_no, "unknown"])
def test_introduction_is_no_oracle_and_neither_is_a_request(tmp_path: Path, stands: Stands | str) -> None:
    seen = []
    for place, what in (("one", told_nobody), ("other", stands)):
        near = Neighbours(tmp_path / place)
        begin(near, known=what != "unknown")
        if callable(what) and what is not answered_no:
            what(near)
        ask(near)
        if what is answered_no:
            answered_no(near)
        else:
            near.settle(2)
        near.settle(2)
        near.world.advance(days=5)
        near.settle(2)
        item = next(one for one in near[PROVIDER].items() if one.kind == REQUEST)
        seen.append((item.final, item.done_on, item.tries, near[PROVIDER].outbox(), near.told(PROVIDER, "P-1")))
        assert len(list(ASKED_FOR.scan(near[TEAM].store))) == 1
        near.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("stands", [withheld, refused])
def test_a_request_against_a_refusal_is_shown_to_nobody_and_is_not_answered(near: Neighbours, stands: Stands) -> None:
    ask(near)
    near.settle(2)
    (one,) = waiting(near)
    stands(near)
    assert waiting(near) == []
    with pytest.raises(RequestError, match="geen verzoek"):
        yes(near, one.number)
    assert [grant for grant in near[TEAM].grants() if grant.state == ACTIVE] == []


def test_after_no_or_four_weeks_nothing_waits_and_it_may_be_asked_again(near: Neighbours) -> None:
    ask(near)
    near.settle(2)
    no(near, waiting(near)[0].number)
    assert waiting(near) == []
    with pytest.raises(RequestError, match="al gevraagd"):
        ask(near)
    near.world.advance(days=29)
    near.settle(2)
    ask(near)
    near.settle(2)
    assert len(waiting(near)) == 1
    near.world.advance(days=29)
    assert waiting(near) == []


def test_only_who_tells_may_ask_and_only_under_a_rule_that_lets_the_other_tell(near: Neighbours) -> None:
    with pytest.raises(RequestError, match="volgens deze regel"):
        ask(near, row=5)
    with pytest.raises(RequestError, match="buiten de hub om"):
        ask(near, GP, 12)
    run(near[PROVIDER].stop("P-1", TEAM, "closed"))
    with pytest.raises(RequestError, match="buiten de hub om"):
        ask(near)


def test_yes_is_refused_where_it_is_not_lawful_and_then_it_still_waits(near: Neighbours) -> None:
    ask(near)
    near.settle(2)
    (one,) = waiting(near)
    with pytest.raises(NotLawfulError, match="too-long"):
        yes(near, one.number, near.world.today + 800)
    with pytest.raises(NoGroundError, match="kenmerk"), near[TEAM].workplace.commit("answered") as tx:
        requests.say_yes(tx, near[TEAM].workplace, one.number, "N.", ("geen kenmerk!", None))
    with pytest.raises(RequestError, match="wie dit antwoord"), near[TEAM].workplace.commit("answered") as tx:
        requests.say_no(tx, near[TEAM].workplace, one.number, "  ")
    assert [left.number for left in waiting(near)] == [one.number]
    near[TEAM].grant_by_person(
        "T-1", PROVIDER, Reliance(1, "zaak-9")
    )  # told on another word: nothing is left to answer
    assert waiting(near) == []


def test_a_request_is_forgotten(near: Neighbours) -> None:
    ask(near)
    near.settle(2)
    for days in (57, 330):
        near.world.advance(days=days)
        near.settle(1)
    assert list(ASKED_FOR.scan(near[TEAM].store)) == []
    assert requests.asked(near[PROVIDER].store) == []


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_other_bytes_are_a_request(raw: bytes) -> None:
    assert read_request(REGISTRY, raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"event":"00112233445566778899aabbccddeeff","kind":"request","row":0}',
        b'{"event":"00112233445566778899aabbccddeeff","kind":"request","row":1.0}',
        b'{"event":"00112233445566778899aabbccddeeff","kind":"request","row":10000}',
        b'{"event":"00112233445566778899AABBCCDDEEFF","kind":"request","row":1}',
        b'{"event":"00112233445566778899aabbccddeeff","kind":"introduction","row":1}',
        b'{"event":"00112233445566778899aabbccddeeff","kind":"request","row":1,"why":"x"}',
        b'{"kind":"request","event":"00112233445566778899aabbccddeeff","row":1}',
    ],
)
def test_a_request_of_another_form_is_none(raw: bytes) -> None:
    assert read_request(REGISTRY, raw) is None
    right = b'{"event":"00112233445566778899aabbccddeeff","kind":"request","row":1}'
    came = read_request(REGISTRY, right)
    assert came is not None
    assert came.row == 1
