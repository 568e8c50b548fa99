# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""What a refused file is: said where it is something else than is read, and in no word of the file."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.format_names import AUTO
from adapters.formats import READERS, the_format
from adapters.formats.likeness import likeness
from adapters.formats.likeness_marks import BY_BEGIN, BY_MARK
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed
from adapters.problem import problem_report

_VECTORS = Path(__file__).parents[1] / "vectors"
_OTHER = (Fault("/", Keyword.VOCABULARY),)
_ISTANDAARD = '<?xml version="1.0"?><m:Bericht xmlns:m="http://www.istandaarden.nl/%s/schema"/>'
_SOAP = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:s="http://bkwi.nl/SuwiML/Diensten/%s"><e:Body><%s/></e:Body></e:Envelope>'
)
_CASES = [
    (b"", "an empty file"),
    (b" \r\n", "an empty file"),
    (b"PK\x03\x04rest", "a zip archive"),
    (b"%PDF-1.7", "a PDF"),
    (b"{\\rtf1 hallo}", "an RTF document"),
    ("<a/>".encode("utf-16"), "text in UTF-16"),
    ('{"resourceType":"Task"}'.encode("utf-16-le"), "text in UTF-16"),
    (b"<!DOCTYPE html><html/>", "a web page"),
    (b"From: a\r\nTo: b\r\n\r\nx", "an e-mail"),
    (b"\0\1\2\3", "no text"),
    (b"hallo", "text in no format"),
    (b"[1, 2]", "JSON in no form"),
    (b"[1, 2", "JSON that breaks off"),
    (b"<!-- " + b"x" * 99, "XML in which no message begins"),
    (b"<alles><a>1</a></alles>", "XML in no vocabulary"),
    (b"QUJD" * 30, "text in base64"),
    (b'{"bestand": "a", "formaat": "?", "gelezen": false, "fouten": []}', "a report of Schakel"),
    (b"clientnummer;bsn;taak\nA;999900006;\n", "a list of clients"),
    (b'"melding","soort","afloop","datum"\r\n', "a notice that Schakel itself wrote"),
    (b'{"url": "u", "zaaktype": "u", "startdatum": "2026-03-02"}', "a Zaak of ZGW alone"),
    (b'{"url": "u", "statustype": "u", "datumStatusGezet": "x"}', "a Status of ZGW alone"),
    (b'{"meldingen": [{"id": "1"}]}', "a form of Schakel without its name"),
    (b"\x0bMSH|^~\\&|A|B|C|D|1||REF^I12|1|P|2.5\r\x1c\r", "in the frame of MLLP"),
    (b"MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5\r", "an HL7 v2 message ADT (admission"),
    (b"MSH|^~\\&|A|B|C|D|1||REF^I14|1|P|2.5\r", "REF with another trigger"),
    (b"MSH|^~\\&|A|B|C|D|1||ZZZ^Z01|1|P|2.5\r", "another HL7 v2 message"),
    (b"MSH|^~\\&|A|B|C|D|1||REF^I12|1|P|2.5\rPID|1", "whose last segment has no end"),
    (b"UNB+UNOA:1+A+B+260101:1200+1'UNH+1+MEDLAB:1'", "an EDIFACT message MEDLAB"),
    (b"UNB+UNOA:1+A+B+260101:1200+1'UNH+1+ORDERS:1'", "another EDIFACT message"),
    (b'{"resourceType": "Patient"}', "a resource Patient of FHIR"),
    (b'{"resourceType": "Jansen"}', "another resource of FHIR"),
    (b'{"resourceType": "Consent"}', "a consent in FHIR"),
    (b'{"resourceType": "OperationOutcome"}', "an error of a FHIR server"),
    (b'{"resourceType": "ReferralRequest"}', "a ReferralRequest of FHIR STU3"),
    (b'{"resourceType": "Task", "requester": {"agent": {}}}', "a Task of FHIR STU3"),
    (b'<Patient xmlns="http://hl7.org/fhir"/>', "a resource Patient of FHIR"),
    ((_ISTANDAARD % "iwmo/3_1/wmo305").encode(), "message 305 of iWmo 3.1 (start)"),
    ((_ISTANDAARD % "iwmo/3_2/wmo323").encode(), "message 323 of iWmo 3.2 (declaration)"),
    ((_ISTANDAARD % "ijw/3_2/jw325").encode(), "message 325 of iJw 3.2 (answer to a declaration)"),
    ((_ISTANDAARD % "iwmo/3_2/wmo302").encode(), "message 302 of iWmo 3.2 (return"),
    ((_ISTANDAARD % "iwlz/2_3/aw033").encode(), "a message of iWlz 2.3"),
    ((_SOAP % ("A/v0200", "e:Fault")).encode(), "a SOAP fault"),
    ((_SOAP % ("Ander/v0200", "s:AnderInfoResponse")).encode(), "an answer over Suwinet"),
    ((_SOAP % ("Ander/v0200", "s:AnderInfo")).encode(), "a question over Suwinet"),
    (b'<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema"/>', "an XSD"),
]


@pytest.mark.parametrize(("data", "words"), _CASES)
def test_what_is_something_else_is_called_by_its_name(data: bytes, words: str) -> None:
    found = likeness(data, AUTO, _OTHER)
    assert found is not None
    assert words in found.en
    assert all(part.endswith(".") for part in (found.what_nl, found.what_en))


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_message_of_a_format_and_of_a_kind_that_is_read_is_nothing_else(name: str) -> None:
    """So a fault in such a message is never said to be another thing."""
    for path in (_VECTORS / name / "valid").iterdir():
        data = path.read_bytes()
        try:
            if the_format(data) != name:
                continue
        except Malformed:
            continue
        assert likeness(data, name, ()) is None, path.name


def test_a_message_of_another_format_than_was_said_names_the_one_that_it_is() -> None:
    data = (_VECTORS / "ijw" / "valid" / "307_volgens_plan.xml").read_bytes()
    for name in READERS.keys() - {"ijw"}:
        found = likeness(data, name, _OTHER)
        assert found is not None
        assert "--from ijw" in found.what_en


def test_what_no_format_was_set_for_is_called_by_its_format_too() -> None:
    found = likeness((_VECTORS / "hl7v2" / "valid" / "ref_i12.hl7").read_bytes(), "?", _OTHER)
    assert found is not None
    assert "edge: formats_in" in found.what_en


_CANARY = "Zandlopersma999900006"


@pytest.mark.parametrize(
    "pattern", ['{"resourceType": "%s"}', "<%s xmlns='http://hl7.org/fhir'/>", "MSH|^~\\&|A|B|C|D|1||%s^A01|1\r"]
)
def test_no_word_of_a_file_is_repeated(pattern: str) -> None:
    for text in (_CANARY, "ZandlopersmaW", "ZAN"):
        found = likeness((pattern % text).encode(), AUTO, _OTHER)
        assert "zan" not in repr(found).lower()


_PIECES = st.sampled_from(
    [begin for begin, _ in BY_BEGIN]
    + [data for data, _ in _CASES]
    + [b"<", b"{", b"[", b"MSH|", b"UNB+", b"\xff", b"\0", b"<!--", _CANARY.encode(), b'"zaak":{', b"\r\n"]
)


@given(data=st.lists(_PIECES | st.binary(max_size=20), max_size=6).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_whatever_the_bytes_it_says_a_sentence_or_nothing_and_never_a_value(data: bytes) -> None:
    for name in ("?", AUTO, "iwmo", "fhir"):
        found = likeness(data, name, _OTHER)
        assert _CANARY not in repr(found)


def test_no_mark_takes_longer_for_a_file_that_is_made_to_be_slow() -> None:
    """Each looks at a bounded piece: none of them backtracks over the whole file at every place of it."""
    for piece in (b"<", b'{"', b' "type" : "', b"{" * 3, b'"zaaktype" :', b"UNA", b"MSH|^", b"A" * 7, b"<a:", b"\n# "):
        for begin in (b"", b"{", b"<", b"MSH|", b"UNB+"):
            likeness(begin + piece * (65_536 // len(piece)), AUTO, _OTHER)
    assert BY_MARK


def test_every_published_example_that_nobody_reads_is_called_by_its_name(standards: Path) -> None:
    unnamed = []
    for path in sorted(standards.rglob("*")):
        if "examples" not in path.parts or not path.is_file():
            continue
        data = path.read_bytes()
        try:
            name = the_format(data)
            READERS[name](FormatConfig()).read(data)
        except Malformed as error:
            if any(fault.keyword == Keyword.VOCABULARY for fault in error.faults):
                found = likeness(data, AUTO, error.faults)
                if found is None or re.search("no form|no format|no vocabulary", found.en):
                    unnamed.append(path.name)
    assert not unnamed


def test_a_report_says_what_the_file_is_in_both_languages() -> None:
    found = likeness((_ISTANDAARD % "iwmo/3_2/wmo323").encode(), "iwmo", _OTHER)
    report = json.loads(problem_report("a.xml", "iwmo", _OTHER, looks_like=found))
    assert report["lijkt_op"]["nl"].startswith("Dit is bericht 323 van iWmo 3.2 (declaratie). ")
    assert report["lijkt_op"]["en"].startswith("This is message 323 of iWmo 3.2 (declaration). ")
    assert "lijkt_op" not in json.loads(problem_report("a.xml", "iwmo", _OTHER))
