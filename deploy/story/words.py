# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the demo says in English of what stands on the screens in Dutch.

Guarantees: a word of the screens that is not here fails instead of being shown without its meaning; what is said of a row
follows from its cells, as on the screen (`deploy.dutch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consent.rules import JUDGEMENT, Row

_MEANS: Final[Mapping[str, str]] = {
    "aangemeld": "applied",
    "in onderzoek": "being looked into",
    "toegewezen": "allotted",
    "gestart": "started",
    "gewijzigd": "changed",
    "onderbroken": "interrupted",
    "beëindigd (voortijdig)": "ended early",
    "actie belegd": "action assigned",
}
_WHOSE: Final[Mapping[str | None, str]] = {
    "client": "the client",
    "parents": "the parents with authority, or the guardian",
    "representative": "the representative",
    None: "not read yet whose",
}
_AGES: Final[Mapping[str, str]] = {
    "under-12": "under 12",
    "12-15": "12 to 15",
    "16-17": "16 and 17",
    "adult": "adult",
    "incapable-minor": "a minor who can't oversee it",
    "incapable-adult": "an adult who can't oversee it",
}


def meant(word: str) -> str:
    """A word of the screens with what it means: gestart (started)."""
    return f"{word}: {_MEANS[word]}" if "(" in word else f"{word} ({_MEANS[word]})"


def asked_of(row: Row, ground: str) -> str:
    """Whom it takes before anything is told under a row that permits."""
    if ground == "statutory":
        return "nobody: a statutory task, which a professional establishes"
    if ground == "safety":
        return "nobody: a professional decides alone, for somebody's safety, and records why"
    if ground == "no-objection":
        return "the client, for a written declaration of no objection"
    if row.consent_by is None:
        return "consent; whose at which age was not read yet"
    whose: dict[str | None, list[str]] = {}
    for age, words in _AGES.items():
        whose.setdefault(row.consent_by[age], []).append(words)
    return "consent of " + "; ".join(f"{_WHOSE[one]} ({', '.join(ages)})" for one, ages in whose.items())


def why_closed(row: Row) -> str:
    """Why nobody can be asked under a row that closes."""
    if not row.in_force:
        return "nobody: this row is not in force"
    if row.reason == JUDGEMENT:
        return "a person judges the one case, outside Schakel"
    if not row.permits and row.reason in (None, "municipality"):
        return "nobody: the municipality switched this row off"
    if not row.source:
        return "nobody: the law was not read for this yet, and until then it is closed"
    return "nobody: the law does not let it"
