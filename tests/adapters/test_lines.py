# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Grants and their lines: what is registered, what a stop names, and what never opens again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.by_person import Reliance
from adapters.lines import handles_to_stop, registration
from adapters.records_outgoing import ACTIVE, FROZEN, STOPPED, Grant
from adapters.workplace import EdgeError
from consent.grant import handle
from hub.client import HubUnavailableError
from schemas.calendar import first_day, month_of, parse_date
from schemas.fact import Register, Stop, parse_fact
from tests.adapters.edges import BSN, PROVIDER, TEAM, Neighbours, allocation, status
from tests.simulator import run

SECRET = bytes(range(32))
GRANT = Grant(
    "g1", "line", "c1", PROVIDER, 1, "statutory", ("progress", "service"), "levering-voorziening", "wmo",
    parse_date("2026-03-10"), parse_date("2026-06-30"), 0, 0, SECRET, bytes(32), "1001", automatic=True,
)  # fmt: skip


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Neighbours]:
    neighbours = Neighbours(tmp_path)
    neighbours.work()
    yield neighbours
    neighbours.world.check()
    neighbours.close()


def states(near: Neighbours) -> list[str]:
    return [grant.state for grant in near[TEAM].grants()]


def facts(near: Neighbours) -> list[Register | Stop]:
    return [parse_fact(one.frame).body for one in run(near[TEAM]._work.client.facts_after(0))]


def test_a_stop_names_every_handle_from_last_month_to_the_end_of_the_terms() -> None:
    named = handles_to_stop(SECRET, GRANT.end, parse_date("2026-03-31")).handles
    months = range(month_of(parse_date("2026-02-01")), month_of(GRANT.end) + 1)
    assert named == tuple((month, handle(SECRET, month)) for month in months)


def test_a_stop_after_the_end_still_names_last_month_and_this(near: Neighbours) -> None:
    named = handles_to_stop(SECRET, GRANT.end, parse_date("2026-09-01")).handles
    assert [month for month, _ in named] == [month_of(parse_date("2026-08-01")), month_of(parse_date("2026-09-01"))]


def test_nothing_of_two_months_is_equal_at_the_hub_and_the_end_stands_in_its_own_month_only() -> None:
    months = range(month_of(GRANT.begin), month_of(GRANT.end) + 1)
    bodies = [registration(GRANT, TEAM, BSN, month) for month in months]
    assert len({body.handle for body in bodies}) == len({body.terms_hash for body in bodies}) == len(bodies)
    assert len({body.commitment for body in bodies}) == len(bodies)
    assert [body.end for body in bodies] == [None, None, None, GRANT.end]


def test_next_months_handles_are_registered_from_the_twentieth_signed_together(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(2)
    near[TEAM].grant_by_person(near[TEAM].clients()[0].number, PROVIDER, Reliance(1, "zaak-7", near.world.today + 80))
    near.settle(4)
    near.world.to("2026-03-19 23:00")
    assert run(near[TEAM].register_next()) == 0
    near.world.to("2026-03-20 00:10")
    near.work()
    assert run(near[TEAM].register_next()) == 0
    april = [
        fact for fact in facts(near) if isinstance(fact, Register) and fact.month == month_of(near.world.today) + 1
    ]
    assert len(april) == 1


def test_all_reasons_to_stop_look_the_same_outside(tmp_path: Path) -> None:
    bodies = set()
    for why in ("closed", "withdrawn", "objected", "held"):
        near = Neighbours(tmp_path / why)
        near.take(TEAM, allocation())
        near.settle(2)
        run(near[TEAM].stop(near[TEAM].clients()[0].number, PROVIDER, why))
        stops = [fact for fact in facts(near) if isinstance(fact, Stop)]
        bodies.add((len(stops), tuple(month for month, _ in stops[0].handles)))
        assert states(near) == [STOPPED]
        near.close()
    assert len(bodies) == 1


def test_a_stop_counts_here_while_the_hub_is_away_and_is_sent_when_it_is_back(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.settle(3)

    class Away(type(near[TEAM]._work.client)):  # type: ignore[misc]
        async def facts(self, facts: object) -> object:
            raise HubUnavailableError("away")

    near.clients[TEAM] = Away(near.world.hub, TEAM)
    near.open(TEAM)
    assert run(near[TEAM].stop(near[TEAM].clients()[0].number, PROVIDER, "held")) is False
    near.take(TEAM, status(1, today=near.world.today))
    with pytest.raises(HubUnavailableError, match="away"):
        near.work(TEAM)
    assert states(near) == ["stopping"]
    del near.clients[TEAM]
    near.open(TEAM)
    near.settle(2)
    assert states(near) == [STOPPED]
    near.take(PROVIDER, allocation())
    assert near.told(PROVIDER) == ["toegewezen"]


def test_a_second_allocation_within_the_same_end_changes_nothing(near: Neighbours) -> None:
    assert near.take(TEAM, allocation("1001")).grants == 1
    assert near.take(TEAM, allocation("1002", end="2026-09-30")).grants == 0
    assert states(near) == [ACTIVE]


def test_a_renewal_has_a_new_secret_and_names_the_introduced_one_sealed_only(near: Neighbours) -> None:
    near.take(TEAM, allocation(end="2026-06-30"))
    near.settle(3)
    near.take(TEAM, allocation(end="2026-09-30", change="02"))
    near.settle(4)
    old, new = near[TEAM].grants()
    assert old.secret != new.secret
    assert (old.state, old.next, new.renews, new.introduced) == ("replaced", new.id, old.id, True)
    handles = [fact.handle for fact in facts(near) if isinstance(fact, Register)]
    assert len(handles) == len(set(handles)) == 2


def test_a_line_that_another_stopped_takes_nothing_automatic_until_a_person_looked(near: Neighbours) -> None:
    near.take(TEAM, allocation())
    near.take(PROVIDER, allocation())
    near.settle(3)
    run(near[PROVIDER].stop_incoming(near[PROVIDER].clients()[0].number, TEAM))
    near.world.advance(days=5)
    near.settle(2)
    assert FROZEN in states(near)
    before = len(near[TEAM].grants())
    near.take(TEAM, allocation("1009", end="2027-01-31"))
    near.world.advance(days=1)
    near.settle(2)
    assert len(near[TEAM].grants()) == before
    registered = [fact for fact in facts(near) if isinstance(fact, Register)]
    assert len(registered) == 1
    with pytest.raises(EdgeError, match="wacht niet op een besluit"):
        near[TEAM].person_decides("geen lijn", resume=False)


def test_the_first_day_after_the_end_nothing_is_told(near: Neighbours) -> None:
    near.take(TEAM, allocation(end="2026-03-31"))
    near.settle(3)
    near.world.to("2026-04-01 00:05")
    assert near.take(TEAM, status(1, today=near.world.today)).told == 0
    assert first_day(month_of(near.world.today)) == near.world.today
