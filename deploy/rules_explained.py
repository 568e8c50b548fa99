# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Why one role may tell another, or may not: the rows that say so, and one Dutch sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from consent.rules import Row, RuleTable, Source, ways
from deploy.dutch import CATEGORIES, GROUNDS, who_is_asked
from deploy.rule_words import LAWS, REASONS, THE, cited, purpose


class Answer(StrEnum):
    """What the table says about two roles."""

    PERMITS = "permits"
    CLOSED = "closed"
    OFF = "off"
    BY_PERSON = "by-person"
    NO_ROW = "no-row"


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer, the rows that it rests on with the ground of each (empty where they permit nothing), and a sentence."""

    answer: Answer
    rows: tuple[tuple[Row, str], ...]
    sentence: str

    @property
    def untested(self) -> tuple[int, ...]:
        """The rows of it that let something pass in test mode only."""
        return tuple(dict.fromkeys(row.id for row, _ in self.rows if row.live and row.unread))

    def as_dict(self, sender: str, recipient: str, table: RuleTable) -> Mapping[str, object]:
        """For programs."""
        return {
            "sender": sender,
            "recipient": recipient,
            "table": {"version": table.version, "hash": table.hash.hex()},
            "answer": self.answer.value,
            "rows": [
                {
                    "row": row.id,
                    "ground": ground or None,
                    "categories": list(row.categories),
                    "law": row.law,
                    "purpose": row.purpose,
                    "reason": row.reason,
                    "source": [source._asdict() for source in row.source],
                    "unread": list(row.unread),
                }
                for row, ground in self.rows
            ],
            "test_mode_only": list(self.untested),
            "sentence": self.sentence,
        }


def explain(
    table: RuleTable, sender: str, recipient: str, category: str | None = None, ground: str | None = None
) -> Explained:
    """What the table says when `sender` wants to tell `recipient`; only of one category, on one ground, when named."""
    found = ways(table, sender, recipient)
    wanted = [
        (way.row, way.ground)
        for way in found.open
        if (category is None or category in way.row.categories) and ground in (None, way.ground)
    ]
    who, whom = THE[sender], THE[recipient]
    what = "dat er iets in beweging is" if category is None else f"{CATEGORIES.get(category, category)}"
    if wanted:
        return Explained(Answer.PERMITS, tuple(wanted), _permits(who, whom, what, wanted))
    closed = [row for row in found.closed if row.in_force]
    off = [row for row in found.closed if not row.in_force]
    if found.open:  # something may be told, not this
        opened = tuple((way.row, way.ground) for way in found.open)
        return Explained(Answer.CLOSED, opened, _not_this(who, whom, what, ground, opened))
    for answer, rows in ((Answer.CLOSED, closed), (Answer.OFF, off), (Answer.BY_PERSON, list(found.by_person))):
        if rows:
            why = _and(f"regel {row.id}: {_why(row)}" for row in rows)
            said = f"{_cap(who)} mag {whom} niets vertellen ({why})"
            return Explained(answer, tuple((row, "") for row in rows), f"{said}{_unless(answer, found.by_person)}.")
    return Explained(Answer.NO_ROW, (), f"{_cap(who)} mag {whom} niets vertellen: geen regel noemt hen samen.")


def _unless(answer: Answer, judged: Iterable[Row]) -> str:
    rows = [f"regel {row.id}" for row in judged]
    if answer is Answer.BY_PERSON or not rows:
        return ""
    return f"; in een enkel geval kan een mens anders beslissen, buiten Schakel om ({_and(rows)})"


def _permits(who: str, whom: str, what: str, wanted: list[tuple[Row, str]]) -> str:
    ways_said = [
        f"regel {row.id}, {GROUNDS[ground]} ({LAWS[row.law]}; {purpose(row)}; {_rests_on(row.source)}; te vragen: "
        f"{who_is_asked(row, ground)})"
        for row, ground in wanted
    ]
    return f"{_cap(who)} mag {whom} vertellen {_that(what)} op grond van {'; of op '.join(ways_said)}."


def _that(what: str) -> str:
    return what if what.startswith("dat ") else f"({what})"


def _not_this(who: str, whom: str, what: str, ground: str | None, rows: tuple[tuple[Row, str], ...]) -> str:
    asked = what if ground is None else f"{what}, op grond van {GROUNDS[ground]}"
    may = _and(
        f"regel {row.id} ({', '.join(CATEGORIES.get(one, one) for one in row.categories)}; "
        f"{_and(GROUNDS[ground] for _, ground in found)})"
        for row, found in ((row, list(same)) for row, same in groupby(rows, key=lambda one: one[0]))
    )
    return f"{_cap(who)} mag {whom} dit niet vertellen ({asked}); wel wat staat in {may}."


def _why(row: Row) -> str:
    said = REASONS[row.reason] if not row.permits else "deze regel is niet in werking"
    return f"{said}; {_rests_on(row.source)}" if row.source else said


def _rests_on(sources: Iterable[Source]) -> str:
    return _and(map(cited, sources)) or "er is geen wettekst voor gelezen"


def _and(words: Iterable[str]) -> str:
    said = list(words)
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} en {said[-1]}" if said else ""


def _cap(words: str) -> str:
    return words[:1].upper() + words[1:]
