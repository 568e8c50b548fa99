# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The local socket: who answers, who is answered, and what is held for how long."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.client import RefusedError
from hub.control_socket import NAME, ControlError, ControlServer, Values, asked, is_served
from hub.store import StoreError
from schemas.codes import Code


@asynccontextmanager
async def _echo(values: Values) -> AsyncIterator[Values]:
    yield {"said": values["said"]}


@asynccontextmanager
async def _refuse(values: Values) -> AsyncIterator[Values]:
    raise RefusedError(Code.NOT_YOURS)
    yield values


@asynccontextmanager
async def _no_store(values: Values) -> AsyncIterator[Values]:
    raise StoreError("the disk is full")
    yield values


@asynccontextmanager
async def _break(values: Values) -> AsyncIterator[Values]:
    raise KeyError(values["said"])
    yield values


class Running:
    """A process that listens, in a thread of this one."""

    def __init__(self, folder: Path) -> None:
        self.held, self.let_go = threading.Event(), threading.Event()
        self._loop = asyncio.new_event_loop()
        handlers = {"echo": _echo, "refuse": _refuse, "no-store": _no_store, "break": _break, "hold": self._hold}
        self.server = ControlServer(folder, handlers)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)

    @asynccontextmanager
    async def _hold(self, values: Values) -> AsyncIterator[Values]:
        self.held.set()
        try:
            yield {}
        finally:
            self.let_go.set()

    def stop(self) -> None:
        """Again changes nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.stop()


def test_a_request_gets_its_answer(running: Running, tmp_path: Path) -> None:
    for words in ("dag", "x" * 200_000):
        with asked(tmp_path, "echo", {"said": words}) as answer:
            assert answer == {"said": words}


def test_a_refusal_comes_with_its_code_and_a_fault_with_its_sentence(running: Running, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not-yours"), asked(tmp_path, "refuse"):
        pass
    with pytest.raises(ControlError, match="the disk is full"), asked(tmp_path, "no-store"):
        pass
    with pytest.raises(ControlError, match="knows no such request"), asked(tmp_path, "dance"):
        pass


def test_a_fault_of_ours_is_told_without_the_value_that_it_met(running: Running, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="KeyError") as caught, asked(tmp_path, "break", {"said": "999900006"}):
        pass
    assert "999900006" not in str(caught.value)


def test_bytes_that_are_no_request_get_nothing_and_the_next_caller_is_answered(
    running: Running, tmp_path: Path
) -> None:
    for garbage in (b"{\n", b"[]\n", b"\x00\xff\n", b""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.connect(str(tmp_path / NAME))
            stranger.sendall(garbage)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(100) == b""
    with asked(tmp_path, "echo", {"said": "nog"}) as answer:
        assert answer == {"said": "nog"}


def test_nobody_else_may_open_the_socket(running: Running, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / NAME).lstat().st_mode) == 0o600


def test_what_a_killed_caller_held_is_let_go(running: Running, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from hub.control_socket import asked\n"
        f"with asked(pathlib.Path({str(tmp_path)!r}), 'hold'):\n    sys.stdin.read()"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert running.held.wait(20)
    assert not running.let_go.is_set()
    caller.send_signal(signal.SIGKILL)
    caller.communicate()
    assert running.let_go.wait(10)


def test_the_socket_of_a_killed_process_is_no_answer_and_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / NAME))
    left.close()
    assert not is_served(tmp_path)
    with pytest.raises(ControlError, match="no running process"), asked(tmp_path, "echo"):
        pass
    running = Running(tmp_path)
    assert is_served(tmp_path)
    running.stop()
    assert not is_served(tmp_path)
    assert not (tmp_path / NAME).exists()


def test_a_process_that_ends_leaves_the_socket_of_its_successor(running: Running, tmp_path: Path) -> None:
    successor = Running(tmp_path)
    running.stop()
    try:
        with asked(tmp_path, "echo", {"said": "ik"}) as answer:
            assert answer == {"said": "ik"}
    finally:
        successor.stop()


def test_a_folder_may_lie_deeper_than_a_name_of_a_socket_is_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    running = Running(deep)
    assert is_served(deep)
    running.stop()


def test_no_descriptor_is_left_behind(running: Running, tmp_path: Path) -> None:
    with asked(tmp_path, "echo", {"said": "x"}):
        pass
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with asked(tmp_path, "echo", {"said": "x"}):
            pass
        assert is_served(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3
