# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make linkability`: the whole town, three months, and each defence on and off at all but the largest sender, which alone
takes as long as all others; writes build/linkability.md."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from tests.linkability.figures import Figures, figures
from tests.linkability.report import ALL, FEWER, SENDERS, SETS, page

TARGET = Path("build")
MONTHS = 3
SEED = 1


def main() -> int:
    """Every set of defences, at every sender or at `FEWER`."""
    found: dict[str, dict[str, Figures]] = defaultdict(dict)
    for name, defences in SETS.items():
        for sender, teams in SENDERS.items():
            if defences != ALL and sender not in FEWER:
                continue
            found[name][sender] = figures(teams, defences, MONTHS, SEED)
            sys.stdout.write(f"{name}: {sender}: {found[name][sender].pairs.of_100:.1f} of 100 pairs\n")
            sys.stdout.flush()
    TARGET.mkdir(exist_ok=True)
    (TARGET / "linkability.md").write_text(page(found, MONTHS), encoding="utf-8")
    sys.stdout.write(f"{TARGET / 'linkability.md'} is written.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
