# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge could-see`: who could be told what about an own client on a day. That this was looked up is recorded first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from adapters.could_see import NO, OUT, UNSURE, YES, Sight, look
from adapters.looks import SUPERVISION, WHY
from deploy.commands.desk import at_desk
from deploy.dutch import GROUNDS, categories
from deploy.given import the_day
from deploy.options import edge_option
from deploy.screen import Screen, note, plain, table, with_screen
from deploy.viewer import viewer
from schemas.calendar import date_text

_COUNTS: Mapping[str, str] = {
    YES: "mocht het horen",
    UNSURE: "onzeker: later gestopt, de dag is niet bewaard",
    NO: "alleen wat al was verteld",
}


@click.command(name="could-see")
@click.argument("client")
@click.option("--at", "moment", required=True, help="The day, YYYY-MM-DD.")
@click.option("--as", "person", help="Who looks, by name. Without it the account of the machine.")
@click.option(
    "--why", type=click.Choice(list(WHY)), default=SUPERVISION, show_default=True, help="What it is looked at for."
)
@edge_option
@with_screen
def edge_could_see(screen: Screen, client: str, moment: str, person: str | None, why: str, config: Path | None) -> None:
    """Who could be told what about CLIENT (own client number) on a day, and by whom we could be.

    Who looked is recorded first, and shown to the client who asks: no record, no view.
    """
    day = the_day("--at", moment)
    with at_desk(config) as (opened, settings):
        found = look(opened.workplace, viewer(person, why), opened.client(client), day)
    name = settings.book.name_of
    shown = [
        {
            **asdict(one),
            "begin": date_text(one.begin),
            "end": date_text(one.end),
            "stopped": None if one.stopped is None else date_text(one.stopped),
        }
        for one in found
    ]
    rows = [
        (
            "wij aan" if one.way == OUT else "aan ons door",
            name(one.partner),
            one.row,
            GROUNDS.get(one.ground, one.ground),
            categories(one.categories),
            _until(one),
            _COUNTS[one.counts],
            _told(one),
        )
        for one in found
    ]
    columns = (
        "wie",
        "partner",
        "regel",
        "grond",
        "wat",
        "van / tot en met",
        "op die dag",
        "verteld tot en met die dag",
    )
    answer = table(f"Wie kon op {moment} wat zien over cliënt {client}", columns, rows)
    nobody = plain(f"Op {moment} kon niemand via deze edge iets over deze cliënt zien.")
    unsure = note("Waar de dag van stoppen niet bewaard is, staat dat erbij; er wordt niet geraden.")
    parts = [answer if rows else nobody, *([unsure] if any(one.counts == UNSURE for one in found) else [])]
    screen.answer({"client": client, "day": moment, "sights": shown}, *parts)


def _until(one: Sight) -> str:
    stopped = "" if one.stopped is None else f", gestopt {date_text(one.stopped)}"
    return f"{date_text(one.begin)} / {date_text(one.end)}{stopped}"


def _told(one: Sight) -> str:
    if one.way == OUT:
        return ", ".join(f"nummer {number}" for number in one.told) or "niets"
    return f"{one.shown} in het overzicht"
