# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The metrics of the watch, for Prometheus.

Guarantees: a label is the number of a partner; a value is how many facts there are, never how many messages, so no count
of less than ten of anything can be read from them; a scrape reads memory only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from hub.watch_facts import Progress
from hub.watch_rules import What
from schemas.metrics import COUNTER, GAUGE, About, labelled, single

_ABOUT: Final = (
    "of yesterday and today, by the number of the partner; `schakel hub watch` says which hours and how many."
)
REFUSALS: Final = About(
    "schakel_watch_unusual_refusals", GAUGE, f"Hours in which far more than usual was refused, {_ABOUT}", "partner"
)
VOLUME: Final = About(
    "schakel_watch_unusual_volume", GAUGE, f"Hours in which far more than usual was sent, {_ABOUT}", "partner"
)
NIGHT: Final = About(
    "schakel_watch_unusual_night", GAUGE, f"Nights in which far more than usual was picked up, {_ABOUT}", "partner"
)
LOOK_AGE: Final = About(
    "schakel_watch_last_look_age_seconds",
    GAUGE,
    "Seconds since the watch last looked at its counts; it looks every few seconds when it has a partition.",
)
ENTRIES: Final = About(
    "schakel_watch_counted_entries", GAUGE, "Entries of the log in the windows of this watch, of 36 days at most."
)
REPLAYS: Final = About(
    "schakel_watch_replays",
    COUNTER,
    "Partitions that were counted again from the beginning of the topic because their table was not whole.",
)
MISSED: Final = About(
    "schakel_watch_missed",
    GAUGE,
    "How often outcomes were gone from the topic before the watch had read them: since then its counts are too low.",
)
UNREADABLE: Final = About(
    "schakel_watch_unreadable_records",
    COUNTER,
    "Records of schakel.outcomes that are no outcome: not the hub wrote them.",
)
ALL: Final = (REFUSALS, VOLUME, NIGHT, LOOK_AGE, ENTRIES, REPLAYS, MISSED, UNREADABLE)
_OF: Final = {What.REFUSALS: REFUSALS, What.VOLUME: VOLUME, What.NIGHT: NIGHT}


class WatchMetrics(Collector):
    """What a scrape shows: what `seen` was last called with."""

    def __init__(self, seconds: float) -> None:
        self._facts: Mapping[What, Mapping[str, int]] = {what: {} for what in What}
        self._now = self._seen = seconds
        self._how = Progress(0, 0, 0, 0, 0)

    def seen(self, facts: Mapping[What, Mapping[str, int]], how: Progress) -> None:
        """What a look found."""
        self._facts, self._how, self._seen = facts, how, self._now

    def passes(self, seconds: float) -> None:
        """What the steady clock says now."""
        self._now = seconds

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        for what, about in _OF.items():
            yield labelled(about, self._facts[what])
        yield single(LOOK_AGE, self._now - self._seen)
        yield single(ENTRIES, self._how.entries)
        yield single(REPLAYS, self._how.replays)
        yield single(MISSED, self._how.missed)
        yield single(UNREADABLE, self._how.unreadable)
