# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Whose turn it is at the exchange: one thread does all its work, and nobody waits for more than his part of it.

* Work comes in parts, each somebody's: an address, the envelopes that arrive or the facts (of all together), the hub's own.
* Turns are as in start-time fair queueing: what somebody uses puts his next part off by as much.  So who comes for little
  goes before the next part of who comes for much, and among those who always want it each has the same time.
* Who was away has saved nothing up: else an edge that comes back after an outage would be served alone for a while.
* What was used is of this process only and forgotten when nobody waits: lost, it costs nobody more than a turn.

`Shares` is the rule, without clock or thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

OWN: Final = ""  # what the hub does by itself: polls, probes, what time brings
ARRIVALS: Final = "envelopes"  # no address is spelled so
FACTS: Final = "facts"  # of all who sign some, together: nobody's stop waits behind what its signer comes for
T = TypeVar("T")


class Shares:
    """Who comes when.  A place is so many seconds of the exchange, not of any clock: the part of who stands first begins."""

    def __init__(self) -> None:
        self._now = 0.0  # where the part stood that began last
        self._ends: dict[str, float] = {}  # where the last part of each ended, when that is ahead

    def next(self, names: Iterable[str]) -> str:
        """Whose turn it is among those who wait, named in the order in which they came."""
        return min(names, key=self._place)

    def add(self, name: str, took: float) -> None:
        """A part of somebody's work took so many seconds."""
        self._now = self._place(name)
        self._ends[name] = self._now + took

    def rest(self) -> None:
        """Nobody waits: whoever comes next begins anew."""
        self._now = max(self._ends.values(), default=self._now)
        self._ends.clear()

    def _place(self, name: str) -> float:
        return max(self._now, self._ends.get(name, self._now))


Parts = Generator[None, None, T]


@dataclass(slots=True, eq=False)
class _Work:
    """Work of one request, in pieces; `gone`: nobody waits for its answer any more."""

    parts: Parts[Any]
    answer: Future[Any] = field(default_factory=Future)
    gone: bool = False


class Turns:
    """The one thread, from an event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._one = ThreadPoolExecutor(1, "exchange")
        self._shares = Shares()
        self._lock = threading.Lock()
        self._rows: dict[str, deque[_Work]] = {}

    async def take(self, name: str, parts: Parts[T]) -> T:
        """What somebody's work returns.  Between two parts of it others have their turn; the work of one name is done in
        the order in which it came."""
        work = _Work(parts)
        with self._lock:
            self._rows.setdefault(name, deque()).append(work)
        self._one.submit(self._run)
        try:
            return await asyncio.wrap_future(work.answer)
        except asyncio.CancelledError:
            work.gone = True
            raise

    def close(self) -> None:
        """What waits is done first."""
        self._one.shutdown()

    def _run(self) -> None:
        """One call of it for each work: does parts, of whoever's turn it is, until some work is done."""
        while True:
            name, work = self._next()
            began = self._clock()
            try:
                is_done, found = self._go_on(work)
            except BaseException as error:  # noqa: BLE001  # whoever asked gets it
                self._ended(name, began, is_done=True)
                work.answer.set_exception(error)
                return
            self._ended(name, began, is_done=is_done)
            if is_done:
                if not work.gone:
                    work.answer.set_result(found)
                return

    def _go_on(self, work: _Work) -> tuple[bool, Any]:
        if work.gone or not (work.answer.running() or work.answer.set_running_or_notify_cancel()):
            work.gone = True
            work.parts.close()
            return True, None
        try:
            next(work.parts)
        except StopIteration as end:
            return True, end.value
        return False, None

    def _next(self) -> tuple[str, _Work]:
        with self._lock:
            name = self._shares.next(self._rows)
            return name, self._rows[name][0]

    def _ended(self, name: str, began: float, *, is_done: bool) -> None:
        with self._lock:
            self._shares.add(name, self._clock() - began)
            if is_done:
                self._rows[name].popleft()
                if not self._rows[name]:
                    del self._rows[name]
            if not self._rows:
                self._shares.rest()


def whole(call: Callable[[], T]) -> Parts[T]:
    """Work in one piece."""
    yield from ()
    return call()
