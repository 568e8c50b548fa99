# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make chaos`: real processes, real faults; writes build/chaos.json and build/chaos.md, and prints the table.

python -m tests.chaos.run [NAME ...]     only the rows whose name begins so
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest

from adapters.store import StoreError
from deploy.story.case import StoryError
from hub.control_socket import ControlError
from tests.chaos.ground import NotHereError
from tests.chaos.rows import ROWS, Result, ground_of, play, skipped

TARGET = Path("build")
_HEAD = ("fault", "events", "lost", "twice", "out of order", "s to recover", "log sound", "what happened")


def main(names: list[str]) -> int:
    """Plays the rows asked for, each in a town of its own; exit 1 when one is not 0, 0, 0 with a sound log."""
    results: list[Result] = []
    for name in ROWS:
        if names and not any(name.startswith(asked) for asked in names):
            continue
        results.append(_played(name))
        sys.stdout.write(_cells(results[-1]) + "\n")
        sys.stdout.flush()
    TARGET.mkdir(exist_ok=True)
    (TARGET / "chaos.json").write_text(json.dumps([one.as_dict() for one in results], indent=1) + "\n")
    (TARGET / "chaos.md").write_text(table(results))
    sys.stdout.write("\n" + table(results))
    return 0 if all(one.is_whole for one in results) else 1


def _played(name: str) -> Result:
    with tempfile.TemporaryDirectory(prefix="schakel-chaos-") as folder:
        try:
            with ground_of(name)(Path(folder) / "net") as made:
                return play(name, made)
        except (NotHereError, pytest.skip.Exception) as error:
            return skipped(name, str(error))
        except (AssertionError, StoryError, StoreError, ControlError) as error:  # the other rows go on
            return Result(name, 0, 0, 0, 0, 0.0, log_sound=False, what=f"failed: {error}")


def table(results: list[Result]) -> str:
    """As Markdown."""
    rule = "|" + "---|" * len(_HEAD)
    return "\n".join(["| " + " | ".join(_HEAD) + " |", rule, *map(_cells, results), ""])


def _cells(one: Result) -> str:
    figures = (
        ("-",) * 6
        if one.skipped
        else (one.events, one.lost, one.twice, one.out_of_order, one.seconds, "yes" if one.log_sound else "NO")
    )
    return "| " + " | ".join(map(str, (one.row, *figures, one.what))) + " |"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
