# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub machines`: the machines of a hub on one database, and that one of them will not return."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.exits import failed, refused, wrong_use
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, table, with_screen
from hub.config import load_hub_config


@click.command(name="machines")
@click.option("--without", metavar="MACHINE", help="A machine that will not return.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_machines(screen: Screen, without: str | None, yes: bool, config: Path | None) -> None:
    """The machines of this hub, and for which the others wait; or say that one will not return. The hub may run.

    After the database was started, promoted or put back, nothing is decided before every machine has said that it finds
    there all that it knows.
    """
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if settings.dsn is None:
        raise failed("The store of this hub is a file, so it is one machine and waits for no other.")
    from hub import postgres_machines

    if without is not None:
        asks = "If that machine saw more than the database has now, nobody will know what is lost. Go on without it?"
        if not yes and (screen.as_json or not click.confirm(asks)):
            raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
        if not postgres_machines.forget(settings.dsn, without):
            raise refused(f"This hub has no machine {without}; `schakel hub machines` shows which it has.")
    found = postgres_machines.listed(settings.dsn)
    awaited = [one.name for one in found if one.awaited]
    rows = [(one.name, f"{one.since:%Y-%m-%d %H:%M}", "is waited for" if one.awaited else "") for one in found]
    screen.answer(
        {"machines": [one.name for one in found], "awaited": awaited},
        table("Machines", ("machine", "since", ""), rows),
        *(
            [
                bad("Nothing is decided where somebody waits for one of these: start the hub there."),
                note("Only for one that will never return: --without MACHINE."),
            ]
            if awaited
            else [good("Nobody waits for a machine.")]
        ),
    )
