# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What waits in the outbox or is under way, as a pass of sending asks for it: read once for many lines.

Guarantees:
- what is over stays out, however long a line goes back;
- as long as nothing was committed since, by whomever, what was read is what is there: one process writes, and its
  store counts every commit. From the next commit on each question is asked of the store again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.records_outgoing import GRANTS, ITEMS, SENT, WAITING, Grant, Item
from adapters.shelf import Reads
from adapters.spread import Random, shuffled
from adapters.store import EdgeStore
from consent.grant import handle


def unfinished(reads: Reads, index: str, name: str) -> list[Item]:
    """What waits or is under way under a grant or line, in the order of the outbox."""
    found = [one for state in (WAITING, SENT) for one in ITEMS.find(reads, index, name.encode(), state)]
    return sorted(found, key=lambda item: item.number)


def due(store: EdgeStore, now: int, random: Random) -> list[bytes]:
    """The lines in which something may leave by its moment, for `Unfinished.read`, in a random order: after an outage, too,
    the order of what leaves says nothing of what belongs together."""
    return shuffled(ITEMS.due_groups(store, "line", WAITING, now), random)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Everything that waits or is under way in some lines in which something may leave by its moment.

    `handles`: of each grant in them that of `month`.
    """

    store: EdgeStore
    now: int
    month: int
    commits: int
    lines: dict[str, list[Item]]
    grants: dict[str, Grant] = field(default_factory=dict)
    handles: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, store: EdgeStore, now: int, lines_due: Sequence[bytes], month: int) -> "Unfinished":
        """As it is now, of some of what `due` found."""
        lines: dict[str, list[Item]] = {}
        found = ITEMS.find_groups(store, "line", lines_due, (WAITING, SENT))
        for item in sorted(found, key=lambda item: item.number):
            lines.setdefault(item.line, []).append(item)
        made = cls(store, now, month, store.commits, lines)
        ids = {item.grant for items in lines.values() for item in items}
        GRANTS.read_ahead(store, [one.encode() for one in ids])
        made.grants.update((one, GRANTS.need(store, one.encode())) for one in ids)
        made.handles.update((one, handle(grant.secret, month)) for one, grant in made.grants.items())
        return made

    @property
    def holds(self) -> bool:
        """Whether what was read is what is there."""
        return self.store.commits == self.commits

    def with_work(self, random: Random) -> list[str]:
        """The grants under which something may leave by its moment, line by line in a random order."""
        waiting = [
            dict.fromkeys(item.grant for item in items if item.state == WAITING and item.release_at <= self.now)
            for items in self.lines.values()
        ]
        return [grant for grants in shuffled(waiting, random) for grant in grants]

    def grant(self, name: str) -> Grant:
        """A grant under which something may leave."""
        return self.grants[name] if self.holds else GRANTS.need(self.store, name.encode())

    def handle(self, grant: Grant, month: int) -> bytes:
        """The handle of a grant in a month; a grant keeps its secret."""
        known = self.handles.get(grant.id) if month == self.month else None
        return known or handle(grant.secret, month)

    def under(self, grant: Grant) -> list[Item]:
        """What waits or is under way under a grant."""
        if not self.holds:
            return unfinished(self.store, "grant_made", grant.id)
        return [item for item in self.lines.get(grant.line, ()) if item.grant == grant.id]

    def of_line(self, line: str) -> Sequence[Item]:
        """What waits or is under way in a line."""
        return self.lines.get(line, ()) if self.holds else unfinished(self.store, "line", line)
