# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A FHIR Consent in XML gives the answers of the same document in JSON, and what could be read in two ways is refused.

The XML is written by the library fhir.resources, which shares nothing with our reader.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent as Written
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.clients import ClientRow
from adapters.consent_import import propose
from adapters.consent_xml import as_json, is_xml
from consent.fhir_consent import Answer, Consent
from consent.fhir_consent_read import read
from consent.fhir_json import SIZE_LIMIT, ConsentError
from tests.adapters.edges import TEAM, Neighbours
from tests.consent.fhir_questions import ACCESS, HL7, SCENES, TREAT, actors, document
from tests.consent.test_fhir_consent import EXAMPLES, NAME, QUESTIONS, answer, question_of

_NS = "{http://hl7.org/fhir}"


def as_xml(value: dict[str, Any]) -> bytes:
    return bytes(Written.model_validate(value).model_dump_xml())


def read_xml(raw: bytes) -> Consent:
    return read(as_json(raw))


def changed(raw: bytes, change: Any) -> bytes:
    """The document after a change of its tree."""
    root = etree.fromstring(raw)
    change(root)
    return etree.tostring(root)


WHOLE = document(
    "OPTIN",
    {
        "period": {"start": "2015-01-01", "end": "2017"},
        "provision": [
            {
                "type": "deny",
                "actor": actors(("PRCP", "Organization/f001")),
                "action": [ACCESS],
                "purpose": TREAT,
                "data": [{"meaning": "related", "reference": {"reference": "Task/example3"}}],
            }
        ],
    },
    id="a1",
)
RAW = as_xml(WHOLE)


@pytest.mark.parametrize("name", SCENES)
def test_a_document_in_xml_is_the_same_document(name: str) -> None:
    value, questions = SCENES[name]
    try:
        raw = as_xml(value)
    except ValueError:
        pytest.skip("the library does not write this document")
    consent = read_xml(raw)
    assert consent == read(json.dumps(value).encode())
    assert [str(answer(consent, question_of(one))) for one in questions] == [one.answer for one in questions]


def test_the_library_writes_nearly_all_of_them() -> None:
    written = 0
    for value, _ in SCENES.values():
        try:
            written += bool(as_xml(value))
        except ValueError:
            continue
    assert written > 0.8 * len(SCENES)


@pytest.mark.parametrize("name", HL7)
def test_the_examples_of_hl7_give_the_same_answers_in_xml(name: str) -> None:
    file = EXAMPLES / f"Consent-consent-example-{name}.json"
    if not file.is_file():
        pytest.skip("the examples are not at hand")
    consent = read_xml(as_xml(json.loads(file.read_bytes())))
    assert [str(answer(consent, question_of(one))) for one in HL7[name]] == [one.answer for one in HL7[name]]


def _at(root: Any, path: str) -> Any:
    found = root.find("/".join(f"{_NS}{one}" for one in path.split("/")))
    assert found is not None
    return found


def _twice(path: str) -> Any:
    def change(root: Any) -> None:
        one = _at(root, path)
        one.addnext(etree.fromstring(etree.tostring(one)))

    return change


def _with(path: str, child: str) -> Any:
    return lambda root: (_at(root, path) if path else root).insert(0, etree.fromstring(child))


def _after_id(child: str) -> Any:
    return lambda root: root.insert(1, etree.fromstring(child))


def _set(path: str, name: str, value: str) -> Any:
    return lambda root: (_at(root, path) if path else root).set(name, value)


def _text(path: str) -> Any:
    def change(root: Any) -> None:
        _at(root, path).text = NAME

    return change


def _last_first(root: Any) -> None:
    root.insert(0, root[-1])


FHIR = 'xmlns="http://hl7.org/fhir"'
WRONG: dict[str, tuple[Any, str]] = {
    "an element twice": (_twice("status"), "duplicate-key"),
    "a provision at the root twice": (_twice("provision"), "duplicate-key"),
    "a type twice": (_twice("provision/provision/type"), "duplicate-key"),
    "out of order": (_last_first, "order"),
    "an element that R4 has not": (_with("provision", f"<{NAME.lower()} {FHIR}/>"), "unexpected"),
    "an element of another namespace": (_with("", '<status xmlns="urn:x" value="active"/>'), "unexpected"),
    "an element of no namespace": (_with("provision/provision", '<type xmlns="" value="permit"/>'), "unexpected"),
    "what changes the meaning": (_with("provision", f'<modifierExtension {FHIR} url="urn:x"/>'), "unexpected"),
    "implicit rules": (_after_id(f'<implicitRules {FHIR} value="urn:x"/>'), "unexpected"),
    "something inside": (_after_id(f"<contained {FHIR}/>"), "unexpected"),
    "instead of a value": (_with("status", f'<extension {FHIR} url="urn:x"/>'), "unexpected"),
    "beside a value": (_set("provision/provision/type", "id", "x"), "unexpected"),
    "an attribute": (_set("provision", NAME, "x"), "unexpected"),
    "an attribute of a value": (_set("status", NAME, "x"), "unexpected"),
    "an id of the resource as an attribute": (_set("", "id", "x"), "unexpected"),
    "words between elements": (_text("provision"), "text"),
    "words in a value": (_text("status"), "text"),
    "no value": (lambda root: _at(root, "status").attrib.clear(), "missing"),
    "nothing in it": (lambda root: _at(root, "patient").clear(), "missing"),
    "an unknown status": (_set("status", "value", NAME), "code-list"),
    "another resource": (lambda root: setattr(root, "tag", f"{_NS}Patient"), "code-list"),
}


@pytest.mark.parametrize("what", WRONG)
def test_hostile_vectors_what_could_be_read_in_two_ways_is_refused_whole_and_without_its_value(what: str) -> None:
    change, keyword = WRONG[what]
    with pytest.raises(ConsentError, match=keyword) as caught:
        read_xml(changed(RAW, change))
    assert NAME not in str(caught.value)
    assert NAME.lower() not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "keyword"),
    [
        (b"<!DOCTYPE Consent [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + RAW.partition(b"?>")[2], "doctype"),
        (RAW[:-20], "not-well-formed"),
        (RAW.replace(b"utf-8", b"utf-16"), "encoding"),
        (b"<a>" * 50 + b"</a>" * 50, "too-deep"),
        (RAW + b" " * SIZE_LIMIT, "too-large"),
        (b"<Consent/>", "code-list"),
    ],
)
def test_hostile_vectors_xml_that_is_no_plain_xml_of_a_consent_is_refused(raw: bytes, keyword: str) -> None:
    with pytest.raises(ConsentError, match=keyword):
        read_xml(raw)


def test_an_extension_in_a_provision_takes_its_permit_away_and_leaves_a_refusal() -> None:
    permit = as_xml(document("OPTOUT", {"provision": [{"type": "permit", "purpose": TREAT}]}))
    extended = changed(
        permit, _with("provision/provision", f'<extension {FHIR} url="urn:x"><valueString value="x"/></extension>')
    )
    before = [answer(read_xml(permit), one) for one in QUESTIONS]
    after = [answer(read_xml(extended), one) for one in QUESTIONS]
    assert Answer.PERMIT in before
    assert Answer.PERMIT not in after
    denied = changed(RAW, _with("provision/provision", f'<extension {FHIR} url="urn:x"/>'))
    assert [answer(read_xml(denied), one) for one in QUESTIONS].count(Answer.DENY) >= [
        answer(read_xml(RAW), one) for one in QUESTIONS
    ].count(Answer.DENY)


def test_the_answer_is_the_same_at_an_edge(tmp_path: Any) -> None:
    near = Neighbours(tmp_path)
    edge = near[TEAM]
    edge.import_clients([ClientRow("C-1", None, "wmo")])
    found = [
        propose(raw, edge.client("C-1"), edge.workplace, edge.identity.book)
        for raw in (json.dumps(WHOLE).encode(), RAW, b"\xef\xbb\xbf\n" + RAW.partition(b"?>")[2])
    ]
    assert found[0] == found[1] == found[2]
    near.close()


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_refused_and_never_fail_otherwise(raw: bytes) -> None:
    for data in (raw, b"<" + raw, b"<Consent xmlns='http://hl7.org/fhir'>" + raw + b"</Consent>"):
        if is_xml(data):
            try:
                read_xml(data)
            except ConsentError:
                continue


@given(st.data())
def test_a_document_that_lost_or_doubled_a_piece_is_refused_or_makes_no_fault_of_ours(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(RAW) - 1))
    end = data.draw(st.integers(begin, min(len(RAW), begin + 200)))
    twice = data.draw(st.booleans())
    raw = RAW[:end] + RAW[begin:] if twice else RAW[:begin] + RAW[end:]
    try:
        read_xml(raw)
    except ConsentError as error:
        assert "f001" not in str(error)
