# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who may do what in the Kafka of a hub, and what is wrong with what a cluster permits.

* Each permission names one topic or group in full (LITERAL): a prefix would reach what is made tomorrow.
* A partner may write to its own topic. It may read nothing, join no group, make no topic, open no transaction.
* Whoever is not named may do nothing; so what a cluster permits beyond this list is a fault too. What others than our own
  principals may do is told and left: a person gave it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hub.kafka_topics import (
    INTAKE,
    OUTCOMES,
    PREFIX,
    WATCH,
    WATCH_TABLES,
    WORKERS,
    Change,
    Fault,
    changelog,
    from_topic,
)

HUB = "schakel-hub"  # gateways and workers: one program with one certificate
WATCHER = "schakel-watch"
CLUSTER = "kafka-cluster"
ANYBODY = "*"
_OURS = re.compile(r"schakel-(?:hub|watch|[0-9]{6})")
# What tells of a topic and not what stands in it: for whoever watches over the cluster.
_HARMLESS = frozenset({"describe", "describe_configs"})


def principal_of(number: int) -> str:
    """The name of a partner at the broker: what its certificate must say.

    Raises:
        ValueError: no partner can have that number.
    """
    from_topic(number)
    return f"schakel-{number:06d}"


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One permission. `principal` is without `User:`; `kind`, `operation`, `pattern` and `permission` are Kafka's own
    words in small letters."""

    principal: str
    kind: str
    name: str
    operation: str
    pattern: str = "literal"
    permission: str = "allow"
    host: str = ANYBODY

    def __str__(self) -> str:
        what = f"{self.operation} {self.kind} {self.name}"
        more = "" if self.pattern == "literal" else f" ({self.pattern})"
        return f"User:{self.principal} {self.permission} {what}{more}" + (
            "" if self.host == "*" else f" from {self.host}"
        )


@dataclass(frozen=True, slots=True)
class Allow(Change):
    """Give a permission."""

    acl: Acl

    def __str__(self) -> str:
        return f"allow {self.acl.operation} on {self.acl.kind} {self.acl.name} to User:{self.acl.principal}"


@dataclass(frozen=True, slots=True)
class Withdraw(Change):
    """Take back a permission of a principal of ours."""

    acl: Acl

    def __str__(self) -> str:
        return f"withdraw {self.acl.operation} on {self.acl.kind} {self.acl.name} from User:{self.acl.principal}"


def acls(senders: Collection[int] = (), *, watch_tables: tuple[str, ...] = WATCH_TABLES) -> list[Acl]:
    """Every permission that a hub and its partners need, and no more."""
    made = [Acl(HUB, "topic", INTAKE, operation) for operation in ("read", "write")]
    # It reads there how far it wrote; for that its library asks after the group of the watch, which it may not join.
    made += [Acl(HUB, "topic", OUTCOMES, operation) for operation in ("read", "write")]
    made += [Acl(HUB, "group", WATCH, "describe")]
    made += [Acl(HUB, "topic", from_topic(number), "read") for number in sorted(senders)]
    made += [Acl(HUB, "group", WORKERS, "read")]
    # To see, at each start and by the doctor, that topics, settings and permissions are as they must be.
    told = [INTAKE, OUTCOMES, *map(changelog, watch_tables), *map(from_topic, sorted(senders))]
    made += [Acl(HUB, "topic", name, "describe_configs") for name in told]
    made += [Acl(HUB, "topic", changelog(table), "describe") for table in watch_tables]
    made += [Acl(HUB, "cluster", CLUSTER, operation) for operation in ("describe", "describe_configs")]
    made += [Acl(WATCHER, "topic", OUTCOMES, "read"), Acl(WATCHER, "group", WATCH, "read")]
    for table in watch_tables:
        made += [Acl(WATCHER, "topic", changelog(table), operation) for operation in ("read", "write")]
    made += [Acl(principal_of(number), "topic", from_topic(number), "write") for number in sorted(senders)]
    return made


def acl_faults(wanted: Collection[Acl], seen: Collection[Acl]) -> Iterator[Fault]:
    """What is missing, and what is permitted beyond what is wanted."""
    has, needs = set(seen), set(wanted)
    for acl in sorted(needs - has):
        says = f"User:{acl.principal} may not {acl.operation} {acl.kind} {acl.name}, and must."
        yield Fault(says, "`schakel kafka init --apply` permits it.", Allow(acl))
    for acl in sorted(has - needs):
        if acl.permission == "deny":
            yield from _denied(acl, needs)
        elif _OURS.fullmatch(acl.principal):
            says = f"{acl}: that is more than it needs."
            yield Fault(says, "`schakel kafka init --apply` withdraws it.", Withdraw(acl))
        elif _reaches(acl):
            says = f"{acl}: nobody but the hub, its watch and its partners may."
            yield Fault(says, "Withdraw it with Kafka's own kafka-acls.sh --remove.", None)


def _denied(acl: Acl, needs: set[Acl]) -> Iterator[Fault]:
    """A denial wins over every permission; it is fine where it denies nothing that is needed, and never taken away."""
    if any(_covers(acl, need) for need in needs):
        yield Fault(f"{acl}: what the hub or a partner needs is denied.", "Whoever denied it must say why.", None)


def _covers(acl: Acl, need: Acl) -> bool:
    who = acl.principal in {need.principal, ANYBODY}
    return who and acl.kind == need.kind and acl.operation in {need.operation, "all"} and _is_named(acl, need.name)


def _is_named(acl: Acl, name: str) -> bool:
    if acl.pattern == "prefixed":
        return name.startswith(acl.name)
    return acl.name in {name, ANYBODY}


def _reaches(acl: Acl) -> bool:
    """Whether it reaches what is in a topic or group of the hub, changes the cluster, or is for anybody at all."""
    if acl.principal == ANYBODY:
        return True
    if acl.operation in _HARMLESS:
        return False
    if acl.kind == "cluster":
        return acl.operation != "idempotent_write"
    if acl.kind not in {"topic", "group"}:
        return False
    if acl.pattern == "prefixed":
        return acl.name.startswith(PREFIX) or PREFIX.startswith(acl.name)
    return acl.name == ANYBODY or acl.name.startswith(PREFIX)
