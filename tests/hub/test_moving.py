# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""A store moves to another engine and back: same log, same keys, same handles, and never two that take a commit."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from deploy.compose import open_hub
from deploy.exits import Stopped
from deploy.move import wanted, with_dsn, write_settings
from hub import moving_postgres, moving_sqlite, store_sqlite_sql
from hub.day_keys import DayKeys
from hub.intake_places import Places
from hub.intake_rules import TopicRow
from hub.moving import Mark, MovedAwayError, copy
from hub.store import StaleError, Step, Store, StoreError, Tell
from hub.store_postgres import PostgresStore
from hub.store_sqlite import SqliteStore
from schemas.codes import Code
from schemas.entry import MIGRATED, Entry, items_of
from schemas.note import Checkpoint
from tests.moves import NOW, many, moved, new_hub, settings, takes_commits, writable
from tests.postgres import cluster, name_in
from tests.store_steps import SENDER, accept, aside, check_store, entry, everything, grant, handle, message, prepared

POINTS = ("written:before", "written:after", "lock:before", "lock:after")  # up to the decision
POINTS += ("keys:before", "keys:after", "open:after", "settings:after")
HEAD, LOG, COUNTS, CHECKPOINT, RECORDS = 0, (10, 11), 13, 14, 16  # places in what `everything` tells
_KINDS = ("file", "postgres")


@pytest.fixture
def database() -> str:
    return cluster().bare()


class Engines:
    """One store on a file and one in a database; the rules of a move, without a hub around them."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder, self.dsn, self.keys = folder, dsn, folder / "day.keys"
        self.checkpoint: Checkpoint | None = None

    def file(self) -> SqliteStore:
        return SqliteStore(self.folder, lambda: NOW)

    def database(self) -> PostgresStore:
        return PostgresStore(self.dsn, self.keys, lambda: NOW)

    def to_database(self) -> None:
        mark = Mark("incoming", "t", moving_sqlite.place_of(self.folder))
        with closing(self.file()) as store:
            self._to_database(store, mark)
        moving_sqlite.let_keys_go(self.folder / "hub.keys")
        moving_postgres.open_up(self.dsn)

    def _to_database(self, store: SqliteStore, mark: Mark, fault: str = "SELECT 1") -> None:
        checked = _checkpoint(store)
        with store.lent("moved") as (db, keys):
            db.execute(fault)
            source = moving_sqlite.SqliteSource(db, keys, self.folder)
            with moving_postgres.new_database(self.dsn, self.keys, mark) as target:
                copy(source, target, lambda _: self.checkpoint or checked, "hub", NOW, bytes(32))
            source.mark(Mark("moved", "t", moving_postgres.place_of(self.dsn)))

    def to_other_database(self, dsn: str) -> None:
        with closing(self.database()) as store:
            checked = _checkpoint(store)
        mark = Mark("incoming", "o", moving_postgres.place_of(self.dsn))
        with moving_postgres.old_database(self.dsn, self.keys, lambda _: None, "postgres") as source:
            with moving_postgres.new_database(dsn, self.keys, mark) as target:
                copy(source, target, lambda _: self.checkpoint or checked, "hub", NOW, bytes(32))
            source.mark(Mark("moved", "o", moving_postgres.place_of(dsn)))
        self.dsn = dsn
        moving_postgres.open_up(self.dsn)

    def to_file(self) -> None:
        with closing(self.database()) as store:
            checked = _checkpoint(store)
        mark = Mark("incoming", "u", moving_postgres.place_of(self.dsn))
        with moving_postgres.old_database(self.dsn, self.keys, lambda _: None) as source:
            with moving_sqlite.new_file(self.folder, "hub.db", "hub.keys", mark) as target:
                copy(source, target, lambda _: self.checkpoint or checked, "hub", NOW, bytes(32))
            source.mark(Mark("moved", "u", moving_sqlite.place_of(self.folder)))
        moving_postgres.let_keys_go(self.keys)
        moving_sqlite.open_up(self.folder / "hub.db")


def _checkpoint(store: Store) -> Checkpoint:
    head = store.head()
    store.keep_checkpoint("kept", head.size)
    return Checkpoint("hub", head.size, head.root)


@pytest.fixture
def engines(tmp_path: Path, database: str) -> Engines:
    """With something of everything in the file."""
    SqliteStore.create(tmp_path)
    made = Engines(tmp_path, database)
    store = made.file()
    prepared(store)
    store.commit(Step(650, entries=[entry("later")], tells=[Tell(SENDER, 900_000, Code.STOPPED, message("z"))]))
    store.close()
    return made


def _told(store: Store) -> list[object]:
    check_store(store)
    told = everything(store)
    told.append([store.fault_frame(one.number) for one in store.faults()])
    store.close()
    return told


def test_what_a_store_tells_is_the_same_after_a_move_there_and_back(engines: Engines) -> None:
    before = _told(engines.file())
    engines.to_database()
    there = _told(engines.database())
    engines.to_file()
    back = _told(engines.file())
    for after, grown in ((there, 1), (back, 2)):
        differ = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        assert differ == [HEAD, *LOG, COUNTS, CHECKPOINT, RECORDS]
        assert [after[place][:-grown] for place in (*LOG, RECORDS)] == [before[place] for place in (*LOG, RECORDS)]  # type: ignore[index]
        assert after[COUNTS] == before[COUNTS] | {"entries": before[COUNTS]["entries"] + grown}  # type: ignore[index,operator]
    entries: list[Entry] = back[LOG[0]]  # type: ignore[assignment]
    assert [items_of(one.record)[2:6] for one in entries[-2:]] == [
        [MIGRATED, "file", "postgres", len(entries) - 2],
        [MIGRATED, "postgres", "file", len(entries) - 1],
    ]


def test_work_goes_on_in_the_new_store_as_in_the_old_one(engines: Engines) -> None:
    """New words, the next number of a fault, what was put off: nothing begins anew and nothing meets what is there."""
    for move, opened in ((engines.to_database, engines.database), (engines.to_file, engines.file)):
        move()
        store: Store = opened()
        name = type(store).__name__
        step = accept(name, at=NOW + 1, on="h")
        step.registers = [grant(name, ground=f"ground of {name}", categories=(name,))]
        step.set_aside = [aside("h", since=NOW)]
        step.tells = [Tell(SENDER, NOW + 50, Code.STORED)]
        store.commit(step)
        assert store.grants([handle(name)])[handle(name)].ground == f"ground of {name}"
        assert store.ripen(NOW + 60) > 0
        check_store(store)
        store.close()
    with closing(engines.file()) as store:
        assert [one.number for one in store.faults()] == [1, 2, 3]


def test_a_payload_whose_key_was_lost_stays_lost_and_the_others_open(engines: Engines) -> None:
    (engines.folder / "hub.keys").write_bytes(b"")
    engines.to_database()
    store = engines.database()
    assert store.payloads([message("m")]) == {message("m"): None}
    store.commit(accept("fresh", at=NOW))
    store.close()
    engines.to_file()
    with closing(engines.file()) as file:
        assert {one: found is not None for one, found in file.payloads([message("fresh"), message("m")]).items()} == {
            message("fresh"): True,
            message("m"): True,  # there is a key, under which it does not open
        }
        wrapped, key = file.payloads([message("m")])[message("m")] or (b"", b"")
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(bytes(12), wrapped, None)


def test_words_that_left_gaps_in_their_numbers_are_found_again(engines: Engines) -> None:
    engines.to_database()
    cluster().admin("SELECT setval(pg_get_serial_sequence('schakel.word', 'number'), 900)", name_in(engines.dsn))
    store = engines.database()
    store.commit(Step(NOW, registers=[grant("i", ground="code", categories=("action",))]))
    store.close()
    engines.to_file()
    file = engines.file()
    file.commit(Step(NOW, registers=[grant("j", ground="new", categories=("income",))]))
    found = file.grants([handle("i"), handle("j"), handle()])
    assert [(one.ground, one.categories) for one in found.values()] == [
        ("code", ("action",)),
        ("new", ("income",)),
        ("task", ("progress", "service")),
    ]
    file.close()


def test_from_one_database_to_another_everything_goes_with_the_positions_topics_and_key_names_of_the_intake(
    engines: Engines,
) -> None:
    engines.to_database()
    with closing(engines.database()) as store:
        store.commit(Step(NOW, positions=[(3, 0, 41), (1_000_007, 0, 5)]))
    with closing(Places(engines.dsn)) as places:
        topic = places.remember("schakel.intake", TopicRow("cluster", "id", 48))
        places.keep_hours({3: 500_000})
        places.add_key_names({500_001: b"name of a key" + bytes(3)})
    before = _told(engines.database())
    engines.to_other_database(cluster().bare())
    after = _told(engines.database())
    differ = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert differ == [HEAD, *LOG, COUNTS, RECORDS]
    with closing(Places(engines.dsn)) as places:
        assert places.topic("schakel.intake") == topic
        assert places.positions([3, 4, 1_000_007]) == {3: 41, 4: 0, 1_000_007: 5}
        assert places.hours() == {3: 500_000}
        assert places.key_names() == {500_001: b"name of a key" + bytes(3)}


def test_what_waits_opens_in_the_other_database_under_the_keys_of_the_same_days(engines: Engines) -> None:
    engines.to_database()
    with closing(engines.database()) as store:
        waiting = [one for one in (message("m"), message("z")) if store.payloads([one]).get(one)]
        found = store.payloads(waiting)
    assert waiting
    engines.to_other_database(cluster().bare())
    with closing(engines.database()) as store:
        assert store.payloads(waiting) == found


# what is compared before anything is decided


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("UPDATE entry SET record = x'8401' WHERE idx = 1", "entry 1 is not in the new store as its leaf says"),
        ("UPDATE head SET root = zeroblob(32)", "does not lead to the root of the old one"),
        ("DELETE FROM payload", "something waits in the old store without its payload"),
    ],
)
def test_a_store_that_is_not_what_its_log_says_is_not_moved(engines: Engines, fault: str, sentence: str) -> None:
    store = engines.file()
    mark = Mark("incoming", "t", moving_sqlite.place_of(engines.folder))
    with pytest.raises(StoreError, match=sentence):
        engines._to_database(store, mark, fault)
    store.commit(accept("x", at=700))  # taken back, and it works on
    store.close()
    with pytest.raises(StoreError, match="no store in this database"):
        engines.database()


def test_a_last_checkpoint_that_the_log_does_not_lead_to_stops_the_move(engines: Engines) -> None:
    engines.checkpoint = Checkpoint("hub", 2, bytes(32))
    with pytest.raises(StoreError, match="the last checkpoint"):
        engines.to_database()
    with closing(engines.file()) as store:
        store.commit(accept("x", at=700))


# the old store


def test_a_database_that_went_refuses_every_change_also_of_a_gateway_that_runs(engines: Engines) -> None:
    engines.to_database()
    other = engines.database()
    engines.to_file()
    with pytest.raises(StoreError, match="this store was moved to the folder .* takes nothing any more"):
        other.commit(Step(NOW, entries=[entry("late")]))
    with pytest.raises(StoreError, match="takes nothing any more"):
        other.keep_checkpoint("late", 99)
    other.close()
    with psycopg.connect(engines.dsn) as db, pytest.raises(psycopg.Error, match="takes nothing any more"):
        db.execute("UPDATE schakel.head SET size = 0")
    with pytest.raises(MovedAwayError, match="take dsn out of hub.toml"):
        engines.database()


def test_a_file_that_went_is_no_store_any_more_for_any_version(engines: Engines) -> None:
    engines.to_database()
    with pytest.raises(MovedAwayError, match="name that as dsn in hub.toml"):
        engines.file()
    with sqlite3.connect(engines.folder / "hub.db") as db:
        assert db.execute("PRAGMA application_id").fetchone()[0] != store_sqlite_sql.APPLICATION_ID


def test_what_waits_opens_in_the_new_store_and_nowhere_else(engines: Engines) -> None:
    """Old file, its WAL, and copies of both: no key that still exists opens them; and so back from the database."""
    keys = (engines.folder / "hub.keys").read_bytes()
    engines.to_database()
    assert not (engines.folder / "hub.keys").exists()
    days = engines.keys.read_bytes()
    engines.to_file()
    assert engines.keys.read_bytes() != days
    assert DayKeys(engines.keys).read() == {}
    assert keys.strip(b"\0") != b""


def test_what_other_gateways_were_promised_during_a_move_is_in_the_new_store(engines: Engines) -> None:
    """Each commit either came back before the snapshot, and was copied, or never came back."""
    engines.to_database()
    others = [engines.database() for _ in range(2)]
    done: list[bytes] = []
    began = threading.Event()

    def work(number: int) -> None:
        for turn in range(10_000):
            name = f"{number}-{turn}"
            step = accept(name, at=NOW, on=name)
            step.registers = [grant(name)]
            step.position = (number, turn, turn + 1)
            try:
                others[number].commit(step)
            except StaleError:
                continue
            except StoreError:
                return
            done.append(message(name))
            if turn == 5:
                began.set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    began.wait(30)
    engines.to_file()
    for thread in threads:
        thread.join(60)
    file = engines.file()
    assert len(file.stored(done)) == len(done) > 5
    waiting = file.counts()["waiting"]
    assert waiting == len(done) + 3
    for other in others:
        other.close()
    file.close()


# where it can't go


def test_where_there_is_a_store_nothing_is_moved_to(engines: Engines, tmp_path: Path) -> None:
    taken = cluster().new()
    engines.dsn = taken
    with pytest.raises(StoreError, match="a store in this database already"):
        engines.to_database()
    store = engines.file()
    store.commit(accept("x", at=700))
    store.close()
    cluster().again(taken)


def test_a_database_of_a_move_of_another_hub_is_left_alone(engines: Engines, tmp_path: Path) -> None:
    """Its old store may be the only one that can say that it is the one in use."""
    engines.to_database()
    other = Engines(tmp_path / "other", engines.dsn)
    (tmp_path / "other").mkdir()
    engines.to_file()
    SqliteStore.create(other.folder)
    with pytest.raises(StoreError, match="of a move with the folder .*; choose another"):
        other.to_database()
    store = other.file()
    store.commit(accept("x", at=700))
    store.close()


def test_rows_that_a_file_has_no_place_for_stay_where_they_are(engines: Engines) -> None:
    engines.to_database()
    with psycopg.connect(engines.dsn) as db:
        db.execute("CREATE TABLE schakel.other (one int); INSERT INTO schakel.other VALUES (1)")
    with pytest.raises(StoreError, match="holds rows of other, for which a file has no place"):
        engines.to_file()
    with pytest.raises(StoreError, match="holds rows of other, for which a move to a database has no place"):
        engines.to_other_database(cluster().bare())
    with closing(Places(engines.dsn)) as places:
        places.remember("schakel.intake", TopicRow("cluster", "id", 48))
    with psycopg.connect(engines.dsn) as db:
        db.execute("DROP TABLE schakel.other")
    with pytest.raises(StoreError, match="holds rows of intake_topic, for which a file has no place"):
        engines.to_file()
    store = engines.database()
    store.commit(accept("x", at=NOW))
    store.close()


# killed


@pytest.mark.parametrize("back", [False, True], ids=["to the database", "back"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_line_exactly_one_store_takes_commits_and_the_command_is_given_again(
    tmp_path: Path, database: str, point: str, back: bool
) -> None:
    folder = tmp_path / "hub"
    first = new_hub(folder)
    to = "file" if back else database
    if back:
        moved(folder, database)
    start = settings(folder)
    with open_hub(start, lambda: NOW, traffic=False) as hub:
        many(hub.store, 50)

    def die(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    assert _dies(lambda: moved(folder, to, die))
    assert writable(start, to) == [_KINDS[_is_decided(point) != back]]
    with suppress(MovedAwayError, Stopped):
        moved(folder, to)
    write_settings(folder / "hub.toml", wanted(start, to))
    assert settings(folder).dsn == (None if back else database)
    assert writable(start, to) == [_KINDS[not back]]
    with open_hub(settings(folder), lambda: NOW + 3_000, traffic=False) as hub:
        assert hub.store.counts()["waiting"] == 50
        assert len(hub.store.payloads([message(f"{place}") for place in range(50)])) == 50
        kinds = [items_of(one.record)[2] for one in hub.store.entries(0, hub.store.head().size)]
        assert kinds.count(MIGRATED) == (2 if back else 1)
        assert hub.store.recovery() is None
    assert first.name == settings(folder).name


@pytest.mark.parametrize("point", POINTS)
def test_killed_on_the_way_to_another_database_exactly_one_takes_commits(
    tmp_path: Path, database: str, point: str
) -> None:
    folder, other = tmp_path / "hub", cluster().bare()
    start = new_hub(folder, database)
    with open_hub(start, lambda: NOW, traffic=False) as hub:
        many(hub.store, 20)

    def die(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    assert _dies(lambda: moved(folder, other, die))
    assert [takes_commits(one) for one in (start, wanted(start, other))] == [
        not _is_decided(point),
        _is_decided(point),
    ]
    with suppress(MovedAwayError, Stopped):
        moved(folder, other)
    write_settings(folder / "hub.toml", wanted(start, other))
    assert [takes_commits(one) for one in (start, settings(folder))] == [False, True]
    with open_hub(settings(folder), lambda: NOW + 3_000, traffic=False) as hub:
        assert len(hub.store.payloads([message(f"{place}") for place in range(20)])) == 20
        assert hub.store.recovery() is None


def _dies(do: Callable[[], object]) -> bool:
    child = os.fork()
    if child == 0:
        try:
            do()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _is_decided(point: str) -> bool:
    return point not in {"lock:before", "written:before", "written:after"}


# the settings


@given(st.lists(st.sampled_from(["name = 'a'", 'dsn = "host=/x dbname=y"', "", "# dsn = no", "strict = true"])))
def test_only_the_one_line_of_the_settings_changes(lines: list[str]) -> None:
    text = "\n".join([*lines, "[gateway]", "dsn = 'of another table'", ""])
    named = with_dsn(text, "host=/a dbname=b")
    head, _, table = named.partition("[gateway]")
    assert head.count('dsn = "host=/a dbname=b"') == 1
    assert table == "\ndsn = 'of another table'\n"
    assert [line for line in head.splitlines() if line and not line.startswith("dsn")] == [
        line for line in lines if line and not line.startswith("dsn")
    ]
    assert with_dsn(named, None).count("dsn = ") == 1 + lines.count("# dsn = no")


def test_the_settings_say_where_a_store_may_go(tmp_path: Path) -> None:
    config = new_hub(tmp_path / "hub")
    for to, sentence in (
        ("file", "is a file already"),
        ("host=db.example.nl dbname=x", "add sslmode=verify-full"),
        ("host=/run dbname=x password=y", "holds a secret"),
        ("dbname=x", "names no host"),
    ):
        with pytest.raises(Stopped, match=sentence):
            wanted(config, to)
    there = wanted(config, "host=/run dbname=x")
    assert wanted(there, "host=/run dbname=y").dsn == "host=/run dbname=y"
    with pytest.raises(Stopped, match="in that database already"):
        wanted(there, "user=other host=/run dbname=x")
