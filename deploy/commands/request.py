# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel grant request`, `requests` and `answer`: asking a partner to be told, and answering one that asks."""

from __future__ import annotations

from pathlib import Path

import click

from adapters.lines import NotLawfulError
from adapters.records_outgoing import CLIENTS
from adapters.requests import OPEN_DAYS, ask, asked, say_no, say_yes, waiting
from deploy.commands.agreement_shared import the_rule
from deploy.commands.desk import at_desk
from deploy.dutch import GROUNDS, not_lawful
from deploy.exits import refused, wrong_use
from deploy.given import day_if_given, partner_address
from deploy.options import edge_option
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text


@click.command(name="request")
@click.argument("client")
@click.option("--from", "partner", required=True, help="The partner that should tell (name or address).")
@click.option("--row", type=int, required=True, help="The rule under which it may.")
@edge_option
@with_screen
def grant_request(screen: Screen, client: str, partner: str, row: int, config: Path | None) -> None:
    """Ask a partner that we tell about CLIENT to tell us too. Yes is that it begins; no, or nobody there, has no answer."""
    with at_desk(config) as (opened, settings):
        with opened.workplace.commit("request") as tx:
            made = ask(tx, opened.workplace, opened.client(client), partner_address(settings, partner), row)
        # A crash before this commit: nothing was asked. After it: the request waits in the outbox.
        name = settings.book.name_of(made.partner)
    said = (
        f"Gevraagd aan {name}, regel {row}. Een medewerker daar beslist. Geen bericht binnen {OPEN_DAYS} dagen is nee."
    )
    screen.answer({"item": made.item, "partner": made.partner, "row": row}, good(said))


@click.command(name="requests")
@edge_option
@with_screen
def grant_requests(screen: Screen, config: Path | None) -> None:
    """What partners ask to be told and waits for a person here, and what was asked of them."""
    with at_desk(config) as (opened, settings):
        numbers = {one.id: one.number for one in CLIENTS.scan(opened.store)}
        here = [
            {
                "number": one.number,
                "client": one.client.number,
                "partner": settings.book.name_of(one.partner),
                "row": one.row.id,
                "ground": ", ".join(GROUNDS[ground] for ground in one.row.grounds),
                "came_on": date_text(one.came_on),
            }
            for one in waiting(opened.store, opened.workplace)
        ]
        ours = [
            {
                "client": numbers[one.client],
                "partner": settings.book.name_of(one.partner),
                "row": one.row,
                "asked_on": date_text(one.on),
            }
            for one in asked(opened.store)
        ]
    columns = ("nummer", "cliënt", "wie vraagt", "regel", "grond", "sinds")
    parts = [table("Verzoeken om verteld te worden", columns, [tuple(one.values()) for one in here])]
    if ours:
        parts.append(table("Zelf gevraagd", ("cliënt", "aan", "regel", "op"), [tuple(one.values()) for one in ours]))
    screen.answer({"waiting": here, "asked": ours}, *parts)


@click.command(name="answer")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="The partner may be told.")
@click.option("--no", "not_so", is_flag=True, help="It may not, and hears nothing.")
@click.option("--by", required=True, help="Who answers: the name of a person.")
@click.option("--source", help="With --yes: where the task or the declaration stands, the number of your own file.")
@click.option(
    "--until",
    help="With --yes: last day, YYYY-MM-DD. Without it: the end of the last whole month that the rule allows.",
)
@edge_option
@with_screen
def grant_answer(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    number: int,
    yes: bool,
    not_so: bool,
    by: str,
    source: str | None,
    until: str | None,
    config: Path | None,
) -> None:
    """Answer request NUMBER. Yes makes a grant as `schakel grant make` does; what rests on consent takes an agreement."""
    if yes is not_so or yes != (source is not None) or (until is not None and not yes):
        raise wrong_use("Geef --yes met --source, of --no.")
    day = day_if_given("--until", until)
    with at_desk(config) as (opened, settings):
        if source is None:
            with opened.workplace.commit("request answered") as tx:
                say_no(tx, opened.workplace, number, by)
            # A crash before this commit: the request still waits.
            screen.answer({"answer": "no"}, good("Nee. De partner hoort daar niets van."))
            return
        try:
            with opened.workplace.commit("request answered") as tx:
                made = say_yes(tx, opened.workplace, number, by, (source, day))
            # A crash before this commit: the request still waits; after it: the introduction waits in the outbox.
        except NotLawfulError as error:
            raise refused(f"Dit kan niet: {not_lawful(map(the_rule, error.faults))}.") from None
        name = settings.book.name_of(made.recipient)
    parts = [good(f"Ja. Wij mogen {name} inlichten tot en met {date_text(made.end)}.")]
    if made.by_code and not made.introduced:
        parts.append(note(f"{name} weet nog niet om wie het gaat: druk een code af met `schakel edge code print`."))
    screen.answer({"answer": "yes", "id": made.id, "end": date_text(made.end), "by_code": made.by_code}, *parts)
