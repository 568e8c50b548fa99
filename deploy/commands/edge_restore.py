# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge backup|restore|restored`: copies of an edge's store, and the way back from one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.edge import Edge
from adapters.restore import Plan, day_before
from adapters.store import FILE as STORE_FILE
from adapters.store import LOCK, StoreError, WrongKeyError
from adapters.workplace import EdgeError
from deploy.commands.desk import at_desk, at_work
from deploy.compose import machine_clock
from deploy.compose_edge import NoHub, load_settings, open_edge, store_key
from deploy.exits import failed, refused, wrong_use
from deploy.given import the_day
from deploy.options import EDGE_FILE, edge_option, settings_file
from deploy.put_back import copy_file, move_aside
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub import sqlite_file
from hub.client import HubUnavailableError
from hub.control_socket import is_served
from hub.store import StoreError as HubStoreError
from schemas.calendar import date_text, day_of, start_of_day

_FILE = click.Path(path_type=Path, dir_okay=False)
_SALT = "passphrase.salt"
_TRIED = "tried"
_TOO_OLD = (
    "This copy is older than the files in the folder done. What was told or called back after it was made and before {} is "
    "in neither: it is not told or called back again; look it up in your own system."
)


@click.command(name="backup")
@click.argument("file", type=_FILE)
@edge_option
@with_screen
def edge_backup(screen: Screen, file: Path, config: Path | None) -> None:
    """Write a copy of the store to FILE. It is sealed as the store is: the key goes in another place."""
    if file.exists():
        raise failed("That file is there already and is never overwritten. Choose another name.")
    with at_desk(config) as (opened, settings):
        folder = settings.config.data_folder
        if file.absolute().parent.resolve().is_relative_to(folder.resolve()):
            raise wrong_use("A copy inside the data folder is lost with it: choose a place on another disk.")
        made = opened.back_up(file.absolute())
        salt = folder / _SALT
        if salt.exists():
            copy_file(salt, _salt_of(file))
    screen.answer(
        {"file": str(file), "made": date_text(day_of(made)), "bytes": file.stat().st_size},
        good(f"The copy is written: {file.stat().st_size} bytes."),
        note("Without the key or passphrase of the store nobody can read it. Keep that somewhere else."),
        note("Keep the folder done for 30 days too: it is read again after a restore."),
    )


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--made-on", metavar="DAY", help="The day of the copy (2026-11-28), when it was not made by edge backup.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@edge_option
@with_screen
def edge_restore(screen: Screen, file: Path, made_on: str | None, yes: bool, config: Path | None) -> None:
    """Put a copy of the store back in its place. Nothing is sent or taken before a person has confirmed."""
    settings = load_settings(settings_file(config, EDGE_FILE))
    folder = settings.config.data_folder
    if is_served(folder):
        raise failed("The edge is running. Stop it, and its standby; then give this command again.")
    if not yes and (screen.as_json or not click.confirm("Put this copy of the edge's store back?")):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    saved_at = None if made_on is None else start_of_day(the_day("--made-on", made_on, english=True))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = sqlite_file.lock(folder / LOCK)
    except HubStoreError:
        raise failed("Another process has the store of this edge. Stop it; then give this command again.") from None
    with lock:
        if not (folder / _SALT).exists() and _salt_of(file).exists():
            copy_file(_salt_of(file), folder / _SALT)
        key = store_key(settings.config, os.environ)
        copy_file(file, folder / _TRIED)
        # A crash until here: nothing was moved, and the command is given again.
        aside = move_aside(folder, (STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm"), machine_clock())
        (folder / _TRIED).rename(folder / STORE_FILE)
        sqlite_file.sync_folder(folder)
    # A crash here: the store does not say that it was put back; the command is given again.
    try:
        with open_edge(settings, NoHub(), key) as opened:
            found = opened.was_put_back(saved_at)
    except (StoreError, WrongKeyError, EdgeError) as error:
        (folder / STORE_FILE).unlink()
        if aside is not None:
            for moved in aside.iterdir():
                moved.rename(folder / moved.name)
            aside.rmdir()
        raise refused(f"This copy can't be used, and everything is as it was: {error}.") from None
    day = date_text(day_of(found.saved_at))
    kept_since = day_of(found.at) - settings.config.done_days
    too_old = kept_since > day_of(found.saved_at)
    screen.answer(
        {"made": day, "replaced": None if aside is None else str(aside)},
        good(f"The copy of {day} is in its place."),
        *([] if aside is None else [plain(f"What stood there is in {aside}.")]),
        bad("Nothing is sent, picked up or taken from the folder before a person has confirmed."),
        *([bad(_TOO_OLD.format(date_text(kept_since)))] if too_old else []),
        plain("Next: `schakel edge restored` says what to do first, and confirms."),
    )


@click.command(name="restored")
@click.option("--confirm", is_flag=True, help="What was stopped, refused and called back since has been done again.")
@edge_option
@with_screen
def edge_restored(screen: Screen, confirm: bool, config: Path | None) -> None:
    """What is to be done after this edge was put back; with --confirm its work goes on."""
    with at_work(config) as (opened, _):
        found = opened.restoring()
        if found is None:
            screen.answer({"restored": None}, good("Deze edge is niet teruggezet uit een reservekopie."))
            return
        since = date_text(day_of(day_before(found.saved_at)))
        if confirm and found.confirmed_at is None:
            opened.confirm_restore()
            answer = {"restored": since, "confirmed": True}
            screen.answer(answer, good("Bevestigd. Bij de volgende ronde gaat het werk verder."))
            return
        if found.confirmed_at is not None:
            done = found.anew_at is not None
            screen.answer(
                {
                    "restored": since,
                    "confirmed": True,
                    "lines_begun_anew": done,
                    "files_read": found.read_at is not None,
                },
                good(f"Teruggezet naar {since} en bevestigd."),
                plain(
                    "De lijnen zijn opnieuw begonnen." if done else "De lijnen beginnen opnieuw zodra de hub antwoordt."
                ),
            )
            return
        screen.answer(*_to_do(opened, since))


def _to_do(opened: Edge, since: str) -> tuple[dict[str, object], *tuple[RenderableType, ...]]:
    shown: list[RenderableType] = [
        bad(f"Deze edge is teruggezet naar {since}. Wat hier daarna is besloten, weet zij niet meer."),
        plain(
            "Doe eerst opnieuw wat sinds die dag is gestopt, geweigerd of met een stopcode is ingetrokken: "
            "`schakel grant stop`, `schakel agreement end`."
        ),
    ]
    answer: dict[str, object] = {"restored": since, "confirmed": False}
    try:
        plan, unknown = asyncio.run(opened.restore_plan())
    except HubUnavailableError:
        shown.append(note("De hub is nu niet te bereiken: wat er met de lijnen gebeurt, is daarom nog niet te zien."))
    else:
        answer |= _figures(plan, unknown)
        rows = [
            ("lijnen die opnieuw beginnen", len(plan.anew) + len(plan.renewed)),
            ("hier gestopt sinds de kopie: blijven gestopt, met een blokkade", len(plan.ended)),
            ("door een ander gestopt: wachten op een besluit", len(plan.held)),
            ("begonnen sinds de kopie: worden gestopt, maak ze zo nodig opnieuw", len(plan.unknown)),
            ("daarvan al gestopt", plan.forgotten),
            ("verzonden sinds de kopie en hier niet meer bekend", unknown),
        ]
        shown.append(table("Wat er gebeurt", ("wat", "aantal"), rows))
        if unknown:
            shown.append(note("Was daarbij iets dat is ingetrokken? Trek het na het bevestigen opnieuw in."))
    shown.append(plain("Is alles opnieuw gedaan? Dan: `schakel edge restored --confirm`."))
    return answer, *shown


def _figures(plan: Plan, unknown: int) -> dict[str, object]:
    return {
        "begin_anew": len(plan.anew) + len(plan.renewed),
        "ended": len(plan.ended),
        "held": len(plan.held),
        "unknown": len(plan.unknown),
        "forgotten": plan.forgotten,
        "unknown_messages": unknown,
    }


def _salt_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.salt")
