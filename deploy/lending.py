# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One writer per edge store: a running edge lends its store to a command, and has it back when the command is done.

* The edge finishes what is in hand, lets go of store and lock, and waits; killed or done, the command gives it back.
* While it is lent, the lender still listens: no standby takes the store meanwhile.
* An edge that is started while a command looks may be first to the store, and not listen yet: it is asked once it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from adapters.store import StoreTakenError
from hub.control_socket import Values, asked, is_served

LEND = "lend"
TAKEN_SECONDS = 5.0  # so long a command comes back for a store that somebody has and nobody lends
_AGAIN_SECONDS = 0.1
T = TypeVar("T")


@contextmanager
def on_loan(
    data_folder: Path, opens: Callable[[], AbstractContextManager[T]], wait: float = TAKEN_SECONDS
) -> Iterator[T]:
    """What `opens` opens in this folder, and no running edge works with it while the block lasts.

    Raises:
        ControlError: a running edge does not answer.
        StoreTakenError: for so many seconds another process has had the store, and lent it not.
    """
    end = time.monotonic() + wait
    while True:
        with ExitStack() as stack:
            stack.enter_context(borrowed(data_folder))
            try:
                opened = stack.enter_context(opens())
            except StoreTakenError:
                if time.monotonic() >= end:
                    raise
            else:
                yield opened
                return
        time.sleep(_AGAIN_SECONDS)


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
