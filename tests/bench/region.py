# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make bench-region`: the lines of a region, each beside its limit; writes build/bench-region.json and prints a table.

Gathers every module `tests/bench/region_*.py`: its `LINES`, by name what measures them, or its function `lines`.  A limit is the same loop
with the same libraries and no code of ours.  Minutes each, half an hour in all.

python -m tests.bench.region [NAME ...]     only the lines whose name begins so
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rich.console import Console

from tests.bench.measure import Line
from tests.bench.run import table

TARGET = Path("build/bench-region.json")
Measure = Callable[[Path], list[Line]]


def gathered() -> dict[str, Measure]:
    """All lines that there are, by name.

    Raises:
        ValueError: a module has no lines, or two have a line of the same name.
    """
    found: dict[str, Measure] = {}
    for path in sorted(Path(__file__).parent.glob("region_*.py")):
        lines = _of(path.stem)
        if twice := found.keys() & lines.keys():
            raise ValueError(f"{path.name}: {', '.join(sorted(twice))}: another module has a line of this name")
        found |= lines
    return found


def _of(name: str) -> dict[str, Measure]:
    module = import_module(f"tests.bench.{name}")
    if hasattr(module, "LINES"):
        return dict(module.LINES)
    if hasattr(module, "lines"):  # all that it has, in one go
        return {name.removeprefix("region_"): module.lines}
    raise ValueError(f"{name}.py: has neither LINES, by name what measures them, nor a function `lines`")


def main(names: list[str]) -> int:
    """Measures the lines asked for, all when none is; exit 0 whatever the figures say, 2 when a name is unknown."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    every = gathered()
    asked = {name: every[name] for name in every if not names or any(name.startswith(one) for one in names)}
    if not asked:
        console.print(f"There is no such line. There are: {', '.join(every)}.")
        return 2
    lines: list[Line] = []
    TARGET.parent.mkdir(exist_ok=True)
    # A disk, not memory: what a flush costs is part of nearly every line.
    with tempfile.TemporaryDirectory(prefix="schakel-region-", dir="/tmp") as folder:
        for name, measure in asked.items():
            with console.status(f"measuring {name}"):
                lines += measure(Path(folder) / name)
            TARGET.write_text(json.dumps([line.as_dict() for line in lines], indent=1) + "\n")
    console.print(table(lines))
    for line in lines:
        if line.note:
            console.print(f"{line.name}: {line.note}", highlight=False)
    short = [line.name for line in lines if line.met is False]
    console.print(f"Short of their goal: {', '.join(short)}." if short else "Every line with a goal reaches it.")
    console.print(f"Written to {TARGET}. Machines are noisy: trust the ratios.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
