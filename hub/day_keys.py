# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The keys of the days: one small file on each machine of a hub, in no backup (delivery.md section 5).

The key of a waiting payload stands in the database, wrapped under the key of its day.  So the database, a copy or a
backup of it opens nothing without this file, and nothing at all once the day's key is destroyed.

* When `make` returns the keys are durable; when `destroy` returns they are overwritten, durably.
* A key once written is never replaced: what another process on this machine made is what counts.
* A slot that was half written when the machine died holds no key: its check does not fit.

Several machines need the same file; the database knows the name of each key, so a machine that lacks one, or has
another, is told so and accepts nothing under it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.store import StoreError

LONGEST_DAYS = 8  # a payload waits for seven; one more, and the key of its day is destroyed
_SLOTS = 64
_SLOT = 64  # day, key, check
_CHECK = 24
_KEY = 32


def name_of(key: bytes) -> bytes:
    """The name of a key, which says nothing of it."""
    return hashlib.sha256(b"schakel/day-key/v1\0" + key).digest()[:16]


class DayKeys:
    """The file of day keys.  Every call opens it anew, so what another process wrote is seen.

    `slots` is room for so many keys, `unit` what one is the key of.
    """

    def __init__(self, path: Path, slots: int = _SLOTS, unit: str = "day") -> None:
        self._path, self._slots, self._unit = path, slots, unit

    def read(self) -> dict[int, bytes]:
        """The keys by their day.

        Raises:
            StoreError: others may read the file, or it can't be read.
        """
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise StoreError(f"others than the owner may use {self._path}; run `chmod 600` on it")
                content = file.read(self._slots * _SLOT)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"the {self._unit} keys can't be read ({error.strerror})") from error
        return dict(_parsed(content))

    def make(self, days: Iterable[int], random: Callable[[int], bytes] = os.urandom) -> dict[int, bytes]:
        """Makes the keys of those of these days that have none; all keys.

        Raises:
            StoreError: they can't be written, or the place of one is taken by a day that is not over.
        """
        with self._opened() as handle:
            keys = self.read()
            for day in days:
                if day in keys:
                    continue
                if any(one % self._slots == day % self._slots for one in keys):
                    raise StoreError(
                        f"the file of {self._unit} keys has no room for this {self._unit}; is the clock right?"
                    )
                keys[day] = random(_KEY)
                os.pwrite(handle, _slot(day, keys[day]), day % self._slots * _SLOT)
            os.fdatasync(handle)
            # A crash before this: a day has no key, or one that nothing was wrapped under.
            return keys

    def destroy(self, before: int) -> int:
        """Overwrites the keys of the days before this one; how many.

        Raises:
            StoreError: they can't be written over.
        """
        old = [day for day in self.read() if day < before]
        if old:
            with self._opened() as handle:
                for day in old:
                    os.pwrite(handle, bytes(_SLOT), day % self._slots * _SLOT)
                os.fdatasync(handle)
                # Now what was wrapped under them opens nowhere, in no copy either.
        return len(old)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(f"the {self._unit} keys can't be written ({error.strerror})") from error


def _slot(day: int, key: bytes) -> bytes:
    head = day.to_bytes(8, "big") + key
    return head + hashlib.sha256(head).digest()[:_CHECK]


def _parsed(content: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(content), _SLOT):
        slot = content[at : at + _SLOT]
        day, key = int.from_bytes(slot[:8], "big"), slot[8 : 8 + _KEY]
        if slot == _slot(day, key):
            yield day, key
