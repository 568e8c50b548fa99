# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge log-export`: what an edge did about its own clients as lines of LDV, or with who looked as lines of NEN 7513."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from adapters.edge import Edge
from adapters.looks import SUPERVISION, Viewer
from adapters.person_log import PersonLog, seen, source
from adapters.processing_log import KEY_BYTES, ProcessingLog
from deploy.commands.audit_export import ACTIVITY
from deploy.commands.desk import at_desk
from deploy.compose import write_new
from deploy.exits import failed, refused, wrong_use
from deploy.given import day_if_given, the_activity
from deploy.options import edge_option
from deploy.screen import Screen, good, note, with_screen
from deploy.viewer import viewer
from schemas.calendar import start_of_day
from schemas.fact import HIGHEST_DAY

_FILE = click.Path(path_type=Path, dir_okay=False)
LDV, NEN7513 = "ldv", "nen7513"
_WHAT: Mapping[str, str] = {
    LDV: "wat deze edge vertelde en ontving, zonder gebruikers.",
    NEN7513: "wat deze edge vertelde en ontving, en wie naar wie keek. Dat u dit opvroeg staat er nu ook bij.",
}


@click.command(name="log-export")
@click.argument("file", type=_FILE)
@click.option(
    "--subject-key",
    type=_FILE,
    required=True,
    help="File with the key under which client numbers are encrypted; made when it is not there. Keep it apart.",
)
@click.option(
    "--as",
    "kind",
    type=click.Choice((LDV, NEN7513)),
    default=LDV,
    show_default=True,
    help="`ldv` has no user in it; `nen7513` says who looked at whom, when and why, and is recorded as a look itself.",
)
@click.option("--by", help="Who asks for `nen7513`, by name: the privacy officer. Shown to every client that is in it.")
@click.option("--client", help="Only of this client (own client number); for `nen7513`.")
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
def edge_log_export(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    file: Path,
    subject_key: Path,
    kind: str,
    by: str | None,
    client: str | None,
    begin: str | None,
    until: str | None,
    activity: str,
    config: Path | None,
) -> None:
    """Write what this edge told and received about its own clients into FILE: Logboek Dataverwerkingen, or NEN 7513 with who looked."""
    if (kind == NEN7513) != (by is not None) or (client is not None and kind != NEN7513):
        raise wrong_use("Bij `--as nen7513` hoort --by, en --client als u dat wilt; zonder nen7513 geen van beide.")
    if file.exists():
        raise failed("Dit bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
    the_activity(activity)
    first, last = day_if_given("--from", begin), day_if_given("--until", until)
    times = (0 if first is None else start_of_day(first), start_of_day((HIGHEST_DAY if last is None else last) + 1))
    who = None if by is None else viewer(by, SUPERVISION)
    made = not subject_key.exists()
    if made:
        write_new(subject_key, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        # A crash here: the key is there and nothing was encrypted by it; the next try takes it.
    key = _read_key(subject_key)
    with at_desk(config) as (opened, settings):
        address = settings.config.address
        resource = {"service.name": "schakel", "service.version": version("schakel"), "schakel.address": address}
        if who is None:
            found = ProcessingLog(opened.store, key, activity, resource, address).lines(*times)
        else:
            log = ProcessingLog(opened.store, key, activity, resource | source(address), address)
            found = _with_persons(opened, PersonLog(log, client and opened.client(client).id), who, times)
        count = _write_lines(file, found)
    new = note(
        f"Nieuwe sleutel: {subject_key}. Wie hem heeft, leest de cliëntnummers; bewaar hem apart van de uitvoer."
    )
    told = good(f"{count} regels staan in {file}: {_WHAT[kind]}")
    screen.answer({"file": str(file), "as": kind, "lines": count, "new_key": made}, told, *([new] if made else []))


def _with_persons(opened: Edge, log: PersonLog, who: Viewer, times: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """The lines with who looked, after it was recorded that this person has them."""
    work = opened.workplace
    clients = log.clients(*times)
    with work.commit("log exported") as tx:
        seen(tx, work, who, clients)
    # A crash before this commit: nothing was written. After it: the record says that it was, and perhaps nobody has it.
    return log.lines(*times)


def _write_lines(file: Path, lines: Iterator[dict[str, Any]]) -> int:
    """Write each as it comes: a file that was not there, for its owner only, on disk when this returns. How many."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    count = 0
    with os.fdopen(descriptor, "wb") as opened:
        for line in lines:
            opened.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
        opened.flush()
        os.fsync(descriptor)
    # On disk. A crash before this: a part of a file may be there, which the next try does not overwrite.
    return count


def _read_key(file: Path) -> AESSIV:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise failed(f"Anderen dan de eigenaar kunnen deze sleutel lezen. Geef eerst `chmod 600 {file.name}`.")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise refused(f"In het bestand van --subject-key staan geen {2 * KEY_BYTES} hexadecimale tekens.")
    return AESSIV(key)
