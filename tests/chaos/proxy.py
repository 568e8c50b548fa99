# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A line between an edge and the hub that can be told to misbehave.  It hands on TCP, so TLS stays end to end.

    python -m tests.chaos.proxy LISTEN-HOST LISTEN-PORT HOST PORT

A process of its own, told what to do by lines on its standard input; it answers each with a line of JSON, the first one
unasked: where it listens.  It ends with its standard input.

    pass                     hand on everything
    delay SECONDS            everything arrives so much later, in each direction
    cut-request FROM TO      a connection breaks after some bytes of the edge, a different number each time
    cut-answer FROM TO       the same for bytes of the hub
    lose-answers FROM TO     the hub hears everything; after some bytes its answers vanish, and so does the connection
    refuse                   every connection breaks, open ones too
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from contextlib import suppress
from dataclasses import dataclass, field

FROM_EDGE, FROM_HUB = 0, 1
_CHUNK = 16_384
_LOSES_SECONDS = 0.3  # from an answer that vanishes to the end of its connection: the hub has finished by then
_CUTS = {"cut-request": FROM_EDGE, "cut-answer": FROM_HUB, "lose-answers": FROM_HUB}


@dataclass(slots=True, eq=False)
class _Pair:
    """A connection of an edge with the one to the hub that belongs to it.  `left`: bytes until it breaks."""

    edge: asyncio.StreamWriter
    hub: asyncio.StreamWriter
    left: int | None = None

    def cut(self) -> None:
        for writer in (self.edge, self.hub):
            writer.transport.abort()


@dataclass(slots=True)
class Proxy:
    """The line.  What it does can change at any moment, for open connections too."""

    host: str
    port: int
    mode: str = "pass"
    numbers: tuple[float, ...] = ()
    made: int = 0
    broken: int = 0
    pairs: set[_Pair] = field(default_factory=set)
    chance: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311  # where to cut

    def told(self, line: str) -> dict[str, object]:
        """Does what a line says, from now on; what happened so far."""
        self.mode, *numbers = line.split()
        self.numbers = tuple(float(number) for number in numbers)
        for pair in self.pairs:
            pair.left = None
            if self.mode == "refuse":
                self._break(pair)
        return {"mode": self.mode, "made": self.made, "broken": self.broken}

    async def serve(self, reader: asyncio.StreamReader, edge: asyncio.StreamWriter) -> None:
        """One connection of an edge, to its end."""
        self.made += 1
        try:
            if self.mode == "refuse":
                raise ConnectionRefusedError
            hub_reader, hub = await asyncio.open_connection(self.host, self.port)
        except OSError:
            self.broken += 1
            edge.transport.abort()
            return
        pair = _Pair(edge, hub)
        self.pairs.add(pair)
        try:
            await asyncio.gather(self._pump(pair, FROM_EDGE, reader, hub), self._pump(pair, FROM_HUB, hub_reader, edge))
        finally:
            self.pairs.discard(pair)
            pair.cut()

    async def _pump(self, pair: _Pair, way: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1_000)
        arrives = asyncio.create_task(self._arrive(late, writer))
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if _CUTS.get(self.mode) == way and not await self._passes(pair, data, writer):
                    break
                await late.put((loop.time() + (self.numbers[0] if self.mode == "delay" else 0.0), data))
        await late.put((0.0, b""))
        await arrives

    async def _arrive(self, late: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while True:
                due, data = await late.get()
                if not data:
                    break
                await asyncio.sleep(max(0.0, due - loop.time()))
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def _passes(self, pair: _Pair, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Whether these bytes still go; else the connection is broken after those that do."""
        if pair.left is None:
            pair.left = self.chance.randint(int(self.numbers[0]), int(self.numbers[1]))
        pair.left -= len(data)
        if pair.left >= 0:
            return True
        if self.mode == "lose-answers":
            await asyncio.sleep(_LOSES_SECONDS)
        else:
            writer.write(data[: pair.left])
            await asyncio.sleep(0.01)  # what still goes has arrived
        self._break(pair)
        return False

    def _break(self, pair: _Pair) -> None:
        self.broken += 1
        pair.cut()


async def _run(listen: tuple[str, int], to: tuple[str, int]) -> None:
    proxy = Proxy(*to)
    server = await asyncio.start_server(proxy.serve, *listen)
    _say({"listening": server.sockets[0].getsockname()[1]})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        _say(proxy.told(line.decode()))
    server.close()
    for pair in proxy.pairs:
        pair.cut()


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run((sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))))
