# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What came under a row that forbids to pass it on and comes out of our own system again is not told to anybody.

A notice goes to the partner's own system; what that system says next comes back as a native message of our own. Guarantees:
- it is refused before it waits to be sent, by the column `onward` of the row under which it came (`consent.onward`);
- it is recognised by the id of our notice, wherever the native message repeats it, and also when the same thing was told to us about
  this client, whatever law the message gives it now: the same kind, no other reference, and whatever day from the month of what
  was told to the last month of its line. Not after an end or interruption that was told in between: then it is a second start;
- never silently: it stands in the outbox as something a person must look at, with the reason;
- nobody tells it again. Only where it was recognised by likeness alone may a person say that it is a fact of our own.

What is told in other words by a person, or after its content was destroyed here, it can't recognise. Most of what it is told
has no reference, so a case of our own of the same kind waits for a person too: refused wrongly is put right, told is not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adapters.chain_view import event_of
from adapters.records_incoming import INTRODUCTIONS, TOLD, Told
from adapters.records_outgoing import EVENT, ITEMS, Client, Item
from adapters.shelf import Reads, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.onward import stays
from schemas.address import role_of
from schemas.calendar import month_of
from schemas.event import Event, Kind

# How something in the outbox ended that was never to be sent.
BY_ID: Final = "onward-by-id"
BY_LIKENESS: Final = "onward-by-likeness"
OWN_FACT: Final = "own-fact"
WHY: Final = {
    BY_ID: "niet verteld: dit kwam zelf via de hub (herkend aan het kenmerk van onze melding), "
    "en de wet verbiedt het door te geven",
    BY_LIKENESS: "niet verteld: een partner vertelde ons hetzelfde, en de wet verbiedt dat door te geven; "
    "is het een eigen feit, zeg dat dan met `schakel edge own-fact`",
    OWN_FACT: "een mens heeft vastgesteld dat dit een eigen feit is; het kan opnieuw worden verteld",
}


_BETWEEN: Final = (Kind.BEEINDIGD, Kind.ONDERBROKEN, Kind.AFGEWEZEN)  # after these it may start once more


class OnwardError(ValueError):
    """This may not be passed on, or nothing is to be decided about it; a Dutch sentence, without a number of a client."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """Something that must stay here, and the last month of the line under which it came."""

    told: Told
    event: Event | None
    last_month: int


def kept_rows(work: Workplace) -> frozenset[int]:
    """The rows under which this side is told things that it must not pass on."""
    here = role_of(work.address)
    return frozenset(row.id for row in work.rules.rows.values() if here in row.recipients and stays(row))


def bar(
    reads: Reads, work: Workplace, client: Client, said: tuple[Event, ...], ids: Iterable[str], rows: frozenset[int]
) -> str | None:
    """Why a fact of this client may not be told: the way it was recognised; None when nothing is against it.

    `said`: the fact as its source wrote it and as it is in time; `ids`: everything by which the message names it; `rows`:
    see `kept_rows`.
    """
    bound = list(_bound(reads, work, client.id, rows))
    if not bound:
        return None
    names = [name.replace("-", "").lower() for name in ids]
    if any(one.told.event_id.hex() in name for one in bound for name in names):
        return BY_ID
    return BY_LIKENESS if _is_like(bound, said) else None


def check(reads: Reads, work: Workplace, item: Item) -> None:
    """Before a person tells something again.

    Raises:
        OnwardError: it may not be passed on.
    """
    if item.final == OWN_FACT:
        return
    rows = kept_rows(work)
    before = [one for one in _bound(reads, work, item.client, rows) if one.told.came_at <= item.made_at]
    if item.final in (BY_ID, BY_LIKENESS) or (item.parts and _is_like(before, (_event(work, item),))):
        raise OnwardError(
            "dit kwam van een partner onder een wet die doorgeven verbiedt, en wordt niet opnieuw verteld"
        )


def own_fact(tx: Transaction, number: int) -> Item:
    """A person says that what was recognised by likeness is a fact of our own; nothing is sent by that alone.

    Raises:
        OnwardError: it was not refused for that.
    """
    item = ITEMS.get(tx, number_key(number))
    if item is None or item.kind != EVENT or item.dead or item.final != BY_LIKENESS:
        raise OnwardError("hierover is niets te zeggen: het is niet om zijn gelijkenis tegengehouden")
    return ITEMS.put(tx, replace(item, final=OWN_FACT))


def _bound(reads: Reads, work: Workplace, client: str, rows: frozenset[int]) -> Iterator[_Bound]:
    """What was told about this client, shown here, and must stay here."""
    if not rows:
        return
    for introduced in INTRODUCTIONS.find(reads, "client", client.encode()):
        if introduced.row in rows and not introduced.withheld and not introduced.held:
            for told in TOLD.find(reads, "secret", introduced.secret):
                event = event_of(work.registry, told) if told.parts else None  # after its time its content is gone
                yield _Bound(told, event, month_of(introduced.end))


def _is_like(bound: Sequence[_Bound], said: Sequence[Event]) -> bool:
    """Whether this was told to us, as its source wrote it on the same day, or as it is in time on another."""
    ends = [one.event for one in bound if one.event is not None and one.event.kind in _BETWEEN]
    for one in bound:
        if one.event is None:
            continue
        if any(_same(one.event, event) and one.event.day == event.day for event in said):
            return True
        if _same(one.event, said[-1]) and _on_another_day(one, one.event, said[-1], ends):
            return True
    return False


def _same(told: Event, said: Event) -> bool:
    return told.kind is said.kind and _one_case(told, said)


def _on_another_day(one: _Bound, told: Event, said: Event, ends: Sequence[Event]) -> bool:
    if not month_of(told.day) <= month_of(said.day) <= one.last_month:
        return False
    between = any(_one_case(told, end) and told.day <= end.day <= said.day for end in ends)
    return told.kind in _BETWEEN or not between


def _one_case(one: Event, other: Event) -> bool:
    """Not of two cases, as far as is known."""
    return one.reference == other.reference or None in (one.reference, other.reference)


def _event(work: Workplace, item: Item) -> Event:
    return Event.from_parts({name: work.registry.validate(f"{name}/1", raw) for name, raw in item.parts})
