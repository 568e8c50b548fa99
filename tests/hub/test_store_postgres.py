# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""The store on PostgreSQL holds the contract, and what only it can promise: many processes, settings, keys, parts."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub import postgres_link as link
from hub import store_postgres_sql as sql
from hub.day_keys import LONGEST_DAYS
from hub.store import FencedError, NewLog, RecoveryRow, StaleError, Step, Store, StoreError, Use
from hub.store_postgres import DAY_MS, PostgresStore
from hub.store_postgres_step import arguments
from schemas.codes import Code
from schemas.entry import Entry, public
from tests.contracts.store_contract import StoreContract, World, busy, world
from tests.postgres import cluster, name_in
from tests.store_steps import (
    DAY,
    RECIPIENT,
    SENDER,
    accept,
    aside,
    check_store,
    entry,
    everything,
    full,
    grant,
    handle,
    key,
    leave,
    message,
    wrapped,
)

__all__ = ["busy", "world"]  # fixtures


class Postgres:
    """Stores in databases of one cluster; after every step the keys in the rows are compared with the queue."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "day.keys"
        self.dsn = ""
        self.stores: list[PostgresStore] = []

    def open(self) -> Store:
        self.dsn = cluster().new()
        return self.another()

    def another(self) -> PostgresStore:
        """One more process on the same database."""
        self.stores.append(PostgresStore(self.dsn, self.keys, lambda: 1_000))
        return self.stores[-1]

    def check(self, store: Store) -> None:
        assert isinstance(store, PostgresStore)
        [row] = store._run("SELECT (SELECT count(*) FROM payload), (SELECT count(*) FROM waiting)")
        assert row[0] == row[1]

    def ask(self, *statements: str) -> list[tuple[object, ...]]:
        """What the administrator of the database is told."""
        return [cluster().admin(one, name_in(self.dsn)) for one in statements][-1]

    def close(self) -> None:
        for store in self.stores:
            store.close()
        if self.dsn:
            cluster().again(self.dsn)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Postgres]:
    made = Postgres(tmp_path)
    yield made
    made.close()


class TestPostgresStore(StoreContract):
    """Every test of the contract."""


# opening


def test_everything_is_there_for_another_process(busy: World, engine: Postgres) -> None:
    busy.do(full((0, 0, 5)))
    before = everything(busy.store)
    busy.store.close()
    again = engine.another()
    assert everything(again) == before
    check_store(again)
    engine.check(again)


def test_a_store_is_never_made_by_opening(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store in this database; `schakel hub init` makes one"):
        PostgresStore(cluster().dsn("postgres"), tmp_path / "day.keys")
    with pytest.raises(StoreError, match="can't be reached"):
        PostgresStore(cluster().dsn("absent"), tmp_path / "day.keys")
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_not_made_where_there_is_one(world: World, engine: Postgres) -> None:
    before = everything(world.store)
    with pytest.raises(StoreError, match="a store in this database already"):
        PostgresStore.create(engine.dsn)
    assert everything(world.store) == before


def test_a_store_of_a_newer_version_is_refused_and_who_runs_goes_on(world: World, engine: Postgres) -> None:
    engine.ask(f"UPDATE schakel.schema_version SET version = {link.SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match=r"newer Schakel \(schema [0-9]+, this one knows [0-9]+\): install that one"):
        engine.another()
    world.do(accept("m"))
    engine.ask(f"UPDATE schakel.schema_version SET version = {link.SCHEMA_VERSION}")


def test_a_log_that_does_not_lead_to_its_root_is_refused(world: World, engine: Postgres) -> None:
    world.do(Step(5, entries=[entry("a"), entry("b")]))
    engine.ask(f"UPDATE schakel.entry SET leaf = '\\x{entry('forged').leaf.hex()}' WHERE idx = 0")
    with pytest.raises(StoreError, match="does not lead to its root"):
        engine.another()


# settings


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_could_lose_what_it_commits_is_refused(world: World, engine: Postgres, setting: str) -> None:
    before = everything(world.store)
    assert isinstance(world.store, PostgresStore)
    assert world.store.unsafe() == []
    engine.ask(f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()")
    try:
        _until(lambda: engine.ask(f"SHOW {setting}") == [("off",)])
        with pytest.raises(
            StoreError, match=f"{setting} of the database is off: what it commits could be lost; set it"
        ):
            engine.another()
        with pytest.raises(StoreError, match="a durability setting was switched off"):
            world.store.commit(accept("m"))
        assert f"the setting {setting}" in world.store.unsafe()[0]
    finally:
        engine.ask(f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()")
    _until(lambda: engine.ask(f"SHOW {setting}") == [("on",)])
    assert everything(world.store) == before
    world.do(accept("m"))


@pytest.mark.parametrize(("value", "standby"), [("off", ""), ("local", "one")])
def test_commits_that_do_not_wait_are_refused(world: World, engine: Postgres, value: str, standby: str) -> None:
    name = name_in(engine.dsn)
    engine.ask(f"ALTER DATABASE {name} SET synchronous_commit = {value}")
    # From here on a commit of anybody else would wait for a standby that isn't there.
    engine.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'", "SELECT pg_reload_conf()")
    try:
        _until(lambda: engine.ask("SHOW synchronous_standby_names") == [(standby,)])
        with pytest.raises(StoreError, match=f"synchronous_commit of the database is {value}"):
            engine.another()
    finally:
        engine.ask("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        _until(lambda: engine.ask("SHOW synchronous_standby_names") == [("",)])
        engine.ask(f"ALTER DATABASE {name} RESET synchronous_commit")


# many processes


def test_fenced_of_two_workers_on_one_partition_exactly_one_moves_it_each_time(world: World, engine: Postgres) -> None:
    """Both decide from the same position, each over a connection of its own, at the same moment."""
    stores, rounds = [engine.another(), engine.another()], 20
    start = world.store.head().size
    outcomes: list[list[str]] = []
    for at in range(rounds):

        def one(number: int, at: int = at) -> str:
            step = Step(5, position=(3, at, at + 1), entries=[entry(f"{at}-{number}")])
            return _said(stores[number], step, FencedError)

        outcomes.append(sorted(_together(one, 2)))
    assert outcomes == [["FencedError", "done"]] * rounds
    assert world.store.head().size == start + rounds
    world.check()


def test_stale_of_a_stop_and_an_acceptance_at_the_same_moment_one_decides_again(world: World, engine: Postgres) -> None:
    stores, rounds = [engine.another(), engine.another()], 20
    world.do(Step(4, registers=[grant(f"g{at}") for at in range(rounds)]))
    for at in range(rounds):
        on = handle(f"g{at}")
        telling = accept(f"m{at}", on=f"g{at}")
        telling.rests_on_grants, telling.uses = [(on, 1)], [Use(on, 1, 0, 1)]
        stop = Step(5, entries=[entry(f"stop {at}")], rests_on_grants=[(on, 1)], stops=[(on, 1, DAY + 400)])
        both = (telling, stop)

        def one(number: int, both: tuple[Step, Step] = both) -> str:
            return _said(stores[number], both[number], StaleError)

        told, stopped = _together(one, 2)
        assert stopped == "done"  # a used number does not change the version that a stop rests on
        row = world.grant(f"g{at}")
        assert (row.stopped, row.version, row.last) == (True, 2, 1 if told == "done" else 0)
        assert (message(f"m{at}") in world.store.stored([message(f"m{at}")])) == (told == "done")
    world.check()


def test_stale_of_two_that_use_one_number_exactly_one_has_it(world: World, engine: Postgres) -> None:
    stores = [engine.another(), engine.another()]
    for at in range(20):

        def one(number: int, at: int = at) -> str:
            step = accept(f"{at}-{number}")
            step.uses = [Use(handle(), 1, at, at + 1)]
            return _said(stores[number], step, StaleError)

        assert sorted(_together(one, 2)) == ["StaleError", "done"]
    assert (world.grant().last, len(world.waiting())) == (20, 20)
    world.check()


def test_what_one_process_committed_every_other_sees_at_its_next_read(world: World, engine: Postgres) -> None:
    other = engine.another()
    assert len(other.addresses()) == 3
    world.do(Step(5, admissions=[("urn:nld:oin:9:new", "admitted", None)]))
    assert other.addresses()["urn:nld:oin:9:new"].number == 4
    world.do(Step(700_000, entries=[entry("recovery")], new_log=NewLog(2, 0, (SENDER,))))
    assert other.recovery() == RecoveryRow(2, 0, frozenset({SENDER}))
    assert other.now() == 700_000
    other.commit(Step(700_001, registers=[grant("j", ground="another word")]))
    assert world.grant("j").ground == "another word"
    assert everything(other) == everything(world.store)


_WORK = """
import sys
from pathlib import Path
from hub.store_postgres import PostgresStore
from tests.store_steps import accept, leave
dsn, keys, who, rounds = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
store = PostgresStore(dsn, keys)
for number in range(rounds):
    store.commit(accept(*(f"{who}-{number}-{one}" for one in range(20))))
    print(store.commit(leave(*(f"{who}-{number}-{one}" for one in range(0, 20, 2)))), flush=True)
    store.tidy(number * 20_000)
"""


def _worker(engine: Postgres, who: str, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WORK, engine.dsn, str(engine.keys), who, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_any_number_of_processes_write_one_log_without_a_gap(world: World, engine: Postgres) -> None:
    workers = [_worker(engine, who, 12) for who in "abc"]
    told = [int(line) for worker in workers for line in worker.communicate(timeout=120)[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(set(told)) == 36
    assert world.store.head().size == 36 * 21
    assert world.store.counts()["waiting"] == 36 * 10
    world.check()


# versions


def test_a_new_version_brings_the_tables_up_to_date_while_the_old_one_works_on(tmp_path: Path) -> None:
    """The old one knows `commit_1` alone, and goes on with it."""
    dsn = cluster().bare()
    old = link.connect(dsn)
    link.migrate(old, new=True, newest=1)
    before = f"SELECT commit_1({', '.join(['%b'] * sql.PARAMETERS)})"

    def commit(name: str) -> None:
        values = arguments(Step(5, entries=[entry(name)]), 0, lambda key, _: key, lambda _: 0)
        del values[1:4]  # of `move_3`
        old.execute(before.encode(), values[: sql.PARAMETERS])

    commit("before")
    # It is in the middle of a commit; two of the new version start at the same moment.
    with old.transaction():
        commit("meanwhile")
        with ThreadPoolExecutor(2) as pool:
            new = list(pool.map(lambda _: PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000), range(2)))
    assert link.schema_version(old) == link.SCHEMA_VERSION
    for number, store in enumerate(new):
        commit(f"after {number}")
        store.commit(accept(f"m{number}"))
        check_store(store)
        assert store.head().size == 4 + 2 * number
    for store in new:
        store.close()
    old.close()


# erasing


def test_what_is_erased_is_gone_its_leaf_stays_and_what_is_public_too(world: World) -> None:
    store = world.store
    assert isinstance(store, PostgresStore)
    facts = [(place, SENDER, RECIPIENT, b"fact") for place in range(3)]
    entries = [entry("a"), entry("b"), public(b"a table")]
    world.do(Step(5, entries=entries, facts=facts, standing=[1]))
    before = store.head()
    for _ in range(2):
        store.commit(Step(6, erases=[(0, 1), (2, 3)]))
        store.tidy(1_000)
    assert store.head()[:2] == before[:2]
    assert store.entries(0, 3) == [Entry(entries[0].leaf, None, b""), *entries[1:]]
    assert [index for index, _ in store.facts_of(SENDER, 0, 10)] == [1]
    assert (store.standing(0), store.standing(2)) == ([(1, entries[1])], [])
    for pair in ((0, 99), (-1, 1), (1, 1), (1, 0)):
        with pytest.raises(StaleError, match="no such entries"):
            store.commit(Step(6, entries=[entry("c")], erases=[(1, 2), pair]))
    assert store.entries(1, 2) == [entries[1]]
    assert store.records(0, 3) == [(1, entries[1].record)]


# keys of the days


def _elsewhere(engine: Postgres, folder: Path) -> PostgresStore:
    """A process on another machine, which has a file of day keys of its own."""
    engine.stores.append(PostgresStore(engine.dsn, folder / "other.keys", lambda: 1_000))
    return engine.stores[-1]


def test_the_key_of_a_payload_stands_nowhere_in_the_database(world: World, engine: Postgres) -> None:
    world.do(accept("m"))
    world.do(Step(100, set_aside=[aside()]))
    engine.ask("CHECKPOINT")
    assert [
        path.name for path in cluster().data.rglob("*") if path.is_file() and _holds(path, key("m"), key("fault"))
    ] == []
    assert key("m") not in engine.keys.read_bytes()


def test_a_machine_without_the_keys_of_the_days_accepts_nothing_and_says_what_to_do(
    world: World, engine: Postgres, tmp_path: Path
) -> None:
    world.do(accept("m"))
    other = _elsewhere(engine, tmp_path)
    with pytest.raises(StoreError, match="lacks the key of this day: copy the file of day keys from the machine"):
        other.commit(accept("n"))
    assert "lacks keys of days to come" in other.unsafe()[0]
    assert other.payloads([message("m")]) == {message("m"): None}
    shutil.copy(engine.keys, tmp_path / "other.keys")
    assert other.unsafe() == []
    other.commit(accept("n"))
    assert set(other.payloads([message("m"), message("n")]).values()) == {(wrapped(n), key(n)) for n in "mn"}
    world.check()


def test_when_the_key_of_a_day_is_destroyed_what_it_wrapped_opens_nowhere(world: World, engine: Postgres) -> None:
    store = world.store
    day = 20_000 * DAY_MS
    store.tidy(day)
    step = accept("m", at=day)
    store.commit(step)
    engine.check(store)
    store.tidy(day + LONGEST_DAYS * DAY_MS)
    assert store.payloads([message("m")]) == {message("m"): (wrapped("m"), key("m"))}
    store.tidy(day + (LONGEST_DAYS + 1) * DAY_MS)
    assert store.payloads([message("m")]) == engine.another().payloads([message("m")]) == {message("m"): None}
    store.commit(leave("m", code=Code.KEY_LOST))
    check_store(store)


def test_the_part_of_a_day_is_dropped_once_nothing_of_it_waits(world: World, engine: Postgres) -> None:
    store, day = world.store, 25_000
    store.commit(accept("m", at=day * DAY_MS))
    store.commit(accept("n", at=(day + 1) * DAY_MS))
    store.commit(leave("n"))
    store.tidy((day + 4) * DAY_MS)
    assert _parts(engine) == {day, day + 4, day + 5}
    store.commit(leave("m"))
    other = engine.another()
    other.tidy((day + 5) * DAY_MS)
    assert _parts(engine) == {day + 4, day + 5, day + 6}
    with pytest.raises(StaleError, match="the part of the queue of this day was dropped"):
        store.commit(accept("o", at=day * DAY_MS))
    store.commit(accept("o", at=day * DAY_MS))
    check_store(store)


# a database that is not the newest


def test_a_database_that_lacks_what_was_committed_is_refused_until_the_hub_starts_again(tmp_path: Path) -> None:
    """As when yesterday's copy was put back, or a standby promoted that had not everything, under a running hub."""
    dsn = cluster().bare()
    PostgresStore.create(dsn)
    store = PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000)
    store.commit(Step(5, entries=[entry("a")]))
    name = name_in(dsn)
    store._drop()
    cluster().admin(f"CREATE DATABASE old TEMPLATE {name}")
    store.commit(Step(6, entries=[entry("b")]))
    store._drop()
    cluster().admin(f"ALTER DATABASE {name} RENAME TO gone")
    cluster().admin(f"ALTER DATABASE old RENAME TO {name}")
    for _ in range(2):
        with pytest.raises(StoreError, match="lacks entries that it had.*begins again by itself, in recovery"):
            store.head()
    store.close()
    again = PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000)
    assert again.head().size == 1
    again.close()


# queries


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (sql.READ_WAITING, {"recipient": "1", "now": "1", "most": "1"}, "waiting_fresh"),
        (sql.READ_WAITING, {"recipient": "1", "now": "1", "most": "1"}, "waiting_out"),
        (sql.HAS_SOMETHING, {"asked": "'{1}'::bigint[]", "now": "1"}, "waiting_fresh"),
        (sql.READ_DUE, ("1", "1"), "waiting_due"),
        (sql.READ_GRANTS, ("'{00}'::bytea[]",), "grants_pkey"),
        (sql.READ_STORED, ("'{00}'::bytea[]",), "message_id"),
        (sql.READ_FACTS, ("1", "1", "1"), "fact_of"),
        (sql.READ_FEED, ("1", "1", "1"), "feed_pkey"),
    ],
)
def test_a_read_that_must_stay_fast_uses_its_index(
    world: World, statement: str, values: dict[str, str] | tuple[str, ...], index: str
) -> None:
    assert isinstance(world.store, PostgresStore)
    plan = "\n".join(
        row[0] for row in world.store._run(f"EXPLAIN {statement.replace('%b', '%s').replace(')b', ')s') % values}")
    )
    assert index in plan
    assert "Seq Scan" not in plan.replace("Seq Scan on notice", "")


@pytest.mark.parametrize("analyzed", [False, True], ids=["young", "analyzed"])
def test_a_long_queue_of_one_partner_costs_no_look_for_another_and_none_per_row(
    world: World, *, analyzed: bool
) -> None:
    """Figures that say that everything waits for one recipient, and that nothing is out, must not choose the plan."""
    store = world.store
    assert isinstance(store, PostgresStore)
    db = store._connected()
    row = "i, decode(md5(i::text), 'hex'), 1, 1, 2, decode(md5((i % 50)::text), 'hex'), 1, 9000, 0, 0, 0"
    db.execute(f"INSERT INTO waiting SELECT {row} FROM generate_series(1, 5000) AS i".encode())
    if analyzed:
        db.execute("ANALYZE waiting")
    # Of the first handles something is out from now on: their rows are passed by.
    db.execute("UPDATE waiting SET lease_until = 90 WHERE accept <= 40")
    for statement, values in (
        (sql.READ_WAITING, {"recipient": "2", "now": "5", "most": "10"}),
        (sql.READ_WAITING, {"recipient": "3", "now": "5", "most": "10"}),
        (sql.HAS_SOMETHING, {"asked": "'{2,3}'::bigint[]", "now": "5"}),
    ):
        plan = "\n".join(row[0] for row in store._run(f"EXPLAIN {statement.replace(')b', ')s') % values}"))
        assert "waiting_fresh" in plan
        assert "waiting_pkey" not in plan
        assert "Join" not in plan  # what is out is read once, not for each row
        assert "hashed SubPlan" in plan
        assert "Bitmap" not in plan  # which would fetch again what is gone
    assert [one.accept for one in store.waiting(2, 5, 3)] == [41, 42, 43]
    assert store.has_something([2, 3], 5) == {2}


def _until(true: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if true():
            return
        signal.sigtimedwait([], 0.01)
    raise AssertionError("the server has not done this")


def _said(store: PostgresStore, step: Step, refusal: type[Exception]) -> str:
    try:
        store.commit(step)
    except refusal as error:
        return type(error).__name__
    return "done"


def _together(do: Callable[[int], str], count: int) -> list[str]:
    """Each in a thread of its own, all from one moment on."""
    barrier = threading.Barrier(count)

    def one(number: int) -> str:
        barrier.wait(30)
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def _parts(engine: Postgres) -> set[int]:
    rows = engine.ask("SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = 'schakel.payload'::regclass")  # fmt: skip
    days = {int(str(row[0]).removeprefix("payload_")) for row in rows}
    return {day for day in days if day >= 25_000}


def _holds(path: Path, *needles: bytes) -> bool:
    content = path.read_bytes()
    return any(needle in content for needle in needles)
