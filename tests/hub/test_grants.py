# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Facts about grants: opening is narrow, stopping is wide, nothing stopped opens again, stubs live a year."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.client import HandleState
from hub.registry import REMOVED, SUSPENDED
from schemas.calendar import day_of, first_day, last_day, parse_date, parse_month
from schemas.canonical import decode_array, encode
from schemas.codes import Code
from schemas.fact import STOP, Register, Stop, parse_fact
from tests.hub.scene import Scene, scene
from tests.lies import flipped, truncated
from tests.simulator import Grant, Party, World, at

__all__ = ["scene"]  # a fixture

MARCH = parse_month("2026-03")


def _accepts(grant: Grant, month: int | None = None) -> bool:
    frame = grant.sender.envelope(grant, month=month)
    grant.sender.send(frame)
    return grant.sender.outcome(frame) is Code.ACCEPTED


# -- who registers, and when


def test_a_registration_is_in_force_when_it_is_answered_so(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    assert grant.answer.code is Code.IN_FORCE
    assert not grant.answer.stopped_by_other
    assert _accepts(grant)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Zeldenrust 999900006", Code.MALFORMED), ("zeldenrust", Code.NOT_PERMITTED_HERE), ("", Code.MALFORMED)],
)
def test_a_name_that_is_no_category_never_reaches_the_log(scene: Scene, name: str, code: Code) -> None:
    before = scene.world.hub.store.head().size
    assert scene.team.register(scene.provider, categories=(name,)).answer.code is code
    assert scene.world.hub.store.head().size == before


def test_a_registration_signed_by_the_recipient_or_brought_by_it_is_refused(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    honest = scene.team.registration(grant, MARCH)
    assert scene.provider.facts(honest)[0].code is Code.NOT_THE_SENDER
    assert not _accepts(grant)


def test_the_same_registration_again_changes_nothing(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    size = scene.world.store.head().size
    assert scene.team.register_month(grant, MARCH).code is Code.IN_FORCE
    assert scene.world.store.head().size == size


def test_a_handle_that_is_registered_can_not_get_other_terms_nor_another_sender(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    wider = replace(grant.terms, categories=("progress",))
    changed = Grant(scene.world, scene.team, scene.provider, wider, grant.secret)
    assert scene.team.register_month(changed, MARCH).code is Code.HANDLE_TAKEN
    stolen = scene.provider.grant(scene.team)
    stolen.secret = grant.secret
    assert scene.provider.register_month(stolen, MARCH).code is Code.HANDLE_TAKEN
    assert _accepts(grant)


def test_nobody_registers_a_grant_to_itself_or_to_somebody_who_is_not_there(scene: Scene) -> None:
    stranger = scene.world.party("gp", admit=False)
    for recipient in (stranger, scene.team):
        assert scene.team.register(recipient, 5, "consent", ("progress",)).answer.code is Code.NO_RECIPIENT


@pytest.mark.parametrize(
    ("today", "month", "code"),
    [
        ("2026-03-03", "2026-03", Code.IN_FORCE),
        ("2026-03-03", "2026-02", Code.WRONG_DAY),
        ("2026-03-19", "2026-04", Code.WRONG_DAY),
        ("2026-03-20", "2026-04", Code.IN_FORCE),
        ("2026-03-31", "2026-04", Code.IN_FORCE),
        ("2026-03-31", "2026-05", Code.WRONG_DAY),
        ("2026-03-31", "2027-03", Code.WRONG_DAY),
        ("2026-04-01", "2026-03", Code.WRONG_DAY),
    ],
)
def test_a_month_is_registered_in_it_or_from_the_twentieth_of_the_one_before(
    scene: Scene, today: str, month: str, code: Code
) -> None:
    grant = scene.team.grant(scene.provider, end=parse_date("2027-12-31"))
    scene.world.to(f"{today} 12:00")
    assert scene.team.register_month(grant, parse_month(month)).code is code


@pytest.mark.parametrize(("late", "code"), [(-2, Code.WRONG_DAY), (-1, Code.IN_FORCE), (1, Code.IN_FORCE)])
def test_a_registration_is_dated_today_give_or_take_a_day(scene: Scene, late: int, code: Code) -> None:
    grant = scene.team.grant(scene.provider)
    fact = scene.team.registration(grant, MARCH, day=scene.world.today + late)
    assert scene.team.facts(fact)[0].code is code


def test_an_end_lies_in_the_month_of_its_handle(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    honest = parse_fact(scene.team.registration(grant, MARCH)).body
    assert isinstance(honest, Register)
    for end in (first_day(MARCH) - 1, last_day(MARCH) + 1):
        assert scene.team.facts(scene.team.sign(replace(honest, end=end)))[0].code is Code.WRONG_DAY


@pytest.mark.parametrize("state", [SUSPENDED, REMOVED])
def test_who_is_suspended_or_removed_registers_and_stops_nothing(scene: Scene, state: str) -> None:
    grant = scene.team.register(scene.provider)
    scene.world.hub.set_state(scene.team.address, state)
    assert scene.team.register_month(grant, MARCH).code is Code.UNKNOWN_SENDER
    assert scene.team.stop(grant).code is Code.UNKNOWN_SENDER


def test_a_registration_needs_a_key_of_today_and_a_stop_only_one_that_is_not_revoked(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.team.keeps_up = False
    scene.world.advance(days=scene.team.manifest.until + 1 - scene.world.today)
    assert scene.team.register_month(grant, scene.world.month).code is Code.KEY_NOT_VALID
    assert scene.team.stop(grant).code is Code.IN_FORCE
    forged = scene.team.stopping(scene.team.grant(scene.gp))
    scene.team.new_signing_key()
    assert scene.team.facts(forged)[0].code is Code.KEY_NOT_VALID


def test_a_fact_that_was_cut_changed_or_signed_for_another_is_refused_and_the_next_one_counts(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    honest = scene.team.registration(grant, MARCH)
    stop = scene.team.stopping(grant)
    bad = [truncated(honest, 50), flipped(honest, len(honest) - 10), honest + bytes(9000), stop[:-1]]
    codes = [answer.code for answer in scene.team.facts(*bad, honest)]
    assert codes == [Code.MALFORMED, Code.BAD_SIGNATURE, Code.TOO_LARGE, Code.MALFORMED, Code.IN_FORCE]
    assert scene.provider.facts(scene.team.stopping(grant))[0].code is Code.NOT_YOURS
    assert _accepts(grant)


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 2000))
def test_no_bit_of_a_signed_fact_can_be_turned(place: int) -> None:
    world = World()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    fact = team.registration(team.grant(provider), MARCH)
    answer = team.facts(flipped(fact, place % len(fact)))[0]
    assert answer.code in {Code.MALFORMED, Code.BAD_SIGNATURE, Code.KEY_NOT_VALID, Code.NOT_THE_SENDER}


# -- stops


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
def test_anyone_who_knows_the_handle_stops_it_at_once(scene: Scene, who: str) -> None:
    grant = scene.team.register(scene.provider)
    party: Party = getattr(scene, who)
    assert party.stop(grant).code is Code.IN_FORCE
    assert not _accepts(grant)


def test_the_same_stop_again_changes_nothing_and_another_signer_adds_itself(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    fact = scene.team.stopping(grant)
    assert not scene.team.facts(fact)[0].stopped_by_other
    size = scene.world.store.head().size
    assert not scene.team.facts(fact)[0].stopped_by_other
    assert scene.world.store.head().size == size
    assert scene.provider.stop(grant).stopped_by_other
    assert scene.team.facts(fact)[0].stopped_by_other  # the answer to one's own stop says so
    assert scene.world.store.head().size == size + 1


def test_a_stop_with_another_date_or_in_the_wrong_order_counts_all_the_same(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    fact = scene.gp.stopping(grant, months=[MARCH + 40, MARCH, MARCH - 1], day=1)
    assert scene.gp.facts(fact)[0].code is Code.IN_FORCE
    assert not _accepts(grant)


def test_a_stop_that_names_some_known_and_some_unknown_handles_stops_both(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.gp.stop(grant)
    scene.world.to("2026-03-20 09:00")
    answer = scene.team.register_month(grant, MARCH + 1)
    assert (answer.code, answer.stopped_by_other) == (Code.IN_FORCE, True)
    scene.world.to("2026-04-02 09:00")
    assert not _accepts(grant)


def test_what_was_stopped_before_it_was_registered_is_born_stopped(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    scene.provider.stop(grant)
    answer = scene.team.register_month(grant, MARCH)
    assert (answer.code, answer.stopped_by_other) == (Code.IN_FORCE, True)
    assert not _accepts(grant)
    assert [state.stopped for state in _handles(scene.team)] == ["other"]


def test_the_recipient_of_a_grant_that_is_born_stopped_learns_that_it_is_stopped(scene: Scene) -> None:
    """A stop that came when no handle was registered could not be told to the recipient then."""
    grant = scene.team.register(scene.provider)
    scene.world.to("2026-04-15 09:00")  # last month's handle is forgotten, this month's not yet registered
    scene.gp.stop(grant)
    scene.team.register_month(grant, MARCH + 1)
    scene.world.to("2026-04-17 00:00")
    kinds = [(notice.kind, notice.handles) for notice in scene.provider.notices()]
    assert kinds[-1] == (STOP, (grant.handle(MARCH + 1),))
    assert STOP not in [kind for kind, _ in kinds[:-1]]


def test_what_the_sender_stopped_itself_is_born_stopped_too(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    scene.team.stop(grant)
    answer = scene.team.register_month(grant, MARCH)
    assert (answer.code, answer.stopped_by_other) == (Code.IN_FORCE, False)
    assert not _accepts(grant)
    assert [state.stopped for state in _handles(scene.team)] == ["me"]


def test_nothing_stopped_opens_again_by_any_repeat_in_the_year_after(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    first = scene.team.registration(grant, MARCH)
    scene.gp.stop(grant)
    for _ in range(14):
        scene.team.facts(first)
        scene.team.register_month(grant, scene.world.month)
        assert not _accepts(grant)
        assert not _accepts(grant, MARCH)
        if day_of(scene.world.now) >= first_day(scene.world.month) + 19:
            scene.team.register_month(grant, scene.world.month + 1)
        scene.world.advance(days=27)
    scene.world.check()


def test_a_stop_names_only_what_it_names(scene: Scene) -> None:
    one, two = scene.team.register(scene.provider), scene.team.register(scene.provider)
    scene.team.stop(one)
    assert not _accepts(one)
    assert _accepts(two)


def test_a_stop_of_a_handle_that_nobody_ever_registers_is_known_until_nine_days_after_its_month(scene: Scene) -> None:
    grant = scene.team.grant(scene.provider)
    scene.team.facts(scene.team.stopping(grant, months=[MARCH]))
    for day, known in (("2026-04-09", 1), ("2026-04-10", 0)):
        scene.world.to(f"{day} 12:00")
        scene.world.hub.tick()
        assert len(scene.world.store.stops([grant.handle(MARCH)])) == known


# -- who learns of it


def test_the_sender_learns_of_a_stop_by_another_on_the_next_working_day_and_not_by_whom(scene: Scene) -> None:
    scene.world.to("2026-03-06 17:00")  # a Friday
    grant = scene.team.register(scene.provider)
    scene.gp.stop(grant)
    scene.world.to("2026-03-08 23:59")
    assert scene.team.feed() == []
    scene.world.to("2026-03-10 00:00")
    [item] = scene.team.feed()
    assert (item.code, item.handle, item.message_id) == (Code.STOPPED, grant.handle(), None)


def test_the_sender_is_not_told_of_its_own_stop(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.team.stop(grant)
    scene.world.advance(days=4)
    assert scene.team.feed() == []


def test_each_grant_that_a_stop_by_another_names_is_told_to_its_sender(scene: Scene) -> None:
    one, two = scene.team.register(scene.provider), scene.team.register(scene.provider)
    mixed = Stop(((MARCH, one.handle()), (MARCH, two.handle())))
    scene.gp.facts(scene.gp.sign(mixed))
    scene.world.advance(days=4)
    assert {item.handle for item in scene.team.feed()} == {one.handle(), two.handle()}


def test_a_registration_is_handed_to_the_recipient_at_every_pick_up_until_it_is_acknowledged(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    for _ in range(2):
        [notice] = scene.provider.pick_up().notices
        assert notice.handles == (grant.handle(),)
        assert notice.fact == scene.team.registration(grant, MARCH)
    assert scene.provider.pick_up(acknowledge=True).notices == ()
    assert scene.gp.notices() == scene.team.notices() == []


@pytest.mark.parametrize("who", ["team", "provider", "gp"])
def test_the_recipient_learns_of_every_stop_on_the_next_working_day_and_never_by_whom(scene: Scene, who: str) -> None:
    grant = scene.team.register(scene.provider)
    scene.provider.pick_up()
    scene.provider.pick_up(acknowledge=True)
    party: Party = getattr(scene, who)
    party.stop(grant)
    assert scene.provider.notices() == []
    scene.world.to("2026-03-05 00:00")
    [notice] = scene.provider.pick_up().notices
    assert (notice.kind, notice.handles, notice.fact) == (STOP, (grant.handle(),), None)
    assert scene.provider.pick_up(acknowledge=True).notices == ()


def test_notices_that_come_after_an_acknowledgement_are_not_lost_with_it(scene: Scene) -> None:
    scene.team.register(scene.provider)
    scene.provider.pick_up()
    second = scene.team.register(scene.provider)
    [notice] = scene.provider.pick_up(acknowledge=True).notices
    assert notice.handles == (second.handle(),)


# -- stubs


def test_the_last_handle_of_a_stopped_grant_passes_retractions_for_twelve_months_and_then_nothing(
    scene: Scene,
) -> None:
    grant = scene.team.register(scene.provider)
    scene.team.stop(grant)
    scene.world.to("2027-03-03 23:00")
    frame = scene.team.retraction(grant, month=MARCH)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.ACCEPTED
    assert not _accepts(grant, MARCH)
    assert len(scene.provider.take_all()) == 1
    scene.world.to("2027-03-05 00:00")
    frame = scene.team.retraction(grant, month=MARCH)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.NOT_ACTIVE
    assert scene.world.store.counts()["grants"] == 0


def test_a_stub_lives_from_the_end_that_came_first(scene: Scene) -> None:
    grant = scene.team.register(scene.provider, end=day_of(at("2026-03-10 12:00")))
    scene.world.to("2026-09-10 12:00")
    scene.gp.stop(grant)
    row = scene.world.store.grants([grant.handle(MARCH)])[grant.handle(MARCH)]
    assert row.forget == parse_date("2026-03-10") + 366


def test_only_the_last_handle_of_an_ended_grant_leaves_a_stub(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.world.to("2026-03-31 09:00")
    scene.team.register_month(grant, MARCH + 1)
    scene.world.to("2026-04-02 09:00")
    scene.team.stop(grant)
    scene.world.to("2026-04-10 09:00")
    scene.world.hub.tick()
    assert scene.world.store.grants([grant.handle(MARCH)]) == {}
    assert scene.world.store.grants([grant.handle(MARCH + 1)])[grant.handle(MARCH + 1)].stopped


def test_a_handle_without_an_end_is_forgotten_nine_days_after_its_month(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    for day, count in (("2026-04-09", 1), ("2026-04-10", 0)):
        scene.world.to(f"{day} 12:00")
        scene.world.hub.tick()
        assert scene.world.store.counts()["grants"] == count
    assert not _accepts(grant, MARCH)


@pytest.mark.parametrize(
    ("today", "code"),
    [
        ("2026-03-05", Code.IN_FORCE),  # long before its month: for a grant that was stopped early
        ("2026-06-16", Code.IN_FORCE),
        ("2027-06-15", Code.IN_FORCE),
        ("2027-06-17", Code.WRONG_DAY),
    ],
)
def test_the_handle_of_the_last_month_may_be_registered_until_twelve_months_after_the_end(
    scene: Scene, today: str, code: Code
) -> None:
    june = parse_month("2026-06")
    grant = scene.team.grant(scene.provider, end=parse_date("2026-06-15"))
    scene.world.to(f"{today} 12:00")
    assert scene.team.register_month(grant, june).code is code
    if code is Code.IN_FORCE:
        assert not _accepts(grant, june)
        frame = scene.team.retraction(grant, month=june)
        scene.team.send(frame)
        assert scene.team.outcome(frame) is Code.ACCEPTED


def test_a_grant_stopped_early_still_has_a_handle_for_retractions_in_its_last_month(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.gp.stop(grant)
    last = parse_month("2027-03")
    scene.world.to("2026-08-10 12:00")
    assert scene.team.register_month(grant, last).stopped_by_other
    frame = scene.team.retraction(grant, month=last)
    scene.team.send(frame)
    assert scene.team.outcome(frame) is Code.ACCEPTED
    assert not _accepts(grant, last)


# -- one's own facts


def test_an_address_reads_back_its_own_facts_and_nobody_elses(scene: Scene) -> None:
    grant = scene.team.register(scene.provider)
    scene.provider.stop(grant)
    scene.team.register(scene.gp)
    mine = _facts(scene.team)
    assert [parse_fact(frame).signer for _, frame in mine] == [scene.team.address] * 2
    assert _facts(scene.team, mine[0][0] + 1) == mine[1:]
    assert len(_facts(scene.provider)) == 1
    assert _facts(scene.gp) == []


def _facts(party: Party, index: int = 0) -> list[tuple[int, bytes]]:
    return [(one.index, one.frame) for one in party.world.hub.facts_after(party.address, index)]


def _handles(party: Party) -> list[HandleState]:
    return party.world.hub.handles(party.address)


# -- bad facts -------------------------------------------------------------------------------------------------------


def _unsigned(frame: bytes) -> bytes:
    """The same fact with a signature of zeros."""
    *signed, signature = decode_array(frame, 7)
    assert isinstance(signature, list)
    return encode([*signed, [bytes(64), *signature[1:]]])


def _hostile(scene: Scene, what: str, *, stop: bool) -> tuple[Party, bytes]:
    """A fact that should open, or stop, and who brings it."""
    team, outsider = scene.team, scene.gp
    grant = team.register(scene.provider) if stop or what == "replayed" else team.grant(scene.provider)

    def fact(by: Party, day: int | None = None) -> bytes:
        return by.stopping(grant, day=day) if stop else by.registration(grant, MARCH, day=day)

    if what == "unsigned":
        return team, _unsigned(fact(team))
    if what == "from outside":
        return outsider, fact(outsider if stop else team)
    if what == "from a stranger":
        stranger = scene.world.party("zvh", admit=False)
        return stranger, fact(stranger)
    if what == "of the future":
        return team, fact(team, scene.world.today + 2)
    if what == "of long ago":
        return team, fact(team, scene.world.today - 400)
    if what == "out of order":  # what follows comes before what it follows on
        frame = team.stopping(grant, months=[MARCH + 1, MARCH]) if stop else team.registration(grant, MARCH + 1)
        return team, frame
    frame = fact(team)  # replayed: after the handle and its terms were over and forgotten
    team.facts(frame)
    scene.world.to("2026-05-04 12:00")
    return team, frame


@pytest.mark.parametrize(
    ("what", "opens", "stops"),
    [
        ("unsigned", Code.BAD_SIGNATURE, Code.BAD_SIGNATURE),
        ("from outside", Code.NOT_THE_SENDER, Code.IN_FORCE),
        ("from a stranger", Code.UNKNOWN_SENDER, Code.UNKNOWN_SENDER),
        ("of the future", Code.WRONG_DAY, Code.IN_FORCE),
        ("of long ago", Code.WRONG_DAY, Code.IN_FORCE),
        ("out of order", Code.WRONG_DAY, Code.IN_FORCE),
        ("replayed", Code.WRONG_DAY, Code.IN_FORCE),
    ],
)
@pytest.mark.parametrize("stop", [False, True])
def test_a_fact_that_opens_is_refused_for_what_a_fact_that_stops_is_taken_for(
    scene: Scene, what: str, opens: Code, stops: Code, stop: bool
) -> None:
    who, frame = _hostile(scene, what, stop=stop)
    before = [state.stopped for state in _handles(scene.team)]
    size = scene.world.store.head().size
    assert who.facts(frame)[0].code is (stops if stop else opens)
    if not stop or stops is not Code.IN_FORCE:
        assert [state.stopped for state in _handles(scene.team)] == before
        assert scene.world.store.head().size == size


@settings(max_examples=60)
@given(days=st.integers(-40_000, 40_000))
def test_no_date_but_that_of_today_opens_and_every_date_stops(days: int) -> None:
    world = World()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    day = max(0, world.today + days)
    grant = team.grant(provider)
    code = team.facts(team.registration(grant, MARCH, day=day))[0].code
    assert code is (Code.IN_FORCE if abs(day - world.today) <= 1 else Code.WRONG_DAY)
    assert team.facts(team.stopping(grant, day=day))[0].code is Code.IN_FORCE
    assert not _accepts(grant)
    world.close()
