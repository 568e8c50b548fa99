# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub clock`: whether the hub believes its clock, and the word of a person that it is right."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.exits import wrong_use
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.config import load_hub_config
from hub.control_socket import Values


@click.command(name="clock")
@click.option("--confirm", is_flag=True, help="Say that the clock of this machine is right. Look at another one first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_clock(screen: Screen, confirm: bool, yes: bool, config: Path | None) -> None:
    """Whether the hub believes its clock. While it is in doubt nothing is decided: no sending and no pick-up.

    A clock that is more than two minutes off what it should be is in doubt. Forward, it is confirmed by the requests of
    the partners; backward, or where they are too few, set it right, or confirm it here.
    """
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        told = office("clock", {})
        if confirm and told["jump_seconds"]:
            asks = f"The clock shows {_time(told['clock'])}. Have you looked at another clock, and is that right?"
            if not yes and (screen.as_json or not click.confirm(asks)):
                raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
            told = office("confirm-clock", {})
    screen.answer(told, table("Clock", ("what", "value"), rows(told)))
    if told["jump_seconds"]:
        screen.say(bad("IN DOUBT: nothing is decided. Edges keep what they have and try again by themselves."))
        screen.say(plain(_remedy(told)))
    else:
        screen.say(good("The hub believes its clock."))
    if told["moved_seconds"]:
        screen.say(note("MOVED: clock_file moves this clock, for a test or a drill."))


def rows(told: Values) -> list[tuple[str, str]]:
    """What a person is shown of the clock."""
    jump, needed = told["jump_seconds"], told["needed"]
    found = [("clock of this machine", _time(told["clock"])), ("time that the hub goes by", _time(told["time"]))]
    if jump:
        found += [
            ("off what it should be", f"{abs(jump)} s {'ahead, or the hub was off so long' if jump > 0 else 'behind'}"),
            ("organisations that agree with it", f"{told['agree']}, needed: {needed or 'a person'}"),
            ("organisations that do not", str(told["differ"])),
        ]
    if told["moved_seconds"]:
        found.append(("moved by clock_file", f"{told['moved_seconds']} s"))
    return found


def _remedy(told: Values) -> str:
    person = "Compare with another clock. Is this one wrong, set it right; is it right, `schakel hub clock --confirm`."
    if told["jump_seconds"] < 0 or told["needed"] is None:
        return person
    return f"Requests of partners confirm it within minutes, when it is right. Does that last: {person}"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
