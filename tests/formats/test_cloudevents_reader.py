# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""CloudEvents: what is read, what is refused, and what is dropped."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.formats import json_strict
from adapters.formats.cloudevents import CloudEventsReader
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed, NativeEvent, Reader, SubjectKind
from schemas.calendar import date_text
from schemas.event import CATEGORIES, Kind, Law
from tests.formats.format_vectors import TYPES, VECTORS, everything_in, hostile, valid

VALID = VECTORS / "cloudevents" / "valid"
ONE = json.loads((VALID / "een.json").read_text("utf-8"))
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]
BUDGET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(("path", "events"), valid("cloudevents"))
def test_a_valid_event_or_batch_gives_these_events(
    cloudevents: CloudEventsReader, path: Path, events: list[dict[str, object]]
) -> None:
    read = cloudevents.read(path.read_bytes())
    assert [event.event.parts(CATEGORIES) for event in read] == [event["parts"] for event in events]
    assert [(event.citizen.bsn, event.citizen.own_number, event.sender) for event in read] == [
        (event["bsn"], event["own_number"], event["sender"]) for event in events
    ]
    assert [list(event.identity) for event in read] == [event["identity"] for event in events]


@pytest.mark.parametrize(("path", "fault"), hostile("cloudevents"))
def test_a_hostile_file_is_refused_with_its_path_and_keyword(
    cloudevents: CloudEventsReader, refuses: Refuses, path: Path, fault: dict[str, str]
) -> None:
    assert refuses(cloudevents, path.read_bytes())[0] == Fault(fault["path"], fault["keyword"], fault.get("code"))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-28T22:59:59Z", "2026-03-28"),
        ("2026-03-28T23:00:00Z", "2026-03-29"),
        ("2026-06-30T21:59:59.999Z", "2026-06-30"),
        ("2026-06-30T22:00:00Z", "2026-07-01"),
        ("2026-06-30t18:00:00-04:00", "2026-07-01"),
        ("2026-12-31T23:59:60+01:00", "2026-12-31"),
        ("2024-02-29T12:00:00-00:00", "2024-02-29"),
    ],
)
def test_the_day_is_the_dutch_calendar_day_of_time(cloudevents: CloudEventsReader, moment: str, day: str) -> None:
    (event,) = cloudevents.read(json.dumps({**ONE, "time": moment}).encode())
    assert date_text(event.event.day) == day


def test_canary_of_a_maximal_event_only_the_allowed_values_come_out(cloudevents: CloudEventsReader) -> None:
    path = VALID / "maximaal.json"
    event = json.loads(path.read_text("utf-8"))
    allowed = {event["id"], event["source"], event["subject"]}
    dropped = {"naam", "toelichting", "KANARIE-VRIJE-TEKST", "KANARIE-DIAGNOSE", "999900018", "Wiebrechtje"}
    dropped |= {str(event[name]) for name in ("type", "time", "dataref", "dataschema", "sequence", "nlwmokanarie")}
    events = cloudevents.read(path.read_bytes())
    out = everything_in(events)
    assert out == allowed | {"gestart", "wmo", "cloudevents", "False", str(events[0].event.day)}
    shown = repr(events) + repr(out)
    assert not [text for text in dropped if text in shown]
    assert event["subject"] not in repr(events)


@pytest.mark.parametrize(
    ("kind", "own_number", "bsn"),
    [(SubjectKind.BSN, None, "999900031"), (SubjectKind.OWN_NUMBER, "999900031", None)],
)
def test_a_bare_nine_digit_subject_is_what_the_configuration_says(
    kind: SubjectKind, own_number: str | None, bsn: str | None
) -> None:
    reader = CloudEventsReader(FormatConfig(cloudevent_types=TYPES, subject_kind=kind))
    (event,) = reader.read((VALID / "negen_cijfers.json").read_bytes())
    assert (event.citizen.own_number, event.citizen.bsn) == (own_number, bsn)


def test_a_bare_nine_digit_subject_is_refused_while_nobody_said_what_it_is(refuses: Refuses) -> None:
    reader = CloudEventsReader(FormatConfig(cloudevent_types=TYPES))
    assert refuses(reader, (VALID / "negen_cijfers.json").read_bytes()) == (Fault("/subject", Keyword.SUBJECT),)


def test_one_bad_event_refuses_the_batch_and_all_faults_are_told(
    cloudevents: CloudEventsReader, refuses: Refuses
) -> None:
    batch = [ONE, {**ONE, "time": "gisteren", "source": ""}, {**ONE, "type": "x"}]
    assert refuses(cloudevents, json.dumps(batch).encode()) == (
        Fault("/1/source", Keyword.PATTERN),
        Fault("/1/time", Keyword.PATTERN),
        Fault("/2/type", Keyword.UNKNOWN_TYPE),
    )


def test_published_examples_are_read_or_refused_with_a_reason(standards: Path, refuses: Refuses) -> None:
    folder = standards / "municipality" / "examples" / "nl-gov-cloudevents"
    types = {"nl.overheid.zaken.zaakstatus-gewijzigd": (Kind.GEWIJZIGD, Law.WMO)}
    reader = CloudEventsReader(FormatConfig(cloudevent_types=types, subject_kind=SubjectKind.BSN))
    (event,) = reader.read((folder / "cloudevent_2.json").read_bytes())
    assert (event.event.kind, date_text(event.event.day)) == (Kind.GEWIJZIGD, "2021-12-10")
    assert "Jansen" not in repr(everything_in([event]))
    assert refuses(reader, (folder / "cloudevent_1.json").read_bytes()) == (Fault("/type", Keyword.UNKNOWN_TYPE),)


@pytest.mark.parametrize("name", ["een.json", "maximaal.json", "reeks.json"])
def test_a_file_cut_off_at_any_byte_is_refused_and_nothing_else_happens(
    cloudevents: CloudEventsReader, refuses: Refuses, name: str
) -> None:
    data = (VALID / name).read_bytes().rstrip()
    for end in range(len(data)):
        refuses(cloudevents, data[:end])


def test_a_file_of_more_than_a_mebibyte_is_refused_unparsed(cloudevents: CloudEventsReader, refuses: Refuses) -> None:
    data = json.dumps({**ONE, "data": "x" * 1024 * 1024}).encode()
    assert refuses(cloudevents, data) == (Fault("/", Keyword.TOO_LARGE),)


def test_an_event_of_64_kib_is_taken_as_the_profile_asks(cloudevents: CloudEventsReader) -> None:
    assert len(cloudevents.read(json.dumps({**ONE, "data": "x" * 65_000}).encode())) == 1


@pytest.mark.parametrize("filler", [b'"', b'\\"', b"[]", b"\\", b'"\\', b"{"])
def test_a_mebibyte_of_hostile_filler_is_refused_in_linear_time(
    cloudevents: CloudEventsReader, refuses: Refuses, filler: bytes
) -> None:
    data = (b'["' + filler * (1024 * 1024 // len(filler)))[: 1024 * 1024]
    began = time.process_time()
    refuses(cloudevents, data)
    assert time.process_time() - began < 5  # quadratic would take minutes


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(value=_JSON, ascii_only=st.booleans())
@BUDGET
def test_strict_json_takes_what_has_no_duplicates_and_changes_nothing(value: object, ascii_only: bool) -> None:
    assert json_strict.parse(json.dumps(value, ensure_ascii=ascii_only).encode(), 10_000, 40) == value


@given(pairs=st.lists(st.tuples(st.text(max_size=2), _JSON), max_size=5), ascii_only=st.booleans())
@BUDGET
def test_strict_json_refuses_a_key_that_stands_twice_however_it_is_written(
    pairs: list[tuple[str, object]], ascii_only: bool
) -> None:
    members = ",".join(f"{json.dumps(key, ensure_ascii=ascii_only)}:{json.dumps(value)}" for key, value in pairs)
    data = f'{{"":[{{{members}}}]}}'.encode()
    if len({key for key, _ in pairs}) == len(pairs):
        assert json_strict.parse(data, 10_000, 40) == {"": [dict(pairs)]}
    else:
        with pytest.raises(Malformed, match="^/: duplicate-key$"):
            json_strict.parse(data, 10_000, 40)


@given(depth=st.integers(1, 60), text=st.text(alphabet='[]{}"\\', max_size=10))
@BUDGET
def test_strict_json_counts_depth_and_not_brackets_in_text(depth: int, text: str) -> None:
    data = ("[" * depth + json.dumps(text) + "]" * depth).encode()
    if depth <= 32:
        assert json_strict.parse(data, 10_000, 32)
    else:
        with pytest.raises(Malformed, match="^/: too-deep$"):
            json_strict.parse(data, 10_000, 32)


_EDITS = st.lists(
    st.tuples(
        st.integers(0, 5_000),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=6), st.sampled_from([b'"', b"{", b"]", b"\\u0000", b"null", b"1e999", b'"id":1,'])
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(name=st.sampled_from(["een.json", "maximaal.json", "reeks.json"]), edits=_EDITS)
@BUDGET
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(
    cloudevents: CloudEventsReader, reads_or_refuses: Attempts, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = (VALID / name).read_bytes()
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    reads_or_refuses(cloudevents, data)


@given(
    name=st.sampled_from(["specversion", "id", "source", "type", "subject", "time"]), value=_JSON | st.text(max_size=80)
)
@BUDGET
def test_any_value_in_any_attribute_is_read_or_refused(
    cloudevents: CloudEventsReader, reads_or_refuses: Attempts, name: str, value: object
) -> None:
    events = reads_or_refuses(cloudevents, json.dumps({**ONE, name: value}).encode())
    (good,) = cloudevents.read(json.dumps(ONE).encode())
    if events is not None and name in ("type", "specversion"):
        assert events == [replace(good)]
