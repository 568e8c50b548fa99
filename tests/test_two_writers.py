# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Two processes and one store: the second is told so, and one that lost its lock without knowing changes nothing.

That a worker whose partition moved is fenced stands in the contract suite of the store (`StoreContract`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.keys import StoreKey
from adapters.store import EdgeStore
from hub.store import FencedError, StaleError, Step, StoreError
from hub.store_sqlite import LOCK, SqliteStore
from tests.simulator import World
from tests.store_steps import accept, check_store, entry, everything

_OPEN_HUB = """
import sys
from pathlib import Path
from hub.store import StoreError
from hub.store_sqlite import SqliteStore
try:
    SqliteStore(Path(sys.argv[1])).close()
    print("opened")
except StoreError as error:
    print(error)
"""
_OPEN_EDGE = """
import sys
from pathlib import Path
from adapters.keys import StoreKey
from adapters.store import EdgeStore, StoreError
try:
    EdgeStore(Path(sys.argv[1]), StoreKey.from_secret(b"k" * 32)).close()
    print("opened")
except StoreError as error:
    print(error)
"""
_OPEN_DATABASE = """
import sys
from pathlib import Path
from hub.store import Step
from hub.store_postgres import PostgresStore
from tests.store_steps import entry
store = PostgresStore(sys.argv[1], Path(sys.argv[2]))
store.commit(Step(int(sys.argv[3]), position=(7, 0, 40), entries=[entry("of the second")]))
store.close()
"""
Closes = Callable[[], None]


def _hub(folder: Path) -> Closes:
    SqliteStore.create(folder)
    return SqliteStore(folder).close


def _edge(folder: Path) -> Closes:
    return EdgeStore.create(folder, StoreKey.from_secret(b"k" * 32)).close


def _another_process(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code, str(folder)]
    root = Path(__file__).parents[1]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=root).stdout.strip()


@pytest.mark.parametrize(("make", "code"), [(_hub, _OPEN_HUB), (_edge, _OPEN_EDGE)], ids=["hub", "edge"])
def test_two_writers(tmp_path: Path, make: Callable[[Path], Closes], code: str) -> None:
    folder = tmp_path / "store"
    close = make(folder)
    assert "another process" in _another_process(code, folder)
    close()
    assert _another_process(code, folder) == "opened"


def test_two_writers_are_kept_apart_also_when_somebody_removes_the_lock_file(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path)
    store = SqliteStore(tmp_path, lambda: 1)
    store.commit(Step(1, entries=[entry("before")]))
    (tmp_path / LOCK).unlink()
    assert "another process works with this store" in _another_process(_OPEN_HUB, tmp_path)
    store.commit(Step(2, entries=[entry("goes on")]))
    check_store(store)
    store.close()


def test_two_writers_never_fork_the_log_even_if_nothing_keeps_them_apart(tmp_path: Path) -> None:
    """A zombie that knows an older end of the log: its commit is refused, whatever it brings."""
    SqliteStore.create(tmp_path)
    store = SqliteStore(tmp_path, lambda: 1)
    old = store.head()
    store.commit(Step(1, entries=[entry("of another")]))
    before = everything(store)
    newest, store._head = store._head, old
    for late in (Step(3, entries=[entry("late")]), accept("late"), Step(3, position=(3, 0, 1), entries=[entry("x")])):
        with pytest.raises((StaleError, StoreError), match=r"the log has another size|has not done this \(UNIQUE"):
            store.commit(late)
    store._head = newest
    assert everything(store) == before
    check_store(store)
    store.close()


def test_two_writers_on_one_database_are_both_let_in_and_a_zombie_changes_nothing(tmp_path: Path) -> None:
    """The second took over the partition; the first does not know yet, and brings what it decided before."""
    world = World("postgres", tmp_path)
    dsn = world._dsn
    command = [sys.executable, "-c", _OPEN_DATABASE, dsn, str(tmp_path / "day.keys"), str(world.now)]
    root = Path(__file__).parents[1]
    subprocess.run(command, check=True, timeout=60, cwd=root)
    before = everything(world.store)
    late = Step(world.now, position=(7, 0, 41), entries=[entry("late")])
    with pytest.raises(FencedError, match="partition 7 has another position"):
        world.store.commit(late)
    assert everything(world.store) == before
    assert world.store.head().size == 1
    world.close()


def test_two_writers_of_one_partition_the_late_one_is_fenced(tmp_path: Path) -> None:
    world = World("sqlite", tmp_path)
    world.store.commit(Step(world.now, position=(7, 0, 40)))
    with pytest.raises(FencedError, match="partition 7 has another position"):
        world.store.commit(Step(world.now, position=(7, 0, 41), entries=[entry("late")]))
    assert world.store.head().size == 0
    world.close()
