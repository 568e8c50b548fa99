# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The crash table of the store, on PostgreSQL: whoever dies, at whichever line, the store is the old one or the new one.

Killed are: the process of the hub at each durable write, before and after; the process, its connection or the server in
the middle of the call; the server under load.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from hub.store import StaleError, Step, Store, StoreError
from hub.store_postgres import PostgresStore
from tests.postgres import Cluster, cluster
from tests.store_steps import DOINGS, TWICE_IS_STALE, accept, check_store, entry, everything, leave, prepared

NOW = 1_000
WRITES = {"accept": "commit", "hand over": "commit", "receipts": "commit", "all in one step": "commit"}
WRITES |= {
    "erase": "commit",
    "set aside": "commit",
    "release": "commit",
    "ripen": "ripen",
    "checkpoint": "checkpoint",
    "tidy": "tidy",
}


class Place:
    """A database that something of everything is in, and the day keys beside it."""

    def __init__(self, server: Cluster, folder: Path) -> None:
        self.server, self.keys, self.dsn = server, folder / "day.keys", server.new()
        store = self.open()
        prepared(store)
        self.before = everything(store)
        store.close()

    def open(self, point: Callable[[str], None] | None = None) -> PostgresStore:
        return PostgresStore(self.dsn, self.keys, lambda: NOW, point=point)

    def need_whole(self, doing: str) -> None:
        """Old or new; after it is done again, new."""
        store = self.open()
        check_store(store)
        found, do = everything(store), DOINGS[doing][0]
        if found == self.before:
            do(store)
        elif doing in TWICE_IS_STALE:
            with pytest.raises(StaleError, match="."):
                do(store)
            assert everything(store) == found
        after = everything(store)
        check_store(store)
        store.close()
        assert found in (self.before, after)
        assert doing == "tidy" or after != self.before


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(cluster(), tmp_path)
    yield made
    cluster().again(made.dsn)


def _dies(do: Callable[[], object]) -> None:
    """Runs this in a process of its own, which must be killed by it."""
    child = os.fork()
    if child == 0:
        try:
            do()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("doing", DOINGS)
def test_a_process_killed_at_a_durable_write_leaves_the_old_store_or_the_new_one(
    place: Place, doing: str, side: str
) -> None:
    def point(name: str) -> None:
        if name == f"{WRITES[doing]}:{side}":
            os.kill(os.getpid(), signal.SIGKILL)

    _dies(lambda: DOINGS[doing][0](place.open(point)))
    store = place.open()
    assert (everything(store) == place.before) == (side == "before" or doing == "tidy")
    store.close()
    place.need_whole(doing)


@pytest.mark.parametrize("killed", ["connection", "process"])
@pytest.mark.parametrize("doing", ["accept", "receipts", "all in one step", "release", "ripen"])
def test_a_call_cut_off_in_its_middle_is_done_whole_or_not_at_all(place: Place, doing: str, killed: str) -> None:
    """The call has taken its first locks and waits for the head, which another holds."""
    with psycopg.connect(place.dsn) as other:
        other.execute("SELECT FROM schakel.head FOR UPDATE")
        if killed == "process":
            read, write = os.pipe()

            def work() -> None:
                store = place.open(lambda name: name.endswith(":before") and os.write(write, b".") and None)
                threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
                DOINGS[doing][0](store)

            _dies(work)
            os.close(read)
            os.close(write)
        else:
            store = place.open()
            told: list[str] = []

            def do() -> None:
                try:
                    DOINGS[doing][0](store)
                except StoreError as error:
                    told.append(str(error))

            thread = threading.Thread(target=do)
            thread.start()
            _waits_for(place, lambda: _terminated(place))
            thread.join(30)
            assert "in doubt whether the last change is durable" in told[0]
            other.rollback()
            # The next call has a new connection, and finds what counts.
            assert everything(store) == place.before
            store.close()
    # Of a process that was killed the server may do the call to its end: it can't know better.
    _until_nobody_works(place)
    place.need_whole(doing)


def test_a_call_whose_answer_was_lost_is_ended_before_anything_is_read(place: Place) -> None:
    """The process lost its connection, the server doesn't know yet: the call would go on and commit later."""
    store = place.open()
    with psycopg.connect(place.dsn) as other:
        other.execute("SELECT FROM schakel.head FOR UPDATE")
        db = store._connected()
        # As `commit` does, but nobody waits for the answer.
        db.pgconn.send_query(b"SELECT schakel.ripen_1(950)")
        _waits_for(place, lambda: True)
        store._db = None
        assert everything(store) == place.before
    assert everything(store) == place.before
    store.close()
    db.close()
    place.need_whole("ripen")


_WORK = """
import sys
from pathlib import Path
from hub.store import StaleError, StoreError
from hub.store_postgres import PostgresStore
from tests.store_steps import accept, leave
store = PostgresStore(sys.argv[1], Path(sys.argv[2]))
for number in range(int(sys.argv[3])):
    names = [f"{number}-{one}" for one in range(20)]
    for step in (accept(*names), leave(*names[::2])):
        while True:
            try:
                store.commit(step)
            except StoreError:
                continue  # away, or in doubt: the same again
            except StaleError:
                pass  # it had been applied, its answer was lost
            break
    print(number, flush=True)
"""


def test_a_server_killed_and_started_again_under_load_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    server = Cluster()
    dsn, keys = server.new(), tmp_path / "day.keys"
    command = [sys.executable, "-c", _WORK, dsn, str(keys), "45"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) in (5, 30):
                server.kill()
                server.start()
            elif int(line) in (12, 40):
                server.admin(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'schakel'"
                )
            elif int(line) == 20:
                server.stop()
                server.start()
    assert process.returncode == 0
    store = PostgresStore(dsn, keys)
    check_store(store)
    assert store.head().size == 45 * 21
    assert store.counts()["waiting"] == 45 * 10
    store.close()
    server.remove()


def test_a_store_goes_on_by_itself_when_its_server_is_back(tmp_path: Path) -> None:
    server = Cluster()
    place = Place(server, tmp_path)
    store: Store = place.open()
    server.stop()
    for _ in range(2):
        with pytest.raises(StoreError, match="can't be reached|in doubt"):
            store.commit(Step(5, entries=[entry("while it is away")]))
    server.start()
    assert everything(store) == place.before
    store.commit(accept("o"))
    store.commit(leave("o"))
    check_store(store)
    store.close()
    server.remove()


def _waits_for(place: Place, then: Callable[[], bool]) -> None:
    """Does this once a call waits for a lock."""
    for _ in range(1_000):
        if place.server.admin(_WAITING.format(place.dsn.partition("dbname=")[2].split()[0])) and then():
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("no call has come to wait")


def _until_nobody_works(place: Place) -> None:
    name = place.dsn.partition("dbname=")[2].split()[0]
    asks = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'schakel'"
    for _ in range(1_000):
        if not place.server.admin(asks):
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("a call goes on for ever")


def _terminated(place: Place) -> bool:
    statement = _WAITING.format(place.dsn.partition("dbname=")[2].split()[0])
    return bool(place.server.admin(statement.replace("SELECT pid", "SELECT pg_terminate_backend(pid)")))


_WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'"
