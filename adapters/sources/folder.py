# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""Native messages as files: a folder in, one for what was read, one for what could not be read, one out.

Guarantees:
- a file is moved, never rewritten, in one step; a crash leaves it in the folder in, to be read again;
- what Schakel itself calls a file says nothing: the name is a digest of the content, or the id of an event. A name that
  the organisation gave, which may hold a number of a client, never goes further than the folder in;
- one file that can't be read, or one folder that can't be written, is a `FolderError`; the other files go on;
- a file that is too large isn't read; links and devices are never followed.

A writer that isn't done with a file calls it `.name`, `name.tmp` or `name.part` and renames it then. A file that changes
while it is read is left for the next time.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from adapters.config import EdgeConfig
from adapters.formats.batch import Part, parts

REPORT: Final = ".rapport.json"
_DAY_NS: Final = 86_400_000_000_000
_UNFINISHED: Final = frozenset({".tmp", ".part", ".partial", ".filepart"})
_OUT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}(?:\.[a-z0-9]{1,10}){1,2}")
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,10}")
_CHUNK: Final = 1 << 20


class FolderError(Exception):
    """A file or folder can't be used as asked; the sentence holds no name of a file."""


class TooLargeError(FolderError):
    """The file is larger than the settings allow; it was not read."""


@dataclass(frozen=True, slots=True)
class NativeFile:
    """A file in the folder in. `format` is None when no format is set for its suffix."""

    path: Path = field(repr=False)
    format: str | None
    size: int
    changed_ns: int
    inode: int

    @property
    def suffix(self) -> str:
        """The suffix in small letters; none when it could say something."""
        suffix = self.path.suffix.lower()
        return suffix if _SUFFIX.fullmatch(suffix) else ""


class Folder:
    """The folders of one edge; they are made when they aren't there."""

    def __init__(self, config: EdgeConfig) -> None:
        self._in, self._out = config.in_folder, config.out_folder
        self._done, self._quarantine = config.done_folder, config.quarantine_folder
        self._formats, self._largest = config.formats_in, config.largest_file
        self._largest_batch = max(config.largest_file, config.largest_batch)
        self._kept_ns = config.done_days * _DAY_NS
        for place in (self._in, self._done, self._quarantine, self._out):
            with _clear("a folder can't be made"):
                place.mkdir(parents=True, exist_ok=True)

    def files(self) -> list[NativeFile]:
        """Every whole file in the folder in, the oldest first."""
        return self._list(self._in)

    def done_files(self) -> list[NativeFile]:
        """Every file that was read, the oldest first: what is read again after a restore."""
        return self._list(self._done)

    def read(self, file: NativeFile) -> bytes:
        """The bytes of a file.

        Raises:
            TooLargeError: it is larger than the settings allow; nothing was read.
            FolderError: it can't be read, or changes while it is.
        """
        if file.size > self._largest:
            raise TooLargeError("the file is larger than largest_file allows")
        with _clear("the file can't be read"):
            descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as opened:
                data = opened.read(self._largest + 1)
                same = _is_same(os.fstat(descriptor), file)
        if not same or len(data) != file.size:
            raise FolderError("the file changed while it was read")
        return data

    @contextmanager
    def messages(self, file: NativeFile) -> Iterator[Iterator[Part]]:
        """The messages of a file one by one, none of them larger than a file with one message may be.

        Raises:
            TooLargeError: it is larger than the settings allow for many messages; nothing was read.
            FolderError: it can't be read, or changes while it is; the messages given so far were whole.
        """
        if file.size > self._largest_batch:
            raise TooLargeError("the file is larger than largest_batch allows")
        with _clear("the file can't be read"):
            descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as opened:
                if not _is_same(os.fstat(descriptor), file):
                    raise FolderError("the file changed while it was read")
                yield parts(opened, self._largest)
                if not _is_same(os.fstat(descriptor), file):
                    raise FolderError("the file changed while it was read")

    def done(self, file: NativeFile) -> Path:
        """Move a file that was read to the folder done, once the outbox has what it says."""
        return self._move(file, self._done, self.label(file))

    def quarantine(self, file: NativeFile, report: bytes) -> Path:
        """Move a file that could not be read to quarantine, its problem report beside it."""
        label = self.label(file)
        # The report first. A crash here: the file is read and quarantined again, with the same report.
        _write(self._quarantine, label + REPORT, report)
        return self._move(file, self._quarantine, label)

    def quarantine_message(self, name: str, data: bytes | None, report: bytes) -> None:
        """Put one message of a file with many in quarantine, its report beside it; the file itself stays."""
        # The report first, as for a file. A crash anywhere: both are written again, with the same names and contents.
        _write(self._quarantine, name + REPORT, report)
        if data is not None:
            _write(self._quarantine, name, data)

    def label(self, file: NativeFile) -> str:
        """What Schakel calls this file, also in its report: a digest of the content, and the suffix."""
        digest, left = sha256(), self._largest_batch + 1
        try:
            with _clear("the file can't be read"):
                descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with os.fdopen(descriptor, "rb") as opened:
                    while left and (chunk := opened.read(min(_CHUNK, left))):
                        digest.update(chunk)
                        left -= len(chunk)
        except FolderError:
            # Not readable: where it stands on the disk names it as well, and says as little.
            return f"onleesbaar-{file.inode}-{file.changed_ns}{file.suffix}"
        if file.size > self._largest_batch:
            digest.update(file.size.to_bytes(8, "big"))
        return digest.hexdigest()[:32] + file.suffix

    def write_out(self, name: str, data: bytes) -> Path:
        """Write a notice, whole or not at all; one with the same name is replaced, so repeating does no harm."""
        if _OUT_NAME.fullmatch(name) is None:
            raise ValueError("the name of a notice is made of an event id and a suffix")
        _write(self._out, name, data)
        return self._out / name

    def clear_done(self, now: int) -> int:
        """Remove what was moved to the folder done longer ago than the settings say; how many. `now` in milliseconds."""
        removed = 0
        for file in self._list(self._done):
            with _clear("a file in the folder done can't be removed"):
                # The time of the move: a rename changes it, and leaves the time of the content.
                if os.lstat(file.path).st_ctime_ns + self._kept_ns < now * 1_000_000:
                    file.path.unlink()
                    removed += 1
        return removed

    def _list(self, folder: Path) -> list[NativeFile]:
        found = []
        with _clear("a folder can't be read"), os.scandir(folder) as entries:
            for entry in entries:
                suffix = Path(entry.name).suffix.lower()
                if entry.name.startswith(".") or suffix in _UNFINISHED:
                    continue
                try:
                    state = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # its owner took it back
                    continue
                if stat.S_ISREG(state.st_mode):
                    found.append(
                        NativeFile(
                            Path(entry.path),
                            self._formats.get(suffix),
                            state.st_size,
                            state.st_mtime_ns,
                            state.st_ino,
                        )
                    )
        return sorted(found, key=lambda one: (one.changed_ns, one.path.name))

    def _move(self, file: NativeFile, folder: Path, name: str) -> Path:
        with _clear("the file can't be moved"):
            if not _is_same(os.lstat(file.path), file):
                raise FolderError("the file changed while it was being read")
            # The same name is the same content: replacing it loses nothing.
            try:
                file.path.rename(folder / name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # The folders lie on two disks. A crash between the two lines: the file is read again.
                _write(folder, name, file.path.read_bytes())
                file.path.unlink()
            _flush(folder)
            _flush(file.path.parent)
        return folder / name


def _is_same(state: os.stat_result, file: NativeFile) -> bool:
    return (state.st_size, state.st_mtime_ns, state.st_ino) == (file.size, file.changed_ns, file.inode)


def _write(folder: Path, name: str, data: bytes) -> None:
    """A new file that appears whole, and is on the disk when this returns."""
    unfinished = folder / f".{name}.tmp"
    with _clear("a file can't be written"):
        try:
            descriptor = os.open(
                unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640
            )
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            unfinished.rename(folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _flush(folder)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _clear(sentence: str) -> Iterator[None]:
    """An error of the system as a sentence; its own text holds the name of the file."""
    try:
        yield
    except OSError as error:
        raise FolderError(f"{sentence}: {error.strerror or 'the system refused it'}") from None
