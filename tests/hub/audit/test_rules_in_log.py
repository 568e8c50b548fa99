# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The log says by which table the hub decides, so what was decided under an older one is recomputed by that."""

from __future__ import annotations

from consent.rules import RuleTable, without
from hub.audit.replay import Report, replay
from schemas import entry
from schemas.codes import Code
from tests.simulator import NATIONAL, World


def _replayed(world: World, given: RuleTable) -> Report:
    return replay(world.store.entries(0, world.store.head().size), given)


def _decides_by(world: World, table: RuleTable) -> None:
    """The hub is started again with this table."""
    world.table = table
    world.hub = world.over(world.store)
    world.hub.state_rules(table)


def test_decisions_under_an_older_table_are_recomputed_by_that_table() -> None:
    world = World()
    world.hub.state_rules(NATIONAL)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.grant(provider)
    team.register_month(grant, world.month)
    team.send(team.envelope(grant))
    _decides_by(world, without(NATIONAL, [grant.terms.row]))
    team.send(team.envelope(grant))
    assert sorted(code for [code] in team.outcomes().values()) == [Code.ACCEPTED, Code.NOT_PERMITTED_HERE]
    for given in (NATIONAL, world.table):  # whatever table somebody brings who replays
        report = _replayed(world, given)
        assert (report.same, report.differs, report.not_decidable) == (2, [], [])


def test_a_decision_by_another_table_than_the_log_says_differs() -> None:
    world = World()
    world.hub.state_rules(without(NATIONAL, [1]))  # it says so, and goes on with the wider one
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grant = team.grant(provider)
    team.register_month(grant, world.month)
    team.send(team.envelope(grant))
    assert grant.terms.row == 1
    assert len(_replayed(world, NATIONAL).differs) == 1


def test_the_same_table_is_stated_once_also_after_a_start() -> None:
    world = World()
    for _ in range(3):
        _decides_by(world, NATIONAL)
    table, statement = world.store.entries(0, world.store.head().size)
    assert table.leaf == entry.public(NATIONAL.raw).leaf
    assert entry.items_of(statement.record)[2:] == [entry.RULES, NATIONAL.hash]


def test_the_older_table_of_a_partner_lets_nothing_pass_that_the_base_of_now_forbids() -> None:
    world = World()
    world.hub.state_rules(NATIONAL)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    narrower = without(NATIONAL, [5])
    for party in (team, provider):
        party.narrow(narrower.raw)
    grant = team.grant(provider)
    team.register_month(grant, world.month)
    _decides_by(world, without(NATIONAL, [grant.terms.row]))
    team.send(team.envelope(grant))
    assert [code for [code] in team.outcomes().values()] == [Code.NOT_PERMITTED_HERE]
    report = _replayed(world, NATIONAL)
    assert (report.same, report.differs) == (1, [])


def test_a_log_that_names_a_table_it_never_held_differs_and_is_no_crash() -> None:
    world = World()
    world.hub.state_rules(NATIONAL)
    entries = world.store.entries(0, 2)
    assert replay(entries[1:], NATIONAL).differs == []
    other = entry.committed(entry.rules(world.today, bytes(32)), bytes(32))
    assert [one.logged for one in replay([entries[0], other], NATIONAL).differs] == ["rules"]
