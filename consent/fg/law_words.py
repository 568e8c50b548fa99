# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Purposes, articles of law, routes, ages and notices of the rule table in Dutch, for every screen and paper that names them.

Guarantees: a code without a word is shown as it is, never left out; a test holds that none of the national table is without.
"""

import re
from types import MappingProxyType
from typing import Final

_PURPOSES: Final = MappingProxyType(
    {  # where the code alone is no Dutch
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
)
TEXTS: Final = MappingProxyType(
    {
        "bw7": "BW boek 7",
        "jeugdwet": "Jeugdwet",
        "participatiewet": "Participatiewet",
        "suwi": "Wet SUWI",
        "wmo": "Wmo 2015",
        "wmo-2015": "Wmo 2015",
        "wpg": "Wet politiegegevens",
        "wpo": "Wet op het primair onderwijs",
    }
)
NOTICES: Final = MappingProxyType(
    {
        "at-consent": "bij het gesprek over de toestemming",
        "before": "vóór het delen",
        "none": "geen bericht",
        "with-decision": "bij de beschikking",
    }
)
ROUTES: Final = MappingProxyType(
    {
        "corv": "CORV",
        "inlichtingenbureau": "het Inlichtingenbureau",
        "none": "geen",
        "suwinet": "Suwinet",
    }
)
AGES: Final = MappingProxyType(
    {
        "under-12": "tot 12 jaar",
        "12-15": "12 tot 16 jaar",
        "16-17": "16 en 17 jaar",
        "adult": "volwassen",
        "incapable-minor": "minderjarig en wilsonbekwaam",
        "incapable-adult": "volwassen en wilsonbekwaam",
    }
)
_NUMBER: Final = re.compile(r"[0-9]")
_YEARS: Final = re.compile(r"(.+)-([0-9]+)y")


def purpose_words(name: str) -> str:
    """A purpose in words, by its name in the table."""
    return _PURPOSES.get(name, name.replace("-", " "))


def article(steps: str) -> str:
    """`5.2.1-2-a` as `art. 5.2.1, lid 2, onder a`."""
    first, *rest = steps.split("-")
    return ", ".join([f"art. {first}", *(f"lid {one}" if one[0].isdigit() else f"onder {one}" for one in rest)])


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
