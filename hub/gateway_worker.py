# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where the gateway's work is done: one thread for the exchange, some for signatures, none for waiting.

* Group commit: while one commit runs, what arrives gathers; the next takes at most 200 envelopes, one request per
  partner in turn.  So nobody waits behind more than one batch, whatever another partner loads.
* Larger requests are read and verified by a process for each other core meanwhile (`hub.gateway_checker`); where there
  is one core, here, a few envelopes at a time.
* Long polls: one question every 50 ms for all of them, only when the log has grown, and once a second.  All of them look
  whether they may still be there when a certificate was revoked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from hub.exchange import Checked, Exchange
from hub.exchange_core import BATCH
from hub.gateway_caller import Snapshot
from hub.gateway_checker import Checkers, usable_cores
from schemas.codes import Code

ALONE = 8  # so many envelopes at once are not worth asking another
POLL_EVERY = 0.05
ASK_ANYWAY = 1.0  # leases end and notices ripen without an entry
T = TypeVar("T")
Run = Callable[[Callable[[], Any]], Awaitable[Any]]


class Intake(Protocol):
    """Where envelopes go instead, when others decide them: `hub.intake_gateway`."""

    async def take(self, checked: Checked, run: Run) -> list[Code]:
        """The answers, after what was taken is durable."""

    async def watch(self) -> None:
        """What it does by itself; ends by being cancelled."""

    def close(self) -> None:
        """Ends it."""


class Worker:
    """The exchange, from an event loop."""

    def __init__(self, exchange: Exchange, intake: Intake | None = None) -> None:
        self._exchange = exchange
        self._intake = intake
        self._one = ThreadPoolExecutor(1, "exchange")
        others = usable_cores() - 1  # the hub itself needs one
        self._checkers = Checkers() if others else None
        self._verifiers = ThreadPoolExecutor(max(others, 1), "verify")
        self._waiting: dict[str, deque[tuple[Checked, asyncio.Future[list[Code]]]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """The answer of a call that uses the exchange; they run one after another."""
        return await asyncio.get_running_loop().run_in_executor(self._one, call)

    async def send(self, via: str, frames: Sequence[bytes], snapshot: Snapshot) -> list[Code]:
        """The answers to envelopes, after a commit that many requests may share."""
        loop = asyncio.get_running_loop()
        checked = await self._checked(via, frames, snapshot)
        if self._intake is not None:
            return await self._intake.take(checked, self.run)
        answer: asyncio.Future[list[Code]] = loop.create_future()
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
        self._one.shutdown()

    async def _decide(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                try:
                    answers = await self.run(partial(self._exchange.decide, [checked for checked, _ in batch]))
                except Exception as error:  # noqa: BLE001  # each caller gets it and says what it means
                    _tell(batch, [error] * len(batch))
                else:
                    _tell(batch, answers)
        finally:
            self._task = None

    def _take(self) -> list[tuple[Checked, asyncio.Future[list[Code]]]]:
        taken: list[tuple[Checked, asyncio.Future[list[Code]]]] = []
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


def _tell(
    batch: Iterable[tuple[Checked, asyncio.Future[list[Code]]]], answers: Iterable[list[Code] | Exception]
) -> None:
    for (_, answer), result in zip(batch, answers, strict=True):
        if answer.done():  # its connection was cut: the envelopes are stored all the same
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)


class Polls:
    """The open polls."""

    def __init__(self, exchange: Exchange, worker: Worker) -> None:
        self._exchange = exchange
        self._worker = worker
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
                    self._wake(await self._worker.run(partial(self._ask, tuple(self._open), _time())))
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
