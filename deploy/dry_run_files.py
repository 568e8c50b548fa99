# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The files of a dry run: which they are, and reading them one after the other.

* A folder stands for the files in it; what it holds besides is counted, and never passed over in silence.
* A file that can't be read is refused alone, and the others are read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from deploy.dry_run import DryRun, Outcome
from deploy.exits import refused
from deploy.file_names import STANDARD_INPUT, masked


def all_files(given: Sequence[Path]) -> list[Path]:
    """Every file that was given, and those in the folders that were."""
    found = [file for path in given for file in (_files_in(path) if path.is_dir() else [path])]
    if not found:
        raise refused(
            "There is no file in this folder, so there is nothing to read; folders inside it are not looked into."
        )
    return found


def _files_in(folder: Path) -> list[Path]:
    seen = list(folder.iterdir())
    hidden = [one for one in seen if one.name.startswith(".")]
    folders = [one for one in seen if one not in hidden and one.is_dir()]
    files = [one for one in seen if one not in hidden and one.is_file()]
    odd = len(seen) - len(hidden) - len(folders) - len(files)
    counts = (
        (len(folders), "folder(s)"),
        (len(hidden), "hidden"),
        (odd, "no file but a pipe, a socket or a link to nothing"),
    )
    if passed := ", ".join(f"{count} {what}" for count, what in counts if count):
        click.echo(f"Passed over in {masked(folder.name) or 'this folder'}: {passed}.", err=True)
    return sorted(files)


def size_of(path: Path) -> int:
    """Its bytes, as far as can be told before it is read."""
    if path == STANDARD_INPUT:
        return 0
    try:
        return path.stat().st_size
    except OSError:  # reading it will say why
        return 0


def read_file(dry_run: DryRun, path: Path, name: str, advance: Callable[[int], None]) -> Iterator[Outcome]:
    """What became of each message in this file; `advance` is called after each with the bytes that were read for it."""
    if (refused_at_once := dry_run.too_large(name, size_of(path))) is not None:
        yield refused_at_once
        return
    try:
        with _opened(path) as file:
            done, counts = 0, file.seekable() and path != STANDARD_INPUT
            for outcome in dry_run.read(name, file, path.suffix):
                yield outcome
                now = file.tell() if counts else 0
                advance(now - done)
                done = now
    except OSError:  # its own text names the file
        yield dry_run.unreadable(name)
        advance(0)


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else path.open("rb")
