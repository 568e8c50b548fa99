# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Who could be told what about one own client on a day, and by whom this partner could be: the answer only an edge has.

Guarantees:
- from what this edge keeps, and nothing else: a grant whose day of stopping it no longer has is said to be unsure, never
  guessed either way;
- what had been told by then is named by its number here, not by its content, which may be gone;
- a stop counts from its day on: on that day itself the grant may have been used before it;
- people see it by `look` only: who looked is on the disk before anything is handed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.chain_view import kept_until
from adapters.looks import COULD_SEE, Viewer, record
from adapters.records_incoming import GONE, HALTED, INTRODUCTIONS, TOLD, Introduced
from adapters.records_outgoing import ACTIVE, DONE, EVENT, GRANTS, HANDLES, ITEMS, ORDERS, REPLACED, Client, Grant
from adapters.shelf import Reads, gone_key
from adapters.workplace import Workplace
from schemas.calendar import day_of

YES: Final = "yes"
UNSURE: Final = "unsure"  # it was stopped on a day that is not kept any more
OUT: Final = "out"
IN: Final = "in"


@dataclass(frozen=True, slots=True)
class Sight:
    """A grant that counted on the day, or under which something told before could still be seen.

    `way`: `out` is this partner telling `partner`, `in` the other way round.  `counts`: `yes`, `unsure`, or `no` when only
    what was told before could be seen.  `stopped` is a day.  `told`: numbers in the outbox here; for `in` how many events
    stood in the view.
    """

    way: str
    partner: str
    row: int
    law: str
    purpose: str
    ground: str
    categories: tuple[str, ...]
    begin: int
    end: int
    stopped: int | None
    counts: str
    told: tuple[int, ...]
    shown: int


NO: Final = "no"


def look(work: Workplace, viewer: Viewer, client: Client, day: int) -> list[Sight]:
    """The same for a person, after it was recorded that this person sees it; also when nobody could see anything.

    Raises:
        StoreError: it can't be recorded, so nothing is shown.
    """
    found = could_see(work.store, client, day)
    tasks = sorted({f"{one.purpose}/{one.law}" for one in found})
    with work.commit("looked") as tx:
        record(tx, work, viewer, client.id, COULD_SEE, tuple(tasks))
    # A crash before this commit: nothing was shown. After it: the record says that it was, and perhaps nobody saw it.
    return found


def could_see(reads: Reads, client: Client, day: int) -> list[Sight]:
    """Everything about this client that counted, or could be seen, on the day."""
    stops = {order.grant: day_of(order.due) for order in ORDERS.scan(reads) if order.grant is not None}
    found = [
        one for grant in GRANTS.find(reads, "client", client.id.encode()) for one in _out(reads, grant, stops, day)
    ]
    for introduced in INTRODUCTIONS.find(reads, "client", client.id.encode()):
        found += _in(reads, introduced, day)
    return sorted(found, key=lambda one: (one.way, one.partner, one.begin, one.row))


def _out(reads: Reads, grant: Grant, stops: dict[str, int], day: int) -> Iterator[Sight]:
    if day < grant.begin:
        return
    stopped = _stopped_on(reads, grant, stops)
    told = tuple(
        item.number
        for item in ITEMS.find(reads, "grant_made", grant.id.encode())
        if item.kind == EVENT and item.final == DONE and item.done_on is not None and item.done_on <= day
    )
    if day > grant.end or (stopped is not None and day > stopped):
        counts = NO
    else:
        counts = YES if grant.state == ACTIVE or stopped is not None else UNSURE
    if counts != NO or told:
        yield Sight(
            OUT, grant.recipient, grant.row, grant.law, grant.purpose, grant.ground, grant.categories,
            grant.begin, grant.end, stopped, counts, told, 0,
        )  # fmt: skip


def _stopped_on(reads: Reads, grant: Grant, stops: dict[str, int]) -> int | None:
    """The day from which a grant of ours no longer counted, where it ended before its terms and that is kept."""
    if grant.state == ACTIVE:
        return None
    if grant.state == REPLACED and grant.next is not None:
        following = GRANTS.get(reads, grant.next.encode())
        return None if following is None else day_of(following.made_at)
    heard = [
        halted.on
        for handle in HANDLES.find(reads, "grant_made", grant.id.encode())
        if (halted := HALTED.get(reads, handle.handle)) is not None
    ]
    said = [stops[grant.id]] if grant.id in stops else []
    return min(heard + said, default=None)


def _in(reads: Reads, introduced: Introduced, day: int) -> Iterator[Sight]:
    if (
        introduced.withheld
        or introduced.held
        or day < max(introduced.begin, day_of(introduced.came_at))
        or day > kept_until(reads, introduced)
    ):
        return
    shown = sum(
        day_of(told.came_at) <= day and not _called_back(reads, told.sender, told.event_id, day)
        for told in TOLD.find(reads, "secret", introduced.secret)
    )
    ends = introduced.end if introduced.ended_on is None else min(introduced.end, introduced.ended_on)
    if day <= ends or shown:
        yield Sight(
            IN, introduced.sender, introduced.row, introduced.law, introduced.purpose, introduced.ground,
            introduced.categories, introduced.begin, introduced.end, introduced.ended_on, YES if day <= ends else NO, (), shown,
        )  # fmt: skip


def _called_back(reads: Reads, sender: str, event_id: bytes, day: int) -> bool:
    gone = GONE.get(reads, gone_key(sender, event_id))
    return gone is not None and gone.on <= day
