# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel agreement export` and `import`: consent records for others, and a FHIR Consent of another system."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.address_book import AddressBook
from adapters.consent_export import FORMS, export
from adapters.consent_import import Line, Proposal, propose
from adapters.edge import Edge
from consent.fhir_consent import Answer
from consent.fhir_json import SIZE_LIMIT, ConsentError
from consent.precedence import OBJECTED
from deploy.commands.desk import at_desk, at_work
from deploy.compose import write_new
from deploy.exits import failed, refused, wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, good, note, plain, table, with_screen

_FILE = click.Path(path_type=Path, dir_okay=False)
_WORDS = {Answer.PERMIT: "staat toe", Answer.DENY: "weigert", Answer.NONE: "zegt er niets over"}


@click.command(name="export")
@click.argument("client")
@click.option("--as", "form", type=click.Choice(FORMS), required=True, help="DPV as JSON-LD, or a FHIR R4 Bundle.")
@click.option("--out", type=_FILE, required=True, help="File to write. It holds personal data; never overwritten.")
@edge_option
@with_screen
def agreement_export(screen: Screen, client: str, form: str, out: Path, config: Path | None) -> None:
    """Write every consent record of CLIENT, withdrawn ones too, for another system or for the citizen."""
    with at_desk(config) as (opened, _):
        made, count = export(opened.store, opened.workplace, opened.client(client), form)
    if out.exists():
        raise failed("Dat bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
    write_new(out, made)  # a crash here: a part of it may be there, and the next try names it
    screen.answer({"consents": count, "form": form}, good(f"{count} toestemming(en) geschreven."))


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--client", required=True, help="Own number of the client whom it is about.")
@click.option(
    "--confirm", is_flag=True, help="Keep its refusals. Without it they are shown, and asked for at a terminal."
)
@click.option(
    "--only",
    multiple=True,
    help="Keep the refusal of this partner only (name or address), also one that only may be meant; can be given again.",
)
@edge_option
@with_screen
def agreement_import(  # one option each; click passes them by name
    screen: Screen, file: Path, client: str, confirm: bool, only: tuple[str, ...], config: Path | None
) -> None:
    """Read a FHIR R4 Consent in FILE (JSON or XML): what it refuses becomes a refusal once confirmed, what it permits only a proposal."""
    with file.open("rb") as opened_file:
        raw = opened_file.read(SIZE_LIMIT + 1)
    with at_desk(config) as (opened, _):
        try:
            proposal = propose(raw, opened.client(client), opened.workplace, opened.identity.book)
        except ConsentError as error:
            raise refused(_unreadable(error)) from None
        chosen = _chosen(proposal, opened.identity.book, only)
    screen.say(*_shown(proposal))
    kept = bool(chosen) and (confirm or _is_confirmed(screen))
    if kept:
        with at_work(config) as (opened, _):
            _keep(opened, client, chosen)
    screen.answer(_data(proposal, chosen, kept=kept), *_outcome(chosen, kept=kept))


def _unreadable(error: ConsentError) -> str:
    """Why a document can't be relied on, by place and rule; without a word of it."""
    if any(fault.path == "/resourceType" or fault.keyword == "json" for fault in error.faults):
        return "Dit is geen FHIR R4 Consent. Geef één Consent, in JSON of XML; een Bundle of een ander document niet."
    return (
        f"Op dit document kan niemand vertrouwen ({error}). Laat de leverancier van het bronsysteem kijken; wat elke regel "
        "betekent, staat op de pagina over toestemming op papier."
    )


def _chosen(proposal: Proposal, book: AddressBook, only: tuple[str, ...]) -> tuple[str | None, ...]:
    """Against whom refusals are kept: those that are sure, or those of the partners that a person named."""
    if not only:
        return proposal.refused
    refusing = {line.partner.address for line in proposal.lines if line.answer is Answer.DENY}
    named = [book.by_name(name) for name in only]
    found = tuple(one.address for one in named if one is not None and one.address in refusing)
    if len(found) < len(only):
        raise wrong_use("--only noemt een partner uit het adresboek die in het document wordt geweigerd.")
    return found


def _is_confirmed(screen: Screen) -> bool:
    if screen.as_json or not sys.stdin.isatty():
        return False
    return click.confirm("Deze weigeringen vastleggen, na overleg met de cliënt?")


def _keep(opened: Edge, client: str, chosen: tuple[str | None, ...]) -> None:
    for partner in chosen:
        # A crash here: those before it stand, and the same import once more keeps the rest and repeats nothing.
        asyncio.run(opened.stop(client, partner, OBJECTED))


def _shown(proposal: Proposal) -> Iterator[RenderableType]:
    rows = [(line.partner.name, _said(line), _next(line)) for line in proposal.lines]
    yield table("Wat dit document zegt", ("partner", "document", "wat er kan"), rows)
    if proposal.everyone:
        yield note("Het document weigert alles, aan iedereen: ook aan partners die er nog niet zijn.")
    if not proposal.patient_compared:
        yield note(
            "Het document noemt geen nummer dat hier van deze cliënt bekend is: controleer zelf over wie het gaat."
        )


def _said(line: Line) -> str:
    return _WORDS[line.answer] + ("" if line.sure else ", misschien")


def _next(line: Line) -> str:
    if line.answer is Answer.PERMIT and line.rows:
        numbers = ", ".join(str(one) for one in line.rows)
        return f"bespreek het met de cliënt en leg een afspraak vast (regel {numbers})"
    if line.answer is Answer.PERMIT:
        return "niets: geen regel staat dat op toestemming toe"
    if line.refuses:
        return "weigering vastleggen"
    return "beoordeel zelf wat er bedoeld is (--only)" if line.answer is Answer.DENY else "niets"


def _data(proposal: Proposal, chosen: tuple[str | None, ...], *, kept: bool) -> dict[str, object]:
    return {
        "partners": [
            {
                "address": line.partner.address,
                "name": line.partner.name,
                "answer": line.answer,
                "sure": line.sure,
                "rows": list(line.rows),
            }
            for line in proposal.lines
        ],
        "everyone": proposal.everyone,
        "patient_compared": proposal.patient_compared,
        "refused": list(chosen),
        "kept": kept,
    }


def _outcome(chosen: tuple[str | None, ...], *, kept: bool) -> Iterator[RenderableType]:
    if kept:
        yield good("De weigeringen staan. Alleen een mens heft ze op.")
    elif chosen:
        yield note("Er is niets vastgelegd. Herhaal dit met --confirm om de weigeringen vast te leggen.")
    else:
        yield plain("Er is niets om vast te leggen: wat dit document toestaat, geldt hier pas na een eigen afspraak.")
