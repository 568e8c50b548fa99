# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The table `[streams]` of `edge.toml`: the topics of the organisation's own Kafka that this edge reads and writes.

Guarantees: no topic has two parts to play, so a notice or a report is never read again as a message; what can't be read
always has a topic to go to; in strict mode brokers are reached over TLS that proves them, and none other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from adapters.format_names import IN_FORMATS
from schemas.settings import HOST, Fault, Wrong, choice, many, optional, path, pattern, required, whole

_TOPIC: Final = pattern(
    r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "must be the name of a topic: letters, digits, full stop, hyphen, underscore"
)
_BROKER: Final = pattern(rf"(?:{HOST}):[0-9]{{1,5}}", "must be a host and a port, such as kafka.example.nl:9093")
_MOST_TOPICS: Final = 50


def _topics(value: object, folder: Path) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > _MOST_TOPICS:
        raise Wrong(f"must be a table of at most {_MOST_TOPICS} times topic = format")
    read_format = choice(*IN_FORMATS)
    found: dict[str, str] = {}
    for number, (topic, name) in enumerate(value.items()):
        try:
            found[_TOPIC(topic, folder)] = read_format(name, folder)
        except Wrong as wrong:
            raise Wrong(wrong.rule, f"/{number}") from None
    return MappingProxyType(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """Every setting of the stream adapter."""

    brokers: tuple[str, ...] = required(
        many(_BROKER, 20),
        "Host and port of some brokers of the organisation's own Kafka; the others are found by these.",
    )
    group: str = required(
        pattern("[A-Za-z0-9._-]{1,100}", "must be 1 to 100 letters, digits, full stops, hyphens or underscores"),
        "Consumer group of this edge, used by nothing else: Kafka keeps under it how far the topics were read.",
    )
    topics: Mapping[str, str] = optional(
        _topics,
        MappingProxyType({}),
        'Topics that are read, each with the format of its records: topics = { "zaken" = "zgw" }; auto: each record is '
        "recognised by its content. They are made beforehand.",
    )
    quarantine_topic: str | None = optional(
        _TOPIC,
        None,
        "Topic to which goes what is wrong with a record that could not be read: the place of the record, path and keyword, "
        "never a value of it. The record itself stays in its own topic. Required with topics.",
    )
    notices_topic: str | None = optional(
        _TOPIC,
        None,
        "Topic in which notices appear instead of in out_folder, in the format of notices_out; records about one client "
        "have one key, which says nothing about the client.",
    )
    authorities: Path | None = optional(
        path,
        None,
        "File with the authorities that vouch for the brokers (PEM). Required in strict mode; without it there is no TLS.",
    )
    certificate: Path | None = optional(
        path, None, "File with the certificate that this edge shows to the brokers, and its chain (PEM)."
    )
    certificate_key: Path | None = optional(
        path, None, "File with the key of that certificate (PEM). Set both or none."
    )
    session_seconds: int = optional(
        whole(6, 60),
        10,
        "After so many seconds without a sign of life Kafka gives the topics of this edge to another of its group.",
        unit="seconds",
    )


def stream_faults(config: StreamConfig, *, strict: bool, notices: bool) -> Iterator[Fault]:
    """What is wrong between settings that are right by themselves; `notices`: their format is set."""
    if not config.topics and config.notices_topic is None:
        yield Fault("/streams", "give topics, notices_topic, or both")
    if not config.brokers:
        yield Fault("/streams/brokers", "name at least one broker")
    if config.topics and config.quarantine_topic is None:
        yield Fault("/streams/quarantine_topic", "this setting is required with topics")
    if config.notices_topic is not None and not notices:
        yield Fault("/streams/notices_topic", "say in which format: notices_out")
    if config.quarantine_topic is not None and config.quarantine_topic in config.topics:
        yield Fault("/streams/quarantine_topic", "is one of the topics that are read")
    if config.notices_topic is not None and config.notices_topic in {*config.topics, config.quarantine_topic}:
        yield Fault("/streams/notices_topic", "is a topic that is read, or the one for quarantine")
    if (config.certificate is None) != (config.certificate_key is None):
        yield Fault("/streams/certificate", "give this and certificate_key, or none")
    if config.authorities is None and config.certificate is not None:
        yield Fault("/streams/authorities", "this setting is required with certificate")
    if strict and config.authorities is None:
        yield Fault("/streams/authorities", "brokers without TLS: refused in strict mode")
