# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What outcomes do to the outbox: every code has one end, and the order over handles holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.lines import RECALL_DAYS
from adapters.outbound import AGAIN_AFTER
from adapters.outcomes import MOST_TRIES, Effect, after
from adapters.records_outgoing import (
    ACTIVE,
    DONE,
    EVENT,
    FINAL,
    HANDLES,
    INTRODUCTION,
    ITEMS,
    ORDERS,
    REPLACED,
    RETRACTED,
    RETRACTION,
    SENT,
    STOPPED,
    STOPPING,
    WAITING,
    Grant,
    Item,
)
from adapters.spread import LONGEST_WAIT
from adapters.store import EdgeStore, Record
from consent.precedence import WITHDRAWN
from deploy.local import LocalClient
from hub.client import FactAnswer, HubUnavailableError
from schemas.calendar import start_of_day
from schemas.codes import CLASS, Class, Code
from schemas.envelope import parse
from schemas.event import Kind
from tests.adapters.edges import PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import HOUR, run

TODAY = 20_515
NOW = start_of_day(TODAY) + 36_000_000
MESSAGE = b"\1" * 16
GRANT = Grant(
    "g1", "line", "c1", PROVIDER, 1, "statutory", ("progress",), "levering", "wmo", TODAY - 10, TODAY + 100, 0, 0,
    bytes(32), bytes(32), None, automatic=True, introduced=True,
)  # fmt: skip
ITEM = Item(
    1, EVENT, b"\2" * 16, "g1", "line", "c1", b"\3" * 32, TODAY, (("progress", b"{}"),), NOW, NOW,
    state=SENT, undecided=True, told=True, message_id=MESSAGE, frame=b"bytes",
)  # fmt: skip


@pytest.mark.parametrize("kind", [EVENT, INTRODUCTION, RETRACTION])
@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_one_end(code: Code, kind: str) -> None:
    item, _ = after(replace(ITEM, kind=kind), GRANT, MESSAGE, code, NOW)
    if item.state == FINAL:
        assert item.frame is None
        assert item.asks is (item.final != DONE and (kind, code) != (INTRODUCTION, Code.NOT_ACTIVE))
    elif item.state == WAITING:
        assert (item.undecided, item.frame) == (False, None)
        assert CLASS[code] is Class.SEAL_AGAIN or kind == RETRACTION
    else:
        assert CLASS[code] in (Class.DONE, Class.LATER)


@pytest.mark.parametrize("code", [Code.STORED, Code.SEEN_ALREADY])
def test_stored_counts_late_and_for_an_earlier_envelope(code: Code) -> None:
    asking = replace(ITEM, state=FINAL, final="expired", asks=True, message_id=b"\7" * 16)
    item, _ = after(asking, GRANT, MESSAGE, code, NOW)
    assert (item.state, item.final, item.asks, item.done_on) == (FINAL, DONE, False, TODAY)


def test_another_code_for_an_earlier_envelope_changes_nothing() -> None:
    for code in set(Code) - {Code.STORED, Code.SEEN_ALREADY, Code.INTRODUCED}:
        assert after(ITEM, GRANT, b"\7" * 16, code, NOW) == (ITEM, Effect.NOTHING)


def test_an_event_whose_key_was_lost_goes_again_and_is_late_since_later_ones_may_have_arrived() -> None:
    item, effect = after(ITEM, GRANT, MESSAGE, Code.KEY_LOST, NOW)
    assert (item.state, item.late, item.tries, effect) == (WAITING, True, 0, Effect.NOTHING)
    item, _ = after(replace(ITEM, kind=RETRACTION), GRANT, MESSAGE, Code.KEY_LOST, NOW)
    assert (item.state, item.late) == (WAITING, False)


def test_what_expired_is_sealed_again_once_marked_late_and_then_a_person_is_asked() -> None:
    once, _ = after(ITEM, GRANT, MESSAGE, Code.EXPIRED, NOW)
    assert (once.state, once.late) == (WAITING, True)
    twice, _ = after(replace(once, state=SENT), GRANT, MESSAGE, Code.EXPIRED, NOW)
    assert (twice.final, twice.asks) == ("expired", True)


def test_an_introduction_or_retraction_that_expired_is_sealed_again_as_often_as_needed() -> None:
    for kind in (INTRODUCTION, RETRACTION):
        item = replace(ITEM, kind=kind)
        for _ in range(MOST_TRIES + 5):
            item, _effect = after(replace(item, state=SENT), GRANT, MESSAGE, Code.EXPIRED, NOW)
            assert (item.state, item.late) == (WAITING, False)


def test_not_active_is_a_stop_by_another_only_while_our_own_grant_is_open() -> None:
    found = {
        ACTIVE: (FINAL, True, Effect.STOP_FOUND),
        STOPPED: (FINAL, False, Effect.NOTHING),
        STOPPING: (FINAL, False, Effect.NOTHING),
    }
    for state, (ends, asks, effect) in found.items():
        item, what = after(ITEM, replace(GRANT, state=state), MESSAGE, Code.NOT_ACTIVE, NOW)
        assert (item.state, item.asks, what) == (ends, asks, effect)
    item, what = after(ITEM, replace(GRANT, end=TODAY - 1), MESSAGE, Code.NOT_ACTIVE, NOW)
    assert (item.asks, what) == (True, Effect.NOTHING)


def test_what_ends_not_active_through_our_own_renewal_goes_under_the_new_grant() -> None:
    renewed = replace(GRANT, state=REPLACED, ours=True, next="g2")
    item, effect = after(ITEM, renewed, MESSAGE, Code.NOT_ACTIVE, NOW)
    assert (item.state, item.grant, effect) == (WAITING, "g2", Effect.NOTHING)
    # Somebody else had stopped it: a person must look.
    item, _ = after(ITEM, replace(renewed, ours=False), MESSAGE, Code.NOT_ACTIVE, NOW)
    assert (item.state, item.asks) == (FINAL, True)


def test_a_retraction_never_counts_as_a_stop_found_and_is_given_up_a_year_after_the_end() -> None:
    recall = replace(ITEM, kind=RETRACTION)
    item, effect = after(recall, GRANT, MESSAGE, Code.NOT_ACTIVE, NOW)
    assert (item.state, effect, item.release_at > NOW) == (WAITING, Effect.NOTHING, True)
    item, _ = after(recall, replace(GRANT, end=TODAY - RECALL_DAYS - 1), MESSAGE, Code.NOT_ACTIVE, NOW)
    assert (item.state, item.asks) == (FINAL, True)


def test_what_was_called_back_here_and_there_is_over() -> None:
    item, _ = after(replace(ITEM, dead=True), GRANT, MESSAGE, Code.SEEN_ALREADY_RETRACTED, NOW)
    assert (item.final, item.asks) == (RETRACTED, False)
    item, _ = after(ITEM, GRANT, MESSAGE, Code.SEEN_ALREADY_RETRACTED, NOW)
    assert item.asks is True


# -- with the real hub


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


class Deaf(LocalClient):
    """The answer to `send` never arrives."""

    sent: list[bytes] = []  # noqa: RUF012  # of one test

    async def send(self, envelopes: Sequence[bytes]) -> list[Code]:
        self.sent.extend(envelopes)
        await super().send(envelopes)
        raise HubUnavailableError("the connection broke")


class Away(LocalClient):
    """The hub can't be told anything."""

    async def facts(self, facts: Sequence[bytes]) -> list[FactAnswer]:
        raise HubUnavailableError("the hub is away")


def test_what_was_sent_without_an_answer_goes_again_byte_for_byte(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    deaf = near.clients[TEAM] = Deaf(near.world.hub, TEAM)
    deaf.sent = []
    near.open(TEAM)
    for _ in range(2):
        with pytest.raises(HubUnavailableError, match="connection broke"):
            run(near[TEAM].release())
    assert len(deaf.sent) == 2
    assert deaf.sent[0] == deaf.sent[1]
    del near.clients[TEAM]
    near.open(TEAM)
    near.settle(3)
    near.take(PROVIDER, allocation())
    assert near.told(PROVIDER) == ["toegewezen"]


def test_what_was_taken_and_has_no_outcome_after_an_hour_goes_again(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    run(near[TEAM].release())
    assert run(near[TEAM].release()) == 0
    near.world.advance(ms=AGAIN_AFTER)
    assert run(near[TEAM].release()) == 1


def test_what_was_taken_while_the_clock_was_fast_leaves_when_it_is_right_again(near: Neighbours) -> None:
    for address in (TEAM, PROVIDER):
        near.take(address, allocation())
    near.settle(3)
    near.world.now += HOUR
    near.take(TEAM, status(1, today=near.world.today))
    near.world.now -= HOUR
    near.take(TEAM, status(2, Kind.AFGEWEZEN, today=near.world.today))
    near.settle(3)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek", "afgewezen"]


@pytest.mark.parametrize(("tries", "ahead"), [(1, 2 * HOUR), (0, LONGEST_WAIT + HOUR)])
def test_what_was_put_off_by_a_clock_that_was_fast_waits_until_the_next_cleaning_at_most(
    near: Neighbours, tries: int, ahead: int
) -> None:
    near.take(TEAM, allocation())
    near.settle(3)
    near.take(TEAM, status(1, today=near.world.today))
    item = list(near[TEAM].items())[-1]
    near.world.to("2026-03-03 23:58")
    with near[TEAM].store.transaction() as tx:
        ITEMS.put(tx, replace(item, tries=tries, release_at=near.world.now + ahead))
    assert near.work(TEAM)[0].sent == 0
    assert near.work(TEAM)[0].sent == 1  # another day
    near.settle(3)


def test_a_stop_that_was_decided_while_the_clock_was_fast_reaches_the_hub_as_soon_as_it_can(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(3)
    near.clients[TEAM] = Away(near.world.hub, TEAM)
    near.open(TEAM)
    near.world.now += HOUR
    assert run(near[TEAM].stop(near[TEAM].clients()[0].number, None, WITHDRAWN)) is False
    near.world.now -= HOUR
    del near.clients[TEAM]
    near.open(TEAM)
    near.work(TEAM)
    assert [order.done for order in ORDERS.scan(near[TEAM].store)] == [True]
    near.settle(3)


def test_what_was_taken_at_the_hub_in_the_future_goes_again(near: Neighbours) -> None:
    """The clock was set back since: nobody knows for how long there has been no outcome."""
    near.take(TEAM, allocation())
    near.world.now += HOUR
    run(near[TEAM].release())
    near.world.now -= HOUR
    assert run(near[TEAM].release()) == 1
    assert run(near[TEAM].release()) == 0
    near.settle(3)


def test_nothing_but_the_introduction_leaves_before_its_receipt(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    for number in range(3):
        near.take(TEAM, status(number, today=near.world.today))
    for _ in range(5):
        near.work(TEAM)
    states = [(item.kind, item.state) for item in near[TEAM].items()]
    assert states == [(INTRODUCTION, SENT), *[(EVENT, WAITING)] * 4]
    assert [line.why for line in near[TEAM].outbox()][1:] == ["wacht op de kennismaking"] * 4


def test_one_undecided_envelope_per_handle_oldest_first_and_numbers_without_a_gap(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(3)
    near.take(TEAM, *(status(number, today=near.world.today) for number in range(4)))
    for expected in (1, 2, 3, 4):
        assert run(near[TEAM].release()) == 1
        assert run(near[TEAM].release()) == 0
        assert sum(item.state == SENT for item in near[TEAM].items()) == expected
        run(near[TEAM].read_feed())
    near.settle(1)
    handles = list(HANDLES.scan(near[TEAM].store))
    assert [(handle.sequence) for handle in handles] == [6]


def test_nothing_leaves_under_a_new_month_while_the_old_one_is_open(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(2)
    near.world.to("2026-03-31 23:00")
    near.work()
    near.take(TEAM, status(1, today=near.world.today))
    near.work(TEAM)
    near.world.to("2026-04-01 09:00")
    near.take(TEAM, status(2, today=near.world.today))
    near.work(TEAM)
    assert [item.state for item in near[TEAM].items() if item.kind == EVENT][1:] == [SENT, WAITING]
    near.settle(3)
    assert {item.final for item in near[TEAM].items()} == {DONE}
    frames = {item.handle for item in near[TEAM].items() if item.kind == EVENT}
    assert len(frames) == 2


def test_the_header_says_nothing_and_two_events_have_equal_lengths(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(2)
    sizes = set()
    for number in range(2):
        near.take(TEAM, status(number, today=near.world.today))
        run(near[TEAM].release())
        item = list(ITEMS.scan(near[TEAM].store, SENT))[-1]
        envelope = parse(item.frame or b"")
        sizes.add((len(envelope.raw), len(envelope.box), tuple(map(len, envelope.parts)), envelope.names))
        run(near[TEAM].read_feed())
        near.settle(1)
    assert len(sizes) == 1


def test_what_one_more_event_costs_does_not_grow_with_the_length_of_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that are looked up, and not time: of a line that goes back far only what is unfinished is read."""
    there = Neighbours(tmp_path)
    looked_up = [0]
    unseal = EdgeStore._unseal

    def counted(self: EdgeStore, bound: bytes, token: bytes, sealed: bytes) -> tuple[bytes, Record]:
        looked_up[0] += bound == b"item"
        return unseal(self, bound, token, sealed)

    monkeypatch.setattr(EdgeStore, "_unseal", counted)
    there.take(TEAM, allocation())
    there.settle()
    costs = []
    for number in range(40):
        there.take(TEAM, status(number, today=there.world.today))
        before = looked_up[0]
        run(there[TEAM].release())
        costs.append(looked_up[0] - before)
        there.settle(2)
    assert len(there[TEAM].items()) > 40
    assert costs[-1] == costs[4]
    there.close()
