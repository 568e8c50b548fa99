# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A dry run: which decisions of a log another rule table would have taken otherwise.

* Both decisions about an envelope, when it came and each time that it was picked up, are asked again by the functions of the pipeline, with what the hub knew then (`hub.audit.replay`): grants,
  partners and day are those of the log, only the table is another. They are counted apart: what would not have been accepted
  would not have been there to be picked up either.
* A table that a partner published itself keeps its say: what that one forbids is not released.
* What is shown about a ground is a count per row and roles, and none below five: it says *fewer than 5*.  Where one is
  left out so is the sum, from which it would follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from consent.decide import Moment
from consent.rules import RuleTable, load
from deploy.entries import pages
from deploy.exits import failed
from deploy.log_reading import read_log
from deploy.options import HUB_FILE, settings_file
from hub.audit.export import EXPORT_MAGIC, read_export
from hub.audit.replay import Asked, Report, replay
from hub.config import load_hub_config
from hub.pipeline import judge
from hub.registry import Partner, Partners
from schemas.address import role_of
from schemas.codes import Code
from schemas.entry import Entry

FEWEST = 5
_TABLE_CODES = (Code.ACCEPTED, Code.NOT_PERMITTED_HERE)


class Kind(NamedTuple):
    """What is counted: the row that the grant rests on, its ground, the two roles."""

    row: int
    ground: str
    sender: str
    recipient: str


class Line(NamedTuple):
    """How many decisions of one kind come out otherwise; None: fewer than five, and at least one."""

    kind: Kind
    number: int | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What another table would have done. `decisions`: how many were asked again; `undecidable`: how many could not be.

    `pickups`: of those decisions, how many were taken at a pick-up; `kept_back` there would have been refused, `handed_over` not.
    """

    decisions: int
    undecidable: int
    refused: tuple[Line, ...]
    released: tuple[Line, ...]
    pickups: int = 0
    kept_back: tuple[Line, ...] = ()
    handed_over: tuple[Line, ...] = ()


def dry_run(entries: Iterable[Entry], old: RuleTable, new: RuleTable) -> DryRun:
    """The decisions in these entries, which were taken under `old`, under `new`."""
    counts = _Counts(new)
    report: Report = replay(entries, old, counts.asked)
    came, left = counts.came, counts.left
    return DryRun(
        came.decisions + left.decisions,
        len(report.not_decidable),
        _lines(came.refused),
        _lines(came.released),
        left.decisions,
        _lines(left.refused),
        _lines(left.released),
    )


def total(lines: Iterable[Line]) -> int | None:
    """The sum, unless it would tell a count that is left out."""
    counts = [line.number for line in lines]
    return None if None in counts else sum(count for count in counts if count is not None)


@dataclass(slots=True)
class _Count:
    """Of one of the two moments."""

    decisions: int = 0
    refused: Counter[Kind] = field(default_factory=Counter)
    released: Counter[Kind] = field(default_factory=Counter)


class _Counts:
    """Asks each decision again and counts those that come out otherwise: when it `came`, and when it `left`."""

    def __init__(self, new: RuleTable) -> None:
        self.came, self.left = _Count(), _Count()
        self._new = new
        self._narrowed: dict[bytes, RuleTable] = {}

    def asked(self, asked: Asked) -> None:
        if asked.grant is None or asked.logged not in _TABLE_CODES or asked.question.retraction:
            return  # no table was looked at
        count = self.came if asked.moment is Moment.ACCEPT else self.left
        count.decisions += 1
        now, then = self._permits(asked), asked.logged == Code.ACCEPTED
        if now == then:
            return
        sender, recipient = (asked.partners.by_number[number] for number in (asked.grant.sender, asked.grant.recipient))
        kind = Kind(asked.grant.row, asked.grant.ground, role_of(sender.address), role_of(recipient.address))
        (count.released if now else count.refused)[kind] += 1

    def _permits(self, asked: Asked) -> bool:
        """By the new table, and by what the partners published themselves."""
        if asked.grant is None:
            return False
        numbers = {asked.question.sender, asked.question.recipient, asked.grant.sender, asked.grant.recipient}
        two = [asked.partners.by_number[number] for number in numbers if number in asked.partners.by_number]
        own = Partners([replace(one, table=self._both(one)) for one in two])
        code = judge(asked.question, asked.grant, own, asked.day, asked.moment)
        return code is Code.ACCEPTED

    def _both(self, partner: Partner) -> RuleTable:
        if not partner.own_table:
            return self._new
        own = partner.table
        if own.hash not in self._narrowed:
            # As it was published: what the hub of then took away from it is for the new table to say.
            published = load(own.raw).permitted
            self._narrowed[own.hash] = replace(self._new, permitted=self._new.permitted & published)
        return self._narrowed[own.hash]


def _lines(counts: Counter[Kind]) -> tuple[Line, ...]:
    return tuple(Line(kind, count if count >= FEWEST else None) for kind, count in sorted(counts.items()))


def read_audit(place: Path) -> Iterator[Entry]:
    """The entries of an export (`schakel audit verify --export`), or of the hub whose settings these are.

    Raises:
        Stopped: it is neither.
        ExportError: the export is broken.
    """
    if place.is_dir() or place.name == HUB_FILE:
        with read_log(load_hub_config(settings_file(place, HUB_FILE))) as log:
            for _, found in pages(log, 0, log.size):
                yield from found
        return
    with place.open(encoding="utf-8", newline="\n") as lines:
        if next(lines, "").rstrip("\n") != EXPORT_MAGIC:
            raise failed(
                "Dit is geen uitvoer van een logboek en geen hub. Maak er een met `schakel audit verify --export BESTAND`."
            )
        yield from read_export(lines)
