# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every store does with a step: all of it or nothing, in one order, from one position."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.audit.merkle import EMPTY_ROOT, MemoryTree, inclusion_proof, leaf_hash, root_at, root_from_inclusion
from hub.store import (
    NUMBERS_OF_A_LOG,
    FencedError,
    Leave,
    NewLog,
    Notify,
    Offer,
    RecoveryRow,
    Refused,
    StaleError,
    Step,
    Tell,
    Use,
)
from schemas.codes import Code
from tests.contracts.store_world import Engine, World
from tests.store_steps import (
    ADDRESSES,
    DAY,
    FOR_EVER,
    RECIPIENT,
    SENDER,
    THIRD,
    bytes_of,
    check_store,
    entry,
    full,
    grant,
    handle,
    join,
    message,
)

BROKEN: dict[str, tuple[Callable[[Step], object], type[Exception]]] = {
    "position": (lambda step: setattr(step, "position", (0, 7, 8)), FencedError),
    "grant version": (lambda step: step.rests_on_grants.append((handle(), 2)), StaleError),
    "grant gone": (lambda step: step.rests_on_grants.append((handle("absent"), 1)), StaleError),
    "grant there": (lambda step: step.rests_on_grants.append((handle(), 0)), StaleError),
    "address version": (lambda step: step.rests_on_addresses.update({THIRD: 2}), StaleError),
    "address unknown": (lambda step: step.rests_on_addresses.update({99: 1}), StaleError),
    "last sequence": (lambda step: step.uses.append(Use(handle("i"), 1, 4, 6)), StaleError),
    "version of a use": (lambda step: step.uses.append(Use(handle("i"), 2, 5, 6)), StaleError),
    "use of nothing": (lambda step: step.uses.append(Use(handle("absent"), 1, 0, 6)), StaleError),
    "registered before": (lambda step: step.registers.append(grant("h")), StaleError),
    "registered twice": (lambda step: step.registers.append(grant("i")), StaleError),
    "version of a stop": (lambda step: step.stops.append((handle("i"), 9, DAY)), StaleError),
    "admitted before": (lambda step: step.admissions.append((ADDRESSES[0], "admitted", None)), StaleError),
    "state of nobody": (lambda step: step.admissions.append(("urn:x", "removed", 99)), StaleError),
    "manifest of nobody": (lambda step: step.manifests.append((3, 99, b"m", None)), StaleError),
    "message id used": (lambda step: step.joins.append(join("m", 1)), StaleError),
    "message id used in a refusal": (
        lambda step: step.refused.append(Refused(message("m"), bytes(32), 1, 2, 3, Code.REPLAYED)),
        StaleError,
    ),
    "offer of nothing": (lambda step: step.offers.append(Offer(message("q"), 1, 1, 1, 1)), StaleError),
    "leaving of what never waited": (lambda step: step.leaves.insert(0, Leave(message("o"), Code.STORED)), StaleError),
    "left twice": (lambda step: step.leaves.append(Leave(message("m"), Code.STORED)), StaleError),
    "outcome of nothing": (lambda step: step.outcomes.append(Leave(message("q"), Code.STORED)), StaleError),
    "released before": (lambda step: step.released.append(99), StaleError),
}


class CommitContract:
    """Steps, the log, positions."""

    # all or nothing

    def test_an_empty_store_has_the_empty_root(self, engine: Engine) -> None:
        store = engine.open()
        check_store(store)
        assert (store.head().size, store.head().root, store.head().newest_fact) == (0, EMPTY_ROOT, -1)
        assert set(store.counts()) == {"entries", "addresses", "waiting", "grants", "faults"}

    def test_a_step_with_something_in_every_list_is_applied_whole(self, busy: World) -> None:
        size = busy.store.head().size
        assert busy.do(full((0, 0, 5))) == size
        head = busy.store.head()
        assert (head.size, head.newest_fact, head.committed_at) == (size + 4, size + 2, 500)
        assert busy.store.stored([message("n")])[message("n")].accept == size
        assert (busy.code("m"), busy.code("o")) == (Code.INTRODUCED, Code.NO_RECIPIENT)
        assert busy.grant("i") == grant("i", last=5, version=2, held_until=700_000)
        assert busy.grant() == grant(stopped=True, version=2, forget=DAY + 366)
        assert busy.grant("held").held_until == 0
        assert busy.store.addresses()[ADDRESSES[2]].state == "suspended"
        assert busy.store.addresses()["urn:nld:oin:4:new"].number == 4
        assert busy.store.table(bytes_of("table", 32)) == b"table"
        assert busy.store.manifests(SENDER) == [(size + 3, b"manifest")]
        assert busy.store.attestations([bytes_of("manifest", 32)]) == {bytes_of("manifest", 32): b"attestation"}
        assert [notice.number for notice in busy.store.notices(RECIPIENT, 10)] == [2]

    @pytest.mark.parametrize("name", BROKEN)
    def test_a_step_with_one_thing_wrong_changes_nothing(self, busy: World, name: str) -> None:
        breaks, error = BROKEN[name]
        step = full()
        breaks(step)
        busy.refuse(step, error, "another position" if error is FencedError else ".")

    def test_after_a_refused_step_the_same_step_mended_is_applied(self, busy: World) -> None:
        step = full()
        step.uses.append(Use(handle("i"), 1, 4, 6))
        busy.refuse(step, StaleError, "last sequence")
        step.uses.pop()
        busy.do(step)
        assert busy.grant("i").last == 5

    def test_an_empty_step_changes_only_the_time(self, world: World) -> None:
        before = world.store.head()
        assert world.do(Step(77)) == before.size
        assert world.store.head() == before._replace(committed_at=77)

    def test_the_time_of_the_last_commit_never_goes_back(self, world: World) -> None:
        world.do(Step(5_000))
        world.do(Step(400))
        assert world.store.head().committed_at == 5_000

    # the log

    def test_entries_get_consecutive_indexes_in_commit_order(self, world: World) -> None:
        starts = [world.do(Step(9, entries=[entry(f"{n}-{k}") for k in range(n)])) for n in (1, 3, 0, 2)]
        assert starts == [0, 1, 4, 4]
        assert world.store.entries(0, 6)[4:] == [entry("2-0"), entry("2-1")]
        assert world.store.entries(2, 3) == [entry("3-1")]

    def test_every_entry_is_proven_over_several_tiles(self, engine: Engine) -> None:
        store = engine.open()
        entries = [entry(str(number)) for number in range(700)]
        for low, high in ((0, 1), (1, 256), (256, 300), (300, 700)):
            store.commit(Step(1, entries=entries[low:high]))
        check_store(store)
        for index in (0, 255, 256, 511, 512, 699):
            for size in (index + 1, 700):
                proof = list(inclusion_proof(store, [index], size))
                root = root_at(store, size)
                assert root_from_inclusion({index: leaf_hash(entries[index].leaf)}, size, proof) == root
        assert store.hashes(0, 250, 260) == [leaf_hash(one.leaf) for one in entries[250:260]]
        assert store.hashes(1, 0, 2) == [
            MemoryTree(leaf_hash(one.leaf) for one in entries[low : low + 256]).root() for low in (0, 256)
        ]

    def test_inside_a_look_what_this_process_commits_is_seen(self, world: World) -> None:
        with world.store.look():
            size = world.store.head().size
            with world.store.look():
                world.store.commit(
                    Step(700, entries=[entry("a")], admissions=[("urn:nld:oin:4:new", "admitted", None)])
                )
            assert (world.store.head().size, world.store.now()) == (size + 1, 1_000)
            assert "urn:nld:oin:4:new" in world.store.addresses()
            world.store.commit(Step(5_000, entries=[entry("b")], new_log=NewLog(2, 0, (SENDER,))))
            assert world.store.now() == 5_000
            assert world.store.recovery() == RecoveryRow(2, size + 1, frozenset({SENDER}))
        world.check()

    def test_the_newest_fact_stays_when_a_step_has_none(self, world: World) -> None:
        world.do(Step(5, entries=[entry("a"), entry("b")], facts=[(1, SENDER, None, b"fact")]))
        world.do(Step(6, entries=[entry("c")]))
        assert world.store.head().newest_fact == 1

    def test_facts_are_given_back_to_their_signer_from_an_index_on(self, world: World) -> None:
        for number in range(4):
            signer, to = (SENDER, THIRD) if number % 2 == 0 else (THIRD, None)
            world.do(Step(5, entries=[entry(str(number))], facts=[(0, signer, to, b"%d" % number)]))
        assert world.store.facts_of(SENDER, 0, 10) == [(0, b"0"), (2, b"2")]
        assert world.store.facts_of(SENDER, 1, 10) == [(2, b"2")]
        assert world.store.facts_of(THIRD, 0, 1) == [(1, b"1")]
        assert world.store.registrations(THIRD, 0, 10) == [(0, b"0"), (2, b"2")]
        assert world.store.registrations(THIRD, 1, 10) == [(2, b"2")]
        assert world.store.registrations(THIRD, 0, 1) == [(0, b"0")]
        assert world.store.registrations(SENDER, 0, 10) == []

    def test_a_new_log_drops_what_waits_and_what_was_said_and_keeps_grants_and_notices(self, busy: World) -> None:
        store = busy.store
        store.keep_checkpoint("note\n", 3)
        busy.do(Step(150, tells=[Tell(SENDER, 0, Code.ACCEPTED, message("m")), Tell(SENDER, 900, Code.NOT_ACTIVE)]))
        busy.do(Step(150, notifies=[Notify(RECIPIENT, 900, "stop", (handle(),), None)]))
        before, size = store.grants([handle(), handle("held")]), store.head().size
        assert (before[handle("held")].held_until > 0, store.recovery()) == (True, None)
        begun = Step(160, entries=[entry("old"), entry("recovery")], new_log=NewLog(3, 1, (SENDER, THIRD)))
        busy.do(begun)
        assert store.recovery() == RecoveryRow(3, size + 1, frozenset({SENDER, THIRD}))
        assert store.payloads([message("m"), message("p")]) == {}
        assert (store.stored([message("m")]), store.feed(SENDER, 0, 10), store.faults()) == ({}, [], [])
        assert (store.due(FOR_EVER, 10), store.last_checkpoint()) == ([], "note\n")
        after = store.grants([handle(), handle("held")])
        assert (after[handle()], after[handle("held")].held_until) == (before[handle()], 0)
        # what the recipient has not acknowledged has another number, so that an old acknowledgement does not end it
        [notice] = store.notices(RECIPIENT, 10)
        assert (notice.kind, notice.number) == ("stop", 3 * NUMBERS_OF_A_LOG + 1)
        busy.do(Step(161, acknowledged=[(RECIPIENT, NUMBERS_OF_A_LOG - 1)]))
        store.ripen(900)
        busy.check()
        assert [one.number for one in store.notices(RECIPIENT, 10)] == [3 * NUMBERS_OF_A_LOG + n for n in (1, 2)]
        assert store.feed(SENDER, 0, 10) == []

    def test_whoever_has_confirmed_is_no_longer_awaited(self, world: World) -> None:
        world.do(Step(5, entries=[entry("recovery")], new_log=NewLog(2, 0, (SENDER, RECIPIENT))))
        world.do(Step(6, entries=[entry("confirm")], confirmed=[SENDER]))
        assert world.store.recovery() == RecoveryRow(2, 0, frozenset({RECIPIENT}))
        world.do(Step(7, entries=[entry("confirm")], confirmed=[SENDER, RECIPIENT]))
        assert world.store.recovery() == RecoveryRow(2, 0, frozenset())
        world.do(Step(8, entries=[entry("again")], new_log=NewLog(5, 0, (THIRD,))))
        assert world.store.recovery() == RecoveryRow(5, 3, frozenset({THIRD}))
        world.refuse(Step(9, confirmed=[THIRD], rests_on_addresses={SENDER: 9}), StaleError, "address")

    def test_a_statement_in_a_feed_is_given_back_also_when_it_was_shown_later(self, world: World) -> None:
        world.do(
            Step(5, tells=[Tell(SENDER, 0, Code.RESTORED, frame=b"now"), Tell(SENDER, 9, Code.RESTORED, frame=b"then")])
        )
        world.store.ripen(9)
        assert [(one.code, one.frame) for one in world.store.feed(SENDER, 0, 10)] == [
            (Code.RESTORED, b"now"),
            (Code.RESTORED, b"then"),
        ]

    def test_a_kept_checkpoint_is_the_newest(self, world: World) -> None:
        assert world.store.last_checkpoint() is None
        world.store.keep_checkpoint("first\n", 3)
        world.store.keep_checkpoint("second\n", 3)
        assert world.store.last_checkpoint() == "second\n"

    def test_a_checkpoint_of_a_smaller_size_is_never_kept(self, world: World) -> None:
        world.store.keep_checkpoint("large\n", 3)
        with pytest.raises(StaleError, match="larger size"):
            world.store.keep_checkpoint("small\n", 2)
        assert world.store.last_checkpoint() == "large\n"

    # positions

    def test_a_position_moves_from_the_one_the_step_started_from(self, world: World) -> None:
        world.do(Step(5, position=(3, 0, 10)))
        world.do(Step(6, position=(3, 10, 12)))
        world.do(Step(6, position=(4, 0, 1)))
        world.refuse(Step(7, position=(3, 10, 14)), FencedError, "another position")

    def test_the_positions_of_several_partitions_move_together_or_not_at_all(self, world: World) -> None:
        world.do(Step(5, positions=[(4, 0, 1), (3, 0, 10)]))
        world.do(Step(6, positions=[(3, 10, 12), (5, 0, 2)], position=(6, 0, 9)))
        for late in ([(3, 12, 13), (4, 0, 2)], [(3, 10, 14)], [(7, 0, 1), (5, 1, 3)], [(8, 4, 5)]):
            world.refuse(Step(7, positions=late), FencedError, "another position")
        world.do(Step(8, positions=[(3, 12, 13), (4, 1, 2), (5, 2, 3), (7, 0, 1)]))
