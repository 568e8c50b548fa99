# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""20,000,000 grants in PostgreSQL: how long they take to load, how large they are, and how long a look-up of 200 takes.

They are loaded by COPY into the table that the path reads, its index made afterwards; signed facts and entries, which
the path does not read, are not there.  A look-up is the store's own; its limit is the same statement through psycopg,
in turn with it, without an object of ours.  Needs 6 GB of disk while it runs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import psycopg

from hub import store_postgres_sql as sql
from hub.postgres_link import bytea_array, connect
from hub.store import GrantRow, Step
from hub.store_postgres import PostgresStore
from tests.bench.measure import Line, percentile
from tests.bench.network_lines import figure, machine
from tests.postgres import Cluster

COUNT = 20_000_000
AT_ONCE, LOOKUPS, WARM = 200, 2_000, 200
NEEDS = 12 * 2**30  # bytes of disk
_BLOCK = 20_000
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TABLE = "SELECT pg_table_size('schakel.grants'), pg_indexes_size('schakel.grants')"


def grants(root: Path, count: int = COUNT) -> list[Line]:
    """The lines."""
    free = shutil.disk_usage("/tmp").free
    if free < NEEDS * count / COUNT:
        raise RuntimeError(f"/tmp has {free / 2**30:.0f} GiB; these grants need {NEEDS * count / COUNT / 2**30:.0f}")
    root.mkdir(parents=True)
    # Nothing is written to the log of changes for a table that is new in its transaction.
    server = Cluster(
        "shared_buffers=256MB", "max_wal_size=4GB", "wal_level=minimal", "max_wal_senders=0",
        "maintenance_work_mem=512MB", place="/tmp",
    )  # fmt: skip
    try:
        return _lines(server, root, count)
    finally:
        server.remove()


def _lines(server: Cluster, root: Path, count: int) -> list[Line]:
    dsn = server.bare()
    PostgresStore.create(dsn)
    store = PostgresStore(dsn, root / "day.keys")
    store.commit(Step(1, admissions=[(f"urn:{one}", "admitted", None) for one in "ab"]))
    store.commit(Step(2, registers=[template()]))
    db = connect(dsn)
    began = time.perf_counter()
    load(db, count)
    loaded = time.perf_counter() - began
    [(table, index)] = db.execute(_TABLE).fetchall()
    mine, bare = _looked_up(store, db, count)
    db.close()
    store.close()
    size = f"{count:,} grants; table {table / count:.0f} bytes each, index {index / count:.0f}"
    ours, limit = (percentile(times, 0.99) * 1000 for times in (mine, bare))
    middle = [percentile(times, 0.5) * 1000 for times in (mine, bare)]
    note = f"{len(mine):,} look-ups of {AT_ONCE} at random; p50 {middle[0]:.2f} and bare {middle[1]:.2f}; {machine()}"
    ratio = round(limit / ours, 3)
    return [
        figure("grants20M.load_s", "s", loaded, None, f"COPY and the index: {count / loaded:,.0f}/s; {machine()}"),
        figure("grants20M.size_gb", "GB", (table + index) / 1e9, None, size),
        Line("grants20M.lookup200_p99", "ms", round(ours, 2), round(limit, 2), ratio, "-", None, 1, note=note),
    ]


def handle_of(number: int) -> bytes:
    """The handle of a grant."""
    return sha256(number.to_bytes(8, "big")).digest()[:16]


def template() -> GrantRow:
    """The grant from which all others are made: the words that it names are known from then on."""
    words = ("progress", "service")
    return GrantRow(handle_of(0), 1, 2, 24_300, None, 1, "statutory", words, bytes(32), False, 1, 0, 0, 30_000)


def load(db: psycopg.Connection, count: int) -> None:
    """Fills the table with so many; their order is that of nothing, as handles have it."""
    [packed] = db.execute("SELECT packed FROM grants").fetchone() or ()
    [name] = (
        db.execute("SELECT conname FROM pg_constraint WHERE conrelid = 'grants'::regclass AND contype = 'p'").fetchone()
        or ()
    )
    with db.transaction():
        db.execute("TRUNCATE grants")
        db.execute(f"ALTER TABLE grants DROP CONSTRAINT {name}".encode())
        with db.cursor().copy("COPY grants FROM STDIN (FORMAT binary)") as copy:
            copy.write(_HEAD)
            for block in _blocks(packed[:-32], count):
                copy.write(block)
            copy.write(b"\xff\xff")
        db.execute(f"ALTER TABLE grants ADD CONSTRAINT {name} PRIMARY KEY (handle)".encode())
        db.execute("UPDATE head SET grants = %b", (count,))
    db.execute("VACUUM (ANALYZE) grants")


def _blocks(packed: bytes, count: int) -> Iterator[bytes]:
    before = b"\0\x07" + _value(bytes(16))[:4]
    numbers = (1, 0)  # version, last
    between = b"".join(_value(one.to_bytes(8, "big")) for one in numbers)
    between += _value(b"\0") + _value(bytes(8)) + _value((30_000).to_bytes(4, "big"))  # stopped, held, forget
    between += (len(packed) + 32).to_bytes(4, "big") + packed
    for start in range(0, count, _BLOCK):
        handles = (handle_of(number) for number in range(start, min(start + _BLOCK, count)))
        yield b"".join([before + one + between + one + one for one in handles])


def _value(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def _looked_up(store: PostgresStore, db: psycopg.Connection, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each look-up, ours and bare, in turn."""
    chance = Random(1)  # noqa: S311  # which grants; nothing secret
    times: tuple[list[float], list[float]] = ([], [])

    def bare(handles: list[bytes]) -> int:
        return len(db.execute(sql.READ_GRANTS, (bytea_array(handles),), prepare=True, binary=True).fetchall())

    ways: tuple[Callable[[list[bytes]], int], ...] = (lambda handles: len(store.grants(handles)), bare)
    for turn in range(WARM + LOOKUPS):
        for place in (0, 1) if turn % 2 else (1, 0):
            handles = [handle_of(chance.randrange(count)) for _ in range(AT_ONCE)]
            began = time.perf_counter()
            found = ways[place](handles)
            took = time.perf_counter() - began
            if found != len(set(handles)):
                raise RuntimeError("a grant was not found: this figure would mean nothing")
            if turn >= WARM:
                times[place].append(took)
    return times


LINES = {"grants20M": grants}
