# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Random walks through everything that partners and operator can do to the hub; the whole world is verified each time.

Beyond what `World.check` holds after every step: nothing is handed over under a handle whose stop was answered, what
is accepted is delivered or told to have ended, and order per handle is kept.
"""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.client import Delivery
from hub.registry import ADMITTED, SUSPENDED
from schemas.codes import Code
from schemas.envelope import parse
from tests import lies
from tests.simulator import DAY, Grant, Party, World

WHO = st.sampled_from(["team", "provider", "gp"])
FORGOTTEN_AFTER = 23 * DAY
RECEIPTS = st.sampled_from([Code.STORED, Code.SEEN_ALREADY, Code.UNREADABLE, Code.UNKNOWN_HANDLE])


class Walk(RuleBasedStateMachine):
    """A team that tells a provider and a GP, and everybody who may stop something."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.people: dict[str, Party] = {
            "team": self.world.party("team-wmo"),
            "provider": self.world.party("provider-wmo"),
            "gp": self.world.party("gp"),
        }
        self.team = self.people["team"]
        self.grants: list[Grant] = []
        self.stopped: set[bytes] = set()
        self.out: list[tuple[Party, Delivery, int]] = []
        self.sent: list[bytes] = []
        self.first: dict[bytes, list[int]] = defaultdict(list)
        self.suspended = False

    @rule(recipient=st.sampled_from(["provider", "gp"]), known=st.booleans())
    def grant(self, recipient: str, known: bool) -> None:
        grant = self.team.grant(self.people[recipient])
        self.grants.append(grant)
        if known and not self.suspended:
            self.team.register_month(grant, self.world.month)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), ahead=st.integers(0, 1))
    def register(self, data: st.DataObject, ahead: int) -> None:
        self.team.register_month(data.draw(st.sampled_from(self.grants)), self.world.month + ahead)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), count=st.integers(1, 4), lie=st.sampled_from(["", "terms", "cut", "flip", "number"]))
    def send(self, data: st.DataObject, count: int, lie: str) -> None:
        grant = data.draw(st.sampled_from(self.grants))
        frames = [self.team.envelope(grant) for _ in range(count)]
        if lie == "terms":
            frames[0] = self.team.envelope(grant, terms=bytes(32))
        elif lie == "number":
            frames[0] = self.team.envelope(grant, 1)
        elif lie:
            frames[0] = lies.truncated(frames[0], 300) if lie == "cut" else lies.flipped(frames[0], 900)
        self.team.send(*frames)
        self.sent += [frame for frame in frames if lie not in {"cut", "flip"} or frame is not frames[0]]

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        self.team.send(*data.draw(st.lists(st.sampled_from(self.sent), max_size=3)))

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        self.team.send(self.team.retraction(data.draw(st.sampled_from(self.grants))))

    @rule(who=st.sampled_from(["provider", "gp"]), most=st.integers(1, 5))
    def pick_up(self, who: str, most: int) -> None:
        for delivery in self.people[who].pickup(most):
            envelope = parse(delivery.envelope)
            assert envelope.recipient == self.people[who].address
            assert envelope.retraction or envelope.handle not in self.stopped
            if not envelope.retraction and envelope.sequence not in self.first[envelope.handle]:
                self.first[envelope.handle].append(envelope.sequence)
            self.out.append((self.people[who], delivery, self.world.now))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), code=RECEIPTS, keep=st.booleans())
    def answer(self, data: st.DataObject, code: Code, keep: bool) -> None:
        party, delivery, at = one = data.draw(st.sampled_from(self.out))
        message_id = parse(delivery.envelope).message_id
        answers = party.receipts(party.receipt(message_id, code))
        # Of what was accepted thirty days ago, a week before it was handed over at most, the hub knows nothing any more.
        forgotten = self.world.now - at >= FORGOTTEN_AFTER
        assert answers == [code] or (forgotten and answers == [Code.NOT_YOURS])
        if not keep:
            self.out.remove(one)

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), who=WHO)
    def stop(self, data: st.DataObject, who: str) -> None:
        grant = data.draw(st.sampled_from(self.grants))
        if self.people[who].stop(grant).code is Code.IN_FORCE:
            self.stopped |= {grant.handle(month) for month in grant.months()}

    @rule()
    def suspend_or_readmit(self) -> None:
        self.suspended = not self.suspended
        self.world.hub.set_state(self.team.address, SUSPENDED if self.suspended else ADMITTED)

    @precondition(lambda self: not self.suspended)
    @rule()
    def new_key(self) -> None:
        self.team.new_signing_key()

    @rule(seconds=st.sampled_from([1, 61, 3_601]))
    def wait(self, seconds: int) -> None:
        self.world.advance(seconds=seconds)

    @rule(days=st.sampled_from([1, 3, 8, 20]))
    def wait_long(self, days: int) -> None:
        self.world.advance(days=days)

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()
            for numbers in self.first.values():
                assert numbers == sorted(numbers)

    def teardown(self) -> None:
        """In the end everything that was accepted has an end that its sender can read."""
        if not hasattr(self, "world"):
            return
        if self.suspended:
            self.suspend_or_readmit()
        self.world.advance(days=8)
        self.world.hub.tick()
        assert self.world.store.counts()["waiting"] == 0
        self.world.check()


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
