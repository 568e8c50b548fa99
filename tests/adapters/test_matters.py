# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a person is asked about: a death that is taken back, and an end that names no allocation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import matters
from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.closing import why_ended
from adapters.erasure import erase
from adapters.formats.native import NativeEvent
from adapters.matters import DEATH_TAKEN_BACK, END_UNNAMED, MATTERS, Matter, MatterError
from adapters.records_outgoing import ACTIVE, SOURCES, STOPPED
from adapters.refusals import OBJECTED
from hub.client import HubUnavailableError
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import BSN, CASES, GP, PROVIDER, TEAM, Neighbours, allocation, answer, request, start, stop
from tests.simulator import run


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    """Team and provider tell each other on an allocation; the GP is told by the team on consent."""
    neighbours = Neighbours(tmp_path)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    for address in (TEAM, PROVIDER):
        neighbours.take(address, allocation())
    neighbours[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    neighbours.settle(3)
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def death(number: int = 1, *, reference: str | None = None, retracts: bool = False, law: Law = Law.WMO) -> NativeEvent:
    """The municipality's own case system says that somebody has died, or that this is not so."""
    event = Event(Kind.BEEINDIGD, 20_500, law, Ending.OVERLEDEN, reference)
    return NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("test", "death", str(number)), retracts)


def ended(number: int = 1, *, kind: Kind = Kind.BEEINDIGD, retracts: bool = False) -> NativeEvent:
    """A closing status that names no allocation."""
    event = Event(kind, 20_500, Law.WMO, None if kind is Kind.AFGEWEZEN else Ending.VOLGENS_PLAN, None)
    return NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("test", "end", str(number)), retracts)


def states(near: Neighbours, address: str = TEAM) -> list[tuple[str, str]]:
    return [(one.recipient, one.state) for one in near[address].grants("C-1")]


def asked(near: Neighbours, address: str = TEAM) -> list[Matter]:
    return matters.waiting(near[address].store)


# -- a death that is taken back --------------------------------------------------------------------------------------


def test_a_death_that_is_taken_back_lets_the_allocation_begin_a_new_grant_and_shows_the_rest(near: Neighbours) -> None:
    near.take(TEAM, death())
    near.settle(3)
    assert states(near) == [(PROVIDER, STOPPED), (GP, STOPPED)]
    assert asked(near) == []
    old = near[TEAM].grants("C-1")
    near.take(TEAM, death(retracts=True))
    near.settle(4)
    assert states(near) == [(PROVIDER, STOPPED), (GP, STOPPED), (PROVIDER, ACTIVE)]  # what was stopped stays so
    new = near[TEAM].grants("C-1")[-1]
    assert (new.row, new.source, new.automatic, new.renews) == (1, "1001", True, old[0].id)
    assert new.secret not in {one.secret for one in old}
    [matter] = asked(near)
    assert (matter.kind, set(matter.grants), matter.begun) == (DEATH_TAKEN_BACK, {one.id for one in old}, (new.id,))
    assert why_ended(near[TEAM].store, old[1]) == "de cliënt is overleden (dat is teruggenomen)"
    near.take(TEAM, replace(allocation("1001", change="02"), identity=("again",)))
    near.settle()
    assert near.told(PROVIDER) == ["toegewezen", "gewijzigd"]  # the death is called back there
    assert near.told(GP) == []


def test_every_source_that_the_death_closed_is_one_again_and_no_other(near: Neighbours) -> None:
    near.take(PROVIDER, allocation("1002"))
    near.take(PROVIDER, allocation("1003"))
    near.take(PROVIDER, start("2026-03-03", "1001"), stop("2026-03-20", number="1001"))
    near.settle()
    said = Event(Kind.BEEINDIGD, near.world.today, Law.WMO, Ending.OVERLEDEN, "1002")
    native = NativeEvent(said, Citizen(bsn=BSN), "12345678", "9999", ("iwmo", "x", "02"))
    near.take(PROVIDER, native)
    near.settle(3)
    assert states(near, PROVIDER) == [(TEAM, STOPPED)]
    near.take(PROVIDER, replace(native, retracts=True))
    near.settle(3)
    assert states(near, PROVIDER) == [(TEAM, STOPPED), (TEAM, ACTIVE)]
    closed = {one.number: one.closed for one in SOURCES.scan(near[PROVIDER].store)}
    assert closed == {"1001": True, "1002": False, "1003": False}  # the help under 1001 was over before


def test_the_other_party_takes_back_the_death_that_it_wrote(near: Neighbours) -> None:
    said = Event(Kind.BEEINDIGD, near.world.today, Law.WMO, Ending.OVERLEDEN, "1001")
    native = NativeEvent(said, Citizen(bsn=BSN), "12345678", "9999", ("iwmo", "x", "02"))
    near.take(TEAM, native)
    near.settle(3)
    assert states(near)[0] == (PROVIDER, STOPPED)
    near.take(TEAM, replace(native, retracts=True))
    near.settle(3)
    assert (PROVIDER, ACTIVE) in states(near)
    assert [one.kind for one in asked(near)] == [DEATH_TAKEN_BACK]


def test_a_death_taken_back_before_anything_had_ended_ends_nothing(near: Neighbours) -> None:
    near.take(TEAM, death(law=Law.JEUGDWET), death(law=Law.JEUGDWET, retracts=True))  # told in no line
    near.settle(3)
    assert states(near) == [(PROVIDER, ACTIVE), (GP, ACTIVE)]
    assert asked(near) == []


def test_while_another_statement_of_the_death_stands_nothing_begins(near: Neighbours) -> None:
    near.take(TEAM, death(1), death(2))
    near.settle(3)
    near.take(TEAM, death(1, retracts=True))
    near.settle(3)
    assert [state for _, state in states(near)] == [STOPPED, STOPPED]
    assert asked(near) == []
    near.take(TEAM, death(2, retracts=True))
    near.settle(3)
    assert (PROVIDER, ACTIVE) in states(near)


def test_against_a_refusal_nothing_begins_again(near: Neighbours) -> None:
    near.take(TEAM, death())
    near.settle(3)
    run(near[TEAM].stop("C-1", PROVIDER, OBJECTED))
    near.take(TEAM, death(retracts=True))
    near.settle(3)
    assert [state for _, state in states(near)] == [STOPPED, STOPPED]
    assert [one.begun for one in asked(near)] == [()]


def test_nothing_begins_again_before_the_feed_was_read(near: Neighbours) -> None:
    near.take(TEAM, death())
    near.settle(3)

    class Away(type(near[TEAM].workplace.client)):  # type: ignore[misc]
        async def outcomes(self, after: int) -> object:
            raise HubUnavailableError("away")

    near.clients[TEAM] = Away(near.world.hub, TEAM)
    near.open(TEAM)
    near.take(TEAM, death(retracts=True))
    with pytest.raises(HubUnavailableError, match="away"):
        near.work(TEAM)
    assert [state for _, state in states(near)] == [STOPPED, STOPPED]
    assert len(asked(near)) == 1  # a person sees it already
    del near.clients[TEAM]
    near.open(TEAM)
    near.settle(2)
    assert (PROVIDER, ACTIVE) in states(near)


def test_a_line_on_a_persons_word_is_shown_and_made_by_a_person_alone(near: Neighbours) -> None:
    near.take(TEAM, stop("2026-03-20"))
    near.settle(3)
    near[TEAM].grant_by_person("C-1", PROVIDER, Reliance(1, "zaak-7"))
    near.settle(2)
    near.take(TEAM, death())
    near.settle(3)
    near.take(TEAM, death(retracts=True))
    near.settle(3)
    assert ACTIVE not in {state for _, state in states(near)}
    assert [len(one.grants) for one in asked(near)] == [2]


def test_what_a_person_calls_back_by_hand_begins_nothing_and_is_shown(near: Neighbours) -> None:
    near.take(TEAM, death())
    near.settle(3)
    near[TEAM].retract_all("C-1", PROVIDER)
    assert asked(near) == []  # the GP is still told of a death
    near[TEAM].retract_all("C-1", GP)
    near.settle(3)
    assert [state for _, state in states(near)] == [STOPPED, STOPPED]
    assert [(one.kind, one.begun) for one in asked(near)] == [(DEATH_TAKEN_BACK, ())]


# -- an end that names no allocation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.BEEINDIGD, Kind.AFGEWEZEN])
def test_an_end_that_names_no_allocation_closes_nothing_and_asks_a_person_once(near: Neighbours, kind: Kind) -> None:
    near.take(TEAM, ended(1, kind=kind), ended(2, kind=kind))
    near.settle()
    assert states(near) == [(PROVIDER, ACTIVE), (GP, ACTIVE)]
    [matter] = asked(near)
    assert (matter.kind, matter.grants) == (END_UNNAMED, (near[TEAM].grants("C-1")[0].id,))  # not what was agreed to


def test_an_end_that_is_taken_back_asks_nobody(near: Neighbours) -> None:
    near.take(TEAM, ended())
    near.take(TEAM, ended(retracts=True))
    assert asked(near) == []


def test_the_other_party_names_no_allocation_either(near: Neighbours) -> None:
    near.take(TEAM, replace(stop("2026-03-20"), event=replace(stop("2026-03-20").event, reference=None)))
    assert [one.kind for one in asked(near)] == [END_UNNAMED]


def test_what_can_mean_no_line_asks_nobody(near: Neighbours) -> None:
    near.take(PROVIDER, request())
    near.take(TEAM, request())
    near.take(TEAM, answer())  # a request that is rejected
    near.take(TEAM, replace(ended(), event=replace(ended().event, law=Law.JEUGDWET)))  # nothing is told under that law
    near.take(GP, ended())
    near.take(TEAM, stop("2026-03-20"))  # it names its allocation
    assert [asked(near, one) for one in (TEAM, PROVIDER, GP)] == [[], [], []]


# -- settling --------------------------------------------------------------------------------------------------------


def test_a_matter_stands_until_somebody_who_is_named_has_settled_it(near: Neighbours) -> None:
    near.take(TEAM, ended())
    edge = near[TEAM]
    for number, by in ((1, " "), (1, "x" * 201), (2, "N. Kijkt"), (0, "N. Kijkt"), (1 << 64, "N. Kijkt")):
        with pytest.raises(MatterError), edge.workplace.commit("settled") as tx:
            matters.settle(tx, edge.workplace, number, by)
    with edge.workplace.commit("settled") as tx:
        matters.settle(tx, edge.workplace, 1, "N.  Kijkt")
    assert asked(near) == []
    [kept] = MATTERS.scan(edge.store)
    assert (kept.done_by, kept.done_on) == ("N. Kijkt", near.world.today)
    with pytest.raises(MatterError, match="wacht niets"), edge.workplace.commit("settled") as tx:
        matters.settle(tx, edge.workplace, 1, "N. Kijkt")
    near.take(TEAM, ended(2))
    assert [one.number for one in asked(near)] == [2]  # said again, it is asked again


def test_of_a_client_who_is_erased_no_matter_is_left(near: Neighbours) -> None:
    near.take(TEAM, ended())
    edge = near[TEAM]
    with edge.workplace.commit("erased") as tx:
        erase(tx, edge.workplace, edge._intake(), edge.client("C-1"), "N. Wist", tasks_are_over=True)
    for _ in range(3):
        near.settle()
        near.world.advance(days=1)
    assert list(MATTERS.scan(edge.store)) == []
