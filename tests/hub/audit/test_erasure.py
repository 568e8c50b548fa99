# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Who may erase from the log, when, and what stays provable afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hub.audit.erasure import FIRST_DAYS, as_ranges
from hub.audit.export import write_export
from hub.audit.replay import GONE, RESTS_ON_GONE, Report, replay
from hub.audit.verify import verify_export
from hub.clock import NotDecidingError
from hub.store import Step
from schemas import entry
from schemas.codes import Code
from schemas.order import CLOSE, ERASE, OPEN, Order, SignedOrder, leaves_hash
from schemas.order_faults import CONTROLLER, FG, OrderError
from schemas.signing import SigningKey
from tests.simulator import Grant, Party, World
from tests.world_check import HUB_NAME


@dataclass
class Scene:
    """A hub with both keys registered, and one message that went its whole way 40 days ago."""

    world: World
    team: Party
    provider: Party
    grant: Grant
    keys: dict[str, SigningKey]
    sent: bytes

    def kinds(self) -> dict[str, list[int]]:
        """The indexes of the log by kind of entry."""
        found: dict[str, list[int]] = {}
        for index, item in enumerate(self.world.store.entries(0, self.world.store.head().size)):
            kind = "gone" if not item.record else "public" if item.salt is None else str(entry.items_of(item.record)[2])
            found.setdefault(kind, []).append(index)
        return found

    def order(self, *indexes: int, kind: str = ERASE, reason: str = "citizen") -> SignedOrder:
        ranges = tuple(as_ranges(sorted(indexes)))
        leaves = leaves_hash(self.world.hub.leaves(ranges)) if ranges else None
        order = Order(HUB_NAME, kind, self.world.random(16), self.world.today, reason, ranges, leaves)
        return SignedOrder(order)

    def signed(self, order: SignedOrder, *roles: str) -> SignedOrder:
        for role in roles or (CONTROLLER, FG):
            order = order.sign(role, self.keys[role])
        return order

    def refuse(self, order: SignedOrder, match: str) -> None:
        before = self.world.store.head(), self.kinds()
        with pytest.raises(OrderError, match=match):
            self.world.hub.carry_out(order)
        assert (self.world.store.head(), self.kinds()) == before

    def replayed(self) -> Report:
        store = self.world.store
        return replay(store.entries(0, store.head().size), self.world.table)


@pytest.fixture(params=["memory", "sqlite"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    world = World(request.param, tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    keys = {role: SigningKey(world.random(32)) for role in (CONTROLLER, FG)}
    for role, key in keys.items():
        world.hub.register_officer(role, key.public)
    grant = team.register(provider)
    (sent,) = team.tell(grant)
    provider.take_all()
    world.advance(days=FIRST_DAYS)
    yield Scene(world, team, provider, grant, keys, sent)
    world.check()
    world.close()


# -- two keys


def test_erase_needs_two_keys_and_leaves_an_entry_and_every_proof(scene: Scene) -> None:
    accept, hand_over, receipt = (scene.kinds()[kind][0] for kind in ("accept", "hand-over", "receipt"))
    order = scene.order(accept, hand_over, receipt)
    before = scene.world.hub.checkpoint()
    scene.refuse(order, "Two must sign")
    scene.refuse(scene.signed(order, CONTROLLER), "the FG has not")
    scene.refuse(scene.signed(order, FG), "the controller has not")
    index, erased = scene.world.hub.carry_out(scene.signed(order))
    assert erased == [accept, hand_over, receipt]
    store = scene.world.store
    assert all(not store.entries(one, one + 1)[0].record for one in erased)
    assert entry.items_of(store.entries(index, index + 1)[0].record)[2] == entry.ERASURE
    scene.world.advance(seconds=10)
    lines = list(write_export(store.entries(0, store.head().size), [scene.world.hub.checkpoint()]))
    report = verify_export(lines, scene.world.hub.log.verifier_key, before)
    assert (report.ok, report.erased) == (True, 3)
    for one in erased:
        assert list(scene.world.hub.log.inclusion([one], store.head().size))


def test_erase_needs_two_people_and_one_key_for_both_roles_is_refused(scene: Scene) -> None:
    with pytest.raises(OrderError, match="that of the other role"):
        scene.world.hub.register_officer(FG, scene.keys[CONTROLLER].public)
    order = scene.order(scene.kinds()["accept"][0])
    with pytest.raises(OrderError, match="for the other role"):
        scene.signed(order, CONTROLLER).sign(FG, scene.keys[CONTROLLER])
    with pytest.raises(OrderError, match="signed the order already"):
        scene.signed(order, CONTROLLER).sign(CONTROLLER, scene.keys[FG])


def test_erase_needs_two_registered_keys_and_a_stranger_signs_for_nobody(scene: Scene) -> None:
    order = scene.order(scene.kinds()["accept"][0])
    stranger = SigningKey(scene.world.random(32))
    scene.refuse(scene.signed(order, CONTROLLER).sign(FG, stranger), "not the one that counts")


def test_a_key_that_is_slipped_in_signs_nothing_for_thirty_days_and_the_old_one_goes_on(scene: Scene) -> None:
    new = SigningKey(scene.world.random(32))
    scene.world.hub.register_officer(FG, new.public)
    order = scene.order(scene.kinds()["accept"][0])
    scene.world.advance(days=FIRST_DAYS - 1)
    by_new = scene.signed(order, CONTROLLER).sign(FG, new)
    scene.refuse(by_new, "not the one that counts")
    scene.world.advance(days=1)
    scene.refuse(scene.signed(order), "not the one that counts")
    assert scene.world.hub.carry_out(by_new)[1] == [scene.kinds()["gone"][0]]


def test_a_key_is_registered_once(scene: Scene) -> None:
    with pytest.raises(OrderError, match="registered for this role already"):
        scene.world.hub.register_officer(FG, scene.keys[FG].public)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33)])
def test_what_is_no_key_is_not_registered(scene: Scene, public: bytes) -> None:
    with pytest.raises(OrderError, match="no public key"):
        scene.world.hub.register_officer(FG, public)


# -- when


def test_nothing_is_erased_in_the_first_thirty_days(scene: Scene) -> None:
    scene.team.register_month(scene.grant, scene.world.month)
    scene.team.tell(scene.grant)
    young, old = scene.kinds()["accept"][-1], scene.kinds()["accept"][0]
    order = scene.signed(scene.order(old, young))
    scene.world.advance(days=FIRST_DAYS - 1)
    scene.refuse(order, f"Entry {young} may not be erased: it is younger than 30 days")
    scene.world.advance(days=1)
    assert scene.world.hub.carry_out(order)[1] == [old, young]


def test_nothing_is_erased_while_an_inquiry_is_open_and_two_must_close_it(scene: Scene) -> None:
    order = scene.signed(scene.order(scene.kinds()["accept"][0]))
    opening = scene.order(kind=OPEN, reason="complaint")
    scene.refuse(opening, "sign the order")
    scene.refuse(opening.sign(FG, SigningKey(scene.world.random(32))), "sign the order")
    scene.world.hub.carry_out(scene.signed(opening, FG))
    scene.refuse(order, "An inquiry is open")
    scene.refuse(scene.signed(scene.order(kind=OPEN, reason="court"), FG), "open already")
    closing = scene.order(kind=CLOSE, reason="done")
    scene.refuse(scene.signed(closing, CONTROLLER), "the FG has not")
    scene.world.hub.carry_out(scene.signed(closing))
    scene.refuse(scene.signed(closing), "No inquiry is open")
    assert len(scene.world.hub.carry_out(order)[1]) == 1


def test_an_inquiry_that_is_open_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    key = SigningKey(world.random(32))
    world.hub.register_officer(FG, key.public)
    order = Order(HUB_NAME, OPEN, bytes(16), world.today, "court")
    index, _ = world.hub.carry_out(SignedOrder(order).sign(FG, key))
    world.reopen()
    assert world.hub.standing().inquiry == index
    world.close()


def test_nothing_is_erased_while_the_clock_is_in_doubt(tmp_path: Path) -> None:
    """A clock that jumps ahead would make everything old."""
    world = World("sqlite", tmp_path, watched=True)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    team.tell(team.register(provider))
    size = world.store.head().size
    world.jump(days=400)
    order = Order(HUB_NAME, ERASE, bytes(16), world.today, "court", ((0, 1),), bytes(32))
    with pytest.raises(NotDecidingError):
        world.hub.carry_out(SignedOrder(order))
    world.hub.tick()
    assert all(one.record for one in world.store.entries(0, size))
    world.close()


# -- what


def test_what_stays_is_refused_by_index(scene: Scene) -> None:
    kinds = scene.kinds()
    for kind, match in (
        ("admission", "about an organisation"),
        ("officer", "about an organisation"),
        ("public", "public"),
        ("fact", "still counts"),
    ):
        index = kinds[kind][0]
        scene.refuse(scene.signed(scene.order(index)), f"Entry {index} may not be erased: .*{match}")


def test_a_fact_may_be_erased_once_its_handle_is_forgotten(scene: Scene) -> None:
    scene.world.advance(days=20)
    scene.world.hub.tick()
    index = scene.kinds()["fact"][0]
    assert scene.world.store.grants([scene.grant.handle(scene.world.month - 1)]) == {}
    assert scene.world.hub.carry_out(scene.signed(scene.order(index)))[1] == [index]
    assert scene.world.store.facts_of(scene.team.number, 0, 10) == []


def test_the_fact_of_a_stop_stays_as_long_as_the_stop_is_known(scene: Scene) -> None:
    scene.team.stop(scene.grant)
    stop = scene.kinds()["fact"][-1]
    scene.world.advance(days=FIRST_DAYS)
    scene.refuse(scene.signed(scene.order(stop)), "still known as stopped")


def test_an_order_means_the_entries_that_it_was_made_for(scene: Scene) -> None:
    order = scene.order(scene.kinds()["accept"][0])
    other = SignedOrder(replace(order.order, ranges=((scene.kinds()["receipt"][0], scene.kinds()["receipt"][0] + 1),)))
    scene.refuse(scene.signed(other), "other entries")
    absent = SignedOrder(replace(order.order, ranges=((10_000, 10_001),)))
    scene.refuse(scene.signed(absent), "numbered from 0")
    elsewhere = SignedOrder(replace(order.order, hub="other.example.nl"))
    scene.refuse(scene.signed(elsewhere), "another hub")
    ahead = SignedOrder(replace(order.order, day=scene.world.today + 1))
    scene.refuse(scene.signed(ahead), "in the future")


def test_an_order_is_carried_out_once(scene: Scene) -> None:
    order = scene.signed(scene.order(scene.kinds()["accept"][0]))
    scene.world.hub.carry_out(order)
    scene.refuse(order, "erased already")


# -- replay


def test_replay_says_not_decidable_of_what_was_erased_and_of_what_rests_on_it(scene: Scene) -> None:
    accept, hand_over = scene.kinds()["accept"][0], scene.kinds()["hand-over"][0]
    scene.world.hub.carry_out(scene.signed(scene.order(accept)))
    report = scene.replayed()
    assert report.differs == []
    assert report.why == {accept: GONE, hand_over: RESTS_ON_GONE}
    assert report.unaccounted == []


def test_replay_does_not_call_a_replayed_number_wrong_whose_first_use_was_erased(scene: Scene) -> None:
    first = scene.kinds()["accept"][0]
    again = scene.team.envelope(scene.grant, seq=1, month=scene.world.month - 1)
    scene.team.send(again)
    assert scene.team.outcome(again) is Code.REPLAYED
    scene.world.hub.carry_out(scene.signed(scene.order(first)))
    report = scene.replayed()
    assert (report.differs, report.unaccounted) == ([], [])
    assert report.why[scene.kinds()["accept"][-1]] == RESTS_ON_GONE


def _stolen(scene: Scene, index: int) -> None:
    scene.world.store.commit(Step(at=scene.world.now, erases=[(index, index + 1)]))


def _told_by_term(scene: Scene, index: int) -> None:
    _logged(scene, index, entry.erasure(scene.world.today, "term", [(index, index + 1)], None))


def _told_by_one(scene: Scene, index: int) -> None:
    signed = scene.signed(scene.order(index), CONTROLLER)
    _logged(scene, index, entry.erasure(scene.world.today, "court", [(index, index + 1)], signed.raw))


def _told_for_another(scene: Scene, index: int) -> None:
    signed = scene.signed(scene.order(scene.kinds()["receipt"][0]))
    _logged(scene, index, entry.erasure(scene.world.today, "court", [(index, index + 1)], signed.raw))


def _told_in_an_inquiry(scene: Scene, index: int) -> None:
    scene.world.hub.carry_out(scene.signed(scene.order(kind=OPEN, reason="court"), FG))
    signed = scene.signed(scene.order(index))
    _logged(scene, index, entry.erasure(scene.world.today, "court", [(index, index + 1)], signed.raw))


def _logged(scene: Scene, index: int, record: list[object]) -> None:
    item = entry.committed(record, scene.world.random(32))
    scene.world.store.commit(Step(at=scene.world.now, entries=[item], standing=[0], erases=[(index, index + 1)]))


@pytest.mark.parametrize("theft", [_stolen, _told_by_term, _told_by_one, _told_for_another, _told_in_an_inquiry])
def test_an_unlawful_erasure_is_seen_by_replay(tmp_path: Path, theft: Callable[[Scene, int], None]) -> None:
    """Whoever has the disk of the hub can destroy a record; nobody who replays takes it for an erasure."""
    world = World("sqlite", tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    keys = {role: SigningKey(world.random(32)) for role in (CONTROLLER, FG)}
    for role, key in keys.items():
        world.hub.register_officer(role, key.public)
    (sent,) = team.tell(grant := team.register(provider))
    provider.take_all()
    world.advance(days=FIRST_DAYS)
    scene = Scene(world, team, provider, grant, keys, sent)
    index = scene.kinds()["accept"][0]
    theft(scene, index)
    assert scene.replayed().unaccounted == [index]
    world.close()


# -- the term


def test_six_months_after_its_day_an_entry_is_erased_by_itself_and_replay_accounts_for_it(scene: Scene) -> None:
    kinds = scene.kinds()
    over = sorted(kinds["accept"] + kinds["hand-over"] + kinds["receipt"] + kinds["fact"])
    scene.world.to("2026-09-02 23:00")
    scene.world.hub.tick()
    assert not set(over) & set(scene.kinds().get("gone", []))
    scene.world.to("2026-09-03 01:00")
    for _ in range(5):
        scene.world.advance(seconds=2)
        scene.world.hub.tick()
    assert scene.kinds()["gone"] == over
    assert scene.kinds()["admission"] == kinds["admission"]
    report = scene.replayed()
    assert (report.unaccounted, report.differs) == ([], [])
    assert set(report.not_decidable) == set(over)


def test_the_term_erases_one_time_and_says_so_in_one_entry(scene: Scene) -> None:
    scene.world.to("2026-09-03 01:00")
    for _ in range(5):
        scene.world.advance(seconds=2)
        scene.world.hub.tick()
    said = scene.kinds()["erasure"]
    for _ in range(3):
        scene.world.advance(days=1)
        scene.world.hub.tick()
    assert scene.kinds()["erasure"] == said
    assert len(said) == 1


def test_the_record_of_a_fact_stays_past_its_term_while_its_stub_is_there(scene: Scene) -> None:
    scene.team.register_month(scene.grant, scene.world.month)
    scene.team.stop(scene.grant)
    register, stop = scene.kinds()["fact"][-2:]
    for month in range(10, 13):
        scene.world.to(f"2026-{month:02}-20 10:00")
        for _ in range(4):
            scene.world.advance(seconds=2)
            scene.world.hub.tick()
    assert {register, stop}.isdisjoint(scene.kinds()["gone"])
    scene.world.advance(days=200)
    for _ in range(6):
        scene.world.advance(seconds=2)
        scene.world.hub.tick()
    assert {register, stop} <= set(scene.kinds()["gone"])
    assert scene.replayed().unaccounted == []


def test_the_term_waits_for_an_inquiry(scene: Scene) -> None:
    scene.world.hub.carry_out(scene.signed(scene.order(kind=OPEN, reason="authority"), FG))
    scene.world.to("2026-10-03 01:00")
    scene.world.hub.tick()
    assert "gone" not in scene.kinds()
    scene.world.hub.carry_out(scene.signed(scene.order(kind=CLOSE, reason="done")))
    scene.world.advance(seconds=2)
    scene.world.hub.tick()
    assert scene.kinds()["gone"]


def test_a_new_process_goes_on_where_the_log_says_the_sweep_was(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    for _ in range(4):
        grant = team.register(provider)
        team.tell(grant, 2)
        provider.take_all()
        world.advance(days=25)
    for month in (10, 11, 12):
        world.to(f"2026-{month}-27 01:00")
        for _ in range(4):
            world.reopen()
            world.advance(seconds=2)
            world.hub.tick()
    entries = world.store.entries(0, world.store.head().size)
    assert sum(not one.record for one in entries) == 28
    said = [entry.items_of(one.record) for one in entries if one.record and one.salt is not None]
    assert sum(record[2] == entry.ERASURE for record in said) >= 3
    assert replay(world.store.entries(0, world.store.head().size), world.table).unaccounted == []
    world.check()
    world.close()
