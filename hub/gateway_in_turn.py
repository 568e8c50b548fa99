# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where the gateway's work is done: one thread for the exchange, some for signatures, none for waiting.

* The exchange is used in turn (`hub.gateway_turns`).  What may be much goes in parts.
* Group commit: what arrived until its turn comes is decided together, at most 200 envelopes, one request per partner in
  turn.  So nobody waits behind more than one batch, whatever another partner loads.
* Larger requests are read and verified by a process for each other core meanwhile (`hub.gateway_checker`); where there
  is one core, here, a few envelopes at a time.
* Long polls: one question every 50 ms for all of them, only when the log has grown, and once a second.  All of them look
  whether they may still be there when a certificate was revoked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from hub.exchange import Checked, Exchange
from hub.exchange_core import BATCH
from hub.gateway_caller import Snapshot
from hub.gateway_checker import Checkers, usable_cores
from hub.gateway_turns import ARRIVALS, OWN, Parts, Turns, whole
from schemas.codes import Code
from schemas.hour_wrap import HourKey

ALONE = 8  # so many envelopes at once are not worth asking another
PART = 50  # envelopes handed over, or receipts taken, in one go, which is one commit
FEW_FACTS = 5  # taken in one go: each is a commit
POLL_EVERY = 0.05
ASK_ANYWAY = 1.0  # leases end and notices ripen without an entry
T = TypeVar("T")
_Asked = tuple[Checked, asyncio.Future[list[Code]]]
Run = Callable[[Callable[[], Any]], Awaitable[Any]]


class Intake(Protocol):
    """Where envelopes go instead, when others decide them: `hub.intake_gateway`."""

    async def take(self, checked: Checked, run: Run) -> list[Code]:
        """The answers, after what was taken is durable."""

    async def watch(self) -> None:
        """What it does by itself; ends by being cancelled."""

    def hour_key(self, via: str) -> HourKey | None:
        """The key under which an address wraps what it sends over Kafka now; None for one that does not."""

    def close(self) -> None:
        """Ends it."""


class InTurn:
    """The exchange, from an event loop."""

    def __init__(self, exchange: Exchange, intake: Intake | None = None) -> None:
        self._exchange = exchange
        self._intake = intake
        self._turns = Turns()
        others = usable_cores() - 1  # the hub itself needs one
        self._checkers = Checkers() if others else None
        self._verifiers = ThreadPoolExecutor(max(others, 1), "verify")
        self._waiting: dict[str, deque[_Asked]] = {}
        self._gathering = threading.Lock()
        self._task: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[], T], whose: str = OWN) -> T:
        """The answer of a call that uses the exchange; they run one after another, those of an address in their order."""
        return await self._turns.take(whose, whole(call))

    async def run_parts(self, parts: Parts[T], whose: str) -> T:
        """The same of what may be much: others have their turn in between."""
        return await self._turns.take(whose, parts)

    async def send(self, via: str, frames: Sequence[bytes], snapshot: Snapshot) -> list[Code]:
        """The answers to envelopes, after a commit that many requests may share."""
        loop = asyncio.get_running_loop()
        checked = await self._checked(via, frames, snapshot)
        if self._intake is not None:
            return await self._intake.take(checked, partial(self.run, whose=via))
        answer: asyncio.Future[list[Code]] = loop.create_future()
        with self._gathering:
            self._waiting.setdefault(via, deque()).append((checked, answer))
        if self._task is None:
            self._task = loop.create_task(self._decide())
        return await answer

    async def _checked(self, via: str, frames: Sequence[bytes], snapshot: Snapshot) -> Checked:
        check = self._exchange.check
        if len(frames) <= ALONE:
            return check(via, frames, snapshot.partners, snapshot.day)
        if self._checkers is not None:
            elsewhere = partial(check, via, frames, snapshot.partners, snapshot.day, elsewhere=self._checkers.check)
            return await asyncio.get_running_loop().run_in_executor(self._verifiers, elsewhere)
        # One core: another thread would only take turns with this one. A few at a time, so that nobody waits long.
        parts = []
        for start in range(0, len(frames), ALONE):
            parts.append(check(via, frames[start : start + ALONE], snapshot.partners, snapshot.day))
            await asyncio.sleep(0)
        return parts[0]._replace(frames=frames, results=[one for part in parts for one in part.results])

    def close(self) -> None:
        """What is running ends first."""
        self._verifiers.shutdown()
        if self._checkers is not None:
            self._checkers.close()
        self._turns.close()

    async def _decide(self) -> None:
        try:
            while self._waiting:
                _tell(*await self.run(self._decide_next, ARRIVALS))
        finally:
            self._task = None

    def _decide_next(self) -> tuple[list[_Asked], Sequence[list[Code] | Exception]]:
        """In the thread of the exchange, when its turn has come: what has arrived until now, and its answers."""
        with self._gathering:
            batch = self._take()
        try:
            return batch, self._exchange.decide([checked for checked, _ in batch])
        except Exception as error:  # noqa: BLE001  # each caller gets it and says what it means
            return batch, [error] * len(batch)

    def _take(self) -> list[_Asked]:
        taken: list[_Asked] = []
        count = 0
        while self._waiting:
            via, queue = next(iter(self._waiting.items()))
            count += len(queue[0][0].frames)
            if taken and count > BATCH:
                break
            taken.append(queue.popleft())
            del self._waiting[via]
            if queue:  # to the end of the row
                self._waiting[via] = queue
        return taken


def _tell(batch: Iterable[_Asked], answers: Iterable[list[Code] | Exception]) -> None:
    for (_, answer), result in zip(batch, answers, strict=True):
        if answer.done():  # its connection was cut: the envelopes are stored all the same
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)


class Polls:
    """The open polls."""

    def __init__(self, exchange: Exchange, in_turn: InTurn) -> None:
        self._exchange = exchange
        self._in_turn = in_turn
        self._open: dict[str, set[asyncio.Future[bool]]] = {}
        self._revoked = exchange.revoked()
        self._size = -1
        self._asked = 0.0

    def open(self, address: str) -> asyncio.Future[bool]:
        """A future that is done when there is something; its result is False when only a certificate was revoked.  Open
        it before looking, so that nothing is missed."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._open.setdefault(address, set()).add(future)
        return future

    def close(self, address: str, future: asyncio.Future[bool]) -> None:
        """The poll is over."""
        future.cancel()
        waiting = self._open.get(address, set())
        waiting.discard(future)
        if not waiting:
            self._open.pop(address, None)

    async def watch(self) -> None:
        """The one loop of all polls; ends by being cancelled."""
        while True:
            await asyncio.sleep(POLL_EVERY)
            if self._revoked is not self._exchange.revoked():
                self._revoked = self._exchange.revoked()
                self._wake(tuple(self._open), there=False)
            if self._open:
                try:
                    self._wake(await self._in_turn.run(partial(self._ask, tuple(self._open), _time())))
                except Exception:  # noqa: BLE001, S112  # each poll finds out for itself when its time is over
                    continue

    def wake_all(self) -> None:
        """Every poll looks now, and answers what it finds: the gateway ends."""
        self._wake(tuple(self._open))

    def _ask(self, addresses: tuple[str, ...], now: float) -> Iterable[str]:
        with self._exchange.gate:
            size = self._exchange.store.head().size
            if size == self._size and now - self._asked < ASK_ANYWAY:
                return ()
            self._size, self._asked = size, now
            return self._exchange.ready(addresses)

    def _wake(self, addresses: Iterable[str], *, there: bool = True) -> None:
        for address in addresses:
            for future in self._open.get(address, ()):
                if not future.done():
                    future.set_result(there)


def _time() -> float:
    return asyncio.get_running_loop().time()
