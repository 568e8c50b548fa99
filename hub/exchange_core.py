# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every part of the exchange works with: the store and its one commit, the partners, the lock, what time brings.

A request that rested on something that has changed meanwhile is asked again; one of nobody who is admitted is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from consent.rules import RuleTable
from hub import delivery, grants, recovery
from hub.attestations import Attestations
from hub.audit.erasure import Standing
from hub.audit.log import EVERY_MS, Log
from hub.audit.term import Sweep
from hub.client import (
    HubRecoveringError,
    HubUnavailableError,
    RefusedError,
)
from hub.clock import Doubt, HubClock
from hub.gate import Gate
from hub.meter import Meter
from hub.pipeline import Known
from hub.refusals import Refusals
from hub.registry import ADMITTED, Directory, Partner
from hub.store import StaleError, Step, Store
from schemas.address import oin_of
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.signing import Verifier

BATCH = 200
FEED_PAGE = 1_000
T = TypeVar("T")
_AGAIN = 20  # a request that is stale this often meets a store that is in trouble


class ExchangeCore:
    """The hub in one process.  The time is the store's; `clock` says whether to decide by it.  `random` gives as many
    random bytes as asked; `attestations`: how those of manifests are looked at, None for a hub that knows no
    certificate."""

    def __init__(
        self,
        store: Store,
        log: Log,
        national: RuleTable,
        clock: HubClock,
        random: Callable[[int], bytes],
        attestations: Attestations | None = None,
    ) -> None:
        self.store = store
        self.log = log
        self.clock = clock
        self._national = national
        self._vocabulary = grants.vocabulary_of(national)
        self._random = random
        self._attestations = attestations
        self._verifier = Verifier()
        self._directory = Directory(store, national)
        self.gate = self._lock = Gate(store.look)
        self.meter = Meter()
        self._began: dict[bytes, int] = {}
        self._refusals = Refusals()
        self._forgot_on = 0
        self._faults: deque[int] = deque()
        self._standing = Standing()
        self._sweep = Sweep()
        self._swept_at = 0

    def tick(self) -> None:
        """What time brings by itself: expiry, what becomes visible, what is forgotten, hourly sums."""
        with self._lock:
            self._tick()

    def probe(self) -> None:
        """A commit that changes nothing but the time of the last one: shows that the store can be written.

        Raises:
            StoreError: it can't.
        """
        with self._lock:
            self._commit(Step(at=self.store.now()))

    def close(self) -> None:
        """Writes the sums that are open, signs a last checkpoint and lets go of the store."""
        with self._lock:
            now = self.store.now()
            try:
                self._sum(now)
                self._again(lambda: self.log.checkpoint(now + EVERY_MS))  # the last one doesn't wait its five seconds
            finally:
                self.store.close()

    def _tick(self) -> None:
        now = self.store.now()
        self._faults = deque(at for at in self._faults if at > now - 60_000)
        while self._again(lambda: self._expire(now)):
            pass
        self.store.ripen(now)
        self.store.tidy(now)
        if self._forgot_on != day_of(now):
            self.store.forget(day_of(now), now)
            self._forgot_on = day_of(now)
        self._past_term(now)
        if self._refusals.is_due(now):
            self._sum(now)

    def _past_term(self, now: int) -> None:
        """Erases what is past its term: `hub.exchange_audit`."""

    def _expire(self, now: int) -> bool:
        rows = self.store.due(now, BATCH)
        if rows:
            self._commit(delivery.expire(rows, day_of(now), now, self._random))
            # A crash here: those are gone with their entry, the next start goes on with the rest.
        return bool(rows)

    def _sum(self, now: int) -> None:
        step = self._refusals.sum_step(now, self._random)
        if step.entries:
            self._commit(step)
            # A crash before this line loses the counts of this hour, nothing else.
        self._refusals.summed(now)

    def _commit(self, step: Step) -> int:
        first = self.store.commit(step)
        self.meter.committed(step)
        return first

    def _refuse(self, sender: Partner | None, code: Code) -> None:
        self._refusals.add(None if sender is None else sender.number, code)
        self.meter.refused[code] += 1

    def _fault(self) -> None:
        self._faults.append(self.store.now())

    def _need_to_decide(self) -> None:
        """The one gate of everything that decides by the time.

        Raises:
            NotDecidingError: nothing is decided at present.
        """
        self.clock.need()

    def _known(self, handles: list[bytes], now: int) -> Known:
        day = day_of(now)
        return Known(self._directory.partners(), self.store.grants(handles), {}, self.store.head().newest_fact, day)

    def _admitted(self, via: str) -> Partner:
        partner = self._directory.partners().by_address.get(via)
        if partner is None or partner.state != ADMITTED:
            raise RefusedError(Code.UNKNOWN_SENDER)
        return partner

    def _again(self, request: Callable[[], T]) -> T:
        for _ in range(_AGAIN):
            try:
                return request()
            except StaleError:
                continue  # something that the step rested on has changed: read and decide again
        raise HubUnavailableError("the store changes faster than this request can be decided; try again")

    def doubt(self) -> Doubt:
        """How it stands with the clock, for the operator."""
        with self._lock:
            partners = self._directory.partners().by_address.values()
            return self.clock.doubt({oin_of(one.address) for one in partners if one.state == ADMITTED})

    def confirm_clock(self) -> None:
        """A person says that the clock is right."""
        with self._lock:
            self.clock.confirm()
            self._commit(Step(at=self.store.now()))
            # A crash before this commit: the clock is in doubt as it was, and is confirmed again.  After it, the next
            # start goes on from this time; a clock behind the last commit is in doubt again at every start.

    def _need_open(self) -> None:
        if not recovery.is_open(self.store.recovery()):
            raise HubRecoveringError

    def _opened(self, index: int) -> tuple[bytes, bytes]:
        """Record and salt of an entry."""
        item = self.store.entries(index, index + 1)[0]
        return item.record, item.salt or b""
