# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The one lock of the exchange, that can be closed: then everybody else is refused at once, where they would wait.

What was in hand ends first, so that nothing is half done when it closes.  Whoever holds it works by one look at the head of
the log, see `hub.store.Store.look`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from hub.store import StoreError


class Gate:
    """A lock that its own thread may take again.  `look` is entered while it is held."""

    def __init__(self, look: Callable[[], AbstractContextManager[None]]) -> None:
        self._lock = threading.RLock()
        self._look = look
        self._looks: list[AbstractContextManager[None]] = []
        self._why = ""
        self._closed_by = 0

    @property
    def is_closed(self) -> bool:
        """Whether others are refused."""
        return bool(self._why)

    def __enter__(self) -> None:
        """Raises: StoreError: it is closed; try again later."""
        self._lock.acquire()
        if self._why and self._closed_by != threading.get_ident():
            self._lock.release()
            raise StoreError(self._why)
        self._looks.append(self._look())
        self._looks[-1].__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets the next one in."""
        self._looks.pop().__exit__(kind, error, trace)
        self._lock.release()

    @contextmanager
    def closed(self, why: str) -> Iterator[None]:
        """Closed to everybody but this thread, until the block fails; for good when it ends well.

        Raises:
            StoreError: another has closed it.
        """
        with self:
            if self._why:
                raise StoreError(self._why)
            self._why, self._closed_by = why, threading.get_ident()
        try:
            yield
        except BaseException:
            self._why = ""
            raise
