# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The name of a machine of a hub, and what is said when one was not heard.

Several machines work on one database, and each knows how far the log was that it saw.  When the database was put back, a
machine that was away does not see it: what is lost stands in the files of the others.  So a new connection is used when
every machine has said that it finds there all that it knows (`hub.postgres_machines`), and until then for nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from hub import sqlite_file
from hub.store import StoreError

FILE = "machine"  # in the data folder, which goes to no other machine
NAME = re.compile(r"[a-z0-9-]{1,48}-[0-9a-f]{8}")
_OTHER = re.compile(r"[^a-z0-9]+")


class Heard(NamedTuple):
    """The machines of a hub, and those of them whose answer is waited for."""

    machines: tuple[str, ...]
    missing: tuple[str, ...]


class Shared(Protocol):
    """A store that several machines work on."""

    def join(self, machine: str, others: Iterable[str] = (), *, answers: bool = True) -> None:
        """From here on the store is used for nothing before all machines of the hub have answered, and so after each new
        connection.  `others`: who is to be on their list, too.  Without `answers`: it asks only, and nobody waits for it."""

    def hear(self) -> Heard:
        """Answers other machines, and says whose answers are waited for; for whoever joined to call often."""


class UnheardError(StoreError):
    """It is not known yet whether the database was put back to before what another machine saw."""

    def __init__(self, machines: Sequence[str]) -> None:
        first = machines[0]
        super().__init__(
            "nothing is decided before every machine of the hub has said whether the database has all that it knows; missing: "
            f"{', '.join(machines)}. Start the hub there; for one that will never return, "
            f"`schakel hub machines --without {first}`"
        )
        self.machines = tuple(machines)


def machine_name(folder: Path) -> str:
    """The name of the machine with this data folder, which is made once: the host's, and eight digits of its own.

    Raises:
        StoreError: it can't be read or written.
    """
    file = folder / FILE
    try:
        if not file.exists():
            _write(file, f"{_host()}-{secrets.token_hex(4)}")
        name = file.read_text(encoding="ascii").removesuffix("\n")
    except (OSError, UnicodeError):
        raise StoreError(f"{file}: the name of this machine can't be read or written") from None
    if NAME.fullmatch(name) is None:
        raise StoreError(f"{file}: this is no name of a machine; remove the file, and the next start makes another")
    return name


def _host() -> str:
    return _OTHER.sub("-", socket.gethostname().partition(".")[0].lower()).strip("-")[:48] or "hub"


def _write(file: Path, name: str) -> None:
    """Gives the machine this name, unless another process has given it one meanwhile: gateway and worker begin together."""
    new = file.with_name(f".{name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(name + "\n")
            opened.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        new.unlink()
    # Durable with its folder. A crash before: the next start makes another name; nobody has heard of this one.
    sqlite_file.sync_folder(file.parent)
