# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub watch` and `schakel hub watch-run`: what is unusual at the partners of a hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import RenderableType

from deploy.clock import MachineClock
from deploy.exits import Exit, Stopped
from deploy.logs import Log
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.run_watch import Left, read_left, run_watch, watch_of
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.config import load_hub_config


@click.command(name="watch")
@hub_option
@with_screen
def hub_watch(screen: Screen, config: Path | None) -> None:
    """What was unusual at partners in the last seven days: refusals, volume, pick-ups at night.

    Exit 4 when no watch runs: then nothing can be said about now.
    """
    settings = load_hub_config(settings_file(config, HUB_FILE))
    left, now = read_left(watch_of(settings).folder), MachineClock(settings.clock_file)()
    if left is None:
        raise Stopped("No watch has run here yet. Start one with `schakel hub watch-run`.", Exit.UNDECIDED)
    runs = left.runs(now)
    rows = [(one["partner"], one["what"], one["sentence"]) for one in left.unusual]
    screen.answer(
        {**asdict(left), "runs": runs},
        *([table("Unusual", ("partner", "what", "what was seen"), rows)] if rows else []),
        *_about(left, runs=runs, any_rows=bool(rows)),
    )
    if not runs:
        minutes = (now - left.at) // 60_000
        raise Stopped(f"The watch last looked {minutes} minutes ago: start it again.", Exit.UNDECIDED)


def _about(left: Left, *, runs: bool, any_rows: bool) -> list[RenderableType]:
    found: list[RenderableType] = []
    if any_rows:
        found.append(plain("`schakel partner list` says who has which number; deploy/docs/watch.md what to do."))
    elif runs:
        found.append(good("Nothing unusual in the last seven days."))
    if left.missed:
        found.append(
            note(f"{left.missed} times the topic had lost outcomes before they were read: counts are too low.")
        )
    if left.unreadable:
        found.append(bad("Somebody else than the hub wrote to schakel.outcomes. `schakel hub doctor` says who may."))
    return found


@click.command(name="watch-run")
@click.option(
    "--rebuild", is_flag=True, help="Count again everything that the topic holds. Stop every other watch first."
)
@hub_option
@with_screen
def hub_watch_run(screen: Screen, rebuild: bool, config: Path | None) -> None:
    """Count outcomes and say what is unusual, until SIGTERM. The hub runs without it."""
    del screen
    settings = load_hub_config(settings_file(config, HUB_FILE))
    clock = MachineClock(settings.clock_file)
    run_watch(settings, Log(clock), clock, rebuild=rebuild)
