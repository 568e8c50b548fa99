# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Objections over real edges and the real hub: what each row lets them do, who decides, and what is never undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters import held, objections, requests
from adapters.agreement import Conversation
from adapters.alarms import Duty
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.held import UndecidedError
from adapters.looks import NoNameError
from adapters.metrics import OVERDUE, EdgeMetrics
from adapters.objections import OVERRULED, TAKEN_BACK, UPHELD, Decision, Objecting, ObjectionError
from adapters.records_outgoing import ACTIVE, DONE, EVENT, FROZEN, GRANTS, Grant
from adapters.records_people import REFUSALS
from adapters.showing import OBJECTION
from adapters.workplace import EdgeError
from deploy.objection_texts import text_for_citizen
from schemas.event import Event, Kind, Law
from schemas.fact import Register, Stop, parse_fact
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    CASES,
    GP,
    PROVIDER,
    TEAM,
    TYPIST,
    ZVH,
    NativeEvent,
    Neighbours,
    allocation,
    decided,
    objected,
    status,
)
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.world.hub.admit(neighbours.open(ZVH).init().raw)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    neighbours.take(TEAM, allocation())
    neighbours.take(PROVIDER, allocation())
    neighbours[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    neighbours.settle(3)
    assert neighbours.told(PROVIDER) == ["toegewezen"]
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def something(near: Neighbours, number: int) -> None:
    """The municipality's own system writes something, and all of it moves."""
    near.take(TEAM, status(number, today=near.world.today))
    near.settle(3)


def active(near: Neighbours, recipient: str) -> list[Grant]:
    return [one for one in near[TEAM].grants("C-1") if one.state == ACTIVE and one.recipient == recipient]


def facts(near: Neighbours) -> list[Register | Stop]:
    return [parse_fact(one.frame).body for one in run(near[TEAM].workplace.client.facts_after(0))]


def to_the_zvh(near: Neighbours) -> None:
    """A grant under a row that lets an objection be recorded only, introduced by code."""
    near[TEAM].grant_by_person("C-1", ZVH, Reliance(122, "zaak-9"))
    (slip,) = near[TEAM].print_codes("C-1", ZVH)
    near.settle(3)
    assert near[ZVH].enter_code("C-1", slip.code, TYPIST) is not None
    near.world.advance(days=5)  # the second receipt leaves on the next working day, the introduction waits for it
    near.settle(4)


# -- threats.md, row 7 -------------------------------------------------------------------------------------------------


def test_objection_stops(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(GP))
    assert (made.effects, made.decide_by, objections.is_open(made)) == (("stop",), None, False)
    something(near, 1)
    assert near.told(GP) == []
    assert active(near, GP) == []
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]  # nobody objected to that
    with pytest.raises(ObjectionError, match="wacht niet op een besluit"):
        decided(near[TEAM], made.number, OVERRULED)


def test_objection_pauses(near: Neighbours) -> None:
    (before,) = active(near, PROVIDER)
    made = objected(near, TEAM, Objecting(PROVIDER))
    assert (made.effects, made.decide_by) == (("pause",), near.world.today + 14)
    something(near, 1)
    near.take(TEAM, allocation("1002"))  # nothing automatic overrules it
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert active(near, PROVIDER) == []
    assert near.told(GP) == ["toegewezen", "in onderzoek"]
    (renewal,) = decided(near[TEAM], made.number, OVERRULED)
    assert renewal.renews == before.id
    assert renewal.secret != before.secret
    something(near, 2)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]  # and nothing of what happened meanwhile
    assert GRANTS.need(near[TEAM].store, before.id.encode()).state != ACTIVE


def test_objection_pauses_and_looks_like_any_other_stop_outside(tmp_path: Path) -> None:
    seen = []
    for name in ("objection", "closed"):
        world = Neighbours(tmp_path / name)
        world.take(TEAM, allocation())
        world.take(PROVIDER, allocation())
        world.settle(3)
        number = world[TEAM].clients()[0].number
        if name == "objection":
            objected(world, TEAM, Objecting(PROVIDER), number)
        else:
            run(world[TEAM].stop(number, PROVIDER, "closed"))
        world.world.advance(days=5)
        world.settle(2)
        stops = [fact for fact in facts(world) if isinstance(fact, Stop)]
        seen.append(([[month for month, _ in stop.handles] for stop in stops], world.told(PROVIDER)))
        world.close()
    assert seen[0] == seen[1]


def test_objection_pauses_until_somebody_decides_however_late(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    near.world.advance(days=14)
    near.settle(1)
    assert not objections.overdue(near[TEAM].store, near.world.today)
    assert near[TEAM].alarms() == []
    near.world.advance(days=1)
    near.settle(1)
    (alarm,) = near[TEAM].alarms()
    assert (alarm.lie, alarm.about) == (Duty.OVERDUE_OBJECTION, objections.ABOUT)
    near.world.advance(days=12)
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert active(near, PROVIDER) == []
    decided(near[TEAM], made.number, UPHELD)
    assert near[TEAM].alarms() == []
    something(near, 2)
    assert near.told(PROVIDER) == ["toegewezen"]


def test_small_counts_of_what_is_overdue_are_in_no_metric(near: Neighbours) -> None:
    shown = []
    for partner in (None, PROVIDER):  # one is overdue, then two
        objected(near, TEAM, Objecting(partner))
        near.world.advance(days=20)
        near.settle(1)
        metrics = EdgeMetrics(Path("none"), near.world.clock)
        metrics.caught(one.lie for one in near[TEAM].alarms())
        shown.append([one.samples[0].value for one in metrics.collect() if one.name == OVERDUE.name])
    assert shown == [[1], [1]]


def test_objection_is_recorded(near: Neighbours) -> None:
    to_the_zvh(near)
    made = objected(near, TEAM, Objecting(ZVH))
    assert (made.effects, made.decide_by, made.ended) == (("record",), None, ())
    something(near, 1)
    assert near.told(ZVH) == ["in onderzoek"]
    assert objections.has_objected(near[TEAM].store, near[TEAM].client("C-1").id)
    assert [one.number for one in objections.waiting(near[TEAM].store)] == [made.number]  # the citizen must be told
    text = text_for_citizen(made)
    assert "Dat delen wij dus nog steeds" in text
    assert "Autoriteit Persoonsgegevens" in text
    with near[TEAM].workplace.commit("informed") as tx:
        objections.informed(tx, near[TEAM].workplace, made.number, "N. Vertelt")
    assert objections.waiting(near[TEAM].store) == []


def test_objection_is_recorded_and_against_everybody_it_stops_what_can_be_stopped(near: Neighbours) -> None:
    to_the_zvh(near)
    made = objected(near, TEAM, Objecting())
    assert made.effects == ("pause", "record", "stop")
    something(near, 1)
    assert (near.told(ZVH), near.told(GP), near.told(PROVIDER)) == (["in onderzoek"], [], ["toegewezen"])


# -- more of what may happen -------------------------------------------------------------------------------------------


def test_all_but_one_that_the_citizen_names(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(excepted=(GP,)))
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert near.told(GP)[-1] == "in onderzoek"
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))  # and may be agreed anew
    with pytest.raises(EdgeError, match="hef die eerst op"):
        near[TEAM].grant_by_person("C-1", PROVIDER, Reliance(1, "zaak-1"))


def test_what_was_overruled_opens_nothing_that_somebody_else_refused_or_ended(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    run(near[TEAM].stop("C-1", PROVIDER, "held"))
    assert decided(near[TEAM], made.number, OVERRULED) == []
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]


def test_what_was_overruled_opens_no_line_that_another_address_stopped(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    run(near[PROVIDER].stop_incoming("C-1", TEAM, "held"))
    near.world.advance(days=5)
    near.settle(2)
    assert decided(near[TEAM], made.number, OVERRULED) == []


def test_what_was_overruled_begins_what_an_allocation_asked_for_meanwhile(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    near[TEAM].import_clients([ClientRow("C-1", BSN, "")])
    made = objected(near, TEAM, Objecting(PROVIDER))
    near.take(TEAM, allocation())
    near.settle(2)
    assert near[TEAM].grants() == []
    (begun,) = decided(near[TEAM], made.number, OVERRULED)
    assert (begun.recipient, begun.renews) == (PROVIDER, None)
    near.close()


def test_a_consent_is_not_weighed_when_the_rest_is_overruled(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting())
    renewed = decided(near[TEAM], made.number, OVERRULED)
    assert [one.recipient for one in renewed] == [PROVIDER]
    something(near, 1)
    assert near.told(GP) == []
    assert "Waar uw toestemming voor nodig is" in text_for_citizen(objections.need(near[TEAM].store, made.number))


def test_the_same_objection_twice_is_one_and_after_a_decision_another(near: Neighbours) -> None:
    first = objected(near, TEAM, Objecting(PROVIDER))
    assert objected(near, TEAM, Objecting(PROVIDER)).number == first.number
    decided(near[TEAM], first.number, OVERRULED)
    again = objected(near, TEAM, Objecting(PROVIDER))
    assert again.number != first.number
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert decided(near[TEAM], again.number, UPHELD) == []


def test_a_decision_is_taken_once_by_somebody_and_for_a_reason(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    wrong = [Decision(UPHELD, " ", "reden"), Decision(UPHELD, "N.", ""), Decision("later", "N.", "reden")]
    for one in wrong:
        with (
            pytest.raises(ObjectionError, match="een besluit"),
            near[TEAM].workplace.commit("decided") as tx,
        ):
            objections.decide(tx, near[TEAM].workplace, made.number, one)
    decided(near[TEAM], made.number, UPHELD)
    kept = objections.need(near[TEAM].store, made.number)
    assert (kept.outcome, kept.decided_by, kept.reason, kept.decided_on) == (
        UPHELD,
        "N. Beslist",
        "afgewogen",
        near.world.today,
    )
    with pytest.raises(ObjectionError, match="wacht niet op een besluit"):
        decided(near[TEAM], made.number, OVERRULED)
    with pytest.raises(ObjectionError, match="geen bezwaar met dit nummer"):
        decided(near[TEAM], 77, OVERRULED)


def test_what_was_taken_back_goes_on(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    assert len(decided(near[TEAM], made.number, TAKEN_BACK)) == 1
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]
    assert not objections.has_objected(near[TEAM].store, near[TEAM].client("C-1").id)


def test_an_objection_to_a_rule_that_is_not_between_them_is_refused(near: Neighbours) -> None:
    for to in (Objecting(GP, row=1), Objecting(row=3), Objecting(PROVIDER, row=1, incoming=True)):
        with pytest.raises(ObjectionError, match="deze regel gaat niet"):
            objected(near, TEAM, to)


def test_an_objection_to_being_told_stops_it_and_the_sender_sees_a_stop(near: Neighbours) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    assert made.effects == ("pause",)
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert decided(near[PROVIDER], made.number, OVERRULED) == []  # only the sender begins again
    near.world.advance(days=5)
    near.settle(2)
    (held,) = near[TEAM].held_lines()
    assert near[TEAM].person_decides(held.line, resume=True) is not None
    something(near, 2)
    assert near.told(PROVIDER)[-1] == "in onderzoek"


def again_by_a_person(near: Neighbours, partner: str, *, days: int = 5) -> None:
    """Days after an objection at the recipient a person at the team, who knows of none, makes a grant."""
    near.world.advance(days=days)
    near.settle(2)
    for line in near[TEAM].held_lines():
        near[TEAM].person_decides(line.line, resume=True)
    near.settle(2)
    something(near, 1)


def test_an_objection_that_nobody_has_decided_holds_what_a_person_at_the_sender_makes_after_it(
    near: Neighbours,
) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    again_by_a_person(near, PROVIDER)
    edge = near[PROVIDER]
    assert near.told(PROVIDER) == ["toegewezen"]
    assert [item.final for item in near[TEAM].items()][-1] == DONE  # the sender sees no difference
    [waits] = held.waiting(edge.store, edge.workplace, edge.identity.book)
    assert (waits.why, waits.events) == (OBJECTION, 1)
    with pytest.raises(UndecidedError), edge.workplace.commit("accepted") as tx:
        held.accept(tx, edge.workplace, waits.id)
    near.take(PROVIDER, allocation(change="02"))  # its source is read again: that decides nothing
    assert near.told(PROVIDER) == ["toegewezen"]
    decided(edge, made.number, OVERRULED)
    assert near.told(PROVIDER)[-1] == "in onderzoek"


def test_an_objection_that_is_upheld_turns_away_what_came_while_it_waited(near: Neighbours) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    again_by_a_person(near, PROVIDER)
    decided(near[PROVIDER], made.number, UPHELD)
    assert near.told(PROVIDER) == ["toegewezen"]
    assert held.waiting(near[PROVIDER].store, near[PROVIDER].workplace, near[PROVIDER].identity.book) == []
    for _ in range(2):  # the stop leaves at a random minute of the next working day, and is seen on the one after
        near.world.advance(days=4)
        near.settle(3)
    assert [one.state for one in near[TEAM].grants() if one.recipient == PROVIDER][-1] == FROZEN


def answered_with_yes(near: Neighbours) -> None:
    """Somebody at the provider asks, for its own grant to the team still stands; somebody at the team says yes."""
    with near[PROVIDER].workplace.commit("request") as tx:
        requests.ask(tx, near[PROVIDER].workplace, near[PROVIDER].client("C-1"), TEAM, 1)
    near.settle(2)
    for line in near[TEAM].held_lines():
        near[TEAM].person_decides(line.line, resume=False)
    [one] = requests.waiting(near[TEAM].store, near[TEAM].workplace)
    with near[TEAM].workplace.commit("answered") as tx:
        requests.say_yes(tx, near[TEAM].workplace, one.number, "N.", ("zaak-7", None))


MADE_BY_A_PERSON: dict[str, Callable[[Neighbours], object]] = {
    "the line that was stopped goes on": lambda near: [
        near[TEAM].person_decides(one.line, resume=True) for one in near[TEAM].held_lines()
    ],
    "a grant on another file": lambda near: near[TEAM].grant_by_person("C-1", PROVIDER, Reliance(1, "zaak-2")),
    "a request that is answered with yes": answered_with_yes,
}


@pytest.mark.parametrize("way", MADE_BY_A_PERSON)
def test_an_objection_that_was_upheld_keeps_refusing_what_a_person_at_the_sender_makes_on_a_later_day(
    near: Neighbours, way: str
) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    decided(near[PROVIDER], made.number, UPHELD)
    near.world.advance(days=20)
    near.settle(2)
    MADE_BY_A_PERSON[way](near)
    near.settle(3)
    something(near, 1)
    last = [item.final for item in near[TEAM].items() if item.kind == EVENT][-1]
    assert last == DONE  # the sender sees no difference
    assert near.told(PROVIDER) == ["toegewezen"]
    near.open(PROVIDER)  # and whoever looks after a restart finds the same
    near.take(PROVIDER, allocation(change="02"))  # its source is read again: that lifts nothing
    assert near.told(PROVIDER) == ["toegewezen"]
    assert held.waiting(near[PROVIDER].store, near[PROVIDER].workplace, near[PROVIDER].identity.book) == []
    for _ in range(2):  # stopped on the next working day, and seen by the sender on the one after
        near.world.advance(days=4)
        near.settle(3)
    assert [one.state for one in near[TEAM].grants() if one.recipient == PROVIDER][-1] == FROZEN


def test_what_was_upheld_is_lifted_by_a_named_person_and_then_what_is_made_anew_is_shown(near: Neighbours) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    decided(near[PROVIDER], made.number, UPHELD)
    again_by_a_person(near, PROVIDER)
    with pytest.raises(NoNameError):
        near[PROVIDER].lift_refusals("C-1", TEAM, "  ", incoming=True)
    assert near[PROVIDER].lift_refusals("C-1", TEAM, "N. Heft op", incoming=True) == 1
    assert near.told(PROVIDER) == ["toegewezen"]  # what was turned away stays so
    kept = [one for one in REFUSALS.scan(near[PROVIDER].store) if one.lifted_at is not None]
    assert [one.lifted_by for one in kept] == ["N. Heft op"]
    for _ in range(2):
        near.world.advance(days=4)
        near.settle(3)
    again_by_a_person(near, PROVIDER)
    assert near.told(PROVIDER)[-1] == "in onderzoek"


def test_what_was_upheld_is_passed_by_the_citizens_own_later_word(near: Neighbours) -> None:
    made = objected(near, GP, Objecting(incoming=True))
    decided(near[GP], made.number, UPHELD)
    near.world.advance(days=5)
    near.settle(2)
    something(near, 1)
    assert near.told(GP) == []
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle(3)
    something(near, 2)
    assert near.told(GP)[-1] == "in onderzoek"


def test_what_the_citizen_reads_says_which_way_the_objection_goes(near: Neighbours) -> None:
    made = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    told, telling = text_for_citizen(made, incoming=True), text_for_citizen(made)
    assert ("Wij horen nu niets meer" in told, "Wij delen" in told) == (True, False)
    assert ("Wij delen nu niets meer" in telling, "Wij horen" in telling) == (True, False)
    decided(near[PROVIDER], made.number, UPHELD)
    text = text_for_citizen(objections.need(near[PROVIDER].store, made.number), incoming=True)
    assert "U krijgt gelijk. Anderen mogen ons niet meer vertellen waar u bezwaar tegen maakte." in text
    assert "Dat blijft zo, tot u zelf iets anders zegt." in text


def test_what_was_upheld_about_one_partner_refuses_no_other(near: Neighbours) -> None:
    made = objected(near, PROVIDER, Objecting(GP, incoming=True))
    assert made.effects == ("stop",)
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen", "in onderzoek"]


def test_of_two_objections_the_last_that_is_decided_opens(near: Neighbours) -> None:
    one = objected(near, PROVIDER, Objecting(TEAM, incoming=True))
    other = objected(near, PROVIDER, Objecting(incoming=True))
    again_by_a_person(near, PROVIDER)
    decided(near[PROVIDER], one.number, OVERRULED)
    assert near.told(PROVIDER) == ["toegewezen"]
    decided(near[PROVIDER], other.number, OVERRULED)
    assert near.told(PROVIDER)[-1] == "in onderzoek"


def test_an_objection_to_being_told_is_recorded_where_the_row_says_so(near: Neighbours) -> None:
    to_the_zvh(near)
    objected(near, ZVH, Objecting(incoming=True))
    near.take(TEAM, status(3, Kind.ACTIE_BELEGD, today=near.world.today))
    near.settle(3)
    assert near.told(ZVH) == ["actie belegd"]


def test_a_withdrawal_ends_no_duty_by_a_click(near: Neighbours) -> None:
    run(near[TEAM].stop("C-1", PROVIDER, "withdrawn"))
    (open_one,) = [one for one in objections.waiting(near[TEAM].store) if objections.is_open(one)]
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]  # outwardly stopped, and somebody must decide
    assert len(decided(near[TEAM], open_one.number, OVERRULED)) == 1


def test_ending_an_agreement_leaves_what_rests_on_a_task(near: Neighbours) -> None:
    run(near[TEAM].end_agreement(near[TEAM].agreements("C-1")[0].id))
    assert objections.waiting(near[TEAM].store) == []
    something(near, 1)
    assert (near.told(GP), near.told(PROVIDER)) == ([], ["toegewezen", "in onderzoek"])


def test_a_line_is_not_resumed_against_an_objection_or_a_hold(near: Neighbours) -> None:
    run(near[PROVIDER].stop_incoming("C-1", TEAM, "held"))
    near.world.advance(days=5)
    near.settle(2)
    (held,) = near[TEAM].held_lines()
    run(near[TEAM].stop("C-1", PROVIDER, "held"))
    with pytest.raises(EdgeError, match="hef die eerst op"):
        near[TEAM].person_decides(held.line, resume=True)
    assert near[TEAM].held_lines() == [held]


def test_an_objection_survives_a_crash_before_and_after_its_commit(near: Neighbours) -> None:
    class Crash(BaseException):
        pass

    for place in ("before", "after"):

        def point(name: str, place: str = place) -> None:
            if name == f"objection: {place} the commit":
                raise Crash

        near.points[TEAM] = point
        near.open(TEAM)
        with pytest.raises(Crash):
            objected(near, TEAM, Objecting(PROVIDER))
        del near.points[TEAM]
        near.open(TEAM)
        assert len(objections.waiting(near[TEAM].store)) == (0 if place == "before" else 1)
    something(near, 1)
    assert near.told(PROVIDER) == ["toegewezen"]


def test_another_event_of_another_law_is_no_way_round(near: Neighbours) -> None:
    objected(near, TEAM, Objecting(role="provider-wmo"))
    event = Event(Kind.GEWIJZIGD, near.world.today, Law.WMO, None, "1001")
    assert near.take(TEAM, NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("test", "1"))).told == 1  # the GP
    near.settle(2)
    assert near.told(PROVIDER) == ["toegewezen"]
