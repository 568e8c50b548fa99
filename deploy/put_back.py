# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Copies of a store, put back in its place: files only, for hub and edge alike.

* A copy is looked at before anything is moved: what can't be opened replaces nothing.
* What stood there is moved aside, never overwritten; only the keys of payloads that waited are destroyed.
* Stopped anywhere, the same command goes on: the store has its name last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.compose import STORE_FILE, STORE_KEYS, STORE_LOCK, try_store
from deploy.exits import failed, refused
from hub import key_file, sqlite_file
from hub.config import HubConfig
from hub.greatest import GreatestFile
from hub.store import StoreError

_TRIED = "tried"  # the folder in which a copy is opened before it counts
_ASIDE = "replaced-"


def put_hub_back(config: HubConfig, copy: Path, now: int) -> Path | None:
    """Puts a copy of the store in its place; where what stood there is now.  The hub must not run.

    Raises:
        StoreError: a hub runs.
        Stopped: the copy is none.
    """
    folder = config.data_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sqlite_file.lock(folder / STORE_LOCK):
        tried = folder / _TRIED
        _try_hub(copy, tried)
        GreatestFile(config.greatest_file).was_put_back()
        # From here on the next start is in recovery, whichever store it finds.
        if (folder / STORE_KEYS).exists():
            key_file.destroy(folder / STORE_KEYS)
        # The payloads that waited can't be read any more, in the store that is moved aside neither.
        aside = move_aside(folder, (STORE_FILE, f"{STORE_FILE}-wal", f"{STORE_FILE}-shm"), now)
        (tried / STORE_FILE).rename(folder / STORE_FILE)
        # A crash before this line: there is no store, and the command is given again.
        sqlite_file.sync_folder(folder)
        shutil.rmtree(tried)
        return aside


def say_put_back(config: HubConfig) -> None:
    """The next start begins in recovery, whatever the store holds.  The hub must not run.

    Raises:
        StoreError: a hub runs.
    """
    config.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with sqlite_file.lock(config.data_folder / STORE_LOCK):
        GreatestFile(config.greatest_file).was_put_back()
        # Durable. A crash before: the command is given again.


def move_aside(folder: Path, names: Sequence[str], now: int) -> Path | None:
    """Moves these files into a folder of their own beside them; that folder, None when there was nothing."""
    there = [name for name in names if (folder / name).exists()]
    if not there:
        return None
    aside = folder / f"{_ASIDE}{now // 1000}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in there:
        (folder / name).rename(aside / name)
    sqlite_file.sync_folder(aside)
    sqlite_file.sync_folder(folder)
    return aside


def copy_file(source: Path, target: Path) -> None:
    """A private copy of a file, on disk when this returns.

    Raises:
        Stopped: it can't be read or written.
    """
    try:
        target.unlink(missing_ok=True)
        with source.open("rb") as read:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as written:
                shutil.copyfileobj(read, written)
                written.flush()
                os.fsync(descriptor)
    except OSError as error:
        raise failed(f"The copy can't be read, or not be written here: {error.strerror}.") from None


def _try_hub(copy: Path, tried: Path) -> None:
    if tried.exists():
        shutil.rmtree(tried)
    tried.mkdir(mode=0o700)
    copy_file(copy, tried / STORE_FILE)
    try:
        try_store(tried)
    except StoreError as error:
        shutil.rmtree(tried)
        raise refused(f"This is no copy of a hub's store, or it is damaged: {_short(error)}.") from None
    (tried / STORE_KEYS).unlink()
    (tried / STORE_LOCK).unlink(missing_ok=True)


def _short(error: Exception) -> str:
    return str(error).rpartition(": ")[2]
