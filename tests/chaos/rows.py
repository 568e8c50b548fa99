# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Every row of `make chaos` by its name, and how one is played."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.chaos import rows_flood, rows_ground, rows_kafka, rows_line, rows_process, rows_store, rows_time
from tests.chaos.ground import NotHereError
from tests.chaos.region import region
from tests.chaos.rows_time import HOUR
from tests.chaos.server import on_database
from tests.chaos.town import Town, town

SETTLE_SECONDS = 150.0
SLOWEST = 5.0  # events that an edge takes a second on a machine where ten others want a core
Play = Callable[[Town], str]
Ground = Callable[[Path], AbstractContextManager[Town]]

ROWS: Mapping[str, Play] = {
    "hub killed under load": rows_process.hub_killed,
    "edge killed while sending": rows_process.sender_killed,
    "edge killed while receiving": rows_process.recipient_killed,
    "all killed at once": rows_process.all_killed,
    "connection cut in a request": rows_line.request_cut,
    "connection cut in an answer": rows_line.answer_cut,
    "answers lost": rows_line.answers_lost,
    "answers 2 s late": rows_line.delayed,
    "network gone": rows_line.network_gone,
    "disk full at the hub": rows_ground.hub_disk_full,
    "disk full at the sending edge": rows_ground.sender_disk_full,
    "disk full at the receiving edge": rows_ground.recipient_disk_full,
    "certificate of an edge over": rows_time.client_certificate_over,
    "certificate of the hub over": rows_time.server_certificate_over,
    "clock of the hub an hour fast": partial(rows_time.clock_wrong, place="hub", seconds=HOUR),
    "clock of the hub an hour slow": partial(rows_time.clock_wrong, place="hub", seconds=-HOUR),
    "clock of an edge an hour fast": partial(rows_time.clock_wrong, place="team-wmo", seconds=HOUR),
    "clock of an edge an hour slow": partial(rows_time.clock_wrong, place="team-wmo", seconds=-HOUR),
    "all clocks an hour later": rows_time.clocks_set_forward,
    "partner down for 10 s": rows_process.partner_away_10_s,
    "partner down for 300 s": partial(rows_time.away, seconds=300),
    "partner down for 1 h": partial(rows_time.away, seconds=HOUR),
    "partner down for 24 h": partial(rows_time.away, seconds=24 * HOUR),
    "10,000 connections": rows_flood.connections,
    "PostgreSQL killed under load": rows_store.store_killed,
    "PostgreSQL restarted under load": rows_store.store_restarted,
    "PostgreSQL failed over to its standby": rows_store.store_failed_over,
    "a standby that was behind promoted": rows_store.standby_behind,
    "PostgreSQL restored from yesterday": rows_store.store_restored,
    "network cut between hub and store": rows_store.store_unreachable,
    "a database of yesterday under three machines": rows_store.machines_restored,
    "store moved to PostgreSQL and back": rows_store.store_moved,
    "store moved while 60 events a second come": partial(rows_store.store_moved, rate=60),
    "Kafka: gateway killed under load": rows_process.hub_killed,
    "Kafka: worker killed under load": rows_kafka.worker_killed,
    "Kafka: both workers killed at once": rows_kafka.workers_killed,
    "Kafka: worker frozen until its partitions are another's": rows_kafka.worker_frozen,
    "Kafka: broker killed under load": rows_kafka.broker_killed,
    "Kafka: controller killed under load": rows_kafka.controller_killed,
    "Kafka: away": rows_kafka.kafka_away,
    "Kafka: topic deleted and made anew": rows_kafka.topic_made_anew,
    "Kafka: disk of the broker full": rows_kafka.disk_full,
    "Kafka: network cut between workers and store": rows_store.store_unreachable,
    "Kafka: PostgreSQL restored from yesterday": rows_kafka.store_restored,
    "Kafka: store moved to another PostgreSQL": rows_kafka.store_moved,
}
_ON_DATABASE = frozenset(
    name for name, row in ROWS.items() if getattr(row, "func", row).__module__ == rows_store.__name__
)
_MOVES = "store moved "
_CITIZENS = 30  # whose events come by hundreds, each needs a day of its own
_GROUNDS: Mapping[str, Ground] = {
    "Kafka: disk of the broker full": partial(region, brokers=1, small_disk=True),
    "Kafka: topic deleted and made anew": partial(region, brokers=1),
    "Kafka: network cut between workers and store": partial(region, brokers=1, by_line=True),
    "Kafka: PostgreSQL restored from yesterday": partial(region, brokers=1),
    "Kafka: store moved to another PostgreSQL": partial(region, brokers=1, citizens=_CITIZENS),
}


def ground_of(name: str) -> Ground:
    """The town in which a row is played."""
    if name.startswith("Kafka: "):
        return _GROUNDS.get(name, region)
    if name.startswith(_MOVES):
        return partial(on_database, moves=True, citizens=_CITIZENS)
    return on_database if name in _ON_DATABASE else town


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table.  `lost`, `twice`, `out_of_order` are counted in the store of the receiving edge."""

    row: str
    events: int
    lost: int
    twice: int
    out_of_order: int
    seconds: float
    log_sound: bool
    what: str
    skipped: bool = False

    @property
    def is_whole(self) -> bool:
        """As it should be, or not to be had here."""
        return self.skipped or (not (self.lost or self.twice or self.out_of_order) and self.log_sound)

    def as_dict(self) -> dict[str, object]:
        """For the file."""
        return asdict(self)


def skipped(name: str, why: str) -> Result:
    """A row that this machine can't play."""
    return Result(name, 0, 0, 0, 0, 0.0, True, f"skipped: {why}", skipped=True)


def play(name: str, town: Town, seconds: float = SETTLE_SECONDS) -> Result:
    """The fault comes and goes; then everything that was told must arrive."""
    before = len(town.told)
    try:
        what = ROWS[name](town)
    except NotHereError as error:
        return skipped(name, str(error))
    events = len(town.told) - before
    arrived, took = town.settle(seconds + events / SLOWEST)
    return Result(
        name, events, arrived.lost, arrived.twice, arrived.out_of_order, round(took, 1), town.is_log_sound(), what
    )
