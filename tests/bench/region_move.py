# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store of 100,000 rows and more moves: from a file to PostgreSQL, from there to another database, and back to a file.

The figure is the pause: the time in which the hub answers nobody, without the start of a process.  Its limit is what
PostgreSQL's own tools take for the same store, without a comparison: `pg_dump` into `psql`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deploy.compose import open_hub
from deploy.move import TO_FILE, move_store
from tests.bench.measure import Line
from tests.bench.network_lines import machine
from tests.moves import NOW, many, new_hub, settings
from tests.postgres import Cluster, name_in

WAITING = 20_000  # five rows each


def move(root: Path, waiting: int = WAITING) -> list[Line]:
    """The lines."""
    server = Cluster("shared_buffers=256MB", "max_wal_size=4GB", place="/tmp")
    try:
        root.mkdir(parents=True)
        hub = root / "hub"
        with open_hub(new_hub(hub), lambda: NOW, traffic=False) as made:
            many(made.store, waiting)
        first, second = server.bare(), server.bare()
        there = _pause(hub, first)
        bare = _timed(lambda: _by_hand(server, first, server.bare()))
        between = _pause(hub, second)
        for old in (hub / "data").glob("hub.db*"):
            old.unlink()  # as an operator does with a store that went
        back = _pause(hub, TO_FILE)
        lines = [_line(name, one, bare[0]) for name, one in (("there", there), ("between", between), ("back", back))]
    finally:
        server.remove()
    return lines


def _pause(hub: Path, to: str) -> tuple[float, int]:
    with open_hub(settings(hub), lambda: NOW + 1_000, traffic=False) as opened:
        return _timed(lambda: move_store(opened, to, hub / "hub.toml"))


def _timed(do: Callable[[], object]) -> tuple[float, int]:
    began = time.perf_counter()
    answer = do()
    return time.perf_counter() - began, int(answer["rows"]) if isinstance(answer, dict) else 0


def _by_hand(server: Cluster, old: str, new: str) -> None:
    dump = server._as("pg_dump", "-h", str(server.root), "-U", "hub", "-n", "schakel", name_in(old))
    load = server._as("psql", "-q", "-o", "/dev/null", "-h", str(server.root), "-U", "hub", "-d", name_in(new))
    with subprocess.Popen(dump, stdout=subprocess.PIPE, cwd="/") as reads:
        subprocess.run(load, stdin=reads.stdout, check=True, cwd="/")


def _line(name: str, pause: tuple[float, int], limit: float) -> Line:
    seconds, rows = pause
    note = f"{rows} rows; limit: pg_dump into psql; {machine()}"
    return Line(
        f"region.move.{name}",
        "s",
        round(seconds, 2),
        round(limit, 2),
        round(limit / seconds, 2),
        "-",
        None,
        1,
        note=note,
    )


LINES = {"region.move": move}
