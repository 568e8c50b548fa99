# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The local socket of a running process: how a command reaches the one that has the store.

* It stands in the data folder with mode 0600, and only the same user (or root) is answered.
* One request and one answer per connection, each one line of JSON.  What a request holds on to (a store that was lent)
  it holds until the caller closes the connection, also when the caller is killed.
* An answer to a failed request is a code or a sentence, never a traceback.

Only whoever has the lock of the store may begin to listen: what lies there from a killed process is replaced.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from hub.client import HubUnavailableError, RefusedError
from hub.store import StoreError
from schemas.codes import Code

NAME = "control.sock"
LARGEST = 1 << 24  # bytes of a request or an answer
_REQUEST_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_AGAIN_SECONDS = 0.2

Values = Mapping[str, Any]  # what JSON can hold
Handler = Callable[[Values], AbstractAsyncContextManager[Values]]


class ControlError(Exception):
    """The running process did not do what was asked; the sentence says why."""


class ControlServer:
    """Listens beside the store.  `handlers`: per word what is done; a handler's context lasts as long as its caller."""

    def __init__(self, folder: Path, handlers: Mapping[str, Handler]) -> None:
        self._folder = folder
        self._handlers = handlers
        self._listening: socket.socket | None = None
        self._inode = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def listens(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._listening is not None

    async def start(self) -> None:
        """Begins to listen.  The caller has the lock of the store."""
        self._listening, self._inode = _bound(self._folder)
        self._listen()

    async def stop(self) -> None:
        """Takes nothing new; callers that are still there are let go of."""
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        asyncio.get_running_loop().remove_reader(listening)
        with suppress(OSError):
            if os.lstat(self._folder / NAME).st_ino == self._inode:  # not that of who came after
                (self._folder / NAME).unlink()
        listening.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _let_in(self) -> None:
        """Called when somebody knocks; no task, so that nobody is let in and then forgotten."""
        if self._listening is None:
            return
        loop = asyncio.get_running_loop()
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:  # gone already
            return
        except OSError:  # too many descriptors at present
            loop.remove_reader(self._listening)
            loop.call_later(_AGAIN_SECONDS, self._listen)
            return
        connection.setblocking(False)
        # Closed also when it is cancelled before it began.
        self._begin(self._serve(connection)).add_done_callback(lambda _: connection.close())

    def _listen(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().add_reader(self._listening, self._let_in)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            if not _is_ours(connection):
                return
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LARGEST)
            try:
                await self._answer(reader, writer)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        except (OSError, ValueError, TimeoutError):
            pass  # the caller went away, or asked nothing that can be read

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_REQUEST_SECONDS):
            request = orjson.loads(await reader.readline())
        if not isinstance(request, dict):
            return
        handler = self._handlers.get(request.pop("do", ""))
        if handler is None:
            await _write(writer, {"failed": "the running process knows no such request; is it of another version?"})
            return
        try:
            async with handler(request) as answer:
                await _write(writer, {"answer": answer})
                await reader.read()  # until the caller is done
        except RefusedError as error:
            await _write(writer, {"refused": error.code.value})
        except (StoreError, HubUnavailableError) as error:
            await _write(writer, {"failed": str(error)})
        except (OSError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the process goes on; its text could hold a value
            await _write(writer, {"failed": f"the running process failed at this ({type(error).__name__})"})


def is_served(folder: Path) -> bool:
    """Whether a running process answers for the store in this folder."""
    found = _connect(folder)
    if found is not None:
        found.close()
    return found is not None


@contextmanager
def asked(
    folder: Path, what: str, values: Values | None = None, seconds: float | None = _ANSWER_SECONDS
) -> Iterator[Values]:
    """The answer of the running process, after at most so many seconds; what it holds on to for this it holds until the
    block ends.

    Raises:
        RefusedError: it refuses.
        ControlError: nobody listens, or it failed.
    """
    connection = _connect(folder)
    if connection is None:
        raise ControlError("no running process answers for this store; try again")
    with connection:
        connection.settimeout(seconds)
        try:
            connection.sendall(orjson.dumps({"do": what, **(values or {})}) + b"\n")
            answer = orjson.loads(_line(connection))
        except (OSError, ValueError) as error:
            raise ControlError("the running process gave no answer; look at its log and try again") from error
        if "refused" in answer:
            raise RefusedError(Code(answer["refused"]))
        if "failed" in answer:
            raise ControlError(answer["failed"])
        yield answer["answer"]


def _bound(folder: Path) -> tuple[socket.socket, int]:
    """A socket of this name, and its inode."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    os.fchmod(listening.fileno(), 0o600)  # before it has a name: nobody else ever reaches it
    with _short(folder) as name:
        Path(name).unlink(missing_ok=True)
        listening.bind(name)
    listening.listen(64)
    return listening, os.lstat(folder / NAME).st_ino


async def _write(writer: asyncio.StreamWriter, value: Values) -> None:
    writer.write(orjson.dumps(value) + b"\n")
    await writer.drain()


def _line(connection: socket.socket) -> bytes:
    pieces, size = list[bytes](), 0
    while size < LARGEST:
        piece = connection.recv(1 << 16)
        pieces.append(piece)
        size += len(piece)
        if not piece or piece.endswith(b"\n"):
            break
    return b"".join(pieces)


def _connect(folder: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        return None
    return connection


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A short name for the socket: the system takes at most 107 bytes, and a data folder may lie deep."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _is_ours(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", raw)[1] in {0, os.geteuid()}
