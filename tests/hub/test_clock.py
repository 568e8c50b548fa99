# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The hub's clock: a jump decides nothing, ends nothing and loses nothing, and who may say that it is right."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.client import RefusedError
from hub.clock import FRESH_MS, JUMP_MS, PARTNERS, PERSON, ClockRule, HubClock, Moment, NotDecidingError, needed
from hub.registry import SUSPENDED
from hub.store import SetAside, Step
from schemas.address import oin_of
from schemas.api import pickup_bytes
from schemas.codes import Code
from tests.gateway_site import Site, new_ca
from tests.over_kafka import kinds, new_world
from tests.simulator import DAY, HOUR, MINUTE, START, Grant, Party, World

MANY = frozenset("abcdefghij")


# -- the rule


def _rule(committed_at: int | None = START, wall: int = START) -> ClockRule:
    rule = ClockRule()
    rule.begin(committed_at, Moment(wall, 0))
    return rule


def _at(passed: int, jumped: int = 0) -> Moment:
    return Moment(START + passed + jumped, passed)


def _minute(at: int) -> int:
    return at // MINUTE * MINUTE


@pytest.mark.parametrize("passed", [0, 10 * MINUTE, 400 * DAY])
def test_time_that_passes_is_no_jump_however_long_nothing_happened(passed: int) -> None:
    rule = _rule()
    assert rule.jump(_at(passed)) == 0
    assert rule.time(_at(passed)) == START + passed


@pytest.mark.parametrize("jumped", [JUMP_MS, -JUMP_MS])
def test_two_minutes_are_no_jump_and_a_moment_more_is(jumped: int) -> None:
    rule, more = _rule(), jumped + (1 if jumped > 0 else -1)
    assert rule.jump(_at(HOUR, jumped)) == 0
    assert rule.time(_at(HOUR, jumped)) == START + HOUR + jumped
    assert rule.jump(_at(HOUR, more)) == more
    assert rule.time(_at(HOUR, more)) == START + HOUR


@pytest.mark.parametrize("step", [MINUTE, -MINUTE])
def test_small_steps_add_up(step: int) -> None:
    rule = _rule()
    steps = [rule.jump(_at(number * HOUR, number * step)) for number in range(4)]
    assert steps == [0, 0, 0, 3 * step]


def test_a_clock_that_is_set_right_is_believed_again() -> None:
    rule = _rule()
    assert rule.jump(_at(HOUR, DAY)) == DAY
    assert rule.jump(_at(HOUR + 1000)) == 0
    assert rule.time(_at(HOUR + 1000)) == START + HOUR + 1000


@pytest.mark.parametrize(
    ("off", "jump"),
    [(0, 0), (JUMP_MS, 0), (-JUMP_MS, 0), (3 * DAY, 3 * DAY), (JUMP_MS + 1, JUMP_MS + 1), (-HOUR, -HOUR)],
)
def test_a_start_goes_on_from_the_last_commit(off: int, jump: int) -> None:
    rule = _rule(START, START + off)
    assert rule.jump(Moment(START + off, 0)) == jump
    # However it is, time goes on by the clock that only runs.
    assert rule.time(Moment(START + off + HOUR, HOUR)) == (START if jump else START + off) + HOUR


def test_a_hub_without_anything_that_has_a_term_begins_at_any_time() -> None:
    assert _rule(None, START + 100 * DAY).jump(Moment(START + 100 * DAY, 0)) == 0


@pytest.mark.parametrize(("organisations", "wanted"), [(0, None), (1, None), (2, 2), (3, 2), (4, 3), (5, 3), (400, 3)])
def test_as_many_organisations_confirm_as_can_be_had_but_never_one(organisations: int, wanted: int | None) -> None:
    assert needed(organisations) == wanted


def test_three_who_agree_confirm_a_jump_forward_and_two_do_not() -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    for who in "aab":
        rule.hear(who, _minute(now.wall), MANY, now)
    assert rule.jump(now) == DAY
    assert rule.doubt(MANY, now)[1:] == (2, 0, 3)
    rule.hear("c", _minute(now.wall), MANY, now)
    assert rule.jump(now) == 0
    assert rule.turns()[-1] == (0, PARTNERS)
    assert rule.time(_at(2 * HOUR, DAY)) == START + 2 * HOUR + DAY


def test_a_doubt_that_ended_between_two_looks_is_told_all_the_same_and_once() -> None:
    rule, now = _rule(), _at(HOUR, -DAY)
    assert rule.turns() == []
    assert rule.jump(now) == -DAY
    rule.confirm(now)
    assert rule.jump(_at(2 * HOUR, DAY)) == 2 * DAY
    assert rule.turns() == [(-DAY, ""), (0, PERSON), (2 * DAY, "")]
    assert rule.turns() == []


def test_partners_do_not_confirm_a_jump_back() -> None:
    rule, now = _rule(), _at(HOUR, -DAY)
    for who in MANY:
        rule.hear(who, _minute(now.wall), MANY, now)
    assert rule.jump(now) == -DAY
    rule.confirm(now)
    assert rule.jump(now) == 0
    assert rule.turns()[-1] == (0, PERSON)


def test_partners_who_keep_the_old_time_do_not_confirm_the_new_one() -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    for who in MANY:
        rule.hear(who, _minute(START + HOUR), MANY, now)
    assert rule.doubt(MANY, now)[:3] == (DAY, 0, len(MANY))


def test_as_many_who_differ_as_agree_are_no_agreement() -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    for who in "abc":
        rule.hear(who, _minute(START + HOUR), MANY, now)
    for who in "def":
        rule.hear(who, _minute(now.wall), MANY, now)
    assert rule.jump(now) == DAY
    rule.hear("c", _minute(now.wall), MANY, now)  # its clock was set right: what it said last counts
    assert rule.jump(now) == 0


@pytest.mark.parametrize(("ahead", "agrees"), [(-120, True), (-121, False), (0, True), (180, True), (181, False)])
def test_a_minute_agrees_within_two_minutes(ahead: int, agrees: bool) -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    rule.hear("a", now.wall - ahead * 1000, MANY, now)
    assert rule.doubt(MANY, now)[1:3] == (int(agrees), int(not agrees))


def test_what_was_said_long_ago_or_in_an_earlier_doubt_counts_no_more() -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    rule.hear("a", _minute(now.wall), MANY, now)
    assert rule.doubt(MANY, _at(HOUR + FRESH_MS, DAY)).agree == 1
    assert rule.doubt(MANY, _at(HOUR + FRESH_MS + 1, DAY)).agree == 0
    assert rule.jump(_at(HOUR)) == 0
    assert rule.doubt(MANY, now).agree == 0


def test_only_who_is_admitted_is_heard() -> None:
    rule, now = _rule(), _at(HOUR, DAY)
    for who in "xyz":
        rule.hear(who, _minute(now.wall), MANY, now)
    assert rule.doubt(MANY, now)[:3] == (DAY, 0, 0)


def test_what_is_said_while_the_clock_is_believed_is_not_kept_for_later() -> None:
    rule = _rule()
    for who in MANY:
        rule.hear(who, START + DAY, MANY, _at(0))  # liars who know what an attacker will do
    assert rule.doubt(MANY, _at(0, DAY))[:3] == (DAY, 0, 0)


# -- the hub


@dataclass
class Scene:
    """A hub with a grant between two of four partners, and something that waits."""

    world: World
    team: Party
    provider: Party
    gp: Party
    school: Party
    grant: Grant
    waits: bytes

    def hear(self, *parties: Party, minute: int | None = None) -> None:
        """What the gateway tells when a proven request of these comes."""
        clock, said = self.world.hub.clock, _minute(self.world.now if minute is None else minute)
        admitted = {oin_of(one.address) for one in self.world.parties.values()}
        for party in parties:
            clock.hear(oin_of(party.address), said, admitted)

    def decides(self) -> bool:
        """Whether an envelope gets through, both ways."""
        frame = self.team.envelope(self.grant)
        assert self.team.send(frame) == [Code.TAKEN]
        assert self.team.outcome(frame) is Code.ACCEPTED
        return bool(self.provider.pickup())

    def decides_nothing(self) -> bool:
        """Whether sending and picking up are refused, and nothing changes by it."""
        before = self.world.store.head().size, self.world.store.counts()
        frame = self.team.envelope(self.grant, seq=99)
        with pytest.raises(NotDecidingError, match="schakel hub clock"):
            self.team.send(frame)
        with pytest.raises(NotDecidingError, match="try again"):
            self.provider.pickup()
        self.world.hub.tick()
        self.world.hub.probe()
        return before == (self.world.store.head().size, self.world.store.counts())


@pytest.fixture(params=kinds("memory", "sqlite"))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = new_world(request.param, tmp_path, watched=True)
    parties = [world.party(role) for role in ("team-wmo", "provider-wmo", "gp", "school")]
    team, provider, gp, school = parties
    grant = team.register(provider)
    frame = team.envelope(grant)
    assert team.send(frame) == [Code.TAKEN]
    yield Scene(world, team, provider, gp, school, grant, frame)
    world.check()
    world.close()


def test_clock_jump_forward_decides_nothing_ends_nothing_and_loses_nothing(scene: Scene) -> None:
    scene.world.advance(hours=5)
    scene.world.jump(days=400)
    assert scene.decides_nothing()
    assert scene.world.store.now() == scene.world.now  # nothing is written for the year after next
    scene.world.jump(days=-400)
    assert [one.envelope for one in scene.provider.take_all()] == [scene.waits]
    assert scene.decides()


def test_clock_jump_of_a_machine_that_stood_still_confirms_itself(scene: Scene) -> None:
    scene.world.suspend(hours=60)  # from Friday evening to Monday morning, of which the hub felt nothing
    assert scene.decides_nothing()
    scene.hear(scene.team, scene.provider)
    assert scene.decides_nothing()
    scene.hear(scene.gp)
    assert scene.world.store.now() == scene.world.now
    assert scene.decides()


def test_clock_jump_by_an_attacker_is_not_confirmed_by_one_organisation_in_all_its_roles(scene: Scene) -> None:
    oin = oin_of(scene.team.address)
    roles = [scene.team, *(scene.world.party(role, oin) for role in ("team-jeugd", "team-wlz", "client-council"))]
    scene.world.jump(days=1)
    scene.hear(*roles, minute=scene.world.now + DAY)
    assert scene.decides_nothing()
    scene.world.jump(days=-1)
    assert scene.decides()


def test_clock_jump_back_is_confirmed_by_a_person_only(scene: Scene) -> None:
    scene.world.advance(hours=5)
    scene.world.hub.probe()
    newest = scene.world.store.head().committed_at
    scene.world.jump(hours=-2)
    scene.hear(scene.team, scene.provider, scene.gp, scene.school, minute=scene.world.now - 2 * HOUR)
    assert scene.decides_nothing()
    scene.world.hub.confirm_clock()
    assert scene.world.store.now() >= newest  # it stands still until the clock has caught up
    assert scene.decides()


def test_clock_jump_delays_no_stop(scene: Scene) -> None:
    scene.world.jump(days=200)
    assert scene.provider.stop(scene.grant).code is Code.IN_FORCE
    assert scene.world.store.grants([scene.grant.handle()])[scene.grant.handle()].stopped
    scene.world.hub.confirm_clock()


def test_clock_jump_answers_a_registration_of_another_day_with_later(scene: Scene) -> None:
    scene.world.suspend(days=3)  # the partners are three days further than the hub believes
    frame = scene.team.registration(scene.team.grant(scene.gp, row=5), scene.world.month)
    stop = scene.team.stopping(scene.grant)
    assert [one.code for one in scene.team.facts(frame, stop)] == [Code.TRY_LATER, Code.IN_FORCE]
    scene.hear(scene.team, scene.provider, scene.gp)
    assert [one.code for one in scene.team.facts(frame)] == [Code.IN_FORCE]


def test_clock_jump_stops_admission_and_faults_but_no_suspension(scene: Scene) -> None:
    scene.world.jump(days=1)
    other = scene.world.party("social-team", admit=False)
    with pytest.raises(NotDecidingError, match="nothing is decided"):
        scene.world.hub.admit(other.frame)
    with pytest.raises(NotDecidingError, match="nothing is decided"):
        scene.world.hub.retry_fault(1)
    scene.world.hub.set_state(scene.gp.address, SUSPENDED)
    with pytest.raises(RefusedError, match="unknown-sender"):
        scene.gp.pickup()
    scene.world.jump(days=-1)
    scene.world.hub.admit(other.frame)


# -- a hub that was off


def _off(folder: Path, roles: tuple[str, ...], **passed: int) -> World:
    """A hub that starts again after some time."""
    world = World("sqlite", folder, watched=True)
    parties = [world.party(role) for role in roles]
    parties[0].register(parties[1]) if len(parties) > 1 else None
    world.hub.probe()
    world.now += passed.get("days", 0) * DAY + passed.get("minutes", 0) * MINUTE
    world.reopen()
    return world


def _hear(world: World, *organisations: str) -> None:
    admitted = {oin_of(one) for one in world.parties}
    for one in organisations:
        world.hub.clock.hear(oin_of(next(party for party in world.parties if party.endswith(one))), world.now, admitted)


@pytest.mark.parametrize(
    ("roles", "enough"),
    [
        (("team-wmo", "provider-wmo"), ("team-wmo", "provider-wmo")),
        (("team-wmo", "provider-wmo", "gp"), ("team-wmo", "provider-wmo")),
        (("team-wmo", "provider-wmo", "gp", "school"), ("team-wmo", "provider-wmo", "gp")),
    ],
)
def test_clock_jump_or_time_off_is_told_apart_by_the_first_who_come(
    tmp_path: Path, roles: tuple[str, ...], enough: tuple[str, ...]
) -> None:
    world = _off(tmp_path, roles, days=3)
    assert world.hub.clock.jump() == 3 * DAY
    for one in enough:
        assert world.hub.clock.jump()
        _hear(world, one)
    assert world.hub.clock.jump() == 0
    assert world.store.now() == world.now
    world.close()


def test_a_hub_that_was_off_for_two_minutes_asks_nobody(tmp_path: Path) -> None:
    world = _off(tmp_path, ("team-wmo", "provider-wmo"), minutes=2)
    assert world.hub.clock.jump() == 0
    world.close()


def test_where_one_organisation_is_admitted_only_a_person_confirms(tmp_path: Path) -> None:
    world = _off(tmp_path, ("team-wmo",), days=1)
    _hear(world, "team-wmo")
    assert world.hub.clock.jump() == DAY
    assert world.hub.doubt().needed is None
    world.hub.confirm_clock()
    assert world.hub.clock.jump() == 0
    world.close()


def test_what_a_person_confirmed_is_known_after_a_crash(tmp_path: Path) -> None:
    world = _off(tmp_path, ("team-wmo", "provider-wmo"), days=1)
    world.reopen()  # before it: nobody confirmed
    assert world.hub.clock.jump() == DAY
    world.hub.confirm_clock()
    world.reopen()
    assert world.hub.clock.jump() == 0
    world.close()


def test_a_command_beside_a_clock_in_doubt_does_not_make_it_believed(tmp_path: Path) -> None:
    world = _off(tmp_path, ("team-wmo", "provider-wmo"), days=1)
    world.hub.tick()
    world.hub.probe()
    world.reopen()
    assert world.hub.clock.jump() > DAY - MINUTE
    world.close()


def test_a_fault_waits_until_the_clock_is_believed(scene: Scene) -> None:
    now = scene.world.store.now()
    scene.world.store.commit(Step(at=now, set_aside=[SetAside(1, bytes(32), None, now + DAY, now, b"x", bytes(32))]))
    scene.world.jump(days=8)
    assert len(scene.world.hub.faults()) == 1  # what is kept seven days is not forgotten by a jump
    scene.world.jump(days=-8)


# -- through the gateway


@pytest.fixture
def site(scene: Scene, tmp_path: Path) -> Iterator[Site]:
    site = Site(scene.world, new_ca(tmp_path / "ca"))
    yield site
    site.close()


def _polls(site: Site, party: Party, created: int | None = None) -> tuple[int, str]:
    change = {} if created is None else {"created": created // MINUTE * 60}
    answer = site.request(party, "POST", "pickup", pickup_bytes(0, 0, 0), **change)
    return answer.status, "" if answer.status == 200 else answer.problem


def test_clock_jump_is_confirmed_by_requests_signed_in_the_new_time(scene: Scene, site: Site) -> None:
    assert _polls(site, scene.team) == (200, "")
    scene.world.suspend(hours=60)
    assert _polls(site, scene.team) == (503, "hub-clock")
    assert _polls(site, scene.provider) == (503, "hub-clock")
    assert _polls(site, scene.gp) == (200, "")
    assert _polls(site, scene.school, scene.world.now - HOUR) == (401, "clock")


def test_clock_jump_refuses_nobody_for_its_minute_and_believes_none_who_keep_the_old_one(
    scene: Scene, site: Site
) -> None:
    scene.world.jump(days=1)
    for party in (scene.team, scene.provider, scene.gp, scene.school):
        assert _polls(site, party) == (503, "hub-clock")
    assert scene.world.hub.doubt()[:3] == (DAY, 0, 4)
    client = site.client(scene.provider)
    [answer] = site.wait(client.facts([scene.provider.stopping(scene.grant)]))
    assert answer.code is Code.IN_FORCE
    assert site.wait(client.outcomes(0)).origin  # what decides nothing is answered


def test_a_request_comes_once_while_the_clock_is_in_doubt_too(scene: Scene, site: Site) -> None:
    scene.world.jump(days=1)
    nonce = scene.world.random(16)
    assert site.request(scene.team, "GET", "handles", nonce=nonce).status == 200
    assert site.request(scene.team, "GET", "handles", nonce=nonce).problem == "replayed"
    site.wait(_keeps_house())
    assert site.request(scene.team, "GET", "handles", nonce=nonce).problem == "replayed"


async def _keeps_house() -> None:
    await asyncio.sleep(1.5)


def test_a_suspended_partner_bears_no_witness(scene: Scene, site: Site) -> None:
    scene.world.hub.set_state(scene.gp.address, SUSPENDED)
    scene.world.jump(days=1)
    _polls(site, scene.gp, scene.world.now + DAY)
    assert scene.world.hub.doubt()[:3] == (DAY, 0, 0)


def test_a_clock_that_nobody_watches_is_always_believed() -> None:
    wall = [START]
    clock = HubClock(lambda: wall[0], lambda: 0)
    wall[0] += 10 * DAY
    assert (clock.jump(), clock()) == (0, START + 10 * DAY)
