# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Notices on their way to a topic, against the real hub: order per client, what did not arrive, calling back on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientRow
from adapters.formats import WRITERS
from adapters.notices_sent import Outgoing, send_notices
from adapters.records_incoming import NOTICES, TOLD
from schemas.event import Kind
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import run

WRITER = WRITERS["cloudevents"]()


class Topic:
    """Takes notices; `takes` says of the next ones whether they arrive, all after those do."""

    def __init__(self, *takes: bool) -> None:
        self.takes = list(takes)
        self.rounds: list[list[Outgoing]] = []

    async def __call__(self, notices: Sequence[Outgoing]) -> list[bool]:
        self.rounds.append(list(notices))
        return [self.takes.pop(0) if self.takes else True for _ in notices]

    @property
    def names(self) -> list[str]:
        return [one.name for each in self.rounds for one in each]


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    """The GP practice was told three things about one client."""
    made = Neighbours(tmp_path)
    made.take(TEAM, allocation())
    made.take(PROVIDER, allocation())
    made.settle(3)
    made[GP].import_clients([ClientRow("H-7", BSN, "")])
    made[TEAM].make_agreement(made[TEAM].clients()[0].number, Conversation(("Praktijk Voorbeeld",)))
    made.settle(3)
    for number, kind in enumerate((Kind.IN_ONDERZOEK, Kind.ACTIE_BELEGD, Kind.IN_ONDERZOEK)):
        made.take(TEAM, status(number, kind, made.world.today))
        made.settle(2)
    assert len(made.told(GP, "H-7")) == 3
    yield made
    made.world.check()
    made.close()


def _told_in_order(near: Neighbours) -> list[str]:
    return [one.event_id.hex() for one in sorted(TOLD.scan(near[GP].store), key=lambda one: one.came_at)]


def test_what_is_about_one_client_is_sent_one_after_the_other_under_one_key(near: Neighbours) -> None:
    topic = Topic()
    assert run(send_notices(near[GP], WRITER, topic)) == (3, False)
    assert [len(one) for one in topic.rounds] == [1, 1, 1]
    assert topic.names == [f"{one}{WRITER.suffix}" for one in _told_in_order(near)]
    (key,) = {one.key for each in topic.rounds for one in each}
    assert len(key) == 32
    assert not {BSN.encode(), b"H-7", near[GP].clients()[0].id.encode()} & {key}
    assert run(send_notices(near[GP], WRITER, topic)) == (0, False)


def test_another_edge_has_another_key_for_the_same_person(near: Neighbours) -> None:
    here, there = Topic(), Topic()
    run(send_notices(near[GP], WRITER, here))
    run(send_notices(near[PROVIDER], WRITER, there))
    assert there.rounds
    assert {one.key for each in here.rounds for one in each}.isdisjoint(
        one.key for each in there.rounds for one in each
    )


def test_what_did_not_arrive_is_sent_again_as_it_was_and_before_what_follows_it(near: Neighbours) -> None:
    first, second = Topic(True, False), Topic()
    assert run(send_notices(near[GP], WRITER, first)) == (1, True)
    assert len(first.names) == 2  # nothing overtakes the one that did not arrive
    assert run(send_notices(near[GP], WRITER, second)) == (2, False)
    assert second.rounds[0] == first.rounds[1]
    assert second.names == first.names[1:] + second.names[1:]
    assert len({*first.names, *second.names}) == 3


@pytest.mark.parametrize("arrives", [True, False])
def test_what_is_called_back_on_its_way_is_called_back_in_the_topic_too(near: Neighbours, *, arrives: bool) -> None:
    """Also when it is in doubt whether it arrived: who has it must hear of it."""
    edge = near[GP]

    class CalledBack(Topic):
        async def __call__(self, notices: Sequence[Outgoing]) -> list[bool]:
            if not self.rounds:
                (waiting, *_) = NOTICES.scan(edge.store, "due")
                with edge.workplace.commit("called back") as tx:
                    edge._inbound()._call_back(tx, waiting.sender, waiting.event_id)
            return await super().__call__(notices)

    going, after = CalledBack(arrives), Topic()
    run(send_notices(edge, WRITER, going))
    run(send_notices(edge, WRITER, after))
    event = going.names[0].removesuffix(WRITER.suffix)
    assert event == _told_in_order(near)[0]
    back = [one for one in (*going.names, *after.names) if one.endswith(f"-ingetrokken{WRITER.suffix}")]
    assert back == [f"{event}-ingetrokken{WRITER.suffix}"]
    assert run(send_notices(edge, WRITER, Topic())) == (0, False)


def test_what_is_called_back_before_it_was_sent_is_never_sent(near: Neighbours) -> None:
    edge, topic = near[GP], Topic()
    (waiting, *_) = NOTICES.scan(edge.store, "due")
    with edge.workplace.commit("called back") as tx:
        edge._inbound()._call_back(tx, waiting.sender, waiting.event_id)
    assert run(send_notices(edge, WRITER, topic)) == (2, False)
    assert not [one for one in topic.names if one.startswith(waiting.event_id.hex())]
