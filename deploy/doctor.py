# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What a doctor looks at, at hub and edge alike: one small function per subject, findings in plain words.

* A finding that is not well says what to do.  None holds a key, or anything of a citizen.
* A check changes nothing but the test commit of the store.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.calendar import date_text

ROOM = 1 << 29  # bytes that must be free
MANIFEST_DAYS = 7  # an edge that works renews its manifest ten days before its end
CLOCK_MS = 2_000
WAITING_SECONDS = 3_600  # of a file in the folder in
LETTER_SECONDS = 7 * 86_400
OWN_CODES = "Look at its own codes in edge.toml: municipality_code, agb, own_sources."
_SEED = 64
_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a subject; `remedy` is empty when all is well."""

    subject: str
    well: bool
    says: str
    remedy: str = ""


def fine(subject: str, says: str) -> Finding:
    """All is well."""
    return Finding(subject, True, says)


def wrong(subject: str, says: str, remedy: str) -> Finding:
    """Something is not well."""
    return Finding(subject, False, says[:1].upper() + says[1:] + ("" if says.endswith(".") else "."), remedy)


def private(subject: str, place: Path) -> Finding:
    """A key file, or the data folder: there, and for its owner only."""
    try:
        mode = place.stat().st_mode
    except OSError as error:
        return wrong(subject, f"{place} can't be read: {error.strerror}", "Put it back from its back-up.")
    if stat.S_IMODE(mode) & _OTHERS:
        right = "700" if stat.S_ISDIR(mode) else "600"
        return wrong(subject, f"Others than the owner may use {place}.", f"Run `chmod {right}` on it.")
    return fine(subject, "It is there, and for its owner only.")


def seed(subject: str, file: Path) -> Finding:
    """The key file of a log or a store: 64 hexadecimals, for its owner only."""
    found = private(subject, file)
    if not found.well:
        return found
    try:
        text = file.read_bytes().removesuffix(b"\n").decode("ascii")
        whole = len(text) == _SEED and len(bytes.fromhex(text)) * 2 == _SEED
    except (OSError, ValueError):
        whole = False
    if whole:
        return found
    return wrong(subject, f"{file} doesn't hold a key of 64 hexadecimals.", "Put it back from its back-up.")


def room(folder: Path, free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free) -> Finding:
    """The disk of a folder."""
    try:
        left = free(folder)
    except OSError as error:
        return wrong("disk", f"{folder} can't be looked at: {error.strerror}", "Look whether its disk is mounted.")
    megabytes = f"{left >> 20} MB are free on the disk of {folder}."
    if left >= ROOM:
        return fine("disk", megabytes)
    return wrong("disk", megabytes, f"Make room: below {ROOM >> 20} MB it is soon full, and then nothing is taken.")


def clock(now: int, newest: int) -> Finding:
    """The clock of the machine against the newest time that the store knows, both in unix milliseconds."""
    behind = newest - now
    if behind <= CLOCK_MS:
        return fine("clock", "It is not behind the last commit.")
    return wrong(
        "clock",
        f"The clock is {behind // 1000} s behind the last commit: it was set back, or it ran ahead before.",
        "Let the machine set its clock by NTP and see that it stays right (`timedatectl`); until it has caught up, "
        "time stands still for what has a term.",
    )


def moved(settings: str) -> Finding:
    """The clock may be moved, which is for tests and drills."""
    return wrong(
        "clock_file", "A file moves the clock of this process.", f"Is this no test or drill, take it out of {settings}."
    )


def manifest(subject: str, until: int | None, today: int, *, own: bool) -> Finding:
    """The days that the manifest of an address is still valid: keys of a manifest that is over are not accepted."""
    work = "Let this edge work: " if own else "Ask that partner whether its edge works: "
    remedy = work + "it renews its manifest by itself ten days before the end (`schakel edge run`)."
    if until is None:
        return wrong(subject, "There is no manifest.", remedy)
    left = until - today + 1
    if left <= 0:
        return wrong(subject, f"Its keys were valid until {date_text(until)}; nothing of it is accepted now.", remedy)
    if left < MANIFEST_DAYS:
        return wrong(subject, f"Its keys are valid until {date_text(until)} and were not renewed.", remedy)
    return fine(subject, f"Valid until {date_text(until)}, {left} days.")


def folder(subject: str, place: Path) -> Finding:
    """A folder in which files come or go."""
    if not place.exists():
        return wrong(subject, f"{place} is not there.", "Make it, or let `schakel edge work` make it.")
    if not place.is_dir():
        return wrong(subject, f"{place} is no folder.", "Move that file away, or set another folder in edge.toml.")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return wrong(subject, f"{place} can't be read and written.", "Give the user of the edge the right to.")
    return fine(subject, "It is there, and can be written.")


def damaged(number: int, report: str) -> Finding:
    """What could not be read, and lies in the folder quarantine."""
    if not number:
        return fine("quarantine", "Nothing was put aside.")
    files = "1 file was put aside because it" if number == 1 else f"{number} files were put aside because they"
    return wrong(
        "quarantine",
        f"{files} could not be read.",
        f"Read the report beside each (*{report}), mend it at its source, and move it away.",
    )


def of_others(number: int, days: int) -> Finding:
    """Messages that were read and that are neither from nor to this organisation."""
    if not number:
        return fine("own codes", f"What was read in the last {days} days was from or to this organisation.")
    says = "1 message" if number == 1 else f"{number} messages"
    return wrong(
        "own codes",
        f"{says} of the last {days} days {'was' if number == 1 else 'were'} neither from nor to this organisation: nothing was told.",
        OWN_CODES + " Else see that the own system no longer puts here what is not of this organisation.",
    )


def letters(since: Sequence[float], now: float) -> Finding:
    """Letters in free text, by when they came; one that waits long is in nobody's hands. `now` in unix seconds."""
    if not since:
        return fine("letters", "None waits for a person.")
    waits = "1 letter waits" if len(since) == 1 else f"{len(since)} letters wait"
    if min(since) > now - LETTER_SECONDS:
        return fine("letters", f"{waits} for a person: `schakel edge letters`.")
    return wrong(
        "letters",
        f"{waits} for a person, the oldest longer than a week.",
        "Have somebody read them (`schakel edge letters`): nothing of them goes to anyone by itself.",
    )


def not_taken(place: Path, now: float | None = None) -> Finding:
    """Files that wait in the folder in; `now` in unix seconds."""
    end = (time.time() if now is None else now) - WAITING_SECONDS
    number = sum(_changed(place / name) < end for name in _names(place) if not name.startswith("."))
    if not number:
        return fine("files to take", "None waits longer than an hour.")
    return wrong(
        "files to take",
        f"{number} in {place} wait longer than an hour.",
        "Let the edge run (`schakel edge run`, or `edge work` from a timer). Allocations also wait for the hub.",
    )


def _names(place: Path) -> list[str]:
    try:
        return [one.name for one in place.iterdir()]
    except OSError:  # `folder` says so
        return []


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # taken meanwhile
        return float("inf")
