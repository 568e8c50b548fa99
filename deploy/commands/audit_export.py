# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel audit export`: the log as the accountability records that an organisation keeps, one JSON object a line."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.exits import failed
from deploy.given import day_if_given, the_activity
from deploy.office import open_office
from deploy.options import HUB_FILE, hub_option, settings_file
from deploy.screen import Screen, good, note, plain, with_screen
from hub.audit.accounts import ADL, KINDS, LDV, NEN7513
from hub.config import load_hub_config

ACTIVITY = "urn:schakel:processing:{law}:{purpose}:row-{row}"
_ABOUT = {
    LDV: "Logboek Dataverwerkingen: één regel per verwerking, zonder gebruikers en zonder betrokkene.",
    ADL: "Authorization Decision Log: één record per besluit; een weigering is geen fout.",
    NEN7513: "NEN 7513 volgens de uitbreiding van Logius: met wie handelde, en dat is bij de hub altijd een organisatie.",
}


@click.command(name="export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--as", "kind", type=click.Choice(KINDS), required=True, help="Which records.")
@click.option("--from", "begin", help="Only from this day on, YYYY-MM-DD.")
@click.option("--until", help="Only up to and with this day, YYYY-MM-DD.")
@click.option(
    "--activity",
    default=ACTIVITY,
    show_default=True,
    help="URI of a processing activity in your register; {law}, {purpose} and {row} are filled in.",
)
@hub_option
@with_screen
def export_accounts(
    screen: Screen, file: Path, kind: str, begin: str | None, until: str | None, activity: str, config: Path | None
) -> None:
    """Write the accountability records into FILE: LDV, ADL or NEN 7513."""
    if file.exists():
        raise failed("Dit bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
    asked = {
        "file": str(file.absolute()),
        "kind": kind,
        "first_day": day_if_given("--from", begin),
        "last_day": day_if_given("--until", until),
        "activity": the_activity(activity),
    }
    with open_office(load_hub_config(settings_file(config, HUB_FILE))) as office:
        done = office("export", asked)
    gone = f"{done['erased']} regels zijn gewist of rusten op een gewiste regel: daarvan is niets meer te schrijven."
    screen.answer(
        done,
        good(f"{done['lines']} records staan in {file}."),
        plain(_ABOUT[kind]),
        *([note(gone)] if done["erased"] else []),
    )
