# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store in memory: the port with plain dicts, for tests and for reading what the port means.

* Keeps every promise of `hub.store` but durability: when the process ends, all is gone.
* Every change inside `commit` is noted with its opposite; a check that fails plays the opposites backwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.audit.merkle import MemoryTree, leaf_hash
from hub.store import (
    FAULT_KEPT_MS,
    NOTICE_KEPT_MS,
    NOTICES_IN_FEED,
    NUMBERS_OF_A_LOG,
    OUTCOME_KEPT_MS,
    AddressRow,
    FaultRow,
    FeedRow,
    FencedError,
    GrantRow,
    Head,
    Join,
    NoticeRow,
    Notify,
    RecoveryRow,
    Refused,
    SetAside,
    StaleError,
    Step,
    StopRow,
    Stored,
    StoreError,
    Tell,
    Waiting,
)
from schemas.codes import Code
from schemas.entry import Entry

_NONCE = bytes(12)
_K = TypeVar("_K")
_V = TypeVar("_V")


class _Queued(NamedTuple):
    row: Waiting
    due: int
    wrapped: bytes
    key: bytes


class _Undo:
    """Changes to dicts that can be taken back."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def put(self, table: dict[_K, _V], key: _K, value: _V) -> None:
        if key in table:
            old = table[key]
            self._steps.append(lambda: table.__setitem__(key, old))
        else:
            self._steps.append(lambda: table.pop(key))
        table[key] = value

    def drop(self, table: dict[_K, _V], key: _K) -> None:
        old = table.pop(key)
        self._steps.append(lambda: table.__setitem__(key, old))

    def drop_all(self, table: dict[_K, _V]) -> None:
        for key in list(table):
            self.drop(table, key)

    def back(self) -> None:
        while self._steps:
            self._steps.pop()()


class MemoryStore:
    """`hub.store.Store` on dicts.  `clock` gives unix milliseconds; the machine's when there is none."""

    def __init__(self, clock: Callable[[], int] | None = None) -> None:
        self._clock = clock or (lambda: time.time_ns() // 1_000_000)
        self._closed = False
        self._addresses: dict[int, AddressRow] = {}
        self._grants: dict[bytes, GrantRow] = {}
        self._stored: dict[bytes, tuple[Stored, int]] = {}  # with the time of the outcome
        self._queue: dict[bytes, _Queued] = {}
        self._stops: dict[tuple[bytes, int], StopRow] = {}
        self._positions: dict[int, int] = {}
        self._feeds: dict[tuple[int, int], tuple[FeedRow, int]] = {}  # address, number; with the time of showing
        self._notices: dict[tuple[int, int], NoticeRow] = {}
        self._later: dict[int, Tell | Notify] = {}  # in the order in which they came
        self._counters: dict[tuple[str, int], int] = {}
        self._facts: dict[int, tuple[int, int | None, bytes]] = {}
        self._manifests: dict[int, tuple[int, bytes]] = {}
        self._tables: dict[bytes, bytes] = {}
        self._attestations: dict[bytes, bytes] = {}
        self._faults: dict[int, SetAside] = {}
        self._recovery: dict[str, RecoveryRow] = {}
        self._checkpoint: dict[str, tuple[str, int]] = {}
        self._entries: list[Entry] = []
        self._standing: dict[int, int] = {}
        self._tree = MemoryTree()
        self._head = Head(0, self._tree.root(), -1, 0)

    def commit(self, step: Step) -> int:
        """See `hub.store.Store`."""
        self._open()
        undo = _Undo()
        start = self._head.size
        try:
            self._compare(step)
            self._move(step, undo)
            self._begin_log(step, start, undo)
            self._change_directory(step, start, undo)
            self._change_grants(step, undo)
            self._change_queue(step, start, undo)
            self._change_faults(step, undo)
            self._tell(step, undo)
            self._erase(step, start, undo)
        except BaseException:
            undo.back()
            raise
        # From here on nothing can fail.
        self._entries += step.entries
        self._tree.extend([leaf_hash(entry.leaf) for entry in step.entries])
        newest = max((start + place for place, _, _, _ in step.facts), default=self._head.newest_fact)
        self._head = Head(self._tree.size, self._tree.root(), newest, max(step.at, self._head.committed_at))
        return start

    def look(self) -> AbstractContextManager[None]:
        """See `hub.store.Store`: the head is at hand."""
        return nullcontext()

    def now(self) -> int:
        """The store's time: the clock's, never earlier than the last commit."""
        return max(self._clock(), self._head.committed_at)

    def head(self) -> Head:
        """See `hub.store.Store`."""
        self._open()
        return self._head

    def addresses(self) -> dict[str, AddressRow]:
        """See `hub.store.Store`."""
        self._open()
        return {row.address: row for row in self._addresses.values()}

    def grants(self, handles: Iterable[bytes]) -> dict[bytes, GrantRow]:
        """See `hub.store.Store`."""
        self._open()
        return {handle: self._grants[handle] for handle in handles if handle in self._grants}

    def stored(self, message_ids: Iterable[bytes]) -> dict[bytes, Stored]:
        """See `hub.store.Store`."""
        self._open()
        return {one: self._stored[one][0] for one in message_ids if one in self._stored}

    def stops(self, handles: Iterable[bytes]) -> list[StopRow]:
        """See `hub.store.Store`."""
        self._open()
        asked = set(handles)
        return [self._stops[key] for key in sorted(self._stops) if key[0] in asked]

    def waiting(self, recipient: int, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        rows = [row for row in self._in_order() if row.recipient == recipient]
        out = {row.handle for row in rows if row.lease_until > now}
        return [row for row in rows if row.handle not in out][:most]

    def has_something(self, recipients: Iterable[int], now: int) -> set[int]:
        """See `hub.store.Store`."""
        return {one for one in recipients if self.waiting(one, now, 1) or self.notices(one, 1)}

    def find_waiting(self, message_ids: Iterable[bytes]) -> dict[bytes, Waiting]:
        """See `hub.store.Store`."""
        self._open()
        return {one: self._queue[one].row for one in message_ids if one in self._queue}

    def due(self, now: int, most: int) -> list[Waiting]:
        """See `hub.store.Store`."""
        late = [
            (item.due, row.accept, row) for row in self._in_order() if (item := self._queue[row.message_id]).due <= now
        ]
        return [row for _, _, row in sorted(late)[:most]]

    def payloads(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[bytes, bytes] | None]:
        """See `hub.store.Store`."""
        self._open()
        found = {one: self._queue[one] for one in message_ids if one in self._queue}
        return {one: (item.wrapped, item.key) for one, item in found.items()}

    def ripen(self, now: int) -> int:
        """See `hub.store.Store`."""
        self._open()
        ripe = self._ripe(now)
        for serial in ripe:
            self._show(self._later.pop(serial), now, _Undo())
        return len(ripe)

    def _ripe(self, now: int) -> list[int]:
        return [serial for _, serial in sorted((item.at, at) for at, item in self._later.items() if item.at <= now)]

    def feed(self, address: int, after: int, most: int) -> list[FeedRow]:
        """See `hub.store.Store`."""
        self._open()
        numbers = sorted(number for to, number in self._feeds if to == address and number > after)
        return [self._feeds[address, number][0] for number in numbers[:most]]

    def notices(self, address: int, most: int) -> list[NoticeRow]:
        """See `hub.store.Store`."""
        self._open()
        return [self._notices[key] for key in sorted(self._notices) if key[0] == address][:most]

    def facts_of(self, address: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        self._open()
        found = [(at, frame) for at, (signer, _, frame) in sorted(self._facts.items()) if signer == address]
        return [row for row in found if row[0] >= index][:most]

    def registrations(self, recipient: int, index: int, most: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        self._open()
        found = [(at, frame) for at, (_, to, frame) in sorted(self._facts.items()) if to == recipient]
        return [row for row in found if row[0] >= index][:most]

    def recovery(self) -> RecoveryRow | None:
        """See `hub.store.Store`."""
        self._open()
        return self._recovery.get("now")

    def manifests(self, address: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        self._open()
        return [(at, self._manifests[at][1]) for at in sorted(self._manifests) if self._manifests[at][0] == address]

    def attestations(self, manifests: Iterable[bytes]) -> dict[bytes, bytes]:
        """See `hub.store.Store`."""
        self._open()
        return {one: self._attestations[one] for one in manifests if one in self._attestations}

    def table(self, table_hash: bytes) -> bytes | None:
        """See `hub.store.Store`."""
        self._open()
        return self._tables.get(table_hash)

    def entries(self, start: int, end: int) -> list[Entry]:
        """See `hub.store.Store`."""
        self._open()
        return self._entries[start:end]

    def records(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """See `hub.store.Store`."""
        self._open()
        return [
            (index, one.record) for index, one in enumerate(self._entries[start:end], start) if one.salt is not None
        ]

    def standing(self, start: int) -> list[tuple[int, Entry]]:
        """See `hub.store.Store`."""
        self._open()
        return [(index, self._entries[index]) for index in sorted(self._standing) if index >= start]

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """See `hub.store.Store`."""
        self._open()
        return self._tree.hashes(level, start, end)

    def last_checkpoint(self) -> str | None:
        """See `hub.store.Store`."""
        self._open()
        kept = self._checkpoint.get("newest")
        return None if kept is None else kept[0]

    def keep_checkpoint(self, note: str, size: int) -> None:
        """See `hub.store.Store`."""
        self._open()
        if size < self._checkpoint.get("newest", ("", 0))[1]:
            raise StaleError("a checkpoint of a larger size was kept before")
        self._checkpoint["newest"] = (note, size)

    def faults(self) -> list[FaultRow]:
        """See `hub.store.Store`."""
        self._open()
        rows = sorted(self._faults.items())
        return [FaultRow(number, one.sender, one.sha, one.handle, one.since, one.until) for number, one in rows]

    def fault_frame(self, number: int) -> bytes | None:
        """See `hub.store.Store`."""
        self._open()
        one = self._faults.get(number)
        if one is None:
            return None
        try:
            return AESGCM(one.key).decrypt(_NONCE, one.wrapped, None)
        except InvalidTag:
            raise StoreError("the frame of a fault does not open under its key") from None

    def backlog(self) -> dict[int, tuple[int, int]]:
        """See `hub.store.Store`."""
        self._open()
        found: dict[int, tuple[int, int]] = {}
        for row in self._in_order():
            count, since = found.get(row.recipient, (0, row.since))
            found[row.recipient] = (count + 1, since)
        return found

    def counts(self) -> dict[str, int]:
        """See `hub.store.Store`."""
        self._open()
        return {
            "entries": self._head.size,
            "addresses": len(self._addresses),
            "waiting": len(self._queue),
            "grants": len(self._grants),
            "faults": len(self._faults),
        }

    def forget(self, day: int, now: int) -> int:
        """See `hub.store.Store`."""
        self._open()
        limit = now - OUTCOME_KEPT_MS
        gone = _sift(self._grants, lambda _, row: row.forget < day)
        gone += _sift(self._stops, lambda _, row: row.forget < day)
        for address in {address for address, _ in self._feeds}:  # an outcome stays as long as an older one does
            for key in sorted(key for key in self._feeds if key[0] == address):
                row, at = self._feeds[key]
                if at >= limit:
                    break
                if row.code not in NOTICES_IN_FEED or at < now - NOTICE_KEPT_MS:
                    del self._feeds[key]
                    gone += 1
        gone += _sift(self._stored, lambda one, line: line[1] < limit and one not in self._queue)
        return gone + _sift(self._faults, lambda _, one: one.since < now - FAULT_KEPT_MS and one.until <= now)

    def tidy(self, now: int) -> None:
        """See `hub.store.Store`: nothing to do in memory."""
        self._open()

    def lose_keys(self) -> None:
        """As after a restore: the keys of waiting payloads are in no copy."""
        for one, queued in self._queue.items():
            self._queue[one] = queued._replace(key=bytes(32))

    def close(self) -> None:
        """See `hub.store.Store`."""
        self._closed = True

    def _open(self) -> None:
        if self._closed:
            raise StoreError("this store is closed")

    def _in_order(self) -> list[Waiting]:
        self._open()
        return sorted((item.row for item in self._queue.values()), key=lambda row: row.accept)

    def _compare(self, step: Step) -> None:
        for partition, old, _ in _moves(step):
            if self._positions.get(partition, 0) != old:
                raise FencedError(f"partition {partition} has another position")
        for number, version in step.rests_on_addresses.items():
            if number not in self._addresses or self._addresses[number].version != version:
                raise StaleError("an address has changed")
        for handle, version in step.rests_on_grants:
            row = self._grants.get(handle)
            if (0 if row is None else row.version) != version:
                raise StaleError("a grant has changed")

    def _move(self, step: Step, undo: _Undo) -> None:
        for partition, _, new in _moves(step):
            undo.put(self._positions, partition, new)

    def _begin_log(self, step: Step, start: int, undo: _Undo) -> None:
        if step.new_log is not None:
            number, place, awaited = step.new_log
            undo.put(self._recovery, "now", RecoveryRow(number, start + place, frozenset(awaited)))
            undo.drop_all(self._queue)
            undo.drop_all(self._stored)
            undo.drop_all(self._feeds)
            for serial in [serial for serial, item in self._later.items() if isinstance(item, Tell)]:
                undo.drop(self._later, serial)
            for fault in list(self._faults):
                handle = self._faults[fault].handle
                undo.drop(self._faults, fault)
                self._hold(handle, undo)
            self._number_notices(number, undo)
        row = self._recovery.get("now")
        if step.confirmed and row is not None:
            undo.put(self._recovery, "now", row._replace(awaited=row.awaited - set(step.confirmed)))

    def _number_notices(self, log: int, undo: _Undo) -> None:
        for key, notice in list(self._notices.items()):
            number = log * NUMBERS_OF_A_LOG + key[1] % NUMBERS_OF_A_LOG
            undo.drop(self._notices, key)
            undo.put(self._notices, (key[0], number), notice._replace(number=number))
        for row in self._addresses.values():
            newest = self._counters.get(("notice", row.number), 0) % NUMBERS_OF_A_LOG
            undo.put(self._counters, ("notice", row.number), log * NUMBERS_OF_A_LOG + newest)

    def _change_directory(self, step: Step, start: int, undo: _Undo) -> None:
        for address, state, number in step.admissions:
            known = {row.address for row in self._addresses.values()}
            if number is None and address in known:
                raise StaleError("this address was admitted before")
            new = AddressRow(len(self._addresses) + 1, address, state, 0, None, None)
            row = new if number is None else self._address(number)
            undo.put(self._addresses, row.number, row._replace(state=state, version=row.version + 1))
        for table_hash, raw in step.tables:
            undo.put(self._tables, table_hash, raw)
        for sha, raw in step.attestations:
            if sha not in self._attestations:
                undo.put(self._attestations, sha, raw)
        for place, number, frame, hashed in step.manifests:
            row = self._address(number)
            changed = row._replace(manifest=frame, table_hash=hashed, version=row.version + 1)
            undo.put(self._addresses, number, changed)
            undo.put(self._manifests, start + place, (number, frame))

    def _address(self, number: int | None) -> AddressRow:
        if number is None or number not in self._addresses:
            raise StaleError("there is no address with this number")
        return self._addresses[number]

    def _change_grants(self, step: Step, undo: _Undo) -> None:
        for grant in step.registers:
            if grant.handle in self._grants:
                raise StaleError("this handle was registered before")
            if not grant.stopped and any(handle == grant.handle for handle, _ in self._stops):
                raise StaleError("this handle was stopped before it was registered")
            undo.put(self._grants, grant.handle, grant)
        for handle, version, old, new in step.uses:
            row = self._grants.get(handle)
            if row is None or (row.version, row.last) != (version, old):
                raise StaleError("a grant has changed, or its last sequence")
            undo.put(self._grants, handle, row._replace(last=new))
        for handle, version, forget in step.stops:
            row = self._grants.get(handle)
            if row is None or row.version != version:
                raise StaleError("a grant has changed")
            undo.put(self._grants, handle, row._replace(stopped=True, version=version + 1, forget=forget))
        for stop in step.stop_rows:
            before = self._stops.get((stop.handle, stop.signer), stop)
            kept = before._replace(forget=max(stop.forget, before.forget))
            undo.put(self._stops, (stop.handle, stop.signer), kept)
        for place, signer, recipient, frame in step.facts:
            undo.put(self._facts, self._head.size + place, (signer, recipient, frame))

    def _change_queue(self, step: Step, start: int, undo: _Undo) -> None:
        for join in step.joins:
            self._store(join, start, Code.ACCEPTED, step.at, undo)
            row = Waiting(
                join.message_id, join.sender, join.recipient, join.handle, start + join.entry, join.since, 0, 0, 0
            )
            undo.put(self._queue, join.message_id, _Queued(row, join.due, join.wrapped, join.key))
        for no in step.refused:
            self._store(no, start, no.code, step.at, undo)
        for offer in step.offers:
            item = self._waits(offer.message_id)
            if item.row.lease_until > step.at:
                raise StaleError("an envelope is out under a lease")
            row = item.row._replace(offered=offer.offered, first_out=offer.first_out, lease_until=offer.lease_until)
            undo.put(self._queue, offer.message_id, item._replace(row=row, due=offer.due))
        for leave in step.leaves:
            self._waits(leave.message_id)
            undo.drop(self._queue, leave.message_id)
        for leave in (*step.leaves, *step.outcomes):
            if leave.message_id not in self._stored:
                raise StaleError("an outcome is no longer stored")
            before = self._stored[leave.message_id][0]
            undo.put(self._stored, leave.message_id, (before._replace(code=leave.code), step.at))

    def _store(self, one: Join | Refused, start: int, code: Code, at: int, undo: _Undo) -> None:
        if one.message_id in self._stored:
            raise StaleError("a message id was used before")
        outcome = Stored(one.sha, one.sender, one.recipient, start + one.entry, code)
        undo.put(self._stored, one.message_id, (outcome, at))

    def _waits(self, message_id: bytes) -> _Queued:
        if message_id not in self._queue:
            raise StaleError("an envelope no longer waits")
        return self._queue[message_id]

    def _change_faults(self, step: Step, undo: _Undo) -> None:
        for one in step.set_aside:
            number = self._next("fault", 0, undo)
            undo.put(self._faults, number, one)
            self._hold(one.handle, undo)
        for number in step.released:
            if number not in self._faults:
                raise StaleError("a fault is over")
            handle = self._faults[number].handle
            undo.drop(self._faults, number)
            self._hold(handle, undo)

    def _hold(self, handle: bytes | None, undo: _Undo) -> None:
        """A handle is held as long as the fault on it that holds longest."""
        if handle is None or handle not in self._grants:
            return
        row = self._grants[handle]
        until = max((one.until for one in self._faults.values() if one.handle == handle), default=0)
        undo.put(self._grants, handle, row._replace(held_until=until, version=row.version + 1))

    def _tell(self, step: Step, undo: _Undo) -> None:
        for serial in self._ripe(step.at):  # what is due has its number first
            due = self._later[serial]
            undo.drop(self._later, serial)
            self._show(due, step.at, undo)
        items: list[Tell | Notify] = [*step.tells, *step.notifies]
        for item in items:
            if item.at <= step.at:
                self._show(item, step.at, undo)
            else:
                undo.put(self._later, self._next("later", 0, undo), item)
        for address, most in step.acknowledged:
            for key in [key for key in self._notices if key[0] == address and key[1] <= most]:
                undo.drop(self._notices, key)

    def _show(self, item: Tell | Notify, at: int, undo: _Undo) -> None:
        if isinstance(item, Tell):
            number = self._next("feed", item.to, undo)
            undo.put(self._feeds, (item.to, number), (FeedRow(number, *item[2:]), at))
        else:
            number = self._next("notice", item.to, undo)
            undo.put(self._notices, (item.to, number), NoticeRow(number, item.kind, item.handles, item.fact))

    def _erase(self, step: Step, start: int, undo: _Undo) -> None:
        for place in step.standing:
            undo.put(self._standing, start + place, start + place)
        if any(not 0 <= first < end <= start for first, end in step.erases):
            raise StaleError("the log has no such entries to erase")
        # The last thing that can fail is above, so nothing here has to be taken back.
        for first, end in step.erases:
            for index in range(first, end):
                if self._entries[index].salt is not None:
                    self._entries[index] = Entry(self._entries[index].leaf, None, b"")
                    self._facts.pop(index, None)

    def _next(self, kind: str, address: int, undo: _Undo) -> int:
        number = self._counters.get((kind, address), 0) + 1
        undo.put(self._counters, (kind, address), number)
        return number


def _sift(table: dict[_K, _V], over: Callable[[_K, _V], bool]) -> int:
    gone = [key for key, value in table.items() if over(key, value)]
    for key in gone:
        del table[key]
    return len(gone)


def _moves(step: Step) -> list[tuple[int, int, int]]:
    return [*step.positions, *([step.position] if step.position else [])]
