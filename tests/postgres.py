# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A real PostgreSQL for the tests: a cluster of its own in a temporary folder, on a socket, never as root.

It is started when a test first asks for a database and ends with the process that started it, however that ends.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import psycopg

from hub.store_postgres import PostgresStore
from tests.servers import MEMORY, as_user, missing, other_user

USER = "hub"
_PLACES = [Path(f"/usr/lib/postgresql/{version}/bin") for version in range(19, 14, -1)]
_SETTINGS = ("shared_buffers=32MB", "max_connections=40", "listen_addresses=", "max_wal_size=256MB")


def binaries() -> Path:
    """Where PostgreSQL's programs are; skips the test where there are none."""
    on_path = shutil.which("initdb")
    places = [*_PLACES, *([Path(on_path).parent] if on_path else [])]
    found = next((place for place in places if (place / "initdb").exists()), None)
    if found is None:
        missing("postgres", "PostgreSQL 15 or newer is not on this machine: apt-get install postgresql-15")
    return found


class Cluster:
    """A server with databases, that can be killed and started again."""

    def __init__(self, *settings: str, place: str = MEMORY) -> None:
        self.bin = binaries()
        self.root = Path(tempfile.mkdtemp(prefix="schakel-pg-", dir=place))
        self.user = other_user()
        if self.user:
            os.chown(self.root, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
        self.root.chmod(0o755)
        self.data = self.root / "data"
        self.settings = settings
        self._made = 0
        self._free: list[str] = []
        self._asked: dict[str, psycopg.Connection] = {}
        atexit.register(self.remove)
        made = self._as("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        subprocess.run(made, check=True, capture_output=True, cwd="/")
        self.start()

    def start(self) -> None:
        """Starts the server; returns when it answers."""
        words = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        words += ["-c", f"unix_socket_directories={self.root}"]
        command = self._as("postgres", "-D", str(self.data), *words)
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise RuntimeError((self.root / "log").read_text()[-2_000:]) from None
                signal.sigtimedwait([], 0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends the server: SIGINT in order, SIGQUIT as a crash of it."""
        self._let_go()
        self.process.send_signal(how)
        self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL to the server and every process of it, as when the machine dies."""
        self._let_go()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(60)
        for left in (self.data / "postmaster.pid", *self.root.glob(".s.PGSQL*")):
            left.unlink(missing_ok=True)

    def dsn(self, name: str) -> str:
        """How a database is named in the settings of a hub."""
        return f"host={self.root} dbname={name} user={USER}"

    def admin(self, statement: str, name: str = "postgres") -> list[tuple[object, ...]]:
        """A statement of the administrator."""
        db = self._asked.get(name)
        if db is None or db.closed:
            db = self._asked[name] = psycopg.connect(self.dsn(name), autocommit=True)
        cursor = db.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def new(self) -> str:
        """The DSN of a database with an empty store in it."""
        if self._free:
            dsn = self._free.pop()
            self.admin(_EMPTY, name_in(dsn))
            return dsn
        dsn = self.bare()
        PostgresStore.create(dsn)
        return dsn

    def bare(self) -> str:
        """The DSN of a database with nothing in it."""
        self._made += 1
        self.admin(f"CREATE DATABASE d{self._made} TEMPLATE template0")
        return self.dsn(f"d{self._made}")

    def again(self, dsn: str) -> None:
        """Nobody needs this database any more; the next one empties it, which is quicker than to make one."""
        self._free.append(dsn)

    def remove(self) -> None:
        """Ends the server and removes all of it."""
        self._let_go()
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)

    def _let_go(self) -> None:
        for db in self._asked.values():
            db.close()
        self._asked.clear()

    def _as(self, program: str, *words: str) -> list[str]:
        return as_user(self.user, signal.SIGQUIT, str(self.bin / program), *words)


_EMPTY = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'schakel.payload'::regclass OFFSET 10 LOOP
        EXECUTE format('DROP TABLE %s', one);
    END LOOP;
    FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'schakel'::regnamespace AND relkind = 'r' LOOP
        IF one NOT IN ('schakel.head'::regclass, 'schakel.schema_version'::regclass) THEN
            EXECUTE format('DELETE FROM %s', one);
        END IF;
    END LOOP;
    UPDATE schakel.head SET size = 0, root = sha256(''), peaks = '{}', newest_fact = -1, committed_at = 0, grants = 0,
        faults = 0, directory = 0;
END $$
"""


def name_in(dsn: str) -> str:
    """The name of the database in a DSN of these tests."""
    return dsn.partition("dbname=")[2].partition(" ")[0]


@cache
def cluster() -> Cluster:
    """The cluster of this process."""
    return Cluster()
