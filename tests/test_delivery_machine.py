# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Everything that can happen to a message, in any order, against the real hub and real edges (tests/delivery_world.py).

After every step the ghost checks P1 to P7 and P10; once everything has settled also that nothing was lost. P8 and P9
are held by twins: two worlds in which the same is done, and in which those who may not see a difference see none.

A small budget runs with all tests, always the same. `make fuzz` gives forty times as many runs, of 50 steps, and 5,000 of
those in which hub and edges are put back.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from adapters.objections import OUTCOMES
from adapters.refusals import REASONS
from tests.delivery_runs import FAULT, SLOW_TO_SHRINK, folder, held_by_the_hub, new_world, profile, renamed
from tests.delivery_world import DAY, MOMENT, Fault

SENDER, CLIENT = st.sampled_from("AB"), st.sampled_from(["c0", "c1"])
EDGE = st.sampled_from("ABG")
NUMBER = st.integers(0, 20)
DAYS = st.sampled_from([5, 20, 60, 90, 120])


class Delivery(RuleBasedStateMachine):
    """One hub, four edges, whatever happens."""

    store = "memory"
    spread_days = 0

    def __init__(self) -> None:
        super().__init__()
        self.place = folder()
        self.world = new_world(self.place, store=self.store, spread_days=self.spread_days)

    @initialize(told=st.integers(0, 3), days=st.sampled_from([None, 25, 60, 90]))
    def begin(self, told: int, days: int | None) -> None:
        """Most runs begin with grants that were introduced and something told."""
        if days is None:
            return
        for client in ("c0", "c1"):
            self.world.allocate("AB", client, days=days)
            self.world.agree(client, days)
        self.world.flow()
        for _ in range(told):
            for client in ("c0", "c1"):
                self.world.event("A", client)
                self.world.event("B", client)
        self.world.flow("A", "B", rounds=1)

    # what partners do

    @rule(
        readers=st.sampled_from(["A", "B", "AB"]),
        c=CLIENT,
        days=st.one_of(DAYS, st.none()),
        k=st.sampled_from("12"),
        fault=FAULT,
    )
    def allocation(self, readers: str, c: str, days: int | None, k: str, fault: Fault) -> None:
        """A first, longer or shorter 301."""
        self.world.fault(readers[0], fault)
        self.world.allocate(readers, c, days=days, number=f"{k}00")

    @rule(readers=st.sampled_from(["A", "B", "AB"]), c=CLIENT, k=st.sampled_from("12"))
    def allocation_withdrawn(self, readers: str, c: str, k: str) -> None:
        """A 301 that is called off."""
        self.world.allocate(readers, c, days=0, number=f"{k}00", withdrawn=True)

    @rule(c=CLIENT, days=DAYS, fault=FAULT)
    def agreement(self, c: str, days: int, fault: Fault) -> None:
        """The citizen agrees."""
        self.world.fault("A", fault)
        self.world.agree(c, days)

    @rule(x=SENDER, c=CLIENT, fault=FAULT)
    def event(self, x: str, c: str, fault: Fault) -> None:
        """Something happens."""
        self.world.fault(x, fault)
        self.world.event(x, c)

    @rule(x=SENDER, c=CLIENT)
    def told_and_accepted(self, x: str, c: str) -> None:
        """Something happens and is at the hub at once."""
        self.world.event(x, c)
        self.world.ask(x, lambda edge: edge.release())
        self.world.ask(x, lambda edge: edge.read_feed())

    @rule(x=SENDER, c=CLIENT, k=NUMBER)
    def told_once_more(self, x: str, c: str, k: int) -> None:
        """The own system repeats itself."""
        self.world.told_once_more(x, c, 1 + k % max(self.world.events, 1))

    @rule(x=SENDER, c=CLIENT, k=NUMBER)
    def called_back_at_the_source(self, x: str, c: str, k: int) -> None:
        """The own system calls something back."""
        self.world.called_back_at_the_source(x, c, 1 + k % max(self.world.events, 1))

    @rule(x=EDGE, c=CLIENT)
    def becomes_a_client(self, x: str, c: str) -> None:
        """A citizen becomes known later."""
        self.world.know(x, c)

    # what edges do

    @rule(x=SENDER, fault=FAULT)
    def release(self, x: str, fault: Fault) -> None:
        """The outbox."""
        self.world.fault(x, fault)
        self.world.ask(x, lambda edge: edge.release())

    @rule(x=SENDER, fault=FAULT)
    def read_feed(self, x: str, fault: Fault) -> None:
        """The feed."""
        self.world.fault(x, fault)
        self.world.ask(x, lambda edge: edge.read_feed())

    @rule(x=EDGE, most=st.integers(1, 4), fault=FAULT)
    def pickup(self, x: str, most: int, fault: Fault) -> None:
        """Pick-up and receipts."""
        self.world.fault(x, fault)
        self.world.ask(x, lambda edge: edge.pickup(most))

    @rule(x=EDGE, fault=FAULT)
    def work(self, x: str, fault: Fault) -> None:
        """A whole pass."""
        self.world.fault(x, fault)
        self.world.work(x)

    @rule(x=SENDER, y=EDGE)
    def flow(self, x: str, y: str) -> None:
        """A few passes after each other."""
        self.world.flow(x, y, x, rounds=1)

    @rule(x=SENDER, fault=FAULT)
    def register_next(self, x: str, fault: Fault) -> None:
        """Handles of the next month."""
        self.world.fault(x, fault)
        self.world.ask(x, lambda edge: edge.register_next())

    # what people do

    @rule(x=SENDER, c=CLIENT, to=st.sampled_from(["A", "B", "G", None]), why=st.sampled_from(REASONS), fault=FAULT)
    def stop_by_the_sender(self, x: str, c: str, to: str | None, why: str, fault: Fault) -> None:
        """The first kind of signer."""
        self.world.fault(x, fault)
        self.world.stop(x, c, to, why)

    @rule(x=EDGE, c=CLIENT, of=st.sampled_from(["A", "B", None]), fault=FAULT)
    def stop_by_the_recipient(self, x: str, c: str, of: str | None, fault: Fault) -> None:
        """The second kind of signer."""
        self.world.fault(x, fault)
        self.world.stop_incoming(x, c, of)

    @rule(k=NUMBER, fault=FAULT)
    def stop_by_the_code(self, k: int, fault: Fault) -> None:
        """The third kind of signer."""
        self.world.fault("T", fault)
        self.world.stop_by_code(k)

    @rule(x=SENDER, c=CLIENT, incoming=st.booleans())
    def refusals_lifted(self, x: str, c: str, incoming: bool) -> None:
        """A person lifts what stood."""
        self.world.lift(x, c, incoming=incoming)

    @rule(x=SENDER, c=CLIENT, outcome=st.sampled_from(OUTCOMES), incoming=st.booleans(), fault=FAULT)
    def objection_decided(self, x: str, c: str, outcome: str, incoming: bool, fault: Fault) -> None:
        """A person decides what was objected to."""
        self.world.fault(x, fault)
        self.world.decide(x, c, outcome, incoming=incoming)

    @rule(x=SENDER, resume=st.booleans(), fault=FAULT)
    def person_decides(self, x: str, resume: bool, fault: Fault) -> None:
        """A person looks at a held line."""
        self.world.fault(x, fault)
        self.world.decide_held(x, resume=resume)

    @rule(c=CLIENT, days=DAYS)
    def grant_by_person(self, c: str, days: int) -> None:
        """A person makes a grant."""
        self.world.grant_by_person(c, days)

    @rule(x=SENDER, k=NUMBER, fault=FAULT)
    def retract_one(self, x: str, k: int, fault: Fault) -> None:
        """A mistake is called back."""
        self.world.fault(x, fault)
        self.world.retract(x, k)

    @rule(x=SENDER, c=CLIENT, to=st.sampled_from(["A", "B", "G", None]))
    def retract_all(self, x: str, c: str, to: str | None) -> None:
        """Everything is called back."""
        self.world.retract_all(x, c, to)

    # what networks and clocks do

    @rule(k=NUMBER)
    def sent_twice(self, k: int) -> None:
        """An envelope comes once more."""
        self.world.send_again(k)

    @rule(k=NUMBER)
    def fact_twice(self, k: int) -> None:
        """A fact comes once more."""
        self.world.fact_again(k)

    @rule(x=EDGE)
    def receipts_late(self, x: str) -> None:
        """Receipts come once more."""
        self.world.receipts_again(x)

    @rule(ms=st.sampled_from([1, 1_000, 6_000]))
    def pace(self, ms: int) -> None:
        """Things happen faster than the hub signs checkpoints, or not."""
        self.world.moment = ms

    @rule(ms=st.sampled_from([60_000, 300_000, DAY // 4, DAY, 3 * DAY, 6 * DAY, 16 * DAY]))
    def time(self, ms: int) -> None:
        """Time passes."""
        self.world.advance(ms)

    @rule()
    def month_turn(self) -> None:
        """The first of next month."""
        self.world.to_next_month()

    @invariant()
    def properties(self) -> None:
        """After every step."""
        self.world.ghost.check()

    def teardown(self) -> None:
        """Once all has settled."""
        try:
            self.world.moment = MOMENT
            self.world.settle()
        finally:
            self.world.close()
            self.place.cleanup()


class DeliveryOnDisk(Delivery):
    """The same over the embedded store, which a crash of the hub opens anew."""

    store = "sqlite"


class DeliverySpread(Delivery):
    """The same, and everything waits for a moment of its own in the next two working days."""

    spread_days = 2


class DeliveryPutBack(Delivery):
    """The same, and hub and edges are put back from copies of before, alone and together."""

    @initialize()
    def copies_at_the_beginning(self) -> None:
        """There is always a copy."""
        self.copies("HABGT")

    @rule(of=st.sets(st.sampled_from("HABGT"), min_size=1).map("".join))
    def copies(self, of: str) -> None:
        """Tonight's copies."""
        for name in of:
            if name == "H":
                self.world.save_hub()
            else:
                self.world.back_up(name)

    @rule(knows_greatest=st.booleans(), by_command=st.booleans())
    def hub_put_back(self, knows_greatest: bool, by_command: bool) -> None:
        """Yesterday's copy of the hub, with or without the file outside it; or a disk that is of yesterday."""
        self.world.put_hub_back(knows_greatest=knows_greatest, by_command=by_command)

    @rule(x=st.sampled_from("ABGT"))
    def edge_put_back(self, x: str) -> None:
        """Yesterday's copy of an edge."""
        self.world.put_back(x)

    @rule(x=st.sampled_from("ABGT"), fault=FAULT)
    def person_confirms(self, x: str, fault: Fault) -> None:
        """A person has done again what was done since, and confirms."""
        self.world.fault(x, fault)
        self.world.confirm(x)

    @rule(x=st.sampled_from("ABGT"))
    def files_read_again(self, x: str) -> None:
        """The folder done."""
        self.world.read_again(x)


class DeliveryPutBackOnDisk(DeliveryPutBack):
    """The same over the embedded store, whose real copies are put back."""

    store = "sqlite"


class Twins(RuleBasedStateMachine):
    """Two worlds in which the same is done: in one the GP knows the citizen, in the other it does not; and each stop
    has another reason. The sender must see the same (P8) and the hub must hold the same (P9)."""

    def __init__(self) -> None:
        super().__init__()
        self.places = folder(), folder()
        self.worlds = [new_world(place, known) for place, known in zip(self.places, (("c0",), ()), strict=True)]

    @initialize(told=st.integers(0, 2), days=DAYS)
    def begin(self, told: int, days: int) -> None:
        """An agreement that was introduced, and something told."""
        self.agreement(days)
        self.flow()
        for _ in range(told):
            self.event()
            self.flow()

    @rule(days=DAYS)
    def agreement(self, days: int) -> None:
        """The citizen agrees."""
        for world in self.worlds:
            world.agree("c0", days)

    @rule()
    def event(self) -> None:
        """Something happens."""
        for world in self.worlds:
            world.event("A", "c0")

    @rule()
    def flow(self) -> None:
        """Everything moves."""
        for world in self.worlds:
            world.flow("A", "G", "A", rounds=1)

    @rule()
    def told_and_picked_up(self) -> None:
        """Something happens and arrives."""
        self.event()
        self.flow()

    @rule(x=st.sampled_from("AG"))
    def work(self, x: str) -> None:
        """One pass."""
        for world in self.worlds:
            world.work(x)

    @rule(k=NUMBER)
    def retract(self, k: int) -> None:
        """A mistake is called back."""
        for world in self.worlds:
            world.retract("A", k)

    @rule(why=st.permutations(REASONS))
    def stop(self, why: list[str]) -> None:
        """The same stop, for another reason in each world."""
        for world, reason in zip(self.worlds, why, strict=False):
            world.stop("A", "c0", "G", reason)
            world.lift("A", "c0", incoming=False)

    @rule(ms=st.sampled_from([300_000, DAY, 6 * DAY, 16 * DAY]))
    def time(self, ms: int) -> None:
        """Time passes."""
        for world in self.worlds:
            world.advance(ms)

    @rule()
    def month_turn(self) -> None:
        """The first of next month."""
        for world in self.worlds:
            world.to_next_month()

    @invariant()
    def same(self) -> None:
        """After every step."""
        one, other = (renamed(world.ghost.seen) for world in self.worlds)
        assert one == other, f"P8 or P9: an edge sees a difference: {first_difference(one, other)}"
        one, other = (held_by_the_hub(world) for world in self.worlds)
        assert one == other, f"P9: the hub sees a difference: {first_difference(one, other)}"

    def teardown(self) -> None:
        """Files go."""
        for world, place in zip(self.worlds, self.places, strict=True):
            world.close()
            place.cleanup()


def first_difference(one: object, other: object) -> object:
    """Where two lists part."""
    if isinstance(one, list) and isinstance(other, list):
        return next(((a, b) for a, b in zip(one, other, strict=False) if a != b), (len(one), len(other)))
    return one, other


MACHINES = True  # tests/fuzz.py runs what is here, though it is no property of hypothesis's own kind


@SLOW_TO_SHRINK
def test_everything_that_can_happen_to_a_message_keeps_the_properties() -> None:
    run_state_machine_as_test(Delivery, settings=profile(60))


@SLOW_TO_SHRINK
def test_it_keeps_them_over_the_embedded_store_too() -> None:
    run_state_machine_as_test(DeliveryOnDisk, settings=profile(10))


@SLOW_TO_SHRINK
def test_it_keeps_them_when_everything_leaves_at_a_moment_of_its_own() -> None:
    run_state_machine_as_test(DeliverySpread, settings=profile(15))


@SLOW_TO_SHRINK
def test_restore_of_yesterday_of_hub_and_edges_alone_and_together_keeps_them_too() -> None:
    run_state_machine_as_test(DeliveryPutBack, settings=profile(40, 5_000))


@SLOW_TO_SHRINK
def test_restore_of_yesterday_keeps_them_over_the_embedded_store_too() -> None:
    run_state_machine_as_test(DeliveryPutBackOnDisk, settings=profile(5))


@SLOW_TO_SHRINK
def test_neither_who_is_known_nor_why_it_stopped_can_be_seen_from_outside() -> None:
    run_state_machine_as_test(Twins, settings=profile(20))
