# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A recorded time of the hub of a municipality, made from a seed, with or without things in it that are unusual.

Forty-two days to get used to and thirty that are judged: April and May 2026 with Easter, the King's day, Ascension Day and
Whitsun.  Teams work in office hours, providers declare once a month, GPs send little, machines also send at night, some
school does nothing in its holidays; keys are renewed and months end, so refusals come by handfuls; an edge that was away
for a day sends in the morning what had waited.
"""

from __future__ import annotations

import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from hub.watch_outcomes import NOT_TOLD, Outcome
from hub.watch_rules import Hour, Unusual, What, Window, added, judge, name_of, still_shown, window
from schemas import entry
from schemas.calendar import is_working_day, parse_date
from schemas.codes import Code

FIRST = parse_date("2026-03-20")
JUDGED = parse_date("2026-05-01")
END = parse_date("2026-05-31")
FREE = frozenset(parse_date(f"2026-{day}") for day in ("04-03", "04-06", "04-27", "05-05", "05-14", "05-15", "05-25"))
SCHOOL_HOLIDAY = range(parse_date("2026-04-25"), parse_date("2026-05-04"))
OFFICE = {8: 0.6, 9: 1.3, 10: 1.5, 11: 1.3, 12: 0.5, 13: 0.9, 14: 1.3, 15: 1.3, 16: 0.9, 17: 0.4}
LATE = {hour: share / 12 for hour, share in OFFICE.items()} | {19: 0.05, 20: 0.05, 21: 0.03, 22: 0.01}
ALL_DAY = dict.fromkeys(range(24), 0.4)

Line = tuple[int, str, Code]
_AWAY = 0.005  # of the days of an edge


@dataclass(frozen=True, slots=True)
class Kind:
    """How partners of a kind behave: messages on a working day, on a free one as a share of that, refusals in 1000."""

    name: str
    many: int
    sent: tuple[int, int]
    free: float
    refused: int
    hours: Mapping[int, float]
    declares: tuple[int, int] | None = None
    nightly: bool = False
    school: bool = False


KINDS = (
    Kind("team", 6, (40, 250), 0.02, 6, OFFICE),
    Kind("youth", 4, (20, 90), 0.10, 8, OFFICE | LATE),
    Kind("provider", 14, (4, 40), 0.15, 12, OFFICE | {20: 0.1, 21: 0.1}, (80, 1_500)),
    Kind("gp", 12, (0, 9), 0.0, 5, OFFICE),
    Kind("school", 4, (1, 15), 0.0, 10, OFFICE, school=True),
    Kind("machine", 2, (60, 400), 0.30, 4, ALL_DAY, nightly=True),
    Kind("house", 2, (1, 12), 0.3, 10, OFFICE | LATE),
)


@dataclass(slots=True)
class Partner:
    """One partner: what is its own and stays so."""

    number: int
    kind: Kind
    level: float
    renews: int  # the day of the month on which it renews its keys
    declares_on: int  # which working day of the month, and at which hour
    declares_at: int
    batch: int
    waits: int = 0  # in its outbox, because its edge is away
    counts: dict[Hour, dict[tuple[str, Code], int]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True, slots=True)
class Planted:
    """Something that was put into the recorded time."""

    what: What
    partner: int
    day: int
    hour: int
    count: int
    refused: int = 0
    slight: bool = False  # below what the rules look for, said before anybody looked

    def is_told_by(self, found: Iterable[Unusual]) -> bool:
        """Whether a person would be told of this."""
        return any((one.what, one.partner) == (self.what, self.partner) and self._covers(one) for one in found)

    def is_behind(self, one: Unusual) -> bool:
        """Whether a fact of any kind comes from this."""
        return self.partner == one.partner and self._covers(one)

    def _covers(self, one: Unusual) -> bool:
        if one.what is What.NIGHT:
            return one.day == (self.day if self.hour >= 22 else self.day - 1)
        return (one.day, one.hour) == (self.day, self.hour)


def poisson(dice: random.Random, mean: float) -> int:
    """How often something of this mean happened."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def partners(dice: random.Random) -> list[Partner]:
    """The partners of this municipality."""
    made = []
    for kind in KINDS:
        for _ in range(kind.many):
            made.append(
                Partner(
                    len(made) + 1,
                    kind,
                    dice.uniform(*kind.sent),
                    dice.randint(1, 28),
                    dice.randint(1, 5),
                    dice.randint(8, 16),
                    dice.randint(*kind.declares) if kind.declares else 0,
                )
            )
    return made


def record(seed: int, planted: Iterable[Planted] = ()) -> list[Outcome]:
    """Every outcome of the recorded time in the order in which the hub wrote it."""
    dice = random.Random(seed)  # noqa: S311  # must be the same in every run
    everybody = partners(dice)
    extra: dict[tuple[int, int, int], list[Planted]] = defaultdict(list)
    for one in planted:
        extra[one.partner, one.day, one.hour].append(one)
    made: list[Outcome] = []
    for day in range(FIRST, END):
        mood = {one.number: dice.lognormvariate(0, 0.25) for one in everybody}
        away = {one.number for one in everybody if dice.random() < _AWAY}
        for hour in range(24):
            lines: list[Line] = []
            for one in everybody:
                lines += _hour(dice, one, day, hour, mood[one.number], away=one.number in away)
                for more in extra.get((one.number, day, hour), ()):
                    lines += _planted(more)
            dice.shuffle(lines)
            for partner, kind, code in lines:
                place = (1 << 40) + len(made)
                made.append(Outcome(place, NOT_TOLD, NOT_TOLD, partner, 0, kind, day, hour, ((code, 1),)))
    return made


def _hour(dice: random.Random, one: Partner, day: int, hour: int, mood: float, *, away: bool) -> list[Line]:
    kind = one.kind
    works = is_working_day(day) and day not in FREE and not (kind.school and day in SCHOOL_HOLIDAY)
    level = one.level * mood * (1.0 if works else kind.free)
    sent = poisson(dice, level * kind.hours.get(hour, 0.0) / 10)
    if works and _declares(one, day, hour):
        sent += poisson(dice, one.batch * dice.lognormvariate(0, 0.15))
    if away:
        one.waits += sent
        return []
    if hour == 8:
        sent, one.waits = sent + one.waits, 0
    refusals = sum(dice.random() < kind.refused / 1_000 for _ in range(sent))
    lines = [(one.number, entry.ACCEPT, Code.ACCEPTED)] * (sent - refusals)
    lines += [(one.number, entry.ACCEPT, dice.choice(_USUAL)) for _ in range(refusals)]
    if works and _of_month(day) == one.renews and hour == 9:
        # Whoever had not read the new manifest yet: sealed again by itself, but refused before.
        lines += [(one.number, entry.ACCEPT, Code.OLD_RECIPIENT_KEY)] * poisson(dice, one.level / 40)
    if works and _of_month(day) == 1 and hour == 8:
        lines += [(one.number, entry.ACCEPT, Code.MONTH_OVER)] * poisson(dice, one.level / 50)
    # What arrives is picked up when it comes: in office hours by most, at any hour by machines.
    awake = 1.0 if works else kind.free
    picked = poisson(dice, one.level * awake * kind.hours.get(hour, 0.0) / 12)
    if kind.nightly and hour in (2, 3):
        picked += poisson(dice, one.level / 6)
    lines += [(one.number, entry.HAND_OVER, Code.ACCEPTED)] * picked
    lines += [(one.number, entry.RECEIPT, Code.STORED)] * picked
    return lines


_USUAL = (Code.NOT_ACTIVE, Code.NOT_ACTIVE, Code.NOT_ACTIVE, Code.REPLAYED, Code.OLD_RECIPIENT_KEY, Code.WRONG_PARTS)


def _of_month(day: int) -> int:
    starts = [parse_date(f"2026-{month:02d}-01") for month in (3, 4, 5)]
    return day - max(start for start in starts if start <= day) + 1


def _declares(one: Partner, day: int, hour: int) -> bool:
    if not one.kind.declares or hour != one.declares_at:
        return False
    first = day - _of_month(day) + 1
    working = [other for other in range(first, day + 1) if is_working_day(other) and other not in FREE]
    return len(working) == one.declares_on


def _planted(one: Planted) -> list[Line]:
    if one.what is What.NIGHT:
        return [(one.partner, entry.HAND_OVER, Code.ACCEPTED)] * one.count
    refused = [(one.partner, entry.ACCEPT, Code.BAD_SIGNATURE)] * one.refused
    return refused + [(one.partner, entry.ACCEPT, Code.ACCEPTED)] * (one.count - one.refused)


def plant(seed: int) -> list[Planted]:
    """Fifteen things that a person should be told of and five slight ones, at partners and times from the seed."""
    dice = random.Random(f"planted {seed}")  # noqa: S311  # must be the same in every run
    everybody = partners(random.Random(seed))  # noqa: S311  # must be the same in every run
    kinds = {kind.name: [one for one in everybody if one.kind is kind] for kind in KINDS}
    days = [day for day in range(JUDGED + 4, END) if is_working_day(day) and day not in FREE]
    made = []

    def put(what: What, kind: str, hour: int, count: float, refused: float = 0, *, slight: bool = False) -> None:
        who = dice.choice(kinds[kind])
        day = dice.choice(days)
        level = max(who.level, 4.0)
        made.append(Planted(what, who.number, day, hour, round(count * level), round(refused * level), slight=slight))

    for kind in ("team", "team", "youth", "provider"):
        put(What.REFUSALS, kind, dice.randint(9, 16), 0.7, 0.6)
    put(What.REFUSALS, "gp", 10, 5, 4)
    for kind in ("team", "team", "youth"):
        put(What.VOLUME, kind, dice.randint(9, 16), 2.5)
    put(What.VOLUME, "gp", 12, 20)
    put(What.VOLUME, "school", 15, 20)
    for kind in ("team", "team", "youth", "provider"):
        put(What.NIGHT, kind, dice.choice((1, 2, 3, 4, 23)), 1.0)
    put(What.NIGHT, "gp", 3, 6)
    put(What.REFUSALS, "gp", 11, 1, 0.6, slight=True)
    put(What.REFUSALS, "team", 11, 0.03, 0.03, slight=True)
    put(What.VOLUME, "team", 10, 0.15, slight=True)
    put(What.VOLUME, "gp", 14, 2, slight=True)
    put(What.NIGHT, "gp", 2, 0.8, slight=True)
    return made


@cache
def month(seed: int) -> tuple[list[Outcome], list[Unusual]]:
    """A recorded time with what was planted in it, and what a person was told."""
    outcomes = record(seed, plant(seed))
    return outcomes, list(told(outcomes))


def windows_of(outcomes: Iterable[Outcome]) -> dict[int, list[Window]]:
    """The windows of each partner, in the order of time."""
    counts: dict[Hour, dict[tuple[str, Code], int]] = defaultdict(dict)
    for one in outcomes:
        counts[name_of(one)] = added(counts[name_of(one)], one)
    made: dict[int, list[Window]] = defaultdict(list)
    for name in sorted(counts):
        made[name.partner].append(window(name, counts[name]))
    return made


def told(outcomes: Iterable[Outcome]) -> Iterator[Unusual]:
    """What a person was told in the judged days, day by day as the screen would show it."""
    for windows in windows_of(outcomes).values():
        found = [fact for one in windows if one.name.day >= JUDGED for fact in judge(one, windows)]
        # A night is told once, however many of its hours tell it.
        yield from still_shown(found, JUDGED)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one recorded time."""

    planted: int
    found: int
    slight_found: int
    false_alarms: dict[What, int]
    partners: int
    outcomes: int
    missed: tuple[Planted, ...]


@cache
def measure(seed: int) -> Measured:
    """The rules on a recorded time with what was planted in it."""
    planted = plant(seed)
    outcomes, found = month(seed)
    wrong = [one for one in found if not any(it.is_behind(one) for it in planted)]
    clear = [one for one in planted if not one.slight]
    return Measured(
        len(clear),
        sum(one.is_told_by(found) for one in clear),
        sum(one.is_told_by(found) for one in planted if one.slight),
        {what: sum(one.what is what for one in wrong) for what in What},
        sum(kind.many for kind in KINDS),
        len(outcomes),
        tuple(one for one in clear if not one.is_told_by(found)),
    )


def main() -> None:
    """Prints what the page of the watch says."""
    for seed in range(1, SEEDS + 1):
        sys.stdout.write(row(seed) + "\n")


def row(seed: int) -> str:
    """A line of the table on the page."""
    one = measure(seed)
    alarms = " | ".join(str(one.false_alarms[what]) for what in What)
    return f"| {seed} | {one.outcomes} | {one.found} of {one.planted} | {one.slight_found} of 5 | {alarms} |"


SEEDS = 12

if __name__ == "__main__":
    main()
