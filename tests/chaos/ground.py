# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The ground under a process that can give way: a disk of a few megabytes, a network that can be unplugged.

Both need root and the tools of Linux.  Whoever has neither is told so in one sentence and skips these rows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.town import Line, Town

DISK = "32m"
_HERE, _THERE = "10.231.77.1", "10.231.77.2"
_BLOCK = 4096


class NotHereError(Exception):
    """This machine can't do what the row needs; the sentence says what is missing."""


def need(*tools: str) -> None:
    """Returns when this process may do it.

    Raises:
        NotHereError: it may not, or a tool isn't there.
    """
    if os.geteuid() != 0:
        raise NotHereError("needs root")
    for tool in tools:
        if shutil.which(tool) is None:
            raise NotHereError(f"needs the command {tool}")


def run(*command: str) -> None:
    """Runs a command of the system.

    Raises:
        NotHereError: it was not allowed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHereError(f"`{command[0]} {command[1]}` is not allowed here")


def small_disk(folder: Path, stack: ExitStack) -> None:
    """What stands in the folder stands on a small disk of its own from now on; nobody may be using it."""
    need("mount", "umount")
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    run("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(folder))
    stack.callback(run, "umount", "-l", str(folder))
    shutil.copytree(aside, folder, dirs_exist_ok=True)


def fill(folder: Path) -> Path:
    """Takes all that is left of the disk under the folder; the file to remove."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, _BLOCK):
            while True:
                try:
                    if file.write(bytes(size)) < size:
                        break
                except OSError:  # no space left: that is what this is for
                    break
    return filler


class Cable:
    """A network namespace with one cable to here.  An edge in it reaches the hub by two lines, one at each end."""

    def __init__(self, town: Town, which: int) -> None:
        need("ip")
        gateway = town.net.config.gateway
        assert gateway is not None
        number = os.getpid()
        self._plug = f"sk{number}a"
        self.within = ("ip", "netns", "exec", f"schakel-{number}")
        name, socket = self.within[-1], f"sk{number}b"
        run("ip", "netns", "add", name)
        town.stack.callback(run, "ip", "netns", "del", name)
        run("ip", "link", "add", self._plug, "type", "veth", "peer", "name", socket)
        run("ip", "link", "set", socket, "netns", name)
        run("ip", "addr", "add", f"{_HERE}/30", "dev", self._plug)
        run("ip", "link", "set", self._plug, "up")
        run(*self.within, "ip", "addr", "add", f"{_THERE}/30", "dev", socket)
        for device in ("lo", socket):
            run(*self.within, "ip", "link", "set", device, "up")
        here = Line(_HERE, gateway.listen)
        town.stack.callback(here.end)
        there = Line("127.0.0.1", (_HERE, here.port), self.within)
        town.stack.callback(there.end)
        town.use(which, f"https://127.0.0.1:{there.port}", self.within)

    def pull(self) -> None:
        """What is sent is not answered any more, by nobody."""
        run("ip", "link", "set", self._plug, "down")

    def plug(self) -> None:
        """The network is back."""
        run("ip", "link", "set", self._plug, "up")
