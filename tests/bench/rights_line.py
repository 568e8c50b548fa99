# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The line of the rights: the report about one client, by the command, at an edge with a million records.

The whole command is timed, the start of the program included.  The limit is the same command at an edge that has this client alone.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from adapters.records_incoming import INTRODUCTIONS, TOLD, Introduced, Told
from adapters.records_outgoing import CLIENTS, DONE, EVENT, FINAL, GRANTS, ITEMS, Client, Grant, Item
from adapters.shelf import Shelf
from consent.rules import national
from deploy.compose_edge import NewEdge, NoHub, load_settings, make_store, open_edge, write_edge_settings
from schemas import registry
from schemas.calendar import day_of
from schemas.event import Event, Kind, Law
from tests.bench.edge_lines import PROVIDER, TEAM
from tests.bench.measure import RUNS, Line

RECORDS = 1_000_000
ONE = "C-1"  # has fifty times as much as anybody else
MUCH, LITTLE = 100, 3
_GOAL = 5.0
_TOGETHER = 50_000
_RUN = "from deploy.cli import main; main()"
REGISTRY, ROWS = registry.load(), national(test_mode=True).rows
Kept = tuple[Shelf[object], object]


def inzage(root: Path) -> Line:
    """`schakel edge inzage` about one client among a million records, in seconds."""
    large, small = _edge(root / "large", RECORDS), _edge(root / "small", 1)
    ours, alone = _times(large), _times(small)
    value, limit = (statistics.median(cpu for cpu, _ in times) for times in (ours, alone))
    return Line(
        "edge.inzage_1M_s",
        "s of one core (CPU), the whole command",
        round(value, 3),
        round(limit, 3),
        round(limit / value, 3),
        f"under {_GOAL:g}",
        value < _GOAL,
        RUNS,
        wall=round(statistics.median(wall for _, wall in ours), 3),
        note=f"{RECORDS:,} records, {2 * MUCH} of this client",
    )


def _times(folder: Path) -> list[tuple[float, float]]:
    """What the command took of a core, and by the wall."""
    times = []
    for _ in range(RUNS):
        html = folder / f"{time.monotonic_ns()}.html"
        asked = ("edge", "inzage", ONE, "--html", str(html), "--config", str(folder))
        cpu, wall = _cpu(), time.perf_counter()
        subprocess.run([sys.executable, "-c", _RUN, *asked], check=True, capture_output=True)
        times.append((_cpu() - cpu, time.perf_counter() - wall))
        if html.read_bytes().count(b"<tr><td") < 2 * MUCH:
            raise RuntimeError("the report is not whole: this figure would mean nothing")
    return times


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _edge(folder: Path, most: int) -> Path:
    """An edge with so many records, and at least those of one client."""
    folder.mkdir(parents=True)
    key = folder.parent / f"{folder.name}.key"
    settings = load_settings(write_edge_settings(NewEdge(folder, TEAM, "Team Wmo", key_file=key, demo=True)))
    with open_edge(settings, NoHub(), make_store(settings, os.environ)) as made:
        made.init()
        store, records = made.store, _records(most)
        while together := list(islice(records, _TOGETHER)):
            with store.transaction() as tx:
                for shelf, record in together:
                    shelf.put(tx, record)
    return folder


def _records(most: int) -> Iterator[Kept]:
    numbers, made, client = iter(range(1, most + MUCH + 1)), 0, 0
    while made < most or not client:
        client += 1
        found = _of_client(client, MUCH if client == 1 else LITTLE, numbers)
        made += len(found)
        yield from found


def _of_client(number: int, each: int, items: Iterator[int]) -> list[Kept]:
    today = day_of(time.time_ns() // 1_000_000)
    row_in, row_out = ROWS[2], ROWS[1]
    client = f"S{number:016x}"
    secret, line = os.urandom(32), f"{client}/{PROVIDER}/{row_out.purpose}/wmo"
    at, end = (today - 10) * 86_400_000, today + 100
    parts = tuple(
        (name, REGISTRY.encode(f"{name}/1", part))
        for name, part in sorted(
            Event(Kind.GEWIJZIGD, today - 10, Law.WMO, None, "A1").parts(row_in.categories).items()
        )
    )
    grant = Grant(
        os.urandom(8).hex(), line, client, PROVIDER, 1, "statutory", row_out.categories, row_out.purpose, "wmo",
        today - 20, end, at, at, secret, os.urandom(32), "A1", True,
    )  # fmt: skip
    introduced = Introduced(
        secret, PROVIDER, None, 2, "statutory", row_in.categories, row_in.purpose, "wmo", today - 20, end, None, True, at, client
    )  # fmt: skip
    found: list[tuple[object, object]] = [
        (CLIENTS, Client(client, None, f"C-{number}")),
        (GRANTS, grant),
        (INTRODUCTIONS, introduced),
    ]
    for _ in range(each):
        event = os.urandom(16)
        found.append((TOLD, Told(event, PROVIDER, secret, client, today - 10, parts, False, at)))
        item = Item(
            next(items), EVENT, os.urandom(16), grant.id, line, client, os.urandom(32), today - 10, parts, at, 0,
            state=FINAL, final=DONE, told=True, taken_at=at, done_on=today - 10,
        )  # fmt: skip
        found.append((ITEMS, item))
    return found  # type: ignore[return-value]  # each record stands beside the shelf of its kind
