# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The Dutch words for what the program calls by a code, for the screens that professionals see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.records import ACTIVE, FROZEN, REPLACED, STOPPED, STOPPING

GROUNDS: Mapping[str, str] = {"consent": "toestemming", "statutory": "wettelijke taak", "safety": "veiligheid"}
CATEGORIES: Mapping[str, str] = {"progress": "voortgang", "service": "wet en toewijzing"}
GRANT_STATES: Mapping[str, str] = {
    ACTIVE: "geldt",
    STOPPING: "wordt gestopt",
    STOPPED: "gestopt",
    FROZEN: "wacht op een besluit",
    REPLACED: "vervangen",
}
CONSENT_STATES: Mapping[str, str] = {"given": "gegeven", "withdrawn": "ingetrokken"}
# Why the rule table has no room for a grant: place and rule -> what to tell the professional.
NOT_LAWFUL: Mapping[str, str] = {
    "/end before-begin": "de einddatum ligt vóór vandaag",
    "/end too-long": "zo lang mag het volgens de regel niet; kies een eerdere einddatum",
}


def categories(names: Iterable[str]) -> str:
    """The data categories of a grant, as a professional reads them."""
    return ", ".join(CATEGORIES.get(name, name) for name in names)


def not_lawful(faults: Iterable[str]) -> str:
    """One sentence about what the rule table has no room for."""
    return "; ".join(NOT_LAWFUL.get(fault, f"de regeltabel staat dit niet toe ({fault})") for fault in faults)
