# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Threat 8: nobody finds out by introductions whether a partner knows somebody, neither by BSN nor by code.

The same hostile series is played in two worlds that differ only in whether the recipient knows the citizen.  Everything
that the recipient's edge sends to the hub, and every line that the sender hears, must be equal: content, size and time.
At the recipient's own screen every code that opens nothing must look alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.code import new_code
from adapters.objections import Objecting
from adapters.quotas import BY_CODE, STRANGERS, TRIED_FOR_ONE
from adapters.records_incoming import AWAITED, TALLIES
from consent.grant import CodeProof
from deploy.local import LocalClient
from hub.client import HubClient
from schemas.calendar import day_of, next_working_day
from schemas.codes import Code
from schemas.receipt import parse_receipt
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, TYPIST, Neighbours, objected
from tests.hostile_sender import SALT, Identity, Sender
from tests.simulator import CODED, NATIONAL, World, run

OTHER_BSN = "999990019"
TALK = Conversation(("Praktijk Voorbeeld",))
Passed = list[tuple[object, ...]]


class Wire:
    """The way of one edge to the hub, with everything that it sends: when, by which call, how long, with which codes."""

    def __init__(self, world: World, address: str) -> None:
        self.world, self.passed = world, Passed()
        self._client = LocalClient(world.hub, address)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        call = getattr(self._client, name)

        async def noted(*args: object) -> object:
            codes = [parse_receipt(frame).code for frame in cast("list[bytes]", args[0])] if name == "receipts" else []
            self.passed.append((self.world.now, name, *map(_shape, args), *codes))
            return await call(*args)

        return noted


def _shape(value: object) -> object:
    """Everything that is not random of what is sent."""
    if isinstance(value, bytes):
        return len(value)
    return [_shape(one) for one in value] if isinstance(value, list | tuple) else value


def watched(folder: Path, world: World, address: str, *, known: bool) -> tuple[Neighbours, Wire]:
    """Neighbours of which one is watched, and may know the citizen."""
    near = Neighbours(folder, world)
    near.work()
    wire = Wire(world, address)
    near.clients[address] = cast("HubClient", wire)
    near.open(address)
    near[address].import_clients([ClientRow("P-1", BSN if known else OTHER_BSN, "")])
    return near, wire


# -- from outside ----------------------------------------------------------------------------------------------------


def hostile(near: Neighbours, sender: Sender, who: Identity, somebody_else: Identity) -> Passed:
    """The series; what the sender hears of it, each with its time."""
    heard = Passed()

    def hear(*frames: bytes) -> None:
        for frame in frames:
            near.world.advance(hours=5)
            sender.send(frame)
            heard.append((near.world.now, [line.code for line in sender.party.feed()]))

    sender.register(who)
    hear(sender.event(), sender.introduction(somebody_else), sender.introduction(who), sender.introduction(who))
    hear(sender.event(), sender.event(), sender.event(b"\2" * 16, progress=b'{"date":"2026-03-03","kind":"leeg"}'))
    hear(sender.party.retraction(sender.grant, b"\3" * 16), sender.event(b"\3" * 16), sender.event(b"\4" * 16))
    for _ in range(4):  # whatever would follow on a later day
        near.world.advance(days=1)
        near.work(sender.recipient)
        heard.append((near.world.now, [line.code for line in sender.party.feed()]))
    sender.party.stop(sender.grant)
    hear(sender.event(b"\5" * 16))
    return heard


CODE = CodeProof(b"\1" * 32, 30_000, None)


@pytest.mark.parametrize("way", ["bsn", "code"])
def test_introduction_is_no_oracle_in_content_size_and_time(tmp_path: Path, way: str) -> None:
    seen = []
    for known in (True, False):
        recipient = PROVIDER if way == "bsn" else GP
        world = World(table=NATIONAL if way == "bsn" else CODED)
        near, wire = watched(tmp_path / str(known), world, recipient, known=known)
        sender = Sender(near, recipient=recipient)
        who: tuple[Identity, Identity] = (BSN, "999900158") if way == "bsn" else (CODE, CODE._replace(proof=b"\2" * 32))
        seen.append((hostile(near, sender, *who), wire.passed))
        near.close()
    assert seen[0] == seen[1]
    heard, passed = seen[0]
    codes = [code for entry in passed for code in entry[2:] if isinstance(code, Code)]
    assert codes == [
        Code.UNKNOWN_HANDLE,
        Code.INVALID_PART,
        Code.STORED,
        Code.SEEN_ALREADY,
        Code.STORED,
        Code.SEEN_ALREADY,
        Code.INVALID_PART,
        Code.STORED,
        Code.SEEN_ALREADY_RETRACTED,
        Code.STORED,
    ]
    assert cast("list[Code]", heard[-1][1])[-1] is Code.NOT_ACTIVE


def _nothing(near: Neighbours, recipient: str) -> None:
    """Nobody said anything."""


def _objects(near: Neighbours, recipient: str) -> None:
    objected(near, recipient, Objecting(None, incoming=True), "P-1")


def _is_held(near: Neighbours, recipient: str) -> None:
    run(near[recipient].stop_incoming("P-1", None, "held"))


def _withdraws(near: Neighbours, recipient: str) -> None:
    run(near[recipient].stop_incoming("P-1", None, "withdrawn"))


@pytest.mark.parametrize("way", ["bsn", "code"])
def test_introduction_is_no_oracle_for_what_a_citizen_refused_before_the_next_working_day(
    tmp_path: Path, way: str
) -> None:
    """Unknown, known, and known with each refusal: on the day itself all of it is one and the same, and the stop that follows
    comes at a minute of the next working day. By code the line of a code that was typed goes on, so that it has a client at once."""
    recipient = PROVIDER if way == "bsn" else GP
    seen, stopped = [], []
    for number, (known, says) in enumerate(
        [(False, _nothing), (True, _nothing), (True, _objects), (True, _is_held), (True, _withdraws)]
    ):
        world = World(table=NATIONAL if way == "bsn" else CODED)
        near, wire = watched(tmp_path / str(number), world, recipient, known=known)
        sender = Sender(near, recipient=recipient)
        who: Identity = BSN
        if way == "code":
            code = new_code(GP, world.random)
            first = CodeProof(code.proof(SALT), world.today + 14, None)
            sender.register(first)
            sender.send(sender.introduction(first))
            if known:
                assert near[GP].enter_code("P-1", code.text, TYPIST) is not None
            who = CodeProof(None, None, sender.grant.secret)
            sender.begin()
            world.advance(days=2)
            near.work(recipient)
        says(near, recipient)
        near.work(recipient)
        wire.passed.clear()
        before, heard = len(sender.party.feed()), list[object]()
        sender.register(who)
        for frame in (sender.introduction(who), sender.event(), sender.introduction(who), sender.event(b"\2" * 16)):
            world.advance(minutes=30)
            sender.send(frame)
            heard.append((world.now, [line.code for line in sender.party.feed()][before:]))
        # How long the log is by then differs with what was before, and is no secret; the rest may not.
        seen.append((heard, [(at, call, *(args if call == "receipts" else ())) for at, call, *args in wire.passed]))
        today = world.today
        while world.today == today:
            assert not [entry for entry in wire.passed if entry[1] == "facts"], "nothing is stopped on the day itself"
            world.advance(hours=3)
            near.work(recipient)
        for _ in range(4):
            world.advance(hours=12)
            near.work(recipient)
        assert sender.party.send(sender.event(b"\3" * 16)) == [Code.TAKEN]
        near.work(recipient)
        stopped.append([line.code for line in sender.party.feed()][-1] is Code.NOT_ACTIVE)
        near.close()
    assert all(one == seen[0] for one in seen)
    assert stopped == [False, False, True, True, way == "code"]  # row 1 is no consent that could be withdrawn


def test_introduction_is_no_oracle_and_both_ways_are_as_long_and_answered_as_fast(tmp_path: Path) -> None:
    """What the hub learns of the way is what the row says; not more by sizes or times."""
    seen = []
    for way, recipient in (("bsn", GP), ("code", GP)):
        world = World(table=NATIONAL if way == "bsn" else CODED)
        near, wire = watched(tmp_path / way, world, recipient, known=True)
        sender = Sender(near, recipient=recipient)
        who: tuple[Identity, Identity] = (BSN, OTHER_BSN) if way == "bsn" else (CODE, CODE._replace(proof=b"\2" * 32))
        lengths = [len(sender.introduction(one)) for one in who]
        sender.begin()
        seen.append((lengths, hostile(near, sender, *who), wire.passed))
        near.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("hour", [0, 7, 15])
def test_introduction_is_no_oracle_for_the_minute_at_which_a_citizen_was_there(tmp_path: Path, hour: int) -> None:
    world = World(table=CODED)
    near, wire = watched(tmp_path, world, GP, known=True)
    near[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    [slip] = near[TEAM].make_agreement("C-1", TALK).slips
    near.settle(2)
    world.advance(hours=hour)
    day = day_of(world.now)
    before = len(wire.passed)
    assert near[GP].enter_code("P-1", slip.code, TYPIST) is not None
    assert len(wire.passed) == before
    while not any(Code.INTRODUCED in entry for entry in wire.passed):
        world.advance(minutes=20)
        near.work(GP)
        assert day_of(world.now) <= next_working_day(day)
    assert day_of(world.now) == next_working_day(day)
    near.close()


# -- at the screen of the recipient ----------------------------------------------------------------------------------


@pytest.fixture
def points() -> list[str]:
    return []


@pytest.fixture
def near(tmp_path: Path, points: list[str]) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path, World(table=CODED))
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    neighbours.points[GP] = points.append
    neighbours.open(GP)
    neighbours[GP].import_clients([ClientRow("H-7", BSN, ""), ClientRow("H-8", OTHER_BSN, "")])
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def agreed(near: Neighbours) -> str:
    [slip] = near[TEAM].make_agreement("C-1", TALK).slips
    near.settle(2)
    return slip.code


def never_given(near: Neighbours) -> str:
    agreed(near)
    return new_code(GP, near.world.random).text


def expired(near: Neighbours) -> str:
    code = agreed(near)
    near.world.advance(days=15)
    return code


def used(near: Neighbours) -> str:
    code = agreed(near)
    assert near[GP].enter_code("H-8", code, TYPIST) is not None
    return code


def void(near: Neighbours) -> str:
    code = agreed(near)
    near[TEAM].print_codes("C-1", GP)
    near.settle(3)
    return code


def withdrawn(near: Neighbours) -> str:
    code = agreed(near)
    run(near[TEAM].end_agreement(near[TEAM].agreements("C-1")[0].id))
    near.world.advance(days=4)
    near.settle(2)
    return code


def for_another(near: Neighbours) -> str:
    agreed(near)
    return new_code(PROVIDER, near.world.random).text


def tried_too_often(near: Neighbours) -> str:
    code = agreed(near)
    for _ in range(TRIED_FOR_ONE):
        assert near[GP].enter_code("H-7", new_code(GP, near.world.random).text, TYPIST) is None
    return code


def held(near: Neighbours) -> str:
    with near[GP]._work.commit("as if many came before") as tx:
        for tally in list(TALLIES.scan(tx)):
            TALLIES.delete(tx, f"{tally.day}/{tally.what}".encode())
    sender = Sender(near, recipient=GP)
    for number in range(BY_CODE):
        sender.begin()
        proof = CodeProof(number.to_bytes(32, "big"), near.world.today + 14, None)
        sender.register(proof)
        assert sender.party.send(sender.introduction(proof)) == [Code.TAKEN]
    near.work(GP)
    code = new_code(GP, near.world.random)
    sender.begin()
    last = CodeProof(code.proof(SALT), near.world.today + 14, None)
    sender.register(last)
    assert sender.send(sender.introduction(last)) == [Code.STORED]
    return code.text


REASONS: tuple[Callable[[Neighbours], str], ...] = (
    never_given,
    expired,
    used,
    void,
    withdrawn,
    for_another,
    tried_too_often,
    held,
)


@pytest.mark.parametrize("reason", REASONS)
def test_introduction_is_no_oracle_for_who_types_codes(
    near: Neighbours, points: list[str], reason: Callable[[Neighbours], str]
) -> None:
    code = reason(near)
    before = [client for client in near[GP].clients() if near[GP].view(client.number)]
    points.clear()
    assert near[GP].enter_code("H-7", code, TYPIST) is None
    assert points == [
        "code tried: before the commit",
        "code tried: after the commit",
        "code entered: before the commit",
        "code entered: after the commit",
    ]
    assert [client for client in near[GP].clients() if near[GP].view(client.number)] == before


def test_a_code_works_again_on_the_day_after_too_many_tries_and_somebody_was_told(near: Neighbours) -> None:
    code = tried_too_often(near)
    assert near[GP].enter_code("H-7", code, TYPIST) is None
    assert [(one.lie, one.about) for one in near[GP].alarms()] == [("guessed-codes", "day 2026-03-03")]
    near.world.advance(days=1)
    assert near[GP].enter_code("H-7", code, TYPIST) is not None


def test_what_one_sender_introduces_beyond_its_quota_is_held_until_a_person_has_looked(near: Neighbours) -> None:
    code = held(near)
    assert near[GP].enter_code("H-7", code, TYPIST) is None
    [alarm] = near[GP].alarms()
    assert alarm.lie == "many-introductions"
    assert [one.held for one in AWAITED.scan(near[GP].store)].count(True) == 1
    near[GP].settle_alarm(alarm.number)
    assert near[GP].enter_code("H-7", code, TYPIST) is not None


def test_a_sender_that_asks_about_many_strangers_is_an_alarm_and_gets_the_same_answers(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near.work()
    sender = Sender(near)
    for number in range(STRANGERS + 1):
        sender.begin()
        sender.register()
        assert near[PROVIDER].alarms() == []
        frame = sender.introduction()
        assert sender.send(frame) == [Code.STORED], number
    assert [(one.lie, one.about) for one in near[PROVIDER].alarms()] == [("many-strangers", sender.party.address)]
    assert not near[PROVIDER].alarms()[0].of_hub
    near.close()
