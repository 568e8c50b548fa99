# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store on PostgreSQL from commit to commit, beside a bare loop: psycopg, one call with arrays, the same tables.

The bare loop fills the rows of the same tables, with their indexes, in one transaction per batch: no comparison, no
Merkle tree, no wrapping of keys, no object of ours.  The server is a private one on the machine's disk, with everything
that makes a commit durable, and shares the cores with the loop; so the wall clock is what counts here.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import psycopg

from hub.postgres_link import connect
from hub.store import GrantRow, Join, Step, Tell, Use
from hub.store_postgres import PostgresStore
from schemas.codes import Code
from schemas.entry import committed
from tests.bench.measure import Line, percentile
from tests.postgres import Cluster

T = TypeVar("T")
RUNS = 3
COUNT = 6_000
ALONE = 400
BODY = 4_096
_BARE = """
CREATE FUNCTION bare(p_day int, p_at bigint, p_id bytea[], p_sha bytea[], p_handle bytea[], p_leaf bytea[],
    p_record bytea[], p_wrapped bytea[], p_key bytea[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n CONSTANT int := cardinality(p_id);
    s bigint;
BEGIN
    UPDATE grants SET last = last + 1 FROM unnest(p_handle) AS u(one) WHERE handle = u.one;
    SELECT size INTO s FROM head FOR UPDATE;
    INSERT INTO message SELECT s + i, id, sha, 1, 2, 'accepted', p_at
        FROM unnest(p_id, p_sha) WITH ORDINALITY AS t(id, sha, i);
    INSERT INTO waiting SELECT s + i, id, p_day, 1, 2, handle, p_at, p_at, 0, 0, 0
        FROM unnest(p_id, p_handle) WITH ORDINALITY AS t(id, handle, i);
    INSERT INTO payload SELECT p_day, s + i, wrapped, key
        FROM unnest(p_wrapped, p_key) WITH ORDINALITY AS t(wrapped, key, i);
    INSERT INTO feed SELECT 1, s + i, p_at, 'accepted', id, NULL, NULL FROM unnest(p_id) WITH ORDINALITY AS t(id, i);
    INSERT INTO entry SELECT s + i, leaf, leaf, record FROM unnest(p_leaf, p_record) WITH ORDINALITY AS t(leaf, record, i);
    UPDATE head SET size = s + n;
    RETURN s;
END $$;
"""
_CALL = "SELECT bare(%b, %b, %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])"
_AT = 1_764_000_000_000
_DAY = _AT // 86_400_000


def commits(root: Path) -> list[Line]:
    """In batches of 200, and one message at a time."""
    root.mkdir(parents=True)
    server = Cluster("shared_buffers=256MB", "max_wal_size=4GB", place="/tmp")  # a disk, not memory
    try:
        return [*_lines(server, root)]
    finally:
        server.remove()


def _lines(server: Cluster, root: Path) -> Iterator[Line]:
    for size, count in ((200, COUNT), (1, ALONE)):
        mine, bare, cpu, own, theirs = [], [], [], [], []
        for run in range(RUNS + 1):
            ours = _ours(server, root / f"{size}-{run}.keys", size, count)
            other = _other(server, root / f"{size}-{run}-bare.keys", size, count)
            for loop, times in ((ours, mine), (other, bare)) if run % 2 else ((other, bare), (ours, mine)):
                wall, used = time.perf_counter(), time.process_time()
                each = loop()
                times.append((time.perf_counter() - wall) / count)
                if loop is ours:
                    cpu.append((time.process_time() - used) / count)
                (own if loop is ours else theirs).extend(each if run else [])
        value, limit = (1 / statistics.median(times[1:]) for times in (mine, bare))
        tail = [f"{percentile(one, part) * 1000:.1f}" for one in (own, theirs) for part in (0.5, 0.99)]
        yield Line(
            name=f"store.postgres.commit{size}",
            unit="messages/s (wall)",
            value=round(value),
            limit=round(limit),
            ratio=round(value / limit, 3),
            goal="ratio 0.7" if size > 1 else "-",
            met=value / limit >= 0.7 if size > 1 else None,
            runs=RUNS,
            own_us=round(statistics.median(cpu[1:]) * 1e6, 1),
            note=f"{BODY} bytes each; ms of a commit, p50 and p99: {tail[0]}, {tail[1]}; bare {tail[2]}, {tail[3]}",
        )


def _steps(count: int, size: int) -> list[Step]:
    steps = []
    for start in range(0, count, size):
        step = Step(_AT)
        for place, number in enumerate(range(start, start + size)):
            handle, message_id, sha = _handle(number), os.urandom(16), os.urandom(32)
            record = [1, 20_000, "accept", message_id, sha, False, handle, 1, 1, 2, "a" * 16, "b" * 16]
            record += [["control", "progress", "service"], sha, 1, [sha, sha], 5, "accepted"]
            step.entries.append(committed(record, os.urandom(32)))
            step.joins.append(Join(message_id, sha, 1, 2, handle, place, _AT, _AT, os.urandom(BODY), os.urandom(32)))
            step.rests_on_grants.append((handle, 1))
            step.uses.append(Use(handle, 1, 0, 1))
            step.tells.append(Tell(1, 0, Code.ACCEPTED, message_id))
        step.rests_on_addresses = {1: 1, 2: 1}
        steps.append(step)
    return steps


def _handle(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()[:16]


def _filled(server: Cluster, keys: Path, count: int) -> tuple[str, PostgresStore]:
    dsn = server.bare()
    PostgresStore.create(dsn)
    store = PostgresStore(dsn, keys, lambda: _AT)
    store.commit(Step(1, admissions=[(f"urn:{one}", "admitted", None) for one in "ab"]))
    rows = [
        GrantRow(_handle(one), 1, 2, 24_300, None, 1, "statutory", ("progress",), bytes(32), False, 1, 0, 0, 30_000)
        for one in range(count)
    ]
    store.commit(Step(2, registers=rows))
    store.tidy(_AT)
    return dsn, store


def _ours(server: Cluster, keys: Path, size: int, count: int) -> Callable[[], list[float]]:
    _, store = _filled(server, keys, count)
    steps = _steps(count, size)

    def loop() -> list[float]:
        each = _timed(store.commit, steps)
        store.close()
        return each

    return loop


def _other(server: Cluster, keys: Path, size: int, count: int) -> Callable[[], list[float]]:
    dsn, store = _filled(server, keys, count)
    store.close()
    db: psycopg.Connection = connect(dsn)
    db.execute(_BARE)
    batches = [
        (
            _DAY,
            _AT,
            [join.message_id for join in step.joins],
            [join.sha for join in step.joins],
            [join.handle for join in step.joins],
            [entry.leaf for entry in step.entries],
            [entry.record for entry in step.entries],
            [join.wrapped for join in step.joins],
            [join.key + bytes(28) for join in step.joins],
        )
        for step in _steps(count, size)
    ]

    def loop() -> list[float]:
        each = _timed(lambda values: db.execute(_CALL, values, prepare=True).fetchone(), batches)
        db.close()
        return each

    return loop


def _timed(do: Callable[[T], object], work: Sequence[T]) -> list[float]:
    each = []
    for one in work:
        began = time.perf_counter()
        do(one)
        each.append(time.perf_counter() - began)
    return each
