# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The rule table in Dutch: roles, laws, columns and cells as a privacy officer (FG) or a lawyer reads them.

* Every word of the table has its Dutch here; a test holds that none is missing.
* A cell that was not read says so, with what its mark stands for; it is never shown as *no*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
_PURPOSES: Mapping[str, str] = {  # where the code alone is no Dutch
    "dezelfde-jeugdhulp": "wie rechtstreeks is betrokken bij dezelfde jeugdhulp",
    "dezelfde-behandeling": "wie rechtstreeks is betrokken bij dezelfde behandeling",
    "huiselijk-geweld-kindermishandeling": "huiselijk geweld of kindermishandeling beëindigen of onderzoeken",
    "levering-jeugdhulp": "levering van jeugdhulp",
    "levering-voorziening": "levering van de voorziening",
    "suwi-taken": "taken van de Wet SUWI",
    "taken-uwv": "taken van UWV",
    "uitvoering-ondertoezichtstelling": "uitvoering van een ondertoezichtstelling",
    "uitvoering-participatiewet": "uitvoering van de Participatiewet",
    "uitvoering-taken-wmo": "uitvoering van taken van de Wmo, met wie daaraan moet meewerken",
    "zvw-zorg": "zorg volgens de Zorgverzekeringswet",
    "afstemming-zvw-zorg": "afstemming van zorg volgens de Zorgverzekeringswet",
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
TEXTS: Mapping[str, str] = {
    "bw7": "BW boek 7",
    "jeugdwet": "Jeugdwet",
    "participatiewet": "Participatiewet",
    "suwi": "Wet SUWI",
    "wmo": "Wmo 2015",
    "wmo-2015": "Wmo 2015",
    "wpg": "Wet politiegegevens",
    "wpo": "Wet op het primair onderwijs",
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
ROUTES: Mapping[str, str] = {
    "corv": "CORV",
    "inlichtingenbureau": "het Inlichtingenbureau",
    "none": "geen",
    "suwinet": "Suwinet",
}
ONWARD: Mapping[str, str] = {"allowed": "de ontvanger mag het doorgeven", "none": "de ontvanger mag het niet doorgeven"}
NOTICES: Mapping[str, str] = {
    "at-consent": "bij het gesprek over de toestemming",
    "before": "vóór het delen",
    "none": "geen bericht",
    "with-decision": "bij de beschikking",
}
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
_NUMBER = re.compile(r"[0-9]")
_YEARS = re.compile(r"(.+)-([0-9]+)y")


def column_name(row: Row, name: str) -> str:
    """What a column of this row is called."""
    return COLUMNS[name] if row.permits else _OF_A_CLOSED_ROW.get(name, COLUMNS[name])


def purpose(row: Row) -> str:
    """The purpose in words."""
    return purpose_words(row.purpose)


def purpose_words(name: str) -> str:
    """A purpose in words, by its name in the table."""
    return _PURPOSES.get(name, name.replace("-", " "))


def day(iso: str) -> str:
    """`2015-01-05` as `5-1-2015`."""
    year, month, number = iso.split("-")
    return f"{int(number)}-{int(month)}-{year}"


def article(steps: str) -> str:
    """`5.2.1-2-a` as `art. 5.2.1, lid 2, onder a`."""
    first, *rest = steps.split("-")
    return ", ".join([f"art. {first}", *(f"lid {one}" if one[0].isdigit() else f"onder {one}" for one in rest)])


def cited(source: Source) -> str:
    """An article with the date of the text that was read."""
    return f"{TEXTS.get(source.text, source.text)} {article(source.article)} (tekst van {day(source.date)})"


def ground_of_law(code: str) -> str:
    """`wmo-5.2.1-2-a` in words; with a term of years at its end as `15 jaar (...)`."""
    years = _YEARS.fullmatch(code)
    if years is not None:
        return f"{years[2]} jaar ({ground_of_law(years[1])})"
    place = _NUMBER.search(code, 3)  # "bw7": its number is part of the name
    if place is None:
        return code
    name, steps = code[: place.start()].removesuffix("-"), code[place.start() :]
    return f"{TEXTS.get(name, name)} {article(steps)}"


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
