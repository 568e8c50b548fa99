# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Objections: what the citizen does not want told, weighed by a named person where the row lets it be weighed.

The row says what an objection does: *stop* ends what is told at once; *pause* does the same, outwardly it is a stop, until a named
person has decided; *record* lets it go on, and the professional tells the citizen so. Guarantees:

- whatever the effect, the objection, the decision, its reason and its name are kept;
- what was not decided in time stays stopped, and an alarm says so, without a number or a name;
- one that was overruled lets go on what it ended itself, under a new secret, and nothing that somebody else ended or refused;
- a decision is taken once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters import alarms, held, inbound
from adapters.alarms import Duty
from adapters.following import follow_sources, rests_on_source, statutory_rows
from adapters.lines import Wish, end_grant, line_name, make, newest
from adapters.records_incoming import INTRODUCTIONS, TOLD
from adapters.records_outgoing import ACTIVE, FROZEN, GRANTS, ORDERS, SOURCES, Grant, Order
from adapters.records_people import OBJECTIONS, REFUSALS, Objection, Refused
from adapters.refusals import forget_exceptions, is_about, is_refused, is_undecided, refuse
from adapters.shelf import Reads, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.precedence import EXCEPTED, OBJECTED, PAUSE, RECORD
from consent.rules import Row, RuleTable
from schemas.address import role_of

UPHELD: Final = "upheld"
OVERRULED: Final = "overruled"
TAKEN_BACK: Final = "taken-back"
OUTCOMES: Final = (UPHELD, OVERRULED, TAKEN_BACK)
ABOUT: Final = "objections"  # what the alarm names: never which, nor how many
_LONGEST: Final = 1_000  # signs of a reason


class ObjectionError(ValueError):
    """This can't be decided; a Dutch sentence for the professional, without a number of the client."""


@dataclass(frozen=True, slots=True)
class Objecting:
    """What a citizen objects to. `partner` and `role` None: all; `row` None: whatever the row; `excepted`: who may know all the same."""

    partner: str | None = None
    role: str | None = None
    row: int | None = None
    incoming: bool = False
    excepted: tuple[str, ...] = ()
    given_by: str = "client"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided, who that is, and why."""

    outcome: str
    by: str
    reason: str


# -- the objection -----------------------------------------------------------------------------------------------------


def object_to(tx: Transaction, work: Workplace, client: str, to: Objecting) -> Objection:
    """Keep an objection and do at once what its rows say; the same one twice is one while nobody has decided it.

    Raises:
        ObjectionError: no rule is about this.
    """
    rows = _rows(work.rules, work.address, to)
    if to.row is not None and not rows:
        raise ObjectionError("deze regel gaat niet over ons en deze partner")
    new = Refused(work.id(), client, to.partner, OBJECTED, work.now, incoming=to.incoming, role=to.role, row=to.row)
    kept = refuse(tx, new)
    for partner in to.excepted:
        refuse(tx, replace(new, id=work.id(), recipient=partner, role=None, kind=EXCEPTED))
    before = OBJECTIONS.find(tx, "refusal", kept.id.encode())
    ended = end_refused(tx, work, kept, OBJECTED)
    if before:
        return OBJECTIONS.put(tx, replace(before[-1], ended=(*before[-1].ended, *ended)))
    effects = tuple(sorted({row.objection for row in rows}))
    until = work.today + work.objection_days if PAUSE in effects else None
    number = max((one.number for one in OBJECTIONS.scan(tx)), default=0) + 1
    return OBJECTIONS.put(tx, Objection(number, client, kept.id, effects, work.today, to.given_by, until, ended))


def _rows(rules: RuleTable, address: str, to: Objecting) -> list[Row]:
    """The rows under which something may be told that this objection is about."""
    ours, theirs = role_of(address), to.role if to.partner is None else role_of(to.partner)
    found = []
    for row in rules.rows.values():
        here, there = (row.recipients, row.senders) if to.incoming else (row.senders, row.recipients)
        named = ours in here and (theirs is None or theirs in there) and to.row in (None, row.id)
        if named and row.in_force and row.permits:
            found.append(row)
    return found


def end_refused(tx: Transaction, work: Workplace, refusal: Refused, why: str) -> tuple[str, ...]:
    """End what is under way against this refusal, and nothing that another one is about; the grants that it ended."""
    if refusal.incoming:
        _end_incoming(tx, work, refusal, why)
        return ()
    ended = []
    for grant in GRANTS.find(tx, "client", refusal.client.encode()):
        row = work.rules.rows.get(grant.row)
        if grant.state not in (ACTIVE, FROZEN) or not is_about(refusal, grant.recipient, row):
            continue
        if is_refused(tx, refusal.client, grant.recipient, row):
            end_grant(tx, work, grant, why)
            ended.append(grant.id)
    return tuple(ended)


def _end_incoming(tx: Transaction, work: Workplace, refusal: Refused, why: str) -> None:
    for one in INTRODUCTIONS.find(tx, "client", refusal.client.encode()):
        row = work.rules.rows.get(one.row)
        if not is_about(refusal, one.sender, row) or not is_refused(tx, refusal.client, one.sender, row, incoming=True):
            continue
        open_yet = one.ended_on is None
        if one.held:  # nobody has seen what came under it, and nobody will
            for told in TOLD.find(tx, "secret", one.secret):
                TOLD.put(tx, replace(told, parts=()))
        if open_yet:
            ORDERS.put(tx, Order(work.id(), one.secret, one.end, why, None, one.secret, work.now))
        if open_yet or one.held:
            ended = min(work.today, one.end) if open_yet else one.ended_on
            INTRODUCTIONS.put(tx, replace(one, ended_on=ended, withheld=one.withheld or one.held, held=False))


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(tx: Transaction, work: Workplace, number: int, decision: Decision) -> tuple[Objection, list[Grant]]:
    """A named person decides an objection that waits for it: the objection, and the grants by which something goes on.

    Raises:
        ObjectionError: there is none of this number, it waits for nobody, or name or reason is missing.
    """
    found = need(tx, number)
    if found.decide_by is None or found.outcome:
        raise ObjectionError("dit bezwaar wacht niet op een besluit")
    if decision.outcome not in OUTCOMES:
        raise ObjectionError("een besluit is gegrond, ongegrond of teruggenomen")
    by, reason = " ".join(decision.by.split()), " ".join(decision.reason.split())
    if not 0 < len(by) <= _LONGEST or not 0 < len(reason) <= _LONGEST:
        raise ObjectionError("een besluit heeft een naam en een reden, elk van hoogstens 1000 tekens")
    decided = OBJECTIONS.put(
        tx, replace(found, outcome=decision.outcome, decided_on=work.today, decided_by=by, reason=reason)
    )
    refusal = REFUSALS.need(tx, found.refusal.encode())
    made: list[Grant] = []
    if decision.outcome != UPHELD:
        over = decision.outcome == TAKEN_BACK
        REFUSALS.put(tx, replace(refusal, lifted_at=work.now) if over else replace(refusal, overruled=True))
        forget_exceptions(tx, found.client, work.now, incoming=refusal.incoming)
        made = _go_on_all(tx, work, refusal, decided.ended)
    if refusal.incoming:
        _decide_held(tx, work, refusal)
    if not overdue(tx, work.today):
        alarms.end(tx, Duty.OVERDUE_OBJECTION, ABOUT)
    return decided, made


def _decide_held(tx: Transaction, work: Workplace, refusal: Refused) -> None:
    """What came while it waited and was shown to nobody: turned away where it is refused now, else shown unless something else holds it."""
    for one in INTRODUCTIONS.find(tx, "client", refusal.client.encode()):
        row = work.rules.rows.get(one.row)
        about = (
            one.held and is_about(refusal, one.sender, row) and not is_undecided(tx, refusal.client, one.sender, row)
        )
        if about and is_refused(tx, refusal.client, one.sender, row, incoming=True):
            inbound.turn_away(tx, work, one)
    held.learn(tx, work, refusal.client)


def _go_on_all(tx: Transaction, work: Workplace, refusal: Refused, ended: Sequence[str]) -> list[Grant]:
    """What the objection ended goes on, and what an allocation asked for while it stood begins; no more than that."""
    if refusal.incoming:
        return []  # only the sender registers a grant: its own professional looks at the line
    made = [
        _go_on_after(tx, work, last)
        for last in (GRANTS.get(tx, one.encode()) for one in dict.fromkeys(ended))
        if last is not None
    ]
    for source in SOURCES.find(tx, "client", refusal.client.encode()):
        for row in statutory_rows(work.rules, work.address, source.partner, source.law):
            line = line_name(source.client, source.partner, row)
            if is_about(refusal, source.partner, row) and not GRANTS.find(tx, "line", line.encode()):
                follow_sources(tx, work, source.client, source.partner, row)
                made.append(newest(tx, line))
    return list({one.id: one for one in made if one is not None}.values())


def _go_on_after(tx: Transaction, work: Workplace, last: Grant) -> Grant | None:
    row = work.rules.rows.get(last.row)
    grants = GRANTS.find(tx, "line", last.line.encode())
    by_others = any(one.state == FROZEN or one.noted for one in grants)
    if row is None or row.objection != PAUSE or by_others or is_refused(tx, last.client, last.recipient, row):
        return None
    return newest(tx, last.line) or go_on(tx, work, last, row)


def go_on(tx: Transaction, work: Workplace, last: Grant, row: Row) -> Grant | None:
    """A person lets a line go on that was ended: as its allocations say, or on the same terms. None: nothing is left."""
    if rests_on_source(tx, last):
        follow_sources(tx, work, last.client, last.recipient, row, automatic=False)
    elif last.end >= work.today:
        cells = (last.client, last.recipient, row, last.ground, last.categories, last.end, last.source)
        make(tx, work, Wish(*cells, automatic=False))
    return newest(tx, last.line)


def informed(tx: Transaction, work: Workplace, number: int, by: str) -> Objection:
    """A professional has told the citizen what comes of an objection.

    Raises:
        ObjectionError: there is none of this number, it still waits for a decision, or the name is missing.
    """
    found = need(tx, number)
    if is_open(found):
        raise ObjectionError("dit bezwaar wacht nog op een besluit")
    name = " ".join(by.split())
    if not 0 < len(name) <= _LONGEST:
        raise ObjectionError("zeg wie het heeft verteld, in hoogstens 1000 tekens")
    return OBJECTIONS.put(tx, replace(found, informed_on=work.today, informed_by=name))


# -- looking -----------------------------------------------------------------------------------------------------------


def need(reads: Reads, number: int) -> Objection:
    """The objection of this number.

    Raises:
        ObjectionError: there is none.
    """
    found = OBJECTIONS.get(reads, number_key(number)) if 0 < number < 1 << 63 else None
    if found is None:
        raise ObjectionError("er is geen bezwaar met dit nummer")
    return found


def is_open(objection: Objection) -> bool:
    """Whether a person must decide it."""
    return objection.decide_by is not None and not objection.outcome


def waiting(reads: Reads) -> list[Objection]:
    """Those that a person must do something about: decide, or tell the citizen; what must be decided first comes first."""
    found = [one for one in OBJECTIONS.scan(reads) if is_open(one) or one.informed_on is None]
    return sorted(found, key=lambda one: (not is_open(one), one.decide_by or one.made_on, one.number))


def overdue(reads: Reads, today: int) -> bool:
    """Whether any has waited too long for its decision."""
    return any(is_open(one) and today > (one.decide_by or 0) for one in OBJECTIONS.scan(reads))


def of_client(reads: Reads, client: str) -> Iterator[tuple[Objection, Refused]]:
    """Every objection of a client that was kept, with its refusal, for whoever looks at the client."""
    for one in OBJECTIONS.find(reads, "client", client.encode()):
        yield one, REFUSALS.need(reads, one.refusal.encode())


def has_objected(reads: Reads, client: str) -> bool:
    """Whether this client objected to something, whatever came of it, and nobody has taken that back."""
    return any(refusal.lifted_at is None for _, refusal in of_client(reads, client))


def goes_on(objection: Objection) -> bool:
    """Whether something goes on in spite of it: some of its rows only let it be recorded."""
    return RECORD in objection.effects


def watch(tx: Transaction, work: Workplace) -> None:
    """Once a day: an alarm while a decision is overdue. What waits stays stopped whatever happens."""
    if overdue(tx, work.today):
        alarms.sound(tx, Duty.OVERDUE_OBJECTION, ABOUT, work.now)
    else:
        alarms.end(tx, Duty.OVERDUE_OBJECTION, ABOUT)
