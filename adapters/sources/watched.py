# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A folder that is watched: a file is taken when it is whole, that is, the same at two looks in a row and open for writing
in no process of this machine.

Guarantees: who writes slowly into the folder in, without a name that says so, is waited for; one such file keeps no
other from being taken. Where the system doesn't say who writes (a file of another user, a network file system), the two
looks alone decide. A file that was given and stays (it waits for the hub) is given again at each pass, but is news
only once.
"""

import fcntl
import os
import signal
from pathlib import Path

from adapters.config import EdgeConfig
from adapters.sources.folder import Folder, NativeFile


class WatchedFolder(Folder):
    """The folders of one edge, whose folder in is looked at again and again."""

    def __init__(self, config: EdgeConfig) -> None:
        super().__init__(config)
        self._seen: frozenset[NativeFile] = frozenset()
        self._whole: frozenset[NativeFile] = frozenset()
        self._given: frozenset[NativeFile] = frozenset()

    def look(self) -> bool:
        """Looks once; whether there is a whole file that wasn't given before.

        Raises:
            FolderError: the folder can't be read.
        """
        now = frozenset(super().files())
        same = now & self._seen
        self._whole = frozenset(file for file in same if file in self._whole or not _is_written(file.path))
        self._seen = now
        self._given &= now
        return bool(self._whole - self._given)

    def files(self) -> list[NativeFile]:
        """Every file that was whole at the last look and hasn't changed since, the oldest first."""
        found = [file for file in super().files() if file in self._whole]
        self._given |= frozenset(found)
        return found


def _is_written(path: Path) -> bool:
    """Whether a process of this machine has it open for writing, as far as the system says: then it gives no lease."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # taken away meanwhile
        return False
    try:
        # Who opens it in this very moment waits until the lease is gone, and the sign of that must not end this process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False
