# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows of a hub whose envelopes come in through Kafka; each needs the town of `region`."""

from __future__ import annotations

import os
import signal
import time

from hub.kafka_topics import INTAKE
from tests.chaos import ground
from tests.chaos.region import WORKERS, Region
from tests.chaos.rows_store import migrated
from tests.chaos.rows_time import HOUR, Clocks
from tests.chaos.town import Town, until
from tests.postgres import Cluster, name_in

_TIMES = 3
_AWAY_SECONDS = 20.0
_FROZEN_SECONDS = 14.0  # longer than the brokers wait for a worker


def _of(town: Town) -> Region:
    assert isinstance(town, Region)
    return town


def _aborts(made: Region) -> str:
    return f"; the library of Kafka aborted {made.aborted} workers meanwhile, started again" if made.aborted else ""


def worker_killed(town: Town, times: int = _TIMES) -> str:
    """One of two workers, under load: the other one has its partitions when its session is over."""
    made = _of(town)
    for number in range(times):
        town.tell(20, rate=25)
        made.workers[number % WORKERS].kill()
        town.tell(6)
        made.workers[number % WORKERS].start()
    return f"killed {times} times, while 25 events a second came"


def workers_killed(town: Town) -> str:
    """Both at once, and one comes back."""
    made = _of(town)
    town.tell(20, rate=25)
    for one in made.workers:
        one.kill()
    town.tell(12)
    made.start(0)
    return "both at once; one came back"


def worker_frozen(town: Town, times: int = 2) -> str:
    """A worker that stands still until another one has its partitions, and then goes on with what it had in hand."""
    made = _of(town)
    for _ in range(times):
        town.tell(20, rate=25)
        zombie = made.workers[0].process_id
        os.kill(zombie, signal.SIGSTOP)
        town.tell(14, rate=14 / _FROZEN_SECONDS)
        os.kill(zombie, signal.SIGCONT)
        town.tell(6)
    return f"{times} times for {_FROZEN_SECONDS:.0f} s; its partitions were another's meanwhile"


def broker_killed(town: Town) -> str:
    """Each of three brokers in turn, so the one that leads a partition too."""
    made = _of(town)
    for node in made.brokers.brokers:
        town.tell(12, rate=25)
        node.stop(signal.SIGKILL)
        town.tell(12, rate=6)
        node.start()
        made.brokers.wait()
    return f"each of {len(made.brokers.brokers)} in turn{_aborts(made)}"


def controller_killed(town: Town) -> str:
    """The only controller: the brokers go on with what they know."""
    made = _of(town)
    town.tell(12, rate=25)
    for node in made.brokers.controllers:
        node.stop(signal.SIGKILL)
    town.tell(24, rate=6)
    for node in made.brokers.controllers:
        node.start()
    made.brokers.wait()
    return "for some seconds"


def kafka_away(town: Town) -> str:
    """All of it: envelopes are answered 503 and wait in the outboxes."""
    made = _of(town)
    town.tell(12, rate=25)
    made.brokers.stop(signal.SIGKILL)
    began = time.monotonic()
    town.tell(20, rate=20 / _AWAY_SECONDS)
    made.brokers.start()
    return f"for {time.monotonic() - began:.0f} s{_aborts(made)}"


def store_moved(town: Town, rate: int = 25) -> str:
    """`schakel hub migrate` to another database while events come through Kafka: positions, topics and names of keys go with
    it, and the workers stop by themselves until they are started on it."""
    made = _of(town)
    assert made.cluster is not None
    town.tell(2 * rate, rate=rate)
    answer = migrated(town, made.cluster.bare(), rate)
    for number in range(WORKERS):
        made.stops_itself(number)
        made.start(number)
    town.tell(2 * rate, rate=rate)
    return f"{rate} events a second; {answer['rows']} rows in {answer['pause_seconds']} s"


def store_restored(town: Town) -> str:
    """The database goes back under a gateway and two workers that run: all begin again by themselves."""
    cluster = _of(town).cluster
    assert cluster is not None
    name = name_in(town.net.config.dsn or "")
    _let_nobody_in(cluster, name)
    cluster.admin(f"CREATE DATABASE yesterday TEMPLATE {name}")
    cluster.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    town.tell(25, rate=25)
    town.settle(90.0)
    _let_nobody_in(cluster, name)
    cluster.admin(f"ALTER DATABASE {name} RENAME TO gone")
    cluster.admin(f"ALTER DATABASE yesterday RENAME TO {name}")
    began = time.monotonic()
    town.tell(12, rate=6)
    until(lambda: town.hub.events("lacks"), 90, "the hub finds out")
    until(lambda: town.hub.events("recovery"), 90, "the hub begins a recovery")
    until(lambda: town.hub.events("recovery")[-1]["awaited"] == 0, 90, "every partner repeats its facts")
    took = time.monotonic() - began
    return f"by themselves: log {town.hub.events('recovery')[-1]['log']}, everybody confirmed after {took:.1f} s"


def _let_nobody_in(cluster: Cluster, name: str) -> None:
    cluster.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.admin("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'schakel'")


def topic_made_anew(town: Town) -> str:
    """Somebody deletes the topic and makes it anew: the workers stop, a person says that it is right, an hour goes by."""
    made = _of(town)
    clocks = Clocks(town)
    for number in range(WORKERS):
        made.workers[number].end()
        made.start(number)
    town.tell(12, rate=25)
    admin = made.brokers.admin()
    admin.delete_topics([INTAKE], operation_timeout=30)[INTAKE].result(60)
    town.tell(6)
    made.schakel("kafka", "init", "--apply")
    for number in range(WORKERS):
        made.stops_itself(number)
    made.schakel("hub", "intake", "renew", INTAKE, "--yes")
    for number in range(WORKERS):
        made.start(number)
    clocks.passed(2 * HOUR)
    town.tell(6)
    return "the workers stopped, a person renewed it; two hours by all clocks"


def disk_full(town: Town) -> str:
    """The disk of the only broker: it ends, and comes back when there is room."""
    made = _of(town)
    town.tell(12, rate=12)
    filler = ground.fill(made.brokers.root)
    town.tell(18, rate=2)
    filler.unlink()
    ended = made.brokers.nodes[0].process is None or made.brokers.nodes[0].process.poll() is not None
    made.brokers.start()
    return "the broker ended by itself" if ended else "the broker stayed"
