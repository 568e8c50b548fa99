# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Copies what the watch is told of the log to `schakel.outcomes`, in the order of the log.

* At least once, without a gap: a pass goes on only when the brokers have all of the pass before; what was cut off is
  written again, and the watch drops what it has seen.
* It remembers nothing itself: where it goes on stands in the last record of each partition (`Outcome.settled`).
* Any number may run at the same time: each writes in the order of the log, so nothing comes before what precedes it.
* Nothing waits for it: it only reads the store, and Kafka away means that it waits.
* The hour of an entry is that in which it was seen to come, and `NO_HOUR` when that took more than some minutes: after a
  pause the watch knows the day alone, as the log does.
* A record carries no time but that hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from hub.kafka_topics import OUTCOMES
from hub.store import Store
from hub.watch_outcomes import (
    NO_HOUR,
    NOT_TOLD,
    Between,
    Outcome,
    acceptances,
    between,
    log_and_index,
    outcomes,
    parse,
    partition_of,
    place_of,
    to_bytes,
)
from hub.watch_rules import KEPT_DAYS
from schemas.calendar import day_of, start_of_day
from schemas.canonical import FrameError
from schemas.entry import items_of
from schemas.kafka_way import KafkaWay, client_settings

PAGE: Final = 1_000
FRESH_MS: Final = 5 * 60_000
_HOUR_MS: Final = 3_600_000
_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_SECONDS: Final = 10.0
_REMEMBERED: Final = 200_000
_log = logging.getLogger(__name__)


class RelayError(Exception):
    """It can't go on as it is; the text says what to do.  Nothing was lost: the log has everything."""


class RelayAwayError(Exception):
    """The brokers don't answer, or not in time.  What was written may be there or not: begin again later."""


@dataclass(frozen=True, slots=True)
class End:
    """What the topic holds: the place of the newest outcome in each partition, and what was settled when it was written."""

    newest: dict[int, int]
    settled: int


def hour_seen(day: int, now: int, seen: int) -> int:
    """The hour of an entry of this day that came after `seen`, when the log was last looked at, and before `now`."""
    if now - seen > FRESH_MS:
        return NO_HOUR
    today = day_of(now)
    if day == today:
        return datetime.fromtimestamp(now / 1000, _ZONE).hour
    return NO_HOUR - 1 if day == today - 1 and day_of(seen) == day else NO_HOUR


class Relay:
    """Copies on each call of `step`; `clock` gives unix milliseconds.  One thread calls it."""

    def __init__(
        self, store: Store, way: KafkaWay, partitions: int, clock: Callable[[], int], topic: str = OUTCOMES
    ) -> None:
        self._store, self._way, self._partitions, self._clock, self._topic = store, way, partitions, clock, topic
        self._known: dict[int, Between] = {}
        self._producer: Producer | None = None
        self._newest: dict[int, int] = {}
        self._next = self._seen = 0
        self._failed: list[KafkaError] = []

    def behind(self) -> int:
        """How many entries of the log it has not looked at."""
        return max(self._store.head().size - self._next, 0)

    def step(self) -> int:
        """Copies what is new, at most `PAGE` entries; how many entries that were.

        Raises:
            RelayAwayError: the next call begins with what the topic holds.
            RelayError: a person must look.
            StoreError: the log can't be read; the next call goes on.
        """
        if self._producer is None:
            self._begin()
        now, start = self._clock(), self._next
        end = min(self._store.head().size, start + PAGE)
        if end > start:
            self._copy(start, end, now)
            # A crash here: the records are there, and the next one to be written says so. Until then they are written again.
            self._next = end
        if end - start < PAGE:
            self._seen = now  # everything was seen that came before
        return end - start

    def close(self) -> None:
        """Lets go; what is on its way may arrive or not."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _begin(self) -> None:
        found = read_end(self._way, self._topic, self._partitions)
        self._newest, self._seen = dict(found.newest), 0
        self._next = self._place_to_begin(found.settled)
        self._failed = []
        try:
            self._producer = Producer(client_settings(self._way, _PRODUCER), logger=_log)
        except KafkaException as error:
            raise RelayAwayError from error

    def _place_to_begin(self, settled: int) -> int:
        size, (number, first) = self._store.head().size, self._log_of_now()
        if settled == NOT_TOLD:
            return self._first_kept()
        log, index = log_and_index(settled)
        if log > number or (log == number and index > size):
            raise RelayError(
                f"Topic {self._topic} holds outcomes of a later log than this hub has. If the store was put back from a "
                "copy, recover it first (`schakel hub recover`); if the topic is of another hub, give this hub its own."
            )
        return index if log == number else min(index, first)

    def _log_of_now(self) -> tuple[int, int]:
        """The number of the log that this hub writes, and its first entry."""
        recovery = self._store.recovery()
        return (1, 0) if recovery is None else (recovery.number, recovery.entry)

    def _first_kept(self) -> int:
        """The first entry that is young enough to be counted: the days of entries never fall."""
        oldest = day_of(self._clock()) - KEPT_DAYS
        low, high = 0, self._store.head().size
        while low < high:
            middle = (low + high) // 2
            records = self._store.records(middle, min(middle + PAGE, high))
            # Erased and public entries say no day; where there are a page of them, what was erased is old.
            if not records or int(str(items_of(records[0][1])[1])) < oldest:
                low = middle + 1
            else:
                high = middle
        return low

    def _copy(self, start: int, end: int, now: int) -> None:
        records = self._store.records(start, end)
        self._learn(records)
        number, first = self._log_of_now()
        settled = place_of(number if start >= first else number - 1, start)
        made: list[Outcome] = []
        for log, part in (
            (number - 1, [one for one in records if one[0] < first]),
            (number, [one for one in records if one[0] >= first]),
        ):
            made += outcomes(log, part, self._known, lambda day: hour_seen(day, now, self._seen))
        self._send([one._replace(settled=settled) for one in made])

    def _learn(self, records: Sequence[tuple[int, bytes]]) -> None:
        """Who was in the acceptances that these records speak of."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        self._known.update(between(records))
        for index in sorted(acceptances(records) - self._known.keys()):
            self._known.update(between(self._store.records(index, index + 1)))

    def _send(self, made: Sequence[Outcome]) -> None:
        producer, now = self._producer, self._clock()
        if producer is None:
            raise RelayAwayError
        try:
            for one in made:
                self._write(producer, one, now)
            is_there = not producer.flush(_SECONDS) and not self._failed
        except (KafkaException, SystemError):  # the library gave the producer up, and says it in either way
            is_there = False
        if not is_there:
            # Later records of this producer are not written either: the next one begins with what is there.
            self.close()
            raise self._refused() or RelayAwayError

    def _write(self, producer: Producer, one: Outcome, now: int) -> None:
        partition = partition_of(one.partner, self._partitions)
        newest = self._newest.get(partition, NOT_TOLD)
        # What is written again does not say what was before it: whoever reads it has that already.
        value = to_bytes(one._replace(before=newest if newest < one.place else NOT_TOLD))
        self._newest[partition] = max(newest, one.place)
        at, report = min(_told(one), now), self._delivered
        while True:
            try:
                producer.produce(self._topic, value, partition=partition, timestamp=at, on_delivery=report)
                return
            except BufferError:
                producer.poll(1.0)

    def _refused(self) -> RelayError | None:
        """Why the brokers do not take what the hub tells, when it is not that they are away."""
        if all(one.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED for one in self._failed):
            return None
        return RelayError(
            f"The brokers do not let this hub write to {self._topic}: `schakel kafka init --dry-run` says what is missing."
        )

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed.append(error)


def read_end(way: KafkaWay, topic: str, partitions: int) -> End:
    """What the topic holds.

    Raises:
        RelayAwayError: the brokers don't answer.
        RelayError: it has another number of partitions, or something else in it.
    """
    try:
        consumer = Consumer(client_settings(way, {"group.id": _NO_GROUP, "enable.auto.commit": False}), logger=_log)
    except KafkaException as error:  # its files can't be used: they may change just now
        raise RelayAwayError from error
    try:
        listed = consumer.list_topics(topic, timeout=_SECONDS).topics[topic]
        if listed.error is not None or len(listed.partitions) != partitions:
            raise RelayError(
                f"Topic {topic} is not there with {partitions} partitions. `schakel kafka init --dry-run` says what is."
            )
        found = [one for number in range(partitions) if (one := _newest(consumer, topic, number)) is not None]
    except KafkaException as error:
        raise RelayAwayError from error
    finally:
        consumer.close()
    newest = {partition_of(one.partner, partitions): one.place for one in found}
    return End(newest, max((one.settled for one in found), default=NOT_TOLD))


def _newest(consumer: Consumer, topic: str, partition: int) -> Outcome | None:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_SECONDS)
    if high <= low:
        return None
    consumer.assign([TopicPartition(topic, partition, high - 1)])
    message = consumer.poll(_SECONDS)
    if message is None or message.error() is not None:
        raise RelayAwayError
    try:
        return parse(message.value())
    except FrameError:
        raise RelayError(
            f"The newest record of partition {partition} of {topic} is no outcome: somebody else wrote there. Only the hub "
            "may; `schakel hub doctor` says who can. Delete the topic, make it anew and run the watch with --rebuild."
        ) from None


_NO_GROUP: Final = "schakel.watch"  # nothing is committed: the library asks for a name
_PRODUCER: Final[dict[str, str | int | float | bool]] = {
    "enable.idempotence": True,
    "acks": "all",
    # A record that failed and one after it that did not would be a gap: this producer ends instead.
    "enable.gapless.guarantee": True,
    "message.timeout.ms": 0,
    "linger.ms": 5,
}


def _told(one: Outcome) -> int:
    """The time of a record: the begin of its hour, or of its day, and nothing more exact."""
    return start_of_day(one.day) + (one.hour if one.hour != NO_HOUR else 0) * _HOUR_MS
