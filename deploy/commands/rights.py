# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge inzage` and what belongs to it: what a citizen sees, what is kept from that, and who looked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from adapters.looks import OVERVIEW, REPORT, WHAT, WHY, look, looks_at, record
from adapters.records_incoming import INTRODUCTIONS, TOLD
from adapters.records_outgoing import Client
from adapters.records_people import Limited
from adapters.rights import Fact, Ground, Report, report
from adapters.rights_limits import ASKERS, CLIENT, GROUNDS, Scope, end_limit, limit, limits
from adapters.shelf import gone_key, number_key
from adapters.workplace import Workplace
from consent.fg.law_words import purpose_words
from deploy.commands.desk import at_desk
from deploy.compose_edge import Settings
from deploy.dutch import LOOKED_AT
from deploy.exits import wrong_use
from deploy.given import partner_address
from deploy.options import edge_option
from deploy.paper import moment, need_new, timestamp, to_screen, write_html
from deploy.rights_texts import MAYBE, report_paper
from deploy.rule_words import LAWS
from deploy.screen import Screen, good, note, table, with_screen
from deploy.viewer import viewer
from schemas.calendar import date_text, day_of

HTML = click.Path(path_type=Path, dir_okay=False)
_AS = "Who looks, by name. Without it the account of the machine."


@click.command()
@click.argument("client")
@click.option(
    "--asked-by", "asker", type=click.Choice(ASKERS), default=CLIENT, show_default=True, help="Who asks for it."
)
@click.option("--html", type=HTML, help="Write the report for the citizen to this file too; it must not be there yet.")
@click.option("--as", "name", help=_AS)
@edge_option
@with_screen
def inzage(screen: Screen, client: str, asker: str, html: Path | None, name: str | None, config: Path | None) -> None:
    """What is kept about CLIENT, for the citizen who asks: who told us, whom we told, on which ground, who looked."""
    need_new(html)
    with at_desk(config) as (opened, settings):
        work, who = opened.workplace, opened.client(client)
        with work.commit("report seen") as tx:
            record(tx, work, viewer(name, REPORT), who.id, OVERVIEW)
        # A crash before this commit: nothing was shown.
        found = report(work.store, work, opened.identity.book, who, asker)
        paper = report_paper(settings.config.name, found, settings.config.fg_contact)
        if html is not None:
            write_html(html, paper)
    screen.answer(report_data(settings.config.name, found), *to_screen(paper))


def report_data(name: str, found: Report) -> dict[str, object]:
    """The report for a program: the same, and no more."""
    return {
        "organisation": name,
        "client": found.client,
        "asked_by": found.asker,
        "made_on": date_text(found.made_on),
        "remark": MAYBE,
        "received": [_fact(one) for one in found.received],
        "told": [_fact(one) for one in found.told],
        "permissions": [
            asdict(one) | {"since": date_text(one.since), "until": _date(one.until), "ground": _ground(one.ground)}
            for one in found.permissions
        ],
        "consents": [
            asdict(one) | {name: _date(getattr(one, name)) for name in ("given_on", "begin", "end", "withdrawn_on")}
            for one in found.consents
        ],
        "objections": [
            asdict(one) | {"since": date_text(one.since), "lifted_on": _date(one.lifted_on)} for one in found.objections
        ],
        "seen": [asdict(one) | {"at": timestamp(one.at)} for one in found.seen],
    }


def _fact(one: Fact) -> dict[str, object]:
    days = {name: _date(getattr(one, name)) for name in ("on", "day", "until", "called_back_on")}
    return asdict(one) | days | {"ground": _ground(one.ground)}


def _ground(one: Ground) -> dict[str, object]:
    return asdict(one) | {"sources": [source._asdict() for source in one.sources]}


def _date(day: int | None) -> str | None:
    return None if day is None else date_text(day)


# -- what is kept from the report --------------------------------------------------------------------------------


@click.command()
@click.argument("client")
@click.option("--ground", type=click.Choice(sorted(GROUNDS)), required=True, help="On which ground of the law.")
@click.option("--by", required=True, help="Who decides, by name.")
@click.option("--partner", help="Everything told by or to this partner (name or address).")
@click.option("--number", type=int, help="Only what was told under this number, as `edge told` prints it.")
@click.option("--received", "mark", help="Only what came under this mark, as `edge received` prints it.")
@click.option("--against", type=click.Choice(ASKERS), help="Only when this one asks. Without it: whoever asks.")
@edge_option
@with_screen
def inzage_limit(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    ground: str,
    by: str,
    partner: str | None,
    number: int | None,
    mark: str | None,
    against: str | None,
    config: Path | None,
) -> None:
    """Keep something from the report about CLIENT, by decision of a named person. Without --partner, --number and
    --received: everything told under the law of the ground.
    """
    if sum(one is not None for one in (partner, number, mark)) > 1:
        raise wrong_use("Geef één van --partner, --number en --received, of geen.")
    with at_desk(config) as (opened, settings):
        work, who = opened.workplace, opened.client(client)
        if number is not None and number not in {one.number for one in opened.told(client)}:
            raise wrong_use(
                "Onder dit nummer is over deze cliënt niets verteld; `schakel edge told` laat zien wat wel."
            )
        item = number_key(number) if number is not None else None if mark is None else _received(work, who, mark)
        scope = Scope(None if partner is None else partner_address(settings, partner), item, against)
        with work.commit("limited") as tx:
            made = limit(tx, work, who, ground, by, scope)
        # A crash before this commit: nothing was decided, and the command is given again.
    screen.answer(
        {"decision": made.id, "ground": ground}, good(f"Vastgelegd onder {made.id}: {GROUNDS[ground].article}.")
    )


@click.command()
@click.argument("client")
@click.option("--end", "decision", help="End this decision, as this command lists it; needs --by.")
@click.option("--by", help="Who ends it, by name.")
@edge_option
@with_screen
def inzage_limits(screen: Screen, client: str, decision: str | None, by: str | None, config: Path | None) -> None:
    """The decisions that keep something from the report about CLIENT: for the professional, never for the citizen."""
    if (decision is None) != (by is None):
        raise wrong_use("Geef --end en --by samen.")
    with at_desk(config) as (opened, settings):
        work, who = opened.workplace, opened.client(client)
        if decision is not None and by is not None:
            if decision not in {one.id for one in limits(work.store, who.id)}:
                raise wrong_use("Zo'n besluit is er over deze cliënt niet.")
            with work.commit("limit ended") as tx:
                end_limit(tx, work, decision, by)
            # A crash before this commit: the decision stands, and the command is given again.
        found = limits(work.store, who.id)
    rows = [_limit_row(settings, one) for one in found]
    columns = ("kenmerk", "grond", "artikel", "over", "als dit vraagt", "door", "op", "beëindigd")
    parts = [table("Niet in het overzicht", columns, rows)]
    unread = sorted({GROUNDS[one.ground].article for one in found if GROUNDS[one.ground].mark == "M"})
    if unread:
        parts.append(note(f"Niet gelezen wetstekst, laat een jurist kijken: {'; '.join(unread)}."))
    screen.answer([_limit_data(one) for one in found], *parts)


def _limit_row(settings: Settings, one: Limited) -> tuple[str, ...]:
    about = "alles onder deze wet"
    if one.partner is not None:
        about = settings.book.name_of(one.partner)
    elif one.item is not None:
        about = "één bericht"
    ended = "" if one.ended_at is None else f"{date_text(day_of(one.ended_at))} door {one.ended_by}"
    ground = GROUNDS[one.ground]
    asker = {None: "iedereen", "client": "de cliënt"}.get(one.against, "de vertegenwoordiger")
    return one.id, ground.words, ground.article, about, asker, one.by, date_text(day_of(one.at)), ended


def _limit_data(one: Limited) -> dict[str, object]:
    data = asdict(one) | {"item": None if one.item is None else one.item.hex()}
    return data | {
        "at": date_text(day_of(one.at)),
        "ended_at": None if one.ended_at is None else date_text(day_of(one.ended_at)),
    }


def _received(work: Workplace, client: Client, mark: str) -> bytes:
    found = [
        gone_key(told.sender, told.event_id)
        for one in INTRODUCTIONS.find(work.store, "client", client.id.encode())
        for told in TOLD.find(work.store, "secret", one.secret)
        if told.event_id.hex() == mark
    ]
    if not found:
        raise wrong_use("Over deze cliënt kwam niets onder dit kenmerk; `schakel edge received` laat zien wat wel.")
    return found[0]


# -- who looked ------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("client")
@click.option("--as", "name", help=_AS)
@edge_option
@with_screen
def received(screen: Screen, client: str, name: str | None, config: Path | None) -> None:
    """What came about CLIENT, each with the mark by which `edge inzage-limit` names it. The look is recorded."""
    with at_desk(config) as (opened, _):
        work = opened.workplace
        found = look(work, opened.identity.book, viewer(name, REPORT), [opened.client(client)])
    lines = [line for view in found for line in view.lines]
    rows = [(one.event_id.hex(), one.sender_name, date_text(one.told_on), one.what) for one in lines]
    answer = [{"mark": mark, "told_by": partner, "told_on": on, "what": what} for mark, partner, on, what in rows]
    screen.answer(answer, table("Verteld aan ons", ("merk", "door", "op", "wat"), rows))


@click.command()
@click.argument("client")
@edge_option
@with_screen
def looks(screen: Screen, client: str, config: Path | None) -> None:
    """Who saw what is kept about CLIENT, when and why: for the privacy officer."""
    with at_desk(config) as (opened, _):
        found = looks_at(opened.workplace.store, opened.client(client).id)
    rows = [
        (
            moment(one.at),
            one.by,
            one.account,
            LOOKED_AT.get(one.what, one.what),
            WHY[one.why],
            ", ".join(map(_task, one.tasks)),
        )
        for one in found
    ]
    answer = [
        {"at": timestamp(one.at), "by": one.by, "account": one.account, "what": WHAT[one.what], "why": one.why}
        | {"tasks": list(one.tasks)}
        for one in found
    ]
    screen.answer(answer, table("Gekeken", ("wanneer", "wie", "account", "wat", "waarom", "taken"), rows))


def _task(name: str) -> str:
    """A task, which is kept as purpose/law, in words."""
    purpose, _, law = name.partition("/")
    return f"{purpose_words(purpose)} ({LAWS.get(law, law)})"
