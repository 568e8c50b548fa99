# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The figures as a page for people: build/linkability.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tests.linkability.figures import CLASSES, Figures, Score
from tests.linkability.seen import Defences
from tests.linkability.town import INHABITANTS, TEAMS, Team, providers

ALL: Final = Defences()
SETS: Final[Mapping[str, Defences]] = {
    "none of them": Defences(0, padding=False, shuffle=False, own_trace=False),
    "all": ALL,
    "all, without spread": Defences(0),
    "all, without padding": Defences(padding=False),
    "all, without shuffle": Defences(shuffle=False),
    "all, without own trace": Defences(own_trace=False),
    "all, consents to the day": Defences(whole_months=False),
    "all, spread over 1 day": Defences(1),
    "all, spread over 3 days": Defences(3),
    "all, spread over 5 days": Defences(5),
}
SENDERS: Final[Mapping[str, tuple[Team, ...]]] = {
    **{team.name: (team,) for team in TEAMS},
    "40 Wmo providers": providers(),
}
FEWER: Final = tuple(name for name in SENDERS if name != "team-wmo")
_BY_DAYS: Final = ("all, without spread", "all, spread over 1 day", "all", "all, spread over 5 days")


def page(found: Mapping[str, Mapping[str, Figures]], months: int) -> str:
    """`found`: per set of defences and per sender."""
    lines = [
        "# What an attacker at the hub finds",
        "",
        f"A town of {INHABITANTS:,} inhabitants that does not exist, {months} months; tests/linkability says how. The attacker",
        "has all that the hub sees, and knows how Schakel works, its settings and the proportions of the town. Each figure is",
        "of 100. *finds*: it names them, being more sure than not; *right*: of 100 that it names; *guesses*: when it must.",
        "",
        f"## Each defence on and off: {', '.join(FEWER)} together",
        "",
    ]
    heads = (
        "defences",
        "pairs of handles of one citizen in one month: finds (right; guesses)",
        "handles followed over the turn of the month",
        "pairs of one agreement, by the minute of registration",
        "the same, with all that follows",
        "kinds of event, by size",
    )
    lines += _table(heads, [_row(name, _together(one, FEWER)) for name, one in found.items()])
    lines += ["## Each sender, all defences on", ""]
    rows = [*found["all"].items(), ("all together", _together(found["all"], SENDERS))]
    lines += _table(("sender", *heads[1:]), [_row(name, one) for name, one in rows])
    lines += [
        "## By who the citizen is, all defences on, all senders together: each pair in the first line that holds",
        "",
    ]
    lines += _table(("citizens", "pairs", "finds (guesses)"), _classes(_together(found["all"], SENDERS)))
    lines += ["## By how much happens: pairs found, by the events that both have in the month", ""]
    lines += _table(("defences", "1", "2", "3", "4", "5 or more"), [_counts(name, found[name]) for name in _BY_DAYS])
    return "\n".join(lines)


def _together(by_sender: Mapping[str, Figures], senders: Iterable[str]) -> Figures:
    total = Figures()
    for name in senders:
        total += by_sender[name]
    return total


def _classes(one: Figures) -> list[tuple[str, ...]]:
    """What it finds of each; what it names and is not so belongs to none of them."""
    return [
        (name, f"{score.there:.0f}", f"{score.of_100:.0f} (guesses {score.guessed_of_100:.0f})")
        for name, score in ((name, one.by_class[name]) for name in CLASSES)
    ]


def _row(name: str, one: Figures) -> tuple[str, ...]:
    return (
        name,
        _cell(one.pairs),
        _cell(one.turn),
        _cell(one.agreements),
        _cell(one.agreements_later),
        f"{one.kinds.of_100:.0f}",
    )


def _cell(score: Score) -> str:
    right = f"{score.right:.0f} right" if score.named else "none named"
    return f"{score.of_100:.0f} ({right}; guesses {score.guessed_of_100:.0f})"


def _counts(name: str, by_sender: Mapping[str, Figures]) -> tuple[str, ...]:
    one = _together(by_sender, FEWER)
    return (name, *(f"{one.by_count[count].of_100:.0f}" for count in range(1, 6)))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]
