# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel agreement talk`: the whole agreement in one conversation of at most six questions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from adapters.agreement import Agreement, Conversation, plan, receipt_now
from adapters.agreement_plan import situation_of
from adapters.citizen_text import citizen_text
from adapters.consent_receipt import about
from adapters.consent_words import born as known_birth
from adapters.conversation import (
    LARGEST,
    LONGEST,
    QUESTIONS,
    UNTIL,
    YES,
    AnswerError,
    Answers,
    answered,
    choices,
    conversation,
    next_question,
    read_answers,
)
from adapters.edge import Edge
from adapters.lines import NotLawfulError
from adapters.renewals import STATES, as_typed, last_answers
from consent.precedence import OBJECTED
from consent.whose import EXPRESS
from deploy.commands.agreement_shared import made_data, made_shown, the_rule, write_papers
from deploy.commands.code import slip_texts
from deploy.commands.desk import at_desk, at_work
from deploy.compose_edge import Settings
from deploy.dutch import not_lawful
from deploy.exits import refused, wrong_use
from deploy.options import edge_option
from deploy.screen import Screen, note, plain, with_screen

_FILE = click.Path(path_type=Path, dir_okay=False)
_BEFORE = "Vorige keer: {}. Klopt dat nog, druk dan op Enter."
_OFFERS = {UNTIL: "Voorstel: {}. Met Enter neemt u dat over."}  # a renewal is not held to the end of before


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the edge knows before, and what it works out on the way: whose word it takes, and the text to read out.

    `before`: what was answered last time, which is offered at a renewal.
    """

    known: int | None
    today: int
    current: tuple[str, ...]
    needed: tuple[str, ...] = ()
    text: str = ""
    elsewhere: tuple[str, ...] = ()
    before: Answers = field(default_factory=Answers)


@click.command()
@click.argument("client")
@click.option(
    "--answers",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A JSON file with the answers; what it lacks is not asked but refused.",
)
@click.option("--with", "partners", multiple=True, help="A partner that may know: answers that question.")
@click.option(
    "--renew",
    is_flag=True,
    help="With all partners of now, or of before a birthday; offers what was answered then, but never who says yes.",
)
@click.option("--strike", "struck", multiple=True, help="Leave this partner out after all (name or address).")
@click.option("--manner", type=click.Choice(EXPRESS), help="How everybody says it. Without it: in-person.")
@click.option("--html", type=_FILE, help="Write the receipt as one HTML page to this new file.")
@click.option("--pdf", type=_FILE, help="Write the receipt as PDF to this new file.")
@edge_option
@with_screen
def talk(  # noqa: PLR0913  # one option each; click passes them by name
    screen: Screen,
    client: str,
    file: Path | None,
    partners: tuple[str, ...],
    renew: bool,
    struck: tuple[str, ...],
    manner: str | None,
    html: Path | None,
    pdf: Path | None,
    config: Path | None,
) -> None:
    """Agree with CLIENT in one conversation: asks what is not known, works out whose word it takes, makes the grants."""
    answers = Answers() if file is None else _from_file(file)
    facts = _look(config, client, renew=renew)
    named = (*partners, *(facts.current if renew else ()))
    answers = replace(answers, partners=named) if named else answers
    answers = replace(answers, manner=manner) if manner is not None else answers
    answers, facts = _converse(screen, config, client, answers, facts, struck=struck, asks=file is None)
    with at_work(config) as (opened, settings):
        talked = conversation(answers, parents_too=settings.config.parents_consent_too)
        refusing = _objections(opened, settings, client, talked)
        left = tuple(name for name in talked.partners if _address(settings, name) not in refusing)
        made = _make(opened, client, replace(talked, partners=left)) if left else Agreement((), (), "")
        paper = receipt_now(opened.store, opened.workplace, settings.book, opened.client(client), left)
    written = write_papers(paper, settings.config.name, html, pdf)
    names = [settings.book.name_of(address) for address in refusing]
    text = f"{settings.config.name}\n\n{made.receipt}" if made.receipt else ""
    screen.answer(
        made_data(made, text) | {"objected": names, "written": written},
        *(note(f"Bezwaar vastgelegd: {name} wordt niets verteld.") for name in names),
        *(made_shown(made, text, slip_texts(settings, made.slips), opened.workplace.rules) if text else []),
    )


def _from_file(file: Path) -> Answers:
    with file.open("rb") as opened:
        return read_answers(opened.read(LARGEST + 1))


def _look(config: Path | None, client: str, *, renew: bool) -> _Facts:
    with at_desk(config) as (opened, _):
        found = opened.client(client)
        work = opened.workplace
        newest = {(one.recipient, one.row): one for one in opened.agreements(client)}
        now = tuple(dict.fromkeys(one.recipient for one in newest.values() if one.state in STATES))
        before = last_answers(opened.store, work, found, work.today) if renew else Answers()
        return _Facts(known_birth(opened.store, found.id), work.today, now, before=before)


def _converse(
    screen: Screen,
    config: Path | None,
    client: str,
    answers: Answers,
    facts: _Facts,
    *,
    struck: tuple[str, ...],
    asks: bool,
) -> tuple[Answers, _Facts]:
    """Ask until nothing is open. The store is free while somebody thinks: a running edge goes on."""
    planned = False
    while True:
        key = next_question(answers, facts.known, facts.today)
        if not planned and key in (YES, None, UNTIL):
            answers = replace(answers, partners=_without(config, answers.partners or (), struck))
            facts, planned = _worked_out(config, client, answers, facts), True
            if not facts.needed:  # nobody is asked what nobody can give: what follows says why
                return replace(answers, yes=(), until=LONGEST), facts
            if asks and key == YES:
                screen.say(plain(facts.text))
        if key is None:
            return answers, facts
        if not asks:
            raise wrong_use(f"In het bestand met antwoorden staat geen `{key}`, en dat is voor dit gesprek nodig.")
        answers = _ask(key, answers, facts)


def _ask(key: str, answers: Answers, facts: _Facts) -> Answers:
    shown = ", ".join(choices(key, answers, facts.known, facts.today, facts.needed))
    offered = as_typed(facts.before, key) if facts.before != Answers() else None
    question = QUESTIONS[key].replace("{choices}", shown)
    if offered is not None:
        question += f"\n  {_OFFERS.get(key, _BEFORE).format(offered)}"
    while True:
        typed = str(click.prompt(question, default=offered, show_default=False, err=True, prompt_suffix="\n> "))
        try:
            return answered(answers, key, typed)
        except AnswerError as error:
            click.echo(f"{str(error).capitalize()}.", err=True)


def _without(config: Path | None, partners: tuple[str, ...], struck: tuple[str, ...]) -> tuple[str, ...]:
    with at_desk(config) as (_, settings):
        out = {_address(settings, name) for name in struck}
        return tuple(name for name in partners if _address(settings, name) not in out)


def _worked_out(config: Path | None, client: str, answers: Answers, facts: _Facts) -> _Facts:
    with at_desk(config) as (opened, settings):
        found = opened.client(client)
        talked = conversation(answers, parents_too=settings.config.parents_consent_too)
        planned = plan(opened.store, opened.workplace, settings.book, found, talked)
        reader = about(situation_of(opened.store, found, talked), facts.today)
        names = list(dict.fromkeys(step.partner.name for step in planned.steps))
        return replace(facts, needed=planned.needed, text=citizen_text(names, reader.whom), elsewhere=planned.asked)


def _objections(opened: Edge, settings: Settings, client: str, talked: Conversation) -> list[str]:
    """Keep the objection of whoever can object: nothing is told to these partners from now on. Their addresses."""
    planned = plan(opened.store, opened.workplace, settings.book, opened.client(client), talked)
    refusing = [partner.address for partner in planned.objected(talked.objects)]
    for address in refusing:
        asyncio.run(opened.stop(client, address, OBJECTED))
    return refusing


def _make(opened: Edge, client: str, talked: Conversation) -> Agreement:
    try:
        return opened.make_agreement(client, talked)
    except NotLawfulError as error:
        raise refused(f"Dit kan niet: {not_lawful(map(the_rule, error.faults))}.") from None


def _address(settings: Settings, name: str) -> str:
    found = settings.book.by_name(name)
    return name if found is None else found.address
