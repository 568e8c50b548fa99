# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What is unusual at a partner: refusals that jump, volume that jumps, pick-ups at night.  Pure; each has a sentence.

* An hour is compared with the same partner's own past alone, at most `KEPT_DAYS` days of it, never with other partners.
* Less than ten of anything is never unusual, and every count that is shown goes by fives (`schemas.small_counts`).
* A fact follows from the windows alone: the same windows always give the same facts, so none is lost in a restart.
* What was unusual once is part of the past from the next hour on: the same jump again is not told a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from hub.watch_outcomes import NO_HOUR, Outcome
from schemas import entry
from schemas.calendar import date_text, is_working_day
from schemas.codes import Code
from schemas.small_counts import FEWEST, stepped

KEPT_DAYS = 36  # a batch of every month lies 28 to 34 days before the next one
SHOWN_DAYS = 7
KNOWN_DAYS = 7  # a partner with a shorter past has no usual volume and no usual night yet
FEWEST_UNUSUAL = 2 * FEWEST

REFUSED_TIMES = 5  # as many as usual
REFUSED_SHARE = 10  # at least one in so many
VOLUME_FEWEST = 50
VOLUME_TIMES = 3  # the busiest hour at that time of such a day
VOLUME_PEAK = (3, 2)  # one and a half times the busiest hour of all
NIGHT_TIMES = 3  # the busiest night
NIGHT_BEGINS, NIGHT_ENDS = 22, 6
FEWEST_TO_SHARE = 200  # below that a share tells how many
_UNKNOWN_SHARE = 100
_PRIOR = (1, 20)  # of a partner without a past one in twenty is taken to be usual

_HUB_DECIDES = (entry.ACCEPT, entry.SUM)


class What(StrEnum):
    """Everything that can be unusual."""

    REFUSALS = "refusals"
    VOLUME = "volume"
    NIGHT = "night"


class Hour(NamedTuple):
    """The name of a window: a partner in an hour of the Dutch clock; hour `NO_HOUR` holds what came unseen."""

    partner: int
    day: int
    hour: int


Counts = Mapping[tuple[str, Code], int]


class Window(NamedTuple):
    """What was counted at a partner in an hour, by kind of entry and code; `window` makes one.

    `sent` is what the hub decided about: envelopes of this partner and whatever it refused at the door; `refused` how much
    of that it refused; `picked_up` what was handed over to this partner, once more included.
    """

    name: Hour
    counts: Counts
    sent: int
    refused: int
    picked_up: int


def window(name: Hour, counts: Counts) -> Window:
    """The window with these counts."""
    sent = sum(count for (kind, _), count in counts.items() if kind in _HUB_DECIDES)
    return Window(name, counts, sent, sum(refusals(counts).values()), counts.get((entry.HAND_OVER, Code.ACCEPTED), 0))


def refusals(counts: Counts) -> dict[Code, int]:
    """What the hub refused, by code."""
    found: dict[Code, int] = {}
    for (kind, code), count in counts.items():
        if kind in _HUB_DECIDES and code is not Code.ACCEPTED:
            found[code] = found.get(code, 0) + count
    return found


@dataclass(frozen=True, slots=True)
class Unusual:
    """Something that a person should look at.  All counts go by fives; `code` is the most frequent refusal."""

    what: What
    partner: int
    day: int
    hour: int
    count: int
    of: int
    usual: int
    code: Code | None = None

    @property
    def sentence(self) -> str:
        """What an operator reads."""
        return _SENTENCES[self.what](self)


def name_of(outcome: Outcome) -> Hour:
    """The window in which an outcome counts."""
    return Hour(outcome.partner, outcome.day, outcome.hour)


def added(counts: Counts, outcome: Outcome) -> dict[tuple[str, Code], int]:
    """The counts with those of one more outcome."""
    found = dict(counts)
    for code, count in outcome.counts:
        found[outcome.kind, code] = found.get((outcome.kind, code), 0) + count
    return found


class Past:
    """What one partner did before an hour, summed once so that many rules can ask."""

    def __init__(self, windows: Iterable[Window], now: Hour) -> None:
        self._earlier = [
            one
            for one in windows
            if (one.name.day, one.name.hour) < (now.day, now.hour) and one.name.day >= now.day - KEPT_DAYS
        ]
        self.refused = sum(one.refused for one in self._earlier)
        self.sent = sum(one.sent for one in self._earlier)
        self.known_days = now.day - min((one.name.day for one in self._earlier), default=now.day)
        self._now = now

    def busiest(self) -> int:
        """What was sent in the busiest hour of all."""
        return max((one.sent for one in self._timed()), default=0)

    def busiest_alike(self) -> int:
        """What was sent in the busiest hour at this time of such a day, an hour more or less."""
        now, working = self._now, is_working_day(self._now.day)
        return max(
            (
                one.sent
                for one in self._timed()
                if abs(one.name.hour - now.hour) <= 1
                and one.name.day != now.day
                and is_working_day(one.name.day) == working
            ),
            default=0,
        )

    def nights(self) -> dict[int, int]:
        """What was picked up in each night, that of now included, by the day on which the night began."""
        found: dict[int, int] = {}
        for one in self._timed():
            if (night := night_of(one.name)) is not None:
                found[night] = found.get(night, 0) + one.picked_up
        return found

    def _timed(self) -> Iterator[Window]:
        return (one for one in self._earlier if one.name.hour != NO_HOUR)


def night_of(hour: Hour) -> int | None:
    """The day on which the night of this hour began, None where it is no night."""
    if NIGHT_BEGINS <= hour.hour < NO_HOUR:
        return hour.day
    return hour.day - 1 if hour.hour < NIGHT_ENDS else None


def judge(window: Window, windows: Sequence[Window]) -> list[Unusual]:
    """What is unusual about one hour of a partner; `windows` are all that are known of the same partner."""
    past = Past(windows, window.name)
    rules = (_refusals, _volume, _night)
    return [found for rule in rules if (found := rule(window, past)) is not None]


def _refusals(window: Window, past: Past) -> Unusual | None:
    refused, sent = window.refused, window.sent
    usual_refused, usual_sent = past.refused + _PRIOR[0], past.sent + _PRIOR[1]
    # In whole numbers: refused / sent against the usual share.
    jumps = refused * usual_sent >= REFUSED_TIMES * usual_refused * sent
    if refused < FEWEST_UNUSUAL or refused * REFUSED_SHARE < sent or not jumps:
        return None
    code, most = max(refusals(window.counts).items(), key=lambda one: (one[1], one[0].value))
    name = window.name
    return Unusual(
        What.REFUSALS,
        *name,
        stepped(refused),
        stepped(sent),
        # In hundredths, rounded up: of a few hundred or more that tells no small count, and of fewer nothing is told.
        -(-100 * past.refused // past.sent) if past.sent >= FEWEST_TO_SHARE else _UNKNOWN_SHARE,
        code if most >= FEWEST_UNUSUAL else None,
    )


def _volume(window: Window, past: Past) -> Unusual | None:
    if window.name.hour == NO_HOUR or past.known_days < KNOWN_DAYS:
        return None
    sent, busiest = window.sent, past.busiest()
    times, of = VOLUME_PEAK
    if sent < VOLUME_FEWEST or sent < VOLUME_TIMES * past.busiest_alike() or sent * of < times * busiest:
        return None
    return Unusual(What.VOLUME, *window.name, stepped(sent), stepped(sent), stepped(busiest))


def _night(window: Window, past: Past) -> Unusual | None:
    night = night_of(window.name)
    if night is None or window.name.hour == NO_HOUR or past.known_days < KNOWN_DAYS or not window.picked_up:
        return None
    nights = past.nights()
    count = nights.pop(night, 0) + window.picked_up
    busiest = max(nights.values(), default=0)
    if count < FEWEST_UNUSUAL or count < NIGHT_TIMES * busiest:
        return None
    # One fact for a night, under its first day, whichever of its hours it is told in.
    return Unusual(
        What.NIGHT, window.name.partner, night, NIGHT_BEGINS, stepped(count), stepped(count), stepped(busiest)
    )


def still_shown(found: Iterable[Unusual], today: int) -> list[Unusual]:
    """What is shown on a day, the newest first; of a night that is told in each of its hours the greatest count."""
    newest: dict[tuple[What, int, int, int], Unusual] = {}
    for one in found:
        name = (one.what, one.partner, one.day, one.hour)
        if one.day > today - SHOWN_DAYS and (name not in newest or newest[name].count < one.count):
            newest[name] = one
    return sorted(newest.values(), key=lambda one: (-one.day, -one.hour, one.partner, one.what.value))


def _when(one: Unusual) -> str:
    if one.hour == NO_HOUR:
        return f"on {date_text(one.day)} (hour not known)"
    return f"on {date_text(one.day)} from {one.hour}:00 to {one.hour + 1}:00"


def _refusals_said(one: Unusual) -> str:
    why = "" if one.code is None else f", most of them {one.code.value}"
    usual = (
        "it sent too little before to say what is usual"
        if one.usual == _UNKNOWN_SHARE
        else f"usual is {_share(one.usual)}"
    )
    return f"Of partner {one.partner} at least {one.count} of about {one.of} messages were refused {_when(one)}{why}; {usual}."


def _volume_said(one: Unusual) -> str:
    return (
        f"Partner {one.partner} sent at least {one.count} messages {_when(one)}; the busiest hour of the {KEPT_DAYS} days "
        f"before had {_about(one.usual)}."
    )


def _night_said(one: Unusual) -> str:
    return (
        f"Partner {one.partner} picked up at least {one.count} envelopes in the night that began on {date_text(one.day)}; "
        f"its busiest night of the {KEPT_DAYS} days before had {_about(one.usual)}."
    )


def _share(usual: int) -> str:
    return "none" if usual == 0 else f"{usual} in 100 or fewer"


def _about(usual: int) -> str:
    return f"fewer than {FEWEST}" if usual == 0 else f"fewer than {usual + FEWEST}"


_SENTENCES = {What.REFUSALS: _refusals_said, What.VOLUME: _volume_said, What.NIGHT: _night_said}
