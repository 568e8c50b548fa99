# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Rows in which a disk is really full."""

from __future__ import annotations

from pathlib import Path

from deploy.net import Process
from tests.chaos.ground import fill, small_disk
from tests.chaos.town import Town, until

_FULL_SECONDS = 8.0


def hub_disk_full(town: Town) -> str:
    """The hub can't commit: it takes nothing and says so, until there is room."""
    return _full(town, town.hub, town.net.config.data_folder)


def sender_disk_full(town: Town) -> str:
    """The sending edge can't take files: they wait in its folder."""
    return _full(town, town.team.process, town.team.settings.config.data_folder)


def recipient_disk_full(town: Town) -> str:
    """The receiving edge can't store: it picks up nothing."""
    return _full(town, town.provider.process, town.provider.settings.config.data_folder)


def _full(town: Town, process: Process, folder: Path) -> str:
    process.stop()
    small_disk(folder, town.stack)
    process.start()
    until(lambda: process.events("listening") or process.events("has-store"), 30, "it works on its small disk")
    town.tell(12, rate=12)
    filler = fill(folder)
    town.tell(18, rate=18 / _FULL_SECONDS)
    process.need_alive()
    arrived = town.arrived().lost if process is town.hub else 18
    filler.unlink()
    return f"for {_FULL_SECONDS:.0f} s, {arrived} events waited" if arrived else "it never was full"
