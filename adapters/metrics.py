# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The metrics of an edge, for Prometheus.

Guarantees: the only labels are the state of things in the outbox and the kind of an alarm; nothing tells of a client, a partner or a message.  A
scrape reads memory only, so it works too while a command has the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from adapters.alarms import Duty, Lie, Misuse
from adapters.desk import BACKLOG_STATES, Backlog
from adapters.records_outgoing import ASKS
from adapters.stream_metrics import STREAM, StreamCounts
from schemas.metrics import GAUGE, About, certificate_end, labelled, single

_STATES: Final = frozenset(BACKLOG_STATES)
_LOOK_MS: Final = 5_000
_DAY: Final = 86_400.0

OUTBOX: Final = About(
    "schakel_edge_outbox_items",
    GAUGE,
    "Things in the outbox that have not ended: waiting to leave, sent and without an outcome, asking for a person.",
    "state",
    _STATES,
)
OLDEST: Final = About(
    "schakel_edge_outbox_oldest_seconds",
    GAUGE,
    "Age of the oldest thing in the outbox, by state; 0 when there is none in that state.",
    "state",
    _STATES,
)
ASK: Final = About(
    "schakel_edge_ask_a_person_items",
    GAUGE,
    "Things in the outbox that a person must look at: nothing goes on with them until somebody has.",
)
PASS_AGE: Final = About(
    "schakel_edge_last_pass_age_seconds",
    GAUGE,
    "Seconds since the edge last finished a pass in which the hub answered; before the first one, since its start.",
)
UNCONFIRMED: Final = About(
    "schakel_edge_restore_unconfirmed",
    GAUGE,
    "Whether this edge was put back from a copy and waits for a person to confirm before anything goes on: 1, else 0.",
)
CERTIFICATE: Final = About(
    "schakel_edge_certificate_days_left",
    GAUGE,
    "Days until the certificate ends that this edge shows to the hub, below 0 when it has ended; left out when the file "
    "can't be read.",
)
ALARMS: Final = About(
    "schakel_edge_alarms",
    GAUGE,
    "Things that the hub was caught at and that no person has settled, by kind: `schakel edge alarms` says what to do.",
    "kind",
    frozenset(lie.value for lie in Lie),
)
MISUSE: Final = About(
    "schakel_edge_misuse_alarms",
    GAUGE,
    "Things that were done with codes and introductions more often than one expects and that no person has settled, by kind: "
    "`schakel edge alarms` says what to do.",
    "kind",
    frozenset(misuse.value for misuse in Misuse),
)
OVERDUE: Final = About(
    "schakel_edge_overdue",
    GAUGE,
    "Whether something that a person must decide within a term is overdue, by kind: 1, else 0; never how much.",
    "kind",
    frozenset(duty.value for duty in Duty),
)
SENDING: Final = About(
    "schakel_edge_kafka_sending",
    GAUGE,
    "Whether the hub's Kafka takes what this edge sends, as far as it tried: 1, else 0; left out where all goes to the gateway.",
)
ALL: Final = (OUTBOX, OLDEST, ASK, PASS_AGE, UNCONFIRMED, CERTIFICATE, ALARMS, MISUSE, OVERDUE, SENDING, *STREAM)


class EdgeMetrics(Collector):
    """What a scrape shows.  `clock` gives unix milliseconds."""

    def __init__(self, certificate: Path, clock: Callable[[], int]) -> None:
        self._certificate, self._clock = certificate, clock
        self._backlog: dict[str, Backlog] = {}
        self._alarms = dict.fromkeys((kind.value for kind in (*Lie, *Misuse, *Duty)), 0)
        self._looked_at = -_LOOK_MS
        self._unconfirmed = False
        self._passed_at = clock()
        self._ends_at: float | None = None
        self._sends: bool | None = None
        self.streams = StreamCounts()

    def look(self, read: Callable[[], dict[str, Backlog]], unconfirmed: Callable[[], bool]) -> None:
        """Looks at outbox, certificate and whether a person must confirm a restore; does nothing when the last look is less than five seconds old.

        Raises:
            StoreError: the store can't be read.
        """
        now = self._clock()
        if 0 <= now - self._looked_at < _LOOK_MS:
            return
        self._backlog, self._ends_at, self._looked_at = read(), certificate_end(self._certificate), now
        self._unconfirmed = unconfirmed()

    def caught(self, lies: Iterable[str]) -> None:
        """What the hub or anybody else was caught at and nobody has settled."""
        self._alarms = dict.fromkeys(self._alarms, 0)
        for lie in lies:
            self._alarms[lie] += 1

    def passed(self) -> None:
        """A pass is finished in which the hub answered."""
        self._passed_at = self._clock()

    def sends(self, *, kafka_takes: bool) -> None:
        """Whether the hub's Kafka takes what is sent, where it is sent that way."""
        self._sends = kafka_takes

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        now, backlog = self._clock(), self._backlog
        yield labelled(OUTBOX, {state: one.count for state, one in backlog.items()})
        yield labelled(
            OLDEST, {state: max(now - one.oldest, 0) / 1000 if one.count else 0 for state, one in backlog.items()}
        )
        if ASKS in backlog:
            yield single(ASK, backlog[ASKS].count)
        for about in (ALARMS, MISUSE):
            yield labelled(about, {kind: self._alarms[kind] for kind in sorted(about.words or ())})
        yield labelled(OVERDUE, {kind.value: min(self._alarms[kind], 1) for kind in Duty})
        yield single(PASS_AGE, max(now - self._passed_at, 0) / 1000)
        yield single(UNCONFIRMED, int(self._unconfirmed))
        if self._ends_at is not None:
            yield single(CERTIFICATE, (self._ends_at - now / 1000) / _DAY)
        if self._sends is not None:
            yield single(SENDING, int(self._sends))
        yield from self.streams.collect()
