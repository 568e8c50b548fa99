# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a process on the database knows of the head of the log, and when it looks again.

* One look is one round trip: the row of the head, and whether anything is due or ripe by now.
* Outside `look` each question is a look of its own, so it sees every commit that ended before it.
* Inside, one look answers all that its thread asks, until that thread commits or anything goes wrong.  A read of grants
  reads the head once more, in the same statement: the newest fact is never older than the grants beside it.
* So nothing is decided by what one look found alone: the commit compares grants and addresses, and is `Stale` or `Fenced`.
* Addresses and recovery are read anew when the head says that they have changed.
* A database that lacks what this process saw committed is refused: it was put back, or another was promoted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from hub import store_postgres_sql as sql
from hub.audit.merkle import NodeSource, root_at
from hub.postgres_link import bytea_array
from hub.store import AddressRow, Head, RecoveryRow, StoreError
from hub.store_postgres_session import Row, Session

LACKS = (
    "the database lacks entries that it had: it was put back or another was promoted; a hub begins again by itself, in "
    "recovery, and a worker is started again"
)


class Look(NamedTuple):
    """The head, the clock when it was looked at, and whether by then anything was due or ripe."""

    head: Head
    at: int
    is_due: bool
    is_ripe: bool

    @property
    def now(self) -> int:
        """The time that decisions use."""
        return max(self.at, self.head.committed_at)


class _OfThread(threading.local):
    """How deep a thread stands in looks, and what the newest one found."""

    depth = 0
    found: Look | None = None


class Lookout(Session, NodeSource):
    """The head of the log as this process sees it.  Whoever calls holds the lock of the store."""

    def __init__(self, dsn: str, day_keys: Path, clock: Callable[[], int] | None) -> None:
        super().__init__(dsn, day_keys)
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._mine = _OfThread()
        self._seen: Head | None = None
        self._committed = 0
        self._directory = -1
        self._addresses: dict[str, AddressRow] = {}
        self._recovery: RecoveryRow | None = None

    @contextmanager
    def look(self) -> Iterator[None]:
        """See `hub.store.Store`."""
        mine = self._mine
        mine.depth += 1
        try:
            yield
        finally:
            mine.depth -= 1
            if not mine.depth:
                mine.found = None

    def _look_anew(self) -> None:
        """What was seen may be so no longer: the next question is asked of the database."""
        self._mine.found = None

    def _glance(self) -> Look:
        if self._mine.found is not None:
            return self._mine.found
        at = self._clock()
        [(*head, is_due, is_ripe)] = self._run(sql.LOOK, {"at": at})
        found = Look(self._noted(*head), at, is_due, is_ripe)
        if self._mine.depth:
            self._mine.found = found
        return found

    def _nothing_is(self, what: str, now: int) -> bool:
        """Whether the look of now found that nothing is `due`, or `ripe`, by `now`."""
        found = self._mine.found
        return found is not None and now <= found.now and not (found.is_due if what == "due" else found.is_ripe)

    def _grants_now(self, handles: Iterable[bytes]) -> list[Row]:
        """The rows of the grants; inside a look the head of that very moment too."""
        asked = (bytea_array(list(set(handles))),)
        if self._mine.found is None:
            return self._run(sql.READ_GRANTS, asked)
        rows = self._run(sql.READ_GRANTS_AND_HEAD, asked)
        [root, size, newest, _, at, directory, _] = rows.pop()
        self._mine.found = self._mine.found._replace(head=self._noted(size, root, newest, at, directory))
        return rows

    def _noted(self, size: int, root: bytes, newest: int, at: int, directory: int) -> Head:
        if directory != self._directory:
            # Read after the number that says how new they are: what changes in between is read again at the next look.
            self._addresses = {row[1]: AddressRow(*row) for row in self._run(sql.READ_ADDRESSES)}
            rows = self._run(sql.READ_RECOVERY)
            self._recovery = RecoveryRow(rows[0][0], rows[0][1], frozenset(rows[0][2])) if rows else None
            self._directory = directory
        head = Head(size, root, newest, at)
        if self._seen is not None and size < self._seen.size:
            self._refuse()  # put back under a connection that lasted
        if self._seen is None or head.size > self._seen.size:
            self._seen = head
        return head

    def _look_again(self) -> None:
        self._directory = -1
        self._look_anew()
        self._need_what_was_seen()

    def _need_what_was_seen(self) -> None:
        seen = self._seen
        if seen is None:
            return
        found = self._glance().head
        if found.size < max(seen.size, self._committed) or root_at(self, seen.size) != seen.root:
            self._refuse()

    def _refuse(self) -> NoReturn:
        self._refuses = LACKS
        raise StoreError(LACKS)
