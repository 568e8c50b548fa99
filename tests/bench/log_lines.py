# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The line of the log: an outsider's verification of a million entries."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hub.audit.checkpoint import Checkpoint, sign, verifier_key
from hub.audit.export import write_export
from hub.audit.merkle import Frontier, leaf_hash
from hub.audit.verify import verify_export
from schemas import entry
from schemas.signing import SigningKey
from tests.bench.measure import RUNS, Line, below

ENTRIES = 1_000_000
NAME = "bench.schakel"


def verify_million(root: Path) -> list[Line]:
    """`audit verify` over an export in which every entry still shows its record."""
    root.mkdir(parents=True)
    key = SigningKey(os.urandom(32))
    target = root / "log.export"
    entries = [
        entry.committed(entry.hand_over(20_000, index, 1, 5, "accepted"), os.urandom(32)) for index in range(ENTRIES)
    ]
    frontier = Frontier()
    frontier.extend([leaf_hash(one.leaf) for one in entries])
    note = sign(Checkpoint(f"{NAME}/log/1", ENTRIES, frontier.root()), NAME, key.seed)
    with target.open("w") as out:
        out.writelines(write_export(entries, [note]))
    del entries
    times = []
    for _ in range(RUNS):
        begin = time.process_time()
        with target.open() as lines:
            report = verify_export(lines, verifier_key(NAME, key.public))
        times.append(time.process_time() - begin)
        if not report.ok or report.entries != ENTRIES:
            raise RuntimeError("the export does not verify: this figure would mean nothing")
    return [below("log.verify_1M_s", "s of one core (CPU)", times, 60)]
