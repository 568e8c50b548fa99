# SPDX-FileCopyrightText: Schakel contributors
# SPDX-License-Identifier: EUPL-1.2

"""Several machines of a hub on one database that was put back: none works before every one of them was heard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import permutations
from pathlib import Path

import pytest

from deploy.compose import Hub, open_hub, open_worker
from deploy.machines import Patience
from hub.machines import NAME, UnheardError, machine_name
from hub.postgres_machines import forget, listed
from hub.recovery import LENGTH
from hub.registry import ADMITTED, SUSPENDED
from hub.store import Step, StoreError
from hub.store_postgres import PostgresStore
from schemas.canonical import decode_array
from tests.deploy.nets import wait_for
from tests.moves import new_hub, settings
from tests.postgres import cluster, name_in
from tests.store_steps import entry

FILES = ("hub.toml", "log.key", "accession.key", "accession.crt", "greatest.json", "day.keys")
AT_ONCE, PATIENT = Patience(0.0), Patience(30.0)
GP = "urn:nld:oin:00000001234567890000:gp"


class Site:
    """Three machines of one hub, and their database.  Each may work or not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.dsn = folder, cluster().bare()
        self._opened: dict[str, ExitStack] = {}
        self.entered: list[str] = []
        new_hub(folder / "a", self.dsn)
        made = self.open("a")
        made.store.commit(Step(made.store.now(), admissions=[(GP, ADMITTED, None)]))
        for one in "bc":  # as the page asks of an operator: a further machine gets these files
            (folder / one).mkdir()
            for name in FILES:
                if (folder / "a" / name).exists():
                    shutil.copy(folder / "a" / name, folder / one / name)
            self.open(one)

    def open(self, one: str, patience: Patience = PATIENT) -> Hub:
        """The hub of a machine works from now on."""
        with ExitStack() as stack:
            hub = stack.enter_context(open_hub(settings(self.folder / one), traffic=False, patience=patience))
            self.entered.append(one)
            self._opened[one] = stack.pop_all()
        return hub

    def open_together(self, names: str = "abc") -> dict[str, Hub]:
        """These begin at the same time, as each needs the others."""
        with ThreadPoolExecutor(len(names)) as pool:
            return dict(zip(names, pool.map(self.open, names), strict=True))

    def close(self, names: str = "abc") -> None:
        for one in names:
            if one in self._opened:
                self._opened.pop(one).close()

    def name(self, one: str) -> str:
        return machine_name(settings(self.folder / one).data_folder)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        return cluster().admin(statement, name_in(self.dsn))

    def copy(self) -> str:
        """A copy of the database as it is now, while nobody works with it."""
        name = name_in(self.dsn)
        end_sessions(name)
        cluster().admin(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        return f"{name}_copy"

    def put_back(self, copy: str) -> None:
        name = name_in(self.dsn)
        end_sessions(name)
        cluster().admin(f"ALTER DATABASE {name} RENAME TO {name}_gone")
        cluster().admin(f"ALTER DATABASE {copy} RENAME TO {name}")

    def yesterday(self) -> tuple[int, int]:
        """The database is put back; number and size of the newest checkpoint.  c saw nothing since the copy, b some of it
        and a everything, a suspension too."""
        self.close()
        copy = self.copy()
        hubs = self.open_together()
        self.close("c")
        grow(hubs["b"], "seen", "by b")
        self.close("b")
        hubs["a"].exchange.set_state(GP, SUSPENDED)
        grow(hubs["a"], "seen", "by a", "alone")
        self.close("a")
        kept = hubs["a"].log.greatest.kept.checkpoint
        assert kept is not None
        self.put_back(copy)
        self.entered.clear()
        return hubs["a"].log.number_of(kept), kept.size


def end_sessions(name: str) -> None:
    cluster()._let_go()
    cluster().admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster().admin("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'schakel'")
    cluster().admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def grow(hub: Hub, *names: str) -> None:
    """More entries, and a checkpoint that was shown."""
    now = hub.store.now() + 6_000
    hub.store.commit(Step(now, entries=[entry(name) for name in names]))
    hub.log.checkpoint(now + 6_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def newest_seen(hub: Hub) -> tuple[int, int]:
    began = hub.exchange.recovery()
    assert began is not None, "the log is not of a recovery"
    number, size = decode_array(began.record, LENGTH)[4:6]
    return number, size  # type: ignore[return-value]


# -- who is waited for


def test_machines_that_work_vouch_for_those_that_are_away(site: Site) -> None:
    site.close("abc")
    site.open_together()
    site.close("bc")
    for one in "bc":
        site.open(one, Patience(5.0))
        site.close(one)
    assert [(found.name, found.awaited) for found in listed(site.dsn)] == [(site.name(one), False) for one in "abc"]


def test_when_nobody_works_every_machine_is_waited_for_and_the_sentence_says_what_to_do(site: Site) -> None:
    site.close()
    with pytest.raises(UnheardError) as told:
        site.open("b", AT_ONCE)
    assert told.value.machines == tuple(sorted((site.name("a"), site.name("c"))))
    assert f"`schakel hub machines --without {told.value.machines[0]}`" in str(told.value)
    assert "Start the hub there" in str(told.value)
    assert {one.name for one in listed(site.dsn) if one.awaited} == {site.name("a"), site.name("c")}


def test_a_machine_that_a_person_gives_up_is_not_waited_for_and_is_on_the_list_again_when_it_comes(site: Site) -> None:
    site.close()
    assert forget(site.dsn, site.name("a"))
    assert not forget(site.dsn, site.name("a"))
    site.open_together("bc")
    assert {one.name for one in listed(site.dsn)} == {site.name("b"), site.name("c")}
    site.open("a")
    assert {one.name for one in listed(site.dsn)} == {site.name(one) for one in "abc"}


def test_a_worker_waits_as_a_gateway_does_and_nobody_waits_for_it(site: Site) -> None:
    site.close()
    config = settings(site.folder / "b")
    with pytest.raises(UnheardError), open_worker(config, patience=AT_ONCE):
        pass
    for one in "ac":
        forget(site.dsn, site.name(one))
    with open_worker(config, patience=AT_ONCE):
        assert [one.name for one in listed(site.dsn)] == [site.name("b")]


# -- a connection that was lost


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[PostgresStore]]:
    """Two machines that were heard."""
    dsn = cluster().bare()
    PostgresStore.create(dsn)
    made = [PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000) for _ in range(2)]
    for store, name in zip(made, ("a-00000001", "b-00000002"), strict=True):
        store.join(name)
    hear(made)
    yield made
    for store in made:
        store.close()


def hear(stores: list[PostgresStore]) -> None:
    for _ in range(2):
        for store in stores:
            store.hear()


def test_a_new_connection_is_used_for_nothing_before_every_machine_was_heard(stores: list[PostgresStore]) -> None:
    stores[0].commit(Step(5, entries=[entry("a")]))
    end_sessions(name_in(stores[0]._dsn))
    with pytest.raises(StoreError, match="in doubt"):
        stores[0].commit(Step(6))
    for _ in range(3):
        with pytest.raises(UnheardError, match="missing: b-00000002"):
            stores[0].commit(Step(6, entries=[entry("b")]))
        with pytest.raises(UnheardError):
            stores[0].head()
    with pytest.raises(StoreError):
        stores[1].head()
    hear(stores)
    assert stores[0].commit(Step(6, entries=[entry("b")])) == 1


def test_who_is_waited_for_does_not_vouch_for_others(stores: list[PostgresStore], tmp_path: Path) -> None:
    """A third one knows what nobody else does, and is away: two that wait for it don't let each other through."""
    dsn = stores[0]._dsn
    with closing(PostgresStore(dsn, tmp_path / "day.keys", lambda: 1_000)) as third:
        third.join("c-00000003")
        hear([third, *stores])
    end_sessions(name_in(dsn))
    for _ in range(2):
        for store in stores:
            with pytest.raises(StoreError):
                store.head()
    hear(stores)
    assert [store.hear().missing for store in stores] == [("c-00000003",)] * 2
    with pytest.raises(UnheardError, match="missing: c-00000003. Start the hub there"):
        stores[0].head()


def test_an_answer_that_the_copy_holds_is_no_answer(stores: list[PostgresStore]) -> None:
    name = name_in(stores[0]._dsn)
    end_sessions(name)
    cluster().admin(f"CREATE DATABASE {name}_old TEMPLATE {name}")
    cluster().admin(f"ALTER DATABASE {name} RENAME TO {name}_gone")
    cluster().admin(f"ALTER DATABASE {name}_old RENAME TO {name}")
    for _ in range(2):
        with pytest.raises(StoreError, match="in doubt|missing: b-00000002"):
            stores[0].head()
    with pytest.raises(UnheardError):
        stores[0].head()


def test_a_database_that_goes_back_under_a_connection_that_lasts_is_refused(stores: list[PostgresStore]) -> None:
    stores[0].commit(Step(5, entries=[entry("a")]))
    stores[0].head()
    cluster().admin("UPDATE schakel.head SET size = 0", name_in(stores[0]._dsn))
    with pytest.raises(StoreError, match="lacks entries that it had"):
        stores[0].head()
    assert stores[0].refuses


# -- the database of yesterday


@pytest.mark.parametrize("order", ["".join(one) for one in permutations("abc")])
def test_nobody_works_in_yesterdays_database_and_the_newest_that_any_machine_saw_is_on_record(
    site: Site, order: str
) -> None:
    """They start in any order, and the last one late."""
    greatest = site.yesterday()
    with ThreadPoolExecutor(3) as pool:
        opening = {}
        for place, one in enumerate(order):
            wait_for(lambda asked=place: site.ask("SELECT count(*) FROM schakel.question") == [(asked,)])  # type: ignore[misc]
            assert site.entered == [], "a machine works before every one was heard"
            opening[one] = pool.submit(site.open, one)
        hubs = {one: found.result() for one, found in opening.items()}
    assert len({hub.log.number for hub in hubs.values()}) == 1
    assert newest_seen(hubs["a"]) == greatest
    # Suspended when a worked alone: it stays so, whoever began the recovery.
    assert hubs["c"].exchange.partners().by_address[GP].state == SUSPENDED


def test_a_machine_that_knows_less_changes_nothing_in_yesterdays_database(site: Site) -> None:
    site.yesterday()
    size = site.ask("SELECT size FROM schakel.head")
    with pytest.raises(UnheardError):
        site.open("c", AT_ONCE)
    assert site.ask("SELECT size FROM schakel.head") == size


def test_a_machine_that_was_given_up_and_saw_more_begins_a_recovery_when_it_comes(site: Site) -> None:
    greatest = site.yesterday()
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(site.open_together, "bc")
        wait_for(lambda: {one.name for one in listed(site.dsn) if one.awaited} == {site.name("a")})
        forget(site.dsn, site.name("a"))
        assert newest_seen(opening.result()["b"]) < greatest
    late = site.open("a")
    assert newest_seen(late) == greatest
    assert late.exchange.partners().by_address[GP].state == SUSPENDED


def test_once_everybody_was_heard_no_start_begins_another_recovery(site: Site) -> None:
    site.yesterday()
    numbers = []
    for _ in range(3):
        numbers.append({hub.log.number for hub in site.open_together().values()})
        site.close()
    assert numbers[1:] == numbers[:-1]


def test_a_database_of_before_a_machine_joined_waits_for_all_that_it_knows_of(site: Site) -> None:
    """The copy is of when the hub had one machine."""
    site.close()
    site.ask("DELETE FROM schakel.machine")
    with pytest.raises(UnheardError) as told:
        site.open("b", AT_ONCE)
    assert told.value.machines == tuple(sorted((site.name("a"), site.name("c"))))


def test_what_one_machine_bars_the_file_of_another_knows(site: Site) -> None:
    site.close("bc")
    one, two = site.open("b"), site.open("c")
    one.exchange.set_state(GP, SUSPENDED)
    two.log.keep_head()
    assert (two.log.greatest.kept.barred, two.log.greatest.kept.admitted) == ({GP: SUSPENDED}, (GP,))
    one.exchange.set_state(GP, ADMITTED)
    two.log.keep_head()
    assert two.log.greatest.kept.barred == {}


# -- names


def test_a_machine_has_one_name_and_another_folder_another(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    names = [machine_name(tmp_path / folder) for folder in ("a", "a", "b")]
    assert names[0] == names[1] != names[2]
    assert all(NAME.fullmatch(one) for one in names)


def test_processes_that_begin_together_give_a_machine_one_name(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: machine_name(tmp_path), range(8)))
    assert len(names) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


@pytest.mark.parametrize(
    "content", [b"", b"a", b"A-00000001", b"a-00000001\n\n", b"a;b-00000001", b"\xff", b"a" * 1_000_000]
)
def test_a_name_that_is_none_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "machine").write_bytes(content)
    with pytest.raises(StoreError, match="name of this machine can't be read|no name of a machine; remove the file"):
        machine_name(tmp_path)
