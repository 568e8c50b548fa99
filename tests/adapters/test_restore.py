# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Where an edge that was put back stands, and what it may do then; the stories are in tests/test_restore_of_yesterday.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from adapters.by_person import Reliance
from adapters.outcomes import told_again
from adapters.records_outgoing import DONE, EVENT, FINAL, GRANTS, INTRODUCTION, ITEMS, RETRACTION, WAITING
from adapters.records_own import RESTORES, Restore
from adapters.restore import TOLD_DAYS, RestoringError, current, is_restoring, is_unconfirmed, reads_again, shown_on
from adapters.store import StoreError
from adapters.workplace import EdgeError
from hub.client import HubUnavailableError
from schemas.canonical import FrameError
from schemas.restored import parse_restored, sign_restored
from schemas.signing import SigningKey
from tests.delivery_runs import folder, new_world
from tests.delivery_world import DAY, DeliveryWorld
from tests.simulator import run

KEY = SigningKey(bytes(32))
WHO = "urn:nld:oin:00000001000000000001:gp"


@pytest.fixture
def world() -> Iterator[DeliveryWorld]:
    """A tells B and G about c0; one thing was told."""
    place = folder()
    made = new_world(place)
    made.allocate("AB", "c0", days=90)
    made.agree("c0", 90)
    made.flow()
    made.event("A", "c0")
    made.flow()
    yield made
    made.close()
    place.cleanup()


def test_what_stands_before_an_ordinary_pass_is_done_once_and_in_its_order(world: DeliveryWorld) -> None:
    edge = world.actors["A"].edge
    assert (current(edge.store), is_restoring(edge.store), is_unconfirmed(edge.store)) == (None, False, False)
    world.back_up("A")
    world.put_back("A")
    edge = world.actors["A"].edge
    assert (is_unconfirmed(edge.store), reads_again(edge.store)) == (True, None)
    assert world.ask("A", lambda one: one.confirm_restore()) is True
    assert world.ask("A", lambda one: one.confirm_restore()) is False
    assert (is_unconfirmed(edge.store), is_restoring(edge.store)) == (False, True)
    with pytest.raises(RestoringError):
        run(edge.take_native(b"d", [], 0))
    world.ask("A", lambda one: one.work())
    assert (is_restoring(edge.store), reads_again(edge.store) is None) == (False, False)
    with pytest.raises(RestoringError):  # what is in the folder done comes first
        run(edge.take_native(b"d", [], 0))
    world.read_again("A")
    run(edge.take_native(b"d", [], 0))
    assert reads_again(edge.store) is None


def test_a_person_makes_and_calls_back_nothing_before_the_lines_have_begun_and_files_were_read(
    world: DeliveryWorld,
) -> None:
    world.back_up("A")
    world.put_back("A")
    edge = world.actors["A"].edge
    item = next(one.number for one in edge.items() if one.kind == EVENT)
    for asked in (
        lambda: edge.retract(item),
        lambda: edge.retract_all("A-c0"),
        lambda: edge.tell_again(item),
        lambda: edge.grant_by_person("A-c0", WHO, Reliance(1, "zaak-7")),
        lambda: edge.person_decides("line", resume=True),
    ):
        with pytest.raises(EdgeError, match="teruggezet"):
            asked()


def test_the_day_that_a_person_must_look_back_to_is_that_of_the_oldest_copy_that_nobody_confirmed(
    world: DeliveryWorld,
) -> None:
    world.back_up("G")
    first = world.now
    world.advance(DAY)
    world.put_back("G")
    world.advance(DAY)
    world.back_up("G")  # of an edge that waits for its person
    world.advance(DAY)
    world.put_back("G")
    found = current(world.actors["G"].edge.store)
    assert found is not None
    assert found.saved_at <= first


def test_who_waits_long_for_a_person_says_it_again_to_a_hub_that_was_put_back_meanwhile(world: DeliveryWorld) -> None:
    """Else a sender that was away would never hear that what it told is lost."""
    world.back_up("G")
    world.save_hub()
    world.put_back("G")
    world.work("G")
    assert (found := current(world.actors["G"].edge.store)) is not None
    assert found.told_in == 1
    world.advance((TOLD_DAYS + 1) * DAY)
    world.put_hub_back()
    world.work("G")
    found = current(world.actors["G"].edge.store)
    assert found is not None
    assert found.told_in == 2


def test_what_was_told_before_is_shown_as_being_restored_for_seven_days(world: DeliveryWorld) -> None:
    world.back_up("G")
    world.put_back("G")
    store = world.actors["G"].edge.store
    assert [shown_on(store, world.today + days) for days in (0, 6, 7)] == [world.today, world.today, None]


def test_a_copy_that_says_no_time_is_refused_unless_a_person_gives_it(world: DeliveryWorld) -> None:
    edge = world.actors["G"].edge
    with pytest.raises(EdgeError, match="geef de dag op"):
        edge.was_put_back()
    assert edge.was_put_back(world.now - DAY).saved_at == world.now - DAY


def test_no_copy_is_written_over_a_file_or_where_none_can_be(world: DeliveryWorld) -> None:
    place = world.folder / "copy"
    edge = world.actors["G"].edge
    edge.back_up(place)
    with pytest.raises(StoreError, match="File exists"):
        edge.back_up(place)
    with pytest.raises(StoreError, match="No such file"):
        edge.back_up(world.folder / "nowhere" / "copy")


def test_a_hub_that_can_not_be_asked_keeps_everything_waiting(world: DeliveryWorld) -> None:
    world.back_up("A")
    world.put_back("A")
    world.hub_away = True
    world.confirm("A")
    edge = world.actors["A"].edge
    with pytest.raises(HubUnavailableError):
        run(edge.work())
    assert is_restoring(edge.store)
    world.hub_away = False
    world.flow(rounds=3)
    assert not is_restoring(edge.store)


# -- what is told again


def test_only_what_was_acknowledged_since_and_may_still_be_told_is_told_again(world: DeliveryWorld) -> None:
    store = world.actors["A"].edge.store
    done = next(one for one in ITEMS.scan(store) if one.kind == EVENT and one.final == DONE)
    grant = GRANTS.need(store, done.grant.encode())
    today, day = world.today, done.done_on
    assert day is not None
    again = told_again(done, grant, day, today)
    assert again is not None
    assert (again.state, again.late, again.grant) == (WAITING, True, grant.id)
    assert told_again(done, grant, day + 1, today) is None
    assert told_again(replace(done, dead=True), grant, day, today) is None
    assert told_again(replace(done, final="expired"), grant, day, today) is None
    assert told_again(replace(done, state=WAITING), grant, day, today) is None
    assert told_again(done, grant, day, grant.end + 1) is None
    asks = told_again(replace(done, parts=()), grant, day, today)
    assert asks is not None
    assert (asks.state, asks.asks) == (FINAL, True)
    for kind, late in ((INTRODUCTION, False), (RETRACTION, False)):
        other = told_again(replace(done, kind=kind), grant, day, today)
        assert other is not None
        assert (other.state, other.late) == (WAITING, late)
    assert told_again(replace(done, kind=RETRACTION), grant, day, grant.end + 1) is not None


# -- the statement


def test_a_statement_is_read_as_it_was_signed() -> None:
    found = parse_restored(sign_restored(KEY, WHO, 20_500, 20_499))
    assert (found.signer, found.key_id, found.day, found.since) == (WHO, KEY.key_id, 20_500, 20_499)


@pytest.mark.parametrize("place", range(0, 120, 3))
def test_a_statement_that_was_changed_is_no_statement_or_is_not_signed(place: int) -> None:
    raw = sign_restored(KEY, WHO, 20_500, 20_499)
    if place >= len(raw):
        return
    changed = bytearray(raw)
    changed[place] ^= 1
    try:
        found = parse_restored(bytes(changed))
    except FrameError:
        return
    before = parse_restored(raw)
    assert (found.signed, found.signature) != (before.signed, before.signature)


def test_a_back_up_of_tomorrow_is_refused() -> None:
    with pytest.raises(FrameError):
        parse_restored(sign_restored(KEY, WHO, 20_500, 20_501))


def test_records_of_an_earlier_version_are_read_with_their_defaults(world: DeliveryWorld) -> None:
    store = world.actors["A"].edge.store
    with store.transaction() as tx:
        RESTORES.put(tx, Restore(1, 2, 3))
    assert RESTORES.need(store, (1).to_bytes(8, "big")) == Restore(1, 2, 3)
