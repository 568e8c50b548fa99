# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every way to the hub must do (`hub.client.HubClient`): in process now, over a network later.

Each way has a test module that makes the fixture `way` and imports `ClientContract` as the base of its test class.
"""

from __future__ import annotations

from collections.abc import Coroutine
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from consent.rules import without
from hub.attestations import Attestations
from hub.audit.checkpoint import open_note
from hub.audit.merkle import root_at
from hub.client import HubClient, HubUnavailableError
from hub.registry import SUSPENDED
from hub.store import Step, Tell
from schemas.api import MOST_PROVEN
from schemas.codes import Code
from schemas.entry import committed, fact, items_of, public
from schemas.envelope import parse
from schemas.fact import REGISTER, STOP, parse_fact
from schemas.manifest import sign_manifest
from schemas.merkle_proof import leaf_hash, root_from_inclusion, verify_consistency
from tests.certificates import Certificates
from tests.lies import truncated
from tests.simulator import NATIONAL, Party, World
from tests.world_check import HUB_NAME

T = TypeVar("T")


class Way(Protocol):
    """A way to the hub as its tests see it."""

    world: World

    def connect(self, address: str) -> HubClient:
        """A connection of an address."""

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        """The answer to a call."""

    def break_store(self) -> None:
        """From now on the hub's store does no work."""


class ClientContract:
    """The contract; every test gets a fresh world with a team, a provider and a GP."""

    @pytest.fixture(autouse=True)
    def _people(self, way: Way) -> None:
        self.way, self.world = way, way.world
        self.team, self.provider = self.world.party("team-wmo"), self.world.party("provider-wmo")
        self.gp = self.world.party("gp")
        self.sender, self.recipient = (self.way.connect(party.address) for party in (self.team, self.provider))

    # -- send and outcomes

    def test_every_envelope_gets_an_answer_in_its_place(self) -> None:
        grant = self.team.register(self.provider)
        good, refused = self.team.envelope(grant), self.team.envelope(grant, terms=bytes(32))
        frames = [good, truncated(good, 9), refused, good, bytes(70_000)]
        answers = self.way.wait(self.sender.send(frames))
        assert answers == [Code.TAKEN, Code.MALFORMED, Code.TAKEN, Code.ACCEPTED, Code.TOO_LARGE]
        assert self.way.wait(self.sender.send([good, refused])) == [Code.ACCEPTED, Code.WRONG_TERMS]
        self.world.check()

    def test_nothing_sent_is_nothing_answered(self) -> None:
        assert self.way.wait(self.sender.send([])) == []
        assert self.way.wait(self.sender.facts([])) == []
        assert self.way.wait(self.sender.receipts([])) == []

    def test_accepted_is_never_the_first_answer_it_comes_in_the_feed(self) -> None:
        frame = self.team.envelope(self.team.register(self.provider))
        assert self.way.wait(self.sender.send([frame])) == [Code.TAKEN]
        [item] = self.way.wait(self.sender.outcomes(0)).items
        assert (item.code, item.message_id, item.handle) == (Code.ACCEPTED, parse(frame).message_id, None)

    def test_the_feed_goes_on_after_a_number_and_names_its_origin(self) -> None:
        self.team.tell(self.team.register(self.provider), 3)
        feed = self.way.wait(self.sender.outcomes(0))
        assert [item.number for item in feed.items] == sorted({item.number for item in feed.items})
        assert (len(feed.items), feed.more) == (3, False)
        assert feed.origin == self.world.hub.log.origin
        assert self.way.wait(self.sender.outcomes(feed.items[1].number)).items == feed.items[2:]
        assert self.way.wait(self.sender.outcomes(feed.items[2].number)).items == ()
        assert self.way.wait(self.recipient.outcomes(0)).items == ()

    def test_a_long_feed_comes_in_pages_and_nothing_is_left_out(self) -> None:
        told = [Tell(self.team.number, 0, Code.STORED, number.to_bytes(16, "big")) for number in range(2_345)]
        self.world.store.commit(Step(at=self.world.now, tells=told))
        seen, more = list[bytes | None](), True
        after = 0
        while more:
            feed = self.way.wait(self.sender.outcomes(after))
            seen += [item.message_id for item in feed.items]
            after, more = feed.items[-1].number, feed.more
        assert seen == [one.message_id for one in told]

    # -- pick-up and receipts

    def test_what_is_handed_over_is_what_was_sent_with_a_proof_that_it_stands_in_the_log(self) -> None:
        frame = self.team.envelope(self.team.register(self.provider))
        self.way.wait(self.sender.send([frame]))
        [delivery] = self.way.wait(self.recipient.pickup(10, 0, 0)).deliveries
        assert (delivery.envelope, delivery.count) == (frame, 1)
        self.world.advance(seconds=5)
        point = open_note(self.way.wait(self.recipient.checkpoint()), HUB_NAME, self.world.hub_public)
        # The hand-over names the acceptance, and that names the envelope.
        hand_over, accept = items_of(delivery.record), items_of(delivery.accept)
        assert accept[4] == sha256(frame).digest() == parse(frame).sha
        for index, salt, record in (
            (delivery.index, delivery.salt, delivery.record),
            (hand_over[3], delivery.accept_salt, delivery.accept),
        ):
            assert isinstance(index, int)
            proof = self.way.wait(self.recipient.inclusion([index], point.size))
            leaf = leaf_hash(b"\0" + sha256(salt + record).digest())
            assert root_from_inclusion({index: leaf}, point.size, proof) == point.root

    def test_at_most_so_many_are_handed_over(self) -> None:
        ids = self.team.tell(self.team.register(self.provider), 4)
        first = self.way.wait(self.recipient.pickup(3, 0, 0)).deliveries
        assert [parse(one.envelope).message_id for one in first] == ids[:3]
        assert self.way.wait(self.recipient.pickup(0, 0, 0)).deliveries == ()
        assert self.way.wait(self.sender.pickup(10, 0, 0)).deliveries == ()

    def test_notices_come_until_they_are_acknowledged(self) -> None:
        grant = self.team.register(self.provider)
        first, again = (self.way.wait(self.recipient.pickup(0, 0, 0)).notices for _ in range(2))
        assert first == again
        for notice in first:
            assert (notice.kind, notice.handles) == (REGISTER, (grant.handle(),))
            assert notice.fact == self.team.registration(grant, self.world.month)
        self.gp.stop(grant)
        self.world.advance(days=4)
        notices = self.way.wait(self.recipient.pickup(0, 0, first[-1].number)).notices
        assert [(one.kind, one.handles, one.fact) for one in notices] == [(STOP, (grant.handle(),), None)]
        assert self.way.wait(self.recipient.pickup(0, 0, notices[0].number)).notices == ()

    def test_receipts_are_answered_each_in_its_place(self) -> None:
        one, two = self.team.tell(self.team.register(self.provider), 2)
        self.way.wait(self.recipient.pickup(10, 0, 0))
        good = self.provider.sign_together([(one, Code.STORED), (two, Code.UNREADABLE), (bytes(16), Code.STORED)])
        answers = self.way.wait(self.recipient.receipts([good[0], b"\0", good[1], good[2], good[0]]))
        assert answers == [Code.STORED, Code.MALFORMED, Code.UNREADABLE, Code.NOT_YOURS, Code.STORED]
        assert self.team.outcomes()[two][-1] is Code.UNREADABLE
        self.world.check()

    # -- facts

    def test_facts_are_in_force_when_they_are_answered_so(self) -> None:
        grant = self.team.grant(self.provider)
        fact = self.team.registration(grant, self.world.month)
        answers = self.way.wait(self.sender.facts([fact, fact[:9], fact]))
        assert [answer.code for answer in answers] == [Code.IN_FORCE, Code.MALFORMED, Code.IN_FORCE]
        self.team.tell(grant)
        [answer] = self.way.wait(self.recipient.facts([self.provider.stopping(grant)]))
        assert (answer.code, answer.stopped_by_other) == (Code.IN_FORCE, False)
        [answer] = self.way.wait(self.sender.facts([self.team.stopping(grant)]))
        assert (answer.code, answer.stopped_by_other) == (Code.IN_FORCE, True)
        assert self.way.wait(self.recipient.pickup(10, 0, 0)).deliveries == ()

    def test_one_reads_back_ones_own_facts_from_an_index_on(self) -> None:
        grant = self.team.register(self.provider)
        self.provider.stop(grant)
        self.team.register(self.gp)
        mine = self.way.wait(self.sender.facts_after(0))
        assert [parse_fact(one.frame).signer for one in mine] == [self.team.address] * 2
        self.world.advance(seconds=5)
        point = open_note(self.way.wait(self.sender.checkpoint()), HUB_NAME, self.world.hub_public)
        for one in mine:
            proof = self.way.wait(self.sender.inclusion([one.index], point.size))
            leaf = leaf_hash(committed(fact(one.day, one.frame), one.salt).leaf)
            assert root_from_inclusion({one.index: leaf}, point.size, proof) == point.root
        assert self.way.wait(self.sender.facts_after(mine[0].index + 1)) == mine[1:]
        assert self.way.wait(self.sender.facts_after(mine[1].index + 1)) == []

    def test_the_state_of_ones_own_handles_says_whether_another_stopped_them(self) -> None:
        one, two, three = (self.team.register(self.provider) for _ in range(3))
        self.team.stop(two)
        self.gp.stop(three)
        self.team.stop(three)
        states = {state.handle: (state.month, state.stopped) for state in self.way.wait(self.sender.handles())}
        month = self.world.month
        assert states == {
            one.handle(): (month, None),
            two.handle(): (month, "me"),
            three.handle(): (month, "other"),
        }
        assert self.way.wait(self.recipient.handles()) == []

    # -- publications

    def test_a_manifest_that_was_published_can_be_read_by_everyone(self) -> None:
        frame = sign_manifest(self.team.signing, self.team.following())
        code, index = self.way.wait(self.sender.publish(frame))
        assert code is Code.IN_FORCE
        assert self.way.wait(self.sender.publish(frame)) == (code, index)
        published = self.way.wait(self.recipient.manifests(self.team.address))
        assert [one.frame for one in published] == [self.team.frame, frame]
        assert published[-1].index == index
        self.world.advance(seconds=5)
        point = open_note(self.way.wait(self.recipient.checkpoint()), HUB_NAME, self.world.hub_public)
        proof = self.way.wait(self.recipient.inclusion([index], point.size))
        leaf = leaf_hash(b"\1" + sha256(frame).digest())
        assert root_from_inclusion({index: leaf}, point.size, proof) == point.root

    def test_a_manifest_travels_with_its_attestation_to_whoever_asks(self, tmp_path: Path) -> None:
        """Looked at by the hub that is asked, so it is told to before."""
        certificates = Certificates(tmp_path / "certificates", self.world)
        log = self.world.hub.log
        rules = Attestations(certificates.authorities, lambda: log.greatest.kept.revoked, strict=True)
        self.world.hub._attestations = rules
        frame = sign_manifest(self.team.signing, self.team.following())
        assert self.way.wait(self.sender.publish(frame)) == (Code.NOT_ATTESTED, -1)
        attestation = certificates.of(self.team.address)(frame)
        assert self.way.wait(self.sender.publish(frame, attestation))[0] is Code.IN_FORCE
        published = self.way.wait(self.recipient.manifests(self.team.address))
        assert [one.attestation for one in published] == [b"", attestation]

    def test_a_table_is_published_once_and_refused_when_it_goes_too_far(self) -> None:
        code, index = self.way.wait(self.sender.publish(without(NATIONAL, [1]).raw))
        assert code is Code.IN_FORCE
        assert index >= 0
        assert self.way.wait(self.sender.publish(b"{}")) == (Code.MALFORMED, -1)

    def test_whoever_shows_no_certificate_of_the_hubs_own_authority_gets_none(self) -> None:
        with pytest.raises(Exception, match="other-authority|not-yours"):
            self.way.wait(self.sender.renew(b"a request"))

    # -- the log

    def test_a_later_checkpoint_extends_an_earlier_one(self) -> None:
        points = []
        for _ in range(3):
            self.team.register(self.provider)
            self.world.advance(seconds=5)
            note = self.way.wait(self.sender.checkpoint())
            points.append(open_note(note, HUB_NAME, self.world.hub_public))
        assert [point.size for point in points] == sorted({point.size for point in points})
        for old, new in pairwise(points):
            proof = self.way.wait(self.sender.consistency(old.size, new.size))
            assert verify_consistency(old.size, new.size, old.root, new.root, proof)

    def test_one_proof_shows_that_many_entries_stand_in_the_log(self) -> None:
        leaves = self._log_of(2 * MOST_PROVEN + 7)
        point = open_note(self.way.wait(self.sender.checkpoint()), HUB_NAME, self.world.hub_public)
        assert point.size == len(leaves)
        apart = list(range(1, 2 * MOST_PROVEN, 2))  # as many hashes as there can be
        for indexes in ([0], [point.size - 1], list(range(5, 5 + MOST_PROVEN)), apart):
            for size in (point.size, indexes[-1] + 1):
                proof = self.way.wait(self.sender.inclusion(indexes, size))
                root = root_from_inclusion({index: leaves[index] for index in indexes}, size, proof)
                assert root == root_at(self.world.store, size)
        assert self.way.wait(self.way.connect(self.gp.address).inclusion(apart, point.size)) == self.way.wait(
            self.sender.inclusion(apart, point.size)
        )

    def test_a_proof_of_no_entry_of_too_many_in_disorder_or_beyond_the_log_is_refused(self) -> None:
        size = len(self._log_of(MOST_PROVEN + 1))
        wrong = [[], [1, 1], [2, 1], [1, size], [size], list(range(MOST_PROVEN + 1))]
        for indexes, of in [*((one, size) for one in wrong), ([0], size + 1), ([0], 0), ([1], 1)]:
            with pytest.raises(Exception, match="malformed"):
                self.way.wait(self.sender.inclusion(indexes, of))
        assert self.way.wait(self.sender.inclusion([0], 1)) == []

    def _log_of(self, count: int) -> list[bytes]:
        """A log of so many entries and a checkpoint of it; their leaf hashes."""
        size = self.world.store.head().size
        entries = [public(number.to_bytes(4, "big")) for number in range(count - size)]
        self.world.store.commit(Step(at=self.world.now, entries=entries))
        self.world.advance(seconds=5)
        return [leaf_hash(one.leaf) for one in self.world.store.entries(0, count)]

    # -- who may not, and a hub that can't

    def test_a_suspended_address_sends_and_signs_nothing_and_reads_nothing(self) -> None:
        grant = self.team.register(self.provider)
        frame, fact = self.team.envelope(grant), self.team.stopping(grant)
        self.world.hub.set_state(self.team.address, SUSPENDED)
        assert self.way.wait(self.sender.send([frame])) == [Code.UNKNOWN_SENDER]
        assert [one.code for one in self.way.wait(self.sender.facts([fact]))] == [Code.UNKNOWN_SENDER]
        for call in self._calls():
            with pytest.raises(Exception, match="unknown-sender"):
                self.way.wait(call)

    def test_a_hub_whose_store_does_no_work_is_unavailable_for_every_call(self) -> None:
        grant = self.team.register(self.provider)
        frame, fact = self.team.envelope(grant), self.team.stopping(grant)
        log = [self.sender.checkpoint(), self.sender.consistency(1, 2), self.sender.inclusion([0], 2)]
        self.way.break_store()
        for call in [self.sender.send([frame]), self.sender.facts([fact]), *self._calls(), *log]:
            with pytest.raises(HubUnavailableError, match="try again"):
                self.way.wait(call)

    def _calls(self) -> list[Coroutine[Any, Any, object]]:
        """Every call that needs an admitted address."""
        return [
            self.sender.outcomes(0),
            self.sender.pickup(1, 0, 0),
            self.sender.receipts([_receipt(self.team)]),
            self.sender.facts_after(0),
            self.sender.handles(),
            self.sender.publish(self.team.frame),
            self.sender.renew(b"a request"),
            self.sender.manifests(self.provider.address),
        ]


def _receipt(party: Party) -> bytes:
    return party.receipt(bytes(16))
