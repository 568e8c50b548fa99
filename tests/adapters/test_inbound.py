# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What comes to an edge, from a sender that does as it likes: the receipt is the same whoever it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.clients import ClientRow
from adapters.records_incoming import INTRODUCTIONS, TOLD
from consent.rules import without
from deploy.local import LocalClient
from hub.client import PickUp
from schemas.codes import Code
from tests.adapters.edges import BSN, PROVIDER, Neighbours
from tests.hostile_sender import Sender
from tests.simulator import NATIONAL, run

OTHER_BSN = "999990019"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


@pytest.fixture
def sender(near: Neighbours) -> Sender:
    return Sender(near)


def test_an_introduction_with_other_terms_than_were_registered_is_refused(near: Neighbours, sender: Sender) -> None:
    sender.register()
    terms = sender.grant.terms
    sender.grant.terms = replace(terms, end=terms.end - 40)
    frame = sender.introduction()
    sender.grant.terms = terms
    assert sender.send(frame)[0] in (Code.INVALID_PART, Code.WRONG_TERMS)
    assert list(INTRODUCTIONS.scan(near[PROVIDER].store)) == []


def test_what_the_own_table_forbids_is_destroyed_unread(near: Neighbours, sender: Sender) -> None:
    sender.register()
    near.tables[PROVIDER] = without(NATIONAL, [1])
    near.open(PROVIDER)
    assert sender.send(sender.introduction()) == [Code.NOT_PERMITTED]
    assert _records(near) == []


def test_nobody_calls_back_what_another_told(near: Neighbours, sender: Sender) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    sender.register()
    sender.send(sender.introduction(automatic=False), sender.event())
    thief = Sender(near, "8")
    thief.register()
    assert thief.send(thief.party.retraction(thief.grant, b"\1" * 16)) == [Code.STORED]
    assert near.told(PROVIDER, "P-1") == ["gestart"]


class Forger(LocalClient):
    """A hub that changes what it hands over."""

    changed = b""

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        came = await super().pickup(most, wait_seconds, acknowledged)
        forged = tuple(replace(one, envelope=self.changed or one.envelope) for one in came.deliveries)
        return replace(came, deliveries=forged)


def test_an_envelope_that_the_sender_did_not_sign_gets_no_receipt_and_leaves_nothing(
    near: Neighbours, sender: Sender
) -> None:
    sender.register()
    stranger = near.world.party("team-wmo", "0" * 19 + "7")
    near.clients[PROVIDER] = forger = Forger(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    forger.changed = sender.party.envelope(
        sender.grant, parts=sender.party.event(sender.grant), signed_by=stranger, sign_key=sender.party.signing.key_id
    )
    assert sender.send(sender.introduction()) == [Code.ACCEPTED]
    assert _records(near) == []


def test_an_envelope_for_another_address_leaves_nothing(near: Neighbours, sender: Sender) -> None:
    sender.register()
    elsewhere = near.world.party("provider-wmo", "0" * 19 + "6")
    near.clients[PROVIDER] = forger = Forger(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    other = sender.party.grant(elsewhere, 1)
    forger.changed = sender.party.envelope(other)
    assert sender.send(sender.introduction()) == [Code.ACCEPTED]
    assert _records(near) == []


def _records(near: Neighbours) -> Sequence[object]:
    store = near[PROVIDER].store
    return [*INTRODUCTIONS.scan(store), *TOLD.scan(store)]


def test_a_delivery_that_comes_twice_is_taken_once_and_answered_the_same(near: Neighbours, sender: Sender) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    sender.register()
    sender.send(sender.introduction(automatic=False))

    class Deaf(LocalClient):
        async def receipts(self, receipts: Sequence[bytes]) -> list[Code]:
            return [Code.TRY_LATER] * len(receipts)

    near.clients[PROVIDER] = Deaf(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    frame = sender.event()
    sender.send(frame)
    near.world.advance(minutes=5)
    near.work(PROVIDER)
    del near.clients[PROVIDER]
    near.open(PROVIDER)
    near.work(PROVIDER)
    assert sender.party.outcome(frame) is Code.STORED
    assert near.told(PROVIDER, "P-1") == ["gestart"]


class Mixed(LocalClient):
    """A hub that hands everything over twice in one answer, and the other way round."""

    async def pickup(self, most: int, wait_seconds: float, acknowledged: int) -> PickUp:
        came = await super().pickup(most, wait_seconds, acknowledged)
        return replace(came, deliveries=(*reversed(came.deliveries), *came.deliveries))


def test_what_the_hub_hands_over_twice_in_one_answer_is_taken_once_and_in_any_order(
    near: Neighbours, sender: Sender
) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    sender.register()
    sender.send(sender.introduction(automatic=False))
    near.clients[PROVIDER] = Mixed(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    first, second = sender.event(b"\1" * 16), sender.event(b"\2" * 16)
    sender.party.send(first)
    sender.party.send(sender.party.retraction(sender.grant, b"\1" * 16))
    near.work(PROVIDER)
    sender.send(second)
    assert sender.party.outcome(first) is Code.SEEN_ALREADY_RETRACTED  # its retraction came first
    assert sender.party.outcome(second) is Code.STORED
    assert near.told(PROVIDER, "P-1") == ["gestart"]
    assert len(list(TOLD.scan(near[PROVIDER].store))) == 1


def test_an_edge_whose_disk_takes_no_commit_picks_nothing_up(near: Neighbours, sender: Sender) -> None:
    sender.register()
    frame = sender.introduction()
    sender.party.send(frame)
    edge = near[PROVIDER]

    def full(name: str) -> None:
        if name == "before-commit":
            raise OSError(28, "No space left on device")

    edge.store.point = full
    with pytest.raises(Exception, match="(?i)no space|takes no commit"):
        run(edge.pickup())
    edge.store.point = None
    assert sender.party.outcome(frame) is Code.ACCEPTED
    near.work(PROVIDER)
    assert sender.party.outcome(frame) is Code.STORED
