# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A hub and its edges on one machine, as Prometheus reads them: ports, and the file that tells it where and how often.

Guarantees: only loopback is listened on; the jobs are those that alert rules and dashboard ask for.
"""

from __future__ import annotations

import errno
import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

HUB_JOB = "schakel-hub"
EDGE_JOB = "schakel-edge"
RULES = Path(__file__).parent / "alerts" / "schakel.rules.yml"
FILE = "prometheus.yml"
LOOPBACK = "127.0.0.1"
# Below those that the system gives to connections: a process that was killed finds its own again.
_PORTS = range(20_000, 32_000)
_TRIES = 100


def free_port() -> int:
    """A port of loopback on which nobody listens, nor will soon by chance.

    Raises:
        OSError: none was found.
    """
    for _ in range(_TRIES):
        port = random.choice(_PORTS)  # noqa: S311  # no secret
        with socket.socket() as tried:
            try:
                tried.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def setting(port: int) -> str:
    """The setting with which a hub or an edge is read there, as TOML."""
    return f'metrics_listen = "{LOOPBACK}:{port}"'


def configuration(hub: int, edges: Mapping[str, int], seconds: int) -> str:
    """A configuration of Prometheus, as JSON, which is YAML too: `edges` gives the port per name."""
    jobs = {HUB_JOB: {"hub": hub}, EDGE_JOB: edges}
    scraped = [
        {
            "job_name": job,
            "static_configs": [
                {"targets": [f"{LOOPBACK}:{port}"], "labels": {"instance": name}} for name, port in ports.items()
            ],
        }
        for job, ports in jobs.items()
    ]
    every = f"{seconds}s"
    content = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(RULES)],
        "scrape_configs": scraped,
    }
    return json.dumps(content, indent=2) + "\n"
