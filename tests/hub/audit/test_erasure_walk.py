# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Random walks of messages, stops, keys, orders, inquiries and time: what is gone was old enough and lawfully erased."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consent.grant import longest_end
from hub.audit.erasure import FIRST_DAYS, TERM, TERM_MONTHS, as_ranges
from schemas import entry
from schemas.order import CLOSE, ERASE, OPEN, Order, SignedOrder, leaves_hash
from schemas.order_faults import CONTROLLER, FG, OrderError
from schemas.signing import SigningKey
from tests.simulator import World
from tests.world_check import HUB_NAME

ROLES = st.sampled_from([(), (CONTROLLER,), (FG,), (CONTROLLER, FG), (CONTROLLER, FG)])


class Erasing(RuleBasedStateMachine):
    """Two officers, a team and a provider; what every entry said is kept here, beside the log."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.team, self.provider = self.world.party("team-wmo"), self.world.party("provider-wmo")
        self.keys: dict[str, list[SigningKey]] = {CONTROLLER: [], FG: []}
        for role in self.keys:
            self.new_key(role)
        self.grants = [self.team.register(self.provider)]
        self.said: dict[int, list[object]] = {}
        self.erased: dict[int, int] = {}  # by which day
        self.inquiry = False
        self.tell(again=False)
        self.time_goes_by(31)

    @rule(days=st.sampled_from([1, 29, 30, 31, 184]))
    def time_goes_by(self, days: int) -> None:
        self._look()
        self.world.advance(days=days)
        for _ in range(3):
            self.world.advance(seconds=2)
            self.world.hub.tick()
            self._look()

    @rule(again=st.booleans())
    def tell(self, again: bool) -> None:
        grant = self.grants[-1]
        self.team.register_month(grant, self.world.month)
        self.team.send(self.team.envelope(grant, seq=1 if again else None))
        self.provider.take_all()

    @rule()
    def stop_and_begin_anew(self) -> None:
        self.team.stop(self.grants[-1])
        self.grants.append(self.team.register(self.provider))

    @rule(role=st.sampled_from([CONTROLLER, FG]))
    def new_key(self, role: str) -> None:
        self.keys[role].append(SigningKey(self.world.random(32)))
        self.world.hub.register_officer(role, self.keys[role][-1].public)

    @rule(first=st.integers(0, 20), count=st.integers(1, 12), roles=ROLES, asked=st.booleans())
    def erase(self, first: int, count: int, roles: tuple[str, ...], asked: bool) -> None:
        """Of what the hub says that may be erased, or of whatever."""
        self._look()
        chosen = range(min(first, len(self.said) - 1), min(first + count, len(self.said)))
        pairs = tuple(as_ranges(self.world.hub.erasable(chosen)[0] if asked else chosen)) or ((0, 1),)
        leaves = leaves_hash(self.world.hub.leaves(pairs))
        self._carry_out(Order(HUB_NAME, ERASE, bytes(16), self.world.today, "court", pairs, leaves), roles)

    @rule(kind=st.sampled_from([OPEN, CLOSE]), roles=ROLES)
    def inquire(self, kind: str, roles: tuple[str, ...]) -> None:
        self._look()
        reason = "court" if kind == OPEN else "done"
        if self._carry_out(Order(HUB_NAME, kind, bytes(16), self.world.today, reason), roles):
            self.inquiry = kind == OPEN

    def _carry_out(self, order: Order, roles: tuple[str, ...]) -> bool:
        signed = SignedOrder(order)
        for role in roles:
            counts = self.world.hub.standing().key_of(role, self.world.today)
            key = next((one for one in self.keys[role] if one.public == counts), self.keys[role][-1])
            signed = signed.sign(role, key)
        with suppress(OrderError):
            self.world.hub.carry_out(signed)
            assert len(roles) == 2 or (order.kind == OPEN and roles)
            return True
        return False

    def _look(self) -> None:
        """Takes in what is new and what is gone, on the day on which it was first seen gone."""
        for index, item in enumerate(self.world.store.entries(0, self.world.store.head().size)):
            if index not in self.said:
                self.said[index] = entry.items_of(item.record) if item.salt is not None else [1, 0, "public"]
            elif not item.record and index not in self.erased:
                self.erased[index] = self.world.today
                assert not self.inquiry, f"entry {index} was erased during an inquiry"

    @invariant()
    def what_is_gone_was_old_enough_and_said_to_be_erased(self) -> None:
        self._look()
        told = [record for record in self.said.values() if record[2] == entry.ERASURE]
        for index, day in self.erased.items():
            record = self.said[index]
            assert record[2] not in {entry.ADMISSION, "public", *entry.STANDING}
            by = [one for one in told if any(a <= index < b for a, b in cast("list[list[int]]", one[4]))]
            assert by, f"entry {index} is gone and no entry says so"
            age = day - cast("int", record[1])
            lawful = age >= FIRST_DAYS if any(one[3] != TERM for one in by) else False
            assert lawful or longest_end(cast("int", record[1]), TERM_MONTHS) < day

    def teardown(self) -> None:
        self.world.check()  # replay too: nothing differs, and nothing is gone by no rightful erasure
        self.world.close()


Erasing.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestErasing = Erasing.TestCase
