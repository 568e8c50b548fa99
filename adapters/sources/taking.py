# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Records taken by an edge: together where that goes, each alone where one of them can't be taken.

Guarantees: what counts as settled is on disk at the edge, or has a report to stand in the quarantine topic; the first
record that must wait (an allocation while the hub is away, anything while the edge is being put back) keeps those after it
waiting, so their order holds; a record that was taken before changes nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.clients import ClientConflictError
from adapters.edge import Edge
from adapters.formats import READERS
from adapters.formats.native import FormatConfig, Malformed, Reader
from adapters.intake import Arrived, Taken
from adapters.sources.record import CONFLICT, Record, read, report
from hub.client import HubUnavailableError

TOGETHER: Final = 20  # records that are read before something else of this process may go on


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of records: the first `count` of them are settled, some of those by a report (by their number)."""

    count: int
    reports: Mapping[int, bytes] = field(repr=False)
    known: int = 0

    @property
    def taken(self) -> int:
        """How many are new to the edge."""
        return self.count - len(self.reports) - self.known


@dataclass(frozen=True, slots=True)
class Records:
    """How records are read: the format of each topic, the readers, the size that no record may exceed."""

    topics: Mapping[str, str]
    readers: Mapping[str, Reader]
    largest: int
    clock: Callable[[], int]

    @classmethod
    def of(cls, topics: Mapping[str, str], formats: FormatConfig, largest: int, clock: Callable[[], int]) -> "Records":
        """With the readers of these settings."""
        return cls(topics, {name: entry(formats) for name, entry in READERS.items()}, largest, clock)

    async def settle(self, edge: Edge, records: Sequence[Record], *, again: bool = False) -> Settled:
        """Reads records and has the edge take them. `again`: they were read before this edge was put back; what could not
        be read then has its report already."""
        reports: dict[int, bytes] = {}
        good: list[tuple[int, Arrived]] = []
        for number, record in enumerate(records):
            try:
                good.append((number, self._read(record, again=again)))
            except Malformed as error:
                reports[number] = report(record, self.topics[record.topic], error.faults)
            if number % TOGETHER == 0:
                await asyncio.sleep(0)  # what else this process does goes on meanwhile
        settled, conflicts, known = await _take(edge, [one for _, one in good], again=again)
        count = len(records) if settled == len(good) else good[settled][0]
        for number in (good[one][0] for one in conflicts):
            reports[number] = report(records[number], self.topics[records[number].topic], CONFLICT)
        if again:
            return Settled(count, {}, count)
        return Settled(count, {number: of for number, of in reports.items() if number < count}, known)

    def _read(self, record: Record, *, again: bool) -> Arrived:
        found = read(record, self.readers, self.topics[record.topic], self.largest)
        # Nobody answers for the clock of a producer: a record from the future, or without a time, came now; and long ago
        # when it is read again, so that nothing of it is told under a line that began later.
        now = self.clock()
        return found if 0 < found.at <= now else Arrived(found.digest, found.events, 0 if again else now)


async def _take(edge: Edge, messages: Sequence[Arrived], *, again: bool) -> tuple[int, list[int], int]:
    """How many from the front are settled, which of those are about two clients at once, how many were known."""
    if not messages:
        return 0, [], 0
    try:
        return len(messages), [], _known(await edge.take_together(messages, again=again))
    except (ClientConflictError, HubUnavailableError):
        pass  # one of them; which one is seen when each is taken alone
    conflicts: list[int] = []
    known = 0
    for number, one in enumerate(messages):
        try:
            known += _known(await edge.take_together([one], again=again))
        except ClientConflictError:
            conflicts.append(number)
        except HubUnavailableError:
            return number, conflicts, known
    return len(messages), conflicts, known


def _known(taken: Sequence[Taken]) -> int:
    return sum(one.known for one in taken)
