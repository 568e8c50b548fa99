# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge kept`: numbers of clients that were erased, and why they are still here."""

from __future__ import annotations

from pathlib import Path

import click

from adapters import kept_numbers
from adapters.looks import named
from adapters.records_outgoing import CLIENTS
from adapters.refusal_terms import ERASED_DAYS
from adapters.refusals import standing
from deploy.commands.desk import at_desk
from deploy.exits import wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text, day_of

_REFUSED = "om een weigering na te komen"
_OVER = "de weigering is weg: gaat bij de volgende opschoning"
_WAITS = "tot elke ontvanger het weet; dan gaat het vanzelf, of blijft het voor een weigering"
_DOUBT = "gewist vóór deze versie: is dit weer een cliënt? Zeg het met --gone of --back"


@click.command(name="kept")
@click.option(
    "--gone",
    metavar="CLIENT",
    help="This one, erased by an earlier version, did not come back: keep the number for its refusal.",
)
@click.option("--back", metavar="CLIENT", help="This one came back and is helped here.")
@click.option("--by", metavar="NAME", help="Who says so.")
@edge_option
@with_screen
def edge_kept(screen: Screen, gone: str | None, back: str | None, by: str | None, config: Path | None) -> None:
    """The numbers of clients that were erased and are still here, and until when.

    For a refusal alone, until everybody who was told knows it, or until a person says whether the client came back, which an
    earlier version did not note.
    """
    number = gone if gone is not None else back
    if (gone is not None and back is not None) or (number is None) != (by is None):
        raise wrong_use("Geef --gone of --back, met --by; of geen van alle.")
    with at_desk(config) as (opened, _):
        work = opened.workplace
        if number is not None:
            who, client = named(by or ""), opened.client(number)
            with work.commit("told apart") as tx:
                kept_numbers.tell_apart(tx, client, who, work.today, back=back is not None)
            # A crash before this commit: it is still listed as in doubt.
        answer: list[dict[str, object]] = []
        for one in kept_numbers.all_kept(work.store):
            kept = CLIENTS.get(work.store, one.client.encode())
            if kept is not None:
                refused = any(standing(work.store, one.client, incoming=way) for way in (False, True))
                until = date_text(one.on + ERASED_DAYS) if refused else None
                answer.append(_line(kept.number, one.on, _REFUSED if refused else _OVER, until, in_doubt=False))
        for client, erased in kept_numbers.not_done(work.store):
            answer.append(_line(client.number, day_of(erased.at), _WAITS, None, in_doubt=False))
        for client, erased in kept_numbers.in_doubt(work.store):
            answer.append(_line(client.number, day_of(erased.at), _DOUBT, None, in_doubt=True))
    rows = [(one["client"], one["since"], one["why"], one["until"]) for one in answer]
    columns = ("nummer", "gewist op", "waarom het nummer er nog is", "uiterlijk tot en met")
    parts = [
        table("Nummers van wie is gewist", columns, rows)
        if rows
        else good("Van wie is gewist, is geen nummer meer hier.")
    ]
    if any(one["in_doubt"] for one in answer):
        parts.append(note("Zolang niemand het zegt, blijven nummer en BSN staan, ook als de weigering is opgeheven."))
    screen.answer(answer, *parts)


def _line(number: str, on: int, why: str, until: str | None, *, in_doubt: bool) -> dict[str, object]:
    return {"client": number, "since": date_text(on), "why": why, "until": until, "in_doubt": in_doubt}
