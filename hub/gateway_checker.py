# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Steps 1 to 3 of the pipeline in processes of their own, so that one hub uses all cores (decision 0015).

Reading and verifying is the part of an envelope that needs no store.  A checker is given frames, the address over
whose connection they came, and its keys; it says per frame what `pipeline.check` says.  It opens no store, file or key.

* It ends when its line to the hub closes, so when the hub is killed too; signals are the hub's to hear.
* What it says is read as strictly as anything that came over a network.
* While it starts, or when it died or said something else, the hub checks by itself; who died is started anew, twice at most.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from operator import attrgetter
from threading import local

from hub import pipeline
from schemas.canonical import FrameError, decode_array, encode
from schemas.codes import Code
from schemas.envelope import Envelope
from schemas.signing import Verifier

READY = b"ready"
MOST_STARTS = 3  # of one that dies again and again: then it is us, and the hub goes on without
_FIELDS = tuple(name for name in Envelope.__slots__ if name != "raw")
_values = attrgetter(*_FIELDS)
_CODES = {code.value: code for code in Code}
_log = logging.getLogger("schakel.gateway")


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Checkers:
    """One checker for each thread that asks."""

    def __init__(self) -> None:
        self._own = local()
        self._all: list[Checker] = []

    def check(
        self, via: str, keys: Mapping[str, bytes] | None, frames: Sequence[bytes]
    ) -> list[Envelope | Code] | None:
        """Per frame the envelope or the code of its refusal; None: check them yourself."""
        mine: Checker | None = getattr(self._own, "checker", None)
        if mine is None:
            mine = self._own.checker = Checker()
            self._all.append(mine)
        return mine.check(via, keys, frames)

    def close(self) -> None:
        """Ends them all.  No thread asks any more."""
        for one in self._all:
            one.close()


class Checker:
    """One checker, for one thread."""

    def __init__(self) -> None:
        self._starts = 0
        self._line: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False

    def check(
        self, via: str, keys: Mapping[str, bytes] | None, frames: Sequence[bytes]
    ) -> list[Envelope | Code] | None:
        """See `Checkers.check`."""
        if self._line is None:
            self._start()
            return None
        try:
            if not self._is_ready():
                return None
            self._line.send_bytes(
                encode([via, None if keys is None else [list(pair) for pair in keys.items()], [*frames]])
            )
            return _read(self._line.recv_bytes(), frames)
        except (OSError, EOFError, FrameError) as error:
            _log.error("a checker ended: %s", type(error).__name__)
            self.close()
            return None

    def close(self) -> None:
        """Ends it."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.kill()  # it holds nothing: its line closed, and so it ends anyway
            self._process.wait()
        self._line, self._process, self._ready = None, None, False

    def _start(self) -> None:
        if self._starts == MOST_STARTS:
            return
        self._starts += 1
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(  # noqa: S603  # this very module
                command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
            )
        self._line = Connection(ours.detach())

    def _is_ready(self) -> bool:
        if not self._ready and self._line is not None and select.select([self._line], [], [], 0)[0]:
            self._ready = self._line.recv_bytes() == READY
        return self._ready


def _read(raw: bytes, frames: Sequence[bytes]) -> list[Envelope | Code]:
    return [_result(one, frame) for one, frame in zip(decode_array(raw, len(frames)), frames, strict=True)]


def _result(told: object, frame: bytes) -> Envelope | Code:
    if type(told) is str and told in _CODES:
        return _CODES[told]
    if type(told) is not list or len(told) != len(_FIELDS):
        raise FrameError("/", "result")
    fields = dict(zip(_FIELDS, told, strict=True))
    fields["names"], fields["signature"] = tuple(fields["names"]), tuple(fields["signature"])
    return Envelope(raw=frame, **fields)


# -- in a checker's own process


def serve(descriptor: int) -> None:
    """Answers until the line closes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    verifier = Verifier()
    with Connection(descriptor) as line:
        line.send_bytes(READY)
        while True:
            try:
                asked = line.recv_bytes()
            except (EOFError, OSError):
                return
            line.send_bytes(_answer(asked, verifier))


def _answer(asked: bytes, verifier: Verifier) -> bytes:
    via, pairs, frames = decode_array(asked, 3)
    keys = None if pairs is None else dict(pairs)  # type: ignore[call-overload]  # the hub's own
    return encode([_told(frame, str(via), keys, verifier) for frame in frames])  # type: ignore[attr-defined]


def _told(frame: bytes, via: str, keys: Mapping[str, bytes] | None, verifier: Verifier) -> object:
    try:
        result = pipeline.check(frame, via, keys, verifier)
    except Exception:  # noqa: BLE001  # the hub counts it; see `Exchange.check`
        return Code.HUB_FAULT.value
    return result.value if isinstance(result, Code) else list(_values(result))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
