# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The papers themselves, as Markdown in Dutch: DPIA input, register lines (art. 30 AVG), and model texts with the names filled in.

Guarantees: each names every partner, every row in use, every term and every cell that nobody read; none can hold anything of a
citizen, since nothing of one comes in. What is not set is said to be missing, never made up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from consent.fg.law_words import NOTICES, ROUTES, ground_of_law, purpose_words
from consent.fg.paper import LAWYER, bullets, plain, table, template, words
from consent.fg.rows import Party, Used, unread_cells
from consent.fg.words import (
    CATEGORIES,
    FOR_CITIZENS,
    GROUNDS,
    GROUNDS_FOR_CITIZENS,
    INTRODUCTIONS,
    LAW_CELLS,
    LAWS,
    OBJECTIONS,
    ONWARD,
    ROLES,
    TERMS,
)
from schemas.address import oin_of

MISSING: Final = "**nog in te vullen**"
_STATES: Final = {"admitted": "toegelaten", "suspended": "geschorst", "removed": "verwijderd"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a paper is made from. `owner`: the operator (of a hub), or the partner (of an edge).

    `measured` and `risks`: the measured linkability and the residual risks, as the project publishes them.
    """

    day: str
    name: str
    owner: str | None
    fg_contact: str | None
    parties: tuple[Party, ...]
    used: tuple[Used, ...]
    table_version: str
    table_hash: str
    strict: bool
    test_mode: bool
    controllers: tuple[str, ...] = ()
    owner_oin: str | None = None
    owner_dpia: str | None = None
    address: str | None = None
    spread_days: int | None = None
    measured: str = ""
    risks: tuple[str, ...] = ()


def dpia(facts: Facts) -> str:
    """Input for the DPIA of a hub."""
    return _joined(
        f"# Invoer voor de DPIA: hub {plain(facts.name)}",
        f"{LAWYER} Gemaakt op {facts.day}.",
        "## Wie",
        bullets(_who(facts)),
        "## Partners",
        _parties(facts.parties),
        "## Wat de hub verwerkt",
        template("hub-verwerkt.md", {}),
        "Soorten gegevens in een bericht, alleen leesbaar bij afzender en ontvanger:",
        bullets(CATEGORIES.get(one, one) for one in _categories(facts.used)),
        "## Regels in gebruik",
        f"Regeltabel {facts.table_version}, SHA-256 `{facts.table_hash}`. In gebruik is elke geldende regel die een van deze "
        "partners een andere laat inlichten. Partners kunnen de tabel nog beperken.",
        _rules(facts.used),
        "## Cellen die niemand heeft gelezen",
        "Een regel met zo'n cel werkt alleen in de testmodus. Er is geen wet verzonnen.",
        bullets(f"regel {one.row.id}: {'; '.join(cells)}" for one in facts.used if (cells := unread_cells(one.row))),
        "## Termijnen",
        _terms(),
        "## Hoe goed de hub kan raden wie bij elkaar hoort",
        facts.measured or MISSING,
        "## Restrisico's",
        "Wat Schakel niet wegneemt, zoals het in het dreigingsmodel staat:",
        bullets(facts.risks),
        "## Wat u zelf moet beschrijven",
        template("dpia-zelf.md", {}),
    )


def register_of_processor(facts: Facts) -> str:
    """The lines of the register of the hub's operator, a processor (art. 30(2) AVG)."""
    head = ("onderdeel", "inhoud")
    rows = [
        ("verwerker", _or_missing(facts.owner)),
        ("FG", _or_missing(facts.fg_contact)),
        ("verwerkingsverantwoordelijken", "; ".join(plain(one) for one in facts.controllers) or MISSING),
        ("voor wie nog meer", "de partners hieronder, ieder voor de eigen berichten"),
        (
            "categorieën van verwerkingen",
            (
                "verzegelde berichten aannemen, toetsen aan de regeltabel, overdragen en verantwoorden; de inhoud is voor de hub "
                "niet leesbaar"
            ),
        ),
        ("regels", ", ".join(str(one.row.id) for one in facts.used) or "geen"),
        ("doorgifte buiten de EER", f"{MISSING}; Schakel zelf stuurt niets daarheen"),
        (
            "beveiliging",
            "versleuteling tussen afzender en ontvanger; wederzijdse TLS; logboek met bewijs; zie het dreigingsmodel",
        ),
    ]
    return _joined(
        f"# Register van verwerkingen (art. 30 lid 2 AVG): hub {plain(facts.name)}",
        f"{LAWYER} Gemaakt op {facts.day}.",
        table(head, rows),
        _operator_line(facts),
        "## Partners",
        _parties(facts.parties),
        "## Termijnen",
        _terms(),
    )


def register_of_controller(facts: Facts) -> str:
    """The lines of the register of one partner, a controller (art. 30(1) AVG): one per row that it takes part in."""
    return _joined(
        f"# Register van verwerkingen (art. 30 lid 1 AVG): {plain(facts.name)}",
        f"{LAWYER} Gemaakt op {facts.day}.",
        table(
            ("onderdeel", "inhoud"),
            [
                ("verwerkingsverantwoordelijke", f"{plain(facts.name)} (`{facts.address}`)"),
                ("FG", _or_missing(facts.fg_contact)),
                ("verwerker", f"de beheerder van de hub: {MISSING}"),
                ("betrokkenen", "eigen cliënten over wie een grondslag is geregistreerd"),
                ("doorgifte buiten de EER", f"{MISSING}; Schakel zelf stuurt niets daarheen"),
                (
                    "beveiliging",
                    "versleuteling tot bij de ontvanger; versleutelde opslag, sleutel elders; zie het dreigingsmodel",
                ),
            ],
        ),
        *(_register_line(one) for one in facts.used),
        "## Partners in het adresboek",
        _parties(facts.parties),
        "## Termijnen",
        _terms(),
    )


def _register_line(used: Used) -> str:
    row = used.row
    cells = [
        ("doel", f"{purpose_words(row.purpose)} ({LAWS.get(row.law, row.law)})"),
        ("wie vertelt wie", f"{words(used.senders, ROLES)} aan {words(used.recipients, ROLES)}"),
        ("gegevens", words(row.categories, CATEGORIES)),
        ("grond om te vertellen", words(row.grounds, GROUNDS)),
        *((word, _law(used, name)) for name, word in LAW_CELLS.items()),
        ("kennismaken", INTRODUCTIONS.get(row.introduction, row.introduction)),
        ("bij bezwaar", OBJECTIONS.get(row.objection, row.objection)),
        ("hoogstens geldig", f"{row.longest_months} maanden"),
        ("werkt nu", _works(used)),
    ]
    return f"## Regel {row.id}\n\n" + table(("onderdeel", "inhoud"), cells)


def processor_agreement(facts: Facts) -> str:
    """A model of the agreement between the controllers and the hub's operator."""
    return template(
        "verwerkersovereenkomst.md",
        {
            "lawyer": LAWYER,
            "operator": _or_missing(facts.owner),
            "hub": plain(facts.name),
            "controllers": bullets(plain(one) for one in facts.controllers) if facts.controllers else MISSING,
            "fg": _or_missing(facts.fg_contact),
            "partners": _parties(facts.parties),
            "rows": ", ".join(str(one.row.id) for one in facts.used) or "geen",
            "table": f"{facts.table_version}, SHA-256 `{facts.table_hash}`",
            "terms": _terms(),
            "is_partner": _operator_line(facts),
        },
    )


def privacy_statement(facts: Facts) -> str:
    """A model of what a partner tells citizens, at language level B1."""
    return template(
        "privacyverklaring.md",
        {
            "lawyer": LAWYER,
            "name": plain(facts.name),
            "fg": _or_missing(facts.fg_contact),
            "told": bullets(_plain_words(facts, incoming=False)),
            "heard": bullets(_plain_words(facts, incoming=True)),
            "partners": bullets(
                f"{plain(one.name or one.address)} ({ROLES.get(one.role, one.role)})" for one in facts.parties
            ),
        },
    )


def roles_and_flows(facts: Facts) -> str:
    """Who is who for the AVG, and which data go where."""
    return template(
        "rollen-en-stromen.md",
        {
            "lawyer": LAWYER,
            "hub": plain(facts.name),
            "operator": _or_missing(facts.owner),
            "controllers": bullets(plain(one) for one in facts.controllers) if facts.controllers else MISSING,
            "fg": _or_missing(facts.fg_contact),
            "is_partner": _operator_line(facts),
            "partners": _parties(facts.parties),
            "flows": bullets(
                f"regel {one.row.id}: {words(one.senders, ROLES)} → {words(one.recipients, ROLES)}, {words(one.row.grounds, GROUNDS)}"
                for one in facts.used
            ),
        },
    )


def _plain_words(facts: Facts, *, incoming: bool) -> Iterator[str]:
    """Per rule, for a citizen: who, what, and why that may be."""
    own = _role(facts)
    for one in facts.used:
        if not one.works or own not in (one.recipients if incoming else one.senders):
            continue  # what only works in test mode is no news for a citizen
        who = [role for role in (one.senders if incoming else one.recipients) if role != own]
        ground, law = words(one.row.grounds, GROUNDS_FOR_CITIZENS), LAWS.get(one.row.law, one.row.law)
        yield f"{words(who, ROLES)}: {words(one.row.categories, FOR_CITIZENS)}; {ground} ({law}, regel {one.row.id})."


def _who(facts: Facts) -> Iterator[str]:
    yield f"beheerder: {_or_missing(facts.owner)}" + (f" (OIN {facts.owner_oin})" if facts.owner_oin else "")
    yield _operator_line(facts)
    yield "verwerkingsverantwoordelijken: " + ("; ".join(plain(one) for one in facts.controllers) or MISSING)
    yield f"FG: {_or_missing(facts.fg_contact)}"
    yield "strikte modus: " + (
        "ja" if facts.strict else "**NEE**: deze hub mag naast een edge staan. Dat is alleen voor een demo."
    )
    yield "testmodus: " + (
        "**JA**: er zijn regels in gebruik waarvan de wettekst niet is gelezen" if facts.test_mode else "nee"
    )


def _operator_line(facts: Facts) -> str:
    if facts.owner_dpia is not None:
        return f"**De beheerder is zelf partner**: één organisatie heeft beide helften. Zie de DPIA: {plain(facts.owner_dpia)}."
    if facts.owner_oin is not None and any(oin_of(one.address) == facts.owner_oin for one in facts.parties):
        return "**De beheerder heeft het OIN van een partner** en noemt daar geen DPIA over. Dat moet eerst."
    return "De beheerder heeft niet gezegd dat hij zelf partner is."


def _parties(parties: Sequence[Party]) -> str:
    if not parties:
        return "Er zijn geen partners."
    rows = [
        (
            f"`{one.address}`",
            plain(one.name or "-"),
            ROLES.get(one.role, one.role),
            _STATES.get(one.state or "", one.state or "-"),
        )
        for one in parties
    ]
    return table(("adres", "naam", "rol", "stand"), rows)


def _rules(used: Sequence[Used]) -> str:
    if not used:
        return "Er is geen regel in gebruik."
    rows = [
        (
            str(one.row.id),
            f"{purpose_words(one.row.purpose)} ({LAWS.get(one.row.law, one.row.law)})",
            f"{words(one.senders, ROLES)} → {words(one.recipients, ROLES)}",
            words(one.row.grounds, GROUNDS),
            "<br>".join(f"{word}: {_law(one, name)}" for name, word in LAW_CELLS.items()),
            INTRODUCTIONS.get(one.row.introduction, one.row.introduction),
            OBJECTIONS.get(one.row.objection, one.row.objection),
            f"{one.row.longest_months} maanden",
            _works(one),
        )
        for one in used
    ]
    head = ("regel", "doel", "wie → wie", "grond", "wet", "kennismaken", "bij bezwaar", "hoogstens", "werkt nu")
    return table(head, rows)


def _law(used: Used, name: str) -> str:
    value = getattr(used.row, name)
    if value is None:
        return "niet gelezen"
    if isinstance(value, bool):
        return "ja" if value else "nee"
    words_of = {"onward": ONWARD, "notice": NOTICES, "route": ROUTES}.get(name)
    return ground_of_law(str(value)) if words_of is None else words_of.get(value, value)


def _works(used: Used) -> str:
    if not used.works:
        return "nee: alleen in testmodus"
    return "ja, in testmodus: niet alles is gelezen" if used.row.unread else "ja"


def _terms() -> str:
    rows = [(one.what, one.how_long, "ja" if one.at else "nee: in deze versie niet vanzelf") for one in TERMS]
    return table(("wat", "hoe lang", "door Schakel afgedwongen"), rows)


def _categories(used: Sequence[Used]) -> list[str]:
    return sorted({name for one in used for name in one.row.categories})


def _role(facts: Facts) -> str:
    return (facts.address or "").rpartition(":")[2]


def _or_missing(text: str | None) -> str:
    return plain(text) if text else MISSING


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts) + "\n"
