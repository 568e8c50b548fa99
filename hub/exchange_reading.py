# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the exchange tells without changing anything: to edges their own, to the operator figures."""

from __future__ import annotations

from typing import cast

from hub.attestations import sha_of
from hub.client import (
    Feed,
    FeedItem,
    HandleState,
    LoggedFact,
    Published,
)
from hub.exchange_core import FEED_PAGE, ExchangeCore
from hub.registry import Partners
from schemas import entry
from schemas.calendar import day_of
from schemas.fact import Register, parse_fact


class ReadingRoom(ExchangeCore):
    """Feeds, facts, handles, manifests, checkpoints; partners and counts."""

    def outcomes(self, via: str, after: int) -> Feed:
        """The feed of an address after a number."""
        with self._lock:
            self._tick()
            partner = self._admitted(via)
            rows = self.store.feed(partner.number, after, FEED_PAGE + 1)
            items = tuple(FeedItem(*row) for row in rows[:FEED_PAGE])
            return Feed(self.log.origin, items, more=len(rows) > FEED_PAGE)

    def facts_after(self, via: str, index: int) -> list[LoggedFact]:
        """The facts that an address signed, from entry `index` on, at most a page of them."""
        with self._lock:
            rows = self.store.facts_of(self._admitted(via).number, index, FEED_PAGE)
            return [self._logged(at, frame) for at, frame in rows]

    def _logged(self, index: int, frame: bytes) -> LoggedFact:
        record, salt = self._opened(index)
        return LoggedFact(index, frame, cast("int", entry.items_of(record)[1]), salt)

    def handles(self, via: str) -> list[HandleState]:
        """One's own registered handles that are not forgotten."""
        with self._lock:
            number, states, index = self._admitted(via).number, list[HandleState](), 0
            while page := self.store.facts_of(number, index, FEED_PAGE):
                bodies = [fact.body for fact in (parse_fact(frame) for _, frame in page)]
                states += self._states(number, [body for body in bodies if isinstance(body, Register)])
                index = page[-1][0] + 1
            return states

    def _states(self, number: int, bodies: list[Register]) -> list[HandleState]:
        handles = [body.handle for body in bodies]
        rows = self.store.grants(handles)
        others = {row.handle for row in self.store.stops(handles) if row.signer != number}
        return [
            HandleState(
                body.month,
                body.handle,
                None if not rows[body.handle].stopped else "other" if body.handle in others else "me",
            )
            for body in bodies
            if body.handle in rows
        ]

    def manifests(self, via: str, address: str) -> list[Published]:
        """All manifests of an address with their attestations, oldest first; none for an unknown one."""
        with self._lock:
            self._admitted(via)
            partner = self._directory.partners().by_address.get(address)
            rows = [] if partner is None else self.store.manifests(partner.number)
            named = [(sha_of(frame), index, frame) for index, frame in rows]
            attested = self.store.attestations(sha for sha, _, _ in named)
            return [Published(frame, index, attested.get(sha, b"")) for sha, index, frame in named]

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        with self._lock:
            return self._again(lambda: self.log.checkpoint(self.store.now()))  # another process may sign a later one

    def snapshot(self) -> tuple[Partners, int]:
        """Everyone and the day, for `check`."""
        with self._lock:
            return self._directory.partners(), day_of(self.store.now())

    def partners(self) -> Partners:
        """Everyone, for the operator."""
        with self._lock:
            return self._directory.partners()

    def counts(self) -> dict[str, int]:
        """How much there is, for the operator."""
        with self._lock:
            return self.store.counts()

    def backlog(self) -> tuple[dict[int, tuple[int, int]], int]:
        """Per partner number how many envelopes wait and since when the oldest does; and when the last commit was."""
        with self._lock:
            waiting = self.store.backlog()
            numbers = self._directory.partners().by_number
            return {one: waiting.get(one, (0, 0)) for one in numbers}, self.store.head().committed_at
