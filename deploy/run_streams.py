# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The stream adapter of a running edge: starts the worker that reads and writes its topics, and takes what that reads.

* The worker is a process of its own, with a Faust app in it: its event loop, its threads and whatever goes wrong in them
  hold up nothing of the edge, and it can always be ended.  It gets no key of the edge, nor the passphrase of its store.
* It ends with the edge: told to when the edge stops, by the end of its line when the edge is killed.
* When its way to the brokers breaks it ends too, and another is started after 1, 2, 4 ... 30 seconds.
* While a command has the store, records wait; so they do, in their order, while the hub must be asked and is away.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec

from adapters.config import EdgeConfig
from adapters.edge import Edge
from adapters.formats import WRITERS
from adapters.notices_sent import Outgoing, send_notices
from adapters.sources import stream_line as line_of
from adapters.sources.record import Record
from adapters.sources.stream_line import AWAY, CONNECTED, MISSING, REFUSED, Frame, Line, LineOverError, as_record
from adapters.sources.stream_setup import Setup
from adapters.sources.taking import Records, Settled
from adapters.stream_config import StreamConfig
from adapters.stream_metrics import KNOWN, QUARANTINED, TAKEN, StreamCounts
from deploy.exits import failed, place_of
from deploy.logs import Event, Log

WORKER = "adapters.sources.stream_worker"
ENDS_BROKEN = 3  # the code with which a worker ends whose way to the brokers broke
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
REST_SECONDS = 5.0  # so long is waited for what is in hand
STOP_SECONDS = 9.0  # so long the worker may take to end in order
SEND_SECONDS = 15.0
TOGETHER = 200  # notices
_SOON = 0.2  # seconds from a record to the pass that sends it on, so that a burst makes one pass
_AGAIN = 2.0  # seconds between two looks for notices that could not be sent


def need_faust(config: EdgeConfig) -> None:
    """Says at the start what is missing.

    Raises:
        Stopped: the settings name topics, and what reads them is not installed.
    """
    if config.streams is not None and find_spec("faust") is None:
        raise failed('The table [streams] needs the extra "streams": install it with `pip install schakel[streams]`.')


class Streams:
    """The worker, and what it is answered."""

    def __init__(
        self, config: EdgeConfig, log: Log, clock: Callable[[], int], took: Callable[[], None], counts: StreamCounts
    ) -> None:
        self._config, self._log, self._took, self._counts = config, log, took, counts
        self._settings = config.streams
        topics = {} if config.streams is None else config.streams.topics
        self._records = Records.of(topics, config.formats, config.largest_file, clock)
        self._edge: Edge | None = None
        self._has_edge = asyncio.Event()
        self._turn = asyncio.Lock()
        self._look = asyncio.Event()
        self._ending = asyncio.Event()
        self._keeps: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._said = ""
        self._pause = FIRST_PAUSE
        self._soon: asyncio.TimerHandle | None = None
        counts.is_set = self._settings is not None

    def passed(self) -> None:
        """A pass is over: there may be notices."""
        self._look.set()

    # -- the store ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serve(self, edge: Edge) -> AsyncIterator[None]:
        """Takes records and sends notices with this edge until the block ends; what is in hand then is finished."""
        if self._settings is None:
            yield
            return
        if self._keeps is None:
            self._keeps = asyncio.get_running_loop().create_task(self._keep(self._settings))
        self._edge = edge
        self._has_edge.set()
        sends = asyncio.get_running_loop().create_task(self._send_notices(edge))
        try:
            yield
        finally:
            self._has_edge.clear()
            self._look.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(REST_SECONDS), self._turn:
                    pass
            self._edge = None
            await asyncio.wait({sends}, timeout=REST_SECONDS)
            sends.cancel()  # as a crash: what was not confirmed is sent again
            await asyncio.gather(sends, return_exceptions=True)

    async def stop(self) -> None:
        """Ends the worker."""
        self._ending.set()
        if self._keeps is not None:
            await self._keeps

    # -- the worker --------------------------------------------------------------------------------------------------

    async def _keep(self, settings: StreamConfig) -> None:
        """There is a worker, until the end."""
        while not self._ending.is_set():
            try:
                await self._one(settings)
            except OSError as error:
                self._log(Event.FAULT, kind=type(error).__name__, place=place_of(error))
            self._counts.broken()
            if self._said == CONNECTED and not self._ending.is_set():
                self._state(AWAY)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _one(self, settings: StreamConfig) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            hidden = {self._config.passphrase_env}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", WORKER, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,  # a text of a library may hold a record
                env={name: value for name, value in os.environ.items() if name not in hidden},
            )
        line = Line(*await asyncio.open_unix_connection(sock=ours))
        ends = asyncio.get_running_loop().create_task(self._end(line))
        working: set[asyncio.Task[None]] = set()
        try:
            await line.write(line_of.SETUP, setup=Setup.of(settings, self._config.largest_file).as_frame())
            self._line = line
            while True:
                self._heard(line, await line.read(), working)
        except LineOverError:
            pass
        finally:
            self._line = None
            ends.cancel()
            for task in working:
                task.cancel()
            await asyncio.gather(ends, *working, return_exceptions=True)
            await line.close()
            code = await _gone(process)
            if code not in (0, ENDS_BROKEN):
                self._log(Event.FAULT, kind="stream-worker", code=code)

    async def _end(self, line: Line) -> None:
        await self._ending.wait()
        with suppress(LineOverError):
            await line.write(line_of.END)
        await asyncio.sleep(STOP_SECONDS)
        await line.close()

    def _heard(self, line: Line, frame: Frame, working: set[asyncio.Task[None]]) -> None:
        match frame["kind"]:
            case line_of.TAKE:
                task = asyncio.get_running_loop().create_task(self._answer(line, frame))
                working.add(task)
                task.add_done_callback(working.discard)
            case line_of.STATE:
                self._state(frame["state"], frame.get("topics", []), frame.get("why", ""))
            case line_of.WARNED:
                self._log(Event.LIBRARY, name=frame["name"], level=frame["level"], kind=frame["error"])

    def _state(self, state: str, topics: Sequence[str] = (), why: str = "") -> None:
        """Said when it changes."""
        self._counts.is_now(state)
        if state == self._said:
            return
        self._said = state
        if state == CONNECTED:
            self._pause = FIRST_PAUSE
            self._log(Event.BROKERS_THERE)
            self._look.set()
        elif state == MISSING:
            self._log(Event.TOPIC_MISSING, topics=", ".join(topics))
        elif state == REFUSED:
            self._log(Event.BROKERS_REFUSE, why=why)
        else:
            self._log(Event.BROKERS_AWAY)

    # -- in ----------------------------------------------------------------------------------------------------------

    async def _answer(self, line: Line, frame: Frame) -> None:
        records = [as_record(one) for one in frame["records"]]
        settled: Settled | None = None
        while settled is None:
            await self._has_edge.wait()  # a command has the store
            async with self._turn:
                if self._edge is not None and self._has_edge.is_set():
                    settled = await self._settle(self._edge, records, again=bool(frame.get("again")))
        counted = {TAKEN: settled.taken, KNOWN: settled.known, QUARANTINED: len(settled.reports)}
        for outcome, count in counted.items():
            self._counts.records[outcome] += count
        self._counts.waits = settled.count < len(records)
        if settled.taken:
            self._take_pass()
        with suppress(LineOverError):
            reports = [[number, data] for number, data in settled.reports.items()]
            await line.write(line_of.ANSWER, to=frame["number"], settled=settled.count, reports=reports)

    async def _settle(self, edge: Edge, records: Sequence[Record], *, again: bool) -> Settled:
        try:
            return await self._records.settle(edge, records, again=again)
        except Exception as error:  # noqa: BLE001  # a full disk, or a fault of ours: said, nothing is settled, and it is tried again
            self._log(Event.FAULT, kind=type(error).__name__, place=place_of(error))
            return Settled(0, {})

    def _take_pass(self) -> None:
        """What was taken is sent on at the next pass, soon."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_SOON, self._pass_now)

    def _pass_now(self) -> None:
        self._soon = None
        self._took()

    async def read_again(self, since: int) -> bool:
        """Takes again what the topics have said since a moment, in unix milliseconds; whether all of it was."""
        if self._settings is None or not self._settings.topics:
            return True
        if self._line is None or not self._counts.connected:
            return False
        try:
            return bool((await self._line.ask(line_of.AGAIN, since=since))["done"])
        except LineOverError:
            return False

    # -- out ---------------------------------------------------------------------------------------------------------

    async def _send_notices(self, edge: Edge) -> None:
        """Sends what waits after each pass; what could not be sent, again a little later."""
        if self._settings is None or self._settings.notices_topic is None or self._config.notices_out is None:
            return
        writer, left = WRITERS[self._config.notices_out](), True
        while self._has_edge.is_set():
            if left or self._look.is_set():
                self._look.clear()
                try:
                    sent, left = await send_notices(edge, writer, self._send)
                    self._counts.notices += sent
                except Exception as error:  # noqa: BLE001  # said, and tried again
                    self._log(Event.FAULT, kind=type(error).__name__, place=place_of(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), _AGAIN if left else None)

    async def _send(self, notices: Sequence[Outgoing]) -> list[bool]:
        found: list[bool] = []
        for begin in range(0, len(notices), TOGETHER):
            found += await self._sent(notices[begin : begin + TOGETHER])
        return found

    async def _sent(self, notices: Sequence[Outgoing]) -> list[bool]:
        if self._line is None or not self._counts.connected or not self._has_edge.is_set():
            return [False] * len(notices)
        said = [[one.key, one.content, {"schakel-notice": one.name.encode()}] for one in notices]
        try:
            async with asyncio.timeout(SEND_SECONDS):
                answer = await self._line.ask(line_of.SEND, notices=said)
        except (LineOverError, TimeoutError):
            return [False] * len(notices)
        return [bool(one) for one in answer["told"]]


async def _gone(process: asyncio.subprocess.Process) -> int:
    """The process is over, in order or not; how."""
    try:
        return await asyncio.wait_for(process.wait(), 1.0)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        return await process.wait()
