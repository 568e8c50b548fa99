# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge that spreads is ended at any point of its work, while what it tells waits for its moments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.records_outgoing import FINAL, ITEMS, SENT, WAITING, Item
from tests.delivery_runs import folder
from tests.delivery_world import BSN, Crash, DeliveryWorld

EVENTS = 2


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory where that can be."""
    made = folder()
    yield Path(made.name)
    made.cleanup()


class Story:
    """Team Wmo makes an agreement and tells the GP two things; its process ends at the n-th point that it reaches."""

    def __init__(self, where: Path, crash_at: int) -> None:
        where.mkdir()
        self.world = DeliveryWorld(where, spread_days=2)
        self.world.know("A", "c0")
        self.points, self.crash_at, self.where = 0, crash_at, ""
        self.moments: dict[int, int] = {}
        self.world.watch = self._watch

    def _watch(self, who: str, point: str) -> None:
        if who != "A":
            return
        edge = self.world.actors["A"].edge
        if point == "send: before the call":
            assert all(item.release_at <= self.world.now for item in ITEMS.scan(edge.store, SENT))
        self.points += 1
        if self.points == self.crash_at:
            self.where = point
            raise Crash

    def play(self) -> None:
        """All of it; what got no answer is done once more."""
        world = self.world
        while not world.actors["A"].edge.agreements(BSN["c0"]):
            world.agree("c0")
        for number in range(1, EVENTS + 1):
            for _ in range(2):
                world.native("A", world.event_of("A", "c0", number), digest=bytes([number]) * 32)
        self._drawn_once()
        while moments := [item.release_at for item in self._items() if item.state == WAITING]:
            world.advance(max(min(moments) - world.now, 600_000))  # what follows may have to wait for an outcome
            for name in ("A", "G", "A"):
                world.work(name)
            self._drawn_once()
        world.advance(2 * 3_600_000)
        world.flow("A", "G", "A")

    def _items(self) -> list[Item]:
        return self.world.actors["A"].edge.items()

    def _drawn_once(self) -> None:
        for item in self._items():
            assert self.moments.setdefault(item.number, item.release_at) == item.release_at

    def check(self) -> None:
        """Everything is there, once, and in its order."""
        assert self.world.view("G", "c0") == [("Team Wmo", "actie belegd")] * EVENTS
        assert [(item.state, item.final) for item in self.world.actors["A"].edge.items()] == [(FINAL, "done")] * (
            1 + EVENTS
        )
        self.world.ghost.check()


def test_a_crash_at_any_point_while_something_waits_for_its_moment_loses_nothing_and_draws_once(place: Path) -> None:
    whole = Story(place / "whole", 0)
    whole.play()
    whole.check()
    whole.world.close()
    assert whole.points > 60
    ended = set()
    for crash_at in range(1, whole.points, 3):
        story = Story(place / str(crash_at), crash_at)
        try:
            story.play()
            story.check()
        except BaseException as error:
            error.add_note(f"after a crash at point {crash_at}: {story.where}")
            raise
        finally:
            story.world.close()
        ended.add(story.where)
    assert len(ended) > 12
