# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Grants that a person makes on a task or a declaration, and what no grant is made for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import objections
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.declarations import Declared
from adapters.formats.native import FormatConfig, NativeEvent
from adapters.formats.suwi import SuwiReader
from adapters.lines import NotLawfulError
from adapters.records_incoming import INTRODUCTIONS
from adapters.records_outgoing import INTRODUCTION
from adapters.workplace import EdgeError
from schemas.event import Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    GP,
    PARTNERSHIP,
    PROVIDER,
    SCHOOL,
    TEAM,
    TYPIST,
    UWV,
    WORK_TEAM,
    YOUTH_PROVIDER,
    YOUTH_TEAM,
    Neighbours,
    allocation,
    decided,
)
from tests.simulator import run

STATUS = Path(__file__).parents[1] / "vectors" / "suwi" / "valid" / "status.xml"


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for address in (UWV, WORK_TEAM, SCHOOL, PARTNERSHIP, YOUTH_TEAM, YOUTH_PROVIDER):
        neighbours.world.hub.admit(neighbours.open(address).init().raw)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def fact(near: Neighbours, law: Law, sender: str, number: int, reference: str | None = None) -> NativeEvent:
    """Something of one's own that happened today."""
    event = Event(Kind.GESTART, near.world.today, law, None, reference)
    return NativeEvent(event, Citizen(bsn=BSN), sender, None, ("test", sender, str(number)))


def test_uwv_tells_the_team_and_nobody_else_on_a_task_that_a_person_named(near: Neighbours) -> None:
    near.world.to("2026-03-20 10:00")
    grant = near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "SUWI-2026-7"))
    assert (grant.row, grant.ground, grant.law, grant.consent) == (15, "statutory", "suwi", None)
    assert grant.automatic is False
    near.take(UWV, fact(near, Law.SUWI, "urn:suwi:uwv", 1))
    near.settle()
    assert near.told(WORK_TEAM) == ["gestart"]
    [introduced] = list(INTRODUCTIONS.scan(near[WORK_TEAM].store))
    assert (introduced.row, introduced.ground, introduced.law) == (15, "statutory", "suwi")
    for address in (TEAM, GP, SCHOOL):
        assert near.told(address) == []


def test_an_answer_of_uwv_is_told_under_the_rows_of_uwv_and_not_under_the_law_of_the_team(near: Neighbours) -> None:
    decisions = {f"suwi:beslissing:{code}": (Kind.TOEGEWEZEN, Law.SUWI) for code in ("01", "04")}
    near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(16, "PW-64"))
    events = SuwiReader(FormatConfig(cloudevent_types=decisions)).read(STATUS.read_bytes())
    assert {event.event.law for event in events} == {Law.SUWI}
    near.take(WORK_TEAM, *events)  # it asked, and is no source: it passes on nothing
    assert [item.kind for item in near[WORK_TEAM].items()] == [INTRODUCTION]  # of what the answer lets it tell UWV


def test_the_team_tells_uwv_on_its_own_law_and_each_row_is_a_line_of_its_own(near: Neighbours) -> None:
    near[WORK_TEAM].grant_by_person("C-1", UWV, Reliance(17, "PW-1"))
    near[WORK_TEAM].grant_by_person("C-1", UWV, Reliance(115, "PW-2"))
    assert sorted((one.row, one.state) for one in near[WORK_TEAM].grants()) == [(17, "active"), (115, "active")]
    assert near.take(WORK_TEAM, fact(near, Law.PARTICIPATIEWET, "urn:example:uitkeringen", 1)).told == 2
    assert near.take(WORK_TEAM, fact(near, Law.WMO, "urn:example:uitkeringen", 2)).told == 0


@pytest.mark.parametrize(
    ("sender", "recipient", "row", "why"),
    [
        (TEAM, PROVIDER, 8, "deze regel laat ons deze partner niet inlichten"),
        (TEAM, SCHOOL, 3, "deze regel laat ons deze partner niet inlichten"),  # it closes
        (PARTNERSHIP, YOUTH_PROVIDER, 19, "deze regel laat ons deze partner niet inlichten"),
        (TEAM, WORK_TEAM, 25, "deze regel laat ons deze partner niet inlichten"),  # a bill
        (TEAM, WORK_TEAM, 4711, "deze regel laat ons deze partner niet inlichten"),
        (TEAM, GP, 5, "na een afspraak met de cliënt"),
    ],
)
def test_no_grant_is_made_that_its_row_has_no_room_for(
    near: Neighbours, sender: str, recipient: str, row: int, why: str
) -> None:
    with pytest.raises(EdgeError, match=why):
        near[sender].grant_by_person("C-1", recipient, Reliance(row, "zaak-7"))
    assert near[sender].grants() == []
    assert near[sender].items() == []


@pytest.mark.parametrize("source", ["", "zaak 7", BSN + "/1", "x" * 65, "naam\n"])
def test_a_source_is_a_reference_and_not_a_text(near: Neighbours, source: str) -> None:
    with pytest.raises(EdgeError, match="de bron is een kenmerk") as refused:
        near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, source))
    assert not source or source not in str(refused.value)


def test_a_grant_by_person_never_lasts_longer_than_its_row_lets_it(near: Neighbours) -> None:
    with pytest.raises(NotLawfulError, match="/end too-long"):
        near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "zaak-7", near.world.today + 800))


def duties(near: Neighbours, partner: str | None) -> list[int]:
    """The rows under which UWV tells, whoever or this one, on a task."""
    rows = near[UWV].workplace.rules.rows.values()
    return [
        row.id
        for row in rows
        if "uwv" in row.senders
        and row.permits
        and row.in_force
        and not {"consent", "no-objection"} & set(row.grounds)
        and (partner is None or partner.rpartition(":")[2] in row.recipients)
    ]


@pytest.mark.parametrize("why", ["objected", "held", "withdrawn"])
@pytest.mark.parametrize("partner", [WORK_TEAM, None])
def test_a_refusal_that_stands_is_lifted_by_a_person_apart_and_never_by_a_grant(
    near: Neighbours, why: str, partner: str | None
) -> None:
    run(near[UWV].stop("C-1", partner, why))
    with pytest.raises(EdgeError, match="hef die eerst op"):
        near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "zaak-7"))
    waiting = objections.waiting(near[UWV].store)
    assert len(waiting) == (0 if why == "held" else 1 if why == "objected" else len(duties(near, partner)))
    for one in waiting:  # this ground is no consent, so what the citizen says is an objection: somebody decides it
        if one.decide_by is not None:  # under a row for safety it is recorded, and stops nothing
            decided(near[UWV], one.number, objections.TAKEN_BACK)
    near[UWV].lift_refusals("C-1", partner, "N. Heft op")
    assert near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "zaak-7")).state == "active"


def test_under_the_help_that_two_share_nothing_is_told_about_another_allocation(near: Neighbours) -> None:
    near[YOUTH_TEAM].grant_by_person("C-1", YOUTH_PROVIDER, Reliance(904, "1001"))
    assert near.take(YOUTH_TEAM, fact(near, Law.JEUGDWET, "9991", 1, "2002")).told == 0
    assert near.take(YOUTH_TEAM, fact(near, Law.JEUGDWET, "9991", 2, "1001")).told == 1
    assert near.take(YOUTH_TEAM, fact(near, Law.JEUGDWET, "9991", 3)).told == 1


def test_a_line_on_a_persons_word_goes_on_after_a_stop_by_another_as_it_was(near: Neighbours) -> None:
    made = near[UWV].grant_by_person("C-1", WORK_TEAM, Reliance(15, "zaak-7"))
    near.settle()
    run(near[WORK_TEAM].stop_incoming("C-1", UWV))
    near.world.advance(days=4)  # the sender hears of it a working day later
    near.settle()
    [held] = near[UWV].held_lines()
    again = near[UWV].person_decides(held.line, resume=True)
    assert again is not None
    assert (again.source, again.end, again.row) == ("zaak-7", made.end, 15)


@pytest.mark.parametrize(
    ("sender", "recipient", "row", "ground"),
    [(WORK_TEAM, SCHOOL, 18, "no-objection"), (PARTNERSHIP, SCHOOL, 119, "statutory"), (UWV, GP, 118, "no-objection")],
)
def test_a_grant_of_a_row_without_bsn_waits_for_a_code_and_then_tells(
    near: Neighbours, sender: str, recipient: str, row: int, ground: str
) -> None:
    law = {WORK_TEAM: Law.PARTICIPATIEWET, PARTNERSHIP: Law.ONDERWIJS, UWV: Law.SUWI}[sender]
    source = {WORK_TEAM: "urn:example:uitkeringen", PARTNERSHIP: "urn:example:verband", UWV: "urn:suwi:uwv"}[sender]
    said = Declared(adult=True) if ground == "no-objection" else None
    made = near[sender].grant_by_person("C-1", recipient, Reliance(row, "verklaring-7", None, said))
    assert (made.ground, made.by_code, near[sender].items()) == (ground, True, [])
    near.take(sender, fact(near, law, source, 1))
    near.settle()
    assert near.told(recipient) == []
    [slip] = near[sender].print_codes("C-1", recipient)
    near.settle()
    assert {one.bsn for one in INTRODUCTIONS.scan(near[recipient].store)} == {None}
    assert near[recipient].enter_code("C-1", slip.code, TYPIST) is not None
    near.world.advance(days=4)
    near.settle()
    assert near.told(recipient) == ["gestart"]


@pytest.mark.parametrize(
    ("sender", "name", "recipient"),
    [
        (SCHOOL, "Team Jeugd", YOUTH_TEAM),
        (YOUTH_PROVIDER, "School Voorbeeld", SCHOOL),
        (YOUTH_TEAM, "Praktijk Voorbeeld", GP),
    ],
)
def test_an_agreement_under_a_row_without_bsn_sends_none_also_where_it_is_known(
    near: Neighbours, sender: str, name: str, recipient: str
) -> None:
    made = near[sender].make_agreement("C-1", Conversation((name,)))
    assert [(one.recipient, one.by_code) for one in made.made] == [(recipient, True)]
    assert len(made.slips) == 1
    near.settle()
    assert {one.bsn for one in INTRODUCTIONS.scan(near[recipient].store)} == {None}


def test_a_gp_tells_the_team_on_consent_and_nothing_under_another_law(near: Neighbours) -> None:
    near[GP].make_agreement("C-1", Conversation(("Team Wmo",)))
    near.take(GP, fact(near, Law.ZVW, "01234567", 1), fact(near, Law.WMO, "01234567", 2))
    near.settle()
    assert near.told(TEAM) == ["gestart"]
    assert [one.task.law for one in near[TEAM].view("C-1")] == ["zvw"]


def test_an_agreement_says_why_consent_is_not_the_ground_and_what_is(near: Neighbours) -> None:
    def asked(sender: str, name: str) -> str:
        return near[sender].make_agreement("C-1", Conversation((name,))).asked[0]

    assert asked(TEAM, "Zorg Voorbeeld").endswith("wel een wettelijke taak (regel 1)")
    assert asked(WORK_TEAM, "School Voorbeeld").endswith("een schriftelijke verklaring van geen bezwaar (regel 18)")
    assert asked(TEAM, "School Voorbeeld").endswith("dat mag niet, ook niet met toestemming (regel 3)")
    assert asked(PARTNERSHIP, "Jeugdhulp Voorbeeld").endswith("dat mag niet, ook niet met toestemming (regel 19)")
    assert asked(UWV, "Team Wmo").endswith("dat mag niet, ook niet met toestemming (regel 912)")


def test_an_allocation_still_makes_its_grants_by_itself_and_for_nobody_else(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    assert [(one.row, one.recipient) for one in near[TEAM].grants()] == [(1, PROVIDER)]
