# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Steps of a store for tests: what each does is in its name, and their bytes are the same in every run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.audit.merkle import EMPTY_ROOT, MemoryTree, leaf_hash, root_at
from hub.store import (
    GrantRow,
    Join,
    Leave,
    Notify,
    Offer,
    Refused,
    SetAside,
    Step,
    StopRow,
    Store,
    Tell,
    Use,
)
from schemas.codes import Code
from schemas.entry import Entry, committed, public

FOR_EVER = 1 << 50
SENDER, RECIPIENT, THIRD = 1, 2, 3
DAY = 20_000
ADDRESSES = ("urn:nld:oin:00000000000000000001:wmo", "urn:nld:oin:00000000000000000002:gp", "urn:nld:oin:3:third")


def bytes_of(text: str, size: int = 16) -> bytes:
    """Bytes that are the same in every run and another for every text."""
    return hashlib.sha512(text.encode()).digest()[:size]


def handle(name: str = "h") -> bytes:
    return bytes_of("handle " + name)


def message(name: str = "m") -> bytes:
    return bytes_of("message " + name)


def key(name: str = "m") -> bytes:
    return bytes_of("key " + name, 32)


def entry(name: str = "e") -> Entry:
    return committed([1, DAY, "test", name], bytes_of("salt " + name, 32))


def wrapped(name: str = "m") -> bytes:
    return AESGCM(key(name)).encrypt(bytes(12), ("payload " + name).encode() * 20, None)


def grant(name: str = "h", **changes: object) -> GrantRow:
    row = GrantRow(
        handle(name), SENDER, RECIPIENT, 24_300, DAY + 9, 2, "task", ("progress", "service"), bytes_of("terms", 32),
        False, 1, 0, 0, DAY + 30,
    )  # fmt: skip
    return row._replace(**changes)  # type: ignore[arg-type]


def join(name: str = "m", place: int = 0, on: str = "h", due: int = 9_000, recipient: int = RECIPIENT) -> Join:
    sha = bytes_of("sha " + name, 32)
    return Join(message(name), sha, SENDER, recipient, handle(on), place, 100, due, wrapped(name), key(name))


def accept(*names: str, at: int = 100, on: str = "h") -> Step:
    """A step that accepts these envelopes."""
    joins = [join(name, place, on) for place, name in enumerate(names)]
    return Step(at, entries=[entry(name) for name in names], joins=joins)


def offer(name: str = "m", at: int = 200, lease_until: int = 260, offered: int = 1) -> Step:
    return Step(at, entries=[entry("offer")], offers=[Offer(message(name), offered, 200, lease_until, 8_000)])


def leave(*names: str, at: int = 300, code: Code = Code.STORED) -> Step:
    return Step(at, entries=[entry("leave")], leaves=[Leave(message(name), code) for name in names])


def everything(store: Store) -> list[object]:
    """All that the port can tell: two equal lists are two equal stores."""
    names = ("h", "i", "j", "k", "held")
    ids = [message(name) for name in ("m", "n", "o", "p", "q")]
    size = store.head().size
    told: list[object] = [store.head(), store.addresses(), store.grants(map(handle, names)), store.stored(ids)]
    told += [store.recovery(), store.registrations(RECIPIENT, 0, 1_000)]
    # Of two that are due at the same moment either may come first.
    due = sorted(store.due(FOR_EVER, 1_000))
    told += [store.stops(map(handle, names)), store.find_waiting(ids), due, store.payloads(ids)]
    told += [store.entries(0, size), store.hashes(0, 0, size), store.faults(), store.counts(), store.last_checkpoint()]
    told += [store.standing(0), store.records(0, size)]
    told.append(store.attestations([bytes_of("manifest", 32), bytes(32)]))
    for address in range(1, 5):
        told += [store.feed(address, 0, 1_000), store.notices(address, 1_000), store.manifests(address)]
        told += [store.facts_of(address, 0, 1_000), store.waiting(address, FOR_EVER, 1_000)]
    return told


def check_store(store: Store) -> None:
    """Verifies the whole store: log, queue and keys, feeds, versions."""
    head = store.head()
    entries = store.entries(0, head.size)
    assert len(entries) == head.size
    for one in entries:
        if not one.record:
            assert one.salt is None, "an erased entry has kept its salt"
            continue
        opened = hashlib.sha256(one.record if one.salt is None else one.salt + one.record).digest()
        assert one.leaf == (b"\1" if one.salt is None else b"\0") + opened
    assert head.root == (MemoryTree(leaf_hash(one.leaf) for one in entries).root() if entries else EMPTY_ROOT)
    assert head.root == root_at(store, head.size)
    assert -1 <= head.newest_fact < head.size
    rows = store.due(FOR_EVER, 1_000_000)
    payloads = store.payloads([row.message_id for row in rows])
    assert set(payloads) == {row.message_id for row in rows}
    for found in payloads.values():
        assert found is not None, "a waiting payload has lost its key"
        AESGCM(found[1]).decrypt(bytes(12), found[0], None)
    for message_id, outcome in store.stored([row.message_id for row in rows]).items():
        assert outcome.accept == store.find_waiting([message_id])[message_id].accept < head.size
    addresses = store.addresses()
    assert sorted(row.number for row in addresses.values()) == list(range(1, len(addresses) + 1))
    assert all(row.version >= 1 and address == row.address for address, row in addresses.items())
    for number in range(1, len(addresses) + 1):
        lines = [line.number for line in store.feed(number, 0, 1_000_000)]
        notices = [line.number for line in store.notices(number, 1_000_000)]
        assert lines == sorted(set(lines))
        assert notices == sorted(set(notices))
    counts = store.counts()
    assert (counts["entries"], counts["addresses"], counts["waiting"]) == (head.size, len(addresses), len(rows))
    assert counts["faults"] == len(store.faults())
    for fault in store.faults():
        assert store.fault_frame(fault.number) is not None


def full(position: tuple[int, int, int] | None = None) -> Step:
    """A step with something in every list."""
    step = accept("n", on="i", at=500)
    step.rests_on_grants = [(handle(), 1), (handle("absent"), 0)]
    step.rests_on_addresses = {SENDER: 1, RECIPIENT: 1}
    step.position = position
    step.entries += [entry("no"), entry("fact"), public(b"manifest")]
    step.refused = [Refused(message("o"), bytes(32), SENDER, 0, 1, Code.NO_RECIPIENT)]
    step.registers = [grant("i")]
    step.uses = [Use(handle("i"), 1, 0, 4), Use(handle("i"), 1, 4, 5)]
    step.offers = [Offer(message("p"), 1, 500, 560, 8_000)]
    step.leaves = [Leave(message("m"), Code.STORED)]
    step.outcomes = [Leave(message("m"), Code.INTRODUCED)]
    step.tells = [Tell(SENDER, 0, Code.ACCEPTED, message("n")), Tell(SENDER, 900, Code.STOPPED, handle=handle())]
    step.notifies = [Notify(RECIPIENT, 0, "register", (handle("i"),), b"fact")]
    step.stops = [(handle(), 1, DAY + 366)]
    step.stop_rows = [StopRow(handle(), THIRD, 24_300, DAY + 366)]
    step.facts = [(2, SENDER, RECIPIENT, b"fact")]
    step.admissions = [("urn:nld:oin:4:new", "admitted", None), (ADDRESSES[2], "suspended", THIRD)]
    step.manifests = [(3, SENDER, b"manifest", bytes_of("table", 32))]
    step.tables = [(bytes_of("table", 32), b"table")]
    step.attestations = [(bytes_of("manifest", 32), b"attestation")]
    step.acknowledged = [(RECIPIENT, 1)]
    step.set_aside = [aside("i")]
    step.released = [1]
    return step


def aside(on: str | None = None, until: int = 700_000, since: int = 100) -> SetAside:
    return SetAside(
        SENDER, bytes_of("sha", 32), None if on is None else handle(on), until, since, wrapped("fault"), key("fault")
    )


def prepared(store: Store) -> None:
    """Something of everything is there before what is tried."""
    addresses = ["urn:a", "urn:b", "urn:c"]
    store.commit(Step(1, admissions=[(address, "admitted", None) for address in addresses]))
    store.commit(Step(2, registers=[grant(), grant("held")]))
    store.commit(accept("m", "n", "p"))
    store.commit(Step(130, set_aside=[aside("held")]))
    store.commit(Step(140, tells=[Tell(SENDER, 900, Code.STOPPED)]))
    store.commit(Step(141, notifies=[Notify(RECIPIENT, 901, "stop", (handle(),), None)]))


def _exchange() -> Step:
    """Accepts, hands over and ends in one step: keys come and go."""
    step = accept("o", "q", at=400)
    step.entries.append(entry("more"))
    step.leaves = leave("m", "n").leaves
    step.offers = offer("p").offers
    step.tells = [Tell(SENDER, 0, Code.STORED)]
    return step


def _erasing() -> Step:
    return Step(600, entries=[entry("erased")], standing=[0], erases=[(0, 2)])


DOINGS: dict[str, tuple[Callable[[Store], object], list[str]]] = {
    "accept": (lambda store: store.commit(accept("o", "q")), ["keys", "commit"]),
    "hand over": (lambda store: store.commit(offer("m")), ["commit"]),
    "receipts": (lambda store: store.commit(leave("m", "p")), ["commit", "zero"]),
    "all in one step": (lambda store: store.commit(_exchange()), ["keys", "commit", "zero"]),
    "set aside": (lambda store: store.commit(Step(300, set_aside=[aside("h")])), ["keys", "commit"]),
    "release": (lambda store: store.commit(Step(300, released=[1])), ["commit", "zero"]),
    "ripen": (lambda store: store.ripen(950), ["ripen"]),
    "checkpoint": (lambda store: store.keep_checkpoint("note\n", 4), ["checkpoint"]),
    "erase": (lambda store: store.commit(_erasing()), ["commit", "tidy"]),
    "tidy": (lambda store: store.tidy(1_000_000), ["tidy"]),
}
TWICE_IS_STALE = ("accept", "hand over", "receipts", "all in one step", "release")
