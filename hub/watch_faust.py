# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The watch: a Faust app that counts outcomes by hour and partner and says what is unusual.

Nothing waits for it.  Its counts are exactly those of the log, whenever it is killed:

* A record is acknowledged after the broker has every value that it changed; killed before, it is read again, and
  `hub.watch_counts` drops what a value already holds.
* Faust's tables are not believed: before the first record of a partition is counted, its windows must add up and reach to
  the record before it.  Where they do not, the partition is counted again from the beginning of the topic, 30 days back.
* What can't be read is counted and told (`Progress.unreadable`), and so is what the topic lost before it was read.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.types import AppT, EventT, StreamT

from hub.kafka_topics import OUTCOMES, WATCH, WATCH_TABLES
from hub.watch_counts import Batch, adds_up, hour_of, last_key, needs_replay, read_last
from hub.watch_facts import Facts, Progress
from hub.watch_outcomes import NOT_TOLD, Outcome, parse, partition_of
from hub.watch_rules import Unusual
from schemas.canonical import FrameError
from schemas.kafka_way import KafkaWay

SESSION_SECONDS: Final = 8.0  # one that was killed is missed after so long; Faust's own default is 60
BATCH: Final = 500
MEMBER: Final = "member"
WITHIN_SECONDS: Final = 0.1
_REPLAY_PAGE: Final = 2_000
_STOP_SECONDS: Final = 10.0
_DAY: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Names:
    """The topics and the group of a watch; a hub has one of each."""

    topic: str = OUTCOMES
    group: str = WATCH
    table: str = WATCH_TABLES[0]


class Watch:
    """One worker of the watch.  `partitions`: how many the topic has."""

    def __init__(self, way: KafkaWay, partitions: int, folder: Path, names: Names | None = None) -> None:
        self._way, self._partitions, self.names = way, partitions, names or Names()
        self.facts = Facts()
        self.app = self._app(folder)
        topic = self.app.topic(self.names.topic, key_type=bytes, value_type=bytes, allow_empty=True)
        self._table = self.app.Table(
            self.names.table,
            key_type=bytes,  # raw, and so are values; of anything else Faust makes JSON
            value_type=bytes,
            partitions=partitions,
        )
        self._table.on_recover(self._recovered)
        self.app.agent(topic, name="count")(self._count)
        self._believed: set[int] = set()
        self._unreadable = self._replays = 0
        self.app.on_partitions_assigned.connect(self._assigned, weak=False)

    def _app(self, folder: Path) -> AppT:
        context = context_of(self._way)
        return faust.App(
            self.names.group,
            broker=[f"kafka://{one}" for one in self._way.brokers],
            broker_credentials=None if context is None else faust.SSLCredentials(context),
            datadir=str(folder / "faust"),
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,  # no topic of Faust's own
            topic_allow_declare=False,  # `schakel kafka init` makes them
            key_serializer="raw",
            value_serializer="raw",
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=SESSION_SECONDS / 4,
            broker_commit_interval=1.0,
            broker_max_poll_records=BATCH,
            # A partition that is counted again may take long, and that is no sign of a fault.
            broker_max_poll_interval=_DAY,
            stream_processing_timeout=_DAY,
            broker_commit_livelock_soft_timeout=_DAY,
            consumer_auto_offset_reset="earliest",
            # Its place in the group: one that was killed and started again has its partitions back at once.
            consumer_group_instance_id=member_of(folder),
            stream_buffer_maxsize=2 * BATCH,
            stream_wait_empty=False,
            producer_acks=-1,
            producer_linger_ms=0,
        )

    # -- the worker --------------------------------------------------------------------------------------------------

    async def run(self, ending: asyncio.Event, look: Callable[[], None], seconds: float) -> bool:
        """Counts until `ending`; every so often it calls `look`.  False: it ended by itself, because its way broke."""
        app = self.app
        # Faust says that it started when its tables are read, which may take long; a signal does not wait for that.
        starting = asyncio.get_running_loop().create_task(app.start())
        try:
            while not ending.is_set() and not app.should_stop and not _failed(starting):
                with suppress(TimeoutError):
                    await asyncio.wait_for(ending.wait(), seconds)
                if app.started and app.consumer is not None:
                    look()
            return ending.is_set()
        finally:
            starting.cancel()
            # Killed here: what was not acknowledged is read again, and dropped where it was counted.
            with suppress(TimeoutError):
                await asyncio.wait_for(app.stop(), _STOP_SECONDS)

    def shown(self, today: int) -> list[Unusual]:
        """What is unusual at the partners that this worker counts."""
        return self.facts.shown(today)

    def progress(self) -> Progress:
        """How far it is, over the partitions that it has."""
        mine = self._mine()
        lasts = [read_last(self._values.get(last_key(one))) for one in mine]
        return Progress(
            sum(one.entries for one in lasts),
            sum(one.missed for one in lasts),
            self._unreadable,
            len(mine),
            self._replays,
        )

    @property
    def _values(self) -> MutableMapping[bytes, bytes]:
        return self._table.data

    def values(self) -> dict[bytes, bytes]:
        """A copy of the table: every window and, for each partition, how far it is."""
        return dict(self._values)

    def _mine(self) -> list[int]:
        consumer: Any = self.app.consumer
        try:
            return sorted(tp.partition for tp in consumer.assignment() if tp.topic == self.names.topic)
        except ConsumerNotStarted:  # the app says that it started before its reader did
            return []

    async def _assigned(self, *_: object, **__: object) -> None:
        self._believed.clear()

    async def _recovered(self) -> None:
        self._believed.clear()
        mine = set(self._mine())
        self.facts.renew((key, raw) for key, raw in self._values.items() if self._belongs_to(key, mine))

    def _belongs_to(self, key: bytes, mine: set[int]) -> bool:
        name = hour_of(key)
        return name is not None and partition_of(name.partner, self._partitions) in mine

    # -- counting ----------------------------------------------------------------------------------------------------

    async def _count(self, stream: StreamT[Any]) -> None:
        async for events in stream.noack_take(BATCH, within=WITHIN_SECONDS):  # type: ignore[attr-defined]  # has it
            for partition, of in _by_partition(events):
                await self._take(partition, of)
            # The broker has every value that these changed. A crash here: they are read again, and dropped.
            for event in events:
                event.ack()

    async def _take(self, partition: int, events: Sequence[EventT[bytes]]) -> None:
        batch = Batch(self._values, partition, self._belongs(partition))
        for event in events:
            outcome = self._parsed(event.message.value)
            if outcome is not None:
                await self._take_one(batch, partition, outcome, event.message.offset)
        changes = batch.changes()
        if not changes or partition not in self._mine():
            return  # who has the partition now reads these records too
        # One partition of one changelog, in this order: whoever reads the last one has read all.
        sent = [self._table.send_changelog(partition, key, raw) for key, raw in changes.items()]
        # A crash while these are on their way: some windows are ahead of what is acknowledged, and know their place.
        await asyncio.gather(*sent)
        for key, raw in changes.items():
            if raw is None:
                self._values.pop(key, None)
            else:
                self._values[key] = raw
        self.facts.put(changes.items())

    async def _take_one(self, batch: Batch, partition: int, outcome: Outcome, offset: int) -> None:
        believed = partition in self._believed and batch.last.place >= outcome.before
        if not believed:
            await self._believe(batch, partition, outcome, offset)
        batch.count([outcome])

    async def _believe(self, batch: Batch, partition: int, outcome: Outcome, offset: int) -> None:
        """Counts again what came before, unless the table holds it."""
        belongs = self._belongs(partition)
        if needs_replay(self._values, partition, outcome) or not adds_up(self._values, partition, belongs):
            read, known = 0, batch.last.place
            batch.restart()
            async for one in self._before(partition, offset):
                batch.count([one])
                read += 1
            batch.settle()
            self._replays += read > 0
            if known != NOT_TOLD and max(known, batch.last.place) < outcome.before:
                batch.missed()
        self._believed.add(partition)

    async def _before(self, partition: int, offset: int) -> AsyncIterator[Outcome]:
        """Every outcome of a partition that the topic has before this offset."""
        context = context_of(self._way)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(self._way.brokers),
            security_protocol="PLAINTEXT" if context is None else "SSL",
            ssl_context=context,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            where = TopicPartition(self.names.topic, partition)
            consumer.assign([where])
            await consumer.seek_to_beginning(where)
            while await consumer.position(where) < offset:
                pages = await consumer.getmany(where, timeout_ms=1_000, max_records=_REPLAY_PAGE)
                for record in pages.get(where, ()):
                    one = self._parsed(record.value) if record.offset < offset else None
                    if one is not None:
                        yield one
        finally:
            await consumer.stop()

    def _belongs(self, partition: int) -> Callable[[int], bool]:
        return lambda partner: partition_of(partner, self._partitions) == partition

    def _parsed(self, raw: bytes | None) -> Outcome | None:
        try:
            return parse(raw)
        except FrameError:
            # Nobody but the relay may write there. That nothing of the log is missing shows at the next record.
            self._unreadable += 1
            return None


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def member_of(folder: Path) -> str:
    """The name of whoever works with this folder; made once, and it says nothing of the machine."""
    file = folder / MEMBER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError), file.open("x", encoding="ascii") as opened:
        opened.write(secrets.token_hex(8))
    # Killed while writing: an empty name is none, and the next one is as good.
    return file.read_text(encoding="ascii") or secrets.token_hex(8)


def _by_partition(events: Iterable[EventT[bytes]]) -> Iterator[tuple[int, list[EventT[bytes]]]]:
    found: dict[int, list[EventT[bytes]]] = {}
    for event in events:
        found.setdefault(event.message.partition, []).append(event)
    yield from found.items()


def context_of(way: KafkaWay) -> ssl.SSLContext | None:
    """How the brokers are proven, and this side to them; None: no TLS.

    Raises:
        OSError: its files can't be read.
    """
    if way.authorities is None or way.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(way.authorities)
    context.load_cert_chain(way.certificate, way.key)
    return context
