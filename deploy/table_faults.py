# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is wrong in a rule table, and what to do about it: in Dutch for who writes one, in English for who runs a hub.

A fault names row, column and rule, never a value: a table is public, and what somebody typed into it by mistake may not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consent.rules import TableError, TableFault
from deploy.rule_words import COLUMNS, SHORT

_NAMES: Mapping[str, str] = {**COLUMNS, "version": "versie"}
_WORD = ("dit woord kent de tabel niet", "kies een woord dat in de landelijke tabel staat")
_FORM = ("deze waarde heeft niet de vorm die hier moet", "schrijf haar zoals in de landelijke tabel")
_SETS = ("er staat te weinig, te veel of iets dubbel", "noem elk woord één keer, en ten minste één")
FAULTS: Mapping[str, tuple[str, str]] = {
    "additionalProperties": ("deze kolom bestaat niet", "verbeter de typefout of haal haar weg"),
    "canonical": ("dit is niet de vorm waarin tabellen worden gepubliceerd", "maak haar met `schakel rules sign`"),
    "carried-on": (
        "deze regel vertelt verder wat volgens een andere regel bij de ontvanger moet blijven",
        "haal deze regel weg, of laat de wet, het doel en de bron zoals ze in de landelijke tabel staan",
    ),
    "const": _WORD,
    "contradiction": ("deze regel staat toe wat een andere regel sluit", "laat één van de twee vervallen"),
    "duplicate": ("dit regelnummer staat er twee keer", "haal één van de twee weg"),
    "enum": _WORD,
    "format": _FORM,
    "gap": ("over deze twee rollen zegt geen regel iets", "voeg een regel toe die het toestaat of sluit"),
    "integer": _FORM,
    "json": ("het bestand is geen JSON, of een naam staat dubbel", "begin bij een kopie van de landelijke tabel"),
    "mark": ("een lege cel heeft geen merkteken", "zet in `marks` wat er wel bekend is, of M"),
    "maxItems": _SETS,
    "maxLength": _FORM,
    "maxProperties": ("hier hoort niets te staan zonder toestemming als grond", "maak de cel leeg: {}"),
    "maximum": _FORM,
    "minItems": _SETS,
    "minimum": _FORM,
    "narrow": (
        "dit gaat verder dan de landelijke tabel of wijkt ervan af",
        "haal weg wat erbij kwam: een gemeente kan regels, rollen, categorieën, gronden en maanden alleen weghalen",
    ),
    "order": ("regels en woorden staan op volgorde", "zet regels op nummer en woorden op alfabet"),
    "pattern": _FORM,
    "permits": ("een regel die toestaat noemt geen reden om dicht te zijn", "maak `reason` leeg: null"),
    "required": (
        "er ontbreekt een kolom, of een leeftijd bij toestemming",
        "voeg haar toe; zonder tekst wordt het null",
    ),
    "schema": _FORM,
    "size": ("het bestand is groter dan 1 MiB", "begin bij een kopie van de landelijke tabel"),
    "test-mode": (
        "deze regel staat toe terwijl een cel niet is gelezen",
        "gebruik haar alleen in testmodus, of zet `permits` op false",
    ),
    "twice": ("deze regel zegt hetzelfde als een andere regel", "haal één van de twee weg"),
    "type": _FORM,
    "uniqueItems": _SETS,
}
_DO: Mapping[tuple[str, str], str] = {  # where more can be said of one column
    (
        "version",
        "pattern",
    ): "een jaar, een streepje en een nummer, zo nodig met kleine letters erachter: 2026-4-voorbeeldstad",
    (
        "reason",
        "narrow",
    ): "schrijf `municipality`, of laat haar leeg (null): de regel zegt dan dat de gemeente haar sluit",
}
_OTHER = ("deze waarde kan niet", "schrijf haar zoals in de landelijke tabel")
_ENGLISH: Mapping[str, str] = {
    "additionalProperties": "there is no such column",
    "carried-on": "hands on what another row keeps with its recipient",
    "contradiction": "permits what another row closes",
    "duplicate": "this number stands there twice",
    "enum": "is a word that the table does not know",
    "gap": "no row says anything about these two roles",
    "json": "the file is no JSON, or a name stands there twice",
    "mark": "an empty cell has no mark",
    "narrow": "goes beyond the national base or differs from it",
    "order": "is not in order",
    "required": "a column is missing",
    "test-mode": "permits while a cell was not read: for test mode only",
    "twice": "says the same as another row",
}


class Shown(NamedTuple):
    """One fault for people."""

    row: int | None
    column: str
    what: str
    do: str


def shown(fault: TableFault) -> Shown:
    """The fault in Dutch."""
    what, do = FAULTS.get(fault.keyword, _OTHER)
    column, other = place(fault)
    do = _DO.get((column_of(fault), fault.keyword), do)
    if fault.keyword == "gap":
        sender, recipient = fault.path.split("/")[1:]
        column = f"{SHORT[sender]} naar {SHORT[recipient]}"
    return Shown(fault.row, column, f"{what} ({other})" if other else what, do)


def in_dutch(column: str) -> str:
    """The column in Dutch, with its name in the file."""
    words = _NAMES.get(column)
    return f"{words} (`{column}`)" if words else column


def place(fault: TableFault) -> tuple[str, str]:
    """The column in which a fault is, in Dutch, and the other row that it has to do with; empty where there is none."""
    name = column_of(fault)
    other = fault.path.rpartition("/")[2] if fault.keyword in ("contradiction", "twice") else ""
    return (
        in_dutch(name) if name else "de hele regel" if fault.row else "het hele bestand"
    ), other and f"regel {other}"


def column_of(fault: TableFault) -> str:
    """The name of the column in the file, empty when the fault is of a whole row or file."""
    steps = [step for step in fault.path.split("/") if step]
    if steps[:1] == ["rows"]:
        steps = steps[2:]
    return next((step for step in steps if step in _NAMES), "")


def first_of(error: TableError) -> str:
    """The first fault in one sentence, with how to see all of them."""
    first = shown(error.faults[0])
    where = f"regel {first.row}, {first.column}" if first.row else first.column
    return f"{where}: {first.what}. `schakel rules check` noemt alle fouten."


def in_english(faults: Iterable[TableFault]) -> str:
    """The first faults, for the operator of a hub or edge that does not start."""
    named = list(faults)
    said = [_sentence(fault) for fault in named[:_SHOWN]]
    more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return "; ".join(said) + more


_SHOWN = 5


def _sentence(fault: TableFault) -> str:
    column = column_of(fault)
    where = " ".join(
        one for one in (f"row {fault.row}" if fault.row else "", f"column {column}" if column else "") if one
    )
    return f"{where or 'the file'}: {_ENGLISH.get(fault.keyword, f'breaks the rule {fault.keyword!r}')}"
