# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Stories that the delivery machine found or that the threats name, each fixed by its sentence (decision 0008)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.records_outgoing import FROZEN
from tests.delivery_runs import folder, new_world
from tests.delivery_world import DAY, DeliveryWorld


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


def test_a_stop_that_came_when_the_sender_was_away_for_months_holds_the_renewal_made_meanwhile(
    world: DeliveryWorld,
) -> None:
    for _ in range(2):
        world.to_next_month()  # the hub has forgotten January's handle, and was given no other
    world.stop_incoming("B", "c0", "A")
    world.allocate("A", "c0", days=None, number="200")
    for _ in range(2):  # what was stopped has ended by its terms too
        world.to_next_month()
    world.event("A", "c0")
    world.settle()
    assert states(world, "A", "provider-wmo") == [FROZEN, FROZEN]


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


def test_a_stop_after_our_own_closing_counts_though_the_hub_was_never_given_a_handle_of_that_month(
    world: DeliveryWorld,
) -> None:
    world.advance(30 * DAY)  # 12 February: away since January, whose handle the hub has forgotten
    world.stop("A", "c0", "B", "closed")
    world.stop_incoming("B", "c0", "A")
    world.allocate("A", "c0", days=120)
    world.event("A", "c0")
    world.settle()
    assert states(world, "A", "provider-wmo") == [FROZEN, FROZEN]
    assert told(world, "B") == ["toegewezen"]


def test_a_line_that_a_person_resumed_is_not_held_again_for_the_same_stop(world: DeliveryWorld) -> None:
    world.stop_incoming("B", "c0", "A")
    world.event("A", "c0")
    world.flow()  # refused at the hub: the first sign
    world.lift("B", "c0", incoming=True)
    world.decide_held("A", resume=True)
    world.flow()
    world.advance(5 * DAY)  # the notice of that stop has come meanwhile
    world.allocate("AB", "c0", days=120)
    world.flow()
    world.event("A", "c0")
    world.flow()
    assert states(world, "A", "provider-wmo") == ["stopped", "replaced", "active"]
    assert "actie belegd" in told(world, "B")


def test_what_a_person_left_ended_is_not_begun_anew_by_an_allocation(world: DeliveryWorld) -> None:
    world.stop_by_code(list(world.ghost.lines).index(secret_of(world, "provider-wmo")))
    world.event("A", "c0")
    world.flow()  # the first sign
    world.decide_held("A", resume=False)
    for number in ("100", "200"):
        world.allocate("AB", "c0", days=120, number=number)
        world.event("A", "c0")
        world.flow()
    assert states(world, "A", "provider-wmo") == ["stopped"]
    world.grant_by_person("c0", 60)
    world.allocate("AB", "c0", days=150)
    world.event("A", "c0")
    world.settle(2)
    assert states(world, "A", "provider-wmo")[-1] == "active"
    assert told(world, "B").count("actie belegd") == 1


# -- the threats, with whole edges (tests/hub/test_threats.py has them at the hub)


@pytest.mark.parametrize("why", ["objected", "withdrawn", "held"])
def test_refusal_outlives_grant(world: DeliveryWorld, why: str) -> None:
    world.stop("A", "c0", "B", why)
    for number in ("100", "200"):  # a renewal, and an allocation of its own
        world.allocate("AB", "c0", days=200, number=number)
        world.event("A", "c0")
        world.flow()
    world.to_next_month()
    world.flow()
    assert states(world, "A", "provider-wmo") == ["stopped"]
    assert told(world, "B") == ["toegewezen"]
    world.lift("A", "c0", incoming=False)
    world.flow()
    assert told(world, "B") == ["toegewezen"]  # lifting alone opens nothing
    world.allocate("AB", "c0", days=230)
    world.flow()
    assert told(world, "B") == ["toegewezen", "toegewezen"]


def test_refusal_outlives_grant_also_while_the_renewal_is_under_way(world: DeliveryWorld) -> None:
    world.allocate("A", "c0", days=200)
    world.ask("A", lambda edge: edge.release())  # the introduction of the renewal waits at the hub
    world.stop("A", "c0", "B", "objected")
    world.event("A", "c0")
    world.settle(3)
    assert states(world, "A", "provider-wmo") == ["stopped", "stopped"]
    assert told(world, "B") == ["toegewezen"]


def test_nothing_retroactive(world: DeliveryWorld) -> None:
    world.stop("A", "c0", "G", "closed")
    number = world.event("A", "c0")
    world.flow()
    world.agree("c0", 90)
    world.native("A", world.event_of("A", "c0", number))  # the same file once more
    world.flow()
    assert told(world, "G") == []
    world.event("A", "c0")
    world.flow()
    assert told(world, "G") == ["actie belegd"]


def test_nothing_retroactive_for_what_waited_when_the_stop_came(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())  # the first is at the hub, the second waits behind it
    world.stop_by_code(list(world.ghost.lines).index(secret_of(world, "gp")))
    world.flow()
    world.agree("c0", 90)
    world.settle(7)
    assert told(world, "G") == []
    assert [item.final for item in world.actors["A"].edge.items() if item.asks] == ["not-active", "not-active"]


def secret_of(world: DeliveryWorld, role: str) -> bytes:
    """The handle secret of team Wmo's newest grant for this role."""
    return [grant.secret for grant in world.actors["A"].edge.grants() if grant.recipient.endswith(role)][-1]


@pytest.mark.parametrize("who", ["sender", "recipient", "third"])
def test_stop_reaches_the_old_handle(world: DeliveryWorld, who: str) -> None:
    world.event("A", "c0")
    world.advance(14 * DAY)  # 28 January
    world.work("A")  # under January's handle
    world.ask("A", lambda edge: edge.register_next())
    world.to_next_month()
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())
    if who == "sender":
        world.stop("A", "c0", "G", "withdrawn")
    elif who == "recipient":
        world.stop_incoming("G", "c0", "A")
    else:
        world.stop_by_code(list(world.ghost.lines).index(secret_of(world, "gp")))
    world.settle()
    assert told(world, "G") == []


def test_retract_after_close(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.flow()
    assert told(world, "G") == ["actie belegd"]
    world.stop("A", "c0", None, "closed")
    for _ in range(2):
        world.to_next_month()
        world.flow()
    world.retract_all("A", "c0", "G")
    world.flow()
    assert told(world, "G") == []
    assert any(name.endswith("-ingetrokken.csv") for name in world.actors["G"].notices)


def test_retract_after_close_on_the_day_of_the_stop_and_eleven_months_after_the_end(world: DeliveryWorld) -> None:
    for _ in range(2):
        world.event("A", "c0")
    world.flow()
    world.stop("A", "c0", "G", "held")
    world.retract("A", 2)
    world.flow()
    for _ in range(14):  # the agreement would have ended in April
        world.to_next_month()
        world.flow()
    assert len([name for name in world.actors["G"].notices if "-ingetrokken" in name]) == 1
    world.retract_all("A", "c0", "G")
    world.settle(3)
    assert len([name for name in world.actors["G"].notices if "-ingetrokken" in name]) == 2


@pytest.mark.parametrize("away", ["hub", "nobody"])
def test_stop_always_counts(world: DeliveryWorld, away: str) -> None:
    world.hub_away = away == "hub"
    world.stop("A", "c0", "B", "objected")
    world.event("A", "c0")
    world.hub_away = False
    world.advance(40 * DAY)  # its manifest is over, the day in the order long past
    world.event("A", "c0")
    world.flow()
    assert told(world, "B") == ["toegewezen"]
    for secret, line in world.ghost.lines.items():
        stopped = bool(world.ghost.ended.get(secret))
        assert stopped == (line.sender == "A" and line.recipient.endswith("provider-wmo"))


def test_month_turn(world: DeliveryWorld) -> None:
    for days in (13, 24):  # accepted under the handle of one month, handed over in the next
        world.advance(days * DAY)
        world.flow()
        world.event("A", "c0")
        world.event("B", "c0")
        world.ask("A", lambda edge: edge.release())
        world.advance(6 * DAY)
        world.flow("A", "B", "G", rounds=1)
    world.settle(3)
    assert told(world, "G") == ["actie belegd"] * 2
    assert told(world, "A") == ["gestart"] * 2


def test_order_over_the_turn(world: DeliveryWorld) -> None:
    world.advance(16 * DAY + DAY // 2)  # 30 January
    numbers = [world.event("A", "c0")]
    world.work("A")  # at the hub under January's handle; the GP is away
    world.to_next_month()
    numbers += [world.event("A", "c0") for _ in range(2)]
    for _ in range(4):
        world.work("A")
    waits = [item for item in world.actors["A"].edge.items() if item.state == "waiting" and item.event_id]
    assert len(waits) == 4, "nothing leaves under the new handle while something under the old has no final outcome"
    world.flow()
    came = [world.ghost.said[one.sender, one.event_id].identity[-1] for one in world.arrived("G")]
    assert came == [f"n{number}" for number in numbers]
