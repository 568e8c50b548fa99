# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`schakel rules`: the rule table, as a privacy officer (FG) reads, narrows, tries out and signs it.

These screens are in Dutch.  A row that permits although a cell of it was not read is named on every one that uses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import RenderableType

from consent.rules import ROLES, Row, RuleTable, TableError, narrow, national, read, read_base, ways
from consent.table_diff import compare
from deploy.commands.rules_sign import rules_sign
from deploy.dutch import CATEGORIES, GROUNDS, untested
from deploy.exits import Exit, failed, refused, wrong_use
from deploy.groups import Group
from deploy.rule_words import COLUMNS, SHORT, cell, column_name, in_one_sentence, mark, purpose, state
from deploy.rules_diff_shown import as_dict, shown_difference, shown_dry_run
from deploy.rules_explained import explain
from deploy.rules_html import LETTER, write_pages
from deploy.rules_traffic import dry_run, read_audit
from deploy.screen import Screen, bad, good, note, plain, table, with_screen
from deploy.table_faults import column_of, first_of
from deploy.table_faults import shown as shown_fault

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_ROLE = click.Choice(ROLES)
_table_option = click.option(
    "--table",
    "file",
    type=_FILE,
    help="The rule table in this file. Without it: the national base of this installation.",
)


_SECTIONS = {
    "Read the table": ("show", "matrix", "explain"),
    "Change it": ("check", "diff", "sign"),
}


@click.group(cls=Group, sections=_SECTIONS)
def rules() -> None:
    """The rule table: show, check, compare, try out, explain, sign."""


rules.add_command(rules_sign)


def _the_table(file: Path | None) -> RuleTable:
    return national(test_mode=True) if file is None else _read(file)


def _read(file: Path) -> RuleTable:
    try:
        return read(file.read_bytes())
    except TableError as error:
        raise refused(f"{file.name} is geen regeltabel: {first_of(error)}") from None


def _untested(rows: Iterable[Row]) -> list[RenderableType]:
    said = untested(rows)
    return [note(said)] if said else []


@rules.command()
@click.argument("row", type=click.IntRange(min=1), required=False)
@click.option(
    "--html", type=click.Path(path_type=Path, file_okay=False), help="Write pages to read and print in FOLDER."
)
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to a file, to narrow it."
)
@_table_option
@with_screen
def show(screen: Screen, row: int | None, html: Path | None, save: Path | None, file: Path | None) -> None:
    """The rule table in Dutch, or one ROW of it with every column."""
    found = _the_table(file)
    if save is not None:
        if save.exists():
            raise failed("Dat bestand bestaat al en wordt niet overschreven. Kies een andere naam.")
        text = json.dumps(json.loads(found.raw), indent=2, ensure_ascii=False)
        save.write_text(f"{text}\n", encoding="utf-8")
        screen.answer(
            {"file": str(save), "version": found.version, "hash": found.hash.hex()},
            good(f"De tabel staat in {save.name}. Na elke verandering: `schakel rules check {save.name}`."),
        )
    elif html is not None:
        pages = write_pages(found, html)
        screen.answer(
            {"folder": str(html), "pages": len(pages), "version": found.version, "hash": found.hash.hex()},
            good(f"{len(pages)} pagina's staan in {html}. Begin bij index.html."),
            *_untested(found.rows.values()),
        )
    elif row is not None:
        if row not in found.rows:
            raise wrong_use("Deze tabel heeft die regel niet. `schakel rules show` noemt ze alle.")
        _show_row(screen, found.rows[row])
    else:
        _show_all(screen, found)


def _show_all(screen: Screen, found: RuleTable) -> None:
    lines = [
        (
            row.id,
            ", ".join(SHORT[one] for one in row.senders) if len(row.senders) < len(ROLES) else "alle",
            ", ".join(SHORT[one] for one in row.recipients) if len(row.recipients) < len(ROLES) else "alle",
            purpose(row),
            cell(row, "grounds") if row.permits else "-",
            state(row),
        )
        for row in found.rows.values()
    ]
    screen.answer(
        {
            "version": found.version,
            "hash": found.hash.hex(),
            "rows": [_as_dict(row) for row in found.rows.values()],
            "test_mode_only": list(found.test_mode_only),
        },
        table(f"Regeltabel {found.version}", ("regel", "van", "naar", "waarvoor", "grond", "stand"), lines),
        plain(f"SHA-256 {found.hash.hex()}"),
        *_untested(found.rows.values()),
    )


def _show_row(screen: Screen, row: Row) -> None:
    columns = [one for one in COLUMNS if one not in ("id", "marks")]
    lines = [(column_name(row, one), cell(row, one), mark(row, one)) for one in columns]
    screen.answer(
        _as_dict(row),
        plain(in_one_sentence(row)),
        table(f"Regel {row.id}", ("kolom", "inhoud", "berust op"), lines),
        *_untested([row]),
    )


def _as_dict(row: Row) -> dict[str, object]:
    cells = {name: getattr(row, name) for name in COLUMNS}
    cells |= {name: list(value) for name, value in cells.items() if isinstance(value, tuple)}
    cells["source"] = [source._asdict() for source in row.source]
    cells["marks"] = dict(row.marks)
    cells["consent_by"] = None if row.consent_by is None else dict(row.consent_by)
    return cells | {"state": state(row), "unread": list(row.unread), "sentence": in_one_sentence(row)}


@rules.command()
@click.argument("file", type=_FILE)
@click.option("--base", is_flag=True, help="FILE is a base itself, such as the national one: it has no gap.")
@with_screen
def check(screen: Screen, file: Path, base: bool) -> None:
    """Name every fault of the rule table in FILE: which row, which column, what to do."""
    text = file.read_bytes()
    try:
        found = read_base(text) if base else narrow(national(test_mode=True), read(text).raw)
    except TableError as error:
        faults = [(fault, shown_fault(fault)) for fault in error.faults]
        screen.answer(
            {
                "sound": False,
                "faults": [
                    {
                        "row": one.row,
                        "column": column_of(fault) or None,
                        "rule": fault.keyword,
                        "what": one.what,
                        "do": one.do,
                    }
                    for fault, one in faults
                ],
            },
            table("Fouten in de tabel", ("regel", "kolom", "wat", "wat te doen"), [one for _, one in faults]),
            bad(f"{len(faults)} fout(en). Met deze tabel start geen hub en geen edge."),
        )
        click.get_current_context().exit(Exit.REFUSED)
    kind = "een landelijke tabel zonder gat" if base else "een tabel die de landelijke alleen inperkt"
    screen.answer(
        {
            "sound": True,
            "version": found.version,
            "hash": found.hash.hex(),
            "rows": len(found.rows),
            "test_mode_only": list(found.test_mode_only),
        },
        good(f"In orde: {kind}, {len(found.rows)} regels."),
        plain(f"SHA-256 {found.hash.hex()}"),
        *_untested(found.rows.values()),
    )


@rules.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.option(
    "--traffic",
    type=click.Path(path_type=Path, exists=True),
    help="Also: what NEW would have refused or released. An export of a log, or the settings of its hub.",
)
@with_screen
def diff(screen: Screen, old: Path, new: Path, traffic: Path | None) -> None:
    """What changes from the table OLD to the table NEW: what is narrowed, widened, and who may no longer tell whom."""
    before, after = _read(old), _read(new)
    found = compare(before, after)
    answer, parts = as_dict(found), shown_difference(found)
    if traffic is not None:
        tried = dry_run(read_audit(traffic), before, after)
        more, shown = shown_dry_run(tried)
        answer, parts = answer | {"traffic": more}, [*parts, *shown]
    screen.answer(answer, *parts, *_untested(after.rows.values()))


@rules.command(name="explain")
@click.argument("sender", type=_ROLE, metavar="SENDER")
@click.argument("recipient", type=_ROLE, metavar="RECIPIENT")
@click.option("--category", type=click.Choice(sorted(CATEGORIES)), help="Only about telling this.")
@click.option("--ground", type=click.Choice(sorted(GROUNDS)), help="Only on this ground.")
@_table_option
@with_screen
def explain_pair(  # one option each; click passes them by name
    screen: Screen, sender: str, recipient: str, category: str | None, ground: str | None, file: Path | None
) -> None:
    """Which row lets SENDER tell RECIPIENT or closes it, and why. Both are roles, such as team-wmo and gp."""
    found = _the_table(file)
    said = explain(found, sender, recipient, category, ground)
    screen.answer(said.as_dict(sender, recipient, found), plain(said.sentence), *_untested(row for row, _ in said.rows))


@rules.command()
@_table_option
@with_screen
def matrix(screen: Screen, file: Path | None) -> None:
    """Who may tell whom: senders down, recipients across; each cell names ground and row."""
    found = _the_table(file)
    lines = [(SHORT[one], *(_pair(found, one, other) for other in ROLES)) for one in ROLES]
    pairs = [
        {
            "sender": one,
            "recipient": other,
            "open": [{"row": way.row.id, "ground": way.ground} for way in ways(found, one, other).open],
            "closed": [row.id for row in ways(found, one, other).closed],
            "by_person": [row.id for row in ways(found, one, other).by_person],
        }
        for one in ROLES
        for other in ROLES
    ]
    screen.answer(
        {
            "version": found.version,
            "hash": found.hash.hex(),
            "pairs": pairs,
            "test_mode_only": list(found.test_mode_only),
        },
        table(f"Regeltabel {found.version}", ("van \\ naar", *(SHORT[one] for one in ROLES)), lines),
        plain("W wettelijke taak, T toestemming, B verklaring van geen bezwaar, V veiligheid, met de regel; - dicht."),
        *_untested(found.rows.values()),
    )


def _pair(found: RuleTable, sender: str, recipient: str) -> str:
    ways_there = ways(found, sender, recipient).open
    return " ".join(f"{LETTER[way.ground]}{way.row.id}" for way in ways_there) or "-"
