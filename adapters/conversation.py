# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The conversation of an agreement: at most six questions, each asked only where its answer is not known. Pure.

Guarantees: the same questions whether somebody types the answers or a file has them; an answer that can't be is refused with a
sentence that says what can, and never repeats it; an answer that nobody asked for is refused too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from adapters.agreement_plan import Conversation
from consent.whose import CAPACITIES, EXPRESS, FOR_A_MINOR, FOR_AN_ADULT, REPRESENTATIVES, Aside, Word, age_of
from schemas.calendar import parse_date

BORN, CAPABLE, AUTHORITY, PARTNERS, YES, UNTIL = "born", "capable", "authority", "with", "yes", "until"
QUESTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        BORN: "Wat is de geboortedatum van de cliënt? (JJJJ-MM-DD, of: volwassen)",
        CAPABLE: "Kan de cliënt zelf overzien wat het betekent dat wij dit vertellen? (ja of nee)",
        AUTHORITY: "Wie heeft het gezag, of wie beslist er voor de cliënt? ({choices}; meer dan één met een puntkomma)",
        PARTNERS: "Wie mogen weten hoe het gaat? (namen uit het adresboek, met een puntkomma ertussen)",
        YES: "Wie zegt ja? ({choices}; een puntkomma ertussen; wie nee zegt met een - ervoor; niemand: nee)",
        UNTIL: "Tot en met welke dag? (JJJJ-MM-DD, of: zo lang als mag)",
    }
)
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cliënt": "client",
        "ouder": "parent",
        "andere ouder": "second-parent",
        "voogd": "guardian",
        "curator": "curator",
        "mentor": "mentor",
        "gemachtigde": "authorised",
        "partner": "partner",
        "familie": "family",
    }
)
IN_WORDS: Final[Mapping[str, str]] = MappingProxyType({code: word for word, code in WORDS.items()})
LONGEST: Final = "longest"
LARGEST: Final = 1 << 16  # bytes of a file with answers
_ADULT: Final = "volwassen"
_AS_LONG: Final = "zo lang als mag"


class AnswerError(ValueError):
    """An answer that can't be; a Dutch sentence that doesn't repeat it."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered so far; None: not yet. `until` is a day, or `LONGEST`."""

    born: int | None = None
    adult: bool = False
    capable: bool | None = None
    authority: tuple[str, ...] | None = None
    partners: tuple[str, ...] | None = None
    yes: tuple[str, ...] | None = None
    no: tuple[str, ...] = ()
    until: int | str | None = None
    manner: str = EXPRESS[0]
    aside: tuple[Aside, ...] = ()


def next_question(answers: Answers, known: int | None, today: int) -> str | None:
    """What to ask now; None when everything is known. `known`: the date of birth, where this edge has it."""
    day = answers.born if answers.born is not None else known
    if day is None and not answers.adult:
        return BORN
    age = age_of(day, today)
    if age != "under-12" and answers.capable is None:
        return CAPABLE
    if answers.authority is None and (age in ("under-12", "12-15") or answers.capable is False):
        return AUTHORITY
    if answers.partners is None:
        return PARTNERS
    if answers.yes is None:
        return YES
    return UNTIL if answers.until is None else None


def choices(key: str, answers: Answers, known: int | None, today: int, needed: tuple[str, ...]) -> tuple[str, ...]:
    """The words that a question can be answered with, where there is a list. `needed`: whose word it takes."""
    if key == YES:
        return tuple(IN_WORDS[who] for who in needed)
    age = age_of(answers.born if answers.born is not None else known, today)
    return tuple(IN_WORDS[who] for who in (FOR_AN_ADULT if age == "adult" else FOR_A_MINOR)) if key == AUTHORITY else ()


def answered(answers: Answers, key: str, text: str) -> Answers:
    """The answers with one more, as somebody typed it.

    Raises:
        AnswerError: it can't be that.
    """
    return _TYPED[key](answers, " ".join(text.split()))


def conversation(answers: Answers, *, parents_too: bool) -> Conversation:
    """What the answers come to. Call it when there is no question left."""
    return Conversation(
        answers.partners or (),
        answers.until if isinstance(answers.until, int) else None,
        tuple(Word(who, manner=answers.manner) for who in answers.yes or ()),
        answers.born,
        answers.adult,
        answers.capable is not False,
        answers.authority or (),
        answers.aside,
        answers.no,
        parents_too,
    )


# -- what is typed ---------------------------------------------------------------------------------------------------


def _born(answers: Answers, text: str) -> Answers:
    return replace(answers, adult=True) if text.lower() == _ADULT else replace(answers, born=_day(text))


def _capable(answers: Answers, text: str) -> Answers:
    if text.lower() not in ("ja", "nee"):
        raise AnswerError("antwoord met ja of nee")
    return replace(answers, capable=text.lower() == "ja")


def _authority(answers: Answers, text: str) -> Answers:
    who = tuple(_capacity(word) for word in _split(text))
    if not set(who) <= set(REPRESENTATIVES):
        raise AnswerError("de cliënt zelf heeft geen gezag over zichzelf: noem wie er voor hem of haar beslist")
    return replace(answers, authority=who)


def _partners(answers: Answers, text: str) -> Answers:
    return replace(answers, partners=_split(text))


def _yes(answers: Answers, text: str) -> Answers:
    if text.lower() == "nee":
        return replace(answers, yes=())
    words = _split(text)
    no = tuple(_capacity(word[1:].strip()) for word in words if word.startswith("-"))
    yes = tuple(_capacity(word) for word in words if not word.startswith("-"))
    return replace(answers, yes=yes, no=no)


def _until(answers: Answers, text: str) -> Answers:
    return replace(answers, until=LONGEST if text.lower() == _AS_LONG else _day(text))


_TYPED: Final[Mapping[str, Callable[[Answers, str], Answers]]] = MappingProxyType(
    {BORN: _born, CAPABLE: _capable, AUTHORITY: _authority, PARTNERS: _partners, YES: _yes, UNTIL: _until}
)


def _split(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(word.strip() for word in text.split(";") if word.strip()))
    if not found:
        raise AnswerError("dit antwoord is leeg")
    return found


def _capacity(word: str) -> str:
    try:
        return WORDS[word.lower().replace("client", "cliënt")]
    except KeyError:
        raise AnswerError(f"kies uit: {', '.join(WORDS)}") from None


def _day(text: str) -> int:
    try:
        return parse_date(text)
    except ValueError:
        raise AnswerError("dit is een datum die bestaat: JJJJ-MM-DD") from None


# -- what a file has -------------------------------------------------------------------------------------------------

_Value: TypeAlias = object


def read_answers(raw: bytes) -> Answers:
    """The answers in a file: JSON with the names of the questions, and `adult`, `no`, `manner`, `aside`.

    Raises:
        AnswerError: not that, or an answer that can't be; named by its name, never with its value.
    """
    if len(raw) > LARGEST:
        raise AnswerError("het bestand met antwoorden is te groot")
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise AnswerError("het bestand met antwoorden is geen JSON") from None
    if not isinstance(found, dict):
        raise AnswerError("het bestand met antwoorden is geen JSON-object")
    if not set(found) <= set(_IN_A_FILE):
        raise AnswerError(f"in een bestand met antwoorden staat alleen: {', '.join(_IN_A_FILE)}")
    answers = Answers()
    for name, value in found.items():
        try:
            answers = _IN_A_FILE[name](answers, value)
        except AnswerError as error:
            raise AnswerError(f"{name}: {error}") from None
    return answers


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name occurs twice")
    return made


def _flag(value: _Value) -> bool:
    if not isinstance(value, bool):
        raise AnswerError("dit is true of false")
    return value


def _texts(value: _Value) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise AnswerError("dit is een lijst van woorden")
    return tuple(cast("list[str]", value))


def _capacities(value: _Value, known: tuple[str, ...] = CAPACITIES) -> tuple[str, ...]:
    who = _texts(value)
    if not set(who) <= set(known):
        raise AnswerError(f"kies uit: {', '.join(known)}")
    return who


def _file_day(value: _Value) -> int:
    if not isinstance(value, str):
        raise AnswerError("dit is een datum: JJJJ-MM-DD")
    return _day(value)


def _file_manner(value: _Value) -> str:
    if not isinstance(value, str) or value not in EXPRESS:
        raise AnswerError(f"kies uit: {', '.join(EXPRESS)}")
    return value


def _file_aside(value: _Value) -> tuple[Aside, ...]:
    if not isinstance(value, list) or not all(
        isinstance(one, dict)
        and set(one) == {"who", "by", "reason"}
        and all(isinstance(text, str) for text in one.values())
        for one in value
    ):
        raise AnswerError("dit is een lijst van who, by en reason")
    return tuple(Aside(**one) for one in cast("list[dict[str, str]]", value))


_IN_A_FILE: Final[Mapping[str, Callable[[Answers, _Value], Answers]]] = MappingProxyType(
    {
        BORN: lambda now, value: replace(now, born=_file_day(value)),
        "adult": lambda now, value: replace(now, adult=_flag(value)),
        CAPABLE: lambda now, value: replace(now, capable=_flag(value)),
        AUTHORITY: lambda now, value: replace(now, authority=_capacities(value, REPRESENTATIVES)),
        PARTNERS: lambda now, value: replace(now, partners=_texts(value)),
        YES: lambda now, value: replace(now, yes=_capacities(value)),
        "no": lambda now, value: replace(now, no=_capacities(value)),
        UNTIL: lambda now, value: replace(now, until=LONGEST if value == LONGEST else _file_day(value)),
        "manner": lambda now, value: replace(now, manner=_file_manner(value)),
        "aside": lambda now, value: replace(now, aside=_file_aside(value)),
    }
)
