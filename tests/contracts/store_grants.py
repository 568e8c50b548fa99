# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What every store does with addresses and grants, their versions and their stops."""

from __future__ import annotations

import pytest

from hub.store import (
    StaleError,
    Step,
    StopRow,
    Use,
)
from schemas.entry import public
from tests.contracts.store_world import World
from tests.store_steps import ADDRESSES, DAY, RECIPIENT, SENDER, THIRD, accept, bytes_of, entry, grant, handle


class GrantContract:
    """Addresses and grants."""

    # addresses

    def test_addresses_are_numbered_in_the_order_of_admission(self, world: World) -> None:
        rows = world.store.addresses()
        assert [rows[address].number for address in ADDRESSES] == [1, 2, 3]
        assert {row.version for row in rows.values()} == {1}

    def test_every_change_of_an_address_raises_its_version(self, world: World) -> None:
        world.do(Step(5, admissions=[(ADDRESSES[0], "suspended", SENDER)]))
        world.do(Step(6, entries=[public(b"one")], manifests=[(0, SENDER, b"one", None)]))
        row = world.store.addresses()[ADDRESSES[0]]
        assert (row.state, row.version, row.manifest, row.table_hash) == ("suspended", 3, b"one", None)

    def test_a_step_that_rests_on_an_older_version_of_an_address_is_stale(self, world: World) -> None:
        world.do(Step(5, admissions=[(ADDRESSES[0], "suspended", SENDER)]))
        world.refuse(Step(6, rests_on_addresses={SENDER: 1}), StaleError, "address has changed")
        world.do(Step(7, rests_on_addresses={SENDER: 2, RECIPIENT: 1}))

    def test_what_addresses_returned_stays_as_it_was(self, world: World) -> None:
        before = world.store.addresses()
        kept = dict(before)
        world.do(Step(5, admissions=[(ADDRESSES[0], "removed", SENDER)]))
        assert before == kept
        before.clear()
        assert len(world.store.addresses()) == 3

    def test_manifests_are_given_oldest_first_with_their_leaf(self, world: World) -> None:
        world.do(Step(5, entries=[entry(), public(b"one")], manifests=[(1, SENDER, b"one", None)]))
        world.do(Step(6, entries=[public(b"two")], manifests=[(0, SENDER, b"two", None)]))
        assert world.store.manifests(SENDER) == [(1, b"one"), (2, b"two")]
        assert world.store.manifests(RECIPIENT) == []

    def test_the_first_attestation_of_a_manifest_stays_and_needs_no_entry(self, world: World) -> None:
        size = world.store.head().size
        for raw in (b"first", b"second"):
            world.do(Step(5, attestations=[(bytes(32), raw)]))
        assert world.store.attestations([bytes(32), bytes_of("other", 32)]) == {bytes(32): b"first"}
        assert world.store.attestations([]) == {}
        assert world.store.head().size == size

    def test_a_table_published_again_changes_nothing(self, world: World) -> None:
        for _ in range(2):
            world.do(Step(5, tables=[(bytes(32), b"table")]))
        assert world.store.table(bytes(32)) == b"table"
        assert world.store.table(bytes_of("other", 32)) is None

    # grants

    @pytest.mark.parametrize("categories", [(), ("one",), ("b", "a", "c")])
    @pytest.mark.parametrize("end", [None, 0, DAY])
    def test_a_grant_is_read_as_it_was_registered(
        self, world: World, categories: tuple[str, ...], end: int | None
    ) -> None:
        row = grant("j", categories=categories, end=end, last=3, stopped=True, row=40_000, ground="vital interest")
        world.do(Step(5, registers=[row]))
        assert world.grant("j") == row
        assert world.store.counts()["grants"] == 2

    def test_handles_without_a_row_are_left_out(self, world: World) -> None:
        assert set(world.store.grants([handle("absent"), handle()])) == {handle()}

    def test_a_used_number_does_not_raise_the_version(self, world: World) -> None:
        world.do(Step(5, uses=[Use(handle(), 1, 0, 7)]))
        assert world.grant() == grant(last=7)

    def test_of_two_steps_that_use_the_same_number_the_second_is_stale(self, world: World) -> None:
        world.do(Step(5, uses=[Use(handle(), 1, 0, 1)]))
        world.refuse(Step(5, uses=[Use(handle(), 1, 0, 1)]), StaleError, "last sequence")

    def test_a_step_that_rests_on_a_grant_stopped_meanwhile_is_stale(self, world: World) -> None:
        world.do(Step(5, stops=[(handle(), 1, DAY + 40)]))
        step = accept("m")
        step.rests_on_grants = [(handle(), 1)]
        world.refuse(step, StaleError, "grant has changed")
        step = accept("m")
        step.uses = [Use(handle(), 1, 0, 1)]
        world.refuse(step, StaleError, "grant has changed")

    def test_a_step_that_rests_on_no_grant_is_stale_once_there_is_one(self, world: World) -> None:
        step = Step(6, rests_on_grants=[(handle("i"), 0)])
        world.do(step)
        world.do(Step(7, registers=[grant("i")]))
        world.refuse(step, StaleError, "grant has changed")

    def test_a_handle_that_was_stopped_before_can_be_registered_as_stopped_only(self, world: World) -> None:
        world.do(Step(5, stop_rows=[StopRow(handle("i"), THIRD, 24_300, DAY + 40)]))
        world.refuse(Step(6, registers=[grant("i")]), StaleError, "stopped before it was registered")
        world.do(Step(6, registers=[grant("i", stopped=True)]))

    def test_a_stop_raises_the_version_and_sets_the_day_to_forget(self, world: World) -> None:
        world.do(Step(5, stops=[(handle(), 1, DAY + 400)]))
        assert world.grant() == grant(stopped=True, version=2, forget=DAY + 400)

    def test_a_stop_repeated_keeps_the_later_day_to_forget(self, world: World) -> None:
        world.do(Step(5, stop_rows=[StopRow(handle("x"), THIRD, 24_300, DAY + 5)]))
        world.do(Step(5, stop_rows=[StopRow(handle("x"), THIRD, 24_300, DAY + 3)]))
        world.do(Step(5, stop_rows=[StopRow(handle("x"), SENDER, 24_300, DAY + 9)]))
        rows = world.store.stops([handle("x"), handle("x"), handle()])
        assert rows == [StopRow(handle("x"), SENDER, 24_300, DAY + 9), StopRow(handle("x"), THIRD, 24_300, DAY + 5)]
