# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge log-export`: what an edge did about its own clients, as lines of LDV."""

from __future__ import annotations

import os
import stat
from importlib.metadata import version
from pathlib import Path

import click
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from adapters.processing_log import KEY_BYTES, ProcessingLog
from deploy.commands.audit_export import ACTIVITY
from deploy.commands.audit_find import the_day
from deploy.commands.desk import at_desk
from deploy.compose import write_new
from deploy.exits import failed, refused, wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, note, with_screen
from schemas.calendar import start_of_day
from schemas.fact import HIGHEST_DAY

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="log-export")
@click.argument("file", type=_FILE)
@click.option(
    "--subject-key",
    type=_FILE,
    required=True,
    help="File with the key under which client numbers are encrypted; made when it is not there. Keep it apart.",
)
@click.option("--from", "begin", help="Only from this day on, YYYY-MM-DD.")
@click.option("--until", help="Only up to and with this day, YYYY-MM-DD.")
@click.option(
    "--activity",
    default=ACTIVITY,
    show_default=True,
    help="URI of a processing activity in your register; {law}, {purpose} and {row} are filled in.",
)
@edge_option
@with_screen
def edge_log_export(
    screen: Screen,
    file: Path,
    subject_key: Path,
    begin: str | None,
    until: str | None,
    activity: str,
    config: Path | None,
) -> None:
    """Write what this edge told and received about its own clients into FILE, as Logboek Dataverwerkingen."""
    if file.exists():
        raise failed("This file is there already and is not overwritten. Choose another.")
    try:
        activity.format(law="", purpose="", row=0)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise wrong_use("--activity is a URI in which only {law}, {purpose} and {row} stand in braces.") from None
    first, last = the_day("--from", begin), the_day("--until", until)
    made = not subject_key.exists()
    if made:
        write_new(subject_key, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        # A crash here: the key is there and nothing was encrypted by it; the next try takes it.
    key = _read_key(subject_key)
    with at_desk(config) as (opened, settings):
        resource = {
            "service.name": "schakel",
            "service.version": version("schakel"),
            "schakel.address": settings.config.address,
        }
        log = ProcessingLog(opened.store, key, activity, resource)
        since = 0 if first is None else start_of_day(first)
        found = [
            orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            for line in log.lines(since, start_of_day((HIGHEST_DAY if last is None else last) + 1))
        ]
    write_new(file, b"".join(found))
    # On disk. A crash before this: a part of a file may be there, which the next try does not overwrite.
    new = note(
        f"Nieuwe sleutel: {subject_key}. Wie hem heeft, leest de cliëntnummers; bewaar hem apart van de uitvoer."
    )
    told = good(f"{len(found)} regels staan in {file}: wat deze koppeling vertelde en ontving, zonder gebruikers.")
    screen.answer({"file": str(file), "lines": len(found), "new_key": made}, told, *([new] if made else []))


def _read_key(file: Path) -> AESSIV:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise failed(f"Others than the owner may read this key. Run `chmod 600 {file.name}` on it.")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise refused(f"The file of --subject-key is not {2 * KEY_BYTES} hexadecimals.")
    return AESSIV(key)
