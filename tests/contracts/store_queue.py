# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every store does with what waits, what is told to whom, and what was set aside."""

from __future__ import annotations

from hub.store import (
    Leave,
    Notify,
    Offer,
    Refused,
    StaleError,
    Step,
    Tell,
    Waiting,
)
from schemas.codes import Code
from tests.contracts.store_world import World
from tests.store_steps import (
    RECIPIENT,
    SENDER,
    THIRD,
    accept,
    aside,
    bytes_of,
    entry,
    grant,
    handle,
    key,
    leave,
    message,
    offer,
    wrapped,
)


class QueueContract:
    """The queue, feeds and notices, faults."""

    # the queue

    def test_an_accepted_envelope_waits_with_its_payload_and_key(self, world: World) -> None:
        start = world.do(accept("m", "n"))
        row = world.store.waiting(RECIPIENT, 200, 10)[1]
        assert row == Waiting(message("n"), SENDER, RECIPIENT, handle(), start + 1, 100, 0, 0, 0)
        assert world.store.payloads([message("n")]) == {message("n"): (wrapped("n"), key("n"))}
        assert world.code("n") is Code.ACCEPTED

    def test_waiting_is_given_in_order_of_acceptance_and_no_more_than_asked(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        assert world.waiting() == [message("m"), message("n"), message("o")]
        assert world.waiting(most=2) == [message("m"), message("n")]
        assert world.waiting(recipient=SENDER) == []

    def test_a_handle_with_one_envelope_out_is_left_out_whole(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        world.do(offer("m", at=200, lease_until=260))
        assert world.waiting(now=259) == [message("o")]

    def test_who_has_something_is_told_for_many_at_once(self, world: World) -> None:
        everyone = (SENDER, RECIPIENT, THIRD)
        assert world.store.has_something(everyone, 200) == set()
        world.do(accept("m", "n"))
        assert world.store.has_something(everyone, 200) == {RECIPIENT}
        assert world.store.has_something([SENDER, THIRD], 200) == world.store.has_something([], 200) == set()
        world.do(offer("m", at=200, lease_until=260))
        assert world.store.has_something(everyone, 259) == set()  # `n` goes behind `m` or not at all
        assert world.store.has_something(everyone, 260) == {RECIPIENT}
        world.do(Step(at=261, notifies=[Notify(THIRD, 0, "stop", (handle(),), None)]))
        assert world.store.has_something(everyone, 261) == {RECIPIENT, THIRD}
        world.do(Step(at=262, acknowledged=[(THIRD, 1)]))
        assert world.store.has_something(everyone, 262) == {RECIPIENT}

    def test_the_backlog_counts_what_waits_and_what_is_out_and_says_since_when(self, world: World) -> None:
        assert world.store.backlog() == {}
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        since = world.store.find_waiting([message("m")])[message("m")].since
        assert world.store.backlog() == {RECIPIENT: (3, since)}
        world.do(offer("m", at=200, lease_until=260))
        assert world.store.backlog() == {RECIPIENT: (3, since)}
        world.do(leave("m"))
        assert world.store.backlog()[RECIPIENT][0] == 2
        world.do(leave("n"))
        world.do(leave("o"))
        assert world.store.backlog() == {}

    def test_when_the_lease_is_over_it_is_offered_again_in_its_old_place(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(accept("o", on="i"))
        world.do(offer("m", at=200, lease_until=260))
        assert world.waiting(now=260) == [message("m"), message("n"), message("o")]
        assert world.waiting(now=260, most=1) == [message("m")]
        row = world.store.find_waiting([message("m")])[message("m")]
        assert (row.offered, row.first_out, row.lease_until) == (1, 200, 260)

    def test_of_two_hand_overs_of_one_envelope_the_second_is_stale(self, world: World) -> None:
        world.do(accept("m"))
        world.do(offer("m", at=200, lease_until=260))
        world.refuse(offer("m", at=259, lease_until=300), StaleError, "out under a lease")
        world.do(offer("m", at=260, lease_until=400, offered=2))

    def test_an_offer_of_what_left_meanwhile_is_stale(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m"))
        world.refuse(offer("m"), StaleError, "no longer waits")

    def test_what_left_waits_no_longer_and_keeps_its_outcome(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(leave("m"))
        assert world.waiting() == [message("n")]
        assert world.store.find_waiting([message("m")]) == {}
        assert world.store.payloads([message("m")]) == {}
        assert world.code("m") is Code.STORED

    def test_a_leased_envelope_that_leaves_frees_its_handle(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(offer("m", lease_until=10_000))
        world.do(leave("m"))
        assert world.waiting(now=310) == [message("n")]

    def test_an_envelope_leaves_once(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m"))
        world.refuse(leave("m", code=Code.EXPIRED), StaleError, "no longer waits")

    def test_a_later_outcome_replaces_the_stored_one(self, world: World) -> None:
        world.do(accept("m"))
        world.do(leave("m", code=Code.EXPIRED))
        world.do(Step(400, outcomes=[Leave(message("m"), Code.STORED)]))
        assert world.code("m") is Code.STORED

    def test_a_refusal_is_stored_and_never_waits(self, world: World) -> None:
        no = Refused(message("m"), bytes_of("sha", 32), SENDER, RECIPIENT, 0, Code.NOT_ACTIVE)
        world.do(Step(5, entries=[entry()], refused=[no]))
        assert world.code("m") is Code.NOT_ACTIVE
        assert world.waiting() == []
        world.refuse(accept("m"), StaleError, "message id was used")

    def test_due_gives_what_is_over_with_the_earliest_first(self, world: World) -> None:
        step = accept("m", "n", "o")
        step.joins = [row._replace(due=due) for row, due in zip(step.joins, (900, 700, 800), strict=True)]
        world.do(step)
        assert [row.message_id for row in world.store.due(800, 10)] == [message("n"), message("o")]
        assert [row.message_id for row in world.store.due(10_000, 1)] == [message("n")]
        assert world.store.due(699, 10) == []

    def test_a_hand_over_moves_the_end_of_the_waiting(self, world: World) -> None:
        world.do(accept("m"))
        world.do(Step(200, offers=[Offer(message("m"), 1, 200, 260, 300)]))
        assert [row.message_id for row in world.store.due(300, 10)] == [message("m")]

    # feeds and notices

    def test_feed_lines_are_numbered_from_one_per_address(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 0, Code.ACCEPTED, message("m")), Tell(THIRD, 0, Code.EXPIRED)]))
        world.do(Step(6, tells=[Tell(SENDER, 0, Code.STORED, message("m"))]))
        assert world.feed(SENDER) == [(1, Code.ACCEPTED), (2, Code.STORED)]
        assert world.feed(THIRD) == [(1, Code.EXPIRED)]
        assert world.feed(SENDER, after=1) == [(2, Code.STORED)]
        assert world.feed(SENDER, most=1) == [(1, Code.ACCEPTED)]

    def test_a_feed_line_gets_its_number_when_it_becomes_visible(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 50, Code.STOPPED, handle=handle())]))
        world.do(Step(6, tells=[Tell(SENDER, 0, Code.ACCEPTED)]))
        assert (world.store.ripen(49), world.feed()) == (0, [(1, Code.ACCEPTED)])
        assert (world.store.ripen(50), world.feed()) == (1, [(1, Code.ACCEPTED), (2, Code.STOPPED)])
        assert world.store.ripen(60) == 0
        assert world.store.feed(SENDER, 1, 10)[0].handle == handle()
        world.check()

    def test_what_ripens_together_is_numbered_in_the_order_of_its_times(self, world: World) -> None:
        world.do(Step(5, tells=[Tell(SENDER, 90, Code.EXPIRED), Tell(SENDER, 70, Code.STOPPED)]))
        world.do(Step(6, tells=[Tell(SENDER, 70, Code.NOT_ACTIVE)]))
        assert world.store.ripen(100) == 3
        assert world.feed() == [(1, Code.STOPPED), (2, Code.NOT_ACTIVE), (3, Code.EXPIRED)]

    def test_a_line_whose_time_is_that_of_the_commit_is_visible_at_once(self, world: World) -> None:
        world.do(Step(50, tells=[Tell(SENDER, 50, Code.STOPPED), Tell(SENDER, 51, Code.EXPIRED)]))
        assert world.feed() == [(1, Code.STOPPED)]

    def test_a_notice_stays_until_it_is_acknowledged(self, world: World) -> None:
        handles = (handle("a"), handle("b"))
        world.do(Step(5, notifies=[Notify(RECIPIENT, 0, "register", handles, b"fact")]))
        world.do(Step(6, notifies=[Notify(RECIPIENT, 60, "stop", (handle("a"),), None)]))
        assert world.store.notices(RECIPIENT, 10) == [(1, "register", handles, b"fact")]
        assert world.store.ripen(60) == 1
        assert [row.number for row in world.store.notices(RECIPIENT, 10)] == [1, 2]
        assert [row.number for row in world.store.notices(RECIPIENT, 1)] == [1]
        world.do(Step(7, acknowledged=[(RECIPIENT, 1)]))
        assert world.store.notices(RECIPIENT, 10) == [(2, "stop", (handle("a"),), None)]
        assert world.store.notices(SENDER, 10) == []

    def test_a_number_of_a_notice_is_never_used_again(self, world: World) -> None:
        world.do(Step(5, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
        world.do(Step(6, acknowledged=[(RECIPIENT, 1)]))
        world.do(Step(7, notifies=[Notify(RECIPIENT, 0, "stop", (handle(),), None)]))
        assert [row.number for row in world.store.notices(RECIPIENT, 10)] == [2]

    # what was set aside

    def test_a_frame_set_aside_opens_until_it_is_released(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside()]))
        (row,) = world.store.faults()
        assert (row.sender, row.handle, row.since) == (SENDER, None, 100)
        assert world.store.fault_frame(row.number) == b"payload fault" * 20
        world.do(Step(110, released=[row.number]))
        assert world.store.faults() == []
        assert world.store.fault_frame(row.number) is None
        world.refuse(Step(120, released=[row.number]), StaleError, "fault is over")

    def test_a_fault_holds_its_handle_and_raises_the_version(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside("h", until=700)]))
        assert world.grant() == grant(held_until=700, version=2)
        world.do(Step(110, released=[1]))
        assert world.grant() == grant(version=3)

    def test_a_handle_is_held_as_long_as_any_fault_holds_it(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside("h", until=700), aside("h", until=900), aside("absent")]))
        assert world.grant().held_until == 900
        world.do(Step(110, released=[2]))
        assert world.grant().held_until == 700

    def test_the_number_of_a_fault_is_never_used_again(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside()]))
        world.do(Step(110, released=[1]))
        world.do(Step(120, set_aside=[aside()]))
        assert [row.number for row in world.store.faults()] == [2]
