# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What comes after an agreement: the receipt as it stands, what ends soon, and one partner struck out."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import click

from adapters.agreement import receipt_now
from adapters.consent_receipt import as_text
from adapters.consent_words import MONTH_AHEAD, WHO
from adapters.consent_words import due as soon_due
from adapters.conversation import AUTHORITY, CAPABLE
from adapters.renewals import Proposal, as_file, as_typed, propose
from deploy.commands.agreement_shared import ended, write_papers
from deploy.commands.desk import at_desk, at_work
from deploy.exits import refused, wrong_use
from deploy.given import partner_address
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen
from schemas.calendar import date_text

_FILE = click.Path(path_type=Path, dir_okay=False)
_REPRESENTATIVE = "wie er dan voor de cliënt beslist"


@click.command()
@click.argument("client")
@click.option("--html", type=_FILE, help="Write the receipt as one HTML page to this new file.")
@click.option("--pdf", type=_FILE, help="Write the receipt as PDF to this new file.")
@edge_option
@with_screen
def receipt(screen: Screen, client: str, html: Path | None, pdf: Path | None, config: Path | None) -> None:
    """The receipt for the citizen as it stands: what was agreed, what partners have had, how to stop."""
    with at_desk(config) as (opened, settings):
        paper = receipt_now(opened.store, opened.workplace, settings.book, opened.client(client))
    written = write_papers(paper, settings.config.name, html, pdf)
    text = f"{settings.config.name}\n\n{as_text(paper)}"
    screen.answer(
        {"receipt": text, "written": written},
        plain(text),
        *(good(f"Geschreven als {kind.upper()}.") for kind in written),
    )


@click.command()
@click.option("--days", type=click.IntRange(1, 400), default=MONTH_AHEAD, show_default=True, help="How far ahead.")
@edge_option
@with_screen
def due(screen: Screen, days: int, config: Path | None) -> None:
    """Which consents end soon, by their term or by a birthday, and which a birthday has ended.

    With whom to ask, and a proposal for each client: the conversation to have, with what was answered last time but for who says
    yes.
    """
    with at_desk(config) as (opened, settings):
        found = soon_due(opened.store, opened.workplace, days)
        names = {one.recipient: settings.book.name_of(one.recipient) for one in found}
        numbers = dict.fromkeys(one.client for one in found)
        proposals = {
            number: propose(
                opened.store, opened.workplace, opened.client(number), [one for one in found if one.client == number]
            )
            for number in numbers
        }
    data = [
        {
            "client": one.client,
            "consent": one.consent,
            "partner": names[one.recipient],
            "row": one.row,
            "on": date_text(one.on),
            "why": "age" if one.by_age else "term",
            "ask": list(one.ask),
            "stopped": one.stopped,
            "proposal": {
                "command": _talk(one.client),
                "from": date_text(proposals[one.client].since),
                "answers": as_file(
                    proposals[one.client].answers, [names[partner] for partner in proposals[one.client].partners]
                ),
            },
        }
        for one in found
    ]
    rows = [
        (
            one.client,
            names[one.recipient],
            date_text(one.on),
            "leeftijd" if one.by_age else "einde van de afspraak",
            ", ".join(WHO.get(who, _REPRESENTATIVE) for who in one.ask),
            "gestopt" if one.stopped else "loopt",
        )
        for one in found
    ]
    columns = ("cliënt", "met", "stopt op", "waarom", "dan te vragen", "stand")
    if not rows:
        screen.answer(data, good("Niets loopt binnenkort af."))
        return
    screen.answer(
        data,
        table("Opnieuw te bespreken", columns, rows),
        table(
            "Voorstel",
            ("cliënt", "vanaf", "gesprek", "met", "vorige keer gezegd"),
            [
                (
                    number,
                    date_text(one.since),
                    _talk(number),
                    ", ".join(names[partner] for partner in one.partners),
                    _said(one),
                )
                for number, one in proposals.items()
            ],
        ),
        note(
            "Een voorstel maakt niets: wie ja zegt, vraagt u opnieuw. Vóór een verjaardag kan niemand ja zeggen voor erna."
        ),
    )


def _talk(number: str) -> str:
    return f"schakel agreement talk {shlex.quote(number)} --renew"


def _said(one: Proposal) -> str:
    """What was answered last time, in the words of the conversation."""
    capable, authority = as_typed(one.answers, CAPABLE), as_typed(one.answers, AUTHORITY)
    parts = [f"overziet het zelf: {capable}"] if capable else []
    return (
        "; ".join([*parts, *([f"gezag of beslist: {authority.replace(';', ' en')}"] if authority else [])]) or "niets"
    )


@click.command()
@click.argument("client")
@click.option("--for", "partner", help="The partner that may not know any more (name or address).")
@click.option("--all", "everyone", is_flag=True, help="All partners: the whole agreement.")
@edge_option
@with_screen
def strike(screen: Screen, client: str, partner: str | None, everyone: bool, config: Path | None) -> None:
    """CLIENT strikes one partner out of the agreement, or all: nothing is told to it from now on. The rest goes on."""
    if (partner is None) is not everyone:
        raise wrong_use("Geef --for PARTNER of --all, en niet allebei.")
    with at_work(config) as (opened, settings):
        address = None if partner is None else partner_address(settings, partner)
        there = [one for one in opened.agreements(client) if one.state in ("given", "ended", "elsewhere")]
        found = [one for one in there if address in (None, one.recipient)]
        if not found:
            raise refused("Er is geen afspraak om te schrappen.")
        known = True
        for one in found:
            known = asyncio.run(opened.end_agreement(one.id)) and known
    names = list(dict.fromkeys(one.recipient_name for one in found))
    screen.answer(
        {"struck": names, "consents": [one.id for one in found], "hub_knows": known},
        *(note(f"Geschrapt: {name}.") for name in names),
        *ended(known),
    )
