# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Looks at the organisation's own Kafka as the edge of these settings sees it: who answers, what is there, what it may do.

Guarantees: it reads no record, joins no group, and makes and changes nothing; of an error only its name goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from adapters.stream_access import TOKEN
from adapters.stream_config import StreamConfig

SECONDS: Final = 10.0
_LONGER: Final = 5.0  # the library itself says by then that nobody answered
_CRITICAL: Final = 2
_HOUR: Final = 3600.0
_FORBIDDEN: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})
_SOON: Final = frozenset(
    {KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR}
)
_TRIES, _BETWEEN_SECONDS = 20, 0.25
_TIMED_OUT: Final = "_TIMED_OUT"
_TELLING: Final = ("_AUTHENTICATION", "_SSL")
_RETENTION, _CLEANUP = "retention.ms", "cleanup.policy"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic, or the group: what this edge may do there.  `keeps`: its settings, as far as it may see them."""

    rights: frozenset[str] = frozenset()
    keeps: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen.  `away`: the name of what keeps the brokers from answering; then there is nothing else.  A topic that
    is not there, or not to be seen at all, is in neither of them."""

    away: str | None = None
    topics: Mapping[str, Seen] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()  # which topics may not be seen
    group: Seen = Seen()


def look(settings: StreamConfig, seconds: float = SECONDS) -> Looked:
    """Asks the brokers.

    Raises:
        SecretError: the password or token can't be used.
    """
    heard: list[str] = []
    try:
        admin = AdminClient(_client(settings, heard, seconds), logger=_log)
    except KafkaException as error:  # its files can't be used
        return Looked(_name(error))
    try:
        return _looked(admin, settings, seconds)
    except KafkaException as error:
        admin.poll(0)  # what went wrong before the time was over is told now
        # Who refused says more than that a time passed.
        return Looked(next((one for one in heard if one in _TELLING), _name(error)))
    except TimeoutError:
        return Looked(_TIMED_OUT)


def _looked(admin: AdminClient, settings: StreamConfig, seconds: float) -> Looked:
    # Asked by name: a list of all says nothing of a topic that this edge may not see.
    others = (one for one in (settings.quarantine_topic, settings.notices_topic) if one is not None)
    names = TopicCollection([*settings.topics, *others])
    rights: dict[str, Any] = {"include_authorized_operations": True, "request_timeout": seconds}
    topics, forbidden = _topics(admin, admin.describe_topics(names, **rights), seconds)
    group = _group(admin, settings.group, rights) if settings.topics else Seen()
    return Looked(None, topics, forbidden, group)


def _client(settings: StreamConfig, heard: list[str], seconds: float) -> dict[str, Any]:
    access = settings.access
    made: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.brokers),
        "client.id": "schakel-doctor",
        "socket.timeout.ms": int(seconds * 1000),
        "log_level": _CRITICAL,
        "error_cb": lambda error: heard.append(str(error.name())),
        **access.librdkafka(),
    }
    if access.mechanism == TOKEN:
        token = access.word()
        # The second is when the library should ask anew: long after this look. What is in a token is the brokers' affair.
        made["oauth_cb"] = lambda _: (token, time.time() + _HOUR)
    return made


def _topics(
    admin: AdminClient, answers: Mapping[str, Future[Any]], seconds: float
) -> tuple[dict[str, Seen], frozenset[str]]:
    found: dict[str, Seen] = {}
    forbidden: set[str] = set()
    for name, answer in answers.items():
        try:
            said = answer.result(seconds + _LONGER)
        except KafkaException as error:
            code = error.args[0].code()
            if code in _FORBIDDEN:
                forbidden.add(name)
            elif code != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        found[name] = Seen(_words(said.authorized_operations), _keeps(admin, name, seconds))
    return found, frozenset(forbidden)


def _keeps(admin: AdminClient, name: str, seconds: float) -> dict[str, str] | None:
    [answer] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)], request_timeout=seconds).values()
    try:
        entries = answer.result(seconds + _LONGER)
    except KafkaException as error:
        if error.args[0].code() in _FORBIDDEN:
            return None
        raise
    return {one: str(entries[one].value) for one in (_RETENTION, _CLEANUP) if one in entries}


def _group(admin: AdminClient, name: str, rights: dict[str, Any]) -> Seen:
    for left in reversed(range(_TRIES)):
        [answer] = admin.describe_consumer_groups([name], **rights).values()
        try:
            return Seen(_words(answer.result(rights["request_timeout"] + _LONGER).authorized_operations))
        except KafkaException as error:
            code = error.args[0].code()
            if code in _FORBIDDEN:
                break
            if code not in _SOON or not left:
                raise
        time.sleep(_BETWEEN_SECONDS)  # a broker that has just started does not know yet which groups are its own
    return Seen()


def _words(operations: list[AclOperation] | None) -> frozenset[str]:
    return frozenset(one.name for one in operations or ())


def _name(error: KafkaException) -> str:
    return str(error.args[0].name())
