# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The Dutch words for what the program calls by a code, for the screens that professionals see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.looks import CHAIN_VIEW, CODE, COULD_SEE, LOG, OVERVIEW
from adapters.records_outgoing import ACTIVE, FROZEN, REPLACED, STOPPED, STOPPING
from consent.fg.law_words import AGES
from consent.rules import JUDGEMENT, Row

GROUNDS: Mapping[str, str] = {
    "consent": "toestemming",
    "no-objection": "verklaring van geen bezwaar",
    "safety": "veiligheid",
    "statutory": "wettelijke taak",
}
CATEGORIES: Mapping[str, str] = {"progress": "voortgang", "service": "wet en toewijzing"}
LOOKED_AT: Mapping[str, str] = {
    CHAIN_VIEW: "wat anderen vertelden",
    OVERVIEW: "overzicht voor de cliënt",
    COULD_SEE: "wie op een dag wat kon zien",
    LOG: "uitvoer van het logboek",
    CODE: "een code ingevoerd",
}
GRANT_STATES: Mapping[str, str] = {
    ACTIVE: "geldt",
    STOPPING: "wordt gestopt",
    STOPPED: "gestopt",
    FROZEN: "wacht op een besluit",
    REPLACED: "vervangen",
}
CONSENT_STATES: Mapping[str, str] = {
    "given": "gegeven",
    "withdrawn": "ingetrokken",
    "outgrown": "verlopen door de leeftijd",
    "ended": "gestopt",
    "elsewhere": "gestopt door een ander, of met de stopcode",
}
# Why the rule table has no room for a grant: place and rule -> what to tell the professional.
NOT_LAWFUL: Mapping[str, str] = {
    "/end before-begin": "de einddatum ligt vóór vandaag",
    "/end too-long": "zo lang mag het volgens de regel niet; kies een eerdere einddatum",
}


NO_ROW = "Geen regel noemt ons en deze partner samen: dan mag er niets."
_CONSENT_BY: Mapping[str | None, str] = {
    "client": "de cliënt zelf",
    "parents": "de ouders met gezag of de voogd",
    "representative": "de vertegenwoordiger",
    None: "nog niet uitgezocht",
}


def who_is_asked(row: Row, ground: str) -> str:
    """Who must be asked before anything may be told under a row, in its words."""
    if ground == "statutory":
        return "niemand: het is een wettelijke taak, die een professional vaststelt"
    if ground == "safety":
        return "niemand: een professional besluit het zelf, voor de veiligheid, en legt vast waarom"
    if ground == "no-objection":
        return "de cliënt, om een schriftelijke verklaring van geen bezwaar"
    if row.consent_by is None:
        return "toestemming; van wie op welke leeftijd is nog niet uitgezocht"
    who: dict[str | None, list[str]] = {}
    for age, words in AGES.items():
        who.setdefault(row.consent_by[age], []).append(words)
    return "toestemming: " + "; ".join(f"{_CONSENT_BY[one]} ({', '.join(ages)})" for one, ages in who.items())


def untested(rows: Iterable[Row]) -> str:
    """A sentence that names the rows that let something pass in test mode only; empty where there is none."""
    named = ", ".join(str(number) for number in dict.fromkeys(row.id for row in rows if row.live and row.unread))
    return f"ALLEEN IN TESTMODUS, want een deel van de wettekst is niet gelezen: regel {named}." if named else ""


def closed_by(row: Row) -> str:
    """Why nobody can be asked, in the words of a row that closes."""
    if not row.in_force:
        return "niemand: deze regel is niet in werking"
    if row.reason == JUDGEMENT:
        return "een mens beoordeelt het ene geval, buiten Schakel om"
    if not row.permits and row.reason in (None, "municipality"):
        return "niemand: de gemeente heeft deze regel uitgezet"
    if not row.source:
        return "niemand: de wet is hiervoor nog niet gelezen, en tot dan is het dicht"
    return "niemand: de wet laat het niet toe"


def categories(names: Iterable[str]) -> str:
    """The data categories of a grant, as a professional reads them."""
    return ", ".join(CATEGORIES.get(name, name) for name in names)


def not_lawful(faults: Iterable[str]) -> str:
    """One sentence about what the rule table has no room for."""
    return "; ".join(NOT_LAWFUL.get(fault, f"de regeltabel staat dit niet toe ({fault})") for fault in faults)
