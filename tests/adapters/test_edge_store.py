# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.keys import StoreKey
from adapters.store import FILE, EdgeStore, Record, StoreError, Table, WrongKeyError, check_durable

KEY = StoreKey.from_secret(b"k" * 32)
OTHER = StoreKey.from_secret(b"o" * 32)
OUTBOX = Table("outbox", indexes=("client", "grant_of"), plain=("state", "due"))
CLIENTS = Table("clients", indexes=("bsn",))
BSN, NAME, NUMBER = "999900006", "Guusje Voorbeeld-Geheim", "CLIENT-0042-GEHEIM"


class Stop(BaseException):
    """The process ends here."""


def _stop(name: str) -> None:
    if name == "before-commit":
        raise Stop


def _hold_and_stop(store: EdgeStore) -> None:
    with store.transaction() as tx:
        tx.hold(ONE, b"1", [6])
        raise Stop


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeStore]:
    with EdgeStore.create(tmp_path / "data", KEY) as made:
        yield made


def filled(store: EdgeStore, count: int = 5) -> None:
    with store.transaction() as tx:
        for n in range(count):
            tx.put(
                OUTBOX,
                b"key-%d" % n,
                {"n": n, "text": "tekst"},
                index={"client": b"client-%d" % (n % 2)},
                plain={"state": "waiting" if n % 2 else "sent", "due": n * 10},
            )


def test_a_record_comes_back_as_it_was_written(store: EdgeStore) -> None:
    record: Record = {
        "text": "\u00e9",
        "raw": b"\0\xff",
        "number": -(2**40),
        "yes": True,
        "none": None,
        "list": [1, ["a", b"b"]],
    }
    with store.transaction() as tx:
        tx.put(CLIENTS, b"1", record)
        assert tx.get(CLIENTS, b"1") == record

    assert store.get(CLIENTS, b"1") == record
    assert store.get(CLIENTS, b"2") is None


def test_what_was_committed_is_there_for_the_next_process(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        filled(store)
    with EdgeStore(tmp_path, KEY) as store:
        assert [record["n"] for _, record in store.scan(OUTBOX)] == [0, 1, 2, 3, 4]


def test_records_are_found_by_an_index_in_the_order_in_which_they_were_first_written(store: EdgeStore) -> None:
    filled(store)
    with store.transaction() as tx:
        tx.put(OUTBOX, b"key-1", {"n": 1, "text": "nieuw"}, index={"client": b"client-1"}, plain={"state": "sent"})

    assert store.find(OUTBOX, "client", b"client-1") == [
        (b"key-1", {"n": 1, "text": "nieuw"}),
        (b"key-3", {"n": 3, "text": "tekst"}),
    ]
    assert store.find(OUTBOX, "grant_of", b"client-1") == []
    assert store.find(OUTBOX, "client", b"nobody") == []


def test_a_record_that_is_written_again_is_replaced_as_a_whole_its_indexes_too(store: EdgeStore) -> None:
    filled(store, 1)
    with store.transaction() as tx:
        tx.put(OUTBOX, b"key-0", {"other": 1}, index={"grant_of": b"g"})

    assert store.get(OUTBOX, b"key-0") == {"other": 1}
    assert store.find(OUTBOX, "client", b"client-0") == []
    assert store.count(OUTBOX, "sent") == 0
    assert store.count(OUTBOX) == 1


def test_a_scan_goes_by_state_and_time_in_order_and_stops_at_its_limit(store: EdgeStore) -> None:
    filled(store, 10)

    def numbers(**wanted: object) -> list[object]:
        return [record["n"] for _, record in store.scan(OUTBOX, **wanted)]  # type: ignore[arg-type]

    assert numbers(state="waiting") == [1, 3, 5, 7, 9]
    assert numbers(state="waiting", due_until=50) == [1, 3, 5]
    assert numbers(due_until=20) == [0, 1, 2]
    assert numbers(state="waiting", limit=2) == [1, 3]
    assert numbers(state="nothing") == []
    assert store.count(OUTBOX, "waiting") == 5


def test_a_record_without_a_time_is_never_due(store: EdgeStore) -> None:
    with store.transaction() as tx:
        tx.put(OUTBOX, b"1", {}, plain={"state": "waiting"})

    assert store.scan(OUTBOX, due_until=10**15) == []


def test_a_deleted_record_is_gone_and_says_whether_it_was_there(store: EdgeStore) -> None:
    filled(store, 2)
    with store.transaction() as tx:
        assert tx.delete(OUTBOX, b"key-0")
        assert not tx.delete(OUTBOX, b"key-0")

    assert [key for key, _ in store.scan(OUTBOX)] == [b"key-1"]


def test_a_transaction_that_raises_leaves_nothing(store: EdgeStore) -> None:
    filled(store, 1)
    with pytest.raises(Stop), store.transaction() as tx:  # noqa: PT012  # what it undoes is the test
        tx.put(OUTBOX, b"new", {})
        tx.put(CLIENTS, b"first of its table", {})
        tx.delete(OUTBOX, b"key-0")
        raise Stop

    assert store.count(OUTBOX) == 1
    assert store.count(CLIENTS) == 0
    filled(store, 3)
    assert store.count(OUTBOX) == 3


ONE = Table("one")


def test_a_record_that_is_held_is_known_at_once_and_written_once_at_the_end(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        with store.transaction() as tx:
            for number in range(5):
                tx.hold(ONE, b"1", [number])
                assert tx.get(ONE, b"1") == store.get(ONE, b"1") == [number]
                assert tx.count(ONE) == 0
        assert store.get(ONE, b"1") == [4]
        with pytest.raises(Stop):
            _hold_and_stop(store)
        assert store.get(ONE, b"1") == [4]
        store.point = _stop
        with pytest.raises(Stop), store.transaction() as tx:
            tx.hold(ONE, b"1", [5])
        store.point = None
        assert store.get(ONE, b"1") == [4]
        with store.transaction() as tx:
            assert tx.get(ONE, b"1") == [4]
    with EdgeStore(tmp_path, KEY) as store:
        assert store.get(ONE, b"1") == [4]


def test_what_is_written_or_removed_after_it_was_held_counts(store: EdgeStore) -> None:
    with store.transaction() as tx:
        tx.hold(ONE, b"1", [1])
        tx.put(ONE, b"1", [2])
        assert tx.get(ONE, b"1") == [2]
        tx.hold(ONE, b"2", [1])
        assert tx.delete(ONE, b"2")
        assert tx.get(ONE, b"2") is None
    assert (store.get(ONE, b"1"), store.get(ONE, b"2")) == ([2], None)


def test_only_in_a_transaction_and_only_by_its_key_is_a_record_held(store: EdgeStore) -> None:
    with store.transaction() as tx:
        for table in (OUTBOX, CLIENTS):
            with pytest.raises(ValueError, match="by its key only"):
                tx.hold(table, b"1", [1])
    with pytest.raises(StoreError, match="in a transaction only"):
        tx.hold(ONE, b"1", [1])


def test_writing_needs_a_transaction_and_there_is_one_at_a_time(store: EdgeStore) -> None:
    with store.transaction() as tx:
        with pytest.raises(StoreError, match="open already"), store.transaction():
            pass
        tx.put(CLIENTS, b"1", {})
    with pytest.raises(StoreError, match="in a transaction only"):
        tx.put(CLIENTS, b"2", {})
    with pytest.raises(StoreError, match="in a transaction only"):
        tx.delete(CLIENTS, b"1")
    assert store.count(CLIENTS) == 1


def test_an_index_or_column_that_the_table_does_not_declare_is_refused(store: EdgeStore) -> None:
    with store.transaction() as tx:
        with pytest.raises(ValueError, match="doesn't declare"):
            tx.put(CLIENTS, b"1", {}, index={"name": b"x"})
        with pytest.raises(ValueError, match="doesn't declare"):
            tx.put(CLIENTS, b"1", {}, plain={"state": "x"})
        with pytest.raises(ValueError, match="doesn't declare"):
            tx.put(OUTBOX, b"1", {}, plain={"when": 1})
    with pytest.raises(ValueError, match="only `state` and `due`"):
        Table("clients", plain=("name",))
    with pytest.raises(ValueError, match="small letters"):
        Table("clients; DROP TABLE meta")


def test_a_table_that_another_version_made_with_other_columns_is_refused(store: EdgeStore) -> None:
    filled(store, 1)

    with pytest.raises(StoreError, match="other columns"):
        store.get(Table("outbox"), b"1")


# -- who may open it


def test_another_key_is_a_clear_error_and_changes_nothing(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        filled(store)

    half = StoreKey(OTHER.sealing, KEY.lookup)
    for wrong in (OTHER, half):
        with pytest.raises(WrongKeyError, match="another store key or passphrase"):
            EdgeStore(tmp_path, wrong)
    with EdgeStore(tmp_path, KEY) as store:
        assert store.count(OUTBOX) == 5


def test_a_second_process_is_told_at_once_that_the_store_is_open(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY):
        code = (
            "from pathlib import Path; import sys; from adapters.keys import StoreKey; from adapters.store import *\n"
            "try: EdgeStore(Path(sys.argv[1]), StoreKey.from_secret(b'k' * 32))\n"
            "except StoreError as error: print(error)"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout

    assert "another process has this edge store open" in answer
    EdgeStore(tmp_path, KEY).close()


def test_two_openings_in_one_process_are_refused_too_and_a_failed_one_lets_go(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY), pytest.raises(StoreError, match="another process"):
        EdgeStore(tmp_path, KEY)
    with pytest.raises(WrongKeyError):
        EdgeStore(tmp_path, OTHER)
    EdgeStore(tmp_path, KEY).close()


def test_there_must_be_a_store_to_open_and_none_to_create(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="schakel edge init"):
        EdgeStore(tmp_path, KEY)
    EdgeStore.create(tmp_path, KEY).close()
    with pytest.raises(StoreError, match="already"):
        EdgeStore.create(tmp_path, KEY)


def test_a_file_that_is_no_store_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database at all, but it is long enough to be looked at" * 20)

    with pytest.raises(StoreError, match="can't be opened: it is no store of Schakel, or a damaged one"):
        EdgeStore(tmp_path, KEY)


def test_a_store_whose_making_was_interrupted_is_told_so_and_can_be_made_again(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / FILE).close()

    with pytest.raises(StoreError, match="isn't complete"):
        EdgeStore(tmp_path, KEY)
    EdgeStore.create(tmp_path, KEY).close()


@pytest.mark.parametrize("pragma", ["synchronous = NORMAL", "synchronous = OFF", "journal_mode = DELETE"])
def test_a_connection_that_could_lose_a_commit_is_refused(tmp_path: Path, pragma: str) -> None:
    db = sqlite3.connect(tmp_path / "x", isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL"):
        db.execute(f"PRAGMA {setting}")
    check_durable(db)
    db.execute(f"PRAGMA {pragma}")

    with pytest.raises(StoreError, match="synchronous=FULL"):
        check_durable(db)
    db.close()


def test_the_store_itself_flushes_every_commit_and_overwrites_what_it_deletes(store: EdgeStore) -> None:
    settings_of = {
        name: store._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete", "temp_store")
    }

    assert settings_of == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "temp_store": 2}


# -- what stands on the disk


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def planted(store: EdgeStore) -> None:
    with store.transaction() as tx:
        for n in range(300):
            record: Record = {"bsn": BSN, "name": NAME, "number": NUMBER, "raw": BSN.encode() * 20, "n": n}
            tx.put(CLIENTS, f"{NUMBER}-{n}".encode(), record, index={"bsn": BSN.encode()})


def test_no_planted_identifier_stands_in_any_file_of_the_data_folder(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        planted(store)
        with store.transaction() as tx:
            tx.delete(CLIENTS, f"{NUMBER}-7".encode())
        running = all_bytes(tmp_path)
        assert len(store.find(CLIENTS, "bsn", BSN.encode())) == 299
    closed = all_bytes(tmp_path)

    assert len(closed) > 100_000
    for found in (running, closed):
        for word in (BSN.encode(), NAME.encode(), NUMBER.encode(), b"Geheim", KEY.sealing, KEY.lookup):
            assert word not in found


def test_the_search_of_the_last_test_finds_what_is_written_in_plain(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store, store.transaction() as tx:
        tx.put(OUTBOX, b"1", {}, plain={"state": BSN})

    assert BSN.encode() in all_bytes(tmp_path)


def test_equal_records_look_unlike_and_equal_look_ups_of_two_tables_too(store: EdgeStore) -> None:
    other = Table("others", indexes=("bsn",))
    with store.transaction() as tx:
        for table in (CLIENTS, other):
            tx.put(table, b"key", {"bsn": BSN}, index={"bsn": BSN.encode()})
    rows = [
        store._db.execute(f"SELECT key, sealed, i_bsn FROM {name}").fetchone()  # noqa: S608
        for name in ("r_clients", "r_others")
    ]

    assert not set(rows[0]) & set(rows[1])
    assert rows[0][0] != rows[0][2]


def test_a_record_put_in_the_place_of_another_does_not_open(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        filled(store, 2)
    db = sqlite3.connect(tmp_path / FILE)
    with db:
        db.execute("UPDATE r_outbox SET sealed = (SELECT sealed FROM r_outbox WHERE row = 1) WHERE row = 2")
    db.close()

    with EdgeStore(tmp_path, KEY) as store:
        assert store.get(OUTBOX, b"key-0") is not None
        with pytest.raises(StoreError, match="table outbox was changed outside Schakel"):
            store.get(OUTBOX, b"key-1")


def test_the_files_of_the_store_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with EdgeStore.create(tmp_path / "data", KEY) as store:
            filled(store)
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    finally:
        os.umask(old)

    assert set(modes.values()) == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_what_was_deleted_is_gone_from_the_write_ahead_log_when_asked(tmp_path: Path) -> None:
    with EdgeStore.create(tmp_path, KEY) as store:
        filled(store, 50)
        store.forget_deleted()
        assert (tmp_path / f"{FILE}-wal").stat().st_size == 0
        assert store.count(OUTBOX) == 50


# -- crashes


@pytest.mark.parametrize(("point", "there"), [("before-commit", 0), ("after-commit", 3)])
def test_a_crash_beside_the_commit_leaves_all_or_nothing(tmp_path: Path, point: str, there: int) -> None:
    def stop_at(name: str) -> None:
        if name == point:
            raise Stop

    folder, copy = tmp_path / "data", tmp_path / "copy"
    with EdgeStore.create(folder, KEY) as store:
        store.point = stop_at
        with pytest.raises(Stop):
            filled(store, 3)
        shutil.copytree(folder, copy)  # as the disk is at that moment, the log not yet folded in

    with EdgeStore(copy, KEY) as store:
        assert store.count(OUTBOX) == there


def test_a_process_killed_while_it_writes_leaves_whole_transactions(tmp_path: Path) -> None:
    EdgeStore.create(tmp_path, KEY).close()
    code = (
        "import sys; from pathlib import Path; from adapters.keys import StoreKey; from adapters.store import *\n"
        "table = Table('pairs')\n"
        "store = EdgeStore(Path(sys.argv[1]), StoreKey.from_secret(b'k' * 32))\n"
        "for n in range(10**6):\n"
        "    with store.transaction() as tx:\n"
        "        tx.put(table, b'a%d' % n, {}); tx.put(table, b'b%d' % n, {})\n"
        "    if n == 50: print('going', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "going\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with EdgeStore(tmp_path, KEY) as store:
        keys = [key for key, _ in store.scan(Table("pairs"))]
    assert len(keys) >= 102
    assert keys == [b"%c%d" % (letter, n) for n in range(len(keys) // 2) for letter in b"ab"]


def test_a_full_disk_is_a_clear_error_and_what_was_there_stays(store: EdgeStore) -> None:
    filled(store, 2)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match="takes no commit: the disk is full"), store.transaction() as tx:
        tx.put(OUTBOX, b"large", {"x": b"x" * 100_000})
    with pytest.raises(StoreError, match="takes no commit"):
        store.probe()
    assert store.count(OUTBOX) == 2
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.probe()
    store.probe()


def test_a_table_that_is_looked_at_for_the_first_time_on_a_full_disk_is_a_clear_error(store: EdgeStore) -> None:
    filled(store, 2)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="takes no commit: the disk is full"):
        store.get(Table("pairs"), b"a")
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.get(Table("pairs"), b"a") is None


# -- against a model

KEYS, STATES = st.sampled_from([b"a", b"b", b"c"]), st.sampled_from(["waiting", "sent"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(), STATES, st.booleans()),
    st.tuples(st.just("delete"), KEYS, st.just(0), st.just(""), st.booleans()),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(STEPS, max_size=6), max_size=6))
def test_the_store_does_what_a_dict_does(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, bytes, int, str, bool]]]
) -> None:
    model: dict[bytes, tuple[int, str]] = {}
    with EdgeStore.create(tmp_path_factory.mktemp("store"), KEY) as store:
        for batch in batches:
            attempt = dict(model)
            fails = bool(batch) and batch[-1][4]
            try:
                with store.transaction() as tx:
                    for word, key, number, state, _ in batch:
                        if word == "put":
                            attempt[key] = (number, state)
                            tx.put(OUTBOX, key, {"n": number}, {"client": state.encode()}, {"state": state})
                        else:
                            attempt.pop(key, None)
                            tx.delete(OUTBOX, key)
                    if fails:
                        raise Stop  # noqa: TRY301  # as a crash would
            except Stop:
                continue
            model = attempt
        expected = [(key, {"n": number}) for key, (number, _) in model.items()]
        assert store.scan(OUTBOX) == expected
        for state in ("waiting", "sent"):
            wanted = [(key, {"n": number}) for key, (number, at) in model.items() if at == state]
            assert store.scan(OUTBOX, state) == wanted
            assert store.find(OUTBOX, "client", state.encode()) == wanted
