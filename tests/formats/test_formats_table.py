# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""The table of formats, the problem report, and the values all formats share."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.format_names import AUTO, IN_FORMATS, OUT_FORMATS
from adapters.formats import READERS, WRITERS
from adapters.formats.native import Fault, FormatConfig, Keyword, Malformed
from adapters.problem import SENTENCES, problem_report
from consent.rules import ROLES, national
from schemas.event import CATEGORIES, FIRST_DAY, LAST_DAY, Ending, Event, Kind, Law
from schemas.identity import Citizen, check_bsn, mask

_FOLDER = Path(__file__).parents[2] / "schemas" / "definitions" / "event" / "1"
DEFINITIONS = {name: json.loads((_FOLDER / f"{name}.json").read_text("utf-8")) for name in CATEGORIES}


def test_the_table_names_each_format_as_the_format_names_itself() -> None:
    for name, entry in READERS.items():
        assert name == entry.about.name == entry(FormatConfig()).name
    for name, writer in WRITERS.items():
        assert name == writer.about.name == writer().name


def test_nothing_writes_an_official_message() -> None:
    assert not {"iwmo", "ijw"} & set(WRITERS)


_TEAMS = {"team-jeugd", "team-pw", "team-wmo"}
# The roles whose systems write a format, and those whose systems are written to.
_WRITE = {
    "iwmo": {"provider-wmo", "team-wmo"},
    "ijw": {"provider-jeugd", "team-jeugd"},
    "fhir": {"gp", "provider-jeugd", "provider-wmo"},
    "hl7v2": {"gp", "provider-wmo"},
    "medvri": set(),
    **dict.fromkeys(("cloudevents", "zgw", "team"), _TEAMS),
    "corv": {"zvh"},
    "school": {"partnership", "school"},
    "oso": {"school"},
    "suwi": {"team-pw", "uwv"},
}
_READ = {
    "fhir-task": {"gp"},
    "fhir-communication": {"gp"},
    "hl7v2": {"gp"},
    **dict.fromkeys(("cloudevents", "zgw", "team"), _TEAMS),
    "corv": {"zvh"},
    "school": {"partnership", "school"},
    "csv": set(ROLES),
}


def test_the_table_says_what_is_read_and_written_and_under_which_rows_it_travels() -> None:
    rows = [row for row in national(test_mode=True).rows.values() if row.in_force and row.permits]
    about = [entry.about for entry in READERS.values()] + [writer.about for writer in WRITERS.values()]
    for one in about:
        assert (bool(one.reads), bool(one.writes)) == (one.name in READERS, one.name in WRITERS)
        assert one.tells == tuple(row.id for row in rows if _WRITE.get(one.name, set()) & set(row.senders))
        assert one.told == tuple(row.id for row in rows if _READ.get(one.name, set()) & set(row.recipients))
    assert {row for one in about for row in one.tells} == {row.id for row in rows}


def test_the_settings_of_an_edge_know_the_formats_of_the_table() -> None:
    assert (AUTO, *sorted(READERS)) == IN_FORMATS
    assert tuple(sorted(WRITERS)) == OUT_FORMATS


def test_every_keyword_says_what_to_do_in_dutch_and_in_english() -> None:
    assert set(SENTENCES) == set(Keyword)
    assert all(sentence.endswith(".") for pair in SENTENCES.values() for sentence in pair)


def test_a_problem_report_names_the_place_the_rule_and_what_to_do() -> None:
    report = json.loads(problem_report("a.xml", "iwmo", [Fault("/Bericht/Client/Bsn", Keyword.ELEVEN_TEST, "0001")]))
    assert (report["bestand"], report["formaat"], report["gelezen"]) == ("a.xml", "iwmo", False)
    assert report["fouten"] == [
        {
            "pad": "/Bericht/Client/Bsn",
            "fout": "eleven-test",
            "retourcode": "0001",
            "nl": "Controleer het burgerservicenummer; het voldoet niet aan de elfproef.",
            "en": "Check the citizen service number; it fails the eleven-test.",
        }
    ]


def test_a_refusal_reads_as_its_paths_and_keywords() -> None:
    refused = Malformed((Fault("/a", Keyword.DATE, "0001"), Fault("/b", Keyword.MISSING)))
    assert str(refused) == "/a: date; /b: missing"


def test_a_citizen_shows_no_number_and_needs_one() -> None:
    assert repr(Citizen("999900006", "P-1")) == "Citizen(***)"
    with pytest.raises(ValueError, match="^a citizen needs a bsn or an own number$"):
        Citizen()
    with pytest.raises(ValueError, match="^an own number must be 1 to 64 characters$"):
        Citizen(own_number="P" * 65)


@pytest.mark.parametrize("text", ["999900007", "99990006", "9999000060", "999900006 ", "999.900.006", "000000000", ""])
def test_a_bsn_that_is_not_nine_digits_by_the_eleven_test_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="^(a bsn has exactly nine digits|this bsn fails the eleven-test)$"):
        check_bsn(text)


@given(number=st.integers(0, 999_999_999))
@settings(max_examples=100, deadline=None)
def test_the_eleven_test_is_the_one_of_the_law(number: int) -> None:
    text = f"{number:09d}"
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    passes = number > 0 and sum(weight * int(digit) for weight, digit in zip(weights, text, strict=True)) % 11 == 0
    if passes:
        assert check_bsn(text) == text
    else:
        with pytest.raises(ValueError, match="^this bsn fails the eleven-test$"):
            check_bsn(text)


def test_a_masked_bsn_shows_four_digits() -> None:
    assert mask("999900006") == "*****0006"


_DAYS = st.integers(FIRST_DAY, LAST_DAY)
_EVENTS = st.builds(
    Event, kind=st.sampled_from(Kind), day=_DAYS, law=st.sampled_from(Law), reference=st.none() | st.just("410001")
) | st.builds(Event, kind=st.just(Kind.BEEINDIGD), day=_DAYS, law=st.sampled_from(Law), ending=st.sampled_from(Ending))


@given(event=_EVENTS)
@settings(max_examples=100, deadline=None)
def test_an_event_comes_back_from_its_parts_and_progress_alone_says_nothing_of_law_or_case(event: Event) -> None:
    assert Event.from_parts(event.parts(CATEGORIES)) == event
    alone = Event.from_parts(event.parts(["progress"]))
    assert (alone.kind, alone.day, alone.ending) == (event.kind, event.day, event.ending)
    assert (alone.law, alone.reference) == (None, None)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "an event needs the part progress"),
        ({"service": {"law": "wmo"}}, "an event needs the part progress"),
        ({"progress": {"kind": "gestart", "date": "2026-03-03"}, "health": {}}, "knows no other part than service"),
        ({"progress": {"kind": "gestart", "date": "2026-03-03", "x": 1}}, "a property it does not know"),
        ({"progress": {"kind": "geheim", "date": "2026-03-03"}}, "no kind of the vocabulary"),
        ({"progress": {"kind": "gestart"}}, "missing or has another type"),
        ({"progress": {"kind": "gestart", "date": "2026-02-30"}}, "no such day"),
        ({"progress": {"kind": "gestart", "date": "2026-03-03", "ending": "verhuisd"}}, "beeindigd only"),
        ({"progress": {"kind": "beeindigd", "date": "2026-03-03", "ending": "dood"}}, "no ending of the vocabulary"),
        (
            {"progress": {"kind": "gestart", "date": "2026-03-03"}, "service": {"law": "wlz"}},
            "no law of the vocabulary",
        ),
        (
            {"progress": {"kind": "gestart", "date": "2026-03-03"}, "service": {"law": "wmo", "reference": "x" * 65}},
            "1 to 64 letters, digits and hyphens",
        ),
    ],
)
def test_parts_that_are_no_event_are_refused_without_a_value(parts: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Event.from_parts(parts)
    assert not [word for word in ("geheim", "dood", "wlz", "2026", "xxx") if word in str(refused.value)]


def test_an_unknown_category_and_a_service_without_law_are_no_parts() -> None:
    event = Event(Kind.GESTART, 20_500, None)
    with pytest.raises(ValueError, match="^unknown data category$"):
        event.parts(["health"])
    with pytest.raises(ValueError, match="^an event without a law has no part service$"):
        event.parts(CATEGORIES)


@pytest.mark.parametrize("day", [FIRST_DAY - 1, LAST_DAY + 1])
def test_an_event_on_a_day_that_no_definition_takes_does_not_exist(day: int) -> None:
    with pytest.raises(ValueError, match="^day is outside the calendar$"):
        Event(Kind.GESTART, day, None)


@given(event=_EVENTS)
@settings(max_examples=100, deadline=None)
def test_the_parts_of_any_event_are_valid_by_the_published_definitions(event: Event) -> None:
    for name, part in event.parts(CATEGORIES).items():
        jsonschema_rs.validate(DEFINITIONS[name], part)


def test_a_category_that_was_not_asked_for_is_not_given() -> None:
    event = Event(Kind.GESTART, 20_500, Law.WMO, None, "410001")
    assert event.parts(["service"]) == {"service": {"law": "wmo", "reference": "410001"}}
    assert event.parts([]) == {}


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError, match="kind"):
        Event(Kind.GESTART, 20_500, None).kind = Kind.HERVAT  # type: ignore[misc]
