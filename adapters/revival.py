# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A death that was told and is taken back: what the rules allow begins anew, and a person is asked about all of it.

Guarantees:
- nothing that was stopped re-opens: a line goes on by a new grant with a new secret, or not at all;
- only what rests on allocations and answers that still stand begins by itself, and only when the own system took the death back
  or the other party of an allocation took back that it was so; what a person calls back by hand begins nothing;
- while another statement of the death stands, it is not taken back;
- nothing begins against a refusal, in a line that another address stopped, or before the feed of the hub was read to its end;
- what rests on consent or on a person's word, a person makes anew: it is shown until somebody has settled it.
"""

from dataclasses import replace

from adapters import matters
from adapters.following import follow_sources, rests_on_source
from adapters.lines import newest
from adapters.matters import DEATH_TAKEN_BACK, MATTERS, Matter
from adapters.records_outgoing import CLOSINGS, GRANTS, ITEMS, SOURCES, Closing, Grant
from adapters.shelf import Reads, number_key
from adapters.store import Transaction
from adapters.workplace import Workplace
from schemas.event import Ending

_DEATH = Ending.OVERLEDEN.value


def death_taken_back(tx: Transaction, work: Workplace, client: str, *, begin: bool) -> None:
    """A statement of a death was taken back. `begin`: what may begin by itself does so at the next pass."""
    closings = [one for one in CLOSINGS.find(tx, "client", client.encode()) if one.why == _DEATH and not one.taken_back]
    if not closings or any(_stands(tx, one) for one in closings):
        return
    ended: list[str] = []
    shut: list[str] = []
    for one in closings:
        if one.done_on is None:  # it has ended nothing yet, and will not
            CLOSINGS.delete(tx, one.id.encode())
        else:
            CLOSINGS.put(tx, replace(one, taken_back=True))
            ended += one.ended
            shut += one.shut
    for key in dict.fromkeys(shut):
        _reopen(tx, client, key)
    if ended:
        matters.ask(tx, work, client, (DEATH_TAKEN_BACK, ""), list(dict.fromkeys(ended)), due=begin)


def _stands(reads: Reads, closing: Closing) -> bool:
    """Whether this is a statement of the death, and nobody took it back; where it was only not told, it states nothing."""
    if not closing.item:
        return closing.source is not None
    item = ITEMS.get(reads, number_key(closing.item))
    return item is None or not item.dead


def _reopen(tx: Transaction, client: str, key: str) -> None:
    """What the death alone had closed may be a source again."""
    source = SOURCES.get(tx, key.encode())
    if source is None:
        return
    others = [one for one in CLOSINGS.find(tx, "client", client.encode()) if one.why != _DEATH]
    if not any(one.source == source.number for one in others):
        SOURCES.put(tx, replace(source, closed=False))


def begin_again(work: Workplace) -> int:
    """Begin anew what may, after the feed was read to its end; how many grants."""
    begun = 0
    for matter in [one for one in matters.waiting(work.store) if one.due]:
        with work.commit("begun again") as tx:
            begun += _begin(tx, work, matter)
        # A crash before this commit: it is tried at the next pass; after it: its introduction waits in the outbox.
    return begun


def _begin(tx: Transaction, work: Workplace, matter: Matter) -> int:
    grants = [one for one in (GRANTS.get(tx, name.encode()) for name in matter.grants) if one is not None]
    made = [new for new in (_anew(tx, work, one) for one in grants) if new is not None]
    MATTERS.put(tx, replace(matter, begun=tuple(dict.fromkeys(one.id for one in made)), due=False))
    return len({one.id for one in made})


def _anew(tx: Transaction, work: Workplace, last: Grant) -> Grant | None:
    row = work.rules.rows.get(last.row)
    if row is None or not rests_on_source(tx, last):
        return None
    follow_sources(tx, work, last.client, last.recipient, row)
    return newest(tx, last.line)
