# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Refusals: what a citizen does not want told, and what must not be told for somebody's safety.

Guarantees: a refusal outlives every grant; it is looked at before anything is registered, renewed, told or sent, and before
anything that came is shown, whoever made it at the sender; nothing but a named person lifts it, or the citizen by a later word of his
own. Why it stands is known here and nowhere else: outwardly all look the same. Which of several that contradict each other counts is
decided in `consent.precedence`. An objection that waits for a decision is not lifted: it is decided (`adapters.objections`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from adapters.records_incoming import Introduced
from adapters.records_people import OBJECTIONS, REFUSALS, Refused
from adapters.shelf import Reads
from adapters.store import Transaction
from consent.precedence import EXCEPTED, HELD, OBJECTED, PAUSE, REVOCABLE, WITHDRAWN, Asked, Said, concerns, refused
from consent.rules import Row
from schemas.address import role_of
from schemas.calendar import day_of

CLOSED: Final = "closed"  # ended by a professional; leaves no refusal
KINDS: Final = (WITHDRAWN, OBJECTED, HELD)
REASONS: Final = (CLOSED, *KINDS)

WORDS: Final = {
    CLOSED: "afgesloten",
    WITHDRAWN: "toestemming ingetrokken",
    OBJECTED: "bezwaar van de cliënt",
    HELD: "tegengehouden",
    EXCEPTED: "uitzondering: dit mag van de cliënt wel",
}


def standing(reads: Reads, client: str, *, incoming: bool = False) -> list[Refused]:
    """What nobody has lifted about this client: against telling, or against being told; with the exceptions to it."""
    found = REFUSALS.find(reads, "client", client.encode())
    return [refusal for refusal in found if refusal.lifted_at is None and refusal.incoming is incoming]


def kept_refusals(reads: Reads, client: str) -> list[Refused]:
    """Everything that was said about this client in both directions and is kept, lifted or not, in the order in which it was said."""
    return REFUSALS.find(reads, "client", client.encode())


def is_refused(reads: Reads, client: str, partner: str, row: Row | None, *, incoming: bool = False) -> bool:
    """Whether nothing about this client may be told to this partner under this row; or, incoming, taken from it.

    `row` None: it is in no table any more, so nothing is known of what it lets pass.
    """
    found = standing(reads, client, incoming=incoming)
    return bool(found) and refused(map(said, found), Asked(partner, role_of(partner), row))


def turns_away(reads: Reads, client: str, came: Introduced, row: Row | None) -> bool:
    """Whether what a partner opened about this client is refused here.

    What its edge made by itself, by all that stands; what rests on the citizen's own word there, by what he has said since, that day
    included; and what a person made on another ground, by all that stands, but for what waits for a decision: that holds it
    (`adapters.showing`), unless it was said on that day or later.
    """
    found = [one for one in standing(reads, client, incoming=True) if _counts(reads, one, came, row)]
    return bool(found) and refused(map(said, found), Asked(came.sender, role_of(came.sender), row))


def _counts(reads: Reads, one: Refused, came: Introduced, row: Row | None) -> bool:
    if came.automatic or one.kind in (EXCEPTED, HELD) or day_of(one.since) >= came.begin:
        return True
    if came.ground in REVOCABLE:
        return False  # his own later word takes the earlier one back
    return not (_is_weighed(row) and _waits(reads, one))


def is_undecided(reads: Reads, client: str, partner: str, row: Row | None) -> bool:
    """Whether an objection against being told by this partner waits for its decision, under a row that lets it be weighed."""
    found = [one for one in standing(reads, client, incoming=True) if one.kind == EXCEPTED or _waits(reads, one)]
    return _is_weighed(row) and bool(found) and refused(map(said, found), Asked(partner, role_of(partner), row))


def may_agree(reads: Reads, client: str, partner: str, row: Row) -> bool:
    """Whether a consent may be given anew: it replaces one that was withdrawn for this partner; the rest is lifted apart."""
    found = [one for one in standing(reads, client) if one.kind != WITHDRAWN or one.recipient is None]
    return not refused(map(said, found), Asked(partner, role_of(partner), row))


def said(refusal: Refused) -> Said:
    """What stands, as the rules of precedence take it."""
    return Said(refusal.kind, refusal.recipient, refusal.role, refusal.row, refusal.overruled)


def is_about(refusal: Refused, partner: str, row: Row | None) -> bool:
    """Whether it was said about this partner and row."""
    return concerns(said(refusal), Asked(partner, role_of(partner), row))


def refuse(tx: Transaction, new: Refused) -> Refused:
    """Keep a refusal or an exception; the same one twice is one. The one that stands.

    What is refused anew is refused without the exceptions of before: who wants them names them again.
    """
    if new.kind not in (HELD, EXCEPTED):
        _lift(tx, [old for old in standing(tx, new.client, incoming=new.incoming) if _takes_back(new, old)], new.since)
    for old in standing(tx, new.client, incoming=new.incoming):
        if _what(old) == _what(new):
            return old
    return REFUSALS.put(tx, new)


def lift(
    tx: Transaction,
    client: str,
    partner: str | None,
    by: tuple[int, str],
    *,
    incoming: bool = False,
    kinds: Sequence[str] = KINDS,
) -> int:
    """A named person lifts what stands between this client and this partner, or everything for None; how many. `by`: when, and who.

    A refusal that is about all partners or about a role is lifted by None only; an objection that nobody has decided, not. An exception
    stays while there is something to except from.
    """
    lifted = [
        old
        for old in standing(tx, client, incoming=incoming)
        if partner in (None, old.recipient) and old.kind in kinds and not _waits(tx, old)
    ]
    now, name = by
    _lift(tx, lifted, now, name)
    forget_exceptions(tx, client, now, incoming=incoming)
    return len(lifted)


def forget_exceptions(tx: Transaction, client: str, now: int, *, incoming: bool) -> None:
    """Where nothing is refused any more, nothing is excepted either: what is refused later is refused to all it names."""
    left = standing(tx, client, incoming=incoming)
    if all(one.kind == EXCEPTED for one in left):
        _lift(tx, left, now)


def agreed_anew(tx: Transaction, client: str, partner: str, row: int, now: int) -> None:
    """A consent was given anew: what was withdrawn for this partner and row is over."""
    found = [one for one in standing(tx, client) if (one.kind, one.recipient) == (WITHDRAWN, partner)]
    _lift(tx, [one for one in found if one.row in (None, row)], now)


def _lift(tx: Transaction, lifted: Sequence[Refused], now: int, by: str = "") -> None:
    for old in lifted:
        REFUSALS.put(tx, replace(old, lifted_at=now, lifted_by=by))


def _is_weighed(row: Row | None) -> bool:
    return row is None or row.objection == PAUSE


def _waits(reads: Reads, refusal: Refused) -> bool:
    found = OBJECTIONS.find(reads, "refusal", refusal.id.encode())
    return any(one.decide_by is not None and not one.outcome for one in found)


def _takes_back(new: Refused, exception: Refused) -> bool:
    """Whether a refusal is about all that an exception of before is about."""
    if exception.kind != EXCEPTED or new.row not in (None, exception.row):
        return False
    if new.role is not None and exception.recipient is not None:
        return role_of(exception.recipient) == new.role
    return new.recipient in (None, exception.recipient) and new.role in (None, exception.role)


def _what(one: Refused) -> tuple[object, ...]:
    return one.recipient, one.role, one.row, one.kind, one.overruled
