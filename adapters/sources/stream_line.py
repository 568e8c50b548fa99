# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a running edge and its stream worker say to each other, over a pair of sockets that nobody else has.

Guarantees: a frame is whole or not there; one that asks is answered under its number, or the line is over and both sides
know.
"""

import asyncio
import struct
from collections.abc import Mapping
from typing import Any, Final

import cbor2

from adapters.sources.record import Record

Frame = Mapping[str, Any]

_LENGTH: Final = struct.Struct(">I")

# From the worker: the state of the way to the brokers, records to take, what became of notices, that records were read
# again, what a library warned of.
STATE, TAKE, SENT, AGAIN_DONE, WARNED = "state", "take", "sent", "again-done", "warned"
# From the edge: what to do, what became of records, notices to send, to read again, the end.
SETUP, ANSWER, SEND, AGAIN, END = "setup", "answer", "send", "again", "end"

# The way to the brokers, as the worker says it: nobody answers; who answers does not take this edge for whom it says it is;
# a topic is not there or not to be seen; all is well.
AWAY, REFUSED, MISSING, CONNECTED = "away", "refused", "topic-missing", "connected"


class LineOverError(Exception):
    """The other side is gone."""


class Line:
    """One side of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()
        self._numbers = 0
        self._asked: dict[int, asyncio.Future[Frame]] = {}

    async def read(self) -> Frame:
        """The next frame that answers nothing; answers go to who asked.

        Raises:
            LineOverError: there is none any more.
        """
        while True:
            try:
                (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
                frame: Frame = cbor2.loads(await self._reader.readexactly(length))
            except (asyncio.IncompleteReadError, OSError, cbor2.CBORDecodeError):
                self._over()
                raise LineOverError from None
            waiting = self._asked.pop(frame["to"], None) if "to" in frame else None
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)
            elif "to" not in frame:
                return frame

    async def write(self, kind: str, **content: object) -> None:
        """Says something.

        Raises:
            LineOverError: nobody hears it.
        """
        data = cbor2.dumps({"kind": kind, **content})
        async with self._turn:
            try:
                self._writer.write(_LENGTH.pack(len(data)) + data)
                await self._writer.drain()
            except OSError:
                raise LineOverError from None

    async def ask(self, kind: str, **content: object) -> Frame:
        """Says something and waits for the answer, as long as the other side is there.

        Raises:
            LineOverError: none will come.
        """
        self._numbers += 1
        number = self._numbers
        self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            await self.write(kind, number=number, **content)
            return await self._asked[number]
        finally:
            self._asked.pop(number, None)

    async def close(self) -> None:
        """Ends it from this side."""
        self._over()
        self._writer.close()

    def _over(self) -> None:
        for one in self._asked.values():
            if not one.done():
                one.set_exception(LineOverError())


def as_frame(record: Record) -> list[object]:
    """A record as it goes over the line."""
    place = (record.topic, record.partition, record.offset, record.at)
    return [*place, record.value, [list(one) for one in record.headers], record.too_large]


def as_record(said: list[Any]) -> Record:
    """The same back."""
    topic, partition, offset, at, value, headers, too_large = said
    return Record(topic, partition, offset, at, value, [(name, of) for name, of in headers], too_large)
