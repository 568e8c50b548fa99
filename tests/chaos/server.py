# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The PostgreSQL of a town: reached over a line that can be cut, with a standby that can take over, and copies of before."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from deploy.prometheus import free_port
from tests.chaos.town import CITIZENS, Line, Town, town
from tests.postgres import Cluster

NAME = "hub"
_HOST = "127.0.0.1"
_STREAMING = ("wal_level=replica", "max_wal_senders=4", "hot_standby=on", "wal_sender_timeout=5s")


@contextmanager
def on_database(folder: Path, *, moves: bool = False, citizens: int = CITIZENS) -> Iterator[Town]:
    """A town whose hub has a database, or moves to one."""
    server = Server()
    try:
        with town(folder, server, moves=moves, citizens=citizens) as made:
            yield made
    finally:
        server.remove()


class Server(Cluster):
    """A server over TCP.  The hub reaches it by `line`, and its standby, once there is one, by a port of its own."""

    def __init__(self) -> None:
        self.port, self.other = free_port(), free_port()
        self.standbys: list[Standby] = []
        super().__init__(*_over_tcp(self.port))
        self.line = Line(_HOST, (_HOST, self.port))
        self.admin(f"CREATE DATABASE {NAME} TEMPLATE template0")

    def dsn(self, name: str) -> str:
        """How this process names a database."""
        return f"host={_HOST} port={self.port} dbname={name} user=hub"

    def hub_dsn(self) -> str:
        """How the hub names its database: by the line, and where the standby is, whichever of them takes commits."""
        return f"host={_HOST},{_HOST} port={self.line.port},{self.other} dbname={NAME} user=hub"

    def committed_at(self) -> int:
        """When the hub committed last, as its database says."""
        with psycopg.connect(self.dsn(NAME)) as db:
            row = db.execute("SELECT committed_at FROM schakel.head").fetchone()
        return 0 if row is None else int(row[0])

    def base(self, name: str) -> Path:
        """A copy of the data folder, as `pg_basebackup` makes it while the server works."""
        target = self.root / name
        words = ("-h", _HOST, "-p", str(self.port), "-U", "hub", "-D", str(target), "-X", "stream", "-c", "fast")
        subprocess.run(self._as("pg_basebackup", *words), check=True, capture_output=True, cwd="/")
        return target

    def put_back(self, name: str) -> None:
        """The server starts on a copy; what stood there is aside."""
        self.data.rename(self.root / "aside")
        (self.root / name).rename(self.data)
        self.start()

    def follow(self, *, synchronous: bool = True) -> Standby:
        """A standby; commits wait for it when it is synchronous."""
        standby = Standby(self)
        if synchronous:
            self.admin("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.admin("SELECT pg_reload_conf()")
        return standby

    def remove(self) -> None:
        """Ends server and line, and removes all of it."""
        for standby in self.standbys:
            standby.stop()
        if hasattr(self, "line"):
            self.line.end()
        super().remove()


class Standby(Server):
    """A server that follows another until it is promoted."""

    def __init__(self, primary: Server) -> None:  # on a copy of the other, so that nothing is made anew
        self.bin, self.user, self.port = primary.bin, primary.user, primary.other
        self.root = primary.root / "standby"
        self.root.mkdir()
        self.data = primary.base("following")
        (self.data / "standby.signal").touch()
        for path in (self.root, self.data / "standby.signal"):
            if self.user:
                os.chown(path, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
        follows = f"primary_conninfo=host={_HOST} port={primary.port} user=hub application_name=standby"
        self.settings = (*_over_tcp(self.port), follows)
        self._free, self._asked, self._made, self.standbys = [], {}, 0, []
        primary.standbys.append(self)
        self.start()

    def promote(self) -> None:
        """Takes over."""
        self.admin("ALTER SYSTEM RESET synchronous_standby_names")
        self.admin("SELECT pg_promote(true, 60)")


def _over_tcp(port: int) -> tuple[str, ...]:
    return (f"port={port}", f"listen_addresses={_HOST}", *_STREAMING)
