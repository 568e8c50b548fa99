# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What comes to an edge, from a sender that does as it likes: the receipt is the same whoever it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from adapters.clients import ClientRow
from adapters.keys import RoleKeys
from adapters.records import INTRODUCTIONS, OWN, OWN_KEY, TOLD
from consent.grant import bsn_record, commitment
from consent.rules import without
from deploy.local import LocalClient
from hub.client import PickUp
from schemas.calendar import date_text
from schemas.codes import Code
from schemas.envelope import CONTROL
from schemas.fact import Register, parse_fact
from schemas.manifest import parse_manifest
from tests.adapters.edges import BSN, PROVIDER, Neighbours
from tests.simulator import NATIONAL, run

OTHER_BSN = "999990019"
SALT = b"\7" * 32


class Sender:
    """A municipality that seals and signs by hand, for the real edge of the provider."""

    def __init__(self, near: Neighbours, oin: str = "9") -> None:
        self.near, self.world = near, near.world
        self.party = near.world.party("team-wmo", "0" * 19 + oin)
        # The simulator seals for a party; this one stands for the real edge and holds what everybody may know of it.
        own = OWN.need(near[PROVIDER].store, OWN_KEY)
        self.provider = near.world.party("provider-wmo", "1" * 19 + oin, admit=False)
        self.provider.address = PROVIDER
        self.provider.keys = RoleKeys.from_bytes(own.keys)
        self.provider.manifest = parse_manifest(own.manifest).manifest
        self.provider.keeps_up = False
        self.grant = self.party.grant(self.provider, 1)

    def register(self, bsn: str = BSN) -> None:
        body = parse_fact(self.party.registration(self.grant, self.world.month)).body
        assert isinstance(body, Register)
        record = bsn_record(self.grant.terms, bsn, SALT, None)
        body = replace(body, commitment=commitment(record, self.grant.secret, self.world.month))
        assert self.party.facts(self.party.sign(body))[0].code is Code.IN_FORCE

    def introduction(self, bsn: str = BSN, **changes: object) -> bytes:
        terms = self.grant.terms
        control: dict[str, object] = {
            "automatic": True,
            "event": self.world.random(16).hex(),
            "identity": {"bsn": bsn},
            "kind": "introduction",
            "late": False,
            "renews": None,
            "salt": SALT.hex(),
            "secret": self.grant.secret.hex(),
            "source": None,
            "terms": {
                "begin": date_text(terms.begin),
                "categories": list(terms.categories),
                "end": date_text(terms.end),
                "ground": terms.ground,
                "law": terms.law,
                "purpose": terms.purpose,
                "row": terms.row,
            },
        }
        raw = orjson.dumps(control | changes, option=orjson.OPT_SORT_KEYS)
        return self.party.envelope(self.grant, parts=dict.fromkeys(terms.categories, b"") | {CONTROL: raw})

    def event(self, event_id: bytes = b"\1" * 16, **parts: bytes) -> bytes:
        return self.party.envelope(self.grant, parts=self.party.event(self.grant, event_id=event_id) | parts)

    def send(self, *frames: bytes) -> list[Code | None]:
        """Each is sent, picked up and answered before the next; the last thing that the sender learns of each."""
        for frame in frames:
            assert self.party.send(frame) == [Code.TAKEN]
            self.near.work(PROVIDER)
        return [self.party.outcome(frame) for frame in frames]


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


def test_the_same_hostile_series_gets_the_same_answers_for_a_known_and_an_unknown_citizen(tmp_path: Path) -> None:
    answers = []
    for known in (True, False):
        near = Neighbours(tmp_path / str(known))
        near.work()
        if known:
            near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
        sender = Sender(near)
        sender.register()
        answers.append(
            sender.send(
                sender.event(),
                sender.introduction(),
                sender.introduction(),
                sender.event(),
                sender.event(),
                sender.event(b"\2" * 16, progress=b'{"date":"2026-03-03","kind":"leeg"}'),
                sender.party.retraction(sender.grant, b"\3" * 16),
                sender.event(b"\3" * 16),
            )
        )
        near.close()
    assert answers[0] == answers[1]
    assert answers[0] == [
        Code.UNKNOWN_HANDLE,
        Code.STORED,
        Code.SEEN_ALREADY,
        Code.STORED,
        Code.SEEN_ALREADY,
        Code.INVALID_PART,
        Code.STORED,
        Code.SEEN_ALREADY_RETRACTED,
    ]


def test_the_grant_of_one_person_introduces_no_other(near: Neighbours, sender: Sender) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, ""), ClientRow("P-2", OTHER_BSN, "")])
    sender.register(BSN)
    assert sender.send(sender.introduction(OTHER_BSN), sender.event()) == [Code.INVALID_PART, Code.UNKNOWN_HANDLE]
    assert near.told(PROVIDER, "P-2") == near.told(PROVIDER, "P-1") == []


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
    sender.send(sender.introduction(), sender.event())
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
    sender.send(sender.introduction())

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
