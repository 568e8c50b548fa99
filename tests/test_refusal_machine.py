# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""No sequence of objections, holds, decisions, exceptions, allocations, agreements and restarts opens what was stopped.

The edges and the hub are real (tests/delivery_world.py), and its ghost holds them to P1 to P7 besides.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from adapters import requests
from adapters.edge import Edge
from adapters.formats.native import NativeEvent
from adapters.objections import OUTCOMES, UPHELD, Objecting, is_open
from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import ACTIVE, CLOSINGS, GRANTS
from adapters.records_people import OBJECTIONS, REFUSALS, Refused
from adapters.refusals import is_refused, refuse
from consent.precedence import EXCEPTED
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen
from tests.delivery_runs import FAULT, folder, new_world, profile
from tests.delivery_world import ADDRESS, BSN, DAY, NO_FAULT, Fault

TO = st.sampled_from(["B", "G", None])


class Refusals(RuleBasedStateMachine):
    """Team Wmo tells a provider on an allocation and a GP on consent; the citizen and a professional say what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.place = folder()
        self.world = new_world(self.place)
        self.over: set[str] = set()
        self.numbers = 0

    @initialize()
    def begin(self) -> None:
        """Both are told."""
        self.world.allocate("AB", "c0", days=90)
        self.world.agree("c0", 90)
        self.world.flow(rounds=1)

    # what opens

    @rule(days=st.sampled_from([30, 60, 120]), number=st.sampled_from(["100", "200"]))
    def allocation(self, days: int, number: str) -> None:
        """A 301."""
        self.world.allocate("AB", "c0", days=days, number=number)

    @rule()
    def agreement(self) -> None:
        """The citizen agrees."""
        self.world.agree("c0", 80)

    @rule()
    def grant_by_person(self) -> None:
        """A person names a task."""
        self.world.grant_by_person("c0", 40)

    @rule(resume=st.booleans())
    def line_decided(self, resume: bool) -> None:
        """A person looks at what another address stopped."""
        self.world.decide_held("A", resume=resume)

    @rule(fault=FAULT)
    def asked_for(self, fault: Fault) -> None:
        """The provider asks to be told."""

        def asks(edge: Edge) -> None:
            with edge.workplace.commit("request") as tx:
                requests.ask(tx, edge.workplace, edge.client(BSN["c0"]), ADDRESS["A"], 1)

        self.world.fault("B", fault)
        self.world.ask("B", asks)

    @rule(yes=st.booleans(), fault=FAULT)
    def answered(self, yes: bool, fault: Fault) -> None:
        """Somebody at team Wmo answers what waits."""

        def answers(edge: Edge, number: int) -> None:
            with edge.workplace.commit("answered") as tx:
                if yes:
                    requests.say_yes(tx, edge.workplace, number, "N.", ("zaak-7", None))
                else:
                    requests.say_no(tx, edge.workplace, number, "N.")

        edge = self.world.actors["A"].edge
        for one in requests.waiting(edge.store, edge.workplace):
            self.world.fault("A", fault)
            self.world.ask("A", lambda edge, number=one.number: answers(edge, number))

    # what closes

    @rule(
        to=TO,
        role=st.sampled_from([None, None, "gp", "provider-wmo"]),
        row=st.sampled_from([None, None, 1, 5]),
        but=st.sampled_from([(), (), ("G",), ("B",)]),
        fault=FAULT,
    )
    def objection(self, to: str | None, role: str | None, row: int | None, but: tuple[str, ...], fault: Fault) -> None:
        """The citizen objects."""
        self.world.fault("A", fault)
        partner = None if to is None or role is not None else ADDRESS[to]
        self.world.object_to("A", "c0", Objecting(partner, role, row, excepted=tuple(ADDRESS[one] for one in but)))

    @rule(to=TO)
    def plain_objection(self, to: str | None) -> None:
        """What is said most."""
        self.world.object_to("A", "c0", Objecting(None if to is None else ADDRESS[to]))

    @rule(to=TO, why=st.sampled_from(["held", "withdrawn", "closed"]), fault=FAULT)
    def stop(self, to: str | None, why: str, fault: Fault) -> None:
        """A professional ends it."""
        self.world.fault("A", fault)
        self.world.stop("A", "c0", to, why)

    @rule(of=st.sampled_from(["A", None]), by=st.sampled_from("BG"))
    def incoming(self, of: str | None, by: str) -> None:
        """The citizen objects at who is told."""
        self.world.object_to(by, "c0", Objecting(None if of is None else ADDRESS[of], incoming=True))

    @rule(ending=st.sampled_from([Ending.VOLGENS_PLAN, Ending.OVERLEDEN]), number=st.sampled_from(["100", "200"]))
    def case_closes(self, ending: Ending, number: str) -> None:
        """The help ends."""
        self.numbers += 1
        event = Event(Kind.BEEINDIGD, self.world.today, Law.WMO, ending, number)
        identity = ("cloudevents", "zaken.example", f"end{self.numbers}")
        self.world.native("A", NativeEvent(event, Citizen(bsn=BSN["c0"]), "zaken.example", None, identity))

    # what people say of that

    @rule(outcome=st.sampled_from(OUTCOMES), x=st.sampled_from("AAB"), fault=FAULT)
    def decided(self, outcome: str, x: str, fault: Fault) -> None:
        """Somebody decides."""
        self.world.fault(x, fault)
        self.world.decide(x, "c0", outcome, incoming=x == "B")

    @rule(to=st.sampled_from([None, None, "B", "G"]), kinds=st.sampled_from([("held",), ("objected", "withdrawn")]))
    def lifted(self, to: str | None, kinds: tuple[str, ...]) -> None:
        """Somebody lifts."""
        partner = None if to is None else ADDRESS[to]
        self.world.ask("A", lambda edge: edge.lift_refusals(BSN["c0"], partner, "N. Heft op", kinds=kinds))

    @rule(by=st.sampled_from("BG"))
    def lifted_where_told(self, by: str) -> None:
        """Somebody at who is told lifts what was decided."""
        self.world.ask(by, lambda edge: edge.lift_refusals(BSN["c0"], None, "N. Heft op", incoming=True))

    @rule(to=st.sampled_from("BG"), row=st.sampled_from([None, 5]))
    def excepted(self, to: str, row: int | None) -> None:
        """The citizen names an exception."""

        def said(edge: Edge) -> None:
            work = edge.workplace
            with work.commit("exception") as tx:
                client = edge.client(BSN["c0"]).id
                refuse(tx, Refused(work.id(), client, ADDRESS[to], EXCEPTED, work.now, row=row))

        self.world.ask("A", said)

    # what goes on

    @rule(x=st.sampled_from("AB"))
    def event(self, x: str) -> None:
        """Something happens."""
        self.world.event(x, "c0")

    @rule(x=st.sampled_from("AABG"), fault=st.one_of(st.just(NO_FAULT), FAULT))
    def work(self, x: str, fault: Fault) -> None:
        """A pass."""
        self.world.fault(x, fault)
        self.world.work(x)

    @rule()
    def flow(self) -> None:
        """Everything moves."""
        self.world.flow(rounds=1)

    @rule(x=st.sampled_from("ABG"))
    def restart(self, x: str) -> None:
        """A new process."""
        self.world.actors[x].restart()

    @rule(days=st.sampled_from([1, 6, 16, 30]))
    def time(self, days: int) -> None:
        """Days pass: what waits for a decision is overdue."""
        self.world.advance(days * DAY)

    # what must hold

    @invariant()
    def nothing_opens_again(self) -> None:
        """A grant that was over is over; what goes on has a secret of its own."""
        grants = [one for name in "AB" for one in GRANTS.scan(self.world.actors[name].edge.store)]
        opened = {one.id for one in grants if one.state == ACTIVE}
        assert not opened & self.over
        self.over |= {one.id for one in grants} - opened
        assert len({one.secret for one in grants}) == len(grants)

    @invariant()
    def nothing_is_open_against_a_refusal(self) -> None:
        """Whatever was said, in whatever order."""
        for name in "AB":
            edge = self.world.actors[name].edge
            for one in GRANTS.scan(edge.store):
                row = edge.workplace.rules.rows[one.row]
                assert one.state != ACTIVE or not is_refused(edge.store, one.client, one.recipient, row)

    @invariant()
    def what_waits_for_a_decision_is_refused(self) -> None:
        """However late it is; unless the citizen excepted it, or it can only be recorded."""
        edge = self.world.actors["A"].edge
        for one in OBJECTIONS.scan(edge.store):
            if is_open(one):
                assert REFUSALS.need(edge.store, one.refusal.encode()).lifted_at is None

    @invariant()
    def nothing_that_was_made_on_a_task_is_shown_against_what_was_upheld(self) -> None:
        """Whoever made it at the sender, on whatever day, until somebody lifts it."""
        store = self.world.actors["B"].edge.store
        upheld = [
            refusal
            for one in OBJECTIONS.scan(store)
            if one.outcome == UPHELD and (refusal := REFUSALS.need(store, one.refusal.encode())).lifted_at is None
        ]
        for one in INTRODUCTIONS.scan(store):
            shown = one.client is not None and one.ended_on is None and not one.withheld and not one.held
            if shown and one.ground == "statutory":
                assert not any(said.incoming and said.recipient in (None, one.sender) for said in upheld)

    @invariant()
    def what_closed_ended_what_it_says(self) -> None:
        """A line that ended by itself did so with all of its grants."""
        store = self.world.actors["A"].edge.store
        for closing in CLOSINGS.scan(store, "done"):
            assert all(GRANTS.need(store, one.encode()).state != ACTIVE for one in closing.ended)

    @invariant()
    def properties(self) -> None:
        """P1 to P7 and P10."""
        self.world.ghost.check()

    def teardown(self) -> None:
        """Files go."""
        self.world.close()
        self.place.cleanup()


MACHINES = True  # tests/fuzz.py runs what is here


@pytest.mark.timeout(1200)
def test_nothing_that_was_stopped_ever_opens_again_whatever_people_say() -> None:
    run_state_machine_as_test(Refusals, settings=profile(40))
