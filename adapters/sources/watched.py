# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
"""A folder that is watched: a file is taken when it is whole, that is, the same at two looks in a row.

Guarantees: who writes slowly into the folder in, without a name that says so, is waited for; one such file keeps no
other from being taken. A file that was given and stays (it waits for the hub) is given again at each pass, but is news
only once.
"""

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
        self._whole = now & self._seen
        self._seen = now
        self._given &= now
        return bool(self._whole - self._given)

    def files(self) -> list[NativeFile]:
        """Every file that was whole at the last look and hasn't changed since, the oldest first."""
        found = [file for file in super().files() if file in self._whole]
        self._given |= frozenset(found)
        return found
