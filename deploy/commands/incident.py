# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge incident`: who received what from this edge between two times, and what to write about it."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from adapters.incident import incident as between
from deploy.commands.desk import at_desk
from deploy.commands.rights import HTML
from deploy.exits import wrong_use
from deploy.incident_texts import incident_paper, person_paper
from deploy.options import edge_option
from deploy.paper import timestamp, to_screen, to_text, write_html
from deploy.screen import Screen, with_screen

_ZONE = ZoneInfo("Europe/Amsterdam")
_MINUTE_MS = 60_000
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?")
_TIME = "Een tijdstip is geschreven als 2026-03-31T14:05, een dag als 2026-03-31."


@click.command()
@click.option("--from", "first", required=True, help="From this time, as 2026-03-31T14:05 or 2026-03-31 (Dutch time).")
@click.option("--to", "last", required=True, help="To this time; of a day its end, of a minute its last second.")
@click.option("--html", type=HTML, help="Write the report and the letter to this file too; it must not be there yet.")
@edge_option
@with_screen
def incident(screen: Screen, first: str, last: str, html: Path | None, config: Path | None) -> None:
    """Who received what from this edge between two times, for the 72 hours after a breach: facts, steps and a letter."""
    begin, end = _time(first, last=False), _time(last, last=True)
    if begin > end:
        raise wrong_use("--from is later dan --to.")
    with at_desk(config) as (opened, settings):
        found = between(opened.workplace.store, opened.workplace, opened.identity.book, begin, end)
        name = settings.config.name
    papers = incident_paper(name, found), person_paper(name, found)
    if html is not None:
        write_html(html, *papers)
    answer = {
        "from": timestamp(found.first),
        "to": timestamp(found.last),
        "persons": list(found.persons),
        "partners": list(found.partners),
        "categories": list(found.categories),
        "passed": [asdict(one) | {"at": timestamp(one.at)} for one in found.passed],
        "looks": [asdict(one) | {"at": timestamp(one.at)} for one in found.watched],
        "for_the_authority": to_text(papers[0]),
        "for_the_persons": to_text(papers[1]),
    }
    screen.answer(answer, *(part for paper in papers for part in to_screen(paper)))


def _time(text: str, *, last: bool) -> int:
    """Unix milliseconds of a Dutch time; `last`: of what is given its end."""
    if _FORM.fullmatch(text) is None:
        raise wrong_use(_TIME)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise wrong_use(_TIME) from None
    if last and "T" not in text:
        when = when.replace(hour=23, minute=59)
    # In the hour that a clock lives twice, the first begins and the second ends: nothing of either is missed.
    at = int(when.replace(tzinfo=_ZONE, fold=int(last)).timestamp()) * 1000
    return at + _MINUTE_MS - 1 if last else at
