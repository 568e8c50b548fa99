# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel grant`: who is told about whom, and how to stop it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from adapters.records import ACTIVE
from adapters.refusals import CLOSED, REASONS, WORDS
from deploy.commands.agreement import ended
from deploy.commands.desk import at_desk, at_work
from deploy.commands.edge import partner_address
from deploy.dutch import GRANT_STATES, GROUNDS, categories
from deploy.exits import wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, table, with_screen
from schemas.calendar import date_text, day_of


@click.group()
def grant() -> None:
    """The grants and refusals of an edge: list, stop, lift."""


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


@grant.command()
@click.argument("client")
@edge_option
@with_screen
def refusals(screen: Screen, client: str, config: Path | None) -> None:
    """The objections, withdrawals and holds of CLIENT that stand. The hub and the partners do not know them."""
    with at_desk(config) as (opened, settings):
        found = [
            {
                "partner": "iedereen" if one.recipient is None else settings.book.name_of(one.recipient),
                "direction": "ontvangen" if one.incoming else "vertellen",
                "kind": WORDS[one.kind],
                "since": date_text(day_of(one.since)),
            }
            for one in opened.refusals(client)
        ]
    rows = [(one["partner"], one["direction"], one["kind"], one["since"]) for one in found]
    screen.answer(found, table("Weigeringen", ("partner", "richting", "soort", "sinds"), rows))


@grant.command()
@click.argument("client")
@click.option("--for", "partner", help="Only for this partner (name or address); without it every refusal.")
@click.option("--incoming", is_flag=True, help="Those against being told, instead of those against telling.")
@edge_option
@with_screen
def lift(screen: Screen, client: str, partner: str | None, incoming: bool, config: Path | None) -> None:
    """A person lifts refusals of CLIENT. Nothing opens by that alone: make an agreement or a grant anew."""
    with at_desk(config) as (opened, settings):
        address = None if partner is None else partner_address(settings, partner)
        count = opened.lift_refusals(client, address, incoming=incoming)
    screen.answer({"lifted": count}, good(f"{count} refusal(s) lifted."))
