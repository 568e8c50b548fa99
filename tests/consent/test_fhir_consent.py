# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""FHIR R4 Consent: the table of questions, the examples of HL7, and everything that must not be read as a permit."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.fhir_consent import Answer, Consent, Effect, Question, answer, ask
from consent.fhir_consent_read import MOST_PROVISIONS, PURPOSES, read
from consent.fhir_json import SIZE_LIMIT, ConsentError
from schemas.calendar import parse_date
from tests.consent.fhir_questions import (
    HL7,
    LAB_KEY,
    ORG,
    OTHER,
    SCENES,
    XRAY_KEY,
    Ask,
    actor,
    actors,
    coding,
    concept,
    document,
)

STANDARDS = Path(os.environ.get("SCHAKEL_STANDARDS") or Path(__file__).parents[3] / "shared" / "standards")
EXAMPLES = STANDARDS / "consent_law" / "examples" / "hl7-r4"
NAME = "Janssen-Planted"


def consent_of(value: object) -> Consent:
    return read(json.dumps(value).encode())


def question_of(one: Ask) -> Question:
    more = dict(one.more)
    data_day = more.pop("data_day", None)
    return Question(
        parse_date(one.day),
        {role: frozenset(names) for role, names in one.actors.items()},
        None if one.purpose is None else frozenset({one.purpose}),
        None if one.action is None else frozenset({one.action}),
        data_day=None if data_day is None else parse_date(data_day),
        **{name: frozenset(value) for name, value in more.items()},
    )


@pytest.mark.parametrize("name", SCENES)
def test_a_document_gives_the_answers_that_were_written_down(name: str) -> None:
    value, questions = SCENES[name]
    consent = consent_of(value)
    assert [str(answer(consent, question_of(one))) for one in questions] == [one.answer for one in questions]


@pytest.mark.parametrize("name", HL7)
def test_the_examples_of_hl7_give_the_answers_that_were_written_down(name: str) -> None:
    file = EXAMPLES / f"Consent-consent-example-{name}.json"
    if not file.is_file():
        pytest.skip("the examples are not at hand")
    consent = read(file.read_bytes())
    assert [str(answer(consent, question_of(one))) for one in HL7[name]] == [one.answer for one in HL7[name]]


def test_every_example_of_hl7_has_questions() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not at hand")
    assert {file.stem.rpartition("-")[2] for file in EXAMPLES.iterdir()} == set(HL7)


def test_a_refusal_that_only_may_be_meant_is_said_to_be_unsure() -> None:
    consent = consent_of(document("OPTIN", {"provision": [{"type": "deny", "actor": actors(("PRCP", ORG))}]}))
    day = parse_date("2016-01-15")
    assert ask(consent, Question(day, {"PRCP": frozenset({ORG})})) == (Answer.DENY, True)
    assert ask(consent, Question(day, {"PRCP": frozenset({"Practitioner/1"})})) == (Answer.DENY, False)
    assert ask(consent, Question(day, {"PRCP": frozenset({OTHER})})) == (Answer.PERMIT, True)


def test_a_thing_with_no_name_of_the_same_kind_may_be_the_one_that_is_meant() -> None:
    refused = {"data": [{"meaning": "instance", "reference": {"reference": "Task/example3"}}]}
    consent = consent_of(document("OPTIN", refused))
    day = parse_date("2016-01-15")
    assert ask(consent, Question(day, data=frozenset({"Observation/1"}))) == (Answer.DENY, False)
    assert ask(consent, Question(day, data=frozenset({"Observation/1", "Task/1"}))) == (Answer.PERMIT, True)


def test_who_is_in_a_group_is_unknown() -> None:
    permits = document("OPTOUT", {"provision": [{"type": "permit", "actor": actors(("PRCP", "Group/1"))}]})
    refuses = document("OPTIN", {"provision": [{"type": "deny", "actor": actors(("PRCP", "Group/1"))}]})
    asked = Question(parse_date("2016-01-15"), {"PRCP": frozenset({ORG, "Group/2"})})
    assert [answer(consent_of(one), asked) for one in (permits, refuses)] == [Answer.DENY, Answer.DENY]


# -- refused ------------------------------------------------------------------------------------------------------------

PERMIT_ORG = {"type": "permit", "actor": actors(("PRCP", ORG))}
DENY_ORG = {"type": "deny", "actor": actors(("PRCP", ORG))}


def nested(depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "permit"}
    for _ in range(depth):
        made = {"type": "permit", "provision": [made]}
    return made


HOSTILE: dict[str, tuple[Any, str]] = {
    "contradiction, side by side": (document("OPTIN", {"provision": [PERMIT_ORG, DENY_ORG]}), "contradiction"),
    "contradiction, one in the other": (
        document("OPTIN", {"provision": [DENY_ORG | {"provision": [PERMIT_ORG]}]}),
        "contradiction",
    ),
    "a period that ends before it begins": (
        document("OPTIN", {"period": {"start": "2016-02-01", "end": "2016-01-01"}}),
        "contradiction",
    ),
    "it rests on itself": (
        document("OPTIN", None, id="c1", sourceReference={"reference": "Consent/c1"}),
        "cycle",
    ),
    "it rests on itself by its address": (
        document("OPTIN", None, id="c1", sourceReference={"reference": "https://example.org/fhir/Consent/c1"}),
        "cycle",
    ),
    "an exception about itself": (
        document(
            "OPTIN",
            {
                "provision": [
                    {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Consent/c1"}}]}
                ]
            },
            id="c1",
        ),
        "cycle",
    ),
    "a reference into the document": (document("OPTIN", {"actor": actors(("PRCP", "#p"))}), "cycle"),
    "contained": (document("OPTIN", None, contained=[{"resourceType": "Consent"}]), "unexpected"),
    "modifierExtension": (document("OPTIN", None, modifierExtension=[{"url": "http://x"}]), "unexpected"),
    "modifierExtension in a provision": (
        document("OPTIN", {"provision": [PERMIT_ORG | {"modifierExtension": [{"url": "http://x"}]}]}),
        "unexpected",
    ),
    "modifierExtension at an actor": (
        document(
            "OPTIN", {"provision": [{"type": "permit", "actor": [actor("PRCP", ORG) | {"modifierExtension": []}]}]}
        ),
        "unexpected",
    ),
    "implicitRules": (document("OPTIN", None, implicitRules="http://example.org/not"), "unexpected"),
    "what was said instead of a status": (document("OPTIN", None, _status={"extension": []}), "unexpected"),
    "what was said instead of a type": (
        document("OPTIN", {"provision": [{"_type": {"extension": [{"url": "http://x"}]}}]}),
        "unexpected",
    ),
    "an element of R5": (document("OPTIN", None, decision="permit"), "unexpected"),
    "another resource under that name": (document("OPTIN", None, resourceType="Task"), "code-list"),
    "a bundle": ({"resourceType": "Bundle", "entry": [{"resource": document("OPTIN", None)}]}, "code-list"),
    "no resource": ([document("OPTIN", None)], "code-list"),
    "no status": ({key: value for key, value in document("OPTIN", None).items() if key != "status"}, "missing"),
    "an unknown status": (document("OPTIN", None, status="Active"), "code-list"),
    "no scope": ({key: value for key, value in document("OPTIN", None).items() if key != "scope"}, "missing"),
    "an unknown scope": (document("OPTIN", None, scope=concept("consentscope", "everything")), "code-list"),
    "a scope in words": (document("OPTIN", None, scope={"text": "patient-privacy"}), "missing"),
    "a code of another system": (document("OPTIN", None, policyRule=concept("v3-ActReason", "OPTIN")), "code-list"),
    "an unknown base": (document("OPTINX", None), "code-list"),
    "a law of another country": (document("hipaa-auth", None), "code-list"),
    "an unknown role": (document("OPTIN", {"actor": actors(("XYZ", ORG))}), "code-list"),
    "an unknown purpose": (document("OPTIN", {"purpose": [coding("v3-ActReason", "SPYING")]}), "code-list"),
    "an unknown action": (document("OPTIN", {"action": [concept("consentaction", "sell")]}), "code-list"),
    "an unknown label": (document("OPTIN", {"securityLabel": [coding("v3-ActCode", "ZZZ")]}), "code-list"),
    "an unknown type": (document("OPTIN", {"provision": [{"type": "allow"}]}), "code-list"),
    "one code known and one not": (
        document(
            "OPTIN", {"action": [{"coding": [coding("consentaction", "access"), coding("consentaction", "sell")]}]}
        ),
        "code-list",
    ),
    "an actor without a name": (
        document(
            "OPTIN", {"actor": [{"role": concept("v3-ParticipationType", "PRCP"), "reference": {"display": NAME}}]}
        ),
        "missing",
    ),
    "an empty provision": (document("OPTIN", {"provision": [{}]}), "type"),
    "a day that does not exist": (document("OPTIN", {"period": {"end": "2027-06-31"}}), "date"),
    "a moment without its zone": (document("OPTIN", {"period": {"end": "2027-06-30T10:00:00"}}), "pattern"),
    "nobody's": ({key: value for key, value in document("OPTIN", None).items() if key != "patient"}, "missing"),
    "deep": (document("OPTIN", {"provision": [nested(11)]}), "too-deep"),
    "wide": (
        document(
            "OPTIN", {"provision": [{"type": "deny", "period": {"end": f"{year}"}} for year in range(2000, 2600)]}
        ),
        "too-large",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_vectors_a_consent_that_is_not_understood_is_refused(name: str) -> None:
    value, keyword = HOSTILE[name]
    with pytest.raises(ConsentError, match=keyword) as caught:
        consent_of(value)
    assert NAME not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "keyword"),
    [
        (b'{"resourceType":"Consent","status":"rejected","status":"active"}', "duplicate-key"),
        (b'{"resourceType":"Consent","status":"rejected","st\\u0061tus":"active"}', "duplicate-key"),
        (b"[" * 100_000, "too-deep"),
        (b'{"resourceType":"Consent","x":' + b'{"a":' * 100 + b"1" + b"}" * 102, "too-deep"),
        (b'{"resourceType":"Consent","provision":{"provision":[{"type":"permit","actor":null}]}}', "null"),
        (b" " * (SIZE_LIMIT + 1), "too-large"),
        (b'{"resourceType":"Consent"', "json"),
        (b'{"resourceType":"Consent","x":NaN}', "json"),
        (b'{"resourceType":"Consent","id":"\\ud800"}', "json"),
        (b"\xff\xfe{", "json"),
        (b'\xef\xbb\xbf{"resourceType":"Consent"}', "json"),
        (b"", "json"),
        (b"<Consent xmlns='http://hl7.org/fhir'/>", "json"),
        (b"null", "code-list"),
    ],
)
def test_hostile_vectors_bytes_that_two_readers_could_read_differently_are_refused(raw: bytes, keyword: str) -> None:
    with pytest.raises(ConsentError, match=keyword):
        read(raw)


def test_a_fault_holds_no_value_and_no_name_that_is_not_of_fhir() -> None:
    value = document("OPTIN", {"purpose": [coding("v3-ActReason", NAME)], NAME: 1}, **{NAME: NAME})
    value["patient"] = {"reference": "x y", "identifier": {"system": NAME, NAME: 1}}
    with pytest.raises(ConsentError, match=r"/Consent/\* unexpected") as caught:
        consent_of(value)
    assert NAME not in str(caught.value)
    assert caught.value.__cause__ is None


def test_as_many_provisions_as_are_taken_answer() -> None:
    many = [{"type": "deny", "period": {"end": f"{1600 + number}"}} for number in range(MOST_PROVISIONS - 1)]
    consent = consent_of(document("OPTIN", {"provision": many}))
    assert answer(consent, Question(parse_date("2099-01-01"))) is Answer.PERMIT


# -- properties ---------------------------------------------------------------------------------------------------------

QUESTIONS = [
    question_of(Ask("", who, purpose, action, more=more))
    for who in (
        {"PRCP": [ORG]},
        {"PRCP": [OTHER]},
        {"CST": [ORG], "PRCP": [OTHER]},
        {"AUT": [ORG], "PRCP": [OTHER]},
        {},
    )
    for purpose in ("TREAT", "ETREAT", "HRESCH", None)
    for action in ("access", None)
    for more in ({}, {"codes": [LAB_KEY]}, {"codes": [XRAY_KEY]}, {"data": ["Task/example3"], "data_day": "2014-03-01"})
]
DOCUMENTS = [value for value, _ in SCENES.values()]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _answers(value: Any) -> list[Answer] | None:
    """The answers of a document; None: refused."""
    try:
        consent = consent_of(value)
    except ConsentError:
        return None
    return [answer(consent, one) for one in QUESTIONS]


def _no_new_permit(before: list[Answer] | None, after: list[Answer] | None) -> bool:
    if after is None:
        return True
    return all(
        old is Answer.PERMIT or new is not Answer.PERMIT
        for old, new in zip(before or [Answer.NONE] * len(after), after, strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_a_word_that_is_not_of_fhir_makes_no_permit(value: dict[str, Any], data: st.DataObject) -> None:
    """Every string, name or structure of the document replaced by something that nobody understands."""
    # Another code of content makes it a refusal of something else, which is understood.
    paths = [path for path in _places(value) if path and not ("code" in path[:-1] and path[-1] in ("code", "system"))]
    path = data.draw(st.sampled_from(paths))
    mutant = copy.deepcopy(value)
    around = _at(mutant, path[:-1])
    junk = data.draw(
        st.sampled_from(
            ["zzz", "", 7, None, True, [], {}, [{}], ["zzz"], {"zzz": 1}, {"extension": [{"url": "http://x"}]}]
        )
    )
    if isinstance(around, dict) and data.draw(st.booleans()):
        around[data.draw(st.sampled_from([f"_{path[-1]}", "zzz", "modifierExtension", "extension"]))] = junk
    else:
        around[path[-1]] = junk
    assert _no_new_permit(_answers(value), _answers(mutant))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_one_more_refusal_makes_no_permit(value: dict[str, Any], data: st.DataObject) -> None:
    """A refusal, or an exception without a type, added to any list of exceptions."""
    mutant = copy.deepcopy(value)
    lists = [path for path in _places(value) if path and path[-1] == "provision" and isinstance(_at(value, path), list)]
    extra = dict(data.draw(st.sampled_from([DENY_ORG, {"type": "deny", "purpose": [coding("v3-ActReason", "TREAT")]}])))
    if data.draw(st.booleans()):
        del extra["type"]
    if lists:
        _at(mutant, data.draw(st.sampled_from(lists))).append(extra)
    else:
        mutant["provision"] = mutant.get("provision", {}) | {"provision": [extra]}
    assert _no_new_permit(_answers(value), _answers(mutant))


def _shuffled(value: Any, dice: Random) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(one, dice) for key, one in value.items()}
    if isinstance(value, list):
        made = [_shuffled(one, dice) for one in value]
        dice.shuffle(made)
        return made
    return value


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.randoms(use_true_random=False))
def test_the_order_of_exceptions_makes_no_difference(value: dict[str, Any], dice: Random) -> None:
    assert _answers(value) == _answers(_shuffled(value, dice))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(DOCUMENTS), st.sampled_from(QUESTIONS), st.sampled_from(["purposes", "actions", "codes", "actors"])
)
def test_knowing_less_makes_no_permit(value: dict[str, Any], asked: Question, less: str) -> None:
    consent = consent_of(value)
    unknown: Any = {} if less == "actors" else None
    if answer(consent, replace(asked, **{less: unknown})) is Answer.PERMIT:
        assert answer(consent, asked) is Answer.PERMIT


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inside: (
            st.lists(inside)
            | st.dictionaries(st.text() | st.sampled_from(["resourceType", "provision", "status"]), inside)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_bytes_of_any_kind_are_read_or_refused_and_never_fail_otherwise(raw: bytes) -> None:
    try:
        found = read(raw)
    except ConsentError as error:
        assert error.faults
    else:
        assert found.base is not Effect.PERMIT


def test_the_purposes_are_codes_and_no_words() -> None:
    assert all(code.isupper() for code in PURPOSES)
