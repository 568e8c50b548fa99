# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The key file: 32-byte slots for the keys of waiting payloads, in no backup (wire.md section 6).

* When `write` returns the keys are durable; when `zero` returns they are gone from this file for good.
* A slot of zeros holds no key.  Which slots are in use is known by whoever names them: the rows of the store.
* Opening it sweeps: a key in a slot that nobody names is zeroed before anything else happens.

Zeros are written over the key in place.  A file system that copies on write (btrfs, zfs) or a flash disk may keep
the old block for a while; decision 0004 says what that means.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

KEY_SIZE = 32
_BLOCK = 4096  # slots by which the file grows: 128 kB
_NO_KEY = bytes(KEY_SIZE)
Point = Callable[[str], None]


def create(path: Path) -> None:
    """Makes an empty key file, readable by its owner only."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def destroy(path: Path) -> None:
    """Overwrites every key with zeros, durably, and removes the file."""
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        for offset in range(0, size, _BLOCK * KEY_SIZE):
            os.pwrite(handle, bytes(min(_BLOCK * KEY_SIZE, size - offset)), offset)
        os.fsync(handle)
    finally:
        os.close(handle)
    path.unlink()


class KeyFile:
    """The open key file; one thread of one process uses it at a time.  Every method may raise OSError."""

    def __init__(self, path: Path, used: Iterable[int], point: Point | None = None) -> None:
        """`used` are the slots that somebody names; `point` is told before and after each durable write."""
        self._point = point
        self._handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(self._handle, 0o600)
            whole = os.fstat(self._handle).st_size // KEY_SIZE
            os.ftruncate(self._handle, whole * KEY_SIZE)  # a part of a key at the end is no key
            taken = bytearray(whole)
            for slot in used:
                if slot >= len(taken):  # the file is younger than its store: these keys are lost, the slots are not
                    taken.extend(bytes(slot + 1 - len(taken)))
                taken[slot] = 1
            os.ftruncate(self._handle, len(taken) * KEY_SIZE)
            self._slots = len(taken)
            self._free = [slot for slot in range(self._slots - 1, -1, -1) if not taken[slot]]
            self._sweep()
        except BaseException:
            os.close(self._handle)
            raise

    def write(self, keys: Sequence[bytes]) -> list[int]:
        """Puts each key in a slot of its own, durably; the slots, in the order of the keys.

        When it fails, what was written is a key that nobody names: the caller gives the slots back or opens anew.
        """
        while len(self._free) < len(keys):
            self._grow()
        slots = [self._free.pop() for _ in keys]
        self._tell("keys:before")
        try:
            by_slot = dict(zip(slots, keys, strict=True))
            for start, run in _runs(slots):
                self._put(start, b"".join([by_slot[slot] for slot in run]))
            os.fdatasync(self._handle)
        except OSError:
            self._free.extend(reversed(slots))
            raise
        self._tell("keys:after")
        return slots

    def read(self, slot: int) -> bytes | None:
        """The key in a slot; None when it is lost."""
        key = os.pread(self._handle, KEY_SIZE, slot * KEY_SIZE)
        return None if len(key) != KEY_SIZE or key == _NO_KEY else key

    def zero(self, slots: Sequence[int]) -> None:
        """Destroys the keys in these slots, durably; the slots are free again."""
        if not slots:
            return
        self._tell("zero:before")
        for start, run in _runs(slots):
            self._put(start, bytes(len(run) * KEY_SIZE))
        os.fdatasync(self._handle)
        # Free only now: a slot that may still hold an old key on disk must not get a new one.
        self._free.extend(sorted(slots, reverse=True))
        self._tell("zero:after")

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)

    def _sweep(self) -> None:
        # A key without a row: we died between `write` and the commit, or between the commit and `zero`.
        content = os.pread(self._handle, self._slots * KEY_SIZE, 0)
        lost = [slot for slot in self._free if content[slot * KEY_SIZE : (slot + 1) * KEY_SIZE] != _NO_KEY]
        if lost:
            self._tell("sweep:before")
            for start, run in _runs(lost):
                self._put(start, bytes(len(run) * KEY_SIZE))
            os.fdatasync(self._handle)
            self._tell("sweep:after")

    def _grow(self) -> None:
        # Blocks are allocated and flushed once, so that a later flush of a key need not write the file's size.
        self._put(self._slots, bytes(_BLOCK * KEY_SIZE))
        os.fsync(self._handle)
        self._free[:0] = range(self._slots + _BLOCK - 1, self._slots - 1, -1)
        self._slots += _BLOCK

    def _put(self, slot: int, data: bytes) -> None:
        offset = slot * KEY_SIZE
        while data:
            done = os.pwrite(self._handle, data, offset)
            data, offset = data[done:], offset + done

    def _tell(self, name: str) -> None:
        if self._point is not None:
            self._point(name)


def _runs(slots: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Slots that stand side by side, each run with its first."""
    run: list[int] = []
    for slot in sorted(slots):
        if run and slot != run[-1] + 1:
            yield run[0], run
            run = []
        run.append(slot)
    if run:
        yield run[0], run
