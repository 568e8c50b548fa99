# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Yesterday's copy of hub, sender or recipient is put back, alone and together (delivery.md section 6, threat 4).

In each: nothing that was stopped opens, nothing is lost or told twice, the log is not continued under its name, and
what was destroyed stays unreadable.  The delivery machine does the same in any order.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.records_incoming import TOLD
from adapters.records_outgoing import FROZEN, GRANTS, STOPPED
from hub.client import HubRecoveringError
from hub.registry import ADMITTED, SUSPENDED
from schemas import entry
from schemas.codes import Code
from schemas.note import Checkpoint
from schemas.signing import SigningKey
from tests.delivery_runs import folder, new_world
from tests.delivery_world import ADDRESS, DAY, DeliveryWorld
from tests.test_delivery_scenarios import states, told

EVERYBODY = ["H", "A", "G", "HA", "HG", "AG", "HAG", "HABGT"]


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest) -> Iterator[DeliveryWorld]:
    """A tells B and G, B tells A; one thing was told; then everybody's copies were made, and a day has passed."""
    place = folder()
    made = new_world(place, store=request.param)
    made.allocate("AB", "c0", days=90)
    made.agree("c0", 90)
    made.flow()
    made.event("A", "c0")
    made.flow()
    made.save_hub()
    for name in "ABGT":
        made.back_up(name)
    made.advance(DAY)
    yield made
    made.ghost.check()
    made.close()
    place.cleanup()


def put_back(world: DeliveryWorld, whom: str) -> None:
    """These are put back: the hub as H."""
    for name in whom:
        assert world.put_hub_back() if name == "H" else world.put_back(name)


def confirm(world: DeliveryWorld) -> None:
    """At every edge that was put back, a person does again what was done since, and confirms."""
    for name in ADDRESS:
        world.confirm(name)


@pytest.mark.parametrize("whom", EVERYBODY)
def test_restore_of_yesterday_loses_nothing_and_tells_nothing_twice(world: DeliveryWorld, whom: str) -> None:
    world.event("A", "c0")
    world.event("B", "c0")
    world.flow()
    put_back(world, whom)
    world.flow()
    confirm(world)
    world.flow()
    world.event("A", "c0")
    world.flow()
    assert told(world, "G") == ["actie belegd"] * 3
    world.settle()


@pytest.mark.parametrize("whom", EVERYBODY)
@pytest.mark.parametrize("by", ["the sender", "the recipient", "the stop code"])
def test_restore_of_yesterday_opens_nothing_that_was_stopped_since(world: DeliveryWorld, whom: str, by: str) -> None:
    if by == "the sender":
        world.stop("A", "c0", "G", "objected")
    elif by == "the recipient":
        world.stop_incoming("G", "c0", "A")
    else:
        codes = [grant.secret for grant in world.actors["A"].edge.grants() if grant.recipient == ADDRESS["G"]]
        world.stop_by_code(list(world.ghost.lines).index(codes[0]))
    world.flow()
    put_back(world, whom)
    world.flow()
    world.event("A", "c0")
    world.flow()
    confirm(world)
    for _ in range(3):
        world.flow()
        world.event("A", "c0")
        world.advance(DAY)
    assert told(world, "G") == ["actie belegd"]
    assert set(states(world, "A", "gp")) <= {STOPPED, FROZEN}
    world.settle()


@pytest.mark.parametrize("days", [0, 1])
def test_what_the_recipient_refused_wins_over_an_older_agreement_that_it_hears_of_anew(days: int) -> None:
    """Hub and recipient have lost agreement and stop; the people of the recipient still know that it was refused."""
    place = folder()
    world = new_world(place)
    world.save_hub()
    world.back_up("G")
    world.agree("c0", 90)
    world.flow()
    world.stop_incoming("G", "c0", "A")
    world.advance(days * DAY)
    put_back(world, "HG")
    world.event("A", "c0")
    world.settle()
    assert told(world, "G") == []
    assert set(states(world, "A", "gp")) <= {STOPPED, FROZEN}
    world.close()
    place.cleanup()


@pytest.mark.parametrize("whom", ["A", "HA"])
def test_before_a_person_has_confirmed_an_edge_that_was_put_back_sends_and_takes_nothing(
    world: DeliveryWorld, whom: str
) -> None:
    put_back(world, whom)
    before = len(world.ghost.sent)
    size = world.store.head().size
    world.event("A", "c0")
    world.flow()
    world.event("B", "c0")
    world.flow()
    assert not [name for name, _ in world.ghost.sent[before:] if name == "A"]
    assert told(world, "A") == []
    assert world.store.head().size > size  # its statement, and the facts of everybody
    confirm(world)
    world.flow(rounds=4)
    assert len(told(world, "A")) == 1
    world.settle()


def test_a_hub_that_was_put_back_waits_for_everybody_who_could_know_of_a_stop(world: DeliveryWorld) -> None:
    put_back(world, "H")
    awaited = {partner.address for partner in world.hub.awaited()}
    assert awaited == set(ADDRESS.values())
    with pytest.raises(HubRecoveringError):
        world.hub.pickup(ADDRESS["G"], 10, 0)
    assert world.hub.send(ADDRESS["A"], [world.ghost.sent[-1][1]]) == [Code.RECOVERING]
    world.flow("A", "B", "G")
    assert [partner.address for partner in world.hub.awaited()] == [ADDRESS["T"]]
    world.event("A", "c0")
    world.flow("A", "B", "G")
    assert told(world, "G") == ["actie belegd"]
    world.hub.will_not_return(ADDRESS["T"])
    world.flow("A", "B", "G")
    assert told(world, "G") == ["actie belegd"] * 2


def test_the_log_that_was_cut_is_not_continued_under_its_name(world: DeliveryWorld) -> None:
    before = world.hub.checkpoint().split("\n")
    world.event("A", "c0")
    world.flow()
    newest = int(world.hub.checkpoint().split("\n")[1])
    put_back(world, "H")
    after = world.hub.checkpoint().split("\n")
    assert (before[0][-5:], after[0][-5:]) == ("log/1", "log/2")
    began = world.hub.recovery()
    assert began is not None
    [first] = world.store.entries(began.index, began.index + 1)
    assert first.record == began.record
    found = began.index
    assert found < newest
    world.flow()
    [cut] = world.actors["G"].edge.cuts()
    assert (cut.number, cut.found, cut.lost > 0) == (2, found, True)
    world.flow()
    assert world.actors["G"].edge.alarms() == []


def test_a_checkpoint_that_the_hub_did_not_sign_puts_no_hub_into_recovery(world: DeliveryWorld) -> None:
    lie = Checkpoint(world.hub.log.origin, 1_000_000, bytes(32))
    other = SigningKey(bytes(32))
    for signature in (b"", bytes(64), other.sign(lie.text().encode())):
        world.hub.shown(lie, signature)
    world.hub.shown(Checkpoint("somebody.else/log/9", 1, bytes(32)), bytes(64))
    assert world.hub.recovery() is None


def test_one_edge_that_knows_more_puts_the_hub_into_recovery_at_its_next_request(world: DeliveryWorld) -> None:
    world.flow()
    world.greatest = type(world.greatest)()  # the file is of the same copy: only the edges know
    world.save_hub()
    world.flow()
    world.event("A", "c0")
    world.flow()
    world.greatest = type(world.greatest)()
    assert world.put_hub_back(by_command=False)
    assert world.hub.recovery() is None
    world.ask("G", lambda edge: edge.read_feed())
    assert world.hub.recovery() is not None
    world.settle()


def test_whoever_was_barred_since_the_copy_is_barred_after_it(world: DeliveryWorld) -> None:
    world.hub.set_state(ADDRESS["T"], SUSPENDED)
    put_back(world, "H")
    partners = world.hub.partners().by_address
    assert {address: one.state for address, one in partners.items()} == dict.fromkeys(ADDRESS.values(), ADMITTED) | {
        ADDRESS["T"]: SUSPENDED
    }
    assert ADDRESS["T"] not in {partner.address for partner in world.hub.awaited()}


def test_without_the_file_outside_the_store_a_hub_with_entries_starts_in_recovery(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.flow()
    assert world.put_hub_back(knows_greatest=False)
    assert world.hub.recovery() is not None
    world.flow()
    began = world.hub.recovery()
    assert began is not None
    assert began.open
    assert began.number == 3  # the second began with what the edges have shown
    world.settle()


def test_what_waited_when_the_hub_was_put_back_can_be_read_by_nobody(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())
    world.save_hub()
    waiting = [row.message_id for row in world.store.due(1 << 60, 100)]
    assert waiting
    world.flow()
    put_back(world, "H")
    assert world.store.payloads(waiting) == {}
    assert world.store.stored(waiting) == {}


def test_a_recipient_that_was_put_back_shows_that_it_is_being_restored_for_seven_days(world: DeliveryWorld) -> None:
    put_back(world, "G")
    confirm(world)
    world.flow()
    [view] = world.actors["G"].edge.view("G-c0")
    assert view.restored_on == world.today
    world.advance(7 * DAY)
    [view] = world.actors["G"].edge.view("G-c0")
    assert view.restored_on is None


def test_what_a_recipient_had_acknowledged_since_its_copy_is_told_again_and_marked_late(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.flow()
    put_back(world, "G")
    assert len(told(world, "G")) == 1
    confirm(world)
    world.flow(rounds=4)
    assert [one.late for one in TOLD.scan(world.actors["G"].edge.store)] == [False, True]
    world.settle()


def test_what_was_called_back_since_is_called_back_again(world: DeliveryWorld) -> None:
    world.retract_all("A", "c0", "G")
    world.flow()
    assert told(world, "G") == []
    put_back(world, "G")
    assert told(world, "G") == ["actie belegd"]  # until its sender has said so again
    confirm(world)
    world.flow(rounds=4)
    assert told(world, "G") == []
    world.settle()


def test_a_sender_that_was_away_for_over_a_month_hears_that_its_recipient_was_put_back(world: DeliveryWorld) -> None:
    world.retract_all("A", "c0", "G")
    world.flow()
    put_back(world, "G")
    world.work("G")  # says so; its person takes longer than outcomes stay in a feed
    world.advance(45 * DAY)
    confirm(world)
    world.flow(rounds=4)
    assert told(world, "G") == []
    world.settle()


def test_a_stop_of_its_own_that_an_edge_has_forgotten_is_not_taken_for_that_of_another(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())  # and pick-up will find that it was stopped
    world.back_up("A")
    world.agree("c0", 5)  # shorter: what was agreed before is stopped
    world.ask("A", lambda edge: edge.read_feed())
    world.flow("G")
    put_back(world, "A")
    world.advance(3 * DAY)
    world.settle()
    assert FROZEN not in states(world, "A")


def test_what_may_have_expired_unheard_goes_again_after_a_restore_of_the_hub_marked_late(world: DeliveryWorld) -> None:
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())
    world.ask("A", lambda edge: edge.read_feed())
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())
    world.ask("A", lambda edge: edge.read_feed())
    world.actors["G"].lose = "pickup"
    world.ask("G", lambda edge: edge.pickup(1))  # the first was handed over, and the answer lost
    world.save_hub()
    world.advance(6 * DAY)
    world.flow("G", rounds=1)  # the second arrives, the first has expired
    put_back(world, "H")
    world.settle()
    assert [one.late for one in TOLD.scan(world.actors["G"].edge.store)].count(True) >= 1


def test_a_manifest_that_both_hub_and_partner_have_lost_gives_way_to_the_one_signed_instead(
    world: DeliveryWorld,
) -> None:
    world.advance(21 * DAY)  # everybody publishes the next
    world.flow()
    world.event("A", "c0")
    world.flow()  # and the sender has it
    put_back(world, "HG")
    confirm(world)
    world.event("A", "c0")
    world.settle()
    assert len(told(world, "G")) == 3


def test_an_allocation_waits_while_the_hub_was_put_back_and_must_be_told_first(world: DeliveryWorld) -> None:
    world.flow()
    put_back(world, "H")
    world.work("G")  # begins another log
    before = len(world.actors["A"].edge.items())
    world.allocate("A", "c1", days=60)
    assert len(world.actors["A"].edge.items()) == before
    world.settle()
    world.allocate("A", "c1", days=60)
    assert len(world.actors["A"].edge.items()) > before


def test_every_line_of_a_sender_that_was_put_back_begins_anew_under_a_new_secret(world: DeliveryWorld) -> None:
    before = {grant.secret for grant in world.actors["A"].edge.grants()}
    put_back(world, "A")
    confirm(world)
    world.flow()
    grants = list(GRANTS.scan(world.actors["A"].edge.store))
    live = {grant.secret for grant in grants if grant.state == "active"}
    assert len(live) == len(before)
    assert not live & before
    world.settle()


def test_a_line_that_this_edge_has_forgotten_is_stopped(world: DeliveryWorld) -> None:
    world.allocate("AB", "c1", days=60)
    world.flow()
    assert len(world.actors["A"].edge.grants()) == 3
    put_back(world, "A")
    confirm(world)
    stops = facts_of(world, "A", "stop")
    world.flow()
    assert facts_of(world, "A", "stop") > stops
    world.settle()


def facts_of(world: DeliveryWorld, name: str, kind: str) -> int:
    """How many facts of a kind an edge has signed, as the log has them."""
    number = world.hub.partners().by_address[ADDRESS[name]].number
    return sum(kind.encode() in frame[:16] for _, frame in world.store.facts_of(number, 0, 1_000))


def test_an_edge_whose_manifest_was_renewed_since_its_copy_goes_on_from_the_newest(world: DeliveryWorld) -> None:
    world.advance(20 * DAY)
    world.flow()
    number = world.hub.partners().by_address[ADDRESS["G"]].manifest.number  # type: ignore[union-attr]  # it has one
    world.event("A", "c0")
    world.ask("A", lambda edge: edge.release())  # sealed for a key that the copy does not have
    put_back(world, "G")
    confirm(world)
    world.flow(rounds=4)
    newest = world.hub.partners().by_address[ADDRESS["G"]].manifest
    assert newest is not None
    assert newest.number == number + 1
    assert len(told(world, "G")) == 2
    world.settle()


def test_an_edge_that_was_put_back_takes_over_its_manifests_before_whatever_it_does_first(world: DeliveryWorld) -> None:
    put_back(world, "H")
    world.settle(3)
    world.advance(25 * DAY)  # the next is published in the second log
    world.flow()
    put_back(world, "G")
    world.ask("G", lambda edge: edge.read_feed())
    confirm(world)
    assert world.work("G").published
    world.settle()


def test_a_hub_that_lost_the_newest_manifests_is_given_them_again(world: DeliveryWorld) -> None:
    world.advance(20 * DAY)
    world.flow()
    number = world.hub.partners().by_address[ADDRESS["G"]].manifest.number  # type: ignore[union-attr]  # it has one
    put_back(world, "H")
    world.flow()
    world.flow()
    newest = world.hub.partners().by_address[ADDRESS["G"]].manifest
    assert newest is not None
    assert newest.number == number
    world.event("A", "c0")
    world.flow()
    assert len(told(world, "G")) == 2
    world.settle()


def test_every_decision_of_a_log_that_was_cut_is_recomputed_and_none_was_taken_before_the_gate_opened(
    world: DeliveryWorld,
) -> None:
    put_back(world, "H")
    world.flow()
    world.event("A", "c0")
    world.flow()
    records = [one.record for one in world.store.entries(0, world.store.head().size)]
    assert sum(entry.RECOVERY.encode() in record[:32] for record in records) == 1
    world.ghost.check(final=True)
