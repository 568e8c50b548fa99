# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""How worlds of deliveries are set up and run: their folders, the budget of a machine, faults, and what two hubs hold alike."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from schemas.fact import parse_fact
from tests.delivery_world import NO_FAULT, DeliveryWorld

FACTOR = int(os.environ.get("SCHAKEL_FUZZ", "0"))
FAST = Path("/dev/shm")
SLOW_TO_SHRINK = pytest.mark.timeout(1200)
FAULT = st.one_of(
    st.just(NO_FAULT),
    st.just(NO_FAULT),
    st.just(NO_FAULT),
    st.tuples(st.just("crash"), st.integers(0, 40), st.just(False)),
    st.tuples(st.just("hub"), st.integers(0, 8), st.booleans()),
    st.tuples(st.sampled_from(["send", "outcomes", "pickup", "receipts", "facts"]), st.just(0), st.just(False)),
)


def profile(runs: int, large: int | None = None) -> settings:
    """The budget of a machine; `large` is that of `make fuzz` with its factor of ten."""
    return settings(
        max_examples=(runs * 40 if large is None else large) * FACTOR // 10 if FACTOR else runs,
        stateful_step_count=50 if FACTOR else 30,
        deadline=None,
        derandomize=not FACTOR,  # the same runs for everybody; the large budget looks for new ones
        suppress_health_check=list(HealthCheck),
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        phases=[Phase.generate] if os.environ.get("SCHAKEL_NO_SHRINK") else [Phase.generate, Phase.shrink],
    )


def new_world(
    place: tempfile.TemporaryDirectory[str],
    known: tuple[str, ...] = ("c0",),
    seed: int = 1,
    store: str = "memory",
    spread_days: int = 0,
) -> DeliveryWorld:
    """A world whose municipality knows both citizens."""
    world = DeliveryWorld(Path(place.name), seed, store, known, spread_days=spread_days)
    for client in ("c0", "c1"):
        world.know("A", client)
    return world


def folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where that can be: the stores flush every commit."""
    return tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None)


def held_by_the_hub(world: DeliveryWorld) -> object:
    """Every entry, with random bytes named by the order in which they first occur; signatures and hashes left out."""
    records: list[object] = []
    for item in world.store.entries(0, world.store.head().size):
        record = None if item.salt is None else cbor2.loads(item.record)
        if record is not None and record[2] == "fact":
            fact = parse_fact(record[3])
            record = [record[:3], fact.signer, fact.day, cbor2.loads(record[3])[5]]
        elif record is not None and record[2] == "receipt":
            record = record[:5]
        records.append(record)
    return renamed(records)


def renamed(value: object, names: dict[bytes, int] | None = None) -> object:
    """The same, with bytes named by the order in which they first occur, and their length."""
    names = {} if names is None else names
    if isinstance(value, bytes):
        return "bytes", len(value), names.setdefault(value, len(names))
    if isinstance(value, (list, tuple)):
        return [renamed(one, names) for one in value]
    if isinstance(value, dict):
        return [(key, renamed(one, names)) for key, one in sorted(value.items())]
    return value
