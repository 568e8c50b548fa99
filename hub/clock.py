# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The hub's clock, and when it is believed (delivery.md section 7).  The rule is pure; `HubClock` puts it on two clocks.

* A clock that is set is told from time that passes by a second one, which nobody sets and which counts a sleeping
  machine too.  Over a restart, the time of the last commit is where it went on from.
* Within two minutes of that, the clock is believed.  Beyond it, it is *in doubt*: time goes on from where it was
  believed last, so a clock that jumped ends no term and makes no commit of tomorrow, and nothing is decided.
* In doubt forward, the minutes that partners sign confirm it: of as many *organisations* as `needed` says, and more
  than say otherwise.  One organisation counts once, whatever roles it has, with the last that it said.
* In doubt backward, or where too few agree, a person confirms, or the clock is set right.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from threading import Lock
from typing import Final, NamedTuple

from hub.client import HubUnavailableError

JUMP_MS: Final = 120_000
FRESH_MS: Final = 600_000  # how long what a partner said counts
MOST_NEEDED: Final = 3
MINUTE_MS: Final = 60_000  # what is signed is the minute's begin
MOST_TURNS: Final = 1000  # that are kept for who asks
PARTNERS, PERSON, ITSELF = "partners", "person", "itself"  # who ended a doubt


class NotDecidingError(HubUnavailableError):
    """The hub's clock is in doubt, so nothing is decided; nothing was stored, and the same bytes may come again."""

    def __init__(self) -> None:
        super().__init__(
            "The clock of the hub jumped and nobody confirmed it, so nothing is decided at present; try again. "
            "For its operator: `schakel hub clock` says more."
        )


class Moment(NamedTuple):
    """What the two clocks show, in milliseconds: the one that can be set (unix), and the one that only runs."""

    wall: int
    steady: int


class Word(NamedTuple):
    """The minute (unix milliseconds) that an organisation signed, and when it was heard."""

    minute: int
    steady: int


class Turn(NamedTuple):
    """The clock came into doubt by so many milliseconds, or (0) is believed again, and who ended the doubt."""

    jump: int
    ended_by: str


class Doubt(NamedTuple):
    """How far the clock is off what it should be (0: it is believed), how many organisations agree with it and how many
    do not, and how many it takes; None: only a person can confirm."""

    jump: int
    agree: int
    differ: int
    needed: int | None


def needed(organisations: int) -> int | None:
    """How many organisations confirm a jump forward where so many are admitted.

    Three; two where two or three are, so that one that is away holds up nobody; never one, since it could lie.
    """
    return None if organisations < 2 else min(MOST_NEEDED, max(2, organisations - 1))


class ClockRule:
    """Whether the clock is believed, from what it is told; until `begin` it always is."""

    def __init__(self) -> None:
        self._sure: Moment | None = None  # when the clock was believed last
        self._words: dict[str, Word] = {}
        self._doubts = False
        self._turns: deque[Turn] = deque(maxlen=MOST_TURNS)

    def begin(self, committed_at: int | None, at: Moment) -> None:
        """A hub starts whose last commit was at `committed_at`; None: it holds nothing that has a term."""
        self._sure = at
        if committed_at is not None and abs(at.wall - committed_at) > JUMP_MS:
            self._sure = Moment(committed_at, at.steady)

    def jump(self, at: Moment) -> int:
        """How many milliseconds the clock is off what it should be; 0 while it is believed."""
        off = 0 if self._sure is None else at.wall - self._expected(self._sure, at)
        if abs(off) > JUMP_MS:
            if not self._doubts:
                self._doubts = True
                self._turns.append(Turn(off, ""))
            return off
        if self._doubts:
            self._end(ITSELF)
        return 0

    def time(self, at: Moment) -> int:
        """The time that the hub goes by: the clock's, or while that is in doubt, what it should show."""
        return at.wall - self.jump(at)

    def hear(self, organisation: str, minute: int, admitted: Collection[str], at: Moment) -> None:
        """A fresh request of this organisation, proven to be its own, was signed in this minute (unix milliseconds)."""
        if not self.jump(at):
            return
        self._words[organisation] = Word(minute, at.steady)
        doubt = self.doubt(admitted, at)
        if doubt.jump > 0 and doubt.needed is not None and doubt.agree >= doubt.needed and doubt.agree > doubt.differ:
            self._sure = at
            self._end(PARTNERS)

    def confirm(self, at: Moment) -> None:
        """A person says that the clock is right."""
        if self.jump(at):
            self._sure = at
            self._end(PERSON)

    def doubt(self, admitted: Collection[str], at: Moment) -> Doubt:
        """How the doubt stands."""
        jump = self.jump(at)
        said = [
            _agrees(word, at)
            for organisation, word in self._words.items()
            if organisation in admitted and at.steady - word.steady <= FRESH_MS
        ]
        return Doubt(jump, said.count(True), said.count(False), needed(len(admitted)))

    def turns(self) -> list[Turn]:
        """What happened since this was asked last, each turn once, also when a doubt began and ended in between."""
        new = list(self._turns)
        self._turns.clear()
        return new

    def _expected(self, sure: Moment, at: Moment) -> int:
        return sure.wall + at.steady - sure.steady

    def _end(self, by: str) -> None:
        self._words.clear()  # the next doubt asks anew
        self._doubts = False
        self._turns.append(Turn(0, by))


def _agrees(word: Word, at: Moment) -> bool:
    ahead = at.wall - (word.minute + at.steady - word.steady)
    return -JUMP_MS <= ahead <= JUMP_MS + MINUTE_MS


def running_time() -> int:
    """Milliseconds since the machine started, those asleep included; nobody sets this clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class HubClock:
    """The one clock of a hub: call it for the time that it goes by, in unix milliseconds.  Any thread may.

    `wall` is the clock of the machine, `steady` one that only runs.  Until `begin`, nothing is doubted: a hub without
    a gateway has nobody whose clock could differ from its own.
    """

    def __init__(self, wall: Callable[[], int], steady: Callable[[], int] = running_time) -> None:
        self.wall, self.steady = wall, steady
        self._rule = ClockRule()
        self._lock = Lock()

    def __call__(self) -> int:
        """The time that the hub goes by."""
        with self._lock:
            return self._rule.time(self._now())

    def begin(self, committed_at: int | None) -> None:
        """See `ClockRule`."""
        with self._lock:
            self._rule.begin(committed_at, self._now())

    def jump(self) -> int:
        """How many milliseconds the clock is off; 0 while it is believed."""
        with self._lock:
            return self._rule.jump(self._now())

    def need(self) -> None:
        """Returns while the clock is believed.

        Raises:
            NotDecidingError: it is in doubt.
        """
        if self.jump():
            raise NotDecidingError

    def hear(self, organisation: str, minute: int, admitted: Collection[str]) -> None:
        """See `ClockRule`."""
        with self._lock:
            self._rule.hear(organisation, minute, admitted, self._now())

    def confirm(self) -> None:
        """See `ClockRule`."""
        with self._lock:
            self._rule.confirm(self._now())

    def doubt(self, admitted: Collection[str]) -> Doubt:
        """See `ClockRule`."""
        with self._lock:
            return self._rule.doubt(admitted, self._now())

    def turns(self) -> list[Turn]:
        """See `ClockRule`; what the clock shows now is part of it."""
        with self._lock:
            self._rule.jump(self._now())
            return self._rule.turns()

    def _now(self) -> Moment:
        return Moment(self.wall(), self.steady())
