# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge letters`: the letters in free text that came in and that only a person can read."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.compose_edge import load_settings
from deploy.exits import wrong_use
from deploy.options import EDGE_FILE, edge_option, settings_file
from deploy.put_aside import Letter, put_aside, shown
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text, day_of

_SHORT = 12  # signs of a name that tell files apart


@click.command(name="letters")
@click.argument("name", required=False)
@click.option(
    "--done", is_flag=True, help="It was read, and what matters of it is in the own file: it is removed here."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@edge_option
@with_screen
def edge_letters(screen: Screen, name: str | None, done: bool, yes: bool, config: Path | None) -> None:
    """Letters that wait for a person; with NAME (or how it begins) what that one says.

    A letter is free text: nothing of it goes to anyone by itself. It waits in the folder quarantine until somebody says
    --done; what others may know of it is told by hand, or by the own system.
    """
    waiting = put_aside(load_settings(settings_file(config, EDGE_FILE)).config.quarantine_folder).letters
    if name is None:
        if done:
            raise wrong_use("Noem de brief die is gelezen: `schakel edge letters NAAM --done`.")
        _list(screen, waiting)
        return
    chosen = [one for one in waiting if one.name.startswith(name)]
    if len(chosen) != 1:
        many = "Meer dan één brief begint zo" if chosen else "Zo begint geen brief die wacht"
        raise wrong_use(f"{many}; `schakel edge letters` laat ze zien.")
    if done:
        _remove(screen, chosen[0], yes=yes)
        return
    lines = list(shown(chosen[0].file.read_bytes()))
    answer = table(f"Brief {chosen[0].name[:_SHORT]}", ("", "wat er staat"), lines)
    screen.answer(
        {"name": chosen[0].name, "lines": [{"what": what, "says": says} for what, says in lines]},
        answer,
        note(f"Gelezen en in het eigen dossier gezet? `schakel edge letters {chosen[0].name[:_SHORT]} --done`"),
    )


def _list(screen: Screen, waiting: tuple[Letter, ...]) -> None:
    answer = [{"name": one.name, "since": _day(one), "letters": one.number} for one in waiting]
    rows = [(one.name[:_SHORT], _day(one), one.number) for one in waiting]
    shown_rows = table("Brieven die een mens moet lezen", ("naam", "sinds", "brieven"), rows)
    screen.answer({"letters": answer}, shown_rows if rows else good("Er wacht geen brief op een mens."))


def _remove(screen: Screen, one: Letter, *, yes: bool) -> None:
    question = "Is deze brief gelezen, en staat wat ervan nodig is in het eigen dossier? Hij wordt hier verwijderd."
    if not yes and (screen.as_json or not click.confirm(question)):
        raise wrong_use("Er is niets verwijderd; met --yes gebeurt het zonder vraag.")
    # The letter first. A crash here: its report stays behind, and is counted as nothing.
    one.file.unlink(missing_ok=True)
    one.report.unlink(missing_ok=True)
    screen.answer({"removed": one.name}, good("De brief is hier verwijderd."))


def _day(one: Letter) -> str:
    return date_text(day_of(int(one.since * 1000)))
