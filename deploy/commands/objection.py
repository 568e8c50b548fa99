# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel grant object` and what follows: an objection, its decision, what the citizen is told; and a hold for safety."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from adapters.edge import Edge
from adapters.objections import (
    OUTCOMES,
    OVERRULED,
    TAKEN_BACK,
    UPHELD,
    Decision,
    Objecting,
    decide,
    goes_on,
    informed,
    is_open,
    need,
    object_to,
    of_client,
    waiting,
)
from adapters.records_outgoing import CLIENTS
from adapters.records_people import OBJECTIONS, REFUSALS, Objection, Refused
from adapters.refusals import refuse
from adapters.shelf import Reads
from consent.precedence import EXCEPTED, HELD
from consent.whose import CAPACITIES
from deploy.commands.agreement_shared import ended
from deploy.commands.desk import at_desk, at_work
from deploy.compose_edge import Settings
from deploy.exits import wrong_use
from deploy.given import partner_address
from deploy.objection_texts import text_for_citizen
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen
from schemas.calendar import date_text

_OUTCOMES = {UPHELD: "gegrond", OVERRULED: "ongegrond", TAKEN_BACK: "teruggenomen"}


@click.command(name="object")
@click.argument("client")
@click.option("--with", "partner", help="Only about this partner (name or address); without it about all.")
@click.option("--role", help="Only about every partner in this role, instead of --with.")
@click.option("--row", type=int, help="Only about this rule, as `schakel grant ways` shows it.")
@click.option("--incoming", is_flag=True, help="Against being told by others, instead of against telling them.")
@click.option("--except", "excepted", multiple=True, help="A partner that may know all the same; may be repeated.")
@click.option("--given-by", type=click.Choice(CAPACITIES), default="client", show_default=True, help="Who objected.")
@edge_option
@with_screen
def grant_object(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    partner: str | None,
    role: str | None,
    row: int | None,
    incoming: bool,
    excepted: tuple[str, ...],
    given_by: str,
    config: Path | None,
) -> None:
    """CLIENT objects. What may be weighed stops until somebody has decided; what a law lets go on is kept, and goes on."""
    if partner is not None and (role is not None or excepted):
        raise wrong_use("--with noemt één partner: geef daar geen --role en geen --except bij.")
    with at_work(config) as (opened, settings):
        names = [partner_address(settings, one) for one in excepted]
        address = None if partner is None else partner_address(settings, partner)
        to = Objecting(address, role, row, incoming, tuple(names), given_by)
        with opened.workplace.commit("objection") as tx:
            made = object_to(tx, opened.workplace, opened.client(client).id, to)
        # A crash here: it counts, and the order to stop at the hub is on disk.
        known = asyncio.run(opened.send_stops())
        shown = _shown(opened, settings, made)
    parts = [good(f"Bezwaar {made.number} is vastgelegd."), *(ended(known) if "record" not in made.effects else [])]
    if made.decide_by is not None:
        parts.append(note(f"Beslis uiterlijk {date_text(made.decide_by)}: `schakel grant decide-objection`."))
    if goes_on(made):
        parts.append(note("Onder sommige regels gaat het delen door. Vertel dit de cliënt, met deze tekst:"))
    text = text_for_citizen(made, incoming=incoming)
    screen.answer(shown | {"hub_knows": known, "text": text}, *parts, plain(text))


@click.command(name="objections")
@click.argument("client", required=False)
@edge_option
@with_screen
def grant_objections(screen: Screen, client: str | None, config: Path | None) -> None:
    """What waits for a decision, with the days left, and what the citizen must still be told. With CLIENT: every one kept."""
    with at_desk(config) as (opened, settings):
        if client is None:
            found = waiting(opened.store)
        else:
            found = [one for one, _ in of_client(opened.store, opened.client(client).id)]
        shown = [_shown(opened, settings, one) for one in found]
    rows = [
        (one["number"], one["client"], one["about"], one["direction"], one["made_on"], one["left"], one["stand"])
        for one in shown
    ]
    columns = ("nummer", "cliënt", "over", "richting", "gemaakt op", "dagen over", "stand")
    screen.answer(shown, table("Bezwaren", columns, rows))


@click.command(name="decide-objection")
@click.argument("number", type=click.IntRange(min=1))
@click.option(
    "--outcome", type=click.Choice(OUTCOMES), required=True, help="taken-back: the citizen no longer objects."
)
@click.option("--by", required=True, help="Who decides: the name of a person.")
@click.option("--reason", required=True, help="Why. It is kept here, and the citizen is told.")
@edge_option
@with_screen
def grant_decide_objection(
    screen: Screen, number: int, outcome: str, by: str, reason: str, config: Path | None
) -> None:
    """Decide objection NUMBER. Unless it is upheld, what it ended goes on under a new grant, once the next pass has told the hub."""
    with at_desk(config) as (opened, settings):
        with opened.workplace.commit("objection decided") as tx:
            decided, made = decide(tx, opened.workplace, number, Decision(outcome, by, reason))
        # A crash here: decided, with the grants that go on; their introductions wait in the outbox.
        shown = _shown(opened, settings, decided)
        incoming = REFUSALS.need(opened.store, decided.refusal.encode()).incoming
    parts = [good(f"Bezwaar {number}: {_OUTCOMES[outcome]}. {_comes_of(outcome, len(made), incoming=incoming)}")]
    if any(one.by_code and not one.introduced for one in made):
        parts.append(
            note("De ontvanger weet niet meer om wie het gaat: druk een code af met `schakel edge code print`.")
        )
    if incoming and outcome != UPHELD:
        parts.append(note("Vraag de afzender om opnieuw te beginnen: alleen die kan dat."))
    text = text_for_citizen(decided, incoming=incoming)
    screen.answer(
        shown | {"made": [one.id for one in made], "text": text},
        *parts,
        note("Vertel dit de cliënt, en leg het vast met `schakel grant inform`:"),
        plain(text),
    )


def _comes_of(outcome: str, made: int, *, incoming: bool) -> str:
    if outcome == UPHELD:
        return "Het delen blijft gestopt, tot iemand het met naam opheft of de cliënt zelf iets anders zegt."
    if incoming:
        return "Hier wordt het niet meer tegengehouden."
    return "Er was niets om mee verder te gaan." if not made else f"Het delen gaat verder: {made} keer."


@click.command(name="inform")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--by", help="Who has told the citizen: the name of a person. Without it: only show the text.")
@edge_option
@with_screen
def grant_inform(screen: Screen, number: int, by: str | None, config: Path | None) -> None:
    """What to tell the citizen about objection NUMBER; with --by: keep that it was told today."""
    with at_desk(config) as (opened, settings):
        if by is not None:
            with opened.workplace.commit("citizen informed") as tx:
                informed(tx, opened.workplace, number, by)
            # A crash before this commit: it is still listed as to be told.
        found = need(opened.store, number)
        shown = _shown(opened, settings, found)
        incoming = REFUSALS.need(opened.store, found.refusal.encode()).incoming
    text = text_for_citizen(found, incoming=incoming)
    screen.answer(shown | {"text": text}, plain(text), *([good("Vastgelegd.")] if by is not None else []))


@click.command(name="except")
@click.argument("client")
@click.option("--for", "partner", required=True, help="The partner that may know all the same (name or address).")
@click.option("--row", type=int, help="Only under this rule.")
@click.option("--incoming", is_flag=True, help="An exception to not being told, instead of to not telling.")
@edge_option
@with_screen
def grant_except(
    screen: Screen, client: str, partner: str, row: int | None, incoming: bool, config: Path | None
) -> None:
    """CLIENT excepts a partner from what was refused for all or for a role. Opens nothing by itself, and no hold."""
    with at_desk(config) as (opened, settings):
        work, address = opened.workplace, partner_address(settings, partner)
        with work.commit("exception") as tx:
            new = Refused(work.id(), opened.client(client).id, address, EXCEPTED, work.now, incoming=incoming, row=row)
            refuse(tx, new)
        # A crash before this commit: the refusal stands without the exception.
    said = f"Vastgelegd: {settings.book.name_of(address)} mag het wel. Maak zo nodig een afspraak of toestemming."
    screen.answer({"excepted": address, "row": row, "incoming": incoming}, good(said))


@click.command(name="hold")
@click.argument("client")
@click.option("--for", "partner", help="Only for this partner (name or address); without it for all.")
@edge_option
@with_screen
def grant_hold(screen: Screen, client: str, partner: str | None, config: Path | None) -> None:
    """Hold back everything about CLIENT for somebody's safety (OP003). Nobody else sees more than that it stopped.

    It goes before any consent or exception, not before what exists for safety itself (Veilig Thuis, a GI), and ends only when a person
    lifts it: `schakel grant lift --hold`.
    """
    with at_work(config) as (opened, settings):
        address = None if partner is None else partner_address(settings, partner)
        known = asyncio.run(opened.stop(client, address, HELD))
    screen.answer({"stopped": True, "hub_knows": known}, *ended(known))


def _shown(opened: Edge, settings: Settings, one: Objection) -> dict[str, object]:
    """An objection for a screen: by the client's own number, with the days that are left."""
    refusal = REFUSALS.need(opened.store, one.refusal.encode())
    today = opened.workplace.today
    return {
        "number": one.number,
        "client": CLIENTS.need(opened.store, one.client.encode()).number,
        "about": _about(settings, refusal),
        "row": refusal.row,
        "direction": "ontvangen" if refusal.incoming else "vertellen",
        "given_by": one.given_by,
        "effects": list(one.effects),
        "made_on": date_text(one.made_on),
        "decide_by": None if one.decide_by is None else date_text(one.decide_by),
        "left": one.decide_by - today if one.decide_by is not None and is_open(one) else None,
        "stand": _stand(one, today),
        "outcome": one.outcome or None,
        "decided_by": one.decided_by or None,
        "reason": one.reason or None,
        "informed_on": None if one.informed_on is None else date_text(one.informed_on),
    }


def decision_on(reads: Reads, refusal: Refused) -> str | None:
    """What a person decided about an objection, in words; None where nobody did."""
    decided = [one for one in OBJECTIONS.find(reads, "refusal", refusal.id.encode()) if one.outcome]
    if not decided:
        return None
    last = decided[-1]
    return f"{_OUTCOMES[last.outcome]}, {last.decided_by} op {date_text(last.decided_on or last.made_on)}"


def _about(settings: Settings, refusal: Refused) -> str:
    who = refusal.role or "iedereen"
    if refusal.recipient is not None:
        who = settings.book.name_of(refusal.recipient)
    return who if refusal.row is None else f"{who}, regel {refusal.row}"


def _stand(one: Objection, today: int) -> str:
    if is_open(one):
        return (
            "TE LAAT: beslis nu, het delen blijft gestopt" if today > (one.decide_by or 0) else "wacht op een besluit"
        )
    done = _OUTCOMES[one.outcome] if one.outcome else "vastgelegd" if goes_on(one) else "gestopt"
    return done if one.informed_on is not None else f"{done}; vertel het de cliënt"
