# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What an operator can watch of a stream adapter.

Guarantees: labels from closed sets; no name of a topic, no key, nothing of a record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Metric

from adapters.sources.stream_line import AWAY, CONNECTED, MISSING, REFUSED
from schemas.metrics import COUNTER, GAUGE, About, labelled, single

TAKEN, KNOWN, QUARANTINED = "taken", "known", "quarantined"

RECORDS: Final = About(
    "schakel_edge_stream_records",
    COUNTER,
    "Records read from the organisation's own topics, by what became of them: taken, known already, or to quarantine.",
    "outcome",
    frozenset({TAKEN, KNOWN, QUARANTINED}),
)
WAITS: Final = About(
    "schakel_edge_stream_waits",
    GAUGE,
    "Whether a record waits, and those behind it: for the hub, for a person after a restore, or for room on the disk: 1, else 0.",
)
IS_CONNECTED: Final = About(
    "schakel_edge_stream_connected",
    GAUGE,
    "Whether the edge reads and writes the organisation's own topics now: 1, else 0; left out when none are set.",
)
_KINDS: Final = {AWAY: "brokers", REFUSED: "access", MISSING: "topic"}
OBSTACLE: Final = About(
    "schakel_edge_stream_obstacle",
    GAUGE,
    "What keeps the edge from the organisation's own topics, by kind: no broker answers, they do not take it for whom it says "
    "it is, or a topic is not there: 1, else 0; left out when none are set.",
    "kind",
    frozenset(_KINDS.values()),
)
NOTICES: Final = About(
    "schakel_edge_stream_notices", COUNTER, "Notices that the organisation's own Kafka has confirmed."
)
STREAM: Final = (RECORDS, WAITS, IS_CONNECTED, OBSTACLE, NOTICES)


@dataclass(slots=True)
class StreamCounts:
    """What one edge counts from its start on."""

    is_set: bool = False
    connected: bool = False
    obstacle: str | None = None
    waits: bool = False
    notices: int = 0
    records: dict[str, int] = field(default_factory=lambda: dict.fromkeys((TAKEN, KNOWN, QUARANTINED), 0))

    def is_now(self, state: str) -> None:
        """The way to the brokers, as the worker says it."""
        self.connected = state == CONNECTED
        self.obstacle = _KINDS.get(state)

    def broken(self) -> None:
        """The worker is gone; what was in its way before still is, as far as is known."""
        if self.connected:
            self.is_now(AWAY)

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        yield labelled(RECORDS, dict(self.records))
        yield single(WAITS, int(self.waits))
        if self.is_set:
            yield single(IS_CONNECTED, int(self.connected))
            yield labelled(OBSTACLE, {kind: int(kind == self.obstacle) for kind in sorted(_KINDS.values())})
        yield single(NOTICES, self.notices)
