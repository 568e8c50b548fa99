# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The metrics of the intake through Kafka: of a worker, and of a gateway that writes.  Labels are codes; no partner, no
topic and no offset is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from hub.exchange import Exchange
from hub.intake_counts import Counts
from hub.intake_gateway import IntakeGateway
from hub.metrics import CLOCK_JUMP, DELIVERABLE, MESSAGES, REFUSALS, HubMetrics
from schemas.codes import Code
from schemas.metrics import COUNTER, GAUGE, About, histogram, labelled, single
from schemas.small_counts import by_code

_CODES: Final = frozenset(code.value for code in Code)

WRITTEN: Final = About(
    "schakel_hub_intake_written",
    COUNTER,
    "Envelopes that this gateway wrote to Kafka and that the brokers confirmed, so that `taken` was answered.",
)
UNCONFIRMED: Final = About(
    "schakel_hub_intake_unconfirmed",
    COUNTER,
    "Envelopes that were answered 503 or try-later because Kafka did not confirm them in time, or is not the one that the "
    "store remembers.",
)
STOPPED: Final = About(
    "schakel_hub_intake_stopped",
    GAUGE,
    "Whether this gateway takes no envelopes because Kafka does not answer or its topic must be looked at by a person; the "
    "log says why.",
)
LAG: Final = About(
    "schakel_worker_lag_records",
    GAUGE,
    "Records in the partitions of this worker that are not decided, as far as it was told.",
)
ASSIGNED: Final = About(
    "schakel_worker_partitions",
    GAUGE,
    "Partitions that this worker reads; over all workers they are all that there are.",
)
TAKEN: Final = About("schakel_worker_decided", COUNTER, "Records of which this worker wrote an outcome.")
REFUSED: Final = About(
    "schakel_worker_refused_records",
    COUNTER,
    "Records that got no new outcome, by code: refused before the decision, or decided before. Refusals by the decision are "
    "among the messages.",
    "code",
    _CODES,
)
BEHIND: Final = About(
    "schakel_worker_behind_faults",
    COUNTER,
    "Records of a handle that a fault holds: kept in the store, and decided when the fault is over.",
)
FENCED: Final = About(
    "schakel_worker_fenced",
    COUNTER,
    "Commits that the store refused because another worker had moved the position of a partition. Nothing is lost by it.",
)
STRANGERS: Final = About(
    "schakel_worker_strangers",
    GAUGE,
    "Members of the consumer group that are no workers of a hub: what Kafka gives to them nobody decides.",
)
LEFT_OUT: Final = About(
    "schakel_worker_topics_left_out",
    GAUGE,
    "Topics of partners that are not read because a person must look at them; the log says why.",
)
WAITS: Final = About(
    "schakel_worker_waits",
    GAUGE,
    "Whether this worker decides nothing although it could have something: store, keys, clock or Kafka keep it; the log says "
    "which.",
)
OF_GATEWAY: Final = (WRITTEN, UNCONFIRMED, STOPPED)
OF_WORKER: Final = (LAG, ASSIGNED, TAKEN, REFUSED, BEHIND, FENCED, STRANGERS, LEFT_OUT, WAITS)
ALL: Final = (*OF_GATEWAY, *OF_WORKER)


class GatewayMetrics(Collector):
    """What a scrape of a hub shows whose gateway writes to Kafka: also what its half of the intake has."""

    def __init__(self, hub: HubMetrics, intake: IntakeGateway) -> None:
        self._hub, self._intake = hub, intake

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        yield from self._hub.collect()
        yield single(WRITTEN, self._intake.written)
        yield single(UNCONFIRMED, self._intake.failed)
        yield single(STOPPED, float(bool(self._intake.stopped)))


class WorkerMetrics(Collector):
    """What a scrape of a worker shows: its own, and those of the hub that stand in its memory."""

    def __init__(self, exchange: Exchange, counts: Counts) -> None:
        self._exchange, self._counts = exchange, counts

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        counts, meter = self._counts, self._exchange.meter
        yield single(LAG, counts.lag)
        yield single(ASSIGNED, counts.assigned)
        yield single(TAKEN, counts.taken)
        yield labelled(REFUSED, by_code({code: counts.refused[code] for code in Code}))
        yield single(BEHIND, counts.behind)
        yield single(FENCED, counts.fenced)
        yield single(STRANGERS, counts.strangers)
        yield single(LEFT_OUT, counts.left_out)
        yield single(WAITS, float(bool(counts.waits_for)))
        yield labelled(MESSAGES, by_code(meter.outcomes))
        yield labelled(REFUSALS, by_code(meter.refused))
        yield single(CLOCK_JUMP, self._exchange.clock.jump() / 1000)
        yield histogram(DELIVERABLE, meter.deliverable)
