# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""An edge follows the log that a recovery began, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from adapters.store import EdgeStore
from adapters.witness import Cut, LogForkError, Unproven, Witness
from hub.client import HubUnavailableError, Recovery
from schemas import entry
from schemas.canonical import encode
from schemas.note import Checkpoint
from tests.adapters.test_witness import KEY, LEAVES, NAME, PUBLIC, HubLog, prove, see

DAY, SALT = 20_515, b"r" * 32
ROOT = bytes(32)


class PutBack(HubLog):
    """A hub that was put back to `found` entries and began another log, with what it says of that."""

    def __init__(self, found: int, seen: tuple[int, int], number: int = 2, leaves: list[bytes] | None = None) -> None:
        super().__init__((LEAVES if leaves is None else leaves)[:found], number)
        record = entry.recovery(DAY, number, (*seen, ROOT), found, [1, 2])
        made = entry.committed(record, SALT)
        index = self.add(made.leaf)
        self.says: Recovery | None = Recovery(number, index, encode(record), SALT, open=False)
        for leaf in LEAVES[-3:]:
            self.add(leaf)

    async def recovery(self) -> Recovery | None:
        return self.says


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path / "data", KEY) as made:
        yield made


@pytest.fixture
def witness(store: EdgeStore) -> Witness:
    """One that has seen ten entries of the first log."""
    made = Witness(store, NAME, PUBLIC)
    see(made, HubLog(LEAVES[:10]))
    return made


def test_a_log_that_holds_all_that_was_seen_is_followed(witness: Witness) -> None:
    hub = PutBack(12, (1, 12))
    assert see(witness, hub).origin == hub.origin
    assert witness.cuts() == [Cut(2, 12, 10, 12)]
    assert witness.cuts()[0].lost == 0
    assert witness.log_number() == 2
    assert see(witness, hub).size == hub.tree.size


def test_a_log_that_lost_entries_is_followed_when_its_first_entry_says_so(witness: Witness, store: EdgeStore) -> None:
    for index in (3, 8):
        with store.transaction() as tx:
            witness.keep(tx, Unproven(index, LEAVES[index]), 0)
    hub = PutBack(7, (1, 10))
    see(witness, hub)
    assert witness.cuts() == [Cut(2, 7, 10, 7)]
    assert witness.cuts()[0].lost == 3
    assert (witness.may_be_lost(7, 1), witness.may_be_lost(6, 1), witness.may_be_lost(7, 2)) == (True, False, False)
    # What lay before the cut must still be proven; what lay beyond it can't be any more.
    assert prove(witness, hub) == 0
    assert witness.evidence() == []


def test_two_recoveries_after_each_other_are_followed_in_one_step(witness: Witness) -> None:
    hub = PutBack(5, (2, 30), number=3)
    see(witness, hub)
    assert witness.cuts() == [Cut(3, 5, 10, 0)]


@pytest.mark.parametrize("same", [10, 8])
def test_what_a_log_that_was_slept_through_may_have_lost_is_no_fork(
    witness: Witness, store: EdgeStore, same: int
) -> None:
    """The log in between began at `same` entries, the newest one later: nothing that this edge is told says so."""
    for index in (3, 10, 11):
        with store.transaction() as tx:
            witness.keep(tx, Unproven(index, LEAVES[index]), 0)
    others = [bytes([index]) * 32 for index in range(same, 15)]
    hub = PutBack(14, (2, 30), number=3, leaves=[*LEAVES[:same], *others])
    see(witness, hub)
    assert witness.cuts() == [Cut(3, 14, 10, 10 if same == 10 else 0)]
    assert (witness.may_be_lost(11, 1), witness.may_be_lost(3, 1)) == (True, same == 8)
    assert prove(witness, hub) == 0
    assert witness.evidence() == []


@pytest.mark.parametrize(
    "lie",
    [
        lambda hub: setattr(hub, "says", None),
        lambda hub: setattr(hub, "says", replace(hub.says, number=1)),
        lambda hub: setattr(hub, "says", replace(hub.says, index=hub.says.index + 1)),
        lambda hub: setattr(hub, "says", replace(hub.says, index=hub.tree.size)),
        lambda hub: setattr(hub, "says", replace(hub.says, salt=bytes(32))),
        lambda hub: setattr(hub, "says", replace(hub.says, salt=b"short")),
        lambda hub: setattr(hub, "says", replace(hub.says, record=b"no record")),
        lambda hub: setattr(
            hub, "says", replace(hub.says, record=encode(entry.recovery(DAY, 2, (9, 9, ROOT), 7, [1, 2])))
        ),
        lambda hub: setattr(hub, "says", replace(hub.says, record=encode([1, DAY, "confirm", 2, 1, 10, ROOT, 7, []]))),
    ],
)
def test_a_log_that_does_not_show_how_it_began_is_a_fork(witness: Witness, lie: object) -> None:
    hub = PutBack(7, (1, 10))
    lie(hub)  # type: ignore[operator]  # a change of what the hub says
    with pytest.raises(LogForkError):
        see(witness, hub)
    assert witness.evidence()
    assert witness.log_number() == 1


def test_a_log_that_was_begun_without_what_was_seen_is_a_fork(witness: Witness) -> None:
    with pytest.raises(LogForkError, match="without what this edge has seen"):
        see(witness, PutBack(7, (1, 9)))


def test_a_log_whose_entries_were_changed_before_the_cut_is_a_fork_unless_something_newer_was_seen(
    witness: Witness,
) -> None:
    changed = [LEAVES[-1], *LEAVES[1:]]
    with pytest.raises(LogForkError):
        see(witness, PutBack(12, (1, 9), leaves=changed))


def test_a_log_of_a_lower_number_is_a_fork(witness: Witness) -> None:
    see(witness, PutBack(12, (1, 12)))
    with pytest.raises(LogForkError, match="another log"):
        see(witness, HubLog(LEAVES[:15]))


def test_a_recovery_during_the_question_is_asked_again(witness: Witness) -> None:
    hub = PutBack(7, (1, 10))
    assert hub.says is not None
    hub.says = replace(hub.says, number=3)
    with pytest.raises(HubUnavailableError, match="again"):
        see(witness, hub)
    assert witness.evidence() == []


def test_a_checkpoint_carries_the_hub_s_signature_to_every_hub(witness: Witness) -> None:
    seen = witness.newest()
    assert seen is not None
    assert len(seen.signature) == 64
    text = Checkpoint(seen.origin, seen.size, seen.root).text()
    assert VerifyKey(PUBLIC).verify(text.encode(), seen.signature) == text.encode()
