# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The exchange of a hub that was put back from a copy, or whose edges were: `hub.recovery` has the rules."""

from __future__ import annotations

from hub import recovery
from hub.client import (
    Recovery,
    RefusedError,
)
from hub.exchange_core import ExchangeCore
from hub.registry import Partner
from schemas import entry
from schemas.codes import Code
from schemas.note import Checkpoint


class RecoveryDesk(ExchangeCore):
    """What edges and the operator ask about recovery."""

    def shown(self, checkpoint: Checkpoint, signature: bytes) -> None:
        """A caller shows the newest checkpoint that it knows.

        One that this hub signed and this log does not hold begins a recovery, at once.  So does, while the gate is
        closed, one that is newer than the newest on record: what was lost must stand in the log.
        """
        if self.log.is_remembered(checkpoint):
            return
        with self._lock:
            unknown = not self.log.holds(checkpoint) or recovery.is_news(
                self.store, (self.log.number_of(checkpoint), checkpoint.size)
            )
            if unknown and self.log.is_signed(checkpoint, signature):
                self._recover(checkpoint)

    def recovery(self) -> Recovery | None:
        """How the log of now began, for edges."""
        with self._lock:
            row = self.store.recovery()
            if row is None:
                return None
            [first] = self.store.entries(row.entry, row.entry + 1)
            return Recovery(row.number, row.entry, first.record, first.salt or b"", recovery.is_open(row))

    def awaited(self) -> list[Partner]:
        """Who has not repeated its facts yet, for the operator."""
        with self._lock:
            return list(recovery.missing(self.store.recovery(), self._directory.partners()))

    def repeated(self, via: str, number: int, size: int) -> Code:
        """An address has repeated all facts that it signed, in log `number`."""
        with self._lock:
            self._tick()
            return self._again(lambda: self._confirm(self._admitted(via), number, size, entry.BY_EDGE))

    def will_not_return(self, address: str) -> None:
        """The operator says that an address will not repeat its facts.

        Raises:
            RefusedError: `not-yours`: nobody waits for it.
        """
        with self._lock:
            partner, row = self._directory.partners().by_address.get(address), self.store.recovery()
            if partner is None or row is None or partner.number not in row.awaited:
                raise RefusedError(Code.NOT_YOURS)
            self._confirm(partner, row.number, self.store.head().size, entry.BY_OPERATOR)

    def _confirm(self, partner: Partner, number: int, size: int, by: str) -> Code:
        row = self.store.recovery()
        if row is None or row.number != number:
            return Code.NOT_NEXT
        if partner.number in row.awaited:
            self._commit(recovery.confirm(partner.number, size, by, self.store.now(), self._random))
            # A crash here: it has no answer, says so again, and is no longer waited for.
        return Code.IN_FORCE

    def restored(self, via: str, frame: bytes) -> Code:
        """An address says that its edge was put back from a back-up: everybody is told, and it is told again."""
        with self._lock:
            self._tick()
            partner, now = self._admitted(via), self.store.now()
            statement = recovery.check_restored(frame, partner, self._verifier)
            if isinstance(statement, Code):
                self._refuse(partner, statement)
                return statement
            self._commit(recovery.tell_everyone(statement, partner, self._directory.partners(), now, self._random))
            # A crash here, or between two pages: it has no answer and says so again, which repeats harmlessly.
            index: int | None = 0
            while index is not None:
                step, index = recovery.hand_over_again(self.store, partner.number, index, now, self._random)
                self._commit(step)
            return Code.IN_FORCE

    def _start(self) -> None:
        """A store that is not the newest, or of which nobody can say that it is, begins in recovery."""
        greatest, head = self.log.greatest, self.store.head()
        kept, own = greatest.kept.checkpoint, Checkpoint(self.log.origin, head.size, head.root)
        if kept is not None and (greatest.kept.put_back or not self._knows(kept)):
            self._recover(kept)
        elif kept is None and head.size and (greatest.kept.put_back or not greatest.existed):
            self._recover(own)
        elif kept is None:
            greatest.keep(own)

    def _knows(self, kept: Checkpoint) -> bool:
        """Whether nothing of what this machine saw is unknown to this log: it holds it, or began by saying that it lacks it.

        Another machine may have begun it, who had seen less: then it is begun once more, with what this one knows.
        """
        if not self.log.holds(kept):
            return False
        number = self.log.number_of(kept)
        return (
            number == self.log.number or self.log.contains(kept) or recovery.was_seen(self.store, (number, kept.size))
        )

    def _recover(self, shown: Checkpoint) -> None:
        kept = self.log.greatest.kept
        seen = max((self.log.number_of(one), one.size, one.root) for one in (shown, kept.checkpoint) if one is not None)
        found, partners = self.store.head().size, self._directory.partners()
        step = recovery.begin(seen, self.log.number, found, partners, kept, self.store.now(), self._random)
        self._commit(step)
        # The next log has begun and nothing waits. A crash before the commit: the checkpoint stands in the file or is
        # shown again. After it: the gate is closed at the next start too, or yet another log begins, as harmlessly.
        self.log.forget_held()
        self.log.keep_head()
        self.meter.recoveries += 1
