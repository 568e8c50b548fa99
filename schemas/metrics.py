# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What operators can watch: one line of text and a closed set of labels per metric, the same for hub and edge.

Guarantees: a label is a word that was declared or the number of a partner, so no address, handle or name of a person
can end up in a metric; a histogram has whole buckets and no sum, so no time of a single message can be read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from schemas.buckets import Buckets

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"


@dataclass(frozen=True, slots=True)
class About:
    """A metric as it is documented.  `words` are all values of `label`; None: the number of a partner at this hub."""

    name: str
    kind: str
    meaning: str
    label: str | None = None
    words: frozenset[str] | None = None

    def allows(self, value: str) -> bool:
        """Whether the label may have this value."""
        return value.isascii() and value.isdigit() if self.words is None else value in self.words

    @property
    def shown(self) -> str:
        """The name as it stands in queries."""
        return {COUNTER: f"{self.name}_total", HISTOGRAM: f"{self.name}_bucket"}.get(self.kind, self.name)


def single(about: About, value: float) -> Metric:
    """A metric without a label."""
    kind = CounterMetricFamily if about.kind == COUNTER else GaugeMetricFamily
    return kind(about.name, about.meaning, value=value)


def labelled(about: About, values: Mapping[str, float]) -> Metric:
    """A metric with a value per label.

    Raises:
        ValueError: a label that was not declared.
    """
    if about.label is None or not all(about.allows(value) for value in values):
        raise ValueError(f"{about.name} has a label outside its closed set")
    kind = CounterMetricFamily if about.kind == COUNTER else GaugeMetricFamily
    family = kind(about.name, about.meaning, labels=[about.label])
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def histogram(about: About, buckets: Buckets) -> Metric:
    """A metric of durations."""
    family = HistogramMetricFamily(about.name, about.meaning)
    family.add_metric([], buckets.upwards(), None)
    return family


def certificate_end(file: Path) -> float | None:
    """When the first certificate in the file ends, in unix seconds; None when it can't be read."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None
