# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel agreement`: what a citizen and a professional settle in one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.agreement import Agreed, Conversation
from adapters.lines import NotLawfulError
from deploy.commands.code import ONCE, slip_texts, slips_data
from deploy.commands.consent_file import agreement_export, agreement_import
from deploy.commands.desk import at_desk, at_work
from deploy.dutch import CONSENT_STATES, categories, not_lawful
from deploy.exits import refused, wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen
from schemas.calendar import date_text, parse_date
from schemas.registry import Fault

GIVEN_BY = ("client", "parents", "representative")  # the words of the consent record
MANNERS = ("in-person", "in-writing", "by-telephone")


@click.group()
def agreement() -> None:
    """What a citizen agreed to: make, show, end, export, import."""


agreement.add_command(agreement_export)
agreement.add_command(agreement_import)


@agreement.command()
@click.argument("client")
@click.option("--with", "partners", multiple=True, required=True, help="A partner that may know (name or address).")
@click.option("--until", help="Last day, YYYY-MM-DD. Without it: the longest that the rule allows.")
@click.option("--given-by", type=click.Choice(GIVEN_BY), default="client", show_default=True, help="Who agreed.")
@click.option("--manner", type=click.Choice(MANNERS), default="in-person", show_default=True, help="How it was given.")
@edge_option
@with_screen
def make(  # one option each; click passes them by name
    screen: Screen,
    client: str,
    partners: tuple[str, ...],
    until: str | None,
    given_by: str,
    manner: str,
    config: Path | None,
) -> None:
    """Make the grants that CLIENT agreed to, and print the receipt for the citizen, with a slip for each code."""
    talk = Conversation(partners, None if until is None else the_day(until), given_by, manner)
    with at_desk(config) as (opened, settings):
        try:
            made = opened.make_agreement(client, talk)
        except NotLawfulError as error:
            raise refused(f"Dit kan niet: {not_lawful(map(the_rule, error.faults))}.") from None
        receipt = f"{settings.config.name}\n\n{made.receipt}"
        texts = slip_texts(settings, made.slips)
    stop = [note("The stop code is for the citizen alone. The next pass of `schakel edge work` tells the hub.")]
    screen.answer(
        {
            "made": _data(made.made),
            "to_be_asked": list(made.asked),
            "receipt": receipt,
            "codes": slips_data(made.slips),
        },
        plain(receipt),
        *(plain(text) for text in texts),
        *(stop if made.made else []),
        *([note(ONCE)] if texts else []),
    )


@agreement.command()
@click.argument("client")
@edge_option
@with_screen
def show(screen: Screen, client: str, config: Path | None) -> None:
    """Everything that CLIENT agreed to here, as it stands."""
    with at_desk(config) as (opened, _):
        found = opened.agreements(client)
    screen.answer(_data(found), _table(found))


@agreement.command()
@click.argument("consent")
@edge_option
@with_screen
def end(screen: Screen, consent: str, config: Path | None) -> None:
    """The citizen withdraws CONSENT (its id, as `show` prints it): nothing leaves under it from now on."""
    with at_work(config, stopping=True) as (opened, _):
        known = asyncio.run(opened.end_agreement(consent))
    screen.answer({"consent": consent, "hub_knows": known}, *ended(known))


def ended(known: bool) -> list[RenderableType]:
    """What to say when something was stopped."""
    if known:
        return [good("Stopped, here and at the hub. What waited there will not be handed over.")]
    return [note("Stopped here: nothing leaves any more. The hub will know at the next pass that reaches it.")]


def the_rule(fault: Fault) -> str:
    """Place and rule of a fault, as `deploy.dutch` knows it."""
    return f"{fault.path} {fault.keyword}"


def the_day(text: str) -> int:
    """The day of --until."""
    try:
        return parse_date(text)
    except ValueError:
        raise wrong_use("--until is a date that exists, YYYY-MM-DD.") from None


def _data(found: Sequence[Agreed]) -> list[dict[str, object]]:
    return [asdict(one) | {"begin": date_text(one.begin), "end": date_text(one.end)} for one in found]


def _table(found: Sequence[Agreed]) -> RenderableType:
    rows = [
        (
            one.id,
            one.recipient_name,
            categories(one.categories),
            date_text(one.begin),
            date_text(one.end),
            CONSENT_STATES.get(one.state, one.state),
        )
        for one in found
    ]
    return table("Afspraken", ("afspraak", "met", "wat", "van", "tot en met", "stand"), rows)
