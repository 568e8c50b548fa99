# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The rule table as pages in Dutch for a lawyer: the matrix as index, one page for each row.

* No script, nothing from outside, one style in each page: it can be opened from a disk and printed.
* Every cell says what it rests on; what was not read says so in words and colour, never only in colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from consent.fg.law_words import AGES
from consent.fg.words import ROLES as ROLE_WORDS
from consent.rules import JUDGEMENT, ROLES, Row, RuleTable, ways
from deploy.rule_words import (
    COLUMNS,
    NOT_READ,
    REASONS,
    SHORT,
    cell,
    column_name,
    in_one_sentence,
    mark,
    purpose,
    state,
)

LETTER = {"statutory": "W", "consent": "T", "no-objection": "B", "safety": "V"}
_LEAD = (
    "Wie mag wie vertellen dat er iets in beweging is, waarvoor en op welke grond. Wat geen regel toestaat, mag niet. "
    "De afzender staat links, de ontvanger boven; elke cel verwijst naar haar regel."
)
_LEGEND = (
    ("W", "wettelijke taak: een professional stelt haar vast, of zij volgt uit een toewijzing"),
    ("T", "toestemming van de cliënt of wie die vertegenwoordigt"),
    ("B", "schriftelijke verklaring van geen bezwaar"),
    ("V", "veiligheid: een professional besluit het zelf en legt vast waarom"),
    ("dicht", "een regel sluit dit; de pagina van de regel zegt waarom"),
    ("mens", "gaat nooit vanzelf: een mens beoordeelt het ene geval, buiten Schakel om"),
    ("uit", "de regel is niet in werking"),
)
_SECTIONS = (
    ("Wie, wat en waarvoor", ("senders", "recipients", "categories", "purpose", "law", "introduction", "route")),
    (
        "Op welke grond",
        ("grounds", "consent_by", "secrecy_ground", "processing_basis", "special_exception", "bsn_ground"),
    ),
    ("Grenzen en rechten", ("longest_months", "onward", "objection", "notice", "inzage", "retention")),
    ("Herkomst", ("source", "evidence", "in_force", "permits", "reason", "signed_by")),
)
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 "Source Sans 3", "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #1b1b1b; background: #fff;
  margin: 0 auto; padding: 1.5rem; max-width: 74rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem; border-bottom: 2px solid #154273; color: #154273; }
p.lead { font-size: 1.1rem; max-width: 52rem; margin: .3rem 0 1rem; }
p.small, footer { font-size: .85rem; color: #454545; overflow-wrap: anywhere; }
a { color: #154273; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border: 1px solid #b5b5b5; padding: .35rem .5rem; text-align: left; vertical-align: top; }
thead th { background: #eef2f7; }
table.row th { width: 17rem; font-weight: 600; background: #f6f8fa; }
table.row td.mark { width: 19rem; color: #454545; font-size: .88rem; }
table.matrix { font-size: .78rem; line-height: 1.3; table-layout: fixed; }
table.matrix th, table.matrix td { padding: .25rem .15rem; text-align: center; }
table.matrix th { font-size: .7rem; }
table.matrix tbody th { text-align: left; background: #eef2f7; }
table.matrix a { text-decoration: none; white-space: nowrap; }
table.matrix a:hover, table.matrix a:focus { text-decoration: underline; }
td.open { background: #e6f4ea; font-weight: 600; }
td.consent { background: #fff6da; font-weight: 600; }
td.safety { background: #fde8e4; font-weight: 600; }
td.shut { background: #f1f1f1; }
td.shut a { color: #4a4a4a; }
td.unread { background: #fff3cd; }
.tag { display: inline-block; border: 1px solid currentColor; border-radius: .2rem; padding: 0 .4em; font-size: .88em;
  font-weight: 600; white-space: nowrap; }
.tag.ok { color: #1e6b34; } .tag.test { color: #8a5300; } .tag.no { color: #8b1a1a; }
.warn { border-left: .3rem solid #8a5300; background: #fff6da; padding: .5rem .8rem; margin: .8rem 0; }
nav { display: flex; justify-content: space-between; gap: 1rem; font-size: .95rem; margin: 0 0 1rem; }
dl.legend { display: grid; grid-template-columns: 4rem 1fr; gap: .1rem .6rem; margin: .4rem 0 1rem; font-size: .92rem; }
dl.legend dt { font-weight: 700; } dl.legend dd { margin: 0; }
@page { size: A4; margin: 14mm; }
@page matrix { size: A4 landscape; margin: 10mm; }
@media print {
  h2 { break-after: avoid; }
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
  tr, dl.legend { break-inside: avoid; }
  thead { display: table-header-group; }
  td, th, .warn { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  table { font-size: 9pt; }
  table.matrix { font-size: 7.2pt; }
  table.matrix th { font-size: 6.4pt; }
  section.matrix { page: matrix; }
}
"""


def write_pages(table: RuleTable, folder: Path) -> list[Path]:
    """Writes the pages into a folder, over those of an earlier time; their names begin with `index` or `regel-`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(table.rows.values())
    for old in folder.glob("regel-*.html"):
        old.unlink()
    written = [folder / "index.html"]
    written[0].write_text(index_page(table), encoding="utf-8")
    for number, row in enumerate(rows):
        before = rows[number - 1] if number else None
        after = rows[number + 1] if number + 1 < len(rows) else None
        file = folder / page_name(row.id)
        file.write_text(row_page(table, row, before, after), encoding="utf-8")
        written.append(file)
    return written


def page_name(row: int) -> str:
    """The file of a row."""
    return f"regel-{row}.html"


def index_page(table: RuleTable) -> str:
    """The matrix and the list of rows."""
    untested = [row.id for row in table.rows.values() if row.live and row.unread]
    parts = [f"<h1>Regeltabel {escape(table.version)}</h1>", f'<p class="lead">{_LEAD}</p>']
    if untested:
        parts.append(
            f'<p class="warn"><strong>{len(untested)} van de {len(table.rows)} regels staan iets toe terwijl een deel '
            "van hun wettekst niet is gelezen.</strong> Zij werken alleen in testmodus. De pagina van elke regel zegt "
            "welke cellen dat zijn.</p>"
        )
    parts += [_matrix(table), _legend(), _list(table)]
    parts.append(_footer(table))
    return _page(f"Regeltabel {table.version}", parts)


def row_page(table: RuleTable, row: Row, before: Row | None, after: Row | None) -> str:
    """The page of one row."""
    parts = [
        _nav(before, after),
        f"<h1>Regel {row.id}: {escape(purpose(row))}</h1>",
        f'<p class="lead">{escape(in_one_sentence(row))}</p>',
        f"<p>{_tag(row)}</p>",
    ]
    if row.live and row.unread:
        names = ", ".join(_unread_name(one) for one in row.unread)
        parts.append(
            f'<p class="warn"><strong>Alleen in testmodus.</strong> Niet gelezen: {escape(names)}. Buiten testmodus '
            "laadt deze regel niet.</p>"
        )
    for title, columns in _SECTIONS:
        shown = [column for column in columns if not (column == "reason" and row.permits)]
        parts.append(f"<h2>{title}</h2>")
        parts.append(
            '<table class="row"><thead><tr><th>kolom</th><th>inhoud</th><th>berust op</th></tr></thead><tbody>'
        )
        parts += [_line(row, column) for column in shown]
        parts.append("</tbody></table>")
    parts.append(_footer(table))
    return _page(f"Regel {row.id}", parts)


def _unread_name(column: str) -> str:
    name, _, age = column.partition(".")
    return f"{COLUMNS[name]} ({AGES[age]})" if age else COLUMNS[name]


def _line(row: Row, column: str) -> str:
    said = cell(row, column)
    unread = ' class="unread"' if said == NOT_READ or column in row.unread else ""
    return (
        f'<tr><th scope="row">{escape(column_name(row, column))}</th><td{unread}>{escape(said)}</td>'
        f'<td class="mark">{escape(mark(row, column))}</td></tr>'
    )


def _matrix(table: RuleTable) -> str:
    head = "".join(f'<th scope="col" title="{escape(ROLE_WORDS[one])}">{escape(SHORT[one])}</th>' for one in ROLES)
    lines = [
        f'<tr><th scope="row" title="{escape(ROLE_WORDS[sender])}">{escape(SHORT[sender])}</th>'
        + "".join(_pair(table, sender, recipient) for recipient in ROLES)
        + "</tr>"
        for sender in ROLES
    ]
    return (
        '<section class="matrix"><h2>Matrix</h2><table class="matrix"><thead><tr><th>van \\ naar</th>'
        f"{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></section>"
    )


def _pair(table: RuleTable, sender: str, recipient: str) -> str:
    found = ways(table, sender, recipient)
    if found.open:
        links = "<br>".join(_link(way.row, f"{LETTER[way.ground]} {way.row.id}") for way in found.open)
        grounds = {way.ground for way in found.open}
        kind = "open" if "statutory" in grounds else "safety" if grounds == {"safety"} else "consent"
        return f'<td class="{kind}">{links}</td>'
    closed = [row for row in found.closed if row.in_force]
    shut = [(row, "dicht") for row in closed] or [(row, "uit") for row in found.closed]
    # One that is about everybody stands in no cell: it would stand in all.
    shut += [(row, f"mens {row.id}") for row in found.by_person if len(row.senders) < len(ROLES)]
    links = "<br>".join(_link(row, word) for row, word in shut) or "geen regel"
    return f'<td class="shut">{links}</td>'


def _link(row: Row, text: str) -> str:
    return f'<a href="{page_name(row.id)}" title="regel {row.id}: {escape(purpose(row))}">{escape(text)}</a>'


def _legend() -> str:
    lines = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in _LEGEND)
    return f'<h2>Wat de letters zeggen</h2><dl class="legend">{lines}</dl>'


def _list(table: RuleTable) -> str:
    head = "".join(f"<th>{one}</th>" for one in ("regel", "van", "naar", "waarvoor", "grond", "stand"))
    lines = "".join(
        f"<tr><td>{_link(row, str(row.id))}</td><td>{_roles(row.senders)}</td><td>{_roles(row.recipients)}</td>"
        f"<td>{escape(purpose(row))}</td>"
        f"<td>{escape(cell(row, 'grounds') if row.permits else REASONS[row.reason])}</td><td>{_tag(row)}</td></tr>"
        for row in table.rows.values()
    )
    return f"<h2>Alle regels</h2><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _roles(roles: tuple[str, ...]) -> str:
    return "alle rollen" if len(roles) == len(ROLES) else escape(", ".join(SHORT[one] for one in roles))


def _tag(row: Row) -> str:
    said = state(row)
    kind = "ok" if said == "staat toe" else "test" if row.live or row.reason == JUDGEMENT else "no"
    return f'<span class="tag {kind}">{escape(said)}</span>'


def _nav(before: Row | None, after: Row | None) -> str:
    left = _link(before, f"← regel {before.id}") if before else "<span></span>"
    right = _link(after, f"regel {after.id} →") if after else "<span></span>"
    return f'<nav>{left}<a href="index.html">naar de matrix</a>{right}</nav>'


def _footer(table: RuleTable) -> str:
    return (
        f"<footer><p>Regeltabel {escape(table.version)}, SHA-256 {table.hash.hex()}. De tabel is een uitgangspunt voor een "
        "testomgeving en geen juridisch advies: de functionaris gegevensbescherming (FG) van elke gemeente tekent haar "
        "eigen tabel.</p></footer>"
    )


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n".join(_whole(title, parts)) + "\n"


def _whole(title: str, parts: Iterable[str]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="nl">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield from parts
    yield "</body>\n</html>"
