# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log as controller, FG and term change it: keys, inquiries, erasures; `hub.audit.erasure` has the rules."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from consent.rules import RuleTable
from hub import recovery
from hub.audit.erasure import (
    FIRST_DAYS,
    Officer,
    Standing,
    check_entries,
    check_signers,
    officer_step,
    order_step,
    why_not,
)
from hub.audit.term import Sweep
from hub.exchange_core import ExchangeCore
from hub.store import StaleError, Step
from schemas import entry
from schemas.calendar import day_of
from schemas.entry import Entry
from schemas.order import SignedOrder
from schemas.order_faults import OrderError, OrderFault

_SWEEP_EVERY_MS = 1_000


class AuditDesk(ExchangeCore):
    """What officers ask of the log, and what its terms bring."""

    def standing(self) -> Standing:
        """Whose keys there are, whether an inquiry is open."""
        with self._lock:
            return self._stands()

    def state_rules(self, table: RuleTable) -> None:
        """Says in the log by which table the hub decides from here on, when that is another than it said last: so what it
        decided under each can be recomputed."""
        with self._lock:
            self._again(lambda: self._state_rules(table))

    def _state_rules(self, table: RuleTable) -> None:
        if self._stands().table == table.hash:
            return
        now = self.store.now()
        record = entry.rules(day_of(now), table.hash)
        entries = [entry.public(table.raw), entry.committed(record, self._random(32))]
        self._commit(Step(at=now, entries=entries, standing=[1], tables=[(table.hash, table.raw)]))
        # Said, before anything is decided by it. A crash here: the next start finds it said.

    def register_officer(self, role: str, public: bytes) -> Officer:
        """Registers the key of the controller or of the FG; for an erasure it counts after 30 days.

        Raises:
            OrderError: it can't be the key of this role.
            NotDecidingError: the hub's clock is in doubt.
        """
        with self._lock:
            self._need_to_decide()
            now = self.store.now()
            self._commit(officer_step(role, public, self._stands(), now, day_of(now), self._random(32)))
            # Registered, for all to see. A crash here: the command is repeated and says that it is.
            return self._stands().officers[-1]

    def erasable(self, indexes: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those of these entries that may be erased today, and those that may not; what is gone is in neither."""
        with self._lock:
            day = day_of(self.store.now())
            found = self._found([(index, index + 1) for index in indexes])
        left = [(index, item) for index, item in found if item.record]
        no = {index for index, item in left if why_not(item, day, self._counts)}
        return [index for index, _ in left if index not in no], sorted(no)

    def leaves(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The leaves of these entries, which tie an order to them."""
        return [item.leaf for _, item in self._found(ranges)]

    def carry_out(self, signed: SignedOrder) -> tuple[int, list[int]]:
        """Does what an order says; the index of its entry, and the entries that were erased by it.

        Raises:
            OrderError: not of this hub, not signed by whom it must be, or against the rules; nothing was done.
            NotDecidingError: the hub's clock is in doubt, and the first 30 days are counted by it.
        """
        with self._lock:
            self._tick()
            self._need_to_decide()
            return self._again(lambda: self._carry_out(signed))

    def _carry_out(self, signed: SignedOrder) -> tuple[int, list[int]]:
        order, now, standing = signed.order, self.store.now(), self._stands()
        if order.hub != self.log.name:
            raise OrderError(OrderFault.OTHER_HUB)
        day = day_of(now)
        if order.day > day:
            raise OrderError(OrderFault.IN_THE_FUTURE)
        check_signers(signed, standing, day)
        if order.ranges and self._is_just_recovered(day):
            raise OrderError(OrderFault.PUT_BACK, days=FIRST_DAYS)
        erased = check_entries(signed, self._found(order.ranges), day, self._counts) if order.ranges else []
        if order.ranges and not erased:
            raise OrderError(OrderFault.ERASED_ALREADY)
        index = self._commit(order_step(signed, erased, standing, now, day, self._random(32)))
        # Done, with its entry, in one commit. A crash here: the order is carried out again and finds nothing to do.
        return index, erased

    def _counts(self, handles: Sequence[bytes]) -> bool:
        """Whether the hub still knows any of these handles."""
        return bool(self.store.grants(handles) or self.store.stops(handles))

    def _found(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, Entry]]:
        size = self.store.head().size
        if any(not 0 <= first < end <= size for first, end in pairs):
            raise OrderError(OrderFault.NOT_THERE, size=size)
        return [one for first, end in pairs for one in enumerate(self.store.entries(first, end), first)]

    def _stands(self) -> Standing:
        self._standing.read(self.store.standing(self._standing.seen))
        return self._standing

    def _is_just_recovered(self, day: int) -> bool:
        """Whether a log was cut in the last 30 days: an inquiry may have stood in it, and there is time to open it again."""
        row = self.store.recovery()
        if row is None:
            return False
        [first] = self.store.entries(row.entry, row.entry + 1)
        return day < cast("int", entry.items_of(first.record)[1]) + FIRST_DAYS

    def _past_term(self, now: int) -> None:
        """Erases a page of what is past its term, where a second has gone by since the last one."""
        if 0 <= now - self._swept_at < _SWEEP_EVERY_MS or self.clock.jump():
            return  # by a clock in doubt everything could be past its term
        if not recovery.is_open(self.store.recovery()) or self._is_just_recovered(day_of(now)):
            return
        self._swept_at = now
        sweep, self._sweep = self._sweep, Sweep()  # a fresh one goes on from what the log says, when this page fails
        step = sweep.next_step(self.store, self._stands(), day_of(now), now, self._random)
        if step is not None:
            with suppress(StaleError):
                self._commit(step)
                # Gone, with their entry. A crash here: the next page is the first that was not erased.
                self._sweep = sweep
        else:
            self._sweep = sweep
