# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey as NoteKey

from adapters.keys import StoreKey
from adapters.store import EdgeStore
from adapters.witness import PROOF_MS, UNPROVEN, LogForkError, NotProvenError, Unproven, Witness
from hub.audit.checkpoint import log_origin, sign
from hub.audit.merkle import MemoryTree, consistency_proof, inclusion_proof, root_at
from hub.client import Delivery, HubUnavailableError, Seen
from schemas import entry
from schemas.api import MOST_PROVEN
from schemas.canonical import FrameError, encode
from schemas.merkle_proof import leaf_hash
from schemas.note import Checkpoint, NoteError

NAME, SEED = "hub.example", b"s" * 32
PUBLIC = bytes(NoteKey(SEED).verify_key)
KEY = StoreKey.from_secret(b"k" * 32)
SALT = b"t" * 32
NOW = 1_772_524_800_000
LATER = NOW + 10**9


class HubLog:
    """The log of a hub, as its client port shows it; `lies` can be changed by a test."""

    def __init__(self, leaves: list[bytes] | None = None, number: int = 1) -> None:
        self.tree = MemoryTree([leaf_hash(leaf) for leaf in leaves or []])
        self.origin = log_origin(NAME, number)
        self.shown: int | None = None
        self.seed = SEED
        self.asked = 0
        self.goes_away_after: int | None = None
        self.proof: list[bytes] | None = None

    def add(self, leaf: bytes) -> int:
        self.tree.append(leaf_hash(leaf))
        return self.tree.size - 1

    async def checkpoint(self) -> str:
        await asyncio.sleep(0)
        size = self.tree.size if self.shown is None else self.shown
        return sign(Checkpoint(self.origin, size, root_at(self.tree, size)), NAME, self.seed)

    async def consistency(self, old: int, new: int) -> list[bytes]:
        await asyncio.sleep(0)
        return consistency_proof(self.tree, old, new) if self.proof is None else self.proof

    async def recovery(self) -> None:
        """This hub was never put back."""

    async def inclusion(self, indexes: Sequence[int], size: int) -> list[bytes]:
        if self.goes_away_after is not None and self.asked >= self.goes_away_after:
            raise HubUnavailableError("away")
        self.asked += 1
        return list(inclusion_proof(self.tree, indexes, size)) if self.proof is None else self.proof


def handed(witness: Witness, one: Delivery) -> Unproven:
    """The entry "handed over" of a delivery that is in order."""
    return witness.verify_delivery(one, SHA).hand_over


def claim(witness: Witness, store: EdgeStore, hub: HubLog, count: int, missing: int | None = None) -> None:
    """So many deliveries, kept to be proven and entered in the log, but the `missing` one, which is another entry there."""
    with store.transaction() as tx:
        for place in range(count):
            one = handed(witness, delivery(index=hub.tree.size))
            hub.add(one.leaf if place != missing else b"!" * 33)
            witness.keep(tx, one, NOW)


LEAVES = [bytes([n]) * 33 for n in range(20)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path / "data", KEY) as made:
        yield made


@pytest.fixture
def witness(store: EdgeStore) -> Witness:
    return Witness(store, NAME, PUBLIC)


def see(witness: Witness, hub: HubLog) -> Seen:
    return asyncio.run(witness.see(hub))  # type: ignore[arg-type]


def prove(witness: Witness, hub: HubLog, pending: list[Unproven] | None = None) -> int:
    return asyncio.run(witness.prove_deliveries(hub, pending))  # type: ignore[arg-type]


def in_log(witness: Witness, hub: HubLog, frame: bytes, index: int) -> None:
    asyncio.run(witness.manifest_in_log(hub, frame, index))  # type: ignore[arg-type]


SHA = sha256(b"envelope").digest()


def accept_record(sha: bytes = SHA, code: str = "accepted") -> list[object]:
    """The acceptance of an envelope, as `hub.pipeline` writes it."""
    asked = [bytes(16), sha, False, bytes(16), 1, 1, 2, "sign", "seal", ["control"], bytes(32)]
    return [1, 20_515, entry.ACCEPT, *asked, 1, [bytes(32), bytes(32)], 1, code]


def delivery(index: int = 3, count: int = 1, code: str = "accepted", salt: bytes = SALT) -> Delivery:
    record = encode(entry.hand_over(20_515, 2, count, 1, code))
    return Delivery(b"envelope", count, index, record, salt, encode(accept_record()), SALT)


def test_a_log_that_grows_is_followed_and_what_was_seen_last_is_kept(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    assert witness.newest() is None
    for leaf in LEAVES[3:10]:
        hub.add(leaf)
        assert see(witness, hub).size == hub.tree.size
        assert see(witness, hub).size == hub.tree.size

    assert witness.newest() == Seen(hub.origin, 10, hub.tree.root())
    assert Witness(store, NAME, PUBLIC).newest() == witness.newest()
    assert witness.evidence() == []


def test_an_empty_log_is_followed_too(witness: Witness) -> None:
    hub = HubLog()
    assert see(witness, hub).size == 0
    hub.add(LEAVES[0])

    assert see(witness, hub).size == 1


def test_a_checkpoint_of_another_key_is_not_the_hub_s(witness: Witness) -> None:
    hub = HubLog(LEAVES[:3])
    hub.seed = b"x" * 32

    with pytest.raises(NoteError, match="isn't signed by the expected key"):
        see(witness, hub)
    assert witness.newest() is None
    assert witness.evidence() == []


def test_a_log_that_has_become_shorter_is_a_fork(witness: Witness) -> None:
    hub = HubLog(LEAVES[:9])
    see(witness, hub)
    hub.shown = 8

    with pytest.raises(LogForkError, match="has become shorter"):
        see(witness, hub)


def test_a_log_of_the_same_size_with_another_root_is_a_fork(witness: Witness) -> None:
    see(witness, HubLog(LEAVES[:9]))

    with pytest.raises(LogForkError, match="doesn't extend"):
        see(witness, HubLog([*LEAVES[:8], b"!" * 33]))


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_longer_log_in_which_an_old_entry_was_changed_is_a_fork(witness: Witness, place: int) -> None:
    see(witness, HubLog(LEAVES[:9]))

    with pytest.raises(LogForkError, match="doesn't extend"):
        see(witness, HubLog([*LEAVES[:place], b"!" * 33, *LEAVES[place + 1 : 15]]))


@pytest.mark.parametrize("proof", [[], [bytes(32)], [bytes(31)], [bytes(32)] * 70])
def test_a_proof_that_proves_nothing_is_a_fork(witness: Witness, proof: list[bytes]) -> None:
    hub = HubLog(LEAVES[:9])
    see(witness, hub)
    hub.add(LEAVES[9])
    hub.proof = proof

    with pytest.raises(LogForkError, match="doesn't extend"):
        see(witness, hub)


def test_another_log_of_the_same_hub_is_followed_only_after_a_person_has_looked(witness: Witness) -> None:
    first, second = HubLog(LEAVES[:9]), HubLog(LEAVES[:12], number=2)
    see(witness, first)
    with pytest.raises(LogForkError, match="another log"):
        see(witness, second)
    kept = witness.newest()
    with pytest.raises(LogForkError, match="a person must look"):
        see(witness, first)

    assert kept == Seen(first.origin, 9, first.tree.root())
    (evidence,) = witness.evidence()
    assert second.origin in evidence

    witness.settle()
    assert see(witness, second).origin == second.origin
    assert witness.evidence() == []


def test_two_tasks_that_ask_at_once_never_take_each_other_s_answer_for_a_fork(witness: Witness) -> None:
    hub = HubLog(LEAVES[:5])
    see(witness, hub)

    async def both() -> list[Seen]:
        async def grow() -> Seen:
            hub.add(LEAVES[5])
            return await witness.see(hub)  # type: ignore[arg-type]

        return list(await asyncio.gather(*(grow() for _ in range(5))))

    sizes = [seen.size for seen in asyncio.run(both())]
    assert max(sizes) == 10
    assert witness.newest() == Seen(hub.origin, 10, hub.tree.root())


# -- deliveries


def test_a_delivery_is_proven_once_a_checkpoint_covers_its_entry(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    see(witness, hub)
    unproven = handed(witness, delivery(index=3))
    with store.transaction() as tx:
        witness.keep(tx, unproven, NOW)
    assert prove(witness, hub) == 1

    assert hub.add(unproven.leaf) == 3
    assert prove(witness, hub) == 0
    asked = hub.asked
    assert prove(witness, hub) == 0
    assert hub.asked == asked


def test_what_was_proven_before_the_hub_went_away_is_not_asked_for_again(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    claim(witness, store, hub, 2 * MOST_PROVEN + 5)
    hub.goes_away_after = 1
    with pytest.raises(HubUnavailableError):
        prove(witness, hub)
    assert witness.overdue(LATER) == list(range(3 + MOST_PROVEN, 8 + 2 * MOST_PROVEN))

    hub.goes_away_after = None
    before = hub.asked
    assert prove(witness, hub) == 0
    assert hub.asked == before + 2
    assert witness.overdue(LATER) == []


def test_many_deliveries_are_proven_in_few_requests(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    claim(witness, store, hub, 5 * MOST_PROVEN)

    assert prove(witness, hub) == 0
    assert hub.asked == 5
    assert witness.overdue(LATER) == []


@pytest.mark.parametrize("place", [0, 1, 77, MOST_PROVEN - 1, MOST_PROVEN, MOST_PROVEN + 4])
def test_the_one_of_many_that_is_not_in_the_log_is_named(witness: Witness, store: EdgeStore, place: int) -> None:
    hub = HubLog(LEAVES[:3])
    claim(witness, store, hub, MOST_PROVEN + 5, missing=place)

    with pytest.raises(LogForkError, match=f"^entry {3 + place} isn't in the log"):
        prove(witness, hub)
    assert len(witness.evidence()) == 1
    assert hub.asked <= 20
    # What was proven with it in one request is asked again, once a person has looked.
    assert witness.overdue(LATER)[0] == (3 if place < MOST_PROVEN else 3 + MOST_PROVEN)


def test_two_claims_to_one_entry_among_many_are_found_out(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    claim(witness, store, hub, 100)
    with store.transaction() as tx:
        witness.keep(tx, handed(witness, delivery(index=50, salt=b"u" * 32)), NOW)

    with pytest.raises(LogForkError, match="^entry 50 isn't in the log"):
        prove(witness, hub)


@pytest.mark.parametrize("proof", [[], [bytes(32)], [bytes(31)], [bytes(32)] * 700])
def test_a_proof_of_many_that_proves_nothing_is_found_out(
    witness: Witness, store: EdgeStore, proof: list[bytes]
) -> None:
    hub = HubLog(LEAVES[:3])
    see(witness, hub)
    claim(witness, store, hub, 9)
    see(witness, hub)
    hub.proof = proof

    with pytest.raises(LogForkError, match="^entry 3 isn't in the log"):
        prove(witness, hub)
    assert len(witness.overdue(LATER)) == 9


def test_a_delivery_whose_entry_is_not_in_the_log_is_found_out(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:8])
    with store.transaction() as tx:
        witness.keep(tx, handed(witness, delivery(index=3)), NOW)

    with pytest.raises(LogForkError, match="entry 3 isn't in the log"):
        prove(witness, hub)
    assert len(witness.evidence()) == 1


def test_two_deliveries_said_to_be_one_entry_are_found_out(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    one, other = handed(witness, delivery()), handed(witness, delivery(salt=b"u" * 32))
    hub.add(one.leaf)
    with store.transaction() as tx:
        witness.keep(tx, one, NOW)
        witness.keep(tx, other, NOW)

    with pytest.raises(LogForkError, match="entry 3"):
        prove(witness, hub)


def test_deliveries_that_were_not_kept_can_be_proven_too(witness: Witness) -> None:
    unproven = handed(witness, delivery(index=3))
    hub = HubLog([*LEAVES[:3], unproven.leaf])

    assert prove(witness, hub, [unproven]) == 0
    with pytest.raises(LogForkError):
        prove(witness, hub, [Unproven(2, unproven.leaf)])


@pytest.mark.parametrize(
    "bad",
    [
        {"record": b""},
        {"count": 2},
        {"record": encode(entry.hand_over(20_515, 2, 1, 1, "not-active"))},
        {"salt": SALT[:31]},
        {"record": delivery().record + b"\0"},
        {"record": encode(entry.receipt(20_515, 2, "stored", b""))},
        {"record": encode([1, 20_515, "expiry", 2, 1, 1, "accepted"])},
        {"record": encode(entry.hand_over(20_515, 3, 1, 1, "accepted"))},
    ],
)
def test_a_delivery_without_its_own_entry_handed_over_is_refused(witness: Witness, bad: dict[str, Any]) -> None:
    with pytest.raises(FrameError, match="^/record"):
        witness.verify_delivery(replace(delivery(), **bad), SHA)


@pytest.mark.parametrize(
    "bad",
    [
        {"accept": b""},
        {"accept": encode(accept_record(sha256(b"another envelope").digest()))},
        {"accept": encode(accept_record(code="not-active"))},
        {"accept_salt": SALT[:31]},
        {"accept": encode([*accept_record()[:15], [bytes(32)] * 3, 1, "accepted"])},
        {"accept": encode(entry.hand_over(20_515, 2, 1, 1, "accepted"))},
    ],
)
def test_a_delivery_without_the_acceptance_of_this_envelope_is_refused(witness: Witness, bad: dict[str, Any]) -> None:
    with pytest.raises(FrameError, match="^/"):
        witness.verify_delivery(replace(delivery(), **bad), SHA)


def test_what_no_checkpoint_covers_after_ten_minutes_is_overdue(witness: Witness, store: EdgeStore) -> None:
    hub = HubLog(LEAVES[:3])
    for again in (0, 1):
        with store.transaction() as tx:
            witness.keep(tx, handed(witness, delivery(index=7)), NOW + again)
        assert prove(witness, hub) == 1

    assert witness.overdue(NOW + PROOF_MS) == []
    assert witness.overdue(NOW + PROOF_MS + 1) == [7]


# -- manifests


def test_a_manifest_is_used_only_when_the_log_holds_it(witness: Witness) -> None:
    hub = HubLog([*LEAVES[:3], entry.public(b"manifest").leaf])
    in_log(witness, hub, b"manifest", 3)

    with pytest.raises(LogForkError, match="entry 3 isn't in the log"):
        in_log(witness, hub, b"another manifest", 3)


def test_a_manifest_that_no_checkpoint_covers_yet_can_be_asked_for_again(witness: Witness) -> None:
    hub = HubLog(LEAVES[:3])
    hub.add(entry.public(b"manifest").leaf)
    hub.shown = 3
    with pytest.raises(NotProvenError, match="doesn't cover this entry yet"):
        in_log(witness, hub, b"manifest", 3)
    assert witness.evidence() == []

    hub.shown = None
    in_log(witness, hub, b"manifest", 3)


def test_a_record_can_not_pass_for_a_manifest(witness: Witness) -> None:
    """A leaf says by its first byte whether what it stands for is public."""
    hub = HubLog([entry.committed([1, 1, "fact"], SALT).leaf])

    with pytest.raises(LogForkError):
        in_log(witness, hub, SALT + encode([1, 1, "fact"]), 0)


def test_what_was_kept_together_is_proven_one_by_one(witness: Witness, store: EdgeStore) -> None:
    kept = [Unproven(index, LEAVES[index]) for index in (2, 3, 5, 3)]
    with store.transaction() as tx:
        witness.keep_all(tx, kept, NOW)
        witness.keep_all(tx, kept[1:3], NOW + 1)  # offered again with others
    assert store.count(UNPROVEN) == 2
    assert prove(witness, HubLog(LEAVES[:5])) == 1
    assert witness.overdue(NOW + PROOF_MS + 1) == [5]
    assert prove(witness, HubLog(LEAVES[:6])) == 0
    assert store.count(UNPROVEN) == 0


def test_what_an_earlier_version_kept_is_proven_too(witness: Witness, store: EdgeStore) -> None:
    with store.transaction() as tx:
        tx.put(UNPROVEN, b"without a time", [2, LEAVES[2]])
        tx.put(UNPROVEN, b"with its time", [4, LEAVES[4], NOW])
    assert witness.overdue(NOW + PROOF_MS + 1) == [4]
    assert prove(witness, HubLog(LEAVES[:4])) == 1
    assert prove(witness, HubLog(LEAVES[:5])) == 0
    assert store.count(UNPROVEN) == 0


def test_one_false_claim_among_many_that_were_kept_together_is_found_out(witness: Witness, store: EdgeStore) -> None:
    with store.transaction() as tx:
        witness.keep_all(tx, [Unproven(2, LEAVES[2]), Unproven(3, b"!" * 33)], NOW)
    with pytest.raises(LogForkError, match="entry 3 isn't in the log"):
        prove(witness, HubLog(LEAVES[:6]))
