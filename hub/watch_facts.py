# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is unusual now, from the windows of the table: judged anew where something was counted, and only there.  Pure.

After `renew` everything follows from the table alone, whatever process counted it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from hub.watch_counts import hour_of, window_of
from hub.watch_rules import SHOWN_DAYS, Hour, Unusual, What, Window, judge, still_shown

ALERTED_DAYS = 1  # an alert is about yesterday and today


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the watch is.  `missed`: how often outcomes were gone before they were read."""

    entries: int
    missed: int
    unreadable: int
    partitions: int
    replays: int


class Facts:
    """The facts of all partners of which there are windows here."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[Hour, Window]] = defaultdict(dict)
        self._touched: set[Hour] = set()
        self._found: dict[Hour, list[Unusual]] = {}

    def renew(self, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Everything from the values of the table."""
        self.__init__()  # type: ignore[misc]  # nothing of before stays
        self.put(values)

    def put(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Values of the table that changed; None for one that went."""
        for key, raw in changes:
            name = hour_of(key)
            if name is None:
                continue
            if raw is None:
                self._windows[name.partner].pop(name, None)
                self._found.pop(name, None)
            elif (made := window_of(key, raw)) is not None:
                self._windows[name.partner][name] = made
                self._touched.add(name)

    def shown(self, today: int) -> list[Unusual]:
        """What is shown today, the newest first."""
        for name in self._touched:
            self._judge(name, today)
        self._touched.clear()
        return still_shown(chain.from_iterable(self._found.values()), today)

    def _judge(self, name: Hour, today: int) -> None:
        known = self._windows[name.partner]
        if name not in known or name.day <= today - SHOWN_DAYS - 1:
            return  # a night is named after the day before
        if found := judge(known[name], list(known.values())):
            self._found[name] = found
        else:
            self._found.pop(name, None)


def alerted(shown: Iterable[Unusual], today: int) -> Mapping[What, dict[str, int]]:
    """For each kind how many facts of yesterday and today there are, by the number of the partner."""
    made: dict[What, dict[str, int]] = {what: {} for what in What}
    for one in shown:
        if one.day >= today - ALERTED_DAYS:
            of = made[one.what]
            of[str(one.partner)] = of.get(str(one.partner), 0) + 1
    return made
