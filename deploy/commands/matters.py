# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge matters`: what the edge can't decide and asks a person about; and what else `edge outbox` points at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import RenderableType

from adapters import held, kept_numbers, matters
from adapters.address_book import AddressBook
from adapters.edge import Edge
from adapters.matters import DEATH_TAKEN_BACK, END_UNNAMED, Matter
from adapters.records_outgoing import CLIENTS, GRANTS, Grant
from deploy.commands.desk import at_desk
from deploy.exits import wrong_use
from deploy.options import edge_option
from deploy.put_aside import put_aside
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text

_WHAT: Mapping[str, str] = {
    END_UNNAMED: "hulp is beëindigd of afgewezen, maar het bericht noemt geen toewijzing of dossier: welke lijn is voorbij?",
    DEATH_TAKEN_BACK: "een overlijden is teruggenomen; wat daardoor eindigde, gaat niet vanzelf weer open",
}
_DO: Mapping[str, str] = {
    END_UNNAMED: "beëindig zelf wat voorbij is (`schakel grant stop`)",
    DEATH_TAKEN_BACK: "maak wat nodig is opnieuw (`schakel grant make`, of een nieuwe afspraak)",
}


@click.command(name="matters")
@click.option("--done", type=int, metavar="NUMBER", help="A person has looked at this one and done what was needed.")
@click.option("--by", metavar="NAME", help="Who that was.")
@edge_option
@with_screen
def edge_matters(screen: Screen, done: int | None, by: str | None, config: Path | None) -> None:
    """What this edge can't decide by itself and asks a person about: an end that names no allocation, a death taken back.

    To say that one is done changes nothing else.
    """
    if (done is None) != (by is None):
        raise wrong_use("Geef --done en --by samen.")
    with at_desk(config) as (opened, settings):
        if done is not None and by is not None:
            with opened.workplace.commit("matter settled") as tx:
                matters.settle(tx, opened.workplace, done, by)
            # A crash before this commit: it is asked again. After it: it stands in the store who looked.
        answer = [_answer(opened, settings.book, one) for one in matters.waiting(opened.store)]
    rows = [
        (one["number"], one["client"], one["since"], _WHAT[str(one["kind"])], _who(one), _DO[str(one["kind"])])
        for one in answer
    ]
    columns = ("nummer", "cliënt", "sinds", "wat", "het gaat om", "wat te doen")
    screen.answer(answer, table("Vraagt een mens", columns, rows) if rows else good("Er wacht niets op een mens."))


def also_waits(opened: Edge, quarantine: Path) -> tuple[dict[str, int], list[RenderableType]]:
    """What waits for a person and is not in the outbox: how many of each, and where to look."""
    unknown = len(held.waiting(opened.store, opened.workplace, opened.identity.book))
    asked = len(matters.waiting(opened.store))
    doubted = len(kept_numbers.in_doubt(opened.store))
    notes: list[RenderableType] = []
    if unknown:
        notes.append(note(f"{unknown} kennismaking(en) wachten voordat zij worden getoond: `schakel edge sources`."))
    if asked:
        notes.append(note(f"{asked} zaak of zaken vragen een mens: `schakel edge matters`."))
    if doubted:
        notes.append(note(f"{doubted} keer is niet bekend of wie is gewist weer cliënt is: `schakel edge kept`."))
    letters = len(put_aside(quarantine).letters)
    if letters:
        notes.append(note(f"{letters} bestand(en) met brieven wachten op een mens: `schakel edge letters`."))
    counts = {"unknown_sources": unknown, "matters": asked, "numbers_in_doubt": doubted, "letters": letters}
    return counts, notes


def _answer(opened: Edge, book: AddressBook, one: Matter) -> dict[str, object]:
    grants = [grant for name in one.grants if (grant := GRANTS.get(opened.store, name.encode())) is not None]
    begun = [grant for name in one.begun if (grant := GRANTS.get(opened.store, name.encode())) is not None]
    client = CLIENTS.get(opened.store, one.client.encode())
    return {
        "number": one.number,
        "client": None if client is None else client.number,
        "kind": one.kind,
        "since": date_text(one.made_on),
        "lines": [_line(book, grant) for grant in grants],
        "begun_anew": [_line(book, grant) for grant in begun],
    }


def _line(book: AddressBook, grant: Grant) -> dict[str, object]:
    return {"grant": grant.id, "recipient": book.name_of(grant.recipient), "row": grant.row, "law": grant.law}


def _who(answer: Mapping[str, object]) -> str:
    said = []
    for key, word in (("lines", ""), ("begun_anew", "vanzelf opnieuw begonnen: ")):
        lines = answer[key]
        if isinstance(lines, list) and lines:
            said.append(word + ", ".join(f"{one['recipient']} (regel {one['row']})" for one in lines))
    return "; ".join(said)
