# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The edge as a whole, against the real hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.clients import ClientConflictError, ClientRow
from adapters.formats import WRITERS
from adapters.intake import Arrived
from adapters.objections import TAKEN_BACK
from adapters.records_outgoing import ACTIVE, GRANTS
from schemas.event import Kind
from schemas.identity import Citizen
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, Neighbours, allocation, decided, start, status, stop
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def begin(near: Neighbours) -> None:
    """The allocation is read at both sides, and each has introduced its client to the other."""
    near.take(TEAM, allocation())
    near.take(PROVIDER, allocation())
    near.settle(3)


def agree(near: Neighbours) -> str:
    """The citizen agrees that the GP may know; the stop code."""
    near[GP].import_clients([ClientRow("H-7", BSN, "")])
    number = near[TEAM].clients()[0].number
    made = near[TEAM].make_agreement(number, Conversation(("Praktijk Voorbeeld",))).made
    near.settle(3)
    return made[0].stop_code


def test_an_allocation_read_at_both_sides_lets_each_tell_the_other(near: Neighbours) -> None:
    begin(near)
    assert near.told(PROVIDER) == ["toegewezen"]
    near.take(PROVIDER, start())
    near.settle(2)
    assert near.told(TEAM) == ["gestart"]
    line = near[TEAM].view(near[TEAM].clients()[0].number)[0].lines[0]
    assert (line.sender_name, line.allocation, line.note) == ("Zorg Voorbeeld", "1001", "niet geverifieerd")
    assert near[TEAM].outbox() == near[PROVIDER].outbox() == []


def test_without_a_grant_nothing_leaves_now_or_later(near: Neighbours) -> None:
    near[TEAM].import_clients([ClientRow("C-1", BSN, "")])
    taken = near.take(TEAM, status(1, today=near.world.today))
    assert (taken.told, taken.not_shared) == (0, 1)
    agree(near)
    near.settle(2)
    assert near.told(GP, "H-7") == []


def test_an_agreement_lets_the_gp_know_and_its_end_stops_that(near: Neighbours) -> None:
    begin(near)
    agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    assert near.told(GP, "H-7") == ["in onderzoek"]
    number = near[TEAM].clients()[0].number
    consent = near[TEAM].agreements(number)[0]
    assert run(near[TEAM].end_agreement(consent.id)) is True
    near.take(TEAM, status(2, Kind.ACTIE_BELEGD, near.world.today))
    near.settle(2)
    assert near.told(GP, "H-7") == ["in onderzoek"]
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek", "actie belegd"]


def test_a_notice_for_the_own_system_carries_the_own_number_and_is_written_once_more_when_called_back(
    near: Neighbours,
) -> None:
    begin(near)
    agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    files: dict[str, bytes] = {}
    writer = WRITERS["fhir-task"]()
    assert near[GP].write_notices(writer, files.__setitem__) == 1
    assert near[GP].write_notices(writer, files.__setitem__) == 0
    text = b"".join(files.values())
    assert b"H-7" in text
    assert BSN.encode() not in text
    item = next(item for item in near[TEAM].items() if item.kind == "event" and item.grant == _gp_grant(near))
    assert near[TEAM].retract(item.number) is True
    near.settle(2)
    assert near.told(GP, "H-7") == []
    assert near[GP].write_notices(writer, files.__setitem__) == 1
    assert sum(b"entered-in-error" in content for content in files.values()) == 1


def test_a_notice_names_the_address_of_who_told_it(near: Neighbours) -> None:
    begin(near)
    agree(near)
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    files: dict[str, bytes] = {}
    assert near[GP].write_notices(WRITERS["cloudevents"](), files.__setitem__) == 1
    (event,) = (json.loads(content) for content in files.values())
    assert (event["source"], event["subject"]) == (TEAM, "H-7")
    assert event["type"] == "nl.schakel.voortgang.in-onderzoek"


def _gp_grant(near: Neighbours) -> str:
    return next(grant.id for grant in near[TEAM].grants() if grant.recipient == GP)


def test_a_start_after_an_interruption_of_the_same_allocation_is_a_resumption(near: Neighbours) -> None:
    begin(near)
    near.take(PROVIDER, start())
    near.take(PROVIDER, stop("2026-03-20", "20"))
    near.take(PROVIDER, start("2026-04-01"))
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "onderbroken", "hervat"]


def test_a_removal_calls_back_the_event_that_its_own_fields_name(near: Neighbours) -> None:
    begin(near)
    near.take(PROVIDER, start())
    near.settle(2)
    near.take(PROVIDER, start(retracts=True))
    near.settle(2)
    assert near.told(TEAM) == []
    near.take(PROVIDER, start())
    near.settle(2)
    assert near.told(TEAM) == ["gestart"]


def test_the_same_file_twice_is_told_once(near: Neighbours) -> None:
    begin(near)
    events = (start(),)
    first = run(near[PROVIDER].take_native(b"\1" * 32, events, near.world.now))
    again = run(near[PROVIDER].take_native(b"\1" * 32, events, near.world.now))
    assert (first.told, again.told, again.known) == (1, 0, True)
    # The same event in another file has the same id.
    assert run(near[PROVIDER].take_native(b"\2" * 32, events, near.world.now)).told == 0


def test_a_stop_code_typed_at_any_partner_ends_the_telling_and_freezes_the_line(near: Neighbours) -> None:
    begin(near)
    code = agree(near)
    assert run(near[PROVIDER].stop_with_code(code)) is True
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    assert near.told(GP, "H-7") == []
    held = near[TEAM].held_lines()
    assert [(one.recipient, one.ground) for one in held] == [("Praktijk Voorbeeld", "consent")]
    with pytest.raises(ValueError, match="nieuwe afspraak"):
        near[TEAM].person_decides(held[0].line, resume=True)
    near[TEAM].person_decides(held[0].line, resume=False)
    assert near[TEAM].held_lines() == []


def test_the_stop_code_typed_where_it_was_printed_is_a_withdrawal(near: Neighbours) -> None:
    begin(near)
    code = agree(near)
    assert run(near[TEAM].stop_with_code(code)) is True
    assert near[TEAM].held_lines() == []
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    assert near.told(GP, "H-7") == []
    assert [grant.state for grant in near[TEAM].grants() if grant.recipient == GP] == ["stopped"]


def test_a_recipient_that_stops_freezes_the_line_until_a_person_resumes_it(near: Neighbours) -> None:
    begin(near)
    number = near[PROVIDER].clients()[0].number
    assert run(near[PROVIDER].stop_incoming(number, TEAM)) is True
    near.world.advance(days=4)
    near.settle(2)
    held = near[TEAM].held_lines()
    assert [one.recipient for one in held] == ["Zorg Voorbeeld"]
    assert near.take(TEAM, allocation("1002")).grants == 0
    assert near[PROVIDER].lift_refusals(number, TEAM, "N. Heft op", incoming=True) == 0  # somebody must decide it
    decided(near[PROVIDER], 1, TAKEN_BACK)
    resumed = near[TEAM].person_decides(held[0].line, resume=True)
    assert resumed is not None
    near.settle(3)
    near.take(TEAM, status(3, today=near.world.today))
    near.settle(2)
    assert "in onderzoek" in near.told(PROVIDER)


def test_a_refusal_outlives_the_grant_and_no_allocation_overrules_it(near: Neighbours) -> None:
    begin(near)
    number = near[TEAM].clients()[0].number
    run(near[TEAM].stop(number, PROVIDER, "objected"))
    near.take(TEAM, allocation("1002", end="2027-01-31"))
    near.take(TEAM, status(5, today=near.world.today))
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert [grant for grant in near[TEAM].grants() if grant.state == ACTIVE] == []
    assert near[TEAM].lift_refusals(number, PROVIDER, "N. Heft op") == 0  # somebody must decide it
    decided(near[TEAM], 1, TAKEN_BACK)
    near.take(TEAM, allocation("1003"))
    near.settle(3)
    assert near.told(PROVIDER) == ["toegewezen", "toegewezen"]


def test_an_automatic_grant_against_an_objection_is_stopped_by_the_recipient_on_the_next_working_day(
    near: Neighbours,
) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    run(near[PROVIDER].stop_incoming("P-1", TEAM))
    near.take(TEAM, allocation())
    near.settle(2)
    assert near.told(PROVIDER, "P-1") == []
    assert near[TEAM].held_lines() == []
    introduced = GRANTS.find(near[TEAM].store, "client", near[TEAM].clients()[0].id.encode())[0].introduced
    assert introduced is True
    near.world.advance(days=4)
    near.work(PROVIDER)
    near.world.advance(days=4)
    near.work(TEAM)
    assert len(near[TEAM].held_lines()) == 1


def test_sender_learns_the_same_whether_or_not_the_recipient_knows_the_citizen(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(2)
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    assert near[PROVIDER].clients() == []
    assert {item.final for item in near[TEAM].items()} == {"done"}
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    assert near.told(PROVIDER, "P-1") == []  # a list of clients does not say that the help was allotted
    near.take(PROVIDER, allocation())
    assert near.told(PROVIDER, "P-1") == ["toegewezen", "in onderzoek"]


def test_what_came_about_nobody_is_destroyed_after_thirty_days(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(2)
    near.world.advance(days=31)
    near.work(PROVIDER)
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    assert near.told(PROVIDER, "P-1") == []


def test_a_grant_goes_on_over_the_turn_of_the_month(near: Neighbours) -> None:
    begin(near)
    near.world.to("2026-03-21 10:00")
    near.work()
    near.world.to("2026-04-01 10:00")
    near.take(TEAM, status(1, today=near.world.today))
    near.settle(2)
    near.world.to("2026-06-02 10:00")
    near.take(TEAM, status(2, Kind.ACTIE_BELEGD, near.world.today))
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek", "actie belegd"]


def test_a_longer_allocation_renews_and_a_shorter_one_stops_first(near: Neighbours) -> None:
    near.take(TEAM, allocation(end="2026-06-30"))
    near.settle(2)
    near.take(TEAM, allocation(end="2026-09-30", change="02"))
    near.settle(3)
    grants = near[TEAM].grants()
    assert [(grant.state, grant.introduced) for grant in grants] == [("replaced", True), ("active", True)]
    near.take(TEAM, allocation(end="2026-05-31", change="03"))
    near.settle(3)
    assert [grant.state for grant in near[TEAM].grants()] == ["replaced", "replaced", "active"]
    near.take(PROVIDER, allocation(end="2026-05-31", change="03"))
    assert near.told(PROVIDER) == ["toegewezen", "gewijzigd", "gewijzigd"]


def test_a_withdrawn_allocation_ends_the_line(near: Neighbours) -> None:
    begin(near)
    near.take(TEAM, allocation(begin="2026-03-02", end="2026-03-02", change="13"))
    near.settle(2)
    assert [grant.state for grant in near[TEAM].grants()] == ["stopped"]


def test_a_mistake_can_be_called_back_after_the_grant_was_closed(near: Neighbours) -> None:
    begin(near)
    number = near[TEAM].clients()[0].number
    run(near[TEAM].stop(number, None, "closed"))
    near.settle(1)
    assert near[TEAM].retract_all(number) == 1
    near.settle(3)
    assert near.told(PROVIDER) == []
    assert near[TEAM].outbox() == []


def test_nothing_about_an_allocation_of_one_provider_is_told_under_that_of_another(near: Neighbours) -> None:
    begin(near)
    taken = near.take(TEAM, allocation("2002", receiver="87654321"))
    assert (taken.told, taken.not_shared) == (0, 1)


# -- stopped anywhere


class Crash(BaseException):
    """The process ends here."""


class Ladder:
    """Lets an operation crash at its first point, then at its second, and so on until it comes to its end."""

    def __init__(self, near: Neighbours, address: str) -> None:
        self.near, self.address, self.left, self.crashes = near, address, -1, 0
        near.points[address] = self.point
        near.open(address)

    def point(self, _name: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash

    def climb(self, operation: Callable[[], object]) -> None:
        rung = 1
        while True:
            self.left = rung
            try:
                operation()
            except Crash:
                self.crashes += 1
                rung += 1
                self.near.open(self.address)
            else:
                self.left = -1
                return


def test_an_edge_that_crashes_at_every_point_in_turn_loses_nothing_and_tells_nothing_twice(near: Neighbours) -> None:
    team, provider = Ladder(near, TEAM), Ladder(near, PROVIDER)
    today = near.world.today
    files = [
        (b"\1" * 32, allocation()),
        (b"\2" * 32, status(1, today=today)),
        (b"\3" * 32, status(2, Kind.GEWIJZIGD, today)),
    ]
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    near.take(PROVIDER, allocation())
    for digest, event in files:
        team.climb(lambda d=digest, e=event: run(near[TEAM].take_native(d, (e,), near.world.now)))  # type: ignore[misc]
        for _ in range(3):
            near.world.advance(minutes=5)
            team.climb(lambda: run(near[TEAM].work()))
            provider.climb(lambda: run(near[PROVIDER].work()))
    near.world.advance(minutes=10)
    near.settle(3)
    assert near.told(PROVIDER, "P-1") == ["toegewezen", "in onderzoek", "gewijzigd"]
    assert near[TEAM].outbox() == []
    assert min(team.crashes, provider.crashes) > 20


def test_a_stop_that_crashed_before_it_was_sent_is_sent_at_the_next_pass(near: Neighbours) -> None:
    begin(near)
    ladder = Ladder(near, TEAM)
    number = near[TEAM].clients()[0].number
    near.take(TEAM, status(1, today=near.world.today))
    ladder.climb(lambda: run(near[TEAM].stop(number, PROVIDER, "held")))
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert [grant.state for grant in near[TEAM].grants()] == ["stopped"]


def test_suspended_partner_calls_back_what_was_told_in_the_days_that_somebody_else_had_it(near: Neighbours) -> None:
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    for address in (PROVIDER, TEAM):
        near.take(address, allocation())
    near.settle()
    first = near.world.today + 2
    for number in range(4):
        near.world.advance(days=1)
        near.take(TEAM, status(number, today=near.world.today))
        near.settle(2)
    assert len(near.told(PROVIDER, "P-1")) == 5
    assert near[TEAM].retract_between(first, first + 1) == 2
    near.settle(2)
    assert len(near.told(PROVIDER, "P-1")) == 3
    assert near[TEAM].retract_between(first, first + 1) == 0
    assert near[TEAM].retract_between(first + 9, first + 90) == 0


def test_of_messages_taken_together_none_is_taken_when_one_names_two_clients(near: Neighbours) -> None:
    near[TEAM].import_clients([ClientRow("P-1", BSN, ""), ClientRow("P-2", "999900018", "")])
    good, two = allocation("1001"), replace(allocation("1002"), citizen=Citizen("999900018", "P-1"))
    together = [Arrived(bytes([number]) * 32, [event], near.world.now) for number, event in enumerate((good, two))]
    with pytest.raises(ClientConflictError, match="^this own number belongs to a client with another BSN$"):
        run(near[TEAM].take_together(together))
    assert near[TEAM].grants() == []
    (taken,) = run(near[TEAM].take_together(together[:1]))
    assert (taken.known, taken.grants) == (False, 1)
