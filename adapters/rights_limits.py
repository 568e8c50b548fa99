# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What is not in the report to the citizen: what a row says, and what a named person decided on a ground of the law.

Guarantees:
- a decision names its person, its ground from a closed list, and what it is about; it stands until a person ends it, and
  both stay on record;
- a ground of one law limits only what was told under that law;
- what was told for somebody's safety is in a report only where the row itself says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from adapters.looks import named
from adapters.records_outgoing import Client
from adapters.records_people import LIMITS, Limited
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.rules import Row, RuleTable, national

CLIENT: Final = "client"
REPRESENTATIVE: Final = "representative"
ASKERS: Final = (CLIENT, REPRESENTATIVE)
SAFETY: Final = "safety"


class LimitError(ValueError):
    """This decision can't be taken or ended; a Dutch sentence for the professional."""


@dataclass(frozen=True, slots=True)
class LegalLimit:
    """A ground on which the law lets an organisation keep something from a report. `mark` as in the rule table.

    `laws`: under which law what it limits was told; empty for all. `against`: the asker whom the article names.
    """

    words: str
    article: str
    mark: str
    laws: tuple[str, ...] = ()
    against: str | None = None


# The texts of 2015 (L15) and of 2026 (L26) were read; of AVG and UAVG no text was read (M): a lawyer looks before use.
GROUNDS: Final[dict[str, LegalLimit]] = {
    "wmo-5.3.2-2-a": LegalLimit(
        "de cliënt is jonger dan twaalf jaar", "Wmo 2015, artikel 5.3.2 lid 2 onder a", "L15", ("wmo",), CLIENT
    ),
    "wmo-5.3.2-2-b": LegalLimit(
        "de cliënt kan zijn belangen hierin niet zelf wegen",
        "Wmo 2015, artikel 5.3.2 lid 2 onder b",
        "L15",
        ("wmo",),
        CLIENT,
    ),
    "wmo-5.3.2-3": LegalLimit(
        "het belang van de cliënt verzet zich tegen inzage door de vertegenwoordiger",
        "Wmo 2015, artikel 5.3.2 lid 3",
        "L15",
        ("wmo",),
        REPRESENTATIVE,
    ),
    "wmo-5.3.2-4": LegalLimit(
        "de privacy van een ander, of huiselijk geweld of kindermishandeling onderzoeken of beëindigen",
        "Wmo 2015, artikel 5.3.2 lid 4",
        "L15",
        ("wmo",),
    ),
    "jeugdwet-7.3.10": LegalLimit("de privacy van een ander", "Jeugdwet, artikel 7.3.10", "L26", ("jeugdwet",)),
    "bw7-456": LegalLimit("de privacy van een ander", "BW boek 7, artikel 456", "L15", ("zvw",)),
    "avg-15-4": LegalLimit("de rechten en vrijheden van een ander", "AVG, artikel 15 lid 4", "M"),
    "avg-23-uavg-41": LegalLimit("een uitzondering die de wet noemt", "AVG, artikel 23, met UAVG, artikel 41", "M"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a decision is about: everything of one partner, one thing that was told, or (both None) all of its law."""

    partner: str | None = None
    item: bytes | None = None
    against: str | None = None


def limit(tx: Transaction, work: Workplace, client: Client, ground: str, by: str, scope: Scope) -> Limited:
    """A named person decides that something is kept from the report.

    Raises:
        LimitError: a ground that is not in the list, or an asker whom its article does not name.
        NoNameError: nobody is named.
    """
    if ground not in GROUNDS:
        raise LimitError("deze grond staat niet in de lijst van gronden")
    against = GROUNDS[ground].against
    if scope.against not in (None, *ASKERS) or (against is not None and scope.against not in (None, against)):
        raise LimitError("deze grond is er niet voor wie hier om inzage vraagt")
    new = Limited(
        work.id(), client.id, ground, named(by), work.now, scope.partner, scope.item, against or scope.against
    )
    return LIMITS.put(tx, new)


def limits(reads: Reads, client: str) -> list[Limited]:
    """Every decision about a client, ended or not."""
    return LIMITS.find(reads, "client", client.encode())


def end_limit(tx: Transaction, work: Workplace, limit_id: str, by: str) -> Limited:
    """A named person ends a decision.

    Raises:
        LimitError: there is none that stands under this id.
        NoNameError: nobody is named.
    """
    found = LIMITS.get(tx, limit_id.encode())
    if found is None or found.ended_at is not None:
        raise LimitError("er geldt geen besluit met dit kenmerk")
    return LIMITS.put(tx, replace(found, ended_at=work.now, ended_by=named(by)))


def row_of(table: RuleTable, number: int) -> Row | None:
    """The row on which something rests; of a row that the own table no longer has, the national one."""
    return table.rows.get(number) or _base().get(number)


@lru_cache(maxsize=1)
def _base() -> Mapping[int, Row]:
    return national(test_mode=True).rows


def shows(row: Row | None, ground: str) -> bool:
    """Whether what was told under this row may be in a report at all: what the table says."""
    if ground == SAFETY:
        return row is not None and row.inzage is True
    return row is None or row.inzage is not False


def is_limited(standing: Iterable[Limited], asker: str, law: str, partner: str, item: bytes | None) -> bool:
    """Whether a decision keeps this from the report to this asker. `item` None: what is not about one thing told."""
    return any(_covers(one, asker, law, partner, item) for one in standing if one.ended_at is None)


def _covers(one: Limited, asker: str, law: str, partner: str, item: bytes | None) -> bool:
    laws = GROUNDS[one.ground].laws
    return (
        one.against in (None, asker)
        and (not laws or law in laws)
        and one.partner in (None, partner)
        and (one.item is None or one.item == item)
    )
