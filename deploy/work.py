# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""One pass of an edge: the folder in, the outbox, the pick-up, the notices.

* A file that can't be read goes to quarantine with its problem report, and the rest goes on; of a file with many messages
  one bad message goes there alone.
* A file is moved to the folder done only when the outbox has what it says; a crash anywhere repeats and loses nothing.
* A file that holds an allocation waits in the folder in while the hub can't be reached, or is not to be asked; all else is
  taken.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain

from adapters.clients import ClientConflictError
from adapters.config import EdgeConfig
from adapters.edge import Edge, Worked
from adapters.format_names import AUTO
from adapters.formats import READERS, WRITERS, the_format
from adapters.formats.batch import Part
from adapters.formats.native import Fault, Keyword, Malformed, NativeEvent, Reader
from adapters.intake import Arrived, Taken
from adapters.problem import report_on
from adapters.sources.folder import Folder, FolderError, NativeFile, TooLargeError
from hub.client import HubUnavailableError

_NO_FORMAT = "?"
_DAY_MS = 86_400_000
_HELD = 4 << 20  # bytes of messages that wait to be taken together
_CONFLICT = (Fault("/", Keyword.CLIENT_CONFLICT),)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did.  `left`: files that stay in the folder in, to be read at the next pass; `of_others`: messages that were
    neither from nor to this organisation."""

    read: int = 0
    quarantined: int = 0
    left: int = 0
    told: int = 0
    not_shared: int = 0
    grants: int = 0
    retracted: int = 0
    sent: int = 0
    picked_up: int = 0
    notices: int = 0
    published: bool = True
    waits: str = ""
    hub_away: bool = False
    of_others: int = 0


@dataclass(slots=True)
class _Count:
    together: int
    asks: bool = True
    read: int = 0
    quarantined: int = 0
    left: int = 0
    told: int = 0
    not_shared: int = 0
    grants: int = 0
    retracted: int = 0
    of_others: int = 0


async def one_pass(  # noqa: PLR0913  # what a pass may do is one setting each
    edge: Edge,
    config: EdgeConfig,
    clock: Callable[[], int],
    folder: Folder | None = None,
    *,
    exchange: bool = True,
    asks: bool = True,
    together: int = 100,
    topics_again: Callable[[int], Awaitable[bool]] | None = None,
) -> Pass:
    """Everything that an edge has to do now; without `exchange` all but the exchange with the hub, without `asks` also what asks
    anything of it.

    `together`: of a file with many messages, so many are taken in one commit. `topics_again`: reads the topics again from a
    time on, after a restore; whether all was. Without it an edge with topics waits for the process that reads them.

    Raises:
        LogForkError, FalseManifestError: a person must look; what was read stays read.
    """
    folder = folder or Folder(config)
    readers = {name: entry(config.formats) for name, entry in READERS.items()}
    count = _Count(together, asks)
    if not await _read_again(edge, folder, readers, count) or not await _topics_again(edge, config, topics_again):
        count.left = len(folder.files())
    else:
        for file in folder.files():
            try:
                await _take(edge, folder, readers, file, count)
            except (FolderError, HubUnavailableError):
                count.left += 1
    sent = picked_up = 0
    published, waits, away = True, "", False
    try:
        worked = await edge.work() if exchange else Worked()
        sent, picked_up, published, waits = worked.sent, worked.picked_up, worked.published, worked.waits
    except HubUnavailableError:
        away = True
    written = 0
    if config.notices_out is not None and (config.streams is None or config.streams.notices_topic is None):
        written = edge.write_notices(WRITERS[config.notices_out](), lambda name, data: _out(folder, name, data))
    if not edge.is_restoring() and edge.reads_again() is None:  # a person may take longer than these files are kept
        folder.clear_done(clock())
    return Pass(
        count.read,
        count.quarantined,
        count.left,
        count.told,
        count.not_shared,
        count.grants,
        count.retracted,
        sent,
        picked_up,
        written,
        published,
        waits,
        away,
        count.of_others,
    )


async def _read_again(edge: Edge, folder: Folder, readers: dict[str, Reader], count: _Count) -> bool:
    """After a restore of this edge: the folder done, the oldest file first; whether new files may be read."""
    restored = edge.restoring()
    if restored is not None and restored.anew_at is None:
        return False  # a person, or the hub, comes first
    if edge.reads_again() is None:
        return True
    for file in folder.done_files():
        try:
            if await _took_batch(edge, folder, readers, file, count, again=True):
                continue
            data = folder.read(file)
            events = _events(readers, file, data)
            digest, came_at = hashlib.sha256(data).digest(), file.changed_ns // 1_000_000
            taken = await edge.take_native(digest, events, came_at, again=True)
        except (FolderError, Malformed, ClientConflictError):
            count.left += 1  # it was read before and can't be now: said, and the others go on
            continue
        except HubUnavailableError:
            return False  # the rest at the next pass: those that were read change nothing
        _counted(count, taken)
    return True


async def _topics_again(edge: Edge, config: EdgeConfig, read: Callable[[int], Awaitable[bool]] | None) -> bool:
    """After a restore of this edge, and after its folder: the topics, from as long ago as the folder done goes."""
    restored = edge.reads_again()
    if restored is None:
        return True
    if config.streams is not None and config.streams.topics:
        since = min(restored.saved_at, restored.at - config.done_days * _DAY_MS)
        if read is None or not await read(since):
            return False
    edge.has_read_again()
    # A crash before this line: folder and topics are read again from the beginning, and what was taken is known.
    return True


def _out(folder: Folder, name: str, data: bytes) -> None:
    folder.write_out(name, data)


async def _take(edge: Edge, folder: Folder, readers: dict[str, Reader], file: NativeFile, count: _Count) -> None:
    if await _took_batch(edge, folder, readers, file, count):
        # Each message is on disk at the edge or in quarantine. A crash here: the file is read again, and what was taken of
        # it is known by its digest.
        folder.done(file)
        return
    try:
        data = folder.read(file)
    except TooLargeError:
        _quarantine(folder, file, (Fault("/", Keyword.TOO_LARGE),), count)
        return
    try:
        events = _events(readers, file, data)
        came_at = file.changed_ns // 1_000_000
        taken = await edge.take_native(hashlib.sha256(data).digest(), events, came_at, asks=count.asks)
    except Malformed as error:
        _quarantine(folder, file, error.faults, count, data)
    except ClientConflictError:
        _quarantine(folder, file, _CONFLICT, count)
    else:
        # On disk at the edge. A crash here: the file is read again and its digest is known.
        folder.done(file)
        _counted(count, taken)


async def _took_batch(
    edge: Edge, folder: Folder, readers: dict[str, Reader], file: NativeFile, count: _Count, *, again: bool = False
) -> bool:
    """Take a file with many messages, each by itself; False when it has one, or is too large for many.

    A crash on the way leaves the file where it is: what was taken is known, and is not told twice.
    """
    try:
        with folder.messages(file) as messages:
            first, second = next(messages), next(messages, None)
            if second is None:
                return False
            batch = _Batch(edge, folder, readers, file, count, again)
            for part in chain((first, second), messages):
                await batch.add(part)
                await asyncio.sleep(0)  # what else this process does goes on between two messages
            await batch.take()
    except TooLargeError:
        return False
    return True


@dataclass(slots=True)
class _Batch:
    """A file with many messages on its way to the edge, some together; a bad one goes alone, under its own digest."""

    edge: Edge
    folder: Folder
    readers: dict[str, Reader]
    file: NativeFile
    count: _Count
    again: bool
    waiting: list[tuple[Part, Arrived]] = field(default_factory=list)
    label: str | None = None

    async def add(self, part: Part) -> None:
        """Read one message; what is good waits until there are enough to be taken together."""
        if part.data is None:
            self._refuse(part, (Fault("/", Keyword.TOO_LARGE),))
            return
        digest, came_at = hashlib.sha256(part.data).digest(), self.file.changed_ns // 1_000_000
        if self.edge.knows(digest, came_at):
            # So a batch that was cut short goes on where it was, however often that happens.
            self.count.read += 1
            return
        try:
            events = _events(self.readers, self.file, part.data)
        except Malformed as error:
            self._refuse(part, error.faults)
            return
        self.waiting.append((part, Arrived(digest, events, came_at)))
        if len(self.waiting) >= self.count.together or sum(len(one.data or b"") for one, _ in self.waiting) > _HELD:
            await self.take()

    async def take(self) -> None:
        """Take what waits: together, and each alone where one of them can't be taken."""
        waiting, self.waiting = self.waiting, []
        try:
            arrived, asks = [one for _, one in waiting], self.count.asks
            done = await self.edge.take_together(arrived, again=self.again, asks=asks) if waiting else []
        except ClientConflictError:
            if len(waiting) == 1:
                self._refuse(waiting[0][0], _CONFLICT)
                return
            for one in waiting:
                self.waiting = [one]
                await self.take()
            return
        for taken in done:
            _counted(self.count, taken)

    def _refuse(self, part: Part, faults: tuple[Fault, ...]) -> None:
        if self.again:
            return  # it was in quarantine before this edge was put back, or is too late for it: the file is kept
        label, file = self._label_of_all(), self.file
        name = f"{label}-{part.number}" if part.data is None else _named(part.data) + file.suffix
        report = report_on(label, file.format or _NO_FORMAT, faults, part.data, part.number)
        self.folder.quarantine_message(name, part.data, report)
        self.count.quarantined += 1

    def _label_of_all(self) -> str:
        """What the file is called, of which all of it must be read: once, however many are refused."""
        if self.label is None:
            self.label = self.folder.label(self.file)
        return self.label


def _named(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _counted(count: _Count, taken: Taken) -> None:
    count.read += 1
    count.told += taken.told
    count.not_shared += taken.not_shared
    count.grants += taken.grants
    count.retracted += taken.retracted
    count.of_others += taken.of_others


def _events(readers: dict[str, Reader], file: NativeFile, data: bytes) -> list[NativeEvent]:
    if file.format is None:  # no format is set for its suffix
        raise Malformed((Fault("/", Keyword.VOCABULARY),))
    name = the_format(data) if file.format == AUTO else file.format
    return readers[name].read(data)


def _quarantine(
    folder: Folder, file: NativeFile, faults: tuple[Fault, ...], count: _Count, data: bytes | None = None
) -> None:
    folder.quarantine(file, report_on(folder.label(file), file.format or _NO_FORMAT, faults, data))
    count.quarantined += 1
