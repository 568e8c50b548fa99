# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store moves to another engine, or another database: same log, same keys, same handles (delivery.md section 1 holds before and after).

* The new store is written whole, with `migrated` as its first entry, and is closed: it says from where it comes.
* Then one commit in the old store decides: it says where it went, and takes nothing any more.
* Whoever opens the new store looks there.  Decided: it lets the old keys of payloads go and opens.  Not decided: it
  stays closed, the old store works on, and the move is begun anew.

So whoever is killed, at any line, there is exactly one store that takes a commit.  Nothing is decided before counts, every
record against its leaf, every tile, the root and the last checkpoint were compared in what was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

from hub.audit.merkle import EMPTY_ROOT, Frontier, leaf_hash
from hub.dsn import words_of
from hub.store import StoreError
from schemas import entry
from schemas.calendar import day_of
from schemas.entry import Entry
from schemas.note import Checkpoint

FILE, POSTGRES = "file", "postgres"
INCOMING, MOVED = "incoming", "moved"
# In this order: a grant names words, a payload stands beside its waiting.
TABLES = {
    "entry": "idx, leaf, salt, record",
    "standing": "idx",
    "tile": "level, number, root, hashes",
    "checkpoint": "id, size, note",
    "position": "partition, next",
    "address": "number, address, state, version, manifest, table_hash",
    "counter": "address, feed, notice",
    "manifest": "idx, number, frame",
    "attestation": "manifest, raw",
    "rule_table": "hash, raw",
    "fact": "idx, signer, recipient, frame",
    "recovery": "id, number, entry",
    "awaited": "address",
    "word": "number, word",
    "grants": "handle, version, last, stopped, held_until, forget, packed",
    "stop": "handle, signer, month, forget",
    "message": "accept, id, sha, sender, recipient, code, at",
    "waiting": "accept, id, at, sender, recipient, handle, since, due, offered, first_out, lease_until",
    "payload": "accept, wrapped, key",  # the key itself, None when it is lost
    "fault": "number, sender, sha, handle, until, since, wrapped, key",
    "feed": "address, number, at, code, id, handle, frame",
    "notice": "address, number, kind, handles, fact",
    "later": "serial, at, address, code, id, handle, kind, handles, fact",
}
# Of the intake through Kafka, which a hub on a file has not: which topics the positions are of, how far each partition is,
# and the names of the keys of hours.
OF_INTAKE = {
    "intake_topic": "topic, cluster, topic_id, partitions",
    "intake_hour": "partition, hour",
    "hour_key": "hour, name",
}
_PAGE = 10_000
_MODULUS = 1 << 256
Row = tuple[Any, ...]
Point = Callable[[str], None]


class Place(NamedTuple):
    """Where a store is: a folder, or a database by the words that name it."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"the {'folder' if self.kind == FILE else 'database'} {self.where}"


def is_same(one: Place, other: Place) -> bool:
    """Whether two places are one store, however they are reached."""
    if one.kind != other.kind or one.kind == FILE:
        return one == other
    found, wanted = words_of(one.where), words_of(other.where)
    return all(found.get(name) == wanted.get(name) for name in ("host", "port", "dbname"))


class Mark(NamedTuple):
    """What a closed store says: whether it is `incoming` or `moved`, of which move, and where the other one is."""

    state: str
    token: str
    elsewhere: Place

    def went_by(self, token: str) -> bool:
        """Whether the store that says so was moved away by this move."""
        return (self.state, self.token) == (MOVED, token)


class MovedAwayError(StoreError):
    """This store was moved elsewhere and takes nothing any more."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(moved_away(mark.elsewhere))
        self.mark = mark


class UnfinishedMoveError(StoreError):
    """A move into this store was begun; whether it was decided is said by the old one."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(
            f"a move into this store from {mark.elsewhere} was not finished, and as far as can be seen the old store is "
            "the one in use: start the hub on that, and give `schakel hub migrate` again"
        )
        self.mark = mark


class Head(NamedTuple):
    """The end of the log, and the numbers that go on from here."""

    size: int
    root: bytes
    newest_fact: int
    committed_at: int
    grants: int
    faults: int


class Source(Protocol):
    """The store that is moved, in one snapshot that nobody else can change meanwhile."""

    place: Place

    def head(self) -> Head:
        """The end of its log."""

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of one of `TABLES`, entries in their order."""

    def mark(self, mark: Mark) -> None:
        """Says where it went; takes effect when the snapshot ends, and is the decision."""


class Target(Protocol):
    """The store that is written, whole or not at all, and closed until the move is decided."""

    place: Place

    def put(self, table: str, rows: Iterable[Row]) -> int:
        """Writes rows of one of `TABLES`; how many."""

    def put_head(self, head: Head, peaks: Sequence[bytes]) -> None:
        """Writes the end of its log."""

    def rows(self, table: str) -> Iterator[Row]:
        """What was written of `entry` or `tile`, entries in their order."""

    def count(self, table: str) -> int:
        """How many rows one of `TABLES` has."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and up to where the log was."""

    rows: int
    entries: int
    waiting: int
    root: bytes
    lost_keys: int


def tables_between(old: Place, new: Place) -> dict[str, str]:
    """The tables that are copied, and their columns."""
    return TABLES | OF_INTAKE if old.kind == new.kind == POSTGRES else TABLES


def moved_away(to: Place) -> str:
    """What is said by a store that was moved away."""
    setting = "take dsn out of hub.toml" if to.kind == FILE else "name that as dsn in hub.toml"
    return f"this store was moved to {to} and takes nothing any more: {setting}, and start the hub"


def copy(
    source: Source, target: Target, opened: Callable[[str], Checkpoint], origin: str, now: int, salt: bytes
) -> Copied:
    """Writes the target and compares it; nothing is decided yet.  `opened` verifies a kept checkpoint.

    Raises:
        StoreError: what was written is not what the log says.
    """
    head, lost = source.head(), _Lost()
    tables = tables_between(source.place, target.place)
    counts = {table: target.put(table, lost.watch(table, source.rows(table))) for table in tables}
    for table, count in counts.items():
        if target.count(table) != count:
            raise StoreError(f"of {count} rows of {table} another number arrived in the new store")
    if counts["waiting"] != counts["payload"]:
        raise StoreError("something waits in the old store without its payload: let it come to rest first")
    frontier = _checked(target, head, [opened(note) for _, _, note in source.rows("checkpoint")], origin)
    _begin(source, target, frontier, head, now, salt)
    return Copied(sum(counts.values()), head.size, counts["waiting"], head.root, lost.count)


class _Lost:
    """Counts the payloads whose keys are lost: their senders are told, there as here."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, table: str, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self.count += table == "payload" and row[2] is None
            yield row


def _checked(target: Target, head: Head, notes: Sequence[Checkpoint], origin: str) -> Frontier:
    """The frontier of the log as it stands in the target, which is what the source says it is."""
    ends = sorted({one.size for one in notes} | {head.size})
    roots: dict[int, bytes] = {}
    frontier, tiles = Frontier(), 0
    written = target.rows("entry")
    while rows := list(islice(written, _PAGE)):
        first = frontier.size
        for index, (idx, leaf, salt, record) in enumerate(rows, first):
            if idx != index or not _is_opened(Entry(leaf, salt, record or b"")):
                raise StoreError(f"entry {index} is not in the new store as its leaf says")
        leaves = [leaf_hash(row[1]) for row in rows]
        for low, high in _pieces(first, first + len(leaves), ends):
            for tile in frontier.extend(leaves[low - first : high - first]):
                tiles += _number(tile.level, tile.number, tile.root, tile.hashes)
            roots[frontier.size] = frontier.root()
    if frontier.size != head.size or frontier.root() != head.root:
        raise StoreError("the log in the new store does not lead to the root of the old one")
    for one in notes:
        if one.origin != origin or roots.get(one.size, EMPTY_ROOT) != one.root:
            raise StoreError("the log in the new store does not lead to the last checkpoint that was signed")
    if tiles % _MODULUS != sum(_number(*row) for row in target.rows("tile")) % _MODULUS:
        raise StoreError("the tiles of the log in the new store are not those of its entries")
    return frontier


def _pieces(first: int, end: int, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """`first` to `end`, cut where a root is asked."""
    for cut in [*(one for one in ends if first < one < end), end]:
        yield first, cut
        first = cut


def _is_opened(one: Entry) -> bool:
    if not one.record:
        return one.salt is None  # erased: only its leaf is left
    first, content = (b"\1", one.record) if one.salt is None else (b"\0", one.salt + one.record)
    return one.leaf == first + hashlib.sha256(content).digest()


def _number(level: int, number: int, root: bytes, hashes: bytes) -> int:
    """A tile as a number, so that all of them can be compared in any order."""
    return int.from_bytes(hashlib.sha256(b"%d %d " % (level, number) + root + hashes).digest())


def _begin(source: Source, target: Target, frontier: Frontier, head: Head, now: int, salt: bytes) -> None:
    """The first entry in the new store says that it was moved, and where the log stood."""
    record = entry.migrated(day_of(now), source.place.kind, target.place.kind, head.size, head.root)
    first = entry.committed(record, salt)
    target.put("entry", [(head.size, *first)])
    tiles = frontier.extend([leaf_hash(first.leaf)])
    target.put("tile", [(one.level, one.number, one.root, one.hashes) for one in tiles])
    after = head._replace(size=frontier.size, root=frontier.root(), committed_at=max(now, head.committed_at))
    target.put_head(after, frontier.peaks())
