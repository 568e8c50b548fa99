# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub run` and `schakel edge run`: the two processes.  Their log is one JSON object per line on stderr."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.clock import MachineClock
from deploy.compose_edge import load_settings
from deploy.logs import Log
from deploy.options import EDGE_FILE, HUB_FILE, edge_option, hub_option, settings_file
from deploy.run_edge import run_edge
from deploy.run_hub import run_hub
from deploy.screen import Screen, with_screen
from hub.config import load_hub_config


@click.command(name="run")
@click.option("--requests", is_flag=True, help="Also log each request: route, status, time, trace.")
@hub_option
@with_screen
def hub_run(screen: Screen, requests: bool, config: Path | None) -> None:
    """Answer edges over HTTPS until SIGTERM; SIGHUP reads the certificates again."""
    del screen
    settings = load_hub_config(settings_file(config, HUB_FILE))
    run_hub(settings, Log(MachineClock(settings.clock_file)), requests=requests)


@click.command(name="run")
@edge_option
@with_screen
def edge_run(screen: Screen, config: Path | None) -> None:
    """Watch the folder in, send, pick up, until SIGTERM; SIGHUP reads the certificates again.

    A second one on the same store is a standby: it waits, and takes over when the first is gone.
    """
    del screen
    settings = load_settings(settings_file(config, EDGE_FILE))
    clock = MachineClock(settings.config.clock_file)
    run_edge(settings, Log(clock), clock)
