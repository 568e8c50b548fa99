# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The table `[streams]` of `edge.toml`: the topics of the organisation's own Kafka that this edge reads and writes.

Guarantees: no topic has two parts to play, so a notice or a report is never read again as a message; what can't be read
always has a topic to go to; in strict mode brokers are reached over TLS that proves them, and none other; no password and
no token goes to anybody without TLS, in no mode.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from adapters.format_names import IN_FORMATS
from adapters.stream_access import MECHANISMS, SENT_OPENLY, TOKEN, Access
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
    sasl: str | None = optional(
        choice(*MECHANISMS),
        None,
        f"How this edge says who it is where brokers ask for a name or a token (SASL): {', '.join(MECHANISMS)}. PLAIN and "
        "OAUTHBEARER only over TLS.",
    )
    sasl_user: str | None = optional(
        pattern("[!-~]{1,255}", "must be 1 to 255 letters, digits and signs of ASCII, without spaces"),
        None,
        "The name under which the brokers know this edge; not with OAUTHBEARER, whose token names it.",
    )
    sasl_secret: Path | None = optional(
        path,
        None,
        "File with the password of sasl_user, or with the token for OAUTHBEARER: one line, for its owner only. A token is read "
        "anew for every connection, a password when the way to the brokers broke: what renews it only replaces the file.",
    )
    session_seconds: int = optional(
        whole(6, 60),
        10,
        "After so many seconds without a sign of life Kafka gives the topics of this edge to another of its group.",
        unit="seconds",
    )

    @property
    def access(self) -> Access:
        """How the brokers are reached."""
        files = (self.authorities, self.certificate, self.certificate_key, self.sasl_secret)
        authorities, certificate, key, secret = (None if one is None else str(one) for one in files)
        return Access(authorities, certificate, key, self.sasl, self.sasl_user, secret)


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
    yield from _sasl_faults(config)


def _sasl_faults(config: StreamConfig) -> Iterator[Fault]:
    given = {"sasl_user": config.sasl_user, "sasl_secret": config.sasl_secret}
    if config.sasl is None:
        yield from (Fault(f"/streams/{name}", "goes with sasl") for name, value in given.items() if value is not None)
        return
    if config.sasl_secret is None:
        yield Fault("/streams/sasl_secret", "this setting is required with sasl")
    if config.sasl == TOKEN and config.sasl_user is not None:
        yield Fault("/streams/sasl_user", "the token says who this is: leave this out")
    if config.sasl != TOKEN and config.sasl_user is None:
        yield Fault("/streams/sasl_user", "this setting is required with sasl")
    if config.sasl in SENT_OPENLY and config.authorities is None:
        yield Fault("/streams/sasl", "shows its secret to whoever listens: set authorities, for TLS")
