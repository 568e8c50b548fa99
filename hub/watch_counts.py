# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The counts of the watch as they stand in its table, and what an outcome changes in them.  Pure.

Outcomes come at least once, tables are written after, and processes are killed; counts are right all the same:

* Each window holds, in one value, its counts and the place of the last outcome that is in them.  An outcome at or before
  that place is in them already and is dropped.
* Each partition has one value more, written after its windows: the place of the last outcome, and a sum over what its
  windows are.  Both stand in one partition of one changelog, so whoever read that value has read all windows before it.
* An outcome names the one before it.  Where the partition has not counted that one, its table was not read to its end
  or was never written: `needs_replay`.  Where its windows do not add up, another process wrote over one: the same.
* A replay reads the topic from its beginning and drops by window, so it adds what is missing and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple, cast

from hub.watch_outcomes import NOT_TOLD, OUTCOMES, Outcome
from hub.watch_rules import KEPT_DAYS, Counts, Hour, Window, added, name_of, window
from schemas.canonical import FrameError, decode_array, encode
from schemas.codes import Code

_VERSION: Final = 1
_WINDOW_LENGTH: Final = 4
_LAST_LENGTH: Final = 6
_SUM_BYTES: Final = 7
_SUM: Final = 1 << 8 * _SUM_BYTES
_LAST: Final = "last"
_CODES: Final = {code.value: code for code in Code}
Values = Mapping[bytes, bytes]
Belongs = Callable[[int], bool]  # whether a partner is of the partition that is spoken of


class Counted(NamedTuple):
    """A window as the table has it: `entries` of the log are in its counts, the last of them at `place`."""

    place: int
    entries: int
    counts: Counts


class Last(NamedTuple):
    """How far a partition is: the place of its last outcome, how many its windows hold, the newest day in it, how often
    something was missing that no replay could find, and the sum of its windows."""

    place: int
    entries: int
    day: int
    missed: int
    sum: int

    def turned(self, key: bytes, before: Counted, after: Counted) -> Last:
        """When a window becomes another; `NOTHING` is none."""
        entries = self.entries - before.entries + after.entries
        return self._replace(entries=entries, sum=(self.sum - print_of(key, before) + print_of(key, after)) % _SUM)


NOTHING: Final = Counted(NOT_TOLD, 0, {})
NOT_BEGUN: Final = Last(NOT_TOLD, 0, 0, 0, 0)


def print_of(key: bytes, counted: Counted) -> int:
    """What a window adds to the sum of its partition: another for each state of it."""
    if counted.place == NOT_TOLD:
        return 0
    return int.from_bytes(sha256(key + counted.place.to_bytes(8)).digest()[:_SUM_BYTES])


def last_key(partition: int) -> bytes:
    """The key of the value that a partition has beside its windows."""
    return f"{_LAST}.{partition}".encode()


def key_of(name: Hour) -> bytes:
    """The key of a window."""
    return f"{name.partner}.{name.day}.{name.hour}".encode()


def hour_of(key: bytes) -> Hour | None:
    """The window that a key names, None where it names none."""
    partner, day, hour = [*key.decode("ascii").split("."), "", ""][:3]
    return None if partner == _LAST else Hour(int(partner), int(day), int(hour))


def read_window(raw: bytes | None) -> Counted:
    """A value of a window; none is an empty one.

    Raises:
        FrameError: it is none.
    """
    if raw is None:
        return NOTHING
    version, place, entries, counts = decode_array(raw, _WINDOW_LENGTH)
    if version != _VERSION or not isinstance(counts, list):
        raise FrameError("/", "not a window of this version")
    found = {(cast("str", kind), _CODES[code]): cast("int", count) for kind, code, count in counts if kind in OUTCOMES}
    return Counted(cast("int", place), cast("int", entries), found)


def write_window(counted: Counted) -> bytes:
    """The value of a window."""
    counts = [[kind, code.value, count] for (kind, code), count in sorted(counted.counts.items())]
    return encode([_VERSION, counted.place, counted.entries, counts])


def read_last(raw: bytes | None) -> Last:
    """The value beside the windows of a partition; none is that of one which has not begun.

    Raises:
        FrameError: it is none.
    """
    if raw is None:
        return NOT_BEGUN
    version, *fields = decode_array(raw, _LAST_LENGTH)
    if version != _VERSION:
        raise FrameError("/", "not a value of this version")
    return Last(*cast("list[int]", fields))


def write_last(last: Last) -> bytes:
    """The value beside the windows of a partition."""
    return encode([_VERSION, *last])


def windows(values: Values, belongs: Belongs) -> Iterator[tuple[bytes, Hour]]:
    """The windows of a partition with their keys."""
    for key in values:
        name = hour_of(key)
        if name is not None and belongs(name.partner):
            yield key, name


def adds_up(values: Values, partition: int, belongs: Belongs) -> bool:
    """Whether the windows of a partition are what they were when its last value was written."""
    return sum_of(values, belongs) == read_last(values.get(last_key(partition))).sum


def sum_of(values: Values, belongs: Belongs) -> int:
    """The sum of the windows of a partition."""
    return sum(print_of(key, read_window(values[key])) for key, _ in windows(values, belongs)) % _SUM


def needs_replay(values: Values, partition: int, outcome: Outcome) -> bool:
    """Whether something before this outcome was not counted."""
    last = read_last(values.get(last_key(partition)))
    return last.place < outcome.before or (last.place == NOT_TOLD and outcome.before == NOT_TOLD)


class Batch:
    """What a number of outcomes of one partition change.  `values` is the table, and is not changed."""

    def __init__(self, values: Values, partition: int, belongs: Belongs) -> None:
        self._values, self._partition, self._belongs = values, partition, belongs
        self._changed: dict[bytes, Counted] = {}
        self._gone: list[bytes] = []
        self.last = read_last(values.get(last_key(partition)))

    def restart(self) -> None:
        """A replay begins: whatever the partition knows as seen may be missing in a window. `count` from the beginning of the
        topic follows, then `settle`."""
        self.last = self.last._replace(place=NOT_TOLD)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Counts what was not counted."""
        for one in outcomes:
            # What was written twice may have another hour the second time: the first is what counts.
            if one.place <= self.last.place:
                continue
            if one.day > self.last.day:
                self._turn(one.day)
            if one.day >= self.last.day - KEPT_DAYS:
                self._add(one)
            self.last = self.last._replace(place=one.place)

    def _add(self, one: Outcome) -> None:
        key = key_of(name_of(one))
        before = self._changed.get(key) or read_window(self._values.get(key))
        if one.place <= before.place:
            return  # counted, though the process was killed before it could say so
        self._changed[key] = Counted(one.place, before.entries + 1, added(before.counts, one))
        self.last = self.last.turned(key, before, self._changed[key])

    def _turn(self, day: int) -> None:
        """A new day: windows that nothing is compared with any more go."""
        self.last = self.last._replace(day=day)
        for key, name in list(windows(self._values, self._belongs)):
            if name.day < day - KEPT_DAYS and key not in self._gone:
                self._gone.append(key)
                held = self._changed.pop(key, None) or read_window(self._values[key])
                self.last = self.last.turned(key, held, NOTHING)

    def missed(self) -> None:
        """Something is missing that the topic no longer has."""
        self.last = self.last._replace(missed=self.last.missed + 1)

    def settle(self) -> None:
        """After a replay: what the windows hold now is what they should hold."""
        held = {key: read_window(self._values[key]) for key, _ in windows(self._values, self._belongs)} | self._changed
        self.last = self.last._replace(entries=0, sum=0)
        for key, counted in held.items():
            if key not in self._gone:
                self.last = self.last.turned(key, NOTHING, counted)

    def changes(self) -> dict[bytes, bytes | None]:
        """The new values in the order in which they must be written, None for what goes; that of the partition last."""
        if not self._changed and not self._gone and self.last == read_last(self._values.get(last_key(self._partition))):
            return {}
        made: dict[bytes, bytes | None] = {key: write_window(counted) for key, counted in self._changed.items()}
        return made | dict.fromkeys(self._gone) | {last_key(self._partition): write_last(self.last)}


def window_of(key: bytes, raw: bytes) -> Window | None:
    """The window of a value, as the rules take it; None where it is none."""
    name = hour_of(key)
    return None if name is None else window(name, read_window(raw).counts)
