# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge code`: the one-time codes by which citizens introduce themselves: print, enter, see which wait."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from adapters import showing
from adapters.code_entry import REFUSED, Entered
from adapters.code_slips import Slip
from deploy.commands.desk import at_desk
from deploy.compose_edge import Settings
from deploy.dutch import categories
from deploy.exits import refused
from deploy.given import partner_address
from deploy.groups import Group
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen
from deploy.viewer import viewer
from schemas.calendar import date_text

_LONGEST_LINE = 256
_NOT_TAKEN = (
    "Deze code is hier niet te gebruiken. Misschien is hij niet goed overgenomen, hier nog niet bekend, verlopen, al gebruikt, "
    "vervangen of voor een andere organisatie, of zijn er vandaag te veel codes geprobeerd. Probeer het de volgende werkdag "
    "nog eens. Vraag de cliënt om een nieuwe als het dan niet lukt."
)
_WAITS = {
    REFUSED: "Hier is vastgelegd dat dit niet verteld mag worden: er wordt niets van getoond, en het wordt gestopt.",
    showing.OBJECTION: "Eerst moet hier over een bezwaar worden beslist: `schakel grant objections`. Tot dan wordt niets getoond.",
    showing.SOURCE: "Eerst moet hier iemand nakijken waarop dit berust: `schakel edge sources`. Tot dan wordt niets getoond.",
}


@click.group(name="code", cls=Group)
def edge_code() -> None:
    """One-time codes: print one for a citizen, enter one, see which wait and which were entered."""


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
@click.option("--as", "person", help="Who enters it, by name. Without it the account of the machine.")
@edge_option
@with_screen
def enter(screen: Screen, client: str, person: str | None, config: Path | None) -> None:
    """Enter the code that a client handed over. It is asked for on the terminal, or read from standard input.

    Who entered a code at which client is recorded, whether it is taken or not (`schakel edge looks CLIENT`).
    """
    typed = _typed()  # before the store is taken: a running edge goes on meanwhile
    with at_desk(config) as (opened, _):
        number = opened.client(client).number
        entered = opened.enter_code(number, typed, viewer(person))
    if entered is None:
        raise refused(_NOT_TAKEN)
    said = (
        f"De code is aangenomen. {entered.sender_name} mag u over cliënt {number} vertellen: "
        f"{categories(entered.categories)}, tot en met {date_text(entered.end)}."
    )
    then = "Het eerste bericht kan vanaf de volgende werkdag komen." if entered.waits is None else _WAITS[entered.waits]
    screen.answer(_entered_data(number, entered), good(said), note(then))


@edge_code.command()
@edge_option
@with_screen
def entered(screen: Screen, config: Path | None) -> None:
    """What codes opened here: which partner may tell about which client, until when. Also before anything was told."""
    with at_desk(config) as (opened, _):
        found = opened.entered_codes()
    rows = [
        (number, one.sender_name, categories(one.categories), date_text(one.end), _WAITS.get(one.waits or "", ""))
        for number, one in found
    ]
    columns = ("cliënt", "verteld door", "wat", "tot en met", "opmerking")
    answer = [_entered_data(number, one) for number, one in found]
    screen.answer(answer, table("Met een code geopend", columns, rows) if rows else plain(_NONE_ENTERED))


def _entered_data(number: str, one: Entered) -> dict[str, object]:
    """What a code opened, for a program."""
    return asdict(one) | {"client": number, "end": date_text(one.end)}


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


_NONE_ENTERED = "Hier is geen code ingevoerd die nog geldt."
ONCE = "Een code ziet u één keer; hij wordt nergens bewaard. Geef elk briefje alleen aan de cliënt. Kwijt: druk een nieuwe af."


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
