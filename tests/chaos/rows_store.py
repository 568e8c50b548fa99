# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows of a hub whose store is a PostgreSQL database: the server dies, gives way to its standby, is put back, or the network
between hub and server is cut; and the store is moved, there and back, while events come.

Each says how many seconds passed from the moment at which the store could answer again until the hub had committed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

from deploy.compose import open_hub
from deploy.net import Process
from deploy.options import HUB_FILE
from deploy.prometheus import free_port
from hub.config import load_hub_config
from hub.machines import machine_name
from hub.postgres_machines import forget
from tests.chaos.server import Server
from tests.chaos.town import Town, until
from tests.moves import many

RATE = 25
NOBODY = 999  # number of a partner that there isn't: what fills a store is picked up by nobody
_TIMES = 3
_CUT_SECONDS = 8.0
_PATIENCE = 90.0
_ALONE_SECONDS = 3.0
FURTHER = (HUB_FILE, "accession.key", "accession.crt", "greatest.json", "day.keys")
_WAITING = 25_000  # five rows each


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


def store_moved(town: Town, rate: int = RATE, waiting: int = _WAITING) -> str:
    """`schakel hub migrate` to the database, and back, while events come: what is held back meets the limits of a partner."""
    server = _server(town)
    _fill(town, waiting)
    told = []
    for to in (server.hub_dsn(), "file"):
        town.tell(rate, rate=rate)
        answer = migrated(town, to, rate)
        told.append(f"{answer['rows']} rows in {answer['pause_seconds']} s")
        town.tell(rate, rate=rate)
    return f"{rate} events a second; there {told[0]}, and back {told[1]}"


def machines_restored(town: Town) -> str:
    """Three machines on one database, of which one saw everything, one some of it and one nothing since the copy was made.
    They come back one after another, the one that saw nothing first, and nobody works before the last has come."""
    server = _server(town)
    a, (b, c) = town.hub, [_another(town, name) for name in ("hub-b", "hub-c")]
    server.base("yesterday")
    town.tell(12, rate=RATE)
    c.kill()
    town.tell(12, rate=RATE)
    town.settle(_PATIENCE)
    b.kill()
    town.tell(25, rate=RATE)
    town.settle(_PATIENCE)
    a.kill()
    server.stop()
    server.put_back("yesterday")
    town.tell(12)
    for late in (c, b):
        late.start()
        here = (c,) if late is c else (c, b)
        until(lambda late=late: late.events("waits-for-machines"), _PATIENCE, "a machine waits for those that saw more")  # type: ignore[misc]
        time.sleep(_ALONE_SECONDS)
        assert not any(one.events("listening") for one in here), "a machine serves what others know to be old"
    began = time.monotonic()
    a.start()
    until(lambda: all(one.events("listening") for one in (a, b, c)), _PATIENCE, "all three work")
    until(
        lambda: a.events("recovery") and a.events("recovery")[-1]["awaited"] == 0, _PATIENCE, "all facts are repeated"
    )
    took = time.monotonic() - began
    for one, name in ((b, "hub-b"), (c, "hub-c")):
        one.stop()  # and it will not return, so that the log can be looked at
        forget(server.hub_dsn(), machine_name(load_hub_config(town.net.folder / name / HUB_FILE).data_folder))
    return f"nobody served before the last came; log {a.events('recovery')[-1]['log']}, everybody confirmed after {took:.1f} s"


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
    """The hub refuses the older database, begins again in recovery, and goes on by itself."""
    began = time.monotonic()
    until(
        lambda: town.hub.events("lacks"), _PATIENCE, "a running hub does not go on in a database that lacks what it saw"
    )
    town.tell(12)
    until(lambda: town.hub.events("recovery"), _PATIENCE, "the hub begins a recovery")
    until(lambda: town.hub.events("recovery")[-1]["awaited"] == 0, _PATIENCE, "every partner repeats its facts")
    took = time.monotonic() - began
    return f"the database {why}; by itself: log {town.hub.events('recovery')[-1]['log']}, everybody confirmed after {took:.1f} s"


def _fill(town: Town, waiting: int) -> None:
    town.hub.stop()
    with open_hub(town.net.config, traffic=False) as hub:
        many(hub.store, waiting, recipient=NOBODY, now=hub.store.now())
    town.hub.start()
    until(lambda: town.hub.events("listening"), _PATIENCE, "the hub listens again")


def _another(town: Town, name: str) -> Process:
    """One more machine of the hub, at work, with the files that a further machine gets."""
    first, folder = town.net.folder / "hub", town.net.folder / name
    folder.mkdir()
    for file in FURTHER:
        if (first / file).exists():
            shutil.copy(first / file, folder / file)
    text = (folder / HUB_FILE).read_text(encoding="utf-8")
    for setting in ("listen", "metrics_listen"):
        text = re.sub(rf'^{setting} = ".*"', f'{setting} = "127.0.0.1:{free_port()}"', text, flags=re.MULTILINE)
    (folder / HUB_FILE).write_text(text, encoding="utf-8")
    made = Process(("hub", "run", "--config", str(folder)), town.net.folder / f"{name}.log")
    town.stack.callback(made.end)
    made.start()
    until(lambda: made.events("listening"), _PATIENCE, "a further machine listens")
    return made


def migrated(town: Town, to: str, rate: int) -> dict[str, object]:
    """What the command said; so many events a second came meanwhile."""
    place = town.net.folder / "hub"
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "hub", "migrate", "--to", to, "--yes"]
    with subprocess.Popen([*command, "--json", "--config", str(place)], stdout=subprocess.PIPE, text=True) as mover:
        while mover.poll() is None:
            town.tell(1, rate=rate)
        assert mover.stdout is not None
        answer = mover.stdout.read()
    assert mover.returncode == 0, answer
    town.net.config = load_hub_config(place / "hub.toml")
    return dict(json.loads(answer))
