# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Statutory grants that an edge makes by itself: from which message, and what happens to a source that nobody here knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import held
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.formats.native import Allocation, FormatConfig, NativeEvent
from adapters.formats.suwi import SuwiReader
from adapters.held import NotHeldError
from adapters.inbound import BOX_DAYS, purge_boxes
from adapters.missing import ASK, CLOSED, MESSAGE, PERSON, REFUSED, missing
from adapters.records_incoming import INTRODUCTIONS, NOTICES, TOLD, Introduced
from adapters.records_outgoing import EVENT, FROZEN, ORDERS, SOURCES, Source
from adapters.references import SOURCE_ROWS, answer_reference
from adapters.refusals import OBJECTED
from schemas.calendar import parse_date
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    GI,
    GP,
    PROVIDER,
    SCHOOL,
    TEAM,
    UWV,
    WORK_TEAM,
    YOUTH_PROVIDER,
    YOUTH_TEAM,
    Neighbours,
    allocation,
    start,
)
from tests.simulator import NATIONAL, run

STATUS = Path(__file__).parents[1] / "vectors" / "suwi" / "valid" / "status.xml"
REINTEGRATION = STATUS.with_name("reintegratie.xml")
DECISIONS = {f"suwi:beslissing:{code}": (Kind.TOEGEWEZEN, Law.SUWI) for code in ("01", "04")}


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for address in (UWV, WORK_TEAM, YOUTH_TEAM, YOUTH_PROVIDER):
        neighbours.world.hub.admit(neighbours.open(address).init().raw)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def known_to(near: Neighbours, *addresses: str) -> None:
    """This citizen is a client of these."""
    for address in addresses:
        near[address].import_clients([ClientRow("C-1", BSN, "")])


def allotted(number: str = "77", begin: str = "2026-03-02", end: str | None = None) -> NativeEvent:
    """A 301 of the youth team for the provider."""
    first, last = parse_date(begin), None if end is None else parse_date(end)
    return NativeEvent(
        Event(Kind.TOEGEWEZEN, first, Law.JEUGDWET, None, number),
        Citizen(bsn=BSN),
        "9991",
        "98765401",
        ("ijw", "9991", BSN, number, "301", begin, end or ""),
        allocation=Allocation(number, first, last, None, withdrawn=False),
    )


def answer(file: Path = STATUS) -> list[NativeEvent]:
    """What UWV answered over Suwinet."""
    return SuwiReader(FormatConfig(cloudevent_types=DECISIONS)).read(file.read_bytes())


def news(near: Neighbours, law: Law, sender: str, number: int, reference: str | None = None) -> NativeEvent:
    """Something of one's own that happened today."""
    event = Event(Kind.GESTART, near.world.today, law, None, reference)
    return NativeEvent(event, Citizen(bsn=BSN), sender, None, ("test", sender, str(number)))


def introduced(near: Neighbours, address: str) -> list[Introduced]:
    return list(INTRODUCTIONS.scan(near[address].store))


# -- what is made ----------------------------------------------------------------------------------------------------


def test_row_904_an_allocation_under_the_youth_law_lets_the_team_tell_the_provider(near: Neighbours) -> None:
    for address in (YOUTH_PROVIDER, YOUTH_TEAM):
        assert near.take(address, allotted()).grants == 1
    [grant] = near[YOUTH_TEAM].grants()
    assert (grant.row, grant.ground, grant.automatic, grant.source) == (904, "statutory", True, "77")
    near.settle()
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]
    near.take(YOUTH_TEAM, news(near, Law.JEUGDWET, "9991", 1, "78"))  # of another allocation
    near.settle()
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]


def test_row_904_ends_with_its_allocation(near: Neighbours) -> None:
    near.take(YOUTH_TEAM, allotted(end="2026-03-20"))
    assert near[YOUTH_TEAM].grants()[0].end == parse_date("2026-03-20")
    withdrawn = allotted()
    assert withdrawn.allocation is not None
    near.world.advance(minutes=1)
    near.take(YOUTH_TEAM, replace(withdrawn, allocation=replace(withdrawn.allocation, withdrawn=True)))
    assert [grant.state for grant in near[YOUTH_TEAM].grants()] == ["stopping"]


def test_row_115_an_answer_of_uwv_lets_the_team_tell_uwv_and_no_other(near: Neighbours) -> None:
    known_to(near, UWV, WORK_TEAM)
    said = answer()
    assert near.take(UWV, *said).grants == 0  # it does not say whom it answered
    assert near.take(WORK_TEAM, *said).grants == 1
    [grant] = near[WORK_TEAM].grants()
    assert (grant.row, grant.recipient, grant.law, grant.automatic) == (115, UWV, "participatiewet", True)
    near.take(WORK_TEAM, news(near, Law.PARTICIPATIEWET, "urn:example:uitkeringen", 1))
    near.settle()
    assert near.told(UWV) == ["gestart"]


def test_row_15_an_answer_of_a_municipality_lets_uwv_tell_it(near: Neighbours) -> None:
    known_to(near, UWV, WORK_TEAM)
    said = [replace(one, sender="urn:example:uitkeringen") for one in answer(REINTEGRATION)]
    for address in (WORK_TEAM, UWV):
        near.take(address, *said)
    [grant] = near[UWV].grants()
    assert (grant.row, grant.recipient, grant.law) == (15, WORK_TEAM, "suwi")
    near.take(UWV, news(near, Law.SUWI, "urn:suwi:uwv", 1))
    near.settle()
    assert near.told(WORK_TEAM) == ["gestart"]


def test_to_ask_about_somebody_makes_nobody_a_client(near: Neighbours) -> None:
    assert near.take(WORK_TEAM, *answer()).grants == 0
    assert near[WORK_TEAM].clients() == []


def test_an_answer_that_repeats_everything_makes_one_grant_only(near: Neighbours) -> None:
    known_to(near, WORK_TEAM)
    assert [near.take(WORK_TEAM, *answer()).grants for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("incoming", [False, True])
def test_a_refusal_wins_over_every_source(near: Neighbours, incoming: bool) -> None:
    known_to(near, UWV, WORK_TEAM)
    if incoming:  # the citizen does not want UWV to be told by the team
        run(near[UWV].stop_incoming("C-1", WORK_TEAM))
    else:
        run(near[WORK_TEAM].stop("C-1", UWV, OBJECTED))
    near.take(UWV, *answer())
    assert near.take(WORK_TEAM, *answer()).grants == incoming
    near.take(WORK_TEAM, news(near, Law.PARTICIPATIEWET, "urn:example:uitkeringen", 1))
    near.settle()
    assert near.told(UWV) == []


def test_what_a_person_ended_is_not_begun_again_by_an_answer_that_says_the_same_but_by_one_that_says_more(
    near: Neighbours,
) -> None:
    known_to(near, UWV, WORK_TEAM)
    near.take(WORK_TEAM, *answer())
    [grant] = near[WORK_TEAM].grants()
    run(near[WORK_TEAM].stop_grant(grant.id))
    near.settle()
    for _ in range(2):
        near.world.advance(days=1)
        assert near.take(WORK_TEAM, *answer()).grants == 0
    more = replace(answer()[0], identity=("suwi", "aanvraag-status", "urn:suwi:uwv", BSN, "aangemeld", "2026-03-04"))
    assert near.take(WORK_TEAM, *answer(), more).grants == 1


def test_what_another_stopped_waits_for_a_person_whatever_is_allotted(near: Neighbours) -> None:
    near.take(YOUTH_PROVIDER, allotted())
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    run(near[YOUTH_PROVIDER].stop_incoming(near[YOUTH_PROVIDER].clients()[0].number, YOUTH_TEAM))
    for _ in range(2):  # the stop leaves at a random minute of the next working day, and is seen on the one after
        near.world.advance(days=4)
        near.settle()
    assert {grant.state for grant in near[YOUTH_TEAM].grants()} == {FROZEN}
    assert near.take(YOUTH_TEAM, allotted("79", begin="2026-03-05")).grants == 0


def test_no_other_row_is_ever_made_by_itself(near: Neighbours) -> None:
    known_to(near, *near.edges)
    for address in near.edges:
        near.take(address, allocation(), start(), allotted(), *answer(), *answer(REINTEGRATION))
    made = {grant.row for edge in near.edges.values() for grant in edge.grants()}
    assert made <= SOURCE_ROWS
    assert made
    assert {NATIONAL.rows[row].introduction for row in SOURCE_ROWS} == {"bsn"}


# -- a source that this edge doesn't know ---------------------------------------------------------------------------


def test_a_source_that_is_not_known_shows_nothing_and_the_sender_sees_no_difference(near: Neighbours) -> None:
    known_to(near, YOUTH_PROVIDER)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    [one] = introduced(near, YOUTH_PROVIDER)
    assert (one.held, one.source, one.client is None) == (True, "77", False)
    assert near.told(YOUTH_PROVIDER) == []
    assert list(NOTICES.scan(near[YOUTH_PROVIDER].store)) == []
    assert [item.final for item in near[YOUTH_TEAM].items()] == ["done", "done"]  # received, both
    near.world.advance(days=4)
    near.settle()
    assert list(ORDERS.scan(near[YOUTH_PROVIDER].store)) == []  # nor is it stopped
    assert [grant.state for grant in near[YOUTH_TEAM].grants()] == ["active"]


@pytest.mark.parametrize(
    ("row", "sender", "recipient", "said"),
    [
        (1, TEAM, PROVIDER, allocation()),
        (2, PROVIDER, TEAM, start()),
        (8, YOUTH_PROVIDER, YOUTH_TEAM, None),
        (904, YOUTH_TEAM, YOUTH_PROVIDER, allotted()),
    ],
)
def test_under_every_row_of_an_allocation_nothing_is_shown_before_that_allocation_was_read(
    near: Neighbours, row: int, sender: str, recipient: str, said: NativeEvent | None
) -> None:
    known_to(near, recipient)
    source = allotted() if row in (8, 904) else allocation()
    near.take(sender, source)
    near.take(sender, said or news(near, Law.JEUGDWET, "98765401", 1, "77"))
    near.settle()
    assert [(one.row, one.held) for one in introduced(near, recipient)] == [(row, True)]
    assert near.told(recipient) == []
    near.take(recipient, source)
    assert len(near.told(recipient)) == 1
    assert [one.held for one in introduced(near, recipient)] == [False]


@pytest.mark.parametrize("read", [True, False])
def test_row_8_what_a_certified_institution_tells_is_known_by_the_allocation_that_the_team_itself_wrote(
    near: Neighbours, read: bool
) -> None:
    near.world.hub.admit(near.open(GI).init().raw)
    known_to(near, GI, YOUTH_TEAM)
    source = replace(allotted(), receiver="98765402")
    if read:
        assert near.take(YOUTH_TEAM, source).grants == 0  # no rule lets the team tell it on an allocation
    near.take(GI, source)
    near.take(GI, news(near, Law.JEUGDWET, "98765402", 1, "77"))
    near.settle()
    assert near.told(YOUTH_TEAM) == (["gestart"] if read else [])


def test_it_is_shown_by_itself_when_the_source_comes_later(near: Neighbours) -> None:
    known_to(near, YOUTH_PROVIDER)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    near.take(YOUTH_PROVIDER, allotted("78"))  # another allocation does not do
    assert near.told(YOUTH_PROVIDER) == []
    near.take(YOUTH_PROVIDER, allotted())
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]
    assert len(list(NOTICES.scan(near[YOUTH_PROVIDER].store))) == 1


def test_an_answer_that_says_something_else_is_another_source(near: Neighbours) -> None:
    known_to(near, UWV, WORK_TEAM)
    near.take(UWV, *answer())
    near.take(WORK_TEAM, *answer()[:1])  # a municipality that guesses what UWV answered to another
    near.take(WORK_TEAM, news(near, Law.PARTICIPATIEWET, "urn:example:uitkeringen", 1))
    near.settle()
    assert near.told(UWV) == []
    assert [one.held for one in introduced(near, UWV)] == [True]


def test_a_person_accepts_it_and_all_that_came_is_shown(near: Neighbours) -> None:
    known_to(near, YOUTH_PROVIDER)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    edge = near[YOUTH_PROVIDER]
    [waiting] = held.waiting(edge.store, edge.workplace, edge.identity.book)
    assert (waiting.client, waiting.sender, waiting.row, waiting.source, waiting.events) == (
        "C-1",
        "Team Jeugd",
        904,
        "77",
        1,
    )
    with edge.workplace.commit("test") as tx:
        held.accept(tx, edge.workplace, waiting.id)
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]
    near.take(YOUTH_TEAM, replace(allotted(), identity=("ijw", "again")))
    near.settle()
    assert near.told(YOUTH_PROVIDER) == ["toegewezen", "toegewezen"]
    with pytest.raises(NotHeldError), edge.workplace.commit("test") as tx:
        held.accept(tx, edge.workplace, waiting.id)


def test_a_person_refuses_it_and_what_came_is_destroyed_and_nothing_opens_it_again(near: Neighbours) -> None:
    known_to(near, YOUTH_PROVIDER)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    edge = near[YOUTH_PROVIDER]
    [waiting] = held.waiting(edge.store, edge.workplace, edge.identity.book)
    with edge.workplace.commit("test") as tx:
        held.refuse(tx, edge.workplace, waiting.id)
    assert [told.parts for told in TOLD.scan(edge.store)] == [()]
    near.take(YOUTH_PROVIDER, allotted())
    assert near.told(YOUTH_PROVIDER) == []
    for _ in range(2):  # the stop leaves at a random minute of the next working day, and is seen on the one after
        near.world.advance(days=4)
        near.settle()
    assert {grant.state for grant in near[YOUTH_TEAM].grants()} == {FROZEN}


def test_what_nobody_accepts_in_30_days_is_destroyed(near: Neighbours) -> None:
    known_to(near, YOUTH_PROVIDER)
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    edge = near[YOUTH_PROVIDER]
    near.world.advance(days=BOX_DAYS + 1)
    with edge.workplace.commit("test") as tx:
        assert purge_boxes(tx, edge.workplace.now) == 1
    assert [told.parts for told in TOLD.scan(edge.store)] == [()]


def test_a_renewal_of_what_is_known_with_the_same_source_is_known_and_with_another_is_not(near: Neighbours) -> None:
    for address in (YOUTH_PROVIDER, YOUTH_TEAM):
        near.take(address, allotted(end="2026-03-20"))
    near.settle()
    near.take(YOUTH_TEAM, replace(allotted(end="2026-06-30"), identity=("ijw", "longer")))
    near.settle()
    assert [one.held for one in introduced(near, YOUTH_PROVIDER)] == [False, False]
    near.take(YOUTH_TEAM, allotted("90", end="2026-08-31"))
    near.settle()
    assert sorted(one.held for one in introduced(near, YOUTH_PROVIDER)) == [False, False, True]


def test_what_a_person_made_is_shown_whatever_source_it_names(near: Neighbours) -> None:
    known_to(near, UWV, WORK_TEAM)
    near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "dossier-7"))
    near.take(UWV, news(near, Law.SUWI, "urn:suwi:uwv", 1))
    near.settle()
    assert near.told(WORK_TEAM) == ["gestart"]


def test_a_client_who_is_registered_later_is_held_as_well(near: Neighbours) -> None:
    near.take(YOUTH_TEAM, allotted())
    near.settle()
    known_to(near, YOUTH_PROVIDER)
    assert near.told(YOUTH_PROVIDER) == []
    assert [one.held for one in introduced(near, YOUTH_PROVIDER)] == [True]


def test_an_introduction_that_was_kept_before_its_source_was_is_shown_as_before(near: Neighbours) -> None:
    for address in (YOUTH_PROVIDER, YOUTH_TEAM):
        near.take(address, allotted())
    near.settle()
    [one], edge = introduced(near, YOUTH_PROVIDER), near[YOUTH_PROVIDER]
    older = astuple(one)[:-2]
    with edge.workplace.commit("test") as tx:
        tx.put(INTRODUCTIONS.table, one.secret, older, INTRODUCTIONS.index(one), INTRODUCTIONS.plain(one))
    [again] = introduced(near, YOUTH_PROVIDER)
    assert (again.source, again.held) == (None, False)
    assert near.told(YOUTH_PROVIDER) == ["toegewezen"]


@given(st.permutations(range(3)))
def test_the_reference_of_an_answer_does_not_depend_on_the_order_in_which_it_says_things(order: list[int]) -> None:
    said = [replace(answer()[0], identity=("suwi", str(one))) for one in range(3)]
    assert answer_reference([said[one] for one in order]) == answer_reference(said)
    assert answer_reference(said[:2]) != answer_reference(said)
    assert BSN not in answer_reference(answer())


# -- what is missing -------------------------------------------------------------------------------------------------


def why(near: Neighbours, address: str) -> dict[tuple[str | None, int], str]:
    edge = near[address]
    client = edge.client(edge.clients()[0].number)
    found = missing(edge.store, edge.workplace, edge.identity.book, client)
    return {(one.partner or one.role, one.row.id): one.why for one in found}


def test_where_only_consent_will_do_nothing_is_made_and_it_says_whom_to_ask(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    found = why(near, TEAM)
    assert (PROVIDER, 1) not in found  # that one is told
    assert found["gp", 5] == ASK
    assert near[TEAM].refusals(near[TEAM].clients()[0].number) == []
    assert {grant.row for grant in near[TEAM].grants()} == {1}


def test_a_partner_to_whom_the_traffic_points_is_named_and_all_others_by_their_role_alone(near: Neighbours) -> None:
    known_to(near, TEAM, GP)
    from_practice(near)
    found = why(near, TEAM)
    assert found[GP, 5] == ASK
    assert ("gp", 5) not in found
    assert found["provider-wmo", 1] == MESSAGE
    run(near[TEAM].stop("C-1", GP, OBJECTED))
    assert why(near, TEAM)[GP, 5] == REFUSED


def from_practice(near: Neighbours) -> None:
    """Somebody agreed at the practice that it may tell the team."""
    near[GP].make_agreement("C-1", Conversation(("Team Wmo",)))
    near.settle()


def test_what_only_a_person_can_know_says_so_with_the_references_that_are_here(near: Neighbours) -> None:
    known_to(near, UWV, WORK_TEAM)
    assert why(near, UWV)["team-pw", 16] == PERSON
    assert why(near, WORK_TEAM)["uwv", 115] == MESSAGE
    near.take(WORK_TEAM, *answer())
    assert ("uwv", 115) not in why(near, WORK_TEAM)


def test_what_nobody_can_allow_says_so(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    edge = near[TEAM]
    client = edge.client(edge.clients()[0].number)
    with edge.workplace.commit("test") as tx:
        SOURCES.put(tx, Source(client.id, SCHOOL, "wmo", "1", None, withdrawn=False, read_at=0))
    assert why(near, TEAM)[SCHOOL, 3] == CLOSED


def test_looking_at_what_is_missing_makes_nothing(near: Neighbours) -> None:
    known_to(near, *near.edges)
    for address in near.edges:
        why(near, address)
    assert [grant for edge in near.edges.values() for grant in edge.grants()] == []
    assert [item for edge in near.edges.values() for item in edge.items() if item.kind == EVENT] == []
