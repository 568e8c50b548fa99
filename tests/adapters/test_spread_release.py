# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge that spreads: what belongs together does not leave together, and nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.records_outgoing import EVENT, FINAL, INTRODUCTION, ITEMS, NOT_SHARED, RETRACTION, WAITING, Item
from adapters.refusals import CLOSED
from adapters.spread import AT_ONCE
from adapters.workplace import EdgeError
from consent.precedence import OBJECTED
from deploy.local import LocalClient
from hub.client import FactAnswer, HubUnavailableError
from schemas.calendar import month_of, parse_date, start_of_day
from schemas.codes import Code
from schemas.envelope import parse
from schemas.event import Kind
from schemas.fact import Register, Stop, parse_fact
from schemas.identity import Citizen
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import DAY, MINUTE, run

OTHERS = ("999900018", "999900031", "999900043", "999900055", "999900067", "999900079", "999900080", "999900092")


class Watched(LocalClient):
    """What the hub hears of an edge, and when."""

    def watch(self, clock: Callable[[], int]) -> Watched:
        self.clock = clock
        self.envelopes: list[tuple[int, str, int]] = []  # time, recipient, number of the call
        self.facts_at: list[tuple[int, object]] = []
        self.calls = 0
        self.is_away = False
        return self

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        if self.is_away:
            raise HubUnavailableError("the hub is away")
        self.calls += 1
        self.envelopes += [(self.clock(), parse(frame).handle.hex(), self.calls) for frame in envelopes]
        return await super().send(envelopes)

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        if self.is_away:
            raise HubUnavailableError("the hub is away")
        self.facts_at += [(self.clock(), parse_fact(frame).body) for frame in facts]
        return await super().facts(facts)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    found = Neighbours(tmp_path, spread_days=2)
    found.clients[TEAM] = Watched(found.world.hub, TEAM).watch(found.world.clock)
    found.open(TEAM)
    found[GP].import_clients([ClientRow("H-7", BSN, "")])
    yield found
    found.close()


def _hub_of(near: Neighbours) -> Watched:
    watched = near.clients[TEAM]
    assert isinstance(watched, Watched)
    return watched


def _agree(near: Neighbours) -> None:
    """One citizen, two whom the team tells: the provider by an allocation and the GP by an agreement."""
    near.take(TEAM, allocation())
    near.take(PROVIDER, allocation())
    near[TEAM].make_agreement(near[TEAM].clients()[0].number, Conversation(("Praktijk Voorbeeld",)))


def _all_leaves(near: Neighbours) -> None:
    """Time goes on from moment to moment until nothing waits; a pass of everybody at each."""
    while moments := [item.release_at for item in near[TEAM].items() if item.state == WAITING]:
        near.world.go(max(near.world.now + 10 * MINUTE, min(moments)))
        near.work()
    near.settle(2)


def _waiting(near: Neighbours, kind: str) -> list[Item]:
    return [item for item in near[TEAM].items() if item.kind == kind and item.state == WAITING]


def test_registrations_and_introductions_of_one_agreement_come_at_moments_of_their_own(near: Neighbours) -> None:
    _agree(near)
    hub, moments = _hub_of(near), [item.release_at for item in _waiting(near, INTRODUCTION)]
    assert len(set(moments)) == 2
    near.work()
    assert (hub.facts_at, hub.envelopes) == ([], [])  # not at once, whatever was asked
    _all_leaves(near)
    registered = [when for when, body in hub.facts_at if isinstance(body, Register)]
    assert len(registered) == 2
    for when, moment in zip(sorted(registered), sorted(moments), strict=True):
        assert 0 <= when - moment < 20 * MINUTE  # at the first pass after it
    assert near.told(PROVIDER) == ["toegewezen"]
    assert all(grant.introduced for grant in near[TEAM].grants())


def test_nothing_leaves_under_a_handle_before_it_is_registered_and_introduced(near: Neighbours) -> None:
    _agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    hub = _hub_of(near)
    _all_leaves(near)
    first = {body.handle.hex(): when for when, body in hub.facts_at if isinstance(body, Register)}
    assert len(hub.envelopes) == 5  # two introductions, one event for the GP, two for the provider
    assert all(first[handle] <= when for when, handle, _ in hub.envelopes)
    assert [item.final for item in near[TEAM].items()] == ["done"] * 5


def test_the_envelopes_of_one_event_leave_at_moments_of_their_own(near: Neighbours) -> None:
    _agree(near)
    _all_leaves(near)
    hub, apart = _hub_of(near), []
    for number in range(6):
        hub.envelopes.clear()
        near.take(TEAM, status(number, today=near.world.today))
        _all_leaves(near)
        (one, first, call), (other, second, later) = hub.envelopes
        assert first != second
        apart.append(other - one)
        assert call != later or other == one
    assert max(apart) > 2 * 60 * MINUTE
    assert len(set(apart)) > 3
    assert near.told(GP, "H-7")[:6] == near.told(PROVIDER)[1:7]


def test_a_crash_draws_no_other_moment_and_loses_nothing(near: Neighbours) -> None:
    _agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    before = [(item.number, item.release_at) for item in near[TEAM].items()]
    for _ in range(20):
        near.open(TEAM)  # a new process on the same disk
        near.work(TEAM)
        assert [(item.number, item.release_at) for item in near[TEAM].items()] == before
        near.world.now -= MINUTE
    _all_leaves(near)
    assert near.told(GP, "H-7") == ["in onderzoek"]
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]


def test_what_was_drawn_earlier_waits_for_the_older_one_of_its_grant(near: Neighbours) -> None:
    _agree(near)
    _all_leaves(near)
    near.take(TEAM, status(1, Kind.IN_ONDERZOEK, today=near.world.today))
    near.take(TEAM, status(2, Kind.AFGEWEZEN, today=near.world.today))
    with near[TEAM].store.transaction() as tx:
        for place, item in enumerate(_waiting(near, EVENT)):
            ITEMS.put(tx, replace(item, release_at=near.world.now + (DAY if place < 2 else MINUTE)))
    near.world.advance(hours=1)
    assert near.work(TEAM)[0].sent == 0
    near.world.advance(days=1)
    near.settle(3)
    assert near.told(GP, "H-7") == ["in onderzoek", "afgewezen"]


def test_a_stop_is_in_force_at_once_while_everything_else_waits(near: Neighbours) -> None:
    _agree(near)
    _all_leaves(near)
    near.take(TEAM, status(1, today=near.world.today))
    hub, now = _hub_of(near), near.world.now
    assert run(near[TEAM].stop(near[TEAM].clients()[0].number, GP, OBJECTED)) is True
    assert [when for when, body in hub.facts_at if isinstance(body, Stop)] == [now]
    _all_leaves(near)
    assert near.told(GP, "H-7") == []  # it waited, and never left


def test_a_grant_that_is_stopped_before_its_registration_never_leaves(near: Neighbours) -> None:
    _agree(near)
    run(near[TEAM].stop(near[TEAM].clients()[0].number, None, OBJECTED))
    hub = _hub_of(near)
    _all_leaves(near)
    assert [body for _, body in hub.facts_at if isinstance(body, Register)] == []
    assert hub.envelopes == []


@pytest.mark.parametrize(("why", "asks"), [(CLOSED, True), (OBJECTED, False)])
def test_a_person_hears_what_had_not_left_when_a_line_was_closed_and_not_when_it_was_refused(
    near: Neighbours, why: str, asks: bool
) -> None:
    _agree(near)
    _all_leaves(near)
    near.take(TEAM, status(1, today=near.world.today))
    run(near[TEAM].stop(near[TEAM].clients()[0].number, GP, why))
    last = [item for item in near[TEAM].items() if item.final == NOT_SHARED]
    assert [(item.state, item.asks) for item in last] == [(FINAL, asks)]


def test_what_a_person_makes_urgent_leaves_at_the_next_pass_with_what_must_go_before_it(near: Neighbours) -> None:
    _agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    for_gp = [item for item in _waiting(near, EVENT) if GP in item.line]
    assert near[TEAM].hurry(for_gp[0].number) == 2  # the introduction too
    near.settle(2)
    assert near.told(GP, "H-7") == ["in onderzoek"]
    assert near.told(PROVIDER) == []
    with pytest.raises(EdgeError, match="wacht niet"):
        near[TEAM].hurry(for_gp[0].number)


def test_the_outbox_says_what_waits_for_its_moment_and_counts_its_age_from_then_on(near: Neighbours) -> None:
    _agree(near)
    assert {line.why for line in near[TEAM].outbox()} >= {
        "wacht op zijn moment: wat bij elkaar hoort gaat niet tegelijk weg"
    }
    assert (near[TEAM].backlog()["waiting"].count, near[TEAM].backlog()["waiting"].oldest) == (3, 0)
    near.world.advance(days=5)
    first = near[TEAM].items()[0]
    assert near[TEAM].backlog()["waiting"].oldest == first.release_at


@pytest.mark.parametrize("by_person", [True, False])
def test_what_a_person_calls_back_leaves_at_once_and_what_the_own_system_corrects_is_spread(
    near: Neighbours, by_person: bool
) -> None:
    _agree(near)
    _all_leaves(near)
    event = status(1, today=near.world.today)
    near.take(TEAM, event)
    _all_leaves(near)
    if by_person:
        near[TEAM].retract_all(near[TEAM].clients()[0].number)
    else:
        near.take(TEAM, replace(event, retracts=True))
    recalls = _waiting(near, RETRACTION)
    assert len(recalls) >= 2
    assert all((item.release_at == AT_ONCE) is by_person for item in recalls)
    near.settle(2)
    assert (near.told(GP, "H-7") == []) is by_person
    _all_leaves(near)
    assert near.told(GP, "H-7") == []


def test_a_person_does_not_wait_for_what_the_own_system_called_back_already(near: Neighbours) -> None:
    _agree(near)
    _all_leaves(near)
    event = status(1, today=near.world.today)
    near.take(TEAM, event)
    _all_leaves(near)
    near.take(TEAM, replace(event, retracts=True))
    assert near[TEAM].retract_all(near[TEAM].clients()[0].number) >= 1
    near.settle(2)
    assert near.told(GP, "H-7") == []
    assert near[TEAM].retract_all(near[TEAM].clients()[0].number) == 0


def test_what_is_told_on_the_last_day_of_a_grant_leaves_on_that_day(near: Neighbours) -> None:
    near.take(TEAM, allocation(end="2026-03-16"))
    near.take(PROVIDER, allocation(end="2026-03-16"))
    _all_leaves(near)
    near.world.to("2026-03-16 15:00")
    near.take(TEAM, status(1, today=near.world.today))
    near.world.to("2026-03-16 23:10")
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]


def test_after_an_outage_what_is_overdue_leaves_in_an_order_of_no_meaning(near: Neighbours) -> None:
    for number, bsn in enumerate(OTHERS):
        event = replace(allocation(str(2000 + number)), citizen=Citizen(bsn=bsn))
        near.take(TEAM, event)
    _all_leaves(near)
    hub, orders = _hub_of(near), []
    for number in range(3):
        hub.envelopes.clear()
        hub.is_away = True
        for bsn in OTHERS:
            near.take(
                TEAM,
                replace(status(number, today=near.world.today), citizen=Citizen(bsn=bsn), identity=(bsn, str(number))),
            )
        near.world.advance(days=5)
        with pytest.raises(HubUnavailableError):
            run(near[TEAM].release())
        hub.is_away = False
        near.work(TEAM)
        assert len(hub.envelopes) == len(OTHERS)
        assert len({call for _, _, call in hub.envelopes}) == 1
        made = [item.handle.hex() for item in near[TEAM].items()[-len(OTHERS) :] if item.handle is not None]
        orders.append([made.index(handle) for _, handle, _ in hub.envelopes])
        near.settle(2)
    assert len({tuple(order) for order in orders}) == 3
    assert sorted(orders[0]) not in orders


def test_the_handle_of_next_month_of_a_late_grant_does_not_come_beside_its_first(near: Neighbours) -> None:
    near.world.to("2026-03-23 10:00")
    near.settle(1)
    _agree(near)
    hub = _hub_of(near)
    _all_leaves(near)
    months = {body.month for _, body in hub.facts_at if isinstance(body, Register)}
    assert months == {month_of(parse_date("2026-03-01"))}
    near.world.to("2026-03-27 10:00")
    near.settle(1)
    later = [when for when, body in hub.facts_at if isinstance(body, Register) and body.month not in months]
    assert len(later) == 2
    assert len(set(later)) == 1


def test_a_grant_that_is_first_registered_after_a_batch_waits_for_the_next(near: Neighbours) -> None:
    """It was made in time, and its first handle waits for its moment: the next month's would stand beside it."""
    near.world.to("2026-03-19 16:00")
    near.settle(1)
    _agree(near)
    late = parse_date("2026-03-20")
    with near[TEAM].store.transaction() as tx:
        for item in _waiting(near, INTRODUCTION):  # drawn for the day after the batch has begun
            ITEMS.put(tx, replace(item, release_at=start_of_day(late) + 10 * 60 * MINUTE))
    hub = _hub_of(near)
    near.world.to("2026-03-20 00:05")
    near.settle(1)
    _all_leaves(near)
    near.world.to("2026-03-26 23:00")
    near.settle(1)
    this = month_of(late)
    assert {body.month for _, body in hub.facts_at if isinstance(body, Register)} == {this}
    near.world.to("2026-03-27 00:05")
    near.settle(1)
    later = [when for when, body in hub.facts_at if isinstance(body, Register) and body.month == this + 1]
    assert len(later) == 2
    assert len(set(later)) == 1
