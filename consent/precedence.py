# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Which of the things that were said about one client counts, when they contradict each other. Pure.

Guarantees:
- what is said of a named partner goes before what is said of its role, and that before what is said of all; what is said of one row
  goes before what is said of any;
- an exception takes away a refusal only when it is nowhere as general and somewhere more specific: at equal specificity, and where
  one is more specific in this and the other in that, the refusal wins;
- no exception takes away a safety hold, and a hold yields to two rows only: those that exist for safety;
- a withdrawal takes back consent: where consent is not the ground it refuses nothing (that is an objection);
- an objection has the effect that the row gives it: one that is only to be recorded refuses nothing, and one that was overruled
  still refuses where the row leaves nothing to weigh.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from consent.rules import Row

WITHDRAWN: Final = "withdrawn"
OBJECTED: Final = "objected"
HELD: Final = "held"
EXCEPTED: Final = "excepted"

# What a row says an objection does.
STOP: Final = "stop"
PAUSE: Final = "pause"
RECORD: Final = "record"

REVOCABLE: Final = frozenset({"consent", "no-objection"})  # grounds that the citizen gave, and takes back
SAFETY_ROWS: Final = frozenset({11, 14})  # to the GI that carries out a supervision order, and to Veilig Thuis


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said about one client. `partner` and `role` None: of all; `row` None: of any row."""

    kind: str
    partner: str | None = None
    role: str | None = None
    row: int | None = None
    overruled: bool = False


class Asked(NamedTuple):
    """May this partner, in its role, be told under this row? `row` None: under whichever."""

    partner: str
    role: str
    row: Row | None


def refused(said: Iterable[Said], asked: Asked) -> bool:
    """Whether nothing may be told."""
    about = [one for one in said if concerns(one, asked)]
    exceptions = [one for one in about if one.kind == EXCEPTED]
    return any(
        one.kind == HELD or not any(_goes_before(exception, one) for exception in exceptions)
        for one in about
        if refuses(one, asked.row)
    )


def concerns(one: Said, asked: Asked) -> bool:
    """Whether it was said about this partner and row, whatever it was. Asked about no row in particular: what was said of any."""
    partner = one.partner in (None, asked.partner) and one.role in (None, asked.role)
    row = one.row is None or (asked.row is not None and one.row == asked.row.id)
    if asked.row is None and one.kind != EXCEPTED:
        row = True
    return partner and row


def refuses(one: Said, row: Row | None) -> bool:
    """Whether it is a refusal under this row, exceptions apart."""
    if one.kind == EXCEPTED:
        return False
    if row is None:
        return True
    if one.kind == OBJECTED:
        return row.objection == STOP if one.overruled else row.objection != RECORD
    if one.kind == WITHDRAWN and REVOCABLE.isdisjoint(row.grounds):
        return False
    return row.id not in SAFETY_ROWS


def _goes_before(exception: Said, refusal: Said) -> bool:
    ours, theirs = _specificity(exception), _specificity(refusal)
    return ours != theirs and ours[0] >= theirs[0] and ours[1] >= theirs[1]


def _specificity(one: Said) -> tuple[int, int]:
    who = 2 if one.partner is not None else 1 if one.role is not None else 0
    return who, int(one.row is not None)
