# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The folder quarantine as a person needs it: letters that wait to be read, apart from what is damaged.

* Whether a file is a letter stands in its report and nowhere else; a report that is damaged or gone makes it none.
* A letter is taken apart only to be shown to the person who asks for it: nothing of it is kept or goes anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from adapters.formats.medvri import text_of
from adapters.formats.native import Keyword
from adapters.sources.folder import REPORT

_LARGEST_REPORT: Final = 1 << 20
_SEGMENT: Final = re.compile(r"((?:[^'?]|\?.)*)'", re.DOTALL)
_BETWEEN: Final = re.compile(r"(?<!\?)((?:\?\?)*)([+:])")
_RELEASED: Final = re.compile(r"\?(.)", re.DOTALL)
# What a segment of a letter says, in the words of who reads it; the others are of the envelope.
WORDS: Final[Mapping[str, str]] = {
    "UNH": "brief",
    "GGA": "van",
    "DET": "datum",
    "PID": "over",
    "PAD": "adres",
    "TXT": "",
    "GGO": "aan",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A file with letters that wait for a person: its name, how many there are, and since when, in unix seconds."""

    file: Path
    number: int
    since: float

    @property
    def name(self) -> str:
        """What Schakel calls it: a digest of the content."""
        return self.file.name

    @property
    def report(self) -> Path:
        """The problem report beside it."""
        return self.file.with_name(f"{self.file.name}{REPORT}")


@dataclass(frozen=True, slots=True)
class PutAside:
    """What lies in the folder quarantine: letters, the oldest first, and how many files that could not be read."""

    letters: tuple[Letter, ...]
    damaged: int


def put_aside(place: Path) -> PutAside:
    """Look into the folder; a file that goes meanwhile is not counted."""
    letters, damaged = [], 0
    try:
        files = [one for one in place.iterdir() if not one.name.endswith(REPORT)]
    except OSError:
        files = []
    for file in files:
        number = _letters(file.with_name(f"{file.name}{REPORT}"))
        try:
            since = file.lstat().st_mtime
        except OSError:
            continue
        if number:
            letters.append(Letter(file, number, since))
        else:
            damaged += 1
    return PutAside(tuple(sorted(letters, key=lambda one: (one.since, one.name))), damaged)


def _letters(report: Path) -> int:
    """How many letters a report speaks of; none where it says anything else."""
    try:
        if report.stat().st_size > _LARGEST_REPORT:
            return 0
        faults = orjson.loads(report.read_bytes())["fouten"]
        said = [str(fault["fout"]) for fault in faults]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return len(said) if set(said) == {Keyword.FOR_A_PERSON} else 0


def shown(data: bytes) -> Iterator[tuple[str, str]]:
    """What a letter says, line by line: what it is, and the words; raises `Malformed`."""
    count = 0
    for found in _SEGMENT.finditer(text_of(data)):
        segment = found[1].lstrip("\r\n ")
        name = re.split(r"[+:]", segment, maxsplit=1)[0]
        if name not in WORDS:
            continue
        if name == "UNH":
            count += 1
            yield f"{WORDS[name]} {count}", ""
        else:
            yield WORDS[name], _said(segment.partition("+")[2])


def _said(elements: str) -> str:
    plain = _BETWEEN.sub(lambda one: one[1] + (", " if one[2] == "+" else " "), elements)
    words = _RELEASED.sub(r"\1", plain)
    # Signs that would steer a terminal are none of a letter's.
    words = "".join(sign if sign.isprintable() else " " for sign in words)
    return re.sub(r"(?:, ){2,}", ", ", re.sub(r" {2,}", " ", words)).strip(" ,")
