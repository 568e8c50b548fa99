# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel edge rectify` and `schakel edge erase-client`: what a citizen can have undone, here and at who was told."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import RenderableType

from adapters import peers
from adapters.edge import Edge
from adapters.erasure import Outcome, erase
from adapters.intake import Intake
from adapters.rectify import Correction
from adapters.rectify import rectify as put_right
from deploy.commands.desk import at_desk
from deploy.exits import wrong_use
from deploy.given import day_if_given
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, with_screen
from schemas.calendar import date_text
from schemas.event import Ending, Kind


@click.command()
@click.argument("client")
@click.argument("number", type=int)
@click.option("--kind", type=click.Choice([one.value for one in Kind]), help="What it should have been.")
@click.option("--day", help="The right day, YYYY-MM-DD.")
@click.option("--ending", type=click.Choice([one.value for one in Ending]), help="With --kind beeindigd: how it ended.")
@click.option("--allocation", help="The right number of the allocation.")
@edge_option
@with_screen
def rectify(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    number: int,
    kind: str | None,
    day: str | None,
    ending: str | None,
    allocation: str | None,
    config: Path | None,
) -> None:
    """Call back NUMBER about CLIENT (as `edge told` prints it) at everybody who was told, and tell it rightly where that is
    lawful. Put it right in your own system first.
    """
    right = Correction(
        None if kind is None else Kind(kind),
        day_if_given("--day", day),
        None if ending is None else Ending(ending),
        allocation,
    )
    with at_desk(config) as (opened, settings):
        work = opened.workplace
        with work.commit("rectified") as tx:
            done = put_right(tx, work, _intake(opened), opened.client(client), number, right)
        # A crash before this commit: nothing was called back, and the command is given again.
        again = [settings.book.name_of(one) for one in done.told_again]
        only = [settings.book.name_of(one) for one in done.only_called_back]
    parts: list[RenderableType] = []
    if again:
        parts.append(good(f"Wordt teruggenomen en opnieuw verteld aan: {', '.join(again)}."))
    if only:
        parts.append(note(f"Wordt alleen teruggenomen, want opnieuw vertellen mag nu niet: {', '.join(only)}."))
    screen.answer({"told_again": again, "only_called_back": only}, *parts)


def _intake(opened: Edge) -> Intake:
    work, identity = opened.workplace, opened.identity
    return Intake(work, identity.book, identity.own_codes, peers.own_keys(work).event_key)


@click.command(name="erase-client")
@click.argument("client")
@click.option("--by", required=True, help="Who decides, by name.")
@click.option(
    "--tasks-are-over", is_flag=True, help="Also where a statutory task still runs here: its lines are stopped."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@edge_option
@with_screen
def erase_client(
    screen: Screen,
    client: str,
    by: str,
    tasks_are_over: bool,  # click passes it by name
    yes: bool,  # click passes it by name
    config: Path | None,
) -> None:
    """Destroy what is kept about CLIENT, and call back what was told. It can't be undone. AVG art. 17."""
    if not yes and (
        screen.as_json or not click.confirm("Alles over deze cliënt vernietigen? Dit kan niet ongedaan worden gemaakt.")
    ):
        raise wrong_use("Er is niets vernietigd; met --yes gebeurt het.")
    with at_desk(config) as (opened, _):
        work = opened.workplace
        with work.commit("erased") as tx:
            done = erase(tx, work, _intake(opened), opened.client(client), by, tasks_are_over=tasks_are_over)
        # A crash before this commit: nothing was destroyed. After it: it is, and stands sealed in the write-ahead log until
        # this line, the next opening of the store, or the day's cleaning empties that.
        work.store.forget_deleted()
    screen.answer(_data(done), *_said(done))


def _data(done: Outcome) -> dict[str, object]:
    return {
        "destroyed": done.destroyed,
        "called_back": done.called_back,
        "stopped": done.stopped,
        "waits_for_partners": done.waits,
        "number_stays_for_a_refusal": done.stays and not done.waits,
        "consents_until": None if done.consents_until is None else date_text(done.consents_until),
    }


def _said(done: Outcome) -> list[RenderableType]:
    parts: list[RenderableType] = [
        good(f"Vernietigd: {done.destroyed} berichten van anderen, en de inhoud van wat wij vertelden."),
    ]
    if done.called_back:
        parts.append(good(f"Wordt teruggenomen bij wie het hoorde: {done.called_back}. Gestopt: {done.stopped}."))
    if done.waits:
        parts.append(
            note(
                "Nummer en lijnen blijven tot elke ontvanger het weet; de edge vernietigt ze daarna zelf, bij de dagelijkse opruiming."
            )
        )
    elif done.stays:
        parts.append(
            note("Het nummer blijft, alleen om een weigering te kunnen nakomen. Hef die op als de cliënt dat wil.")
        )
    if done.consents_until is not None:
        parts.append(
            note(
                f"Het bewijs van toestemming blijft tot en met {date_text(done.consents_until)}: zo lang kan het worden gevraagd."
            )
        )
    parts.append(
        plain(
            "Blijft volgens de termijnen: wie keek (5 jaar), en bij de hub wat zonder naam, nummer en inhoud is vastgelegd (6 maanden).\n"
            "Niet vernietigd: uw eigen dossier, berichten die uw eigen systeem al kreeg, en reservekopieën van deze edge."
        )
    )
    return parts
