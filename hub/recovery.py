# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Recovery: a store that is not the newest never goes on as if it were (delivery.md section 6).

* A log that was cut is not continued under its name: the next number begins, on top of the entries found, with an
  entry that holds the newest checkpoint seen and the size found.
* Nothing that waited survives: queue, stored outcomes and feeds are dropped, senders seal again.
* One gate: nothing is decided or handed over until every address admitted at that size has repeated the facts that it
  signed, or the operator has said that it will not return.  Facts are taken all the time.
* Nobody's word begins a recovery: only a checkpoint that this hub's own key signed does.

Pure but for the store that it reads; every step is committed by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from hub.delivery import spread
from hub.greatest import Kept
from hub.registry import ADMITTED, Partner, Partners
from hub.store import NewLog, Notify, RecoveryRow, Step, Store, Tell
from schemas import entry
from schemas.calendar import day_of
from schemas.canonical import FrameError, decode_array
from schemas.codes import Code
from schemas.fact import REGISTER, STOP, Register, parse_fact
from schemas.restored import Restored, parse_restored
from schemas.signing import SignatureError, Verifier

PAGE = 1_000
LENGTH = 9  # items in the record of a recovery
Position = tuple[int, int, bytes]  # of a checkpoint: number of its log, size, root


def begin(
    seen: Position, own: int, found: int, partners: Partners, kept: Kept, now: int, random: Callable[[int], bytes]
) -> Step:
    """The step that begins the next log on top of `found` entries of log `own`.

    The copy may be of before: whoever was admitted since is waited for, under the number that it had and without keys
    until people admit it again; whoever was barred since is barred again.
    """
    day, number = day_of(now), 1 + max(seen[0], own)
    step = Step(at=now)
    known = partners.by_address
    forgotten = [address for address in kept.admitted if address not in known]
    numbers = {one.address: one.number for one in known.values() if one.state == ADMITTED}
    numbers |= {address: len(known) + place for place, address in enumerate(forgotten, 1)}
    awaited = [one for address, one in numbers.items() if address not in kept.barred]
    first = entry.recovery(day, number, seen, found, awaited)
    step.entries.append(entry.committed(first, random(32)))
    step.new_log = NewLog(number, 0, tuple(awaited))
    changes: list[tuple[str, str, int | None]] = [(address, ADMITTED, None) for address in forgotten]
    changes += [(address, kept.barred[address], numbers[address]) for address in numbers if address in kept.barred]
    for address, state, its in changes:
        record = entry.admission(day, numbers[address], address, state)
        step.entries.append(entry.committed(record, random(32)))
        step.admissions.append((address, state, its))
    return step


def is_open(row: RecoveryRow | None) -> bool:
    """Whether anything is decided and handed over."""
    return row is None or not row.awaited


def is_news(store: Store, shown: tuple[int, int]) -> bool:
    """Whether number and size of a checkpoint of an earlier log lie beyond what the first entry says was seen.

    Asked only while the gate is closed: the file that would have said so was lost, and the edges show it one by one.
    """
    row = store.recovery()
    if row is None or is_open(row) or shown[0] >= row.number:
        return False
    return shown > _newest_seen(store, row)


def was_seen(store: Store, shown: tuple[int, int]) -> bool:
    """Whether the log of now began by saying that a checkpoint of this number, and of this size or greater, was seen."""
    row = store.recovery()
    if row is None:
        return False
    number, size = _newest_seen(store, row)
    return shown[0] == number and shown[1] <= size


def _newest_seen(store: Store, row: RecoveryRow) -> tuple[int, int]:
    [first] = store.entries(row.entry, row.entry + 1)
    return cast("tuple[int, int]", tuple(decode_array(first.record, LENGTH)[4:6]))


def confirm(number: int, size: int, by: str, now: int, random: Callable[[int], bytes]) -> Step:
    """The step after which partner `number` is no longer waited for."""
    record = entry.confirm(day_of(now), number, size, by)
    return Step(at=now, entries=[entry.committed(record, random(32))], confirmed=[number])


def check_restored(frame: bytes, caller: Partner, verifier: Verifier) -> Restored | Code:
    """The statement in `frame` when `caller` signed it, with any key that is not revoked."""
    try:
        statement = parse_restored(frame)
    except FrameError as error:
        return Code.TOO_LARGE if error.keyword == "size" else Code.MALFORMED
    if statement.signer != caller.address:
        return Code.NOT_YOURS
    key = caller.signing.get(statement.key_id)
    if key is None:
        return Code.KEY_NOT_VALID
    try:
        verifier.verify(statement.signed, statement.signature, key.public)
    except SignatureError:
        return Code.BAD_SIGNATURE
    return statement


def tell_everyone(
    statement: Restored, caller: Partner, partners: Partners, now: int, random: Callable[[int], bytes]
) -> Step:
    """The step that puts the statement into the log and into everybody's feed: who tells this address is not said."""
    record = entry.restored(day_of(now), caller.number, statement.raw)
    step = Step(at=now, entries=[entry.committed(record, random(32))])
    step.tells += [
        Tell(partner.number, 0, Code.RESTORED, frame=statement.raw)
        for partner in partners.by_number.values()
        if partner.state == ADMITTED
    ]
    return step


def hand_over_again(
    store: Store, recipient: int, index: int, now: int, random: Callable[[int], bytes]
) -> tuple[Step, int | None]:
    """The step that notifies a recipient of a page of registrations and stops once more; where the next page begins.

    That something was stopped is told at a random minute of the next working day, as always: when is not to be read.
    """
    step = Step(at=now)
    page = store.registrations(recipient, index, PAGE)
    bodies = [(frame, body) for _, frame in page if isinstance(body := parse_fact(frame).body, Register)]
    known = store.grants([body.handle for _, body in bodies])
    for frame, body in bodies:
        row = known.get(body.handle)
        if row is None or row.recipient != recipient:
            continue  # forgotten: there is nothing left to tell under it
        step.notifies.append(Notify(recipient, 0, REGISTER, (body.handle,), frame))
        if row.stopped:
            step.notifies.append(Notify(recipient, spread(now, random), STOP, (body.handle,), None))
    return step, page[-1][0] + 1 if len(page) == PAGE else None


def missing(row: RecoveryRow | None, partners: Partners) -> Sequence[Partner]:
    """Who is still waited for."""
    awaited: Iterable[int] = () if row is None else sorted(row.awaited)
    return [partners.by_number[number] for number in awaited]
