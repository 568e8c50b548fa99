# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The line of a large file at an edge: 10,000 allocations in one file, read, kept and made into grants."""

from __future__ import annotations

import asyncio
import re
import time
from itertools import cycle, islice
from pathlib import Path

from deploy.story import messages
from deploy.story.person import CITIZEN
from deploy.story.world import DemoClock, make_world, open_world
from deploy.work import one_pass
from schemas.calendar import day_of, parse_date, start_of_day
from schemas.identity import Citizen
from tests.bench.measure import Line

COUNT = 10_000
_NOON = start_of_day(parse_date("2026-03-12")) + 12 * 3_600_000
_FIRST, _LAST = 999_900_006, 999_999_990  # the numbers that are given to nobody


def allocations(root: Path) -> list[Line]:
    """Messages a second of one core, the hub's half of the feed included; alone, and a hundred in one commit."""
    return [_measured(root / str(together), together) for together in (1, 100)]


def _measured(root: Path, together: int) -> Line:
    make_world(root)
    with open_world(root, DemoClock(_NOON)) as place:
        place.settle()
        place.team.put("batch.xml", _file())
        config, edge = place.team.settings.config, place.team.edge
        wall, cpu = time.perf_counter(), time.process_time()
        done = asyncio.run(one_pass(edge, config, place.clock, exchange=False, together=together))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if (done.read, done.grants, done.quarantined) != (COUNT, len(_numbers()), 0):
        raise RuntimeError("not every citizen has a grant: this figure would mean nothing")
    return Line(
        name=f"edge.allocations_{together}",
        unit="messages/s of one core (CPU)",
        value=round(COUNT / cpu),
        limit=None,
        ratio=None,
        goal="-",
        met=None,
        runs=1,
        wall=round(COUNT / wall),
        note=f"{COUNT:,} allocations in one file, {together} in one commit",
    )


def _file() -> bytes:
    """One allocation for each number that is given to nobody, and a second one for the first of them."""
    day = day_of(_NOON)
    message = messages.allocation(CITIZEN, messages.Support(day, day, day + 100)).decode()
    found = []
    for number, bsn in enumerate(islice(cycle(_numbers()), COUNT), 1):
        one = message.replace(f">{CITIZEN.bsn}<", f">{bsn}<")
        found.append(re.sub(r"(<m:ToewijzingNummer>)[0-9]+", rf"\g<1>{number}", one))
    return "\n".join(found).encode()


def _numbers() -> list[str]:
    found: list[str] = []
    for number in range(_FIRST, _LAST + 1):
        try:
            Citizen(str(number))
        except ValueError:
            continue
        found.append(str(number))
    return found
