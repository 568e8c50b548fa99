# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel hub backup|restore|recover`: copies of the store, and the way back from one."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.beside import refuse_beside_an_edge
from deploy.compose import machine_clock
from deploy.exits import failed, refused, wrong_use
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.put_back import put_hub_back, say_put_back
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from hub.client import RefusedError
from hub.config import HubConfig, load_hub_config
from hub.control_socket import is_served

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="backup")
@click.argument("file", type=_FILE)
@hub_option
@with_screen
def hub_backup(screen: Screen, file: Path, config: Path | None) -> None:
    """Write a copy of the store to FILE, while the hub works on. The keys of waiting payloads are not in it."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if settings.dsn is not None:
        raise failed(
            "The store of this hub is a PostgreSQL database, which makes its own copies: pg_basebackup with an archive "
            "of its WAL, or pg_dump. Copy neither day.keys nor greatest.json with it."
        )
    if file.absolute().parent.resolve().is_relative_to(settings.data_folder.resolve()):
        raise wrong_use("A copy inside the data folder is lost with it: choose a place on another disk.")
    with open_office(settings) as office:
        answer = office("backup", {"file": str(file.absolute())})
    screen.answer(
        answer,
        good(f"The copy is written: {answer['entries']} entries, {answer['bytes']} bytes."),
        note("Keep the key of the log, accession.key and greatest.json apart from it, each in a place of its own."),
    )


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_restore(screen: Screen, file: Path, yes: bool, config: Path | None) -> None:
    """Put a copy of the store back in its place. The hub must not run; its next start is in recovery."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    refuse_beside_an_edge(settings)
    if settings.dsn is not None:
        raise failed(
            "The store of this hub is a PostgreSQL database: put its back-up back with PostgreSQL's own tools while no "
            "gateway runs. Then give `schakel hub recover --put-back` and start the hub: it begins in recovery, and `schakel "
            "hub recover` says for whom it waits."
        )
    if is_served(settings.data_folder):
        raise failed("The hub is running. Stop it first; then give this command again.")
    asks = "Put this copy back? What waits in the hub now is dropped, and every partner is asked for its stops again."
    if not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    aside = put_hub_back(settings, file, machine_clock())
    screen.answer(
        {"replaced": None if aside is None else str(aside)},
        good("The copy is in its place."),
        *([] if aside is None else [plain(f"What stood there is in {aside}; its waiting payloads can't be read.")]),
        plain("Next: start the hub, and `schakel hub recover` says for whom it waits."),
        note("Partners that were admitted since the copy must be admitted again."),
    )


@click.command(name="recover")
@click.option("--without", metavar="ADDRESS", multiple=True, help="A partner that will not return; may be repeated.")
@click.option("--put-back", is_flag=True, help="The database was put back: the next start of this hub is in recovery.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@with_screen
def hub_recover(screen: Screen, without: tuple[str, ...], put_back: bool, yes: bool, config: Path | None) -> None:
    """Say for whom a hub that was put back waits, or that a partner will not return."""
    settings = load_hub_config(settings_file(config, HUB_FILE))
    if put_back:
        _say_put_back(screen, settings, yes=yes)
        return
    asks = "A stop that only this partner knows is lost then, and what it stopped may be told again. Go on without it?"
    if without and not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    with open_office(settings) as office:
        for address in without:
            try:
                office("will-not-return", {"address": address})
            except RefusedError:
                raise refused(f"The hub does not wait for {address}; `schakel hub recover` shows for whom.") from None
        answer = office("recovery", {})
    found = answer["recovery"]
    if found is None:
        screen.answer(answer, good("This hub was never put back from a copy: its log is the first."))
        return
    rows = [("log", found["log"]), ("entries found", found["found"]), ("newest seen", found["seen"])]
    shown = table("Recovery", ("what", "value"), rows)
    if not found["awaited"]:
        screen.answer(answer, shown, good("Every partner has repeated its facts: the hub works."))
        return
    screen.answer(
        answer,
        shown,
        table("Waits for", ("partner",), [(one,) for one in found["awaited"]]),
        bad("Nothing is sent or picked up before each of these has repeated the stops that it signed."),
        note(
            "An edge does so by itself when it runs. Ask the partner; only if it will never return: --without ADDRESS."
        ),
    )


def _say_put_back(screen: Screen, settings: HubConfig, *, yes: bool) -> None:
    if is_served(settings.data_folder):
        raise failed("The hub is running. Stop it first; then give this command again.")
    asks = (
        "Was the database put back? What waits in the hub is dropped, and every partner is asked for its stops again."
    )
    if not yes and (screen.as_json or not click.confirm(asks)):
        raise wrong_use("Nothing was changed; say --yes to do it without being asked.")
    say_put_back(settings)
    screen.answer(
        {"put_back": True},
        good("The next start of this hub is in recovery."),
        plain("Next: start the hub, and then the other machines; `schakel hub recover` says for whom it waits."),
    )
