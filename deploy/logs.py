# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a process tells its operator: one JSON object per line on standard error.

The event is one of a closed set, its fields are numbers, codes, addresses of partners and names of our own; never
anything of a message, a file name or a person.  Of what a library says only its name and the kind of error is kept.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import orjson

GATEWAY = "schakel.gateway"
INTAKE = "schakel.intake"
Field = str | int | float | bool | None


class Event(StrEnum):
    """Everything that a process of Schakel can say."""

    STARTED = "started"
    LISTENING = "listening"
    METRICS = "metrics"
    CHECKPOINT = "checkpoint"
    CLOCK_IN_DOUBT = "clock-in-doubt"
    CLOCK_BELIEVED = "clock-believed"
    COMMAND = "command"
    PASS = "pass"  # noqa: S105  # of work
    WAITS_FOR_STORE = "waits-for-store"
    WAITS_FOR_ROOM = "waits-for-room"  # on the disk of the store
    HAS_STORE = "has-store"
    LENT = "lent"
    HUB_AWAY = "hub-away"
    HUB_BACK = "hub-back"
    KAFKA_AWAY = "kafka-away"  # what this edge sends waits in its outbox
    KAFKA_BACK = "kafka-back"
    BROKERS_AWAY = "brokers-away"  # those of the organisation's own Kafka
    BROKERS_REFUSE = "brokers-refuse"  # they do not take the edge for whom it says it is
    BROKERS_THERE = "brokers-there"
    TOPIC_MISSING = "topic-missing"
    NOT_ADMITTED = "not-admitted"
    RECOVERY = "recovery"  # the hub was put back: it waits for its partners, or no longer
    WAITS_FOR_MACHINES = "waits-for-machines"  # of this hub, that have not said what they know; none: they have
    LACKS = "lacks"  # the database, what this hub saw in it: the hub begins again
    MOVED = "moved"  # the store of the hub, to another engine
    RESTORING = "restoring"  # hub or edge was put back, and something stands before sending and picking up
    REFUSED = "refused"
    PERSON_MUST_LOOK = "person-must-look"
    FAULT = "fault"
    RENEWED = "renewed"  # the certificate that this edge shows
    NOT_RENEWED = "not-renewed"
    RELOADED = "reloaded"
    NOT_RELOADED = "not-reloaded"
    STOPPING = "stopping"
    STOPPED = "stopped"
    REQUEST = "request"
    INTAKE = "intake"  # something about the intake through Kafka that an operator should know
    WATCH_RELAY = "watch-relay"  # what keeps the watch from being told, or nothing any more
    LIBRARY = "library"


class Log:
    """Where a process writes.  `clock` gives unix milliseconds."""

    def __init__(self, clock: Callable[[], int], to: TextIO | None = None) -> None:
        self._clock = clock
        self._to = to or sys.stderr

    def __call__(self, event: Event, **fields: Field) -> None:
        """One line."""
        at = datetime.fromtimestamp(self._clock() / 1000, UTC).isoformat(timespec="milliseconds")
        line = orjson.dumps({"at": at, "event": event.value, **fields}).decode()
        self._to.write(line + "\n")
        self._to.flush()

    def listen(self, *, requests: bool) -> Callable[[], None]:
        """Hears the gateway and, of every library, that it warned; call what is returned to hear no more."""
        root, gateway = logging.getLogger(), logging.getLogger(GATEWAY)
        handler = _Handler(self)
        before = gateway.level
        root.addHandler(handler)
        gateway.setLevel(logging.INFO if requests else logging.WARNING)

        def end() -> None:
            root.removeHandler(handler)
            gateway.setLevel(before)

        return end


class _Handler(logging.Handler):
    """Records of the `logging` module as lines of ours."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if record.name == GATEWAY:  # its texts are made of routes, status, time and trace
            event = Event.REQUEST if record.levelno < logging.WARNING else Event.FAULT
            self._log(event, text=record.getMessage())
        elif record.name == INTAKE and record.levelno >= logging.WARNING:  # its texts are sentences of our own
            self._log(Event.INTAKE, text=record.getMessage())
        elif record.levelno >= logging.WARNING:
            kind = None if not record.exc_info or record.exc_info[0] is None else record.exc_info[0].__name__
            self._log(Event.LIBRARY, name=record.name, level=record.levelname, kind=kind)
