# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the exchange fails on is set aside and holds its handle; what comes behind it waits, and is decided in its turn.

Only a hub that decides later than it takes has something behind a fault: where the answer follows the decision, a sender
is told to try later and keeps the envelope itself.  `hub.faults` has the rules.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import faults, pipeline, recovery
from hub.client import HubUnavailableError
from hub.clock import NotDecidingError
from hub.exchange_core import ExchangeCore
from hub.store import FencedError, SetAside, StaleError, Step, StoreError, Tell
from schemas import entry
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import Envelope

HELD_MS = 7 * 86_400_000
FAULTS_A_MINUTE = 5
_NONCE = bytes(12)


class Behind(ExchangeCore):
    """Sets aside, and decides what waited behind it once that is over."""

    def tick(self) -> None:
        """See `ExchangeCore`; and decides what nothing stands before any more."""
        with self._lock:
            self._tick()
            self._go_on()

    def _is_flooded(self) -> bool:
        """Whether the pipeline failed so often in a minute that it is us: nothing more is set aside."""
        return len(self._faults) > FAULTS_A_MINUTE

    def _set_aside(
        self, envelope: Envelope, positions: Iterable[tuple[int, int, int]] = (), released: Iterable[int] = ()
    ) -> Code:
        """The one envelope that the pipeline fails on: kept wrapped for the operator, its handle held, an entry."""
        now = self.store.now()
        sender = self._directory.partners().by_address[envelope.source].number
        step = Step(at=now, positions=list(positions), released=list(released))
        step.entries.append(entry.committed(entry.fault(day_of(now), sender, envelope.sha), self._random(32)))
        step.set_aside.append(self._wrapped(envelope, sender, now + HELD_MS, now))
        step.tells.append(Tell(sender, 0, Code.HUB_FAULT, envelope.message_id))
        self._commit(step)
        # A crash here: the sender sends the same bytes again and is told to try later, since the handle is held.
        self._fault()
        return Code.HUB_FAULT

    def _wrapped(self, envelope: Envelope, sender: int, until: int, now: int) -> SetAside:
        key = self._random(32)
        wrapped = AESGCM(key).encrypt(_NONCE, envelope.raw, None)
        return SetAside(sender, envelope.sha, envelope.handle, until, now, wrapped, key)

    def _go_on(self) -> None:
        """Decides what waited behind faults that are over, in the order in which it came."""
        try:
            self._need_to_decide()
        except NotDecidingError:
            return
        if recovery.is_open(self.store.recovery()):
            while not self._is_flooded() and self._again(self._decide_first):
                pass

    def _decide_first(self) -> bool:
        now = self.store.now()
        row = faults.first_free(self.store.faults(), now)
        if row is None:
            return False
        envelope = faults.envelope_in(self.store.fault_frame(row.number))
        if envelope is None:  # its key is lost, or this version can't read it: its sender has it still, and sends again
            self._commit(Step(at=now, released=[row.number]))
            return True
        try:
            known = self._known([envelope.handle], now)
            known.stored = self.store.stored([envelope.message_id])
            decided = pipeline.step([envelope], known, now, self._random)
            decided.step.released.append(row.number)
            self._commit(decided.step)
            # Decided, and no longer behind, in one commit.  A crash before it: it waits as it did. After it: the sender
            # learns from its feed.
        except (StoreError, StaleError, FencedError, HubUnavailableError):
            raise
        except Exception:  # noqa: BLE001  # poison too: what is behind it goes on waiting
            self._set_aside(envelope, released=[row.number])
        return True
