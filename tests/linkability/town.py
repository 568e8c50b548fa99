# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A town of 150,000 inhabitants that does not exist: who is helped, by whom, who is told, and when something happens.

The proportions are assumptions of ours, of the size that Dutch figures have, and are all written down here.  Every month
has as many events as any other; every draw comes from the seed.

* Who is helped: 10,000 people by team Wmo, 4,000 children by team Jeugd, 3,300 people by team PW (income support), and the
  clients of forty Wmo providers, which divide the 10,000 among themselves very unevenly (the largest has 2,000).
* Who is told: by team Wmo always the provider, and by consent the GP of one client in seven; and so on, `TEAMS`.  There
  are 60 GP practices, 40 Wmo and 30 youth providers, one of each team, a Veiligheidshuis, UWV, two school partnerships.
* One household in seventy has many problems at once: 600 of the clients of each of the teams Wmo and PW and 400 of team
  Jeugd; of these many more partners are told, and more happens.
* What happens: on average 0.3 events a month for a client, 2 for one with many problems, some far more than others; each
  is told to all.  One event in eight is read from a batch file at two in the night, the others during the day with a
  peak in the morning and one in the afternoon, few in the evening and at weekends.
* Of a hundred clients four a month are new: their agreement makes all grants at once, and is told at once.  As many end
  with a month.
"""

from __future__ import annotations

import random as randomness
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from schemas.calendar import first_day, is_working_day, month_of, parse_date, start_of_day
from schemas.event import Ending, Kind

FIRST_MONTH: Final = month_of(parse_date("2026-03-01"))
INHABITANTS: Final = 150_000
NEW_A_MONTH: Final = 0.04
IN_A_BATCH: Final = 1 / 8
RATE: Final = 0.3  # events a month
RATE_OF_MANY: Final = 2.0
BY_HOUR: Final = {8: 6, 9: 13, 10: 15, 11: 12, 12: 6, 13: 9, 14: 13, 15: 12, 16: 8, 17: 4, 19: 1, 21: 1}
AT_A_WEEKEND: Final = 0.03
# Kinds in the proportion in which they are told, with an ending for half of those that ended.
KINDS: Final = (
    (Kind.GEWIJZIGD, None, 30),
    (Kind.GESTART, None, 16),
    (Kind.TOEGEWEZEN, None, 14),
    (Kind.IN_ONDERZOEK, None, 12),
    (Kind.BEEINDIGD, Ending.VOLGENS_PLAN, 7),
    (Kind.BEEINDIGD, Ending.VOORTIJDIG, 4),
    (Kind.BEEINDIGD, Ending.VERHUISD, 1),
    (Kind.AANGEMELD, None, 6),
    (Kind.ONDERBROKEN, None, 4),
    (Kind.HERVAT, None, 3),
    (Kind.AFGEWEZEN, None, 3),
)
BOTH: Final = ("progress", "service")
_MINUTE: Final = 60_000


def _zipf(name: str, count: int, offset: float) -> dict[str, float]:
    return {f"{name}-{number}": 1 / (number + offset) for number in range(count)}


KINDS_OF_PARTNER: Final[dict[str, dict[str, float]]] = {
    "gp": {f"gp-{number}": 1.0 for number in range(60)},
    "provider-wmo": _zipf("provider-wmo", 40, 1.0),
    "provider-jeugd": _zipf("provider-jeugd", 30, 1.0),
    "school": {"school-0": 2.0, "school-1": 1.0},
    **{name: {name: 1.0} for name in ("team-wmo", "team-jeugd", "team-pw", "veiligheidshuis", "uwv")},
}
PICKS: Final = {
    kind: (list(partners), list(accumulate(partners.values()))) for kind, partners in KINDS_OF_PARTNER.items()
}


@dataclass(frozen=True, slots=True)
class Told:
    """One kind of partner that is told, of which share of the clients, and of which of those with many problems."""

    kind: str
    share: float
    of_many: float
    categories: tuple[str, ...] = ("progress",)


@dataclass(frozen=True, slots=True)
class Team:
    """A sender with its clients and whom it tells."""

    name: str
    clients: int
    with_many: int
    tells: tuple[Told, ...]


TEAMS: Final = (
    Team(
        "team-wmo",
        10_000,
        600,
        (
            Told("provider-wmo", 1, 1, BOTH),
            Told("provider-wmo", 0.1, 0.3, BOTH),
            Told("gp", 1 / 7, 0.6),
            Told("team-pw", 0.05, 0.7),
            Told("team-jeugd", 0.02, 0.5),
            Told("veiligheidshuis", 0, 0.08),
        ),
    ),
    Team(
        "team-jeugd",
        4_000,
        400,
        (
            Told("provider-jeugd", 1, 1, BOTH),
            Told("provider-jeugd", 0.15, 0.3, BOTH),
            Told("gp", 0.25, 0.6),
            Told("school", 0.15, 0.5),
            Told("team-wmo", 0.03, 0.6),
            Told("veiligheidshuis", 0, 0.1),
        ),
    ),
    Team(
        "team-pw",
        3_300,
        600,
        (
            Told("uwv", 0.5, 0.7),
            Told("team-wmo", 0.1, 0.7),
            Told("team-jeugd", 0.05, 0.5),
            Told("gp", 0.02, 0.2),
            Told("veiligheidshuis", 0, 0.08),
        ),
    ),
)


def providers() -> tuple[Team, ...]:
    """The forty Wmo providers as senders: the team always, the GP of one client in ten."""
    weights = KINDS_OF_PARTNER["provider-wmo"]
    unit = 10_000 / sum(weights.values())
    tells = (Told("team-wmo", 1, 1, BOTH), Told("gp", 0.1, 0.5))
    return tuple(Team(name, round(unit * one), round(unit * one * 0.06), tells) for name, one in weights.items())


@dataclass(slots=True)
class Grant:
    """One grant of a sender about a client, made at a time (unix milliseconds); 0: before everything."""

    number: int
    client: int
    recipient: str
    categories: tuple[str, ...]
    made_at: int
    last_month: int


@dataclass(slots=True)
class Happened:
    """An event about a client: when it was put in the outbox, and what it says."""

    at: int
    client: int
    kind: Kind
    ending: Ending | None
    reference: str


@dataclass(slots=True)
class Case:
    """Everything of one sender in these months; events and grants in the order of time."""

    team: Team
    months: range
    grants: dict[int, list[Grant]] = field(default_factory=dict)  # by client
    events: list[Happened] = field(default_factory=list)


def case_of(team: Team, months: int, seed: int) -> Case:
    """What happens at one sender."""
    draw = randomness.Random(f"{seed} {team.name}")  # noqa: S311  # must be the same in every run
    case = Case(team, range(FIRST_MONTH, FIRST_MONTH + months))
    days = _days(case.months)
    number = 0
    arriving = round(team.clients * NEW_A_MONTH * months)
    for client in range(team.clients + arriving):
        many = draw.random() < team.with_many / max(team.clients, 1)
        made_at = _time(draw, days) if client >= team.clients else 0
        recipients = _recipients(draw, team, many=many)
        last_month = case.months[0] + int(draw.expovariate(NEW_A_MONTH))
        case.grants[client] = [
            Grant(number + at, client, recipient, categories, made_at, last_month)
            for at, (recipient, categories) in enumerate(recipients.items())
        ]
        number += len(recipients)
        case.events += _events(draw, client, made_at, days, RATE_OF_MANY if many else RATE)
    case.events.sort(key=lambda event: event.at)
    return case


def _recipients(draw: randomness.Random, team: Team, *, many: bool) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for told in team.tells:
        if draw.random() < (told.of_many if many else told.share):
            names, weights = PICKS[told.kind]
            found.setdefault(names[bisect_left(weights, draw.random() * weights[-1])], told.categories)
    return found


def _events(draw: randomness.Random, client: int, made_at: int, days: list[int], mean: float) -> list[Happened]:
    shape = 2.0 if mean > 1 else 0.8
    rate = draw.gammavariate(shape, mean / shape) * len(days) / 30
    times = [_time(draw, days) for _ in range(_poisson(draw, rate))]
    if made_at:
        times = [made_at, *(at for at in times if at > made_at)]
    reference = str(draw.randrange(10 ** draw.choice((4, 6, 9))))
    found = []
    for at in times:
        kind, ending = _kind(draw)
        found.append(Happened(at, client, kind, ending, reference))
    return found


def _kind(draw: randomness.Random) -> tuple[Kind, Ending | None]:
    kind, ending, _ = draw.choices(KINDS, [share for _, _, share in KINDS])[0]
    return kind, ending


def _poisson(draw: randomness.Random, mean: float) -> int:
    count, left = 0, draw.expovariate(1)
    while left < mean:
        count, left = count + 1, left + draw.expovariate(1)
    return count


def _days(months: range) -> list[int]:
    return list(range(first_day(months[0]), first_day(months[-1] + 1)))


_WORKING: Final[dict[tuple[int, int], tuple[list[int], list[int]]]] = {}


def _time(draw: randomness.Random, days: list[int]) -> int:
    key = (days[0], days[-1])
    if key not in _WORKING:
        _WORKING[key] = [day for day in days if is_working_day(day)], [day for day in days if not is_working_day(day)]
    working, weekend = _WORKING[key]
    day = draw.choice(weekend if draw.random() < AT_A_WEEKEND else working)
    if draw.random() < IN_A_BATCH:
        return start_of_day(day) + 120 * _MINUTE
    hour = draw.choices(list(BY_HOUR), list(BY_HOUR.values()))[0]
    return start_of_day(day) + hour * 60 * _MINUTE + draw.randrange(60 * 60_000)
