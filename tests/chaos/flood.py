# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Very many connections to a hub at once, by somebody who has no certificate and says nothing.

    python -m tests.chaos.flood HOST PORT COUNT

A process of its own, so that its file descriptors are its own.  Whenever the hub ends one, another is made.  It says
with lines of JSON how many are open, once a second, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from contextlib import suppress

_AT_ONCE = 200  # that are being made
_SPARE = 100  # descriptors for other things


async def _hold(host: str, port: int, gate: asyncio.Semaphore, open_now: set[int], number: int) -> None:
    while True:
        with suppress(OSError):
            async with gate:
                reader, writer = await asyncio.open_connection(host, port)
            open_now.add(number)
            with suppress(OSError):
                await reader.read()  # until the hub ends it
            writer.transport.abort()
        open_now.discard(number)
        await asyncio.sleep(0.5)


async def _run(host: str, port: int, count: int) -> None:
    gate, open_now = asyncio.Semaphore(_AT_ONCE), set[int]()
    holding = [asyncio.create_task(_hold(host, port, gate, open_now, number)) for number in range(count)]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    end = asyncio.create_task(lines.read())
    while not end.done():
        sys.stdout.write(json.dumps({"open": len(open_now)}) + "\n")
        sys.stdout.flush()
        await asyncio.wait({end}, timeout=1.0)
    for task in holding:
        task.cancel()


def main(host: str, port: int, count: int) -> None:
    """Raises the limit of descriptors as far as it goes, and begins."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < count + _SPARE:
        raise SystemExit(f"this needs {count + _SPARE} file descriptors and may have {most}")
    asyncio.run(_run(host, port, count))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
