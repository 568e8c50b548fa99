# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A grant ends by itself when its case is over: after the event that says so, never before, and with the last source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.agreement import Conversation
from adapters.by_person import Reliance
from adapters.clients import ClientRow
from adapters.closing import WORDS, why_closed, why_ended
from adapters.formats.native import NativeEvent
from adapters.objections import Objecting
from adapters.records_outgoing import ACTIVE, CLOSINGS, STOPPED, Grant
from hub.client import HubUnavailableError
from schemas.event import Ending, Event, Kind, Law
from schemas.identity import Citizen
from tests.adapters.edges import (
    BSN,
    CASES,
    GP,
    PROVIDER,
    TEAM,
    Neighbours,
    allocation,
    decided,
    objected,
    start,
    stop,
)


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    for edge in neighbours.edges.values():
        edge.import_clients([ClientRow("C-1", BSN, "")])
    neighbours.take(TEAM, allocation())
    neighbours.take(PROVIDER, allocation())
    neighbours.settle(2)
    neighbours.take(PROVIDER, start())
    neighbours.settle(2)
    assert neighbours.told(TEAM) == ["gestart"]
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def lines(near: Neighbours, address: str) -> list[Grant]:
    return near[address].grants("C-1")


def states(near: Neighbours, address: str) -> list[str]:
    return [one.state for one in lines(near, address)]


def ended(number: int, ending: Ending | None = Ending.VOLGENS_PLAN, reference: str | None = "1001") -> NativeEvent:
    """A closing status of the municipality's own case system."""
    event = Event(Kind.BEEINDIGD, 20_500, Law.WMO, ending, reference)
    return NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("test", "end", str(number)))


def why(near: Neighbours, address: str) -> list[str | None]:
    return [why_ended(near[address].store, one) for one in lines(near, address)]


def test_a_grant_ends_by_itself_after_the_end_of_the_help_has_arrived(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"))
    near.work(PROVIDER)  # sent, and nobody has picked it up
    near.work(PROVIDER)
    assert states(near, PROVIDER) == [ACTIVE]
    assert why(near, PROVIDER) == ["eindigt vanzelf: de hulp is beëindigd"]
    near.settle(2)
    assert near.told(TEAM) == ["gestart", "beëindigd (volgens plan)"]
    near.settle(1)
    assert states(near, PROVIDER) == [STOPPED]
    assert why(near, PROVIDER) == ["de hulp is beëindigd"]
    assert near.take(PROVIDER, start("2026-03-25")).told == 0


def test_a_grant_that_ended_by_itself_can_still_be_called_back_and_does_not_begin_again(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"))
    near.settle(4)
    assert near[PROVIDER].retract_all("C-1", TEAM) == 2
    near.settle(2)
    assert near.told(TEAM) == []
    near.take(PROVIDER, allocation(change="02", end="2027-01-31"))
    near.settle(2)
    assert states(near, PROVIDER) == [STOPPED, ACTIVE]  # it was called back, so the allocation is a source again


def test_an_allocation_whose_help_has_ended_begins_nothing_again(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"))
    near.settle(4)
    assert near.take(PROVIDER, allocation(change="02", end="2027-01-31")).grants == 0
    assert states(near, PROVIDER) == [STOPPED]
    assert near.take(PROVIDER, allocation("1002", begin="2026-03-24")).grants == 1  # another one does
    assert states(near, PROVIDER) == [STOPPED, ACTIVE]


def test_with_several_allocations_the_line_ends_with_the_last(near: Neighbours) -> None:
    near.take(PROVIDER, allocation("1002"))
    near.take(PROVIDER, stop("2026-03-20"))
    near.settle(3)
    assert states(near, PROVIDER) == [ACTIVE]
    near.take(PROVIDER, start("2026-03-21", "1002"))
    near.take(PROVIDER, stop("2026-03-22", number="1002"))
    near.settle(4)
    assert states(near, PROVIDER) == [STOPPED]
    assert near.told(TEAM)[-1] == "beëindigd (volgens plan)"
    assert len(near.told(TEAM)) == 4


def test_an_interruption_closes_nothing(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20", "20"))
    near.settle(4)
    assert states(near, PROVIDER) == [ACTIVE]
    assert list(CLOSINGS.scan(near[PROVIDER].store)) == []


def test_an_end_that_is_called_back_before_it_arrived_closes_nothing(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"))
    near.take(PROVIDER, back(stop("2026-03-20")))
    near.settle(4)
    assert states(near, PROVIDER) == [ACTIVE]
    assert near.told(TEAM) == ["gestart"]


def test_what_was_told_after_the_end_arrives_before_the_line_ends(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"))
    near.take(PROVIDER, start("2026-03-21"))
    near.settle(4)
    assert near.told(TEAM) == ["gestart", "beëindigd (volgens plan)", "gestart"]
    assert states(near, PROVIDER) == [STOPPED]


def test_the_end_is_never_before_the_event_however_long_the_hub_is_away(near: Neighbours) -> None:
    class Away(type(near[PROVIDER].workplace.client)):  # type: ignore[misc]
        async def send(self, envelopes: object) -> object:
            raise HubUnavailableError("away")

    near.clients[PROVIDER] = Away(near.world.hub, PROVIDER)
    near.open(PROVIDER)
    near.take(PROVIDER, stop("2026-03-20"))
    for _ in range(3):
        near.world.advance(days=3)
        with pytest.raises(HubUnavailableError, match="away"):
            near.work(PROVIDER)
    assert states(near, PROVIDER) == [ACTIVE]
    del near.clients[PROVIDER]
    near.open(PROVIDER)
    near.settle(4)
    assert states(near, PROVIDER) == [STOPPED]
    assert near.told(TEAM) == ["gestart", "beëindigd (volgens plan)"]


def test_the_municipality_stops_telling_when_the_provider_wrote_that_it_ended(near: Neighbours) -> None:
    near.take(TEAM, stop("2026-03-20"))  # the 307 that the provider sent over its own route
    near.settle(2)
    assert states(near, TEAM) == [STOPPED]
    assert why(near, TEAM) == ["de hulp is beëindigd"]


def back(native: NativeEvent) -> NativeEvent:
    """StatusAanlevering 3."""
    return replace(native, retracts=True)


def test_an_end_that_the_provider_takes_back_lets_its_allocation_begin_again_and_nothing_by_itself(
    near: Neighbours,
) -> None:
    near.take(TEAM, stop("2026-03-20"))
    near.settle(2)
    near.take(TEAM, back(stop("2026-03-20")))
    near.settle(2)
    assert states(near, TEAM) == [STOPPED]
    near.take(TEAM, allocation(change="02", end="2027-01-31"))
    near.settle(2)
    assert states(near, TEAM) == [STOPPED, ACTIVE]


def test_consent_goes_on_after_an_allocation_and_ends_after_a_move_or_a_death(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle(3)
    near.take(TEAM, ended(1))
    near.settle(3)
    assert [(one.recipient, one.state) for one in lines(near, TEAM)] == [(PROVIDER, STOPPED), (GP, ACTIVE)]
    near.take(TEAM, ended(2, Ending.VERHUISD, None))
    near.settle(3)
    assert states(near, TEAM) == [STOPPED, STOPPED]
    assert near.told(GP) == ["beëindigd (volgens plan)", "beëindigd (verhuisd)"]
    assert why(near, TEAM) == ["de hulp is beëindigd", "de cliënt is verhuisd"]


def test_after_a_death_every_line_ends_also_one_with_an_allocation_that_is_open(near: Neighbours) -> None:
    near.take(PROVIDER, allocation("1002"))
    event = Event(Kind.BEEINDIGD, near.world.today, Law.WMO, Ending.OVERLEDEN, "1001")
    near.take(PROVIDER, NativeEvent(event, Citizen(bsn=BSN), "12345678", "9999", ("iwmo", "x", "02")))
    near.settle(4)
    assert states(near, PROVIDER) == [STOPPED]
    assert near.told(TEAM)[-1] == "beëindigd (overleden)"


def test_a_death_ends_the_lines_of_other_laws_in_which_it_is_not_told(near: Neighbours) -> None:
    near[TEAM].make_agreement("C-1", Conversation(("Praktijk Voorbeeld",)))
    near.settle(2)
    event = Event(Kind.BEEINDIGD, 20_500, Law.JEUGDWET, Ending.OVERLEDEN, None)
    near.take(TEAM, NativeEvent(event, Citizen(bsn=BSN), CASES, None, ("test", "death")))
    near.settle(2)
    assert states(near, TEAM) == [STOPPED, STOPPED]
    assert why(near, TEAM) == ["de cliënt is overleden", "de cliënt is overleden"]
    assert near.told(GP) == []


def test_an_end_that_names_no_allocation_closes_no_line_that_rests_on_one(near: Neighbours) -> None:
    near.take(TEAM, ended(1, reference=None))
    near.settle(3)
    assert states(near, TEAM) == [ACTIVE]


def test_a_grant_for_a_named_file_ends_with_that_file(near: Neighbours) -> None:
    near.take(TEAM, ended(1))
    near.settle(3)
    near[TEAM].grant_by_person("C-1", PROVIDER, Reliance(1, "zaak-7"))
    near.settle(2)
    near.take(TEAM, ended(2, reference="zaak-7"))
    near.settle(3)
    assert states(near, TEAM) == [STOPPED, STOPPED]


def test_what_waits_in_its_line_when_the_end_is_called_back_by_hand_is_told(near: Neighbours) -> None:
    near.take(PROVIDER, stop("2026-03-20"), start("2026-03-21"))
    item = next(one for one in near[PROVIDER].items() if one.day == stop("2026-03-20").event.day)
    assert near[PROVIDER].retract(item.number)
    near.settle(4)
    assert near.told(TEAM) == ["gestart", "gestart"]
    assert states(near, PROVIDER) == [ACTIVE]


def test_an_objection_that_was_overruled_does_not_open_what_the_case_has_closed(near: Neighbours) -> None:
    made = objected(near, TEAM, Objecting(PROVIDER))
    near.take(TEAM, ended(1))
    near.settle(2)
    assert decided(near[TEAM], made.number, "overruled") == []  # though the end was told to nobody
    near.take(TEAM, allocation(change="02", end="2027-01-31"))
    assert states(near, TEAM) == [STOPPED]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("ending", [None, *Ending])
def test_only_an_end_or_a_rejection_closes_a_case(kind: Kind, ending: Ending | None) -> None:
    if ending is not None and kind is not Kind.BEEINDIGD:
        with pytest.raises(ValueError, match="ending"):
            Event(kind, 20_500, Law.WMO, ending)
        return
    closes = kind in (Kind.BEEINDIGD, Kind.AFGEWEZEN)
    assert (why_closed(Event(kind, 20_500, Law.WMO, ending)) in WORDS) is closes
