# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge missing`, `edge sources` and `edge own-fact`: what a grant rests on, and what may not be passed on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from adapters import held, onward
from adapters.missing import ASK, CLOSED, MESSAGE, NO_BSN, PERSON, REFUSED, STOPPED, Missing, is_allocation, missing
from adapters.showing import OBJECTION, SOURCE
from consent.fg.words import ROLES
from deploy.commands.desk import at_desk
from deploy.dutch import GROUNDS, closed_by, who_is_asked
from deploy.exits import wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, note, table, with_screen
from schemas.calendar import date_text

_SAYS: Mapping[str, str] = {
    REFUSED: "er staat een weigering: zonder dat de cliënt of de professional die opheft gebeurt er niets",
    STOPPED: "een ander heeft deze lijn gestopt: kijk eerst met `schakel edge outbox`",
    NO_BSN: "van deze cliënt is hier geen BSN bekend, en deze regel laat alleen daarmee kennismaken",
}

_WAITS: Mapping[str, str] = {SOURCE: "de bron, of een mens", OBJECTION: "een besluit over het bezwaar"}


@click.command(name="missing")
@click.argument("client")
@edge_option
@with_screen
def edge_missing(screen: Screen, client: str, config: Path | None) -> None:
    """What is missing before the partners of CLIENT may be told, and who must be asked. It makes nothing."""
    with at_desk(config) as (opened, settings):
        work = opened.workplace
        found = missing(work.store, work, opened.identity.book, opened.client(client))
        rows = [
            (
                f"(rol) {ROLES.get(one.role, one.role)}" if one.partner is None else settings.book.name_of(one.partner),
                one.row.id,
                GROUNDS.get(one.ground, "-"),
                says(one),
            )
            for one in found
        ]
    answer = [
        {
            "partner": one.partner,
            "role": one.role,
            "row": one.row.id,
            "law": one.row.law,
            "ground": one.ground or None,
            "missing": one.why,
            "sources": list(one.sources),
            "says": row[-1],
        }
        for one, row in zip(found, rows, strict=True)
    ]
    shown = table("Wat ontbreekt", ("partner", "regel", "grond", "wat te doen"), rows)
    screen.answer(answer, shown if rows else good("Voor deze cliënt ontbreekt niets."))


def says(one: Missing) -> str:
    """What to do about it, in one Dutch sentence."""
    if one.why == ASK:
        return f"vraag {who_is_asked(one.row, one.ground)}"
    if one.why == PERSON:
        named = f" (bijvoorbeeld {', '.join(one.sources)})" if one.sources else ""
        code = "; de cliënt neemt daarna een code mee" if one.row.introduction == "code" else ""
        return f"een professional noemt waar de taak staat{named}: `schakel grant make`{code}"
    if one.why == MESSAGE:
        read = "de toewijzing (301)" if is_allocation(one.row) else "een antwoord over Suwinet"
        return f"niets: dit gaat vanzelf open zodra deze edge {read} heeft gelezen"
    return closed_by(one.row) if one.why == CLOSED else _SAYS[one.why]


@click.command(name="sources")
@click.option(
    "--accept", metavar="NUMBER", help="A person has checked the source of this one: it is shown from now on."
)
@click.option(
    "--refuse", metavar="NUMBER", help="A person finds no ground for this one: destroy what came and stop it."
)
@edge_option
@with_screen
def edge_sources(screen: Screen, accept: str | None, refuse: str | None, config: Path | None) -> None:
    """Introductions that name a source this edge does not know, or against which an objection waits for its decision. Nothing
    of them is shown before somebody accepts them; what was objected to is decided first (`schakel grant objections`).

    The sender does not see whether it is known here. The stop of one that is refused leaves at the next passes.
    """
    if accept is not None and refuse is not None:
        raise wrong_use("Geef --accept of --refuse, niet allebei.")
    with at_desk(config) as (opened, settings):
        work = opened.workplace
        if accept is not None:
            with work.commit("source accepted") as tx:
                held.accept(tx, work, accept)
            # A crash before this commit: it waits as before. After it: it is shown, and its notices will be written.
        if refuse is not None:
            with work.commit("source refused") as tx:
                held.refuse(tx, work, refuse)
            # A crash before this commit: it waits as before. After it: the stop leaves at its minute.
        found = held.waiting(work.store, work, settings.book)
    answer = [
        {
            "number": one.id,
            "client": one.client,
            "sender": one.sender,
            "row": one.row,
            "source": one.source,
            "came": date_text(one.came_on),
            "events": one.events,
            "waits_for": one.why or None,
        }
        for one in found
    ]
    rows = [tuple("-" if cell is None else _WAITS.get(str(cell), cell) for cell in one.values()) for one in answer]
    columns = ("nummer", "cliënt", "van", "regel", "genoemde bron", "sinds", "gebeurtenissen", "wacht op")
    empty = good("Niets van wat partners openden wacht hier op een bron of op een besluit.")
    screen.answer(answer, table("Nog aan niemand getoond", columns, rows) if rows else empty)


@click.command(name="own-fact")
@click.argument("number", type=int)
@edge_option
@with_screen
def edge_own_fact(screen: Screen, number: int, config: Path | None) -> None:
    """Say that NUMBER in the outbox is a fact of this organisation itself, and not what a partner told it.

    Only for what was held back because it looked like what was told under a law that forbids to pass it on.
    """
    with at_desk(config) as (opened, _), opened.workplace.commit("own fact") as tx:
        onward.own_fact(tx, number)
        # A crash before this commit: it is held back as before. After it: nothing is sent by that alone.
    screen.answer(
        {"number": number, "own_fact": True},
        good(f"Nummer {number} is een eigen feit."),
        note(f"Vertel het met `schakel edge settle {number} --tell-again`."),
    )
