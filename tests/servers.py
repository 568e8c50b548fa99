# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""What the real servers of the tests have in common: they are never root, end with the test, and may be missing here."""

from __future__ import annotations

import os
import pwd
import signal
import sys

import pytest

# What a process killed leaves behind is the same in memory, and eight tests at a time don't wait for one disk.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
# Becomes another user when it is root, and dies with its parent.
_AS = """
import ctypes, os, pwd, sys
user, number = sys.argv[1], int(sys.argv[2])
if user:
    one = pwd.getpwnam(user)
    os.setgroups([]); os.setgid(one.pw_gid); os.setuid(one.pw_uid)
ctypes.CDLL(None).prctl(1, number)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def other_user() -> str:
    """As whom a server runs when the tests are root's; empty: as this user."""
    if os.geteuid() != 0:
        return ""
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def as_user(user: str, at_the_end: signal.Signals, *command: str) -> list[str]:
    """The command line that runs a command as this user; `at_the_end`: what it gets when its parent dies."""
    return [sys.executable, "-c", _AS, user, str(int(at_the_end)), *command]


def missing(server: str, sentence: str) -> None:
    """Skips the test; fails it where SCHAKEL_REQUIRE names the server."""
    if server in os.environ.get("SCHAKEL_REQUIRE", "").split(","):
        pytest.fail(sentence)
    pytest.skip(sentence)
