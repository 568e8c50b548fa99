# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Messages that are neither from nor to this organisation: told to nobody, and counted, so that a wrong code is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import of_others
from adapters.formats.native import NativeEvent
from adapters.records_own import OF_OTHERS
from schemas.event import Kind
from tests.adapters.edges import GP, PROVIDER, TEAM, Neighbours, allocation, start, status
from tests.simulator import run

OTHERS = "87654321"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.settle(1)
    yield neighbours
    neighbours.close()


def late(near: Neighbours, address: str) -> int:
    return of_others.of_late(near[address].store, near.world.today)


def test_a_message_that_is_neither_from_nor_to_this_organisation_is_counted(near: Neighbours) -> None:
    taken = near.take(GP, allocation())
    assert (taken.of_others, taken.told, taken.grants) == (1, 0, 0)
    near.take(GP, start())
    assert late(near, GP) == 2


def test_what_is_from_or_to_this_organisation_is_not_counted(near: Neighbours) -> None:
    for address in (TEAM, PROVIDER):
        assert not near.take(address, allocation()).of_others
        assert not near.take(address, start()).of_others
        assert late(near, address) == 0


def test_a_message_that_was_read_before_is_counted_once(near: Neighbours) -> None:
    edge = near[GP]
    for _ in range(3):
        run(edge.take_native(b"\x01" * 32, [start()], near.world.now))
    assert late(near, GP) == 1


def test_an_answer_over_suwinet_is_from_who_was_asked_and_is_not_counted(near: Neighbours) -> None:
    said = replace(status(1, Kind.IN_ONDERZOEK, near.world.today), sender="urn:suwi:uwv", polled="suwi werkbedrijf")
    assert not near.take(TEAM, said).of_others
    assert late(near, TEAM) == 0


def test_it_is_told_for_a_week_and_destroyed_after_two(near: Neighbours) -> None:
    near.take(GP, allocation())
    near.world.advance(days=of_others.DAYS - 1)
    assert late(near, GP) == 1
    near.world.advance(days=1)
    assert late(near, GP) == 0
    near.work(GP)
    assert len(list(OF_OTHERS.scan(near[GP].store))) == 1
    near.world.advance(days=of_others.KEPT_DAYS)
    near.work(GP)
    assert not list(OF_OTHERS.scan(near[GP].store))


def test_nothing_of_the_message_is_kept_but_that_there_was_one(near: Neighbours) -> None:
    near.take(GP, allocation())
    assert [(one.day, one.messages) for one in OF_OTHERS.scan(near[GP].store)] == [(near.world.today, 1)]
    assert not near[GP].clients()


_CODES = st.sampled_from(["12345678", "9999", OTHERS, None])


@given(parties=st.lists(st.tuples(_CODES, _CODES), max_size=3))
def test_one_own_code_anywhere_makes_it_a_message_of_ours_and_no_code_says_nothing(
    parties: list[tuple[str | None, str | None]],
) -> None:
    events = [_between(*one) for one in parties]
    named = {code for one in parties for code in one if code is not None}
    assert of_others.are_of_others(events, frozenset({"12345678"})) == (bool(named) and "12345678" not in named)


def _between(sender: str | None, receiver: str | None) -> NativeEvent:
    return replace(allocation(), sender=sender, receiver=receiver)
