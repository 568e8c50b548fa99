# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the doctor of an edge says of the organisation's own Kafka: brokers, topics, rights, and how long topics keep things.

The rules are pure; only `of_streams` asks.  What it may not see it says so, and does not take for well or wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final

from adapters.config import EdgeConfig
from adapters.connections.stream_look import Looked, Seen, look
from adapters.stream_access import SecretError
from adapters.stream_config import StreamConfig
from deploy.doctor import Finding, fine, private, wrong
from deploy.doctor_tls import Pem, certificate, days

DAY_MS: Final = 86_400_000
REPORT_DAYS: Final = 7  # so long a report must stand for a person to have read it
_READ: Final = frozenset({"READ", "DESCRIBE"})
_WRITE: Final = frozenset({"WRITE", "DESCRIBE"})
_GROUP: Final = frozenset({"READ"})
_AWAY: Final = {
    "_AUTHENTICATION": (
        "The brokers do not take this edge for whom it says it is.",
        "Compare sasl, sasl_user and what sasl_secret holds with what the administrator of that Kafka made for this edge.",
    ),
    "_SSL": (
        "The brokers and this edge do not agree on TLS.",
        "See that authorities vouch for the brokers, that their certificate names the hosts in brokers, and that they take ours.",
    ),
}
_NOBODY: Final = (
    "Look whether that Kafka runs, at host and port in brokers, and at the network between. Nothing is lost meanwhile."
)
_NOT_SEEN: Final = (
    "this edge may not see its settings (DESCRIBE_CONFIGS), which it does not need; ask its administrator"
)


def of_streams(config: EdgeConfig, now: int) -> Iterator[Finding]:
    """Everything about the topics of an edge that has some; `now` in unix milliseconds."""
    settings = config.streams
    if settings is None:
        return
    if find_spec("faust") is None:
        yield wrong("topics", "What reads them is not installed.", "Run `pip install schakel[streams]`.")
    if settings.sasl_secret is not None:
        yield private("sasl_secret", settings.sasl_secret)
    if settings.certificate is not None and settings.certificate_key is not None:
        pem = Pem(settings.certificate, settings.certificate_key, ())
        yield from certificate("certificate for the brokers", pem, now, ends_in=days(strict=config.strict))
    try:
        seen = look(settings)
    except SecretError as error:
        yield wrong("brokers", str(error), "Mend that first; a running edge reads it anew by itself.")
        return
    yield from of_look(settings, seen, config.done_days)


def of_look(settings: StreamConfig, seen: Looked, done_days: int) -> Iterator[Finding]:
    """What was seen, judged."""
    if seen.away is not None:
        says, remedy = _AWAY.get(seen.away, (f"None answers ({seen.away}).", _NOBODY))
        yield wrong("brokers", says, remedy)
        return
    yield fine("brokers", "They answer, and take this edge for whom it says it is.")
    wanted = dict.fromkeys(settings.topics, _READ)
    wanted |= {one: _WRITE for one in (settings.quarantine_topic, settings.notices_topic) if one is not None}
    for name, rights in wanted.items():
        yield _topic(name, rights, seen)
    if settings.topics:
        yield _lacks(f"group {settings.group}", _GROUP - seen.group.rights, "It can be joined.")
    for name in settings.topics:
        if name in seen.topics:
            yield _source(name, seen.topics[name], done_days)
    reports = seen.topics.get(settings.quarantine_topic or "")
    if reports is not None:
        yield _quarantine(reports)


def _topic(name: str, wanted: frozenset[str], seen: Looked) -> Finding:
    subject = f"topic {name}"
    if name in seen.topics:
        return _lacks(
            subject, wanted - seen.topics[name].rights, "It is there, and this edge may do there what it must."
        )
    if name in seen.forbidden:
        return _lacks(subject, wanted, "")
    return wrong(
        subject,
        "It is not there, or this edge may not see it.",
        "Have it made beforehand by who owns that Kafka, or mend its name under [streams].",
    )


def _lacks(subject: str, missing: frozenset[str], well: str) -> Finding:
    if not missing:
        return fine(subject, well)
    rights = " and ".join(sorted(missing))
    return wrong(subject, f"This edge lacks the right to {rights}.", f"Have {rights} given to it there (ACL), by name.")


def _source(name: str, topic: Seen, done_days: int) -> Finding:
    """Whether a topic keeps what is read from it as long as it may have to be read again."""
    subject = f"topic {name}, keeps"
    if topic.keeps is None:
        return fine(subject, f"Unknown: {_NOT_SEEN} whether it keeps records for {done_days} days.")
    if "compact" in topic.keeps.get("cleanup.policy", ""):
        says = "It is compacted: of two records with one key the older goes, perhaps before it was read."
        return wrong(subject, says, "Have cleanup.policy set to delete.")
    kept = _kept_ms(topic.keeps)
    if kept is None or kept >= done_days * DAY_MS:
        return fine(subject, f"Records stand for {_text(kept)}.")
    return wrong(
        subject,
        f"Records stand for {_text(kept)} only; an edge that is put back from a copy reads again up to {done_days} days.",
        f"Have retention.ms set to {done_days * DAY_MS} or more, or set done_days lower.",
    )


def _quarantine(topic: Seen) -> Finding:
    """Whether reports stand long enough to be read by a person."""
    subject = "quarantine topic, keeps"
    if topic.keeps is None:
        return fine(subject, f"Unknown: {_NOT_SEEN} whether it keeps reports for {REPORT_DAYS} days.")
    kept = _kept_ms(topic.keeps)
    if kept is None or kept >= REPORT_DAYS * DAY_MS:
        return fine(subject, f"Reports stand for {_text(kept)}.")
    says = f"Reports stand for {_text(kept)} only: they may be gone before a person has read them."
    return wrong(subject, says, f"Have retention.ms set to {REPORT_DAYS * DAY_MS} or more; a report names nobody.")


def _kept_ms(keeps: Mapping[str, str]) -> int | None:
    """None: for ever, as far as time goes."""
    try:
        kept = int(keeps.get("retention.ms", "-1"))
    except ValueError:
        return None
    return None if kept < 0 or keeps.get("cleanup.policy") == "compact" else kept


def _text(kept: int | None) -> str:
    if kept is None:
        return "ever"
    return f"{kept // DAY_MS} days" if kept >= 2 * DAY_MS else f"{kept // 3_600_000} hours"
