# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The topics of a hub in Kafka, and what is wrong with those that a cluster has.

* A name holds the number that the hub handed out at admission, never an OIN, AGB or BRIN: the code of a solo practice is
  a person. Six digits, so that no name is the beginning of another.
* Nothing here talks to a broker: a layout is data, a comparison is pure. What may be done without a person comes as a
  `Change`; what has none would lower what protects, or can't be undone.
* What is stronger than asked is left as it is: more copies, more of them in sync.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

PREFIX = "schakel."
INTAKE = "schakel.intake"
OUTCOMES = "schakel.outcomes"
_FROM = "schakel.from."
WORKERS = "schakel.workers"  # the group of the workers, which read what comes in
WATCH = "schakel.watch"  # the group of the watch and, in Faust, its name
WATCH_TABLES = ("hours",)

INTAKE_PARTITIONS = 48
OUTCOMES_PARTITIONS = 4
# One: all of a partner in one order, and no partition that could be the wrong one.
FROM_PARTITIONS = 1
MOST_NUMBER = 999_999

_HOUR = 3_600_000
RETENTION_MS = 72 * _HOUR
OUTCOMES_RETENTION_MS = 31 * 24 * _HOUR  # the watch counts again from 30 days
# One record is one envelope of at most 64 KiB; batches of a partner are kept small, those of the hub's own may be larger.
FROM_LARGEST = 131_072
LARGEST = 1_048_576

_NUMBER = re.compile(r"schakel\.from\.([0-9]{6})")


def from_topic(number: int) -> str:
    """The topic on which the partner of that number may send.

    Raises:
        ValueError: no partner can have that number.
    """
    if not 1 <= number <= MOST_NUMBER:
        raise ValueError(f"a partner that sends over Kafka has a number from 1 to {MOST_NUMBER}")
    return f"{_FROM}{number:06d}"


def number_of(topic: str) -> int | None:
    """The number of the partner that sends on this topic; None where it is no such topic."""
    found = _NUMBER.fullmatch(topic)
    return int(found[1]) or None if found else None


def changelog(table: str) -> str:
    """The topic in which Faust keeps a table of the watch."""
    return f"{WATCH}-{table}-changelog"


class Holds(Enum):
    """When a value that a cluster has will do, beside the value asked for."""

    EXACT = "must be"
    LEAST = "must be at least"
    MOST = "must be at most"
    # Less would lose what nobody has read yet, and more keeps what must be forgotten: raised by the command, lowered by a person.
    RAISED = "should be"


# `-1` is without a limit in each of these.
HOLDS = MappingProxyType(
    {
        "min.insync.replicas": Holds.LEAST,
        "unclean.leader.election.enable": Holds.EXACT,
        "retention.ms": Holds.RAISED,
        "retention.bytes": Holds.LEAST,
        "max.message.bytes": Holds.EXACT,
        "flush.messages": Holds.MOST,
        "cleanup.policy": Holds.EXACT,
        "compression.type": Holds.EXACT,
        "message.timestamp.type": Holds.EXACT,
        "segment.ms": Holds.MOST,
    }
)
_UNLIMITED = frozenset({"retention.ms", "retention.bytes"})
COMPACTED = "compact"
STAYS_TOO_LONG = "What stays longer can be read longer. Nothing shortens it but a person: kafka-configs.sh --alter."
# What the hub itself writes for the watch tells the hour and nothing more exact: the broker must not put its own time there.
_OWN_TIME = MappingProxyType({"message.timestamp.type": "CreateTime"})


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be."""

    name: str
    partitions: int
    copies: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeenTopic:
    """A topic as a cluster has it: the fewest copies that a partition of it has, and the settings in force."""

    partitions: int
    copies: int
    settings: Mapping[str, str]


class Change:
    """Something that `schakel kafka init --apply` may do; as text it says what."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, what a person does about it, and the change that a command may make (None: a person decides)."""

    says: str
    remedy: str
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class MakeTopic(Change):
    """Make a topic that is missing."""

    topic: Topic

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in sorted(self.topic.settings.items()))
        return (
            f"make topic {self.topic.name}: {self.topic.partitions} partitions, {self.topic.copies} copies, {settings}"
        )


@dataclass(frozen=True, slots=True)
class SetSetting(Change):
    """Give a setting of a topic another value."""

    topic: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"set {self.name} of topic {self.topic} to {self.value}"


def _settings(copies: int, retention: int, largest: int, segment: int) -> Mapping[str, str]:
    made = {
        "cleanup.policy": "delete",
        "retention.ms": str(retention),
        "retention.bytes": "-1",
        "segment.ms": str(segment),  # only a whole segment is removed
        "max.message.bytes": str(largest),
    }
    return MappingProxyType(made | _durable(copies))


def _durable(copies: int) -> dict[str, str]:
    durable = {
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "2" if copies > 1 else "1",
        # The broker's clock, so that nobody sets how long his records stay.
        "message.timestamp.type": "LogAppendTime",
        # Sealed bytes do not get smaller; and a batch that grows when it is read is refused by the broker.
        "compression.type": "uncompressed",
    }
    # Where there is one copy, all copies having it means that it is in the memory of one machine.
    return durable | ({"flush.messages": "1"} if copies == 1 else {})


def layout(
    senders: Collection[int] = (),
    *,
    copies: int = 3,
    partitions: int = INTAKE_PARTITIONS,
    outcomes_partitions: int = OUTCOMES_PARTITIONS,
    watch_tables: tuple[str, ...] = WATCH_TABLES,
) -> list[Topic]:
    """Every topic of a hub: intake, outcomes, the tables of the watch, and one for each partner that sends over Kafka."""
    of_outcomes = {**_settings(copies, OUTCOMES_RETENTION_MS, LARGEST, 24 * _HOUR), **_OWN_TIME}
    made = [
        Topic(INTAKE, partitions, copies, _settings(copies, RETENTION_MS, LARGEST, _HOUR)),
        Topic(OUTCOMES, outcomes_partitions, copies, MappingProxyType(of_outcomes)),
    ]
    kept = MappingProxyType({"cleanup.policy": COMPACTED} | _durable(copies) | _OWN_TIME)
    made += [Topic(changelog(table), outcomes_partitions, copies, kept) for table in watch_tables]
    of_partner = _settings(copies, RETENTION_MS, FROM_LARGEST, _HOUR)
    made += [Topic(from_topic(number), FROM_PARTITIONS, copies, of_partner) for number in sorted(senders)]
    return made


def topic_faults(wanted: Topic, seen: SeenTopic | None) -> Iterator[Fault]:
    """What is missing or wrong about one topic."""
    if seen is None:
        yield Fault(f"Topic {wanted.name} is missing.", "`schakel kafka init --apply` makes it.", MakeTopic(wanted))
        return
    if seen.partitions != wanted.partitions:
        says = f"Topic {wanted.name} has {seen.partitions} partitions and must have {wanted.partitions}."
        yield Fault(says, "Their number never changes: another one would break the order of a line.", None)
    if seen.copies < wanted.copies:
        says = f"A partition of topic {wanted.name} has {seen.copies} copies and must have {wanted.copies}."
        yield Fault(says, "Add copies with Kafka's own kafka-reassign-partitions.sh, then look again.", None)
    for name, value in wanted.settings.items():
        if (fault := _setting_fault(wanted.name, name, value, seen.settings.get(name))) is not None:
            yield fault


def _setting_fault(topic: str, name: str, wanted: str, found: str | None) -> Fault | None:
    holds = HOLDS[name]
    if found is not None and will_do(name, wanted, found):
        return None
    is_now = "not told" if found is None else found
    says = f"The setting {name} of topic {topic} is {is_now} and {holds.value} {wanted}."
    if holds is Holds.RAISED and found is not None and _size(name, found) > _size(name, wanted):
        return Fault(says, STAYS_TOO_LONG, None)
    return Fault(says, "`schakel kafka init --apply` sets it.", SetSetting(topic, name, wanted))


def will_do(name: str, wanted: str, found: str) -> bool:
    """Whether a value that was found does what the wanted one is for."""
    holds = HOLDS[name]
    if found == wanted or holds in {Holds.EXACT, Holds.RAISED}:
        return found == wanted
    if holds is Holds.LEAST:
        return _size(name, found) >= _size(name, wanted)
    return _size(name, found) <= _size(name, wanted)


def _size(name: str, value: str) -> float:
    """A number in its order; what is no number is below all of them where more is asked, above where less is."""
    if re.fullmatch(r"-?[0-9]{1,19}", value) is None:
        return float("inf") if HOLDS[name] is Holds.MOST else float("-inf")
    return float("inf") if name in _UNLIMITED and value == "-1" else float(value)
