# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""An edge that was put back from a back-up of its own (delivery.md section 6).

Guarantees:
- until a person has confirmed, nothing is taken, sent, registered or picked up; stops go out all the time, since the
  person signs again what was stopped and refused since the back-up, and a hub in recovery waits for exactly that;
- then, once: every handle of before is stopped, those too that this edge does not know any more, and only after that a
  hub in recovery is told that this edge has repeated its facts; a line that somebody stopped since stays stopped; every
  other line begins anew under a new secret; and files are read again from the folder done before any new one;
- an allocation that is read again makes a grant only when nothing that this edge has forgotten was stopped meanwhile;
- every sender is told since when, and tells again what it has as acknowledged.
"""

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from adapters.lines import (
    begin_anew,
    chain,
    drop,
    handles_to_stop,
    is_live,
    keep_facts,
    stop_own,
    stopped_by_other,
)
from adapters.records_outgoing import FACTS, GRANTS, HANDLES, SENDS, STOPPED, Grant, Handle
from adapters.records_own import RESTORES, Restore, backed_up, followed
from adapters.records_people import Refused
from adapters.refusals import refuse
from adapters.shelf import Reads
from adapters.store import Transaction
from adapters.workplace import Workplace
from consent.grant import handle, months
from consent.precedence import HELD
from hub.client import HandleState, HubUnavailableError
from schemas.calendar import day_of, month_of, start_of_day
from schemas.codes import Code
from schemas.fact import Register, Stop, parse_fact, sign_facts
from schemas.restored import sign_restored
from schemas.signing import SigningKey

SHOWN_DAYS: Final = 7  # what was told before is shown as being restored
TOLD_DAYS: Final = 37  # a sender's outbox keeps what was acknowledged for 30 days
_DAY: Final = 86_400_000


class RestoringError(HubUnavailableError):
    """This edge was put back and a person has not confirmed, or its lines have not begun anew yet."""

    def __init__(self) -> None:
        super().__init__(
            "this edge was put back from a back-up and takes nothing before a person has confirmed: "
            "see `schakel edge restored`"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen to the lines of an edge that was put back, for a person to read before confirming.

    Ids of grants: `anew` begin under a new secret, `renewed` end since their renewal was made before the back-up,
    `ended` were stopped here since, `held` by another address since.  `unknown`: handles registered since, which are
    stopped; `forgotten`: those that are stopped already.
    """

    anew: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    unknown: tuple[HandleState, ...] = ()
    forgotten: int = 0


# -- where it is -----------------------------------------------------------------------------------------------------


def current(reads: Reads) -> Restore | None:
    """The newest restore, whether it is over or not."""
    found = list(RESTORES.scan(reads))
    return max(found, key=lambda one: one.at, default=None)


def is_unconfirmed(reads: Reads) -> bool:
    """Whether a person must confirm first."""
    newest = current(reads)
    return newest is not None and newest.confirmed_at is None


def is_restoring(reads: Reads) -> bool:
    """Whether anything stands before an ordinary pass: a person, or the lines."""
    newest = current(reads)
    return newest is not None and newest.anew_at is None


def reads_again(reads: Reads) -> Restore | None:
    """The restore after which the folder done must be read again, when that was not done yet."""
    newest = current(reads)
    return newest if newest is not None and newest.anew_at is not None and newest.read_at is None else None


def shown_on(reads: Reads, today: int) -> int | None:
    """The day on which this edge was put back, while what was told before is shown as being restored."""
    newest = current(reads)
    return day_of(newest.at) if newest is not None and today < day_of(newest.at) + SHOWN_DAYS else None


# -- a person --------------------------------------------------------------------------------------------------------


def begin(tx: Transaction, work: Workplace, saved_at: int | None = None) -> Restore:
    """This store is a copy that was put back.  `saved_at`: when it was made, where the copy itself does not say so.

    Raises:
        ValueError: nobody says when it was made.
    """
    made = backed_up(tx)
    at = saved_at if saved_at is not None else None if made is None else made.at
    if at is None:
        raise ValueError("the copy does not say when it was made")
    # The copy may itself be of a time at which a person was waited for: then it is all since that time.
    at = min([at, *(one.saved_at for one in RESTORES.scan(tx) if one.confirmed_at is None)])
    log = followed(tx)
    return RESTORES.put(tx, Restore(work.now, at, 1 if log is None else log.log))


def confirm(tx: Transaction, work: Workplace) -> Restore | None:
    """A person has signed again what was stopped and refused since the back-up; None when nobody is waited for."""
    newest = current(tx)
    if newest is None or newest.confirmed_at is not None:
        return None
    return RESTORES.put(tx, replace(newest, confirmed_at=work.now))


def read_again_done(tx: Transaction, work: Workplace) -> None:
    """The folder done was read again to its end."""
    newest = reads_again(tx)
    if newest is not None:
        RESTORES.put(tx, replace(newest, read_at=work.now))


# -- at the hub ------------------------------------------------------------------------------------------------------


async def tell_hub(work: Workplace, key: SigningKey, log: int) -> None:
    """Say since when this edge may have lost what it was told; again in every log of the hub."""
    for one in list(RESTORES.scan(work.store)):
        over = one.anew_at is not None and work.now > one.anew_at + TOLD_DAYS * _DAY
        if one.told_in >= log or over:
            continue
        frame = sign_restored(key, work.address, work.today, min(day_of(one.saved_at), work.today))
        if await work.ask("restored", work.client.restored, frame) is Code.IN_FORCE:
            with work.commit("restored") as tx:
                RESTORES.put(tx, replace(RESTORES.need(tx, _key(one)), told_in=log))
            # A crash before this commit: it is said twice, and told again twice, which is seen already.


async def plan(work: Workplace) -> Plan:
    """What will happen to the lines, as the hub's log stands now."""
    states = await work.ask("handles", work.client.handles)
    stopped = _stopped_by_us(await _own_facts(work))
    return _plan(work.store, states, stopped, work.today)


async def stop_all_of_before(work: Workplace, key: SigningKey) -> bool:
    """After a person has confirmed: whether every handle that this edge ever registered is stopped at the hub.

    A stop of this edge's own may be lost here and at the hub alike; so none of before may still let anything pass when
    the gate opens. Before the first is sent it is put down what had been stopped, so that these are not taken for it.
    """
    one = current(work.store)
    if one is None or one.stopped_at is not None:
        return True
    await _read_back(work)
    if one.planned_at is None:
        made = await plan(work)
        one = _keep(work, replace(one, planned_at=work.now, ended=made.ended, forgotten=made.forgotten))
    states = await work.ask("handles", work.client.handles)
    for body in _stops(work.store, states, _stopped_by_us([fact.frame for fact in FACTS.scan(work.store)]), work.today):
        # Alone: nothing must show that two handles belong together.
        frame = sign_facts(key, work.address, work.today, [body])[0]
        if (await work.ask("stop of before", work.client.facts, [frame]))[0].code is not Code.IN_FORCE:
            return False
        with work.commit("stopped of before") as tx:
            keep_facts(tx, [(frame, max(month_of(work.today), *(month for month, _ in body.handles)))])
        # A crash here: those that follow are stopped at the next pass.
    _keep(work, replace(one, stopped_at=work.now))
    return True


async def begin_lines(work: Workplace) -> None:
    """After all of before was stopped and the feed was read to its end: the lines go on, each under a new secret."""
    one = current(work.store)
    if one is None or one.anew_at is not None:
        return
    states = await work.ask("handles", work.client.handles)
    by_other = {state.handle for state in states if state.stopped == "other"}
    log = followed(work.store)
    with work.commit("begun anew") as tx:
        for grant in list(GRANTS.scan(tx)):
            _go_on(tx, work, GRANTS.need(tx, grant.id.encode()), one, by_other)
        same = log is not None and log.log == one.log
        known = {name for grant in GRANTS.scan(tx) for name in _names(grant)}
        sure = same and not one.forgotten and by_other <= known
        RESTORES.put(tx, replace(one, anew_at=work.now, remakes=sure))
    # A crash before this commit: no line has begun, and all of it is done again.


def _go_on(tx: Transaction, work: Workplace, grant: Grant, one: Restore, by_other: AbstractSet[bytes]) -> None:
    if not is_live(grant, work.today):  # or its line was held a moment ago
        return
    if any(by_other & _names(before) for before in chain(tx, grant)):
        stopped_by_other(tx, work, grant)
    elif grant.id in one.ended:
        GRANTS.put(tx, replace(grant, state=STOPPED))
        refuse(tx, Refused(work.id(), grant.client, grant.recipient, HELD, work.now))
        drop(tx, grant, asks=True)
    elif grant.next is not None and is_live(GRANTS.need(tx, grant.next.encode()), work.today):
        stop_own(tx, work, grant)
    else:
        begin_anew(tx, work, grant)


def _stops(reads: Reads, states: Sequence[HandleState], stopped: Collection[bytes], today: int) -> list[Stop]:
    """What must be stopped so that nothing of before lets anything pass."""
    grants = [grant for grant in GRANTS.scan(reads) if today <= grant.end]
    known = {name for grant in GRANTS.scan(reads) for name in _names(grant)}
    unknown = [state for state in states if state.handle not in known and state.stopped is None]
    bodies = [Stop(((one.month, one.handle),)) for one in unknown]
    bodies += [handles_to_stop(grant.secret, grant.end, today) for grant in grants]
    return [body for body in bodies if any(name not in stopped for _, name in body.handles)]


def _keep(work: Workplace, one: Restore) -> Restore:
    with work.commit("restore") as tx:
        return RESTORES.put(tx, one)


def _plan(reads: Reads, states: Sequence[HandleState], stopped: Collection[bytes], today: int) -> Plan:
    grants = list(GRANTS.scan(reads))
    names = {name: grant.id for grant in grants for name in _names(grant)}
    by_other = {state.handle for state in states if state.stopped == "other"}
    by_us = {state.handle for state in states if state.stopped == "me"} | set(stopped)
    unknown = [state for state in states if state.handle not in names]
    anew: list[str] = []
    renewed: list[str] = []
    ended: list[str] = []
    held: list[str] = []
    for grant in grants:
        if not is_live(grant, today):
            continue
        if any(by_other.intersection(_names(one)) for one in chain(reads, grant)):
            held.append(grant.id)
        elif by_us.intersection(_names(grant)):
            ended.append(grant.id)
        elif grant.next is not None and is_live(GRANTS.need(reads, grant.next.encode()), today):
            renewed.append(grant.id)
        else:
            anew.append(grant.id)
    return Plan(
        tuple(anew),
        tuple(renewed),
        tuple(ended),
        tuple(held),
        tuple(one for one in unknown if one.stopped is None),
        sum(one.stopped is not None for one in unknown) + len(by_us - set(names) - {one.handle for one in unknown}),
    )


def _names(grant: Grant) -> frozenset[bytes]:
    """Every handle that a grant can have had: a stop names last month too."""
    begin = month_of(grant.begin)
    return frozenset(handle(grant.secret, month) for month in (begin - 1, *months(grant.begin, grant.end)))


async def _own_facts(work: Workplace) -> list[bytes]:
    """Every fact that this address signed and the log still has."""
    found: list[bytes] = []
    index = 0
    while page := await work.ask("own facts", work.client.facts_after, index):
        found += [one.frame for one in page]
        index = max(index, page[-1].index) + 1
    return found


def _stopped_by_us(frames: Iterable[bytes]) -> set[bytes]:
    bodies = [parse_fact(frame).body for frame in frames]
    return {name for body in bodies if isinstance(body, Stop) for _, name in body.handles}


async def _read_back(work: Workplace) -> None:
    """Facts of the time that was lost, kept so that they are repeated to a hub that loses them; known handles too."""
    mine = {_what(fact.frame) for fact in FACTS.scan(work.store)}
    lost = [frame for frame in await _own_facts(work) if _what(frame) not in mine]
    by_name = {name: grant for grant in GRANTS.scan(work.store) for name in _names(grant)}
    with work.commit("read back") as tx:
        for frame in lost:
            body = parse_fact(frame).body
            until = body.month if isinstance(body, Register) else max(month for month, _ in body.handles)
            keep_facts(tx, [(frame, until)])
            if isinstance(body, Register) and body.handle in by_name and HANDLES.get(tx, body.handle) is None:
                HANDLES.put(tx, Handle(body.handle, by_name[body.handle].id, body.month))
    # A crash before this commit: they are read again.


def _what(frame: bytes) -> tuple[object, ...]:
    body = parse_fact(frame).body
    return (body.handle,) if isinstance(body, Register) else body.handles


def _key(one: Restore) -> bytes:
    return one.at.to_bytes(8, "big")


def unknown_outcomes(reads: Reads, message_ids: Iterable[bytes | None]) -> int:
    """How many of the messages in a feed this edge does not know any more."""
    return sum(one is not None and SENDS.get(reads, one) is None for one in set(message_ids))


def day_before(saved_at: int) -> int:
    """The beginning of the day of a back-up, in milliseconds: what a person looks up on paper from."""
    return start_of_day(day_of(saved_at))
