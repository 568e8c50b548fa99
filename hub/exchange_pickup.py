# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Pick-up: `hub.delivery` has the rules.

* What goes into an answer is chosen once; it is decided, committed and handed over in parts, so that others get their
  turn in between.  Choosing anew for each part would read past all that the parts before have under lease.
* A part hands over what is still as it was chosen, and nothing behind what is not.
* The entries "handed over" are durable before a byte leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub import delivery
from hub.client import Delivery, Notice, PickUp
from hub.delivery import LEASE_MS
from hub.exchange_core import FEED_PAGE, ExchangeCore
from hub.pipeline import Question
from hub.registry import Partner
from hub.store import StaleError, Step, StoreError, Waiting
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import peek

PICKUP_AT_MOST = 200
_GAP = 32  # entries read for nothing cost less than to ask the store once more
_NONCE = bytes(12)


@dataclass(slots=True)
class InParts:
    """One answer to a pick-up while it is made; it is whole when nothing is `left`."""

    via: str
    most: int
    notices: tuple[Notice, ...]
    left: list[Waiting] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    handles: set[bytes] = field(default_factory=set)
    chosen_at: int | None = None

    def whole(self) -> PickUp:
        """The answer."""
        return PickUp(tuple(self.deliveries), self.notices)


class PickupDesk(ExchangeCore):
    """Hands over what waits."""

    def pickup(self, via: str, most: int, acknowledged: int) -> PickUp:
        """At most `most` envelopes, each decided again, and the notices after number `acknowledged`."""
        return self.begin_pickup(via, most, acknowledged, PICKUP_AT_MOST).whole()

    def begin_pickup(self, via: str, most: int, acknowledged: int, part: int) -> InParts:
        """The same, of which at most `part` are handed over yet; `go_on` hands over what is left."""
        with self._lock:
            self._tick()
            partner = self._admitted(via)
            self._need_to_decide()
            self._need_open()
            rows = self.store.notices(partner.number, FEED_PAGE)
            if rows and rows[0].number <= acknowledged:  # an idle poll writes nothing
                self._commit(Step(at=self.store.now(), acknowledged=[(partner.number, acknowledged)]))
                # A crash here: the edge acknowledges again, which changes nothing.
                rows = self.store.notices(partner.number, FEED_PAGE)
            answer = InParts(via, min(max(most, 0), PICKUP_AT_MOST), tuple(Notice(*row) for row in rows))
            if answer.most:
                self._again(lambda: self._hand_over(answer, partner, part))
            return answer

    def go_on(self, answer: InParts, part: int) -> None:
        """Hands over at most `part` more of what was chosen.  What waits too long for its turn is left for the next pick-up:
        the lease of what goes ahead of it must not end first."""
        with self._lock:
            self._tick()
            partner = self._admitted(answer.via)
            self._need_to_decide()
            self._need_open()
            self._again(lambda: self._hand_over(answer, partner, part))
            # A crash between two parts: their entries are durable and their leases run, so they are offered again.

    def _hand_over(self, answer: InParts, partner: Partner, part: int) -> None:
        now = self.store.now()
        if answer.chosen_at is None:
            rows = delivery.choose(self.store.waiting(partner.number, now, answer.most))
            chosen, left = rows[:part], rows[part:]
        elif now - answer.chosen_at > LEASE_MS // 2:
            chosen, left = [], []
        else:
            turn, left = answer.left[:part], answer.left[part:]
            chosen = delivery.as_chosen(turn, self.store.find_waiting([row.message_id for row in turn]))
            gone = {row.handle for row in set(turn).difference(chosen)}
            left = [row for row in left if row.handle not in gone]
        handed = self._deliver(chosen, answer.handles)
        answer.left, answer.chosen_at = left, now if answer.chosen_at is None else answer.chosen_at
        answer.deliveries += [one for one, _ in handed]
        answer.handles.update(handle for _, handle in handed)

    def _deliver(self, chosen: list[Waiting], before: Collection[bytes]) -> list[tuple[Delivery, bytes]]:
        """What goes out, each with its handle; `before`: the handles of what goes ahead of it."""
        if not chosen:
            return []
        try:
            return self._deliver_once(chosen, before)
        except (StoreError, StaleError):
            raise
        except Exception:  # noqa: BLE001  # poison: it must not keep this recipient from everything else
            if len(chosen) == 1:
                self._give_up(chosen[0])
                return []
            half = len(chosen) // 2
            first = self._deliver(chosen[:half], before)
            return first + self._deliver(chosen[half:], {*before, *(handle for _, handle in first)})

    def _give_up(self, row: Waiting) -> None:
        """Ends the waiting of the one envelope that can't be handed over; its sender still has it."""
        now = self.store.now()
        step = Step(at=now)
        delivery.end(step, row, Code.HUB_FAULT, now, day_of(now), self._random)
        self._commit(step)
        # A crash here: its entry is durable and its sender will be told, the rest is handed over at the next pick-up.
        self._fault()

    def _deliver_once(self, chosen: list[Waiting], before: Collection[bytes]) -> list[tuple[Delivery, bytes]]:
        now = self.store.now()
        payloads = self.store.payloads([row.message_id for row in chosen])
        frames = {message_id: _unwrap(payload) for message_id, payload in payloads.items()}
        known = self._known([row.handle for row in chosen], now)
        asked = [(row, _question(row, frames.get(row.message_id))) for row in chosen]
        step, out = delivery.hand_over(asked, known, now, self._random, before)
        first = self._commit(step)
        # The entries "handed over" are durable and the leases run, and no byte has left. A crash here: the lease ends
        # and the envelopes are offered again.
        rows = {row.message_id: row for row in chosen}
        accepts = self._opened_all(rows[item.message_id].accept for item in out)
        return [
            (
                Delivery(
                    frames[item.message_id] or b"",
                    item.offered,
                    first + item.place,
                    step.entries[item.place].record,
                    step.entries[item.place].salt or b"",
                    *accepts[rows[item.message_id].accept],
                ),
                rows[item.message_id].handle,
            )
            for item in out
        ]

    def _opened_all(self, indexes: Iterable[int]) -> dict[int, tuple[bytes, bytes]]:
        """Record and salt of entries by their index; neighbours are read together."""
        found: dict[int, tuple[bytes, bytes]] = {}
        for run in runs(sorted(indexes)):
            entries = self.store.entries(run[0], run[-1] + 1)
            found |= {at: (entries[at - run[0]].record, entries[at - run[0]].salt or b"") for at in run}
        return found


def runs(indexes: Iterable[int]) -> list[list[int]]:
    """Rising numbers in groups between which there is a wide gap."""
    groups: list[list[int]] = []
    for index in indexes:
        if groups and index - groups[-1][-1] <= _GAP:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _unwrap(payload: tuple[bytes, bytes] | None) -> bytes | None:
    if payload is None:
        return None
    wrapped, key = payload
    try:
        return AESGCM(key).decrypt(_NONCE, wrapped, None)
    except InvalidTag:
        return None  # the slot holds another key by now: lost all the same


def _question(row: Waiting, frame: bytes | None) -> Question | None:
    if frame is None:
        return None
    retraction, sign_key = peek(frame)
    return Question(retraction, row.handle, 0, row.sender, row.recipient, sign_key, "", (), b"")
