# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""No sequence of refusals, liftings, erasures, returns and restarts loses a refusal, destroys who is helped, or leaves a number for nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.agreement import AgreementError, Conversation
from adapters.clients import ClientRow
from adapters.lines import RECALL_DAYS
from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import CLIENTS, GRANTS
from adapters.records_people import CONSENTS, OBJECTIONS, REFUSALS
from tests.adapters.edges import BSN, GP, TEAM, Neighbours
from tests.adapters.rights_case import erased
from tests.simulator import run

KINDS = st.sampled_from(["withdrawn", "objected", "held"])
OPENED = ("withdrawn", "held")  # an objection under a row with *pause* waits for a decision and can't be lifted before


class Kept(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.near = Neighbours(Path(self.folder.name))
        self.said: set[tuple[bool, str | None, str]] = set()
        self.is_client = True  # whether somebody registered it, or began something with it, since it was erased

    @initialize(kind=st.sampled_from(OPENED), incoming=st.booleans(), gone=st.booleans())
    def begin(self, kind: str, incoming: bool, gone: bool) -> None:
        """It begins with a refusal, and half of the time with a client who was erased under it."""
        self.near[GP].import_clients([ClientRow("H-1", BSN, "")])
        self.near[TEAM].import_clients([ClientRow("C-1", BSN, "")])
        self.refuse(kind, GP, incoming)
        if gone:
            self.erase()

    def known(self) -> bool:
        return bool(self.near[TEAM].clients())

    @precondition(known)
    @rule(kind=KINDS, partner=st.sampled_from([GP, None]), incoming=st.booleans())
    def refuse(self, kind: str, partner: str | None, incoming: bool) -> None:
        edge = self.near[TEAM]
        run(edge.stop_incoming("C-1", partner, kind) if incoming else edge.stop("C-1", partner, kind))
        self.said = {(one.incoming, one.recipient, one.kind) for one in edge.refusals("C-1")}

    @precondition(known)
    @rule(incoming=st.booleans())
    def lift(self, incoming: bool) -> None:
        self.near[TEAM].lift_refusals("C-1", None, "N. Heft op", incoming=incoming, kinds=OPENED)
        self.said -= {one for one in self.said if one[0] == incoming and one[2] in OPENED}

    @precondition(known)
    @rule()
    def erase(self) -> None:
        erased(self.near[TEAM])
        self.is_client = False
        self.pass_days(1)

    @rule(listed=st.booleans())
    def come_back(self, listed: bool) -> None:
        edge = self.near[TEAM]
        if listed:
            edge.import_clients([ClientRow("C-1", BSN, "")])
            self.is_client = True
        elif self.known():
            try:
                edge.make_agreement("C-1", Conversation(("Praktijk Voorbeeld",), end=self.near.world.today + 10))
            except AgreementError:
                return
            self.is_client = True
            self.said = {(one.incoming, one.recipient, one.kind) for one in edge.refusals("C-1")}

    @rule()
    def a_partner_begins_to_tell(self) -> None:
        end = self.near.world.today + 10
        try:
            self.near[GP].make_agreement("H-1", Conversation(("Team Wmo",), end=end))
        except AgreementError:
            return  # it was stopped here, and a person there has not looked
        self.near.settle(3)
        named = INTRODUCTIONS.scan(self.near[TEAM].store)
        if any(one.client is not None and not one.withheld for one in named):
            self.is_client = True

    @rule(days=st.sampled_from([1, 1, 40, RECALL_DAYS + 60]))
    def pass_days(self, days: int) -> None:
        self.near.settle(2)
        self.near.world.advance(days=days)
        self.near.settle(2)
        self.near.world.advance(days=1)
        self.near.work(TEAM)

    @rule()
    def restart(self) -> None:
        self.near.open(TEAM)

    @invariant()
    def a_refusal_that_nobody_lifted_stands_and_somebody_can_obey_it(self) -> None:
        if self.said:
            standing = {(one.incoming, one.recipient, one.kind) for one in self.near[TEAM].refusals("C-1")}
            assert self.said <= standing

    @invariant()
    def who_is_helped_here_is_not_destroyed(self) -> None:
        if self.is_client:
            assert self.known()

    @invariant()
    def nothing_names_a_client_who_is_gone(self) -> None:
        store = self.near[TEAM].store
        there = {one.id for one in CLIENTS.scan(store)}
        named = {one.client for shelf in (GRANTS, REFUSALS, OBJECTIONS) for one in shelf.scan(store)}
        named |= {one.client for one in INTRODUCTIONS.scan(store) if one.client is not None}
        named |= {one.client for one in CONSENTS.scan(store) if not one.client.startswith("erased/")}
        assert named <= there

    def teardown(self) -> None:
        """At the end everything is lifted that can be: who is helped by nobody is gone, and so is the number."""
        if self.known():
            self.lift(incoming=False)
            self.lift(incoming=True)
        self.pass_days(RECALL_DAYS + 60)
        self.pass_days(1)
        self.who_is_helped_here_is_not_destroyed()
        if not self.is_client and not self.said:
            assert not self.known()
        self.near.close()
        self.folder.cleanup()


Kept.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TestKept = Kept.TestCase
