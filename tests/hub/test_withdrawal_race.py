# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A stop, a suspension or a revocation by another gateway falls between every two store calls of a request.

Whatever the moment: nothing is accepted or handed over after its commit, the log says what happened, and replay
comes out the same.  The controls take the `Stale` checks out of the store, and then the property fails.
"""

from collections.abc import Callable
from typing import Any, cast

import pytest

from consent.rules import without
from hub.audit.log import Log
from hub.audit.replay import replay
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.registry import SUSPENDED
from hub.store import Step, Store
from hub.store_memory import MemoryStore
from schemas.codes import Code
from schemas.envelope import parse
from schemas.signing import SigningKey
from tests.simulator import Grant, Party, World
from tests.world_check import HUB_NAME, records


class Racing:
    """A store that lets something else happen just before its call number `moment` from now on."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.calls = 0
        self._moment = -1
        self._act: Callable[[], object] = lambda: None

    def arm(self, moment: int, act: Callable[[], object]) -> None:
        """Once, before the call with this number, counted from 0."""
        self.calls, self._moment, self._act = 0, moment, act

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def call(*args: object, **kwargs: object) -> object:
            self.calls += 1
            if self.calls - 1 == self._moment:
                self._act()
            return method(*args, **kwargs)

        return call


class Lax(MemoryStore):
    """A store whose commit does not compare what the step rests on."""

    def commit(self, step: Step) -> int:
        """Applies the step as if nothing had changed since it was decided."""
        step.rests_on_grants, step.rests_on_addresses = [], {}
        now = self.grants(handle for handle, *_ in step.uses)
        step.uses = [use._replace(version=now[use.handle].version) for use in step.uses]
        return super().commit(step)


class Race:
    """One world with two gateways over one store: ours, and the other one through which the intruder comes."""

    def __init__(self, make: type[MemoryStore]) -> None:
        self.world = World()
        inner = make(self.world.clock)
        self.racing = Racing(inner)
        self.ours = self.world.hub = self.world.over(cast("Store", self.racing))
        self.other = Exchange(inner, Log(inner, HUB_NAME, SigningKey(bytes(32))), self.world.table, *self._sources())
        self.team = self.world.party("team-wmo")
        self.provider = self.world.party("provider-wmo")
        self.third = self.world.party("gp")
        self.grant: Grant = self.team.register(self.provider)

    def through_other(self, act: Callable[[], object]) -> object:
        """Lets `act` speak to the other gateway."""
        self.world.hub = self.other
        try:
            return act()
        finally:
            self.world.hub = self.ours

    def _sources(self) -> tuple[HubClock, Callable[[int], bytes]]:
        return self.world.trusted, self.world.random

    def after(self, index: int) -> list[str]:
        """What the log lets pass at or after this entry."""
        entries = self.racing.inner.entries(0, self.racing.inner.head().size)
        passed = [
            f"{index} {record[2]}"
            for index, record in enumerate(records(entries))
            if record[2] in {"accept", "hand-over"} and record[-1] == "accepted"
        ]
        return [one for one in passed if int(one.split()[0]) >= index]


def _stop_by(who: str) -> Callable[[Race], object]:
    return lambda race: cast("Party", getattr(race, who)).stop(race.grant)


INTRUSIONS: dict[str, Callable[[Race], object]] = {
    "stop by the sender": _stop_by("team"),
    "stop by the recipient": _stop_by("provider"),
    "stop by a third": _stop_by("third"),
    "sender suspended": lambda race: race.world.hub.set_state(race.team.address, SUSPENDED),
    "sender's key revoked": lambda race: race.team.new_signing_key(),
    "sender's table narrowed": lambda race: race.team.narrow(without(race.world.table, [1]).raw),
    "recipient's table narrowed": lambda race: race.provider.narrow(without(race.world.table, [1]).raw),
}
STOPS = [name for name in INTRUSIONS if name.startswith("stop")]


def _accept(race: Race, frame: bytes) -> None:
    race.team.send(frame)


def _pick_up(race: Race, frame: bytes) -> None:
    del frame
    race.provider.pickup()


REQUESTS: dict[str, Callable[[Race, bytes], None]] = {"accept": _accept, "pick-up": _pick_up}


def _prepared(make: type[MemoryStore], request: str, before: int) -> tuple[Race, bytes]:
    """A world just before the request; `before`: how many envelopes were picked up and not answered before."""
    race = Race(make)
    frame = race.team.envelope(race.grant)
    if request == "pick-up":
        race.team.send(frame)
        for _ in range(before):
            race.provider.pickup()
            race.world.advance(minutes=2)
    return race, frame


def _run(make: type[MemoryStore], request: str, intrusion: str, before: int = 0) -> list[str]:
    """Every violation, over every moment at which the intrusion can fall."""
    race, frame = _prepared(make, request, before)
    race.racing.arm(-1, lambda: None)
    REQUESTS[request](race, frame)
    count = race.racing.calls
    assert count > 4
    violations: list[str] = []
    for moment in range(count):
        race, frame = _prepared(make, request, before)
        committed: list[int] = []

        def intrude(race: Race = race, committed: list[int] = committed) -> None:
            race.through_other(lambda: INTRUSIONS[intrusion](race))
            committed.append(race.racing.inner.head().size)

        race.racing.arm(moment, intrude)
        REQUESTS[request](race, frame)
        race.racing.arm(-1, lambda: None)
        assert len(committed) == 1
        assert race.provider.pickup() == [] or request == "pick-up"
        violations += [f"moment {moment}: {one}" for one in race.after(committed[0])]
        size = race.racing.inner.head().size
        report = replay(race.racing.inner.entries(0, size), race.world.table)
        violations += [f"moment {moment}: replay {one}" for one in report.differs]
        if not violations:
            race.world.check()
    return violations


@pytest.mark.parametrize("intrusion", INTRUSIONS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_withdrawal_race(request_: str, intrusion: str) -> None:
    assert _run(MemoryStore, request_, intrusion) == []


@pytest.mark.parametrize("intrusion", INTRUSIONS)
def test_withdrawal_races_a_second_hand_over(intrusion: str) -> None:
    assert _run(MemoryStore, "pick-up", intrusion, before=1) == []


@pytest.mark.parametrize("intrusion", STOPS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_without_the_stale_check_the_race_is_lost_so_this_test_can_fail(request_: str, intrusion: str) -> None:
    assert _run(Lax, request_, intrusion) != []


def test_without_the_stale_check_a_suspended_sender_still_tells_something() -> None:
    assert _run(Lax, "accept", "sender suspended") != []


def test_every_moment_has_an_outcome_and_the_sender_learns_it() -> None:
    race, frame = _prepared(MemoryStore, "accept", 0)
    race.racing.arm(-1, lambda: None)
    race.team.send(frame)
    seen = set()
    for moment in range(race.racing.calls):
        race, frame = _prepared(MemoryStore, "accept", 0)
        race.racing.arm(moment, lambda race=race: race.through_other(lambda: race.third.stop(race.grant)))  # type: ignore[misc]
        assert race.team.send(frame) == [Code.TAKEN]
        seen.add(race.team.outcome(frame))
    assert Code.NOT_ACTIVE in seen
    assert seen <= {Code.NOT_ACTIVE, Code.ACCEPTED}


@pytest.mark.parametrize("who", ["team", "provider", "third"])
def test_a_stop_during_a_batch_of_many_stops_only_its_own_grant(who: str) -> None:
    race = Race(MemoryStore)
    other = race.team.register(race.third, 5)
    frames = [race.team.envelope(grant) for grant in (race.grant, other) * 5]
    race.racing.arm(6, lambda: race.through_other(lambda: cast("Party", getattr(race, who)).stop(race.grant)))
    race.team.send(*frames)
    race.racing.arm(-1, lambda: None)
    assert race.provider.pickup() == []
    assert len(race.third.pickup()) == 5
    race.world.check()


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_another_gateway_lets_expire_at_the_same_moment_ends_once(request_: str) -> None:
    for moment in range(12):
        race, frame = _prepared(MemoryStore, "pick-up", 0)
        race.world.advance(days=8)
        race.racing.arm(moment, lambda race=race: race.other.tick())  # type: ignore[misc]
        REQUESTS[request_](race, race.team.envelope(race.grant))
        race.racing.arm(-1, lambda: None)
        assert race.team.outcomes()[parse(frame).message_id].count(Code.EXPIRED) == 1
        race.world.check()


def test_a_receipt_that_comes_while_it_is_handed_over_again_ends_it_once() -> None:
    count = 12
    for moment in range(count):
        race, frame = _prepared(MemoryStore, "pick-up", 1)
        receipt = race.provider.receipt(parse(frame).message_id)
        race.racing.arm(
            moment,
            lambda race=race, receipt=receipt: race.through_other(lambda: race.provider.receipts(receipt)),  # type: ignore[misc]
        )
        deliveries = race.provider.pickup()
        race.racing.arm(-1, lambda: None)
        assert deliveries == [] or moment > 7
        race.world.advance(minutes=10)
        if deliveries:
            race.provider.receipts(receipt)
        assert race.provider.pickup() == []
        assert race.team.outcome(frame) is Code.STORED
        race.world.check()
