# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The lines of the hub: accept, deliver, a million grants, a million entries."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import run as run_process
from sys import executable

from schemas.calendar import day_of
from schemas.codes import Code
from schemas.envelope import parse
from schemas.receipt import sign_receipts
from tests.bench import bare, material
from tests.bench.material import BATCH, SMALL, Content, Site
from tests.bench.measure import RUNS, Line, Loop, below, compare

COUNT = 2_000
RECEIPTS_TOGETHER = 100


class Fresh:
    """A new folder for every run; the old one goes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._number = 0

    def folder(self) -> Path:
        """An empty place."""
        shutil.rmtree(self._root / str(self._number), ignore_errors=True)
        self._number += 1
        return self._root / str(self._number)


def accept(root: Path, content: Content, together: int, goal: float | None) -> Line:
    """From the bytes of an envelope to the commit, entry and queue included."""
    places = Fresh(root)

    def ours() -> Loop:
        site = material.site(places.folder(), content, COUNT, together)

        def loop() -> int:
            for batch in material.batches(site.frames):
                site.hub.send(site.sender.address, batch)
            return COUNT

        return _closing(loop, site)

    def limit() -> Loop:
        site = material.site(places.folder(), content, COUNT, together)
        store = bare.BareStore(places.folder() / "bare")
        bare.fill(store, site.frames)
        return _closing(lambda: bare.accept(store, site.frames, site.sender.signing.public, BATCH), site)

    name = "accept" if together == 1 else "accept_together"
    return compare(f"hub.{name}.{content.name}", ours, limit, goal)


def deliver(root: Path, content: Content, goal: float | None) -> Line:
    """Hand over, receipt (signed together by 100), destroyed."""
    places = Fresh(root)

    def ours() -> Loop:
        site = material.site(places.folder(), content, COUNT)
        for batch in material.batches(site.frames):
            site.hub.send(site.sender.address, batch)
        acknowledge(site)
        receipts = receipts_of(site)

        def loop() -> int:
            done = 0
            while deliveries := site.hub.pickup(site.recipient.address, BATCH, 0).deliveries:
                # Which message a delivery is belongs to the reader: looked up by its bytes, as the edge would know it.
                site.hub.receipts(site.recipient.address, receipts[done : done + len(deliveries)])
                done += len(deliveries)
            return done

        return _closing(loop, site)

    def limit() -> Loop:
        site = material.site(places.folder(), content, COUNT)
        store = bare.BareStore(places.folder() / "bare")
        bare.fill(store, site.frames)
        bare.accept(store, site.frames, site.sender.signing.public, BATCH)
        receipts = dict(zip([parse(f).message_id for f in site.frames], receipts_of(site), strict=True))
        return _closing(lambda: bare.deliver(store, BATCH, receipts, site.recipient.signing.public), site)

    return compare(f"hub.deliver.{content.name}", ours, limit, goal)


def acknowledge(site: Site) -> None:
    """The edge has stored the notices of the registrations: no pick-up tells them again."""
    while notices := site.hub.pickup(site.recipient.address, 0, 0).notices:
        site.hub.pickup(site.recipient.address, 0, notices[-1].number)


def receipts_of(site: Site) -> list[bytes]:
    """A receipt per envelope, in order."""
    today = day_of(time.time_ns() // 1_000_000)
    answers = [(parse(frame).message_id, Code.STORED, os.urandom(16)) for frame in site.frames]
    return [
        receipt
        for start in range(0, len(answers), RECEIPTS_TOGETHER)
        for receipt in sign_receipts(site.recipient.signing, today, answers[start : start + RECEIPTS_TOGETHER])
    ]


def _closing(loop: Callable[[], int], site: Site) -> Loop:
    def timed() -> int:
        try:
            return loop()
        finally:
            site.hub.close()

    gc.collect()
    return timed


def million_grants(root: Path) -> list[Line]:
    """Memory, start and look-up with 1,000,000 grants in the store, each in a process of its own."""
    folder = root / "million"
    grants_folder(folder, 1_000_000)
    memory, start, lookup = [], [], []
    for _ in range(RUNS):
        told = run_process(
            [executable, "-m", "tests.bench.probe", str(folder)], capture_output=True, check=True, text=True
        )
        figures = [float(word) for word in told.stdout.split()]
        memory.append(figures[0])
        start.append(figures[1])
        lookup.append(figures[2])
    return [
        below("hub.memory_1M_grants_MB", "MB resident", memory, 300),
        below("hub.start_1M_grants_s", "s", start, 1),
        below("hub.lookup_p99_us", "us", lookup, 50),
    ]


def grants_folder(folder: Path, count: int) -> None:
    """A store with `count` grants, whose handles are SHA-256 of their number."""
    from hashlib import sha256  # noqa: PLC0415

    from hub.store import GrantRow, Step  # noqa: PLC0415
    from hub.store_sqlite import SqliteStore  # noqa: PLC0415

    SqliteStore.create(folder)
    store = SqliteStore(folder)
    handles = sorted(sha256(str(i).encode()).digest()[:16] for i in range(count))
    for start in range(0, count, 20_000):
        rows = [
            GrantRow(h, 1, 2, 24_300, None, 1, "statutory", ("progress", "service"), h + h, False, 1, 0, 0, 30_000)
            for h in handles[start : start + 20_000]
        ]
        store.commit(Step(at=1, registers=rows))
    store.close()


def flushes(root: Path) -> list[Line]:
    """How many messages share one flush of a file, at accept and at delivery."""
    names: list[str] = []
    site = material.site(root, SMALL, COUNT, point=names.append)
    names.clear()
    for batch in material.batches(site.frames):
        site.hub.send(site.sender.address, batch)
    accepting = sum(name.endswith(":after") for name in names)
    acknowledge(site)
    receipts, done = receipts_of(site), 0
    names.clear()
    while deliveries := site.hub.pickup(site.recipient.address, BATCH, 0).deliveries:
        site.hub.receipts(site.recipient.address, receipts[done : done + len(deliveries)])
        done += len(deliveries)
    delivering = sum(name.endswith(":after") for name in names)
    site.hub.close()
    return [
        Line(f"hub.messages_per_flush.{name}", "messages", round(COUNT / count, 1), None, None, "-", None, 1)
        for name, count in (("accept", accepting), ("deliver", delivering))
    ]
