# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Verifies a whole simulated world, by other code than that of the hub wherever that is possible.

What must hold after every step:

* every leaf recomputes from its salt and record; the root over all leaves is the head's; the log only grew
* the newest checkpoint opens under the hub's key, names the true root of its size, and extends those seen before
* every accepted envelope waits, or has exactly one end without a receipt or at least one receipt: one fate
* whoever waits has a payload that opens to the bytes accepted; whoever does not wait has none
* the stored outcome of an id is what the log says of it
* lines of a feed get rising numbers, and no line changes or slips in before one that was seen
* replay of every decision gives what the log says
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, cast

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.audit.checkpoint import open_note
from hub.audit.replay import replay
from hub.store import Waiting
from schemas.calendar import date_text
from schemas.entry import Entry
from schemas.merkle_proof import verify_consistency

if TYPE_CHECKING:
    from tests.simulator import World

HUB_NAME = "hub.example.nl/test"
_FAR = 1 << 50
_MOST = 1 << 30


@dataclass
class Fate:
    """What the log says of one accepted envelope."""

    message_id: bytes
    sha: bytes
    ends: list[str] = field(default_factory=list)  # without a receipt
    receipts: list[str] = field(default_factory=list)
    hand_overs: int = 0
    dropped: bool = False  # with the log that it was accepted in

    @property
    def last(self) -> str:
        """The outcome as it stands."""
        return self.receipts[-1] if self.receipts else self.ends[-1] if self.ends else "accepted"


def check(world: World) -> None:
    """Verifies everything; an assertion names what does not hold."""
    head = world.store.head()
    entries = world.store.entries(0, head.size)
    leaves = [entry.leaf for entry in entries]
    _check_log(world, entries, leaves)
    _check_checkpoint(world, leaves)
    _check_fates(world, fates(entries))
    _check_feeds(world)
    report = replay(entries, world.table)
    assert not report.differs, f"replay differs: {report.differs}"
    assert not report.unaccounted, f"erased by nobody: {report.unaccounted}"
    if all(entry.record for entry in entries):
        assert not report.not_decidable, f"replay can't decide: {report.not_decidable}"


def fates(entries: list[Entry]) -> dict[int, Fate]:
    """The fate of every accepted envelope, by the index of its acceptance."""
    found: dict[int, Fate] = {}
    erased = {index for index, one in enumerate(entries) if not one.record}
    for index, record in enumerate(records(entries)):
        kind = record[2]
        if kind == "accept" and record[-1] == "accepted":
            found[index] = Fate(cast("bytes", record[3]), cast("bytes", record[4]))
        elif kind in ("hand-over", "expiry", "receipt") and record[3] in erased:
            continue
        elif kind == "hand-over":
            fate = found[cast("int", record[3])]
            if record[-1] == "accepted":
                fate.hand_overs += 1
                assert fate.last == "accepted", "handed over after its end"
            else:
                fate.ends.append(cast("str", record[-1]))
        elif kind == "expiry":
            found[cast("int", record[3])].ends.append(cast("str", record[4]))
        elif kind == "recovery":  # what waited was dropped; ids that were used may come again
            for fate in found.values():
                if fate.last == "accepted":
                    fate.ends.append("dropped")
                fate.dropped = True
        elif kind == "receipt":
            # A receipt for what was refused at once would be a lie of the recipient: there is no fate to add to.
            found[cast("int", record[3])].receipts.append(cast("str", record[4]))
    return found


def records(entries: list[Entry]) -> list[list[object]]:
    """Every record, decoded; something public is `[1, -1, "public"]`, something erased `[1, -1, "erased"]`."""
    return [
        [1, -1, "public" if one.record else "erased"] if one.salt is None else cbor2.loads(one.record)
        for one in entries
    ]


def all_waiting(world: World) -> list[Waiting]:
    """Every envelope that waits, whoever it is for."""
    numbers = [row.number for row in world.store.addresses().values()]
    return [row for number in numbers for row in world.store.waiting(number, _FAR, _MOST)]


def _check_log(world: World, entries: list[Entry], leaves: list[bytes]) -> None:
    head = world.store.head()
    assert len(entries) == head.size, "the log has another length than its head says"
    for index, entry in enumerate(entries):
        if not entry.record:
            assert entry.salt is None, f"salt {index}"
            continue
        public = entry.salt is None
        content = entry.record if entry.salt is None else entry.salt + entry.record
        assert entry.leaf == (b"\1" if public else b"\0") + sha256(content).digest(), f"leaf {index}"
    assert _root([sha256(b"\0" + leaf).digest() for leaf in leaves]) == head.root, "root of the head"
    assert leaves[: len(world.seen.leaves)] == world.seen.leaves, "the log was cut or changed"
    world.seen.leaves = leaves


def _root(nodes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if len(nodes) < 2:
        return nodes[0] if nodes else sha256(b"").digest()
    split = 1 << ((len(nodes) - 1).bit_length() - 1)
    return sha256(b"\1" + _root(nodes[:split]) + _root(nodes[split:])).digest()


def _check_checkpoint(world: World, leaves: list[bytes]) -> None:
    public = world.hub_public
    point = open_note(world.hub.checkpoint(), HUB_NAME, public)
    assert point.size <= len(leaves), "a checkpoint is ahead of the log"
    nodes = [sha256(b"\0" + leaf).digest() for leaf in leaves[: point.size]]
    assert point.root == _root(nodes), "a checkpoint names another root"
    for size, root in world.seen.checkpoints.items():
        assert size <= point.size, "a checkpoint is older than one before"
        proof = world.hub.log.consistency(size, point.size)
        assert verify_consistency(size, point.size, root, point.root, proof), "checkpoints are not consistent"
    world.seen.checkpoints = {point.size: point.root}


def _check_fates(world: World, found: dict[int, Fate]) -> None:
    waiting = {row.message_id: row for row in all_waiting(world)}
    entries = world.store.entries(0, world.store.head().size)
    erased = max((index for index, one in enumerate(entries) if not one.record), default=-1)
    kept = {index: fate for index, fate in found.items() if not fate.dropped}
    assert len({fate.message_id for fate in kept.values()}) == len(kept), "an id was accepted twice"
    for index, fate in kept.items():
        assert len(fate.ends) <= 1, f"entry {index} has two ends: {fate.ends}"
        waits = fate.message_id in waiting
        # How it ended may stand in an entry that was erased by now; of what waits nothing was.
        is_told = index > erased or waits
        assert not is_told or waits != bool(fate.ends or fate.receipts), f"entry {index} has no fate, or two: {fate}"
        if waits:
            assert waiting[fate.message_id].accept == index
    ids = [fate.message_id for fate in found.values()]
    stored, payloads = world.store.stored(ids), world.store.payloads(ids)
    for index, fate in kept.items():
        outcome = stored.get(fate.message_id)
        if (
            index > erased and outcome is not None and outcome.accept == index
        ):  # kept 30 days; then the id may come again
            assert (outcome.sha, outcome.code.value) == (fate.sha, fate.last), "the stored outcome is not the log's"
        if fate.message_id not in waiting:
            assert payloads.get(fate.message_id) is None, "a payload outlived its waiting"
        elif fate.message_id not in world.lost_keys:
            assert _opens_to(payloads.get(fate.message_id), fate.sha), "a payload without its key"
    assert waiting.keys() <= set(ids), "something waits that was never accepted"


def _opens_to(payload: tuple[bytes, bytes] | None, sha: bytes) -> bool:
    if payload is None:
        return False
    try:
        return sha256(AESGCM(payload[1]).decrypt(bytes(12), payload[0], None)).digest() == sha
    except InvalidTag:
        return False


def _check_feeds(world: World) -> None:
    for row in world.store.addresses().values():
        lines: dict[int, object] = {line.number: line for line in world.store.feed(row.number, 0, _MOST)}
        assert list(lines) == sorted(lines), "numbers of a feed do not rise"
        before = world.seen.feeds.get(row.number, {})
        newest = max(before, default=0)
        for number, line in lines.items():
            assert number > newest or before.get(number) == line, "a line changed, or slipped in"
        world.seen.feeds[row.number] = before | lines


def dump(world: World) -> str:
    """The log, the queue and the feeds, for a person."""
    entries = world.store.entries(0, world.store.head().size)
    names = {row.number: row.address.rpartition(":")[2] for row in world.store.addresses().values()}
    lines = [f"{date_text(world.today)}  {len(entries)} entries"]
    lines += [f"  {index:4} {_words(record)}" for index, record in enumerate(records(entries))]
    for row in all_waiting(world):
        out = f"out until +{(row.lease_until - world.now) / 1000:.0f} s" if row.lease_until > world.now else "in"
        lines.append(f"  waits {row.message_id[:3].hex()} for {names[row.recipient]}, offered {row.offered}, {out}")
    feeds: dict[str, list[str]] = defaultdict(list)
    for number, name in names.items():
        for line in world.store.feed(number, 0, _MOST):
            subject = line.message_id or line.handle or b""
            feeds[name].append(f"{line.number}:{line.code.value}({subject[:3].hex()})")
    lines += [f"  feed of {name}: {' '.join(shown)}" for name, shown in feeds.items()]
    return "\n".join(lines)


def _words(record: list[object]) -> str:
    if record[2] == "fact":
        fact = cbor2.loads(cast("bytes", record[3]))
        return f"{fact[1]} by {fact[2].rpartition(':')[2]}"
    return " ".join(_word(item) for item in record[2:])


def _word(item: object) -> str:
    if isinstance(item, list):
        return f"[{', '.join(_word(one) for one in item)}]"
    return item.hex()[:6] if isinstance(item, bytes) else str(item)
