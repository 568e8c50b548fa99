# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The metrics of a hub, for Prometheus.

Guarantees: labels are codes, names of problems and numbers of partners, never an address, a handle or a message id;
no count says of less than five that a ground, hold or objection was in their way (`schemas.small_counts`);
a scrape reads memory only, the store is looked at by `look` at the hub's own pace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from hub.exchange import Exchange
from hub.gateway_problem import NAMED
from schemas.codes import Code
from schemas.metrics import COUNTER, GAUGE, HISTOGRAM, About, certificate_end, histogram, labelled, single
from schemas.small_counts import by_code

_DAY: Final = 86_400.0
_CODES: Final = frozenset(code.value for code in Code)
_PROBLEMS: Final = frozenset({*NAMED, *_CODES})

MESSAGES: Final = About(
    "schakel_hub_messages",
    COUNTER,
    "Messages by what the hub wrote about them: accepted, refused with a code, or ended with a code. A message that was "
    "accepted is counted once more when its waiting ends; what a late receipt changes afterwards is not counted. What was "
    "stopped, not permitted or not stored is counted by fives.",
    "outcome",
    _CODES,
)
REFUSALS: Final = About(
    "schakel_hub_refusals",
    COUNTER,
    "Envelopes, receipts, facts and publications that were refused and have no outcome of their own, by code. What was "
    "stopped or not permitted is counted by fives.",
    "code",
    _CODES,
)
REQUESTS: Final = About(
    "schakel_hub_request_refusals",
    COUNTER,
    "Requests that the gateway refused, by the name of the problem that it answered.",
    "problem",
    _PROBLEMS,
)
REPEATED: Final = About(
    "schakel_hub_repeated_handovers",
    COUNTER,
    "Hand-overs of an envelope that had been handed over before and for which no receipt came.",
)
WAITING: Final = About(
    "schakel_hub_waiting_envelopes",
    GAUGE,
    "Envelopes that wait for a recipient, by the number of that partner; `schakel partner list` says who it is.",
    "partner",
)
OLDEST: Final = About(
    "schakel_hub_oldest_waiting_seconds",
    GAUGE,
    "Age of the oldest envelope that waits for a recipient, by the number of that partner; 0 when none waits.",
    "partner",
)
COMMIT_AGE: Final = About(
    "schakel_hub_last_commit_age_seconds",
    GAUGE,
    "Seconds since the last commit of the store; a probe commits every few seconds when nothing else does.",
)
CHECKPOINT_AGE: Final = About(
    "schakel_hub_checkpoint_age_seconds",
    GAUGE,
    "Seconds since the hub last signed a checkpoint or found that the newest one needs no successor yet.",
)
CLOCK_JUMP: Final = About(
    "schakel_hub_clock_jump_seconds",
    GAUGE,
    "Seconds by which the clock jumped without anybody having confirmed it, below 0 when it went back; 0 while it is "
    "believed. While it is not 0 nothing is decided.",
)
AWAITED: Final = About(
    "schakel_hub_recovery_awaited_partners",
    GAUGE,
    "Partners that must repeat their facts before a hub that was put back from a copy works on; 0 when it works.",
)
LOG_NUMBER: Final = About(
    "schakel_hub_log_number",
    GAUGE,
    "Number of the hub's log: 1, and one more each time that the hub was put back from a copy.",
)
DELIVERABLE: Final = About(
    "schakel_hub_accept_to_deliverable_seconds",
    HISTOGRAM,
    "Time from reading an envelope to the return of the commit after which its recipient can pick it up.",
)
RECEIPTED: Final = About(
    "schakel_hub_accept_to_receipt_seconds",
    HISTOGRAM,
    "Time from accepting an envelope to the commit of its recipient's receipt.",
)
CERTIFICATE: Final = About(
    "schakel_hub_certificate_days_left",
    GAUGE,
    "Days until the certificate ends that the gateway shows to edges, below 0 when it has ended; left out when the file "
    "can't be read.",
)
ALL: Final = (
    MESSAGES,
    REFUSALS,
    REQUESTS,
    REPEATED,
    WAITING,
    OLDEST,
    COMMIT_AGE,
    CHECKPOINT_AGE,
    CLOCK_JUMP,
    AWAITED,
    LOG_NUMBER,
    DELIVERABLE,
    RECEIPTED,
    CERTIFICATE,
)


class HubMetrics(Collector):
    """What a scrape shows.  `problems` counts the refusals of the gateway, `certificate` is what it shows."""

    def __init__(self, exchange: Exchange, problems: Mapping[str, int], certificate: Path) -> None:
        self._exchange, self._problems, self._clock = exchange, problems, exchange.clock
        self._certificate = certificate
        self._ends_at: float | None = None
        self._backlog: dict[int, tuple[int, int]] = {}
        self._awaited, self._log = 0, 1
        self._committed_at = self._checkpoint_at = self._clock()

    def look(self) -> None:
        """Looks at certificate and store: when it ends, who waits for what, and when the last commit was.

        Raises:
            StoreError: it can't be read; what was seen before stays, and its age grows.
        """
        self._ends_at = certificate_end(self._certificate)
        self._backlog, self._committed_at = self._exchange.backlog()
        self._awaited, self._log = len(self._exchange.awaited()), self._exchange.log.number

    def checkpointed(self) -> None:
        """A checkpoint was asked for, and there was one."""
        self._checkpoint_at = self._clock()

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        meter = self._exchange.meter
        yield labelled(MESSAGES, by_code(meter.outcomes))
        yield labelled(REFUSALS, by_code(meter.refused))
        yield labelled(REQUESTS, {name: self._problems.get(name, 0) for name in sorted(_PROBLEMS)})
        yield single(REPEATED, meter.repeated)
        yield labelled(WAITING, {str(number): count for number, (count, _) in self._backlog.items()})
        yield labelled(
            OLDEST, {str(number): self._age(since) if count else 0 for number, (count, since) in self._backlog.items()}
        )
        yield single(COMMIT_AGE, self._age(self._committed_at))
        yield single(CHECKPOINT_AGE, self._age(self._checkpoint_at))
        yield single(CLOCK_JUMP, self._clock.jump() / 1000)
        yield single(AWAITED, self._awaited)
        yield single(LOG_NUMBER, self._log)
        yield histogram(DELIVERABLE, meter.deliverable)
        yield histogram(RECEIPTED, meter.receipted)
        if self._ends_at is not None:
            yield single(CERTIFICATE, (self._ends_at - self._clock() / 1000) / _DAY)

    def _age(self, at: int) -> float:
        return max(self._clock() - at, 0) / 1000
