# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The conversation of an agreement: at most six questions, the same typed or from a file, and no answer that can't be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.agreement import Conversation
from adapters.conversation import (
    IN_WORDS,
    LARGEST,
    LONGEST,
    QUESTIONS,
    WORDS,
    AnswerError,
    Answers,
    answered,
    choices,
    conversation,
    next_question,
    read_answers,
)
from consent.whose import CAPACITIES, CLIENT, MENTOR, PARENT, SECOND_PARENT, Aside, Word
from schemas.calendar import parse_date

TODAY = parse_date("2026-03-03")
CHILD = {
    "born": "2013-05-01",
    "capable": "ja",
    "authority": "ouder; andere ouder",
    "with": "Praktijk Voorbeeld; Team Jeugd",
    "yes": "cliënt; ouder; -andere ouder",
    "until": "2026-09-01",
}


def _typed(typed: dict[str, str], known: int | None = None) -> tuple[Answers, list[str]]:
    answers, asked = Answers(), []
    while (key := next_question(answers, known, TODAY)) is not None:
        asked.append(key)
        answers = answered(answers, key, typed[key])
    return answers, asked


def test_a_child_of_twelve_takes_six_questions_and_no_more() -> None:
    answers, asked = _typed(CHILD)
    assert asked == list(QUESTIONS)
    assert len(asked) == 6
    assert conversation(answers, parents_too=True) == Conversation(
        ("Praktijk Voorbeeld", "Team Jeugd"),
        parse_date("2026-09-01"),
        (Word(CLIENT), Word(PARENT)),
        parse_date("2013-05-01"),
        adult=False,
        authority=(PARENT, SECOND_PARENT),
        objects=(SECOND_PARENT,),
    )


@pytest.mark.parametrize(
    ("known", "changed", "asked"),
    [
        ("1950-01-01", {}, ["capable", "with", "yes", "until"]),
        ("1950-01-01", {"capable": "nee", "authority": "mentor"}, ["capable", "authority", "with", "yes", "until"]),
        ("2020-01-01", {}, ["authority", "with", "yes", "until"]),
        ("2009-01-01", {}, ["capable", "with", "yes", "until"]),
        (None, {"born": "volwassen"}, ["born", "capable", "with", "yes", "until"]),
    ],
)
def test_only_what_is_not_known_and_matters_is_asked(
    known: str | None, changed: dict[str, str], asked: list[str]
) -> None:
    assert _typed(CHILD | changed, None if known is None else parse_date(known))[1] == asked


def test_a_file_and_the_keyboard_give_the_same_conversation() -> None:
    file = {
        "born": "2013-05-01",
        "capable": True,
        "authority": ["parent", "second-parent"],
        "with": ["Praktijk Voorbeeld", "Team Jeugd"],
        "yes": ["client", "parent"],
        "no": ["second-parent"],
        "until": "2026-09-01",
    }
    assert read_answers(json.dumps(file).encode()) == _typed(CHILD)[0]


@pytest.mark.parametrize("word", ["cliënt", "client", "Client", "CLIËNT"])
def test_a_keyboard_without_a_diaeresis_can_say_who_says_yes(word: str) -> None:
    assert answered(Answers(), "yes", word).yes == ("client",)


def test_a_file_can_say_besides_how_it_was_said_and_who_is_set_aside() -> None:
    file = {
        "adult": True,
        "capable": False,
        "manner": "in-writing",
        "until": "longest",
        "yes": ["mentor"],
        "aside": [{"who": "curator", "by": "J. de Boer", "reason": "D-1"}],
    }
    answers = read_answers(json.dumps(file).encode())
    assert (answers.until, answers.aside) == (LONGEST, (Aside("curator", "J. de Boer", "D-1"),))
    talked = conversation(answers, parents_too=False)
    assert (talked.said, talked.end, talked.capable) == ((Word(MENTOR, manner="in-writing"),), None, False)
    assert talked.parents_too is False


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("born", "2013-02-30"),
        ("born", "elf jaar"),
        ("capable", "misschien"),
        ("authority", "cliënt"),
        ("authority", "oma van Janssen"),
        ("authority", " ; "),
        ("with", ""),
        ("yes", "Janssen"),
        ("yes", "-"),
        ("until", "gauw"),
    ],
)
def test_an_answer_that_can_not_be_is_refused_and_not_repeated(key: str, text: str) -> None:
    with pytest.raises(AnswerError) as caught:
        answered(Answers(), key, text)
    assert "Janssen" not in str(caught.value)
    assert "elf jaar" not in str(caught.value)


def test_nobody_says_yes_is_an_answer_too() -> None:
    assert answered(Answers(), "yes", "nee").yes == ()
    assert answered(Answers(), "yes", "-ouder") == Answers(yes=(), no=(PARENT,))


HOSTILE = [
    b"",
    b"[]",
    b"\xff",
    b"{",
    b"[" * 60_000,
    b'{"capable": true, "capable": false}',
    b'{"said": "yes"}',
    b'{"capable": 1}',
    b'{"born": 20130501}',
    b'{"born": "Janssen"}',
    b'{"yes": "client"}',
    b'{"yes": ["Janssen"]}',
    b'{"authority": ["client"]}',
    b'{"with": [1]}',
    b'{"manner": "implied"}',
    b'{"manner": ["in-person"]}',
    b'{"aside": [{"who": "parent"}]}',
    b'{"aside": [{"who": "parent", "by": 1, "reason": "x"}]}',
    b'{"aside": "parent"}',
    b'{"until": null}',
    b" " * (LARGEST + 1),
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_file_that_is_not_such_answers_is_refused_and_not_repeated(raw: bytes) -> None:
    with pytest.raises(AnswerError) as caught:
        read_answers(raw)
    assert "Janssen" not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_answers_or_refused(raw: bytes) -> None:
    try:
        answers = read_answers(raw)
    except AnswerError:
        return
    assert isinstance(answers, Answers)


@given(st.sampled_from(list(QUESTIONS)), st.text(max_size=60))
def test_anything_that_is_typed_is_an_answer_or_refused(key: str, text: str) -> None:
    try:
        answers = answered(Answers(), key, text)
    except AnswerError:
        return
    assert answers != Answers()


def test_every_capacity_has_one_dutch_word() -> None:
    assert set(WORDS.values()) == set(CAPACITIES)
    assert len(IN_WORDS) == len(WORDS)


def test_the_choices_are_of_who_is_asked_for() -> None:
    minor, adult = parse_date("2013-05-01"), parse_date("1950-01-01")
    assert choices("authority", Answers(), minor, TODAY, ()) == ("ouder", "andere ouder", "voogd")
    assert choices("authority", Answers(), adult, TODAY, ())[0] == "curator"
    assert choices("yes", Answers(), minor, TODAY, (CLIENT, PARENT)) == ("cliënt", "ouder")
    assert choices("with", Answers(), minor, TODAY, ()) == ()
