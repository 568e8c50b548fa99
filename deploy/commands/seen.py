# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge alarms` and `schakel edge seen`: what the hub was caught at, and what it showed this edge."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from deploy.commands.desk import at_desk
from deploy.compose import write_new
from deploy.exits import Exit, failed, wrong_use
from deploy.given import partner_address
from deploy.options import edge_option
from deploy.screen import Screen, bad, good, note, table, with_screen
from hub.audit.compare import SeenFile, SeenManifest, seen_text
from schemas.calendar import date_text, day_of

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="alarms")
@click.option("--settle", type=click.IntRange(min=1), help="A person has looked at the alarm with this number.")
@click.option("--follow-log", is_flag=True, help="A person has looked at a forked log: follow it from now on.")
@edge_option
@with_screen
def edge_alarms(screen: Screen, settle: int | None, follow_log: bool, config: Path | None) -> None:
    """What the hub was caught at, what was done too often with codes, and what to do. Exit 1 while there is anything."""
    if settle is not None and follow_log:
        raise wrong_use("Give --settle or --follow-log, not both.")
    with at_desk(config) as (opened, _):
        if settle is not None:
            opened.settle_alarm(settle)
        if follow_log:
            opened.follow_log()
        found = opened.alarms()
    rows = [(one.number, one.lie, one.about, one.times, _day(one.last_at), one.says, one.remedy) for one in found]
    columns = ("number", "alarm", "about", "times", "last", "what", "what to do")
    answer = [asdict(one) | {"says": one.says, "remedy": one.remedy} for one in found]
    verdict = (
        bad("A person must look at this.")
        if found
        else good("There is no alarm: the hub was caught at nothing, no code was misused, and no decision is late.")
    )
    screen.answer(answer, *([table("Alarms", columns, rows)] if rows else []), verdict)
    if found:
        click.get_current_context().exit(Exit.FAILED)


def _day(at: int) -> str:
    return date_text(day_of(at)) if at else ""


@click.command(name="seen")
@click.option("--out", type=_FILE, help="File to write. Without it: printed.")
@click.option("--with", "partners", multiple=True, help="Also the manifest of this partner, as the hub showed it here.")
@edge_option
@with_screen
def edge_seen(screen: Screen, out: Path | None, partners: tuple[str, ...], config: Path | None) -> None:
    """What the hub showed this edge: the newest checkpoint and its own manifest, to be compared with another edge.

    `schakel audit compare` compares two such files. Nothing of a client is in it.
    """
    if out is not None and out.exists():
        raise failed("That file is there already and is not overwritten. Choose another with --out.")
    with at_desk(config) as (opened, settings):
        seen = opened.seen_note()
        if seen is None:
            raise failed("This edge has seen no checkpoint yet: let it work first (`schakel edge work`).")
        addresses = [partner_address(settings, name) for name in partners]
        known = [opened.known_manifest(address) for address in (opened.address, *addresses)]
    shown = tuple(SeenManifest(*one) for one in known if one is not None)
    text = seen_text(SeenFile(seen, shown))
    if out is None and not screen.as_json:
        screen.raw(text.encode())
        return
    if out is not None:
        write_new(out, text.encode())
    answer = {"file": None if out is None else str(out), "seen": text, "manifests": [asdict(one) for one in shown]}
    remarks = [note("It names the partners whose manifest you added.")] if partners else []
    screen.answer(answer, good(f"{out} holds what the hub showed this edge."), *remarks)
