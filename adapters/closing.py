# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A grant ends by itself when its case is over.

- never before the event that says so has arrived, and nothing else waits or is under way in that line; what is called back closes nothing;
- a line that rests on allocations ends with the last of them; one that a person made for a named file ends with that file;
- after a death every line of the client ends, whatever it rests on; after a move every line in which that was told, unless another
  allocation goes on;
- a line that rests on consent ends with these two only: what else was agreed goes on until its day, or until somebody ends it;
- what has ended so never begins again by itself under the same allocation, and people see why it ended; only a death that is taken
  back lets what the rules allow begin anew (`adapters.revival`);
- an end that names no allocation or file closes no line that rests on one, and a person is asked which it means (`adapters.matters`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from adapters import matters, revival
from adapters.lines import end_grant
from adapters.matters import END_UNNAMED
from adapters.records_outgoing import (
    ACTIVE,
    CLOSINGS,
    DONE,
    EVENT,
    FINAL,
    GRANTS,
    ITEMS,
    SENT,
    SOURCES,
    WAITING,
    Closing,
    Grant,
    Item,
    Source,
)
from adapters.references import ANSWER_ROWS, read_of
from adapters.refusals import CLOSED
from adapters.shelf import Reads, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.event import Ending, Event, Kind, Law

WORDS: Final = {
    Kind.BEEINDIGD.value: "de hulp is beëindigd",
    Kind.AFGEWEZEN.value: "het verzoek is afgewezen",
    Ending.VERHUISD.value: "de cliënt is verhuisd",
    Ending.OVERLEDEN.value: "de cliënt is overleden",
}
_WHATEVER_IT_RESTS_ON: Final = (Ending.VERHUISD.value, Ending.OVERLEDEN.value)


def why_closed(event: Event) -> str | None:
    """Why a case is over after this event; None: it goes on."""
    if event.kind is Kind.AFGEWEZEN:
        return event.kind.value
    if event.kind is not Kind.BEEINDIGD:
        return None
    return event.ending.value if event.ending in (Ending.VERHUISD, Ending.OVERLEDEN) else event.kind.value


def told(tx: Transaction, work: Workplace, grant: Grant, event: Event, item: Item) -> None:
    """This event was put in the outbox under this grant: its line ends once it has arrived, if it closes the case."""
    why = why_closed(event)
    if why is not None and (why in _WHATEVER_IT_RESTS_ON or _is_of(tx, grant, event.reference)):
        CLOSINGS.put(tx, Closing(work.id(), grant.client, grant.line, item.number, event.reference, why, work.today))


def died(tx: Transaction, work: Workplace, grants: Sequence[Grant], event: Event) -> None:
    """Lines in which a death is not told, since it was under another law, end all the same."""
    if why_closed(event) != Ending.OVERLEDEN.value:
        return
    for grant in grants:
        if not any(one.done_on is None for one in CLOSINGS.find(tx, "line", grant.line.encode())):
            CLOSINGS.put(tx, Closing(work.id(), grant.client, grant.line, 0, None, Ending.OVERLEDEN.value, work.today))


def untold(tx: Transaction, client: str, event: Event) -> None:
    """Where it is told to nobody, for instance against an objection, the help has ended all the same: its allocation is no source."""
    if why_closed(event) is None or event.reference is None or event.law is None:
        return
    due = [one.line for one in CLOSINGS.find(tx, "client", client.encode(), "due") if one.source == event.reference]
    for source in SOURCES.find(tx, "client", client.encode()):
        told_there = any(line.startswith(f"{client}/{source.partner}/") for line in due)
        if (source.number, source.law) == (event.reference, event.law.value) and not told_there:
            SOURCES.put(tx, replace(source, closed=True))


def unnamed(tx: Transaction, work: Workplace, client: str, grants: Sequence[Grant], event: Event) -> None:
    """A closing status that names no allocation closes nothing where one is the ground: a person says which line is over."""
    why = why_closed(event)
    if why is None or why in _WHATEVER_IT_RESTS_ON or event.reference is not None:
        return
    found = [
        one
        for one in grants
        if one.consent is None and one.row not in ANSWER_ROWS and event.law in (None, Law(one.law))
    ]
    if found:
        matters.ask(tx, work, client, (END_UNNAMED, _about(event)), [one.id for one in found])


def _about(event: Event) -> str:
    return f"{'' if event.law is None else event.law.value}/{event.kind.value}/{event.day}"


def heard(tx: Transaction, work: Workplace, grants: Sequence[Grant], event: Event) -> None:
    """The other party of an allocation wrote that its help is over: nothing more is to be told about it."""
    why = why_closed(event)
    for grant in grants:
        if why is not None and event.reference is not None and _is_of(tx, grant, event.reference):
            CLOSINGS.put(tx, Closing(work.id(), grant.client, grant.line, 0, event.reference, why, work.today))


def taken_back(tx: Transaction, work: Workplace, client: str, event: Event, *, begin: bool) -> None:
    """Whoever wrote that the help was over takes that back. `begin`: after a death, what may begins anew by itself."""
    why = why_closed(event)
    if why is None:
        return
    matters.withdraw(tx, client, END_UNNAMED, _about(event))
    _case_goes_on(tx, client, event, why)
    if why == Ending.OVERLEDEN.value:
        revival.death_taken_back(tx, work, client, begin=begin)


def _case_goes_on(tx: Transaction, client: str, event: Event, why: str) -> None:
    law = event.law
    if event.reference is None or law is None:
        return
    closings = CLOSINGS.find(tx, "client", client.encode())
    _forget(tx, [one for one in closings if (one.item, one.source, one.why) == (0, event.reference, why)])
    for source in SOURCES.find(tx, "client", client.encode()):
        if (source.number, source.law) == (event.reference, law.value):
            SOURCES.put(tx, replace(source, closed=False))


def called_back(tx: Transaction, work: Workplace, item: Item, *, by_hand: bool) -> None:
    """An event was called back: it closes nothing. What it has ended stays so; its allocation may be a source again."""
    found = [one for one in CLOSINGS.find(tx, "line", item.line.encode()) if one.item == item.number]
    _forget(tx, found)
    if by_hand and any(one.why == Ending.OVERLEDEN.value for one in found):
        revival.death_taken_back(tx, work, item.client, begin=False)


def _forget(tx: Transaction, closings: Sequence[Closing]) -> None:
    for one in closings:
        if one.done_on is None:
            CLOSINGS.delete(tx, one.id.encode())
        elif one.why == Ending.OVERLEDEN.value and not one.item:
            CLOSINGS.put(tx, replace(one, source=None))  # it states the death no more
        for source in _sources_of(tx, one):
            SOURCES.put(tx, replace(source, closed=False))


def close_delivered(work: Workplace) -> int:
    """End the lines whose closing event has arrived; how many."""
    ended = 0
    for closing in list(CLOSINGS.scan(work.store, "due")):
        item = ITEMS.get(work.store, number_key(closing.item)) if closing.item else None
        if _waits(work.store, closing, item):
            continue
        with work.commit("closed") as tx:
            if closing.item and (item is None or item.dead or item.final != DONE):
                CLOSINGS.delete(tx, closing.id.encode())
            else:
                ended += _close(tx, work, closing)
        # A crash before this commit: it is looked at again at the next pass; after it: the stop waits in its order.
    return ended


def _waits(reads: Reads, closing: Closing, item: Item | None) -> bool:
    """Whether the event has not come there yet, a person must look at it, or something else of the line is not over."""
    if item is not None and not item.dead and (item.state != FINAL or item.asks):
        return True
    line = closing.line.encode()
    return any(one.kind == EVENT for state in (WAITING, SENT) for one in ITEMS.find(reads, "line", line, state))


def _close(tx: Transaction, work: Workplace, closing: Closing) -> bool:
    over = closing.why == Ending.OVERLEDEN.value
    shut = SOURCES.find(tx, "client", closing.client.encode()) if over else _sources_of(tx, closing)
    shut = [source for source in shut if not source.closed]
    for source in shut:
        SOURCES.put(tx, replace(source, closed=True))
    grants = [one for one in GRANTS.find(tx, "line", closing.line.encode()) if one.state == ACTIVE]
    others = any(_is_open(one, work.today) for grant in grants for one in _sources(tx, grant))
    ended = [] if others and closing.why != Ending.OVERLEDEN.value else grants
    for grant in ended:
        end_grant(tx, work, grant, CLOSED)
    keys = tuple(SOURCES.key(source).decode() for source in shut) if over else ()
    CLOSINGS.put(tx, replace(closing, done_on=work.today, ended=tuple(grant.id for grant in ended), shut=keys))
    return bool(ended)


def _is_of(reads: Reads, grant: Grant, reference: str | None) -> bool:
    """Whether an event that names this allocation or file may be the last of what the grant rests on."""
    if reference is None or grant.consent is not None:
        return False
    return grant.source == reference or any(one.number == reference for one in _sources(reads, grant))


def _is_open(source: Source, today: int) -> bool:
    return not source.withdrawn and not source.closed and (source.end is None or source.end >= today)


def _sources(reads: Reads, grant: Grant) -> list[Source]:
    return read_of(reads, grant.client, grant.recipient, grant.law)


def _sources_of(reads: Reads, closing: Closing) -> list[Source]:
    grants = GRANTS.find(reads, "line", closing.line.encode())[-1:]
    return [one for grant in grants for one in _sources(reads, grant) if one.number == closing.source]


def why_ended(reads: Reads, grant: Grant) -> str | None:
    """Why this grant ended by itself, or will, in Dutch; None when it was something else."""
    for one in CLOSINGS.find(reads, "line", grant.line.encode()):
        if grant.id in one.ended:
            return WORDS[one.why] + (" (dat is teruggenomen)" if one.taken_back else "")
        if one.done_on is None and grant.state == ACTIVE:
            return f"eindigt vanzelf: {WORDS[one.why]}"
    return None
