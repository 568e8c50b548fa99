# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a database says of a move of its store: nothing, that it comes, or that it went (`hub.moving`)."""

from __future__ import annotations

from psycopg import Connection

from hub.moving import MOVED, Mark, MovedAwayError, Place, UnfinishedMoveError

_IS_MARKED = "SELECT to_regclass('schakel.move') IS NOT NULL"
_READ = "SELECT state, token, kind, place FROM schakel.move"


def mark_of(db: Connection) -> Mark | None:
    """The mark; None on a store that is in use."""
    [marked] = db.execute(_IS_MARKED).fetchone() or (False,)
    row = db.execute(_READ).fetchone() if marked else None
    return None if row is None else Mark(row[0], row[1], Place(row[2], row[3]))


def need_open(db: Connection) -> None:
    """Returns when the store in this database is in use.

    Raises:
        MovedAwayError, UnfinishedMoveError: it went, or comes.
    """
    mark = mark_of(db)
    if mark is not None:
        raise MovedAwayError(mark) if mark.state == MOVED else UnfinishedMoveError(mark)
