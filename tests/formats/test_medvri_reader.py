# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""MEDVRI letters: whole or damaged, never told, and nothing of what they say kept."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.formats.medvri import MedvriReader, _segments
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Reader, SubjectKind
from schemas.event import Law
from tests.formats.format_vectors import VECTORS, hostile

VALID = VECTORS / "medvri" / "valid"
FILES = [path.name for path in sorted(VALID.iterdir())]
BUDGET = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]


@pytest.fixture(scope="session")
def medvri() -> MedvriReader:
    """With every setting that lets another format through."""
    laws = dict.fromkeys(("medvri", "hl7v2", "fhir"), Law.WMO)
    return MedvriReader(FormatConfig(laws=laws, own_number_system="HIS", subject_kind=SubjectKind.BSN))


@pytest.mark.parametrize("name", FILES)
def test_a_whole_letter_is_for_a_person_and_never_told(medvri: MedvriReader, refuses: Refuses, name: str) -> None:
    letters = 2 if name == "twee_brieven.edi" else 1
    assert refuses(medvri, (VALID / name).read_bytes()) == tuple(
        Fault(f"/{number}/TXT", Keyword.FOR_A_PERSON) for number in range(1, letters + 1)
    )


@pytest.mark.parametrize(("path", "fault"), hostile("medvri"))
def test_a_hostile_file_is_refused_with_its_path_and_keyword_and_is_not_called_a_letter(
    medvri: MedvriReader, refuses: Refuses, path: Path, fault: dict[str, str]
) -> None:
    faults = refuses(medvri, path.read_bytes())
    assert faults[0] == Fault(fault["path"], fault["keyword"])
    assert all(one.keyword != Keyword.FOR_A_PERSON for one in faults)


def test_canary_nothing_that_a_letter_says_becomes_an_object() -> None:
    text = (VALID / "brief.edi").read_text("ascii")
    found = list(_segments(text))
    assert [segment.name for segment in found] == "UNB UNH GGA DET PID PAD TXT TXT GGO UNT UNZ".split()
    for segment in found:
        if segment.name not in ("UNB", "UNH", "UNT", "UNZ"):
            assert {part for element in segment.elements for part in element} <= {""}
    kept = str([segment.elements for segment in found])
    assert not [word for word in ("anarie", "999900006", "1950", "diagnose", "KANARIE") if word in kept]


def test_a_file_cut_off_at_any_byte_is_refused_and_not_called_a_letter(medvri: MedvriReader, refuses: Refuses) -> None:
    data = (VALID / "brief.edi").read_bytes()
    for end in range(len(data)):
        assert all(fault.keyword != Keyword.FOR_A_PERSON for fault in refuses(medvri, data[:end]))


def test_a_file_of_more_than_a_mebibyte_is_refused_unparsed(medvri: MedvriReader, refuses: Refuses) -> None:
    data = (VALID / "brief.edi").read_bytes().replace(b"diagnose", b"x" * 1024 * 1024)
    assert refuses(medvri, data) == (Fault("/", Keyword.TOO_LARGE),)


@pytest.mark.parametrize("filler", [b"+", b":", b"?", b"'", b"A'", b"UNH+1'", b"'\r\n"])
def test_a_mebibyte_of_hostile_filler_is_refused_in_linear_time(
    medvri: MedvriReader, refuses: Refuses, filler: bytes
) -> None:
    start = b"UNB+UNOA:1+"
    data = (start + filler * (1024 * 1024 // len(filler)))[: 1024 * 1024 - 1] + b"'"
    began = time.process_time()
    refuses(medvri, data)
    assert time.process_time() - began < 60  # quadratic would take hours


_FRAGMENTS = [b"'", b"+", b":", b"?", b"??", b"UNT+1+1'", b"UNA:+.? '", b"\r\n", b"\xe9", b"\0", b"TXT:1+"]
_EDITS = st.lists(
    st.tuples(st.integers(0, 1_000), st.integers(0, 20), st.binary(max_size=5) | st.sampled_from(_FRAGMENTS)),
    min_size=1,
    max_size=4,
)


@given(name=st.sampled_from(FILES), edits=_EDITS)
@BUDGET
def test_no_damage_ever_makes_an_event_of_a_letter(
    medvri: MedvriReader, reads_or_refuses: Attempts, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = (VALID / name).read_bytes()
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    assert reads_or_refuses(medvri, data) is None


@given(data=st.binary(max_size=60), text=st.text(max_size=60))
@BUDGET
def test_whatever_the_bytes_there_is_no_event(
    medvri: MedvriReader, reads_or_refuses: Attempts, data: bytes, text: str
) -> None:
    assert reads_or_refuses(medvri, b"UNB+UNOC:3+" + data + b"'") is None
    assert reads_or_refuses(medvri, b"UNB+UNOY:4+" + text.encode() + b"'") is None


# The numbers at begin and end of two samples differ, as they were typed over; the standard says that they are equal.
EXAMPLES = {
    "MEDVRI_1.edi": "/UNZ/2: count",
    "MEDVRI_2_release-teken.edi": "/1/TXT: for-a-person",
    "MEDVRI_4_testsuite.edi": "/UNZ/2: count",
    "MEDLAB_1.edi": "/1/UNH/2: vocabulary",  # results of a laboratory: another message
}


def test_the_samples_are_for_a_person_or_refused_with_a_reason(
    standards: Path, medvri: MedvriReader, refuses: Refuses
) -> None:
    files = sorted((standards / "fhir_gp" / "examples" / "edifact").iterdir())
    assert {path.name: str(refuses(medvri, path.read_bytes())[0]) for path in files} == EXAMPLES
