# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One writer per edge store: a running edge lends its store to a command, and has it back when the command is done.

* The edge finishes what is in hand, lets go of store and lock, and waits; killed or done, the command gives it back.
* While it is lent, the lender still listens: no standby takes the store meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hub.control_socket import Values, asked, is_served

LEND = "lend"


@contextmanager
def borrowed(data_folder: Path) -> Iterator[None]:
    """While the block lasts, no running edge works with the store in this folder.

    Raises:
        ControlError: a running edge does not answer.
    """
    if not is_served(data_folder):
        yield
        return
    with asked(data_folder, LEND):
        yield


class Lender:
    """The running edge's side.  `wake` ends what it waits for."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._turn = asyncio.Lock()
        self._free = asyncio.Event()
        self._back = asyncio.Event()
        self.wanted = False

    @asynccontextmanager
    async def lend(self, values: Values) -> AsyncIterator[Values]:
        """Handles the request of a command: answers when the store is free, ends when the command is done."""
        async with self._turn:
            self._free.clear()
            self._back.clear()
            self.wanted = True
            self._wake()
            try:
                await self._free.wait()
                yield {"lent": True}
            finally:
                self.wanted = False
                self._back.set()

    def give_up(self) -> None:
        """The process ends: whoever has the store keeps it, nobody waits for it to come back."""
        self._back.set()

    async def let_go(self) -> None:
        """The store is closed: waits until it is back."""
        self._free.set()
        await self._back.wait()
