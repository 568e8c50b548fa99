# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The way of a one-time code, ended at every durable write of the recipient and of the sender, and put back in the middle.

After each the process starts again from what is on disk and people do once more what they had no answer to.  In the end
the citizen is known at the one client, what waited was told once, and the code opens nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.agreement import Agreement, Conversation
from adapters.clients import ClientRow
from adapters.looks import looks_at
from adapters.quotas import TRIED_FOR_ONE
from adapters.records_incoming import AWAITED, RECOGNISED, TOLD
from adapters.workplace import EdgeError
from schemas.codes import Code
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, TEAM, TYPIST, Neighbours, status
from tests.delivery_runs import folder
from tests.delivery_world import ADDRESS, DAY, DeliveryWorld
from tests.simulator import CODED, World, run

TALK = Conversation(("Praktijk Voorbeeld",))


class Ended(BaseException):
    """The process of an edge ends here."""


@dataclass
class Fuse:
    """Ends an edge after its n-th commit that wrote anything. A crash before a commit leaves what the one before it left."""

    near: Neighbours
    address: str
    left: int | None = None
    seen: list[str] = field(default_factory=list)
    changes: int = 0

    def __call__(self, name: str) -> None:
        changes = self.near[self.address].store._db.total_changes
        if not name.endswith("after the commit") or changes == self.changes:
            return
        self.changes = changes
        self.seen.append(name)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Ended


def guarded(near: Neighbours, address: str, what: Callable[[], object]) -> bool:
    """Do something at an edge; when it ends there, a new process takes its place."""
    try:
        what()
    except Ended:
        near.open(address)
        return False
    return True


def agree(near: Neighbours) -> str:
    """A code that somebody has seen, whatever happened at its printing."""
    team, slips = near[TEAM], list[str]()

    def make() -> None:
        made = (
            near[TEAM].print_codes("C-1", GP) if near[TEAM].grants() else near[TEAM].make_agreement("C-1", TALK).slips
        )
        slips.extend(slip.code for slip in made)

    while not guarded(near, TEAM, make):
        assert near[TEAM] is not team
    return slips[-1]


def work(near: Neighbours, rounds: int) -> None:
    for _ in range(rounds):
        for address in (GP, TEAM):
            guarded(near, address, lambda at=address: near.work(at))  # type: ignore[misc]


def way(near: Neighbours, fuses: dict[str, Fuse], armed: tuple[str, int] | None) -> None:
    """From the printing to the first event at the client."""
    if armed is not None:
        fuses[armed[0]].left = armed[1]
    code = agree(near)
    work(near, 3)
    for _ in range(2):  # the second time, whether it was taken or not
        guarded(near, TEAM, lambda: near.take(TEAM, status(1, Kind.GESTART, near.world.today)))
    work(near, 1)
    if not guarded(near, GP, lambda: near[GP].enter_code("H-7", code, TYPIST)):
        near[GP].enter_code("H-7", code, TYPIST)  # with no answer to the first, somebody types it again
    near.world.advance(days=4)
    work(near, 3)
    near.world.advance(hours=3)  # what was handed over to a process that is gone is offered again
    work(near, 3)


def begun(place: Path) -> tuple[Neighbours, dict[str, Fuse]]:
    near = Neighbours(place, World(table=CODED))
    fuses = {address: Fuse(near, address) for address in (GP, TEAM)}
    for address, fuse in fuses.items():
        near.points[address] = fuse
        near.open(address)
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    near[GP].import_clients([ClientRow("H-7", "999990019", ""), ClientRow("H-8", "999900158", "")])
    near.settle(2)
    for fuse in fuses.values():
        fuse.seen.clear()
    return near, fuses


def check(near: Neighbours) -> None:
    assert near.told(GP, "H-7") == ["gestart"]
    assert near.told(GP, "H-8") == []
    assert len(list(TOLD.scan(near[GP].store))) == 1
    assert list(AWAITED.scan(near[GP].store)) == []
    assert [one.sent for one in RECOGNISED.scan(near[GP].store)] == [True]
    live = [grant for grant in near[TEAM].grants() if grant.state == "active"]
    assert [grant.introduced for grant in live] == [True]
    assert near[TEAM].outbox() == []
    assert near[GP].alarms() == near[TEAM].alarms() == []
    heard = [line.code for line in run(near[TEAM]._work.client.outcomes(0)).items]
    assert heard.count(Code.INTRODUCED) == 1
    near.world.check()


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory where that can be."""
    made = folder()
    yield Path(made.name)
    made.cleanup()


def points_of(place: Path, address: str) -> int:
    near, fuses = begun(place)
    way(near, fuses, None)
    check(near)
    near.close()
    return len(fuses[address].seen)


@pytest.mark.parametrize("address", [GP, TEAM], ids=["recipient", "sender"])
def test_after_a_crash_at_any_durable_write_of_the_way_of_a_code_it_ends_well(place: Path, address: str) -> None:
    count = points_of(place / "whole", address)
    assert count > 8
    for number in range(count):
        near, fuses = begun(place / str(number))
        try:
            way(near, fuses, (address, number))
            assert fuses[address].left is None, "nothing ended there"
            check(near)
        except BaseException as error:
            error.add_note(f"ended at {fuses[address].seen[number]}, the {number}th")
            raise
        finally:
            near.close()


def test_a_try_counts_also_when_the_process_ends_before_anybody_sees_what_came_of_it(place: Path) -> None:
    """Whoever ends it after each look, or starts it anew, has no more tries for that."""
    near, fuses = begun(place)
    code = agree(near)
    work(near, 3)
    for _ in range(TRIED_FOR_ONE):
        fuses[GP].left, fuses[GP].changes = 0, 0  # each is a new process, with a count of its own
        assert not guarded(near, GP, lambda: near[GP].enter_code("H-7", "0000-0000-0000", TYPIST))
        assert fuses[GP].seen[-1] == "code tried: after the commit"
    assert near[GP].enter_code("H-7", code, TYPIST) is None
    assert len(looks_at(near[GP].store, near[GP].client("H-7").id)) == TRIED_FOR_ONE + 1
    assert near[GP].enter_code("H-8", code, TYPIST) is not None
    near.close()


# -- put back from a copy


@pytest.fixture
def world() -> Iterator[DeliveryWorld]:
    place = folder()
    made = DeliveryWorld(Path(place.name), table=CODED)
    for name, client in (("A", "c0"), ("A", "c1"), ("G", "c0"), ("G", "c1")):
        made.know(name, client)
    made.flow()
    yield made
    made.ghost.check()
    made.close()
    place.cleanup()


def agreed(world: DeliveryWorld) -> str:
    made: list[Agreement] = []
    talk = Conversation(("Huisarts",), world.today + 90)
    world.ask("A", lambda edge: made.append(edge.make_agreement("A-c0", talk)))
    world.flow()
    return made[0].slips[0].code


def typed(world: DeliveryWorld, code: str) -> bool:
    return world.actors["G"].edge.enter_code("G-c0", code, TYPIST) is not None


def save(world: DeliveryWorld) -> None:
    world.save_hub()
    for name in ADDRESS:
        world.back_up(name)
    world.advance(DAY)


def back(world: DeliveryWorld, whom: str) -> None:
    for name in whom:
        assert world.put_hub_back() if name == "H" else world.put_back(name)
    world.flow()
    for name in ADDRESS:
        world.confirm(name)
    world.flow()


def days(world: DeliveryWorld, count: int = 5) -> None:
    for _ in range(count):
        world.advance(DAY)
        world.flow()


def told(world: DeliveryWorld) -> list[str]:
    return [what for _, what in world.view("G", "c0")]


WHOM = ["H", "A", "G", "HA", "HG", "AG", "HAG"]


@pytest.mark.parametrize("whom", WHOM)
def test_a_code_works_after_yesterdays_copy_was_put_back(world: DeliveryWorld, whom: str) -> None:
    code = agreed(world)
    world.event("A", "c0")
    world.flow()
    save(world)
    back(world, whom)
    assert told(world) == []
    assert typed(world, code)
    days(world)
    world.event("A", "c0")
    days(world, 2)
    assert told(world) == ["actie belegd", "actie belegd"]
    assert world.view("G", "c1") == []


def test_an_edge_that_was_put_back_takes_no_code_before_a_person_has_confirmed(world: DeliveryWorld) -> None:
    code = agreed(world)
    save(world)
    assert world.put_back("G")
    with pytest.raises(EdgeError, match="teruggezet"):
        typed(world, code)


@pytest.mark.parametrize("whom", WHOM)
def test_a_code_that_was_typed_since_yesterdays_copy_is_known_or_typed_again(world: DeliveryWorld, whom: str) -> None:
    code = agreed(world)
    save(world)
    assert typed(world, code)
    back(world, whom)
    again = typed(world, code)
    assert again is ("G" in whom), "the paper works once in what the recipient remembers"
    days(world)
    world.event("A", "c0")
    days(world, 2)
    assert told(world) == ["actie belegd"]
    assert world.view("G", "c1") == []


@pytest.mark.parametrize("whom", WHOM)
def test_what_was_told_after_a_code_since_yesterdays_copy_is_there_once(world: DeliveryWorld, whom: str) -> None:
    code = agreed(world)
    save(world)
    assert typed(world, code)
    days(world)
    world.event("A", "c0")
    world.flow()
    back(world, whom)
    if "G" in whom:  # its professional sees that nothing came back, and the citizen still has the paper
        assert typed(world, code)
    days(world)
    world.event("A", "c0")
    days(world, 3)
    assert told(world) == ["actie belegd", "actie belegd"]
    assert world.view("G", "c1") == []
