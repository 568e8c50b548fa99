# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the machines of a hub ask each other through their database (`hub.machines` says why).

* A connection that is new asks with a number that nobody has seen: no copy of the database holds an answer to it.
* A machine answers over a connection on which it has found all that it knows itself.
* Who was answered by all *vouches* from then on, as long as that connection lasts: whatever anybody saw since came from
  this very database.  So one machine that is away holds up nobody while another one works on.
* A machine stays on the list until a person takes it off.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import Connection

from hub import postgres_link as link
from hub.store import StoreError

_NUMBER = 16
_ENTER = "INSERT INTO machine (name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
_NAMES = "SELECT name FROM machine ORDER BY name"
_ASK = "INSERT INTO question (number, machine) VALUES (%s, %s)"
_UNHEARD = (
    "SELECT name FROM machine WHERE name <> %s AND NOT EXISTS (SELECT FROM answer WHERE answer.number = %s"
    " AND (answer.vouches OR answer.machine = machine.name)) ORDER BY name"
)
_ANSWER = (
    "INSERT INTO answer SELECT number, %(name)s, %(vouches)s FROM question WHERE machine <> %(name)s AND NOT EXISTS"
    " (SELECT FROM answer WHERE answer.number = question.number AND answer.machine = %(name)s"
    " AND answer.vouches >= %(vouches)s)"
    " ON CONFLICT (number, machine) DO UPDATE SET vouches = excluded.vouches"
)
_SETTLE = ("DELETE FROM question WHERE number = %s", "DELETE FROM answer WHERE number = %s")
_OLD = (
    "DELETE FROM question WHERE at < now() - interval '1 day'",
    "DELETE FROM answer WHERE NOT EXISTS (SELECT FROM question WHERE question.number = answer.number)",
)
_LISTED = (
    "SELECT name, since, EXISTS (SELECT FROM question WHERE question.machine <> name AND NOT EXISTS"
    " (SELECT FROM answer WHERE answer.number = question.number AND (answer.vouches OR answer.machine = machine.name)))"
    " FROM machine ORDER BY since, name"
)
_FORGET = "DELETE FROM machine WHERE name = %s"


class Listed(NamedTuple):
    """A machine on the list; `awaited`: another one asked, and it has not answered."""

    name: str
    since: datetime
    awaited: bool


def enter(db: Connection, names: Iterable[str]) -> None:
    """Puts machines on the list, for good."""
    db.execute(_ENTER, (list(names),))
    # From here on everybody waits for them. A crash here: a person takes off who never came.


def names(db: Connection) -> tuple[str, ...]:
    """The machines on the list."""
    return tuple(name for (name,) in db.execute(_NAMES))


def ask(db: Connection, name: str) -> bytes:
    """Asks all others over this connection; the number of the question."""
    number = os.urandom(_NUMBER)
    for statement in _OLD:
        db.execute(statement.encode())
    db.execute(_ASK, (number, name))
    return number


def unheard(db: Connection, number: bytes, name: str) -> tuple[str, ...]:
    """The machines whose answer is missing."""
    return tuple(one for (one,) in db.execute(_UNHEARD, (name, number)))


def answer(db: Connection, name: str, *, vouches: bool) -> None:
    """Answers what others ask: all that this machine knows is in this database."""
    db.execute(_ANSWER, {"name": name, "vouches": vouches})


def settle(db: Connection, number: bytes) -> None:
    """The question was answered, and nobody needs it any more."""
    for statement in _SETTLE:
        db.execute(statement.encode(), (number,))


def listed(dsn: str) -> list[Listed]:
    """The machines on the list, for the operator.

    Raises:
        StoreError: the database can't tell.
    """
    with _connected(dsn) as db:
        return [Listed(*row) for row in db.execute(_LISTED)]


def forget(dsn: str, name: str) -> bool:
    """Takes a machine off the list, since a person says that it will not return; whether it was on it.

    Raises:
        StoreError: the database can't do it.
    """
    with _connected(dsn) as db:
        return bool(db.execute(_FORGET, (name,)).rowcount)
        # Nobody waits for it. A crash here: the command is repeated and finds it gone. Comes it back all the same, it looks
        # by itself whether the log has what it knows, as any machine does.


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    db = link.connect(dsn)
    try:
        link.migrate(db, new=False)
        yield db
    except psycopg.Error as error:
        raise StoreError(f"the list of machines can't be had ({link.one_line(error)})") from None
    finally:
        db.close()
