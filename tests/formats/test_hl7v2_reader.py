# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""HL7 v2: what is read, what is refused by name, what is dropped, and the notice that goes out."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hl7lw import Hl7Parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.formats.hl7v2 import Hl7v2Reader
from adapters.formats.hl7v2_lists import APPOINTMENTS, FILLER_STATUS, MESSAGES, OTHER_TRIGGERS, READ, TRIGGERS
from adapters.formats.hl7v2_notice import Hl7v2Writer
from adapters.formats.native import Fault, FormatConfig, Keyword, NativeEvent, Notice, Reader
from schemas.calendar import date_text, parse_date
from schemas.event import CATEGORIES, Ending, Event, Kind, Law
from tests.formats.format_vectors import VECTORS, everything_in, hostile, valid, with_every_segment

VALID = VECTORS / "hl7v2" / "valid"
FILES = [path.name for path in sorted(VALID.iterdir())]
BUDGET = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Refuses = Callable[[Reader, bytes], tuple[Fault, ...]]
Attempts = Callable[[Reader, bytes], list[NativeEvent] | None]


@pytest.fixture(scope="session")
def hl7v2() -> Hl7v2Reader:
    return Hl7v2Reader(FormatConfig(laws={"hl7v2": Law.WMO}, own_number_system="HIS"))


def the(name: str) -> bytes:
    return (VALID / name).read_bytes()


@pytest.mark.parametrize(("path", "events"), valid("hl7v2"))
def test_a_valid_file_gives_these_events(hl7v2: Hl7v2Reader, path: Path, events: list[dict[str, object]]) -> None:
    found = [
        {
            "parts": event.event.parts(CATEGORIES),
            "bsn": event.citizen.bsn,
            "own_number": event.citizen.own_number,
            "sender": event.sender,
            "receiver": event.receiver,
            "identity": list(event.identity),
            "retracts": event.retracts,
        }
        for event in hl7v2.read(path.read_bytes())
    ]
    assert found == events


@pytest.mark.parametrize(("path", "fault"), hostile("hl7v2"))
def test_a_hostile_file_is_refused_with_its_path_and_keyword(
    hl7v2: Hl7v2Reader, refuses: Refuses, path: Path, fault: dict[str, str]
) -> None:
    assert refuses(hl7v2, path.read_bytes())[0] == Fault(fault["path"], fault["keyword"])


def test_without_a_law_in_the_configuration_nothing_is_told(refuses: Refuses) -> None:
    reader = Hl7v2Reader(FormatConfig(own_number_system="HIS"))
    assert refuses(reader, the("ref_i12.hl7")) == (Fault("/", Keyword.LAW),)


@pytest.mark.parametrize("trigger", [f"S{number}" for number in range(12, 27)])
@pytest.mark.parametrize("status", ["", *sorted(FILLER_STATUS)])
def test_every_appointment_message_and_status_is_told_called_back_or_refused_by_name(
    hl7v2: Hl7v2Reader, refuses: Refuses, trigger: str, status: str
) -> None:
    data = the("siu_s12.hl7").replace(b"S12^", trigger.encode() + b"^").replace(b"|Booked", b"|" + status.encode())
    if (trigger, status) in APPOINTMENTS:
        kind = APPOINTMENTS[trigger, status]
        events = hl7v2.read(data)
        assert {event.retracts for event in events} == {kind is None}
        assert {event.event.kind for event in events} == ({kind} if kind else {Kind.ACTIE_BELEGD, Kind.ACTIE_AFGEROND})
        return
    known = trigger in OTHER_TRIGGERS["SIU"] | TRIGGERS["SIU"]
    place = "/1/SCH/25" if trigger in TRIGGERS["SIU"] else "/1/MSH/9"
    assert refuses(hl7v2, data)[0] == Fault(place, Keyword.NO_EVENT if known else Keyword.CODE_LIST)


def test_a_result_tells_only_that_it_arrived_and_a_corrected_one_is_the_same(hl7v2: Hl7v2Reader) -> None:
    (one,) = hl7v2.read(the("oru_r01.hl7"))
    (again,) = hl7v2.read(the("oru_r01.hl7").replace(b"|F\r", b"|C\r").replace(b"|M7|", b"|M99|"))
    assert one.event.kind is Kind.UITKOMST_BESCHIKBAAR
    assert one == again


def test_a_moment_is_put_on_the_dutch_calendar_and_one_without_offset_is_the_senders(hl7v2: Hl7v2Reader) -> None:
    data = the("oru_r01.hl7")
    for moment, day in {
        b"20260328233000+0000": "2026-03-29",
        b"202603282330": "2026-03-28",
        b"20260701": "2026-07-01",
        b"20260630180000.1234-0400": "2026-07-01",
    }.items():
        (event,) = hl7v2.read(data.replace(b"20260303101500+0100", moment))
        assert date_text(event.event.day) == day


# -- what is dropped -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ref_i12.hl7", "rri_i12_afgewezen.hl7", "siu_s12.hl7", "oru_r01.hl7"])
def test_canary_in_every_field_only_the_allowed_values_come_out(hl7v2: Hl7v2Reader, name: str) -> None:
    used = {
        "MSH": {*range(1, 13)} | {18},
        "PID": {3},
        "RF1": {1, 6, 7, 8, 9},
        "SCH": {1, 2, 25},
        "OBR": {2, 3, 25},
    }
    kind = the(name).split(b"|")[8].split(b"^")[0].decode()
    lines, count = [], 0
    for line in the(name).decode().rstrip("\r").split("\r"):
        segment, *fields = line.split("|")
        fields += [""] * (40 - len(fields))
        first = 2 if segment == "MSH" else 1
        for place in range(len(fields)):
            if place + first not in used.get(segment, set()):
                fields[place] = f"KANARIE-{segment}-{place + first}"
                count += 1
        lines.append("|".join([segment, *fields]))
    lines = [*with_every_segment(kind, lines), "ZKN|KANARIE-Z"]
    assert {line[:3] for line in lines} == {*MESSAGES[kind].names, "ZKN"}
    events = hl7v2.read("".join(f"{line}\r" for line in lines).encode())
    assert count > 100
    allowed = {"hl7v2", "REF", "SIU", "ORU", "HAP01", "TEAM01", "R-100", "A-1", "F-1", "HIS", "LAB", "wmo", "False"}
    allowed |= {"999900006", "P-17", str(events[0].event.day), *(kind.value for kind in Kind)}
    assert everything_in(events) <= allowed
    assert "KANARIE" not in repr(events) + repr(everything_in(events))
    assert "999900006" not in repr(events)


def test_no_field_of_a_segment_that_is_dropped_reaches_the_parser(
    hl7v2: Hl7v2Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    parse = Hl7Parser.parse_message

    def watch(self: Hl7Parser, message: str) -> object:
        seen.append(message)
        return parse(self, message)

    monkeypatch.setattr(Hl7Parser, "parse_message", watch)
    hl7v2.read(the("ref_i12.hl7"))
    assert {line[:3] for line in seen[0].rstrip("\r").split("\r")} <= READ
    assert "K63" not in seen[0]


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ref_i12.hl7", "siu_s12.hl7", "oru_r01.hl7"])
def test_a_message_cut_off_inside_a_segment_is_refused_and_at_its_end_says_the_same_or_is_refused(
    hl7v2: Hl7v2Reader, refuses: Refuses, reads_or_refuses: Attempts, name: str
) -> None:
    data = the(name)
    whole = hl7v2.read(data)
    for end in range(len(data)):
        if data[end - 1 : end] == b"\r":
            # Segments that the standard lets out may be the missing ones; nothing can tell, and nothing was read in them.
            assert reads_or_refuses(hl7v2, data[:end]) in (None, whole)
        else:
            refuses(hl7v2, data[:end])


def test_a_batch_cut_off_at_any_byte_is_refused(hl7v2: Hl7v2Reader, refuses: Refuses) -> None:
    data = the("partij.hl7")
    for end in range(len(data)):
        refuses(hl7v2, data[:end])


def test_a_file_of_more_than_a_mebibyte_is_refused_unparsed(hl7v2: Hl7v2Reader, refuses: Refuses) -> None:
    data = the("ref_i12.hl7") + b"NTE|" + b"x" * 1024 * 1024 + b"\r"
    assert refuses(hl7v2, data) == (Fault("/", Keyword.TOO_LARGE),)


@pytest.mark.parametrize("filler", [b"~", b"^", b"|", b"&", b"\\", b"\r", b"PID|1\r", b"MSH|^~\\&|\r", b"BHS|\r"])
def test_a_mebibyte_of_hostile_filler_is_refused_in_linear_time(
    hl7v2: Hl7v2Reader, refuses: Refuses, filler: bytes
) -> None:
    start = b"MSH|^~\\&|A|B|C|D|20260303||REF^I12|1|P|2.4\rPID|1||"
    data = (start + filler * (1024 * 1024 // len(filler)))[: 1024 * 1024 - 1] + b"\r"
    began = time.process_time()
    refuses(hl7v2, data)
    assert time.process_time() - began < 30  # quadratic would take minutes


_FRAGMENTS = [
    b"|",
    b"^",
    b"~",
    b"&",
    b"\\E\\",
    b"\r",
    b"\r\n",
    b"MSH|^~\\&|",
    b"PID|",
    b'""',
    b"\xe9",
    b"\0",
    b"BHS|\r",
]
_EDITS = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(0, 20), st.binary(max_size=5) | st.sampled_from(_FRAGMENTS)),
    min_size=1,
    max_size=4,
)


@given(name=st.sampled_from(FILES), edits=_EDITS)
@BUDGET
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(
    hl7v2: Hl7v2Reader, reads_or_refuses: Attempts, name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    data = the(name)
    for start, length, fragment in edits:
        place = start % (len(data) + 1)
        data = data[:place] + fragment + data[place + length :]
    reads_or_refuses(hl7v2, data)


@given(
    name=st.sampled_from(FILES), field=st.integers(0, 400), value=st.text(max_size=12) | st.from_regex("[0-9]{4,14}")
)
@BUDGET
def test_any_value_in_any_field_is_read_or_refused_and_a_bsn_is_sound(
    hl7v2: Hl7v2Reader, reads_or_refuses: Attempts, name: str, field: int, value: str
) -> None:
    fields = the(name).split(b"|")
    fields[field % len(fields)] = value.encode("latin-1", "replace")
    for event in reads_or_refuses(hl7v2, b"|".join(fields)) or []:
        assert event.citizen.bsn in (None, "999900006")


@given(order=st.permutations(range(6)))
@BUDGET
def test_segments_in_another_order_are_refused_or_say_the_same(
    hl7v2: Hl7v2Reader, reads_or_refuses: Attempts, order: list[int]
) -> None:
    lines = the("ref_i12.hl7").rstrip(b"\r").split(b"\r")
    assert [line[:3] for line in lines] == [b"MSH", b"RF1", b"PRD", b"PID", b"DG1", b"NTE"]
    events = reads_or_refuses(hl7v2, b"".join(lines[place] + b"\r" for place in order))
    assert events == (hl7v2.read(the("ref_i12.hl7")) if order == sorted(order) else None)


# -- the published examples ------------------------------------------------------------------------------------------

# With the end of its last segment, which most of these files lack, put back: that was lost when they were copied.
EXAMPLES = {
    "hl7v2-nl/ORM-O01_ZorgDomein_PID.hl7": "/1/MSH/9: vocabulary",  # an order
    "hl7v2-nl/ZorgDomein_OML-O21_1.hl7": "/1/MSH/9: vocabulary",
    "hl7v2-nl/ZorgDomein_ORU-R01_verwijsbrief_1.hl7": "/1/PID/3: missing",  # its BSN was taken out
    "hl7v2/ADT-A01-01.hl7": "/1/MSH/9: vocabulary",  # admissions
    "hl7v2/ADT-A03-01.hl7": "/1/MSH/9: vocabulary",
    "hl7v2/ADT-A28-01.hl7": "/1/MSH/9: vocabulary",
    "hl7v2/ADT-A31-02.hl7": "/1/MSH/9: vocabulary",
    "hl7v2/MDM-T02-01.hl7": "/1/MSH/9: vocabulary",  # documents
    "hl7v2/MDM-T02-02.hl7": "/1/MSH/9: vocabulary",
    "hl7v2/REF-I12-01.hl7": "/1/PID/3: missing",  # numbers of a hospital elsewhere, no BSN
    "hl7v2/REF-I14-01.hl7": "/1/MSH/9: no-event",
    "hl7v2/REF-I14-02.hl7": "/1/MSH/9: no-event",
    "hl7v2/RRI-I12_IE_terugkoppeling_verwijzing.hl7": "/1/PID/3: missing",  # an Irish number
    "hl7v2/SIU-S12-02.hl7": "/1/PID/3: missing",
    "hl7v2/SIU-S15-01.hl7": "/1/PID/3: missing",
}


def _ended(data: bytes) -> bytes:
    end = b"\r\n" if b"\r\n" in data else b"\n" if b"\n" in data else b"\r"
    return data.rstrip(b"\r\n") + end


def test_published_examples_are_refused_with_a_reason(standards: Path, hl7v2: Hl7v2Reader, refuses: Refuses) -> None:
    folder = standards / "fhir_gp" / "examples"
    files = sorted(folder.glob("hl7v2*/*.hl7"))
    assert {str(path.relative_to(folder)) for path in files} == EXAMPLES.keys()
    for path in files:
        faults = [str(fault) for fault in refuses(hl7v2, _ended(path.read_bytes()))]
        assert EXAMPLES[str(path.relative_to(folder))] in faults, path.name


@pytest.mark.parametrize("name", ["REF-I12-01.hl7", "SIU-S12-02.hl7", "SIU-S15-01.hl7"])
def test_a_published_example_is_read_once_it_names_its_client_by_bsn(
    standards: Path, hl7v2: Hl7v2Reader, name: str
) -> None:
    lines = _ended((standards / "fhir_gp" / "examples" / "hl7v2" / name).read_bytes()).splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith(b"PID|"):
            fields = line.split(b"|")
            fields[3] = b"999900006^^^NLMINBIZA^NNNLD"
            lines[number] = b"|".join(fields)
    events = hl7v2.read(b"".join(lines))
    assert events
    assert {event.citizen.bsn for event in events} == {"999900006"}


# -- out -------------------------------------------------------------------------------------------------------------

NOTICE = Notice(
    event_id=bytes(range(16)),
    event=Event(Kind.GESTART, parse_date("2026-03-03"), None),
    law=Law.WMO,
    task="huisarts Wmo",
    sender_name="Team | Wmo ^ Zuid\r\nPID|9",
    own_number="P-2026-17",
    bsn=None,
    retracted=False,
    told_on=parse_date("2026-03-04"),
)
EVENTS = [Event(kind, 20_500, None) for kind in Kind] + [Event(Kind.BEEINDIGD, 20_500, None, end) for end in Ending]


@pytest.mark.parametrize("event", [*EVENTS, None], ids=lambda event: "none" if event is None else str(event.kind))
@pytest.mark.parametrize("retracted", [False, True])
@pytest.mark.parametrize("bsn", [None, "999900006"])
def test_a_notice_is_five_segments_with_a_fixed_sentence_and_never_read_back_as_news(
    hl7v2: Hl7v2Reader, refuses: Refuses, event: Event | None, retracted: bool, bsn: str | None
) -> None:
    data = Hl7v2Writer().write([replace(NOTICE, event=event, retracted=retracted, bsn=bsn)])
    lines = data.decode().removesuffix("\r").split("\r")
    assert [line[:4] for line in lines] == ["MSH|", "RF1|", "PRD|", "PID|", "NTE|"]
    client = "P-2026-17" if bsn is None else "999900006^^^NLMINBIZA^NNNLD"
    assert lines[3] == f"PID|1||{client}||~^^^^^^U"
    assert "niet geverifieerd" in lines[4]
    assert ("2026-02-16" in lines[4]) == (event is not None and not retracted)
    assert Fault("/1/MSH/3", Keyword.NO_EVENT) in refuses(hl7v2, data)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind))
@pytest.mark.parametrize("bsn", [None, "999900006"])
def test_a_notice_is_a_message_that_a_strict_reader_takes_once_another_system_wrote_it(
    hl7v2: Hl7v2Reader, event: Event, bsn: str | None
) -> None:
    data = Hl7v2Writer().write([replace(NOTICE, event=event, bsn=bsn, own_system="HIS")])
    (read,) = hl7v2.read(data.replace(b"|SCHAKEL|", b"|HIS|HAP01", 1))
    assert (read.citizen.bsn, read.citizen.own_number) == ((bsn, None) if bsn else (None, "P-2026-17"))
    assert read.event.kind in (Kind.AANGEMELD, Kind.IN_ONDERZOEK, Kind.AFGEWEZEN)


def test_several_notices_are_several_messages_and_a_retraction_has_a_number_of_its_own() -> None:
    data = Hl7v2Writer().write([NOTICE, replace(NOTICE, retracted=True)])
    headers = [line.split("|") for line in data.decode().split("\r") if line.startswith("MSH|")]
    assert len({header[9] for header in headers}) == len(headers) == 2
    assert all(len(header[9]) == 20 for header in headers)
    with pytest.raises(ValueError, match="^there is no notice to write$"):
        Hl7v2Writer().write([])
