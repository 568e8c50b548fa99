# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The shelf on which one kind of record stands: how a record of an edge is written, found and read again.

Guarantees:
- a record that was read is the record that was written, field by field in their order; a field added later stands
  last and has its default in older records;
- what a record can be found by is declared where its type is, once; only a state word and a time stand in plain text
  on disk.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from operator import attrgetter
from typing import Any, Final, Generic, Protocol, TypeVar, get_type_hints

from adapters.store import EdgeStore, Found, Plain, Record, Table, Transaction, Value

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
    """One kind of record, with its key and what it can be found by.

    `made_of`: the fields that key and index are made of, where somebody wants to know quickly whether they are the same.
    """

    table: Table
    kind: type[T]
    key: Callable[[T], bytes]
    index: Callable[[T], Mapping[str, bytes]] = field(default=lambda _: {})
    plain: Callable[[T], Mapping[str, Plain]] = field(default=lambda _: {})
    made_of: Callable[[T], object] | None = None
    _of: "_Kind[T]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_of", _kind(self.kind))

    def put(self, tx: Transaction, record: T) -> T:
        """Write a record, whole."""
        tx.put(self.table, self.key(record), self._of.read(record), self.index(record), self.plain(record))
        return record

    def change(self, tx: Transaction, before: T, record: T) -> T:
        """Write a record in the place of `before`, which stands there; quicker where it is found by the same.

        Raises:
            LookupError: nothing stands there.
        """
        if self.made_of is None or self.made_of(before) != self.made_of(record):
            return self.put(tx, record)
        tx.change(self.table, self.key(record), self._of.read(record), self.plain(record))
        return record

    def read_ahead(self, reads: EdgeStore | Transaction, keys: Iterable[bytes]) -> None:
        """Read many in one go, for `get` to answer from until the next commit; see `Transaction.read_ahead`."""
        reads.read_ahead(self.table, keys)

    def find_ahead(self, reads: EdgeStore | Transaction, index: str, values: Iterable[bytes]) -> None:
        """Find for many in one go, for `find` to answer from until something is written; see `Transaction.find_ahead`."""
        reads.find_ahead(self.table, index, values)

    def hold(self, tx: Transaction, record: T) -> None:
        """Write a record once, at the end of the transaction; see `Transaction.hold`."""
        tx.hold(self.table, self.key(record), self._of.read(record))

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

    def due_groups(self, reads: EdgeStore | Transaction, index: str, state: str, due_until: int) -> list[bytes]:
        """Groups by an index in which one in this state is due, for `find_groups`."""
        return reads.due_groups(self.table, index, state, due_until)

    def find_groups(
        self, reads: EdgeStore | Transaction, index: str, groups: Sequence[bytes], states: Sequence[str]
    ) -> list[T]:
        """Those of these groups in one of these states."""
        return [self._from(record) for _, record in reads.find_groups(self.table, index, groups, states)]

    def scan_but(self, reads: EdgeStore | Transaction, state: str, known: Iterable[bytes]) -> list[T]:
        """Those in a state, without those of these keys, which are not read."""
        return [self._from(record) for _, record in reads.scan_but(self.table, state, known)]

    def delete(self, tx: Transaction, key: bytes) -> bool:
        """Whether there was one."""
        return tx.delete(self.table, key)

    def _from(self, record: Record) -> T:
        of = self._of
        if not of.nested:
            return of.make(record)  # type: ignore[arg-type]  # a shelf writes values in the order of the fields
        values: list[object] = list(record)  # the record may stand in what was read ahead, which is not ours to change
        for at in of.nested:
            if at < len(values) and type(value := values[at]) is list:
                values[at] = _frozen(value)
        return of.make(values)


def changed(record: T, **new: object) -> T:
    """What `dataclasses.replace` makes of a record, in half the time: most of what is sent or taken is changed once or twice.

    Raises:
        KeyError: it has no field of that name.
    """
    kind: type[T] = type(record)
    of = _kind(kind)
    values: list[object] = list(of.read(record))
    for name, value in new.items():
        values[of.places[name]] = value
    return of.make(values)


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


@dataclass(frozen=True, slots=True)
class _Kind(Generic[T]):
    """What reads and makes records of one type, looked up once.

    Values are read in the order of the fields, in one call; a tuple stands on disk as a list does. A record is made as its
    `twin`, a class of the same slots that is not frozen, and given its kind when it is whole: the `__init__` of a frozen
    dataclass takes five times as long. `nested`: where a tuple may stand.
    """

    kind: type[T]
    read: Callable[[object], tuple[Value, ...]]
    places: Mapping[str, int]
    nested: tuple[int, ...]
    twin: Callable[..., Any]

    def make(self, values: Sequence[object]) -> T:
        """The record of these values; a field added later, which stands last, has its default."""
        if len(values) != len(self.places):
            return self.kind(*values)
        made = self.twin(*values)
        made.__class__ = self.kind
        return made  # type: ignore[no-any-return]  # it is of this kind by now


_KINDS: Final[dict[type, _Kind[Any]]] = {}


def _kind(kind: type[T]) -> _Kind[T]:
    known = _KINDS.get(kind)
    if known is None:
        names: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
        if hasattr(kind, "__post_init__"):
            raise TypeError("a record is made of its values and nothing else")
        first = attrgetter(names[0])
        read = attrgetter(*names) if len(names) > 1 else lambda record: (first(record),)
        places = {name: place for place, name in enumerate(names)}
        twin = make_dataclass(kind.__name__, names, eq=False, repr=False, slots=True)
        nested = tuple(places[name] for name, declared in get_type_hints(kind).items() if "tuple" in str(declared))
        known = _KINDS[kind] = _Kind(kind, read, places, nested, twin)
    return known


def _frozen(value: list[Value]) -> tuple[object, ...]:
    return tuple([_frozen(one) if type(one) is list else one for one in value])
