# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Which rows give something that its recipient may not pass on, and whether a table would let it pass all the same. Pure.

Guarantees:
- decided by the column `onward` and by how its text is known, never by the number of a row: `none` binds where a law text
  or a published file was read for it; our own proposal (`D`) and what nobody read (`M`) bind nobody by themselves;
- a table in which a row hands on what another row forbids to pass on is no table (`consent.rules.load`): no hub starts
  with it and none publishes it, so nothing under such a row is ever registered, accepted or handed over.

What it can't see: which event is about what. Whether a message repeats what came under such a row only the edge
knows that opened it (`adapters.onward`).
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consent.rules import Row

NONE: Final = "none"
_READ: Final = frozenset({"F", "L15", "L26"})  # the marks of a text that somebody read


def stays(row: "Row") -> bool:
    """Whether what is told under this row stays with its recipient, because a text that was read says so."""
    return row.onward == NONE and row.marks.get("onward") in _READ


def carried_on(rows: Iterable["Row"]) -> Iterator[int]:
    """The rows that would hand on what another row forbids to pass on: the same law and the same purpose (or the same
    article as its source), told by a recipient of the one who is not among its senders."""
    live = [row for row in rows if row.in_force and row.permits]
    for row in live:
        if any(_hands_on(row, given) for given in live if stays(given)):
            yield row.id


def _hands_on(row: "Row", given: "Row") -> bool:
    tellers = set(row.senders) & set(given.recipients) - set(given.senders)
    return bool(tellers) and row.law == given.law and (row.purpose == given.purpose or _one_source(row, given))


def _one_source(row: "Row", given: "Row") -> bool:
    return bool({one[:2] for one in row.source} & {one[:2] for one in given.source})
