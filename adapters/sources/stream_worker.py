# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The process that reads and writes the organisation's topics for a running edge: one Faust agent per topic.

It knows Kafka and nothing else: no format, no key, no store.  What it reads it hands to the edge; what the edge says is
wrong with a record it puts in the quarantine topic; what the edge wants told it writes.

Guarantees:
- a record is acknowledged when the edge has it on disk, or when its report stands in the quarantine topic, and not before;
- records of one partition are handed over in their order, and one that must wait keeps those behind it waiting;
- of a transaction that was rolled back nothing is read;
- it ends when the edge says so or is gone, within seconds, and whenever its way to the brokers breaks: the edge starts
  another, which goes on where Kafka knows that it was, and is handed nothing twice that the edge does not recognise.
"""

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import EventT, StreamT

from adapters.sources.record import Record
from adapters.sources.stream_again import read_again, record_of
from adapters.sources.stream_app import make_app
from adapters.sources.stream_line import (
    AGAIN,
    AGAIN_DONE,
    AWAY,
    CONNECTED,
    END,
    MISSING,
    REFUSED,
    SEND,
    SENT,
    STATE,
    TAKE,
    WARNED,
    Frame,
    Line,
    LineOverError,
    as_frame,
)
from adapters.sources.stream_reach import NotTakenError, admin, need_taken
from adapters.sources.stream_setup import ANSWER_SECONDS, MOST, Setup
from adapters.stream_access import SecretError

HELD: Final = 4 << 20  # bytes of them
AGAIN_SECONDS: Final = 60.0  # between two times that a library's same warning is handed on
PROBE_SECONDS: Final = 2.0  # between two looks whether the brokers answer
STOP_SECONDS: Final = 6.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
_SECONDS: Final = 1000  # milliseconds: in those Faust gives the time of a record
ENDS_BROKEN: Final = 3  # the code with which it ends when its way to the brokers broke


class BrokerAwayError(Exception):
    """The brokers don't answer, or not as they should."""


class Worker:
    """One way to the brokers, until it breaks or is told to end."""

    def __init__(self, line: Line, setup: Setup, folder: str) -> None:
        self._line, self._setup, self._folder = line, setup, folder
        self._app = make_app(setup, folder)
        self._queue: asyncio.Queue[EventT[bytes]] = asyncio.Queue(MOST)
        self._ending = asyncio.Event()
        self._broken: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        for number, name in enumerate(setup.topics):
            topic = self._app.topic(name, value_type=bytes, allow_empty=True)
            self._app.agent(topic, name=f"read-{number}")(self._read)

    async def _read(self, stream: StreamT[Any]) -> None:
        """The agent: every event waits in one queue for its batch; that it is bounded keeps Kafka from being read ahead."""
        async for event in stream.noack().events():  # type: ignore[attr-defined]  # of every stream that there is
            await self._queue.put(event)

    async def run(self) -> None:
        """Until it is told to end.

        Raises:
            BrokerAwayError: the way broke.
        """
        self._begin(self._hear())
        asks = await self._reached()
        try:
            if not self._ending.is_set():
                await self._work(asks)
        finally:
            with suppress(Exception):
                await asks.close()

    async def _work(self, asks: AIOKafkaAdminClient) -> None:
        app = self._app
        try:
            await asyncio.wait_for(app.start(), ANSWER_SECONDS * 4)
            self._begin(self._drain())
            await self._line.write(STATE, state=CONNECTED)
            while not self._ending.is_set() and not app.should_stop and self._broken is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), PROBE_SECONDS)
                await self._probe(asks)
            if self._broken is not None:
                raise self._broken
            if not self._ending.is_set():
                raise BrokerAwayError
        finally:
            # What was acknowledged is committed here. Killed before: it is read again, and known. Without brokers the
            # library waits for them a minute, whoever cancels it; so this process ends without waiting for it.
            await asyncio.wait({asyncio.ensure_future(app.stop())}, timeout=STOP_SECONDS)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()

    # -- brokers -----------------------------------------------------------------------------------------------------

    async def _reached(self) -> AIOKafkaAdminClient:
        """Waits until the brokers answer and every topic is there; says once what it waits for.

        Raises:
            NotTakenError: they answer, and do not take this edge for whom it says it is.
            SecretError: its password can't be used.
        """
        setup, said, pause = self._setup, "", FIRST_PAUSE
        while True:
            asks = admin(setup)
            state = AWAY
            missing: list[str] = []
            with suppress(KafkaError, OSError, TimeoutError):
                await need_taken(setup)
                await asyncio.wait_for(asks.start(), ANSWER_SECONDS)
                missing = await self._missing(asks)
                state = MISSING if missing else CONNECTED
            if state == CONNECTED or self._ending.is_set():
                return asks
            with suppress(Exception):
                await asks.close()
            if state != said:
                await self._line.write(STATE, state=state, topics=missing)
                said = state
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _missing(self, asks: AIOKafkaAdminClient) -> list[str]:
        found = await asyncio.wait_for(asks.describe_topics(self._setup.named), ANSWER_SECONDS)
        return [one["topic"] for one in found if one["error_code"]]

    async def _probe(self, asks: AIOKafkaAdminClient) -> None:
        """Whether brokers and topics are still there.

        Raises:
            BrokerAwayError: they are not.
        """
        try:
            missing = await self._missing(asks)
        except (KafkaError, OSError, TimeoutError):
            raise BrokerAwayError from None
        if missing:
            raise BrokerAwayError

    # -- in ----------------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Hands over what is there, as much as goes together, and then what came meanwhile."""
        while True:
            batch = [await self._queue.get()]
            size = _size(batch[0])
            while len(batch) < MOST and size < HELD and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                size += _size(batch[-1])
            await self._settle(batch)

    async def _settle(self, batch: list[EventT[bytes]]) -> None:
        pause = FIRST_PAUSE
        while batch:
            records = [as_frame(record_of(one.message, self._setup.largest, _SECONDS)) for one in batch]
            answer = await self._line.ask(TAKE, records=records)
            settled = int(answer["settled"])
            await self._quarantine([(batch[number], data) for number, data in answer["reports"]])
            # The edge has them on disk, or their reports stand in the quarantine topic. A crash here: they are read
            # again; the edge knows what it took, and a report comes again under the same key.
            for one in batch[:settled]:
                one.ack()
            batch = batch[settled:]
            if settled:
                pause = FIRST_PAUSE
            elif batch:  # the first one waits, for the hub or for a person
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _quarantine(self, found: Sequence[tuple[EventT[bytes], bytes]]) -> None:
        if not found:
            return
        topic = self._app.topic(str(self._setup.quarantine), value_type=bytes)
        sent = []
        for event, data in found:
            message = event.message
            key = f"{message.topic}/{message.partition}/{message.offset}".encode()
            sent.append(await topic.send(key=key, value=data))
        await asyncio.gather(*sent)

    async def _again(self, frame: Frame) -> None:
        """Reads again what was acknowledged since a moment: the edge was put back from a copy. Whether all of it was."""
        done = False
        with suppress(KafkaError, OSError, TimeoutError):
            await read_again(self._setup, frame["since"], self._hand_over)
            done = True
        await self._line.write(AGAIN_DONE, to=frame["number"], done=done)

    async def _hand_over(self, records: list[Record]) -> None:
        pause = FIRST_PAUSE
        while records:
            answer = await self._line.ask(TAKE, records=[as_frame(one) for one in records], again=True)
            records = records[int(answer["settled"]) :]
            if records:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    # -- out ---------------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """What the edge says; when it is gone, so is this."""
        try:
            while True:
                frame = await self._line.read()
                if frame["kind"] == SEND:
                    self._begin(self._send(frame))
                elif frame["kind"] == AGAIN:
                    self._begin(self._again(frame))
                elif frame["kind"] == END:
                    self._ending.set()
        except LineOverError:
            shutil.rmtree(self._folder, ignore_errors=True)
            os._exit(0)  # the edge was killed: what is not acknowledged is read again

    async def _send(self, frame: Frame) -> None:
        """Writes notices, and says of each whether it stands in the topic: a doubtful one doesn't."""
        told = await asyncio.gather(*(self._told(*one) for one in frame["notices"]))
        await self._line.write(SENT, to=frame["number"], told=told)

    async def _told(self, key: bytes, value: bytes, headers: Mapping[str, bytes]) -> bool:
        if not self._app.started or self._setup.notices is None:
            return False
        topic = self._app.topic(self._setup.notices, value_type=bytes)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                sent = await topic.send(key=key, value=value, headers=dict(headers))
                await sent
        except Exception:  # noqa: BLE001  # whatever it was, it is not told; the edge tells it again
            return False
        return True


def _size(event: EventT[bytes]) -> int:
    return len(event.message.value or b"")


class _Warned(logging.Handler):
    """Of what a library says only its name, the level and the kind of error goes on, since its text may hold a record; the
    same once a minute, since without brokers it says the same forty times a second."""

    def __init__(self, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._line, self._loop = line, loop
        self._said: dict[tuple[str, str, str | None], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        kind = None if not record.exc_info or record.exc_info[0] is None else record.exc_info[0].__name__
        what = (record.name, record.levelname, kind)
        now = time.monotonic()
        if now - self._said.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._said[what] = now
        said = self._line.write(WARNED, name=record.name, level=record.levelname, error=kind)
        asyncio.run_coroutine_threadsafe(said, self._loop)


async def _main(line_on: socket.socket) -> None:
    line, code = Line(*await asyncio.open_unix_connection(sock=line_on)), 0
    logging.getLogger().addHandler(_Warned(line, asyncio.get_running_loop()))
    with tempfile.TemporaryDirectory(prefix="schakel-streams-") as folder, suppress(LineOverError):
        said = await line.read()
        setup = Setup.as_said(said["setup"])
        try:
            await Worker(line, setup, folder).run()
        except (NotTakenError, SecretError) as error:
            code = ENDS_BROKEN  # the next one reads password or token anew
            await line.write(STATE, state=REFUSED, why=str(error))
        except (BrokerAwayError, KafkaError, OSError, TimeoutError, ConsumerNotStarted):
            code = ENDS_BROKEN
            await line.write(STATE, state=AWAY, topics=[])
        except LineOverError:
            code = 0
        except Exception as error:  # noqa: BLE001  # said to the edge, by its kind alone
            code = 1
            await line.write(WARNED, name=__name__, level="ERROR", error=type(error).__name__)
    os._exit(code)  # tasks and threads of the library may still wait for a broker


if __name__ == "__main__":
    # The edge says when it ends: a signal to the whole group, as from a terminal, is for the edge.
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    asyncio.run(_main(socket.socket(fileno=int(sys.argv[1]))))
