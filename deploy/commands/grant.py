# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel grant`: who is told about whom, and how to stop it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from adapters.records import ACTIVE
from adapters.refusals import CLOSED, REASONS
from deploy.commands.agreement import ended
from deploy.commands.edge import at_desk, at_work
from deploy.dutch import GRANT_STATES, GROUNDS, categories
from deploy.exits import wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, table, with_screen
from schemas.calendar import date_text


@click.group()
def grant() -> None:
    """The grants of an edge: list, stop."""


@grant.command(name="list")
@click.option("--client", help="Only those about this client (own client number).")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@edge_option
@with_screen
def list_grants(screen: Screen, client: str | None, everything: bool, config: Path | None) -> None:
    """The grants in which this edge is the sender."""
    with at_desk(config) as (opened, settings):
        names = {one.id: one.number for one in opened.clients()}
        found = [
            (
                {
                    "id": one.id,
                    "client": names[one.client],
                    "recipient": settings.book.name_of(one.recipient),
                    "row": one.row,
                    "ground": one.ground,
                    "categories": list(one.categories),
                    "begin": date_text(one.begin),
                    "end": date_text(one.end),
                    "state": one.state,
                    "introduced": one.introduced,
                },
                one,
            )
            for one in opened.grants(client)
            if everything or one.state == ACTIVE
        ]
    rows = [
        (
            shown["id"],
            shown["client"],
            shown["recipient"],
            shown["row"],
            GROUNDS.get(one.ground, one.ground),
            categories(one.categories),
            shown["begin"],
            shown["end"],
            GRANT_STATES.get(one.state, one.state),
        )
        for shown, one in found
    ]
    columns = ("nummer", "cliënt", "voor", "regel", "grond", "wat", "van", "tot en met", "stand")
    screen.answer([shown for shown, _ in found], table("Wie wij mogen inlichten", columns, rows))


@grant.command()
@click.argument("grant_id", required=False, metavar="[GRANT]")
@click.option("--code", help="The stop code of a citizen's receipt, instead of GRANT; any partner may use it.")
@click.option(
    "--why", type=click.Choice(REASONS), help="Why; all but 'closed' leave a refusal that outlives the grant."
)
@edge_option
@with_screen
def stop(screen: Screen, grant_id: str | None, code: str | None, why: str | None, config: Path | None) -> None:
    """Stop GRANT (its id, as `list` prints it). The reason stays at this edge; the hub only knows: stopped."""
    if (grant_id is None) != (why is None) or (grant_id is None) == (code is None):
        raise wrong_use("Give either GRANT and --why, or --code alone.")
    with at_work(config) as (opened, _):
        if code is not None:
            known = asyncio.run(opened.stop_with_code(code))
        else:
            known = asyncio.run(opened.stop_grant(grant_id or "", why or CLOSED))
    screen.answer({"stopped": True, "hub_knows": known}, *ended(known))
