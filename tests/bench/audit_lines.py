# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the audit: every decision of a long log taken again, and entries found in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.find_entries import Wanted, find
from hub.audit.replay import replay
from hub.store import Step
from hub.store_sqlite import SqliteStore
from schemas import entry
from schemas.entry import Entry
from tests.bench.measure import RUNS, Line, below
from tests.simulator import NATIONAL, World

DECISIONS = 1_000_000
GRANTS = 1_000
_TOGETHER = 5_000


def replay_million(root: Path) -> list[Line]:
    """A million decisions, half of them at pick-up, under a thousand grants; the entries are read beforehand."""
    del root
    entries = list(_log())
    times = []
    for _ in range(RUNS):
        begin = time.process_time()
        report = replay(entries, NATIONAL)
        times.append(time.process_time() - begin)
        if report.same != DECISIONS or report.differs or report.not_decidable:
            raise RuntimeError("the log does not replay: this figure would mean nothing")
    return [below("audit.replay_1M_s", "s of one core (CPU)", times, 60)]


def search_million(root: Path) -> list[Line]:
    """The whole log read for what hardly occurs: by partner and row, by code, and by how a message ended."""
    root.mkdir(parents=True)
    SqliteStore.create(root / "store")
    store = SqliteStore(root / "store")
    try:
        entries, size = list(_log()), 0
        while size < DECISIONS:
            part = entries[size : size + _TOGETHER]
            store.commit(Step(at=1, entries=part))
            size += len(part)
        store.tidy(1 << 50)
        del entries
        asked = {
            "partner": Wanted(partner="provider-wmo", row=7),
            "code": Wanted(code="key-lost"),
            "outcome": Wanted(outcome="expired"),
        }
        found = []
        for name, wanted in asked.items():
            times = []
            for _ in range(RUNS):
                begin = time.process_time()
                if any(find(store, wanted)):
                    raise RuntimeError("something was found: this figure would not be of the whole log")
                times.append(time.process_time() - begin)
            found.append(below(f"audit.search_1M_{name}_s", "s of one core (CPU)", times, 2))
        return found
    finally:
        store.close()


def _log() -> Iterator[Entry]:
    """A real hub's entries of the partners and their grants, then as many decisions, of which each is right."""
    world = World()
    team, provider = world.party("team-wmo"), world.party("provider-wmo")
    grants = [team.register(provider) for _ in range(GRANTS)]
    start = world.store.entries(0, world.store.head().size)
    yield from start
    handles = [(grant.handle(), grant.terms_hash(world.month)) for grant in grants]
    row, tables, newest = grants[0].terms.row, [NATIONAL.hash] * 2, len(start) - 1
    names = sorted(("control", *grants[0].terms.categories))
    keys = [team.signing.key_id, provider.seal_key]
    who = [team.number, provider.number]
    for number in range(DECISIONS // 2):
        handle, terms = handles[number % GRANTS]
        sequence, index = number // GRANTS + 1, len(start) + 2 * number
        record = [1, world.today, entry.ACCEPT, os.urandom(16), os.urandom(32), False, handle, sequence, *who, *keys]
        record += [names, terms, row, tables, newest, "accepted"]
        yield entry.committed(record, os.urandom(32))
        yield entry.committed(entry.hand_over(world.today, index, 1, newest, "accepted"), os.urandom(32))
