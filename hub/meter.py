# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the exchange counts since its start, in memory.  A count follows its commit, so a crash can only lose counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hub.faults import UNTIL_DECIDED
from hub.store import Step
from schemas.buckets import Buckets
from schemas.codes import Code

DELIVERABLE_MS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
RECEIPT_MS = (100, 500, 1_000, 5_000, 30_000, 60_000, 300_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000)


def _none() -> Counter[Code]:
    return Counter(dict.fromkeys(Code, 0))  # every key from the start: a reader in another thread sees no new one


@dataclass(slots=True)
class Meter:
    """`outcomes` per message, `refused` what has no outcome of its own, `repeated` hand-overs after one without a receipt."""

    outcomes: Counter[Code] = field(default_factory=_none)
    refused: Counter[Code] = field(default_factory=_none)
    repeated: int = 0
    recoveries: int = 0
    deliverable: Buckets = field(default_factory=lambda: Buckets(DELIVERABLE_MS))
    receipted: Buckets = field(default_factory=lambda: Buckets(RECEIPT_MS))

    def committed(self, step: Step) -> None:
        """A step is durable."""
        self.outcomes[Code.ACCEPTED] += len(step.joins)
        self.outcomes[Code.HUB_FAULT] += sum(one.until != UNTIL_DECIDED for one in step.set_aside)
        for code in [*(one.code for one in step.refused), *(one.code for one in step.leaves)]:
            self.outcomes[code] += 1
        self.repeated += sum(offer.first_out < step.at for offer in step.offers)
