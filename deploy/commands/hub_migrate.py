# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub migrate`: the store of a hub moves to PostgreSQL, to another database, or back to a file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deploy.compose import open_hub
from deploy.exits import failed, wrong_use
from deploy.move import TO_FILE, move_store, wanted, write_settings
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, plain, with_screen
from hub.config import HubConfig, load_hub_config
from hub.control_socket import asked, is_served
from hub.moving import MovedAwayError

BACK_SECONDS = 60.0
_ASKS = (
    "Move the store now? Until it is done the hub answers everybody that they must try later; nothing that was taken is "
    "lost. Stop the other gateways and the workers of a store in a database first."
)


@click.command(name="migrate")
@click.option("--to", required=True, metavar="DSN", help="The PostgreSQL database, as in hub.toml; or: file.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_migrate(screen: Screen, to: str, yes: bool, config: Path | None) -> None:
    """Move the store to a PostgreSQL database, from there to another, or back to a file; the hub may run. Log, keys and
    handles stay the same."""
    file = settings_file(config, HUB_FILE)
    settings = load_hub_config(file)
    after = wanted(settings, to)
    if not yes and (screen.as_json or not click.confirm(_ASKS)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    began = time.monotonic()
    if is_served(settings.data_folder):
        with asked(settings.data_folder, "migrate", {"to": to, "file": str(file.absolute())}, None) as answer:
            pass
        runs = _is_back(after)
    else:
        answer, runs = _moved_here(settings, after, to, file), None
    pause = round(time.monotonic() - began, 2)
    shown = {**answer, "pause_seconds": pause}
    if "rows" not in answer:
        screen.answer(shown, good("The store had been moved already; the settings name it now."))
        return
    screen.answer(
        shown,
        good(f"The store is moved: {answer['rows']} rows, a log of {answer['entries']} entries, in {pause} seconds."),
        plain(f"From {answer['from']}\nto   {answer['to']}"),
        *_then(settings, to, runs),
        *(
            [note(f"The keys of {answer['lost_keys']} waiting payloads were lost before; their senders are told.")]
            if answer["lost_keys"]
            else []
        ),
        note(_of_the_old(settings, to)),
    )


def _of_the_old(before: HubConfig, to: str) -> str:
    if before.dsn is None or to == TO_FILE:
        return (
            "The old store is read only, and its payloads can't be read. Remove it: what is erased later stays in it."
        )
    return (
        "The old database is read only. Remove it: its payloads open with day.keys until the keys of their days go, after "
        "eight days, and what is erased later stays in it."
    )


def _then(before: HubConfig, to: str, runs: bool | None) -> list[Any]:
    if runs is False:
        return [bad("The hub that ran has not come back: look at its log, and start it.")]
    told = [plain("The hub works on the new store.") if runs else plain("Next: start the hub.")]
    if before.dsn is not None and to != TO_FILE:
        told.append(
            note("Name the new database as dsn on every other machine of this hub, and start them, and the workers.")
        )
    elif to == TO_FILE:
        told.append(note("Remove day.keys from the other machines of this hub: the one here is empty now."))
    else:
        told.append(note("day.keys goes in no backup; every other machine of this hub needs a copy of it."))
    return told


def _moved_here(settings: HubConfig, after: HubConfig, to: str, file: Path) -> Mapping[str, Any]:
    try:
        with open_hub(settings, traffic=False) as hub:
            return move_store(hub, to, file)
    except MovedAwayError as error:
        # Somebody was killed between the decision and the settings: the new store says by itself whether it is whole.
        try:
            with open_hub(after, traffic=False):
                pass
        except MovedAwayError:
            raise failed(str(error)) from None
        write_settings(file, after)
        return {"to": str(error.mark.elsewhere)}


def _is_back(after: HubConfig) -> bool:
    end = time.monotonic() + BACK_SECONDS
    while time.monotonic() < end:
        if is_served(after.data_folder):
            return True
        time.sleep(0.05)
    return False
