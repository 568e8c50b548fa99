# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The difference between two rule tables, and a dry run of the second, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType

from consent.rules import Source
from consent.table_diff import Difference, Kind, Told
from deploy.dutch import CATEGORIES, GROUNDS
from deploy.rule_words import COLUMNS, SHORT, cited
from deploy.rules_traffic import FEWEST, DryRun, Line, total
from deploy.screen import bad, good, note, plain, table
from deploy.table_faults import column_of, shown
from schemas.small_counts import stepped

_BEYOND = "dit gaat verder dan de oude tabel of wijkt ervan af"
_MAY_BE_SIGNED = "Of een gemeente de nieuwe tabel kan tekenen, hangt van de landelijke af: `schakel rules check`."
_KINDS: Mapping[Kind, str] = {Kind.NARROWED: "ingeperkt", Kind.WIDENED: "verruimd", Kind.OTHER: "veranderd"}


def as_dict(found: Difference) -> dict[str, object]:
    """For programs."""
    return {
        "narrowing": found.is_narrowing,
        "beyond": [{"row": one.row, "column": column_of(one) or None, "rule": one.keyword} for one in found.beyond],
        "rows_gone": list(found.gone),
        "rows_added": list(found.added),
        "changes": [
            one._asdict() | {"before": _plain(one.before), "after": _plain(one.after)} for one in found.changes
        ],
        "no_longer": [one._asdict() for one in found.lost],
        "newly": [one._asdict() for one in found.won],
        "silenced": [list(pair) for pair in found.silenced],
        "opened": [list(pair) for pair in found.opened],
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [one._asdict() if isinstance(one, Source) else one for one in value]
    return value


def shown_difference(found: Difference) -> list[RenderableType]:
    """For people."""
    parts: list[RenderableType] = []
    if not (found.gone or found.added or found.changes):
        return [plain("De twee tabellen zeggen hetzelfde.")]
    if found.gone:
        parts.append(plain(f"Vervallen regels: {', '.join(map(str, found.gone))}."))
    if found.added:
        parts.append(plain(f"Nieuwe regels: {', '.join(map(str, found.added))}."))
    if found.changes:
        rows = [
            (one.row, COLUMNS[one.column], _text(one.before), _text(one.after), _KINDS[one.kind])
            for one in found.changes
        ]
        parts.append(table("Veranderde cellen", ("regel", "kolom", "was", "wordt", ""), rows))
    parts += _told("Dit mag niet meer", found.lost) + _told("Dit mag voortaan wel", found.won)
    parts += [plain(f"{SHORT[one]} mag {SHORT[other]} niets meer vertellen.") for one, other in found.silenced]
    parts += [plain(f"{SHORT[one]} mag {SHORT[other]} voortaan iets vertellen.") for one, other in found.opened]
    if found.is_narrowing:
        return [*parts, good("INPERKING: de nieuwe tabel haalt alleen iets weg van de oude."), plain(_MAY_BE_SIGNED)]
    faults = [
        (one.row, one.column, _BEYOND if fault.keyword == "narrow" else one.what)
        for fault in found.beyond
        for one in (shown(fault),)
    ]
    return [
        *parts,
        table("Waarom dit geen inperking is", ("regel", "kolom", "wat"), faults),
        bad("GEEN INPERKING: de nieuwe tabel gaat verder dan de oude of wijkt ervan af."),
        plain(_MAY_BE_SIGNED),
    ]


def _told(title: str, found: Sequence[Told]) -> list[RenderableType]:
    rows = [
        (one.row, SHORT[one.sender], SHORT[one.recipient], GROUNDS[one.ground], CATEGORIES[one.category])
        for one in found
    ]
    return [table(title, ("regel", "van", "naar", "grond", "wat"), rows)] if rows else []


def _text(value: object) -> str:
    match value:
        case None:
            return "leeg"
        case bool():
            return "ja" if value else "nee"
        case tuple():
            return ", ".join(cited(one) if isinstance(one, Source) else str(one) for one in value) or "leeg"
        case Mapping():
            return ", ".join(f"{name} {_text(one)}" for name, one in value.items()) or "leeg"
        case _:
            return str(value)


def shown_dry_run(tried: DryRun) -> tuple[dict[str, object], list[RenderableType]]:
    """What another table would have done over recorded traffic, for programs and for people."""
    answer: dict[str, object] = {
        "decisions": stepped(tried.decisions),
        "not_decidable": tried.undecidable,
        "refused": [_line(one) for one in tried.refused],
        "released": [_line(one) for one in tried.released],
        "refused_total": total(tried.refused),
        "released_total": total(tried.released),
        "at_pick_up": {
            "decisions": stepped(tried.pickups),
            "refused": [_line(one) for one in tried.kept_back],
            "released": [_line(one) for one in tried.handed_over],
            "refused_total": total(tried.kept_back),
            "released_total": total(tried.handed_over),
        },
    }
    parts: list[RenderableType] = [
        plain(
            f"Proef over ten minste {stepped(tried.decisions)} vastgelegde besluiten, "
            f"waarvan ten minste {stepped(tried.pickups)} bij het ophalen."
        )
    ]
    for title, lines in (
        ("Zou nu worden geweigerd", tried.refused),
        ("Zou nu doorgaan", tried.released),
        ("Zou bij het ophalen niet meer worden afgegeven", tried.kept_back),
        ("Zou bij het ophalen wel worden afgegeven", tried.handed_over),
    ):
        rows = [(*_kind(one), _count(one.number)) for one in lines]
        if rows:
            parts.append(table(title, ("regel", "grond", "van", "naar", "aantal"), rows))
    if not (tried.refused or tried.released or tried.kept_back or tried.handed_over):
        parts.append(good("Geen enkel vastgelegd besluit valt met de nieuwe tabel anders uit."))
    if tried.undecidable:
        parts.append(note(f"{tried.undecidable} regels van het logboek zijn gewist of rusten op wat is gewist."))
    return answer, parts


def _kind(line: Line) -> tuple[object, ...]:
    kind = line.kind
    return kind.row, GROUNDS.get(kind.ground, kind.ground), SHORT[kind.sender], SHORT[kind.recipient]


def _count(count: int | None) -> str:
    return f"minder dan {FEWEST}" if count is None else str(count)


def _line(line: Line) -> dict[str, object]:
    return {**line.kind._asdict(), "count": line.number} | ({"fewer_than": FEWEST} if line.number is None else {})
