# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The clock of the machine, the one port through which a process of Schakel knows the time.

For tests and drills a file moves it, `clock_file` in the settings, which strict mode refuses.  It is looked at whenever
the time is asked, so all processes and commands that name the same file are moved at once, while they run:

* `jump_seconds`: somebody set the clock; the clock that only runs doesn't know of it.
* `passed_seconds`: so much time went by, on both clocks.

Not moved: what waits a number of seconds (a poll, a pause before trying again), and the days of TLS certificates.
"""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from deploy.exits import failed
from hub.clock import running_time

_FIELDS: Final = ("jump_seconds", "passed_seconds")


class Moved(NamedTuple):
    """By how many seconds a clock is moved."""

    jump_seconds: int = 0
    passed_seconds: int = 0


class MachineClock:
    """Call it for unix milliseconds.

    Raises:
        Stopped: the file is there and does not say by how much.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._looked_at: tuple[int, int, int] | None = None
        self._moved = Moved()
        if file is not None and file.exists():
            try:
                self._moved = _read(file)
            except (OSError, ValueError):
                raise failed(
                    f"{file.name} (clock_file) can't be read: it holds jump_seconds and passed_seconds, whole numbers."
                ) from None

    def __call__(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000 + 1000 * sum(self.moved())

    def steady(self) -> int:
        """Milliseconds of a clock that nobody sets."""
        return running_time() + 1000 * self.moved().passed_seconds

    def moved(self) -> Moved:
        """By how much this clock is moved now.  A file that can't be read, or is only half there, changes nothing."""
        if self._file is None:
            return self._moved
        try:
            found = self._file.stat()
            mark = found.st_ino, found.st_mtime_ns, found.st_size
            if mark != self._looked_at:
                self._moved, self._looked_at = _read(self._file), mark
        except FileNotFoundError:
            self._moved, self._looked_at = Moved(), None
        except (OSError, ValueError):
            pass
        return self._moved


def _read(file: Path) -> Moved:
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    if not values.keys() <= set(_FIELDS) or not all(type(one) is int for one in values.values()):
        raise ValueError("jump_seconds and passed_seconds, whole numbers")
    return Moved(**values)
