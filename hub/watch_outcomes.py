# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the watch is told of an entry of the log, and its bytes on the topic `schakel.outcomes`.

* Numbers of partners, kind, code, day and hour; no handle, no message id, no category, no ground.
* An entry counts at one partner: who sent it, or for what happens at the other side who received it.
* The same log always gives the same outcomes in the same order, whoever copies it and however often.
* The hour is of the Dutch clock. The log holds days alone, so only who saw an entry come knows it: else it is `NO_HOUR`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from hub.store import NUMBERS_OF_A_LOG
from schemas import entry
from schemas.canonical import FrameError, decode_array, encode
from schemas.codes import Code
from schemas.entry import items_of

NO_HOUR = 24
NOBODY = 0  # in place of the number of a partner: who sent it is not known
NOT_TOLD = 0  # in place of a place: none is 0, because logs are numbered from 1
OUTCOMES = (entry.ACCEPT, entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY, entry.SUM)
_VERSION = 1
_LENGTH = 10
_MOST = 1 << 62
_CODES = {code.value: code for code in Code}
Between = tuple[int, int]


class Outcome(NamedTuple):
    """One entry.  It counts at `partner`; `other` is the other side of the envelope.

    `before` is the place of the outcome before this one in its partition; all below `settled` were in the topic when this
    one was written.
    """

    place: int
    before: int
    settled: int
    partner: int
    other: int
    kind: str
    day: int
    hour: int
    counts: tuple[tuple[Code, int], ...]


def place_of(log: int, index: int) -> int:
    """Where an entry stands among those of all logs that a hub ever had: a later one is greater."""
    return log * NUMBERS_OF_A_LOG + index


def log_and_index(place: int) -> tuple[int, int]:
    """The reverse."""
    return divmod(place, NUMBERS_OF_A_LOG)


def partition_of(partner: int, partitions: int) -> int:
    """The partition in which everything of a partner is."""
    return partner % partitions


def acceptances(records: Iterable[tuple[int, bytes]]) -> set[int]:
    """The indexes of the acceptances that these records speak of."""
    found = set()
    for _, raw in records:
        items = items_of(raw)
        if items[2] in (entry.HAND_OVER, entry.RECEIPT, entry.EXPIRY):
            found.add(cast("int", items[3]))
    return found


def between(records: Iterable[tuple[int, bytes]]) -> dict[int, Between]:
    """Sender and recipient of those of these records that are acceptances."""
    found = {}
    for index, raw in records:
        items = items_of(raw)
        if items[2] == entry.ACCEPT:
            found[index] = _between(items)
    return found


def outcomes(
    log: int,
    records: Iterable[tuple[int, bytes]],
    known: Mapping[int, Between],
    hour: Callable[[int], int],
) -> Iterator[Outcome]:
    """What the watch is told of these records, in their order.  `known`: who was in each acceptance that they speak of;
    `hour`: the hour in which an entry of that day came.  What is of an acceptance that was erased counts at nobody.
    """
    for index, raw in records:
        items = items_of(raw)
        kind = cast("str", items[2])
        if kind not in OUTCOMES:
            continue
        day = cast("int", items[1])
        partner, other = _who(kind, items, known)
        yield Outcome(
            place_of(log, index), NOT_TOLD, NOT_TOLD, partner, other, kind, day, hour(day), _counts(kind, items)
        )


def _who(kind: str, items: list[object], known: Mapping[int, Between]) -> Between:
    if kind == entry.ACCEPT:
        return _between(items)
    if kind == entry.SUM:
        return cast("int | None", items[3]) or NOBODY, NOBODY
    sender, recipient = known.get(cast("int", items[3]), (NOBODY, NOBODY))
    return recipient, sender


def _between(accept: list[object]) -> Between:
    # Five fields stand between the kind and the two: id, hash, whether a retraction, handle, sequence.
    return cast("int", accept[8]), cast("int", accept[9])


def _counts(kind: str, items: list[object]) -> tuple[tuple[Code, int], ...]:
    if kind == entry.SUM:
        return tuple((_CODES[code], count) for code, count in cast("list[tuple[str, int]]", items[4]))
    code = items[4] if kind == entry.RECEIPT else items[-1]
    return ((_CODES[cast("str", code)], 1),)


def to_bytes(outcome: Outcome) -> bytes:
    """The value of a record on the topic."""
    counts = [[code.value, count] for code, count in outcome.counts]
    return encode([_VERSION, *outcome[:-1], counts])


def parse(raw: bytes | None) -> Outcome:
    """The outcome in the value of a record.

    Raises:
        FrameError: it is none, as when something else wrote to the topic; never with what is in it.
    """
    version, *fields, kind, day, hour, counts = decode_array(raw or b"", _LENGTH)
    if version != _VERSION or kind not in OUTCOMES or not isinstance(counts, list):
        raise FrameError("/", "not an outcome of this version")
    if any(type(one) is not int or not 0 <= one < _MOST for one in (*fields, day)):
        raise FrameError("/number", "a number of an outcome is out of its range")
    if type(hour) is not int or not 0 <= hour <= NO_HOUR:
        raise FrameError("/hour", "the hour of an outcome is none")
    place, before, settled, partner, other = cast("list[int]", fields)
    # A place is greater than that of the one before it, or the drop of what was seen would drop what was not.
    if log_and_index(place)[0] == 0 or before >= place or settled > place:
        raise FrameError("/place", "the place of an outcome is none")
    return Outcome(
        place,
        before,
        settled,
        partner,
        other,
        kind,
        cast("int", day),
        hour,
        tuple(map(_count, counts)),
    )


def _count(pair: object) -> tuple[Code, int]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise FrameError("/counts", "a count of an outcome is none")
    code, count = pair
    if not isinstance(code, str) or code not in _CODES or type(count) is not int or not 0 < count < _MOST:
        raise FrameError("/counts", "a count of an outcome is none")
    return _CODES[code], count
