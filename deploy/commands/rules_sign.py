# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel rules sign`: the privacy officer (FG) signs the table of her municipality."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click

from consent.rules import RuleTable, TableError, narrow, national, read
from consent.signed_table import KeyLineError, Signed, Signer, UnsignedError, is_line, parse_signer, sign_table, signer
from deploy.compose import machine_clock, write_new
from deploy.dutch import untested
from deploy.exits import failed, refused, wrong_use
from deploy.given import the_day
from deploy.rule_words import day as in_dutch
from deploy.screen import Screen, good, note, plain, with_screen
from deploy.table_faults import first_of
from schemas.calendar import date_text, day_of
from schemas.note import verifier_key

_SEED = 32
_NEW_KEY = "--new-key"


@click.command(name="sign")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--municipality", required=True, help="The municipality for which the table holds.")
@click.option("--name", required=True, help="Who signs: name and office, such as 'J. Jansen, FG'.")
@click.option(
    "--until", required=True, help="Last day on which the signature counts, YYYY-MM-DD; at most three years on."
)
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File with your key.")
@click.option(_NEW_KEY, "new_key", help="Make that file first, with a key of this name, such as fg.voorbeeldstad.")
@with_screen
def rules_sign(  # one option each; click passes them by name
    screen: Screen,
    file: Path,
    municipality: str,
    name: str,
    until: str,
    key: Path,
    new_key: str | None,
) -> None:
    """Sign the rule table in FILE, which narrows the national base. Writes a signature beside it; FILE stays as it is."""
    target = file.with_name(f"{file.name}.sig")
    if target.exists():
        raise failed(
            f"{target.name} bestaat al en wordt niet overschreven. Haal het oude weg of kies een andere naam voor de tabel."
        )
    found, last = _narrowing(file), the_day("--until", until)
    if not (is_line(municipality) and is_line(name)):
        raise wrong_use("Gemeente en naam zijn elk één regel van 2 tot 120 tekens.")
    signed = Signed(found.hash, municipality, name, day_of(machine_clock()), last)
    by = _new_signer(key, new_key) if new_key is not None else _read_signer(key)
    try:
        text = sign_table(signed, by)
    except UnsignedError:
        raise wrong_use(
            "De laatste dag ligt vóór vandaag of meer dan drie jaar verder: kies een andere met --until."
        ) from None
    write_new(target, text.encode())
    vkey = verifier_key(by.name, by.key.public)
    screen.answer(
        {
            "signature": str(target),
            "hash": found.hash.hex(),
            "municipality": municipality,
            "name": name,
            "until": date_text(last),
            "verifier_key": vkey,
            "test_mode_only": list(found.test_mode_only),
        },
        good(f"Getekend door {name} voor {municipality}, tot en met {in_dutch(date_text(last))}: {target.name}."),
        plain(f"SHA-256 {found.hash.hex()}"),
        plain(f"Controlesleutel, op papier aan wie hub en edge beheert (instelling rules_key):\n\n    {vkey}\n"),
        *([note(said)] if (said := untested(found.rows.values())) else []),
    )


def _narrowing(file: Path) -> RuleTable:
    try:
        return narrow(national(test_mode=True), read(file.read_bytes()).raw)
    except TableError as error:
        raise refused(f"Deze tabel kan niet worden getekend: {first_of(error)}") from None


def _new_signer(file: Path, name: str) -> Signer:
    try:
        made = signer(name, os.urandom(_SEED))
    except KeyLineError:
        raise wrong_use(
            "De naam van een sleutel heeft geen spatie en geen plusteken, zoals fg.voorbeeldstad."
        ) from None
    if file.exists():
        raise failed(
            f"{file.name} bestaat al en wordt niet overschreven. Laat {_NEW_KEY} weg om die sleutel te gebruiken."
        )
    write_new(file, made.line.encode() + b"\n")
    # A crash here: the key is there and nothing was signed with it; the next time it is used without --new-key.
    return made


def _read_signer(file: Path) -> Signer:
    try:
        with file.open("rb") as opened:
            mode, text = os.fstat(opened.fileno()).st_mode, opened.read(1024)
    except OSError:
        raise wrong_use(f"De sleutel kan niet worden gelezen. Maak er een met {_NEW_KEY} NAAM.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise failed("Anderen dan de eigenaar kunnen bij deze sleutel. Zet dat recht met `chmod 600`.")
    try:
        return parse_signer(text.decode("ascii"))
    except (UnicodeDecodeError, KeyLineError):
        raise refused(f"In dit bestand staat geen sleutel. Maak er een met {_NEW_KEY} NAAM.") from None
