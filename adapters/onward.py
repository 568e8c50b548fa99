# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What came under a row that forbids to pass it on and comes out of our own system again is not told to anybody.

A notice goes to the partner's own system; what that system says next comes back as a native message of our own. Guarantees:
- it is refused before it waits to be sent, by the column `onward` of the row under which it came (`consent.onward`);
- it is recognised by the id of our notice, wherever the native message repeats it, and also when the same thing (kind, day,
  and reference where both have one) was told to us about this client, whatever law the message gives it now;
- never silently: it stands in the outbox as something a person must look at, with the reason;
- nobody tells it again. Only where it was recognised by likeness alone may a person say that it is a fact of our own.

What is like it on another day, or said in other words by a person, it can't recognise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from adapters.chain_view import event_of
from adapters.records import EVENT, INTRODUCTIONS, ITEMS, TOLD, Client, Item, Reads, Told, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.onward import stays
from schemas.address import role_of
from schemas.event import Event

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


class OnwardError(ValueError):
    """This may not be passed on, or nothing is to be decided about it; a Dutch sentence, without a number of a client."""


def bar(reads: Reads, work: Workplace, client: Client, said: tuple[Event, ...], ids: Iterable[str]) -> str | None:
    """Why a fact of this client may not be told: the way it was recognised; None when nothing is against it.

    `said`: the fact as its source wrote it and as it is in time; `ids`: everything by which the message names it.
    """
    likeness, names = False, [name.replace("-", "").lower() for name in ids]
    for told in _bound(reads, work, client.id):
        if any(told.event_id.hex() in name for name in names):
            return BY_ID
        likeness = likeness or (bool(told.parts) and any(_alike(event_of(work.registry, told), one) for one in said))
    return BY_LIKENESS if likeness else None


def check(reads: Reads, work: Workplace, item: Item) -> None:
    """Before a person tells something again.

    Raises:
        OnwardError: it may not be passed on.
    """
    if item.final == OWN_FACT:
        return
    if item.final in (BY_ID, BY_LIKENESS) or any(
        _alike(event_of(work.registry, told), _event(work, item))
        for told in _bound(reads, work, item.client)
        if told.parts and item.parts and told.came_at <= item.made_at
    ):
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


def _bound(reads: Reads, work: Workplace, client: str) -> Iterator[Told]:
    """What was told about this client, shown here, and must stay here."""
    here = role_of(work.address)
    bound = {row.id for row in work.rules.rows.values() if here in row.recipients and stays(row)}
    if not bound:
        return
    for introduced in INTRODUCTIONS.find(reads, "client", client.encode()):
        if introduced.row in bound and not introduced.withheld and not introduced.held:
            yield from TOLD.find(reads, "secret", introduced.secret)


def _alike(told: Event, said: Event) -> bool:
    same = (told.kind, told.day) == (said.kind, said.day)
    return same and (told.reference == said.reference or None in (told.reference, said.reference))


def _event(work: Workplace, item: Item) -> Event:
    return Event.from_parts({name: work.registry.validate(f"{name}/1", raw) for name, raw in item.parts})
