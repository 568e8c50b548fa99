# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where the intake stands, and when it may not go on by itself.  Pure.

* A *place* is the number under which the store keeps the position of a partition: the partition itself for the topic of
  the intake, a million more than the number of the partner for a topic of a partner.
* A topic that was made anew, has another number of partitions, begins after the position or ends before it: the worker
  stops.  It never goes on elsewhere, since what lies in between was taken and not decided.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hub.intake_record import hour_of
from hub.kafka_topics import FROM_PARTITIONS, INTAKE, number_of

KEPT_HOURS = 72  # as long as the topic keeps a record
FROM_KEPT_HOURS = (
    3  # as long as the topic of one partner holds up the keys of all: by then it has sent again what waits
)
_LATE_MS = 5 * 60_000  # clocks of gateways differ by two minutes at most, and a record is written within seconds
_PARTNERS_FROM = 1_000_000


class IntakeStoppedError(Exception):
    """The intake can't go on by itself; the text says what a person does."""


class TopicRow(NamedTuple):
    """A topic as a cluster has it, or as the store remembers it."""

    cluster: str
    topic_id: str
    partitions: int


def place_of(topic: str, partition: int) -> int | None:
    """The place of a partition; None where it is none of ours."""
    if topic == INTAKE:
        return partition
    number = number_of(topic)
    return None if number is None or not 0 <= partition < FROM_PARTITIONS else _PARTNERS_FROM + number


def topic_fault(topic: str, known: TopicRow | None, found: TopicRow | None, wanted: int) -> str | None:
    """Why a topic can't be used, and what to do.  `known`: as it was when its first record was read."""
    if found is None:
        return f"Topic {topic} is not there. `schakel kafka init --apply` makes it where it never was; {_ELSE}"
    if known is not None and known[:2] != found[:2]:
        return f"Topic {topic} was deleted and made anew, or this is another Kafka. {_GONE.format(topic=topic)}"
    if found.partitions != wanted or (known is not None and known.partitions != wanted):
        was = found.partitions if known is None else known.partitions
        return (
            f"Topic {topic} has {found.partitions} partitions, was begun with {was}, and the settings say {wanted}. Their "
            "number never changes, since handles would change places: put back the setting `partitions` of [kafka], or "
            f"have the topic made anew with the right number and run `schakel hub intake renew {topic}`."
        )
    return None


_ELSE = "see that this is the right Kafka, and ask its administrator who removed it."
_GONE = (
    "What was in it and not decided is gone there; their senders have it still and send it again after an hour. Find out "
    "why, then run `schakel hub intake renew {topic}` and start the workers again."
)


def position_fault(topic: str, partition: int, position: int, low: int, high: int) -> str | None:
    """Why the log of a partition can't be read from a position, and what to do."""
    if low > position:
        return (
            f"Partition {partition} of topic {topic} begins at {low}, and everything from {position} on is not decided: "
            f"Kafka has removed it, since no worker ran for too long. {_GONE.format(topic=topic)}"
        )
    if high < position:
        return (
            f"Partition {partition} of topic {topic} ends at {high}, and {position} was decided before: the brokers lost "
            f"records that they had confirmed. {_GONE.format(topic=topic)}"
        )
    return None


def hour_passed(now: int, last_hour: int | None, *, caught_up: bool) -> int:
    """The hour before which a worker knows that it decided every record of a partition.  `last_hour`: that of the last
    record which it decided."""
    if caught_up:
        return hour_of(now - _LATE_MS)
    return 0 if last_hour is None else min(last_hour - 1, hour_of(now - _LATE_MS))


def first_kept(now: int, passed: int) -> int:
    """The first hour whose key is kept; those before it are destroyed."""
    return max(passed, hour_of(now) - KEPT_HOURS)


def all_passed(hours: Mapping[int, int], partitions: int, senders: Collection[int] = (), now_hour: int = 0) -> int:
    """The hour before which nothing needs a key any more; 0 when a partition of the intake was never looked at.

    `senders`: the numbers of the partners with a topic of their own.  One that is not looked at, or whose partner fills
    it faster than it is read, holds up the keys for three hours and no longer: what has no outcome after an hour its sender
    has put there again, under a later key.
    """
    passed = min((hours.get(one, 0) for one in range(partitions)), default=0)
    theirs = min((hours.get(_PARTNERS_FROM + one, 0) for one in senders), default=passed)
    return min(passed, max(theirs, now_hour - FROM_KEPT_HOURS))
