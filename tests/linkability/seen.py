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


EVENT, INTRODUCTION, RETRACTION = "event", "introduction", "retraction"


@dataclass(frozen=True, slots=True)
class Defences:
    """Which are on.  `days`: over how many working days envelopes are spread, 0 for not at all; `whole_months`: a consent
    ends with a month."""

    days: int = DAYS
    padding: bool = True
    shuffle: bool = True
    own_trace: bool = True
    whole_months: bool = True


@dataclass(slots=True)
class Envelope:
    """One envelope at the hub; `row`: its place in the order of arrival; `form`: what its type and its length tell of it."""

    minute: int
    recipient: str
    handle: int
    size: int
    trace: int
    form: str = EVENT
    row: int = 0


@dataclass(slots=True)
class Registration:
    """One handle registered at the hub; `batch`: signed together with others, else alone; `end`: the last day, when it lies
    in this month."""

    minute: int
    recipient: str
    handle: int
    month: int
    batch: bool
    end: int | None


@dataclass(slots=True)
class Stopped:
    """One grant stopped at the hub: those of its handles that were registered."""

    minute: int
    handles: tuple[int, ...]


@dataclass(slots=True)
class Seen:
    """All that the hub has of one sender, in the order in which it came."""

    sender: str
    defences: Defences
    envelopes: list[Envelope] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    stops: list[Stopped] = field(default_factory=list)


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
    hub = _Hub(case, defences, draw, Seen(case.team.name, defences), Truth())
    for month in range(case.months[0] - 1, case.months[-1]):
        for day in range(first_day(month), last_day(month) + 1):
            if batch_limit(day) == day:
                hub.later.append((start_of_day(day), day))
    for one in _in_order(_leaving(case, defences, draw), defences, draw):
        hub.batches(one.at)
        hub.takes(one)
    hub.batches(start_of_day(last_day(case.months[-1]) + 1))
    hub.stops()
    return hub.seen, hub.truth


@dataclass(slots=True)
class _Hub:
    case: Case
    defences: Defences
    draw: randomness.Random
    seen: Seen
    truth: Truth
    handles: dict[tuple[int, int], int] = field(default_factory=dict)  # by grant and month
    first: dict[int, int] = field(default_factory=dict)  # the day on which a grant was first registered
    later: list[tuple[int, int]] = field(default_factory=list)  # the batches to come

    def batches(self, now: int) -> None:
        """The batches of next month's handles that came before this time."""
        while self.later and self.later[0][0] <= now:
            at, limit = self.later.pop(0)
            month = month_of(limit)
            waiting = [
                grant
                for made in self.case.grants.values()
                for grant in made
                if (grant.made_at == 0 or self.first.get(grant.number, limit) < limit)
                and month_of(grant.last_day) > month
                and (grant.stopped_at == 0 or grant.stopped_at > at)
                and (grant.number, month + 1) not in self.handles
            ]
            waiting.sort(key=lambda grant: (grant.made_at, grant.number))  # as they stand in the store
            for grant in shuffled(waiting, self.draw.randbytes) if self.defences.shuffle else waiting:
                self._register(grant, month + 1, at, batch=True)

    def takes(self, one: _Leaves) -> None:
        """An envelope comes, unless its grant is over."""
        grant, event, day = one.grant, one.event, day_of(one.at)
        month = month_of(day)
        if month not in self.case.months or day > grant.last_day or 0 < grant.stopped_at < one.at:
            return
        name = self.handles.get((grant.number, month)) or self._register(grant, month, one.at, batch=False)
        self.first.setdefault(grant.number, day)
        form = INTRODUCTION if event is None else RETRACTION if event.recall else EVENT
        size, row = _size(one, self.defences), len(self.seen.envelopes)
        self.seen.envelopes.append(Envelope(one.at // _MINUTE, grant.recipient, name, size, one.trace, form, row))
        self.truth.kinds.append(event.kind if event is not None and form == EVENT else None)

    def stops(self) -> None:
        """A person ends everything: a stop for each grant, in one minute."""
        for made in self.case.grants.values():
            for grant in made:
                if grant.stopped_at:
                    month = month_of(day_of(grant.stopped_at))
                    names = [self.handles.get((grant.number, one)) for one in range(month - 1, month + 2)]
                    told = tuple(name for name in names if name is not None)
                    if told and month_of(grant.last_day) >= month:
                        self.seen.stops.append(Stopped(grant.stopped_at // _MINUTE, told))

    def _register(self, grant: Grant, month: int, at: int, *, batch: bool) -> int:
        name = self.handles[grant.number, month] = self.draw.getrandbits(64)
        self.truth.client[name], self.truth.grant[name] = grant.client, grant.number
        end = grant.last_day if month_of(grant.last_day) == month else None
        self.seen.registrations.append(Registration(at // _MINUTE, grant.recipient, name, month, batch, end))
        return name


def _leaving(case: Case, defences: Defences, draw: randomness.Random) -> list[_Leaves]:
    """Everything that leaves, per grant in its order: the introduction first, oldest first, none before its moment."""
    found: list[_Leaves] = []
    before: dict[int, int] = {}

    def add(grant: Grant, at: int, event: Happened | None, trace: int) -> None:
        at_once = event is not None and event.urgent
        drawn = AT_ONCE if at_once else release_moment(at, defences.days, draw.randbytes, grant.last_day)
        leaves = at if drawn == AT_ONCE else drawn
        if event is None or not event.recall:
            # What a person makes urgent takes along what must leave before it; the little that it hurries is left out.
            leaves = before[grant.number] = leaves if at_once else max(before.get(grant.number, 0), leaves)
        trace = draw.getrandbits(64) if defences.own_trace else trace
        found.append(_Leaves(leaves, len(found), grant, event, trace))

    for made in case.grants.values():
        shared: dict[int, int] = {}
        for grant in made:
            if grant.made_at:
                add(grant, grant.made_at, None, shared.setdefault(grant.made_at, draw.getrandbits(64)))
    for event in case.events:
        newest: dict[str, Grant] = {}
        for grant in case.grants[event.client]:
            if grant.made_at <= event.at and day_of(event.at) <= grant.last_day:
                newest[grant.recipient] = grant
        one = draw.getrandbits(64)
        for grant in newest.values():
            add(grant, event.at, event, one)
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
    if event.recall:
        return 0  # all are alike
    if defences.padding:
        return SIZE_CLASS["control"] + sum(SIZE_CLASS[name] for name in one.grant.categories)
    return raw_size(event.kind, event.ending, len(event.reference), one.grant.categories)


@cache
def raw_size(kind: Kind, ending: Ending | None, reference: int, categories: tuple[str, ...]) -> int:
    """How long the parts of an event are before they are padded; control is as long for every event."""
    event = Event(kind, first_day(FIRST_MONTH), Law.WMO, ending, "1" * reference)
    parts = event.parts(categories)
    return sum(len(_REGISTRY.encode(f"{name}/1", part)) for name, part in parts.items())
