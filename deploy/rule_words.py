# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The rule table in Dutch: roles, laws, columns and cells as a privacy officer (FG) or a lawyer reads them.

* Every word of the table has its Dutch here; a test holds that none is missing.
* A cell that was not read says so, with what its mark stands for; it is never shown as *no*.
"""

from __future__ import annotations

from collections.abc import Mapping

from consent.fg.law_words import NOTICES, ROUTES, TEXTS, article, ground_of_law, purpose_words
from consent.fg.words import ROLES
from consent.rules import JUDGEMENT, Row, Source
from deploy.dutch import GROUNDS, categories, who_is_asked

THE: Mapping[str, str] = {  # in a sentence
    **{role: f"de {words}" for role, words in ROLES.items()},
    **{role: f"het {ROLES[role]}" for role in ("partnership", "team-jeugd", "team-pw", "team-wmo", "zvh")},
    "uwv": "UWV",
    "veilig-thuis": "Veilig Thuis",
}
SHORT: Mapping[str, str] = {
    "gi": "GI",
    "gp": "huisarts",
    "partnership": "SWV onderwijs",
    "police": "politie",
    "provider-jeugd": "jeugdhulp",
    "provider-wmo": "aanbieder Wmo",
    "rvdk": "RvdK",
    "school": "school",
    "team-jeugd": "team Jeugd",
    "team-pw": "team PW",
    "team-wmo": "team Wmo",
    "uwv": "UWV",
    "veilig-thuis": "Veilig Thuis",
    "zvh": "ZVH",
}
LAWS: Mapping[str, str] = {
    "avg": "AVG",
    "jeugdwet": "Jeugdwet",
    "onderwijs": "onderwijswetten",
    "participatiewet": "Participatiewet",
    "suwi": "Wet SUWI",
    "wams": "Wams (wetsvoorstel)",
    "wgs": "Wet gegevensverwerking door samenwerkingsverbanden",
    "wmo": "Wmo 2015",
    "wpg": "Wet politiegegevens",
    "zvw": "Zorgverzekeringswet",
}
MARKS: Mapping[str, str] = {
    "D": "eigen voorstel van Schakel, niet uit een wet",
    "F": "gelezen in een gepubliceerd bestand",
    "L15": "gelezen in de wettekst van 2015, die kan zijn veranderd",
    "L26": "gelezen in de wettekst van 1 januari 2026",
    "M": "niet gelezen",
    "S": "alleen een uittreksel gezien",
}
REASONS: Mapping[str | None, str] = {
    "judgement": "dit gaat nooit vanzelf: een mens beoordeelt het ene geval, buiten Schakel om",
    "law": "de wet laat het niet toe",
    "municipality": "de gemeente wil het niet",
    "unread": "de wet is hiervoor nog niet gelezen, en tot dan is het dicht",
    None: "de gemeente heeft de regel uitgezet",
}
INTRODUCTIONS: Mapping[str, str] = {
    "bsn": "met het BSN, verzegeld",
    "code": "met een eenmalige code, zonder nummer",
    "pseudonym": "met een pseudoniem per paar partijen",
}
OBJECTIONS: Mapping[str, str] = {
    "pause": "het delen wacht tot een professional heeft besloten",
    "record": "het bezwaar wordt vastgelegd en de cliënt hoort waarom het delen doorgaat",
    "stop": "het delen stopt",
}
ONWARD: Mapping[str, str] = {"allowed": "de ontvanger mag het doorgeven", "none": "de ontvanger mag het niet doorgeven"}
COLUMNS: Mapping[str, str] = {
    "id": "nummer",
    "purpose": "doel",
    "law": "wet van de afzender",
    "senders": "wie mag vertellen",
    "recipients": "aan wie",
    "categories": "wat, ten hoogste",
    "processing_basis": "grondslag AVG art. 6",
    "special_exception": "uitzondering AVG art. 9 of 10",
    "secrecy_ground": "doorbreking geheimhouding",
    "bsn_ground": "grond voor het BSN",
    "grounds": "soort grond",
    "consent_by": "wiens toestemming",
    "introduction": "hoe de ontvanger weet om wie het gaat",
    "route": "voorgeschreven route",
    "onward": "doorgeven door de ontvanger",
    "longest_months": "geldt ten hoogste",
    "objection": "bij bezwaar",
    "retention": "bewaartermijn in de dossiers",
    "inzage": "zichtbaar bij inzage",
    "notice": "bericht aan de cliënt",
    "source": "bron",
    "evidence": "wat is gelezen",
    "in_force": "in werking",
    "permits": "staat toe",
    "reason": "waarom dicht",
    "signed_by": "getekend door",
    "marks": "merktekens",
}
_OF_A_CLOSED_ROW: Mapping[str, str] = {  # that a row names somebody does not say that anybody may
    "senders": "van wie",
    "recipients": "naar wie",
    "categories": "wat",
    "grounds": "dicht, ook op deze gronden",
}
NOT_READ = "niet gelezen"


def column_name(row: Row, name: str) -> str:
    """What a column of this row is called."""
    return COLUMNS[name] if row.permits else _OF_A_CLOSED_ROW.get(name, COLUMNS[name])


def purpose(row: Row) -> str:
    """The purpose in words."""
    return purpose_words(row.purpose)


def day(iso: str) -> str:
    """`2015-01-05` as `5-1-2015`."""
    year, month, number = iso.split("-")
    return f"{int(number)}-{int(month)}-{year}"


def cited(source: Source) -> str:
    """An article with the date of the text that was read."""
    return f"{TEXTS.get(source.text, source.text)} {article(source.article)} (tekst van {day(source.date)})"


def cell(row: Row, column: str) -> str:
    """What a column of a row says, in words."""
    value = getattr(row, column)
    match column:
        case "senders" | "recipients":
            return ", ".join(ROLES[one] for one in value)
        case "categories":
            return categories(value)
        case "grounds":
            return ", ".join(GROUNDS[one] for one in value)
        case "source":
            return "; ".join(map(cited, value)) or "geen: er is voor deze regel geen wettekst gelezen"
        case "consent_by":
            return _consent(row)
        case "longest_months":
            return f"{value} maanden"
        case "in_force" | "permits" | "inzage":
            return NOT_READ if value is None else "ja" if value else "nee"
        case "reason":
            return "-" if row.permits else REASONS[value]
        case "signed_by":
            return value or "nog door niemand"
        case "purpose":
            return purpose(row)
        case _:
            return _word(column, value)


def _word(column: str, value: object) -> str:
    words: Mapping[str, str] = {
        "law": LAWS,
        "introduction": INTRODUCTIONS,
        "route": ROUTES,
        "onward": ONWARD,
        "objection": OBJECTIONS,
        "notice": NOTICES,
        "evidence": MARKS,
    }.get(column, {})
    if value is None:
        return NOT_READ
    text = str(value)
    return words.get(text) or (
        ground_of_law(text) if column.endswith(("ground", "basis", "exception", "retention")) else text
    )


def _consent(row: Row) -> str:
    if "consent" not in row.grounds:
        return "geen toestemming nodig" if row.permits else "-"
    if not row.permits:
        return "ook toestemming opent dit niet"
    return who_is_asked(row, "consent")


def mark(row: Row, column: str) -> str:
    """What a cell rests on, in words; empty where the table has no mark for it."""
    return MARKS.get(row.marks.get(column, ""), "")


def state(row: Row) -> str:
    """What a row does, in a few words."""
    if not row.in_force:
        return "niet in werking"
    if row.permits:
        return "alleen in testmodus" if row.unread else "staat toe"
    return "een mens beslist" if row.reason == JUDGEMENT else "dicht"


def in_one_sentence(row: Row) -> str:
    """The rule, as one sentence."""
    who, whom = (_whoever(roles) for roles in (row.senders, row.recipients))
    what = categories(row.categories)
    if not row.permits:
        return f"Van {who} naar {whom}: {REASONS[row.reason]}."
    on = _either([GROUNDS[ground] for ground in row.grounds])
    said = f"{who} mag {whom} vertellen dat er iets in beweging is ({what}), op grond van {on} ({LAWS[row.law]})"
    said += f". Waarvoor: {purpose(row)}"
    off = "" if row.in_force else "; deze regel is niet in werking, dus dit mag nu niet"
    return f"{said[0].upper()}{said[1:]}{off}."


def _whoever(roles: tuple[str, ...]) -> str:
    return "wie dan ook" if len(roles) == len(ROLES) else _either([THE[one] for one in roles])


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} of {words[-1]}"
