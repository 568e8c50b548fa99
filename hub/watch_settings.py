# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The settings of the watch, the table `[watch]` of `hub.toml`.

Guarantees: nothing of it holds up the hub; it needs the table `[kafka]`, by which it reaches the brokers.
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.settings import listen, optional, path


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """Every setting of the watch, the table `[watch]`. With the table, `schakel hub run` copies what the log says to Kafka."""

    folder: Path = optional(
        path,
        Path("watch"),
        "Folder in which `schakel hub watch-run` leaves what is unusual, and in which `schakel hub watch` reads it.",
    )
    metrics_listen: tuple[str, int] | None = optional(
        listen,
        None,
        "Host and port on which Prometheus may read the metrics of the watch, over plain HTTP: take an address that only the "
        "operator's own network reaches, such as 127.0.0.1:9465. Without it there are none.",
    )
