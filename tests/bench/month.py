# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A month of a queue on PostgreSQL: how much its table grows by rows that are dead, what a commit and a look for a recipient
take; as it is, and cut into one part per day.

python -m tests.bench.month [MESSAGES-A-DAY] [DAYS]

Every day so many envelopes are accepted, handed over and acknowledged; of one in fifty the recipient is away until it
expires after seven days.  A day takes some seconds here, so the vacuum looks every second instead of every minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hub.store import Join, Leave, Offer, Step
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.entry import committed
from tests.postgres import Cluster, name_in

DAY_MS = 86_400_000
FIRST_DAY = 20_800
BATCH = 200
AWAY = 50  # one in so many
SIZE = 4_000
_RECIPIENTS = 40
_SETTINGS = ("autovacuum_naptime=1s", "shared_buffers=256MB", "max_wal_size=1GB")
_CUT = """
DROP TABLE schakel.waiting;
CREATE TABLE schakel.waiting (
    accept bigint NOT NULL, id bytea NOT NULL, day int NOT NULL, sender int NOT NULL, recipient int NOT NULL,
    handle bytea NOT NULL, since bigint NOT NULL, due bigint NOT NULL, offered int NOT NULL, first_out bigint NOT NULL,
    lease_until bigint NOT NULL, PRIMARY KEY (accept, day), UNIQUE (id, day)
) PARTITION BY LIST (day);
CREATE INDEX ON schakel.waiting (recipient, accept) WHERE lease_until = 0;
CREATE INDEX ON schakel.waiting (recipient, lease_until) WHERE lease_until > 0;
CREATE INDEX ON schakel.waiting (handle, lease_until) WHERE lease_until > 0;
CREATE INDEX ON schakel.waiting (due, accept);
"""
_PART = (
    "CREATE TABLE schakel.waiting_{day} PARTITION OF schakel.waiting FOR VALUES IN ({day})"
    " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)"
)
_LOOK = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0), coalesce(sum(s.n_dead_tup), 0),
    coalesce(sum(s.autovacuum_count), 0), (SELECT count(*) FROM schakel.waiting)
FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relnamespace = 'schakel'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^waiting(_[0-9]+)?$'
"""


@dataclass(slots=True)
class Day:
    """How it stood at the end of a day."""

    bytes: int
    dead: int
    vacuums: int
    rows: int
    commit_ms: float
    look_ms: float


class Month:
    """One server, one store, one day after another."""

    def __init__(self, folder: Path, messages: int, *, cut: bool) -> None:
        self._server = Cluster(*_SETTINGS, place="/tmp")
        self._dsn = self._server.bare()
        self._now = FIRST_DAY * DAY_MS
        self._messages, self._cut, self._count = messages, cut, 0
        PostgresStore.create(self._dsn)
        self._name = name_in(self._dsn)
        if cut:
            self._server.admin(_CUT, self._name)
        self._store = PostgresStore(self._dsn, folder / "day.keys", lambda: self._now)
        self._payload = os.urandom(SIZE)

    def days(self, count: int) -> Iterator[Day]:
        """So many days."""
        with closing(self._store):
            for day in range(FIRST_DAY, FIRST_DAY + count):
                self._now = day * DAY_MS + 1
                self._begin(day)
                took, looked = self._day(day)
                size, dead, vacuums, rows = self._server.admin(_LOOK, self._name)[0]
                yield Day(int(size), int(dead), int(vacuums), int(rows), _p99(took), _p99(looked))  # type: ignore[call-overload]
        self._server.remove()

    def _begin(self, day: int) -> None:
        self._store.tidy(self._now)
        while gone := self._store.due(self._now, BATCH):
            self._store.commit(Step(self._now, leaves=[Leave(one.message_id, Code.EXPIRED) for one in gone]))
        if self._cut:
            self._server.admin(_PART.format(day=day), self._name)
            self._drop(day - 8)

    def _drop(self, day: int) -> None:
        there = self._server.admin(f"SELECT to_regclass('schakel.waiting_{day}') IS NOT NULL", self._name)
        if there == [(True,)]:
            self._server.admin(f"DROP TABLE schakel.waiting_{day}", self._name)

    def _day(self, day: int) -> tuple[list[float], list[float]]:
        took, looked = list[float](), list[float]()
        for first in range(0, self._messages, BATCH):
            self._now = day * DAY_MS + first * (DAY_MS // self._messages) + 1
            ids = [hashlib.sha256(b"%d" % (self._count + place)).digest()[:16] for place in range(BATCH)]
            self._count += BATCH
            came = [one for place, one in enumerate(ids) if place % AWAY]
            took.append(_timed(lambda ids=ids: self._store.commit(self._accepts(ids))))  # type: ignore[misc]
            recipient = first // BATCH % _RECIPIENTS
            looked.append(_timed(lambda recipient=recipient: self._store.waiting(recipient, self._now, BATCH)))  # type: ignore[misc]
            offers = [Offer(one, 1, self._now, self._now + 60_000, self._now + DAY_MS) for one in came]
            took.append(_timed(lambda offers=offers: self._store.commit(Step(self._now, offers=offers))))  # type: ignore[misc]
            leaves = [Leave(one, Code.STORED) for one in came]
            took.append(_timed(lambda leaves=leaves: self._store.commit(Step(self._now, leaves=leaves))))  # type: ignore[misc]
        return took, looked

    def _accepts(self, ids: Sequence[bytes]) -> Step:
        step = Step(self._now)
        step.entries = [committed([1, FIRST_DAY, "bench", "a"], one + one) for one in ids]
        recipient = self._count // BATCH % _RECIPIENTS
        step.joins = [
            Join(one, one + one, 1, recipient, one, place, self._now, self._now + 7 * DAY_MS, self._payload, one + one)
            for place, one in enumerate(ids)
        ]
        return step


def _timed(do: object) -> float:
    began = time.perf_counter()
    do()  # type: ignore[operator]
    return 1_000 * (time.perf_counter() - began)


def _p99(found: list[float]) -> float:
    return sorted(found)[int(0.99 * (len(found) - 1))]


def main(messages: int, days: int) -> None:
    """Both ways, in one run; a line of JSON for each fifth day."""
    for cut in (False, True):
        with TemporaryDirectory() as folder:
            for number, day in enumerate(Month(Path(folder), messages, cut=cut).days(days), 1):
                if number % 5 == 0 or number == 1:
                    told = {"cut": cut, "day": number, "kB": day.bytes // 1024, "dead": day.dead, "rows": day.rows}
                    told |= {"vacuums": day.vacuums, "commit_p99_ms": round(day.commit_ms, 1)}
                    sys.stdout.write(json.dumps(told | {"look_p99_ms": round(day.look_ms, 2)}) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [6_000, 30][len(given) :]))
