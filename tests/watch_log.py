# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A log with entries of every kind that the watch is told of, in a real store, and what is in it counted by hand."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from hub.store import Step, Store
from schemas import entry
from schemas.calendar import day_of
from schemas.codes import Code
from schemas.entry import committed

PARTNERS = 11
_REFUSED = (Code.NOT_ACTIVE, Code.REPLAYED, Code.OLD_RECIPIENT_KEY, Code.WRONG_PARTS)
_RECEIPTS = (Code.STORED, Code.STORED, Code.SEEN_ALREADY, Code.INVALID_PART, Code.UNKNOWN_HANDLE)
Counted = Counter[tuple[int, str, str, int]]  # by partner, kind, code and day


@dataclass
class GrowingLog:
    """Adds entries to the log of a store, and keeps by hand what the watch must count."""

    store: Store
    dice: random.Random
    counted: Counted = field(default_factory=Counter)
    size: int = 0
    _accepted: list[tuple[int, int, int]] = field(default_factory=list)

    def grow(self, count: int, now: int, most: int = 200) -> None:
        """So many entries more, in batches."""
        while count > 0:
            made = [self._record(day_of(now), self.size + place) for place in range(min(count, most))]
            entries = [committed(record, self.dice.randbytes(32)) for record in made]
            self.store.commit(Step(at=now, entries=entries))
            self.size += len(made)
            count -= len(made)

    def _record(self, day: int, index: int) -> list[object]:
        way = self.dice.random()
        if way < 0.03:
            return entry.admission(day, 1 + self.dice.randrange(PARTNERS), "urn:nld:oin:x:team-wmo", "admitted")
        if way < 0.06:
            number = self.dice.choice((None, 1 + self.dice.randrange(PARTNERS)))
            counts = [(Code.BAD_SIGNATURE.value, self.dice.randint(1, 9)), (Code.MALFORMED.value, 1)]
            for code, times in counts:
                self.counted[number or 0, entry.SUM, code, day] += times
            return entry.refusal_sum(day, number, counts)
        if way < 0.5 or not self._accepted:
            return self._acceptance(day, index)
        accept, _, recipient = self.dice.choice(self._accepted)
        if way < 0.7:
            code = self.dice.choice((Code.ACCEPTED, Code.ACCEPTED, Code.NOT_ACTIVE))
            self.counted[recipient, entry.HAND_OVER, code.value, day] += 1
            return entry.hand_over(day, accept, 1, 0, code.value)
        if way < 0.95:
            code = self.dice.choice(_RECEIPTS)
            self.counted[recipient, entry.RECEIPT, code.value, day] += 1
            return entry.receipt(day, accept, code.value, b"signed")
        self.counted[recipient, entry.EXPIRY, Code.EXPIRED.value, day] += 1
        return entry.expiry(day, accept, Code.EXPIRED.value)

    def _acceptance(self, day: int, index: int) -> list[object]:
        sender, recipient = self.dice.sample(range(1, PARTNERS + 1), 2)
        code = self.dice.choice((Code.ACCEPTED, Code.ACCEPTED, Code.ACCEPTED, self.dice.choice(_REFUSED)))
        if code is Code.ACCEPTED:
            self._accepted.append((index, sender, recipient))
        self.counted[sender, entry.ACCEPT, code.value, day] += 1
        head: list[object] = [1, day, entry.ACCEPT, self.dice.randbytes(16), self.dice.randbytes(32), False]
        terms = [self.dice.randbytes(16), 1, sender, recipient, "k1", "s1", ["control", "progress"], b"terms", 1]
        return [*head, *terms, [b"a", b"b"], 0, code.value]
