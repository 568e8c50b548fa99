# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Asks a Kafka what it has, and changes what `hub.kafka_check` says may be changed.

* Reading changes nothing, and makes no topic by asking for one.
* Each change stands by itself and can be made again: after a crash the same command goes on with the rest.
* A permission that is too much goes before another is given; a topic is there before somebody may write to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from enum import Enum
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from hub.kafka_acls import Acl, Allow, Withdraw
from hub.kafka_check import BROKER_SETTINGS, Cluster, NoAcls, losing
from hub.kafka_settings import KafkaConfig
from hub.kafka_topics import HOLDS, INTAKE, PREFIX, Change, MakeTopic, SeenTopic, SetSetting
from schemas.kafka_way import KafkaWay, client_settings

SECONDS = 15.0
_NOBODY = "schakel.nobody"  # a group that nobody was given
_CRITICAL = 2  # what is wrong is said by an error of ours
_USER = "User:"
T = TypeVar("T")
_log = logging.getLogger(__name__)
_TRIES, _BETWEEN_SECONDS = 40, 0.25
_SOON = frozenset(
    {KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR}
)
_ORDER = (Withdraw, MakeTopic, SetSetting, Allow)


class ClusterError(Exception):
    """The brokers do not answer, or refuse; the text says what to do."""


def connect(way: KafkaWay) -> AdminClient:
    """A client that asks and changes. Nothing is asked yet.

    Raises:
        ClusterError: its files can't be used.
    """
    try:
        return AdminClient(
            client_settings(way, {"socket.timeout.ms": int(SECONDS * 1_000), "log_level": _CRITICAL}), logger=_log
        )
    except KafkaException as error:
        raise ClusterError(
            f"The files of [kafka] can't be used: {_code(error)}. Look at authorities, certificate, key."
        ) from None


def read_cluster(admin: AdminClient, names: Collection[str], *, as_hub: bool) -> Cluster:
    """What the cluster has of these topics and of every topic of the hub, and who may do what.  `as_hub`: the client shows
    the hub's own certificate, so what it may do beyond its permissions everybody may.

    Raises:
        ClusterError: no broker answers.
    """
    listed = _listed(admin)
    wanted = {name for name in listed.topics if name in names or name.startswith(PREFIX)}
    topics = _seen(admin, listed, wanted)
    brokers = tuple(sorted(listed.brokers))
    of_brokers = _broker_settings(admin, brokers)
    has_none = any(one.get("authorizer.class.name") == "" for one in of_brokers.values())
    permissions = NoAcls.NO_AUTHORIZER if has_none else _acls(admin, as_hub=as_hub)
    open_to_all = _is_open_to_all(admin) if as_hub and not has_none else None
    return Cluster(str(listed.cluster_id), brokers, topics, permissions, of_brokers, open_to_all)


def need_safe(admin: AdminClient, config: KafkaConfig) -> None:
    """Returns when what is written to the intake is kept.

    Raises:
        ClusterError: it could be lost, or no broker answers.
    """
    listed = _listed(admin)
    seen = _seen(admin, listed, {INTAKE})
    found = losing(config, Cluster(str(listed.cluster_id), tuple(sorted(listed.brokers)), seen))
    if found:
        raise ClusterError(f"{found[0].says} {found[0].remedy}")


def apply(admin: AdminClient, changes: Iterable[Change]) -> Iterator[Change]:
    """Makes the changes, gives each once it is made.

    Raises:
        ClusterError: one could not be made; those that were given stand.
    """
    for change in sorted(changes, key=_rank):
        try:
            _make(admin, change)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                continue  # somebody else made it meanwhile: looked at once more by the caller
            raise ClusterError(_refusal(change, error)) from None
        # A crash here: this one stands; the same command goes on with the rest.
        yield change


def _listed(admin: AdminClient) -> ClusterMetadata:
    try:
        return admin.list_topics(timeout=SECONDS)
    except KafkaException as error:
        raise no_answer(error) from None


def no_answer(error: KafkaException) -> ClusterError:
    """What is told when nobody answers."""
    return ClusterError(
        f"No broker answers ({_code(error)}). Look whether Kafka runs, whether the names in `brokers` are right, and "
        "whether it takes this certificate."
    )


def _seen(admin: AdminClient, listed: ClusterMetadata, names: Collection[str]) -> dict[str, SeenTopic]:
    found: dict[str, SeenTopic] = {}
    for name in sorted(set(names) & set(listed.topics)):
        parts = listed.topics[name].partitions.values()
        copies = min((len(one.replicas) for one in parts), default=0)
        found[name] = SeenTopic(len(parts), copies, _settings(admin, ResourceType.TOPIC, name, HOLDS))
    return found


def _refusal(change: Change, error: KafkaException) -> str:
    says = f"Kafka refused to {change}: {_code(error)}."
    if error.args[0].code() in _FORBIDDEN:
        return says + " Give the certificate of an administrator of Kafka: --certificate and --key."
    return says + " Mend that and run the same command again."


_FORBIDDEN = frozenset({KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})


def _rank(change: Change) -> int:
    return next(place for place, kind in enumerate(_ORDER) if isinstance(change, kind))


def _make(admin: AdminClient, change: Change) -> None:
    match change:
        case MakeTopic(topic):
            new = NewTopic(topic.name, topic.partitions, topic.copies, config=dict(topic.settings))
            _all(admin.create_topics([new], operation_timeout=SECONDS, request_timeout=2 * SECONDS))
        case SetSetting(topic, name, value):
            entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
            _all(admin.incremental_alter_configs([resource], request_timeout=SECONDS))
        case Allow(acl):
            _all(admin.create_acls([AclBinding(*_binding(acl))], request_timeout=SECONDS))
        case Withdraw(acl):
            _all(admin.delete_acls([AclBindingFilter(*_binding(acl))], request_timeout=SECONDS))
        case _:
            raise TypeError(type(change).__name__)


def _all(answers: Mapping[Any, Future[T]]) -> dict[Any, T]:
    return {what: answer.result(3 * SECONDS) for what, answer in answers.items()}


def _broker_settings(admin: AdminClient, brokers: tuple[int, ...]) -> dict[int, dict[str, str]]:
    return {broker: _settings(admin, ResourceType.BROKER, str(broker), BROKER_SETTINGS) for broker in brokers}


def _settings(admin: AdminClient, kind: ResourceType, name: str, wanted: Collection[str]) -> dict[str, str]:
    """The settings in force; none where we may not see them, which the check takes for wrong."""
    resource = ConfigResource(kind, name)
    try:
        [entries] = _all(admin.describe_configs([resource], request_timeout=SECONDS)).values()
    except KafkaException as error:
        if error.args[0].code() in _FORBIDDEN:
            return {}
        raise ClusterError(f"Kafka does not tell the settings of {name} ({_code(error)}). Try again.") from None
    return {one: entries[one].value for one in wanted if one in entries and entries[one].value is not None}


def _acls(admin: AdminClient, *, as_hub: bool) -> frozenset[Acl] | NoAcls:
    kinds = ResourceType.ANY, ResourcePatternType.ANY, AclOperation.ANY, AclPermissionType.ANY
    resource, pattern, operation, permission = kinds
    # None: whatever it is. The types that the library declares do not know of it.
    everything = AclBindingFilter(resource, None, pattern, None, None, operation, permission)  # type: ignore[arg-type]
    try:
        found = frozenset(map(_acl, admin.describe_acls(everything, request_timeout=SECONDS).result(3 * SECONDS)))
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.SECURITY_DISABLED:
            return NoAcls.NO_AUTHORIZER
        if code in _FORBIDDEN:
            return NoAcls.NOT_TOLD
        raise ClusterError(f"Kafka does not tell who may do what ({_code(error)}). Try again.") from None
    # The library gives none where it was refused. Who may ask because of a permission would see that one at least.
    return NoAcls.NOT_TOLD if as_hub and not found else found


def _is_open_to_all(admin: AdminClient) -> bool:
    """Whether we may see a group that nobody was given: the value of the setting itself is told to nobody."""
    code = KafkaError.COORDINATOR_NOT_AVAILABLE
    for _ in range(_TRIES):
        [answer] = admin.describe_consumer_groups([_NOBODY], request_timeout=SECONDS).values()
        try:
            answer.result(3 * SECONDS)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return False
            if code not in _SOON:
                break
            time.sleep(_BETWEEN_SECONDS)  # a broker that has just started does not know yet which groups are its own
        else:
            return True
    raise ClusterError(f"Kafka does not tell whether it lets in who was given nothing (code {code}). Try again.")


def _acl(binding: AclBinding) -> Acl:
    kind = "cluster" if binding.restype is ResourceType.BROKER else _word(binding.restype)
    words = map(_word, (binding.operation, binding.resource_pattern_type, binding.permission_type))
    operation, pattern, permission = words
    return Acl(binding.principal.removeprefix(_USER), kind, binding.name, operation, pattern, permission, binding.host)


def _word(value: object) -> str:
    return value.name.lower() if isinstance(value, Enum) else "unknown"


def _binding(acl: Acl) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    return (
        ResourceType.BROKER if acl.kind == "cluster" else ResourceType[acl.kind.upper()],
        acl.name,
        ResourcePatternType[acl.pattern.upper()],
        _USER + acl.principal,
        acl.host,
        AclOperation[acl.operation.upper()],
        AclPermissionType[acl.permission.upper()],
    )


def _code(error: KafkaException) -> str:
    """The name of the fault: the text could hold what a broker wrote."""
    return str(error.args[0].name())
