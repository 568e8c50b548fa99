# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The command `schakel`.

* A command group is imported when it is used: `schakel --help` reads no cryptography.
* Every way to end is in the table of `deploy.exits`; no traceback and no value of a message reaches the screen.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import NamedTuple

import click

from deploy.exits import MEANING, Exit, Stopped, ending
from deploy.screen import AS_JSON


class Place(NamedTuple):
    """Where a command is, and what it does in a few words."""

    module: str
    name: str
    about: str


COMMANDS = {
    "demo": Place(
        "deploy.commands.demo", "demo", "A household that ten partners tell each other about, on this machine."
    ),
    "demo-net": Place(
        "deploy.commands.demo_net",
        "demo_net",
        "One Wmo case of three partners over TLS, with processes that are killed.",
    ),
    "convert": Place("deploy.commands.convert", "convert", "Dry run of native messages: which events are in them?"),
    "dev-ca": Place("deploy.commands.accession", "dev_ca", "A certificate authority for tests on this machine."),
    "hub": Place("deploy.commands.hub", "hub", "Make a hub, run it, see how it is."),
    "partner": Place(
        "deploy.commands.partner", "partner", "Invite, admit, list, suspend and remove the partners of a hub."
    ),
    "kafka": Place("deploy.commands.kafka", "kafka", "Set up the Kafka of a hub: topics, settings, permissions."),
    "edge": Place("deploy.commands.edge", "edge", "Make an edge, let it work, see what it was told and what waits."),
    "agreement": Place(
        "deploy.commands.agreement",
        "agreement",
        "What a citizen agreed to: talk, make, show, receipt, due, strike, end, export, import.",
    ),
    "grant": Place(
        "deploy.commands.grant",
        "grant",
        "The grants and refusals of an edge: ways, make, list, stop, object, hold, lift, explain.",
    ),
    "rules": Place("deploy.commands.rules", "rules", "The rule table: show, check, compare, try out, explain, sign."),
    "audit": Place("deploy.commands.audit", "audit", "The log: show, search, explain, verify, export, erase."),
    "config": Place("deploy.commands.config", "config", "Settings: show what is in force, check a file."),
}
_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {MEANING[code].partition(':')[0]}" for code in Exit) + "."


class Schakel(click.Group):
    """The root: finds a command by its name, and ends every error as the table says."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        found = getattr(import_module(place.module), place.name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{place.module}.{place.name} is no command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.about) for name, place in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[AS_JSON] = "--json" in args  # a command that can't be read has not said so itself
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except click.ClickException as error:
            return self._end(ctx, error)
        except Exception as error:  # noqa: BLE001  # the top: what comes here ends as the table says
            return self._end(ctx, ending(error))

    def _end(self, ctx: click.Context, error: click.ClickException) -> object:
        if not ctx.meta.get(AS_JSON):
            raise error
        click.echo(json.dumps({"error": error.format_message(), "exit": error.exit_code}), err=True)
        ctx.exit(error.exit_code)


@click.group(cls=Schakel, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="schakel", prog_name="schakel")
def cli() -> None:
    """Schakel: partners of one citizen tell each other that something moved, through a hub that can't read it."""


def main() -> None:
    """The entry point."""
    try:
        cli(prog_name="schakel")
    except Stopped as error:  # pragma: no cover  # click shows its own; this is for what it would not
        error.show()
        sys.exit(error.exit_code)
