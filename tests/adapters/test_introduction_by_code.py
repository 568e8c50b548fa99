# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Introduction by code, between real edges: nothing is told before the citizen has handed the code over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, TEAM, Neighbours, status
from tests.simulator import CODED, World

TALK = Conversation(("Praktijk Voorbeeld",))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path, World(table=CODED))
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    neighbours[GP].import_clients([ClientRow("H-7", "999990019", ""), ClientRow("H-8", "999900158", "")])
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def agree(near: Neighbours) -> str:
    """An agreement whose introduction has arrived; its code."""
    [slip] = near[TEAM].make_agreement("C-1", TALK).slips
    near.settle(2)
    return slip.code


def happens(near: Neighbours, number: int = 1, kind: Kind = Kind.GESTART) -> None:
    assert near.take(TEAM, status(number, kind, near.world.today)).told == 1
    near.settle(2)


def next_day(near: Neighbours) -> None:
    near.world.advance(days=4)
    near.settle(3)


def why(near: Neighbours) -> list[str]:
    return [line.why for line in near[TEAM].outbox()]


def test_events_wait_for_the_typing_and_arrive_after_it(near: Neighbours) -> None:
    code = agree(near)
    happens(near)
    next_day(near)
    assert near.told(GP, "H-7") == near.told(GP, "H-8") == []
    assert why(near) == ["wacht tot Praktijk Voorbeeld de code heeft ingevoerd (uiterlijk 2026-03-17)"]
    entered = near[GP].enter_code("H-7", code)
    assert entered is not None
    assert entered.sender_name == "Team Wmo"
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]
    assert near.told(GP, "H-8") == []
    assert why(near) == []
    assert [grant.introduced for grant in near[TEAM].grants()] == [True]
