# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge notices`: whom this organisation must tell what it learned from others (AVG art. 14), and the letter.

The notices for the own system are something else: those are files, written by every pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.rights_letters import (
    BY_THE_TABLE,
    DUE,
    EXCEPTED,
    EXCEPTIONS,
    INFORMED_BY_US,
    KEPT_BACK,
    NOT_READ,
    Letter,
    letters,
    mark,
)
from consent.fg.law_words import purpose_words
from deploy.commands.desk import at_desk
from deploy.commands.rights import HTML
from deploy.exits import failed, wrong_use
from deploy.options import edge_option
from deploy.paper import need_new, to_text, write_html
from deploy.rights_texts import letter_paper
from deploy.rule_words import LAWS
from deploy.screen import Screen, bad, good, plain, table, with_screen
from schemas.calendar import date_text

_STATES = {
    DUE: "te doen",
    INFORMED_BY_US: "gedaan",
    EXCEPTED: "uitzondering",
    BY_THE_TABLE: "volgens de regel al bekend",
    KEPT_BACK: "niet in een brief: regel of besluit",
}

_REASONS = {
    **EXCEPTIONS,
    NOT_READ: "de regel zegt niet dat het al bekend is",
    "at-consent": "gezegd bij de toestemming",
    "before": "vooraf gezegd",
    "with-decision": "gezegd bij het besluit",
    "none": "de regel vraagt geen bericht",
}


@click.command()
@click.argument("client", required=False)
@click.option("--all", "every", is_flag=True, help="Also what was done, and what needs no letter.")
@click.option("--html", type=HTML, help="Write the letters to this file, one page each; it must not be there yet.")
@click.option("--done", is_flag=True, help="With CLIENT and --by: this client was told.")
@click.option(
    "--except",
    "exception",
    type=click.Choice(sorted(EXCEPTIONS)),
    help="With CLIENT and --by: art. 14(5) a to d holds.",
)
@click.option("--by", help="Who told the client or decided, by name.")
@edge_option
@with_screen
def notices(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str | None,
    every: bool,  # click passes it by name
    html: Path | None,
    done: bool,  # click passes it by name
    exception: str | None,
    by: str | None,
    config: Path | None,
) -> None:
    """Who must hear what we learned from others, at latest when; with CLIENT the letter. AVG art. 14."""
    if (done or exception is not None) and (client is None or by is None or (done and exception is not None)):
        raise wrong_use("Geef CLIENT en --by met --done of met --except, niet allebei.")
    need_new(html)
    with at_desk(config) as (opened, settings):
        work, book = opened.workplace, opened.identity.book
        who = None if client is None else opened.client(client)
        found = letters(work.store, work, book, who)
        due = [one for one in found if one.state == DUE]
        papers = [
            letter_paper(
                settings.config.name,
                number,
                [one for one in due if one.client == number],
                work.today,
                settings.config.fg_contact,
            )
            for number in dict.fromkeys(one.client for one in due)
        ]
        if html is not None and not papers:
            raise failed("Er is nu geen brief te schrijven: niemand hoeft nog iets te horen. `--all` laat zien waarom.")
        if html is not None:
            write_html(html, *papers)
        if (done or exception is not None) and who is not None and by is not None:
            with work.commit("informed") as tx:
                count = mark(tx, work, who, due, by, exception)
            # A crash before this commit: nothing was marked, and the command is given again.
            screen.answer({"marked": count}, good(f"Vastgelegd: {count}."))
            return
        today = work.today
    shown = found if every else due
    texts = [plain(to_text(one)) for one in papers] if client is not None else []
    late = sum(one.due < today for one in due)
    warning = [bad(f"Te laat: {late}.")] if late else []
    screen.answer(
        {"letters": [_data(one) for one in shown], "texts": [to_text(one) for one in papers] if client else []},
        _table(shown) if shown else good("Niemand hoeft nu iets te horen; `--all` laat zien wat al is gedaan."),
        *warning,
        *texts,
    )


def _table(found: Sequence[Letter]) -> RenderableType:
    rows = [
        (
            one.client,
            one.sender_name,
            f"{purpose_words(one.purpose)} ({LAWS.get(one.law, one.law)})",
            date_text(one.since),
            date_text(one.due),
            _STATES[one.state],
            one.by or "",
            _REASONS.get(one.reason or "", ""),
        )
        for one in found
    ]
    columns = ("cliënt", "verteld door", "waarvoor", "sinds", "uiterlijk", "stand", "door", "waarom")
    return table("Te laten weten (AVG artikel 14)", columns, rows)


def _data(one: Letter) -> dict[str, object]:
    days = {"since": date_text(one.since), "due": date_text(one.due)}
    return asdict(one) | days | {"at": None if one.at is None else date_text(one.at)}
