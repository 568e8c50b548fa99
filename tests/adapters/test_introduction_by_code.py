# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Introduction by code, between real edges: nothing is told before the citizen has handed the code over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import clients
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.code import CodeError
from adapters.code_entry import REFUSED
from adapters.code_slips import TooManyCodesError
from adapters.desk import backlog
from adapters.looks import CODE, looks_at
from adapters.quotas import PRINTED, PRINTED_FOR_ONE, TRIED, may_print
from adapters.records_incoming import AWAITED, INTRODUCTIONS, RECOGNISED, TALLIES
from adapters.records_outgoing import WAITING
from adapters.workplace import EdgeError
from deploy.local import LocalClient
from hub.client import HubUnavailableError
from schemas.codes import Code
from schemas.event import Kind
from schemas.identity import Citizen
from tests.adapters.edges import BSN, GP, PROVIDER, TEAM, TYPIST, Neighbours, allocation, status
from tests.simulator import CODED, NATIONAL, World, by_code, run

TALK = Conversation(("Praktijk Voorbeeld",))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path, World(table=CODED))
    neighbours[TEAM].import_clients([ClientRow("C-1", BSN, "wmo")])
    neighbours[GP].import_clients([ClientRow("H-7", "999990019", ""), ClientRow("H-8", "999900158", "")])
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def agree(near: Neighbours, talk: Conversation = TALK) -> str:
    """An agreement whose introduction has arrived; its code, or nothing."""
    slips = near[TEAM].make_agreement("C-1", talk).slips
    near.settle(2)
    return slips[0].code if slips else ""


def anew(near: Neighbours) -> str:
    """Another code, whose introduction has arrived."""
    [slip] = near[TEAM].print_codes("C-1", GP, again=True)
    near.settle(3)
    return slip.code


def happens(near: Neighbours, number: int = 1, kind: Kind = Kind.GESTART) -> None:
    assert near.take(TEAM, status(number, kind, near.world.today)).told == 1
    near.settle(2)


def next_day(near: Neighbours) -> None:
    near.world.advance(days=4)
    near.settle(3)


def typed(near: Neighbours, code: str, number: str = "H-7") -> bool:
    return near[GP].enter_code(number, code, TYPIST) is not None


def why(near: Neighbours) -> list[str]:
    return [line.why for line in near[TEAM].outbox()]


# -- the way of one code ---------------------------------------------------------------------------------------------


def test_events_wait_for_the_typing_and_arrive_after_it(near: Neighbours) -> None:
    code = agree(near)
    happens(near)
    next_day(near)
    assert near.told(GP, "H-7") == near.told(GP, "H-8") == []
    assert why(near) == ["wacht tot Praktijk Voorbeeld de code heeft ingevoerd (uiterlijk 2026-03-17)"]
    assert typed(near, code)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]
    assert near.told(GP, "H-8") == []
    assert why(near) == []
    assert [grant.introduced for grant in near[TEAM].grants()] == [True]


def test_whoever_types_a_code_hears_who_tells_what_until_when(near: Neighbours) -> None:
    entered = near[GP].enter_code("H-7", f" {agree(near).lower()} ", TYPIST)
    assert entered is not None
    assert (entered.sender_name, entered.categories) == ("Team Wmo", ("progress",))
    assert entered.end == near[TEAM].grants()[0].end


def test_a_slip_of_the_pen_is_said_and_costs_no_try(near: Neighbours) -> None:
    code = agree(near)
    for _ in range(30):
        with pytest.raises(CodeError, match="alle twaalf tekens"):
            typed(near, ("1" if code[0] == "0" else "0") + code[1:])
    assert typed(near, code)


def test_who_typed_a_code_at_which_client_is_recorded_whatever_comes_of_it(near: Neighbours) -> None:
    code = agree(near)
    assert not typed(near, "0000-0000-0000", "H-8")
    assert typed(near, code)
    work = near[GP].workplace
    for number in ("H-7", "H-8"):
        [one] = looks_at(work.store, near[GP].client(number).id)
        assert (one.by, one.account, one.what, one.at) == (TYPIST.by, TYPIST.account, CODE, near.world.now)


def test_what_was_opened_by_a_code_is_listed_before_anything_was_told(near: Neighbours) -> None:
    """Whose screen went dark before the answer sees there that the code was taken."""
    code = agree(near)
    assert near[GP].entered_codes() == []
    assert typed(near, code)
    [(number, entered)] = near[GP].entered_codes()
    assert (number, entered.sender_name, entered.waits) == ("H-7", "Team Wmo", None)
    run(near[TEAM].end_agreement(near[TEAM].agreements("C-1")[0].id))
    next_day(near)
    assert near[GP].entered_codes() == []


def test_who_types_a_code_against_a_refusal_hears_that_nothing_of_it_will_be_shown(near: Neighbours) -> None:
    run(near[GP].stop_incoming("H-7", None, "held"))
    entered = near[GP].enter_code("H-7", agree(near), TYPIST)
    assert entered is not None
    assert entered.waits == REFUSED


def test_codes_that_are_tried_on_at_one_client_keep_nobody_else_waiting(near: Neighbours) -> None:
    code = agree(near)
    for _ in range(TRIED + 5):
        assert not typed(near, "0000-0000-0000", "H-8")
    assert [one.lie for one in near[GP].alarms()] == ["guessed-codes"]
    assert typed(near, code)


def test_codes_that_are_tried_on_at_many_clients_end_for_all_of_them(near: Neighbours) -> None:
    code = agree(near)
    rows = [ClientRow(f"H-{number}", None, "") for number in range(100, 100 + TRIED)]
    near[GP].import_clients(rows)
    for row in rows[: TRIED - 1]:
        assert not typed(near, "0000-0000-0000", row.own_number)
    assert near[GP].alarms() == []
    assert not typed(near, "0000-0000-0000", rows[-1].own_number)
    assert [one.lie for one in near[GP].alarms()] == ["guessed-codes"]
    assert not typed(near, code)
    near.world.advance(days=1)
    assert typed(near, code)


def test_the_proof_of_a_code_is_gone_once_it_was_typed_or_is_over(near: Neighbours) -> None:
    code = agree(near)
    assert len(list(AWAITED.scan(near[GP].store))) == 1
    assert typed(near, code)
    assert list(AWAITED.scan(near[GP].store)) == []
    anew(near)
    assert len(list(AWAITED.scan(near[GP].store))) == 1
    near.world.advance(days=15)
    near.settle(1)
    assert list(AWAITED.scan(near[GP].store)) == []
    assert list(TALLIES.scan(near[GP].store)) == []


def test_the_proof_of_a_code_is_gone_once_its_grant_was_stopped(near: Neighbours) -> None:
    agree(near)
    run(near[TEAM].end_agreement(near[TEAM].agreements("C-1")[0].id))
    next_day(near)
    assert list(AWAITED.scan(near[GP].store)) == []


def test_a_client_without_a_bsn_can_be_introduced_by_code(near: Neighbours) -> None:
    work = near[TEAM]._work
    with work.commit("a client that only has a number") as tx:
        clients.register(tx, work, Citizen(own_number="C-9"))
    [slip] = near[TEAM].make_agreement("C-9", TALK).slips
    near.settle(2)
    assert typed(near, slip.code)
    next_day(near)
    assert [grant.introduced for grant in near[TEAM].grants("C-9")] == [True]


def test_a_code_that_is_typed_in_the_next_month_works_as_well(near: Neighbours) -> None:
    near.world.to("2026-03-24 09:00")
    code = agree(near)
    happens(near)
    near.world.to("2026-04-06 09:00")
    near.settle(2)
    assert typed(near, code)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]


def test_what_waits_for_a_code_is_no_outbox_that_stands_still(near: Neighbours) -> None:
    agree(near)
    happens(near)
    found = backlog(near[TEAM].store, near.world.now)[WAITING]
    assert (found.count, found.oldest) == (1, 0)
    near.world.advance(days=400)
    near.work(TEAM)
    assert backlog(near[TEAM].store, near.world.now)[WAITING].count == 0


def test_what_waited_for_a_code_that_never_came_is_told_to_nobody_and_a_person_is_asked(near: Neighbours) -> None:
    agree(near, Conversation(("Praktijk Voorbeeld",), end=near.world.today + 10))
    happens(near)
    near.world.advance(days=11)
    near.settle(2)
    assert [(line.why, line.asks) for line in near[TEAM].outbox()] == [
        ("niet verteld: de lijn werd gestopt voordat dit weg was", True)
    ]
    assert near.told(GP, "H-7") == []


# -- another code ----------------------------------------------------------------------------------------------------


def test_a_new_code_makes_the_one_before_void_and_what_waited_goes_with_it(near: Neighbours) -> None:
    first = agree(near)
    happens(near)
    second = anew(near)
    assert not typed(near, first)
    assert typed(near, second)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]
    assert [(grant.state, grant.introduced) for grant in near[TEAM].grants()] == [("replaced", False), ("active", True)]


def test_a_code_is_void_also_when_the_one_after_it_never_left(near: Neighbours) -> None:
    first = agree(near)
    near[TEAM].print_codes("C-1", GP)
    third = anew(near)
    assert not typed(near, first)
    assert typed(near, third)


def test_nothing_is_told_where_a_void_code_was_typed_before_the_recipient_heard_of_the_new_one(
    near: Neighbours,
) -> None:
    first = agree(near)
    happens(near)
    [second] = near[TEAM].print_codes("C-1", GP)
    assert typed(near, first, "H-8")
    near.settle(3)
    next_day(near)
    assert near.told(GP, "H-8") == []
    assert typed(near, second.code)
    next_day(near)
    assert (near.told(GP, "H-7"), near.told(GP, "H-8")) == (["gestart"], [])


def test_a_code_that_was_typed_at_the_wrong_client_is_put_right_with_another(near: Neighbours) -> None:
    assert typed(near, agree(near), "H-8")
    next_day(near)
    with pytest.raises(EdgeError, match="weet al om wie het gaat"):
        near[TEAM].print_codes("C-1", GP)
    code = anew(near)
    happens(near)
    assert typed(near, code)
    next_day(near)
    assert (near.told(GP, "H-7"), near.told(GP, "H-8")) == (["gestart"], [])


def test_who_agrees_again_before_the_code_was_typed_gets_another(near: Neighbours) -> None:
    first, second = agree(near), agree(near)
    near.settle(2)
    assert second not in {first, ""}
    assert not typed(near, first)
    assert typed(near, second)
    another = agree(near, Conversation(("Praktijk Voorbeeld",), end=near.world.today + 100))
    assert another != ""  # nobody here has heard yet that the second was typed
    near.settle(2)
    assert typed(near, another)


def test_what_waited_for_a_code_goes_with_the_agreement_that_took_its_place(near: Neighbours) -> None:
    first = agree(near, Conversation(("Praktijk Voorbeeld",), end=near.world.today + 60))
    happens(near)
    longer = Conversation(("Praktijk Voorbeeld",), end=near.world.today + 100)
    [slip] = near[TEAM].make_agreement("C-1", longer).slips
    assert typed(near, first, "H-8")  # the practice has not heard yet that it is void
    near.settle(3)
    next_day(near)
    assert typed(near, slip.code)
    next_day(near)
    assert (near.told(GP, "H-7"), near.told(GP, "H-8")) == (["gestart"], [])


def test_a_code_is_printed_only_where_one_is_needed(near: Neighbours) -> None:
    with pytest.raises(EdgeError, match="niets waarvoor een code nodig is"):
        near[TEAM].print_codes("C-1", GP)
    agree(near)
    with pytest.raises(EdgeError, match="niets waarvoor een code nodig is"):
        near[TEAM].print_codes("C-1", PROVIDER)
    with pytest.raises(EdgeError, match="niet bekend"):
        near[TEAM].print_codes("C-404", GP)


def test_more_codes_than_one_expects_are_not_printed_today_and_somebody_is_told(near: Neighbours) -> None:
    agree(near)
    for _ in range(PRINTED_FOR_ONE - 1):
        near[TEAM].print_codes("C-1", GP)
    before = len(near[TEAM].grants())
    with pytest.raises(TooManyCodesError, match="morgen kan het weer"):
        near[TEAM].print_codes("C-1", GP)
    with pytest.raises(TooManyCodesError):
        near[TEAM].make_agreement("C-1", TALK)
    assert len(near[TEAM].grants()) == before
    assert [(one.lie, one.times) for one in near[TEAM].alarms()] == [("many-codes", 2)]
    near.world.advance(days=1)
    assert len(near[TEAM].print_codes("C-1", GP)) == 1


def test_codes_for_many_partners_end_for_all_of_them_on_one_day(near: Neighbours) -> None:
    agree(near)
    work = near[TEAM]._work
    with work.commit("as if codes were printed for others") as tx:
        for number in range(PRINTED - 1):
            assert may_print(tx, work, f"partner {number // PRINTED_FOR_ONE}")
    with pytest.raises(TooManyCodesError):
        near[TEAM].print_codes("C-1", GP)
    assert [one.lie for one in near[TEAM].alarms()] == ["many-codes"]


def test_who_waits_for_which_code_is_listed(near: Neighbours) -> None:
    assert near[TEAM].waiting_codes() == []
    near[TEAM].make_agreement("C-1", TALK)
    assert [one.state for one in near[TEAM].waiting_codes()] == ["wacht op de kennismaking"]
    near.settle(2)
    [line] = near[TEAM].waiting_codes()
    assert (line.client, line.recipient, line.until) == ("C-1", "Praktijk Voorbeeld", near.world.today + 14)
    near.world.advance(days=15)
    assert [one.state for one in near[TEAM].waiting_codes()] == ["de code is verlopen: druk een nieuwe af"]
    assert typed(near, anew(near))
    next_day(near)
    assert near[TEAM].waiting_codes() == []


# -- renewals, withdrawals, what makes itself ------------------------------------------------------------------------


def test_a_renewal_of_what_the_recipient_knows_needs_no_code(near: Neighbours) -> None:
    assert typed(near, agree(near, Conversation(("Praktijk Voorbeeld",), end=near.world.today + 60)))
    next_day(near)
    happens(near)
    assert agree(near) == ""
    assert agree(near, Conversation(("Praktijk Voorbeeld",), end=near.world.today + 80)) == ""  # and one of that one
    next_day(near)
    next_day(near)
    happens(near, 2, Kind.GEWIJZIGD)
    assert near.told(GP, "H-7") == ["gestart", "gewijzigd"]
    assert [grant.introduced for grant in near[TEAM].grants()] == [True, True, True]
    assert [grant.state for grant in near[TEAM].grants()][-1] == "active"


def test_after_a_withdrawal_the_citizen_hands_over_a_code_again(near: Neighbours) -> None:
    assert typed(near, agree(near))
    next_day(near)
    run(near[TEAM].end_agreement(near[TEAM].agreements("C-1")[0].id))
    next_day(near)
    code = agree(near)
    happens(near)
    next_day(near)
    assert near.told(GP, "H-7") == []
    # Before the typing nothing says there that it is the same citizen: no client, and nothing names the grant of before.
    before, now = INTRODUCTIONS.scan(near[GP].store)
    assert (before.client is not None, now.client, now.renews) == (True, None, None)
    assert typed(near, code)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]


def test_the_stop_code_of_the_first_receipt_stops_also_after_another_code_was_printed(near: Neighbours) -> None:
    stop_code = near[TEAM].make_agreement("C-1", TALK).made[0].stop_code
    near.settle(2)
    assert typed(near, anew(near))
    next_day(near)
    run(near[GP].stop_with_code(stop_code))
    next_day(near)
    assert near[TEAM].grants()[-1].state in ("frozen", "stopped")
    assert near.take(TEAM, status(9, Kind.GEWIJZIGD, near.world.today)).told == 0


def test_the_stop_code_of_the_first_receipt_stops_also_when_nothing_had_left_before_another_code(
    near: Neighbours,
) -> None:
    stop_code = near[TEAM].make_agreement("C-1", TALK).made[0].stop_code
    assert typed(near, anew(near))
    next_day(near)
    run(near[GP].stop_with_code(stop_code))
    next_day(near)
    assert near[TEAM].grants()[-1].state in ("frozen", "stopped")
    assert near.take(TEAM, status(9, Kind.GEWIJZIGD, near.world.today)).told == 0


def test_nothing_is_made_by_itself_where_somebody_must_hand_over_a_code(tmp_path: Path) -> None:
    near = Neighbours(tmp_path, World(table=by_code(NATIONAL, 1)))
    near.work()
    near[PROVIDER].import_clients([ClientRow("P-1", BSN, "")])
    assert near.take(TEAM, allocation()).grants == 0
    grant = near[TEAM].grant_by_person(near[TEAM].clients()[0].number, PROVIDER, Reliance(1, "zaak-7"))
    near.settle(2)
    assert grant.by_code
    assert [one.state for one in near[TEAM].waiting_codes()] == ["er is nog geen code: druk er een af"]
    [slip] = near[TEAM].print_codes(near[TEAM].clients()[0].number, PROVIDER)
    near.settle(3)
    assert near[PROVIDER].enter_code("P-1", slip.code, TYPIST) is not None
    near.world.check()
    near.close()


# -- what was lost on the way ----------------------------------------------------------------------------------------


class Forgetful(LocalClient):
    """A hub that no longer knows what an `introduced` is about."""

    async def receipts(self, receipts: list[bytes]) -> list[Code]:  # type: ignore[override]
        answers = await super().receipts([frame for frame in receipts if b"introduced" not in frame])
        return [Code.NOT_YOURS if b"introduced" in frame else answers.pop(0) for frame in receipts]


def test_an_answer_that_was_lost_is_asked_for_again_by_the_same_introduction(near: Neighbours) -> None:
    code = agree(near)
    happens(near)
    near.clients[GP] = Forgetful(near.world.hub, GP)
    near.open(GP)
    assert typed(near, code)
    next_day(near)
    assert near.told(GP, "H-7") == []
    del near.clients[GP]
    near.open(GP)
    near.world.advance(days=20)
    near.settle(2)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]
    assert {one.sent for one in RECOGNISED.scan(near[GP].store)} == {True}
    assert len(list(INTRODUCTIONS.scan(near[GP].store))) == 1


class Away(LocalClient):
    """A hub that takes no receipts."""

    async def receipts(self, receipts: object) -> list[Code]:
        raise HubUnavailableError("no answer")


def test_a_code_that_is_typed_before_the_first_receipt_has_left_is_heard_of_all_the_same(near: Neighbours) -> None:
    [slip] = near[TEAM].make_agreement("C-1", TALK).slips
    near.work(TEAM)
    near.clients[GP] = Away(near.world.hub, GP)
    near.open(GP)
    with pytest.raises(HubUnavailableError):
        near.work(GP)
    assert typed(near, slip.code)
    del near.clients[GP]
    near.open(GP)
    happens(near)
    next_day(near)
    assert near.told(GP, "H-7") == ["gestart"]
