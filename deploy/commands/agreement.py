# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel agreement`: what a citizen and a professional settle in one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.agreement import Agreed, Conversation
from adapters.consent_words import WHO
from adapters.lines import NotLawfulError
from consent.whose import CAPACITIES, CLIENT, EXPRESS, REPRESENTATIVES, Word
from deploy.commands.agreement_later import due, receipt, strike
from deploy.commands.agreement_shared import agreed_data, ended, say_made, the_rule, typed_birth
from deploy.commands.agreement_talk import talk
from deploy.commands.code import slip_texts
from deploy.commands.consent_file import agreement_export, agreement_import
from deploy.commands.desk import at_desk, at_work
from deploy.dutch import CONSENT_STATES, categories, not_lawful
from deploy.exits import refused
from deploy.given import day_if_given
from deploy.groups import Group
from deploy.options import edge_option
from deploy.screen import Screen, table, with_screen
from schemas.calendar import date_text

_SECTIONS = {
    "With a citizen": ("talk", "make", "show", "receipt", "strike", "end"),
    "Later": ("due",),
    "To and from other systems": ("export", "import"),
}


@click.group(cls=Group, sections=_SECTIONS)
def agreement() -> None:
    """What a citizen agreed to: talk, make, show, receipt, due, strike, end, export, import."""


for _command in (talk, receipt, due, strike, agreement_export, agreement_import):
    agreement.add_command(_command)


@agreement.command()
@click.argument("client")
@click.option("--with", "partners", multiple=True, required=True, help="A partner that may know (name or address).")
@click.option(
    "--until",
    help="Last day, YYYY-MM-DD. Without it: the end of the last whole month that the rule allows, or the day before the age ends it.",
)
@click.option("--born", is_flag=True, help="Ask for the date of birth, or read it from standard input. It stays here.")
@click.option(
    "--adult", is_flag=True, help="Where no date of birth is known: a professional says that CLIENT is an adult."
)
@click.option("--incapable", is_flag=True, help="CLIENT can't oversee what this means, and somebody else decides.")
@click.option(
    "--authority", multiple=True, type=click.Choice(REPRESENTATIVES), help="Who has authority, or decides for CLIENT."
)
@click.option(
    "--given-by",
    multiple=True,
    type=click.Choice(CAPACITIES),
    default=(CLIENT,),
    show_default=True,
    help="Who said yes.",
)
@click.option("--manner", type=click.Choice(EXPRESS), default=EXPRESS[0], show_default=True, help="How it was given.")
@edge_option
@with_screen
def make(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    partners: tuple[str, ...],
    until: str | None,
    born: bool,
    adult: bool,
    incapable: bool,
    authority: tuple[str, ...],
    given_by: tuple[str, ...],
    manner: str,
    config: Path | None,
) -> None:
    """Make the grants that CLIENT agreed to, and print the receipt for the citizen, with a slip for each code."""
    day_of_birth = typed_birth() if born else None  # before the store is taken: a running edge goes on meanwhile
    with at_desk(config) as (opened, settings):
        wanted = Conversation(
            partners,
            day_if_given("--until", until),
            tuple(Word(who, manner=manner) for who in given_by),
            day_of_birth,
            adult,
            not incapable,
            authority,
            parents_too=settings.config.parents_consent_too,
        )
        try:
            made = opened.make_agreement(client, wanted)
        except NotLawfulError as error:
            raise refused(f"Dit kan niet: {not_lawful(map(the_rule, error.faults))}.") from None
        paper = f"{settings.config.name}\n\n{made.receipt}"
        texts = slip_texts(settings, made.slips)
    say_made(screen, made, paper, texts, opened.workplace.rules)


@agreement.command()
@click.argument("client")
@edge_option
@with_screen
def show(screen: Screen, client: str, config: Path | None) -> None:
    """Everything that CLIENT agreed to here, as it stands."""
    with at_desk(config) as (opened, _):
        found = opened.agreements(client)
    screen.answer(agreed_data(found), _table(found))


@agreement.command()
@click.argument("consent")
@edge_option
@with_screen
def end(screen: Screen, consent: str, config: Path | None) -> None:
    """The citizen withdraws CONSENT (its id, as `show` prints it): nothing leaves under it from now on."""
    with at_work(config, stopping=True) as (opened, _):
        known = asyncio.run(opened.end_agreement(consent))
    screen.answer({"consent": consent, "hub_knows": known}, *ended(known))


def _table(found: Sequence[Agreed]) -> RenderableType:
    rows = [
        (
            one.id,
            one.recipient_name,
            categories(one.categories),
            date_text(one.begin),
            date_text(one.end),
            ", ".join(WHO[who] for who in one.by),
            CONSENT_STATES.get(one.state, one.state),
        )
        for one in found
    ]
    columns = ("afspraak", "met", "wat", "van", "tot en met", "ja gezegd", "stand")
    return table("Afspraken", columns, rows)
