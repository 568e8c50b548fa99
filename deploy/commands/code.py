# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge code`: the one-time codes by which citizens introduce themselves: print, enter, see which wait."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from adapters.code_slips import Slip
from deploy.commands.desk import at_desk
from deploy.compose_edge import Settings
from deploy.dutch import categories
from deploy.exits import refused
from deploy.given import partner_address
from deploy.groups import Group
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen
from schemas.calendar import date_text

_LONGEST_LINE = 256
_NOT_TAKEN = (
    "Deze code is hier niet te gebruiken. Misschien is hij niet goed overgenomen, hier nog niet bekend, verlopen, al gebruikt, "
    "vervangen of voor een andere organisatie, of zijn er vandaag te veel codes geprobeerd. Probeer het de volgende werkdag "
    "nog eens. Vraag de cliënt om een nieuwe als het dan niet lukt"
)


@click.group(name="code", cls=Group)
def edge_code() -> None:
    """One-time codes: print one for a citizen, enter one, see which wait."""


@edge_code.command(name="print")
@click.argument("client")
@click.option(
    "--for", "partner", required=True, help="The partner that the citizen takes the code to (name or address)."
)
@click.option(
    "--again", is_flag=True, help="Also when that partner knows the client: it was typed at another one there."
)
@edge_option
@with_screen
def print_code(screen: Screen, client: str, partner: str, again: bool, config: Path | None) -> None:
    """Print a new code for CLIENT; the one before is void. Nothing is told to the partner before it was typed there."""
    with at_desk(config) as (opened, settings):
        slips = opened.print_codes(client, partner_address(settings, partner), again=again)
    screen.answer(slips_data(slips), *(plain(text) for text in slip_texts(settings, slips)), note(ONCE))


@edge_code.command()
@click.option("--client", required=True, help="The own client that handed the code over (own client number).")
@edge_option
@with_screen
def enter(screen: Screen, client: str, config: Path | None) -> None:
    """Enter the code that a client handed over. It is asked for on the terminal, or read from standard input."""
    typed = _typed()  # before the store is taken: a running edge goes on meanwhile
    with at_desk(config) as (opened, _):
        number = opened.client(client).number
        entered = opened.enter_code(number, typed)
    if entered is None:
        raise refused(_NOT_TAKEN)
    until = date_text(entered.end)
    said = f"{entered.sender_name} mag u over cliënt {number} vertellen: {categories(entered.categories)}, tot en met {until}."
    answer = asdict(entered) | {"client": number, "end": until}
    screen.answer(
        answer, good(f"De code is aangenomen. {said}"), note("Het eerste bericht kan vanaf de volgende werkdag komen.")
    )


@edge_code.command()
@edge_option
@with_screen
def waiting(screen: Screen, config: Path | None) -> None:
    """For whom nothing is told yet, since the partner does not know whom it is about: no code was typed there."""
    with at_desk(config) as (opened, _):
        found = opened.waiting_codes()
    rows = [(one.client, one.recipient, "" if one.until is None else date_text(one.until), one.state) for one in found]
    answer = [asdict(one) | {"until": None if one.until is None else date_text(one.until)} for one in found]
    screen.answer(answer, table("Wacht op een code", ("cliënt", "voor", "geldig tot en met", "stand"), rows))


ONCE = "A code is shown once and kept nowhere. Give each slip to the citizen alone; a lost one is printed anew."


def slip_texts(settings: Settings, slips: Sequence[Slip]) -> list[str]:
    """The slips as they are printed, each under the name of this organisation."""
    return [f"{settings.config.name}\n\n{one.text}" for one in slips]


def slips_data(slips: Sequence[Slip]) -> list[dict[str, object]]:
    """The slips for a program."""
    return [asdict(one) | {"until": date_text(one.until)} for one in slips]


def _typed() -> str:
    """What somebody types: never among the arguments, which every user of the machine can see."""
    if sys.stdin.isatty():
        return str(click.prompt("Code", err=True))
    return sys.stdin.readline(_LONGEST_LINE)
