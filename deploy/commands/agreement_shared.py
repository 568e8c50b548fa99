# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the commands about agreements have in common: days, what they say, and the papers for the citizen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import RenderableType

from adapters.agreement import Agreed, Agreement
from adapters.consent_receipt import Receipt
from consent.rules import RuleTable
from deploy.commands.code import ONCE, slips_data
from deploy.compose import write_new
from deploy.dutch import untested
from deploy.exits import failed, wrong_use
from deploy.receipt_html import receipt_html
from deploy.screen import Screen, good, note, plain
from schemas.calendar import date_text, parse_date
from schemas.registry import Fault

_LONGEST_LINE = 64
_STOP_CODES = "De stopcode is voor de cliënt alleen. De volgende ronde van `schakel edge work` vertelt het de hub."


def ended(known: bool) -> list[RenderableType]:
    """What to say when something was stopped."""
    if known:
        return [good("Gestopt, hier en bij de hub. Wat daar nog wachtte, wordt niet meer afgegeven.")]
    return [note("Hier gestopt: er gaat niets meer weg. De hub hoort het bij de volgende ronde die hem bereikt.")]


def the_rule(fault: Fault) -> str:
    """Place and rule of a fault, as `deploy.dutch` knows it."""
    return f"{fault.path} {fault.keyword}"


def typed_birth() -> int:
    """A date of birth that somebody types: never among the arguments, which every user of the machine can see."""
    if sys.stdin.isatty():
        text = str(click.prompt("Geboortedatum (JJJJ-MM-DD)", err=True))
    else:
        text = sys.stdin.readline(_LONGEST_LINE)
    try:
        return parse_date(text.strip())
    except ValueError:
        raise wrong_use("Een geboortedatum is een dag die bestaat, geschreven als 2026-03-31.") from None


def say_made(screen: Screen, made: Agreement, paper: str, texts: Sequence[str], rules: RuleTable) -> None:
    """What was agreed, with the receipt and the slips."""
    screen.answer(made_data(made, paper), *made_shown(made, paper, texts, rules))


def made_data(made: Agreement, paper: str) -> dict[str, object]:
    """What was agreed, for a program."""
    return {
        "made": agreed_data(made.made),
        "to_be_asked": list(made.asked),
        "receipt": paper,
        "codes": slips_data(made.slips),
    }


def made_shown(made: Agreement, paper: str, texts: Sequence[str], rules: RuleTable) -> list[RenderableType]:
    """The same for people: the receipt is for the citizen, whom to ask for the professional."""
    warned = untested(rules.rows[one.row] for one in made.made if one.row in rules.rows)
    return [
        plain(paper),
        *([note(warned)] if warned else []),
        *(note(f"Nog te regelen: {sentence}.") for sentence in made.asked),
        *(plain(text) for text in texts),
        *([note(_STOP_CODES)] if made.made else []),
        *([note(ONCE)] if texts else []),
    ]


def agreed_data(found: Sequence[Agreed]) -> list[dict[str, object]]:
    """Consents for a program."""
    return [asdict(one) | {"begin": date_text(one.begin), "end": date_text(one.end)} for one in found]


def write_papers(receipt: Receipt, organisation: str, html: Path | None, pdf: Path | None) -> list[str]:
    """Write the receipt as HTML and PDF where that was asked; nothing that is there is written over. What was written.

    Raises:
        Stopped: a file is there already, or can't be written.
    """
    written = []
    for kind, file in (("html", html), ("pdf", pdf)):
        if file is None:
            continue
        try:
            write_new(file, _paper(kind, receipt, organisation))
        except FileExistsError:
            raise failed(f"Het bestand van --{kind} bestaat al en wordt niet overschreven.") from None
        except OSError as error:
            raise failed(
                f"Het bestand van --{kind} kan niet worden geschreven: {error.strerror or 'zonder reden'}."
            ) from None
        written.append(kind)
    return written


def _paper(kind: str, receipt: Receipt, organisation: str) -> bytes:
    if kind == "html":
        return receipt_html(receipt, organisation)
    from deploy.receipt_pdf import receipt_pdf  # noqa: PLC0415  # the library is read when a PDF is made, not for --help

    return receipt_pdf(receipt, organisation)
