# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel grant`: who is told about whom, who may be, and how to stop it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from adapters.by_person import Reliance
from adapters.closing import why_ended
from adapters.declarations import Declared
from adapters.lines import NotLawfulError
from adapters.records_outgoing import ACTIVE
from adapters.refusals import CLOSED, KINDS, REASONS, WORDS, kept_refusals
from consent.precedence import HELD
from deploy.commands.agreement_shared import ended, the_rule
from deploy.commands.audit_find import explain_grant
from deploy.commands.desk import at_desk, at_work
from deploy.commands.objection import (
    decision_on,
    grant_decide_objection,
    grant_except,
    grant_hold,
    grant_inform,
    grant_object,
    grant_objections,
)
from deploy.commands.request import grant_answer, grant_request, grant_requests
from deploy.declaration_options import declaration_options
from deploy.dutch import GRANT_STATES, GROUNDS, NO_ROW, categories, closed_by, not_lawful, untested, who_is_asked
from deploy.exits import refused, wrong_use
from deploy.given import day_if_given, partner_address
from deploy.groups import Group
from deploy.options import edge_option
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text, day_of

_SECTIONS = {
    "Who may be told": ("ways", "make", "list", "stop", "explain"),
    "Refusals": ("object", "hold", "except", "refusals", "lift"),
    "Objections that wait for a decision": ("objections", "decide-objection", "inform"),
    "Ask to be told": ("request", "requests", "answer"),
}


@click.group(cls=Group, sections=_SECTIONS)
def grant() -> None:
    """The grants and refusals of an edge: ways, make, list, stop, object, hold, lift, explain."""


for _one in (grant_request, grant_requests, grant_answer):
    grant.add_command(_one)
for _one in (grant_object, grant_objections, grant_decide_objection, grant_inform, grant_except, grant_hold):
    grant.add_command(_one)
grant.add_command(explain_grant)


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
                    "why": why_ended(opened.store, one),
                },
                one,
            )
            for one in opened.grants(client)
            if everything or one.state == ACTIVE
        ]
        known = opened.workplace.rules.rows
        warned = untested(known[one.row] for _, one in found if one.row in known)
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
            "; ".join(str(part) for part in (GRANT_STATES.get(one.state, one.state), shown["why"]) if part),
        )
        for shown, one in found
    ]
    columns = ("nummer", "cliënt", "voor", "regel", "grond", "wat", "van", "tot en met", "stand")
    shown_table = table("Wie wij mogen inlichten", columns, rows)
    screen.answer([shown for shown, _ in found], shown_table, *([note(warned)] if warned else []))


@grant.command(name="ways")
@click.argument("partner")
@edge_option
@with_screen
def show_ways(screen: Screen, partner: str, config: Path | None) -> None:
    """By which rows this organisation may tell PARTNER (name or address), and who must be asked; about no client."""
    with at_desk(config) as (opened, settings):
        address = partner_address(settings, partner)
        found = opened.ways_to(address)
    rows = [(way.row.id, way.row.law, GROUNDS[way.ground], who_is_asked(way.row, way.ground)) for way in found.open]
    rows += [(row.id, row.law, "-", closed_by(row)) for row in (*found.closed, *found.by_person)]
    answer = {
        "open": [{"row": way.row.id, "law": way.row.law, "ground": way.ground} for way in found.open],
        "closed": [row.id for row in found.closed],
        "by_person": [row.id for row in found.by_person],
    }
    warned = untested(way.row for way in found.open)
    shown = table(f"Wij aan {settings.book.name_of(address)}", ("regel", "wet", "grond", "wie te vragen"), rows)
    screen.answer(answer, shown if rows else note(NO_ROW), *([note(warned)] if warned else []))


@grant.command()
@click.argument("client")
@click.option("--with", "partner", required=True, help="The partner that may know (name or address).")
@click.option("--row", type=int, required=True, help="The rule that it rests on, as `schakel grant ways` shows it.")
@click.option("--source", required=True, help="Where the task or the declaration stands: the number of your own file.")
@click.option("--until", help="Last day, YYYY-MM-DD. Without it: the end of the last whole month that the rule allows.")
@declaration_options
@edge_option
@with_screen
def make(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    partner: str,
    row: int,
    source: str,
    until: str | None,
    declared: Declared | None,
    config: Path | None,
) -> None:
    """Let a partner know about CLIENT on a statutory task, or on a written declaration of no objection (then say whose)."""
    with at_desk(config) as (opened, settings):
        by = None if declared is None else replace(declared, parents_too=settings.config.parents_consent_too)
        on = Reliance(row, source, day_if_given("--until", until), by)
        try:
            made = opened.grant_by_person(client, partner_address(settings, partner), on)
        except NotLawfulError as error:
            raise refused(f"Dit kan niet: {not_lawful(map(the_rule, error.faults))}.") from None
        name = settings.book.name_of(made.recipient)
        warned = untested([opened.workplace.rules.rows[made.row]])
    said = f"Wij mogen {name} inlichten: regel {made.row}, {GROUNDS[made.ground]}, tot en met {date_text(made.end)}."
    waits = note(f"{name} weet nog niet om wie het gaat: druk een code af met `schakel edge code print`.")
    screen.answer(
        {"id": made.id, "row": made.row, "ground": made.ground, "end": date_text(made.end), "by_code": made.by_code},
        good(said),
        *([waits] if made.by_code and not made.introduced else []),
        *([note(warned)] if warned else []),
    )


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
        raise wrong_use("Geef GRANT met --why, of alleen --code.")
    with at_work(config, stopping=True) as (opened, _):
        if code is not None:
            known = asyncio.run(opened.stop_with_code(code))
        else:
            known = asyncio.run(opened.stop_grant(grant_id or "", why or CLOSED))
        goes_on = any(one.id == grant_id and one.state == ACTIVE for one in opened.grants())
    if goes_on:
        said = "Het bezwaar is vastgelegd. Onder deze regel gaat het delen door: zie `schakel grant objections`."
        screen.answer({"stopped": False, "hub_knows": known}, note(said))
        return
    screen.answer({"stopped": True, "hub_knows": known}, *ended(known))


@grant.command()
@click.argument("client")
@click.option("--all", "everything", is_flag=True, help="Also those that were lifted or taken back.")
@edge_option
@with_screen
def refusals(screen: Screen, client: str, everything: bool, config: Path | None) -> None:
    """The objections, withdrawals and holds of CLIENT that stand, and what was decided about them. The hub and the partners do not
    know them.
    """
    with at_desk(config) as (opened, settings):
        kept = kept_refusals(opened.store, opened.client(client).id)
        found = [
            {
                "partner": one.role or "iedereen" if one.recipient is None else settings.book.name_of(one.recipient),
                "row": one.row,
                "direction": "ontvangen" if one.incoming else "vertellen",
                "kind": WORDS[one.kind],
                "since": date_text(day_of(one.since)),
                "decision": decision_on(opened.store, one),
                "lifted": None if one.lifted_at is None else date_text(day_of(one.lifted_at)),
                "lifted_by": one.lifted_by or None,
            }
            for one in kept
            if everything or one.lifted_at is None
        ]
    names = ("partner", "row", "direction", "kind", "since", "decision")
    rows = [(*(one[name] for name in names), _lifted(one["lifted"], one["lifted_by"])) for one in found]
    columns = ("partner", "regel", "richting", "soort", "sinds", "besluit", "opgeheven")
    screen.answer(found, table("Weigeringen", columns, rows))


def _lifted(on: object, by: object) -> str:
    if on is None:
        return ""
    return f"{on} door {by}" if by else str(on)


@grant.command()
@click.argument("client")
@click.option("--by", required=True, help="Who lifts them: the name of a person.")
@click.option("--for", "partner", help="Only for this partner (name or address); without it every refusal.")
@click.option("--incoming", is_flag=True, help="Those against being told, instead of those against telling.")
@click.option("--hold", is_flag=True, help="Holds for safety, and nothing else; without this they stay.")
@edge_option
@with_screen
def lift(  # one option each; click passes them by name
    screen: Screen, client: str, by: str, partner: str | None, incoming: bool, hold: bool, config: Path | None
) -> None:
    """A person lifts refusals of CLIENT, upheld objections too, but not holds, nor objections that wait for a decision. Nothing opens by
    that alone.
    """
    with at_desk(config) as (opened, settings):
        address = None if partner is None else partner_address(settings, partner)
        kinds = (HELD,) if hold else tuple(kind for kind in KINDS if kind != HELD)
        count = opened.lift_refusals(client, address, by, incoming=incoming, kinds=kinds)
    said = "Er is 1 weigering opgeheven." if count == 1 else f"Er zijn {count} weigeringen opgeheven."
    screen.answer(
        {"lifted": count}, good(f"{said} Vanzelf begint er niets.") if count else note("Er is niets opgeheven.")
    )
