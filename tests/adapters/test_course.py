# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Statuses that come back: a resumption, a second interruption, a booking after it was called off; and what is no news."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.course import Placed, Run, beside, meaning, place
from adapters.formats.fhir import FhirReader
from adapters.formats.hl7v2 import Hl7v2Reader
from adapters.formats.native import FormatConfig, NativeEvent
from adapters.formats.team import TeamReader
from adapters.formats.zgw import ZgwReader
from schemas.calendar import date_text, day_of, parse_date, start_of_day
from schemas.event import Event, Kind, Law
from tests.adapters.edges import CASES, GP, PROVIDER, TEAM, Neighbours
from tests.adapters.test_edge import agree, begin
from tests.formats.format_vectors import MORE_TYPES, VECTORS

FHIR = FhirReader(FormatConfig(laws={"fhir": Law.WMO}))
HL7 = Hl7v2Reader(FormatConfig(laws={"hl7v2": Law.WMO}))
_TYPES = "https://catalogi.voorbeeldgemeente.example/api/v1/statustypen"
ZGW = ZgwReader(
    FormatConfig(
        cloudevent_types={
            **MORE_TYPES,
            f"{_TYPES}/opgeschort": (Kind.ONDERBROKEN, Law.WMO),
            f"{_TYPES}/uitvoering": (Kind.GESTART, Law.WMO),
        }
    )
)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    begin(neighbours)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def resource(name: str, status: str, changed: str | None, **more: Any) -> list[NativeEvent]:
    """A resource of the provider's system, as it is at this moment."""
    text = (VECTORS / "fhir" / "valid" / f"{name}.json").read_text("utf-8")
    text = text.replace("01234567", "12345678").replace("999900018", "999900006")
    began: dict[str, Any] = {"executionPeriod": {"start": "2026-02-01"}} if name == "task" else {}
    whole: dict[str, Any] = {**json.loads(text), "authoredOn": "2026-02-01", **began, "status": status}
    whole |= more
    whole.pop("lastModified", None)
    whole.pop("meta", None)
    if changed is not None:
        whole["meta"] = {"lastUpdated": changed}
    return FHIR.read(json.dumps(whole).encode())


def task(status: str, changed: str | None, **more: Any) -> list[NativeEvent]:
    return resource("task", status, changed, **more)


def message(name: str, *changes: tuple[bytes, bytes]) -> list[NativeEvent]:
    """A message of the provider's system."""
    data = (VECTORS / "hl7v2" / "valid" / f"{name}.hl7").read_bytes().replace(b"|HAP01|", b"|12345678|")
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    return HL7.read(data)


def sent_at(moment: bytes) -> tuple[bytes, bytes]:
    return b"20260303101500+0100", moment


def case(number: int, kind: str, at: str) -> list[NativeEvent]:
    """The case of the municipality with a status that was set at this moment."""
    whole = json.loads((VECTORS / "zgw" / "valid" / "status_gemeld.json").read_text("utf-8"))
    del whole["notificatie"]
    whole["status"] |= {"url": f"https://zaken.example/statussen/{number}", "statustype": f"{_TYPES}/{kind}"}
    whole["status"]["datumStatusGezet"] = at
    events = ZGW.read(json.dumps(whole).encode())
    return [replace(event, sender=CASES) for event in events if event.event.kind is not Kind.AANGEMELD]


def days(near: Neighbours) -> list[tuple[str, str]]:
    views = near[TEAM].view(near[TEAM].clients()[0].number)
    return [(line.what, date_text(line.day)) for view in views for line in view.lines]


# -- FHIR ------------------------------------------------------------------------------------------------------------


def test_a_task_that_goes_on_after_it_was_put_on_hold_is_told_as_resumed_on_that_day(near: Neighbours) -> None:
    near.take(PROVIDER, *task("in-progress", "2026-02-03T09:00:00Z"))
    near.take(PROVIDER, *task("on-hold", "2026-02-05T09:00:00Z"))
    near.take(PROVIDER, *task("in-progress", "2026-02-07T09:00:00Z"))
    near.settle(2)
    assert days(near) == [
        ("gestart", "2026-02-01"),  # as executionPeriod says
        ("onderbroken", "2026-02-05"),
        ("hervat", "2026-02-07"),
    ]


def test_a_request_that_is_active_again_after_it_was_put_on_hold_is_told_as_resumed(near: Neighbours) -> None:
    for status, changed in (
        ("active", "2026-02-03T09:00:00Z"),
        ("on-hold", "2026-02-05T09:00:00Z"),
        ("active", "2026-02-07T09:00:00Z"),
    ):
        near.take(PROVIDER, *resource("servicerequest", status, changed))
    near.settle(2)
    assert near.told(TEAM) == ["aangemeld", "onderbroken", "hervat"]


def test_a_second_interruption_is_told_and_so_is_going_on_after_it(near: Neighbours) -> None:
    for day, status in enumerate(("in-progress", "on-hold", "in-progress", "on-hold", "in-progress"), 3):
        near.take(PROVIDER, *task(status, f"2026-02-0{day}T09:00:00Z"))
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "onderbroken", "hervat", "onderbroken", "hervat"]


def test_a_status_that_is_said_again_because_something_else_changed_is_no_news(near: Neighbours) -> None:
    near.take(PROVIDER, *task("in-progress", "2026-02-03T09:00:00Z"))
    near.take(PROVIDER, *task("in-progress", "2026-02-04T09:00:00Z", priority="urgent"))
    near.take(PROVIDER, *task("on-hold", "2026-02-05T09:00:00Z"))
    near.take(PROVIDER, *task("on-hold", "2026-02-06T09:00:00Z", priority="routine"))
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "onderbroken"]


def test_the_same_file_and_the_same_version_in_another_file_are_told_once(near: Neighbours) -> None:
    versions = [
        task("in-progress", "2026-02-03T09:00:00Z"),
        task("on-hold", "2026-02-05T09:00:00Z"),
        task("in-progress", "2026-02-07T09:00:00Z"),
    ]
    for events in (*versions, *versions, *reversed(versions)):
        near.take(PROVIDER, *events)
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "onderbroken", "hervat"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_versions_that_arrive_in_any_order_lose_no_fact(near: Neighbours, order: tuple[int, ...]) -> None:
    versions = [
        task("in-progress", "2026-02-03T09:00:00Z"),
        task("on-hold", "2026-02-05T09:00:00Z"),
        task("in-progress", "2026-02-07T09:00:00Z"),
    ]
    for place_in_order in order:
        near.take(PROVIDER, *versions[place_in_order])
    near.settle(2)
    told = near.told(TEAM)
    assert len(told) == 3
    assert told.count("onderbroken") == 1
    assert {"gestart", "hervat"} >= set(told) - {"onderbroken"}


def test_three_versions_in_one_bundle_are_three_facts(near: Neighbours) -> None:
    text = (VECTORS / "fhir" / "valid" / "task.json").read_text("utf-8").replace("01234567", "12345678")
    entries, began = [], {"authoredOn": "2026-02-01", "executionPeriod": {"start": "2026-02-01"}}
    for status, day in (("in-progress", 3), ("on-hold", 5), ("in-progress", 7)):
        moment = f"2026-02-0{day}T09:00:00Z"
        entries.append({"resource": {**json.loads(text), "status": status, "lastModified": moment, **began}})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    near.take(PROVIDER, *FHIR.read(json.dumps(bundle).encode()))
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "onderbroken", "hervat"]


def test_what_was_entered_in_error_calls_back_each_time_that_it_was_told(near: Neighbours) -> None:
    for day, status in enumerate(("in-progress", "on-hold", "in-progress"), 3):
        near.take(PROVIDER, *task(status, f"2026-02-0{day}T09:00:00Z"))
    near.settle(2)
    assert len(near.told(TEAM)) == 3
    near.take(PROVIDER, *task("entered-in-error", "2026-02-08T09:00:00Z"))
    near.settle(2)
    assert near.told(TEAM) == []
    # An older version that comes late says nothing about how it is now.
    near.take(PROVIDER, *task("on-hold", "2026-02-04T09:00:01Z"))
    near.settle(2)
    assert near.told(TEAM) == []


def test_a_resource_that_does_not_say_when_it_changed_tells_each_status_once(near: Neighbours) -> None:
    for _ in range(2):
        near.take(PROVIDER, *task("in-progress", None, priority="urgent"))
        near.take(PROVIDER, *task("completed", None, executionPeriod={"start": "2026-02-03", "end": "2026-02-04"}))
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "beëindigd (volgens plan)"]


def test_a_change_that_says_it_is_still_to_come_silences_nothing(near: Neighbours) -> None:
    near.take(PROVIDER, *task("in-progress", "2026-02-03T09:00:00Z"))
    near.take(PROVIDER, *task("entered-in-error", "2199-03-05T09:00:00Z"))
    near.world.advance(minutes=1)
    now = day_of(near.world.now) + 1
    near.take(PROVIDER, *task("on-hold", f"{date_text(now)}T09:00:00Z"))
    near.settle(2)
    assert near.told(TEAM) == ["onderbroken"]


# -- ZGW, HL7 v2, the forms ------------------------------------------------------------------------------------------


def test_a_status_of_a_case_that_goes_on_after_a_suspension_is_told_as_resumed(near: Neighbours) -> None:
    agree(near)
    near.take(TEAM, *case(1, "uitvoering", "2026-02-03T09:00:00Z"))
    near.take(TEAM, *case(2, "opgeschort", "2026-02-05T09:00:00Z"))
    near.take(TEAM, *case(3, "uitvoering", "2026-02-07T09:00:00Z"))
    near.take(TEAM, *case(3, "uitvoering", "2026-02-07T09:00:00Z"))
    # Set again without anything in between: a status of its own, and told as that.
    near.take(TEAM, *case(4, "uitvoering", "2026-02-08T09:00:00Z"))
    near.take(TEAM, *case(1, "uitvoering", "2026-02-03T09:00:00Z"))
    near.settle(2)
    assert near.told(GP, "H-7") == ["gestart", "onderbroken", "hervat", "gestart"]


def test_an_appointment_that_is_booked_again_is_told_again_and_an_old_booking_is_not(near: Neighbours) -> None:
    booked = message("siu_s12", sent_at(b"20260203101500+0100"))
    near.take(PROVIDER, *booked)
    near.settle(2)
    assert near.told(TEAM) == ["actie belegd"]
    near.take(PROVIDER, *message("siu_s15", sent_at(b"20260204101500+0100")))
    near.settle(2)
    assert near.told(TEAM) == []
    near.take(PROVIDER, *booked)  # the old message once more, in another file
    near.settle(2)
    assert near.told(TEAM) == []
    near.take(PROVIDER, *message("siu_s12", sent_at(b"20260205101500+0100")))
    near.settle(2)
    assert near.told(TEAM) == ["actie belegd"]


def test_a_calling_off_that_comes_late_leaves_the_later_booking(near: Neighbours) -> None:
    near.take(PROVIDER, *message("siu_s12", sent_at(b"20260203101500+0100")))
    near.take(PROVIDER, *message("siu_s12", sent_at(b"20260205101500+0100"), (b"|M4|", b"|M5|")))
    near.take(PROVIDER, *message("siu_s15", sent_at(b"20260204101500+0100")))
    near.settle(2)
    assert near.told(TEAM) == ["actie belegd"]


def test_a_booking_that_is_only_sent_again_is_no_news(near: Neighbours) -> None:
    near.take(PROVIDER, *message("siu_s12", sent_at(b"20260203101500+0100")))
    near.take(PROVIDER, *message("siu_s12", sent_at(b"20260204101500+0100")))
    near.settle(2)
    assert near.told(TEAM) == ["actie belegd"]


def test_a_referral_that_waits_again_after_it_was_accepted_is_told_again() -> None:
    waits = message("ref_i12")
    (accepted,) = message("ref_i12", (b"RF1|P^Pending", b"RF1|A^Accepted"), sent_at(b"20260204101500+0100"))
    (again,) = message("ref_i12", sent_at(b"20260205101500+0100"))
    assert again.identity == waits[0].identity
    assert again.course is not None
    assert accepted.course is not None
    assert again.course.key == accepted.course.key
    data = b"".join(
        (VECTORS / "hl7v2" / "valid" / "ref_i12.hl7").read_bytes().replace(*sent_at(at)).replace(b"RF1|P^", status)
        for at, status in (
            (b"20260203101500+0100", b"RF1|P^"),
            (b"20260204101500+0100", b"RF1|A^"),
            (b"20260205101500+0100", b"RF1|P^"),
        )
    )
    assert [event.event.kind for event in HL7.read(data)] == [Kind.AANGEMELD, Kind.IN_ONDERZOEK, Kind.AANGEMELD]


def test_an_entry_of_a_team_says_itself_what_it_is_and_nothing_is_made_of_it() -> None:
    whole = json.loads((VECTORS / "team" / "valid" / "meldingen.json").read_text("utf-8"))
    assert {event.course for event in TeamReader(FormatConfig()).read(json.dumps(whole).encode())} == {None}


# -- the order -------------------------------------------------------------------------------------------------------

_KINDS = (Kind.GESTART, Kind.ONDERBROKEN, Kind.BEEINDIGD)
_STATED = st.lists(st.tuples(st.integers(1, 12), st.sampled_from(_KINDS)), max_size=8, unique_by=lambda one: one[0])


def _names(kind: Kind, at: int | None) -> bytes:
    return f"{kind} {at}".encode()


def _event(kind: Kind, at: int) -> Event:
    return Event(kind, day_of(at), None)


def _put(
    statements: list[tuple[int, Kind]], seen: Callable[[Placed], None] = lambda _: None
) -> tuple[tuple[Run, ...], list[tuple[bytes, Kind]]]:
    """The runs after all these, and the facts that were told on the way, each name once."""
    runs: tuple[Run, ...] = ()
    told: dict[bytes, Kind] = {}
    for day, kind in statements:
        at = start_of_day(20_500 + day)
        placed = place(runs, _event(kind, at), at, _names)
        seen(placed)
        for fact in placed.facts:
            told.setdefault(fact.name, meaning(placed, fact, Kind.GESTART).kind)
        runs = placed.runs
    return runs, list(told.items())


@given(statements=_STATED, data=st.data())
@settings(max_examples=300, deadline=None)
def test_in_whatever_order_statements_arrive_the_runs_are_the_same_and_each_was_told(
    statements: list[tuple[int, Kind]], data: st.DataObject
) -> None:
    in_order, told_in_order = _put(sorted(statements, key=lambda one: one[0]))
    shuffled = data.draw(st.permutations(statements))

    def sound(placed: Placed) -> None:
        assert len({run.name for run in placed.runs}) == len(placed.runs)
        assert all(one.last <= other.begin for one, other in zip(placed.runs, placed.runs[1:], strict=False))
        assert set(placed.facts) <= set(placed.runs)

    runs, told = _put(list(shuffled), sound)
    assert [run.event.kind for run in runs] == [run.event.kind for run in in_order]
    assert {run.name for run in runs} <= {name for name, _ in told}
    assert len(told) == len(told_in_order) == len(runs)
    # All of it again changes nothing.
    again, more = _put([*shuffled, *statements])
    assert [run.event.kind for run in again] == [run.event.kind for run in runs]
    assert len(more) == len(told)


def test_statements_of_one_moment_stand_in_the_order_of_arrival() -> None:
    day = parse_date("2026-02-03")
    at = start_of_day(day)
    runs: tuple[Run, ...] = ()
    found = []
    for kind in (Kind.GESTART, Kind.ONDERBROKEN, Kind.GESTART):
        placed = place(runs, Event(kind, day, None), at, _names)
        runs = placed.runs
        found.append(meaning(placed, placed.facts[0], Kind.GESTART).kind)
    # What was said at that very moment before is that.
    assert found == [Kind.GESTART, Kind.ONDERBROKEN, Kind.GESTART]


def test_of_a_status_that_is_stated_very_often_the_first_and_the_last_moment_are_kept() -> None:
    runs: tuple[Run, ...] = ()
    for at in range(1_000):
        runs = place(runs, _event(Kind.GESTART, 0), at, _names).runs
    (run,) = runs
    assert (run.begin, run.last, len(run.moments)) == (0, 999, 100)


def test_statuses_with_names_of_their_own_stand_beside_each_other() -> None:
    first = Run(b"1", _event(Kind.GESTART, 0), (0,))
    second = Run(b"2", _event(Kind.ONDERBROKEN, 5), (5,))
    third = Run(b"3", _event(Kind.GESTART, 9), (9,))
    placed = beside((third, first), second)
    assert placed.runs == (first, second, third)
    assert meaning(beside((first, second), third), third, Kind.GESTART).kind is Kind.HERVAT
    assert meaning(beside((first, second), third), third, None).kind is Kind.GESTART
    moved = replace(third, moments=(3,))
    assert beside((first, second, third), moved).runs == (first, moved, second)
