# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Threat 13: nobody reads from a code, time, metric, receipt, notice or screen that somebody is held back for safety.

The same is done in worlds that differ only in why something was stopped. Everything that the hub holds, everything that it answers
anybody, every record in the store of every other partner, and every metric and screen must be equal, then and later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest

from adapters import records_incoming, records_outgoing, records_own, records_people
from adapters.alarms import Duty
from adapters.edge import Edge
from adapters.metrics import OVERDUE, EdgeMetrics
from adapters.objections import Objecting
from adapters.records_outgoing import GRANTS
from adapters.shelf import Shelf
from tests.delivery_runs import folder, held_by_the_hub, renamed
from tests.delivery_world import ADDRESS, BSN, DAY, DeliveryWorld

Stop = Callable[[DeliveryWorld], None]


def held(world: DeliveryWorld, to: str) -> None:
    world.stop("A", "c0", to, "held")


def closed(world: DeliveryWorld, to: str) -> None:
    world.stop("A", "c0", to, "closed")


def objected(world: DeliveryWorld, to: str) -> None:
    world.object_to("A", "c0", Objecting(ADDRESS[to]))


def withdrawn(world: DeliveryWorld, to: str) -> None:
    world.stop("A", "c0", to, "withdrawn")


def agreement_ended(world: DeliveryWorld, _: str) -> None:
    edge = world.actors["A"].edge
    (consent,) = [one.consent for one in edge.grants(BSN["c0"]) if one.consent is not None]
    world.ask("A", lambda edge: edge.end_agreement(consent))


def _records(edge: Edge) -> object:
    """Every record of a store, whatever it is about."""
    kept = (records_incoming, records_outgoing, records_own, records_people)
    shelves = [one for module in kept for one in vars(module).values() if isinstance(one, Shelf)]
    return [[astuple(record) for record in shelf.scan(edge.store)] for shelf in shelves]


def _metrics(world: DeliveryWorld, name: str) -> object:
    edge = world.actors[name].edge
    metrics = EdgeMetrics(Path("none"), world.clock)
    metrics.look(edge.backlog, edge.is_unconfirmed)
    metrics.caught(one.lie for one in edge.alarms())
    shown = [(sample.name, sample.labels, sample.value) for one in metrics.collect() for sample in one.samples]
    # That a decision is overdue says something of an objection that nobody has decided. A hold waits for no decision.
    return [one for one in shown if one[0] != OVERDUE.name]


def _screens(world: DeliveryWorld, name: str) -> object:
    """What people at an edge see without asking for refusals or objections."""
    edge = world.actors[name].edge
    grants = [(one.recipient, one.state, one.introduced, one.end) for one in GRANTS.scan(edge.store)]
    clients = edge.clients()
    views = [edge.view(one.number) for one in clients]
    told = [edge.told(one.number) for one in clients]
    alarms = [one for one in edge.alarms() if one.lie != Duty.OVERDUE_OBJECTION]  # see _metrics
    return [grants, edge.outbox(), edge.held_lines(), views, told, edge.notices(), alarms, edge.waiting_codes()]


def outside(world: DeliveryWorld) -> dict[str, object]:
    """Everything that anybody but the professional who said so can see."""
    return {
        "what the hub holds": held_by_the_hub(world),
        "what the hub answered": renamed(world.ghost.seen),
        "stores of others": renamed([_records(world.actors[name].edge) for name in "BGT"]),
        "metrics": [_metrics(world, name) for name in ADDRESS],
        "screens": renamed([str(_screens(world, name)) for name in "BGT"]),
        "screens here": str(_screens(world, "A")),
        "notices": [sorted(actor.notices.values()) for actor in world.actors.values()],
    }


def story(stop: Callable[[DeliveryWorld, str], None], to: str, *, waits: bool) -> list[dict[str, object]]:
    """Something was told, it is stopped, and life goes on; what is seen from outside at four moments."""
    place = folder()
    world = DeliveryWorld(Path(place.name), 1, "memory", ("c0",))
    try:
        world.know("A", "c0")
        world.allocate("AB", "c0", days=90)
        world.agree("c0", 90)
        world.flow()
        world.event("A", "c0")
        world.flow()
        if waits:
            world.event("A", "c0")  # in the outbox
        stop(world, to)
        seen = [outside(world)]
        world.event("A", "c0")
        world.flow()
        seen.append(outside(world))
        for days in (6, 31):
            world.advance(days * DAY)
            world.event("A", "c0")
            world.flow()
            seen.append(outside(world))
    finally:
        world.close()
        place.cleanup()
    return seen


@pytest.mark.parametrize(
    ("to", "other", "waits"),
    [
        ("G", closed, False),
        ("G", withdrawn, False),
        ("G", agreement_ended, False),
        ("G", objected, False),
        ("G", withdrawn, True),
        ("G", agreement_ended, True),
        ("B", closed, False),
        ("B", objected, True),
    ],
)
def test_hold_is_invisible(to: str, other: Callable[[DeliveryWorld, str], None], waits: bool) -> None:
    for one, another in zip(story(held, to, waits=waits), story(other, to, waits=waits), strict=True):
        for what in one:
            assert one[what] == another[what], what


def test_hold_is_invisible_and_what_is_compared_would_show_a_difference() -> None:
    """A world in which nothing is stopped is seen to be another one, by everybody."""
    plain = story(lambda world, _: world.ask("A", lambda _: None), "G", waits=False)[1]
    different = story(held, "G", waits=False)[1]
    same = [what for what in plain if plain[what] == different[what]]
    assert same == ["metrics"]  # a stop is no work that is left
