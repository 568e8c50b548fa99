# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a step changes in the embedded store, and what it forgets, inside one transaction that the caller begins and ends.

Every comparison is made against the rows of this transaction; the first that fails raises, and the caller takes all
back.  Nothing here is durable, and nothing here touches the key file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from hub import store_sqlite_sql as sql
from hub.audit.merkle import Frontier, leaf_hash
from hub.store import (
    NOTICE_KEPT_MS,
    NUMBERS_OF_A_LOG,
    OUTCOME_KEPT_MS,
    FencedError,
    GrantRow,
    Head,
    Notify,
    StaleError,
    Step,
    Tell,
)
from schemas.canonical import encode

_UNIQUE = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID}
)


def apply(
    db: sqlite3.Connection, step: Step, head: Head, slots: Sequence[int], word: Callable[[str], int]
) -> list[int]:
    """Makes the changes of `step` but those to the log; the slots whose keys it frees.

    `slots` hold the keys of its joins, then those of what it sets aside; `word` gives the number of a word.
    """
    compare(db, step)
    freed = _begin_log(db, step, head.size)
    _change_addresses(db, step, head.size)
    _change_grants(db, step, head.size, word)
    freed += _change_messages(db, step, head.size, slots)
    freed += _change_faults(db, step, slots[len(step.joins) :])
    tell(db, step.tells, step.notifies, step.at)
    if step.acknowledged:
        db.executemany(sql.ACKNOWLEDGE, step.acknowledged)
    if step.standing:
        db.executemany(sql.ADD_STANDING, [(head.size + place,) for place in step.standing])
    if step.erases:
        _erase(db, step.erases, head.size)
    return freed


def _erase(db: sqlite3.Connection, ranges: Sequence[tuple[int, int]], size: int) -> None:
    """Destroys records and salts; `secure_delete` writes zeros over what their rows held."""
    if any(not 0 <= first < end <= size for first, end in ranges):
        raise StaleError("the log has no such entries to erase")
    db.executemany(sql.ERASE, ranges)
    db.executemany(sql.ERASE_FACTS, ranges)


def compare(db: sqlite3.Connection, step: Step) -> None:
    """Whether all that the step rests on is still so; moves the position.

    Raises:
        FencedError: another moved the position.
        StaleError: an address or a grant has changed.
    """
    for partition, old, new in [*step.positions, *([step.position] if step.position else [])]:
        db.execute(sql.FIRST_POSITION, (partition,))
        if db.execute(sql.MOVE_POSITION, (new, partition, old)).rowcount != 1:
            raise FencedError(f"partition {partition} has another position")
    for number, version in step.rests_on_addresses.items():
        if db.execute(sql.READ_ADDRESS_VERSION, (number,)).fetchone() != (version,):
            raise StaleError("an address has changed")
    # A use names handle and version too, and is compared when it is applied.
    used = {(use.handle, use.version) for use in step.uses}
    for rests in step.rests_on_grants:
        if rests not in used:
            row = db.execute(sql.READ_GRANT_VERSION, rests[:1]).fetchone()
            if (0 if row is None else row[0]) != rests[1]:
                raise StaleError("a grant has changed")


def add_entries(db: sqlite3.Connection, step: Step, head: Head, frontier: Frontier, grants: int) -> Head:
    """Appends the entries to log and `frontier`, and moves the head, the sequencer of all commits; the new head.

    Raises:
        StaleError: the log has another size than this process knows.
    """
    start = head.size
    db.executemany(sql.ADD_ENTRY, [(index, *entry) for index, entry in enumerate(step.entries, start)])
    tiles = frontier.extend([leaf_hash(entry.leaf) for entry in step.entries])
    if tiles:
        db.executemany(sql.ADD_TILE, [(tile.level, tile.number, tile.root, tile.hashes) for tile in tiles])
    newest = max((start + place for place, _, _, _ in step.facts), default=head.newest_fact)
    root = frontier.root() if step.entries else head.root
    new = Head(frontier.size, root, newest, max(step.at, head.committed_at))
    if db.execute(sql.MOVE_HEAD, (*new, grants, start)).rowcount != 1:
        raise StaleError("the log has another size than this process knows")
    return new


def tell(db: sqlite3.Connection, tells: Iterable[Tell], notifies: Iterable[Notify], now: int) -> None:
    """Feed lines and notices: those that are visible by `now` get their numbers, the others wait for `ripen`."""
    lines: list[tuple[object, ...]] = []
    later: list[tuple[object, ...]] = []
    for to, at, code, message_id, handle, frame in tells:
        if at <= now:
            lines.append((to, code.value, message_id, handle, None, None, frame))
        else:
            later.append((at, to, code.value, message_id, handle, None, None, frame))
    for to, at, kind, handles, fact in notifies:
        shown = encode(list(handles))
        if at <= now:
            lines.append((to, None, None, None, kind, shown, fact))
        else:
            later.append((at, to, None, None, None, kind, shown, fact))
    if later:
        db.executemany(sql.LATER, later)
    # What is due has its number first: numbers follow from entries and times alone, so a copy gives the same ones.
    show(db, [*ripe(db, now), *lines], now)


def ripe(db: sqlite3.Connection, now: int) -> list[tuple[object, ...]]:
    """Takes the feed lines and notices that are due out of what comes later, in their order."""
    if db.execute(sql.IS_RIPE, (now,)).fetchone() is None:
        return []
    rows = db.execute(sql.READ_RIPE, (now,)).fetchall()
    db.executemany(sql.DROP_LATER, [row[:1] for row in rows])
    return [row[1:] for row in rows]


def show(db: sqlite3.Connection, lines: Sequence[tuple[object, ...]], now: int) -> None:
    """Numbers lines of `(address, code, id, handle, kind, handles, fact or frame)` in their order, per address."""
    counters: dict[object, list[int]] = {}
    feed: list[tuple[object, ...]] = []
    notices: list[tuple[object, ...]] = []
    for to, code, message_id, handle, kind, handles, fact in lines:
        counter = counters.get(to)
        if counter is None:
            counter = counters[to] = list(db.execute(sql.READ_COUNTER, (to,)).fetchone() or (0, 0))
        if kind is None:
            counter[0] += 1
            feed.append((to, counter[0], now, code, message_id, handle, fact))
        else:
            counter[1] += 1
            notices.append((to, counter[1], kind, handles, fact))
    if feed:
        db.executemany(sql.TELL, feed)
    if notices:
        db.executemany(sql.NOTIFY, notices)
    if counters:
        db.executemany(sql.MOVE_COUNTER, [(to, *counter) for to, counter in counters.items()])


def _begin_log(db: sqlite3.Connection, step: Step, start: int) -> list[int]:
    """Drops what a new log does not take over; the slots whose keys it frees."""
    freed: list[int] = []
    if step.new_log is not None:
        number, place, awaited = step.new_log
        freed = [slot for (slot,) in db.execute(sql.READ_SLOTS)]
        for statement in (*sql.DROPPED, sql.RELEASE_ALL, sql.DROP_FAULTS, sql.START_COUNTERS, sql.AWAIT_NOBODY):
            db.execute(statement)
        numbers = {"log": number, "size": NUMBERS_OF_A_LOG}
        db.execute(sql.NUMBER_NOTICES, numbers)
        db.execute(sql.NUMBER_COUNTERS, numbers)
        db.execute(sql.BEGIN_LOG, (number, start + place))
        db.executemany(sql.AWAIT, [(one,) for one in awaited])
    if step.confirmed:
        db.executemany(sql.CONFIRM, [(one,) for one in step.confirmed])
    return freed


def _change_addresses(db: sqlite3.Connection, step: Step, start: int) -> None:
    for address, state, number in step.admissions:
        if number is None:
            _insert(db, sql.ADMIT, [(address, state)], "this address was admitted before")
        else:
            _all(db, sql.CHANGE_STATE, [(state, number)], "there is no address with this number")
    if step.tables:
        db.executemany(sql.ADD_TABLE, step.tables)
    if step.attestations:
        db.executemany(sql.ADD_ATTESTATION, step.attestations)
    for place, number, frame, table_hash in step.manifests:
        _all(db, sql.CHANGE_MANIFEST, [(frame, table_hash, number)], "there is no address with this number")
        db.execute(sql.ADD_MANIFEST, (start + place, number, frame))


def _change_grants(db: sqlite3.Connection, step: Step, start: int, word: Callable[[str], int]) -> None:
    if step.registers:
        for grant in step.registers:
            if not grant.stopped and db.execute(sql.READ_STOPS, (grant.handle,)).fetchone() is not None:
                raise StaleError("this handle was stopped before it was registered")
        rows = [packed_row(grant, word) for grant in step.registers]
        _insert(db, sql.REGISTER, rows, "this handle was registered before")
    if step.uses:
        uses = [(new, handle, version, old) for handle, version, old, new in step.uses]
        _all(db, sql.USE, uses, "a grant has changed, or its last sequence")
    if step.stops:
        stops = [(forget, handle, version) for handle, version, forget in step.stops]
        _all(db, sql.STOP, stops, "a grant has changed")
    if step.stop_rows:
        db.executemany(sql.ADD_STOP, step.stop_rows)
    if step.facts:
        db.executemany(sql.ADD_FACT, [(start + place, *fact) for place, *fact in step.facts])


def packed_row(grant: GrantRow, word: Callable[[str], int]) -> tuple[object, ...]:
    """A grant as the row of its table.  Ground and list of categories are few, so each stands as a number."""
    packed = sql.PACKED.pack(
        grant.sender,
        grant.recipient,
        grant.month,
        sql.NO_END if grant.end is None else grant.end,
        grant.row,
        word(grant.ground),
        word("\n".join(grant.categories)),
        grant.terms_hash,
    )
    return (grant.handle, grant.version, grant.last, int(grant.stopped), grant.held_until, grant.forget, packed)


def _change_messages(db: sqlite3.Connection, step: Step, start: int, slots: Sequence[int]) -> list[int]:
    at = step.at
    if step.joins:
        rows = [
            (start + place, one, sha, sender, recipient, at, slot, handle, since, due)
            for (one, sha, sender, recipient, handle, place, since, due, _, _), slot in zip(
                step.joins, slots, strict=False
            )
        ]
        _insert(db, sql.JOIN, rows, "a message id was used before")
        db.executemany(sql.ADD_PAYLOAD, [(start + join.entry, join.wrapped) for join in step.joins])
    if step.refused:
        refused = [
            (start + place, one, sha, sender, recipient, code.value, at)
            for one, sha, sender, recipient, place, code in step.refused
        ]
        _insert(db, sql.REFUSE, refused, "a message id was used before")
    if step.offers:
        offers = [(offered, out, lease, due, one, at) for one, offered, out, lease, due in step.offers]
        _all(db, sql.OFFER, offers, "an envelope no longer waits, or is out under a lease")
    freed = _end_waiting(db, step) if step.leaves else []
    if step.outcomes:
        outcomes = [(code.value, at, one) for one, code in step.outcomes]
        _all(db, sql.CHANGE_OUTCOME, outcomes, "an outcome is no longer stored")
    return freed


def _end_waiting(db: sqlite3.Connection, step: Step) -> list[int]:
    freed: list[int] = []
    ended: list[tuple[str, int, int]] = []
    for message_id, code in step.leaves:
        found = db.execute(sql.FIND_SLOT, (message_id,)).fetchone()
        if found is None:
            raise StaleError("an envelope no longer waits")
        ended.append((code.value, step.at, found[0]))
        freed.append(found[1])
    if len(set(freed)) != len(freed):
        raise StaleError("an envelope no longer waits")
    db.executemany(sql.LEAVE, ended)
    db.executemany(sql.DROP_PAYLOAD, [(accept,) for _, _, accept in ended])
    return freed


def _change_faults(db: sqlite3.Connection, step: Step, slots: Sequence[int]) -> list[int]:
    freed: list[int] = []
    for (sender, sha, handle, until, since, wrapped, _), slot in zip(step.set_aside, slots, strict=True):
        db.execute(sql.SET_ASIDE, (sender, sha, handle, until, since, slot, wrapped))
        db.execute(sql.HOLD, (handle, handle))
    for number in step.released:
        found = db.execute(sql.FIND_FAULT, (number,)).fetchone()
        if found is None:
            raise StaleError("a fault is over")
        db.execute(sql.DROP_FAULT, (number,))
        db.execute(sql.HOLD, (found[0], found[0]))
        freed.append(found[1])
    return freed


def _insert(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]], taken: str) -> None:
    try:
        db.executemany(statement, rows)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode in _UNIQUE:
            raise StaleError(taken) from None
        raise


def _all(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]], otherwise: str) -> None:
    """Each row must change exactly one row of the store."""
    if db.executemany(statement, rows).rowcount != len(rows):
        raise StaleError(otherwise)


def forget_handles(db: sqlite3.Connection, prefix: int, day: int) -> int:
    """Forgets the grants and stops whose handle begins with this byte and whose day to forget was before `day`."""
    asked = (bytes([prefix]), bytes([prefix + 1]) if prefix < 255 else b"\xff" * 64, day)
    grants = db.execute(sql.FORGET_GRANTS, asked).rowcount
    if grants:
        db.execute(sql.COUNT_GRANTS, (grants,))
    return grants + db.execute(sql.FORGET_STOPS, asked).rowcount


def forget_lines(db: sqlite3.Connection, now: int) -> int:
    """Forgets the lines of every feed whose time is over; an outcome stays as long as an older one does."""
    gone = 0
    for address, newest in db.execute(sql.READ_FEEDS).fetchall():
        kept = db.execute(sql.FIRST_KEPT_LINE, (address, now - OUTCOME_KEPT_MS)).fetchone()
        below = newest + 1 if kept is None else kept[0]
        gone += db.execute(sql.FORGET_LINES, (address, below, now - NOTICE_KEPT_MS)).rowcount
    return gone
