# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who comes for much is not noticed by who sends one: the rule in made-up time, and the thread that follows it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.gateway_turns import ARRIVALS, Parts, Shares, Turns, whole

LENGTHS = st.lists(st.integers(8, 60), min_size=1, max_size=8)  # of parts, in milliseconds
Work = Iterator[tuple[float, float]]  # when a part comes, and what it takes


@dataclass
class Made:
    """Parts of work in made-up time, by whose they are."""

    comes: dict[str, Work]
    shares: Shares = field(default_factory=Shares)
    now: float = 0.0
    waited: dict[str, list[float]] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)

    def run(self, seconds: float) -> None:
        ahead = {name: next(parts) for name, parts in self.comes.items()}
        while self.now < seconds:
            waiting = [name for name, (at, _) in ahead.items() if at <= self.now]
            if not waiting:
                self.shares.rest()
                self.now = min(at for at, _ in ahead.values())
                continue
            name = self.shares.next(sorted(waiting, key=lambda one: ahead[one][0]))
            at, took = ahead[name]
            self.waited.setdefault(name, []).append(self.now - at)
            self.now += took
            self.busy[name] += took
            self.shares.add(name, took)
            next_at, next_took = next(self.comes[name])
            ahead[name] = max(next_at, self.now), next_took


def always(*millis: int) -> Work:
    """One part after another, without a pause."""
    return ((0.0, one / 1000) for one in itertools.cycle(millis))


def every(millis: float, takes: int) -> Work:
    """A part now and then."""
    return ((number * millis / 1000, takes / 1000) for number in itertools.count())


# the rule


def test_who_comes_for_little_goes_before_the_next_part_of_who_comes_for_much() -> None:
    shares = Shares()
    shares.add("much", 0.1)
    assert shares.next(["much", "little"]) == "little"
    shares.add("little", 0.01)
    assert shares.next(["much", "little"]) == "little"
    shares.add("little", 0.1)
    assert shares.next(["much", "little"]) == "much"


def test_who_was_away_has_saved_nothing_up() -> None:
    """Else who comes back after an outage would be served alone until it had used as much as all others."""
    shares = Shares()
    for _ in range(100):
        shares.add("always", 0.05)
    shares.add("away", 0.06)
    assert shares.next(["away", "always"]) == "always"


def test_who_used_much_before_everybody_rested_begins_anew() -> None:
    shares = Shares()
    shares.add("much", 10.0)
    shares.rest()
    assert shares.next(["much", "new"]) == "much"
    shares.add("much", 0.01)
    assert shares.next(["much", "new"]) == "new"


def test_of_those_who_used_nothing_the_first_who_came_is_first() -> None:
    assert Shares().next(["b", "a", "c"]) == "b"


@given(LENGTHS, st.integers(1, 20), st.integers(3, 20))
def test_who_sends_little_waits_for_one_part_at_most_whatever_another_takes(
    much: list[int], takes: int, times: int
) -> None:
    """Whose share is less than a half is always before the next part of who takes the rest."""
    made = Made({"much": always(*much), ARRIVALS: every(takes * times + max(much), takes)})
    made.run(8)
    assert max(made.waited[ARRIVALS]) <= max(much) / 1000 + 1e-9


@given(LENGTHS, LENGTHS, LENGTHS)
def test_of_three_who_always_want_it_each_has_a_third_and_none_waits_long(
    one: list[int], two: list[int], three: list[int]
) -> None:
    made = Made({"one": always(*one), "two": always(*two), ARRIVALS: always(*three)})
    made.run(8)
    for name, parts in zip(made.comes, (one, two, three), strict=True):
        assert made.busy[name] > 8 / 3 - 0.2
        assert max(made.waited[name]) <= 2 * (max(parts) + 60) / 1000


@given(st.integers(1, 50), LENGTHS)
def test_who_comes_back_after_an_outage_keeps_nobody_waiting_from_its_first_moment_on(
    after: int, much: list[int]
) -> None:
    back = ((after / 10, length) for _, length in always(*much))
    made = Made({"back": back, ARRIVALS: every(max(much) + 20, 5)})
    made.run(8)
    assert max(made.waited[ARRIVALS]) <= max(much) / 1000 + 1e-9


# the thread


def story(of: Callable[[Turns], Coroutine[object, object, None]]) -> None:
    """Time passes by being asked for."""
    ticks = itertools.count()
    turns = Turns(lambda: next(ticks) / 100)

    async def told() -> None:
        await asyncio.wait_for(of(turns), 60)

    try:
        asyncio.run(told())
    finally:
        turns.close()


async def _held(turns: Turns, pieces: Sequence[tuple[str, str]]) -> list[str]:
    """The order in which pieces (whose, what) run that came while another ran."""
    gate, order = threading.Event(), list[str]()
    first = asyncio.create_task(turns.take("first", whole(gate.wait)))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(turns.take(whose, whole(partial(order.append, what)))) for whose, what in pieces]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    return order


def test_pieces_of_one_run_in_their_order_and_those_of_others_in_between() -> None:
    async def told(turns: Turns) -> None:
        order = await _held(turns, [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")])
        assert [one for one in order if one[0] == "a"] == ["a1", "a2", "a3"]
        assert order.index("b1") < order.index("a2")
        assert order.index("c1") < order.index("a2")

    story(told)


def test_an_exception_is_for_who_asked_and_the_next_one_runs() -> None:
    async def told(turns: Turns) -> None:
        def fails() -> None:
            raise RuntimeError("of this piece")

        with pytest.raises(RuntimeError, match="of this piece"):
            await turns.take("a", whole(fails))
        assert await turns.take("a", whole(lambda: 7)) == 7

    story(told)


def test_a_piece_that_nobody_waits_for_any_more_is_not_begun() -> None:
    async def told(turns: Turns) -> None:
        gate, ran = threading.Event(), list[str]()
        first = asyncio.create_task(turns.take("first", whole(gate.wait)))
        await asyncio.sleep(0)
        gone = asyncio.create_task(turns.take("a", whole(lambda: ran.append("gone"))))
        stays = asyncio.create_task(turns.take("a", whole(lambda: ran.append("stays"))))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, stays)
        assert ran == ["stays"]

    story(told)


def test_work_in_parts_lets_others_go_in_between() -> None:
    async def told(turns: Turns) -> None:
        order, gate = list[str](), threading.Event()

        def much() -> Parts[str]:
            for number in range(4):
                order.append(f"much {number}")
                gate.wait(60)
                yield
            return "all"

        asked = asyncio.create_task(turns.take("much", much()))
        await asyncio.sleep(0)
        little = [asyncio.create_task(turns.take(one, whole(partial(order.append, one)))) for one in ("a", "b")]
        await asyncio.sleep(0)
        gate.set()
        assert await asked == "all"
        await asyncio.gather(*little)
        assert order == ["much 0", "a", "b", "much 1", "much 2", "much 3"]

    story(told)


def test_of_who_goes_away_in_the_middle_nothing_more_is_done() -> None:
    async def told(turns: Turns) -> None:
        began, gate, parts = threading.Event(), threading.Event(), list[int]()

        def much() -> Parts[None]:
            for number in range(4):
                parts.append(number)
                began.set()
                gate.wait(60)
                yield

        asked = asyncio.create_task(turns.take("much", much()))
        await asyncio.get_running_loop().run_in_executor(None, began.wait)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        gate.set()
        assert await turns.take("much", whole(lambda: 7)) == 7
        assert parts == [0]

    story(told)


def test_at_the_end_what_waits_is_done_first() -> None:
    turns, done, gate = Turns(), list[int](), threading.Event()

    async def told() -> None:
        first = asyncio.create_task(turns.take("first", whole(gate.wait)))
        waiting = [asyncio.create_task(turns.take("much", whole(partial(done.append, one)))) for one in range(3)]
        await asyncio.sleep(0)
        ends = asyncio.get_running_loop().run_in_executor(None, turns.close)
        gate.set()
        await asyncio.gather(first, ends, *waiting)

    asyncio.run(asyncio.wait_for(told(), 60))
    assert done == [0, 1, 2]
