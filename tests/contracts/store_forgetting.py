# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every store forgets, erases and refuses once it is closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.store import (
    FAULT_KEPT_MS,
    NOTICE_KEPT_MS,
    OUTCOME_KEPT_MS,
    StaleError,
    Step,
    StopRow,
    Store,
    StoreError,
    Tell,
)
from schemas.codes import Code
from schemas.entry import Entry, public
from tests.contracts.store_world import World
from tests.store_steps import (
    DAY,
    FOR_EVER,
    RECIPIENT,
    SENDER,
    THIRD,
    accept,
    aside,
    entry,
    everything,
    grant,
    handle,
    leave,
    message,
)

QUESTIONS: dict[str, Callable[[Store], object]] = {
    "addresses": lambda store: store.addresses(),
    "grants": lambda store: store.grants([handle()]),
    "stored": lambda store: store.stored([message()]),
    "stops": lambda store: store.stops([handle()]),
    "waiting": lambda store: store.waiting(RECIPIENT, 200, 1),
    "has something": lambda store: store.has_something([RECIPIENT], 200),
    "find waiting": lambda store: store.find_waiting([message()]),
    "due": lambda store: store.due(200, 1),
    "payloads": lambda store: store.payloads([message()]),
    "ripen": lambda store: store.ripen(200),
    "feed": lambda store: store.feed(SENDER, 0, 1),
    "notices": lambda store: store.notices(SENDER, 1),
    "facts": lambda store: store.facts_of(SENDER, 0, 1),
    "registrations": lambda store: store.registrations(RECIPIENT, 0, 1),
    "recovery": lambda store: store.recovery(),
    "manifests": lambda store: store.manifests(SENDER),
    "attestations": lambda store: store.attestations([bytes(32)]),
    "table": lambda store: store.table(bytes(32)),
    "entries": lambda store: store.entries(0, 1),
    "records": lambda store: store.records(0, 1),
    "standing": lambda store: store.standing(0),
    "hashes": lambda store: store.hashes(0, 0, 1),
    "checkpoint": lambda store: store.last_checkpoint(),
    "faults": lambda store: store.faults(),
    "frame of a fault": lambda store: store.fault_frame(1),
    "backlog": lambda store: store.backlog(),
    "counts": lambda store: store.counts(),
    "forget": lambda store: store.forget(DAY, 1),
    "tidy": lambda store: store.tidy(1),
}


class ForgettingContract:
    """Forgetting, erasing, closing."""

    # forgetting

    def test_grants_and_stops_are_forgotten_after_their_day(self, world: World) -> None:
        world.do(Step(5, registers=[grant("i", forget=DAY + 31)]))
        world.do(Step(5, stop_rows=[StopRow(handle("i"), THIRD, 24_300, DAY + 30)]))
        assert world.store.forget(DAY + 30, 10) == 0
        assert world.store.forget(DAY + 31, 10) == 2
        assert set(world.store.grants([handle(), handle("i")])) == {handle("i")}
        assert world.store.stops([handle("i")]) == []
        assert world.store.counts()["grants"] == 1
        world.check()

    def test_a_forgotten_handle_can_be_registered_again(self, world: World) -> None:
        world.store.forget(DAY + 99, 10)
        world.do(Step(20, registers=[grant()], rests_on_grants=[(handle("i"), 0)]))
        assert world.grant() == grant()

    def test_feed_lines_and_outcomes_are_forgotten_after_30_days(self, world: World) -> None:
        world.do(accept("m", "n"))
        world.do(leave("m", at=1_000))
        world.do(Step(1_000, tells=[Tell(SENDER, 0, Code.STORED, message("m"))]))
        world.do(Step(2_000, tells=[Tell(SENDER, 0, Code.EXPIRED)]))
        assert world.store.forget(0, 1_000 + OUTCOME_KEPT_MS) == 0
        assert world.store.forget(0, 1_001 + OUTCOME_KEPT_MS) == 2
        assert world.store.stored([message("m"), message("n")]).keys() == {message("n")}
        assert world.feed() == [(2, Code.EXPIRED)]
        world.check()

    @pytest.mark.parametrize(
        "told", [Tell(SENDER, 0, Code.RESTORED, frame=b"statement"), Tell(SENDER, 0, Code.STOPPED, handle=b"h" * 16)]
    )
    def test_that_something_was_stopped_or_a_partner_put_back_stays_in_a_feed_for_a_year(
        self, world: World, told: Tell
    ) -> None:
        world.do(Step(1_000, tells=[told]))
        world.do(Step(2_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        assert world.store.forget(0, 3_000 + OUTCOME_KEPT_MS) == 1
        assert world.feed() == [(1, told.code)]
        assert world.store.forget(0, 1_000 + NOTICE_KEPT_MS) == 0
        assert world.store.forget(0, 1_001 + NOTICE_KEPT_MS) == 1
        assert world.feed() == []
        world.check()

    def test_a_feed_goes_on_counting_after_all_its_lines_are_forgotten(self, world: World) -> None:
        world.do(Step(1_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        world.store.forget(0, 2_000 + OUTCOME_KEPT_MS)
        world.do(Step(3_000, tells=[Tell(SENDER, 0, Code.STORED)]))
        assert world.feed() == [(2, Code.STORED)]

    def test_what_waits_is_never_forgotten(self, world: World) -> None:
        world.do(accept("m"))
        world.store.forget(0, 100 + 2 * OUTCOME_KEPT_MS)
        assert world.waiting() == [message("m")]
        assert world.code("m") is Code.ACCEPTED
        world.check()

    def test_a_frame_set_aside_is_forgotten_after_7_days(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside()]))
        assert world.store.forget(0, 100 + FAULT_KEPT_MS) == 0
        assert world.store.forget(0, 101 + FAULT_KEPT_MS) == 1
        assert world.store.faults() == []
        world.check()

    def test_a_frame_that_still_holds_its_handle_is_not_forgotten(self, world: World) -> None:
        world.do(Step(100, set_aside=[aside("h", until=1 << 62)]))
        assert world.store.forget(0, 101 + FAULT_KEPT_MS) == 0
        [row] = world.store.faults()
        assert row.until == 1 << 62
        world.check()

    # erasing

    def test_what_is_erased_is_gone_and_its_leaf_and_every_root_stay(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a"), entry("b"), entry("c")]))
        before = world.store.head()
        world.do(Step(6, erases=[(start, start + 1), (start + 2, start + 3)]))
        assert world.store.head()[:2] == before[:2]
        gone = [Entry(entry(name).leaf, None, b"") for name in "ac"]
        assert world.store.entries(start, start + 3) == [gone[0], entry("b"), gone[1]]
        assert world.store.records(start, start + 3) == [(start + 1, entry("b").record)]

    def test_what_is_public_is_never_erased(self, world: World) -> None:
        start = world.do(Step(5, entries=[public(b"a table")]))
        world.do(Step(6, erases=[(start, start + 1)]))
        assert world.store.entries(start, start + 1) == [public(b"a table")]

    def test_an_erased_fact_is_given_to_nobody_any_more(self, world: World) -> None:
        facts = [(place, SENDER, RECIPIENT, b"fact") for place in range(3)]
        start = world.do(Step(5, entries=[entry(name) for name in "abc"], facts=facts))
        world.do(Step(6, erases=[(start, start + 2)]))
        assert world.store.facts_of(SENDER, 0, 10) == [(start + 2, b"fact")]
        assert world.store.registrations(RECIPIENT, 0, 10) == [(start + 2, b"fact")]
        assert world.store.head().newest_fact == start + 2

    def test_erasing_again_changes_nothing(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a")]))
        world.do(Step(6, erases=[(start, start + 1)]))
        before = everything(world.store)
        world.do(Step(6, erases=[(start, start + 1)]))
        assert everything(world.store) == before

    @pytest.mark.parametrize("pair", [(0, 99), (-1, 1), (1, 1), (1, 0)])
    def test_entries_that_are_not_there_yet_are_not_erased(self, world: World, pair: tuple[int, int]) -> None:
        world.do(Step(5, entries=[entry("a"), entry("b")]))
        world.refuse(Step(6, entries=[entry("c")], erases=[(0, 1), pair]), StaleError, "no such entries")

    def test_a_step_that_is_refused_erases_nothing(self, world: World) -> None:
        world.do(Step(5, entries=[entry("a")]))
        world.refuse(Step(6, erases=[(0, 1)], rests_on_grants=[(handle(), 9)]), StaleError, "a grant")

    def test_entries_that_stand_are_told_from_an_index_on(self, world: World) -> None:
        start = world.do(Step(5, entries=[entry("a"), entry("b"), entry("c")], standing=[0, 2]))
        assert world.store.standing(0) == [(start, entry("a")), (start + 2, entry("c"))]
        assert world.store.standing(start + 1) == [(start + 2, entry("c"))]
        world.refuse(
            Step(6, entries=[entry("d")], standing=[0], rests_on_grants=[(handle(), 9)]), StaleError, "a grant"
        )

    # the rest

    def test_the_time_is_never_earlier_than_the_last_commit(self, world: World) -> None:
        world.do(Step(FOR_EVER))
        assert world.store.now() == FOR_EVER

    def test_tidying_changes_nothing(self, busy: World) -> None:
        before = everything(busy.store)
        for now in (0, 10, 100_000, 50):
            busy.store.tidy(now)
        assert everything(busy.store) == before
        busy.check()

    def test_a_closed_store_refuses(self, world: World) -> None:
        world.store.close()
        world.store.close()
        with pytest.raises(StoreError, match="closed"):
            world.store.head()
        with pytest.raises(StoreError, match="closed"):
            world.store.commit(Step(5))

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_a_closed_store_answers_no_question(self, world: World, question: str) -> None:
        world.store.close()
        with pytest.raises(StoreError, match="closed"):
            QUESTIONS[question](world.store)
