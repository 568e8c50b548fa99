# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Stories that the delivery machine found or that the threats name, each fixed by its sentence (decision 0008)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery_world import DAY, DeliveryWorld
from tests.test_delivery_machine import folder, new_world


@pytest.fixture
def world() -> Iterator[DeliveryWorld]:
    """Team Wmo (A) tells the provider (B) and the GP (G) about c0; B tells A; T is in nothing."""
    place = folder()
    made = new_world(place)
    made.allocate("AB", "c0", days=90)
    made.agree("c0", 90)
    made.flow()
    yield made
    made.ghost.check()
    made.close()
    place.cleanup()


def states(world: DeliveryWorld, name: str, to: str = "") -> list[str]:
    """The states of the grants of an edge for a recipient whose role ends so, oldest first."""
    return [grant.state for grant in world.actors[name].edge.grants() if grant.recipient.endswith(to)]


def told(world: DeliveryWorld, name: str, client: str = "c0") -> list[str]:
    """What is shown at an edge."""
    return [what for _, what in world.view(name, client)]


# -- found by the machine


def test_a_retraction_reaches_the_own_system_after_the_content_was_destroyed_by_its_term(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.flow()
    (first,) = world.actors["G"].notices
    for _ in range(5):  # the agreement has ended and its thirty days are over
        world.to_next_month()
        world.flow()
    assert told(world, "G") == []
    world.retract_all("A", "c0", "G")
    world.flow()
    assert list(world.actors["G"].notices) == [first, first.replace(".csv", "-ingetrokken.csv")]
    assert "actie" not in world.actors["G"].notices[first.replace(".csv", "-ingetrokken.csv")].decode()


def test_an_edge_that_was_away_until_its_handles_were_forgotten_freezes_nothing_and_loses_nothing(
    world: DeliveryWorld,
) -> None:
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())
    world.to_next_month()
    world.to_next_month()  # the feed of January is gone, and so is the hub's memory of its handles
    world.flow()
    world.settle(7)
    assert states(world, "A") == ["active", "active"]
    assert told(world, "G") == ["actie belegd"]


def test_what_the_recipient_stopped_after_our_own_closing_is_not_renewed_by_the_next_allocation(
    world: DeliveryWorld,
) -> None:
    world.stop("A", "c0", "B", "closed")
    world.stop_incoming("B", "c0", "A")
    world.allocate("A", "c0", days=120)
    world.event("A", "c0")
    world.flow()
    assert states(world, "A", "provider-wmo") == ["frozen", "frozen"]
    assert told(world, "B") == ["toegewezen"]


def test_a_line_that_a_person_resumed_is_not_held_again_for_the_same_stop(world: DeliveryWorld) -> None:
    world.stop_incoming("B", "c0", "A")
    world.event("A", "c0")
    world.flow()  # refused at the hub: the first sign
    world.ask("B", lambda edge: edge.lift_refusals("999900006", None, incoming=True))
    world.decide_held("A", resume=True)
    world.flow()
    world.advance(5 * DAY)  # the notice of that stop has come meanwhile
    world.allocate("AB", "c0", days=120)
    world.flow()
    world.event("A", "c0")
    world.flow()
    assert states(world, "A", "provider-wmo") == ["stopped", "replaced", "active"]
    assert "actie belegd" in told(world, "B")
