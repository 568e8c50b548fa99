# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The embedded store holds the contract, and what only it can promise: settings, files, keys, queries."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import sqlite_file
from hub import store_sqlite_sql as sql
from hub.store import Step, Store, StoreError, Tell, Use
from hub.store_sqlite import DATABASE, KEYS, LOCK, SqliteStore
from schemas.codes import Code
from schemas.entry import committed
from tests.contracts.store_contract import Engine, StoreContract, World, busy, world
from tests.store_steps import (
    DAY,
    FOR_EVER,
    RECIPIENT,
    SENDER,
    accept,
    aside,
    bytes_of,
    check_store,
    entry,
    everything,
    full,
    grant,
    handle,
    key,
    leave,
    message,
    offer,
    wrapped,
)

__all__ = ["busy", "world"]  # fixtures


class Sqlite:
    """Stores in a folder; after every step the key file is compared with the queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "store"
        self.stores: list[SqliteStore] = []

    def open(self) -> Store:
        SqliteStore.create(self.folder)
        return self.again()

    def again(self) -> SqliteStore:
        """A new process on the same folder, after the one before ended in order."""
        for store in self.stores:
            store.close()
        self.stores.append(SqliteStore(self.folder, lambda: 1_000))
        return self.stores[-1]

    def check(self, store: Store) -> None:
        assert self.keys() == sorted(self.named(store))

    def keys(self) -> list[bytes]:
        """The keys that stand in the key file."""
        content = (self.folder / KEYS).read_bytes()
        slots = [content[at : at + 32] for at in range(0, len(content), 32)]
        return sorted(slot for slot in slots if slot != bytes(32))

    def named(self, store: Store) -> list[bytes]:
        """The keys that rows name."""
        rows = store.due(FOR_EVER, 1_000_000)
        found = [pair[1] for pair in store.payloads([row.message_id for row in rows]).values() if pair]
        return found + [key("fault")] * len(store.faults())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Sqlite]:
    made = Sqlite(tmp_path)
    yield made
    for store in made.stores:
        store.close()


@pytest.fixture
def store(world: World) -> SqliteStore:
    assert isinstance(world.store, SqliteStore)
    return world.store


class TestSqliteStore(StoreContract):
    """Every test of the contract."""


# opening


def test_everything_is_there_after_a_restart(busy: World, engine: Sqlite) -> None:
    busy.do(full((0, 0, 5)))
    before = everything(busy.store)
    again = engine.again()
    assert everything(again) == before
    check_store(again)
    engine.check(again)


def test_a_store_is_never_made_by_opening(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(StoreError, match="no store here"):
            SqliteStore(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_not_made_where_there_is_one(world: World, engine: Sqlite) -> None:
    before = everything(world.store)
    world.store.close()
    with pytest.raises(StoreError, match="a store here already"):
        SqliteStore.create(engine.folder)
    assert everything(engine.again()) == before


def test_a_second_opener_is_told_that_another_works_with_the_store(world: World, engine: Sqlite) -> None:
    with pytest.raises(StoreError, match="another process works with this store; stop the running hub"):
        SqliteStore(engine.folder)
    world.do(Step(5, entries=[entry()]))


def test_every_file_is_the_owners_alone(busy: World, engine: Sqlite) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in engine.folder.iterdir()}
    assert modes == {DATABASE: 0o600, f"{DATABASE}-wal": 0o600, KEYS: 0o600, LOCK: 0o600}


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database, " * 1_000)
    with pytest.raises(StoreError, match="no database"):
        SqliteStore(tmp_path)
    (tmp_path / DATABASE).unlink()
    sqlite3.connect(tmp_path / DATABASE).execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(StoreError, match="not a store of Schakel"):
        SqliteStore(tmp_path)


def test_a_store_of_a_newer_version_is_refused(world: World, engine: Sqlite) -> None:
    world.store.close()
    db = sqlite3.connect(engine.folder / DATABASE)
    db.execute(f"PRAGMA user_version = {sql.SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match="newer Schakel"):
        SqliteStore(engine.folder)


def test_a_log_that_does_not_lead_to_its_root_is_refused(world: World, engine: Sqlite) -> None:
    world.do(Step(5, entries=[entry("a"), entry("b")]))
    world.store.close()
    db = sqlite3.connect(engine.folder / DATABASE)
    db.execute("UPDATE entry SET leaf = ? WHERE idx = 0", (entry("forged").leaf,))
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="does not lead to its root"):
        SqliteStore(engine.folder)


# erasing


def _is_anywhere(folder: Path, *values: bytes) -> bool:
    return any(value in path.read_bytes() for path in folder.iterdir() for value in values)


@pytest.mark.parametrize("size", [40, 900, 9_000])
@pytest.mark.parametrize("tidied", [False, True])
def test_what_was_erased_is_in_no_file(world: World, engine: Sqlite, size: int, tidied: bool) -> None:
    """Small records share a page, large ones fill others; before, they stand in the file itself or in the WAL alone."""
    entries = [
        committed([1, DAY, "test", bytes_of(f"{one}", 32) * (size // 32)], bytes_of(f"s{one}", 32)) for one in range(30)
    ]
    start = world.do(Step(5, entries=entries, facts=[(3, SENDER, RECIPIENT, bytes_of("3", 32) * 20)]))
    if tidied:
        world.store.tidy(10**9)
    erased = [bytes_of(f"{kind}{one}", 32) for kind in ("", "s") for one in (3, 4, 5, 29)]
    kept = [bytes_of(f"{kind}{one}", 32) for kind in ("", "s") for one in (2, 6, 28)]
    assert _is_anywhere(engine.folder, *erased)
    world.do(Step(6, erases=[(start + 3, start + 6), (start + 29, start + 30)]))
    assert not _is_anywhere(engine.folder, *erased)
    assert all(_is_anywhere(engine.folder, one) for one in kept)
    world.store.close()
    assert not _is_anywhere(engine.folder, *erased)


# settings


@pytest.mark.parametrize("weaker", ["synchronous = NORMAL", "synchronous = OFF"])
def test_a_store_altered_to_less_than_full_synchronous_refuses_to_commit(store: SqliteStore, weaker: str) -> None:
    before = everything(store)
    store._db.execute(f"PRAGMA {weaker}")
    with pytest.raises(StoreError, match="synchronous"):
        store.commit(Step(5, entries=[entry()]))
    with pytest.raises(StoreError, match="synchronous"):
        store.keep_checkpoint("note", 1)
    assert everything(store) == before


def test_a_store_opened_with_less_than_full_synchronous_is_refused(world: World, engine: Sqlite) -> None:
    world.store.close()
    settings = [(name, "NORMAL" if name == "synchronous" else value, wanted) for name, value, wanted in sql.SETTINGS]
    with pytest.raises(StoreError, match="synchronous of the store is not 2"):
        sqlite_file.connect(engine.folder / DATABASE, settings)


@pytest.mark.parametrize("name", [name for name, _, _ in sql.SETTINGS])
def test_every_setting_is_read_back(world: World, engine: Sqlite, name: str) -> None:
    world.store.close()
    settings = [(one, value, "another" if one == name else wanted) for one, value, wanted in sql.SETTINGS]
    with pytest.raises(StoreError, match=f"setting {name} of the store is not another"):
        sqlite_file.connect(engine.folder / DATABASE, settings)


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / {tmp_path} rw shared:1 - nfs4 server:/x rw\n"
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)"):
        sqlite_file.refuse_network(tmp_path / "hub", mounts)
    sqlite_file.refuse_network(tmp_path.parent, mounts)


def test_the_file_system_of_a_path_is_that_of_its_deepest_and_newest_mount() -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 a rw\n2 1 0:5 / /data rw - cifs b rw\n3 1 0:6 / /data/lo\\040cal rw - xfs c rw\n"
        "4 1 0:7 / /twice rw - nfs d rw\n5 1 0:8 / /twice rw - ext4 e rw\nbroken line\n"
    )
    kinds = {path: sqlite_file.file_system(path, mounts) for path in ("/x", "/data/a", "/database", "/data/lo cal/a")}
    assert kinds == {"/x": "ext4", "/data/a": "cifs", "/database": "ext4", "/data/lo cal/a": "xfs"}
    assert sqlite_file.file_system("/twice/a", mounts) == "ext4"
    assert sqlite_file.file_system("/x", "") == ""


# destroyed means unreadable


def _traces(folder: Path, *needles: bytes) -> list[str]:
    return [path.name for path in sorted(folder.iterdir()) if any(one in path.read_bytes() for one in needles)]


def test_the_key_is_nowhere_once_the_commit_that_ends_the_waiting_has_returned(world: World, engine: Sqlite) -> None:
    world.do(accept("m", "n"))
    assert _traces(engine.folder, key("m")) == [KEYS]
    world.do(leave("m"))
    assert _traces(engine.folder, key("m")) == []
    assert _traces(engine.folder, key("n")) == [KEYS]


def test_payload_and_key_are_nowhere_after_the_next_tidying(world: World, engine: Sqlite) -> None:
    world.do(accept("m", "n"))
    world.store.tidy(1_000_000)
    pieces = [wrapped("m")[at : at + 24] for at in range(0, len(wrapped("m")) - 24, 24)]
    assert _traces(engine.folder, *pieces) == [DATABASE]
    world.do(leave("m"))
    world.store.tidy(1_060_000)
    assert _traces(engine.folder, *pieces, key("m")) == []
    assert _traces(engine.folder, wrapped("n")) == [DATABASE]


def test_a_large_payload_is_wiped_from_every_page_it_had(world: World, engine: Sqlite) -> None:
    step = accept("m")
    large = os.urandom(64_000)
    step.joins = [step.joins[0]._replace(wrapped=large)]
    world.store.commit(step)
    world.store.tidy(1_000_000)
    world.do(leave("m"))
    world.store.tidy(1_060_000)
    assert _traces(engine.folder, *(large[at : at + 32] for at in range(0, 64_000, 500))) == []


def test_keys_of_a_refused_step_are_zeroed(world: World, engine: Sqlite) -> None:
    step = accept("m")
    step.uses = [Use(handle(), 9, 0, 1)]
    with pytest.raises(Exception, match="grant has changed"):
        world.store.commit(step)
    assert _traces(engine.folder, key("m")) == []


def test_the_frame_of_a_fault_is_gone_with_its_release(world: World, engine: Sqlite) -> None:
    world.do(Step(100, set_aside=[aside()]))
    world.do(Step(110, released=[1]))
    world.store.tidy(1_000_000)
    assert _traces(engine.folder, key("fault"), wrapped("fault")) == []


def test_the_wal_is_cut_at_most_once_a_minute(world: World, engine: Sqlite) -> None:
    wal = engine.folder / f"{DATABASE}-wal"
    world.store.tidy(1_000_000)
    assert wal.stat().st_size == 0
    world.do(accept("m"))
    world.store.tidy(1_059_999)
    assert wal.stat().st_size > 0
    world.store.tidy(1_060_000)
    assert wal.stat().st_size == 0


def test_a_lost_key_is_told_as_none_and_the_envelope_waits_on(world: World, engine: Sqlite) -> None:
    world.do(accept("m", "n"))
    world.store.close()
    path = engine.folder / KEYS
    path.write_bytes(path.read_bytes().replace(key("m"), bytes(32)))
    again = engine.again()
    assert again.payloads([message("m"), message("n")]) == {message("m"): None, message("n"): (wrapped("n"), key("n"))}
    again.commit(leave("m", code=Code.KEY_LOST))
    check_store(again)


def test_without_its_key_file_a_store_opens_and_every_waiting_key_is_lost(world: World, engine: Sqlite) -> None:
    world.do(accept("m", "n"))
    world.store.close()
    (engine.folder / KEYS).unlink()
    again = engine.again()
    assert again.payloads([message("m"), message("n")]) == {message("m"): None, message("n"): None}
    again.commit(accept("o", on="i"))
    assert engine.named(again) == engine.keys() == [key("o")]


# a full disk


def test_a_full_disk_applies_nothing_and_the_store_goes_on_when_there_is_room(world: World, engine: Sqlite) -> None:
    store = world.store
    assert isinstance(store, SqliteStore)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    step = accept("m")
    step.joins = [step.joins[0]._replace(wrapped=os.urandom(60_000))]
    before = everything(store)
    with pytest.raises(StoreError, match="full"):
        store.commit(step)
    assert everything(store) == before
    engine.check(store)
    store._db.execute("PRAGMA max_page_count = 100000")
    world.do(accept("m"))


_LIMITED = """
import resource, sys
from pathlib import Path
from hub.store import Step, StoreError
from hub.store_sqlite import SqliteStore
from schemas.entry import committed
store = SqliteStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
done = store.head().size
try:
    for number in range(1000):
        store.commit(Step(5, entries=[committed([1, 2, "x" * 3000, number], bytes(32))]))
        done += 1
except StoreError as error:
    print(done, error)
try:
    store.commit(Step(6))
    print("went on")
except StoreError as error:
    print(error)
"""


def test_after_a_write_that_leaves_doubt_the_store_refuses_until_it_is_opened_again(engine: Sqlite) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    engine.open().close()
    told = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(engine.folder), "400000"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first, second = told.stdout.splitlines()
    assert re.match(r"[0-9]+ in doubt whether the last change is durable", first), told
    assert second.startswith("in doubt")
    again = engine.again()
    assert again.head().size in (int(first.split()[0]), int(first.split()[0]) + 1)
    check_store(again)
    again.commit(Step(7, entries=[entry()]))


_SMALL_DISK = """
import sys
from pathlib import Path
from hub.store import Step, StoreError
from hub.store_sqlite import DATABASE, SqliteStore
from tests.store_steps import accept, check_store, everything
folder = Path(sys.argv[1]) / "store"
SqliteStore.create(folder)
store = SqliteStore(folder, lambda: 1)
for number in range(10_000):
    before = everything(store)
    try:
        store.commit(accept(*(f"{number}-{one}" for one in range(20))))
    except StoreError as error:
        print(error)
        break
assert number > 3
assert everything(store) == before
check_store(store)
# Room again: the same step is applied.
(Path(sys.argv[1]) / "ballast").unlink()
store.commit(accept(*(f"{number}-{one}" for one in range(20))))
check_store(store)
size = store.head().size
store.close()
store = SqliteStore(folder, lambda: 1)
assert store.head().size == size == (number + 1) * 20
check_store(store)
print("went on")
"""


@pytest.mark.parametrize("size", range(900, 1100, 36))
def test_a_disk_that_is_really_full_loses_nothing_and_the_work_goes_on(tmp_path: Path, size: int) -> None:
    """On a small disk of its own, so that the commit itself runs out of room."""
    mount = f"mount -t tmpfs -o size={size}k tmpfs {tmp_path} && head -c 300000 /dev/zero > {tmp_path}/ballast"
    own = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    if shutil.which("unshare") is None or subprocess.run([*own, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk of his own")
    work = f"{mount}; exec {sys.executable} -c '{_SMALL_DISK}' {tmp_path}"
    told = subprocess.run([*own, work], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
    first, second = told.stdout.splitlines()
    assert re.search("full|No space", first)
    assert "in doubt" not in first
    assert second == "went on"


def test_a_key_that_cannot_be_written_leaves_doubt_and_no_row(engine: Sqlite) -> None:
    engine.open().close()
    work = _LIMITED.replace("Step(5, entries=[", "accept('m') or Step(5, entries=[")
    work = "from tests.store_steps import accept\n" + work
    command = [sys.executable, "-c", work, str(engine.folder), "100000"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    first, second = told.stdout.splitlines()
    assert first.startswith("0 in doubt")
    assert second.startswith("in doubt")
    again = engine.again()
    check_store(again)
    engine.check(again)
    again.commit(accept("m"))


# queries


def _plan(store: SqliteStore, statement: str) -> str:
    values = range(statement.count("?"))
    return " | ".join(row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {statement}", tuple(values)))


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sql.READ_FRESH, "message_fresh"),
        (sql.READ_FRESH, "message_leased"),
        (sql.READ_LAPSED, "message_out"),
        (sql.READ_LAPSED, "message_leased"),
        (sql.READ_DUE, "message_due"),
        (sql.READ_SLOTS, "COVERING INDEX message_due"),
        (sql.COUNT_WAITING, "message_due"),
        (sql.READ_RIPE, "later_at"),
        (sql.READ_FACTS, "fact_of"),
    ],
)
def test_a_read_that_must_stay_fast_uses_its_index(store: SqliteStore, statement: str, index: str) -> None:
    plan = _plan(store, statement)
    assert index in plan
    assert not re.search(r"SCAN message($| \|)", plan)


@pytest.mark.parametrize(
    "statement", [sql.READ_GRANT, sql.READ_STORED, sql.READ_PAYLOAD, sql.FIND_WAITING, sql.READ_FEED, sql.READ_NOTICES]
)
def test_a_look_up_never_scans(store: SqliteStore, statement: str) -> None:
    assert "SCAN" not in _plan(store, statement)


def test_fresh_and_due_are_read_in_the_order_of_their_index_without_sorting(store: SqliteStore) -> None:
    assert "TEMP B-TREE" not in _plan(store, sql.READ_FRESH) + _plan(store, sql.READ_DUE)


def test_ten_thousand_waiting_do_not_change_what_a_poll_reads(world: World) -> None:
    step = accept(*(f"w{number}" for number in range(10_000)))
    step.joins = [row._replace(handle=handle(str(n // 3)), due=9_000 - n // 2) for n, row in enumerate(step.joins)]
    world.store.commit(step)
    world.do(offer("w0", lease_until=10_000))
    assert world.waiting(most=2) == [message("w3"), message("w4")]
    assert [row.message_id for row in world.store.due(9_000, 1)] in ([message("w9998")], [message("w9999")])
    world.do(Step(5, registers=[grant("i")], tells=[Tell(SENDER, 0, Code.ACCEPTED)]))
    assert len(world.waiting(most=20_000, recipient=RECIPIENT)) == 9_997


def test_the_engine_is_what_the_contract_calls_an_engine(engine: Engine) -> None:
    check_store(engine.open())
