# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the hub sees of one sender of the town: nothing of a person, and who is told under which handle, when, how long.

Release moments, their order, the monthly batches and the size classes are the product's own functions
(`adapters.spread`, `schemas.registry`); each defence can be left out.
"""

from __future__ import annotations

import random as randomness
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from adapters.spread import AT_ONCE, DAYS, batch_limit, release_moment, shuffled
from schemas.calendar import day_of, first_day, last_day, month_of, start_of_day
from schemas.event import Ending, Event, Kind, Law
from schemas.registry import SIZE_CLASS, load
from tests.linkability.town import FIRST_MONTH, Case, Grant, Happened

_REGISTRY: Final = load()
_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class Defences:
    """Which are on.  `days`: over how many working days envelopes are spread, 0 for not at all."""

    days: int = DAYS
    padding: bool = True
    shuffle: bool = True
    own_trace: bool = True


@dataclass(slots=True)
class Envelope:
    """One envelope at the hub; `row`: its place in the order of arrival."""

    minute: int
    recipient: str
    handle: int
    size: int
    trace: int
    row: int = 0


@dataclass(slots=True)
class Registration:
    """One handle registered at the hub; `batch`: signed together with others, else alone."""

    minute: int
    recipient: str
    handle: int
    month: int
    batch: bool
    ends: bool


@dataclass(slots=True)
class Seen:
    """All that the hub has of one sender, in the order in which it came."""

    sender: str
    defences: Defences
    envelopes: list[Envelope] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)


@dataclass(slots=True)
class Truth:
    """What the hub must not find: whose each handle is, of which grant, and what each envelope said."""

    client: dict[int, int] = field(default_factory=dict)
    grant: dict[int, int] = field(default_factory=dict)
    kinds: list[Kind | None] = field(default_factory=list)


@dataclass(slots=True)
class _Leaves:
    """Something on its way out, before it has its handle."""

    at: int
    order: int
    grant: Grant
    event: Happened | None
    trace: int


def watch(case: Case, defences: Defences, seed: int) -> tuple[Seen, Truth]:
    """What the hub sees of this sender when it works with these defences."""
    draw = randomness.Random(f"{seed} {case.team.name} {defences}")  # noqa: S311  # must be the same in every run
    seen, truth = Seen(case.team.name, defences), Truth()
    handles: dict[tuple[int, int], int] = {}
    grants = sorted((grant for made in case.grants.values() for grant in made), key=lambda grant: grant.number)

    def register(grant: Grant, month: int, at: int, *, batch: bool) -> int:
        name = handles[grant.number, month] = draw.getrandbits(64)
        truth.client[name], truth.grant[name] = grant.client, grant.number
        ends = grant.last_month == month
        seen.registrations.append(Registration(at // _MINUTE, grant.recipient, name, month, batch, ends))
        return name

    for month in range(case.months[0] - 1, case.months[-1]):
        for day in range(first_day(month), last_day(month) + 1):
            limit = batch_limit(day)
            if limit is not None and limit == day:
                waiting = [
                    grant
                    for grant in grants
                    if day_of(grant.made_at) < limit
                    and grant.last_month > month
                    and (grant.number, month + 1) not in handles
                ]
                ordered = shuffled(waiting, draw.randbytes) if defences.shuffle else waiting
                for grant in ordered:
                    register(grant, month + 1, start_of_day(day), batch=True)
    for one in _in_order(_leaving(case, defences, draw), defences, draw):
        month = month_of(day_of(one.at))
        if month not in case.months or month > one.grant.last_month:
            continue
        name = handles.get((one.grant.number, month)) or register(one.grant, month, one.at, batch=False)
        size = _size(one, defences)
        row = len(seen.envelopes)
        seen.envelopes.append(Envelope(one.at // _MINUTE, one.grant.recipient, name, size, one.trace, row))
        truth.kinds.append(None if one.event is None else one.event.kind)
    return seen, truth


def _leaving(case: Case, defences: Defences, draw: randomness.Random) -> list[_Leaves]:
    """Everything that leaves, per grant in its order: the introduction first, oldest first, none before its moment."""
    found: list[_Leaves] = []
    before: dict[int, int] = {}
    order = 0

    def add(grant: Grant, at: int, event: Happened | None, trace: int) -> None:
        drawn = release_moment(at, defences.days, draw.randbytes)
        leaves = max(before.get(grant.number, 0), at if drawn == AT_ONCE else drawn)
        before[grant.number] = leaves
        found.append(_Leaves(leaves, order, grant, event, draw.getrandbits(64) if defences.own_trace else trace))

    introduced: set[int] = set()
    for event in case.events:
        grants = case.grants[event.client]
        order += 1
        if grants and grants[0].made_at and event.client not in introduced:
            introduced.add(event.client)
            shared = draw.getrandbits(64)
            for grant in grants:
                add(grant, event.at, None, shared)
        shared = draw.getrandbits(64)
        for grant in grants:
            add(grant, event.at, event, shared)
    return found


def _in_order(leaving: list[_Leaves], defences: Defences, draw: randomness.Random) -> list[_Leaves]:
    """As the hub receives it: what leaves in one minute by one pass of the edge."""
    mixed = shuffled(leaving, draw.randbytes) if defences.shuffle else leaving
    ordered = sorted(mixed, key=lambda one: one.at // _MINUTE)
    # Whatever the shuffle does, the envelopes of one handle keep their order.
    places: dict[tuple[int, int], list[int]] = {}
    for place, one in enumerate(ordered):
        places.setdefault((one.grant.number, one.at // _MINUTE), []).append(place)
    for own in places.values():
        if len(own) > 1:
            for place, one in zip(
                own, sorted((ordered[at] for at in own), key=lambda it: (it.event is not None, it.order)), strict=True
            ):
                ordered[place] = one
    return ordered


def _size(one: _Leaves, defences: Defences) -> int:
    if one.event is None:
        return SIZE_CLASS["introduction"] + sum(SIZE_CLASS[name] for name in one.grant.categories)
    event = one.event
    if defences.padding:
        return SIZE_CLASS["control"] + sum(SIZE_CLASS[name] for name in one.grant.categories)
    return raw_size(event.kind, event.ending, len(event.reference), one.grant.categories)


@cache
def raw_size(kind: Kind, ending: Ending | None, reference: int, categories: tuple[str, ...]) -> int:
    """How long the parts of an event are before they are padded; control is as long for every event."""
    event = Event(kind, first_day(FIRST_MONTH), Law.WMO, ending, "1" * reference)
    parts = event.parts(categories)
    return sum(len(_REGISTRY.encode(f"{name}/1", part)) for name, part in parts.items())
