# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a citizen objected to, or withdrew, as it is in the report to that citizen: no wider than it was said, no more than it does.

Guarantees:
- a hold for somebody's safety is in none of it, and changes nothing of it: what a line says it does follows from the rule table
  and from what this citizen said, never from what else stands;
- what was said in one breath is one line, also where the rules made several of it;
- what is told in spite of it is said to be told: nobody reads that nothing is told where the law lets it go on.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.records_people import REFUSALS, Refused
from adapters.refusals import said
from adapters.shelf import Reads
from adapters.workplace import Workplace
from consent.precedence import EXCEPTED, OBJECTED, WITHDRAWN, Asked, Said, refused
from consent.rules import Row
from schemas.address import role_of
from schemas.calendar import day_of

ALL: Final = "all"
PART: Final = "part"
NOTHING: Final = "nothing"
OVER: Final = "over"  # it was taken back
# A hold is not in it: what stands for somebody's safety is never told.
_SHOWN: Final = (WITHDRAWN, OBJECTED)


@dataclass(frozen=True, slots=True)
class Objection:
    """What the citizen does not want told. `partner` and `role` None: to or by nobody; `rows` empty: whatever the rule.

    `excepted`: who may know all the same. `stops`: all of it, a part, or nothing, since the law lets it go on.
    """

    partner: str | None
    role: str | None
    rows: tuple[int, ...]
    incoming: bool
    kinds: tuple[str, ...]
    excepted: tuple[str, ...]
    stops: str
    since: int
    lifted_on: int | None


def objections(
    reads: Reads,
    work: Workplace,
    client: str,
    name_of: Callable[[str], str],
    may_name: Callable[[str], bool],
) -> list[Objection]:
    """Every objection and withdrawal of this client, lifted or not; one to a partner that may not be named is not in it."""
    kept = REFUSALS.find(reads, "client", client.encode())
    exceptions = [one for one in kept if one.kind == EXCEPTED and one.lifted_at is None]
    groups: dict[tuple[object, ...], list[Refused]] = {}
    for one in kept:
        if one.kind in _SHOWN and (one.recipient is None or may_name(one.recipient)):
            groups.setdefault(_breath(one), []).append(one)
    lines = (line for group in groups.values() for line in _lines(work, group))
    return [_objection(work, line, exceptions, name_of, may_name) for line in lines]


def _lines(work: Workplace, group: Sequence[Refused]) -> list[list[Refused]]:
    """One line; of what was said of some rules only, one for what stops by it and one for what goes on."""
    if any(one.row is None for one in group):
        return [list(group)]
    lines: dict[str, list[Refused]] = {}
    for one in group:
        lines.setdefault(_stops(work, [one]), []).append(one)
    return list(lines.values())


def _breath(one: Refused) -> tuple[object, ...]:
    """What was said on one day about the same, and taken back on one day, was one word of the citizen."""
    lifted = None if one.lifted_at is None else day_of(one.lifted_at)
    return one.incoming, one.recipient, one.role, day_of(one.since), lifted


def _objection(
    work: Workplace,
    group: Sequence[Refused],
    exceptions: Sequence[Refused],
    name_of: Callable[[str], str],
    may_name: Callable[[str], bool],
) -> Objection:
    first = group[0]
    whole = any(one.row is None for one in group)
    except_for = [one.recipient for one in _counting(work, group, exceptions) if one.recipient is not None]
    rows = () if whole else tuple(sorted({one.row for one in group if one.row is not None}))
    return Objection(
        None if first.recipient is None else name_of(first.recipient),
        first.role,
        rows,
        first.incoming,
        tuple(kind for kind in _SHOWN if any(one.kind == kind for one in group)),
        tuple(sorted({name_of(one) for one in except_for if may_name(one)})),
        _stops(work, group),
        day_of(first.since),
        None if first.lifted_at is None else day_of(first.lifted_at),
    )


def _stops(work: Workplace, group: Sequence[Refused]) -> str:
    first = group[0]
    if first.lifted_at is not None:
        return OVER
    theirs = first.role if first.recipient is None else role_of(first.recipient)
    what = [said(one) for one in group]
    named = {one.row for one in group}
    found = [
        _refuses(what, first, row, role)
        for row in _rows(work, incoming=first.incoming)
        if None in named or row.id in named
        for role in _others(row, incoming=first.incoming)
        if theirs in (None, role)
    ]
    return ALL if all(found) else PART if any(found) else NOTHING


def _refuses(what: Sequence[Said], first: Refused, row: Row, role: str) -> bool:
    return refused(what, Asked(first.recipient or "", role, row))


def _counting(work: Workplace, group: Sequence[Refused], exceptions: Iterable[Refused]) -> Iterable[Refused]:
    """The exceptions that take something away from this refusal."""
    what = [said(one) for one in group]
    for one in exceptions:
        partner = one.recipient
        if partner is None or one.incoming != group[0].incoming or group[0].lifted_at is not None:
            continue
        for row in _rows(work, incoming=one.incoming):
            asked = Asked(partner, role_of(partner), row)
            if role_of(partner) in _others(row, incoming=one.incoming) and (
                refused(what, asked) and not refused([*what, said(one)], asked)
            ):
                yield one
                break


def _rows(work: Workplace, *, incoming: bool) -> list[Row]:
    ours = role_of(work.address)
    return [
        row
        for row in work.rules.rows.values()
        if row.in_force and row.permits and ours in (row.recipients if incoming else row.senders)
    ]


def _others(row: Row, *, incoming: bool) -> frozenset[str]:
    return frozenset(row.senders if incoming else row.recipients)
