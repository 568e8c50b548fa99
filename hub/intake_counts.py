# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a worker counts, in memory.  A count follows its commit, so a crash can only lose counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.codes import Code


@dataclass(slots=True)
class Counts:
    """What a worker counts since its start."""

    taken: int = 0
    refused: Counter[Code] = field(default_factory=Counter)
    behind: int = 0  # records that wait behind a fault of their handle
    fenced: int = 0
    again: int = 0  # records that came before their turn
    assigned: int = 0
    lag: int = 0
    strangers: int = 0
    left_out: int = 0  # topics of partners that can't be read
    waits_for: str = ""  # why nothing is decided at present
