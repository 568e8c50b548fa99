# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""`make chaos`: real processes, real faults; writes build/chaos.json and build/chaos.md, and prints the table.

python -m tests.chaos.run [NAME ...]     only the rows whose name begins so

* A row that fails, or lasts longer than it may, does not end the others, and the files are written after each.
* Rows that were played before by the same sources, without a change since, stay in the table: so the rows may be played
  in parts.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from tests.chaos.ground import NotHereError
from tests.chaos.rows import ROWS, Result, ground_of, play, skipped

TARGET = Path("build")
LONGEST_SECONDS = 900
_HEAD = ("fault", "events", "lost", "twice", "out of order", "s to recover", "log sound", "what happened")


class TooLongError(Exception):
    """A row lasts longer than it may."""


def main(names: list[str]) -> int:
    """Plays the rows asked for, each in a town of its own; exit 1 when one is not 0, 0, 0 with a sound log."""
    sources = sources_of_now()
    results = read_results(TARGET / "chaos.json", sources)
    for name in ROWS:
        if names and not any(name.startswith(asked) for asked in names):
            continue
        results[name] = played(name)
        sys.stdout.write(_cells(results[name]) + "\n")
        sys.stdout.flush()
        write_results(TARGET, sources, results)
    everything = [results[name] for name in ROWS if name in results]
    sys.stdout.write("\n" + table(everything))
    return 0 if all(one.is_whole for one in everything) else 1


def played(name: str, seconds: int = LONGEST_SECONDS) -> Result:
    """The result of a row, whatever happens in it."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="schakel-chaos-", ignore_cleanup_errors=True) as folder,
            _within(seconds),
            ground_of(name)(Path(folder) / "net") as made,
        ):
            return play(name, made)
    except (NotHereError, pytest.skip.Exception) as error:
        return skipped(name, str(error))
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # the other rows go on
        traceback.print_exc()
        said = " ".join(f"{type(error).__name__} {error}".split())
        return Result(name, 0, 0, 0, 0, 0.0, log_sound=False, what=f"failed: {said[:300]}".replace("|", "/"))


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def over(number: int, frame: FrameType | None) -> None:
        signal.alarm(seconds)  # what ends the row may wait in vain too
        raise TooLongError(f"it lasted longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def sources_of_now() -> str | None:
    """Which sources are played; None when they were changed since they were committed, or nobody can tell."""
    said = []
    git = shutil.which("git") or "git"
    for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no")):
        try:
            done = subprocess.run((git, *words), capture_output=True, text=True, check=False)
        except OSError:
            return None
        if done.returncode:
            return None
        said.append(done.stdout.strip())
    return said[0] if not said[1] else None


def read_results(file: Path, sources: str | None) -> dict[str, Result]:
    """What was played before by these sources, by the name of the row."""
    try:
        found = json.loads(file.read_text())
        if sources is None or found["sources"] != sources:
            return {}
        rows = [Result(**row) for row in found["rows"]]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {row.row: row for row in rows if row.row in ROWS}


def write_results(folder: Path, sources: str | None, results: Mapping[str, Result]) -> None:
    """Both files, in the order of the rows."""
    folder.mkdir(exist_ok=True)
    found = [results[name] for name in ROWS if name in results]
    told = {"sources": sources, "rows": [one.as_dict() for one in found]}
    (folder / "chaos.json").write_text(json.dumps(told, indent=1) + "\n")
    missing = len(ROWS) - len(found)
    whose = f"Sources: {sources or 'changed since they were committed'}. Rows not played: {missing}.\n"
    (folder / "chaos.md").write_text(f"{whose}\n{table(found)}")


def table(results: Sequence[Result]) -> str:
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
