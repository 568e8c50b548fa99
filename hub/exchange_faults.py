# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the exchange failed on and set aside, for the operator: `hub.faults` has the steps."""

from __future__ import annotations

from hub import faults, pipeline
from hub.client import (
    HubUnavailableError,
    RefusedError,
)
from hub.exchange_behind import Behind
from hub.store import FaultRow, StaleError, Step, StoreError
from schemas import entry
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import parse


class FaultDesk(Behind):
    """What was set aside: list it, try it again, drop it."""

    def faults(self) -> list[faults.Fault]:
        """What was set aside and is not over, oldest first; never what it holds."""
        with self._lock:
            self._tick()
            rows = self.store.faults()
            known = self.store.grants([row.handle for row in rows if row.handle is not None])
            return faults.shown(rows, self._directory.partners(), known, self.store.now())

    def retry_fault(self, number: int) -> Code:
        """Gives the frame of a fault to the pipeline again.

        Its outcome, and the fault is over; `hub-fault` when the pipeline fails on it again: then nothing has changed.

        Raises:
            RefusedError: `not-yours`: there is no such fault; `key-lost`: its bytes can't be read any more.
        """
        with self._lock:
            self._need_to_decide()
            self._tick()
            try:
                answer = self._again(lambda: self._retry(number))
            except (StoreError, StaleError, HubUnavailableError, RefusedError):
                raise
            except Exception:  # noqa: BLE001  # still poison.  Not counted: it is no fault of the intake
                self._again(lambda: self._commit(self._failed_again(number)))
                # A crash before this commit: the log doesn't tell of a try that changed nothing.
                return Code.HUB_FAULT
            self._go_on()
            # A crash before this: whoever ticks next decides what waited behind it.
            return answer

    def _retry(self, number: int) -> Code:
        self._need_open()
        row, now = self._fault_row(number), self.store.now()
        frame = self.store.fault_frame(number)
        if frame is None:
            raise RefusedError(Code.KEY_LOST)
        # Steps 1 and 3 are not asked again: it passed them, or it would not be here.  Step 2 is, by the decision.
        envelope = parse(frame)
        known = self._known([envelope.handle], now)
        known.stored = self.store.stored([envelope.message_id])
        decided = pipeline.step([envelope], known, now, self._random)
        faults.end(decided.step, row, entry.RETRIED, day_of(now), self._random)
        self._commit(decided.step)
        # Decided and over, in one commit.  A crash before it: the fault stands as it stood, and is tried again.
        # A crash after it: the operator has no answer and finds the fault gone; the sender learns from its feed.
        [answer] = decided.answers
        return known.stored[envelope.message_id].code if answer is Code.TAKEN else answer

    def _failed_again(self, number: int) -> Step:
        row, now = self._fault_row(number), self.store.now()
        step = Step(at=now)
        faults.log(step, row, entry.FAILED_AGAIN, day_of(now), self._random)
        return step

    def drop_fault(self, number: int) -> None:
        """Ends a fault: its bytes are destroyed, its handle is let go of, and the same bytes get `hub-fault` for good.

        Raises:
            RefusedError: `not-yours`: there is no such fault.
        """
        with self._lock:
            self._tick()
            try:
                self._again(lambda: self._drop(number, keeps_outcome=True))
            except (StoreError, StaleError, HubUnavailableError, RefusedError):
                raise
            except Exception:  # noqa: BLE001  # its very id is poison: it goes without an outcome of its own
                self._again(lambda: self._drop(number, keeps_outcome=False))
            self._go_on()
            # A crash before this: whoever ticks next decides what waited behind it.

    def _drop(self, number: int, *, keeps_outcome: bool) -> None:
        row, now, message_id = self._fault_row(number), self.store.now(), None
        if keeps_outcome:
            envelope = faults.envelope_in(self.store.fault_frame(number))
            if envelope is not None and envelope.message_id not in self.store.stored([envelope.message_id]):
                message_id = envelope.message_id
        self._commit(faults.drop(row, message_id, now, self._random))
        # A crash before this commit: the fault stands as it stood. After it: repeated, the command finds it gone.

    def _fault_row(self, number: int) -> FaultRow:
        for row in faults.alone(self.store.faults()):
            if row.number == number:
                return row
        raise RefusedError(Code.NOT_YOURS)
