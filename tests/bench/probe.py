# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Opens a store, looks up random grants, prints: resident MB, seconds to open, p99 of a look-up in microseconds."""

from __future__ import annotations

import random
import sys
import time
from hashlib import sha256
from pathlib import Path

from hub.store_sqlite import SqliteStore

LOOKUPS = 100_000


def main(folder: Path) -> None:
    """The probe."""
    begin = time.perf_counter()
    store = SqliteStore(folder)
    opened = time.perf_counter() - begin
    times = []
    for number in random.sample(range(1_000_000), LOOKUPS):
        handle = sha256(str(number).encode()).digest()[:16]
        begin = time.perf_counter_ns()
        found = store.grants((handle,))
        times.append(time.perf_counter_ns() - begin)
        assert found
    times.sort()
    resident = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
    )
    print(resident / 1024, opened, times[int(LOOKUPS * 0.99)] / 1000)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
