# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows of a hub whose store is a PostgreSQL database: the server dies, gives way to its standby, is put back, or the network
between hub and server is cut; and the store is moved, there and back, while events come.

Each says how many seconds passed from the moment at which the store could answer again until the hub had committed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from deploy.compose import open_hub
from hub.config import load_hub_config
from tests.chaos.server import Server
from tests.chaos.town import Town, until
from tests.moves import many

RATE = 25
NOBODY = 999  # number of a partner that there isn't: what fills a store is picked up by nobody
_TIMES = 3
_CUT_SECONDS = 8.0
_PATIENCE = 90.0
_WAITING = 25_000  # five rows each
_MEANWHILE = 8  # events a second while the store moves: what is held back meets the limits of a partner afterwards


def store_killed(town: Town, times: int = _TIMES) -> str:
    """SIGKILL to PostgreSQL and every process of it, under load."""
    return _away(town, times, _server(town).kill, "killed")


def store_restarted(town: Town, times: int = _TIMES) -> str:
    """PostgreSQL is stopped in order and started, under load."""
    return _away(town, times, _server(town).stop, "restarted")


def store_failed_over(town: Town) -> str:
    """The machine of the primary is gone; its synchronous standby is promoted, and holds all that was promised."""
    server = _server(town)
    standby = server.follow()
    town.tell(25, rate=RATE)
    server.kill()
    town.tell(12, rate=RATE)
    before = standby.committed_at()
    standby.promote()
    back = _resumed(standby, before)
    town.tell(12, rate=RATE)
    assert not town.hub.events("recovery"), "nothing was lost, so there is nothing to recover"
    return f"commits again {back:.1f} s after the promotion; no recovery was needed"


def standby_behind(town: Town) -> str:
    """A standby that commits did not wait for is promoted: it lacks some of what was promised, and the hub finds out."""
    server = _server(town)
    standby = server.follow(synchronous=False)
    town.tell(12, rate=RATE)
    standby.stop()  # it is away for a while, and nobody waits for it
    town.tell(25, rate=RATE)
    town.settle(_PATIENCE)
    server.kill()
    standby.start()
    standby.promote()
    return _recovered(town, "lacked commits")


def store_restored(town: Town) -> str:
    """The database of yesterday is put back, with PostgreSQL's own tools; greatest.json says that it is older."""
    server = _server(town)
    server.base("yesterday")
    town.tell(25, rate=RATE)
    town.settle(_PATIENCE)
    server.stop()
    server.put_back("yesterday")
    return _recovered(town, "was of yesterday")


def store_unreachable(town: Town) -> str:
    """The network between hub and server is cut while events come: no answer, and then no connection."""
    server = _server(town)
    town.tell(12, rate=RATE)
    server.line.tell("refuse")
    town.tell(24, rate=24 / _CUT_SECONDS)
    before = server.committed_at()
    server.line.tell("pass")
    back = _resumed(server, before)
    town.tell(12, rate=RATE)
    return f"for {_CUT_SECONDS:.0f} s; commits again {back:.1f} s after"


def store_moved(town: Town, waiting: int = _WAITING) -> str:
    """`schakel hub migrate` to the database, and back, while events come."""
    server = _server(town)
    _fill(town, waiting)
    told = []
    for to in (server.hub_dsn(), "file"):
        town.tell(12, rate=RATE)
        answer = _migrated(town, to)
        told.append(f"{answer['rows']} rows in {answer['pause_seconds']} s")
        town.tell(12, rate=RATE)
    return f"there {told[0]}, and back {told[1]}"


def _server(town: Town) -> Server:
    assert town.server is not None, "this row needs a town on a database"
    return town.server


def _away(town: Town, times: int, end: Callable[[], None], how: str) -> str:
    server, worst = _server(town), 0.0
    for _ in range(times):
        town.tell(25, rate=RATE)
        end()
        town.tell(6)
        server.start()
        worst = max(worst, _resumed(server, server.committed_at()))
    return f"{how} {times} times under {RATE} events a second; commits again at most {worst:.1f} s after"


def _resumed(server: Server, before: int) -> float:
    """Seconds until the hub commits again; it tries every three."""
    began = time.monotonic()
    until(lambda: server.committed_at() > before, _PATIENCE, "the hub commits again")
    return time.monotonic() - began


def _recovered(town: Town, why: str) -> str:
    """The hub refuses the older database while it runs, begins a recovery when it starts, and goes on by itself."""
    time.sleep(5)
    assert not town.hub.events("recovery"), "a running hub does not go on in a database that lacks what it saw"
    town.hub.kill()
    town.tell(12)
    began = time.monotonic()
    town.hub.start()
    until(lambda: town.hub.events("recovery"), _PATIENCE, "the hub begins a recovery")
    until(lambda: town.hub.events("recovery")[-1]["awaited"] == 0, _PATIENCE, "every partner repeats its facts")
    took = time.monotonic() - began
    return f"the database {why}: log {town.hub.events('recovery')[-1]['log']}, everybody confirmed after {took:.1f} s"


def _fill(town: Town, waiting: int) -> None:
    town.hub.stop()
    with open_hub(town.net.config, traffic=False) as hub:
        many(hub.store, waiting, recipient=NOBODY, now=hub.store.now())
    town.hub.start()
    until(lambda: town.hub.events("listening"), _PATIENCE, "the hub listens again")


def _migrated(town: Town, to: str) -> dict[str, object]:
    place = town.net.folder / "hub"
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "hub", "migrate", "--to", to, "--yes"]
    with subprocess.Popen([*command, "--json", "--config", str(place)], stdout=subprocess.PIPE, text=True) as mover:
        while mover.poll() is None:
            town.tell(1, rate=_MEANWHILE)
        assert mover.stdout is not None
        answer = mover.stdout.read()
    assert mover.returncode == 0, answer
    town.net.config = load_hub_config(place / "hub.toml")
    return dict(json.loads(answer))
