# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of a region on PostgreSQL: the store alone, a served hub on it, and what an outage left.

The server is a private one on the machine's disk, with everything that makes a commit durable.  It shares the cores with
the hub, its callers and whatever else runs, so each waiting time has beside it what bare calls took in the same minute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import network_lines, postgres_lines, withdrawal_line
from tests.bench.measure import Line
from tests.bench.served import Opening, on_postgres
from tests.postgres import Cluster

SERVER = ("shared_buffers=256MB", "max_wal_size=4GB")


def _on_postgres(measure: Callable[[Path, str, Opening], list[Line]], name: str, root: Path) -> list[Line]:
    server = Cluster(*SERVER, place="/tmp")
    try:
        return measure(root, name, partial(on_postgres, server.bare()))
    finally:
        server.remove()


LINES = {
    "store.postgres": postgres_lines.commits,
    "region.latency": partial(_on_postgres, network_lines.latency, "region.latency"),
    "region.withdrawal": partial(_on_postgres, withdrawal_line.withdrawal, "region.withdrawal_seconds"),
    "region.outage": partial(_on_postgres, network_lines.outage, "region.outage"),
}
