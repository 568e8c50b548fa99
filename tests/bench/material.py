# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the benches of the hub are fed: real partners, real grants, real sealed envelopes, made before the clock runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.keys import opening_public, opening_public_key
from adapters.seal import SIZES, Sealed, seal, sign_frames
from consent import grant
from consent.grant import GrantTerms
from consent.rules import RuleTable, national
from hub.audit.log import Log
from hub.clock import HubClock
from hub.exchange import Exchange
from hub.store import Store
from hub.store_sqlite import SqliteStore
from schemas import calendar
from schemas.envelope import Header
from schemas.fact import Register, sign_facts
from schemas.manifest import Key, Manifest, sign_manifest
from schemas.signing import SigningKey

BATCH = 200
PURPOSE = ("levering-voorziening", "wmo")


@dataclass(frozen=True, slots=True)
class Content:
    """Two parts and the control part: 2 kB, or 20 kB with a category that exists only here."""

    name: str
    categories: tuple[str, ...]
    sizes: dict[str, int]


SMALL = Content("2kB", ("progress", "service"), dict(SIZES))
LARGE = Content("20kB", ("bench", "progress"), {**SIZES, "bench": 18_432})


def bench_table() -> RuleTable:
    """The national base, with the category of the bench in row 1."""
    base = national(test_mode=True)
    question = (1, "team-wmo", "provider-wmo", "statutory", LARGE.categories)
    return replace(base, permitted=base.permitted | {question})


@dataclass(frozen=True, slots=True)
class Partner:
    """One address with its keys."""

    address: str
    signing: SigningKey
    opening_seed: bytes
    manifest: bytes
    opening_id: str


def partner(role: str, number: int, today: int) -> Partner:
    """A partner with fresh keys."""
    address, signing, seed = f"urn:nld:oin:{number:020d}:{role}", SigningKey(os.urandom(32)), os.urandom(32)
    opening = Key(opening_public(seed), today, today + 29)
    keys = (Key(signing.public, today, today + 29),)
    manifest = Manifest(1, address, today, today + 29, keys, (opening,), (("progress", (1,)),), None, ())
    return Partner(address, signing, seed, sign_manifest(signing, manifest), opening.key_id)


@dataclass(slots=True)
class Site:
    """A hub on disk with two partners and one grant per message."""

    hub: Exchange
    store: Store
    sender: Partner
    recipient: Partner
    frames: list[bytes]
    sealed: list[Sealed]


def site(
    folder: Path, content: Content, count: int, together: int = 1, point: Callable[[str], None] | None = None
) -> Site:
    """A hub in `folder` and `count` envelopes, each under a handle of its own, signed by `together`."""
    SqliteStore.create(folder)
    return site_on(SqliteStore(folder, point=point), content, count, together)


def site_on(store: Store, content: Content, count: int, together: int = 1) -> Site:
    """The same on another store that is new."""
    today = calendar.day_of(time.time_ns() // 1_000_000)
    log = Log(store, "bench.schakel", SigningKey(os.urandom(32)))
    hub = Exchange(store, log, bench_table(), HubClock(lambda: time.time_ns() // 1_000_000), os.urandom)
    sender, recipient = partner("team-wmo", 1, today), partner("provider-wmo", 2, today)
    for one in (sender, recipient):
        hub.admit(one.manifest)
    sealed = envelopes(hub, (sender, recipient), content, count)
    frames = [
        frame
        for start in range(0, count, together)
        for frame in sign_frames(sealed[start : start + together], sender.signing)
    ]
    return Site(hub, store, sender, recipient, frames, sealed)


def envelopes(
    hub: Exchange, pair: tuple[Partner, Partner], content: Content, count: int, each: int = 1
) -> list[Sealed]:
    """`count` envelopes of a pair under new grants, `each` of them per handle, the first of every handle first."""
    now = time.time_ns() // 1_000_000
    bodies = _registered(hub, pair, content, -(-count // each))
    public = opening_public_key(opening_public(pair[1].opening_seed))
    plain = dict.fromkeys(("control", *content.categories), b"{}")
    order = [(sequence, body) for sequence in range(1, each + 1) for body in bodies][:count]
    return [seal(_header(pair, now, body, sequence), plain, public, sizes=content.sizes) for sequence, body in order]


def _registered(hub: Exchange, pair: tuple[Partner, Partner], content: Content, count: int) -> list[Register]:
    sender, recipient = pair
    today = calendar.day_of(time.time_ns() // 1_000_000)
    month = calendar.month_of(today)
    terms = GrantTerms(
        sender.address, recipient.address, 1, "statutory", content.categories, today, today + 200, *PURPOSE
    )
    secrets = [os.urandom(32) for _ in range(count)]
    hashes = [grant.terms_hash(terms, secret, month) for secret in secrets]
    bodies = [
        Register(month, grant.handle(s, month), None, recipient.address, 1, "statutory", terms.categories, h, bytes(32))
        for s, h in zip(secrets, hashes, strict=True)
    ]
    for start in range(0, count, 1000):
        hub.facts(sender.address, sign_facts(sender.signing, sender.address, today, list(bodies[start : start + 1000])))
    return bodies


def _header(pair: tuple[Partner, Partner], now: int, body: Register, sequence: int) -> Header:
    sender, recipient = pair
    trace = (os.urandom(16), os.urandom(8))
    keys = (sender.signing.key_id, recipient.opening_id)
    addresses = (sender.address, False, now // 60_000, recipient.address)
    return Header(os.urandom(16), *addresses, body.handle, sequence, body.terms_hash, trace, *keys)


def batches(frames: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Batches of 200."""
    return [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
