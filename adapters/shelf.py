# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The shelf on which one kind of record stands: how a record of an edge is written, found and read again.

Guarantees:
- a record that was read is the record that was written, field by field in their order; a field added later stands
  last and has its default in older records;
- what a record can be found by is declared where its type is, once; only a state word and a time stand in plain text
  on disk.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar

from adapters.store import Found, Plain, Record, Table, Transaction, Value

T = TypeVar("T")


class Reads(Protocol):
    """A store, or a transaction of it."""

    def get(self, table: Table, key: bytes) -> Record | None:
        """One record."""

    def find(self, table: Table, index: str, value: bytes, state: str | None = None) -> Found:
        """By what they can be found by, all or those in a state."""

    def scan(
        self, table: Table, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Found:
        """All, or those in a state or due."""

    def count(self, table: Table, state: str | None = None) -> int:
        """How many."""


@dataclass(frozen=True, slots=True)
class Shelf(Generic[T]):
    """One kind of record, with its key and what it can be found by."""

    table: Table
    kind: type[T]
    key: Callable[[T], bytes]
    index: Callable[[T], Mapping[str, bytes]] = field(default=lambda _: {})
    plain: Callable[[T], Mapping[str, Plain]] = field(default=lambda _: {})

    def put(self, tx: Transaction, record: T) -> T:
        """Write a record, whole."""
        tx.put(self.table, self.key(record), _fields(self.kind)(record), self.index(record), self.plain(record))
        return record

    def get(self, reads: Reads, key: bytes) -> T | None:
        """The record with this key."""
        found = reads.get(self.table, key)
        return None if found is None else self._from(found)

    def need(self, reads: Reads, key: bytes) -> T:
        """The record with this key, which must be there: another record names it."""
        found = self.get(reads, key)
        if found is None:
            raise LookupError(f"a record of {self.table.name} that another record names is not there")
        return found

    def find(self, reads: Reads, index: str, value: bytes, state: str | None = None) -> list[T]:
        """In the order in which they were first written."""
        return [self._from(record) for _, record in reads.find(self.table, index, value, state)]

    def scan(
        self, reads: Reads, state: str | None = None, due_until: int | None = None, limit: int | None = None
    ) -> Iterator[T]:
        """In the order in which they were first written."""
        for _, record in reads.scan(self.table, state, due_until, limit):
            yield self._from(record)

    def delete(self, tx: Transaction, key: bytes) -> bool:
        """Whether there was one."""
        return tx.delete(self.table, key)

    def _from(self, record: Record) -> T:
        return self.kind(*[_frozen(value) if type(value) is list else value for value in record])


def number_key(number: int) -> bytes:
    """The key of a numbered record."""
    return number.to_bytes(8, "big")


def gone_key(sender: str, event_id: bytes) -> bytes:
    """Event ids count per sender: nobody can call back what another told."""
    return sender.encode() + b"\0" + event_id


def some(**values: str | bytes | None) -> dict[str, bytes]:
    """What a record can be found by, without what it does not have; text as UTF-8."""
    return {
        name: value.encode() if isinstance(value, str) else value for name, value in values.items() if value is not None
    }


_READERS: Final[dict[type, Callable[[object], tuple[Value, ...]]]] = {}


def _fields(kind: type) -> Callable[[object], tuple[Value, ...]]:
    # Values in the order of the fields, read in one call; a tuple stands on disk as a list does.
    if kind not in _READERS:
        names = kind.__slots__  # type: ignore[attr-defined]
        first = attrgetter(names[0])
        _READERS[kind] = attrgetter(*names) if len(names) > 1 else lambda record: (first(record),)
    return _READERS[kind]


def _frozen(value: list[Value]) -> tuple[object, ...]:
    return tuple([_frozen(one) if type(one) is list else one for one in value])
