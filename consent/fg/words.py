# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The Dutch words of the papers for the privacy officer, and the terms that Schakel keeps to.

Guarantees: a code without a word is shown as it is, never left out.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

ROLES: Final = MappingProxyType(
    {
        "gi": "gecertificeerde instelling (GI)",
        "gp": "huisarts",
        "partnership": "samenwerkingsverband passend onderwijs",
        "police": "politie",
        "provider-jeugd": "jeugdhulpaanbieder",
        "provider-wmo": "zorgaanbieder (Wmo)",
        "rvdk": "Raad voor de Kinderbescherming",
        "school": "school",
        "team-jeugd": "team Jeugd van de gemeente",
        "team-pw": "team Participatiewet van de gemeente",
        "team-wmo": "team Wmo van de gemeente",
        "uwv": "UWV",
        "veilig-thuis": "Veilig Thuis",
        "zvh": "Zorg- en Veiligheidshuis",
    }
)
CATEGORIES: Final = MappingProxyType(
    {
        "progress": "voortgang: dat hulp begint, verandert, wordt onderbroken of eindigt, met de dag",
        "service": "dienst: onder welke wet, en het kenmerk van de toewijzing",
    }
)
FOR_CITIZENS: Final = MappingProxyType(
    {
        "progress": "dat uw hulp begint, verandert of stopt",
        "service": "bij welke wet uw hulp hoort en welk besluit erbij hoort",
    }
)
GROUNDS: Final = MappingProxyType(
    {
        "consent": "toestemming",
        "no-objection": "schriftelijke verklaring van geen bezwaar",
        "safety": "veiligheid",
        "statutory": "wettelijke taak",
    }
)
GROUNDS_FOR_CITIZENS: Final = MappingProxyType(
    {
        "consent": "alleen als u ja zegt",
        "no-objection": "alleen als u schriftelijk zegt dat u geen bezwaar heeft",
        "safety": "alleen als er gevaar is",
        "statutory": "omdat het volgens de wet bij het werk hoort",
    }
)
INTRODUCTIONS: Final = MappingProxyType(
    {"bsn": "met het BSN, verzegeld", "code": "met een code die de cliënt meeneemt", "pseudonym": "met een pseudoniem"}
)
OBJECTIONS: Final = MappingProxyType(
    {"stop": "het stopt", "pause": "het wacht tot iemand beslist", "record": "het wordt vastgelegd en gemeld"}
)
LAWS: Final = MappingProxyType(
    {
        "jeugdwet": "Jeugdwet",
        "onderwijs": "onderwijswetten",
        "participatiewet": "Participatiewet",
        "suwi": "Wet SUWI",
        "wams": "Wams (wetsvoorstel)",
        "wgs": "Wgs",
        "wmo": "Wmo 2015",
        "zvw": "Zorgverzekeringswet",
    }
)
MARKS: Final = MappingProxyType(
    {
        "F": "uit een gepubliceerd bestand",
        "L15": "wettekst van 2015",
        "L26": "wettekst van 2026",
        "S": "uit een fragment",
        "M": "uit het geheugen, niet gelezen",
        "D": "eigen voorstel",
    }
)
# Columns of a row that hold the law, with what they are called on paper.
LAW_CELLS: Final = MappingProxyType(
    {
        "processing_basis": "grondslag art. 6 AVG",
        "special_exception": "uitzondering art. 9/10 AVG",
        "secrecy_ground": "doorbreking geheimhouding",
        "bsn_ground": "grond voor het BSN",
        "route": "voorgeschreven weg",
        "onward": "verder gebruik",
        "retention": "bewaartermijn van de ontvanger",
        "inzage": "te zien bij inzage",
        "notice": "bericht aan de cliënt",
    }
)
ONWARD: Final = MappingProxyType({"none": "niet toegestaan"})


class Term(NamedTuple):
    """How long something is kept. `at`: module, name and number of the constant that holds it; None: nothing does yet."""

    what: str
    how_long: str
    at: tuple[str, str, int] | None


_DAY: Final = 86_400_000
TERMS: Final = (
    Term(
        "verzegelde inhoud bij de hub, die op de ontvanger wacht",
        "hoogstens 7 dagen",
        ("hub.pipeline", "WAITS_AT_MOST_MS", 7 * _DAY),
    ),
    Term(
        "verzegelde inhoud na de eerste overdracht",
        "tot de ontvangstbevestiging, hoogstens 24 uur",
        ("hub.delivery", "OUT_AT_MOST_MS", _DAY),
    ),
    Term("uitkomsten voor de afzender", "30 dagen", ("hub.store", "OUTCOME_KEPT_MS", 30 * _DAY)),
    Term(
        "beëindigde grondslagen bij de hub (alleen om te kunnen intrekken wat is verteld)",
        "12 maanden",
        ("hub.grants", "STUB_DAYS", 366),
    ),
    Term(
        "regels van het logboek van de hub, met hun zout",
        "6 maanden (van grondslagen zolang de hub die kent); daarna blijft alleen een getal dat niets meer zegt",
        ("hub.audit.erasure", "TERM_MONTHS", 6),
    ),
    Term(
        "beeld van de keten bij een partner",
        "tot de grondslag eindigt, plus 30 dagen",
        ("adapters.chain_view", "KEPT_DAYS", 30),
    ),
    Term("verteld bericht bij de afzender, na bevestiging", "30 dagen", ("adapters.keeping", "OUTBOX_DAYS", 30)),
    Term(
        "bericht over iemand die de ontvanger niet kent, versleuteld", "30 dagen", ("adapters.inbound", "BOX_DAYS", 30)
    ),
    Term(
        "wat nodig is om een bericht nog in te trekken", "12 maanden", ("adapters.chain_view", "REMEMBERED_DAYS", 366)
    ),
    Term(
        "weigering of bezwaar dat geldt",
        "zolang de cliënt hier bekend is; is die gewist, dan nog 20 jaar (onze lezing: zo lang als het langste dossier)",
        ("adapters.refusal_terms", "ERASED_DAYS", 20 * 366),
    ),
    Term(
        "weigering of bezwaar dat is opgeheven, met het besluit",
        "5 jaar daarna (onze lezing: zo lang als wie keek)",
        ("adapters.refusal_terms", "LIFTED_DAYS", 5 * 366),
    ),
    Term("wie bij een partner keek", "5 jaar (NEN 7513, uit het geheugen)", ("adapters.looks", "KEPT_DAYS", 5 * 366)),
    Term("code waarmee een cliënt zich laat herkennen", "14 dagen", ("adapters.code", "CODE_DAYS", 14)),
)
