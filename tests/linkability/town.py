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
* Of a hundred clients four a month are new: their agreement makes all grants at once, and is told at once.  As many leave: of
  half of them nothing more is heard and their grants go on to their day, for the others a person ends all in one minute.
* A consent lasts twelve months, and is then given anew within the last fortnight, for all partners in one conversation.  An
  allocation to a provider ends on a day of its own within two years, three in five at the end of a month, and is renewed.
* One event in a hundred is made urgent by a person; two in a hundred are called back within ten days, one in four of
  these by a person at once, the others by the own system.
"""

from __future__ import annotations

import random as randomness
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from consent.grant import longest_end, with_a_month
from schemas.calendar import day_of, first_day, is_working_day, last_day, month_of, parse_date, start_of_day
from schemas.event import Ending, Kind

FIRST_MONTH: Final = month_of(parse_date("2026-03-01"))
INHABITANTS: Final = 150_000
NEW_A_MONTH: Final = 0.04
IN_A_BATCH: Final = 1 / 8
RATE: Final = 0.3  # events a month
RATE_OF_MANY: Final = 2.0
BY_HOUR: Final = {8: 6, 9: 13, 10: 15, 11: 12, 12: 6, 13: 9, 14: 13, 15: 12, 16: 8, 17: 4, 19: 1, 21: 1}
AT_A_WEEKEND: Final = 0.03
ENDED_BY_A_PERSON: Final = 0.5  # of those who leave
URGENT: Final = 0.01
CALLED_BACK: Final = 0.02
BY_A_PERSON: Final = 0.25  # of what is called back
CONSENT_MONTHS: Final = 12
ALLOCATION_DAYS: Final = 730
AT_THE_END_OF_A_MONTH: Final = 0.6  # of allocations
RENEWED_WITHIN: Final = 14  # days before the end
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

    @property
    def by_consent(self) -> bool:
        """Whether it is told on consent, and not under an allocation of its own."""
        return "service" not in self.categories


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
    """One grant of a sender about a client, made at a time (unix milliseconds); 0: before everything.  `last_day`: of its
    terms.  `stopped_at`: when a person ended everything about this client; 0: nobody did."""

    number: int
    client: int
    recipient: str
    categories: tuple[str, ...]
    made_at: int
    last_day: int
    stopped_at: int = 0


@dataclass(frozen=True, slots=True)
class Happened:
    """Something about a client: when it was put in the outbox, and what it says; a `recall` takes back an earlier one."""

    at: int
    client: int
    kind: Kind
    ending: Ending | None
    reference: str
    urgent: bool = False
    recall: bool = False


@dataclass(slots=True)
class Case:
    """Everything of one sender in these months; events in the order of time, grants of a client too.  `many`: the clients
    with many problems."""

    team: Team
    months: range
    grants: dict[int, list[Grant]] = field(default_factory=dict)  # by client
    events: list[Happened] = field(default_factory=list)
    many: set[int] = field(default_factory=set)


def case_of(team: Team, months: int, seed: int, *, whole_months: bool = True) -> Case:
    """What happens at one sender.  `whole_months`: a consent ends with a month, as Schakel proposes it."""
    draw = randomness.Random(f"{seed} {team.name}")  # noqa: S311  # must be the same in every run
    case = Case(team, range(FIRST_MONTH, FIRST_MONTH + months))
    days = _days(case.months)
    arriving = round(team.clients * NEW_A_MONTH * months)
    number = 0
    for client in range(team.clients + arriving):
        many = draw.random() < team.with_many / max(team.clients, 1)
        if many:
            case.many.add(client)
        made_at = _time(draw, days) if client >= team.clients else 0
        recipients = _recipients(draw, team, many=many)
        leaves = days[0] + int(draw.expovariate(NEW_A_MONTH) * 30.4)
        left_at = _time(draw, [leaves]) if leaves <= days[-1] else 0
        grants = _grants(draw, client, recipients, made_at, days, left_at or None, whole_months=whole_months)
        if left_at > made_at and draw.random() < ENDED_BY_A_PERSON:
            grants = [replace(grant, stopped_at=left_at) for grant in grants]
        case.grants[client] = [replace(grant, number=number + at) for at, grant in enumerate(grants)]
        number += len(grants)
        events = _events(draw, client, made_at, days, RATE_OF_MANY if many else RATE)
        case.events += [event for event in events if not left_at or event.at <= left_at]
    case.events.sort(key=lambda event: event.at)
    return case


def _grants(
    draw: randomness.Random,
    client: int,
    recipients: dict[str, Told],
    made_at: int,
    days: list[int],
    until: int | None,
    *,
    whole_months: bool,
) -> list[Grant]:
    """All grants about a client, renewed as long as it is one: what is agreed together ends and is renewed together."""
    found: list[Grant] = []
    agreed = [name for name, told in recipients.items() if told.by_consent]
    for together in ([agreed] if agreed else []) + [[name] for name in recipients if name not in agreed]:
        by_consent = recipients[together[0]].by_consent
        made = made_at
        begin = day_of(made_at) if made_at else days[0] - 1 - draw.randrange(365)
        end = _agreed(begin, days[0], whole_months=whole_months) if by_consent else _allocated(draw, begin, days[0])
        while True:
            found += [Grant(0, client, name, recipients[name].categories, made, end) for name in together]
            if end > days[-1] or (until is not None and start_of_day(end) > until):
                break
            fortnight = [day for day in range(end - RENEWED_WITHIN + 1, end + 1) if day >= max(begin, days[0])]
            made = _time(draw, [day for day in fortnight if is_working_day(day)] or fortnight or [end])
            begin = day_of(made)
            end = _agreed(begin, end, whole_months=whole_months) if by_consent else _allocated(draw, begin, end + 1)
    return found


def _agreed(begin: int, first: int, *, whole_months: bool) -> int:
    """When a consent ends; one that ended before the first day was given anew within its last fortnight."""
    end = longest_end(begin, CONSENT_MONTHS)
    end = with_a_month(begin, end) if whole_months else end
    return end if end >= first else _agreed(end - begin % RENEWED_WITHIN, first, whole_months=whole_months)


def _allocated(draw: randomness.Random, begin: int, first: int) -> int:
    end = max(begin, first) + draw.randrange(ALLOCATION_DAYS)
    return last_day(month_of(end)) if draw.random() < AT_THE_END_OF_A_MONTH else end


def _recipients(draw: randomness.Random, team: Team, *, many: bool) -> dict[str, Told]:
    found: dict[str, Told] = {}
    for told in team.tells:
        if draw.random() < (told.of_many if many else told.share):
            names, weights = PICKS[told.kind]
            found.setdefault(names[bisect_left(weights, draw.random() * weights[-1])], told)
    return found


def _events(draw: randomness.Random, client: int, made_at: int, days: list[int], mean: float) -> list[Happened]:
    shape = 2.0 if mean > 1 else 0.8
    rate = draw.gammavariate(shape, mean / shape) * len(days) / 30
    times = [_time(draw, days) for _ in range(_poisson(draw, rate))]
    if made_at:
        times = [made_at, *(at for at in times if at > made_at)]
    reference = str(draw.randrange(10 ** draw.choice((4, 6, 9))))
    found: list[Happened] = []
    for at in times:
        kind, ending = _kind(draw)
        found.append(Happened(at, client, kind, ending, reference, urgent=draw.random() < URGENT))
        if draw.random() < CALLED_BACK:
            later = [day for day in days if day_of(at) < day <= day_of(at) + 10]
            if later:
                by_person = draw.random() < BY_A_PERSON
                found.append(replace(found[-1], at=_time(draw, later), urgent=by_person, recall=True))
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
        working = [day for day in days if is_working_day(day)]
        weekend = [day for day in days if not is_working_day(day)]
        _WORKING[key] = working or weekend, weekend or working
    on_working_days, at_weekends = _WORKING[key]
    day = draw.choice(at_weekends if draw.random() < AT_A_WEEKEND else on_working_days)
    if draw.random() < IN_A_BATCH:
        return start_of_day(day) + 120 * _MINUTE
    hour = draw.choices(list(BY_HOUR), list(BY_HOUR.values()))[0]
    return start_of_day(day) + hour * 60 * _MINUTE + draw.randrange(60 * 60_000)
