# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Whose word a disclosure needs: by law, age, capability and who has authority. Pure; every answer names its article.

Guarantees:
- a word counts only when it is about *telling others*, and was said or written: consent to help is not consent to
  disclosure, and consent that is merely assumed is none (Jeugdwet 7.3.16(2) speaks of help, and of acts that are not far-reaching);
- from twelve on the child's own word is always needed while the child can decide; the law's table (`Row.consent_by`) is never
  asked for less, and a cell of it that was not read makes the answer unread;
- who is not there can't be replaced: where authority is unknown, or its holders were set aside, nobody's word will do;
- an answer depends on the Dutch calendar day alone.

Marks as in `consent.rules`. ``D`` adds to what a law asks and never takes away.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from consent.rules import Row
from schemas import calendar

CLIENT: Final = "client"
PARENT: Final = "parent"
SECOND_PARENT: Final = "second-parent"
GUARDIAN: Final = "guardian"
CURATOR: Final = "curator"
MENTOR: Final = "mentor"
AUTHORISED: Final = "authorised"
PARTNER: Final = "partner"
FAMILY: Final = "family"

FOR_A_MINOR: Final = (PARENT, SECOND_PARENT, GUARDIAN)
FOR_AN_ADULT: Final = (CURATOR, MENTOR, AUTHORISED, PARTNER, FAMILY)  # the first of these who is there
REPRESENTATIVES: Final = (*FOR_A_MINOR, *FOR_AN_ADULT)
CAPACITIES: Final = (CLIENT, *REPRESENTATIVES)

DISCLOSURE: Final = "disclosure"
IN_WRITING: Final = "in-writing"
EXPRESS: Final = ("in-person", IN_WRITING, "by-telephone")
_WRITTEN: Final = frozenset({"participatiewet-65-2-b", "suwi-74-2-b"})  # "schriftelijk heeft verklaard"
THRESHOLDS: Final = (12, 16, 18)

_LONGEST_LIFE: Final = 130  # years
_UNDER_12, _YOUNG, _OLDER, _ADULT = "under-12", "12-15", "16-17", "adult"


class Regime(StrEnum):
    """Whose rules about consent apply; the law of a row says which."""

    JEUGDWET = "jeugdwet"
    WGBO = "wgbo"
    WMO = "wmo"
    AVG = "avg"


class Article(NamedTuple):
    """Where it stands. The mark says whether that text was read."""

    text: str
    article: str
    mark: str


_REGIMES: Final = MappingProxyType({"jeugdwet": Regime.JEUGDWET, "zvw": Regime.WGBO, "wmo": Regime.WMO})
_UNREAD_AVG: Final = Article("uavg", "5", "M")
# A written declaration of no objection: of whom the data are about.
_DECLARED: Final[Mapping[str, Article]] = MappingProxyType(
    {
        "participatiewet": Article("participatiewet", "65-2-b", "L15"),
        "suwi": Article("suwi", "74-2-b", "L15"),
    }
)
# What is asked of whom: the citizen; for one under twelve; for one of twelve or more who can't decide; setting aside.
_OWN: Final[Mapping[Regime, Article]] = MappingProxyType(
    {
        Regime.JEUGDWET: Article("jeugdwet", "7.3.11-1", "L26"),
        Regime.WGBO: Article("bw7", "457-1", "L15"),
        Regime.WMO: Article("wmo-2015", "5.3.3-1", "L15"),
        Regime.AVG: _UNREAD_AVG,
    }
)
_FOR_A_CHILD: Final[Mapping[Regime, Article]] = MappingProxyType(
    {
        Regime.JEUGDWET: Article("jeugdwet", "7.3.15-1", "L26"),
        Regime.WGBO: Article("bw7", "465-1", "L15"),
        Regime.WMO: Article("wmo-2015", "5.3.3-2-a", "L15"),
        Regime.AVG: _UNREAD_AVG,
    }
)
_FOR_AN_INCAPABLE_MINOR: Final[Mapping[Regime, Article]] = MappingProxyType(
    {
        Regime.JEUGDWET: Article("jeugdwet", "7.3.15-2", "L26"),
        Regime.WGBO: Article("bw7", "465-2", "L15"),
        Regime.WMO: Article("wmo-2015", "5.3.3-2-b", "L15"),
        Regime.AVG: _UNREAD_AVG,
    }
)
_SET_ASIDE: Final[Mapping[Regime, Article]] = MappingProxyType(
    {
        Regime.JEUGDWET: Article("jeugdwet", "7.3.15-4", "L26"),
        Regime.WGBO: Article("bw7", "465-4", "L15"),
        Regime.WMO: Article("wmo-2015", "-", "M"),
        Regime.AVG: Article("avg", "-", "M"),
    }
)
_PARENTS_TOO: Final = Article("schakel", "ouders-erbij", "D")  # our own default: it asks for more than the law


@dataclass(frozen=True, slots=True)
class Aside:
    """A representative who is set aside for good care: by which professional, and where the reasons stand."""

    who: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Situation:
    """How matters stand with a citizen. `born` None: an adult, as a professional has said.

    `authority`: who has parental authority or guardianship, or who stands for an adult who can't decide.
    """

    born: int | None = None
    capable: bool = True
    authority: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A yes: in which capacity, about what, and how."""

    who: str
    act: str = DISCLOSURE
    manner: str = EXPRESS[0]


class Needed(NamedTuple):
    """Somebody whose word is needed, and where that stands."""

    who: str
    source: Article


@dataclass(frozen=True, slots=True)
class Answer:
    """Whose word it takes: of all of `needed`. An objection of any of `blocks` stops it.

    Empty `needed`: nobody's word will do as things stand. `unread`: what no law text was read for; with any, for tests only.
    """

    age: str
    needed: tuple[Needed, ...]
    blocks: tuple[str, ...]
    unread: tuple[str, ...]


def whose(row: Row, situation: Situation, day: int, *, parents_too: bool = True) -> Answer:
    """Whose word a disclosure under this row needs on this day.

    `parents_too`: from twelve to fifteen those with authority as well; where the law itself asks for them they always are.
    """
    regime = regime_of(row.law)
    age = age_of(situation.born, day)
    needed, others = _by_age(regime, age, situation, parents_too=parents_too)
    blocks = tuple(dict.fromkeys([*(one.who for one in needed), *others]))
    return Answer(age, needed, blocks, tuple(dict.fromkeys(_unread(row, regime, age, situation, needed))))


def whose_declaration(row: Row, situation: Situation, day: int, *, parents_too: bool = True) -> Answer:
    """Whose written declaration of no objection a disclosure under this row needs on this day.

    The texts ask it of whom the data are about, and name no age and nobody who may declare for another: that comes from the rules for
    consent of the AVG, which were not read.
    """
    asked = whose(row, situation, day, parents_too=parents_too)
    own = _DECLARED.get(row.law, _UNREAD_AVG)
    needed = tuple(Needed(CLIENT, own) if one.who == CLIENT else one for one in asked.needed)
    # The columns by age are those of consent; what remains unread is what the texts above do not say.
    unread = [f"{one.source.text}.{one.source.article}" for one in needed if one.source.mark == "M"]
    unread += [name for name in asked.unread if name == "set-aside"]
    return Answer(asked.age, needed, asked.blocks, tuple(dict.fromkeys(unread)))


def missing(answer: Answer, words: Iterable[Word]) -> tuple[str, ...]:
    """Those whose word is needed and was not given."""
    said = {word.who for word in words if counts(word)}
    return tuple(one.who for one in answer.needed if one.who not in said)


def suffices(answer: Answer, words: Iterable[Word]) -> bool:
    """Whether these words are all that it takes."""
    return bool(answer.needed) and not missing(answer, words)


def must_be_written(row: Row) -> bool:
    """Whether only a written word lifts the secrecy of this row: what is said at the desk does not, whoever says it."""
    return row.secrecy_ground in _WRITTEN


def counts(word: Word) -> bool:
    """Whether this word can be consent to telling others at all."""
    return word.act == DISCLOSURE and word.manner in EXPRESS


def holds_until(
    row: Row,
    situation: Situation,
    day: int,
    words: Iterable[Word],
    *,
    parents_too: bool = True,
) -> int | None:
    """The last day on which words that are enough today go on being enough; None when no birthday ends that."""
    if situation.born is None:
        return None
    said = tuple(words)
    for years in THRESHOLDS:
        turns = birthday(situation.born, years)
        if turns > day and not suffices(whose(row, situation, turns, parents_too=parents_too), said):
            return turns - 1
    return None


def regime_of(law: str) -> Regime:
    """Whose rules about consent apply under this law."""
    return _REGIMES.get(law, Regime.AVG)


@lru_cache(maxsize=4096)
def birthday(born: int, years: int) -> int:
    """The day on which somebody reaches an age; born on 29 February: 1 March where a year has no such day."""
    year, month, number = (int(part) for part in calendar.date_text(born).split("-"))
    try:
        return calendar.parse_date(f"{year + years:04d}-{month:02d}-{number:02d}")
    except ValueError:
        return calendar.parse_date(f"{year + years:04d}-03-01")


def is_plausible(born: int, day: int) -> bool:
    """Whether somebody alive on this day can have been born on that one."""
    return born <= day <= birthday(born, _LONGEST_LIFE)


def age_of(born: int | None, day: int) -> str:
    """The age as the columns of the rule table have it."""
    if born is None:
        return _ADULT
    reached = sum(day >= birthday(born, years) for years in THRESHOLDS)
    return (_UNDER_12, _YOUNG, _OLDER, _ADULT)[reached]


def _by_age(
    regime: Regime, age: str, situation: Situation, *, parents_too: bool
) -> tuple[tuple[Needed, ...], tuple[str, ...]]:
    """Whose words, and who else can object."""
    own = (Needed(CLIENT, _OWN[regime]),)
    if age == _ADULT:
        return (own, ()) if situation.capable else (_for_an_adult(regime, situation), (CLIENT,))
    holders = [who for who in FOR_A_MINOR if who in _present(situation)]
    if age == _UNDER_12:
        return tuple(Needed(who, _FOR_A_CHILD[regime]) for who in holders), ()
    if not situation.capable:
        return tuple(Needed(who, _FOR_AN_INCAPABLE_MINOR[regime]) for who in holders), (CLIENT,)
    if age == _OLDER:
        return own, ()
    if regime is Regime.AVG:  # the law asks for them, as far as is known
        return ((*own, *(Needed(who, _UNREAD_AVG) for who in holders)) if holders else ()), ()
    if not parents_too or _all_set_aside(situation):
        return own, tuple(holders)
    return ((*own, *(Needed(who, _PARENTS_TOO) for who in holders)) if holders else ()), ()


def _for_an_adult(regime: Regime, situation: Situation) -> tuple[Needed, ...]:
    """The first who is there, in the order of the law; a curator or mentor goes before whoever else there is."""
    who = next((one for one in FOR_AN_ADULT if one in _present(situation)), None)
    if who is None:
        return ()
    appointed = who in (CURATOR, MENTOR)
    articles: Mapping[Regime, Article] = {
        Regime.JEUGDWET: Article("jeugdwet", "7.3.15-2" if appointed else "7.3.15-3", "L26"),
        Regime.WGBO: Article("bw7", "465-2" if appointed else "465-3", "L15"),
        Regime.WMO: Article("wmo-2015", "-", "M"),
        Regime.AVG: _UNREAD_AVG,
    }
    return (Needed(who, articles[regime]),)


def _present(situation: Situation) -> set[str]:
    return set(situation.authority) - {one.who for one in situation.aside}


def _all_set_aside(situation: Situation) -> bool:
    """Whether there were holders of authority and none of them is left."""
    held = [who for who in FOR_A_MINOR if who in situation.authority]
    return bool(held) and not any(who in _present(situation) for who in held)


def _unread(row: Row, regime: Regime, age: str, situation: Situation, needed: Iterable[Needed]) -> Iterator[str]:
    cell = age
    if not situation.capable and age != _UNDER_12:
        cell = "incapable-adult" if age == _ADULT else "incapable-minor"
    if row.consent_by is None:
        yield "consent_by"
    elif row.consent_by.get(cell) is None:
        yield f"consent_by.{cell}"
    for one in needed:
        if one.source.mark == "M":
            yield f"{one.source.text}.{one.source.article}"
    if situation.aside and _SET_ASIDE[regime].mark == "M":
        yield "set-aside"
