# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub and edges as processes, for tests; and how one waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.compose import machine_clock
from deploy.net import Net, set_up
from deploy.run_edge import LOOK_SECONDS
from deploy.story.world import DemoClock, Who
from schemas.calendar import day_of

SECONDS = 60.0


@contextmanager
def net_of(folder: Path, *whom: Who, dsn: str | None = None) -> Iterator[Net]:
    """Set up, and every process gone at the end."""
    with ExitStack() as stack:
        yield set_up(folder, stack, whom, dsn=dsn)


def let_look(times: int) -> None:
    """Time in which an edge looks into its folder as often as this; what it leaves alone gives no sign."""
    time.sleep(times * LOOK_SECONDS)


def wait_for(holds: Callable[[], object]) -> None:
    """Returns when it holds; a test that waits longer than it may fails."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def day_told() -> int:
    """The day of the story that a demo tells now: shortly after midnight it is that of yesterday."""
    return day_of(DemoClock(machine_clock())())
