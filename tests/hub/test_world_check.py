# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The check of the whole world can fail: each lie of a hub that it must notice is told once."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest

from hub.store import Leave, Step
from hub.store_memory import MemoryStore
from schemas.codes import Code
from schemas.entry import Entry, committed
from tests.simulator import Party, World


class Lying(MemoryStore):
    """A store whose inside can be changed."""

    def inside(self, name: str) -> Any:
        """One of its tables."""
        return getattr(self, f"_{name}")


@pytest.fixture
def world() -> World:
    world = World()
    world.hub = world.over(Lying(world.clock))
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.register(provider)
    team.tell(grant, 2)
    provider.pickup(most=1)
    world.check()
    return world


def _inside(world: World, name: str) -> Any:
    store = world.store
    assert isinstance(store, Lying)
    return store.inside(name)


def _change_record(world: World, kind: str, code: str) -> None:
    """Rewrites the code of the last record of a kind, with a leaf that fits it."""
    entries: list[Entry] = _inside(world, "entries")
    for index in reversed(range(len(entries))):
        salt = entries[index].salt
        record = [] if salt is None else cbor2.loads(entries[index].record)
        if salt is not None and record[2] == kind:
            record[-1] = code
            entries[index] = committed(record, salt)
            return


def _drop_key(world: World) -> None:
    queue = _inside(world, "queue")
    first = next(iter(queue))
    queue[first] = queue[first]._replace(wrapped=queue[first].wrapped[:-1] + b"\0", key=bytes(32))


def _renumber_feed(world: World) -> None:
    feeds = _inside(world, "feeds")
    (address, number), line = next(iter(feeds.items()))
    feeds[address, number] = (line[0]._replace(code=Code.EXPIRED), line[1])


def _end_without_entry(world: World) -> None:
    waiting = next(iter(_inside(world, "queue")))
    world.store.commit(Step(at=world.now, leaves=[Leave(waiting, Code.STORED)]))


def _reopen(world: World) -> None:
    """A stop that the log has and the state has not."""
    team = next(iter(world.parties.values()))
    provider: Party = list(world.parties.values())[1]
    grant = team.register(provider)
    team.stop(grant)
    rows = _inside(world, "grants")
    rows[grant.handle()] = rows[grant.handle()]._replace(stopped=False)
    team.tell(grant)


LIES: dict[str, Callable[[World], object]] = {
    "a record changed": lambda world: _inside(world, "entries").__setitem__(
        7, _inside(world, "entries")[7]._replace(record=b"\x80")
    ),
    "a decision rewritten with its leaf": lambda world: _change_record(world, "accept", "not-active"),
    "an entry taken away": lambda world: _inside(world, "entries").pop(),
    "a payload whose key is gone": _drop_key,
    "a line of a feed changed": _renumber_feed,
    "a waiting that ended without an entry": _end_without_entry,
    "a stop forgotten": _reopen,
}


NOTICED = {
    "a record changed": "leaf 7",
    "a decision rewritten with its leaf": "root of the head",
    "an entry taken away": "another length",
    "a payload whose key is gone": "without its key",
    "a line of a feed changed": "a line changed",
    "a waiting that ended without an entry": "has no fate",
    "a stop forgotten": "replay differs",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_hub_is_noticed(world: World, lie: str) -> None:
    LIES[lie](world)
    with pytest.raises(AssertionError, match=NOTICED[lie]):
        world.check()


def test_a_log_that_was_cut_and_grew_again_is_noticed(world: World) -> None:
    other = World(seed=2)
    team, provider = other.party("team-wmo"), other.party("provider-wmo")
    team.tell(team.register(provider), 9)
    world.seen.leaves, other.seen.leaves = other.seen.leaves, world.seen.leaves
    with pytest.raises(AssertionError, match="cut or changed"):
        other.check()


def test_the_dump_is_for_people_and_shows_no_secret(world: World) -> None:
    shown = world.dump()
    assert "register by team-wmo" in shown
    assert "hand-over" in shown
    assert "waits" in shown
    assert len(max(shown.splitlines(), key=len)) < 300
