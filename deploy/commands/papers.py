# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The papers for the privacy officer, from the settings as they are: `schakel hub dpia` and those beside it.

None holds anything of a citizen: partners, rules and terms are all that goes in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from adapters.config import EdgeConfig
from consent.fg.paper import picture
from consent.fg.papers import (
    Facts,
    dpia,
    privacy_statement,
    processor_agreement,
    register_of_controller,
    register_of_processor,
    roles_and_flows,
)
from consent.fg.rows import Party, in_use
from consent.rules import national
from deploy.clock import MachineClock
from deploy.compose_edge import Settings, load_settings
from deploy.exits import failed
from deploy.office import open_office
from deploy.options import EDGE_FILE, HUB_FILE, edge_option, hub_option, settings_file
from deploy.published import measured, residual_risks
from deploy.screen import Screen, good, note, with_screen
from hub.config import HubConfig, load_hub_config
from hub.registry import REMOVED
from schemas.calendar import date_text, day_of

Paper = Callable[[Facts], str]
_out = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write (Markdown). Never overwritten.",
)
_NEXT = "Laat uw jurist of FG dit lezen. Wat nog in te vullen is, staat er vet."


@click.command(name="dpia")
@_out
@hub_option
@with_screen
def hub_dpia(screen: Screen, out: Path, config: Path | None) -> None:
    """Write the input for a DPIA: partners, rules in use, unread cells, terms, measured linkability, residual risks."""
    _write(screen, out, dpia, _of_hub(config))


@click.command(name="register-lines")
@_out
@hub_option
@with_screen
def hub_register(screen: Screen, out: Path, config: Path | None) -> None:
    """Write the lines of the operator's register as a processor: article 30(2) of the AVG."""
    _write(screen, out, register_of_processor, _of_hub(config))


@click.command(name="processor-agreement")
@_out
@hub_option
@with_screen
def hub_agreement(screen: Screen, out: Path, config: Path | None) -> None:
    """Write a model of the processor agreement, with the names of this hub filled in."""
    _write(screen, out, processor_agreement, _of_hub(config))


@click.command(name="roles")
@_out
@hub_option
@with_screen
def hub_roles(screen: Screen, out: Path, config: Path | None) -> None:
    """Write who is who for the AVG and which data go where, with its picture (stromen.svg) beside it."""
    beside = out.with_name("stromen.svg")
    _need_new(beside)
    _write(screen, out, roles_and_flows, _of_hub(config))
    # A crash here: the text is there without its picture, which the same command in another folder makes.
    beside.write_text(picture(), encoding="utf-8")


@click.command(name="register-lines")
@_out
@edge_option
@with_screen
def edge_register(screen: Screen, out: Path, config: Path | None) -> None:
    """Write the lines of this organisation's register as a controller, one per rule it takes part in: article 30(1) of the AVG."""
    _write(screen, out, register_of_controller, _of_edge(config))


@click.command(name="privacy-statement")
@_out
@edge_option
@with_screen
def edge_privacy(screen: Screen, out: Path, config: Path | None) -> None:
    """Write a model of what this organisation tells citizens about it, with its names filled in."""
    _write(screen, out, privacy_statement, _of_edge(config))


def _write(screen: Screen, out: Path, paper: Paper, facts: Facts) -> None:
    _need_new(out)
    out.write_text(paper(facts), encoding="utf-8")
    data = {"out": str(out), "partners": len(facts.parties), "rows": [one.row.id for one in facts.used]}
    screen.answer(data, good(f"{out} is geschreven."), note(_NEXT))


def _need_new(file: Path) -> None:
    if file.exists():
        raise failed(f"{file.name} bestaat al en wordt niet overschreven: er kan iemand in gewerkt hebben.")


def _of_hub(config: Path | None) -> Facts:
    settings = load_hub_config(settings_file(config, HUB_FILE))
    with open_office(settings) as office:
        told = office("partners", {})["partners"]
    parties = tuple(Party(one["address"], state=one["state"]) for one in told)
    return hub_facts(settings, parties, date_text(day_of(MachineClock(settings.clock_file)())))


def hub_facts(settings: HubConfig, parties: tuple[Party, ...], day: str) -> Facts:
    """What the papers of a hub are made from."""
    table = national(settings.test_mode)
    present = [one for one in parties if one.state != REMOVED]
    return Facts(
        day=day,
        name=settings.name,
        owner=settings.operator,
        fg_contact=settings.fg_contact,
        parties=parties,
        used=tuple(in_use(national(test_mode=True), present, working=set(table.rows))),
        table_version=table.version,
        table_hash=table.hash.hex(),
        strict=settings.strict,
        test_mode=settings.test_mode,
        controllers=settings.controllers,
        owner_oin=settings.operator_oin,
        owner_dpia=settings.operator_dpia,
        measured=measured(),
        risks=residual_risks(),
    )


def _of_edge(config: Path | None) -> Facts:
    settings = load_settings(settings_file(config, EDGE_FILE))
    return edge_facts(settings, date_text(day_of(MachineClock(settings.config.clock_file)())))


def edge_facts(settings: Settings, day: str) -> Facts:
    """What the papers of a partner are made from."""
    own: EdgeConfig = settings.config
    table = national(own.test_mode)
    others = tuple(Party(one.address, one.name) for one in settings.book.partners if one.address != own.address)
    everyone = [Party(own.address, own.name), *others]
    return Facts(
        day=day,
        name=own.name,
        owner=own.name,
        fg_contact=own.fg_contact,
        parties=others,
        used=tuple(in_use(national(test_mode=True), everyone, working=set(table.rows), of=own.address)),
        table_version=table.version,
        table_hash=table.hash.hex(),
        strict=own.strict,
        test_mode=own.test_mode,
        address=own.address,
        spread_days=own.spread_days,
    )
