# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub trace` and `schakel edge trace`: what became of one message."""

from __future__ import annotations

import os
import re
from dataclasses import asdict
from pathlib import Path

import click

from deploy.compose_edge import NoHub, load_settings, open_edge, store_key
from deploy.exits import failed, wrong_use
from deploy.lending import on_loan
from deploy.office import open_office
from deploy.options import EDGE_FILE, HUB_FILE, edge_option, hub_option, settings_file
from deploy.screen import Screen, plain, table, with_screen
from deploy.trace_edge import trace_edge, trace_number
from hub.config import load_hub_config

_ID = re.compile(r"[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"[0-9]{1,15}")


@click.command(name="trace")
@click.argument("message", metavar="ID")
@hub_option
@with_screen
def hub_trace(screen: Screen, message: str, config: Path | None) -> None:
    """What happened to the message ID (32 hexadecimals), where it is now, why, and what to do."""
    if not _ID.fullmatch(message):
        raise wrong_use("The id of a message is 32 hexadecimals; the sender's `schakel edge trace NUMBER` shows it.")
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        found = office("trace", {"id": message.lower()})["trace"]
    if found is None:
        raise failed(
            "The hub knows nothing of this id. Either it never came here, or it was refused at the first checks (which "
            "keep nothing), or its outcome is older than 30 days and was forgotten. Ask the sender to run "
            "`schakel edge trace` with it."
        )
    rows = [(step["day"], step["what"]) for step in found["steps"]]
    screen.answer(
        found,
        table(f"Message {found['id']}", ("day", "what happened"), rows),
        plain(f"Now: {found['where']}"),
        plain(f"Why: {found['why']}"),
        plain(f"To do: {found['remedy']}"),
    )


@click.command(name="trace")
@click.argument("message", metavar="ID")
@edge_option
@with_screen
def edge_trace(screen: Screen, message: str, config: Path | None) -> None:
    """What happened to a message, where it is now, why, and what to do.

    ID is the id of the message (32 hexadecimals), sent or received, or its number in the outbox.
    """
    is_id = _ID.fullmatch(message)
    if not is_id and not _NUMBER.fullmatch(message):
        raise wrong_use("Geef het nummer in de outbox, of de id van een bericht: 32 hexadecimale tekens.")
    settings = load_settings(settings_file(config, EDGE_FILE))
    key = store_key(settings.config, os.environ)
    with on_loan(settings.config.data_folder, lambda: open_edge(settings, NoHub(), key)) as opened:
        found = trace_edge(opened, bytes.fromhex(message)) if is_id else trace_number(opened, int(message))
    if found is None:
        raise failed(
            "Dit nummer of deze id is hier niet bekend. Het is nooit door deze edge gegaan, of de bewaartermijn is "
            "voorbij. De nummers die er zijn staan in `schakel edge outbox` en `schakel edge told`."
        )
    rows = [(step.day, step.what) for step in found.steps]
    screen.answer(
        asdict(found),
        table(f"Bericht {found.id or message}", ("datum", "wat er gebeurde"), rows),
        plain(f"Nu: {found.where}"),
        plain(f"Waarom: {found.why}"),
        plain(f"Wat te doen: {found.remedy}"),
    )
