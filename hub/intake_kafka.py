# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The worker: reads what gateways, and partners in the hub's own network, wrote to Kafka, and has it decided.

* The position of a partition is the store's, moved in the commit that decides.  On assignment the consumer goes there;
  what it commits to Kafka only feeds monitors of the lag.
* Offsets of a partition follow each other without a gap; a record before its turn is dropped and read again at its turn,
  one that was decided is passed over.  So nothing that Kafka or its library does skips a record.
* Whoever lost a partition and does not know changes nothing: its commit is fenced, and it goes on from the store.
* Draining: it waits for one record and takes with it what is there; no fixed waiting, no idle turns.
* It stops, with a sentence, where going on by itself would leave something out (`hub.intake_rules`).

One thread; `stop` may be called from any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from hub.client import HubUnavailableError
from hub.exchange_intake import IntakeExchange, Taken
from hub.hour_keys import HourKeys
from hub.intake_counts import Counts
from hub.intake_places import Places
from hub.intake_record import unwrap
from hub.intake_rules import IntakeStoppedError, hour_passed, place_of, position_fault
from hub.intake_topics import CLIENT, log_bounds, need_own_group, need_topics, strangers, topic_faults
from hub.kafka_cluster import ClusterError, connect
from hub.kafka_record import Record, Refused, sent_by_partner
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import INTAKE, WORKERS, from_topic
from hub.store import FencedError, StoreError
from schemas.codes import Code
from schemas.kafka_way import client_settings

TOGETHER = 200
WAIT = 0.5  # for the first record; a signal to stop is heard in between
AGAIN = 0.5  # until the store or the brokers are asked again
TICK = 1.0
LOOK = 10.0  # at topics, group and keys
SAY = 60.0
SESSION_MS = 10_000  # a worker that died has its partitions no longer than this
_MOST_GAPS = 20
_SETTINGS: dict[str, str | int | float | bool] = {
    "client.id": CLIENT,
    "group.id": WORKERS,
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": SESSION_MS,
    "heartbeat.interval.ms": 3_000,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # never elsewhere than where the store says
    "check.crcs": True,
    "queued.max.messages.kbytes": 16_384,
}
_REFUSED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})
_OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001
_NO_HEADERS: tuple[tuple[str, bytes | None], ...] = ()
Headers = dict[str, str | bytes | None] | list[tuple[str, str | bytes | None]]
T = TypeVar("T")
_log = logging.getLogger("schakel.intake")
_library = logging.getLogger("confluent_kafka")
_ANEW = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID, KafkaError.INCONSISTENT_TOPIC_ID})


class _EndedError(Exception):
    """It was told to stop while it waited."""


@dataclass(slots=True)
class _Part:
    """A partition that is ours: the offset of the next record, and the hour of the last that was decided."""

    place: int
    next: int
    gaps: int = 0
    hour: int | None = None


class IntakeWorker:
    """One worker.  `senders`: the numbers of the partners that may send over Kafka now."""

    def __init__(
        self,
        exchange: IntakeExchange,
        config: KafkaConfig,
        places: Places,
        keys: HourKeys,
        senders: Callable[[], Collection[int]],
    ) -> None:
        self.counts = Counts()
        self._exchange, self._config, self._places, self._keys = exchange, config, places, keys
        self._senders = senders
        self._stopping = threading.Event()
        self._parts: dict[tuple[str, int], _Part] = {}
        self._failure: Exception | None = None
        self._topics: list[str] = []
        self._admin: AdminClient | None = None
        self._ticked = self._looked = 0.0
        self._said: dict[str, float] = {}
        exchange.partitions = config.partitions

    def stop(self) -> None:
        """Ends `run` after the batch in hand."""
        self._stopping.set()

    @property
    def topics(self) -> tuple[str, ...]:
        """What it reads."""
        return tuple(self._topics)

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Works until `stop`.  `ready` is called once it is in its group.

        Raises:
            IntakeStoppedError: it can't go on by itself; nothing was left out.
            StoreError: another machine has the keys of the hours.
        """
        self._admin = connect(self._config)
        try:
            self._patient(self._begin)
            consumer = Consumer(client_settings(self._config, _SETTINGS), logger=_library)
            try:
                self._subscribe(consumer)
                ready()
                while not self._stopping.is_set():
                    self.turn(consumer)
            finally:
                # Leaves the group in order, so that others have its partitions at once. A crash here: after the time of
                # the session they have them, and go on from the store.
                consumer.close()
                self._parts.clear()
                self.counts.assigned = self.counts.lag = 0
        except _EndedError:
            return

    def _begin(self) -> None:
        admin = self._need_admin()
        need_topics(admin, self._places, [INTAKE], self._config.partitions)
        need_own_group(admin, WORKERS)
        self._keys.tidy(self._exchange.store.now())
        self._topics = self._wanted()

    def _need_admin(self) -> AdminClient:
        if self._admin is None:
            raise ClusterError("No broker was asked yet.")
        return self._admin

    def _wanted(self) -> list[str]:
        """The topics to read.  One of a partner that can't be read is left out and told: the others go on."""
        topics = [from_topic(number) for number in sorted(self._senders())]
        admin = self._need_admin()
        faults = dict(topic_faults(admin, self._places, topics, self._config.partitions)) if topics else {}
        for fault in faults.values():
            _log.error("%s", fault)
        self.counts.left_out = len(faults)
        return [INTAKE, *(topic for topic in topics if topic not in faults)]

    def _subscribe(self, consumer: Consumer) -> None:
        calls = {"on_assign": self._assigned, "on_revoke": self._revoked, "on_lost": self._revoked}
        consumer.subscribe(self._topics, **calls)

    # -- a turn --------------------------------------------------------------------------------------------------

    def turn(self, consumer: Consumer) -> None:
        """Waits for a record, takes what is there, has it decided."""
        messages = consumer.consume(1, WAIT)
        if messages:
            messages += consumer.consume(TOGETHER - 1, 0)
        if self._failure is not None:
            raise self._failure
        if records := self._in_turn(consumer, messages):
            self._decide(consumer, records)
        now = time.monotonic()
        if now - self._ticked >= TICK:
            self._ticked = now
            self._patient(self._exchange.tick)
            self._count_lag(consumer)
        if now - self._looked >= LOOK:
            self._looked = now
            self._look(consumer)

    def _in_turn(self, consumer: Consumer, messages: list[Message]) -> list[tuple[_Part, int | None, Taken]]:
        """The records of partitions that are ours, each at its turn."""
        found: list[tuple[_Part, int | None, Taken]] = []
        expected: dict[int, int] = {}
        early: set[int] = set()
        for message in messages:
            if (error := message.error()) is not None:
                self._hear(consumer, error, message)
                continue
            where = message.topic() or "", message.partition() or 0
            part = self._parts.get(where)
            if part is None:
                continue  # taken away in this very turn: whoever has it now decides it
            offset, turn = message.offset() or 0, expected.get(part.place, part.next)
            if offset < turn:
                continue  # decided before
            if offset > turn:
                if part.place not in early and part.place not in expected:
                    early.add(part.place)
                    self._back(consumer, where, part)
                continue
            expected[part.place] = offset + 1
            headers = message.headers()
            record = Record(
                *where, _bytes(message.key()), _bytes(message.value()), _pairs(headers) if headers else _NO_HEADERS
            )
            found.append((part, *self._opened(record, part, offset)))
        return found

    def _opened(self, record: Record, part: _Part, offset: int) -> tuple[int | None, Taken]:
        if record.topic == INTAKE:
            try:
                found = unwrap(record, self._keys.of)
            except StoreError:  # of the keys: asked again until they are there
                found = self._patient(lambda: unwrap(record, self._keys.of))
            if isinstance(found, Refused):
                self._say(found)
                return None, Taken(part.place, offset, record.partition, None, 0, found.code)
            hour, kept = found
            return hour, Taken(part.place, offset, record.partition, kept.number, kept.log, kept.frame)
        sent = self._patient(lambda: sent_by_partner(record, self._keys.of_partner))
        if isinstance(sent, Refused):
            self._say(sent)
            return None, Taken(part.place, offset, None, sent.number, 0, sent.code)
        return sent.hour, Taken(part.place, offset, None, sent.number, 0, sent.frame)

    def _say(self, refused: Refused) -> None:
        """Each is counted; of many of one kind one is said a minute."""
        now = time.monotonic()
        if now - self._said.get(refused.says, -SAY) >= SAY:
            self._said[refused.says] = now
            whose = "the intake" if refused.number is None else f"the topic of partner {refused.number}"
            _log.error("a record of %s is refused (%s). %s", whose, refused.code.value, refused.says)

    # -- deciding ------------------------------------------------------------------------------------------------

    def _decide(self, consumer: Consumer, records: list[tuple[_Part, int | None, Taken]]) -> None:
        try:
            codes = self._exchange.take([taken for _, _, taken in records])
        except FencedError:
            # Another worker has it by now, or had it meanwhile. Nothing was applied: on from where the store is.
            self.counts.fenced += 1
            self._settle(consumer)
        except (StoreError, HubUnavailableError) as error:
            # Nothing was applied, or that is in doubt: the store says where it is.
            self._wait(error)
            self._settle(consumer)
        else:
            self.counts.waits_for = ""
            for (part, hour, taken), code in zip(records, codes, strict=True):
                part.next, part.gaps, part.hour = taken.offset + 1, 0, part.hour if hour is None else hour
                if code is Code.TAKEN:
                    self.counts.taken += 1
                elif code is None:
                    self.counts.behind += 1
                else:
                    self.counts.refused[code] += 1

    def _settle(self, consumer: Consumer) -> None:
        """Goes where the store is, for every partition: what was read and not decided is read again."""
        self._patient(self._exchange.store.head)  # settles what was in doubt
        found = self._patient(lambda: self._places.positions([part.place for part in self._parts.values()]))
        for (topic, partition), part in self._parts.items():
            part.next = found[part.place]
            _seek(consumer, TopicPartition(topic, partition, part.next))

    def _back(self, consumer: Consumer, where: tuple[str, int], part: _Part) -> None:
        """A record came before its turn: what stands before it is asked for again.

        Raises:
            IntakeStoppedError: it is not there.
        """
        self.counts.again += 1
        part.gaps += 1
        if part.gaps > _MOST_GAPS:
            self._need_place(where, part.next)
            raise IntakeStoppedError(
                f"Kafka gives partition {where[1]} of topic {where[0]} with a gap at {part.next}, which no gateway makes: "
                f"find out who else writes or deletes there. To go on behind it: `schakel hub intake renew {where[0]}`."
            )
        _seek(consumer, TopicPartition(*where, part.next))

    def _need_place(self, where: tuple[str, int], position: int) -> None:
        bounds = log_bounds(self._need_admin(), [where])[where]
        if (fault := position_fault(*where, position, *bounds)) is not None:
            raise IntakeStoppedError(fault)

    def _hear(self, consumer: Consumer, error: KafkaError, message: Message) -> None:
        """What the consumer says.  What passes by itself is left to it; what would leave records out stops the worker."""
        code, where = error.code(), (message.topic() or "", message.partition() or 0)
        part = self._parts.get(where)
        if code in _REFUSED:
            raise IntakeStoppedError(
                "The brokers do not let this hub read the intake, or use its consumer group: `schakel kafka init --dry-run` "
                "says what is missing."
            )
        if code == KafkaError.INCONSISTENT_GROUP_PROTOCOL:
            raise IntakeStoppedError(
                f"The consumer group {WORKERS} is used by another program, in another way. See which with "
                "`kafka-consumer-groups.sh --describe --members`, and stop it."
            )
        if part is not None and code in _OUT_OF_RANGE:
            self._patient(lambda: self._need_place(where, part.next))
            self._back(consumer, where, part)
        elif code in _ANEW:
            self._patient(lambda: need_topics(self._need_admin(), self._places, [INTAKE], self._config.partitions))
        elif error.fatal():
            raise IntakeStoppedError(f"The consumer can't go on ({error.name()}): start the worker again.")
        else:
            _log.warning("the consumer says %s", error.name())

    # -- assignment ----------------------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Goes where the store is.  What is wrong is raised by the turn, since a callback has nobody to raise it to."""
        starts: list[TopicPartition] = []
        try:
            starts = self._patient(lambda: self._starts(partitions))
        except (IntakeStoppedError, _EndedError, StoreError) as error:
            self._failure = error
        try:
            consumer.incremental_assign(starts)
        except KafkaException as error:  # raised from here it would be no exception of Python any more
            self._failure = self._failure or IntakeStoppedError(
                f"The consumer does not take its partitions ({error.args[0].name()}): start the worker again."
            )
        self.counts.assigned = len(self._parts)

    def _starts(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        admin, wanted = self._need_admin(), [(one.topic, one.partition) for one in partitions]
        need_topics(admin, self._places, sorted({topic for topic, _ in wanted}), self._config.partitions)
        bounds, places = log_bounds(admin, wanted), {part: place_of(*part) for part in wanted}
        positions = self._places.positions([place for place in places.values() if place is not None])
        found: list[TopicPartition] = []
        for where, place in places.items():
            if place is None:
                raise IntakeStoppedError(f"Partition {where[1]} of topic {where[0]} was added by hand: make it anew.")
            if (fault := position_fault(*where, positions[place], *bounds[where])) is not None:
                raise IntakeStoppedError(fault)
            self._parts[where] = _Part(place, positions[place])
            found.append(TopicPartition(*where, positions[place]))
        return found

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """They are another's, or nobody's, from now on.  Everything that was taken from them is decided: there is no turn
        going on."""
        for one in partitions:
            self._parts.pop((one.topic, one.partition), None)
        self.counts.assigned = len(self._parts)

    # -- beside --------------------------------------------------------------------------------------------------

    def _count_lag(self, consumer: Consumer) -> None:
        lag = 0
        for (topic, partition), part in self._parts.items():
            known = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            lag += max(known[1] - part.next, 0)
        self.counts.lag = lag

    def _look(self, consumer: Consumer) -> None:
        """Every now and then: topics, group, partners, keys of hours; and tells Kafka how far it is, for monitors."""
        admin = self._need_admin()
        try:
            need_topics(admin, self._places, [INTAKE], self._config.partitions)
            if (wanted := self._wanted()) != self._topics:
                self._topics = wanted
                self._subscribe(consumer)
            if (found := strangers(admin, [WORKERS])) >= 0:
                self.counts.strangers = found
            if found > 0:
                _log.error("%d other programs are in the consumer group %s: stop them", found, WORKERS)
            self._keep_hours(admin)
            self._keys.tidy(self._exchange.store.now())
            told = [TopicPartition(*where, part.next) for where, part in self._parts.items()]
            if told:
                consumer.commit(offsets=told, asynchronous=True)
        except (StoreError, ClusterError, KafkaException) as error:  # the next time
            _log.warning("a look at Kafka failed: %s", type(error).__name__)

    def _keep_hours(self, admin: AdminClient) -> None:
        now = self._exchange.store.now()  # before the ends are asked: what comes later is of no earlier hour
        bounds = log_bounds(admin, list(self._parts))
        hours = {}
        for where, part in self._parts.items():
            hours[part.place] = hour_passed(now, part.hour, caught_up=part.next >= bounds[where][1])
        self._places.keep_hours(hours)
        # A crash here: the hours stay as they were, and keys are destroyed a little later.

    def _wait(self, error: Exception) -> None:
        if self.counts.waits_for != str(error):
            self.counts.waits_for = str(error)
            _log.warning("nothing is decided at present: %s", error)
        if self._stopping.wait(AGAIN):
            raise _EndedError
        with suppress(StoreError):
            self._exchange.settle_clock()

    def _patient(self, call: Callable[[], T]) -> T:
        """The answer of a call, asked again while store or brokers are away."""
        while True:
            try:
                found = call()
            except (StoreError, HubUnavailableError, ClusterError) as error:
                self._wait(error)
            else:
                self.counts.waits_for = ""
                return found


def _seek(consumer: Consumer, where: TopicPartition) -> None:
    try:
        consumer.seek(where)
    except (
        KafkaException
    ) as error:  # not being read yet: the next record comes before its turn, and this is asked again
        _log.debug("seek: %s", error.args[0].name())


def _bytes(found: str | bytes | None) -> bytes | None:
    return found.encode() if isinstance(found, str) else found


def _pairs(headers: Headers) -> tuple[tuple[str, bytes | None], ...]:
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, _bytes(value)) for name, value in pairs)
